// What the second-level cache holds of stores to the host's memory: the bytes against a model of one flag a
// byte, the waves against memory that nothing is held of, and the packets that write back against those that
// do not.
#include "sim/amd/shadow.h"

#include <algorithm>
#include <random>

#include "tests/amd_wave/held.h"
#include "tests/amd_wave/strict.h"

namespace doorbell::sim::amd {
namespace {

// ---- bytes ----

struct Memory {
  static constexpr uint64_t pages = 5, bytes = pages * page_bytes;
  Memory() : words(bytes / 8), host(reinterpret_cast<std::byte*>(words.data())), shadow(host, bytes) {}
  void store(uint64_t at, std::span<const std::byte> from, Authors* authors = nullptr) {
    Shadow::Store to(&shadow, host + at, from.size(), {authors, "queue", 3, "kernel"});
    std::memcpy(to.at, from.data(), from.size());
  }
  std::vector<uint64_t> words;
  std::byte* host;
  Shadow shadow;
};

TEST(Shadow, IsWhatAByteModelSays) {
  std::mt19937 random(1);
  Memory memory;
  std::vector<std::byte> host(Memory::bytes), gpu(Memory::bytes);
  std::vector<bool> stored(Memory::bytes);
  auto some = [&](auto&& body) {
    uint64_t at = random() % Memory::bytes;
    uint64_t most = random() % 4 ? 24 : 3 * page_bytes;
    body(at, std::min<uint64_t>(1 + random() % most, Memory::bytes - at));
  };
  for (int round = 0; round < 20000; ++round) {
    some([&](uint64_t at, uint64_t size) {
      std::vector<std::byte> data(size);
      for (std::byte& byte : data) byte = static_cast<std::byte>(random());
      switch (random() % 12) {
        default:
          memory.store(at, data);
          std::copy(data.begin(), data.end(), gpu.begin() + static_cast<std::ptrdiff_t>(at));
          std::fill_n(stored.begin() + static_cast<std::ptrdiff_t>(at), size, true);
          break;
        case 0:
        case 1:  // the host
          for (uint64_t i = 0; i < size; ++i) memory.host[at + i] = host[at + i] = data[i];
          break;
        case 2:
        case 3: {
          const std::byte* seen = memory.shadow.fresh(memory.host + at, size);
          for (uint64_t i = 0; i < size; ++i)
            ASSERT_EQ(seen[i], stored[at + i] ? gpu[at + i] : host[at + i]) << round << " " << at + i;
          break;
        }
        case 4:
          memory.shadow.refresh();
          ASSERT_EQ(std::memcmp(memory.shadow.seen(memory.host + at, size),
                                memory.shadow.fresh(memory.host + at, size), size),
                    0);
          break;
        case 5:
          memory.shadow.through(memory.host + at, size, [&] {
            for (uint64_t i = 0; i < size; ++i) {
              ASSERT_EQ(memory.host[at + i], stored[at + i] ? gpu[at + i] : host[at + i]);
              memory.host[at + i] = host[at + i] = data[i];
              stored[at + i] = false;
            }
          });
          ASSERT_EQ(std::memcmp(memory.shadow.seen(memory.host + at, size), data.data(), size), 0) << round;
          break;
        case 6:
          if (random() % 8) break;
          memory.shadow.write_back();
          for (uint64_t i = 0; i < Memory::bytes; ++i)
            if (stored[i]) host[i] = gpu[i];
          stored.assign(stored.size(), false);
          break;
        case 7: {  // lost by whole pages, from before the memory or to behind it as well
          if (random() % 8) break;
          const bool before = random() % 4 == 0, behind = random() % 4 == 0;
          const uint64_t from = before ? 0 : at, to = behind ? Memory::bytes : at + size;
          memory.shadow.lose(memory.host + from - before * 3 * page_bytes,
                             to - from + (before + behind) * 3 * page_bytes);
          for (uint64_t i = from / page_bytes * page_bytes;
               i < Memory::bytes && i / page_bytes * page_bytes < to; ++i)
            stored[i] = false;
          break;
        }
      }
    });
    ASSERT_EQ(std::memcmp(memory.host, host.data(), host.size()), 0) << round;
  }
}

TEST(Shadow, LosesNothingWhileItIsWrittenBack) {
  Memory memory;
  std::atomic<bool> over{false};
  constexpr uint32_t rounds = 20000;
  // The GPU's threads store and add in words of their own; the host counts in those between them.
  auto* words = reinterpret_cast<uint32_t*>(memory.host);
  constexpr size_t others = 40, sum = 3 * page_bytes / 4 + 5;
  std::vector<std::thread> gpu;
  for (uint32_t thread = 0; thread < 2; ++thread) {
    gpu.emplace_back([&, thread] {
      for (uint32_t i = 1; i <= rounds; ++i) {
        size_t at = 2 * (i % others) + thread * (page_bytes / 4 - others);  // across the border of a page
        memory.store(4 * at, std::as_bytes(std::span(&i, 1)));
        Shadow::Store add(&memory.shadow, memory.host + 4 * sum, 4, {});
        std::atomic_ref(*reinterpret_cast<uint32_t*>(add.at)).fetch_add(1);
      }
    });
  }
  std::thread host([&] {
    for (uint32_t i = 1; !over; ++i)
      for (size_t at = 0; at < others; ++at) std::atomic_ref(words[2 * at + 1]).store(i);
    for (size_t at = 0; at < others; ++at) std::atomic_ref(words[2 * at + 1]).store(77);
  });
  std::thread cache([&] {
    for (int i = 0; !over; ++i) {
      if (i % 3 != 0) memory.shadow.refresh();
      else memory.shadow.write_back();
    }
  });
  for (std::thread& thread : gpu) thread.join();
  over = true;
  host.join();
  cache.join();
  memory.shadow.write_back();
  EXPECT_EQ(words[sum], 2 * rounds);
  for (size_t at = 0; at < others; ++at) {
    EXPECT_EQ(words[2 * at + 1], 77u) << at;
    EXPECT_GT(words[2 * at], rounds - others) << at;
    EXPECT_GT(words[2 * at + page_bytes / 4 - others], rounds - others) << at;
  }
}

TEST(Shadow, NamesWhoStoredWhatTheHostWasToldOfAndNobodyWroteBack) {
  Memory memory;
  Authors authors;
  uint64_t data = ~uint64_t{0};
  auto bytes = std::as_bytes(std::span(&data, 1));
  auto end = [&](uint64_t at, uint64_t size) { return memory.shadow.end(memory.host + at, size); };
  memory.store(8, bytes, &authors);
  EXPECT_TRUE(end(0, page_bytes).empty()) << "the host was not told";
  EXPECT_EQ(memory.words[1], data) << "and sees it nevertheless when it is unmapped";
  memory.store(page_bytes - 4, bytes, &authors);
  memory.store(3 * page_bytes + 1, bytes, &authors);
  authors.tell();
  EXPECT_TRUE(end(2 * page_bytes, page_bytes).empty());
  auto lost = end(page_bytes, 3 * page_bytes);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].first, memory.host + page_bytes);
  EXPECT_EQ(lost[0].bytes, 12u);
  EXPECT_EQ(lost[0].author->queue + lost[0].author->kernel, "queuekernel");
  EXPECT_EQ(lost[0].author->packet, 3u);
  EXPECT_EQ(end(0, page_bytes).size(), 1u);
  EXPECT_TRUE(end(0, Memory::bytes).empty());
  memory.store(0, bytes, &authors);
  authors.tell();
  memory.shadow.write_back();
  EXPECT_TRUE(end(0, Memory::bytes).empty());
  memory.shadow.stop();
  memory.store(16, bytes, &authors);
  EXPECT_EQ(memory.words[2], data) << "nothing is held any more";
}

