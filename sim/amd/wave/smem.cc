// Scalar loads. Sources: RDNA2 ISA and RDNA3 ISA, chapter "Scalar Memory Operations".
#include <algorithm>
#include <cstring>

#include "sim/amd/wave/memory.h"

namespace doorbell::sim::amd {
namespace {

bool scalar_load(Wave& w, const Instruction& s) {
  uint64_t base = 0, add = 0;
  bool buffer = s.reach.descriptor >= 0;
  if (!scalar_base(w, s, s.reach.offset, 1, add)) return false;
  uint64_t offset = add + static_cast<uint64_t>(static_cast<int64_t>(s.inst->mods.offset));
  unsigned dwords = s.d_dwords;
  uint64_t limit = ~uint64_t{0};
  if (buffer) {
    Resource r;
    if (!resource(w, s, s.reach.descriptor, r)) return false;
    base = r.base;
    limit = r.stride ? static_cast<uint64_t>(r.stride) * r.records : r.records;
  } else if (!scalar_base(w, s, s.reach.scalar, 2, base)) {
    return false;
  }
  uint64_t address = (base + offset) & ~uint64_t{3};  // the low bits are ignored
  bool stop = false;
  const Region* region = nullptr;
  uint32_t value[16] = {}, known = 0xffff;
  if (!buffer || offset + 4 <= limit) {
    unsigned inside =
        buffer ? static_cast<unsigned>(std::min<uint64_t>(dwords, (limit - offset) / 4)) : dwords;
    const std::byte* p = reach(w, s, no_lane, address, inside * 4, false, stop, &region);
    if (!p && stop) return false;
    if (p) {
      if (w.context->watch.on) w.context->watch.read(w, s, no_lane, address, *region, false);
      std::memcpy(value, p, inside * 4);
      bool cached =
          region->kind != MemoryKind::doorbell && region->kind != MemoryKind::mmio && !s.inst->mods.glc;
      const Caches::Stale* stale =
          w.group->caches && cached ? w.group->caches->scalar_load(address, p, inside * 4) : nullptr;
      if (stale && !violates_at(w, s, Check::stale_read, stale_text(*stale), no_lane, address, false))
        return false;
      for (unsigned i = 0; i < inside; ++i) {
        if (hole(*region, address + 4 * i)) known &= ~(1u << i);
      }
      if (!still_there(w, s, no_lane, address, inside * 4, false)) return false;
    }
  }
  for (unsigned i = 0; i < dwords; ++i) {
    w.s[s.d + i] = value[i];
    w.sv[s.d + i] = known >> i & 1 ? ~uint32_t{0} : 0;
    w.smem_due[s.d + i] = 1;
  }
  ++w.smem;
  w.outstanding = 1;
  return true;
}

constexpr RunRow rows[] = {
    {"s_load_b32", scalar_load},         {"s_load_b64", scalar_load},
    {"s_load_b128", scalar_load},        {"s_load_b256", scalar_load},
    {"s_load_b512", scalar_load},        {"s_buffer_load_b32", scalar_load},
    {"s_buffer_load_b64", scalar_load},  {"s_buffer_load_b128", scalar_load},
    {"s_buffer_load_b256", scalar_load}, {"s_buffer_load_b512", scalar_load},
};

}  // namespace

std::span<const RunRow> smem_rows() { return rows; }

}  // namespace doorbell::sim::amd
