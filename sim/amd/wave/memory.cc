// Vector loads, stores and atomics: DS, FLAT, GLOBAL, SCRATCH, MUBUF. Sources: RDNA2 ISA and RDNA3 ISA,
// chapters "Vector Memory Operations", "Flat Memory Instructions", "Data Share Operations".
//
// Loads are done at once; that their registers may not be touched before s_waitcnt is bookkeeping
// (Wave::vm_due and kin). Unaligned loads and stores are allowed, as amdhsa configures the hardware; atomics
// must be aligned.
//
// Where all enabled lanes reach one region, lanes are copied as a whole (lane_memory.cc). Everything else,
// and every load that meets what may be a hole, goes lane by lane.
#include "sim/amd/wave/memory.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::Format;

// The caches that a global access goes through, or null: nobody asks, there is no memory behind it, or it is
// the wave's own scratch.
Caches::Unit* caches_of(const Wave& w, const Region& region, uint64_t va) {
  bool cached = region.kind != MemoryKind::doorbell && region.kind != MemoryKind::mmio;
  return cached && va - w.scratch >= w.scratch_bytes ? w.group->caches : nullptr;
}
Caches::Way way(const Wave& w, const Instruction& s, const Region& region) {
  const doorbell::amd::Modifiers& mods = s.inst->mods;
  return {compute_unit(w), mods.glc, w.context->gfx10() ? mods.dlc : mods.glc, region.host_past_l2()};
}
// One lane's load. False if the wave stops for it.
bool is_fresh(Wave& w, const Instruction& s, Caches::Unit& caches, const Region& region, uint32_t lane,
              uint64_t va, unsigned bytes) {
  const Caches::Stale* stale = caches.load(way(w, s, region), va, region.seen(va, bytes), bytes);
  return !stale ||
         violates_at(w, s, Check::stale_read, stale_text(*stale), static_cast<int>(lane), va, false);
}

Storer storer(const Wave& w) {
  const Dispatch& dispatch = w.context->dispatch;
  return {w.context->surroundings.authors, dispatch.queue, dispatch.packet, dispatch.kernel};
}

constexpr uint64_t nobodys_scratch = ~uint64_t{0};  // an address, of what has none

std::string bytes_text(uint64_t bytes) { return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s"); }

bool scratch_inside(Wave& w, const Instruction& s, int lane, uint64_t offset, uint64_t bytes, bool write,
                    bool& stop) {
  uint64_t size = w.scratch_bytes / w.stride;
  if (offset + bytes <= size) return true;
  stop = !violates_at(w, s, Check::scratch_bounds,
                      fmt::format("{} of {} at scratch offset {:#x}; each lane has {} bytes",
                                  write ? "store" : "load", bytes_text(bytes), offset, size),
                      lane, offset, write);
  return false;
}
bool lds_inside(Wave& w, const Instruction& s, int lane, uint64_t offset, uint64_t bytes, bool write,
                bool& stop) {
  if (offset + bytes <= w.group->lds_bytes) [[likely]]
    return true;
  stop = !violates_at(w, s, Check::lds_bounds,
                      fmt::format("{} of {} at LDS offset {:#x}; the workgroup has {} bytes",
                                  write ? "store" : "load", bytes_text(bytes), offset, w.group->lds_bytes),
                      lane, offset, write);
  return false;
}

}  // namespace

// True if the aligned dword at `va` and a neighbour of it are marked as never written.
bool hole(const Region& region, uint64_t va) {
  if (!region.fresh) return false;
  va &= ~uint64_t{3};
  uint32_t word = 0;
  std::memcpy(&word, region.seen(va, 4), 4);
  if (word != fresh_word) [[likely]]
    return false;
  auto marked = [&](uint64_t at) {
    if (!region.covers(at, 4)) return false;
    std::memcpy(&word, region.seen(at, 4), 4);
    return word == fresh_word;
  };
  return marked(va + 4) || marked(va - 4);
}

