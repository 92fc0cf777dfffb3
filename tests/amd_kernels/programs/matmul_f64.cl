//! grid 24 24 group 8 8
//! c double[576]
//! a double[576] uniform -2 2
//! b double[576] uniform -2 2
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global double* c, global const double* a, global const double* b) {
  double sum = 0;
  for (int i = 0; i < 24; ++i) sum = __builtin_fma(a[id(1) * 24 + i], b[i * 24 + id(0)], sum);
  c[id(1) * 24 + id(0)] = sum;
}
#else
#include "host.h"
struct Args { double *c, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 24; ++i)
    for (int j = 0; j < 24; ++j) {
      double sum = 0;
      for (int l = 0; l < 24; ++l) sum = fma(s->a[24 * i + l], s->b[24 * l + j], sum);
      s->c[24 * i + j] = sum;
    }
}
#endif
