// Instructions generated from the rows of the AMD table: each row in each of its encodings, with its operands
// in every form and each modifier that it takes.
#pragma once

#include <vector>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/layout.h"
#include "codegen/isa/amd/names.h"

namespace doorbell::amd {

struct Cases {
  Target target;
  const Row& row;
  Encoding encoding;
  std::vector<Inst> all{};

  bool gfx10() const { return target.arch == Arch::gfx1030; }
  // What encodes is a case; the rest is not.
  bool add(const Inst& inst) {
    std::vector<std::byte> bytes;
    const bool fits = encode(inst, target, bytes).ok();
    if (fits) all.push_back(inst);
    return fits;
  }

  std::vector<int64_t> field_values(Notation f) const {
    switch (f) {
      case Notation::none: return {};
      case Notation::k16:
      case Notation::n16: return {0, 1, 5, 64, 65, 0x1234, 0x7fff, 0x8000, 0xffff};
      case Notation::k7: return {0, 5, 64, 127};
      case Notation::version: return {0, 4, 6, 9, 3, 0x2004, 0x6006, 0xe009, 0x123};
      case Notation::rel: return {0, 1, 100, 0x7fff, -1, -0x8000};
      case Notation::hwreg: {
        std::vector<int64_t> v{63 | 31 << 6, 1 | 3 << 6 | 4 << 11};
        for (int64_t id = 0; id < 32; ++id) v.push_back(id | 31 << 11);
        return v;
      }
      case Notation::waitcnt:
        return gfx10() ? std::vector<int64_t>{0, 0xff7f, 0x3f70, 0xc07f, 0x0170, 0xff6f, 0xff7e, 0xfe7f}
                       : std::vector<int64_t>{0, 0xfff7, 0x03f7, 0xfc07, 0xfff0, 0x07f7, 0xfbf7, 0x0012};
      case Notation::delay: return {0, 1, 5, 8, 11, 0x12, 0x91, 0x1a4, 0x50, 0x581};
      case Notation::depctr:
        return {0, 0xff9f, 0xff1f, 0xff9e, 0x0f9f, 0xf19f, 0xfe9f, 0xff9d, 0xff83, 0xffff};
      case Notation::msg:
        return gfx10() ? std::vector<int64_t>{1,    4,     5,   6,     7,    8,    9,    10, 11,  0x12,
                                              0x22, 0x132, 0x3, 0x313, 0x1f, 0x2f, 0x4f, 0,  0x75}
                       : std::vector<int64_t>{1, 2, 3, 5, 6, 9, 128, 129, 130, 131, 132, 133, 134, 0, 77};
      case Notation::end: return {0, 5};
    }
    return {};
  }

  // A plain operand; `n` makes those of one instruction distinct.
  Operand plain(const OperandRow& o, int n) const {
    const int dwords = o.dwords(target.wave);
    if (o.cls == Class::field) return imm(field_values(o.notation)[0]);
    if (o.cls == Class::literal) return literal(0x4321);
    if (o.slot == Slot::vcc) return sgpr(scalar::vcc, dwords);
    if ((o.slot == Slot::sdst || o.slot == Slot::sdst2) && is_vop(row.format))
      return sgpr(scalar::vcc, dwords);
    if (o.cls == Class::sreg || o.cls == Class::scalar || o.slot == Slot::srsrc)
      return sgpr(8 + 16 * n, dwords);
    return vgpr(8 + 9 * n, dwords);
  }

  std::vector<Operand> forms(const OperandRow& o) const {
    const int dwords = o.dwords(target.wave);
    std::vector<Operand> list;
    if (o.cls == Class::field) {
      for (int64_t v : field_values(o.notation)) list.push_back(imm(v));
      return list;
    }
    if (o.cls == Class::literal) {
      // Halves of f16 constants have 16 bits in the text.
      for (uint32_t v : {0x1u, 0x3c00u, 0x1234u}) list.push_back(literal(v));
      if (!row.name.ends_with("_f16")) list.push_back(literal(0x87654321));
      return list;
    }
    const bool vector = o.cls == Class::vgpr || o.cls == Class::any || o.cls == Class::vgpr_or_constant;
    if (vector)
      for (int i : {0, 1, 100, 127, 128, 256 - dwords}) list.push_back(vgpr(i, dwords));
    if (vector && row.true16)
      for (int i : {0, 127})
        list.push_back(
            {.kind = Operand::Kind::vgpr, .dwords = 1, .high = true, .index = static_cast<uint16_t>(i)});
    if (o.cls != Class::vgpr) {
      for (int i : {0, 2, 4, 36, 100, 104, 105, int{scalar::vcc}, int{scalar::vcc_hi}, int{scalar::ttmp0},
                    120, 123, int{scalar::null}, int{scalar::m0}, int{scalar::exec}, int{scalar::exec_hi}})
        if (dwords <= 1 || i % 2 == 0) list.push_back(sgpr(i, dwords));
    }
    if (o.cls == Class::scalar || o.cls == Class::any || o.cls == Class::vgpr_or_constant) {
      for (int v : {0, 1, 64, -1, -16}) list.push_back(inline_int(v));
      for (int code = 240; code <= 248; ++code) list.push_back(inline_float(code));
    }
    if (o.cls == Class::scalar || o.cls == Class::any) {
      const bool narrow = names::has_narrow_literal(row, o);
      list.push_back(literal(narrow ? 0xfedc : 0x12345678));
      list.push_back(literal(narrow ? 0x65 : 0xfedcba98));
      for (uint32_t v : {1u, 65u, 0xfffffff0u, 0x3c00u, 0x3f80u, 0x3f800000u, 0x3ff00000u, 0x20f00028u})
        list.push_back(literal(v));
    }
    if (o.cls != Class::vgpr)
      for (uint16_t code :
           {special::shared_base, special::shared_limit, special::private_base, special::private_limit,
            special::pops_exiting_wave_id, special::vccz, special::execz, special::scc, special::lds_direct})
        list.push_back(special_source(code));
    if (o.optional || o.slot == Slot::soffset || o.slot == Slot::vaddr) list.push_back({});
    return list;
  }

