// Forces among 128 bodies, positions passing through LDS as float4 (128-bit accesses).
//! grid 128 group 64
//! force float[512]
//! body float[512] uniform -1 1
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global float4* force, global const float4* body) {
  local float4 tile[64];
  const float4 own = body[id(0)];
  float4 f = 0;
  for (uint t = 0; t < 2; ++t) {
    sync();
    tile[item(0)] = body[t * 64 + item(0)];
    sync();
    for (int j = 0; j < 64; ++j) {
      const float4 d = tile[j] - own;
      const float r2 = d.x * d.x + d.y * d.y + d.z * d.z + 0.01f;
      const float inverse = 1 / __builtin_sqrtf(r2);
      f += d * (tile[j].w * inverse * inverse * inverse);
    }
  }
  force[id(0)] = f;
}
#else
#include "host.h"
struct Args { float *force, *body; };
void twin(const struct Args* s) {
  for (int i = 0; i < 128; ++i) {
    float* f = s->force + 4 * i;
    for (int c = 0; c < 4; ++c) f[c] = 0;
    for (int j = 0; j < 128; ++j) {
      float d[4];
      for (int c = 0; c < 4; ++c) d[c] = s->body[4 * j + c] - s->body[4 * i + c];
      const float inverse = 1 / sqrtf(d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 0.01f);
      for (int c = 0; c < 4; ++c) f[c] += d[c] * (s->body[4 * j + 3] * inverse * inverse * inverse);
    }
  }
}
#endif
