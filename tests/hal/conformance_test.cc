// The conformance suite: what hal/*.h promises, held against every device. A new device is done when a row of
// it passes here. Rows differ in how they are opened; what a device is known not to keep is listed with its
// reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <fstream>
#include <thread>

#include "driver/cpu/device.h"
#include "hal/base/file.h"
#include "tests/hal/kernels.h"
#include "tests/scratch_folder.h"
#include "tools/backends.h"

#if defined(__SANITIZE_THREAD__)
#define DOORBELL_THREAD_SANITIZER 1
#elif defined(__has_feature)
#define DOORBELL_THREAD_SANITIZER __has_feature(thread_sanitizer)
#endif

namespace doorbell {
namespace {

using namespace std::chrono_literals;

struct Row {
  const char* name;
  const char* backend;  // in tools/backends.cc; null: of the tests only
  std::unique_ptr<Device> (*open)(std::chrono::milliseconds patience);
};

std::unique_ptr<Device> cpu(unsigned threads, std::chrono::milliseconds patience) {
  auto device = open_cpu_device({threads, patience});
  EXPECT_TRUE(device.ok()) << device.error().message;
  return std::move(*device);
}
std::unique_ptr<Device> model_device(uint64_t seed, std::chrono::milliseconds patience) {
  return model::open_model_device(suite_loader(), {seed, 20us, patience});
}

// clang-format off
const Row kRows[] = {
    {"Cpu",         "CPU",   [](auto patience) { return cpu(0, patience); }},
    {"CpuAlone",    "CPU",   [](auto patience) { return cpu(1, patience); }},
    {"CpuCrowded",  "CPU",   [](auto patience) { return cpu(5, patience); }},
    {"Model",       nullptr, [](auto patience) { return model_device(1, patience); }},
    {"ModelSeed2",  nullptr, [](auto patience) { return model_device(2, patience); }},
};

struct KnownFailure { const char* row; const char* test; const char* reason; };
const KnownFailure kKnownFailures[] = {
    {"Cpu",        "AccessPastABufferIsAFault", "buffers lie in the process's heap: what is past one may be another"},
    {"CpuAlone",   "AccessPastABufferIsAFault", "as Cpu"},
    {"CpuCrowded", "AccessPastABufferIsAFault", "as Cpu"},
#if DOORBELL_THREAD_SANITIZER
    {"Cpu",        "AHangEndsWithItsQueue", "the thread sanitizer holds signals back until the next call, which machine code never makes"},
    {"CpuAlone",   "AHangEndsWithItsQueue", "as Cpu"},
    {"CpuCrowded", "AHangEndsWithItsQueue", "as Cpu"},
#endif
};
// clang-format on

void check(const Status& status) { ASSERT_TRUE(status.ok()) << status.error().message; }
template <class T>
T need(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.error().message;
  return std::move(*result);
}
Deadline soon() { return from_now(60s); }

class Conformance : public testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    for (const KnownFailure& known : kKnownFailures)
      if (GetParam().name == std::string(known.row) &&
          std::string(info->name()).starts_with(std::string(known.test) + "/"))
        GTEST_SKIP() << "known failure: " << known.reason;
    open(10s);
  }
  void open(std::chrono::milliseconds patience) {
    close();
    device = GetParam().open(patience);
    queue = need(device->create_queue());
    done.emplace(need(device->create_signal()));
  }
  void close() {
    programs.clear();
    queue.reset();
    done.reset();
    last = 0;
  }
  void TearDown() override {
    close();
    if (!device) return;  // the test ended it
    EXPECT_EQ(device->live(), LiveObjects{}) << "something was left behind";
  }

