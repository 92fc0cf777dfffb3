// Integer division has no instruction: a reciprocal in float and corrections.
//! grid 1024 group 256
//! out int[4096]
//! a int[1024] bits
//! b int[1024] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global int* out, global const int* a, global const int* b) {
  const uint i = id(0);
  const int x = a[i] == INT_MIN ? 1 : a[i], y = (i & 1 ? b[i] : b[i] >> 20) | 1;
  out[4 * i] = x / y;
  out[4 * i + 1] = x % y;
  out[4 * i + 2] = (uint)x / (uint)y;
  out[4 * i + 3] = (uint)x % (uint)y;
}
#else
#include "host.h"
struct Args { int *out, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 1024; ++i) {
    const int x = s->a[i] == INT32_MIN ? 1 : s->a[i], y = (i % 2 ? s->b[i] : s->b[i] >> 20) | 1;
    s->out[4 * i] = x / y;
    s->out[4 * i + 1] = x % y;
    s->out[4 * i + 2] = (uint)x / (uint)y;
    s->out[4 * i + 3] = (uint)x % (uint)y;
  }
}
#endif
