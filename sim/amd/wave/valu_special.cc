// f32 and f64 beyond sums and products: minimum and maximum, rounding to integers, fields, conversions, the
// steps of division, and the approximations of the transcendental unit.
//
// Approximations are not kinder than silicon's. RDNA3 ISA, "1 ULP accuracy, denormals are flushed" (V_RCP_F32
// and its kin): results are cut off, not rounded, so that what needs the last bit must work for it; those of
// f64 carry 26 bits ("2**29 ULP", V_RCP_F64), which Newton's steps of a compiler's division start from.
#include "sim/amd/wave/float16.h"
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

inline int exponent(float x) { return static_cast<int>(bits_of<uint32_t>(x) >> 23 & 0xff); }
inline int exponent(double x) { return static_cast<int>(bits_of<uint64_t>(x) >> 52 & 0x7ff); }
inline float absolute(float x) { return bits_of<float>(bits_of<uint32_t>(x) & 0x7fffffff); }
inline double absolute(double x) { return bits_of<double>(bits_of<uint64_t>(x) << 1 >> 1); }
inline float with_sign(float x, bool s) { return s ? -absolute(x) : absolute(x); }
inline double with_sign(double x, bool s) { return s ? -absolute(x) : absolute(x); }
inline bool is_denormal(float x) { return exponent(x) == 0 && x != 0; }

template <class T>
struct Float;
template <>
struct Float<float> {
  // 1 / 0, the NaN of invalid operations, the bias, where exponents end, and div_scale's distances.
  static constexpr float infinity = __builtin_inff();
  static float invalid() { return bits_of<float>(0xffc00000); }
  static constexpr int top = 255, apart = 96, scale = 64, small = 23, underflow = -150, one = 127;
};
template <>
struct Float<double> {
  static constexpr double infinity = __builtin_inf();
  static double invalid() { return bits_of<double>(0xfff8000000000000); }
  static constexpr int top = 2047, apart = 768, scale = 128, small = 53, underflow = -1075, one = 1023;
};

inline float scaled(float x, int e) { return __builtin_ldexpf(x, e); }
inline double scaled(double x, int e) { return __builtin_ldexp(x, e); }

// Whether x / y, which is not zero, is too small for a normal number. Exponents first: dividing could trap
// nothing, but it rounds.
template <class T>
inline bool small_quotient(T x, T y) {
  T q = x / y;
  return q != 0 ? exponent(q) == 0 : true;
}

// RDNA3 ISA, V_DIV_SCALE_F32 and _F64: S0 is the one of denominator S1 and numerator S2 to scale. VCC of a
// zero, and that exponents alone tell whether the quotient may be too small: silicon (tinygrad,
// test/amd/hw/test_vop3.py), where the guides say less.
template <class T>
inline T div_scale(T s0, T s1, T s2, bool& out) {
  using F = Float<T>;
  auto same = [](T a, T b) { return __builtin_memcmp(&a, &b, sizeof a) == 0; };
  out = s2 == 0 || s1 == 0;
  if (out) return F::invalid();
  if (exponent(s2) - exponent(s1) >= F::apart) {  // the quotient would overflow
    out = true;
    return same(s0, s1) ? scaled(s0, F::scale) : s0;
  }
  if (exponent(s1) == 0) return scaled(s0, F::scale);
  bool reciprocal = small_quotient(T{1}, s1) && exponent(s1) != F::top,
       quotient = exponent(s2) - exponent(s1) <= 1 - F::one && exponent(s1) != F::top;
  if (reciprocal && quotient) {
    // The denominator alone, down: its reciprocal becomes normal, and so does the quotient, which div_fmas
    // then takes down again. (The ISA documents print ldexp(S0, 64) here, which would overflow; 1 / FLT_MAX
    // shows it.)
    out = true;
    return same(s0, s1) ? scaled(s0, -F::scale) : s0;
  }
  if (reciprocal) return scaled(s0, -F::scale);
  if (quotient) {
    out = true;
    return same(s0, s2) ? scaled(s0, F::scale) : s0;
  }
  if (exponent(s2) <= F::small) return scaled(s0, F::scale);
  return s0;
}

