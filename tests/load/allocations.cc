#include "tests/load/allocations.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace doorbell {
namespace {

bool counting = false;
size_t largest, peak;
long alive;

void* allocate(size_t bytes) {
  void* block = std::malloc(bytes);
  if (!block) throw std::bad_alloc();
  if (counting) {
    largest = std::max(largest, bytes);
    alive += static_cast<long>(malloc_usable_size(block));
    peak = std::max(peak, static_cast<size_t>(std::max(alive, 0L)));
  }
  return block;
}

void release(void* block) {
  if (counting && block) alive -= static_cast<long>(malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void start_counting() {
  largest = peak = 0;
  alive = 0;
  counting = true;
}

AllocationCount stop_counting() {
  counting = false;
  return {largest, peak};
}

}  // namespace doorbell

void* operator new(size_t bytes) { return doorbell::allocate(bytes); }
void* operator new[](size_t bytes) { return doorbell::allocate(bytes); }
void operator delete(void* block) noexcept { doorbell::release(block); }
void operator delete[](void* block) noexcept { doorbell::release(block); }
void operator delete(void* block, size_t) noexcept { doorbell::release(block); }
void operator delete[](void* block, size_t) noexcept { doorbell::release(block); }
