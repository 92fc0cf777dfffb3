// Hazards: orders of instructions that the hardware does not sort out, so that compilers must avoid them.
// They depend on the way that led to an instruction and on nothing else, so that what is under way at the
// entry of a block is a state with a number, and a block is looked through once for each state that it was
// entered with. A wave then pays one comparison a block.
//
// Sources: LLVM's GCNHazardRecognizer.cpp (19), which says what triggers and what ends each of them, and its
// AMDGPU.td and GCNSubtarget.h, which say what chip has which: gfx10.3 only that of s_denorm_mode; gfx11.0
// and 11.5 those of v_permlane, WMMA, partial forwarding and masks; gfx11.0 that of transcendentals (and
// of v_mad_*64_*32: llvm-project pull request 79460). Operands
// that overlap: VOP3Instructions.td, VOP3PInstructions.td (@earlyclobber). The table of checks names them.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "codegen/isa/amd/amd.h"
#include "sim/amd/fault.h"
#include "sim/amd/wave/wave.h"

namespace doorbell::sim::amd {

class Hazards {
 public:
  explicit Hazards(doorbell::amd::Target target);
  ~Hazards();

  static constexpr uint32_t start = 0;  // the state of a wave before its first instruction

  struct Violation {
    const doorbell::amd::Inst* at;
    uint32_t offset;  // from the block's beginning
    Check check;
    std::string text;
  };
  // A block entered in one state.
  struct Edge {
    uint32_t out = start;  // the state behind the block
    std::vector<Violation> violations;
  };
  Edge walk(std::span<const doorbell::amd::Inst> block, std::span<const uint32_t> offsets, uint32_t in);

 private:
  struct State;
  struct Scan;
  uint32_t number(const State& state);

  doorbell::amd::Target target_;
  std::vector<State> states_;
  std::map<std::string, uint32_t> numbers_;  // by the state's bytes
};

}  // namespace doorbell::sim::amd
