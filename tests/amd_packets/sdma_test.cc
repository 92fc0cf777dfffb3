// SDMA queues: every packet, in the forms in which AMD's runtime, its kernel tests and other drivers write
// it.
#include <algorithm>
#include <numeric>

#include "tests/amd_packets/rig.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::high_dword;
using doorbell::amd::low_dword;

std::vector<uint32_t> copy(uint64_t to, uint64_t from, uint32_t bytes, uint32_t flags = 0) {
  return {sdma::header(sdma::COPY) | flags,
          bytes - 1,
          0,
          low_dword(from),
          high_dword(from),
          low_dword(to),
          high_dword(to)};
}
std::vector<uint32_t> fence(uint64_t va, uint32_t value) {
  return {sdma::header(sdma::FENCE) | sdma::fence::mtype(3), low_dword(va), high_dword(va), value};
}
std::vector<uint32_t> poll(uint64_t va, uint32_t function, uint32_t value, uint32_t mask = ~0u,
                           uint32_t retries = 0xfff) {
  return {
      sdma::header(sdma::POLL_REGMEM) | sdma::poll_regmem::func(function) | sdma::poll_regmem::mem_poll(1),
      low_dword(va),
      high_dword(va),
      value,
      mask,
      4 | retries << 16};
}

void fill_counting(Rig& rig, uint64_t va, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) *rig.at<uint8_t>(va + i) = static_cast<uint8_t>(i * 7 + (i >> 8));
}

TEST(Sdma, CopiesAnyNumberOfBytesAtAnyAddress) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t from = rig.take(1 << 20), to = rig.take(1 << 20);
  fill_counting(rig, from, 1 << 20);
  for (uint32_t bytes : {1u, 3u, 64u, 4097u, 1000003u}) {
    std::memset(rig.at(to), 0xee, 1 << 20);
    ring.push(copy(to + 5, from + 3, bytes)).submit();
    ASSERT_TRUE(ring.done());
    EXPECT_EQ(std::memcmp(rig.at(to + 5), rig.at(from + 3), bytes), 0) << bytes;
    EXPECT_EQ(*rig.at<uint8_t>(to + 4), 0xee);
    EXPECT_EQ(*rig.at<uint8_t>(to + 5 + bytes), 0xee);
  }
}

TEST(Sdma, CopiesToTwoPlacesAtOnce) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t from = rig.take(300), a = rig.take(300), b = rig.take(300);
  fill_counting(rig, from, 300);
  auto packet = copy(a, from, 300, sdma::copy_linear::broadcast(1));
  packet.push_back(low_dword(b));
  packet.push_back(high_dword(b));
  ring.push(packet).push(fence(rig.take(4), 1)).submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(std::memcmp(rig.at(a), rig.at(from), 300), 0);
  EXPECT_EQ(std::memcmp(rig.at(b), rig.at(from), 300), 0);
}

TEST(Sdma, CopiesOverlappingRangesBackwards) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t from = rig.take(2 << 20);
  fill_counting(rig, from, 1 << 20);
  std::vector<std::byte> expected(rig.at(from), rig.at(from) + (1 << 20));
  ring.push(copy(from + 100, from, 1 << 20, sdma::copy_linear::backwards(1))).submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(std::memcmp(rig.at(from + 100), expected.data(), 1 << 20), 0);
}

TEST(Sdma, FillsBytesAndDwordsByBothConventionsOfTheCount) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t to = rig.take(4096);
  auto fill = [&](uint64_t va, uint32_t size, uint32_t count) {
    ring.push(
        {sdma::header(sdma::CONST_FILL) | size << 30, low_dword(va), high_dword(va), 0x04030201, count});
  };
  fill(to, 2, 16 - 4);       // ROCr: bytes - 4
  fill(to + 64, 2, 16 - 1);  // the kernel: bytes - 1
  fill(to + 129, 0, 5 - 1);  // bytes
  ring.submit();
  ASSERT_TRUE(ring.done());
  for (uint64_t at : {to, to + 64}) {
    for (int i = 0; i < 16; ++i) EXPECT_EQ(*rig.at<uint8_t>(at + i), i % 4 + 1);
    EXPECT_EQ(*rig.at<uint8_t>(at + 16), 0);
  }
  EXPECT_EQ(std::memcmp(rig.at(to + 128), "\0\1\1\1\1\1\0", 7), 0);
}

