// Four generations on a torus of bytes in LDS.
//! grid 256 group 256
//! cells uchar[1024] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uchar* cells) {
  local uchar world[2][1024];
  for (uint i = item(0); i < 1024; i += 256) world[0][i] = cells[i] & 1;
  for (int g = 0; g < 4; ++g) {
    sync();
    for (uint i = item(0); i < 1024; i += 256) {
      uint n = 0;
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx)
          n += world[g & 1][((i + dy * 32) & 992) | ((i + dx) & 31)];
      world[~g & 1][i] = n == 3 || (n == 4 && world[g & 1][i]);
    }
  }
  sync();
  for (uint i = item(0); i < 1024; i += 256) cells[i] = world[0][i];
}
#else
#include "host.h"
struct Args { uchar* cells; };
void twin(const struct Args* s) {
  uchar next[1024];
  for (int i = 0; i < 1024; ++i) s->cells[i] &= 1;
  for (int g = 0; g < 4; ++g) {
    for (int y = 0; y < 32; ++y)
      for (int x = 0; x < 32; ++x) {
        int n = -s->cells[32 * y + x];
        for (int k = 0; k < 9; ++k) n += s->cells[(y + k / 3 + 31) % 32 * 32 + (x + k % 3 + 31) % 32];
        next[32 * y + x] = n == 3 || (n == 2 && s->cells[32 * y + x]);
      }
    memcpy(s->cells, next, 1024);
  }
}
#endif
