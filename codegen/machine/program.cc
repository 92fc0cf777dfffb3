// Construction of machine programs and their control flow. See program.h.
#include "codegen/machine/program.h"

#include <algorithm>

namespace doorbell::machine {
namespace {

Operand reg_operand(Reg reg, unsigned cls, Role role) {
  Operand o;
  o.kind = Operand::Kind::Reg;
  o.role = role;
  o.cls = static_cast<uint8_t>(cls);
  o.reg = reg;
  return o;
}

Operand symbol_operand(Operand::Symbol symbol, int bits, size_t entry, int32_t disp) {
  Operand o = mem(bits, Reg{}, disp);
  o.symbol = symbol;
  o.imm = static_cast<int64_t>(entry);
  return o;
}

}  // namespace

Operand use(Reg reg, unsigned cls) { return reg_operand(reg, cls, Role::Use); }
Operand def(Reg reg, unsigned cls) { return reg_operand(reg, cls, Role::Def); }
Operand update(Reg reg, unsigned cls) { return reg_operand(reg, cls, Role::Update); }
Operand imm(int64_t value) {
  Operand o;
  o.kind = Operand::Kind::Imm;
  o.imm = value;
  return o;
}
Operand block(size_t number) {
  Operand o = imm(static_cast<int64_t>(number));
  o.kind = Operand::Kind::Block;
  return o;
}
Operand mem(int bits, Reg base, int32_t disp) { return mem(bits, base, Reg{}, 1, disp); }
Operand mem(int bits, Reg base, Reg index, int scale, int32_t disp) {
  Operand o;
  o.kind = Operand::Kind::Mem;
  o.bits = static_cast<uint16_t>(bits);
  o.reg = base;
  o.index = index;
  o.scale = static_cast<uint8_t>(scale);
  o.disp = disp;
  return o;
}
Operand pool(int bits, size_t entry, int32_t disp) {
  return symbol_operand(Operand::Symbol::Pool, bits, entry, disp);
}
Operand slot(int bits, size_t entry, int32_t disp) {
  return symbol_operand(Operand::Symbol::Slot, bits, entry, disp);
}

Reg Program::make_reg(unsigned file, unsigned size, unsigned align) {
  regs.push_back({static_cast<uint8_t>(file), static_cast<uint8_t>(size), static_cast<uint8_t>(align)});
  return Reg::make_virtual(static_cast<uint32_t>(regs.size() - 1));
}

size_t Program::make_pool(std::span<const std::byte> bytes) {
  for (size_t i = 0; i < pool.size(); ++i)
    if (std::ranges::equal(pool[i].bytes, bytes)) return i;
  pool.push_back({{bytes.begin(), bytes.end()}});
  return pool.size() - 1;
}

std::vector<size_t> successors(const Program& program, size_t b) {
  std::vector<size_t> out;
  bool falls = b + 1 < program.blocks.size();
  for (const Inst& inst : program.blocks[b].insts) {
    if (inst.has(branch) || inst.has(jump))
      for (const Operand& o : inst.list())
        if (o.kind == Operand::Kind::Block) out.push_back(static_cast<size_t>(o.imm));
    if (inst.has(jump) || inst.has(returns)) falls = false;
  }
  if (falls) out.push_back(b + 1);
  return out;
}

}  // namespace doorbell::machine
