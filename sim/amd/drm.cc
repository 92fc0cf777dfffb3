// Render nodes: the table of ioctls, DRM's own, amdgpu's INFO; files and what becomes of them.
#include "sim/amd/drm.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>

#include "codegen/isa/amd/inst.h"
#include "sim/amd/clock.h"
#include "sim/amd/crew.h"
#include "sim/amd/drm_ring.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace drm = doorbell::amd::drm;

namespace {

struct Node {
  Resources& resources;
  uint32_t index;
  const Card& card;
  const Gpu& gpu;
};

// As much of the text as there is room for, without a zero at its end; the length is that of the whole.
int copy_text(uint64_t to, uint64_t& room, std::string_view text) {
  size_t part = std::min<uint64_t>(room, text.size());
  room = text.size();
  return to == 0 || copy_to_user(to, text.data(), part) ? 0 : -EFAULT;
}

int version(Node&, drm::Version& args) {
  args.major = 3;
  args.minor = 59;  // Linux 6.12
  args.patchlevel = 0;
  if (int error = copy_text(args.name, args.name_length, "amdgpu")) return error;
  if (int error = copy_text(args.date, args.date_length, "20150101")) return error;
  return copy_text(args.description, args.description_length, "AMD GPU");
}

int get_cap(Node&, drm::Capability& args) {
  // drm.h: what a render node can say.
  constexpr uint64_t prime = 0x5, timestamp_monotonic = 0x6, syncobj = 0x13, syncobj_timeline = 0x14;
  switch (args.capability) {
    case prime: args.value = 3; return 0;
    case timestamp_monotonic: args.value = 1; return 0;
    case syncobj:
    case syncobj_timeline: args.value = 1; return 0;
    default: return -EINVAL;
  }
}

drm::InfoDevice device_info(const Node& node) {
  const Gpu& gpu = node.gpu;
  drm::InfoDevice info{};
  info.device_id = gpu.device_id;
  info.chip_revision = 1;
  info.external_revision = gpu.external_revision;
  info.pci_revision = gpu.revision;
  info.family = gpu.family;
  info.shader_engines = gpu.shader_engines;
  info.shader_arrays_per_engine = gpu.arrays_per_engine;
  info.gpu_counter_khz = clock_hz / 1000;
  info.max_engine_khz = gpu.engine_mhz * 1000;
  info.max_memory_khz = gpu.memory_mhz * 1000;
  info.cu_active_number = gpu.cus();
  // Engines from the fourth on are folded into the columns (amdgpu_gfx.h, "bitmap[4][4]").
  for (uint32_t engine = 0; engine < gpu.shader_engines; ++engine) {
    for (uint32_t array = 0; array < gpu.arrays_per_engine; ++array) {
      uint32_t column = array + engine / 4 * 2;
      if (column < 4) info.cu_bitmap[engine % 4][column] = (1u << gpu.cus_per_array) - 1;
    }
  }
  std::memcpy(info.cu_ao_bitmap, info.cu_bitmap, sizeof(info.cu_bitmap));
  info.rb_pipes = gpu.shader_engines * 4;
  info.enabled_rb_pipes_mask = static_cast<uint32_t>((uint64_t{1} << info.rb_pipes) - 1);
  info.hw_gfx_contexts = 8;
  info.pcie_gen = 4;
  info.pcie_lanes = 16;
  info.virtual_address_offset = va_reserved_bottom;
  info.virtual_address_max = uint64_t{1} << 47;
  info.high_va_offset = 0xffff800000000000;
  info.high_va_max = uint64_t{0} - va_reserved_top;
  info.virtual_address_alignment = info.gart_page_size = 4096;
  info.pte_fragment_size = 2 << 20;
  info.vram_type = gpu.vram_type;
  info.vram_bit_width = gpu.memory_bits;
  info.wave_front_size = 32;
  info.shader_visible_vgprs = gpu.vgprs_per_simd;
  info.cu_per_array = gpu.cus_per_array;
  info.tcc_blocks = 16;
  if (gpu.arch >= doorbell::amd::Arch::gfx1100) {
    auto kib = [&](uint8_t level, CacheInfo::Kind kind, bool per_cu) {
      for (const CacheInfo& cache : gpu.caches) {
        if (cache.level == level && cache.kind == kind && (cache.cus == 1) == per_cu) return cache.kib;
      }
      return 0u;
    };
    info.tcp_cache_kib = kib(1, CacheInfo::vector, true);
    info.sqcs_per_wgp = 1;
    info.sqc_data_cache_kib = kib(1, CacheInfo::scalar_data, false);
    info.sqc_inst_cache_kib = kib(1, CacheInfo::scalar_instruction, false);
    info.gl1c_cache_kib = kib(1, CacheInfo::shared, false);
    info.gl2c_cache_kib = kib(2, CacheInfo::shared, false);
    info.mall_bytes = uint64_t{kib(3, CacheInfo::shared, false)} << 10;
  }
  return info;
}

// The answer to a query, or -errno.
int info(Node& node, drm::Info& args) {
  if (args.return_size == 0 || args.return_pointer == 0) return -EINVAL;
  auto give = [&](const auto& value) {
    return copy_to_user(args.return_pointer, &value, std::min<size_t>(args.return_size, sizeof(value)))
               ? 0
               : -EFAULT;
  };
  const Gpu& gpu = node.gpu;
  uint64_t vram = node.card.vram_bytes, gtt = node.resources.machine().system_memory;
  auto used = [&](Domain domain) {
    return (domain == Domain::vram ? vram : gtt) - node.resources.available(node.index, domain);
  };
  auto packed = [](const uint8_t(&ip)[3]) { return uint32_t{ip[0]} << 16 | uint32_t{ip[1]} << 8 | ip[2]; };
  switch (static_cast<drm::Query>(args.query)) {
    case drm::Query::accel_working: return give(uint32_t{1});
    case drm::Query::hw_ip_info: {
      if (args.arguments[0] >= static_cast<uint32_t>(drm::HwIp::count)) return -EINVAL;
      drm::InfoHwIp ip{};
      auto type = static_cast<drm::HwIp>(args.arguments[0]);
      bool dma = type == drm::HwIp::dma;
      if (args.arguments[1] == 0 && (dma || type == drm::HwIp::gfx || type == drm::HwIp::compute)) {
        const auto& version = dma ? gpu.sdma_ip : gpu.gc_ip;
        ip = {version[0], version[1], 0, dma ? 256u : 32u, dma ? 4u : 32u, 0, packed(version)};
        // No more than a context has queues for (amdgpu_ctx_num_entities).
        ip.available_rings = dma ? (1u << std::min<uint32_t>(gpu.sdma_engines, 2)) - 1
                             : type == drm::HwIp::compute ? 15
                                                          : 1;
      }
      return give(ip);
    }
    case drm::Query::hw_ip_count: {
      if (args.arguments[0] >= static_cast<uint32_t>(drm::HwIp::count)) return -EINVAL;
      return give(uint32_t{args.arguments[0] <= static_cast<uint32_t>(drm::HwIp::dma)});
    }
    case drm::Query::timestamp: return give(gpu_ticks());
    case drm::Query::firmware_version:
      switch (static_cast<drm::Firmware>(args.arguments[0])) {
        case drm::Firmware::mec: return give(drm::InfoFirmware{gpu.mec_firmware, 0});
        case drm::Firmware::sdma:
          if (args.arguments[2] >= gpu.sdma_engines) return -EINVAL;
          return give(drm::InfoFirmware{gpu.sdma_firmware, 0});
        default: return args.arguments[0] <= 0x1c ? give(drm::InfoFirmware{}) : -EINVAL;
      }
    case drm::Query::vram_usage:
    case drm::Query::visible_vram_usage: return give(used(Domain::vram));
    case drm::Query::gtt_usage: return give(used(Domain::gtt));
    case drm::Query::gds_config: return give(drm::InfoGds{});
    case drm::Query::vram_gtt: return give(drm::InfoVramGtt{vram, vram, gtt});
    case drm::Query::read_mmr_register: {
      // Of the registers that the driver lets out, libdrm reads GB_ADDR_CONFIG; zeroes are as good as any for
      // the rest (soc15.c and nv.c, *_allowed_read_registers).
      constexpr uint32_t gb_addr_config = 0x263e;
      uint32_t count = args.arguments[1];
      if (count == 0 || count > 128) return -EINVAL;
      std::unique_ptr<uint32_t[]> values(new uint32_t[count]());
      if (args.arguments[0] == gb_addr_config) values[0] = 0x444;
      size_t bytes = std::min<size_t>(args.return_size, count * 4);
      return copy_to_user(args.return_pointer, values.get(), bytes) ? 0 : -EFAULT;
    }
    case drm::Query::device: return give(device_info(node));
    case drm::Query::memory: {
      uint64_t in_vram = used(Domain::vram);
      drm::InfoHeap heap{vram, vram, in_vram, vram / 4 * 3};
      return give(drm::InfoMemory{heap, heap, {gtt, gtt, used(Domain::gtt), gtt / 4 * 3}});
    }
    case drm::Query::bytes_moved:
    case drm::Query::evictions:
    case drm::Query::vram_cpu_page_faults: return give(uint64_t{0});
    case drm::Query::vram_lost_counter: return give(uint32_t{0});
    case drm::Query::ras_enabled_features: return give(uint64_t{0});
    case drm::Query::sensor: {
      // Clocks; there is nothing to be measured on a card that is not there.
      constexpr uint32_t engine_clock = 1, memory_clock = 2, stable_engine_clock = 8, stable_memory_clock = 9;
      switch (args.arguments[0]) {
        case engine_clock:
        case stable_engine_clock: return give(uint32_t{gpu.engine_mhz});
        case memory_clock:
        case stable_memory_clock: return give(uint32_t{gpu.memory_mhz});
        default: return -EINVAL;
      }
    }
  }
  return -EINVAL;
}

}  // namespace

