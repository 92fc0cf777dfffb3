//! grid 1000 group 64
//! out float[1000]
//! a float[1000] uniform -8 8
//! b float[1000] uniform -8 8
//! n int 1000
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global float* out, global const float* a, global const float* b, int n) {
  if (id(0) < n) out[id(0)] = a[id(0)] + b[id(0)];
}
#else
#include "host.h"
struct Args { float *out, *a, *b; int n; };
void twin(const struct Args* s) {
  for (int i = 0; i < s->n; ++i) s->out[i] = s->a[i] + s->b[i];
}
#endif
