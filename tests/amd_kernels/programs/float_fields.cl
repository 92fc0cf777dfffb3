// Exponents and mantissas taken apart and put together; classes of floats; median of three.
//! grid 512 group 64
//! out float[2048]
//! exponent int[512]
//! class int[512]
//! a float[512] bits
//! b float[512] uniform -9 9
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global float* out, global int* exponent, global int* class, global const float* a, global const float* b) {
  const uint i = id(0);
  const float x = a[i], y = b[i];
  const bool odd = __builtin_isnan(x) || __builtin_isinf(x);
  out[4 * i] = odd ? 0 : __builtin_amdgcn_frexp_mantf(x);
  exponent[i] = odd ? 0 : __builtin_amdgcn_frexp_expf(x);
  out[4 * i + 1] = __builtin_ldexpf(y, (int)(i % 40) - 20);
  out[4 * i + 2] = __builtin_amdgcn_fmed3f(y, -1.5f, 2.5f);
  out[4 * i + 3] = y - __builtin_floorf(y);
  class[i] = __builtin_amdgcn_classf(x, 0x003) | __builtin_amdgcn_classf(x, 0x204) << 1 | __builtin_amdgcn_classf(x, 0x090) << 2 |
             __builtin_amdgcn_classf(x, 0x060) << 3 | __builtin_amdgcn_classf(x, 0x108) << 4;
}
#else
#include "host.h"
struct Args { float* out; int *exponent, *class; float *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) {
    const float x = s->a[i], y = s->b[i];
    int e = 0;
    const float m = isfinite(x) ? frexpf(x, &e) : 0;
    s->out[4 * i] = m;
    s->exponent[i] = e;
    s->out[4 * i + 1] = ldexpf(y, i % 40 - 20);
    s->out[4 * i + 2] = y < -1.5f ? -1.5f : y > 2.5f ? 2.5f : y;
    s->out[4 * i + 3] = y - floorf(y);
    const int c = fpclassify(x);
    s->class[i] = (c == FP_NAN) | (c == FP_INFINITE) << 1 | (c == FP_SUBNORMAL) << 2 | (c == FP_ZERO) << 3 | (c == FP_NORMAL) << 4;
  }
}
#endif
