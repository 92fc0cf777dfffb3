//! grid 512 group 256
//! data uint[512] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* data) {
  local uint a[256];
  const uint i = item(0);
  a[i] = data[id(0)];
  for (uint size = 2; size <= 256; size <<= 1)
    for (uint stride = size / 2; stride; stride >>= 1) {
      sync();
      const uint j = i ^ stride;
      if (j > i) {
        const uint x = a[i], y = a[j];
        if ((x > y) == ((i & size) == 0)) {
          a[i] = y;
          a[j] = x;
        }
      }
    }
  sync();
  data[id(0)] = a[i];
}
#else
#include "host.h"
struct Args { uint* data; };
static int order(const void* a, const void* b) {
  const uint x = *(const uint*)a, y = *(const uint*)b;
  return (x > y) - (x < y);
}
void twin(const struct Args* s) {
  qsort(s->data, 256, 4, order);
  qsort(s->data + 256, 256, 4, order);
}
#endif
