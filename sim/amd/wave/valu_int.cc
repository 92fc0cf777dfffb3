// Vector integer arithmetic, shifts, bit fields, comparisons and moves. Semantics: RDNA2 ISA and RDNA3 ISA,
// chapter "Instructions"; with the clamp bit integer results saturate to their type.
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

using u8 = uint8_t;
using u16 = uint16_t;
using i16 = int16_t;
using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;

inline i32 sext24(u32 x) { return static_cast<i32>(x << 8) >> 8; }
inline u32 zext24(u32 x) { return x & 0xffffff; }
inline i32 smin(i32 a, i32 b) { return a < b ? a : b; }
inline i32 smax(i32 a, i32 b) { return a > b ? a : b; }
inline u32 umin(u32 a, u32 b) { return a < b ? a : b; }
inline u32 umax(u32 a, u32 b) { return a > b ? a : b; }
template <class T>
inline T med3(T a, T b, T c) {
  T low = a < b ? a : b, high = a < b ? b : a;
  return c < low ? low : c > high ? high : c;
}

// Saturation. The wider type holds any sum or product of the narrower.
inline u32 sat_u32(i64 x) { return x < 0 ? 0 : x > 0xffffffff ? 0xffffffff : static_cast<u32>(x); }
inline u32 sat_i32(i64 x) {
  i64 y = x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : x;
  return static_cast<u32>(y);
}
inline u16 sat_u16(i32 x) { return static_cast<u16>(x < 0 ? 0 : x > 0xffff ? 0xffff : x); }
inline i16 sat_i16(i32 x) { return static_cast<i16>(x < -0x8000 ? -0x8000 : x > 0x7fff ? 0x7fff : x); }

inline u32 absdiff(u32 a, u32 b) { return a > b ? a - b : b - a; }
inline u32 byte(u32 x, u32 n) { return x >> 8 * n & 0xff; }
inline u32 sad_u8(u32 a, u32 b, u32 c) {
  for (u32 n = 0; n < 4; ++n) c += absdiff(byte(a, n), byte(b, n));
  return c;
}
inline u32 msad_u8(u32 a, u32 b, u32 c) {
  for (u32 n = 0; n < 4; ++n) c += byte(b, n) == 0 ? 0 : absdiff(byte(a, n), byte(b, n));
  return c;
}

