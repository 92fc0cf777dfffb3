//! grid 512 group 128
//! out float[512]
//! in float[512] uniform -1 1
//! taps float[9] uniform -1 1
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global float* out, global const float* in, global const float* taps) {
  local float tile[136];
  const int i = item(0), base = group(0) * 128 - 4;
  for (int j = i; j < 136; j += 128) tile[j] = base + j >= 0 && base + j < 512 ? in[base + j] : 0;
  sync();
  float sum = 0;
  for (int j = 0; j < 9; ++j) sum += taps[j] * tile[i + j];
  out[id(0)] = sum;
}
#else
#include "host.h"
struct Args { float *out, *in, *taps; };
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) {
    s->out[i] = 0;
    for (int j = -4; j <= 4; ++j) s->out[i] += s->taps[j + 4] * (i + j >= 0 && i + j < 512 ? s->in[i + j] : 0);
  }
}
#endif
