// Scalar halves: each operation rounds to 11 bits, denormals included.
//! grid 1024 group 256
//! out half[4096]
//! a half[1024] bits
//! b half[1024] bits
#ifdef __AMDGPU__
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#include "gpu.h"
kernel void k(global half* out, global const half* a, global const half* b) {
  const half x = a[id(0)], y = b[id(0)];
  out[4 * id(0)] = x + y;
  out[4 * id(0) + 1] = x - y;
  out[4 * id(0) + 2] = x * y;
  out[4 * id(0) + 3] = x < y ? x : y * (half)0.5f;
}
#else
#include "host.h"
struct Args { half *out, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 1024; ++i) {
    const half x = s->a[i], y = s->b[i];
    s->out[4 * i] = x + y;
    s->out[4 * i + 1] = x - y;
    s->out[4 * i + 2] = x * y;
    s->out[4 * i + 3] = x < y ? x : (half)(y * (half)0.5f);
  }
}
#endif
