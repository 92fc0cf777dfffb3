// Convolution and pooling over the last two axes of (n, channels, height, width): windows are views, so that
// both are a product and a sum, or a reduction, over movement.
#pragma once

#include <array>

#include "runtime/tensor.h"

namespace doorbell {

struct Conv2dOptions {
  std::array<int64_t, 2> stride = {1, 1}, padding = {0, 0}, dilation = {1, 1};
  int64_t groups = 1;
};
// Weight (out channels, channels / groups, kernel height, kernel width), bias (out channels).
Tensor conv2d(const Operand& x, const Tensor& weight, const std::optional<Tensor>& bias = {},
              const Conv2dOptions& options = {});

struct Pool2dOptions {
  std::array<int64_t, 2> size = {2, 2};
  std::optional<std::array<int64_t, 2>> stride = {};  // the size where absent
  std::array<int64_t, 2> padding = {0, 0}, dilation = {1, 1};
};
Tensor max_pool2d(const Operand& x, const Pool2dOptions& options = {});
Tensor avg_pool2d(const Operand& x, const Pool2dOptions& options = {});  // padding counts as zeros

}  // namespace doorbell
