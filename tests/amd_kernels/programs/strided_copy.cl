// A grid-stride loop: more work than items, sizes from the kernel's hidden arguments.
//! grid 192 group 64
//! out uint[5000]
//! in uint[5000] bits
//! n uint 5000
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global const uint* in, uint n) {
  const uint stride = __builtin_amdgcn_grid_size_x();
  for (uint i = id(0); i < n; i += stride) out[n - 1 - i] = in[i] + stride;
}
#else
#include "host.h"
struct Args { uint *out, *in, n; };
void twin(const struct Args* s) {
  for (uint i = 0; i < s->n; ++i) s->out[s->n - 1 - i] = s->in[i] + 192;
}
#endif
