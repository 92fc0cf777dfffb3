#include "codegen/isa/amd/source.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

namespace doorbell::amd {
namespace {

constexpr size_t deepest = 20;               // macros and loops within each other, as LLVM has it for macros
constexpr uint64_t most_lines = 1ull << 22;  // out of macros and loops

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$';
}
bool at_end(names::Text& in) { return in.skip(), in.at == in.text.size(); }
std::string_view rest(names::Text& in) { return in.skip(), in.text.substr(in.at); }
std::string_view trimmed(std::string_view s) {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}
std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Comments become blanks, so that columns stay.
void strip_comments(std::string& text) {
  bool string = false, block = false, line = false, first = true;
  for (size_t i = 0; i < text.size(); ++i) {
    char& c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\n';
    if (c == '\n') {
      string = line = false;
      first = true;
      continue;
    }
    const bool begins = std::exchange(first, first && is_blank(c));
    if (block && c == '*' && next == '/') {
      block = false;
      text[i + 1] = ' ';
    } else if (string) {
      if (c == '\\' && next != '\n') ++i;
      else if (c == '"') string = false;
      continue;
    } else if (!block && !line) {
      const size_t quoted = next == '\\' ? 3 : 2;  // a character: '"', ';', '\''
      if (c == '\'' && i + quoted < text.size() && text[i + quoted] == '\'' &&
          text.find('\n', i) > i + quoted) {
        i += quoted;
        continue;
      }
      if (c == '"') string = true;
      else if (c == '/' && next == '*') block = true;
      else if (c == ';' || (c == '/' && next == '/') || (c == '#' && begins)) line = true;
      if (!block && !line) continue;
      if (block) text[i + 1] = ' ';
    }
    c = ' ';
  }
}

// A string in quotes as it stands, behind which `in` is then; empty where none begins.
std::string_view quoted(names::Text& in) {
  if (!rest(in).starts_with('"')) return {};
  for (size_t i = in.at + 1; i < in.text.size(); ++i) {
    if (in.text[i] == '\\') ++i;
    else if (in.text[i] == '"') return in.text.substr(std::exchange(in.at, i + 1), i + 1 - in.at);
  }
  return {};
}

// One argument: to a comma, or to a blank that no operator touches. Blanks around operators are dropped, a
// string loses its quotes, parentheses hold together.
Result<std::string> argument(names::Text& in) {
  constexpr std::string_view operators = "+-~/*=|^&!<>";
  std::string out;
  int open = 0;
  in.skip();
  while (in.at < in.text.size()) {
    const size_t at = in.at;
    const char c = in.text[at], next = at + 1 < in.text.size() ? in.text[at + 1] : '\0';
    if (c == '=' && next != '=') return in.fail("an argument");
    if (open == 0) {
      if (c == ',') break;
      in.skip();
      if (in.at == in.text.size()) break;
      if (operators.find(in.text[in.at]) != operators.npos) {
        while (in.at < in.text.size() && operators.find(in.text[in.at]) != operators.npos)
          out += in.text[in.at++];
        in.skip();
        continue;
      }
      if (in.at != at) break;
    }
    if (c == '"') {
      std::string_view string = quoted(in);
      if (string.empty()) return in.fail("a string that ends");
      out += string.substr(1, string.size() - 2);
      continue;
    }
    if (c == '(') ++open;
    if (c == ')' && open > 0) --open;
    const size_t size = c == '\'' && in.text.substr(at).size() > 2 && in.text[at + 2] == '\'' ? 3 : 1;
    out += in.text.substr(at, size);
    in.at += size;
  }
  if (open != 0) return in.fail("`)`");
  return out;
}

}  // namespace

size_t SourceLine::column(size_t at) const {
  const auto behind =
      std::upper_bound(parts.begin(), parts.end(), at, [](size_t a, const Part& p) { return a < p.at; });
  if (behind == parts.begin()) return at;
  const Part& p = *(behind - 1);
  return p.inserted ? p.column : p.column + (at - p.at);
}

Error SourceLine::fail(size_t at, std::string_view what) const {
  std::string chain;
  for (const Call* c = call.get(); c; c = c->from.get())
    chain += fmt::format(", in {} at {}:{}", c->what, c->line, c->column);
  Error e = error("{}:{}: {}{}", number, column(at) + 1, what, chain);
  for (char& c : e.message)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';  // names in quotes may have any character
  return e;
}

