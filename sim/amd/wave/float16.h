// Arithmetic on the bits of narrow floats. A half is widened to f32, where each operation but fma is exact
// enough that rounding twice rounds once (Figueroa, "When is double rounding innocuous?", 1995: 24 >= 2 * 11
// + 2); fma goes through round-to-odd (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums",
// 2008). MXCSR's rounding mode holds.
#pragma once

#include <immintrin.h>

#include "sim/amd/wave/lanes.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {

inline float wide(f16 x) { return _cvtsh_ss(x.bits); }
inline f16 narrow(float x) { return {static_cast<uint16_t>(_cvtss_sh(x, _MM_FROUND_CUR_DIRECTION))}; }
inline float wide(bf16 x) { return bits_of<float>(static_cast<uint32_t>(x.bits) << 16); }

// `x` rounded to f32 so that a last bit of 1 says that something was lost: rounding that again rounds `x`
// once.
inline float to_odd(double x) {
  float near = static_cast<float>(x);
  if (static_cast<double>(near) == x || near != near) return near;
  uint32_t bits = bits_of<uint32_t>(near);
  if (bits & 1) return near;
  bool too_far = (near < 0 ? -static_cast<double>(near) : static_cast<double>(near)) > (x < 0 ? -x : x);
  return bits_of<float>(too_far ? bits - 1 : bits + 1);
}
inline f16 narrow(double x) { return narrow(to_odd(x)); }

// a * b + c, rounded once: the product is exact in f64; of the sum, what is lost sets the last bit.
inline f16 fma(f16 a, f16 b, f16 c) {
  double product = static_cast<double>(wide(a)) * static_cast<double>(wide(b)),
         addend = static_cast<double>(wide(c));
  double sum = product + addend, back = sum - product;
  double lost = (product - (sum - back)) + (addend - back);
  uint64_t bits = bits_of<uint64_t>(sum);
  if (lost != 0 && lost == lost && !(bits & 1))
    sum = bits_of<double>((lost > 0) == (sum > 0) ? bits + 1 : bits - 1);
  return narrow(sum);
}

inline bool is_nan(f16 x) { return (x.bits & 0x7fff) > 0x7c00; }
inline bool is_nan(float x) { return x != x; }
inline bool is_nan(double x) { return x != x; }
inline f16 quiet(f16 x) { return {static_cast<uint16_t>(x.bits | 0x200)}; }
inline float quiet(float x) { return bits_of<float>(bits_of<uint32_t>(x) | 1u << 22); }
inline double quiet(double x) { return bits_of<double>(bits_of<uint64_t>(x) | uint64_t{1} << 51); }
inline bool is_signaling(f16 x) { return int{is_nan(x)} & int{!(x.bits & 0x200)}; }
inline bool is_signaling(float x) { return int{is_nan(x)} & int{!(bits_of<uint32_t>(x) >> 22 & 1)}; }
inline bool is_signaling(double x) { return int{is_nan(x)} & int{!(bits_of<uint64_t>(x) >> 51 & 1)}; }
inline bool sign(f16 x) { return x.bits >> 15; }
inline bool sign(float x) { return bits_of<uint32_t>(x) >> 31; }
inline bool sign(double x) { return bits_of<uint64_t>(x) >> 63; }
inline bool less(f16 a, f16 b) { return wide(a) < wide(b); }
inline bool less(float a, float b) { return a < b; }
inline bool less(double a, double b) { return a < b; }

// RDNA3 ISA, V_MIN_F32 and its kin: a number wins over a quiet NaN, a signaling one comes back quiet (IEEE
// mode), -0 is less than +0. Choices without branches, so that loops become SIMD.
template <class T>
inline T chosen(T a, T b, bool first) {
  T r = first ? a : b;
  r = is_nan(a) ? b : r;
  r = is_nan(b) ? a : r;
  r = is_signaling(b) ? quiet(b) : r;
  return is_signaling(a) ? quiet(a) : r;
}
template <class T>
inline T minimum(T a, T b) {
  return chosen(a, b, (int{less(a, b)} | (int{!less(b, a)} & int{sign(a)})) != 0);
}
template <class T>
inline T maximum(T a, T b) {
  return chosen(a, b, (int{less(b, a)} | (int{!less(a, b)} & int{!sign(a)})) != 0);
}
template <class T>
inline T median(T a, T b, T c) {
  if (is_nan(a) || is_nan(b) || is_nan(c)) return minimum(minimum(a, b), c);
  return maximum(minimum(a, b), minimum(maximum(a, b), c));
}

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
