// See divide.h. With m = ceil(2^s / by) and e = m * by - 2^s, which is less than `by`,
//      x * m / 2^s = x / by + x * e / (by * 2^s),
// and the second term does not reach the next multiple of 1 / by where x * e < 2^s: then both have one floor.
// (Granlund and Montgomery, Division by invariant integers using multiplication, 1994.)
#include "codegen/divide.h"

#include <bit>

namespace doorbell {

const Node* divided(Graph& graph, Op op, const Node* x, int64_t by, int64_t most) {
  const DType t = x->dtype;
  auto number = [&](int64_t v) { return graph.constant_int(t, v); };
  if (std::has_single_bit(static_cast<uint64_t>(by)))
    return op == Op::Mod ? graph.alu(Op::And, {x, number(by - 1)})
                         : graph.alu(Op::Shr, {x, number(std::countr_zero(static_cast<uint64_t>(by)))});
  const __int128 limit = __int128{1} << (t.bits - 1);
  for (int s = 0; s < t.bits - 1; ++s) {
    const __int128 power = __int128{1} << s, m = (power + by - 1) / by;
    if (m * most >= limit) return nullptr;
    if ((m * by - power) * most >= power) continue;
    const Node* quotient =
        graph.alu(Op::Shr, {graph.alu(Op::Mul, {x, number(static_cast<int64_t>(m))}), number(s)});
    if (op == Op::Div) return quotient;
    return graph.alu(Op::Sub, {x, graph.alu(Op::Mul, {quotient, number(by)})});
  }
  return nullptr;
}

}  // namespace doorbell
