// Integers of few bits are carried in i32. What lies above the type's width is of no matter to + - * and
// bitwise ops, so chains of them stay in the carrier; an op that looks at high bits takes the value extended
// by its sign. A cast from the carrier wraps: that is the rounding of integers.
#include "codegen/decompose.h"
#include "codegen/numeric.h"
#include "codegen/value.h"
#include "hal/base/result.h"

namespace doorbell {

namespace {

DType unsigned_of(DType t) { return {Kind::Unsigned, t.bits}; }

// The low bits are the value's; the others are any.
Value loose(const Value& x) {
  const Node* n = x.node;
  const bool wrapped = n->is(Op::Cast) && n->src[0]->dtype == carrier(x.type());
  return wrapped ? Value{x.graph, n->src[0]} : x.cast(carrier(x.type()));
}

// Is this value of the carrier known to be one of the type's?
bool fits(const Node* n, DType t) {
  switch (n->op) {
    case Op::Const: return decode_int(t, static_cast<uint64_t>(n->arg[0])) == n->as_int();
    case Op::Cast: {
      const DType from = n->src[0]->dtype;
      if (from.is_bool() || from == t) return true;
      return from.is_int() && from.bits < t.bits && (t.is_signed() || !from.is_signed());
    }
    case Op::And:  // masked by what is not negative
      for (const Node* s : n->src)
        if (s->is(Op::Const) && s->as_int() >= 0 && fits(s, t)) return true;
      return false;
    case Op::Shr: return fits(n->src[0], t);  // nearer to zero
    case Op::Where: return fits(n->src[1], t) && fits(n->src[2], t);
    default: return false;
  }
}

const Node* cast_rule(const Value& x, DType to) {
  if (!x.type().is_float()) {
    const DType via = carrier(x.type()) == x.type() ? carrier(to) : carrier(x.type());
    return x.cast(via).cast(to).node;
  }
  // The conversion to 32 bits saturates, and takes NaN to 0.
  Value v = x.cast(carrier(to));
  const auto top = static_cast<double>(to.mask() >> (to.is_signed() ? 1 : 0));
  return max(min(v, top), to.is_signed() ? -top - 1 : 0).cast(to).node;
}

// Folding commutes with the wrap, and with extension where values are compared. Only the identity of the
// carrier lies outside of the type.
const Node* reduce_rule(Graph& graph, const Node* node) {
  const DType t = node->dtype, wide = carrier(t);
  std::vector<const Node*> src(node->src.begin(), node->src.end());
  for (int64_t i = 0; i < node->arg[1]; ++i) {
    const Node*& v = src[static_cast<size_t>(i)];
    v = graph.cast(v, wide);
  }
  Value folded{&graph, graph.make(Op::Reduce, wide, src, node->arg)};
  const auto op = static_cast<Op>(node->arg[0]);
  if (op == Op::Max || op == Op::Min)
    folded = alu(op, folded, Value{&graph, graph.constant_bits(t, identity(op, t))}.cast(wide));
  return folded.cast(t).node;
}

}  // namespace

const Node* unwrap(Graph& graph, const Node* node) {
  const Node* x = node->src.empty() ? nullptr : node->src.back();
  if (!x || carrier(x->dtype) == x->dtype || !x->dtype.is_int()) return nullptr;
  const auto wrapped = [&](const Node* n) {
    return n->is(Op::Cast) && n->src[0]->dtype == carrier(x->dtype);
  };
  if (node->is(Op::Cast) && wrapped(x) && fits(x->src[0], x->dtype))
    return graph.cast(x->src[0], node->dtype);
  if (node->is(Op::Where) && (wrapped(node->src[1]) || wrapped(x))) return decompose_int(graph, node);
  return nullptr;
}

const Node* decompose_int(Graph& graph, const Node* node) {
  if (node->is(Op::Reduce)) return carrier(node->dtype) == node->dtype ? nullptr : reduce_rule(graph, node);
  auto source = [&](size_t i) { return Value{&graph, node->src[i]}; };
  const DType to = node->dtype, from = node->src.back()->dtype;
  if (carrier(from) == from && carrier(to) == to) return nullptr;
  auto exact = [&](size_t i) { return source(i).cast(carrier(from)); };
  switch (node->op) {
    case Op::Cast: return cast_rule(source(0), to);
    case Op::Neg:
    case Op::Not: return alu(node->op, loose(source(0))).cast(to).node;
    case Op::Add:
    case Op::Sub:
    case Op::Mul:
    case Op::And:
    case Op::Or:
    case Op::Xor: return alu(node->op, loose(source(0)), loose(source(1))).cast(to).node;
    case Op::Where: return where(source(0), loose(source(1)), loose(source(2))).cast(to).node;
    case Op::Shl:
    case Op::Shr: {
      // The count is the pattern read as unsigned. One of the width or more moves all bits out of the low
      // ones; the extended value gives its sign, or 0.
      Value count = source(1).as(unsigned_of(from)).cast(dtype::u32).as(carrier(from));
      return alu(node->op, node->is(Op::Shl) ? loose(source(0)) : exact(0), count).cast(to).node;
    }
    case Op::Div:
    case Op::Mod:
    case Op::Max:
    case Op::Min: return alu(node->op, exact(0), exact(1)).cast(to).node;
    case Op::Lt:
    case Op::Eq:
    case Op::Ne: return alu(node->op, exact(0), exact(1)).node;
    default: return nullptr;
  }
}

}  // namespace doorbell
