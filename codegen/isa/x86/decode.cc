// Bytes to an instruction: the encoder's table read the other way. It accepts what the table has and refuses
// what a processor would (reserved bits, vvvv in use where the row has no such operand, a mask that an
// instruction lacks), so that a byte string is never taken for something that it is not. Sections as
// encode.cc.
#include <limits>

#include "codegen/isa/x86/x86.h"

namespace doorbell::x86 {
namespace {

constexpr size_t max_length = 15;  // SDM vol. 2A, 2.3.11: a longer instruction faults

// Rows by format, map and opcode.
struct Index {
  std::array<std::vector<uint16_t>, 3 * 8 * 256> buckets;

  Index() {
    for (size_t i = 0; i < rows().size(); ++i) {
      const Row& row = rows()[i];
      const bool in_opcode = row.count > 0 && row.operands[0].slot == Slot::opcode;
      for (int r = 0; r < (in_opcode ? 8 : 1); ++r)
        buckets[key(row.format, row.map, static_cast<uint8_t>(row.opcode + r))].push_back(
            static_cast<uint16_t>(i));
    }
  }
  static size_t key(Format f, int map, uint8_t opcode) {
    return (static_cast<size_t>(f) * 8 + static_cast<size_t>(map)) * 256 + opcode;
  }
};

// Reads within bounds: past the end it yields 0 and remembers.
struct Reader {
  std::span<const std::byte> bytes;
  size_t at = 0;
  bool overrun = false;

