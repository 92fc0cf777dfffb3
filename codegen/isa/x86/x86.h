// The x86-64 encoder, decoder, printer and parser. All four read the table of instructions.h; nothing about
// an instruction is said twice. Text is Intel's syntax as `llvm-mc-19 -output-asm-variant=1` prints it, and
// bytes are those that llvm-mc-19 assembles from that text. Everything here is stateless and thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/isa/x86/instructions.h"
#include "hal/base/result.h"

namespace doorbell::x86 {

// op("vaddps"): a name that the table lacks does not compile.
consteval Op op(std::string_view name) {
  // Last characters differ first, and one comparison a line keeps hundreds of lookups in a file cheap.
  const Line* lines = table::instructions;
  const size_t size = name.size();
  const char last = name.back();
  for (size_t i = 0; i < std::size(table::instructions); ++i)
    if (lines[i].name.size() == size && lines[i].name.data()[size - 1] == last && lines[i].name == name)
      return static_cast<Op>(i);
  throw "the instruction table has no such name";
}

// op("vaddps", "ymm, ymm, m256"): neither does a form of operands that no row of that name takes. Words: r8
// r16 r32 r64 xmm ymm zmm k, m8 to m512 (m: lea's), imm, rel, and b16 b32 b64 for a broadcast element.
consteval Op op(std::string_view name, std::string_view form) {
  const Op first = op(name);
  for (size_t i = static_cast<size_t>(first); i < std::size(table::instructions); ++i) {
    const Line& line = table::instructions[i];
    if (line.name != name) break;
    for (int v = 0; v < table::variants(line); ++v)
      if (table::takes(table::expand(line, first, v), form)) return first;
  }
  throw "no row of this name takes these operands";
}

std::string_view name(Op);
std::span<const Row> rows();    // every row, those of one name together
std::span<const Row> rows(Op);  // those of one name, in the order of preference

// The row that spells an instruction, or null where none takes its operands. Its roles, implicit registers
// and features are what a register allocator and a target need to know.
const Row* match(const Inst&);

// Whether operand `i` is read. A vector that is written under a merging mask is; a mask register is not,
// since a masked comparison clears the bits that it leaves out (SDM vol. 2A, 2.7.4).
inline bool reads(const Row& row, const Inst& inst, int i) {
  const OperandRow& o = row.operands[static_cast<size_t>(i)];
  const bool merges = i == 0 && inst.mask != 0 && !inst.zeroing && o.reg != RegClass::k && !row.selects;
  return o.reads || merges;
}

// A gather faults unless its destination, its index and its VEX mask are three registers (vol. 2C,
// VGATHERDPS).
inline bool needs_distinct_registers(const Row& row) {
  return row.count > 1 && row.operands[0].writes && row.operands[1].vsib != RegClass::none;
}

struct Encoded {
  size_t offset = 0, size = 0;  // in the bytes given
  // Offset of a 4-byte little-endian field that counts from offset + size: the rel32 of a branch, or the
  // displacement of a [rip + disp]; 0 where there is none. The caller patches labels and constants there.
  size_t field = 0;
};

// Appends the instruction. That a row takes its operands is the caller's invariant (see match).
Encoded encode(const Inst&, std::vector<std::byte>&);
// By the rows of another table; inst.op is of no matter.
Encoded encode(const Inst&, std::vector<std::byte>&, std::span<const Row>);

struct Decoded {
  Inst inst;
  const Row* row;
  size_t length;
};
// The instruction at the beginning of `bytes`; an error for anything that the table lacks, or that a
// processor refuses. Never reads past the end.
Result<Decoded> decode(std::span<const std::byte> bytes);

// A label prints as .L7; a branch without one prints its distance from the end of the instruction.
std::string print(const Inst&);
Result<Inst> parse(std::string_view);

}  // namespace doorbell::x86
