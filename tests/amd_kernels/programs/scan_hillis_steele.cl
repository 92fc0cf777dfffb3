//! grid 512 group 256
//! out uint[512]
//! in uint[512] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global const uint* in) {
  local uint a[2][256];
  const uint i = item(0);
  uint from = 0;
  a[0][i] = in[id(0)];
  for (uint step = 1; step < 256; step <<= 1) {
    sync();
    a[1 - from][i] = a[from][i] + (i >= step ? a[from][i - step] : 0);
    from = 1 - from;
  }
  out[id(0)] = a[from][i];
}
#else
#include "host.h"
struct Args { uint *out, *in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) s->out[i] = s->in[i] + (i % 256 ? s->out[i - 1] : 0);
}
#endif
