#include "codegen/isa/amd/names.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <vector>

namespace doorbell::amd::names {
namespace {

bool is_gfx10(Target t) { return t.arch == Arch::gfx1030; }

struct Register {
  std::string_view name;
  uint16_t index;
  uint8_t dwords;
};
constexpr Register registers[] = {
    {"vcc", scalar::vcc, 2},   {"vcc_lo", scalar::vcc, 1},   {"vcc_hi", scalar::vcc_hi, 1},
    {"exec", scalar::exec, 2}, {"exec_lo", scalar::exec, 1}, {"exec_hi", scalar::exec_hi, 1},
    {"m0", scalar::m0, 1},     {"null", scalar::null, 0},
};

struct Number {
  std::string_view name;
  uint16_t value;
};
constexpr Number specials[] = {
    {"src_shared_base", special::shared_base},
    {"src_shared_limit", special::shared_limit},
    {"src_private_base", special::private_base},
    {"src_private_limit", special::private_limit},
    {"src_pops_exiting_wave_id", special::pops_exiting_wave_id},
    {"src_vccz", special::vccz},
    {"src_execz", special::execz},
    {"src_scc", special::scc},
    {"src_lds_direct", special::lds_direct},
    // Short spellings that assemblers take as well.
    {"shared_base", special::shared_base},
    {"shared_limit", special::shared_limit},
    {"private_base", special::private_base},
    {"private_limit", special::private_limit},
    {"pops_exiting_wave_id", special::pops_exiting_wave_id},
    {"vccz", special::vccz},
    {"execz", special::execz},
    {"scc", special::scc},
    {"lds_direct", special::lds_direct},
};

std::string_view name_of(std::span<const Number> list, uint32_t value) {
  for (const Number& n : list)
    if (n.value == value) return n.name;
  return {};
}
std::optional<uint16_t> value_of(std::span<const Number> list, std::string_view name) {
  for (const Number& n : list)
    if (n.name == name) return n.value;
  return std::nullopt;
}

// RDNA2 ISA, "Hardware Register Values"; RDNA3 ISA, same table.
constexpr Number hwregs10[] = {
    {"HW_REG_MODE", 1},          {"HW_REG_STATUS", 2},        {"HW_REG_TRAPSTS", 3},
    {"HW_REG_GPR_ALLOC", 5},     {"HW_REG_LDS_ALLOC", 6},     {"HW_REG_IB_STS", 7},
    {"HW_REG_SH_MEM_BASES", 15}, {"HW_REG_TBA_LO", 16},       {"HW_REG_TBA_HI", 17},
    {"HW_REG_TMA_LO", 18},       {"HW_REG_TMA_HI", 19},       {"HW_REG_FLAT_SCR_LO", 20},
    {"HW_REG_FLAT_SCR_HI", 21},  {"HW_REG_HW_ID1", 23},       {"HW_REG_HW_ID2", 24},
    {"HW_REG_POPS_PACKER", 25},  {"HW_REG_SHADER_CYCLES", 29}};
constexpr Number hwregs11[] = {{"HW_REG_MODE", 1},
                               {"HW_REG_STATUS", 2},
                               {"HW_REG_TRAPSTS", 3},
                               {"HW_REG_GPR_ALLOC", 5},
                               {"HW_REG_LDS_ALLOC", 6},
                               {"HW_REG_IB_STS", 7},
                               {"HW_REG_SH_MEM_BASES", 15},
                               {"HW_REG_PERF_SNAPSHOT_PC_LO", 18},
                               {"HW_REG_PERF_SNAPSHOT_PC_HI", 19},
                               {"HW_REG_FLAT_SCR_LO", 20},
                               {"HW_REG_FLAT_SCR_HI", 21},
                               {"HW_REG_HW_ID1", 23},
                               {"HW_REG_HW_ID2", 24},
                               {"HW_REG_PERF_SNAPSHOT_DATA", 27},
                               {"HW_REG_SHADER_CYCLES", 29}};
std::span<const Number> hwregs(Target t) {
  return is_gfx10(t) ? std::span<const Number>(hwregs10) : std::span<const Number>(hwregs11);
}

// RDNA2 and RDNA3 ISA, "S_SENDMSG" and "S_SENDMSG_RTN".
constexpr Number messages10[] = {{"MSG_INTERRUPT", 1},       {"MSG_GS", 2},
                                 {"MSG_GS_DONE", 3},         {"MSG_SAVEWAVE", 4},
                                 {"MSG_STALL_WAVE_GEN", 5},  {"MSG_HALT_WAVES", 6},
                                 {"MSG_ORDERED_PS_DONE", 7}, {"MSG_EARLY_PRIM_DEALLOC", 8},
                                 {"MSG_GS_ALLOC_REQ", 9},    {"MSG_GET_DOORBELL", 10},
                                 {"MSG_GET_DDID", 11},       {"MSG_SYSMSG", 15}};
constexpr Number messages11[] = {
    {"MSG_INTERRUPT", 1},          {"MSG_HS_TESSFACTOR", 2},   {"MSG_DEALLOC_VGPRS", 3},
    {"MSG_STALL_WAVE_GEN", 5},     {"MSG_HALT_WAVES", 6},      {"MSG_GS_ALLOC_REQ", 9},
    {"MSG_RTN_GET_DOORBELL", 128}, {"MSG_RTN_GET_DDID", 129},  {"MSG_RTN_GET_TMA", 130},
    {"MSG_RTN_GET_REALTIME", 131}, {"MSG_RTN_SAVE_WAVE", 132}, {"MSG_RTN_GET_TBA", 133},
    {"MSG_RTN_GET_TBA_TO_PC", 134}};
constexpr Number gs_ops[] = {{"GS_OP_NOP", 0}, {"GS_OP_CUT", 1}, {"GS_OP_EMIT", 2}, {"GS_OP_EMIT_CUT", 3}};
constexpr Number sys_ops[] = {
    {"SYSMSG_OP_ECC_ERR_INTERRUPT", 1}, {"SYSMSG_OP_REG_RD", 2}, {"SYSMSG_OP_TTRACE_PC", 4}};
std::span<const Number> messages(Target t) {
  return is_gfx10(t) ? std::span<const Number>(messages10) : std::span<const Number>(messages11);
}
// gfx10: the message in 4 bits, an operation in 3, a stream in 2. gfx11: the message in 8.
struct Message {
  uint32_t id, op, stream;
};
constexpr uint32_t msg_gs = 2, msg_gs_done = 3, msg_sysmsg = 15;
std::span<const Number> ops_of(uint32_t id, Target t) {
  if (!is_gfx10(t)) return {};
  if (id == msg_gs) return std::span(gs_ops).subspan(1);
  if (id == msg_gs_done) return gs_ops;
  return id == msg_sysmsg ? std::span<const Number>(sys_ops) : std::span<const Number>();
}
bool has_stream(const Message& m) { return (m.id == msg_gs || m.id == msg_gs_done) && m.op != 0; }
uint32_t encode_message(const Message& m, Target t) {
  return is_gfx10(t) ? m.id | m.op << 4 | m.stream << 8 : m.id;
}

// A counter or condition within a 16-bit field.
struct Part {
  std::string_view name;
  uint8_t at, bits;
  uint8_t high_at = 0, high_bits = 0;

