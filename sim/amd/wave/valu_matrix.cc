// The inner part of WMMA: tiles of 16 x 16 out of registers, and their product in f32.
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

constexpr uint32_t side = 16;

// Register r holds elements 2 r and 2 r + 1 of each of 16 lanes, which become to[element][lane]. `flip` is
// xored to even and odd elements. A half's exponent is moved to f32's place by one exact product, which also
// makes its denormals normal.
void widen(const uint32_t* v, uint32_t stride, bool brain, const uint32_t* flip, float* to) {
  for (uint32_t r = 0; r < side / 2; ++r) {
    for (uint32_t odd = 0; odd < 2; ++odd) {
      float* out = to + (2 * r + odd) * side;
      uint32_t sign_flip = flip[odd];
      DOORBELL_ANY_ORDER
      for (uint32_t lane = 0; lane < side; ++lane) {
        uint32_t word = v[r * stride + lane], bits = odd ? word >> 16 : word & 0xffff;
        uint32_t scaled = bits_of<uint32_t>(bits_of<float>((bits & 0x7fff) << 13) * 0x1p112f);
        uint32_t exponent = (bits & 0x7c00) == 0x7c00 ? 0x7f800000 : 0;  // infinities and NaNs
        uint32_t half = scaled | exponent | (bits & 0x8000) << 16;
        out[lane] = bits_of<float>((brain ? bits << 16 : half) ^ sign_flip);
      }
    }
  }
}

// c[row][column] += a[k][row] * b[k][column], k = 0 ... 15 in order, rounded once each.
void multiply(const float* a, const float* b, float* c) {
  constexpr uint32_t rows = 4;
  for (uint32_t row = 0; row < side; row += rows) {
#ifdef __FMA__
    __m256 sum[rows][2];
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t h = 0; h < 2; ++h) sum[r][h] = _mm256_loadu_ps(c + (row + r) * side + 8 * h);
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
      for (uint32_t h = 0; h < 2; ++h) _mm256_storeu_ps(c + (row + r) * side + 8 * h, sum[r][h]);
    }
#else
    for (uint32_t r = row; r < row + rows; ++r) {
      for (uint32_t k = 0; k < side; ++k) {
        for (uint32_t i = 0; i < side; ++i)
          c[r * side + i] = __builtin_fmaf(a[k * side + r], b[k * side + i], c[r * side + i]);
      }
    }
#endif
  }
}

}  // namespace

LaneMatrix lane_matrix();
LaneMatrix lane_matrix() { return {widen, multiply}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
