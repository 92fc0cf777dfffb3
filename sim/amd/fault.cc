// The table of strict checks. Sources: "RDNA2 ISA" and "RDNA3 ISA" are AMD's "RDNA 2" / "RDNA3 Shader
// Instruction Set Architecture: Reference Guide"; "GCNHazardRecognizer" is LLVM's
// llvm/lib/Target/AMDGPU/GCNHazardRecognizer.cpp (19); "AMDGPUUsage" is LLVM's "User Guide for AMDGPU
// Backend".
#include "sim/amd/fault.h"

#include <algorithm>

namespace doorbell::sim::amd {
namespace {

// clang-format off
constexpr CheckRow rows[] = {
  {Check::unmapped, "unmapped", FaultKind::memory, "an access to an address that is not mapped", "Linux kfd_events.c: memory exception"},
  {Check::permission, "permission", FaultKind::memory, "an access that the mapping forbids", "Linux kfd_events.c: memory exception"},
  {Check::fetch_unmapped, "fetch-unmapped", FaultKind::memory, "instruction fetch from an address that is not mapped or not executable", "RDNA3 ISA 2.2, 4; Linux kfd_events.c"},
  {Check::misaligned, "misaligned", FaultKind::memory, "an atomic, or a packet's word, at an address that is no multiple of its size", "RDNA3 ISA 10.6.2; AMDGPUUsage: unaligned-access-mode"},
  {Check::lds_bounds, "lds-bounds", FaultKind::aperture, "an LDS access beyond what the workgroup allocated", "RDNA3 ISA 12.1, 3.6.3: out of range"},
  {Check::scratch_bounds, "scratch-bounds", FaultKind::aperture, "a scratch access beyond the wave's scratch space", "RDNA3 ISA 10.6.3"},
  {Check::stale_read, "stale-read", FaultKind::strict, "a load of what somebody else has written, through a cache that holds the old content and was not invalidated since", "AMDGPUUsage: Memory Model"},
  {Check::stale_code, "stale-code", FaultKind::strict, "instructions that have changed since they were fetched, with no invalidation of the instruction cache between", "AMDGPUUsage: Memory Model; ROCR-Runtime GpuAgent::InvalidateCodeCaches"},
  {Check::missing_release, "missing-release", FaultKind::lint, "data in memory that the host reads, of which the host was told that it is done, and that nobody has written back from the second-level cache (L2) when the memory is unmapped or the last queue ends", "AMDGPUUsage: Memory Model; Linux gfx_v11_0.c: gfx_v11_0_ring_emit_fence; ROCR-Runtime amd_blit_sdma.cpp: BuildGCRCommand"},
  {Check::illegal_instruction, "illegal-instruction", FaultKind::illegal, "words that are no instruction of this GPU", "RDNA3 ISA 4.4: STATUS, TRAPSTS.ILLEGAL_INST"},
  {Check::load_use, "load-use", FaultKind::strict, "touching a register that a load still fills, before the s_waitcnt for it", "RDNA3 ISA 4.4 Data dependency resolution; SIInsertWaitcnts.cpp"},
  {Check::sgpr_range, "sgpr-range", FaultKind::strict, "scalar registers beyond the last one, or a misaligned group of them", "RDNA3 ISA 3.3.1"},
  {Check::vgpr_range, "vgpr-range", FaultKind::strict, "vector registers beyond what the kernel allocated", "RDNA3 ISA 3.4.1"},
  {Check::trap, "trap", FaultKind::trap, "s_trap while the process has installed no trap handler", "AMDGPUUsage: Trap Handler ABI"},
  {Check::operand_limits, "operand-limits", FaultKind::strict, "operands that encode and yet cannot be read together: more scalar values than the constant bus carries, VOPD halves that share a bank", "RDNA3 ISA 7.2, 7.6; LLVM AMDGPUAsmParser.cpp: validateConstantBusLimitations, validateVOPDRegBankConstraints"},
  {Check::operand_overlap, "operand-overlap", FaultKind::strict, "a result that overlaps a source which is still read while it is written: WMMA's A and B, v_*qsad_*, and on gfx1100 v_mad_u64_u32 and v_mad_i64_i32", "LLVM VOP3Instructions.td, VOP3PInstructions.td: @earlyclobber; AMDGPU.td: FeatureMADIntraFwdBug"},
  {Check::vcmpx_permlane, "vcmpx-permlane", FaultKind::strict, "v_permlane* right after v_cmpx, with no vector instruction but v_nop between (gfx11)", "GCNHazardRecognizer: fixVcmpxPermlaneHazards"},
  {Check::valu_trans_use, "valu-trans-use", FaultKind::strict, "reading the result of a transcendental instruction within 5 vector instructions or 1 transcendental one, with no s_waitcnt_depctr va_vdst(0) or memory instruction between (gfx1100)", "GCNHazardRecognizer: fixVALUTransUseHazard"},
  {Check::valu_partial_forwarding, "valu-partial-forwarding", FaultKind::strict, "reading two results of vector instructions on both sides of a scalar write of exec too early (wave64 of gfx11)", "GCNHazardRecognizer: fixVALUPartialForwardingHazard"},
  {Check::valu_mask_write, "valu-mask-write", FaultKind::strict, "writing an SGPR that a vector instruction reads as a mask, and then reading it, with no s_waitcnt_depctr sa_sdst(0) between (wave64 of gfx11)", "GCNHazardRecognizer: fixVALUMaskWriteHazard"},
  {Check::wmma_use, "wmma-use", FaultKind::strict, "a WMMA whose A or B is the result of the WMMA in front of it, with no vector instruction between (gfx11)", "GCNHazardRecognizer: fixWMMAHazards; RDNA3 ISA 7.9.1"},
  {Check::dealloc_vgprs, "dealloc-vgprs", FaultKind::strict, "MSG_DEALLOC_VGPRS with no s_nop right in front of it or while scratch is stored to, and vector registers touched behind it (gfx11)", "GCNSubtarget.h: requiresNopBeforeDeallocVGPRs; SIInsertWaitcnts.cpp: MSG_DEALLOC_VGPRS"},
  {Check::denorm_mode_atomic, "denorm-mode-atomic", FaultKind::strict, "s_denorm_mode within 3 wait states of an atomic of floats, with no vector instruction or wait between (gfx10)", "GCNHazardRecognizer: checkFPAtomicToDenormModeHazard"},
  {Check::invalid_address, "invalid-address", FaultKind::strict, "an address computed from data that nobody wrote", "registers, LDS and memory start with arbitrary content: RDNA3 ISA 3.1"},
  {Check::invalid_branch, "invalid-branch", FaultKind::strict, "a branch decided by data that nobody wrote", "as invalid-address"},
  {Check::invalid_exec, "invalid-exec", FaultKind::strict, "an exec mask computed from data that nobody wrote", "as invalid-address"},
  {Check::invalid_scalar, "invalid-scalar", FaultKind::strict, "data that nobody wrote, read as a scalar: resource descriptors, m0, lane selectors, hardware registers", "as invalid-address"},
  {Check::registers_oversubscribed, "registers-oversubscribed", FaultKind::dispatch, "a workgroup whose waves need more vector registers than a compute unit has", "RDNA3 ISA 3.4.1; AMDGPUUsage: compute_pgm_rsrc1"},
  {Check::lds_oversubscribed, "lds-oversubscribed", FaultKind::dispatch, "a workgroup that needs more LDS than a compute unit can give to one", "RDNA3 ISA 3.6; AMDGPUUsage: compute_pgm_rsrc2"},
  {Check::waves_oversubscribed, "waves-oversubscribed", FaultKind::dispatch, "a workgroup of more than 1024 work-items, or of more waves than there is scratch for", "HSA Runtime 2.7: workgroup_max_size; Linux gc_10_3_0_sh_mask.h: COMPUTE_TMPRING_SIZE.WAVES"},
  {Check::barrier_mismatch, "barrier-mismatch", FaultKind::lint, "waves of a workgroup that meet at a barrier from different program counters", "OpenCL C 3.0, 6.15.8: every work-item must meet the same barrier"},
  {Check::hang, "hang", FaultKind::hang, "waves of which none can ever make progress", "RDNA3 ISA 4.3; Linux amdgpu: lockup_timeout"},
  {Check::polling, "polling", FaultKind::lint, "waves that have done nothing for ten seconds but read memory that only the host can still change", "as stalled"},
  {Check::packet_type, "packet-type", FaultKind::dispatch, "a packet type or opcode that the queue does not take", "HSA Runtime 2.8, 2.9; nvd.h; *_sdma_pkt_open.h"},
  {Check::packet_reserved, "packet-reserved", FaultKind::dispatch, "reserved bits of a packet that are not zero", "HSA Runtime 2.9; pm4_pkt_struct_*.h of kfdtest; *_sdma_pkt_open.h"},
  {Check::packet_field, "packet-field", FaultKind::dispatch, "a field of a packet whose value means nothing", "as packet-reserved"},
  {Check::packet_bounds, "packet-bounds", FaultKind::dispatch, "a packet or indirect buffer that reaches beyond what was submitted, or nests too deep", "nvd.h: count, IB_SIZE"},
  {Check::packet_alignment, "packet-alignment", FaultKind::dispatch, "an address or size in a packet that is not aligned as the packet demands", "HSA Runtime 2.9; sdma_v5_2.c: \"IB packet must end on a 8 DW boundary\""},
  {Check::packet_signal, "packet-signal", FaultKind::dispatch, "a signal handle that leads to no amd_signal_t of kind user", "amd_hsa_signal.h"},
  {Check::slot_overwritten, "slot-overwritten", FaultKind::strict, "an AQL slot that was written again before it was consumed", "HSA Runtime 2.8.3: write_index - read_index < size"},
  {Check::doorbell, "doorbell", FaultKind::strict, "a doorbell beyond the write pointer, or further ahead than the ring is long", "HSA Runtime 2.8.3; amd_blit_sdma.cpp: CanWriteUpto"},
  {Check::eop_buffer, "eop-buffer", FaultKind::memory, "an end-of-pipe event on a queue without an EOP buffer", "gfx_v11_0.c: cp_hqd_eop_base_addr; tinygrad ops_amd.py: \"it will NULL pointer\""},
  {Check::stalled, "stalled", FaultKind::lint, "a packet that has waited for ten seconds", "the machine waits for ever, people do not"},
};
// clang-format on

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(rows); ++i) {
    if (rows[i].check != static_cast<Check>(i)) return false;
  }
  return std::size(rows) == static_cast<size_t>(Check::count);
}
static_assert(in_order(), "check_rows follows enum Check");

