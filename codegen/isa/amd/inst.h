// One AMD GPU instruction as the decoder returns it and as the code generator builds it: a row of the table,
// how it is spelt (Encoding), its operands in the order of the text, and its modifiers. What an encoding
// leaves unsaid is filled in: the VCC that v_cmp_lt_f32_e32 writes is an operand, as it is in its 64-bit
// form, so that a reader of instructions never asks which encoding it came from.
#pragma once

#include <array>
#include <cstdint>

namespace doorbell::amd {

// The generations, oldest first; gfx1100 stands for 1100-1103 and gfx1151 for 1150-1153, which encode alike.
enum class Arch : uint8_t { gfx1030, gfx1100, gfx1151 };
inline constexpr int arch_count = 3;

// The wave size decides how wide a lane mask is (VCC, EXEC, the sdst of a comparison): s5 or s[6:7].
struct Target {
  Arch arch = Arch::gfx1100;
  uint8_t wave = 32;
  friend constexpr bool operator==(const Target&, const Target&) = default;
};

// Scalar operands are numbered alike for all generations, as gfx11 encodes them (RDNA3 ISA, table "SGPR and
// operand encodings"); gfx10 has null and M0 the other way round.
namespace scalar {
inline constexpr uint16_t vcc = 106, vcc_hi = 107, ttmp0 = 108, null = 124, m0 = 125, exec = 126,
                          exec_hi = 127;
}
// Sources that are neither registers nor constants, by their encoding.
namespace special {
inline constexpr uint16_t shared_base = 235, shared_limit = 236, private_base = 237, private_limit = 238,
                          pops_exiting_wave_id = 239, vccz = 251, execz = 252, scc = 253, lds_direct = 254;
}

struct Operand {
  enum class Kind : uint8_t {
    none,      // an optional operand that is absent: prints as `off`, or not at all
    vgpr,      // v[index : index + dwords - 1]; `high` picks the upper half of a 16-bit operand
    sgpr,      // 0-105 SGPRs, and the names of `scalar`
    constant,  // an inline constant, index 128-208 (integers) or 240-248 (floats); see constant_bits()
    literal,   // 32 bits that follow the instruction, in `value`
    special,   // the names of `special`
    imm,       // a field of the instruction: simm16, a branch's distance in dwords, a message
  };
  Kind kind = Kind::none;
  uint8_t dwords = 0;  // of a register; 0 where the operand's type says it
  bool high = false;
  uint16_t index = 0;
  int64_t value = 0;
  friend constexpr bool operator==(const Operand&, const Operand&) = default;
};

constexpr Operand vgpr(int first, int dwords = 1) {
  return {.kind = Operand::Kind::vgpr,
          .dwords = static_cast<uint8_t>(dwords),
          .index = static_cast<uint16_t>(first)};
}
constexpr Operand sgpr(int first, int dwords = 1) {
  return {.kind = Operand::Kind::sgpr,
          .dwords = static_cast<uint8_t>(dwords),
          .index = static_cast<uint16_t>(first)};
}
constexpr Operand literal(uint32_t bits) {
  return {.kind = Operand::Kind::literal, .index = 255, .value = bits};
}
// -16 to 64.
constexpr Operand inline_int(int v) {
  return {.kind = Operand::Kind::constant, .index = static_cast<uint16_t>(v >= 0 ? 128 + v : 192 - v)};
}
// 240 0.5, 241 -0.5, 242 1, 243 -1, 244 2, 245 -2, 246 4, 247 -4, 248 1/(2 pi).
constexpr Operand inline_float(int code) {
  return {.kind = Operand::Kind::constant, .index = static_cast<uint16_t>(code)};
}
constexpr Operand special_source(uint16_t code) { return {.kind = Operand::Kind::special, .index = code}; }
constexpr Operand imm(int64_t value) { return {.kind = Operand::Kind::imm, .value = value}; }

// How a row is spelt. `base` is the only encoding of everything but VOP1, VOP2 and VOPC (their `_e32`), and
// of VOP3 and VOP3P rows, which may also carry DPP on gfx11.
enum class Encoding : uint8_t { base, vop3, sdwa, dpp16, dpp8, vop3_dpp16, vop3_dpp8 };
constexpr bool is_dpp16(Encoding e) { return e == Encoding::dpp16 || e == Encoding::vop3_dpp16; }
constexpr bool is_dpp8(Encoding e) { return e == Encoding::dpp8 || e == Encoding::vop3_dpp8; }

// All modifiers; a field that an encoding lacks keeps its default. Per-source fields have bit i for source i
// (the i-th operand that is read through src0, src1, src2).
struct Modifiers {
  // VOP3, VOP3P, SDWA, DPP.
  uint8_t neg = 0, abs = 0;  // VOP3P: neg is neg_lo
  uint8_t neg_hi = 0;        // VOP3P
  uint8_t op_sel = 0;        // bits 0-2 sources, bit 3 the destination (VOP3)
  uint8_t op_sel_hi = 0;     // VOP3P; 7 (or 3) is the default of packed instructions
  bool clamp = false;
  uint8_t omod = 0;  // 1 *2, 2 *4, 3 /2
  // DPP.
  uint16_t dpp_ctrl = 0;  // 9 bits, RDNA ISA "DPP_CTRL"
  uint8_t row_mask = 15, bank_mask = 15;
  bool bound_ctrl = false, fetch_inactive = false;
  uint32_t dpp8 = 0;  // eight 3-bit lane numbers, the first lowest
  // SDWA (gfx10): 0-3 byte, 4-5 word, 6 dword.
  uint8_t dst_sel = 6, dst_unused = 0, src0_sel = 6, src1_sel = 6;
  uint8_t sext = 0;
  // Memory. For DS rows with two offsets, `offset` is offset0 | offset1 << 8.
  int32_t offset = 0;
  bool glc = false, slc = false, dlc = false, lds = false, tfe = false, gds = false;
  bool offen = false, idxen = false;
  uint8_t format = 0;  // MTBUF
  friend constexpr bool operator==(const Modifiers&, const Modifiers&) = default;
};

// An index into rows().
enum class Op : uint16_t {};

struct Inst {
  Op op{};
  Op op_y{};  // VOPD: the second half's row, whose operands follow the first's from operand 4 on
  Encoding encoding = Encoding::base;
  std::array<Operand, 8> operands{};
  Modifiers mods{};
  friend constexpr bool operator==(const Inst&, const Inst&) = default;
};
inline constexpr size_t vopd_second = 4;

}  // namespace doorbell::amd
