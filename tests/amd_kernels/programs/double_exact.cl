//! grid 1024 group 128
//! out double[8192]
//! a double[1024] bits
//! b double[1024] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global double* out, global const double* a, global const double* b) {
  const uint i = id(0);
  const double x = a[i], y = i % 3 ? b[i] : x * 0.75 + 1;
  global double* o = out + 8 * i;
  o[0] = x / y;
  o[1] = __builtin_sqrt(__builtin_fabs(x));
  o[2] = __builtin_fma(x, y, x);
  o[3] = x * y - x;
  o[4] = __builtin_floor(x) + __builtin_rint(y);
  o[5] = x < y ? x : y;
  o[6] = __builtin_trunc(x) - __builtin_ceil(y);
  o[7] = __builtin_isnan(x) ? 1 : __builtin_isinf(y) ? 2 : x != y;
}
#else
#include "host.h"
struct Args { double *out, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 1024; ++i) {
    const double x = s->a[i], y = i % 3 ? s->b[i] : x * 0.75 + 1;
    double* o = s->out + 8 * i;
    o[0] = x / y;
    o[1] = sqrt(fabs(x));
    o[2] = fma(x, y, x);
    o[3] = x * y - x;
    o[4] = floor(x) + rint(y);
    o[5] = x < y ? x : y;
    o[6] = trunc(x) - ceil(y);
    o[7] = isnan(x) ? 1 : isinf(y) ? 2 : x != y;
  }
}
#endif
