// Text to an instruction. The row that a name stands for says how each operand reads; of the encodings that
// it has, the first one that takes operands and modifiers is chosen, as assemblers do: the 32-bit one, then
// VOP3.
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/expression.h"
#include "codegen/isa/amd/layout.h"
#include "codegen/isa/amd/names.h"

namespace doorbell::amd {
namespace {

// The suffix of a mnemonic, and the encodings it allows.
struct Suffix {
  std::string_view text;
  std::span<const Encoding> encodings;
};
constexpr Encoding e32[] = {Encoding::base}, e64[] = {Encoding::vop3, Encoding::base},
                   sdwa[] = {Encoding::sdwa}, dpp[] = {Encoding::dpp16, Encoding::dpp8},
                   e64_dpp[] = {Encoding::vop3_dpp16, Encoding::vop3_dpp8};
constexpr Suffix suffixes[] = {
    {"_e64_dpp", e64_dpp}, {"_e32", e32}, {"_e64", e64}, {"_sdwa", sdwa}, {"_dpp", dpp},
};

// A number as written: its bits follow from the operand.
struct Number {
  bool is_float = false;
  int64_t integer = 0;
  double value = 0;
  bool address = false;
};

uint16_t half_bits(double v) {
  const auto f = static_cast<float>(v);
  const auto bits = std::bit_cast<uint32_t>(f);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (std::isnan(f)) return sign | 0x7e00;
  const double a = std::fabs(v);
  if (a >= 65520) return sign | 0x7c00;
  if (a < 0x1p-14)
    return sign | static_cast<uint16_t>(std::nearbyint(a * 0x1p24));  // subnormal, or the first normal
  int exponent;
  const double fraction = std::frexp(a, &exponent);  // in [0.5, 1)
  const auto mantissa = static_cast<uint32_t>(std::nearbyint(fraction * 2048));
  return static_cast<uint16_t>(sign + (static_cast<uint32_t>(exponent + 14) << 10) + (mantissa - 1024));
}

struct Parser {
  names::Text in;
  Target target;
  const Names* symbols;
  const Row* row = nullptr;
  Inst inst{};
  bool has_dpp16 = false, has_dpp8 = false, has_sdwa = false;
  bool has_address = false;  // in the expression at hand

  Error fail(std::string_view expected) const { return in.fail(expected); }
  bool at_word(std::string_view w) {
    names::Text probe = in;
    return probe.word() == w;
  }
  char peek() {
    in.skip();
    return in.at < in.text.size() ? in.text[in.at] : '\0';
  }

