// The command processor around its engines: threads, doorbells, idling, removal, what happens after a fault.
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "tests/amd_packets/rig.h"

namespace doorbell::sim::amd {
namespace {

using namespace std::chrono_literals;
using doorbell::amd::high_dword;
using doorbell::amd::low_dword;

Outcome wait_until_stopped(const Surroundings& around, std::atomic<bool>& running) {
  running = true;
  while (!around.stop->load()) std::this_thread::sleep_for(100us);
  running = false;
  Outcome outcome;
  outcome.status = Outcome::Status::stopped;
  return outcome;
}

// ---- removal

TEST(Queue, IsRemovedWhileAKernelRuns) {
  Rig rig;
  AqlRing ring(rig);
  std::atomic<bool> running{false};
  uint64_t signal = rig.signal(1);
  uint64_t kernel = rig.kernel(
      [&](const Dispatch&, const Surroundings& around) { return wait_until_stopped(around, running); });
  ring.submit(AqlRing::dispatch(kernel, signal));
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  rig.processor->remove_queue(ring.id);
  EXPECT_FALSE(running);
  // Nothing of the packet was completed, and nothing will be.
  EXPECT_EQ(rig.value(signal), 1);
  EXPECT_EQ(ring.read(), 0u);
  EXPECT_FALSE(rig.processor->state(ring.id).ok());
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

TEST(Queue, IsRemovedWhileAPacketWaits) {
  Rig rig;
  AqlRing aql_ring(rig);
  Pm4Ring pm4_ring(rig);
  SdmaRing sdma_ring(rig);
  uint64_t word = rig.take(8);
  *rig.at<uint64_t>(word) = 1;
  aql_ring.submit(AqlRing::barrier(aql::Type::barrier_and, {rig.signal(1)}));
  pm4_ring.packet(pm4::WAIT_REG_MEM, {0x13, low_dword(word), high_dword(word), 0, ~0u, 4}).submit();
  sdma_ring
      .push({sdma::POLL_REGMEM | 3u << 28 | 1u << 31, low_dword(word), high_dword(word), 0, ~0u, 0xfff0004})
      .submit();
  for (Ring* ring :
       {static_cast<Ring*>(&aql_ring), static_cast<Ring*>(&pm4_ring), static_cast<Ring*>(&sdma_ring)}) {
    ASSERT_TRUE(eventually([&] { return ring->state().busy; }));
    rig.processor->remove_queue(ring->id);
  }
}

TEST(Queue, LeavesItsMemoryAloneOnceItIsRemoved) {
  Rig rig;
  // Many rounds, with the removal at another moment of the work each time.
  for (int round = 0; round < 50; ++round) {
    constexpr uint64_t va = 0x10'0000'0000;
    void* memory = mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Region region;
    region.va = va;
    region.bytes = 1 << 16;
    region.host = static_cast<std::byte*>(memory);
    region.access = access_all;
    ASSERT_TRUE(rig.vm.map(region).ok());
    QueueConfig config;
    config.type = QueueType::sdma;
    config.ring = va;
    config.ring_bytes = 4096;
    config.read_pointer = va + 4096;
    config.write_pointer = va + 8192;
    config.doorbell = &rig.doorbells[0];
    auto id = rig.processor->add_queue(config);
    ASSERT_TRUE(id.ok());
    auto* words = static_cast<uint32_t*>(memory);
    for (int i = 0; i < 100; ++i) {
      uint32_t fill[] = {sdma::CONST_FILL | 2u << 30, low_dword(va + 12288), high_dword(va), 7, 40000};
      std::memcpy(words + 5 * i, fill, sizeof fill);
    }
    words[8192 / 4] = 2000;
    rig.doorbells[0] = 2000;
    std::this_thread::sleep_for(std::chrono::microseconds(20 * round));
    rig.processor->remove_queue(*id);
    rig.vm.unmap(va, 1 << 16);
    munmap(memory, 1 << 16);  // a late access would crash
  }
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

TEST(Queue, EndsALongCopyWhenItIsRemoved) {
  Rig rig;
  SdmaRing ring(rig, 8192);
  uint64_t target = rig.take(4 << 20);
  for (int i = 0; i < 200; ++i)
    ring.push({sdma::COPY, (4u << 20) - 1, 0, low_dword(target), high_dword(target), low_dword(target),
               high_dword(target)});
  ring.submit();
  auto begin = std::chrono::steady_clock::now();
  rig.processor->remove_queue(ring.id);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 100ms);
  EXPECT_LT(rig.look<uint64_t>(ring.config.read_pointer), 200u * 28);
}

TEST(Queue, ManyComeAndGo) {
  Rig rig;
  for (int i = 0; i < 100; ++i) {
    rig.used = 0;
    rig.doorbells_used = 0;
    AqlRing ring(rig);
    ring.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
    if (i % 2) { ASSERT_TRUE(ring.done()); }
    rig.processor->remove_queue(ring.id);
  }
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

// ---- several at once

TEST(Queue, QueuesRunAtTheSameTime) {
  Rig rig;
  AqlRing first(rig), second(rig);
  std::atomic<int> inside{0};
  // Each kernel ends only when the other is running too.
  uint64_t kernel = rig.kernel([&](const Dispatch&, const Surroundings&) {
    ++inside;
    EXPECT_TRUE(eventually([&] { return inside == 2; }));
    return Outcome();
  });
  first.submit(AqlRing::dispatch(kernel));
  second.submit(AqlRing::dispatch(kernel));
  EXPECT_TRUE(first.done() && second.done());
}

TEST(Queue, TwentyQueuesOfAllKindsWorkTogether) {
  Rig rig;
  uint64_t total = rig.signal(0);
  uint64_t value = total + 8;
  std::vector<std::unique_ptr<AqlRing>> aqls;
  std::vector<std::unique_ptr<Pm4Ring>> pm4s;
  std::vector<std::unique_ptr<SdmaRing>> sdmas;
  for (int i = 0; i < 7; ++i) {
    aqls.push_back(std::make_unique<AqlRing>(rig));
    pm4s.push_back(std::make_unique<Pm4Ring>(rig));
    sdmas.push_back(std::make_unique<SdmaRing>(rig));
  }
  for (int round = 0; round < 20; ++round) {
    for (auto& ring : aqls) {
      ASSERT_TRUE(eventually([&] { return ring->written - ring->read() < 16; }));
      ring->submit(AqlRing::barrier(aql::Type::barrier_and, {}, total));
    }
    for (auto& ring : pm4s)
      ring->packet(pm4::ATOMIC_MEM, {47, low_dword(value), high_dword(value), ~0u, ~0u, 0, 0, 0}).submit();
    for (auto& ring : sdmas)
      ring->push({sdma::ATOMIC | 47u << 25, low_dword(value), high_dword(value), ~0u, ~0u, 0, 0, 0}).submit();
  }
  EXPECT_TRUE(eventually([&] { return rig.value(total) == -20 * 21; })) << rig.value(total);
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

// ---- suspension

TEST(Queue, StandsWhileItsPercentageIsZero) {
  Rig rig;
  AqlRing ring(rig);
  QueueUpdate update{ring.config.ring, ring.config.ring_bytes, 0, 7};
  ASSERT_TRUE(rig.processor->update_queue(ring.id, update).ok());
  ring.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(ring.read(), 0u);
  EXPECT_TRUE(ring.state().suspended);
  update.percentage = 100;
  ASSERT_TRUE(rig.processor->update_queue(ring.id, update).ok());
  EXPECT_TRUE(ring.done());
}

// ---- faults

TEST(Queue, AFaultEndsAllQueuesOfTheProcess) {
  Rig rig;
  AqlRing victim(rig), idle(rig);
  SdmaRing culprit(rig);
  std::atomic<bool> running{false};
  uint64_t kernel = rig.kernel(
      [&](const Dispatch&, const Surroundings& around) { return wait_until_stopped(around, running); });
  victim.submit(AqlRing::dispatch(kernel));
  ASSERT_TRUE(eventually([&] { return running.load(); }));
  culprit.push({sdma::FENCE, low_dword(Rig::unmapped), 0, 1}).submit();
  ASSERT_TRUE(eventually([&] { return rig.count(rig.faults) == 1; }));
  // By the time of the report they stand.
  EXPECT_FALSE(running);
  EXPECT_EQ(rig.faults[0].kind, FaultKind::memory);
  EXPECT_EQ(rig.faults[0].address, Rig::unmapped);
  EXPECT_TRUE(rig.faults[0].write);
  for (Ring* ring : {static_cast<Ring*>(&victim), static_cast<Ring*>(&idle), static_cast<Ring*>(&culprit)})
    EXPECT_TRUE(ring->state().dead);
  idle.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
  std::this_thread::sleep_for(10ms);
  EXPECT_EQ(idle.read(), 0u);
  EXPECT_EQ(rig.count(rig.lines), 1u);
}

TEST(Queue, ARefusedPacketStopsItsOwnQueueOnly) {
  Rig rig;
  AqlRing bad(rig), good(rig);
  aql::Barrier packet = AqlRing::barrier(aql::Type::barrier_and, {});
  packet.header = (packet.header & 0xff00) | 7;
  bad.submit(packet);
  ASSERT_TRUE(eventually([&] { return bad.state().dead; }));
  good.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
  EXPECT_TRUE(good.done());
}

TEST(Queue, HandsTheTrapHandlerToDispatches) {
  Rig rig;
  AqlRing ring(rig);
  rig.processor->set_trap_handler(0x1000, 0x2000);
  ring.submit(AqlRing::dispatch(rig.kernel([](const Dispatch&, const Surroundings&) { return Outcome(); })));
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(rig.launches[0].trap_handler, 0x1000u);
  EXPECT_EQ(rig.launches[0].trap_memory, 0x2000u);
}

TEST(Queue, SaysAfterTenSecondsWhatAPacketWaitsFor) {
  Rig rig;
  AqlRing ring(rig);
  uint64_t signal = rig.signal(3);
  ring.submit(AqlRing::barrier(aql::Type::barrier_and, {signal}));
  std::this_thread::sleep_for(9s);
  EXPECT_EQ(rig.count(rig.lines), 0u);
  std::string line = rig.line("stalled");
  EXPECT_NE(line.find(fmt::format("AQL queue 0, packet 0: barrier-and waits until signal {:#x} is 0; it is 3",
                                  signal)),
            std::string::npos)
      << line;
  EXPECT_FALSE(ring.state().dead);
}

// ---- creation

TEST(Queue, RefusesRingsThatTheHardwareCannotHold) {
  Rig rig;
  QueueConfig good;
  good.type = QueueType::pm4;
  good.ring = rig.take(4096, 4096);
  good.ring_bytes = 4096;
  good.read_pointer = rig.take(8, 8);
  good.write_pointer = rig.take(8, 8);
  good.doorbell = &rig.doorbells[0];
  auto refused = [&](auto&& spoil) {
    QueueConfig config = good;
    spoil(config);
    return !rig.processor->add_queue(config).ok();
  };
  EXPECT_FALSE(refused([](QueueConfig&) {}));
  EXPECT_TRUE(refused([](QueueConfig& c) { c.ring_bytes = 3000; }));
  EXPECT_TRUE(refused([](QueueConfig& c) { c.ring_bytes = 512; }));
  EXPECT_TRUE(refused([](QueueConfig& c) { c.ring_bytes = 0; }));
  EXPECT_TRUE(refused([](QueueConfig& c) { c.ring_bytes = 1ull << 33; }));
  EXPECT_TRUE(refused([](QueueConfig& c) { c.ring += 4; }));
  EXPECT_TRUE(refused([](QueueConfig& c) { c.read_pointer += 4; }));
  EXPECT_TRUE(refused([](QueueConfig& c) { c.type = static_cast<QueueType>(9); }));
}

TEST(Queue, RefusesCuMasksOfHalfAWorkgroupProcessor) {
  Rig rig;
  AqlRing ring(rig);
  for (auto [mask, fine] : {std::pair{0x3u, true}, {0xf0u, true}, {0x1u, false}, {0x6u, false}, {0x0u, true}})
    EXPECT_EQ(rig.processor->set_cu_mask(ring.id, &mask, 32).ok(), fine) << mask;
}

// Linux takes such a mask, and the queue hangs (kfd_mqd_manager.c, mqd_symmetrically_map_cu_mask).
TEST(Queue, WaitsUnderAMaskWithoutAComputeUnit) {
  Rig rig("gfx1030", "", nullptr, 20ms);
  uint64_t kernel = rig.kernel([](const Dispatch&, const Surroundings&) { return Outcome(); });
  const uint32_t none[4] = {}, beyond[4] = {0, 0, 0x30000, 0}, two[4] = {0x3, 0, 0, 0};  // 80 units
  for (const uint32_t* mask : {none, beyond}) {
    AqlRing ring(rig);
    size_t launched = rig.count(rig.launches), told = rig.count(rig.lines);
    ASSERT_TRUE(rig.processor->set_cu_mask(ring.id, mask, 128).ok());
    ring.submit(AqlRing::dispatch(kernel));
    std::string line = rig.line("stalled");
    EXPECT_NE(line.find("waits for compute units"), std::string::npos) << line;
    EXPECT_EQ(rig.count(rig.launches), launched);
    EXPECT_FALSE(ring.state().dead);
    ASSERT_TRUE(rig.processor->set_cu_mask(ring.id, two, 128).ok());
    EXPECT_TRUE(ring.done());
    EXPECT_EQ(rig.launches.back().cus, 2u);
    EXPECT_EQ(rig.count(rig.lines), told + 1);
    rig.note([&] { rig.lines.clear(); });
  }
}

// ---- idling

uint64_t process_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// How often a thread of the process went to sleep.
long process_sleeps() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw;
}

// Doorbells behind a page that the processor protects when it goes to sleep, as the preloaded object has
// them.
struct ProtectedPage {
  static inline void* client = nullptr;
  static inline CommandProcessor* processor = nullptr;
  static inline std::atomic<int> faults{0}, arms{0};

  ProtectedPage() {
    int fd = memfd_create("doorbells", 0);
    EXPECT_EQ(ftruncate(fd, 4096), 0);
    own = static_cast<uint64_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    client = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t* info, void*) {
      auto at = reinterpret_cast<uintptr_t>(info->si_addr), page = reinterpret_cast<uintptr_t>(client);
      if (at - page >= 4096) _exit(99);
      ++faults;
      mprotect(client, 4096, PROT_READ | PROT_WRITE);
      processor->wake();
    };
    sigaction(SIGSEGV, &action, &before);
  }
  ~ProtectedPage() {
    sigaction(SIGSEGV, &before, nullptr);
    munmap(client, 4096);
    munmap(own, 4096);
  }
  uint64_t* own;
  struct sigaction before{};
};

TEST(Queue, SleepsBehindAProtectedDoorbellPageAndWakesByTheFault) {
  ProtectedPage page;
  Rig rig("gfx1100", "", [] {
    ++ProtectedPage::arms;
    return mprotect(ProtectedPage::client, 4096, PROT_READ) == 0;
  });
  ProtectedPage::processor = rig.processor.get();
  AqlRing ring(rig, 16, true, page.own);
  auto* doorbell = static_cast<volatile uint64_t*>(ProtectedPage::client);
  for (uint64_t i = 0; i < 200; ++i) {
    uint64_t index = ring.write(AqlRing::barrier(aql::Type::barrier_and, {}));
    *doorbell = index;  // faults where the processor sleeps
    ASSERT_TRUE(ring.done()) << i;
    if (i % 4 == 0) std::this_thread::sleep_for(3ms);
  }
  // It slept in the pauses and each time the store woke it.
  EXPECT_GE(ProtectedPage::faults, 40);
  EXPECT_LE(ProtectedPage::faults, 100);
}

// A store must not be lost between the last look and the sleep: stores come at all phases of the protocol.
TEST(Queue, LosesNoDoorbellWhileItFallsAsleep) {
  ProtectedPage page;
  Rig rig("gfx1100", "", [] { return mprotect(ProtectedPage::client, 4096, PROT_READ) == 0; });
  ProtectedPage::processor = rig.processor.get();
  AqlRing ring(rig, 16, true, page.own);
  auto* doorbell = static_cast<volatile uint64_t*>(ProtectedPage::client);
  for (uint64_t i = 0; i < 1000; ++i) {
    *doorbell = ring.write(AqlRing::barrier(aql::Type::barrier_and, {}));
    ASSERT_TRUE(ring.done()) << i;
    auto until = std::chrono::steady_clock::now() + 900us + std::chrono::nanoseconds(300 * i);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
  }
}

// Wake-ups are counted: what one costs depends on the machine. A thread that spins has none, but uses a core.
TEST(Queue, SleepsWhileItIsIdle) {
  for (bool armed : {true, false}) {
    ProtectedPage page;
    Rig rig("gfx1100", "", armed ? std::function<bool()>([] { return true; }) : nullptr);
    AqlRing first(rig), second(rig);
    SdmaRing third(rig);
    first.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
    ASSERT_TRUE(first.done());
    std::this_thread::sleep_for(1s);
    uint64_t before = process_nanoseconds();
    long sleeps_before = process_sleeps();
    std::this_thread::sleep_for(2s);
    double share = static_cast<double>(process_nanoseconds() - before) / 2e9;
    long sleeps = process_sleeps() - sleeps_before;
    printf("idle %s: %ld wake-ups in 2 s, %.4f %% of a core\n", armed ? "with a protected page" : "polling",
           sleeps, share * 100);
    EXPECT_LE(sleeps, armed ? 3 : 25);
    EXPECT_LT(share, 0.1);
  }
}

TEST(Queue, PollsMemoryThatAPacketWaitsForWithBackOff) {
  Rig rig("gfx1100", "", [] { return true; });
  AqlRing ring(rig);
  uint64_t signal = rig.signal(1);
  ring.submit(AqlRing::barrier(aql::Type::barrier_and, {signal}));
  std::this_thread::sleep_for(500ms);
  uint64_t before = process_nanoseconds();
  long sleeps_before = process_sleeps();
  std::this_thread::sleep_for(2s);
  double share = static_cast<double>(process_nanoseconds() - before) / 2e9;
  long sleeps = process_sleeps() - sleeps_before;
  printf("waiting for memory: %ld wake-ups in 2 s, %.4f %% of a core\n", sleeps, share * 100);
  EXPECT_LE(sleeps, 110);  // naps have grown to 20 ms by then
  EXPECT_LT(share, 0.1);
  auto begin = std::chrono::steady_clock::now();
  __atomic_store_n(&rig.at<aql::Signal>(signal)->value, 0, __ATOMIC_RELEASE);
  ASSERT_TRUE(ring.done());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 100ms);
}

}  // namespace
}  // namespace doorbell::sim::amd
