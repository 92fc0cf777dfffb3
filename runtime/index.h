// Joining, windows, and access by index. An index outside its axis, negative ones included, reads 0 and
// writes nothing; an index tensor is of any integer dtype.
#pragma once

#include "runtime/tensor.h"

namespace doorbell {

Tensor cat(const std::vector<Tensor>& parts, int axis = 0, Line at = Line::current());
Tensor stack(const std::vector<Tensor>& parts, int axis = 0, Line at = Line::current());

// One axis becomes two: (count, size) windows whose elements lie `dilation` apart, `step` from window to
// window.
Tensor windows(const Tensor& x, int axis, int64_t size, int64_t step, int64_t dilation,
               Line at = Line::current());

// numpy.take: the axis is replaced by the axes of the index.
Tensor take(const Operand& x, const Tensor& index, int axis = 0);
// numpy.take_along_axis, torch.gather: index has x's shape but for the axis; y[i][j] = x[i][index[i][j]].
Tensor gather(const Operand& x, const Tensor& index, int axis);
// torch.scatter: like gather, the other way round; y[i][index[i][j]] = values[i][j], of several the last.
Tensor scatter(const Operand& x, const Tensor& index, const Tensor& values, int axis);
Tensor scatter_add(const Operand& x, const Tensor& index, const Tensor& values, int axis);
// A last axis of `count` classes: 1 where the index names it.
Tensor one_hot(const Operand& index, Dim count, DType dtype = dtype::f32);

// The lower (upper) triangle of the last two axes: keeps what has column - row <= (>=) diagonal.
Tensor tril(const Operand& x, int64_t diagonal = 0);
Tensor triu(const Operand& x, int64_t diagonal = 0);
Tensor masked_fill(const Operand& x, const Tensor& mask, const Scalar& value);

// The order of the elements along an axis, i32; equal ones keep theirs, and a NaN counts as largest. Long
// axes are sorted by a network of (log n)^2 / 2 steps.
Tensor argsort(const Operand& x, int axis = -1, bool descending = false);
// (values, places)
std::pair<Tensor, Tensor> sort(const Operand& x, int axis = -1, bool descending = false);
std::pair<Tensor, Tensor> topk(const Operand& x, int64_t count, int axis = -1);  // the largest first

}  // namespace doorbell
