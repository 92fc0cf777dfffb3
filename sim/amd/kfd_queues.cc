// KfdProcess: queues, doorbell pages, and what becomes of faults. Source: Linux amdkfd/kfd_chardev.c
// (set_queue_properties_from_user), kfd_queue.c (kfd_queue_acquire_buffers), kfd_process_queue_manager.c.
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "sim/amd/fault.h"
#include "sim/amd/kfd.h"
#include "sim/amd/raw.h"
#include "sim/amd/save_area.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace kfd = doorbell::amd::kfd;

namespace {

constexpr int unsupported_queue =
    -524;  // ENOTSUPP, which is the kernel's own and reaches clients all the same
constexpr uint32_t least_ring = 1024, most_queues = 127, most_queues_of_process = 1024;
constexpr uint32_t eop_bytes = 4096;
// Compute and SDMA doorbells lie apart (amdgpu_doorbell.h).
constexpr uint32_t first_sdma_slot = 256;

bool reachable(uint64_t user, uint64_t bytes) { return user >> 47 == 0 && (user + bytes) >> 47 == 0; }

}  // namespace

// The buffer that is mapped on the card at exactly this range: what belongs to a queue has a mapping of its
// own.
KfdProcess::Buffer* KfdProcess::queue_buffer(Device& on, uint64_t va, uint64_t bytes) {
  uint64_t start = va / page_bytes * page_bytes;
  for (auto& owner : devices_) {
    for (auto& [id, buffer] : owner->buffers) {
      if (!(buffer.mapped >> on.index & 1) || buffer.bytes != bytes) continue;
      if (buffer.va == start || (buffer.doubled() && buffer.va + buffer.bytes == start)) return &buffer;
    }
  }
  return nullptr;
}

void KfdProcess::use(Buffer& used, Queue& queue) {
  ++used.queues[queue.card];
  queue.buffers.push_back(used.handle);
}

CommandProcessor& KfdProcess::processor(Device& on) {
  if (!on.processor) {
    Hooks hooks;
    hooks.interrupt = [this](uint32_t context) { events_.interrupt(context); };
    hooks.fault = [this, &on](uint32_t queue, const Fault& what) { fault(on, queue, what); };
    hooks.crew = &crew_;
    hooks.arm = [this, &on] { return arm(on.index); };
    // Whoever holds the mutex may be waiting for the queue.
    hooks.find_lost = [this] {
      std::unique_lock lock(mutex_, std::try_to_lock);
      if (lock) find_lost_memory_now_and_then();
    };
    on.processor = std::make_unique<CommandProcessor>(*on.card.gpu, *on.vm, resources_.machine().strict(),
                                                      std::move(hooks));
    on.processor->set_trap_handler(on.trap_base, on.trap_memory);
    processors_[on.index] = on.processor.get();
  }
  return *on.processor;
}

