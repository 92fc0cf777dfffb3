// From lazy to real: schedules what tensors stand for, runs it, and makes them stand for memory.
#pragma once

#include <span>
#include <vector>

#include "runtime/engine.h"
#include "runtime/tensor.h"

namespace doorbell {

// Computes all of them in one submission (it may still be running when this returns). On error none has
// changed; the first error tensor's text comes back as it is.
Status realize(std::span<Tensor* const> tensors);
// The elements, row by row, after realising it and waiting.
Result<std::vector<std::byte>> read_bytes(Tensor& tensor);

}  // namespace doorbell
