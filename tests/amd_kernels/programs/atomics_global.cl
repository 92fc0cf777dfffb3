// Every read-modify-write on memory whose end does not depend on the order, in 32 and 64 bits.
//! grid 512 group 64
//! w uint[8] zero
//! d ulong[8] zero
//! in uint[512] bits
#ifdef __AMDGPU__
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#pragma OPENCL EXTENSION cl_khr_int64_extended_atomics : enable
#include "gpu.h"
#define ALL(p, T, S, x)                                                                                       \
  __opencl_atomic_fetch_add(p, x, memory_order_relaxed, memory_scope_device);                                 \
  __opencl_atomic_fetch_sub(p + 1, x, memory_order_acq_rel, memory_scope_device);                             \
  __opencl_atomic_fetch_xor(p + 2, x, memory_order_seq_cst, memory_scope_device);                             \
  __opencl_atomic_fetch_or(p + 3, x & 0x10801080u, memory_order_release, memory_scope_all_svm_devices);       \
  __opencl_atomic_fetch_max(p + 4, x, memory_order_relaxed, memory_scope_device);                             \
  __opencl_atomic_fetch_min((global volatile S*)p + 5, (T)x, memory_order_relaxed, memory_scope_device);      \
  {                                                                                                           \
    T old = __opencl_atomic_load(p + 6, memory_order_relaxed, memory_scope_device);                           \
    while (!__opencl_atomic_compare_exchange_strong(p + 6, &old, old + (x | 1), memory_order_acq_rel,         \
                                                    memory_order_relaxed, memory_scope_device)) {}            \
  }                                                                                                           \
  if (id(0) == 77) __opencl_atomic_exchange(p + 7, x, memory_order_relaxed, memory_scope_device);
kernel void k(global atomic_uint* w, global atomic_ulong* d, global const uint* in) {
  const uint x = in[id(0)];
  const ulong y = (ulong)x << 20 | x >> 3;
  ALL(w, uint, atomic_int, x)
  ALL(d, ulong, atomic_long, y)
}
#else
#include "host.h"
struct Args { uint* w; ulong* d; uint* in; };
#define ALL(p, T, S, x)                                      \
  p[0] += x, p[1] -= x, p[2] ^= x, p[3] |= x & 0x10801080u;  \
  if (x > p[4]) p[4] = x;                                    \
  if ((S)x < (S)p[5]) p[5] = x;                              \
  p[6] += x | 1;                                             \
  if (i == 77) p[7] = x;
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) {
    const uint x = s->in[i];
    const ulong y = (ulong)x << 20 | x >> 3;
    ALL(s->w, uint, int32_t, x)
    ALL(s->d, ulong, int64_t, y)
  }
}
#endif
