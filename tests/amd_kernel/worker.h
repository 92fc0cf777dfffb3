// A client that works: an AQL queue, an SDMA queue, a kernel, buffers of all kinds and events on one card,
// and steps that each use some of these and look at what came out.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <random>
#include <stdexcept>

#include "driver/amd/abi/aql.h"
#include "driver/amd/abi/sdma.h"
#include "tests/amd_kernel/rig.h"

namespace doorbell::test {

namespace aql = doorbell::amd::aql;
namespace sdma = doorbell::amd::sdma;

// Of these lines; empty if one of them is no instruction of the GPU's.
std::vector<std::byte> machine_code(const sim::amd::Gpu& gpu, std::initializer_list<const char*> lines);

// Throws std::runtime_error where something is not as it should be.
class Worker {
 public:
  Worker(Client& client, size_t card, uint64_t seed)
      : client_(client),
        card_(card),
        random_(seed),
        event_page_(client, kfd::signal_event_limit * 8, alloc::gtt, rw, card),
        memory_(client, memory_bytes, alloc::vram | alloc::is_public, rw, card),
        code_(client, 2 * page, alloc::gtt, rw, card),
        compute_(client, kfd::QueueType::aql, 64 << 6, card),
        copies_(client, kfd::QueueType::sdma, page, card) {
    kfd::CreateEvent event{};
    event.event_page_offset = event_page_.handle;
    event.auto_reset = 1;
    check(client.call(kfd::create_event, event) == 0, "CREATE_EVENT");
    event_ = event.event_id;
    // The processor finds amd_queue_t around the two pointers.
    *queue() = {};
    queue()->read_dispatch_id_field_base_byte_offset = offsetof(aql::Queue, read_dispatch_id);
    compute_.args.read_pointer_address = compute_.read.va + offsetof(aql::Queue, read_dispatch_id);
    compute_.args.write_pointer_address = compute_.read.va + offsetof(aql::Queue, write_dispatch_id);
    for (uint64_t slot = 0; slot < slots; ++slot)
      *compute_.ring.at<uint16_t>(slot * 64) = static_cast<uint16_t>(aql::Type::invalid);
    check(client.call(kfd::create_queue, compute_.args) == 0, "CREATE_QUEUE of AQL");
    check(client.call(kfd::create_queue, copies_.args) == 0, "CREATE_QUEUE of SDMA");
    doorbell_ = compute_.doorbell(client);
    copies_doorbell_ = doorbell_ + (copies_.args.doorbell_offset - compute_.args.doorbell_offset) / 8;
    assemble(0, {"s_load_dwordx2 s[4:5], s[0:1], 0x0", "s_lshl_b32 s3, s2, 7", "v_lshlrev_b32 v1, 2, v0",
                 "v_add_nc_u32 v1, s3, v1", "s_waitcnt lgkmcnt(0)", "global_load_dword v2, v1, s[4:5]",
                 "s_waitcnt vmcnt(0)", "v_lshlrev_b32 v2, 1, v2", "v_add_nc_u32 v2, 1, v2",
                 "global_store_dword v1, v2, s[4:5]", "s_endpgm"});
    assemble(page, {"s_mov_b32 s4, 0x20000", "s_sub_u32 s4, s4, 1", "s_cmp_lg_u32 s4, 0",
                    "s_cbranch_scc1 0xfffd", "s_endpgm"});
  }

  // One piece of work of a random kind.
  void step() {
    switch (random_() % 5) {
      case 0: return dispatch();
      case 1: return copy(memory_.va, memory_.va + memory_bytes / 2, 1 + random_() % (memory_bytes / 2));
      case 2: return allocate();
      case 3: return wait_for_event_of_own();
      default: return copy_from_own_memory();
    }
  }
  // Frees what steps have left allocated for later ones.
  void rest() { free_all_but(0); }
  // A kernel that is still at work when this returns.
  void leave_kernel_running() { submit(code_.va + page, 0, 1, 0); }

 private:
  static constexpr uint64_t slots = 64, memory_bytes = 64 << 10;

  static void check(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
  }
  aql::Queue* queue() { return compute_.read.at<aql::Queue>(); }

