// Halves multiplied into a float sum by fma: v_fma_mix_f32.
//! grid 32 16 group 32 2
//! c float[512]
//! a half[1024] uniform -2 2
//! b half[2048] uniform -2 2
#ifdef __AMDGPU__
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#include "gpu.h"
kernel void k(global float* c, global const half* a, global const half* b) {
  float sum = 0.5f;
  for (int i = 0; i < 64; ++i) sum = __builtin_fmaf(a[id(1) * 64 + i], b[i * 32 + id(0)], sum);
  c[id(1) * 32 + id(0)] = sum;
}
#else
#include "host.h"
struct Args { float* c; half *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 32; ++j) {
      float sum = 0.5f;
      for (int l = 0; l < 64; ++l) sum = fmaf(s->a[64 * i + l], s->b[32 * l + j], sum);
      s->c[32 * i + j] = sum;
    }
}
#endif
