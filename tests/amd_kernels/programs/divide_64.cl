//! grid 512 group 128
//! out long[2048]
//! a long[512] bits
//! b long[512] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global long* out, global const long* a, global const long* b) {
  const uint i = id(0);
  const long x = a[i] >> 1, y = b[i] >> (i % 60) | 1;
  out[4 * i] = x / y;
  out[4 * i + 1] = x % y;
  out[4 * i + 2] = (ulong)a[i] / (ulong)y;
  out[4 * i + 3] = (ulong)a[i] % (ulong)y;
}
#else
#include "host.h"
struct Args { int64_t *out, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) {
    const int64_t x = s->a[i] >> 1, y = s->b[i] >> (i % 60) | 1;
    s->out[4 * i] = x / y;
    s->out[4 * i + 1] = x % y;
    s->out[4 * i + 2] = (ulong)s->a[i] / (ulong)y;
    s->out[4 * i + 3] = (ulong)s->a[i] % (ulong)y;
  }
}
#endif
