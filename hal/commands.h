// Commands: the vendor-neutral list that a queue encodes, and the patch table with which a list that was
// encoded once is submitted again with other arguments, grid sizes and timeline values.
//
// Threads: a Commands is a value of one thread.
// Lifetime: it points to the programs and signals it names; they must outlive it and what was recorded from
// it. Order: commands of one queue start in order. Dispatches and copies between two barriers may overlap; a
// barrier waits for all before it and makes their writes visible to all after it. wait holds back everything
// after it. signal and timestamp take effect when everything before them is finished.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "hal/base/units.h"
#include "hal/program.h"
#include "hal/signal.h"

namespace doorbell {

class Program;

// Who must see the writes before a signal, or whose writes must be seen after a wait. Drivers derive their
// cache flushes from it.
enum class Scope : uint8_t { queue, device, system };

using Grid = std::array<uint32_t, 3>;  // workgroups along x, y, z; a zero anywhere runs none

// constant + sum of scale * values[variable], modulo 2^64. The values are given at submission and may stand
// for anything that changes: symbols, addresses, timeline values, and what is not affine in those (a
// rounded-up quotient, say), computed by the caller once per submission.
struct Affine {
  struct Term {
    uint32_t variable;
    uint64_t scale;
  };
  uint64_t constant = 0;
  std::vector<Term> terms;

  static Affine variable(uint32_t index, uint64_t scale = 1, uint64_t constant = 0) {
    return {constant, {{index, scale}}};
  }
  [[nodiscard]] uint64_t evaluate(std::span<const uint64_t> values) const {
    uint64_t sum = constant;
    for (const Term& term : terms) sum += term.scale * values[term.variable];
    return sum;
  }
};

// The places of a command that a patch may rewrite. Width: grid axes are 4 bytes, all else 8.
enum class Field : uint8_t { argument, grid, value, to, from, bytes };

struct Patch {
  uint32_t command;  // index into Commands::list()
  Field field;
  uint32_t index;  // slot of the argument, axis of the grid, else 0
  Affine value;
};

struct WaitCommand {
  const Signal* signal;
  uint64_t value;
  Scope scope;
};
struct BarrierCommand {};
struct DispatchCommand {
  const Program* program;
  Grid grid;
  uint32_t first_argument;  // index into Commands::arguments()
};
struct CopyCommand {
  GpuAddr to, from;
  Bytes bytes;
};
struct TimestampCommand {
  GpuAddr to;  // 8 bytes, 8-byte aligned; receives the device's Ticks
};
struct SignalCommand {
  const Signal* signal;
  uint64_t value;
  Scope scope;
};
using Command =
    std::variant<WaitCommand, BarrierCommand, DispatchCommand, CopyCommand, TimestampCommand, SignalCommand>;

class Commands {
 public:
  Commands& wait(const Signal& signal, uint64_t value, Scope scope = Scope::device);
  Commands& barrier();
  // Carries a copy of the argument block: one slot per argument of the program.
  Commands& dispatch(const Program& program, Grid grid, std::span<const uint64_t> arguments);
  // The two ranges must not overlap.
  Commands& copy(GpuAddr to, GpuAddr from, Bytes bytes);
  Commands& timestamp(GpuAddr to);
  // Values must rise; the waits and signals of one list may name the same signal several times.
  Commands& signal(const Signal& signal, uint64_t value, Scope scope = Scope::system);

  // Makes a place of the command recorded last the value of `affine` at each submission. A field that the
  // command does not have is a bug of the caller.
  Commands& patch(Field field, uint32_t index, Affine affine);
  Commands& patch_argument(uint32_t slot, Affine affine) {
    return patch(Field::argument, slot, std::move(affine));
  }
  Commands& patch_grid(uint32_t axis, Affine affine) { return patch(Field::grid, axis, std::move(affine)); }
  Commands& patch_value(Affine affine) { return patch(Field::value, 0, std::move(affine)); }

  [[nodiscard]] std::span<const Command> list() const { return list_; }
  [[nodiscard]] std::span<const uint64_t> arguments() const { return arguments_; }
  [[nodiscard]] std::span<const Patch> patches() const { return patches_; }
  // How many values a submission must give: one more than the highest variable that a patch names.
  [[nodiscard]] size_t variables() const { return variables_; }

  // One line per command, patches included: what DEBUG=7 prints.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Command> list_;
  std::vector<uint64_t> arguments_;
  std::vector<Patch> patches_;
  size_t variables_ = 0;
};

}  // namespace doorbell
