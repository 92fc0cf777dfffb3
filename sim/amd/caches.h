// What the caches of a GPU do to programs that forget them. Waves exchange data through memory at once, so
// that correct programs pay little; beside it stands what caches would still hold, by which a missing acquire
// is seen: a load that finds in memory something else than a cache holds for the same bytes is a stale read.
// It is reported rather than served with the old content, because silicon does either, by chance.
//
//   L0      of a compute unit, vector loads. Invalidated by buffer_gl0_inv, ACQUIRE_MEM GLV_INV and the
//           acquire fence of an AQL packet (agent and system); bypassed by glc. Stores and atomics of its own
//           waves go through it.
//   GL1     of a shader array. Invalidated by buffer_gl1_inv, GL1_INV and acquire fences; bypassed by glc on
//           gfx11, dlc on gfx10. Every workgroup is taken to be in an array of its own.
//   scalar  of a workgroup processor, scalar loads. Invalidated by s_dcache_inv, GLK_INV and acquire fences;
//           bypassed by glc; no store goes through it.
//   L2      of the GPU. Everything on the GPU goes through it; what the host writes into its own memory, or
//           into the card's through the BAR, is not seen before GL2_INV or an acquire fence of system scope.
//           What it holds of the GPU's own stores is in shadow.h.
//
// In workgroup processor mode (RSRC1.WGP_MODE) a workgroup's waves alternate between two compute units.
// Memory of Mtype cc and uc bypasses the L2 and nothing else: kernel arguments are in uncached memory "to
// avoid needing to invalidate the L2 cache", and the L0 and L1 caches are invalidated for them all the same.
// Only doorbells and registers are never held. Instructions are in CodeCache (code_epoch() here).
//
// The record is a copy of each line when it was loaded: it needs no bookkeeping by those who write, and what
// was overwritten by the same content is not stale. It is small: 256 lines for each of four workgroup
// processors of each host thread, which workgroups take in turns, and `budget` lines in a dispatch, so that
// streaming kernels pay for their first half megabyte. What was not recorded counts as evicted.
//
// Sources: LLVM, "User Guide for AMDGPU Backend", Memory Model gfx10-gfx11 (of uncached memory: "For kernarg
// backing memory"); RDNA3 ISA 9.4, 8.1.5; Mesa ac_shader_util.c, ac_get_hw_cache_flags (of glc in scalar
// loads); Linux nvd.h, PACKET3_ACQUIRE_MEM_GCR_CNTL.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

namespace doorbell::sim::amd {

class Caches {
 public:
  Caches();
  Caches(const Caches&) = delete;
  Caches& operator=(const Caches&) = delete;

  struct Which {
    bool code = false, scalar = false, l0 = false, gl1 = false, l2 = false;
  };
  void invalidate(Which which);
  // The acquire fence of an AQL packet: 0 none, 1 agent, 2 system.
  void acquire(unsigned scope);
  // Somebody on the GPU writes there: its content is no news of the host.
  void written(uint64_t va, uint64_t bytes);
  // Instructions that were fetched with this number may still be in the instruction cache. No other Caches
  // has or had it.
  [[nodiscard]] uint64_t code_epoch() const { return code_.load(std::memory_order_relaxed); }
  static uint64_t next_code_epoch();

  // A cache that holds something else than memory, and what would have invalidated it.
  struct Stale {
    const char* cache;
    const char* acquire;
  };
  // How a vector access goes.
  struct Way {
    unsigned cu = 0;  // of the two of its workgroup processor
    bool past_l0 = false, past_gl1 = false;
    bool hosts = false;  // the host reaches it past the L2
  };