TEST(Sdma, WritesInlineData) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t to = rig.take(64);
  ring.push({sdma::header(sdma::WRITE), low_dword(to), high_dword(to), 2, 11, 22, 33})
      .push(fence(to + 32, 1))
      .submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(rig.at<uint32_t>(to)[0], 11u);
  EXPECT_EQ(rig.at<uint32_t>(to)[2], 33u);
  EXPECT_EQ(rig.at<uint32_t>(to)[3], 0u);
}

TEST(Sdma, CopiesBoxesOfPitchedSurfaces) {
  // A box of 5 x 3 x 2 elements of 4 bytes, from (1, 2, 1) to (2, 0, 0).
  Rig rig;
  SdmaRing ring(rig);
  constexpr uint32_t src_pitch = 16, src_slice = 16 * 8, dst_pitch = 8, dst_slice = 8 * 4;
  uint64_t from = rig.take(src_slice * 4 * 4), to = rig.take(dst_slice * 4 * 4);
  std::iota(rig.at<uint32_t>(from), rig.at<uint32_t>(from) + src_slice * 4, 1000);
  ring.push({sdma::header(sdma::COPY, sdma::COPY_LINEAR_SUB_WIND) | 2u << 29, low_dword(from),
             high_dword(from), 1 | 2 << 16, 1 | (src_pitch - 1) << 13, src_slice - 1, low_dword(to),
             high_dword(to), 2 | 0 << 16, 0 | (dst_pitch - 1) << 13, dst_slice - 1, 4 | 2 << 16, 1});
  ring.submit();
  ASSERT_TRUE(ring.done());
  for (uint32_t z = 0; z < 4; ++z)
    for (uint32_t y = 0; y < 4; ++y)
      for (uint32_t x = 0; x < dst_pitch; ++x) {
        bool inside = z < 2 && y < 3 && x >= 2 && x < 7;
        uint32_t expected = inside ? 1000 + (z + 1) * src_slice + (y + 2) * src_pitch + x - 1 : 0;
        EXPECT_EQ(rig.at<uint32_t>(to)[z * dst_slice + y * dst_pitch + x], expected) << x << y << z;
      }
}

TEST(Sdma, PollsMemoryByEachComparison) {
  struct Case {
    uint32_t function, start, reached;
  };
  for (Case one :
       {Case{1, 5, 4}, Case{2, 6, 5}, Case{3, 4, 5}, Case{4, 5, 6}, Case{5, 4, 5}, Case{6, 5, 6}}) {
    Rig rig;
    SdmaRing ring(rig);
    uint64_t word = rig.take(4), flag = rig.take(4);
    *rig.at<uint32_t>(word) = one.start | 0x8000'0000;
    ring.push(poll(word, one.function, 5, 0x7fffffff)).push(fence(flag, 1)).submit();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(rig.look<uint32_t>(flag), 0u) << one.function;
    __atomic_store_n(rig.at<uint32_t>(word), one.reached | 0x8000'0000, __ATOMIC_RELEASE);
    EXPECT_TRUE(ring.done());
    EXPECT_EQ(rig.look<uint32_t>(flag), 1u);
  }
}

TEST(Sdma, GivesUpAPollAfterItsRetries) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t word = rig.take(4);
  ring.push(poll(word, 3, 5, ~0u, 10)).submit();
  EXPECT_TRUE(ring.done());
}

TEST(Sdma, AppliesAtomics) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t word = rig.take(8);
  auto atomic = [&](uint32_t op, uint64_t start, uint64_t operand, uint64_t compare, uint64_t expected) {
    *rig.at<uint64_t>(word) = start;
    ring.push({sdma::header(sdma::ATOMIC) | op << 25, low_dword(word), high_dword(word), low_dword(operand),
               high_dword(operand), low_dword(compare), high_dword(compare), 0});
    ring.submit();
    ASSERT_TRUE(ring.done());
    EXPECT_EQ(*rig.at<uint64_t>(word), expected) << op;
  };
  constexpr uint64_t max = ~uint64_t{0};
  atomic(sdma::ATOMIC_ADD_RTN_64, 5, max, 0, 4);
  atomic(sdma::ATOMIC_SUB_RTN_64, 5, 6, 0, max);
  atomic(sdma::ATOMIC_SWAP_RTN_64, 5, 7, 0, 7);
  atomic(sdma::ATOMIC_CMPSWAP_RTN_64, 5, 7, 5, 7);
  atomic(sdma::ATOMIC_CMPSWAP_RTN_64, 5, 7, 6, 5);
  atomic(sdma::ATOMIC_SMIN_RTN_64, 5, max, 0, max);
  atomic(sdma::ATOMIC_UMIN_RTN_64, 5, max, 0, 5);
  atomic(sdma::ATOMIC_SMAX_RTN_64, 5, max, 0, 5);
  atomic(sdma::ATOMIC_UMAX_RTN_64, 5, max, 0, max);
  atomic(sdma::ATOMIC_AND_RTN_64, 12, 10, 0, 8);
  atomic(sdma::ATOMIC_OR_RTN_64, 12, 10, 0, 14);
  atomic(sdma::ATOMIC_XOR_RTN_64, 12, 10, 0, 6);
  atomic(sdma::ATOMIC_INC_RTN_64, 9, 10, 0, 10);
  atomic(sdma::ATOMIC_INC_RTN_64, 10, 10, 0, 0);
  atomic(sdma::ATOMIC_DEC_RTN_64, 0, 10, 0, 10);
  atomic(sdma::ATOMIC_DEC_RTN_64, 11, 10, 0, 10);
  atomic(sdma::ATOMIC_DEC_RTN_64, 10, 10, 0, 9);
  atomic(sdma::ATOMIC_ADD_RTN_32, 0x1'ffff'ffff, 1, 0, 0x1'0000'0000);
  atomic(sdma::ATOMIC_SMAX_RTN_32, 0xffff'ffff, 3, 0, 3);
}

