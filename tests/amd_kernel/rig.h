// A client of the emulated kernel through the in-process door: descriptors opened, address space acquired.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <memory>
#include <string>

#include "driver/amd/abi/kfd.h"
#include "sim/amd/kernel.h"
#include "sim/amd/save_area.h"

namespace doorbell::test {

namespace kfd = doorbell::amd::kfd;
namespace alloc = doorbell::amd::kfd::alloc;
using sim::amd::EmulatedKernel;
using sim::amd::gpu_id;

inline constexpr uint32_t rw = alloc::writable | alloc::executable;
inline constexpr uint64_t page = 4096;

inline std::unique_ptr<EmulatedKernel> machine(const std::string& gpus, uint64_t vram = 256 << 20) {
  auto description = sim::amd::Machine::make(gpus, vram);
  EXPECT_TRUE(description) << (description ? "" : description.error().message);
  auto resources = sim::amd::local_resources(*description);
  auto kernel = EmulatedKernel::make(std::move(*resources));
  EXPECT_TRUE(kernel);
  return std::move(*kernel);
}

class Client {
 public:
  explicit Client(const std::string& gpus = "gfx1030", uint64_t vram = 256 << 20)
      : kernel_(machine(gpus, vram)) {
    fd = kernel_->open("/dev/kfd", O_RDWR);
    EXPECT_GE(fd, 0);
    size_t cards = kernel_->resources().machine().cards.size();
    for (size_t card = 0; card < cards; ++card) {
      render.push_back(kernel_->open(("/dev/dri/renderD" + std::to_string(128 + card)).c_str(), O_RDWR));
      EXPECT_GE(render.back(), 0);
    }
  }
  ~Client() {
    kernel_->close(fd);
    for (int node : render) kernel_->close(node);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void acquire() {
    for (size_t card = 0; card < render.size(); ++card) {
      kfd::AcquireVm args{static_cast<uint32_t>(render[card]), gpu_id(card)};
      ASSERT_EQ(call(kfd::acquire_vm, args), 0);
    }
  }
  template <class Args>
  int call(const Ioctl<Args>& ioctl, Args& args) {
    return kernel_->ioctl(fd, ioctl.request, &args);
  }
  template <class Args>
  int call(const Ioctl<Args>& ioctl, Args&& args) {
    return kernel_->ioctl(fd, ioctl.request, &args);
  }
  EmulatedKernel& kernel() { return *kernel_; }

  // 0 or -errno; the buffer's handle and mmap offset.
  int allocate(uint64_t va, uint64_t bytes, uint32_t flags, uint64_t& handle, uint64_t* offset = nullptr,
               size_t card = 0) {
    kfd::AllocMemory args{va, bytes, 0, offset ? *offset : 0, gpu_id(card), flags};
    int result = call(kfd::alloc_memory, args);
    handle = args.handle;
    if (offset) *offset = args.mmap_offset;
    return result;
  }
  int map(uint64_t handle, std::vector<uint32_t> cards = {gpu_id(0)}) {
    kfd::MapMemory args{handle, reinterpret_cast<uint64_t>(cards.data()), static_cast<uint32_t>(cards.size()),
                        0};
    int result = call(kfd::map_memory, args);
    EXPECT_TRUE(result != 0 || args.n_success == args.n_devices);
    return result;
  }
  int unmap(uint64_t handle, std::vector<uint32_t> cards = {gpu_id(0)}) {
    kfd::MapMemory args{handle, reinterpret_cast<uint64_t>(cards.data()), static_cast<uint32_t>(cards.size()),
                        0};
    return call(kfd::unmap_memory, args);
  }
  int release(uint64_t handle) { return call(kfd::free_memory, kfd::FreeMemory{handle}); }
  uint64_t available(size_t card = 0) {
    kfd::AvailableMemory args{0, gpu_id(card), 0};
    EXPECT_EQ(call(kfd::available_memory, args), 0);
    return args.available;
  }
  // A range of the client's address space that nothing lies in.
  uint64_t reserve(uint64_t bytes) {
    void* range = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(range, MAP_FAILED);
    return reinterpret_cast<uint64_t>(range);
  }

  int fd = -1;
  std::vector<int> render;

 private:
  std::unique_ptr<EmulatedKernel> kernel_;
};

// Memory that GPU and client see at the same address.
struct Shared {
  Shared(Client& client, uint64_t bytes, uint32_t flags = alloc::gtt, uint32_t access = rw) {
    va = client.reserve(bytes);
    uint64_t offset = 0;
    EXPECT_EQ(client.allocate(va, bytes, flags | access, handle, &offset), 0);
    intptr_t mapped = client.kernel().mmap(reinterpret_cast<void*>(va), bytes, PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_FIXED, client.render[0], offset);
    EXPECT_EQ(mapped, static_cast<intptr_t>(va));
    EXPECT_EQ(client.map(handle), 0);
  }
  template <class T>
  T* at(uint64_t offset = 0) const {
    return reinterpret_cast<T*>(va + offset);
  }
  uint64_t va = 0, handle = 0;
};

// All that a compute queue needs, and the arguments to create it.
struct QueueParts {
  explicit QueueParts(Client& client, kfd::QueueType type = kfd::QueueType::aql, uint64_t ring_bytes = 65536)
      : area(sim::amd::save_area(*client.kernel().resources().machine().cards[0].gpu)),
        ring(client, ring_bytes),
        write(client, page),
        read(client, page),
        eop(client, page),
        save(client, (area.save_bytes + area.debug_bytes + page - 1) / page * page) {
    *write.at<uint64_t>() = *read.at<uint64_t>() = 0;
    args.ring_base_address = ring.va;
    args.ring_size = static_cast<uint32_t>(ring_bytes);
    args.write_pointer_address = write.va;
    args.read_pointer_address = read.va;
    args.gpu_id = gpu_id(0);
    args.queue_type = static_cast<uint32_t>(type);
    args.queue_percentage = 100;
    args.queue_priority = 7;
    args.eop_buffer_address = eop.va;
    args.eop_buffer_size = page;
    args.ctx_save_restore_address = save.va;
    args.ctx_save_restore_size = static_cast<uint32_t>(area.save_bytes);
    args.ctl_stack_size = area.ctl_stack_bytes;
  }
  sim::amd::SaveArea area;
  Shared ring, write, read, eop, save;
  kfd::CreateQueue args{};
};

}  // namespace doorbell::test
