// For the implementation of operations: which operation the user called, and where. The outermost Call of a
// thread gives the source line of error tensors, so that an error inside layer_norm names the user's line.
#pragma once

#include "runtime/tensor.h"

namespace doorbell {

class Call {
 public:
  Call(const char* op, Line at);
  Call(const char* op, const Operand& first) : Call(op, first.at) {}
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // An error tensor of the current call: "file:line: op: what".
  static Tensor fail(std::string_view what);
  template <class... Args>
    requires(sizeof...(Args) > 0)
  static Tensor fail(fmt::format_string<Args...> format, Args&&... args) {
    return fail(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
  }
  static Tensor fail(const Error& error) { return fail(std::string_view(error.message)); }
};

// The first error among some tensors.
template <class... Tensors>
const Tensor* first_error(const Tensors&... tensors) {
  const Tensor* found = nullptr;
  ((found || tensors.ok() ? void() : void(found = &tensors)), ...);
  return found;
}

// Nodes, without checks.
Tensor make(Op op, DType dtype, std::span<const Tensor> src, std::span<const int64_t> arg, ShapeView shape);
inline Tensor make(Op op, DType dtype, std::initializer_list<Tensor> src, const std::vector<int64_t>& arg,
                   ShapeView shape) {
  return make(op, dtype, std::span(src.begin(), src.size()), arg, shape);
}
Tensor constant(DType dtype, const Scalar& value);   // shape ()
Tensor fill(const Tensor& scalar, ShapeView shape);  // a scalar, everywhere
inline Tensor fill(DType dtype, const Scalar& value, ShapeView shape) {
  return fill(constant(dtype, value), shape);
}
// The tensor in the shape, which broadcast() has approved.
Tensor broadcast_to(const Tensor& tensor, ShapeView shape);
// The tensor as that type: a literal is written in it anew, and an error where it does not fit.
Tensor convert(const Tensor& tensor, Type type);
// How many elements an axis has, as a scalar: fixed, or the symbol's value.
Tensor size_of(Dim dim, DType dtype);
// 0, 1, ... along `axis` of a tensor of `rank` axes; the other axes are 1.
Tensor iota_along(Dim dim, int axis, int rank, DType dtype = dtype::i32);

}  // namespace doorbell
