#include "codegen/isa/amd/descriptor.h"

namespace doorbell::amd {
namespace {

using enum DescriptorWord;

// clang-format off
#define SHARED_FIELDS \
  {"granulated_workitem_vgpr_count",        "", rsrc1, 0, 6}, \
  {"granulated_wavefront_sgpr_count",       "", rsrc1, 6, 4}, \
  {"priority",                              "", rsrc1, 10, 2}, \
  {"float_round_mode_32",                   "float_round_mode_32", rsrc1, 12, 2}, \
  {"float_round_mode_16_64",                "float_round_mode_16_64", rsrc1, 14, 2}, \
  {"float_denorm_mode_32",                  "float_denorm_mode_32", rsrc1, 16, 2}, \
  {"float_denorm_mode_16_64",               "float_denorm_mode_16_64", rsrc1, 18, 2, 3}, \
  {"priv",                                  "", rsrc1, 20, 1}, \
  {"enable_dx10_clamp",                     "dx10_clamp", rsrc1, 21, 1, 1}, \
  {"debug_mode",                            "", rsrc1, 22, 1}, \
  {"enable_ieee_mode",                      "ieee_mode", rsrc1, 23, 1, 1}, \
  {"bulky",                                 "", rsrc1, 24, 1}, \
  {"cdbg_user",                             "", rsrc1, 25, 1}, \
  {"fp16_ovfl",                             "fp16_overflow", rsrc1, 26, 1}, \
  {"wgp_mode",                              "workgroup_processor_mode", rsrc1, 29, 1, 1}, \
  {"mem_ordered",                           "memory_ordered", rsrc1, 30, 1, 1}, \
  {"fwd_progress",                          "forward_progress", rsrc1, 31, 1}, \
  {"user_sgpr_count",                       "user_sgpr_count", rsrc2, 1, 5}, \
  {"enable_trap_handler",                   "", rsrc2, 6, 1}, \
  {"enable_sgpr_workgroup_id_x",            "system_sgpr_workgroup_id_x", rsrc2, 7, 1, 1}, \
  {"enable_sgpr_workgroup_id_y",            "system_sgpr_workgroup_id_y", rsrc2, 8, 1}, \
  {"enable_sgpr_workgroup_id_z",            "system_sgpr_workgroup_id_z", rsrc2, 9, 1}, \
  {"enable_sgpr_workgroup_info",            "system_sgpr_workgroup_info", rsrc2, 10, 1}, \
  {"enable_vgpr_workitem_id",               "system_vgpr_workitem_id", rsrc2, 11, 2}, \
  {"enable_exception_address_watch",        "", rsrc2, 13, 1}, \
  {"enable_exception_memory",               "", rsrc2, 14, 1}, \
  {"granulated_lds_size",                   "", rsrc2, 15, 9}, \
  {"enable_exception_ieee_754_fp_invalid_operation", "exception_fp_ieee_invalid_op", rsrc2, 24, 1}, \
  {"enable_exception_fp_denormal_source",   "exception_fp_denorm_src", rsrc2, 25, 1}, \
  {"enable_exception_ieee_754_fp_division_by_zero", "exception_fp_ieee_div_zero", rsrc2, 26, 1}, \
  {"enable_exception_ieee_754_fp_overflow", "exception_fp_ieee_overflow", rsrc2, 27, 1}, \
  {"enable_exception_ieee_754_fp_underflow", "exception_fp_ieee_underflow", rsrc2, 28, 1}, \
  {"enable_exception_ieee_754_fp_inexact",  "exception_fp_ieee_inexact", rsrc2, 29, 1}, \
  {"enable_exception_int_divide_by_zero",   "exception_int_div_zero", rsrc2, 30, 1}
#define PROPERTY_FIELDS \
  {"enable_sgpr_dispatch_ptr",              "user_sgpr_dispatch_ptr", properties, 1, 1}, \
  {"enable_sgpr_queue_ptr",                 "user_sgpr_queue_ptr", properties, 2, 1}, \
  {"enable_sgpr_kernarg_segment_ptr",       "user_sgpr_kernarg_segment_ptr", properties, 3, 1}, \
  {"enable_sgpr_dispatch_id",               "user_sgpr_dispatch_id", properties, 4, 1}, \
  {"enable_sgpr_private_segment_size",      "user_sgpr_private_segment_size", properties, 6, 1}, \
  {"enable_wavefront_size32",               "wavefront_size32", properties, 10, 1, 1}, \
  {"uses_dynamic_stack",                    "uses_dynamic_stack", properties, 11, 1}

// What scratch is reached with differs: gfx11's waves have its address in a register of their own.
constexpr DescriptorField fields10[] = {
  {"enable_sgpr_private_segment_buffer",    "user_sgpr_private_segment_buffer", properties, 0, 1},
  {"enable_sgpr_flat_scratch_init",         "user_sgpr_flat_scratch_init", properties, 5, 1},
  {"enable_private_segment",                "system_sgpr_private_segment_wavefront_offset", rsrc2, 0, 1},
  SHARED_FIELDS,
  {"shared_vgpr_count",                     "shared_vgpr_count", rsrc3, 0, 4},
  PROPERTY_FIELDS,
};
constexpr DescriptorField fields11[] = {
  {"enable_sgpr_private_segment_buffer",    "", properties, 0, 1},
  {"enable_sgpr_flat_scratch_init",         "", properties, 5, 1},
  {"enable_private_segment",                "enable_private_segment", rsrc2, 0, 1},
  SHARED_FIELDS,
  {"shared_vgpr_count",                     "shared_vgpr_count", rsrc3, 0, 4},
  {"inst_pref_size",                        "", rsrc3, 4, 6},
  {"trap_on_start",                         "", rsrc3, 10, 1},
  {"trap_on_end",                           "", rsrc3, 11, 1},
  {"image_op",                              "", rsrc3, 31, 1},
  PROPERTY_FIELDS,
};
// clang-format on

uint32_t word_of(const KernelDescriptor& d, DescriptorWord w) {
  switch (w) {
    case rsrc1: return d.compute_pgm_rsrc1;
    case rsrc2: return d.compute_pgm_rsrc2;
    case rsrc3: return d.compute_pgm_rsrc3;
    case properties: return d.kernel_code_properties;
  }
  return 0;
}

constexpr uint32_t mask_of(const DescriptorField& f) { return ((uint32_t{1} << f.bits) - 1) << f.at; }

}  // namespace

std::span<const DescriptorField> descriptor_fields(Arch a) {
  return a == Arch::gfx1030 ? std::span<const DescriptorField>(fields10)
                            : std::span<const DescriptorField>(fields11);
}

uint32_t get(const KernelDescriptor& d, const DescriptorField& f) {
  return (word_of(d, f.word) & mask_of(f)) >> f.at;
}

void set(KernelDescriptor& d, const DescriptorField& f, uint32_t value) {
  const uint32_t w = (word_of(d, f.word) & ~mask_of(f)) | (value << f.at & mask_of(f));
  switch (f.word) {
    case rsrc1: d.compute_pgm_rsrc1 = w; break;
    case rsrc2: d.compute_pgm_rsrc2 = w; break;
    case rsrc3: d.compute_pgm_rsrc3 = w; break;
    case properties: d.kernel_code_properties = static_cast<uint16_t>(w); break;
  }
}

KernelDescriptor initial_descriptor(Arch arch) {
  KernelDescriptor d;
  for (const DescriptorField& f : descriptor_fields(arch)) set(d, f, f.initial);
  return d;
}

// LLVM, "compute_pgm_rsrc2", USER_SGPR_COUNT, and "Initial Kernel Execution State".
uint32_t user_sgprs(const KernelDescriptor& d) {
  constexpr uint8_t sizes[] = {4, 2, 2, 2, 2, 2, 1};  // by bit of the properties
  uint32_t n = 0;
  for (size_t i = 0; i < std::size(sizes); ++i) n += (d.kernel_code_properties >> i & 1) * sizes[i];
  return n;
}

void set_vgpr_count(KernelDescriptor& d, uint32_t count) {
  const uint32_t granule = is_wave32(d) ? 8 : 4;
  const uint32_t blocks = count == 0 ? 0 : (count - 1) / granule;
  d.compute_pgm_rsrc1 = (d.compute_pgm_rsrc1 & ~63u) | (blocks & 63);
}

bool is_wave32(const KernelDescriptor& d) { return d.kernel_code_properties >> 10 & 1; }
int vgpr_count(const KernelDescriptor& d) {
  return (static_cast<int>(d.compute_pgm_rsrc1 & 63) + 1) * (is_wave32(d) ? 8 : 4);
}

}  // namespace doorbell::amd
