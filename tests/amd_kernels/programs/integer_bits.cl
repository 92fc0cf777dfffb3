// Counts, reversals, shifts by variables, saturation, absolute differences, 16- and 8-bit wrap.
//! grid 512 group 64
//! out uint[6144]
//! wide ulong[3072]
//! a uint[512] bits
//! b uint[512] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global ulong* wide, global const uint* a, global const uint* b) {
  const uint i = id(0), x = i % 7 ? a[i] : 0, y = b[i];
  const ulong xy = (ulong)x << 32 | y;
  global uint* o = out + 12 * i;
  o[0] = x ? __builtin_clz(x) : 32;
  o[1] = x ? __builtin_ctz(x) : 32;
  o[2] = __builtin_popcount(x);
  o[3] = __builtin_bitreverse32(x);
  o[4] = __builtin_bswap32(x);
  o[5] = __builtin_elementwise_add_sat(x, y);
  o[6] = __builtin_elementwise_sub_sat((int)x, (int)y);
  o[7] = (x >> (y & 31)) | (y << (x & 31));
  o[8] = (uint)((int)x >> (y & 31));
  o[9] = (uchar)(x + y) | (uint)(ushort)(x * y) << 8;
  o[10] = (uint)(((long)(int)x * (int)y) >> 32);
  o[11] = (uint)(((ulong)x * y) >> 32) ^ (x > y ? x - y : y - x);
  global ulong* v = wide + 6 * i;
  v[0] = xy << (y & 63);
  v[1] = xy >> (x & 63);
  v[2] = (ulong)((long)xy >> (x & 63));
  v[3] = xy ? (ulong)__builtin_clzl(xy) << 32 | __builtin_ctzl(xy) : 64;
  v[4] = __builtin_popcountl(xy) + __builtin_bitreverse64(xy);
  v[5] = xy * (xy + 12345) - (ulong)y * x;
}
#else
#include "host.h"
struct Args { uint* out; ulong* wide; uint *a, *b; };
static ulong reversed(ulong x, int bits) {
  ulong r = 0;
  for (int i = 0; i < bits; ++i) r |= (x >> i & 1) << (bits - 1 - i);
  return r;
}
static uint leading(ulong x, int bits) { int n = 0; while (n < bits && !(x >> (bits - 1 - n) & 1)) ++n; return n; }
static uint trailing(ulong x, int bits) { int n = 0; while (n < bits && !(x >> n & 1)) ++n; return n; }
static uint ones(ulong x) { uint n = 0; for (; x; x >>= 1) n += x & 1; return n; }
void twin(const struct Args* s) {
  for (int i = 0; i < 512; ++i) {
    const uint x = i % 7 ? s->a[i] : 0, y = s->b[i];
    const ulong xy = (ulong)x << 32 | y, sum = (ulong)x + y;
    const int64_t difference = (int64_t)(int)x - (int)y;
    uint* o = s->out + 12 * i;
    o[0] = leading(x, 32), o[1] = trailing(x, 32), o[2] = ones(x), o[3] = reversed(x, 32);
    o[4] = x << 24 | (x & 0xff00) << 8 | (x >> 8 & 0xff00) | x >> 24;
    o[5] = sum >> 32 ? ~0u : sum;
    o[6] = difference > INT32_MAX ? INT32_MAX : difference < INT32_MIN ? INT32_MIN : difference;
    o[7] = x >> y % 32 | y << x % 32;
    o[8] = (int)x >> y % 32;
    o[9] = ((x + y) & 255) | (x * y & 65535) << 8;
    o[10] = (ulong)((int64_t)(int)x * (int)y) >> 32;
    o[11] = ((ulong)x * y >> 32) ^ (x > y ? x - y : y - x);
    ulong* v = s->wide + 6 * i;
    v[0] = xy << y % 64, v[1] = xy >> x % 64, v[2] = (int64_t)xy >> x % 64;
    v[3] = xy ? (ulong)leading(xy, 64) << 32 | trailing(xy, 64) : 64;
    v[4] = ones(xy) + reversed(xy, 64);
    v[5] = xy * (xy + 12345) - (ulong)y * x;
  }
}
#endif
