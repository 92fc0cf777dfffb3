// A target as the layers above see it: how to tile for it, and how its machine code is made. A new ISA is one
// such value; nothing above codegen/target knows more.
#pragma once

#include <functional>
#include <string>

#include "codegen/lower.h"
#include "hal/program.h"

namespace doorbell {

struct Target {
  std::string isa;  // ProgramImage::isa, Limits::isa
  std::string
      version;  // of the code it makes: features and compiler revision; part of the kernel cache's key
  LaneTarget tiling;
  std::function<Result<ProgramImage>(const Lowered&)> compile;
  std::function<std::string(const ProgramImage&)> disassemble;  // one instruction a line
};

}  // namespace doorbell
