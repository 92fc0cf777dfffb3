// The targets there are: which machine code a device of an ISA takes. A new ISA is a row.
#pragma once

#include "codegen/target/target.h"
#include "hal/device.h"

namespace doorbell {

Result<Target> target_for(const Limits& limits);

}  // namespace doorbell
