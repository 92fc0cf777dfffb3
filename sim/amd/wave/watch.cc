#include "sim/amd/wave/watch.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "sim/amd/wave/context.h"
#include "sim/amd/wave/liveness.h"

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
  // Nothing is different, but for registers that nothing depends on.
  [[nodiscard]] bool holds(const Wave& w, const Live& live) const {
    auto as_it_was = [](const auto& dword) { return std::memcmp(dword.first, &dword.second, 4) == 0; };
    if (pc != w.pc || mode != w.mode || scratch != w.scratch || (live.scc && scc != w.scc) ||
        m0 != w.s[reg::m0] || !std::equal(exec, exec + 2, w.s + reg::exec) ||
        !std::all_of(w.context->watch.scratch.begin(), w.context->watch.scratch.end(), as_it_was))
      return false;
    for (size_t r = 0; r < reg::null; ++r) {
      if (live.scalars[r] && scalars[r] != w.s[r]) return false;
    }
    for (size_t r = 0; r < w.vgpr_count; ++r) {
      const size_t at = r * w.stride;
      if (live.vectors[r] && std::memcmp(&vectors[at], w.v + at, w.stride * sizeof(uint32_t)) != 0)
        return false;
    }
    return true;
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
  Live all;  // registers: a loop of any length may come back to them
  all.vectors.set(), all.scalars.set(), all.scc = true;
  // The blocks since the snapshot, of short loops; and how often it was asked what these depend on.
  constexpr size_t longest = 64;
  constexpr int most = 8;
  std::vector<std::span<const doorbell::amd::Inst>> trace;
  int asked = 0;
  auto remember = [&] {
    snapshot.take(w);
    trace.clear();
    asked = 0;
  };
  remember();
  seen.on = true;
  uint64_t begin = w.instructions, changes = seen.changes;
  // Again and again at twice the distance, so that one snapshot lies within the repetition and is kept for
  // as long as that takes (Brent's algorithm).
  for (uint64_t next = 64; w.instructions - begin < budget;) {
    result.stop = execute(w, 1);  // one block
    if (result.stop == Stop::yield) result.stop = Stop::none;
    if (result.stop != Stop::none || seen.changes != changes) break;
    if (trace.size() <= longest) trace.push_back(w.context->code->instructions(*w.block));
    if (w.pc == snapshot.pc) {
      result.repeats = snapshot.holds(w, all);
      if (!result.repeats && trace.size() <= longest && asked++ < most) {
        std::optional<Live> live = live_around(trace, w.stride);
        result.repeats = live && snapshot.holds(w, *live);
      }
      if (result.repeats) break;
    }
    if (w.instructions - begin >= next) {
      remember();
      next *= 2;
    }
  }
  seen.on = false;
  return result;
}

}  // namespace doorbell::sim::amd
