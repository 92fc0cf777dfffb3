// Arithmetic on bit patterns; see numeric.h. Floats below f64 are computed in double and rounded by encode().
// For + - * / sqrt this second rounding is innocuous when 53 >= 2p + 2, p being the significant bits of the
// type (Figueroa, "When is double rounding innocuous?", SIGNUM Newsletter 30(3), 1995): it holds up to p
// = 25. Fused multiply-add and 64-bit integers round to odd first, which is innocuous from p + 2 bits on
// (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to
// odd", 2008).
#include "codegen/numeric.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "hal/base/result.h"

namespace doorbell {

namespace {

struct Range {
  const uint64_t* const* in;
  uint64_t* out;
  size_t n;
};

template <int N, class Read, class Write, class F>
void each(const Range& r, Read read, Write write, F f) {
  for (size_t i = 0; i < r.n; ++i) {
    if constexpr (N == 1) r.out[i] = write(f(read(r.in[0][i])));
    if constexpr (N == 2) r.out[i] = write(f(read(r.in[0][i]), read(r.in[1][i])));
    if constexpr (N == 3) r.out[i] = write(f(read(r.in[0][i]), read(r.in[1][i]), read(r.in[2][i])));
  }
}

void check_float(DType d) {
  DOORBELL_CHECK(d.scalar() == dtype::f64 || (d.mantissa <= 24 && d.exponent <= 9),
                 "{} is too wide to be computed in double", name(d));
}

template <class Read, class Use>
void with_reader(DType d, Read soft, Use use) {
  if (d == dtype::f64) use([](uint64_t b) { return std::bit_cast<double>(b); });
  else if (d == dtype::f32)
    use([](uint64_t b) { return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(b))); });
  else use(soft);
}

// Reads operands of type d as double and hands f's results to `write`.
template <int N, class Write, class F>
void read_floats(DType d, const Range& r, Write write, F f) {
  check_float(d);
  with_reader(d, [d](uint64_t b) { return decode(d, b); }, [&](auto read) { each<N>(r, read, write, f); });
}

// Calls use(write) with a function that rounds a double to d.
template <class Use>
void with_writer(DType d, Use use) {
  check_float(d);
  const uint64_t nan = nan_bits(d);
  if (d == dtype::f64) use([=](double v) { return v != v ? nan : std::bit_cast<uint64_t>(v); });
  else if (d == dtype::f32)
    use([=](double v) { return v != v ? nan : uint64_t{std::bit_cast<uint32_t>(static_cast<float>(v))}; });
  else use([=](double v) { return v != v ? nan : encode(d, v); });
}

template <int N, class F>
void floats(DType d, const Range& r, F f) {
  with_writer(d, [&](auto write) { read_floats<N>(d, r, write, f); });
}

// f takes int64_t or uint64_t operands, after the type's sign; its result is reduced to `result`.
template <int N, class F>
void integers(DType result, DType operand, const Range& r, F f) {
  const uint64_t mask = result.mask();
  auto write = [=](auto v) { return static_cast<uint64_t>(v) & mask; };
  if (operand.is_signed()) each<N>(r, [=](uint64_t b) { return decode_int(operand, b); }, write, f);
  else each<N>(r, [=](uint64_t b) { return static_cast<uint64_t>(decode_int(operand, b)); }, write, f);
}

// f on either kind: f takes two operands and gives the type of the result.
template <class F>
void compare(DType operand, const Range& r, F f) {
  auto write = [](bool v) -> uint64_t { return v; };
  if (operand.is_float()) read_floats<2>(operand, r, write, f);
  else integers<2>(dtype::boolean, operand, r, f);
}

