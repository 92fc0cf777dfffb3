// What an x86-64 processor can do: one table for all who ask. Its names are those of Linux (/proc/cpuinfo),
// but for lzcnt, which is abm there. A device reports them (Limits::features), an image names those that it
// needs, and the rows of the instruction table hold their bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hal/base/result.h"

namespace doorbell::x86 {

using Features = uint32_t;
namespace feature {
inline constexpr Features base = 0, popcnt = 1u << 0, lzcnt = 1u << 1, bmi1 = 1u << 2, bmi2 = 1u << 3,
                          avx = 1u << 4, avx2 = 1u << 5, fma = 1u << 6, f16c = 1u << 7, avx_vnni = 1u << 8,
                          avx512f = 1u << 9, avx512vl = 1u << 10, avx512bw = 1u << 11, avx512dq = 1u << 12,
                          avx512_vnni = 1u << 13, avx512_fp16 = 1u << 14, prefetchw = 1u << 15,
                          sse4_2 = 1u << 16, movbe = 1u << 17, avx512cd = 1u << 18, avx512vbmi = 1u << 19,
                          avx512_bf16 = 1u << 20;
}  // namespace feature

std::vector<std::string> names(Features features);
// The bits of those names that the table has; others are left out.
Features features_of(std::span<const std::string> names);

// What both this processor and its operating system support, less what the debug variable FEATURES takes
// away. An error where that variable holds anything but names of the table, each behind a minus.
Result<Features> host_features();
std::string host_brand();  // "AMD EPYC 7763 64-Core Processor"

}  // namespace doorbell::x86