Error SourceLine::relay(const Error& e, size_t shift) const {
  std::string_view s = e.message;
  size_t column = 1;
  if (constexpr std::string_view begin = "column "; s.starts_with(begin)) {
    const size_t colon = s.find(": ");
    std::from_chars(s.data() + begin.size(), s.data() + s.size(), column);
    if (colon != s.npos) s.remove_prefix(colon + 2);
  }
  return fail(column - 1 + shift, s);
}

// clang-format off
const Source::Word Source::words[] = {
  {".if",       Act::condition, [](int64_t v) { return v != 0; }},
  {".ifne",     Act::condition, [](int64_t v) { return v != 0; }},
  {".ifeq",     Act::condition, [](int64_t v) { return v == 0; }},
  {".ifge",     Act::condition, [](int64_t v) { return v >= 0; }},
  {".ifgt",     Act::condition, [](int64_t v) { return v > 0; }},
  {".ifle",     Act::condition, [](int64_t v) { return v <= 0; }},
  {".iflt",     Act::condition, [](int64_t v) { return v < 0; }},
  {".ifb",      Act::condition}, {".ifnb",     Act::condition, nullptr, false},
  {".ifc",      Act::condition}, {".ifnc",     Act::condition, nullptr, false},
  {".ifeqs",    Act::condition}, {".ifnes",    Act::condition, nullptr, false},
  {".ifdef",    Act::condition}, {".ifndef",   Act::condition, nullptr, false},
  {".ifnotdef", Act::condition, nullptr, false},
  {".elseif",   Act::otherwise_if, [](int64_t v) { return v != 0; }},
  {".else",     Act::otherwise},
  {".endif",    Act::end_condition},
  {".macro",    Act::macro}, {".exitm", Act::exit}, {".purgem", Act::forget},
  {".rept",     Act::loop}, {".rep", Act::loop}, {".irp", Act::loop}, {".irpc", Act::loop},
  {".endm",     Act::stray}, {".endmacro", Act::stray}, {".endr", Act::stray},
  {".end",      Act::end},
  {".amdgpu_metadata", Act::text},
};
// clang-format on

const Source::Word* Source::find(std::string_view name) {
  if (!name.starts_with('.')) return nullptr;
  const std::string small = lower(name);
  for (const Word& w : words)
    if (w.name == small) return &w;
  return nullptr;
}

Source::Source(std::string_view text, const Symbols& symbols, uint64_t most)
    : text_(text), symbols_(symbols), lines_left_(std::min(most, most_lines)), characters_left_(most) {
  strip_comments(text_);
}

// The next line of the innermost macro or loop, or of the file.
Result<std::optional<SourceLine>> Source::pull() {
  while (!frames_.empty()) {
    Frame& f = frames_.back();
    if (f.line < f.body->lines.size()) return std::optional(TRY(expanded(f.body->lines[f.line++], f)));
    f.line = 0;
    if (++f.repetition >= f.repetitions) frames_.pop_back();
  }
  if (at_ >= text_.size()) return std::optional<SourceLine>();
  const size_t end = std::min(text_.find('\n', at_), text_.size());
  std::string_view line = std::string_view(text_).substr(at_, end - at_);
  at_ = end + 1;
  while (!line.empty() && (is_blank(line.back()) || line.back() == '\r')) line.remove_suffix(1);
  return std::optional(SourceLine{std::string(line), ++number_});
}

