// Each work-item sorts 24 numbers of its own in an array that is indexed at run time: scratch memory.
//! grid 96 group 32
//! data int[2304] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global int* data) {
  int a[24];
  global int* own = data + id(0) * 24;
  for (int i = 0; i < 24; ++i) {
    const int x = own[i];
    int j = i;
    for (; j > 0 && a[j - 1] > x; --j) a[j] = a[j - 1];
    a[j] = x;
  }
  for (int i = 0; i < 24; ++i) own[i] = a[i];
}
#else
#include "host.h"
struct Args { int* data; };
static int order(const void* a, const void* b) {
  const int x = *(const int*)a, y = *(const int*)b;
  return (x > y) - (x < y);
}
void twin(const struct Args* s) {
  for (int i = 0; i < 96; ++i) qsort(s->data + 24 * i, 24, 4, order);
}
#endif
