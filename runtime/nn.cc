// See nn.h. Initial values follow torch.nn, so that recipes carry over.
#include "runtime/nn.h"

#include <cmath>

#include "runtime/call.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/index.h"
#include "runtime/matmul.h"

namespace doorbell {

const Tensor* State::find(std::string_view name) const {
  for (const Entry& e : entries_)
    if (e.name == name) return &e.tensor;
  return nullptr;
}

std::vector<Tensor> State::learnt() const {
  std::vector<Tensor> out;
  for (const Entry& e : entries_)
    if (e.learnt) out.push_back(e.tensor);
  return out;
}

namespace {

// Uniform in +-1/sqrt(fan in).
Tensor initial_bias(const Tensor& weight, Generator& from) {
  const double bound = 1 / std::sqrt(static_cast<double>(weight.elements() / weight.dim(0).size));
  return (rand({weight.dim(0)}, dtype::f32, from) * 2 - 1) * bound;
}

}  // namespace

Linear::Linear(int64_t in, int64_t out, bool with_bias, Generator& from)
    : weight(kaiming_uniform({out, in}, std::sqrt(5.0), dtype::f32, from)) {
  if (with_bias) bias = initial_bias(weight, from);
}
Tensor Linear::operator()(const Tensor& x) const {
  Tensor y = matmul(x, weight.transpose());
  return bias ? y + *bias : y;
}
State Linear::state() const {
  State s;
  s.add("weight", weight);
  s.add("bias", bias);
  return s;
}

Conv2d::Conv2d(int64_t in, int64_t out, int64_t kernel, Conv2dOptions chosen, bool with_bias, Generator& from)
    : weight(kaiming_uniform({out, in / chosen.groups, kernel, kernel}, std::sqrt(5.0), dtype::f32, from)),
      options(chosen) {
  if (with_bias) bias = initial_bias(weight, from);
}
State Conv2d::state() const {
  State s;
  s.add("weight", weight);
  s.add("bias", bias);
  return s;
}

BatchNorm::BatchNorm(int64_t channels)
    : weight(ones({channels})),
      bias(zeros({channels})),
      mean(zeros({channels})),
      variance(ones({channels})) {}
Tensor BatchNorm::operator()(const Tensor& x) {
  if (!x.ok() || !training) return batch_norm(x, mean, variance, weight, bias, eps);
  std::vector<int> axes{0};
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  Tensor batch_mean = x.mean(axes), batch_variance = x.var(axes);
  // The running variance is the unbiased estimate, as in torch.
  const auto n = static_cast<double>(x.elements() / x.dim(1).size);
  Tensor unbiased = detach(batch_variance) * (n / std::max(1.0, n - 1));
  mean.assign(mean * (1 - momentum) + detach(batch_mean) * momentum);
  variance.assign(variance * (1 - momentum) + unbiased * momentum);
  return batch_norm(x, batch_mean, batch_variance, weight, bias, eps);
}
State BatchNorm::state() const {
  State s;
  s.add("weight", weight);
  s.add("bias", bias);
  s.add("running_mean", mean, false);
  s.add("running_var", variance, false);
  return s;
}

LayerNorm::LayerNorm(const Shape& shape) : weight(ones(shape)), bias(zeros(shape)) {}
State LayerNorm::state() const {
  State s;
  s.add("weight", weight);
  s.add("bias", bias);
  return s;
}

RmsNorm::RmsNorm(int64_t width) : weight(ones({width})) {}
State RmsNorm::state() const {
  State s;
  s.add("weight", weight);
  return s;
}

Embedding::Embedding(int64_t count, int64_t width, Generator& from)
    : weight(randn({count, width}, dtype::f32, from)) {}
Tensor Embedding::operator()(const Tensor& index) const { return take(weight, index); }
State Embedding::state() const {
  State s;
  s.add("weight", weight);
  return s;
}

}  // namespace doorbell
