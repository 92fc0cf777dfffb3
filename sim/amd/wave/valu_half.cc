// Scalar halves, and conversions from and to them.
#include "sim/amd/wave/float16.h"
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

// Of a value that is to become an integer: towards zero, limited, NaN 0.
template <class Int>
inline Int truncated(float x, float low, float high) {
  if (x != x) return 0;
  return static_cast<Int>(x < low ? low : x > high ? high : x);
}
inline uint16_t normalised(float x, bool is_signed) {
  if (x != x) return 0;
  double low = is_signed ? -1.0 : 0.0, limited = x < low ? low : x > 1.0f ? 1.0 : double{x};
  return static_cast<uint16_t>(
      static_cast<int32_t>(__builtin_rint(limited * (is_signed ? 32767.0 : 65535.0))));
}
inline uint32_t pair(uint16_t low, uint16_t high) { return low | static_cast<uint32_t>(high) << 16; }

inline f16 towards_zero(float x) {
  f16 near = narrow(x);
  float back = wide(near);
  bool beyond = x < 0 ? back < x : back > x;
  return {static_cast<uint16_t>(near.bits - (beyond ? 1 : 0))};
}

inline int exponent(f16 x) { return x.bits >> 10 & 31; }
inline bool is_finite(f16 x) { return exponent(x) != 31; }

// RDNA3 ISA, V_DIV_FIXUP_F16: quotient, denominator, numerator.
inline f16 div_fixup(f16 q, f16 d, f16 n) {
  uint16_t s = static_cast<uint16_t>((d.bits ^ n.bits) & 0x8000);
  auto is_zero = [](f16 x) { return (x.bits & 0x7fff) == 0; };
  auto is_inf = [](f16 x) { return (x.bits & 0x7fff) == 0x7c00; };
  if (is_nan(n)) return quiet(n);
  if (is_nan(d)) return quiet(d);
  if ((is_zero(d) && is_zero(n)) || (is_inf(d) && is_inf(n))) return {0xfe00};
  if (is_zero(d) || is_inf(n)) return {static_cast<uint16_t>(s | 0x7c00)};
  if (is_inf(d) || is_zero(n)) return {s};
  return {static_cast<uint16_t>(s | (q.bits & 0x7fff))};
}

#define COMPARE(name, expression)                     \
  {"v_cmp_" name "_f16", LANES([](f16 x, f16 y) {     \
     [[maybe_unused]] float a = wide(x), b = wide(y); \
     return expression;                               \
   })}

