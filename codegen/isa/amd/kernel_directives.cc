// What an assembly file says of kernels: descriptors and metadata. Source: LLVM, "User Guide for AMDGPU
// Backend", "AMDHSA Kernel Assembler Directives"; limits as llvm-mc-19 enforces them.
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "codegen/isa/amd/assembler.h"
#include "codegen/isa/amd/metadata.h"

namespace doorbell::amd {

Status Assembler::begin_kernel(size_t) {
  if (!arch_) return fail(directive_at_, "expected .amdgcn_target before .amdhsa_kernel (or --arch)");
  kernel_ = KernelBlock{TRY(name_here()), initial_descriptor(*arch_), {}, {}, {}, {}};
  wave_of_kernel_.emplace(kernel_->name, 32);
  return end_of_line();
}

Status Assembler::kernel_directive(std::string_view name, size_t at) {
  if (name == ".end_amdhsa_kernel") {
    TRY(end_of_line());
    return end_kernel(at);
  }
  KernelBlock& k = *kernel_;
  constexpr std::string_view prefix = ".amdhsa_";
  if (!name.starts_with(prefix))
    return fail(at, fmt::format("expected .end_amdhsa_kernel, found `{}`", name));
  const std::string_view what = name.substr(prefix.size());
  if (!k.seen.insert(std::string(what)).second)
    return fail(at, fmt::format("{} stands twice in {}", name, k.name));
  const auto take = [&](uint64_t limit) -> Result<uint32_t> {
    const uint64_t v = TRY(count(limit));
    TRY(end_of_line());
    return static_cast<uint32_t>(v);
  };
  for (const DescriptorNumber& n : descriptor_numbers)
    if (what == n.directive) {
      k.descriptor.*n.number = TRY(take(UINT32_MAX));
      return success();
    }
  if (what == "next_free_vgpr") {
    k.next_free_vgpr = TRY(take(256));
    return success();
  }
  if (what == "next_free_sgpr") {
    k.next_free_sgpr = TRY(take(106));
    return success();
  }
  // From gfx10 on waves have all SGPRs, and gfx11's scratch takes none of them.
  const bool scratch_registers = *arch_ == Arch::gfx1030;
  if (what == "reserve_vcc" || (what == "reserve_flat_scratch" && scratch_registers)) {
    (void)TRY(take(1));
    return success();
  }
  if (what == "reserve_xnack_mask") {
    (void)TRY(take(0));
    return success();
  }
  // A field has the name of its directive; those that no directive sets, their own.
  for (const DescriptorField& f : descriptor_fields(*arch_)) {
    if (what != (f.directive.empty() ? f.name : f.directive)) continue;
    const uint32_t v = TRY(take((uint64_t{1} << f.bits) - 1));
    if (what == "user_sgpr_count") k.user_sgpr_count = v;
    if (what == "wavefront_size32" && first_) {
      const uint8_t wave = v ? 32 : 64;
      if (wave_of_kernel_.size() == 1) wave_before_kernels_ = wave;
      learned_ |= std::exchange(wave_of_kernel_[k.name], wave) != wave;
    }
    set(k.descriptor, f, v);
    return success();
  }
  return fail(at, fmt::format("expected a directive of kernels for {}, found `{}`", amd::name(*arch_), name));
}

Status Assembler::end_kernel(size_t at) {
  KernelBlock k = std::move(*kernel_);
  kernel_.reset();
  if (!k.next_free_vgpr) return fail(at, "expected .amdhsa_next_free_vgpr before the kernel ends");
  if (!k.next_free_sgpr) return fail(at, "expected .amdhsa_next_free_sgpr before the kernel ends");
  set_vgpr_count(k.descriptor, *k.next_free_vgpr);
  const uint32_t implied = user_sgprs(k.descriptor);
  if (k.user_sgpr_count.value_or(implied) < implied)
    return fail(at,
                fmt::format("expected .amdhsa_user_sgpr_count of {} or more, as what is enabled takes them",
                            implied));
  for (const DescriptorField& f : descriptor_fields(*arch_)) {
    if (f.directive == "user_sgpr_count" && !k.user_sgpr_count) {
      if (implied > 16) return fail(at, fmt::format("expected at most 16 user SGPRs, found {}", implied));
      set(k.descriptor, f, implied);
    }
    // Both halves of a wave64 share them: in units of 8, beside those of the count, 512 at most.
    if (f.directive == "shared_vgpr_count" && get(k.descriptor, f) != 0) {
      if (is_wave32(k.descriptor))
        return fail(at, "expected no .amdhsa_shared_vgpr_count with waves of 32 lanes");
      if (get(k.descriptor, f) * 2 + (k.descriptor.compute_pgm_rsrc1 & 63) > 63)
        return fail(at, "expected fewer VGPRs: shared ones and others are more than there are");
    }
  }
  const std::optional<Value> code = value(k.name);
  if (!code || code->base == Value::absolute)
    return fail(at, fmt::format("expected a label `{}`, the kernel's code", k.name));
  TRY(located(at, sections_.align(64, 0, 1, UINT64_MAX, 0)));
  k.descriptor.kernel_code_entry_byte_offset = code->value - address(sections_.here());
  SymbolState& s = symbols_[k.name + ".kd"];
  if (s.place || s.value) return fail(at, fmt::format("kernel {} has two descriptors", k.name));
  s.place = sections_.here();
  s.size = sizeof(KernelDescriptor);
  s.type = symbol_object;
  s.kernel = k.name;
  return located(at, sections_.put(std::as_bytes(std::span(&k.descriptor, 1))));
}

Status Assembler::end_metadata() {
  const std::string text = std::move(*metadata_);
  metadata_.reset();
  const Result<nlohmann::json> json = metadata_from_text(text);
  if (json) {
    object_.metadata = nlohmann::json::to_msgpack(*json);
    const Result<nlohmann::json> note = metadata_from_note(std::as_bytes(std::span(object_.metadata)));
    if (!note) return error("{}:1: {}", metadata_line_ + 1, note.error().message);
    return success();
  }
  // "line L, column C: ...", counted from the block's first line.
  std::string_view s = json.error().message;
  size_t line = 1, column = 1;
  s.remove_prefix(std::min(s.size(), std::string_view("line ").size()));
  const char* end = std::from_chars(s.data(), s.data() + s.size(), line).ptr;
  s.remove_prefix(static_cast<size_t>(end - s.data()));
  s.remove_prefix(std::min(s.size(), std::string_view(", column ").size()));
  end = std::from_chars(s.data(), s.data() + s.size(), column).ptr;
  s.remove_prefix(std::min(s.size(), static_cast<size_t>(end - s.data()) + 2));
  return error("{}:{}: {}", metadata_line_ + line, column, s);
}

}  // namespace doorbell::amd
