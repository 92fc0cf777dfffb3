// Bytes: FNV-1a in 32 and in 64 bits over strings of different lengths.
//! grid 128 group 64
//! out32 uint[128]
//! out64 ulong[128]
//! text uchar[8192] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out32, global ulong* out64, global const uchar* text) {
  uint h = 0x811c9dc5u;
  ulong g = 0xcbf29ce484222325ul;
  for (uint i = 0; i < 1 + id(0) % 64; ++i) {
    h = (h ^ text[id(0) * 64 + i]) * 0x01000193u;
    g = (g ^ text[id(0) * 64 + i]) * 0x100000001b3ul;
  }
  out32[id(0)] = h;
  out64[id(0)] = g;
}
#else
#include "host.h"
struct Args { uint* out32; ulong* out64; uchar* text; };
void twin(const struct Args* s) {
  for (int i = 0; i < 128; ++i) {
    s->out32[i] = 2166136261u, s->out64[i] = 14695981039346656037ull;
    for (int j = 0; j <= i % 64; ++j) {
      s->out32[i] = (s->out32[i] ^ s->text[64 * i + j]) * 16777619u;
      s->out64[i] = (s->out64[i] ^ s->text[64 * i + j]) * 1099511628211ull;
    }
  }
}
#endif
