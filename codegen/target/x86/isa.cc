// See isa.h.
#include "codegen/target/x86/isa.h"

#include <unordered_map>

namespace doorbell::x86::target {
namespace {

std::string_view op_name(uint16_t op) {
  return op < std::size(table::instructions) ? name(static_cast<Op>(op)) : std::string_view();
}

std::optional<uint16_t> parse_op(std::string_view text) {
  static const auto* index = [] {
    auto* map = new std::unordered_map<std::string_view, uint16_t>;
    for (const Row& row : rows()) map->emplace(row.name, static_cast<uint16_t>(row.op));
    return map;
  }();
  auto it = index->find(text);
  if (it == index->end()) return std::nullopt;
  return it->second;
}

// Agner Fog, "Instruction tables", Zen 3 and Ice Lake, rounded: the scheduler needs the order of magnitude.
int latency(const machine::Inst& inst) {
  if (inst.op >= machine::op_copy) return 1;
  int cycles = 1;
  const std::string_view n = op_name(inst.op);
  if (n.starts_with("vfm") || n.starts_with("vfnm") || n.starts_with("vadd") || n.starts_with("vsub") ||
      n.starts_with("vmul") || n.starts_with("vcvt") || n.starts_with("vpmul"))
    cycles = 4;
  else if (n.starts_with("vdiv") || n.starts_with("vsqrt") || n.starts_with("idiv") || n.starts_with("div"))
    cycles = 13;
  else if (n.starts_with("vgather") || n.starts_with("vpgather")) cycles = 20;
  else if (n.starts_with("imul") || n.starts_with("vperm") || n.starts_with("vextract") ||
           n.starts_with("vinsert"))
    cycles = 3;
  return cycles + (inst.has(machine::loads) ? 5 : 0);
}

bool is_load(const machine::Inst& inst) {
  static constexpr Op moves[] = {op("vmovups"), op("vmovaps"), op("vmovdqu"),
                                 op("vmovss"),  op("vmovsd"),  op("mov")};
  if (inst.count != 2 || !inst.operands[1].is_mem() || !inst.operands[0].is_reg()) return false;
  if (inst.has(machine::masked) || inst.operands[0].role != machine::Role::Def) return false;
  for (Op m : moves)
    if (inst.op == static_cast<uint16_t>(m)) return true;
  return false;
}

// Whether some row takes a memory operand at `at`, given that the others stay as they are.
bool fold(Features features, machine::Inst& inst, size_t at, const machine::Operand& memory) {
  using machine::Operand;
  if (inst.op >= machine::op_copy || inst.has(machine::masked)) return false;
  for (const Operand& o : inst.list())
    if (o.is_mem()) return false;
  auto takes = [&](const machine::Inst& candidate, size_t where, Operand& m) {
    for (const Row& row : rows(static_cast<Op>(candidate.op))) {
      if (row.count != candidate.count || !row.operands[where].mem || row.features & ~features) continue;
      if (row.operands[where].reads != true || row.operands[where].writes) continue;
      bool fits = true;
      for (size_t i = 0; i < candidate.count && fits; ++i) {
        const Operand& o = candidate.operands[i];
        const OperandRow& r = row.operands[i];
        if (i == where) fits = r.reg == static_cast<RegClass>(o.cls);
        else if (o.is_reg()) fits = r.reg == static_cast<RegClass>(o.cls);
        else fits = o.kind == Operand::Kind::Imm && r.imm != ImmKind::none;
      }
      if (!fits) continue;
      if (m.bits != 0 && m.bits != row.operands[where].bits) continue;
      m.bits = row.operands[where].bits;
      return true;
    }
    return false;
  };
  Operand m = memory;
  if (takes(inst, at, m)) {
    inst.operands[at] = m;
    return true;
  }
  // Sources of a commutative operation trade places; the factors of a fused multiply-add are such.
  const std::string_view n = op_name(inst.op);
  bool commutes = (n.starts_with("vfm") || n.starts_with("vfnm")) && n.find("231") != n.npos;
  for (const Row& row : rows(static_cast<Op>(inst.op))) commutes |= row.commutes && row.count == 3;
  if (commutes && inst.count == 3 && at == 1 && inst.operands[2].is_reg() &&
      inst.operands[2].role == machine::Role::Use) {
    machine::Inst swapped = inst;
    std::swap(swapped.operands[1], swapped.operands[2]);
    if (takes(swapped, 2, m)) {
      swapped.operands[2] = m;
      inst = swapped;
      return true;
    }
  }
  return false;
}

}  // namespace

unsigned file_of(RegClass cls) {
  switch (cls) {
    case RegClass::xmm:
    case RegClass::ymm:
    case RegClass::zmm: return vector_file;
    case RegClass::k: return mask_file;
    default: return gpr_file;
  }
}

machine::Machine describe(Features features) {
  machine::Machine m;
  m.name = "x86-64";
  // Those that need not be saved first; among them the low ones, whose encodings are shorter.
  machine::RegisterFile gpr{"gpr", {0, 1, 2, 6, 7, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15}, 8};
  machine::RegisterFile vector{"vec", {}, has_evex(features) ? 64u : 32u};
  for (uint16_t i = 0; i < vector_registers(features); ++i) vector.order.push_back(i);
  machine::RegisterFile mask{"k", {1, 2, 3, 4, 5, 6, 7}, 8};
  m.files = {gpr, vector, mask};
  m.classes = {"none", "r8", "r16", "r32", "r64", "xmm", "ymm", "zmm", "k"};
  m.op_name = op_name;
  m.parse_op = parse_op;
  m.latency = latency;
  m.fold = [features](machine::Inst& inst, size_t at, const machine::Operand& memory) {
    return fold(features, inst, at, memory);
  };
  m.is_load = is_load;
  return m;
}

x86::Inst to_x86(const machine::Inst& inst) {
  x86::Inst out;
  out.op = static_cast<Op>(inst.op);
  size_t n = inst.count;
  if (inst.has(machine::masked)) {
    out.mask = static_cast<uint8_t>(inst.operands[--n].reg.index());
    out.zeroing = inst.has(machine::zeroing);
  }
  for (size_t i = 0; i < n; ++i) {
    const machine::Operand& o = inst.operands[i];
    if (o.implicit) continue;
    x86::Operand x;
    switch (o.kind) {
      case machine::Operand::Kind::Reg:
        x = x86::Operand(x86::Reg{static_cast<RegClass>(o.cls), static_cast<uint8_t>(o.reg.index())});
        break;
      case machine::Operand::Kind::Imm: x = x86::imm(o.imm); break;
      case machine::Operand::Kind::Block: x = label(o.imm); break;
      case machine::Operand::Kind::Mem: {
        Mem m;
        m.bits = o.bits;
        m.disp = o.disp;
        m.scale = o.scale;
        m.broadcast = o.broadcast;
        m.rip = o.symbol == machine::Operand::Symbol::Pool;
        if (!o.reg.none()) m.base = r64(static_cast<int>(o.reg.index()));
        // A gather's index is a vector, of class `cls`.
        if (!o.index.none())
          m.index = o.index.file() == vector_file
                        ? x86::Reg{static_cast<RegClass>(o.cls), static_cast<uint8_t>(o.index.index())}
                        : r64(static_cast<int>(o.index.index()));
        x = x86::Operand(m);
        break;
      }
      case machine::Operand::Kind::None: break;
    }
    out.operands.at(out.count++) = x;
  }
  return out;
}

}  // namespace doorbell::x86::target
