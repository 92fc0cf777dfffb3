// /dev/kfd as one process sees it: its memory, its page tables, its queues and events on every card.
//
// What the kernel refuses is refused here with the same errno, in the same order of checks. Source: Linux
// drivers/gpu/drm/amd/amdkfd (kfd_chardev.c, kfd_process_queue_manager.c, kfd_queue.c, kfd_events.c) and
// amdgpu/amdgpu_amdkfd_gpuvm.c of 6.12, where KFD is 1.17.
//
// Host memory behind GPU addresses: a buffer lies in its card's file. The emulator maps it for itself,
// whatever the client maps, so that memory which is private to the GPU stays out of the client's reach. User
// pointers are the client's own pages.
//
// Threads: any. One lock guards all but the events. What the command processors call back takes only the
// events' lock, so that a queue may be torn down while it interrupts.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "driver/amd/abi/kfd.h"
#include "hal/base/units.h"
#include "sim/amd/crew.h"
#include "sim/amd/dmabuf.h"
#include "sim/amd/drm.h"
#include "sim/amd/events.h"
#include "sim/amd/queue.h"
#include "sim/amd/resources.h"
#include "sim/amd/smi.h"
#include "sim/amd/vm.h"

namespace doorbell::sim::amd {

// Where things lie in the file behind /dev/kfd. mmap offsets are offsets in this file, so that a client's
// mmap needs nobody's help. The doorbells' must be a multiple of 4 GiB: ROCm 5.2 masks it with a size that it
// does not know yet at the first queue.
namespace kfd_file {
inline constexpr uint64_t doorbell_bytes = 8192;  // 1024 slots for each process on each card
constexpr uint64_t doorbells(size_t card) { return (1 + uint64_t{card}) << 32; }
constexpr uint64_t mmio(size_t card) { return doorbells(card) + (1 << 20); }
inline constexpr uint64_t bytes = uint64_t{max_cards + 1} << 32;
}  // namespace kfd_file

// In the place of PROT_*: nothing is there.
inline constexpr int nothing_mapped = 1 << 30;

class KfdProcess {
 public:
  // The calling process's. `resources` outlives it.
  static Result<std::unique_ptr<KfdProcess>> make(Resources& resources);
  ~KfdProcess();

  // `argument` is a pointer of the client's. 0 or -errno.
  int ioctl(uint32_t request, uint64_t argument);
  // The memory behind /dev/kfd.
  [[nodiscard]] int file() const { return file_.get(); }

  // May the client map this range of a card's memory, or of /dev/kfd? 0 or -errno.
  int check_map(size_t card, uint64_t offset, uint64_t bytes);
  int check_map_kfd(uint64_t offset, uint64_t bytes, bool& doorbells, size_t& card);

  // Doorbell pages that the client has mapped. At rest they are write-protected; a store faults, which the
  // door reports here, and is retried. mapped() and unmapped() may come at any time; doorbell_fault() comes
  // from a signal handler and is true if the page was a doorbell of ours.
  void doorbells_mapped(size_t card, void* address);
  // What will be allowed there from now on (PROT_*, or nothing_mapped).
  void unmapping(const void* address, size_t bytes, int protection);
  // After that, where something is there again.
  void mapped(const void* address, size_t bytes);
  bool doorbell_fault(const void* address) noexcept;
  // From the handler on a thread that touches memory for the GPU (lost.h), which has met a page that is not
  // there, or not for that: true if it was one of the client's, and the access can be tried again.
  bool memory_fault(const void* address, bool write, bool beyond_file) noexcept;

  // True if `fd` is a render node, and of which card. Set by the owner of descriptors, used by ACQUIRE_VM.
  using RenderNode = bool (*)(void* owner, int fd, size_t& card, uint64_t& file);
  void set_render_nodes(RenderNode lookup, void* owner) {
    render_node_ = lookup;
    render_owner_ = owner;
  }
  [[nodiscard]] Resources& resources() { return resources_; }

  // What the process does on render nodes, which it may without KFD.
  [[nodiscard]] Drm& drm() { return drm_; }

 private:
  struct Buffer {
    uint64_t handle = 0;
    size_t card = 0;
    uint64_t va = 0;
    uint64_t bytes = 0;  // of memory; an AQL queue's buffer is mapped twice
    uint32_t flags = 0;
    MemoryKind kind = MemoryKind::vram;
    std::byte* host = nullptr;
    bool host_is_ours = false;  // a mapping of the emulator's own
    bool fresh = false;
    bool shared = false;  // with other processes, or was
    bool lost = false;    // the client has unmapped memory of its own that this is
    bool window = false;  // the host has mapped this memory of the card, or may at any time (PUBLIC)
    bool has_block = false;
    Block block;
    uint32_t mapped = 0;                          // a bit per card
    std::array<uint32_t, max_cards> queues = {};  // of a card that use it