// ---- address spaces ----

Region hosts(uint64_t va, std::byte* host, uint64_t pages) {
  Region region;
  region.va = va;
  region.bytes = pages * page_bytes;
  region.host = host;
  region.access = access_read | access_write;
  region.kind = MemoryKind::gtt;
  region.mtype = Mtype::nc;
  return region;
}

TEST(Shadow, IsOfCachedMemoryThatTheHostReaches) {
  struct Kind {
    MemoryKind kind;
    bool window, reached;
  };
  for (auto [kind, window, reached] :
       {Kind{MemoryKind::vram, false, false}, Kind{MemoryKind::vram, true, true},
        Kind{MemoryKind::gtt, false, true}, Kind{MemoryKind::userptr, false, true},
        Kind{MemoryKind::doorbell, false, false}}) {
    for (Mtype mtype : {Mtype::nc, Mtype::rw, Mtype::cc, Mtype::uc}) {
      for (bool hold : {false, true}) {
        Memory memory;
        Vm vm;
        vm.hold_host_stores(hold);
        Region region = hosts(0x10000, memory.host, 1);
        region.kind = kind;
        region.window = window;
        region.mtype = mtype;
        ASSERT_TRUE(vm.map(region).ok());
        bool held = hold && reached && (mtype == Mtype::nc || mtype == Mtype::rw);
        EXPECT_EQ(vm.regions()[0].shadow != nullptr, held);
      }
    }
  }
}

