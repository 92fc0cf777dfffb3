// What an emulated GPU is, in the numbers that the kernel reports and the hardware enforces. Everyone who
// needs a chip's number reads it here: sysfs and ioctls, the limits of workgroups and queues, the save areas.
// The table is in gpu.cc; adding a chip is adding a row.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/amd/save_area.h"

namespace doorbell::amd {
enum class Arch : uint8_t;  // codegen/isa/amd/inst.h
}

namespace doorbell::sim::amd {

struct CacheInfo {
  uint8_t level;
  enum Kind : uint8_t { vector, scalar_instruction, scalar_data, shared } kind;
  uint32_t kib;
  uint16_t line_bytes;
  uint8_t cus;  // that share one; 0: one for the whole GPU
};

struct Gpu {
  const char* name;  // LLVM's, and what --gpu takes
  doorbell::amd::Arch arch;
  uint32_t target_version;     // major * 10000 + minor * 100 + stepping
  const char* marketing_name;  // libdrm's table of device and revision ids [card]
  const char* asic;            // the kernel's name of the chip, lower case: `name` in sysfs
  uint16_t device_id;
  uint8_t revision;
  uint32_t family, external_revision;  // AMDGPU_FAMILY_*, as AMDGPU_INFO_DEV_INFO reports

  // Shape
  uint16_t shader_engines, arrays_per_engine, cus_per_array;
  uint16_t simds_per_cu;
  uint16_t waves_per_simd;
  uint16_t scratch_slots_per_cu;  // waves that scratch memory is set aside for

  // Registers and local memory
  uint16_t vgprs_per_simd;  // 32-lane registers; a wave64 takes two for each of its own
  uint16_t vgpr_granule;    // of a wave32's allocation; half of it for a wave64
  uint16_t vgpr_encoding;   // GRANULATED_WORKITEM_VGPR_COUNT counts in these for wave32; half for wave64
  uint16_t sgprs_per_wave;  // addressable, VCC included
  uint32_t lds_per_cu;      // bytes, of one CU; a workgroup in WGP mode can use those of two
  uint32_t lds_per_workgroup;
  uint16_t lds_granule;  // bytes in which LDS is handed out

  // Memory
  uint64_t vram_bytes;
  uint16_t memory_bits;
  uint16_t memory_mhz, engine_mhz;
  uint32_t vram_type;  // AMDGPU_VRAM_TYPE_*
  std::span<const CacheInfo> caches;

  // Engines
  uint8_t compute_queues;  // num_cp_queues
  uint8_t sdma_engines, sdma_queues_per_engine;
  uint8_t gc_ip[3], sdma_ip[3], nbio_ip[3];  // major, minor, revision
  uint32_t mec_firmware, sdma_firmware;

  [[nodiscard]] constexpr uint32_t cus() const { return shader_engines * arrays_per_engine * cus_per_array; }
  [[nodiscard]] constexpr uint32_t simds() const { return cus() * simds_per_cu; }
  [[nodiscard]] constexpr uint32_t waves_per_cu() const { return simds_per_cu * waves_per_simd; }
};

// Every chip, in the order of their generations.
std::span<const Gpu> gpus();
// The row of that name, or null.
const Gpu* find_gpu(std::string_view name);

constexpr SaveArea save_area(const Gpu& gpu) {
  return save_area({gpu.target_version, gpu.simds(), gpu.simds_per_cu, 1,
                    static_cast<uint32_t>(gpu.shader_engines * gpu.arrays_per_engine),
                    gpu.arrays_per_engine});
}

}  // namespace doorbell::sim::amd
