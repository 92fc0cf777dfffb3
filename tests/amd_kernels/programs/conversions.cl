// Casts among floats and integers of all widths, for values that every pair can hold.
//! grid 512 group 64
//! out int[4096]
//! wide long[2048]
//! f float[3072]
//! d double[2048]
//! a float[512] uniform -100000 100000
//! b int[512] bits
#ifdef __AMDGPU__
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#include "gpu.h"
kernel void k(global int* out, global long* wide, global float* f, global double* d, global const float* a, global const int* b) {
  const uint i = id(0);
  const float x = a[i];
  const int n = b[i];
  global int* o = out + 8 * i;
  o[0] = (int)x;
  o[1] = (uint)__builtin_fabsf(x);
  o[2] = (short)(x * 0.25f);
  o[3] = (uchar)(__builtin_fabsf(x) * 0.002f);
  o[4] = (int)(double)x;
  o[5] = (uint)__builtin_fabs((double)x * 1000);
  o[6] = (int)(half)(x * 0.5f);
  o[7] = (ushort)(half)(__builtin_fabsf(x) * 0.5f);
  wide[4 * i] = (long)(x * 1e9f);
  wide[4 * i + 1] = (ulong)(__builtin_fabsf(x) * 1e10f);
  wide[4 * i + 2] = (long)((double)x * 1e9);
  wide[4 * i + 3] = (ulong)__builtin_fabs((double)x * 1e10);
  global float* g = f + 6 * i;
  g[0] = (float)n;
  g[1] = (float)(uint)n;
  g[2] = (float)(long)n * (uint)n;
  g[3] = (half)x;
  g[4] = (half)(short)n;
  g[5] = (float)(double)n + (uchar)(n >> 8) + (float)((double)x * 3.3);
  global double* e = d + 4 * i;
  e[0] = (double)n;
  e[1] = (double)(uint)n;
  e[2] = (double)((long)n * n * n);
  e[3] = (double)((ulong)(uint)n * (uint)n);
}
#else
#include "host.h"
struct Args { int* out; int64_t* wide; float* f; double* d; float* a; int* b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) {
    const float x = s->a[i];
    const int n = s->b[i];
    int* o = s->out + 8 * i;
    o[0] = (int)x, o[1] = (uint)fabsf(x), o[2] = (int16_t)(x * 0.25f), o[3] = (uchar)(fabsf(x) * 0.002f);
    o[4] = (int)x, o[5] = (uint)fabs((double)x * 1000);
    o[6] = (int)(half)(x * 0.5f), o[7] = (ushort)(half)(fabsf(x) * 0.5f);
    int64_t* w = s->wide + 4 * i;
    w[0] = (int64_t)(x * 1e9f), w[1] = (ulong)(fabsf(x) * 1e10f);
    w[2] = (int64_t)((double)x * 1e9), w[3] = (ulong)fabs((double)x * 1e10);
    float* g = s->f + 6 * i;
    g[0] = n, g[1] = (uint)n, g[2] = (float)(int64_t)n * (uint)n, g[3] = (half)x, g[4] = (half)(int16_t)n;
    g[5] = (float)(double)n + (uchar)(n >> 8) + (float)((double)x * 3.3);
    double* e = s->d + 4 * i;
    e[0] = n, e[1] = (uint)n, e[2] = (double)((int64_t)n * n * n);
    e[3] = (double)((ulong)(uint)n * (uint)n);
  }
}
#endif
