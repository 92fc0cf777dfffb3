#include "tests/model_device/memory.h"

namespace doorbell::model {

GpuAddr DeviceMemory::add(Bytes size, BufferKind kind, std::byte** host) {
  std::lock_guard lock(mutex_);
  uint64_t address = next_;
  next_ += (size.value + kGap - 1) / kGap * kGap + kGap;
  Block& block = blocks_[address];
  block.device.assign(size.value, kFresh);
  *host = nullptr;
  if (kind == BufferKind::host_visible) {
    block.host = block.agreed = block.device;
    *host = block.host.data();
  } else if (kind == BufferKind::host_coherent) {
    *host = block.device.data();
  }
  return GpuAddr(address);
}

void DeviceMemory::remove(GpuAddr address) {
  std::lock_guard lock(mutex_);
  blocks_.erase(address.value);
}

Result<std::span<std::byte>> DeviceMemory::from(GpuAddr address) {
  std::lock_guard lock(mutex_);
  auto after = blocks_.upper_bound(address.value);
  if (after != blocks_.begin()) {
    auto& [start, block] = *std::prev(after);
    uint64_t offset = address.value - start;
    if (offset < block.device.size()) return std::span(block.device).subspan(offset);
  }
  return error("memory fault at address {:#x}", address.value);
}

Result<std::span<std::byte>> DeviceMemory::at(GpuAddr address, Bytes size) {
  if (size.value == 0) return std::span<std::byte>();
  std::span<std::byte> bytes = TRY(from(address));
  if (bytes.size() < size.value)
    return error("memory fault at address {:#x}, the end of a block, in an access of {} bytes from {:#x}",
                 address.value + bytes.size(), size.value, address.value);
  return bytes.first(size.value);
}

void DeviceMemory::take_host_writes() {
  std::lock_guard lock(mutex_);
  for (auto& [start, block] : blocks_)
    for (size_t i = 0; i < block.host.size(); ++i)
      if (block.host[i] != block.agreed[i]) block.device[i] = block.agreed[i] = block.host[i];
}

void DeviceMemory::show_device_writes() {
  std::lock_guard lock(mutex_);
  for (auto& [start, block] : blocks_)
    for (size_t i = 0; i < block.host.size(); ++i)
      if (block.device[i] != block.agreed[i]) block.host[i] = block.agreed[i] = block.device[i];
}

uint64_t DeviceMemory::blocks() {
  std::lock_guard lock(mutex_);
  return blocks_.size();
}

Bytes DeviceMemory::bytes() {
  std::lock_guard lock(mutex_);
  Bytes sum;
  for (const auto& [start, block] : blocks_) sum = sum + Bytes(block.device.size());
  return sum;
}

}  // namespace doorbell::model
