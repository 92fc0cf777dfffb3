// Rings, the table of debug variables, traces and waiting.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "hal/base/env.h"
#include "hal/base/eventcount.h"
#include "hal/base/file.h"
#include "hal/base/trace.h"
#include "hal/commands.h"
#include "hal/doorbell.h"
#include "hal/ring.h"
#include "tests/scratch_folder.h"

namespace doorbell {
namespace {

using namespace std::chrono_literals;

TEST(Ring, IsFullAtItsCapacityAndFreeAgainAfterAPop) {
  std::vector<RingPacket> packets(4);
  std::atomic<uint64_t> read{0};
  Ring ring(packets, read);
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_NE(ring.reserve(), nullptr);
    EXPECT_EQ(ring.publish(1), i + 1);
  }
  EXPECT_EQ(ring.reserve(), nullptr);
  ring.pop();
  EXPECT_EQ(ring.reserve(), &packets[0]);
}

TEST(Ring, ShowsAPacketOnlyOnceItsHeaderIsPublished) {
  std::vector<RingPacket> packets(2);
  std::atomic<uint64_t> read{0};
  Ring ring(packets, read);
  for (uint64_t turn = 0; turn < 5; ++turn) {
    ring.reserve()->body[0] = turn;
    EXPECT_EQ(ring.front(), nullptr) << "the header of a full turn ago shows";
    ring.publish(7);
    ASSERT_NE(ring.front(), nullptr);
    EXPECT_EQ(ring.front()->body[0], turn);
    ring.pop();
  }
}

// The consumer trusts headers alone: it would see a torn body if they were published first. (Run it under the
// thread sanitizer too: it proves the ordering on hardware that hides a missing one.)
TEST(Ring, PublishesHeaderAfterBody) {
  constexpr uint64_t kCount = 200000;
  std::vector<RingPacket> packets(8);
  std::atomic<uint64_t> read{0}, bell{0};
  Ring ring(packets, read);
  Doorbell doorbell(bell);
  std::thread producer([&] {
    for (uint64_t i = 0; i < kCount;) {
      RingPacket* packet = ring.reserve();
      if (!packet) {
        std::this_thread::yield();
        continue;
      }
      for (uint64_t& word : packet->body) word = i;
      doorbell.ring(ring.publish(1));
      ++i;
    }
  });
  for (uint64_t i = 0; i < kCount;) {
    const RingPacket* packet = ring.front();
    if (!packet) {
      std::this_thread::yield();
      continue;
    }
    for (uint64_t word : packet->body) ASSERT_EQ(word, i);
    ring.pop();
    ++i;
  }
  producer.join();
  EXPECT_EQ(bell.load(), kCount);
}

TEST(RingDeathTest, RefusesASizeThatIsNoPowerOfTwo) {
  std::vector<RingPacket> packets(3);
  std::atomic<uint64_t> read{0};
  EXPECT_DEATH(Ring(packets, read), "a ring of 3 packets");
}

TEST(CommandsDeathTest, RefusePatchesOfFieldsThatACommandLacks) {
  EXPECT_DEATH(Commands().barrier().patch_grid(0, {}), "no field grid 0");
  EXPECT_DEATH(Commands().copy({}, {}, {}).patch(Field::bytes, 1, {}), "no field bytes 1");
  EXPECT_DEATH(Commands().patch_value({}), "no field value");
}

TEST(Commands, PrintOneLineEach) {
  Commands commands;
  commands.copy(GpuAddr(0x100), GpuAddr(0x200), Bytes(8)).patch(Field::to, 0, Affine::variable(2, 4, 16));
  commands.barrier().timestamp(GpuAddr(0x300));
  EXPECT_EQ(commands.text(),
            "copy 0x100 <- 0x200, 8 bytes; to 0 := 0x10 + 4 * $2\nbarrier\ntimestamp 0x300\n");
  EXPECT_EQ(commands.variables(), 3u);
}

class EnvTest : public testing::Test {
 protected:
  void TearDown() override {
    ::unsetenv("THREADS");
    ::unsetenv("DUMP");
    reload_env();
  }
};

TEST_F(EnvTest, AbsentAndEmptyVariablesHaveTheirDefaults) {
  ::unsetenv("DUMP");
  ::setenv("THREADS", "", 1);
  reload_env();
  EXPECT_EQ(env_integer(Env::threads), 0);
  EXPECT_EQ(env_text(Env::dump), "");
  EXPECT_TRUE(check_env().ok());
}

TEST_F(EnvTest, ReloadSeesChanges) {
  ::setenv("THREADS", "12", 1);
  ::setenv("DUMP", "AB", 1);
  reload_env();
  EXPECT_EQ(env_integer(Env::threads), 12);
  EXPECT_EQ(env_text(Env::dump), "AB");
}

TEST_F(EnvTest, MalformedIntegersAreReportedByName) {
  for (const char* bad : {"x", "1x", "-1", "1025", "99999999999999999999", " 1"}) {
    ::setenv("THREADS", bad, 1);
    reload_env();
    Status status = check_env();
    ASSERT_FALSE(status.ok()) << bad;
    EXPECT_NE(status.error().message.find(fmt::format("THREADS={}: expected an integer from 0 to 1024", bad)),
              std::string::npos)
        << status.error().message;
  }
}

TEST_F(EnvTest, TheListingNamesEveryRow) {
  std::string listing = env_listing();
  std::set<std::string> names;
  for (const EnvRow& row : env_table()) {
    EXPECT_NE(listing.find(row.name), std::string::npos);
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " twice";
  }
}

class TraceTest : public testing::Test {
 protected:
  void TearDown() override { trace_stop(); }
  ScratchFolder folder;
  std::string path = folder / "trace.json";
};

TEST_F(TraceTest, WritesSpansOfHostAndDevicesOnOneClock) {
  ASSERT_TRUE(trace_start(path).ok());
  HostTime before = HostClock::now();
  TraceTrack track = trace_device_track("GPU \"0\"\\", "queue 0");
  { TraceSpan span("host work"); }
  HostTime start = HostClock::now();
  trace_span(track, "kernel\n", start, start + 1500ns, "grid 1 2 3");
  std::thread([] { TraceSpan span("elsewhere"); }).join();
  HostTime after = HostClock::now();
  trace_stop();
  auto events = nlohmann::json::parse(*read_file(path));
  std::map<std::string, nlohmann::json> spans;
  std::set<std::string> names;
  for (const auto& event : events) {
    if (event.value("ph", "") == "X") spans[event["name"]] = event;
    if (event.value("ph", "") == "M") names.insert(event["args"].value("name", ""));
  }
  ASSERT_EQ(spans.size(), 3u);
  const auto& kernel = spans["kernel\n"];
  EXPECT_DOUBLE_EQ(kernel["dur"].get<double>(), 1.5);
  EXPECT_EQ(kernel["args"]["detail"], "grid 1 2 3");
  EXPECT_NE(kernel["pid"], spans["host work"]["pid"]);
  EXPECT_EQ(spans["elsewhere"]["pid"], spans["host work"]["pid"]);
  EXPECT_NE(spans["elsewhere"]["tid"], spans["host work"]["tid"]);
  auto us = [](HostTime t) {
    return std::chrono::duration<double, std::micro>(t.time_since_epoch()).count();
  };
  for (const auto& [name, span] : spans) {
    EXPECT_GE(span["ts"].get<double>(), us(before) - 0.01);
    EXPECT_LE(span["ts"].get<double>(), us(after) + 0.01);
  }
  EXPECT_TRUE(names.count("GPU \"0\"\\"));
  EXPECT_TRUE(names.count("queue 0"));
  EXPECT_TRUE(names.count("host"));
}

// A process that is killed leaves a file without its end, which readers complete with one bracket.
TEST_F(TraceTest, ACutOffFileIsStillReadable) {
  ASSERT_TRUE(trace_start(path).ok());
  for (int i = 0; i < 5000; ++i) TraceSpan span("span");
  std::string content = *read_file(path);
  size_t end = content.rfind(",\n");
  ASSERT_NE(end, std::string::npos) << "nothing was written yet";
  EXPECT_GT(nlohmann::json::parse(content.substr(0, end) + "]").size(), 100u);
}

TEST_F(TraceTest, OffItWritesNothing) {
  EXPECT_FALSE(trace_enabled());
  { TraceSpan span("nothing"); }
  ASSERT_TRUE(trace_start(path).ok());
  trace_stop();
  EXPECT_EQ(read_file(path)->find("nothing"), std::string::npos);
}

TEST_F(TraceTest, AnUnwritablePathIsAnError) {
  Status status = trace_start("/nonexistent/out.json");
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("/nonexistent/out.json"), std::string::npos);
  EXPECT_FALSE(trace_enabled());
}

TEST(Eventcount, LosesNoWakeUp) {
  Eventcount ping, pong;
  std::atomic<int> a{0}, b{0};
  constexpr int kRounds = 3000;
  Deadline limit = from_now(60s);
  std::thread other([&] {
    for (int i = 1; i <= kRounds; ++i) {
      ASSERT_TRUE(ping.wait([&] { return a.load() >= i; }, limit));
      b = i;
      pong.notify();
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    a = i;
    ping.notify();
    if (!pong.wait([&] { return b.load() >= i; }, limit)) ADD_FAILURE() << "stuck in round " << i;
    if (i % 300 == 0) std::this_thread::sleep_for(1ms);  // lets the other fall asleep
  }
  other.join();
}

TEST(Eventcount, EndsAtItsDeadline) {
  Eventcount event;
  HostTime start = HostClock::now();
  EXPECT_FALSE(event.wait([] { return false; }, start + 10ms));
  EXPECT_GE(HostClock::now() - start, 10ms);
  EXPECT_FALSE(event.wait([] { return false; }, HostTime()));
}

}  // namespace
}  // namespace doorbell