  constexpr uint32_t max() const { return (1u << (bits + high_bits)) - 1; }
  constexpr uint32_t get(uint32_t v) const {
    return (v >> at & ((1u << bits) - 1)) | (v >> high_at & ((1u << high_bits) - 1)) << bits;
  }
  constexpr uint32_t set(uint32_t v, uint32_t x) const {
    v &= ~(((1u << bits) - 1) << at | ((1u << high_bits) - 1) << high_at);
    return v | (x & ((1u << bits) - 1)) << at | (x >> bits) << high_at;
  }
};
constexpr Part waits10[] = {{"vmcnt", 0, 4, 14, 2}, {"expcnt", 4, 3}, {"lgkmcnt", 8, 6}};
constexpr Part waits11[] = {{"vmcnt", 10, 6}, {"expcnt", 0, 3}, {"lgkmcnt", 4, 6}};
std::span<const Part> waits(Target t) {
  return is_gfx10(t) ? std::span<const Part>(waits10) : std::span<const Part>(waits11);
}
constexpr Part depctrs[] = {{"depctr_hold_cnt", 7, 1}, {"depctr_sa_sdst", 0, 1}, {"depctr_va_vdst", 12, 4},
                            {"depctr_va_sdst", 9, 3},  {"depctr_va_ssrc", 8, 1}, {"depctr_va_vcc", 1, 1},
                            {"depctr_vm_vsrc", 2, 3}};
constexpr uint32_t depctr_unused = 0x60;

// Those that are not at their maximum, or all where all are.
std::string print_parts(std::span<const Part> parts, uint32_t v) {
  const bool all = std::ranges::all_of(parts, [&](const Part& p) { return p.get(v) == p.max(); });
  std::string s;
  for (const Part& p : parts)
    if (all || p.get(v) != p.max()) s += fmt::format("{}{}({})", s.empty() ? "" : " ", p.name, p.get(v));
  return s;
}
// "vmcnt(0) & expcnt(1)", with blanks, & or commas between; `_sat` values are cut at the maximum.
Result<uint32_t> parse_parts(Text& in, std::span<const Part> parts, uint32_t v) {
  uint32_t seen = 0;
  for (bool first = true;; first = false) {
    in.skip();
    const size_t start = in.at;
    bool separated = in.eat("&") || in.eat(",");
    std::string_view name = in.word();
    if (name.empty()) {
      if (separated || first) return in.fail("a counter");
      in.at = start;
      return v;
    }
    const bool saturates = name.ends_with("_sat");
    if (saturates) name.remove_suffix(4);
    const auto part = std::ranges::find(parts, name, &Part::name);
    if (part == parts.end()) {
      in.at = start;
      return in.fail(parts[0].name == "vmcnt" ? "vmcnt, expcnt or lgkmcnt"
                                              : "a name that begins with depctr_");
    }
    const uint32_t bit = 1u << (part - parts.begin());
    if (seen & bit) return in.fail("each counter once");
    seen |= bit;
    TRY(in.need("("));
    const Text number = in;
    const std::optional<int64_t> n = in.number();
    if (!n || *n < 0 || (!saturates && *n > part->max()))
      return number.fail(fmt::format("0 to {}", part->max()));
    v = part->set(v, static_cast<uint32_t>(std::min<int64_t>(*n, part->max())));
    TRY(in.need(")"));
  }
}

// RDNA3 ISA, "S_DELAY_ALU".
constexpr Number delays[] = {{"NO_DEP", 0},        {"VALU_DEP_1", 1},    {"VALU_DEP_2", 2},
                             {"VALU_DEP_3", 3},    {"VALU_DEP_4", 4},    {"TRANS32_DEP_1", 5},
                             {"TRANS32_DEP_2", 6}, {"TRANS32_DEP_3", 7}, {"FMA_ACCUM_CYCLE_1", 8},
                             {"SALU_CYCLE_1", 9},  {"SALU_CYCLE_2", 10}, {"SALU_CYCLE_3", 11}};
constexpr Number skips[] = {{"SAME", 0},   {"NEXT", 1},   {"SKIP_1", 2},
                            {"SKIP_2", 3}, {"SKIP_3", 4}, {"SKIP_4", 5}};
struct DelayPart {
  std::string_view name;
  int at, bits;
  std::span<const Number> values;
};
constexpr DelayPart delay_parts[] = {
    {"instid0", 0, 4, delays}, {"instskip", 4, 3, skips}, {"instid1", 7, 4, delays}};

// The data formats of buffers in order of their numbers: RDNA2 ISA, "Buffer Image Format Table"; RDNA3 ISA,
// same.
struct FormatGroup {
  std::string_view sizes, kinds10, kinds11;
};
constexpr std::string_view fixed_kinds = "UNORM SNORM USCALED SSCALED UINT SINT",
                           all_kinds = "UNORM SNORM USCALED SSCALED UINT SINT FLOAT",
                           wide_kinds = "UINT SINT FLOAT";
constexpr FormatGroup format_groups[] = {
    {"8", fixed_kinds, fixed_kinds},          {"16", all_kinds, all_kinds},
    {"8_8", fixed_kinds, fixed_kinds},        {"32", wide_kinds, wide_kinds},
    {"16_16", all_kinds, all_kinds},          {"10_11_11", all_kinds, "FLOAT"},
    {"11_11_10", all_kinds, "FLOAT"},         {"10_10_10_2", fixed_kinds, "UNORM SNORM UINT SINT"},
    {"2_10_10_10", fixed_kinds, fixed_kinds}, {"8_8_8_8", fixed_kinds, fixed_kinds},
    {"32_32", wide_kinds, wide_kinds},        {"16_16_16_16", all_kinds, all_kinds},
    {"32_32_32", wide_kinds, wide_kinds},     {"32_32_32_32", wide_kinds, wide_kinds},
};
std::vector<std::string> make_formats(bool gfx10) {
  std::vector<std::string> list{"BUF_FMT_INVALID"};
  for (const FormatGroup& g : format_groups) {
    std::string_view kinds = gfx10 ? g.kinds10 : g.kinds11;
    while (!kinds.empty()) {
      const size_t end = std::min(kinds.find(' '), kinds.size());
      list.push_back(fmt::format("BUF_FMT_{}_{}", g.sizes, kinds.substr(0, end)));
      kinds.remove_prefix(std::min(end + 1, kinds.size()));
    }
  }
  return list;
}
const std::vector<std::string>& formats(Target t) {
  // Never destroyed: threads of an emulated GPU print instructions until the very end of the process.
  static const auto& lists = *new std::array{make_formats(true), make_formats(false)};
  return lists[is_gfx10(t) ? 0 : 1];
}

// DPP_CTRL: RDNA3 ISA, "DPP16".
struct DppRange {
  std::string_view name;
  uint16_t base, first, last;
};
constexpr DppRange dpp_ranges[] = {{"row_shl", 0x100, 1, 15},
                                   {"row_shr", 0x110, 1, 15},
                                   {"row_ror", 0x120, 1, 15},
                                   {"row_share", 0x150, 0, 15},
                                   {"row_xmask", 0x160, 0, 15}};
constexpr Number dpp_words[] = {{"row_mirror", 0x140}, {"row_half_mirror", 0x141}};

constexpr uint32_t quad_mode = 0x8000;

}  // namespace

// LLVM declares some operands otherwise than the guides do: the mask of v_cmp_class_f16 with 32 bits, the
// exponent of v_ldexp_f16 as a half.
bool has_32_bits(const Row& row, const OperandRow& o) {
  return row.name.ends_with("_class_f16") && o.slot == Slot::src1;
}

bool has_narrow_literal(const Row& row, const OperandRow& o) {
  if (has_32_bits(row, o)) return false;
  return o.bits == 16 && o.count == 1 && row.format != Format::sop1 &&
         !(row.format == Format::sop2 && o.data != Data::f);
}

bool has_hex_floats(const Row& row, const OperandRow& o) {
  if (o.bits != 16 || o.count != 1 || o.data == Data::bf || has_32_bits(row, o)) return false;
  return is_vop(row.format) ? o.data != Data::f && row.name != "v_ldexp_f16" : row.format == Format::sopc;
}

bool is_wide(const OperandRow& o, Target t) {
  return o.bits * o.count >= 64 && o.data != Data::mask && !(o.by_wave && t.wave == 64);
}

std::string_view scalar_name(uint16_t index, int dwords) {
  for (const Register& r : registers)
    if (r.index == index && (r.dwords == dwords || r.dwords == 0)) return r.name;
  return "?";
}
std::optional<ScalarName> find_scalar(std::string_view name) {
  for (const Register& r : registers)
    if (r.name == name) return ScalarName{r.index, r.dwords};
  return std::nullopt;
}
std::string_view special_name(uint16_t index) { return name_of(specials, index); }
std::optional<uint16_t> find_special(std::string_view name) { return value_of(specials, name); }

void Text::skip() {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
}
bool Text::eat(std::string_view s) {
  skip();
  if (!text.substr(at).starts_with(s)) return false;
  at += s.size();
  return true;
}
std::string_view Text::word() {
  skip();
  const size_t start = at;
  while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_' ||
                              text[at] == '.' || text[at] == '$'))
    ++at;
  return text.substr(start, at - start);
}
std::optional<int64_t> Text::number() {
  skip();
  const size_t start = at;
  const bool negative = eat("-");
  const int radix = eat("0x") ? 16 : eat("0b") ? 2 : 10;
  uint64_t v = 0;
  const auto [end, code] = std::from_chars(text.data() + at, text.data() + text.size(), v, radix);
  if (code != std::errc()) {
    at = start;
    return std::nullopt;
  }
  at = static_cast<size_t>(end - text.data());
  return static_cast<int64_t>(negative ? 0 - v : v);
}
Error Text::fail(std::string_view expected) const {
  Text rest{text, at};
  rest.skip();
  std::string_view found = Text(rest).word();
  if (found.empty()) found = text.substr(rest.at, 1);
  if (found.empty()) return error("column {}: expected {}, found the end", rest.at + 1, expected);
  return error("column {}: expected {}, found `{}`", rest.at + 1, expected, found);
}
Status Text::need(std::string_view s) {
  if (!eat(s)) return fail(fmt::format("`{}`", s));
  return success();
}

