// Weights of a model file as lazy tensors: the bytes stay mapped and quantised where they are, and
// dequantisation is graph code that fuses into what reads it. Block formats: ggml/src/ggml-common.h of
// llama.cpp.
#pragma once

#include "runtime/load/gguf.h"
#include "runtime/tensor.h"

namespace doorbell {

// The tensor in f32, numpy's order of axes (rows before columns).
Tensor dequantised(const GgufTensor& tensor, std::shared_ptr<const void> owner);

}  // namespace doorbell
