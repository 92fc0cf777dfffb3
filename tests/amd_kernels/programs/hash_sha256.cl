// SHA-256's compression function (FIPS 180-4, 6.2.2): rotates, majority, choose, a table in constant memory. The twin
// makes the table as the standard defines it.
//! grid 64 group 64
//! state uint[512] bits
//! block uint[1024] bits
#ifdef __AMDGPU__
#include "gpu.h"
constant uint round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static uint rotr(uint x, uint n) { return __builtin_rotateright32(x, n); }
kernel void k(global uint* state, global const uint* block) {
  uint w[16], v[8];
  for (int i = 0; i < 16; ++i) w[i] = block[id(0) * 16 + i];
  for (int i = 0; i < 8; ++i) v[i] = state[id(0) * 8 + i];
  for (int i = 0; i < 64; ++i) {
    if (i >= 16) {
      const uint a = w[(i + 1) & 15], b = w[(i + 14) & 15];
      w[i & 15] += (rotr(a, 7) ^ rotr(a, 18) ^ a >> 3) + w[(i + 9) & 15] + (rotr(b, 17) ^ rotr(b, 19) ^ b >> 10);
    }
    const uint e = v[4], a = v[0];
    const uint t1 = v[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + round_constants[i] + w[i & 15];
    const uint t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    for (int j = 7; j; --j) v[j] = v[j - 1];
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; ++i) state[id(0) * 8 + i] += v[i];
}
#else
#include "host.h"
struct Args { uint *state, *block; };
static uint turn(uint x, int n) { return x >> n | x << (32 - n); }
// floor(2^32 * frac(cbrt(prime))), by bisection on integers.
static uint cube_root_fraction(uint prime) {
  unsigned __int128 low = 0, high = (unsigned __int128)8 << 32;
  while (high - low > 1) {
    const unsigned __int128 middle = (low + high) / 2;
    if (middle * middle * middle <= (unsigned __int128)prime << 96) low = middle; else high = middle;
  }
  return (uint)low;
}
void twin(const struct Args* s) {
  uint table[64], n = 0;
  for (uint p = 2; n < 64; ++p) {
    bool prime = true;
    for (uint d = 2; d * d <= p; ++d) prime &= p % d != 0;
    if (prime) table[n++] = cube_root_fraction(p);
  }
  for (int item = 0; item < 64; ++item) {
    uint w[64], *h = s->state + 8 * item;
    memcpy(w, s->block + 16 * item, 64);
    for (int i = 16; i < 64; ++i)
      w[i] = (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10) + w[i - 7] +
             (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 16];
    uint a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], z = h[7];
    for (int i = 0; i < 64; ++i) {
      const uint t1 = z + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + table[i] + w[i];
      const uint t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      z = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += z;
  }
}
#endif
