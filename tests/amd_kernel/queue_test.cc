// Queues and the memory they stand on: what KFD keeps where it is as long as a queue lives, and what becomes
// of queues where it cannot. Expected: Linux 6.12, amdkfd/kfd_queue.c (kfd_queue_acquire_buffers, queue
// reference counts), kfd_svm.c (svm_range_unmap_from_cpu), kfd_process_queue_manager.c, and
// amdgpu/amdgpu_amdkfd_gpuvm.c (unmap_bo_from_gpuvm, update_invalid_user_pages).
#include <fmt/core.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <thread>

#include "driver/amd/abi/pm4.h"
#include "tests/amd_kernel/rig.h"
#include "tests/amd_kernel/worker.h"

namespace doorbell::test {
namespace {

using namespace std::chrono_literals;
namespace pm4 = doorbell::amd::pm4;
using doorbell::amd::high_dword, doorbell::amd::low_dword;

bool within_ten_seconds(const std::function<bool()>& holds) {
  for (auto end = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < end;
       std::this_thread::sleep_for(1ms))
    if (holds()) return true;
  return holds();
}

// A queue of PM4 packets that store words.
struct Teller {
  explicit Teller(Client& client_, size_t card = 0)
      : client(client_),
        parts(client_, kfd::QueueType::pm4, 65536, card),
        words(client_, page, alloc::gtt, rw, card) {
    *words.at<uint32_t>() = 0;
  }
  int create() {
    int result = client.call(kfd::create_queue, parts.args);
    if (result == 0) doorbell = parts.doorbell(client);
    return result;
  }
  int destroy() { return client.call(kfd::destroy_queue, kfd::QueueId{parts.args.queue_id, 0}); }
  void submit(const std::vector<uint32_t>& packets) {
    std::memcpy(reinterpret_cast<uint32_t*>(parts.args.ring_base_address) + at, packets.data(),
                packets.size() * 4);
    at += packets.size();
    std::atomic_ref(*parts.write.at<uint64_t>()).store(at);
    *doorbell = at;
  }
  [[nodiscard]] std::vector<uint32_t> telling(uint32_t value) const {
    return {pm4::Header::make(pm4::WRITE_DATA, 5).word, uint32_t{pm4::write_data::memory} << 8 | 1 << 20,
            low_dword(words.va), high_dword(words.va), value};
  }
  void tell(uint32_t value) { submit(telling(value)); }
  [[nodiscard]] uint32_t told() const { return std::atomic_ref(*words.at<uint32_t>()).load(); }
  bool tells(uint32_t value) {
    tell(value);
    return within_ten_seconds([&] { return told() == value; });
  }
  // Whether it is off the hardware, which is what the wave state is told of.
  bool stands() {
    return client.call(kfd::get_queue_wave_state, kfd::GetQueueWaveState{parts.args.ctx_save_restore_address,
                                                                         0, 0, parts.args.queue_id, 0}) == 0;
  }
  Client& client;
  QueueParts parts;
  Shared words;
  volatile uint64_t* doorbell = nullptr;
  uint64_t at = 0;
};

// Memory of the client's own that the card always sees (what the thunk takes save areas from).
struct Range {
  Range(Client& client_, uint64_t bytes_)
      : client(client_),
        memory(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
        bytes(bytes_) {
    struct {
      kfd::Svm head;
      kfd::SvmAttribute attributes[2];
    } args{{va(), bytes, kfd::svm_set_attr, 2},
           {{static_cast<uint32_t>(kfd::SvmAttributeType::access), gpu_id(0)},
            {static_cast<uint32_t>(kfd::SvmAttributeType::set_flags), kfd::svm_flag::gpu_always_mapped}}};
    const uint32_t number = (kfd::svm.request & ~(0x3fffu << 16)) | uint32_t{sizeof args} << 16;
    EXPECT_EQ(client.os().ioctl(client.fd, number, &args), 0);
  }
  ~Range() { ::munmap(memory, bytes); }
  [[nodiscard]] uint64_t va() const { return reinterpret_cast<uint64_t>(memory); }
  void unmap(uint64_t offset, uint64_t size) const {
    EXPECT_EQ(client.os().munmap(reinterpret_cast<void*>(va() + offset), size), 0);
  }
  Client& client;
  void* memory;
  uint64_t bytes;
};

struct Acquired : Client {
  explicit Acquired(const char* gpus) : Client(gpus) { acquire(); }
};

struct SaveAreas : testing::Test {
  SaveAreas() { owner.parts.args.ctx_save_restore_address = own->va(); }
  void SetUp() override {
    ASSERT_EQ(owner.create(), 0);
    ASSERT_EQ(other.create(), 0);
    ASSERT_TRUE(owner.tells(1));
    ASSERT_TRUE(other.tells(1));
  }
  Acquired client{"gfx1030"};
  Teller owner{client}, other{client};
  const uint64_t area = owner.parts.save->bytes;
  // Of the owner, and a page more.
  std::optional<Range> own{std::in_place, client, area + page};
};

TEST_F(SaveAreas, WithoutOneNoQueueOfTheProcessEverRunsAgain) {
  kfd::SmiEvents listener{gpu_id(0), 0};
  ASSERT_EQ(client.call(kfd::smi_events, listener), 0);
  const uint64_t evictions = 1 << (9 - 1);
  ASSERT_EQ(write(static_cast<int>(listener.anon_fd), &evictions, 8), 8);
  testing::internal::CaptureStderr();
  own->unmap(area, page);  // of the same range, behind the save area
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            fmt::format("emulated kernel: Freeing queue vital buffer {:#x}, queue evicted\n", own->va()));
  EXPECT_TRUE(owner.stands());
  EXPECT_TRUE(other.stands());
  char line[128] = {};
  EXPECT_GT(read(static_cast<int>(listener.anon_fd), line, sizeof(line) - 1), 0);
  EXPECT_TRUE(std::string_view(line).starts_with("9 ")) << line;
  EXPECT_TRUE(std::string_view(line).ends_with(fmt::format(" -{} {:x} 0\n", getpid(), gpu_id(0)))) << line;
  close(static_cast<int>(listener.anon_fd));

