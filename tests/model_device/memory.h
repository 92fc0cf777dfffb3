// The model device's memory: an address space that has nothing to do with the host's. Blocks lie apart, are
// never given the same address twice, and are filled with a pattern at first, so that whatever reads past an
// end, after a free or before a write is found out. host_visible blocks exist twice, and bytes change hands
// only where the contract says they do: at submit, and at signals of Scope::system.
#pragma once

#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "hal/base/result.h"
#include "hal/memory.h"

namespace doorbell::model {

class DeviceMemory {
 public:
  static constexpr uint64_t kFirst = 0x1000'0000'0000;
  static constexpr uint64_t kGap = 0x1'0000;  // between blocks
  static constexpr std::byte kFresh{0xcb};

  // The block's address; `host` receives where the host sees it, or null.
  GpuAddr add(Bytes size, BufferKind kind, std::byte** host);
  void remove(GpuAddr address);

  // Device side. The bytes from `address` to the end of its block; an error names the address.
  Result<std::span<std::byte>> from(GpuAddr address);
  // As from(), of exactly `size` bytes.
  Result<std::span<std::byte>> at(GpuAddr address, Bytes size);

  void take_host_writes();
  void show_device_writes();

  uint64_t blocks();
  Bytes bytes();

 private:
  struct Block {
    std::vector<std::byte> device;
    std::vector<std::byte> host;    // of host_visible
    std::vector<std::byte> agreed;  // what both sides last had, of host_visible
  };
  std::mutex mutex_;  // over the map; contents are ordered by the queue
  std::map<uint64_t, Block> blocks_;
  uint64_t next_ = kFirst;
};

}  // namespace doorbell::model
