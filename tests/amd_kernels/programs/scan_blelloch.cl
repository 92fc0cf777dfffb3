// Exclusive scan of 64-bit integers, up and down a tree in LDS.
//! grid 256 group 128
//! out long[512]
//! in long[512] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global long* out, global const long* in) {
  local long a[256];
  const uint i = item(0), base = group(0) * 256;
  a[2 * i] = in[base + 2 * i];
  a[2 * i + 1] = in[base + 2 * i + 1];
  uint stride = 1;
  for (uint n = 128; n; n >>= 1, stride <<= 1) {
    sync();
    if (i < n) a[stride * (2 * i + 2) - 1] += a[stride * (2 * i + 1) - 1];
  }
  if (i == 0) a[255] = 0;
  for (uint n = 1; n < 256; n <<= 1) {
    stride >>= 1;
    sync();
    if (i < n) {
      const uint left = stride * (2 * i + 1) - 1, right = stride * (2 * i + 2) - 1;
      const long t = a[left];
      a[left] = a[right];
      a[right] += t;
    }
  }
  sync();
  out[base + 2 * i] = a[2 * i];
  out[base + 2 * i + 1] = a[2 * i + 1];
}
#else
#include "host.h"
struct Args { ulong *out, *in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) s->out[i] = i % 256 ? s->out[i - 1] + s->in[i - 1] : 0;
}
#endif