// hwreg(id, offset, size): 6, 5 and 5 bits, the size less one.
std::string print_hwreg(uint32_t v, Target t) {
  const uint32_t id = v & 63, offset = v >> 6 & 31, size = (v >> 11 & 31) + 1;
  const std::string_view known = name_of(hwregs(t), id);
  const std::string name = known.empty() ? fmt::format("{}", id) : std::string(known);
  if (offset == 0 && size == 32) return fmt::format("hwreg({})", name);
  return fmt::format("hwreg({}, {}, {})", name, offset, size);
}
Result<uint32_t> parse_hwreg(Text& in, Target t) {
  if (!in.eat("hwreg")) {
    const std::optional<int64_t> n = in.number();
    if (!n || *n < 0 || *n > 0xffff) return in.fail("hwreg(...) or a number of 16 bits");
    return static_cast<uint32_t>(*n);
  }
  TRY(in.need("("));
  int64_t id = 0, offset = 0, size = 32;
  if (const std::optional<int64_t> n = in.number()) id = *n;
  else {
    const size_t start = in.at;
    const std::optional<uint16_t> known = value_of(hwregs(t), in.word());
    if (!known) {
      in.at = start;
      return in.fail("a hardware register");
    }
    id = *known;
  }
  if (id < 0 || id > 63) return in.fail("a register of 6 bits");
  if (in.eat(",")) {
    const std::optional<int64_t> o = in.number();
    if (!o || *o < 0 || *o > 31) return in.fail("an offset of 0 to 31");
    TRY(in.need(","));
    const std::optional<int64_t> s = in.number();
    if (!s || *s < 1 || *s > 32) return in.fail("a size of 1 to 32");
    offset = *o;
    size = *s;
  }
  TRY(in.need(")"));
  return static_cast<uint32_t>(id | offset << 6 | (size - 1) << 11);
}

