// Reductions fold step by step in their own type, and the steps come into being with the lowered kernel:
// where that type is a float that the target carries in a wider one, each step is spelt here, after the
// fact, by the target's own rewrites.
#include <algorithm>
#include <unordered_set>

#include "codegen/decompose.h"
#include "codegen/lower.h"

namespace doorbell {

Status spell_folds(Graph& graph, Simplifier& simplify, const LaneTarget& target, Lowered& kernel) {
  auto is_fold = [](const Node* n) {
    return (n->is(Op::Add) || n->is(Op::Mul)) && n->dtype.count == 1 && narrow_float(n->dtype);
  };
  if (!target.decompose || std::ranges::none_of(kernel.body, is_fold)) return success();
  // Constants stand in front, where every loop may use them. What else a step consists of depends on its
  // accumulator, which no other loop reads.
  std::vector<const Node*> body, constants;
  std::unordered_set<const Node*> listed;
  Memo now;
  auto list = [&](const Node* n) {
    if (listed.insert(n).second) (n->is(Op::Const) ? constants : body).push_back(n);
  };
  for (const Node* n : kernel.body) {
    std::vector<const Node*> src;
    for (const Node* s : n->src) src.push_back(now.at(s));
    if (!is_fold(n)) {
      list(now[n] = graph.with(n, src));
      continue;
    }
    const Node* a = graph.make(Op::Any, n->dtype, {}, {0, 0});
    const Node* b = graph.make(Op::Any, n->dtype, {}, {1, 0});
    const Node* step = target.decompose(graph, simplify, graph.make(n->op, n->dtype, {a, b}));
    now[n] = substitute(graph, step, {{a, src[0]}, {b, src[1]}});
    for (const Node* part : topological(std::span(&now[n], 1))) list(part);
  }
  body.insert(body.begin(), constants.begin(), constants.end());
  kernel.body = std::move(body);
  return success();
}

}  // namespace doorbell