// One row an ioctl; what takes a Node needs no file and can be answered to anyone.
struct DrmRows {
  struct Row {
    uint32_t request;
    int (*about)(Node&, void*);
    int (*handle)(Drm&, DrmFile&, Drm::Lock&, void*);
  };
  template <auto function, class Args>
  static constexpr Row row(const Ioctl<Args>& ioctl) {
    if constexpr (std::is_invocable_v<decltype(function), Node&, Args&>) {
      return {ioctl.request, [](Node& node, void* args) { return function(node, *static_cast<Args*>(args)); },
              nullptr};
    } else {
      return {ioctl.request, nullptr, [](Drm& drm, DrmFile& file, Drm::Lock& lock, void* args) {
                auto& in = *static_cast<Args*>(args);
                if constexpr (std::is_invocable_v<decltype(function), Drm&, DrmFile&, Args&>)
                  return (drm.*function)(file, in);
                else return (drm.*function)(file, lock, in);
              }};
    }
  }
  static const Row rows[];
};
// Primary nodes are render nodes here as well: what only a primary one answers (GET_UNIQUE, GET_CLIENT,
// GEM_FLINK, AMDGPU_SCHED, modes, masters) is refused [drm_ioctl.c, drm_ioctl_permit].
const DrmRows::Row DrmRows::rows[] = {
    row<version>(drm::version),
    row<get_cap>(drm::get_cap),
    row<info>(drm::info),
    row<&Drm::gem_close>(drm::gem_close),
    row<&Drm::gem_export>(drm::prime_handle_to_fd),
    row<&Drm::gem_import>(drm::prime_fd_to_handle),
    row<&Drm::gem_create>(drm::gem_create),
    row<&Drm::gem_mmap>(drm::gem_mmap),
    row<&Drm::context>(drm::context),
    row<&Drm::bo_list>(drm::bo_list),
    row<&Drm::submit>(drm::submit),
    row<&Drm::gem_metadata>(drm::gem_metadata),
    row<&Drm::gem_wait_idle>(drm::gem_wait_idle),
    row<&Drm::gem_va>(drm::gem_va),
    row<&Drm::wait_submission>(drm::wait_submission),
    row<&Drm::gem_op>(drm::gem_op),
    row<&Drm::gem_userptr>(drm::gem_userptr),
    row<&Drm::wait_fences>(drm::wait_fences),
    row<&Drm::vm_operation>(drm::vm_operation),
    row<&Drm::fence_to_handle>(drm::fence_to_handle),
    row<&Drm::syncobj_create>(drm::syncobj_create),
    row<&Drm::syncobj_destroy>(drm::syncobj_destroy),
    row<&Drm::syncobj_handle_to_fd>(drm::syncobj_handle_to_fd),
    row<&Drm::syncobj_fd_to_handle>(drm::syncobj_fd_to_handle),
    row<&Drm::syncobj_wait>(drm::syncobj_wait),
    row<&Drm::syncobj_reset>(drm::syncobj_reset),
    row<&Drm::syncobj_signal>(drm::syncobj_signal),
    row<&Drm::syncobj_timeline_wait>(drm::syncobj_timeline_wait),
    row<&Drm::syncobj_query>(drm::syncobj_query),
    row<&Drm::syncobj_transfer>(drm::syncobj_transfer),
    row<&Drm::syncobj_timeline_signal>(drm::syncobj_timeline_signal),
    row<&Drm::syncobj_eventfd>(drm::syncobj_eventfd),
};

