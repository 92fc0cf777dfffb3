// Bytes to an instruction: the encoder's tables read the other way.
#include <cstring>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/layout.h"

namespace doorbell::amd {
namespace {

// Rows by generation, format and opcode; 0xffff where there is none.
constexpr size_t formats = static_cast<size_t>(Format::mtbuf) + 1;
struct Index {
  std::vector<uint16_t> at;

  Index() : at(arch_count * formats * 1024, 0xffff) {
    for (size_t i = 0; i < rows().size(); ++i)
      for (int a = 0; a < arch_count; ++a)
        if (const Row& r = rows()[i]; r.in(static_cast<Arch>(a)))
          at[key(static_cast<Arch>(a), r.format, static_cast<unsigned>(r.opcode[static_cast<size_t>(a)]))] =
              static_cast<uint16_t>(i);
  }
  static size_t key(Arch a, Format f, unsigned opcode) {
    return (static_cast<size_t>(a) * formats + static_cast<size_t>(f)) * 1024 + opcode;
  }
  std::optional<Op> find(Arch a, Format f, unsigned opcode) const {
    const uint16_t i = at[key(a, f, opcode)];
    return i == 0xffff ? std::nullopt : std::optional(static_cast<Op>(i));
  }
};

// The row behind an opcode of VOP3, whose first half repeats the short formats: RDNA3 ISA, "VOP3 Opcodes".
std::optional<Op> find_row(const Index& index, Arch a, Format f, unsigned opcode) {
  if (f != Format::vop3) return index.find(a, f, opcode);
  if (opcode < 0x100) return index.find(a, Format::vopc, opcode);
  std::optional<Op> op = index.find(a, f, opcode);
  if (!op && opcode < 0x140) op = index.find(a, Format::vop2, opcode - 0x100);
  if (!op && opcode >= 0x180 && opcode < 0x200) op = index.find(a, Format::vop1, opcode - 0x180);
  if (op && row(*op).format != Format::vop3 && !row(*op).e64) return std::nullopt;
  return op;
}

struct Raw {
  std::array<uint32_t, static_cast<size_t>(Bits::count)> value{};

  uint32_t operator[](Bits b) const { return value[static_cast<size_t>(b)]; }
  Raw(const Layout& layout, uint64_t word) {
    for (const FieldAt& f : layout.fields)
      if (f.bits != 0)
        value[static_cast<size_t>(f.what)] |=
            static_cast<uint32_t>(word >> f.at & ((uint64_t{1} << f.bits) - 1)) << f.from;
  }
};

struct Reader {
  Target target;
  const Row& row;
  const Raw& raw;
  uint32_t literal_bits;  // the dword behind the instruction
  bool has_literal_dword;
  bool uses_literal = false;

  bool gfx10() const { return target.arch == Arch::gfx1030; }

