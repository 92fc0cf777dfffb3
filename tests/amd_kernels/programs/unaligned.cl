// Loads and stores of 16, 32, 64 and 128 bits at odd addresses.
//! grid 128 group 64
//! out uchar[4096] zero
//! in uchar[4096] bits
#ifdef __AMDGPU__
#include "gpu.h"
struct __attribute__((packed)) Record { uchar tag; ushort s; uint w; ulong d; uint4 q; };
kernel void k(global struct Record* out, global const struct Record* in) {
  const struct Record r = in[id(0)];
  struct Record t = {r.tag ^ 1, r.s + 1, r.w * 3, r.d - r.w, r.q.wzyx};
  out[127 - id(0)] = t;
}
#else
#include "host.h"
struct __attribute__((packed)) Record { uchar tag; ushort s; uint w; ulong d; uint q[4]; };
struct Args { struct Record *out, *in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 128; ++i) {
    const struct Record r = s->in[i];
    const struct Record t = {r.tag ^ 1, r.s + 1, r.w * 3, r.d - r.w, {r.q[3], r.q[2], r.q[1], r.q[0]}};
    s->out[127 - i] = t;
  }
}
#endif
