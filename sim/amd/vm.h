// One GPU virtual address space: which ranges of 48-bit GPU addresses are mapped, onto which host memory, and
// what may be done with them. Waves, the command processor and SDMA reach all memory through it; it knows
// nothing of KFD.
//
// A radix tree (1 GiB, 2 MiB, 4 KiB) leads to regions; large regions hang high in the tree, so that mapping
// gigabytes costs a few stores. A region is contiguous on both sides, so that a wave keeps the regions it met
// last (see Vm::Reader) and translates whole vectors of addresses by one subtraction.
//
// Lookups take no lock. What they return stays usable until the reader's next quiesce(): unmap() removes a
// region from the tree and then waits until every reader that was online has passed such a point
// (read-copy-update), so that after unmap() no thread of the emulator touches the host memory of the region.
// Host memory must not go away before.
//
// Fresh memory. Silicon hands out memory with whatever is in it. The emulator fills what it hands out with
// one recognisable word, fresh_word, so that fresh memory is never zero; a load that meets the word in two
// neighbouring, aligned dwords of a region marked `fresh` yields lanes that are not valid. Whoever writes the
// memory (the host by plain stores, SDMA, another process) makes it valid by overwriting the word, so that no
// bookkeeping can be forgotten, a copied hole stays a hole, and random data is mistaken for a hole with
// probability 2^-64 per load.
//
// Memory that the host reaches and the second-level cache holds has two contents: the host's, and the GPU's,
// in a Shadow (shadow.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/result.h"
#include "sim/amd/fault.h"
#include "sim/amd/lost.h"
#include "sim/amd/shadow.h"

namespace doorbell::sim::amd {

inline constexpr unsigned va_bits = 48;
inline constexpr uint64_t page_bytes = 4096;

// A NaN as f32, f64 and in both halves as f16; no small integer, no address, no text.
inline constexpr uint32_t fresh_word = 0x7fb7fdb3;
// Fills memory that is about to be handed out. `memory` starts and ends on a dword.
void fill_fresh(std::span<std::byte> memory);

enum Access : uint8_t { access_none = 0, access_read = 1, access_write = 2, access_execute = 4 };
constexpr Access operator|(Access a, Access b) { return static_cast<Access>(int{a} | int{b}); }
inline constexpr Access access_all = access_read | access_write | access_execute;

// What the memory is. Faults name it; coherence follows from it and `mtype`.
enum class MemoryKind : uint8_t { vram, gtt, userptr, doorbell, mmio };
// How the GPU's caches treat it (amdgpu's MTYPE): non-coherent, read-write (L2 is trusted), coherently
// cached, uncached.
enum class Mtype : uint8_t { nc, rw, cc, uc };

struct Region {
  uint64_t va = 0;            // first byte, on a page
  uint64_t bytes = 0;         // a multiple of the page size
  std::byte* host = nullptr;  // where byte `va` lies in this process
  Access access = access_none;
  MemoryKind kind = MemoryKind::vram;
  Mtype mtype = Mtype::rw;
  bool fresh = false;   // holes are marked by fresh_word: true for what the emulator fills, false for userptr
  bool shared = false;  // other processes store there too, by other Vms: nothing is held
  bool window = false;  // of the card's memory: the host has a window onto it (the BAR)
  uint64_t cookie = 0;  // the owner's, not interpreted (KFD: the allocation's handle)
  std::shared_ptr<Shadow> shadow;  // given by map(); null: the GPU and the host see the same

  [[nodiscard]] uint64_t end() const { return va + bytes; }
  // True if [address, address + size) lies inside. `size` is not zero.
  [[nodiscard]] bool covers(uint64_t address, uint64_t size) const {
    return address - va < bytes && size <= bytes - (address - va);
  }
  // The host reaches it, and past the second-level cache, which holds it.
  [[nodiscard]] bool host_past_l2() const {
    bool reached = kind == MemoryKind::vram ? window : kind == MemoryKind::gtt || kind == MemoryKind::userptr;
    return reached && (mtype == Mtype::nc || mtype == Mtype::rw);
  }
  // In the host's memory.
  [[nodiscard]] std::byte* at(uint64_t address) const { return host + (address - va); }
  // Where the GPU finds these bytes, to be read only.
  [[nodiscard]] std::byte* seen(uint64_t address, uint64_t size) const {
    return shadow ? shadow->seen(at(address), size) : at(address);
  }
};

// All functions may be called from any thread at any time.
class Vm {
 public:
  Vm();
  ~Vm();  // no reader may be left
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  // Errors: unaligned, empty, outside of 48 bits, or overlapping a mapped range (the error names it). On an
  // error nothing is mapped.
  Status map(const Region& region);
  // Takes out [va, va + bytes), on page boundaries, and waits for readers. Regions that stick out are cut,
  // their rest stays mapped. Unmapped parts are ignored; returns how many bytes were mapped. Must not be
  // called by a thread that has a reader online.
  uint64_t unmap(uint64_t va, uint64_t bytes);

