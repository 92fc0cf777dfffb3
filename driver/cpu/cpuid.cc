// Bits: Intel SDM volume 2A, CPUID (leaf 1, 7.0, 7.1) and AMD APM volume 3, appendix E (leaf 8000_0001).
#include "driver/cpu/cpuid.h"

#include <cpuid.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace doorbell {
namespace {

enum Register : uint8_t { eax, ebx, ecx, edx };
// Register state that the operating system must save, as bits of XCR0 (SDM volume 1, 13.3).
enum State : uint32_t { none = 0, ymm = 0x6, zmm = 0xe6 };

struct Row {
  const char* name;
  uint32_t leaf, subleaf;
  Register where;
  uint8_t bit;
  State state;
};

// clang-format off
constexpr Row kFeatures[] = {
    {"sse4_2",     1, 0, ecx, 20, none},
    {"popcnt",     1, 0, ecx, 23, none},
    {"movbe",      1, 0, ecx, 22, none},
    {"lzcnt",      0x80000001, 0, ecx, 5, none},
    {"bmi1",       7, 0, ebx,  3, none},
    {"bmi2",       7, 0, ebx,  8, none},
    {"avx",        1, 0, ecx, 28, ymm},
    {"f16c",       1, 0, ecx, 29, ymm},
    {"fma",        1, 0, ecx, 12, ymm},
    {"avx2",       7, 0, ebx,  5, ymm},
    {"avx_vnni",   7, 1, eax,  4, ymm},
    {"avx512f",    7, 0, ebx, 16, zmm},
    {"avx512dq",   7, 0, ebx, 17, zmm},
    {"avx512cd",   7, 0, ebx, 28, zmm},
    {"avx512bw",   7, 0, ebx, 30, zmm},
    {"avx512vl",   7, 0, ebx, 31, zmm},
    {"avx512vbmi", 7, 0, ecx,  1, zmm},
    {"avx512_vnni", 7, 0, ecx, 11, zmm},
    {"avx512_bf16", 7, 1, eax,  5, zmm},
    {"avx512_fp16", 7, 0, edx, 23, zmm},
};
// clang-format on

uint32_t saved_state() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  constexpr uint32_t kOsXsave = 1u << 27;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & kOsXsave)) return 0;
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

}  // namespace

std::vector<std::string> cpu_features() {
  std::vector<std::string> found;
  uint32_t saved = saved_state();
  for (const Row& row : kFeatures) {
    std::array<uint32_t, 4> r{};
    if (!__get_cpuid_count(row.leaf, row.subleaf, &r[0], &r[1], &r[2], &r[3])) continue;
    if ((r[row.where] >> row.bit & 1) && (saved & row.state) == row.state) found.emplace_back(row.name);
  }
  return found;
}

std::string cpu_brand() {
  std::array<uint32_t, 12> words{};
  for (uint32_t i = 0; i < 3; ++i)
    if (!__get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]))
      return "x86-64";
  std::array<char, 49> text{};
  std::memcpy(text.data(), words.data(), 48);
  std::string brand = text.data();
  brand.erase(brand.find_last_not_of(' ') + 1);
  return brand;
}

}  // namespace doorbell
