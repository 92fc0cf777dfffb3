// Queue: an ordered stream of commands into a device. Recording encodes a list for the device once;
// submitting writes it into the queue's ring with one doorbell write.
//
// Threads: all members may be called from any thread; submissions take effect in the order in which submit()
// returned. A Recording may be submitted from any thread.
// Order: submit() releases all host writes made before it. Queues of one device are ordered by signals only.
// Lifetime: a queue must be destroyed before its device. Destroying it ends it: the running command is
// finished, commands after it are dropped and their signals never rise. A Recording may be destroyed, and
// submitted again, while earlier submissions of it are in flight. Errors: a device that is lost refuses
// submissions with the reason for which it was lost.
#pragma once

#include <chrono>
#include <memory>
#include <span>

#include "hal/base/result.h"
#include "hal/commands.h"

namespace doorbell {

class Queue;

// An encoded list, tied to the queue that recorded it.
class Recording {
 public:
  Recording() = default;
  Recording(const Queue& queue, std::shared_ptr<void> encoded)
      : queue_(&queue), encoded_(std::move(encoded)) {}
  Recording(Recording&&) = default;
  Recording& operator=(Recording&&) = default;

  [[nodiscard]] const Queue* queue() const { return queue_; }
  [[nodiscard]] const std::shared_ptr<void>& encoded() const { return encoded_; }  // for drivers

 private:
  const Queue* queue_ = nullptr;
  std::shared_ptr<void> encoded_;
};

class Queue {
 public:
  Queue() = default;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  virtual ~Queue() = default;

  // Checks the list against the device's limits and encodes it. Nothing runs.
  virtual Result<Recording> record(const Commands& commands) = 0;
  // Runs what was recorded, with values[i] in place of variable i; extra values are ignored. The deadline
  // covers the wait for room in the ring.
  virtual Status submit(const Recording& recording, std::span<const uint64_t> values, Deadline deadline) = 0;

  Status submit(const Recording& recording, std::span<const uint64_t> values = {}) {
    return submit(recording, values, from_now(std::chrono::seconds(10)));
  }
  // Records and submits once. The list must have no patches.
  Status submit(const Commands& commands);
};

// For drivers: what every device refuses alike, whatever its encoding.
class Device;
Status check_commands(const Device& device, const Commands& commands);

}  // namespace doorbell
