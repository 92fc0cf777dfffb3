#include "sim/amd/lost.h"

namespace doorbell::sim::amd {

constinit thread_local Lost lost_memory;

}  // namespace doorbell::sim::amd
