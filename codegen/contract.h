// Sums of products of small integers, block by block, in the order that matrix units want. A sum in f32
//
//   sum over b of value(b, float(sum over j < 32 of e(b, j)))       value linear in the inner sum, e in i32
//
// runs on `block_lanes` lanes, lane l taking the e(b, j) with j / 4 = l: each folds its own sum over the
// blocks, what `value` adds to its multiple of the inner sum goes to lane 0, and halves join the lanes. That
// is the reassociation, and it looks at no target: integer sums are exact, so a lane's i32 is the same
// however it is computed. Where the target has a row of matrix_units[] for four elements a lane, it is one
// Contract of operands packed four to a 32-bit load; elsewhere three additions.
#pragma once

#include "codegen/lower.h"

namespace doorbell {

inline constexpr int block_lanes = 8;

// Lanes is 0, and the sink as it was, where a reduction of the kernel is not such a sum, or not over as many
// blocks as the others. Else the values are over Lane, and lane 0's are those to be stored.
struct Blocks {
  const Node* sink;
  int lanes;
};
Blocks contract_blocks(Graph& graph, Simplifier& simplify, const Node* sink, const LaneTarget& target);

}  // namespace doorbell
