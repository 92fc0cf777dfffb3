// The emulated GPU's clock: a counter of 100 MHz that kernels, command processors, SDMA engines and the
// kernel driver's GET_CLOCK_COUNTERS all read, so that their times may be compared. It is the host's
// CLOCK_MONOTONIC in units of 10 ns (on silicon it is the constant reference clock of 100 MHz on gfx9 and
// later: amdgpu's clock.xclk / gpu_clock_counter).
#pragma once

#include <cstdint>
#include <ctime>

namespace doorbell::sim::amd {

inline constexpr uint64_t clock_hz = 100'000'000;

[[nodiscard]] inline uint64_t host_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}
[[nodiscard]] inline uint64_t gpu_ticks() { return host_nanoseconds() / (1'000'000'000 / clock_hz); }

}  // namespace doorbell::sim::amd
