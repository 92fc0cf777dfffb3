// How the tests of tensors come to values: one function, so that the same tests can run on every device.
#pragma once

#include <vector>

#include "codegen/eval.h"
#include "runtime/tensor.h"

namespace doorbell {

// The value, by the evaluator of the tensor graph. An error tensor is its error.
Result<Array> materialise(const Tensor& tensor);
// As numbers; fails the test on an error.
std::vector<double> numbers(const Tensor& tensor);

}  // namespace doorbell
