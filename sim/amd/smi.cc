// Smi: sockets and lines.
#include "sim/amd/smi.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "sim/amd/raw.h"

namespace doorbell::sim::amd {
namespace {

constexpr uint64_t page = 4096;
constexpr int by_prefetch = 0;  // KFD_MIGRATE_TRIGGER_PREFETCH
constexpr int by_svm = 0;       // KFD_QUEUE_EVICTION_TRIGGER_SVM

int64_t boot_time() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int Smi::listen(uint32_t gpu) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return -errno;
  std::lock_guard lock(mutex_);
  listeners_.push_back({Fd(ends[0]), gpu, 0});
  return ends[1];
}

void Smi::tell(uint32_t gpu, Event event, const std::string& text) {
  std::string line = fmt::format("{:x} {}", static_cast<uint32_t>(event), text);
  std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [&](Listener& one) {
    while (recv(one.end.get(), &one.mask, sizeof(one.mask), MSG_DONTWAIT) == sizeof(one.mask)) {}
    if (one.gpu != gpu || !(one.mask >> (static_cast<uint32_t>(event) - 1) & 1)) return false;
    ssize_t sent = send(one.end.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 && errno == EPIPE;
  });
}

void Smi::memory_fault(uint32_t gpu) {
  // Of the first thread, as a process's is, and with the end of its line.
  char name[17] = {};
  Fd file(raw::open("/proc/self/comm", O_RDONLY | O_CLOEXEC));
  raw::call(SYS_pread64, file.get(), raw::pointer(name), sizeof(name) - 1, 0);
  tell(gpu, Event::memory_fault, fmt::format("{:x}:{}", getpid(), name));
}

void Smi::prefetched(uint32_t gpu, uint64_t start, uint64_t bytes, uint32_t from, uint32_t to,
                     uint32_t prefetch, uint32_t preferred) {
  std::string range =
      fmt::format("-{} @{:x}({:x}) {:x}->{:x}", getpid(), start / page, bytes / page, from, to);
  tell(gpu, Event::migrate_start,
       fmt::format("{} {} {:x}:{:x} {}\n", boot_time(), range, prefetch, preferred, by_prefetch));
  tell(gpu, Event::migrate_end, fmt::format("{} {} {}\n", boot_time(), range, by_prefetch));
}

void Smi::evicted_for_svm(uint32_t gpu) {
  tell(gpu, Event::queue_eviction, fmt::format("{} -{} {:x} {}\n", boot_time(), getpid(), gpu, by_svm));
}

}  // namespace doorbell::sim::amd
