// The host's operating system behind driver/kernel.h.
#include "driver/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "hal/base/file.h"

namespace doorbell {
namespace {

class HostKernel final : public Kernel {
 public:
  int open(const char* path, int flags) override { return result(::open(path, flags | O_CLOEXEC)); }
  int close(int fd) override { return result(::close(fd)); }
  int ioctl(int fd, uint32_t request, void* argument) override {
    return result(::ioctl(fd, request, argument));
  }
  intptr_t mmap(void* address, size_t bytes, int protection, int flags, int fd, uint64_t offset) override {
    void* mapped = ::mmap(address, bytes, protection, flags, fd, static_cast<off_t>(offset));
    return mapped == MAP_FAILED ? -errno : reinterpret_cast<intptr_t>(mapped);
  }
  int munmap(void* address, size_t bytes) override { return result(::munmap(address, bytes)); }
  int poll(std::span<pollfd> fds, int timeout_ms) override {
    return result(::poll(fds.data(), fds.size(), timeout_ms));
  }
  Result<std::string> read_file(const std::string& path) override { return doorbell::read_file(path); }
  Result<std::vector<std::string>> list_folder(const std::string& path) override {
    std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
    if (!folder) return error("cannot list {}: {}", path, std::strerror(errno));
    std::vector<std::string> names;
    while (const dirent* entry = readdir(folder.get())) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  static int result(int returned) { return returned < 0 ? -errno : returned; }
};

}  // namespace

Kernel& host_kernel() {
  static HostKernel kernel;
  return kernel;
}

Result<KernelFd> KernelFd::open(Kernel& kernel, const std::string& path, int flags) {
  int fd = kernel.open(path.c_str(), flags);
  if (fd < 0) return error("cannot open {}: {}", path, std::strerror(-fd));
  return KernelFd(kernel, fd);
}

Status call(const KernelFd& fd, const char* name, uint32_t request, void* argument) {
  while (true) {
    int returned = fd.kernel().ioctl(fd.get(), request, argument);
    if (returned >= 0) return success();
    if (returned == -EINTR || returned == -EAGAIN) continue;
    return error("{} failed: {}", name, std::strerror(-returned));
  }
}

}  // namespace doorbell
