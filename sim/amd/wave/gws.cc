// Global wave sync: a few counters beside the compute units, at which waves of the whole GPU wait for each
// other, as HIP's grid barriers do on gfx10. A wave that waits executes its instruction again, on its turns,
// until it is let go: what finds waves that can get no further sees it as one that repeats. Sources: RDNA2
// ISA, "LDS Instruction Details", DS_GWS_*; LLVM, AMDGPUInstructionSelector.cpp, selectDSGWSIntrinsic: the
// resource is M0[21:16] and the offset, modulo 64.
//
// On gfx11 a queue has no resources even where KFD says that it has been given them. What GDS does with an
// instruction of theirs is in no manual; that it drops ds_gws_init, which waits for nothing, and notes it in
// GDS_VM_PROTECTION_FAULT is taken from HIP of ROCm 5.7, which starts each cooperative launch on such GPUs
// with one (rocvirtual.cpp, RunGwsInit) and meets in memory afterwards (device libraries, __ockl_grid_sync).
// Instructions that would wait there are refused: nobody uses them.
#include <bit>

#include "sim/amd/wave/memory.h"

namespace doorbell::sim::amd {
namespace {

// The resource, or null after a report.
Gws::Resource* resource(Wave& w, const Instruction& s) {
  Gws* gws = w.context->surroundings.gws;
  if (!gws) {
    run_unknown(w, s);
    return nullptr;
  }
  if (w.sv[reg::m0] != ~uint32_t{0} &&
      !violates(w, s, Check::invalid_scalar, "m0, which names a resource, is data that nobody wrote"))
    return nullptr;
  const uint32_t number = (w.s[reg::m0] >> 16) + static_cast<uint32_t>(s.inst->mods.offset);
  return &gws->resources[number % Gws::count];
}

// Of the first enabled lane. False after a report.
bool operand(Wave& w, const Instruction& s, uint32_t& value) {
  const auto lane = static_cast<uint32_t>(std::countr_zero(w.exec() | uint64_t{1} << (w.stride - 1)));
  const auto x = static_cast<uint32_t>(s.reach.address >= 0 ? s.reach.address : s.reach.data);
  value = w.vgpr(x)[lane];
  return (w.valid[x] >> lane & 1) ||
         violates(w, s, Check::invalid_scalar, "the count of waves is data that nobody wrote",
                  static_cast<int>(lane));
}

// On to the next block: the row ends one.
bool done(Wave& w, const Instruction& s) {
  ++w.context->watch.changes;
  count(w, doorbell::amd::Format::ds, -1, 0, false);
  w.pc = w.block->pc + s.offset + s.bytes;
  w.link = &const_cast<Block*>(w.block)->next[0];
  return false;
}
// Others first; then the same instruction.
bool wait(Wave& w, const Instruction& s) {
  w.pc = w.block->pc + s.offset;
  w.link = nullptr;
  w.at = &s;
  w.stop = Stop::yield;
  return false;
}

bool init(Wave& w, const Instruction& s) {
  uint32_t value = 0;
  if (w.context->surroundings.gws_in_form) return operand(w, s, value) ? done(w, s) : false;
  Gws::Resource* r = resource(w, s);
  if (!r || !operand(w, s, value)) return false;
  *r = {.counter = static_cast<int32_t>(value & 0xffff)};
  return done(w, s);
}
// The wave that finds the counter at zero is the last one: it turns the flag, and winds the counter up again.
bool barrier(Wave& w, const Instruction& s) {
  Gws::Resource* r = resource(w, s);
  uint32_t value = 0;
  if (!r || !operand(w, s, value)) return false;
  if (!w.at_gws) {
    w.gws_flag = r->flag;
    if (r->counter <= 0) {
      r->flag = !r->flag;
      r->counter = static_cast<int32_t>(value & 0xffff);
    } else {
      --r->counter;
    }
    ++w.context->watch.changes;
  }
  w.at_gws = r->flag == w.gws_flag;
  return w.at_gws ? wait(w, s) : done(w, s);
}
bool give(Wave& w, const Instruction& s) {
  Gws::Resource* r = resource(w, s);
  if (!r) return false;
  ++r->counter;
  return done(w, s);
}
bool give_many(Wave& w, const Instruction& s) {
  Gws::Resource* r = resource(w, s);
  uint32_t value = 0;
  if (!r || !operand(w, s, value)) return false;
  r->counter += static_cast<int32_t>(value & 0xffff);
  return done(w, s);
}
bool take(Wave& w, const Instruction& s) {
  Gws::Resource* r = resource(w, s);
  if (!r) return false;
  if (r->counter <= 0) {
    if (!w.at_gws) ++r->waiting;
    w.at_gws = true;
    return wait(w, s);
  }
  if (w.at_gws) --r->waiting;
  w.at_gws = false;
  --r->counter;
  return done(w, s);
}
bool release_all(Wave& w, const Instruction& s) {
  Gws::Resource* r = resource(w, s);
  if (!r) return false;
  r->counter = r->waiting;
  return done(w, s);
}

constexpr RunRow rows[] = {
    {"ds_gws_init", init},         {"ds_gws_barrier", barrier}, {"ds_gws_sema_v", give},
    {"ds_gws_sema_br", give_many}, {"ds_gws_sema_p", take},     {"ds_gws_sema_release_all", release_all},
};

}  // namespace

std::span<const RunRow> gws_rows() { return rows; }

}  // namespace doorbell::sim::amd
