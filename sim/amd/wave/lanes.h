// From a function on one lane's values to a function on all lanes. `lanes<F>` reads F's signature: each
// argument is taken from the next source in its type's width, the result goes to the destination, a bool
// result or a last argument of type bool& to the mask. The loops have a constant count and no dependence
// between iterations, so that the compiler turns them into SIMD; the valu_*.cc files are compiled once per
// instruction set of the host, each in a namespace of its own (DOORBELL_SIMD), and simd.h chooses between
// them.
//
//   {"v_add_nc_u32", LANES([](uint32_t a, uint32_t b) { return a + b; })}
//   {"v_cmp_lt_i32", LANES([](int32_t a, int32_t b) { return a < b; })}
//   {"v_add_co_ci_u32", LANES([](uint32_t a, uint32_t b, bool in, bool& out) { ... })}
//   {"v_fmac_f32", LANES([](float a, float b, float acc) { return fma(a, b, acc); })}
//
// Arguments stand in the order of the instruction's text; then a destination that is read ("+f32" in the
// table); then masks: the table's, or VCC where a row reads it implicitly.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/amd/wave/masks.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {

// Bits of narrow floats; float16.h computes with them.
struct f16 {
  uint16_t bits;
};
struct bf16 {
  uint16_t bits;
};
// Four registers.
struct Quad {
  uint32_t word[4];
};

