// Places in memory, and how lanes and scalar loads reach them. Shared by the files of memory instructions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/amd/wave/context.h"
#include "sim/amd/wave/semantics.h"
#include "sim/amd/wave/transfer.h"

namespace doorbell::sim::amd {

enum class Space : uint8_t { global, scratch, lds };

// What a lane reaches: `address` is a GPU address, or an offset within scratch or LDS.
struct Where {
  uint64_t address;
  Space space;
};

// What the enabled lanes of an instruction reach.
struct Addresses {
  alignas(64) uint64_t at[64];
  uint64_t exec;                  // lanes that reach memory
  uint64_t zero = 0;              // lanes out of a buffer's range: they load 0 and store nothing
  uint64_t partial = 0;           // lanes of which only the first dwords are in range,
  uint8_t inside[64];             // ... so many
  uint64_t lds = 0, scratch = 0;  // lanes in these spaces; the others are global

  [[nodiscard]] Space space(uint32_t lane) const {
    return lds >> lane & 1 ? Space::lds : scratch >> lane & 1 ? Space::scratch : Space::global;
  }
};
// False if the wave stops for what it found: an address that nobody wrote.
bool addresses(Wave&, const Instruction&, const Transfer&, Addresses&);

// The host memory behind a GPU address, or null after a report; `stop` then says whether the wave stops for
// it.
std::byte* reach(Wave&, const Instruction&, int lane, uint64_t va, uint64_t bytes, bool write, bool& stop,
                 const Region** which = nullptr);
// After an access. False if the wave stops for it: the memory's owner has unmapped it meanwhile.
bool still_there(Wave&, const Instruction&, int lane, uint64_t va, unsigned bytes, bool write);
// True if the aligned dword at `va` and a neighbour of it are marked as never written.
bool hole(const Region& region, uint64_t va);
// Scratch is interleaved by dwords: dword i of every lane lies together.
inline uint64_t scratch_address(const Wave& w, uint32_t lane, uint64_t offset) {
  return w.scratch + (offset >> 2) * 4 * w.stride + 4 * lane + (offset & 3);
}

// What a stale read is told by.
std::string stale_text(const Caches::Stale& stale);

// One lane's element of up to 16 bytes; `known` has a bit for each dword of it. False if the wave stops.
bool load(Wave&, const Instruction&, uint32_t lane, Where, unsigned bytes, uint32_t* to, uint32_t& known);
bool store(Wave&, const Instruction&, uint32_t lane, Where, unsigned bytes, const uint32_t* from,
           uint32_t known);

// A scalar operand that becomes part of an address. False if the wave stops.
bool scalar_base(Wave&, const Instruction&, int index, unsigned dwords, uint64_t& value);
bool address_known(Wave&, const Instruction&, uint64_t exec);

// A buffer descriptor (V#): RDNA2 ISA 8.1.5, RDNA3 ISA 9.1.5.
struct Resource {
  uint64_t base = 0;
  uint32_t stride = 0, records = 0, index_stride = 0, element = 0, oob = 0, format = 0, select = 0;
  bool swizzle = false, add_tid = false;
};
bool resource(Wave&, const Instruction&, int index, Resource&);

inline void set_lane(Wave& w, uint32_t vgpr, uint32_t lane, uint32_t value, bool known) {
  w.vgpr(vgpr)[lane] = value;
  uint64_t bit = uint64_t{1} << lane;
  w.valid[vgpr] = known ? w.valid[vgpr] | bit : w.valid[vgpr] & ~bit;
}

// Where the lanes of a FLAT instruction went.
struct Parts {
  bool lds = true, memory = true;
};
// Counts the instruction, and remembers what it fills. FLAT raises both counters whatever its addresses turn
// out to be, but the data of lanes that went to LDS are there when lgkmcnt says so, and those of the others
// when vmcnt does: AMD's own copy kernels (ROCr-Runtime, amd_blit_kernel.cpp) wait for vmcnt alone between
// flat_load and flat_store.
void count(Wave&, doorbell::amd::Format, int first, unsigned dwords, bool stores, Parts parts = {});

// The handler of a buffer instruction that converts formats, or (`lds`, or by its name) loads to LDS; null of
// others.
Run buffer_run(const doorbell::amd::Row&, bool lds);

}  // namespace doorbell::sim::amd
