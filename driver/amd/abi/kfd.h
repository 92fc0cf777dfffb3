// The ioctls of /dev/kfd, through which AMD's Linux driver offers compute: numbers, argument structs, flags.
//
// Source: Linux include/uapi/linux/kfd_ioctl.h, versions 1.1 (Linux 4.x) to 1.17 (Linux 6.12), whose change
// list is quoted at the structs that grew; numbers from 0x80 on are ROCm's own branch of that header. The
// kernel takes a struct's size from the request and fills or cuts at its end, so that old and new structs are
// prefixes of each other: a static_assert beside each one that grew says where the older version ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "driver/kernel.h"

namespace doorbell::amd::kfd {

inline constexpr uint32_t version_major = 1, version_minor = 17;

struct GetVersion {
  uint32_t major, minor;  // out
};
static_assert(sizeof(GetVersion) == 8);

enum class QueueType : uint32_t { pm4 = 0, sdma = 1, aql = 2, sdma_xgmi = 3, sdma_by_engine = 4 };  // 4: 1.17
inline constexpr uint32_t max_queue_percentage = 100, max_queue_priority = 15;

struct CreateQueue {
  uint64_t ring_base_address, write_pointer_address, read_pointer_address;
  uint64_t doorbell_offset;  // out
  uint32_t ring_size, gpu_id, queue_type, queue_percentage, queue_priority;
  uint32_t queue_id;  // out
  uint64_t eop_buffer_address, eop_buffer_size;
  uint64_t ctx_save_restore_address;
  uint32_t ctx_save_restore_size, ctl_stack_size;
  uint32_t sdma_engine_id, pad;  // 1.17
};
static_assert(sizeof(CreateQueue) == 96 && offsetof(CreateQueue, sdma_engine_id) == 88);

struct QueueId {  // DESTROY_QUEUE
  uint32_t queue_id, pad;
};
static_assert(sizeof(QueueId) == 8);

struct UpdateQueue {
  uint64_t ring_base_address;
  uint32_t queue_id, ring_size, queue_percentage, queue_priority;
};
static_assert(sizeof(UpdateQueue) == 24);

struct SetCuMask {
  uint32_t queue_id, num_cu_mask;  // bits
  uint64_t cu_mask_ptr;
};
static_assert(sizeof(SetCuMask) == 16);

struct GetQueueWaveState {
  uint64_t ctl_stack_address;
  uint32_t ctl_stack_used_size, save_area_used_size;  // out
  uint32_t queue_id, pad;
};
static_assert(sizeof(GetQueueWaveState) == 24);

enum CachePolicy : uint32_t { cache_coherent = 0, cache_noncoherent = 1 };

struct SetMemoryPolicy {
  uint64_t alternate_aperture_base, alternate_aperture_size;
  uint32_t gpu_id, default_policy, alternate_policy, pad;
};
static_assert(sizeof(SetMemoryPolicy) == 32);

struct GetClockCounters {
  uint64_t gpu_clock_counter, cpu_clock_counter, system_clock_counter, system_clock_freq;  // out
  uint32_t gpu_id, pad;
};
static_assert(sizeof(GetClockCounters) == 40);

struct Apertures {
  uint64_t lds_base, lds_limit, scratch_base, scratch_limit, gpuvm_base, gpuvm_limit;
  uint32_t gpu_id, pad;
};
static_assert(sizeof(Apertures) == 56);

struct GetApertures {  // deprecated: at most seven GPUs
  Apertures apertures[7];
  uint32_t num_of_nodes, pad;
};
static_assert(sizeof(GetApertures) == 400);

struct GetAperturesNew {
  uint64_t apertures_ptr;
  uint32_t num_of_nodes, pad;  // in: room; out: entries filled
};
static_assert(sizeof(GetAperturesNew) == 16);

struct DebugGpu {  // DBG_REGISTER, DBG_UNREGISTER: refused with EPERM since Linux 5.18
  uint32_t gpu_id, pad;
};
struct DebugContent {  // DBG_ADDRESS_WATCH, DBG_WAVE_CONTROL: likewise
  uint64_t content_ptr;
  uint32_t gpu_id, buf_size_in_bytes;
};
static_assert(sizeof(DebugGpu) == 8 && sizeof(DebugContent) == 16);

enum class EventType : uint32_t {
  signal = 0,
  node_change = 1,
  device_state_change = 2,
  hardware_exception = 3,
  system = 4,
  debug = 5,
  profile = 6,
  queue = 7,
  memory = 8,
};
enum WaitResult : uint32_t { wait_complete = 0, wait_timeout = 1, wait_fail = 2 };
inline constexpr uint32_t signal_event_limit = 4096;

struct CreateEvent {
  uint64_t event_page_offset;   // in: handle of the page (first call), out: its mmap offset
  uint32_t event_trigger_data;  // out
  uint32_t event_type, auto_reset, node_id;
  uint32_t event_id, event_slot_index;  // out
};
static_assert(sizeof(CreateEvent) == 32);

struct EventId {  // DESTROY_EVENT, SET_EVENT, RESET_EVENT
  uint32_t event_id, pad;
};
static_assert(sizeof(EventId) == 8);

struct MemoryException {
  uint32_t not_present, read_only, no_execute, imprecise;
  uint64_t va;
  uint32_t gpu_id, error_type;  // the latter was padding before ROCm 2.x; 0: no RAS error
};
static_assert(sizeof(MemoryException) == 32);

enum HardwareExceptionReset : uint32_t { reset_whole_gpu = 0, reset_per_engine = 1 };
enum HardwareExceptionCause : uint32_t { cause_gpu_hang = 0, cause_ecc = 1 };
struct HardwareException {
  uint32_t reset_type, reset_cause, memory_lost, gpu_id;
};
static_assert(sizeof(HardwareException) == 16);

struct EventData {
  union {
    MemoryException memory_exception;      // out
    HardwareException hardware_exception;  // out
    uint64_t last_event_age;               // in and out, signal events, 1.14
  };
  uint64_t ext;
  uint32_t event_id, pad;  // in
};
static_assert(sizeof(EventData) == 48);

struct WaitEvents {
  uint64_t events_ptr;  // EventData[num_events]
  uint32_t num_events, wait_for_all, timeout;
  uint32_t wait_result;  // out
};
static_assert(sizeof(WaitEvents) == 24);

struct SetScratchBackingVa {
  uint64_t va_addr;
  uint32_t gpu_id, pad;
};
static_assert(sizeof(SetScratchBackingVa) == 16);

struct GetTileConfig {
  uint64_t tile_config_ptr, macro_tile_config_ptr;
  uint32_t num_tile_configs, num_macro_tile_configs;  // in: room; out: filled
  uint32_t gpu_id;
  uint32_t gb_addr_config, num_banks, num_ranks;  // out
};
static_assert(sizeof(GetTileConfig) == 40);

struct SetTrapHandler {
  uint64_t tba_addr, tma_addr;
  uint32_t gpu_id, pad;
};
static_assert(sizeof(SetTrapHandler) == 24);

struct AcquireVm {
  uint32_t drm_fd, gpu_id;
};
static_assert(sizeof(AcquireVm) == 8);

namespace alloc {
inline constexpr uint32_t vram = 1u << 0, gtt = 1u << 1, userptr = 1u << 2, doorbell = 1u << 3,
                          mmio_remap = 1u << 4;
inline constexpr uint32_t contiguous_best_effort = 1u << 23,  // 1.16
    ext_coherent = 1u << 24, uncached = 1u << 25, coherent = 1u << 26, aql_queue_mem = 1u << 27,
                          no_substitute = 1u << 28, is_public = 1u << 29, executable = 1u << 30,
                          writable = 1u << 31;
}  // namespace alloc

struct AllocMemory {
  uint64_t va_addr, size;
  uint64_t handle;       // out
  uint64_t mmap_offset;  // in for userptr: the CPU address; else out
  uint32_t gpu_id, flags;
};
static_assert(sizeof(AllocMemory) == 40);

struct FreeMemory {
  uint64_t handle;
};
static_assert(sizeof(FreeMemory) == 8);

struct MapMemory {  // and UNMAP
  uint64_t handle, device_ids_array_ptr;
  uint32_t n_devices, n_success;  // n_success: in and out
};
static_assert(sizeof(MapMemory) == 24);

struct AllocQueueGws {
  uint32_t queue_id, num_gws, first_gws, pad;
};
static_assert(sizeof(AllocQueueGws) == 16);

struct GetDmabufInfo {
  uint64_t size;  // out
  uint64_t metadata_ptr;
  uint32_t metadata_size, gpu_id, flags;  // out
  uint32_t dmabuf_fd;
};
static_assert(sizeof(GetDmabufInfo) == 32);

struct ImportDmabuf {
  uint64_t va_addr;
  uint64_t handle;  // out
  uint32_t gpu_id, dmabuf_fd;
};
static_assert(sizeof(ImportDmabuf) == 24);

struct SmiEvents {  // 1.3
  uint32_t gpu_id;
  uint32_t anon_fd;  // out
};
static_assert(sizeof(SmiEvents) == 8);

enum SvmOp : uint32_t { svm_set_attr = 0, svm_get_attr = 1 };
enum class SvmAttributeType : uint32_t {
  preferred_location,
  prefetch_location,
  access,
  access_in_place,
  no_access,
  set_flags,
  clear_flags,
  granularity,
};
inline constexpr uint32_t svm_system_memory = 0, svm_undefined_location = 0xffffffff;
namespace svm_flag {
inline constexpr uint32_t host_access = 1, coherent = 2, hive_local = 4, gpu_read_only = 8,
                          gpu_executable = 16, gpu_read_mostly = 32, gpu_always_mapped = 64,
                          ext_coherent = 128;
}
struct SvmAttribute {
  uint32_t type, value;
};
struct Svm {  // 1.5; nattr attributes follow
  uint64_t start_addr, size;
  uint32_t op, nattr;
};
static_assert(sizeof(Svm) == 24 && sizeof(SvmAttribute) == 8);

struct SetXnackMode {     // 1.5
  int32_t xnack_enabled;  // in: 0, 1, or negative to ask; out: the mode
};
static_assert(sizeof(SetXnackMode) == 4);

struct Criu {  // 1.7
  uint64_t devices, bos, priv_data, priv_data_size;
  uint32_t num_devices, num_bos, num_objects, pid, op, pad;
};
static_assert(sizeof(Criu) == 56);

struct AvailableMemory {  // 1.9
  uint64_t available;     // out
  uint32_t gpu_id, pad;
};
static_assert(sizeof(AvailableMemory) == 16);

struct ExportDmabuf {  // 1.12
  uint64_t handle;
  uint32_t flags;
  uint32_t dmabuf_fd;  // out
};
static_assert(sizeof(ExportDmabuf) == 16);

struct RuntimeEnable {  // 1.13
  uint64_t r_debug;
  uint32_t mode_mask, capabilities_mask;
};
static_assert(sizeof(RuntimeEnable) == 16);
inline constexpr uint32_t runtime_enable = 1, runtime_enable_ttmp_save = 2;

struct DebugTrap {  // 1.13; the operation's own arguments follow pid and op
  uint32_t pid, op;
  uint64_t arguments[3];
};
static_assert(sizeof(DebugTrap) == 32);

// Outside of the upstream header.
struct IpcExportHandle {
  uint64_t handle;
  uint32_t share_handle[4];  // out
  uint32_t gpu_id, flags;
};
struct IpcImportHandle {
  uint64_t handle;  // out
  uint64_t va_addr;
  uint64_t mmap_offset;  // out
  uint32_t share_handle[4];
  uint32_t gpu_id;
  uint32_t flags;  // out
};
static_assert(sizeof(IpcExportHandle) == 32 && sizeof(IpcImportHandle) == 48);

namespace detail {
// asm-generic/ioctl.h: direction (1: the kernel reads, 2: it writes), size, type, number.
constexpr uint32_t request(uint32_t direction, uint32_t number, size_t size) {
  return direction << 30 | static_cast<uint32_t>(size) << 16 | uint32_t{'K'} << 8 | number;
}
template <class Args>
constexpr Ioctl<Args> reads(const char* name, uint32_t number) {
  return {name, request(1, number, sizeof(Args))};
}
template <class Args>
constexpr Ioctl<Args> writes(const char* name, uint32_t number) {
  return {name, request(2, number, sizeof(Args))};
}
template <class Args>
constexpr Ioctl<Args> both(const char* name, uint32_t number) {
  return {name, request(3, number, sizeof(Args))};
}
}  // namespace detail

// clang-format off
inline constexpr auto get_version            = detail::writes<GetVersion>("AMDKFD_IOC_GET_VERSION", 0x01);
inline constexpr auto create_queue           = detail::both<CreateQueue>("AMDKFD_IOC_CREATE_QUEUE", 0x02);
inline constexpr auto destroy_queue          = detail::both<QueueId>("AMDKFD_IOC_DESTROY_QUEUE", 0x03);
inline constexpr auto set_memory_policy      = detail::reads<SetMemoryPolicy>("AMDKFD_IOC_SET_MEMORY_POLICY", 0x04);
inline constexpr auto get_clock_counters     = detail::both<GetClockCounters>("AMDKFD_IOC_GET_CLOCK_COUNTERS", 0x05);
inline constexpr auto get_apertures          = detail::writes<GetApertures>("AMDKFD_IOC_GET_PROCESS_APERTURES", 0x06);
inline constexpr auto update_queue           = detail::reads<UpdateQueue>("AMDKFD_IOC_UPDATE_QUEUE", 0x07);
inline constexpr auto create_event           = detail::both<CreateEvent>("AMDKFD_IOC_CREATE_EVENT", 0x08);
inline constexpr auto destroy_event          = detail::reads<EventId>("AMDKFD_IOC_DESTROY_EVENT", 0x09);
inline constexpr auto set_event              = detail::reads<EventId>("AMDKFD_IOC_SET_EVENT", 0x0a);
inline constexpr auto reset_event            = detail::reads<EventId>("AMDKFD_IOC_RESET_EVENT", 0x0b);
inline constexpr auto wait_events            = detail::both<WaitEvents>("AMDKFD_IOC_WAIT_EVENTS", 0x0c);
inline constexpr auto debug_register         = detail::reads<DebugGpu>("AMDKFD_IOC_DBG_REGISTER", 0x0d);
inline constexpr auto debug_unregister       = detail::reads<DebugGpu>("AMDKFD_IOC_DBG_UNREGISTER", 0x0e);
inline constexpr auto debug_address_watch    = detail::reads<DebugContent>("AMDKFD_IOC_DBG_ADDRESS_WATCH", 0x0f);
inline constexpr auto debug_wave_control     = detail::reads<DebugContent>("AMDKFD_IOC_DBG_WAVE_CONTROL", 0x10);
inline constexpr auto set_scratch_backing_va = detail::both<SetScratchBackingVa>("AMDKFD_IOC_SET_SCRATCH_BACKING_VA", 0x11);
inline constexpr auto get_tile_config        = detail::both<GetTileConfig>("AMDKFD_IOC_GET_TILE_CONFIG", 0x12);
inline constexpr auto set_trap_handler       = detail::reads<SetTrapHandler>("AMDKFD_IOC_SET_TRAP_HANDLER", 0x13);
inline constexpr auto get_apertures_new      = detail::both<GetAperturesNew>("AMDKFD_IOC_GET_PROCESS_APERTURES_NEW", 0x14);
inline constexpr auto acquire_vm             = detail::reads<AcquireVm>("AMDKFD_IOC_ACQUIRE_VM", 0x15);
inline constexpr auto alloc_memory           = detail::both<AllocMemory>("AMDKFD_IOC_ALLOC_MEMORY_OF_GPU", 0x16);
inline constexpr auto free_memory            = detail::reads<FreeMemory>("AMDKFD_IOC_FREE_MEMORY_OF_GPU", 0x17);
inline constexpr auto map_memory             = detail::both<MapMemory>("AMDKFD_IOC_MAP_MEMORY_TO_GPU", 0x18);
inline constexpr auto unmap_memory           = detail::both<MapMemory>("AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU", 0x19);
inline constexpr auto set_cu_mask            = detail::reads<SetCuMask>("AMDKFD_IOC_SET_CU_MASK", 0x1a);
inline constexpr auto get_queue_wave_state   = detail::both<GetQueueWaveState>("AMDKFD_IOC_GET_QUEUE_WAVE_STATE", 0x1b);
inline constexpr auto get_dmabuf_info        = detail::both<GetDmabufInfo>("AMDKFD_IOC_GET_DMABUF_INFO", 0x1c);
inline constexpr auto import_dmabuf          = detail::both<ImportDmabuf>("AMDKFD_IOC_IMPORT_DMABUF", 0x1d);
inline constexpr auto alloc_queue_gws        = detail::both<AllocQueueGws>("AMDKFD_IOC_ALLOC_QUEUE_GWS", 0x1e);
inline constexpr auto smi_events             = detail::both<SmiEvents>("AMDKFD_IOC_SMI_EVENTS", 0x1f);
inline constexpr auto svm                    = detail::both<Svm>("AMDKFD_IOC_SVM", 0x20);
inline constexpr auto set_xnack_mode         = detail::both<SetXnackMode>("AMDKFD_IOC_SET_XNACK_MODE", 0x21);
inline constexpr auto criu                   = detail::both<Criu>("AMDKFD_IOC_CRIU_OP", 0x22);
inline constexpr auto available_memory       = detail::both<AvailableMemory>("AMDKFD_IOC_AVAILABLE_MEMORY", 0x23);
inline constexpr auto export_dmabuf          = detail::both<ExportDmabuf>("AMDKFD_IOC_EXPORT_DMABUF", 0x24);
inline constexpr auto runtime_enable_ioctl   = detail::both<RuntimeEnable>("AMDKFD_IOC_RUNTIME_ENABLE", 0x25);
inline constexpr auto debug_trap             = detail::both<DebugTrap>("AMDKFD_IOC_DBG_TRAP", 0x26);
inline constexpr auto ipc_import_handle      = detail::both<IpcImportHandle>("AMDKFD_IOC_IPC_IMPORT_HANDLE", 0x80);
inline constexpr auto ipc_export_handle      = detail::both<IpcExportHandle>("AMDKFD_IOC_IPC_EXPORT_HANDLE", 0x81);
// clang-format on

static_assert(create_queue.request == 0xc0604b02 && alloc_memory.request == 0xc0284b16);

}  // namespace doorbell::amd::kfd
