// The same in LDS, where each group has its own words; old values that were returned are summed.
//! grid 256 group 64
//! w uint[28]
//! d ulong[28]
//! olds uint[4]
//! in uint[256] bits
#ifdef __AMDGPU__
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#pragma OPENCL EXTENSION cl_khr_int64_extended_atomics : enable
#include "gpu.h"
#define SCOPE memory_order_relaxed, memory_scope_work_group
#define ALL(p, T, S, x)                                                                                         \
  __opencl_atomic_fetch_add(&p[0], x, SCOPE);                                                                   \
  __opencl_atomic_fetch_sub(&p[1], x, SCOPE);                                                                   \
  __opencl_atomic_fetch_xor(&p[2], x, SCOPE);                                                                   \
  __opencl_atomic_fetch_and(&p[3], x | 0x0f0f0f0fu, SCOPE);                                                     \
  __opencl_atomic_fetch_max(&p[4], x, SCOPE);                                                                   \
  __opencl_atomic_fetch_min((local volatile S*)&p[5], (T)x, SCOPE);                                             \
  {                                                                                                             \
    T old = __opencl_atomic_load(&p[6], SCOPE);                                                                 \
    while (!__opencl_atomic_compare_exchange_weak(&p[6], &old, old * 3, memory_order_relaxed, SCOPE)) {}        \
  }
kernel void k(global uint* w, global ulong* d, global uint* olds, global const uint* in) {
  local atomic_uint lw[7];
  local atomic_ulong ld[7];
  local atomic_uint tickets, sum;
  const uint i = item(0), x = in[id(0)];
  const ulong y = (ulong)x << 20 | x >> 3;
  if (i < 7) {
    __opencl_atomic_store(&lw[i], i == 3 ? ~0u : i == 6, SCOPE);
    __opencl_atomic_store(&ld[i], i == 3 ? ~0ul : i == 6, SCOPE);
  }
  if (i == 0) {
    __opencl_atomic_store(&tickets, 0, SCOPE);
    __opencl_atomic_store(&sum, 0, SCOPE);
  }
  sync();
  ALL(lw, uint, atomic_int, x)
  ALL(ld, ulong, atomic_long, y)
  const uint ticket = __opencl_atomic_fetch_add(&tickets, 1, SCOPE);
  __opencl_atomic_fetch_add(&sum, ticket * ticket, SCOPE);
  sync();
  if (i < 7) {
    w[group(0) * 7 + i] = __opencl_atomic_load(&lw[i], SCOPE);
    d[group(0) * 7 + i] = __opencl_atomic_load(&ld[i], SCOPE);
  }
  if (i == 0) olds[group(0)] = __opencl_atomic_load(&sum, SCOPE);
}
#else
#include "host.h"
struct Args { uint* w; ulong* d; uint* olds; uint* in; };
#define ALL(p, T, S, x)                                                    \
  p[0] += x, p[1] -= x, p[2] ^= x, p[3] &= x | 0x0f0f0f0fu;                \
  if (x > p[4]) p[4] = x;                                                  \
  if ((S)x < (S)p[5]) p[5] = x;                                            \
  p[6] *= 3;
void twin(const struct Args* s) {
  for (int g = 0; g < 4; ++g) {
    uint* w = s->w + 7 * g;
    ulong* d = s->d + 7 * g;
    for (int i = 0; i < 7; ++i) w[i] = i == 3 ? ~0u : i == 6, d[i] = i == 3 ? ~0ull : i == 6;
    s->olds[g] = 0;
    for (uint i = 0; i < 64; ++i) {
      const uint x = s->in[64 * g + i];
      const ulong y = (ulong)x << 20 | x >> 3;
      ALL(w, uint, int32_t, x)
      ALL(d, ulong, int64_t, y)
      s->olds[g] += i * i;
    }
  }
}
#endif
