// Pairs of halves: packed add, multiply, fma, minimum and maximum, with a swizzled source.
//! grid 512 group 64
//! out half[5120]
//! a half[1024] uniform -4 4
//! b half[1024] uniform -4 4
//! c half[1024] uniform -4 4
#ifdef __AMDGPU__
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#include "gpu.h"
kernel void k(global half2* out, global const half2* a, global const half2* b, global const half2* c) {
  const uint i = id(0);
  const half2 x = a[i], y = b[i], z = c[i], low = z.xx, minus = -z;
  out[5 * i] = x + y;
  out[5 * i + 1] = x * y.yx;
  out[5 * i + 2] = __builtin_elementwise_fma(x, y, minus);
  out[5 * i + 3] = __builtin_elementwise_min(x, y);
  out[5 * i + 4] = __builtin_elementwise_max(x, low);
}
#else
#include "host.h"
struct Args { half *out, *a, *b, *c; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i)
    for (int j = 0; j < 2; ++j) {
      const half x = s->a[2 * i + j], y = s->b[2 * i + j], z = s->c[2 * i + j];
      s->out[2 * (5 * i) + j] = x + y;
      s->out[2 * (5 * i + 1) + j] = x * s->b[2 * i + 1 - j];
      s->out[2 * (5 * i + 2) + j] = (half)((long double)x * y - z);
      s->out[2 * (5 * i + 3) + j] = x < y ? x : y;
      s->out[2 * (5 * i + 4) + j] = x > s->c[2 * i] ? x : s->c[2 * i];
    }
}
#endif
