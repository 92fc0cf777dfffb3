// PM4 queues: every packet of a compute queue, and what is refused.
#include "tests/amd_packets/rig.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::high_dword;
using doorbell::amd::low_dword;
namespace reg = pm4::reg;

// WRITE_DATA of one dword.
void write_dword(Pm4Ring& ring, uint64_t va, uint32_t value) {
  ring.packet(pm4::WRITE_DATA, {pm4::write_data::dst_sel(5) | pm4::write_data::wr_confirm(1), low_dword(va),
                                high_dword(va), value});
}
void release(Pm4Ring& ring, uint64_t va, uint64_t value, uint32_t data, uint32_t interrupt,
             uint32_t context = 0) {
  ring.packet(pm4::RELEASE_MEM,
              {pm4::release_mem::event_type(0x14) | pm4::release_mem::event_index(5) |
                   pm4::release_mem::gcr_gl2_wb | pm4::release_mem::gcr_seq,
               pm4::release_mem::data_sel(data) | pm4::release_mem::int_sel(interrupt), low_dword(va),
               high_dword(va), low_dword(value), high_dword(value), context});
}
void set_sh(Pm4Ring& ring, uint32_t first, std::vector<uint32_t> values) {
  ring.push(
      {pm4::Header::make(pm4::SET_SH_REG, static_cast<uint32_t>(values.size()) + 2).word, first - 0x2c00});
  ring.push(values);
}

TEST(Pm4, ReportsItsReadPointerInDwordsOfTheRing) {
  Rig rig;
  Pm4Ring ring(rig, 1024);  // 256 dwords
  uint64_t target = rig.take(8);
  for (uint32_t i = 1; i <= 200; ++i) {
    write_dword(ring, target, i);
    ring.submit();
    ASSERT_TRUE(ring.done());
    ASSERT_EQ(rig.look<uint32_t>(target), i);
    ASSERT_EQ(rig.look<uint32_t>(ring.config.read_pointer), i * 5 % 256);
    ASSERT_EQ(rig.look<uint32_t>(ring.config.read_pointer + 4), 0u);
  }
}

