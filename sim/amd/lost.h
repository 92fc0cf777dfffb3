// Memory of the client's that goes away while the GPU works on it.
//
// Linux hears of it before it happens (an MMU notifier): it takes the memory from the GPU, whose next access
// is a memory fault. The emulator hears only of what goes through its door. What the C library unmaps by
// itself (free, realloc, the ends of threads), or a program by a system call of its own, is found when a
// doorbell rings, or by an access that faults on the host: the handler (fault_signal.h) puts a page of zeroes
// there, so that the access comes to its end, and whoever made it asks here and raises the GPU's fault.
#pragma once

#include <cstddef>
#include <utility>

namespace doorbell::sim::amd {

struct Lost {
  unsigned touching = 0;          // Touching objects that live
  const std::byte* at = nullptr;  // the first access since somebody asked
};
// Of this thread; read by a signal handler, hence no thread-local storage that is allocated on first use.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local Lost lost_memory;

// While one lives, its thread may touch memory of the client's.
class Touching {
 public:
  Touching() { ++lost_memory.touching; }
  ~Touching() {
    if (--lost_memory.touching == 0) lost_memory.at = nullptr;
  }
  Touching(const Touching&) = delete;
  Touching& operator=(const Touching&) = delete;
};

// Where the host lay that this thread's accesses no longer found, or null; forgotten with that.
inline const std::byte* take_lost() { return std::exchange(lost_memory.at, nullptr); }

}  // namespace doorbell::sim::amd
