// Execution of vector instructions around a LaneFunction: sources are brought to lanes, DPP, SDWA, halves,
// negation and absolute values are passes over them; output modifiers and exec are passes over the result. An
// instruction without any of these, with all lanes enabled, costs the lane function and a few checks.
#pragma once

#include "sim/amd/wave/wave.h"

namespace doorbell::sim::amd {

// What lanes compute, and the handler that does nothing else, if there is one.
struct LaneCode {
  LaneFunction lanes = nullptr;
  Run fused = nullptr;
  constexpr LaneCode() = default;
  constexpr LaneCode(LaneFunction lanes_, Run fused_ = nullptr) : lanes(lanes_), fused(fused_) {}
};
struct LaneRow {
  const char* name;
  LaneCode code;
  LaneCode saturating = {};  // with the clamp bit, of integer rows
};
struct LaneRows {
  const LaneRow* rows;
  size_t count;
};

// Copies between lanes and host memory at base + address[lane]. Registers of more than one dword follow each
// other by `stride`. Loads are true if any dword, or the dword around a part of one, may be fresh_word
// (vm.h).
struct LaneBounds {
  uint64_t low, high;  // of the addresses of enabled lanes
};
using LaneLoad = bool (*)(const std::byte* base, const uint64_t* address, uint32_t stride, uint64_t exec,
                          uint32_t* d);
using LaneStore = void (*)(std::byte* base, const uint64_t* address, uint32_t stride, uint64_t exec,
                           const uint32_t* d);
struct LaneMemory {
  void (*address64)(const uint32_t* v, uint32_t stride, uint64_t add, uint64_t* out);  // of register pairs
  void (*address32)(const uint32_t* v, uint32_t stride, uint64_t add, uint64_t* out);
  LaneBounds (*bounds)(const uint64_t* address, uint32_t stride, uint64_t exec);
  LaneLoad load[4];       // of 1 to 4 dwords
  LaneLoad load_part[4];  // u8, i8, u16, i16
  LaneStore store[4];
  LaneStore store_part[2];  // 8 and 16 bits
};

// Tiles of 16 x 16 (valu_matrix.cc): 16-bit floats out of eight registers, as to[element][lane], and sums of
// products, d[row][column] = c[row][column] + a[k][row] * b[k][column].
struct LaneMatrix {
  void (*widen)(const uint32_t* v, uint32_t stride, bool brain, const uint32_t* flip, float* to);
  void (*multiply)(const float* a, const float* b, const uint32_t* c, uint32_t* d);
};

// What is compiled once per instruction set of the host.
struct Simd {
  const char* name;
  Run valu;                            // executes any vector instruction with a LaneFunction
  Run scalar_float;                    // executes a scalar instruction with a LaneFunction
  Run (*handler)(const Instruction&);  // the fastest one for this instruction
  LaneMemory memory;
  LaneMatrix matrix;
  LaneRows families[6];
};

// The best that this host can run.
const Simd& simd();

// A mask with bits that nobody wrote reaches exec: reports, and is false if the wave stops for it.
bool fault_invalid_exec(Wave&, const Instruction&);

}  // namespace doorbell::sim::amd
