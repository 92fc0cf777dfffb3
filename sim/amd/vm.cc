#include "sim/amd/vm.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

namespace doorbell::sim::amd {
namespace {

std::atomic<uint64_t> next_id{1};

constexpr unsigned level_shift[] = {30, 21, 12};  // what one slot of each level spans, as a power of two

constexpr uintptr_t tagged(const Region* region) {
  return region ? reinterpret_cast<uintptr_t>(region) | 1 : 0;
}

const char* name(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::vram: return "vram";
    case MemoryKind::gtt: return "gtt";
    case MemoryKind::userptr: return "userptr";
    case MemoryKind::doorbell: return "doorbell";
    case MemoryKind::mmio: return "mmio";
  }
  return "memory";
}

std::string text(const Region& region) {
  return fmt::format("{} [{:#x}, {:#x})", name(region.kind), region.va, region.end());
}

}  // namespace

void fill_fresh(std::span<std::byte> memory) {
  DOORBELL_CHECK(reinterpret_cast<uintptr_t>(memory.data()) % 4 == 0 && memory.size() % 4 == 0,
                 "fresh memory of {} bytes is not whole dwords", memory.size());
  auto* words = reinterpret_cast<uint32_t*>(memory.data());
  std::fill(words, words + memory.size() / 4, fresh_word);
}

Vm::Vm() : id_(next_id.fetch_add(1)), top_(new Slot[uint64_t{1} << (va_bits - 30)]()) {}

Vm::~Vm() { DOORBELL_CHECK(readers_.empty(), "{} readers outlive their address space", readers_.size()); }

// Points every slot below `slot` that [begin, end) covers at `region` (or at nothing). A slot that is covered
// in part becomes a node, and stays one; one that pointed at a region passes it on to all children first, so
// that lookups running meanwhile find it at any moment.
void Vm::place(Slot& slot, unsigned level, uint64_t slot_va, uint64_t begin, uint64_t end,
               const Region* region) {
  uint64_t span = uint64_t{1} << level_shift[level];
  uintptr_t entry = slot.load(std::memory_order_relaxed);
  bool node = entry != 0 && !(entry & 1);
  if (!node && begin <= slot_va && slot_va + span <= end) {
    slot.store(tagged(region), std::memory_order_release);
    return;
  }
  if (!node) {
    auto fresh = std::make_unique<Node>();
    for (Slot& child : fresh->slots) child.store(entry, std::memory_order_relaxed);
    entry = reinterpret_cast<uintptr_t>(fresh.get());
    nodes_.push_back(std::move(fresh));
    slot.store(entry, std::memory_order_release);
  }
  uint64_t child_span = uint64_t{1} << level_shift[level + 1];
  uint64_t first = (std::max(begin, slot_va) - slot_va) / child_span;
  uint64_t last = (std::min(end, slot_va + span) - slot_va + child_span - 1) / child_span;
  for (uint64_t i = first; i < last; ++i) {
    place(reinterpret_cast<Node*>(entry)->slots[i], level + 1, slot_va + i * child_span, begin, end, region);
  }
}

void Vm::place(uint64_t begin, uint64_t end, const Region* region) {
  for (uint64_t gib = begin >> 30; gib <= (end - 1) >> 30; ++gib) {
    place(top_[gib], 0, gib << 30, begin, end, region);
  }
}

Status Vm::map(const Region& region) {
  Touching memory;
  if (region.bytes == 0 || region.va % page_bytes || region.bytes % page_bytes) {
    return error("GPU mapping {}: not whole pages of {} bytes", text(region), page_bytes);
  }
  if (region.end() < region.va || region.end() > uint64_t{1} << va_bits) {
    return error("GPU mapping {}: outside of the {}-bit address space", text(region), va_bits);
  }
  std::lock_guard lock(mutex_);
  auto next = std::upper_bound(regions_.begin(), regions_.end(), region.va,
                               [](uint64_t va, const auto& other) { return va < other->end(); });
  if (next != regions_.end() && (*next)->va < region.end()) {
    return error("GPU mapping {}: overlaps {}", text(region), text(**next));
  }
  auto copy = std::make_unique<Region>(region);
  copy->shadow = shadow_of(region);
  const Region* added = copy.get();
  regions_.insert(next, std::move(copy));
  place(added->va, added->end(), added);
  epoch_.fetch_add(1);
  return success();
}

