// Scalar ALU. Semantics: RDNA2 ISA and RDNA3 ISA, chapter "Instructions", SOP2, SOP1, SOPC, SOPK; SCC as
// stated there.
#include <bit>

#include "sim/amd/vm.h"
#include "sim/amd/wave/semantics.h"

namespace doorbell::sim::amd {
namespace {

using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;

i32 sign(u64 x) { return static_cast<i32>(x); }
u32 low(u64 x) { return static_cast<u32>(x); }
i64 wide(u64 x) { return static_cast<i64>(x); }

void add_signed(Scalar& x, i64 a, i64 b) {
  i64 sum = a + b;
  x.d = low(static_cast<u64>(sum));
  x.scc = sum != static_cast<i32>(sum);
}
void difference_signed(Scalar& x, i64 a, i64 b) { add_signed(x, a, -b); }

// d and SCC = d is not zero.
void result(Scalar& x, u64 d) {
  x.d = d;
  x.scc = d != 0;
}
void result32(Scalar& x, u64 d) { result(x, low(d)); }

// Validity of bitwise operations, bit by bit: 0 & unknown is 0.
void and_valid(Scalar& x, u64 a, u64 b) { x.vd = (x.va & x.vb) | (x.va & ~a) | (x.vb & ~b); }
void or_valid(Scalar& x, u64 a, u64 b) { x.vd = (x.va & x.vb) | (x.va & a) | (x.vb & b); }
void xor_valid(Scalar& x) { x.vd = x.va & x.vb; }

template <bool NotA, bool NotB, bool NotD>
void bit_and(Scalar& x, u64 all) {
  u64 a = NotA ? ~x.a & all : x.a, b = NotB ? ~x.b & all : x.b;
  and_valid(x, a, b);
  result(x, NotD ? ~(a & b) & all : a & b);
  x.vscc = (x.vd & all) == all || (x.vd & x.d & all) != 0;
}
template <bool NotA, bool NotB, bool NotD>
void bit_or(Scalar& x, u64 all) {
  u64 a = NotA ? ~x.a & all : x.a, b = NotB ? ~x.b & all : x.b;
  or_valid(x, a, b);
  result(x, NotD ? ~(a | b) & all : a | b);
  x.vscc = (x.vd & all) == all || (x.vd & x.d & all) != 0;
}
template <bool NotD>
void bit_xor(Scalar& x, u64 all) {
  xor_valid(x);
  result(x, NotD ? ~(x.a ^ x.b) & all : x.a ^ x.b);
}
constexpr u64 all32 = 0xffffffff, all64 = ~u64{0};

// exec = f(s, exec), d = old exec. `Old` is false for the wrexec forms, whose d is the new exec.
template <void (*F)(Scalar&, u64), bool Wide, bool Old>
void save_exec(Scalar& x) {
  Wave& w = *x.wave;
  u64 old = Wide ? w.scalar64(reg::exec) : w.s[reg::exec];
  x.b = old;
  x.vb = all64;
  F(x, Wide ? all64 : all32);
  w.s[reg::exec] = low(x.d);
  w.sv[reg::exec] = low(x.vd);
  if (Wide) {
    w.s[reg::exec + 1] = low(x.d >> 32);
    w.sv[reg::exec + 1] = low(x.vd >> 32);
  }
  if (Old) {
    x.d = old;
    x.vd = all64;
  }
}

u32 byte_reverse_bits(u32 x) {
  x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
  x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
  x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
  return __builtin_bswap32(x);
}

u64 field_mask(u64 width, u64 shift, u64 bits) {
  return (((u64{1} << (width & (bits - 1))) - 1) << (shift & (bits - 1))) & (bits == 32 ? all32 : all64);
}

// S_BFE: offset in [4:0] or [5:0] of b, width in [22:16].
template <bool Wide, bool Signed>
void bit_field(Scalar& x) {
  u64 offset = x.b & (Wide ? 63 : 31), width = x.b >> 16 & 0x7f, bits = Wide ? 64 : 32;
  if (width == 0) return result(x, 0);
  u64 value = x.a >> offset;
  if (Signed && !Wide) value = static_cast<u64>(static_cast<i64>(sign(x.a)) >> offset);
  if (Signed && Wide) value = static_cast<u64>(wide(x.a) >> offset);
  if (width < bits) {
    u64 mask = (u64{1} << width) - 1;
    if (Signed && (value >> (width - 1) & 1)) value |= ~mask;
    else value &= mask;
  }
  result(x, Wide ? value : low(value));
}

int leading_sign_bits(i64 value, int bits) {  // how many bits from the top down equal the sign; -1 if all do
  for (int i = 1; i < bits; ++i) {
    if ((value >> (bits - 1 - i) & 1) != (value >> (bits - 1) & 1)) return i;
  }
  return -1;
}

u64 quad_mask(u64 x, int bits) {
  u64 out = 0;
  for (int i = 0; i < bits / 4; ++i) out |= static_cast<u64>((x >> 4 * i & 15) != 0) << i;
  return out;
}
u64 whole_quads(u64 x, int bits) {
  u64 out = 0;
  for (int i = 0; i < bits; i += 4) {
    if (x >> i & 15) out |= u64{15} << i;
  }
  return out;
}

#define SCC(name, type, op) \
  {name, [](Scalar& x) { x.scc = static_cast<type>(x.a) op static_cast<type>(x.b); }}
#define SCC_K(name, type, op) \
  {name, [](Scalar& x) { x.scc = static_cast<type>(x.a) op static_cast<type>(x.k); }}
#define SCC_KU(name, op) {name, [](Scalar& x) { x.scc = low(x.a) op(static_cast<u32>(x.k) & 0xffff); }}

#define BITWISE(name, f)                           \
  {name "_b32", [](Scalar& x) { f(x, all32); }}, { \
    name "_b64", [](Scalar& x) { f(x, all64); }    \
  }
#define SAVEEXEC(name, f, old)                                     \
  {name "_b32", [](Scalar& x) { save_exec<f, false, old>(x); }}, { \
    name "_b64", [](Scalar& x) { save_exec<f, true, old>(x); }     \
  }

void min_max(Scalar& x, bool first) {
  x.d = first ? x.a : x.b;
  x.scc = first;
}

constexpr ScalarRow rows[] = {
    // SOP2
    {"s_add_u32",
     [](Scalar& x) {
       u64 sum = x.a + x.b;
       x.d = low(sum);
       x.scc = static_cast<u32>(sum >> 32);
     }},
    {"s_sub_u32",
     [](Scalar& x) {
       x.scc = x.b > x.a;
       x.d = low(x.a - x.b);
     }},
    {"s_add_i32", [](Scalar& x) { add_signed(x, sign(x.a), sign(x.b)); }},
    {"s_sub_i32", [](Scalar& x) { difference_signed(x, sign(x.a), sign(x.b)); }},
    {"s_addc_u32",
     [](Scalar& x) {
       u64 sum = x.a + x.b + x.scc;
       x.d = low(sum);
       x.scc = static_cast<u32>(sum >> 32);
     }},
    {"s_subb_u32",
     [](Scalar& x) {
       u64 take = x.b + x.scc;
       x.scc = take > x.a;
       x.d = low(x.a - take);
     }},
    {"s_absdiff_i32",
     [](Scalar& x) {
       i32 d = static_cast<i32>(low(x.a) - low(x.b));
       result32(x, static_cast<u64>(d < 0 ? -static_cast<i64>(d) : d));
     }},
    {"s_lshl_b32", [](Scalar& x) { result32(x, x.a << (x.b & 31)); }},
    {"s_lshl_b64", [](Scalar& x) { result(x, x.a << (x.b & 63)); }},
    {"s_lshr_b32", [](Scalar& x) { result(x, x.a >> (x.b & 31)); }},
    {"s_lshr_b64", [](Scalar& x) { result(x, x.a >> (x.b & 63)); }},
    {"s_ashr_i32", [](Scalar& x) { result32(x, static_cast<u64>(static_cast<i64>(sign(x.a) >> (x.b & 31)))); }},
    {"s_ashr_i64", [](Scalar& x) { result(x, static_cast<u64>(wide(x.a) >> (x.b & 63))); }},
#define SHIFT_ADD(n)                       \
  {"s_lshl" #n "_add_u32", [](Scalar& x) { \
     u64 sum = (x.a << n) + x.b;           \
     x.d = low(sum);                       \
     x.scc = sum >> 32 != 0;               \
   }}
    SHIFT_ADD(1),
    SHIFT_ADD(2),
    SHIFT_ADD(3),
    SHIFT_ADD(4),
    {"s_min_i32", [](Scalar& x) { min_max(x, sign(x.a) < sign(x.b)); }},
    {"s_min_u32", [](Scalar& x) { min_max(x, x.a < x.b); }},
    {"s_max_i32", [](Scalar& x) { min_max(x, sign(x.a) >= sign(x.b)); }},
    {"s_max_u32", [](Scalar& x) { min_max(x, x.a >= x.b); }},
    BITWISE("s_and", (bit_and<false, false, false>)),
    BITWISE("s_or", (bit_or<false, false, false>)),
    BITWISE("s_xor", (bit_xor<false>)),
    BITWISE("s_nand", (bit_and<false, false, true>)),
    BITWISE("s_nor", (bit_or<false, false, true>)),
    BITWISE("s_xnor", (bit_xor<true>)),
    BITWISE("s_and_not1", (bit_and<false, true, false>)),
    BITWISE("s_or_not1", (bit_or<false, true, false>)),
    {"s_bfe_u32", bit_field<false, false>},
    {"s_bfe_i32", bit_field<false, true>},
    {"s_bfe_u64", bit_field<true, false>},
    {"s_bfe_i64", bit_field<true, true>},
    {"s_bfm_b32", [](Scalar& x) { x.d = field_mask(x.a, x.b, 32); }},
    {"s_bfm_b64", [](Scalar& x) { x.d = field_mask(x.a, x.b, 64); }},
    {"s_mul_i32", [](Scalar& x) { x.d = low(x.a * x.b); }},
    {"s_mul_hi_u32", [](Scalar& x) { x.d = x.a * x.b >> 32; }},
    {"s_mul_hi_i32",
     [](Scalar& x) {
       i64 product = static_cast<i64>(sign(x.a)) * sign(x.b);
       x.d = low(static_cast<u64>(product >> 32));
     }},
    {"s_cselect_b32",
     [](Scalar& x) {
       x.d = x.scc ? x.a : x.b;
       x.vd = x.wave->scc_valid ? (x.scc ? x.va : x.vb) : 0;
     }},
    {"s_cselect_b64",
     [](Scalar& x) {
       x.d = x.scc ? x.a : x.b;
       x.vd = x.wave->scc_valid ? (x.scc ? x.va : x.vb) : 0;
     }},
    {"s_pack_ll_b32_b16", [](Scalar& x) { x.d = (x.a & 0xffff) | (x.b & 0xffff) << 16; }},
    {"s_pack_lh_b32_b16", [](Scalar& x) { x.d = (x.a & 0xffff) | (x.b & 0xffff0000); }},
    {"s_pack_hh_b32_b16", [](Scalar& x) { x.d = (x.a >> 16 & 0xffff) | (x.b & 0xffff0000); }},
    {"s_pack_hl_b32_b16", [](Scalar& x) { x.d = (x.a >> 16 & 0xffff) | (x.b & 0xffff) << 16; }},
    // SOP1
    {"s_mov_b32",
     [](Scalar& x) {
       x.d = x.a;
       x.vd = x.va;
     }},
    {"s_mov_b64",
     [](Scalar& x) {
       x.d = x.a;
       x.vd = x.va;
     }},
    {"s_cmov_b32", [](Scalar& x) { x.d = x.scc ? x.a : x.d; }},
    {"s_cmov_b64", [](Scalar& x) { x.d = x.scc ? x.a : x.d; }},
    {"s_brev_b32", [](Scalar& x) { x.d = byte_reverse_bits(low(x.a)); }},
    {"s_brev_b64",
     [](Scalar& x) {
       x.d = static_cast<u64>(byte_reverse_bits(low(x.a))) << 32 | byte_reverse_bits(low(x.a >> 32));
     }},
    {"s_ctz_i32_b32", [](Scalar& x) { x.d = low(x.a) ? static_cast<u64>(std::countr_zero(low(x.a))) : all32; }},
    {"s_ctz_i32_b64", [](Scalar& x) { x.d = x.a ? static_cast<u64>(std::countr_zero(x.a)) : all32; }},
    {"s_ff0_i32_b32", [](Scalar& x) { x.d = low(~x.a) ? static_cast<u64>(std::countr_one(low(x.a))) : all32; }},
    {"s_ff0_i32_b64", [](Scalar& x) { x.d = ~x.a ? static_cast<u64>(std::countr_one(x.a)) : all32; }},
    {"s_clz_i32_u32", [](Scalar& x) { x.d = low(x.a) ? static_cast<u64>(std::countl_zero(low(x.a))) : all32; }},
    {"s_clz_i32_u64", [](Scalar& x) { x.d = x.a ? static_cast<u64>(std::countl_zero(x.a)) : all32; }},
    {"s_cls_i32", [](Scalar& x) { x.d = low(static_cast<u64>(leading_sign_bits(sign(x.a), 32))); }},
    {"s_cls_i32_i64", [](Scalar& x) { x.d = low(static_cast<u64>(leading_sign_bits(wide(x.a), 64))); }},
    {"s_sext_i32_i8", [](Scalar& x) { x.d = low(static_cast<u64>(static_cast<int8_t>(x.a))); }},
    {"s_sext_i32_i16", [](Scalar& x) { x.d = low(static_cast<u64>(static_cast<int16_t>(x.a))); }},
    {"s_bitset0_b32", [](Scalar& x) { x.d &= ~(u64{1} << (x.a & 31)); }},
    {"s_bitset0_b64", [](Scalar& x) { x.d &= ~(u64{1} << (x.a & 63)); }},
    {"s_bitset1_b32", [](Scalar& x) { x.d |= u64{1} << (x.a & 31); }},
    {"s_bitset1_b64", [](Scalar& x) { x.d |= u64{1} << (x.a & 63); }},
    {"s_bitreplicate_b64_b32",
     [](Scalar& x) {
       x.d = 0;
       for (int i = 0; i < 32; ++i) x.d |= (x.a >> i & 1 ? u64{3} : 0) << 2 * i;
     }},
    {"s_abs_i32", [](Scalar& x) { result32(x, sign(x.a) < 0 ? 0 - x.a : x.a); }},
    {"s_bcnt0_i32_b32", [](Scalar& x) { result(x, static_cast<u64>(std::popcount(low(~x.a)))); }},
    {"s_bcnt0_i32_b64", [](Scalar& x) { result(x, static_cast<u64>(std::popcount(~x.a))); }},
    {"s_bcnt1_i32_b32", [](Scalar& x) { result(x, static_cast<u64>(std::popcount(low(x.a)))); }},
    {"s_bcnt1_i32_b64", [](Scalar& x) { result(x, static_cast<u64>(std::popcount(x.a))); }},
    {"s_quadmask_b32", [](Scalar& x) { result(x, quad_mask(x.a, 32)); }},
    {"s_quadmask_b64", [](Scalar& x) { result(x, quad_mask(x.a, 64)); }},
    {"s_wqm_b32", [](Scalar& x) { result(x, whole_quads(x.a, 32)); }},
    {"s_wqm_b64", [](Scalar& x) { result(x, whole_quads(x.a, 64)); }},
    {"s_not_b32",
     [](Scalar& x) {
       result32(x, ~x.a);
       x.vd = x.va;
     }},
    {"s_not_b64",
     [](Scalar& x) {
       result(x, ~x.a);
       x.vd = x.va;
     }},
    SAVEEXEC("s_and_saveexec", (bit_and<false, false, false>), true),
    SAVEEXEC("s_or_saveexec", (bit_or<false, false, false>), true),
    SAVEEXEC("s_xor_saveexec", (bit_xor<false>), true),
    SAVEEXEC("s_nand_saveexec", (bit_and<false, false, true>), true),
    SAVEEXEC("s_nor_saveexec", (bit_or<false, false, true>), true),
    SAVEEXEC("s_xnor_saveexec", (bit_xor<true>), true),
    SAVEEXEC("s_and_not0_saveexec", (bit_and<true, false, false>), true),
    SAVEEXEC("s_or_not0_saveexec", (bit_or<true, false, false>), true),
    SAVEEXEC("s_and_not1_saveexec", (bit_and<false, true, false>), true),
    SAVEEXEC("s_or_not1_saveexec", (bit_or<false, true, false>), true),
    SAVEEXEC("s_and_not0_wrexec", (bit_and<true, false, false>), false),
    SAVEEXEC("s_and_not1_wrexec", (bit_and<false, true, false>), false),
    // SOPC
    SCC("s_cmp_eq_i32", i32, ==),
    SCC("s_cmp_lg_i32", i32, !=),
    SCC("s_cmp_gt_i32", i32, >),
    SCC("s_cmp_ge_i32", i32, >=),
    SCC("s_cmp_lt_i32", i32, <),
    SCC("s_cmp_le_i32", i32, <=),
    SCC("s_cmp_eq_u32", u32, ==),
    SCC("s_cmp_lg_u32", u32, !=),
    SCC("s_cmp_gt_u32", u32, >),
    SCC("s_cmp_ge_u32", u32, >=),
    SCC("s_cmp_lt_u32", u32, <),
    SCC("s_cmp_le_u32", u32, <=),
    SCC("s_cmp_eq_u64", u64, ==),
    SCC("s_cmp_lg_u64", u64, !=),
    {"s_bitcmp0_b32", [](Scalar& x) { x.scc = !(x.a >> (x.b & 31) & 1); }},
    {"s_bitcmp1_b32", [](Scalar& x) { x.scc = x.a >> (x.b & 31) & 1; }},
    {"s_bitcmp0_b64", [](Scalar& x) { x.scc = !(x.a >> (x.b & 63) & 1); }},
    {"s_bitcmp1_b64", [](Scalar& x) { x.scc = x.a >> (x.b & 63) & 1; }},
    // SOPK
    {"s_movk_i32", [](Scalar& x) { x.d = low(static_cast<u64>(x.k)); }},
    {"s_version", [](Scalar&) {}},
    {"s_cmovk_i32", [](Scalar& x) { x.d = x.scc ? low(static_cast<u64>(x.k)) : x.d; }},
    {"s_addk_i32", [](Scalar& x) { add_signed(x, sign(x.d), x.k); }},
    {"s_mulk_i32", [](Scalar& x) { x.d = low(x.d * static_cast<u64>(x.k)); }},
    SCC_K("s_cmpk_eq_i32", i32, ==),
    SCC_K("s_cmpk_lg_i32", i32, !=),
    SCC_K("s_cmpk_gt_i32", i32, >),
    SCC_K("s_cmpk_ge_i32", i32, >=),
    SCC_K("s_cmpk_lt_i32", i32, <),
    SCC_K("s_cmpk_le_i32", i32, <=),
    SCC_KU("s_cmpk_eq_u32", ==),
    SCC_KU("s_cmpk_lg_u32", !=),
    SCC_KU("s_cmpk_gt_u32", >),
    SCC_KU("s_cmpk_ge_u32", >=),
    SCC_KU("s_cmpk_lt_u32", <),
    SCC_KU("s_cmpk_le_u32", <=),
    // Hints, which change nothing here.
    {"s_nop", [](Scalar&) {}},
    {"s_setkill", [](Scalar&) {}},
    {"s_set_inst_prefetch_distance", [](Scalar&) {}},
    {"s_clause", [](Scalar&) {}},
    {"s_delay_alu", [](Scalar&) {}},
    {"s_setprio", [](Scalar&) {}},
    {"s_singleuse_vdst", [](Scalar&) {}},
    {"s_wakeup", [](Scalar&) {}},
    {"s_incperflevel", [](Scalar&) {}},
    {"s_decperflevel", [](Scalar&) {}},
    {"s_ttracedata", [](Scalar&) {}},
    {"s_ttracedata_imm", [](Scalar&) {}},
};

struct Value {
  u64 value, known;
};

Value read(const Wave& w, const Place& p) {
  switch (p.kind) {
    case Place::scalar:
      if (p.dwords > 1) {
        return {w.scalar64(p.index), w.sv[p.index] | static_cast<u64>(w.sv[p.index + 1]) << 32};
      }
      return {w.s[p.index], w.sv[p.index] | all64 << 32};
    case Place::constant: return {p.dwords > 1 ? p.value : low(p.value), all64};
    case Place::vccz: return {w.mask(reg::vcc) == 0, all64};
    case Place::execz: return {w.exec() == 0, all64};
    case Place::scc: return {w.scc, w.scc_valid ? all64 : 0};
    default: return {0, all64};
  }
}

// Bits that nobody knows, beside others that are known, take the values that the word has not which marks
// fresh memory: such values are kept in lanes and memory, and merged with others; where that gave the mark
// again, the known bits would be forgotten.
void write(Wave& w, uint32_t index, u32 value, u32 known) {
  if (known != 0 && known != all32) value = (value & known) | (~fresh_word & ~known);
  w.s[index] = value;
  w.sv[index] = known;
}

}  // namespace

