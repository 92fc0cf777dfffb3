// See index.h.
#include "runtime/index.h"

#include <numeric>

#include "runtime/call.h"
#include "runtime/elementwise.h"
#include "runtime/shape.h"

namespace doorbell {

namespace {

Shape shape_of(const Tensor& x) { return {x.shape().begin(), x.shape().end()}; }
Shape with_axis(const Tensor& x, int axis, Dim d) {
  Shape s = shape_of(x);
  s[static_cast<size_t>(axis)] = d;
  return s;
}

// Row and column numbers of the last two axes meet: column - row.
Tensor diagonal_of(const Tensor& x) { return iota_along(x.dim(-1), 1, 2) - iota_along(x.dim(-2), 0, 2); }

}  // namespace

Tensor cat(const std::vector<Tensor>& parts, int axis, Line at) {
  Call call("cat", at);
  if (parts.empty()) return Call::fail("of no tensors");
  Type type = parts[0].type();
  for (const Tensor& p : parts) {
    if (!p.ok()) return p;
    auto joined = lattice().join(type, p.type());
    if (!joined)
      return Call::fail("{} and {} have no common dtype; cast one of them", name(type.dtype), describe(p));
    type = *joined;
  }
  auto a = normal_axis(axis, parts[0].rank());
  if (!a.ok()) return Call::fail(a.error());
  int64_t total = 0;
  for (const Tensor& p : parts) {
    if (p.rank() != parts[0].rank() || with_axis(p, *a, 1) != with_axis(parts[0], *a, 1) || p.dim(*a).symbol)
      return Call::fail("{} beside {}, expected equal shapes but for a fixed axis {}", describe(p),
                        describe(parts[0]), *a);
    total += p.dim(*a).size;
  }
  Tensor place = iota_along(total, *a, parts[0].rank());
  Tensor out;
  for (int64_t before = 0, i = 0; i < static_cast<int64_t>(parts.size()); ++i) {
    Tensor part = convert(parts[static_cast<size_t>(i)], type);
    const int64_t n = part.ok() ? part.dim(*a).size : 0;
    std::vector<std::pair<int64_t, int64_t>> widths(static_cast<size_t>(parts[0].rank()), {0, 0});
    widths[static_cast<size_t>(*a)] = {before, total - before - n};
    Tensor padded = part.pad(widths);
    out = i == 0 ? padded : where(place < before, out, padded);
    before += n;
  }
  return out;
}

Tensor stack(const std::vector<Tensor>& parts, int axis, Line at) {
  Call call("stack", at);
  std::vector<Tensor> apart;
  for (const Tensor& p : parts) apart.push_back(p.unsqueeze(axis));
  return cat(apart, axis);
}

Tensor windows(const Tensor& x, int axis, int64_t size, int64_t step, int64_t dilation, Line at) {
  Call call("windows", at);
  if (!x.ok()) return x;
  auto normal = normal_axis(axis, x.rank());
  if (!normal.ok()) return Call::fail(normal.error());
  const int a = *normal;
  const auto i = static_cast<size_t>(a);
  const int64_t n = x.dim(a).size, reach = dilation * (size - 1) + 1;
  if (x.dim(a).symbol || size < 1 || step < 1 || dilation < 1 || reach > n)
    return Call::fail("windows of {}, {} apart, every {}, on axis {} of {}", size, dilation, step, a,
                      describe(x));
  const int64_t count = (n - reach) / step + 1;
  auto bounds = [](const Tensor& t) {
    std::vector<std::pair<int64_t, int64_t>> b;
    for (const Dim& d : t.shape()) b.emplace_back(0, d.symbol ? d.size : d.size);
    return b;
  };
  auto cut = [&](const Tensor& t, size_t at_axis, int64_t to) {
    auto b = bounds(t);
    b[at_axis].second = to;
    return t.shrink(b);
  };
  auto divided = [&](const Tensor& t, int64_t outer, int64_t inner) {
    Shape s = shape_of(t);
    s[i] = outer;
    s.insert(s.begin() + a + 1, inner);
    return t.reshape(s);
  };
  if (dilation == 1 && step >= size) {  // windows do not overlap: rows of `step`, of which `size` are taken
    auto widths = std::vector<std::pair<int64_t, int64_t>>(i + 1, {0, 0});
    widths.resize(static_cast<size_t>(x.rank()), {0, 0});
    widths[i].second = std::max<int64_t>(0, count * step - n);
    return cut(divided(cut(x.pad(widths), i, count * step), count, step), i + 1, size);
  }
  // The axis, repeated and read in rows of n * turns + dilation elements: row j begins at element j *
  // dilation. (The device is tinygrad's `_pool`.) Each row then yields every step-th element.
  const int64_t turns = std::max<int64_t>(1, (count * step - dilation + n - 1) / n);
  const int64_t length = n * turns + dilation;
  std::vector<int64_t> times(static_cast<size_t>(x.rank()), 1);
  times[i] = (size * length + n - 1) / n;
  Tensor rows = cut(divided(cut(x.repeat(times), i, size * length), size, length), i + 1, count * step);
  Tensor starts = rows.stride([&] {
    std::vector<int64_t> steps(static_cast<size_t>(rows.rank()), 1);
    steps[i + 1] = step;
    return steps;
  }());
  return starts.transpose(a, a + 1);
}

Tensor take(const Operand& x, const Tensor& index, int axis) {
  Call call("take", x);
  if (const Tensor* bad = first_error<Tensor>(x, index)) return *bad;
  auto a = normal_axis(axis, x.rank());
  if (!a.ok()) return Call::fail(a.error());
  if (!index.dtype().is_int()) return Call::fail("the index is {}, expected integers", describe(index));
  std::vector<int> order{*a};
  for (int i = 0; i < x.rank(); ++i)
    if (i != *a) order.push_back(i);
  Tensor table = x.permute(order);
  Shape out = shape_of(index);
  out.insert(out.end(), table.shape().begin() + 1, table.shape().end());
  Tensor y = make(Op::Gather, x.dtype(), {table, index}, {}, out);
  // (index.., before.., after..) to (before.., index.., after..)
  std::vector<int> back;
  for (int i = 0; i < *a; ++i) back.push_back(index.rank() + i);
  for (int i = 0; i < index.rank(); ++i) back.push_back(i);
  for (int i = *a; i < x.rank() - 1; ++i) back.push_back(index.rank() + i);
  return y.permute(back);
}

namespace {

// Checks that an index runs beside x on all axes but one.
std::optional<Tensor> beside(const Tensor& x, const Tensor& index, int axis) {
  if (!index.dtype().is_int()) return Call::fail("the index is {}, expected integers", describe(index));
  if (index.rank() != x.rank() || with_axis(index, axis, 1) != with_axis(x, axis, 1))
    return Call::fail("the index is {} beside {}, expected equal shapes but for axis {}", describe(index),
                      describe(x), axis);
  return std::nullopt;
}

}  // namespace

Tensor gather(const Operand& x, const Tensor& index, int axis) {
  Call call("gather", x);
  if (const Tensor* bad = first_error<Tensor>(x, index)) return *bad;
  auto a = normal_axis(axis, x.rank());
  if (!a.ok()) return Call::fail(a.error());
  if (auto bad = beside(x, index, *a)) return *bad;
  for (const Dim& d : x.shape())
    if (d.symbol) return Call::fail("{} has a symbolic axis; gather wants fixed ones", describe(x));
  const DType type = x.elements() < (int64_t{1} << 31) ? dtype::i32 : dtype::i64;
  Tensor i = index.cast(type);
  Tensor flat = constant(type, 0);
  int64_t stride = 1;
  for (int k = x.rank() - 1; k >= 0; --k) {
    flat = flat + (k == *a ? i : iota_along(x.dim(k), k, x.rank(), type)) * stride;
    stride *= x.dim(k).size;
  }
  flat = where((i >= 0) & (i < x.dim(*a).size), flat, -1);
  return make(Op::Gather, x.dtype(), {x.reshape({x.elements()}), flat}, {}, index.shape());
}

namespace {

// For scatter: the written places against the values: hits[.., k, j, ..] says that values[.., j, ..] go to k.
struct Hits {
  Tensor hit;
  int axis;
};
Hits hits_of(const Tensor& x, const Tensor& index, int axis) {
  return {index.unsqueeze(axis) == iota_along(x.dim(axis), axis, x.rank() + 1, index.dtype()), axis + 1};
}

}  // namespace

Tensor scatter_add(const Operand& x, const Tensor& index, const Tensor& values, int axis) {
  Call call("scatter_add", x);
  if (const Tensor* bad = first_error<Tensor>(x, index, values)) return *bad;
  auto a = normal_axis(axis, x.rank());
  if (!a.ok()) return Call::fail(a.error());
  if (auto bad = beside(x, index, *a)) return *bad;
  Tensor v = values.expand(shape_of(index)).cast(x.dtype());
  if (!v.ok()) return v;
  auto [hit, over] = hits_of(x, index, *a);
  return x + where(hit, v.unsqueeze(*a), 0).sum(over, false, accumulator(x.dtype())).cast(x.dtype());
}

Tensor scatter(const Operand& x, const Tensor& index, const Tensor& values, int axis) {
  Call call("scatter", x);
  if (const Tensor* bad = first_error<Tensor>(x, index, values)) return *bad;
  auto a = normal_axis(axis, x.rank());
  if (!a.ok()) return Call::fail(a.error());
  if (auto bad = beside(x, index, *a)) return *bad;
  Tensor v = values.expand(shape_of(index)).cast(x.dtype());
  if (!v.ok()) return v;
  auto [hit, over] = hits_of(x, index, *a);
  Tensor last = where(hit, iota_along(index.dim(*a), over, x.rank() + 1), -1).max(over);
  return where(last >= 0, gather(v, last, *a), x);
}

Tensor one_hot(const Operand& index, Dim count, DType dtype) {
  Call call("one_hot", index);
  if (!index.ok()) return index;
  if (!index.dtype().is_int()) return Call::fail("the index is {}, expected integers", describe(index));
  return (index.unsqueeze(-1) == iota_along(count, index.rank(), index.rank() + 1, index.dtype()))
      .cast(dtype);
}

Tensor tril(const Operand& x, int64_t diagonal) {
  Call call("tril", x);
  if (!x.ok()) return x;
  if (x.rank() < 2) return Call::fail("{}, expected two axes or more", describe(x));
  return where(diagonal_of(x) <= diagonal, x, 0);
}
Tensor triu(const Operand& x, int64_t diagonal) {
  Call call("triu", x);
  if (!x.ok()) return x;
  if (x.rank() < 2) return Call::fail("{}, expected two axes or more", describe(x));
  return where(diagonal_of(x) >= diagonal, x, 0);
}

Tensor masked_fill(const Operand& x, const Tensor& mask, const Scalar& value) {
  Call call("masked_fill", x);
  return where(mask, value, x);
}

namespace {

// Of two elements of one axis, is the first one of the order `mine`? No two are equal: their places decide
// then.
struct Placed {
  Tensor value, place;
};
Tensor precedes(const Placed& mine, const Placed& other, bool descending) {
  Tensor before = descending ? mine.value > other.value : mine.value < other.value;
  Tensor equal = mine.value == other.value;
  if (mine.value.dtype().is_float()) {
    Tensor i = isnan(mine.value), you = isnan(other.value);
    before = before | (descending ? i & !you : you & !i);
    equal = equal | (i & you);
  }
  return before | (equal & (mine.place < other.place));
}

// The places of the first `count` elements in order: each element is ranked against all others.
Tensor by_rank(const Tensor& x, int axis, bool descending, int64_t count) {
  const int rank = x.rank() + 1;  // (.., mine, other, ..)
  const Placed mine{x.unsqueeze(axis + 1), iota_along(x.dim(axis), axis, rank)};
  const Placed other{x.unsqueeze(axis), iota_along(x.dim(axis), axis + 1, rank)};
  Tensor place = precedes(other, mine, descending).sum(axis + 1);
  // Inverted: the element whose place is k.
  Tensor hit = place.unsqueeze(axis) == iota_along(count, axis, rank);
  return where(hit, other.place, 0).sum(axis + 1);
}

// The same by a bitonic network (K. E. Batcher, 1968) whose comparators all put the earlier element first: to
// merge two ordered halves, the second one is met backwards, and then halves of halves as they lie. What
// fills the axis up to a power of two lies behind all, and stays there.
Tensor by_network(const Tensor& x, int axis, bool descending, int64_t count) {
  const int64_t n = x.dim(axis).size;
  int64_t size = 1;
  while (size < n) size *= 2;
  std::vector<std::pair<int64_t, int64_t>> widths(static_cast<size_t>(x.rank()), {0, 0});
  widths[static_cast<size_t>(axis)].second = size - n;
  Placed all{x.pad(widths), {}};
  const Shape whole = shape_of(all.value);
  all.place = iota_along(size, axis, x.rank()).expand(whole);
  // Elements `half` apart; mirrored, the i-th of a block and the i-th from its end.
  auto step = [&](int64_t half, bool mirrored) {
    Shape apart = whole;
    apart[static_cast<size_t>(axis)] = size / (2 * half);
    apart.insert(apart.begin() + axis + 1, {2, half});
    const Axes met = mirrored ? Axes{axis + 1, axis + 2} : Axes{axis + 1};
    const Placed mine{all.value.reshape(apart), all.place.reshape(apart)};
    const Placed other{mine.value.flip(met), mine.place.flip(met)};
    Tensor second = iota_along(2, axis + 1, x.rank() + 2) == 1;
    Tensor first = precedes(other, mine, descending);
    if (n < size) first = (other.place < n) & (first | (mine.place >= n));
    Tensor exchanged = first != second;
    all.value = where(exchanged, other.value, mine.value).reshape(whole).contiguous();
    all.place = where(exchanged, other.place, mine.place).reshape(whole).contiguous();
  };
  for (int64_t merged = 1; merged < size; merged *= 2) {
    step(merged, true);
    for (int64_t half = merged / 2; half >= 1; half /= 2) step(half, false);
  }
  return all.place.slice(axis, 0, count);
}

Tensor first_in_order(const Tensor& x, int axis, bool descending, int64_t count) {
  // Four rows of 512 on Zen 3 take 0.3 ms by rank and 1.4 ms by the network, of 4096 15 ms and 3.3 ms.
  constexpr int64_t ranked = 512;
  return (x.dim(axis).size <= ranked ? by_rank : by_network)(x, axis, descending, count);
}

}  // namespace

Tensor argsort(const Operand& x, int axis, bool descending) {
  Call call("argsort", x);
  if (!x.ok()) return x;
  auto a = normal_axis(axis, x.rank());
  if (!a.ok()) return Call::fail(a.error());
  if (x.dim(*a).symbol) return Call::fail("axis {} of {} is symbolic", *a, describe(x));
  return first_in_order(x, *a, descending, x.dim(*a).size);
}

std::pair<Tensor, Tensor> sort(const Operand& x, int axis, bool descending) {
  Call call("sort", x);
  Tensor order = argsort(x, axis, descending);
  return {gather(x, order, axis), order};
}

std::pair<Tensor, Tensor> topk(const Operand& x, int64_t count, int axis) {
  Call call("topk", x);
  if (!x.ok()) return {x, x};
  auto a = normal_axis(axis, x.rank());
  auto failed = [](const Tensor& bad) { return std::pair{bad, bad}; };
  if (!a.ok()) return failed(Call::fail(a.error()));
  if (x.dim(*a).symbol || count < 1 || count > x.dim(*a).size)
    return failed(Call::fail("{} of axis {} of {}", count, *a, describe(x)));
  Tensor order = first_in_order(x, *a, true, count);
  return {gather(x, order, *a), order};
}

}  // namespace doorbell