  // Of one workgroup processor. Its functions belong to one thread at a time, and are for global memory after
  // it was loaded or stored. `host` is where the bytes lie that were reached; they may cross lines, not
  // regions.
  class Unit {
   public:
    explicit Unit(Caches& all) : all_(all) {}
    // Null, or who holds something else.
    const Stale* load(Way way, uint64_t va, const std::byte* host, uint32_t bytes) {
      const Stale* stale = nullptr;
      if (budget_ == 0 && !cus_[way.cu].may_hold(va, bytes)) return stale;
      each(va, bytes, line_bytes, [&](uint64_t at, uint32_t part) {
        if (const Stale* found = look(way, at, host + (at - va), part)) stale = found;
      });
      return stale;
    }
    // Bytes between those that were stored may be among these.
    void store(Way way, uint64_t va, const std::byte* host, uint32_t bytes, bool atomic);
    // What is held of these bytes is no longer.
    void evict(Way way, uint64_t va, uint32_t bytes);
    const Stale* scalar_load(uint64_t va, const std::byte* host, uint32_t bytes);
    void invalidate_l0(unsigned cu) {
      ++cus_[cu].l0;
      budget_ = budget;
    }
    void invalidate_gl1() {
      for (Cu& cu : cus_) ++cu.gl1;
      budget_ = budget;
    }
    void invalidate_scalar() { ++scalar_epoch_; }
    // Of a dispatch.
    void begin(uint64_t serial) {
      serial_ = serial;
      budget_ = budget;
    }

   private:
    static constexpr uint64_t line_bytes = 128, scalar_line_bytes = 64;
    static constexpr uint32_t budget = 4096;
    static constexpr uint64_t nowhere = ~uint64_t{0};
    struct Epochs {
      uint64_t own_l0, l0, own_gl1, gl1, l2;
    };
    struct Line {
      uint64_t at = nowhere;
      Epochs epochs{};
      uint64_t serial = 0;  // of the dispatch that recorded it
      std::byte bytes[line_bytes];
    };
    struct ScalarLine {
      uint64_t at = nowhere, own = 0, shared = 0;
      std::byte bytes[scalar_line_bytes];
    };
    struct Cu {
      std::array<Line, 256> lines;
      uint64_t l0 = 1, gl1 = 1;
      uint64_t low = nowhere, high = 0;  // all that was recorded lies between: most of what streams does not
      Line& line(uint64_t at) { return lines[at / line_bytes % lines.size()]; }
      [[nodiscard]] bool may_hold(uint64_t va, uint32_t bytes) const { return va < high && va + bytes > low; }
    };

    template <class Body>
    static void each(uint64_t va, uint32_t bytes, uint64_t line, Body&& body) {
      for (uint64_t end = va + bytes; va < end;) {
        uint64_t next = (va | (line - 1)) + 1;
        uint64_t part = (next < end ? next : end) - va;
        body(va, static_cast<uint32_t>(part));
        va += part;
      }
    }
    const Stale* look(Way way, uint64_t va, const std::byte* host, uint32_t bytes);
    [[nodiscard]] Epochs now(const Cu& cu) const {
      return {cu.l0, all_.l0_.load(std::memory_order_relaxed), cu.gl1,
              all_.gl1_.load(std::memory_order_relaxed), all_.l2_.load(std::memory_order_relaxed)};
    }

    Caches& all_;
    Cu cus_[2];
    std::array<ScalarLine, 128> scalar_;
    uint64_t scalar_epoch_ = 1, serial_ = 0;
    uint32_t budget_ = 0;
  };

  // The units of one host thread, for one dispatch after the other.
  struct Thread {
    std::array<std::unique_ptr<Unit>, 4> units;
    uint64_t serial = 0;
    // For a workgroup with that number.
    Unit& unit(Caches& all, uint64_t workgroup);
  };
  std::unique_ptr<Thread> take();
  void give(std::unique_ptr<Thread> thread);

 private:
  void mark(uint64_t line) {
    std::atomic<uint64_t>& slot = stored_[line / 128 % stored_.size()];
    uint64_t serial = serial_.load(std::memory_order_relaxed);
    if (slot.load(std::memory_order_relaxed) != serial) slot.store(serial, std::memory_order_relaxed);
  }
  std::atomic<uint64_t> l0_{1}, gl1_{1}, scalar_{1}, l2_{1}, code_, serial_{1};
  // By lines: the dispatch that was the latest when somebody on the GPU wrote it last.
  std::vector<std::atomic<uint64_t>> stored_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Thread>> idle_;
};

}  // namespace doorbell::sim::amd
