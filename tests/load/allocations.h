// Counts what a piece of code takes from the heap. allocations.cc replaces operator new of the program it is
// linked into; only the thread between start and stop is meant to allocate.
#pragma once

#include <cstddef>

namespace doorbell {

struct AllocationCount {
  size_t largest;  // single allocation, in bytes
  size_t peak;     // bytes alive at once
};
void start_counting();
AllocationCount stop_counting();

}  // namespace doorbell
