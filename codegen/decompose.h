// The pass `decompose`: what a target does not compute, spelt in what it does, so that every device computes
// the same bits. Three families, each a file:
//
//   decompose_math.h   exp ... pow, in exact ops of f32, f64 and the integers (math_*.cc)
//   decompose_float.cc floats of few bits, carried in f32 or f64 and rounded back by integer ops
//   decompose_int.cc   integers of few bits, carried in 32
//
// Nothing here lists dtypes: a type is carried by its fields, so a type that no table holds is carried too.
#pragma once

#include <functional>

#include "codegen/rules.h"

namespace doorbell {

// Does the target compute this op? `from` is the type of the operands (Where: of its two values), `to` that
// of the result. Required of all: on f32, f64, i32, u32, i64, u64 and bool the ops that numeric.h defines,
// less exp ... pow; casts between these; and of every type loads, stores, Where, bitcasts to and from the
// unsigned integer of its width, and casts between that and u32 and i32.
using Native = std::function<bool(Op op, DType from, DType to)>;

// Rewrites a kernel in the scheduler's form (kernel.h). Ops of integers and exp ... pow apart, values stay
// bit for bit those of numeric.h; NaNs are equal.
const Node* decompose(Graph& graph, Simplifier& simplify, const Node* sink, const Native& native);

// One node, rewritten by one step; null where there is nothing to do.
const Node* decompose_step(Graph& graph, const Node* node, const Native& native);

// The rules of each family. The node is one that the target has not; null where the family does not apply.
const Node* decompose_math(Graph& graph, const Node* node);
const Node* decompose_float(Graph& graph, const Node* node, const Native& native);
const Node* decompose_int(Graph& graph, const Node* node);
// A cast of a narrow integer that was wrapped for nothing, and a choice between wrapped ones: without the
// wrap. Null otherwise.
const Node* unwrap(Graph& graph, const Node* node);

// Is it a float other than f32 and f64?
bool narrow_float(DType type);
// The type that carries a narrow one, or the type itself.
DType carrier(DType type);

}  // namespace doorbell