  Inst base() const {
    Inst inst;
    inst.op = static_cast<Op>(&row - rows().data());
    inst.encoding = encoding;
    for (size_t i = 0; i < row.count; ++i) inst.operands[i] = plain(row.operands[i], static_cast<int>(i));
    Modifiers& m = inst.mods;
    if (row.format == Format::vop3p)
      m.op_sel_hi = fields::use_of(row, encoding, target.arch, fields::Bits::op_sel_hi).used & 7;
    if (row.name.starts_with("v_fma_mix")) m.op_sel_hi = 0;
    if (row.gds_only) m.gds = true;
    if (row.format == Format::mtbuf) m.format = 22;
    if (encoding == Encoding::sdwa && row.format == Format::vopc) m.dst_unused = 0;
    for (size_t i = 0; i < row.count; ++i) {
      if (row.operands[i].slot == Slot::vdst && row.operands[i].optional) m.glc = true;
      if (row.operands[i].slot == Slot::vaddr && row.format == Format::mubuf) m.offen = true;
      if (row.operands[i].slot == Slot::vaddr && row.format == Format::mtbuf) m.offen = true;
    }
    if (row.format == Format::global || row.format == Format::scratch)
      for (size_t i = 0; i < row.count; ++i)
        if (row.operands[i].slot == Slot::saddr) inst.operands[i] = {};
    if (row.format == Format::vopd) {
      inst.op_y = op("v_dual_mov_b32");
      inst.operands[vopd_second] = vgpr(9);
      inst.operands[vopd_second + 1] = vgpr(30);
      if (has_second_only()) {
        std::swap(inst.op, inst.op_y);
        inst.operands = {vgpr(9), vgpr(30), {}, {}, vgpr(8), vgpr(17), vgpr(26)};
      }
    }
    return inst;
  }
  bool has_second_only() const { return row.format == Format::vopd && row.opcode[1] > 0xf; }

  void operand_forms(const Inst& from) {
    const size_t at = has_second_only() ? vopd_second : 0;
    for (size_t i = 0; i < row.count; ++i)
      for (const Operand& x : forms(row.operands[i])) {
        Inst inst = from;
        inst.operands[at + i] = x;
        // What an operand asks of others.
        if (row.operands[i].slot == Slot::vaddr && x.kind == Operand::Kind::none)
          inst.mods.offen = inst.mods.idxen = false;
        if (row.operands[i].slot == Slot::vdst && x.kind == Operand::Kind::none) inst.mods.glc = false;
        if (row.operands[i].slot == Slot::saddr && x.kind != Operand::Kind::none)
          for (size_t j = 0; j < row.count; ++j)
            if (row.operands[j].slot == Slot::vaddr) {
              if (row.format == Format::global) inst.operands[j].dwords = 1;
              if (row.format == Format::scratch && gfx10()) inst.operands[j] = {};
            }
        add(inst);
      }
  }

