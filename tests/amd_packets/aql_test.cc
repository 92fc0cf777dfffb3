// AQL queues: what completes a packet, what a kernel finds in its registers, and what is refused.
#include "tests/amd_packets/rig.h"

namespace doorbell::sim::amd {
namespace {

Outcome done() { return {}; }

// ---- completion

TEST(Aql, RunsAPacketAndCompletesItInOrder) {
  Rig rig;
  AqlRing ring(rig);
  uint64_t signal = rig.signal(1, 7);
  uint64_t argument = rig.take(64);
  uint64_t kernel = rig.kernel([&](const Dispatch& dispatch, const Surroundings&) {
    // While the kernel runs, nothing of its packet is completed.
    EXPECT_EQ(rig.value(signal), 1);
    EXPECT_EQ(ring.read(), 0u);
    EXPECT_EQ(dispatch.user_sgprs.size(), 2u);
    uint64_t va = doorbell::amd::join(dispatch.user_sgprs[0], dispatch.user_sgprs[1]);
    *rig.at<uint32_t>(va) += dispatch.grid[0];
    return Outcome();
  });
  aql::KernelDispatch packet = AqlRing::dispatch(kernel, signal);
  packet.kernarg_address = argument;
  *rig.at<uint32_t>(argument) = 1;
  ring.submit(packet);
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(*rig.at<uint32_t>(argument), 65u);
  EXPECT_EQ(rig.value(signal), 0);
  EXPECT_EQ(rig.look<uint16_t>(ring.slot(0)) & 0xff, static_cast<int>(aql::Type::invalid));
  ASSERT_TRUE(eventually([&] { return rig.count(rig.interrupts) == 1; }));
  EXPECT_EQ(rig.interrupts[0], 7u);
  EXPECT_EQ(rig.look<uint64_t>(rig.at<aql::Signal>(signal)->event_mailbox), 7u);
}

TEST(Aql, RaisesNoInterruptForASignalWithoutMailbox) {
  Rig rig;
  AqlRing ring(rig);
  uint64_t signal = rig.signal(1);
  ring.submit(AqlRing::barrier(aql::Type::barrier_and, {}, signal));
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(rig.value(signal), 0);
  EXPECT_EQ(rig.count(rig.interrupts), 0u);
}

TEST(Aql, WritesTimesOnOneClockWhenTheQueueIsProfiled) {
  for (bool profiled : {false, true}) {
    Rig rig;
    AqlRing ring(rig);
    ring.queue().queue_properties = profiled ? uint32_t{aql::property_profiling} : 0;
    uint64_t signal = rig.signal(1);
    uint64_t inside = 0;
    uint64_t kernel = rig.kernel([&](const Dispatch&, const Surroundings& around) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      inside = around.clock();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      return Outcome();
    });
    uint64_t before = gpu_ticks();
    ring.submit(AqlRing::dispatch(kernel, signal));
    ASSERT_TRUE(ring.done());
    const aql::Signal& times = *rig.at<aql::Signal>(signal);
    if (profiled) {
      EXPECT_LE(before, times.start_ts);
      EXPECT_LT(times.start_ts + 100'000, inside);  // 1 ms of 10 ns
      EXPECT_LT(inside + 100'000, times.end_ts);
      EXPECT_LE(times.end_ts, gpu_ticks());
    } else {
      EXPECT_EQ(times.start_ts, 0u);
      EXPECT_EQ(times.end_ts, 0u);
    }
  }
}

TEST(Aql, GoesRoundTheRingManyTimes) {
  Rig rig;
  AqlRing ring(rig, 16);
  uint64_t signal = rig.signal(1000);
  std::atomic<int> runs{0};
  uint64_t kernel = rig.kernel([&](const Dispatch& dispatch, const Surroundings&) {
    EXPECT_EQ(dispatch.packet, static_cast<uint64_t>(runs));
    ++runs;
    return Outcome();
  });
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(eventually([&] { return ring.written - ring.read() < 16; }));
    ring.submit(AqlRing::dispatch(kernel, signal));
  }
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(runs, 1000);
  EXPECT_EQ(rig.value(signal), 0);
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

TEST(Aql, StartsWithPacketZeroOfADoorbellOfZero) {
  Rig rig;
  AqlRing ring(rig);
  EXPECT_EQ(ring.submit(AqlRing::barrier(aql::Type::barrier_and, {})), 0u);
  EXPECT_TRUE(ring.done());
}

TEST(Aql, WaitsForAHeaderThatIsStillInvalid) {
  Rig rig;
  AqlRing ring(rig);
  aql::Barrier packet = AqlRing::barrier(aql::Type::barrier_and, {});
  uint16_t header = std::exchange(packet.header, static_cast<uint16_t>(aql::Type::invalid));
  ring.submit(packet);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(ring.read(), 0u);
  EXPECT_TRUE(ring.state().busy);
  __atomic_store_n(rig.at<uint16_t>(ring.slot(0)), header, __ATOMIC_RELEASE);
  EXPECT_TRUE(ring.done());
}

TEST(Aql, TakesDoorbellsOfSeveralProducersInAnyOrder) {
  Rig rig;
  AqlRing ring(rig);
  aql::Barrier packet = AqlRing::barrier(aql::Type::barrier_and, {});
  ring.write(packet);
  ring.write(packet);
  ring.write(packet);
  ring.ring(2);
  ring.ring(0);
  ring.ring(1);
  EXPECT_TRUE(ring.done());
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

TEST(Aql, LeavesPacketsAloneThatWereNotRung) {
  Rig rig;
  AqlRing ring(rig);
  ring.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
  ASSERT_TRUE(ring.done());
  ring.write(AqlRing::barrier(aql::Type::barrier_and, {}));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(ring.read(), 1u);
}

// ---- barriers

TEST(Aql, BarrierAndWaitsForAllAndBarrierOrForOne) {
  for (bool all : {true, false}) {
    Rig rig;
    AqlRing ring(rig);
    uint64_t a = rig.signal(1), b = rig.signal(2);
    ring.submit(AqlRing::barrier(all ? aql::Type::barrier_and : aql::Type::barrier_or, {a, 0, b}));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(ring.read(), 0u);
    __atomic_store_n(&rig.at<aql::Signal>(b)->value, 0, __ATOMIC_RELEASE);
    if (all) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      EXPECT_EQ(ring.read(), 0u);
      __atomic_store_n(&rig.at<aql::Signal>(a)->value, 0, __ATOMIC_RELEASE);
    }
    EXPECT_TRUE(ring.done());
  }
}

TEST(Aql, BarrierValueComparesUnderItsMask) {
  struct Case {
    aql::Condition condition;
    int64_t start, reached;
  };
  for (Case one : {Case{aql::Condition::eq, 4, 5}, Case{aql::Condition::ne, 5, 4},
                   Case{aql::Condition::lt, 5, -1}, Case{aql::Condition::gte, 4, 6}}) {
    Rig rig;
    AqlRing ring(rig);
    aql::VendorBarrierValue packet{};
    packet.header =
        aql::Header::make(aql::Type::vendor_specific, true, aql::Scope::system, aql::Scope::system).word;
    packet.format = static_cast<uint8_t>(aql::VendorFormat::barrier_value);
    packet.signal = rig.signal(one.start | 0x100);
    packet.value = 5;
    packet.mask = ~int64_t{0x100};
    packet.condition = static_cast<uint32_t>(one.condition);
    ring.submit(packet);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    EXPECT_EQ(ring.read(), 0u);
    __atomic_store_n(&rig.at<aql::Signal>(packet.signal)->value, one.reached | 0x100, __ATOMIC_RELEASE);
    EXPECT_TRUE(ring.done());
  }
}

TEST(Aql, QueuesWaitForEachOther) {
  Rig rig;
  AqlRing first(rig), second(rig);
  uint64_t ping = rig.signal(1), pong = rig.signal(1), end = rig.signal(1);
  std::vector<int> order;
  uint64_t kernel_a =
      rig.kernel([&](const Dispatch&, const Surroundings&) { return order.push_back(1), done(); });
  uint64_t kernel_b =
      rig.kernel([&](const Dispatch&, const Surroundings&) { return order.push_back(2), done(); });
  uint64_t kernel_c =
      rig.kernel([&](const Dispatch&, const Surroundings&) { return order.push_back(3), done(); });
  second.submit(AqlRing::barrier(aql::Type::barrier_and, {ping}));
  second.submit(AqlRing::dispatch(kernel_b, pong));
  first.submit(AqlRing::dispatch(kernel_a, ping));
  first.submit(AqlRing::barrier(aql::Type::barrier_and, {pong}));
  first.submit(AqlRing::dispatch(kernel_c, end));
  ASSERT_TRUE(first.done() && second.done());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

// ---- what a kernel starts with

TEST(Aql, LaysOutUserSgprsInTheOrderOfTheDescriptor) {
  for (const char* chip : {"gfx1030", "gfx1100"}) {
    for (bool wave32 : {false, true}) {
      Rig rig(chip);
      AqlRing ring(rig);
      ring.queue().scratch_resource_descriptor[0] = 0x11;
      ring.queue().scratch_resource_descriptor[3] = 0x20c14000;
      ring.queue().scratch_backing_memory_location = 0x1234'5678'9abc;
      ring.queue().scratch_wave64_lane_byte_size = 64;
      ring.queue().compute_tmpring_size = 4 << 12 | 32;
      aql::KernelDescriptor descriptor{};
      descriptor.kernel_code_properties =
          static_cast<uint16_t>(0x7f | (wave32 ? +aql::enable_wavefront_size32 : 0));
      descriptor.compute_pgm_rsrc1 = 0x600f0000;
      descriptor.compute_pgm_rsrc2 = 1 | 15 << 1 | 1 << 7;
      descriptor.compute_pgm_rsrc3 = 0x10;
      uint64_t kernel = rig.kernel([](const Dispatch&, const Surroundings&) { return done(); }, descriptor);
      aql::KernelDispatch packet = AqlRing::dispatch(kernel);
      packet.setup = 3;
      packet.workgroup_size[1] = 2;
      packet.grid_size[1] = 6;
      packet.grid_size[2] = 5;
      packet.kernarg_address = rig.take(64) + 8;  // as tinygrad's host does
      packet.private_segment_size = 48;
      packet.group_segment_size = 1000;
      ring.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
      ring.submit(packet);
      ASSERT_TRUE(ring.done());
      ASSERT_EQ(rig.launches.size(), 1u);
      const Dispatch& seen = rig.launches[0];
      auto join = doorbell::amd::join;
      ASSERT_EQ(seen.user_sgprs.size(), 15u);
      EXPECT_EQ(seen.user_sgprs[0], 0x11u);
      EXPECT_EQ(seen.user_sgprs[3], 0x20c14000u | (wave32 ? 2u : 3u) << 21);
      EXPECT_EQ(join(seen.user_sgprs[4], seen.user_sgprs[5]), ring.slot(1));
      EXPECT_EQ(join(seen.user_sgprs[6], seen.user_sgprs[7]), ring.queue_va);
      EXPECT_EQ(join(seen.user_sgprs[8], seen.user_sgprs[9]), packet.kernarg_address);
      EXPECT_EQ(join(seen.user_sgprs[10], seen.user_sgprs[11]), 1u);  // dispatch id
      EXPECT_EQ(join(seen.user_sgprs[12], seen.user_sgprs[13]), 0x1234'5678'9abcu);
      EXPECT_EQ(seen.user_sgprs[14], 48u);
      EXPECT_EQ(seen.wave32, wave32);
      EXPECT_EQ(seen.rsrc1, 0x600f0000u);
      EXPECT_EQ(seen.rsrc3, 0x10u);
      EXPECT_EQ(seen.lds_bytes, 1000u);
      EXPECT_EQ(seen.grid[1], 6u);
      EXPECT_EQ(seen.workgroup[1], 2u);
      EXPECT_EQ(seen.scratch, 0x1234'5678'9abcu);
      // WAVESIZE counts kibibytes on gfx10 and 256 bytes on gfx11, WAVES those of the GPU or of one engine.
      bool gfx11 = rig.gpu.target_version >= 110000;
      EXPECT_EQ(seen.scratch_wave_bytes, gfx11 ? 1024u : 4096u);
      EXPECT_EQ(seen.scratch_waves, gfx11 ? 32u * rig.gpu.shader_engines : 32u);
      EXPECT_EQ(seen.packet, 1u);
    }
  }
}

TEST(Aql, AsksTheHostForScratchAndGoesOnWhenItHasGrown) {
  for (bool wave32 : {false, true}) {
    Rig rig;
    AqlRing ring(rig);
    aql::KernelDescriptor descriptor{};
    descriptor.kernel_code_properties = static_cast<uint16_t>(wave32 ? +aql::enable_wavefront_size32 : 0);
    descriptor.compute_pgm_rsrc2 = 1;
    uint64_t kernel = rig.kernel([](const Dispatch&, const Surroundings&) { return done(); }, descriptor);
    aql::KernelDispatch packet = AqlRing::dispatch(kernel);
    packet.private_segment_size = 256;
    ring.queue().scratch_wave64_lane_byte_size = wave32 ? 127 : 255;
    ring.submit(packet);
    ASSERT_TRUE(eventually([&] { return rig.value(ring.inactive) != 0; }));
    EXPECT_EQ(rig.value(ring.inactive), wave32 ? 0x400 : 1);
    ASSERT_TRUE(eventually([&] { return rig.count(rig.interrupts) == 1; }));
    EXPECT_EQ(rig.interrupts[0], 99u);
    EXPECT_EQ(ring.read(), 0u);
    // The runtime answers by setting up the queue and storing 0.
    ring.queue().scratch_backing_memory_location = rig.take(4096, 4096);
    ring.queue().scratch_wave64_lane_byte_size = wave32 ? 128 : 256;
    ring.queue().compute_tmpring_size = 32 << 12 | 1;
    __atomic_store_n(&rig.at<aql::Signal>(ring.inactive)->value, 0, __ATOMIC_RELEASE);
    ASSERT_TRUE(ring.done());
    ASSERT_EQ(rig.launches.size(), 1u);
    EXPECT_EQ(rig.launches[0].scratch_wave_bytes, 8192u);
    EXPECT_EQ(rig.count(rig.lines), 0u);
  }
}

TEST(Aql, WaitsUntilScratchThatWasUsedOnceIsTakenBack) {
  Rig rig;
  AqlRing ring(rig);
  aql::KernelDescriptor descriptor{};
  descriptor.compute_pgm_rsrc2 = 1;
  uint64_t kernel = rig.kernel([](const Dispatch&, const Surroundings&) { return done(); }, descriptor);
  aql::KernelDispatch packet = AqlRing::dispatch(kernel);
  packet.private_segment_size = 256;
  ring.queue().scratch_wave64_lane_byte_size = 256;
  ring.queue().queue_properties = aql::property_use_scratch_once;
  ring.submit(packet);
  ASSERT_TRUE(eventually([&] { return rig.value(ring.inactive) == 512; }));
  EXPECT_EQ(ring.read(), 0u);
  __atomic_store_n(&rig.at<aql::Signal>(ring.inactive)->value, 0, __ATOMIC_RELEASE);
  __atomic_store_n(&ring.queue().queue_properties, 0, __ATOMIC_RELEASE);
  EXPECT_TRUE(ring.done());
  EXPECT_EQ(rig.launches.size(), 1u);
}

// ---- vendor packets

aql::VendorPm4 vendor(uint64_t buffer, uint32_t dwords, uint64_t signal = 0) {
  aql::VendorPm4 packet{};
  packet.header =
      aql::Header::make(aql::Type::vendor_specific, false, aql::Scope::system, aql::Scope::system).word;
  packet.format = static_cast<uint16_t>(aql::VendorFormat::pm4_indirect_buffer);
  packet.indirect_buffer[0] = pm4::Header::make(pm4::INDIRECT_BUFFER, 4).word;
  packet.indirect_buffer[1] = doorbell::amd::low_dword(buffer);
  packet.indirect_buffer[2] = doorbell::amd::high_dword(buffer);
  packet.indirect_buffer[3] = dwords | pm4::indirect_buffer::valid(1);
  packet.remaining_dwords = 10;
  packet.completion_signal = signal;
  return packet;
}

TEST(Aql, ExecutesAPm4IndirectBufferAndCompletesThePacket) {
  Rig rig;
  AqlRing ring(rig);
  uint64_t target = rig.take(8), flag = rig.take(4), signal = rig.signal(1);
  *rig.at<uint32_t>(flag) = 0;
  auto low = doorbell::amd::low_dword;
  auto high = doorbell::amd::high_dword;
  uint64_t buffer = rig.put(std::vector<uint32_t>{
      // Waits in the middle: the packet must come back to it.
      pm4::Header::make(pm4::WAIT_REG_MEM, 7).word,
      pm4::wait_reg_mem::function(3) | pm4::wait_reg_mem::mem_space(1), low(flag), high(flag), 1, 0xffffffff,
      4, pm4::Header::make(pm4::WRITE_DATA, 6).word, pm4::write_data::dst_sel(5), low(target), high(target),
      0xabcd, 0x1234});
  ring.submit(vendor(buffer, 13, signal));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(rig.value(signal), 1);
  EXPECT_EQ(*rig.at<uint64_t>(target), 0u);
  __atomic_store_n(rig.at<uint32_t>(flag), 1, __ATOMIC_RELEASE);
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(*rig.at<uint64_t>(target), 0x12340000abcdu);
  EXPECT_EQ(rig.value(signal), 0);
}

// ---- refusals: each mutant has a twin that differs in one thing and runs

struct Mutant {
  const char* name;
  std::function<void(Rig&, AqlRing&, aql::KernelDispatch&)> spoil;
  const char* check;
  uint32_t errors;  // what the host finds in the inactive signal; 0: it is a fault of the process
};

void PrintTo(const Mutant& mutant, std::ostream* out) { *out << mutant.name; }

class AqlMutant : public testing::TestWithParam<Mutant> {};

TEST_P(AqlMutant, IsRefusedByName) {
  const Mutant& mutant = GetParam();
  for (bool spoilt : {false, true}) {
    Rig rig;
    AqlRing ring(rig);
    std::atomic<bool> ran{false};
    aql::KernelDescriptor descriptor{};
    descriptor.kernel_code_properties = aql::enable_kernarg_segment_ptr | aql::enable_wavefront_size32;
    descriptor.compute_pgm_rsrc2 = 2 << 1;
    descriptor.group_segment_fixed_size = 64;
    uint64_t kernel =
        rig.kernel([&](const Dispatch&, const Surroundings&) { return ran = true, done(); }, descriptor);
    aql::KernelDispatch packet = AqlRing::dispatch(kernel, rig.signal(1));
    packet.kernarg_address = rig.take(64);
    packet.group_segment_size = 64;
    if (spoilt) mutant.spoil(rig, ring, packet);
    ring.submit(packet);
    if (!spoilt) {
      EXPECT_TRUE(ring.done());
      EXPECT_TRUE(ran);
      EXPECT_EQ(rig.count(rig.lines), 0u);
      continue;
    }
    std::string line = rig.line(mutant.check);
    EXPECT_NE(line.find("AQL queue 0, packet 0"), std::string::npos) << line;
    EXPECT_FALSE(ran);
    EXPECT_EQ(ring.read(), 0u);
    if (mutant.errors != 0) {
      ASSERT_TRUE(eventually([&] { return rig.count(rig.queue_errors) == 1; }));
      EXPECT_EQ(rig.queue_errors[0], mutant.errors);
      EXPECT_EQ(rig.value(ring.inactive), static_cast<int64_t>(mutant.errors));
      EXPECT_EQ(rig.count(rig.faults), 0u);
    } else {
      ASSERT_TRUE(eventually([&] { return rig.count(rig.faults) == 1; }));
      EXPECT_EQ(rig.value(ring.inactive), 0);
    }
    EXPECT_TRUE(ring.state().dead);
  }
}

using P = aql::KernelDispatch;
const Mutant mutants[] = {
    {"UnknownType", [](Rig&, AqlRing&, P& p) { p.header = (p.header & 0xff00) | 6; }, "packet-type", 0x20},
    {"AgentDispatch", [](Rig&, AqlRing&, P& p) { p.header = (p.header & 0xff00) | 4; }, "packet-type", 0x20},
    {"UnknownVendorFormat", [](Rig&, AqlRing&, P& p) { p.header = (p.header & 0xff00), p.setup = 9; },
     "packet-type", 0x100},
    {"ReservedHeaderBits", [](Rig&, AqlRing&, P& p) { p.header |= 0x2000; }, "packet-reserved", 0x20},
    {"ReservedScope", [](Rig&, AqlRing&, P& p) { p.header |= 3 << 9; }, "packet-field", 0x20},
    {"ReservedSetupBits", [](Rig&, AqlRing&, P& p) { p.setup |= 4; }, "packet-reserved", 0x20},
    {"ReservedField", [](Rig&, AqlRing&, P& p) { p.reserved2 = 1ull << 40; }, "packet-reserved", 0x20},
    {"NoDimensions", [](Rig&, AqlRing&, P& p) { p.setup = 0; }, "packet-field", 0x2},
    {"EmptyGrid", [](Rig&, AqlRing&, P& p) { p.grid_size[0] = 0; }, "packet-field", 0x2},
    {"EmptyWorkgroup", [](Rig&, AqlRing&, P& p) { p.workgroup_size[2] = 0; }, "packet-field", 0x2},
    {"UnusedDimension", [](Rig&, AqlRing&, P& p) { p.grid_size[1] = 2; }, "packet-field", 0x2},
    {"WorkgroupTooLarge", [](Rig&, AqlRing&, P& p) { p.workgroup_size[0] = 1025; }, "packet-field", 0x40},
    {"NullKernel", [](Rig&, AqlRing&, P& p) { p.kernel_object = 0; }, "packet-field", 0x8},
    {"MisalignedKernel", [](Rig&, AqlRing&, P& p) { p.kernel_object += 8; }, "packet-alignment", 0x8},
    {"UnmappedKernel", [](Rig&, AqlRing&, P& p) { p.kernel_object = Rig::unmapped; }, "unmapped", 0},
    {"MisalignedKernarg", [](Rig&, AqlRing&, P& p) { p.kernarg_address += 2; }, "packet-alignment", 0x20},
    {"TooLittleGroupMemory", [](Rig&, AqlRing&, P& p) { p.group_segment_size = 63; }, "packet-field", 0x4},
    {"MisalignedEntry",
     [](Rig& r, AqlRing&, P& p) {
       r.at<aql::KernelDescriptor>(p.kernel_object)->kernel_code_entry_byte_offset += 4;
     },
     "packet-alignment", 0x8},
    {"ReservedDescriptorBits",
     [](Rig& r, AqlRing&, P& p) {
       r.at<aql::KernelDescriptor>(p.kernel_object)->kernel_code_properties |= 0x80;
     },
     "packet-reserved", 0x8},
    {"WrongSgprCount",
     [](Rig& r, AqlRing&, P& p) { r.at<aql::KernelDescriptor>(p.kernel_object)->compute_pgm_rsrc2 = 1 << 1; },
     "packet-field", 0x8},
    {"MisalignedSignal", [](Rig&, AqlRing&, P& p) { p.completion_signal += 8; }, "packet-signal", 0x20},
    {"SignalOfNoKind", [](Rig& r, AqlRing&, P& p) { r.at<aql::Signal>(p.completion_signal)->kind = 0; },
     "packet-signal", 0x20},
    {"UnmappedSignal", [](Rig&, AqlRing&, P& p) { p.completion_signal = Rig::unmapped; }, "unmapped", 0},
};
INSTANTIATE_TEST_SUITE_P(Dispatch, AqlMutant, testing::ValuesIn(mutants),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Aql, RefusesASlotThatIsWrittenAgainBeforeItIsConsumed) {
  for (bool spoilt : {false, true}) {
    Rig rig;
    AqlRing ring(rig);
    uint64_t kernel = rig.kernel([&](const Dispatch&, const Surroundings&) {
      if (spoilt) rig.at<aql::KernelDispatch>(ring.slot(0))->grid_size[0] = 1;
      return done();
    });
    ring.submit(AqlRing::dispatch(kernel));
    if (spoilt) {
      EXPECT_NE(rig.line("slot-overwritten").find("packet 0"), std::string::npos);
    } else {
      EXPECT_TRUE(ring.done());
    }
  }
}

TEST(Aql, RefusesADoorbellFurtherAheadThanTheRingIsLong) {
  for (bool spoilt : {false, true}) {
    Rig rig;
    AqlRing ring(rig, 16);
    uint64_t gate = rig.signal(1);
    ring.write(AqlRing::barrier(aql::Type::barrier_and, {gate}));
    for (int i = 1; i < 16; ++i) ring.write(AqlRing::barrier(aql::Type::barrier_and, {}));
    if (spoilt) {
      ring.write(AqlRing::barrier(aql::Type::barrier_and, {gate}));
      ring.ring(16);
      EXPECT_NE(rig.line("slot-overwritten").find("packet 16 was rung"), std::string::npos);
    } else {
      ring.ring(15);
      __atomic_store_n(&rig.at<aql::Signal>(gate)->value, 0, __ATOMIC_RELEASE);
      EXPECT_TRUE(ring.done());
    }
  }
}

TEST(Aql, RefusesADoorbellBeyondTheWriteIndex) {
  Rig rig;
  AqlRing ring(rig);
  ring.write(AqlRing::barrier(aql::Type::barrier_and, {}));
  ring.ring(1);
  EXPECT_NE(rig.line("doorbell").find("the write index"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return rig.count(rig.faults) == 1; }));
}

TEST(Aql, TellsTheHostOfWhatAWaveWasPunishedFor) {
  struct Case {
    FaultKind kind;
    Check check;
    int64_t errors;
  };
  for (Case one :
       {Case{FaultKind::illegal, Check::illegal_instruction, 0x40000000},
        Case{FaultKind::trap, Check::trap, 0x80000000},
        Case{FaultKind::aperture, Check::lds_bounds, 0x20000000},
        Case{FaultKind::dispatch, Check::registers_oversubscribed, 0x80},
        Case{FaultKind::dispatch, Check::lds_oversubscribed, 0x4},
        Case{FaultKind::memory, Check::unmapped, 0}, Case{FaultKind::hang, Check::hang, 0x80000000},
        Case{FaultKind::strict, Check::load_use, 0x80000000}}) {
    Rig rig;
    AqlRing ring(rig);
    uint64_t kernel = rig.kernel([&](const Dispatch&, const Surroundings&) {
      Outcome outcome;
      outcome.status = Outcome::Status::fault;
      outcome.fault.kind = one.kind;
      outcome.fault.check = one.check;
      return outcome;
    });
    ring.submit(AqlRing::dispatch(kernel));
    EXPECT_FALSE(rig.line(check_row(one.check).name).empty());
    bool ends_all =
        one.kind == FaultKind::memory || one.kind == FaultKind::hang || one.kind == FaultKind::strict;
    ASSERT_TRUE(
        eventually([&] { return (ends_all ? rig.count(rig.faults) : rig.count(rig.queue_errors)) == 1; }));
    EXPECT_EQ(rig.value(ring.inactive), one.errors);
  }
}

TEST(Aql, LenientChecksLetTheirPacketsPass) {
  Rig rig("gfx1100", "packet-reserved");
  AqlRing ring(rig);
  aql::Barrier packet = AqlRing::barrier(aql::Type::barrier_and, {});
  packet.header |= 0x2000;
  packet.reserved2 = 1;
  ring.submit(packet);
  EXPECT_TRUE(ring.done());
}

}  // namespace
}  // namespace doorbell::sim::amd