  other.tell(2);
  const kfd::CreateQueue& args = other.parts.args;
  EXPECT_EQ(client.call(kfd::update_queue,
                        kfd::UpdateQueue{args.ring_base_address, args.queue_id, args.ring_size, 100, 15}),
            0);
  EXPECT_TRUE(other.stands()) << "nor by an update";
  EXPECT_EQ(owner.destroy(), 0);
  EXPECT_TRUE(other.stands()) << "nor when the other queue has gone";
  Teller later(client);
  ASSERT_EQ(later.create(), 0);
  later.tell(2);
  EXPECT_TRUE(later.stands()) << "nor one that comes afterwards";
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(other.told(), 1u);
  EXPECT_EQ(later.told(), 0u);
  EXPECT_EQ(other.destroy(), 0);
  EXPECT_EQ(later.destroy(), 0);
}

TEST_F(SaveAreas, OtherMemoryIsTheClientsToUnmap) {
  Range another(client, 2 * page);
  another.unmap(0, page);
  EXPECT_FALSE(owner.stands());
  EXPECT_TRUE(owner.tells(2));
  EXPECT_TRUE(other.tells(2));
  // To be protected takes queues off the hardware for a moment only (svm_range_evict).
  client.kernel().unmapping(own->memory, area, PROT_NONE);
  EXPECT_FALSE(owner.stands());
  EXPECT_TRUE(owner.tells(3));
}

TEST_F(SaveAreas, AreOrdinaryMemoryOnceTheirQueuesAreDestroyed) {
  Teller second(client);  // on the same memory: KFD counts
  second.parts.args.ctx_save_restore_address = own->va();
  ASSERT_EQ(second.create(), 0);
  EXPECT_EQ(second.destroy(), 0);
  EXPECT_EQ(owner.destroy(), 0);
  own->unmap(0, area + page);
  EXPECT_FALSE(other.stands());
  EXPECT_TRUE(other.tells(2));
}

TEST_F(SaveAreas, OfWhichOneQueueOfTwoIsDestroyedAreStillHeld) {
  Teller second(client);
  second.parts.args.ctx_save_restore_address = own->va();
  ASSERT_EQ(second.create(), 0);
  EXPECT_EQ(owner.destroy(), 0);
  testing::internal::CaptureStderr();
  own->unmap(0, page);
  EXPECT_NE(testing::internal::GetCapturedStderr(), "");
  EXPECT_TRUE(second.stands());
}

TEST(QueueBuffers, AreHeldOnTheCardOfTheQueue) {
  Acquired client("gfx1030,gfx1030");
  Teller teller(client, 1);
  // Both cards see this ring, which is the first one's.
  Shared ring(client, 65536, alloc::gtt);
  const uint32_t first = gpu_id(0), second = gpu_id(1);
  ASSERT_EQ(client.map(ring.handle, {second}), 0);
  teller.parts.args.ring_base_address = ring.va;
  ASSERT_EQ(teller.create(), 0);
  EXPECT_EQ(client.unmap(ring.handle, {second}), -EBUSY);
  EXPECT_EQ(client.unmap(ring.handle, {first}), 0);
  EXPECT_TRUE(teller.tells(1));
  EXPECT_EQ(teller.destroy(), 0);
  EXPECT_EQ(client.unmap(ring.handle, {second}), 0);
}

TEST(QueueBuffers, ARingThatIsReplacedIsHeldNoMore) {
  Acquired client("gfx1030");
  Teller teller(client);
  ASSERT_EQ(teller.create(), 0);
  Shared ring(client, 65536, alloc::gtt);
  kfd::CreateQueue& args = teller.parts.args;
  EXPECT_EQ(client.unmap(ring.handle), 0);
  EXPECT_EQ(client.call(kfd::update_queue, kfd::UpdateQueue{ring.va, args.queue_id, 65536, 100, 7}), -EFAULT);
  EXPECT_EQ(client.unmap(teller.parts.ring.handle), -EBUSY) << "an update that fails changes nothing";
  ASSERT_EQ(client.map(ring.handle), 0);
  EXPECT_EQ(client.call(kfd::update_queue, kfd::UpdateQueue{ring.va, args.queue_id, 65536, 100, 7}), 0);
  EXPECT_EQ(client.unmap(ring.handle), -EBUSY);
  EXPECT_EQ(client.unmap(teller.parts.ring.handle), 0);
  args.ring_base_address = ring.va;
  EXPECT_TRUE(teller.tells(1));
  EXPECT_EQ(teller.destroy(), 0);
  EXPECT_EQ(client.unmap(ring.handle), 0);
}

// Linux takes the ring from the GPU and lets the queue go on, which fails where it reads.
TEST(QueueBuffers, ARingOfOnesOwnThatIsUnmappedIsAMemoryFaultOnceItIsRead) {
  for (const bool comes_back : {false, true}) {
    SCOPED_TRACE(comes_back);
    Acquired client("gfx1030");
    kfd::CreateEvent event{};
    event.event_type = static_cast<uint32_t>(kfd::EventType::memory);
    ASSERT_EQ(client.call(kfd::create_event, event), 0);
    Teller teller(client), other(client);
    const uint64_t va = client.reserve(65536);
    const auto ring = reinterpret_cast<void*>(va);
    auto map = [&] {
      EXPECT_EQ(client.os().mmap(ring, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                                 -1, 0),
                static_cast<intptr_t>(va));
    };
    map();
    uint64_t handle = 0, offset = va;
    ASSERT_EQ(client.allocate(va, 65536, alloc::userptr | rw, handle, &offset), 0);
    ASSERT_EQ(client.map(handle), 0);
    teller.parts.args.ring_base_address = va;
    ASSERT_EQ(teller.create(), 0);
    ASSERT_EQ(other.create(), 0);
    EXPECT_TRUE(teller.tells(1));
    EXPECT_EQ(client.unmap(handle), -EBUSY) << "but not by KFD";
    EXPECT_EQ(client.os().munmap(ring, 65536), 0);
    EXPECT_TRUE(other.tells(1)) << "while nobody reads it";
    if (comes_back) {
      map();
      EXPECT_TRUE(teller.tells(2)) << "update_invalid_user_pages has found it again";
      continue;
    }
    testing::internal::CaptureStderr();
    // The next packet is where the ring is no more.
    std::atomic_ref(*teller.parts.write.at<uint64_t>()).store(teller.at + 5);
    *teller.doorbell = teller.at + 5;
    kfd::EventData data{};
    data.event_id = event.event_id;
    kfd::WaitEvents wait{reinterpret_cast<uint64_t>(&data), 1, 1, 10'000, 99};
    EXPECT_EQ(client.call(kfd::wait_events, wait), 0);
    EXPECT_EQ(wait.wait_result, uint32_t{kfd::wait_complete});
    EXPECT_EQ(data.memory_exception.va, va);
    EXPECT_EQ(teller.destroy(), 0);
    testing::internal::GetCapturedStderr();
  }
}

// A doorbell that the GPU stores to rings as one that the host stores to, though nobody has looked for a
// while.
TEST(Doorbells, AreRungByAnotherQueue) {
  Acquired client("gfx1030");
  Teller rung(client), ringer(client);
  ASSERT_EQ(rung.create(), 0);
  ASSERT_EQ(ringer.create(), 0);
  const uint64_t page_of_doorbells = client.reserve(QueueParts::doorbell_bytes);
  uint64_t handle = 0, offset = 0;
  ASSERT_EQ(
      client.allocate(page_of_doorbells, QueueParts::doorbell_bytes, alloc::doorbell | rw, handle, &offset),
      0);
  ASSERT_EQ(client.map(handle), 0);
  const uint64_t slot =
      page_of_doorbells + (rung.parts.args.doorbell_offset & (QueueParts::doorbell_bytes - 1));

  Shared gate(client, page);
  *gate.at<uint32_t>() = 0;
  const std::vector<uint32_t> word = rung.telling(9);
  std::memcpy(rung.parts.ring.at<uint32_t>(), word.data(), word.size() * 4);
  ringer.submit({pm4::Header::make(pm4::WAIT_REG_MEM, pm4::wait_reg_mem::dwords).word,
                 uint32_t{pm4::wait_reg_mem::equal} | 1 << 4, low_dword(gate.va), high_dword(gate.va), 1, ~0u,
                 4});
  for (uint64_t to : {rung.parts.write.va, slot})
    ringer.submit({pm4::Header::make(pm4::RELEASE_MEM, pm4::release_mem::dwords).word, 0x14 | 5 << 8,
                   uint32_t{pm4::release_mem::data64} << 29, low_dword(to), high_dword(to),
                   static_cast<uint32_t>(word.size()), 0, 0});
  std::this_thread::sleep_for(50ms);  // until the doorbells sleep
  std::atomic_ref(*gate.at<uint32_t>()).store(1);
  EXPECT_TRUE(within_ten_seconds([&] { return rung.told() == 9; }));
  EXPECT_EQ(ringer.destroy(), 0);
  EXPECT_EQ(rung.destroy(), 0);
}

// KFD gives global wave sync to queues of either chip; behind it are counters on the first.
TEST(GlobalWaveSync, IsAFormalityFromGfx11On) {
  for (const char* chip : {"gfx1030", "gfx1100"}) {
    for (const bool given : {true, false}) {
      for (const char* row : {"ds_gws_init v1 gds", "ds_gws_barrier v1 gds"}) {
        SCOPED_TRACE(fmt::format("{} {} {}", chip, row, given));
        Acquired client(chip);
        Teller teller(client);
        Shared code(client, page, alloc::gtt);
        const std::vector<std::byte> bytes =
            machine_code(*client.cards[0],
                         {"s_mov_b32 m0, 0", "v_mov_b32 v1, 0", row, "s_waitcnt lgkmcnt(0)", "s_endpgm"});
        ASSERT_FALSE(bytes.empty());
        std::memcpy(code.at<void>(), bytes.data(), bytes.size());
        ASSERT_EQ(teller.create(), 0);
        if (given) {
          ASSERT_EQ(
              client.call(kfd::alloc_queue_gws, kfd::AllocQueueGws{teller.parts.args.queue_id, 64, 0, 0}), 0);
        }
        auto set = [](uint32_t reg, std::initializer_list<uint32_t> values) {
          std::vector<uint32_t> packet = {
              pm4::Header::make(pm4::SET_SH_REG, static_cast<uint32_t>(2 + values.size())).word,
              reg - pm4::set_reg::sh_start};
          packet.insert(packet.end(), values);
          return packet;
        };
        testing::internal::CaptureStderr();
        teller.submit(set(pm4::reg::COMPUTE_PGM_LO, {low_dword(code.va >> 8), high_dword(code.va >> 8)}));
        teller.submit(set(pm4::reg::COMPUTE_PGM_RSRC1, {3 | 0xc0 << 12, 0}));
        teller.submit(set(pm4::reg::COMPUTE_NUM_THREAD_X, {32, 1, 1}));
        teller.submit({pm4::Header::make(pm4::DISPATCH_DIRECT, 5).word, 1, 1, 1, 1 | 1 << 2 | 1 << 15});
        teller.tell(7);
        const bool runs = given && (std::string_view(chip) == "gfx1030" ||
                                    std::string_view(row).find("init") != std::string_view::npos);
        if (runs) {
          EXPECT_TRUE(within_ten_seconds([&] { return teller.told() == 7; }));
        } else {
          std::this_thread::sleep_for(100ms);
        }
        EXPECT_EQ(teller.destroy(), 0);
        if (!runs) { EXPECT_EQ(teller.told(), 0u); }
        const std::string said = testing::internal::GetCapturedStderr();
        EXPECT_TRUE(runs ? said.empty() : said.empty() || said.find("not given to this queue") != said.npos)
            << said;
      }
    }
  }
}

}  // namespace
}  // namespace doorbell::test
