// The ioctls of a DRM render node that amdgpu serves and that compute needs: who is there, and what the chip
// is.
//
// Source: Linux include/uapi/drm/drm.h and amdgpu_drm.h (6.12). INFO answers with as many bytes as the caller
// has room for: structs grow at their end, and a static_assert says where older libraries' version ended.
#pragma once

#include <cstddef>
#include <cstdint>

#include "driver/kernel.h"

namespace doorbell::amd::drm {

struct Version {
  int32_t major, minor, patchlevel, pad;  // out
  uint64_t name_length, name;             // in: room and where to; out: length
  uint64_t date_length, date;
  uint64_t description_length, description;
};
static_assert(sizeof(Version) == 64);

struct Unique {
  uint64_t length, unique;
};
struct Capability {
  uint64_t capability, value;
};
struct Client {
  int32_t index, authenticated;  // in; out
  uint64_t pid, uid, magic, iocs;
};
static_assert(sizeof(Unique) == 16 && sizeof(Capability) == 16 && sizeof(Client) == 40);

enum class Query : uint32_t {
  accel_working = 0x00,
  hw_ip_info = 0x02,
  hw_ip_count = 0x03,
  timestamp = 0x05,
  firmware_version = 0x0e,
  bytes_moved = 0x0f,
  vram_usage = 0x10,
  gtt_usage = 0x11,
  gds_config = 0x13,
  vram_gtt = 0x14,
  read_mmr_register = 0x15,
  device = 0x16,
  visible_vram_usage = 0x17,
  evictions = 0x18,
  memory = 0x19,
  sensor = 0x1d,
  vram_cpu_page_faults = 0x1e,
  vram_lost_counter = 0x1f,
  ras_enabled_features = 0x20,
};

struct Info {
  uint64_t return_pointer;
  uint32_t return_size;
  uint32_t query;
  uint32_t arguments[4];  // hw_ip: type, instance; firmware: type, instance, index; registers: offset, count,
                          // instance
};
static_assert(sizeof(Info) == 32);

enum class HwIp : uint32_t { gfx = 0, compute = 1, dma = 2, count = 9 };
enum class Firmware : uint32_t { mec = 0x08, sdma = 0x0b };

struct InfoDevice {
  uint32_t device_id, chip_revision, external_revision, pci_revision, family;
  uint32_t shader_engines, shader_arrays_per_engine;
  uint32_t gpu_counter_khz;
  uint64_t max_engine_khz, max_memory_khz;
  uint32_t cu_active_number, cu_ao_mask;
  uint32_t cu_bitmap[4][4];
  uint32_t enabled_rb_pipes_mask, rb_pipes, hw_gfx_contexts, pcie_gen;
  uint64_t ids_flags;
  uint64_t virtual_address_offset, virtual_address_max;
  uint32_t virtual_address_alignment, pte_fragment_size, gart_page_size, ce_ram_size;
  uint32_t vram_type, vram_bit_width, vce_harvest_config, gc_double_offchip_lds_buf;
  uint64_t prim_buf_gpu_addr, pos_buf_gpu_addr, cntl_sb_buf_gpu_addr, param_buf_gpu_addr;
  uint32_t prim_buf_size, pos_buf_size, cntl_sb_buf_size, param_buf_size;
  uint32_t wave_front_size, shader_visible_vgprs, cu_per_array, tcc_blocks;
  uint32_t gs_vgt_table_depth, gs_prim_buffer_depth, max_gs_waves_per_vgt, pcie_lanes;
  uint32_t cu_ao_bitmap[4][4];
  uint64_t high_va_offset, high_va_max;
  uint32_t pa_sc_tile_steering_override, pad0;
  uint64_t tcc_disabled_mask;
  // Linux 6.2; the sizes of caches only from gfx11 on.
  uint64_t min_engine_khz, min_memory_khz;
  uint32_t tcp_cache_kib, sqcs_per_wgp, sqc_data_cache_kib, sqc_inst_cache_kib, gl1c_cache_kib,
      gl2c_cache_kib;
  uint64_t mall_bytes;
  uint32_t enabled_rb_pipes_mask_hi, shadow_size, shadow_alignment, csa_size, csa_alignment, pad1;
};
static_assert(offsetof(InfoDevice, min_engine_khz) == 368 && sizeof(InfoDevice) == 440);

struct InfoHwIp {
  uint32_t major, minor;
  uint64_t capabilities;
  uint32_t ib_start_alignment, ib_size_alignment, available_rings;
  uint32_t ip_discovery_version;  // bits 23:16 major, 15:8 minor, 7:0 revision
};
static_assert(sizeof(InfoHwIp) == 32);

struct InfoFirmware {
  uint32_t version, feature;
};
struct InfoVramGtt {
  uint64_t vram_size, vram_cpu_accessible_size, gtt_size;
};
struct InfoHeap {
  uint64_t total, usable, usage, max_allocation;
};
struct InfoMemory {
  InfoHeap vram, cpu_accessible_vram, gtt;
};
struct InfoGds {
  uint32_t sizes[7], pad;
};
static_assert(sizeof(InfoMemory) == 96 && sizeof(InfoGds) == 32);

// Buffers. A handle is one file's name of a buffer.
struct GemClose {
  uint32_t handle, pad;
};
struct PrimeHandle {
  uint32_t handle, flags;
  int32_t fd;
};
struct GemMmap {
  uint64_t handle_or_offset;  // in: a handle in its low half; out: what to mmap at
};
enum class VaOperation : uint32_t { map = 1, unmap = 2, clear = 3, replace = 4 };
namespace va_flag {
inline constexpr uint32_t delay_update = 1, readable = 2, writeable = 4, executable = 8, prt = 16,
                          mtype = 0xf << 5, mtype_uc = 4 << 5, noalloc = 1 << 9;
}
struct GemVa {
  uint32_t handle, pad, operation, flags;
  uint64_t va, offset, bytes;
  // Later kernels have fences behind this.
};
static_assert(sizeof(GemClose) == 8 && sizeof(PrimeHandle) == 12 && sizeof(GemMmap) == 8 &&
              sizeof(GemVa) == 40);

namespace detail {
constexpr uint32_t request(uint32_t direction, uint32_t number, size_t size) {
  return direction << 30 | static_cast<uint32_t>(size) << 16 | uint32_t{'d'} << 8 | number;
}
}  // namespace detail

// clang-format off
inline constexpr Ioctl<Version>    version    = {"DRM_IOCTL_VERSION",    detail::request(3, 0x00, sizeof(Version))};
inline constexpr Ioctl<Unique>     get_unique = {"DRM_IOCTL_GET_UNIQUE", detail::request(3, 0x01, sizeof(Unique))};
inline constexpr Ioctl<Client>     get_client = {"DRM_IOCTL_GET_CLIENT", detail::request(3, 0x05, sizeof(Client))};
inline constexpr Ioctl<Capability> get_cap    = {"DRM_IOCTL_GET_CAP",    detail::request(3, 0x0c, sizeof(Capability))};
inline constexpr Ioctl<GemClose>    gem_close          = {"DRM_IOCTL_GEM_CLOSE", detail::request(1, 0x09, sizeof(GemClose))};
inline constexpr Ioctl<PrimeHandle> prime_handle_to_fd = {"DRM_IOCTL_PRIME_HANDLE_TO_FD", detail::request(3, 0x2d, sizeof(PrimeHandle))};
inline constexpr Ioctl<PrimeHandle> prime_fd_to_handle = {"DRM_IOCTL_PRIME_FD_TO_HANDLE", detail::request(3, 0x2e, sizeof(PrimeHandle))};
inline constexpr Ioctl<GemMmap>     gem_mmap           = {"DRM_IOCTL_AMDGPU_GEM_MMAP", detail::request(3, 0x41, sizeof(GemMmap))};
inline constexpr Ioctl<GemVa>       gem_va             = {"DRM_IOCTL_AMDGPU_GEM_VA", detail::request(1, 0x48, sizeof(GemVa))};
inline constexpr Ioctl<Info>       info       = {"DRM_IOCTL_AMDGPU_INFO", detail::request(1, 0x45, sizeof(Info))};
// clang-format on

static_assert(version.request == 0xc0406400 && info.request == 0x40206445);

}  // namespace doorbell::amd::drm
