// A client of the emulated GPU, as small as one can be: memory that both sides see, a doorbell page, writers
// for the three kinds of ring, and a record of what the command processor told its surroundings. Kernels are
// C++ functions of the dispatch (Hooks::launch), so that packets are tested apart from instructions.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "driver/amd/abi/aql.h"
#include "driver/amd/abi/pm4.h"
#include "driver/amd/abi/sdma.h"
#include "sim/amd/clock.h"
#include "sim/amd/gpu.h"
#include "sim/amd/queue.h"

namespace doorbell::sim::amd {

namespace aql = doorbell::amd::aql;
namespace pm4 = doorbell::amd::pm4;
namespace sdma = doorbell::amd::sdma;

// Polls until `condition()`; false after ten seconds.
template <class Condition>
bool eventually(Condition&& condition) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

struct Rig {
  static constexpr uint64_t base = 0x7f00'0000'0000, bytes = 8 << 20, unmapped = 0x1234'5000;

  explicit Rig(const char* chip = "gfx1100", const char* lenient = "", std::function<bool()> arm = nullptr,
               std::chrono::nanoseconds stalled_after = std::chrono::seconds(10))
      : gpu(*find_gpu(chip)), memory(bytes) {
    EXPECT_TRUE(strict.lenient(lenient).ok());
    Region region;
    region.va = base;
    region.bytes = bytes;
    region.host = memory.data();
    region.access = access_all;
    region.kind = MemoryKind::gtt;
    EXPECT_TRUE(vm.map(region).ok());
    Hooks hooks;
    hooks.interrupt = [this](uint32_t context) {
      note([&] {
        interrupts.push_back(context);
        if (interrupted) interrupted();
      });
    };
    hooks.fault = [this](uint32_t, const Fault& fault) { note([&] { faults.push_back(fault); }); };
    hooks.queue_error = [this](uint32_t, uint32_t errors, const Fault& fault) {
      note([&] {
        queue_errors.push_back(errors);
        refusals.push_back(fault);
      });
    };
    hooks.report = [this](const Fault& fault) { note([&] { lines.push_back(describe(fault)); }); };
    hooks.launch = [this](const Dispatch& dispatch, const Surroundings& around) {
      return launch(dispatch, around);
    };
    hooks.arm = std::move(arm);
    hooks.stalled_after = stalled_after;
    processor = std::make_unique<CommandProcessor>(gpu, vm, strict, std::move(hooks));
  }

  // Memory.
  uint64_t take(uint64_t size, uint64_t align = 256) {
    used = (used + align - 1) / align * align + size;
    EXPECT_LE(used, bytes);
    return base + used - size;
  }
  template <class T = std::byte>
  T* at(uint64_t va) {
    return reinterpret_cast<T*>(memory.data() + (va - base));
  }
  template <class T>
  T look(uint64_t va) {
    return __atomic_load_n(at<T>(va), __ATOMIC_ACQUIRE);
  }
  uint64_t put(std::span<const uint32_t> words, uint64_t align = 256) {
    uint64_t va = take(words.size_bytes(), align);
    std::memcpy(at(va), words.data(), words.size_bytes());
    return va;
  }

  // Records.
  template <class Body>
  void note(Body&& body) {
    std::lock_guard lock(mutex);
    body();
  }
  template <class T>
  size_t count(const std::vector<T>& list) {
    std::lock_guard lock(mutex);
    return list.size();
  }
  // The line that names `check`, waited for; empty if none comes.
  std::string line(std::string_view check) {
    std::string found;
    eventually([&] {
      std::lock_guard lock(mutex);
      for (const std::string& one : lines)
        if (one.starts_with(std::string(check) + ":")) found = one;
      return !found.empty();
    });
    return found;
  }

