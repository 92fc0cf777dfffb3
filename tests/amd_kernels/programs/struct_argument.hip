// A structure by value: the kernel's arguments are read by scalar loads of many widths, and at a computed index.
//! grid 128 group 64
//! out float[128]
//! scale float 0.75
//! tag uchar 9
//! wide double -3.5
//! t0 int 11
//! t1 int -22
//! t2 int 33
//! t3 int -44
//! last ushort 77
#ifdef __AMDGPU__
#include "gpu.hip.h"
struct Pack { float* out; float scale; unsigned char tag; double wide; int t[4]; unsigned short last; };
extern "C" __global__ void k(Pack p) {
  const unsigned i = id(0);
  p.out[i] = p.scale * p.t[i & 3] + p.tag * p.last - (float)p.wide;
}
#else
#include "host.h"
struct Args { float* out; float scale; uchar tag; double wide; int t[4]; ushort last; };
void twin(const struct Args* s) {
  for (int i = 0; i < 128; ++i) s->out[i] = s->scale * s->t[i % 4] + s->tag * s->last - (float)s->wide;
}
#endif