template <class To, class From>
inline To bits_of(From from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

template <class T>
inline T load_lane(const uint32_t* p, uint32_t i, uint32_t stride) {
  if constexpr (sizeof(T) == 16) {
    return T{{p[i], p[i + stride], p[i + 2 * stride], p[i + 3 * stride]}};
  } else if constexpr (sizeof(T) == 8) {
    return bits_of<T>(p[i] | static_cast<uint64_t>(p[i + stride]) << 32);
  } else if constexpr (sizeof(T) == 4) {
    return bits_of<T>(p[i]);
  } else if constexpr (sizeof(T) == 2) {
    return bits_of<T>(static_cast<uint16_t>(p[i]));
  } else {
    static_assert(sizeof(T) == 1);  // bool: a mask
    return p[i] != 0;
  }
}

template <class T>
inline void store_lane(uint32_t* p, uint32_t i, uint32_t stride, T value) {
  if constexpr (sizeof(T) == 16) {
    for (int r = 0; r < 4; ++r) p[i + r * stride] = value.word[r];
  } else if constexpr (sizeof(T) == 8) {
    uint64_t word = bits_of<uint64_t>(value);
    p[i] = static_cast<uint32_t>(word);
    p[i + stride] = static_cast<uint32_t>(word >> 32);
  } else if constexpr (sizeof(T) == 4) {
    p[i] = bits_of<uint32_t>(value);
  } else {
    static_assert(sizeof(T) == 2);
    p[i] = bits_of<uint16_t>(value);
  }
}

// Executes any vector instruction (valu.cc).
bool valu(Wave& w, const Instruction& s);

namespace detail {

template <class T>
struct IsBoolRef {
  static constexpr bool value = false;
};
template <>
struct IsBoolRef<bool&> {
  static constexpr bool value = true;
};

template <class L>
struct Traits : Traits<decltype(&L::operator())> {};
template <class C, class R, class... A>
struct Traits<R (C::*)(A...) const> {
  template <template <class...> class To>
  using Apply = To<R, A...>;
  static constexpr size_t arguments = sizeof...(A);
};

template <size_t... I>
struct Indices {};
template <size_t N, size_t... I>
struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};
template <size_t... I>
struct MakeIndices<0, I...> {
  using Type = Indices<I...>;
};

template <class T>
struct Argument {
  [[gnu::always_inline]] static inline T get(const uint32_t* p, uint32_t i, uint32_t stride, bool&) {
    return load_lane<T>(p, i, stride);
  }
};
template <>
struct Argument<bool&> {
  [[gnu::always_inline]] static inline bool& get(const uint32_t*, uint32_t, uint32_t, bool& out) {
    return out;
  }
};

template <class R, class... A>
struct Call {
  static constexpr bool mask_out = (IsBoolRef<A>::value || ...);
  static constexpr bool only_mask = sizeof(R) == 1;

  // The pointers are values of this function, so that the compiler sees that no store changes them.
  template <class F, class... P>
  [[gnu::always_inline]] static inline void loop(F f, uint32_t* d, uint32_t* m, uint32_t stride, P... p) {
    DOORBELL_ANY_ORDER
    for (uint32_t i = 0; i < 32; ++i) {
      bool out = false;
      if constexpr (only_mask) {
        m[i] = f(Argument<A>::get(p, i, stride, out)...) ? ~uint32_t{0} : 0;
      } else {
        R r = f(Argument<A>::get(p, i, stride, out)...);
        store_lane(d, i, stride, r);
        if constexpr (mask_out) m[i] = out ? ~uint32_t{0} : 0;
      }
    }
  }
  template <class F, size_t... I>
  [[gnu::always_inline]] static inline void all(F f, const Lanes& x, Indices<I...>) {
    // A loop of constant count inside: vectorised and unrolled whole.
    for (uint32_t h = 0; h < x.stride; h += 32) loop(f, x.d + h, x.m + h, x.stride, (x.s[I] + h)...);
  }
};

// One source of a whole instruction: where its lanes are, and which of them are known.
template <class T>
[[gnu::always_inline]] inline const uint32_t* source(Wave& w, const Place& p, uint32_t* spare,
                                                     uint64_t& valid) {
  if constexpr (sizeof(T) == 1) {  // bool: a mask
    expand(w.mask(p.index), spare, w.stride);
    valid &= known_mask(w, p.index);
    return spare;
  } else {
    constexpr uint32_t registers = sizeof(T) <= 4 ? 1 : sizeof(T) / 4;
    if (p.kind == Place::scalar) [[unlikely]] {
      for (uint32_t r = 0; r < registers; ++r) {
        spread(w.s[p.index + r], spare + r * w.stride, w.stride);
        valid &= all_or_none(w.lane_known(p.index + r));
      }
      return spare;
    }
    if (p.lanes) return p.lanes;
    for (uint32_t r = 0; r < registers; ++r) valid &= w.valid[p.index + r];
    return w.v + p.distance;
  }
}

// A whole instruction without modifiers: sources, lanes, exec, validity. What is rarer goes the long way.
template <class R, class... A>
struct Fused {
  using Loop = Call<R, A...>;
  static constexpr uint32_t registers = sizeof(R) <= 4 ? 1 : sizeof(R) / 4;
  static constexpr bool possible =
      sizeof(R) != 2 && ((sizeof(A) != 2 && sizeof(A) != 16) && ...) && sizeof(R) != 16 && sizeof...(A) != 0;

  template <class F, size_t... I>
  [[gnu::always_inline]] static inline bool run(F f, Wave& w, const Instruction& s, Indices<I...>) {
    if (s.is_float && !w.mode_plain) [[unlikely]]
      return valu(w, s);
    uint64_t exec = w.exec(), valid = ~uint64_t{0};
    if (!Loop::only_mask && !Loop::mask_out && exec == 0) [[unlikely]]
      return true;
    uint32_t stride = w.stride;
    Lanes x;
    x.stride = stride;
    // A last argument that the mask goes to is no source.
    ((x.s[I] = IsBoolRef<A>::value ? nullptr : source<A>(w, s.s[I], w.spare[I], valid)), ...);
    if (s.validity != Validity::all && (~valid & w.all_lanes) != 0) [[unlikely]]
      return valu(w, s);
    uint32_t* d = w.v + static_cast<size_t>(s.d) * stride;
    bool whole = exec == w.all_lanes;
    x.m = w.spare[4];
    x.d = whole ? d : w.spare[5];
    Loop::all(f, x, Indices<I...>());
    if constexpr (!Loop::only_mask) {
      if (whole) [[likely]] {
        for (uint32_t r = 0; r < registers; ++r) w.valid[s.d + r] = valid;
      } else {
        for (uint32_t r = 0; r < registers; ++r) {
          blend(d + r * stride, w.spare[5] + r * stride, exec, stride);
          w.valid[s.d + r] = (w.valid[s.d + r] & ~exec) | (valid & exec);
        }
      }
    }
    if constexpr (Loop::only_mask || Loop::mask_out) {
      write_mask(w, s, pack(x.m, stride) & exec, valid | ~exec);
      if (s.m == reg::exec && (exec & ~valid) != 0) [[unlikely]]
        return fault_invalid_exec(w, s);
    }
    return true;
  }
};

}  // namespace detail

template <auto F>
void lanes(const Lanes& x) {
  using Traits = detail::Traits<decltype(F)>;
  static_assert(Traits::arguments <= 4);
  Traits::template Apply<detail::Call>::all(F, x, typename detail::MakeIndices<Traits::arguments>::Type());
}
template <auto F>
bool fused(Wave& w, const Instruction& s) {
  using Traits = detail::Traits<decltype(F)>;
  return Traits::template Apply<detail::Fused>::run(F, w, s,
                                                    typename detail::MakeIndices<Traits::arguments>::Type());
}
template <auto F>
constexpr LaneCode code() {
  using Fused = typename detail::Traits<decltype(F)>::template Apply<detail::Fused>;
  if constexpr (Fused::possible) return {lanes<F>, fused<F>};
  else return {lanes<F>};
}

}  // namespace doorbell::sim::amd::DOORBELL_SIMD

// The code of a lambda. The parentheses are for g++ 12, which otherwise takes a `>` in the lambda for the
// end of the template's arguments.
#define LANES(...) code<(__VA_ARGS__)>()
