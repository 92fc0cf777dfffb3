// Vector instructions whose lanes see each other, or that move single lanes. Semantics: RDNA2 ISA and RDNA3
// ISA, chapter "Instructions", the rows' names; gfx10's and gfx11's v_permlane*.
#include "sim/amd/wave/context.h"
#include "sim/amd/wave/semantics.h"

namespace doorbell::sim::amd {
namespace {

// A scalar source, and whether it is known as a lane is.
uint32_t read(const Wave& w, const Place& p, bool& known) {
  switch (p.kind) {
    case Place::scalar: known &= w.lane_known(p.index); return w.s[p.index];
    case Place::constant: return static_cast<uint32_t>(p.value);
    case Place::scc: return w.scc;
    case Place::vccz: return w.mask(reg::vcc) == 0;
    case Place::execz: return w.exec() == 0;
    default: return 0;
  }
}

void write_scalar(Wave& w, uint16_t index, uint32_t value, bool known) {
  w.s[index] = value;
  w.sv[index] = known ? ~uint32_t{0} : 0;
}

bool lane_known(const Wave& w, uint16_t vgpr, uint32_t lane) { return w.valid[vgpr] >> lane & 1; }
void set_lane(Wave& w, uint16_t vgpr, uint32_t lane, uint32_t value, bool known) {
  w.vgpr(vgpr)[lane] = value;
  uint64_t bit = uint64_t{1} << lane;
  w.valid[vgpr] = known ? w.valid[vgpr] | bit : w.valid[vgpr] & ~bit;
}

bool lane_selector(Wave& w, const Instruction& s, const Place& p, uint32_t& lane) {
  bool known = true;
  lane = read(w, p, known) & (w.stride - 1);
  return known || violates(w, s, Check::invalid_scalar, "the lane selector is data that nobody wrote");
}

// What a lane holds becomes a scalar's value. The mark of fresh memory alone among data that was loaded with
// it counts as data there (vm.h); here, where it would be merged with masks and lose its shape, as fresh.
void lane_to_scalar(Wave& w, const Instruction& s, uint32_t lane) {
  uint32_t value = w.vgpr(s.s[0].index)[lane];
  write_scalar(w, s.d, value, lane_known(w, s.s[0].index, lane) && value != fresh_word);
}

// The first lane of exec, or lane 0.
bool readfirstlane(Wave& w, const Instruction& s) {
  uint64_t exec = w.exec();
  uint32_t lane = exec ? static_cast<uint32_t>(__builtin_ctzll(exec)) : 0;
  lane_to_scalar(w, s, lane);
  return true;
}

bool readlane(Wave& w, const Instruction& s) {
  uint32_t lane = 0;
  if (!lane_selector(w, s, s.s[1], lane)) return false;
  lane_to_scalar(w, s, lane);
  return true;
}

bool writelane(Wave& w, const Instruction& s) {
  uint32_t lane = 0;
  if (!lane_selector(w, s, s.s[1], lane)) return false;
  bool known = true;
  uint32_t value = read(w, s.s[0], known);
  set_lane(w, s.d, lane, value, known);
  return true;
}

// op_sel bit 0: fetch from inactive lanes too (FI); bit 1: BOUND_CTRL, an inactive lane reads as 0 instead of
// leaving the destination as it was (RDNA2 ISA, V_PERMLANE16_B32: OPSEL).
bool permlane(Wave& w, const Instruction& s, uint32_t flip_row) {
  bool known = true;
  uint64_t select = read(w, s.s[1], known);
  select |= static_cast<uint64_t>(read(w, s.s[2], known)) << 32;
  if (!known && !violates(w, s, Check::invalid_scalar, "the lane selectors are data that nobody wrote"))
    return false;
  uint16_t from = s.s[0].index;
  uint32_t copy[64];
  for (uint32_t i = 0; i < w.stride; ++i) copy[i] = w.vgpr(from)[i];
  uint64_t copy_valid = w.valid[from], exec = w.exec();
  bool inactive = s.inst->mods.op_sel & 1, bound = s.inst->mods.op_sel & 2;
  for (uint32_t i = 0; i < w.stride; ++i) {
    if (!(exec >> i & 1)) continue;
    uint32_t source = ((i & ~15u) ^ flip_row) | static_cast<uint32_t>(select >> 4 * (i & 15) & 15);
    if ((exec >> source & 1) || inactive) {
      set_lane(w, s.d, i, copy[source], copy_valid >> source & 1);
    } else if (bound) {
      set_lane(w, s.d, i, 0, true);
    }
  }
  return true;
}
bool permlane16(Wave& w, const Instruction& s) { return permlane(w, s, 0); }
bool permlanex16(Wave& w, const Instruction& s) { return permlane(w, s, 16); }

// Swaps the halves of a wave64; in wave32 it does nothing (RDNA3 ISA, V_PERMLANE64_B32). Disabled lanes are
// neither read specially nor written.
bool permlane64(Wave& w, const Instruction& s) {
  if (w.stride == 32) return true;
  uint16_t from = s.s[0].index;
  uint32_t copy[64];
  for (uint32_t i = 0; i < 64; ++i) copy[i] = w.vgpr(from)[i];
  uint64_t copy_valid = w.valid[from], exec = w.exec();
  for (uint32_t i = 0; i < 64; ++i) {
    if (exec >> i & 1) set_lane(w, s.d, i, copy[i ^ 32], copy_valid >> (i ^ 32) & 1);
  }
  return true;
}

void move(Wave& w, uint16_t to, uint16_t from) {
  uint64_t exec = w.exec();
  for (uint32_t i = 0; i < w.stride; ++i) {
    if (exec >> i & 1) set_lane(w, to, i, w.vgpr(from)[i], lane_known(w, from, i));
  }
}
void swap(Wave& w, uint16_t a, uint16_t b) {
  uint64_t exec = w.exec();
  for (uint32_t i = 0; i < w.stride; ++i) {
    if (!(exec >> i & 1)) continue;
    uint32_t value = w.vgpr(a)[i];
    bool known = lane_known(w, a, i);
    set_lane(w, a, i, w.vgpr(b)[i], lane_known(w, b, i));
    set_lane(w, b, i, value, known);
  }
}

bool v_swap(Wave& w, const Instruction& s) {
  swap(w, s.d, s.s[0].index);
  return true;
}

// Two halves, of one register even. A register is known as a whole.
bool v_swap_halves(Wave& w, const Instruction& s) {
  const uint16_t a = s.d, b = s.s[0].index;
  const uint32_t a_at = s.half_high ? 16 : 0, b_at = s.s[0].high ? 16 : 0;
  const uint64_t exec = w.exec();
  for (uint32_t i = 0; i < w.stride; ++i) {
    if (!(exec >> i & 1)) continue;
    const bool known = lane_known(w, a, i) && lane_known(w, b, i);
    const uint32_t from_a = w.vgpr(a)[i] >> a_at & 0xffff, from_b = w.vgpr(b)[i] >> b_at & 0xffff;
    set_lane(w, a, i, (w.vgpr(a)[i] & ~(0xffffu << a_at)) | from_b << a_at, known);
    set_lane(w, b, i, (w.vgpr(b)[i] & ~(0xffffu << b_at)) | from_a << b_at, known);
  }
  return true;
}

// A register chosen at run time must be one of the wave's.
bool relative(Wave& w, const Instruction& s, uint16_t base, uint32_t by, uint16_t& index) {
  if (w.sv[reg::m0] != ~uint32_t{0} && !violates(w, s, Check::invalid_scalar, "m0 is data that nobody wrote"))
    return false;
  uint64_t at = uint64_t{base} + by;
  if (at >= w.vgpr_count) {
    if (!violates(w, s, Check::vgpr_range,
                  fmt::format("m0 selects v{}; the wave has {} vector registers", at, w.vgpr_count))) {
      return false;
    }
    at = base;
  }
  index = static_cast<uint16_t>(at);
  return true;
}

// m0 moves the destination, the source, both alike, or both apart: [9:0] the source, [25:16] the destination.
bool movrel(Wave& w, const Instruction& s, uint32_t by_source, uint32_t by_destination) {
  uint16_t to = s.d, from = s.s[0].index;
  if (by_destination && !relative(w, s, to, by_destination, to)) return false;
  if (s.s[0].kind != Place::vgpr) {  // v_movreld_b32 takes any source
    bool known = true;
    uint32_t value = read(w, s.s[0], known);
    uint64_t exec = w.exec();
    for (uint32_t i = 0; i < w.stride; ++i) {
      if (exec >> i & 1) set_lane(w, to, i, value, known);
    }
    return true;
  }
  if (by_source && !relative(w, s, from, by_source, from)) return false;
  move(w, to, from);
  return true;
}
bool movreld(Wave& w, const Instruction& s) { return movrel(w, s, 0, w.s[reg::m0]); }
bool movrels(Wave& w, const Instruction& s) { return movrel(w, s, w.s[reg::m0], 0); }
bool movrelsd(Wave& w, const Instruction& s) { return movrel(w, s, w.s[reg::m0], w.s[reg::m0]); }
bool movrelsd_2(Wave& w, const Instruction& s) {
  return movrel(w, s, w.s[reg::m0] & 0x3ff, w.s[reg::m0] >> 16 & 0x3ff);
}
bool swaprel(Wave& w, const Instruction& s) {
  uint16_t to = s.d, from = s.s[0].index;
  if (!relative(w, s, to, w.s[reg::m0] >> 16 & 0x3ff, to) ||
      !relative(w, s, from, w.s[reg::m0] & 0x3ff, from))
    return false;
  swap(w, to, from);
  return true;
}

bool nothing(Wave&, const Instruction&) { return true; }

constexpr RunRow rows[] = {
    {"v_readfirstlane_b32", readfirstlane},
    {"v_readlane_b32", readlane},
    {"v_writelane_b32", writelane},
    {"v_permlane16_b32", permlane16},
    {"v_permlanex16_b32", permlanex16},
    {"v_permlane64_b32", permlane64},
    {"v_swap_b32", v_swap},
    {"v_swap_b16", v_swap_halves},
    {"v_movreld_b32", movreld},
    {"v_movrels_b32", movrels},
    {"v_movrelsd_b32", movrelsd},
    {"v_movrelsd_2_b32", movrelsd_2},
    {"v_swaprel_b32", swaprel},
    {"v_nop", nothing},
    {"v_pipeflush", nothing},
    {"v_clrexcp", nothing},
};

}  // namespace

std::span<const RunRow> cross_rows() { return rows; }

}  // namespace doorbell::sim::amd