  const Program& program(std::string_view name) {
    for (const Program& loaded : programs)
      if (loaded.name() == name) return loaded;
    programs.push_back(need(device->load(suite_image(device->properties().limits.isa, name))));
    return programs.back();
  }
  template <class T>
  Buffer upload(const std::vector<T>& values, BufferKind kind = BufferKind::device) {
    Bytes size(values.size() * sizeof(T));
    Buffer staging = need(device->allocate(size, BufferKind::host_visible));
    std::memcpy(staging.host(), values.data(), size.value);
    Buffer buffer = need(device->allocate(size, kind));
    run(Commands().copy(buffer.address(), staging.address(), size));
    return buffer;
  }
  template <class T>
  std::vector<T> download(const Buffer& buffer) {
    Buffer staging = need(device->allocate(buffer.size(), BufferKind::host_visible));
    run(Commands().copy(staging.address(), buffer.address(), buffer.size()));
    std::vector<T> values(buffer.size().value / sizeof(T));
    std::memcpy(values.data(), staging.host(), buffer.size().value);
    return values;
  }
  void run(Commands& commands) {
    check(queue->submit(commands.signal(*done, ++last)));
    check(done->wait(last, soon()));
  }
  void run(Commands&& commands) { run(commands); }

  std::unique_ptr<Device> device;
  std::unique_ptr<Queue> queue;
  std::optional<Signal> done;
  uint64_t last = 0;
  std::deque<Program> programs;
};

INSTANTIATE_TEST_SUITE_P(Rows, Conformance, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Backends, EachHasARowInTheSuite) {
  for (const Backend& backend : backends()) {
    bool found = std::any_of(std::begin(kRows), std::end(kRows), [&](const Row& row) {
      return row.backend && row.backend == std::string(backend.name);
    });
    EXPECT_TRUE(found) << backend.name;
  }
}

TEST(Backends, AnUnknownNameListsTheKnown) {
  auto opened = open_device("TPU");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().message, "no device is named TPU (DEV=); there is CPU");
}

// ---- signals

TEST_P(Conformance, SignalsNeverFall) {
  Signal signal = need(device->create_signal(5));
  EXPECT_EQ(signal.value(), 5u);
  EXPECT_FALSE(signal.raise(4).ok());
  check(signal.raise(7));
  run(Commands().signal(signal, 6));
  EXPECT_EQ(signal.value(), 7u);
  run(Commands().signal(signal, ~0ull));
  EXPECT_EQ(signal.value(), ~0ull);
}

TEST_P(Conformance, SignalsRiseInOrder) {
  Signal signal = need(device->create_signal());
  Commands commands;
  for (uint64_t i = 1; i <= 500; ++i) commands.signal(signal, i);
  check(queue->submit(commands));
  uint64_t before = 0;
  HostTime limit = soon();
  while (before < 500 && HostClock::now() < limit) {
    uint64_t now = signal.value();
    ASSERT_GE(now, before);
    before = now;
  }
  EXPECT_EQ(before, 500u);
  check(signal.wait(500, soon()));
}

TEST_P(Conformance, WaitEndsAtItsDeadline) {
  Signal signal = need(device->create_signal(3));
  HostTime start = HostClock::now();
  Status status = signal.wait(9, from_now(20ms));
  EXPECT_GE(HostClock::now() - start, 20ms);
  EXPECT_LT(HostClock::now() - start, 10s);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("did not reach 9"), std::string::npos) << status.error().message;
  EXPECT_NE(status.error().message.find("is at 3"), std::string::npos) << status.error().message;
  check(signal.wait(3, HostTime()));
}

TEST_P(Conformance, TheHostCanReleaseAQueue) {
  Signal gate = need(device->create_signal());
  for (uint64_t i = 1; i <= 50; ++i) {
    check(queue->submit(Commands().wait(gate, i).signal(*done, ++last)));
    EXPECT_LT(done->value(), last);
    if (i % 10 == 0) { EXPECT_FALSE(done->wait(last, from_now(3ms)).ok()); }
    check(gate.raise(i));
    check(done->wait(last, soon()));
  }
}

