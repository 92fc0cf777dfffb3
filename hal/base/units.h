// Quantities that must not be mixed up: addresses as a device sees them, byte counts, device clock ticks, and
// points of the host's clock. All are plain 64-bit values underneath.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace doorbell {

struct Bytes {
  uint64_t value = 0;
  constexpr Bytes() = default;
  constexpr explicit Bytes(uint64_t count) : value(count) {}
  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes operator+(Bytes other) const { return Bytes(value + other.value); }
  constexpr Bytes operator-(Bytes other) const { return Bytes(value - other.value); }
};

// An address in a device's address space. It is never to be turned into a host pointer outside of driver/.
struct GpuAddr {
  uint64_t value = 0;
  constexpr GpuAddr() = default;
  constexpr explicit GpuAddr(uint64_t address) : value(address) {}
  constexpr auto operator<=>(const GpuAddr&) const = default;
  constexpr GpuAddr operator+(Bytes offset) const { return GpuAddr(value + offset.value); }
  constexpr Bytes operator-(GpuAddr other) const { return Bytes(value - other.value); }
};

// Ticks of a device's own clock; Device::correlate relates them to HostTime.
struct Ticks {
  uint64_t value = 0;
  constexpr Ticks() = default;
  constexpr explicit Ticks(uint64_t count) : value(count) {}
  constexpr auto operator<=>(const Ticks&) const = default;
};

// The one host clock: monotonic, in nanoseconds. Spans, deadlines and correlated device times all lie on it.
using HostClock = std::chrono::steady_clock;
using HostTime = HostClock::time_point;
using Deadline = HostTime;

inline Deadline from_now(std::chrono::nanoseconds duration) { return HostClock::now() + duration; }

}  // namespace doorbell
