// A stable least-significant-digit radix sort of 256 keys in LDS, ranks by ballots and LDS atomics.
//! grid 256 group 256
//! keys uint[256] bits
//! values uint[256] iota
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* keys, global uint* values) {
  local uint key[256], value[256], flag[256];
  local atomic_uint zeros;
  const uint i = item(0);
  key[i] = keys[i];
  value[i] = values[i];
  for (uint bit = 0; bit < 32; ++bit) {
    if (i == 0) __opencl_atomic_store(&zeros, 0, memory_order_relaxed, memory_scope_work_group);
    sync();
    const uint own = key[i], payload = value[i], one = own >> bit & 1;
    flag[i] = one;
    if (!one) __opencl_atomic_fetch_add(&zeros, 1, memory_order_relaxed, memory_scope_work_group);
    sync();
    uint before = 0;
    for (uint j = 0; j < i; ++j) before += flag[j];
    const uint total = __opencl_atomic_load(&zeros, memory_order_relaxed, memory_scope_work_group);
    const uint to = one ? total + before : i - before;
    sync();
    key[to] = own;
    value[to] = payload;
    sync();
  }
  keys[i] = key[i];
  values[i] = value[i];
}
#else
#include "host.h"
struct Args { uint *keys, *values; };
void twin(const struct Args* s) {
  for (int i = 1; i < 256; ++i)
    for (int j = i; j && s->keys[j - 1] > s->keys[j]; --j) {
      uint t = s->keys[j];
      s->keys[j] = s->keys[j - 1], s->keys[j - 1] = t;
      t = s->values[j];
      s->values[j] = s->values[j - 1], s->values[j - 1] = t;
    }
}
#endif
