// What loads, stores and atomics do, read off the names of their rows, which the manuals compose regularly:
// space, operation, type, d16.
#pragma once

#include <cstdint>

namespace doorbell::sim::amd {

enum class Do : uint8_t {
  none,
  load,
  store,
  swap,
  compare_swap,
  add,
  sub,
  reverse_sub,
  min,
  max,
  bit_and,
  bit_or,
  bit_xor,
  inc,
  dec,
  csub,
  mask_or,
  wrap,
};

struct Transfer {
  Do what = Do::none;
  uint8_t bytes = 0;  // of one element in memory
  char type = 'b';    // b, u, i, f
  bool d16 = false, high = false;
  bool two = false;            // DS: two addresses
  bool stride64 = false;       // ... whose offsets count 64 elements
  bool returns = false;        // the destination receives the old value
  bool compare_first = false;  // gfx10's ds_cmpst: the expected value stands before the new one
  bool addtid = false;
  bool format = false;
};

// Of a row by its index; Do::none for rows that are none of these.
const Transfer& transfer(uint16_t row);

// Whether denormals become zero in a float atomic: in comparisons, as operands of a sum, as a sum.
struct Denormals {
  bool compared_flushed = false, added_flushed = false, sums_flushed = false;
};
// As the wave's MODE and the place have it: RDNA3 ISA 13.2.
Denormals denormals(const Transfer& t, uint32_t mode, bool lds);

// The new value in memory. `data2` is what a comparing swap expects, or the second operand.
uint64_t combine(const Transfer& t, uint64_t old, uint64_t data, uint64_t data2, Denormals denormals);

}  // namespace doorbell::sim::amd
