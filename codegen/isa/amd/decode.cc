// Bytes to an instruction: the encoder's tables read the other way. It refuses what the generation lacks and
// bits that must be zero, so that a word is never taken for something that it is not.
#include <algorithm>
#include <cstring>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/layout.h"
#include "codegen/isa/amd/names.h"

namespace doorbell::amd {
namespace {

using fields::Bits;
using fields::Layout;

// Rows by generation, format and opcode.
constexpr size_t format_count = static_cast<size_t>(Format::mtbuf) + 1;
constexpr uint16_t nothing = 0xffff;
struct Index {
  std::vector<uint16_t> at;

  Index() : at(arch_count * format_count * 1024, nothing) {
    for (size_t i = 0; i < rows().size(); ++i)
      for (int a = 0; a < arch_count; ++a)
        if (const Row& r = rows()[i]; r.in(static_cast<Arch>(a)))
          at[key(static_cast<Arch>(a), r.format, static_cast<unsigned>(r.opcode[static_cast<size_t>(a)]))] =
              static_cast<uint16_t>(i);
  }
  static size_t key(Arch a, Format f, unsigned opcode) {
    return (static_cast<size_t>(a) * format_count + static_cast<size_t>(f)) * 1024 + opcode;
  }
  const Row* find(Arch a, Format f, unsigned opcode) const {
    const uint16_t i = at[key(a, f, opcode)];
    return i == nothing ? nullptr : &rows()[i];
  }
  // VOP3's opcodes begin with those of the short formats: RDNA3 ISA, "VOP3 Opcodes".
  const Row* find_vop3(Arch a, unsigned opcode) const {
    if (const Row* r = find(a, Format::vop3, opcode)) return r;
    const Row* r = nullptr;
    if (opcode < 0x100) r = find(a, Format::vopc, opcode);
    else if (opcode < 0x140) r = find(a, Format::vop2, opcode - 0x100);
    else if (opcode >= 0x180 && opcode < 0x200) r = find(a, Format::vop1, opcode - 0x180);
    return r && r->e64 ? r : nullptr;
  }
};

Op op_of(const Row& row) { return static_cast<Op>(&row - rows().data()); }

// The fields' values.
struct Raw {
  std::array<uint32_t, static_cast<size_t>(Bits::bits_count)> value{};

  uint32_t& operator[](Bits b) { return value[static_cast<size_t>(b)]; }
  uint32_t operator[](Bits b) const { return value[static_cast<size_t>(b)]; }
  // Returns the bits that the fields cover.
  uint64_t read(std::span<const fields::FieldAt> list, uint64_t word) {
    uint64_t covered = 0;
    for (const fields::FieldAt& f : list) {
      if (f.bits == 0) break;
      const uint64_t mask = fields::bits_at(f.at, f.bits);
      if (f.from == 0) (*this)[f.what] = 0;  // an extension's field replaces that of the first dwords
      (*this)[f.what] |= static_cast<uint32_t>((word & mask) >> f.at) << f.from;
      covered |= mask;
    }
    return covered;
  }
};

struct Reader {
  Target target;
  Raw raw{};
  Encoding encoding = Encoding::base;
  uint32_t literal_bits = 0;  // the dword behind the instruction
  bool uses_literal = false;

  bool gfx10() const { return target.arch == Arch::gfx1030; }
  bool is_short(const Row& row) const {
    return row.format == Format::vop1 || row.format == Format::vop2 || row.format == Format::vopc
               ? !fields::in_vop3(row, encoding)
               : row.format == Format::vopd;
  }

