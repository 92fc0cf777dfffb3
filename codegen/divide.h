// Division of an index by a number, in multiplication and shifts: processors divide slowly, some of them not
// at all. Exact for dividends of known interval.
#pragma once

#include "codegen/node.h"

namespace doorbell {

// x / by, or x % by, for 0 <= x <= most and by > 0, in x's type (i32 or i64) and without overflow. Null where
// that takes a wider type.
const Node* divided(Graph& graph, Op op, const Node* x, int64_t by, int64_t most);

}  // namespace doorbell