TEST(Sdma, SkipsByCondition) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t flag = rig.take(4), to = rig.take(8);
  *rig.at<uint32_t>(flag) = 1;
  for (uint32_t i = 0; i < 2; ++i) {
    ring.push({sdma::header(sdma::COND_EXE), low_dword(flag), high_dword(flag), i, 4})
        .push(fence(to + 4 * i, 1));
  }
  ring.submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(*rig.at<uint32_t>(to), 0u);
  EXPECT_EQ(*rig.at<uint32_t>(to + 4), 1u);
}

TEST(Sdma, WrapsPacketsAroundTheEndOfTheRing) {
  Rig rig;
  SdmaRing ring(rig, 1024);
  uint64_t from = rig.take(64), to = rig.take(64);
  for (uint32_t i = 0; i < 200; ++i) {
    *rig.at<uint32_t>(from) = i;
    ring.push(copy(to, from, 4)).submit();  // 28 bytes: 1024 is no multiple
    ASSERT_TRUE(ring.done());
    ASSERT_EQ(rig.look<uint32_t>(to), i);
    ASSERT_EQ(rig.look<uint64_t>(ring.config.read_pointer), (i + 1) * 28u);
  }
}

TEST(Sdma, ExecutesIndirectBuffersThatEndOnEightDwords) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t to = rig.take(8);
  std::vector<uint32_t> buffer = fence(to, 5);
  buffer.resize(8);  // NOPs
  uint64_t va = rig.put(buffer);
  ring.push({0, 0}).push({sdma::header(sdma::INDIRECT), low_dword(va), high_dword(va), 8, 0, 0});
  ring.push(fence(to + 4, 6)).submit();
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(*rig.at<uint32_t>(to), 5u);
  EXPECT_EQ(*rig.at<uint32_t>(to + 4), 6u);
}

// amd_blit_sdma.cpp, SubmitCommand: polls, timestamp, HDP flush, invalidate, copy, write back, timestamp,
// atomic decrement of the signal, fence of the mailbox, trap.
TEST(Sdma, RunsAWholeCommandOfAmdsRuntime) {
  for (const char* chip : {"gfx1030", "gfx1100"}) {
    Rig rig(chip);
    SdmaRing ring(rig);
    uint64_t from = rig.take(5000), to = rig.take(5000), dependency = rig.signal(1),
             signal = rig.signal(1, 42);
    fill_counting(rig, from, 5000);
    const aql::Signal& record = *rig.at<aql::Signal>(signal);
    uint64_t value = signal + 8;
    ring.push(poll(dependency + 12, 3, 0)).push(poll(dependency + 8, 3, 0));
    ring.push({sdma::header(sdma::TIMESTAMP, sdma::TIMESTAMP_GET_GLOBAL), low_dword(signal + 32),
               high_dword(signal)});
    ring.push({0x8, 0, 0x80000000, 0, 0, 0});
    ring.push({sdma::header(sdma::GCR_REQ, sdma::GCR_USER), 0, 0xc3c0u << 16, 0, 0});
    ring.push(copy(to, from, 5000));
    ring.push({sdma::header(sdma::GCR_REQ, sdma::GCR_USER), 0, 0x8040u << 16, 0, 0});
    ring.push({sdma::header(sdma::TIMESTAMP, sdma::TIMESTAMP_GET_GLOBAL), low_dword(signal + 40),
               high_dword(signal)});
    ring.push({sdma::header(sdma::ATOMIC) | sdma::atomic::operation(47), low_dword(value), high_dword(value),
               ~0u, ~0u, 0, 0, 0});
    ring.push(fence(record.event_mailbox, 42)).push({sdma::header(sdma::TRAP), 42}).submit();
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    EXPECT_EQ(rig.value(signal), 1);
    __atomic_store_n(&rig.at<aql::Signal>(dependency)->value, 0, __ATOMIC_RELEASE);
    ASSERT_TRUE(ring.done());
    EXPECT_EQ(rig.value(signal), 0);
    EXPECT_EQ(std::memcmp(rig.at(to), rig.at(from), 5000), 0);
    EXPECT_GT(record.start_ts, 0u);
    EXPECT_LE(record.start_ts, record.end_ts);
    EXPECT_EQ(rig.look<uint32_t>(record.event_mailbox), 42u);
    std::lock_guard lock(rig.mutex);
    EXPECT_EQ(rig.interrupts, std::vector<uint32_t>{42});
    EXPECT_TRUE(rig.lines.empty());
  }
}

