// From an allocated machine program to bytes: frame, pseudo instructions, branches as short as they can be,
// loops aligned, constants behind the code.
#pragma once

#include "codegen/machine/allocate.h"
#include "codegen/target/x86/isa.h"

namespace doorbell::x86::target {

// Prologue, epilogue, spills, copies: afterwards each instruction is one of the table.
void finish(machine::Program& program, const machine::Allocation& allocation);
// No instruction may need more than `features`; what they need is added to `used`.
std::vector<std::byte> encode(const machine::Program& program, Features features, Features& used);

}  // namespace doorbell::x86::target
