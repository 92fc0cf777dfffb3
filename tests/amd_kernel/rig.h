// A client of an emulated machine, in this process or around it: descriptors opened, address space acquired.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

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
  // Of a machine of its own.
  explicit Client(const std::string& gpus = "gfx1030", uint64_t vram = 256 << 20)
      : own_(machine(gpus, vram)), os_(*own_) {
    for (const sim::amd::Card& card : own_->resources().machine().cards) cards.push_back(card.gpu);
    open();
  }
  // Of the machine that this process was started on.
  explicit Client(Kernel& os) : os_(os) {
    const std::string nodes = "/sys/devices/virtual/kfd/kfd/topology/nodes/";
    for (size_t node = 1;; ++node) {
      Result<std::string> text = os.read_file(nodes + std::to_string(node) + "/properties");
      if (!text) break;
      for (const sim::amd::Gpu& gpu : sim::amd::gpus())
        if (text->find("gfx_target_version " + std::to_string(gpu.target_version) + "\n") !=
            std::string::npos)
          cards.push_back(&gpu);
    }
    open();
  }
  ~Client() {
    os_.close(fd);
    for (int node : render) os_.close(node);
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
    return os_.ioctl(fd, ioctl.request, &args);
  }
  template <class Args>
  int call(const Ioctl<Args>& ioctl, Args&& args) {
    return os_.ioctl(fd, ioctl.request, &args);
  }
  Kernel& os() { return os_; }
  EmulatedKernel& kernel() { return *own_; }

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
  std::vector<const sim::amd::Gpu*> cards;

 private:
  void open() {
    fd = os_.open("/dev/kfd", O_RDWR);
    EXPECT_GE(fd, 0);
    for (size_t card = 0; card < cards.size(); ++card) {
      render.push_back(os_.open(("/dev/dri/renderD" + std::to_string(128 + card)).c_str(), O_RDWR));
      EXPECT_GE(render.back(), 0);
    }
  }
  std::unique_ptr<EmulatedKernel> own_;
  Kernel& os_;
};

// Memory that GPU and client see at the same address.
struct Shared {
  Shared(Client& client, uint64_t size, uint32_t flags = alloc::gtt, uint32_t access = rw, size_t card = 0)
      : va(client.reserve(size)), bytes(size) {
    uint64_t offset = 0;
    EXPECT_EQ(client.allocate(va, bytes, flags | access, handle, &offset, card), 0);
    intptr_t mapped = client.os().mmap(reinterpret_cast<void*>(va), bytes, PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_FIXED, client.render[card], offset);
    EXPECT_EQ(mapped, static_cast<intptr_t>(va));
    EXPECT_EQ(client.map(handle, {gpu_id(card)}), 0);
  }
  template <class T>
  T* at(uint64_t offset = 0) const {
    return reinterpret_cast<T*>(va + offset);
  }
  uint64_t va = 0, bytes = 0, handle = 0;
};

// All that a queue needs, and the arguments to create it.
struct QueueParts {
  explicit QueueParts(Client& client, kfd::QueueType type = kfd::QueueType::aql, uint64_t ring_bytes = 65536,
                      size_t card = 0)
      : area(sim::amd::save_area(*client.cards[card])),
        ring(client, ring_bytes, alloc::gtt, rw, card),
        write(client, page, alloc::gtt, rw, card),
        read(client, page, alloc::gtt, rw, card) {
    *write.at<uint64_t>() = *read.at<uint64_t>() = 0;
    args.ring_base_address = ring.va;
    args.ring_size = static_cast<uint32_t>(ring_bytes);
    args.write_pointer_address = write.va;
    args.read_pointer_address = read.va;
    args.gpu_id = gpu_id(card);
    args.queue_type = static_cast<uint32_t>(type);
    args.queue_percentage = 100;
    args.queue_priority = 7;
    if (type != kfd::QueueType::aql && type != kfd::QueueType::pm4) return;
    eop.emplace(client, page, alloc::gtt, rw, card);
    save.emplace(client, (area.save_bytes + area.debug_bytes + page - 1) / page * page, alloc::gtt, rw, card);
    args.eop_buffer_address = eop->va;
    args.eop_buffer_size = page;
    args.ctx_save_restore_address = save->va;
    args.ctx_save_restore_size = static_cast<uint32_t>(area.save_bytes);
    args.ctl_stack_size = area.ctl_stack_bytes;
  }
  // The doorbell of the queue, which was created.
  volatile uint64_t* doorbell(Client& client) const {
    intptr_t mapped = client.os().mmap(nullptr, doorbell_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, client.fd,
                                       args.doorbell_offset & ~(doorbell_bytes - 1));
    EXPECT_GT(mapped, 0);
    return reinterpret_cast<volatile uint64_t*>(
        mapped + static_cast<intptr_t>(args.doorbell_offset & (doorbell_bytes - 1)));
  }
  static constexpr uint64_t doorbell_bytes = sim::amd::kfd_file::doorbell_bytes;
  sim::amd::SaveArea area;
  Shared ring, write, read;
  std::optional<Shared> eop, save;  // of compute queues
  kfd::CreateQueue args{};
};

}  // namespace doorbell::test