std::string print_waitcnt(uint32_t v, Target t) { return print_parts(waits(t), v); }
Result<uint32_t> parse_waitcnt(Text& in, Target t) {
  if (const std::optional<int64_t> n = in.number()) {
    if (*n < -0x8000 || *n > 0xffff) return in.fail("a number of 16 bits");
    return static_cast<uint32_t>(*n & 0xffff);
  }
  uint32_t v = 0;  // what has no counter stays zero
  for (const Part& p : waits(t)) v = p.set(v, p.max());
  return parse_parts(in, waits(t), v);
}

std::string print_depctr(uint32_t v, Target) {
  return v & depctr_unused ? fmt::format("{:#x}", v) : print_parts(depctrs, v);
}
Result<uint32_t> parse_depctr(Text& in, Target) {
  if (const std::optional<int64_t> n = in.number()) {
    if (*n < -0x8000 || *n > 0xffff) return in.fail("a number of 16 bits");
    return static_cast<uint32_t>(*n & 0xffff);
  }
  return parse_parts(in, depctrs, 0xffff & ~depctr_unused);
}

bool is_delay(uint32_t v) {
  return std::ranges::none_of(delay_parts, [&](const DelayPart& p) {
    return name_of(p.values, v >> p.at & ((1u << p.bits) - 1)).empty();
  });
}
std::string print_delay(uint32_t v) {
  std::string s;
  for (const DelayPart& p : delay_parts) {
    const uint32_t n = v >> p.at & ((1u << p.bits) - 1);
    if (n != 0) s += fmt::format("{}{}({})", s.empty() ? "" : " | ", p.name, name_of(p.values, n));
  }
  return s.empty() ? "0" : s;
}
Result<uint32_t> parse_delay(Text& in) {
  if (const std::optional<int64_t> n = in.number()) {
    if (*n < -0x8000 || *n > 0xffff) return in.fail("a number of 16 bits");
    return static_cast<uint32_t>(*n & 0xffff);
  }
  uint32_t v = 0;
  do {
    const size_t start = (in.skip(), in.at);
    const std::string_view name = in.word();
    const auto part = std::ranges::find(delay_parts, name, &DelayPart::name);
    if (part == std::end(delay_parts)) {
      in.at = start;
      return in.fail("instid0, instskip or instid1");
    }
    TRY(in.need("("));
    const std::optional<uint16_t> n = value_of(part->values, in.word());
    if (!n) return in.fail("what s_delay_alu waits for");
    v |= static_cast<uint32_t>(*n) << part->at;
    TRY(in.need(")"));
  } while (in.eat("|"));
  return v;
}

