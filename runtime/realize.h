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
// The work that computes them, to be submitted again and again: assigns in it change memory in place each
// time, and the symbols' values come with each submission. The tensors themselves stay lazy; inputs are
// buffers that the caller keeps, and writes between submissions.
Result<Captured> capture(std::span<const Tensor> outputs);
// The elements, row by row, after realising it and waiting.
Result<std::vector<std::byte>> read_bytes(Tensor& tensor);

}  // namespace doorbell
