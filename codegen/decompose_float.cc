// Floats of few bits are carried in f32, or in f64 where f32 is too near, and rounded back after each op.
//
// For + - * / sqrt the second rounding is innocuous: the carrier has 2p + 2 bits or more for a type of p
// (Figueroa, "When is double rounding innocuous?", SIGNUM Newsletter 30(3), 1995), and its least subnormal
// lies at least 2p bits below the type's, so that a product in the type's subnormal range is exact, and a
// quotient, being at least 2^-p of a half unit away from a tie, is not rounded onto one. Fma, casts from f64
// and from integers of 32 bits and more round to odd on the way, which is innocuous from p + 2 bits on (Boldo
// and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd",
// 2008). The policy for overflow, NaN and zero is that of encode() in dtype.h.
#include <bit>

#include "codegen/decompose.h"
#include "codegen/numeric.h"
#include "codegen/value.h"
#include "hal/base/result.h"

namespace doorbell {

namespace {

constexpr int f32_bias = 127, f32_mantissa = 23, f32_least = -149;
uint32_t f32_bits(double v) { return std::bit_cast<uint32_t>(static_cast<float>(v)); }
DType unsigned_of(DType t) { return {Kind::Unsigned, t.bits}; }
int least(DType d) { return 1 - d.bias - d.mantissa; }  // log2 of the least subnormal

// Does f32 hold every value of the type?
bool fits_f32(DType d) {
  const int greatest = (1 << d.exponent) - 1 - d.bias - (d.special == Special::Ieee ? 1 : 0);
  return d.mantissa <= f32_mantissa && greatest <= f32_bias && least(d) >= f32_least;
}

// The narrow type's own pattern, in u32; above its width lies anything.
Value loose_bits(const Value& x) {
  const Node* n = x.node;
  const Node* cut = n->is(Op::Bitcast) && n->src[0]->is(Op::Cast) ? n->src[0] : nullptr;
  if (cut && cut->dtype.is_int() && cut->src[0]->dtype == dtype::u32) return {x.graph, cut->src[0]};
  return x.as(unsigned_of(x.type())).cast(dtype::u32);
}

struct Carry {
  Graph& graph;
  const Native& native;

  // Exactly, to f32.
  [[nodiscard]] Value widen_f32(const Value& x) const {
    const DType d = x.type();
    if (native(Op::Cast, d, dtype::f32)) return x.cast(dtype::f32);
    DOORBELL_CHECK(fits_f32(d), "f32 does not hold {}", name(d));
    const int shift = f32_mantissa - d.mantissa;
    Value u = loose_bits(x);
    if (d.bits == 16 && d.exponent == 8 && d.bias == f32_bias && d.special == Special::Ieee)
      return (u << shift).as(dtype::f32);
    const uint64_t top = 1ULL << (d.bits - 1);
    Value magnitude = u & static_cast<double>(top - 1), sign = (u & static_cast<double>(top))
                                                               << (32 - d.bits);
    // As an f32 the exponent is too small by the difference of the biases; multiplying repairs that, for
    // subnormals too.
    Value shifted = magnitude << shift, value = shifted;
    if (d.bias != f32_bias)
      value = (shifted.as(dtype::f32) * std::ldexp(1.0, f32_bias - d.bias)).as(dtype::u32);
    const double infinity = 0x7f800000, nan = 0x7fc00000;
    const auto all_ones = static_cast<double>(((1ULL << d.exponent) - 1) << d.mantissa);
    switch (d.special) {
      case Special::Ieee: value = where(magnitude < all_ones, value, shifted | infinity); break;
      case Special::Fn:
        value = where(equal(magnitude, static_cast<double>(nan_bits(d) & (top - 1))), nan, value);
        break;
      case Special::Fnuz:
        value = where(equal(u & static_cast<double>(d.mask()), static_cast<double>(nan_bits(d))), nan, value);
        break;
    }
    return (value | sign).as(dtype::f32);
  }

  // From f32, to nearest.
  [[nodiscard]] Value narrow_f32(const Value& x, DType d) const {
    if (native(Op::Cast, dtype::f32, d)) return x.cast(d);
    DOORBELL_CHECK(fits_f32(d) && d.mantissa < f32_mantissa, "f32 does not hold {}", name(d));
    const int shift = f32_mantissa - d.mantissa, rebias = f32_bias - d.bias;
    Value u = x.as(dtype::u32), magnitude = u & 0x7fffffff;
    // Normal: add half a unit, less one where the kept part is even; a carry goes into the exponent.
    Value t = rebias ? magnitude - static_cast<double>(rebias) * (1 << f32_mantissa) : magnitude;
    Value r = (t + static_cast<double>((1 << (shift - 1)) - 1) + ((t >> shift) & 1)) >> shift;
    if (rebias) {  // Subnormal: adding 2^23 units of the least subnormal rounds to whole ones.
      const double units = std::ldexp(1.0, f32_mantissa + least(d));
      Value whole = (magnitude.as(dtype::f32) + units).as(dtype::u32) - static_cast<double>(f32_bits(units));
      r = where(magnitude < static_cast<double>(f32_bits(std::ldexp(1.0, 1 - d.bias))), whole, r);
    }
    const uint64_t nan = nan_bits(d);
    const uint64_t overflow = d.special == Special::Ieee ? ((1ULL << d.exponent) - 1) << d.mantissa : nan;
    r = where(magnitude > 0x7f800000, static_cast<double>(nan), min(r, static_cast<double>(overflow)));
    Value sign = (u >> 31) << (d.bits - 1);
    Value out = r | sign;
    if (d.special == Special::Fnuz) out = where(equal(r, 0), r, out);  // there is no minus zero
    return out.cast(unsigned_of(d)).as(d);
  }

