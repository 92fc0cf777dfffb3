// Every check of the table has a pair: a program or a packet stream that trips it, by name, and its twin that
// does the same work as the hardware wants it. A check without a pair fails here.
#include "tests/amd_wave/strict.h"

#include <functional>
#include <set>

#include "sim/amd/caches.h"
#include "tests/amd_packets/rig.h"
#include "tests/amd_wave/held.h"

namespace doorbell::sim::amd {
namespace {

// ---- programs ----

struct Pair {
  Check check;
  const char* chip;
  unsigned wave;
  const char* trips;
  const char* passes;
  void (*prepare)(Dispatch&, bool trips) = nullptr;
};

// clang-format off
constexpr Pair pairs[] = {
  {Check::unmapped, "gfx1100", 32,
   "s_load_b32 s20, s[6:7], 0x0\n s_endpgm", "s_load_b32 s20, s[0:1], 0x0\n s_endpgm"},
  {Check::unmapped, "gfx1030", 64,
   "v_mov_b32 v1, 0\n global_store_dword v1, v1, s[6:7]\n s_endpgm",
   "v_mov_b32 v1, 0\n global_store_dword v1, v1, s[0:1]\n s_endpgm"},
  {Check::permission, "gfx1100", 32,
   "v_mov_b32 v1, 0\n global_store_b32 v1, v1, s[4:5]\n s_endpgm",
   "v_mov_b32 v1, 0\n global_load_b32 v1, v1, s[4:5]\n s_endpgm"},
  {Check::fetch_unmapped, "gfx1100", 32, "s_setpc_b64 s[6:7]", "s_branch on\n on:\n s_endpgm"},
  {Check::misaligned, "gfx1100", 32,
   "v_mov_b32 v1, 2\n global_atomic_add_u32 v1, v0, s[0:1]\n s_endpgm",
   "v_mov_b32 v1, 4\n global_atomic_add_u32 v1, v0, s[0:1]\n s_endpgm"},
  {Check::misaligned, "gfx1030", 64,  // FLAT reaches memory and LDS
   "v_mov_b32 v4, s0\n v_mov_b32 v5, s1\n v_mov_b32 v6, 0\n v_mov_b32 v7, 0\n v_or_b32 v4, 4, v4\n"
   "flat_atomic_add_x2 v[4:5], v[6:7]\n s_endpgm",
   "v_mov_b32 v4, s0\n v_mov_b32 v5, s1\n v_mov_b32 v6, 0\n v_mov_b32 v7, 0\n v_or_b32 v4, 8, v4\n"
   "flat_atomic_add_x2 v[4:5], v[6:7]\n s_endpgm"},
  {Check::misaligned, "gfx1100", 32,
   "v_mov_b32 v1, 1\n ds_add_u32 v1, v0\n s_endpgm", "v_mov_b32 v1, 4\n ds_add_u32 v1, v0\n s_endpgm"},
  {Check::misaligned, "gfx1100", 32,  // loads need not be aligned
   "v_mov_b32 v1, 2\n global_atomic_swap_b64 v1, v[4:5], s[0:1]\n s_endpgm",
   "v_mov_b32 v1, 1\n v_mov_b32 v4, 0\n v_mov_b32 v5, 0\n global_load_b64 v[4:5], v1, s[0:1]\n ds_load_b128 v[8:11], v1\n s_endpgm"},
  {Check::lds_bounds, "gfx1100", 32,  // by FLAT's window
   "s_mov_b64 s[20:21], src_shared_base\n v_mov_b32 v5, s21\n v_mov_b32 v4, 0x400\n flat_store_b32 v[4:5], v0\n s_endpgm",
   "s_mov_b64 s[20:21], src_shared_base\n v_mov_b32 v5, s21\n v_mov_b32 v4, 0x3fc\n flat_store_b32 v[4:5], v0\n s_endpgm"},
  {Check::scratch_bounds, "gfx1030", 32,  // by FLAT's window
   "s_mov_b64 s[20:21], src_private_base\n v_mov_b32 v5, s21\n v_mov_b32 v4, 0x40\n flat_store_dword v[4:5], v0\n s_endpgm",
   "s_mov_b64 s[20:21], src_private_base\n v_mov_b32 v5, s21\n v_mov_b32 v4, 0x3c\n flat_store_dword v[4:5], v0\n s_endpgm"},
  {Check::permission, "gfx1030", 32,  // code is read, not written
   "s_getpc_b64 s[20:21]\n v_mov_b32 v1, 0\n global_atomic_add v1, v0, s[20:21]\n s_endpgm",
   "s_getpc_b64 s[20:21]\n v_mov_b32 v1, 0\n global_load_dword v1, v1, s[20:21]\n s_endpgm"},
  {Check::fetch_unmapped, "gfx1030", 32,  // data are not executed
   "s_setpc_b64 s[0:1]", "s_branch on\n on:\n s_endpgm"},
  {Check::fetch_unmapped, "gfx1100", 64,  // past the end of the code
   "s_getpc_b64 s[20:21]\n s_add_u32 s20, s20, 0xfffc\n s_setpc_b64 s[20:21]", "s_endpgm"},
  {Check::lds_bounds, "gfx1030", 32,
   "v_lshlrev_b32 v1, 2, v0\n ds_write_b32 v1, v0 offset:900\n s_endpgm",
   "v_lshlrev_b32 v1, 2, v0\n ds_write_b32 v1, v0 offset:896\n s_endpgm"},
  {Check::scratch_bounds, "gfx1100", 32,
   "scratch_store_b32 off, v0, off offset:64\n s_endpgm",
   "scratch_store_b32 off, v0, off offset:60\n s_endpgm"},
  {Check::illegal_instruction, "gfx1100", 32, ".long 0xffffffff\n s_endpgm", "s_nop 0\n s_endpgm"},
  {Check::illegal_instruction, "gfx1100", 32, "s_code_end\n s_endpgm", "s_endpgm\n s_code_end"},

  // Loads under way. One pair for each counter and kind.
  {Check::load_use, "gfx1100", 32,
   "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n v_mov_b32 v3, v2\n s_endpgm",
   "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n s_waitcnt vmcnt(0)\n v_mov_b32 v3, v2\n s_endpgm"},
  {Check::load_use, "gfx1100", 32,  // the second of two
   "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n global_load_b32 v3, v1, s[0:1]\n s_waitcnt vmcnt(1)\n"
   "v_mov_b32 v4, v3\n s_endpgm",
   "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n global_load_b32 v3, v1, s[0:1]\n s_waitcnt vmcnt(1)\n"
   "v_mov_b32 v4, v2\n s_endpgm"},
  {Check::load_use, "gfx1030", 64,  // overwritten while it is filled
   "v_mov_b32 v1, 0\n global_load_dword v2, v1, s[0:1]\n v_mov_b32 v2, 1\n s_endpgm",
   "v_mov_b32 v1, 0\n global_load_dword v2, v1, s[0:1]\n s_waitcnt vmcnt(0)\n v_mov_b32 v2, 1\n s_endpgm"},
  {Check::load_use, "gfx1100", 32,  // a store's data
   "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n global_store_b32 v1, v2, s[0:1] offset:64\n s_endpgm",
   "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n s_waitcnt vmcnt(0)\n"
   "global_store_b32 v1, v2, s[0:1] offset:64\n s_endpgm"},
  {Check::load_use, "gfx1100", 32,  // an atomic's result
   "v_mov_b32 v1, 0\n global_atomic_add_u32 v2, v1, v0, s[0:1] glc\n v_mov_b32 v3, v2\n s_endpgm",
   "v_mov_b32 v1, 0\n global_atomic_add_u32 v2, v1, v0, s[0:1] glc\n s_waitcnt vmcnt(0)\n v_mov_b32 v3, v2\n s_endpgm"},
  {Check::load_use, "gfx1100", 32,  // scalar loads come back out of order: only lgkmcnt(0) says anything
   "s_load_b32 s20, s[0:1], 0x0\n s_load_b32 s21, s[0:1], 0x4\n s_waitcnt lgkmcnt(1)\n s_mov_b32 s22, s20\n s_endpgm",
   "s_load_b32 s20, s[0:1], 0x0\n s_load_b32 s21, s[0:1], 0x4\n s_waitcnt lgkmcnt(0)\n s_mov_b32 s22, s20\n s_endpgm"},
  {Check::load_use, "gfx1030", 32,
   "v_mov_b32 v1, 0\n ds_write_b32 v1, v0\n ds_read_b32 v2, v1\n v_mov_b32 v3, v2\n s_endpgm",
   "v_mov_b32 v1, 0\n ds_write_b32 v1, v0\n ds_read_b32 v2, v1\n s_waitcnt lgkmcnt(0)\n v_mov_b32 v3, v2\n s_endpgm"},
  {Check::load_use, "gfx1100", 32,  // FLAT's data come with vmcnt from memory
   "v_mov_b32 v4, s0\n v_mov_b32 v5, s1\n flat_load_b32 v2, v[4:5]\n s_waitcnt lgkmcnt(0)\n v_mov_b32 v3, v2\n s_endpgm",
   "v_mov_b32 v4, s0\n v_mov_b32 v5, s1\n flat_load_b32 v2, v[4:5]\n s_waitcnt vmcnt(0) lgkmcnt(0)\n v_mov_b32 v3, v2\n s_endpgm"},
  {Check::load_use, "gfx1100", 32,  // a message's answer
   "s_sendmsg_rtn_b64 s[20:21], sendmsg(MSG_RTN_GET_REALTIME)\n s_mov_b32 s22, s20\n s_endpgm",
   "s_sendmsg_rtn_b64 s[20:21], sendmsg(MSG_RTN_GET_REALTIME)\n s_waitcnt lgkmcnt(0)\n s_mov_b32 s22, s20\n s_endpgm"},

  {Check::sgpr_range, "gfx1100", 32,
   "s_movk_i32 m0, 120\n s_movrels_b32 s20, s0\n s_endpgm", "s_movk_i32 m0, 2\n s_movrels_b32 s20, s0\n s_endpgm"},
  {Check::vgpr_range, "gfx1100", 32, "v_mov_b32 v32, 0\n s_endpgm", "v_mov_b32 v31, 0\n s_endpgm"},
  {Check::trap, "gfx1100", 32, "s_trap 2\n s_endpgm", "s_trap 3\n s_endpgm"},
  {Check::operand_limits, "gfx1100", 32,
   "v_fma_f32 v1, s0, s1, s2\n s_endpgm", "v_fma_f32 v1, s0, s1, s0\n s_endpgm"},
  {Check::operand_limits, "gfx1100", 32,  // two registers of one bank; the same register is read once
   "v_dual_mov_b32 v1, v0 :: v_dual_mov_b32 v2, v4\n s_endpgm",
   "v_dual_mov_b32 v1, v0 :: v_dual_mov_b32 v2, v0\n s_endpgm"},
  {Check::operand_overlap, "gfx1100", 32,
   "v_mov_b32 v1, 0\n v_mov_b32 v4, 0\n v_mov_b32 v5, 0\n v_mad_u64_u32 v[4:5], null, v0, v4, v[4:5]\n s_endpgm",
   "v_mov_b32 v1, 0\n v_mov_b32 v4, 0\n v_mov_b32 v5, 0\n v_mad_u64_u32 v[6:7], null, v0, v4, v[4:5]\n s_endpgm"},
  {Check::operand_overlap, "gfx1151", 32,
   "v_wmma_f32_16x16x16_f16 v[8:15], v[8:15], v[16:23], v[24:31]\n s_endpgm",
   "v_wmma_f32_16x16x16_f16 v[24:31], v[8:15], v[16:23], v[24:31]\n s_endpgm"},

  // Hazards.
  {Check::vcmpx_permlane, "gfx1100", 32,
   "v_cmpx_lt_u32 v0, v0\n v_nop\n v_permlane16_b32 v1, v0, s0, s0\n s_endpgm",
   "v_cmpx_lt_u32 v0, v0\n v_mov_b32 v2, v0\n v_permlane16_b32 v1, v0, s0, s0\n s_endpgm"},
  {Check::vcmpx_permlane, "gfx1151", 32,  // across a branch
   "v_cmpx_le_u32 v0, v0\n s_branch on\n on:\n v_permlanex16_b32 v1, v0, s0, s0\n s_endpgm",
   "v_cmpx_le_u32 v0, v0\n s_branch on\n on:\n v_mov_b32 v2, v0\n v_permlanex16_b32 v1, v0, s0, s0\n s_endpgm"},
  {Check::valu_trans_use, "gfx1100", 32,
   "v_rcp_f32 v1, v0\n v_mov_b32 v2, v0\n v_mov_b32 v3, v0\n v_add_f32 v4, v1, v1\n s_endpgm",
   "v_rcp_f32 v1, v0\n v_mov_b32 v2, v0\n s_waitcnt_depctr 0xfff\n v_add_f32 v4, v1, v1\n s_endpgm"},
  {Check::valu_trans_use, "gfx1100", 64,  // five vector instructions are too few
   "v_sqrt_f32 v1, v0\n v_mov_b32 v2, v0\n v_mov_b32 v3, v0\n v_mov_b32 v4, v0\n v_mov_b32 v5, v0\n v_mov_b32 v6, v0\n"
   "v_add_f32 v7, v0, v1\n s_endpgm",
   "v_sqrt_f32 v1, v0\n v_mov_b32 v2, v0\n v_mov_b32 v3, v0\n v_mov_b32 v4, v0\n v_mov_b32 v5, v0\n v_mov_b32 v6, v0\n"
   "v_mov_b32 v8, v0\n v_add_f32 v7, v0, v1\n s_endpgm"},
  {Check::valu_partial_forwarding, "gfx1100", 64,
   "v_mov_b32 v1, 1\n s_mov_b64 exec, 3\n v_mov_b32 v2, 2\n v_add_nc_u32 v3, v1, v2\n s_endpgm",
   "v_mov_b32 v1, 1\n s_mov_b64 exec, 3\n v_mov_b32 v2, 2\n s_waitcnt_depctr 0xfff\n v_add_nc_u32 v3, v1, v2\n s_endpgm"},
  {Check::valu_partial_forwarding, "gfx1151", 64,  // three between the first result and the second are enough
   "v_mov_b32 v1, 1\n v_mov_b32 v4, 0\n s_mov_b64 exec, 3\n v_mov_b32 v5, 0\n v_mov_b32 v2, 2\n v_add_nc_u32 v3, v1, v2\n s_endpgm",
   "v_mov_b32 v1, 1\n v_mov_b32 v4, 0\n v_mov_b32 v6, 0\n s_mov_b64 exec, 3\n v_mov_b32 v5, 0\n v_mov_b32 v2, 2\n"
   "v_add_nc_u32 v3, v1, v2\n s_endpgm"},
  {Check::valu_mask_write, "gfx1100", 64,
   "s_mov_b64 s[20:21], 5\n v_cndmask_b32 v1, v0, v0, s[20:21]\n s_mov_b64 s[20:21], 3\n s_mov_b64 s[22:23], s[20:21]\n s_endpgm",
   "s_mov_b64 s[20:21], 5\n v_cndmask_b32 v1, v0, v0, s[20:21]\n s_mov_b64 s[20:21], 3\n s_waitcnt_depctr 0xfffe\n"
   "s_mov_b64 s[22:23], s[20:21]\n s_endpgm"},
  {Check::wmma_use, "gfx1100", 32,
   "v_wmma_f32_16x16x16_f16 v[8:15], v[16:23], v[24:31], v[8:15]\n"
   "v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]\n s_endpgm",
   "v_wmma_f32_16x16x16_f16 v[8:15], v[16:23], v[24:31], v[8:15]\n v_nop\n"
   "v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]\n s_endpgm"},
  {Check::dealloc_vgprs, "gfx1100", 32,
   "v_mov_b32 v1, 0\n s_sendmsg sendmsg(MSG_DEALLOC_VGPRS)\n s_endpgm",
   "v_mov_b32 v1, 0\n s_nop 0\n s_sendmsg sendmsg(MSG_DEALLOC_VGPRS)\n s_endpgm"},
  {Check::dealloc_vgprs, "gfx1151", 64,  // scratch goes with them
   "scratch_store_b32 off, v0, off\n s_nop 0\n s_sendmsg sendmsg(MSG_DEALLOC_VGPRS)\n s_endpgm",
   "scratch_store_b32 off, v0, off\n s_waitcnt_vscnt null, 0x0\n s_nop 0\n s_sendmsg sendmsg(MSG_DEALLOC_VGPRS)\n s_endpgm"},
  {Check::dealloc_vgprs, "gfx1100", 32,
   "s_nop 0\n s_sendmsg sendmsg(MSG_DEALLOC_VGPRS)\n s_branch on\n on:\n v_mov_b32 v1, 0\n s_endpgm",
   "s_nop 0\n s_sendmsg sendmsg(MSG_DEALLOC_VGPRS)\n s_branch on\n on:\n s_mov_b32 s20, 0\n s_endpgm"},
  {Check::denorm_mode_atomic, "gfx1030", 32,
   "v_mov_b32 v1, 0\n global_atomic_fmin v1, v0, s[0:1]\n s_nop 1\n s_denorm_mode 15\n s_endpgm",
   "v_mov_b32 v1, 0\n global_atomic_fmin v1, v0, s[0:1]\n s_nop 2\n s_denorm_mode 15\n s_endpgm"},

  // Data that nobody wrote.
  {Check::invalid_address, "gfx1100", 32,
   "global_load_b32 v2, v1, s[0:1]\n s_endpgm", "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n s_endpgm"},
  {Check::invalid_address, "gfx1100", 32,  // by way of LDS
   "v_mov_b32 v1, 0\n ds_load_b32 v2, v1\n s_waitcnt lgkmcnt(0)\n global_load_b32 v3, v2, s[0:1]\n s_endpgm",
   "v_mov_b32 v1, 0\n ds_store_b32 v1, v1\n ds_load_b32 v2, v1\n s_waitcnt lgkmcnt(0)\n global_load_b32 v3, v2, s[0:1]\n s_endpgm"},
  {Check::invalid_address, "gfx1100", 32,  // by way of fresh memory
   "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[2:3]\n s_waitcnt vmcnt(0)\n v_and_b32 v2, 0xfc, v2\n"
   "global_load_b32 v3, v2, s[0:1]\n s_endpgm",
   "v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n s_waitcnt vmcnt(0)\n v_and_b32 v2, 0xfc, v2\n"
   "global_load_b32 v3, v2, s[0:1]\n s_endpgm"},
  {Check::invalid_address, "gfx1100", 32,  // of LDS
   "ds_store_b32 v1, v0\n s_endpgm", "v_mov_b32 v1, 0\n ds_store_b32 v1, v0\n s_endpgm"},
  {Check::invalid_address, "gfx1030", 32,  // of another lane
   "ds_bpermute_b32 v2, v1, v0\n s_endpgm", "v_mov_b32 v1, 0\n ds_bpermute_b32 v2, v1, v0\n s_endpgm"},
  {Check::invalid_address, "gfx1100", 64,  // of scratch
   "scratch_store_b32 v1, v0, off\n s_endpgm", "v_mov_b32 v1, 0\n scratch_store_b32 v1, v0, off\n s_endpgm"},
  {Check::invalid_address, "gfx1030", 64,  // FLAT
   "v_mov_b32 v4, s0\n flat_load_dword v2, v[4:5]\n s_endpgm",
   "v_mov_b32 v4, s0\n v_mov_b32 v5, s1\n flat_load_dword v2, v[4:5]\n s_endpgm"},
  {Check::invalid_address, "gfx1100", 32,  // of a buffer's element
   "s_mov_b64 s[20:21], s[0:1]\n s_movk_i32 s22, 64\n s_mov_b32 s23, 0x31004000\n"
   "buffer_load_b32 v2, v1, s[20:23], 0 offen\n s_endpgm",
   "s_mov_b64 s[20:21], s[0:1]\n s_movk_i32 s22, 64\n s_mov_b32 s23, 0x31004000\n v_mov_b32 v1, 0\n"
   "buffer_load_b32 v2, v1, s[20:23], 0 offen\n s_endpgm"},
  {Check::invalid_address, "gfx1100", 32,  // of a scalar load
   "s_mov_b32 s20, s0\n s_load_b32 s22, s[20:21], 0x0\n s_endpgm",
   "s_mov_b64 s[20:21], s[0:1]\n s_load_b32 s22, s[20:21], 0x0\n s_endpgm"},
  {Check::invalid_address, "gfx1030", 32,  // its offset
   "s_load_dword s22, s[0:1], s20\n s_endpgm", "s_mov_b32 s20, 0\n s_load_dword s22, s[0:1], s20\n s_endpgm"},
  {Check::invalid_address, "gfx1100", 32,  // by way of a lane that was never written
   "v_mov_b32 v4, 0\n v_readfirstlane_b32 s20, v1\n s_and_b32 s20, s20, 4\n s_mov_b32 s21, s1\n"
   "s_load_b32 s22, s[0:1], s20\n s_endpgm",
   "v_mov_b32 v1, 0\n v_readfirstlane_b32 s20, v1\n s_and_b32 s20, s20, 4\n s_mov_b32 s21, s1\n"
   "s_load_b32 s22, s[0:1], s20\n s_endpgm"},
  {Check::invalid_branch, "gfx1100", 32,
   "s_mov_b32 s20, s0\n s_setpc_b64 s[20:21]\n s_endpgm",
   "s_getpc_b64 s[20:21]\n s_add_u32 s20, s20, 12\n s_setpc_b64 s[20:21]\n s_endpgm\n s_nop 0\n s_endpgm"},
  {Check::invalid_branch, "gfx1100", 32,  // memory that nobody wrote decides
   "s_load_b32 s20, s[2:3], 0x0\n s_waitcnt lgkmcnt(0)\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 on\n on:\n s_endpgm",
   "s_load_b32 s20, s[0:1], 0x0\n s_waitcnt lgkmcnt(0)\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 on\n on:\n s_endpgm"},
  {Check::invalid_exec, "gfx1030", 64,
   "v_cmp_eq_u32 vcc, v1, v0\n s_and_saveexec_b64 s[20:21], vcc\n s_endpgm",
   "v_cmp_eq_u32 vcc, v0, v0\n s_and_saveexec_b64 s[20:21], vcc\n s_endpgm"},
  {Check::invalid_branch, "gfx1100", 32,
   "s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 on\n on:\n s_endpgm",
   "s_cmp_eq_u32 s0, 0\n s_cbranch_scc1 on\n on:\n s_endpgm"},
  {Check::invalid_branch, "gfx1030", 64,
   "v_cmp_gt_u32 vcc, v1, v0\n s_and_b64 vcc, vcc, exec\n s_cbranch_vccz on\n on:\n s_endpgm",
   "v_cmp_gt_u32 vcc, 3, v0\n s_and_b64 vcc, vcc, exec\n s_cbranch_vccz on\n on:\n s_endpgm"},
  {Check::invalid_exec, "gfx1100", 32, "s_mov_b32 exec_lo, s20\n s_endpgm", "s_mov_b32 exec_lo, s0\n s_endpgm"},
  {Check::invalid_exec, "gfx1100", 32, "v_cmpx_eq_u32 v0, v1\n s_endpgm", "v_cmpx_eq_u32 v0, v0\n s_endpgm"},
  {Check::invalid_scalar, "gfx1100", 32,
   "v_readlane_b32 s21, v0, s20\n s_endpgm", "v_readlane_b32 s21, v0, s0\n s_endpgm"},
  {Check::invalid_scalar, "gfx1100", 32,
   "s_movrels_b32 s20, s0\n s_endpgm", "s_mov_b32 m0, 0\n s_movrels_b32 s20, s0\n s_endpgm"},
  {Check::invalid_scalar, "gfx1030", 32,
   "s_setreg_b32 hwreg(HW_REG_MODE, 0, 4), s20\n s_endpgm", "s_setreg_b32 hwreg(HW_REG_MODE, 0, 4), s8\n s_endpgm"},
  {Check::invalid_scalar, "gfx1030", 32,
   "s_sendmsg sendmsg(MSG_INTERRUPT)\n s_endpgm", "s_mov_b32 m0, 0\n s_sendmsg sendmsg(MSG_INTERRUPT)\n s_endpgm"},
  {Check::invalid_scalar, "gfx1100", 32,
   "buffer_load_b32 v1, off, s[20:23], 0\n s_endpgm",
   "s_mov_b64 s[20:21], s[0:1]\n s_movk_i32 s22, 64\n s_mov_b32 s23, 0x31004000\n buffer_load_b32 v1, off, s[20:23], 0\n s_endpgm"},

  // Dispatches.
  {Check::registers_oversubscribed, "gfx1030", 32, "s_endpgm", "s_endpgm",
   [](Dispatch& d, bool trips) {
     d.scratch_wave_bytes = 0, d.grid[0] = d.workgroup[0] = 1024, d.rsrc1 |= trips ? 31 : 0;
   }},
  {Check::lds_oversubscribed, "gfx1100", 32, "s_endpgm", "s_endpgm",
   [](Dispatch& d, bool trips) { d.lds_bytes = trips ? 65537 : 65536; }},
  {Check::waves_oversubscribed, "gfx1100", 64, "s_endpgm", "s_endpgm",
   [](Dispatch& d, bool trips) {
     d.scratch_wave_bytes = 0, d.grid[0] = d.workgroup[0] = 1024, d.workgroup[1] = d.grid[1] = trips ? 2 : 1;
   }},
  {Check::waves_oversubscribed, "gfx1030", 32, "s_endpgm", "s_endpgm",
   [](Dispatch& d, bool trips) { d.grid[0] = d.workgroup[0] = trips ? 160 : 128; }},
  {Check::barrier_mismatch, "gfx1100", 32,
   "v_readfirstlane_b32 s20, v0\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 first\n s_barrier\n s_endpgm\n first:\n s_barrier\n s_endpgm",
   "v_readfirstlane_b32 s20, v0\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 first\n first:\n s_barrier\n s_endpgm",
   [](Dispatch& d, bool) { d.grid[0] = d.workgroup[0] = 64; }},
  {Check::hang, "gfx1100", 32, "s_sethalt 1\n s_endpgm", "s_sethalt 0\n s_endpgm"},
};
// clang-format on

std::vector<Fault> all_faults(Bench& bench, const Outcome& outcome) {
  std::vector<Fault> all = bench.lints;
  if (outcome.status == Outcome::Status::fault) all.push_back(outcome.fault);
  return all;
}
bool names(const std::vector<Fault>& faults, Check check) {
  return std::ranges::any_of(faults, [&](const Fault& one) { return one.check == check; });
}
std::string lines(const std::vector<Fault>& faults) {
  std::string all;
  for (const Fault& one : faults) all += describe(one) + "\n";
  return all;
}

// What a pair says with the checks that `strict` has on.
std::vector<Fault> run_program(const Pair& pair, bool trips, const Strict& strict) {
  Bench bench(pair.chip, pair.wave);
  bench.dispatch.strict = strict;
  if (pair.prepare) pair.prepare(bench.dispatch, trips);
  bench.load(trips ? pair.trips : pair.passes);
  return all_faults(bench, bench.run_once());
}

Strict only(Check check) {
  Strict strict;
  EXPECT_TRUE(strict.lenient("all").ok());
  strict.set(check, true);
  return strict;
}
Strict without(Check check) {
  Strict strict;
  EXPECT_TRUE(strict.lenient(check_row(check).name).ok());
  return strict;
}

TEST(Pairs, ProgramsTripTheirCheckByNameAndTheirTwinsPass) {
  for (const Pair& pair : pairs) {
    std::string_view name = check_row(pair.check).name;
    SCOPED_TRACE(fmt::format("{} on {}, wave{}:\n{}", name, pair.chip, pair.wave, pair.trips));
    std::vector<Fault> said = run_program(pair, true, Strict());
    ASSERT_FALSE(said.empty());
    EXPECT_EQ(said[0].check, pair.check) << lines(said);
    EXPECT_EQ(said[0].kind, check_row(pair.check).kind);
    EXPECT_TRUE(describe(said[0]).starts_with(fmt::format("{}: bench, packet 7, kernel program", name)))
        << lines(said);
    EXPECT_FALSE(said[0].text.empty());
    if (said[0].kind != FaultKind::dispatch) {
      EXPECT_TRUE(said[0].has_pc && said[0].has_wave) << lines(said);
      bool fetched = pair.check != Check::fetch_unmapped && pair.check != Check::illegal_instruction;
      EXPECT_TRUE(!fetched || !said[0].instruction.empty()) << lines(said);
    }
    std::vector<Fault> twin = run_program(pair, false, Strict());
    EXPECT_TRUE(twin.empty()) << pair.passes << "\n" << lines(twin);
  }
}

TEST(Pairs, LeniencySwitchesExactlyOneCheckOff) {
  for (const Pair& pair : pairs) {
    SCOPED_TRACE(fmt::format("{} on {}: {}", check_row(pair.check).name, pair.chip, pair.trips));
    std::vector<Fault> alone = run_program(pair, true, only(pair.check));
    EXPECT_TRUE(names(alone, pair.check)) << lines(alone);
    std::vector<Fault> off = run_program(pair, true, without(pair.check));
    EXPECT_FALSE(names(off, pair.check)) << lines(off);
  }
}

// What is known to be silent where a chip has no such hazard.
TEST(Pairs, HazardsAreThoseOfTheChip) {
  for (const Pair& pair : pairs) {
    std::string_view name = check_row(pair.check).name;
    bool multiplies = std::string_view(pair.trips).find("v_mad_u64_u32") != std::string_view::npos;
    const char* without_it = name == "valu-trans-use" || multiplies ? "gfx1151"
                             : name == "vcmpx-permlane"             ? "gfx1030"
                                                                    : nullptr;
    if (!without_it) continue;
    Pair other = pair;
    other.chip = without_it;
    std::vector<Fault> said = run_program(other, true, Strict());
    EXPECT_TRUE(said.empty()) << lines(said);
  }
}

// ---- sequences: what takes more than one program ----

// Waits for memory that the host may write, which it does when it is told, or after a while.
std::vector<Fault> polls(const Strict& strict, bool trips) {
  Bench bench("gfx1100");
  bench.dispatch.strict = strict;
  constexpr uint64_t flag_at = 0x16'0000'0000;
  auto* flag = reinterpret_cast<uint32_t*>(bench.map(flag_at, access_read | access_write, false, Mtype::uc));
  auto write = [flag] { std::atomic_ref(*flag).store(1); };
  if (!trips) write();
  bench.dispatch.user_sgprs[1] = flag_at >> 32;
  bench.load(
      "v_mov_b32 v1, 0\n wait:\n s_sleep 1\n global_load_b32 v2, v1, s[0:1] glc dlc\n s_waitcnt vmcnt(0)\n"
      "v_readfirstlane_b32 s20, v2\n s_cmp_eq_u32 s20, 0\n s_cbranch_scc1 wait\n s_endpgm");
  std::atomic<uint64_t> activity{0};
  Surroundings around;
  around.activity = &activity;
  around.wonder_after = {};
  around.report = [&](const Fault&) { write(); };
  std::thread host([&] {
    if (strict.on(Check::polling)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    write();
  });
  Outcome outcome = bench.run_once(around);
  host.join();
  return all_faults(bench, outcome);
}

// Reads what the host changes between two dispatches, of which the second one has the acquire fence or not.
std::vector<Fault> rereads(const Strict& strict, bool trips) {
  Bench bench("gfx1100");
  bench.dispatch.strict = strict;
  bench.load("v_mov_b32 v1, 0\n global_load_b32 v2, v1, s[0:1]\n s_endpgm");
  Caches caches;
  Surroundings around;
  around.caches = &caches;
  bench.run_once(around);
  bench.words()[0] = 1;
  if (!trips) caches.acquire(1);
  return all_faults(bench, bench.run_once(around));
}
// Runs another program at the same place.
std::vector<Fault> rewritten(const Strict& strict, bool trips) {
  Bench bench("gfx1030");
  bench.dispatch.strict = strict;
  bench.load("s_nop 0\n s_endpgm");
  Caches caches;
  Surroundings around;
  around.caches = &caches;
  bench.run_once(around);
  bench.load("s_nop 1\n s_endpgm");
  if (!trips) caches.invalidate({.code = true});
  return all_faults(bench, bench.run_once(around));
}

struct Sequence {
  Check check;
  std::vector<Fault> (*run)(const Strict&, bool trips);
};
constexpr Sequence sequences[] = {
    {Check::polling, polls},
    {Check::stale_read, rereads},
    {Check::stale_code, rewritten},
};

TEST(Pairs, SequencesTripTheirCheckByNameAndTheirTwinsPass) {
  for (const Sequence& pair : sequences) {
    SCOPED_TRACE(check_row(pair.check).name);
    std::vector<Fault> said = pair.run(Strict(), true);
    ASSERT_FALSE(said.empty());
    EXPECT_EQ(said[0].check, pair.check) << lines(said);
    EXPECT_TRUE(names(pair.run(only(pair.check), true), pair.check));
    std::vector<Fault> off = pair.run(without(pair.check), true);
    EXPECT_FALSE(names(off, pair.check)) << lines(off);
    std::vector<Fault> twin = pair.run(Strict(), false);
    EXPECT_TRUE(twin.empty()) << lines(twin);
  }
}

// ---- packet streams ----

struct StreamPair {
  Check check;
  // Submits it. A twin is waited for: false if it did not come to its end.
  bool (*run)(Rig&, bool trips);
};

bool aql(Rig& rig, bool trips, void (*spoil)(Rig&, aql::KernelDispatch&)) {
  AqlRing ring(rig);
  aql::KernelDispatch packet =
      AqlRing::dispatch(rig.kernel([](auto&, auto&) { return Outcome(); }), rig.signal(1));
  if (trips) spoil(rig, packet);
  ring.submit(packet);
  return trips || ring.done();
}

constexpr StreamPair streams[] = {
    {Check::packet_type,
     [](Rig& rig, bool trips) {
       return aql(rig, trips, [](Rig&, auto& packet) { packet.header = (packet.header & 0xff00) | 4; });
     }},
    {Check::packet_reserved,
     [](Rig& rig, bool trips) { return aql(rig, trips, [](Rig&, auto& packet) { packet.reserved2 = 1; }); }},
    {Check::packet_field,
     [](Rig& rig, bool trips) {
       return aql(rig, trips, [](Rig&, auto& packet) { packet.grid_size[1] = 0; });
     }},
    {Check::packet_alignment,
     [](Rig& rig, bool trips) {
       return aql(rig, trips, [](Rig& r, auto& packet) { packet.kernarg_address = r.take(64) + 2; });
     }},
    {Check::packet_signal,
     [](Rig& rig, bool trips) {
       return aql(rig, trips, [](Rig& r, auto& packet) {
         packet.completion_signal = r.signal(1);
         r.at<aql::Signal>(packet.completion_signal)->kind = 0;
       });
     }},
    {Check::packet_bounds,
     [](Rig& rig, bool trips) {
       Pm4Ring ring(rig);
       ring.push({pm4::Header::make(pm4::NOP, 4).word, 0, 0, 0});
       if (trips) --ring.written;
       ring.submit();
       return trips || ring.done();
     }},
    {Check::slot_overwritten,
     [](Rig& rig, bool trips) {
       AqlRing ring(rig);
       uint64_t gate = rig.signal(1);
       ring.submit(AqlRing::barrier(aql::Type::barrier_and, {gate}));
       for (uint64_t i = 1; i < (trips ? 17 : 16); ++i)
         ring.write(AqlRing::barrier(aql::Type::barrier_and, {}));
       ring.ring(ring.written - 1);
       if (!trips) __atomic_store_n(&rig.at<aql::Signal>(gate)->value, 0, __ATOMIC_RELEASE);
       return trips || ring.done();
     }},
    {Check::doorbell,
     [](Rig& rig, bool trips) {
       AqlRing ring(rig);
       ring.write(AqlRing::barrier(aql::Type::barrier_and, {}));
       ring.ring(trips ? 5 : 0);
       return trips || ring.done();
     }},
    {Check::eop_buffer,
     [](Rig& rig, bool trips) {
       Pm4Ring ring(rig, 4096, !trips);
       uint64_t to = rig.take(8);
       ring.packet(pm4::RELEASE_MEM, {0x14 | 5 << 8, 1u << 29, static_cast<uint32_t>(to),
                                      static_cast<uint32_t>(to >> 32), 1, 0, 0});
       ring.submit();
       return trips || ring.done();
     }},
    {Check::stalled,
     [](Rig& rig, bool trips) {
       AqlRing ring(rig);
       ring.submit(AqlRing::barrier(aql::Type::barrier_and, {rig.signal(trips ? 1 : 0)}));
       return trips || ring.done();
     }},
    // The host is told of what it does not see before the memory is unmapped: by each kind of ring.
    {Check::missing_release,
     [](Rig& rig, bool trips) {
       AqlRing ring(rig);
       Held held(rig);
       ring.submit(packet(machine_code(rig, stores_sevens), Held::base, aql::Scope::agent,
                          trips ? aql::Scope::agent : aql::Scope::system, rig.signal(1)));
       return ring.done() && held.word() == (trips ? 0u : 7u);
     }},
    {Check::missing_release,
     [](Rig& rig, bool trips) {
       Pm4Ring ring(rig);
       Held held(rig);
       fill_by_cp_dma(ring, Held::base, 4096);
       tell(ring, rig.take(8), trips ? 0 : pm4::release_mem::gcr_gl2_wb);
       ring.submit();
       return ring.done() && held.word() == (trips ? 0u : 7u);
     }},
    {Check::missing_release,
     [](Rig& rig, bool trips) {
       AqlRing ring(rig);
       SdmaRing requests(rig);
       Held held(rig);
       ring.submit(packet(machine_code(rig, stores_sevens), Held::base, aql::Scope::agent, aql::Scope::agent,
                          rig.signal(1)));
       if (!ring.done()) return false;
       gcr(requests, trips ? pm4::gcr::gl2_inv : pm4::gcr::gl2_wb);
       requests.submit();
       return requests.done() && held.word() == (trips ? 0u : 7u);
     }},
};

constexpr auto soon = std::chrono::milliseconds(20);

std::string lines_of(Rig& rig) {
  std::string all;
  rig.note([&] {
    for (const std::string& line : rig.lines) all += line + "\n";
  });
  return all;
}

TEST(Pairs, StreamsTripTheirCheckByNameAndTheirTwinsPass) {
  for (const StreamPair& pair : streams) {
    std::string name(check_row(pair.check).name);
    SCOPED_TRACE(name);
    {
      Rig rig("gfx1100", "", nullptr, soon);
      pair.run(rig, true);
      std::string line = rig.line(name);
      EXPECT_NE(line.find(" queue 0, packet "), std::string::npos) << line << lines_of(rig);
    }
    Rig rig("gfx1100", "", nullptr, std::chrono::hours(1));
    EXPECT_TRUE(pair.run(rig, false)) << lines_of(rig);
    rig.processor.reset();
    EXPECT_TRUE(rig.lines.empty()) << lines_of(rig);
  }
}

TEST(Pairs, LeniencySwitchesExactlyOneCheckOfAStreamOff) {
  for (const StreamPair& pair : streams) {
    std::string name(check_row(pair.check).name);
    SCOPED_TRACE(name);
    std::string others;
    for (const CheckRow& row : check_rows())
      if (row.check != pair.check) others += fmt::format("{},", row.name);
    {
      Rig alone("gfx1100", others.c_str(), nullptr, soon);
      pair.run(alone, true);
      EXPECT_FALSE(alone.line(name).empty());
    }
    Rig off("gfx1100", name.c_str(), nullptr, soon);
    pair.run(off, true);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    off.processor.reset();
    EXPECT_EQ(lines_of(off).find(name + ":"), std::string::npos) << lines_of(off);
  }
}

TEST(Pairs, EveryCheckHasOne) {
  std::set<Check> have;
  for (const Pair& pair : pairs) have.insert(pair.check);
  for (const Sequence& pair : sequences) have.insert(pair.check);
  for (const StreamPair& pair : streams) have.insert(pair.check);
  for (const CheckRow& row : check_rows())
    EXPECT_TRUE(have.contains(row.check)) << row.name << ": nothing trips it here";
}

}  // namespace
}  // namespace doorbell::sim::amd