TEST_P(Conformance, ABlockedQueueDoesNotHoldUpAnother) {
  Signal gate = need(device->create_signal());
  auto blocked = need(device->create_queue());
  Signal passed = need(device->create_signal());
  check(blocked->submit(Commands().wait(gate, 1).signal(passed, 1)));
  for (int i = 0; i < 20; ++i)
    run(Commands().dispatch(program("spin"), {1, 1, 1}, std::array<uint64_t, 1>{10}));
  EXPECT_EQ(passed.value(), 0u);
  run(Commands().signal(gate, 1));
  check(passed.wait(1, soon()));
}

TEST_P(Conformance, SignalsOrderTwoQueues) {
  auto other = need(device->create_queue());
  Signal turn = need(device->create_signal());
  Buffer buffer = upload<uint64_t>({1});
  uint64_t expected = 1;
  for (uint64_t i = 0; i < 40; ++i) {
    std::array<uint64_t, 2> arguments{buffer.address().value, i};
    Commands commands;
    commands.wait(turn, i).dispatch(program("step"), {1, 1, 1}, arguments).signal(turn, i + 1, Scope::device);
    expected = expected * 3 + i;
    check((i % 2 ? *other : *queue).submit(commands));
  }
  check(turn.wait(40, soon()));
  EXPECT_EQ(download<uint64_t>(buffer), std::vector<uint64_t>{expected});
}

// ---- memory

TEST_P(Conformance, CopiesBetweenAllKinds) {
  constexpr BufferKind kKinds[] = {BufferKind::device, BufferKind::host_visible, BufferKind::host_coherent};
  for (BufferKind from : kKinds)
    for (BufferKind to : kKinds)
      for (size_t size : {1, 7, 64, 4097, 100000}) {
        std::vector<uint8_t> bytes(size + 5);
        for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 37 + size);
        Buffer source = upload(bytes, from);
        Buffer target = upload(std::vector<uint8_t>(size + 5, 1), to);
        run(Commands().copy(target.address() + Bytes(3), source.address() + Bytes(5), Bytes(size)));
        std::vector<uint8_t> expected(size + 5, 1);
        std::copy(bytes.begin() + 5, bytes.end(), expected.begin() + 3);
        ASSERT_EQ(download<uint8_t>(target), expected);
      }
}

TEST_P(Conformance, ACopyOfNothingDoesNothing) {
  Buffer buffer = upload<uint8_t>({1, 2});
  run(Commands().copy(buffer.address(), buffer.address() + Bytes(1), Bytes(0)));
  EXPECT_EQ(download<uint8_t>(buffer), (std::vector<uint8_t>{1, 2}));
}

TEST_P(Conformance, AllocationsAreAlignedAndTellWhereTheHostSeesThem) {
  for (BufferKind kind : {BufferKind::device, BufferKind::host_visible, BufferKind::host_coherent})
    for (uint64_t size : {1, 63, 5000}) {
      Buffer buffer = need(device->allocate(Bytes(size), kind));
      EXPECT_EQ(buffer.address().value % device->properties().limits.alignment.value, 0u);
      EXPECT_EQ(buffer.host() != nullptr, kind != BufferKind::device);
      EXPECT_EQ(buffer.size(), Bytes(size));
      EXPECT_EQ(device->live().buffers, 1u);
    }
  Buffer nothing = need(device->allocate(Bytes(0), BufferKind::device));
  EXPECT_EQ(nothing.address(), GpuAddr());
  EXPECT_FALSE(device->allocate(Bytes(1ull << 60), BufferKind::device).ok());
}

TEST_P(Conformance, SubmitReleasesHostWritesAndSignalsShowDeviceWrites) {
  Buffer buffer = need(device->allocate(Bytes(8 * 16), BufferKind::host_visible));
  auto* values = reinterpret_cast<uint64_t*>(buffer.host());
  std::array<uint64_t, 2> arguments{buffer.address().value, 1};
  for (uint64_t i = 0; i < 200; ++i) {
    for (uint64_t j = 0; j < 16; ++j) values[j] = i * j;
    run(Commands().dispatch(program("step"), {16, 1, 1}, arguments));
    for (uint64_t j = 0; j < 16; ++j) ASSERT_EQ(values[j], i * j * 3 + 1);
  }
}