// RDNA3 ISA, "S_VERSION": a number in 13 bits, and flags. A sum of flags is printed with the parentheses of a
// tree.
constexpr Number versions[] = {
    {"UC_VERSION_GFX7", 0}, {"UC_VERSION_GFX10", 4}, {"UC_VERSION_GFX11", 6}, {"UC_VERSION_GFX12", 9}};
constexpr Number version_flags[] = {
    {"UC_VERSION_W64_BIT", 0x2000}, {"UC_VERSION_W32_BIT", 0x4000}, {"UC_VERSION_MDP_BIT", 0x8000}};

std::string print_version(uint32_t v) {
  const uint32_t number = v & 0x1fff;
  if (number > 0xff) return fmt::format("{:#x}", v);
  std::string s(name_of(versions, number));
  if (s.empty()) s = fmt::format("{}", number);
  bool compound = false;
  for (const Number& flag : version_flags)
    if (v & flag.value) {
      s = fmt::format("{}{}{}|{}", compound ? "(" : "", s, compound ? ")" : "", flag.name);
      compound = true;
    }
  return s;
}
// Numbers and names joined by |, in parentheses as one likes.
Result<uint32_t> parse_version(Text& in) {
  uint32_t v = 0;
  int depth = 0;
  do {
    while (in.eat("(")) ++depth;
    if (const std::optional<int64_t> n = in.number()) {
      if (*n < 0 || *n > 0xffff) return in.fail("a number of 16 bits");
      v |= static_cast<uint32_t>(*n);
    } else {
      const size_t start = in.at;
      const std::string_view name = in.word();
      const std::optional<uint16_t> known = value_of(versions, name);
      const std::optional<uint16_t> flag = value_of(version_flags, name);
      if (!known && !flag) {
        in.at = start;
        return in.fail("a number or UC_VERSION_...");
      }
      v |= known ? *known : *flag;
    }
    while (depth > 0 && in.eat(")")) --depth;
  } while (in.eat("|"));
  if (depth != 0) return in.fail("`)`");
  return v;
}

