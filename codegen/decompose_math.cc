// exp ... pow, by op.
#include "codegen/decompose.h"
#include "codegen/math.h"

namespace doorbell {

const Node* decompose_math(Graph& graph, const Node* node) {
  struct Row {
    Op op;
    Value (*unary)(const Value& x);
  };
  // clang-format off
  static constexpr Row rows[] = {
    {Op::Exp, math::exp}, {Op::Exp2, math::exp2}, {Op::Log,  math::log},  {Op::Log2, math::log2},
    {Op::Sin, math::sin}, {Op::Cos,  math::cos},  {Op::Tanh, math::tanh}, {Op::Erf,  math::erf},
  };
  // clang-format on
  const Value x{&graph, node->src[0]};
  for (const Row& r : rows)
    if (r.op == node->op) return r.unary(x).node;
  return math::pow(x, {&graph, node->src[1]}).node;
}

}  // namespace doorbell
