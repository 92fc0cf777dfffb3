// Rewrite rules whose patterns are nodes, and the walk that applies them to a fixed point.
//
// A rule {left, right, condition} replaces what left matches by right. Patterns are built with ordinary
// operators over any(i) (anything, the same wherever i recurs), constant(i) (any Const) and numbers (that
// Const, in whatever dtype it stands). On the right, a number takes the dtype of its neighbour and fold(x)
// computes x now. Commutative operators match both ways round. A right side uses only what its left side
// bound (checked when a set is made).
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codegen/node.h"

namespace doorbell {

using Bindings = std::array<const Node*, 8>;

struct Pattern {
  const Node* node;
  Pattern(const Node* n) : node(n) {}
  Pattern(double number);
  Pattern(int number) : Pattern(static_cast<double>(number)) {}
};
Pattern any(int variable);
Pattern constant(int variable);
Pattern fold(Pattern x);
Pattern make_pattern(Op op, std::initializer_list<Pattern> src);
inline Pattern operator+(Pattern a, Pattern b) { return make_pattern(Op::Add, {a, b}); }
inline Pattern operator-(Pattern a, Pattern b) { return make_pattern(Op::Sub, {a, b}); }
inline Pattern operator-(Pattern a) { return make_pattern(Op::Neg, {a}); }
inline Pattern operator*(Pattern a, Pattern b) { return make_pattern(Op::Mul, {a, b}); }
inline Pattern operator/(Pattern a, Pattern b) { return make_pattern(Op::Div, {a, b}); }
inline Pattern operator%(Pattern a, Pattern b) { return make_pattern(Op::Mod, {a, b}); }
inline Pattern operator&(Pattern a, Pattern b) { return make_pattern(Op::And, {a, b}); }
inline Pattern operator|(Pattern a, Pattern b) { return make_pattern(Op::Or, {a, b}); }
inline Pattern operator^(Pattern a, Pattern b) { return make_pattern(Op::Xor, {a, b}); }
inline Pattern operator<<(Pattern a, Pattern b) { return make_pattern(Op::Shl, {a, b}); }
inline Pattern operator>>(Pattern a, Pattern b) { return make_pattern(Op::Shr, {a, b}); }
inline Pattern operator~(Pattern a) { return make_pattern(Op::Not, {a}); }
inline Pattern operator<(Pattern a, Pattern b) { return make_pattern(Op::Lt, {a, b}); }
inline Pattern where(Pattern c, Pattern a, Pattern b) { return make_pattern(Op::Where, {c, a, b}); }
inline Pattern max(Pattern a, Pattern b) { return make_pattern(Op::Max, {a, b}); }
inline Pattern min(Pattern a, Pattern b) { return make_pattern(Op::Min, {a, b}); }

using Condition = bool (*)(const Bindings&);

struct Rule {
  Pattern left, right;
  Condition when = nullptr;
};

// A named set with a domain: which nodes its rules may touch.
class RuleSet {
 public:
  RuleSet(std::string_view name, bool (*domain)(const Node*), std::vector<Rule> rules);
  // The replacement of this very node, or null.
  const Node* apply(Graph& graph, const Node* node) const;
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::span<const Rule> rules() const { return rules_; }
  [[nodiscard]] bool in_domain(const Node* node) const { return domain_(node); }

 private:
  std::string_view name_;
  bool (*domain_)(const Node*);
  std::vector<Rule> rules_;
  std::unordered_map<uint8_t, std::vector<const Rule*>> by_op_;
};

// Does `pattern` match `node`, given and extending `bound`?
bool match(const Node* pattern, const Node* node, Bindings& bound);
const Node* instantiate(Graph& graph, const Node* right, const Bindings& bound, DType type);

// fma(x, y, -0.0): a product that a sum takes in unrounded, or that no sum takes in (fuse.cc).
bool is_product(const Node* node);
// A node all of whose sources are Consts, computed; or null where it is not a scalar Alu node, or a product,
// which a number would hide.
const Node* fold_constant(Graph& graph, const Node* node);

// Rebuilds everything below `root`, sources first. `step` sees each rebuilt node and returns its replacement
// or null; replacements are rewritten in turn until `step` returns null. Shared nodes are visited once. The
// memo may be kept between calls with the same step.
using Memo = std::unordered_map<const Node*, const Node*>;
template <class Step>
const Node* rewrite(Graph& graph, const Node* root, Memo& memo, Step&& step) {
  if (auto it = memo.find(root); it != memo.end()) return it->second;
  struct Frame {
    const Node* node;     // what was asked for
    const Node* current;  // what it has become so far
    size_t next;
  };
  std::vector<Frame> stack{{root, root, 0}};
  std::vector<const Node*> src;
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (top.next < top.current->src.size()) {
      const Node* s = top.current->src[top.next++];
      if (!memo.contains(s)) stack.push_back({s, s, 0});
      continue;
    }
    src.clear();
    bool changed = false;
    for (const Node* s : top.current->src) {
      src.push_back(memo.at(s));
      changed |= src.back() != s;
    }
    const Node* rebuilt = changed ? graph.with(top.current, src) : top.current;
    const Node* next = step(rebuilt);
    if (next && next != rebuilt) {
      if (auto it = memo.find(next); it != memo.end()) rebuilt = it->second;
      else {
        top.current = next;
        top.next = 0;
        continue;
      }
    }
    memo[top.node] = memo[top.current] = rebuilt;
    memo.emplace(rebuilt, rebuilt);
    stack.pop_back();
  }
  return memo.at(root);
}

}  // namespace doorbell
