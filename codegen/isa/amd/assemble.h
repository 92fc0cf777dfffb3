// Assembly files to code objects: LLVM's syntax, with the directives that clang writes for AMD GPUs and the
// usual ones for data, and one of our own: `.address N` places the section at hand, which LLVM leaves to a
// linker. Sources: LLVM, "User Guide for AMDGPU Backend", "Assembler Directives"; GNU as, "Pseudo Ops".
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "codegen/isa/amd/inst.h"
#include "hal/base/result.h"

namespace doorbell::amd {

// An ELF code object that loaders take. The processor is the source's (.amdgcn_target), or `processor`
// ("gfx1100"). Waves have 32 lanes, but in kernels with `.amdhsa_wavefront_size32 0`. An error begins with
// "LINE:COLUMN: ". `most` bounds the bytes of a section: a short line may ask for many.
Result<std::vector<std::byte>> assemble(std::string_view source, std::string_view processor = {},
                                        uint64_t most = uint64_t{256} << 20);

}  // namespace doorbell::amd
