// A field of a packet: which dword, which bits. Packets are arrays of dwords, written and read through these,
// so that writer (driver), reader (emulated GPU) and printer agree by construction.
#pragma once

#include <cstdint>

namespace doorbell::amd {

struct Field {
  uint8_t dword = 0;  // 0 is the header
  uint8_t shift = 0;
  uint8_t bits = 32;

  // Of a dword, where the field sits.
  [[nodiscard]] constexpr uint32_t mask() const {
    return static_cast<uint32_t>(((uint64_t{1} << bits) - 1) << shift);
  }
  [[nodiscard]] constexpr uint32_t get(const uint32_t* packet) const {
    return (packet[dword] & mask()) >> shift;
  }
  // The bits of `value` at their place, to be or-ed into the dword.
  [[nodiscard]] constexpr uint32_t operator()(uint32_t value) const { return (value << shift) & mask(); }
  constexpr void set(uint32_t* packet, uint32_t value) const {
    packet[dword] = (packet[dword] & ~mask()) | (*this)(value);
  }
};

// 64-bit values lie in two dwords, the low one first, wherever they start.
[[nodiscard]] constexpr uint64_t join(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }
[[nodiscard]] constexpr uint32_t low_dword(uint64_t value) { return static_cast<uint32_t>(value); }
[[nodiscard]] constexpr uint32_t high_dword(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace doorbell::amd
