// A lowered kernel becomes x86-64 machine code: the pass list of this target.
#pragma once

#include <functional>

#include "codegen/kernel.h"
#include "codegen/machine/program.h"
#include "codegen/target/x86/features.h"
#include "hal/program.h"

namespace doorbell::x86 {

// What a kernel is compiled to on the way, for tests and dumps.
struct Trace {
  std::vector<size_t> budget;  // general, vector and mask registers that may be used; empty: all
  std::function<void(char pass, const machine::Program&)>
      after;  // s select, c coalesce, h schedule, r registers
  int spilled = 0;
};

// What a tiler may count on: lanes of 32 bits in a vector register, and such registers.
constexpr int vector_lanes(Features features) { return has_evex(features) ? 16 : 8; }
constexpr int vector_registers(Features features) { return has_evex(features) ? 32 : 16; }

// The kernel must pass verify() and hold only what supported.h lists. Convention: see isa.h. Thread-safe.
Result<ProgramImage> compile(const Lowered& kernel, Features features, Trace* trace = nullptr);

// The code of an image, one instruction a line, as llvm-objdump prints Intel syntax; the pool is left out.
std::string disassemble(const ProgramImage& image);

}  // namespace doorbell::x86
