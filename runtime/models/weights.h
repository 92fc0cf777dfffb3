// Weights of a model file as lazy tensors: the bytes stay mapped and quantised where they are, and
// dequantisation is graph code that fuses into what reads it. Block formats: ggml/src/ggml-common.h of
// llama.cpp.
#pragma once

#include <optional>

#include "runtime/load/gguf.h"
#include "runtime/tensor.h"

namespace doorbell {

// A tensor in numpy's order of axes (rows before columns).
struct Weight {
  Tensor values;  // f32
  // Of a matrix in blocks of 32 small integers the same taken apart: values = scale * numbers + offset.
  struct Blocks {
    Tensor numbers;        // i32 (rows, blocks, 32), of 4 bits without a sign
    Tensor scale, offset;  // f32 (rows, blocks)
  };
  std::optional<Blocks> blocks;
};
Weight weight_of(const GgufTensor& tensor, std::shared_ptr<const void> owner);

}  // namespace doorbell
