// Bits: Intel SDM volume 2A, CPUID (leaf 1, 7.0, 7.1) and AMD APM volume 3, appendix E (leaf 8000_0001). What
// must be asked beside them: SDM volume 1, 14.3 "Detection of Intel AVX Instructions", 15.2 for AVX-512.
#include "hal/base/cpuid.h"

#include <cpuid.h>

#include <array>
#include <cstring>

#include "hal/base/env.h"

namespace doorbell::x86 {
namespace {

enum Register : uint8_t { eax, ebx, ecx, edx };
// Register state that the operating system must save, as bits of XCR0 (SDM volume 1, 13.3).
enum State : uint32_t { none = 0, ymm = 0x6, zmm = 0xe6 };

struct Row {
  Features feature;
  std::string_view name;
  uint32_t leaf, subleaf;
  Register where;
  uint8_t bit;
  State state;
};

using namespace feature;
// clang-format off
constexpr Row table[] = {
    {sse4_2,      "sse4_2",      1, 0, ecx, 20, State::none},
    {popcnt,      "popcnt",      1, 0, ecx, 23, State::none},
    {movbe,       "movbe",       1, 0, ecx, 22, State::none},
    {lzcnt,       "lzcnt",       0x80000001, 0, ecx, 5, State::none},
    {prefetchw,   "3dnowprefetch", 0x80000001, 0, ecx, 8, State::none},
    {bmi1,        "bmi1",        7, 0, ebx,  3, State::none},
    {bmi2,        "bmi2",        7, 0, ebx,  8, State::none},
    {avx,         "avx",         1, 0, ecx, 28, ymm},
    {f16c,        "f16c",        1, 0, ecx, 29, ymm},
    {fma,         "fma",         1, 0, ecx, 12, ymm},
    {avx2,        "avx2",        7, 0, ebx,  5, ymm},
    {avx_vnni,    "avx_vnni",    7, 1, eax,  4, ymm},
    {avx512f,     "avx512f",     7, 0, ebx, 16, zmm},
    {avx512dq,    "avx512dq",    7, 0, ebx, 17, zmm},
    {avx512cd,    "avx512cd",    7, 0, ebx, 28, zmm},
    {avx512bw,    "avx512bw",    7, 0, ebx, 30, zmm},
    {avx512vl,    "avx512vl",    7, 0, ebx, 31, zmm},
    {avx512vbmi,  "avx512vbmi",  7, 0, ecx,  1, zmm},
    {avx512_vnni, "avx512_vnni", 7, 0, ecx, 11, zmm},
    {avx512_bf16, "avx512_bf16", 7, 1, eax,  5, zmm},
    {avx512_fp16, "avx512_fp16", 7, 0, edx, 23, zmm},
};
// clang-format on

Features feature_named(std::string_view name) {
  for (const Row& row : table)
    if (row.name == name) return row.feature;
  return 0;
}

uint32_t saved_state() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  constexpr uint32_t os_xsave = 1u << 27;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & os_xsave)) return 0;
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

// FEATURES=-avx512f,-avx_vnni
Result<Features> taken_away() {
  const std::string text = env_text(Env::features);
  Features out = 0;
  for (size_t at = 0; !text.empty() && at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string_view word = std::string_view(text).substr(at, end - at);
    const Features one = word.starts_with('-') ? feature_named(word.substr(1)) : 0;
    if (one == 0)
      return error("environment variable FEATURES={}: `{}` is no feature behind a minus; features are {}",
                   text, word, fmt::join(names(~Features{}), ", "));
    out |= one;
    at = end + 1;
  }
  return out;
}

}  // namespace

std::vector<std::string> names(Features features) {
  std::vector<std::string> out;
  for (const Row& row : table)
    if (features & row.feature) out.emplace_back(row.name);
  return out;
}

Features features_of(std::span<const std::string> names) {
  Features out = 0;
  for (const std::string& name : names) out |= feature_named(name);
  return out;
}

Result<Features> host_features() {
  const uint32_t saved = saved_state();
  Features found = 0;
  for (const Row& row : table) {
    std::array<uint32_t, 4> r{};
    if (!__get_cpuid_count(row.leaf, row.subleaf, &r[0], &r[1], &r[2], &r[3])) continue;
    if ((r[row.where] >> row.bit & 1) && (saved & row.state) == row.state) found |= row.feature;
  }
  return found & ~TRY(taken_away());
}

std::string host_brand() {
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

}  // namespace doorbell::x86