TEST_P(Conformance, CoherentMemoryIsSeenWhileCommandsRun) {
  Buffer buffer = need(device->allocate(Bytes(8), BufferKind::host_coherent));
  auto& word = *reinterpret_cast<std::atomic<uint64_t>*>(buffer.host());
  word = 0;
  Signal gate = need(device->create_signal());
  std::array<uint64_t, 2> arguments{buffer.address().value, 5};
  Commands commands;
  commands.dispatch(program("step"), {1, 1, 1}, arguments).barrier().wait(gate, 1).signal(*done, ++last);
  check(queue->submit(commands));
  HostTime limit = soon();
  while (word.load(std::memory_order_acquire) != 5) ASSERT_LT(HostClock::now(), limit);
  check(gate.raise(1));
  check(done->wait(last, soon()));
}

TEST_P(Conformance, ImportNeedsNoCopyOrIsRefused) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "imported";
  std::vector<uint64_t> values(1000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i * i;
  check(write_file_atomically(path, std::as_bytes(std::span(values))));
  Mapping file = need(map_file(path));
  auto imported = device->import(file.bytes());
  if (!device->properties().imports_host_memory) {
    ASSERT_FALSE(imported.ok());
    EXPECT_NE(imported.error().message.find("copy instead"), std::string::npos);
    return;
  }
  Buffer source = need(std::move(imported));
  EXPECT_EQ(source.host(), file.data());
  EXPECT_EQ(device->live().memory, Bytes(0)) << "an import holds no memory of the device";
  Buffer target = need(device->allocate(source.size(), BufferKind::device));
  std::array<uint64_t, 2> arguments{target.address().value, source.address().value};
  run(Commands().dispatch(program("double_into"), {1000, 1, 1}, arguments));
  for (uint64_t& value : values) value *= 2;
  EXPECT_EQ(download<uint64_t>(target), values);
}

// ---- dispatches

TEST_P(Conformance, EveryWorkgroupRunsExactlyOnce) {
  for (Grid grid : {Grid{1, 1, 1}, Grid{7, 3, 5}, Grid{1000, 1, 1}, Grid{1, 64, 1}, Grid{2, 1, 33},
                    Grid{0, 5, 5}, Grid{3, 0, 1}}) {
    size_t total = size_t{grid[0]} * grid[1] * grid[2];
    Buffer counters = upload(std::vector<uint32_t>(total + 1));
    std::array<uint64_t, 3> arguments{counters.address().value, grid[0], grid[1]};
    Commands commands;
    for (int i = 0; i < 10; ++i) commands.dispatch(program("count"), grid, arguments).barrier();
    run(commands);
    std::vector<uint32_t> expected(total, 10);
    expected.push_back(0);
    ASSERT_EQ(download<uint32_t>(counters), expected);
  }
}

TEST_P(Conformance, LocalMemoryBelongsToOneWorkgroup) {
  Buffer out = upload(std::vector<uint64_t>(3000));
  run(Commands().dispatch(program("local"), {3000, 1, 1}, std::array<uint64_t, 1>{out.address().value}));
  std::vector<uint64_t> values = download<uint64_t>(out);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], i);
}

TEST_P(Conformance, BarriersOrderDispatchesAndCopies) {
  Buffer a = upload<uint64_t>({1, 2, 3}), b = upload<uint64_t>({0, 0, 0});
  std::vector<uint64_t> expected{1, 2, 3};
  Commands commands;
  for (uint64_t i = 0; i < 60; ++i) {
    commands.dispatch(program("step"), {3, 1, 1}, std::array<uint64_t, 2>{a.address().value, i}).barrier();
    commands.copy(b.address(), a.address(), Bytes(24)).barrier();
    commands.dispatch(program("double_into"), {3, 1, 1}, std::array{a.address().value, b.address().value});
    commands.barrier();
    for (uint64_t& value : expected) value = (value * 3 + i) * 2;
  }
  run(commands);
  EXPECT_EQ(download<uint64_t>(a), expected);
}

