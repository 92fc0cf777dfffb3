// Small programs from text: one instruction a line, `name:` labels, `.long` for words that are none. The
// assembler of codegen/isa/amd refuses what a chip would punish; this one lets it pass.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "hal/base/result.h"
#include "sim/amd/gpu.h"

namespace doorbell::sim::amd {

Result<std::vector<std::byte>> assemble(std::string_view text, const Gpu& gpu, unsigned wave);

}  // namespace doorbell::sim::amd
