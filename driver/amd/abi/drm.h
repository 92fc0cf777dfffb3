// The ioctls of a DRM render node that amdgpu serves: who is there, what the chip is, buffers, submissions
// and what they wait for.
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

namespace domain {
inline constexpr uint32_t cpu = 1, gtt = 2, vram = 4, gds = 8, gws = 16, oa = 32, doorbell = 64, all = 0x7f;
}
namespace gem_flag {
inline constexpr uint64_t cpu_access_required = 1 << 0, no_cpu_access = 1 << 1, cpu_gtt_uswc = 1 << 2,
                          vram_cleared = 1 << 3, vram_contiguous = 1 << 5, vm_always_valid = 1 << 6,
                          explicit_sync = 1 << 7, vram_wipe_on_release = 1 << 9, encrypted = 1 << 10,
                          discardable = 1 << 12, gfx12_dcc = 1 << 16;
}
// Many of amdgpu's structs are unions of what goes in and what comes out; here the latter lies over the
// fields that its comment names.
struct GemCreate {
  uint64_t bytes;  // out: a handle in its low half
  uint64_t alignment, domains, flags;
};
namespace userptr_flag {
inline constexpr uint32_t read_only = 1, anonymous_only = 2, validate = 4, registered = 8;
}
struct GemUserptr {
  uint64_t address, bytes;
  uint32_t flags, handle;  // out: handle
};
struct GemMmap {
  uint64_t handle_or_offset;  // in: a handle in its low half; out: what to mmap at
};
struct GemWaitIdle {
  uint32_t handle, flags;  // out: 1 if still busy; the domain, which is 0
  uint64_t timeout;        // absolute nanoseconds of CLOCK_MONOTONIC
};
enum class MetadataOperation : uint32_t { set = 1, get = 2 };
struct GemMetadata {
  uint32_t handle, operation;
  uint64_t flags, tiling;
  uint32_t bytes;
  uint32_t data[64];
  uint32_t pad;
};
enum class GemOperation : uint32_t { get_create_info = 0, set_placement = 1 };
struct GemOp {
  uint32_t handle, operation;
  uint64_t value;
};
enum class VaOperation : uint32_t { map = 1, unmap = 2, clear = 3, replace = 4 };
namespace va_flag {
inline constexpr uint32_t delay_update = 1, readable = 2, writeable = 4, executable = 8, prt = 16,
                          mtype = 0xf << 5, mtype_cc = 3 << 5, mtype_uc = 4 << 5, noalloc = 1 << 9;
}
struct GemVa {
  uint32_t handle, pad, operation, flags;
  uint64_t va, offset, bytes;
  // Later kernels have fences behind this.
};
static_assert(sizeof(GemClose) == 8 && sizeof(PrimeHandle) == 12 && sizeof(GemMmap) == 8 &&
              sizeof(GemVa) == 40 && sizeof(GemCreate) == 32 && sizeof(GemUserptr) == 24 &&
              sizeof(GemWaitIdle) == 16 && sizeof(GemMetadata) == 288 && sizeof(GemOp) == 16);