double odd_sum(double a, double b) {
  const double sum = a + b;
  if (!std::isfinite(sum)) return sum;
  const double part = sum - a;  // Knuth's TwoSum: sum + rest == a + b exactly
  const double rest = (a - (sum - part)) + (b - part);
  auto bits = std::bit_cast<uint64_t>(sum);
  if (rest == 0 || (bits & 1)) return sum;
  return std::bit_cast<double>((rest > 0) == (sum > 0) ? bits + 1 : bits - 1);
}

// A double that rounds to any type of p <= 51 bits as the integer itself would.
double odd_double(uint64_t magnitude) {
  const int surplus = 64 - 53 - std::countl_zero(magnitude);
  if (surplus <= 0) return static_cast<double>(magnitude);
  const uint64_t lost = magnitude & ((1ULL << surplus) - 1);
  return std::ldexp(static_cast<double>(magnitude >> surplus | (lost != 0)), surplus);
}

uint64_t to_integer(DType d, double value) {
  if (d.is_bool()) return value != 0;  // true for NaN
  if (value != value) return 0;
  value = std::trunc(value);
  const int digits = d.is_signed() ? d.bits - 1 : d.bits;
  const double limit = std::ldexp(1.0, digits);
  if (value >= limit) return d.mask() >> (d.is_signed() ? 1 : 0);
  if (d.is_signed()) {
    if (value <= -limit) return 1ULL << digits;
    return static_cast<uint64_t>(static_cast<int64_t>(value)) & d.mask();
  }
  return value <= 0 ? 0 : static_cast<uint64_t>(value);
}

void cast(DType to, DType from, const Range& r) {
  if (from.is_float()) {
    if (to.is_float()) with_writer(to, [&](auto write) { read_floats<1>(from, r, write, std::identity()); });
    else read_floats<1>(from, r, [=](double v) { return to_integer(to, v); }, std::identity());
  } else if (to == dtype::f64) {
    integers<1>(dtype::u64, from, r, [](auto a) { return std::bit_cast<uint64_t>(static_cast<double>(a)); });
  } else if (to.is_float()) {
    check_float(to);
    integers<1>(dtype::u64, from, r, [to](auto a) {
      auto u = static_cast<uint64_t>(a);
      return a < decltype(a){0} ? encode(to, -odd_double(0 - u)) : encode(to, odd_double(u));
    });
  } else if (to.is_bool()) {
    integers<1>(to, from, r, [](auto a) { return a != 0; });
  } else {
    integers<1>(to, from, r, std::identity());
  }
}

