// Appends instructions to a machine program. Roles of operands and what depends on flags come from the
// instruction table, so that selection names an operation and its operands and nothing else.
#pragma once

#include <map>
#include <span>

#include "codegen/target/x86/isa.h"

namespace doorbell::x86::target {

// A source operand: a register in the class of the result, an immediate, or an operand spelled out.
struct Arg {
  machine::Operand operand;
  bool follows = false;
  Arg(machine::Reg reg) : operand(machine::use(reg, 0)), follows(true) {}
  Arg(int value) : operand(machine::imm(value)) {}
  Arg(machine::Operand o) : operand(o) {}
};

class Emit {
 public:
  machine::Program& program() { return program_; }
  size_t current() const { return block_; }
  size_t add_block(int depth);  // and continues there
  void go_to(size_t block) { block_ = block; }

  machine::Inst& emit(Op op, std::initializer_list<machine::Operand> operands);
  machine::Inst& emit(Op op, std::span<const machine::Operand> operands);
  // EVEX: lanes outside of `mask` keep what the first operand holds or, where `zeroing`, become 0. Of a row
  // that selects between its sources they take the first. Gathers and scatters clear the mask.
  machine::Inst& emit_masked(Op op, machine::Reg mask, bool zeroing,
                             std::span<const machine::Operand> operands);

  machine::Reg gpr() { return program_.make_reg(gpr_file); }
  machine::Reg reg(RegClass c) { return program_.make_reg(file_of(c)); }

  // =d op(args), d of class c.
  machine::Reg make(Op op, RegClass c, std::initializer_list<Arg> args);
  // d = copy of `first`; op +d, args: operations that overwrite their first operand.
  machine::Reg change(Op op, RegClass c, machine::Reg first, std::initializer_list<Arg> args);
  // =d{mask}{z} op(args), or =d{mask} where the row selects.
  machine::Reg make_masked(Op op, RegClass c, machine::Reg mask, std::initializer_list<Arg> args);
  // d = copy of `first`; d{mask} = op(args).
  machine::Reg merge(Op op, RegClass c, machine::Reg first, machine::Reg mask,
                     std::initializer_list<Arg> args);
  void copy(machine::Reg to, machine::Reg from, RegClass c);
  machine::Reg copied(machine::Reg from, RegClass c);

  // Constants: vectors of one value, or any bytes of the size of a vector or mask; they lie in the pool.
  machine::Reg splat(int width, RegClass c, uint64_t bits);
  machine::Reg constant(RegClass c, std::span<const std::byte> bytes);
  machine::Reg zero(RegClass c);
  machine::Reg number(RegClass c, int64_t value);  // in a general register

  // =d op(args), one of which is memory.
  machine::Reg load(Op op, RegClass c, std::initializer_list<Arg> args, int object);
  machine::Reg load(Op op, RegClass c, machine::Operand memory, int object) {
    return load(op, c, {Arg(memory)}, object);
  }
  void store(Op op, machine::Operand memory, machine::Operand value, int object);

  // Condition `set` ("sete") of the flags that the last instruction wrote, as 0 or 1.
  machine::Reg flag(Op set);

  void make_entry();  // block 0, where constants are made

 private:
  machine::Program program_;
  size_t block_ = 0;
  std::map<std::pair<size_t, unsigned>, machine::Reg> constants_;  // by pool entry and class
};

}  // namespace doorbell::x86::target