// V_DIV_FMAS: takes back what div_scale did, in the direction that the quotient's size tells. One rounding in
// all, also where the result is denormal: the product is exact in 128 bits, and their sum is rounded to odd,
// so that what it loses still counts when it is rounded again (Boldo and Melquiond, "Emulation of FMA and
// correctly rounded sums: proved algorithms using rounding to odd").
inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline __float128 odd_sum(__float128 a, __float128 b) {
  __float128 sum = a + b, of_b = sum - a, lost = (a - (sum - of_b)) + (b - of_b);
  if (!(lost != 0) || lost != lost) return sum;  // exact; or infinities and NaNs
  auto bits = __builtin_bit_cast(unsigned __int128, sum);
  if (!(bits & 1)) bits += (lost > 0) == (sum > 0) ? 1 : -1;
  return __builtin_bit_cast(__float128, bits);
}
template <class T>
inline T div_fmas(T a, T b, T c, bool vcc) {
  if (!vcc) return fused(a, b, c);
  using F = Float<T>;
  constexpr __float128 up = F::scale == 64 ? 0x1p64 : 0x1p128, down = F::scale == 64 ? 0x1p-64 : 0x1p-128;
  return static_cast<T>(odd_sum(static_cast<__float128>(a) * b, c) * (exponent(c) > F::one ? up : down));
}

// V_DIV_FIXUP: quotient, denominator, numerator.
template <class T>
inline T div_fixup(T q, T d, T n) {
  using F = Float<T>;
  bool s = sign(d) != sign(n);
  if (is_nan(n)) return quiet(n);
  if (is_nan(d)) return quiet(d);
  bool inf_d = absolute(d) == F::infinity, inf_n = absolute(n) == F::infinity;
  if ((d == 0 && n == 0) || (inf_d && inf_n)) return F::invalid();
  if (d == 0 || inf_n) return with_sign(F::infinity, s);
  if (inf_d || n == 0) return with_sign(T{0}, s);
  if (exponent(n) - exponent(d) < F::underflow) return with_sign(T{0}, s);
  // A quotient that overflowed on the way (infinity minus infinity in Newton's steps): numbers have none that
  // is NaN.
  if (is_nan(q)) return with_sign(F::infinity, s);
  return with_sign(q, s);
}

// `x` cut off to f32, denormals to zero.
inline float cut(double x) {
  float near = static_cast<float>(x);
  if (near != near || near == 0 || absolute(x) >= 0x1p128) return near;
  double big = near < 0 ? -static_cast<double>(near) : static_cast<double>(near), exact = x < 0 ? -x : x;
  if (big > exact) near = bits_of<float>(bits_of<uint32_t>(near) - 1);
  return exponent(near) == 0 ? with_sign(0.0f, near < 0) : near;
}
inline double flushed(float x) { return is_denormal(x) ? (sign(x) ? -0.0 : 0.0) : static_cast<double>(x); }
// Rounded: LLVM's division, which AMD holds correctly rounded, gives 1 / (1 - 2^-24) wrong from a reciprocal
// that is cut.
inline float reciprocal(float x) {
  auto near = static_cast<float>(1.0 / flushed(x));
  return exponent(near) == 0 ? with_sign(0.0f, sign(near)) : near;
}
inline double coarse(double x) {
  if (x != x || absolute(x) == Float<double>::infinity) return x;
  return bits_of<double>(bits_of<uint64_t>(x) & ~uint64_t{0x3ffffff});
}

// Sine and cosine of turns; outside of [-256, 256] the unit answers as for 0 (RDNA3 ISA, V_SIN_F32).
inline double turns(float x) { return (absolute(x) > 256.0f ? 0.0 : flushed(x)) * 6.283185307179586; }

