// The directives of assembly files, but those that choose and repeat lines. Sources: GNU as, "Pseudo Ops";
// LLVM, lib/MC/MCParser/AsmParser.cpp and ELFAsmParser.cpp, and what llvm-mc-19 assembles.
#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "codegen/isa/amd/assembler.h"
#include "codegen/isa/amd/expression.h"

namespace doorbell::amd {

Result<Names::Value> Assembler::expression() {
  Result<Value> v = parse_expression(in_, this);
  if (!v) return line_->relay(v.error());
  return v;
}
Result<int64_t> Assembler::number() {
  in_.skip();
  const names::Text start = in_;
  const Value v = TRY(expression());
  if (v.base == Value::absolute) return v.value;
  if (first_) return 0;
  return line_->relay(start.fail("a number"));
}
Result<uint64_t> Assembler::count(uint64_t limit) {
  in_.skip();
  const size_t at = in_.at;
  const int64_t v = TRY(number());
  if (v < 0 || static_cast<uint64_t>(v) > limit)
    return fail(at, fmt::format("expected a number of 0 to {}, found {}", limit, v));
  return static_cast<uint64_t>(v);
}
Result<std::string> Assembler::name_here() {
  in_.skip();
  if (in_.at < in_.text.size() && in_.text[in_.at] == '"') return text_here();
  const std::string_view word = in_.word();
  if (word.empty()) return expected("a name");
  return std::string(word);
}
// A string in quotes, with C's escapes.
Result<std::string> Assembler::text_here() {
  if (!in_.eat("\"")) return expected("a string in quotes");
  std::string out;
  const auto digits = [&](int radix, size_t most) {
    unsigned v = 0;
    for (size_t n = 0; n < most && in_.at < in_.text.size(); ++n, ++in_.at) {
      unsigned digit = 0;
      const char* at = in_.text.data() + in_.at;
      if (std::from_chars(at, at + 1, digit, radix).ec != std::errc()) break;
      v = v * static_cast<unsigned>(radix) + digit;
    }
    return v;
  };
  for (;;) {
    if (in_.at >= in_.text.size()) return expected("`\"`");
    char c = in_.text[in_.at++];
    if (c == '"') return out;
    if (c == '\\') {
      if (in_.at >= in_.text.size()) return expected("`\"`");
      c = in_.text[in_.at];
      const char next = in_.at + 1 < in_.text.size() ? in_.text[in_.at + 1] : '"';
      constexpr std::string_view letters = "btnfr\"\\", meanings = "\b\t\n\f\r\"\\";
      if (const size_t i = letters.find(c); i != letters.npos) {
        c = meanings[i];
        ++in_.at;
      } else if ((c == 'x' || c == 'X') && std::isxdigit(static_cast<unsigned char>(next))) {
        ++in_.at;
        c = static_cast<char>(digits(16, in_.text.size()));
      } else if (c >= '0' && c <= '7') {
        const size_t at = in_.at;
        const unsigned v = digits(8, 3);
        if (v > 255) return fail(at, "expected an octal number of 8 bits");
        c = static_cast<char>(v);
      } else {
        return expected("b, t, n, f, r, a quote, a backslash, x and hexadecimal digits, or octal digits");
      }
    }
    out += c;
  }
}

Status Assembler::data(size_t size) {
  return list([&]() -> Status {
    const size_t at = (in_.skip(), in_.at);
    const Value v = TRY(expression());
    const int64_t low = size == 8 ? INT64_MIN : -(int64_t{1} << (size * 8 - 1));
    if (size < 8 && !v.address && (v.value < low || v.value >= int64_t{1} << (size * 8)))
      return fail(at, fmt::format("expected a number of {} bits, found {}", size * 8, v.value));
    if (!first_ && v.base == Value::unknown) return fail(at, "expected a number or an address");
    const bool pointer = v.base >= 0 && size == 8;
    if (pointer) object_.pointers.push_back({sections_.here().part, sections_.here().offset, v.value});
    return located(at, sections_.put(pointer ? 0 : static_cast<uint64_t>(v.value), size));
  });
}

// A number of 128 bits, as digits.
Status Assembler::octa(size_t) {
  return list([&]() -> Status {
    const size_t at = (in_.skip(), in_.at);
    std::string_view digits = in_.word();
    const uint32_t radix = digits.starts_with("0x") ? 16 : 10;
    if (radix == 16) digits.remove_prefix(2);
    std::array<uint32_t, 4> words{};
    bool fits = !digits.empty();
    for (const char& c : digits) {
      uint32_t digit = 0;
      fits &= std::from_chars(&c, &c + 1, digit, static_cast<int>(radix)).ec == std::errc();
      uint64_t carry = digit;
      for (uint32_t& w : words) {
        carry += uint64_t{w} * radix;
        w = static_cast<uint32_t>(carry);
        carry >>= 32;
      }
      fits &= carry == 0;
    }
    if (!fits) return fail(at, "expected a number of 128 bits");
    return located(at, sections_.put(std::as_bytes(std::span(words))));
  });
}

Status Assembler::floats(size_t size) {
  return list([&]() -> Status {
    const size_t at = (in_.skip(), in_.at);
    const bool negative = in_.eat("-");
    if (!negative) in_.eat("+");
    in_.skip();
    double wide = 0;
    float narrow = 0;
    const char *first = in_.text.data() + in_.at, *last = in_.text.data() + in_.text.size();
    const char* stop = first;
    const auto format =
        in_.text.substr(in_.at).starts_with("0x") ? std::chars_format::hex : std::chars_format::general;
    if (format == std::chars_format::hex) first += 2;
    const bool digit = first != last && (std::isxdigit(static_cast<unsigned char>(*first)) || *first == '.');
    std::string word(names::Text(in_).word());
    for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::from_chars_result read{first, std::errc::invalid_argument};
    if (word == "inf" || word == "infinity" || word == "nan") {
      wide =
          word == "nan" ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
      narrow = static_cast<float>(wide);
      read = {in_.text.data() + in_.at + word.size(), std::errc()};
      // LLVM's NaN has all bits of its fraction.
      if (word == "nan") {
        wide = std::bit_cast<double>(uint64_t{0x7fffffffffffffff});
        narrow = std::bit_cast<float>(0x7fffffffu);
      }
    } else if (digit) {
      read = size == 4 ? std::from_chars(first, last, narrow, format)
                       : std::from_chars(first, last, wide, format);
    }
    stop = read.ptr;
    if (read.ec == std::errc::result_out_of_range) {  // infinite, or zero
      narrow = std::strtof(std::string(first, stop).c_str(), nullptr);
      wide = std::strtod(std::string(first, stop).c_str(), nullptr);
      read.ec = std::errc();
    }
    if (read.ec != std::errc()) return fail(at, "expected a floating-point number");
    in_.at = static_cast<size_t>(stop - in_.text.data());
    const uint64_t sign = negative ? uint64_t{1} << (size * 8 - 1) : 0;
    const uint64_t bits = size == 4 ? std::bit_cast<uint32_t>(narrow) : std::bit_cast<uint64_t>(wide);
    return located(at, sections_.put(bits ^ sign, size));
  });
}

// DWARF, "LEB128 Encoded Numbers".
Status Assembler::leb(size_t is_signed) {
  return list([&]() -> Status {
    const size_t at = (in_.skip(), in_.at);
    int64_t v = TRY(number());
    for (bool more = true; more;) {
      const auto low = static_cast<uint64_t>(v) & 0x7f;
      v = is_signed ? v >> 7 : static_cast<int64_t>(static_cast<uint64_t>(v) >> 7);
      more = is_signed ? !((v == 0 && low < 0x40) || (v == -1 && low >= 0x40)) : v != 0;
      TRY(located(at, sections_.put(low | (more ? 0x80 : 0), 1)));
    }
    return success();
  });
}

// Strings that only blanks part are one, as in C.
Status Assembler::strings(size_t with_zero) {
  return list([&]() -> Status {
    const size_t at = (in_.skip(), in_.at);
    do {
      const std::string s = TRY(text_here());
      TRY(located(at, sections_.put(std::as_bytes(std::span(s)))));
      in_.skip();
    } while (!with_zero && in_.text.substr(in_.at).starts_with('"'));
    return with_zero ? located(at, sections_.put(0, 1)) : success();
  });
}

Status Assembler::zeros(size_t) {
  const size_t at = (in_.skip(), in_.at);
  const int64_t n = TRY(number());
  const int64_t v = in_.eat(",") ? TRY(number()) : 0;
  TRY(end_of_line());
  if (n < 0) {
    warn(at, fmt::format("a negative count has no effect: {}", n));
    return success();
  }
  return located(at, sections_.put(static_cast<uint64_t>(v) & 0xff, 1, static_cast<uint64_t>(n)));
}

// A value has 32 bits; what goes beyond is zero.
Status Assembler::fill(size_t) {
  const size_t at = (in_.skip(), in_.at);
  const int64_t n = TRY(number());
  int64_t size = 1, v = 0;
  if (in_.eat(",")) {
    size = TRY(number());
    if (in_.eat(",")) v = TRY(number());
  }
  TRY(end_of_line());
  if (n < 0 || size < 0) {
    warn(at, fmt::format("a negative count or size has no effect: {}", n < 0 ? n : size));
    return success();
  }
  if (size > 8) warn(at, fmt::format("a size of 8 is taken for {}", size));
  size = std::min<int64_t>(size, 8);
  if (size == 0) return success();
  const uint64_t mask = size < 4 ? (uint64_t{1} << size * 8) - 1 : 0xffffffff;
  return located(at, sections_.put(static_cast<uint64_t>(v) & mask, static_cast<size_t>(size),
                                   static_cast<uint64_t>(n)));
}

// Forward to an offset of the section, or to an address in it.
Status Assembler::org(size_t) {
  const size_t at = (in_.skip(), in_.at);
  const Value v = TRY(expression());
  const int64_t fill = in_.eat(",") ? TRY(number()) : 0;
  TRY(end_of_line());
  const Place here = sections_.here();
  const bool in_section = v.base == static_cast<int>(here.part);
  if (!in_section && v.base != Value::absolute) {
    if (first_) return success();
    return fail(at, "expected an offset in this section");
  }
  const int64_t to = v.value - (in_section ? address({here.part, 0}) : 0);
  if (to < 0 || static_cast<uint64_t>(to) < here.offset)
    return fail(at, fmt::format("expected an offset of {} or more, found {}", here.offset, to));
  return located(
      at, sections_.put(static_cast<uint64_t>(fill) & 0xff, 1, static_cast<uint64_t>(to) - here.offset));
}

constexpr size_t by_power = 16;  // beside the size of what is filled in
Status Assembler::align(size_t how) {
  if (at_end() && (how & by_power)) {
    warn(directive_at_, "an alignment to nothing has no effect");
    return success();
  }
  const size_t at = (in_.skip(), in_.at);
  const int64_t asked = TRY(number());
  std::optional<uint64_t> fill;
  uint64_t most = UINT64_MAX;
  if (in_.eat(",")) {
    in_.skip();
    if (!at_end() && in_.text[in_.at] != ',') fill = static_cast<uint64_t>(TRY(number()));
    if (in_.eat(",")) {
      const size_t most_at = (in_.skip(), in_.at);
      const int64_t n = TRY(number());
      if (n < 1) return fail(most_at, fmt::format("expected a number of bytes, found {}", n));
      most = static_cast<uint64_t>(n);
    }
  }
  TRY(end_of_line());
  uint64_t to = 1;
  if (how & by_power) {
    if (asked < 0 || asked > 31) return fail(at, fmt::format("expected a power of 0 to 31, found {}", asked));
    to <<= asked;
  } else {
    if (asked < 0 || asked > UINT32_MAX)
      return fail(at, fmt::format("expected a power of two, found {}", asked));
    to = std::max<uint64_t>(static_cast<uint64_t>(asked), 1);
    if (!std::has_single_bit(to)) return fail(at, fmt::format("expected a power of two, found {}", to));
  }
  uint32_t nop = 0;
  if (arch_) {
    std::vector<std::byte> bytes;
    TRY(located(at, encode({.op = op("s_nop"), .op_y = {}, .operands = {imm(0)}}, {*arch_, wave_}, bytes)));
    std::memcpy(&nop, bytes.data(), 4);
  }
  return located(at, sections_.align(to, fill, how & ~by_power, most, nop));
}

// Space in .bss.
Status Assembler::common(size_t is_local) {
  const std::string name = TRY(name_here());
  TRY(comma());
  const uint64_t bytes = TRY(count(most_));
  uint64_t to = 1;
  if (in_.eat(",")) {
    const size_t at = (in_.skip(), in_.at);
    to = TRY(count(UINT32_MAX));
    if (!std::has_single_bit(to)) return fail(at, fmt::format("expected a power of two, found {}", to));
  }
  TRY(end_of_line());
  SymbolState& s = symbols_[name];
  if (s.place || s.value) return fail(directive_at_, fmt::format("`{}` is defined twice", name));
  TRY(located(directive_at_, sections_.push()));
  TRY(located(directive_at_, sections_.enter(".bss")));
  TRY(located(directive_at_, sections_.align(to, 0, 1, UINT64_MAX, 0)));
  s.place = sections_.here();
  s.size = bytes;
  s.type = symbol_object;
  if (!is_local && s.binding == 0) s.binding = 1;
  TRY(located(directive_at_, sections_.put(0, 1, bytes)));
  return located(directive_at_, sections_.pop());
}

Status Assembler::binding(size_t value) {
  return list([&]() -> Status {
    symbols_[TRY(name_here())].binding = static_cast<uint8_t>(value);
    return success();
  });
}
Status Assembler::visibility(size_t value) {
  return list([&]() -> Status {
    symbols_[TRY(name_here())].visibility = static_cast<uint8_t>(value);
    return success();
  });
}

// .type k,@function, %function, #function, "function" or STT_FUNC.
Status Assembler::type(size_t) {
  struct Type {
    std::string_view name, constant;
    uint8_t value;
  };
  constexpr Type types[] = {{"function", "STT_FUNC", symbol_function},
                            {"object", "STT_OBJECT", symbol_object},
                            {"notype", "STT_NOTYPE", 0},
                            {"tls_object", "STT_TLS", 6},
                            {"common", "STT_COMMON", 5}};
  SymbolState& s = symbols_[TRY(name_here())];
  in_.eat(",");
  in_.skip();
  const size_t at = in_.at;
  const bool marked = in_.eat("@") || in_.eat("%") || in_.eat("#");
  const std::string word = TRY(name_here());
  for (const Type& t : types)
    if (word == t.name || (!marked && word == t.constant)) {
      s.type = t.value;
      return end_of_line();
    }
  return fail(at, "expected @function, @object or @notype");
}
Status Assembler::size(size_t) {
  const std::string name = TRY(name_here());
  TRY(comma());
  symbols_[name].size = static_cast<uint64_t>(TRY(number()));
  return end_of_line();
}
Status Assembler::set_symbol(size_t again) {
  const size_t at = (in_.skip(), in_.at);
  const std::string name = TRY(name_here());
  TRY(comma());
  return assign(name, at, again != 0);
}

Status Assembler::named_section(size_t) {
  TRY(end_of_line());
  return located(directive_at_, sections_.enter(directive_));
}
Status Assembler::section(size_t pushes) {
  if (pushes) TRY(located(directive_at_, sections_.push()));
  in_.skip();
  const size_t at = in_.at;
  std::string name;  // .note.GNU-stack
  if (in_.text.substr(at).starts_with('"')) {
    name = TRY(text_here());
  } else {
    while (in_.at < in_.text.size() && in_.text[in_.at] != ',' && in_.text[in_.at] != ' ' &&
           in_.text[in_.at] != '\t')
      name += in_.text[in_.at++];
    if (name.empty()) return expected("a section's name");
  }
  if (!in_.eat(",")) {
    TRY(end_of_line());
    return located(at, sections_.enter(name));
  }
  Sections::Kind kind{0, true};
  const size_t flags_at = (in_.skip(), in_.at);
  const std::string flags = TRY(text_here());
  for (char c : flags) {
    if (std::string_view("awxoMSGTR?e").find(c) == std::string_view::npos)
      return fail(flags_at, fmt::format("expected flags such as \"ax\", found `{}`", c));
    kind.flags |= c == 'a' ? flag_alloc : c == 'w' ? flag_write : c == 'x' ? flag_execute : 0;
  }
  if (in_.eat(",")) {
    if (!in_.eat("@") && !in_.eat("%")) return expected("@progbits or @nobits");
    const size_t type_at = in_.at;
    const std::string type = TRY(name_here());
    kind.has_bytes = type != "nobits";
    constexpr std::string_view types[] = {"progbits",   "nobits",     "note",
                                          "init_array", "fini_array", "preinit_array"};
    if (std::find(std::begin(types), std::end(types), type) == std::end(types))
      return fail(type_at, fmt::format("expected progbits, nobits or note, found `{}`", type));
  }
  return located(at, sections_.enter(name, kind));  // an entry size or a group may follow
}
Status Assembler::pop_section(size_t) {
  TRY(end_of_line());
  return located(directive_at_, sections_.pop());
}
Status Assembler::previous_section(size_t) {
  TRY(end_of_line());
  return located(directive_at_, sections_.previous());
}
Status Assembler::address_directive(size_t) {
  sections_.part().asked = TRY(count(uint64_t{1} << 30));
  return end_of_line();
}

Status Assembler::target_directive(size_t) {
  const size_t at = (in_.skip(), in_.at);
  const std::string name = TRY(text_here());
  TRY(end_of_line());
  const std::string before = object_.processor;
  if (!name.starts_with("amdgcn-amd-amdhsa-") || !target(name, at))
    return fail(at,
                fmt::format("expected a target such as \"amdgcn-amd-amdhsa--gfx1100\", found \"{}\"", name));
  if (!before.empty() && before != object_.processor)
    return fail(at, fmt::format("the target is {}, but {} was asked for", object_.processor, before));
  return success();
}
Status Assembler::version(size_t) {
  const uint64_t v = TRY(count(6));
  if (v < 4) return fail(directive_at_, "expected a code object version of 4 to 6");
  object_.version = static_cast<int>(v);
  return end_of_line();
}
Status Assembler::begin_metadata(size_t) {
  metadata_ = std::string();
  metadata_line_ = line_->number;
  return end_of_line();
}

Status Assembler::message(size_t is_error) {
  std::string text = is_error ? "an error, says the source" : "a warning, says the source";
  if (!at_end()) text = TRY(text_here());
  TRY(end_of_line());
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  if (is_error) return fail(directive_at_, text);
  warn(directive_at_, text);
  return success();
}

// clang-format off
const Assembler::Directive Assembler::directives[] = {
  {".byte",   &Assembler::data, 1}, {".dc.b",   &Assembler::data, 1},
  {".short",  &Assembler::data, 2}, {".2byte",  &Assembler::data, 2},
  {".value",  &Assembler::data, 2}, {".dc.w",   &Assembler::data, 2},
  {".long",   &Assembler::data, 4}, {".4byte",  &Assembler::data, 4}, {".int",   &Assembler::data, 4},
  {".dc.l",   &Assembler::data, 4},
  {".quad",   &Assembler::data, 8}, {".8byte",  &Assembler::data, 8},
  {".octa",   &Assembler::octa},
  {".float",  &Assembler::floats, 4}, {".single", &Assembler::floats, 4}, {".double", &Assembler::floats, 8},
  {".uleb128", &Assembler::leb, 0}, {".sleb128", &Assembler::leb, 1},
  {".ascii",  &Assembler::strings, 0}, {".asciz", &Assembler::strings, 1}, {".string", &Assembler::strings, 1},
  {".zero",   &Assembler::zeros}, {".skip", &Assembler::zeros}, {".space", &Assembler::zeros},
  {".fill",   &Assembler::fill},
  {".org",    &Assembler::org},
  {".align",  &Assembler::align, 1}, {".balign", &Assembler::align, 1},
  {".balignw", &Assembler::align, 2}, {".balignl", &Assembler::align, 4},
  {".p2align", &Assembler::align, by_power | 1}, {".p2alignw", &Assembler::align, by_power | 2},
  {".p2alignl", &Assembler::align, by_power | 4},
  {".comm",   &Assembler::common, 0}, {".common", &Assembler::common, 0}, {".lcomm", &Assembler::common, 1},
  {".globl",  &Assembler::binding, 1}, {".global", &Assembler::binding, 1}, {".weak", &Assembler::binding, 2},
  {".local",  &Assembler::binding, 0},
  {".internal", &Assembler::visibility, 1}, {".hidden", &Assembler::visibility, 2},
  {".protected", &Assembler::visibility, 3},
  {".type",   &Assembler::type}, {".size", &Assembler::size},
  {".set",    &Assembler::set_symbol, 1}, {".equ", &Assembler::set_symbol, 1}, {".equiv", &Assembler::set_symbol, 0},
  {".text",   &Assembler::named_section}, {".data", &Assembler::named_section},
  {".bss",    &Assembler::named_section}, {".rodata", &Assembler::named_section},
  {".section", &Assembler::section, 0}, {".pushsection", &Assembler::section, 1},
  {".popsection", &Assembler::pop_section}, {".previous", &Assembler::previous_section},
  {".address", &Assembler::address_directive},
  {".amdgcn_target", &Assembler::target_directive},
  {".amdhsa_code_object_version", &Assembler::version},
  {".amdhsa_kernel", &Assembler::begin_kernel},
  {".amdgpu_metadata", &Assembler::begin_metadata},
  {".error",  &Assembler::message, 1}, {".err", &Assembler::message, 1}, {".warning", &Assembler::message, 0},
  // What only linkers, debuggers and profilers read.
  {".extern", &Assembler::ignored}, {".file", &Assembler::ignored}, {".loc", &Assembler::ignored},
  {".ident",  &Assembler::ignored}, {".addrsig", &Assembler::ignored}, {".addrsig_sym", &Assembler::ignored},
  {".no_dead_strip", &Assembler::ignored}, {".cfi_sections", &Assembler::ignored}, {".cfi_startproc", &Assembler::ignored},
  {".cfi_endproc", &Assembler::ignored},
  {},
};
// clang-format on

}  // namespace doorbell::amd