const char* name(FaultKind kind) {
  switch (kind) {
    case FaultKind::none: return "no fault";
    case FaultKind::memory: return "memory fault";
    case FaultKind::illegal: return "illegal instruction";
    case FaultKind::trap: return "trap";
    case FaultKind::aperture: return "aperture violation";
    case FaultKind::dispatch: return "dispatch refused";
    case FaultKind::hang: return "hang";
    case FaultKind::strict: return "hardware exception";
    case FaultKind::lint: return "lint";
  }
  return "fault";
}

}  // namespace

std::span<const CheckRow> check_rows() { return rows; }
const CheckRow& check_row(Check check) { return rows[static_cast<size_t>(check)]; }

Strict::Strict() {
  for (const CheckRow& row : rows) set(row.check, row.on);
}

Status Strict::lenient(std::string_view names) {
  while (!names.empty()) {
    size_t comma = names.find(',');
    std::string_view one = names.substr(0, comma);
    names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
    bool known = false;
    for (const CheckRow& row : rows) {
      if (one != row.name && one != "all") continue;
      set(row.check, false);
      known = true;
    }
    if (!known && !one.empty()) {
      std::string all;
      for (const CheckRow& row : rows) all += fmt::format("{}{}", all.empty() ? "" : ", ", row.name);
      return error("--lenient {}: no such check; there are all, {}", one, all);
    }
  }
  return success();
}

std::string describe(const Fault& fault) {
  std::string line(fault.check == Check::count ? name(fault.kind) : check_row(fault.check).name);
  std::string place;
  auto add = [&](std::string part) { place += (place.empty() ? "" : ", ") + part; };
  if (!fault.queue.empty()) add(fault.queue);
  if (fault.has_packet) add(fmt::format("packet {}", fault.packet));
  if (!fault.kernel.empty()) add(fmt::format("kernel {}", fault.kernel));
  if (fault.has_wave) {
    add(fmt::format("workgroup {},{},{} wave {}", fault.workgroup[0], fault.workgroup[1], fault.workgroup[2],
                    fault.wave));
  }
  if (fault.lane != no_lane) add(fmt::format("lane {}", fault.lane));
  if (fault.has_address) add(fmt::format("address {:#x}", fault.address));
  if (fault.has_pc) {
    add(fmt::format("pc {:#x}", fault.pc));
    if (!fault.instruction.empty()) place += fmt::format(" `{}`", fault.instruction);
  }
  if (!place.empty()) line += ": " + place;
  if (!fault.text.empty()) line += ": " + fault.text;
  return line;
}

}  // namespace doorbell::sim::amd
