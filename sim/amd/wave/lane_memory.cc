// The lanes' side of loads and stores: addresses, their bounds, and the copies between registers and host
// memory. Once an instruction's bounds are known to lie in one region, what is left is this.
#include <immintrin.h>

#include <cstring>

#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

constexpr uint32_t fresh_word = 0x7fb7fdb3;  // as vm.h, which includes more than this file may

// Counts of lanes are 32 or 64; loops over 32 of them are what the compiler makes vectors of.
void address64(const uint32_t* v, uint32_t stride, uint64_t add, uint64_t* out) {
  for (const uint32_t* end = v + stride; v != end; v += 32, out += 32) {
    const uint32_t* high = v + stride;
    DOORBELL_ANY_ORDER
    for (uint32_t i = 0; i < 32; ++i) out[i] = (v[i] | static_cast<uint64_t>(high[i]) << 32) + add;
  }
}
void address32(const uint32_t* v, uint32_t stride, uint64_t add, uint64_t* out) {
  for (const uint32_t* end = v + stride; v != end; v += 32, out += 32) {
    DOORBELL_ANY_ORDER
    for (uint32_t i = 0; i < 32; ++i) out[i] = v[i] + add;
  }
}

LaneBounds bounds(const uint64_t* address, uint32_t stride, uint64_t exec) {
  // Addresses beyond 2^63 are none; they come out as huge unsigned bounds.
  uint64_t low = ~uint64_t{0}, high = 0;
  if (exec == (stride == 32 ? 0xffffffff : ~uint64_t{0})) {
    int64_t least = static_cast<int64_t>(address[0]), most = least;
    uint64_t any = 0;
    for (uint32_t i = 0; i < stride; ++i) {
      auto a = static_cast<int64_t>(address[i]);
      any |= address[i];
      least = a < least ? a : least;
      most = a > most ? a : most;
    }
    if (any >> 63) return {0, ~uint64_t{0}};
    return {static_cast<uint64_t>(least), static_cast<uint64_t>(most)};
  }
  for (uint64_t left = exec; left; left &= left - 1) {
    uint64_t a = address[__builtin_ctzll(left)];
    low = a < low ? a : low;
    high = a > high ? a : high;
  }
  return {low, high};
}

template <unsigned Dwords>
bool consecutive(const uint64_t* address, uint32_t stride) {
  uint64_t other = 0;
  for (uint32_t i = 0; i < stride; ++i) other |= address[i] ^ (address[0] + uint64_t{i} * Dwords * 4);
  return other == 0;
}

inline uint32_t word_at(const std::byte* p) {
  uint32_t word;
  std::memcpy(&word, p, 4);
  return word;
}

// Four lanes of 1, 2 or 4 dwords each between memory, where a lane's lie together, and registers.
template <unsigned Dwords>
inline void transpose(const __m128i* in, __m128i* out) {
  if constexpr (Dwords == 1) {
    out[0] = in[0];
  } else if constexpr (Dwords == 2) {
    __m128 a = _mm_castsi128_ps(in[0]), b = _mm_castsi128_ps(in[1]);
    out[0] = _mm_castps_si128(_mm_shuffle_ps(a, b, 0x88));
    out[1] = _mm_castps_si128(_mm_shuffle_ps(a, b, 0xdd));
  } else {
    __m128i a = _mm_unpacklo_epi32(in[0], in[1]), b = _mm_unpacklo_epi32(in[2], in[3]),
            c = _mm_unpackhi_epi32(in[0], in[1]), d = _mm_unpackhi_epi32(in[2], in[3]);
    out[0] = _mm_unpacklo_epi64(a, b);
    out[1] = _mm_unpackhi_epi64(a, b);
    out[2] = _mm_unpacklo_epi64(c, d);
    out[3] = _mm_unpackhi_epi64(c, d);
  }
}
template <unsigned Dwords>
bool load_row(const std::byte* p, uint32_t stride, uint32_t* d) {
  __m128i found = _mm_setzero_si128(), mark = _mm_set1_epi32(static_cast<int>(fresh_word));
  for (uint32_t i = 0; i < stride; i += 4) {
    __m128i in[Dwords], out[Dwords];
    for (uint32_t r = 0; r < Dwords; ++r) {
      in[r] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * (i / 4 * Dwords + r)));
      found = _mm_or_si128(found, _mm_cmpeq_epi32(in[r], mark));
    }
    transpose<Dwords>(in, out);
    for (uint32_t r = 0; r < Dwords; ++r)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(d + r * stride + i), out[r]);
  }
  return _mm_movemask_epi8(found) != 0;
}
template <unsigned Dwords>
void store_row(std::byte* p, uint32_t stride, const uint32_t* d) {
  for (uint32_t i = 0; i < stride; i += 4) {
    __m128i in[Dwords], out[Dwords];
    for (uint32_t r = 0; r < Dwords; ++r)
      in[r] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(d + r * stride + i));
    if constexpr (Dwords == 2) {
      out[0] = _mm_unpacklo_epi32(in[0], in[1]);
      out[1] = _mm_unpackhi_epi32(in[0], in[1]);
    } else {
      transpose<Dwords>(in, out);
    }
    for (uint32_t r = 0; r < Dwords; ++r)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 16 * (i / 4 * Dwords + r)), out[r]);
  }
}

