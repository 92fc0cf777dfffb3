// Control flow, waits, hardware registers and messages. Semantics: RDNA2 ISA and RDNA3 ISA, chapters 4
// "Shader Program Flow Control", 5.6 "Hardware registers" and the rows' names; message numbers: AMDGPUUsage
// and LLVM's SIDefines.h (SendMsg, Hwreg).
//
// Waiting is modelled by numbers. Every instruction that raises a counter gets the next number of it, a
// register that a load fills remembers its load's number, and s_waitcnt raises the number up to which all is
// known to have arrived. What may arrive out of order (scalar loads, messages) is only known after a wait for
// 0. FLAT instructions count in both vmcnt and lgkmcnt, and are in order in each of them from gfx10 on
// (LLVM's GCNSubtarget.h, hasFlatLgkmVMemCountInOrder).
#include "sim/amd/clock.h"
#include "sim/amd/wave/context.h"
#include "sim/amd/wave/semantics.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::Arch;

uint64_t clock(Context& c) {
  ++c.watch.changes;
  return c.surroundings.clock ? c.surroundings.clock() : gpu_ticks();
}

void write_scalar(Wave& w, uint16_t index, uint64_t value, unsigned dwords) {
  for (unsigned i = 0; i < dwords; ++i) {
    w.s[index + i] = static_cast<uint32_t>(value >> 32 * i);
    w.sv[index + i] = ~uint32_t{0};
  }
}

// ---- branches: the block ends, Wave::pc and link say where it goes on ----

uint64_t next_pc(const Wave& w, const Instruction& s) { return w.block->pc + s.offset + s.bytes; }

bool go(Wave& w, const Instruction& s, bool taken) {
  w.pc = taken ? static_cast<uint64_t>(s.k) : next_pc(w, s);
  w.link = &const_cast<Block*>(w.block)->next[taken ? 1 : 0];
  return false;
}
bool go_to(Wave& w, uint64_t pc) {
  w.pc = pc;
  w.link = nullptr;
  return false;
}

bool fall_through(Wave& w, const Instruction& s) {
  w.pc = w.block->pc + s.offset;
  w.link = &const_cast<Block*>(w.block)->next[0];
  return false;
}

bool branch(Wave& w, const Instruction& s) { return go(w, s, true); }

bool decided(Wave& w, const Instruction& s, bool known, const char* by) {
  return known || violates(w, s, Check::invalid_branch, fmt::format("{} holds data that nobody wrote", by));
}
template <bool Value>
bool branch_scc(Wave& w, const Instruction& s) {
  if (!decided(w, s, w.scc_valid, "scc")) return false;
  return go(w, s, w.scc == Value);
}
template <bool Zero>
bool branch_vcc(Wave& w, const Instruction& s) {
  uint64_t mask = w.mask(reg::vcc);
  uint64_t known = w.sv[reg::vcc] | static_cast<uint64_t>(w.sv[reg::vcc + 1]) << 32;
  // A known bit that is set decides; otherwise all must be known.
  if (!(mask & known) && (~known & w.all_lanes) && !decided(w, s, false, "vcc")) return false;
  return go(w, s, (mask == 0) == Zero);
}
template <bool Zero>
bool branch_exec(Wave& w, const Instruction& s) {
  return go(w, s, (w.exec() == 0) == Zero);
}
bool branch_never(Wave& w, const Instruction& s) { return go(w, s, false); }  // no debugger is attached

bool code_address(Wave& w, const Instruction& s, uint64_t& to) {
  const Place& p = s.s[0];
  bool known = (w.sv[p.index] & w.sv[p.index + 1]) == ~uint32_t{0};
  if (!known && !violates(w, s, Check::invalid_branch, "the address is data that nobody wrote")) return false;
  to = w.scalar64(p.index) & ~uint64_t{3};
  return true;
}
bool setpc(Wave& w, const Instruction& s) {
  uint64_t to = 0;
  return code_address(w, s, to) ? go_to(w, to) : false;
}
bool swappc(Wave& w, const Instruction& s) {
  uint64_t to = 0;
  if (!code_address(w, s, to)) return false;
  write_scalar(w, s.d, next_pc(w, s), 2);
  return go_to(w, to);
}
bool getpc(Wave& w, const Instruction& s) {
  write_scalar(w, s.d, next_pc(w, s), 2);
  return true;
}
bool call(Wave& w, const Instruction& s) {
  write_scalar(w, s.d, next_pc(w, s), 2);
  return go(w, s, true);
}