int drm_ioctl(Resources& resources, Drm* own, size_t card, uint64_t file, uint32_t request,
              uint64_t argument) {
  constexpr uint32_t number = 0xff;
  const DrmRows::Row* found = nullptr;
  for (const DrmRows::Row& row : DrmRows::rows) {
    if ((row.request & number) == (request & number)) found = &row;
  }
  if (!found) {
    // amdgpu's own numbers are 0x40 to 0x5f; of the core's, and AMDGPU_SCHED, those that a render node does
    // not serve are EACCES.
    constexpr uint32_t sched = 0x55;
    bool amdgpus = (request & number) >= 0x40 && (request & number) < 0xa0 && (request & number) != sched;
    return amdgpus ? -EINVAL : -EACCES;
  }
  alignas(8) std::byte args[sizeof(drm::GemMetadata)] = {};
  uint32_t size = std::min<uint32_t>(request >> 16 & 0x3fff, sizeof(args));
  uint32_t direction = found->request >> 30;
  if ((direction & 1) && !copy_from_user(args, argument, size)) return -EFAULT;
  int returned = -EINVAL;
  if (found->about) {
    const Card& on = resources.machine().cards[card];
    Node node{resources, static_cast<uint32_t>(card), on, *on.gpu};
    returned = found->about(node, args);
  } else if (own) {
    returned = own->on_file(
        card, file, [&](DrmFile& of, Drm::Lock& lock) { return found->handle(*own, of, lock, args); });
  }
  if ((direction & 2) && !copy_to_user(argument, args, size)) returned = -EFAULT;
  return returned;
}