  uint8_t peek() const { return at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : 0; }
  uint8_t next() {
    if (at >= bytes.size()) overrun = true;
    const uint8_t b = peek();
    ++at;
    return b;
  }
  int64_t next_signed(int count) {
    uint64_t v = 0;
    for (int i = 0; i < count; ++i) v |= static_cast<uint64_t>(next()) << (8 * i);
    const int shift = 64 - 8 * count;
    return static_cast<int64_t>(v << shift) >> shift;
  }
};

struct Prefixes {
  Format format = Format::legacy;
  bool lock = false, rex = false, w = false;
  int map = 0, pp = 0, length = 0;
  int r = 0, x = 0, b = 0;  // the extension bits, in place: 8, and 16 for EVEX's R'
  int vvvv = 0;             // with EVEX's V' as 16
  int v2 = 0;
  bool zeroing = false, broadcast = false;
  int mask = 0;
};

// Null, or why not.
const char* read_prefixes(Reader& in, Prefixes& p) {
  for (;; in.next()) {
    const uint8_t byte = in.peek();
    const int pp = byte == 0x66 ? 1 : byte == 0xf3 ? 2 : byte == 0xf2 ? 3 : 0;
    if (byte == 0xf0 && !p.lock) p.lock = true;
    else if (pp != 0 && p.pp == 0) p.pp = pp;
    else if (byte == 0xf0 || pp != 0) return "repeated prefixes";
    else break;
  }
  const uint8_t first = in.peek();
  if (first == 0xc5 || first == 0xc4 || first == 0x62) {
    if (p.lock || p.pp != 0) return "a legacy prefix before VEX or EVEX";
    in.next();
    int low;
    if (first == 0xc5) {
      p.format = Format::vex;
      p.map = 1;
      low = in.next();
      p.r = low & 0x80 ? 0 : 8;
      p.length = low >> 2 & 1;
    } else {
      const int p0 = in.next();
      low = in.next();
      p.r = p0 & 0x80 ? 0 : 8;
      p.x = p0 & 0x40 ? 0 : 8;
      p.b = p0 & 0x20 ? 0 : 8;
      p.w = low & 0x80;
      if (first == 0xc4) {
        p.format = Format::vex;
        p.map = p0 & 31;
        p.length = low >> 2 & 1;
        if (p.map > 3) return "reserved VEX map";
      } else {
        p.format = Format::evex;
        const int p2 = in.next();
        p.map = p0 & 7;
        if (p0 & 8 || !(low & 4)) return "reserved EVEX bits";
        if (!(p0 & 0x10)) p.r |= 16;
        if (!(p2 & 8)) p.v2 = 16;
        p.zeroing = p2 & 0x80;
        p.length = p2 >> 5 & 3;
        p.broadcast = p2 & 0x10;
        p.mask = p2 & 7;
        if (p.length == 3) return "reserved EVEX length";
      }
    }
    p.pp = low & 3;
    p.vvvv = (~low >> 3 & 15) | p.v2;
    return nullptr;
  }
  if ((first & 0xf0) == 0x40) {
    in.next();
    p.rex = true;
    p.w = first & 8;
    p.r = first & 4 ? 8 : 0;
    p.x = first & 2 ? 8 : 0;
    p.b = first & 1 ? 8 : 0;
  }
  if (in.peek() == 0x0f) {
    in.next();
    p.map = 1;
    if (in.peek() == 0x38 || in.peek() == 0x3a) p.map = in.next() == 0x38 ? 2 : 3;
  }
  return nullptr;
}

// The memory operand after ModRM.
bool read_mem(Reader& in, const Prefixes& p, int mod, int rm, const OperandRow& o, Mem& m) {
  const bool gathers = o.vsib != RegClass::none;
  if (p.broadcast && (o.element == 0 || gathers)) return false;
  m.bits = p.broadcast ? o.element : o.bits;
  m.broadcast = p.broadcast ? static_cast<uint8_t>(o.bits / o.element) : uint8_t{0};
  const int unit = p.format != Format::evex ? 1 : (gathers ? o.element : m.bits) / 8;
  bool no_base = false;
  if (rm == 4) {
    const int sib = in.next();
    const int index = (sib >> 3 & 7) | p.x;
    m.scale = static_cast<uint8_t>(1 << (sib >> 6));
    if (gathers) m.index = {o.vsib, static_cast<uint8_t>(index | p.v2)};
    else if (index != 4) m.index = r64(index);
    else m.scale = 1;
    no_base = (sib & 7) == 5 && mod == 0;
    if (!no_base) m.base = r64((sib & 7) | p.b);
  } else if (gathers) {
    return false;
  } else if (rm == 5 && mod == 0) {
    m.rip = true;
  } else {
    m.base = r64(rm | p.b);
  }
  if (mod == 1) m.disp = static_cast<int32_t>(in.next_signed(1)) * unit;
  else if (mod == 2 || m.rip || no_base) m.disp = static_cast<int32_t>(in.next_signed(4));
  return true;
}

bool put_reg(Operand& out, const OperandRow& o, const Prefixes& p, int index) {
  if (o.reg == RegClass::none) return false;
  const bool vector = o.reg == RegClass::xmm || o.reg == RegClass::ymm || o.reg == RegClass::zmm;
  if (index >= (o.reg == RegClass::k ? 8 : vector ? 32 : 16)) return false;
  if (o.reg == RegClass::gpr8 && !p.rex && p.format == Format::legacy && index >= 4)
    return false;  // ah ch dh bh
  out = Reg{o.reg, static_cast<uint8_t>(index)};
  return true;
}

int64_t read_imm(Reader& in, ImmKind kind) {
  switch (kind) {
    case ImmKind::u16: return static_cast<uint16_t>(in.next_signed(2));
    case ImmKind::i32:
    case ImmKind::rel32: return in.next_signed(4);
    case ImmKind::u32: return static_cast<uint32_t>(in.next_signed(4));
    case ImmKind::i64: return in.next_signed(8);
    case ImmKind::u8: return in.next();
    default: return in.next_signed(1);
  }
}

// The rest of an instruction, if it is this row's; `in` stands behind the opcode.
bool read_row(Reader& in, const Prefixes& p, uint8_t opcode, const Row& row, Inst& inst) {
  if (row.pp != p.pp || row.lock != p.lock || (row.w != ignored && row.w != p.w)) return false;
  if (row.length != ignored && row.length != p.length) return false;
  if (row.fixed_byte >= 0 && in.next() != row.fixed_byte) return false;
  if (p.mask == 0 ? p.zeroing || row.masking == Masking::cleared : row.masking == Masking::none) return false;
  if (p.zeroing && row.masking != Masking::zero) return false;

  bool has_modrm = row.digit >= 0, has_vvvv = false, has_vsib = false, in_opcode = false;
  for (size_t i = 0; i < row.count; ++i) {
    has_modrm |= row.operands[i].slot == Slot::rm;
    has_vvvv |= row.operands[i].slot == Slot::vvvv;
    in_opcode |= row.operands[i].slot == Slot::opcode;
    has_vsib |= row.operands[i].vsib != RegClass::none;
  }
  if (!has_vvvv && ((p.vvvv & 15) != 0 || (p.v2 != 0 && !has_vsib))) return false;
  if (!has_modrm && (p.r || p.x || (p.b && !in_opcode))) return false;
  const int modrm = has_modrm ? in.next() : 0;
  const int mod = modrm >> 6, reg = (modrm >> 3 & 7), rm = modrm & 7;
  if (row.digit >= 0 && (row.digit != reg || p.r & 16)) return false;
  if (has_modrm && mod == 3 && p.broadcast) return false;  // static rounding, which the table has not

  inst.op = row.op;
  inst.count = row.count;
  inst.mask = static_cast<uint8_t>(p.mask);
  inst.zeroing = p.zeroing;
  for (size_t i = 0; i < row.count; ++i) {
    const OperandRow& o = row.operands[i];
    Operand& x = inst.operands[i];
    switch (o.slot) {
      case Slot::reg:
        if (!put_reg(x, o, p, reg | p.r)) return false;
        break;
      case Slot::rm:
        if (mod == 3) {
          const bool wide = p.format == Format::evex && o.reg >= RegClass::xmm && o.reg <= RegClass::zmm;
          if (!put_reg(x, o, p, rm | p.b | (wide ? p.x << 1 : 0))) return false;
        } else {
          Mem m;
          if (!o.mem || !read_mem(in, p, mod, rm, o, m)) return false;
          x = m;
        }
        break;
      case Slot::vvvv:
        if (!put_reg(x, o, p, p.vvvv)) return false;
        break;
      case Slot::opcode:
        if (!put_reg(x, o, p, (opcode & 7) | p.b)) return false;
        break;
      case Slot::fixed:
        if (o.imm == ImmKind::one) x = imm(1);
        else x = Reg{o.reg, static_cast<uint8_t>(o.fixed)};
        break;
      case Slot::is4:
      case Slot::imm:
      case Slot::distance: break;
    }
  }
  for (size_t i = 0; i < row.count; ++i) {  // these follow the displacement
    const OperandRow& o = row.operands[i];
    if (o.slot == Slot::is4) {
      if (!put_reg(inst.operands[i], o, p, in.next() >> 4)) return false;
    } else if (o.slot == Slot::imm || o.slot == Slot::distance) {
      inst.operands[i] = imm(read_imm(in, o.imm));
    }
  }
  return true;
}

}  // namespace

Result<Decoded> decode(std::span<const std::byte> bytes) {
  static const Index index;
  Reader in{bytes.first(std::min(bytes.size(), max_length))};
  Prefixes p;
  if (const char* why = read_prefixes(in, p)) return error("x86: offset 0: {}", why);
  const uint8_t opcode = in.next();
  bool overrun = in.overrun;
  for (uint16_t i : index.buckets[Index::key(p.format, p.map, opcode)]) {
    const Row& row = rows()[i];
    Decoded d{{}, &row, 0};
    Reader rest = in;
    const bool fits = read_row(rest, p, opcode, row, d.inst);
    overrun |= rest.overrun;
    if (!fits || rest.overrun) continue;
    d.length = rest.at;
    return d;
  }
  if (overrun) return error("x86: offset {}: the instruction is cut off", bytes.size());
  return error("x86: offset {}: opcode {:02x} is no instruction of the table here", in.at - 1, opcode);
}

}  // namespace doorbell::x86
