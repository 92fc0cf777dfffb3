// Calls through a table of functions, another one for each lane: a loop over the lanes' targets.
//! grid 256 group 64
//! out int[256]
//! a int[256] bits
//! b int[256] bits
#ifdef __AMDGPU__
#include "gpu.hip.h"
typedef int (*Op)(int, int);
static __device__ __attribute__((noinline)) int add(int a, int b) { return a + b; }
static __device__ __attribute__((noinline)) int sub(int a, int b) { return a - b; }
static __device__ __attribute__((noinline)) int mul(int a, int b) { return a * b; }
static __device__ __attribute__((noinline)) int rot(int a, int b) { return __builtin_rotateleft32(a, b); }
extern "C" __global__ void k(int* out, const int* a, const int* b) {
  Op const ops[4] = {add, sub, mul, rot};
  const unsigned i = id(0);
  out[i] = ops[(a[i] ^ i) & 3](a[i], b[i]);
}
#else
#include "host.h"
struct Args { int *out, *a, *b; };
void twin(const struct Args* s) {
  for (int i = 0; i < 256; ++i) {
    const uint a = s->a[i], b = s->b[i];
    const uint r[4] = {a + b, a - b, a * b, a << (b & 31) | a >> (-b & 31)};
    s->out[i] = r[(a ^ i) & 3];
  }
}
#endif
