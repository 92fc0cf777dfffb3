// x86-64 as machine programs see it: three register files, the rows of the instruction table, and the calling
// convention of a kernel:
//
//   void entry(const uint64_t* args, uint32_t group_x, uint32_t group_y, uint32_t group_z, std::byte* local)
//
// System V: rdi, esi, edx, ecx, r8; rbx, rbp, r12 to r15 are the caller's; all vector and mask registers are
// free; the upper halves of vectors are zero on return; MXCSR is the caller's and is neither read nor
// changed.
#pragma once

#include "codegen/isa/x86/x86.h"
#include "codegen/machine/program.h"
#include "codegen/target/x86/compile.h"

namespace doorbell::x86::target {

enum : unsigned { gpr_file = 0, vector_file = 1, mask_file = 2 };

// 16 vectors of 256 bits in VEX encodings, or 32 of 512 and masks in EVEX ones: see features.h.
machine::Machine describe(Features features);

// The register file of a class.
unsigned file_of(RegClass cls);
inline unsigned cls(RegClass c) { return static_cast<unsigned>(c); }
constexpr int bits_of(RegClass c) {
  switch (c) {
    case RegClass::gpr8: return 8;
    case RegClass::gpr16: return 16;
    case RegClass::gpr32: return 32;
    case RegClass::xmm: return 128;
    case RegClass::ymm: return 256;
    case RegClass::zmm: return 512;
    default: return 64;
  }
}

// An allocated instruction as the encoder takes it. Pool and slot operands must have been resolved.
x86::Inst to_x86(const machine::Inst& inst);

}  // namespace doorbell::x86::target
