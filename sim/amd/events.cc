// Events: creation, setting, waiting.
#include "sim/amd/events.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>

namespace doorbell::sim::amd {

namespace kfd = doorbell::amd::kfd;

namespace {

constexpr uint64_t unsignaled_slot = ~uint64_t{0};
// Event 0 does not exist: an interrupt without an id carries 0.
constexpr uint32_t first_signal_id = 1, first_other_id = kfd::signal_event_limit;

uint64_t load(uint64_t& slot) { return std::atomic_ref(slot).load(std::memory_order_acquire); }
void store(uint64_t& slot, uint64_t value) { std::atomic_ref(slot).store(value, std::memory_order_release); }

}  // namespace

int Events::set_page(uint64_t* slots, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  if (page_set_ || !events_.empty()) return -EINVAL;
  if (bytes < kfd::signal_event_limit * 8) return -EINVAL;
  std::fill_n(slots, kfd::signal_event_limit, unsignaled_slot);
  slots_ = slots;
  slot_count_ = kfd::signal_event_limit;
  page_set_ = true;
  return 0;
}

int Events::create(kfd::EventType type, bool auto_reset, uint32_t& id) {
  std::lock_guard lock(mutex_);
  bool slot = has_slot(type);
  uint32_t free = slot ? first_signal_id : first_other_id;
  // The lowest free id, as the kernel's allocator gives.
  for (auto event = events_.lower_bound(free); event != events_.end() && event->first == free; ++event)
    ++free;
  if (slot && free >= slot_count_) return -ENOSPC;
  if (slot) store(slots_[free], unsignaled_slot);
  Event& event = events_[free];
  event.type = type;
  event.auto_reset = auto_reset;
  id = free;
  return 0;
}

int Events::destroy(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto event = events_.find(id);
  if (event == events_.end()) return -EINVAL;
  for (Waiter* waiter : event->second.waiters) {
    waiter->event = nullptr;
    waiter->wake->notify_all();
  }
  events_.erase(event);
  return 0;
}

// With the lock held.
void Events::signal(Event& event) {
  // An automatic reset takes place here if someone waits, else when someone comes to wait.
  bool heard = std::any_of(event.waiters.begin(), event.waiters.end(),
                           [](const Waiter* waiter) { return waiter->listens; });
  event.signaled = !event.auto_reset || !heard;
  if (++event.age == 0) event.age = 2;  // 0 means "no age", 1 "never set"
  for (Waiter* waiter : event.waiters) {
    waiter->activated = true;
    waiter->wake->notify_all();
  }
}

int Events::set(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto event = events_.find(id);
  if (event == events_.end() || event->second.type != kfd::EventType::signal) return -EINVAL;
  signal(event->second);
  return 0;
}

int Events::reset(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto event = events_.find(id);
  if (event == events_.end() || event->second.type != kfd::EventType::signal) return -EINVAL;
  event->second.signaled = false;
  return 0;
}

// With the lock held.
void Events::signal_from_gpu(uint32_t id) {
  auto event = events_.find(id);
  if (event == events_.end() || !has_slot(event->second.type)) return;
  store(slots_[id], unsignaled_slot);
  signal(event->second);
}

void Events::interrupt(uint32_t context) {
  std::lock_guard lock(mutex_);
  if (context < slot_count_ && load(slots_[context]) != unsignaled_slot && events_.contains(context)) {
    signal_from_gpu(context);
    return;
  }
  // No event by that id has its slot written: whoever interrupted named another, so all slots are looked at.
  for (uint32_t id = first_signal_id; id < slot_count_; ++id) {
    if (load(slots_[id]) != unsignaled_slot) signal_from_gpu(id);
  }
}

void Events::memory_exception(const kfd::MemoryException& exception) {
  std::lock_guard lock(mutex_);
  for (auto& [id, event] : events_) {
    if (event.type != kfd::EventType::memory) continue;
    event.memory = exception;
    signal(event);
  }
}

void Events::hardware_exception(const kfd::HardwareException& exception) {
  std::lock_guard lock(mutex_);
  for (auto& [id, event] : events_) {
    if (event.type != kfd::EventType::hardware_exception) continue;
    event.hardware = exception;
    signal(event);
  }
}

int Events::wait(std::span<kfd::EventData> events, bool all, uint32_t timeout_ms, uint32_t& result) {
  std::condition_variable wake;
  std::vector<Waiter> waiters(events.size());
  std::unique_lock lock(mutex_);
  int returned = 0;
  for (size_t i = 0; i < events.size() && returned == 0; ++i) {
    auto found = events_.find(events[i].event_id);
    if (found == events_.end()) {
      returned = -EINVAL;
      break;
    }
    Event& event = found->second;
    waiters[i] = {&event, event.signaled, false, false, &wake};
    event.signaled = event.signaled && !event.auto_reset;
    if (event.type == kfd::EventType::signal && events[i].last_event_age != 0) {
      waiters[i].by_age = true;
      if (event.age != events[i].last_event_age) waiters[i].activated = true;
    }
    waiters[i].listens = !waiters[i].activated;
    event.waiters.push_back(&waiters[i]);
  }
  auto look = [&] {
    size_t active = 0;
    for (const Waiter& waiter : waiters) {
      if (!waiter.event) return result = kfd::wait_fail;
      active += waiter.activated;
    }
    bool complete = all ? active == waiters.size() : active != 0 || waiters.empty();
    return result = complete ? kfd::wait_complete : kfd::wait_timeout;
  };
  if (returned == 0) {
    auto over = [&] { return look() != kfd::wait_timeout; };
    if (timeout_ms == ~0u) {
      wake.wait(lock, over);
    } else {
      wake.wait_for(lock, std::chrono::milliseconds(std::min(timeout_ms, 0x7fffffffu)), over);
    }
    if (result == kfd::wait_fail) returned = -EIO;  // one of the events was destroyed
  }
  for (size_t i = 0; i < waiters.size(); ++i) {
    Event* event = waiters[i].event;
    if (!event) continue;
    std::erase(event->waiters, &waiters[i]);
    if (returned != 0 || result != kfd::wait_complete || !waiters[i].activated) continue;
    if (event->type == kfd::EventType::memory) events[i].memory_exception = event->memory;
    if (event->type == kfd::EventType::hardware_exception) events[i].hardware_exception = event->hardware;
    if (waiters[i].by_age) events[i].last_event_age = event->age;
  }
  if (returned != 0) result = kfd::wait_fail;
  return returned;
}

}  // namespace doorbell::sim::amd