std::byte* reach(Wave& w, const Instruction& s, int lane, uint64_t va, uint64_t bytes, bool write, bool& stop,
                 const Region** which) {
  Context& c = *w.context;
  const Region* region = c.region(va, bytes);
  Access need = write ? access_write : access_read;
  if (region && (region->access & need)) [[likely]] {
    if (which) *which = region;
    return write ? region->at(va) : region->seen(va, bytes);
  }
  Check check = region ? Check::permission : Check::unmapped;
  stop = !violates_at(w, s, check,
                      fmt::format("{} of {}: {}", write ? "store" : "load", bytes_text(bytes),
                                  c.reader.vm().explain(va, bytes, need)),
                      lane, va, write);
  return nullptr;
}

// False if the wave stops because the memory that the access has reached is no longer there. `at` and `exec`
// are of one lane, or of the wave's.
static bool missed(Wave& w, const Instruction& s, const uint64_t* at, uint64_t exec, unsigned bytes,
                   bool write) {
  uint64_t va = w.context->reader.vm().lost().value_or(0);
  int lane = no_lane;
  // Whole pages are lost; copies of them begin elsewhere than the lanes do.
  for (uint64_t left = exec; left && lane == no_lane; left &= left - 1) {
    int one = std::countr_zero(left);
    if (at[one] / page_bytes > va / page_bytes || (at[one] + bytes - 1) / page_bytes < va / page_bytes)
      continue;
    lane = one;
    va = std::max(at[one], va / page_bytes * page_bytes);
  }
  return violates_at(w, s, Check::unmapped,
                     fmt::format("{} of {}: {}", write ? "store" : "load", bytes_text(bytes), Vm::lost_text),
                     lane, va, write);
}
bool still_there(Wave& w, const Instruction& s, int lane, uint64_t va, unsigned bytes, bool write) {
  if (!lost_memory.at) [[likely]]
    return true;
  uint64_t at[64] = {};
  if (lane != no_lane) at[lane] = va;
  return missed(w, s, at, lane == no_lane ? 0 : uint64_t{1} << lane, bytes, write);
}

bool load(Wave& w, const Instruction& s, uint32_t lane, Where at, unsigned bytes, uint32_t* to,
          uint32_t& known) {
  bool stop = false;
  int l = static_cast<int>(lane);
  known = ~uint32_t{0};
  switch (at.space) {
    case Space::global: {
      const Region* region = nullptr;
      if (const std::byte* p = reach(w, s, l, at.address, bytes, false, stop, &region)) {
        if (w.context->watch.on) w.context->watch.read(w, s, l, at.address, *region, true);
        std::memcpy(to, p, bytes);
        Caches::Unit* caches = caches_of(w, *region, at.address);
        if (caches && !is_fresh(w, s, *caches, *region, lane, at.address, bytes)) return false;
        for (unsigned i = 0; i < bytes; i += 4) {
          if (hole(*region, at.address + i)) known &= ~(1u << i / 4);
        }
        if (!still_there(w, s, l, at.address, bytes, false)) return false;
      }
      break;
    }
    case Space::scratch: {
      if (!scratch_inside(w, s, l, at.address, bytes, false, stop)) break;
      auto* out = reinterpret_cast<std::byte*>(to);
      for (unsigned i = 0; i < bytes;) {  // dwords where aligned, bytes elsewhere
        uint64_t offset = at.address + i;
        unsigned part = offset % 4 == 0 && bytes - i >= 4 ? 4 : 1;
        const Region* region = nullptr;
        const std::byte* p = reach(w, s, l, scratch_address(w, lane, offset), part, false, stop, &region);
        if (!p) return !stop;
        std::memcpy(out + i, p, part);
        if (hole(*region, scratch_address(w, lane, offset))) known &= ~(1u << i / 4);
        i += part;
      }
      break;
    }
    case Space::lds: {
      if (!lds_inside(w, s, l, at.address, bytes, false, stop)) break;
      Group& g = *w.group;
      std::memcpy(to, reinterpret_cast<const std::byte*>(g.lds.data()) + at.address, bytes);
      for (unsigned i = 0; i < bytes; i += 4) {
        uint64_t dword = (at.address + i) / 4;
        if (!g.lds_known[dword]) known &= ~(1u << i / 4);
      }
      break;
    }
  }
  return !stop;
}

