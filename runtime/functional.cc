// See functional.h.
#include "runtime/functional.h"

#include <cmath>
#include <limits>

#include "runtime/call.h"
#include "runtime/elementwise.h"
#include "runtime/matmul.h"
#include "runtime/shape.h"

namespace doorbell {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// x as a float of at least 32 bits.
Tensor widened(const Tensor& x) { return x.ok() ? x.cast(accumulator(inexact(x.dtype()))) : x; }
Tensor rounded(const Tensor& y, const Tensor& x) { return y.ok() ? y.cast(inexact(x.dtype())) : y; }

// Weight and bias of each channel, beside an x of (n, channels, ...).
Tensor along_channels(const Tensor& v, const Tensor& x) {
  Shape shape(static_cast<size_t>(x.rank()), 1);
  shape[1] = -1;
  return widened(v).reshape(shape);
}

Tensor scaled(const Tensor& y, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
              const Tensor* channels_of = nullptr) {
  Tensor out = y;
  auto placed = [&](const Tensor& t) { return channels_of ? along_channels(t, *channels_of) : widened(t); };
  if (weight) out = out * placed(*weight);
  if (bias) out = out + placed(*bias);
  return out;
}

Tensor standardised(const Tensor& x, const Axes& axes, double eps) {
  Tensor centred = x - x.mean(axes, true);
  return centred / sqrt(square(centred).mean(axes, true) + eps);
}

// The largest element, where it can be subtracted: a row of -inf alone, or with +inf, is left as it is.
Tensor finite_peak(const Tensor& x, const Axes& axes) {
  Tensor peak = detach(x.max(axes, true));
  return where(isinf(peak), 0, peak);
}

}  // namespace

// Gradients end at integers, and a pair of bitcasts costs nothing.
Tensor detach(const Operand& x) {
  Call call("detach", x);
  if (!x.ok() || !x.dtype().is_float()) return x.snapshot();
  return x.bitcast(DType{Kind::Unsigned, x.dtype().bits}).bitcast(x.dtype());
}

Tensor softmax(const Operand& x, int axis) {
  Call call("softmax", x);
  if (!x.ok()) return x;
  Tensor wide = widened(x);
  Tensor e = exp(wide - detach(wide.max(axis, true)));
  return rounded(e / e.sum(axis, true), x);
}

Tensor log_softmax(const Operand& x, int axis) {
  Call call("log_softmax", x);
  if (!x.ok()) return x;
  Tensor wide = widened(x);
  Tensor shifted = wide - detach(wide.max(axis, true));
  return rounded(shifted - log(exp(shifted).sum(axis, true)), x);
}

Tensor logsumexp(const Operand& x, const Axes& axes, bool keep) {
  Call call("logsumexp", x);
  if (!x.ok()) return x;
  Tensor wide = widened(x);
  Tensor peak = finite_peak(wide, axes);
  Tensor y = log(exp(wide - peak).sum(axes, true)) + peak;
  if (!y.ok()) return y;
  return rounded(keep ? y : y.reshape(Shape(wide.sum(axes).shape().begin(), wide.sum(axes).shape().end())),
                 x);
}

Tensor layer_norm(const Operand& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
                  double eps) {
  Call call("layer_norm", x);
  if (!x.ok()) return x;
  std::vector<int> axes;
  for (int i = 1; i <= (weight ? weight->rank() : 1); ++i) axes.push_back(-i);
  return rounded(scaled(standardised(widened(x), axes, eps), weight, bias), x);
}

Tensor rms_norm(const Operand& x, const std::optional<Tensor>& weight, double eps) {
  Call call("rms_norm", x);
  if (!x.ok()) return x;
  Tensor wide = widened(x);
  return rounded(scaled(wide / sqrt(square(wide).mean(-1, true) + eps), weight, {}), x);
}

Tensor group_norm(const Operand& x, int64_t groups, const std::optional<Tensor>& weight,
                  const std::optional<Tensor>& bias, double eps) {
  Call call("group_norm", x);
  if (!x.ok()) return x;
  if (x.rank() < 2 || groups < 1 || x.dim(1).size % groups != 0)
    return Call::fail("{} in {} groups, expected (n, channels, ...) with channels in equal groups",
                      describe(x), groups);
  Tensor grouped = widened(x).reshape({x.dim(0), groups, -1});
  Tensor y = standardised(grouped, -1, eps).reshape(Shape(x.shape().begin(), x.shape().end()));
  return rounded(scaled(y, weight, bias, &x), x);
}