// NaN if either is; of the zeros, max takes the positive and min the negative one.
double larger(double a, double b) {
  if (a != a || b != b) return std::numeric_limits<double>::quiet_NaN();
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
double smaller(double a, double b) { return -larger(-a, -b); }

uint64_t u(auto v) { return static_cast<uint64_t>(v); }

void float_op(Op op, DType d, const Range& r) {
  using L = long double;
  auto libm = [&](L (*f)(L)) { floats<1>(d, r, [f](double a) { return static_cast<double>(f(a)); }); };
  switch (op) {
    case Op::Neg: return floats<1>(d, r, [](double a) { return -a; });
    case Op::Sqrt: return floats<1>(d, r, [](double a) { return std::sqrt(a); });
    case Op::Trunc: return floats<1>(d, r, [](double a) { return std::trunc(a); });
    case Op::Floor: return floats<1>(d, r, [](double a) { return std::floor(a); });
    case Op::Ceil: return floats<1>(d, r, [](double a) { return std::ceil(a); });
    case Op::Round: return floats<1>(d, r, [](double a) { return std::nearbyint(a); });
    case Op::Exp: return libm(std::exp);
    case Op::Exp2: return libm(std::exp2);
    case Op::Log: return libm(std::log);
    case Op::Log2: return libm(std::log2);
    case Op::Sin: return libm(std::sin);
    case Op::Cos: return libm(std::cos);
    case Op::Tanh: return libm(std::tanh);
    case Op::Erf: return libm(std::erf);
    case Op::Pow:
      return floats<2>(d, r, [](double a, double b) { return static_cast<double>(std::pow(L{a}, L{b})); });
    case Op::Add: return floats<2>(d, r, [](double a, double b) { return a + b; });
    case Op::Sub: return floats<2>(d, r, [](double a, double b) { return a - b; });
    case Op::Mul: return floats<2>(d, r, [](double a, double b) { return a * b; });
    case Op::Div: return floats<2>(d, r, [](double a, double b) { return a / b; });
    case Op::Max: return floats<2>(d, r, larger);
    case Op::Min: return floats<2>(d, r, smaller);
    case Op::Fma:
      // Products of two p-bit numbers are exact in double for p <= 26.
      if (d == dtype::f64)
        return floats<3>(d, r, [](double a, double b, double c) { return std::fma(a, b, c); });
      return floats<3>(d, r, [](double a, double b, double c) { return odd_sum(a * b, c); });
    default: DOORBELL_CHECK(false, "{} is not defined on {}", text(op), name(d));
  }
}

void integer_op(Op op, DType d, const Range& r) {
  const auto width = d.is_bool() ? 1U : unsigned{d.bits};
  const uint64_t mask = d.mask();
  switch (op) {
    case Op::Neg: return integers<1>(d, d, r, [](auto a) { return 0 - u(a); });
    case Op::Not: return integers<1>(d, d, r, [=](auto a) { return d.is_bool() ? u(a == 0) : ~u(a); });
    case Op::Add:
      return integers<2>(d, d, r, [=](auto a, auto b) { return d.is_bool() ? u(a | b) : u(a) + u(b); });
    case Op::Sub: return integers<2>(d, d, r, [](auto a, auto b) { return u(a) - u(b); });
    case Op::Mul: return integers<2>(d, d, r, [](auto a, auto b) { return u(a) * u(b); });
    case Op::Div:
      return integers<2>(d, d, r, [](auto a, auto b) {
        using T = decltype(a);
        if (b == T{0}) return T{0};
        return std::is_signed_v<T> && u(b) == ~0ULL ? static_cast<T>(0 - u(a)) : a / b;
      });
    case Op::Mod:
      return integers<2>(d, d, r, [](auto a, auto b) {
        using T = decltype(a);
        return b == T{0} || (std::is_signed_v<T> && u(b) == ~0ULL) ? T{0} : a % b;
      });
    case Op::Max: return integers<2>(d, d, r, [](auto a, auto b) { return a > b ? a : b; });
    case Op::Min: return integers<2>(d, d, r, [](auto a, auto b) { return a < b ? a : b; });
    case Op::And: return integers<2>(d, d, r, [](auto a, auto b) { return a & b; });
    case Op::Or: return integers<2>(d, d, r, [](auto a, auto b) { return a | b; });
    case Op::Xor: return integers<2>(d, d, r, [](auto a, auto b) { return a ^ b; });
    case Op::Shl:
      return integers<2>(d, d, r,
                         [=](auto a, auto b) { return (u(b) & mask) >= width ? 0 : u(a) << (u(b) & mask); });
    case Op::Shr:
      return integers<2>(d, d, r, [=](auto a, auto b) {
        // decode_int() extended the sign to 64 bits, so shifting by up to 63 also serves counts of the width.
        return (u(b) & mask) >= width ? (a < decltype(a){0} ? a >> 63 : decltype(a){0}) : a >> (u(b) & mask);
      });
    default: DOORBELL_CHECK(false, "{} is not defined on {}", text(op), name(d));
  }
}

}  // namespace

int arity(Op op) {
  DOORBELL_CHECK(row(op).cls == OpClass::Alu, "{} is no arithmetic op", text(op));
  return row(op).arity;
}