bool store(Wave& w, const Instruction& s, uint32_t lane, Where at, unsigned bytes, const uint32_t* from,
           uint32_t known) {
  bool stop = false;
  int l = static_cast<int>(lane);
  const Region* region = nullptr;
  auto put = [&w](uint64_t va, std::byte* to, const void* what, unsigned size) {
    if (w.context->watch.on) w.context->watch.write(w, va, to, what, size);
    std::memcpy(to, what, size);
  };
  switch (at.space) {
    case Space::global:
      if (std::byte* p = reach(w, s, l, at.address, bytes, true, stop, &region)) {
        Shadow::Store to(region->shadow.get(), p, bytes, storer(w));
        put(at.address, to.at, from, bytes);
        if (Caches::Unit* caches = caches_of(w, *region, at.address))
          caches->store(way(w, s, *region), at.address, to.at, bytes, false);
        if (!still_there(w, s, l, at.address, bytes, true)) return false;
      }
      break;
    case Space::scratch: {
      if (!scratch_inside(w, s, l, at.address, bytes, true, stop)) break;
      const auto* in = reinterpret_cast<const std::byte*>(from);
      for (unsigned i = 0; i < bytes;) {
        uint64_t offset = at.address + i;
        unsigned part = offset % 4 == 0 && bytes - i >= 4 ? 4 : 1;
        uint64_t va = scratch_address(w, lane, offset);
        std::byte* p = reach(w, s, l, va, part, true, stop, &region);
        if (!p) return !stop;
        Shadow::Store to(region->shadow.get(), p, part, storer(w));
        put(va, to.at, in + i, part);
        i += part;
      }
      break;
    }
    case Space::lds: {
      if (!lds_inside(w, s, l, at.address, bytes, true, stop)) break;
      Group& g = *w.group;
      put(nobodys_scratch, reinterpret_cast<std::byte*>(g.lds.data()) + at.address, from, bytes);
      for (uint64_t dword = at.address / 4; dword <= (at.address + bytes - 1) / 4; ++dword) {
        bool unknown = bytes >= 4 && !(known >> (dword - at.address / 4) & 1);
        g.lds_known[dword] = !unknown;
        g.lds_holes |= unknown;
      }
      break;
    }
  }
  return !stop;
}

