// A 128-bit content hash: the identity of graph nodes, kernels and cache entries. It is computed from
// values only, never from pointers, so that it holds across processes. Two multiply-xorshift lanes with
// distinct odd constants (the finaliser of MurmurHash3, Austin Appleby, public domain); not cryptographic.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace doorbell {

struct Hash128 {
  uint64_t lo = 0x9ae16a3b2f90404fULL, hi = 0xc949d7c7509e6557ULL;

  auto operator<=>(const Hash128&) const = default;

  static constexpr uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
  }
  constexpr Hash128& add(uint64_t value) {
    lo = mix(lo ^ value) + hi;
    hi = mix(hi + value * 0x9e3779b97f4a7c15ULL) ^ lo;
    return *this;
  }
  constexpr Hash128& add(const Hash128& other) { return add(other.lo).add(other.hi); }
  Hash128& add(std::span<const std::byte> bytes) {
    add(bytes.size());
    for (size_t i = 0; i < bytes.size(); i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, std::min<size_t>(8, bytes.size() - i));
      add(word);
    }
    return *this;
  }
  Hash128& add(std::string_view text) { return add(std::as_bytes(std::span(text))); }

  // 32 lower-case hexadecimal digits, as used for file names.
  [[nodiscard]] std::string hex() const {
    std::string text(32, '0');
    for (int i = 0; i < 32; ++i) {
      uint64_t word = i < 16 ? hi : lo;
      text[static_cast<size_t>(i)] = "0123456789abcdef"[(word >> (60 - 4 * (i % 16))) & 15];
    }
    return text;
  }
};

}  // namespace doorbell

template <>
struct std::hash<doorbell::Hash128> {
  size_t operator()(const doorbell::Hash128& h) const noexcept { return h.lo; }
};
