// Reductions. A Reduce node keeps its axes as 1 and folds in its own dtype; the reshape after it drops them.
#include "runtime/call.h"
#include "runtime/elementwise.h"
#include "runtime/shape.h"

namespace doorbell {

namespace {

Shape kept_shape(const Tensor& x, const std::vector<int>& axes) {
  Shape out(x.shape().begin(), x.shape().end());
  for (int axis : axes) out[static_cast<size_t>(axis)] = 1;
  return out;
}

// Folds the axes of x, in x's dtype. `axes` are normal.
Tensor fold(Op op, const Tensor& x, const std::vector<int>& axes, bool keep) {
  if (!x.ok() || axes.empty()) return x.snapshot();
  std::vector<int64_t> arg{static_cast<int64_t>(op)};
  arg.insert(arg.end(), axes.begin(), axes.end());
  Tensor y = make(Op::Reduce, x.dtype(), {x}, arg, kept_shape(x, axes));
  if (keep) return y;
  Shape out;
  for (int i = 0; i < x.rank(); ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) out.push_back(x.dim(i));
  return y.reshape(out);
}

Result<std::vector<int>> axes_of(const Axes& axes, int rank) {
  if (axes.list) return normal_axes(*axes.list, rank);
  std::vector<int> every;
  for (int i = 0; i < rank; ++i) every.push_back(i);
  return every;
}

// How many elements fall together, as a scalar.
Tensor count_of(const Tensor& x, const std::vector<int>& axes, DType dtype) {
  int64_t fixed = 1;
  std::optional<Tensor> symbolic;
  for (int axis : axes) {
    if (!x.dim(axis).symbol) fixed *= x.dim(axis).size;
    else symbolic = symbolic ? *symbolic * size_of(x.dim(axis), dtype) : size_of(x.dim(axis), dtype);
  }
  return symbolic ? *symbolic * fixed : constant(dtype, fixed);
}

// Sum and product: accumulate wide, come back in the dtype of floats.
Tensor accumulate_fold(const char* op_name, Op op, const Tensor& x, const Axes& axes, bool keep,
                       std::optional<DType> accumulate, Line at) {
  Call call(op_name, at);
  if (!x.ok()) return x;
  auto list = axes_of(axes, x.rank());
  if (!list.ok()) return Call::fail(list.error());
  const DType acc = accumulate.value_or(accumulator(x.dtype()));
  Tensor y = fold(op, x.cast(acc), *list, keep);
  return !accumulate && x.dtype().is_float() ? y.cast(x.dtype()) : y;
}

// Max and min keep the dtype; on bool they are or and and.
Tensor extreme(const char* op_name, Op op, Op on_bool, const Tensor& x, const Axes& axes, bool keep,
               Line at) {
  Call call(op_name, at);
  if (!x.ok()) return x;
  auto list = axes_of(axes, x.rank());
  if (!list.ok()) return Call::fail(list.error());
  return fold(x.dtype().is_bool() ? on_bool : op, x, *list, keep);
}

Tensor arg_extreme(const char* op_name, bool largest, const Tensor& x, int axis, bool keep, Line at) {
  Call call(op_name, at);
  if (!x.ok()) return x;
  auto a = normal_axis(axis, x.rank());
  if (!a.ok()) return Call::fail(a.error());
  Tensor best = largest ? x.max(*a, true) : x.min(*a, true);
  Tensor hit = x == best;
  if (x.dtype().is_float()) hit = hit | isnan(x);  // then `best` is a NaN, and equals nothing
  Tensor place = iota_along(x.dim(*a), *a, x.rank());
  return where(hit, place, x.dim(*a).size).min(*a, keep);
}

// The running fold along an axis, from the first element or, exclusive, from before it: each element folds
// those before it, which takes n^2 steps, in blocks once n is large.
Tensor scan(Op op, const Tensor& x, int axis, bool exclusive) {
  constexpr int64_t direct = 256, block = 64;
  const int64_t n = x.dim(axis).size;
  const int identity = op == Op::Mul ? 1 : 0;
  if (n <= direct) {
    const int rank = x.rank() + 1;  // (.., i, j, ..)
    Tensor i = iota_along(x.dim(axis), axis, rank), j = iota_along(x.dim(axis), axis + 1, rank);
    Tensor terms = where(exclusive ? j < i : j <= i, x.unsqueeze(axis), identity);
    return fold(op, terms, {axis + 1}, false);
  }
  const int64_t blocks = (n + block - 1) / block;
  std::vector<std::pair<int64_t, int64_t>> widths(static_cast<size_t>(x.rank()), {0, 0});
  widths[static_cast<size_t>(axis)].second = blocks * block - n;
  Shape divided(x.shape().begin(), x.shape().end()), joined = divided;
  divided[static_cast<size_t>(axis)] = blocks;
  divided.insert(divided.begin() + axis + 1, block);
  joined[static_cast<size_t>(axis)] = blocks * block;
  Tensor parts = x.pad(widths, identity).reshape(divided);
  Tensor inner = scan(op, parts, axis + 1, exclusive);
  Tensor before = scan(op, fold(op, parts, {axis + 1}, false), axis, true).unsqueeze(axis + 1);
  Tensor y = op == Op::Mul ? before * inner : before + inner;
  return y.reshape(joined).slice(axis, 0, n);
}

Tensor running(const char* op_name, Op op, const Tensor& x, int axis, Line at) {
  Call call(op_name, at);
  if (!x.ok()) return x;
  auto a = normal_axis(axis, x.rank());
  if (!a.ok()) return Call::fail(a.error());
  if (x.dim(*a).symbol) return Call::fail("axis {} of {} is symbolic", *a, describe(x));
  Tensor y = scan(op, x.cast(accumulator(x.dtype())), *a, false);
  return x.dtype().is_float() ? y.cast(x.dtype()) : y;
}

}  // namespace

Tensor Tensor::sum(const Axes& axes, bool keep, std::optional<DType> accumulate, Line at) const {
  return accumulate_fold("sum", Op::Add, *this, axes, keep, accumulate, at);
}
Tensor Tensor::prod(const Axes& axes, bool keep, std::optional<DType> accumulate, Line at) const {
  return accumulate_fold("prod", Op::Mul, *this, axes, keep, accumulate, at);
}
Tensor Tensor::max(const Axes& axes, bool keep, Line at) const {
  return extreme("max", Op::Max, Op::Add, *this, axes, keep, at);
}
Tensor Tensor::min(const Axes& axes, bool keep, Line at) const {
  return extreme("min", Op::Min, Op::Mul, *this, axes, keep, at);
}
Tensor Tensor::any(const Axes& axes, bool keep, Line at) const {
  Call call("any", at);
  return ok() ? (dtype().is_bool() ? *this : *this != 0).max(axes, keep) : *this;
}
Tensor Tensor::all(const Axes& axes, bool keep, Line at) const {
  Call call("all", at);
  return ok() ? (dtype().is_bool() ? *this : *this != 0).min(axes, keep) : *this;
}

Tensor Tensor::mean(const Axes& axes, bool keep, Line at) const {
  Call call("mean", at);
  if (!ok()) return *this;
  auto list = axes_of(axes, rank());
  if (!list.ok()) return Call::fail(list.error());
  const DType result = inexact(dtype()), wide = accumulator(result);
  return (cast(wide).sum(axes, keep) / count_of(*this, *list, wide)).cast(result);
}

Tensor Tensor::var(const Axes& axes, bool keep, int64_t correction, Line at) const {
  Call call("var", at);
  if (!ok()) return *this;
  auto list = axes_of(axes, rank());
  if (!list.ok()) return Call::fail(list.error());
  const DType result = inexact(dtype()), wide = accumulator(result);
  Tensor x = cast(wide);
  Tensor squares = square(x - x.mean(axes, true)).sum(axes, keep);
  return (squares / (count_of(x, *list, wide) - correction)).cast(result);
}
Tensor Tensor::stddev(const Axes& axes, bool keep, int64_t correction, Line at) const {
  Call call("stddev", at);
  if (!ok()) return *this;
  const DType result = inexact(dtype());
  return sqrt(cast(accumulator(result)).var(axes, keep, correction)).cast(result);
}

Tensor Tensor::argmax(int axis, bool keep, Line at) const {
  return arg_extreme("argmax", true, *this, axis, keep, at);
}
Tensor Tensor::argmin(int axis, bool keep, Line at) const {
  return arg_extreme("argmin", false, *this, axis, keep, at);
}
Tensor Tensor::cumsum(int axis, Line at) const { return running("cumsum", Op::Add, *this, axis, at); }
Tensor Tensor::cumprod(int axis, Line at) const { return running("cumprod", Op::Mul, *this, axis, at); }

}  // namespace doorbell
