// Recursive quicksort of 40 numbers a work-item, in place in a private array.
//! grid 64 group 32
//! data int[2560] bits
#ifdef __AMDGPU__
#include "gpu.hip.h"
static __device__ __attribute__((noinline)) void quicksort(int* a, int n) {
  if (n < 2) return;
  const int pivot = a[n / 2];
  int i = 0, j = n - 1;
  while (i <= j) {
    while (a[i] < pivot) ++i;
    while (a[j] > pivot) --j;
    if (i <= j) {
      const int t = a[i];
      a[i++] = a[j];
      a[j--] = t;
    }
  }
  quicksort(a, j + 1);
  quicksort(a + i, n - i);
}
extern "C" __global__ void k(int* data) {
  int a[40];
  for (int i = 0; i < 40; ++i) a[i] = data[id(0) * 40 + i];
  quicksort(a, 40);
  for (int i = 0; i < 40; ++i) data[id(0) * 40 + i] = a[i];
}
#else
#include "host.h"
struct Args { int* data; };
static int order(const void* a, const void* b) {
  const int x = *(const int*)a, y = *(const int*)b;
  return (x > y) - (x < y);
}
void twin(const struct Args* s) {
  for (int i = 0; i < 64; ++i) qsort(s->data + 40 * i, 40, 4, order);
}
#endif
