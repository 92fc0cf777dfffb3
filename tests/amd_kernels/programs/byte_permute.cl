// Bytes chosen from two words, alignment shifts, bit fields, sums of absolute differences.
//! grid 256 group 64
//! out uint[1536]
//! a uint[256] bits
//! b uint[256] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global const uint* a, global const uint* b) {
  const uint i = id(0), x = a[i], y = b[i];
  global uint* o = out + 6 * i;
  o[0] = __builtin_amdgcn_perm(x, y, (y >> 3) & 0x07070707u);
  o[1] = __builtin_amdgcn_alignbyte(x, y, i & 3);
  o[2] = __builtin_amdgcn_alignbit(x, y, i & 31);
  o[3] = __builtin_amdgcn_ubfe(x, i & 31, 1 + (y & 15));
  o[4] = __builtin_amdgcn_sbfe(x, i & 31, 1 + (y & 15));
  o[5] = __builtin_amdgcn_sad_u8(x, y, i) + __builtin_amdgcn_lerp(x, y, 0x01010101u);
}
#else
#include "host.h"
struct Args { uint *out, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 256; ++i) {
    const uint x = s->a[i], y = s->b[i];
    const ulong both = (ulong)x << 32 | y;
    uint* o = s->out + 6 * i;
    o[0] = o[5] = 0;
    for (int j = 0; j < 4; ++j) {
      const int p = x >> 8 * j & 255, q = y >> 8 * j & 255;
      o[0] |= (uint)(both >> 8 * (y >> (8 * j + 3) & 7) & 255) << 8 * j;
      o[5] += abs(p - q) + ((uint)((p + q + 1) >> 1) << 8 * j);
    }
    o[5] += i;
    o[1] = (uint)(both >> 8 * (i & 3));
    o[2] = (uint)(both >> (i & 31));
    // A field that reaches past bit 31 is filled as if the word went on with zeros, or with its sign.
    const int width = 1 + (y & 15);
    const int64_t field = x >> (i & 31), sign = (int)x >> (i & 31);
    o[3] = field & ((1 << width) - 1);
    o[4] = (int)((uint)sign << (32 - width)) >> (32 - width);
  }
}
#endif
