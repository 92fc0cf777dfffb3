// Register allocation: coalescing, then assignment in the order of the ranges' beginnings over live ranges
// with holes (after Wimmer and Mossenbock, "Optimized interval splitting in a linear scan register
// allocator"; what must wait is chosen by weight, as in LLVM's basic allocator). A range that finds no room
// makes the cheapest of its rivals, or itself, go to memory; weights count uses, ten times more for each loop
// around them. What was made from nothing (constants) is made again instead. After spilling, all is done
// again on the new program.
#pragma once

#include <vector>

#include "codegen/machine/program.h"

namespace doorbell::machine {

// Joins the two registers of each copy whose ranges do not meet, inner loops first, and deletes the copy.
// Also puts a single-use load into the instruction that uses it, where the machine has that form.
void coalesce(Program& program, const Machine& machine);
void fold_loads(Program& program, const Machine& machine);

struct Allocation {
  int rounds = 0, spilled = 0, repeated = 0;
  std::vector<std::vector<bool>> used;  // by file and register
};

// Replaces each virtual register by physical ones, of each file the first `budget[file]` of its order. An
// error if one instruction alone needs more.
Result<Allocation> allocate(Program& program, const Machine& machine, std::span<const size_t> budget);

}  // namespace doorbell::machine