int KfdProcess::create_queue(kfd::CreateQueue& args) {
  if ((args.queue_percentage & 0xff) > kfd::max_queue_percentage) return -EINVAL;
  if (args.queue_priority > kfd::max_queue_priority) return -EINVAL;
  if (args.ring_base_address != 0 && !reachable(args.ring_base_address, 8)) return -EFAULT;
  if (args.ring_size != 0 && !std::has_single_bit(args.ring_size)) return -EINVAL;
  args.ring_size = std::max(args.ring_size, least_ring);
  if (!reachable(args.read_pointer_address, 4) || !reachable(args.write_pointer_address, 4) ||
      !reachable(args.eop_buffer_address, 4) || !reachable(args.ctx_save_restore_address, 4)) {
    return -EFAULT;
  }
  if (args.queue_type > static_cast<uint32_t>(kfd::QueueType::sdma_by_engine)) return unsupported_queue;
  auto type = static_cast<kfd::QueueType>(args.queue_type);
  bool sdma = type != kfd::QueueType::pm4 && type != kfd::QueueType::aql;

  std::lock_guard lock(mutex_);
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  if (!bound(*on)) return -ESRCH;
  const Gpu& gpu = *on->card.gpu;
  if (type == kfd::QueueType::sdma_by_engine && args.sdma_engine_id >= gpu.sdma_engines) return -EINVAL;

  std::vector<Buffer*> used;
  auto hold = [&](uint64_t va, uint64_t bytes) {
    used.push_back(queue_buffer(*on, va, bytes));
    return used.back() != nullptr;
  };
  if (!hold(args.write_pointer_address, page_bytes)) return -EINVAL;
  if (!hold(args.read_pointer_address, page_bytes)) return -EINVAL;
  const size_t ring = used.size();
  if (!hold(args.ring_base_address, args.ring_size)) return -EINVAL;
  uint64_t save_bytes = 0;
  if (!sdma) {
    if (args.eop_buffer_address != 0) {
      if (args.eop_buffer_size != eop_bytes || !hold(args.eop_buffer_address, eop_bytes)) return -EINVAL;
    }
    SaveArea area = save_area(gpu);
    if (args.ctl_stack_size != area.ctl_stack_bytes || args.ctx_save_restore_size < area.save_bytes)
      return -EINVAL;
    uint64_t bytes = uint64_t{args.ctx_save_restore_size} + area.debug_bytes;
    bytes = (bytes + page_bytes - 1) / page_bytes * page_bytes;
    // Thunks from ROCm 5.5 on take it from the process's own memory, where the card has shared virtual
    // memory.
    if (Buffer* own = queue_buffer(*on, args.ctx_save_restore_address, bytes)) used.push_back(own);
    else if (svm_holds(args.ctx_save_restore_address, bytes, *on)) save_bytes = bytes;
    else return -EINVAL;
  }

  auto of_card =
      std::count_if(queues_.begin(), queues_.end(), [&](auto& row) { return row.second.card == on->index; });
  if (of_card >= most_queues) return -ENOSPC;
  if (sdma && on->sdma_queues >= uint32_t{gpu.sdma_engines} * gpu.sdma_queues_per_engine) return -ENOMEM;
  uint32_t id = 0, slot = sdma ? first_sdma_slot : 0;
  while (queues_.contains(id)) ++id;
  while (slot < on->slots.size() && on->slots[slot]) ++slot;
  if (id >= most_queues_of_process || slot == on->slots.size()) return -ENOMEM;

  QueueConfig config;
  config.type = static_cast<QueueType>(args.queue_type);
  config.ring = args.ring_base_address;
  config.ring_bytes = args.ring_size;
  config.read_pointer = args.read_pointer_address;
  config.write_pointer = args.write_pointer_address;
  config.eop_buffer = args.eop_buffer_address;
  config.eop_buffer_bytes = args.eop_buffer_size;
  config.save_area = args.ctx_save_restore_address;
  config.save_area_bytes = args.ctx_save_restore_size;
  config.ctl_stack_bytes = args.ctl_stack_size;
  config.percentage = evicted_ ? 0 : args.queue_percentage & 0xff;
  config.priority = args.queue_priority;
  config.doorbell = reinterpret_cast<volatile uint64_t*>(on->doorbells) + slot;
  Result<uint32_t> added = processor(*on).add_queue(config);
  if (!added) return -EINVAL;

  Queue& queue = queues_[id];
  queue = {on->index, *added, slot, sdma, {}, used[ring]->handle, 0, 0};
  for (Buffer* buffer : used) use(*buffer, queue);
  if (save_bytes != 0) {
    queue.save = args.ctx_save_restore_address;
    queue.save_bytes = save_bytes;
    svm_hold(queue, true);
  }
  on->slots[slot] = true;
  on->sdma_queues += sdma;
  args.queue_id = id;
  args.doorbell_offset = kfd_file::doorbells(on->index) + uint64_t{slot} * 8;
  return 0;
}

