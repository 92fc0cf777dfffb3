#include "sim/amd/wave/semantics.h"

#include <unordered_map>

#include "sim/amd/wave/memory.h"

namespace doorbell::sim::amd {
namespace {

namespace isa = doorbell::amd;

// What the instruction set has and no compute kernel of ours can use.
struct Refused {
  std::string_view name, why;
};
constexpr Refused refused[] = {
    {"v_illegal", "zeros, which code never reaches, are an instruction that traps"},
    {"ds_ordered_count", "only pixel shaders are ordered"},
    {"ds_add_gs_reg_rtn", "only geometry shaders have stream-out registers"},
    {"ds_sub_gs_reg_rtn", "only geometry shaders have stream-out registers"},
    {"ds_bvh_stack_rtn_b32", "it walks what image_bvh_intersect_ray found, which needs a texture unit"},
};

// Rows that put bits of several sources together: the result is known where any of them is,
// constants left out.
constexpr std::string_view merging[] = {
    "v_and_b32",        "v_dual_and_b32",   "v_or_b32",      "v_bfi_b32",       "v_perm_b32",
    "v_and_or_b32",     "v_or3_b32",        "v_lshl_or_b32", "v_pack_b32_f16",  "v_alignbit_b32",
    "v_alignbyte_b32",  "v_and_b16",        "v_or_b16",      "v_cvt_pk_u8_f32", "v_cvt_pk_rtz_f16_f32",
    "v_cvt_pk_u16_u32", "v_cvt_pk_i16_i32",
};
constexpr std::string_view selecting[] = {"v_cndmask_b32", "v_cndmask_b16", "v_dual_cndmask_b32"};
constexpr std::string_view rising[] = {"v_mad_u64_u32", "v_mad_i64_i32", "v_lshlrev_b64"};

std::vector<Semantics> build() {
  std::unordered_map<std::string_view, size_t> index;
  for (size_t i = 0; i < isa::rows().size(); ++i) index.emplace(isa::rows()[i].name, i);
  std::vector<Semantics> all(isa::rows().size());
  auto bind = [&](std::string_view name, Semantics meaning) {
    auto at = index.find(name);
    DOORBELL_CHECK(at != index.end(), "semantics for {}, which the instruction table lacks", name);
    DOORBELL_CHECK(!all[at->second].run, "two meanings of {}", name);
    all[at->second] = meaning;
  };
  const Simd& best = simd();
  for (const LaneRows& family : best.families) {
    for (size_t i = 0; i < family.count; ++i) {
      const LaneRow& row = family.rows[i];
      bind(row.name, {.run = best.valu,
                      .lanes = row.code.lanes,
                      .saturating = row.saturating.lanes,
                      .fused = row.code.fused});
    }
  }
  for (const ScalarRow& row : salu_rows()) bind(row.name, {.run = run_scalar, .scalar = row.scalar});
  for (const RunRow& row : control_rows()) bind(row.name, {.run = row.run});
  for (const RunRow& row : cross_rows()) bind(row.name, {.run = row.run});
  for (const RunRow& row : gws_rows()) bind(row.name, {.run = row.run});
  for (const RunRow& row : lds_rows()) bind(row.name, {.run = row.run});
  for (const RunRow& row : matrix_rows()) bind(row.name, {.run = row.run});
  for (const RunRow& row : smem_rows()) bind(row.name, {.run = row.run});
  for (size_t i = 0; i < all.size(); ++i) {
    const isa::Row& row = isa::rows()[i];
    if (!all[i].run && is_transfer(static_cast<uint16_t>(i))) all[i].run = run_memory;
    if (Run run = buffer_run(row, false)) all[i].run = run;
    // "v_cmpx_lt_f32" compares as "v_cmp_lt_f32" does, "v_dual_add_f32" adds as "v_add_f32" does.
    std::string base(row.name);
    if (base.starts_with("v_cmpx_")) base.erase(5, 1);
    if (base.starts_with("v_dual_")) base.erase(2, 5);
    if (!all[i].run && base != row.name) {
      if (auto at = index.find(base); at != index.end()) all[i] = all[at->second];
    }
  }
  // "s_add_f32" computes as "v_add_f32" does.
  for (size_t i = 0; i < all.size(); ++i) {
    std::string name(isa::rows()[i].name);
    if (all[i].run || !name.starts_with("s_")) continue;
    name = name == "s_cvt_hi_f32_f16" ? "v_cvt_f32_f16" : "v_" + name.substr(2);
    if (auto at = index.find(name); at != index.end() && all[at->second].lanes) {
      all[i] = all[at->second];
      all[i].run = best.scalar_float;
    }
  }
  for (std::string_view name : merging) all[index.at(name)].validity = Validity::any;
  for (std::string_view name : selecting) all[index.at(name)].validity = Validity::select;
  for (std::string_view name : rising) all[index.at(name)].validity = Validity::rising;
  for (size_t i = 0; i < all.size(); ++i) {
    std::string_view name = isa::rows()[i].name;
    auto has = [&](std::string_view part) { return name.find(part) != name.npos; };
    if (name.starts_with("v_pk_")) all[i].validity = Validity::any;  // halves are independent
    all[i].selects = has("_min") || has("_max") || has("_med3_");
    all[i].divides = has("_rcp_") || has("_rsq_") || has("_log_") || has("_div_fixup_");
  }
  return all;
}

}  // namespace

std::string_view why_refused(isa::Op op) {
  for (const Refused& row : refused) {
    if (row.name == isa::row(op).name) return row.why;
  }
  return {};
}

const Semantics& semantics(isa::Op op) {
  static const auto& all = *new std::vector<Semantics>(build());  // never destroyed
  return all[static_cast<size_t>(op)];
}

}  // namespace doorbell::sim::amd
