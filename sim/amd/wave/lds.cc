// LDS instructions that are no loads, stores or atomics: lanes trade values through its crossbar, or a wave
// counts. Sources: RDNA2 ISA and RDNA3 ISA, "LDS Instruction Details", DS_SWIZZLE_B32, DS_PERMUTE_B32,
// DS_APPEND.
#include <bit>
#include <cstring>

#include "sim/amd/wave/memory.h"

namespace doorbell::sim::amd {
namespace {

// Within halves of 32 lanes.
bool permute(Wave& w, const Instruction& s, bool backward) {
  auto d = static_cast<uint32_t>(s.reach.d);
  auto x = static_cast<uint32_t>(s.reach.data);
  uint64_t exec = w.exec();
  if (!address_known(w, s, exec)) return false;
  uint32_t out[64] = {};
  uint64_t known = ~uint64_t{0};
  const uint32_t* address = w.vgpr(static_cast<uint32_t>(s.reach.address));
  const uint32_t* value = w.vgpr(x);
  for (uint32_t lane = 0; lane < w.stride; ++lane) {
    if (!(exec >> lane & 1)) continue;
    uint32_t other = (lane & 32) | ((address[lane] + static_cast<uint32_t>(s.inst->mods.offset)) / 4 & 31);
    uint32_t to = backward ? lane : other, from = backward ? other : lane;
    if (backward && !(exec >> from & 1)) continue;
    out[to] = value[from];
    uint64_t bit = uint64_t{1} << to;
    known = w.valid[x] >> from & 1 ? known | bit : known & ~bit;
  }
  for (uint32_t lane = 0; lane < w.stride; ++lane) {
    if (exec >> lane & 1) set_lane(w, d, lane, out[lane], known >> lane & 1);
  }
  count(w, doorbell::amd::Format::ds, s.reach.d, 1, false);
  return true;
}
bool ds_permute(Wave& w, const Instruction& s) { return permute(w, s, false); }
bool ds_bpermute(Wave& w, const Instruction& s) { return permute(w, s, true); }

uint32_t reversed5(uint32_t x) {
  uint32_t out = 0;
  for (int i = 0; i < 5; ++i) out |= (x >> i & 1) << (4 - i);
  return out;
}

// offset: 0xe000 and up: FFT; 0xc000: rotate; bit 15: quad permutation; else and, or, xor masks on the lane
// number.
bool ds_swizzle(Wave& w, const Instruction& s) {
  auto d = static_cast<uint32_t>(s.reach.d);
  auto x = static_cast<uint32_t>(s.reach.data >= 0 ? s.reach.data : s.reach.address);
  auto offset = static_cast<uint32_t>(s.inst->mods.offset);
  uint64_t exec = w.exec(), valid = w.valid[x];
  uint32_t copy[64];
  std::memcpy(copy, w.vgpr(x), w.stride * 4);
  for (uint32_t lane = 0; lane < w.stride; ++lane) {
    if (!(exec >> lane & 1)) continue;
    uint32_t in = lane & 31, from = 0;
    if (offset >= 0xe000) {
      uint32_t mask = offset & 31;
      from = (reversed5(in) >> std::popcount(mask)) | (in & mask);
    } else if (offset >= 0xc000) {
      uint32_t by = offset >> 5 & 31, keep = offset & 31;
      from =
          offset >> 10 & 1 ? (in & keep) | ((in - by) & ~keep & 31) : (in & keep) | ((in + by) & ~keep & 31);
    } else if (offset & 0x8000) {
      from = (in & ~3u) | (offset >> 2 * (in & 3) & 3);
    } else {
      from = ((in & (offset & 31)) | (offset >> 5 & 31)) ^ (offset >> 10 & 31);
    }
    from |= lane & 32;
    bool readable = exec >> from & 1;
    set_lane(w, d, lane, readable ? copy[from] : 0, !readable || (valid >> from & 1));
  }
  count(w, doorbell::amd::Format::ds, s.reach.d, 1, false);
  return true;
}

// Adds the number of enabled lanes to one dword of LDS, or subtracts it; every lane gets the old value.
bool append(Wave& w, const Instruction& s, bool up) {
  auto d = static_cast<uint32_t>(s.reach.d);
  uint64_t exec = w.exec();
  if (exec != 0) {
    Where at{(w.s[reg::m0] & 0xffff) + static_cast<uint64_t>(s.inst->mods.offset), Space::lds};
    auto lane = static_cast<uint32_t>(std::countr_zero(exec));
    uint32_t value[4] = {}, known = 0;
    if (!load(w, s, lane, at, 4, value, known)) return false;
    auto lanes = static_cast<uint32_t>(std::popcount(exec));
    uint32_t now = up ? value[0] + lanes : value[0] - lanes;
    if (!store(w, s, lane, at, 4, &now, known)) return false;
    for (uint64_t left = exec; left; left &= left - 1) {
      set_lane(w, d, static_cast<uint32_t>(std::countr_zero(left)), value[0], known & 1);
    }
  }
  count(w, doorbell::amd::Format::ds, s.reach.d, 1, false);
  return true;
}
bool ds_append(Wave& w, const Instruction& s) { return append(w, s, true); }
bool ds_consume(Wave& w, const Instruction& s) { return append(w, s, false); }

bool ds_nop(Wave&, const Instruction&) { return true; }

// Two dwords; each is replaced by 31 bits of data if the data's top bit is set.
bool ds_condxchg32(Wave& w, const Instruction& s) {
  auto d = static_cast<uint32_t>(s.reach.d);
  auto x = static_cast<uint32_t>(s.reach.data);
  uint64_t exec = w.exec();
  if (!address_known(w, s, exec)) return false;
  for (uint64_t left = exec; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(std::countr_zero(left));
    uint64_t address =
        (w.vgpr(static_cast<uint32_t>(s.reach.address))[lane] + static_cast<uint32_t>(s.inst->mods.offset)) &
        0xfff8;
    for (unsigned i = 0; i < 2; ++i) {
      Where at{address + 4 * i, Space::lds};
      uint32_t old[4] = {}, known = 0, data = w.vgpr(x + i)[lane];
      if (!load(w, s, lane, at, 4, old, known)) return false;
      if (data >> 31) {
        data &= 0x7fffffff;
        if (!store(w, s, lane, at, 4, &data, 1)) return false;
      }
      set_lane(w, d + i, lane, old[0], known & 1);
    }
  }
  count(w, doorbell::amd::Format::ds, s.reach.d, 2, false);
  return true;
}

constexpr RunRow rows[] = {
    {"ds_permute_b32", ds_permute},
    {"ds_bpermute_b32", ds_bpermute},
    {"ds_swizzle_b32", ds_swizzle},
    {"ds_append", ds_append},
    {"ds_consume", ds_consume},
    {"ds_nop", ds_nop},
    {"ds_condxchg32_rtn_b64", ds_condxchg32},
};

}  // namespace

std::span<const RunRow> lds_rows() { return rows; }

}  // namespace doorbell::sim::amd
