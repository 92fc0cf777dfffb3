// The kernel descriptor: 64 bytes in a code object that tell the command processor how to launch a kernel.
// Every field of its register words is a row of a table, with the name of the directive that sets it, so that
// assembler and disassembler agree. Source: LLVM, "User Guide for AMDGPU Backend", "Code Object V3 Kernel
// Descriptor" and "compute_pgm_rsrc1/2/3 for GFX6-GFX12".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "codegen/isa/amd/inst.h"

namespace doorbell::amd {

struct KernelDescriptor {
  uint32_t group_segment_fixed_size = 0;    // bytes of LDS for a workgroup
  uint32_t private_segment_fixed_size = 0;  // bytes of scratch for a work-item
  uint32_t kernarg_size = 0;                // bytes of arguments
  uint32_t reserved0 = 0;
  int64_t kernel_code_entry_byte_offset = 0;  // from the descriptor to the code, which is aligned to 256
  std::array<uint8_t, 20> reserved1{};
  uint32_t compute_pgm_rsrc3 = 0;
  uint32_t compute_pgm_rsrc1 = 0;
  uint32_t compute_pgm_rsrc2 = 0;
  uint16_t kernel_code_properties = 0;
  uint16_t kernarg_preload = 0;
  std::array<uint8_t, 4> reserved2{};
};
static_assert(sizeof(KernelDescriptor) == 64);
static_assert(offsetof(KernelDescriptor, kernel_code_entry_byte_offset) == 16);
static_assert(offsetof(KernelDescriptor, compute_pgm_rsrc3) == 44);
static_assert(offsetof(KernelDescriptor, kernel_code_properties) == 56);

// The words that consist of fields.
enum class DescriptorWord : uint8_t { rsrc1, rsrc2, rsrc3, properties };

struct DescriptorField {
  std::string_view name;       // the guide's, in lower case
  std::string_view directive;  // .amdhsa_<directive>, or empty where none sets it directly
  DescriptorWord word;
  uint8_t at, bits;
  uint8_t initial = 0;  // what the assembler assumes
};

// gfx11 and gfx10 differ in COMPUTE_PGM_RSRC3, and in how scratch is set up.
std::span<const DescriptorField> descriptor_fields(Arch);
// What directives set besides fields of words: bytes of memory, and registers, which descriptors count in
// granules.
struct DescriptorNumber {
  std::string_view directive;
  uint32_t KernelDescriptor::* number;
};
inline constexpr DescriptorNumber descriptor_numbers[] = {
    {"group_segment_fixed_size", &KernelDescriptor::group_segment_fixed_size},
    {"private_segment_fixed_size", &KernelDescriptor::private_segment_fixed_size},
    {"kernarg_size", &KernelDescriptor::kernarg_size},
};
// As assemblers begin: with the initial value of each field.
KernelDescriptor initial_descriptor(Arch);
// The user SGPRs that the enabled fields ask for.
uint32_t user_sgprs(const KernelDescriptor&);
void set_vgpr_count(KernelDescriptor&, uint32_t count);

uint32_t get(const KernelDescriptor&, const DescriptorField&);
void set(KernelDescriptor&, const DescriptorField&, uint32_t value);

// The registers that GRANULATED_WORKITEM_VGPR_COUNT stands for: units of 8 in wave32, 4 in wave64.
int vgpr_count(const KernelDescriptor&);
bool is_wave32(const KernelDescriptor&);

}  // namespace doorbell::amd
