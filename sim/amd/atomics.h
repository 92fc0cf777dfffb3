// The atomic operations of the second-level cache, as PM4's ATOMIC_MEM and SDMA's ATOMIC ask for them.
#pragma once

#include <cstdint>

#include "sim/amd/bus.h"

namespace doorbell::sim::amd {

struct AtomicResult {
  bool known = true;  // the operation exists
  uint64_t old = 0;
};

// `op` is an AtomicOp of driver/amd/abi/sdma.h, with or without its return bit. Increment wraps to 0 above
// `operand`, decrement to `operand` below 0 or above `operand`.
AtomicResult atomic(Bus& bus, uint32_t op, uint64_t va, uint64_t operand, uint64_t compare);
// Of 64 bits.
bool atomic_is_wide(uint32_t op);

}  // namespace doorbell::sim::amd
