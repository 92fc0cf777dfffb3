// A data type is a value: kind, width, and for floats exponent, mantissa, bias and the policy for infinities
// and NaNs. Nothing in the code generator lists the types; what a target lacks is carried in a wider type by
// one rule that reads these fields. fp8 after "FP8 Formats for Deep Learning" (arXiv 2209.05433) and OCP OFP8
// 1.0; the fnuz variants after arXiv 2206.02915.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace doorbell {

// Index: an integer that counts loops and addresses and is known not to overflow, so that algebra on it is
// free; lowering turns it into i32 or i64.
enum class Kind : uint8_t { Void, Bool, Unsigned, Signed, Float, Index };

// What the largest exponent means.
enum class Special : uint8_t {
  Ieee,  // infinities, and NaNs beside them
  Fn,    // finite and NaN: only the all-ones magnitude is a NaN, there is no infinity
  Fnuz,  // finite, NaN is the pattern of minus zero, and there is no minus zero
};

struct DType {
  Kind kind = Kind::Void;
  uint8_t bits = 0;      // storage width of one element
  uint8_t exponent = 0;  // floats: exponent bits
  uint8_t mantissa = 0;  // floats: stored mantissa bits
  int16_t bias = 0;      // floats: exponent bias
  Special special = Special::Ieee;
  uint8_t count = 1;  // elements of a per-lane short vector

  constexpr auto operator<=>(const DType&) const = default;
  [[nodiscard]] constexpr bool is_float() const { return kind == Kind::Float; }
  [[nodiscard]] constexpr bool is_int() const {
    return kind == Kind::Signed || kind == Kind::Unsigned || kind == Kind::Index;
  }
  [[nodiscard]] constexpr bool is_bool() const { return kind == Kind::Bool; }
  [[nodiscard]] constexpr bool is_signed() const {
    return kind == Kind::Signed || kind == Kind::Float || kind == Kind::Index;
  }
  [[nodiscard]] constexpr int64_t bytes() const { return (bits + 7) / 8; }  // of one element
  [[nodiscard]] constexpr DType vec(int n) const {
    DType t = *this;
    t.count = static_cast<uint8_t>(n);
    return t;
  }
  [[nodiscard]] constexpr DType scalar() const { return vec(1); }
  [[nodiscard]] constexpr uint64_t mask() const { return bits >= 64 ? ~0ULL : (1ULL << bits) - 1; }
  // A 64-bit word that stands for the type in content hashes and node arguments.
  [[nodiscard]] constexpr uint64_t pack() const {
    return static_cast<uint64_t>(kind) | static_cast<uint64_t>(bits) << 8 |
           static_cast<uint64_t>(exponent) << 16 | static_cast<uint64_t>(mantissa) << 24 |
           static_cast<uint64_t>(static_cast<uint16_t>(bias)) << 32 | static_cast<uint64_t>(special) << 48 |
           static_cast<uint64_t>(count) << 56;
  }
};

namespace dtype {
// clang-format off
inline constexpr DType none{};
inline constexpr DType boolean{Kind::Bool, 8};
inline constexpr DType i8{Kind::Signed, 8}, i16{Kind::Signed, 16}, i32{Kind::Signed, 32}, i64{Kind::Signed, 64};
inline constexpr DType u8{Kind::Unsigned, 8}, u16{Kind::Unsigned, 16}, u32{Kind::Unsigned, 32}, u64{Kind::Unsigned, 64};
inline constexpr DType index{Kind::Index, 64};
inline constexpr DType f16 {Kind::Float, 16,  5, 10,   15};
inline constexpr DType bf16{Kind::Float, 16,  8,  7,  127};
inline constexpr DType f32 {Kind::Float, 32,  8, 23,  127};
inline constexpr DType f64 {Kind::Float, 64, 11, 52, 1023};
inline constexpr DType f8e4m3{Kind::Float, 8, 4, 3,  7, Special::Fn};
inline constexpr DType f8e5m2{Kind::Float, 8, 5, 2, 15, Special::Ieee};
inline constexpr DType f8e4m3fnuz{Kind::Float, 8, 4, 3,  8, Special::Fnuz};
inline constexpr DType f8e5m2fnuz{Kind::Float, 8, 5, 2, 16, Special::Fnuz};
// clang-format on

struct Named {
  std::string_view name;
  DType dtype;
};
// Every named type, in the order in which matrices and tables print them.
std::span<const Named> all();
}  // namespace dtype

// "f32", "u8", "bool"; a float without a name prints as f<bits>e<exponent>m<mantissa>b<bias>[fn|fnuz]; short
// vectors add x<count>. parse_dtype() reads every form that name() prints.
std::string name(DType dtype);
std::optional<DType> parse_dtype(std::string_view text);

// The bit pattern of `value` in `dtype`, zero-extended. Floats: round to nearest, ties to even; what is too
// large becomes infinity, or NaN where the type has none. Integers: truncated, then modulo 2^bits.
// Bool: value != 0.
uint64_t encode(DType dtype, double value);
// The exact value of a float or integer pattern of at most 53 significant bits (i64 and u64 round).
double decode(DType dtype, uint64_t bits);
// Integers and bool: the value as int64 (u64 wraps), from its pattern.
int64_t decode_int(DType dtype, uint64_t bits);

}  // namespace doorbell
