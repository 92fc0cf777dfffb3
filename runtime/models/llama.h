// The Llama family: RMSNorm, rotary positions, grouped-query attention, SwiGLU (arXiv 2302.13971,
// 2307.09288). Layout of heads and names of tensors and keys: llama.cpp's GGUF files for architecture
// "llama".
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/engine.h"
#include "runtime/load/gguf.h"
#include "runtime/models/weights.h"
#include "runtime/tensor.h"

namespace doorbell {

struct LlamaShape {
  int64_t layers, width, heads, kv_heads, head, hidden, vocabulary, context;
  double rope_base, epsilon;
};

// What the products see of the activations: as they are, or rounded to 8 bits with a scale for each block of
// 32, as llama.cpp does for quantised weights.
enum class Activations : uint8_t { f32, q8 };

struct LlamaOptions {
  int64_t context = 0;  // tokens that are kept; 0: the model's own, at most 4096
  Activations activations = Activations::f32;
};

// A model with one sequence: tokens go in, the logits after the last one come out; the attention's keys and
// values stay on the device. A step of one token, or of a batch of the prompt, is captured once and submitted
// again.
class Llama {
 public:
  // Checks architecture, keys and the shape of every tensor; errors name the file and the place in it.
  static Result<Llama> load(std::shared_ptr<const Gguf> file, const LlamaOptions& options, Engine& engine);

  [[nodiscard]] const LlamaShape& shape() const { return shape_; }
  [[nodiscard]] int64_t position() const { return position_; }  // tokens seen
  [[nodiscard]] int64_t context() const { return context_; }
  void rewind(int64_t position) { position_ = position; }

  // Appends tokens. Afterwards logits() are those that follow the last one. An error where they do not fit.
  Status append(std::span<const int32_t> tokens);
  // The same, and the logits after every one of them, row by row, to `all`.
  Status append(std::span<const int32_t> tokens, std::vector<float>* all);
  [[nodiscard]] std::span<const float> logits() const { return logits_; }

 private:
  struct Layer {
    Tensor attention_norm, ffn_norm;
    Weight q, k, v, o, gate, up, down;
    NodeRef keys, values;  // (kv_heads, context, head) of the cache
  };
  struct Step {
    int64_t batch;
    Tensor tokens;
    Captured captured;
  };
  Tensor forward(const Tensor& tokens, int64_t batch);
  // Ready to be multiplied with weights: materialised, and quantised if that was chosen.
  struct Factor {
    Tensor values;  // (batch, width)
    // Quantised: values = scale * numbers in blocks of 32; sums are the numbers' of each block.
    Tensor numbers;      // i8 (batch, blocks, 32)
    Tensor scale, sums;  // f32 (batch, blocks)
    bool quantised = false;
  };
  [[nodiscard]] Factor factor(const Tensor& x) const;
  // (batch, rows) of the products with each row.
  static Tensor linear(const Factor& x, const Weight& weight);
  Result<Step*> step(int64_t batch);

  std::shared_ptr<const Gguf> file_;
  Engine* engine_ = nullptr;
  LlamaShape shape_{};
  Activations activations_ = Activations::f32;
  int64_t context_ = 0, position_ = 0;
  Symbol first_, length_, last_;  // position of the batch's first token; tokens seen after it; its last row
  Tensor output_norm_, cosine_, sine_;
  Weight embedding_, output_;
  std::vector<Layer> layers_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<float> logits_;
};

}  // namespace doorbell
