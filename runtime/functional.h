// Functions of models: softmax and its kin, normalisations, attention, losses. What is composed of several
// operations is computed in f32 for f16, bf16 and fp8, and rounded once; the result has the dtype of x.
#pragma once

#include "runtime/tensor.h"

namespace doorbell {

// The same value, through which no gradient flows.
Tensor detach(const Operand& x);

Tensor softmax(const Operand& x, int axis = -1);
Tensor log_softmax(const Operand& x, int axis = -1);
Tensor logsumexp(const Operand& x, const Axes& axes = -1, bool keep = false);

// Over the last axes, as many as the weight has (one without a weight): (x - mean) / sqrt(variance + eps) *
// weight + bias, where weight and bias may be absent.
Tensor layer_norm(const Operand& x, const std::optional<Tensor>& weight = {},
                  const std::optional<Tensor>& bias = {}, double eps = 1e-5);
// Over the last axis: x / sqrt(mean(x^2) + eps) * weight.
Tensor rms_norm(const Operand& x, const std::optional<Tensor>& weight = {}, double eps = 1e-5);
// (n, channels, ...): over the channels of a group and all that follows; weight and bias are (channels).
Tensor group_norm(const Operand& x, int64_t groups, const std::optional<Tensor>& weight = {},
                  const std::optional<Tensor>& bias = {}, double eps = 1e-5);
// (n, channels, ...) by statistics of each channel, all of shape (channels).
Tensor batch_norm(const Operand& x, const Tensor& mean, const Tensor& variance,
                  const std::optional<Tensor>& weight = {}, const std::optional<Tensor>& bias = {},
                  double eps = 1e-5);

struct AttentionOptions {
  std::optional<Tensor> mask =
      {};               // broadcasts to (.., heads, queries, keys): bool (true: attend) or a summand
  bool causal = false;  // query i sees keys up to i + keys - queries: the last query sees all
  std::optional<double> scale = {};  // 1 / sqrt(width) where absent
};
// q (.., heads, queries, width), k and v (.., key heads, keys, width): key heads divide heads, and each
// serves a run of neighbours (grouped-query attention).
Tensor attention(const Operand& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {});

// Logits (.., classes), classes (..) as integers: the mean of -log softmax; a target outside of the classes
// counts as a loss of 0.
Tensor cross_entropy(const Operand& logits, const Tensor& target);
Tensor mean_squared_error(const Operand& x, const Tensor& target);
// x is a logit, the target lies in [0, 1].
Tensor binary_cross_entropy(const Operand& x, const Tensor& target);

}  // namespace doorbell
