// Instructions generated from the rows of the x86 table: each row with its operands in every form.
#pragma once

#include <random>
#include <vector>

#include "codegen/isa/x86/x86.h"

namespace doorbell::x86 {

inline const std::vector<int64_t>& imm_samples(ImmKind kind) {
  static const std::vector<int64_t> none,
      one = {1}, i8 = {5, -1, 127, -128}, u8 = {2, 0, 17, 255}, u16 = {5, 65535, 32767, -32768},
      u32 = {0x12345678, -0x12345678, 0xffffffff, 128, 0xffffff7f},
      i32 = {0x12345678, -0x12345678, 128, -129}, i64 = {0x123456789abcdef0, -1, INT64_MIN, 5};
  switch (kind) {
    case ImmKind::none: return none;
    case ImmKind::one: return one;
    case ImmKind::i8:
    case ImmKind::rel8: return i8;
    case ImmKind::u8: return u8;
    case ImmKind::u16: return u16;
    case ImmKind::u32: return u32;
    case ImmKind::i32:
    case ImmKind::rel32: return i32;
    case ImmKind::i64: return i64;
  }
  return none;
}

// Every shape of an address: each base and index that encodes unlike the others, each width of displacement,
// and, around the edges of EVEX's disp8*N, displacements that just do and just do not compress.
inline std::vector<Mem> mem_samples(const Row& row, const OperandRow& o) {
  std::vector<Mem> out;
  const int bits = o.bits;
  if (o.vsib != RegClass::none) {
    const int highest = row.format == Format::evex ? 27 : 11;
    for (int index : {2, highest})
      for (Mem m : {mem(bits, r64(0), Reg{o.vsib, 0}, 1), mem(bits, r64(13), Reg{o.vsib, 0}, 4, 0),
                    mem(bits, r64(12), Reg{o.vsib, 0}, 8, 32), mem(bits, r64(7), Reg{o.vsib, 0}, 2, 0x12345),
                    mem(bits, Reg{}, Reg{o.vsib, 0}, 4, 0x12345)}) {
        m.index.index = static_cast<uint8_t>(index);
        out.push_back(m);
      }
    return out;
  }
  for (int base : {0, 3, 4, 5, 8, 12, 13}) {
    out.push_back(mem(bits, r64(base)));
    out.push_back(mem(bits, r64(base), 0x7f));
    out.push_back(mem(bits, r64(base), -0x12345678));
  }
  const int n = bits == 0 ? 1 : bits / 8;
  for (int disp : {127 * n, 128 * n, -128 * n, -129 * n, n + n / 2, 1})
    out.push_back(mem(bits, r64(1), disp));
  for (int index : {1, 5, 9, 13})
    for (int base : {0, 5, 12, 13}) out.push_back(mem(bits, r64(base), r64(index), 1 << (index & 3), base));
  out.push_back(mem(bits, Reg{}, r64(9), 8, 64));
  out.push_back(mem(bits, Reg{}, Reg{}, 1, 4096));
  out.push_back(rip(bits));
  out.push_back(rip(bits, 0x1234));
  if (o.element != 0)
    for (size_t i : {size_t{0}, size_t{1}, size_t{21}, size_t{24}, size_t{30}}) {
      Mem m = broadcast(out[i], bits / o.element);
      m.bits = o.element;
      out.push_back(m);
    }
  return out;
}

inline int reg_count(const Row& row, RegClass c) {
  const bool vector = c == RegClass::xmm || c == RegClass::ymm || c == RegClass::zmm;
  return c == RegClass::k ? 8 : vector && row.format == Format::evex ? 32 : 16;
}

inline std::vector<Inst> cases(const Row& row, std::mt19937& random) {
  // A plain operand in place i, register where there is a choice.
  const auto plain = [&](size_t i, int index) -> Operand {
    const OperandRow& o = row.operands[i];
    if (o.fixed >= 0) return Reg{o.reg, static_cast<uint8_t>(o.fixed)};
    if (o.reg != RegClass::none) return Reg{o.reg, static_cast<uint8_t>(index % reg_count(row, o.reg))};
    if (o.mem) return mem_samples(row, o)[0];
    return imm(imm_samples(o.imm)[0]);
  };
  Inst base(row.op, {});
  base.count = row.count;
  if (row.masking == Masking::cleared) base.mask = 3;
  // Gathers want their registers distinct: 1, 3 and, for an index, 2 and more.
  for (size_t i = 0; i < row.count; ++i)
    base.operands[i] = plain(i, i == 2 ? 3 : static_cast<int>(i) + 1 + (i == 1));

  std::vector<Inst> out{base};
  const auto with = [&](const Inst& from, size_t i, Operand x) {
    Inst inst = from;
    inst.operands[i] = x;
    out.push_back(inst);
  };
  for (size_t i = 0; i < row.count; ++i) {
    const OperandRow& o = row.operands[i];
    if (o.reg != RegClass::none && o.fixed < 0)
      for (int index : {0, 4, 7, 8, 12, 15, 16, 23, 24, 31})
        if (index < reg_count(row, o.reg)) with(base, i, plain(i, index));
    if (o.mem)
      for (const Mem& m : mem_samples(row, o)) with(base, i, m);
    for (int64_t v : imm_samples(o.imm)) with(base, i, imm(v));
  }
  // Combinations: several high registers at once, high registers beside memory, masks.
  for (int n = 0; n < 12; ++n) {
    Inst inst = base;
    for (size_t i = 0; i < row.count; ++i) {
      const OperandRow& o = row.operands[i];
      const bool gathers =
          row.operands[row.count > 1].vsib != RegClass::none || row.operands[0].vsib != RegClass::none;
      if (o.mem && (o.reg == RegClass::none || n % 3 == 0)) {
        const std::vector<Mem> all = mem_samples(row, o);
        inst.operands[i] = all[random() % all.size()];
      } else if (o.reg != RegClass::none && !gathers) {
        inst.operands[i] = plain(i, static_cast<int>(random() % 32));
      }
    }
    if (row.masking != Masking::none && n % 2 == 0) {
      inst.mask = static_cast<uint8_t>(1 + random() % 7);
      inst.zeroing = row.masking == Masking::zero && n % 4 == 0;
    }
    out.push_back(inst);
  }
  return out;
}

inline std::vector<Inst> all_cases() {
  std::mt19937 random(1);
  std::vector<Inst> out;
  for (const Row& row : rows())
    for (const Inst& inst : cases(row, random)) out.push_back(inst);
  return out;
}

}  // namespace doorbell::x86
