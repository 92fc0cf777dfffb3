// A workgroup that cannot progress is a hang, by name and place; a long computation and a kernel that waits
// for the host are none. Most of it is counted in instructions, so that a busy machine changes nothing.
#include "tests/amd_wave/strict.h"

namespace doorbell::sim::amd {
namespace {

struct Ran {
  Outcome outcome;
  std::vector<Fault> lints;
  [[nodiscard]] const Fault& fault() const { return outcome.fault; }
};

using Prepare = void (*)(Dispatch&);

Ran run_program(const char* text, Prepare prepare = nullptr, unsigned wave = 32,
                const char* chip = "gfx1100") {
  Bench bench(chip, wave);
  if (prepare) prepare(bench.dispatch);
  bench.load(text);
  Ran ran;
  ran.outcome = bench.run_once();
  ran.lints = bench.lints;
  return ran;
}

void two_waves(Dispatch& d) { d.grid[0] = d.workgroup[0] = 64; }
void eight_workgroups(Dispatch& d) { d.grid[0] = 8 * 32, d.scratch_wave_bytes = 0; }
// No more workgroups than one wave of scratch lets in.
void one_at_a_time(Dispatch& d) { d.grid[0] = 2 * 32, d.scratch_waves = 1; }
// One to a compute unit, of which the queue's mask has two.
void two_of_three(Dispatch& d) {
  d.grid[0] = 3 * 32, d.scratch_wave_bytes = 0;
  d.lds_bytes = 65536, d.cus = 2;
}

struct Pair {
  const char* what;
  const char* hangs;
  const char* ends;
  Prepare prepare = nullptr;
  bool reads = false;  // the report names what is read
  unsigned wave = 32;
};

// clang-format off
#define COUNT_TO(n)                                                                                   \
  "v_mov_b32 v1, 0\n v_mov_b32 v2, 1\n s_mov_b32 exec_lo, 1\n global_atomic_add_u32 v1, v2, s[0:1]\n wait:\n" \
  "global_load_b32 v3, v1, s[0:1] glc dlc\n s_waitcnt vmcnt(0)\n v_readfirstlane_b32 s20, v3\n"              \
  "s_cmp_lt_u32 s20, " #n "\n s_cbranch_scc1 wait\n s_endpgm"
// One wave waits for the other's flag in LDS.
#define FLAG(before)                                                                                         \
  "v_mov_b32 v1, 0\n v_mov_b32 v2, 1\n v_readfirstlane_b32 s20, v0\n ds_store_b32 v1, v1\n"                  \
  "s_waitcnt lgkmcnt(0)\n s_barrier\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 waits\n" before                   \
  "ds_store_b32 v1, v2\n s_endpgm\n"                                                                        \
  "waits:\n ds_load_b32 v3, v1\n s_waitcnt lgkmcnt(0)\n v_readfirstlane_b32 s21, v3\n s_cmp_eq_u32 s21, 0\n" \
  "s_cbranch_scc1 waits\n s_barrier\n s_endpgm"
// Takes a lock, and again without having given it back, or after.
#define LOCK(unlock, tried)                                                                                  \
  "v_mov_b32 v1, 0\n v_mov_b32 v4, 1\n v_mov_b32 v5, 0\n v_mov_b32 v6, 0\n s_mov_b32 s21, 0\n"              \
  "s_mov_b32 exec_lo, 1\n"                                                                                   \
  "global_atomic_cmpswap_b32 v2, v1, v[4:5], s[0:1] glc\n s_waitcnt vmcnt(0)\n" unlock                       \
  "again:\n global_atomic_cmpswap_b32 v2, v1, v[4:5], s[0:1] glc\n" tried "s_waitcnt vmcnt(0)\n"            \
  "v_readfirstlane_b32 s20, v2\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc0 again\n s_endpgm"
#define UNLOCK "global_store_b32 v1, v5, s[0:1]\n s_waitcnt_vscnt null, 0x0\n"
// The lanes and the wave count how often they have tried.
#define COUNT "v_add_nc_u32 v6, v6, v4\n s_add_u32 s21, s21, 1\n"

constexpr Pair pairs[] = {
  {"an empty loop", "loop:\n s_branch loop", "s_branch on\n on:\n s_endpgm"},
  {"an empty loop that sleeps", "loop:\n s_sleep 1\n s_branch loop", "s_sleep 1\n s_endpgm"},
  {"a loop that computes the same each time",
   "loop:\n s_mov_b32 s20, 1\n v_mov_b32 v1, 3\n count:\n s_add_u32 s20, s20, 1\n v_add_nc_u32 v1, v1, v1\n"
   "s_cmp_lt_u32 s20, 1000\n s_cbranch_scc1 count\n s_branch loop",
   "s_mov_b32 s20, 1\n v_mov_b32 v1, 3\n count:\n s_add_u32 s20, s20, 1\n v_add_nc_u32 v1, v1, v1\n"
   "s_cmp_lt_u32 s20, 1000\n s_cbranch_scc1 count\n s_endpgm", nullptr, false, 64},
  {"a loop over a stack in scratch",
   "v_mov_b32 v1, 0\n loop:\n v_add_nc_u32 v1, v1, 1\n scratch_store_b32 off, v1, off offset:4\n"
   "v_mov_b32 v1, 0\n scratch_store_b32 off, v1, off offset:4\n s_branch loop",
   "v_mov_b32 v1, 0\n scratch_store_b32 off, v1, off offset:4\n s_endpgm"},
  {"a barrier that the other wave never reaches", FLAG("s_barrier\n"), FLAG(""), two_waves},
  {"a lock that nobody gives back", LOCK("", ""), LOCK(UNLOCK, ""), nullptr, true},
  {"more workgroups awaited than there are", COUNT_TO(9), COUNT_TO(8),
   eight_workgroups, true},
  {"a workgroup awaited that cannot become resident", COUNT_TO(2), COUNT_TO(1), one_at_a_time, true},
  {"a workgroup awaited that the mask of compute units keeps out", COUNT_TO(3), COUNT_TO(2), two_of_three, true},
  {"a loop that counts its rounds for nobody",
   "s_mov_b32 s20, 0\n loop:\n s_add_u32 s20, s20, 1\n s_addc_u32 s21, s21, 0\n s_cmp_eq_u32 s0, s0\n s_cbranch_scc1 loop\n"
   "s_endpgm",
   "s_mov_b32 s20, 0\n loop:\n s_add_u32 s20, s20, 1\n s_cmp_lg_u32 s20, 0x100000\n s_cbranch_scc1 loop\n s_endpgm"},
  {"a lock that nobody gives back, and a count of the trials",
   LOCK("", COUNT), LOCK(UNLOCK, COUNT), nullptr, true},
  {"a wave that halts", "s_sethalt 1\n s_endpgm", "s_sethalt 0\n s_endpgm"},
};
// clang-format on

TEST(Hang, IsFoundWhereNothingCanChangeAndItsTwinEnds) {
  for (const Pair& pair : pairs) {
    SCOPED_TRACE(pair.what);
    Ran mutant = run_program(pair.hangs, pair.prepare, pair.wave);
    ASSERT_EQ(mutant.outcome.status, Outcome::Status::fault);
    const Fault& fault = mutant.fault();
    EXPECT_EQ(fault.check, Check::hang);
    EXPECT_EQ(fault.kind, FaultKind::hang);
    std::string line = describe(fault);
    EXPECT_TRUE(line.starts_with("hang: bench, packet 7, kernel program, workgroup ")) << line;
    EXPECT_TRUE(fault.has_pc && fault.has_wave && !fault.instruction.empty()) << line;
    EXPECT_EQ(fault.has_address, pair.reads) << line;
    if (pair.reads) {
      EXPECT_EQ(fault.address, Bench::data) << line;
      EXPECT_EQ(fault.lane, 0) << line;
      EXPECT_TRUE(fault.instruction.starts_with("global_")) << line;
    }
    Ran twin = run_program(pair.ends, pair.prepare, pair.wave);
    EXPECT_EQ(twin.outcome.status, Outcome::Status::done) << describe(twin.fault());
    EXPECT_TRUE(twin.lints.empty());
  }
}

// A hang is found after fewer instructions than this, of which a second has at least 20 million.
constexpr uint64_t found_within = 40'000'000;

TEST(Hang, IsFoundWithinTwoSecondsOfInstructions) {
  for (const Pair& pair : pairs) {
    Ran mutant = run_program(pair.hangs, pair.prepare, pair.wave);
    EXPECT_LT(mutant.outcome.instructions, found_within) << pair.what;
  }
}

// However long it ran before: what is looked at, and how often, does not grow without bound.
TEST(Hang, IsFoundAsSoonAfterALongComputation) {
  Ran ran = run_program(
      "s_mov_b32 s20, 0\n loop:\n s_add_u32 s20, s20, 1\n s_cmp_lt_u32 s20, 0x1000000\n s_cbranch_scc1 loop\n"
      "for_ever:\n s_branch for_ever");
  ASSERT_EQ(ran.fault().check, Check::hang);
  EXPECT_LT(ran.outcome.instructions, 3 * 0x1000000 + found_within);
}

// More than ten times as many instructions as hangs are found after.
TEST(Hang, IsNoLongComputation) {
  struct Case {
    const char* what;
    const char* text;
  };
  const Case cases[] = {
      {"scalar",
       "s_mov_b32 s20, 0\n loop:\n s_add_u32 s20, s20, 1\n s_cmp_lt_u32 s20, 0x4000000\n"
       "s_cbranch_scc1 loop\n s_endpgm"},
      // What ends the loop has come a long way from what counts.
      {"in lanes",
       "v_mov_b32 v1, 0\n v_mov_b32 v2, 1\n loop:\n v_add_nc_u32 v1, v1, v2\n v_mul_u32_u24 v3, v1, v2\n"
       "v_readfirstlane_b32 s20, v3\n s_min_u32 s21, s20, 0x80000\n s_cmp_lg_u32 s21, 0x80000\n"
       "s_cbranch_scc1 loop\n s_endpgm"},
      {"in a mask",
       "v_mov_b32 v1, 0\n loop:\n v_add_nc_u32 v1, v1, 1\n v_cmp_gt_u32 vcc_lo, 0x80000, v1\n"
       "s_cbranch_vccnz loop\n s_endpgm"},
      {"in a carry",
       "v_mov_b32 v1, 0\n loop:\n v_add_co_u32 v1, vcc_lo, 0x2000, v1\n s_cbranch_vccz loop\n s_endpgm"},
      {"in EXEC",
       "v_mov_b32 v1, 0\n loop:\n v_add_nc_u32 v1, v1, 1\n v_cmpx_gt_u32 0x80000, v1\n"
       "s_cbranch_execnz loop\n s_endpgm"},
      {"in the other of two, chosen",
       "s_mov_b32 s20, 0\n s_mov_b32 s21, 0\n s_mov_b32 s22, 0\n loop:\n"
       "s_add_u32 s20, s20, 1\n s_cmp_ge_u32 s20, 0x80000\n s_cselect_b32 s22, 1, s21\n s_mov_b32 s21, s22\n"
       "s_bitcmp0_b32 s22, 0\n s_cbranch_scc1 loop\n s_endpgm"},
      {"in what moves conditionally",
       "s_mov_b32 s20, 0\n s_mov_b32 s21, 0\n loop:\n s_add_u32 s20, s20, 1\n"
       "s_cmp_ge_u32 s20, 0x80000\n s_cmov_b32 s21, 1\n s_cmp_eq_u32 s21, 0\n s_cbranch_scc1 loop\n "
       "s_endpgm"},
      {"in the bit of a register",
       "s_mov_b32 s20, 0\n loop:\n s_add_u32 s20, s20, 1\n s_lshr_b32 s21, s20, 19\n"
       "s_mov_b64 s[22:23], 0\n s_bitset1_b64 s[22:23], s21\n s_bitcmp1_b32 s22, 0\n s_cbranch_scc1 loop\n "
       "s_endpgm"},
      {"behind a number in M0",
       "s_mov_b32 s20, 0\n s_mov_b32 s30, 0\n s_mov_b32 s31, 1\n loop:\n s_add_u32 s20, s20, 1\n"
       "s_lshr_b32 s21, s20, 19\n s_mov_b32 m0, s21\n s_nop 4\n s_movrels_b32 s22, s30\n s_cmp_eq_u32 s22, "
       "0\n"
       "s_mov_b32 m0, 0\n s_mov_b32 s21, 0\n s_cbranch_scc1 loop\n s_endpgm"},
      {"in another lane",
       "v_mov_b32 v1, 0\n loop:\n v_add_nc_u32 v1, v1, 1\n v_mov_b32_dpp v2, v1 row_shl:1 bound_ctrl:1\n"
       "v_readlane_b32 s20, v2, 3\n s_cmp_lg_u32 s20, 0x80000\n s_cbranch_scc1 loop\n s_endpgm"},
      {"in half of a pair",
       "v_mov_b32 v1, 0\n v_mov_b32 v2, 0\n loop:\n"
       "v_dual_add_f32 v1, 1.0, v1 :: v_dual_mov_b32 v2, v1\n v_readfirstlane_b32 s20, v2\n"
       "s_cmp_lg_u32 s20, 0x49000000\n s_cbranch_scc1 loop\n s_endpgm"},
      {"in the address of what is stored",
       "s_mov_b32 s20, 0\n v_mov_b32 v2, 0\n loop:\n s_add_u32 s20, s20, 4\n"
       "s_and_b32 s21, s20, 0xc\n v_mov_b32 v1, s21\n global_store_b32 v1, v2, s[0:1]\n s_cmp_lg_u32 s20, "
       "0x200000\n"
       "s_cbranch_scc1 loop\n s_endpgm"},
      // A counter in memory: only what is loaded says that something advances.
      {"in scratch",
       "v_mov_b32 v1, 0\n scratch_store_b32 off, v1, off offset:4\n loop:\n"
       "scratch_load_b32 v1, off, off offset:4\n s_waitcnt vmcnt(0)\n v_add_nc_u32 v1, v1, 1\n"
       "scratch_store_b32 off, v1, off offset:4\n v_readfirstlane_b32 s20, v1\n v_mov_b32 v1, 0\n"
       "s_cmp_lt_u32 s20, 0x80000\n s_mov_b32 s20, 0\n s_cbranch_scc1 loop\n s_endpgm"},
      {"in LDS",
       "v_mov_b32 v1, 0\n v_mov_b32 v2, 0\n ds_store_b32 v1, v1\n s_waitcnt lgkmcnt(0)\n loop:\n"
       "ds_load_b32 v2, v1\n s_waitcnt lgkmcnt(0)\n v_add_nc_u32 v2, v2, 1\n ds_store_b32 v1, v2\n"
       "s_waitcnt lgkmcnt(0)\n v_readfirstlane_b32 s20, v2\n v_mov_b32 v2, 0\n s_cmp_lt_u32 s20, 0x80000\n"
       "s_mov_b32 s20, 0\n s_cbranch_scc1 loop\n s_endpgm"},
      {"by a clock",
       "s_sendmsg_rtn_b64 s[22:23], sendmsg(MSG_RTN_GET_REALTIME)\n s_waitcnt lgkmcnt(0)\n"
       "s_add_u32 s22, s22, 0x2000000\n s_mov_b32 s26, s22\n loop:\n"  // a third of a second
       "s_sendmsg_rtn_b64 s[24:25], sendmsg(MSG_RTN_GET_REALTIME)\n s_waitcnt lgkmcnt(0)\n"
       "s_sub_u32 s24, s24, s26\n s_cmp_gt_i32 s24, 0\n s_cbranch_scc0 loop\n s_endpgm"},
  };
  for (const Case& one : cases) {
    Ran ran = run_program(one.text);
    EXPECT_EQ(ran.outcome.status, Outcome::Status::done) << one.what << ": " << describe(ran.fault());
    EXPECT_TRUE(ran.lints.empty());
  }
}

// All of the grid meet, although most of it becomes resident only when the first ones have waited for long.
TEST(Hang, IsNoBarrierOfTheWholeGrid) {
  Ran ran = run_program(COUNT_TO(100), [](Dispatch& d) { d.grid[0] = 100 * 32, d.scratch_wave_bytes = 0; });
  EXPECT_EQ(ran.outcome.status, Outcome::Status::done) << describe(ran.fault());
  ran = run_program(COUNT_TO(3), [](Dispatch& d) { two_of_three(d), d.cus = 4; });
  EXPECT_EQ(ran.outcome.status, Outcome::Status::done) << describe(ran.fault());
}

TEST(Hang, CanBeAllowed) {
  Bench bench("gfx1100");
  ASSERT_TRUE(bench.dispatch.strict.lenient("hang").ok());
  bench.load("loop:\n s_branch loop");
  Surroundings around;
  std::atomic<bool> stop{false};
  around.stop = &stop;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop = true;
  });
  Outcome outcome = run(bench.gpu, bench.vm, bench.dispatch, around);
  later.join();
  EXPECT_EQ(outcome.status, Outcome::Status::stopped);
}

