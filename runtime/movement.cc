// Movement: views by reshape, permute, expand, pad, shrink and flip, and what is composed of them.
#include <algorithm>
#include <numeric>

#include "runtime/call.h"
#include "runtime/elementwise.h"
#include "runtime/index.h"
#include "runtime/shape.h"

namespace doorbell {

namespace {

bool same(ShapeView a, ShapeView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }
Shape copy(ShapeView s) { return {s.begin(), s.end()}; }

// One axis of a shape that must be fixed; an error tensor otherwise.
std::optional<Tensor> fixed_axis(const Tensor& x, int axis, const char* what) {
  if (!x.dim(axis).symbol) return std::nullopt;
  return Call::fail("axis {} of {} is symbolic; {} wants a fixed one", axis, describe(x), what);
}

}  // namespace

Tensor Tensor::reshape(const Shape& to, Line at) const {
  Call call("reshape", at);
  if (!ok()) return *this;
  auto out = reshaped(shape(), to);
  if (!out.ok()) return Call::fail(out.error());
  if (same(*out, shape())) return snapshot();
  return make(Op::Reshape, dtype(), {*this}, {}, *out);
}

Tensor Tensor::permute(const std::vector<int>& axes, Line at) const {
  Call call("permute", at);
  if (!ok()) return *this;
  std::vector<int64_t> arg;
  Shape out;
  for (int axis : axes) {
    auto normal = normal_axis(axis, rank());
    if (!normal.ok()) return Call::fail(normal.error());
    arg.push_back(*normal);
    out.push_back(dim(*normal));
  }
  auto sorted = arg;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int64_t> identity(static_cast<size_t>(rank()));
  std::iota(identity.begin(), identity.end(), 0);
  if (sorted != identity)
    return Call::fail("axes {} of {}, expected each axis once", print(Shape(axes.begin(), axes.end())),
                      describe(*this));
  return arg == identity ? snapshot() : make(Op::Permute, dtype(), {*this}, arg, out);
}

Tensor Tensor::transpose(int a, int b, Line at) const {
  Call call("transpose", at);
  if (!ok()) return *this;
  auto x = normal_axis(a, rank()), y = normal_axis(b, rank());
  if (!x.ok() || !y.ok()) return Call::fail(x.ok() ? y.error() : x.error());
  std::vector<int> axes(static_cast<size_t>(rank()));
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[static_cast<size_t>(*x)], axes[static_cast<size_t>(*y)]);
  return permute(axes);
}

Tensor Tensor::expand(const Shape& to, Line at) const {
  Call call("expand", at);
  if (!ok()) return *this;
  auto out = broadcast(shape(), to);
  if (!out.ok() || !same(*out, to)) return Call::fail("{} does not expand to {}", describe(*this), print(to));
  return broadcast_to(*this, to);
}

Tensor Tensor::pad(const std::vector<std::pair<int64_t, int64_t>>& widths, const Scalar& value,
                   Line at) const {
  Call call("pad", at);
  if (!ok()) return *this;
  if (static_cast<int>(widths.size()) != rank())
    return Call::fail("{} widths for {}, expected one pair for each axis", widths.size(), describe(*this));
  Shape out = copy(shape());
  std::vector<int64_t> before;
  bool none = true;
  for (size_t i = 0; i < widths.size(); ++i) {
    auto [b, a] = widths[i];
    if (b < 0 || a < 0) return Call::fail("widths ({}, {}) of axis {}, expected none below 0", b, a, i);
    if (b + a > 0)
      if (auto bad = fixed_axis(*this, static_cast<int>(i), "padding")) return *bad;
    none &= b + a == 0;
    before.push_back(b);
    out[i].size += b + a;
  }
  if (none) return snapshot();
  Tensor padded = make(Op::Pad, dtype(), {*this}, before, out);
  if (value.as_double() == 0) return padded;
  // Ones, padded alike, say which elements are the tensor's own.
  Tensor inside = make(Op::Pad, dtype::boolean, {fill(dtype::boolean, true, shape())}, before, out);
  return where(inside, padded, value);
}