  // Kernels.
  using Kernel = std::function<Outcome(const Dispatch&, const Surroundings&)>;
  Outcome launch(const Dispatch& dispatch, const Surroundings& around) {
    Kernel kernel;
    note([&] {
      launches.push_back(dispatch);
      if (kernels.contains(dispatch.code)) kernel = kernels[dispatch.code];
    });
    if (instructions) return run(gpu, vm, dispatch, around);
    return kernel ? kernel(dispatch, around) : Outcome();
  }
  // The address of a kernel descriptor whose code is `body`.
  uint64_t kernel(Kernel body, aql::KernelDescriptor descriptor) {
    uint64_t va = take(sizeof descriptor, 64), code = take(256, 256);
    descriptor.kernel_code_entry_byte_offset = static_cast<int64_t>(code - va);
    *at<aql::KernelDescriptor>(va) = descriptor;
    note([&] { kernels[code] = std::move(body); });
    return va;
  }
  // The usual one: kernarg pointer in two SGPRs, wave32.
  uint64_t kernel(Kernel body) {
    aql::KernelDescriptor descriptor{};
    descriptor.kernel_code_properties = aql::enable_kernarg_segment_ptr | aql::enable_wavefront_size32;
    descriptor.compute_pgm_rsrc2 = 2 << 1 | 1 << 7;
    return kernel(std::move(body), descriptor);
  }

  uint64_t signal(int64_t value, uint32_t event = 0) {
    uint64_t va = take(sizeof(aql::Signal), 64);
    aql::Signal& signal = *at<aql::Signal>(va);
    signal = {};
    signal.kind = aql::signal_user;
    signal.value = value;
    signal.event_id = event;
    signal.event_mailbox = event ? take(8, 8) : 0;
    return va;
  }
  int64_t value(uint64_t signal_va) { return look<int64_t>(signal_va + offsetof(aql::Signal, value)); }

  const Gpu& gpu;
  std::vector<std::byte> memory;
  uint64_t used = 0;
  Vm vm;
  Strict strict;
  alignas(8) volatile uint64_t doorbells[64] = {};
  size_t doorbells_used = 0;
  std::mutex mutex;
  std::vector<uint32_t> interrupts, queue_errors;
  std::function<void()> interrupted;  // called under the mutex
  std::vector<Fault> faults, refusals;
  std::vector<std::string> lines;
  std::vector<Dispatch> launches;
  std::map<uint64_t, Kernel> kernels;
  bool instructions = false;  // kernels are machine code
  std::unique_ptr<CommandProcessor> processor;
};

// What all rings share. `unit` is in bytes: what pointers and doorbell count.
struct Ring {
  Ring(Rig& owner, QueueType type, uint64_t bytes, bool eop = true, volatile uint64_t* doorbell = nullptr)
      : rig(owner) {
    config.type = type;
    config.ring = rig.take(bytes, 4096);
    config.ring_bytes = bytes;
    config.read_pointer = rig.take(8, 8);
    config.write_pointer = rig.take(8, 8);
    config.eop_buffer = eop ? rig.take(4096, 4096) : 0;
    config.eop_buffer_bytes = eop ? 4096 : 0;
    config.doorbell = doorbell ? doorbell : &rig.doorbells[rig.doorbells_used++];
  }
  void create() {
    auto added = rig.processor->add_queue(config);
    ASSERT_TRUE(added.ok()) << added.error().message;
    id = *added;
  }
  void ring(uint64_t value) { __atomic_store_n(config.doorbell, value, __ATOMIC_RELEASE); }
  QueueState state() { return *rig.processor->state(id); }

