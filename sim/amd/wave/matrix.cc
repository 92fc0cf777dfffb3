// WMMA, and the dot products whose signs are modifiers: what works on whole tiles or chooses its operation by
// the instruction's bits.
//
// A, B and C of V_WMMA_*_16X16X16 (RDNA3 ISA 7.9, "Wave Matrix Multiply Accumulate"): lane l holds row l % 16
// of A and column l % 16 of B, both halves of the wave the same; C and D hold element [row][l % 16] in
// register r, row = 2 r + l / 16 for 32 lanes and 4 r + l / 16 for 64. Sums of floats: products are exact,
// then added in order k = 0 ... 15 with one rounding each in f32 (silicon's order is not documented; the
// result lies within the bound of any order), and once more to the type of D.
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "sim/amd/wave/context.h"
#include "sim/amd/wave/semantics.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::Inst;

constexpr int side = 16;

float from_half(uint16_t x) {
  uint32_t sign = (x & 0x8000u) << 16, rest = x & 0x7fffu;
  if (rest >= 0x7c00) rest = 0x7f800000 | (rest & 0x3ff) << 13;
  else if (rest >= 0x400) rest = (rest << 13) + (112u << 23);
  else {
    float magnitude = static_cast<float>(rest) * 0x1p-24f;
    std::memcpy(&rest, &magnitude, 4);
  }
  rest |= sign;
  float result = 0;
  std::memcpy(&result, &rest, 4);
  return result;
}
float from_bf16(uint16_t x) {
  uint32_t bits = static_cast<uint32_t>(x) << 16;
  float result = 0;
  std::memcpy(&result, &bits, 4);
  return result;
}
// Rounded to nearest even, as the matrix unit does whatever MODE says.
uint16_t to_half(float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, 4);
  uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  uint32_t exponent = rest >> 23, shift = exponent >= 113 ? 13 : exponent > 101 ? 126 - exponent : 25;
  uint32_t significand = exponent ? (rest & 0x7fffff) | 0x800000 : 0;
  uint32_t kept = significand >> shift, lost = significand & ((1u << shift) - 1), half = 1u << (shift - 1);
  uint32_t value =
      (exponent >= 113 ? (exponent - 113) << 10 : 0) + kept + (lost > half || (lost == half && (kept & 1)));
  return static_cast<uint16_t>(sign | std::min(value, 0x7c00u));
}
uint16_t to_bf16(float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, 4);
  if (x != x) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

uint32_t source(const Wave& w, const Place& p, uint32_t word, uint32_t lane) {
  switch (p.kind) {
    case Place::vgpr: return w.v[static_cast<size_t>(p.index + word) * w.stride + lane];
    case Place::scalar: return w.s[p.index + word];
    case Place::constant: return static_cast<uint32_t>(p.value);
    default: return 0;
  }
}
bool known(const Wave& w, const Place& p, uint32_t lane) {
  if (p.kind == Place::scalar) return w.lane_known(p.index);
  if (p.kind != Place::vgpr) return true;
  for (uint32_t r = 0; r < p.dwords; ++r)
    if (!(w.valid[p.index + r] >> lane & 1)) return false;
  return true;
}

// Of all lanes.
bool all_known(const Wave& w, const Place& p) {
  if (p.kind != Place::vgpr) return known(w, p, 0);
  uint64_t all = ~uint64_t{0};
  for (uint32_t r = 0; r < p.dwords; ++r) all &= w.valid[p.index + r];
  return (~all & w.all_lanes) == 0;
}

enum class Wmma : uint8_t { f32_f16, f32_bf16, f16_f16, bf16_bf16, i32_iu8, i32_iu4 };

