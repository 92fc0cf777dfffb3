//! grid 1000 group 128
//! steps uint[1000]
//! top ulong[1000]
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* steps, global ulong* top) {
  ulong n = id(0) * 7919ul + 27, most = n;
  uint count = 0;
  for (; n != 1; ++count) {
    n = n & 1 ? 3 * n + 1 : n >> 1;
    if (n > most) most = n;
  }
  steps[id(0)] = count;
  top[id(0)] = most;
}
#else
#include "host.h"
struct Args { uint* steps; ulong* top; };
void twin(const struct Args* s) {
  for (ulong i = 0; i < 1000; ++i) {
    ulong n = 27 + 7919 * i;
    s->top[i] = n, s->steps[i] = 0;
    while (n > 1) {
      n = n % 2 ? n * 3 + 1 : n / 2;
      s->top[i] = n > s->top[i] ? n : s->top[i];
      s->steps[i] += 1;
    }
  }
}
#endif
