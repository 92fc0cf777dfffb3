// Where each field of an instruction lies, for every format, encoding and generation. The encoder writes
// through this table and the decoder reads through it; what no field names must be zero, or is ignored by
// processors (`loose`). Sources: RDNA2 and RDNA3 ISA reference guides, chapter "Microcode Formats".
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "codegen/isa/amd/table.h"

namespace doorbell::amd {

// What a run of bits means: an operand's slot, or a modifier.
enum class Bits : uint8_t {
  opcode,
  sdst,
  ssrc0,
  ssrc1,
  simm16,
  sdata,
  sbase,
  soffset,
  vdst,
  sdst2,
  src0,
  src1,
  src2,
  vaddr,
  data0,
  data1,
  saddr,
  vdata,
  srsrc,
  soff,
  x_opcode_y,
  vdst_y,
  src0_y,
  src1_y,
  neg,
  abs,
  neg_hi,
  op_sel,
  op_sel_hi,
  clamp,
  omod,
  dpp_ctrl,
  fetch_inactive,
  bound_ctrl,
  bank_mask,
  row_mask,
  dpp8,
  dpp_abs_neg,
  dst_sel,
  dst_unused,
  src0_sel,
  src1_sel,
  sdwa_mods0,
  sdwa_mods1,
  sdwa_sdst,
  s0,
  s1,
  offset,
  glc,
  slc,
  dlc,
  lds,
  tfe,
  gds,
  offen,
  idxen,
  format,
  sve,
  count
};

struct FieldAt {
  Bits what;
  uint8_t at, bits;
  uint8_t from = 0;  // the lowest bit of the value that lies here, for values in several pieces
};

struct Layout {
  Format format;
  Encoding encoding;
  bool gfx10, gfx11;
  uint8_t dwords;        // without a literal
  uint64_t mask, value;  // how it is recognised, within the first two dwords
  std::array<FieldAt, 20> fields;
};

constexpr uint64_t mask_at(int at, int bits) { return ((uint64_t{1} << bits) - 1) << at; }

// clang-format off
#define PREFIX(at, bits, value) mask_at(at, bits), static_cast<uint64_t>(value) << (at)
inline constexpr Layout layouts[] = {
  // The longest prefixes first: SOP1, SOPC, SOPP and SOPK are SOP2's last opcodes, VOP1 and VOPC are VOP2's.
  {Format::sop1, Encoding::base, true, true, 1, PREFIX(23, 9, 0b101111101),
   {{{Bits::opcode, 8, 8}, {Bits::sdst, 16, 7}, {Bits::ssrc0, 0, 8}}}},
  {Format::sopc, Encoding::base, true, true, 1, PREFIX(23, 9, 0b101111110),
   {{{Bits::opcode, 16, 7}, {Bits::ssrc1, 8, 8}, {Bits::ssrc0, 0, 8}}}},
  {Format::sopp, Encoding::base, true, true, 1, PREFIX(23, 9, 0b101111111),
   {{{Bits::opcode, 16, 7}, {Bits::simm16, 0, 16}}}},
  {Format::sopk, Encoding::base, true, true, 1, PREFIX(28, 4, 0b1011),
   {{{Bits::opcode, 23, 5}, {Bits::sdst, 16, 7}, {Bits::simm16, 0, 16}}}},
  {Format::sop2, Encoding::base, true, true, 1, PREFIX(30, 2, 0b10),
   {{{Bits::opcode, 23, 7}, {Bits::sdst, 16, 7}, {Bits::ssrc1, 8, 8}, {Bits::ssrc0, 0, 8}}}},

  {Format::smem, Encoding::base, true, false, 2, PREFIX(26, 6, 0b111101),
   {{{Bits::opcode, 18, 8}, {Bits::glc, 16, 1}, {Bits::dlc, 14, 1}, {Bits::sdata, 6, 7}, {Bits::sbase, 0, 6},
     {Bits::offset, 32, 21}, {Bits::soffset, 57, 7}}}},
  {Format::smem, Encoding::base, false, true, 2, PREFIX(26, 6, 0b111101),
   {{{Bits::opcode, 18, 8}, {Bits::glc, 14, 1}, {Bits::dlc, 13, 1}, {Bits::sdata, 6, 7}, {Bits::sbase, 0, 6},
     {Bits::offset, 32, 21}, {Bits::soffset, 57, 7}}}},

  {Format::vop1, Encoding::base, true, true, 1, PREFIX(25, 7, 0b0111111),
   {{{Bits::opcode, 9, 8}, {Bits::vdst, 17, 8}, {Bits::src0, 0, 9}}}},
  {Format::vopc, Encoding::base, true, true, 1, PREFIX(25, 7, 0b0111110),
   {{{Bits::opcode, 17, 8}, {Bits::src1, 9, 8}, {Bits::src0, 0, 9}}}},
  {Format::vop2, Encoding::base, true, true, 1, PREFIX(31, 1, 0),
   {{{Bits::opcode, 25, 6}, {Bits::vdst, 17, 8}, {Bits::src1, 9, 8}, {Bits::src0, 0, 9}}}},

  {Format::vop3, Encoding::vop3, true, true, 2, PREFIX(26, 6, 0b110101),
   {{{Bits::opcode, 16, 10}, {Bits::clamp, 15, 1}, {Bits::op_sel, 11, 4}, {Bits::abs, 8, 3}, {Bits::vdst, 0, 8},
     {Bits::src0, 32, 9}, {Bits::src1, 41, 9}, {Bits::src2, 50, 9}, {Bits::omod, 59, 2}, {Bits::neg, 61, 3}}}},
  {Format::vop3p, Encoding::base, true, true, 2, PREFIX(23, 9, 0b110011000),
   {{{Bits::opcode, 16, 7}, {Bits::clamp, 15, 1}, {Bits::op_sel_hi, 59, 2}, {Bits::op_sel_hi, 14, 1, 2},
     {Bits::op_sel, 11, 3}, {Bits::neg_hi, 8, 3}, {Bits::vdst, 0, 8}, {Bits::src0, 32, 9}, {Bits::src1, 41, 9},
     {Bits::src2, 50, 9}, {Bits::neg, 61, 3}}}},
  {Format::vopd, Encoding::base, false, true, 2, PREFIX(26, 6, 0b110010),
   {{{Bits::opcode, 22, 4}, {Bits::x_opcode_y, 17, 5}, {Bits::src0, 0, 9}, {Bits::src1, 9, 8}, {Bits::vdst, 56, 8},
     {Bits::src0_y, 32, 9}, {Bits::src1_y, 41, 8}, {Bits::vdst_y, 49, 7}}}},

  {Format::ds, Encoding::base, true, true, 2, PREFIX(26, 6, 0b110110),
   {{{Bits::opcode, 18, 8}, {Bits::gds, 17, 1}, {Bits::offset, 0, 16}, {Bits::vaddr, 32, 8}, {Bits::data0, 40, 8},
     {Bits::data1, 48, 8}, {Bits::vdst, 56, 8}}}},

#define SEGMENT(n, at) mask_at(26, 6) | mask_at(at, 2), uint64_t{0b110111} << 26 | uint64_t{n} << (at)
#define FLAT10(format, segment) \
  {format, Encoding::base, true, false, 2, SEGMENT(segment, 14), \
   {{{Bits::opcode, 18, 7}, {Bits::slc, 17, 1}, {Bits::glc, 16, 1}, {Bits::lds, 13, 1}, {Bits::dlc, 12, 1}, \
     {Bits::offset, 0, 12}, {Bits::vaddr, 32, 8}, {Bits::data0, 40, 8}, {Bits::saddr, 48, 7}, {Bits::vdst, 56, 8}}}}
#define FLAT11(format, segment) \
  {format, Encoding::base, false, true, 2, SEGMENT(segment, 16), \
   {{{Bits::opcode, 18, 7}, {Bits::slc, 15, 1}, {Bits::glc, 14, 1}, {Bits::dlc, 13, 1}, {Bits::offset, 0, 13}, \
     {Bits::vaddr, 32, 8}, {Bits::data0, 40, 8}, {Bits::saddr, 48, 7}, {Bits::sve, 55, 1}, {Bits::vdst, 56, 8}}}}
  FLAT10(Format::flat, 0), FLAT10(Format::scratch, 1), FLAT10(Format::global, 2),
  FLAT11(Format::flat, 0), FLAT11(Format::scratch, 1), FLAT11(Format::global, 2),
#undef FLAT10
#undef FLAT11
#undef SEGMENT

  {Format::mubuf, Encoding::base, true, false, 2, PREFIX(26, 6, 0b111000),
   {{{Bits::opcode, 18, 8}, {Bits::lds, 16, 1}, {Bits::dlc, 15, 1}, {Bits::glc, 14, 1}, {Bits::idxen, 13, 1},
     {Bits::offen, 12, 1}, {Bits::offset, 0, 12}, {Bits::vaddr, 32, 8}, {Bits::vdata, 40, 8}, {Bits::srsrc, 48, 5},
     {Bits::slc, 54, 1}, {Bits::tfe, 55, 1}, {Bits::soff, 56, 8}}}},
  {Format::mubuf, Encoding::base, false, true, 2, PREFIX(26, 6, 0b111000),
   {{{Bits::opcode, 18, 8}, {Bits::glc, 14, 1}, {Bits::dlc, 13, 1}, {Bits::slc, 12, 1}, {Bits::offset, 0, 12},
     {Bits::vaddr, 32, 8}, {Bits::vdata, 40, 8}, {Bits::srsrc, 48, 5}, {Bits::tfe, 53, 1}, {Bits::offen, 54, 1},
     {Bits::idxen, 55, 1}, {Bits::soff, 56, 8}}}},
  {Format::mtbuf, Encoding::base, true, false, 2, PREFIX(26, 6, 0b111010),
   {{{Bits::opcode, 16, 3}, {Bits::opcode, 53, 1, 3}, {Bits::format, 19, 7}, {Bits::dlc, 15, 1}, {Bits::glc, 14, 1},
     {Bits::idxen, 13, 1}, {Bits::offen, 12, 1}, {Bits::offset, 0, 12}, {Bits::vaddr, 32, 8}, {Bits::vdata, 40, 8},
     {Bits::srsrc, 48, 5}, {Bits::slc, 54, 1}, {Bits::tfe, 55, 1}, {Bits::soff, 56, 8}}}},
  {Format::mtbuf, Encoding::base, false, true, 2, PREFIX(26, 6, 0b111010),
   {{{Bits::opcode, 15, 4}, {Bits::format, 19, 7}, {Bits::glc, 14, 1}, {Bits::dlc, 13, 1}, {Bits::slc, 12, 1},
     {Bits::offset, 0, 12}, {Bits::vaddr, 32, 8}, {Bits::vdata, 40, 8}, {Bits::srsrc, 48, 5}, {Bits::tfe, 53, 1},
     {Bits::offen, 54, 1}, {Bits::idxen, 55, 1}, {Bits::soff, 56, 8}}}},
};
#undef PREFIX
// clang-format on

}  // namespace doorbell::amd
