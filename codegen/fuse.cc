// The pass `fuse`: multiply and add become fma (the set `relaxed`). It stands before tiling, since copies,
// gates and loops show and hide products as a target's tiling has it, and every device is to round alike. So
// a sum that is a reduction cannot be spelt yet: the product that it folds is marked, and linearise makes the
// fma.
#include "codegen/lower.h"

namespace doorbell {

namespace {

bool has_fma(DType t) { return t == dtype::f32 || t == dtype::f64; }

// The products among what a sum takes in; a Where that gives the sum's identity is a mask on an iteration.
const Node* marked(Graph& graph, const Node* n, const Node* identity) {
  if (n->is(Op::Mul))
    return graph.make(Op::Fma, n->dtype, {n->src[0], n->src[1], graph.constant(n->dtype, -0.0)});
  if (!n->is(Op::Where) || (n->src[1] != identity && n->src[2] != identity)) return n;
  return graph.alu(Op::Where,
                   {n->src[0], marked(graph, n->src[1], identity), marked(graph, n->src[2], identity)});
}

}  // namespace

const Node* fuse(Graph& graph, Simplifier& simplify, const Node* sink) {
  Memo memo;
  return simplify(rewrite(graph, sink, memo, [&](const Node* n) -> const Node* {
    if (!n->is(Op::Reduce)) return relaxed_rules().apply(graph, n);
    if (static_cast<Op>(n->arg[0]) != Op::Add || !has_fma(n->dtype)) return nullptr;
    std::vector<const Node*> src(n->src.begin(), n->src.end());
    for (size_t i = 0; i < static_cast<size_t>(n->arg[1]); ++i)
      src[i] = marked(graph, src[i], graph.constant(n->dtype, 0));
    const Node* next = graph.with(n, src);
    return next == n ? nullptr : next;
  }));
}

}  // namespace doorbell
