// See elementwise.h.
#include "runtime/elementwise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "runtime/call.h"
#include "runtime/shape.h"

namespace doorbell {

namespace {

enum Domain : unsigned { Bools = 1, Ints = 2, Floats = 4, Numbers = Ints | Floats, Any = 7 };

unsigned domain_of(DType d) { return d.is_bool() ? Bools : d.is_int() ? Ints : Floats; }

// Brings the operands to one type; an error tensor where there is none, or it is outside the domain.
std::optional<Tensor> meet(std::span<Tensor> x, unsigned domain) {
  for (const Tensor& t : x)
    if (!t.ok()) return t;
  Type type = x[0].type();
  for (const Tensor& t : x.subspan(1)) {
    auto joined = lattice().join(type, t.type());
    if (!joined)
      return Call::fail("{} and {} have no common dtype; cast one of them", name(type.dtype), describe(t));
    type = *joined;
  }
  if (!(domain_of(type.dtype) & domain)) {
    std::string expected;
    for (auto [bit, word] : {std::pair{Bools, "bool"}, {Ints, "integers"}, {Floats, "floats"}})
      if (domain & bit) expected += fmt::format("{}{}", expected.empty() ? "" : " or ", word);
    return Call::fail("{} {}, expected {}", name(type.dtype), print(x[0].shape()), expected);
  }
  for (Tensor& t : x) {
    if (t.dtype() == type.dtype) continue;
    t = convert(t, type);
    if (!t.ok()) return t;
  }
  return std::nullopt;
}

// One node over operands of one type, broadcast.
Tensor apply(Op op, std::span<const Tensor> x, DType result) {
  Shape shape;
  bool weak = true;
  for (const Tensor& t : x) {
    weak &= t.type().weak || (op == Op::Where && &t == x.data());
    if (t.shape().empty() || std::ranges::equal(t.shape(), shape)) continue;
    auto both = broadcast(shape, t.shape());
    if (!both.ok()) return Call::fail(both.error());
    shape = std::move(*both);
  }
  Tensor src[3];
  for (size_t i = 0; i < x.size(); ++i)
    src[i] = std::ranges::equal(x[i].shape(), shape) ? x[i] : broadcast_to(x[i], shape);
  Tensor y = make(op, result, std::span(src, x.size()), {}, shape);
  return weak && !result.is_bool() ? Tensor(y.node(), true) : y;
}

Tensor binary(const char* op_name, Op op, const Operand& a, const Operand& b, unsigned domain) {
  Call call(op_name, a);
  Tensor x[] = {a, b};
  if (auto bad = meet(x, domain)) return *bad;
  return apply(op, x, op == Op::Lt || op == Op::Eq || op == Op::Ne ? dtype::boolean : x[0].dtype());
}

Tensor unary(const char* op_name, Op op, const Operand& a, unsigned domain) {
  Call call(op_name, a);
  Tensor x[] = {a};
  if (auto bad = meet(x, domain)) return *bad;
  return apply(op, x, x[0].dtype());
}

// The operand as a float of its own precision.
Tensor as_float(const Tensor& x) {
  if (!x.ok() || x.dtype().is_float()) return x;
  return x.literal() ? Tensor(Scalar(x.literal()->as_double())) : x.cast(dtype::f32);
}

Tensor transcendental(const char* op_name, Op op, const Operand& a) {
  Call call(op_name, a);
  return unary(op_name, op, Operand(as_float(a), a.at), Floats);
}

Tensor rounding(const char* op_name, Op op, const Operand& a) {
  if (a.ok() && a.dtype().is_int()) return a.snapshot();
  return unary(op_name, op, a, Floats);
}

// A function of a float, computed in f32 at least and rounded to the operand's dtype.
template <class Function>
Tensor widely(const char* op_name, const Operand& a, Function function) {
  Call call(op_name, a);
  Tensor x = as_float(a);
  if (!x.ok()) return x;
  const DType d = x.dtype();
  return d.bits < 32 ? function(x.cast(dtype::f32)).cast(d) : function(x);
}

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

// clang-format off
Tensor operator+(const Operand& a, const Operand& b) { return binary("add", Op::Add, a, b, Any); }
Tensor operator-(const Operand& a, const Operand& b) { return binary("sub", Op::Sub, a, b, Numbers); }
Tensor operator*(const Operand& a, const Operand& b) { return binary("mul", Op::Mul, a, b, Any); }
Tensor operator%(const Operand& a, const Operand& b) { return mod(a, b); }
Tensor operator&(const Operand& a, const Operand& b) { return binary("and", Op::And, a, b, Bools | Ints); }
Tensor operator|(const Operand& a, const Operand& b) { return binary("or", Op::Or, a, b, Bools | Ints); }
Tensor operator^(const Operand& a, const Operand& b) { return binary("xor", Op::Xor, a, b, Bools | Ints); }
Tensor operator<<(const Operand& a, const Operand& b) { return binary("shl", Op::Shl, a, b, Ints); }
Tensor operator>>(const Operand& a, const Operand& b) { return binary("shr", Op::Shr, a, b, Ints); }
Tensor operator==(const Operand& a, const Operand& b) { return binary("eq", Op::Eq, a, b, Any); }
Tensor operator!=(const Operand& a, const Operand& b) { return binary("ne", Op::Ne, a, b, Any); }
Tensor operator<(const Operand& a, const Operand& b) { return binary("lt", Op::Lt, a, b, Any); }
Tensor operator>(const Operand& a, const Operand& b) { return binary("gt", Op::Lt, Operand(b, a.at), a, Any); }
Tensor maximum(const Operand& a, const Operand& b) { return binary("maximum", Op::Max, a, b, Any); }
Tensor minimum(const Operand& a, const Operand& b) { return binary("minimum", Op::Min, a, b, Any); }
Tensor truncate_divide(const Operand& a, const Operand& b) { return binary("truncate_divide", Op::Div, a, b, Ints); }
Tensor remainder(const Operand& a, const Operand& b) { return binary("remainder", Op::Mod, a, b, Ints); }

Tensor operator-(const Operand& x) { return unary("neg", Op::Neg, x, Numbers); }
Tensor operator~(const Operand& x) { return unary("not", Op::Not, x, Bools | Ints); }
Tensor sqrt(const Operand& x) { return transcendental("sqrt", Op::Sqrt, x); }
Tensor exp(const Operand& x) { return transcendental("exp", Op::Exp, x); }
Tensor exp2(const Operand& x) { return transcendental("exp2", Op::Exp2, x); }
Tensor log(const Operand& x) { return transcendental("log", Op::Log, x); }
Tensor log2(const Operand& x) { return transcendental("log2", Op::Log2, x); }
Tensor sin(const Operand& x) { return transcendental("sin", Op::Sin, x); }
Tensor cos(const Operand& x) { return transcendental("cos", Op::Cos, x); }
Tensor tanh(const Operand& x) { return transcendental("tanh", Op::Tanh, x); }
Tensor erf(const Operand& x) { return transcendental("erf", Op::Erf, x); }
Tensor floor(const Operand& x) { return rounding("floor", Op::Floor, x); }
Tensor ceil(const Operand& x) { return rounding("ceil", Op::Ceil, x); }
Tensor trunc(const Operand& x) { return rounding("trunc", Op::Trunc, x); }
Tensor round(const Operand& x) { return rounding("round", Op::Round, x); }
// clang-format on

// Not the negation of >: that would be true on NaN.
Tensor operator<=(const Operand& a, const Operand& b) {
  Call call("le", a);
  return (a < b) | (a == b);
}
Tensor operator>=(const Operand& a, const Operand& b) {
  Call call("ge", a);
  return (a > b) | (a == b);
}

Tensor operator!(const Operand& x) {
  Call call("logical_not", x);
  if (!x.ok()) return x;
  return x.dtype().is_bool() ? ~x : x == 0;
}

Tensor operator/(const Operand& a, const Operand& b) {
  Call call("div", a);
  Tensor x[] = {a, b};
  if (auto bad = meet(x, Any)) return *bad;
  if (!x[0].dtype().is_float())  // meet() has written literals out
    for (Tensor& t : x) t = t.cast(dtype::f32);
  return apply(Op::Div, x, x[0].dtype());
}

namespace {
// Where a truncated quotient lies above the floored one: the remainder is not 0 and its sign is not b's.
Tensor misses(const Tensor& remainder, const Tensor& b) {
  return (remainder != 0) & ((remainder < 0) != (b < 0));
}
}  // namespace

Tensor floor_divide(const Operand& a, const Operand& b) {
  Call call("floor_divide", a);
  Tensor x[] = {a, b};
  if (auto bad = meet(x, Numbers)) return *bad;
  if (x[0].dtype().is_float())
    return widely("floor_divide", x[0] / x[1], [](const Tensor& q) { return floor(q); });
  Tensor quotient = truncate_divide(x[0], x[1]);
  if (!x[0].dtype().is_signed()) return quotient;
  return quotient - misses(remainder(x[0], x[1]), x[1]).cast(quotient.dtype());
}

Tensor mod(const Operand& a, const Operand& b) {
  Call call("mod", a);
  Tensor x[] = {a, b};
  if (auto bad = meet(x, Numbers)) return *bad;
  const DType d = x[0].dtype();
  if (d.is_float() && d.bits < 32) return mod(x[0].cast(dtype::f32), x[1].cast(dtype::f32)).cast(d);
  // One rounding in the product would spoil the difference of nearly equal numbers.
  Tensor rest = d.is_float() ? fma(-floor(x[0] / x[1]), x[1], x[0]) : remainder(x[0], x[1]);
  return d.is_signed() ? where(misses(rest, x[1]), rest + x[1], rest) : rest;
}

Tensor pow(const Operand& base, const Operand& exponent) {
  Call call("pow", base);
  if (const Tensor* bad = first_error<Tensor>(base, exponent)) return *bad;
  // A square and a root are exact where a power is not.
  if (auto e = exponent.literal(); e && base.dtype().is_float() && !base.literal()) {
    if (e->as_double() == 2) return base * base;
    if (e->as_double() == 0.5) return sqrt(base);
  }
  Tensor x[] = {base, exponent};
  if (auto bad = meet(x, Numbers)) return *bad;
  const DType d = x[0].dtype();
  if (d.is_float()) return apply(Op::Pow, x, d);
  // By squaring; one step for each bit that the exponent may have.
  int bits = d.bits - (d.is_signed() ? 1 : 0);
  if (auto e = exponent.literal()) {
    bits = 0;
    while (bits < 64 && e->magnitude >> bits) ++bits;
  }
  Tensor result = fill(d, 1, x[0].shape()), factor = x[0];
  for (int bit = 0; bit < bits; ++bit) {
    result = where(((x[1] >> bit) & 1) != 0, result * factor, result);
    if (bit + 1 < bits) factor = factor * factor;
  }
  return d.is_signed() ? where(x[1] < 0, 0, result) : result;
}

Tensor fma(const Operand& a, const Operand& b, const Operand& c) {
  Call call("fma", a);
  Tensor x[] = {a, b, c};
  if (auto bad = meet(x, Floats)) return *bad;
  const DType d = x[0].dtype();
  if (d.bits >= 32) return apply(Op::Fma, x, d);
  for (Tensor& t : x) t = t.cast(dtype::f32);
  return apply(Op::Fma, x, dtype::f32).cast(d);
}

Tensor where(const Operand& condition, const Operand& then, const Operand& otherwise) {
  Call call("where", condition);
  if (!condition.ok()) return condition;
  if (!condition.dtype().is_bool())
    return Call::fail("the condition is {}, expected bool", describe(condition));
  Tensor x[] = {then, otherwise};
  if (auto bad = meet(x, Any)) return *bad;
  const Tensor all[] = {condition, x[0], x[1]};
  return apply(Op::Where, all, x[0].dtype());
}

Tensor clamp(const Operand& x, const Operand& low, const Operand& high) {
  Call call("clamp", x);
  return minimum(maximum(x, low), high);
}

Tensor rsqrt(const Operand& x) {
  return widely("rsqrt", x, [](const Tensor& t) { return 1 / sqrt(t); });
}
Tensor reciprocal(const Operand& x) {
  Call call("reciprocal", x);
  return 1 / as_float(x);
}
Tensor square(const Operand& x) {
  Call call("square", x);
  return x * x;
}
Tensor tan(const Operand& x) {
  return widely("tan", x, [](const Tensor& t) { return sin(t) / cos(t); });
}

Tensor abs(const Operand& x) {
  Call call("abs", x);
  if (!x.ok() || !x.dtype().is_signed()) return x.snapshot();
  return maximum(x, -x);  // max(-0, +0) is +0
}
Tensor sign(const Operand& x) {
  Call call("sign", x);
  if (!x.ok() || x.dtype().is_bool()) return x.snapshot();
  Tensor positive = where(x > 0, 1, x);
  return x.dtype().is_signed() ? where(x < 0, -1, where(x == 0, 0, positive)) : positive;
}
Tensor isnan(const Operand& x) {
  Call call("isnan", x);
  return x != x;
}
Tensor isinf(const Operand& x) {
  Call call("isinf", x);
  if (!x.ok()) return x;
  // A dtype without infinities writes a NaN for one, which equals nothing.
  return x.dtype().is_float() ? abs(x) == infinity : fill(dtype::boolean, false, x.shape());
}
Tensor isfinite(const Operand& x) {
  Call call("isfinite", x);
  return !(isnan(x) | isinf(x));
}

Tensor relu(const Operand& x) {
  Call call("relu", x);
  return where(x <= 0, 0, x);
}
Tensor leaky_relu(const Operand& x, double slope) {
  return widely("leaky_relu", x, [&](const Tensor& t) { return where(t <= 0, t * slope, t); });
}
Tensor elu(const Operand& x, double alpha) {
  return widely("elu", x,
                [&](const Tensor& t) { return where(t <= 0, alpha * (exp(minimum(t, 0)) - 1), t); });
}
Tensor sigmoid(const Operand& x) {
  return widely("sigmoid", x, [](const Tensor& t) { return 1 / (1 + exp(-t)); });
}
Tensor silu(const Operand& x) {
  return widely("silu", x, [](const Tensor& t) { return t / (1 + exp(-t)); });
}
Tensor gelu(const Operand& x) {
  return widely("gelu", x,
                [](const Tensor& t) { return 0.5 * t * (1 + erf(t * (std::numbers::sqrt2 / 2))); });
}
Tensor gelu_tanh(const Operand& x) {
  return widely("gelu_tanh", x, [](const Tensor& t) {
    constexpr double root = 0.79788456080286535588;  // sqrt(2 / pi)
    return 0.5 * t * (1 + tanh(root * (t + 0.044715 * t * t * t)));
  });
}
Tensor softplus(const Operand& x) {
  return widely("softplus", x, [](const Tensor& t) { return maximum(t, 0) + log(1 + exp(-abs(t))); });
}

}  // namespace doorbell