  Result<int64_t> expression();
  Result<Number> number();
  Result<std::optional<Operand>> reg();
  Result<Operand> constant(const Number& n, const OperandRow& o, const names::Text& from) const;
  Result<Operand> plain(const OperandRow& o);
  Status source(size_t i, const OperandRow& o, Operand& x);
  Status operand(size_t i, size_t place, const Row& of);
  Status operands(const Row& of, size_t first, bool without_result);
  Result<bool> modifier();
  Result<uint32_t> bit_list(int limit);
  Result<int64_t> modifier_value(int64_t low, int64_t high);
  Status modifiers();
  void drop_literals(Inst& candidate) const;
  void share_literal(Inst& candidate) const;
  void select_halves(Inst& candidate) const;
  Result<Inst> choose(std::span<const Encoding> encodings);
};

Result<int64_t> Parser::expression() {
  const Names::Value v = TRY(parse_expression(in, symbols));
  has_address |= v.address;
  return v.value;
}

// A float has a point or an exponent; everything else is an expression.
Result<Number> Parser::number() {
  in.skip();
  size_t end = in.at;
  if (end < in.text.size() && in.text[end] == '-') ++end;
  const size_t digits = end;
  while (end < in.text.size() && std::isdigit(static_cast<unsigned char>(in.text[end]))) ++end;
  const bool point = end < in.text.size() && in.text[end] == '.';
  const bool exponent = end > digits && end < in.text.size() && (in.text[end] == 'e' || in.text[end] == 'E');
  if ((point || exponent) && end > digits) {
    double v = 0;
    const auto [stop, code] = std::from_chars(in.text.data() + in.at, in.text.data() + in.text.size(), v);
    if (code != std::errc()) return fail("a floating-point number");
    in.at = static_cast<size_t>(stop - in.text.data());
    return Number{true, 0, v};
  }
  has_address = false;
  const int64_t v = TRY(expression());
  return Number{false, v, 0, has_address};
}

// A register, or nothing where none stands here.
Result<std::optional<Operand>> Parser::reg() {
  in.skip();
  const size_t start = in.at;
  const auto none = [&] {
    in.at = start;
    return std::optional<Operand>();
  };
  // A list of consecutive ones: [s2,s3].
  if (in.eat("[")) {
    std::optional<Operand> first = TRY(reg());
    if (!first) return none();
    int total = std::max<int>(first->dwords, 1);
    while (in.eat(",")) {
      const std::optional<Operand> next = TRY(reg());
      if (!next || next->kind != first->kind || next->index != first->index + total)
        return fail("the register that follows the one before");
      total += std::max<int>(next->dwords, 1);
    }
    TRY(in.need("]"));
    if (total > 32) return fail("at most 32 registers");
    first->dwords = static_cast<uint8_t>(total);
    return first;
  }
  std::string_view word = in.word();
  if (word.empty()) return none();
  if (const std::optional<names::ScalarName> named = names::find_scalar(word))
    return std::optional(sgpr(named->index, named->dwords));
  if (const std::optional<uint16_t> code = names::find_special(word))
    return std::optional(special_source(*code));

  const std::string_view files[] = {"ttmp", "v", "s"};
  for (std::string_view file : files) {
    if (!word.starts_with(file)) continue;
    const std::string_view rest = word.substr(file.size());
    Operand x;
    x.kind = file == "v" ? Operand::Kind::vgpr : Operand::Kind::sgpr;
    const int base = file == "ttmp" ? scalar::ttmp0 : 0, count = file == "v" ? 256 : file == "s" ? 106 : 16;
    int64_t first = 0, last = 0;
    if (rest.empty()) {
      if (!in.eat("[")) return none();
      first = last = TRY(expression());
      if (in.eat(":")) last = TRY(expression());
      TRY(in.need("]"));
    } else {
      int n = 0;
      const auto [stop, code] = std::from_chars(rest.data(), rest.data() + rest.size(), n);
      const std::string_view half(stop, static_cast<size_t>(rest.data() + rest.size() - stop));
      if (code != std::errc() || (!half.empty() && half != ".l" && half != ".h")) return none();
      x.high = half == ".h";
      first = last = n;
    }
    if (first < 0 || last < first || last >= count || last - first >= 32) {
      in.at = start;
      return fail(fmt::format("registers of {0}0 to {0}{1}", file, count - 1));
    }
    x.index = static_cast<uint16_t>(base + first);
    x.dwords = static_cast<uint8_t>(last - first + 1);
    return std::optional(x);
  }
  return none();
}

// The inline constant of these bits in an operand's type, or a literal.
Result<Operand> Parser::constant(const Number& n, const OperandRow& o, const names::Text& from) const {
  const bool narrow = names::has_narrow_literal(*row, o);
  const bool wide = names::is_wide(o, target);
  const int bits = wide ? 64 : narrow ? 16 : 32;
  const bool brain = o.data == Data::bf && o.bits == 16 && !wide;
  const OperandRow as_float{.data = brain ? Data::bf : Data::f, .bits = static_cast<uint8_t>(bits)};
  uint64_t v;
  if (n.is_float) {
    v = wide    ? std::bit_cast<uint64_t>(n.value)
        : brain ? std::bit_cast<uint32_t>(static_cast<float>(n.value)) >> 16
        : narrow || (o.bits == 16 && o.data == Data::f && is_vop(row->format))
            ? half_bits(n.value)
            : std::bit_cast<uint32_t>(static_cast<float>(n.value));
    // 1/(2 pi) is written with as many digits as the type has.
    if (n.value == 0.15915494 || n.value == 0.1591549430918953 || n.value == 0.15915494309189532)
      return inline_float(248);
  } else {
    if (n.address) return literal(static_cast<uint32_t>(n.integer));
    if (n.integer >= -16 && n.integer <= 64) return inline_int(static_cast<int>(n.integer));
    v = static_cast<uint64_t>(n.integer);
    if (bits < 64 && (n.integer < -(int64_t{1} << (bits - 1)) || n.integer >= int64_t{1} << bits))
      return from.fail(fmt::format("a number of {} bits", bits));
    if (bits < 64) v &= (uint64_t{1} << bits) - 1;
  }
  // Packed halves and floats of 16 bits know inline constants of their own width; integers of 16 bits have
  // none.
  const bool half_float = !wide && o.bits == 16 && (o.data == Data::f || (o.count > 1 && o.data != Data::f));
  if (n.is_float || !names::has_hex_floats(*row, o))
    for (int code = 240; code <= 248; ++code) {
      const OperandRow type = half_float && is_vop(row->format) && o.data == Data::f
                                  ? OperandRow{.data = Data::f, .bits = 16}
                                  : as_float;
      if (constant_bits(inline_float(code), type) == v) return inline_float(code);
    }
  if (!wide) return literal(static_cast<uint32_t>(v));
  if (n.is_float) {  // the literal is the upper half
    if (v & 0xffffffff) v &= ~uint64_t{0xffffffff};
    if (o.data == Data::f) return literal(static_cast<uint32_t>(v >> 32));
    return from.fail("an integer");
  }
  if (n.integer < INT32_MIN || n.integer > UINT32_MAX) return from.fail("a number of 32 bits");
  return literal(static_cast<uint32_t>(v));
}

Result<Operand> Parser::plain(const OperandRow& o) {
  if (const std::optional<Operand> r = TRY(reg())) {
    Operand x = *r;
    if (x.kind != Operand::Kind::special && x.dwords == 0)
      x.dwords = static_cast<uint8_t>(o.dwords(target.wave));
    return x;
  }
  if (in.eat("off")) return Operand{};
  const names::Text from = in;
  if (o.cls == Class::literal) {
    const bool half = row->format != Format::vopd && row->name.ends_with("_f16");
    const Number n = TRY(number());
    if (!n.is_float) {
      if (n.integer < INT32_MIN || n.integer > int64_t{UINT32_MAX}) return from.fail("a number of 32 bits");
      return literal(static_cast<uint32_t>(n.integer));
    }
    return literal(half ? half_bits(n.value) : std::bit_cast<uint32_t>(static_cast<float>(n.value)));
  }
  if (o.cls == Class::vgpr || o.cls == Class::sreg)
    return fail(o.cls == Class::vgpr ? "a VGPR" : "a scalar register");
  return constant(TRY(number()), o, from);
}

// -x, |x|, -|x|, abs(x), neg(x), sext(x).
Status Parser::source(size_t i, const OperandRow& o, Operand& x) {
  const auto bit = static_cast<uint8_t>(1 << i);
  bool negated = false, absolute = false, extended = false;
  std::string_view closing[3];
  size_t depth = 0;
  if (peek() == '-') {
    const char next = in.at + 1 < in.text.size() ? in.text[in.at + 1] : ' ';
    if (!std::isdigit(static_cast<unsigned char>(next)) && next != '(') {
      ++in.at;
      negated = true;
    }
  }
  if (in.eat("neg(")) {
    negated = true;
    closing[depth++] = ")";
  }
  if (in.eat("sext(")) {
    extended = true;
    closing[depth++] = ")";
  }
  if (in.eat("|")) {
    absolute = true;
    closing[depth++] = "|";
  } else if (in.eat("abs(")) {
    absolute = true;
    closing[depth++] = ")";
  }
  // Within |x| an expression would take the bar for an operator.
  if (depth > 0 && closing[depth - 1] == "|") {
    const size_t bar = in.text.find('|', in.at);
    if (bar == std::string_view::npos) return fail("`|`");
    names::Text whole = in;
    in.text = in.text.substr(0, bar);
    Result<Operand> inner = plain(o);
    if (!inner) return inner.error();
    whole.at = in.at;
    in = whole;
    x = *inner;
  } else {
    x = TRY(plain(o));
  }
  while (depth > 0) TRY(in.need(closing[--depth]));
  const bool mix = row->name.starts_with("v_fma_mix");
  if (negated) inst.mods.neg |= bit;
  if (absolute) (mix ? inst.mods.neg_hi : inst.mods.abs) |= bit;
  if (extended) inst.mods.sext |= bit;
  return success();
}

// Operand `i` of `of`, which goes to `place`.
Status Parser::operand(size_t i, size_t place, const Row& of) {
  const OperandRow& o = of.operands[i];
  Operand& x = inst.operands[place];
  const auto field = [&](Result<uint32_t> v) -> Status {
    if (!v) return v.error();
    x = imm(*v);
    return success();
  };
  if (o.slot == Slot::soffset) {  // s4, 0x10, s4 offset:0x10
    if (const std::optional<Operand> r = TRY(reg())) {
      if (r->index != scalar::null) x = *r;
      return success();
    }
    const size_t at = in.at;
    const int64_t n = TRY(expression());
    if (n < -(1 << 20) || n >= 1 << 20) {
      in.at = at;
      return fail("an offset of 21 bits");
    }
    inst.mods.offset = static_cast<int32_t>(n);
    return success();
  }
  switch (o.notation) {
    case Notation::none: break;
    case Notation::k16:
    case Notation::n16:
    case Notation::k7:
    case Notation::end: {
      const size_t at = in.at;
      const int64_t n = TRY(expression());
      if (n < (o.notation == Notation::k7 ? 0 : -0x8000) ||
          n > (o.notation == Notation::k7 ? 0x7f : 0xffff)) {
        in.at = at;
        return fail(o.notation == Notation::k7 ? "a number of 7 bits" : "a number of 16 bits");
      }
      x = imm(n & 0xffff);
      return success();
    }
    case Notation::rel: {
      const size_t at = (in.skip(), in.at);
      int64_t n = 0;
      names::Text probe = in;
      const std::string_view name = probe.word();
      std::optional<int64_t> label;
      if (symbols && !name.empty() &&
          (!std::isdigit(static_cast<unsigned char>(name[0])) || is_numeric_label(name)))
        label = symbols->distance(name);
      if (label) {
        in = probe;
        n = *label;
      } else {
        n = TRY(expression());
        if (n > 0x7fff && n <= 0xffff) n -= 0x10000;
      }
      if (n < -0x8000 || n > 0x7fff) {
        in.at = at;
        return fail("a branch within 32768 dwords");
      }
      x = imm(n);
      return success();
    }
    case Notation::hwreg: return field(names::parse_hwreg(in, target));
    case Notation::waitcnt: return field(names::parse_waitcnt(in, target));
    case Notation::delay: return field(names::parse_delay(in));
    case Notation::depctr: return field(names::parse_depctr(in, target));
    case Notation::msg: return field(names::parse_message(in, target));
    case Notation::version: return field(names::parse_version(in));
  }
  const bool is_source = o.slot == Slot::src0 || o.slot == Slot::src1 || o.slot == Slot::src2;
  if (is_source && of.format != Format::vopd)
    return source(static_cast<size_t>(o.slot) - static_cast<size_t>(Slot::src0), o, x);
  x = TRY(plain(o));
  return success();
}

Status Parser::operands(const Row& of, size_t first, bool without_result) {
  bool comma = false;
  for (size_t i = 0; i < of.count; ++i) {
    const OperandRow& o = of.operands[i];
    if (without_result && i == 0) continue;
    if (o.notation == Notation::end && peek() == '\0') {
      inst.operands[first + i] = imm(0);
      continue;
    }
    if (comma && !in.eat(",")) return fail("`,`");
    comma = true;
    TRY(operand(i, first + i, of));
  }
  return success();
}

// "[0,1,1]": how many there were is in the bits above 8.
Result<uint32_t> Parser::bit_list(int limit) {
  TRY(in.need(":"));
  TRY(in.need("["));
  uint32_t bits = 0;
  for (int n = 0;; ++n) {
    if (n == limit) return fail("fewer bits");
    const std::optional<int64_t> b = in.number();
    if (!b || *b < 0 || *b > 1) return fail("0 or 1");
    bits |= static_cast<uint32_t>(*b) << n;
    if (in.eat(",")) continue;
    TRY(in.need("]"));
    return bits | static_cast<uint32_t>(n + 1) << 8;
  }
}

Result<int64_t> Parser::modifier_value(int64_t low, int64_t high) {
  TRY(in.need(":"));
  const size_t at = (in.skip(), in.at);
  const int64_t n = TRY(expression());
  if (n < low || n > high) {
    in.at = at;
    return fail(fmt::format("{} to {}", low, high));
  }
  return n;
}

// One modifier; false where the text ends.
Result<bool> Parser::modifier() {
  in.eat(",");
  if (peek() == '\0') return false;
  Modifiers& m = inst.mods;
  const std::optional<uint32_t> ctrl = TRY(names::parse_dpp_ctrl(in));
  if (ctrl) {
    m.dpp_ctrl = static_cast<uint16_t>(*ctrl);
    has_dpp16 = true;
    return true;
  }
  const size_t start = in.at;
  const std::string_view w = in.word();
  const struct {
    std::string_view name;
    bool Modifiers::* flag;
  } flags[] = {{"clamp", &Modifiers::clamp}, {"glc", &Modifiers::glc},     {"slc", &Modifiers::slc},
               {"dlc", &Modifiers::dlc},     {"lds", &Modifiers::lds},     {"tfe", &Modifiers::tfe},
               {"gds", &Modifiers::gds},     {"offen", &Modifiers::offen}, {"idxen", &Modifiers::idxen}};
  for (const auto& f : flags)
    if (w == f.name) {
      m.*f.flag = true;
      return true;
    }
  const auto sel = [&](std::span<const std::string_view> list, uint8_t& into) -> Result<bool> {
    TRY(in.need(":"));
    const size_t at = (in.skip(), in.at);
    const std::string_view name = in.word();
    for (size_t i = 0; i < list.size(); ++i)
      if (list[i] == name) {
        into = static_cast<uint8_t>(i);
        has_sdwa = true;
        return true;
      }
    in.at = at;
    return fail(fmt::format("one of {}", fmt::join(list, ", ")));
  };
  const int sources = std::popcount(row->sources);
  if (w == "mul") {
    const int64_t n = TRY(modifier_value(1, 4));
    if (n == 3) return fail("mul:1, mul:2 or mul:4");
    m.omod = static_cast<uint8_t>(n == 4 ? 2 : n - 1);
  } else if (w == "div") {
    m.omod = TRY(modifier_value(1, 2)) == 2 ? 3 : 0;
  } else if (w == "op_sel") {
    const uint32_t bits = TRY(bit_list(4));
    const int count = static_cast<int>(bits >> 8);
    const bool has_result = row->format != Format::vop3p && count > sources;
    m.op_sel = static_cast<uint8_t>(bits & 15);
    if (has_result)
      m.op_sel = static_cast<uint8_t>((bits & ((1u << (count - 1)) - 1)) | (bits >> (count - 1) & 1) << 3);
  } else if (w == "op_sel_hi") {
    m.op_sel_hi = TRY(bit_list(3)) & 7;
  } else if (w == "neg_lo") {
    m.neg = TRY(bit_list(3)) & 7;
  } else if (w == "neg_hi") {
    m.neg_hi = TRY(bit_list(3)) & 7;
  } else if (w == "row_mask" || w == "bank_mask") {
    (w == "row_mask" ? m.row_mask : m.bank_mask) = static_cast<uint8_t>(TRY(modifier_value(0, 15)));
    has_dpp16 = true;
  } else if (w == "bound_ctrl") {
    (void)TRY(modifier_value(0, 1));  // both set it: 0 is how it was once spelt
    m.bound_ctrl = true;
  } else if (w == "fi") {
    m.fetch_inactive = TRY(modifier_value(0, 1)) != 0;
  } else if (w == "dpp8") {
    TRY(in.need(":"));
    TRY(in.need("["));
    m.dpp8 = 0;
    for (int i = 0; i < 8; ++i) {
      if (i != 0) TRY(in.need(","));
      const std::optional<int64_t> lane = in.number();
      if (!lane || *lane < 0 || *lane > 7) return fail("a lane of 0 to 7");
      m.dpp8 |= static_cast<uint32_t>(*lane) << (3 * i);
    }
    TRY(in.need("]"));
    has_dpp8 = true;
  } else if (w == "dst_sel") {
    return sel(std::span(names::sdwa_sel).first(7), m.dst_sel);
  } else if (w == "dst_unused") {
    return sel(std::span(names::sdwa_unused).first(3), m.dst_unused);
  } else if (w == "src0_sel") {
    return sel(std::span(names::sdwa_sel).first(7), m.src0_sel);
  } else if (w == "src1_sel") {
    return sel(std::span(names::sdwa_sel).first(7), m.src1_sel);
  } else if (w == "offset") {
    if (row->name == "ds_swizzle_b32") {
      TRY(in.need(":"));
      if (in.eat("swizzle")) {
        m.offset = static_cast<int32_t>(TRY(names::parse_swizzle(in)));
        return true;
      }
      --in.at;
    }
    m.offset = static_cast<int32_t>(TRY(modifier_value(-(1 << 20), (1 << 20) - 1)));
  } else if (w == "offset0") {
    m.offset = (m.offset & 0xff00) | static_cast<int32_t>(TRY(modifier_value(0, 255)));
  } else if (w == "offset1") {
    m.offset = (m.offset & 0xff) | static_cast<int32_t>(TRY(modifier_value(0, 255)) << 8);
  } else if (w == "format") {
    TRY(in.need(":"));
    m.format = static_cast<uint8_t>(TRY(names::parse_format(in, target)));
  } else {
    in.at = start;
    return fail("a modifier, or the end of the line");
  }
  return true;
}

Status Parser::modifiers() {
  while (TRY(modifier())) {}
  return success();
}

// Where no literal can follow, or another one does, the bits of a half stand for an inline constant.
void Parser::drop_literals(Inst& candidate) const {
  for (size_t i = 0; i < row->count; ++i)
    for (int code = 240; code <= 248; ++code)
      if (candidate.operands[i] == literal(static_cast<uint32_t>(
                                       constant_bits(inline_float(code), {.data = Data::f, .bits = 16}))) &&
          names::has_hex_floats(*row, row->operands[i]))
        candidate.operands[i] = inline_float(code);
}

// An instruction has one literal, of 32 bits: where a source of 16 bits reads it too (v_fmaak_f16,
// v_dot2_bf16_bf16), the text shows its lower half.
void Parser::share_literal(Inst& candidate) const {
  for (size_t k = 0; k < row->count; ++k) {
    const Operand whole = candidate.operands[k];
    if (whole.kind != Operand::Kind::literal || names::has_narrow_literal(*row, row->operands[k])) continue;
    for (size_t i = 0; i < row->count; ++i)
      if (Operand& x = candidate.operands[i]; x.kind == Operand::Kind::literal &&
                                              names::has_narrow_literal(*row, row->operands[i]) &&
                                              x.value == (whole.value & 0xffff))
        x = whole;
  }
}

// In VOP3 it is op_sel that says what v5.h does.
void Parser::select_halves(Inst& candidate) const {
  for (size_t i = 0; i < row->count; ++i) {
    Operand& x = candidate.operands[i];
    if (!std::exchange(x.high, false)) continue;
    switch (row->operands[i].slot) {
      case Slot::vdst: candidate.mods.op_sel |= 8; break;
      case Slot::src0: candidate.mods.op_sel |= 1; break;
      case Slot::src1: candidate.mods.op_sel |= 2; break;
      case Slot::src2: candidate.mods.op_sel |= 4; break;
      default: x.high = true;  // has no half, as will be found
    }
  }
}

Result<Inst> Parser::choose(std::span<const Encoding> encodings) {
  for (Encoding e : encodings) {
    const bool dpp16_form = is_dpp16(e), dpp8_form = is_dpp8(e);
    if (dpp16_form != has_dpp16 || dpp8_form != has_dpp8 || (e != Encoding::sdwa && has_sdwa)) continue;
    if (!fields::has_encoding(*row, e, target.arch)) continue;
    Inst candidate = inst;
    candidate.encoding = e;
    if (e == Encoding::sdwa && row->format != Format::vopc && !row->operands.empty() && !has_sdwa)
      candidate.mods.dst_unused = 2;
    share_literal(candidate);
    if (fields::in_vop3(*row, e)) select_halves(candidate);
    std::vector<std::byte> bytes;
    if (encode(candidate, target, bytes).ok()) return candidate;
    drop_literals(candidate);
    if (encode(candidate, target, bytes).ok()) return candidate;
  }
  return error("column 1: {} takes no such operands and modifiers in {}", row->name_in(target.arch),
               name(target.arch));
}

Result<Inst> parse_with(Parser p, const Row& row, size_t operands_at, std::span<const Encoding> encodings,
                        bool without_result) {
  p.row = &row;
  p.in.at = operands_at;
  p.inst.op = static_cast<Op>(&row - rows().data());
  if (row.format == Format::vop3p) {
    const bool halves = row.unit != Unit::matrix || row.operands[0].bits == 16;
    p.inst.mods.op_sel_hi = row.name.starts_with("v_fma_mix") || !halves ? 0 : row.sources;
  }
  if (row.format == Format::mtbuf) p.inst.mods.format = 1;
  if (row.format == Format::sopp && row.count == 0) {}
  TRY(p.operands(row, 0, without_result));
  if (row.format == Format::vopd) {
    if (!p.in.eat("::")) return p.fail("`::` and the second half");
    const size_t at = (p.in.skip(), p.in.at);
    const std::optional<Op> second = find(p.in.word(), p.target.arch);
    if (!second || amd::row(*second).format != Format::vopd) {
      p.in.at = at;
      return p.fail("an instruction that begins with v_dual_");
    }
    p.inst.op_y = *second;
    TRY(p.operands(amd::row(*second), vopd_second, false));
  }
  TRY(p.modifiers());
  if (!p.has_sdwa && encodings.data() == sdwa) {
    p.inst.mods.dst_unused = row.format == Format::vopc ? 0 : 2;
  }
  return p.choose(encodings);
}

}  // namespace

Result<Inst> parse(std::string_view text, Target target, const Names* symbols) {
  Parser p{{text}, target, symbols};
  const size_t start = (p.in.skip(), p.in.at);
  const std::string_view mnemonic = p.in.word();
  std::span<const Encoding> encodings;
  std::optional<Op> op = find(mnemonic, target.arch);
  if (!op)
    for (const Suffix& s : suffixes)
      if (!op && mnemonic.ends_with(s.text)) {
        op = find(mnemonic.substr(0, mnemonic.size() - s.text.size()), target.arch);
        encodings = s.encodings;
      }
  if (!op) {
    p.in.at = start;
    return p.fail(mnemonic.empty() ? "an instruction"
                                   : fmt::format("an instruction of {}", name(target.arch)));
  }
  const Row& r = row(*op);
  const size_t at = p.in.at;
  constexpr Encoding all[] = {Encoding::base, Encoding::vop3,       Encoding::sdwa,     Encoding::dpp16,
                              Encoding::dpp8, Encoding::vop3_dpp16, Encoding::vop3_dpp8};
  if (encodings.empty()) encodings = all;
  Result<Inst> whole = parse_with(p, r, at, encodings, false);
  // Atomics without a result, loads into LDS: their text has an operand less.
  const bool may_lack_result = r.count > 0 && r.operands[0].writes && r.format >= Format::ds;
  if (whole.ok() || !may_lack_result) return whole;
  Result<Inst> less = parse_with(p, r, at, encodings, true);
  return less.ok() ? less : whole;
}

}  // namespace doorbell::amd
