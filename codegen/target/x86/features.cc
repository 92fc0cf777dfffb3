// See features.h.
#include "codegen/target/x86/features.h"

namespace doorbell::x86 {

Status check_floor(Features features) {
  if (const Features missing = floor_features & ~features)
    return error("this processor lacks {}; doorbell needs x86-64-v3 (Intel Haswell, AMD Excavator, or later)",
                 fmt::join(names(missing), ", "));
  return success();
}

}  // namespace doorbell::x86
