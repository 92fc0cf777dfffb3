// List scheduling before allocation. An out-of-order machine finds parallelism by itself, so there the order
// given is kept as long as registers last; when they run out, what frees most goes first. An in-order machine
// takes what is ready soonest and on the longest path.
#pragma once

#include "codegen/machine/program.h"

namespace doorbell::machine {

// Reorders instructions within blocks. `budget` is that of allocate(). Kept apart are: what depends through a
// register or flags (glued instructions move as one), accesses to one memory object of which one is a store,
// unless they lie side by side from one base, and any load before a store: a kernel may read one parameter
// and write another of the same buffer, as long as its reads of an element come first. Ordered instructions
// stay.
void schedule(Program& program, const Machine& machine, std::span<const size_t> budget);

}  // namespace doorbell::machine
