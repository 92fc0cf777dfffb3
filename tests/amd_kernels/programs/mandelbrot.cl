// A loop whose lanes leave one by one.
//! grid 64 32 group 32 4
//! out ushort[2048]
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global ushort* out) {
  const float cr = id(0) * (3.0f / 64) - 2.25f, ci = id(1) * (2.5f / 32) - 1.25f;
  float r = 0, i = 0;
  ushort n = 0;
  while (n < 300 && r * r + i * i < 4) {
    const float t = r * r - i * i + cr;
    i = 2 * r * i + ci;
    r = t;
    ++n;
  }
  out[id(1) * 64 + id(0)] = n;
}
#else
#include "host.h"
struct Args { ushort* out; };
void twin(const struct Args* s) {
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 64; ++x) {
      const float cr = x * (3.0f / 64) - 2.25f, ci = y * (2.5f / 32) - 1.25f;
      float r = 0, i = 0;
      int n = 0;
      for (; n < 300 && r * r + i * i < 4; ++n) {
        const float t = r * r - i * i + cr;
        i = 2 * r * i + ci;
        r = t;
      }
      s->out[64 * y + x] = n;
    }
}
#endif
