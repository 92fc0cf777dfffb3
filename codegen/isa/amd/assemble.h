// Assembly files to code objects: the language of LLVM's MC for AMD GPUs (macros, loops and conditions as in
// source.h, expressions as in expression.h, directives for data, symbols, sections and kernels), and one
// directive of our own: `.address N` places the section at hand, which LLVM leaves to a linker. Sources:
// LLVM, "User Guide for AMDGPU Backend", "Assembler Directives"; GNU as, "Pseudo Ops".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/isa/amd/inst.h"
#include "hal/base/result.h"

namespace doorbell::amd {

inline constexpr uint64_t largest_section = uint64_t{256} << 20;

// An ELF code object that loaders take. The processor is the source's (.amdgcn_target), or `processor`
// ("gfx1100"). Waves have 32 lanes, but in kernels with `.amdhsa_wavefront_size32 0`. An error begins with
// "LINE:COLUMN: " and ends with the macros that it came out of; `warnings` are such lines, too. `most` bounds
// the bytes of a section and what macros make: a short line may ask for many.
Result<std::vector<std::byte>> assemble(std::string_view source, std::string_view processor = {},
                                        uint64_t most = largest_section,
                                        std::vector<std::string>* warnings = nullptr);

}  // namespace doorbell::amd