Tensor Tensor::shrink(const std::vector<std::pair<int64_t, int64_t>>& bounds, Line at) const {
  Call call("shrink", at);
  if (!ok()) return *this;
  if (static_cast<int>(bounds.size()) != rank())
    return Call::fail("{} bounds for {}, expected one pair for each axis", bounds.size(), describe(*this));
  Shape out = copy(shape());
  std::vector<int64_t> offsets;
  bool whole = true;
  for (size_t i = 0; i < bounds.size(); ++i) {
    auto [begin, end] = bounds[i];
    if (begin < 0 || end > out[i].size || begin >= end)
      return Call::fail("bounds [{}, {}) of axis {} of {}, expected a part of it", begin, end, i,
                        describe(*this));
    offsets.push_back(begin);
    if (begin == 0 && end == out[i].size) continue;
    if (auto bad = fixed_axis(*this, static_cast<int>(i), "shrink() (see narrow())")) return *bad;
    whole = false;
    out[i] = end - begin;
  }
  return whole ? snapshot() : make(Op::Shrink, dtype(), {*this}, offsets, out);
}

Tensor Tensor::narrow(int axis, const Tensor& offset, Dim length, Line at) const {
  Call call("narrow", at);
  if (const Tensor* bad = first_error(*this, offset)) return *bad;
  auto a = normal_axis(axis, rank());
  if (!a.ok()) return Call::fail(a.error());
  if (length.size < 1 || length.size > dim(*a).size)
    return Call::fail("length {} of axis {} of {}", length.size, *a, describe(*this));
  Shape out = copy(shape());
  std::vector<int64_t> arg = zeros_of(out);
  out[static_cast<size_t>(*a)] = length;
  if (!offset.dtype().is_int() || offset.rank() != 0)
    return Call::fail("the offset is {}, expected an integer scalar", describe(offset));
  if (offset.literal()) {
    const int64_t begin = static_cast<int64_t>(offset.literal()->magnitude);
    if (offset.literal()->negative || begin + length.size > dim(*a).size)
      return Call::fail("[{}, {}) of axis {} of {}", print(*offset.literal()), begin + length.size, *a,
                        describe(*this));
    arg[static_cast<size_t>(*a)] = begin;
    return same(out, shape()) ? snapshot() : make(Op::Shrink, dtype(), {*this}, arg, out);
  }
  arg.push_back(*a);
  return make(Op::Shrink, dtype(), {*this, offset.cast(dtype::i64)}, arg, out);
}

Tensor Tensor::flip(const Axes& axes, Line at) const {
  Call call("flip", at);
  if (!ok()) return *this;
  std::vector<int64_t> arg(static_cast<size_t>(rank()), axes.list ? 0 : 1);
  if (axes.list) {
    auto normal = normal_axes(*axes.list, rank());
    if (!normal.ok()) return Call::fail(normal.error());
    for (int axis : *normal) arg[static_cast<size_t>(axis)] = 1;
  }
  for (int i = 0; i < rank(); ++i)
    if (arg[static_cast<size_t>(i)])
      if (auto bad = fixed_axis(*this, i, "flip")) return *bad;
  if (std::all_of(arg.begin(), arg.end(), [](int64_t a) { return a == 0; })) return snapshot();
  return make(Op::Flip, dtype(), {*this}, arg, shape());
}