TEST(Shadow, BeginsWhenTheHostOpensAWindow) {
  Memory memory;
  Vm vm;
  vm.hold_host_stores(true);
  for (uint64_t va : {0x10000, 0x20000, 0x30000}) {
    Region region = hosts(va, memory.host + (va == 0x30000 ? 4 * page_bytes : 0), va == 0x30000 ? 1 : 4);
    region.kind = MemoryKind::vram;
    ASSERT_TRUE(vm.map(region).ok());
  }
  uint64_t stored = 5, seen = 0;
  Vm::Reader reader(vm);
  reader.online();
  const Region* before = reader.find(0x10000);
  ASSERT_NE(before, nullptr);
  EXPECT_EQ(before->shadow, nullptr);
  std::atomic<bool> open{false};
  std::thread host([&] {
    vm.open_window(memory.host, 4 * page_bytes);
    open = true;
  });
  while (reader.find(0x10000) == before) std::this_thread::yield();
  EXPECT_FALSE(open) << "there is a reader that may still use what it found";
  EXPECT_EQ(before->va, 0x10000u);
  while (!open) reader.quiesce();
  host.join();
  auto regions = vm.regions();
  ASSERT_NE(regions[0].shadow, nullptr);
  EXPECT_EQ(regions[0].shadow, regions[1].shadow);
  EXPECT_EQ(regions[2].shadow, nullptr) << "another memory";
  {
    Shadow::Store to(reader.find(0x10008)->shadow.get(), regions[0].at(0x10008), 8, {});
    std::memcpy(to.at, &stored, 8);
  }
  EXPECT_EQ(memory.words[1], 0u);
  EXPECT_TRUE(reader.load(0x20008, seen));
  EXPECT_EQ(seen, stored);
  vm.write_back();
  EXPECT_EQ(memory.words[1], stored);
  reader.offline();
}

TEST(Shadow, IsOneForMemoryThatIsMappedTwice) {
  Memory memory;
  Vm vm;
  vm.hold_host_stores(true);
  ASSERT_TRUE(vm.map(hosts(0x10000, memory.host, 4)).ok());
  ASSERT_TRUE(vm.map(hosts(0x20000, memory.host, 4)).ok());
  ASSERT_TRUE(vm.map(hosts(0x30000, memory.host + page_bytes, 2)).ok());
  auto regions = vm.regions();
  EXPECT_EQ(regions[0].shadow, regions[1].shadow);
  EXPECT_EQ(regions[0].shadow, regions[2].shadow);
  {
    Shadow::Store to(regions[0].shadow.get(), regions[0].at(0x11008), 1, {});
    *to.at = std::byte{5};
  }
  EXPECT_EQ(*regions[2].seen(0x30008, 1), std::byte{5});
  EXPECT_EQ(memory.host[page_bytes + 8], std::byte{0});
  // A part of one mapping goes: its pages are the host's.
  EXPECT_EQ(vm.unmap(0x21000, page_bytes), page_bytes);
  EXPECT_EQ(memory.host[page_bytes + 8], std::byte{5});
  // Mapped in pieces that overlap, nothing can be held.
  ASSERT_TRUE(vm.map(hosts(0x40000, memory.host + 3 * page_bytes, 2)).ok());
  EXPECT_EQ(vm.regions().back().shadow, nullptr);
  {
    Shadow::Store to(regions[0].shadow.get(), regions[0].at(0x10010), 1, {});
    *to.at = std::byte{6};
  }
  EXPECT_EQ(memory.host[16], std::byte{6});
}