template <unsigned Dwords>
bool load_words(const std::byte* base, const uint64_t* address, uint32_t stride, uint64_t exec, uint32_t* d) {
  uint32_t suspect = 0;
  bool all = exec == (stride == 32 ? 0xffffffff : ~uint64_t{0});
  if (all && consecutive<Dwords>(address, stride)) {
    const std::byte* p = base + address[0];
    if constexpr (Dwords != 3) return load_row<Dwords>(p, stride, d);
    for (uint32_t h = 0; h < stride; h += 32) {
      uint32_t found[32] = {};
      for (uint32_t r = 0; r < Dwords; ++r) {
        for (uint32_t i = 0; i < 32; ++i) {
          uint32_t word = word_at(p + 4 * ((h + i) * Dwords + r));
          found[i] |= word == fresh_word;
          d[r * stride + h + i] = word;
        }
      }
      for (uint32_t i = 0; i < 32; ++i) suspect |= found[i];
    }
    return suspect;
  }
  auto lane = [&](uint32_t i) __attribute__((always_inline)) {
    const std::byte* p = base + address[i];
    for (uint32_t r = 0; r < Dwords; ++r) {
      uint32_t word = word_at(p + 4 * r);
      suspect |= word == fresh_word;
      d[r * stride + i] = word;
    }
  };
  if (all) {
    for (uint32_t i = 0; i < stride; ++i) lane(i);
  } else {
    for (uint64_t left = exec; left; left &= left - 1) lane(static_cast<uint32_t>(__builtin_ctzll(left)));
  }
  return suspect;
}

template <class T>
bool load_part(const std::byte* base, const uint64_t* address, uint32_t, uint64_t exec, uint32_t* d) {
  uint32_t suspect = 0;
  for (uint64_t left = exec; left; left &= left - 1) {
    auto i = static_cast<uint32_t>(__builtin_ctzll(left));
    const std::byte* p = base + address[i];
    T value;
    std::memcpy(&value, p, sizeof value);
    // Whatever is part of a marked dword has one of its bytes.
    constexpr uint32_t bytes[] = {fresh_word & 0xff, fresh_word >> 8 & 0xff, fresh_word >> 16 & 0xff,
                                  fresh_word >> 24};
    auto low = static_cast<uint8_t>(value);
    suspect |= (low == bytes[0]) | (low == bytes[1]) | (low == bytes[2]) | (low == bytes[3]);
    d[i] = static_cast<uint32_t>(value);
  }
  return suspect;
}

template <unsigned Dwords>
void store_words(std::byte* base, const uint64_t* address, uint32_t stride, uint64_t exec,
                 const uint32_t* d) {
  bool all = exec == (stride == 32 ? 0xffffffff : ~uint64_t{0});
  if (all && consecutive<Dwords>(address, stride)) {
    std::byte* p = base + address[0];
    if constexpr (Dwords != 3) return store_row<Dwords>(p, stride, d);
    for (uint32_t h = 0; h < stride; h += 32) {
      for (uint32_t i = 0; i < 32; ++i) {
        for (uint32_t r = 0; r < Dwords; ++r)
          std::memcpy(p + 4 * ((h + i) * Dwords + r), &d[r * stride + h + i], 4);
      }
    }
    return;
  }
  for (uint64_t left = exec; left;
       left &= left - 1) {  // in order: of two lanes with one address the higher wins
    auto i = static_cast<uint32_t>(__builtin_ctzll(left));
    std::byte* p = base + address[i];
    for (uint32_t r = 0; r < Dwords; ++r) std::memcpy(p + 4 * r, &d[r * stride + i], 4);
  }
}

template <class T>
void store_part(std::byte* base, const uint64_t* address, uint32_t, uint64_t exec, const uint32_t* d) {
  for (uint64_t left = exec; left; left &= left - 1) {
    auto i = static_cast<uint32_t>(__builtin_ctzll(left));
    auto value = static_cast<T>(d[i]);
    std::memcpy(base + address[i], &value, sizeof value);
  }
}

}  // namespace

LaneMemory lane_memory();
LaneMemory lane_memory() {
  return {address64,
          address32,
          bounds,
          {load_words<1>, load_words<2>, load_words<3>, load_words<4>},
          {load_part<uint8_t>, load_part<int8_t>, load_part<uint16_t>, load_part<int16_t>},
          {store_words<1>, store_words<2>, store_words<3>, store_words<4>},
          {store_part<uint8_t>, store_part<uint16_t>}};
}

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
