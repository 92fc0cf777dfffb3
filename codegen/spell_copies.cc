// Copies for targets without an engine that makes them beside the arithmetic: a CopyAsync is a Load and a
// Store, and nothing is left to wait for.
#include "codegen/lower.h"

namespace doorbell {

void spell_copies(Graph& graph, Lowered& kernel) {
  std::vector<const Node*> body;
  std::unordered_map<const Node*, std::vector<const Node*>> now;  // an Await: what it waited for
  for (const Node* n : kernel.body) {
    std::vector<const Node*> src;
    for (const Node* s : n->src) src.insert(src.end(), now.at(s).begin(), now.at(s).end());
    std::vector<const Node*>& out = now[n];
    if (n->is(Op::Await)) {
      out = std::move(src);
      continue;
    }
    if (n->is(Op::CopyAsync)) {
      const DType type = src[0]->dtype;
      const bool never = src.size() > 4 && src[4]->is_const(0);
      const Node* value =
          never ? graph.constant_bits(type, 0) : graph.make(Op::Load, type, std::span(src).subspan(2));
      if (!now.contains(value)) body.push_back(value), now[value] = {value};
      out = {graph.make(Op::Store, dtype::none, {src[0], src[1], value})};
    } else {
      out = {graph.with(n, src)};
    }
    body.push_back(now[n][0]);
  }
  kernel.body = std::move(body);
}

}  // namespace doorbell
