// Optimisers. A step assigns new versions to the parameters and to the optimiser's own state, all of which it
// returns: realise them together, or capture them. State is f32 for narrower parameters; the powers that
// Adam's corrections need are tensors too, so that a captured step can be replayed.
#pragma once

#include <vector>

#include "runtime/tensor.h"

namespace doorbell {

struct SgdOptions {
  double rate = 1e-2, momentum = 0, weight_decay = 0;
  bool nesterov = false;
};
// Sutskever et al. 2013 in torch's form: v = momentum * v + g; p -= rate * v.
class Sgd {
 public:
  explicit Sgd(std::vector<Tensor> parameters, SgdOptions options = {});
  std::vector<Tensor> step(const std::vector<Tensor>& gradients);

 private:
  std::vector<Tensor> parameters_, velocity_;
  SgdOptions options_;
};

struct AdamOptions {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled = false;  // AdamW: decay acts on the parameter, not by way of the gradient
};
// Kingma and Ba 2014; decoupled after Loshchilov and Hutter 2017.
class Adam {
 public:
  explicit Adam(std::vector<Tensor> parameters, AdamOptions options = {});
  std::vector<Tensor> step(const std::vector<Tensor>& gradients);

 private:
  std::vector<Tensor> parameters_, mean_, square_;
  Tensor power1_, power2_;  // beta1^t, beta2^t
  AdamOptions options_;
};
Adam adam_w(std::vector<Tensor> parameters, AdamOptions options = {.weight_decay = 1e-2});

}  // namespace doorbell