// With what \name, \@ and \() stand for.
Result<SourceLine> Source::expanded(const SourceLine& line, const Frame& frame) {
  SourceLine out{{}, line.number, frame.call, {}};
  if (lines_left_ == 0) return out.fail(0, "macros and loops make too many lines");
  --lines_left_;
  const std::string_view text = line.text;
  const auto keep = [&](size_t from, size_t to) {
    if (from == to) return;
    if (!line.parts.empty() || !out.parts.empty() || out.text.size() != from)
      out.parts.push_back({out.text.size(), line.column(from), false});
    out.text += text.substr(from, to - from);
  };
  size_t at = 0;
  for (;;) {
    const size_t slash = std::min(text.find('\\', at), text.size());
    keep(at, slash);
    at = slash + 1;
    if (at > text.size()) break;
    if (text.substr(at).starts_with("()")) {
      at += 2;
      continue;
    }
    std::string number;
    const std::string* put = nullptr;
    size_t end = at;
    if (frame.body->counts && text.substr(at).starts_with('@')) {
      number = std::to_string(frame.number);
      put = &number;
      ++end;
    } else {
      while (end < text.size() && is_name(text[end])) ++end;
      const std::string_view name = text.substr(at, end - at);
      const std::vector<Parameter>& parameters = frame.body->parameters;
      for (size_t i = 0; i < parameters.size(); ++i)
        if (parameters[i].name == name) put = &frame.arguments[frame.repetition][i];
    }
    if (!put) {
      keep(slash, end);
    } else {
      out.parts.push_back({out.text.size(), line.column(slash), true});
      out.text += *put;
    }
    at = end;
    if (out.text.size() > characters_left_) return out.fail(0, "macros and loops make too much text");
  }
  characters_left_ -= std::min<uint64_t>(characters_left_, out.text.size());
  return out;
}

Result<std::optional<SourceLine>> Source::next() {
  for (;;) {
    std::optional<SourceLine> line = std::exchange(pending_, std::nullopt);
    if (!line && !ended_) line = TRY(pull());
    if (!line) {
      if (!conditions_.empty()) return conditions_.back().where.fail(0, "expected .endif of this condition");
      return line;
    }
    names::Text in{line->text};
    size_t at = (in.skip(), in.at);
    std::string_view name = in.word();
    if (is_text_) {
      is_text_ = name != ".end_amdgpu_metadata";
      return line;
    }
    const Word* word = find(name);
    if (word && word->act <= Act::end_condition) {
      TRY(condition(*word, *line, at, in));
      continue;
    }
    if (skips() || name.empty()) {
      if (skips()) continue;
      return line;
    }
    const size_t first = at;
    while (in.text.substr(in.at).starts_with(':') && !in.text.substr(in.at).starts_with("::")) {
      ++in.at;
      at = (in.skip(), in.at);
      name = in.word();
    }
    const auto macro = macros_.find(name);
    word = find(name);
    const bool assigns = rest(in).starts_with('=') && !rest(in).starts_with("==");
    if (assigns || (macro == macros_.end() && !word)) return line;
    if (at != first) {  // labels first
      pending_ = *line;
      pending_->text.replace(0, at, at, ' ');
      line->text.resize(at);
      return line;
    }
    if (macro != macros_.end()) {
      TRY(call(macro->second, *line, at, in));
    } else if (word->act == Act::text) {
      is_text_ = true;
      return line;
    } else {
      TRY(act(*word, *line, at, in));
    }
  }
}

Result<bool> Source::holds(const Word& word, const SourceLine& line, names::Text& in) const {
  const auto end = [&]() -> Status {
    return at_end(in) ? success() : Status(line.relay(in.fail("the end of the line")));
  };
  if (word.holds) {
    const Result<int64_t> v = symbols_.known_number(in);
    if (!v) return line.relay(v.error());
    TRY(end());
    return word.holds(*v);
  }
  bool found = false;
  if (word.name.ends_with("def")) {
    const std::string_view name = in.word();
    if (name.empty()) return line.relay(in.fail("a name"));
    TRY(end());
    found = symbols_.is_defined(name);
  } else if (word.name.ends_with('b')) {
    found = at_end(in);
  } else if (word.name.ends_with('c')) {
    const std::string_view both = in.text.substr(in.at);
    const size_t comma = both.find(',');
    in.at = in.text.size();
    if (comma == both.npos) return line.relay(in.fail("`,` and another text"));
    found = trimmed(both.substr(0, comma)) == trimmed(both.substr(comma + 1));
  } else {
    const std::string_view one = quoted(in);
    if (one.empty()) return line.relay(in.fail("a string in quotes"));
    if (!in.eat(",")) return line.relay(in.fail("`,`"));
    const std::string_view other = quoted(in);
    if (other.empty()) return line.relay(in.fail("a string in quotes"));
    TRY(end());
    found = one == other;
  }
  return found == word.wanted;
}

