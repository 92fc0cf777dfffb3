// Who listens to what happens on a card (KFD's SMI events): lines of text, of those kinds that the listener
// asked for. Told are memory faults, the migrations of shared memory, and queues that are evicted for good;
// what an emulated card never does (to throttle, to be reset, to evict queues for a while) nobody hears of.
//
// A listener is one end of a pair of sockets. It writes a mask of 64 bits whenever it likes and reads lines;
// when nobody reads them, they are lost. Source: Linux amdkfd/kfd_smi_events.c, uapi kfd_ioctl.h
// (KFD_EVENT_FMT_*).
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "hal/base/file.h"

namespace doorbell::sim::amd {

// Threads: any.
class Smi {
 public:
  // A descriptor for the client, or -errno.
  int listen(uint32_t gpu);

  void memory_fault(uint32_t gpu);
  // Pages [start, start + bytes) went from one place to another, which are ids of GPUs or 0 for the host's
  // memory. `prefetch` and `preferred`: the range's attributes.
  void prefetched(uint32_t gpu, uint64_t start, uint64_t bytes, uint32_t from, uint32_t to, uint32_t prefetch,
                  uint32_t preferred);
  // The queues of this process.
  void evicted_for_svm(uint32_t gpu);

 private:
  enum class Event : uint32_t { memory_fault = 1, migrate_start = 5, migrate_end = 6, queue_eviction = 9 };
  struct Listener {
    Fd end;
    uint32_t gpu = 0;
    uint64_t mask = 0;
  };
  void tell(uint32_t gpu, Event event, const std::string& text);

  std::mutex mutex_;
  std::vector<Listener> listeners_;
};

}  // namespace doorbell::sim::amd