  Rig& rig;
  QueueConfig config;
  uint32_t id = 0;
  uint64_t written = 0;
};

// PM4 (unit: dwords) and SDMA (unit: bytes).
struct DwordRing : Ring {
  DwordRing(Rig& owner, QueueType type, uint64_t bytes = 4096, bool eop = true)
      : Ring(owner, type, bytes, eop), unit(type == QueueType::pm4 ? 1 : 4) {
    create();
  }
  DwordRing& push(std::initializer_list<uint32_t> words) {
    return push(std::span(words.begin(), words.size()));
  }
  DwordRing& push(std::span<const uint32_t> words) {
    for (uint32_t word : words) rig.at<uint32_t>(config.ring)[written++ % (config.ring_bytes / 4)] = word;
    return *this;
  }
  void submit() {
    __atomic_store_n(rig.at<uint64_t>(config.write_pointer), written * unit, __ATOMIC_RELEASE);
    ring(written * unit);
  }
  // All that was submitted was consumed.
  bool done() {
    uint64_t expected = unit == 1 ? written % (config.ring_bytes / 4) : written * 4;
    return eventually([&] {
      return (unit == 1 ? rig.look<uint32_t>(config.read_pointer)
                        : rig.look<uint64_t>(config.read_pointer)) == expected;
    });
  }
  uint64_t unit;
};

struct Pm4Ring : DwordRing {
  explicit Pm4Ring(Rig& owner, uint64_t bytes = 4096, bool eop = true)
      : DwordRing(owner, QueueType::pm4, bytes, eop) {}
  // A packet of that opcode around the body.
  Pm4Ring& packet(pm4::Opcode op, std::initializer_list<uint32_t> body) {
    push({pm4::Header::make(op, static_cast<uint32_t>(body.size()) + 1).word});
    push(body);
    return *this;
  }
};
struct SdmaRing : DwordRing {
  explicit SdmaRing(Rig& owner, uint64_t bytes = 4096) : DwordRing(owner, QueueType::sdma, bytes, false) {}
};

struct AqlRing : Ring {
  explicit AqlRing(Rig& owner, uint64_t slots = 16, bool with_inactive_signal = true,
                   volatile uint64_t* doorbell = nullptr)
      : Ring(owner, QueueType::aql, slots * 64, true, doorbell) {
    queue_va = rig.take(sizeof(aql::Queue), 64);
    queue() = {};
    queue().base_address = config.ring;
    queue().size = static_cast<uint32_t>(slots);
    queue().read_dispatch_id_field_base_byte_offset = offsetof(aql::Queue, read_dispatch_id);
    if (with_inactive_signal) queue().queue_inactive_signal = inactive = rig.signal(0, 99);
    config.read_pointer = queue_va + offsetof(aql::Queue, read_dispatch_id);
    config.write_pointer = queue_va + offsetof(aql::Queue, write_dispatch_id);
    for (uint64_t i = 0; i < slots; ++i)
      *rig.at<uint16_t>(config.ring + 64 * i) = static_cast<uint16_t>(aql::Type::invalid);
    create();
  }
  aql::Queue& queue() { return *rig.at<aql::Queue>(queue_va); }
  uint64_t slot(uint64_t index) { return config.ring + index % (config.ring_bytes / 64) * 64; }

  static aql::KernelDispatch dispatch(uint64_t kernel, uint64_t signal = 0, uint32_t grid = 64,
                                      uint16_t group = 32) {
    aql::KernelDispatch packet{};
    packet.header =
        aql::Header::make(aql::Type::kernel_dispatch, true, aql::Scope::system, aql::Scope::system).word;
    packet.setup = 1;
    packet.workgroup_size[0] = group;
    packet.workgroup_size[1] = packet.workgroup_size[2] = 1;
    packet.grid_size[0] = grid;
    packet.grid_size[1] = packet.grid_size[2] = 1;
    packet.kernel_object = kernel;
    packet.completion_signal = signal;
    return packet;
  }
  static aql::Barrier barrier(aql::Type type, std::initializer_list<uint64_t> signals,
                              uint64_t completion = 0) {
    aql::Barrier packet{};
    packet.header = aql::Header::make(type, true, aql::Scope::system, aql::Scope::system).word;
    std::copy(signals.begin(), signals.end(), packet.dep_signal);
    packet.completion_signal = completion;
    return packet;
  }
  // Writes the body, then the header; returns the packet's index. Does not ring.
  template <class Packet>
  uint64_t write(const Packet& packet) {
    static_assert(sizeof packet == 64);
    uint64_t index = written++;
    __atomic_store_n(rig.at<uint64_t>(config.write_pointer), written, __ATOMIC_RELEASE);
    std::byte* to = rig.at(slot(index));
    std::memcpy(to + 4, reinterpret_cast<const std::byte*>(&packet) + 4, 60);
    uint32_t head;
    std::memcpy(&head, &packet, 4);
    __atomic_store_n(reinterpret_cast<uint32_t*>(to), head, __ATOMIC_RELEASE);
    return index;
  }
  template <class Packet>
  uint64_t submit(const Packet& packet) {
    uint64_t index = write(packet);
    ring(index);
    return index;
  }
  uint64_t read() { return rig.look<uint64_t>(config.read_pointer); }
  bool done() {
    return eventually([&] { return read() == written; });
  }

  uint64_t queue_va = 0, inactive = 0;
};

}  // namespace doorbell::sim::amd
