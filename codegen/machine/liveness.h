// Which virtual and physical registers are live where: per block, and as half-open segments of positions in
// the order of the blocks. Instruction n of the program reads at 4n+1 and writes at 4n+2 (an early Def at
// 4n+1), so that a result may take the register of an operand that ends there.
#pragma once

#include "codegen/machine/program.h"

namespace doorbell::machine {

struct Segment {
  uint32_t begin, end;
  bool operator==(const Segment&) const = default;
};

struct Liveness {
  std::vector<uint32_t> first;  // position number of each block's first instruction, and the end
  std::vector<std::vector<uint32_t>> live_out;              // virtual registers, by number
  std::vector<std::vector<Segment>> segments;               // of each virtual register
  std::vector<std::pair<Reg, std::vector<Segment>>> fixed;  // of each physical register that occurs
};

Liveness analyse(const Program& program);

bool overlap(const std::vector<Segment>& a, const std::vector<Segment>& b);

// Deletes instructions without effects whose results nobody reads.
void remove_dead(Program& program);

}  // namespace doorbell::machine
