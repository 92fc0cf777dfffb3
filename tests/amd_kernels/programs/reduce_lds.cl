// A tree over LDS, one sum a group; a float sum has the tree's order.
//! grid 2048 group 256
//! sums uint[8]
//! fsums float[8]
//! in uint[2048] bits
//! fin float[2048] uniform -1 1
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* sums, global float* fsums, global const uint* in, global const float* fin) {
  local uint part[256];
  local float fpart[256];
  const uint i = item(0);
  part[i] = in[id(0)];
  fpart[i] = fin[id(0)];
  for (uint step = 128; step; step >>= 1) {
    sync();
    if (i < step) {
      part[i] += part[i + step];
      fpart[i] += fpart[i + step];
    }
  }
  if (i == 0) {
    sums[group(0)] = part[0];
    fsums[group(0)] = fpart[0];
  }
}
#else
#include "host.h"
struct Args { uint* sums; float* fsums; uint* in; float* fin; };
static float tree(const float* x, int i, int step) {
  return step == 256 ? x[i] : tree(x, i, 2 * step) + tree(x, i + step, 2 * step);
}
void twin(const struct Args* s) {
  for (int g = 0; g < 8; ++g) {
    s->sums[g] = 0;
    for (int i = 0; i < 256; ++i) s->sums[g] += s->in[256 * g + i];
    s->fsums[g] = tree(s->fin + 256 * g, 0, 1);
  }
}
#endif
