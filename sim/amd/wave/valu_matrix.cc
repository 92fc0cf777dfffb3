// The inner part of WMMA: tiles of 16 x 16 out of registers, and their product in f32.
#include <immintrin.h>

#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

constexpr uint32_t side = 16;

// The widest vectors of the host.
#ifdef __AVX512F__
constexpr uint32_t width = 16;
#else
constexpr uint32_t width = 8;
#endif
using Floats [[gnu::vector_size(4 * width)]] = float;
using Words [[gnu::vector_size(4 * width)]] = uint32_t;
// In memory, wherever it is.
using StoredFloats [[gnu::aligned(4), gnu::may_alias]] = Floats;
using StoredWords [[gnu::aligned(4), gnu::may_alias]] = Words;

inline Floats floats_at(const void* p) { return *static_cast<const StoredFloats*>(p); }
inline Words words_at(const void* p) { return *static_cast<const StoredWords*>(p); }

inline Floats fma(Floats a, Floats b, Floats c) {
#ifdef __AVX512F__
  return _mm512_fmadd_ps(a, b, c);
#else
  return _mm256_fmadd_ps(a, b, c);
#endif
}
// Out of dwords that hold a half each.
inline Words wide(Words x) {
#ifdef __AVX512F__
  return bits_of<Words>(
      _mm512_maskz_cvtph_ps(0xffff, _mm512_maskz_cvtepi32_epi16(0xffff, bits_of<__m512i>(x))));
#else
  __m256i twice = _mm256_packus_epi32(bits_of<__m256i>(x), bits_of<__m256i>(x));
  return bits_of<Words>(_mm256_cvtph_ps(_mm256_castsi256_si128(_mm256_permute4x64_epi64(twice, 0x08))));
#endif
}

// Register r holds elements 2 r and 2 r + 1 of each of 16 lanes, which become to[element][lane]. `flip` is
// xored to even and odd elements. The product that follows quiets NaNs, so here it may be done or not.
void widen(const uint32_t* v, uint32_t stride, bool brain, const uint32_t* flip, float* to) {
  for (uint32_t r = 0; r < side / 2; ++r) {
    for (uint32_t lane = 0; lane < side; lane += width) {
      Words words = words_at(v + r * stride + lane);
      float* out = to + 2 * r * side + lane;
      *reinterpret_cast<StoredWords*>(out) = (brain ? words << 16 : wide(words & 0xffff)) ^ flip[0];
      *reinterpret_cast<StoredWords*>(out + side) =
          (brain ? words & 0xffff0000 : wide(words >> 16)) ^ flip[1];
    }
  }
}

// d[row][column] = c[row][column] + a[k][row] * b[k][column], k = 0 ... 15 in order, rounded once each. C and
// D are patterns of floats, in one place or apart. Eight sums are under way at once: as many as it takes
// where an addition takes four cycles and two begin in each.
void multiply(const float* a, const float* b, const uint32_t* c, uint32_t* d) {
  constexpr uint32_t columns = side / width, rows = 8 / columns;
  for (uint32_t row = 0; row < side; row += rows) {
    Floats sum[rows][columns];
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t h = 0; h < columns; ++h) sum[r][h] = floats_at(c + (row + r) * side + width * h);
    }
    for (uint32_t k = 0; k < side; ++k) {
      for (uint32_t r = 0; r < rows; ++r) {
        auto left = bits_of<Floats>(Words{} + bits_of<uint32_t>(a[k * side + row + r]));
        for (uint32_t h = 0; h < columns; ++h)
          sum[r][h] = fma(left, floats_at(b + k * side + width * h), sum[r][h]);
      }
    }
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t h = 0; h < columns; ++h)
        *reinterpret_cast<StoredFloats*>(d + (row + r) * side + width * h) = sum[r][h];
    }
  }
}

}  // namespace

LaneMatrix lane_matrix();
LaneMatrix lane_matrix() { return {widen, multiply}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
