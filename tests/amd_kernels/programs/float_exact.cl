// The correctly rounded ones on any bits: division and square root by their iterations, fma, denormals, rounding.
//! grid 2048 group 256
//! out float[20480]
//! a float[2048] bits
//! b float[2048] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global float* out, global const float* a, global const float* b) {
  const uint i = id(0);
  const float x = a[i], y = i % 3 ? b[i] : b[i] * 0x1p-120f;
  global float* o = out + 10 * i;
  o[0] = x / y;
  o[1] = __builtin_sqrtf(__builtin_fabsf(x));
  o[2] = __builtin_fmaf(x, y, -x);
  o[3] = x * y + x;
  o[4] = __builtin_floorf(x) - __builtin_truncf(y);
  o[5] = __builtin_rintf(x) + __builtin_ceilf(y);
  o[6] = __builtin_fminf(x, y);
  o[7] = __builtin_fmaxf(x, -y);
  o[8] = x < y ? 1.0f : x > y ? 2.0f : x == y ? 3.0f : 4.0f;
  o[9] = __builtin_copysignf(x, y) * 0x1p-60f;
}
#else
#include "host.h"
struct Args { float *out, *a, *b; };
static float smaller(float x, float y) { return isnan(x) ? y : isnan(y) ? x : x < y || (x == y && signbit(x)) ? x : y; }
void twin(const struct Args* s) {
  for (int i = 0; i < 2048; ++i) {
    const float x = s->a[i], y = i % 3 ? s->b[i] : s->b[i] * 0x1p-120f;
    float* o = s->out + 10 * i;
    o[0] = x / y;
    o[1] = sqrtf(fabsf(x));
    o[2] = fmaf(x, y, -x);
    o[3] = x * y + x;
    o[4] = floorf(x) - truncf(y);
    o[5] = rintf(x) + ceilf(y);
    o[6] = smaller(x, y);
    o[7] = -smaller(-x, y);
    o[8] = x < y ? 1 : x > y ? 2 : x == y ? 3 : 4;
    o[9] = copysignf(x, y) * 0x1p-60f;
  }
}
#endif
