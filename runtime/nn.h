// Layers: tensors that are learnt, and the function that they take part in. A layer's state is an ordered map
// from names to handles, which loaders assign to and optimisers step.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/conv.h"
#include "runtime/functional.h"
#include "runtime/random.h"

namespace doorbell {

// In the order of declaration; "conv.weight" is the weight of the layer added under "conv".
class State {
 public:
  struct Entry {
    std::string name;
    Tensor tensor;
    bool learnt = true;  // false: statistics, which training updates by itself
  };
  void add(std::string name, const Tensor& tensor, bool learnt = true) {
    entries_.push_back({std::move(name), tensor, learnt});
  }
  void add(std::string name, const std::optional<Tensor>& tensor) {
    if (tensor) add(std::move(name), *tensor);
  }
  template <class Layer>
    requires requires(const Layer& layer) { layer.state(); }
  void add(const std::string& prefix, const Layer& layer) {
    const State below = layer.state();
    for (const Entry& e : below.entries()) add(prefix + "." + e.name, e.tensor, e.learnt);
  }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const Tensor* find(std::string_view name) const;
  [[nodiscard]] std::vector<Tensor> learnt() const;

 private:
  std::vector<Entry> entries_;
};

struct Linear {
  Tensor weight;  // (out, in)
  std::optional<Tensor> bias;
  Linear(int64_t in, int64_t out, bool with_bias = true, Generator& from = generator());
  Tensor operator()(const Tensor& x) const;  // (.., in) to (.., out)
  [[nodiscard]] State state() const;
};

struct Conv2d {
  Tensor weight;  // (out, in / groups, kernel, kernel)
  std::optional<Tensor> bias;
  Conv2dOptions options;
  Conv2d(int64_t in, int64_t out, int64_t kernel, Conv2dOptions options = {}, bool with_bias = true,
         Generator& from = generator());
  Tensor operator()(const Tensor& x) const { return conv2d(x, weight, bias, options); }
  [[nodiscard]] State state() const;
};

// Over (n, channels, ...). In training the statistics of the batch serve, and the running ones follow them:
// assigned here, they change when one of them is realised.
struct BatchNorm {
  Tensor weight, bias, mean, variance;
  double eps = 1e-5, momentum = 0.1;
  bool training = true;
  explicit BatchNorm(int64_t channels);
  Tensor operator()(const Tensor& x);
  [[nodiscard]] State state() const;
};

struct LayerNorm {
  Tensor weight, bias;
  double eps = 1e-5;
  explicit LayerNorm(const Shape& shape);  // the last axes
  Tensor operator()(const Tensor& x) const { return layer_norm(x, weight, bias, eps); }
  [[nodiscard]] State state() const;
};

struct RmsNorm {
  Tensor weight;
  double eps = 1e-5;
  explicit RmsNorm(int64_t width);
  Tensor operator()(const Tensor& x) const { return rms_norm(x, weight, eps); }
  [[nodiscard]] State state() const;
};

struct Embedding {
  Tensor weight;  // (count, width)
  Embedding(int64_t count, int64_t width, Generator& from = generator());
  Tensor operator()(const Tensor& index) const;  // (..) to (.., width)
  [[nodiscard]] State state() const;
};

}  // namespace doorbell
