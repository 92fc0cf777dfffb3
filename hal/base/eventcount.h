// Eventcount: lets threads wait for any condition over atomics, adaptively: a spin, because answers often
// come within microseconds, then sleep in the kernel. A notify without sleepers is one fence and one load.
//
// How long to spin is learnt, since a thread that spins on the core of the thread it waits for only delays
// the answer (on a loaded machine a submission and its wait took 90 us that way, nearly all of it two spins):
// a spin that fails halves the next one, one that succeeds doubles it, and now and then a full one asks
// whether times have changed.
//
// The condition must be made true (a store of any order) before notify(). Linux futex(2).
#pragma once

#include <algorithm>
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
  // `longest` bounds the spin.
  explicit Eventcount(std::chrono::nanoseconds longest = std::chrono::microseconds(40)) : longest_(longest) {}

  // Wakes every sleeper, each of which looks at its condition again.
  void notify() {
    // Orders the caller's store before the load below; pairs with the increment in wait(): either that thread
    // sees the condition, or this one sees the sleeper.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_relaxed) != 0) wake();
  }

  // True once `condition()` is true, false at the deadline.
  template <class Condition>
  bool wait(Condition&& condition, Deadline deadline) {
    if (condition()) return true;
    uint32_t failures = failures_.load(std::memory_order_relaxed);
    // Every 64th try in a row of failures is a full one.
    auto spin = failures % 64 == 63 ? longest_ : longest_ / (1 << std::min(failures, 6u));
    HostTime until = std::min(HostClock::now() + spin, deadline);
    do {
      // The clock costs as much as a few dozen looks: look at it seldom.
      for (int i = 0; i < 32; ++i) {
        spin_pause();
        if (!condition()) continue;
        failures_.store(std::min(failures, 6u) / 2, std::memory_order_relaxed);
        return true;
      }
    } while (HostClock::now() < until);
    failures_.store(failures + 1, std::memory_order_relaxed);
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

  std::chrono::nanoseconds longest_;
  std::atomic<uint32_t> failures_{0};  // of spins, lately
  std::atomic<uint32_t> sequence_{0};
  std::atomic<uint32_t> sleepers_{0};
};

}  // namespace doorbell