template <class Int, class T>
inline Int truncated(T x, T low, T above) {  // limited to [low, above), NaN 0
  if (x != x) return 0;
  if (x < low) return static_cast<Int>(low);
  if (x >= above) return static_cast<Int>(static_cast<uint64_t>(above) - 1);
  return static_cast<Int>(x);
}
inline int32_t to_i32(double x) { return truncated<int32_t, double>(x, -0x1p31, 0x1p31); }
inline uint32_t to_u32(double x) { return truncated<uint32_t, double>(x, 0.0, 0x1p32); }

template <class T>
inline int frexp_exp(T x, int (*split)(T)) {
  return exponent(x) == Float<T>::top ? 0 : split(x);
}
inline int exponent_of(float x) {
  int e = 0;
  __builtin_frexpf(x, &e);
  return e;
}
inline int exponent_of(double x) {
  int e = 0;
  __builtin_frexp(x, &e);
  return e;
}
inline float mantissa_of(float x) {
  int e = 0;
  return exponent(x) == 255 ? (is_nan(x) ? quiet(x) : x) : __builtin_frexpf(x, &e);
}
inline double mantissa_of(double x) {
  int e = 0;
  return exponent(x) == 2047 ? (is_nan(x) ? quiet(x) : x) : __builtin_frexp(x, &e);
}

// V_CMP_CLASS: bits signaling NaN, quiet NaN, -infinity, -normal, -denormal, -0, 0, denormal, normal,
// infinity.
inline bool in_class(bool nan, bool signaling, bool negative, int e, int top, bool fraction, uint32_t mask) {
  int at = nan        ? (signaling ? 0 : 1)
           : e == top ? (negative ? 2 : 9)
           : e != 0   ? (negative ? 3 : 8)
           : fraction ? (negative ? 4 : 7)
                      : (negative ? 5 : 6);
  return mask >> at & 1;
}

// The cube map's face, coordinates and axis (RDNA3 ISA, V_CUBEID_F32 and its kin).
inline float cube(float x, float y, float z, int which) {
  float ax = absolute(x), ay = absolute(y), az = absolute(z);
  bool is_z = az >= ax && az >= ay, is_y = !is_z && ay >= ax;
  switch (which) {
    case 0: return is_z ? (z < 0 ? 5.0f : 4.0f) : is_y ? (y < 0 ? 3.0f : 2.0f) : (x < 0 ? 1.0f : 0.0f);
    case 1: return is_z ? (z < 0 ? -x : x) : is_y ? x : (x < 0 ? z : -z);
    case 2: return is_z ? -y : is_y ? (y < 0 ? -z : z) : -y;
    default: return 2.0f * (is_z ? z : is_y ? y : x);
  }
}
// 2 / pi, 1201 bits of it, the first one worth 1/2.
constexpr uint64_t two_over_pi[] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b0000,
};
// The 53 bits of it that `segment` and the size of x choose, for the reduction of x (RDNA3 ISA,
// V_TRIG_PREOP_F64).
inline double trig_preop(double x, uint32_t segment) {
  uint32_t shift = (segment & 31) * 53;
  int e = exponent(x);
  if (e > 1077) shift += static_cast<uint32_t>(e) - 1077;
  if (shift >= 1201) return 0;
  uint32_t word = shift / 64, at = shift % 64;
  uint64_t bits = two_over_pi[word] << at;
  if (at != 0 && word + 1 < sizeof two_over_pi / 8) bits |= two_over_pi[word + 1] >> (64 - at);
  return scaled(static_cast<double>(bits >> 11), -53 - static_cast<int>(shift) + (e >= 1968 ? 128 : 0));
}
// dx9: 0 times anything is 0.
inline float zero_product(float a, float b) { return a == 0 || b == 0 ? 0.0f : a * b; }

