#include "hal/base/eventcount.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace doorbell {

void Eventcount::wake() {
  sequence_.fetch_add(1, std::memory_order_release);
  ::syscall(SYS_futex, &sequence_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void Eventcount::sleep(uint32_t key, Deadline deadline) {
  // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC, which is what steady_clock reads on Linux.
  auto since = deadline.time_since_epoch();
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  timespec until{};
  until.tv_sec = seconds.count();
  until.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count();
  ::syscall(SYS_futex, &sequence_, FUTEX_WAIT_BITSET_PRIVATE, key, &until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace doorbell
