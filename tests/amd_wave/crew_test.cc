// Workgroups of one kernel on several threads of the host: all are run, once, at the same time, and waiting
// for each other across threads is told from a hang.
#include "sim/amd/crew.h"

#include <set>

#include "tests/amd_wave/strict.h"

namespace doorbell::sim::amd {
namespace {

struct CrewBench : Bench {
  CrewBench() : Bench("gfx1100") {
    around.crew = &crew;
    around.activity = &activity;
    dispatch.scratch_wave_bytes = 0;
  }
  void groups(uint32_t count) { dispatch.grid[0] = count * wave; }
  Crew crew{3};
  std::atomic<uint64_t> activity{0};
  Surroundings around;
};

// Adds one to the first dword, and leaves the workgroup's number in its own.
constexpr const char* counts =
    "s_movk_i32 s20, 1000\n again:\n s_sub_u32 s20, s20, 1\n s_cmp_lg_u32 s20, 0\n s_cbranch_scc1 again\n"
    "s_mov_b32 exec_lo, 1\n v_mov_b32 v1, 0\n v_mov_b32 v2, 1\n global_atomic_add_u32 v1, v2, s[0:1]\n"
    "s_lshl_b32 s21, s8, 2\n v_mov_b32 v3, s21\n v_mov_b32 v4, s8\n"
    "global_store_b32 v3, v4, s[0:1] offset:4\n s_endpgm";

TEST(Crew, RunsTheWorkgroupsOfOneKernelOnSeveralThreadsAndEachOnce) {
  CrewBench bench;
  bench.load(counts);
  constexpr uint32_t groups = 500;
  bench.groups(groups);
  std::mutex mutex;
  std::condition_variable came;
  std::set<std::thread::id> threads;
  // The one that asks runs a few alone; of the others, the first waits for company.
  bench.around.begin = [&](const WaveRegisters& wave) {
    std::unique_lock lock(mutex);
    threads.insert(std::this_thread::get_id());
    came.notify_all();
    if (wave.workgroup[0] > groups / 2)
      came.wait_for(lock, std::chrono::seconds(60), [&] { return threads.size() > 1; });
  };
  for (uint32_t rounds = 1; rounds <= 2; ++rounds) {
    Outcome outcome = bench.run_once(bench.around);
    ASSERT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
    EXPECT_GT(threads.size(), 1u);
    EXPECT_EQ(outcome.waves, groups);
    EXPECT_EQ(outcome.instructions, uint64_t{groups} * (1 + 3 * 1000 + 9));
    EXPECT_EQ(bench.words()[0], rounds * groups);
    for (uint32_t i = 0; i < groups; ++i) ASSERT_EQ(bench.words()[1 + i], i);
  }
}

TEST(Crew, LeavesAKernelThatFaultsAndSaysSoOnce) {
  CrewBench bench;
  bench.load(
      "s_movk_i32 s20, 1000\n again:\n s_sub_u32 s20, s20, 1\n s_cmp_lg_u32 s20, 0\n s_cbranch_scc1 again\n"
      "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[6:7]\n s_endpgm");
  bench.groups(500);
  Outcome outcome = bench.run_once(bench.around);
  ASSERT_EQ(outcome.status, Outcome::Status::fault);
  EXPECT_EQ(outcome.fault.check, Check::unmapped);
  EXPECT_TRUE(bench.lints.empty());
}

// Eight workgroups that wait until `all` of them have come.
std::string meeting(int all) {
  return fmt::format(
      "s_movk_i32 s20, 4000\n again:\n s_sub_u32 s20, s20, 1\n s_cmp_lg_u32 s20, 0\n s_cbranch_scc1 again\n"
      "v_mov_b32 v1, 0\n v_mov_b32 v2, 1\n s_mov_b32 exec_lo, 1\n global_atomic_add_u32 v1, v2, s[0:1]\n "
      "wait:\n"
      "global_load_b32 v3, v1, s[0:1] glc dlc\n s_waitcnt vmcnt(0)\n v_readfirstlane_b32 s20, v3\n"
      "s_cmp_lt_u32 s20, {}\n s_cbranch_scc1 wait\n s_endpgm",
      all);
}

TEST(Crew, FindsAHangOfWorkgroupsOnSeveralThreadsAndItsTwinEnds) {
  for (int all : {9, 8}) {
    CrewBench bench;
    bench.load(meeting(all));
    bench.groups(8);
    Outcome outcome = bench.run_once(bench.around);
    if (all == 8) {
      EXPECT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
      continue;
    }
    ASSERT_EQ(outcome.status, Outcome::Status::fault);
    EXPECT_EQ(outcome.fault.check, Check::hang);
    EXPECT_EQ(outcome.fault.address, Bench::data);
  }
}

TEST(Crew, AWorkgroupThatWaitsForOneThatComputesLongIsNoHang) {
  CrewBench bench;
  // The last one computes, several times as long as nobody may do anything.
  bench.load(
      "s_movk_i32 s20, 4000\n begin:\n s_sub_u32 s20, s20, 1\n s_cmp_lg_u32 s20, 0\n s_cbranch_scc1 begin\n"
      "v_mov_b32 v1, 0\n v_mov_b32 v2, 1\n s_mov_b32 exec_lo, 1\n s_cmp_lg_u32 s8, 7\n s_cbranch_scc1 wait\n"
      "s_mov_b32 s20, 0x1000000\n again:\n s_sub_u32 s20, s20, 1\n s_cmp_lg_u32 s20, 0\n s_cbranch_scc1 "
      "again\n"
      "global_store_b32 v1, v2, s[0:1]\n s_endpgm\n wait:\n"
      "global_load_b32 v3, v1, s[0:1] glc dlc\n s_waitcnt vmcnt(0)\n v_readfirstlane_b32 s20, v3\n"
      "s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 wait\n s_endpgm");
  bench.groups(8);
  bench.around.hang_after = std::chrono::milliseconds(300);
  Outcome outcome = bench.run_once(bench.around);
  EXPECT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
}

TEST(Crew, IsTakenOffWithAllItsWavesAndPutBack) {
  CrewBench bench;
  Hold hold;
  bench.around.hold = &hold;
  // Each workgroup counts in a dword of its own until the first one is set.
  bench.load(
      "v_mov_b32 v1, 0\n v_mov_b32 v2, 1\n s_mov_b32 exec_lo, 1\n s_lshl_b32 s21, s8, 2\n v_mov_b32 v4, s21\n"
      "again:\n global_atomic_add_u32 v4, v2, s[0:1] offset:4\n"
      "global_load_b32 v3, v1, s[0:1] glc dlc\n s_waitcnt vmcnt(0)\n v_readfirstlane_b32 s20, v3\n"
      "s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 again\n s_endpgm");
  constexpr uint32_t groups = 8;
  bench.groups(groups);
  bench.words()[0] = 0;
  for (uint32_t i = 1; i <= groups; ++i) bench.words()[i] = 0;
  auto counted = [&] {
    std::vector<uint32_t> now;
    for (uint32_t i = 1; i <= groups; ++i) now.push_back(std::atomic_ref(bench.words()[i]).load());
    return now;
  };
  auto until = [](auto&& done) {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return done();
  };
  Outcome outcome;
  std::thread queue([&] { outcome = bench.run_once(bench.around); });
  std::vector<uint32_t> before(groups, 0);
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(until([&] {
      std::vector<uint32_t> now = counted();
      for (uint32_t i = 0; i < groups; ++i)
        if (now[i] == before[i]) return false;
      return true;
    })) << "all go on";
    hold.take();
    before = counted();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(counted(), before) << "none goes on";
    hold.let_go();
  }
  hold.take();
  std::atomic_ref(bench.words()[0]).store(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(counted(), counted());
  hold.let_go();
  queue.join();
  EXPECT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
}

}  // namespace
}  // namespace doorbell::sim::amd