// Runs a loop twice, once for each half of a wave64, where both halves have work. Wave32 runs through.
bool subvector_begin(Wave& w, const Instruction& s) {
  if (w.stride == 32) return go(w, s, false);
  uint32_t low = w.s[reg::exec], high = w.s[reg::exec + 1];
  if (low == 0 && high == 0) return go(w, s, true);
  if (low == 0) {
    write_scalar(w, s.d, low, 1);
  } else {
    write_scalar(w, s.d, high, 1);
    w.s[reg::exec + 1] = 0;
  }
  return go(w, s, false);
}
bool subvector_end(Wave& w, const Instruction& s) {
  if (w.stride == 32) return go(w, s, false);
  uint32_t low = w.s[reg::exec], high = w.s[reg::exec + 1], saved = w.s[s.d];
  if (high != 0) {  // the second pass is over
    w.s[reg::exec] = saved;
    return go(w, s, false);
  }
  if (saved == 0) return go(w, s, false);
  write_scalar(w, s.d, low, 1);
  w.s[reg::exec] = 0;
  w.s[reg::exec + 1] = saved;
  return go(w, s, true);
}

// ---- ends and waits of a wave ----

bool end(Wave& w, const Instruction& s) {
  w.stop = Stop::ended;
  w.at = &s;
  return false;
}
bool barrier(Wave& w, const Instruction& s) {
  w.pc = next_pc(w, s);
  w.link = &const_cast<Block*>(w.block)->next[0];
  w.barrier_pc = w.block->pc + s.offset;
  w.at = &s;
  w.stop = Stop::barrier;
  return false;
}
bool sleep(Wave& w, const Instruction& s) {
  w.pc = next_pc(w, s);
  w.link = &const_cast<Block*>(w.block)->next[0];
  w.at = &s;
  w.stop = Stop::yield;
  return false;
}
bool halt(Wave& w, const Instruction& s) {
  if (s.k == 0) return true;
  return violates(w, s, Check::hang, "the wave halts itself, and no debugger will wake it");
}
bool trap(Wave& w, const Instruction& s) {
  Context& c = *w.context;
  uint32_t id = static_cast<uint32_t>(s.k) & 0xff;
  // llvm.trap is the end of the queue whoever handles it: what ROCr's handler does for it on gfx10.3 is to
  // halt the wave for good (amd_gpu_shaders.h: "scalar stores are not available"), and nobody would ever hear
  // of it.
  constexpr uint32_t llvm_trap = 2;
  if ((c.dispatch.trap_handler != 0 && id != llvm_trap) || id == 0) {
    // With the process's second-level handler only; the pc passed on is that of s_trap itself.
    uint64_t pc = w.block->pc + s.offset;
    if (c.dispatch.trap_handler != 0) {
      write_scalar(w, 108, (pc & 0xffffffffffff) | static_cast<uint64_t>(id) << 48, 2);
      return go_to(w, c.dispatch.trap_handler);
    }
    return go(w, s, false);
  }
  if (id == 3) return go(w, s, false);  // llvm.debugtrap: nothing without a debugger
  if (!violates(w, s, Check::trap,
                fmt::format("s_trap {}{}", id, id == 2 ? " (llvm.trap, abort, assert)" : "")))
    return false;
  return go(w, s, false);
}
bool return_from_trap(Wave& w, const Instruction& s) {
  uint64_t to = 0;
  return code_address(w, s, to) ? go_to(w, to & 0xffffffffffff) : false;
}
bool code_end(Wave& w, const Instruction& s) {
  return violates(w, s, Check::illegal_instruction, "s_code_end: execution ran past the end of the program")
             ? go(w, s, false)
             : false;
}

// ---- s_waitcnt ----
//
// Counts fall in order, those of FLAT instructions too (LLVM's GCNSubtarget::hasFlatLgkmVMemCountInOrder:
// gfx10 and later).

