#include "sim/amd/wave/watch.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "sim/amd/wave/context.h"

namespace doorbell::sim::amd {
namespace {

struct Snapshot {
  uint64_t pc = 0, scratch = 0;
  uint32_t scc = 0, mode = 0;
  uint32_t scalars[reg::null] = {}, m0 = 0, exec[2] = {};
  std::vector<uint32_t> vectors;

  void take(const Wave& w) {
    pc = w.pc;
    scc = w.scc;
    mode = w.mode;
    scratch = w.scratch;
    std::copy_n(w.s, reg::null, scalars);
    m0 = w.s[reg::m0];
    std::copy_n(w.s + reg::exec, 2, exec);
    vectors.assign(w.v, w.v + size_t{w.vgpr_count} * w.stride);
    w.context->watch.scratch.clear();
  }
  [[nodiscard]] bool holds(const Wave& w) const {
    if (pc != w.pc) return false;
    auto as_it_was = [](const auto& dword) { return std::memcmp(dword.first, &dword.second, 4) == 0; };
    return scc == w.scc && mode == w.mode && scratch == w.scratch && m0 == w.s[reg::m0] &&
           std::equal(scalars, scalars + reg::null, w.s) && std::equal(exec, exec + 2, w.s + reg::exec) &&
           std::memcmp(vectors.data(), w.v, vectors.size() * sizeof(uint32_t)) == 0 &&
           std::all_of(w.context->watch.scratch.begin(), w.context->watch.scratch.end(), as_it_was);
  }
};

}  // namespace

void Watch::read(Wave& w, const Instruction& s, int in_lane, uint64_t va, const Region& region,
                 bool past_caches) {
  if (va - w.scratch < w.scratch_bytes) return;
  bool uncached = region.mtype == Mtype::uc || region.mtype == Mtype::cc;
  Reads now = uncached && past_caches ? Reads::shared : Reads::memory;
  cached_shared |= uncached;
  if (now < reads || (at && now == reads)) return;
  reads = now;
  wave = &w;
  block = w.block;
  at = &s;
  lane = in_lane;
  address = va;
}

void Watch::write(const Wave& w, uint64_t va, std::byte* to, const void* from, unsigned bytes) {
  if (std::memcmp(to, from, bytes) == 0) return;
  constexpr size_t much = 1 << 14;
  if (va - w.scratch >= w.scratch_bytes || scratch.size() > much) {
    ++changes;
    return;
  }
  for (std::byte* dword = to - va % 4; dword < to + bytes; dword += 4) {
    uint32_t before = 0;
    std::memcpy(&before, dword, 4);
    scratch.emplace(dword, before);
  }
}

Watched watch(Wave& w, uint64_t budget) {
  Watch& seen = w.context->watch;
  Watched result{Stop::none};
  Snapshot snapshot;
  snapshot.take(w);
  seen.on = true;
  uint64_t begin = w.instructions, changes = seen.changes;
  // Again and again at twice the distance, so that one snapshot lies within the repetition and is kept for
  // as long as that takes (Brent's algorithm).
  for (uint64_t next = 64; w.instructions - begin < budget;) {
    result.stop = execute(w, 1);  // one block
    if (result.stop == Stop::yield) result.stop = Stop::none;
    if (result.stop != Stop::none || seen.changes != changes) break;
    if (snapshot.holds(w)) {
      result.repeats = true;
      break;
    }
    if (w.instructions - begin >= next) {
      snapshot.take(w);
      next *= 2;
    }
  }
  seen.on = false;
  return result;
}

}  // namespace doorbell::sim::amd
