// Each cache has pairs: a program, a sequence of dispatches or a stream of packets that reads what a cache
// still holds of before, by name, and its twin with the acquire that the memory model asks for.
#include "sim/amd/caches.h"

#include "tests/amd_packets/rig.h"
#include "tests/amd_wave/strict.h"

namespace doorbell::sim::amd {
namespace {

struct Cached : Bench {
  explicit Cached(const char* chip, unsigned lanes = 32) : Bench(chip, lanes) {}

  // The data once more, as another kind of memory.
  void remap(Mtype mtype, MemoryKind kind) {
    vm.unmap(data, bytes);
    Region region;
    region.va = data;
    region.bytes = bytes;
    region.host = memory[0].get();
    region.access = access_read | access_write;
    region.mtype = mtype;
    region.kind = kind;
    EXPECT_TRUE(vm.map(region).ok());
  }
  // "done", or the line that says what is wrong.
  std::string run_on() {
    Surroundings around;
    around.caches = &caches;
    Outcome outcome = run(gpu, vm, dispatch, around);
    return outcome.status == Outcome::Status::done ? "done" : describe(outcome.fault);
  }
  Caches caches;
};

// ---- programs ----

struct Pair {
  const char* chip;
  const char* cache;
  const char* stale;
  const char* fresh;
  void (*prepare)(Dispatch&);
  unsigned wave = 32;
};

// clang-format off
// A workgroup that reads, waits for another one's flag, and reads again what that one has written.
#define HAND_OVER(acquire)                                                                                 \
  "v_mov_b32 v1, 0\n s_cmp_eq_u32 s8, 0\n s_cbranch_scc0 writer\n"                                         \
  "global_load_b32 v2, v1, s[0:1]\n wait:\n global_load_b32 v3, v1, s[0:1] offset:256 glc dlc\n"           \
  "s_waitcnt vmcnt(0)\n v_readfirstlane_b32 s20, v3\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 wait\n"         \
  acquire "\n global_load_b32 v2, v1, s[0:1]\n s_endpgm\n"                                                 \
  "writer:\n v_mov_b32 v4, 1\n global_store_b32 v1, v4, s[0:1]\n s_waitcnt_vscnt null, 0x0\n"              \
  "global_store_b32 v1, v4, s[0:1] offset:256\n s_endpgm"
// The same between the two waves of a workgroup, by way of a barrier.
#define BARRIER(acquire)                                                                                   \
  "v_mov_b32 v1, 0\n v_readfirstlane_b32 s20, v0\n global_load_b32 v2, v1, s[0:1]\n s_waitcnt vmcnt(0)\n"  \
  "s_barrier\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc0 on\n global_store_b32 v1, v0, s[0:1] offset:4\n"       \
  "s_waitcnt_vscnt null, 0x0\n on:\n s_barrier\n" acquire                                                  \
  "\n global_load_b32 v2, v1, s[0:1] offset:4\n s_endpgm"
#define SCALAR(acquire) SCALAR_BY(acquire, "")
#define SCALAR_BY(acquire, policy)                                                                         \
  "v_mov_b32 v1, 0\n s_load_b32 s20, s[0:1], 0x0\n s_waitcnt lgkmcnt(0)\n v_mov_b32 v2, 5\n"               \
  "global_store_b32 v1, v2, s[0:1]\n s_waitcnt_vscnt null, 0x0\n" acquire                                  \
  "\n s_load_b32 s21, s[0:1], 0x0 " policy "\n s_endpgm"

void two_workgroups(Dispatch& d) { d.grid[0] *= 2; }
void two_waves_of_a_wgp(Dispatch& d) { d.grid[0] = d.workgroup[0] *= 2, d.rsrc1 |= 1u << 29; }
void two_waves_of_a_cu(Dispatch& d) { d.grid[0] = d.workgroup[0] *= 2; }

constexpr Pair pairs[] = {
  {"gfx1100", "(L0)", HAND_OVER("s_nop 0"), HAND_OVER("buffer_gl0_inv\n buffer_gl1_inv"), two_workgroups},
  {"gfx1030", "(L0)", HAND_OVER("buffer_gl1_inv"), HAND_OVER("buffer_gl1_inv\n buffer_gl0_inv"), two_workgroups, 64},
  {"gfx1030", "(GL1)", HAND_OVER("buffer_gl0_inv"), HAND_OVER("buffer_gl0_inv\n buffer_gl1_inv"), two_workgroups},
  {"gfx1030", "(L0)", BARRIER("s_nop 0"), BARRIER("buffer_gl0_inv"), two_waves_of_a_wgp},
  {"gfx1100", "scalar cache", SCALAR("s_nop 0"), SCALAR("s_dcache_inv"), [](Dispatch&) {}},
  {"gfx1100", "scalar cache", SCALAR_BY("s_nop 0", "dlc"), SCALAR_BY("s_nop 0", "glc"), [](Dispatch&) {}},
  {"gfx1030", "scalar cache", SCALAR("s_nop 0"), SCALAR_BY("s_nop 0", "glc"), [](Dispatch&) {}},
};
// clang-format on

TEST(Caches, AreSeenByProgramsThatForgetThemAndNotByTheirTwins) {
  for (const Pair& pair : pairs) {
    SCOPED_TRACE(pair.stale);
    {
      Cached bench(pair.chip, pair.wave);
      pair.prepare(bench.dispatch);
      bench.load(pair.stale);
      std::string line = bench.run_on();
      EXPECT_TRUE(line.starts_with("stale-read: bench, packet 7, kernel program, workgroup ")) << line;
      EXPECT_NE(line.find(pair.cache), std::string::npos) << line;
      EXPECT_NE(line.find("address 0x100000000"), std::string::npos) << line;
      EXPECT_NE(line.find("_load_"), std::string::npos) << line;
    }
    {
      Cached lenient(pair.chip, pair.wave);
      pair.prepare(lenient.dispatch);
      EXPECT_TRUE(lenient.dispatch.strict.lenient("stale-read").ok());
      lenient.load(pair.stale);
      EXPECT_EQ(lenient.run_on(), "done");
    }
    Cached twin(pair.chip, pair.wave);
    pair.prepare(twin.dispatch);
    twin.load(pair.fresh);
    EXPECT_EQ(twin.run_on(), "done");
  }
}

// ---- what is none ----

TEST(Caches, AreOneForTheWavesOfAComputeUnit) {
  Cached bench("gfx1030");
  two_waves_of_a_cu(bench.dispatch);
  bench.load(BARRIER("s_nop 0"));
  EXPECT_EQ(bench.run_on(), "done");
}

// Stores of all widths, atomics and loads of one lane, over what it has loaded before.
TEST(Caches, ShowAWaveItsOwnStores) {
  for (const char* chip : {"gfx1030", "gfx1100"}) {
    Cached bench(chip);
    bench.load(
        "v_lshlrev_b32 v1, 4, v0\n global_load_b128 v[4:7], v1, s[0:1]\n s_waitcnt vmcnt(0)\n"
        "global_store_b8 v1, v0, s[0:1]\n global_store_b16 v1, v0, s[0:1] offset:2\n"
        "global_store_b64 v1, v[4:5], s[0:1] offset:8\n global_load_b128 v[4:7], v1, s[0:1]\n"
        "v_mov_b32 v2, 1\n s_waitcnt vmcnt(0)\n global_atomic_add_u32 v1, v2, s[0:1] offset:4\n"
        "global_atomic_swap_b32 v3, v1, v2, s[0:1] offset:12 glc\n s_waitcnt vmcnt(0)\n"
        "global_load_b128 v[4:7], v1, s[0:1]\n s_waitcnt vmcnt(0)\n"
        "v_lshlrev_b32 v1, 9, v0\n global_load_b32 v2, v1, s[0:1]\n s_waitcnt vmcnt(0)\n"  // far apart
        "global_store_b32 v1, v0, s[0:1]\n global_load_b32 v2, v1, s[0:1]\n s_waitcnt vmcnt(0)\n s_endpgm");
    EXPECT_EQ(bench.run_on(), "done");
    EXPECT_EQ(bench.run_on(), "done");
  }
}

// Others may write the bytes beside those that are read, and the same content anew.
TEST(Caches, AreAskedForTheBytesThatAreRead) {
  Cached bench("gfx1100");
  bench.words()[3] = 9;
  bench.load(
      "v_lshlrev_b32 v1, 3, v0\n global_load_b32 v2, v1, s[0:1]\n s_load_b32 s20, s[0:1], 0x8\n s_endpgm");
  EXPECT_EQ(bench.run_on(), "done");
  bench.words()[1] = 1;  // lanes read every other dword
  bench.words()[3] = 2;
  bench.words()[4] = 0;
  EXPECT_EQ(bench.run_on(), "done");
  EXPECT_EQ(bench.run_on(), "done");
  bench.words()[6] = 1;
  EXPECT_NE(bench.run_on().find("lane 3, address 0x1000000018"), std::string::npos);
}

// ---- what one dispatch leaves to the next ----

constexpr const char* read_vector = "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n s_endpgm";
constexpr const char* read_past_caches =
    "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1] glc dlc\n s_endpgm";
constexpr const char* read_scalar = "s_load_b32 s20, s[0:1], 0x0\n s_endpgm";

TEST(Caches, OfAnEarlierDispatchNeedAnAcquireOfTheRightScope) {
  struct Case {
    const char* first;
    const char* then;
    MemoryKind kind;
    unsigned enough;  // scope: 0 none, 1 agent, 2 system
    const char* cache;
    Mtype mtype = Mtype::nc;
  };
  const Case cases[] = {
      {read_vector, read_vector, MemoryKind::vram, 1, "(L0)"},
      {read_scalar, read_scalar, MemoryKind::vram, 1, "scalar cache"},
      {read_vector, read_vector, MemoryKind::gtt, 2, nullptr},
      {read_vector, read_past_caches, MemoryKind::userptr, 2, "second-level cache"},
      {read_vector, read_past_caches, MemoryKind::vram, 0, nullptr},
      // What bypasses the second level is in the others.
      {read_vector, read_vector, MemoryKind::gtt, 1, "(L0)", Mtype::uc},
      {read_scalar, read_scalar, MemoryKind::gtt, 1, "scalar cache", Mtype::uc},
      {read_vector, read_vector, MemoryKind::vram, 1, "(L0)", Mtype::uc},
      {read_vector, read_vector, MemoryKind::gtt, 1, "(L0)", Mtype::cc},
      {read_vector, read_past_caches, MemoryKind::gtt, 0, nullptr, Mtype::uc},
      {read_vector, read_vector, MemoryKind::doorbell, 0, nullptr, Mtype::uc},
      {read_scalar, read_scalar, MemoryKind::mmio, 0, nullptr, Mtype::uc},
  };
  for (const Case& one : cases) {
    for (unsigned scope : {0u, 1u, 2u}) {
      SCOPED_TRACE(fmt::format("{}, then {}, scope {}", one.first, one.then, scope));
      Cached bench("gfx1100");
      bench.remap(one.mtype, one.kind);
      bench.load(one.first);
      EXPECT_EQ(bench.run_on(), "done");
      bench.words()[0] = 1;
      bench.load(one.then);
      bench.caches.acquire(scope);
      bench.caches.invalidate({.code = true});
      std::string line = bench.run_on();
      if (scope >= one.enough) {
        EXPECT_EQ(line, "done");
      } else {
        EXPECT_TRUE(line.starts_with("stale-read: ")) << line;
        EXPECT_NE(line.find(one.cache ? one.cache : ""), std::string::npos) << line;
      }
    }
  }
}

// What the GPU itself wrote there is in the second-level cache, and no news of the host.
TEST(Caches, OfTheSecondLevelSeeWhatTheGpuWrites) {
  Cached bench("gfx1100");
  bench.remap(Mtype::nc, MemoryKind::gtt);
  bench.load(read_vector);
  EXPECT_EQ(bench.run_on(), "done");
  bench.load(
      "v_mov_b32 v1, 0\n v_mov_b32 v2, 7\n s_mov_b32 exec_lo, 1\n global_store_b32 v1, v2, s[0:1]\n "
      "s_endpgm");
  bench.caches.acquire(1);
  bench.caches.invalidate({.code = true});
  EXPECT_EQ(bench.run_on(), "done");
  bench.load(read_vector);
  bench.caches.acquire(1);
  bench.caches.invalidate({.code = true});
  EXPECT_EQ(bench.run_on(), "done");
}

TEST(Caches, OfInstructionsNeedToBeInvalidated) {
  for (const char* chip : {"gfx1030", "gfx1151"}) {
    Cached bench(chip);
    bench.load("s_nop 0\n s_endpgm");
    EXPECT_EQ(bench.run_on(), "done");
    bench.load("s_nop 1\n s_endpgm");
    bench.caches.acquire(2);  // is none of the instruction cache
    std::string line = bench.run_on();
    EXPECT_TRUE(line.starts_with("stale-code: bench, packet 7, kernel program, ")) << line;
    bench.caches.invalidate({.code = true});
    EXPECT_EQ(bench.run_on(), "done");
    bench.load("s_nop 2\n s_endpgm");
    ASSERT_TRUE(bench.dispatch.strict.lenient("stale-code").ok());
    EXPECT_EQ(bench.run_on(), "done");
  }
}

// ---- packets ----

// A kernel that loads its first argument, by the scalar cache or the vector caches.
struct Reader {
  Reader(Rig& rig, bool scalar) {
    rig.instructions = true;
    auto code = assemble(scalar ? "s_load_b32 s4, s[0:1], 0x0\n s_endpgm"
                                : "v_mov_b32 v1, 0\n global_load_b32 v1, v1, s[0:1]\n s_endpgm",
                         rig.gpu, 32);
    descriptor = rig.take(64, 64);
    entry = rig.take(256, 256);
    argument = rig.take(128, 128);
    std::memcpy(rig.at(entry), code->data(), code->size());
    aql::KernelDescriptor content{};
    content.kernel_code_properties = aql::enable_kernarg_segment_ptr | aql::enable_wavefront_size32;
    content.compute_pgm_rsrc2 = 2 << 1 | 1 << 7;
    content.kernel_code_entry_byte_offset = static_cast<int64_t>(entry - descriptor);
    *rig.at<aql::KernelDescriptor>(descriptor) = content;
  }
  [[nodiscard]] aql::KernelDispatch packet(aql::Scope acquire) const {
    aql::KernelDispatch packet = AqlRing::dispatch(descriptor, 0, 32);
    packet.kernarg_address = argument;
    packet.header = aql::Header::make(aql::Type::kernel_dispatch, true, acquire, aql::Scope::system).word;
    return packet;
  }
  uint64_t descriptor, entry, argument;
};

std::string lines_of(Rig& rig) {
  std::string all;
  rig.note([&] {
    for (const std::string& line : rig.lines) all += line + "\n";
  });
  return all;
}

// Somebody other than the waves changes what was read.
using Change = void (*)(Rig&, uint64_t va);
void by_the_host(Rig& rig, uint64_t va) { *rig.at<uint32_t>(va) = 1; }
void by_sdma(Rig& rig, uint64_t va) {
  namespace sdma = doorbell::amd::sdma;
  SdmaRing ring(rig);
  ring.push(
      {static_cast<uint32_t>(sdma::FENCE), static_cast<uint32_t>(va), static_cast<uint32_t>(va >> 32), 1});
  ring.submit();
  ASSERT_TRUE(ring.done());
}

TEST(Caches, AreInvalidatedByAqlFences) {
  for (bool scalar : {true, false}) {
    for (Change change : {by_the_host, by_sdma}) {
      for (bool barrier : {false, true}) {  // that has the acquire, in place of the dispatch
        for (aql::Scope scope : {aql::Scope::none, aql::Scope::agent, aql::Scope::system}) {
          SCOPED_TRACE(fmt::format("scalar {} sdma {} barrier {} scope {}", scalar, change == by_sdma,
                                   barrier, static_cast<int>(scope)));
          Rig rig;
          AqlRing ring(rig);
          Reader reader(rig, scalar);
          ring.submit(reader.packet(aql::Scope::system));
          ASSERT_TRUE(ring.done());
          change(rig, reader.argument);
          if (barrier) {
            aql::Barrier packet = AqlRing::barrier(aql::Type::barrier_and, {});
            packet.header = aql::Header::make(aql::Type::barrier_and, true, scope, aql::Scope::none).word;
            ring.submit(packet);
          }
          ring.submit(reader.packet(barrier ? aql::Scope::none : scope));
          // The rings' memory is the host's, which the second-level cache has between.
          if (scope < (scalar || change == by_sdma ? aql::Scope::agent : aql::Scope::system)) {
            std::string line = rig.line("stale-read");
            EXPECT_NE(line.find("AQL queue 0, packet "), std::string::npos) << line;
            ASSERT_TRUE(eventually([&] { return rig.count(rig.faults) == 1; }));
          } else {
            EXPECT_TRUE(ring.done()) << lines_of(rig);
          }
        }
      }
    }
  }
}

TEST(Caches, AreInvalidatedByAcquireMemAndGcr) {
  struct Case {
    bool scalar;
    uint32_t enough;  // GCR_CNTL
    const char* check;
    bool code;  // the instructions change, not the data
  };
  const Case cases[] = {
      {true, pm4::gcr::glk_inv, "stale-read", false},
      {false, pm4::gcr::glv_inv | pm4::gcr::gl1_inv | pm4::gcr::gl2_inv, "stale-read", false},
      {true, pm4::gcr::gli_inv, "stale-code", true},
  };
  constexpr uint32_t all =
      pm4::gcr::gli_inv | pm4::gcr::glk_inv | pm4::gcr::glv_inv | pm4::gcr::gl1_inv | pm4::gcr::gl2_inv;
  for (const Case& one : cases) {
    for (bool sdma : {false, true}) {
      for (uint32_t control : {all & ~one.enough, one.enough}) {
        Rig rig;
        AqlRing ring(rig);
        Reader reader(rig, one.scalar);
        ring.submit(reader.packet(aql::Scope::none));
        ASSERT_TRUE(ring.done());
        if (one.code) {
          auto code = assemble("s_nop 3\n s_endpgm", rig.gpu, 32);
          std::memcpy(rig.at(reader.entry), code->data(), code->size());
        } else {
          by_the_host(rig, reader.argument);
        }
        if (sdma) {
          SdmaRing invalidates(rig);
          namespace op = doorbell::amd::sdma;
          invalidates.push({op::header(op::GCR_REQ), 0, control << 16, 0, 0});
          invalidates.submit();
          ASSERT_TRUE(invalidates.done());
        } else {
          Pm4Ring invalidates(rig);
          invalidates.packet(pm4::ACQUIRE_MEM, {0, ~0u, 0xff, 0, 0, 10, control});
          invalidates.submit();
          ASSERT_TRUE(invalidates.done());
        }
        ring.submit(reader.packet(aql::Scope::none));
        if (control != one.enough) {
          EXPECT_FALSE(rig.line(one.check).empty()) << one.check;
        } else {
          EXPECT_TRUE(ring.done()) << lines_of(rig);
        }
      }
    }
  }
}

}  // namespace
}  // namespace doorbell::sim::amd
