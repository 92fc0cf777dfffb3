// Expressions over one graph, written as mathematics: an operator adds a node, a number takes the type of the
// other operand. What kernels compute is thus read as a formula by those who write lowering rules.
#pragma once

#include "codegen/node.h"

namespace doorbell {

struct Value {
  Graph* graph;
  const Node* node;

  [[nodiscard]] DType type() const { return node->dtype; }
  // A constant of this value's type: by its value, by its pattern.
  [[nodiscard]] Value number(double v) const { return {graph, graph->constant(node->dtype, v)}; }
  [[nodiscard]] Value pattern(uint64_t bits) const {
    return {graph, graph->constant_bits(node->dtype, bits)};
  }
  [[nodiscard]] Value cast(DType to) const { return {graph, graph->cast(node, to)}; }   // by value
  [[nodiscard]] Value as(DType to) const { return {graph, graph->bitcast(node, to)}; }  // by bits
};

// An operand: a value, or a number that takes the other operand's type.
inline Value alu(Op op, const Value& a) { return {a.graph, a.graph->alu(op, {a.node})}; }
inline Value alu(Op op, const Value& a, const Value& b) {
  return {a.graph, a.graph->alu(op, {a.node, b.node})};
}
inline Value alu(Op op, const Value& a, double b) { return alu(op, a, a.number(b)); }
inline Value alu(Op op, double a, const Value& b) { return alu(op, b.number(a), b); }
inline Value alu(Op op, const Value& a, const Value& b, const Value& c) {
  return {a.graph, a.graph->alu(op, {a.node, b.node, c.node})};
}

#define DOORBELL_VALUE_OP(symbol, op)                                                    \
  inline Value operator symbol(const Value& a, const Value& b) { return alu(op, a, b); } \
  inline Value operator symbol(const Value& a, double b) { return alu(op, a, b); }       \
  inline Value operator symbol(double a, const Value& b) { return alu(op, a, b); }
DOORBELL_VALUE_OP(+, Op::Add)
DOORBELL_VALUE_OP(-, Op::Sub)
DOORBELL_VALUE_OP(*, Op::Mul)
DOORBELL_VALUE_OP(/, Op::Div)
DOORBELL_VALUE_OP(&, Op::And)
DOORBELL_VALUE_OP(|, Op::Or)
DOORBELL_VALUE_OP(^, Op::Xor)
DOORBELL_VALUE_OP(<<, Op::Shl)
DOORBELL_VALUE_OP(>>, Op::Shr)
DOORBELL_VALUE_OP(<, Op::Lt)
#undef DOORBELL_VALUE_OP
inline Value operator>(const Value& a, const Value& b) { return b < a; }
inline Value operator>(const Value& a, double b) { return b < a; }
inline Value operator-(const Value& a) { return alu(Op::Neg, a); }
inline Value operator~(const Value& a) { return alu(Op::Not, a); }
inline Value equal(const Value& a, const Value& b) { return alu(Op::Eq, a, b); }
inline Value equal(const Value& a, double b) { return alu(Op::Eq, a, b); }
inline Value differ(const Value& a, const Value& b) { return alu(Op::Ne, a, b); }
inline Value differ(const Value& a, double b) { return alu(Op::Ne, a, b); }
inline Value min(const Value& a, double b) { return alu(Op::Min, a, b); }
inline Value min(const Value& a, const Value& b) { return alu(Op::Min, a, b); }
inline Value max(const Value& a, double b) { return alu(Op::Max, a, b); }
inline Value max(const Value& a, const Value& b) { return alu(Op::Max, a, b); }
inline Value round(const Value& a) { return alu(Op::Round, a); }
inline Value trunc(const Value& a) { return alu(Op::Trunc, a); }
inline Value sqrt(const Value& a) { return alu(Op::Sqrt, a); }
inline Value where(const Value& c, const Value& a, const Value& b) { return alu(Op::Where, c, a, b); }
inline Value where(const Value& c, const Value& a, double b) { return where(c, a, a.number(b)); }
inline Value where(const Value& c, double a, const Value& b) { return where(c, b.number(a), b); }
inline Value fma(const Value& a, const Value& b, const Value& c) { return alu(Op::Fma, a, b, c); }
inline Value fma(const Value& a, const Value& b, double c) { return fma(a, b, a.number(c)); }
inline Value fma(const Value& a, double b, const Value& c) { return fma(a, a.number(b), c); }
inline Value fma(const Value& a, double b, double c) { return fma(a, a.number(b), a.number(c)); }

}  // namespace doorbell
