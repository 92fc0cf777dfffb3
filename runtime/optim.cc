// See optim.h.
#include "runtime/optim.h"

#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/functional.h"

namespace doorbell {

namespace {

std::vector<Tensor> blank_like(const std::vector<Tensor>& parameters) {
  std::vector<Tensor> out;
  for (const Tensor& p : parameters)
    out.push_back(zeros(Shape(p.shape().begin(), p.shape().end()), accumulator(p.dtype())));
  return out;
}

}  // namespace

Sgd::Sgd(std::vector<Tensor> parameters, SgdOptions options)
    : parameters_(std::move(parameters)), velocity_(blank_like(parameters_)), options_(options) {}

std::vector<Tensor> Sgd::step(const std::vector<Tensor>& gradients) {
  DOORBELL_CHECK(gradients.size() == parameters_.size(), "{} gradients for {} parameters", gradients.size(),
                 parameters_.size());
  std::vector<Tensor> changed;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Tensor &p = parameters_[i], &v = velocity_[i];
    Tensor wide = p.cast(v.dtype()), g = gradients[i].cast(v.dtype());
    if (options_.weight_decay != 0) g = g + wide * options_.weight_decay;
    if (options_.momentum != 0) {
      v.assign(v * options_.momentum + g);
      changed.push_back(v);
      g = options_.nesterov ? g + v * options_.momentum : v;
    }
    p.assign(wide - g * options_.rate);
    changed.push_back(p);
  }
  return changed;
}

Adam::Adam(std::vector<Tensor> parameters, AdamOptions options)
    : parameters_(std::move(parameters)),
      mean_(blank_like(parameters_)),
      square_(blank_like(parameters_)),
      power1_(ones({1})),
      power2_(ones({1})),
      options_(options) {}

std::vector<Tensor> Adam::step(const std::vector<Tensor>& gradients) {
  DOORBELL_CHECK(gradients.size() == parameters_.size(), "{} gradients for {} parameters", gradients.size(),
                 parameters_.size());
  const auto& o = options_;
  power1_.assign(power1_ * o.beta1);
  power2_.assign(power2_ * o.beta2);
  std::vector<Tensor> changed{power1_, power2_};
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Tensor &p = parameters_[i], &m = mean_[i], &v = square_[i];
    Tensor wide = p.cast(m.dtype()), g = gradients[i].cast(m.dtype());
    if (!o.decoupled && o.weight_decay != 0) g = g + wide * o.weight_decay;
    m.assign(m * o.beta1 + g * (1 - o.beta1));
    v.assign(v * o.beta2 + g * g * (1 - o.beta2));
    Tensor step = (m / (1 - power1_)) / (sqrt(v / (1 - power2_)) + o.eps);
    if (o.decoupled) wide = wide * (1 - o.rate * o.weight_decay);
    p.assign(wide - step * o.rate);
    for (const Tensor& t : {m, v, p}) changed.push_back(t);
  }
  return changed;
}

Adam adam_w(std::vector<Tensor> parameters, AdamOptions options) {
  options.decoupled = true;
  return Adam(std::move(parameters), options);
}

}  // namespace doorbell
