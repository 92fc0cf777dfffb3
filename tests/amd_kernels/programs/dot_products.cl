// The dot-product instructions of integers, with and without saturation, by their builtins.
//! grid 256 group 64
//! out int[1024]
//! a uint[256] bits
//! b uint[256] bits
//! c int[256] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global int* out, global const uint* a, global const uint* b, global const int* c) {
  const uint i = id(0);
#ifdef __gfx1030__
  out[4 * i] = __builtin_amdgcn_sdot4(a[i], b[i], c[i], false);
  out[4 * i + 2] = __builtin_amdgcn_sdot8(a[i], b[i], c[i], true);
#else
  out[4 * i] = __builtin_amdgcn_sudot4(true, a[i], true, b[i], c[i], false);
  out[4 * i + 2] = __builtin_amdgcn_sudot8(true, a[i], true, b[i], c[i], true);
#endif
  out[4 * i + 1] = __builtin_amdgcn_udot4(a[i], b[i], c[i], true);
  out[4 * i + 3] = __builtin_amdgcn_udot8(a[i], b[i], c[i], false);
}
#else
#include "host.h"
struct Args { int* out; uint *a, *b; int* c; };
static int64_t digit(uint x, int bits, int i, bool sign) {
  const int64_t d = x >> (bits * i) & ((1 << bits) - 1);
  return sign && d >> (bits - 1) ? d - (1 << bits) : d;
}
static int64_t dot(uint a, uint b, int bits, bool sign) {
  int64_t sum = 0;
  for (int i = 0; i < 32 / bits; ++i) sum += digit(a, bits, i, sign) * digit(b, bits, i, sign);
  return sum;
}
void twin(const struct Args* s) {
  for (int i = 0; i < 256; ++i) {
    const uint a = s->a[i], b = s->b[i];
    const int64_t c = s->c[i], uc = (uint)s->c[i];
    s->out[4 * i] = dot(a, b, 8, true) + c;
    const int64_t u = dot(a, b, 8, false) + uc, d = dot(a, b, 4, true) + c;
    s->out[4 * i + 1] = u > UINT32_MAX ? UINT32_MAX : u;
    s->out[4 * i + 2] = d > INT32_MAX ? INT32_MAX : d < INT32_MIN ? INT32_MIN : d;
    s->out[4 * i + 3] = dot(a, b, 4, false) + uc;
  }
}
#endif
