// What this target needs of a processor, and what it makes of more. The floor is x86-64-v3: AVX2, FMA, F16C,
// BMI, LZCNT. EVEX encodings are used where a processor has the four parts of AVX-512 that make them whole:
// vectors of every size and elements of every width, with masks.
#pragma once

#include "hal/base/cpuid.h"

namespace doorbell::x86 {

inline constexpr Features floor_features = feature::popcnt | feature::lzcnt | feature::bmi1 | feature::bmi2 |
                                           feature::avx | feature::avx2 | feature::fma | feature::f16c;
inline constexpr Features evex_features =
    feature::avx512f | feature::avx512vl | feature::avx512bw | feature::avx512dq;

constexpr bool has_evex(Features features) { return (features & evex_features) == evex_features; }

// What code is made of: either all vectors in EVEX encodings, or none. Other features change nothing.
constexpr Features usable(Features features) {
  using namespace feature;
  return features & (floor_features |
                     (has_evex(features) ? evex_features | avx512_vnni | avx512_fp16 : Features{avx_vnni}));
}

// An error, one line for the user, where a processor lacks some of the floor.
Status check_floor(Features features);

}  // namespace doorbell::x86