const LaneRow rows[] = {
    {"v_min_f32", LANES([](float a, float b) { return minimum(a, b); })},
    {"v_max_f32", LANES([](float a, float b) { return maximum(a, b); })},
    {"v_min3_f32", LANES([](float a, float b, float c) { return minimum(minimum(a, b), c); })},
    {"v_max3_f32", LANES([](float a, float b, float c) { return maximum(maximum(a, b), c); })},
    {"v_med3_f32", LANES([](float a, float b, float c) { return median(a, b, c); })},
    {"v_maxmin_f32", LANES([](float a, float b, float c) { return minimum(maximum(a, b), c); })},
    {"v_minmax_f32", LANES([](float a, float b, float c) { return maximum(minimum(a, b), c); })},
    {"v_min_f64", LANES([](double a, double b) { return minimum(a, b); })},
    {"v_max_f64", LANES([](double a, double b) { return maximum(a, b); })},
    {"v_floor_f32", LANES([](float a) { return __builtin_floorf(a); })},
    {"v_ceil_f32", LANES([](float a) { return __builtin_ceilf(a); })},
    {"v_trunc_f32", LANES([](float a) { return __builtin_truncf(a); })},
    {"v_rndne_f32", LANES([](float a) { return __builtin_roundevenf(a); })},
    {"v_fract_f32", LANES([](float a) {
       float x = a - __builtin_floorf(a);
       return x < 0x1.fffffep-1f || x != x ? x : 0x1.fffffep-1f;
     })},
    {"v_floor_f64", LANES([](double a) { return __builtin_floor(a); })},
    {"v_ceil_f64", LANES([](double a) { return __builtin_ceil(a); })},
    {"v_trunc_f64", LANES([](double a) { return __builtin_trunc(a); })},
    {"v_rndne_f64", LANES([](double a) { return __builtin_roundeven(a); })},
    {"v_fract_f64", LANES([](double a) {
       double x = a - __builtin_floor(a);
       return x < 0x1.fffffffffffffp-1 || x != x ? x : 0x1.fffffffffffffp-1;
     })},
    {"v_cvt_i32_f32", LANES([](float a) { return to_i32(static_cast<double>(a)); })},
    {"v_cvt_u32_f32", LANES([](float a) { return to_u32(static_cast<double>(a)); })},
    {"v_cvt_i32_f64", LANES([](double a) { return to_i32(a); })},
    {"v_cvt_u32_f64", LANES([](double a) { return to_u32(a); })},
    {"v_cvt_nearest_i32_f32",
     LANES([](float a) { return to_i32(__builtin_floor(static_cast<double>(a) + 0.5)); })},
    {"v_cvt_floor_i32_f32", LANES([](float a) { return to_i32(__builtin_floor(static_cast<double>(a))); })},
    {"v_cvt_off_f32_i4",
     LANES([](uint32_t a) { return static_cast<float>(static_cast<int32_t>(a << 28) >> 28) * 0.0625f; })},
    {"v_frexp_mant_f32", LANES([](float a) { return mantissa_of(a); })},
    {"v_frexp_mant_f64", LANES([](double a) { return mantissa_of(a); })},
    {"v_frexp_exp_i32_f32", LANES([](float a) { return frexp_exp<float>(a, exponent_of); })},
    {"v_frexp_exp_i32_f64", LANES([](double a) { return frexp_exp<double>(a, exponent_of); })},
    {"v_ldexp_f32", LANES([](float a, int32_t b) { return scaled(a, b); })},
    {"v_ldexp_f64", LANES([](double a, int32_t b) { return scaled(a, b); })},
    {"v_cmp_class_f16", LANES([](f16 a, uint32_t b) {
       return in_class(is_nan(a), is_signaling(a), sign(a), a.bits >> 10 & 31, 31, a.bits & 0x3ff, b);
     })},
    {"v_cmp_class_f32", LANES([](float a, uint32_t b) {
       return in_class(is_nan(a), is_signaling(a), sign(a), exponent(a), 255, bits_of<uint32_t>(a) << 9, b);
     })},
    {"v_cmp_class_f64", LANES([](double a, uint32_t b) {
       return in_class(is_nan(a), is_signaling(a), sign(a), exponent(a), 2047, bits_of<uint64_t>(a) << 12, b);
     })},
    {"v_div_scale_f32", LANES([](float a, float b, float c, bool& out) { return div_scale(a, b, c, out); })},
    {"v_div_scale_f64",
     LANES([](double a, double b, double c, bool& out) { return div_scale(a, b, c, out); })},
    {"v_div_fmas_f32", LANES([](float a, float b, float c, bool vcc) { return div_fmas(a, b, c, vcc); })},
    {"v_div_fmas_f64", LANES([](double a, double b, double c, bool vcc) { return div_fmas(a, b, c, vcc); })},
    {"v_div_fixup_f32", LANES([](float a, float b, float c) { return div_fixup(a, b, c); })},
    {"v_div_fixup_f64", LANES([](double a, double b, double c) { return div_fixup(a, b, c); })},
    {"v_rcp_f32", LANES([](float a) { return reciprocal(a); })},
    {"v_rcp_iflag_f32", LANES([](float a) { return reciprocal(a); })},
    {"v_rsq_f32", LANES([](float a) { return cut(1.0 / __builtin_sqrt(flushed(a))); })},
    {"v_sqrt_f32", LANES([](float a) { return cut(__builtin_sqrt(flushed(a))); })},
    {"v_exp_f32", LANES([](float a) { return cut(__builtin_exp2(flushed(a))); })},
    {"v_log_f32", LANES([](float a) { return cut(__builtin_log2(flushed(a))); })},
    {"v_sin_f32",
     LANES([](float a) { return a - a == 0 ? cut(__builtin_sin(turns(a))) : __builtin_nanf(""); })},
    {"v_cos_f32",
     LANES([](float a) { return a - a == 0 ? cut(__builtin_cos(turns(a))) : __builtin_nanf(""); })},
    {"v_rcp_f64", LANES([](double a) { return coarse(1.0 / a); })},
    {"v_rsq_f64", LANES([](double a) { return coarse(1.0 / __builtin_sqrt(a)); })},
    {"v_sqrt_f64", LANES([](double a) { return coarse(__builtin_sqrt(a)); })},
    {"v_mul_dx9_zero_f32", LANES([](float a, float b) { return zero_product(a, b); })},
    {"v_fma_dx9_zero_f32",
     LANES([](float a, float b, float c) { return a == 0 || b == 0 ? c : fused(a, b, c); })},
    {"v_fmac_dx9_zero_f32",
     LANES([](float a, float b, float c) { return a == 0 || b == 0 ? c : fused(a, b, c); })},
    {"v_trig_preop_f64", LANES([](double a, uint32_t b) { return trig_preop(a, b); })},
    {"v_cubeid_f32", LANES([](float a, float b, float c) { return cube(a, b, c, 0); })},
    {"v_cubesc_f32", LANES([](float a, float b, float c) { return cube(a, b, c, 1); })},
    {"v_cubetc_f32", LANES([](float a, float b, float c) { return cube(a, b, c, 2); })},
    {"v_cubema_f32", LANES([](float a, float b, float c) { return cube(a, b, c, 3); })},
    // The specular exponent's product (RDNA2 ISA, V_MULLIT_F32).
    {"v_mullit_f32", LANES([](float a, float b, float c) {
       bool lowest = b == -3.402823466e38f || b == -Float<float>::infinity || b != b;
       return lowest || !(c > 0) ? -3.402823466e38f : zero_product(a, b);
     })},
};

}  // namespace

LaneRows special_rows();
LaneRows special_rows() { return {rows, sizeof rows / sizeof *rows}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
