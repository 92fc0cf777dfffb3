#include "codegen/decompose.h"

namespace doorbell {

const Node* decompose_step(Graph& graph, const Node* node, const Native& native) {
  if (row(node->op).cls != OpClass::Alu && !node->is(Op::Reduce)) return nullptr;
  if (node->dtype.count != 1) return nullptr;
  if (const Node* unwrapped = unwrap(graph, node)) return unwrapped;
  const DType from = node->is(Op::Reduce) ? node->dtype : node->src.back()->dtype;
  const Op op = node->is(Op::Reduce) ? static_cast<Op>(node->arg[0]) : node->op;
  if (native(op, from, node->dtype)) return nullptr;
  if (node->op >= Op::Exp && node->op <= Op::Pow && !narrow_float(node->dtype))
    return decompose_math(graph, node);
  if (narrow_float(from) || narrow_float(node->dtype)) return decompose_float(graph, node, native);
  return decompose_int(graph, node);
}

const Node* decompose(Graph& graph, Simplifier& simplify, const Node* sink, const Native& native) {
  Memo memo;
  return simplify(
      rewrite(graph, simplify(sink), memo, [&](const Node* n) { return decompose_step(graph, n, native); }));
}

}  // namespace doorbell
