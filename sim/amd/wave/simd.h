// Chooses among the copies of the files that compute what lanes do (valu.h).
#pragma once

#include <vector>

#include "hal/base/result.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd {

// All copies, whatever this host can run (valu.cc).
namespace avx2 {
const Simd& table();
}
namespace avx512 {
const Simd& table();
}

// The copies that this host can run, the best first; the debug variable FEATURES takes features away. An
// error where it can run none.
Result<std::vector<const Simd*>> simds();

}  // namespace doorbell::sim::amd
