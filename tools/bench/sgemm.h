// Matrix products on a device, for the rows of `doorbell bench`.
#pragma once

#include <cstdint>

#include "runtime/engine.h"

namespace doorbell::bench {

struct Throughput {
  double median = 0, best = 0;  // GFLOP/s, from submission to completion as the host sees it
};

// C = A B, row-major f32, size x size each, captured once and submitted `runs` times after a few warm-ups.
Result<Throughput> sgemm(Engine& engine, int64_t size, int runs);

}  // namespace doorbell::bench
