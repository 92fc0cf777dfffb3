// The kernels that the tests of the HAL run, in the form of each ISA that a row of the suite speaks: x86-64
// machine code, and functions for the model device. Another ISA is another member of SuiteKernel.
#pragma once

#include <span>
#include <string_view>

#include "hal/program.h"
#include "tests/model_device/model_device.h"

namespace doorbell {

struct SuiteKernel {
  const char* name;
  std::vector<ArgumentKind> arguments;
  uint32_t local_bytes;
  std::string x86_text;  // Intel syntax, a statement each "; "
  std::string x86_code;
  Status (*model)(const model::KernelCall&);  // null: has no meaning on the model device
};

std::span<const SuiteKernel> suite_kernels();
ProgramImage suite_image(std::string_view isa, std::string_view name);
// Gives images of isa "lanes" their meaning: their code is the kernel's name.
model::KernelLoader suite_loader();

}  // namespace doorbell