DrmFile::~DrmFile() {
  engines.clear();
  for (const auto& [va, mapping] : mappings)
    if (mapping.gem && mapping.gem->host) vm->unmap(va, mapping.bytes);
}

Drm::Drm(Resources& resources, Dmabufs& dmabufs, Around around)
    : resources_(resources), dmabufs_(dmabufs), around_(std::move(around)) {
  for (size_t index = 0; index < resources.machine().cards.size(); ++index) {
    const Gpu& gpu = *resources.machine().cards[index].gpu;
    OnCard& card = cards_.emplace_back();
    // amdgpu's own: one graphics ring, eight of compute (amdgpu_num_kcq), one for each SDMA engine.
    for (auto [ip, count] : {std::pair(drm::HwIp::gfx, uint32_t{1}), std::pair(drm::HwIp::compute, 8u),
                             std::pair(drm::HwIp::dma, uint32_t{gpu.sdma_engines})}) {
      // A card that only computes has no graphics ring.
      if (ip == drm::HwIp::gfx && gpu.target_version / 10000 == 9) continue;
      auto& rings = card.rings[static_cast<size_t>(ip)];
      for (uint32_t i = 0; i < count; ++i) rings.push_back(std::make_unique<Ring>(*this, index, ip, i));
    }
  }
}

Drm::~Drm() {
  {
    Lock lock(mutex_);
    quit_ = true;
    for (OnCard& card : cards_)
      for (auto& rings : card.rings)
        for (auto& ring : rings) ring->end(Ring::Verdict::closed);
    watched_.notify_all();
    changed_.notify_all();
  }
  if (watcher_.joinable()) watcher_.join();
  for (OnCard& card : cards_)
    for (auto& rings : card.rings)
      for (auto& ring : rings) ring->join();
  // Contexts know their rings, and jobs their contexts.
  for (auto& [id, file] : files_) {
    for (const auto& [number, context] : file->contexts) drop_jobs(*file, *context);
    file->contexts.clear();
  }
  files_.clear();
}

