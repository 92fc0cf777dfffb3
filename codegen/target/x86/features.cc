// See features.h.
#include "codegen/target/x86/features.h"

#include <cpuid.h>

namespace doorbell::x86 {
namespace {

using namespace feature;

struct Bit {
  Features feature;
  std::string_view name;
  uint32_t leaf, sub;
  int reg;  // eax, ebx, ecx, edx
  int bit;
  uint64_t state;  // bits of XCR0 that the operating system must have set
};
constexpr uint64_t ymm_state = 0x6, zmm_state = 0xe6;
// clang-format off
constexpr Bit bits[] = {
  {popcnt,      "popcnt",      1, 0, 2, 23, 0},
  {lzcnt,       "lzcnt",       0x80000001, 0, 2, 5, 0},
  {bmi1,        "bmi1",        7, 0, 1, 3, 0},
  {bmi2,        "bmi2",        7, 0, 1, 8, 0},
  {avx,         "avx",         1, 0, 2, 28, ymm_state},
  {avx2,        "avx2",        7, 0, 1, 5, ymm_state},
  {fma,         "fma",         1, 0, 2, 12, ymm_state},
  {f16c,        "f16c",        1, 0, 2, 29, ymm_state},
  {avx_vnni,    "avx_vnni",    7, 1, 0, 4, ymm_state},
  {avx512f,     "avx512f",     7, 0, 1, 16, zmm_state},
  {avx512vl,    "avx512vl",    7, 0, 1, 31, zmm_state},
  {avx512bw,    "avx512bw",    7, 0, 1, 30, zmm_state},
  {avx512dq,    "avx512dq",    7, 0, 1, 17, zmm_state},
  {avx512_vnni, "avx512_vnni", 7, 0, 2, 11, zmm_state},
  {avx512_fp16, "avx512_fp16", 7, 0, 3, 23, zmm_state},
};
// clang-format on

uint64_t xcr0() {
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

}  // namespace

std::vector<std::string> names(Features features) {
  std::vector<std::string> out;
  for (const Bit& b : bits)
    if (features & b.feature) out.emplace_back(b.name);
  return out;
}

Result<Features> host_features() {
  uint32_t r[4] = {};
  constexpr uint32_t osxsave = 1u << 27;
  __get_cpuid(1, &r[0], &r[1], &r[2], &r[3]);
  const uint64_t state = r[2] & osxsave ? xcr0() : 0;
  Features found = 0;
  for (const Bit& b : bits) {
    if (!__get_cpuid_count(b.leaf, b.sub, &r[0], &r[1], &r[2], &r[3])) continue;
    if ((r[b.reg] >> b.bit & 1) && (state & b.state) == b.state) found |= b.feature;
  }
  if (Features missing = floor_features & ~found) {
    std::string list;
    for (const std::string& n : names(missing)) list += (list.empty() ? "" : ", ") + n;
    return error("this processor lacks {}; doorbell needs x86-64-v3 (Intel Haswell, AMD Excavator, or later)",
                 list);
  }
  return found;
}

}  // namespace doorbell::x86
