// KfdProcess: buffers, and which cards see them at which addresses. Source: Linux
// amdgpu/amdgpu_amdkfd_gpuvm.c, amdgpu_vm.c (amdgpu_vm_bo_map), amdkfd/kfd_chardev.c.
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sim/amd/kfd.h"
#include "sim/amd/raw.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace kfd = doorbell::amd::kfd;
namespace alloc = doorbell::amd::kfd::alloc;

namespace {

// Larger buffers keep the zeroes of their file: marking them as fresh would touch every page of what programs
// allocate to be safe and never use.
constexpr uint64_t largest_marked = 256ull << 20;

uint64_t align(uint64_t value) { return (value + page_bytes - 1) / page_bytes * page_bytes; }

constexpr uint32_t card_of(uint64_t handle) { return static_cast<uint32_t>(handle >> 32); }

Region region_of(uint64_t va, uint64_t bytes, std::byte* host, uint32_t flags, MemoryKind kind, bool fresh,
                 uint64_t handle) {
  Region region;
  region.va = va;
  region.bytes = bytes;
  region.host = host;
  region.access = access_read;
  if (flags & alloc::writable) region.access = region.access | access_write;
  if (flags & alloc::executable) region.access = region.access | access_execute;
  region.kind = kind;
  // amdgpu_amdkfd_gpuvm.c, get_pte_flags: from gfx10 on only coherence counts.
  bool uncached =
      flags & (alloc::coherent | alloc::uncached) || kind == MemoryKind::doorbell || kind == MemoryKind::mmio;
  region.mtype = uncached ? Mtype::uc : Mtype::nc;
  region.fresh = fresh;
  region.cookie = handle;
  return region;
}

}  // namespace

KfdProcess::Buffer* KfdProcess::buffer(uint64_t handle) {
  Device* on = device(card_of(handle));
  if (!on) return nullptr;
  auto found = on->buffers.find(static_cast<uint32_t>(handle));
  return found == on->buffers.end() ? nullptr : &found->second;
}

// Under the lowest free number, as Linux's idr_alloc() has it.
uint64_t KfdProcess::add(Device& on, Buffer& buffer) {
  while (on.buffers.contains(on.next_buffer)) ++on.next_buffer;
  buffer.handle = uint64_t{on.id()} << 32 | on.next_buffer;
  Buffer& added = on.buffers.emplace(on.next_buffer++, buffer).first->second;
  if (added.kind == MemoryKind::userptr) user_buffers_.push_back(&added);
  else if (added.has_block) by_block_.emplace(std::pair{added.block.card, added.block.offset}, &added);
  return buffer.handle;
}

void KfdProcess::remove(Buffer& buffer) {
  std::erase(user_buffers_, &buffer);
  auto [first, last] = by_block_.equal_range({buffer.block.card, buffer.block.offset});
  auto found = std::find_if(first, last, [&](const auto& row) { return row.second == &buffer; });
  if (found != last) by_block_.erase(found);
  Device& on = *devices_[buffer.card];
  auto number = static_cast<uint32_t>(buffer.handle);
  on.buffers.erase(number);
  on.next_buffer = std::min(on.next_buffer, number);
}

void KfdProcess::give_back(Buffer& buffer) {
  for (auto& on : devices_) {
    if (buffer.mapped >> on->index & 1) on->vm->unmap(buffer.va, buffer.va_bytes());
  }
  buffer.mapped = 0;
  if (buffer.host_is_ours) raw::unmap(buffer.host, buffer.bytes);
  if (buffer.has_block) resources_.release(buffer.block);
}