TEST_P(Conformance, TimestampsAreMonotoneAndOnTheHostsClock) {
  Buffer stamps = need(device->allocate(Bytes(8 * 20), BufferKind::host_visible));
  for (int round = 0; round < 5; ++round) {
    HostTime before = HostClock::now();
    Commands commands;
    for (uint64_t i = 0; i < 20; ++i) {
      commands.timestamp(stamps.address() + Bytes(8 * i));
      commands.dispatch(program("spin"), {1, 1, 1}, std::array<uint64_t, 1>{100000});
    }
    run(commands);
    HostTime after = HostClock::now();
    ClockCorrelation clock = need(device->correlate());
    std::array<uint64_t, 20> ticks;
    std::memcpy(ticks.data(), stamps.host(), sizeof ticks);
    constexpr auto kError = 1us;  // of ticks that are longer than nanoseconds
    EXPECT_GE(clock.to_host(Ticks(ticks.front())), before - kError);
    EXPECT_LE(clock.to_host(Ticks(ticks.back())), after + kError);
    for (size_t i = 1; i < ticks.size(); ++i)
      EXPECT_GT(clock.to_host(Ticks(ticks[i])) - clock.to_host(Ticks(ticks[i - 1])), 10us)
          << "100000 turns of a loop take longer than that";
  }
}

TEST_P(Conformance, ManySmallDispatchesInOneList) {
  Buffer buffer = upload<uint64_t>({0});
  uint64_t expected = 0;
  Commands commands;
  for (uint64_t i = 0; i < 10000; ++i) {
    commands.dispatch(program("step"), {1, 1, 1}, std::array{buffer.address().value, i}).barrier();
    expected = expected * 3 + i;
  }
  run(commands);
  EXPECT_EQ(download<uint64_t>(buffer), std::vector<uint64_t>{expected});
}

// ---- recordings

TEST_P(Conformance, ReplaysPatchArgumentsGridsAndTimelines) {
  Buffer counters = upload(std::vector<uint32_t>(64));
  Commands commands;
  std::array<uint64_t, 3> arguments{0, 64, 1};
  commands.dispatch(program("count"), {1, 1, 1}, arguments)
      .patch_argument(0, Affine::variable(0, 4, counters.address().value))
      .patch_grid(0, {.constant = 1, .terms = {{1, 2}, {2, 1}}})
      .signal(*done, 0)
      .patch_value(Affine::variable(3));
  Recording recording = need(queue->record(commands));
  std::vector<uint32_t> expected(64);
  for (uint64_t i = 0; i < 30; ++i) {
    std::array<uint64_t, 4> values{i, i % 3, i % 2, ++last};
    check(queue->submit(recording, values));  // several are in flight
    for (uint64_t j = 0; j < 1 + 2 * (i % 3) + i % 2; ++j) ++expected[i + j];
  }
  check(done->wait(last, soon()));
  EXPECT_EQ(download<uint32_t>(counters), expected);
}

