// Doorbell: the one store that tells a device that its ring has grown. A value, so that a queue does not know
// whether the register behind it is memory that a thread polls or a page of a PCI device.
//
// Threads: one writer at a time. Order: ring() releases everything written before it.
#pragma once

#include <atomic>
#include <cstdint>

namespace doorbell {

class Doorbell {
 public:
  explicit Doorbell(std::atomic<uint64_t>& location) : location_(&location) {}
  // `count`: packets ever written to the ring. It only rises and does not wrap.
  void ring(uint64_t count) const { location_->store(count, std::memory_order_release); }

 private:
  std::atomic<uint64_t>* location_;
};

}  // namespace doorbell
