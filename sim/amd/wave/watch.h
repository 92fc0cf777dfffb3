// Whether a wave can ever do anything but what it does. A wave is a deterministic machine: where it comes
// back to the same registers at the same instruction, and neither it nor anybody else has changed memory
// meanwhile, it will come back for ever. Registers on which nothing depends may differ (liveness.h). That is
// a hang, however short its run was; and a long computation is none, however long it takes.
//
// What a wave that repeats reads from memory says who could still wake it:
//   nothing    nobody
//   memory     whoever writes there. The host does so between kernels only: memory that it shares with a
//              kernel that runs is uncached (KFD: ALLOC_MEM_FLAGS_COHERENT), and is read past the caches
//   shared     the host, at any time
// Its own scratch is nobody else's, and counts as registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "sim/amd/vm.h"

namespace doorbell::sim::amd {

struct Wave;
struct Instruction;
struct Block;
enum class Stop : uint8_t;

// Of the waves of one thread, while one of them is watched.
struct Watch {
  bool on = false;
  // What was changed that others see, or differs each time: memory, messages, clocks.
  uint64_t changes = 0;
  std::map<std::byte*, uint32_t> scratch;  // dwords of scratch that were written, and what they held before

  enum class Reads : uint8_t { nothing, memory, shared } reads = Reads::nothing;
  bool cached_shared = false, invalidates = false;  // both: shared
  // One of the reads, for people.
  Wave* wave = nullptr;
  const Block* block = nullptr;
  const Instruction* at = nullptr;
  int lane = 0;
  uint64_t address = 0;

  // A load or an atomic, while `on`.
  void read(Wave&, const Instruction&, int lane, uint64_t va, const Region&, bool past_caches);
  // Before `bytes` at `to` become those at `from`.
  void write(const Wave&, uint64_t va, std::byte* to, const void* from, unsigned bytes);
  void forget_reads() { reads = Reads::nothing, cached_shared = invalidates = false, at = nullptr; }
  [[nodiscard]] Reads reads_from() const { return cached_shared && invalidates ? Reads::shared : reads; }
};

struct Watched {
  Stop stop;             // as execute() returned it
  bool repeats = false;  // the wave is where it was, and nothing else has changed
};

// Runs the wave until it repeats, changes something, stops, or has executed `budget` instructions.
Watched watch(Wave&, uint64_t budget);

}  // namespace doorbell::sim::amd