  // A kernel descriptor at this offset, and its code behind it.
  void assemble(uint64_t at, std::initializer_list<const char*> lines) {
    constexpr uint64_t code_offset = 256;
    aql::KernelDescriptor descriptor{};
    descriptor.kernel_code_entry_byte_offset = code_offset;
    descriptor.compute_pgm_rsrc2 = 2 << 1 | 1 << 7;  // two user SGPRs; the workgroup's x
    descriptor.kernel_code_properties = aql::enable_kernarg_segment_ptr | aql::enable_wavefront_size32;
    std::vector<std::byte> code = machine_code(*client_.cards[card_], lines);
    check(!code.empty(), *lines.begin());
    // Instructions are fetched ahead of the program counter.
    std::memset(code_.at<std::byte>(at), 0, page);
    std::memcpy(code_.at<std::byte>(at), &descriptor, sizeof descriptor);
    std::memcpy(code_.at<std::byte>(at + code_offset), code.data(), code.size());
  }

  template <class Done>
  void wait(Done&& done) {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      check(std::chrono::steady_clock::now() < end, "the GPU did not answer for a minute");
      kfd::EventData event{};
      event.event_id = event_;
      kfd::WaitEvents args{reinterpret_cast<uint64_t>(&event), 1, 0, 100, 0};
      check(client_.call(kfd::wait_events, args) == 0, "WAIT_EVENTS");
    }
  }

  void submit(uint64_t kernel, uint64_t arguments, uint32_t groups, uint64_t signal) {
    uint64_t index = queue()->write_dispatch_id;
    wait([&] { return index - std::atomic_ref(queue()->read_dispatch_id).load() < slots; });
    aql::KernelDispatch packet{};
    packet.setup = 1;
    packet.workgroup_size[0] = 32;
    packet.workgroup_size[1] = packet.workgroup_size[2] = 1;
    packet.grid_size[0] = 32 * groups;
    packet.grid_size[1] = packet.grid_size[2] = 1;
    packet.kernel_object = kernel;
    packet.kernarg_address = arguments;
    packet.completion_signal = signal;
    std::atomic_ref(queue()->write_dispatch_id).store(index + 1);
    auto* slot = compute_.ring.at<std::byte>(index % slots * 64);
    std::memcpy(slot + 4, reinterpret_cast<std::byte*>(&packet) + 4, 60);
    uint16_t header =
        aql::Header::make(aql::Type::kernel_dispatch, true, aql::Scope::system, aql::Scope::system).word;
    std::atomic_ref(*reinterpret_cast<uint32_t*>(slot)).store(header | 1u << 16, std::memory_order_release);
    *doorbell_ = index;
  }

  // Twice each number, and one more.
  void dispatch() {
    constexpr uint32_t groups = 3, count = groups * 32;
    auto* numbers = memory_.at<uint32_t>();
    auto* arguments = memory_.at<uint64_t>(page);
    auto* signal = memory_.at<aql::Signal>(page + 256);
    std::vector<uint32_t> before(count);
    for (uint32_t& number : before) number = static_cast<uint32_t>(random_());
    std::memcpy(numbers, before.data(), count * 4);
    *arguments = memory_.va;
    *signal = {};
    signal->kind = aql::signal_user;
    signal->value = 1;
    signal->event_id = event_;
    signal->event_mailbox = event_page_.va + uint64_t{event_} * 8;
    submit(code_.va, memory_.va + page, groups, memory_.va + page + 256);
    wait([&] { return std::atomic_ref(signal->value).load(std::memory_order_acquire) == 0; });
    for (uint32_t i = 0; i < count; ++i) check(numbers[i] == before[i] * 2 + 1, "a kernel's result is wrong");
  }

  void copy(uint64_t from, uint64_t to, uint64_t bytes) {
    auto* source = reinterpret_cast<uint8_t*>(from);
    auto* target = reinterpret_cast<uint8_t*>(to);
    for (uint64_t i = 0; i < bytes; ++i) source[i] = static_cast<uint8_t>(random_());
    uint64_t fence = event_page_.va + uint64_t{event_} * 8;
    using doorbell::amd::high_dword, doorbell::amd::low_dword;
    // clang-format off
    uint32_t words[] = {
        sdma::header(sdma::COPY), static_cast<uint32_t>(bytes - 1), 0,
        low_dword(from), high_dword(from), low_dword(to), high_dword(to),
        sdma::header(sdma::FENCE) | 3u << 16, low_dword(fence), high_dword(fence), event_,
        sdma::header(sdma::TRAP), event_};
    // clang-format on
    // Packets do not cross the end of the ring; NOPs fill it.
    uint64_t in_ring = copied_ % page;
    if (in_ring + sizeof words > page) {
      std::memset(copies_.ring.at<std::byte>(in_ring), 0, page - in_ring);
      copied_ += page - in_ring;
    }
    std::memcpy(copies_.ring.at<std::byte>(copied_ % page), words, sizeof words);
    copied_ += sizeof words;
    std::atomic_ref(*copies_.write.at<uint64_t>()).store(copied_, std::memory_order_release);
    *copies_doorbell_ = copied_;
    wait([&] { return std::atomic_ref(*copies_.read.at<uint64_t>()).load() == copied_; });
    check(std::memcmp(source, target, bytes) == 0, "a copy is wrong");
  }