Tensor Tensor::stride(const std::vector<int64_t>& steps, Line at) const {
  Call call("stride", at);
  if (!ok()) return *this;
  if (static_cast<int>(steps.size()) != rank())
    return Call::fail("{} steps for {}, expected one for each axis", steps.size(), describe(*this));
  Tensor x = snapshot();
  for (int i = 0; i < rank(); ++i) {
    const int64_t step = steps[static_cast<size_t>(i)];
    if (step < 1) return Call::fail("step {} of axis {}, expected at least 1", step, i);
    if (step == 1) continue;
    if (auto bad = fixed_axis(x, i, "stride")) return *bad;
    // Rows of `step` elements, of which the first is taken; the last row is filled up.
    const int64_t n = x.dim(i).size, rows = (n + step - 1) / step;
    std::vector<std::pair<int64_t, int64_t>> fill_up(static_cast<size_t>(x.rank()), {0, 0});
    fill_up[static_cast<size_t>(i)].second = rows * step - n;
    Shape split = copy(x.shape()), taken = split;
    split[static_cast<size_t>(i)] = rows;
    split.insert(split.begin() + i + 1, step);
    taken[static_cast<size_t>(i)] = rows;
    Shape first = split;
    first[static_cast<size_t>(i) + 1] = 1;
    Tensor rows_of_step = x.pad(fill_up).reshape(split);
    x = make(Op::Shrink, dtype(), {rows_of_step}, zeros_of(split), first).reshape(taken);
  }
  return x;
}

Tensor Tensor::slice(int axis, std::optional<int64_t> begin, std::optional<int64_t> end, int64_t step,
                     Line at) const {
  Call call("slice", at);
  if (!ok()) return *this;
  auto a = normal_axis(axis, rank());
  if (!a.ok()) return Call::fail(a.error());
  if (step == 0) return Call::fail("a step of 0");
  if (auto bad = fixed_axis(*this, *a, "slice() (see narrow())")) return *bad;
  const int64_t n = dim(*a).size;
  // Python's clamping (slice.indices): bounds of a negative step lie in [-1, n-1].
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
  auto clamped = [&](std::optional<int64_t> i, int64_t otherwise) {
    if (!i) return otherwise;
    return std::clamp(*i < 0 ? *i + n : *i, low, high);
  };
  int64_t first = clamped(begin, step > 0 ? 0 : n - 1), last = clamped(end, step > 0 ? n : -1);
  if (step < 0) first = std::exchange(last, first + 1) + 1;  // the same elements as a range upwards
  if (first >= last) return Call::fail("no element of axis {} of {} is left", *a, describe(*this));
  std::vector<std::pair<int64_t, int64_t>> bounds;
  for (const Dim& d : shape()) bounds.emplace_back(0, d.size);
  bounds[static_cast<size_t>(*a)] = {first, last};
  Tensor x = shrink(bounds);
  if (step < 0) x = x.flip(*a);
  std::vector<int64_t> steps(static_cast<size_t>(rank()), 1);
  steps[static_cast<size_t>(*a)] = std::abs(step);
  return x.stride(steps);
}

Tensor Tensor::select(int axis, int64_t i, Line at) const {
  Call call("select", at);
  if (!ok()) return *this;
  auto a = normal_axis(axis, rank());
  if (!a.ok()) return Call::fail(a.error());
  const int64_t n = dim(*a).size;
  if (i < -n || i >= n) return Call::fail("element {} of axis {} of {}", i, *a, describe(*this));
  if (i < 0) i += n;
  return slice(*a, i, i + 1).squeeze(*a);
}

Tensor Tensor::squeeze(int axis, Line at) const {
  Call call("squeeze", at);
  if (!ok()) return *this;
  auto a = normal_axis(axis, rank());
  if (!a.ok()) return Call::fail(a.error());
  if (dim(*a) != Dim(1)) return Call::fail("axis {} of {}, expected one of size 1", *a, describe(*this));
  Shape out = copy(shape());
  out.erase(out.begin() + *a);
  return reshape(out);
}

Tensor Tensor::unsqueeze(int axis, Line at) const {
  Call call("unsqueeze", at);
  if (!ok()) return *this;
  auto a = normal_axis(axis, rank() + 1);
  if (!a.ok()) return Call::fail(a.error());
  Shape out = copy(shape());
  out.insert(out.begin() + *a, 1);
  return reshape(out);
}

