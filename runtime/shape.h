// The algebra of shapes: which fit each other, and into what. Errors say what was found and what was
// expected; the tensor operation that asked adds its name and line. An axis has at least one element. A
// symbolic axis equals only itself, and no reshape merges or splits it.
#pragma once

#include <vector>

#include "codegen/node.h"
#include "hal/base/result.h"

namespace doorbell {

// What both expand to by numpy's rules: aligned at the last axis, sizes of 1 repeat.
Result<Shape> broadcast(ShapeView a, ShapeView b);
// The shape that a reshape asks for; one axis may be -1, and is then what remains.
Result<Shape> reshaped(ShapeView from, ShapeView to);
// 0 .. rank-1 from -rank .. rank-1.
Result<int> normal_axis(int axis, int rank);
// The same for several, sorted; an axis that is named twice is an error.
Result<std::vector<int>> normal_axes(std::vector<int> axes, int rank);

inline int rank_of(ShapeView shape) { return static_cast<int>(shape.size()); }
inline std::vector<int64_t> zeros_of(ShapeView shape) { return std::vector<int64_t>(shape.size(), 0); }

}  // namespace doorbell
