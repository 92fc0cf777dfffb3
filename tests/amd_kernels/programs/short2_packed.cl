// Pairs of 16-bit integers: add, subtract, multiply, shifts, minimum and maximum, signed and unsigned.
//! grid 256 group 64
//! out ushort[4096]
//! a ushort[512] bits
//! b ushort[512] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global ushort2* out, global const ushort2* a, global const ushort2* b) {
  const uint i = id(0);
  const ushort2 x = a[i], y = b[i];
  const short2 sx = as_short2(x), sy = as_short2(y);
  out[8 * i] = x + y;
  out[8 * i + 1] = x - y;
  out[8 * i + 2] = x * y + (ushort2)(7, 9);
  out[8 * i + 3] = x << (y & (ushort2)15);
  out[8 * i + 4] = x >> (y & (ushort2)15);
  out[8 * i + 5] = as_ushort2(sx >> (sy & (short2)15));
  out[8 * i + 6] = __builtin_elementwise_min(x, y);
  out[8 * i + 7] = as_ushort2(__builtin_elementwise_max(sx, sy));
}
#else
#include "host.h"
struct Args { ushort *out, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 256; ++i)
    for (int j = 0; j < 2; ++j) {
      const ushort x = s->a[2 * i + j], y = s->b[2 * i + j];
      ushort* out = s->out + 16 * i + j;
      out[0] = x + y;
      out[2] = x - y;
      out[4] = (uint)x * y + (j ? 9 : 7);
      out[6] = x << (y & 15);
      out[8] = x >> (y & 15);
      out[10] = (int16_t)x >> (y & 15);
      out[12] = x < y ? x : y;
      out[14] = (int16_t)x > (int16_t)y ? x : y;
    }
}
#endif
