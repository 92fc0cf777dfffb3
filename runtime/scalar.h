// A number as it stands in the program text: a bool, an integer of up to 64 bits and either sign, or a
// double. It has no width: beside a tensor it takes the tensor's dtype, by the weak rows of the promotion
// lattice.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

#include "codegen/dtype.h"

namespace doorbell {

struct Scalar {
  enum class Kind : uint8_t { Bool, Int, Float };
  Kind kind = Kind::Int;
  bool negative = false;  // Bool and Int: sign and magnitude
  uint64_t magnitude = 0;
  double value = 0;  // Float

  template <class T>
    requires std::is_arithmetic_v<T>
  constexpr Scalar(T x) {
    if constexpr (std::floating_point<T>) {
      kind = Kind::Float;
      value = static_cast<double>(x);
    } else {
      kind = std::same_as<T, bool> ? Kind::Bool : Kind::Int;
      negative = x < T{};
      magnitude = static_cast<uint64_t>(x);
      if (negative) magnitude = 0 - magnitude;
    }
  }

  // The dtype that it has alone: bool, i32 (i64 where i32 is too narrow, u64 where i64 is), f32.
  [[nodiscard]] DType natural() const;
  // Does the dtype hold it? Integers must be in range; floats take everything, rounded; bool takes bools.
  [[nodiscard]] bool fits(DType dtype) const;
  [[nodiscard]] uint64_t pattern(DType dtype) const;  // its bits there, zero-extended
  [[nodiscard]] double as_double() const;
};
std::string print(const Scalar& scalar);

}  // namespace doorbell
