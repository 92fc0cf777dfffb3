// Choosing a row for an instruction, and writing its bytes. Prefixes: Intel SDM vol. 2A, 2.2.1 (REX), 2.3.5
// (VEX), 2.7.1 (EVEX); addressing: 2.1.5, 2.2.1.6 (rip), 2.3.12 (VSIB), 2.7.5 (the compressed disp8 of EVEX,
// which counts in units of the memory that is accessed: the tuple types there follow from operand sizes, so
// the table has none).
#include "codegen/isa/x86/x86.h"

namespace doorbell::x86 {
namespace {

struct Bytes {
  std::array<uint8_t, 15> data{};
  uint8_t size = 0;
  uint8_t field = 0;  // see Encoded::field

  constexpr void put(uint64_t value, int count = 1) {
    for (int i = 0; i < count; ++i) data.at(size++) = static_cast<uint8_t>(value >> (8 * i));
  }
  friend constexpr bool operator==(const Bytes&, const Bytes&) = default;
};

constexpr bool is_vector(RegClass c) {
  return c == RegClass::xmm || c == RegClass::ymm || c == RegClass::zmm;
}

constexpr bool in_range(int64_t value, int64_t low, int64_t high) { return low <= value && value <= high; }

// An immediate as wide as its operation may be written signed or unsigned; one that is extended only signed.
constexpr bool fits_imm(const Row& row, ImmKind kind, int64_t v) {
  switch (kind) {
    case ImmKind::none: return false;
    case ImmKind::one: return v == 1;
    case ImmKind::i8:
      if (row.operands[0].reg == RegClass::gpr32 && in_range(v, 0, UINT32_MAX)) v = static_cast<int32_t>(v);
      return in_range(v, INT8_MIN, INT8_MAX);
    case ImmKind::rel8: return in_range(v, INT8_MIN, INT8_MAX);
    case ImmKind::u8: return in_range(v, 0, UINT8_MAX);
    case ImmKind::u16: return in_range(v, INT16_MIN, UINT16_MAX);
    case ImmKind::i32:
    case ImmKind::rel32: return in_range(v, INT32_MIN, INT32_MAX);
    case ImmKind::u32: return in_range(v, INT32_MIN, UINT32_MAX);
    case ImmKind::i64: return true;
  }
  return false;
}

constexpr int imm_size(ImmKind kind) {
  switch (kind) {
    case ImmKind::u16: return 2;
    case ImmKind::i32:
    case ImmKind::u32:
    case ImmKind::rel32: return 4;
    case ImmKind::i64: return 8;
    default: return 1;
  }
}

constexpr bool fits_reg(const Row& row, RegClass cls, const Reg& r) {
  const int count = cls == RegClass::k ? 8 : is_vector(cls) && row.format == Format::evex ? 32 : 16;
  return cls != RegClass::none && r.cls == cls && r.index < count;
}

constexpr bool fits_mem(const Row& row, const OperandRow& o, const Mem& m) {
  if (!o.mem) return false;
  const int element = o.vsib == RegClass::none ? o.element : 0;
  if (m.broadcast == 0 ? m.bits != o.bits : m.bits != element || m.bits * m.broadcast != o.bits) return false;
  if (m.rip) return m.base == Reg{} && m.index == Reg{} && o.vsib == RegClass::none;
  if (m.scale != 1 && m.scale != 2 && m.scale != 4 && m.scale != 8) return false;
  if (m.base != Reg{} && !(m.base.cls == RegClass::gpr64 && m.base.index < 16)) return false;
  if (o.vsib != RegClass::none) return fits_reg(row, o.vsib, m.index);
  return m.index == Reg{} || (m.index.cls == RegClass::gpr64 && m.index.index < 16 && m.index.index != 4);
}

constexpr bool fits(const Row& row, const Inst& inst) {
  if (row.count != inst.count || inst.mask > 7) return false;
  if (inst.mask != 0 && row.masking == Masking::none) return false;
  if (inst.mask == 0 && (inst.zeroing || row.masking == Masking::cleared)) return false;
  if (inst.zeroing && row.masking != Masking::zero) return false;
  for (size_t i = 0; i < row.count; ++i) {
    const OperandRow& o = row.operands[i];
    const Operand& x = inst.operands[i];
    bool fit = false;
    switch (x.kind) {
      case Operand::Kind::none: break;
      case Operand::Kind::reg:
        fit = fits_reg(row, o.reg, x.reg) && (o.fixed < 0 || o.fixed == x.reg.index);
        break;
      case Operand::Kind::mem: fit = fits_mem(row, o, x.mem); break;
      case Operand::Kind::imm: fit = fits_imm(row, o.imm, x.imm); break;
      case Operand::Kind::label: fit = o.imm == ImmKind::rel32; break;
    }
    if (!fit) return false;
  }
  return true;
}

// Where each operand goes, and the fifth and fourth bits of each register.
struct Fields {
  int reg = 0, rm = 0, vvvv = 0, is4 = -1;
  const Mem* mem = nullptr;
  int unit = 1;                   // of the displacement, where it has one byte
  const Operand* tail = nullptr;  // an immediate or a distance
  ImmKind tail_kind = ImmKind::none;
  bool byte_rex = false;  // spl bpl sil dil exist with a REX prefix only

