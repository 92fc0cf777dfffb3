// KfdProcess: buffers that several processes use, and listeners to what happens on a card.
// Source: Linux amdkfd/kfd_chardev.c, amdgpu/amdgpu_amdkfd_gpuvm.c (import_obj_create),
// amdkfd/kfd_smi_events.c; ROCm's own branch for the IPC ioctls.
#include <cerrno>
#include <cstring>
#include <utility>

#include "sim/amd/kfd.h"
#include "sim/amd/raw.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace kfd = doorbell::amd::kfd;
namespace alloc = doorbell::amd::kfd::alloc;

int KfdProcess::adopt(Device& on, const Block& block, uint64_t va, uint64_t& handle) {
  Buffer made;
  made.card = on.index;
  made.va = va;
  made.bytes = block.bytes;
  made.flags =
      (block.domain == Domain::vram ? alloc::vram : alloc::gtt) | alloc::writable | alloc::executable;
  made.kind = block.domain == Domain::vram ? MemoryKind::vram : MemoryKind::gtt;
  made.host = raw::map(block.bytes, resources_.file(block.card), block.offset);
  if (!made.host) return -ENOMEM;
  made.host_is_ours = true;
  made.has_block = true;
  made.shared = true;
  made.block = block;
  handle = add(on, made);
  return 0;
}

// Processes share the second-level cache of a card, and here nothing of it is shared: what they exchange goes
// to memory at once.
int KfdProcess::share(Buffer& buffer, uint32_t tag, ShareKey& key) {
  if (int error = resources_.share(buffer.block, tag, key)) return error;
  buffer.shared = true;
  for (auto& on : devices_) on->vm->share(buffer.host, buffer.bytes);
  return 0;
}

int KfdProcess::export_dmabuf(kfd::ExportDmabuf& args) {
  std::lock_guard lock(mutex_);
  Buffer* shared = buffer(args.handle);
  if (!shared) return -EINVAL;
  if (shared->kind == MemoryKind::userptr) return -EPERM;  // amdgpu_dma_buf.c, amdgpu_gem_prime_export
  if (shared->kind != MemoryKind::vram && shared->kind != MemoryKind::gtt) return -EINVAL;
  ShareKey key;
  if (int error = share(*shared, 0, key)) return error;
  int fd = dmabufs_.make(key, shared->block.bytes, args.flags);
  if (fd < 0) return fd;
  args.dmabuf_fd = static_cast<uint32_t>(fd);
  return 0;
}

int KfdProcess::get_dmabuf_info(kfd::GetDmabufInfo& args) {
  ShareKey key;
  if (int error = Dmabufs::read(static_cast<int>(args.dmabuf_fd), key)) return error;
  Block block;
  uint32_t tag = 0;
  if (int error = resources_.open(key, block, tag)) return error == -ENOENT ? -EINVAL : error;
  resources_.release(block);
  args.size = block.bytes;
  args.gpu_id = gpu_id(block.card);
  args.flags = block.domain == Domain::vram ? alloc::vram | alloc::is_public : alloc::gtt;
  // amdgpu_amdkfd_get_dmabuf_info, amdgpu_bo_get_metadata.
  std::vector<uint32_t> metadata;
  uint32_t bytes = 0;
  drm_.metadata(block, metadata, bytes);
  const uint32_t room = std::exchange(args.metadata_size, bytes);
  if (args.metadata_ptr == 0) return 0;
  if (room < bytes) return -EINVAL;
  return copy_to_user(args.metadata_ptr, metadata.data(), bytes) ? 0 : -EFAULT;
}

int KfdProcess::import_dmabuf(kfd::ImportDmabuf& args) {
  ShareKey key;
  if (int error = Dmabufs::read(static_cast<int>(args.dmabuf_fd), key)) return error;
  std::lock_guard lock(mutex_);
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  if (!bound(*on)) return -ENODEV;
  Block block;
  uint32_t tag = 0;
  if (int error = resources_.open(key, block, tag)) return error == -ENOENT ? -EINVAL : error;
  int error = adopt(*on, block, args.va_addr, args.handle);
  if (error != 0) resources_.release(block);
  return error;
}

int KfdProcess::ipc_export(kfd::IpcExportHandle& args) {
  std::lock_guard lock(mutex_);
  Buffer* shared = buffer(args.handle);
  if (!shared || !device(args.gpu_id)) return -EINVAL;
  if (shared->kind != MemoryKind::vram && shared->kind != MemoryKind::gtt) return -EINVAL;
  ShareKey key;
  if (int error = share(*shared, args.flags, key)) return error;
  static_assert(sizeof(key) == sizeof(args.share_handle));
  std::memcpy(args.share_handle, key.data(), sizeof(key));
  return 0;
}

int KfdProcess::ipc_import(kfd::IpcImportHandle& args) {
  std::lock_guard lock(mutex_);
  Device* on = device(args.gpu_id);
  if (!on) return -EINVAL;
  if (!bound(*on)) return -ENODEV;
  ShareKey key;
  std::memcpy(key.data(), args.share_handle, sizeof(key));
  Block block;
  uint32_t tag = 0;
  if (int error = resources_.open(key, block, tag)) return error == -ENOENT ? -EINVAL : error;
  if (int error = adopt(*on, block, args.va_addr, args.handle)) {
    resources_.release(block);
    return error;
  }
  args.mmap_offset = block.offset;
  args.flags = tag;  // the exporter's own words: the kernel does not look at them
  return 0;
}

int KfdProcess::smi_events(kfd::SmiEvents& args) {
  std::lock_guard lock(mutex_);
  if (!device(args.gpu_id)) return -EINVAL;
  int fd = smi_.listen(args.gpu_id);
  if (fd < 0) return fd;
  args.anon_fd = static_cast<uint32_t>(fd);
  return 0;
}

}  // namespace doorbell::sim::amd
