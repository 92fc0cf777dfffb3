// AMD code objects: ELF files that carry kernels, as compilers for HIP, OpenCL and hand-written assembly make
// them. The reader takes any bytes: what it accepts lies within the file, and an error names the byte offset.
// Sources: LLVM, "User Guide for AMDGPU Backend", "Code Object"; System V ABI, "Object Files".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/isa/amd/descriptor.h"
#include "hal/base/result.h"

namespace doorbell::amd {

struct Segment {
  uint32_t type = 0;   // PT_LOAD is 1
  uint32_t flags = 0;  // 1 execute, 2 write, 4 read
  uint64_t file_offset = 0, va = 0, file_size = 0, memory_size = 0, align = 0;
};
inline constexpr uint32_t segment_load = 1;

struct Section {
  std::string_view name;
  uint32_t type = 0;
  uint64_t flags = 0;
  uint64_t va = 0, file_offset = 0, size = 0;
  std::span<const std::byte> bytes;  // empty where the file has none (.bss)
};

struct Symbol {
  std::string_view name;
  uint64_t value = 0, size = 0;  // a virtual address; in a relocatable object, an offset in its section
  uint8_t type = 0;              // 1 object, 2 function, 3 section
  uint8_t binding = 0;           // 0 local, 1 global, 2 weak
  uint8_t visibility = 0;        // 0 default, 2 hidden, 3 protected
  uint16_t section = 0;          // 0: undefined
};
inline constexpr uint8_t symbol_object = 1, symbol_function = 2;

struct Relocation {
  uint64_t offset = 0;  // the virtual address to write to
  uint32_t type = 0;
  int64_t addend = 0;
  std::string_view symbol;  // may be empty
  uint64_t symbol_value = 0;
};
// ELF relocation types of the AMDGPU ABI.
namespace relocation {
inline constexpr uint32_t abs32_lo = 1, abs32_hi = 2, abs64 = 3, rel32 = 4, rel64 = 5, abs32 = 6,
                          relative64 = 13;
}

struct KernelArgument {
  std::string name, value_kind, address_space;
  uint64_t offset = 0, size = 0;
};

// What the metadata note says of a kernel; a number that it lacks is 0.
struct KernelMetadata {
  std::string name, symbol;  // vector_add, vector_add.kd
  uint64_t kernarg_segment_size = 0, kernarg_segment_align = 0, group_segment_fixed_size = 0,
           private_segment_fixed_size = 0, wavefront_size = 0, sgpr_count = 0, vgpr_count = 0,
           max_flat_workgroup_size = 0;
  std::vector<KernelArgument> arguments;
};

// A kernel descriptor, found by its symbol NAME.kd.
struct Kernel {
  std::string_view name;
  uint64_t descriptor_va = 0;
  uint64_t code_va = 0;
  KernelDescriptor descriptor;
  const KernelMetadata* metadata = nullptr;  // null where the note does not have it
};

class CodeObject {
 public:
  // Keeps views into `bytes`.
  static Result<CodeObject> parse(std::span<const std::byte> bytes);

  [[nodiscard]] Arch arch() const { return arch_; }
  [[nodiscard]] std::string_view processor() const { return processor_; }  // "gfx1036"
  [[nodiscard]] int version() const { return version_; }                   // of code objects: 3, 4, 5
  [[nodiscard]] bool relocatable() const { return relocatable_; }  // an object file that is not linked
  [[nodiscard]] std::span<const Segment> segments() const { return segments_; }
  [[nodiscard]] std::span<const Section> sections() const { return sections_; }
  // The dynamic symbols; all symbols where there are none of these.
  [[nodiscard]] std::span<const Symbol> symbols() const { return symbols_; }
  // The symbols of the full table, local ones too, where it is there.
  [[nodiscard]] std::span<const Symbol> all_symbols() const {
    return all_symbols_.empty() ? symbols_ : all_symbols_;
  }
  [[nodiscard]] std::span<const Relocation> relocations() const { return relocations_; }
  [[nodiscard]] std::span<const Kernel> kernels() const { return kernels_; }
  [[nodiscard]] const std::string& metadata_text() const { return metadata_text_; }  // JSON, or empty

  // Of all symbols.
  [[nodiscard]] const Symbol* find(std::string_view name) const;
  [[nodiscard]] const Kernel* find_kernel(std::string_view name) const;
  // The file's bytes behind a virtual address; empty unless all of them are in one segment's file part.
  [[nodiscard]] std::span<const std::byte> at(uint64_t va, uint64_t size) const;

  CodeObject(CodeObject&&) = default;
  CodeObject& operator=(CodeObject&&) = default;

 private:
  friend class CodeObjectReader;
  CodeObject() = default;

  std::span<const std::byte> bytes_;
  Arch arch_{};
  std::string_view processor_;
  int version_ = 0;
  bool relocatable_ = false;
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_, all_symbols_;
  std::vector<Relocation> relocations_;
  std::vector<KernelMetadata> metadata_;
  std::vector<Kernel> kernels_;
  std::string metadata_text_;
};

// EF_AMDGPU_MACH, the low byte of e_flags.
struct Machine {
  std::string_view name;
  uint8_t number;
  Arch arch;
};
std::span<const Machine> machines();

}  // namespace doorbell::amd
