// How a packet engine (command processor, SDMA) reaches memory: through its process's Vm, with the faults
// that hardware raises. The first fault sticks: from then on loads give zero and stores do nothing, so that
// an engine reads a packet to its end and looks once whether it failed. One Bus belongs to one queue's
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/amd/caches.h"
#include "sim/amd/fault.h"
#include "sim/amd/vm.h"

namespace doorbell::sim::amd {

class Bus {
 public:
  Bus(Vm& vm, const Strict& strict, Caches& caches) : reader_(vm), strict_(strict), caches_(caches) {}

  // Brackets every use, see Vm::Reader. A thread that sleeps or runs waves is offline.
  void online() { reader_.online(); }
  void offline() { reader_.offline(); }
  void quiesce() { reader_.quiesce(); }

  // Says in messages what the next accesses are for: "RELEASE_MEM", "completion signal".
  void purpose(const char* what) { purpose_ = what; }

  [[nodiscard]] bool failed() const { return static_cast<bool>(fault_); }
  // The fault, which is then forgotten.
  Fault take_fault() { return std::exchange(fault_, Fault()); }
  // A check of the table refused something; nothing happens if it is switched off. True: it is on.
  bool refuse(Check check, std::string text);
  bool refuse_at(Check check, uint64_t address, std::string text);

  // Whose stores are those of the next accesses: a packet of the queue.
  void storer(Authors& authors, std::string_view queue) { storer_ = {&authors, queue, 0, {}}; }
  void packet(uint64_t packet) { storer_.packet = packet; }
  // Whether copies and fills go to memory itself, not to the second-level cache.
  void past_l2(bool past) { past_l2_ = past; }

  // Single accesses are atomic and aligned; loads acquire, stores release. What they write reaches the host
  // at once: they are signals, fences, timestamps.
  template <class T>
  T load(uint64_t va) {
    T value{};
    if (const Region* region = locate(va, sizeof(T), access_read)) {
      std::byte* host = region->at(va);
      if (region->shadow) host = region->shadow->fresh(host, sizeof(T));
      value = std::atomic_ref<T>(*reinterpret_cast<T*>(host)).load(std::memory_order_acquire);
      still_there(sizeof(T), access_read);
    }
    return value;
  }
  template <class T>
  void store(uint64_t va, T value) {
    change<T>(va, access_write,
              [&](std::atomic_ref<T> cell) { cell.store(value, std::memory_order_release); });
  }
  // Replaces the value by change(old), sequentially consistent; returns the old one.
  template <class T, class Change>
  T exchange(uint64_t va, Change&& change) {
    T old{};
    this->change<T>(va, access_read | access_write, [&](std::atomic_ref<T> cell) {
      old = cell.load(std::memory_order_relaxed);
      while (!cell.compare_exchange_weak(old, change(old), std::memory_order_seq_cst)) {}
    });
    return old;
  }

  void read(uint64_t va, std::span<std::byte> to);
  template <class T>
  T load_struct(uint64_t va) {
    T value{};
    read(va, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }

  // After an access by other means, of that many bytes: it failed if the memory's owner had unmapped it.
  void still_there(uint64_t bytes, Access access) {
    if (lost_memory.at) [[unlikely]]
      miss_lost(bytes, access);
  }

  // Of any size. Ranges may not be mapped to their end: what comes before the hole is done, as by hardware.
  // `stop` ends them early. Overlapping ranges are copied from the low end up, or down with `backwards`. copy
  // returns whether it came to its end.
  bool copy(uint64_t to, uint64_t from, uint64_t bytes, const std::atomic<bool>& stop,
            bool backwards = false);
  void fill(uint64_t to, std::span<const std::byte> pattern, uint64_t bytes, const std::atomic<bool>& stop);

 private:
  template <class T, class Op>
  void change(uint64_t va, Access access, Op&& op) {
    const Region* region = locate(va, sizeof(T), access);
    if (!region) return;
    std::byte* host = region->at(va);
    auto apply = [&] { op(std::atomic_ref<T>(*reinterpret_cast<T*>(host))); };
    if (region->shadow) region->shadow->through(host, sizeof(T), apply);
    else apply();
    still_there(sizeof(T), access);
  }
  void miss_lost(uint64_t bytes, Access access);
  const Region* locate(uint64_t& va, uint64_t bytes, Access access);  // null: failed
  void miss(uint64_t va, uint64_t bytes, Access access);
  // The region of the longest stretch from va on with that access, at most `bytes`; null: failed.
  const Region* stretch(uint64_t va, Access access, uint64_t& bytes);
  // Within a stretch: `op` on where its bytes are to be stored.
  template <class Op>
  void put(const Region& region, uint64_t va, uint64_t bytes, Op&& op) {
    std::byte* host = region.at(va);
    if (region.shadow && past_l2_) {
      region.shadow->through(host, bytes, [&] { op(host); });
    } else {
      Shadow::Store store(region.shadow.get(), host, bytes, storer_);
      op(store.at);
    }
  }
  void move(const Region& there, uint64_t to, const Region& here, uint64_t from, uint64_t bytes);

  Vm::Reader reader_;
  const Strict& strict_;
  Caches& caches_;
  Storer storer_;
  bool past_l2_ = false;
  const char* purpose_ = "";
  Fault fault_;
};

}  // namespace doorbell::sim::amd