const LaneRow rows[] = {
    {"v_add_f16", LANES([](f16 a, f16 b) { return narrow(wide(a) + wide(b)); })},
    {"v_sub_f16", LANES([](f16 a, f16 b) { return narrow(wide(a) - wide(b)); })},
    {"v_subrev_f16", LANES([](f16 a, f16 b) { return narrow(wide(b) - wide(a)); })},
    {"v_mul_f16", LANES([](f16 a, f16 b) { return narrow(wide(a) * wide(b)); })},
    {"v_fma_f16", LANES([](f16 a, f16 b, f16 c) { return fma(a, b, c); })},
    {"v_fmac_f16", LANES([](f16 a, f16 b, f16 c) { return fma(a, b, c); })},
    {"v_fmamk_f16", LANES([](f16 a, f16 b, f16 c) { return fma(a, b, c); })},
    {"v_fmaak_f16", LANES([](f16 a, f16 b, f16 c) { return fma(a, b, c); })},
    {"v_min_f16", LANES([](f16 a, f16 b) { return minimum(a, b); })},
    {"v_max_f16", LANES([](f16 a, f16 b) { return maximum(a, b); })},
    {"v_min3_f16", LANES([](f16 a, f16 b, f16 c) { return minimum(minimum(a, b), c); })},
    {"v_max3_f16", LANES([](f16 a, f16 b, f16 c) { return maximum(maximum(a, b), c); })},
    {"v_med3_f16", LANES([](f16 a, f16 b, f16 c) { return median(a, b, c); })},
    {"v_maxmin_f16", LANES([](f16 a, f16 b, f16 c) { return minimum(maximum(a, b), c); })},
    {"v_minmax_f16", LANES([](f16 a, f16 b, f16 c) { return maximum(minimum(a, b), c); })},
    {"v_ldexp_f16",
     LANES([](f16 a, int16_t b) { return narrow(__builtin_ldexp(static_cast<double>(wide(a)), b)); })},
    {"v_div_fixup_f16", LANES([](f16 a, f16 b, f16 c) { return div_fixup(a, b, c); })},
    {"v_floor_f16", LANES([](f16 a) { return narrow(__builtin_floorf(wide(a))); })},
    {"v_ceil_f16", LANES([](f16 a) { return narrow(__builtin_ceilf(wide(a))); })},
    {"v_trunc_f16", LANES([](f16 a) { return narrow(__builtin_truncf(wide(a))); })},
    {"v_rndne_f16", LANES([](f16 a) { return narrow(__builtin_roundevenf(wide(a))); })},
    {"v_fract_f16", LANES([](f16 a) {
       float x = wide(a), below = x - __builtin_floorf(x);
       return narrow(below < 0x1.ffcp-1f || below != below ? below : 0x1.ffcp-1f);
     })},
    // Transcendental ones are good to 0.51 ulp (RDNA3 ISA, V_RCP_F16 and its kin): rounded from f64.
    {"v_rcp_f16", LANES([](f16 a) { return narrow(1.0 / static_cast<double>(wide(a))); })},
    {"v_sqrt_f16", LANES([](f16 a) { return narrow(__builtin_sqrt(static_cast<double>(wide(a)))); })},
    {"v_rsq_f16", LANES([](f16 a) { return narrow(1.0 / __builtin_sqrt(static_cast<double>(wide(a)))); })},
    {"v_log_f16", LANES([](f16 a) { return narrow(__builtin_log2(static_cast<double>(wide(a)))); })},
    {"v_exp_f16", LANES([](f16 a) { return narrow(__builtin_exp2(static_cast<double>(wide(a)))); })},
    {"v_sin_f16",
     LANES([](f16 a) { return narrow(__builtin_sin(static_cast<double>(wide(a)) * 6.283185307179586)); })},
    {"v_cos_f16",
     LANES([](f16 a) { return narrow(__builtin_cos(static_cast<double>(wide(a)) * 6.283185307179586)); })},
    {"v_frexp_mant_f16", LANES([](f16 a) {
       int e = 0;
       return is_finite(a) ? narrow(__builtin_frexpf(wide(a), &e)) : is_nan(a) ? quiet(a) : a;
     })},
    {"v_frexp_exp_i16_f16", LANES([](f16 a) {
       int e = 0;
       if (is_finite(a)) __builtin_frexpf(wide(a), &e);
       return static_cast<int16_t>(e);
     })},
    {"v_cvt_f16_f32", LANES([](float a) { return narrow(a); })},
    {"v_cvt_f32_f16", LANES([](f16 a) { return wide(a); })},
    {"v_cvt_f16_u16", LANES([](uint16_t a) { return narrow(static_cast<float>(a)); })},
    {"v_cvt_f16_i16", LANES([](int16_t a) { return narrow(static_cast<float>(a)); })},
    {"v_cvt_u16_f16", LANES([](f16 a) { return truncated<uint16_t>(wide(a), 0.0f, 65535.0f); })},
    {"v_cvt_i16_f16", LANES([](f16 a) { return truncated<int16_t>(wide(a), -32768.0f, 32767.0f); })},
    {"v_cvt_norm_i16_f16", LANES([](f16 a) { return normalised(wide(a), true); })},
    {"v_cvt_norm_u16_f16", LANES([](f16 a) { return normalised(wide(a), false); })},
    {"v_cvt_pk_rtz_f16_f32",
     LANES([](float a, float b) { return pair(towards_zero(a).bits, towards_zero(b).bits); })},
    // One byte of four, rounded as MODE says.
    {"v_cvt_pk_u8_f32", LANES([](float a, uint32_t b, uint32_t c) {
       uint32_t at = 8 * (b & 3), value = truncated<uint8_t>(__builtin_rintf(a), 0.0f, 255.0f);
       return (c & ~(0xffu << at)) | value << at;
     })},
    {"v_pack_b32_f16", LANES([](f16 a, f16 b) { return pair(a.bits, b.bits); })},
    {"v_cvt_pk_norm_i16_f16",
     LANES([](f16 a, f16 b) { return pair(normalised(wide(a), true), normalised(wide(b), true)); })},
    {"v_cvt_pk_norm_u16_f16",
     LANES([](f16 a, f16 b) { return pair(normalised(wide(a), false), normalised(wide(b), false)); })},
    {"v_cvt_pk_norm_i16_f32",
     LANES([](float a, float b) { return pair(normalised(a, true), normalised(b, true)); })},
    {"v_cvt_pk_norm_u16_f32",
     LANES([](float a, float b) { return pair(normalised(a, false), normalised(b, false)); })},
    {"v_cvt_pk_i16_f32", LANES([](float a, float b) {
       return pair(static_cast<uint16_t>(truncated<int16_t>(a, -32768.0f, 32767.0f)),
                   static_cast<uint16_t>(truncated<int16_t>(b, -32768.0f, 32767.0f)));
     })},
    {"v_cvt_pk_u16_f32", LANES([](float a, float b) {
       return pair(truncated<uint16_t>(a, 0.0f, 65535.0f), truncated<uint16_t>(b, 0.0f, 65535.0f));
     })},
    COMPARE("f", false),
    COMPARE("lt", a < b),
    COMPARE("eq", a == b),
    COMPARE("le", a <= b),
    COMPARE("gt", a > b),
    COMPARE("lg", a < b || b < a),
    COMPARE("ge", a >= b),
    COMPARE("o", a == a && b == b),
    COMPARE("u", a != a || b != b),
    COMPARE("nge", !(a >= b)),
    COMPARE("nlg", !(a < b || b < a)),
    COMPARE("ngt", !(a > b)),
    COMPARE("nle", !(a <= b)),
    COMPARE("neq", !(a == b)),
    COMPARE("nlt", !(a < b)),
    COMPARE("t", true),
};

}  // namespace

LaneRows half_rows();
LaneRows half_rows() { return {rows, sizeof rows / sizeof *rows}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
