// What the second-level cache (L2) of a GPU holds of what it stored where the host reads. Silicon keeps such
// stores until somebody writes them back, and a host that reads before finds the old content; so here the
// GPU's stores go into a second copy of the memory, the shadow, and bytes that were stored reach the memory
// itself, which the host sees, when they are written back.
//
//   which memory   of Mtype nc and rw: the host's (GTT, user pointers), and the card's if the host has a
//                  window onto it (the BAR), which does not look into the L2 either. Uncached memory (KFD's
//                  COHERENT and UNCACHED) bypasses the L2.
//   who stores     waves, with stores and atomics of any scope, and CP DMA to the L2. What else the command
//                  processor writes (signals, fences, timestamps, atomics, WRITE_DATA, COPY_DATA) reaches
//                  memory at once, and so does all that SDMA writes: Linux has its writes bypass the L2.
//   write-back     a release fence of system scope of an AQL packet; GL2_WB of RELEASE_MEM, ACQUIRE_MEM and
//                  SDMA's GCR_REQ; and KFD when memory is unmapped. A wave has no instruction for it on gfx10
//                  and gfx11. An acquire alone writes nothing back.
//   beside it      what the host writes to bytes that the GPU has not stored stays as it is, and the GPU sees
//                  it from its next dispatch or packet on; whether that has the acquire is asked in caches.h.
//
// Sources: LLVM, "User Guide for AMDGPU Backend", Memory Model gfx10-gfx11 ("ranges of virtual addresses can
// be set up to bypass it", no write-back in any code sequence); Linux gmc_v11_0_get_vm_pte (MTYPE_UC of
// coherent and uncached buffers, nc of others), gfx_v11_0_ring_emit_fence (GL2_WB, then the fence's data),
// sdma_common.h (CACHE_WRITE_POLICY_L2__DEFAULT is BYPASS), amdkfd "to make sure we have no more dirty data
// in the cache for the unmapped pages" (heavy-weight TLB flush of unmapping); tinygrad ops_amd.py, whose
// copies to user pointers by SDMA are read with no request to the caches; ROCR-Runtime amd_blit_sdma.cpp,
// BuildGCRCommand.
//
// A shadow belongs to a Vm and a stretch of host memory, whatever addresses it is mapped at. It is made when
// the memory is mapped and costs nothing before the first store; pages are copied into it when they are first
// stored to, and dropped when they are written back. Both copies are contiguous, so that an access that
// crosses pages needs no care.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace doorbell::sim::amd {

// A packet that has stored to the host's memory.
struct Author {
  std::string queue;
  uint64_t packet = 0;
  std::string kernel;
  std::atomic<bool> told{false};  // the host was told that it is done
};

// Of one queue, since it last wrote back or told the host of something. Any thread.
class Authors {
 public:
  std::shared_ptr<Author> of(std::string_view queue, uint64_t packet, std::string_view kernel);
  // The host is told that all that the queue has executed is done.
  void tell();
  // It was written back.
  void forget();

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Author>> authors_;
};

// Who stores, for messages; an Author is made of it only if there is something to remember.
struct Storer {
  Authors* authors = nullptr;  // null: nobody asks
  std::string_view queue;
  uint64_t packet = 0;
  std::string_view kernel;
};

// Many at a time, or one alone, who is let in first. For sections of less than a system call.
class Gate {
 public:
  void enter() {
    for (uint32_t inside = state_.load(std::memory_order_relaxed);;) {
      if (inside & alone) {
        std::this_thread::yield();
        inside = state_.load(std::memory_order_relaxed);
      } else if (state_.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire)) {
        return;
      }
    }
  }
  void leave() { state_.fetch_sub(1, std::memory_order_release); }
  void lock() {
    while (state_.fetch_or(alone, std::memory_order_acquire) & alone) std::this_thread::yield();
    while (state_.load(std::memory_order_acquire) != alone) std::this_thread::yield();
  }
  void unlock() { state_.store(0, std::memory_order_release); }

 private:
  static constexpr uint32_t alone = 1u << 31;
  std::atomic<uint32_t> state_{0};
};

