#include "codegen/dtype.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "hal/base/result.h"

namespace doorbell {

namespace dtype {
namespace {
constexpr Named table[] = {
    {"bool", boolean},
    {"i8", i8},
    {"i16", i16},
    {"i32", i32},
    {"i64", i64},
    {"u8", u8},
    {"u16", u16},
    {"u32", u32},
    {"u64", u64},
    {"f16", f16},
    {"bf16", bf16},
    {"f32", f32},
    {"f64", f64},
    {"f8e4m3", f8e4m3},
    {"f8e5m2", f8e5m2},
    {"f8e4m3fnuz", f8e4m3fnuz},
    {"f8e5m2fnuz", f8e5m2fnuz},
};
}  // namespace
std::span<const Named> all() { return table; }
}  // namespace dtype

std::string name(DType d) {
  std::string suffix = d.count == 1 ? "" : fmt::format("x{}", d.count);
  if (d.kind == Kind::Void) return "void";
  if (d.kind == Kind::Index) return "index" + suffix;
  for (const auto& row : dtype::all())
    if (row.dtype == d.scalar()) return std::string(row.name) + suffix;
  constexpr std::string_view special[] = {"", "fn", "fnuz"};
  if (d.is_float())
    return fmt::format("f{}e{}m{}b{}{}{}", d.bits, d.exponent, d.mantissa, d.bias,
                       special[static_cast<size_t>(d.special)], suffix);
  return fmt::format("{}{}{}", d.kind == Kind::Signed ? "i" : "u", d.bits, suffix);
}

std::optional<DType> parse_dtype(std::string_view text) {
  if (text == "void") return dtype::none;
  if (text == "index") return dtype::index;
  uint8_t count = 1;
  if (size_t x = text.rfind('x'); x != std::string_view::npos) {
    auto [end, code] = std::from_chars(text.data() + x + 1, text.data() + text.size(), count);
    if (code != std::errc() || end != text.data() + text.size() || count == 0) return std::nullopt;
    text = text.substr(0, x);
  }
  for (const auto& row : dtype::all())
    if (row.name == text) return row.dtype.vec(count);
  if (text.empty()) return std::nullopt;
  DType d;
  const char* at = text.data();
  const char* end = at + text.size();
  auto number = [&](char tag, auto& field) {
    if (at == end || *at != tag) return false;
    auto [next, code] = std::from_chars(at + 1, end, field);
    at = next;
    return code == std::errc();
  };
  if (text[0] == 'f') {
    d.kind = Kind::Float;
    if (!number('f', d.bits) || !number('e', d.exponent) || !number('m', d.mantissa) || !number('b', d.bias))
      return std::nullopt;
    std::string_view rest(at, static_cast<size_t>(end - at));
    if (rest == "fn") d.special = Special::Fn;
    else if (rest == "fnuz") d.special = Special::Fnuz;
    else if (!rest.empty()) return std::nullopt;
    return d.vec(count);
  }
  d.kind = text[0] == 'i' ? Kind::Signed : Kind::Unsigned;
  if (!number(text[0] == 'i' ? 'i' : 'u', d.bits) || at != end) return std::nullopt;
  return d.vec(count);
}

namespace {

uint64_t nan_pattern(DType d) {
  switch (d.special) {
    case Special::Ieee: return ((1ULL << d.exponent) - 1) << d.mantissa | 1ULL << (d.mantissa - 1);
    case Special::Fn: return (1ULL << (d.exponent + d.mantissa)) - 1;
    case Special::Fnuz: return 1ULL << (d.bits - 1);
  }
  return 0;
}

uint64_t encode_float(DType d, double value) {
  const uint64_t sign = std::signbit(value) ? 1ULL << (d.bits - 1) : 0;
  if (std::isnan(value)) return nan_pattern(d) | (d.special == Special::Fnuz ? 0 : sign);
  const uint64_t overflow = d.special == Special::Ieee
                                ? sign | ((1ULL << d.exponent) - 1) << d.mantissa
                                : nan_pattern(d) | (d.special == Special::Fn ? sign : 0);
  if (std::isinf(value)) return overflow;
  int exponent = 0;
  std::frexp(value, &exponent);  // |value| in [2^(exponent-1), 2^exponent)
  const int smallest = 1 - d.bias;
  const int scale =
      std::max(exponent - 1, smallest) - d.mantissa;  // the weight of one unit in the last place
  // ldexp is exact here, except for f64's own subnormals, whose scale is that of the source already.
  auto units = static_cast<uint64_t>(std::nearbyint(std::ldexp(std::fabs(value), -scale)));
  if (units == 0) return d.special == Special::Fnuz ? 0 : sign;
  int biased = scale + d.mantissa + d.bias;
  if (units >> (d.mantissa + 1)) units >>= 1, ++biased;  // rounded up to the next power of two
  if (!(units >> d.mantissa)) biased = 0;                // subnormal
  else units &= (1ULL << d.mantissa) - 1;
  const int limit = (1 << d.exponent) - 1;
  if (biased > limit || (biased == limit && d.special == Special::Ieee)) return overflow;
  const uint64_t magnitude = static_cast<uint64_t>(biased) << d.mantissa | units;
  if (d.special == Special::Fn && magnitude == nan_pattern(d)) return overflow;
  return sign | magnitude;
}

}  // namespace

uint64_t encode(DType d, double value) {
  switch (d.kind) {
    case Kind::Float:
      if (d.scalar() == dtype::f64) return std::bit_cast<uint64_t>(value);
      if (d.scalar() == dtype::f32) return std::bit_cast<uint32_t>(static_cast<float>(value));
      return encode_float(d, value);
    case Kind::Bool: return value != 0;
    case Kind::Signed:
    case Kind::Index:
    case Kind::Unsigned: {
      if (!(std::fabs(value) < 0x1p64)) return 0;
      uint64_t magnitude = static_cast<uint64_t>(std::fabs(value));
      return (value < 0 ? 0 - magnitude : magnitude) & d.mask();
    }
    case Kind::Void: break;
  }
  return 0;
}

double decode(DType d, uint64_t bits) {
  if (!d.is_float())
    return d.kind == Kind::Unsigned ? static_cast<double>(bits & d.mask())
                                    : static_cast<double>(decode_int(d, bits));
  if (d.scalar() == dtype::f64) return std::bit_cast<double>(bits);
  if (d.scalar() == dtype::f32) return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  const double sign = bits >> (d.bits - 1) & 1 ? -1.0 : 1.0;
  const uint64_t magnitude = bits & ((1ULL << (d.bits - 1)) - 1);
  const auto exponent = static_cast<int>(magnitude >> d.mantissa);
  const auto fraction = static_cast<double>(magnitude & ((1ULL << d.mantissa) - 1));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (d.special == Special::Ieee && exponent == (1 << d.exponent) - 1)
    return fraction != 0 ? std::copysign(nan, sign) : sign * std::numeric_limits<double>::infinity();
  if (d.special == Special::Fn && magnitude == nan_pattern(d)) return std::copysign(nan, sign);
  if (d.special == Special::Fnuz && bits == nan_pattern(d)) return nan;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - d.bias - d.mantissa);
  return sign * std::ldexp(fraction + std::ldexp(1.0, d.mantissa), exponent - d.bias - d.mantissa);
}

int64_t decode_int(DType d, uint64_t bits) {
  bits &= d.mask();
  if (d.kind == Kind::Bool) return bits != 0;
  if (d.is_signed() && d.bits < 64 && bits >> (d.bits - 1)) bits |= ~d.mask();
  return static_cast<int64_t>(bits);
}

}  // namespace doorbell
