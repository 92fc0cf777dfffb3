//! grid 128 group 64
//! data float[256] uniform -100 100
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global float* data) {
  local float a[128];
  const uint i = item(0);
  global float* own = data + group(0) * 128;
  a[i] = own[i];
  a[i + 64] = own[i + 64];
  for (int pass = 0; pass < 128; ++pass) {
    sync();
    const uint at = 2 * i + (pass & 1);
    if (at + 1 < 128 && a[at] > a[at + 1]) {
      const float t = a[at];
      a[at] = a[at + 1];
      a[at + 1] = t;
    }
  }
  sync();
  own[i] = a[i];
  own[i + 64] = a[i + 64];
}
#else
#include "host.h"
struct Args { float* data; };
static int order(const void* a, const void* b) {
  const float x = *(const float*)a, y = *(const float*)b;
  return (x > y) - (x < y);
}
void twin(const struct Args* s) {
  qsort(s->data, 128, 4, order);
  qsort(s->data + 128, 128, 4, order);
}
#endif