TEST(Pm4, SkipsPaddingAndNops) {
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t target = rig.take(8);
  ring.push({pm4::padding, pm4::padding});
  ring.packet(pm4::NOP, {0xdeadbeef, 0xdeadbeef, 0xffffffff});
  ring.push({3u << 30 | 0x3fffu << 16 | pm4::NOP << 8});  // a NOP of one dword
  write_dword(ring, target, 7);
  ring.submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(rig.look<uint32_t>(target), 7u);
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

TEST(Pm4, WritesDataToOneAddressOrToMany) {
  for (uint32_t one : {0u, 1u}) {
    Rig rig;
    Pm4Ring ring(rig);
    uint64_t target = rig.take(16);
    ring.packet(pm4::WRITE_DATA, {pm4::write_data::dst_sel(2) | pm4::write_data::addr_incr(one),
                                  low_dword(target), high_dword(target), 1, 2, 3});
    ring.submit();
    ASSERT_TRUE(ring.done());
    EXPECT_EQ(rig.look<uint32_t>(target), one ? 3u : 1u);
    EXPECT_EQ(rig.look<uint32_t>(target + 8), one ? 0u : 3u);
  }
}

TEST(Pm4, WaitsForMemoryByEachComparison) {
  struct Case {
    uint32_t function, start, reached;
  };
  // Against the reference 5, under a mask that hides bit 31.
  for (Case one :
       {Case{1, 5, 4}, Case{2, 6, 5}, Case{3, 4, 5}, Case{4, 5, 6}, Case{5, 4, 5}, Case{6, 5, 6}}) {
    for (bool wide : {false, true}) {
      Rig rig;
      Pm4Ring ring(rig);
      uint64_t word = rig.take(8), target = rig.take(8);
      *rig.at<uint64_t>(word) = one.start | 0x8000'0000u;
      uint32_t control = pm4::wait_reg_mem::function(one.function) | pm4::wait_reg_mem::mem_space(1);
      if (wide) {
        ring.packet(pm4::WAIT_REG_MEM64,
                    {control, low_dword(word), high_dword(word), 5, 0, 0x7fffffff, ~0u, 4});
      } else {
        ring.packet(pm4::WAIT_REG_MEM, {control, low_dword(word), high_dword(word), 5, 0x7fffffff, 4});
      }
      write_dword(ring, target, 1);
      ring.submit();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      EXPECT_EQ(rig.look<uint32_t>(target), 0u) << one.function;
      __atomic_store_n(rig.at<uint64_t>(word), one.reached | 0x8000'0000u, __ATOMIC_RELEASE);
      EXPECT_TRUE(ring.done()) << one.function;
      EXPECT_EQ(rig.look<uint32_t>(target), 1u);
    }
  }
}

TEST(Pm4, FlushesTheHdpByItsRequestAndDoneRegisters) {
  Rig rig;
  Pm4Ring ring(rig);
  ring.packet(pm4::WAIT_REG_MEM, {pm4::wait_reg_mem::function(5) | pm4::wait_reg_mem::operation(1), 0xe26,
                                  0xe27, 0xffffffff, 0xffffffff, 4});
  ring.submit();
  EXPECT_TRUE(ring.done());
}

TEST(Pm4, ReleasesDataOfEachKindAndInterrupts) {
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t target = rig.take(64);
  uint64_t before = gpu_ticks();
  release(ring, target, 0x1122334455667788, pm4::release_mem::data32, 0);
  release(ring, target + 8, 0x1122334455667788, pm4::release_mem::data64, 2, 17);
  release(ring, target + 16, 0, pm4::release_mem::gpu_clock, 3);
  release(ring, 0, 0, pm4::release_mem::data_none, 1, 18);
  release(ring, target + 8, 0x1122334455667788, pm4::release_mem::data_none, 6, 19);  // equal: interrupts
  release(ring, target + 8, 0x99, pm4::release_mem::data_none, 6, 20);                // not equal: does not
  ring.submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(*rig.at<uint64_t>(target), 0x55667788u);
  EXPECT_EQ(*rig.at<uint64_t>(target + 8), 0x1122334455667788u);
  EXPECT_GE(*rig.at<uint64_t>(target + 16), before);
  EXPECT_LE(*rig.at<uint64_t>(target + 16), gpu_ticks());
  std::lock_guard lock(rig.mutex);
  EXPECT_EQ(rig.interrupts, (std::vector<uint32_t>{17, 18, 19}));
}

// Who is woken by a packet's interrupt puts the next ones into the ring, and counts what is free there.
TEST(Pm4, ReportsAPacketAsReadBeforeItInterrupts) {
  Rig rig;
  Pm4Ring ring(rig, 1024);  // 256 dwords, of which 8 a packet
  std::vector<uint32_t> read;
  rig.note([&] { rig.interrupted = [&] { read.push_back(rig.look<uint32_t>(ring.config.read_pointer)); }; });
  for (uint32_t i = 1; i <= 32; ++i) {
    release(ring, 0, 0, pm4::release_mem::data_none, 1, i);
    ring.submit();
    ASSERT_TRUE(eventually([&] { return rig.count(rig.interrupts) == i; }));
  }
  std::lock_guard lock(rig.mutex);
  for (uint32_t i = 0; i < 32; ++i) EXPECT_EQ(read[i], (i + 1) * 8 % 256);
}

TEST(Pm4, CopiesBetweenMemoryImmediatesAndClocks) {
  namespace f = pm4::copy_data;
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t from = rig.take(8), to = rig.take(64);
  *rig.at<uint64_t>(from) = 0xaaaabbbbccccdddd;
  auto copy = [&](uint32_t source, bool wide, uint64_t src, uint64_t dst) {
    ring.packet(pm4::COPY_DATA, {f::src_sel(source) | f::dst_sel(2) | f::count_sel(wide) | f::wr_confirm(1),
                                 low_dword(src), high_dword(src), low_dword(dst), high_dword(dst)});
  };
  uint64_t before = gpu_ticks();
  copy(f::src_memory_obsolete, true, from, to);
  copy(f::src_tc_l2, false, from, to + 8);
  copy(f::src_immediate, true, 0x123456789a, to + 16);
  copy(f::src_gpu_clock, true, 0, to + 24);
  ring.submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(*rig.at<uint64_t>(to), 0xaaaabbbbccccddddu);
  EXPECT_EQ(*rig.at<uint64_t>(to + 8), 0xccccddddu);
  EXPECT_EQ(*rig.at<uint64_t>(to + 16), 0x123456789au);
  EXPECT_GE(*rig.at<uint64_t>(to + 24), before);
}

TEST(Pm4, AppliesAtomicsAndHandsOutWhatTheyReturn) {
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t word = rig.take(8), to = rig.take(8);
  *rig.at<uint64_t>(word) = 40;
  auto atomic = [&](uint32_t op, uint64_t operand, uint64_t compare = 0) {
    ring.packet(pm4::ATOMIC_MEM, {op, low_dword(word), high_dword(word), low_dword(operand),
                                  high_dword(operand), low_dword(compare), high_dword(compare), 0});
  };
  atomic(sdma::ATOMIC_ADD_RTN_64, ~0ull);
  ring.packet(pm4::COPY_DATA,
              {pm4::copy_data::src_sel(6) | pm4::copy_data::dst_sel(2) | pm4::copy_data::count_sel(1), 0, 0,
               low_dword(to), high_dword(to)});
  atomic(sdma::ATOMIC_CMPSWAP_RTN_64, 100, 39);
  atomic(sdma::ATOMIC_CMPSWAP_RTN_64, 200, 39);  // no longer 39
  atomic(sdma::ATOMIC_ADD_RTN_32 | sdma::ATOMIC_NORTN, 5);
  ring.submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(*rig.at<uint64_t>(to), 40u);
  EXPECT_EQ(*rig.at<uint64_t>(word), 105u);
}

TEST(Pm4, CopiesAndFillsByDmaData) {
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t from = rig.take(100), to = rig.take(256);
  for (int i = 0; i < 100; ++i) *rig.at<uint8_t>(from + i) = static_cast<uint8_t>(i);
  ring.packet(pm4::DMA_DATA, {pm4::dma_data::src_sel(3) | pm4::dma_data::dst_sel(3), low_dword(from),
                              high_dword(from), low_dword(to), high_dword(to), 99});
  ring.packet(pm4::DMA_DATA, {pm4::dma_data::src_sel(2) | pm4::dma_data::dst_sel(3), 0x01020304, 0,
                              low_dword(to + 128), high_dword(to), 8});
  ring.submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(std::memcmp(rig.at(to), rig.at(from), 99), 0);
  EXPECT_EQ(*rig.at<uint8_t>(to + 99), 0);
  EXPECT_EQ(*rig.at<uint64_t>(to + 128), 0x0102030401020304u);
  EXPECT_EQ(*rig.at<uint64_t>(to + 136), 0u);
}

// ---- indirect buffers

std::vector<uint32_t> store(uint64_t va, uint32_t value) {
  return {pm4::Header::make(pm4::WRITE_DATA, 5).word, pm4::write_data::dst_sel(5), low_dword(va),
          high_dword(va), value};
}
std::vector<uint32_t> call(uint64_t va, size_t dwords, uint32_t flags = pm4::indirect_buffer::valid(1)) {
  return {pm4::Header::make(pm4::INDIRECT_BUFFER, 4).word, low_dword(va), high_dword(va),
          static_cast<uint32_t>(dwords) | flags};
}
std::vector<uint32_t> operator+(std::vector<uint32_t> a, const std::vector<uint32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Pm4, CallsIndirectBuffersAndReturnsBehindThem) {
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t to = rig.take(64);
  auto inner = store(to + 4, 2);
  uint64_t inner_va = rig.put(inner);
  auto outer = store(to, 1) + call(inner_va, inner.size()) + store(to + 8, 3);
  ring.push(call(rig.put(outer), outer.size())).push(store(to + 12, 4));
  ring.submit();
  ASSERT_TRUE(ring.done());
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(*rig.at<uint32_t>(to + 4 * i), i + 1);
}

TEST(Pm4, ChainsToABufferWithoutReturning) {
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t to = rig.take(64);
  auto last = store(to + 4, 2);
  auto first =
      store(to, 1) +
      call(rig.put(last), last.size(), pm4::indirect_buffer::valid(1) | pm4::indirect_buffer::chain(1)) +
      store(to + 8, 3);
  ring.push(call(rig.put(first), first.size())).push(store(to + 12, 4));
  ring.submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(*rig.at<uint32_t>(to + 4), 2u);
  EXPECT_EQ(*rig.at<uint32_t>(to + 8), 0u);  // behind the chain
  EXPECT_EQ(*rig.at<uint32_t>(to + 12), 4u);
}

TEST(Pm4, SkipsByConditionAndByXcc) {
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t to = rig.take(64), flags = rig.take(8);
  *rig.at<uint32_t>(flags + 4) = 1;
  auto cond = [&](uint64_t va) {
    return std::vector<uint32_t>{pm4::Header::make(pm4::COND_EXEC, 5).word, low_dword(va), high_dword(va), 0,
                                 5};
  };
  auto pred = [&](uint32_t xccs) {
    return std::vector<uint32_t>{pm4::Header::make(pm4::PRED_EXEC, 2).word, xccs << 24 | 5};
  };
  auto buffer = cond(flags) + store(to, 1) + cond(flags + 4) + store(to + 4, 1) + pred(2) + store(to + 8, 1) +
                pred(1) + store(to + 12, 1);
  ring.push(call(rig.put(buffer), buffer.size()));
  ring.submit();
  ASSERT_TRUE(ring.done());
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(*rig.at<uint32_t>(to + 4 * i), i % 2) << i;
}

// ---- dispatches

struct Launch {
  Rig rig;
  Pm4Ring ring;
  uint64_t code;

  explicit Launch(const char* chip) : rig(chip), ring(rig) {
    code = rig.take(256, 256);
    set_sh(ring, reg::COMPUTE_PGM_LO, {low_dword(code >> 8), high_dword(code >> 8)});
    set_sh(ring, reg::COMPUTE_PGM_RSRC1, {0x600f0041, 4 << 1 | 1 << 7 | 3 << 15});
    set_sh(ring, reg::COMPUTE_PGM_RSRC3_GFX10, {0x30});
    set_sh(ring, reg::COMPUTE_TMPRING_SIZE, {4 << 12 | 32});
    set_sh(ring, reg::COMPUTE_DISPATCH_SCRATCH_BASE_LO, {0x345678, 0x12});
    set_sh(ring, reg::COMPUTE_USER_DATA_0, {10, 11, 12, 13, 14});
    set_sh(ring, reg::COMPUTE_START_X, {0, 0, 0, 32, 2, 1, 0, 0});
  }
  const Dispatch& run(std::initializer_list<uint32_t> body) {
    ring.packet(pm4::DISPATCH_DIRECT, body);
    ring.packet(pm4::EVENT_WRITE, {pm4::event_write::CS_PARTIAL_FLUSH | pm4::event_write::event_index(4)});
    ring.submit();
    EXPECT_TRUE(ring.done());
    EXPECT_EQ(rig.count(rig.lines), 0u);
    static Dispatch none;
    return rig.launches.empty() ? none : rig.launches.back();
  }
};

TEST(Pm4, DispatchesWhatTheRegistersSay) {
  for (const char* chip : {"gfx1030", "gfx1100", "gfx1151"}) {
    Launch launch(chip);
    const Dispatch& seen = launch.run({4, 5, 6, 1 | 1 << 2 | 1 << 15});
    EXPECT_EQ(seen.code, launch.code);
    EXPECT_EQ(seen.rsrc1, 0x600f0041u);
    EXPECT_EQ(seen.rsrc2, 4u << 1 | 1 << 7 | 3 << 15);
    EXPECT_EQ(seen.rsrc3, 0x30u);
    EXPECT_TRUE(seen.wave32);
    EXPECT_EQ(seen.user_sgprs, (std::vector<uint32_t>{10, 11, 12, 13}));
    EXPECT_EQ(seen.lds_bytes, 3u * 512);
    EXPECT_EQ(seen.grid[0], 128u);
    EXPECT_EQ(seen.grid[1], 10u);
    EXPECT_EQ(seen.grid[2], 6u);
    EXPECT_EQ(seen.workgroup[1], 2u);
    bool gfx11 = launch.rig.gpu.target_version >= 110000;
    EXPECT_EQ(seen.scratch, 0x1200345678ull << 8);
    EXPECT_EQ(seen.scratch_wave_bytes, gfx11 ? 1024u : 4096u);
    EXPECT_EQ(seen.queue, "PM4 queue 0");
  }
}

TEST(Pm4, CountsThreadsOrWorkgroupsAndStartsWhereItIsTold) {
  Launch launch("gfx1100");
  // Threads: the last workgroup is partial. wave64.
  const Dispatch* seen = &launch.run({70, 3, 1, 1 | 1 << 2 | 1 << 5});
  EXPECT_EQ(seen->grid[0], 70u);
  EXPECT_EQ(seen->grid[1], 3u);
  EXPECT_FALSE(seen->wave32);
  // Workgroups, from START on: the packet's numbers are ends.
  set_sh(launch.ring, reg::COMPUTE_START_X, {2, 1, 0});
  seen = &launch.run({5, 2, 1, 1});
  EXPECT_EQ(seen->first[0], 2u);
  EXPECT_EQ(seen->grid[0], 3u * 32);
  EXPECT_EQ(seen->grid[1], 1u * 2);
  // FORCE_START_AT_000 overrides it.
  seen = &launch.run({5, 2, 1, 1 | 1 << 2});
  EXPECT_EQ(seen->first[0], 0u);
  EXPECT_EQ(seen->grid[0], 5u * 32);
  // The last workgroup has as many threads as the upper halves say.
  set_sh(launch.ring, reg::COMPUTE_NUM_THREAD_X, {32 | 7 << 16});
  seen = &launch.run({5, 2, 1, 1 | 1 << 1 | 1 << 2});
  EXPECT_EQ(seen->grid[0], 4u * 32 + 7);
  // An empty grid runs nothing.
  launch.run({0, 2, 1, 1 | 1 << 2});
  EXPECT_EQ(launch.rig.launches.size(), 4u);
}

TEST(Pm4, ReadsTheDimensionsOfAnIndirectDispatch) {
  Launch launch("gfx1100");
  uint64_t dims = launch.rig.put(std::vector<uint32_t>{2, 1, 3});
  launch.ring.packet(pm4::DISPATCH_INDIRECT, {low_dword(dims), high_dword(dims), 1 | 1 << 2 | 1 << 15});
  launch.ring.submit();
  ASSERT_TRUE(launch.ring.done());
  ASSERT_EQ(launch.rig.launches.size(), 1u);
  EXPECT_EQ(launch.rig.launches[0].grid[0], 64u);
  EXPECT_EQ(launch.rig.launches[0].grid[2], 3u);
}

// The order in which a driver with its own packets submits a kernel (tinygrad's ops_amd.py, kfdtest's
// Dispatch.cpp).
TEST(Pm4, RunsADriversWholeSubmission) {
  Rig rig;
  Pm4Ring ring(rig);
  uint64_t timeline = rig.take(8), mailbox = rig.take(8), code = rig.take(256, 256);
  std::atomic<int> runs{0};
  rig.kernels[code] = [&](const Dispatch&, const Surroundings&) { return ++runs, Outcome(); };
  for (uint32_t i = 1; i <= 20; ++i) {
    ring.packet(pm4::WAIT_REG_MEM, {pm4::wait_reg_mem::function(5) | pm4::wait_reg_mem::mem_space(1),
                                    low_dword(timeline), high_dword(timeline), i - 1, 0xffffffff, 4});
    ring.packet(pm4::ACQUIRE_MEM, {0, 0xffffffff, 0xffffffff, 0, 0, 0, 0x3f1});
    set_sh(ring, reg::COMPUTE_PGM_LO, {low_dword(code >> 8), high_dword(code >> 8)});
    set_sh(ring, reg::COMPUTE_PGM_RSRC1, {0x600f0041, 0});
    set_sh(ring, reg::COMPUTE_RESTART_X, {0, 0, 0});
    set_sh(ring, reg::COMPUTE_RESOURCE_LIMITS, {0});
    set_sh(ring, reg::COMPUTE_START_X, {0, 0, 0, 32, 1, 1, 0, 0});
    ring.packet(pm4::DISPATCH_DIRECT, {1, 1, 1, 1 | 1 << 2 | 1 << 15});
    ring.packet(pm4::EVENT_WRITE, {7 | 4 << 8});
    release(ring, timeline, i, pm4::release_mem::data32, 0);
    release(ring, mailbox, 3, pm4::release_mem::data32, 2, 3);
    ring.submit();
    ASSERT_TRUE(eventually([&] { return rig.look<uint32_t>(timeline) == i; }));
  }
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(runs, 20);
  EXPECT_EQ(rig.count(rig.interrupts), 20u);
}

// ---- refusals

struct Mutant {
  const char* name;
  std::vector<uint32_t> good, bad;
  const char* check;
};
void PrintTo(const Mutant& mutant, std::ostream* out) { *out << mutant.name; }
class Pm4Mutant : public testing::TestWithParam<Mutant> {};

constexpr uint64_t spot = Rig::base + Rig::bytes - 4096;
constexpr uint32_t lo = static_cast<uint32_t>(spot), hi = static_cast<uint32_t>(spot >> 32);
constexpr uint32_t head(pm4::Opcode op, uint32_t dwords) { return pm4::Header::make(op, dwords).word; }
std::vector<uint32_t> words(std::initializer_list<uint32_t> list) { return list; }

std::vector<Mutant> mutants() {
  auto store = [](uint32_t header, uint32_t control, uint32_t low) {
    return words({header, control, low, hi, 1});
  };
  uint32_t h = head(pm4::WRITE_DATA, 5);
  auto wait = [](uint32_t control, uint32_t low) {
    return words({head(pm4::WAIT_REG_MEM, 7), control, low, hi, 0, 0xffffffff, 4});
  };
  auto rel = [](uint32_t event, uint32_t select, uint32_t low) {
    return words({head(pm4::RELEASE_MEM, 8), event, select, low, hi, 1, 0, 0});
  };
  auto ib = [](uint32_t low, uint32_t control) {
    return words({head(pm4::INDIRECT_BUFFER, 4), low, hi, control});
  };
  return {
      {"Type0", store(h, 5 << 8, lo), store(h & 0x3fffffff, 5 << 8, lo), "packet-type"},
      {"UnknownOpcode", store(h, 5 << 8, lo), store((h & ~0xff00u) | 0xee00, 5 << 8, lo), "packet-type"},
      {"GraphicsOpcode", store(h, 5 << 8, lo), store((h & ~0xff00u) | 0x2d00, 5 << 8, lo), "packet-type"},
      {"ReservedHeaderBits", store(h, 5 << 8, lo), store(h | 4, 5 << 8, lo), "packet-reserved"},
      {"ReservedBits", store(h, 5 << 8, lo), store(h, 5 << 8 | 1, lo), "packet-reserved"},
      {"ReservedDestination", store(h, 5 << 8, lo), store(h, 4 << 8, lo), "packet-field"},
      {"MisalignedAddress", store(h, 5 << 8, lo), store(h, 5 << 8, lo + 2), "packet-alignment"},
      {"TooShort", wait(0x13, lo), words({head(pm4::WAIT_REG_MEM, 6), 0x13, lo, hi, 0, 0xffffffff}),
       "packet-field"},
      {"PastTheWritePointer", store(h, 5 << 8, lo), store(head(pm4::WRITE_DATA, 6), 5 << 8, lo),
       "packet-bounds"},
      {"ReservedFunction", wait(0x13, lo), wait(0x17, lo), "packet-field"},
      {"UnknownRegister", wait(0x13, lo), wait(0x03, 0x1234), "packet-field"},
      {"MisalignedWait", wait(0x13, lo), wait(0x13, lo + 1), "packet-alignment"},
      {"ReservedEventIndex", rel(0x514, 1 << 29, lo), rel(0x414, 1 << 29, lo), "packet-field"},
      {"MisalignedRelease", rel(0x514, 2u << 29, lo), rel(0x514, 2u << 29, lo + 4), "packet-alignment"},
      {"ReservedDataSelector", rel(0x514, 1 << 29, lo), rel(0x514, 7u << 29, lo), "packet-field"},
      {"InterruptOnlyWithData", rel(0x514, 2 << 24 | 1 << 29, lo), rel(0x514, 1 << 24 | 1 << 29, lo),
       "packet-field"},
      {"BufferWithoutValid", ib(lo, 1 << 23), ib(lo, 0), "packet-field"},
      {"BufferOfAnotherVmid", ib(lo, 1 << 23), ib(lo, 1 << 23 | 1 << 24), "packet-field"},
      {"ChainInTheRing", ib(lo, 1 << 23), ib(lo, 1 << 23 | 1 << 20), "packet-field"},
      {"PredExecInTheRing", words({head(pm4::NOP, 2), 0}), words({head(pm4::PRED_EXEC, 2), 1 << 24}),
       "packet-field"},
      {"CondExecPastTheEnd", words({head(pm4::COND_EXEC, 5), lo, hi, 0, 0}),
       words({head(pm4::COND_EXEC, 5), lo, hi, 0, 1}), "packet-bounds"},
      {"RegisterOfAnotherShader", words({head(pm4::SET_SH_REG, 3), 0x240, 0}),
       words({head(pm4::SET_SH_REG, 3), 0x40, 0}), "packet-field"},
      {"RegistersPastTheSpace", words({head(pm4::SET_SH_REG, 3), 0x27f, 0}),
       words({head(pm4::SET_SH_REG, 4), 0x3ff, 0, 0}), "packet-field"},
      {"UnknownAtomic", words({head(pm4::ATOMIC_MEM, 9), 47, lo, hi, 0, 0, 0, 0, 0}),
       words({head(pm4::ATOMIC_MEM, 9), 127, lo, hi, 0, 0, 0, 0, 0}), "packet-field"},
      {"MisalignedAtomic", words({head(pm4::ATOMIC_MEM, 9), 47, lo, hi, 0, 0, 0, 0, 0}),
       words({head(pm4::ATOMIC_MEM, 9), 47, lo + 4, hi, 0, 0, 0, 0, 0}), "misaligned"},
      {"GdsSource", words({head(pm4::COPY_DATA, 6), 0x205, 1, 0, lo, hi}),
       words({head(pm4::COPY_DATA, 6), 0x203, 1, 0, lo, hi}), "packet-field"},
      {"WrongFlushIndex", words({head(pm4::EVENT_WRITE, 2), 0x407}),
       words({head(pm4::EVENT_WRITE, 2), 0x007}), "packet-field"},
      {"AcquireOfGfx9", words({head(pm4::ACQUIRE_MEM, 8), 0, 0xffffffffu, 0, 0, 0, 4, 1}),
       words({head(pm4::ACQUIRE_MEM, 7), 0x28c00000, 0xffffffffu, 0, 0, 0, 4}), "packet-field"},
      {"DmaOfRegisters", words({head(pm4::DMA_DATA, 7), 0x60300000, lo, hi, lo, hi, 4}),
       words({head(pm4::DMA_DATA, 7), 0x60300000, lo, hi, lo, hi, 4 | 1 << 26}), "packet-field"},
      {"UnmappedWrite", store(h, 5 << 8, lo), words({h, 5 << 8, static_cast<uint32_t>(Rig::unmapped), 0, 1}),
       "unmapped"},
      {"UnmappedBuffer", ib(lo, 1 << 23 | 1), words({head(pm4::INDIRECT_BUFFER, 4), 0x5000, 0, 1 << 23 | 1}),
       "unmapped"},
      {"DispatchBeforeItsRegisters", words({head(pm4::NOP, 2), 0}),
       words({head(pm4::DISPATCH_DIRECT, 5), 1, 1, 1, 1}), "packet-field"},
      {"DispatchWithoutTheEnable", words({head(pm4::NOP, 2), 0}),
       words({head(pm4::DISPATCH_DIRECT, 5), 1, 1, 1, 4}), "packet-field"},
  };
}

TEST_P(Pm4Mutant, IsRefusedByName) {
  const Mutant& mutant = GetParam();
  for (bool spoilt : {false, true}) {
    Rig rig;
    Pm4Ring ring(rig);
    // What indirect buffers there hold; 0 is what waits and conditions want.
    if (mutant.good[0] == head(pm4::INDIRECT_BUFFER, 4)) *rig.at<uint32_t>(spot) = pm4::padding;
    ring.push(spoilt ? mutant.bad : mutant.good);
    ring.submit();
    if (!spoilt) {
      EXPECT_TRUE(ring.done());
      EXPECT_EQ(rig.count(rig.lines), 0u) << rig.lines[0];
      continue;
    }
    std::string line = rig.line(mutant.check);
    EXPECT_NE(line.find("PM4 queue 0, packet 0"), std::string::npos) << line;
    EXPECT_TRUE(eventually([&] { return ring.state().dead; }));
    EXPECT_EQ(rig.look<uint32_t>(ring.config.read_pointer), 0u);
  }
}
INSTANTIATE_TEST_SUITE_P(Packet, Pm4Mutant, testing::ValuesIn(mutants()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Pm4, RefusesBuffersThatNestTooDeep) {
  for (bool spoilt : {false, true}) {
    Rig rig;
    Pm4Ring ring(rig);
    uint64_t va = rig.put(store(rig.take(8), 1));
    size_t dwords = 5;
    for (int depth = 0; depth < (spoilt ? 2 : 1); ++depth) {
      va = rig.put(call(va, dwords));
      dwords = 4;
    }
    ring.push(call(va, dwords));
    ring.submit();
    if (spoilt) {
      EXPECT_FALSE(rig.line("packet-bounds").empty());
    } else {
      EXPECT_TRUE(ring.done());
    }
  }
}

TEST(Pm4, StandsAtAnEndOfPipeEventWithoutAnEopBuffer) {
  for (bool eop : {true, false}) {
    Rig rig;
    Pm4Ring ring(rig, 4096, eop);
    release(ring, rig.take(8), 1, pm4::release_mem::data32, 0);
    ring.submit();
    if (eop) {
      EXPECT_TRUE(ring.done());
    } else {
      EXPECT_FALSE(rig.line("eop-buffer").empty());
      EXPECT_TRUE(eventually([&] { return rig.count(rig.faults) == 1; }));
    }
  }
}

TEST(Pm4, RefusesDoorbellsThatFitNoRing) {
  {
    Rig rig;
    Pm4Ring ring(rig, 1024);
    ring.push(std::vector<uint32_t>(10, pm4::padding));
    ring.ring(10);  // the write pointer still says 0
    EXPECT_FALSE(rig.line("doorbell").empty());
  }
  {
    Rig rig;
    Pm4Ring ring(rig, 1024);
    uint64_t gate = rig.take(4);
    *rig.at<uint32_t>(gate) = 1;
    ring.packet(pm4::WAIT_REG_MEM, {0x13, low_dword(gate), high_dword(gate), 0, ~0u, 4});
    ring.submit();
    ring.push(std::vector<uint32_t>(256, pm4::padding));  // overwrites the packet that waits
    ring.submit();
    EXPECT_TRUE(
        eventually([&] { return !rig.line("doorbell").empty() || !rig.line("packet-bounds").empty(); }));
  }
}

}  // namespace
}  // namespace doorbell::sim::amd
