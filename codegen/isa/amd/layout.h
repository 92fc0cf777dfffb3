// Where each field of an instruction lies, for every format, encoding and generation. The encoder writes
// through this table and the decoder reads through it. What no field names must be zero, except the bits that
// processors ignore (`loose`). Sources: RDNA 2 ISA, chapter "Microcode Formats"; RDNA3 ISA 15.1.1 to 15.1.5
// (SOP2, SOPK, SOP1, SOPC, SOPP), 15.2.1 (SMEM), 15.3.1 to 15.3.9 (VOP2, VOP1, VOPC, VOP3, VOP3SD, VOP3P,
// VOPD, DPP16, DPP8), 15.6.1 (DS), 15.7.1 and 15.7.2 (MTBUF, MUBUF), 15.9.1 to 15.9.3 (FLAT, GLOBAL,
// SCRATCH); SDWA: RDNA 2 ISA, "SDWA" and "SDWAB". Which bits are ignored: llvm-mc-19 -disassemble.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "codegen/isa/amd/table.h"

namespace doorbell::amd::fields {

// clang-format off
// What a run of bits means: an operand's slot, or a modifier.
enum class Bits : uint8_t {
  opcode,
  sdst, ssrc0, ssrc1, simm16, sdata, sbase, soffset,
  vdst, sdst2, src0, src1, src2,
  vaddr, data0, data1, saddr, vdata, srsrc, soff,
  opcode_y, vdst_y, src0_y, src1_y,
  neg, abs, neg_hi, op_sel, op_sel_hi, clamp, omod,
  dpp_ctrl, fetch_inactive, bound_ctrl, dpp_mods, bank_mask, row_mask, lanes8,
  dst_sel, dst_unused, src0_sel, src0_sext, src0_mods, src0_scalar, src1_sel, src1_sext, src1_mods, src1_scalar,
  sdwa_sdst, sdwa_has_sdst,
  offset, glc, slc, dlc, lds, tfe, gds, offen, idxen, format, sve,
  bits_count
};

struct FieldAt {
  Bits what;
  uint8_t at, bits;
  uint8_t from = 0;  // the lowest bit of the value that lies here, for values in several pieces
};

enum Generations : uint8_t { gfx10 = 1, gfx11 = 2, both = 3 };
constexpr Generations generation(Arch a) { return a == Arch::gfx1030 ? gfx10 : gfx11; }

struct Layout {
  Format format;
  Encoding encoding;      // base or vop3: of the first dwords; what SDWA and DPP add lies in `extensions`
  Generations gens;
  uint8_t dwords;         // without extension and literal
  uint64_t mask, value;   // how it is recognised
  uint64_t loose;
  std::array<FieldAt, 15> fields;
  bool carry = false;     // VOP3 with a second destination
};

// The dword that src0 codes 249 (SDWA), 250 (DPP16), 233 and 234 (DPP8) announce.
struct Extension {
  Encoding encoding;      // sdwa, dpp16, dpp8; as well behind VOP3
  bool comparison;        // SDWA of VOPC
  uint32_t loose;
  std::array<FieldAt, 13> fields;
};

constexpr uint64_t bits_at(int at, int bits) { return ((uint64_t{1} << bits) - 1) << at; }

#define PREFIX(at, bits, value) bits_at(at, bits), static_cast<uint64_t>(value) << (at)
#define SEGMENT(n, at) bits_at(26, 6) | bits_at(at, 2), uint64_t{0b110111} << 26 | uint64_t{n} << (at)
using enum Bits;
using enum Encoding;

inline constexpr Layout layouts[] = {
  // The longest prefixes first: SOP1, SOPC, SOPP and SOPK are SOP2's last opcodes, VOP1 and VOPC are VOP2's.
  {Format::sop1, base, both, 1, PREFIX(23, 9, 0b101111101), 0, {{{opcode, 8, 8}, {sdst, 16, 7}, {ssrc0, 0, 8}}}},
  {Format::sopc, base, both, 1, PREFIX(23, 9, 0b101111110), 0, {{{opcode, 16, 7}, {ssrc1, 8, 8}, {ssrc0, 0, 8}}}},
  {Format::sopp, base, both, 1, PREFIX(23, 9, 0b101111111), 0, {{{opcode, 16, 7}, {simm16, 0, 16}}}},
  {Format::sopk, base, both, 1, PREFIX(28, 4, 0b1011), 0, {{{opcode, 23, 5}, {sdst, 16, 7}, {simm16, 0, 16}}}},
  {Format::sop2, base, both, 1, PREFIX(30, 2, 0b10), 0,
   {{{opcode, 23, 7}, {sdst, 16, 7}, {ssrc1, 8, 8}, {ssrc0, 0, 8}}}},

  {Format::smem, base, gfx10, 2, PREFIX(26, 6, 0b111101), 0x01e0'0000'0002'a000,
   {{{opcode, 18, 8}, {glc, 16, 1}, {dlc, 14, 1}, {sdata, 6, 7}, {sbase, 0, 6}, {offset, 32, 21}, {soffset, 57, 7}}}},
  {Format::smem, base, gfx11, 2, PREFIX(26, 6, 0b111101), 0x01e0'0000'0003'8000,
   {{{opcode, 18, 8}, {glc, 14, 1}, {dlc, 13, 1}, {sdata, 6, 7}, {sbase, 0, 6}, {offset, 32, 21}, {soffset, 57, 7}}}},

  {Format::vop1, base, both, 1, PREFIX(25, 7, 0b0111111), 0, {{{opcode, 9, 8}, {vdst, 17, 8}, {src0, 0, 9}}}},
  {Format::vopc, base, both, 1, PREFIX(25, 7, 0b0111110), 0, {{{opcode, 17, 8}, {src1, 9, 8}, {src0, 0, 9}}}},
  {Format::vop2, base, both, 1, PREFIX(31, 1, 0), 0, {{{opcode, 25, 6}, {vdst, 17, 8}, {src1, 9, 8}, {src0, 0, 9}}}},

  {Format::vop3, vop3, both, 2, PREFIX(26, 6, 0b110101), 0,
   {{{opcode, 16, 10}, {clamp, 15, 1}, {op_sel, 11, 4}, {abs, 8, 3}, {vdst, 0, 8}, {src0, 32, 9}, {src1, 41, 9},
     {src2, 50, 9}, {omod, 59, 2}, {neg, 61, 3}}}},
  {Format::vop3, vop3, both, 2, PREFIX(26, 6, 0b110101), 0,
   {{{opcode, 16, 10}, {clamp, 15, 1}, {sdst2, 8, 7}, {vdst, 0, 8}, {src0, 32, 9}, {src1, 41, 9}, {src2, 50, 9},
     {omod, 59, 2}, {neg, 61, 3}}}, true},
  {Format::vop3p, base, both, 2, PREFIX(23, 9, 0b110011000), 0,
   {{{opcode, 16, 7}, {clamp, 15, 1}, {op_sel_hi, 59, 2}, {op_sel_hi, 14, 1, 2}, {op_sel, 11, 3}, {neg_hi, 8, 3},
     {vdst, 0, 8}, {src0, 32, 9}, {src1, 41, 9}, {src2, 50, 9}, {neg, 61, 3}}}},
  {Format::vopd, base, gfx11, 2, PREFIX(26, 6, 0b110010), 0,
   {{{opcode, 22, 4}, {opcode_y, 17, 5}, {src0, 0, 9}, {src1, 9, 8}, {vdst, 56, 8}, {src0_y, 32, 9}, {src1_y, 41, 8},
     {vdst_y, 49, 7}}}},

  {Format::ds, base, both, 2, PREFIX(26, 6, 0b110110), 0x1'0000,
   {{{opcode, 18, 8}, {gds, 17, 1}, {offset, 0, 16}, {vaddr, 32, 8}, {data0, 40, 8}, {data1, 48, 8}, {vdst, 56, 8}}}},

#define FLAT10(format, segment) \
  {format, base, gfx10, 2, SEGMENT(segment, 14), 0x200'0000, \
   {{{opcode, 18, 7}, {slc, 17, 1}, {glc, 16, 1}, {lds, 13, 1}, {dlc, 12, 1}, {offset, 0, 12}, {vaddr, 32, 8}, \
     {data0, 40, 8}, {saddr, 48, 7}, {vdst, 56, 8}}}}
#define FLAT11(format, segment) \
  {format, base, gfx11, 2, SEGMENT(segment, 16), 0x200'0000, \
   {{{opcode, 18, 7}, {slc, 15, 1}, {glc, 14, 1}, {dlc, 13, 1}, {offset, 0, 13}, {vaddr, 32, 8}, {data0, 40, 8}, \
     {saddr, 48, 7}, {sve, 55, 1}, {vdst, 56, 8}}}}
  FLAT10(Format::flat, 0), FLAT10(Format::scratch, 1), FLAT10(Format::global, 2),
  FLAT11(Format::flat, 0), FLAT11(Format::scratch, 1), FLAT11(Format::global, 2),
#undef FLAT10
#undef FLAT11

  {Format::mubuf, base, gfx10, 2, PREFIX(26, 6, 0b111000), 0x0020'0000'0002'0000,
   {{{opcode, 18, 8}, {lds, 16, 1}, {dlc, 15, 1}, {glc, 14, 1}, {idxen, 13, 1}, {offen, 12, 1}, {offset, 0, 12},
     {vaddr, 32, 8}, {vdata, 40, 8}, {srsrc, 48, 5}, {slc, 54, 1}, {tfe, 55, 1}, {soff, 56, 8}}}},
  {Format::mubuf, base, gfx11, 2, PREFIX(26, 6, 0b111000), 0x0003'8000,
   {{{opcode, 18, 8}, {glc, 14, 1}, {dlc, 13, 1}, {slc, 12, 1}, {offset, 0, 12}, {vaddr, 32, 8}, {vdata, 40, 8},
     {srsrc, 48, 5}, {tfe, 53, 1}, {offen, 54, 1}, {idxen, 55, 1}, {soff, 56, 8}}}},
  {Format::mtbuf, base, gfx10, 2, PREFIX(26, 6, 0b111010), 0,
   {{{opcode, 16, 3}, {opcode, 53, 1, 3}, {format, 19, 7}, {dlc, 15, 1}, {glc, 14, 1}, {idxen, 13, 1}, {offen, 12, 1},
     {offset, 0, 12}, {vaddr, 32, 8}, {vdata, 40, 8}, {srsrc, 48, 5}, {slc, 54, 1}, {tfe, 55, 1}, {soff, 56, 8}}}},
  {Format::mtbuf, base, gfx11, 2, PREFIX(26, 6, 0b111010), 0,
   {{{opcode, 15, 4}, {format, 19, 7}, {glc, 14, 1}, {dlc, 13, 1}, {slc, 12, 1}, {offset, 0, 12}, {vaddr, 32, 8},
     {vdata, 40, 8}, {srsrc, 48, 5}, {tfe, 53, 1}, {offen, 54, 1}, {idxen, 55, 1}, {soff, 56, 8}}}},
};

inline constexpr Extension extensions[] = {
  {dpp16, false, 1u << 17,
   {{{src0, 0, 8}, {dpp_ctrl, 8, 9}, {fetch_inactive, 18, 1}, {bound_ctrl, 19, 1}, {dpp_mods, 20, 4}, {bank_mask, 24, 4},
     {row_mask, 28, 4}}}},
  {dpp8, false, 0, {{{src0, 0, 8}, {lanes8, 8, 24}}}},
  {sdwa, false, 1u << 22 | 1u << 30,
   {{{src0, 0, 8}, {dst_sel, 8, 3}, {dst_unused, 11, 2}, {clamp, 13, 1}, {omod, 14, 2}, {src0_sel, 16, 3},
     {src0_sext, 19, 1}, {src0_mods, 20, 2}, {src0_scalar, 23, 1}, {src1_sel, 24, 3}, {src1_sext, 27, 1},
     {src1_mods, 28, 2}, {src1_scalar, 31, 1}}}},
  {sdwa, true, 1u << 22 | 1u << 30,
   {{{src0, 0, 8}, {sdwa_sdst, 8, 7}, {sdwa_has_sdst, 15, 1}, {src0_sel, 16, 3}, {src0_sext, 19, 1}, {src0_mods, 20, 2},
     {src0_scalar, 23, 1}, {src1_sel, 24, 3}, {src1_sext, 27, 1}, {src1_mods, 28, 2}, {src1_scalar, 31, 1}}}},
};
#undef PREFIX
#undef SEGMENT
// clang-format on

constexpr Encoding without_vop3(Encoding e) { return e == vop3_dpp16 ? dpp16 : e == vop3_dpp8 ? dpp8 : e; }
constexpr bool is_extended(Encoding e) { return e != base && e != vop3; }
constexpr bool in_vop3(const Row& row, Encoding e) {
  return row.format == Format::vop3 || e == vop3 || e == vop3_dpp16 || e == vop3_dpp8;
}
constexpr bool has(const Row& row, Slot slot) {
  for (size_t i = 0; i < row.count; ++i)
    if (row.operands[i].slot == slot) return true;
  return false;
}

// The layout of a row in an encoding that it has.
const Layout& layout_of(const Row&, Encoding, Arch);
const Extension& extension_of(const Row&, Encoding);

// What an instruction does with the bits of a field: some mean something, processors ignore others, and the
// rest must be zero.
struct Use {
  uint32_t used = 0, ignored = 0;
};
Use use_of(const Row&, Encoding, Arch, Bits);

// Whether a generation has the row in this encoding.
bool has_encoding(const Row&, Encoding, Arch);

}  // namespace doorbell::amd::fields
