// KfdProcess: buffers by way of the render node. ROCr maps memory at addresses of the client's choice this
// way (hipMemMap): KFD allocates it without an address and exports it, libdrm imports it and maps it in the
// address space that KFD has taken over. What is shared goes to memory at once (KfdProcess::share). Source:
// Linux 6.12, drm_prime.c, drm_gem.c, amdgpu/amdgpu_gem.c, amdgpu/amdgpu_vm.c.
#include <algorithm>
#include <cerrno>

#include "sim/amd/kfd.h"
#include "sim/amd/raw.h"

namespace doorbell::sim::amd {

namespace drm = doorbell::amd::drm;
using drm::VaOperation;

namespace {

constexpr uint64_t reserved_bottom = 1 << 16;  // amdgpu_vm.h, AMDGPU_VA_RESERVED_BOTTOM
constexpr uint64_t hole_start = uint64_t{1} << 47;

constexpr bool on_pages(uint64_t x) { return x % page_bytes == 0; }

}  // namespace

KfdProcess::Device* KfdProcess::gem_device(size_t card, uint64_t file) {
  Device* on = card < devices_.size() ? devices_[card].get() : nullptr;
  return on && bound(*on) && on->render_file == file ? on : nullptr;
}

int KfdProcess::gem_import(size_t card, uint64_t file, drm::PrimeHandle& args) {
  ShareKey key;
  if (int error = read_dmabuf(args.fd, key)) return error;
  std::lock_guard lock(mutex_);
  Device* on = gem_device(card, file);
  if (!on) return -EINVAL;
  Block block;
  uint32_t tag = 0;
  if (int error = resources_.open(key, block, tag)) return error == -ENOENT ? -EINVAL : error;
  // drm_gem_prime_fd_to_handle: a file has one handle for a buffer.
  for (const auto& [handle, gem] : on->gems) {
    if (gem.block.card != block.card || gem.block.offset != block.offset) continue;
    resources_.release(block);
    args.handle = handle;
    return 0;
  }
  Gem made{block, raw::map(block.bytes, resources_.file(block.card), block.offset)};
  if (!made.host) {
    resources_.release(block);
    return -ENOMEM;
  }
  uint32_t handle = 1;
  while (on->gems.contains(handle)) ++handle;
  on->gems.emplace(handle, made);
  args.handle = handle;
  return 0;
}

int KfdProcess::gem_export(size_t card, uint64_t file, drm::PrimeHandle& args) {
  std::lock_guard lock(mutex_);
  Device* on = gem_device(card, file);
  if (!on) return -EINVAL;
  auto gem = on->gems.find(args.handle);
  if (gem == on->gems.end()) return -ENOENT;
  ShareKey key;
  if (int error = resources_.share(gem->second.block, 0, key)) return error;
  int fd = make_dmabuf(key, gem->second.block.bytes, args.flags);
  if (fd < 0) return fd;
  args.fd = fd;
  return 0;
}

int KfdProcess::gem_mmap(size_t card, uint64_t file, drm::GemMmap& args) {
  std::lock_guard lock(mutex_);
  Device* on = gem_device(card, file);
  if (!on) return -EINVAL;
  auto gem = on->gems.find(static_cast<uint32_t>(args.handle_or_offset));
  if (gem == on->gems.end()) return -ENOENT;
  args.handle_or_offset = gem->second.block.offset;
  return 0;
}

// amdgpu_vm_bo_clear_mappings: what sticks out stays.
void KfdProcess::gem_clear(Device& on, uint64_t start, uint64_t end) {
  auto at = on.gem_mappings.upper_bound(start);
  if (at != on.gem_mappings.begin()) --at;
  while (at != on.gem_mappings.end() && at->first < end) {
    const auto [va, mapping] = *at;
    if (va + mapping.bytes <= start) {
      ++at;
      continue;
    }
    const uint64_t first = std::max(va, start), last = std::min(va + mapping.bytes, end);
    on.vm.unmap(first, last - first);
    at = on.gem_mappings.erase(at);
    if (va < first) on.gem_mappings[va] = {first - va, mapping.handle};
    if (last < va + mapping.bytes) on.gem_mappings[last] = {va + mapping.bytes - last, mapping.handle};
  }
}

int KfdProcess::gem_va(size_t card, uint64_t file, drm::GemVa& args) {
  std::lock_guard lock(mutex_);
  Device* on = gem_device(card, file);
  if (!on) return -EINVAL;
  if (args.va < reserved_bottom || args.va >= hole_start || args.bytes > hole_start - args.va) return -EINVAL;
  using namespace drm::va_flag;
  if (args.flags & ~(delay_update | readable | writeable | executable | mtype | noalloc)) return -EINVAL;
  const auto operation = static_cast<VaOperation>(args.operation);
  if (operation < VaOperation::map || operation > VaOperation::replace) return -EINVAL;
  auto gem = on->gems.find(args.handle);
  if (operation != VaOperation::clear && gem == on->gems.end()) return -ENOENT;
  if (operation == VaOperation::unmap) {
    auto mapping = on->gem_mappings.find(args.va);
    if (mapping == on->gem_mappings.end() || mapping->second.handle != args.handle) return -ENOENT;
    gem_clear(*on, args.va, args.va + mapping->second.bytes);
    return 0;
  }
  const uint64_t offset = operation == VaOperation::clear ? 0 : args.offset;
  if (!on_pages(args.va) || !on_pages(args.bytes) || !on_pages(offset) || args.bytes == 0) return -EINVAL;
  if (operation != VaOperation::clear &&
      (offset > gem->second.block.bytes || args.bytes > gem->second.block.bytes - offset))
    return -EINVAL;
  if (operation != VaOperation::map) gem_clear(*on, args.va, args.va + args.bytes);
  if (operation == VaOperation::clear) return 0;
  Region region;
  region.va = args.va;
  region.bytes = args.bytes;
  region.host = gem->second.host + offset;
  if (args.flags & readable) region.access = region.access | access_read;
  if (args.flags & writeable) region.access = region.access | access_write;
  if (args.flags & executable) region.access = region.access | access_execute;
  region.kind = gem->second.block.domain == Domain::vram ? MemoryKind::vram : MemoryKind::gtt;
  region.mtype = (args.flags & mtype) == mtype_uc ? Mtype::uc : Mtype::nc;
  region.fresh = true;
  region.shared = true;
  region.cookie = args.handle;
  if (!on->vm.map(region)) return -EINVAL;
  on->gem_mappings[args.va] = {args.bytes, args.handle};
  return 0;
}

// With a file's last handle for it goes what is mapped (amdgpu_gem_object_close).
void KfdProcess::gem_forget(Device& on, uint32_t handle) {
  for (auto mapping = on.gem_mappings.begin(); mapping != on.gem_mappings.end();) {
    if (mapping->second.handle != handle) {
      ++mapping;
      continue;
    }
    on.vm.unmap(mapping->first, mapping->second.bytes);
    mapping = on.gem_mappings.erase(mapping);
  }
  const Gem gem = on.gems.at(handle);
  raw::unmap(gem.host, gem.block.bytes);
  resources_.release(gem.block);
  on.gems.erase(handle);
}

int KfdProcess::gem_close(size_t card, uint64_t file, drm::GemClose& args) {
  std::lock_guard lock(mutex_);
  Device* on = gem_device(card, file);
  if (!on || !on->gems.contains(args.handle)) return -EINVAL;
  gem_forget(*on, args.handle);
  return 0;
}

}  // namespace doorbell::sim::amd
