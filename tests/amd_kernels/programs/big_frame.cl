// A frame of 8 KiB a lane, written and read at computed places: scratch addressing beyond small offsets.
//! grid 64 group 64
//! out uint[64]
//! seed uint[64] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global const uint* seed) {
  volatile uint table[2048];
  uint x = seed[id(0)];
  for (uint i = 0; i < 2048; ++i) table[i] = i * 2654435761u;
  uint sum = 0;
  for (uint i = 0; i < 500; ++i) {
    x = x * 1664525u + 1013904223u;
    const uint at = x >> 21;
    sum += table[at];
    table[at ^ 1024] = sum;
  }
  out[id(0)] = sum;
}
#else
#include "host.h"
struct Args { uint *out, *seed; };
void twin(const struct Args* s) {
  static uint table[2048];
  for (int item = 0; item < 64; ++item) {
    for (uint i = 0; i < 2048; ++i) table[i] = i * 2654435761u;
    uint x = s->seed[item], sum = 0;
    for (int i = 0; i < 500; ++i) {
      x = x * 1664525u + 1013904223u;
      sum += table[x >> 21];
      table[(x >> 21) ^ 1024] = sum;
    }
    s->out[item] = sum;
  }
}
#endif
