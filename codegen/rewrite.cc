#include "codegen/rewrite.h"

#include <algorithm>

#include "hal/base/result.h"

namespace doorbell {

namespace {

enum class AnyClass : int64_t { Anything, Constant };

Graph& patterns() {
  static auto* graph = new Graph;  // rule sets with static storage use it until the process ends
  return *graph;
}

uint8_t bound_by(const Node* pattern) {
  uint8_t set = 0;
  for (const Node* node : topological(std::span(&pattern, 1)))
    if (node->is(Op::Any)) set |= static_cast<uint8_t>(1u << node->arg[0]);
  return set;
}

}  // namespace

Pattern::Pattern(double number) : node(patterns().constant(dtype::f64, number)) {}
Pattern any(int i) {
  return patterns().make(Op::Any, dtype::none, {}, {i, static_cast<int64_t>(AnyClass::Anything)});
}
Pattern constant(int i) {
  return patterns().make(Op::Any, dtype::none, {}, {i, static_cast<int64_t>(AnyClass::Constant)});
}
Pattern fold(Pattern x) { return patterns().make(Op::Fold, dtype::none, {x.node}); }
Pattern make_pattern(Op op, std::initializer_list<Pattern> src) {
  std::vector<const Node*> nodes;
  for (const Pattern& p : src) nodes.push_back(p.node);
  return patterns().make(op, dtype::none, nodes);
}

RuleSet::RuleSet(std::string_view name, bool (*domain)(const Node*), std::vector<Rule> rules)
    : name_(name), domain_(domain), rules_(std::move(rules)) {
  for (const Rule& rule : rules_) {
    DOORBELL_CHECK((bound_by(rule.right.node) & ~bound_by(rule.left.node)) == 0, "{}: right side of {}",
                   name_, print(rule.left.node));
    by_op_[static_cast<uint8_t>(rule.left.node->op)].push_back(&rule);
  }
}

bool match(const Node* pattern, const Node* node, Bindings& bound) {
  if (pattern->is(Op::Any)) {
    if (pattern->arg[1] == static_cast<int64_t>(AnyClass::Constant) && !node->is(Op::Const)) return false;
    const Node*& slot = bound[static_cast<size_t>(pattern->arg[0])];
    if (slot) return slot == node;
    slot = node;
    return true;
  }
  if (pattern->is(Op::Const))
    return node->is_const(decode(dtype::f64, static_cast<uint64_t>(pattern->arg[0])));
  if (pattern->op != node->op || pattern->src.size() != node->src.size()) return false;
  Bindings before = bound;
  auto sources = [&](size_t first, size_t second) {
    for (size_t i = 0; i < node->src.size(); ++i) {
      size_t j = i == first ? second : i == second ? first : i;
      if (!match(pattern->src[i], node->src[j], bound)) {
        bound = before;
        return false;
      }
    }
    return true;
  };
  return sources(0, 0) || (row(node->op).commutative && sources(0, 1));
}

const Node* instantiate(Graph& graph, const Node* right, const Bindings& bound, DType type) {
  if (right->is(Op::Any)) return bound[static_cast<size_t>(right->arg[0])];
  if (right->is(Op::Const))
    return graph.constant(type, decode(dtype::f64, static_cast<uint64_t>(right->arg[0])));
  if (right->is(Op::Fold)) {
    const Node* built = instantiate(graph, right->src[0], bound, type);
    const Node* folded = fold_constant(graph, built);
    DOORBELL_CHECK(folded, "fold() of what is not constant:\n{}", print(built));
    return folded;
  }
  // Numbers take the dtype of a neighbour that is not a number. A condition is bool; the compared are not.
  std::vector<const Node*> src(right->src.size());
  DType sibling = type;
  bool compares = right->is(Op::Lt) || right->is(Op::Eq) || right->is(Op::Ne);
  for (int pass = 0; pass < 2; ++pass)
    for (size_t i = 0; i < src.size(); ++i) {
      if (right->src[i]->is(Op::Const) != (pass == 1)) continue;
      DType want = right->is(Op::Where) && i == 0 ? dtype::boolean : compares && pass == 0 ? type : sibling;
      src[i] = instantiate(graph, right->src[i], bound, want);
      if (!(right->is(Op::Where) && i == 0)) sibling = src[i]->dtype;
    }
  DType result = compares ? dtype::boolean : right->is(Op::Where) ? src[1]->dtype : src[0]->dtype;
  return graph.make(right->op, result, src);
}

const Node* RuleSet::apply(Graph& graph, const Node* node) const {
  auto it = by_op_.find(static_cast<uint8_t>(node->op));
  if (it == by_op_.end() || !domain_(node)) return nullptr;
  for (const Rule* rule : it->second) {
    Bindings bound{};
    if (match(rule->left.node, node, bound) && (!rule->when || rule->when(bound)))
      return instantiate(graph, rule->right.node, bound, node->dtype);
  }
  return nullptr;
}

}  // namespace doorbell