void refresh(Wave& w) {
  w.outstanding = w.vm.done != w.vm.issued || w.lds.done != w.lds.issued || w.smem != 0;
}
void wait_vm(Wave& w, uint32_t n) {
  if (w.vm.issued > n && w.vm.issued - n > w.vm.done) w.vm.done = w.vm.issued - n;
}
void wait_lgkm(Wave& w, uint32_t n) {
  if (n == 0) {
    w.lds.done = w.lds.issued;
    if (w.smem != 0) {
      for (uint8_t& due : w.smem_due) due = 0;
    }
    w.smem = 0;
    return;
  }
  if (w.lds.issued > n && w.lds.issued - n > w.lds.done) w.lds.done = w.lds.issued - n;
}
void wait_vs(Wave& w, uint32_t n) {
  if (w.vs.issued > n && w.vs.issued - n > w.vs.done) w.vs.done = w.vs.issued - n;
}

bool waitcnt(Wave& w, const Instruction& s) {
  auto k = static_cast<uint32_t>(s.k);
  if (w.context->gfx10()) {
    wait_vm(w, (k & 15) | (k >> 14 & 3) << 4);
    wait_lgkm(w, k >> 8 & 63);
  } else {
    wait_vm(w, k >> 10 & 63);
    wait_lgkm(w, k >> 4 & 63);
  }
  refresh(w);
  return true;
}
// The count is the constant plus the register (null: 0).
uint32_t counted(const Wave& w, const Instruction& s) {
  uint32_t more = s.s[0].kind == Place::scalar ? w.s[s.s[0].index] : 0;
  return (more + static_cast<uint32_t>(s.k)) & 63;
}
bool waitcnt_vm(Wave& w, const Instruction& s) {
  wait_vm(w, counted(w, s));
  refresh(w);
  return true;
}
bool waitcnt_lgkm(Wave& w, const Instruction& s) {
  wait_lgkm(w, counted(w, s));
  refresh(w);
  return true;
}
bool waitcnt_vs(Wave& w, const Instruction& s) {
  wait_vs(w, counted(w, s));
  return true;
}
bool wait_nothing(Wave&, const Instruction&) { return true; }  // counters that compute kernels do not raise
bool wait_idle(Wave& w, const Instruction&) {
  wait_lgkm(w, 0);
  wait_vm(w, 0);
  wait_vs(w, 0);
  refresh(w);
  return true;
}

// ---- MODE and other hardware registers ----

// MODE: [1:0] rounding of f32, [3:2] of f64 and f16; [5:4] denormals of f32, [7:6] of f64 and f16: bit 0 of
// each pair keeps those of sources, bit 1 those of results.
void set_mode(Wave& w, uint32_t mode) {
  w.mode = mode;
  constexpr uint32_t round[] = {0x0000, 0x4000, 0x2000,
                                0x6000};  // MXCSR.RC of nearest even, +inf, -inf, zero
  auto mxcsr = [&](uint32_t rounding, uint32_t denormals) {
    return 0x1f80u | round[rounding & 3] | (denormals & 2 ? 0 : 0x8000u);  // FTZ
  };
  w.mxcsr32 = mxcsr(mode, mode >> 4);
  w.mxcsr64 = mxcsr(mode >> 2, mode >> 6);
  constexpr uint32_t plain = 0x2f0, matters = 0x8002ff;  // all of them, IEEE, FP16_OVFL
  w.mode_plain = (mode & matters) == plain;
}
bool round_mode(Wave& w, const Instruction& s) {
  set_mode(w, (w.mode & ~0xfu) | (static_cast<uint32_t>(s.k) & 0xf));
  return true;
}
bool denorm_mode(Wave& w, const Instruction& s) {
  set_mode(w, (w.mode & ~0xf0u) | (static_cast<uint32_t>(s.k) & 0xf) << 4);
  return true;
}

namespace hwreg {
[[maybe_unused]] constexpr uint32_t mode = 1, status = 2, trapsts = 3, hw_id = 4, gpr_alloc = 5,
                                    lds_alloc = 6, ib_sts = 7, pc_lo = 8, pc_hi = 9, sh_mem_bases = 15,
                                    tba_lo = 16, tba_hi = 17, tma_lo = 18, tma_hi = 19, flat_scr_lo = 20,
                                    flat_scr_hi = 21, xnack_mask = 22, hw_id1 = 23, hw_id2 = 24,
                                    pops_packer = 25, ib_sts2 = 28, shader_cycles = 29;
}

