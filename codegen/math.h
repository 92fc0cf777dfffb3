// The transcendental functions, spelt in exact ops. Each takes and gives the type in its name.
#pragma once

#include "codegen/value.h"

namespace doorbell::math {

Value exp_f32(const Value& x);

}  // namespace doorbell::math
