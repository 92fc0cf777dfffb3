// From the scheduler's kernel to the lowered kernel: the passes, in order, and what they know of a target.
//
//   decompose      transcendental ops, and dtypes without arithmetic of their own, in exact ops (decompose.h)
//   fuse           multiply and add become fma (fuse.cc)
//   tile           axes become workgroups, loops, unrolled copies and lanes (decisions: tile.cc);
//                  sums of products of small integers take the target's matrix units (contract.h)
//   linearise      loops and accumulators become explicit, hoisting what does not change in a loop
//   double_buffer  copies run ahead of their loop; or spell_copies, for targets without an engine for them
//
// Reductions are folded in order, or in 16 interleaved parts that a tree joins (tile.cc).
// Neither what is fused nor the order of a reduction depends on the target, so every device computes the same
// bits.
#pragma once

#include <functional>

#include "codegen/kernel.h"
#include "codegen/rules.h"

namespace doorbell {

// What the tiler must know of a target. Widths are in 32-bit elements.
struct LaneTarget {
  int lanes = 8;              // of one vector register
  int registers = 16;         // vector registers that a kernel may use
  std::vector<size_t> units;  // the rows of matrix_units[] that it has, best first
  int64_t group_work = 8192;  // operations of a lane below which a workgroup is not worth its dispatch
  int64_t local_bytes = 0;    // of a workgroup's local memory that staging may use; 0: nothing is staged
  bool copy_engine = false;   // it copies into local memory while it computes
  // Rewrites what the target lacks; null: nothing is lacking.
  std::function<const Node*(Graph&, Simplifier&, const Node*)> decompose;
};

Result<Lowered> lower(Graph& graph, const Node* sink, const LaneTarget& target, std::string name);

// The passes one by one, for tests and dumps.
const Node* fuse(Graph& graph, Simplifier& simplify, const Node* sink);
struct Tiled {
  const Node* sink;
  int lanes;
  uint32_t groups;
};
Tiled tile(Graph& graph, Simplifier& simplify, const Node* sink, const LaneTarget& target);
Result<Lowered> linearise(Graph& graph, Simplifier& simplify, const Tiled& tiled, std::string name);
// The steps of reductions in floats that the target lacks, spelt in what it has (folds.cc).
Status spell_folds(Graph& graph, Simplifier& simplify, const LaneTarget& target, Lowered& kernel);
// Copies as loads and stores, for targets without an engine (spell_copies.cc).
void spell_copies(Graph& graph, Lowered& kernel);
// What a loop stages, its previous iteration copies: into the other half of a tile of twice the size, while
// this half is in use. As much as fits into local_bytes. The values stay what they were (double_buffer.cc).
void double_buffer(Graph& graph, Lowered& kernel, int64_t local_bytes);

// node with `from` replaced by `to` everywhere below it.
const Node* substitute(Graph& graph, const Node* node, const Memo& replacements);

}  // namespace doorbell
