//! grid 64 32 group 16 16
//! out uint[2048]
//! in uint[2048] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global const uint* in) {
  local uint tile[16][17];
  tile[item(1)][item(0)] = in[id(1) * 64 + id(0)];
  sync();
  out[(group(0) * 16 + item(1)) * 32 + group(1) * 16 + item(0)] = tile[item(0)][item(1)];
}
#else
#include "host.h"
struct Args { uint *out, *in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 2048; ++i) s->out[i % 64 * 32 + i / 64] = s->in[i];
}
#endif