    [[nodiscard]] bool doubled() const { return flags & doorbell::amd::kfd::alloc::aql_queue_mem; }
    [[nodiscard]] uint64_t va_bytes() const { return doubled() ? 2 * bytes : bytes; }
  };
  // A range of the client's own memory that cards may use by its CPU addresses.
  struct SvmRange {
    uint64_t end = 0;
    uint32_t access = 0, in_place = 0;  // a bit per card
    uint32_t flags = doorbell::amd::kfd::svm_flag::host_access | doorbell::amd::kfd::svm_flag::coherent;
    uint32_t preferred = doorbell::amd::kfd::svm_undefined_location;
    uint32_t prefetch = doorbell::amd::kfd::svm_undefined_location;
    uint32_t location = doorbell::amd::kfd::svm_system_memory;  // where Linux would have the pages by now
    uint32_t granularity = 9;                                   // log2 of pages
    uint32_t mapped = 0;                                        // a bit per card
    bool writable = false;                                      // where it is mapped
    uint32_t mapped_flags = 0;                                  // what `flags` were then
    uint32_t queues = 0;                                        // whose save areas lie there
  };
  struct Queue {
    size_t card = 0;
    uint32_t processor_id = 0;
    uint32_t slot = 0;
    bool sdma = false;
    std::vector<uint64_t> buffers;      // handles in use
    uint64_t ring = 0;                  // one of them
    uint64_t save = 0, save_bytes = 0;  // in the client's own memory; 0: in one of the buffers
  };
  // What KFD calls a process device: this process on one card.
  struct Device {
    size_t index = 0;
    Card card;
    uint64_t render_file = 0;  // whose address space this is; 0: none yet
    std::shared_ptr<Vm> vm;    // never null
    std::unique_ptr<CommandProcessor> processor;
    // Of the queues' threads, never protected; and of what the GPU stores there, which faults as what clients
    // store does.
    std::byte *doorbells = nullptr, *gpu_doorbells = nullptr;
    std::array<bool, 1024> slots = {};
    uint32_t sdma_queues = 0;
    std::optional<uint32_t> gws_queue;  // which has the global wave sync
    uint64_t scratch_backing = 0, trap_base = 0, trap_memory = 0;
    std::map<uint32_t, Buffer> buffers;  // by the low half of their handles
    uint32_t next_buffer = 0;            // none below is free
    [[nodiscard]] uint32_t id() const { return gpu_id(index); }
  };

  explicit KfdProcess(Resources& resources)
      : resources_(resources), crew_(Crew::members_for(resources.machine().threads)) {}
  [[nodiscard]] Drm::Around around();

  Device* device(uint32_t id);
  Buffer* buffer(uint64_t handle);
  [[nodiscard]] static bool bound(const Device& device) { return device.render_file != 0; }
  uint64_t add(Device& device, Buffer& buffer);  // its handle
  void remove(Buffer& buffer);
  void give_back(Buffer& buffer);
  int map_on(Buffer& buffer, Device& device);
  int unmap_from(Buffer& buffer, Device& device);
  // `tag`: for whoever imports it.
  int share(Buffer& buffer, uint32_t tag, ShareKey& key);
  // Takes a hold on a block of the Pool: a handle for it, or -errno.
  int adopt(Device& device, const Block& block, uint64_t va, uint64_t& handle);
  void svm_split(uint64_t at);
  int svm_map(uint64_t start, SvmRange& range);
  void svm_unmap(uint64_t start, uint64_t end, bool gone);
  int svm_check(uint64_t start, uint64_t end);
  int svm_set(uint64_t start, uint64_t end, std::span<const doorbell::amd::kfd::SvmAttribute> attributes);
  int svm_get(uint64_t start, uint64_t end, std::span<doorbell::amd::kfd::SvmAttribute> attributes);
  [[nodiscard]] bool svm_overlaps(uint64_t start, uint64_t bytes) const;
  [[nodiscard]] bool svm_holds(uint64_t va, uint64_t bytes, const Device& device) const;
  void svm_hold(const Queue& queue, bool held);
  int read_devices(const doorbell::amd::kfd::MapMemory& args, std::vector<uint32_t>& ids);
  Buffer* queue_buffer(Device& device, uint64_t va, uint64_t bytes);
  void use(Buffer& buffer, Queue& queue);
  void evict_queues(uint64_t address);
  CommandProcessor& processor(Device& device);
  void fault(Device& device, uint32_t queue, const Fault& fault);
  bool arm(size_t card);
  // The caller holds the mutex, and no queue's thread waits for it.
  void lose_memory(uintptr_t start, uintptr_t end, int protection);
  void find_lost_memory();
  void find_lost_memory_now_and_then();
  void publish_client_memory();

  // One function per ioctl, in the order of their numbers.
  struct Row;
  static const Row rows[];
  template <auto method, class Args>
  static constexpr Row row(const Ioctl<Args>& ioctl);
  static const Row* find_row(uint32_t number);

