// The rule sets, by domain, and the simplifier that applies them with interval bounds.
#pragma once

#include <unordered_map>

#include "codegen/rewrite.h"

namespace doorbell {

const RuleSet& index_rules();    // dtype index: proved not to overflow
const RuleSet& wrap_rules();     // integers modulo 2^n
const RuleSet& exact_rules();    // any dtype, bit for bit (all NaNs being one)
const RuleSet& relaxed_rules();  // reassociates floats; only the pass named relax applies it

// Inclusive interval of an index value (or of a small integer).
struct Bounds {
  int64_t min, max;
};

// Simplifies kernel values to a fixed point: constant folding, the sets index, wrap and exact, and the linear
// algebra of index values (sums in canonical order, division and remainder by interval). Memory, ranges and
// reductions pass through with simplified sources. Keeps its memo for the life of the graph.
class Simplifier {
 public:
  explicit Simplifier(Graph& graph) : graph_(graph) {}
  const Node* operator()(const Node* root);
  Bounds bounds(const Node* node);

 private:
  const Node* step(const Node* node);
  const Node* index_step(const Node* node);
  Graph& graph_;
  Memo memo_;
  std::unordered_map<const Node*, Bounds> bounds_;
};

// An index value as constant + sum of coefficient * atom; atoms differ, coefficients are not 0. Canonical
// order: larger coefficients first, then by content hash.
struct IndexSum {
  struct Term {
    const Node* atom;
    int64_t coefficient;
  };
  std::vector<Term> terms;
  int64_t constant = 0;
};
IndexSum index_sum(const Node* index);
const Node* build(Graph& graph, const IndexSum& sum);

}  // namespace doorbell
