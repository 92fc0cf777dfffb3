// Constant folding: the evaluator's own arithmetic on Consts. See rewrite.h.
#include <array>

#include "codegen/numeric.h"
#include "codegen/rewrite.h"

namespace doorbell {

bool is_product(const Node* n) {
  if (!n->is(Op::Fma) || !n->src[2]->is(Op::Const)) return false;
  return static_cast<uint64_t>(n->src[2]->arg[0]) == 1ULL << (n->dtype.bits - 1);
}

const Node* fold_constant(Graph& graph, const Node* node) {
  if (node->is(Op::Const)) return node;
  if (row(node->op).cls != OpClass::Alu || node->dtype.count != 1 || is_product(node)) return nullptr;
  std::array<uint64_t, 3> bits{};
  std::array<DType, 3> types{};
  for (size_t i = 0; i < node->src.size(); ++i) {
    if (!node->src[i]->is(Op::Const)) return nullptr;
    bits[i] = static_cast<uint64_t>(node->src[i]->arg[0]);
    types[i] = node->src[i]->dtype;
  }
  // The transcendental ops are decomposed before they are folded, so that a folded constant equals what a
  // device computes.
  if (node->op >= Op::Exp && node->op <= Op::Pow) return nullptr;
  size_t n = node->src.size();
  return graph.constant_bits(
      node->dtype, compute(node->op, node->dtype, std::span(bits.data(), n), std::span(types.data(), n)));
}

}  // namespace doorbell