TEST_P(Conformance, ReplaysPatchCopiesWaitsAndTimestamps) {
  Buffer from = upload<uint8_t>({1, 2, 3, 4, 5, 6, 7, 8});
  Buffer to = upload(std::vector<uint8_t>(8));
  Buffer stamps = upload(std::vector<uint64_t>(3));
  Signal gate = need(device->create_signal());
  Commands commands;
  commands.wait(gate, 0).patch_value(Affine::variable(0));
  commands.copy(to.address(), from.address(), Bytes(1))
      .patch(Field::to, 0, Affine::variable(1))
      .patch(Field::from, 0, Affine::variable(2))
      .patch(Field::bytes, 0, Affine::variable(3));
  commands.timestamp(GpuAddr(0)).patch(Field::to, 0, Affine::variable(4));
  commands.signal(*done, 0).patch_value(Affine::variable(5));
  Recording recording = need(queue->record(commands));
  std::vector<uint64_t> values{3, to.address().value + 2,     from.address().value + 4,
                               3, stamps.address().value + 8, ++last};
  check(queue->submit(recording, values));
  EXPECT_FALSE(done->wait(last, from_now(5ms)).ok());
  check(gate.raise(2));
  EXPECT_FALSE(done->wait(last, from_now(5ms)).ok());
  check(gate.raise(3));
  check(done->wait(last, soon()));
  EXPECT_EQ(download<uint8_t>(to), (std::vector<uint8_t>{0, 0, 5, 6, 7, 0, 0, 0}));
  std::vector<uint64_t> ticks = download<uint64_t>(stamps);
  EXPECT_EQ(ticks[0], 0u);
  EXPECT_NE(ticks[1], 0u);
  EXPECT_EQ(ticks[2], 0u);
}

TEST_P(Conformance, ARecordingMayEndWhileItRuns) {
  Signal gate = need(device->create_signal());
  Buffer buffer = upload<uint64_t>({1});
  std::array<uint64_t, 2> arguments{buffer.address().value, 0};
  for (int i = 0; i < 4; ++i)
    check(queue->submit(need(queue->record(
        Commands().wait(gate, 1).dispatch(program("step"), {1, 1, 1}, arguments).signal(*done, ++last)))));
  check(gate.raise(1));
  check(done->wait(last, soon()));
  EXPECT_EQ(download<uint64_t>(buffer), std::vector<uint64_t>{81});
}

TEST_P(Conformance, WrongValuesAreRefusedAndNothingRuns) {
  Commands commands;
  commands.dispatch(program("spin"), {1, 1, 1}, std::array<uint64_t, 1>{1});
  commands.patch_grid(1, Affine::variable(1)).signal(*done, 77);
  Recording recording = need(queue->record(commands));
  EXPECT_FALSE(queue->submit(recording, std::array<uint64_t, 1>{1}).ok());
  EXPECT_FALSE(queue->submit(recording, std::array<uint64_t, 2>{0, 65536}).ok());
  EXPECT_FALSE(queue->submit(recording, std::array<uint64_t, 2>{0, 1ull << 32}).ok());
  EXPECT_FALSE(done->wait(77, from_now(5ms)).ok());
  check(queue->submit(recording, std::array<uint64_t, 2>{0, 65535}));
  check(done->wait(77, soon()));
}

TEST_P(Conformance, RecordRefusesGridsAndThingsOfOthers) {
  Grid limit = device->properties().limits.max_grid;
  std::array<uint64_t, 1> one{1};
  auto refused = queue->record(Commands().dispatch(program("spin"), {1, 1, limit[2] + 1}, one));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("65536 workgroups along axis 2"), std::string::npos)
      << refused.error().message;
  auto other = GetParam().open(10s);
  Signal foreign = need(other->create_signal());
  Program spin = need(other->load(suite_image(other->properties().limits.isa, "spin")));
  EXPECT_FALSE(queue->record(Commands().wait(foreign, 0)).ok());
  EXPECT_FALSE(queue->record(Commands().signal(foreign, 1)).ok());
  EXPECT_FALSE(queue->record(Commands().dispatch(spin, {1, 1, 1}, one)).ok());
}

TEST_P(Conformance, LoadRefusesWhatTheDeviceCannotRun) {
  const Limits& limits = device->properties().limits;
  auto refusal = [&](auto change) {
    ProgramImage image = suite_image(limits.isa, "step");
    change(image);
    auto loaded = device->load(image);
    return loaded.ok() ? "" : loaded.error().message;
  };
  EXPECT_NE(refusal([](auto& i) { i.isa = "z80"; }).find("built for z80"), std::string::npos);
  EXPECT_NE(refusal([](auto& i) { i.features = {"warp9"}; }).find("needs warp9"), std::string::npos);
  EXPECT_NE(refusal([](auto& i) { i.entry = 1000; }).find("entry 1000"), std::string::npos);
  EXPECT_NE(refusal([](auto& i) { i.lanes = 4096; }).find("4096 lanes"), std::string::npos);
  EXPECT_NE(refusal([](auto& i) { i.local_bytes = 1u << 31; }).find("local memory"), std::string::npos);
  EXPECT_NE(refusal([](auto& i) { i.private_bytes = 1u << 31; }).find("private memory"), std::string::npos);
  EXPECT_EQ(refusal([](auto&) {}), "");
}

