// Reductions fold step by step in their own type, and the steps come into being with the lowered kernel:
// where that type is a float that the target carries in a wider one, each step is spelt here, after the
// fact, by the target's own rewrites.
#include <algorithm>
#include <unordered_map>

#include "codegen/decompose.h"
#include "codegen/lower.h"

namespace doorbell {

Status spell_folds(Graph& graph, Simplifier& simplify, const LaneTarget& target, Lowered& kernel) {
  auto is_fold = [](const Node* n) {
    return (n->is(Op::Add) || n->is(Op::Mul)) && n->dtype.count == 1 && narrow_float(n->dtype);
  };
  if (!target.decompose || std::ranges::none_of(kernel.body, is_fold)) return success();
  // Constants stand in front; every other part of a step stands in the innermost loop that its sources stand
  // in, for what does not depend on the accumulator may be used outside of the loop, too.
  std::vector<const Node*> body, constants;
  std::unordered_map<const Node*, size_t> level;  // how many loops a node stands in
  std::vector<size_t> open;                       // where the open loops begin
  Memo now;
  auto list = [&](const Node* n, bool part) {
    size_t at = open.size();
    if (n->is(Op::Const)) at = 0;
    else if (part) {
      at = 0;
      for (const Node* s : n->src) at = std::max(at, level.at(s));
    }
    if (!level.emplace(n, at).second) return;
    if (n->is(Op::Const)) {
      constants.push_back(n);
    } else if (at == open.size()) {
      body.push_back(n);
    } else {
      body.insert(body.begin() + static_cast<long>(open[at]), n);
      for (size_t i = at; i < open.size(); ++i) ++open[i];
    }
    if (n->is(Op::Range) && !n->src.empty()) open.push_back(body.size() - 1);
    if (n->is(Op::End)) open.pop_back();
  };
  for (const Node* n : kernel.body) {
    std::vector<const Node*> src;
    for (const Node* s : n->src) src.push_back(now.at(s));
    if (!is_fold(n)) {
      list(now[n] = graph.with(n, src), false);
      continue;
    }
    const Node* a = graph.make(Op::Any, n->dtype, {}, {0, 0});
    const Node* b = graph.make(Op::Any, n->dtype, {}, {1, 0});
    const Node* step = target.decompose(graph, simplify, graph.make(n->op, n->dtype, {a, b}));
    now[n] = substitute(graph, step, {{a, src[0]}, {b, src[1]}});
    for (const Node* part : topological(std::span(&now[n], 1))) list(part, true);
  }
  body.insert(body.begin(), constants.begin(), constants.end());
  kernel.body = std::move(body);
  return success();
}

}  // namespace doorbell
