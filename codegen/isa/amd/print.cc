// Instructions as text, in LLVM's syntax: exactly what llvm-mc-19 -disassemble prints, with single spaces.
#include <bit>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/layout.h"
#include "codegen/isa/amd/names.h"

namespace doorbell::amd {
namespace {

struct Printer {
  const Inst& inst;
  Target target;
  std::string out{};

  bool gfx10() const { return target.arch == Arch::gfx1030; }
  void put(std::string_view s) { out += s; }
  template <class... Args>
  void put(fmt::format_string<Args...> f, Args&&... args) {
    fmt::format_to(std::back_inserter(out), f, std::forward<Args>(args)...);
  }

  void mnemonic(const Row& row);
  void reg(char file, int first, int dwords);
  void scalar_register(const Operand& x);
  void constant(const Operand& x, const OperandRow& o);
  void plain(const Operand& x, const OperandRow& o);
  void field(const Operand& x, Notation f);
  // As LLVM prints what could be an inline constant.
  void small(uint32_t v) {
    if (v <= 64) put("{}", v);
    else put("{:#x}", v);
  }
  void operand(const Row& row, size_t i);
  void literal(uint32_t v, const OperandRow& o);
  void list(std::string_view name, uint32_t bits, int count);
  void vop_modifiers(const Row& row);
  void memory_modifiers(const Row& row);
  void half(const Row& row, size_t first);
};

void Printer::mnemonic(const Row& row) {
  put(row.name_in(target.arch));
  const bool comparison = row.format == Format::vopc;
  if (row.count == 0) return;
  switch (inst.encoding) {
    case Encoding::base: put(row.e64 ? "_e32" : ""); break;
    case Encoding::vop3: put("_e64"); break;
    case Encoding::sdwa: put("_sdwa"); break;
    case Encoding::dpp16:
    case Encoding::dpp8: put(comparison ? "" : "_dpp"); break;
    case Encoding::vop3_dpp16:
    case Encoding::vop3_dpp8: put("_e64_dpp"); break;
  }
}

void Printer::reg(char file, int first, int dwords) {
  if (dwords <= 1) put("{}{}", file, first);
  else put("{}[{}:{}]", file, first, first + dwords - 1);
}

void Printer::scalar_register(const Operand& x) {
  if (x.index < scalar::vcc) return reg('s', x.index, x.dwords);
  if (x.index >= scalar::ttmp0 && x.index < scalar::null) {
    put("ttmp");
    const int n = x.index - scalar::ttmp0;
    if (x.dwords <= 1) put("{}", n);
    else put("[{}:{}]", n, n + x.dwords - 1);
    return;
  }
  put(names::scalar_name(x.index, x.dwords));
}

void Printer::constant(const Operand& x, const OperandRow& o) {
  if (x.index <= 192) put("{}", x.index - 128);
  else if (x.index <= 208) put("{}", 192 - x.index);
  else if (names::has_hex_floats(row(inst), o)) put("{:#x}", constant_bits(x, {.data = Data::f, .bits = 16}));
  else if (x.index == 248 && names::is_wide(o, target)) put("0.15915494309189532");
  else put(names::inline_floats[x.index - 240]);
}

// LLVM writes a literal that an inline constant could stand for like the constant.
void Printer::literal(uint32_t v, const OperandRow& o) {
  const Row& r = row(inst);
  if (o.cls == Class::literal && r.format != Format::sopk) return put("{:#x}", v);
  const bool narrow = names::has_narrow_literal(r, o), wide = names::is_wide(o, target);
  const bool packed = o.bits == 16 && o.count > 1 && (o.data == Data::f || o.data == Data::bf);
  const bool half = narrow ? !names::has_hex_floats(r, o) : packed && is_vop(r.format);
  const uint32_t bits = narrow ? v & 0xffff : v;
  const int64_t n = narrow && half ? static_cast<int16_t>(bits) : wide ? int64_t{v} : static_cast<int32_t>(v);
  if (n >= -16 && n <= 64 && !(wide && o.data == Data::f && n != 0)) return put("{}", n);
  const OperandRow type{.data = half && o.data == Data::bf ? Data::bf : Data::f,
                        .bits = static_cast<uint8_t>(wide   ? 64
                                                     : half ? 16
                                                            : 32)};
  const uint64_t value = wide ? constant_bits(amd::literal(v), o) : half ? bits : v;
  for (int code = 240; code <= 248; ++code)
    if (constant_bits(inline_float(code), type) == value)
      return put(wide && code == 248 ? "0.15915494309189532" : names::inline_floats[code - 240]);
  put("{:#x}", bits);
}

void Printer::field(const Operand& x, Notation f) {
  const auto v = static_cast<uint32_t>(x.value);
  switch (f) {
    case Notation::none: break;
    case Notation::k16: put("{:#x}", v); break;
    case Notation::n16:
    case Notation::k7: small(v); break;
    case Notation::version: put(names::print_version(v)); break;
    case Notation::rel: put("{}", x.value & 0xffff); break;
    case Notation::end:
      if (v != 0) put("{}", v);
      else out.pop_back();  // the blank behind the name
      break;
    case Notation::hwreg: put(names::print_hwreg(v, target)); break;
    case Notation::waitcnt: put(names::print_waitcnt(v, target)); break;
    case Notation::delay: put(names::print_delay(v)); break;
    case Notation::depctr: put(names::print_depctr(v, target)); break;
    case Notation::msg: put(names::print_message(v, target)); break;
  }
}

void Printer::plain(const Operand& x, const OperandRow& o) {
  switch (x.kind) {
    case Operand::Kind::none: put("off"); break;
    case Operand::Kind::vgpr:
      reg('v', x.index, x.dwords);
      if (x.high) put(".h");
      else if (row(inst).true16 && !fields::in_vop3(row(inst), inst.encoding)) put(".l");
      break;
    case Operand::Kind::sgpr: scalar_register(x); break;
    case Operand::Kind::constant: constant(x, o); break;
    case Operand::Kind::literal: literal(static_cast<uint32_t>(x.value), o); break;
    case Operand::Kind::special: put(names::special_name(x.index)); break;
    case Operand::Kind::imm: field(x, o.notation); break;
  }
}

// With -, | | and sext() around it.
void Printer::operand(const Row& row, size_t i) {
  const OperandRow& o = row.operands[i];
  const Operand& x = inst.operands[i];
  const bool is_source = o.slot == Slot::src0 || o.slot == Slot::src1 || o.slot == Slot::src2;
  if (!is_source || row.format == Format::vopd) return plain(x, o);
  const int bit = 1 << (static_cast<int>(o.slot) - static_cast<int>(Slot::src0));
  const Modifiers& m = inst.mods;
  const bool mix = row.name.starts_with("v_fma_mix");
  const bool negated = (row.format != Format::vop3p || mix) && (m.neg & bit);
  const bool absolute = (m.abs & bit) || (mix && (m.neg_hi & bit));
  const bool sext = m.sext & bit;
  const bool spelt =
      negated && !absolute && (x.kind == Operand::Kind::constant || x.kind == Operand::Kind::literal);
  if (negated) put(spelt ? "neg(" : "-");
  if (absolute) put("|");
  if (sext) put("sext(");
  plain(x, o);
  if (sext) put(")");
  if (absolute) put("|");
  if (spelt) put(")");
}

void Printer::list(std::string_view name, uint32_t bits, int count) {
  put(" {}:[", name);
  for (int i = 0; i < count; ++i) put("{}{}", i == 0 ? "" : ",", bits >> i & 1);
  put("]");
}

void Printer::vop_modifiers(const Row& row) {
  const Modifiers& m = inst.mods;
  const int count = std::popcount(row.sources);
  if (row.format == Format::vop3p) {
    const bool mix = row.name.starts_with("v_fma_mix");
    const uint32_t all = (1u << count) - 1, usual_hi = mix ? 0 : all;
    if (m.op_sel != 0) list("op_sel", m.op_sel, count);
    const bool selects = row.unit != Unit::matrix || row.operands[0].bits == 16;
    if (selects && m.op_sel_hi != usual_hi) list("op_sel_hi", m.op_sel_hi, count);
    if (!mix && m.neg != 0) list("neg_lo", m.neg, count);
    if (!mix && m.neg_hi != 0) list("neg_hi", m.neg_hi, count);
  } else if (m.op_sel != 0) {
    const int known = gfx10() ? row.op_sel : row.op_sel11;
    const bool with_result = known != 0 ? known & 8 : row.format != Format::vopc;
    const int sources = !with_result ? std::popcount(static_cast<unsigned>(known != 0 ? known : row.sources))
                                     : count + row.operands[0].reads;  // v_fmac's third source is its result
    list("op_sel", (m.op_sel & 7) | (m.op_sel >> 3) << sources, sources + with_result);
  }
  if (m.clamp) put(" clamp");
  if (m.omod != 0) put(m.omod == 1 ? " mul:2" : m.omod == 2 ? " mul:4" : " div:2");
  switch (fields::without_vop3(inst.encoding)) {
    case Encoding::dpp16:
      put(" {} row_mask:{:#x} bank_mask:{:#x}", names::print_dpp_ctrl(m.dpp_ctrl), m.row_mask, m.bank_mask);
      if (m.bound_ctrl) put(" bound_ctrl:1");
      if (m.fetch_inactive) put(" fi:1");
      break;
    case Encoding::dpp8:
      put(" dpp8:[");
      for (int i = 0; i < 8; ++i) put("{}{}", i == 0 ? "" : ",", m.dpp8 >> (3 * i) & 7);
      put("]");
      if (m.fetch_inactive) put(" fi:1");
      break;
    case Encoding::sdwa:
      if (row.format != Format::vopc && row.count != 0)
        put(" dst_sel:{} dst_unused:{}", names::sdwa_sel[m.dst_sel], names::sdwa_unused[m.dst_unused]);
      if (row.sources & 1) put(" src0_sel:{}", names::sdwa_sel[m.src0_sel]);
      if (row.sources & 2) put(" src1_sel:{}", names::sdwa_sel[m.src1_sel]);
      break;
    default: break;
  }
}

void Printer::memory_modifiers(const Row& row) {
  const Modifiers& m = inst.mods;
  const bool buffer = row.format == Format::mubuf || row.format == Format::mtbuf;
  if (row.format == Format::mtbuf) put(names::print_format(m.format, target));
  if (m.idxen) put(" idxen");
  if (m.offen) put(" offen");
  if (row.format == Format::smem) {  // see half()
  } else if (row.two_offsets) {
    if (m.offset & 0xff) put(" offset0:{}", m.offset & 0xff);
    if (m.offset >> 8) put(" offset1:{}", m.offset >> 8);
  } else if (row.name == "ds_swizzle_b32") {
    put(names::print_swizzle(static_cast<uint32_t>(m.offset)));
  } else if (m.offset != 0) {
    put(" offset:{}", m.offset);
  }
  if (m.gds) put(" gds");
  if (m.glc) put(" glc");
  if (m.slc) put(" slc");
  if (m.dlc) put(" dlc");
  if (m.tfe) put(" tfe");
  if (m.lds) put(" lds");
  (void)buffer;
}

// The name and operands of an instruction, or of half a pair.
void Printer::half(const Row& row, size_t first) {
  bool comma = false;
  for (size_t i = 0; i < row.count; ++i) {
    const OperandRow& o = row.operands[i];
    const Operand& x = inst.operands[first + i];
    // An atomic without a result, a load into LDS.
    if (x.kind == Operand::Kind::none && (o.slot == Slot::vdst || o.slot == Slot::vdata)) continue;
    if (o.slot == Slot::soffset) {
      // One of s4, 0x10, s4 offset:0x10.
      const int32_t offset = inst.mods.offset;
      put(", ");
      if (x.kind != Operand::Kind::none) {
        plain(x, o);
        if (offset != 0) put(" offset:{}{:#x}", offset < 0 ? "-" : "", std::abs(offset));
      } else if (offset == 0) {
        put("null");
      } else {
        put("{}{:#x}", offset < 0 ? "-" : "", std::abs(offset));
      }
      continue;
    }
    put(comma ? ", " : " ");
    comma = true;
    if (first == 0) operand(row, i);
    else plain(x, o);
  }
}

}  // namespace

std::string print(const Inst& inst, Target target) {
  const Row& r = row(inst);
  Printer p{inst, target};
  p.mnemonic(r);
  p.half(r, 0);
  if (r.format == Format::vopd) {
    const Row& second = row(inst.op_y);
    p.put(" :: ");
    p.put(second.name);
    p.half(second, vopd_second);
    return p.out;
  }
  if (is_vop(r.format)) p.vop_modifiers(r);
  else if (r.format >= Format::smem) p.memory_modifiers(r);
  return p.out;
}

}  // namespace doorbell::amd