  // f64 to f32; what is not exact takes an odd last bit.
  static Value odd_f32(const Value& x) {
    const auto magnitude = [](const Value& v) {
      return (v.as(dtype::u64) & v.as(dtype::u64).pattern(~0ULL >> 1)).as(dtype::f64);
    };
    Value nearest = x.cast(dtype::f32), back = nearest.cast(dtype::f64), bits = nearest.as(dtype::u32);
    Value inexact = (back < x) | (x < back);  // false of NaN
    Value odd = where(magnitude(back) < magnitude(x), bits + 1, bits - 1);
    return where(inexact & equal(bits & 1, 0), odd, bits).as(dtype::f32);
  }
  // The sum of f64 values; what is not exact takes an odd last bit.
  static Value odd_sum(const Value& a, const Value& b) {
    Value sum = a + b, part = sum - a;  // Knuth's TwoSum: sum + rest == a + b exactly
    Value rest = (a - (sum - part)) + (b - part), bits = sum.as(dtype::u64);
    Value above = rest > 0, below = rest < 0, positive = sum > 0;
    Value odd = where(equal(above, positive), bits + 1, bits - 1);
    return where((above | below) & equal(bits & 1, 0), odd, bits).as(dtype::f64);
  }
  // A 64-bit integer as f64. Of magnitudes of 2^53 and more, bits 0..11 become one sticky bit: rounding the
  // result to 40 bits or fewer rounds the integer.
  static Value sticky_f64(const Value& x) {
    const bool is_signed = x.type().is_signed();
    Value u = x.as(dtype::u64),
          negative = is_signed ? x < 0 : Value{x.graph, x.graph->constant(dtype::boolean, 0)};
    Value m = is_signed ? where(negative, 0 - u, u) : u;
    Value kept = ((m >> 12) << 12) | where(equal(m & 0xfff, 0), 0.0, m.number(0x800));
    Value f = where(m < 0x1p53, m, kept).cast(dtype::f64);
    return is_signed ? where(negative, -f, f) : f;
  }

  [[nodiscard]] Value widen(const Value& x, DType to) const { return widen_f32(x).cast(to); }
  [[nodiscard]] Value narrow(const Value& x, DType d) const {
    return narrow_f32(x.type() == dtype::f64 ? odd_f32(x) : x, d);
  }
  [[nodiscard]] Value cast_to_float(const Value& x, DType to) const {
    const DType from = x.type();
    if (narrow_float(from)) return narrow(widen_f32(x), to);
    if (from.is_float()) return narrow(x, to);
    if (from.is_bool() || from.bits <= 16) return narrow(x.cast(carrier(from)).cast(dtype::f32), to);
    return narrow(from.bits <= 32 ? x.cast(dtype::f64) : sticky_f64(x), to);
  }
};

}  // namespace

bool narrow_float(DType t) { return t.is_float() && t.scalar() != dtype::f32 && t.scalar() != dtype::f64; }

DType carrier(DType t) {
  if (t.is_int() && t.bits < 32) return dtype::i32;
  if (!narrow_float(t)) return t;
  const int p = t.mantissa + 1;
  return 2 * p + 2 <= f32_mantissa + 1 && least(t) - f32_least >= 2 * p ? dtype::f32 : dtype::f64;
}

const Node* decompose_float(Graph& graph, const Node* node, const Native& native) {
  Carry carry{graph, native};
  const DType to = node->dtype, from = node->src.back()->dtype, wide = carrier(from);
  auto source = [&](size_t i) { return Value{&graph, node->src[i]}; };
  auto wider = [&](size_t i) { return carry.widen(source(i), wide); };
  switch (node->op) {
    case Op::Bitcast:
    case Op::Where: return nullptr;
    case Op::Cast:
      if (narrow_float(to)) return carry.cast_to_float(source(0), to).node;
      return carry.widen_f32(source(0)).cast(to).node;
    case Op::Reduce: {
      // The extremes are among the operands. Where there are none, the identity is the type's.
      const auto op = static_cast<Op>(node->arg[0]);
      if (op != Op::Max && op != Op::Min) return nullptr;
      std::vector<const Node*> src(node->src.begin(), node->src.end());
      for (size_t i = 0; i < static_cast<size_t>(node->arg[1]); ++i) src[i] = carry.widen_f32(source(i)).node;
      Value folded{&graph, graph.make(Op::Reduce, dtype::f32, src, node->arg)};
      folded = alu(op, folded, decode(to, identity(op, to)));
      return carry.narrow_f32(folded, to).node;
    }
    case Op::Fma: {
      // A product of two significands of up to 26 bits is exact in f64.
      Value a = carry.widen(source(0), dtype::f64), b = carry.widen(source(1), dtype::f64);
      return carry.narrow(Carry::odd_sum(a * b, carry.widen(source(2), dtype::f64)), to).node;
    }
    default: break;
  }
  Value result = node->src.size() == 1 ? alu(node->op, wider(0)) : alu(node->op, wider(0), wider(1));
  return (to.is_bool() ? result : carry.narrow(result, to)).node;
}

}  // namespace doorbell
