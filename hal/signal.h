// Signal: a 64-bit timeline that only rises. Queues and the host raise it and wait for it to reach a value.
//
// Threads: every member may be called from any thread at any time.
// Order: raising releases, and seeing the value acquires, what Scope covers (hal/commands.h).
// Lifetime: must outlive the commands that name it, and must not be used after its device is gone.
// Errors: a wait ends with an error at its deadline, and at once when the device is lost.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "hal/base/result.h"
#include "hal/base/units.h"

namespace doorbell {

class Device;

class Signal {
 public:
  // For drivers: the word lies in memory that host and device share; it may be re-based behind a narrower
  // one.
  Signal(Device& device, std::shared_ptr<std::atomic<uint64_t>> word)
      : device_(&device), word_(std::move(word)) {}
  Signal(Signal&&) = default;
  Signal& operator=(Signal&&) = default;

  [[nodiscard]] Device& device() const { return *device_; }
  [[nodiscard]] uint64_t value() const { return word_->load(std::memory_order_acquire); }
  // Returns when value() >= `value`. The deadline's error says which value was awaited and which was there.
  Status wait(uint64_t value, Deadline deadline) const;
  // Raises it from the host; a value below the current one is refused.
  Status raise(uint64_t value);

  [[nodiscard]] std::atomic<uint64_t>& word() const { return *word_; }  // for drivers

 private:
  Device* device_;
  std::shared_ptr<std::atomic<uint64_t>> word_;
};

}  // namespace doorbell
