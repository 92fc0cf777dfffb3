// The AMD GPU encoder, decoder, printer and parser. All four read the table of instructions.h; nothing about
// an instruction is said twice. Text is LLVM's syntax as `llvm-mc-19 -triple=amdgcn -mcpu=gfx1100` prints it,
// and bytes are those that it assembles from that text. Everything here is stateless and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/isa/amd/instructions.h"
#include "hal/base/result.h"

namespace doorbell::amd {

// op("v_add_f32"): a name that the table lacks does not compile. Names are the newest manual's; gfx10's older
// spellings name the same rows.
consteval Op op(std::string_view name) {
  // Last characters differ first, and one comparison a line keeps hundreds of lookups in a file cheap.
  const Line* lines = table::instructions;
  const size_t size = name.size();
  for (size_t i = 0; i < std::size(table::instructions); ++i)
    if (lines[i].name.size() == size && lines[i].name.data()[size - 1] == name.back() &&
        lines[i].name == name)
      return static_cast<Op>(i);
  throw "the instruction table has no such name";
}

std::span<const Row> rows();
const Row& row(Op);
inline const Row& row(const Inst& inst) { return row(inst.op); }
// The row of a name without its encoding's suffix (`v_add_f32`, gfx10's spelling or gfx11's), if the
// generation has it.
std::optional<Op> find(std::string_view name, Arch);

std::string_view name(Arch);  // "gfx1100"
// "gfx1100", "gfx1101" and their kin, "gfx1036", "gfx1151" ...
Result<Arch> parse_arch(std::string_view);

// Whose word counts. Assemblers refuse more than processors do, which ignore the operand fields that an
// instruction has no use for, and read a register once for both halves of VOPD (tinygrad, test/amd/hw:
// test_ds.py, test_vopd.py, confirmed on RDNA3).
enum class Rules : uint8_t { assembler, silicon };

struct Decoded {
  Inst inst;
  size_t length = 0;  // bytes: 4, 8 or 12
};
// The instruction at the beginning of `bytes`; an error, with the words, for anything that the generation
// lacks. Never reads past the end.
Result<Decoded> decode(std::span<const std::byte> bytes, Target, Rules = Rules::assembler);

// Appends the instruction; an error, with its text, where no encoding takes the operands and modifiers.
Status encode(const Inst&, Target, std::vector<std::byte>&);

// What encodes and yet is not to be executed: more scalar values than the constant bus carries, VOPD halves
// that share a bank.
Status check(const Inst&, Target, Rules = Rules::assembler);

std::string print(const Inst&, Target);

// What names in the text stand for. Each may leave a name undefined.
struct Names {
  struct Value {
    int64_t value = 0;
    bool address = false;  // not known before all is laid out: takes a literal, never an inline constant
    static constexpr int absolute = -1, unknown = -2;
    int base = absolute;  // the section whose address is in it
  };
  virtual ~Names() = default;
  virtual std::optional<Value> value(std::string_view name) const = 0;
  // Dwords from the end of the instruction to a label.
  virtual std::optional<int64_t> distance(std::string_view name) const = 0;
  // `name@how`, as rel32@lo: the bits that a linker would write for this addend.
  virtual std::optional<int64_t> relocated(std::string_view name, std::string_view how,
                                           int64_t addend) const = 0;
};
// One instruction, in its shortest encoding unless a suffix names one (`_e64`); an error says the column,
// from 1, what was expected and what was found. What it yields, encode() takes.
Result<Inst> parse(std::string_view, Target, const Names* = nullptr);
// The bits that an inline constant or a literal stands for in an operand of this type, zero-extended to 64
// bits: a float in its width, an integer sign-extended, a literal of a 64-bit float in its upper half (RDNA3
// ISA, "Inline Constants" and "Literal Constants").
uint64_t constant_bits(const Operand&, const OperandRow&);

// The counters that an instruction raises until it is done, which s_waitcnt waits for.
namespace counter {
inline constexpr uint8_t vm = 1, lgkm = 2, exp = 4, vs = 8;
}
uint8_t counters(const Inst&);

}  // namespace doorbell::amd
