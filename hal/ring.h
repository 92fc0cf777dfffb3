// Ring: a power of two of 64-byte packets between one producer and one consumer, without locks. The form is
// AQL's: a packet's body is written first and its 32-bit header last, with release, so that a consumer that
// sees a header other than zero sees the whole packet, whether or not it looks at the doorbell.
//
// Threads: one producer thread and one consumer thread at a time.
// Lifetime: the memory and the read index belong to the driver (a device may write the index back itself).
// Errors: reserve() gives null while the ring is full; what to do about it is the driver's choice.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>

#include "hal/base/result.h"

namespace doorbell {

struct alignas(64) RingPacket {
  std::atomic<uint32_t> header{0};  // 0: not published
  uint32_t word{0};
  std::array<uint64_t, 7> body{};
};
static_assert(sizeof(RingPacket) == 64);

class Ring {
 public:
  Ring(std::span<RingPacket> packets, std::atomic<uint64_t>& read_index)
      : packets_(packets), read_(&read_index) {
    DOORBELL_CHECK(std::has_single_bit(packets.size()), "a ring of {} packets", packets.size());
  }

  [[nodiscard]] size_t capacity() const { return packets_.size(); }

  // Producer. The next packet, its header still zero, or null while the ring is full.
  [[nodiscard]] RingPacket* reserve() {
    // Acquire: the consumer has finished reading the packet that is about to be overwritten.
    if (write_ - read_->load(std::memory_order_acquire) == packets_.size()) return nullptr;
    return &at(write_);
  }
  // Producer. Publishes the reserved packet; returns the count to ring the doorbell with.
  uint64_t publish(uint32_t header) {
    at(write_).header.store(header, std::memory_order_release);
    return ++write_;
  }

  // Consumer. The oldest published packet, or null.
  [[nodiscard]] const RingPacket* front() const {
    const RingPacket& packet = at(read_->load(std::memory_order_relaxed));
    return packet.header.load(std::memory_order_acquire) ? &packet : nullptr;
  }
  // Consumer. Gives the oldest packet's place back. The header is cleared before the index moves: otherwise a
  // full turn later the old header would publish a half-written packet.
  void pop() {
    uint64_t index = read_->load(std::memory_order_relaxed);
    at(index).header.store(0, std::memory_order_relaxed);
    read_->store(index + 1, std::memory_order_release);
  }

 private:
  [[nodiscard]] RingPacket& at(uint64_t index) const { return packets_[index & (packets_.size() - 1)]; }

  std::span<RingPacket> packets_;
  std::atomic<uint64_t>* read_;
  uint64_t write_ = 0;
};

}  // namespace doorbell
