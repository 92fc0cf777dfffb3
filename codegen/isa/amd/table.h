// The grammar of the instruction table, and its expansion into rows. A line of instructions.h is written much
// like the manuals' opcode lists: name, format, opcode in each generation, operands, notes. Everything here
// is constexpr: a line that does not parse is a compile error, and a lookup costs no start-up.
//
// Name and opcodes: the newest manual's name; where gfx10 spelt it otherwise, that spelling comes last. `no`
// is an opcode that a generation lacks; gfx1151 has gfx1100's opcodes and the lines noted `gfx1151`.
//
// Operands: "f32 m = f32 c:u32 lit", destinations, `=`, sources, in the order of the text. Where each one is
// encoded follows from the format. A destination's `+` says that it is also read (accumulators, partial
// writes), a source's that it is also written (v_swap_b32).
//     f16 bf16 f32 f64 i8 u16 b32 b128 iu8    kind and bits: float, signed, unsigned, untyped, either
//     f16x2 iu8x16 f32x8w                     so many of them, packed into registers; w: half as many in
//     wave64 m                                       a lane mask, as wide as the wave v: s: c: only VGPRs;
//     only scalar registers; these and constants ?                                       may be absent: an
//     atomic's result, an address that prints as `off` a32 a64                                 an address in
//     VGPRs sbase2 sbase4 soffset rsrc soff saddr   scalar operands of memory instructions lit a literal that
//     is always there (K of v_fmaak_f32) k16 rel hwreg waitcnt delay depctr msg end   simm16 as a number, a
//     branch's distance, and other readings of it k7                                      a number in SMEM's
//     sdata
//
// Notes: <vcc >scc <exec >exec <m0 <mode >mode    implicitly read, written
//     trans matrix branch message wait            the unit, where it is not the format's
//     noe64 nodpp nodpp10 nosdwa dpp              encodings that a row lacks (10: on gfx10), or has unlike
//     its kin gfx1151                                     not before gfx1151 noexec works in disabled lanes
//     too two                                         a DS row with two 8-bit offsets instead of one of 16
//     bits gds nogds                                   only with the gds bit; never with it clamp noclamp
//     omod noomod opsel floatmod   VOP3 modifiers, where they do not follow from the types: floats
//                                                 are negated, clamped and multiplied; op_sel is the
//                                                 exception
//     true16                                      halves of registers are operands: v5.l, v5.h
//     opsel11 fmod11 fibc                         op_sel or negation on gfx11 only; op_sel means fi and
//     bound_ctrl
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "codegen/isa/amd/inst.h"

namespace doorbell::amd {

enum class Format : uint8_t {
  sop2,
  sopk,
  sop1,
  sopc,
  sopp,
  smem,
  vop2,
  vop1,
  vopc,
  vop3,
  vop3p,
  vopd,
  ds,
  flat,
  global,
  scratch,
  mubuf,
  mtbuf,
};

constexpr bool is_vop(Format f) { return f >= Format::vop2 && f <= Format::vopd; }

enum class Unit : uint8_t {
  salu,
  valu,
  trans,
  matrix,
  smem,
  vmem,
  flat,
  lds,
  branch,
  message,
  wait,
};

enum class Slot : uint8_t {
  sdst,
  ssrc0,
  ssrc1,
  simm16,
  literal,  // scalar formats
  sdata,
  sbase,
  soffset,  // SMEM
  vdst,
  sdst2,
  src0,
  src1,
  src2,
  vcc,  // VOP; vcc: VCC in short encodings, else src2
  vaddr,
  data0,
  data1,
  saddr,
  vdata,
  srsrc,
  soff,  // DS, FLAT, buffers
};

// What may stand in an operand.
enum class Class : uint8_t {
  vgpr,  // a VGPR
  vgpr_or_constant,
  sreg,    // a scalar register
  scalar,  // a scalar register, constant or literal
  any,     // all of these
  field,   // a number, in the way of `Notation`
  literal,
};

enum class Data : uint8_t { none, b, u, i, f, bf, iu, mask, address };

// How a 16-bit field reads in the text.
enum class Notation : uint8_t { none, k16, n16, k7, version, rel, hwreg, waitcnt, delay, depctr, msg, end };

struct OperandRow {
  Slot slot{};
  Class cls = Class::any;
  Data data = Data::none;
  uint8_t bits = 32;     // of one element
  uint8_t count = 1;     // elements packed together
  bool by_wave = false;  // half as many elements in wave64
  bool reads = false, writes = false, optional = false;
  Notation notation = Notation::none;

