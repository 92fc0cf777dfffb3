// The grammar of the instruction table, and its expansion into rows. A line of instructions.h is written much
// like the manual's opcode column and stands for one row per vector length and per operand size that it
// names. Everything here is constexpr: a line that does not parse is a compile error, and a lookup costs no
// start-up.
//
// Encoding (Intel SDM vol. 2A, 3.1.1.1 "Opcode Column", 3.1.1.2 "... Column in the Instruction Summary"):
//   "vex.xy.66.0f38.w0 98 RVM"
//     leg | lock | vex | evex       format (lock: legacy with an F0 prefix)
//     x y z, or several | lig       vector length 128, 256, 512: a row each | ignored. VEX.LZ is x
//     66 | f3 | f2                  mandatory prefix (66 in legacy also is the 16-bit operand size)
//     0f | 0f38 | 0f3a | map5 | map6    opcode map
//     w0 | w1 | wig | w01           W; w01: a row for each, with r = r32 and r = r64
//   then the opcode, perhaps a fixed second byte or /digit, then a letter per operand, saying where it is:
//     R ModRM.reg, M ModRM.rm, V vvvv, S imm8[7:4], O opcode[2:0], I immediate, D distance, F fixed
//
// Operands: "+v{kz}, v, v/mv/b32"
//     =, +, nothing            written, read and written, read
//     r8 r16 r32 r64 k, r      registers; r follows W
//     x y z, v h q             xmm ymm zmm; v: the vector length; h, q: a half and a quarter, xmm at least
//     m8 .. m512, mr, m        memory of so many bits; by W; no size
//     mv mh mq me              memory of the vector length, its half, quarter, eighth
//     gvv32 ghv64 gvh32        memory with a vector index (VSIB): the index's class, all memory, an element
//     b16 b32 b64              memory may be one element, broadcast (EVEX.b)
//     i8 i32 i64, u8 u16 u32   immediates, sign-extended or as wide as what they act on
//     ir                       a sign-extended i32 in 64 bits, a u32 in 32
//     rel8 rel32, cl a, 1      distances; fixed registers (a is eax or rax); the constant 1
//     {k} {kz} {k!}            may be masked; also zeroed; must be masked, and the mask is cleared
//
// Notes: <rax >rdx <flags >flags implicitly read, written; C commutes; P the last immediate is a predicate
// that is printed in the name; S the mask selects between sources instead of merging into the destination; 2
// a second spelling of a line above, used where it saves a VEX byte.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "codegen/isa/x86/inst.h"
#include "hal/base/cpuid.h"

