// The evaluator: what every program form means, bit for bit, in plain loops over plain memory. Tests hold it
// to numpy, ml_dtypes and exact rationals; machine code, emulators and RTL are held to it. It is an oracle
// and the model device's processor, therefore strict before fast: what silicon may let pass in silence is an
// error here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "codegen/kernel.h"
#include "codegen/node.h"
#include "hal/base/result.h"

namespace doorbell {

// ---- the tensor graph

// Values in row-major order, each in dtype.bytes() bytes.
struct Array {
  DType dtype;
  std::vector<int64_t> shape;
  std::vector<std::byte> data;

  [[nodiscard]] size_t size() const { return data.size() / static_cast<size_t>(dtype.bytes()); }
  [[nodiscard]] uint64_t get(size_t i) const;
  void set(size_t i, uint64_t bits);
};

// What a graph takes from outside.
struct Environment {
  std::unordered_map<int64_t, std::span<const std::byte>> buffers;  // by the Buffer's id
  std::unordered_map<uint32_t, int64_t> symbols;                    // by the Symbol's id
};

// Values of nodes of the tensor graph, which is verified first. Each node is computed once, on its own:
//   Reduce   casts to its own type, then folds from identity() on, the source in row-major order
//   Assign   the whole root buffer of its target, with the viewed elements replaced
//   Gather   an index out of range, negative ones too, gives 0
//   symbolic axes are as long as their symbol's value; what memory lies beyond is 0, and Assign leaves it
//   alone
// Errors: a buffer or symbol that the environment lacks, too few bytes, a Shrink whose offset leaves its
// source.
Result<Array> evaluate(const Node* node, const Environment& environment);
Result<std::vector<Array>> evaluate(std::span<const Node* const> nodes, const Environment& environment);

// ---- lowered kernels

struct KernelCode;  // eval_kernel.cc

// A kernel decoded for evaluation. Immutable, so any thread may run it; it does not refer to the kernel's
// graph.
//
// Lanes run in lockstep. Errors name kernel, node (by its line in print()), workgroup and lane, for: an
// access outside of a Param's elements; a Load of Register or Local memory that nothing was stored to; two
// lanes that store to one address in one Store; a touch of Local memory that a copy is on its way to, and a
// write to what it reads; a loaded bool other than 0 and 1; a symbol's value outside of its bounds. What a
// CopyAsync brings is there when it is awaited, and no earlier. Values of floats are those of numeric.h, NaN
// patterns included.
class KernelEvaluator {
 public:
  // verify()s the kernel.
  static Result<KernelEvaluator> make(const Lowered& kernel);
  // One workgroup. A param's bytes are at least its elements; symbols in the kernel's order.
  [[nodiscard]] Status run(std::span<const std::span<std::byte>> params, std::span<const int64_t> symbols,
                           const uint32_t group[3]) const;
  // All workgroups, axis 0 fastest.
  [[nodiscard]] Status run(std::span<const std::span<std::byte>> params,
                           std::span<const int64_t> symbols) const;

 private:
  std::shared_ptr<const KernelCode> code_;
};

// Decodes and runs once.
Status run(const Lowered& kernel, std::span<const std::span<std::byte>> params,
           std::span<const int64_t> symbols, const uint32_t group[3]);
Status run(const Lowered& kernel, std::span<const std::span<std::byte>> params,
           std::span<const int64_t> symbols);

}  // namespace doorbell