// Contexts and submissions.
enum class ContextOperation : uint32_t {
  alloc = 1,
  free = 2,
  query_state = 3,
  query_state2 = 4,
  get_stable_pstate = 5,
  set_stable_pstate = 6
};
enum class ResetStatus : uint32_t { none = 0, guilty = 1, innocent = 2, unknown = 3 };
namespace query2_flag {
inline constexpr uint32_t reset = 1, vram_lost = 2, guilty = 4;
}
struct Context {
  uint32_t operation;  // out: the context; of query_state*: the low half of its flags
  uint32_t flags;
  uint32_t id;       // out of query_state*: hangs
  int32_t priority;  // out of query_state*: ResetStatus
};
struct VmOperation {
  uint32_t operation, flags;  // operation: 1 reserves a VMID, 2 gives it back
};
enum class BoListOperation : uint32_t { create = 0, destroy = 1, update = 2 };
struct BoList {
  uint32_t operation;  // out: the list
  uint32_t list, count, entry_bytes;
  uint64_t entries;
};
struct BoListEntry {
  uint32_t handle, priority;
};
struct Submit {
  uint32_t context;  // out, with the list: the sequence number
  uint32_t list, chunks_count, flags;
  uint64_t chunks;  // addresses of Chunk
};
enum class ChunkId : uint32_t {
  ib = 1,
  fence = 2,
  dependencies = 3,
  syncobj_in = 4,
  syncobj_out = 5,
  bo_handles = 6,
  scheduled_dependencies = 7,
  syncobj_timeline_wait = 8,
  syncobj_timeline_signal = 9,
  cp_gfx_shadow = 10
};
struct Chunk {
  uint32_t id, dwords;
  uint64_t data;
};
namespace ib_flag {
inline constexpr uint32_t constant_engine = 1, preamble = 2, preempt = 4, secure = 32;
}
struct ChunkIb {
  uint32_t pad, flags;
  uint64_t va;
  uint32_t bytes, ip, instance, ring;
};
struct ChunkDependency {
  uint32_t ip, instance, ring, context;
  uint64_t sequence;
};
struct ChunkFence {
  uint32_t handle, offset;
};
struct ChunkSyncobj {
  uint32_t handle, flags;
  uint64_t point;
};
struct ChunkShadow {
  uint64_t shadow, csa, gds, flags;
};
struct WaitSubmission {
  uint64_t sequence;  // out: 1 if still busy
  uint64_t timeout;   // as all: absolute; negative for ever
  uint32_t ip, instance, ring, context;
};
struct SubmissionFence {
  uint32_t context, ip, instance, ring;
  uint64_t sequence;
};
struct WaitFences {
  uint64_t fences;  // out: 1 if signalled, and the first that was
  uint32_t count, wait_all;
  uint64_t timeout;
};
enum class FenceHandle : uint32_t { syncobj = 0, syncobj_fd = 1, sync_file_fd = 2 };
struct FenceToHandle {
  SubmissionFence fence;  // out: a handle over its first dword
  uint32_t what, pad;
};
static_assert(sizeof(Context) == 16 && sizeof(VmOperation) == 8 && sizeof(BoList) == 24 &&
              sizeof(Submit) == 24 && sizeof(Chunk) == 16 && sizeof(ChunkIb) == 32 &&
              sizeof(ChunkDependency) == 24 && sizeof(ChunkSyncobj) == 16 && sizeof(ChunkShadow) == 32 &&
              sizeof(WaitSubmission) == 32 && sizeof(SubmissionFence) == 24 && sizeof(WaitFences) == 24 &&
              sizeof(FenceToHandle) == 32);

// Synchronisation objects, which are DRM's own.
inline constexpr uint32_t syncobj_create_signaled = 1, syncobj_sync_file = 1, syncobj_last_submitted = 1;
namespace wait_flag {
inline constexpr uint32_t all = 1, for_submit = 2, available = 4, deadline = 8;
}
struct SyncobjCreate {
  uint32_t handle, flags;
};
struct SyncobjDestroy {
  uint32_t handle, pad;
};
struct SyncobjHandle {
  uint32_t handle, flags;
  int32_t fd;
  uint32_t pad;
};
struct SyncobjTransfer {
  uint32_t from, to;
  uint64_t from_point, to_point;
  uint32_t flags, pad;
};
struct SyncobjWait {
  uint64_t handles;
  int64_t timeout;
  uint32_t count, flags, first_signaled, pad;
  uint64_t deadline;  // since Linux 6.6
};
struct SyncobjTimelineWait {
  uint64_t handles, points;
  int64_t timeout;
  uint32_t count, flags, first_signaled, pad;
  uint64_t deadline;
};
struct SyncobjEventfd {
  uint32_t handle, flags;
  uint64_t point;
  int32_t fd;
  uint32_t pad;
};
struct SyncobjArray {
  uint64_t handles;
  uint32_t count, pad;
};
struct SyncobjTimelineArray {
  uint64_t handles, points;
  uint32_t count, flags;
};
static_assert(sizeof(SyncobjCreate) == 8 && sizeof(SyncobjHandle) == 16 && sizeof(SyncobjTransfer) == 32 &&
              sizeof(SyncobjWait) == 40 && sizeof(SyncobjTimelineWait) == 48 &&
              sizeof(SyncobjEventfd) == 24 && sizeof(SyncobjArray) == 16 &&
              sizeof(SyncobjTimelineArray) == 24);