  void modifier_forms(const Inst& from) {
    const auto with = [&](auto change) {
      Inst inst = from;
      change(inst.mods);
      add(inst);
    };
    for (uint8_t bits = 1; bits < 8; ++bits) {
      with([&](Modifiers& m) { m.neg = bits; });
      with([&](Modifiers& m) { m.abs = bits; });
      with([&](Modifiers& m) { m.neg = m.abs = bits; });
      with([&](Modifiers& m) { m.neg_hi = bits; });
      with([&](Modifiers& m) { m.sext = bits; });
      with([&](Modifiers& m) { m.op_sel_hi = bits; });
    }
    with([](Modifiers& m) { m.op_sel_hi = 0; });
    for (uint8_t bits = 1; bits < 16; ++bits) with([&](Modifiers& m) { m.op_sel = bits; });
    for (uint8_t n : {1, 2, 3}) with([&](Modifiers& m) { m.omod = n; });
    for (bool Modifiers::* flag :
         {&Modifiers::clamp, &Modifiers::glc, &Modifiers::slc, &Modifiers::dlc, &Modifiers::lds,
          &Modifiers::tfe, &Modifiers::gds, &Modifiers::bound_ctrl, &Modifiers::fetch_inactive})
      with([&](Modifiers& m) { m.*flag = !(m.*flag); });
    with([](Modifiers& m) { m.glc = m.slc = m.dlc = true; });
    const bool swizzle = row.name == "ds_swizzle_b32";
    for (int32_t offset : {1,  5,  255,   256,   2047,   2048,   4095,   4096,   65535, 0xffff0,
                           -1, -5, -2048, -4096, 0x801b, 0x041f, 0x3c1f, 0x401f, 0x20,  0x1f})
      if (!swizzle || offset > 0) with([&](Modifiers& m) { m.offset = offset; });
    for (uint16_t ctrl : {0x0, 0x1b, 0xe4, 0xff, 0x101, 0x10f, 0x111, 0x11f, 0x121, 0x12f, 0x140, 0x141,
                          0x150, 0x15f, 0x160, 0x16f})
      with([&](Modifiers& m) { m.dpp_ctrl = ctrl; });
    for (uint8_t mask : {0, 1, 8}) {
      with([&](Modifiers& m) { m.row_mask = mask; });
      with([&](Modifiers& m) { m.bank_mask = mask; });
    }
    with([](Modifiers& m) { m.dpp8 = 076543210; });
    with([](Modifiers& m) { m.dpp8 = 012345670; });
    for (uint8_t sel = 0; sel < 7; ++sel) {
      with([&](Modifiers& m) { m.dst_sel = sel; });
      with([&](Modifiers& m) { m.src0_sel = sel; });
      with([&](Modifiers& m) { m.src1_sel = sel; });
    }
    for (uint8_t unused : {0, 1, 2}) with([&](Modifiers& m) { m.dst_unused = unused; });
    for (int f = 0; f < 128; ++f) with([&](Modifiers& m) { m.format = static_cast<uint8_t>(f); });
    // Buffers: idxen alone, both, neither.
    for (size_t i = 0; i < row.count; ++i) {
      if (row.operands[i].slot != Slot::vaddr || (row.format != Format::mubuf && row.format != Format::mtbuf))
        continue;
      for (int both : {0, 1, 2}) {
        Inst inst = from;
        inst.mods.offen = both == 1;
        inst.mods.idxen = both != 2;
        inst.operands[i] = both == 2 ? Operand{} : vgpr(17, both + 1);
        if (both == 2) inst.mods.idxen = inst.mods.offen = false;
        add(inst);
        if (row.operands[0].slot != Slot::vdata) continue;
        inst.mods.lds = true;
        inst.operands[0] = {};
        add(inst);
      }
    }
    // Vector memory with tfe has one more register.
    if (fields::use_of(row, encoding, target.arch, fields::Bits::tfe).used != 0) {
      Inst inst = from;
      inst.mods.tfe = true;
      ++inst.operands[0].dwords;
      add(inst);
    }
    // Loads into LDS have no result.
    if (fields::use_of(row, encoding, target.arch, fields::Bits::lds).used != 0 &&
        row.format != Format::mubuf) {
      Inst inst = from;
      inst.mods.lds = true;
      inst.operands[0] = {};
      add(inst);
    }
  }
};

// LLVM 19 has gfx11's choice of halves in some rows only: where VOP3 has no other use for op_sel, and in the
// short encodings but v_mov_b16's, it takes operands of 16 bits for low halves. LLVM 21 has it everywhere.
inline bool llvm_has(const Row& row, Encoding e) {
  return row.name != "v_swap_b16" && (row.name != "v_mov_b16" || !fields::in_vop3(row, e));
}
// The instruction with what LLVM 19 knows of its halves.
inline Inst llvm_sees(Inst inst) {
  const Row& r = row(inst);
  if (!r.true16)
    for (Operand& x : inst.operands) x.high = false;
  if (r.format != Format::vop3p && r.op_sel11 == 0) inst.mods.op_sel = 0;
  return inst;
}

// Empty where the base itself does not encode, which is a bug in the table.
inline std::vector<Inst> cases(const Row& row, Encoding encoding, Target target) {
  Cases c{target, row, encoding};
  const Inst base = c.base();
  if (!c.add(base)) return {};
  c.operand_forms(base);
  c.modifier_forms(base);
  std::erase_if(c.all, [](const Inst& inst) { return llvm_sees(inst) != inst; });
  return c.all;
}

inline std::vector<Encoding> encodings_of(const Row& row, Target target) {
  std::vector<Encoding> list;
  for (int e = 0; e <= static_cast<int>(Encoding::vop3_dpp8); ++e)
    if (fields::has_encoding(row, static_cast<Encoding>(e), target.arch) &&
        llvm_has(row, static_cast<Encoding>(e)))
      list.push_back(static_cast<Encoding>(e));
  return list;
}

}  // namespace doorbell::amd