// ---- waves ----

// Stores and atomics of all widths and distances, on top of what is there.
constexpr const char* all_stores =
    "v_lshlrev_b32 v1, 5, v0\n v_add_nc_u32 v1, 0xf01, v1\n"  // across pages, and unaligned
    "v_mov_b32 v4, 0x01020304\n v_mov_b32 v5, 0x11121314\n v_mov_b32 v6, 0x21222324\n v_mov_b32 v7, v0\n"
    "global_store_b8 v1, v0, s[0:1]\n global_store_b16 v1, v4, s[0:1] offset:1\n"
    "global_store_b32 v1, v4, s[0:1] offset:3\n global_store_b64 v1, v[4:5], s[0:1] offset:7\n"
    "global_store_b96 v1, v[4:6], s[0:1] offset:15\n"
    "v_lshlrev_b32 v2, 10, v0\n v_add_nc_u32 v2, 0x3ffd, v2\n"
    "global_store_b128 v2, v[4:7], s[0:1]\n"
    "v_lshlrev_b32 v3, 2, v0\n s_waitcnt_vscnt null, 0x0\n"
    "global_load_b32 v8, v3, s[0:1] offset:16\n s_waitcnt vmcnt(0)\n v_add_nc_u32 v8, v8, v0\n"
    "global_store_b32 v3, v8, s[0:1] offset:16\n s_waitcnt_vscnt null, 0x0\n"
    "global_atomic_add_u32 v9, v3, v8, s[0:1] offset:16 glc\n s_waitcnt vmcnt(0)\n"
    "global_store_b32 v3, v9, s[0:1] offset:1024\n"
    "v_mov_b32 v10, 0\n global_atomic_add_u64 v10, v[4:5], s[0:1] offset:2048\n"
    "s_waitcnt_vscnt null, 0x0\n global_load_b64 v[12:13], v10, s[0:1] offset:2048 glc\n s_waitcnt vmcnt(0)\n"
    "global_store_b64 v10, v[12:13], s[0:1] offset:3072\n s_endpgm";

TEST(Shadow, HoldsWhatWavesStoreUntilItIsWrittenBack) {
  std::vector<uint32_t> expected;
  for (bool hold : {false, true}) {
    Bench bench("gfx1100");
    bench.vm.hold_host_stores(hold);
    bench.vm.unmap(Bench::data, Bench::bytes);
    Region region = hosts(Bench::data, bench.memory[0].get(), Bench::bytes / page_bytes);
    ASSERT_TRUE(bench.vm.map(region).ok());
    std::vector<uint32_t> before(Bench::bytes / 4);
    for (size_t i = 0; i < before.size(); ++i) before[i] = static_cast<uint32_t>(i * 2654435761u);
    std::copy(before.begin(), before.end(), bench.words());
    bench.load(all_stores);
    ASSERT_EQ(bench.run_once().status, Outcome::Status::done);
    std::vector<uint32_t> after(bench.words(), bench.words() + before.size());
    EXPECT_EQ(after == before, hold);
    // The next one goes on where the last one stopped.
    ASSERT_EQ(bench.run_once().status, Outcome::Status::done);
    EXPECT_EQ(std::equal(before.begin(), before.end(), bench.words()), hold);
    bench.vm.write_back();
    after.assign(bench.words(), bench.words() + before.size());
    if (hold) {
      EXPECT_EQ(after, expected);
    } else {
      expected = after;
    }
  }
}

// ---- packets ----

