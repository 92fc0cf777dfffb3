// The structures of ELF64 files. Source: System V ABI, "Object Files".
#pragma once

#include <cstdint>

namespace doorbell::amd::elf {

struct Header {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, phoff, shoff;
  uint32_t flags;
  uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct Segment {
  uint32_t type, flags;
  uint64_t offset, va, pa, file_size, memory_size, align;
};
struct Section {
  uint32_t name, type;
  uint64_t flags, va, offset, size;
  uint32_t link, info;
  uint64_t align, entry_size;
};
struct Symbol {
  uint32_t name;
  uint8_t info, other;
  uint16_t section;
  uint64_t value, size;
};
struct Rela {
  uint64_t offset, info;
  int64_t addend;
};
struct Dynamic {
  int64_t tag;
  uint64_t value;
};
static_assert(sizeof(Header) == 64 && sizeof(Segment) == 56 && sizeof(Section) == 64 &&
              sizeof(Symbol) == 24 && sizeof(Rela) == 24 && sizeof(Dynamic) == 16);

inline constexpr uint16_t machine_amdgpu = 224, type_relocatable = 1, type_dynamic = 3;
inline constexpr uint8_t osabi_hsa = 64;
inline constexpr uint16_t section_absolute = 0xfff1;  // SHN_ABS
enum : uint32_t {
  section_progbits = 1,
  section_symtab = 2,
  section_strtab = 3,
  section_rela = 4,
  section_hash = 5,
  section_dynamic = 6,
  section_note = 7,
  section_nobits = 8,
  section_dynsym = 11,
};
enum : uint32_t { segment_load = 1, segment_dynamic = 2, segment_note = 4 };
inline constexpr uint32_t note_metadata = 32;  // NT_AMDGPU_METADATA, of "AMDGPU"

}  // namespace doorbell::amd::elf