int KfdProcess::alloc_memory(kfd::AllocMemory& args) {
  if (args.size == 0) return -EINVAL;
  std::lock_guard lock(mutex_);
  dmabufs_.drop_closed();
  // Card memory without an address is not mapped yet.
  bool nowhere = args.va_addr == 0 && (args.flags & alloc::vram);
  if ((!nowhere && svm_overlaps(args.va_addr, args.size)) ||
      ((args.flags & alloc::userptr) && svm_overlaps(args.mmap_offset, args.size))) {
    return -EADDRINUSE;
  }
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  if (!bound(*on)) return -ENODEV;

  Buffer made;
  made.card = on->index;
  made.va = args.va_addr;
  made.flags = args.flags;
  uint64_t size = made.doubled() ? args.size >> 1 : args.size;
  if (size > uint64_t{1} << 47) return -ENOMEM;
  made.bytes = align(size);
  if (made.bytes == 0) return -EINVAL;
  auto card = static_cast<uint32_t>(on->index);
  uint64_t mmap_offset = 0;

  if (args.flags & alloc::doorbell) {
    if (args.size != kfd_file::doorbell_bytes) return -EINVAL;
  } else if (args.flags & alloc::mmio_remap) {
    if (args.size != page_bytes) return -EINVAL;
  }
  if (args.flags & (alloc::vram | alloc::gtt)) {
    bool vram = args.flags & alloc::vram;
    made.kind = vram ? MemoryKind::vram : MemoryKind::gtt;
    made.window = vram && args.flags & alloc::is_public;
    if (int error = resources_.allocate(card, vram ? Domain::vram : Domain::gtt, made.bytes, made.block))
      return error;
    made.has_block = true;
    mmap_offset = made.block.offset;
    made.host = raw::map(made.bytes, resources_.file(on->index), made.block.offset);
    made.host_is_ours = made.host != nullptr;
    if (!made.host) {
      resources_.release(made.block);
      return -ENOMEM;
    }
    if (made.bytes <= largest_marked) {
      fill_fresh({made.host, made.bytes});
      made.fresh = true;
    }
  } else if (args.flags & alloc::userptr) {
    if (args.mmap_offset == 0) return -EINVAL;
    uint64_t address = args.mmap_offset / page_bytes * page_bytes;
    if (address >> 47 || (address + made.bytes) >> 47) return -EFAULT;
    if (int error = resources_.allocate(card, Domain::pinned, made.bytes, made.block)) return error;
    made.has_block = true;
    if (int error = pin_user(address, made.bytes, args.flags & alloc::writable)) {
      resources_.release(made.block);
      return error;
    }
    made.kind = MemoryKind::userptr;
    uses_client_memory_ = true;
    made.host = reinterpret_cast<std::byte*>(address);
    mmap_offset = args.mmap_offset;
  } else if (args.flags & alloc::doorbell) {
    made.kind = MemoryKind::doorbell;
    made.host = on->gpu_doorbells;
    mmap_offset = kfd_file::doorbells(on->index);
  } else if (args.flags & alloc::mmio_remap) {
    made.kind = MemoryKind::mmio;
    made.host = raw::map(page_bytes, file_.get(), kfd_file::mmio(on->index));
    made.host_is_ours = made.host != nullptr;
    if (!made.host) return -ENOMEM;
    mmap_offset = kfd_file::mmio(on->index);
  } else {
    return -EINVAL;
  }

  args.handle = add(*on, made);
  args.mmap_offset = mmap_offset;
  if (made.kind == MemoryKind::userptr) {
    auto host = reinterpret_cast<uintptr_t>(made.host);
    std::lock_guard client(client_mutex_);
    client_memory_.emplace_back(host, host + made.bytes);
  }
  return 0;
}

int KfdProcess::free_memory(kfd::FreeMemory& args) {
  std::lock_guard lock(mutex_);
  if (has_event_page_ && args.handle == event_page_handle_) return -EPERM;
  Buffer* old = buffer(args.handle);
  if (!old) return -EINVAL;
  if (old->mapped != 0) return -EBUSY;
  give_back(*old);
  bool clients = old->kind == MemoryKind::userptr;
  remove(*old);
  if (clients) publish_client_memory();
  return 0;
}

int KfdProcess::map_on(Buffer& buffer, Device& on) {
  if (buffer.mapped >> on.index & 1) return 0;
  // amdgpu_vm_bo_map: whole pages below the hole in the middle of the address space, and no two mappings of a
  // page.
  uint64_t end = buffer.va + buffer.va_bytes();
  if (buffer.va % page_bytes != 0 || buffer.va == 0 || end <= buffer.va || end >> 47) return -EINVAL;
  for (uint64_t copy = 0; copy <= buffer.doubled(); ++copy) {
    Region region = region_of(buffer.va + copy * buffer.bytes, buffer.bytes, buffer.host, buffer.flags,
                              buffer.kind, buffer.fresh, buffer.handle);
    region.shared = buffer.shared;
    region.window = buffer.window;
    if (!on.vm->map(region)) {
      if (copy == 1) on.vm->unmap(buffer.va, buffer.bytes);
      return -EINVAL;
    }
  }
  buffer.mapped |= 1u << on.index;
  buffer.lost = false;
  return 0;
}

