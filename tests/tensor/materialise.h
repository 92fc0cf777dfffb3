// How the tests of tensors come to values: one function, so that the same tests can run on every device.
#pragma once

#include <unordered_map>
#include <vector>

#include "codegen/eval.h"
#include "runtime/tensor.h"

namespace doorbell {

using SymbolValues = std::unordered_map<uint32_t, int64_t>;

// The value, by the evaluator of the tensor graph; a symbol that is not given has its maximum. An error
// tensor is its error.
Result<Array> materialise(const Tensor& tensor, const SymbolValues& symbols = {});
// As numbers; fails the test on an error.
std::vector<double> numbers(const Tensor& tensor, const SymbolValues& symbols = {});

}  // namespace doorbell