  // Whether the second-level cache holds what is stored to memory that the host reaches, if that is mapped
  // from now on. Before that, and by default, it does not.
  void hold_host_stores(bool hold) { holds_ = hold; }
  // Who is told of Check::missing_release. Not while anything is unmapped.
  void set_report(std::function<void(const Fault&)> report) { report_ = std::move(report); }
  // The release of system scope: the host sees all that was stored. The caller's reader is online, or it
  // keeps memory from being unmapped meanwhile.
  void write_back();
  // The GPU sees what the host has written beside. As write_back().
  void refresh();
  // The same for the end of the last queue, when whatever nobody has released is reported.
  void end_stores();
  // Other processes store to this memory from now on.
  void share(const std::byte* host, uint64_t bytes);
  // These pages of the host's are there no longer: what was stored to them is nobody's.
  void lose(const std::byte* host, uint64_t bytes);
  // The host has a window onto this memory of the card from now on. Must not be called by a thread that has a
  // reader online.
  void open_window(const std::byte* host, uint64_t bytes);

  // A number that no other address space of this process has or had.
  [[nodiscard]] uint64_t id() const { return id_; }
  // Every region, by address. A snapshot.
  [[nodiscard]] std::vector<Region> regions() const;

  // A thread's licence to use what find() returns. Registers itself; starts offline. Belongs to one thread at
  // a time.
  class Reader {
   public:
    explicit Reader(Vm& space);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    [[nodiscard]] Vm& vm() const { return vm_; }

    // Brackets a stretch of lookups. A thread that sleeps or waits for others must be offline meanwhile.
    void online();
    void offline();
    // To be called every few thousand lookups while online: what find() returned before is void from here on,
    // if the result is true (something was unmapped or mapped meanwhile); otherwise it stays usable.
    bool quiesce();

    // The region that holds `va`, or null. Only while online.
    [[nodiscard]] const Region* find(uint64_t va) const { return vm_.find(va); }
    // The region that covers the whole of [va, va + bytes) with all of `access`, or null.
    [[nodiscard]] const Region* find(uint64_t va, uint64_t bytes, Access access) const {
      const Region* region = vm_.find(va);
      return region && region->covers(va, bytes) && (region->access & access) == access ? region : nullptr;
    }

    // Copies that may cross regions. False if any byte is not mapped with that access; then nothing was
    // copied and, if given, `missing` is the first such address. Only while online.
    bool read(uint64_t va, std::span<std::byte> to, uint64_t* missing = nullptr);
    bool write(uint64_t va, std::span<const std::byte> from, uint64_t* missing = nullptr);
    template <class T>
    bool load(uint64_t va, T& value, uint64_t* missing = nullptr) {
      return read(va, std::as_writable_bytes(std::span(&value, 1)), missing);
    }
    template <class T>
    bool store(uint64_t va, const T& value, uint64_t* missing = nullptr) {
      return write(va, std::as_bytes(std::span(&value, 1)), missing);
    }

   private:
    friend class Vm;
    bool copy(uint64_t va, std::byte* host, uint64_t bytes, Access access, uint64_t* missing);
    Vm& vm_;
    std::atomic<uint64_t> seen_{0};  // 0: offline; otherwise the epoch at the last quiescent point
  };

  // The same for callers that hold no reader.
  bool read(uint64_t va, std::span<std::byte> to, uint64_t* missing = nullptr);
  bool write(uint64_t va, std::span<const std::byte> from, uint64_t* missing = nullptr);

  // How an address misses, for messages: "not mapped (256 bytes after vram [0x..., 0x...))", "mapped
  // read-only" ...
  [[nodiscard]] std::string explain(uint64_t va, uint64_t bytes, Access access) const;
  // Where the calling thread has met memory that its owner had unmapped, if it has since the last call.
  [[nodiscard]] std::optional<uint64_t> lost() const {
    if (!lost_memory.at) [[likely]]
      return std::nullopt;
    return address_of(take_lost());
  }
  // What to say of that.
  static constexpr std::string_view lost_text = "its owner has unmapped it";

 private:
  struct Node;
  using Slot = std::atomic<uintptr_t>;  // 0, a Region* with bit 0 set, or a Node*

  [[nodiscard]] const Region* find(uint64_t va) const;
  [[nodiscard]] uint64_t address_of(const std::byte* host) const;
  std::shared_ptr<Shadow> shadow_of(const Region& region);
  void forget_shadows();
  void end_stores(const Region& region, uint64_t from, uint64_t to);
  void wait_for_readers(std::unique_lock<std::mutex>& lock);
  void place(uint64_t begin, uint64_t end, const Region* region);
  void place(Slot& slot, unsigned level, uint64_t slot_va, uint64_t begin, uint64_t end,
             const Region* region);

  uint64_t id_;
  mutable std::mutex mutex_;                            // map, unmap, the list of readers
  std::unique_ptr<Slot[]> top_;                         // one slot a GiB
  std::vector<std::unique_ptr<Node>> nodes_;            // live as long as the Vm
  std::vector<std::unique_ptr<const Region>> regions_;  // by address
  std::vector<Reader*> readers_;
  std::atomic<uint64_t> epoch_{1};
  std::atomic<bool> holds_{false};
  std::function<void(const Fault&)> report_;
  std::mutex shadows_mutex_;
  std::vector<std::shared_ptr<Shadow>> shadows_;
};

struct Vm::Node {
  Slot slots[512] = {};
};

inline const Region* Vm::find(uint64_t va) const {
  if (va >> va_bits) return nullptr;
  uintptr_t entry = top_[va >> 30].load(std::memory_order_acquire);
  for (unsigned shift = 21;; shift = 12) {
    if (entry & 1) return reinterpret_cast<const Region*>(entry & ~uintptr_t{1});
    if (entry == 0) return nullptr;
    entry = reinterpret_cast<const Node*>(entry)->slots[va >> shift & 511].load(std::memory_order_acquire);
  }
}

}  // namespace doorbell::sim::amd
