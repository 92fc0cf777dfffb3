#include "sim/amd/wave/simd.h"

#include <cstdlib>

#include "hal/base/cpuid.h"

namespace doorbell::sim::amd {

namespace {

// What g++'s -march=x86-64-v3 and -v4 may make use of (System V ABI, AMD64 supplement, 3.1.1), as meson.build
// asks.
namespace has = x86::feature;
constexpr x86::Features v3 = has::sse4_2 | has::popcnt | has::movbe | has::lzcnt | has::bmi1 | has::bmi2 |
                             has::avx | has::avx2 | has::fma | has::f16c;
constexpr x86::Features v4 =
    v3 | has::avx512f | has::avx512cd | has::avx512bw | has::avx512dq | has::avx512vl;
constexpr struct {
  x86::Features needs;
  const Simd& (*table)();
} copies[] = {{v4, avx512::table}, {v3, avx2::table}};

}  // namespace

Result<std::vector<const Simd*>> simds() {
  const x86::Features host = TRY(x86::host_features());
  std::vector<const Simd*> found;
  for (const auto& copy : copies)
    if (!(copy.needs & ~host)) found.push_back(&copy.table());
  if (found.empty())
    return error(
        "this processor lacks {}; the emulated GPU needs x86-64-v3 (Intel Haswell, AMD Excavator, or later)",
        fmt::join(x86::names(v3 & ~host), ", "));
  return found;
}

const Simd& simd() {
  static const Simd& best = []() -> const Simd& {
    auto found = simds();
    if (found) return *found->front();
    fmt::print(stderr, "{}\n", found.error().message);
    std::exit(1);
  }();
  return best;
}

}  // namespace doorbell::sim::amd