int KfdProcess::destroy_queue(kfd::QueueId& args) {
  std::lock_guard lock(mutex_);
  find_lost_memory();
  auto found = queues_.find(args.queue_id);
  if (found == queues_.end()) return -EINVAL;
  const Queue& queue = found->second;
  Device& on = *devices_[queue.card];
  on.processor->remove_queue(queue.processor_id);
  on.slots[queue.slot] = false;
  on.sdma_queues -= queue.sdma;
  if (on.gws_queue == args.queue_id) on.gws_queue.reset();
  for (uint64_t handle : queue.buffers) {
    if (Buffer* used = buffer(handle)) --used->queues[queue.card];
  }
  svm_hold(queue, false);
  queues_.erase(found);
  return 0;
}

int KfdProcess::update_queue(kfd::UpdateQueue& args) {
  if ((args.queue_percentage & 0xff) > kfd::max_queue_percentage) return -EINVAL;
  if (args.queue_priority > kfd::max_queue_priority) return -EINVAL;
  if (args.ring_base_address != 0 && !reachable(args.ring_base_address, 8)) return -EFAULT;
  if (args.ring_size != 0 && !std::has_single_bit(args.ring_size)) return -EINVAL;
  args.ring_size = std::max(args.ring_size, least_ring);
  std::lock_guard lock(mutex_);
  auto found = queues_.find(args.queue_id);
  if (found == queues_.end()) return -EFAULT;
  Queue& queue = found->second;
  Device& on = *devices_[queue.card];
  // [pqm_update_queue_properties] The queue holds its new ring, and the old one no more.
  if (args.ring_base_address != 0) {
    Buffer* ring = queue_buffer(on, args.ring_base_address, args.ring_size);
    if (!ring) return -EFAULT;
    if (Buffer* old = buffer(queue.ring)) --old->queues[queue.card];
    queue.buffers.erase(std::ranges::find(queue.buffers, queue.ring));
    queue.ring = ring->handle;
    use(*ring, queue);
  }
  QueueUpdate update{args.ring_base_address, args.ring_size, evicted_ ? 0 : args.queue_percentage & 0xff,
                     args.queue_priority};
  return on.processor->update_queue(queue.processor_id, update) ? 0 : -EINVAL;
}

// [kfd_svm.c, svm_range_unmap_from_cpu] Without its save area a queue cannot be taken off the hardware any
// more: before that is gone, all queues of the process are, and nothing ever puts them back.
void KfdProcess::evict_queues(uint64_t address) {
  fmt::print(stderr, "emulated kernel: Freeing queue vital buffer {:#x}, queue evicted\n", address);
  if (std::exchange(evicted_, true)) return;
  for (auto& [id, queue] : queues_) {
    Status stopped = devices_[queue.card]->processor->update_queue(queue.processor_id, {});
    DOORBELL_CHECK(stopped, "queue {} to be evicted: {}", id, stopped.error().message);
  }
  for (auto& on : devices_) smi_.evicted_for_svm(on->id());
}

int KfdProcess::set_cu_mask(kfd::SetCuMask& args) {
  if (args.num_cu_mask % 32 != 0 || args.num_cu_mask == 0) return -EINVAL;
  uint32_t bits = std::min(args.num_cu_mask, 1024u);
  std::vector<uint32_t> mask(bits / 32);
  if (!copy_from_user(mask.data(), args.cu_mask_ptr, mask.size() * 4)) return -EFAULT;
  std::lock_guard lock(mutex_);
  auto found = queues_.find(args.queue_id);
  if (found == queues_.end()) return -EFAULT;
  // A workgroup processor is on or off with both of its CUs.
  for (uint32_t word : mask) {
    if ((word ^ word >> 1) & 0x55555555) return -EINVAL;
  }
  const Queue& queue = found->second;
  return devices_[queue.card]->processor->set_cu_mask(queue.processor_id, mask.data(), bits) ? 0 : -EINVAL;
}

int KfdProcess::get_queue_wave_state(kfd::GetQueueWaveState& args) {
  std::lock_guard lock(mutex_);
  auto found = queues_.find(args.queue_id);
  if (found == queues_.end()) return -EFAULT;
  Result<QueueState> state = devices_[found->second.card]->processor->state(found->second.processor_id);
  // The waves of a queue lie in its save area once it is off the hardware, and only then.
  if (!state || found->second.sdma || !state->suspended) return -EINVAL;
  args.ctl_stack_used_size = args.save_area_used_size = 0;
  return 0;
}