// A file is known from its first call on.
std::shared_ptr<DrmFile> Drm::file(size_t card, uint64_t id) {
  std::shared_ptr<DrmFile>& file = files_[id];
  if (file) return file;
  const Machine& machine = resources_.machine();
  file = std::make_shared<DrmFile>();
  file->id = id;
  file->card = card;
  file->vm = std::make_shared<Vm>();
  file->vm->hold_host_stores(machine.strict().on(Check::missing_release));
  Hooks hooks;
  hooks.crew = around_.crew;
  hooks.find_lost = around_.find_lost;
  file->commons =
      std::make_unique<Commons>(*machine.cards[card].gpu, *file->vm, machine.strict(), std::move(hooks));
  file->vm->set_report([commons = file->commons.get()](const Fault& lint) { commons->report(lint); });
  return file;
}

std::shared_ptr<Vm> Drm::acquire(size_t card, uint64_t id) {
  Lock lock(mutex_);
  std::shared_ptr<DrmFile> of = file(card, id);
  of->kept = true;
  return of->vm;
}

void Drm::close(uint64_t id) {
  Lock lock(mutex_);
  auto found = files_.find(id);
  if (found == files_.end() || found->second->kept || found->second->closed) return;
  std::shared_ptr<DrmFile> file = found->second;
  file->closed = true;
  for (const auto& [number, context] : file->contexts) end_context(lock, *file, *context);
  // What runs has a second more; on silicon it would go on with memory that nobody else has.
  auto finished = [&] { return quit_ || file->unfinished == 0; };
  if (!wait(lock, from_now(std::chrono::seconds(1)), finished)) {
    for (auto& rings : cards_[file->card].rings)
      for (auto& ring : rings)
        if (ring->running() && ring->running()->file == file.get()) ring->end(Ring::Verdict::closed);
    wait(lock, from_now(std::chrono::hours(1)), finished);
  }
  file->contexts.clear();
  file->vm->set_report(nullptr);
  files_.erase(id);
  bool clients =
      std::ranges::any_of(file->gems, [](const auto& entry) { return entry.second->is_userptr(); });
  file.reset();
  lock.unlock();
  if (clients && !quit_) around_.client_memory();
}

void Drm::drain(Lock& lock, DrmFile& file) {
  // A job that waits for its client's next step ends with the ring's timeout, and so does this.
  std::vector<FencePtr> fences = file.reservation->fences;
  wait(lock, from_now(std::chrono::hours(24)), [&] {
    std::erase_if(fences, [](const FencePtr& fence) { return is_signalled(*fence); });
    return quit_ || fences.empty();
  });
}

// amdgpu_device_get_job_timeout_settings.
std::chrono::nanoseconds Drm::lockup_timeout(drm::HwIp ip) const {
  using std::chrono::milliseconds;
  if (uint32_t own = resources_.machine().lockup_ms; own != 0) return milliseconds(own);
  return milliseconds(ip == drm::HwIp::compute ? 60'000 : 10'000);
}

void Drm::begin_watching() {
  if (!watcher_.joinable()) watcher_ = start_thread("gpu lockup", [this] { watch(); });
}

void Drm::watch() {
  Lock lock(mutex_);
  while (!quit_) {
    watched_until_ = HostTime::max();
    const HostTime now = HostClock::now();
    for (OnCard& card : cards_) {
      for (auto& rings : card.rings) {
        for (auto& ring : rings) {
          if (ring->deadline() <= now) ring->end(Ring::Verdict::late);
          else watched_until_ = std::min(watched_until_, ring->deadline());
        }
      }
    }
    if (watched_until_ == HostTime::max()) watched_.wait(lock);
    else watched_.wait_until(lock, watched_until_);
  }
}

// amdgpu_device_gpu_recover, by a reset that loses what is in VRAM (mode 1).
void Drm::reset(size_t index, Ring& culprit) {
  OnCard& card = cards_[index];
  ++card.resets;
  ++card.generation;
  for (auto& rings : card.rings)
    for (auto& ring : rings)
      if (ring.get() != &culprit) ring->end(Ring::Verdict::reset);
}

}  // namespace doorbell::sim::amd
