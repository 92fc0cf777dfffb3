// Staging: values that an output loop does not change are computed once before it, into Local memory, in the
// order in which the loop reads them. So a CPU packs panels, and a GPU fills its shared memory.
//
// In the tiled form a staged value is
//      Load(After(Alloc[id, Local, n], Store.., ranges..), index)
// where After closes the ranges over which the Stores fill the memory, as a Reduce closes its own: Reduce
// ranges, lanes, and unrolled ones, whose copies are Stores side by side. What is a plain Load is copied:
//      Load(After(Alloc[id, Local, n], Await(CopyAsync.., ranges..)), index)
// The values and every order of folding stay what they were, so a staged kernel computes the same bits.
#pragma once

#include <optional>

#include "codegen/rules.h"

namespace doorbell {

// How a load goes through memory from one step of the reductions around it to the next: where near, or not at
// all, it streams well as it is; where far, it leaps; its lanes may lie apart, so that it gathers.
enum class Steps : uint8_t { near, far, apart };
// `lanes`, if not null, is an axis that lanes will run along.
Steps steps_of(Simplifier& simplify, const Node* load, const Node* lanes = nullptr);

// `sink` as the tiler has it before it makes copies of unrolled ranges; output loops with lower ids are
// inside. Stages as much as fits into local_bytes. Ranges are numbered from next_id on.
const Node* stage(Graph& graph, Simplifier& simplify, const Node* sink, int64_t local_bytes,
                  int64_t& next_id);

}  // namespace doorbell
