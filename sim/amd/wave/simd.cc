// Chooses among the copies of the valu files.
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd {

namespace base {
const Simd& table();
}
namespace avx2 {
const Simd& table();
}

const Simd& simd() {
  static const Simd& best = [&]() -> const Simd& {
    bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi") &&
               __builtin_cpu_supports("bmi2");
    return has ? avx2::table() : base::table();
  }();
  return best;
}

}  // namespace doorbell::sim::amd
