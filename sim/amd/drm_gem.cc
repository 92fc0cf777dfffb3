// Drm: buffers, and where a file's address space has them. Source: Linux 6.12, amdgpu/amdgpu_gem.c,
// amdgpu/amdgpu_object.c, amdgpu/amdgpu_vm.c, amdgpu/amdgpu_ttm.c, drm_prime.c, drm_gem.c.
//
// ROCr maps memory at addresses of the client's choice this way (hipMemMap): KFD allocates it without an
// address and exports it, libdrm imports it and maps it in the address space that KFD has taken over. What is
// shared goes to memory at once (share).
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "sim/amd/drm.h"
#include "sim/amd/raw.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace drm = doorbell::amd::drm;
using drm::VaOperation;

namespace {

// amdgpu_gmc.h.
constexpr uint64_t hole_start = uint64_t{1} << 47, hole_end = 0xffff800000000000;
constexpr uint64_t address_mask = (uint64_t{1} << va_bits) - 1;

constexpr bool on_pages(uint64_t x) { return x % page_bytes == 0; }
constexpr uint64_t align(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

// AMDGPU_GEM_USERPTR_ANONONLY: nothing of a file lies there.
bool anonymous(uint64_t address) {
  // mincore(2) and the like do not tell; the list of mappings does.
  Fd maps(raw::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  std::string text;
  char piece[4096];
  for (long count; (count = raw::call(SYS_read, maps.get(), raw::pointer(piece), sizeof(piece))) > 0;)
    text.append(piece, static_cast<size_t>(count));
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    unsigned long first = 0, last = 0, inode = 0;
    const std::string line = text.substr(at, end - at);
    if (std::sscanf(line.c_str(), "%lx-%lx %*s %*s %*s %lu", &first, &last, &inode) == 3 &&
        address >= first && address < last)
      return inode == 0;
    at = end + 1;
  }
  return true;
}

}  // namespace

void Reservation::add(const FencePtr& fence) {
  if (idle()) fences.clear();
  fences.push_back(fence);
}

bool Reservation::idle() {
  std::erase_if(fences, [](const FencePtr& fence) { return is_signalled(*fence); });
  return fences.empty();
}

Gem::~Gem() {
  if (has_block && !is_userptr() && host) raw::unmap(host, bytes);
  if (has_block) pool.release(block);
}

int Drm::gem_create(DrmFile& file, drm::GemCreate& args) {
  namespace flag = drm::gem_flag;
  namespace domain = drm::domain;
  constexpr uint64_t allowed = flag::cpu_access_required | flag::no_cpu_access | flag::cpu_gtt_uswc |
                               flag::vram_cleared | flag::vm_always_valid | flag::explicit_sync |
                               flag::encrypted | flag::discardable | flag::gfx12_dcc;
  constexpr uint64_t on_chip = domain::gds | domain::gws | domain::oa;
  if (args.domains & domain::doorbell) return -EINVAL;
  if (args.flags & ~allowed) return -EINVAL;
  if (args.domains & ~uint64_t{domain::all}) return -EINVAL;
  if (args.flags & flag::encrypted) return -EINVAL;  // these cards know no TMZ
  if ((args.domains & on_chip) && (args.flags & flag::vm_always_valid)) return -EINVAL;

  auto made = std::make_shared<Gem>(resources_);
  made->domains = static_cast<uint32_t>(args.domains);
  made->flags = (args.flags & ~flag::cpu_access_required) | flag::vram_cleared | flag::vram_wipe_on_release;
  made->reservation = args.flags & flag::vm_always_valid ? file.reservation : std::make_shared<Reservation>();
  if (args.domains & on_chip) {
    // A page for each byte or resource, of which none is taken before a submission needs it. With several of
    // these domains the first that amdgpu_bo_create asks for decides.
    made->flags |= flag::no_cpu_access;
    const bool gds = !(args.domains & (domain::gws | domain::oa));
    made->bytes = (gds ? align(args.bytes, 4) : args.bytes) << 12;
    made->alignment = (gds ? align(args.alignment, 4) : args.alignment) << 12;
    args.bytes = file.gems.add(std::move(made));
    args.alignment = args.domains = args.flags = 0;
    return 0;
  }
  if (args.bytes > ~uint64_t{0} - page_bytes) return -ENOMEM;
  const uint64_t bytes = align(args.bytes, page_bytes);
  if (bytes == 0) return -EINVAL;
  made->alignment = align(args.alignment & 0xffffffff, page_bytes);
  dmabufs_.drop_closed();
  const uint64_t vram = resources_.machine().cards[file.card].vram_bytes,
                 gtt = resources_.machine().system_memory;
  auto card = static_cast<uint32_t>(file.card);
  // amdgpu_bo_validate_size: smaller than the memory, or than GTT where that is asked for too. What does not
  // fit into VRAM alone may go to GTT (amdgpu_gem_create_ioctl, retry).
  auto attempt = [&](uint32_t domains) {
    const uint64_t limit = domains & domain::gtt ? gtt : domains & domain::vram ? vram : ~uint64_t{0};
    if (bytes >= limit) return -ENOMEM;
    int error = -ENOMEM;
    if (domains & domain::vram) error = resources_.allocate(card, Domain::vram, bytes, made->block);
    if (error != 0 && domains != domain::vram)
      error = resources_.allocate(card, Domain::gtt, bytes, made->block);
    return error;
  };
  int error = attempt(made->domains);
  if (error != 0 && made->domains == domain::vram) {
    made->domains |= domain::gtt;
    error = attempt(made->domains);
  }
  if (error != 0) return error;
  made->has_block = true;
  made->bytes = bytes;
  made->kind = made->block.domain == Domain::vram ? MemoryKind::vram : MemoryKind::gtt;
  made->host = raw::map(bytes, resources_.file(file.card), made->block.offset);
  if (!made->host) return -ENOMEM;
  args.bytes = file.gems.add(std::move(made));
  args.alignment = args.domains = args.flags = 0;
  return 0;
}

int Drm::gem_userptr(DrmFile& file, drm::GemUserptr& args) {
  namespace flag = drm::userptr_flag;
  if (!on_pages(args.address | args.bytes)) return -EINVAL;
  if (args.flags & ~(flag::read_only | flag::anonymous_only | flag::validate | flag::registered))
    return -EINVAL;
  if (!(args.flags & (flag::read_only | flag::registered))) return -EACCES;
  if (args.bytes == 0) return -EINVAL;
  auto made = std::make_shared<Gem>(resources_);
  made->kind = MemoryKind::userptr;
  made->domains = drm::domain::gtt;
  made->flags = drm::gem_flag::vram_wipe_on_release;
  made->reservation = std::make_shared<Reservation>();
  made->bytes = args.bytes;
  made->read_only = args.flags & flag::read_only;
  made->anonymous_only = args.flags & flag::anonymous_only;
  if (args.address + args.bytes < args.address) return -EOVERFLOW;  // mmu_interval_notifier_insert
  auto card = static_cast<uint32_t>(file.card);
  if (int error = resources_.allocate(card, Domain::pinned, args.bytes, made->block)) return error;
  made->has_block = true;
  made->host = reinterpret_cast<std::byte*>(args.address);
  if (args.flags & flag::validate)
    if (int error = validate(file, made)) return error;
  clients_changed_ = any_userptr_ = true;
  args.handle = file.gems.add(std::move(made));
  return 0;
}

// Brings in the pages of a user pointer (amdgpu_ttm_tt_get_user_pages), and gives them back to GPUs that had
// lost them.
int Drm::validate(DrmFile& file, const GemPtr& gem) {
  const auto address = reinterpret_cast<uint64_t>(gem->host);
  if (address >> 47 || (address + gem->bytes) >> 47 || !user_has(address, gem->bytes)) return -EFAULT;
  if (gem->anonymous_only && !anonymous(address)) return -EPERM;
  if (int error = pin_user(address, gem->bytes, !gem->read_only)) return error;
  if (gem->lost) {
    gem->lost = false;
    for (const auto& [va, mapping] : file.mappings)
      if (mapping.gem == gem) map(file, va, mapping);
  }
  return 0;
}

int Drm::gem_import(DrmFile& file, drm::PrimeHandle& args) {
  ShareKey key;
  if (int error = Dmabufs::read(args.fd, key)) return error;
  Block block;
  uint32_t tag = 0;
  if (int error = resources_.open(key, block, tag)) return error == -ENOENT ? -EINVAL : error;
  // drm_gem_prime_fd_to_handle: a file has one handle for a buffer. Other files of this process share it.
  if (GemPtr known = find(block)) {
    resources_.release(block);
    auto own = std::find_if(file.gems.begin(), file.gems.end(),
                            [&](const auto& entry) { return entry.second == known; });
    if (own != file.gems.end()) {
      args.handle = own->first;
      return 0;
    }
    share(*known);
    args.handle = file.gems.add(std::move(known));
    return 0;
  }
  auto made = std::make_shared<Gem>(resources_);
  made->block = block;
  made->has_block = true;
  made->bytes = block.bytes;
  made->kind = block.domain == Domain::vram ? MemoryKind::vram : MemoryKind::gtt;
  made->domains = block.domain == Domain::vram ? drm::domain::vram : drm::domain::gtt;
  made->fresh = made->shared = made->imported = true;
  made->reservation = std::make_shared<Reservation>();
  made->host = raw::map(block.bytes, resources_.file(block.card), block.offset);
  if (!made->host) return -ENOMEM;
  args.handle = file.gems.add(std::move(made));
  return 0;
}

GemPtr Drm::find(const Block& block) {
  for (const auto& [id, file] : files_)
    for (const auto& [handle, gem] : file->gems)
      if (gem->has_block && gem->block.card == block.card && gem->block.offset == block.offset) return gem;
  return nullptr;
}

bool Drm::metadata(const Block& block, std::vector<uint32_t>& words, uint32_t& bytes) {
  std::lock_guard lock(mutex_);
  GemPtr gem = find(block);
  if (!gem) return false;
  words = gem->metadata;
  bytes = gem->metadata_bytes;
  return true;
}

int Drm::gem_export(DrmFile& file, drm::PrimeHandle& args) {
  constexpr uint32_t rdwr = O_RDWR;
  if (args.flags & ~(O_CLOEXEC | rdwr)) return -EINVAL;  // drm_prime_handle_to_fd_ioctl
  GemPtr gem = file.gems.find(args.handle);
  if (!gem) return -ENOENT;
  // amdgpu_gem_prime_export.
  if (gem->is_userptr() || (gem->flags & drm::gem_flag::vm_always_valid)) return -EPERM;
  if (!gem->has_block) return -EINVAL;
  ShareKey key;
  if (int error = resources_.share(gem->block, 0, key)) return error;
  share(*gem);
  int fd = dmabufs_.make(key, gem->bytes, args.flags);
  if (fd < 0) return fd;
  args.fd = fd;
  return 0;
}

// Address spaces and processes share the second-level cache of a card, and here nothing of it is shared: what
// they exchange goes to memory at once.
void Drm::share(Gem& gem) {
  gem.shared = true;
  for (const auto& [id, file] : files_) file->vm->share(gem.host, gem.bytes);
}

int Drm::gem_mmap(DrmFile& file, drm::GemMmap& args) {
  const auto handle = static_cast<uint32_t>(args.handle_or_offset);
  args.handle_or_offset = 0;
  GemPtr gem = file.gems.find(handle);
  if (!gem) return -ENOENT;
  if (gem->is_userptr() || (gem->flags & drm::gem_flag::no_cpu_access)) return -EPERM;
  args.handle_or_offset = gem->block.offset;
  return 0;
}

int Drm::check_map(size_t card, uint64_t offset, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  for (const auto& [id, file] : files_) {
    for (const auto& [handle, gem] : file->gems) {
      if (!gem->has_block || gem->is_userptr() || gem->block.card != card || gem->block.offset != offset)
        continue;
      if (gem->flags & drm::gem_flag::no_cpu_access) return -EPERM;  // amdgpu_gem_object_mmap
      if (align(bytes, page_bytes) > gem->bytes) return -EINVAL;
      // Before the host's first look through it.
      if (gem->kind == MemoryKind::vram && !std::exchange(gem->window, true))
        for (const auto& [other, user] : files_) user->vm->open_window(gem->host, gem->bytes);
      return 0;
    }
  }
  return -ENOENT;
}

int Drm::gem_wait_idle(DrmFile& file, Lock& lock, drm::GemWaitIdle& args) {
  GemPtr gem = file.gems.find(args.handle);
  if (!gem) return -ENOENT;
  const bool idle = wait(lock, deadline_of(args.timeout), [&] { return gem->reservation->idle(); });
  args = {!idle, 0, 0};
  return 0;
}

int Drm::gem_metadata(DrmFile& file, drm::GemMetadata& args) {
  GemPtr gem = file.gems.find(args.handle);
  if (!gem) return -ENOENT;
  switch (static_cast<drm::MetadataOperation>(args.operation)) {
    case drm::MetadataOperation::get:
      args.tiling = gem->tiling;
      args.flags = gem->metadata_flags;
      args.bytes = gem->metadata_bytes;
      if (args.bytes != 0) std::memcpy(args.data, gem->metadata.data(), args.bytes);
      return 0;
    case drm::MetadataOperation::set:
      if (args.bytes > sizeof(args.data)) return -EINVAL;
      gem->tiling = args.tiling;
      // Without data the flags stay as they were (amdgpu_bo_set_metadata).
      if (args.bytes != 0) gem->metadata_flags = args.flags;
      gem->metadata.assign(args.data, args.data + (args.bytes + 3) / 4);
      gem->metadata_bytes = args.bytes;
      return 0;
  }
  return 0;
}

int Drm::gem_op(DrmFile& file, drm::GemOp& args) {
  GemPtr gem = file.gems.find(args.handle);
  if (!gem) return -ENOENT;
  switch (static_cast<drm::GemOperation>(args.operation)) {
    case drm::GemOperation::get_create_info: {
      const drm::GemCreate info{gem->bytes, gem->alignment, gem->domains, gem->flags};
      return copy_to_user(args.value, &info, sizeof(info)) ? 0 : -EFAULT;
    }
    case drm::GemOperation::set_placement:
      if (gem->imported && (args.value & drm::domain::vram)) return -EINVAL;
      if (gem->is_userptr()) return -EPERM;
      // Where the memory lies now stays: nothing here has to move.
      gem->domains = args.value & (drm::domain::vram | drm::domain::gtt | drm::domain::cpu);
      return 0;
  }
  return -EINVAL;
}

// Puts a mapping of the file's list into its page tables.
bool Drm::map(DrmFile& file, uint64_t va, const GemMapping& mapping) {
  if (!mapping.gem || !mapping.gem->host || mapping.gem->lost) return true;
  namespace flag = drm::va_flag;
  const Gem& gem = *mapping.gem;
  Region region;
  region.va = va;
  region.bytes = mapping.bytes;
  region.host = gem.host + mapping.offset;
  if (mapping.flags & flag::readable) region.access = region.access | access_read;
  if ((mapping.flags & flag::writeable) && !gem.read_only) region.access = region.access | access_write;
  if (mapping.flags & flag::executable) region.access = region.access | access_execute;
  region.kind = gem.kind;
  const uint32_t type = mapping.flags & flag::mtype;  // gmc_v10_0.c, gmc_v10_0_map_mtype
  region.mtype = type == flag::mtype_uc ? Mtype::uc : type == flag::mtype_cc ? Mtype::cc : Mtype::nc;
  region.fresh = gem.fresh;
  region.shared = gem.shared;
  region.window = gem.window;
  return file.vm->map(region).ok();
}

// amdgpu_vm_bo_clear_mappings: what sticks out stays.
void Drm::clear(DrmFile& file, uint64_t start, uint64_t end) {
  auto at = file.mappings.upper_bound(start);
  if (at != file.mappings.begin()) --at;
  while (at != file.mappings.end() && at->first < end) {
    const auto [va, mapping] = *at;
    const uint64_t mapping_end = va + mapping.bytes;
    if (mapping_end <= start) {
      ++at;
      continue;
    }
    const uint64_t first = std::max(va, start), last = std::min(mapping_end, end);
    if (mapping.gem && mapping.gem->host) file.vm->unmap(first, last - first);
    at = file.mappings.erase(at);
    GemMapping part = mapping;
    if (va < first) {
      part.bytes = first - va;
      file.mappings[va] = part;
    }
    if (last < mapping_end) {
      part.bytes = mapping_end - last;
      part.offset = mapping.offset + (last - va);
      file.mappings[last] = part;
    }
  }
}

int Drm::gem_va(DrmFile& file, Lock& lock, drm::GemVa& args) {
  using namespace drm::va_flag;
  if (args.va < va_reserved_bottom) return -EINVAL;
  if (args.va >= hole_start && args.va < hole_end) return -EINVAL;
  const uint64_t va = args.va & address_mask;
  constexpr uint64_t limit = (uint64_t{1} << va_bits) - va_reserved_top;
  if (va + args.bytes > limit) return -EINVAL;
  constexpr uint32_t valid = delay_update | readable | writeable | executable | mtype | noalloc;
  if ((args.flags & ~valid) && (args.flags & ~(delay_update | prt))) return -EINVAL;
  const auto operation = static_cast<VaOperation>(args.operation);
  if (operation < VaOperation::map || operation > VaOperation::replace) return -EINVAL;
  GemPtr gem;
  if (operation != VaOperation::clear && !(args.flags & prt)) {
    gem = file.gems.find(args.handle);
    if (!gem) return -ENOENT;
  }
  if (operation == VaOperation::unmap) {
    auto is_it = [&] {
      auto found = file.mappings.find(va);
      return found != file.mappings.end() && found->second.gem == gem ? found : file.mappings.end();
    };
    if (is_it() == file.mappings.end()) return -ENOENT;
    drain(lock, file);
    auto mapping = is_it();  // another thread may have been here meanwhile
    if (mapping != file.mappings.end()) clear(file, va, va + mapping->second.bytes);
    return 0;
  }
  // amdgpu_vm_verify_parameters.
  const uint64_t offset = operation == VaOperation::clear ? 0 : args.offset;
  if (!on_pages(va) || !on_pages(args.bytes) || !on_pages(offset) || args.bytes == 0) return -EINVAL;
  if (va + args.bytes < va || offset + args.bytes < offset) return -EINVAL;
  if (gem && offset + args.bytes > gem->bytes) return -EINVAL;
  if (operation != VaOperation::map) {
    drain(lock, file);
    clear(file, va, va + args.bytes);
  }
  if (operation == VaOperation::clear) return 0;
  auto next = file.mappings.upper_bound(va);
  if (next != file.mappings.end() && next->first < va + args.bytes) return -EINVAL;
  if (next != file.mappings.begin() && std::prev(next)->first + std::prev(next)->second.bytes > va)
    return -EINVAL;
  GemMapping mapping{args.bytes, offset, args.flags, std::move(gem)};
  if (!map(file, va, mapping)) return -EINVAL;
  file.mappings.emplace(va, std::move(mapping));
  return 0;
}

// With a file's handle for it goes what is mapped (amdgpu_gem_object_close).
void Drm::forget(DrmFile& file, const GemPtr& gem) {
  for (auto mapping = file.mappings.begin(); mapping != file.mappings.end();) {
    if (mapping->second.gem != gem) {
      ++mapping;
      continue;
    }
    if (gem->host) file.vm->unmap(mapping->first, mapping->second.bytes);
    mapping = file.mappings.erase(mapping);
  }
}

int Drm::gem_close(DrmFile& file, Lock& lock, drm::GemClose& args) {
  GemPtr gem = file.gems.take(args.handle);
  if (!gem) return -EINVAL;
  drain(lock, file);
  forget(file, gem);
  clients_changed_ |= gem->is_userptr();
  return 0;
}

void Drm::each_userptr(bool mapped_only, const std::function<void(uintptr_t, uintptr_t)>& look) {
  std::lock_guard lock(mutex_);
  if (!any_userptr_) return;
  for (const auto& [id, file] : files_) {
    for (const auto& [handle, gem] : file->gems) {
      if (!gem->is_userptr() || (mapped_only && gem->lost)) continue;
      const auto host = reinterpret_cast<uintptr_t>(gem->host);
      look(host, host + gem->bytes);
    }
  }
}

void Drm::lose(uintptr_t start, uintptr_t end, int protection) {
  std::lock_guard lock(mutex_);
  if (!any_userptr_) return;
  for (const auto& [id, file] : files_) {
    for (const auto& [handle, gem] : file->gems) {
      const auto host = reinterpret_cast<uintptr_t>(gem->host);
      if (!gem->is_userptr() || gem->lost || host >= end || start >= host + gem->bytes) continue;
      const int needed = PROT_READ | (gem->read_only ? 0 : PROT_WRITE);
      if ((protection & needed) == needed) continue;
      gem->lost = true;
      for (const auto& [va, mapping] : file->mappings)
        if (mapping.gem == gem) file->vm->unmap(va, mapping.bytes);
    }
  }
}

void Drm::regain(uintptr_t start, uintptr_t end) {
  std::lock_guard lock(mutex_);
  if (!any_userptr_) return;
  for (const auto& [id, file] : files_) {
    for (const auto& [handle, gem] : file->gems) {
      const auto host = reinterpret_cast<uintptr_t>(gem->host);
      if (gem->is_userptr() && gem->lost && host < end && start < host + gem->bytes) validate(*file, gem);
    }
  }
}

void Drm::forget_stores(const std::byte* start, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  for (const auto& [id, file] : files_) file->vm->lose(start, bytes);
}

}  // namespace doorbell::sim::amd
