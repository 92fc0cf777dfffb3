// An instruction to bytes: operands and modifiers are written through the table of layouts, and the result is
// read back. What does not decode to the same instruction has no encoding: so the decoder's rules hold here,
// and none of them is said twice.
#include <bit>
#include <cstring>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/layout.h"

namespace doorbell::amd {
namespace {

using fields::Bits;

struct Writer {
  const Inst& inst;
  const Row& row;
  Target target;
  std::array<uint32_t, static_cast<size_t>(Bits::bits_count)> value{};
  std::optional<uint32_t> literal{};
  bool fits = true;

  bool gfx10() const { return target.arch == Arch::gfx1030; }
  uint32_t& operator[](Bits b) { return value[static_cast<size_t>(b)]; }
  // Sources of SDWA and DPP's src0 have 8 bits and say apart whether they are scalar.
  uint32_t code(const Operand& x);
  void scalar(Bits b, const Operand& x, uint32_t unit = 1) {
    const uint32_t c = code(x);
    fits &= x.kind == Operand::Kind::sgpr && c % unit == 0;
    (*this)[b] = c / unit;
  }
  void vector(Bits b, const Operand& x) {
    fits &= x.kind == Operand::Kind::vgpr;
    (*this)[b] = x.index | (x.high ? 128u : 0);
  }
  void operand(const OperandRow& o, const Operand& x);
  void modifiers();
  uint64_t pack(std::span<const fields::FieldAt> list) {
    uint64_t word = 0;
    for (const fields::FieldAt& f : list)
      if (f.bits != 0) word |= (uint64_t{(*this)[f.what]} >> f.from << f.at) & fields::bits_at(f.at, f.bits);
    return word;
  }
};

uint32_t Writer::code(const Operand& x) {
  switch (x.kind) {
    case Operand::Kind::vgpr: return 256u + x.index + (x.high ? 128u : 0);
    case Operand::Kind::sgpr:
      return gfx10() && (x.index == scalar::null || x.index == scalar::m0) ? x.index ^ 1u : x.index;
    case Operand::Kind::literal: {
      const auto v = static_cast<uint32_t>(x.value);
      fits &= !literal || *literal == v;
      literal = v;
      return 255;
    }
    case Operand::Kind::constant:
    case Operand::Kind::special: return x.index;
    case Operand::Kind::imm: return static_cast<uint32_t>(x.value);
    case Operand::Kind::none: break;
  }
  fits = false;
  return 0;
}

void Writer::operand(const OperandRow& o, const Operand& x) {
  const bool absent = x.kind == Operand::Kind::none;
  const uint32_t null = gfx10() ? 125 : 124;
  const bool short_form = !fields::in_vop3(row, inst.encoding);
  switch (o.slot) {
    case Slot::sdst:
      if (!is_vop(row.format)) scalar(Bits::sdst, x);
      else if (!short_form) scalar(Bits::vdst, x);
      else if (inst.encoding == Encoding::sdwa && x.index != scalar::vcc) {
        scalar(Bits::sdwa_sdst, x);
        (*this)[Bits::sdwa_has_sdst] = 1;
      }
      break;
    case Slot::ssrc0: (*this)[Bits::ssrc0] = code(x); break;
    case Slot::ssrc1: (*this)[Bits::ssrc1] = code(x); break;
    case Slot::simm16:
      fits &= x.kind == Operand::Kind::imm && x.value >= -0x8000 && x.value <= 0xffff;
      (*this)[Bits::simm16] = static_cast<uint32_t>(x.value) & 0xffff;
      break;
    case Slot::literal:
      fits &= x.kind == Operand::Kind::literal;
      (void)code(x);
      break;
    case Slot::sdata: (*this)[Bits::sdata] = code(x); break;
    case Slot::sbase: scalar(Bits::sbase, x, 2); break;
    case Slot::soffset:
      if (absent) (*this)[Bits::soffset] = null;
      else scalar(Bits::soffset, x);
      break;
    case Slot::vdst:
      if (absent) fits &= o.optional || inst.mods.lds;
      else if (o.cls == Class::sreg) scalar(Bits::vdst, x);
      else vector(Bits::vdst, x);
      break;
    case Slot::sdst2:
      if (!short_form) scalar(Bits::sdst2, x);
      break;
    case Slot::src0:
      (*this)[Bits::src0] = code(x);
      (*this)[Bits::src0_scalar] = x.kind != Operand::Kind::vgpr;
      break;
    case Slot::src1:
      (*this)[Bits::src1] = code(x);
      (*this)[Bits::src1_scalar] = x.kind != Operand::Kind::vgpr;
      break;
    case Slot::src2: (*this)[Bits::src2] = code(x); break;
    case Slot::vcc:
      if (!short_form) (*this)[Bits::src2] = code(x);
      break;
    case Slot::vaddr:
      if (!absent) vector(Bits::vaddr, x);
      else
        fits &= row.format == Format::scratch || row.format == Format::mubuf || row.format == Format::mtbuf;
      (*this)[Bits::sve] = row.format == Format::scratch && !absent;
      break;
    case Slot::data0: vector(Bits::data0, x); break;
    case Slot::data1: vector(Bits::data1, x); break;
    case Slot::vdata:
      if (absent) fits &= inst.mods.lds;
      else vector(Bits::vdata, x);
      break;
    case Slot::saddr:
      if (!absent) scalar(Bits::saddr, x);
      break;
    case Slot::srsrc: scalar(Bits::srsrc, x, 4); break;
    case Slot::soff: (*this)[Bits::soff] = code(x); break;
  }
}

void Writer::modifiers() {
  const Modifiers& m = inst.mods;
  (*this)[Bits::offset] = static_cast<uint32_t>(m.offset);
  (*this)[Bits::neg] = m.neg | (fields::in_vop3(row, inst.encoding) ? m.sext : 0u);
  (*this)[Bits::abs] = m.abs;
  (*this)[Bits::neg_hi] = m.neg_hi;
  (*this)[Bits::op_sel] = m.op_sel;
  // Bits without a source are set, as by LLVM.
  (*this)[Bits::op_sel_hi] =
      m.op_sel_hi | fields::use_of(row, inst.encoding, target.arch, Bits::op_sel_hi).ignored;
  (*this)[Bits::clamp] = m.clamp;
  (*this)[Bits::omod] = m.omod;
  (*this)[Bits::glc] = m.glc;
  (*this)[Bits::slc] = m.slc;
  (*this)[Bits::dlc] = m.dlc;
  (*this)[Bits::lds] = m.lds;
  (*this)[Bits::tfe] = m.tfe;
  (*this)[Bits::gds] = m.gds;
  (*this)[Bits::offen] = m.offen;
  (*this)[Bits::idxen] = m.idxen;
  (*this)[Bits::format] = m.format;
  (*this)[Bits::dpp_ctrl] = m.dpp_ctrl;
  (*this)[Bits::row_mask] = m.row_mask;
  (*this)[Bits::bank_mask] = m.bank_mask;
  (*this)[Bits::bound_ctrl] = m.bound_ctrl;
  (*this)[Bits::fetch_inactive] = m.fetch_inactive;
  (*this)[Bits::lanes8] = m.dpp8;
  const uint32_t neg = m.neg | m.sext;
  if (inst.encoding == Encoding::dpp16)
    (*this)[Bits::dpp_mods] = (neg & 1) | (m.abs & 1) << 1 | (neg & 2) << 1 | (m.abs & 2) << 2;
  (*this)[Bits::dst_sel] = m.dst_sel;
  (*this)[Bits::dst_unused] = m.dst_unused;
  (*this)[Bits::src0_sel] = m.src0_sel;
  (*this)[Bits::src1_sel] = row.sources & 2 ? m.src1_sel : 0;
  (*this)[Bits::src0_mods] = (m.neg & 1) | (m.abs & 1) << 1;
  (*this)[Bits::src1_mods] = (m.neg >> 1 & 1) | (m.abs & 2);
  (*this)[Bits::src0_sext] = m.sext & 1;
  (*this)[Bits::src1_sext] = m.sext >> 1 & 1;
}

// The code in src0 that announces an extension.
uint32_t announcement(const Inst& inst) {
  switch (fields::without_vop3(inst.encoding)) {
    case Encoding::sdwa: return 249;
    case Encoding::dpp16: return 250;
    default: return inst.mods.fetch_inactive ? 234 : 233;
  }
}

bool same(const Operand& asked, const Operand& read) {
  Operand x = asked;
  if (x.dwords == 0) x.dwords = read.dwords;  // the operand's type says it
  return x == read;
}
bool same(const Inst& asked, const Inst& read) {
  if (asked.op != read.op || asked.encoding != read.encoding || asked.mods != read.mods) return false;
  if (row(asked).format == Format::vopd && asked.op_y != read.op_y) return false;
  for (size_t i = 0; i < asked.operands.size(); ++i)
    if (!same(asked.operands[i], read.operands[i])) return false;
  return true;
}

}  // namespace

Status encode(const Inst& inst, Target target, std::vector<std::byte>& out) {
  const Row& r = row(inst);
  if (!r.in(target.arch)) return error("{}: {} does not exist there", name(target.arch), r.name);
  if (!fields::has_encoding(r, inst.encoding, target.arch))
    return error("{}: {} has no such encoding", name(target.arch), r.name);
  const auto refuse = [&] {
    return error("{}: no encoding of {} takes these operands and modifiers", name(target.arch),
                 r.name_in(target.arch));
  };

  const fields::Layout& layout = fields::layout_of(r, inst.encoding, target.arch);
  Writer w{inst, r, target};
  w[Bits::opcode] = static_cast<uint32_t>(r.opcode[static_cast<size_t>(target.arch)]);
  if (layout.format == Format::vop3) {
    if (r.format == Format::vop2) w[Bits::opcode] += 0x100;
    if (r.format == Format::vop1) w[Bits::opcode] += 0x180;
    if (r.format == Format::vopc && !fields::has(r, Slot::sdst)) w[Bits::vdst] = scalar::exec;  // as LLVM
  }
  // Fields without an operand hold what means that there is none.
  const bool no_address =
      r.format == Format::scratch && fields::has(r, Slot::vaddr) &&
      inst.operands[r.operands[0].slot == Slot::vaddr ? 0 : 1].kind == Operand::Kind::none;
  w[Bits::saddr] = target.arch == Arch::gfx1030 ? (no_address ? 127 : 125) : 124;
  w.modifiers();
  for (size_t i = 0; i < r.count; ++i) w.operand(r.operands[i], inst.operands[i]);
  if (r.format == Format::vopd) {
    const Row& second = row(inst.op_y);
    if (second.format != Format::vopd || !second.in(target.arch)) return refuse();
    w[Bits::opcode_y] = static_cast<uint32_t>(second.opcode[static_cast<size_t>(target.arch)]);
    Writer y{inst, second, target};
    for (size_t i = 0; i < second.count; ++i) y.operand(second.operands[i], inst.operands[vopd_second + i]);
    w.fits &= y.fits && (!w.literal || !y.literal || w.literal == y.literal);
    if (y.literal) w.literal = y.literal;
    w[Bits::src0_y] = y[Bits::src0];
    w[Bits::src1_y] = y[Bits::src1];
    w[Bits::vdst_y] = y[Bits::vdst] >> 1;
  }
  if (!w.fits) return refuse();

  uint32_t words[4] = {};
  size_t count = layout.dwords;
  const uint32_t src0 = w[Bits::src0];
  if (fields::is_extended(inst.encoding)) w[Bits::src0] = announcement(inst);
  const uint64_t word = w.pack(layout.fields) | layout.value;
  words[0] = static_cast<uint32_t>(word);
  if (layout.dwords == 2) words[1] = static_cast<uint32_t>(word >> 32);
  if (fields::is_extended(inst.encoding)) {
    w[Bits::src0] = src0;
    words[count++] = static_cast<uint32_t>(w.pack(fields::extension_of(r, inst.encoding).fields));
  }
  if (w.literal) words[count++] = *w.literal;

  const std::span<const std::byte> bytes = std::as_bytes(std::span(words)).first(count * 4);
  const Result<Decoded> read = decode(bytes, target);
  if (!read || read->length != bytes.size() || !same(inst, read->inst)) return refuse();
  out.insert(out.end(), bytes.begin(), bytes.end());
  return success();
}

}  // namespace doorbell::amd
