//! grid 512 group 128
//! y double[512] uniform -1e9 1e9
//! x double[512] uniform -1e9 1e9
//! a double 0.1
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global double* y, global const double* x, double a) {
  y[id(0)] = __builtin_fma(a, x[id(0)], y[id(0)]) - x[id(0)] * y[id(0)];
}
#else
#include "host.h"
struct Args { double *y, *x, a; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) s->y[i] = fma(s->a, s->x[i], s->y[i]) - s->x[i] * s->y[i];
}
#endif
