// Pairs of 16 bits, dot products of what a register holds, and fma of mixed widths. op_sel and the negations
// of packed sources have been applied (valu.cc).
#include "sim/amd/wave/float16.h"
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

inline uint16_t low(uint32_t x) { return static_cast<uint16_t>(x); }
inline uint16_t high(uint32_t x) { return static_cast<uint16_t>(x >> 16); }
inline uint32_t pair(uint32_t l, uint32_t h) { return (l & 0xffff) | h << 16; }
inline int32_t s16(uint16_t x) { return static_cast<int16_t>(x); }

inline uint32_t within_u16(int32_t x) { return static_cast<uint32_t>(x < 0 ? 0 : x > 65535 ? 65535 : x); }
inline uint32_t within_i16(int64_t x) {
  return static_cast<uint32_t>(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
}

// Both halves of an operation on 16-bit integers a, b, c, widened to 32 or 64 bits, and its form with clamp.
#define PACKED2(name, plain, clamped)                                                \
  {name, LANES([](uint32_t x, uint32_t y) {                                          \
     auto f = [](uint16_t a, uint16_t b) { return static_cast<uint32_t>(plain); };   \
     return pair(f(low(x), low(y)), f(high(x), high(y)));                            \
   }),                                                                               \
   LANES([](uint32_t x, uint32_t y) {                                                \
     auto f = [](uint16_t a, uint16_t b) { return static_cast<uint32_t>(clamped); }; \
     return pair(f(low(x), low(y)), f(high(x), high(y)));                            \
   })}
#define PACKED3(name, plain, clamped)                                                            \
  {name, LANES([](uint32_t x, uint32_t y, uint32_t z) {                                          \
     auto f = [](uint16_t a, uint16_t b, uint16_t c) { return static_cast<uint32_t>(plain); };   \
     return pair(f(low(x), low(y), low(z)), f(high(x), high(y), high(z)));                       \
   }),                                                                                           \
   LANES([](uint32_t x, uint32_t y, uint32_t z) {                                                \
     auto f = [](uint16_t a, uint16_t b, uint16_t c) { return static_cast<uint32_t>(clamped); }; \
     return pair(f(low(x), low(y), low(z)), f(high(x), high(y), high(z)));                       \
   })}
#define HALVES(name, expression)                                        \
  {name, LANES([](uint32_t x, uint32_t y) {                             \
     auto f = [](f16 a, f16 b) { return uint32_t{(expression).bits}; }; \
     return pair(f({low(x)}, {low(y)}), f({high(x)}, {high(y)}));       \
   })}

inline uint32_t fma_halves(uint32_t x, uint32_t y, uint32_t z) {
  return pair(fma(f16{low(x)}, f16{low(y)}, f16{low(z)}).bits,
              fma(f16{high(x)}, f16{high(y)}, f16{high(z)}).bits);
}

template <int Bits, bool Signed>
inline int64_t dot(uint32_t a, uint32_t b) {
  int64_t sum = 0;
  for (int shift = 0; shift < 32; shift += Bits) {
    int32_t x = Signed ? static_cast<int32_t>(a << (32 - Bits - shift)) >> (32 - Bits)
                       : static_cast<int32_t>(a >> shift & ((1u << Bits) - 1));
    int32_t y = Signed ? static_cast<int32_t>(b << (32 - Bits - shift)) >> (32 - Bits)
                       : static_cast<int32_t>(b >> shift & ((1u << Bits) - 1));
    sum += static_cast<int64_t>(x) * y;
  }
  return sum;
}
inline uint32_t within_i32(int64_t x) {
  return static_cast<uint32_t>(x < -0x80000000LL ? -0x80000000LL : x > 0x7fffffffLL ? 0x7fffffffLL : x);
}
inline uint32_t within_u32(int64_t x) { return static_cast<uint32_t>(x > 0xffffffffLL ? 0xffffffffLL : x); }

#define DOT_SIGNED(name, bits)                                           \
  {name, LANES([](uint32_t a, uint32_t b, uint32_t c) {                  \
     return static_cast<uint32_t>(dot<bits, true>(a, b)) + c;            \
   }),                                                                   \
   LANES([](uint32_t a, uint32_t b, uint32_t c) {                        \
     return within_i32(dot<bits, true>(a, b) + static_cast<int32_t>(c)); \
   })}
#define DOT_UNSIGNED(name, bits)                               \
  {name, LANES([](uint32_t a, uint32_t b, uint32_t c) {        \
     return static_cast<uint32_t>(dot<bits, false>(a, b)) + c; \
   }),                                                         \
   LANES(                                                      \
       [](uint32_t a, uint32_t b, uint32_t c) { return within_u32(dot<bits, false>(a, b) + int64_t{c}); })}

// D = fma(a1, b1, fma(a0, b0, c)) in f32 (RDNA3 ISA, V_DOT2_F32_F16; the order and the rounding between are
// those of V_DOT2C_F32_F16's pseudocode).
inline float dot2(uint32_t a, uint32_t b, float c) {
  float first = __builtin_fmaf(wide(f16{low(a)}), wide(f16{low(b)}), c);
  return __builtin_fmaf(wide(f16{high(a)}), wide(f16{high(b)}), first);
}
inline float dot2_bf16(uint32_t a, uint32_t b, float c) {
  float first = __builtin_fmaf(wide(bf16{low(a)}), wide(bf16{low(b)}), c);
  return __builtin_fmaf(wide(bf16{high(a)}), wide(bf16{high(b)}), first);
}
inline bf16 to_bf16(float x) {
  uint32_t bits = bits_of<uint32_t>(x);
  if (x != x) return {static_cast<uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

const LaneRow rows[] = {
    PACKED2("v_pk_add_u16", a + b, within_u16(a + b)),
    PACKED2("v_pk_sub_u16", a - b, within_u16(a - b)),
    PACKED2("v_pk_add_i16", a + b, within_i16(s16(a) + s16(b))),
    PACKED2("v_pk_sub_i16", a - b, within_i16(s16(a) - s16(b))),
    PACKED2("v_pk_mul_lo_u16", uint32_t{a} * b, uint32_t{a} * b),
    PACKED2("v_pk_min_u16", a < b ? a : b, a < b ? a : b),
    PACKED2("v_pk_max_u16", a > b ? a : b, a > b ? a : b),
    PACKED2("v_pk_min_i16", s16(a) < s16(b) ? a : b, s16(a) < s16(b) ? a : b),
    PACKED2("v_pk_max_i16", s16(a) > s16(b) ? a : b, s16(a) > s16(b) ? a : b),
    PACKED2("v_pk_lshlrev_b16", uint32_t{b} << (a & 15), uint32_t{b} << (a & 15)),
    PACKED2("v_pk_lshrrev_b16", b >> (a & 15), b >> (a & 15)),
    PACKED2("v_pk_ashrrev_i16", s16(b) >> (a & 15), s16(b) >> (a & 15)),
    PACKED3("v_pk_mad_u16", uint32_t{a} * b + c,
            static_cast<uint64_t>(a) * b + c > 65535 ? 65535 : uint32_t{a} * b + c),
    PACKED3("v_pk_mad_i16", uint32_t{a} * b + c, within_i16(static_cast<int64_t>(s16(a)) * s16(b) + s16(c))),
    HALVES("v_pk_add_f16", narrow(wide(a) + wide(b))),
    HALVES("v_pk_mul_f16", narrow(wide(a) * wide(b))),
    HALVES("v_pk_min_f16", minimum(a, b)),
    HALVES("v_pk_max_f16", maximum(a, b)),
    {"v_pk_fma_f16", LANES([](uint32_t a, uint32_t b, uint32_t c) { return fma_halves(a, b, c); })},
    {"v_pk_fmac_f16", LANES([](uint32_t a, uint32_t b, uint32_t c) { return fma_halves(a, b, c); })},
    DOT_SIGNED("v_dot2_i32_i16", 16),
    DOT_UNSIGNED("v_dot2_u32_u16", 16),
    DOT_SIGNED("v_dot4_i32_i8", 8),
    DOT_SIGNED("v_dot4c_i32_i8", 8),
    DOT_UNSIGNED("v_dot4_u32_u8", 8),
    DOT_SIGNED("v_dot8_i32_i4", 4),
    DOT_UNSIGNED("v_dot8_u32_u4", 4),
    {"v_dot2_f32_f16", LANES([](uint32_t a, uint32_t b, float c) { return dot2(a, b, c); })},
    {"v_dot2acc_f32_f16", LANES([](uint32_t a, uint32_t b, float c) { return dot2(a, b, c); })},
    {"v_dot2_f32_bf16", LANES([](uint32_t a, uint32_t b, float c) { return dot2_bf16(a, b, c); })},
    {"v_dot2_f16_f16", LANES([](uint32_t a, uint32_t b, f16 c) {
       f16 first = fma(f16{low(a)}, f16{low(b)}, c);
       return fma(f16{high(a)}, f16{high(b)}, first);
     })},
    {"v_dot2_bf16_bf16", LANES([](uint32_t a, uint32_t b, bf16 c) {
       float first = wide(to_bf16(__builtin_fmaf(wide(bf16{low(a)}), wide(bf16{low(b)}), wide(c))));
       return to_bf16(__builtin_fmaf(wide(bf16{high(a)}), wide(bf16{high(b)}), first));
     })},
    // Sources that are halves have been widened (valu.cc). "Result rounded to f16" of a fma in f32: rounds
    // twice.
    {"v_fma_mix_f32", LANES([](float a, float b, float c) { return __builtin_fmaf(a, b, c); })},
    {"v_fma_mixlo_f16", LANES([](float a, float b, float c) { return narrow(__builtin_fmaf(a, b, c)); })},
    {"v_fma_mixhi_f16", LANES([](float a, float b, float c) { return narrow(__builtin_fmaf(a, b, c)); })},
};

}  // namespace

LaneRows packed_rows();
LaneRows packed_rows() { return {rows, sizeof rows / sizeof *rows}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