uint64_t Vm::unmap(uint64_t va, uint64_t bytes) {
  Touching memory;
  if (bytes == 0 || va >> va_bits) return 0;
  uint64_t end = std::min(va + bytes, uint64_t{1} << va_bits);
  if (end < va) end = uint64_t{1} << va_bits;
  DOORBELL_CHECK(va % page_bytes == 0 && end % page_bytes == 0, "unmapping [{:#x}, {:#x}): not whole pages",
                 va, end);
  std::vector<std::unique_ptr<const Region>> gone;
  uint64_t mapped = 0;
  std::unique_lock lock(mutex_);
  auto first = std::upper_bound(regions_.begin(), regions_.end(), va,
                                [](uint64_t begin, const auto& other) { return begin < other->end(); });
  auto last = first;
  std::vector<std::unique_ptr<const Region>> rests;
  for (; last != regions_.end() && (*last)->va < end; ++last) {
    const Region& old = **last;
    uint64_t from = std::max(va, old.va), to = std::min(end, old.end());
    mapped += to - from;
    if (old.va < from) {
      Region head = old;
      head.bytes = from - old.va;
      rests.push_back(std::make_unique<const Region>(head));
    }
    if (to < old.end()) {
      Region tail = old;
      tail.host += to - old.va;
      tail.va = to;
      tail.bytes = old.end() - to;
      rests.push_back(std::make_unique<const Region>(tail));
    }
    gone.push_back(std::move(*last));
  }
  for (const auto& old : gone) place(std::max(va, old->va), std::min(end, old->end()), nullptr);
  for (const auto& rest : rests)
    place(rest->va, rest->end(), rest.get());  // must not point at the larger, old one
  auto at = regions_.erase(first, last);
  regions_.insert(at, std::make_move_iterator(rests.begin()), std::make_move_iterator(rests.end()));
  if (gone.empty()) return 0;
  wait_for_readers(lock);
  lock.unlock();
  for (const auto& old : gone) end_stores(*old, std::max(va, old->va), std::min(end, old->end()));
  gone.clear();
  forget_shadows();
  return mapped;
}