TEST(Shadow, IsWrittenBackByAqlReleasesOfSystemScope) {
  for (const char* chip : {"gfx1030", "gfx1100"}) {
    for (aql::Scope scope : {aql::Scope::none, aql::Scope::agent, aql::Scope::system}) {
      for (bool barrier : {false, true}) {  // that has the release, in place of the dispatch
        SCOPED_TRACE(fmt::format("{} scope {} barrier {}", chip, static_cast<int>(scope), barrier));
        Rig rig(chip);
        Held held(rig);
        AqlRing ring(rig);
        uint64_t done = rig.signal(1);
        ring.submit(packet(machine_code(rig, stores_sevens), Held::base, aql::Scope::system,
                           barrier ? aql::Scope::none : scope, barrier ? 0 : done));
        if (barrier) {
          aql::Barrier last = AqlRing::barrier(aql::Type::barrier_and, {}, done);
          last.header = aql::Header::make(aql::Type::barrier_and, true, aql::Scope::system, scope).word;
          ring.submit(last);
        }
        ASSERT_TRUE(eventually([&] { return rig.value(done) == 0; }));
        for (size_t i = 0; i < 33; ++i)
          EXPECT_EQ(held.word(i), scope == aql::Scope::system && i < 32 ? 7u : 0u);
        ASSERT_TRUE(ring.done());
      }
    }
  }
}

TEST(Shadow, IsSeenByTheKernelsBehindWithoutARelease) {
  Rig rig;
  Held held(rig);
  AqlRing ring(rig);
  uint64_t add =
      machine_code(rig,
                   "v_lshlrev_b32 v1, 2, v0\n global_load_b32 v2, v1, s[0:1]\n s_waitcnt vmcnt(0)\n"
                   "v_add_nc_u32 v2, 5, v2\n global_store_b32 v1, v2, s[0:1]\n s_endpgm");
  for (int i = 0; i < 3; ++i) ring.submit(packet(add, Held::base, aql::Scope::agent, aql::Scope::agent));
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(held.word(31), 0u);
  // What the host writes beside, and in place of what it has not seen, is what the acquire is for.
  reinterpret_cast<uint32_t*>(held.memory.data())[40] = 100;
  uint64_t moved = machine_code(rig,
                                "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1] offset:160\n"
                                "s_waitcnt vmcnt(0)\n global_store_b32 v1, v2, s[0:1] offset:200\n s_endpgm");
  ring.submit(packet(moved, Held::base, aql::Scope::system, aql::Scope::system));
  ASSERT_TRUE(ring.done());
  EXPECT_EQ(held.word(31), 15u);
  EXPECT_EQ(held.word(40), 100u);
  EXPECT_EQ(held.word(50), 100u);
}

TEST(Shadow, IsWrittenBackByPm4) {
  struct Case {
    uint32_t release, acquire;
    bool seen;
  };
  for (const Case& one : {Case{0, 0, false}, Case{pm4::release_mem::gcr_gl2_inv, 0, false},
                          Case{pm4::release_mem::gcr_gl2_wb, 0, true}, Case{0, pm4::gcr::gl2_inv, false},
                          Case{0, pm4::gcr::gl2_wb | pm4::gcr::gl2_inv, true}}) {
    Rig rig;
    Held held(rig);
    Pm4Ring ring(rig);
    uint64_t fence = rig.take(8);
    fill_by_cp_dma(ring, Held::base, 4096);
    if (one.acquire) ring.packet(pm4::ACQUIRE_MEM, {0, ~0u, 0xff, 0, 0, 10, one.acquire});
    tell(ring, fence, one.release);
    ring.submit();
    ASSERT_TRUE(eventually([&] { return rig.look<uint32_t>(fence) == 1; }));
    EXPECT_EQ(held.word(), one.seen ? 7u : 0u);
    EXPECT_EQ(held.word(1023), one.seen ? 7u : 0u);
    ASSERT_TRUE(ring.done());
  }
}

TEST(Shadow, IsWrittenBackBySdmasCacheRequests) {
  for (uint32_t control : {uint32_t{pm4::gcr::gl2_inv}, pm4::gcr::gl2_wb, 0xc3c0u}) {  // ROCr's acquire
    Rig rig;
    Held held(rig);
    AqlRing ring(rig);
    ring.submit(packet(machine_code(rig, stores_sevens), Held::base, aql::Scope::agent, aql::Scope::agent));
    ASSERT_TRUE(ring.done());
    SdmaRing requests(rig);
    gcr(requests, control);
    requests.submit();
    ASSERT_TRUE(requests.done());
    EXPECT_EQ(held.word(), (control & pm4::gcr::gl2_wb) != 0 ? 7u : 0u);
  }
}

