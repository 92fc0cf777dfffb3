#include "codegen/isa/amd/expression.h"

#include <algorithm>
#include <charconv>

namespace doorbell::amd {
namespace {

using Value = Names::Value;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Reader {
  names::Text& in;
  const Names* symbols;
  int depth = 0;  // of parentheses and signs

  Result<Value> expression(int precedence = 0);
  Result<Value> primary();
  Result<Value> unary(uint64_t (*f)(uint64_t));
  Result<Value> integer();
  Result<Value> character();
  Result<Value> name();
  Result<Value> call(uint64_t (*f)(uint64_t, uint64_t));
};

enum class Kind : uint8_t { add, subtract, comparison, divide, other };
struct Binary {
  std::string_view text;
  int precedence;
  Kind kind;
  uint64_t (*apply)(uint64_t, uint64_t);
};
constexpr uint64_t truth(bool b) { return b ? ~uint64_t{0} : 0; }
constexpr auto as_signed = [](uint64_t v) { return static_cast<int64_t>(v); };
// The longer of two that begin alike stands first.
// clang-format off
constexpr Binary binaries[] = {
  {"||", 1, Kind::other,      [](uint64_t a, uint64_t b) -> uint64_t { return a || b; }},
  {"&&", 2, Kind::other,      [](uint64_t a, uint64_t b) -> uint64_t { return a && b; }},
  {"==", 3, Kind::comparison, [](uint64_t a, uint64_t b) { return truth(a == b); }},
  {"!=", 3, Kind::comparison, [](uint64_t a, uint64_t b) { return truth(a != b); }},
  {"<>", 3, Kind::comparison, [](uint64_t a, uint64_t b) { return truth(a != b); }},
  {"<=", 3, Kind::comparison, [](uint64_t a, uint64_t b) { return truth(as_signed(a) <= as_signed(b)); }},
  {">=", 3, Kind::comparison, [](uint64_t a, uint64_t b) { return truth(as_signed(a) >= as_signed(b)); }},
  {"<<", 6, Kind::other,      [](uint64_t a, uint64_t b) { return b < 64 ? a << b : 0; }},
  {">>", 6, Kind::other,      [](uint64_t a, uint64_t b) { return b < 64 ? a >> b : 0; }},
  {"<",  3, Kind::comparison, [](uint64_t a, uint64_t b) { return truth(as_signed(a) < as_signed(b)); }},
  {">",  3, Kind::comparison, [](uint64_t a, uint64_t b) { return truth(as_signed(a) > as_signed(b)); }},
  {"+",  4, Kind::add,        [](uint64_t a, uint64_t b) { return a + b; }},
  {"-",  4, Kind::subtract,   [](uint64_t a, uint64_t b) { return a - b; }},
  {"|",  5, Kind::other,      [](uint64_t a, uint64_t b) { return a | b; }},
  {"!",  5, Kind::other,      [](uint64_t a, uint64_t b) { return a | ~b; }},
  {"^",  5, Kind::other,      [](uint64_t a, uint64_t b) { return a ^ b; }},
  {"&",  5, Kind::other,      [](uint64_t a, uint64_t b) { return a & b; }},
  {"*",  6, Kind::other,      [](uint64_t a, uint64_t b) { return a * b; }},
  {"/",  6, Kind::divide,     [](uint64_t a, uint64_t b) -> uint64_t { return as_signed(a) / as_signed(b); }},
  {"%",  6, Kind::divide,     [](uint64_t a, uint64_t b) -> uint64_t { return as_signed(a) % as_signed(b); }},
};
// clang-format on

// Of two arguments or more.
struct Function {
  std::string_view name;
  uint64_t (*apply)(uint64_t, uint64_t);
};
// clang-format off
constexpr Function functions[] = {
  {"max",     [](uint64_t a, uint64_t b) { return as_signed(a) > as_signed(b) ? a : b; }},
  {"or",      [](uint64_t a, uint64_t b) { return a | b; }},
  {"alignto", [](uint64_t a, uint64_t b) { return b == 0 ? a : (a + b - 1) / b * b; }},
};
// clang-format on

// What the result is relative to.
int base_of(Kind kind, const Value& a, const Value& b) {
  const bool same_section = a.base >= 0 && a.base == b.base;
  if (a.base == Value::absolute && b.base == Value::absolute) return Value::absolute;
  if (same_section && (kind == Kind::subtract || kind == Kind::comparison)) return Value::absolute;
  if (b.base == Value::absolute && (kind == Kind::add || kind == Kind::subtract)) return a.base;
  if (a.base == Value::absolute && kind == Kind::add) return b.base;
  return Value::unknown;
}

Result<Value> Reader::unary(uint64_t (*f)(uint64_t)) {
  Value v = TRY(primary());
  v.value = as_signed(f(static_cast<uint64_t>(v.value)));
  if (v.base != Value::absolute) v.base = Value::unknown;
  return v;
}

Result<Value> Reader::primary() {
  constexpr int deepest = 100;  // far beyond what people write; keeps garbage off the stack
  struct Level {
    int& depth;
    ~Level() { --depth; }
  } level{++depth};
  if (depth > deepest) return in.fail("an expression that nests less");
  in.skip();
  const char c = in.at < in.text.size() ? in.text[in.at] : '\0';
  if (c == '(') {
    ++in.at;
    const Value v = TRY(expression());
    TRY(in.need(")"));
    return v;
  }
  if (c == '+' || c == '-' || c == '~' || c == '!') {
    ++in.at;
    if (c == '+') return primary();
    if (c == '-') return unary([](uint64_t v) { return 0 - v; });
    if (c == '~') return unary([](uint64_t v) { return ~v; });
    return unary([](uint64_t v) -> uint64_t { return v == 0; });
  }
  if (c == '\'') return character();
  if (is_digit(c)) return integer();
  return name();
}

// 12, 0x1f, 0b101, 017; or 1b and 1f.
Result<Value> Reader::integer() {
  const size_t start = in.at;
  names::Text probe = in;
  if (symbols && is_numeric_label(probe.word())) return name();
  const std::string_view rest = in.text.substr(start);
  int radix = 10;
  if (rest.starts_with("0x") || rest.starts_with("0X")) radix = 16;
  else if (rest.starts_with("0b") || rest.starts_with("0B")) radix = 2;
  else if (rest.size() > 1 && rest[0] == '0' && is_digit(rest[1])) radix = 8;
  if (radix == 16 || radix == 2) in.at += 2;
  uint64_t v = 0;
  const auto [end, code] = std::from_chars(in.text.data() + in.at, in.text.data() + in.text.size(), v, radix);
  const auto stop = static_cast<size_t>(end - in.text.data());
  if (code != std::errc() || (radix == 8 && stop < in.text.size() && is_digit(in.text[stop]))) {
    in.at = start;
    return in.fail(code == std::errc::result_out_of_range ? "a number of 64 bits" : "a number");
  }
  in.at = stop;
  return Value{as_signed(v)};
}

// 'a', '\n', '\\'.
Result<Value> Reader::character() {
  const size_t start = in.at++;
  const auto next = [&] { return in.at < in.text.size() ? in.text[in.at++] : '\0'; };
  char c = next();
  if (c == '\\') {
    c = next();
    constexpr std::string_view letters = "btnfr'\"\\", meanings = "\b\t\n\f\r'\"\\";
    const size_t i = letters.find(c);
    if (i == letters.npos) c = '\0';
    else c = meanings[i];
  }
  if (c != '\0' && next() == '\'') return Value{static_cast<unsigned char>(c)};
  in.at = start;
  return in.fail("a character in quotes");
}

// The arguments of a function, from its parenthesis on.
Result<Value> Reader::call(uint64_t (*f)(uint64_t, uint64_t)) {
  TRY(in.need("("));
  Value left = TRY(expression());
  while (in.eat(",")) {
    const Value right = TRY(expression());
    left.value = as_signed(f(static_cast<uint64_t>(left.value), static_cast<uint64_t>(right.value)));
    left.base = base_of(Kind::other, left, right);
    left.address |= right.address;
  }
  TRY(in.need(")"));
  return left;
}

Result<Value> Reader::name() {
  const size_t start = (in.skip(), in.at);
  const std::string_view word = in.word();
  for (const Function& f : functions)
    if (word == f.name && in.text.substr(in.at).starts_with('(')) return call(f.apply);
  if (word.empty()) return in.fail("a number");
  if (symbols && in.eat("@")) {  // sym@rel32@lo+4
    const size_t how = in.at;
    while (!in.word().empty() && in.eat("@")) {}
    const std::string_view kind = in.text.substr(how, in.at - how);
    int64_t addend = 0;
    in.skip();
    if (in.eat("+") || in.text.substr(in.at).starts_with('-')) addend = in.number().value_or(0);
    if (const std::optional<int64_t> v = symbols->relocated(word, kind, addend))
      return Value{*v, true, Value::absolute};
    in.at = start;
    return in.fail("a symbol and @rel32@lo, @rel32@hi, @abs32@lo or @abs32@hi");
  }
  if (symbols)
    if (const std::optional<Value> v = symbols->value(word)) return *v;
  in.at = start;
  return in.fail("a number, or the name of one");
}

Result<Value> Reader::expression(int precedence) {
  Value left = TRY(primary());
  for (;;) {
    in.skip();
    const std::string_view rest = in.text.substr(in.at);
    const Binary* found = std::find_if(std::begin(binaries), std::end(binaries),
                                       [&](const Binary& b) { return rest.starts_with(b.text); });
    if (found == std::end(binaries) || found->precedence <= precedence) return left;
    in.at += found->text.size();
    const size_t at = in.at;
    const Value right = TRY(expression(found->precedence));
    const int base = base_of(found->kind, left, right);
    const bool divides =
        found->kind != Kind::divide || !(right.value == 0 || (right.value == -1 && left.value == INT64_MIN));
    if (divides) {
      left.value =
          as_signed(found->apply(static_cast<uint64_t>(left.value), static_cast<uint64_t>(right.value)));
    } else if (base == Value::unknown) {
      left.value = 0;  // nothing yet that could divide
    } else {
      in.at = at;
      return in.fail("a divisor that divides");
    }
    left.base = base;
    left.address |= right.address;
  }
}

}  // namespace

bool is_numeric_label(std::string_view word) {
  return word.size() > 1 && (word.back() == 'b' || word.back() == 'f') &&
         std::all_of(word.begin(), word.end() - 1, is_digit);
}

Result<Names::Value> parse_expression(names::Text& in, const Names* symbols) {
  return Reader{in, symbols}.expression();
}

}  // namespace doorbell::amd
