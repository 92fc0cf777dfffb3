// The table of emulated GPUs. Rows describe cards that exist, so that software sees a machine that it knows.
//
// Shape, caches, queues: Linux drivers/gpu/drm/amd/amdkfd/kfd_topology.c, kfd_crat.c (caches), kfd_device.c
// (SDMA queues); amdgpu/gfx_v10_0.c, gfx_v11_0.c (shader engines, waves, scratch slots).
//
// Registers and LDS: LLVM's AMDGPUBaseInfo.cpp, getVGPRAllocGranule, getVGPREncodingGranule,
// getTotalNumVGPRs; the instruction set guides of RDNA2, RDNA3 and RDNA3.5, "Wave State".
//
// Names, ids, clocks: libdrm's amdgpu.ids, and rocminfo's and lspci's output as published for these cards.
#include "sim/amd/gpu.h"

#include "codegen/isa/amd/inst.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::Arch;

// clang-format off
// [kfd] sienna_cichlid_cache_info; the vector L1 and the scalar caches have lines of 64 bytes in gfx10 and the
// others 128 (RDNA whitepaper).
constexpr CacheInfo navi21[] = {
  {1, CacheInfo::vector,             16,     128, 1},
  {1, CacheInfo::scalar_instruction, 32,     64,  2},
  {1, CacheInfo::scalar_data,        16,     64,  2},
  {1, CacheInfo::shared,             128,    128, 10},
  {2, CacheInfo::shared,             4096,   128, 0},
  {3, CacheInfo::shared,             131072, 64,  0},
};
constexpr CacheInfo navi31[] = {
  {1, CacheInfo::vector,             32,     128, 1},
  {1, CacheInfo::scalar_instruction, 32,     128, 2},
  {1, CacheInfo::scalar_data,        16,     64,  2},
  {1, CacheInfo::shared,             256,    128, 8},
  {2, CacheInfo::shared,             6144,   128, 0},
  {3, CacheInfo::shared,             98304,  64,  0},
};
constexpr CacheInfo strix_halo[] = {
  {1, CacheInfo::vector,             32,     128, 1},
  {1, CacheInfo::scalar_instruction, 32,     128, 2},
  {1, CacheInfo::scalar_data,        16,     64,  2},
  {1, CacheInfo::shared,             256,    128, 10},
  {2, CacheInfo::shared,             2048,   128, 0},
  {3, CacheInfo::shared,             32768,  64,  0},
};

constexpr Gpu table[] = {
  {
    .name = "gfx1030", .arch = Arch::gfx1030, .target_version = 100300,
    .marketing_name = "AMD Radeon RX 6900 XT", .asic = "sienna_cichlid",
    .device_id = 0x73bf, .revision = 0xc0, .family = 143, .external_revision = 0x29,
    .shader_engines = 4, .arrays_per_engine = 2, .cus_per_array = 10,
    .simds_per_cu = 2, .waves_per_simd = 16, .scratch_slots_per_cu = 32,
    .vgprs_per_simd = 1024, .vgpr_granule = 16, .vgpr_encoding = 8, .sgprs_per_wave = 106,
    .lds_per_cu = 65536, .lds_per_workgroup = 65536, .lds_granule = 512,
    .vram_bytes = 16368ull << 20, .memory_bits = 256, .memory_mhz = 1000, .engine_mhz = 2660, .vram_type = 9,
    .caches = navi21,
    .compute_queues = 8, .sdma_engines = 4, .sdma_queues_per_engine = 8,
    .gc_ip = {10, 3, 0}, .sdma_ip = {5, 2, 0}, .nbio_ip = {3, 3, 1},
    .mec_firmware = 115, .sdma_firmware = 80,
  },
  {
    .name = "gfx1100", .arch = Arch::gfx1100, .target_version = 110000,
    .marketing_name = "AMD Radeon RX 7900 XTX", .asic = "ip discovery",
    .device_id = 0x744c, .revision = 0xc8, .family = 145, .external_revision = 0x01,
    .shader_engines = 6, .arrays_per_engine = 2, .cus_per_array = 8,
    .simds_per_cu = 2, .waves_per_simd = 16, .scratch_slots_per_cu = 32,
    .vgprs_per_simd = 1536, .vgpr_granule = 24, .vgpr_encoding = 8, .sgprs_per_wave = 106,
    .lds_per_cu = 65536, .lds_per_workgroup = 65536, .lds_granule = 512,
    .vram_bytes = 24560ull << 20, .memory_bits = 384, .memory_mhz = 1249, .engine_mhz = 2482, .vram_type = 9,
    .caches = navi31,
    .compute_queues = 8, .sdma_engines = 2, .sdma_queues_per_engine = 6,
    .gc_ip = {11, 0, 0}, .sdma_ip = {6, 0, 0}, .nbio_ip = {4, 3, 0},
    .mec_firmware = 550, .sdma_firmware = 23,
  },
  {
    .name = "gfx1151", .arch = Arch::gfx1151, .target_version = 110501,
    .marketing_name = "AMD Radeon 8060S", .asic = "ip discovery",
    .device_id = 0x1586, .revision = 0xc1, .family = 150, .external_revision = 0xc1,
    .shader_engines = 2, .arrays_per_engine = 2, .cus_per_array = 10,
    .simds_per_cu = 2, .waves_per_simd = 16, .scratch_slots_per_cu = 32,
    .vgprs_per_simd = 1536, .vgpr_granule = 24, .vgpr_encoding = 8, .sgprs_per_wave = 106,
    .lds_per_cu = 65536, .lds_per_workgroup = 65536, .lds_granule = 512,
    .vram_bytes = 8192ull << 20, .memory_bits = 256, .memory_mhz = 1000, .engine_mhz = 2900, .vram_type = 12,
    .caches = strix_halo,
    .compute_queues = 8, .sdma_engines = 1, .sdma_queues_per_engine = 6,
    .gc_ip = {11, 5, 1}, .sdma_ip = {6, 1, 1}, .nbio_ip = {7, 11, 1},
    .mec_firmware = 28, .sdma_firmware = 14,
  },
};
// clang-format on

}  // namespace

std::span<const Gpu> gpus() { return table; }

const Gpu* find_gpu(std::string_view name) {
  for (const Gpu& gpu : table) {
    if (gpu.name == name) return &gpu;
  }
  return nullptr;
}

}  // namespace doorbell::sim::amd
