// See conv.h.
#include "runtime/conv.h"

#include "runtime/call.h"
#include "runtime/elementwise.h"
#include "runtime/index.h"
#include "runtime/matmul.h"

namespace doorbell {

namespace {

// (n, c, rows, kernel rows, columns, kernel columns)
Tensor patches(const Tensor& x, std::array<int64_t, 2> size, std::array<int64_t, 2> stride,
               std::array<int64_t, 2> padding, std::array<int64_t, 2> dilation, const Scalar& outside) {
  auto [v, h] = padding;
  Tensor y = x.pad({{0, 0}, {0, 0}, {v, v}, {h, h}}, outside);
  y = windows(y, 2, size[0], stride[0], dilation[0]);
  return windows(y, 4, size[1], stride[1], dilation[1]);
}

// The number that no element lies below.
Scalar lowest(DType d) {
  if (d.is_float()) return -std::numeric_limits<double>::infinity();
  return d.is_signed() ? Scalar(-static_cast<int64_t>(d.mask() >> 1) - 1) : Scalar(0);
}

}  // namespace

Tensor conv2d(const Operand& x, const Tensor& weight, const std::optional<Tensor>& bias,
              const Conv2dOptions& o) {
  Call call("conv2d", x);
  if (const Tensor* bad = first_error<Tensor>(x, weight)) return *bad;
  const int64_t outputs = weight.dim(0).size, inputs = weight.dim(1).size;
  if (x.rank() != 4 || weight.rank() != 4 || o.groups < 1 || x.dim(1).size != inputs * o.groups ||
      outputs % o.groups != 0)
    return Call::fail("x {}, weight {}, {} groups, expected (n, c, h, w) and (o, c / groups, kh, kw)",
                      describe(x), describe(weight), o.groups);
  Tensor p = patches(x, {weight.dim(2).size, weight.dim(3).size}, o.stride, o.padding, o.dilation, 0);
  if (!p.ok()) return p;
  const Dim n = p.dim(0), rows = p.dim(2), kernel_rows = p.dim(3), columns = p.dim(4),
            kernel_columns = p.dim(5);
  // (n, group, 1, rows, columns, c, kh, kw) by (group, o, 1, 1, c, kh, kw)
  p = p.reshape({n, o.groups, inputs, rows, kernel_rows, columns, kernel_columns})
          .permute({0, 1, 3, 5, 2, 4, 6})
          .unsqueeze(2);
  Tensor w = weight.reshape({o.groups, outputs / o.groups, 1, 1, inputs, kernel_rows, kernel_columns});
  Tensor y = inner(p, w, {-3, -2, -1}).reshape({n, outputs, rows, columns});
  return bias ? y + bias->reshape({outputs, 1, 1}) : y;
}

Tensor max_pool2d(const Operand& x, const Pool2dOptions& o) {
  Call call("max_pool2d", x);
  if (!x.ok()) return x;
  if (x.rank() != 4) return Call::fail("{}, expected (n, c, h, w)", describe(x));
  return patches(x, o.size, o.stride.value_or(o.size), o.padding, o.dilation, lowest(x.dtype())).max({3, 5});
}

Tensor avg_pool2d(const Operand& x, const Pool2dOptions& o) {
  Call call("avg_pool2d", x);
  if (!x.ok()) return x;
  if (x.rank() != 4) return Call::fail("{}, expected (n, c, h, w)", describe(x));
  return patches(x, o.size, o.stride.value_or(o.size), o.padding, o.dilation, 0).mean({3, 5});
}

}  // namespace doorbell