  constexpr bool r() const { return reg & 8; }
  constexpr bool r2() const { return reg & 16; }
  constexpr bool b() const { return mem ? !mem->rip && (mem->base.index & 8) : rm & 8; }
  constexpr bool x() const { return mem ? mem->index.index & 8 : rm & 16; }
  constexpr bool v2() const { return vvvv & 16 || (mem && mem->index.index & 16); }
};

constexpr Fields place(const Row& row, const Inst& inst) {
  Fields f;
  if (row.digit >= 0) f.reg = row.digit;
  for (size_t i = 0; i < row.count; ++i) {
    const Operand& x = inst.operands[i];
    const int index = x.reg.index;
    if (x.kind == Operand::Kind::reg && x.reg.cls == RegClass::gpr8 && row.operands[i].fixed < 0)
      f.byte_rex |= index >= 4 && index < 8;
    switch (row.operands[i].slot) {
      case Slot::reg: f.reg = index; break;
      case Slot::opcode: f.rm = index; break;
      case Slot::rm:
        if (x.kind != Operand::Kind::mem) {
          f.rm = index;
          break;
        }
        f.mem = &x.mem;
        if (row.format == Format::evex)
          f.unit = (row.operands[i].vsib == RegClass::none ? x.mem.bits : row.operands[i].element) / 8;
        break;
      case Slot::vvvv: f.vvvv = index; break;
      case Slot::is4: f.is4 = index; break;
      case Slot::imm:
      case Slot::distance:
        f.tail = &x;
        f.tail_kind = row.operands[i].imm;
        break;
      case Slot::fixed: break;
    }
  }
  return f;
}

constexpr uint8_t legacy_prefix[] = {0x00, 0x66, 0xf3, 0xf2};

constexpr bool needs_vex3(const Row& row, const Fields& f) {
  return row.map != 1 || row.w == 1 || f.x() || f.b();
}

constexpr void put_prefixes(Bytes& out, const Row& row, const Inst& inst, const Fields& f) {
  const bool w = row.w == 1;
  const int length = row.length == ignored ? 0 : row.length;
  switch (row.format) {
    case Format::legacy: {
      if (row.lock) out.put(0xf0);
      if (row.pp != 0) out.put(legacy_prefix[row.pp]);
      const int rex = w << 3 | f.r() << 2 | f.x() << 1 | static_cast<int>(f.b());
      if (rex != 0 || f.byte_rex) out.put(static_cast<uint64_t>(0x40 | rex));
      if (row.map != 0) out.put(0x0f);
      if (row.map == 2) out.put(0x38);
      if (row.map == 3) out.put(0x3a);
      break;
    }
    case Format::vex: {  // registers are stored inverted
      const int low = (~f.vvvv & 15) << 3 | length << 2 | row.pp;
      if (!needs_vex3(row, f)) {
        out.put(0xc5);
        out.put(static_cast<uint64_t>(!f.r() << 7 | low));
      } else {
        out.put(0xc4);
        out.put(static_cast<uint64_t>(!f.r() << 7 | !f.x() << 6 | !f.b() << 5 | row.map));
        out.put(static_cast<uint64_t>(w << 7 | low));
      }
      break;
    }
    case Format::evex: {
      const bool broadcasts = f.mem && f.mem->broadcast != 0;
      out.put(0x62);
      out.put(static_cast<uint64_t>(!f.r() << 7 | !f.x() << 6 | !f.b() << 5 | !f.r2() << 4 | row.map));
      out.put(static_cast<uint64_t>(w << 7 | (~f.vvvv & 15) << 3 | 1 << 2 | row.pp));
      out.put(static_cast<uint64_t>(inst.zeroing << 7 | length << 5 | broadcasts << 4 | !f.v2() << 3 |
                                    inst.mask));
      break;
    }
  }
}

constexpr int log2_of(int scale) { return scale == 1 ? 0 : scale == 2 ? 1 : scale == 4 ? 2 : 3; }

constexpr void put_mem(Bytes& out, int reg, const Mem& m, int unit) {
  const auto modrm = [&](int mod, int rm) { out.put(static_cast<uint64_t>(mod << 6 | (reg & 7) << 3 | rm)); };
  if (m.rip) {
    modrm(0, 5);
    out.field = out.size;
    out.put(static_cast<uint64_t>(m.disp), 4);
    return;
  }
  const bool has_base = m.base.cls != RegClass::none, has_index = m.index.cls != RegClass::none;
  const int base = m.base.index & 7;
  const bool short_disp = m.disp % unit == 0 && in_range(m.disp / unit, INT8_MIN, INT8_MAX);
  // mod 0 with base rbp or r13 means something else, so these take a displacement of 0; no base always has 4
  // bytes.
  const int mod = !has_base || (m.disp == 0 && base != 5) ? 0 : short_disp ? 1 : 2;
  if (has_index || !has_base || base == 4) {
    modrm(mod, 4);
    const int index = has_index ? m.index.index & 7 : 4;
    out.put(static_cast<uint64_t>(log2_of(m.scale) << 6 | index << 3 | (has_base ? base : 5)));
  } else {
    modrm(mod, base);
  }
  if (mod == 1) out.put(static_cast<uint64_t>(m.disp / unit));
  else if (mod == 2 || !has_base) out.put(static_cast<uint64_t>(m.disp), 4);
}

constexpr Bytes spell(const Row& row, const Inst& inst) {
  Bytes out;
  const Fields f = place(row, inst);
  put_prefixes(out, row, inst, f);
  bool in_opcode = false, modrm = row.digit >= 0;
  for (size_t i = 0; i < row.count; ++i) {
    in_opcode |= row.operands[i].slot == Slot::opcode;
    modrm |= row.operands[i].slot == Slot::rm;
  }
  out.put(static_cast<uint64_t>(row.opcode | (in_opcode ? f.rm & 7 : 0)));
  if (row.fixed_byte >= 0) out.put(static_cast<uint64_t>(row.fixed_byte));
  if (modrm && f.mem) put_mem(out, f.reg, *f.mem, f.unit);
  else if (modrm) out.put(static_cast<uint64_t>(3 << 6 | (f.reg & 7) << 3 | (f.rm & 7)));
  if (f.is4 >= 0) out.put(static_cast<uint64_t>(f.is4 << 4));
  if (f.tail) {
    const bool is_label = f.tail->kind == Operand::Kind::label;
    if (f.tail_kind == ImmKind::rel32) out.field = out.size;
    out.put(is_label ? 0 : static_cast<uint64_t>(f.tail->imm), imm_size(f.tail_kind));
  }
  return out;
}

// Predicates that do not change when their operands trade places: eq, unord, neq, ord in their four flavours.
constexpr bool symmetric(int64_t predicate) {
  const int64_t p = predicate & 7;
  return p == 0 || p == 3 || p == 4 || p == 7;
}

struct Choice {
  const Row* row = nullptr;
  Inst inst;
};

// The first row that fits. A VEX row that needs three bytes only because its ModRM.rm register is a high one
// is replaced by the other direction's opcode, or its sources are swapped, where that makes it two, as LLVM
// does.
constexpr Choice choose(std::span<const Row> candidates, const Inst& inst) {
  Choice choice{nullptr, inst};
  for (const Row& row : candidates)
    if (!row.second && fits(row, inst)) {
      choice.row = &row;
      break;
    }
  const Row* row = choice.row;
  if (!row || row->format != Format::vex || !needs_vex3(*row, place(*row, inst))) return choice;
  for (const Row& other : candidates)
    if (other.second && fits(other, inst) && !needs_vex3(other, place(other, inst))) {
      choice.row = &other;
      return choice;
    }
  if (row->commutes || (row->predicate && symmetric(inst.operands[3].imm))) {
    Inst swapped = inst;
    std::swap(swapped.operands[1], swapped.operands[2]);
    if (fits(*row, swapped) && !needs_vex3(*row, place(*row, swapped))) choice.inst = swapped;
  }
  return choice;
}

}  // namespace

const Row* match(const Inst& inst) { return choose(rows(inst.op), inst).row; }

Encoded encode(const Inst& inst, std::vector<std::byte>& out) { return encode(inst, out, rows(inst.op)); }

Encoded encode(const Inst& inst, std::vector<std::byte>& out, std::span<const Row> candidates) {
  const Choice choice = choose(candidates, inst);
  DOORBELL_CHECK(choice.row, "no encoding takes the operands of `{}`", print(inst));
  const Bytes bytes = spell(*choice.row, choice.inst);
  const Encoded e{out.size(), bytes.size, bytes.field ? out.size() + bytes.field : 0};
  for (int i = 0; i < bytes.size; ++i)
    out.push_back(static_cast<std::byte>(bytes.data[static_cast<size_t>(i)]));
  return e;
}

// A few encodings of each format, as llvm-mc-19 -triple=x86_64 -show-encoding assembles them.
namespace {

constexpr bool spells(const Inst& inst, std::initializer_list<int> bytes) {
  std::array<Row, 32> rows{};
  size_t n = 0;
  const std::string_view name = table::instructions[static_cast<size_t>(inst.op)].name;
  for (size_t i = static_cast<size_t>(inst.op); table::instructions[i].name == name; ++i)
    for (int v = 0; v < table::variants(table::instructions[i]); ++v)
      rows.at(n++) = table::expand(table::instructions[i], inst.op, v);
  const Choice choice = choose(std::span<const Row>(rows.data(), n), inst);
  Bytes expected;
  for (int b : bytes) expected.put(static_cast<uint64_t>(b));
  if (!choice.row) return false;
  expected.field = spell(*choice.row, choice.inst).field;
  return spell(*choice.row, choice.inst) == expected;
}

static_assert(spells({op("mov"), {r64(0), r64(9)}}, {0x4c, 0x89, 0xc8}));
static_assert(spells({op("add"), {mem(32, r64(12), 8), imm(5)}}, {0x41, 0x83, 0x44, 0x24, 0x08, 0x05}));
static_assert(spells({op("lea"), {r64(1), mem(0, r64(5), r64(13), 4)}}, {0x4a, 0x8d, 0x4c, 0xad, 0x00}));
static_assert(spells({op("vaddps"), {ymm(1), ymm(2), ymm(9)}}, {0xc5, 0xb4, 0x58, 0xca}));
static_assert(spells({op("vmovaps"), {xmm(1), xmm(9)}}, {0xc5, 0x78, 0x29, 0xc9}));
static_assert(spells({op("vfmadd231ps"), {ymm(1), ymm(2), mem(256, r64(0))}},
                     {0xc4, 0xe2, 0x6d, 0xb8, 0x08}));
static_assert(spells({op("vaddps"), {zmm(1), zmm(2), broadcast(mem(32, r64(0), 64), 16)}},
                     {0x62, 0xf1, 0x6c, 0x58, 0x58, 0x48, 0x10}));
static_assert(spells(Inst(op("vaddpd"), {zmm(17), zmm(2), zmm(30)}).masked(k(3), true),
                     {0x62, 0x81, 0xed, 0xcb, 0x58, 0xce}));

}  // namespace
}  // namespace doorbell::x86
