// WMMA: 16 x 16 x 16 halves into floats. Products and sums of small integers are exact in every order.
//! arch gfx11
//! grid 32 group 32
//! d float[256]
//! a half[256] integers -8 8
//! b half[256] integers -8 8
#ifdef __AMDGPU__
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#include "gpu.h"
typedef half half16v __attribute__((ext_vector_type(16)));
typedef float float8v __attribute__((ext_vector_type(8)));
kernel void k(global float* d, global const half* a, global const half* b) {
  const uint l = lane() % 16;
  half16v x, y;
  for (int i = 0; i < 16; ++i) {
    x[i] = a[l * 16 + i];
    y[i] = b[i * 16 + l];
  }
  float8v sum = 0.5f;
  sum = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(x, y, sum);
  for (int i = 0; i < 8; ++i) d[(2 * i + lane() / 16) * 16 + l] = sum[i];
}
#else
#include "host.h"
struct Args { float* d; half *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j) {
      s->d[16 * i + j] = 0.5f;
      for (int l = 0; l < 16; ++l) s->d[16 * i + j] += (float)s->a[16 * i + l] * (float)s->b[16 * l + j];
    }
}
#endif
