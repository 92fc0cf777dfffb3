// The inner part of WMMA: tiles of 16 x 16 out of registers, and their product in f32.
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

constexpr uint32_t side = 16;

// Register r holds elements 2 r and 2 r + 1 of each of 16 lanes, which become to[element][lane]. `flip` is
// xored to even and odd elements. The product that follows quiets NaNs, so here it may be done or not.
void widen(const uint32_t* v, uint32_t stride, bool brain, const uint32_t* flip, float* to) {
#ifdef __F16C__
  const __m256i low = _mm256_set1_epi32(0xffff);
  auto put = [&](__m256i even, __m256i odd, float* at) __attribute__((always_inline)) {
    __m256i flips[] = {_mm256_set1_epi32(static_cast<int>(flip[0])),
                       _mm256_set1_epi32(static_cast<int>(flip[1]))};
    __m256i* out = reinterpret_cast<__m256i*>(at);
    _mm256_storeu_si256(out, _mm256_xor_si256(even, flips[0]));
    _mm256_storeu_si256(out + side / 8, _mm256_xor_si256(odd, flips[1]));
  };
  // Eight dwords that hold a half each.
  auto wide = [](__m256i x) __attribute__((always_inline)) {
    __m256i halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(x, x), 0x08);
    return _mm256_castps_si256(_mm256_cvtph_ps(_mm256_castsi256_si128(halves)));
  };
  for (uint32_t r = 0; r < side / 2; ++r) {
    for (uint32_t lane = 0; lane < side; lane += 8) {
      __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(v + r * stride + lane));
      float* at = to + 2 * r * side + lane;
      if (brain) put(_mm256_slli_epi32(words, 16), _mm256_andnot_si256(low, words), at);
      else put(wide(_mm256_and_si256(words, low)), wide(_mm256_srli_epi32(words, 16)), at);
    }
  }
#else
  // A half's exponent is moved to f32's place by one exact product, which also makes its denormals normal.
  for (uint32_t r = 0; r < side / 2; ++r) {
    for (uint32_t odd = 0; odd < 2; ++odd) {
      for (uint32_t lane = 0; lane < side; ++lane) {
        uint32_t word = v[r * stride + lane], bits = odd ? word >> 16 : word & 0xffff;
        uint32_t scaled = bits_of<uint32_t>(bits_of<float>((bits & 0x7fff) << 13) * 0x1p112f);
        uint32_t exponent = (bits & 0x7c00) == 0x7c00 ? 0x7f800000 : 0;  // infinities and NaNs
        uint32_t half = scaled | exponent | (bits & 0x8000) << 16;
        to[(2 * r + odd) * side + lane] = bits_of<float>((brain ? bits << 16 : half) ^ flip[odd]);
      }
    }
  }
#endif
}

// d[row][column] = c[row][column] + a[k][row] * b[k][column], k = 0 ... 15 in order, rounded once each. C and
// D are patterns of floats, in one place or apart.
void multiply(const float* a, const float* b, const uint32_t* c, uint32_t* d) {
  constexpr uint32_t rows = 4;
  for (uint32_t row = 0; row < side; row += rows) {
#ifdef __FMA__
    __m256 sum[rows][2];
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t h = 0; h < 2; ++h)
        sum[r][h] = _mm256_castsi256_ps(
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(c + (row + r) * side + 8 * h)));
    }
    for (uint32_t k = 0; k < side; ++k) {
      __m256 low = _mm256_loadu_ps(b + k * side), high = _mm256_loadu_ps(b + k * side + 8);
      for (uint32_t r = 0; r < rows; ++r) {
        __m256 x = _mm256_broadcast_ss(a + k * side + row + r);
        sum[r][0] = _mm256_fmadd_ps(x, low, sum[r][0]);
        sum[r][1] = _mm256_fmadd_ps(x, high, sum[r][1]);
      }
    }
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t h = 0; h < 2; ++h) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(d + (row + r) * side + 8 * h),
                            _mm256_castps_si256(sum[r][h]));
      }
    }
#else
    for (uint32_t at = row * side; at < (row + rows) * side; ++at) {
      auto sum = bits_of<float>(c[at]);
      for (uint32_t k = 0; k < side; ++k)
        sum = __builtin_fmaf(a[k * side + at / side], b[k * side + at % side], sum);
      d[at] = bits_of<uint32_t>(sum);
    }
#endif
  }
}

}  // namespace

LaneMatrix lane_matrix();
LaneMatrix lane_matrix() { return {widen, multiply}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
