// See create.h.
#include "runtime/create.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "runtime/call.h"
#include "runtime/elementwise.h"

namespace doorbell {

namespace {

std::optional<Tensor> bad_shape(ShapeView shape) {
  for (const Dim& d : shape)
    if (d.size < 1) return Call::fail("shape {}, expected at least one element on each axis", print(shape));
  return std::nullopt;
}

// A buffer of its own: equal contents never merge two of them.
Tensor buffer(DType dtype, ShapeView shape, int64_t device) {
  static std::atomic<int64_t> next{1};
  return make(Op::Buffer, dtype, {}, {next.fetch_add(1, std::memory_order_relaxed), device},
              Shape{elements(shape)});
}

// Symbolic axes have memory for their maximum.
Tensor viewed(const Tensor& flat, const Shape& shape) {
  Shape fixed = shape;
  for (Dim& d : fixed) d.symbol = 0;
  Tensor x = flat.reshape(fixed);
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i].symbol) x = x.narrow(static_cast<int>(i), 0, shape[i]);
  return x;
}

}  // namespace

Tensor from_memory(DType dtype, const Shape& shape, std::span<const std::byte> bytes,
                   std::shared_ptr<const void> owner, Line at) {
  Call call("from_memory", at);
  if (auto bad = bad_shape(shape)) return *bad;
  const auto expected = static_cast<size_t>(elements(shape) * dtype.bytes());
  if (bytes.size() != expected)
    return Call::fail("{} bytes for {} {}, expected {}", bytes.size(), name(dtype), print(shape), expected);
  Tensor flat = buffer(dtype, shape, 0);
  flat.node().set_memo(std::make_shared<Memory>(Memory{bytes, std::move(owner), nullptr}));
  return viewed(flat, shape);
}

Tensor from_bytes(DType dtype, const Shape& shape, std::span<const std::byte> bytes, Line at) {
  Call call("from_bytes", at);
  auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
  return from_memory(dtype, shape, *copy, copy);
}

Tensor from_values(DType dtype, const std::vector<double>& values, const Shape& shape, Line at) {
  Call call("from_values", at);
  auto bytes = std::make_shared<std::vector<std::byte>>(values.size() * static_cast<size_t>(dtype.bytes()));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint64_t pattern = encode(dtype, values[i]);
    std::memcpy(bytes->data() + i * static_cast<size_t>(dtype.bytes()), &pattern,
                static_cast<size_t>(dtype.bytes()));
  }
  return from_memory(dtype, shape, *bytes, bytes);
}

Tensor empty(const Shape& shape, DType dtype, int64_t device, Line at) {
  Call call("empty", at);
  if (auto bad = bad_shape(shape)) return *bad;
  return viewed(buffer(dtype, shape, device), shape);
}

Tensor full(const Shape& shape, const Scalar& value, DType dtype, Line at) {
  Call call("full", at);
  if (auto bad = bad_shape(shape)) return *bad;
  Tensor scalar = convert(Tensor(value), {dtype});
  return scalar.ok() ? fill(scalar, shape) : scalar;
}
Tensor zeros(const Shape& shape, DType dtype, Line at) {
  Call call("zeros", at);
  if (auto bad = bad_shape(shape)) return *bad;
  return fill(dtype, 0, shape);
}
Tensor ones(const Shape& shape, DType dtype, Line at) {
  Call call("ones", at);
  if (auto bad = bad_shape(shape)) return *bad;
  return fill(dtype, 1, shape);
}
Tensor zeros_like(const Operand& x) {
  Call call("zeros_like", x);
  if (!x.ok()) return x;
  return fill(x.dtype(), 0, x.shape());
}
Tensor ones_like(const Operand& x) {
  Call call("ones_like", x);
  if (!x.ok()) return x;
  return fill(x.dtype(), 1, x.shape());
}

Tensor arange(Dim count, DType dtype, Line at) {
  Call call("arange", at);
  if (auto bad = bad_shape(ShapeView(&count, 1))) return *bad;
  if (dtype.is_bool()) return Call::fail("of bool");
  // In an integer type that holds every place, then rounded.
  return iota_along(count, 0, 1, dtype.is_int() ? dtype : dtype::i32).cast(dtype);
}

Tensor arange(const Scalar& begin, const Scalar& end, const Scalar& step, DType dtype, Line at) {
  Call call("arange", at);
  const double by = step.as_double();
  const auto count = static_cast<int64_t>(std::ceil((end.as_double() - begin.as_double()) / by));
  if (by == 0 || count < 1)
    return Call::fail("from {} to {} by {}, expected at least one element", print(begin), print(end),
                      print(step));
  return arange(count, dtype) * Tensor(step) + Tensor(begin);
}

Tensor linspace(double begin, double end, int64_t count, DType dtype, Line at) {
  Call call("linspace", at);
  if (count < 1 || !dtype.is_float()) return Call::fail("{} elements of {}", count, name(dtype));
  if (count == 1) return full({1}, begin, dtype);
  const DType wide = accumulator(dtype);
  Tensor i = arange(count, wide);
  Tensor line = begin + i * ((end - begin) / static_cast<double>(count - 1));
  return where(i == count - 1, end, line).cast(dtype);  // the last is exact
}

Tensor eye(Dim rows, std::optional<Dim> columns, DType dtype, Line at) {
  Call call("eye", at);
  return (iota_along(rows, 0, 2) == iota_along(columns.value_or(rows), 1, 2)).cast(dtype);
}

Tensor value_of(const Symbol& s) { return size_of(Dim(s.max, s.id), dtype::i64); }

}  // namespace doorbell
