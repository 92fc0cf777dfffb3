// Instructions as text and back: Intel's syntax as llvm-mc-19 prints it (-output-asm-variant=1), with single
// spaces; a shift by the constant 1 leaves it unsaid. Mnemonics, register classes and operand orders come
// from the table; what stands here is the spelling of registers, memory and the predicates that are part of a
// comparison's name.
#include <charconv>
#include <unordered_map>

#include "codegen/isa/x86/x86.h"

namespace doorbell::x86 {
namespace {

constexpr std::string_view low_registers[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
constexpr std::string_view byte_registers[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};

std::string register_name(Reg r) {
  switch (r.cls) {
    case RegClass::none: break;
    case RegClass::gpr8:
      return r.index < 8 ? std::string(byte_registers[r.index]) : fmt::format("r{}b", r.index);
    case RegClass::gpr16:
      return r.index < 8 ? std::string(low_registers[r.index]) : fmt::format("r{}w", r.index);
    case RegClass::gpr32:
      return r.index < 8 ? fmt::format("e{}", low_registers[r.index]) : fmt::format("r{}d", r.index);
    case RegClass::gpr64:
      return r.index < 8 ? fmt::format("r{}", low_registers[r.index]) : fmt::format("r{}", r.index);
    case RegClass::xmm: return fmt::format("xmm{}", r.index);
    case RegClass::ymm: return fmt::format("ymm{}", r.index);
    case RegClass::zmm: return fmt::format("zmm{}", r.index);
    case RegClass::k: return fmt::format("k{}", r.index);
  }
  return "?";
}

struct Size {
  std::string_view name;
  uint16_t bits;
};
constexpr Size sizes[] = {{"byte", 8},      {"word", 16},     {"dword", 32},   {"qword", 64},
                          {"xmmword", 128}, {"ymmword", 256}, {"zmmword", 512}};

// SDM vol. 2A, CMPPD, table 3-1, and vol. 2C, VPCMPD: the lower three bits alone for integers.
constexpr std::string_view predicates[] = {
    "eq",    "lt",     "le",     "unord",    "neq",    "nlt",    "nle",    "ord",
    "eq_uq", "nge",    "ngt",    "false",    "neq_oq", "ge",     "gt",     "true",
    "eq_os", "lt_oq",  "le_oq",  "unord_s",  "neq_us", "nlt_uq", "nle_uq", "ord_s",
    "eq_us", "nge_uq", "ngt_uq", "false_os", "neq_os", "ge_oq",  "gt_oq",  "true_us"};

bool is_integer_compare(std::string_view name) { return name.starts_with("vpcmp"); }

// Where the predicate stands in a comparison's name.
size_t predicate_place(std::string_view name) { return is_integer_compare(name) ? 5 : 4; }

// Whether the predicate is printed in the name: llvm-mc leaves integer false and true, and what has no name.
bool in_name(std::string_view name, int64_t predicate) {
  if (is_integer_compare(name)) return predicate >= 0 && predicate < 8 && (predicate & 3) != 3;
  return predicate >= 0 && predicate < 32;
}

std::string memory_text(const Mem& m) {
  std::string s;
  for (const Size& size : sizes)
    if (m.bits == size.bits) s = fmt::format("{} ptr ", size.name);
  s += '[';
  bool plus = m.rip || m.base.cls != RegClass::none;
  if (plus) s += m.rip ? "rip" : register_name(m.base);
  if (m.index.cls != RegClass::none) {
    if (plus) s += " + ";
    if (m.scale != 1) s += fmt::format("{}*", m.scale);
    s += register_name(m.index);
    plus = true;
  }
  if (!plus) s += fmt::format("{}", m.disp);
  else if (m.disp != 0)
    s += fmt::format(" {} {}", m.disp < 0 ? '-' : '+', std::abs(static_cast<int64_t>(m.disp)));
  s += ']';
  if (m.broadcast != 0) s += fmt::format("{{1to{}}}", m.broadcast);
  return s;
}

std::string operand_text(const Operand& x) {
  switch (x.kind) {
    case Operand::Kind::none: break;
    case Operand::Kind::reg: return register_name(x.reg);
    case Operand::Kind::mem: return memory_text(x.mem);
    case Operand::Kind::imm: return fmt::format("{}", x.imm);
    case Operand::Kind::label: return fmt::format(".L{}", x.imm);
  }
  return "?";
}

std::unordered_map<std::string_view, Op> names_of_table() {
  std::unordered_map<std::string_view, Op> map;
  for (const Row& row : rows()) map.emplace(row.name, row.op);
  return map;
}

std::unordered_map<std::string, Reg> names_of_registers() {
  std::unordered_map<std::string, Reg> map;
  const struct {
    RegClass cls;
    int count;
  } classes[] = {{RegClass::gpr8, 16}, {RegClass::gpr16, 16}, {RegClass::gpr32, 16}, {RegClass::gpr64, 16},
                 {RegClass::xmm, 32},  {RegClass::ymm, 32},   {RegClass::zmm, 32},   {RegClass::k, 8}};
  for (auto c : classes)
    for (int i = 0; i < c.count; ++i) {
      const Reg r{c.cls, static_cast<uint8_t>(i)};
      map.emplace(register_name(r), r);
    }
  return map;
}

struct Parser {
  std::string_view text;
  size_t at = 0;

  Error fail(std::string_view expected) const {
    return error("x86: offset {} of `{}`: expected {}", at, text, expected);
  }
  void skip() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n')) ++at;
  }
  bool done() {
    skip();
    return at == text.size();
  }
  bool eat(std::string_view s) {
    skip();
    if (!text.substr(at).starts_with(s)) return false;
    at += s.size();
    return true;
  }
  // Letters, digits, underscores and points.
  std::string_view word() {
    skip();
    size_t end = at;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_' || text[end] == '.'))
      ++end;
    const std::string_view w = text.substr(at, end - at);
    at = end;
    return w;
  }
  Result<int64_t> number() {
    const bool negative = eat("-");
    const int radix = eat("0x") ? 16 : 10;
    skip();
    uint64_t v = 0;
    const auto [end, code] = std::from_chars(text.data() + at, text.data() + text.size(), v, radix);
    if (code != std::errc()) return fail("a number of at most 64 bits");
    at = static_cast<size_t>(end - text.data());
    return static_cast<int64_t>(negative ? 0 - v : v);
  }
  bool at_number() {
    skip();
    return at < text.size() && (text[at] == '-' || (text[at] >= '0' && text[at] <= '9'));
  }
  Result<Reg> reg() {
    static const std::unordered_map<std::string, Reg> registers = names_of_registers();
    const size_t start = (skip(), at);
    const auto found = registers.find(std::string(word()));
    if (found != registers.end()) return found->second;
    at = start;
    return fail("a register");
  }
};

// After "[".
Status parse_address(Parser& in, Mem& m) {
  int sign = 1;
  bool first = true;
  while (!in.eat("]")) {
    if (in.eat("+")) sign = 1;
    else if (in.eat("-")) sign = -1;
    else if (!first) return in.fail("`+`, `-` or `]`");
    if (in.at_number()) {
      const int64_t n = TRY(in.number());
      if (in.eat("*")) {
        if (sign < 0 || m.index != Reg{}) return in.fail("one index, added");
        m.index = TRY(in.reg());
        m.scale = static_cast<uint8_t>(n == 1 || n == 2 || n == 4 || n == 8 ? n : 0);
      } else {
        if (n < INT32_MIN || n > -int64_t{INT32_MIN} || sign * n > INT32_MAX || sign * n < INT32_MIN)
          return in.fail("a 32-bit displacement");
        m.disp = static_cast<int32_t>(sign * n);
      }
    } else if (first && in.eat("rip")) {
      m.rip = true;
    } else {
      const Reg r = TRY(in.reg());
      if (sign < 0) return in.fail("a register to be added");
      const bool is_base = m.base == Reg{} && r.cls == RegClass::gpr64 && m.index == Reg{} && !m.rip;
      if (!is_base && m.index != Reg{}) return in.fail("at most two registers");
      (is_base ? m.base : m.index) = r;
    }
    first = false;
  }
  return success();
}

Result<Operand> parse_operand(Parser& in) {
  const size_t start = (in.skip(), in.at);
  if (in.eat(".L")) return label(TRY(in.number()));
  if (in.at_number()) return imm(TRY(in.number()));
  Mem m;
  const std::string_view w = in.word();
  bool is_mem = w.empty();
  for (const Size& size : sizes)
    if (w == size.name) {
      if (in.word() != "ptr") return in.fail("`ptr`");
      m.bits = size.bits;
      is_mem = true;
    }
  if (!is_mem) {
    in.at = start;
    return Operand(TRY(in.reg()));
  }
  if (!in.eat("[")) return in.fail("an operand");
  TRY(parse_address(in, m));
  if (in.eat("{1to")) {
    const int64_t n = TRY(in.number());
    if (n < 2 || n > 32 || !in.eat("}")) return in.fail("{1to2} to {1to32}");
    m.broadcast = static_cast<uint8_t>(n);
  }
  return Operand(m);
}

// "vcmpltps" is vcmpps with predicate 1.
struct Mnemonic {
  Op op;
  int predicate = -1;
};
Result<Mnemonic> find_mnemonic(const Parser& in, const std::string& text) {
  static const std::unordered_map<std::string_view, Op> names = names_of_table();
  if (const auto found = names.find(text); found != names.end()) return Mnemonic{found->second};
  const size_t place = predicate_place(text);
  for (int p = 0; p < 32; ++p) {
    const std::string_view infix = predicates[p];
    if (text.size() <= place || !std::string_view(text).substr(place).starts_with(infix)) continue;
    std::string stem = text;
    stem.erase(place, infix.size());
    const auto found = names.find(stem);
    if (found != names.end() && rows(found->second)[0].predicate && in_name(stem, p))
      return Mnemonic{found->second, p};
  }
  return in.fail("a mnemonic of the table");
}

}  // namespace

std::string print(const Inst& inst) {
  std::string s(name(inst.op));
  size_t count = inst.count;
  if (rows(inst.op)[0].predicate && count == 4 && in_name(s, inst.operands[3].imm)) {
    s.insert(predicate_place(s), predicates[inst.operands[3].imm]);
    --count;
  }
  if (const Row* row = match(inst); row && count != 0 && row->operands[count - 1].imm == ImmKind::one)
    --count;
  for (size_t i = 0; i < count; ++i) {
    s += i == 0 ? " " : ", ";
    s += operand_text(inst.operands[i]);
    if (i == 0 && inst.mask != 0) s += fmt::format(" {{k{}}}", inst.mask);
    if (i == 0 && inst.zeroing) s += " {z}";
  }
  return s;
}

Result<Inst> parse(std::string_view text) {
  Parser in{text};
  std::string mnemonic;
  for (std::string_view prefix : {"{vex}", "lock"})
    if (in.eat(prefix)) mnemonic = std::string(prefix) + ' ';
  mnemonic += in.word();
  const Mnemonic m = TRY(find_mnemonic(in, mnemonic));
  Inst inst(m.op, {});
  while (!in.done()) {
    if (inst.count != 0 && !in.eat(",")) return in.fail("`,`");
    if (inst.count == 4) return in.fail("at most four operands");
    inst.operands[inst.count++] = TRY(parse_operand(in));
    if (inst.count != 1) continue;
    if (in.eat("{k")) {
      const int64_t n = TRY(in.number());
      if (n < 1 || n > 7 || !in.eat("}")) return in.fail("{k1} to {k7}");
      inst.mask = static_cast<uint8_t>(n);
    }
    inst.zeroing = in.eat("{z}");
  }
  if (m.predicate >= 0) {
    if (inst.count != 3) return in.fail("three operands");
    inst.operands[inst.count++] = imm(m.predicate);
  }
  if (!match(inst) && inst.count != 0 && inst.count < 4) {  // `shl eax` is `shl eax, 1`
    Inst by_one = inst;
    by_one.operands[by_one.count++] = imm(1);
    const Row* row = match(by_one);
    if (row && row->operands[inst.count].imm == ImmKind::one) return by_one;
  }
  if (!match(inst)) return error("x86: `{}`: no form of {} takes these operands", text, mnemonic);
  return inst;
}

}  // namespace doorbell::x86