template <Wmma Kind>
bool wmma(Wave& w, const Instruction& s) {
  constexpr bool integer = Kind == Wmma::i32_iu8 || Kind == Wmma::i32_iu4;
  constexpr bool brain = Kind == Wmma::f32_bf16 || Kind == Wmma::bf16_bf16;
  constexpr bool narrow = Kind == Wmma::f16_f16 || Kind == Wmma::bf16_bf16;
  constexpr int bits = Kind == Wmma::i32_iu4 ? 4 : Kind == Wmma::i32_iu8 ? 8 : 16, each = 32 / bits;
  const auto& mods = s.inst->mods;
  // EXEC must be all ones (RDNA3 ISA 7.9).
  if (w.exec() != w.all_lanes &&
      !violates(w, s, Check::invalid_exec,
                "a matrix instruction needs all lanes; EXEC has some switched off"))
    return false;

  bool valid = all_known(w, s.s[0]) && all_known(w, s.s[1]) && all_known(w, s.s[2]);
  bool high = narrow && (mods.op_sel >> 2 & 1);

  // C and D lie row by row in the dwords of their registers, for 32 lanes as for 64. C is read where it lies
  // if it needs no conversion and is D or apart from it.
  constexpr uint32_t size = side * side;
  const Place& c = s.s[2];
  const uint32_t registers = size / w.stride;
  const bool modified = (mods.neg | mods.neg_hi) >> 2 & 1;
  const bool in_place = c.kind == Place::vgpr && !integer && !narrow && !modified &&
                        (c.index == s.d || c.index + registers <= s.d || s.d + registers <= c.index);
  uint32_t* to = w.vgpr(s.d);
  std::array<uint32_t, size> tile;
  if (c.kind != Place::vgpr) tile.fill(source(w, c, 0, 0));
  else if (!in_place) std::memcpy(tile.data(), w.vgpr(c.index), sizeof tile);

  if constexpr (integer) {
    // The upper halves of a wave repeat A and B; where they do not, silicon mixes them up.
    auto element = [&](int operand, int outer, int k) {
      uint32_t word = source(w, s.s[operand], static_cast<uint32_t>(k / each), static_cast<uint32_t>(outer));
      auto x = static_cast<int64_t>(word >> bits * (k % each) & ((1u << bits) - 1));
      bool is_signed = mods.neg >> operand & 1;
      return is_signed && x >> (bits - 1) ? x - (int64_t{1} << bits) : x;
    };
    for (uint32_t at = 0; at < size; ++at) {
      auto row = static_cast<int>(at / side), column = static_cast<int>(at % side);
      auto sum = static_cast<int64_t>(static_cast<int32_t>(tile[at]));
      for (int k = 0; k < side; ++k) sum += element(0, row, k) * element(1, column, k);
      if (mods.clamp) sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
      tile[at] = static_cast<uint32_t>(sum);
    }
    std::memcpy(to, tile.data(), sizeof tile);
  } else {
    if constexpr (narrow) {
      for (uint32_t& x : tile) {
        auto half = static_cast<uint16_t>(x >> (high ? 16 : 0));
        x = std::bit_cast<uint32_t>(brain ? from_bf16(half) : from_half(half));
      }
    }
    if (modified) {
      const uint32_t sign = 1u << 31, kept = mods.neg_hi >> 2 & 1 ? ~sign : ~uint32_t{0};  // abs of C
      for (uint32_t& x : tile) x = (x & kept) ^ (mods.neg >> 2 & 1 ? sign : 0);
    }
    // Bits of neg negate elements 0, 2, ..., those of neg_hi elements 1, 3, ...
    alignas(64) float a[size], b[size];
    const LaneMatrix& lanes = simd().matrix;
    for (int i = 0; i < 2; ++i) {
      const uint32_t flip[] = {mods.neg >> i & 1 ? 1u << 31 : 0, mods.neg_hi >> i & 1 ? 1u << 31 : 0};
      lanes.widen(w.vgpr(s.s[i].index), w.stride, brain, flip, i == 0 ? a : b);
    }
    lanes.multiply(a, b, in_place ? w.vgpr(c.index) : tile.data(), narrow ? tile.data() : to);
    if constexpr (narrow) {
      for (uint32_t at = 0; at < size; ++at) {
        auto sum = std::bit_cast<float>(tile[at]);
        uint32_t half = brain ? to_bf16(sum) : to_half(sum);
        to[at] = high ? (to[at] & 0xffff) | half << 16 : (to[at] & 0xffff0000) | half;
      }
    }
  }
  for (uint32_t r = 0; r < registers; ++r) w.valid[s.d + r] = valid ? w.all_lanes : 0;
  return true;
}

// V_DOT4_I32_IU8, V_DOT8_I32_IU4: bit i of neg says that source i is signed.
template <int Bits>
bool mixed_dot(Wave& w, const Instruction& s) {
  const auto& mods = s.inst->mods;
  auto digit = [](uint32_t x, int i, bool is_signed) {
    int64_t d = x >> Bits * i & ((1u << Bits) - 1);
    return is_signed && d >> (Bits - 1) ? d - (1 << Bits) : d;
  };
  uint64_t exec = w.exec();
  for (uint32_t lane = 0; lane < w.stride; ++lane) {
    if (!(exec >> lane & 1)) continue;
    uint32_t a = source(w, s.s[0], 0, lane), b = source(w, s.s[1], 0, lane);
    int64_t sum = static_cast<int32_t>(source(w, s.s[2], 0, lane));
    for (int i = 0; i < 32 / Bits; ++i) sum += digit(a, i, mods.neg & 1) * digit(b, i, mods.neg >> 1 & 1);
    if (mods.clamp) sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
    w.vgpr(s.d)[lane] = static_cast<uint32_t>(sum);
    uint64_t bit = uint64_t{1} << lane;
    bool all = known(w, s.s[0], lane) && known(w, s.s[1], lane) && known(w, s.s[2], lane);
    w.valid[s.d] = all ? w.valid[s.d] | bit : w.valid[s.d] & ~bit;
  }
  return true;
}

const RunRow rows[] = {
    {"v_wmma_f32_16x16x16_f16", wmma<Wmma::f32_f16>},
    {"v_wmma_f32_16x16x16_bf16", wmma<Wmma::f32_bf16>},
    {"v_wmma_f16_16x16x16_f16", wmma<Wmma::f16_f16>},
    {"v_wmma_bf16_16x16x16_bf16", wmma<Wmma::bf16_bf16>},
    {"v_wmma_i32_16x16x16_iu8", wmma<Wmma::i32_iu8>},
    {"v_wmma_i32_16x16x16_iu4", wmma<Wmma::i32_iu4>},
    {"v_dot4_i32_iu8", mixed_dot<8>},
    {"v_dot8_i32_iu4", mixed_dot<4>},
};

}  // namespace

std::span<const RunRow> matrix_rows() { return rows; }

}  // namespace doorbell::sim::amd