bool get_hardware_register(Wave& w, uint32_t id, uint32_t& value) {
  Context& c = *w.context;
  switch (id) {
    case hwreg::mode: value = w.mode; return true;
    case hwreg::status:
      value = w.scc | static_cast<uint32_t>(w.exec() == 0) << 9 |
              static_cast<uint32_t>(w.mask(reg::vcc) == 0) << 10 | 1u << 16;
      return true;
    case hwreg::gpr_alloc: value = (w.vgpr_count / (w.stride == 32 ? 8 : 4) - 1) << 8; return true;
    case hwreg::lds_alloc: value = (w.group->lds_bytes + 511) / 512 << 12; return true;
    case hwreg::sh_mem_bases:
      value = static_cast<uint32_t>(private_aperture >> 48 | shared_aperture >> 48 << 16);
      return true;
    case hwreg::tba_lo: value = static_cast<uint32_t>(c.dispatch.trap_handler); return true;
    case hwreg::tba_hi: value = static_cast<uint32_t>(c.dispatch.trap_handler >> 32); return true;
    case hwreg::tma_lo: value = static_cast<uint32_t>(c.dispatch.trap_memory); return true;
    case hwreg::tma_hi: value = static_cast<uint32_t>(c.dispatch.trap_memory >> 32); return true;
    case hwreg::flat_scr_lo: value = static_cast<uint32_t>(w.scratch); return true;
    case hwreg::flat_scr_hi: value = static_cast<uint32_t>(w.scratch >> 32); return true;
    case hwreg::hw_id:
    case hwreg::hw_id1: value = w.hw_id; return true;
    case hwreg::shader_cycles: value = static_cast<uint32_t>(clock(c)) & 0xfffff; return true;
    case hwreg::trapsts:
    case hwreg::ib_sts:
    case hwreg::xnack_mask:
    case hwreg::hw_id2:
    case hwreg::pops_packer:
    case hwreg::ib_sts2: value = 0; return true;
    default: return false;
  }
}

struct Field {
  uint32_t id, offset, size;
  explicit Field(uint32_t k) : id(k & 63), offset(k >> 6 & 31), size((k >> 11 & 31) + 1) {}
  [[nodiscard]] uint32_t mask() const { return static_cast<uint32_t>((uint64_t{1} << size) - 1); }
};

bool getreg(Wave& w, const Instruction& s) {
  Field f(static_cast<uint32_t>(s.k));
  uint32_t value = 0;
  if (!get_hardware_register(w, f.id, value) &&
      !violates(w, s, Check::illegal_instruction, fmt::format("there is no hardware register {}", f.id))) {
    return false;
  }
  write_scalar(w, s.d, value >> f.offset & f.mask(), 1);
  return true;
}

bool set_hardware_register(Wave& w, const Instruction& s, uint32_t from) {
  Field f(static_cast<uint32_t>(s.k));
  uint32_t old = 0;
  if (!get_hardware_register(w, f.id, old)) {
    return violates(w, s, Check::illegal_instruction, fmt::format("there is no hardware register {}", f.id));
  }
  uint32_t mask = static_cast<uint32_t>(uint64_t{f.mask()} << f.offset);
  uint32_t value = (old & ~mask) | (from << f.offset & mask);
  switch (f.id) {
    case hwreg::mode: set_mode(w, value); break;
    case hwreg::flat_scr_lo: w.scratch = (w.scratch & ~uint64_t{0xffffffff}) | value; break;
    case hwreg::flat_scr_hi: w.scratch = (w.scratch & 0xffffffff) | static_cast<uint64_t>(value) << 32; break;
    default: break;  // what user code may not write stays as it is
  }
  return true;
}
bool setreg(Wave& w, const Instruction& s) {
  const Place& p = s.s[0];
  if (w.sv[p.index] != ~uint32_t{0} &&
      !violates(w, s, Check::invalid_scalar, "a hardware register is set from data that nobody wrote")) {
    return false;
  }
  return set_hardware_register(w, s, w.s[p.index]);
}
bool setreg_imm(Wave& w, const Instruction& s) {
  return set_hardware_register(w, s, static_cast<uint32_t>(s.s[0].value));
}

// ---- clocks and messages ----

void due_scalar(Wave& w, const Instruction& s) {
  for (unsigned i = 0; i < s.d_dwords; ++i) w.smem_due[s.d + i] = 1;
  ++w.smem;
  w.outstanding = 1;
}

