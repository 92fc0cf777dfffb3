// The chip's own exp2, log2, sine, cosine, reciprocal and reciprocal square root, of one ulp or the manual's bound.
//! grid 512 group 64
//! out float[4096]
//! x float[512] uniform 0.01 100
//! error 2e-6
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global float* out, global const float* x) {
  const float v = x[id(0)];
  global float* o = out + 8 * id(0);
  o[0] = __builtin_amdgcn_exp2f(v * 0.25f);
  o[1] = __builtin_amdgcn_logf(v) + 8;
  o[2] = __builtin_amdgcn_sinf(v * 0.01f) + 2;
  o[3] = __builtin_amdgcn_cosf(v * 0.01f) + 2;
  o[4] = __builtin_amdgcn_rcpf(v);
  o[5] = __builtin_amdgcn_rsqf(v);
  o[6] = __builtin_amdgcn_sqrtf(v);
  o[7] = __builtin_amdgcn_fractf(v) + 1;
}
#else
#include "host.h"
struct Args { float *out, *x; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) {
    const double v = s->x[i], turn = (float)((float)v * 0.01f) * 6.283185307179586;
    float* o = s->out + 8 * i;
    o[0] = exp2(v * 0.25), o[1] = log2(v) + 8, o[2] = sin(turn) + 2, o[3] = cos(turn) + 2;
    o[4] = 1 / v, o[5] = 1 / sqrt(v), o[6] = sqrt(v), o[7] = v - floor(v) + 1;
  }
}
#endif