// ---- where others are at work ----

// Waits until the host, or another queue, has written to the data.
constexpr const char* waits =
    "v_mov_b32 v1, 0\n wait:\n s_sleep 1\n global_load_b32 v2, v1, s[0:1] glc dlc\n s_waitcnt vmcnt(0)\n"
    "v_readfirstlane_b32 s20, v2\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 wait\n s_endpgm";

struct Others {
  explicit Others(Mtype mtype) : bench("gfx1100") {
    bench.vm.unmap(Bench::data, Bench::bytes);
    Region region;
    region.va = Bench::data;
    region.bytes = Bench::bytes;
    region.host = bench.memory[0].get();
    region.access = access_read | access_write;
    region.mtype = mtype;
    EXPECT_TRUE(bench.vm.map(region).ok());
    bench.load(waits);
    around.activity = &activity;
    around.report = [this](const Fault& fault) {
      polled = fault.check == Check::polling;
      line = describe(fault);
      write();
    };
  }
  void write() { std::atomic_ref(bench.words()[0]).store(1); }

  Bench bench;
  std::atomic<uint64_t> activity{0};
  Surroundings around;
  bool polled = false;
  std::string line;
  Outcome run_once() { return run(bench.gpu, bench.vm, bench.dispatch, around); }
};

TEST(Polling, OfMemoryThatOnlyTheGpuWritesIsAHangOnceNothingHappens) {
  Others others(Mtype::nc);
  others.around.hang_after = std::chrono::milliseconds(20);
  Outcome outcome = others.run_once();
  EXPECT_EQ(outcome.fault.check, Check::hang) << describe(outcome.fault);
  EXPECT_EQ(outcome.fault.address, Bench::data);
}