// [kfd_process_queue_manager.c, pqm_set_gws] One queue of a process has all of it, or none. Where the
// firmware schedules queues (MES, from gfx11 on) that is a formality, which makes MES run the queue's waves
// with no other's beside them; counters it is given none [gfx_v11_0.c, gfx_v11_0_init_compute_vmid].
int KfdProcess::alloc_queue_gws(kfd::AllocQueueGws& args) {
  std::lock_guard lock(mutex_);
  auto found = queues_.find(args.queue_id);
  if (found == queues_.end()) return -EINVAL;
  Device& on = *devices_[found->second.card];
  const bool taken = on.gws_queue.has_value();
  if (args.num_gws != 0 && taken) return -EBUSY;
  if (args.num_gws == 0 && !taken) return -EINVAL;
  on.gws_queue = args.num_gws != 0 ? std::optional(args.queue_id) : std::nullopt;
  const GwsGrant given = on.card.gpu->target_version < 110000 ? GwsGrant::counters : GwsGrant::in_form;
  on.processor->give_gws(found->second.processor_id, args.num_gws != 0 ? given : GwsGrant::none);
  args.first_gws = 0;
  return 0;
}

// Called by a command processor's thread; takes no lock but the events'.
void KfdProcess::fault(Device& on, uint32_t, const Fault& what) {
  if (what.kind == FaultKind::memory) {
    kfd::MemoryException exception{};
    bool permission = what.check == Check::permission;
    exception.not_present = !permission;
    exception.read_only = permission && what.write;
    exception.no_execute = permission && !what.write;
    exception.va = what.address / page_bytes * page_bytes;
    exception.gpu_id = on.id();
    events_.memory_exception(exception);
    smi_.memory_fault(on.id());
  } else {
    events_.hardware_exception({kfd::reset_whole_gpu, kfd::cause_gpu_hang, 1, on.id()});
  }
}

void KfdProcess::doorbells_mapped(size_t card, void* address) {
  {
    std::lock_guard lock(pages_mutex_);
    auto free =
        std::find_if(pages_.begin(), pages_.end(), [](DoorbellPage& page) { return page.address == 0; });
    pages_missed_ |= free == pages_.end();
    if (free != pages_.end()) {
      free->card = static_cast<uint32_t>(card);
      free->address = reinterpret_cast<uintptr_t>(address);
    }
  }
  // A processor that fell asleep before there was a page to protect must see the stores to come.
  if (CommandProcessor* awake = processors_[card].load()) awake->wake();
}

// The GPU loses what the client has lost: ranges page by page, but buffers as a whole, for Linux maps none of
// their pages if it cannot have all (amdgpu_amdkfd_gpuvm.c, update_invalid_user_pages and
// validate_invalid_user_pages).
void KfdProcess::lose_memory(uintptr_t start, uintptr_t end, int protection) {
  // A range stays one whatever the protection of its pages.
  if (!(protection & (PROT_READ | PROT_WRITE | PROT_EXEC)))
    svm_unmap(start, end, protection == nothing_mapped);
  drm_.lose(start, end, protection);
  for (Buffer* buffer : user_buffers_) {
    auto host = reinterpret_cast<uintptr_t>(buffer->host);
    if (host >= end || start >= host + buffer->bytes) continue;
    int needed = PROT_READ | (buffer->flags & kfd::alloc::writable ? PROT_WRITE : 0);
    if ((protection & needed) == needed) continue;
    buffer->lost = true;
    for (auto& peer : devices_)
      if (buffer->mapped >> peer->index & 1) peer->vm->unmap(buffer->va, buffer->va_bytes());
  }
}