inline u32 popcount(u32 x) {
  x -= x >> 1 & 0x55555555;
  x = (x & 0x33333333) + (x >> 2 & 0x33333333);
  return ((x + (x >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}
inline u32 clz(u32 x) { return x == 0 ? ~u32{0} : static_cast<u32>(__builtin_clz(x)); }
inline u32 ctz(u32 x) { return x == 0 ? ~u32{0} : static_cast<u32>(__builtin_ctz(x)); }
inline u32 cls(i32 x) {
  u32 flipped = static_cast<u32>(x < 0 ? ~x : x);
  return flipped == 0 ? ~u32{0} : clz(flipped);
}
inline u32 reverse(u32 x) {
  x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
  x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
  x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
  return __builtin_bswap32(x);
}

inline u32 permuted(u64 data, u32 select) {
  if (select >= 13) return 0xff;
  if (select == 12) return 0;
  if (select >= 8) return data >> (16 * (select - 8) + 15) & 1 ? 0xff : 0;  // signs of bytes 1, 3, 5, 7
  return data >> 8 * select & 0xff;
}

inline u32 bfe_i(i32 x, u32 at, u32 width) {
  at &= 31;
  width &= 31;
  if (width == 0) return 0;
  u32 field = static_cast<u32>(x >> at) & ((u32{1} << width) - 1);
  u32 sign = u32{1} << (width - 1);
  return (field ^ sign) - sign;
}

// Sums of masked bits below the lane. `Base` is the first lane that the mask counts.
template <u32 Base>
void mbcnt(const Lanes& x) {
  for (u32 lane = 0; lane < x.stride; ++lane) {
    u32 below = lane <= Base ? 0 : lane - Base >= 32 ? ~u32{0} : (u32{1} << (lane - Base)) - 1;
    x.d[lane] = x.s[1][lane] + popcount(x.s[0][lane] & below);
  }
}

#define COMPARES(name, type)                                              \
  {"v_cmp_lt_" name, LANES([](type a, type b) { return a < b; })},        \
      {"v_cmp_eq_" name, LANES([](type a, type b) { return a == b; })},   \
      {"v_cmp_le_" name, LANES([](type a, type b) { return a <= b; })},   \
      {"v_cmp_gt_" name, LANES([](type a, type b) { return a > b; })},    \
      {"v_cmp_ne_" name, LANES([](type a, type b) { return a != b; })}, { \
    "v_cmp_ge_" name, LANES([](type a, type b) { return a >= b; })        \
  }
#define CONSTANT_COMPARES(name, type)                           \
  {"v_cmp_f_" name, LANES([](type, type) { return false; })}, { \
    "v_cmp_t_" name, LANES([](type, type) { return true; })     \
  }

const LaneRow rows[] = {
    {"v_mov_b32", LANES([](u32 a) { return a; })},
    {"v_mov_b16", LANES([](u16 a) { return a; })},
    {"v_not_b32", LANES([](u32 a) { return ~a; })},
    {"v_not_b16", LANES([](u16 a) { return static_cast<u16>(~a); })},
    {"v_cndmask_b32", LANES([](u32 a, u32 b, bool m) { return m ? b : a; })},
    {"v_cndmask_b16", LANES([](u16 a, u16 b, bool m) { return m ? b : a; })},
    {"v_and_b32", LANES([](u32 a, u32 b) { return a & b; })},
    {"v_or_b32", LANES([](u32 a, u32 b) { return a | b; })},
    {"v_xor_b32", LANES([](u32 a, u32 b) { return a ^ b; })},
    {"v_xnor_b32", LANES([](u32 a, u32 b) { return ~(a ^ b); })},
    {"v_and_b16", LANES([](u16 a, u16 b) { return static_cast<u16>(a & b); })},
    {"v_or_b16", LANES([](u16 a, u16 b) { return static_cast<u16>(a | b); })},
    {"v_xor_b16", LANES([](u16 a, u16 b) { return static_cast<u16>(a ^ b); })},
    {"v_xor3_b32", LANES([](u32 a, u32 b, u32 c) { return a ^ b ^ c; })},
    {"v_or3_b32", LANES([](u32 a, u32 b, u32 c) { return a | b | c; })},
    {"v_and_or_b32", LANES([](u32 a, u32 b, u32 c) { return (a & b) | c; })},
    {"v_xad_u32", LANES([](u32 a, u32 b, u32 c) { return (a ^ b) + c; })},
    {"v_bfi_b32", LANES([](u32 a, u32 b, u32 c) { return (a & b) | (~a & c); })},

    {"v_add_nc_u32", LANES([](u32 a, u32 b) { return a + b; }),
     LANES([](u32 a, u32 b) { return sat_u32(i64{a} + b); })},
    {"v_sub_nc_u32", LANES([](u32 a, u32 b) { return a - b; }),
     LANES([](u32 a, u32 b) { return sat_u32(i64{a} - b); })},
    {"v_subrev_nc_u32", LANES([](u32 a, u32 b) { return b - a; }),
     LANES([](u32 a, u32 b) { return sat_u32(i64{b} - a); })},
    {"v_add_nc_i32", LANES([](u32 a, u32 b) { return a + b; }),
     LANES([](i32 a, i32 b) { return sat_i32(i64{a} + b); })},
    {"v_sub_nc_i32", LANES([](u32 a, u32 b) { return a - b; }),
     LANES([](i32 a, i32 b) { return sat_i32(i64{a} - b); })},
    {"v_add_nc_u16", LANES([](u16 a, u16 b) { return static_cast<u16>(a + b); }),
     LANES([](u16 a, u16 b) { return sat_u16(a + b); })},
    {"v_sub_nc_u16", LANES([](u16 a, u16 b) { return static_cast<u16>(a - b); }),
     LANES([](u16 a, u16 b) { return sat_u16(a - b); })},
    {"v_add_nc_i16", LANES([](u16 a, u16 b) { return static_cast<u16>(a + b); }),
     LANES([](i16 a, i16 b) { return sat_i16(a + b); })},
    {"v_sub_nc_i16", LANES([](u16 a, u16 b) { return static_cast<u16>(a - b); }),
     LANES([](i16 a, i16 b) { return sat_i16(a - b); })},
    {"v_add_co_u32", LANES([](u32 a, u32 b, bool& out) {
       u32 r = a + b;
       out = r < a;
       return r;
     }),
     LANES([](u32 a, u32 b, bool& out) {
       i64 r = i64{a} + b;
       out = r >> 32 != 0;
       return sat_u32(r);
     })},
    {"v_sub_co_u32", LANES([](u32 a, u32 b, bool& out) {
       out = b > a;
       return a - b;
     }),
     LANES([](u32 a, u32 b, bool& out) {
       out = b > a;
       return sat_u32(i64{a} - b);
     })},
    {"v_subrev_co_u32", LANES([](u32 a, u32 b, bool& out) {
       out = a > b;
       return b - a;
     }),
     LANES([](u32 a, u32 b, bool& out) {
       out = a > b;
       return sat_u32(i64{b} - a);
     })},
    {"v_add_co_ci_u32", LANES([](u32 a, u32 b, bool in, bool& out) {
       u32 r = a + b, s = r + (in ? 1u : 0u);
       out = static_cast<u32>(r < a) | static_cast<u32>(s < r);
       return s;
     }),
     LANES([](u32 a, u32 b, bool in, bool& out) {
       i64 r = i64{a} + b + (in ? 1 : 0);
       out = r >> 32 != 0;
       return sat_u32(r);
     })},
    {"v_sub_co_ci_u32", LANES([](u32 a, u32 b, bool in, bool& out) {
       u32 r = a - b, s = r - (in ? 1u : 0u);
       out = static_cast<u32>(b > a) | static_cast<u32>(s > r);
       return s;
     }),
     LANES([](u32 a, u32 b, bool in, bool& out) {
       i64 r = i64{a} - b - (in ? 1 : 0);
       out = r < 0;
       return sat_u32(r);
     })},
    {"v_subrev_co_ci_u32", LANES([](u32 a, u32 b, bool in, bool& out) {
       u32 r = b - a, s = r - (in ? 1u : 0u);
       out = static_cast<u32>(a > b) | static_cast<u32>(s > r);
       return s;
     }),
     LANES([](u32 a, u32 b, bool in, bool& out) {
       i64 r = i64{b} - a - (in ? 1 : 0);
       out = r < 0;
       return sat_u32(r);
     })},
    {"v_add3_u32", LANES([](u32 a, u32 b, u32 c) { return a + b + c; })},
    {"v_lshl_add_u32", LANES([](u32 a, u32 b, u32 c) { return (a << (b & 31)) + c; })},
    {"v_add_lshl_u32", LANES([](u32 a, u32 b, u32 c) { return (a + b) << (c & 31); })},
    {"v_lshl_or_b32", LANES([](u32 a, u32 b, u32 c) { return a << (b & 31) | c; })},

    {"v_mul_lo_u32", LANES([](u32 a, u32 b) { return a * b; })},
    {"v_mul_hi_u32", LANES([](u32 a, u32 b) { return static_cast<u32>(u64{a} * b >> 32); })},
    {"v_mul_hi_i32", LANES([](i32 a, i32 b) { return static_cast<u32>(i64{a} * b >> 32); })},
    {"v_mul_u32_u24", LANES([](u32 a, u32 b) { return zext24(a) * zext24(b); })},
    {"v_mul_i32_i24",
     LANES([](u32 a, u32 b) { return static_cast<u32>(sext24(a)) * static_cast<u32>(sext24(b)); })},
    {"v_mul_hi_u32_u24",
     LANES([](u32 a, u32 b) { return static_cast<u32>(u64{zext24(a)} * zext24(b) >> 32); })},
    {"v_mul_hi_i32_i24",
     LANES([](u32 a, u32 b) { return static_cast<u32>(i64{sext24(a)} * sext24(b) >> 32); })},
    {"v_mad_u32_u24", LANES([](u32 a, u32 b, u32 c) { return zext24(a) * zext24(b) + c; }),
     LANES([](u32 a, u32 b, u32 c) { return sat_u32(static_cast<i64>(u64{zext24(a)} * zext24(b) + c)); })},
    {"v_mad_i32_i24",
     LANES([](u32 a, u32 b, u32 c) { return static_cast<u32>(sext24(a)) * static_cast<u32>(sext24(b)) + c; }),
     LANES([](u32 a, u32 b, i32 c) { return sat_i32(i64{sext24(a)} * sext24(b) + c); })},
    {"v_mad_u64_u32", LANES([](u32 a, u32 b, u64 c, bool& out) {
       u64 r = u64{a} * b + c;
       out = r < c;
       return r;
     }),
     LANES([](u32 a, u32 b, u64 c, bool& out) {
       u64 r = u64{a} * b + c;
       out = r < c;
       return r < c ? ~u64{0} : r;
     })},
    {"v_mad_i64_i32", LANES([](i32 a, i32 b, i64 c, bool& out) {
       i64 product = i64{a} * b;
       u64 r = static_cast<u64>(product) + static_cast<u64>(c);
       // Bit 64 of the sum of the two sign-extended numbers.
       out = static_cast<u32>(product < 0) ^ static_cast<u32>(c < 0) ^
             static_cast<u32>(r < static_cast<u64>(c));
       return r;
     }),
     LANES([](i32 a, i32 b, i64 c, bool& out) {
       i64 product = i64{a} * b;
       u64 r = static_cast<u64>(product) + static_cast<u64>(c);
       out = static_cast<u32>(product < 0) ^ static_cast<u32>(c < 0) ^
             static_cast<u32>(r < static_cast<u64>(c));
       bool high = product >= 0 && c >= 0 && static_cast<i64>(r) < 0;
       bool low = product < 0 && c < 0 && static_cast<i64>(r) >= 0;
       return high ? ~u64{0} >> 1 : low ? u64{1} << 63 : r;
     })},
    {"v_mul_lo_u16", LANES([](u16 a, u16 b) { return static_cast<u16>(u32{a} * b); })},
    {"v_mad_u16", LANES([](u16 a, u16 b, u16 c) { return static_cast<u16>(u32{a} * b + c); }),
     LANES([](u16 a, u16 b, u16 c) {
       u32 r = u32{a} * b + c;
       return static_cast<u16>(r < u32{a} * b || r > 0xffff ? 0xffff : r);
     })},
    {"v_mad_i16", LANES([](u16 a, u16 b, u16 c) { return static_cast<u16>(u32{a} * b + c); }),
     LANES([](i16 a, i16 b, i16 c) { return sat_i16(i32{a} * b + c); })},
    {"v_mad_u32_u16", LANES([](u16 a, u16 b, u32 c) { return u32{a} * b + c; }),
     LANES([](u16 a, u16 b, u32 c) { return sat_u32(i64{a} * b + c); })},
    {"v_mad_i32_i16", LANES([](i16 a, i16 b, u32 c) { return static_cast<u32>(i32{a} * b) + c; }),
     LANES([](i16 a, i16 b, i32 c) { return sat_i32(i64{a} * b + c); })},

    {"v_lshlrev_b32", LANES([](u32 a, u32 b) { return b << (a & 31); })},
    {"v_lshrrev_b32", LANES([](u32 a, u32 b) { return b >> (a & 31); })},
    {"v_ashrrev_i32", LANES([](u32 a, i32 b) { return b >> (a & 31); })},
    {"v_lshlrev_b64", LANES([](u32 a, u64 b) { return b << (a & 63); })},
    {"v_lshrrev_b64", LANES([](u32 a, u64 b) { return b >> (a & 63); })},
    {"v_ashrrev_i64", LANES([](u32 a, i64 b) { return b >> (a & 63); })},
    {"v_lshlrev_b16", LANES([](u16 a, u16 b) { return static_cast<u16>(b << (a & 15)); })},
    {"v_lshrrev_b16", LANES([](u16 a, u16 b) { return static_cast<u16>(b >> (a & 15)); })},
    {"v_ashrrev_i16", LANES([](u16 a, i16 b) { return static_cast<i16>(b >> (a & 15)); })},
    {"v_alignbit_b32",
     LANES([](u32 a, u32 b, u32 c) { return static_cast<u32>((u64{a} << 32 | b) >> (c & 31)); })},
    {"v_alignbyte_b32",
     LANES([](u32 a, u32 b, u32 c) { return static_cast<u32>((u64{a} << 32 | b) >> 8 * (c & 3)); })},
    {"v_bfe_u32", LANES([](u32 a, u32 b, u32 c) { return a >> (b & 31) & ((u32{1} << (c & 31)) - 1); })},
    {"v_bfe_i32", LANES([](i32 a, u32 b, u32 c) { return bfe_i(a, b, c); })},
    {"v_bfm_b32", LANES([](u32 a, u32 b) { return ((u32{1} << (a & 31)) - 1) << (b & 31); })},
    {"v_bfrev_b32", LANES([](u32 a) { return reverse(a); })},
    {"v_clz_i32_u32", LANES([](u32 a) { return clz(a); })},
    {"v_ctz_i32_b32", LANES([](u32 a) { return ctz(a); })},
    {"v_cls_i32", LANES([](i32 a) { return cls(a); })},
    {"v_bcnt_u32_b32", LANES([](u32 a, u32 b) { return popcount(a) + b; })},
    {"v_mbcnt_lo_u32_b32", mbcnt<0>},
    {"v_mbcnt_hi_u32_b32", mbcnt<32>},
    {"v_perm_b32", LANES([](u32 a, u32 b, u32 c) {
       u64 data = u64{a} << 32 | b;
       u32 r = 0;
       for (u32 n = 0; n < 4; ++n) r |= permuted(data, byte(c, n)) << 8 * n;
       return r;
     })},

    {"v_min_i32", LANES([](i32 a, i32 b) { return smin(a, b); })},
    {"v_max_i32", LANES([](i32 a, i32 b) { return smax(a, b); })},
    {"v_min_u32", LANES([](u32 a, u32 b) { return umin(a, b); })},
    {"v_max_u32", LANES([](u32 a, u32 b) { return umax(a, b); })},
    {"v_min_i16", LANES([](i16 a, i16 b) { return a < b ? a : b; })},
    {"v_max_i16", LANES([](i16 a, i16 b) { return a > b ? a : b; })},
    {"v_min_u16", LANES([](u16 a, u16 b) { return a < b ? a : b; })},
    {"v_max_u16", LANES([](u16 a, u16 b) { return a > b ? a : b; })},
    {"v_min3_i32", LANES([](i32 a, i32 b, i32 c) { return smin(smin(a, b), c); })},
    {"v_max3_i32", LANES([](i32 a, i32 b, i32 c) { return smax(smax(a, b), c); })},
    {"v_med3_i32", LANES([](i32 a, i32 b, i32 c) { return med3(a, b, c); })},
    {"v_min3_u32", LANES([](u32 a, u32 b, u32 c) { return umin(umin(a, b), c); })},
    {"v_max3_u32", LANES([](u32 a, u32 b, u32 c) { return umax(umax(a, b), c); })},
    {"v_med3_u32", LANES([](u32 a, u32 b, u32 c) { return med3(a, b, c); })},
    {"v_min3_i16", LANES([](i16 a, i16 b, i16 c) { return static_cast<i16>(smin(smin(a, b), c)); })},
    {"v_max3_i16", LANES([](i16 a, i16 b, i16 c) { return static_cast<i16>(smax(smax(a, b), c)); })},
    {"v_med3_i16", LANES([](i16 a, i16 b, i16 c) { return med3(a, b, c); })},
    {"v_min3_u16", LANES([](u16 a, u16 b, u16 c) { return static_cast<u16>(umin(umin(a, b), c)); })},
    {"v_max3_u16", LANES([](u16 a, u16 b, u16 c) { return static_cast<u16>(umax(umax(a, b), c)); })},
    {"v_med3_u16", LANES([](u16 a, u16 b, u16 c) { return med3(a, b, c); })},
    {"v_maxmin_u32", LANES([](u32 a, u32 b, u32 c) { return umin(umax(a, b), c); })},
    {"v_minmax_u32", LANES([](u32 a, u32 b, u32 c) { return umax(umin(a, b), c); })},
    {"v_maxmin_i32", LANES([](i32 a, i32 b, i32 c) { return smin(smax(a, b), c); })},
    {"v_minmax_i32", LANES([](i32 a, i32 b, i32 c) { return smax(smin(a, b), c); })},

    {"v_lerp_u8", LANES([](u32 a, u32 b, u32 c) {
       u32 r = 0;
       for (u32 n = 0; n < 4; ++n) r |= (byte(a, n) + byte(b, n) + (byte(c, n) & 1)) >> 1 << 8 * n;
       return r;
     })},
    {"v_sad_u8", LANES([](u32 a, u32 b, u32 c) { return sad_u8(a, b, c); }),
     LANES([](u32 a, u32 b, u32 c) { return sat_u32(i64{sad_u8(a, b, 0)} + c); })},
    {"v_sad_hi_u8", LANES([](u32 a, u32 b, u32 c) { return (sad_u8(a, b, 0) << 16) + c; }),
     LANES([](u32 a, u32 b, u32 c) { return sat_u32((i64{sad_u8(a, b, 0)} << 16) + c); })},
    {"v_sad_u16", LANES([](u32 a, u32 b, u32 c) {
       return c + absdiff(a & 0xffff, b & 0xffff) + absdiff(a >> 16, b >> 16);
     }),
     LANES([](u32 a, u32 b, u32 c) {
       return sat_u32(i64{c} + absdiff(a & 0xffff, b & 0xffff) + absdiff(a >> 16, b >> 16));
     })},
    {"v_sad_u32", LANES([](u32 a, u32 b, u32 c) { return absdiff(a, b) + c; }),
     LANES([](u32 a, u32 b, u32 c) { return sat_u32(i64{absdiff(a, b)} + c); })},
    {"v_msad_u8", LANES([](u32 a, u32 b, u32 c) { return msad_u8(a, b, c); }),
     LANES([](u32 a, u32 b, u32 c) { return sat_u32(i64{msad_u8(a, b, 0)} + c); })},
    {"v_qsad_pk_u16_u8", LANES([](u64 a, u32 b, u64 c) {
       u64 r = 0;
       for (u32 n = 0; n < 4; ++n) {
         u32 sum = sad_u8(static_cast<u32>(a >> 8 * n), b, static_cast<u32>(c >> 16 * n & 0xffff));
         r |= u64{sum & 0xffff} << 16 * n;
       }
       return r;
     })},
    {"v_mqsad_pk_u16_u8", LANES([](u64 a, u32 b, u64 c) {
       u64 r = 0;
       for (u32 n = 0; n < 4; ++n) {
         u32 sum = msad_u8(static_cast<u32>(a >> 8 * n), b, static_cast<u32>(c >> 16 * n & 0xffff));
         r |= u64{sum & 0xffff} << 16 * n;
       }
       return r;
     })},
    {"v_mqsad_u32_u8", LANES([](u64 a, u32 b, Quad c) {
       for (u32 n = 0; n < 4; ++n) c.word[n] = msad_u8(static_cast<u32>(a >> 8 * n), b, c.word[n]);
       return c;
     })},
    {"v_sat_pk_u8_i16", LANES([](u32 a) {
       auto saturate = [](u32 half) {
         i32 x = static_cast<i16>(half);
         return static_cast<u32>(x < 0 ? 0 : x > 255 ? 255 : x);
       };
       return static_cast<u16>(saturate(a & 0xffff) | saturate(a >> 16) << 8);
     })},
    {"v_cvt_pk_u16_u32", LANES([](u32 a, u32 b) { return umin(a, 0xffff) | umin(b, 0xffff) << 16; })},
    {"v_cvt_pk_i16_i32", LANES([](i32 a, i32 b) {
       auto half = [](i32 x) { return static_cast<u32>(smin(smax(x, -0x8000), 0x7fff)) & 0xffff; };
       return half(a) | half(b) << 16;
     })},
    {"v_cvt_i32_i16", LANES([](i16 a) { return i32{a}; })},
    {"v_cvt_u32_u16", LANES([](u16 a) { return u32{a}; })},

    COMPARES("i16", i16),
    COMPARES("u16", u16),
    COMPARES("i32", i32),
    COMPARES("u32", u32),
    COMPARES("i64", i64),
    COMPARES("u64", u64),
    CONSTANT_COMPARES("i32", i32),
    CONSTANT_COMPARES("u32", u32),
    CONSTANT_COMPARES("i64", i64),
    CONSTANT_COMPARES("u64", u64),
};

}  // namespace

LaneRows integer_rows();
LaneRows integer_rows() { return {rows, sizeof rows / sizeof *rows}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
