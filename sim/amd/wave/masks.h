// Lane masks between bits and lanes, and values between scalar registers and lanes. Pointers advance and
// loops count from 0: an index of 32 bits that may wrap keeps a loop from becoming SIMD.
#pragma once

#include <immintrin.h>

#include "sim/amd/wave/wave.h"

// Before a loop: its iterations do not depend on each other. clang sees that by itself, or compares addresses
// first.
#ifdef __clang__
#define DOORBELL_ANY_ORDER
#else
#define DOORBELL_ANY_ORDER _Pragma("GCC ivdep")
#endif

namespace doorbell::sim::amd::DOORBELL_SIMD {

#ifdef __AVX512F__

inline void expand(uint64_t bits, uint32_t* to, uint32_t stride) {
  for (uint32_t i = 0; i < stride; i += 16)
    _mm512_storeu_si512(to + i, _mm512_movm_epi32(static_cast<__mmask16>(bits >> i)));
}

inline uint64_t pack(const uint32_t* from, uint32_t stride) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < stride; i += 16)
    bits |= uint64_t{_mm512_movepi32_mask(_mm512_loadu_si512(from + i))} << i;
  return bits;
}

// Whole registers are stored: what follows loads them, and a masked store would make it wait.
inline void blend(uint32_t* to, const uint32_t* from, uint64_t exec, uint32_t stride) {
  for (uint32_t i = 0; i < stride; i += 16)
    _mm512_storeu_si512(to + i, _mm512_mask_loadu_epi32(_mm512_loadu_si512(to + i),
                                                        static_cast<__mmask16>(exec >> i), from + i));
}

#else

inline void expand(uint64_t bits, uint32_t* to, uint32_t stride) {
  for (uint32_t h = 0; h < stride; h += 32, to += 32) {
    auto word = static_cast<uint32_t>(bits >> h);
    DOORBELL_ANY_ORDER
    for (uint32_t i = 0; i < 32; ++i) to[i] = 0 - (word >> i & 1);
  }
}

inline uint64_t pack(const uint32_t* from, uint32_t stride) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < stride; i += 8) {
    uint64_t byte =
        static_cast<unsigned>(_mm256_movemask_ps(_mm256_loadu_ps(reinterpret_cast<const float*>(from + i))));
    bits |= byte << i;
  }
  return bits;
}

inline void blend(uint32_t* to, const uint32_t* from, uint64_t exec, uint32_t stride) {
  for (uint32_t h = 0; h < stride; h += 32, to += 32, from += 32) {
    auto word = static_cast<uint32_t>(exec >> h);
    DOORBELL_ANY_ORDER
    for (uint32_t i = 0; i < 32; ++i) to[i] = (word >> i & 1) ? from[i] : to[i];
  }
}

#endif

inline void spread(uint32_t value, uint32_t* to, uint32_t stride) {
  for (uint32_t h = 0; h < stride; h += 32, to += 32) {
    for (uint32_t i = 0; i < 32; ++i) to[i] = value;
  }
}

inline uint64_t all_or_none(bool all) { return all ? ~uint64_t{0} : 0; }

inline uint64_t known_mask(const Wave& w, uint32_t index) {
  return w.stride == 32 ? w.sv[index] : w.sv[index] | static_cast<uint64_t>(w.sv[index + 1]) << 32;
}
inline void write_mask(Wave& w, const Instruction& s, uint64_t bits, uint64_t known) {
  w.s[s.m] = static_cast<uint32_t>(bits);
  w.sv[s.m] = static_cast<uint32_t>(known);
  if (s.m_dwords > 1) {
    w.s[s.m + 1] = static_cast<uint32_t>(bits >> 32);
    w.sv[s.m + 1] = static_cast<uint32_t>(known >> 32);
  }
}

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