// Nobody hears of what the C library itself unmaps (free, realloc, the ends of threads).
void KfdProcess::find_lost_memory() {
  if (!uses_client_memory_) return;
  std::vector<std::pair<uintptr_t, uintptr_t>> lost;
  auto look = [&](uintptr_t start, uintptr_t end) {
    if (user_has(start, end - start)) return;
    for (uintptr_t at = start; at < end; at += page_bytes) {
      if (user_has(at, page_bytes)) continue;
      if (!lost.empty() && lost.back().second == at) lost.back().second += page_bytes;
      else lost.emplace_back(at, at + page_bytes);
    }
  };
  for (const auto& [start, range] : svm_)
    if (range.mapped != 0) look(start, range.end);
  for (const Buffer* buffer : user_buffers_)
    if (buffer->mapped != 0 && !buffer->lost)
      look(reinterpret_cast<uintptr_t>(buffer->host),
           reinterpret_cast<uintptr_t>(buffer->host) + buffer->bytes);
  drm_.each_userptr(true, look);
  std::vector<StandIn> stand_ins;
  {
    std::lock_guard lock(client_mutex_);
    stand_ins = stand_ins_;
  }
  for (const StandIn& one : stand_ins) lost.emplace_back(one.page, one.page + page_bytes);
  for (auto [start, end] : lost) {
    for (auto& on : devices_) on->vm->lose(reinterpret_cast<std::byte*>(start), end - start);
    drm_.forget_stores(reinterpret_cast<std::byte*>(start), end - start);
    lose_memory(start, end, nothing_mapped);
  }
  // No GPU comes there again. What the client has put in their place meanwhile is no longer in the list.
  std::lock_guard lock(client_mutex_);
  std::erase_if(stand_ins_, [&](const StandIn& one) {
    if (std::ranges::find(stand_ins, one.page, &StandIn::page) == stand_ins.end()) return false;
    auto* page = reinterpret_cast<void*>(one.page);
    if (one.content) {
      copy_to_user(one.page, one.content, page_bytes);
      raw::unmap(one.content, page_bytes);
    }
    if (one.protection == nothing_mapped) raw::unmap(page, page_bytes);
    else raw::protect(page, page_bytes, one.protection);
    return true;
  });
}

// A look costs a system call for each range: where there are thousands, they may take a tenth of the time.
// What is lost in between, an access finds.
void KfdProcess::find_lost_memory_now_and_then() {
  HostTime now = HostClock::now();
  {
    std::lock_guard lock(client_mutex_);
    if (now < next_look_ && stand_ins_.empty()) return;
  }
  find_lost_memory();
  HostTime end = HostClock::now();
  next_look_ = end + 9 * (end - now);
}

void KfdProcess::publish_client_memory() {
  std::vector<std::pair<uintptr_t, uintptr_t>> all;
  for (const auto& [start, range] : svm_)
    if (range.mapped != 0) all.emplace_back(start, range.end);
  for (const Buffer* buffer : user_buffers_) {
    auto host = reinterpret_cast<uintptr_t>(buffer->host);
    all.emplace_back(host, host + buffer->bytes);
  }
  drm_.each_userptr(false, [&](uintptr_t first, uintptr_t last) { all.emplace_back(first, last); });
  std::lock_guard lock(client_mutex_);
  client_memory_.swap(all);
}

