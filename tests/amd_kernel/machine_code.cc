// Apart from what names packets: the assembler's headers and theirs have names in common.
#include <initializer_list>
#include <vector>

#include "codegen/isa/amd/amd.h"
#include "sim/amd/gpu.h"

namespace doorbell::test {

std::vector<std::byte> machine_code(const sim::amd::Gpu& gpu, std::initializer_list<const char*> lines) {
  std::vector<std::byte> code;
  for (const char* line : lines) {
    auto parsed = doorbell::amd::parse(line, {gpu.arch, 32});
    if (!parsed || !doorbell::amd::encode(*parsed, {gpu.arch, 32}, code)) return {};
  }
  return code;
}

}  // namespace doorbell::test
