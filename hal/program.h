// What a code generator hands to a device: the bytes of one kernel and everything needed to launch it. This
// header is the seam between codegen/, which makes images and never opens a device, and hal/, which loads
// them and never looks inside the code. Images are plain values; they may be hashed, cached and sent
// anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace doorbell {

// The arguments of a kernel are one block of 8-byte slots in the order of its parameters.
enum class ArgumentKind : uint8_t {
  buffer,  // the slot is the GpuAddr of the first byte that the kernel may touch
  value,   // the slot is a 64-bit value (a symbol), two's complement if signed
};

struct ProgramImage {
  std::string name;             // for traces and fault reports; need not be unique
  std::string isa;              // "x86-64"; equal to Limits::isa of the devices that can run it
  std::vector<std::byte> code;  // position-independent
  uint32_t entry = 0;           // offset of the entry point into code
  uint32_t lanes = 1;           // width of the lane axis that the kernel was built for
  uint32_t local_bytes = 0;    // local memory of one workgroup, uninitialised when it starts, 64-byte aligned
  uint32_t private_bytes = 0;  // stack or scratch that one lane group needs
  std::vector<ArgumentKind> arguments;
  std::vector<std::string> features;  // of the ISA, each of which the device must list ("avx2", "fma")
};

}  // namespace doorbell
