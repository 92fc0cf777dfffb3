// KfdProcess: the table of ioctls, and those that are neither about memory nor about queues.
#include "sim/amd/kfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "sim/amd/clock.h"
#include "sim/amd/raw.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace kfd = doorbell::amd::kfd;

namespace {

constexpr uint32_t direction_reads = 1, direction_writes = 2;  // of the kernel: _IOC_WRITE, _IOC_READ
constexpr uint32_t request_number(uint32_t request) { return request & 0xff; }
constexpr uint32_t request_size(uint32_t request) { return request >> 16 & 0x3fff; }
constexpr uint32_t request_direction(uint32_t request) { return request >> 30; }

uint64_t nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

struct KfdProcess::Row {
  const char* name;
  uint32_t request;
  int (*handle)(KfdProcess&, void*);
};

template <auto method, class Args>
constexpr KfdProcess::Row KfdProcess::row(const Ioctl<Args>& ioctl) {
  return {ioctl.name, ioctl.request,
          [](KfdProcess& process, void* args) { return (process.*method)(*static_cast<Args*>(args)); }};
}

// clang-format off
const KfdProcess::Row KfdProcess::rows[] = {
  row<&KfdProcess::get_version>(kfd::get_version),
  row<&KfdProcess::create_queue>(kfd::create_queue),
  row<&KfdProcess::destroy_queue>(kfd::destroy_queue),
  row<&KfdProcess::set_memory_policy>(kfd::set_memory_policy),
  row<&KfdProcess::get_clock_counters>(kfd::get_clock_counters),
  row<&KfdProcess::get_apertures>(kfd::get_apertures),
  row<&KfdProcess::update_queue>(kfd::update_queue),
  row<&KfdProcess::create_event>(kfd::create_event),
  row<&KfdProcess::destroy_event>(kfd::destroy_event),
  row<&KfdProcess::set_event>(kfd::set_event),
  row<&KfdProcess::reset_event>(kfd::reset_event),
  row<&KfdProcess::wait_events>(kfd::wait_events),
  // The debugger of before KFD 1.13 was taken out of Linux and answers so since.
  row<&KfdProcess::not_permitted<kfd::DebugGpu>>(kfd::debug_register),
  row<&KfdProcess::not_permitted<kfd::DebugGpu>>(kfd::debug_unregister),
  row<&KfdProcess::not_permitted<kfd::DebugContent>>(kfd::debug_address_watch),
  row<&KfdProcess::not_permitted<kfd::DebugContent>>(kfd::debug_wave_control),
  row<&KfdProcess::set_scratch_backing_va>(kfd::set_scratch_backing_va),
  row<&KfdProcess::get_tile_config>(kfd::get_tile_config),
  row<&KfdProcess::set_trap_handler>(kfd::set_trap_handler),
  row<&KfdProcess::get_apertures_new>(kfd::get_apertures_new),
  row<&KfdProcess::acquire_vm>(kfd::acquire_vm),
  row<&KfdProcess::alloc_memory>(kfd::alloc_memory),
  row<&KfdProcess::free_memory>(kfd::free_memory),
  row<&KfdProcess::map_memory>(kfd::map_memory),
  row<&KfdProcess::unmap_memory>(kfd::unmap_memory),
  row<&KfdProcess::set_cu_mask>(kfd::set_cu_mask),
  row<&KfdProcess::get_queue_wave_state>(kfd::get_queue_wave_state),
  row<&KfdProcess::alloc_queue_gws>(kfd::alloc_queue_gws),
  row<&KfdProcess::get_dmabuf_info>(kfd::get_dmabuf_info),
  row<&KfdProcess::import_dmabuf>(kfd::import_dmabuf),
  row<&KfdProcess::smi_events>(kfd::smi_events),
  row<&KfdProcess::svm>(kfd::svm),
  row<&KfdProcess::set_xnack_mode>(kfd::set_xnack_mode),
  row<&KfdProcess::criu>(kfd::criu),
  row<&KfdProcess::available_memory>(kfd::available_memory),
  row<&KfdProcess::export_dmabuf>(kfd::export_dmabuf),
  row<&KfdProcess::runtime_enable>(kfd::runtime_enable_ioctl),
  row<&KfdProcess::debug_trap>(kfd::debug_trap),
  row<&KfdProcess::ipc_import>(kfd::ipc_import_handle),
  row<&KfdProcess::ipc_export>(kfd::ipc_export_handle),
};
// clang-format on

const KfdProcess::Row* KfdProcess::find_row(uint32_t number) {
  for (const Row& row : rows) {
    if (request_number(row.request) == number) return &row;
  }
  return nullptr;
}

Result<std::unique_ptr<KfdProcess>> KfdProcess::make(Resources& resources) {
  std::unique_ptr<KfdProcess> process(new KfdProcess(resources));
  process->file_ = Fd(memfd_create("doorbell-kfd", MFD_CLOEXEC));
  if (!process->file_ || ftruncate(process->file_.get(), static_cast<off_t>(kfd_file::bytes)) != 0) {
    return error("cannot create the memory of an emulated /dev/kfd: {}", std::strerror(errno));
  }
  process->stand_ins_.reserve(256);
  const Machine& machine = resources.machine();
  for (size_t card = 0; card < machine.cards.size(); ++card) {
    auto device = std::make_unique<Device>();
    device->index = card;
    device->card = machine.cards[card];
    device->vm = std::make_shared<Vm>();
    device->doorbells = raw::map(kfd_file::doorbell_bytes, process->file_.get(), kfd_file::doorbells(card));
    device->gpu_doorbells =
        raw::map(kfd_file::doorbell_bytes, process->file_.get(), kfd_file::doorbells(card));
    if (!device->doorbells || !device->gpu_doorbells)
      return error("cannot map emulated doorbells: {}", std::strerror(errno));
    process->doorbells_mapped(card, device->gpu_doorbells);
    process->devices_.push_back(std::move(device));
  }
  if (!machine.trace.empty()) {
    process->trace_ = raw::open(machine.trace.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  }
  return process;
}

Drm::Around KfdProcess::around() {
  Drm::Around around;
  around.client_memory = [this] {
    std::lock_guard lock(mutex_);
    uses_client_memory_ = true;
    publish_client_memory();
  };
  // As for KFD's queues (processor()).
  around.find_lost = [this] {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock) find_lost_memory_now_and_then();
  };
  around.crew = &crew_;
  return around;
}

KfdProcess::~KfdProcess() {
  {
    std::lock_guard lock(mutex_);  // queues may still look for the same
    find_lost_memory();
  }
  // First whatever is at work: it may use memory of any card, and the events' page.
  for (auto& device : devices_) {
    processors_[device->index] = nullptr;
    device->processor.reset();
  }
  for (auto& device : devices_) {
    for (auto& [id, buffer] : device->buffers) give_back(buffer);
    raw::unmap(device->doorbells, kfd_file::doorbell_bytes);
    raw::unmap(device->gpu_doorbells, kfd_file::doorbell_bytes);
  }
  if (trace_ >= 0) raw::close(trace_);
}

int KfdProcess::ioctl(uint32_t request, uint64_t argument) {
  // The number alone decides, whatever letter and size the request has.
  const Row* row = find_row(request_number(request));
  if (!row) return -ENOTTY;
  // The caller's struct may be shorter or longer than ours: what it lacks is 0, what it has more stays.
  uint32_t user_size = request_size(request);
  alignas(8) std::byte small[512];
  std::unique_ptr<std::byte[]> large;
  std::byte* args = small;
  uint32_t size = std::max(user_size, request_size(row->request));
  if (size > sizeof(small)) {
    large = std::make_unique<std::byte[]>(size);
    args = large.get();
  }
  std::memset(args, 0, size);
  // Attributes of any number follow this struct and no other.
  if (row->request == kfd::svm.request && user_size < sizeof(kfd::Svm)) return -EINVAL;
  uint32_t direction = request_direction(row->request);
  if ((direction & direction_reads) && !copy_from_user(args, argument, user_size)) return -EFAULT;
  if (row->request == kfd::svm.request) {
    auto* svm = reinterpret_cast<kfd::Svm*>(args);
    if (svm->nattr > (user_size - sizeof(kfd::Svm)) / sizeof(kfd::SvmAttribute)) return -EINVAL;
  }
  int returned = row->handle(*this, args);
  if ((direction & direction_writes) && !copy_to_user(argument, args, user_size)) returned = -EFAULT;
  if (trace_ >= 0) {
    std::string line = fmt::format("{} {} {}", getpid(), row->name, returned);
    for (uint32_t at = 0; at + 4 <= size; at += 4) {
      uint32_t word;
      std::memcpy(&word, args + at, 4);
      line += fmt::format(" {:x}", word);
    }
    line += '\n';
    raw::write(trace_, line.data(), line.size());
  }
  return returned;
}

KfdProcess::Device* KfdProcess::device(uint32_t id) {
  for (auto& device : devices_) {
    if (device->id() == id) return device.get();
  }
  return nullptr;
}

int KfdProcess::get_version(kfd::GetVersion& args) {
  args = {kfd::version_major, kfd::version_minor};
  return 0;
}

int KfdProcess::set_memory_policy(kfd::SetMemoryPolicy& args) {
  if (args.default_policy > kfd::cache_noncoherent || args.alternate_policy > kfd::cache_noncoherent) {
    return -EINVAL;
  }
  std::lock_guard lock(mutex_);
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  return bound(*on) ? 0 : -ESRCH;
}

int KfdProcess::get_clock_counters(kfd::GetClockCounters& args) {
  // The kernel has no clock for nodes without a GPU and answers all the same.
  args.gpu_clock_counter = device(args.gpu_id) ? gpu_ticks() : 0;
  args.cpu_clock_counter = nanoseconds(CLOCK_MONOTONIC_RAW);
  args.system_clock_counter = nanoseconds(CLOCK_BOOTTIME);
  args.system_clock_freq = 1'000'000'000;
  return 0;
}

// kfd_flat_memory.c, kfd_init_apertures_v9: the apertures of LDS and scratch lie above what pointers of the
// CPU can reach, and a GPU address equals the CPU address below.
kfd::Apertures KfdProcess::apertures(const Device& device) const {
  constexpr uint64_t lds = shared_aperture, scratch = private_aperture, size = 0xffffffff;
  constexpr uint64_t first = 0x4000, last = (uint64_t{1} << 47) - 1;
  return {lds, lds | size, scratch, scratch | size, first, last, device.id(), 0};
}

int KfdProcess::get_apertures(kfd::GetApertures& args) {
  args.num_of_nodes = 0;
  for (const auto& on : devices_) {
    if (args.num_of_nodes < std::size(args.apertures)) args.apertures[args.num_of_nodes++] = apertures(*on);
  }
  return 0;
}

int KfdProcess::get_apertures_new(kfd::GetAperturesNew& args) {
  if (args.num_of_nodes == 0) {
    args.num_of_nodes = static_cast<uint32_t>(devices_.size());
    return 0;
  }
  // The kernel counts nodes here, the CPU's too.
  if (args.num_of_nodes > devices_.size() + 1) return -EINVAL;
  std::vector<kfd::Apertures> all;
  for (const auto& on : devices_) {
    if (all.size() < args.num_of_nodes) all.push_back(apertures(*on));
  }
  args.num_of_nodes = static_cast<uint32_t>(all.size());
  return copy_to_user(args.apertures_ptr, all.data(), all.size() * sizeof(kfd::Apertures)) ? 0 : -EFAULT;
}

int KfdProcess::acquire_vm(kfd::AcquireVm& args) {
  size_t card = 0;
  uint64_t file = 0;
  bool render = render_node_ && render_node_(render_owner_, static_cast<int>(args.drm_fd), card, file);
  std::lock_guard lock(mutex_);
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  if (bound(*on)) return render && on->render_file == file ? 0 : -EBUSY;
  if (!render || card != on->index) return -EINVAL;
  on->render_file = file;
  on->vm = drm_.acquire(card, file);
  return 0;
}

int KfdProcess::create_event(kfd::CreateEvent& args) {
  if (args.event_page_offset != 0) {
    std::lock_guard lock(mutex_);
    if (has_event_page_) return -EINVAL;
    Device* on = device(static_cast<uint32_t>(args.event_page_offset >> 32));
    if (!on) return -EINVAL;
    if (!bound(*on)) return -ENODEV;
    Buffer* page = buffer(args.event_page_offset);
    if (!page) return -EINVAL;
    if (page->kind != MemoryKind::gtt || page->bytes < kfd::signal_event_limit * 8) return -EINVAL;
    if (int error = events_.set_page(reinterpret_cast<uint64_t*>(page->host), page->bytes)) return error;
    has_event_page_ = true;
    resources_.keep(page->block);
    event_page_handle_ = args.event_page_offset;
  }
  auto type = static_cast<kfd::EventType>(args.event_type);
  uint32_t id = 0;
  args.event_page_offset = 0;
  if (int error = events_.create(type, args.auto_reset != 0, id)) return error;
  if (type == kfd::EventType::signal || type == kfd::EventType::debug) {
    // KFD_MMAP_TYPE_EVENTS: not zero, which clients take for "there is no mailbox".
    args.event_page_offset = uint64_t{2} << 62;
    args.event_slot_index = id;
  }
  args.event_id = args.event_trigger_data = id;
  return 0;
}

int KfdProcess::destroy_event(kfd::EventId& args) { return events_.destroy(args.event_id); }
int KfdProcess::set_event(kfd::EventId& args) { return events_.set(args.event_id); }
int KfdProcess::reset_event(kfd::EventId& args) { return events_.reset(args.event_id); }

int KfdProcess::wait_events(kfd::WaitEvents& args) {
  // What is waited for may hang on work that a sleeping GPU has not looked at.
  for (auto& processor : processors_) {
    if (CommandProcessor* awake = processor.load()) awake->wake();
  }
  // The kernel's allocation fails for such a number; nobody has so many events.
  if (args.num_events > 1 << 20) return -ENOMEM;
  std::vector<kfd::EventData> events(args.num_events);
  args.wait_result = kfd::wait_fail;
  if (!copy_from_user(events.data(), args.events_ptr, events.size() * sizeof(kfd::EventData))) return -EFAULT;
  std::vector<kfd::EventData> before = events;
  if (int error = events_.wait(events, args.wait_for_all != 0, args.timeout, args.wait_result)) return error;
  for (size_t i = 0; i < events.size(); ++i) {
    // Only what changed goes back: another thread may be waiting with the same array.
    if (std::memcmp(&events[i], &before[i], sizeof(kfd::EventData)) == 0) continue;
    uint64_t at = args.events_ptr + i * sizeof(kfd::EventData);
    if (!copy_to_user(at, &events[i], sizeof(kfd::MemoryException))) return -EFAULT;
  }
  return 0;
}

int KfdProcess::set_scratch_backing_va(kfd::SetScratchBackingVa& args) {
  std::lock_guard lock(mutex_);
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  if (!bound(*on)) return -ENODEV;
  on->scratch_backing = args.va_addr;
  return 0;
}

int KfdProcess::get_tile_config(kfd::GetTileConfig& args) {
  if (!device(args.gpu_id)) return -EINVAL;
  // GB_ADDR_CONFIG of Navi 21; there are no tile modes in a table since gfx9.
  args.gb_addr_config = 0x444;
  args.num_banks = args.num_ranks = 0;
  args.num_tile_configs = args.num_macro_tile_configs = 0;
  return 0;
}

int KfdProcess::set_trap_handler(kfd::SetTrapHandler& args) {
  std::lock_guard lock(mutex_);
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  if (!bound(*on)) return -ESRCH;
  on->trap_base = args.tba_addr;
  on->trap_memory = args.tma_addr;
  if (on->processor) on->processor->set_trap_handler(on->trap_base, on->trap_memory);
  return 0;
}

int KfdProcess::set_xnack_mode(kfd::SetXnackMode& args) {
  std::lock_guard lock(mutex_);
  if (args.xnack_enabled < 0) {
    args.xnack_enabled = 0;
    return 0;
  }
  if (!queues_.empty()) return -EBUSY;
  // None of these GPUs can retry a faulting access.
  return args.xnack_enabled ? -EPERM : 0;
}

int KfdProcess::available_memory(kfd::AvailableMemory& args) {
  std::lock_guard lock(mutex_);
  dmabufs_.drop_closed();
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  constexpr uint64_t alignment = 2 << 20;  // VRAM_AVAILABILITY_ALIGN
  args.available =
      resources_.available(static_cast<uint32_t>(on->index), Domain::vram) / alignment * alignment;
  return 0;
}

int KfdProcess::criu(kfd::Criu&) { return -EACCES; }  // what a process without CAP_CHECKPOINT_RESTORE is told

// kfd_ioctl_set_debug_trap: only a client of this device can be debugged, by who traces it, and is not here.
int KfdProcess::debug_trap(kfd::DebugTrap& args) {
  constexpr uint32_t enable = 0;
  if (static_cast<pid_t>(args.pid) != getpid()) return -ESRCH;
  return args.op == enable ? -EPERM : -EINVAL;
}

int KfdProcess::runtime_enable(kfd::RuntimeEnable& args) {
  std::lock_guard lock(mutex_);
  bool enable = args.mode_mask & kfd::runtime_enable;
  if (enable && runtime_enabled_) return -EBUSY;
  if (enable && !queues_.empty()) return -EEXIST;
  runtime_enabled_ = enable;
  return 0;
}

}  // namespace doorbell::sim::amd