// ---- refusals

struct Mutant {
  const char* name;
  std::vector<uint32_t> good, bad;
  const char* check;
};
void PrintTo(const Mutant& mutant, std::ostream* out) { *out << mutant.name; }
class SdmaMutant : public testing::TestWithParam<Mutant> {};

constexpr uint64_t spot = Rig::base + Rig::bytes - 8192;
constexpr uint32_t lo = static_cast<uint32_t>(spot), hi = static_cast<uint32_t>(spot >> 32);

std::vector<Mutant> mutants() {
  using W = std::vector<uint32_t>;
  auto atomic = [](uint32_t op, uint32_t low) { return W{10u | op << 25, low, hi, 1, 0, 0, 0, 0}; };
  auto fill = [](uint32_t size, uint32_t low) { return W{11u | size << 30, low, hi, 0, 3}; };
  auto indirect = [](uint32_t pad, uint32_t low, uint32_t size, uint32_t flags = 0) {
    W words(pad);
    for (uint32_t word : {4u | flags, low, hi, size, 0u, 0u}) words.push_back(word);
    return words;
  };
  auto box = [](uint32_t element, uint32_t low, uint32_t x) {
    return W{0x401u | element << 29, low, hi, x, 7 << 13, 63, lo, hi, 0, 7 << 13, 63, 6, 0};
  };
  return {
      {"UnknownOp", fence(spot, 1), {0xfe, 0, 0, 0}, "packet-type"},
      {"UnknownSubOp", copy(spot, spot, 4), {0x901, 3, 0, lo, hi, lo, hi}, "packet-type"},
      {"PrivilegedRegisterWrite", fence(spot, 1), {14, 0, 0, 0}, "packet-type"},
      {"PageTableWrite", fence(spot, 1), {12, lo, hi, 0}, "packet-type"},
      {"ReservedHeaderBits", fence(spot, 1), {5u | 1u << 31, lo, hi, 1}, "packet-reserved"},
      {"ReservedCountBits", copy(spot, spot, 4), {1, 1u << 30, 0, lo, hi, lo, hi}, "packet-reserved"},
      {"MisalignedFence", fence(spot, 1), fence(spot + 2, 1), "packet-reserved"},
      {"TruncatedPacket", copy(spot, spot, 4), {1, 3, 0, lo, hi, lo}, "packet-bounds"},
      {"TruncatedWrite", {2, lo, hi, 1, 1, 2}, {2, lo, hi, 2, 1, 2}, "packet-bounds"},
      {"MisalignedWrite", {2, lo, hi, 0, 1}, {2, lo + 1, hi, 0, 1}, "packet-alignment"},
      {"NopPastTheEnd", {1u << 16, 0}, {2u << 16, 0}, "packet-bounds"},
      {"ReservedFunction", poll(spot, 3, 0), poll(spot, 7, 0), "packet-field"},
      {"RegisterPoll", {8, 0, 0x80000000, 0, 0, 0}, {8, 0x100, 0, 0, 0, 0}, "packet-field"},
      {"UnknownAtomic", atomic(47, lo), atomic(63, lo), "packet-field"},
      {"MisalignedAtomic", atomic(47, lo), atomic(47, lo + 4), "misaligned"},
      {"ReservedFillSize", fill(2, lo), fill(1, lo), "packet-field"},
      {"MisalignedFill", fill(2, lo), fill(2, lo + 1), "packet-alignment"},
      {"IndirectNotOnEightDwords", indirect(2, lo, 8), indirect(1, lo, 8), "packet-alignment"},
      {"IndirectSizeNotEightDwords", indirect(2, lo, 8), indirect(2, lo, 7), "packet-alignment"},
      {"IndirectAtAnOddAddress", indirect(2, lo, 8), indirect(2, lo + 4, 8), "packet-reserved"},
      {"IndirectOfAnotherVmid", indirect(2, lo, 8), indirect(2, lo, 8, 1 << 16), "packet-field"},
      {"BoxOfHugeElements", box(2, lo, 0), box(5, lo, 0), "packet-field"},
      {"BoxThatSticksOut", box(2, lo, 1), box(2, lo, 2), "packet-field"},
      {"BoxOnNoDword", box(0, lo, 0), box(0, lo + 1, 0), "packet-alignment"},
      {"CondExePastTheEnd", {9, lo, hi, 1, 0}, {9, lo, hi, 1, 1}, "packet-bounds"},
      {"GcrOfAnotherVmid", {0x111, 0, 0, 0, 0}, {0x111, 0, 0, 0, 1 << 24}, "packet-field"},
      {"UnmappedSource", copy(spot, spot, 4), copy(spot, Rig::unmapped, 4), "unmapped"},
      {"UnmappedTarget", copy(spot, spot, 4), copy(Rig::unmapped, spot, 4), "unmapped"},
      {"MisalignedTimestamp", {0x20d, lo, hi}, {0x20d, lo + 4, hi}, "packet-reserved"},
  };
}