bool memtime(Wave& w, const Instruction& s) {
  write_scalar(w, s.d, clock(*w.context), 2);
  due_scalar(w, s);
  return true;
}

// Messages that a compute wave may send: SIDefines.h, SendMsg. The others are for geometry and pixels.
bool is_message(const Context& c, uint32_t id) {
  constexpr uint32_t gfx10 = 1u << 1 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 10 | 1u << 11,
                     gfx11 = 1u << 1 | 1u << 3;
  return id < 16 && ((c.gfx10() ? gfx10 : gfx11) >> id & 1);
}
bool sendmsg(Wave& w, const Instruction& s) {
  auto id = static_cast<uint32_t>(s.k) & (w.context->gfx10() ? 15 : 255);
  if (!is_message(*w.context, id) && !violates(w, s, Check::illegal_instruction,
                                               fmt::format("message {} is none of a compute kernel's", id)))
    return false;
  ++w.smem;  // messages count in lgkmcnt
  ++w.context->watch.changes;
  w.outstanding = 1;
  if (id == 1) {  // MSG_INTERRUPT
    if (w.sv[reg::m0] != ~uint32_t{0} &&
        !violates(w, s, Check::invalid_scalar, "m0 is data that nobody wrote"))
      return false;
    if (w.context->surroundings.interrupt) w.context->surroundings.interrupt(w.s[reg::m0]);
  }
  return true;
}
bool sendmsghalt(Wave& w, const Instruction& s) {
  return sendmsg(w, s) && violates(w, s, Check::hang, "the wave halts itself, and no debugger will wake it");
}
bool sendmsg_rtn(Wave& w, const Instruction& s) {
  Context& c = *w.context;
  uint64_t value = 0;
  switch (s.k & 0xff) {
    case 128: value = 0; break;                        // MSG_RTN_GET_DOORBELL
    case 129: value = 0; break;                        // MSG_RTN_GET_DDID
    case 130: value = c.dispatch.trap_memory; break;   // MSG_RTN_GET_TMA
    case 131: value = clock(c); break;                 // MSG_RTN_GET_REALTIME
    case 132: value = 0; break;                        // MSG_RTN_SAVE_WAVE
    case 133: value = c.dispatch.trap_handler; break;  // MSG_RTN_GET_TBA
    default:
      if (!violates(w, s, Check::illegal_instruction, fmt::format("there is no message {}", s.k & 0xff)))
        return false;
  }
  write_scalar(w, s.d, value, s.d_dwords);
  due_scalar(w, s);
  return true;
}

bool icache_inv(Wave& w, const Instruction& s) {
  w.context->code->begin_epoch(Caches::next_code_epoch());
  return go(w, s, false);
}
template <class Do>
bool invalidate(Wave& w, Do&& now) {
  w.context->watch.invalidates = true;
  if (w.group->caches) now(*w.group->caches);
  return true;
}
bool gl0_inv(Wave& w, const Instruction&) {
  return invalidate(w, [&](Caches::Unit& caches) { caches.invalidate_l0(compute_unit(w)); });
}
bool gl1_inv(Wave& w, const Instruction&) {
  return invalidate(w, [](Caches::Unit& caches) { caches.invalidate_gl1(); });
}
bool dcache_inv(Wave& w, const Instruction&) {
  return invalidate(w, [](Caches::Unit& caches) { caches.invalidate_scalar(); });
}
bool nothing(Wave&, const Instruction&) { return true; }

// ---- registers chosen by m0 ----

