// Counts by atomics in LDS, then into memory.
//! grid 2048 group 256
//! bins uint[64] zero
//! in uchar[2048] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global atomic_uint* bins, global const uchar* in) {
  local atomic_uint part[64];
  if (item(0) < 64) __opencl_atomic_store(&part[item(0)], 0, memory_order_relaxed, memory_scope_work_group);
  sync();
  __opencl_atomic_fetch_add(&part[in[id(0)] & 63], 1, memory_order_relaxed, memory_scope_work_group);
  sync();
  if (item(0) < 64) {
    const uint n = __opencl_atomic_load(&part[item(0)], memory_order_relaxed, memory_scope_work_group);
    if (n) __opencl_atomic_fetch_add(&bins[item(0)], n, memory_order_relaxed, memory_scope_device);
  }
}
#else
#include "host.h"
struct Args { uint* bins; uchar* in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 2048; ++i) ++s->bins[s->in[i] % 64];
}
#endif
