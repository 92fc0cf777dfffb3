// An inclusive scan in rows of 16 lanes: row_shr brings zeros in at the left (bound_ctrl).
//! grid 128 group 64
//! out uint[128]
//! mirrored uint[128]
//! quads uint[128]
//! in uint[128] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global uint* mirrored, global uint* quads, global const uint* in) {
  const uint value = in[id(0)];
  uint x = value;
  x += __builtin_amdgcn_update_dpp(0, x, 0x111, 0xf, 0xf, true);
  x += __builtin_amdgcn_update_dpp(0, x, 0x112, 0xf, 0xf, true);
  x += __builtin_amdgcn_update_dpp(0, x, 0x114, 0xf, 0xf, true);
  x += __builtin_amdgcn_update_dpp(0, x, 0x118, 0xf, 0xf, true);
  out[id(0)] = x;
  mirrored[id(0)] = __builtin_amdgcn_update_dpp(7, value, 0x140, 0x5, 0x3, false);
  quads[id(0)] = __builtin_amdgcn_mov_dpp8(value, 0x688fac) ^ __builtin_amdgcn_update_dpp(0, value, 0x1b, 0xf, 0xf, true);
}
#else
#include "host.h"
struct Args { uint *out, *mirrored, *quads, *in; };
void twin(const struct Args* s) {
  for (int i = 0; i < 128; ++i) {
    s->out[i] = s->in[i] + (i % 16 ? s->out[i - 1] : 0);
    // Rows 0 and 2 of a wave, banks 0 and 1 of a row, take the mirrored lane; the others keep the old value.
    const bool on = i / 16 % 2 == 0 && i % 16 / 4 < 2;
    s->mirrored[i] = on ? s->in[i / 16 * 16 + 15 - i % 16] : 7;
    const uint from = 0x688fac >> (3 * (i % 8)) & 7;
    s->quads[i] = s->in[i / 8 * 8 + from] ^ s->in[i / 4 * 4 + 3 - i % 4];
  }
}
#endif