namespace doorbell::x86 {

namespace feature {
inline constexpr Features avx_int = avx | avx2;  // packed integers: AVX2 where 256 bits wide, AVX else
}  // namespace feature

struct Line {
  std::string_view name, encoding, operands;
  Features features;
  std::string_view notes = "";
};

enum class Format : uint8_t { legacy, vex, evex };
enum class Slot : uint8_t { reg, rm, vvvv, is4, opcode, imm, distance, fixed };
enum class ImmKind : uint8_t { none, i8, i32, i64, u8, u16, u32, rel8, rel32, one };
enum class Masking : uint8_t { none, merge, zero, cleared };
inline constexpr uint8_t ignored = 0xff;  // W or L that the processor ignores; encoded as 0

struct OperandRow {
  RegClass reg = RegClass::none;  // none: no register here
  int8_t fixed = -1;              // the one register that fits
  bool mem = false;
  uint16_t bits = 0;               // of memory
  RegClass vsib = RegClass::none;  // class of a vector index
  uint8_t element = 0;             // bits of what a broadcast repeats, or of a gather's elements; 0: neither
  ImmKind imm = ImmKind::none;
  bool reads = false, writes = false;
  Slot slot = Slot::fixed;
};

inline constexpr uint32_t implicit_flags = 1u << 16;  // beside bit i for general register i

struct Row {
  std::string_view name;
  Op op{};
  Format format = Format::legacy;
  bool lock = false, commutes = false, predicate = false, second = false, selects = false;
  uint8_t map = 0;            // 0: one byte; 1 0F, 2 0F38, 3 0F3A, 5, 6
  uint8_t pp = 0;             // none, 66, F3, F2
  uint8_t w = 0, length = 0;  // or `ignored`; length 0, 1, 2: 128, 256, 512
  uint8_t opcode = 0;
  int16_t digit = -1;               // /digit in ModRM.reg
  int16_t fixed_byte = -1;          // a second opcode byte, where ModRM would be
  Masking masking = Masking::none;  // of the first operand
  uint8_t count = 0;
  std::array<OperandRow, 4> operands{};
  uint32_t implicit_reads = 0, implicit_writes = 0;  // bit i: general register i; implicit_flags
  Features features = 0;
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
  constexpr char peek() const { return at == end ? '\0' : *at; }
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
};

constexpr int number(Word w) {
  int n = 0;
  for (; w != 0; w >>= 8) {
    const char c = static_cast<char>(w & 0xff);
    if (c < '0' || c > '9') throw "not a decimal number";
    n = n * 10 + (c - '0');
  }
  return n;
}

constexpr uint8_t hex_byte(Word w) {
  int n = 0;
  if (w > 0xffff || w <= 0xff) throw "not a hexadecimal byte";
  for (; w != 0; w >>= 8) {
    const char c = static_cast<char>(w & 0xff);
    if (c > 'f') throw "not a hexadecimal byte";
    n = n * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return static_cast<uint8_t>(n);
}

// "xyz" and its parts, as lengths; 0 for another word.
constexpr int count_lengths(Word w) {
  int n = 0;
  for (; w != 0; w >>= 8, ++n)
    if ((w & 0xff) < 'x' || (w & 0xff) > 'z') return 0;
  return n;
}

// How many rows a line stands for.
constexpr int variants(const Line& line) {
  Cursor in(line.encoding);
  int n = 1;
  do {
    const Word w = in.next();
    if (const int lengths = count_lengths(w); lengths != 0) n *= lengths;
    if (w == word("w01")) n *= 2;
  } while (in.eat('.'));
  return n;
}

constexpr RegClass vector_class(int length) {
  return length <= 0 ? RegClass::xmm : length == 1 ? RegClass::ymm : RegClass::zmm;
}

constexpr uint16_t memory_bits(Word w, int length, bool wide) {
  const int bits = 128 << length;
  switch (w) {
    case 0: return 0;
    case 'r': return wide ? 64 : 32;
    case 'v': return static_cast<uint16_t>(bits);
    case 'h': return static_cast<uint16_t>(bits / 2);
    case 'q': return static_cast<uint16_t>(bits / 4);
    case 'e': return static_cast<uint16_t>(bits / 8);
  }
  return static_cast<uint16_t>(number(w));
}

constexpr void parse_alternative(OperandRow& o, Word w, int length, bool wide) {
  const RegClass general = wide ? RegClass::gpr64 : RegClass::gpr32;
  switch (w) {
    case word("r8"): o.reg = RegClass::gpr8; return;
    case word("r16"): o.reg = RegClass::gpr16; return;
    case word("r32"): o.reg = RegClass::gpr32; return;
    case word("r64"): o.reg = RegClass::gpr64; return;
    case word("r"): o.reg = general; return;
    case word("x"): o.reg = RegClass::xmm; return;
    case word("y"): o.reg = RegClass::ymm; return;
    case word("z"): o.reg = RegClass::zmm; return;
    case word("v"): o.reg = vector_class(length); return;
    case word("h"): o.reg = vector_class(length - 1); return;
    case word("q"): o.reg = vector_class(length - 2); return;
    case word("k"): o.reg = RegClass::k; return;
    case word("a"):
      o.reg = general;
      o.fixed = 0;
      return;
    case word("cl"):
      o.reg = RegClass::gpr8;
      o.fixed = 1;
      return;
    case word("1"): o.imm = ImmKind::one; return;
    case word("i8"): o.imm = ImmKind::i8; return;
    case word("u16"): o.imm = ImmKind::u16; return;
    case word("i32"): o.imm = ImmKind::i32; return;
    case word("ir"): o.imm = wide ? ImmKind::i32 : ImmKind::u32; return;
    case word("i64"): o.imm = ImmKind::i64; return;
    case word("u8"): o.imm = ImmKind::u8; return;
    case word("u32"): o.imm = ImmKind::u32; return;
    case word("rel8"): o.imm = ImmKind::rel8; return;
    case word("rel32"): o.imm = ImmKind::rel32; return;
  }
  switch (w & 0xff) {
    case 'b': o.element = static_cast<uint8_t>(number(w >> 8)); return;
    case 'g':
      o.vsib = vector_class((w >> 8 & 0xff) == 'v' ? length : length - 1);
      o.bits = memory_bits(w >> 16 & 0xff, length, wide);
      o.element = static_cast<uint8_t>(number(w >> 24));
      o.mem = true;
      return;
    case 'm':
      o.bits = memory_bits(w >> 8, length, wide);
      o.mem = true;
      return;
  }
  throw "unknown operand kind";
}

constexpr Slot slot_of(char letter) {
  switch (letter) {
    case 'R': return Slot::reg;
    case 'M': return Slot::rm;
    case 'V': return Slot::vvvv;
    case 'S': return Slot::is4;
    case 'O': return Slot::opcode;
    case 'I': return Slot::imm;
    case 'D': return Slot::distance;
    case 'F': return Slot::fixed;
  }
  throw "unknown slot, or more operands than slots";
}

constexpr uint32_t implicit_register(Word w) {
  switch (w) {
    case word("rax"): return 1u << 0;
    case word("rcx"): return 1u << 1;
    case word("rdx"): return 1u << 2;
    case word("rsp"): return 1u << 4;
    case word("flags"): return implicit_flags;
  }
  throw "unknown implicit register";
}

// Row number `variant` of a line.
constexpr Row expand(const Line& line, Op op, int variant) {
  Row row;
  row.name = line.name;
  row.op = op;
  row.features = line.features;
  int length = 0;
  Cursor in(line.encoding);
  do {
    const Word w = in.next();
    switch (w) {
      case word("leg"): break;
      case word("lock"): row.lock = true; break;
      case word("vex"): row.format = Format::vex; break;
      case word("evex"): row.format = Format::evex; break;
      case word("lig"): row.length = ignored; break;
      case word("66"): row.pp = 1; break;
      case word("f3"): row.pp = 2; break;
      case word("f2"): row.pp = 3; break;
      case word("0f"): row.map = 1; break;
      case word("0f38"): row.map = 2; break;
      case word("0f3a"): row.map = 3; break;
      case word("map5"): row.map = 5; break;
      case word("map6"): row.map = 6; break;
      case word("w0"): row.w = 0; break;
      case word("w1"): row.w = 1; break;
      case word("wig"): row.w = ignored; break;
      case word("w01"):
        row.w = static_cast<uint8_t>(variant % 2);
        variant /= 2;
        break;
      default: {
        const int lengths = count_lengths(w);
        if (lengths == 0) throw "unknown word in an encoding";
        length = static_cast<int>(w >> (8 * (variant % lengths)) & 0xff) - 'x';
        variant /= lengths;
        row.length = static_cast<uint8_t>(length);
        // One length alone is an instruction of its own (vmovd, vpextrb); several are kin of a 512-bit one.
        if (row.format == Format::evex && lengths > 1 && length < 2) row.features |= feature::avx512vl;
      }
    }
  } while (in.eat('.'));
  if (line.features == feature::avx_int && length == 0) row.features = feature::avx;
  in.spaces();
  row.opcode = hex_byte(in.next());
  in.spaces();
  if (in.eat('/')) row.digit = static_cast<int16_t>(number(in.next()));
  else if (!in.done() && (in.peek() < 'A' || in.peek() > 'Z')) row.fixed_byte = hex_byte(in.next());
  in.spaces();

  Cursor operands(line.operands);
  while (!operands.done()) {
    if (row.count == 4) throw "more than four operands";
    OperandRow& o = row.operands[row.count];
    o.slot = slot_of(in.peek());
    in.eat(in.peek());
    const bool updates = operands.eat('+');
    o.writes = updates || operands.eat('=');
    o.reads = updates || !o.writes;
    do { parse_alternative(o, operands.next(), length, row.w == 1); } while (operands.eat('/'));
    if (operands.eat('{')) {
      if (row.count != 0) throw "only the first operand is masked";
      const Word mask = operands.next();
      row.masking = mask == word("kz")  ? Masking::zero
                    : operands.eat('!') ? Masking::cleared
                                        : Masking::merge;
      if ((mask != word("kz") && mask != word("k")) || !operands.eat('}')) throw "unknown mask";
    }
    ++row.count;
    if (!operands.eat(',') && !operands.done()) throw "a comma is missing";
    operands.spaces();
  }
  if (!in.done()) throw "more slots than operands";

  Cursor notes(line.notes);
  while (!notes.done()) {
    if (notes.eat('<')) row.implicit_reads |= implicit_register(notes.next());
    else if (notes.eat('>')) row.implicit_writes |= implicit_register(notes.next());
    else if (notes.eat('C')) row.commutes = true;
    else if (notes.eat('P')) row.predicate = true;
    else if (notes.eat('S')) row.selects = true;
    else if (notes.eat('2')) row.second = true;
    else throw "unknown note";
    notes.spaces();
  }
  return row;
}

// Whether a row takes a form of operands as op(name, form) writes it: "ymm, ymm, m256".
constexpr bool takes(const Row& row, std::string_view form) {
  Cursor in(form);
  size_t i = 0;
  for (; !in.done(); ++i) {
    if (i >= row.count) return false;
    const OperandRow& o = row.operands[i];
    const Word w = in.next();
    bool fit = false;
    switch (w) {
      case word("r8"): fit = o.reg == RegClass::gpr8; break;
      case word("r16"): fit = o.reg == RegClass::gpr16; break;
      case word("r32"): fit = o.reg == RegClass::gpr32; break;
      case word("r64"): fit = o.reg == RegClass::gpr64; break;
      case word("xmm"): fit = o.reg == RegClass::xmm; break;
      case word("ymm"): fit = o.reg == RegClass::ymm; break;
      case word("zmm"): fit = o.reg == RegClass::zmm; break;
      case word("k"): fit = o.reg == RegClass::k; break;
      case word("imm"): fit = o.imm != ImmKind::none && o.slot != Slot::distance; break;
      case word("rel"): fit = o.slot == Slot::distance; break;
      default:
        if ((w & 0xff) == 'm') fit = o.mem && o.bits == number(w >> 8);
        else if ((w & 0xff) == 'b') fit = o.element == number(w >> 8);
        else throw "unknown word in a form";
    }
    if (!fit) return false;
    in.eat(',');
    in.spaces();
  }
  return i == row.count;
}

}  // namespace table
}  // namespace doorbell::x86
