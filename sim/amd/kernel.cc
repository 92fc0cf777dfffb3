// EmulatedKernel: descriptors, and the way from them to KFD, DRM and sysfs.
#include "sim/amd/kernel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "sim/amd/drm.h"
#include "sim/amd/fault_signal.h"
#include "sim/amd/raw.h"

namespace doorbell::sim::amd {
namespace {

constexpr unsigned kfd_major = 234;

int duplicate(int fd, int flags) {
  return static_cast<int>(raw::call(SYS_fcntl, fd, flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0));
}

// "/dev/dri/renderD128" and "/dev/dri/card0" are the same card.
bool card_of(std::string_view path, size_t cards, size_t& card) {
  for (auto [prefix, first] :
       {std::pair<std::string_view, size_t>{"/dev/dri/renderD", 128}, {"/dev/dri/card", 0}}) {
    if (!path.starts_with(prefix)) continue;
    std::string_view digits = path.substr(prefix.size());
    size_t number = 0;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (problem != std::errc() || end != digits.data() + digits.size() || number < first) return false;
    card = number - first;
    return card < cards;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<EmulatedKernel>> EmulatedKernel::make(std::unique_ptr<Resources> resources) {
  std::unique_ptr<EmulatedKernel> kernel(new EmulatedKernel);
  kernel->resources_ = std::move(resources);
  kernel->pid_ = getpid();
  for (size_t card = 0; card < kernel->resources_->machine().cards.size(); ++card) {
    struct stat info{};
    if (raw::stat(kernel->resources_->file(card), info) != 0) return error("an emulated card has no memory");
    kernel->card_inodes_.push_back(info.st_ino);
    kernel->files_device_ = info.st_dev;
  }
  return kernel;
}

Result<KfdProcess*> EmulatedKernel::process() {
  if (!owned_) {
    owned_ = TRY(KfdProcess::make(*resources_));
    owned_->set_render_nodes(render_node, this);
    struct stat info{};
    raw::stat(owned_->file(), info);
    kfd_inode_ = info.st_ino;
    process_ = owned_.get();
  }
  return owned_.get();
}

bool EmulatedKernel::render_node(void* self, int fd, size_t& card, uint64_t& id) {
  File file;
  if (!static_cast<EmulatedKernel*>(self)->find(fd, file) || file.kfd) return false;
  card = file.card;
  id = file.id;
  return true;
}

bool EmulatedKernel::find(int fd, File& file) {
  struct stat info{};
  if (raw::stat(fd, info) != 0 || info.st_dev != files_device_) {
    forget(fd);
    return false;
  }
  std::unique_lock lock(mutex_);
  bool kfd = kfd_inode_ != 0 && info.st_ino == kfd_inode_;
  size_t card = 0;
  while (card < card_inodes_.size() && card_inodes_[card] != info.st_ino) ++card;
  const bool ours = kfd || card < card_inodes_.size();
  if (kfd) card = 0;
  auto known = files_.find(fd);
  if (known != files_.end() && !(ours && known->second.kfd == kfd && known->second.card == card)) {
    lock.unlock();
    forget(fd);
    lock.lock();
    known = files_.end();
  }
  if (!ours) return false;
  if (known == files_.end()) known = files_.insert_or_assign(fd, File{kfd, card, next_id_++}).first;
  file = known->second;
  return true;
}

int EmulatedKernel::open_device(std::string_view path, int flags) {
  bool kfd = path == "/dev/kfd";
  size_t card = 0;
  if (!kfd && !card_of(path, card_inodes_.size(), card)) return -ENOENT;
  if (flags & O_DIRECTORY) return -ENOTDIR;
  std::lock_guard lock(mutex_);
  int fd = -ENODEV;
  Result<KfdProcess*> own = process();
  if (!own) return -ENOMEM;
  if (kfd) {
    fd = duplicate((*own)->file(), flags);
  } else {
    fd = duplicate(resources_->file(card), flags);
  }
  if (fd >= 0) files_[fd] = {kfd, card, next_id_++};
  return fd;
}

EmulatedKernel::~EmulatedKernel() {
  // First the GPU's threads, which protect doorbells, then the handler that gives them back.
  process_ = nullptr;
  owned_.reset();
  release_faults(this);
}

int EmulatedKernel::open(const char* path, int flags) {
  int fd = open_device(path, flags | O_CLOEXEC);
  if (fd >= 0) catch_faults(this);
  if (fd != -ENOENT || !belongs_to_machine(path)) return fd == -ENOENT ? host_kernel().open(path, flags) : fd;
  Result<std::string> content = read_file(path);
  if (!content) return -ENOENT;
  int file = memfd_create("sysfs", MFD_CLOEXEC);
  if (file < 0) return -errno;
  if (pwrite(file, content->data(), content->size(), 0) != static_cast<ssize_t>(content->size())) {
    raw::close(file);
    return -ENOMEM;
  }
  return file;
}

void EmulatedKernel::forget(int fd) {
  File file;
  {
    std::lock_guard lock(mutex_);
    auto found = files_.find(fd);
    if (found == files_.end()) return;
    file = found->second;
    files_.erase(found);
    for (const auto& [other, open] : files_)
      if (open.id == file.id) return;
  }
  KfdProcess* own = process_.load();
  if (own && !file.kfd && getpid() == pid_) own->drm().close(file.id);
}

int EmulatedKernel::close(int fd) {
  forget(fd);
  return raw::close(fd);
}

void EmulatedKernel::duplicated(int from, int to) {
  File file;
  const bool ours = find(from, file);
  if (from != to) forget(to);
  if (!ours) return;
  std::lock_guard lock(mutex_);
  files_[to] = file;
}

dev_t EmulatedKernel::device_of(int fd) {
  File file;
  if (!find(fd, file)) return 0;
  return file.kfd ? makedev(kfd_major, 0) : makedev(drm_major, render_minor(file.card));
}

int EmulatedKernel::ioctl(int fd, uint32_t request, void* argument) {
  File file;
  if (!find(fd, file)) return host_kernel().ioctl(fd, request, argument);
  auto user = reinterpret_cast<uint64_t>(argument);
  if (!file.kfd) {
    KfdProcess* own = getpid() == pid_ ? process_.load() : nullptr;
    return drm_ioctl(*resources_, own ? &own->drm() : nullptr, file.card, file.id, request, user);
  }
  // A process opens /dev/kfd for itself: what it inherited is no good.
  if (getpid() != pid_) return -EBADF;
  return process_.load()->ioctl(request, user);
}

int EmulatedKernel::check_map(int fd, size_t bytes, uint64_t offset) {
  File file;
  if (!find(fd, file)) return 1;
  KfdProcess* own = process_.load();
  if (!own) return -EINVAL;
  bool doorbells = false;
  size_t card = 0;
  return file.kfd ? own->check_map_kfd(offset, bytes, doorbells, card)
                  : own->check_map(file.card, offset, bytes);
}

void EmulatedKernel::mapped(void* address, size_t bytes, int fd, uint64_t offset) {
  File file;
  KfdProcess* own = process_.load();
  bool doorbells = false;
  size_t card = 0;
  if (!own || !find(fd, file) || !file.kfd) return;
  if (own->check_map_kfd(offset, bytes, doorbells, card) != 0) return;
  // kfd_doorbell.c: VM_DONTCOPY. A child must not ring its parent's queues.
  raw::advise(address, bytes, MADV_DONTFORK);
  if (doorbells) own->doorbells_mapped(card, address);
}

intptr_t EmulatedKernel::mmap(void* address, size_t bytes, int protection, int flags, int fd,
                              uint64_t offset) {
  int refused = fd < 0 ? 1 : check_map(fd, bytes, offset);
  if (refused < 0) return refused;
  if (flags & MAP_FIXED) unmapping(address, bytes);
  intptr_t result = host_kernel().mmap(address, bytes, protection, flags, fd, offset);
  if (flags & MAP_FIXED) mapped(address, bytes);
  if (refused == 0 && (result >= 0 || result < -4095))
    mapped(reinterpret_cast<void*>(result), bytes, fd, offset);
  return result;
}

int EmulatedKernel::munmap(void* address, size_t bytes) {
  unmapping(address, bytes);
  return host_kernel().munmap(address, bytes);
}

void EmulatedKernel::unmapping(const void* address, size_t bytes, int protection) {
  if (KfdProcess* own = process_.load()) own->unmapping(address, bytes, protection);
}

void EmulatedKernel::mapped(const void* address, size_t bytes) {
  if (KfdProcess* own = process_.load()) own->mapped(address, bytes);
}

bool EmulatedKernel::memory_fault(const void* address, bool write, bool beyond_file) noexcept {
  KfdProcess* own = process_.load();
  return own && own->memory_fault(address, write, beyond_file);
}

bool EmulatedKernel::doorbell_fault(const void* address) noexcept {
  KfdProcess* own = process_.load();
  return own && own->doorbell_fault(address);
}

int EmulatedKernel::poll(std::span<pollfd> fds, int timeout_ms) {
  return host_kernel().poll(fds, timeout_ms);
}

Result<std::string> EmulatedKernel::read_file(const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    if (!tree_) tree_ = std::make_unique<Tree>(describe(resources_->machine()));
    if (belongs_to_machine(path) || tree_->find(path)) return tree_->read(path);
  }
  return host_kernel().read_file(path);
}

Result<std::vector<std::string>> EmulatedKernel::list_folder(const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    if (!tree_) tree_ = std::make_unique<Tree>(describe(resources_->machine()));
    if (belongs_to_machine(path) || tree_->find(path)) return tree_->list(path);
  }
  return host_kernel().list_folder(path);
}

void EmulatedKernel::abandon() { resources_->abandon(); }

}  // namespace doorbell::sim::amd