// Addresses are the host's. Ranges lie inside of the shadow's memory, which must be there while a function
// runs.
class Shadow {
 public:
  Shadow(std::byte* host, uint64_t bytes) : host_(host), bytes_(bytes) {}
  ~Shadow();
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;
  [[nodiscard]] bool covers(const std::byte* host, uint64_t bytes) const {
    return host >= host_ && host + bytes <= host_ + bytes_;
  }
  [[nodiscard]] bool overlaps(const std::byte* host, uint64_t bytes) const {
    return host < host_ + bytes_ && host_ < host + bytes;
  }

  // Where the GPU finds these bytes: in the shadow or in the host's memory. Stays readable while the Shadow
  // lives; what is stored later may not be seen there.
  std::byte* seen(std::byte* host, uint64_t bytes) {
    return held_.load(std::memory_order_acquire) == 0 ? host : look(host, bytes);
  }
  // The same with what the host has written meanwhile.
  std::byte* fresh(std::byte* host, uint64_t bytes);

  // While it lives, `at` is where these bytes are to be stored (or exchanged), and `stored` either null or a
  // map of them in which what was stored must become ~0: the destructor does that for all of them, unless
  // `sparse`, when it was done one by one.
  class Store {
   public:
    Store(Shadow* shadow, std::byte* host, uint64_t bytes, const Storer& who, bool sparse = false)
        : at(host) {
      if (shadow) [[unlikely]]
        open(*shadow, bytes, who, sparse);
    }
    ~Store() {
      if (shadow_) [[unlikely]]
        close();
    }
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    std::byte* at;
    std::byte* stored = nullptr;

   private:
    void open(Shadow& shadow, uint64_t bytes, const Storer& who, bool sparse);
    void close();
    Shadow* shadow_ = nullptr;
    uint64_t bytes_ = 0;  // to be marked
  };

  // Does `op` on the host's memory itself, which by then holds what was stored to these bytes; the GPU sees
  // what it leaves there.
  template <class Op>
  void through(std::byte* host, uint64_t bytes, Op&& op) {
    std::lock_guard alone(gate_);
    if (held_.load(std::memory_order_relaxed) != 0) settle(host, bytes);
    op();
    if (held_.load(std::memory_order_relaxed) != 0) follow(host, bytes);
  }

  // All that was stored becomes the host's.
  void write_back();
  // What the host has written meanwhile becomes the GPU's, where that has stored nothing.
  void refresh();
  // Writes back, and holds nothing from here on: somebody else stores to the same memory by other means.
  void stop();

  // Writes back what was stored to these pages and says what nobody had released before although the host was
  // told that it is done; each author once.
  struct Unreleased {
    std::shared_ptr<Author> author;
    std::byte* first;
    uint64_t bytes;
  };
  std::vector<Unreleased> end(std::byte* host, uint64_t bytes);
  // These pages of the host's are there no longer: what was stored to them is nobody's.
  void lose(const std::byte* host, uint64_t bytes);

 private:
  enum State : uint8_t { none, clean, dirty };
  [[nodiscard]] uint64_t page(const std::byte* host) const;
  // Of the pages of [host, host + bytes): whether all have at least that state.
  [[nodiscard]] bool all(const std::byte* host, uint64_t bytes, State least) const;
  std::byte* look(std::byte* host, uint64_t bytes);
  // The others want to be alone.
  void drop();
  void hold(const std::byte* host, uint64_t bytes, State state, const Storer& who);
  void write_back_page(uint64_t page);
  void refresh_page(uint64_t page);
  // Before and after somebody writes to the host's memory itself.
  void settle(std::byte* host, uint64_t bytes);
  void follow(std::byte* host, uint64_t bytes);
  template <class Body>
  void each_held(std::byte* host, uint64_t bytes, State least, Body&& body);

  std::byte* host_;
  uint64_t bytes_;
  Gate gate_;  // whoever stores is inside; whoever copies between the two is alone
  std::atomic<uint64_t> held_{0};
  std::atomic<bool> stopped_{false};
  // Since the first store: the copy, behind it a byte for each of its bytes, ~0 if it was stored; and the
  // states of pages.
  std::byte* copy_ = nullptr;
  std::unique_ptr<std::atomic<uint8_t>[]> states_;
  std::map<uint64_t, std::shared_ptr<Author>> pages_;  // that are held, and who stored there first
};

}  // namespace doorbell::sim::amd