namespace {

// Atomically, also against other host threads and the host itself.
template <class U>
uint64_t exchange(std::byte* p, const Transfer& t, uint64_t data, uint64_t data2, Denormals denormals) {
  std::atomic_ref<U> memory(*reinterpret_cast<U*>(p));
  U old = memory.load();
  while (!memory.compare_exchange_weak(old, static_cast<U>(combine(t, old, data, data2, denormals)))) {}
  return old;
}

bool atomic(Wave& w, const Instruction& s, const Transfer& t, uint32_t lane, Where at, uint64_t data,
            uint64_t data2, uint64_t& old, bool& old_known) {
  bool stop = false;
  int l = static_cast<int>(lane);
  old = 0;
  old_known = true;
  if (at.address % t.bytes != 0) {
    if (!violates_at(
            w, s, Check::misaligned,
            fmt::format("an atomic of {} at an address that is no multiple of that", bytes_text(t.bytes)), l,
            at.address, true)) {
      return false;
    }
    at.address -= at.address % t.bytes;
  }
  std::byte* p = nullptr;
  const Region* region = nullptr;
  switch (at.space) {
    case Space::global: p = reach(w, s, l, at.address, t.bytes, true, stop, &region); break;
    case Space::scratch:
      if (scratch_inside(w, s, l, at.address, t.bytes, true, stop)) {
        p = reach(w, s, l, scratch_address(w, lane, at.address), t.bytes, true, stop, &region);
      }
      break;
    case Space::lds: {
      if (!lds_inside(w, s, l, at.address, t.bytes, true, stop)) break;
      Group& g = *w.group;
      p = reinterpret_cast<std::byte*>(g.lds.data()) + at.address;
      uint64_t dword = at.address / 4;
      old_known = g.lds_known[dword];
      if (t.what == Do::swap || t.what == Do::compare_swap) {
        for (unsigned i = 0; i < t.bytes / 4u; ++i) g.lds_known[dword + i] = 1;
      }
    }
  }
  if (!p) return !stop;
  if (region) old_known = !hole(*region, at.address);
  Denormals d = denormals(t, w.mode, at.space == Space::lds);
  Shadow::Store to(region ? region->shadow.get() : nullptr, p, t.bytes, storer(w));
  old = t.bytes == 8 ? exchange<uint64_t>(to.at, t, data, data2, d)
                     : exchange<uint32_t>(to.at, t, data, data2, d);
  if (Watch& watch = w.context->watch; watch.on) {
    watch.changes += combine(t, old, data, data2, d) != old;
    if (at.space == Space::global) watch.read(w, s, l, at.address, *region, true);
  }
  if (at.space == Space::global) {
    if (Caches::Unit* caches = caches_of(w, *region, at.address))
      caches->store(way(w, s, *region), at.address, to.at, t.bytes, true);
    return still_there(w, s, l, at.address, t.bytes, true);
  }
  return true;
}

uint32_t extend(const Transfer& t, uint32_t value) {
  if (t.bytes == 1) return t.type == 'i' ? static_cast<uint32_t>(static_cast<int8_t>(value)) : value & 0xff;
  if (t.bytes == 2)
    return t.type == 'i' ? static_cast<uint32_t>(static_cast<int16_t>(value)) : value & 0xffff;
  return value;
}

void put(Wave& w, const Transfer& t, uint32_t vgpr, uint32_t lane, const uint32_t* value, uint32_t known) {
  if (t.d16) {
    uint32_t old = w.vgpr(vgpr)[lane], x = extend(t, value[0]) & 0xffff;
    bool was = w.valid[vgpr] >> lane & 1;
    set_lane(w, vgpr, lane, t.high ? (old & 0xffff) | x << 16 : (old & 0xffff0000) | x, was || (known & 1));
    return;
  }
  for (unsigned i = 0; i < (t.bytes + 3u) / 4; ++i) {
    set_lane(w, vgpr + i, lane, t.bytes < 4 ? extend(t, value[0]) : value[i], known >> i & 1);
  }
}

void take(Wave& w, const Transfer& t, uint32_t vgpr, uint32_t lane, uint32_t* value, uint32_t& known) {
  known = 0;
  for (unsigned i = 0; i < (t.bytes + 3u) / 4; ++i) {
    value[i] = w.vgpr(vgpr + i)[lane];
    known |= static_cast<uint32_t>(w.valid[vgpr + i] >> lane & 1) << i;
  }
  if (t.high) value[0] >>= 16;
}

// ---- whole vectors ----

enum class Fast : uint8_t { done, slow, stopped };

bool whole(const Wave& w, uint32_t vgpr, unsigned dwords, uint64_t exec) {
  uint64_t known = exec;
  for (unsigned i = 0; i < dwords; ++i) known &= w.valid[vgpr + i];
  return known == exec;
}

LaneStore lane_store(const Transfer& t) {
  const LaneMemory& lanes = simd().memory;
  return t.bytes >= 4 ? lanes.store[t.bytes / 4 - 1] : lanes.store_part[t.bytes == 1 ? 0 : 1];
}

void copy(Wave& w, const Transfer& t, std::byte* base, const uint64_t* at, uint64_t exec, uint32_t vgpr,
          bool& suspect) {
  const LaneMemory& lanes = simd().memory;
  uint32_t* registers = w.vgpr(vgpr);
  unsigned part = t.bytes == 1 ? 0 : 1;
  if (t.what == Do::store) {
    lane_store(t)(base, at, w.stride, exec, registers);
  } else {
    LaneLoad load = t.bytes >= 4 ? lanes.load[t.bytes / 4 - 1] : lanes.load_part[2 * part + (t.type == 'i')];
    suspect |= load(base, at, w.stride, exec, registers);
  }
}

void loaded(Wave& w, uint32_t vgpr, unsigned dwords, uint64_t exec) {
  for (unsigned i = 0; i < dwords; ++i) w.valid[vgpr + i] |= exec;
}

// Shows the caches what the lanes have loaded or stored. False if the wave stops for it.
bool show(Wave& w, const Instruction& s, const Transfer& t, const uint64_t* at, uint64_t exec,
          const LaneBounds& bounds, const Region& region, Caches::Unit& caches) {
  constexpr uint64_t near = 2048;
  uint64_t span = bounds.high - bounds.low + t.bytes;
  Caches::Way how = way(w, s, region);
  if (span <= near) {
    auto bytes = static_cast<uint32_t>(span);
    if (t.what == Do::store) {
      caches.store(how, bounds.low, region.seen(bounds.low, span), bytes, false);
      return true;
    }
    if (!caches.load(how, bounds.low, region.seen(bounds.low, span), bytes)) [[likely]]
      return true;
  }
  for (uint64_t left = exec; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(std::countr_zero(left));
    if (t.what == Do::store) caches.store(how, at[lane], region.seen(at[lane], t.bytes), t.bytes, false);
    else if (!is_fresh(w, s, caches, region, lane, at[lane], t.bytes)) return false;
  }
  // What has changed is not what the lanes have loaded.
  if (t.what == Do::load && span <= near) caches.evict(how, bounds.low, static_cast<uint32_t>(span));
  return true;
}

// copy() of memory that has a shadow. False if lanes are too far apart for that. Apart from global_vector(),
// which would else keep registers for it.
[[gnu::noinline]] bool copy_shadowed(Wave& w, const Transfer& t, const Region& region, const uint64_t* at,
                                     uint64_t exec, const LaneBounds& bounds, uint32_t vgpr, bool& suspect) {
  constexpr uint64_t near = 1 << 16;
  uint64_t span = bounds.high - bounds.low + t.bytes;
  if (span > near) return false;
  if (t.what == Do::load) {
    copy(w, t, region.seen(bounds.low, span) - bounds.low, at, exec, vgpr, suspect);
    return true;
  }
  alignas(64) static constexpr auto ones = [] {
    std::array<uint32_t, 4 * 64> all{};
    all.fill(~uint32_t{0});
    return all;
  }();
  Shadow::Store to(region.shadow.get(), region.at(bounds.low), span, storer(w), true);
  copy(w, t, to.at - bounds.low, at, exec, vgpr, suspect);
  if (to.stored) lane_store(t)(to.stored - bounds.low, at, w.stride, exec, ones.data());
  return true;
}

// All lanes in one region of global memory.
Fast global_vector(Wave& w, const Instruction& s, const Transfer& t, const uint64_t* at, uint64_t exec,
                   uint32_t vgpr) {
  LaneBounds bounds = simd().memory.bounds(at, w.stride, exec);
  if (bounds.high >> va_bits) return Fast::slow;
  const Region* region = w.context->region(bounds.low, bounds.high - bounds.low + t.bytes);
  if (!region || !(region->access & (t.what == Do::store ? access_write : access_read))) return Fast::slow;
  bool suspect = false;
  if (w.context->watch.on) {
    int lane = std::countr_zero(exec);
    w.context->watch.read(w, s, lane, at[lane], *region, true);
  }
  if (!region->shadow) [[likely]]
    copy(w, t, region->host - region->va, at, exec, vgpr, suspect);
  else if (!copy_shadowed(w, t, *region, at, exec, bounds, vgpr, suspect)) return Fast::slow;
  if (suspect && region->fresh) return Fast::slow;
  if (t.what == Do::load) loaded(w, vgpr, (t.bytes + 3u) / 4, exec);
  Caches::Unit* caches = caches_of(w, *region, bounds.low);
  if (caches && !show(w, s, t, at, exec, bounds, *region, *caches)) return Fast::stopped;
  if (lost_memory.at && !missed(w, s, at, exec, t.bytes, t.what == Do::store)) [[unlikely]]
    return Fast::stopped;
  return Fast::done;
}

Fast lds_vector(Wave& w, const Transfer& t, const uint64_t* at, uint64_t exec, uint32_t vgpr,
                uint32_t offset) {
  Group& g = *w.group;
  unsigned dwords = (t.bytes + 3u) / 4;
  LaneBounds bounds = simd().memory.bounds(at, w.stride, exec);
  if (bounds.high + offset + t.bytes > g.lds_bytes) return Fast::slow;
  if (t.what == Do::store && !whole(w, vgpr, dwords, exec)) return Fast::slow;
  bool suspect = false;
  copy(w, t, reinterpret_cast<std::byte*>(g.lds.data()) + offset, at, exec, vgpr, suspect);
  if (t.what == Do::load) {
    if (suspect || g.lds_holes) return Fast::slow;
    loaded(w, vgpr, dwords, exec);
    return Fast::done;
  }
  for (uint64_t left = exec; left; left &= left - 1) {
    uint64_t first = at[std::countr_zero(left)] + offset;
    for (uint64_t dword = first / 4; dword <= (first + t.bytes - 1) / 4; ++dword) g.lds_known[dword] = 1;
  }
  return Fast::done;
}

// Aligned dwords of scratch: dword i of all lanes is a vector of its own.
Fast scratch_vector(Wave& w, const Instruction& s, const Transfer& t, const uint64_t* at, uint64_t exec,
                    uint32_t vgpr) {
  if (t.bytes % 4 != 0) return Fast::slow;
  LaneBounds bounds = simd().memory.bounds(at, w.stride, exec);
  if (bounds.high + t.bytes > w.scratch_bytes / w.stride) return Fast::slow;
  alignas(64) uint64_t global[64];
  uint64_t low_bits = 0;
  for (uint32_t i = 0; i < w.stride; ++i) {
    low_bits |= exec >> i & 1 ? at[i] & 3 : 0;
    global[i] = scratch_address(w, i, at[i]);
  }
  if (low_bits) return Fast::slow;
  Transfer dword = t;
  dword.bytes = 4;
  for (unsigned i = 0; i < t.bytes / 4u; ++i) {
    if (Fast fast = global_vector(w, s, dword, global, exec, vgpr + i); fast != Fast::done) return fast;
    for (uint32_t lane = 0; lane < w.stride; ++lane) global[lane] += 4 * w.stride;
  }
  return Fast::done;
}

// Loads and stores whose lanes all reach the same space.
Fast vector(Wave& w, const Instruction& s, const Transfer& t, const Addresses& a, const uint32_t* offsets,
            unsigned pieces) {
  if ((t.what != Do::load && t.what != Do::store) || t.d16 || a.exec == 0) return Fast::slow;
  if (w.context->watch.on && t.what == Do::store) return Fast::slow;
  unsigned dwords = (t.bytes + 3u) / 4;
  for (unsigned piece = 0; piece < pieces; ++piece) {
    auto vgpr = static_cast<uint32_t>(t.what == Do::load ? s.reach.d + static_cast<int>(piece * dwords)
                                      : piece == 0       ? s.reach.data
                                                         : s.reach.data1);
    Fast fast = Fast::slow;
    if (a.lds == a.exec) fast = lds_vector(w, t, a.at, a.exec, vgpr, offsets[piece]);
    else if (a.scratch == a.exec) fast = scratch_vector(w, s, t, a.at, a.exec, vgpr);
    else if ((a.lds | a.scratch) == 0) fast = global_vector(w, s, t, a.at, a.exec, vgpr);
    if (fast != Fast::done) return fast;  // lane by lane repeats what was done already
  }
  return Fast::done;
}

uint64_t word64(const uint32_t* value, unsigned bytes) {
  return bytes == 8 ? value[0] | static_cast<uint64_t>(value[1]) << 32 : value[0];
}

bool lane_by_lane(Wave& w, const Instruction& s, const Transfer& t, const Addresses& a,
                  const uint32_t* offsets, unsigned pieces) {
  const Reach& reach = s.reach;
  unsigned dwords = (t.bytes + 3u) / 4;
  for (uint64_t left = a.exec; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(std::countr_zero(left));
    for (unsigned piece = 0; piece < pieces; ++piece) {
      Where where{a.at[lane] + offsets[piece], a.space(lane)};
      auto from = static_cast<uint32_t>(piece == 0 ? reach.data : reach.data1);
      auto d = static_cast<uint32_t>(reach.d) + piece * dwords;
      uint32_t value[4] = {}, known = 0;
      switch (t.what) {
        case Do::load:
          if (!load(w, s, lane, where, t.bytes, value, known)) return false;
          put(w, t, d, lane, value, known);
          break;
        case Do::store:
          take(w, t, from, lane, value, known);
          if (!store(w, s, lane, where, t.bytes, value, known)) return false;
          break;
        default: {
          uint32_t second[4] = {}, ignored = 0;
          take(w, t, from, lane, value, known);
          // A comparing swap of FLAT and MUBUF has the new value and the expected one in one tuple; DS apart.
          if (!t.two && reach.data1 >= 0)
            take(w, t, static_cast<uint32_t>(reach.data1), lane, second, ignored);
          else if (t.what == Do::compare_swap) take(w, t, from + dwords, lane, second, ignored);
          uint64_t x = word64(value, t.bytes), y = word64(second, t.bytes), old = 0;
          if (t.compare_first) std::swap(x, y);
          bool old_known = true;
          if (!atomic(w, s, t, lane, where, x, y, old, old_known)) return false;
          if (reach.returns) {
            uint32_t out[2] = {static_cast<uint32_t>(old), static_cast<uint32_t>(old >> 32)};
            put(w, t, d, lane, out, old_known ? ~0u : 0);
          }
        }
      }
    }
  }
  return true;
}

// A buffer's load or store of which only the first dwords are in range: the others are 0, or not stored.
bool partial_lanes(Wave& w, const Instruction& s, const Transfer& t, const Addresses& a) {
  for (uint64_t left = a.partial; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(std::countr_zero(left));
    Where where{a.at[lane], Space::global};
    unsigned bytes = 4u * a.inside[lane];
    uint32_t value[4] = {}, known = 0;
    if (t.what == Do::load) {
      if (!load(w, s, lane, where, bytes, value, known)) return false;
      put(w, t, static_cast<uint32_t>(s.reach.d), lane, value, known | ~0u << a.inside[lane]);
    } else {
      take(w, t, static_cast<uint32_t>(s.reach.data), lane, value, known);
      if (!store(w, s, lane, where, bytes, value, known)) return false;
    }
  }
  return true;
}

}  // namespace

