// Float additions whose order does not matter, because every partial sum is exact; minimum and maximum by exchange.
//! grid 256 group 64
//! sum float[1] zero
//! most float[1] zero
//! in ushort[256] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global atomic_float* sum, global atomic_float* most, global const ushort* in) {
  const float x = in[id(0)];
  float old = __opencl_atomic_load(sum, memory_order_relaxed, memory_scope_device);
  while (!__opencl_atomic_compare_exchange_weak(sum, &old, old + x, memory_order_relaxed, memory_order_relaxed, memory_scope_device)) {}
  old = __opencl_atomic_load(most, memory_order_relaxed, memory_scope_device);
  while (old < x && !__opencl_atomic_compare_exchange_weak(most, &old, x, memory_order_relaxed, memory_order_relaxed, memory_scope_device)) {}
}
#else
#include "host.h"
struct Args { float *sum, *most; ushort* in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 256; ++i) {
    *s->sum += s->in[i];
    if (s->in[i] > *s->most) *s->most = s->in[i];
  }
}
#endif
