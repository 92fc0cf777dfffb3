// doorbell's side of the rows of `doorbell bench`. Each runs in a fresh process, started by cmd_bench.cc, so
// that no row warms caches, memory or kernels for another.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "runtime/engine.h"

namespace doorbell::bench {

// Figures by name, in the unit that the row prints.
using Figures = std::map<std::string, double>;

// Prompts of 128 and 512 tokens and the decoding of 64 after 128, in tokens/s, each after a warm-up: what
// peers/llama_cpp.cc does, with the same tokens.
Result<Figures> language_model(Engine& engine, const std::filesystem::path& path);
// C = A B of 1024^3, GFLOP/s.
Result<Figures> matrix_product(Engine& engine);
// A training step of 784-512-512-10 on a batch of 64 with Adam: milliseconds from the first operation of its
// graph until everything is compiled and recorded, parameters being there; then of one replay.
Result<Figures> training_step(Engine& engine);
// Microseconds that one more tiny kernel costs in a recorded graph: the slope between 64 of them and 128.
Result<Figures> replayed_kernel(Engine& engine);
// Microseconds of (a + 1).realize() and its result on the host, kernels being compiled.
Result<Figures> eager_operation();

}  // namespace doorbell::bench
