// Sums of products of small integers, as matrix units want them: four products at a time, packed four to 32
// bits, by a row of matrix_units[] that takes such factors.
//
// Where lanes run along an axis, each has its own sum over the elements, four of them at a time; integer sums
// are exact, whatever their order. Where lanes run along what is summed, a sum in f32 over blocks,
//
//   sum over b of value(b, float(sum over j < 32 of e(b, j)))       value linear in the inner sum, e in i32
//
// takes `block_lanes` lanes, lane l the e(b, j) with j / 4 = l: each folds its own sum over the blocks, what
// `value` adds to its multiple of the inner sum goes to lane 0, and halves join the lanes. That order looks
// at no target; only whether four products are one Contract or four multiplications does.
#pragma once

#include "codegen/lower.h"

namespace doorbell {

inline constexpr int block_lanes = 8;

class BlockSums {
 public:
  // What all reductions of the kernel are, none left out; else empty.
  BlockSums(Simplifier& simplify, const Node* sink);
  [[nodiscard]] bool empty() const { return sums_.empty(); }
  [[nodiscard]] const Node* element_range(const Node* sum) const;  // of j

  // The sink with lanes along j; lane 0 has the results. At most block_lanes, a power of two.
  const Node* over_lanes(Graph& graph, Simplifier& simplify, const Node* sink, int lanes,
                         std::span<const size_t> units) const;

 private:
  std::vector<const Node*> sums_;
};

// The sink, whose lanes run along an axis, with its sums of integers by those of the units that fit. Ranges
// are numbered from next_id on.
const Node* contract_in_lanes(Graph& graph, Simplifier& simplify, const Node* sink, int lanes,
                              std::span<const size_t> units, int64_t& next_id);

}  // namespace doorbell
