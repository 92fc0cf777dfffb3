// KFD's events: what a client sleeps on until the GPU, another thread or a fault wakes it.
//
// Signal events have a slot of 8 bytes in a page that the GPU writes before it interrupts; the interrupt
// carries the event's id. Other events (memory faults, hardware exceptions) have ids from 4096 on and carry
// data. An event's age counts how often it was set: a waiter that names the age it knows misses nothing
// between two waits (KFD 1.14). Source: Linux drivers/gpu/drm/amd/amdkfd/kfd_events.c.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "driver/amd/abi/kfd.h"

namespace doorbell::sim::amd {

// Threads: any. Numbers returned are 0 or -errno.
class Events {
 public:
  // The page that signal events have their slots in: 8 bytes each. Before any was set, signal events have
  // slots in a page of the kernel's own, of which old clients expect 256.
  int set_page(uint64_t* slots, uint64_t bytes);
  [[nodiscard]] bool has_page() const { return page_set_; }

  int create(doorbell::amd::kfd::EventType type, bool auto_reset, uint32_t& id);
  int destroy(uint32_t id);
  int set(uint32_t id);
  int reset(uint32_t id);
  // Reads event_id and last_event_age of each, writes what the events carry. `result` is a WaitResult.
  int wait(std::span<doorbell::amd::kfd::EventData> events, bool all, uint32_t timeout_ms, uint32_t& result);

  // From the GPU.
  void interrupt(uint32_t context);
  void memory_exception(const doorbell::amd::kfd::MemoryException& exception);
  void hardware_exception(const doorbell::amd::kfd::HardwareException& exception);

 private:
  struct Event;
  struct Waiter {
    Event* event = nullptr;  // null once it was destroyed
    bool activated = false, by_age = false;
    bool listens = false;  // was not activated when it came
    std::condition_variable* wake = nullptr;
  };
  struct Event {
    doorbell::amd::kfd::EventType type = doorbell::amd::kfd::EventType::signal;
    bool auto_reset = false, signaled = false;
    uint64_t age = 1;
    doorbell::amd::kfd::MemoryException memory = {};
    doorbell::amd::kfd::HardwareException hardware = {};
    std::vector<Waiter*> waiters;
  };

  [[nodiscard]] static bool has_slot(doorbell::amd::kfd::EventType type) {
    return type == doorbell::amd::kfd::EventType::signal || type == doorbell::amd::kfd::EventType::debug;
  }
  void signal(Event& event);
  void signal_from_gpu(uint32_t id);

  std::mutex mutex_;
  std::map<uint32_t, Event> events_;
  uint64_t own_slots_[256] = {};
  uint64_t* slots_ = own_slots_;
  uint32_t slot_count_ = 256;
  bool page_set_ = false;
};

}  // namespace doorbell::sim::amd
