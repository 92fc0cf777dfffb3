// Arithmetic on uniform integers and bools, in general registers. See selector.h for what lies above 32 bits.
#include "codegen/target/x86/selector.h"

namespace doorbell::x86::target {

using machine::imm;
using machine::use;
using NodeOp = doorbell::Op;

namespace {

struct Plain {
  NodeOp op;
  Op x86;
};
constexpr Plain plain[] = {{NodeOp::Add, op("add")}, {NodeOp::Sub, op("sub")}, {NodeOp::Mul, op("imul")},
                           {NodeOp::And, op("and")}, {NodeOp::Or, op("or")},   {NodeOp::Xor, op("xor")}};
// Of bools, which are 0 or 1.
constexpr Plain of_bool[] = {{NodeOp::Add, op("or")},  {NodeOp::Max, op("or")},  {NodeOp::Or, op("or")},
                             {NodeOp::Mul, op("and")}, {NodeOp::Min, op("and")}, {NodeOp::And, op("and")},
                             {NodeOp::Xor, op("xor")}, {NodeOp::Ne, op("xor")}};

}  // namespace

void Selector::scalar_alu(const Node* node) {
  const DType t = node->src[node->is(NodeOp::Where) ? 1 : 0]->dtype;
  const RegClass c = gclass(t);
  const Node *x = node->src[0], *y = node->src.size() > 1 ? node->src[1] : nullptr;
  auto result = [&](Reg r) { set(node, {r}, true); };
  auto flags = [&](Op set_op, const Node* a, const Node* b) {
    Reg left = scalar(a);
    Arg right = scalar_or_imm(b);
    machine::Operand o = right.operand;
    if (right.follows) o.cls = static_cast<uint8_t>(cls(c));
    e_.emit(op("cmp"), {use(left, cls(c)), o});
    return e_.flag(set_op);
  };
  if (t.is_bool() && !node->is(NodeOp::Where)) {
    for (const Plain& row : of_bool)
      if (row.op == node->op) return result(e_.change(row.x86, c, scalar(x), {scalar_or_imm(y)}));
    if (node->is(NodeOp::Not)) return result(e_.change(op("xor"), c, scalar(x), {1}));
    if (node->is(NodeOp::Eq))
      return result(e_.change(op("xor"), c, e_.change(op("xor"), c, scalar(x), {scalar_or_imm(y)}), {1}));
    if (node->is(NodeOp::Lt)) return result(e_.make(op("andn"), c, {scalar(x), scalar(y)}));
    DOORBELL_CHECK(false, "kernel {}: x86 has no {} of bool", kernel_.name, text(node->op));
  }
  const bool is_signed = t.kind == Kind::Signed;
  switch (node->op) {
    case NodeOp::Neg: return result(e_.change(op("neg"), c, scalar(x), {}));
    case NodeOp::Not: return result(e_.change(op("not"), c, scalar(x), {}));
    case NodeOp::Lt: return result(flags(is_signed ? op("setl") : op("setb"), x, y));
    case NodeOp::Eq: return result(flags(op("sete"), x, y));
    case NodeOp::Ne: return result(flags(op("setne"), x, y));
    case NodeOp::Where: {
      Reg a = scalar(node->src[1]), b = scalar(node->src[2]), condition = scalar(x);
      Reg d = e_.copied(b, c);
      e_.emit(op("test"), {use(condition, cls(RegClass::gpr32)), use(condition, cls(RegClass::gpr32))});
      e_.emit(op("cmovne"), {use(d, cls(c)), use(a, cls(c))});
      return result(d);
    }
    case NodeOp::Max:
    case NodeOp::Min: {
      Reg a = scalar(x), b = scalar(y);
      Reg d = e_.copied(a, c);
      e_.emit(op("cmp"), {use(d, cls(c)), use(b, cls(c))});
      const bool max = node->is(NodeOp::Max);
      const Op move = is_signed ? (max ? op("cmovl") : op("cmovg")) : (max ? op("cmovb") : op("cmova"));
      e_.emit(move, {use(d, cls(c)), use(b, cls(c))});
      return result(d);
    }
    case NodeOp::Shl:
    case NodeOp::Shr: {
      const bool left = node->is(NodeOp::Shl);
      const int w = t.bits == 64 ? 64 : 32;
      if (y->is(NodeOp::Const)) {
        auto n = static_cast<uint64_t>(y->arg[0]);
        if (n >= static_cast<uint64_t>(w)) {
          if (left || !is_signed) return result(e_.number(c, 0));
          n = static_cast<uint64_t>(w - 1);
        }
        return result(e_.change(left        ? op("shl")
                                : is_signed ? op("sar")
                                            : op("shr"),
                                c, scalar(x), {static_cast<int>(n)}));
      }
      // The instructions take the count modulo the width.
      Reg a = scalar(x), n = scalar(y);
      Reg limit = e_.number(c, w - 1);
      if (!left && is_signed) {
        Reg clamped = e_.copied(n, c);
        e_.emit(op("cmp"), {use(clamped, cls(c)), use(limit, cls(c))});
        e_.emit(op("cmova"), {use(clamped, cls(c)), use(limit, cls(c))});
        return result(e_.make(op("sarx"), c, {a, clamped}));
      }
      Reg shifted = e_.make(left ? op("shlx") : op("shrx"), c, {a, n}), zero = e_.number(c, 0);
      Reg d = e_.copied(shifted, c);
      e_.emit(op("cmp"), {use(n, cls(c)), use(limit, cls(c))});
      e_.emit(op("cmova"), {use(d, cls(c)), use(zero, cls(c))});
      return result(d);
    }
    case NodeOp::Div:
    case NodeOp::Mod: {
      if (y->is(NodeOp::Const) && y->arg[0] != 0) {
        // By a power of two, where the dividend is unsigned.
        const uint64_t d = static_cast<uint64_t>(y->arg[0]);
        if (!is_signed && (d & (d - 1)) == 0 && d <= INT32_MAX) {
          int log = __builtin_ctzll(d);
          if (node->is(NodeOp::Mod))
            return result(e_.change(op("and"), c, scalar(x), {static_cast<int>(d - 1)}));
          return result(e_.change(op("shr"), c, scalar(x), {log}));
        }
      }
      return result(scalar_divide(t, scalar(x), scalar(y), node->is(NodeOp::Mod)));
    }
    default: break;
  }
  // imul by a number names its destination apart.
  if (Arg by = scalar_or_imm(y); node->is(NodeOp::Mul) && !by.follows)
    return result(e_.make(op("imul"), c, {scalar(x), by}));
  if (node->is(NodeOp::Mul) && (x->is(NodeOp::Const) || y->is(NodeOp::Const))) {  // has three operands
    const Arg factor = scalar_or_imm(y->is(NodeOp::Const) ? y : x);
    if (!factor.follows)
      return result(e_.make(op("imul"), c, {scalar(y->is(NodeOp::Const) ? x : y), factor}));
  }
  for (const Plain& row : plain)
    if (row.op == node->op) return result(e_.change(row.x86, c, scalar(x), {scalar_or_imm(y)}));
  DOORBELL_CHECK(false, "kernel {}: x86 has no uniform {} of {}", kernel_.name, text(node->op), name(t));
}

// DIV faults on 0, and IDIV on min / -1: both divisors are replaced by 1, and the result repaired.
Reg Selector::scalar_divide(DType t, Reg a, Reg b, bool remainder) {
  const RegClass c = gclass(t);
  const unsigned k = cls(c);
  const bool is_signed = t.kind == Kind::Signed;
  Reg one = e_.number(c, 1), zero = e_.number(c, 0);
  Reg safe = e_.copied(b, c);
  if (is_signed) {  // b + 1 is 0 or 1 for b in {-1, 0}
    Reg next = e_.make(op("lea"), c, {machine::mem(0, b, 1)});
    e_.emit(op("cmp"), {use(next, k), imm(1)});
    e_.emit(op("cmovbe"), {use(safe, k), use(one, k)});
  } else {
    e_.emit(op("test"), {use(b, k), use(b, k)});
    e_.emit(op("cmove"), {use(safe, k), use(one, k)});
  }
  const Reg rax = Reg::physical(gpr_file, 0), rdx = Reg::physical(gpr_file, 2);
  const unsigned gpr64 = cls(RegClass::gpr64);
  auto fixed = [](Reg r, unsigned cl, machine::Role role) {
    machine::Operand o = use(r, cl);
    o.role = role;
    o.implicit = true;
    return o;
  };
  e_.copy(rax, a, c);
  machine::Inst divide(
      static_cast<uint16_t>(is_signed ? op("idiv") : op("div")),
      {use(safe, k), fixed(rax, gpr64, machine::Role::Update), fixed(rdx, gpr64, machine::Role::Update)},
      machine::glued);
  machine::Inst high;
  if (is_signed) {
    high = machine::Inst(static_cast<uint16_t>(c == RegClass::gpr64 ? op("cqo") : op("cdq")),
                         {fixed(rax, gpr64, machine::Role::Use), fixed(rdx, gpr64, machine::Role::Def)},
                         machine::glued);
  } else {
    high = machine::Inst(static_cast<uint16_t>(op("mov")), {machine::def(rdx, cls(RegClass::gpr32)), imm(0)},
                         machine::glued);
  }
  auto& insts = e_.program().blocks[e_.current()].insts;
  insts.push_back(high);
  insts.push_back(divide);
  Reg q = e_.gpr();
  e_.copy(q, remainder ? rdx : rax, c);
  e_.program().blocks[e_.current()].insts.back().flags |= machine::glued;
  Reg d = e_.copied(q, c);
  if (is_signed) {  // x / -1 = -x, x % -1 = 0
    Reg minus = remainder ? zero : e_.change(op("neg"), c, a, {});
    e_.emit(op("cmp"), {use(b, k), imm(-1)});
    e_.emit(op("cmove"), {use(d, k), use(minus, k)});
  }
  e_.emit(op("test"), {use(b, k), use(b, k)});
  e_.emit(op("cmove"), {use(d, k), use(zero, k)});
  return d;
}

}  // namespace doorbell::x86::target
