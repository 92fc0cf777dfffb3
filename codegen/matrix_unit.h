// A matrix unit is a row: shape, types, the lanes that hold its operands, and its exact numerics, which the
// evaluator implements from the row alone. The tiler sees only Contract; a target selects the instructions
// that the row names. Facts: Intel 64 and IA-32 SDM volume 2, entries VPDPBUSD, VPMADDUBSW, VPMADDWD.
//
// Contract(acc, a, b) [row] in a kernel: acc is one element a lane, a and b are short vectors of k elements a
// lane, and lane l computes acc[l] + sum over i of a[l][i] * b[l][i]. Column l of b and of the accumulator
// live in lane l; the one row of a is the same in every lane (`a` uniform), or, the instruction not minding,
// differs (a batch of dot products).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "codegen/dtype.h"

namespace doorbell {

// How products become a sum.
enum class Accumulate : uint8_t {
  Wrap,           // exact products and sum, modulo 2^bits of the accumulator
  SaturatePairs,  // neighbouring products are added and saturated to i16; then as Wrap
};

struct MatrixUnit {
  std::string_view name;
  int m, n, k;  // n lanes work together
  DType a, b, acc;
  Accumulate accumulate;
  std::string_view feature;  // the target has the row if it has one of these; separated by '|'
  // Set where the row equals the exact sum only if no neighbouring pair of products leaves i16. The tiler may
  // take such a row only when it can prove that from the values' ranges.
  bool needs_pairs_in_i16;
};

// clang-format off
inline constexpr MatrixUnit matrix_units[] = {
  // name                  m   n  k  a            b            acc          numerics                   feature                 pairs
  {"vpdpbusd.512",         1, 16, 4, dtype::u8,   dtype::i8,   dtype::i32,  Accumulate::Wrap,          "avx512_vnni",          false},
  {"vpdpbusd.256",         1,  8, 4, dtype::u8,   dtype::i8,   dtype::i32,  Accumulate::Wrap,          "avx512_vnni|avx_vnni", false},
  // vpmaddubsw, vpmaddwd with ones, vpaddd
  {"vpmaddubsw.256",       1,  8, 4, dtype::u8,   dtype::i8,   dtype::i32,  Accumulate::SaturatePairs, "avx2",                 true},
  // vpmaddwd, vpaddd. Its one odd case, both pairs -32768 * -32768, gives 2^31 as 80000000h: that is Wrap.
  {"vpmaddwd.256",         1,  8, 2, dtype::i16,  dtype::i16,  dtype::i32,  Accumulate::Wrap,          "avx2",                 false},
  {"vpmaddubsw.512",       1, 16, 4, dtype::u8,   dtype::i8,   dtype::i32,  Accumulate::SaturatePairs, "avx512bw",             true},
  // a + 128 times b by vpdpbusd, less 128 times the sum of b
  {"vpdpbusd.s8.512",      1, 16, 4, dtype::i8,   dtype::i8,   dtype::i32,  Accumulate::Wrap,          "avx512_vnni",          false},
  {"vpdpbusd.s8.256",      1,  8, 4, dtype::i8,   dtype::i8,   dtype::i32,  Accumulate::Wrap,          "avx512_vnni|avx_vnni", false},
  // bytes with sign extended to words, the even and the odd ones: vpmaddwd of each, vpaddd
  {"vpmaddwd.s8.512",      1, 16, 4, dtype::i8,   dtype::i8,   dtype::i32,  Accumulate::Wrap,          "avx512bw",             false},
  {"vpmaddwd.s8.256",      1,  8, 4, dtype::i8,   dtype::i8,   dtype::i32,  Accumulate::Wrap,          "avx2",                 false},
};
// clang-format on

}  // namespace doorbell
