// Execution of vector instructions around a LaneFunction: sources are brought to lanes, DPP, SDWA, halves,
// negation and absolute values are passes over them; output modifiers and exec are passes over the result. An
// instruction without any of these, with all lanes enabled, costs the lane function and a few checks.
#pragma once

#include "sim/amd/wave/wave.h"

namespace doorbell::sim::amd {

struct LaneRow {
  const char* name;
  LaneFunction lanes;
  LaneFunction saturating = nullptr;  // with the clamp bit, of integer rows
};
struct LaneRows {
  const LaneRow* rows;
  size_t count;
};

// What is compiled once per instruction set of the host.
struct Simd {
  const char* name;
  Run valu;
  LaneRows families[6];
};

// The best that this host can run.
const Simd& simd();

// A mask with bits that nobody wrote reaches exec: reports, and is false if the wave stops for it.
bool fault_invalid_exec(Wave&, const Instruction&);

}  // namespace doorbell::sim::amd
