// Which layout a row has, and which of its fields.
#include "codegen/isa/amd/layout.h"

#include "hal/base/result.h"

namespace doorbell::amd::fields {
namespace {

constexpr Use all{~0u, 0}, none{0, 0}, loose{0, ~0u};

Use used_if(bool condition, Use otherwise) { return condition ? all : otherwise; }

bool is_cache_control(const Row& row) { return row.count == 0; }

// gfx10's loads of up to a dword, except FLAT's, may write LDS instead of registers (the lds bit).
bool loads_to_lds(const Row& row) {
  const int opcode = row.opcode[static_cast<size_t>(Arch::gfx1030)];
  const bool memory =
      row.format == Format::global || row.format == Format::scratch || row.format == Format::mubuf;
  return memory && ((opcode == 0 && row.format == Format::mubuf) || (opcode >= 0x08 && opcode <= 0x0c));
}

// Modifiers of VOP3 and VOP3P.
Use vop3_modifier(const Row& row, Encoding e, Arch arch, Bits b) {
  const bool gfx11 = arch != Arch::gfx1030;
  const uint32_t floats = gfx11 ? row.float_sources11 : row.float_sources;
  const uint32_t selects = gfx11 ? row.op_sel11 : row.op_sel;
  const bool packed = row.format == Format::vop3p, matrix = row.unit == Unit::matrix;
  const bool halves = matrix && row.operands[0].bits == 16;
  const uint32_t missing = 7u & ~row.sources;
  const bool dpp = is_extended(e);
  switch (b) {
    case neg:
      if (packed) return {row.sources, 0};
      // LLVM writes sext() of integers that stand beside floats, or are selected halves with DPP.
      if (selects != 0 ? dpp : floats != 0 && row.format != Format::vopc) return {row.sources, 0};
      return {floats, selects != 0 ? row.sources & ~floats : 0u};
    case abs:
      return {floats,
              selects != 0 || (floats != 0 && row.format != Format::vopc) ? row.sources & ~floats : 0u};
    case neg_hi: return {row.sources, 0};
    case op_sel:
      if (packed) return {matrix && !halves ? 0u : row.sources, 0};
      if (selects == 0 && row.sources == 0 && row.format != Format::vop1) return none;
      return {selects, selects == 0 ? 15u : selects & 8 ? row.sources & ~selects : 15u & ~selects};
    case op_sel_hi: return matrix && !halves ? loose : Use{row.sources, missing};
    case clamp: return used_if(packed ? !matrix || row.operands[0].data == Data::i : row.clamp, none);
    case omod: return used_if(row.omod, none);
    default: return none;
  }
}

Use extension_field(const Row& row, Encoding e, Bits b) {
  const uint32_t floats = row.float_sources;
  const auto source = [&](uint32_t bit, bool wants_float) {
    return (row.sources & bit) && ((floats & bit) != 0) == wants_float ? all : none;
  };
  switch (b) {
    case dpp_mods: {
      if (in_vop3(row, e) || row.format == Format::vop3p) return loose;
      if (row.format == Format::vop2 && !row.sdwa && floats == 0) return loose;  // v_dot4c
      // Two bits a source: neg and abs of floats. Of integers beside floats, and of halves: sext, and an
      // ignored one.
      const uint32_t integers =
          row.true16 || (floats != 0 && row.format != Format::vopc) ? row.sources & ~floats : 0u;
      const auto spread = [](uint32_t set) { return (set & 1) | (set & 2) << 1; };
      return {spread(floats) * 3 | spread(integers), spread(integers) << 1};
    }
    case src0_mods: return source(1, true);
    case src0_sext: return source(1, false);
    case src1_mods: return source(2, true);
    case src1_sext: return source(2, false);
    case src1_sel:
    case src1_scalar: return used_if(row.sources & 2, none);
    case clamp: return all;
    case omod:
      return used_if(row.omod && (row.operands[0].data == Data::f || row.operands[0].data == Data::bf), none);
    case sdwa_sdst: return used_if(has(row, Slot::sdst), loose);
    case sdwa_has_sdst: return used_if(has(row, Slot::sdst), none);
    default: return all;
  }
}

}  // namespace

bool has_encoding(const Row& row, Encoding e, Arch arch) {
  if (!row.in(arch)) return false;
  const bool gfx10 = arch == Arch::gfx1030;
  switch (e) {
    case base: return true;
    case vop3: return row.e64;
    case sdwa: return gfx10 && row.sdwa;
    case dpp16:
    case dpp8:
      return row.dpp && row.format != Format::vop3 && row.format != Format::vop3p &&
             !(gfx10 && (row.format == Format::vopc || !row.dpp10));
    case vop3_dpp16:
    case vop3_dpp8:
      return !gfx10 && row.dpp && (row.e64 || row.format == Format::vop3 || row.format == Format::vop3p);
  }
  return false;
}

const Layout& layout_of(const Row& row, Encoding e, Arch arch) {
  const Format format = in_vop3(row, e) && row.format != Format::vop3p ? Format::vop3 : row.format;
  for (const Layout& l : layouts)
    if (l.format == format && (l.gens & generation(arch)) &&
        l.carry == (format == Format::vop3 && has(row, Slot::sdst2)))
      return l;
  DOORBELL_CHECK(false, "{} has no layout", row.name);
}

const Extension& extension_of(const Row& row, Encoding e) {
  for (const Extension& x : extensions)
    if (x.encoding == without_vop3(e) && x.comparison == (x.encoding == sdwa && row.format == Format::vopc))
      return x;
  DOORBELL_CHECK(false, "{} has no extension", row.name);
}

Use use_of(const Row& row, Encoding e, Arch arch, Bits b) {
  const bool vop = is_vop(row.format), long_vop = in_vop3(row, e) || row.format == Format::vop3p;
  const bool strict = vop || row.format == Format::ds;  // unused fields must be zero
  const auto slot = [&](Slot s) { return used_if(has(row, s), strict ? none : loose); };
  switch (b) {
    case opcode:
    case opcode_y: return all;
    case sdst: return slot(Slot::sdst);
    case ssrc0: return slot(Slot::ssrc0);
    case ssrc1: return slot(Slot::ssrc1);
    case simm16: return used_if(has(row, Slot::simm16), none);
    case sdata: return slot(Slot::sdata);
    case sbase: return slot(Slot::sbase);
    case soffset: return slot(Slot::soffset);
    case vdst:
      if (row.format == Format::vopc) return used_if(has(row, Slot::sdst), loose);
      return slot(Slot::vdst);
    case sdst2: return slot(Slot::sdst2);
    case src0: return used_if(has(row, Slot::src0), long_vop || row.format != Format::vop1 ? none : loose);
    case src1: return slot(Slot::src1);
    case src2: return used_if(has(row, Slot::src2) || has(row, Slot::vcc), none);
    case vdst_y:
    case src0_y:
    case src1_y: return all;  // see the second row of the pair
    case vaddr: return slot(Slot::vaddr);
    case data0: return slot(Slot::data0);
    case data1: return slot(Slot::data1);
    case saddr: return all;  // FLAT's says that there is none
    case vdata: return slot(Slot::vdata);
    case srsrc: return slot(Slot::srsrc);
    case soff: return slot(Slot::soff);
    case neg:
    case abs:
    case neg_hi:
    case op_sel:
    case op_sel_hi: return vop3_modifier(row, e, arch, b);
    case clamp:
    case omod:
      return is_extended(e) && !long_vop ? extension_field(row, e, b) : vop3_modifier(row, e, arch, b);
    case dpp_ctrl:
    case fetch_inactive:
    case bound_ctrl:
    case dpp_mods:
    case bank_mask:
    case row_mask:
    case lanes8:
    case dst_sel:
    case dst_unused:
    case src0_sel:
    case src0_sext:
    case src0_mods:
    case src0_scalar:
    case src1_sel:
    case src1_sext:
    case src1_mods:
    case src1_scalar:
    case sdwa_sdst:
    case sdwa_has_sdst: return extension_field(row, e, b);
    case offset:
      if (row.format == Format::ds) return used_if(row.count != 0 || row.gds_only, none);
      if (row.format == Format::smem) return used_if(has(row, Slot::soffset), loose);
      return used_if(!is_cache_control(row), loose);
    case glc:
    case dlc:
      if (row.format == Format::smem && !(row.operands[0].writes && has(row, Slot::sbase)))
        return arch == Arch::gfx1030 ? loose : none;
      if (b == dlc && row.format == Format::mubuf && row.atomic && arch == Arch::gfx1030) return none;
      return used_if(!is_cache_control(row), none);
    case slc: return used_if(!is_cache_control(row), loose);
    case lds: return used_if(loads_to_lds(row), none);
    case tfe: return used_if(row.format == Format::mubuf && has(row, Slot::vdata) && !row.atomic, none);
    case offen:
    case idxen: return used_if(!is_cache_control(row), none);
    case gds: return used_if(!row.no_gds, none);
    case Bits::format: return all;
    case sve: return used_if(row.format == Format::scratch, none);
    case bits_count: break;
  }
  return none;
}

}  // namespace doorbell::amd::fields
