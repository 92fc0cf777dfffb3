// 64-bit products, rotates and shifts: XXH64's round and avalanche.
//! grid 256 group 64
//! out ulong[256]
//! in ulong[1024] bits
#ifdef __AMDGPU__
#include "gpu.h"
#define P1 0x9E3779B185EBCA87ul
#define P2 0xC2B2AE3D27D4EB4Ful
#define P3 0x165667B19E3779F9ul
kernel void k(global ulong* out, global const ulong* in) {
  ulong h = id(0);
  for (int i = 0; i < 4; ++i) h = __builtin_rotateleft64(h + in[id(0) * 4 + i] * P2, 31) * P1;
  h = (h ^ h >> 33) * P2;
  h = (h ^ h >> 29) * P3;
  out[id(0)] = h ^ h >> 32;
}
#else
#include "host.h"
struct Args { ulong *out, *in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 256; ++i) {
    ulong h = i;
    for (int j = 0; j < 4; ++j) {
      h += s->in[4 * i + j] * 14029467366897019727ull;
      h = (h << 31 | h >> 33) * 11400714785074694791ull;
    }
    h = (h ^ h >> 33) * 14029467366897019727ull;
    h = (h ^ h >> 29) * 1609587929392839161ull;
    s->out[i] = h ^ h >> 32;
  }
}
#endif
