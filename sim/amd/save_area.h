// The context save area of a compute queue: what the kernel driver computes for a GPU and holds
// CREATE_QUEUE's ctx_save_restore_size and ctl_stack_size to. Source: Linux
// drivers/gpu/drm/amd/amdkfd/kfd_queue.c, kfd_queue_ctx_save_restore_size() and kfd_get_vgpr_size_per_cu().
#pragma once

#include <algorithm>
#include <cstdint>

namespace doorbell::sim::amd {

struct SaveArea {
  uint32_t ctl_stack_bytes = 0;  // the stack of the waves' positions
  uint64_t save_bytes = 0;  // ctl stack and the waves' registers and LDS: the least ctx_save_restore_size
  uint32_t debug_bytes = 0;
  [[nodiscard]] constexpr uint64_t total_bytes() const { return save_bytes + debug_bytes; }
};

struct SaveAreaShape {
  uint32_t gfx_target_version = 0;  // major * 10000 + minor * 100 + stepping
  uint32_t simds = 0, simds_per_cu = 2, xccs = 1;
  uint32_t arrays = 0, arrays_per_engine = 1;
};

[[nodiscard]] constexpr SaveArea save_area(const SaveAreaShape& gpu) {
  auto align = [](uint64_t value, uint64_t to) { return (value + to - 1) / to * to; };
  uint32_t version = gpu.gfx_target_version;
  bool gfx10 = version >= 100100;
  uint32_t cus = gpu.simds / gpu.simds_per_cu / gpu.xccs;
  uint32_t waves = gfx10 ? cus * 32 : std::min(cus * 40, gpu.arrays / gpu.arrays_per_engine * 512);
  uint32_t ctl = static_cast<uint32_t>(align(40 + 8 + waves * (gfx10 ? 12 : 8), 4096));
  // A limit of gfx10's firmware.
  if (version / 10000 == 10) ctl = std::min(ctl, 0x7000u);
  bool cdna = version == 90402 || version == 90010 || version == 90008 || version == 90500;
  bool large = version == 110000 || version == 110001 || version == 120000 || version == 120001;
  uint32_t vgprs = cdna ? 0x80000 : large ? 0x60000 : 0x40000;
  uint32_t rest = 0x4000 + 0x10000 + 0x1000;  // SGPRs, LDS, hardware registers of a CU
  SaveArea area;
  area.ctl_stack_bytes = ctl;
  area.save_bytes = ctl + align(uint64_t{cus} * (vgprs + rest), 4096);
  area.debug_bytes = static_cast<uint32_t>(align(waves * 32, 64));
  return area;
}

// Sizes that ROCr's thunk computes by itself for the same GPUs (libhsakmt/src/queues.c,
// update_ctx_save_restore_size).
static_assert(save_area({100300, 8, 2, 1, 2, 2}).save_bytes == 1396736);
static_assert(save_area({110000, 8, 2, 1, 2, 2}).save_bytes == 1921024);
static_assert(save_area({110000, 192, 2, 1, 12, 2}).ctl_stack_bytes == 40960);
static_assert(save_area({110000, 192, 2, 1, 12, 2}).save_bytes == 46047232);

}  // namespace doorbell::sim::amd