// ---- queues under load

TEST_P(Conformance, AHundredThousandSubmissionsWrapTheRing) {
  Buffer buffer = upload<uint64_t>({0});
  // The model device pauses before each submission.
  uint64_t count = GetParam().backend ? 100000 : 3000;
  std::array<uint64_t, 2> arguments{buffer.address().value, 0};
  Recording recording = need(queue->record(Commands()
                                               .dispatch(program("step"), {1, 1, 1}, arguments)
                                               .patch_argument(1, Affine::variable(0))
                                               .signal(*done, 0)
                                               .patch_value(Affine::variable(0, 1, last))));
  uint64_t expected = 0;
  for (uint64_t i = 1; i <= count; ++i) {
    check(queue->submit(recording, std::array{i}));
    expected = expected * 3 + i;
  }
  check(done->wait(last += count, soon()));
  EXPECT_EQ(download<uint64_t>(buffer), std::vector<uint64_t>{expected});
}

TEST_P(Conformance, ConcurrentSubmittersLoseNothing) {
  constexpr uint64_t kThreads = 4, kEach = 200;
  Buffer counters = upload(std::vector<uint32_t>(kThreads + 1));
  const Program& count = program("count");
  auto own = [&](uint64_t i) { return std::array<uint64_t, 3>{counters.address().value + 4 * i, 1, 1}; };
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      auto mine = need(device->create_queue());
      Signal finished = need(device->create_signal());
      for (uint64_t i = 1; i <= kEach; ++i) {
        check(queue->submit(Commands().dispatch(count, {1, 1, 1}, own(kThreads))));
        check(mine->submit(Commands().dispatch(count, {1, 1, 1}, own(t)).signal(finished, i)));
        if (i % 16 == 0) check(finished.wait(i - 8, soon()));
      }
      check(finished.wait(kEach, soon()));
    });
  for (std::thread& thread : threads) thread.join();
  std::vector<uint32_t> expected(kThreads, kEach);
  expected.push_back(kThreads * kEach);
  EXPECT_EQ(download<uint32_t>(counters), expected);
}

TEST_P(Conformance, AFullRingEndsSubmitAtItsDeadline) {
  Signal gate = need(device->create_signal());
  check(queue->submit(Commands().wait(gate, 1)));
  Recording recording = need(queue->record(Commands().signal(*done, 0).patch_value(Affine::variable(0))));
  Status status = success();
  uint64_t in_flight = 0;
  while (status.ok() && in_flight < 1'000'000) {
    status = queue->submit(recording, std::array{in_flight + 1}, from_now(2ms));
    if (status.ok()) ++in_flight;
  }
  ASSERT_FALSE(status.ok()) << "a ring without an end";
  EXPECT_NE(status.error().message.find("no room"), std::string::npos) << status.error().message;
  check(gate.raise(1));
  check(done->wait(in_flight, soon()));
  EXPECT_EQ(done->value(), in_flight) << "what was refused has run";
  last = in_flight;
  run(Commands());
}

// ---- ends

TEST_P(Conformance, EndingABlockedQueueDropsTheRest) {
  Signal gate = need(device->create_signal());
  auto blocked = need(device->create_queue());
  Signal never = need(device->create_signal());
  for (uint64_t i = 1; i < 20; ++i) check(blocked->submit(Commands().wait(gate, 1).signal(never, i)));
  blocked.reset();
  check(gate.raise(1));
  run(Commands());
  EXPECT_EQ(never.value(), 0u);
  check(device->status());
}

