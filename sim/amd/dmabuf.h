// DMA-bufs: descriptors that stand for buffers of the Pool.
//
// What passes between processes is a key of 128 random bits under which the Pool gives out holds on a block.
// A DMA-buf is a sealed file with such a key in it: a descriptor that can be passed on by any means, and that
// only proves to the emulated machine which buffer is meant. Source: Linux drivers/dma-buf/dma-buf.c.
#pragma once

#include <mutex>
#include <vector>

#include "hal/base/file.h"
#include "sim/amd/resources.h"

namespace doorbell::sim::amd {

// Those that this process has exported. Threads: any.
class Dmabufs {
 public:
  explicit Dmabufs(Resources& resources) : resources_(resources) {}
  ~Dmabufs();
  Dmabufs(const Dmabufs&) = delete;
  Dmabufs& operator=(const Dmabufs&) = delete;

  // A descriptor for a block that is shared under this key, or -errno. `flags`: O_CLOEXEC counts.
  int make(const ShareKey& key, uint64_t bytes, uint32_t flags);
  // 0 or -errno: the key behind a descriptor.
  static int read(int fd, ShareKey& key);
  // Gives back the blocks whose last descriptor is closed. To be called before memory is counted.
  void drop_closed();

 private:
  // Each with a description of its file that no client has.
  struct Dmabuf {
    Fd file;
    Block block;
  };
  Resources& resources_;
  std::mutex mutex_;
  std::vector<Dmabuf> dmabufs_;
};

}  // namespace doorbell::sim::amd