  // How many 32-bit registers it takes.
  constexpr int dwords(int wave = 32) const {
    if (data == Data::mask) return wave / 32;
    const int all = bits * count / (by_wave && wave == 64 ? 2 : 1);
    return all <= 32 ? 1 : all / 32;
  }
};

namespace implicit {
inline constexpr uint8_t vcc = 1, scc = 2, exec = 4, m0 = 8, mode = 16;
}

struct Line {
  std::string_view name;
  Format format;
  int16_t gfx10, gfx11;
  std::string_view operands;
  std::string_view notes = "";
  std::string_view old_name = "";
};
inline constexpr int16_t no = -1;

inline constexpr size_t max_operands = 5;

struct Row {
  std::string_view name, old_name;  // old_name: gfx10's, or empty
  Format format{};
  Unit unit{};
  std::array<int16_t, arch_count> opcode{};
  uint8_t count = 0;
  std::array<OperandRow, max_operands> operands{};
  uint8_t reads = 0, writes = 0;  // sets of `implicit`; VCC as an operand is not among them
  // Encodings beside the base, in the generations that have them; dpp10: also on gfx10.
  bool e64 = false, dpp = false, dpp10 = true, sdwa = false;
  bool two_offsets = false, gds_only = false, no_gds = false;
  // What VOP3, SDWA and DPP may do to operands (bit i: source i): neg and abs, a choice of halves (bit 3: of
  // the result), saturation, an output multiplier. `11`: more of it on gfx11.
  uint8_t sources = 0, float_sources = 0, float_sources11 = 0, op_sel = 0, op_sel11 = 0;
  bool clamp = false, omod = false;
  // What op_sel picks on gfx11 whatever an assembler knows: every operand of 16 bits (RDNA3 ISA, "VOP3").
  uint8_t halves = 0;
  bool true16 = false;  // operands say which half of a register they are, the lower one too
  bool atomic = false;  // of vector memory: returns the old value if glc is set

  constexpr bool in(Arch a) const { return opcode[static_cast<size_t>(a)] >= 0; }
  constexpr std::string_view name_in(Arch a) const {
    return a == Arch::gfx1030 && !old_name.empty() ? old_name : name;
  }
};

namespace table {

// A word of up to eight characters as a number, the first one lowest: switches on them keep the evaluation of
// the whole table within a compiler's limits, which comparing strings does not.
using Word = uint64_t;
constexpr Word word(std::string_view s) {
  Word w = 0;
  for (size_t i = 0; i < s.size(); ++i) w |= static_cast<Word>(static_cast<unsigned char>(s[i])) << (8 * i);
  return w;
}

struct Cursor {
  const char* at;
  const char* end;

