// A kernel in its two graph forms, and what a target tells the passes between them.
//
// 1. As cut by the scheduler: a Sink of Stores whose values are scalar expressions over Range nodes.
//      Range(extent) [id, kind]     one loop axis; extent is a Const or a Symbol of index type
//      Load(Param, index[, gate])   index counts elements of the Param's dtype; a Load may be of a wider
//                                   dtype than its Param's: it reads that many bytes from there, unaligned
//      Reduce(v0 .. vn-1, ranges..) [op, n]    folds v0, then v1, ... for each iteration of its ranges, in
//                                   order, starting from the op's identity
//    As the tiler leaves it, values are staged in Local memory: see stage.h.
// 2. Lowered (struct Lowered): one program for `lanes` lanes that run in lockstep, as a list in the order of
//    execution. Every float operation, its order and its accumulators are fixed here: from this form on the
//    evaluator, machine code and emulators agree bit for bit.
//      Range [id, Group, axis]      the workgroup's index on grid axis 0..2; no source... uniform
//      Range(extent) [id, Loop]     opens a uniform loop from 0; closed by its End(range, effects...)
//      Lane [width]                 0 .. width-1; what depends on it is varying, all else uniform
//      Alloc [id, space, n]         Register: n values for each lane; Local: n values for the workgroup
//      After(memory, effects...)    that memory after those Stores, Ranges and Ends: names a version
//      Load/Store                   on Param, Alloc or After; Register memory has constant indices
//      CopyAsync(memory, index, param, index[, gate])    starts to copy an element of Local memory out of
//                                   the Param, beside all that follows, and gives a token: itself
//      Await(tokens...)             until the copies of these tokens have arrived, and may be read. The
//                                   tokens of a loop are one: its End, which has them among its effects
//      LaneXor(x) [mask]            the value of x in lane (this ^ mask)
//    Gates are bool; a Load whose gate is false reads nothing and gives 0, a Store writes nothing, a
//    CopyAsync reads nothing and brings 0. A token is awaited exactly once, in the loop that it was given in;
//    until then nobody writes what its copy reads, nor touches what it brings. Uniform Stores to global
//    memory are done by lane 0 once. Lanes that store to one address in one Store are a bug. Memory is not
//    read and written through two Params of the same buffer, except in an Assign whose reads of an element
//    all come before its write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codegen/node.h"
#include "hal/base/result.h"

namespace doorbell {

// Loop: sequential, or (before lowering) free to be mapped; Reduce: closed by a Reduce; the others are chosen
// by the tiler.
enum class RangeKind : int64_t { Loop, Reduce, Group, Unroll, Lane };
enum class Space : int64_t { Global, Local, Register, Accumulator };

struct KernelParam {
  DType dtype;           // of the elements
  int64_t elements = 0;  // of the whole buffer
  bool read = false, written = false;
  bool operator==(const KernelParam&) const = default;
};

// Lowered form. The argument block of a dispatch is one 8-byte slot a Param (an address), in order, then one
// a symbol (its value). A Symbol node's arg[0] is its place in `symbols` here, not the process-wide id.
struct Lowered {
  std::string name;
  int lanes = 1;
  std::vector<const Node*> body;  // owned by the Graph that made it
  std::vector<KernelParam> params;
  std::vector<uint32_t> symbols;  // process-wide ids
  uint32_t grid[3] = {1, 1, 1};
  [[nodiscard]] Hash128 hash() const;  // of everything but the name and the symbols' ids
};
std::string print(const Lowered& kernel);
// Reads what print() writes; the error names the line.
Result<Lowered> parse_lowered(Graph& graph, std::string_view text);
// Checks the rules above; the error names the first node that breaks one, and the rule.
Status verify(const Lowered& kernel);

// True for each node that depends on Lane. (Loads of Register memory: if any Store to it is varying.)
std::vector<bool> varying(const Lowered& kernel);

}  // namespace doorbell
