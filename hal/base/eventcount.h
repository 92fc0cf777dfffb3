// Eventcount: lets threads wait for any condition over atomics, adaptively: a short spin, because answers
// often come within microseconds, then sleep in the kernel, because a spinning thread on a shared core delays
// the very thread it waits for. A notify without sleepers is one fence and one load.
//
// The condition must be made true (a store of any order) before notify(). Linux futex(2).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "hal/base/units.h"

namespace doorbell {

inline void spin_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Eventcount {
 public:
  static constexpr std::chrono::microseconds kSpin{30};

  // Wakes every sleeper, each of which looks at its condition again.
  void notify() {
    // Orders the caller's store before the load below; pairs with the increment in wait(): either that thread
    // sees the condition, or this one sees the sleeper.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_relaxed) != 0) wake();
  }

  // True once `condition()` is true, false at the deadline. `spin` bounds the busy part.
  template <class Condition>
  bool wait(Condition&& condition, Deadline deadline, std::chrono::nanoseconds spin = kSpin) {
    if (condition()) return true;
    HostTime until = HostClock::now() + spin;
    do {
      // The clock costs as much as a few dozen looks: look at it seldom.
      for (int i = 0; i < 32; ++i) {
        spin_pause();
        if (condition()) return true;
      }
    } while (HostClock::now() < until);
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    bool reached = false;
    while (true) {
      uint32_t key = sequence_.load(std::memory_order_acquire);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      reached = condition();
      if (reached || HostClock::now() >= deadline) break;
      sleep(key, deadline);
    }
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
    return reached;
  }

 private:
  void wake();
  void sleep(uint32_t key, Deadline deadline);

  std::atomic<uint32_t> sequence_{0};
  std::atomic<uint32_t> sleepers_{0};
};

}  // namespace doorbell
