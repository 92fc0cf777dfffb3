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

// ---- lowered kernels

struct KernelCode;  // eval_kernel.cc

// A kernel decoded for evaluation. Immutable, so any thread may run it; it does not refer to the kernel's
// graph.
//
// Lanes run in lockstep. Errors name kernel, node (by its line in print()), workgroup and lane, for: an
// access outside of a Param's elements; a Load of Register or Local memory that nothing was stored to; two
// lanes that store to one address in one Store; a loaded bool other than 0 and 1; a symbol's value outside of
// its bounds. Values of floats are those of numeric.h, NaN patterns included.
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
