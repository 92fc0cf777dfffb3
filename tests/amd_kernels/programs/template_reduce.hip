// C++ templates and lambdas over LDS: three folds of one array, sizes known to the compiler.
//! grid 256 group 128
//! out int[6]
//! in int[256] bits
#ifdef __AMDGPU__
#include "gpu.hip.h"
template <unsigned Size, class F>
static __device__ int fold(const int* in, F f) {
  __shared__ int part[Size];
  part[item(0)] = in[id(0)];
  for (unsigned step = Size / 2; step; step /= 2) {
    sync();
    if (item(0) < step) part[item(0)] = f(part[item(0)], part[item(0) + step]);
  }
  sync();
  const int result = part[0];
  sync();
  return result;
}
extern "C" __global__ void k(int* out, const int* in) {
  const int sum = fold<128>(in, [](int a, int b) { return a + b; });
  const int most = fold<128>(in, [](int a, int b) { return a > b ? a : b; });
  const int mixed = fold<128>(in, [](int a, int b) { return a ^ b; });
  if (item(0) == 0) {
    out[3 * group(0)] = sum;
    out[3 * group(0) + 1] = most;
    out[3 * group(0) + 2] = mixed;
  }
}
#else
#include "host.h"
struct Args { int *out, *in; };
void twin(const struct Args* s) {
  for (int g = 0; g < 2; ++g) {
    int sum = 0, most = INT32_MIN, mixed = 0;
    for (int i = 0; i < 128; ++i) {
      const int x = s->in[128 * g + i];
      sum += x, most = maximum(most, x), mixed ^= x;
    }
    s->out[3 * g] = sum, s->out[3 * g + 1] = most, s->out[3 * g + 2] = mixed;
  }
}
#endif
