// Real recursion: return addresses and frames on the stack in scratch memory, lanes that leave at different depths.
//! grid 96 group 32
//! out uint[192]
#ifdef __AMDGPU__
#include "gpu.hip.h"
static __device__ __attribute__((noinline)) unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static __device__ __attribute__((noinline)) unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0) return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
extern "C" __global__ void k(unsigned* out) {
  out[2 * id(0)] = fib(id(0) % 11);
  out[2 * id(0) + 1] = ackermann(2, id(0) % 6);
}
#else
#include "host.h"
struct Args { uint* out; };
void twin(const struct Args* s) {
  for (int i = 0; i < 96; ++i) {
    uint a = 0, b = 1;
    for (int j = 0; j < i % 11; ++j) { const uint c = a + b; a = b; b = c; }
    s->out[2 * i] = a;
    s->out[2 * i + 1] = 2 * (i % 6) + 3;
  }
}
#endif
