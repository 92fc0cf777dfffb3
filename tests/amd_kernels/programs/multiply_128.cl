// 64 x 64 to 128 bits and sums with carries: mad_u64_u32 and add-with-carry chains.
//! grid 256 group 64
//! out ulong[1024]
//! a ulong[256] bits
//! b ulong[256] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global ulong* out, global const ulong* a, global const ulong* b) {
  const uint i = id(0);
  const ulong al = (uint)a[i], ah = a[i] >> 32, bl = (uint)b[i], bh = b[i] >> 32;
  const ulong low = al * bl, m1 = al * bh + (low >> 32), m2 = ah * bl + (uint)m1;
  out[4 * i] = m2 << 32 | (uint)low;
  out[4 * i + 1] = ah * bh + (m1 >> 32) + (m2 >> 32);
  const ulong sum = a[i] + b[i];
  out[4 * i + 2] = sum;
  out[4 * i + 3] = (sum < a[i]) - (ulong)(a[i] < b[i]);
}
#else
#include "host.h"
struct Args { ulong *out, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 256; ++i) {
    const unsigned __int128 product = (unsigned __int128)s->a[i] * s->b[i], sum = (unsigned __int128)s->a[i] + s->b[i];
    s->out[4 * i] = product;
    s->out[4 * i + 1] = product >> 64;
    s->out[4 * i + 2] = sum;
    s->out[4 * i + 3] = (ulong)(sum >> 64) - (s->a[i] < s->b[i]);
  }
}
#endif
