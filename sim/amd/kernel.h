// The emulated machine behind driver/kernel.h: what a driver of ours opens, and what the preloaded object
// serves to programs that nobody here wrote.
//
// A descriptor is one of the operating system's, a duplicate of the file that holds the memory behind it, so
// that it may be passed to any system call, mapped at the offsets that the ioctls return, and never collides
// with another. Whose it is shows in its inode: duplicates made behind our back are recognised.
//
// What does not belong to the emulated machine is the host's.
#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "driver/kernel.h"
#include "sim/amd/kfd.h"
#include "sim/amd/sysfs.h"

namespace doorbell::sim::amd {

class EmulatedKernel final : public Kernel {
 public:
  static Result<std::unique_ptr<EmulatedKernel>> make(std::unique_ptr<Resources> resources);
  // Ends the GPU's threads. Clients have unmapped what they mapped.
  ~EmulatedKernel() override;

  int open(const char* path, int flags) override;
  int close(int fd) override;
  int ioctl(int fd, uint32_t request, void* argument) override;
  intptr_t mmap(void* address, size_t bytes, int protection, int flags, int fd, uint64_t offset) override;
  int munmap(void* address, size_t bytes) override;
  int poll(std::span<pollfd> fds, int timeout_ms) override;
  Result<std::string> read_file(const std::string& path) override;
  Result<std::vector<std::string>> list_folder(const std::string& path) override;

  // For the preloaded object.
  // Opens a device node; -ENOENT for other paths.
  int open_device(std::string_view path, int flags);
  // The device behind a descriptor: 0 for none of ours, or its number (makedev).
  dev_t device_of(int fd);
  // Whether the descriptor, or a new file under this number, is a device's; `to` becomes another name of
  // `from`.
  void duplicated(int from, int to);
  void forget(int fd);
  // Before memory of the client's goes away, or may be used for this only (PROT_*).
  void unmapping(const void* address, size_t bytes, int protection = nothing_mapped);
  // After that, where something is there again.
  void mapped(const void* address, size_t bytes);
  // From a signal handler: true if the page was a sleeping doorbell, which now takes stores.
  bool doorbell_fault(const void* address) noexcept;
  // See KfdProcess::memory_fault().
  bool memory_fault(const void* address, bool write, bool beyond_file) noexcept;
  // Why a mapping of this descriptor would be refused: 0 or -errno. 1 if the descriptor is none of ours.
  int check_map(int fd, size_t bytes, uint64_t offset);
  // After the client has mapped one of our descriptors.
  void mapped(void* address, size_t bytes, int fd, uint64_t offset);
  [[nodiscard]] Resources& resources() { return *resources_; }
  // In a child after fork(): nothing of the parent's may be touched but this.
  void abandon();
  [[nodiscard]] ino_t kfd_inode() const { return kfd_inode_; }

 private:
  struct File {
    bool kfd = false;
    size_t card = 0;
    uint64_t id = 0;  // differs between opens
  };

  EmulatedKernel() = default;
  bool find(int fd, File& file);
  Result<KfdProcess*> process();  // whose is made by the first device that is opened
  static bool render_node(void* self, int fd, size_t& card, uint64_t& file);

  std::unique_ptr<Resources> resources_;
  pid_t pid_ = 0;
  std::mutex mutex_;
  std::map<int, File> files_;
  uint64_t next_id_ = 1;
  ino_t kfd_inode_ = 0;
  std::vector<ino_t> card_inodes_;
  dev_t files_device_ = 0;
  std::unique_ptr<Tree> tree_;  // made when it is first looked at
  std::unique_ptr<KfdProcess> owned_;
  std::atomic<KfdProcess*> process_{nullptr};
};

}  // namespace doorbell::sim::amd
