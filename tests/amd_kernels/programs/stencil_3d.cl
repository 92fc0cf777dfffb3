// Seven points in three dimensions: all three ids of items and groups.
//! grid 16 12 8 group 4 4 4
//! out double[1536]
//! in double[1536] uniform -1 1
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global double* out, global const double* in) {
  const uint x = id(0), y = id(1), z = id(2), at = (z * 12 + y) * 16 + x;
  double v = -6 * in[at];
  if (x > 0) v += in[at - 1];
  if (x < 15) v += in[at + 1];
  if (y > 0) v += in[at - 16];
  if (y < 11) v += in[at + 16];
  if (z > 0) v += in[at - 192];
  if (z < 7) v += in[at + 192];
  out[at] = v;
}
#else
#include "host.h"
struct Args { double *out, *in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 1536; ++i) {
    double v = -6 * s->in[i];
    if (i % 16) v += s->in[i - 1];
    if (i % 16 < 15) v += s->in[i + 1];
    if (i / 16 % 12) v += s->in[i - 16];
    if (i / 16 % 12 < 11) v += s->in[i + 16];
    if (i >= 192) v += s->in[i - 192];
    if (i < 1344) v += s->in[i + 192];
    s->out[i] = v;
  }
}
#endif
