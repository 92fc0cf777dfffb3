// The rules of machine programs. See program.h.
#include "codegen/machine/liveness.h"
#include "codegen/machine/program.h"

namespace doorbell::machine {
namespace {

class Checker {
 public:
  Checker(const Program& program, const Machine& machine, bool allocated)
      : program_(program), machine_(machine), allocated_(allocated) {}

  Status run() {
    if (program_.blocks.empty()) return error("{}: has no blocks", program_.name);
    for (size_t v = 0; v < program_.regs.size(); ++v) {
      const VirtualReg& r = program_.regs[v];
      if (r.file >= machine_.files.size()) return error("{}: v{} is of no register file", program_.name, v);
      if (r.size == 0 || r.align == 0) return error("{}: v{} has a size and an alignment", program_.name, v);
    }
    for (size_t b = 0; b < program_.blocks.size(); ++b) {
      const auto& insts = program_.blocks[b].insts;
      if (program_.blocks[b].depth < 0)
        return error("{}: block {} lies in {} loops", program_.name, b, program_.blocks[b].depth);
      bool leaves = false;
      for (size_t i = 0; i < insts.size(); ++i) {
        std::string rule = check(insts[i]);
        if (rule.empty() && insts[i].has(glued) && i == 0 && !allocated_) rule = "is glued to nothing";
        const bool control = insts[i].has(branch) || insts[i].has(jump) || insts[i].has(returns);
        if (rule.empty() && leaves && !control) rule = "stands behind the end of its block";
        leaves |= control;
        if (!rule.empty())
          return error("{}: block {}, instruction {}: `{}` {}", program_.name, b, i,
                       print(insts[i], machine_), rule);
      }
    }
    const auto& last = program_.blocks.back().insts;
    if (last.empty() || !(last.back().has(returns) || last.back().has(jump)))
      return error("{}: the last block falls off the end", program_.name);
    return written_before_read();
  }

 private:
  std::string check(const Inst& inst) {
    if (inst.op < op_copy && machine_.op_name(inst.op).empty()) return "is no row of the table";
    if (inst.op >= op_copy && inst.op > op_zero) return "is no row of the table";
    if (inst.is_copy() &&
        (inst.count != 2 || inst.operands[0].role != Role::Def || inst.operands[1].role != Role::Use))
      return "copies one register to another";
    const bool branches = inst.has(branch) || inst.has(jump);
    bool has_target = false;
    for (const Operand& o : inst.list()) {
      if (o.kind == Operand::Kind::None) return "has an empty operand";
      if (o.kind == Operand::Kind::Block) {
        has_target = true;
        if (o.imm < 0 || o.imm >= static_cast<int64_t>(program_.blocks.size())) return "branches to no block";
      }
      if (o.is_mem()) {
        const int64_t entries =
            static_cast<int64_t>(o.symbol == Operand::Symbol::Pool   ? program_.pool.size()
                                 : o.symbol == Operand::Symbol::Slot ? program_.slots.size()
                                                                     : 0);
        if (o.symbol != Operand::Symbol::None && (o.imm < 0 || o.imm >= entries))
          return "names a pool entry or slot that is not there";
        for (Reg r : {o.reg, o.index})
          if (std::string rule = reg(r); !r.none() && !rule.empty()) return rule;
      }
      if (o.is_reg()) {
        if (o.reg.none()) return "has an operand without a register";
        if (std::string rule = reg(o.reg); !rule.empty()) return rule;
        if (o.cls >= machine_.classes.size()) return "has an operand of no class";
        if (o.count == 0) return "has an operand of no registers";
        if (o.reg.is_virtual() && o.sub + o.count > program_.regs[o.reg.number()].size)
          return "names a part that its tuple has not";
        if (o.early && o.role != Role::Def) return "is early in what it does not define";
        if (o.undef && o.role != Role::Def) return "leaves undefined what it does not define";
      }
    }
    if (branches != has_target) return branches ? "branches to nowhere" : "has a block but does not branch";
    bool writes = false;  // where it goes it could not be spilled
    for_each_reg(inst, [&](Reg, const Operand&, bool, bool w) { writes |= w; });
    if (branches && writes) return "writes a register as it leaves its block";
    if (inst.has(remat)) {
      bool reads = false;
      for_each_reg(inst, [&](Reg, const Operand&, bool r, bool) { reads |= r; });
      if (reads) return "reads a register, so it cannot be repeated anywhere";
    }
    return "";
  }

  std::string reg(Reg r) const {
    if (r.is_virtual()) {
      if (allocated_) return "names a virtual register after allocation";
      return r.number() < program_.regs.size() ? "" : "names a virtual register that is not there";
    }
    if (r.none()) return "";
    return r.file() < machine_.files.size() ? "" : "names a register of no file";
  }

  Status written_before_read() {
    const Liveness live = analyse(program_);
    for (size_t v = 0; v < live.segments.size(); ++v)
      if (!live.segments[v].empty() && live.segments[v].front().begin == 0)
        return error("{}: v{} is read where nothing has written it", program_.name, v);
    for (const auto& [r, segments] : live.fixed)
      for (const Segment& s : segments) {
        const bool at_entry = s.begin == 0;
        bool input = false;
        for (Reg i : program_.inputs) input |= i == r;
        for (uint32_t first : live.first)
          if (!allocated_ && s.begin == first && !(at_entry && input))
            return error("{}: register {} of {} is read where nothing has written it", program_.name,
                         r.index(), machine_.files[r.file()].name);
      }
    return success();
  }

  const Program& program_;
  const Machine& machine_;
  bool allocated_;
};

}  // namespace

Status verify(const Program& program, const Machine& machine, bool allocated) {
  return Checker(program, machine, allocated).run();
}

}  // namespace doorbell::machine