int KfdProcess::unmap_from(Buffer& buffer, Device& on) {
  if (!(buffer.mapped >> on.index & 1)) return -EINVAL;
  // Since 6.12 the ring, pointers and save area of a queue stay where they are as long as it lives.
  if (buffer.queues[on.index] != 0) return -EBUSY;  // [unmap_bo_from_gpuvm, queue_refcount]
  on.vm->unmap(buffer.va, buffer.va_bytes());
  buffer.mapped &= ~(1u << on.index);
  return 0;
}

int KfdProcess::read_devices(const kfd::MapMemory& args, std::vector<uint32_t>& ids) {
  if (args.n_devices == 0 || args.n_success > args.n_devices) return -EINVAL;
  // A kernel allocates the array before it looks into it; nobody has so many cards.
  if (args.n_devices > 1 << 16) return -ENOMEM;
  ids.resize(args.n_devices);
  return copy_from_user(ids.data(), args.device_ids_array_ptr, ids.size() * sizeof(uint32_t)) ? 0 : -EFAULT;
}

int KfdProcess::map_memory(kfd::MapMemory& args) {
  std::vector<uint32_t> ids;
  if (int error = read_devices(args, ids)) return error;
  std::lock_guard lock(mutex_);
  Device* owner = device(card_of(args.handle));
  if (!owner) return -EINVAL;
  if (!bound(*owner)) return -ENODEV;
  Buffer* mapped = buffer(args.handle);
  if (!mapped) return -ENOMEM;
  for (; args.n_success < args.n_devices; ++args.n_success) {
    Device* on = device(ids[args.n_success]);
    if (!on) return -EINVAL;
    if (!bound(*on)) return -ENODEV;
    if (int error = map_on(*mapped, *on)) return error;
  }
  return 0;
}

int KfdProcess::unmap_memory(kfd::MapMemory& args) {
  std::vector<uint32_t> ids;
  if (int error = read_devices(args, ids)) return error;
  std::lock_guard lock(mutex_);
  find_lost_memory();
  if (!device(card_of(args.handle))) return -EINVAL;
  Buffer* mapped = buffer(args.handle);
  if (!mapped) return -ENOMEM;
  for (; args.n_success < args.n_devices; ++args.n_success) {
    Device* on = device(ids[args.n_success]);
    if (!on) return -EINVAL;
    if (int error = unmap_from(*mapped, *on)) return error;
  }
  return 0;
}

int KfdProcess::check_map(size_t card, uint64_t offset, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  if (card >= devices_.size()) return -ENODEV;
  // drm_vma_offset_exact_lookup: a mapping starts where its buffer starts, and is not longer.
  if (auto found = by_block_.find({static_cast<uint32_t>(card), offset}); found != by_block_.end()) {
    Buffer& buffer = *found->second;
    if (align(bytes) > buffer.bytes) return -EINVAL;
    // Before the host's first look through it.
    if (buffer.kind == MemoryKind::vram && !std::exchange(buffer.window, true))
      for (auto& user : devices_)
        if (buffer.mapped >> user->index & 1) user->vm->open_window(buffer.host, buffer.bytes);
    return 0;
  }
  const int by_handle = drm_.check_map(card, offset, bytes);
  return by_handle == -ENOENT ? -EINVAL : by_handle;
}

int KfdProcess::check_map_kfd(uint64_t offset, uint64_t bytes, bool& doorbells, size_t& card) {
  for (card = 0; card < devices_.size(); ++card) {
    doorbells = offset == kfd_file::doorbells(card);
    if (doorbells) return align(bytes) == kfd_file::doorbell_bytes ? 0 : -EINVAL;
    if (offset == kfd_file::mmio(card)) return align(bytes) == page_bytes ? 0 : -EINVAL;
  }
  return -ENODEV;
}

}  // namespace doorbell::sim::amd
