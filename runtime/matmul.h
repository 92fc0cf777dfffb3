// Products: a broadcast multiplication and a sum, which the scheduler recognises.
#pragma once

#include "runtime/tensor.h"

namespace doorbell {

// numpy's matmul: (.., m, k) x (.., k, n) to (.., m, n), leading axes broadcast; a vector is a row on the
// left and a column on the right. f16, bf16 and fp8 multiply and accumulate in f32 and come back rounded;
// narrow integers give 32 bits. `accumulate` names another accumulator, and then that is the dtype of the
// result.
Tensor matmul(const Operand& a, const Operand& b, std::optional<DType> accumulate = {});
// The broadcast product, summed over some axes; dtypes as in matmul. matmul and conv2d are this.
Tensor inner(const Operand& a, const Operand& b, const Axes& axes, std::optional<DType> accumulate = {});
// numpy's dot of two vectors.
Tensor dot(const Operand& a, const Operand& b);

}  // namespace doorbell