TEST_P(Conformance, TeardownFreesEverything) {
  {
    Buffer buffer = upload<uint64_t>({1});
    Signal signal = need(device->create_signal());
    auto another = need(device->create_queue());
    program("step");
    LiveObjects live = device->live();
    EXPECT_EQ(live.buffers, 1u);
    EXPECT_EQ(live.signals, 2u);
    EXPECT_EQ(live.queues, 2u);
    EXPECT_EQ(live.programs, 1u);
    EXPECT_GE(live.memory, Bytes(8));
    Buffer moved = std::move(buffer);
    EXPECT_EQ(buffer.address(), GpuAddr());
    EXPECT_EQ(device->live().buffers, 1u);
  }
  close();
  EXPECT_EQ(device->live(), LiveObjects{});
}

TEST_P(Conformance, BuffersAndProgramsMayOutliveTheirDevice) {
  Buffer buffer = upload<uint64_t>({1}, BufferKind::host_visible);
  Program step = need(device->load(suite_image(device->properties().limits.isa, "step")));
  close();
  device.reset();
  buffer.host()[0] = std::byte{2};
}

TEST_P(Conformance, AFaultLosesTheDeviceAndNoOther) {
  auto other = GetParam().open(10s);
  auto other_queue = need(other->create_queue());
  Signal other_done = need(other->create_signal());
  auto second = need(device->create_queue());
  Signal never = need(device->create_signal());
  check(second->submit(Commands().wait(never, 1).signal(never, 2)));
  std::array<uint64_t, 1> nowhere{0x10};
  check(queue->submit(
      Commands().barrier().dispatch(program("store"), {40, 1, 1}, nowhere).signal(*done, last + 1)));
  for (const Signal* signal : std::array<const Signal*, 2>{&*done, &never}) {
    Status status = signal->wait(last + 1, soon());
    ASSERT_FALSE(status.ok());
    for (const char* part : {"device lost", "address 0x10", "kernel store", "queue 0", "command 1"})
      EXPECT_NE(status.error().message.find(part), std::string::npos) << status.error().message;
  }
  EXPECT_FALSE(device->status().ok());
  EXPECT_FALSE(queue->submit(Commands().signal(*done, 100)).ok());
  EXPECT_FALSE(second->submit(Commands().signal(*done, 100)).ok());
  EXPECT_FALSE(device->create_queue().ok());
  check(other->status());
  check(other_queue->submit(Commands().signal(other_done, 1)));
  check(other_done.wait(1, soon()));
  second.reset();
}

TEST_P(Conformance, AFaultyCopyLosesTheDevice) {
  Buffer buffer = upload<uint64_t>({1});
  check(queue->submit(Commands().copy(buffer.address(), GpuAddr(0x20), Bytes(8)).signal(*done, last + 1)));
  Status status = done->wait(last + 1, soon());
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("address 0x20"), std::string::npos) << status.error().message;
}

TEST_P(Conformance, AccessPastABufferIsAFault) {
  Buffer buffer = upload<uint64_t>({1, 2});
  check(queue->submit(
      Commands()
          .dispatch(program("step"), {3, 1, 1}, std::array<uint64_t, 2>{buffer.address().value, 0})
          .signal(*done, last + 1)));
  EXPECT_FALSE(done->wait(last + 1, soon()).ok());
}

TEST_P(Conformance, AHangEndsWithItsQueue) {
  open(100ms);
  std::array<uint64_t, 0> none{};
  check(queue->submit(Commands().dispatch(program("hang"), {8, 1, 1}, none).signal(*done, 1)));
  Status status = done->wait(1, from_now(20ms));
  ASSERT_FALSE(status.ok());
  check(device->status());
  queue.reset();
  status = done->wait(1, soon());
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("hang in kernel hang"), std::string::npos) << status.error().message;
}

}  // namespace
}  // namespace doorbell