  // A register of the scalar file by its code, 0 to 127.
  bool scalar_register(unsigned code, int dwords, Operand& x) const {
    if (gfx10() && (code == 124 || code == 125)) code ^= 1;  // here null is 124
    if (code < 106 || (code >= scalar::ttmp0 && code < scalar::null)) {
      const unsigned first = code < 106 ? 0 : scalar::ttmp0, end = code < 106 ? 106 : unsigned{scalar::null};
      const unsigned unit = dwords == 1 ? 1 : dwords == 2 ? 2 : 4;
      code = first + (code - first) / unit * unit;  // processors ignore the low bits
      if (code + static_cast<unsigned>(dwords) > end) return false;
    } else if (dwords > 2 ||
               (dwords == 2 && code != scalar::vcc && code != scalar::exec && code != scalar::null)) {
      return false;
    }
    x = sgpr(static_cast<int>(code), dwords);
    return true;
  }
  // A source, up to 8 bits wide.
  bool scalar_source(unsigned code, int dwords, Operand& x) {
    if (code < 128) return scalar_register(code, dwords, x);
    if (code <= 208 || (code >= 240 && code <= 248)) {
      x = {.kind = Operand::Kind::constant, .index = static_cast<uint16_t>(code)};
      return true;
    }
    if ((code >= 235 && code <= 239) || (code >= 251 && code <= 254)) {
      x = special_source(static_cast<uint16_t>(code));
      return true;
    }
    if (code != 255) return false;
    x = literal(literal_bits);
    uses_literal = true;
    return true;
  }
  bool source(unsigned code, const OperandRow& o, Operand& x) {
    const int dwords = o.dwords(target.wave);
    if (code >= 256) {
      if (o.cls != Class::any && o.cls != Class::vgpr) return false;
      x = vgpr(static_cast<int>(code - 256), dwords);
      return true;
    }
    switch (o.cls) {
      case Class::sreg: return code < 128 && scalar_register(code, dwords, x);
      case Class::scalar:
      case Class::any: return scalar_source(code, dwords, x);
      default: return false;
    }
  }
  bool operand(const OperandRow& o, Encoding encoding, Operand& x);
};

bool Reader::operand(const OperandRow& o, Encoding encoding, Operand& x) {
  const int dwords = o.dwords(target.wave);
  const bool short_form = encoding == Encoding::base;
  const auto vector = [&](Bits b) {
    x = vgpr(static_cast<int>(raw[b]), dwords);
    return true;
  };
  switch (o.slot) {
    case Slot::sdst:
      if (is_vop(row.format)) {  // a comparison's result
        if (short_form) return scalar_register(scalar::vcc, dwords, x);
        return scalar_register(raw[Bits::vdst], dwords, x);
      }
      return scalar_register(raw[Bits::sdst], dwords, x);
    case Slot::ssrc0:
      if (o.cls == Class::field) {
        x = imm(raw[Bits::ssrc0]);
        return true;
      }
      return source(raw[Bits::ssrc0], o, x);
    case Slot::ssrc1: return source(raw[Bits::ssrc1], o, x);
    case Slot::simm16:
      x = imm(raw[Bits::simm16]);
      if (o.field == Field::rel) x.value = static_cast<int16_t>(x.value);
      return true;
    case Slot::literal:
      x = literal(literal_bits);
      uses_literal = true;
      return true;
    case Slot::sdata:
      if (o.field == Field::k7) {
        x = imm(raw[Bits::sdata]);
        return true;
      }
      return scalar_register(raw[Bits::sdata], dwords, x);
    case Slot::sbase: return scalar_register(raw[Bits::sbase] * 2, dwords, x);
    case Slot::soffset:
      if (!scalar_register(raw[Bits::soffset], 1, x)) return false;
      if (x.index == scalar::null) x = {};
      return true;
    case Slot::vdst:
      if (o.cls == Class::sreg) return scalar_register(raw[Bits::vdst], dwords, x);
      return vector(Bits::vdst);
    case Slot::sdst2:
      if (short_form) return scalar_register(scalar::vcc, dwords, x);
      return scalar_register(raw[Bits::abs] | raw[Bits::op_sel] << 3, dwords, x);
    case Slot::src0: return source(raw[Bits::src0], o, x);
    case Slot::src1:
      if (short_form && is_vop(row.format) && row.format != Format::vop3p) return vector(Bits::src1);
      return source(raw[Bits::src1], o, x);
    case Slot::src2: return source(raw[Bits::src2], o, x);
    case Slot::vcc:
      if (short_form) return scalar_register(scalar::vcc, dwords, x);
      return raw[Bits::src2] < 128 && scalar_register(raw[Bits::src2], dwords, x);
    case Slot::vaddr: return vector(Bits::vaddr);
    case Slot::data0: return vector(Bits::data0);
    case Slot::data1: return vector(Bits::data1);
    case Slot::vdata: return vector(Bits::vdata);
    case Slot::saddr: {
      // 125 (gfx10's null) and, in gfx10's FLAT, 127 are no address.
      const unsigned off = gfx10() ? 125 : 124;
      if (raw[Bits::saddr] == off || raw[Bits::saddr] == 127) {
        x = {};
        return true;
      }
      return scalar_register(raw[Bits::saddr], dwords, x);
    }
    case Slot::srsrc: return scalar_register(raw[Bits::srsrc] * 4, dwords, x);
    case Slot::soff: return source(raw[Bits::soff], o, x);
  }
  return false;
}

void read_modifiers(const Row& row, const Raw& raw, Target target, Modifiers& m) {
  const auto sign_extended = [](uint32_t v, int bits) {
    return static_cast<int32_t>(v << (32 - bits)) >> (32 - bits);
  };
  switch (row.format) {
    case Format::smem: m.offset = sign_extended(raw[Bits::offset], 21); break;
    case Format::flat: m.offset = static_cast<int32_t>(raw[Bits::offset] & 0xfff); break;
    case Format::global:
    case Format::scratch:
      m.offset = sign_extended(raw[Bits::offset], target.arch == Arch::gfx1030 ? 12 : 13);
      break;
    default: m.offset = static_cast<int32_t>(raw[Bits::offset]);
  }
  m.neg = static_cast<uint8_t>(raw[Bits::neg]);
  m.abs = static_cast<uint8_t>(raw[Bits::abs]);
  m.neg_hi = static_cast<uint8_t>(raw[Bits::neg_hi]);
  m.op_sel = static_cast<uint8_t>(raw[Bits::op_sel]);
  m.op_sel_hi = static_cast<uint8_t>(raw[Bits::op_sel_hi]);
  m.clamp = raw[Bits::clamp];
  m.omod = static_cast<uint8_t>(raw[Bits::omod]);
  for (const OperandRow& o : std::span(row.operands).first(row.count))
    if (o.slot == Slot::sdst2) m.abs = m.op_sel = 0;  // sdst lies there
  m.glc = raw[Bits::glc];
  m.slc = raw[Bits::slc];
  m.dlc = raw[Bits::dlc];
  m.lds = raw[Bits::lds];
  m.tfe = raw[Bits::tfe];
  m.gds = raw[Bits::gds];
  m.offen = raw[Bits::offen];
  m.idxen = raw[Bits::idxen];
  m.format = static_cast<uint8_t>(raw[Bits::format]);
}

// How many registers an address takes follows from what else the instruction has.
void shape_address(const Row& row, Inst& inst) {
  Operand* address = nullptr;
  bool has_saddr = false;
  for (size_t i = 0; i < row.count; ++i) {
    if (row.operands[i].slot == Slot::vaddr) address = &inst.operands[i];
    if (row.operands[i].slot == Slot::saddr) has_saddr = inst.operands[i].kind != Operand::Kind::none;
  }
  if (!address) return;
  if (row.format == Format::global && has_saddr) address->dwords = 1;
  if (row.format == Format::mubuf || row.format == Format::mtbuf) {
    const int dwords = inst.mods.offen + inst.mods.idxen;
    if (dwords == 0) *address = {};
    else address->dwords = static_cast<uint8_t>(dwords);
  }
}

}  // namespace

Result<Decoded> decode(std::span<const std::byte> bytes, Target target) {
  static const Index index;
  uint32_t words[3] = {};
  const size_t available = std::min<size_t>(bytes.size() / 4, 3);
  std::memcpy(words, bytes.data(), available * 4);
  const auto refuse = [&](std::string_view why) {
    return error("{}: {:08x} {:08x}: {}", name(target.arch), words[0], words[1], why);
  };
  if (available == 0) return error("{}: the code ends within an instruction", name(target.arch));
  const uint64_t word = words[0] | static_cast<uint64_t>(words[1]) << 32;
  for (const Layout& layout : layouts) {
    if ((word & layout.mask) != layout.value || !(target.arch == Arch::gfx1030 ? layout.gfx10 : layout.gfx11))
      continue;
    if (available < layout.dwords) return refuse("the code ends within an instruction");
    const Raw raw(layout, word);
    const std::optional<Op> op = find_row(index, target.arch, layout.format, raw[Bits::opcode]);
    if (!op) return refuse("no such instruction");
    const Row& r = row(*op);
    Decoded d;
    d.inst.op = *op;
    d.inst.encoding = layout.encoding;
    if (r.format == Format::vop3) d.inst.encoding = Encoding::base;
    Reader reader{target, r, raw, words[layout.dwords], available > layout.dwords};
    for (size_t i = 0; i < r.count; ++i)
      if (!reader.operand(r.operands[i], layout.encoding, d.inst.operands[i]))
        return refuse("no such operand");
    read_modifiers(r, raw, target, d.inst.mods);
    shape_address(r, d.inst);
    if (reader.uses_literal && !reader.has_literal_dword)
      return refuse("the code ends within an instruction");
    d.length = 4 * (layout.dwords + size_t{reader.uses_literal});
    return d;
  }
  return refuse("no such encoding");
}

}  // namespace doorbell::amd
