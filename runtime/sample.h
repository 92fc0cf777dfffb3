// From logits to a token: repetition penalty, temperature, top-k, top-p, min-p, in the order in which
// llama.cpp applies them (common/sampling.cpp: penalties, top-k, top-p, min-p, temperature), on the host,
// with a random generator whose sequence depends on the seed alone.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <vector>

namespace doorbell {

struct SampleOptions {
  float temperature = 0.8f;     // 0: the most likely token, always
  int top_k = 40;               // 0: all
  float top_p = 0.95f;          // 1: all
  float min_p = 0.05f;          // 0: all
  float repeat_penalty = 1.0f;  // 1: none
  int repeat_last = 64;         // tokens that the penalty looks back on
  uint64_t seed = 0;
};

class Sampler {
 public:
  explicit Sampler(const SampleOptions& options) : options_(options), random_(options.seed) {}
  int32_t sample(std::span<const float> logits);
  void accept(int32_t token);  // of the prompt or sampled: what the penalty sees

 private:
  SampleOptions options_;
  std::mt19937_64 random_;
  std::deque<int32_t> recent_;
};

}  // namespace doorbell
