// Reductions fold step by step in their own type, and the steps come into being with the lowered kernel:
// where that type is a float that the target carries in a wider one, each step is spelt here, after the
// fact, by the target's own rewrites.
#include <algorithm>

#include "codegen/decompose.h"
#include "codegen/listing.h"
#include "codegen/lower.h"

namespace doorbell {

Status spell_folds(Graph& graph, Simplifier& simplify, const LaneTarget& target, Lowered& kernel) {
  auto is_fold = [](const Node* n) {
    return (n->is(Op::Add) || n->is(Op::Mul)) && n->dtype.count == 1 && narrow_float(n->dtype);
  };
  if (!target.decompose || std::ranges::none_of(kernel.body, is_fold)) return success();
  Listing out;
  Memo now;
  for (const Node* n : kernel.body) {
    std::vector<const Node*> src;
    for (const Node* s : n->src) src.push_back(now.at(s));
    if (!is_fold(n)) {
      out.append(now[n] = graph.with(n, src));
      continue;
    }
    const Node* a = graph.make(Op::Any, n->dtype, {}, {0, 0});
    const Node* b = graph.make(Op::Any, n->dtype, {}, {1, 0});
    const Node* step = target.decompose(graph, simplify, graph.make(n->op, n->dtype, {a, b}));
    // What does not depend on the accumulator may be used outside of the loop, too.
    out.place(now[n] = substitute(graph, step, {{a, src[0]}, {b, src[1]}}));
  }
  kernel.body = std::move(out).finish();
  return success();
}

}  // namespace doorbell
