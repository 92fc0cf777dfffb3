// One x86-64 instruction as the code generator builds it and as the decoder returns it: an operation (a name
// of the manual's) and its operands. Which encoding spells it (legacy, VEX or EVEX; a short or a long form)
// is decided when it is encoded, because it depends on which registers were allocated.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

namespace doorbell::x86 {

enum class RegClass : uint8_t { none, gpr8, gpr16, gpr32, gpr64, xmm, ymm, zmm, k };

struct Reg {
  RegClass cls = RegClass::none;
  uint8_t index = 0;  // in the manual's numbering: rax rcx rdx rbx rsp rbp rsi rdi r8 ...
  friend constexpr bool operator==(const Reg&, const Reg&) = default;
};

constexpr Reg r8(int i) { return {RegClass::gpr8, static_cast<uint8_t>(i)}; }
constexpr Reg r16(int i) { return {RegClass::gpr16, static_cast<uint8_t>(i)}; }
constexpr Reg r32(int i) { return {RegClass::gpr32, static_cast<uint8_t>(i)}; }
constexpr Reg r64(int i) { return {RegClass::gpr64, static_cast<uint8_t>(i)}; }
constexpr Reg xmm(int i) { return {RegClass::xmm, static_cast<uint8_t>(i)}; }
constexpr Reg ymm(int i) { return {RegClass::ymm, static_cast<uint8_t>(i)}; }
constexpr Reg zmm(int i) { return {RegClass::zmm, static_cast<uint8_t>(i)}; }
constexpr Reg k(int i) { return {RegClass::k, static_cast<uint8_t>(i)}; }

// [base + scale*index + disp], or [rip + disp] where disp counts from the end of the instruction. `bits` is
// the size of the access: it tells `movzx eax, byte ptr` from `word ptr` (lea has no size: 0). With broadcast
// n, EVEX reads one element of `bits` and repeats it n times: dword ptr [rax]{1to16}.
struct Mem {
  Reg base;   // gpr64 or none
  Reg index;  // gpr64 except rsp, a vector for gathers and scatters, or none
  uint8_t scale = 1;
  int32_t disp = 0;
  bool rip = false;
  uint16_t bits = 0;
  uint8_t broadcast = 0;
  friend constexpr bool operator==(const Mem&, const Mem&) = default;
};

constexpr Mem mem(int bits, Reg base, int32_t disp = 0) {
  return {.base = base, .index = {}, .disp = disp, .bits = static_cast<uint16_t>(bits)};
}
constexpr Mem mem(int bits, Reg base, Reg index, int scale, int32_t disp = 0) {
  return {.base = base,
          .index = index,
          .scale = static_cast<uint8_t>(scale),
          .disp = disp,
          .bits = static_cast<uint16_t>(bits)};
}
constexpr Mem rip(int bits, int32_t disp = 0) {
  return {.base = {}, .index = {}, .disp = disp, .rip = true, .bits = static_cast<uint16_t>(bits)};
}
constexpr Mem broadcast(Mem m, int count) {
  m.broadcast = static_cast<uint8_t>(count);
  return m;
}

struct Operand {
  enum class Kind : uint8_t { none, reg, mem, imm, label };
  Kind kind = Kind::none;
  Reg reg{};
  Mem mem{};
  int64_t imm = 0;  // an immediate; a branch's distance from its end; a label's number

  constexpr Operand() = default;
  constexpr Operand(Reg r) : kind(Kind::reg), reg(r) {}
  constexpr Operand(Mem m) : kind(Kind::mem), mem(m) {}
  friend constexpr bool operator==(const Operand&, const Operand&) = default;
};

constexpr Operand imm(int64_t value) {
  Operand o;
  o.kind = Operand::Kind::imm;
  o.imm = value;
  return o;
}
// A branch target that the caller patches later: encodes as rel32 (see Encoded::field).
constexpr Operand label(int64_t number) {
  Operand o = imm(number);
  o.kind = Operand::Kind::label;
  return o;
}

// The line of the table with which the name begins. Made by op("vaddps"), checked at compile time.
enum class Op : uint16_t {};

struct Inst {
  Op op{};
  uint8_t count = 0;
  std::array<Operand, 4> operands{};
  uint8_t mask = 0;  // EVEX write mask k1..k7; 0 is none
  bool zeroing = false;

  constexpr Inst() = default;
  constexpr Inst(Op o, std::initializer_list<Operand> list) : op(o) {
    for (const Operand& x : list) operands.at(count++) = x;
  }
  constexpr Inst masked(Reg m, bool zero = false) const {
    Inst i = *this;
    i.mask = m.index;
    i.zeroing = zero;
    return i;
  }
  friend constexpr bool operator==(const Inst&, const Inst&) = default;
};

}  // namespace doorbell::x86