  constexpr explicit Cursor(std::string_view s) : at(s.data()), end(s.data() + s.size()) {}
  constexpr bool done() const { return at == end; }
  constexpr bool eat(char c) {
    if (at == end || *at != c) return false;
    ++at;
    return true;
  }
  constexpr void spaces() {
    while (at != end && *at == ' ') ++at;
  }
  // Lower-case letters and digits.
  constexpr Word next() {
    Word w = 0;
    int shift = 0;
    while (at != end && ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9'))) {
      if (shift == 64) throw "a word is too long";
      w |= static_cast<Word>(*at++) << shift;
      shift += 8;
    }
    if (w == 0) throw "a word is missing";
    return w;
  }
  // "f16x2w": letters, a number, perhaps another one behind an x, perhaps a w.
  constexpr bool type(OperandRow& o) {
    const char* p = at;
    Word letters = 0;
    for (int shift = 0; p != end && *p >= 'a' && *p <= 'z' && shift < 16; shift += 8)
      letters |= static_cast<Word>(*p++) << shift;
    switch (letters) {
      case word("b"): o.data = Data::b; break;
      case word("u"): o.data = Data::u; break;
      case word("i"): o.data = Data::i; break;
      case word("f"): o.data = Data::f; break;
      case word("bf"): o.data = Data::bf; break;
      case word("iu"): o.data = Data::iu; break;
      case word("a"): o.data = Data::address; break;
      default: return false;
    }
    if (p == end || *p < '0' || *p > '9') return false;
    int n = 0;
    while (p != end && *p >= '0' && *p <= '9') n = n * 10 + (*p++ - '0');
    if (n >= 96 && o.data == Data::b) {  // untyped tuples count dwords
      o.count = static_cast<uint8_t>(n / 32);
      n = 32;
    }
    o.bits = static_cast<uint8_t>(n);
    if (p != end && *p == 'x') {
      ++p;
      n = 0;
      while (p != end && *p >= '0' && *p <= '9') n = n * 10 + (*p++ - '0');
      o.count = static_cast<uint8_t>(n);
    }
    if (p != end && *p == 'w') {
      ++p;
      o.by_wave = true;
    }
    at = p;
    return true;
  }
};

constexpr Unit unit_of(Format f) {
  switch (f) {
    case Format::smem: return Unit::smem;
    case Format::ds: return Unit::lds;
    case Format::flat: return Unit::flat;
    case Format::global:
    case Format::scratch:
    case Format::mubuf:
    case Format::mtbuf: return Unit::vmem;
    default: return is_vop(f) ? Unit::valu : Unit::salu;
  }
}

// Where operand number `n` of `side` (destinations, then sources) is encoded, for what the type does not
// decide.
constexpr Slot destination(Format f, int n, Data data) {
  switch (f) {
    case Format::sop2:
    case Format::sop1:
    case Format::sopk: return Slot::sdst;
    case Format::smem: return Slot::sdata;
    case Format::vopc: return Slot::sdst;
    case Format::vop2:
    case Format::vop3:
      if (n == 1) return Slot::sdst2;
      return data == Data::mask ? Slot::sdst : Slot::vdst;
    case Format::mubuf:
    case Format::mtbuf: return Slot::vdata;
    default: return Slot::vdst;
  }
}
constexpr Slot source(Format f, int n) {
  constexpr Slot srcs[] = {Slot::src0, Slot::src1, Slot::src2};
  switch (f) {
    case Format::sop2:
    case Format::sopc:
    case Format::sop1: return n == 0 ? Slot::ssrc0 : Slot::ssrc1;
    case Format::sopk: return Slot::sdst;
    case Format::smem: return Slot::sdata;
    case Format::ds:
    case Format::flat:
    case Format::global:
    case Format::scratch: return n == 0 ? Slot::data0 : Slot::data1;
    case Format::mubuf:
    case Format::mtbuf: return Slot::vdata;
    default:
      if (n > 2) throw "more than three sources";
      return srcs[n];
  }
}

constexpr uint8_t implicit_state(Word w) {
  switch (w) {
    case word("vcc"): return implicit::vcc;
    case word("scc"): return implicit::scc;
    case word("exec"): return implicit::exec;
    case word("m0"): return implicit::m0;
    case word("mode"): return implicit::mode;
  }
  throw "unknown implicit state";
}

// One operand; `written` before the `=`. `n` counts the operands of its side that slots are numbered by.
constexpr OperandRow parse_operand(Cursor& in, Format format, bool written, int& n) {
  OperandRow o;
  o.optional = in.eat('?');
  const bool both = in.eat('+');
  o.writes = written || both;
  o.reads = !written || both;
  const bool scalar_format = !is_vop(format) && format <= Format::smem;
  o.cls = scalar_format                ? (written ? Class::sreg : Class::scalar)
          : written || !is_vop(format) ? Class::vgpr
                                       : Class::any;
  bool in_address = false;
  if (in.end - in.at > 2 && in.at[1] == ':') {
    switch (*in.at) {
      case 'v': o.cls = Class::vgpr; break;
      case 's': o.cls = Class::sreg; break;
      case 'c': o.cls = Class::scalar; break;
      case 'a': in_address = true; break;
      case 'w': o.cls = Class::vgpr_or_constant; break;
      default: throw "unknown operand class";
    }
    in.at += 2;
  }
  if (in.type(o)) {
    if (o.data == Data::address) {
      o.slot = Slot::vaddr;
      o.cls = Class::vgpr;
      return o;
    }
    o.slot = in_address ? Slot::vaddr : written ? destination(format, n++, o.data) : source(format, n++);
    if (o.slot == Slot::sdst) o.cls = Class::sreg;
    return o;
  }
  o.data = Data::none;
  switch (const Word w = in.next()) {
    case word("m"):
      o.data = Data::mask;
      o.cls = Class::sreg;
      if (written) o.slot = destination(format, n++, o.data);
      else o.slot = Slot::vcc;
      return o;
    case word("lit"):
      o.slot = Slot::literal;
      o.cls = Class::literal;
      return o;
    case word("sbase2"):
    case word("sbase4"):
      o.slot = Slot::sbase;
      o.cls = Class::sreg;
      o.data = Data::b;
      o.count = w == word("sbase2") ? 2 : 4;
      return o;
    case word("soffset"):
      o.slot = Slot::soffset;
      o.cls = Class::sreg;
      o.data = Data::u;
      return o;
    case word("saddr"):
      o.slot = Slot::saddr;
      o.cls = Class::sreg;
      o.data = Data::b;
      o.count = format == Format::scratch ? 1 : 2;
      return o;
    case word("rsrc"):
      o.slot = Slot::srsrc;
      o.cls = Class::sreg;
      o.data = Data::b;
      o.count = 4;
      return o;
    case word("soff"):
      o.slot = Slot::soff;
      o.cls = Class::scalar;
      o.data = Data::u;
      return o;
    case word("k16"): o.notation = Notation::k16; break;
    case word("rel"): o.notation = Notation::rel; break;
    case word("hwreg"): o.notation = Notation::hwreg; break;
    case word("waitcnt"): o.notation = Notation::waitcnt; break;
    case word("delay"): o.notation = Notation::delay; break;
    case word("depctr"): o.notation = Notation::depctr; break;
    case word("msg"):
      o.notation = Notation::msg;
      if (format == Format::sop1) {
        o.slot = Slot::ssrc0;
        o.cls = Class::field;
        return o;
      }
      break;
    case word("version"): o.notation = Notation::version; break;
    case word("end"): o.notation = Notation::end; break;
    case word("n16"): o.notation = Notation::n16; break;
    case word("k7"): o.notation = Notation::k7; break;
    default: throw "unknown operand";
  }
  o.slot = format == Format::smem ? Slot::sdata : Slot::simm16;
  o.cls = Class::field;
  return o;
}

constexpr Row expand(const Line& line) {
  Row row;
  row.name = line.name;
  row.old_name = line.old_name;
  row.format = line.format;
  row.unit = unit_of(line.format);
  row.opcode = {line.gfx10, line.gfx11, line.gfx11};

  bool written = true, wide = false;
  int n = 0;
  for (Cursor in(line.operands); in.spaces(), !in.done();) {
    if (in.eat('=')) {
      written = false;
      n = 0;
      continue;
    }
    if (row.count == max_operands) throw "too many operands";
    OperandRow& o = row.operands[row.count++];
    o = parse_operand(in, line.format, written, n);
    wide |= o.dwords() > 1 && o.data != Data::mask;
  }
  if (written && !line.operands.empty()) throw "a `=` is missing";

  row.atomic = line.name.find("_atomic_") != line.name.npos;
  bool float_result = false;
  uint8_t single = 8;  // sources of one element, and the result
  for (const OperandRow& o : row.operands) {
    const bool is_float = o.data == Data::f || o.data == Data::bf;
    if (o.slot == Slot::vdst && o.writes && is_float && o.count == 1) float_result = true;
    const bool half = o.bits * o.count == 16 && line.format != Format::vop3p;
    if (o.slot == Slot::vdst && half) row.halves |= 8;
    if (o.slot != Slot::src0 && o.slot != Slot::src1 && o.slot != Slot::src2) continue;
    const auto bit = static_cast<uint8_t>(1 << (static_cast<int>(o.slot) - static_cast<int>(Slot::src0)));
    row.sources |= bit;
    if (is_float) row.float_sources |= bit;
    if (o.count == 1) single |= bit;
    if (half) row.halves |= bit;
  }
  row.float_sources11 = row.float_sources;
  row.omod = float_result;
  row.clamp = float_result || row.float_sources != 0;
  const bool short_vop =
      line.format == Format::vop1 || line.format == Format::vop2 || line.format == Format::vopc;
  row.e64 = short_vop;
  row.dpp = (short_vop || line.format == Format::vop3) && !wide && row.count != 0;
  row.sdwa = short_vop && !wide && row.count != 0;
  if (row.unit != Unit::salu && row.unit != Unit::smem) row.reads |= implicit::exec;
  for (Cursor in(line.notes); in.spaces(), !in.done();) {
    if (in.eat('<')) {
      row.reads |= implicit_state(in.next());
      continue;
    }
    if (in.eat('>')) {
      row.writes |= implicit_state(in.next());
      continue;
    }
    switch (in.next()) {
      case word("trans"): row.unit = Unit::trans; break;
      case word("matrix"): row.unit = Unit::matrix; break;
      case word("branch"): row.unit = Unit::branch; break;
      case word("message"): row.unit = Unit::message; break;
      case word("wait"): row.unit = Unit::wait; break;
      case word("noe64"): row.e64 = false; break;
      case word("nodpp"): row.dpp = false; break;
      case word("nodpp10"): row.dpp10 = false; break;
      case word("dpp"): row.dpp = true; break;
      case word("nosdwa"): row.sdwa = false; break;
      case word("gfx1151"): row.opcode[static_cast<size_t>(Arch::gfx1100)] = no; break;
      case word("noexec"): row.reads &= static_cast<uint8_t>(~implicit::exec); break;
      case word("clamp"): row.clamp = true; break;
      case word("noclamp"): row.clamp = false; break;
      case word("omod"): row.omod = true; break;
      case word("noomod"): row.omod = false; break;
      case word("opsel"): row.op_sel = row.op_sel11 = single; break;
      case word("opsel11"): row.op_sel11 = single; break;
      case word("fibc"): row.op_sel = row.op_sel11 = 3; break;
      case word("floatmod"): row.float_sources = row.float_sources11 = 3; break;
      case word("fmod11"): row.float_sources11 = 3; break;
      case word("two"): row.two_offsets = true; break;
      case word("gds"): row.gds_only = true; break;
      case word("true16"): row.true16 = true; break;
      case word("nogds"): row.no_gds = true; break;
      default: throw "unknown note";
    }
  }
  return row;
}

}  // namespace table
}  // namespace doorbell::amd
