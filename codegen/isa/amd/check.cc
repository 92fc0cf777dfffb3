// Rules between operands that encodings do not show. Sources: RDNA2 ISA, "Constant bus restrictions" and
// RDNA3 ISA, "VOPD: Dual Issue", "VGPR bank restrictions"; limits as llvm-mc-19 enforces them.
#include <algorithm>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/layout.h"

namespace doorbell::amd {
namespace {

// Scalar values that an instruction reads: distinct registers, a literal, specials. Inline constants are
// free.
struct Bus {
  std::array<Operand, 8> values{};
  size_t count = 0;

  void add(const Operand& x) {
    const bool scalar_value =
        x.kind == Operand::Kind::sgpr || x.kind == Operand::Kind::literal || x.kind == Operand::Kind::special;
    if (!scalar_value || (x.kind == Operand::Kind::sgpr && x.index == scalar::null)) return;
    if (std::find(values.begin(), values.begin() + count, x) == values.begin() + count) values[count++] = x;
  }
};

// VOPD: destinations of different parity; sources of one position from different banks, of which there are
// four, and two for the third source (the accumulator of v_dual_fmac, the addend of v_dual_fmamk).
Status check_banks(const Inst& inst, const Row& first, const Row& second, Target target, Rules rules) {
  constexpr size_t positions = 4;  // the destination, then sources
  const auto registers = [&](const Row& row, size_t at) {
    std::array<Operand, positions> list{};
    size_t n = 0;
    for (size_t i = 0; i < row.count && n < positions; ++i) list[n++] = inst.operands[at + i];
    if (row.operands[0].reads && n < positions) list[n] = inst.operands[at];
    return list;
  };
  const auto x = registers(first, 0), y = registers(second, vopd_second);
  constexpr unsigned masks[positions] = {1, 3, 3, 1};
  for (size_t i = 0; i < positions; ++i) {
    if (i != 0 && rules == Rules::silicon && x[i] == y[i]) continue;
    if (x[i].kind == Operand::Kind::vgpr && y[i].kind == Operand::Kind::vgpr &&
        (x[i].index & masks[i]) == (y[i].index & masks[i]))
      return error("{}: v{} and v{} share a bank of VGPRs", name(target.arch), x[i].index, y[i].index);
  }
  return success();
}

Status check_memory_and_waits(const Inst& inst, const Row& row, Target target) {
  if (row.format == Format::smem && row.name.find("buffer") != row.name.npos && inst.mods.offset < 0)
    return error("{}: the offset of a buffer is not negative", name(target.arch));
  if (row.format == Format::mubuf && inst.mods.tfe && !row.operands[0].writes)
    return error("{}: a store has no tfe", name(target.arch));
  if (target.arch != Arch::gfx1030 && row.format == Format::sopk && row.unit == Unit::wait &&
      inst.operands[0].index != scalar::null)
    return error("{}: {} waits for null and a number", name(target.arch), row.name);
  return success();
}

}  // namespace

Status check(const Inst& inst, Target target, Rules rules) {
  const Row& r = row(inst);
  if (!is_vop(r.format)) return check_memory_and_waits(inst, r, target);
  if (inst.operands[0].kind != Operand::Kind::none && r.format != Format::vop1 &&
      r.name.find("rev_") != r.name.npos)
    for (const Operand& x : inst.operands)
      if (x == special_source(special::lds_direct))
        return error("{}: {} exchanges its sources and cannot read lds_direct", name(target.arch), r.name);
  // RDNA2 and RDNA3 ISA, V_READLANE_B32: the lane is an SGPR, M0 or an inline constant.
  if ((r.name == "v_readlane_b32" || r.name == "v_writelane_b32") &&
      inst.operands[2].kind == Operand::Kind::literal)
    return error("{}: the lane of {} is no literal", name(target.arch), r.name);
  Bus bus;
  for (size_t i = 0; i < r.count; ++i)
    if (r.operands[i].reads && r.operands[i].slot != Slot::vdst) bus.add(inst.operands[i]);
  if (r.reads & implicit::vcc) bus.add(sgpr(scalar::vcc, target.wave / 32));
  if (r.format == Format::vopd) {
    const Row& second = row(inst.op_y);
    for (size_t i = 0; i < second.count; ++i)
      if (second.operands[i].reads && second.operands[i].slot != Slot::vdst)
        bus.add(inst.operands[vopd_second + i]);
    if (second.reads & implicit::vcc) bus.add(sgpr(scalar::vcc));
    TRY(check_banks(inst, r, second, target, rules));
  }
  // From gfx10 on two scalar values, but one for the 64-bit shifts.
  const bool narrow = r.name.starts_with("v_lshlrev_b64") || r.name.starts_with("v_lshrrev_b64") ||
                      r.name.starts_with("v_ashrrev_i64");
  const size_t limit = narrow ? 1 : 2;
  if (bus.count > limit)
    return error("{}: {} reads {} scalar values, and the constant bus carries {}", name(target.arch),
                 r.name_in(target.arch), bus.count, limit);
  return success();
}

}  // namespace doorbell::amd
