// Weights of a model file as lazy tensors: the bytes stay mapped and quantised where they are, and
// dequantisation is graph code that fuses into what reads it. Block formats: ggml/src/ggml-common.h of
// llama.cpp.
#pragma once

#include <optional>

#include "runtime/load/gguf.h"
#include "runtime/tensor.h"

namespace doorbell {

// Blocks of 32 small integers.
struct Blocks {
  Tensor numbers;                       // i32 (.., blocks, 32)
  Tensor scale;                         // f32 (.., blocks)
  std::optional<Tensor> offset;         // the same
  [[nodiscard]] Tensor values() const;  // scale * numbers + offset
};

// A tensor in numpy's order of axes (rows before columns).
struct Weight {
  Tensor values;                 // f32
  std::optional<Blocks> blocks;  // what the values are made of
};
Weight weight_of(const GgufTensor& tensor, std::shared_ptr<const void> owner);

}  // namespace doorbell
