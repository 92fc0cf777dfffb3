// Global wave sync: waves of several workgroups meet, or are counted through. Expected: RDNA2 ISA, DS_GWS_*.
#include "tests/amd_wave/strict.h"

namespace doorbell::sim::amd {
namespace {

struct Meeting : testing::Test {
  Bench bench{"gfx1030"};
  Gws gws;

  Outcome run(const std::string& text, uint32_t groups) {
    bench.load(text);
    bench.dispatch.grid[0] = groups * bench.wave;
    bench.dispatch.scratch_waves = groups;
    Surroundings around;
    around.gws = &gws;
    return bench.run_once(around);
  }
  // Each workgroup writes a word, meets the others at resource 5, and adds up what all have written; twice.
  static std::string meet(uint32_t others) {
    const std::string wait = "s_mov_b32 m0, 0x30000\n v_mov_b32 v1, " + std::to_string(others) +
                             "\n ds_gws_barrier v1 offset:2 gds\n s_waitcnt lgkmcnt(0)\n"
                             " buffer_gl1_inv\n buffer_gl0_inv\n";
    const std::string sum = " s_waitcnt vmcnt(0)\n v_add3_u32 v4, v4, v5, v6\n v_add_nc_u32 v4, v4, v7\n";
    return "s_lshl_b32 s9, s8, 2\n s_add_u32 s10, s0, s9\n s_addc_u32 s11, s1, 0\n v_mov_b32 v2, 0\n"
           " s_add_u32 s12, s8, 100\n v_mov_b32 v3, s12\n global_store_dword v2, v3, s[10:11]\n"
           " s_waitcnt_vscnt null, 0\n" +
           wait + " global_load_dwordx4 v[4:7], v2, s[0:1] glc dlc\n" + sum +
           " global_store_dword v2, v4, s[10:11] offset:64\n s_waitcnt_vscnt null, 0\n" + wait +
           " global_load_dwordx4 v[4:7], v2, s[0:1] offset:64 glc dlc\n" + sum +
           " global_store_dword v2, v4, s[10:11] offset:128\n s_endpgm";
  }
  Outcome init(uint32_t others) {
    return run("s_mov_b32 m0, 0x50000\n v_mov_b32 v1, " + std::to_string(others) +
                   "\n ds_gws_init v1 gds\n s_waitcnt lgkmcnt(0)\n s_endpgm",
               1);
  }
};

TEST_F(Meeting, WavesOfAllWorkgroupsComeBeforeAnyGoesOn) {
  ASSERT_EQ(init(3).status, Outcome::Status::done);
  EXPECT_EQ(gws.resources[5].counter, 3);
  for (int again = 0; again < 2; ++again) {  // the last one winds the counter up
    const Outcome outcome = run(meet(3), 4);
    ASSERT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
    for (uint32_t i = 0; i < 4; ++i) {
      EXPECT_EQ(bench.words()[16 + i], 406u);
      EXPECT_EQ(bench.words()[32 + i], 4 * 406u);
    }
    EXPECT_EQ(gws.resources[5].counter, 3);
    EXPECT_FALSE(gws.resources[5].flag) << "two meetings";
  }
  EXPECT_EQ(gws.resources[2].counter + gws.resources[3].counter, 0) << "m0 and the offset are added";
}

TEST_F(Meeting, OneThatNobodyElseComesToIsAHang) {
  ASSERT_EQ(init(4).status, Outcome::Status::done);
  const Outcome outcome = run(meet(4), 4);
  ASSERT_EQ(outcome.status, Outcome::Status::fault);
  EXPECT_EQ(outcome.fault.check, Check::hang) << describe(outcome.fault);
}

// Workgroups 1 to 3 wait for what workgroup 0 gives once it has written.
std::string semaphore(const std::string& give) {
  return "s_mov_b32 m0, 0\n v_mov_b32 v1, 3\n v_mov_b32 v2, 0\n s_cmp_eq_u32 s8, 0\n s_cbranch_scc1 first\n"
         " ds_gws_sema_p offset:63 gds\n s_waitcnt lgkmcnt(0)\n buffer_gl1_inv\n buffer_gl0_inv\n"
         " s_lshl_b32 s9, s8, 2\n s_add_u32 s10, s0, s9\n s_addc_u32 s11, s1, 0\n"
         " global_load_dword v3, v2, s[0:1] glc dlc\n s_waitcnt vmcnt(0)\n"
         " global_store_dword v2, v3, s[10:11]\n s_endpgm\n"
         "first:\n s_sleep 1\n s_sleep 1\n v_mov_b32 v3, 77\n global_store_dword v2, v3, s[0:1]\n"
         " s_waitcnt_vscnt null, 0\n" +
         give + "\n s_endpgm";
}

TEST_F(Meeting, SemaphoresLetThroughAsManyAsAreGiven) {
  const std::string one = " ds_gws_sema_v offset:63 gds\n";
  for (const std::string& give : {one + one + one, std::string(" ds_gws_sema_br v1 offset:63 gds\n")}) {
    std::fill_n(bench.words(), 4, 0);
    const Outcome outcome = run(semaphore(give), 4);
    ASSERT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
    for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(bench.words()[i], 77u);
    EXPECT_EQ(gws.resources[63].counter, 0);
    EXPECT_EQ(gws.resources[63].waiting, 0);
  }
  EXPECT_EQ(run(semaphore(one + one), 4).fault.check, Check::hang);
}

TEST_F(Meeting, ReleaseLetsThroughThoseThatWait) {
  gws.resources[63].counter = 9;
  const Outcome outcome = run("s_mov_b32 m0, 0\n ds_gws_sema_release_all offset:63 gds\n s_endpgm", 1);
  ASSERT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
  EXPECT_EQ(gws.resources[63].counter, 0) << "nobody waited";
  // The waves of a workgroup take turns: while the first one sleeps, the others come to wait.
  bench.load(
      "v_lshrrev_b32 v1, 5, v0\n v_readfirstlane_b32 s9, v1\n s_mov_b32 m0, 0\n s_cmp_eq_u32 s9, 0\n"
      " s_cbranch_scc1 first\n ds_gws_sema_p offset:63 gds\n s_endpgm\n"
      "first:\n s_sleep 1\n s_sleep 1\n ds_gws_sema_release_all offset:63 gds\n s_endpgm");
  bench.dispatch.grid[0] = bench.dispatch.workgroup[0] = 4 * bench.wave;
  bench.dispatch.scratch_waves = 4;
  Surroundings around;
  around.gws = &gws;
  EXPECT_EQ(bench.run_once(around).status, Outcome::Status::done);
  EXPECT_EQ(gws.resources[63].counter, 0);
}

TEST_F(Meeting, TheCountAndTheResourceMustBeKnown) {
  for (const char* text : {"ds_gws_sema_v gds\n s_endpgm", "s_mov_b32 m0, 0\n ds_gws_init v1 gds\n s_endpgm"})
    EXPECT_EQ(run(text, 1).fault.check, Check::invalid_scalar) << text;
}

TEST_F(Meeting, AQueueWithoutItIsRefused) {
  bench.load("s_mov_b32 m0, 0\n v_mov_b32 v1, 0\n ds_gws_barrier v1 gds\n s_endpgm");
  const Outcome outcome = bench.run_once();
  EXPECT_EQ(outcome.fault.check, Check::illegal_instruction);
  EXPECT_NE(outcome.fault.text.find("not given to this queue"), std::string::npos) << outcome.fault.text;
}

// KFD gives it to queues of gfx11 too, without counters: HIP of ROCm 5.7 starts cooperative launches there
// with ds_gws_init all the same.
TEST(MeetingInForm, OnlyItsInitIsDropped) {
  Bench bench{"gfx1100"};
  Surroundings around;
  around.gws_in_form = true;
  const auto text = [](const char* row) {
    return std::string("s_mov_b32 m0, 0\n v_mov_b32 v1, 3\n ") + row +
           "\n s_waitcnt lgkmcnt(0)\n v_mov_b32 v2, 7\n v_mov_b32 v3, 0\n"
           " global_store_b32 v3, v2, s[0:1]\n s_endpgm";
  };
  bench.load(text("ds_gws_init v1 gds"));
  const Outcome outcome = bench.run_once(around);
  ASSERT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
  EXPECT_EQ(bench.words()[0], 7u) << "the wave went on";
  EXPECT_EQ(bench.run_once().fault.check, Check::illegal_instruction) << "not given even in form";
  for (const char* row : {"ds_gws_barrier v1 gds", "ds_gws_sema_v gds", "ds_gws_sema_p gds"}) {
    bench.load(text(row));
    EXPECT_EQ(bench.run_once(around).fault.check, Check::illegal_instruction) << row;
  }
  bench.load("s_mov_b32 m0, 0\n ds_gws_init v1 gds\n s_endpgm");
  EXPECT_EQ(bench.run_once(around).fault.check, Check::invalid_scalar) << "a count that nobody wrote";
}

}  // namespace
}  // namespace doorbell::sim::amd
