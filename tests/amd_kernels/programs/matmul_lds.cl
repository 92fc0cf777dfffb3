// 48 x 40 times 40 x 32 in tiles of 16 x 16 through LDS; each product is rounded, then added in order.
//! grid 32 48 group 16 16
//! c float[1536]
//! a float[1920] uniform -2 2
//! b float[1280] uniform -2 2
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global float* c, global const float* a, global const float* b) {
  local float ta[16][16], tb[16][17];
  float sum = 0;
  for (uint t = 0; t < 40; t += 16) {
    ta[item(1)][item(0)] = t + item(0) < 40 ? a[id(1) * 40 + t + item(0)] : 0;
    tb[item(1)][item(0)] = t + item(1) < 40 ? b[(t + item(1)) * 32 + id(0)] : 0;
    sync();
    for (int i = 0; i < 16; ++i) sum += ta[item(1)][i] * tb[i][item(0)];
    sync();
  }
  c[id(1) * 32 + id(0)] = sum;
}
#else
#include "host.h"
struct Args { float *c, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 48; ++i)
    for (int j = 0; j < 32; ++j) {
      float sum = 0;
      for (int l = 0; l < 40; ++l) sum += s->a[40 * i + l] * s->b[32 * l + j];
      s->c[32 * i + j] = sum;
    }
}
#endif
