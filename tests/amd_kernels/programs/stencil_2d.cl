// Five points with clamped edges on 50 x 30, groups that hang over the border.
//! grid 50 30 group 16 8
//! out float[1500]
//! in float[1500] uniform -1 1
#ifdef __AMDGPU__
#include "gpu.h"
static int clamped(int x, int top) { return x < 0 ? 0 : x > top ? top : x; }
kernel void k(global float* out, global const float* in) {
  const int x = id(0), y = id(1);
  const float up = in[clamped(y - 1, 29) * 50 + x], down = in[clamped(y + 1, 29) * 50 + x];
  const float left = in[y * 50 + clamped(x - 1, 49)], right = in[y * 50 + clamped(x + 1, 49)];
  out[y * 50 + x] = 0.25f * (up + down + left + right) - in[y * 50 + x];
}
#else
#include "host.h"
struct Args { float *out, *in; };
void twin(const struct Args* s) {
  for (int y = 0; y < 30; ++y)
    for (int x = 0; x < 50; ++x) {
      const float* row = s->in + 50 * y;
      const float sum = s->in[50 * maximum(y - 1, 0) + x] + s->in[50 * minimum(y + 1, 29) + x];
      s->out[50 * y + x] = 0.25f * (sum + row[maximum(x - 1, 0)] + row[minimum(x + 1, 49)]) - row[x];
    }
}
#endif
