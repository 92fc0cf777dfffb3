// The rows of `doorbell bench emu`: how fast the emulated GPU executes, strict, on one host thread. Rates are
// per second of the thread's CPU time, which other work on the machine hardly disturbs.
#pragma once

#include "hal/base/result.h"
#include "tools/bench/work.h"

namespace doorbell::bench {

// Millions of vector instructions of wave32 a second: f32 and integer arithmetic, shifts, logic, comparisons
// and selections.
Result<Figures> emulated_vector_instructions();
// V_WMMA_F32_16X16X16_F16, GFLOP/s.
Result<Figures> emulated_matrix_products();
// A kernel that copies, 16 bytes a lane at a time: GB/s read and written, in memory of the card's that the
// host has no window onto, or (what programs allocate) in memory of which the L2 holds what the host has to
// wait for; and memcpy's.
Result<Figures> emulated_copy(bool window);
Result<Figures> host_copy();

}  // namespace doorbell::bench
