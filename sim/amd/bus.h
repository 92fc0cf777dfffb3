// How a packet engine (command processor, SDMA) reaches memory: through its process's Vm, with the faults
// that hardware raises. The first fault sticks: from then on loads give zero and stores do nothing, so that
// an engine reads a packet to its end and looks once whether it failed. One Bus belongs to one queue's
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
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

  // Single accesses are atomic and aligned; loads acquire, stores release.
  template <class T>
  T load(uint64_t va) {
    auto* host = locate<T>(va, access_read);
    return host ? std::atomic_ref<T>(*host).load(std::memory_order_acquire) : T{};
  }
  template <class T>
  void store(uint64_t va, T value) {
    if (auto* host = locate<T>(va, access_write)) {
      std::atomic_ref<T>(*host).store(value, std::memory_order_release);
    }
  }
  // Replaces the value by change(old), sequentially consistent; returns the old one.
  template <class T, class Change>
  T exchange(uint64_t va, Change&& change) {
    auto* host = locate<T>(va, access_read | access_write);
    if (!host) return T{};
    std::atomic_ref<T> cell(*host);
    T old = cell.load(std::memory_order_relaxed);
    while (!cell.compare_exchange_weak(old, change(old), std::memory_order_seq_cst)) {}
    return old;
  }

  void read(uint64_t va, std::span<std::byte> to);
  void write(uint64_t va, std::span<const std::byte> from);
  template <class T>
  T load_struct(uint64_t va) {
    T value{};
    read(va, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }

  // Of any size. Ranges may not be mapped to their end: what comes before the hole is done, as by hardware.
  // `stop` ends them early. Overlapping ranges are copied from the low end up, or down with `backwards`.
  // copy returns whether it came to its end.
  bool copy(uint64_t to, uint64_t from, uint64_t bytes, const std::atomic<bool>& stop,
            bool backwards = false);
  void fill(uint64_t to, std::span<const std::byte> pattern, uint64_t bytes, const std::atomic<bool>& stop);

 private:
  template <class T>
  T* locate(uint64_t va, Access access) {
    return static_cast<T*>(locate(va, sizeof(T), access));
  }
  void* locate(uint64_t va, uint64_t bytes, Access access);  // null: failed
  void miss(uint64_t va, uint64_t bytes, Access access);
  // The longest stretch from va on with that access, at most `bytes`; null: failed.
  std::byte* stretch(uint64_t va, Access access, uint64_t& bytes);

  Vm::Reader reader_;
  const Strict& strict_;
  Caches& caches_;
  const char* purpose_ = "";
  Fault fault_;
};

}  // namespace doorbell::sim::amd