namespace detail {
constexpr uint32_t request(uint32_t direction, uint32_t number, size_t size) {
  return direction << 30 | static_cast<uint32_t>(size) << 16 | uint32_t{'d'} << 8 | number;
}
}  // namespace detail

// clang-format off
inline constexpr Ioctl<Version> version = {"DRM_IOCTL_VERSION", detail::request(3, 0x00, sizeof(Version))};
inline constexpr Ioctl<Unique> get_unique = {"DRM_IOCTL_GET_UNIQUE", detail::request(3, 0x01, sizeof(Unique))};
inline constexpr Ioctl<Client> get_client = {"DRM_IOCTL_GET_CLIENT", detail::request(3, 0x05, sizeof(Client))};
inline constexpr Ioctl<GemClose> gem_close = {"DRM_IOCTL_GEM_CLOSE", detail::request(1, 0x09, sizeof(GemClose))};
inline constexpr Ioctl<Capability> get_cap = {"DRM_IOCTL_GET_CAP", detail::request(3, 0x0c, sizeof(Capability))};
inline constexpr Ioctl<PrimeHandle> prime_handle_to_fd = {"DRM_IOCTL_PRIME_HANDLE_TO_FD", detail::request(3, 0x2d, sizeof(PrimeHandle))};
inline constexpr Ioctl<PrimeHandle> prime_fd_to_handle = {"DRM_IOCTL_PRIME_FD_TO_HANDLE", detail::request(3, 0x2e, sizeof(PrimeHandle))};
inline constexpr Ioctl<GemCreate> gem_create = {"DRM_IOCTL_AMDGPU_GEM_CREATE", detail::request(3, 0x40, sizeof(GemCreate))};
inline constexpr Ioctl<GemMmap> gem_mmap = {"DRM_IOCTL_AMDGPU_GEM_MMAP", detail::request(3, 0x41, sizeof(GemMmap))};
inline constexpr Ioctl<Context> context = {"DRM_IOCTL_AMDGPU_CTX", detail::request(3, 0x42, sizeof(Context))};
inline constexpr Ioctl<BoList> bo_list = {"DRM_IOCTL_AMDGPU_BO_LIST", detail::request(3, 0x43, sizeof(BoList))};
inline constexpr Ioctl<Submit> submit = {"DRM_IOCTL_AMDGPU_CS", detail::request(3, 0x44, sizeof(Submit))};
inline constexpr Ioctl<Info> info = {"DRM_IOCTL_AMDGPU_INFO", detail::request(1, 0x45, sizeof(Info))};
inline constexpr Ioctl<GemMetadata> gem_metadata = {"DRM_IOCTL_AMDGPU_GEM_METADATA", detail::request(3, 0x46, sizeof(GemMetadata))};
inline constexpr Ioctl<GemWaitIdle> gem_wait_idle = {"DRM_IOCTL_AMDGPU_GEM_WAIT_IDLE", detail::request(3, 0x47, sizeof(GemWaitIdle))};
inline constexpr Ioctl<GemVa> gem_va = {"DRM_IOCTL_AMDGPU_GEM_VA", detail::request(1, 0x48, sizeof(GemVa))};
inline constexpr Ioctl<WaitSubmission> wait_submission = {"DRM_IOCTL_AMDGPU_WAIT_CS", detail::request(3, 0x49, sizeof(WaitSubmission))};
inline constexpr Ioctl<GemOp> gem_op = {"DRM_IOCTL_AMDGPU_GEM_OP", detail::request(3, 0x50, sizeof(GemOp))};
inline constexpr Ioctl<GemUserptr> gem_userptr = {"DRM_IOCTL_AMDGPU_GEM_USERPTR", detail::request(3, 0x51, sizeof(GemUserptr))};
inline constexpr Ioctl<WaitFences> wait_fences = {"DRM_IOCTL_AMDGPU_WAIT_FENCES", detail::request(3, 0x52, sizeof(WaitFences))};
inline constexpr Ioctl<VmOperation> vm_operation = {"DRM_IOCTL_AMDGPU_VM", detail::request(3, 0x53, sizeof(VmOperation))};
inline constexpr Ioctl<FenceToHandle> fence_to_handle = {"DRM_IOCTL_AMDGPU_FENCE_TO_HANDLE", detail::request(3, 0x54, sizeof(FenceToHandle))};
inline constexpr Ioctl<SyncobjCreate> syncobj_create = {"DRM_IOCTL_SYNCOBJ_CREATE", detail::request(3, 0xbf, sizeof(SyncobjCreate))};
inline constexpr Ioctl<SyncobjDestroy> syncobj_destroy = {"DRM_IOCTL_SYNCOBJ_DESTROY", detail::request(3, 0xc0, sizeof(SyncobjDestroy))};
inline constexpr Ioctl<SyncobjHandle> syncobj_handle_to_fd = {"DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD", detail::request(3, 0xc1, sizeof(SyncobjHandle))};
inline constexpr Ioctl<SyncobjHandle> syncobj_fd_to_handle = {"DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE", detail::request(3, 0xc2, sizeof(SyncobjHandle))};
inline constexpr Ioctl<SyncobjWait> syncobj_wait = {"DRM_IOCTL_SYNCOBJ_WAIT", detail::request(3, 0xc3, sizeof(SyncobjWait))};
inline constexpr Ioctl<SyncobjArray> syncobj_reset = {"DRM_IOCTL_SYNCOBJ_RESET", detail::request(3, 0xc4, sizeof(SyncobjArray))};
inline constexpr Ioctl<SyncobjArray> syncobj_signal = {"DRM_IOCTL_SYNCOBJ_SIGNAL", detail::request(3, 0xc5, sizeof(SyncobjArray))};
inline constexpr Ioctl<SyncobjTimelineWait> syncobj_timeline_wait = {"DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT", detail::request(3, 0xca, sizeof(SyncobjTimelineWait))};
inline constexpr Ioctl<SyncobjTimelineArray> syncobj_query = {"DRM_IOCTL_SYNCOBJ_QUERY", detail::request(3, 0xcb, sizeof(SyncobjTimelineArray))};
inline constexpr Ioctl<SyncobjTransfer> syncobj_transfer = {"DRM_IOCTL_SYNCOBJ_TRANSFER", detail::request(3, 0xcc, sizeof(SyncobjTransfer))};
inline constexpr Ioctl<SyncobjTimelineArray> syncobj_timeline_signal = {"DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL", detail::request(3, 0xcd, sizeof(SyncobjTimelineArray))};
inline constexpr Ioctl<SyncobjEventfd> syncobj_eventfd = {"DRM_IOCTL_SYNCOBJ_EVENTFD", detail::request(3, 0xcf, sizeof(SyncobjEventfd))};
// clang-format on

static_assert(version.request == 0xc0406400 && info.request == 0x40206445 && submit.request == 0xc0186444 &&
              wait_submission.request == 0xc0206449 && gem_metadata.request == 0xc1206446);

}  // namespace doorbell::amd::drm
