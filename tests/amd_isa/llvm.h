// LLVM 19 as an oracle: its disassembler through the library behind llvm-mc-19 (it tells how many bytes an
// instruction took, which llvm-mc's text does not), its assembler as the program llvm-mc-19, one process for
// thousands of lines.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "codegen/isa/amd/amd.h"

namespace doorbell::amd {

struct LlvmDecoded {
  size_t length = 0;
  std::string text;  // with single spaces
};

class Llvm {
 public:
  // Null if libLLVM 19 is not here.
  static Llvm* get(Target);
  // Nothing for what LLVM refuses, and for what it prints with a comment in place of an operand ("Invalid
  // register"), which its own assembler does not take back.
  std::optional<LlvmDecoded> decode(std::span<const std::byte>) const;

 private:
  explicit Llvm(void* context) : context_(context) {}
  void* context_;
};

bool have_llvm_mc();

// The bytes of each line; empty where llvm-mc-19 refuses it.
std::vector<std::vector<std::byte>> llvm_assemble(const std::vector<std::string>& lines, Target);

// Skips without LLVM 19, and fails where CI=true.
#define NEED_LLVM()                                                         \
  if (!have_llvm_mc() || !Llvm::get({Arch::gfx1100, 32})) {                 \
    const char* ci = std::getenv("CI");                                     \
    if (ci && std::string_view(ci) == "true")                               \
      FAIL() << "LLVM 19 is missing (Debian: apt-get install llvm-19)";     \
    GTEST_SKIP() << "LLVM 19 is missing (Debian: apt-get install llvm-19)"; \
  }

}  // namespace doorbell::amd
