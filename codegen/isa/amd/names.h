// The words of LLVM's AMDGPU syntax that are not mnemonics: registers, operands with a notation of their own
// (s_waitcnt's counters, hwreg(), sendmsg() ...) and modifiers with one (DPP, SDWA, buffer formats,
// swizzles). Numbers: RDNA2 and RDNA3 ISA guides; spellings: LLVM, "AMDGPU Instructions Syntax" and what
// llvm-mc-19 prints.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "codegen/isa/amd/table.h"
#include "hal/base/result.h"

namespace doorbell::amd::names {

// Whether a literal in this operand is 16 bits of text: LLVM prints and reads the lower half for operands of
// 16 bits, except for some of the SALU's.
bool has_narrow_literal(const Row&, const OperandRow&);
// Whether LLVM writes inline floats in this operand as the bits of a half, as it does for integers of 16
// bits.
bool has_hex_floats(const Row&, const OperandRow&);
// Whether constants in this operand are written with the digits of 64 bits: so LLVM does for all vectors but
// the accumulators of matrices in wave64.
bool is_wide(const OperandRow&, Target);

// vcc, vcc_lo, exec_hi, m0, null; the register is none of s0, ttmp0 ...
std::string_view scalar_name(uint16_t index, int dwords);
// "vcc" is {106, 2 dwords in any wave}; numbered registers are not looked up here.
struct ScalarName {
  uint16_t index;
  uint8_t dwords;  // 0: as many as the operand wants (null)
};
std::optional<ScalarName> find_scalar(std::string_view);

std::string_view special_name(uint16_t index);  // src_vccz
std::optional<uint16_t> find_special(std::string_view);

// Inline constants 240-248.
inline constexpr std::string_view inline_floats[] = {"0.5",  "-0.5", "1.0",  "-1.0",      "2.0",
                                                     "-2.0", "4.0",  "-4.0", "0.15915494"};

inline constexpr std::string_view sdwa_sel[] = {"BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3",
                                                "WORD_0", "WORD_1", "DWORD",  "?"};
inline constexpr std::string_view sdwa_unused[] = {"UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE", "?"};

// Each prints a field and each reads what the other prints. The readers begin at the notation itself
// ("hwreg(", "vmcnt(", "quad_perm:["), leave `at` behind it, and fail with what was expected there.
struct Text {
  std::string_view text;
  size_t at = 0;

  void skip();
  bool eat(std::string_view);       // after blanks
  std::string_view word();          // letters, digits, _ and .
  std::optional<int64_t> number();  // decimal, 0x, 0b, a sign
  Error fail(std::string_view expected) const;
  Status need(std::string_view);
};

std::string print_hwreg(uint32_t, Target);
Result<uint32_t> parse_hwreg(Text&, Target);
std::string print_waitcnt(uint32_t, Target);
Result<uint32_t> parse_waitcnt(Text&, Target);
std::string print_depctr(uint32_t, Target);
Result<uint32_t> parse_depctr(Text&, Target);
bool is_delay(uint32_t);  // false for reserved values
std::string print_delay(uint32_t);
Result<uint32_t> parse_delay(Text&);
std::string print_version(uint32_t);
Result<uint32_t> parse_version(Text&);
std::string print_message(uint32_t, Target);
Result<uint32_t> parse_message(Text&, Target);
// False for numbers that have no meaning from gfx10 on.
bool is_dpp_ctrl(uint32_t);
std::string print_dpp_ctrl(uint32_t);
// Nothing where no dpp_ctrl begins.
Result<std::optional<uint32_t>> parse_dpp_ctrl(Text&);
std::string print_swizzle(uint32_t);             // " offset:swizzle(SWAP,1)"
Result<uint32_t> parse_swizzle(Text&);           // behind "swizzle"
std::string print_format(uint32_t, Target);      // " format:[BUF_FMT_32_FLOAT]"; "" of the default
std::string_view format_name(uint32_t, Target);  // "BUF_FMT_8_UNORM", or "" of a number that is none
Result<uint32_t> parse_format(Text&, Target);    // behind "format:"

}  // namespace doorbell::amd::names