std::string print_message(uint32_t v, Target t) {
  const Message m = is_gfx10(t) ? Message{v & 15, v >> 4 & 7, v >> 8 & 3} : Message{v & 0xff, 0, 0};
  const std::string_view name = name_of(messages(t), m.id);
  const std::span<const Number> ops = ops_of(m.id, t);
  const std::string_view op = name_of(ops, m.op);
  const bool op_fits = ops.empty() ? m.op == 0 : !op.empty();
  if (!name.empty() && op_fits && (m.stream == 0 || has_stream(m))) {
    std::string s = fmt::format("sendmsg({}", name);
    if (!ops.empty()) s += fmt::format(", {}", op);
    if (!ops.empty() && has_stream(m)) s += fmt::format(", {}", m.stream);
    return s + ')';
  }
  if (encode_message(m, t) == v) return fmt::format("sendmsg({}, {}, {})", m.id, m.op, m.stream);
  return fmt::format("{}", v);
}
Result<uint32_t> parse_message(Text& in, Target t) {
  if (const std::optional<int64_t> n = in.number()) {
    if (*n < 0 || *n > 0xffff) return in.fail("a number of 16 bits");
    return static_cast<uint32_t>(*n);
  }
  if (!in.eat("sendmsg")) return in.fail("sendmsg(...) or a number");
  TRY(in.need("("));
  const auto item = [&](std::span<const Number> list, uint32_t limit,
                        std::string_view what) -> Result<uint32_t> {
    if (const std::optional<int64_t> n = in.number()) {
      if (*n < 0 || *n > limit) return in.fail(fmt::format("{} of 0 to {}", what, limit));
      return static_cast<uint32_t>(*n);
    }
    const size_t start = in.at;
    if (const std::optional<uint16_t> known = value_of(list, in.word())) return uint32_t{*known};
    in.at = start;
    return in.fail(what);
  };
  Message m{0, 0, 0};
  m.id = TRY(item(messages(t), is_gfx10(t) ? 15 : 255, "a message"));
  if (in.eat(",")) {
    const std::span<const Number> ops = m.id == msg_sysmsg ? std::span<const Number>(sys_ops) : gs_ops;
    m.op = TRY(item(ops, is_gfx10(t) ? 7 : 0, "an operation"));
    if (in.eat(",")) m.stream = TRY(item({}, is_gfx10(t) ? 3 : 0, "a stream"));
  }
  TRY(in.need(")"));
  return encode_message(m, t);
}

