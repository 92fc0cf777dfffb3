#include "sim/amd/caches.h"

#include <algorithm>
#include <utility>

namespace doorbell::sim::amd {
namespace {

constexpr Caches::Stale stale_l0{"the vector cache of its compute unit (L0)",
                                 "buffer_gl0_inv, or an acquire fence of agent scope"},
    stale_gl1{"the cache of its shader array (GL1)", "buffer_gl1_inv, or an acquire fence of agent scope"},
    stale_l2{"the second-level cache, which does not see what the host writes,",
             "an acquire fence of system scope"},
    stale_scalar{"the scalar cache of its workgroup processor",
                 "s_dcache_inv, or an acquire fence of agent scope"};

}  // namespace

Caches::Caches() : code_(next_code_epoch()), stored_(4096) {}

uint64_t Caches::next_code_epoch() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

void Caches::invalidate(Which which) {
  if (which.code) code_.store(next_code_epoch());
  if (which.scalar) scalar_.fetch_add(1);
  if (which.l0) l0_.fetch_add(1);
  if (which.gl1) gl1_.fetch_add(1);
  if (which.l2) l2_.fetch_add(1);
}

void Caches::acquire(unsigned scope) {
  if (scope != 0) invalidate({.scalar = true, .l0 = true, .gl1 = true, .l2 = scope == 2});
}

void Caches::written(uint64_t va, uint64_t bytes) {
  if (bytes == 0) return;
  uint64_t first = va & ~uint64_t{127};
  uint64_t end = std::min(va + bytes, first + stored_.size() * 128);  // then all slots are marked
  for (uint64_t at = first; at < end; at += 128) mark(at);
}

std::unique_ptr<Caches::Thread> Caches::take() {
  std::unique_ptr<Thread> thread;
  std::lock_guard lock(mutex_);
  if (!idle_.empty()) {
    thread = std::move(idle_.back());
    idle_.pop_back();
  } else {
    thread = std::make_unique<Thread>();
  }
  thread->serial = serial_.fetch_add(1) + 1;
  for (auto& unit : thread->units)
    if (unit) unit->begin(thread->serial);
  return thread;
}

void Caches::give(std::unique_ptr<Thread> thread) {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(thread));
}

Caches::Unit& Caches::Thread::unit(Caches& all, uint64_t workgroup) {
  std::unique_ptr<Unit>& slot = units[workgroup % units.size()];
  if (!slot) {
    slot = std::make_unique<Unit>(all);
    slot->begin(serial);
  }
  return *slot;
}

const Caches::Stale* Caches::Unit::look(Way way, uint64_t va, const std::byte* host, uint32_t bytes) {
  Cu& cu = cus_[way.cu];
  uint64_t at = va & ~(line_bytes - 1), offset = va - at;
  Line& line = cu.line(at);
  if (line.at != at && budget_ == 0) return nullptr;
  Epochs here = now(cu);
  if (line.at == at) {
    const Epochs& then = line.epochs;
    bool l0 = then.own_l0 == here.own_l0 && then.l0 == here.l0 && !way.past_l0;
    bool gl1 = then.own_gl1 == here.own_gl1 && then.gl1 == here.gl1 && !way.past_gl1;
    bool l2 = way.hosts && then.l2 == here.l2;
    if (std::memcmp(line.bytes + offset, host, bytes) == 0) {
      if (l0) return nullptr;
    } else if (l0) {
      return &stale_l0;
    } else if (gl1) {
      return &stale_gl1;
    } else if (l2 && all_.stored_[at / line_bytes % all_.stored_.size()].load(std::memory_order_relaxed) <
                         line.serial) {
      return &stale_l2;
    }
  }
  if (budget_ == 0 || way.past_l0) {  // a load that bypasses L0 throws the line out of it
    if (line.at == at) line.at = nowhere;
    return nullptr;
  }
  --budget_;
  cu.low = std::min(cu.low, at);
  cu.high = std::max(cu.high, at + line_bytes);
  line.at = at;
  line.epochs = here;
  line.serial = serial_;
  std::memcpy(line.bytes, host - offset, line_bytes);
  return nullptr;
}

const Caches::Stale* Caches::Unit::scalar_load(uint64_t va, const std::byte* host, uint32_t bytes) {
  uint64_t shared = all_.scalar_.load(std::memory_order_relaxed);
  const Stale* stale = nullptr;
  each(va, bytes, scalar_line_bytes, [&](uint64_t from, uint32_t part) {
    uint64_t at = from & ~(scalar_line_bytes - 1);
    ScalarLine& line = scalar_[at / scalar_line_bytes % scalar_.size()];
    const std::byte* content = host + (from - va);
    bool holds = line.at == at && line.own == scalar_epoch_ && line.shared == shared;
    if (holds) {
      if (std::memcmp(line.bytes + (from - at), content, part) == 0) return;
      stale = &stale_scalar;
    }
    line.at = at;
    line.own = scalar_epoch_;
    line.shared = shared;
    std::memcpy(line.bytes, content - (from - at), scalar_line_bytes);
  });
  return stale;
}

void Caches::Unit::store(Way way, uint64_t va, const std::byte* host, uint32_t bytes, bool atomic) {
  if (!way.hosts && !cus_[0].may_hold(va, bytes) && !cus_[1].may_hold(va, bytes)) return;
  each(va, bytes, line_bytes, [&](uint64_t from, uint32_t part) {
    uint64_t at = from & ~(line_bytes - 1);
    if (way.hosts) all_.mark(at);
    Line& own = cus_[way.cu].line(at);
    if (own.at == at) {
      if (atomic) own.at = nowhere;
      else std::memcpy(own.bytes + (from - at), host + (from - va), part);
    }
    // The other compute unit's L0 keeps what it has; the GL1 that they share does not.
    Line& other = cus_[1 - way.cu].line(at);
    if (other.at == at) other.epochs.own_gl1 = 0;
  });
}

void Caches::Unit::evict(Way way, uint64_t va, uint32_t bytes) {
  each(va, bytes, line_bytes, [&](uint64_t from, uint32_t) {
    uint64_t at = from & ~(line_bytes - 1);
    Line& line = cus_[way.cu].line(at);
    if (line.at == at) line.at = nowhere;
  });
}

}  // namespace doorbell::sim::amd
