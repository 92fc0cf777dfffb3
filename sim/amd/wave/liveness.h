// What a way through a program depends on: the registers from which follow its branches, its addresses and
// what it stores. A loop that counts its rounds in a register that nobody asks about does the same in each of
// them.
//
// The data-flow analysis of live variables (Aho, Lam, Sethi, Ullman, "Compilers", 9.2.5), along one trace
// whose end is its beginning. It errs on the side of more registers: a vector register is never given up,
// since lanes that are switched off keep it, nor are EXEC and M0.
#pragma once

#include <bitset>
#include <optional>
#include <span>

#include "codegen/isa/amd/amd.h"
#include "sim/amd/wave/wave.h"

namespace doorbell::sim::amd {

struct Live {
  std::bitset<reg::vgprs> vectors;
  std::bitset<reg::scalars> scalars;
  bool scc = false;
};

// Of blocks that were executed one after the other, each to its end, and lead back to the first one. Nothing
// where registers are reached by number (movrel): then it may be any.
std::optional<Live> live_around(std::span<const std::span<const doorbell::amd::Inst>> trace, unsigned lanes);

}  // namespace doorbell::sim::amd
