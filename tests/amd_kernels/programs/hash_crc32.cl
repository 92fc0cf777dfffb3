// CRC-32 (IEEE 802.3) by nibbles from a table made in LDS; the twin goes bit by bit.
//! grid 64 group 64
//! out uint[64]
//! text uchar[2048] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global const uchar* text) {
  local uint table[16];
  if (item(0) < 16) {
    uint x = item(0);
    for (int i = 0; i < 4; ++i) x = x & 1 ? 0xedb88320u ^ x >> 1 : x >> 1;
    table[item(0)] = x;
  }
  sync();
  uint crc = ~0u;
  for (int i = 0; i < 32; ++i) {
    crc ^= text[id(0) * 32 + i];
    crc = table[crc & 15] ^ crc >> 4;
    crc = table[crc & 15] ^ crc >> 4;
  }
  out[id(0)] = ~crc;
}
#else
#include "host.h"
struct Args { uint* out; uchar* text; };
void twin(const struct Args* s) {
  for (int i = 0; i < 64; ++i) {
    uint crc = ~0u;
    for (int j = 0; j < 256; ++j) {
      const uint bit = s->text[32 * i + j / 8] >> j % 8 & 1;
      crc = crc >> 1 ^ ((crc ^ bit) & 1 ? 0xedb88320u : 0);
    }
    s->out[i] = ~crc;
  }
}
#endif