  // A register of the scalar file by its code, 0 to 127. Processors ignore the low bits of a tuple's number.
  bool scalar_register(unsigned code, int dwords, Operand& x) const {
    if (code >= 128) return false;
    if (gfx10() && (code == 124 || code == 125)) code ^= 1;  // here null is 124
    if (code < 106 || (code >= scalar::ttmp0 && code < scalar::null)) {
      const unsigned first = code < 106 ? 0 : unsigned{scalar::ttmp0},
                     end = code < 106 ? 106 : unsigned{scalar::null};
      const unsigned unit = dwords == 1 ? 1 : dwords == 2 ? 2 : 4;
      code = first + (code - first) / unit * unit;
      if (code + static_cast<unsigned>(dwords) > end) return false;
    } else if (code == scalar::null) {
      if (dwords > 2) return false;
    } else if (dwords > 2 || (dwords == 2 && code != scalar::vcc && code != scalar::exec)) {
      return false;
    }
    x = sgpr(static_cast<int>(code), dwords);
    return true;
  }
  bool vector_register(unsigned index, int dwords, Operand& x) const {
    if (index + static_cast<unsigned>(dwords) > 256) return false;
    x = vgpr(static_cast<int>(index), dwords);
    return true;
  }
  // A source of up to 8 bits.
  bool scalar_source(unsigned code, int dwords, Operand& x) {
    if (code < 128) return scalar_register(code, dwords, x);
    if (code <= 208 || (code >= 240 && code <= 248)) {
      x = {.kind = Operand::Kind::constant, .index = static_cast<uint16_t>(code)};
      return true;
    }
    const bool everywhere =
        (code >= special::shared_base && code <= special::private_limit) || code == special::scc;
    if (everywhere || (gfx10() && (code == special::pops_exiting_wave_id || code == special::vccz ||
                                   code == special::execz))) {
      x = special_source(static_cast<uint16_t>(code));
      return true;
    }
    if (code != 255 || fields::is_extended(encoding)) return false;
    x = literal(literal_bits);
    uses_literal = true;
    return true;
  }
  bool source(unsigned code, Format format, const OperandRow& o, Operand& x) {
    const int dwords = o.dwords(target.wave);
    if (code >= 256)
      return (o.cls == Class::any || o.cls == Class::vgpr || o.cls == Class::vgpr_or_constant) &&
             vector_register(code - 256, dwords, x);
    if (code == special::lds_direct && gfx10() && is_vop(format) && o.cls == Class::any &&
        o.slot == Slot::src0 && dwords == 1) {
      x = special_source(special::lds_direct);
      return true;
    }
    switch (o.cls) {
      case Class::sreg:  // also the specials of the operand's width, and any where a mask is read
        if (code >= 128 && o.data != Data::mask &&
            (dwords == 1) == (code >= special::shared_base && code <= special::private_limit))
          return false;
        if (code >= special::vccz && o.data != Data::mask && dwords != 1) return false;
        return scalar_source(code, dwords, x) &&
               (x.kind == Operand::Kind::sgpr || x.kind == Operand::Kind::special);
      case Class::vgpr_or_constant:
        if (code == no_saddr()) {  // null is as wide as it must be
          x = sgpr(scalar::null, dwords);
          return true;
        }
        return ((code >= 128 && code <= 248) || code == special::scc) && scalar_source(code, dwords, x);
      case Class::scalar:
      case Class::any: return scalar_source(code, dwords, x);
      default: return false;
    }
  }
  // gfx11's short encodings take halves of v0 to v127 only: bit 7 of a register's number picks the upper
  // half (RDNA3 ISA, "16-bit Operands").
  void pick_half(const Row& row, const OperandRow& o, Operand& x) const {
    if (gfx10() || !is_short(row) || row.format == Format::vopd || o.bits * o.count != 16 ||
        x.kind != Operand::Kind::vgpr)
      return;
    x.high = x.index >= 128;
    x.index &= 127;
  }
  bool operand(const Row& row, const OperandRow& o, Operand& x);
  bool address(const Row& row, Operand& x) const;
  unsigned no_saddr() const { return gfx10() ? 125 : 124; }  // null
  bool operand_of_second(const OperandRow& o, Operand& x);
  void modifiers(const Row& row, Modifiers& m) const;
};

bool Reader::operand(const Row& row, const OperandRow& o, Operand& x) {
  const int dwords = o.dwords(target.wave);
  const auto vector = [&](Bits b) { return vector_register(raw[b], dwords, x); };
  const auto scalar = [&](Bits b, unsigned unit = 1) { return scalar_register(raw[b] * unit, dwords, x); };
  const auto vcc = [&] { return scalar_register(scalar::vcc, dwords, x); };
  switch (o.slot) {
    case Slot::sdst:
      if (!is_vop(row.format)) return scalar(Bits::sdst);
      if (encoding == Encoding::sdwa && raw[Bits::sdwa_has_sdst]) return scalar(Bits::sdwa_sdst);
      return is_short(row) ? vcc() : scalar(Bits::vdst);
    case Slot::ssrc0:
      if (o.cls == Class::field) {
        x = imm(raw[Bits::ssrc0]);
        return true;
      }
      return source(raw[Bits::ssrc0], row.format, o, x);
    case Slot::ssrc1: return source(raw[Bits::ssrc1], row.format, o, x);
    case Slot::simm16:
      x = imm(o.notation == Notation::rel ? static_cast<int16_t>(raw[Bits::simm16])
                                          : static_cast<int64_t>(raw[Bits::simm16]));
      return true;
    case Slot::literal:
      x = literal(literal_bits);
      uses_literal = true;
      return true;
    case Slot::sdata:
      if (o.cls != Class::field)
        return scalar(Bits::sdata) && x.index != scalar::m0 && x.index < scalar::exec;
      x = imm(raw[Bits::sdata]);
      return true;
    case Slot::sbase: return scalar(Bits::sbase, 2);
    case Slot::soffset:
      if (!scalar(Bits::soffset)) return false;
      if (x.index == scalar::null) x = {};
      return true;
    case Slot::vdst:
      if ((o.optional && !raw[Bits::glc]) || raw[Bits::lds]) {
        x = {};
        return true;
      }
      return o.cls == Class::sreg ? scalar(Bits::vdst) : vector(Bits::vdst);
    case Slot::sdst2: return is_short(row) ? vcc() : scalar(Bits::sdst2);
    case Slot::src0:
      if (encoding == Encoding::sdwa && raw[Bits::src0_scalar])
        return o.cls != Class::vgpr && scalar_source(raw[Bits::src0], dwords, x);
      if (fields::is_extended(encoding)) return vector(Bits::src0);
      return source(raw[Bits::src0], row.format, o, x);
    case Slot::src1:
      if (encoding == Encoding::sdwa && raw[Bits::src1_scalar])
        return scalar_source(raw[Bits::src1], dwords, x);
      if (is_short(row)) return vector(Bits::src1);
      // DPP: gfx11.5 lets the second source be scalar, except in v_fma_mix.
      if (fields::is_extended(encoding) && raw[Bits::src1] < 256 &&
          (target.arch != Arch::gfx1151 || row.name.starts_with("v_fma_mix")))
        return false;
      return source(raw[Bits::src1], row.format, o, x);
    case Slot::src2: return source(raw[Bits::src2], row.format, o, x);
    case Slot::vcc:
      if (is_short(row)) return vcc();
      return source(raw[Bits::src2], row.format, o, x) && x.index != scalar::exec &&
             x.index != scalar::exec_hi;
    case Slot::vaddr: return address(row, x);
    case Slot::data0: return vector(Bits::data0);
    case Slot::data1: return vector(Bits::data1);
    case Slot::vdata:
      x = {};
      if (raw[Bits::lds]) return true;
      return vector_register(raw[Bits::vdata], dwords + static_cast<int>(raw[Bits::tfe]), x);
    case Slot::saddr: {
      const bool off = raw[Bits::saddr] == no_saddr() ||
                       (gfx10() && row.format == Format::scratch && raw[Bits::saddr] == 127);
      x = {};
      return off || (scalar(Bits::saddr) && x.index != scalar::exec_hi);
    }
    case Slot::srsrc: return scalar(Bits::srsrc, 4);
    case Slot::soff: return raw[Bits::soff] != 255 && source(raw[Bits::soff], row.format, o, x);
  }
  return false;
}

// How many registers an address takes follows from what else the instruction has.
bool Reader::address(const Row& row, Operand& x) const {
  int dwords = 1;
  switch (row.format) {
    case Format::flat: dwords = 2; break;
    case Format::global: dwords = raw[Bits::saddr] == no_saddr() ? 2 : 1; break;
    case Format::scratch: dwords = gfx10() ? raw[Bits::saddr] == no_saddr() : raw[Bits::sve] != 0; break;
    case Format::mubuf:
    case Format::mtbuf: dwords = static_cast<int>(raw[Bits::offen] + raw[Bits::idxen]); break;
    default: break;
  }
  x = {};
  return dwords == 0 || vector_register(raw[Bits::vaddr], dwords, x);
}

// VOPD: the second destination's lowest bit is the inverse of the first's.
bool Reader::operand_of_second(const OperandRow& o, Operand& x) {
  switch (o.slot) {
    case Slot::vdst: return vector_register(raw[Bits::vdst_y] << 1 | (~raw[Bits::vdst] & 1), 1, x);
    case Slot::src0: return source(raw[Bits::src0_y], Format::vopd, o, x);
    case Slot::src1: return vector_register(raw[Bits::src1_y], 1, x);
    case Slot::literal:
      x = literal(literal_bits);
      uses_literal = true;
      return true;
    default: return false;
  }
}

int32_t sign_extended(uint32_t v, int bits) { return static_cast<int32_t>(v << (32 - bits)) >> (32 - bits); }

void Reader::modifiers(const Row& row, Modifiers& m) const {
  const auto used = [&](Bits b) { return raw[b] & fields::use_of(row, encoding, target.arch, b).used; };
  const auto byte = [&](Bits b) { return static_cast<uint8_t>(used(b)); };
  const uint32_t offset = used(Bits::offset);
  switch (row.format) {
    case Format::smem: m.offset = sign_extended(offset, 21); break;
    case Format::global:
    case Format::scratch: m.offset = sign_extended(offset, gfx10() ? 12 : 13); break;
    default: m.offset = static_cast<int32_t>(offset);
  }
  m.neg = byte(Bits::neg);
  if (row.format == Format::vop3 || fields::in_vop3(row, encoding)) {  // where integers stand beside floats
    const uint8_t floats = gfx10() ? row.float_sources : row.float_sources11;
    m.sext = m.neg & ~floats;
    m.neg &= floats;
  }
  m.abs = byte(Bits::abs);
  m.neg_hi = byte(Bits::neg_hi);
  m.op_sel = byte(Bits::op_sel);
  if (!gfx10() && (row.format == Format::vop3 || fields::in_vop3(row, encoding)))
    m.op_sel |= static_cast<uint8_t>(raw[Bits::op_sel] & row.halves);
  m.op_sel_hi = byte(Bits::op_sel_hi);
  m.clamp = used(Bits::clamp);
  m.omod = byte(Bits::omod);
  m.glc = used(Bits::glc);
  m.slc = used(Bits::slc);
  m.dlc = used(Bits::dlc);
  m.lds = used(Bits::lds);
  m.tfe = used(Bits::tfe);
  m.gds = used(Bits::gds);
  m.offen = used(Bits::offen);
  m.idxen = used(Bits::idxen);
  m.format = byte(Bits::format);
  switch (fields::without_vop3(encoding)) {
    case Encoding::dpp16: {
      m.dpp_ctrl = static_cast<uint16_t>(raw[Bits::dpp_ctrl]);
      m.row_mask = byte(Bits::row_mask);
      m.bank_mask = byte(Bits::bank_mask);
      m.bound_ctrl = used(Bits::bound_ctrl);
      m.fetch_inactive = used(Bits::fetch_inactive);
      const uint32_t mods = used(Bits::dpp_mods);
      const auto neg = static_cast<uint8_t>((mods & 1) | (mods >> 1 & 2));
      m.neg |= neg & row.float_sources;
      m.sext |= neg & ~row.float_sources;
      m.abs |= static_cast<uint8_t>((mods >> 1 & 1) | (mods >> 2 & 2));
      break;
    }
    case Encoding::dpp8: m.dpp8 = raw[Bits::lanes8]; break;
    case Encoding::sdwa: {
      const uint32_t mods0 = used(Bits::src0_mods), mods1 = used(Bits::src1_mods);
      m.neg = static_cast<uint8_t>((mods0 & 1) | (mods1 & 1) << 1);
      m.abs = static_cast<uint8_t>(mods0 >> 1 | (mods1 >> 1) << 1);
      m.sext = static_cast<uint8_t>(used(Bits::src0_sext) | used(Bits::src1_sext) << 1);
      if (row.format != Format::vopc) {
        m.dst_sel = byte(Bits::dst_sel);
        m.dst_unused = byte(Bits::dst_unused);
      }
      m.src0_sel = byte(Bits::src0_sel);
      if (row.sources & 2) m.src1_sel = byte(Bits::src1_sel);
      break;
    }
    default: break;
  }
}

// Whether all bits that must be zero are, in fields that the instruction uses in part or not at all.
bool zeros_hold(const Row& row, Encoding e, Arch arch, std::span<const fields::FieldAt> list, const Raw& raw,
                Rules rules) {
  if (rules == Rules::silicon) return true;
  for (const fields::FieldAt& f : list) {
    if (f.bits == 0) break;
    const fields::Use use = fields::use_of(row, e, arch, f.what);
    if (raw[f.what] & ~(use.used | use.ignored)) return false;
  }
  return true;
}

// What no single field decides. Null, or why the instruction is refused.
const char* check_whole(const Row& row, const Reader& in, const Inst& inst) {
  const Modifiers& m = inst.mods;
  if (m.lds && m.tfe) return "lds and tfe exclude each other";
  if (fields::without_vop3(inst.encoding) == Encoding::dpp16 && !names::is_dpp_ctrl(m.dpp_ctrl))
    return "no such dpp_ctrl";
  // RDNA2 ISA, "SDWA": 7 and 3 are reserved.
  if (inst.encoding == Encoding::sdwa &&
      (m.dst_sel > 6 || m.src0_sel > 6 || m.src1_sel > 6 || m.dst_unused > 2))
    return "a reserved selector";
  for (size_t i = 0; i < row.count; ++i)
    if (row.operands[i].notation == Notation::delay &&
        !names::is_delay(static_cast<uint32_t>(inst.operands[i].value)))
      return "no such delay";
  if (row.format == Format::flat && in.raw[Bits::saddr] != in.no_saddr()) return "FLAT has no saddr";
  if (row.format == Format::flat && m.offset >= (in.gfx10() ? 2048 : 4096))
    return "FLAT has no negative offset";
  if (row.gds_only && !m.gds) return "the instruction needs gds";
  return nullptr;
}

}  // namespace

Result<Decoded> decode(std::span<const std::byte> bytes, Target target, Rules rules) {
  static const Index index;
  uint32_t words[4] = {};
  const size_t available = std::min<size_t>(bytes.size() / 4, 4);
  if (available != 0) std::memcpy(words, bytes.data(), available * 4);  // no bytes may be at no address
  const auto refuse = [&](std::string_view why) {
    return error("{}: {:08x} {:08x}: {}", name(target.arch), words[0], words[1], why);
  };
  constexpr std::string_view cut_off = "the code ends within an instruction";
  if (available == 0) return error("{}: {}", name(target.arch), cut_off);

  const uint64_t word = words[0] | static_cast<uint64_t>(words[1]) << 32;
  const Layout* layout = nullptr;
  for (const Layout& l : fields::layouts)
    if ((l.gens & fields::generation(target.arch)) && (word & l.mask) == l.value) {
      layout = &l;
      break;
    }
  if (!layout) return refuse("no such encoding");
  if (available < layout->dwords) return refuse(cut_off);

  Reader in{.target = target, .encoding = layout->encoding};
  in.raw.read(layout->fields, word);
  const unsigned opcode = in.raw[Bits::opcode];
  const Row* r = layout->format == Format::vop3 ? index.find_vop3(target.arch, opcode)
                                                : index.find(target.arch, layout->format, opcode);
  if (!r || (r->format == Format::vopd && opcode > 0xf)) return refuse("no such instruction");
  if (r->format == Format::vop3) in.encoding = Encoding::base;

  // The codes that announce one more dword.
  size_t dwords = layout->dwords;
  const bool long_form = fields::in_vop3(*r, in.encoding) || r->format == Format::vop3p;
  const unsigned code = is_vop(r->format) && r->format != Format::vopd ? in.raw[Bits::src0] : 0;
  const fields::Extension* extension = nullptr;
  if ((code == 249 && !long_form) || code == 250 || code == 233 || code == 234) {
    in.encoding = code == 249   ? Encoding::sdwa
                  : code == 250 ? (long_form ? Encoding::vop3_dpp16 : Encoding::dpp16)
                                : (long_form ? Encoding::vop3_dpp8 : Encoding::dpp8);
    if (!fields::has_encoding(*r, in.encoding, target.arch) || r->count == 0)
      return refuse("the instruction has no such encoding");
    extension = &fields::extension_of(*r, in.encoding);
  }
  layout = &fields::layout_of(*r, in.encoding, target.arch);
  in.raw = {};
  uint64_t covered = in.raw.read(layout->fields, word) | layout->mask | layout->loose;
  if (layout->dwords == 1) covered |= 0xffffffff00000000;
  if (word & ~covered) return refuse("bits are set that must be zero");
  if (extension) in.raw[Bits::src0] = 0;
  if (!zeros_hold(*r, in.encoding, target.arch, layout->fields, in.raw, rules))
    return refuse("bits are set that must be zero");
  if (extension) {
    if (available <= dwords) return refuse(cut_off);
    const uint32_t more = words[dwords++];
    const uint64_t known = in.raw.read(extension->fields, more) | extension->loose;
    if (more & ~known || !zeros_hold(*r, in.encoding, target.arch, extension->fields, in.raw, rules))
      return refuse("bits are set that must be zero");
  }

  Decoded d;
  d.inst.op = op_of(*r);
  d.inst.encoding = in.encoding;
  in.literal_bits = words[dwords];
  for (size_t i = 0; i < r->count; ++i) {
    if (!in.operand(*r, r->operands[i], d.inst.operands[i])) return refuse("no such operand");
    in.pick_half(*r, r->operands[i], d.inst.operands[i]);
  }
  in.modifiers(*r, d.inst.mods);
  if (code == 234) d.inst.mods.fetch_inactive = true;
  if (const char* why = check_whole(*r, in, d.inst)) return refuse(why);
  if (r->format == Format::vopd) {
    if (target.wave != 32) return refuse("VOPD needs wave32");
    const Row* second = index.find(target.arch, Format::vopd, in.raw[Bits::opcode_y]);
    if (!second) return refuse("no such second instruction");
    d.inst.op_y = op_of(*second);
    if (rules == Rules::assembler && !fields::has(*second, Slot::src1) && in.raw[Bits::src1_y] != 0)
      return refuse("bits are set that must be zero");
    for (size_t i = 0; i < second->count; ++i)
      if (!in.operand_of_second(second->operands[i], d.inst.operands[vopd_second + i]))
        return refuse("no such operand");
  }
  if (in.uses_literal && available <= dwords) return refuse(cut_off);
  d.length = 4 * (dwords + size_t{in.uses_literal});
  return d;
}

}  // namespace doorbell::amd
