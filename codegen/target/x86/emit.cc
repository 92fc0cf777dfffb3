// See emit.h.
#include "codegen/target/x86/emit.h"

#include <algorithm>
#include <cstring>

namespace doorbell::x86::target {

using machine::Inst;
using machine::Operand;
using machine::Role;

void Emit::make_entry() {
  program_.blocks.emplace_back();
  block_ = 0;
}

size_t Emit::add_block(int depth) {
  program_.blocks.emplace_back().depth = depth;
  return block_ = program_.blocks.size() - 1;
}

Inst& Emit::emit(Op op, std::initializer_list<Operand> operands) {
  return emit(op, std::span(operands.begin(), operands.size()));
}

Inst& Emit::emit(Op op, std::span<const Operand> operands) {
  Inst inst;
  inst.op = static_cast<uint16_t>(op);
  const Row* row = nullptr;
  for (const Row& r : rows(op))
    if (r.count == operands.size()) {
      row = &r;
      break;
    }
  DOORBELL_CHECK(row, "{} has no form of {} operands", name(op), operands.size());
  for (size_t i = 0; i < operands.size(); ++i) {
    Operand o = operands[i];
    const OperandRow& r = row->operands[i];
    if (o.is_reg()) o.role = !r.writes ? Role::Use : r.reads ? Role::Update : Role::Def;
    inst.add(o);
  }
  if (row->implicit_reads & implicit_flags) inst.flags |= machine::glued;
  auto& insts = program_.blocks[block_].insts;
  return insts.emplace_back(inst);
}

namespace {

// =d of class c, then the arguments.
struct Operands {
  std::array<Operand, Inst::max_operands> list;
  size_t count = 0;
  Operands(machine::Reg d, RegClass c, std::initializer_list<Arg> args) {
    list[count++] = machine::def(d, cls(c));
    for (const Arg& a : args) {
      list[count] = a.operand;
      if (a.follows) list[count].cls = static_cast<uint8_t>(cls(c));
      ++count;
    }
  }
  operator std::span<const Operand>() const { return {list.data(), count}; }
};

}  // namespace

machine::Reg Emit::make(Op op, RegClass c, std::initializer_list<Arg> args) {
  machine::Reg d = reg(c);
  emit(op, Operands(d, c, args));
  return d;
}

machine::Reg Emit::change(Op op, RegClass c, machine::Reg first, std::initializer_list<Arg> args) {
  machine::Reg d = copied(first, c);
  emit(op, Operands(d, c, args));
  return d;
}

Inst& Emit::emit_masked(Op op, machine::Reg mask, bool zeroing, std::span<const Operand> operands) {
  auto fits = [&](const Row& r) { return r.masking != Masking::none && r.count == operands.size(); };
  const auto all = rows(op);
  const auto row = std::ranges::find_if(all, fits);
  DOORBELL_CHECK(row != all.end(), "{} has no masked form of {} operands", name(op), operands.size());
  Inst inst;
  inst.op = static_cast<uint16_t>(op);
  inst.flags = machine::masked | (zeroing ? machine::zeroing : 0);
  for (size_t i = 0; i < operands.size(); ++i) {
    Operand o = operands[i];
    const OperandRow& r = row->operands[i];
    const bool merges = i == 0 && !zeroing && !row->selects && r.reg != RegClass::k;  // see reads() of x86.h
    if (o.is_reg()) o.role = !r.writes ? Role::Use : r.reads || merges ? Role::Update : Role::Def;
    inst.add(o);
  }
  Operand k = machine::use(mask, cls(RegClass::k));
  if (row->masking == Masking::cleared) k.role = Role::Update;
  inst.add(k);
  return program_.blocks[block_].insts.emplace_back(inst);
}

machine::Reg Emit::make_masked(Op op, RegClass c, machine::Reg mask, std::initializer_list<Arg> args) {
  machine::Reg d = reg(c);
  emit_masked(op, mask, !rows(op)[0].selects, Operands(d, c, args));
  return d;
}

machine::Reg Emit::merge(Op op, RegClass c, machine::Reg first, machine::Reg mask,
                         std::initializer_list<Arg> args) {
  machine::Reg d = copied(first, c);
  emit_masked(op, mask, false, Operands(d, c, args));
  return d;
}

void Emit::copy(machine::Reg to, machine::Reg from, RegClass c) {
  program_.blocks[block_].insts.emplace_back(
      Inst(machine::op_copy, {machine::def(to, cls(c)), machine::use(from, cls(c))}));
}
machine::Reg Emit::copied(machine::Reg from, RegClass c) {
  machine::Reg d = reg(c);
  copy(d, from, c);
  return d;
}

machine::Reg Emit::splat(int width, RegClass c, uint64_t bits) {
  if (bits == 0) return zero(c);
  std::array<std::byte, 64> bytes;
  for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(width) / 8)
    std::memcpy(&bytes[at], &bits, static_cast<size_t>(width) / 8);
  return constant(c, std::span(bytes).first(static_cast<size_t>(bits_of(c)) / 8));
}

machine::Reg Emit::constant(RegClass c, std::span<const std::byte> bytes) {
  size_t entry = program_.make_pool(bytes);
  auto [it, fresh] = constants_.try_emplace({entry, cls(c)});
  if (fresh) {
    it->second = reg(c);
    Inst inst(static_cast<uint16_t>(c == RegClass::k ? op("kmovq") : op("vmovups")),
              {machine::def(it->second, cls(c)), machine::pool(bits_of(c), entry)},
              machine::remat | machine::loads);
    program_.blocks[0].insts.push_back(inst);
  }
  return it->second;
}

machine::Reg Emit::zero(RegClass c) {
  auto [it, fresh] = constants_.try_emplace({~size_t{0}, cls(c)});
  if (fresh) {
    it->second = reg(c);
    program_.blocks[0].insts.emplace_back(
        Inst(machine::op_zero, {machine::def(it->second, cls(c))}, machine::remat));
  }
  return it->second;
}

machine::Reg Emit::number(RegClass c, int64_t value) {
  machine::Reg d = gpr();
  const bool zero_extends = value >= 0 && value <= UINT32_MAX;
  if (c != RegClass::gpr64 || zero_extends) {
    emit(op("mov"), {machine::def(d, cls(RegClass::gpr32)), machine::imm(value & UINT32_MAX)});
  } else if (value >= INT32_MIN && value <= INT32_MAX) {
    emit(op("mov"), {machine::def(d, cls(c)), machine::imm(value)});
  } else {
    emit(op("movabs"), {machine::def(d, cls(c)), machine::imm(value)});
  }
  program_.blocks[block_].insts.back().flags |= machine::remat;
  return d;
}

machine::Reg Emit::load(Op op, RegClass c, std::initializer_list<Arg> args, int object) {
  machine::Reg d = make(op, c, args);
  auto& inst = program_.blocks[block_].insts.back();
  inst.flags |= machine::loads;
  inst.memory = object;
  return d;
}

void Emit::store(Op op, Operand memory, Operand value, int object) {
  Inst& inst = emit(op, {memory, value});
  inst.flags |= machine::stores;
  inst.memory = object;
}

machine::Reg Emit::flag(Op set) {
  machine::Reg byte = gpr();
  emit(set, {machine::def(byte, cls(RegClass::gpr8))});
  return make(op("movzx"), RegClass::gpr32, {machine::use(byte, cls(RegClass::gpr8))});
}

}  // namespace doorbell::x86::target
