// What the processor at hand can do, by cpuid and xgetbv (Intel SDM vol. 1, 14.3 "Detection of Intel AVX
// Instructions", 15.2 for AVX-512; leaves in vol. 2A, CPUID). The floor is x86-64-v3: AVX2, FMA, F16C, BMI,
// LZCNT.
#pragma once

#include <string>
#include <vector>

#include "codegen/isa/x86/x86.h"

namespace doorbell::x86 {

inline constexpr Features floor_features = feature::popcnt | feature::lzcnt | feature::bmi1 | feature::bmi2 |
                                           feature::avx | feature::avx2 | feature::fma | feature::f16c;

// The features of this machine. An error, one line for the user, where it lacks one of the floor.
Result<Features> host_features();

std::vector<std::string> names(Features features);

}  // namespace doorbell::x86