  // Some buffers come, some of the older ones go.
  void allocate() {
    uint64_t bytes = (1 + random_() % 256) * page, handle = 0, offset = 0, va = client_.reserve(bytes);
    uint32_t kind = random_() % 2 ? alloc::gtt : alloc::vram | alloc::is_public;
    int error = client_.allocate(va, bytes, kind | rw, handle, &offset, card_);
    if (error != -ENOMEM) {  // others may have it all
      check(error == 0, "ALLOC_MEMORY_OF_GPU");
      intptr_t mapped = client_.os().mmap(reinterpret_cast<void*>(va), bytes, PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_FIXED, client_.render[card_], offset);
      check(mapped == static_cast<intptr_t>(va), "mmap");
      *reinterpret_cast<uint64_t*>(va + bytes - 8) = handle;
      check(client_.map(handle, {gpu_id(card_)}) == 0, "MAP_MEMORY_TO_GPU");
      held_.push_back({va, bytes, handle});
    }
    if (held_.size() >= 8 || random_() % 2) free_all_but(4);
  }

  void free_all_but(size_t kept) {
    while (held_.size() > kept) {
      Held old = held_.front();
      held_.pop_front();
      check(*reinterpret_cast<uint64_t*>(old.va + old.bytes - 8) == old.handle, "a buffer was overwritten");
      check(client_.os().munmap(reinterpret_cast<void*>(old.va), old.bytes) == 0, "munmap");
      check(client_.unmap(old.handle, {gpu_id(card_)}) == 0, "UNMAP_MEMORY_FROM_GPU");
      check(client_.release(old.handle) == 0, "FREE_MEMORY_OF_GPU");
    }
  }

  void wait_for_event_of_own() {
    kfd::CreateEvent event{};
    check(client_.call(kfd::create_event, event) == 0, "CREATE_EVENT");
    check(client_.call(kfd::set_event, kfd::EventId{event.event_id, 0}) == 0, "SET_EVENT");
    kfd::EventData data{};
    data.event_id = event.event_id;
    kfd::WaitEvents args{reinterpret_cast<uint64_t>(&data), 1, 0, 60000, 9};
    check(client_.call(kfd::wait_events, args) == 0 && args.wait_result == kfd::wait_complete, "WAIT_EVENTS");
    check(client_.call(kfd::destroy_event, kfd::EventId{event.event_id, 0}) == 0, "DESTROY_EVENT");
  }

  void copy_from_own_memory() {
    constexpr uint64_t bytes = 2 * page;
    void* own = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto address = reinterpret_cast<uint64_t>(own), offset = address;
    uint64_t handle = 0;
    check(client_.allocate(address, bytes, alloc::userptr | rw, handle, &offset, card_) == 0, "user pointer");
    check(client_.map(handle, {gpu_id(card_)}) == 0, "MAP_MEMORY_TO_GPU");
    copy(address, memory_.va + 2 * page, bytes);
    check(client_.unmap(handle, {gpu_id(card_)}) == 0, "UNMAP_MEMORY_FROM_GPU");
    check(client_.release(handle) == 0, "FREE_MEMORY_OF_GPU");
    munmap(own, bytes);
  }

  struct Held {
    uint64_t va, bytes, handle;
  };

  Client& client_;
  size_t card_;
  std::mt19937_64 random_;
  Shared event_page_, memory_, code_;
  QueueParts compute_, copies_;
  volatile uint64_t* doorbell_ = nullptr;
  volatile uint64_t* copies_doorbell_ = nullptr;
  uint32_t event_ = 0;
  uint64_t copied_ = 0;  // bytes of packets
  std::deque<Held> held_;
};

}  // namespace doorbell::test
