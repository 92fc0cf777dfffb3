// What the waves of one dispatch share on one host thread, and what they need of the world.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "codegen/isa/amd/amd.h"
#include "sim/amd/caches.h"
#include "sim/amd/dispatch.h"
#include "sim/amd/gpu.h"
#include "sim/amd/wave/hazards.h"
#include "sim/amd/wave/watch.h"
#include "sim/amd/wave/wave.h"

namespace doorbell::sim::amd {

// A constant of up to 64 bits in every lane.
struct alignas(64) LaneConstant {
  uint32_t word[128];
};

// Decoded code of one address space for one target, of one thread. Blocks stay valid as long as memory holds
// the bytes they were decoded from, which is checked when a block is first met in an epoch: each dispatch and
// each s_icache_inv begins one.
class CodeCache {
 public:
  explicit CodeCache(doorbell::amd::Target target) : target_(target), hazards_(target) {}
  [[nodiscard]] doorbell::amd::Target target() const { return target_; }
  // `fetched`: the instruction cache holds what was fetched in an epoch with that number.
  void begin_epoch(uint64_t fetched) {
    ++epoch_;
    fetched_ = fetched;
  }
  // Throws away what is cached if it has become much. Only while no wave runs.
  void trim();

  // The block at `pc`, or null: then `missing` says why.
  struct Missing {
    enum Kind : uint8_t { fetch, illegal, stale } kind = fetch;
    uint64_t address = 0;
    std::string text;
  };
  // `judge`: code that has changed, but may still be in the instruction cache, is missing as stale.
  Block* find(const Vm::Reader& reader, uint64_t pc, bool judge, Missing& missing);
  [[nodiscard]] bool fresh(const Block& block) const { return block.checked == epoch_; }
  // What a fresh block does to the rules of hazards.h.
  const Hazards::Edge& hazards(const Block& block, uint32_t state);
  // Those of a fresh block; while a dispatch runs.
  [[nodiscard]] std::span<const doorbell::amd::Inst> instructions(const Block& block) const {
    return at_.at(block.pc)->insts;
  }

  // Executions of each row since the last call, added to `counts` (one per row of the instruction table).
  void take_counts(std::vector<uint64_t>& counts);

 private:
  struct Code {
    Block block;
    std::vector<Instruction> instructions;
    std::vector<doorbell::amd::Inst> insts;
    std::vector<uint16_t> rows;  // of all of its instructions, hints and halves of pairs included
    std::deque<LaneConstant> constants;
    std::vector<std::byte> bytes;
    std::vector<uint32_t> offsets;            // of insts, in bytes
    std::map<uint32_t, Hazards::Edge> edges;  // by the state on entry
    uint64_t fetched = 0;
  };
  bool still(const Vm::Reader& reader, Code& code) const;

  doorbell::amd::Target target_;
  Hazards hazards_;
  uint64_t epoch_ = 1, fetched_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<Code>> at_;
  std::vector<std::unique_ptr<Code>> stale_;  // successors may still point at them
};

// A workgroup that is resident.
struct Group {
  uint32_t id[3] = {};
  std::vector<std::unique_ptr<Wave>> waves;
  std::vector<uint32_t> lds;       // dwords
  std::vector<uint8_t> lds_known;  // of each dword: somebody wrote it
  bool lds_holes = false;  // data that nobody wrote was stored: what holds fresh_word is no longer all
  uint32_t lds_bytes = 0;
  uint32_t running = 0;  // waves that have not ended
  uint32_t at_barrier = 0;
  uint64_t barrier_pc = 0;
  Caches::Unit* caches = nullptr;  // of the workgroup processor; null: nobody asks for stale data
};

struct Context {
  Context(const Gpu& gpu_, Vm& vm, const Dispatch& dispatch_, const Surroundings& surroundings_)
      : gpu(gpu_), reader(vm), dispatch(dispatch_), surroundings(surroundings_) {}

  const Gpu& gpu;
  Vm::Reader reader;
  const Dispatch& dispatch;
  const Surroundings& surroundings;
  CodeCache* code = nullptr;
  Fault fault;  // the first one
  Watch watch;
  Caches* caches = nullptr;
  std::unique_ptr<Caches::Thread> lines;

  // The regions met last.
  std::array<const Region*, 4> regions{};
  uint32_t next_region = 0;

  [[nodiscard]] const Region* region(uint64_t va, uint64_t bytes) {
    for (const Region* known : regions) {
      if (known && known->covers(va, bytes)) return known;
    }
    const Region* found = reader.find(va);
    if (found) regions[next_region++ % regions.size()] = found;
    return found && found->covers(va, bytes) ? found : nullptr;
  }
  void forget_regions() { regions = {}; }
  [[nodiscard]] bool on(Check check) const { return dispatch.strict.on(check); }
  [[nodiscard]] bool gfx10() const { return gpu.arch == doorbell::amd::Arch::gfx1030; }
};

// Which of the two compute units of its workgroup processor the wave is on (RSRC1.WGP_MODE).
inline unsigned compute_unit(const Wave& w) { return w.context->dispatch.rsrc1 >> 29 & w.id & 1; }

// Passes a fault that does not stop anything on to whoever listens.
void report(const Surroundings& surroundings, const Fault& fault);

// Runs the wave until it stops or has executed `budget` instructions (then Stop::none).
Stop execute(Wave&, uint64_t budget);

}  // namespace doorbell::sim::amd
