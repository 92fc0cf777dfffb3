// The emulated machine as its user asked for it: which cards, with how much memory, which checks are off. One
// value, which the launcher hands to every client in text form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/result.h"
#include "sim/amd/fault.h"
#include "sim/amd/gpu.h"

namespace doorbell::sim::amd {

struct Card {
  const Gpu* gpu = nullptr;
  uint64_t vram_bytes = 0;
};

inline constexpr size_t max_cards = 8;

struct Machine {
  std::vector<Card> cards;
  std::string lenient;         // names of checks that are off, with commas
  std::string trace;           // a file that takes a line per ioctl; empty: none
  uint64_t system_memory = 0;  // bytes of host memory that GPUs may use: GTT and pinned pages
  uint32_t lockup_ms = 0;      // after which a ring of the kernel's counts as hung; 0: what amdgpu takes
  unsigned threads = 0;        // of the host that run one kernel; 0: one for each core

  // `gpus` as in "gfx1100,gfx1030"; `vram` 0 gives each card what its row says. The error lists the known
  // names.
  static Result<Machine> make(std::string_view gpus, uint64_t vram = 0, std::string_view lenient = {},
                              std::string_view trace = {});
  [[nodiscard]] std::string text() const;
  static Result<Machine> from_text(std::string_view text);
  [[nodiscard]] Strict strict() const;
};

// What a card is called at the places where software looks for it. A gpu_id is 16 bits and not zero.
constexpr uint32_t gpu_id(size_t card) { return 0x4321 + 0x0b0b * static_cast<uint32_t>(card); }
constexpr uint32_t render_minor(size_t card) { return 128 + static_cast<uint32_t>(card); }
constexpr uint32_t pci_bus(size_t card) { return 3 + static_cast<uint32_t>(card); }
inline constexpr uint32_t drm_major = 226;

// Bytes with an optional suffix K, M, G, T (powers of 1024).
Result<uint64_t> parse_size(std::string_view text);

}  // namespace doorbell::sim::amd