// What SDMA reads is what the GPU sees; what it writes, beside what is held and on top of it, the host sees.
TEST(Shadow, IsPassedBySdma) {
  Rig rig;
  Held held(rig);
  AqlRing ring(rig);
  uint64_t sevens = machine_code(rig, stores_sevens);
  for (uint64_t at : {0, 8192})
    ring.submit(packet(sevens, Held::base + at, aql::Scope::agent, aql::Scope::agent));
  ASSERT_TRUE(ring.done());
  SdmaRing sdma(rig);
  auto copy = [&](uint64_t to, uint64_t from, uint32_t bytes) {
    sdma.push({sdma::header(sdma::COPY), bytes - 1, 0, low_dword(Held::base + from),
               high_dword(Held::base + from), low_dword(Held::base + to), high_dword(Held::base + to)});
  };
  uint32_t* words = reinterpret_cast<uint32_t*>(held.memory.data());
  words[40] = 40;
  copy(4096, 0, 256);
  copy(8192 + 64, 160, 8);
  fill(sdma, Held::base + 8192, 4);
  words[2048] = 1;
  sdma.push({sdma::header(sdma::WRITE), low_dword(Held::base + 16384 - 4), high_dword(Held::base + 16384 - 4),
             1, 8, 9});
  sdma.submit();
  ASSERT_TRUE(sdma.done());
  EXPECT_EQ(held.word(0), 0u);
  EXPECT_EQ(held.word(1024), 7u);
  EXPECT_EQ(held.word(1024 + 40), 40u);
  EXPECT_EQ(held.word(2048), 7u);
  EXPECT_EQ(held.word(2048 + 15), 0u);
  EXPECT_EQ(held.word(2048 + 16), 40u);
  EXPECT_EQ(held.word(4095) + held.word(4096), 17u);
  rig.vm.write_back();
  EXPECT_EQ(held.word(0), 7u);
  EXPECT_EQ(held.word(2048 + 15), 7u);
  EXPECT_EQ(held.word(2048 + 16), 40u);
}

// Signals and fences in memory of which stores are held, beside such stores and on top of them.
TEST(Shadow, LetsPassWhatTheHostIsToldWith) {
  Rig rig;
  Held held(rig);
  AqlRing ring(rig);
  ring.submit(packet(machine_code(rig, stores_sevens), Held::base, aql::Scope::agent, aql::Scope::agent));
  ASSERT_TRUE(ring.done());
  Pm4Ring pm4(rig);
  tell(pm4, Held::base + 4, 0);
  pm4.packet(pm4::WRITE_DATA, {5 << 8, low_dword(Held::base + 512), high_dword(Held::base + 512), 21});
  fill_by_cp_dma(pm4, Held::base + 1024, 8, pm4::dma_data::dst_address);
  pm4.submit();
  ASSERT_TRUE(pm4.done());
  SdmaRing sdma(rig);
  tell(sdma, Held::base + 8);
  sdma.push({sdma::header(sdma::ATOMIC) | uint32_t{sdma::ATOMIC_ADD_RTN_32} << 25, low_dword(Held::base + 12),
             high_dword(Held::base + 12), 5, 0, 0, 0, 0});
  sdma.submit();
  ASSERT_TRUE(sdma.done());
  EXPECT_EQ(held.word(0), 0u);
  EXPECT_EQ(held.word(1), 1u);
  EXPECT_EQ(held.word(2), 1u);
  EXPECT_EQ(held.word(3), 12u) << "5 more than the wave has stored";
  EXPECT_EQ(held.word(4), 0u);
  EXPECT_EQ(held.word(128), 21u);
  EXPECT_EQ(held.word(256), 7u);
  // The host's answer is not undone by the write-back.
  reinterpret_cast<uint32_t*>(held.memory.data())[1] = 3;
  ring.submit(AqlRing::barrier(aql::Type::barrier_and, {}));
  ASSERT_TRUE(ring.done());
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(held.word(i), i == 1 ? 3u : i == 2 ? 1u : i == 3 ? 12u : 7u) << i;
}

