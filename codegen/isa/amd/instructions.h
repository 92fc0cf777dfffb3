// The instructions of gfx1030 (RDNA2), gfx1100 (RDNA3) and gfx1151 (RDNA3.5), in the grammar of table.h: what
// a compute kernel can use. Left out is what only graphics uses: image instructions, exports, interpolation.
//
// Sources. AMD's reference guides "RDNA 2", "RDNA3" and "RDNA3.5 Instruction Set Architecture": names,
// opcodes and operands from chapter "Instructions", one section a format, named beside each group below with
// its number in the RDNA3 and RDNA3.5 guides, which agree (the RDNA 2 guide has the same sections under the
// same names); where fields lie, from chapter "Microcode Formats" (layout.h); implicit state from the
// pseudocode. Opcodes of gfx1030 have been swept through llvm-mc-19 -disassemble, as tests/amd_isa repeats
// from this table for all generations; LLVM's AMDGPU backend alone is the source of v_illegal, and of the
// encodings that a row lacks or has unlike its kin (notes noe64, nodpp, nodpp10, nosdwa, opsel11, fmod11,
// fibc, true16).
#pragma once

#include "codegen/isa/amd/table.h"

namespace doorbell::amd::table {

using enum Format;

// clang-format off

// Float comparisons: 16 conditions from one opcode on.
#define COMPARE_F(prefix, operands, g10, g10_high, g11, type, notes) \
  {prefix "f_" type,   vopc, (g10) + 0,       (g11) + 0,  operands, notes}, \
  {prefix "lt_" type,  vopc, (g10) + 1,       (g11) + 1,  operands, notes}, \
  {prefix "eq_" type,  vopc, (g10) + 2,       (g11) + 2,  operands, notes}, \
  {prefix "le_" type,  vopc, (g10) + 3,       (g11) + 3,  operands, notes}, \
  {prefix "gt_" type,  vopc, (g10) + 4,       (g11) + 4,  operands, notes}, \
  {prefix "lg_" type,  vopc, (g10) + 5,       (g11) + 5,  operands, notes}, \
  {prefix "ge_" type,  vopc, (g10) + 6,       (g11) + 6,  operands, notes}, \
  {prefix "o_" type,   vopc, (g10) + 7,       (g11) + 7,  operands, notes}, \
  {prefix "u_" type,   vopc, (g10_high) + 8,  (g11) + 8,  operands, notes}, \
  {prefix "nge_" type, vopc, (g10_high) + 9,  (g11) + 9,  operands, notes}, \
  {prefix "nlg_" type, vopc, (g10_high) + 10, (g11) + 10, operands, notes}, \
  {prefix "ngt_" type, vopc, (g10_high) + 11, (g11) + 11, operands, notes}, \
  {prefix "nle_" type, vopc, (g10_high) + 12, (g11) + 12, operands, notes}, \
  {prefix "neq_" type, vopc, (g10_high) + 13, (g11) + 13, operands, notes}, \
  {prefix "nlt_" type, vopc, (g10_high) + 14, (g11) + 14, operands, notes}, \
  {prefix "t_" type,   vopc, (g10_high) + 15, (g11) + 15, operands, notes, prefix "tru_" type}
// Integer comparisons: those of 16 bits lack f and t.
#define COMPARE_I16(prefix, operands, g10, g11, type, notes) \
  {prefix "lt_" type,  vopc, (g10) + 1, (g11) + 1, operands, notes}, \
  {prefix "eq_" type,  vopc, (g10) + 2, (g11) + 2, operands, notes}, \
  {prefix "le_" type,  vopc, (g10) + 3, (g11) + 3, operands, notes}, \
  {prefix "gt_" type,  vopc, (g10) + 4, (g11) + 4, operands, notes}, \
  {prefix "ne_" type,  vopc, (g10) + 5, (g11) + 5, operands, notes}, \
  {prefix "ge_" type,  vopc, (g10) + 6, (g11) + 6, operands, notes}
#define COMPARE_I(prefix, operands, g10, g11, type, notes) \
  {prefix "f_" type,   vopc, (g10) + 0, (g11) + 0, operands, notes}, \
  COMPARE_I16(prefix, operands, g10, g11, type, notes), \
  {prefix "t_" type,   vopc, (g10) + 7, (g11) + 7, operands, notes}
#define COMPARES(prefix, dst, x10, x11, notes) \
  COMPARE_F(prefix, dst "= f16 f16", x10 + 0xc8, x10 + 0xe0, x11 + 0x00, "f16", notes), \
  COMPARE_F(prefix, dst "= f32 f32", x10 + 0x00, x10 + 0x00, x11 + 0x10, "f32", notes), \
  COMPARE_F(prefix, dst "= f64 f64", x10 + 0x20, x10 + 0x20, x11 + 0x20, "f64", notes), \
  COMPARE_I16(prefix, dst "= i16 i16", x10 + 0x88, x11 + 0x30, "i16", notes), \
  COMPARE_I16(prefix, dst "= u16 u16", x10 + 0xa8, x11 + 0x38, "u16", notes), \
  COMPARE_I(prefix, dst "= i32 i32", x10 + 0x80, x11 + 0x40, "i32", notes), \
  COMPARE_I(prefix, dst "= u32 u32", x10 + 0xc0, x11 + 0x48, "u32", notes), \
  COMPARE_I(prefix, dst "= i64 i64", x10 + 0xa0, x11 + 0x50, "i64", notes), \
  COMPARE_I(prefix, dst "= u64 u64", x10 + 0xe0, x11 + 0x58, "u64", notes), \
  {prefix "class_f16", vopc, x10 + 0x8f, x11 + 0x7d, dst "= f16 u16", notes " noclamp"}, \
  {prefix "class_f32", vopc, x10 + 0x88, x11 + 0x7e, dst "= f32 u32", notes " noclamp"}, \
  {prefix "class_f64", vopc, x10 + 0xa8, x11 + 0x7f, dst "= f64 u32", notes " noclamp"}

// SALU float comparisons (gfx1151).
#define COMPARE_SF(type, op) \
  {"s_cmp_lt_" type,  sopc, no, op + 1,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_eq_" type,  sopc, no, op + 2,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_le_" type,  sopc, no, op + 3,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_gt_" type,  sopc, no, op + 4,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_lg_" type,  sopc, no, op + 5,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_ge_" type,  sopc, no, op + 6,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_o_" type,   sopc, no, op + 7,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_u_" type,   sopc, no, op + 8,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_nge_" type, sopc, no, op + 9,  "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_nlg_" type, sopc, no, op + 10, "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_ngt_" type, sopc, no, op + 11, "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_nle_" type, sopc, no, op + 12, "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_neq_" type, sopc, no, op + 13, "= " type " " type, "gfx1151 >scc"}, \
  {"s_cmp_nlt_" type, sopc, no, op + 14, "= " type " " type, "gfx1151 >scc"}

#define COMPARE_K(name, op, kind) {"s_cmpk_" name, sopk, op, op, "= s:" kind " k16", ">scc"}
#define BRANCH(name, g10, g11, notes) {"s_" name, sopp, g10, g11, "= rel", "branch " notes}

// Loads and stores: FLAT, GLOBAL, SCRATCH and MUBUF number them alike. `before` and `after` are the operands
// around the data: a store's address stands before it in FLAT, behind it in MUBUF.
#define LOADS(p, f, address) \
  {p "_load_u8",         f, 0x08, 0x10, "u8 = " address,   "", p "_load_ubyte"}, \
  {p "_load_i8",         f, 0x09, 0x11, "i8 = " address,   "", p "_load_sbyte"}, \
  {p "_load_u16",        f, 0x0a, 0x12, "u16 = " address,  "", p "_load_ushort"}, \
  {p "_load_i16",        f, 0x0b, 0x13, "i16 = " address,  "", p "_load_sshort"}, \
  {p "_load_b32",        f, 0x0c, 0x14, "b32 = " address,  "", p "_load_dword"}, \
  {p "_load_b64",        f, 0x0d, 0x15, "b64 = " address,  "", p "_load_dwordx2"}, \
  {p "_load_b96",        f, 0x0f, 0x16, "b96 = " address,  "", p "_load_dwordx3"}, \
  {p "_load_b128",       f, 0x0e, 0x17, "b128 = " address, "", p "_load_dwordx4"}, \
  {p "_load_d16_u8",     f, 0x20, 0x1e, "+u8 = " address,  "", p "_load_ubyte_d16"}, \
  {p "_load_d16_i8",     f, 0x22, 0x1f, "+i8 = " address,  "", p "_load_sbyte_d16"}, \
  {p "_load_d16_b16",    f, 0x24, 0x20, "+b16 = " address, "", p "_load_short_d16"}, \
  {p "_load_d16_hi_u8",  f, 0x21, 0x21, "+u8 = " address,  "", p "_load_ubyte_d16_hi"}, \
  {p "_load_d16_hi_i8",  f, 0x23, 0x22, "+i8 = " address,  "", p "_load_sbyte_d16_hi"}, \
  {p "_load_d16_hi_b16", f, 0x25, 0x23, "+b16 = " address, "", p "_load_short_d16_hi"}
#define STORES(p, f, before, after) \
  {p "_store_b8",         f, 0x18, 0x18, "= " before "b8" after,   "", p "_store_byte"}, \
  {p "_store_b16",        f, 0x1a, 0x19, "= " before "b16" after,  "", p "_store_short"}, \
  {p "_store_b32",        f, 0x1c, 0x1a, "= " before "b32" after,  "", p "_store_dword"}, \
  {p "_store_b64",        f, 0x1d, 0x1b, "= " before "b64" after,  "", p "_store_dwordx2"}, \
  {p "_store_b96",        f, 0x1f, 0x1c, "= " before "b96" after,  "", p "_store_dwordx3"}, \
  {p "_store_b128",       f, 0x1e, 0x1d, "= " before "b128" after, "", p "_store_dwordx4"}, \
  {p "_store_d16_hi_b8",  f, 0x19, 0x24, "= " before "b8" after,   "", p "_store_byte_d16_hi"}, \
  {p "_store_d16_hi_b16", f, 0x1b, 0x25, "= " before "b16" after,  "", p "_store_short_d16_hi"}
// Atomics return the old value if glc is set: `x` spells the operands of one type and, for comparing swaps, of the
// pair of it that is read: the new value, then the expected one.
#define ATOMICS(p, f, x) \
  {p "_atomic_swap_b32",    f, 0x30, 0x33, x("b32", "b32"),    "", p "_atomic_swap"}, \
  {p "_atomic_cmpswap_b32", f, 0x31, 0x34, x("b32", "b32x2"),  "", p "_atomic_cmpswap"}, \
  {p "_atomic_add_u32",     f, 0x32, 0x35, x("u32", "u32"),    "", p "_atomic_add"}, \
  {p "_atomic_sub_u32",     f, 0x33, 0x36, x("u32", "u32"),    "", p "_atomic_sub"}, \
  {p "_atomic_min_i32",     f, 0x35, 0x38, x("i32", "i32"),    "", p "_atomic_smin"}, \
  {p "_atomic_min_u32",     f, 0x36, 0x39, x("u32", "u32"),    "", p "_atomic_umin"}, \
  {p "_atomic_max_i32",     f, 0x37, 0x3a, x("i32", "i32"),    "", p "_atomic_smax"}, \
  {p "_atomic_max_u32",     f, 0x38, 0x3b, x("u32", "u32"),    "", p "_atomic_umax"}, \
  {p "_atomic_and_b32",     f, 0x39, 0x3c, x("b32", "b32"),    "", p "_atomic_and"}, \
  {p "_atomic_or_b32",      f, 0x3a, 0x3d, x("b32", "b32"),    "", p "_atomic_or"}, \
  {p "_atomic_xor_b32",     f, 0x3b, 0x3e, x("b32", "b32"),    "", p "_atomic_xor"}, \
  {p "_atomic_inc_u32",     f, 0x3c, 0x3f, x("u32", "u32"),    "", p "_atomic_inc"}, \
  {p "_atomic_dec_u32",     f, 0x3d, 0x40, x("u32", "u32"),    "", p "_atomic_dec"}, \
  {p "_atomic_cmpswap_f32", f, 0x3e, 0x50, x("f32", "f32x2"),  "", p "_atomic_fcmpswap"}, \
  {p "_atomic_min_f32",     f, 0x3f, 0x51, x("f32", "f32"),    "", p "_atomic_fmin"}, \
  {p "_atomic_max_f32",     f, 0x40, 0x52, x("f32", "f32"),    "", p "_atomic_fmax"}, \
  {p "_atomic_add_f32",     f, no,   0x56, x("f32", "f32")}, \
  {p "_atomic_swap_b64",    f, 0x50, 0x41, x("b64", "b64"),    "", p "_atomic_swap_x2"}, \
  {p "_atomic_cmpswap_b64", f, 0x51, 0x42, x("b64", "b64x2"),  "", p "_atomic_cmpswap_x2"}, \
  {p "_atomic_add_u64",     f, 0x52, 0x43, x("u64", "u64"),    "", p "_atomic_add_x2"}, \
  {p "_atomic_sub_u64",     f, 0x53, 0x44, x("u64", "u64"),    "", p "_atomic_sub_x2"}, \
  {p "_atomic_min_i64",     f, 0x55, 0x45, x("i64", "i64"),    "", p "_atomic_smin_x2"}, \
  {p "_atomic_min_u64",     f, 0x56, 0x46, x("u64", "u64"),    "", p "_atomic_umin_x2"}, \
  {p "_atomic_max_i64",     f, 0x57, 0x47, x("i64", "i64"),    "", p "_atomic_smax_x2"}, \
  {p "_atomic_max_u64",     f, 0x58, 0x48, x("u64", "u64"),    "", p "_atomic_umax_x2"}, \
  {p "_atomic_and_b64",     f, 0x59, 0x49, x("b64", "b64"),    "", p "_atomic_and_x2"}, \
  {p "_atomic_or_b64",      f, 0x5a, 0x4a, x("b64", "b64"),    "", p "_atomic_or_x2"}, \
  {p "_atomic_xor_b64",     f, 0x5b, 0x4b, x("b64", "b64"),    "", p "_atomic_xor_x2"}, \
  {p "_atomic_inc_u64",     f, 0x5c, 0x4c, x("u64", "u64"),    "", p "_atomic_inc_x2"}, \
  {p "_atomic_dec_u64",     f, 0x5d, 0x4d, x("u64", "u64"),    "", p "_atomic_dec_x2"}, \
  {p "_atomic_cmpswap_f64", f, 0x5e, no,   x("f64", "f64x2"),  "", p "_atomic_fcmpswap_x2"}, \
  {p "_atomic_min_f64",     f, 0x5f, no,   x("f64", "f64"),    "", p "_atomic_fmin_x2"}, \
  {p "_atomic_max_f64",     f, 0x60, no,   x("f64", "f64"),    "", p "_atomic_fmax_x2"}
#define FLAT_ATOMIC(type, data) "?" type " = a64 " data
#define GLOBAL_ATOMIC(type, data) "?" type " = a64 " data " ?saddr"
#define BUFFER_ATOMIC(type, data) "+" data " = ?a32 rsrc soff"

// LDS atomics, without and with a result.
#define DS_ATOMIC(name, type, op, rtn) \
  {"ds_" name "_" type,     ds, op,  op,  "= a32 " type, ds_state}, \
  {"ds_" name "_rtn_" type, ds, rtn, rtn, type " = a32 " type, ds_state}
#define DS_INTEGER_ATOMICS(u, i, b, op, rtn) \
  DS_ATOMIC("add", u, op + 0, rtn + 0), DS_ATOMIC("sub", u, op + 1, rtn + 1), DS_ATOMIC("rsub", u, op + 2, rtn + 2), \
  DS_ATOMIC("inc", u, op + 3, rtn + 3), DS_ATOMIC("dec", u, op + 4, rtn + 4), \
  DS_ATOMIC("min", i, op + 5, rtn + 5), DS_ATOMIC("max", i, op + 6, rtn + 6), \
  DS_ATOMIC("min", u, op + 7, rtn + 7), DS_ATOMIC("max", u, op + 8, rtn + 8), \
  DS_ATOMIC("and", b, op + 9, rtn + 9), DS_ATOMIC("or", b, op + 10, rtn + 10), DS_ATOMIC("xor", b, op + 11, rtn + 11), \
  {"ds_mskor_" b,     ds, op + 12,  op + 12,  "= a32 " b " " b, ds_state}, \
  {"ds_mskor_rtn_" b, ds, rtn + 12, rtn + 12, b " = a32 " b " " b, ds_state}, \
  {"ds_store_" b,                       ds, op + 13,  op + 13,  "= a32 " b, ds_state, "ds_write_" b}, \
  {"ds_store_2addr_" b,                 ds, op + 14,  op + 14,  "= a32 " b " " b, "two " ds_state, "ds_write2_" b}, \
  {"ds_store_2addr_stride64_" b,        ds, op + 15,  op + 15,  "= a32 " b " " b, "two " ds_state, "ds_write2st64_" b}, \
  {"ds_storexchg_rtn_" b,               ds, rtn + 13, rtn + 13, b " = a32 " b, ds_state, "ds_wrxchg_rtn_" b}, \
  {"ds_storexchg_2addr_rtn_" b,         ds, rtn + 14, rtn + 14, b "x2 = a32 " b " " b, "two " ds_state, "ds_wrxchg2_rtn_" b}, \
  {"ds_storexchg_2addr_stride64_rtn_" b, ds, rtn + 15, rtn + 15, b "x2 = a32 " b " " b, "two " ds_state, "ds_wrxchg2st64_rtn_" b}
// gfx10's compare-and-store has the expected value first, gfx11's has the new one first: two instructions.
#define DS_COMPARE(type, op, rtn) \
  {"ds_cmpst_" type,        ds, op,  no,  "= a32 " type " " type, ds_state}, \
  {"ds_cmpst_rtn_" type,    ds, rtn, no,  type " = a32 " type " " type, ds_state}, \
  {"ds_cmpstore_" type,     ds, no,  op,  "= a32 " type " " type, ds_state}, \
  {"ds_cmpstore_rtn_" type, ds, no,  rtn, type " = a32 " type " " type, ds_state}
// LDS needs no M0 since gfx9; GDS does.
#define ds_state ""

inline constexpr Line instructions[] = {
  // SOP2: two scalar sources. RDNA3 ISA 16.1, encoding 15.1.1.
  {"s_add_u32",                sop2, 0x00, 0x00, "u32 = u32 u32", ">scc"},
  {"s_sub_u32",                sop2, 0x01, 0x01, "u32 = u32 u32", ">scc"},
  {"s_add_i32",                sop2, 0x02, 0x02, "i32 = i32 i32", ">scc"},
  {"s_sub_i32",                sop2, 0x03, 0x03, "i32 = i32 i32", ">scc"},
  {"s_addc_u32",               sop2, 0x04, 0x04, "u32 = u32 u32", "<scc >scc"},
  {"s_subb_u32",               sop2, 0x05, 0x05, "u32 = u32 u32", "<scc >scc"},
  {"s_absdiff_i32",            sop2, 0x2c, 0x06, "i32 = i32 i32", ">scc"},
  {"s_lshl_b32",               sop2, 0x1e, 0x08, "b32 = b32 u32", ">scc"},
  {"s_lshl_b64",               sop2, 0x1f, 0x09, "b64 = b64 u32", ">scc"},
  {"s_lshr_b32",               sop2, 0x20, 0x0a, "b32 = b32 u32", ">scc"},
  {"s_lshr_b64",               sop2, 0x21, 0x0b, "b64 = b64 u32", ">scc"},
  {"s_ashr_i32",               sop2, 0x22, 0x0c, "i32 = i32 u32", ">scc"},
  {"s_ashr_i64",               sop2, 0x23, 0x0d, "i64 = i64 u32", ">scc"},
  {"s_lshl1_add_u32",          sop2, 0x2e, 0x0e, "u32 = u32 u32", ">scc"},
  {"s_lshl2_add_u32",          sop2, 0x2f, 0x0f, "u32 = u32 u32", ">scc"},
  {"s_lshl3_add_u32",          sop2, 0x30, 0x10, "u32 = u32 u32", ">scc"},
  {"s_lshl4_add_u32",          sop2, 0x31, 0x11, "u32 = u32 u32", ">scc"},
  {"s_min_i32",                sop2, 0x06, 0x12, "i32 = i32 i32", ">scc"},
  {"s_min_u32",                sop2, 0x07, 0x13, "u32 = u32 u32", ">scc"},
  {"s_max_i32",                sop2, 0x08, 0x14, "i32 = i32 i32", ">scc"},
  {"s_max_u32",                sop2, 0x09, 0x15, "u32 = u32 u32", ">scc"},
  {"s_and_b32",                sop2, 0x0e, 0x16, "b32 = b32 b32", ">scc"},
  {"s_and_b64",                sop2, 0x0f, 0x17, "b64 = b64 b64", ">scc"},
  {"s_or_b32",                 sop2, 0x10, 0x18, "b32 = b32 b32", ">scc"},
  {"s_or_b64",                 sop2, 0x11, 0x19, "b64 = b64 b64", ">scc"},
  {"s_xor_b32",                sop2, 0x12, 0x1a, "b32 = b32 b32", ">scc"},
  {"s_xor_b64",                sop2, 0x13, 0x1b, "b64 = b64 b64", ">scc"},
  {"s_nand_b32",               sop2, 0x18, 0x1c, "b32 = b32 b32", ">scc"},
  {"s_nand_b64",               sop2, 0x19, 0x1d, "b64 = b64 b64", ">scc"},
  {"s_nor_b32",                sop2, 0x1a, 0x1e, "b32 = b32 b32", ">scc"},
  {"s_nor_b64",                sop2, 0x1b, 0x1f, "b64 = b64 b64", ">scc"},
  {"s_xnor_b32",               sop2, 0x1c, 0x20, "b32 = b32 b32", ">scc"},
  {"s_xnor_b64",               sop2, 0x1d, 0x21, "b64 = b64 b64", ">scc"},
  {"s_and_not1_b32",           sop2, 0x14, 0x22, "b32 = b32 b32", ">scc", "s_andn2_b32"},
  {"s_and_not1_b64",           sop2, 0x15, 0x23, "b64 = b64 b64", ">scc", "s_andn2_b64"},
  {"s_or_not1_b32",            sop2, 0x16, 0x24, "b32 = b32 b32", ">scc", "s_orn2_b32"},
  {"s_or_not1_b64",            sop2, 0x17, 0x25, "b64 = b64 b64", ">scc", "s_orn2_b64"},
  {"s_bfe_u32",                sop2, 0x27, 0x26, "u32 = u32 u32", ">scc"},
  {"s_bfe_i32",                sop2, 0x28, 0x27, "i32 = i32 u32", ">scc"},
  {"s_bfe_u64",                sop2, 0x29, 0x28, "u64 = u64 u32", ">scc"},
  {"s_bfe_i64",                sop2, 0x2a, 0x29, "i64 = i64 u32", ">scc"},
  {"s_bfm_b32",                sop2, 0x24, 0x2a, "b32 = u32 u32"},
  {"s_bfm_b64",                sop2, 0x25, 0x2b, "b64 = u32 u32"},
  {"s_mul_i32",                sop2, 0x26, 0x2c, "i32 = i32 i32"},
  {"s_mul_hi_u32",             sop2, 0x35, 0x2d, "u32 = u32 u32"},
  {"s_mul_hi_i32",             sop2, 0x36, 0x2e, "i32 = i32 i32"},
  {"s_cselect_b32",            sop2, 0x0a, 0x30, "b32 = b32 b32", "<scc"},
  {"s_cselect_b64",            sop2, 0x0b, 0x31, "b64 = b64 b64", "<scc"},
  {"s_pack_ll_b32_b16",        sop2, 0x32, 0x32, "b32 = b16 b16"},
  {"s_pack_lh_b32_b16",        sop2, 0x33, 0x33, "b32 = b16 b32"},
  {"s_pack_hh_b32_b16",        sop2, 0x34, 0x34, "b32 = b32 b32"},
  {"s_pack_hl_b32_b16",        sop2, no, 0x35, "b32 = b32 b16"},
  {"s_add_f32",                sop2, no, 0x40, "f32 = f32 f32", "gfx1151"},
  {"s_sub_f32",                sop2, no, 0x41, "f32 = f32 f32", "gfx1151"},
  {"s_min_f32",                sop2, no, 0x42, "f32 = f32 f32", "gfx1151"},
  {"s_max_f32",                sop2, no, 0x43, "f32 = f32 f32", "gfx1151"},
  {"s_mul_f32",                sop2, no, 0x44, "f32 = f32 f32", "gfx1151"},
  {"s_fmaak_f32",              sop2, no, 0x45, "f32 = f32 f32 lit", "gfx1151"},
  {"s_fmamk_f32",              sop2, no, 0x46, "f32 = f32 lit f32", "gfx1151"},
  {"s_fmac_f32",               sop2, no, 0x47, "+f32 = f32 f32", "gfx1151"},
  {"s_cvt_pk_rtz_f16_f32",     sop2, no, 0x48, "f16x2 = f32 f32", "gfx1151"},
  {"s_add_f16",                sop2, no, 0x49, "f16 = f16 f16", "gfx1151"},
  {"s_sub_f16",                sop2, no, 0x4a, "f16 = f16 f16", "gfx1151"},
  {"s_min_f16",                sop2, no, 0x4b, "f16 = f16 f16", "gfx1151"},
  {"s_max_f16",                sop2, no, 0x4c, "f16 = f16 f16", "gfx1151"},
  {"s_mul_f16",                sop2, no, 0x4d, "f16 = f16 f16", "gfx1151"},
  {"s_fmac_f16",               sop2, no, 0x4e, "+f16 = f16 f16", "gfx1151"},
  // SOP1. RDNA3 ISA 16.3, encoding 15.1.3; floats RDNA3.5 ISA 16.3.
  {"s_mov_b32",                sop1, 0x03, 0x00, "b32 = b32"},
  {"s_mov_b64",                sop1, 0x04, 0x01, "b64 = b64"},
  {"s_cmov_b32",               sop1, 0x05, 0x02, "+b32 = b32", "<scc"},
  {"s_cmov_b64",               sop1, 0x06, 0x03, "+b64 = b64", "<scc"},
  {"s_brev_b32",               sop1, 0x0b, 0x04, "b32 = b32"},
  {"s_brev_b64",               sop1, 0x0c, 0x05, "b64 = b64"},
  {"s_ctz_i32_b32",            sop1, 0x13, 0x08, "i32 = b32", "", "s_ff1_i32_b32"},
  {"s_ctz_i32_b64",            sop1, 0x14, 0x09, "i32 = b64", "", "s_ff1_i32_b64"},
  {"s_clz_i32_u32",            sop1, 0x15, 0x0a, "i32 = u32", "", "s_flbit_i32_b32"},
  {"s_clz_i32_u64",            sop1, 0x16, 0x0b, "i32 = u64", "", "s_flbit_i32_b64"},
  {"s_cls_i32",                sop1, 0x17, 0x0c, "i32 = i32", "", "s_flbit_i32"},
  {"s_cls_i32_i64",            sop1, 0x18, 0x0d, "i32 = i64", "", "s_flbit_i32_i64"},
  {"s_sext_i32_i8",            sop1, 0x19, 0x0e, "i32 = i8"},
  {"s_sext_i32_i16",           sop1, 0x1a, 0x0f, "i32 = i16"},
  {"s_bitset0_b32",            sop1, 0x1b, 0x10, "+b32 = u32"},
  {"s_bitset0_b64",            sop1, 0x1c, 0x11, "+b64 = u32"},
  {"s_bitset1_b32",            sop1, 0x1d, 0x12, "+b32 = u32"},
  {"s_bitset1_b64",            sop1, 0x1e, 0x13, "+b64 = u32"},
  {"s_bitreplicate_b64_b32",   sop1, 0x3b, 0x14, "b64 = b32"},
  {"s_abs_i32",                sop1, 0x34, 0x15, "i32 = i32", ">scc"},
  {"s_bcnt0_i32_b32",          sop1, 0x0d, 0x16, "i32 = b32", ">scc"},
  {"s_bcnt0_i32_b64",          sop1, 0x0e, 0x17, "i32 = b64", ">scc"},
  {"s_bcnt1_i32_b32",          sop1, 0x0f, 0x18, "i32 = b32", ">scc"},
  {"s_bcnt1_i32_b64",          sop1, 0x10, 0x19, "i32 = b64", ">scc"},
  {"s_quadmask_b32",           sop1, 0x2c, 0x1a, "b32 = b32", ">scc"},
  {"s_quadmask_b64",           sop1, 0x2d, 0x1b, "b64 = b64", ">scc"},
  {"s_wqm_b32",                sop1, 0x09, 0x1c, "b32 = b32", ">scc"},
  {"s_wqm_b64",                sop1, 0x0a, 0x1d, "b64 = b64", ">scc"},
  {"s_not_b32",                sop1, 0x07, 0x1e, "b32 = b32", ">scc"},
  {"s_not_b64",                sop1, 0x08, 0x1f, "b64 = b64", ">scc"},
  {"s_and_saveexec_b32",       sop1, 0x3c, 0x20, "b32 = b32", ">scc <exec >exec"},
  {"s_and_saveexec_b64",       sop1, 0x24, 0x21, "b64 = b64", ">scc <exec >exec"},
  {"s_or_saveexec_b32",        sop1, 0x3d, 0x22, "b32 = b32", ">scc <exec >exec"},
  {"s_or_saveexec_b64",        sop1, 0x25, 0x23, "b64 = b64", ">scc <exec >exec"},
  {"s_xor_saveexec_b32",       sop1, 0x3e, 0x24, "b32 = b32", ">scc <exec >exec"},
  {"s_xor_saveexec_b64",       sop1, 0x26, 0x25, "b64 = b64", ">scc <exec >exec"},
  {"s_nand_saveexec_b32",      sop1, 0x41, 0x26, "b32 = b32", ">scc <exec >exec"},
  {"s_nand_saveexec_b64",      sop1, 0x29, 0x27, "b64 = b64", ">scc <exec >exec"},
  {"s_nor_saveexec_b32",       sop1, 0x42, 0x28, "b32 = b32", ">scc <exec >exec"},
  {"s_nor_saveexec_b64",       sop1, 0x2a, 0x29, "b64 = b64", ">scc <exec >exec"},
  {"s_xnor_saveexec_b32",      sop1, 0x43, 0x2a, "b32 = b32", ">scc <exec >exec"},
  {"s_xnor_saveexec_b64",      sop1, 0x2b, 0x2b, "b64 = b64", ">scc <exec >exec"},
  {"s_and_not0_saveexec_b32",  sop1, 0x44, 0x2c, "b32 = b32", ">scc <exec >exec", "s_andn1_saveexec_b32"},
  {"s_and_not0_saveexec_b64",  sop1, 0x37, 0x2d, "b64 = b64", ">scc <exec >exec", "s_andn1_saveexec_b64"},
  {"s_or_not0_saveexec_b32",   sop1, 0x45, 0x2e, "b32 = b32", ">scc <exec >exec", "s_orn1_saveexec_b32"},
  {"s_or_not0_saveexec_b64",   sop1, 0x38, 0x2f, "b64 = b64", ">scc <exec >exec", "s_orn1_saveexec_b64"},
  {"s_and_not1_saveexec_b32",  sop1, 0x3f, 0x30, "b32 = b32", ">scc <exec >exec", "s_andn2_saveexec_b32"},
  {"s_and_not1_saveexec_b64",  sop1, 0x27, 0x31, "b64 = b64", ">scc <exec >exec", "s_andn2_saveexec_b64"},
  {"s_or_not1_saveexec_b32",   sop1, 0x40, 0x32, "b32 = b32", ">scc <exec >exec", "s_orn2_saveexec_b32"},
  {"s_or_not1_saveexec_b64",   sop1, 0x28, 0x33, "b64 = b64", ">scc <exec >exec", "s_orn2_saveexec_b64"},
  {"s_and_not0_wrexec_b32",    sop1, 0x46, 0x34, "b32 = b32", ">scc <exec >exec", "s_andn1_wrexec_b32"},
  {"s_and_not0_wrexec_b64",    sop1, 0x39, 0x35, "b64 = b64", ">scc <exec >exec", "s_andn1_wrexec_b64"},
  {"s_and_not1_wrexec_b32",    sop1, 0x47, 0x36, "b32 = b32", ">scc <exec >exec", "s_andn2_wrexec_b32"},
  {"s_and_not1_wrexec_b64",    sop1, 0x3a, 0x37, "b64 = b64", ">scc <exec >exec", "s_andn2_wrexec_b64"},
  {"s_movrels_b32",            sop1, 0x2e, 0x40, "b32 = s:b32", "<m0"},
  {"s_movrels_b64",            sop1, 0x2f, 0x41, "b64 = s:b64", "<m0"},
  {"s_movreld_b32",            sop1, 0x30, 0x42, "b32 = b32", "<m0"},
  {"s_movreld_b64",            sop1, 0x31, 0x43, "b64 = b64", "<m0"},
  {"s_movrelsd_2_b32",         sop1, 0x49, 0x44, "b32 = b32", "<m0"},
  {"s_getpc_b64",              sop1, 0x1f, 0x47, "b64 ="},
  {"s_setpc_b64",              sop1, 0x20, 0x48, "= s:b64", "branch"},
  {"s_swappc_b64",             sop1, 0x21, 0x49, "b64 = b64", "branch"},
  {"s_rfe_b64",                sop1, 0x22, 0x4a, "= s:b64", "branch"},
  {"s_sendmsg_rtn_b32",        sop1, no, 0x4c, "b32 = msg", "message"},
  {"s_sendmsg_rtn_b64",        sop1, no, 0x4d, "b64 = msg", "message"},
  {"s_ceil_f32",               sop1, no, 0x60, "f32 = f32", "gfx1151"},
  {"s_floor_f32",              sop1, no, 0x61, "f32 = f32", "gfx1151"},
  {"s_trunc_f32",              sop1, no, 0x62, "f32 = f32", "gfx1151"},
  {"s_rndne_f32",              sop1, no, 0x63, "f32 = f32", "gfx1151"},
  {"s_cvt_f32_i32",            sop1, no, 0x64, "f32 = i32", "gfx1151"},
  {"s_cvt_f32_u32",            sop1, no, 0x65, "f32 = u32", "gfx1151"},
  {"s_cvt_i32_f32",            sop1, no, 0x66, "i32 = f32", "gfx1151"},
  {"s_cvt_u32_f32",            sop1, no, 0x67, "u32 = f32", "gfx1151"},
  {"s_cvt_f16_f32",            sop1, no, 0x68, "f16 = f32", "gfx1151"},
  {"s_cvt_f32_f16",            sop1, no, 0x69, "f32 = f16", "gfx1151"},
  {"s_cvt_hi_f32_f16",         sop1, no, 0x6a, "f32 = f16x2", "gfx1151"},
  {"s_ceil_f16",               sop1, no, 0x6b, "f16 = f16", "gfx1151"},
  {"s_floor_f16",              sop1, no, 0x6c, "f16 = f16", "gfx1151"},
  {"s_trunc_f16",              sop1, no, 0x6d, "f16 = f16", "gfx1151"},
  {"s_rndne_f16",              sop1, no, 0x6e, "f16 = f16", "gfx1151"},
  {"s_ff0_i32_b32",            sop1, 0x11, no, "i32 = b32"},
  {"s_ff0_i32_b64",            sop1, 0x12, no, "i32 = b64"},
  // SOPC. RDNA3 ISA 16.4, encoding 15.1.4; floats RDNA3.5 ISA 16.4.
  {"s_cmp_eq_i32",             sopc, 0x00, 0x00, "= i32 i32", ">scc"},
  {"s_cmp_lg_i32",             sopc, 0x01, 0x01, "= i32 i32", ">scc"},
  {"s_cmp_gt_i32",             sopc, 0x02, 0x02, "= i32 i32", ">scc"},
  {"s_cmp_ge_i32",             sopc, 0x03, 0x03, "= i32 i32", ">scc"},
  {"s_cmp_lt_i32",             sopc, 0x04, 0x04, "= i32 i32", ">scc"},
  {"s_cmp_le_i32",             sopc, 0x05, 0x05, "= i32 i32", ">scc"},
  {"s_cmp_eq_u32",             sopc, 0x06, 0x06, "= u32 u32", ">scc"},
  {"s_cmp_lg_u32",             sopc, 0x07, 0x07, "= u32 u32", ">scc"},
  {"s_cmp_gt_u32",             sopc, 0x08, 0x08, "= u32 u32", ">scc"},
  {"s_cmp_ge_u32",             sopc, 0x09, 0x09, "= u32 u32", ">scc"},
  {"s_cmp_lt_u32",             sopc, 0x0a, 0x0a, "= u32 u32", ">scc"},
  {"s_cmp_le_u32",             sopc, 0x0b, 0x0b, "= u32 u32", ">scc"},
  {"s_bitcmp0_b32",            sopc, 0x0c, 0x0c, "= b32 u32", ">scc"},
  {"s_bitcmp1_b32",            sopc, 0x0d, 0x0d, "= b32 u32", ">scc"},
  {"s_bitcmp0_b64",            sopc, 0x0e, 0x0e, "= b64 u32", ">scc"},
  {"s_bitcmp1_b64",            sopc, 0x0f, 0x0f, "= b64 u32", ">scc"},
  {"s_cmp_eq_u64",             sopc, 0x12, 0x10, "= u64 u64", ">scc"},
  {"s_cmp_lg_u64",             sopc, 0x13, 0x11, "= u64 u64", ">scc"},
  COMPARE_SF("f32", 0x40),
  COMPARE_SF("f16", 0x50),
  // SOPK: a 16-bit constant. RDNA3 ISA 16.2, encoding 15.1.2.
  {"s_movk_i32",               sopk, 0x00, 0x00, "i32 = k16"},
  {"s_version",                sopk, 0x01, 0x01, "= version"},
  {"s_cmovk_i32",              sopk, 0x02, 0x02, "+i32 = k16", "<scc"},
  COMPARE_K("eq_i32", 0x03, "i32"), COMPARE_K("lg_i32", 0x04, "i32"), COMPARE_K("gt_i32", 0x05, "i32"),
  COMPARE_K("ge_i32", 0x06, "i32"), COMPARE_K("lt_i32", 0x07, "i32"), COMPARE_K("le_i32", 0x08, "i32"),
  COMPARE_K("eq_u32", 0x09, "u32"), COMPARE_K("lg_u32", 0x0a, "u32"), COMPARE_K("gt_u32", 0x0b, "u32"),
  COMPARE_K("ge_u32", 0x0c, "u32"), COMPARE_K("lt_u32", 0x0d, "u32"), COMPARE_K("le_u32", 0x0e, "u32"),
  {"s_addk_i32",               sopk, 0x0f, 0x0f, "+i32 = k16", ">scc"},
  {"s_mulk_i32",               sopk, 0x10, 0x10, "+i32 = k16"},
  {"s_getreg_b32",             sopk, 0x12, 0x11, "b32 = hwreg", "<mode"},
  {"s_setreg_b32",             sopk, 0x13, 0x12, "= hwreg s:b32", ">mode"},
  {"s_setreg_imm32_b32",       sopk, 0x15, 0x13, "= hwreg lit", ">mode"},
  {"s_call_b64",               sopk, 0x16, 0x14, "b64 = rel", "branch"},
  {"s_subvector_loop_begin",   sopk, 0x1b, 0x16, "+b32 = rel", "branch <exec >exec"},
  {"s_subvector_loop_end",     sopk, 0x1c, 0x17, "+b32 = rel", "branch <exec >exec"},
  {"s_waitcnt_vscnt",          sopk, 0x17, 0x18, "= s:b32 k16", "wait"},
  {"s_waitcnt_vmcnt",          sopk, 0x18, 0x19, "= s:b32 k16", "wait"},
  {"s_waitcnt_expcnt",         sopk, 0x19, 0x1a, "= s:b32 k16", "wait"},
  {"s_waitcnt_lgkmcnt",        sopk, 0x1a, 0x1b, "= s:b32 k16", "wait"},
  // SOPP. RDNA3 ISA 16.5, encoding 15.1.5.
  {"s_nop",                    sopp, 0x00, 0x00, "= n16"},
  {"s_setkill",                sopp, 0x0b, 0x01, "= n16"},
  {"s_sethalt",                sopp, 0x0d, 0x02, "= n16"},
  {"s_sleep",                  sopp, 0x0e, 0x03, "= n16"},
  {"s_set_inst_prefetch_distance", sopp, 0x20, 0x04, "= k16", "", "s_inst_prefetch"},
  {"s_clause",                 sopp, 0x21, 0x05, "= k16"},
  {"s_delay_alu",              sopp, no,   0x07, "= delay", "wait"},
  {"s_waitcnt_depctr",         sopp, 0x23, 0x08, "= depctr", "wait"},
  {"s_waitcnt",                sopp, 0x0c, 0x09, "= waitcnt", "wait"},
  {"s_wait_idle",              sopp, 0x22, 0x0a, "", "wait"},
  {"s_wait_event",             sopp, no,   0x0b, "= k16", "wait"},
  {"s_trap",                   sopp, 0x12, 0x10, "= n16", "branch"},
  {"s_round_mode",             sopp, 0x24, 0x11, "= k16", ">mode"},
  {"s_denorm_mode",            sopp, 0x25, 0x12, "= n16", ">mode"},
  {"s_singleuse_vdst",         sopp, no,   0x13, "= k16", "gfx1151"},
  BRANCH("branch",                   0x02, 0x20, ""),
  BRANCH("cbranch_scc0",             0x04, 0x21, "<scc"),
  BRANCH("cbranch_scc1",             0x05, 0x22, "<scc"),
  BRANCH("cbranch_vccz",             0x06, 0x23, "<vcc"),
  BRANCH("cbranch_vccnz",            0x07, 0x24, "<vcc"),
  BRANCH("cbranch_execz",            0x08, 0x25, "<exec"),
  BRANCH("cbranch_execnz",           0x09, 0x26, "<exec"),
  BRANCH("cbranch_cdbgsys",          0x17, 0x27, ""),
  BRANCH("cbranch_cdbguser",         0x18, 0x28, ""),
  BRANCH("cbranch_cdbgsys_or_user",  0x19, 0x29, ""),
  BRANCH("cbranch_cdbgsys_and_user", 0x1a, 0x2a, ""),
  {"s_endpgm",                 sopp, 0x01, 0x30, "= end", "branch"},
  {"s_endpgm_saved",           sopp, 0x1b, 0x31, "", "branch"},
  {"s_endpgm_ordered_ps_done", sopp, 0x1e, no,   "", "branch"},
  {"s_code_end",               sopp, 0x1f, 0x1f, "", "branch"},
  {"s_wakeup",                 sopp, 0x03, 0x34, "", "message"},
  {"s_setprio",                sopp, 0x0f, 0x35, "= n16"},
  {"s_sendmsg",                sopp, 0x10, 0x36, "= msg", "message <m0"},
  {"s_sendmsghalt",            sopp, 0x11, 0x37, "= msg", "message <m0"},
  {"s_incperflevel",           sopp, 0x14, 0x38, "= n16"},
  {"s_decperflevel",           sopp, 0x15, 0x39, "= n16"},
  {"s_ttracedata",             sopp, 0x16, 0x3a, "", "message <m0"},
  {"s_ttracedata_imm",         sopp, 0x28, 0x3b, "= k16", "message <m0"},
  {"s_icache_inv",             sopp, 0x13, 0x3c, "", "message"},
  {"s_barrier",                sopp, 0x0a, 0x3d, "", "message"},
  // SMEM. RDNA3 ISA 16.6, encoding 15.2.1.
  {"s_load_b32",               smem, 0x00, 0x00, "b32 = sbase2 ?soffset",  "", "s_load_dword"},
  {"s_load_b64",               smem, 0x01, 0x01, "b64 = sbase2 ?soffset",  "", "s_load_dwordx2"},
  {"s_load_b128",              smem, 0x02, 0x02, "b128 = sbase2 ?soffset", "", "s_load_dwordx4"},
  {"s_load_b256",              smem, 0x03, 0x03, "b256 = sbase2 ?soffset", "", "s_load_dwordx8"},
  {"s_load_b512",              smem, 0x04, 0x04, "b512 = sbase2 ?soffset", "", "s_load_dwordx16"},
  {"s_buffer_load_b32",        smem, 0x08, 0x08, "b32 = sbase4 ?soffset",  "", "s_buffer_load_dword"},
  {"s_buffer_load_b64",        smem, 0x09, 0x09, "b64 = sbase4 ?soffset",  "", "s_buffer_load_dwordx2"},
  {"s_buffer_load_b128",       smem, 0x0a, 0x0a, "b128 = sbase4 ?soffset", "", "s_buffer_load_dwordx4"},
  {"s_buffer_load_b256",       smem, 0x0b, 0x0b, "b256 = sbase4 ?soffset", "", "s_buffer_load_dwordx8"},
  {"s_buffer_load_b512",       smem, 0x0c, 0x0c, "b512 = sbase4 ?soffset", "", "s_buffer_load_dwordx16"},
  {"s_gl1_inv",                smem, 0x1f, 0x20, ""},
  {"s_dcache_inv",             smem, 0x20, 0x21, ""},
  {"s_atc_probe",              smem, 0x26, 0x22, "= k7 sbase2 ?soffset"},
  {"s_atc_probe_buffer",       smem, 0x27, 0x23, "= k7 sbase4 ?soffset"},
  {"s_memtime",                smem, 0x24, no,   "b64 ="},
  {"s_memrealtime",            smem, 0x25, no,   "b64 ="},
  // VOP2. All zeros is an instruction of its own that traps. RDNA3 ISA 16.7, encodings 15.3.1, and 15.3.4 as VOP3;
  // DPP 15.3.8 and 15.3.9; SDWA RDNA 2 ISA, "SDWA".
  {"v_illegal",                vop2, 0x00, 0x00, "", "noe64 nodpp nosdwa"},
  {"v_cndmask_b32",            vop2, 0x01, 0x01, "b32 = b32 b32 m", "floatmod"},
  {"v_dot2acc_f32_f16",        vop2, 0x02, 0x02, "+f32 = f16x2 f16x2", "noe64 nosdwa", "v_dot2c_f32_f16"},
  {"v_add_f32",                vop2, 0x03, 0x03, "f32 = f32 f32"},
  {"v_sub_f32",                vop2, 0x04, 0x04, "f32 = f32 f32"},
  {"v_subrev_f32",             vop2, 0x05, 0x05, "f32 = f32 f32"},
  {"v_fmac_dx9_zero_f32",      vop2, 0x06, 0x06, "+f32 = f32 f32", "nodpp nosdwa", "v_fmac_legacy_f32"},
  {"v_mul_dx9_zero_f32",       vop2, 0x07, 0x07, "f32 = f32 f32", "", "v_mul_legacy_f32"},
  {"v_mul_f32",                vop2, 0x08, 0x08, "f32 = f32 f32"},
  {"v_mul_i32_i24",            vop2, 0x09, 0x09, "i32 = i32 i32", "clamp"},
  {"v_mul_hi_i32_i24",         vop2, 0x0a, 0x0a, "i32 = i32 i32"},
  {"v_mul_u32_u24",            vop2, 0x0b, 0x0b, "u32 = u32 u32", "clamp"},
  {"v_mul_hi_u32_u24",         vop2, 0x0c, 0x0c, "u32 = u32 u32"},
  {"v_min_f32",                vop2, 0x0f, 0x0f, "f32 = f32 f32"},
  {"v_max_f32",                vop2, 0x10, 0x10, "f32 = f32 f32"},
  {"v_min_i32",                vop2, 0x11, 0x11, "i32 = i32 i32"},
  {"v_max_i32",                vop2, 0x12, 0x12, "i32 = i32 i32"},
  {"v_min_u32",                vop2, 0x13, 0x13, "u32 = u32 u32"},
  {"v_max_u32",                vop2, 0x14, 0x14, "u32 = u32 u32"},
  {"v_lshlrev_b32",            vop2, 0x1a, 0x18, "b32 = u32 b32"},
  {"v_lshrrev_b32",            vop2, 0x16, 0x19, "b32 = u32 b32"},
  {"v_ashrrev_i32",            vop2, 0x18, 0x1a, "i32 = u32 i32"},
  {"v_and_b32",                vop2, 0x1b, 0x1b, "b32 = b32 b32"},
  {"v_or_b32",                 vop2, 0x1c, 0x1c, "b32 = b32 b32"},
  {"v_xor_b32",                vop2, 0x1d, 0x1d, "b32 = b32 b32"},
  {"v_xnor_b32",               vop2, 0x1e, 0x1e, "b32 = b32 b32"},
  {"v_add_co_ci_u32",          vop2, 0x28, 0x20, "u32 m = u32 u32 m", "clamp"},
  {"v_sub_co_ci_u32",          vop2, 0x29, 0x21, "u32 m = u32 u32 m", "clamp"},
  {"v_subrev_co_ci_u32",       vop2, 0x2a, 0x22, "u32 m = u32 u32 m", "clamp"},
  {"v_add_nc_u32",             vop2, 0x25, 0x25, "u32 = u32 u32", "clamp"},
  {"v_sub_nc_u32",             vop2, 0x26, 0x26, "u32 = u32 u32", "clamp"},
  {"v_subrev_nc_u32",          vop2, 0x27, 0x27, "u32 = u32 u32", "clamp"},
  {"v_fmac_f32",               vop2, 0x2b, 0x2b, "+f32 = f32 f32", "nosdwa"},
  {"v_fmamk_f32",              vop2, 0x2c, 0x2c, "f32 = f32 lit f32", "noe64 nodpp nosdwa"},
  {"v_fmaak_f32",              vop2, 0x2d, 0x2d, "f32 = f32 f32 lit", "noe64 nodpp nosdwa"},
  {"v_cvt_pk_rtz_f16_f32",     vop2, 0x2f, 0x2f, "f16x2 = f32 f32", "omod", "v_cvt_pkrtz_f16_f32"},
  {"v_add_f16",                vop2, 0x32, 0x32, "f16 = f16 f16"},
  {"v_sub_f16",                vop2, 0x33, 0x33, "f16 = f16 f16"},
  {"v_subrev_f16",             vop2, 0x34, 0x34, "f16 = f16 f16"},
  {"v_mul_f16",                vop2, 0x35, 0x35, "f16 = f16 f16"},
  {"v_fmac_f16",               vop2, 0x36, 0x36, "+f16 = f16 f16", "nosdwa opsel11"},
  {"v_fmamk_f16",              vop2, 0x37, 0x37, "f16 = f16 lit f16", "noe64 nodpp nosdwa"},
  {"v_fmaak_f16",              vop2, 0x38, 0x38, "f16 = f16 f16 lit", "noe64 nodpp nosdwa"},
  {"v_max_f16",                vop2, 0x39, 0x39, "f16 = f16 f16"},
  {"v_min_f16",                vop2, 0x3a, 0x3a, "f16 = f16 f16"},
  {"v_ldexp_f16",              vop2, 0x3b, 0x3b, "f16 = f16 i16", "fmod11"},
  {"v_pk_fmac_f16",            vop2, 0x3c, 0x3c, "+f16x2 = f16x2 f16x2", "noe64 nosdwa nodpp10"},
  {"v_dot4c_i32_i8",           vop2, 0x0d, no, "+i32 = i8x4 i8x4", "noe64 nosdwa"},
  // VOP1. RDNA3 ISA 16.8, encoding 15.3.2, and 15.3.4 as VOP3.
  {"v_nop",                    vop1, 0x00, 0x00, ""},
  {"v_pipeflush",              vop1, 0x1b, 0x1b, ""},
  {"v_clrexcp",                vop1, 0x41, no,   ""},
  {"v_mov_b32",                vop1, 0x01, 0x01, "b32 = b32"},
  {"v_readfirstlane_b32",      vop1, 0x02, 0x02, "s:b32 = v:b32", "noe64 nodpp nosdwa"},
  {"v_cvt_i32_f64",            vop1, 0x03, 0x03, "i32 = f64", "omod"},
  {"v_cvt_f64_i32",            vop1, 0x04, 0x04, "f64 = i32"},
  {"v_cvt_f32_i32",            vop1, 0x05, 0x05, "f32 = i32"},
  {"v_cvt_f32_u32",            vop1, 0x06, 0x06, "f32 = u32"},
  {"v_cvt_u32_f32",            vop1, 0x07, 0x07, "u32 = f32", "omod"},
  {"v_cvt_i32_f32",            vop1, 0x08, 0x08, "i32 = f32", "omod"},
  {"v_cvt_f16_f32",            vop1, 0x0a, 0x0a, "f16 = f32"},
  {"v_cvt_f32_f16",            vop1, 0x0b, 0x0b, "f32 = f16"},
  {"v_cvt_nearest_i32_f32",    vop1, 0x0c, 0x0c, "i32 = f32", "", "v_cvt_rpi_i32_f32"},
  {"v_cvt_floor_i32_f32",      vop1, 0x0d, 0x0d, "i32 = f32", "", "v_cvt_flr_i32_f32"},
  {"v_cvt_off_f32_i4",         vop1, 0x0e, 0x0e, "f32 = u32"},
  {"v_cvt_f32_f64",            vop1, 0x0f, 0x0f, "f32 = f64"},
  {"v_cvt_f64_f32",            vop1, 0x10, 0x10, "f64 = f32"},
  {"v_cvt_f32_ubyte0",         vop1, 0x11, 0x11, "f32 = u32"},
  {"v_cvt_f32_ubyte1",         vop1, 0x12, 0x12, "f32 = u32"},
  {"v_cvt_f32_ubyte2",         vop1, 0x13, 0x13, "f32 = u32"},
  {"v_cvt_f32_ubyte3",         vop1, 0x14, 0x14, "f32 = u32"},
  {"v_cvt_u32_f64",            vop1, 0x15, 0x15, "u32 = f64", "omod"},
  {"v_cvt_f64_u32",            vop1, 0x16, 0x16, "f64 = u32"},
  {"v_trunc_f64",              vop1, 0x17, 0x17, "f64 = f64"},
  {"v_ceil_f64",               vop1, 0x18, 0x18, "f64 = f64"},
  {"v_rndne_f64",              vop1, 0x19, 0x19, "f64 = f64"},
  {"v_floor_f64",              vop1, 0x1a, 0x1a, "f64 = f64"},
  {"v_mov_b16",                vop1, no, 0x1c, "b16 = b16", "true16"},
  {"v_fract_f32",              vop1, 0x20, 0x20, "f32 = f32"},
  {"v_trunc_f32",              vop1, 0x21, 0x21, "f32 = f32"},
  {"v_ceil_f32",               vop1, 0x22, 0x22, "f32 = f32"},
  {"v_rndne_f32",              vop1, 0x23, 0x23, "f32 = f32"},
  {"v_floor_f32",              vop1, 0x24, 0x24, "f32 = f32"},
  {"v_exp_f32",                vop1, 0x25, 0x25, "f32 = f32", "trans"},
  {"v_log_f32",                vop1, 0x27, 0x27, "f32 = f32", "trans"},
  {"v_rcp_f32",                vop1, 0x2a, 0x2a, "f32 = f32", "trans"},
  {"v_rcp_iflag_f32",          vop1, 0x2b, 0x2b, "f32 = f32", "trans"},
  {"v_rsq_f32",                vop1, 0x2e, 0x2e, "f32 = f32", "trans"},
  {"v_rcp_f64",                vop1, 0x2f, 0x2f, "f64 = f64", "trans"},
  {"v_rsq_f64",                vop1, 0x31, 0x31, "f64 = f64", "trans"},
  {"v_sqrt_f32",               vop1, 0x33, 0x33, "f32 = f32", "trans"},
  {"v_sqrt_f64",               vop1, 0x34, 0x34, "f64 = f64", "trans"},
  {"v_sin_f32",                vop1, 0x35, 0x35, "f32 = f32", "trans"},
  {"v_cos_f32",                vop1, 0x36, 0x36, "f32 = f32", "trans"},
  {"v_not_b32",                vop1, 0x37, 0x37, "b32 = b32"},
  {"v_bfrev_b32",              vop1, 0x38, 0x38, "b32 = b32"},
  {"v_clz_i32_u32",            vop1, 0x39, 0x39, "i32 = u32", "", "v_ffbh_u32"},
  {"v_ctz_i32_b32",            vop1, 0x3a, 0x3a, "i32 = b32", "", "v_ffbl_b32"},
  {"v_cls_i32",                vop1, 0x3b, 0x3b, "i32 = i32", "", "v_ffbh_i32"},
  {"v_frexp_exp_i32_f64",      vop1, 0x3c, 0x3c, "i32 = f64", "omod"},
  {"v_frexp_mant_f64",         vop1, 0x3d, 0x3d, "f64 = f64"},
  {"v_fract_f64",              vop1, 0x3e, 0x3e, "f64 = f64"},
  {"v_frexp_exp_i32_f32",      vop1, 0x3f, 0x3f, "i32 = f32"},
  {"v_frexp_mant_f32",         vop1, 0x40, 0x40, "f32 = f32"},
  {"v_movreld_b32",            vop1, 0x42, 0x42, "b32 = b32", "<m0"},
  {"v_movrels_b32",            vop1, 0x43, 0x43, "b32 = v:b32", "<m0"},
  {"v_movrelsd_b32",           vop1, 0x44, 0x44, "b32 = v:b32", "<m0"},
  {"v_movrelsd_2_b32",         vop1, 0x48, 0x48, "b32 = v:b32", "<m0"},
  {"v_cvt_f16_u16",            vop1, 0x50, 0x50, "f16 = u16"},
  {"v_cvt_f16_i16",            vop1, 0x51, 0x51, "f16 = i16"},
  {"v_cvt_u16_f16",            vop1, 0x52, 0x52, "u16 = f16", "omod"},
  {"v_cvt_i16_f16",            vop1, 0x53, 0x53, "i16 = f16", "omod"},
  {"v_rcp_f16",                vop1, 0x54, 0x54, "f16 = f16", "trans"},
  {"v_sqrt_f16",               vop1, 0x55, 0x55, "f16 = f16", "trans"},
  {"v_rsq_f16",                vop1, 0x56, 0x56, "f16 = f16", "trans"},
  {"v_log_f16",                vop1, 0x57, 0x57, "f16 = f16", "trans"},
  {"v_exp_f16",                vop1, 0x58, 0x58, "f16 = f16", "trans"},
  {"v_frexp_mant_f16",         vop1, 0x59, 0x59, "f16 = f16"},
  {"v_frexp_exp_i16_f16",      vop1, 0x5a, 0x5a, "i16 = f16", "omod"},
  {"v_floor_f16",              vop1, 0x5b, 0x5b, "f16 = f16"},
  {"v_ceil_f16",               vop1, 0x5c, 0x5c, "f16 = f16"},
  {"v_trunc_f16",              vop1, 0x5d, 0x5d, "f16 = f16"},
  {"v_rndne_f16",              vop1, 0x5e, 0x5e, "f16 = f16"},
  {"v_fract_f16",              vop1, 0x5f, 0x5f, "f16 = f16"},
  {"v_sin_f16",                vop1, 0x60, 0x60, "f16 = f16", "trans"},
  {"v_cos_f16",                vop1, 0x61, 0x61, "f16 = f16", "trans"},
  {"v_sat_pk_u8_i16",          vop1, 0x62, 0x62, "u8x2 = i16x2"},
  {"v_cvt_norm_i16_f16",       vop1, 0x63, 0x63, "i16 = f16", "omod"},
  {"v_cvt_norm_u16_f16",       vop1, 0x64, 0x64, "u16 = f16", "omod"},
  {"v_swap_b32",               vop1, 0x65, 0x65, "+b32 = +v:b32", "noe64 nodpp nosdwa"},
  {"v_swap_b16",               vop1, no, 0x66, "+b16 = +v:b16", "noe64 nodpp nosdwa true16"},
  {"v_permlane64_b32",         vop1, no, 0x67, "b32 = v:b32", "noe64 nodpp nosdwa"},
  {"v_swaprel_b32",            vop1, 0x68, 0x68, "+b32 = +v:b32", "noe64 nodpp nosdwa <m0"},
  {"v_not_b16",                vop1, no, 0x69, "b16 = b16"},
  {"v_cvt_i32_i16",            vop1, no, 0x6a, "i32 = i16"},
  {"v_cvt_u32_u16",            vop1, no, 0x6b, "u32 = u16"},
  // VOPC. v_cmpx writes EXEC and nothing else. RDNA3 ISA 16.9, encoding 15.3.3, and 15.3.4 as VOP3.
  COMPARES("v_cmp_", "m ", 0x00, 0x00, ""),
  COMPARES("v_cmpx_", "", 0x10, 0x80, ">exec"),
  // VOP3. RDNA3 ISA 16.12, encodings 15.3.4 and, with a second destination, 15.3.5.
  {"v_fma_dx9_zero_f32",       vop3, 0x140, 0x209, "f32 = f32 f32 f32", "nodpp", "v_fma_legacy_f32"},
  {"v_mad_i32_i24",            vop3, 0x142, 0x20a, "i32 = i32 i32 i32", "clamp"},
  {"v_mad_u32_u24",            vop3, 0x143, 0x20b, "u32 = u32 u32 u32", "clamp"},
  {"v_cubeid_f32",             vop3, 0x144, 0x20c, "f32 = f32 f32 f32"},
  {"v_cubesc_f32",             vop3, 0x145, 0x20d, "f32 = f32 f32 f32"},
  {"v_cubetc_f32",             vop3, 0x146, 0x20e, "f32 = f32 f32 f32"},
  {"v_cubema_f32",             vop3, 0x147, 0x20f, "f32 = f32 f32 f32"},
  {"v_bfe_u32",                vop3, 0x148, 0x210, "u32 = u32 u32 u32"},
  {"v_bfe_i32",                vop3, 0x149, 0x211, "i32 = i32 u32 u32"},
  {"v_bfi_b32",                vop3, 0x14a, 0x212, "b32 = b32 b32 b32"},
  {"v_fma_f32",                vop3, 0x14b, 0x213, "f32 = f32 f32 f32"},
  {"v_fma_f64",                vop3, 0x14c, 0x214, "f64 = f64 f64 f64"},
  {"v_lerp_u8",                vop3, 0x14d, 0x215, "u8x4 = u8x4 u8x4 u8x4"},
  {"v_alignbit_b32",           vop3, 0x14e, 0x216, "b32 = b32 b32 u32"},
  {"v_alignbyte_b32",          vop3, 0x14f, 0x217, "b32 = b32 b32 u32"},
  {"v_mullit_f32",             vop3, 0x150, 0x218, "f32 = f32 f32 f32"},
  {"v_min3_f32",               vop3, 0x151, 0x219, "f32 = f32 f32 f32"},
  {"v_min3_i32",               vop3, 0x152, 0x21a, "i32 = i32 i32 i32"},
  {"v_min3_u32",               vop3, 0x153, 0x21b, "u32 = u32 u32 u32"},
  {"v_max3_f32",               vop3, 0x154, 0x21c, "f32 = f32 f32 f32"},
  {"v_max3_i32",               vop3, 0x155, 0x21d, "i32 = i32 i32 i32"},
  {"v_max3_u32",               vop3, 0x156, 0x21e, "u32 = u32 u32 u32"},
  {"v_med3_f32",               vop3, 0x157, 0x21f, "f32 = f32 f32 f32"},
  {"v_med3_i32",               vop3, 0x158, 0x220, "i32 = i32 i32 i32"},
  {"v_med3_u32",               vop3, 0x159, 0x221, "u32 = u32 u32 u32"},
  {"v_sad_u8",                 vop3, 0x15a, 0x222, "u32 = u8x4 u8x4 u32", "clamp"},
  {"v_sad_hi_u8",              vop3, 0x15b, 0x223, "u32 = u8x4 u8x4 u32", "clamp"},
  {"v_sad_u16",                vop3, 0x15c, 0x224, "u32 = u16x2 u16x2 u32", "clamp"},
  {"v_sad_u32",                vop3, 0x15d, 0x225, "u32 = u32 u32 u32", "clamp"},
  {"v_cvt_pk_u8_f32",          vop3, 0x15e, 0x226, "b32 = f32 u32 b32"},
  {"v_div_fixup_f32",          vop3, 0x15f, 0x227, "f32 = f32 f32 f32", "nodpp"},
  {"v_div_fixup_f64",          vop3, 0x160, 0x228, "f64 = f64 f64 f64"},
  {"v_div_fmas_f32",           vop3, 0x16f, 0x237, "f32 = f32 f32 f32", "<vcc nodpp"},
  {"v_div_fmas_f64",           vop3, 0x170, 0x238, "f64 = f64 f64 f64", "<vcc"},
  {"v_msad_u8",                vop3, 0x171, 0x239, "u32 = u8x4 u8x4 u32", "clamp"},
  {"v_qsad_pk_u16_u8",         vop3, 0x172, 0x23a, "u16x4 = u8x8 u8x4 u16x4", "clamp"},
  {"v_mqsad_pk_u16_u8",        vop3, 0x173, 0x23b, "u16x4 = u8x8 u8x4 u16x4", "clamp"},
  {"v_mqsad_u32_u8",           vop3, 0x175, 0x23d, "u32x4 = u8x8 u8x4 v:u32x4", "clamp"},
  {"v_xor3_b32",               vop3, 0x178, 0x240, "b32 = b32 b32 b32"},
  {"v_mad_u16",                vop3, 0x340, 0x241, "u16 = u16 u16 u16", "clamp opsel"},
  {"v_perm_b32",               vop3, 0x344, 0x244, "b32 = b32 b32 b32"},
  {"v_xad_u32",                vop3, 0x345, 0x245, "u32 = u32 u32 u32"},
  {"v_lshl_add_u32",           vop3, 0x346, 0x246, "u32 = u32 u32 u32"},
  {"v_add_lshl_u32",           vop3, 0x347, 0x247, "u32 = u32 u32 u32"},
  {"v_fma_f16",                vop3, 0x34b, 0x248, "f16 = f16 f16 f16", "opsel"},
  {"v_min3_f16",               vop3, 0x351, 0x249, "f16 = f16 f16 f16", "opsel"},
  {"v_min3_i16",               vop3, 0x352, 0x24a, "i16 = i16 i16 i16", "clamp opsel"},
  {"v_min3_u16",               vop3, 0x353, 0x24b, "u16 = u16 u16 u16", "clamp opsel"},
  {"v_max3_f16",               vop3, 0x354, 0x24c, "f16 = f16 f16 f16", "opsel"},
  {"v_max3_i16",               vop3, 0x355, 0x24d, "i16 = i16 i16 i16", "clamp opsel"},
  {"v_max3_u16",               vop3, 0x356, 0x24e, "u16 = u16 u16 u16", "clamp opsel"},
  {"v_med3_f16",               vop3, 0x357, 0x24f, "f16 = f16 f16 f16", "opsel"},
  {"v_med3_i16",               vop3, 0x358, 0x250, "i16 = i16 i16 i16", "clamp opsel"},
  {"v_med3_u16",               vop3, 0x359, 0x251, "u16 = u16 u16 u16", "clamp opsel"},
  {"v_mad_i16",                vop3, 0x35e, 0x253, "i16 = i16 i16 i16", "clamp opsel"},
  {"v_div_fixup_f16",          vop3, 0x35f, 0x254, "f16 = f16 f16 f16", "opsel"},
  {"v_add3_u32",               vop3, 0x36d, 0x255, "u32 = u32 u32 u32"},
  {"v_lshl_or_b32",            vop3, 0x36f, 0x256, "b32 = b32 u32 b32"},
  {"v_and_or_b32",             vop3, 0x371, 0x257, "b32 = b32 b32 b32"},
  {"v_or3_b32",                vop3, 0x372, 0x258, "b32 = b32 b32 b32"},
  {"v_mad_u32_u16",            vop3, 0x373, 0x259, "u32 = u16 u16 u32", "clamp opsel"},
  {"v_mad_i32_i16",            vop3, 0x375, 0x25a, "i32 = i16 i16 i32", "clamp opsel"},
  {"v_permlane16_b32",         vop3, 0x377, 0x25b, "+b32 = v:b32 c:b32 c:b32", "nodpp fibc"},
  {"v_permlanex16_b32",        vop3, 0x378, 0x25c, "+b32 = v:b32 c:b32 c:b32", "nodpp fibc"},
  {"v_cndmask_b16",            vop3, no, 0x25d, "b16 = b16 b16 m", "floatmod"},
  {"v_maxmin_f32",             vop3, no, 0x25e, "f32 = f32 f32 f32"},
  {"v_minmax_f32",             vop3, no, 0x25f, "f32 = f32 f32 f32"},
  {"v_maxmin_f16",             vop3, no, 0x260, "f16 = f16 f16 f16"},
  {"v_minmax_f16",             vop3, no, 0x261, "f16 = f16 f16 f16"},
  {"v_maxmin_u32",             vop3, no, 0x262, "u32 = u32 u32 u32"},
  {"v_minmax_u32",             vop3, no, 0x263, "u32 = u32 u32 u32"},
  {"v_maxmin_i32",             vop3, no, 0x264, "i32 = i32 i32 i32"},
  {"v_minmax_i32",             vop3, no, 0x265, "i32 = i32 i32 i32"},
  {"v_dot2_f16_f16",           vop3, no, 0x266, "f16 = f16x2 f16x2 f16", "noclamp noomod opsel"},
  {"v_dot2_bf16_bf16",         vop3, no, 0x267, "bf16 = bf16x2 bf16x2 bf16", "noclamp noomod opsel"},
  {"v_div_scale_f32",          vop3, 0x16d, 0x2fc, "f32 m = f32 f32 f32", "nodpp"},
  {"v_div_scale_f64",          vop3, 0x16e, 0x2fd, "f64 m = f64 f64 f64"},
  {"v_mad_u64_u32",            vop3, 0x176, 0x2fe, "u64 m = u32 u32 u64", "clamp"},
  {"v_mad_i64_i32",            vop3, 0x177, 0x2ff, "i64 m = i32 i32 i64", "clamp"},
  {"v_add_co_u32",             vop3, 0x30f, 0x300, "u32 m = u32 u32", "clamp"},
  {"v_sub_co_u32",             vop3, 0x310, 0x301, "u32 m = u32 u32", "clamp"},
  {"v_subrev_co_u32",          vop3, 0x319, 0x302, "u32 m = u32 u32", "clamp"},
  {"v_add_nc_u16",             vop3, 0x303, 0x303, "u16 = u16 u16", "clamp opsel"},
  {"v_sub_nc_u16",             vop3, 0x304, 0x304, "u16 = u16 u16", "clamp opsel"},
  {"v_mul_lo_u16",             vop3, 0x305, 0x305, "u16 = u16 u16"},
  {"v_cvt_pk_i16_f32",         vop3, no, 0x306, "i16x2 = f32 f32"},
  {"v_cvt_pk_u16_f32",         vop3, no, 0x307, "u16x2 = f32 f32"},
  {"v_max_u16",                vop3, 0x309, 0x309, "u16 = u16 u16"},
  {"v_max_i16",                vop3, 0x30a, 0x30a, "i16 = i16 i16"},
  {"v_min_u16",                vop3, 0x30b, 0x30b, "u16 = u16 u16"},
  {"v_min_i16",                vop3, 0x30c, 0x30c, "i16 = i16 i16"},
  {"v_add_nc_i16",             vop3, 0x30d, 0x30d, "i16 = i16 i16", "clamp opsel"},
  {"v_sub_nc_i16",             vop3, 0x30e, 0x30e, "i16 = i16 i16", "clamp opsel"},
  {"v_pack_b32_f16",           vop3, 0x311, 0x311, "f16x2 = f16 f16", "opsel"},
  {"v_cvt_pk_norm_i16_f16",    vop3, 0x312, 0x312, "i16x2 = f16 f16", "opsel", "v_cvt_pknorm_i16_f16"},
  {"v_cvt_pk_norm_u16_f16",    vop3, 0x313, 0x313, "u16x2 = f16 f16", "opsel", "v_cvt_pknorm_u16_f16"},
  {"v_ldexp_f32",              vop3, 0x362, 0x31c, "f32 = f32 i32"},
  {"v_bfm_b32",                vop3, 0x363, 0x31d, "b32 = u32 u32"},
  {"v_bcnt_u32_b32",           vop3, 0x364, 0x31e, "u32 = b32 u32"},
  {"v_mbcnt_lo_u32_b32",       vop3, 0x365, 0x31f, "u32 = b32 u32"},
  {"v_mbcnt_hi_u32_b32",       vop3, 0x366, 0x320, "u32 = b32 u32"},
  {"v_cvt_pk_norm_i16_f32",    vop3, 0x368, 0x321, "i16x2 = f32 f32", "", "v_cvt_pknorm_i16_f32"},
  {"v_cvt_pk_norm_u16_f32",    vop3, 0x369, 0x322, "u16x2 = f32 f32", "", "v_cvt_pknorm_u16_f32"},
  {"v_cvt_pk_u16_u32",         vop3, 0x36a, 0x323, "u16x2 = u32 u32"},
  {"v_cvt_pk_i16_i32",         vop3, 0x36b, 0x324, "i16x2 = i32 i32"},
  {"v_sub_nc_i32",             vop3, 0x376, 0x325, "i32 = i32 i32", "clamp"},
  {"v_add_nc_i32",             vop3, 0x37f, 0x326, "i32 = i32 i32", "clamp"},
  {"v_add_f64",                vop3, 0x164, 0x327, "f64 = f64 f64"},
  {"v_mul_f64",                vop3, 0x165, 0x328, "f64 = f64 f64"},
  {"v_min_f64",                vop3, 0x166, 0x329, "f64 = f64 f64"},
  {"v_max_f64",                vop3, 0x167, 0x32a, "f64 = f64 f64"},
  {"v_ldexp_f64",              vop3, 0x168, 0x32b, "f64 = f64 i32"},
  {"v_mul_lo_u32",             vop3, 0x169, 0x32c, "u32 = u32 u32", "nodpp"},
  {"v_mul_hi_u32",             vop3, 0x16a, 0x32d, "u32 = u32 u32", "nodpp"},
  {"v_mul_hi_i32",             vop3, 0x16c, 0x32e, "i32 = i32 i32", "nodpp"},
  {"v_trig_preop_f64",         vop3, 0x174, 0x32f, "f64 = f64 u32"},
  {"v_lshlrev_b16",            vop3, 0x314, 0x338, "b16 = u16 b16"},
  {"v_lshrrev_b16",            vop3, 0x307, 0x339, "b16 = u16 b16"},
  {"v_ashrrev_i16",            vop3, 0x308, 0x33a, "i16 = u16 i16"},
  {"v_lshlrev_b64",            vop3, 0x2ff, 0x33c, "b64 = u32 b64"},
  {"v_lshrrev_b64",            vop3, 0x300, 0x33d, "b64 = u32 b64"},
  {"v_ashrrev_i64",            vop3, 0x301, 0x33e, "i64 = u32 i64"},
  {"v_readlane_b32",           vop3, 0x360, 0x360, "s:b32 = v:b32 c:u32", "nodpp noexec"},
  {"v_writelane_b32",          vop3, 0x361, 0x361, "+b32 = c:b32 c:u32", "nodpp noexec"},
  {"v_and_b16",                vop3, no, 0x362, "b16 = b16 b16"},
  {"v_or_b16",                 vop3, no, 0x363, "b16 = b16 b16"},
  {"v_xor_b16",                vop3, no, 0x364, "b16 = b16 b16"},
  // VOP3P: packed and dot products. v_fma_mix reads f16 where op_sel_hi says so. RDNA3 ISA 16.10, encoding 15.3.6;
  // matrices 7.9, "Wave Matrix Multiply Accumulate (WMMA)".
  {"v_pk_mad_i16",             vop3p, 0x00, 0x00, "i16x2 = i16x2 i16x2 i16x2"},
  {"v_pk_mul_lo_u16",          vop3p, 0x01, 0x01, "u16x2 = u16x2 u16x2"},
  {"v_pk_add_i16",             vop3p, 0x02, 0x02, "i16x2 = i16x2 i16x2"},
  {"v_pk_sub_i16",             vop3p, 0x03, 0x03, "i16x2 = i16x2 i16x2"},
  {"v_pk_lshlrev_b16",         vop3p, 0x04, 0x04, "b16x2 = u16x2 b16x2"},
  {"v_pk_lshrrev_b16",         vop3p, 0x05, 0x05, "b16x2 = u16x2 b16x2"},
  {"v_pk_ashrrev_i16",         vop3p, 0x06, 0x06, "i16x2 = u16x2 i16x2"},
  {"v_pk_max_i16",             vop3p, 0x07, 0x07, "i16x2 = i16x2 i16x2"},
  {"v_pk_min_i16",             vop3p, 0x08, 0x08, "i16x2 = i16x2 i16x2"},
  {"v_pk_mad_u16",             vop3p, 0x09, 0x09, "u16x2 = u16x2 u16x2 u16x2"},
  {"v_pk_add_u16",             vop3p, 0x0a, 0x0a, "u16x2 = u16x2 u16x2"},
  {"v_pk_sub_u16",             vop3p, 0x0b, 0x0b, "u16x2 = u16x2 u16x2"},
  {"v_pk_max_u16",             vop3p, 0x0c, 0x0c, "u16x2 = u16x2 u16x2"},
  {"v_pk_min_u16",             vop3p, 0x0d, 0x0d, "u16x2 = u16x2 u16x2"},
  {"v_pk_fma_f16",             vop3p, 0x0e, 0x0e, "f16x2 = f16x2 f16x2 f16x2"},
  {"v_pk_add_f16",             vop3p, 0x0f, 0x0f, "f16x2 = f16x2 f16x2"},
  {"v_pk_mul_f16",             vop3p, 0x10, 0x10, "f16x2 = f16x2 f16x2"},
  {"v_pk_min_f16",             vop3p, 0x11, 0x11, "f16x2 = f16x2 f16x2"},
  {"v_pk_max_f16",             vop3p, 0x12, 0x12, "f16x2 = f16x2 f16x2"},
  {"v_dot2_f32_f16",           vop3p, 0x13, 0x13, "f32 = f16x2 f16x2 f32", "dpp"},
  {"v_dot4_i32_iu8",           vop3p, no, 0x16, "i32 = iu8x4 iu8x4 i32"},
  {"v_dot4_u32_u8",            vop3p, 0x17, 0x17, "u32 = u8x4 u8x4 u32"},
  {"v_dot8_i32_iu4",           vop3p, no, 0x18, "i32 = iu4x8 iu4x8 i32"},
  {"v_dot8_u32_u4",            vop3p, 0x19, 0x19, "u32 = u4x8 u4x8 u32"},
  {"v_dot2_f32_bf16",          vop3p, no, 0x1a, "f32 = bf16x2 bf16x2 f32"},
  {"v_fma_mix_f32",            vop3p, 0x20, 0x20, "f32 = f32 f32 f32", "dpp"},
  {"v_fma_mixlo_f16",          vop3p, 0x21, 0x21, "+f16 = f32 f32 f32", "dpp"},
  {"v_fma_mixhi_f16",          vop3p, 0x22, 0x22, "+f16 = f32 f32 f32", "dpp"},
  {"v_wmma_f32_16x16x16_f16",  vop3p, no, 0x40, "f32x8w = v:f16x16 v:f16x16 w:f32x8w", "matrix"},
  {"v_wmma_f32_16x16x16_bf16", vop3p, no, 0x41, "f32x8w = v:bf16x16 v:bf16x16 w:f32x8w", "matrix"},
  {"v_wmma_f16_16x16x16_f16",  vop3p, no, 0x42, "+f16x16w = v:f16x16 v:f16x16 w:f16x16w", "matrix"},
  {"v_wmma_bf16_16x16x16_bf16", vop3p, no, 0x43, "+bf16x16w = v:bf16x16 v:bf16x16 w:bf16x16w", "matrix"},
  {"v_wmma_i32_16x16x16_iu8",  vop3p, no, 0x44, "i32x8w = v:iu8x16 v:iu8x16 w:i32x8w", "matrix"},
  {"v_wmma_i32_16x16x16_iu4",  vop3p, no, 0x45, "i32x8w = v:iu4x16 v:iu4x16 w:i32x8w", "matrix"},
  {"v_dot2_i32_i16",           vop3p, 0x14, no, "i32 = i16x2 i16x2 i32"},
  {"v_dot2_u32_u16",           vop3p, 0x15, no, "u32 = u16x2 u16x2 u32"},
  {"v_dot4_i32_i8",            vop3p, 0x16, no, "i32 = i8x4 i8x4 i32"},
  {"v_dot8_i32_i4",            vop3p, 0x18, no, "i32 = i4x8 i4x8 i32"},
  // VOPD: the halves of a pair. The second half also has the last three. RDNA3 ISA 16.11, encoding 15.3.7.
  {"v_dual_fmac_f32",          vopd, no, 0x00, "+f32 = f32 v:f32"},
  {"v_dual_fmaak_f32",         vopd, no, 0x01, "f32 = f32 v:f32 lit"},
  {"v_dual_fmamk_f32",         vopd, no, 0x02, "f32 = f32 lit v:f32"},
  {"v_dual_mul_f32",           vopd, no, 0x03, "f32 = f32 v:f32"},
  {"v_dual_add_f32",           vopd, no, 0x04, "f32 = f32 v:f32"},
  {"v_dual_sub_f32",           vopd, no, 0x05, "f32 = f32 v:f32"},
  {"v_dual_subrev_f32",        vopd, no, 0x06, "f32 = f32 v:f32"},
  {"v_dual_mul_dx9_zero_f32",  vopd, no, 0x07, "f32 = f32 v:f32"},
  {"v_dual_mov_b32",           vopd, no, 0x08, "b32 = b32"},
  {"v_dual_cndmask_b32",       vopd, no, 0x09, "b32 = b32 v:b32", "<vcc"},
  {"v_dual_max_f32",           vopd, no, 0x0a, "f32 = f32 v:f32"},
  {"v_dual_min_f32",           vopd, no, 0x0b, "f32 = f32 v:f32"},
  {"v_dual_dot2acc_f32_f16",   vopd, no, 0x0c, "+f32 = f16x2 v:f16x2"},
  {"v_dual_add_nc_u32",        vopd, no, 0x10, "u32 = u32 v:u32"},
  {"v_dual_lshlrev_b32",       vopd, no, 0x11, "b32 = u32 v:b32"},
  {"v_dual_and_b32",           vopd, no, 0x12, "b32 = b32 v:b32"},
  // DS: local data share. RDNA3 ISA 16.15, encoding 15.6.1.
  DS_INTEGER_ATOMICS("u32", "i32", "b32", 0x00, 0x20),
  DS_COMPARE("b32", 0x10, 0x30), DS_COMPARE("f32", 0x11, 0x31),
  DS_ATOMIC("min", "f32", 0x12, 0x32), DS_ATOMIC("max", "f32", 0x13, 0x33),
  {"ds_nop",                   ds, 0x14, 0x14, "", "nogds"},
  {"ds_add_f32",               ds, 0x15, 0x15, "= a32 f32"},
  {"ds_add_rtn_f32",           ds, 0x55, 0x79, "f32 = a32 f32"},
  {"ds_gws_sema_release_all",  ds, 0x18, 0x18, "", "gds <m0"},
  {"ds_gws_init",              ds, 0x19, 0x19, "= a32", "gds <m0"},
  {"ds_gws_sema_v",            ds, 0x1a, 0x1a, "", "gds <m0"},
  {"ds_gws_sema_br",           ds, 0x1b, 0x1b, "= a32", "gds <m0"},
  {"ds_gws_sema_p",            ds, 0x1c, 0x1c, "", "gds <m0"},
  {"ds_gws_barrier",           ds, 0x1d, 0x1d, "= a32", "gds <m0"},
  {"ds_store_b8",              ds, 0x1e, 0x1e, "= a32 b8",  "", "ds_write_b8"},
  {"ds_store_b16",             ds, 0x1f, 0x1f, "= a32 b16", "", "ds_write_b16"},
  {"ds_wrap_rtn_b32",          ds, 0x34, 0x34, "b32 = a32 b32 b32"},
  {"ds_swizzle_b32",           ds, 0x35, 0x35, "b32 = a:b32"},
  {"ds_load_b32",              ds, 0x36, 0x36, "b32 = a32", "", "ds_read_b32"},
  {"ds_load_2addr_b32",        ds, 0x37, 0x37, "b32x2 = a32", "two", "ds_read2_b32"},
  {"ds_load_2addr_stride64_b32", ds, 0x38, 0x38, "b32x2 = a32", "two", "ds_read2st64_b32"},
  {"ds_load_i8",               ds, 0x39, 0x39, "i8 = a32",  "", "ds_read_i8"},
  {"ds_load_u8",               ds, 0x3a, 0x3a, "u8 = a32",  "", "ds_read_u8"},
  {"ds_load_i16",              ds, 0x3b, 0x3b, "i16 = a32", "", "ds_read_i16"},
  {"ds_load_u16",              ds, 0x3c, 0x3c, "u16 = a32", "", "ds_read_u16"},
  {"ds_consume",               ds, 0x3d, 0x3d, "u32 =", "<m0"},
  {"ds_append",                ds, 0x3e, 0x3e, "u32 =", "<m0"},
  {"ds_ordered_count",         ds, 0x3f, 0x3f, "u32 = a32", "gds <m0"},
  DS_INTEGER_ATOMICS("u64", "i64", "b64", 0x40, 0x60),
  DS_COMPARE("b64", 0x50, 0x70), DS_COMPARE("f64", 0x51, 0x71),
  DS_ATOMIC("min", "f64", 0x52, 0x72), DS_ATOMIC("max", "f64", 0x53, 0x73),
  {"ds_load_b64",              ds, 0x76, 0x76, "b64 = a32", "", "ds_read_b64"},
  {"ds_load_2addr_b64",        ds, 0x77, 0x77, "b64x2 = a32", "two", "ds_read2_b64"},
  {"ds_load_2addr_stride64_b64", ds, 0x78, 0x78, "b64x2 = a32", "two", "ds_read2st64_b64"},
  {"ds_add_gs_reg_rtn",        ds, no,   0x7a, "b64 = b32", "gds"},
  {"ds_sub_gs_reg_rtn",        ds, no,   0x7b, "b64 = b32", "gds"},
  {"ds_condxchg32_rtn_b64",    ds, 0x7e, 0x7e, "b64 = a32 b64"},
  {"ds_store_b8_d16_hi",       ds, 0xa0, 0xa0, "= a32 b8",    "", "ds_write_b8_d16_hi"},
  {"ds_store_b16_d16_hi",      ds, 0xa1, 0xa1, "= a32 b16",   "", "ds_write_b16_d16_hi"},
  {"ds_load_u8_d16",           ds, 0xa2, 0xa2, "+u8 = a32",   "", "ds_read_u8_d16"},
  {"ds_load_u8_d16_hi",        ds, 0xa3, 0xa3, "+u8 = a32",   "", "ds_read_u8_d16_hi"},
  {"ds_load_i8_d16",           ds, 0xa4, 0xa4, "+i8 = a32",   "", "ds_read_i8_d16"},
  {"ds_load_i8_d16_hi",        ds, 0xa5, 0xa5, "+i8 = a32",   "", "ds_read_i8_d16_hi"},
  {"ds_load_u16_d16",          ds, 0xa6, 0xa6, "+u16 = a32",  "", "ds_read_u16_d16"},
  {"ds_load_u16_d16_hi",       ds, 0xa7, 0xa7, "+u16 = a32",  "", "ds_read_u16_d16_hi"},
  {"ds_bvh_stack_rtn_b32",     ds, no,   0xad, "b32 +a32 = b32 b128", "nogds"},
  {"ds_store_addtid_b32",      ds, 0xb0, 0xb0, "= b32", "<m0", "ds_write_addtid_b32"},
  {"ds_load_addtid_b32",       ds, 0xb1, 0xb1, "b32 =", "<m0", "ds_read_addtid_b32"},
  {"ds_permute_b32",           ds, 0xb2, 0xb2, "b32 = a32 b32", "nogds"},
  {"ds_bpermute_b32",          ds, 0xb3, 0xb3, "b32 = a32 b32", "nogds"},
  {"ds_store_b96",             ds, 0xde, 0xde, "= a32 b96",   "", "ds_write_b96"},
  {"ds_store_b128",            ds, 0xdf, 0xdf, "= a32 b128",  "", "ds_write_b128"},
  {"ds_load_b96",              ds, 0xfe, 0xfe, "b96 = a32",   "", "ds_read_b96"},
  {"ds_load_b128",             ds, 0xff, 0xff, "b128 = a32",  "", "ds_read_b128"},
  // FLAT, GLOBAL, SCRATCH. RDNA3 ISA 16.20.1, 16.20.3, 16.20.2, encodings 15.9.1 to 15.9.3.
  LOADS("flat", flat, "a64"),
  STORES("flat", flat, "a64 ", ""),
  ATOMICS("flat", flat, FLAT_ATOMIC),
  LOADS("global", global, "a64 ?saddr"),
  STORES("global", global, "a64 ", " ?saddr"),
  {"global_load_addtid_b32",   global, 0x16, 0x28, "b32 = ?saddr", "", "global_load_dword_addtid"},
  {"global_store_addtid_b32",  global, 0x17, 0x29, "= b32 ?saddr", "", "global_store_dword_addtid"},
  ATOMICS("global", global, GLOBAL_ATOMIC),
  {"global_atomic_csub_u32",   global, 0x34, 0x37, GLOBAL_ATOMIC("u32", "u32"), "", "global_atomic_csub"},
  LOADS("scratch", scratch, "?a32 ?saddr"),
  STORES("scratch", scratch, "?a32 ", " ?saddr"),
  // MUBUF and MTBUF. The formatted ones convert between registers and the format of the resource or instruction.
  // RDNA3 ISA 16.16 and 16.17, encodings 15.7.2 and 15.7.1.
  {"buffer_load_format_x",     mubuf, 0x00, 0x00, "b32 = ?a32 rsrc soff"},
  {"buffer_load_format_xy",    mubuf, 0x01, 0x01, "b64 = ?a32 rsrc soff"},
  {"buffer_load_format_xyz",   mubuf, 0x02, 0x02, "b96 = ?a32 rsrc soff"},
  {"buffer_load_format_xyzw",  mubuf, 0x03, 0x03, "b128 = ?a32 rsrc soff"},
  {"buffer_store_format_x",    mubuf, 0x04, 0x04, "= b32 ?a32 rsrc soff"},
  {"buffer_store_format_xy",   mubuf, 0x05, 0x05, "= b64 ?a32 rsrc soff"},
  {"buffer_store_format_xyz",  mubuf, 0x06, 0x06, "= b96 ?a32 rsrc soff"},
  {"buffer_store_format_xyzw", mubuf, 0x07, 0x07, "= b128 ?a32 rsrc soff"},
  {"buffer_load_d16_format_x",     mubuf, 0x80, 0x08, "b16 = ?a32 rsrc soff",   "", "buffer_load_format_d16_x"},
  {"buffer_load_d16_format_xy",    mubuf, 0x81, 0x09, "b16x2 = ?a32 rsrc soff", "", "buffer_load_format_d16_xy"},
  {"buffer_load_d16_format_xyz",   mubuf, 0x82, 0x0a, "b16x4 = ?a32 rsrc soff", "", "buffer_load_format_d16_xyz"},
  {"buffer_load_d16_format_xyzw",  mubuf, 0x83, 0x0b, "b16x4 = ?a32 rsrc soff", "", "buffer_load_format_d16_xyzw"},
  {"buffer_store_d16_format_x",    mubuf, 0x84, 0x0c, "= b16 ?a32 rsrc soff",   "", "buffer_store_format_d16_x"},
  {"buffer_store_d16_format_xy",   mubuf, 0x85, 0x0d, "= b16x2 ?a32 rsrc soff", "", "buffer_store_format_d16_xy"},
  {"buffer_store_d16_format_xyz",  mubuf, 0x86, 0x0e, "= b16x4 ?a32 rsrc soff", "", "buffer_store_format_d16_xyz"},
  {"buffer_store_d16_format_xyzw", mubuf, 0x87, 0x0f, "= b16x4 ?a32 rsrc soff", "", "buffer_store_format_d16_xyzw"},
  LOADS("buffer", mubuf, "?a32 rsrc soff"),
  STORES("buffer", mubuf, "", " ?a32 rsrc soff"),
  {"buffer_load_d16_hi_format_x",  mubuf, 0x26, 0x26, "+b16 = ?a32 rsrc soff",  "", "buffer_load_format_d16_hi_x"},
  {"buffer_store_d16_hi_format_x", mubuf, 0x27, 0x27, "= b16 ?a32 rsrc soff",   "", "buffer_store_format_d16_hi_x"},
  {"buffer_gl0_inv",           mubuf, 0x71, 0x2b, ""},
  {"buffer_gl1_inv",           mubuf, 0x72, 0x2c, ""},
  {"buffer_load_lds_u8",       mubuf, no, 0x2d, "= ?a32 rsrc soff", "<m0"},
  {"buffer_load_lds_i8",       mubuf, no, 0x2e, "= ?a32 rsrc soff", "<m0"},
  {"buffer_load_lds_u16",      mubuf, no, 0x2f, "= ?a32 rsrc soff", "<m0"},
  {"buffer_load_lds_i16",      mubuf, no, 0x30, "= ?a32 rsrc soff", "<m0"},
  {"buffer_load_lds_b32",      mubuf, no, 0x31, "= ?a32 rsrc soff", "<m0"},
  {"buffer_load_lds_format_x", mubuf, no, 0x32, "= ?a32 rsrc soff", "<m0"},
  ATOMICS("buffer", mubuf, BUFFER_ATOMIC),
  {"buffer_atomic_csub_u32",   mubuf, 0x34, 0x37, BUFFER_ATOMIC("u32", "u32"), "", "buffer_atomic_csub"},
  {"tbuffer_load_format_x",    mtbuf, 0x00, 0x00, "b32 = ?a32 rsrc soff"},
  {"tbuffer_load_format_xy",   mtbuf, 0x01, 0x01, "b64 = ?a32 rsrc soff"},
  {"tbuffer_load_format_xyz",  mtbuf, 0x02, 0x02, "b96 = ?a32 rsrc soff"},
  {"tbuffer_load_format_xyzw", mtbuf, 0x03, 0x03, "b128 = ?a32 rsrc soff"},
  {"tbuffer_store_format_x",   mtbuf, 0x04, 0x04, "= b32 ?a32 rsrc soff"},
  {"tbuffer_store_format_xy",  mtbuf, 0x05, 0x05, "= b64 ?a32 rsrc soff"},
  {"tbuffer_store_format_xyz", mtbuf, 0x06, 0x06, "= b96 ?a32 rsrc soff"},
  {"tbuffer_store_format_xyzw", mtbuf, 0x07, 0x07, "= b128 ?a32 rsrc soff"},
  {"tbuffer_load_d16_format_x",     mtbuf, 0x08, 0x08, "b16 = ?a32 rsrc soff",   "", "tbuffer_load_format_d16_x"},
  {"tbuffer_load_d16_format_xy",    mtbuf, 0x09, 0x09, "b16x2 = ?a32 rsrc soff", "", "tbuffer_load_format_d16_xy"},
  {"tbuffer_load_d16_format_xyz",   mtbuf, 0x0a, 0x0a, "b16x4 = ?a32 rsrc soff", "", "tbuffer_load_format_d16_xyz"},
  {"tbuffer_load_d16_format_xyzw",  mtbuf, 0x0b, 0x0b, "b16x4 = ?a32 rsrc soff", "", "tbuffer_load_format_d16_xyzw"},
  {"tbuffer_store_d16_format_x",    mtbuf, 0x0c, 0x0c, "= b16 ?a32 rsrc soff",   "", "tbuffer_store_format_d16_x"},
  {"tbuffer_store_d16_format_xy",   mtbuf, 0x0d, 0x0d, "= b16x2 ?a32 rsrc soff", "", "tbuffer_store_format_d16_xy"},
  {"tbuffer_store_d16_format_xyz",  mtbuf, 0x0e, 0x0e, "= b16x4 ?a32 rsrc soff", "", "tbuffer_store_format_d16_xyz"},
  {"tbuffer_store_d16_format_xyzw", mtbuf, 0x0f, 0x0f, "= b16x4 ?a32 rsrc soff", "", "tbuffer_store_format_d16_xyzw"},
};
#undef ds_state
// clang-format on

}  // namespace doorbell::amd::table
