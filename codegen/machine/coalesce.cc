// Copies that go away, and loads that move into their users. See allocate.h.
#include <algorithm>
#include <numeric>

#include "codegen/machine/allocate.h"
#include "codegen/machine/liveness.h"

namespace doorbell::machine {
namespace {

void merge(std::vector<Segment>& into, const std::vector<Segment>& from) {
  std::vector<Segment> all;
  std::ranges::merge(into, from, std::back_inserter(all), {}, &Segment::begin, &Segment::begin);
  into.clear();
  for (const Segment& s : all)
    if (!into.empty() && s.begin <= into.back().end) into.back().end = std::max(into.back().end, s.end);
    else into.push_back(s);
}

}  // namespace

void coalesce(Program& program, const Machine&) {
  struct Copy {
    int depth;
    uint32_t to, from;
    size_t order;
  };
  std::vector<Copy> copies;
  for (const Block& b : program.blocks)
    for (const Inst& inst : b.insts)
      if (inst.is_copy() && inst.operands[0].reg.is_virtual() && inst.operands[1].reg.is_virtual() &&
          inst.operands[0].role == Role::Def)
        copies.push_back(
            {b.depth, inst.operands[0].reg.number(), inst.operands[1].reg.number(), copies.size()});
  if (copies.empty()) return;
  std::ranges::sort(copies, [](const Copy& a, const Copy& b) {
    return a.depth != b.depth ? a.depth > b.depth : a.order < b.order;
  });

  Liveness live = analyse(program);
  std::vector<uint32_t> leader(program.regs.size());
  std::iota(leader.begin(), leader.end(), 0u);
  auto find = [&](uint32_t v) {
    while (leader[v] != v) v = leader[v] = leader[leader[v]];
    return v;
  };
  for (const Copy& c : copies) {
    uint32_t a = find(c.to), b = find(c.from);
    if (a == b || program.regs[a] != program.regs[b]) continue;
    if (overlap(live.segments[a], live.segments[b])) continue;
    merge(live.segments[a], live.segments[b]);
    leader[b] = a;
  }
  for (Block& b : program.blocks) {
    for (Inst& inst : b.insts)
      for_each_reg(inst, [&](Reg& reg, const Operand&, bool, bool) {
        if (reg.is_virtual()) reg = Reg::make_virtual(find(reg.number()));
      });
    std::erase_if(b.insts, [](const Inst& inst) {
      return inst.is_copy() && inst.operands[0].reg == inst.operands[1].reg &&
             inst.operands[0].sub == inst.operands[1].sub;
    });
  }
}

void fold_loads(Program& program, const Machine& machine) {
  std::vector<uint32_t> uses(program.regs.size()), defs(program.regs.size());
  for (const Block& b : program.blocks)
    for (const Inst& inst : b.insts)
      for_each_reg(inst, [&](Reg reg, const Operand&, bool reads, bool writes) {
        if (!reg.is_virtual()) return;
        uses[reg.number()] += reads;
        defs[reg.number()] += writes;
      });
  for (Block& b : program.blocks) {
    std::vector<size_t> open;  // loads that may still move down
    std::vector<bool> gone(b.insts.size());
    for (size_t i = 0; i < b.insts.size(); ++i) {
      Inst& inst = b.insts[i];
      for (size_t o = 0; o < inst.count; ++o) {
        const Operand& x = inst.operands[o];
        if (!x.is_reg() || x.role != Role::Use || !x.reg.is_virtual()) continue;
        auto at = std::ranges::find_if(open, [&](size_t n) { return b.insts[n].operands[0].reg == x.reg; });
        if (at == open.end() || !machine.fold(inst, o, b.insts[*at].operands[1])) continue;
        inst.flags |= loads;
        inst.memory = b.insts[*at].memory;
        gone[*at] = true;
        open.erase(at);
        break;
      }
      // A load stays open until its address changes, or something writes what it may read.
      std::erase_if(open, [&](size_t n) {
        const Inst& load = b.insts[n];
        if (inst.has(stores) && load.memory >= 0) return true;
        bool lost = false;
        for_each_reg(inst, [&](Reg reg, const Operand&, bool, bool writes) {
          lost |= writes && (reg == load.operands[1].reg || reg == load.operands[1].index);
        });
        return lost;
      });
      if (!gone[i] && machine.is_load(inst) && inst.operands[0].reg.is_virtual()) {
        uint32_t v = inst.operands[0].reg.number();
        if (uses[v] == 1 && defs[v] == 1) open.push_back(i);
      }
      if (open.size() > 32) open.erase(open.begin());
    }
    size_t n = 0;
    std::erase_if(b.insts, [&](const Inst&) { return gone[n++]; });
  }
}

}  // namespace doorbell::machine
