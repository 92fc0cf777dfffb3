// What MODE and the output modifiers make of floats: passes over the sources of an instruction before it
// computes, and over its result afterwards. Rounding, and flushing of f32 and f64 results, are MXCSR's part
// (control.cc), which like AMD's units takes a result for tiny before it is rounded to a denormal; halves are
// judged afterwards.
//
// Sources: RDNA2 ISA and RDNA3 ISA, "Rounding and Denormal Modes", "Output modifiers" (ignored in IEEE mode
// and where results may be denormal), MODE.DX10_CLAMP, MODE.FP16_OVFL; the limits of omod as captured from
// gfx1030 and gfx1100 (ROCm/rocm-systems, emulation/rocjitsu, output_modifier.h); IEEE mode: LLVM's "User
// Guide for AMDGPU Backend", ENABLE_IEEE_MODE.
#pragma once

#include "sim/amd/wave/lanes.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {

// Bits of the binary formats.
template <class U, int Fraction>
struct FloatBits {
  static constexpr U sign = static_cast<U>(U{1} << (sizeof(U) * 8 - 1));
  static constexpr U least_normal = static_cast<U>(U{1} << Fraction);
  static constexpr U infinity = static_cast<U>(static_cast<U>(~sign) - (least_normal - 1));
  static constexpr U quiet = static_cast<U>(least_normal >> 1);
  static constexpr U one = static_cast<U>((infinity >> 1) & ~(least_normal - 1));
  static constexpr int fraction = Fraction;

  static constexpr U magnitude(U x) { return static_cast<U>(x & static_cast<U>(~sign)); }
  static constexpr bool is_nan(U x) { return magnitude(x) > infinity; }
  static constexpr U flushed(U x) { return (x & infinity) == 0 ? static_cast<U>(x & sign) : x; }
  static constexpr U quieted(U x) { return is_nan(x) ? static_cast<U>(x | quiet) : x; }

  // x * 2, x * 4 or x / 2; `round` as in MODE.
  static constexpr U scaled(U x, unsigned omod, unsigned round) {
    unsigned exponent = static_cast<unsigned>(magnitude(x) >> fraction), top = infinity >> fraction;
    if (exponent == 0) return 0;
    if (exponent == top) return x;
    if (omod == 3) return exponent == 1 ? static_cast<U>(x & sign) : static_cast<U>(x - least_normal);
    if (exponent + omod < top) return static_cast<U>(x + omod * least_normal);
    bool away = round == 0 || round == (x & sign ? 2u : 1u);
    return static_cast<U>((x & sign) | (away ? infinity : infinity - 1));
  }
  // Limited to [0, 1].
  static constexpr U clamped(U x, bool nan_to_zero) {
    if (is_nan(x)) return nan_to_zero ? U{0} : x;
    return x & sign ? U{0} : x > one ? one : x;
  }
};
using Half = FloatBits<uint16_t, 10>;
using Single = FloatBits<uint32_t, 23>;
using Double = FloatBits<uint64_t, 52>;

// The float of a lane: the low half, the high half (`half` 1), or all of its registers.
template <class Form>
inline auto float_at(const uint32_t* x, uint32_t lane, unsigned half, uint32_t stride) {
  if constexpr (sizeof(Form::sign) == 8) return load_lane<uint64_t>(x, lane, stride);
  else if constexpr (sizeof(Form::sign) == 4) return x[lane];
  else return static_cast<uint16_t>(x[lane] >> 16 * half);
}
template <class Form, class U>
inline void put_float(uint32_t* x, uint32_t lane, unsigned half, uint32_t stride, U value) {
  if constexpr (sizeof(U) == 8) store_lane(x, lane, stride, value);
  else if constexpr (sizeof(U) == 4) x[lane] = value;
  else x[lane] = (x[lane] & 0xffff0000u >> 16 * half) | uint32_t{value} << 16 * half;
}
template <class F>
inline void with_form(unsigned bits, F f) {
  if (bits == 64) f(Double());
  else if (bits == 32) f(Single());
  else f(Half());
}