// What lies beyond the last register reads as s0, and is not written (RDNA2 ISA 3.6.1; RDNA3 ISA 3.3.1).
bool scalar_index(Wave& w, const Instruction& s, uint32_t& at, unsigned dwords, uint32_t instead) {
  if (w.sv[reg::m0] != ~uint32_t{0} && !violates(w, s, Check::invalid_scalar, "m0 is data that nobody wrote"))
    return false;
  if (at % dwords == 0 && at + dwords <= reg::vcc + 2u) return true;
  if (!violates(w, s, Check::sgpr_range, fmt::format("m0 selects s{}", at))) return false;
  at = instead;
  return true;
}
constexpr uint32_t nowhere = ~uint32_t{0};
bool movrel(Wave& w, const Instruction& s, uint32_t by_source, uint32_t by_destination) {
  uint32_t from = s.s[0].index + by_source, to = s.d + by_destination;
  bool constant = s.s[0].kind == Place::constant;
  if (!constant && !scalar_index(w, s, from, s.d_dwords, 0)) return false;
  if (!scalar_index(w, s, to, s.d_dwords, nowhere)) return false;
  if (to == nowhere) return true;
  for (unsigned i = 0; i < s.d_dwords; ++i) {
    w.s[to + i] = constant ? static_cast<uint32_t>(s.s[0].value >> 32 * i) : w.s[from + i];
    w.sv[to + i] = constant ? ~uint32_t{0} : w.sv[from + i];
  }
  return true;
}
bool movrels(Wave& w, const Instruction& s) { return movrel(w, s, w.s[reg::m0], 0); }
bool movreld(Wave& w, const Instruction& s) { return movrel(w, s, 0, w.s[reg::m0]); }
bool movrelsd_2(Wave& w, const Instruction& s) {
  return movrel(w, s, w.s[reg::m0] & 0x3ff, w.s[reg::m0] >> 16 & 0x3ff);
}

constexpr RunRow rows[] = {
    {"s_branch", branch},
    {"s_cbranch_scc0", branch_scc<false>},
    {"s_cbranch_scc1", branch_scc<true>},
    {"s_cbranch_vccz", branch_vcc<true>},
    {"s_cbranch_vccnz", branch_vcc<false>},
    {"s_cbranch_execz", branch_exec<true>},
    {"s_cbranch_execnz", branch_exec<false>},
    {"s_cbranch_cdbgsys", branch_never},
    {"s_cbranch_cdbguser", branch_never},
    {"s_cbranch_cdbgsys_or_user", branch_never},
    {"s_cbranch_cdbgsys_and_user", branch_never},
    {"s_setpc_b64", setpc},
    {"s_swappc_b64", swappc},
    {"s_getpc_b64", getpc},
    {"s_call_b64", call},
    {"s_rfe_b64", return_from_trap},
    {"s_subvector_loop_begin", subvector_begin},
    {"s_subvector_loop_end", subvector_end},
    {"s_endpgm", end},
    {"s_endpgm_saved", end},
    {"s_endpgm_ordered_ps_done", end},
    {"s_code_end", code_end},
    {"s_barrier", barrier},
    {"s_sleep", sleep},
    {"s_sethalt", halt},
    {"s_trap", trap},
    {"s_waitcnt", waitcnt},
    {"s_waitcnt_vmcnt", waitcnt_vm},
    {"s_waitcnt_lgkmcnt", waitcnt_lgkm},
    {"s_waitcnt_vscnt", waitcnt_vs},
    {"s_waitcnt_expcnt", wait_nothing},
    {"s_waitcnt_depctr", wait_nothing},
    {"s_wait_event", wait_nothing},
    {"s_wait_idle", wait_idle},
    {"s_round_mode", round_mode},
    {"s_denorm_mode", denorm_mode},
    {"s_getreg_b32", getreg},
    {"s_setreg_b32", setreg},
    {"s_setreg_imm32_b32", setreg_imm},
    {"s_memtime", memtime},
    {"s_memrealtime", memtime},
    {"s_sendmsg", sendmsg},
    {"s_sendmsghalt", sendmsghalt},
    {"s_sendmsg_rtn_b32", sendmsg_rtn},
    {"s_sendmsg_rtn_b64", sendmsg_rtn},
    {"s_icache_inv", icache_inv},
    {"s_movrels_b32", movrels},
    {"s_movrels_b64", movrels},
    {"s_movreld_b32", movreld},
    {"s_movreld_b64", movreld},
    {"s_movrelsd_2_b32", movrelsd_2},
    {"s_gl1_inv", gl1_inv},
    {"s_dcache_inv", dcache_inv},
    {"s_atc_probe", nothing},
    {"s_atc_probe_buffer", nothing},
    {"buffer_gl0_inv", gl0_inv},
    {"buffer_gl1_inv", gl1_inv},
};

}  // namespace

std::span<const RunRow> control_rows() { return rows; }

bool run_fall_through(Wave& w, const Instruction& s) { return fall_through(w, s); }
void set_wave_mode(Wave& w, uint32_t mode) { set_mode(w, mode); }

}  // namespace doorbell::sim::amd