bool defined(Op op, DType d) {
  if (row(op).cls != OpClass::Alu || d.kind == Kind::Void) return false;
  switch (op) {
    case Op::Cast:
    case Op::Bitcast:
    case Op::Where:
    case Op::Lt:
    case Op::Eq:
    case Op::Ne:
    case Op::Max:
    case Op::Min:
    case Op::Add:
    case Op::Mul: return true;
    case Op::Not:
    case Op::And:
    case Op::Or:
    case Op::Xor: return !d.is_float();
    case Op::Mod:
    case Op::Shl:
    case Op::Shr: return d.is_int();
    case Op::Neg:
    case Op::Sub:
    case Op::Div: return !d.is_bool();
    default: return d.is_float();
  }
}

void compute(Op op, DType result, DType operand, const uint64_t* const* in, uint64_t* out, size_t n) {
  result = result.scalar();
  operand = operand.scalar();
  const Range r{in, out, n};
  switch (op) {
    case Op::Lt: return compare(operand, r, [](auto a, auto b) { return a < b; });
    case Op::Eq: return compare(operand, r, [](auto a, auto b) { return a == b; });
    case Op::Ne: return compare(operand, r, [](auto a, auto b) { return a != b; });
    case Op::Where:
      for (size_t i = 0; i < n; ++i) out[i] = in[0][i] ? in[1][i] : in[2][i];
      return;
    case Op::Cast: return cast(result, operand, r);
    case Op::Bitcast:
      DOORBELL_CHECK(result.bits == operand.bits, "bitcast of {} to {}", name(operand), name(result));
      std::copy(in[0], in[0] + n, out);
      return;
    default: return operand.is_float() ? float_op(op, operand, r) : integer_op(op, operand, r);
  }
}

uint64_t compute(Op op, DType result, std::span<const uint64_t> operands, std::span<const DType> types) {
  DOORBELL_CHECK(static_cast<int>(operands.size()) == arity(op) && types.size() == operands.size(),
                 "{} takes {} operands, found {}", text(op), arity(op), operands.size());
  const uint64_t* in[3] = {};
  for (size_t i = 0; i < operands.size(); ++i) in[i] = &operands[i];
  uint64_t out = 0;
  compute(op, result, types.back(), in, &out, 1);
  return out;
}

bool reduces(Op op) {
  return op == Op::Add || op == Op::Mul || op == Op::Max || op == Op::Min || op == Op::And || op == Op::Or ||
         op == Op::Xor;
}

uint64_t identity(Op op, DType d) {
  const uint64_t all = d.is_bool() ? 1 : d.mask();
  const uint64_t top = d.is_bool() ? 0 : 1ULL << (d.bits - 1);  // sign of a signed integer
  const double infinity = std::numeric_limits<double>::infinity();
  // Without infinities, the largest finite magnitude: all ones, less the NaN where that is it.
  auto extreme = [&](double sign) {
    if (d.special == Special::Ieee) return encode(d, sign * infinity);
    const uint64_t magnitude = (d.mask() >> 1) - (d.special == Special::Fn ? 1 : 0);
    return sign < 0 ? magnitude | top : magnitude;
  };
  switch (op) {
    case Op::Add:
    case Op::Or:
    case Op::Xor: return 0;
    case Op::And: return all;
    case Op::Mul: return encode(d, 1.0);
    case Op::Max: return d.is_float() ? extreme(-1) : d.is_signed() ? top : 0;
    case Op::Min: return d.is_float() ? extreme(1) : d.is_signed() ? top - 1 : all;
    default: DOORBELL_CHECK(false, "no reduction by {}", text(op));
  }
  return 0;
}

uint64_t nan_bits(DType d) { return encode(d, std::numeric_limits<double>::quiet_NaN()); }

bool is_nan(DType d, uint64_t bits) {
  if (!d.is_float()) return false;
  const double v = decode(d, bits);
  return v != v;
}

bool same_value(DType d, uint64_t a, uint64_t b) {
  return ((a ^ b) & d.mask()) == 0 || (is_nan(d, a) && is_nan(d, b));
}

}  // namespace doorbell
