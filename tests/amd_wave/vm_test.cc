// The address space against a map of pages, and under threads that map and unmap while others read.
#include "sim/amd/vm.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <thread>

#include "hal/base/file.h"

namespace doorbell::sim::amd {
namespace {

constexpr uint64_t gib = uint64_t{1} << 30;

Region region(uint64_t va, uint64_t bytes, std::byte* host, Access access = access_all) {
  Region made;
  made.va = va;
  made.bytes = bytes;
  made.host = host;
  made.access = access;
  return made;
}

std::byte* fake(uint64_t address) { return reinterpret_cast<std::byte*>(address); }  // never dereferenced

TEST(Vm, TranslatesAcrossEveryLevelOfTheTree) {
  Vm vm;
  uint64_t va = 7 * gib - 3 * page_bytes, bytes = 3 * gib + 5 * (2u << 20) + 9 * page_bytes;
  ASSERT_TRUE(vm.map(region(va, bytes, fake(0x100000000000))).ok());
  Vm::Reader reader(vm);
  reader.online();
  for (uint64_t offset : {uint64_t{0}, page_bytes, 3 * page_bytes, gib, 2 * gib + 5, bytes - 1}) {
    const Region* found = reader.find(va + offset);
    ASSERT_NE(found, nullptr) << offset;
    EXPECT_EQ(found->at(va + offset), fake(0x100000000000 + offset));
  }
  EXPECT_EQ(reader.find(va - 1), nullptr);
  EXPECT_EQ(reader.find(va + bytes), nullptr);
  EXPECT_EQ(reader.find(~uint64_t{0}), nullptr);
  EXPECT_EQ(reader.find(va + bytes - 4, 8, access_read), nullptr);
  reader.offline();
}

TEST(Vm, RefusesOverlapsAndHalfPages) {
  Vm vm;
  ASSERT_TRUE(vm.map(region(0x10000, 0x4000, fake(0x1000))).ok());
  EXPECT_FALSE(vm.map(region(0x13000, 0x1000, fake(0x1000))).ok());
  EXPECT_FALSE(vm.map(region(0xf000, 0x2000, fake(0x1000))).ok());
  EXPECT_FALSE(vm.map(region(0x20000, 0x800, fake(0x1000))).ok());
  EXPECT_FALSE(vm.map(region(0x20001, 0x1000, fake(0x1000))).ok());
  EXPECT_FALSE(vm.map(region((uint64_t{1} << va_bits) - 0x1000, 0x2000, fake(0x1000))).ok());
  Status overlap = vm.map(region(0x12000, 0x1000, fake(0x1000)));
  EXPECT_NE(overlap.error().message.find("overlaps vram [0x10000, 0x14000)"), std::string::npos)
      << overlap.error().message;
  EXPECT_EQ(vm.regions().size(), 1u);
}

// Random maps and unmaps against a plain map from page to host address.
TEST(Vm, AgreesWithAMapOfPages) {
  std::mt19937_64 random(20240611);
  Vm vm;
  std::map<uint64_t, uint64_t> pages;
  uint64_t base = 5 * gib - 700 * page_bytes;  // around a boundary of all three levels
  for (int step = 0; step < 3000; ++step) {
    uint64_t first = random() % 1500, count = 1 + random() % (random() % 8 ? 20 : 1200);
    uint64_t va = base + first * page_bytes;
    if (random() % 2) {
      uint64_t host = (1 + random() % 1000000) * page_bytes;
      bool taken = pages.lower_bound(va) != pages.lower_bound(va + count * page_bytes);
      ASSERT_EQ(vm.map(region(va, count * page_bytes, fake(host))).ok(), !taken);
      for (uint64_t i = 0; !taken && i < count; ++i) pages[va + i * page_bytes] = host + i * page_bytes;
    } else {
      uint64_t mapped = 0;
      for (uint64_t i = 0; i < count; ++i) mapped += pages.erase(va + i * page_bytes) * page_bytes;
      ASSERT_EQ(vm.unmap(va, count * page_bytes), mapped);
    }
    Vm::Reader reader(vm);
    reader.online();
    for (int look = 0; look < 40; ++look) {
      uint64_t at = base + random() % (2700 * page_bytes);
      auto page = pages.find(at / page_bytes * page_bytes);
      const Region* found = reader.find(at);
      ASSERT_EQ(found != nullptr, page != pages.end()) << std::hex << at;
      if (found) { ASSERT_EQ(found->at(at), fake(page->second + at % page_bytes)); }
    }
    reader.offline();
  }
}

TEST(Vm, CopiesAcrossRegionsOrNotAtAll) {
  Vm vm;
  alignas(4096) static std::byte one[4096], two[4096];
  ASSERT_TRUE(vm.map(region(0x10000, 4096, one)).ok());
  ASSERT_TRUE(vm.map(region(0x11000, 4096, two, access_read)).ok());
  std::fill(std::begin(one), std::end(one), std::byte{1});
  std::fill(std::begin(two), std::end(two), std::byte{2});
  std::byte got[8] = {};
  ASSERT_TRUE(vm.read(0x10ffc, got));
  EXPECT_EQ(got[3], std::byte{1});
  EXPECT_EQ(got[4], std::byte{2});
  uint64_t missing = 0;
  EXPECT_FALSE(vm.write(0x10ffc, got, &missing));
  EXPECT_EQ(missing, 0x11000u);
  EXPECT_EQ(one[4095], std::byte{1});
  EXPECT_NE(vm.explain(0x11000, 4, access_write).find("access 'r' only"), std::string::npos);
  EXPECT_NE(vm.explain(0x12010, 4, access_write).find("16 bytes after the end of vram [0x11000"),
            std::string::npos);
}

TEST(Vm, FreshMemoryIsNeverZero) {
  alignas(4) std::byte memory[64] = {};
  fill_fresh(memory);
  for (std::byte byte : memory) EXPECT_NE(byte, std::byte{0});
}

// unmap() returns only when no reader can still touch the memory: here the memory is unmapped from the
// process right after, so that a late access would kill the test.
TEST(Vm, UnmapWaitsForReaders) {
  Vm vm;
  constexpr uint64_t va = 0x40000000, bytes = 1 << 20;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> hits{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      Vm::Reader reader(vm);
      std::mt19937 random(i);
      uint64_t count = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        reader.online();
        for (int round = 0; round < 8; ++round) {
          for (int look = 0; look < 64; ++look) {
            uint64_t at = va + random() % bytes;
            if (const Region* found = reader.find(at)) count += std::to_integer<uint64_t>(*found->at(at)) + 1;
          }
          reader.quiesce();
        }
        reader.offline();
      }
      hits += count;
    });
  }
  for (int round = 0; round < 20; ++round) {
    auto memory = map_anonymous(bytes);
    ASSERT_TRUE(memory.ok());
    ASSERT_TRUE(vm.map(region(va, bytes, memory->data())).ok());
    std::this_thread::yield();
    ASSERT_EQ(vm.unmap(va + bytes / 2, bytes / 2), bytes / 2);
    ASSERT_EQ(vm.unmap(va, bytes), bytes / 2);
  }
  stop = true;
  for (auto& thread : readers) thread.join();
  EXPECT_GT(hits.load(), 0u);
}

}  // namespace
}  // namespace doorbell::sim::amd