TEST_P(SdmaMutant, IsRefusedByName) {
  const Mutant& mutant = GetParam();
  for (bool spoilt : {false, true}) {
    Rig rig;
    SdmaRing ring(rig);
    ring.push(spoilt ? mutant.bad : mutant.good).submit();
    if (!spoilt) {
      EXPECT_TRUE(ring.done());
      EXPECT_EQ(rig.count(rig.lines), 0u) << rig.lines[0];
      continue;
    }
    std::string line = rig.line(mutant.check);
    EXPECT_NE(line.find("SDMA queue 0, packet "), std::string::npos) << line;
    EXPECT_TRUE(eventually([&] { return ring.state().dead; }));
  }
}
INSTANTIATE_TEST_SUITE_P(Packet, SdmaMutant, testing::ValuesIn(mutants()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Sdma, CopiesUpToWhereMemoryEndsAndThenFaults) {
  Rig rig;
  SdmaRing ring(rig);
  uint64_t end = Rig::base + Rig::bytes, from = rig.take(4096);
  fill_counting(rig, from, 4096);
  ring.push(copy(end - 4096, from, 8192)).submit();
  std::string line = rig.line("unmapped");
  EXPECT_NE(line.find(fmt::format("address {:#x}", end)), std::string::npos) << line;
  EXPECT_EQ(std::memcmp(rig.at(end - 4096), rig.at(from), 4096), 0);
}

TEST(Sdma, LimitsTheCountOfOldEngines) {
  Rig rig;
  Gpu old = rig.gpu;
  old.sdma_ip[0] = 4;
  // 2^22 bytes are the most that version 4 can count; a larger count does not fit its field.
  for (bool spoilt : {false, true}) {
    Rig fresh;
    Hooks hooks;
    std::vector<std::string> lines;
    hooks.report = [&](const Fault& fault) { fresh.note([&] { lines.push_back(describe(fault)); }); };
    CommandProcessor processor(old, fresh.vm, fresh.strict, std::move(hooks));
    QueueConfig config;
    config.type = QueueType::sdma;
    config.ring = fresh.take(4096, 4096);
    config.ring_bytes = 4096;
    config.read_pointer = fresh.take(8, 8);
    config.write_pointer = fresh.take(8, 8);
    config.doorbell = &fresh.doorbells[0];
    auto packet = copy(Rig::base, Rig::base, 4, 0);
    packet[1] = spoilt ? 0x400000 : 0x3fffff;
    std::memcpy(fresh.at(config.ring), packet.data(), 28);
    *fresh.at<uint64_t>(config.write_pointer) = 28;
    ASSERT_TRUE(processor.add_queue(config).ok());
    fresh.doorbells[0] = 28;
    EXPECT_TRUE(eventually(
        [&] { return spoilt ? fresh.count(lines) == 1 : fresh.look<uint64_t>(config.read_pointer) == 28; }));
    if (spoilt) { EXPECT_TRUE(lines[0].starts_with("packet-field")) << lines[0]; }
  }
}

}  // namespace
}  // namespace doorbell::sim::amd
