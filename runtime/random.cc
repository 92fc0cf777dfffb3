// See random.h.
#include "runtime/random.h"

#include <cmath>
#include <numbers>

#include "runtime/call.h"
#include "runtime/create.h"

namespace doorbell {

Generator& generator() {
  static Generator global(0);
  return global;
}

Tensor Generator::key() {
  const uint64_t seed = seed_, draw = draw_.fetch_add(1, std::memory_order_relaxed);
  auto word = [](uint64_t x, int half) { return static_cast<uint32_t>(x >> (32 * half)); };
  auto [a, b] = threefry2x32<uint32_t>(word(seed, 1), word(seed, 0), word(draw, 1), word(draw, 0));
  return from_values<uint32_t>({a, b});
}

std::pair<Tensor, Tensor> random_words(const Tensor& key, const Shape& shape, Line at) {
  Call call("random", at);
  auto failed = [](const Tensor& bad) { return std::pair{bad, bad}; };
  if (!key.ok()) return failed(key);
  if (key.dtype() != dtype::u32 || key.rank() != 1 || key.dim(0) != Dim(2))
    return failed(Call::fail("the key is {}, expected u32 (2)", describe(key)));
  for (const Dim& d : shape)
    if (d.symbol || d.size < 1) return failed(Call::fail("shape {}, expected fixed axes", print(shape)));
  const int64_t n = elements(shape);
  if (n > int64_t{1} << 32) return failed(Call::fail("{} elements, expected at most 2^32", n));
  // JAX counts in 64 bits, of which the upper half is 0 here.
  Tensor place = iota_along(n, 0, 1, dtype::u32);
  auto [a, b] =
      threefry2x32<Tensor>(key.slice(0, 0, 1), key.slice(0, 1, 2), fill(dtype::u32, 0, Shape{n}), place);
  return {a.reshape(shape), b.reshape(shape)};
}

Tensor random_bits(const Tensor& key, const Shape& shape, Line at) {
  Call call("random_bits", at);
  auto [a, b] = random_words(key, shape);
  return a ^ b;
}

Tensor uniform(const Tensor& key, const Shape& shape, DType dtype, Line at) {
  Call call("uniform", at);
  if (!dtype.is_float()) return Call::fail("of {}, expected a float", name(dtype));
  if (dtype.mantissa > 32) {
    auto [a, b] = random_words(key, shape);
    Tensor bits = (a.cast(dtype::u64) << 32) | b.cast(dtype::u64);
    return (bits >> (64 - dtype.mantissa)).cast(dtype) * std::ldexp(1.0, -dtype.mantissa);
  }
  // As many bits as the mantissa stores: exact in the dtype, and below 1.
  Tensor bits = random_bits(key, shape) >> (32 - dtype.mantissa);
  return (bits.cast(accumulator(dtype)) * std::ldexp(1.0, -dtype.mantissa)).cast(dtype);
}

Tensor normal(const Tensor& key, const Shape& shape, DType dtype, Line at) {
  Call call("normal", at);
  if (!dtype.is_float()) return Call::fail("of {}, expected a float", name(dtype));
  const DType wide = accumulator(dtype);
  auto [a, b] = random_words(key, shape);
  // The radius from (0, 1], so that its logarithm is finite.
  Tensor radius = ((a >> 8).cast(wide) + 1) * 0x1p-24, turn = (b >> 8).cast(wide) * 0x1p-24;
  return (sqrt(-2 * log(radius)) * cos(turn * (2 * std::numbers::pi))).cast(dtype);
}

Tensor rand(const Shape& shape, DType dtype, Generator& from, Line at) {
  return uniform(from.key(), shape, dtype, at);
}
Tensor randn(const Shape& shape, DType dtype, Generator& from, Line at) {
  return normal(from.key(), shape, dtype, at);
}

Tensor randint(const Shape& shape, int64_t low, int64_t high, DType dtype, Generator& from, Line at) {
  Call call("randint", at);
  if (low >= high || high - low >= int64_t{1} << 32 || !dtype.is_int())
    return Call::fail("[{}, {}) of {}", low, high, name(dtype));
  Tensor scaled = (random_bits(from.key(), shape).cast(dtype::u64) * (high - low)) >> 32;
  return (scaled.cast(dtype::i64) + low).cast(dtype);
}

namespace {

struct Fans {
  double in, out;
};
Fans fans(ShapeView shape) {
  const auto receptive = static_cast<double>(shape.size() > 2 ? elements(shape.subspan(2)) : 1);
  return {static_cast<double>(shape[1].size) * receptive, static_cast<double>(shape[0].size) * receptive};
}

Tensor within(double bound, const Shape& shape, DType dtype, Generator& from) {
  return ((uniform(from.key(), shape, accumulator(dtype)) * 2 - 1) * bound).cast(dtype);
}

}  // namespace

Tensor kaiming_uniform(const Shape& shape, double a, DType dtype, Generator& from, Line at) {
  Call call("kaiming_uniform", at);
  if (shape.size() < 2) return Call::fail("shape {}, expected (out, in, ...)", print(shape));
  return within(std::sqrt(6 / ((1 + a * a) * fans(shape).in)), shape, dtype, from);
}
Tensor xavier_uniform(const Shape& shape, DType dtype, Generator& from, Line at) {
  Call call("xavier_uniform", at);
  if (shape.size() < 2) return Call::fail("shape {}, expected (out, in, ...)", print(shape));
  return within(std::sqrt(6 / (fans(shape).in + fans(shape).out)), shape, dtype, from);
}

Tensor dropout(const Operand& x, double probability, Generator& from) {
  Call call("dropout", x);
  if (!x.ok() || probability == 0) return x.snapshot();
  if (probability < 0 || probability >= 1)
    return Call::fail("a probability of {}, expected [0, 1)", probability);
  Tensor chance = uniform(from.key(), Shape(x.shape().begin(), x.shape().end()));
  return where(chance >= probability, x * (1 / (1 - probability)), 0);
}

}  // namespace doorbell
