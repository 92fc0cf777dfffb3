//! grid 4096 group 128
//! sum uint[1] zero
//! sum64 ulong[1] zero
//! in uint[4096] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global atomic_uint* sum, global atomic_ulong* sum64, global const uint* in) {
  __opencl_atomic_fetch_add(sum, in[id(0)], memory_order_relaxed, memory_scope_device);
  __opencl_atomic_fetch_add(sum64, (ulong)in[id(0)] * in[id(0)], memory_order_relaxed, memory_scope_all_svm_devices);
}
#else
#include "host.h"
struct Args { uint* sum; ulong* sum64; uint* in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 4096; ++i) *s->sum += s->in[i], *s->sum64 += (ulong)s->in[i] * s->in[i];
}
#endif
