// The operating system as drivers see it: the few calls through which a driver reaches its device. There are
// two implementations, the host's (here) and the emulated machine's (sim/), so that the driver that ships is
// the driver that is tested.
//
// Calls return what the system call of that name returns, or -errno. They may be made from any thread.
// Descriptors of one Kernel mean nothing to another.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hal/base/result.h"

namespace doorbell {

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual int open(const char* path, int flags) = 0;
  virtual int close(int fd) = 0;
  virtual int ioctl(int fd, uint32_t request, void* argument) = 0;
  // The address, or -errno.
  virtual intptr_t mmap(void* address, size_t bytes, int protection, int flags, int fd, uint64_t offset) = 0;
  virtual int munmap(void* address, size_t bytes) = 0;
  virtual int poll(std::span<pollfd> fds, int timeout_ms) = 0;
  virtual Result<std::string> read_file(const std::string& path) = 0;
  // Names without "." and "..", sorted.
  virtual Result<std::vector<std::string>> list_folder(const std::string& path) = 0;
};

Kernel& host_kernel();

// An open descriptor of a Kernel, closed with its owner. The Kernel outlives it.
class KernelFd {
 public:
  KernelFd() = default;
  KernelFd(Kernel& kernel, int fd) : kernel_(&kernel), fd_(fd) {}
  static Result<KernelFd> open(Kernel& kernel, const std::string& path, int flags);
  KernelFd(KernelFd&& other) noexcept : kernel_(other.kernel_), fd_(std::exchange(other.fd_, -1)) {}
  KernelFd& operator=(KernelFd&& other) noexcept {
    std::swap(kernel_, other.kernel_);
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~KernelFd() {
    if (fd_ >= 0) kernel_->close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] Kernel& kernel() const { return *kernel_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  Kernel* kernel_ = nullptr;
  int fd_ = -1;
};

// An ioctl: its name, its number and the struct that it takes, bound once, so that they cannot be mixed up.
template <class Args>
struct Ioctl {
  const char* name;
  uint32_t request;
};

// Repeats the call after EINTR and EAGAIN; the error names the ioctl and errno.
Status call(const KernelFd& fd, const char* name, uint32_t request, void* argument);
template <class Args>
Status call(const KernelFd& fd, const Ioctl<Args>& ioctl, Args& args) {
  return call(fd, ioctl.name, ioctl.request, &args);
}

}  // namespace doorbell
