// Writes code objects: sections get addresses, then an ELF file that loaders take, as ld.lld makes it from an
// object file. Sources: LLVM, "User Guide for AMDGPU Backend", "ELF Code Object"; System V ABI, "Object
// Files", "Program Loading and Dynamic Linking".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codegen/isa/amd/code_object.h"

namespace doorbell::amd {

// What an object file is made from.
struct Object {
  struct Part {  // a section
    std::string name;
    uint64_t flags = 0;     // 1 write, 2 alloc, 4 execute; without alloc it is left out of memory
    bool has_bytes = true;  // false: .bss
    uint64_t align = 1, size = 0;
    std::optional<uint64_t> asked;  // the address that the source asks for
    uint64_t va = 0;                // what place() gives
    std::vector<std::byte> bytes;
  };
  struct Label {                                  // a symbol
    static constexpr size_t absolute = SIZE_MAX;  // no section's: the offset is a number
    std::string name;
    size_t part = 0;
    uint64_t offset = 0, size = 0;
    uint8_t type = 0, binding = 0, visibility = 0;  // as in Symbol; visibility: 2 hidden, 3 protected
  };
  struct Pointer {  // 64 bits that the loader adds its base to
    size_t part = 0;
    uint64_t offset = 0;
    int64_t target = 0;  // a virtual address
  };
  std::string processor;  // "gfx1100"
  int version = 5;        // of code objects: 4, 5 or 6
  std::vector<Part> parts;
  std::vector<Label> labels;
  std::vector<Pointer> pointers;
  std::vector<uint8_t> metadata;  // MessagePack; empty: no note
  // Where place() puts the sections that loaders read: note, symbols, relocations; and .dynamic.
  uint64_t frame_va = 0, dynamic_va = 0;
};

// Gives each section its address. An error where two that ask for one overlap.
Status place(Object&);
// The file. Sections are placed, and have their bytes.
Result<std::vector<std::byte>> write(const Object&);

inline constexpr uint64_t flag_write = 1, flag_alloc = 2, flag_execute = 4;

}  // namespace doorbell::amd