bool KfdProcess::memory_fault(const void* address, bool write, bool beyond_file) noexcept {
  auto page = reinterpret_cast<uintptr_t>(address) / page_bytes * page_bytes;
  std::lock_guard lock(client_mutex_);
  if (std::ranges::none_of(client_memory_,
                           [&](const auto& range) { return page >= range.first && page < range.second; }))
    return false;
  // Behind the end of a file, which the client has cut short, nothing is lost by a page of zeroes for good.
  long placed =
      raw::call(SYS_mmap, static_cast<long>(page), page_bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | (beyond_file ? MAP_FIXED : MAP_FIXED_NOREPLACE), -1, 0);
  StandIn first{page, nothing_mapped, nullptr};
  auto known = std::ranges::find(stand_ins_, page, &StandIn::page);
  StandIn& stand_in = known == stand_ins_.end() ? first : *known;  // opened before for loads only
  auto* at = reinterpret_cast<std::byte*>(page);
  if (placed == -EEXIST) {
    if (can_pin() && pin_user(page, page_bytes, write) == 0) return true;  // the client has mapped it again
    std::byte any;
    if (known == stand_ins_.end()) first.protection = copy_from_user(&any, page, 1) ? PROT_READ : PROT_NONE;
    placed = raw::protect(at, page_bytes, write ? PROT_READ | PROT_WRITE : PROT_READ);
    if (placed == 0 && write) stand_in.content = raw::reserve(page_bytes);
    if (stand_in.content) std::memcpy(stand_in.content, at, page_bytes);
  }
  if (placed < 0 && placed > -4096) return false;
  lost_memory.at = static_cast<const std::byte*>(address);
  // The memory of the list is there already: the thread may hold the allocator's locks. What does not fit
  // stays.
  if (!beyond_file && known == stand_ins_.end() && stand_ins_.size() < stand_ins_.capacity())
    stand_ins_.push_back(first);
  return true;
}

// What a GPU had lost and can have again, it has again (update_invalid_user_pages).
void KfdProcess::mapped(const void* address, size_t bytes) {
  if (!uses_client_memory_) return;
  auto start = reinterpret_cast<uintptr_t>(address);
  std::lock_guard lock(mutex_);
  drm_.regain(start, start + bytes);
  for (Buffer* buffer : user_buffers_) {
    auto host = reinterpret_cast<uintptr_t>(buffer->host);
    if (!buffer->lost || host >= start + bytes || start >= host + buffer->bytes) continue;
    if (!user_has(host, buffer->bytes) || pin_user(host, buffer->bytes, buffer->flags & kfd::alloc::writable))
      continue;
    uint32_t wanted = std::exchange(buffer->mapped, 0);
    for (auto& peer : devices_)
      if (wanted >> peer->index & 1) map_on(*buffer, *peer);
    buffer->lost = false;
  }
}

void KfdProcess::unmapping(const void* address, size_t bytes, int protection) {
  auto start = reinterpret_cast<uintptr_t>(address);
  if (uses_client_memory_) {
    std::lock_guard lock(mutex_);
    lose_memory(start, start + bytes, protection);
    std::lock_guard client(client_mutex_);
    std::erase_if(stand_ins_,
                  [&](const StandIn& one) { return one.page >= start && one.page < start + bytes; });
  }
  if (protection & PROT_READ) return;
  // What arm() protects must not be somebody else's memory by then.
  std::lock_guard lock(pages_mutex_);
  for (DoorbellPage& page : pages_) {
    uintptr_t at = page.address.load();
    if (at != 0 && at < start + bytes && start < at + kfd_file::doorbell_bytes) page.address = 0;
  }
}

bool KfdProcess::arm(size_t card) {
  std::lock_guard lock(pages_mutex_);
  bool armed = !pages_missed_;
  bool any = false;
  for (DoorbellPage& page : pages_) {
    uintptr_t at = page.address.load();
    if (at == 0 || page.card != card) continue;
    any |= reinterpret_cast<std::byte*>(at) != devices_[card]->gpu_doorbells;
    armed &= raw::protect(reinterpret_cast<void*>(at), kfd_file::doorbell_bytes, PROT_READ) == 0;
  }
  return any && armed;
}

bool KfdProcess::doorbell_fault(const void* address) noexcept {
  auto fault = reinterpret_cast<uintptr_t>(address);
  for (DoorbellPage& page : pages_) {
    uintptr_t at = page.address.load();
    if (at == 0 || fault - at >= kfd_file::doorbell_bytes) continue;
    raw::protect(reinterpret_cast<void*>(at), kfd_file::doorbell_bytes, PROT_READ | PROT_WRITE);
    if (CommandProcessor* awake = processors_[page.card].load()) awake->wake();
    return true;
  }
  return false;
}

}  // namespace doorbell::sim::amd