bool is_dpp_ctrl(uint32_t v) {
  if (v <= 0xff || !name_of(dpp_words, v).empty()) return true;
  return std::ranges::any_of(
      dpp_ranges, [&](const DppRange& r) { return v >= r.base + r.first && v <= r.base + r.last; });
}
std::string print_dpp_ctrl(uint32_t v) {
  if (v <= 0xff) return fmt::format("quad_perm:[{},{},{},{}]", v & 3, v >> 2 & 3, v >> 4 & 3, v >> 6 & 3);
  if (const std::string_view name = name_of(dpp_words, v); !name.empty()) return std::string(name);
  for (const DppRange& r : dpp_ranges)
    if (v >= r.base + r.first && v <= r.base + r.last) return fmt::format("{}:{}", r.name, v - r.base);
  return "?";
}
Result<std::optional<uint32_t>> parse_dpp_ctrl(Text& in) {
  in.skip();
  const size_t start = in.at;
  const std::string_view name = in.word();
  if (name == "quad_perm") {
    TRY(in.need(":"));
    TRY(in.need("["));
    uint32_t v = 0;
    for (uint32_t i = 0; i < 4; ++i) {
      if (i != 0) TRY(in.need(","));
      const std::optional<int64_t> lane = in.number();
      if (!lane || *lane < 0 || *lane > 3) return in.fail("a lane of 0 to 3");
      v |= static_cast<uint32_t>(*lane) << (2 * i);
    }
    TRY(in.need("]"));
    return std::optional(v);
  }
  if (const std::optional<uint16_t> v = value_of(dpp_words, name)) return std::optional(uint32_t{*v});
  const auto range = std::ranges::find(dpp_ranges, name, &DppRange::name);
  if (range == std::end(dpp_ranges)) {
    in.at = start;
    return std::optional<uint32_t>();
  }
  TRY(in.need(":"));
  const std::optional<int64_t> n = in.number();
  if (!n || *n < range->first || *n > range->last)
    return in.fail(fmt::format("{} to {}", range->first, range->last));
  return std::optional(static_cast<uint32_t>(range->base + *n));
}

