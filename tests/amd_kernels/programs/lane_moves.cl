// Reading a chosen lane, writing one, pushing through ds_permute, swizzling, permlanes across rows.
//! grid 64 group 32
//! out uint[384]
//! in uint[64] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global const uint* in) {
  const uint x = in[id(0)];
  global uint* o = out + 6 * id(0);
  o[0] = __builtin_amdgcn_readlane(x, 5 + group(0));
  o[1] = __builtin_amdgcn_ds_permute((31 - lane()) << 2, x);
  o[2] = __builtin_amdgcn_ds_swizzle(x, 0x041f);
  o[3] = __builtin_amdgcn_permlane16(x, x, 0x76543210, 0xfedcba98, false, false);
  o[4] = __builtin_amdgcn_permlanex16(x, x, 0x01234567, 0x89abcdef, false, false);
  const uint third = __builtin_amdgcn_readlane(x, 3);  // while all lanes are there
  o[5] = __builtin_amdgcn_readfirstlane(x) + (lane() == 9 ? third : 0);
}
#else
#include "host.h"
struct Args { uint *out, *in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 64; ++i) {
    const uint* wave = s->in + i / 32 * 32;
    const int lane = i % 32, row = lane & 16;
    uint* o = s->out + 6 * i;
    o[0] = wave[5 + i / 32];
    o[1] = wave[31 - lane];
    o[2] = wave[lane ^ 1];
    o[3] = wave[lane];
    o[4] = wave[(row ^ 16) + (lane % 16 < 8 ? 7 - lane % 16 : 23 - lane % 16)];
    o[5] = wave[0] + (lane == 9 ? wave[3] : 0);
  }
}
#endif