Tensor batch_norm(const Operand& x, const Tensor& mean, const Tensor& variance,
                  const std::optional<Tensor>& weight, const std::optional<Tensor>& bias, double eps) {
  Call call("batch_norm", x);
  if (const Tensor* bad = first_error<Tensor>(x, mean, variance)) return *bad;
  if (x.rank() < 2) return Call::fail("{}, expected (n, channels, ...)", describe(x));
  Tensor y = (widened(x) - along_channels(mean, x)) / sqrt(along_channels(variance, x) + eps);
  return rounded(scaled(y, weight, bias, &x), x);
}

Tensor attention(const Operand& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  Call call("attention", q);
  if (const Tensor* bad = first_error<Tensor>(q, k, v)) return *bad;
  const Dim heads = q.dim(-3), groups = k.dim(-3);
  if (q.rank() < 3 || k.rank() != q.rank() || v.rank() != q.rank() || heads.size % groups.size != 0)
    return Call::fail(
        "q {}, k {}, v {}, expected (.., heads, length, width) with key heads that divide heads", describe(q),
        describe(k), describe(v));
  const DType wide = accumulator(inexact(q.dtype()));
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.dim(-1).size)));
  // (.., groups, heads of a group, queries, width) against (.., groups, 1, keys, width)
  Shape apart(q.shape().begin(), q.shape().end() - 3);
  for (Dim d : {groups, Dim(heads.size / groups.size), q.dim(-2), q.dim(-1)}) apart.push_back(d);
  Tensor scores = matmul(q.reshape(apart), k.unsqueeze(-3).transpose(), wide) * scale;
  if (!scores.ok()) return scores;
  if (options.causal) {
    Tensor query = iota_along(q.dim(-2), 0, 2), key = iota_along(k.dim(-2), 1, 2);
    Tensor ahead = size_of(k.dim(-2), dtype::i32) - size_of(q.dim(-2), dtype::i32);
    scores = where(key <= query + ahead, scores, -infinity);
  }
  if (options.mask) {
    Tensor mask = *options.mask;
    if (!mask.ok()) return mask;
    if (mask.rank() > 2) {  // its heads fall apart as those of q do
      Shape shape(mask.shape().begin(), mask.shape().end() - 3);
      const bool each = mask.dim(-3).size > 1;
      if (each && mask.dim(-3) != heads)
        return Call::fail("mask {} for {} heads", describe(mask), heads.size);
      for (Dim d : {each ? groups : Dim(1), each ? Dim(heads.size / groups.size) : Dim(1), mask.dim(-2),
                    mask.dim(-1)})
        shape.push_back(d);
      mask = mask.reshape(shape);
    }
    scores = mask.dtype().is_bool() ? where(mask, scores, -infinity) : scores + mask.cast(wide);
  }
  Tensor mixed = matmul(softmax(scores), v.unsqueeze(-3), wide);
  if (!mixed.ok()) return mixed;
  Shape joined(q.shape().begin(), q.shape().end());
  joined.back() = v.dim(-1);
  return rounded(mixed.reshape(joined), q);
}

Tensor cross_entropy(const Operand& logits, const Tensor& target) {
  Call call("cross_entropy", logits);
  if (const Tensor* bad = first_error<Tensor>(logits, target)) return *bad;
  if (!target.dtype().is_int() || logits.rank() != target.rank() + 1)
    return Call::fail("logits {}, target {}, expected (.., classes) and (..) of integers", describe(logits),
                      describe(target));
  Tensor hit =
      target.unsqueeze(-1) == iota_along(logits.dim(-1), target.rank(), logits.rank(), target.dtype());
  return -where(hit, log_softmax(logits), 0).sum(-1).mean();
}

Tensor mean_squared_error(const Operand& x, const Tensor& target) {
  Call call("mean_squared_error", x);
  return square(x - target).mean();
}

// -(t log s(x) + (1 - t) log(1 - s(x))), without the logarithm of what may vanish.
Tensor binary_cross_entropy(const Operand& x, const Tensor& target) {
  Call call("binary_cross_entropy", x);
  return (maximum(x, 0) - x * target + softplus(-abs(x))).mean();
}

}  // namespace doorbell