  int get_version(doorbell::amd::kfd::GetVersion& args);
  int create_queue(doorbell::amd::kfd::CreateQueue& args);
  int destroy_queue(doorbell::amd::kfd::QueueId& args);
  int set_memory_policy(doorbell::amd::kfd::SetMemoryPolicy& args);
  int get_clock_counters(doorbell::amd::kfd::GetClockCounters& args);
  int get_apertures(doorbell::amd::kfd::GetApertures& args);
  int update_queue(doorbell::amd::kfd::UpdateQueue& args);
  int create_event(doorbell::amd::kfd::CreateEvent& args);
  int destroy_event(doorbell::amd::kfd::EventId& args);
  int set_event(doorbell::amd::kfd::EventId& args);
  int reset_event(doorbell::amd::kfd::EventId& args);
  int wait_events(doorbell::amd::kfd::WaitEvents& args);
  template <class Args>
  int not_permitted(Args&) {
    return -1;  // EPERM
  }
  int set_scratch_backing_va(doorbell::amd::kfd::SetScratchBackingVa& args);
  int get_tile_config(doorbell::amd::kfd::GetTileConfig& args);
  int set_trap_handler(doorbell::amd::kfd::SetTrapHandler& args);
  int get_apertures_new(doorbell::amd::kfd::GetAperturesNew& args);
  int acquire_vm(doorbell::amd::kfd::AcquireVm& args);
  int alloc_memory(doorbell::amd::kfd::AllocMemory& args);
  int free_memory(doorbell::amd::kfd::FreeMemory& args);
  int map_memory(doorbell::amd::kfd::MapMemory& args);
  int unmap_memory(doorbell::amd::kfd::MapMemory& args);
  int set_cu_mask(doorbell::amd::kfd::SetCuMask& args);
  int get_queue_wave_state(doorbell::amd::kfd::GetQueueWaveState& args);
  int alloc_queue_gws(doorbell::amd::kfd::AllocQueueGws& args);
  int get_dmabuf_info(doorbell::amd::kfd::GetDmabufInfo& args);
  int import_dmabuf(doorbell::amd::kfd::ImportDmabuf& args);
  int export_dmabuf(doorbell::amd::kfd::ExportDmabuf& args);
  int ipc_export(doorbell::amd::kfd::IpcExportHandle& args);
  int ipc_import(doorbell::amd::kfd::IpcImportHandle& args);
  int smi_events(doorbell::amd::kfd::SmiEvents& args);
  int svm(doorbell::amd::kfd::Svm& args);
  int criu(doorbell::amd::kfd::Criu& args);
  int debug_trap(doorbell::amd::kfd::DebugTrap& args);
  int set_xnack_mode(doorbell::amd::kfd::SetXnackMode& args);
  int available_memory(doorbell::amd::kfd::AvailableMemory& args);
  int runtime_enable(doorbell::amd::kfd::RuntimeEnable& args);

  doorbell::amd::kfd::Apertures apertures(const Device& device) const;

  Resources& resources_;
  Crew crew_;
  Fd file_;
  int trace_ = -1;
  RenderNode render_node_ = nullptr;
  void* render_owner_ = nullptr;
  Events events_;
  Smi smi_;

  std::mutex mutex_;
  Dmabufs dmabufs_{resources_};
  Drm drm_{resources_, dmabufs_, around()};
  std::vector<std::unique_ptr<Device>> devices_;
  // Of their buffers, of which there may be ten thousands, those that are asked for often.
  std::vector<Buffer*> user_buffers_;                               // userptr
  std::multimap<std::pair<uint32_t, uint64_t>, Buffer*> by_block_;  // others, by card and offset
  std::map<uint32_t, Queue> queues_;
  bool evicted_ = false;              // no queue runs any more
  std::map<uint64_t, SvmRange> svm_;  // by first address
  std::atomic<bool> uses_client_memory_{false};
  // For memory_fault(): what GPUs see of the client's memory, and the pages that it has put there or opened.
  // Whoever holds the mutex touches no memory of the client's.
  struct StandIn {
    uintptr_t page;
    int protection;      // before; nothing_mapped if there was nothing
    std::byte* content;  // before, if it can be stored to now
  };
  std::mutex client_mutex_;
  std::vector<std::pair<uintptr_t, uintptr_t>> client_memory_;
  std::vector<StandIn> stand_ins_;
  HostTime next_look_{};  // for lost memory
  uint64_t event_page_handle_ = 0;
  bool has_event_page_ = false;
  bool runtime_enabled_ = false;

  // Doorbell pages in the client's address space, read by signal handlers.
  struct DoorbellPage {
    std::atomic<uintptr_t> address{0};
    std::atomic<uint32_t> card{0};
  };
  std::array<DoorbellPage, 32> pages_;
  std::mutex pages_mutex_;     // who writes them, and protects them
  bool pages_missed_ = false;  // there were more than fit
  std::array<std::atomic<CommandProcessor*>, max_cards> processors_ = {};
};

}  // namespace doorbell::sim::amd