void count(Wave& w, Format format, int first, unsigned dwords, bool stores, Parts parts) {
  bool ds = format == Format::ds, flat = format == Format::flat;
  if (ds || flat) ++w.lds.issued;
  if (!ds) ++(stores ? w.vs : w.vm).issued;
  if (first >= 0) {
    for (unsigned i = 0; i < dwords; ++i) {
      if (ds || (flat && parts.lds)) w.lds_due[static_cast<unsigned>(first) + i] = w.lds.issued;
      if (!ds && (!flat || parts.memory)) w.vm_due[static_cast<unsigned>(first) + i] = w.vm.issued;
    }
  }
  if (first >= 0 || ds || flat) w.outstanding = 1;
}

bool is_transfer(uint16_t row) {
  const Transfer& t = transfer(row);
  return t.what != Do::none && !t.format && t.bytes != 0;
}

std::string stale_text(const Caches::Stale& stale) {
  return fmt::format(
      "somebody else has written these bytes, and {} still holds what they were: {} must come between",
      stale.cache, stale.acquire);
}

bool run_memory(Wave& w, const Instruction& s) {
  const Transfer& t = transfer(s.row);
  Addresses a;
  a.exec = w.exec();
  if (!addresses(w, s, t, a)) return false;
  unsigned dwords = (t.bytes + 3u) / 4, pieces = t.two ? 2 : 1;
  uint32_t offsets[2] = {0, 0};
  if (t.two) {
    unsigned unit = t.bytes * (t.stride64 ? 64 : 1);
    offsets[0] = (static_cast<uint32_t>(s.inst->mods.offset) & 0xff) * unit;
    offsets[1] = (static_cast<uint32_t>(s.inst->mods.offset) >> 8 & 0xff) * unit;
  }
  for (uint64_t left = a.zero; left && s.reach.returns; left &= left - 1) {
    uint32_t none[4] = {};
    put(w, t, static_cast<uint32_t>(s.reach.d), static_cast<uint32_t>(std::countr_zero(left)), none, ~0u);
  }
  Fast fast = vector(w, s, t, a, offsets, pieces);
  if (fast == Fast::stopped || (fast == Fast::slow && !lane_by_lane(w, s, t, a, offsets, pieces)))
    return false;
  if (!partial_lanes(w, s, t, a)) return false;
  bool tfe = s.inst->mods.tfe && s.reach.returns;  // a status behind the data: no page is missing
  for (uint64_t left = tfe ? w.exec() : 0; left; left &= left - 1) {
    set_lane(w, static_cast<uint32_t>(s.reach.d) + dwords, static_cast<uint32_t>(std::countr_zero(left)), 0,
             true);
  }
  count(w, doorbell::amd::rows()[s.row].format, s.reach.returns ? s.reach.d : -1, dwords * pieces + tfe,
        !s.reach.returns, {.lds = (a.exec & a.lds) != 0, .memory = (a.exec & ~a.lds) != 0});
  return true;
}

}  // namespace doorbell::sim::amd