Tensor Tensor::flatten(int first, int last, Line at) const {
  Call call("flatten", at);
  if (!ok()) return *this;
  if (rank() == 0) return reshape({1});
  auto a = normal_axis(first, rank()), b = normal_axis(last, rank());
  if (!a.ok() || !b.ok()) return Call::fail(a.ok() ? b.error() : a.error());
  if (*a > *b) return Call::fail("axes {} to {} of {}", *a, *b, describe(*this));
  Shape out(shape().begin(), shape().begin() + *a);
  out.push_back(
      doorbell::elements(shape().subspan(static_cast<size_t>(*a), static_cast<size_t>(*b - *a) + 1)));
  out.insert(out.end(), shape().begin() + *b + 1, shape().end());
  return reshape(out);
}

Tensor Tensor::repeat(const std::vector<int64_t>& times, Line at) const {
  Call call("repeat", at);
  if (!ok()) return *this;
  if (static_cast<int>(times.size()) < rank())
    return Call::fail("{} counts for {}, expected at least one for each axis", times.size(), describe(*this));
  const size_t lead = times.size() - static_cast<size_t>(rank());
  Shape apart, wide, out;
  for (size_t i = 0; i < times.size(); ++i) {
    const Dim d = i < lead ? Dim(1) : shape()[i - lead];
    if (times[i] < 1) return Call::fail("count {} of axis {}, expected at least 1", times[i], i);
    if (times[i] > 1 && d.symbol) return Call::fail("axis {} of {} is symbolic", i - lead, describe(*this));
    if (times[i] > 1) {
      apart.push_back(1);
      wide.push_back(times[i]);
    }
    apart.push_back(d);
    wide.push_back(d);
    out.push_back(times[i] > 1 ? Dim(times[i] * d.size) : d);
  }
  return broadcast_to(reshape(apart), wide).reshape(out);
}

Tensor Tensor::roll(int64_t by, int axis, Line at) const {
  Call call("roll", at);
  if (!ok()) return *this;
  auto a = normal_axis(axis, rank());
  if (!a.ok()) return Call::fail(a.error());
  if (auto bad = fixed_axis(*this, *a, "roll")) return *bad;
  const int64_t n = dim(*a).size, cut = ((-by % n) + n) % n;
  if (cut == 0) return snapshot();
  return cat({slice(*a, cut, std::nullopt), slice(*a, 0, cut)}, *a);
}

Tensor Tensor::unfold(int axis, int64_t size, int64_t step, Line at) const {
  Call call("unfold", at);
  if (!ok()) return *this;
  auto a = normal_axis(axis, rank());
  if (!a.ok()) return Call::fail(a.error());
  if (auto bad = fixed_axis(*this, *a, "unfold")) return *bad;
  if (size < 1 || size > dim(*a).size || step < 1)
    return Call::fail("windows of {} every {} on axis {} of {}", size, step, *a, describe(*this));
  Tensor rows = windows(*this, *a, size, step, 1);  // (.., count, size, ..)
  std::vector<int> order;
  for (int i = 0; i <= rank(); ++i)
    if (i != *a + 1) order.push_back(i);
  order.push_back(*a + 1);
  return rows.permute(order);
}

std::vector<Tensor> Tensor::split(int64_t size, int axis, Line at) const {
  Call call("split", at);
  if (!ok()) return {*this};
  auto a = normal_axis(axis, rank());
  if (!a.ok()) return {Call::fail(a.error())};
  if (auto bad = fixed_axis(*this, *a, "split")) return {*bad};
  if (size < 1) return {Call::fail("parts of {}, expected at least 1", size)};
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < dim(*a).size; i += size)
    parts.push_back(slice(*a, i, std::min(i + size, dim(*a).size)));
  return parts;
}

std::vector<Tensor> Tensor::chunk(int64_t count, int axis, Line at) const {
  Call call("chunk", at);
  if (!ok()) return {*this};
  if (count < 1) return {Call::fail("{} chunks, expected at least 1", count)};
  return split((dim(axis).size + count - 1) / count, axis);
}

}  // namespace doorbell