Status Source::condition(const Word& word, const SourceLine& line, size_t at, names::Text& in) {
  if (word.act == Act::condition) {
    Condition c{.where = line};
    c.outer = skips();
    c.taken = !c.outer && TRY(holds(word, line, in));
    c.skips = !c.taken;
    conditions_.push_back(std::move(c));
    return success();
  }
  if (conditions_.empty()) return line.fail(at, fmt::format("expected .if before {}", word.name));
  Condition& c = conditions_.back();
  if (word.act == Act::otherwise_if) {
    if (c.closed) return line.fail(at, "expected .endif, found .elseif behind .else");
    c.skips = c.outer || c.taken || !TRY(holds(word, line, in));
    c.taken |= !c.skips;
    return success();
  }
  if (!c.outer && !at_end(in)) return line.relay(in.fail("the end of the line"));
  if (word.act == Act::end_condition) {
    conditions_.pop_back();
    return success();
  }
  if (c.closed) return line.fail(at, "expected .endif, found a second .else");
  c.closed = true;
  c.skips = c.outer || c.taken;
  return success();
}

Status Source::act(const Word& word, const SourceLine& line, size_t at, names::Text& in) {
  if (word.act == Act::macro) return define(line, at, in);
  if (word.act == Act::loop) return loop(word, line, at, in);
  if (word.act == Act::stray) return line.fail(at, fmt::format("{} ends nothing here", word.name));
  if (word.act == Act::forget) {
    const std::string_view name = in.word();
    const auto found = macros_.find(name);
    if (found == macros_.end()) return line.fail(at, fmt::format("expected a macro, found `{}`", name));
    macros_.erase(found);
  } else if (word.act == Act::exit) {
    if (frames_.empty()) return line.fail(at, "expected .exitm within a macro");
    conditions_.resize(std::min(conditions_.size(), frames_.back().conditions));
    frames_.pop_back();
  } else {
    ended_ = true;
  }
  return at_end(in) ? success() : Status(line.relay(in.fail("the end of the line")));
}

// The lines to the end of a macro or of a loop, which must come from where its beginning came from.
Result<std::vector<SourceLine>> Source::collect(const SourceLine& opening, size_t at, bool macro) {
  std::vector<SourceLine> lines;
  const size_t depth = frames_.size();
  const uint64_t repetition = frames_.empty() ? 0 : frames_.back().repetition;
  for (int open = 1;;) {
    std::optional<SourceLine> line = TRY(pull());
    if (!line || frames_.size() != depth || (depth != 0 && frames_.back().repetition != repetition))
      return opening.fail(at, macro ? "expected .endm of this macro" : "expected .endr of this loop");
    const Word* word = find(names::Text{line->text}.word());
    if (word && word->act == (macro ? Act::macro : Act::loop)) ++open;
    if (word && word->act == Act::stray && macro == (word->name != ".endr") && --open == 0) return lines;
    lines.push_back(std::move(*line));
  }
}

Status Source::define(const SourceLine& line, size_t at, names::Text& in) {
  const std::string name(in.word());
  if (name.empty()) return line.relay(in.fail("a name"));
  auto body = std::make_shared<Body>();
  body->what = fmt::format("macro `{}`", name);
  in.eat(",");
  while (!at_end(in)) {
    if (!body->parameters.empty() && body->parameters.back().rest)
      return line.relay(in.fail("the end of the line behind a vararg"));
    const size_t begin = in.at;
    Parameter p{.name = std::string(in.word()), .value = {}};
    if (p.name.empty()) return line.relay(in.fail("a parameter's name"));
    for (const Parameter& q : body->parameters)
      if (q.name == p.name) return line.fail(begin, fmt::format("two parameters are called `{}`", p.name));
    if (in.eat(":")) {
      const size_t qualifier = in.at;
      const std::string_view word = in.word();
      p.required = word == "req";
      p.rest = word == "vararg";
      if (!p.required && !p.rest) return line.fail(qualifier, "expected req or vararg");
    }
    if (in.eat("=")) {
      const Result<std::string> value = argument(in);
      if (!value) return line.relay(value.error());
      p.value = *value;
    }
    in.eat(",");
    body->parameters.push_back(std::move(p));
  }
  body->lines = TRY(collect(line, at, true));
  if (!macros_.emplace(name, std::move(body)).second)
    return line.fail(at, fmt::format("macro `{}` is defined twice", name));
  return success();
}