TEST(Shadow, IsNoneWhereTheCheckIsOffAndOfUncachedMemory) {
  for (bool lenient : {false, true}) {
    Rig rig("gfx1100", lenient ? "missing-release" : "");
    Held held(rig, lenient ? Mtype::nc : Mtype::uc);
    AqlRing ring(rig);
    ring.submit(packet(machine_code(rig, stores_sevens), Held::base, aql::Scope::agent, aql::Scope::none));
    ASSERT_TRUE(ring.done());
    EXPECT_EQ(held.word(), 7u);
  }
}

// ---- what people are told ----

TEST(Shadow, ThatNobodyWroteBackIsToldWhenTheLastQueueEnds) {
  Rig rig;
  Held held(rig);
  auto first = std::make_unique<AqlRing>(rig), second = std::make_unique<AqlRing>(rig);
  uint64_t sevens = machine_code(rig, stores_sevens);
  first->submit(packet(sevens, Held::base + 4096, aql::Scope::agent, aql::Scope::agent));
  ASSERT_TRUE(first->done());
  first->submit(packet(sevens, Held::base + 8192, aql::Scope::agent, aql::Scope::agent, rig.signal(1)));
  ASSERT_TRUE(first->done());
  rig.processor->remove_queue(first->id);
  EXPECT_EQ(rig.count(rig.lines), 0u) << "another queue may write back";
  second->submit(packet(sevens, Held::base, aql::Scope::agent, aql::Scope::agent));
  ASSERT_TRUE(second->done());
  rig.processor->remove_queue(second->id);
  // Of the last packet, the host was told nothing.
  rig.note([&] {
    ASSERT_EQ(rig.lines.size(), 2u);
    EXPECT_TRUE(rig.lines[0].starts_with("missing-release: AQL queue 0, packet 0, kernel of descriptor "))
        << rig.lines[0];
    EXPECT_NE(rig.lines[1].find("packet 1, "), std::string::npos) << rig.lines[1];
    EXPECT_NE(rig.lines[1].find("address 0x2000002000: 128 bytes "), std::string::npos) << rig.lines[1];
  });
  EXPECT_EQ(rig.count(rig.faults), 0u);
  EXPECT_EQ(held.word(1024), 7u);
  EXPECT_EQ(held.word(), 7u);
}

TEST(Shadow, ThatTheHostWasNeverToldOfIsNoMissingRelease) {
  Rig rig;
  {
    Held held(rig);
    AqlRing ring(rig);
    uint64_t sevens = machine_code(rig, stores_sevens);
    ring.submit(packet(sevens, Held::base, aql::Scope::agent, aql::Scope::agent));
    // A kernel that is ended with its queue; it stores something new each time, so that it is no hang.
    ring.submit(
        packet(machine_code(rig,
                            "v_mov_b32 v1, 0\n v_mov_b32 v2, 9\n on:\n global_store_b32 v1, v2, s[0:1]\n"
                            "s_waitcnt_vscnt null, 0x0\n v_add_nc_u32 v2, 1, v2\n s_branch on"),
               Held::base + 4096, aql::Scope::agent, aql::Scope::system, rig.signal(1)));
    ASSERT_TRUE(eventually([&] { return ring.read() == 1; }));
    rig.processor->remove_queue(ring.id);
    EXPECT_EQ(held.word(), 7u);
  }
  EXPECT_EQ(rig.count(rig.lines), 0u);
}

TEST(Shadow, WhatAFaultLeavesIsNoMissingRelease) {
  Rig rig;
  {
    Held held(rig);
    AqlRing ring(rig);
    ring.submit(packet(machine_code(rig, stores_sevens), Held::base, aql::Scope::agent, aql::Scope::agent,
                       rig.signal(1)));
    ring.submit(packet(machine_code(rig, "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n s_endpgm"),
                       Rig::unmapped & ~uint64_t{15}, aql::Scope::agent, aql::Scope::system, rig.signal(1)));
    ASSERT_TRUE(eventually([&] { return rig.count(rig.faults) == 1; }));
    rig.processor->remove_queue(ring.id);
  }
  EXPECT_EQ(rig.count(rig.lines), 1u);
  EXPECT_FALSE(rig.line("unmapped").empty());
}

}  // namespace
}  // namespace doorbell::sim::amd