TEST(Polling, OfMemoryThatOnlyTheGpuWritesIsNoneWhileOtherQueuesWork) {
  Others others(Mtype::nc);
  others.around.hang_after = std::chrono::seconds(1);
  std::atomic<bool> over{false};
  std::thread queue([&] {
    // Works for longer than a silent machine would be waited for, then comes to the kernel that writes.
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (!over && std::chrono::steady_clock::now() < until) {
      ++others.activity;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    others.write();
  });
  Outcome outcome = others.run_once();
  over = true;
  queue.join();
  EXPECT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
}

TEST(Polling, OfMemoryThatTheHostMayWriteIsTold) {
  Others others(Mtype::uc);
  others.around.hang_after = {};
  others.around.wonder_after = std::chrono::milliseconds(20);
  Outcome outcome = others.run_once();
  EXPECT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
  EXPECT_TRUE(others.polled);
  EXPECT_NE(others.line.find("address 0x1000000000"), std::string::npos) << others.line;
}

// Through a cache that is never invalidated nobody sees what the host writes.
TEST(Polling, ThroughACacheIsNoWayToWaitForTheHost) {
  Others others(Mtype::uc);
  others.around.hang_after = std::chrono::milliseconds(20);
  others.bench.load(
      "wait:\n s_load_b32 s20, s[0:1], 0x0\n s_waitcnt lgkmcnt(0)\n s_cmp_eq_u32 s20, 0\n"
      "s_cbranch_scc1 wait\n s_endpgm");
  EXPECT_EQ(others.run_once().fault.check, Check::hang);
  Others twin(Mtype::uc);
  twin.around.hang_after = {};
  twin.around.wonder_after = std::chrono::milliseconds(20);
  twin.bench.load(
      "wait:\n s_dcache_inv\n s_load_b32 s20, s[0:1], 0x0\n s_waitcnt lgkmcnt(0)\n s_cmp_eq_u32 s20, 0\n"
      "s_cbranch_scc1 wait\n s_endpgm");
  EXPECT_EQ(twin.run_once().status, Outcome::Status::done);
  EXPECT_TRUE(twin.polled);
}

}  // namespace
}  // namespace doorbell::sim::amd
