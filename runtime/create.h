// Where tensors come from: host data, constants, sequences, symbols.
#pragma once

#include "runtime/tensor.h"

namespace doorbell {

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>) return dtype::boolean;
  else if constexpr (std::is_same_v<T, float>) return dtype::f32;
  else if constexpr (std::is_same_v<T, double>) return dtype::f64;
  else return DType{std::is_signed_v<T> ? Kind::Signed : Kind::Unsigned, 8 * sizeof(T)};
}

// Copies the bytes: little-endian elements, row by row.
Tensor from_bytes(DType dtype, const Shape& shape, std::span<const std::byte> bytes,
                  Line at = Line::current());
// Lends them: `owner` keeps them alive and nobody changes them. A device that can will read them in place.
Tensor from_memory(DType dtype, const Shape& shape, std::span<const std::byte> bytes,
                   std::shared_ptr<const void> owner, Line at = Line::current());
template <class T>
  requires std::is_arithmetic_v<T>
Tensor from_values(const std::vector<T>& values, const Shape& shape, Line at = Line::current()) {
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<uint8_t> bytes(values.begin(), values.end());
    return from_bytes(dtype::boolean, shape, std::as_bytes(std::span(bytes)), at);
  } else {
    return from_bytes(dtype_of<T>(), shape, std::as_bytes(std::span(values)), at);
  }
}
template <class T>
Tensor from_values(const std::vector<T>& values, Line at = Line::current()) {
  return from_values(values, {static_cast<int64_t>(values.size())}, at);
}
// Numbers, rounded to a dtype (for those without a C++ type).
Tensor from_values(DType dtype, const std::vector<double>& values, const Shape& shape,
                   Line at = Line::current());

// Memory with nothing in it yet, for assign().
Tensor empty(const Shape& shape, DType dtype = dtype::f32, int64_t device = 0, Line at = Line::current());

Tensor full(const Shape& shape, const Scalar& value, DType dtype = dtype::f32, Line at = Line::current());
Tensor zeros(const Shape& shape, DType dtype = dtype::f32, Line at = Line::current());
Tensor ones(const Shape& shape, DType dtype = dtype::f32, Line at = Line::current());
Tensor zeros_like(const Operand& x);
Tensor ones_like(const Operand& x);

Tensor arange(Dim count, DType dtype = dtype::i32, Line at = Line::current());
// begin, begin + step, ... before end, each as begin + i * step rounded to the dtype.
Tensor arange(const Scalar& begin, const Scalar& end, const Scalar& step, DType dtype = dtype::i32,
              Line at = Line::current());
Tensor linspace(double begin, double end, int64_t count, DType dtype = dtype::f32, Line at = Line::current());
Tensor eye(Dim rows, std::optional<Dim> columns = {}, DType dtype = dtype::f32, Line at = Line::current());

// The symbol's value at run, an i64 scalar; and the axis that has so many elements.
Tensor value_of(const Symbol& symbol);
inline Dim dim_of(const Symbol& symbol) { return Dim(symbol.max, symbol.id); }

}  // namespace doorbell
