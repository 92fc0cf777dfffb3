// Stream compaction: ballots, mbcnt ranks, and a first active lane that reserves room for its wave.
//! grid 64 group 64
//! out uint[64] zero
//! count uint[2]
//! in uint[64] bits
#ifdef __AMDGPU__
#include "gpu.h"
kernel void k(global uint* out, global uint* count, global const uint* in) {
  const uint x = in[id(0)], wave = id(0) / 32;
  const bool keep = x % 3 == 0;
  const uint votes = __builtin_amdgcn_ballot_w32(keep);
  if (keep) {
    out[wave * 32 + __builtin_amdgcn_mbcnt_lo(votes, 0)] = x;
    if (lane() == __builtin_amdgcn_readfirstlane(lane())) count[wave] = __builtin_popcount(votes);
  }
}
#else
#include "host.h"
struct Args { uint *out, *count, *in; };
void twin(const struct Args* s) {
  for (int w = 0; w < 2; ++w) {
    s->count[w] = 0;
    for (int i = 0; i < 32; ++i)
      if (s->in[32 * w + i] % 3 == 0) s->out[32 * w + s->count[w]++] = s->in[32 * w + i];
  }
}
#endif