// Readers that are online when the epoch rises may still use regions that were taken out before. The lock is
// let go between looks, so that readers come and go; one that registers later cannot have seen them.
void Vm::wait_for_readers(std::unique_lock<std::mutex>& lock) {
  uint64_t epoch = epoch_.fetch_add(1) + 1;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto waiting = [&] {
    return std::any_of(readers_.begin(), readers_.end(), [&](const Reader* reader) {
      uint64_t seen = reader->seen_.load();
      return seen != 0 && seen < epoch;
    });
  };
  while (waiting()) {
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
}

void Vm::open_window(const std::byte* host, uint64_t bytes) {
  std::vector<std::unique_ptr<const Region>> gone;
  std::unique_lock lock(mutex_);
  for (auto& region : regions_) {
    if (region->window || host >= region->host + region->bytes || region->host >= host + bytes) continue;
    auto seen = std::make_unique<Region>(*region);
    seen->window = true;
    seen->shadow = shadow_of(*seen);
    place(seen->va, seen->end(), seen.get());
    gone.push_back(std::exchange(region, std::move(seen)));
  }
  wait_for_readers(lock);
}

void Vm::forget_shadows() {
  std::lock_guard lock(shadows_mutex_);
  std::erase_if(shadows_, [](const auto& shadow) { return shadow.use_count() == 1; });
}

std::shared_ptr<Shadow> Vm::shadow_of(const Region& region) {
  if (!holds_ || !region.host_past_l2()) return nullptr;
  std::lock_guard lock(shadows_mutex_);
  bool apart = true;
  for (const auto& shadow : shadows_) {
    if (!region.shared && shadow->covers(region.host, region.bytes)) return shadow;
    if (!shadow->overlaps(region.host, region.bytes)) continue;
    shadow->stop();  // of memory that is mapped in pieces, nothing is held
    apart = false;
  }
  if (!apart || region.shared) return nullptr;
  return shadows_.emplace_back(std::make_shared<Shadow>(region.host, region.bytes));
}

void Vm::write_back() {
  Touching memory;
  if (!holds_) return;
  std::lock_guard lock(shadows_mutex_);
  for (const auto& shadow : shadows_) shadow->write_back();
}

void Vm::refresh() {
  Touching memory;
  if (!holds_) return;
  std::lock_guard lock(shadows_mutex_);
  for (const auto& shadow : shadows_) shadow->refresh();
}

void Vm::share(const std::byte* host, uint64_t bytes) {
  Touching memory;
  std::lock_guard lock(shadows_mutex_);
  for (const auto& shadow : shadows_)
    if (shadow->overlaps(host, bytes)) shadow->stop();
}

void Vm::lose(const std::byte* host, uint64_t bytes) {
  std::lock_guard lock(shadows_mutex_);
  for (const auto& shadow : shadows_)
    if (shadow->overlaps(host, bytes)) shadow->lose(host, bytes);
}

void Vm::end_stores() {
  Touching memory;
  for (const Region& region : regions()) end_stores(region, region.va, region.end());
}

void Vm::end_stores(const Region& region, uint64_t from, uint64_t to) {
  if (!region.shadow) return;
  for (const Shadow::Unreleased& lost : region.shadow->end(region.at(from), to - from)) {
    if (!report_) continue;
    Fault lint;
    lint.kind = check_row(Check::missing_release).kind;
    lint.check = Check::missing_release;
    lint.queue = lost.author->queue;
    lint.packet = lost.author->packet;
    lint.has_packet = true;
    lint.kernel = lost.author->kernel;
    lint.address = region.va + static_cast<uint64_t>(lost.first - region.host);
    lint.has_address = true;
    lint.write = true;
    lint.text = fmt::format(
        "{} byte{} that it has stored from there on, where the host reads, were never written back from the "
        "second-level cache, so that the host, which was told that it is done, has not seen them: a release "
        "of system scope is missing (an AQL packet's release fence, GL2_WB of RELEASE_MEM, ACQUIRE_MEM or "
        "GCR_REQ)",
        lost.bytes, lost.bytes == 1 ? "" : "s");
    report_(lint);
  }
}

// Its first address on the GPU; that of the host where nothing maps it any longer.
uint64_t Vm::address_of(const std::byte* host) const {
  std::lock_guard lock(mutex_);
  for (const auto& region : regions_)
    if (host >= region->host && host < region->host + region->bytes)
      return region->va + static_cast<uint64_t>(host - region->host);
  return reinterpret_cast<uint64_t>(host);
}

std::vector<Region> Vm::regions() const {
  std::lock_guard lock(mutex_);
  std::vector<Region> all;
  all.reserve(regions_.size());
  for (const auto& region : regions_) all.push_back(*region);
  return all;
}

Vm::Reader::Reader(Vm& space) : vm_(space) {
  std::lock_guard lock(vm_.mutex_);
  vm_.readers_.push_back(this);
}

Vm::Reader::~Reader() {
  std::lock_guard lock(vm_.mutex_);
  std::erase(vm_.readers_, this);
}

// Sequential consistency orders `seen_` before the lookups that follow: either unmap() sees this reader
// online, or the lookups see what unmap() did to the tree.
void Vm::Reader::online() {
  seen_.store(vm_.epoch_.load());
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Vm::Reader::offline() { seen_.store(0); }

bool Vm::Reader::quiesce() {
  uint64_t now = vm_.epoch_.load(std::memory_order_acquire);
  if (now == seen_.load(std::memory_order_relaxed)) return false;
  seen_.store(now);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return true;
}

bool Vm::Reader::copy(uint64_t va, std::byte* host, uint64_t bytes, Access access, uint64_t* missing) {
  struct Part {
    std::byte* memory;
    uint64_t bytes;
    Shadow* shadow;
  };
  std::vector<Part> parts;  // all are found before the first is copied
  for (uint64_t done = 0; done < bytes;) {
    const Region* region = find(va + done, 1, access);
    if (!region) {
      if (missing) *missing = va + done;
      return false;
    }
    uint64_t part = std::min(bytes - done, region->end() - (va + done));
    parts.push_back({region->at(va + done), part, region->shadow.get()});
    done += part;
  }
  for (auto [memory, size, shadow] : parts) {
    if (access == access_read) std::memcpy(host, shadow ? shadow->fresh(memory, size) : memory, size);
    if (access == access_write) {
      auto write = [&] { std::memcpy(memory, host, size); };
      if (shadow) shadow->through(memory, size, write);
      else write();
    }
    host += size;
  }
  return true;
}

bool Vm::Reader::read(uint64_t va, std::span<std::byte> to, uint64_t* missing) {
  return copy(va, to.data(), to.size(), access_read, missing);
}

bool Vm::Reader::write(uint64_t va, std::span<const std::byte> from, uint64_t* missing) {
  return copy(va, const_cast<std::byte*>(from.data()), from.size(), access_write, missing);
}

bool Vm::read(uint64_t va, std::span<std::byte> to, uint64_t* missing) {
  Touching memory;
  Reader reader(*this);
  reader.online();
  bool whole = reader.read(va, to, missing);
  reader.offline();
  return whole;
}

bool Vm::write(uint64_t va, std::span<const std::byte> from, uint64_t* missing) {
  Touching memory;
  Reader reader(*this);
  reader.online();
  bool whole = reader.write(va, from, missing);
  reader.offline();
  return whole;
}

std::string Vm::explain(uint64_t va, uint64_t bytes, Access access) const {
  if (va >> va_bits) return fmt::format("not an address of {} bits", va_bits);
  std::lock_guard lock(mutex_);
  auto next = std::upper_bound(regions_.begin(), regions_.end(), va,
                               [](uint64_t address, const auto& region) { return address < region->end(); });
  if (next != regions_.end() && (*next)->va <= va) {
    const Region& region = **next;
    if ((region.access & access) != access) {
      std::string allowed;
      if (region.access & access_read) allowed += "r";
      if (region.access & access_write) allowed += "w";
      if (region.access & access_execute) allowed += "x";
      return fmt::format("{} is mapped with access '{}' only", text(region), allowed);
    }
    if (!region.covers(va, bytes))
      return fmt::format("{} bytes reach beyond the end of {}", bytes, text(region));
    return fmt::format("mapped: {}", text(region));
  }
  // The nearer neighbour is the likelier owner of a stray address.
  const Region* before = next != regions_.begin() ? std::prev(next)->get() : nullptr;
  const Region* after = next != regions_.end() ? next->get() : nullptr;
  if (before && after) (va - before->end() <= after->va - va ? after : before) = nullptr;
  if (before)
    return fmt::format("not mapped, {} bytes after the end of {}", va - before->end(), text(*before));
  if (after) return fmt::format("not mapped, {} bytes before {}", after->va - va, text(*after));
  return "not mapped, as nothing is";
}

}  // namespace doorbell::sim::amd
