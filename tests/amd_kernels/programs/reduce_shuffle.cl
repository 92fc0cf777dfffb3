// Butterflies through ds_bpermute: each lane ends with the sum and the maximum of its 32.
//! grid 256 group 64
//! sums uint[256]
//! most int[256]
//! in uint[256] bits
#ifdef __AMDGPU__
#include "gpu.h"
static uint shuffle_xor(uint x, uint mask) { return __builtin_amdgcn_ds_bpermute((lane() ^ mask) << 2, x); }
kernel void k(global uint* sums, global int* most, global const uint* in) {
  uint sum = in[id(0)];
  int top = in[id(0)];
  for (uint mask = 16; mask; mask >>= 1) {
    sum += shuffle_xor(sum, mask);
    const int other = shuffle_xor(top, mask);
    top = other > top ? other : top;
  }
  sums[id(0)] = sum;
  most[id(0)] = top;
}
#else
#include "host.h"
struct Args { uint* sums; int* most; uint* in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 256; ++i) {
    const uint* row = s->in + i / 32 * 32;
    s->sums[i] = 0;
    s->most[i] = row[0];
    for (int j = 0; j < 32; ++j) {
      s->sums[i] += row[j];
      s->most[i] = maximum(s->most[i], row[j]);
    }
  }
}
#endif
