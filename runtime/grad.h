// Gradients by reverse accumulation: one rule for each primitive, and one walk from the loss back. The result
// is graph like any other: it fuses, and can be differentiated again.
//
// Gradients flow through floats alone. Zero, because the function is constant almost everywhere: trunc,
// floor, ceil, round. Of equal candidates, max and min (elementwise and as reductions) share the gradient
// evenly. An assign passes it to the value that was written; what the memory held before counts as constant.
// A bitcast between floats has no gradient: meeting one is an error.
#pragma once

#include <span>
#include <vector>

#include "runtime/tensor.h"

namespace doorbell {

// One node on the way back: y = op(x...), and the gradient of the loss by y.
struct BackwardStep {
  const Node* node;
  std::vector<Tensor> x;
  Tensor y, g;
};
// The gradient of the loss by each x; none where it is zero, or x is no float.
using InputGradients = std::vector<std::optional<Tensor>>;
struct GradientRule {
  Op op;
  InputGradients (*rule)(const BackwardStep& step);
};
std::span<const GradientRule> gradient_rules();

// d loss / d parameter, for each; of the parameter's shape and dtype, zeros where the loss does not depend on
// it. The loss is one float. `added` holds rules for operations that the table lacks.
std::vector<Tensor> gradients(const Tensor& loss, const std::vector<Tensor>& parameters,
                              std::span<const GradientRule> added = {}, Line at = Line::current());

}  // namespace doorbell
