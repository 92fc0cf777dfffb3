// Buffer: a move-only owner of memory that a device can address.
//
// Threads: a Buffer is a value; distinct buffers may be used from any threads.
// Lifetime: work that was submitted does not keep buffers alive: a buffer must outlive every command that
// names an address in it. A buffer may outlive its device; then its address means nothing any more. Order:
// the host may touch host() bytes only while no submitted command does. Host writes made before a submit()
// are visible to what it submits; device writes are visible to the host once it has seen a signal of
// Scope::system that was recorded after them.
#pragma once

#include <memory>
#include <utility>

#include "hal/base/units.h"

namespace doorbell {

// clang-format off
enum class BufferKind : uint8_t {
  device,         // fastest for kernels; the host cannot address it (not even where it physically could)
  host_visible,   // host() is set; visibility changes hands at submit and at system-scope signals
  host_coherent,  // host() is set; single aligned 8-byte accesses are visible to both sides at any time
  imported,       // memory of the host's, lent by Device::import; host() is the lent memory
};
// clang-format on

class Buffer {
 public:
  Buffer() = default;
  // For drivers: `storage` frees the memory when it is destroyed.
  Buffer(GpuAddr address, Bytes size, BufferKind kind, std::byte* host, std::shared_ptr<void> storage)
      : address_(address), size_(size), kind_(kind), host_(host), storage_(std::move(storage)) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    swap(taken);
    return *this;
  }

  [[nodiscard]] GpuAddr address() const { return address_; }  // aligned to Limits::alignment unless imported
  [[nodiscard]] Bytes size() const { return size_; }
  [[nodiscard]] BufferKind kind() const { return kind_; }
  [[nodiscard]] std::byte* host() const { return host_; }  // null for BufferKind::device

 private:
  void swap(Buffer& other) {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    std::swap(kind_, other.kind_);
    std::swap(host_, other.host_);
    std::swap(storage_, other.storage_);
  }

  GpuAddr address_;
  Bytes size_;
  BufferKind kind_ = BufferKind::device;
  std::byte* host_ = nullptr;
  std::shared_ptr<void> storage_;
};

}  // namespace doorbell