namespace mode {
inline bool ieee(const Wave& w) { return w.mode >> 9 & 1; }
inline bool limits_overflow(const Wave& w) { return w.mode >> 23 & 1; }
inline unsigned round(const Wave& w, unsigned bits) { return w.mode >> (bits == 32 ? 0 : 2) & 3; }
inline unsigned denormals(const Wave& w, unsigned bits) { return w.mode >> (bits == 32 ? 4 : 6) & 3; }
inline bool flushes_sources(const Wave& w, unsigned bits) { return !(denormals(w, bits) & 1); }
inline bool flushes_results(const Wave& w, unsigned bits) { return !(denormals(w, bits) & 2); }
}  // namespace mode

// Denormals of a source to zero; outside of IEEE mode minimum and maximum take all NaNs alike.
inline bool prepares(const Wave& w, const Instruction& s, const Place& p) {
  return p.is_float && !p.brain && (mode::flushes_sources(w, p.bits) || (s.selects && !mode::ieee(w)));
}
inline void prepare(const Wave& w, const Instruction& s, const Place& p, uint32_t* x, uint32_t stride) {
  bool flushes = mode::flushes_sources(w, p.bits), quiets = s.selects && !mode::ieee(w);
  with_form(p.bits, [=](auto form) {
    using Form = decltype(form);
    for (uint32_t lane = 0; lane < stride; ++lane) {
      for (unsigned half = 0; half < p.count; ++half) {
        auto bits = float_at<Form>(x, lane, half, stride);
        if (flushes) bits = Form::flushed(bits);
        if (quiets) bits = Form::quieted(bits);
        put_float<Form>(x, lane, half, stride, bits);
      }
    }
  });
}

// The result `d` of the instruction, from `source` as they were before prepare().
inline void finish(const Wave& w, const Instruction& s, const uint32_t* const* source, uint32_t* d,
                   uint32_t stride) {
  const doorbell::amd::Modifiers& mods = s.inst->mods;
  bool passes_nans = !mode::ieee(w), flushes = mode::flushes_results(w, s.d_bits),
       limits = s.d_bits == 16 && mode::limits_overflow(w) && !s.divides,
       scales = mods.omod && flushes && !mode::ieee(w) && s.d_count == 1, nan_to_zero = w.mode >> 8 & 1;
  unsigned round = mode::round(w, s.d_bits);
  auto is_finite = [&](uint32_t lane, unsigned half) {  // all sources are
    bool all = true;
    for (unsigned k = 0; k < s.sources; ++k) {
      const Place& p = s.s[k];
      if (!p.is_float || p.brain) continue;
      with_form(p.bits, [&](auto form) {
        using Form = decltype(form);
        auto bits = float_at<Form>(source[k], lane, p.count == 2 ? half : 0, stride);
        all = all && Form::magnitude(bits) < Form::infinity;
      });
    }
    return all;
  };
  with_form(s.d_bits, [&](auto form) {
    using Form = decltype(form);
    for (uint32_t lane = 0; lane < stride; ++lane) {
      for (unsigned half = 0; half < s.d_count; ++half) {
        auto x = float_at<Form>(d, lane, half, stride);
        if (passes_nans && Form::is_nan(x)) {  // a signaling NaN as it is
          for (unsigned k = s.sources; k-- > 0;) {
            const Place& p = s.s[k];
            if (!p.is_float || p.bits != s.d_bits || p.count != s.d_count) continue;
            auto from = float_at<Form>(source[k], lane, half, stride);
            if (Form::is_nan(from) && Form::quieted(from) == Form::quieted(x)) x = from;
          }
        }
        if (limits && Form::magnitude(x) == Form::infinity && is_finite(lane, half)) --x;
        if (flushes && !s.selects) x = Form::flushed(x);
        if (scales) x = Form::scaled(x, mods.omod, round);
        if (mods.clamp) x = Form::clamped(x, nan_to_zero);
        put_float<Form>(d, lane, half, stride, x);
      }
    }
  });
}

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