// RDNA3 ISA, "DS_SWIZZLE_B32": four lanes' numbers, or lane' = ((lane & and) | or) ^ xor.
std::string print_swizzle(uint32_t v) {
  if (v == 0) return "";
  if ((v & 0xff00) == quad_mode)
    return fmt::format(" offset:swizzle(QUAD_PERM,{},{},{},{})", v & 3, v >> 2 & 3, v >> 4 & 3, v >> 6 & 3);
  if (v & quad_mode) return fmt::format(" offset:{}", v);
  const uint32_t and_mask = v & 31, or_mask = v >> 5 & 31, xor_mask = v >> 10 & 31;
  if (and_mask == 31 && or_mask == 0 && std::has_single_bit(xor_mask))
    return fmt::format(" offset:swizzle(SWAP,{})", xor_mask);
  if (and_mask == 31 && or_mask == 0 && xor_mask != 0 && std::has_single_bit(xor_mask + 1))
    return fmt::format(" offset:swizzle(REVERSE,{})", xor_mask + 1);
  const uint32_t group = 32 - and_mask;
  if (group > 1 && std::has_single_bit(group) && or_mask < group && xor_mask == 0)
    return fmt::format(" offset:swizzle(BROADCAST,{},{})", group, or_mask);
  const uint32_t zeros = or_mask ^ xor_mask, ones = (and_mask | or_mask) ^ xor_mask;
  std::string s = " offset:swizzle(BITMASK_PERM,\"";
  for (uint32_t bit = 16; bit != 0; bit >>= 1)
    s += zeros & bit ? (ones & bit ? '1' : 'i') : (ones & bit ? 'p' : '0');
  return s + "\")";
}
Result<uint32_t> parse_swizzle(Text& in) {
  TRY(in.need("("));
  const size_t start = (in.skip(), in.at);
  const std::string_view mode = in.word();
  TRY(in.need(","));
  const auto number = [&](int64_t low, int64_t high) -> Result<uint32_t> {
    const std::optional<int64_t> n = in.number();
    if (!n || *n < low || *n > high) return in.fail(fmt::format("{} to {}", low, high));
    return static_cast<uint32_t>(*n);
  };
  uint32_t v = 0;
  if (mode == "QUAD_PERM") {
    v = quad_mode;
    for (uint32_t i = 0; i < 4; ++i) {
      if (i != 0) TRY(in.need(","));
      v |= TRY(number(0, 3)) << (2 * i);
    }
  } else if (mode == "SWAP" || mode == "REVERSE") {
    const bool swap = mode == "SWAP";
    const uint32_t n = TRY(number(swap ? 1 : 2, swap ? 16 : 32));
    if (!std::has_single_bit(n)) return in.fail("a power of two");
    v = 31 | (swap ? n : n - 1) << 10;
  } else if (mode == "BROADCAST") {
    const uint32_t group = TRY(number(2, 32));
    if (!std::has_single_bit(group)) return in.fail("a power of two");
    TRY(in.need(","));
    v = (32 - group) | TRY(number(0, group - 1)) << 5;
  } else if (mode == "BITMASK_PERM") {
    TRY(in.need("\""));
    uint32_t and_mask = 0, or_mask = 0, xor_mask = 0;
    for (uint32_t bit = 16; bit != 0; bit >>= 1) {
      const char c = in.at < in.text.size() ? in.text[in.at] : ' ';
      if (c == 'p' || c == 'i') and_mask |= bit;
      else if (c == '1') or_mask |= bit;
      else if (c != '0') return in.fail("five of 0, 1, p, i");
      if (c == 'i') xor_mask |= bit;
      ++in.at;
    }
    TRY(in.need("\""));
    v = and_mask | or_mask << 5 | xor_mask << 10;
  } else {
    in.at = start;
    return in.fail("QUAD_PERM, BITMASK_PERM, BROADCAST, SWAP or REVERSE");
  }
  TRY(in.need(")"));
  return v;
}

constexpr uint32_t default_format = 1;  // 8_UNORM goes unsaid

std::string print_format(uint32_t v, Target t) {
  if (v == default_format) return "";
  if (const std::string_view name = format_name(v, t); !name.empty())
    return fmt::format(" format:[{}]", name);
  return fmt::format(" format:{}", v);
}
std::string_view format_name(uint32_t v, Target t) {
  return v < formats(t).size() ? std::string_view(formats(t)[v]) : std::string_view();
}
Result<uint32_t> parse_format(Text& in, Target t) {
  if (const std::optional<int64_t> n = in.number()) {
    if (*n < 0 || *n > 127) return in.fail("a format of 0 to 127");
    return static_cast<uint32_t>(*n);
  }
  TRY(in.need("["));
  const size_t start = in.at;
  const auto found = std::ranges::find(formats(t), in.word());
  if (found == formats(t).end()) {
    in.at = start;
    return in.fail("a buffer format");
  }
  TRY(in.need("]"));
  return static_cast<uint32_t>(found - formats(t).begin());
}

}  // namespace doorbell::amd::names