Result<std::vector<std::string>> Source::arguments(const Body* macro, const SourceLine& line,
                                                   names::Text& in) const {
  static const std::vector<Parameter> none;
  const std::vector<Parameter>& parameters = macro ? macro->parameters : none;
  std::vector<std::string> values(parameters.size());
  bool named = false;
  for (size_t i = 0; !at_end(in); ++i) {
    if (macro && i == parameters.size())
      return line.relay(in.fail(fmt::format("no more than {} arguments", parameters.size())));
    const size_t start = in.at;
    size_t to = i;
    names::Text probe = in;
    const std::string_view name = probe.word();
    if (!name.empty() && rest(probe).starts_with('=') && !rest(probe).starts_with("==")) {
      for (to = 0; to < parameters.size() && parameters[to].name != name;) ++to;
      if (to == parameters.size()) return line.relay(in.fail("a parameter's name"));
      in.at = probe.at + 1;
      named = true;
    } else if (named) {
      return line.fail(start, "expected a parameter's name, as before");
    }
    std::string value;
    if (macro && i + 1 == parameters.size() && parameters[i].rest) {
      value = rest(in);
      in.at = in.text.size();
    } else {
      Result<std::string> one = argument(in);
      if (!one) return line.relay(one.error());
      value = std::move(*one);
    }
    in.eat(",");
    if (!macro) values.push_back(std::move(value));
    else if (!value.empty()) values[to] = std::move(value);
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!values[i].empty()) continue;
    if (parameters[i].required)
      return line.relay(in.fail(fmt::format("an argument for `{}`", parameters[i].name)));
    values[i] = parameters[i].value;
  }
  return values;
}

Status Source::enter(Frame frame, const SourceLine& line, size_t at) {
  if (frames_.size() == deepest)
    return line.fail(at, fmt::format("more than {} macros and loops within each other", deepest));
  const uint64_t lines = frame.body->lines.size();
  if (lines == 0 || frame.repetitions == 0) return success();
  if (frame.repetitions > lines_left_ / lines) return line.fail(at, "macros and loops make too many lines");
  frame.call = std::make_shared<Call>(Call{frame.body->what, line.number, line.column(at) + 1, line.call});
  frame.conditions = conditions_.size();
  frames_.push_back(std::move(frame));
  return success();
}

Status Source::call(const std::shared_ptr<const Body>& macro, const SourceLine& line, size_t at,
                    names::Text& in) {
  std::vector<std::string> values = TRY(arguments(macro.get(), line, in));
  return enter({.body = macro, .arguments = {std::move(values)}, .call = {}, .number = calls_++}, line, at);
}

Status Source::loop(const Word& word, const SourceLine& line, size_t at, names::Text& in) {
  auto body = std::make_shared<Body>();
  body->what = word.name;
  Frame frame{.body = body, .arguments = {}, .call = {}, .number = calls_};
  if (word.name.starts_with(".rep")) {
    const size_t begin = (in.skip(), in.at);
    const Result<int64_t> count = symbols_.known_number(in);
    if (!count) return line.relay(count.error());
    if (*count < 0) return line.fail(begin, fmt::format("expected a count, found {}", *count));
    if (!at_end(in)) return line.relay(in.fail("the end of the line"));
    frame.repetitions = static_cast<uint64_t>(*count);
    body->counts = false;
  } else {
    body->parameters.push_back({.name = std::string(in.word()), .value = {}});
    if (body->parameters[0].name.empty()) return line.relay(in.fail("a name"));
    if (!in.eat(",")) return line.relay(in.fail("`,`"));
    const std::vector<std::string> values = TRY(arguments(nullptr, line, in));
    if (word.name == ".irp") {
      for (const std::string& v : values) frame.arguments.push_back({v});
    } else {
      if (values.size() > 1) return line.fail(at, "expected one word to take the characters of");
      if (!values.empty())
        for (char c : values[0]) frame.arguments.push_back({std::string(1, c)});
    }
    frame.repetitions = frame.arguments.size();
  }
  body->lines = TRY(collect(line, at, false));
  return enter(std::move(frame), line, at);
}

}  // namespace doorbell::amd