std::span<const ScalarRow> salu_rows() { return rows; }

bool run_scalar(Wave& w, const Instruction& s) {
  Scalar x;
  Value a = s.sources > 0 ? read(w, s.s[0]) : Value{0, all64};
  Value b = s.sources > 1 ? read(w, s.s[1]) : Value{0, all64};
  x.a = a.value;
  x.b = b.value;
  x.d = 0;
  x.va = a.known;
  x.vb = b.known;
  x.k = s.k;
  x.scc = w.scc;
  x.wave = &w;
  bool known = (a.known & b.known) == all64;
  if (s.reads_d) {
    Value old = read(w, {.kind = Place::scalar, .dwords = s.d_dwords, .index = s.d});
    x.d = old.value;
    known &= old.known == all64;
  }
  if (s.reads_scc) known &= w.scc_valid;
  x.vd = known ? all64 : 0;
  x.vscc = s.writes_scc ? known : w.scc_valid;
  s.scalar(x);
  w.scc = x.scc;
  w.scc_valid = x.vscc;
  if (s.d_dwords) {
    write(w, s.d, low(x.d), low(x.vd));
    if (s.d_dwords > 1) write(w, s.d + 1u, low(x.d >> 32), low(x.vd >> 32));
  }
  if (s.writes_exec) {
    u64 known_exec = w.sv[reg::exec] | static_cast<u64>(w.sv[reg::exec + 1]) << 32;
    if (~known_exec & w.all_lanes) return fault_invalid_exec(w, s);
  }
  return true;
}

}  // namespace doorbell::sim::amd
