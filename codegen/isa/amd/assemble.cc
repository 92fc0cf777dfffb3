// Two passes over the source: the first one counts bytes and so finds where labels are, the second one
// writes. What a line emits has the same size in both, since what names an address always takes a literal.
#include "codegen/isa/amd/assemble.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/metadata.h"
#include "codegen/isa/amd/names.h"
#include "codegen/isa/amd/object.h"

namespace doorbell::amd {
namespace {

struct Place {
  size_t part = 0;
  uint64_t offset = 0;
  friend bool operator==(const Place&, const Place&) = default;
};
struct SymbolState {
  std::optional<Place> place;
  std::optional<int64_t> value;  // of .set
  uint64_t size = 0;
  uint8_t type = 0, binding = 0, visibility = 0;
  std::string kernel{};  // whose descriptor it is
};
using SymbolMap = std::map<std::string, SymbolState, std::less<>>;

// A kernel's directives between .amdhsa_kernel and its end.
struct KernelBlock {
  std::string name;
  KernelDescriptor descriptor;
  std::optional<uint32_t> next_free_vgpr, next_free_sgpr, user_sgpr_count;
  std::set<std::string> seen;
};

struct SectionKind {
  std::string_view prefix;
  uint64_t flags;
  bool has_bytes;
};
// What a name means where the source does not say it.
constexpr SectionKind section_kinds[] = {
    {".text", flag_alloc | flag_execute, true},
    {".rodata", flag_alloc, true},
    {".data", flag_alloc | flag_write, true},
    {".bss", flag_alloc | flag_write, false},
};

class Assembler : Names {
 public:
  Assembler(std::string_view source, std::string_view processor, uint64_t most)
      : source_(source), most_(most) {
    object_.processor = processor;
  }

  Result<std::vector<std::byte>> run() {
    strip_comments();
    TRY(find_target());
    TRY(pass());
    for (size_t i = 0; i < object_.parts.size(); ++i) object_.parts[i].size = here_[i];
    collect();
    if (Status placed = place(object_); !placed) return fail_at(1, 1, placed.error().message);
    last_ = true;
    first_pass_ = std::move(symbols_);
    symbols_.clear();
    object_.pointers.clear();
    TRY(pass());
    collect();
    Result<std::vector<std::byte>> file = write(object_);
    if (!file) return fail_at(1, 1, file.error().message);
    return file;
  }

 private:
  // Names.
  std::optional<Value> value(std::string_view name) const override;
  std::optional<int64_t> distance(std::string_view name) const override;
  std::optional<int64_t> relocated(std::string_view, std::string_view how, int64_t addend) const override;
  [[nodiscard]] std::optional<int64_t> address(std::string_view name) const;
  [[nodiscard]] int64_t address(Place p) const {
    return static_cast<int64_t>(object_.parts[p.part].va + p.offset);
  }
  [[nodiscard]] Place here() const { return {part_, here_[part_]}; }

  // Errors. `at` is an offset in the line at hand.
  [[nodiscard]] static Error fail_at(size_t line, size_t column, std::string_view what) {
    return error("{}:{}: {}", line, column, what);
  }
  [[nodiscard]] Error fail(size_t at, std::string_view what) const {
    return fail_at(line_number_, at + 1, what);
  }
  // A parser's "column N: ..." becomes the line's.
  [[nodiscard]] Error relay(const Error& e, size_t shift = 0) const {
    std::string_view s = e.message;
    size_t column = 1;
    if (constexpr std::string_view begin = "column "; s.starts_with(begin)) {
      const size_t colon = s.find(": ");
      std::from_chars(s.data() + begin.size(), s.data() + s.size(), column);
      if (colon != s.npos) s.remove_prefix(colon + 2);
    }
    return fail(column - 1 + shift, s);
  }
  [[nodiscard]] Error expected(std::string_view what) const { return relay(in_.fail(what)); }

  void strip_comments();
  Status find_target();
  Status pass();
  Status statement(std::string_view line);
  Status label(std::string_view name, size_t at);
  Status instruction(std::string_view line, size_t begin);
  Status directive(std::string_view name, size_t at);
  Status kernel_directive(std::string_view name, size_t at);
  Status end_kernel(size_t at);
  Status end_metadata();
  void collect();

  Result<int64_t> number();
  Result<uint64_t> count(uint64_t limit);
  Result<std::string> name_here();
  Result<std::string> text_here();
  Status comma() { return in_.eat(",") ? success() : Status(expected("`,`")); }
  Status end_of_line() {
    in_.skip();
    return in_.at == in_.text.size() ? success() : Status(expected("the end of the line"));
  }

  Status emit(std::span<const std::byte> bytes) {
    Object::Part& part = object_.parts[part_];
    if (!part.has_bytes &&
        std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{}; }))
      return fail(0, fmt::format("section {} has no bytes in the file", part.name));
    if (here_[part_] + bytes.size() > most_)
      return fail(0, fmt::format("a section has more than {} bytes", most_));
    if (last_ && part.has_bytes) part.bytes.insert(part.bytes.end(), bytes.begin(), bytes.end());
    here_[part_] += bytes.size();
    return success();
  }
  Status emit_number(uint64_t v, size_t size) {
    std::array<std::byte, 8> bytes;
    std::memcpy(bytes.data(), &v, 8);
    return emit(std::span(bytes).first(size));
  }
  Status emit_times(uint64_t v, size_t size, uint64_t times) {
    if (times > most_ || here_[part_] + times * size > most_)
      return fail(0, fmt::format("a section has more than {} bytes", most_));
    if (!last_) {
      here_[part_] += times * size;
      return success();
    }
    for (; times != 0; --times) TRY(emit_number(v, size));
    return success();
  }
  Status align(uint64_t to, std::optional<uint64_t> fill, size_t fill_size, uint64_t most);
  Status section(std::string name, uint64_t flags, bool has_bytes);
  Status section_of(std::string name);

  Status data(size_t size);
  Status strings(bool with_zero);
  Status symbol_flag(std::string_view directive);

  std::string source_;
  uint64_t most_;
  Arch arch_ = Arch::gfx1100;
  std::map<std::string, uint8_t, std::less<>> wave_of_kernel_;
  uint8_t wave_ = 32;
  Object object_;
  std::vector<uint64_t> here_;  // by section
  size_t part_ = 0;
  SymbolMap symbols_, first_pass_;
  bool last_ = false;
  uint32_t used_vgprs_ = 0, used_sgprs_ = 0;  // since the last kernel's label
  names::Text in_;
  size_t line_number_ = 0;
  std::optional<KernelBlock> kernel_;
  std::optional<std::string> metadata_;
  size_t metadata_line_ = 0;
};

// Comments become blanks, so that columns stay.
void Assembler::strip_comments() {
  bool string = false, block = false, line = false, first = true;
  for (size_t i = 0; i < source_.size(); ++i) {
    char& c = source_[i];
    const char next = i + 1 < source_.size() ? source_[i + 1] : '\n';
    if (c == '\n') {
      string = line = false;
      first = true;
      continue;
    }
    const bool begins = std::exchange(first, first && (c == ' ' || c == '\t'));
    if (block && c == '*' && next == '/') {
      block = false;
      source_[i + 1] = ' ';
    } else if (string) {
      if (c == '\\' && next != '\n') ++i;
      else if (c == '"') string = false;
      continue;
    } else if (!block && !line) {
      if (c == '"') string = true;
      else if (c == '/' && next == '*') block = true;
      else if (c == ';' || (c == '/' && next == '/') || (c == '#' && begins)) line = true;
      if (!block && !line) continue;
      if (block) source_[i + 1] = ' ';
    }
    c = ' ';
  }
}

// What the whole file depends on: the processor, and which kernels have waves of 64 lanes.
Status Assembler::find_target() {
  std::string kernel;
  size_t line = 0, begin = 0;
  for (std::string_view rest = source_; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    names::Text in{rest.substr(0, end)};
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++line;
    const std::string_view word = in.word();
    if (word == ".amdhsa_kernel") {
      kernel = in.word();
      wave_of_kernel_[kernel] = 32;
    }
    if (word == ".amdhsa_wavefront_size32" && in.number() == 0) {
      wave_of_kernel_[kernel] = 64;
      if (wave_of_kernel_.size() == 1) wave_ = 64;
    }
    if (word != ".amdgcn_target") continue;
    in.skip();
    begin = in.at;
    std::string_view target = in.text.substr(in.at);
    while (!target.empty() && (target.back() == '"' || target.back() == ' ' || target.back() == '\r'))
      target.remove_suffix(1);
    if (!target.starts_with('"')) return fail_at(line, begin + 1, "expected a target in quotes");
    // amdgcn-amd-amdhsa--gfx1100:xnack-
    std::string_view name = target.substr(std::min(target.rfind('-') + 1, target.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    if (const size_t dashes = target.find("--gfx"); dashes != target.npos) name = target.substr(dashes + 2);
    name = name.substr(0, name.find(':'));
    if (!target.starts_with("\"amdgcn-amd-amdhsa-") || !parse_arch(name))
      return fail_at(
          line, begin + 1,
          fmt::format("expected a target such as \"amdgcn-amd-amdhsa--gfx1100\", found {}\"", target));
    if (!object_.processor.empty() && object_.processor != name)
      return fail_at(line, begin + 1,
                     fmt::format("the target is {}, but {} was asked for", name, object_.processor));
    object_.processor = name;
  }
  if (object_.processor.empty())
    return fail_at(1, 1,
                   "expected .amdgcn_target \"amdgcn-amd-amdhsa--gfx1100\" (or --arch on the command line)");
  if (const Result<Arch> arch = parse_arch(object_.processor)) arch_ = *arch;
  else return fail_at(1, 1, arch.error().message);
  return success();
}

Status Assembler::pass() {
  here_.assign(object_.parts.size(), 0);
  const uint8_t first_wave = wave_;
  used_vgprs_ = used_sgprs_ = 0;
  line_number_ = 0;
  TRY(section_of(".text"));
  for (std::string_view rest = source_; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++line_number_;
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r'))
      line.remove_suffix(1);
    TRY(statement(line));
  }
  if (kernel_) return fail(0, fmt::format("expected .end_amdhsa_kernel of {}", kernel_->name));
  if (metadata_) return fail(0, "expected .end_amdgpu_metadata");
  wave_ = first_wave;
  return success();
}

Status Assembler::statement(std::string_view line) {
  if (metadata_) {
    if (names::Text{line}.word() == ".end_amdgpu_metadata") return end_metadata();
    *metadata_ += line;
    *metadata_ += '\n';
    return success();
  }
  in_ = {line};
  for (;;) {
    in_.skip();
    const size_t at = in_.at;
    if (at == line.size()) return success();
    std::string_view word = in_.word();
    if (word.empty() && line[at] == '"') {
      const std::string quoted = TRY(text_here());
      TRY(label(quoted, at));
      if (!in_.eat(":")) return expected("`:`");
      continue;
    }
    if (word.empty()) return expected("an instruction, a directive or a label");
    const std::string_view behind = line.substr(in_.at);
    if (behind.starts_with(':') && !behind.starts_with("::")) {
      ++in_.at;
      TRY(label(word, at));
      continue;
    }
    in_.skip();
    if (in_.at < line.size() && line[in_.at] == '=' && !line.substr(in_.at).starts_with("==")) {
      ++in_.at;
      const std::string name(word);
      const int64_t v = TRY(number());
      symbols_[name].value = v;
      return end_of_line();
    }
    if (kernel_) return kernel_directive(word, at);
    if (word.starts_with('.')) return directive(word, at);
    return instruction(line, at);
  }
}

Status Assembler::label(std::string_view name, size_t at) {
  if (kernel_) return fail(at, fmt::format("expected .end_amdhsa_kernel, found the label `{}`", name));
  SymbolState& s = symbols_[std::string(name)];
  if (s.place || s.value) return fail(at, fmt::format("`{}` is defined twice", name));
  s.place = here();
  if (last_) {
    const auto before = first_pass_.find(name);
    if (before == first_pass_.end() || before->second.place != s.place)
      return fail(at, fmt::format("`{}` moves: sizes before it depend on what comes later", name));
  }
  if (const auto wave = wave_of_kernel_.find(name); wave != wave_of_kernel_.end()) {
    wave_ = wave->second;
    used_vgprs_ = used_sgprs_ = 0;
  }
  return success();
}

Status Assembler::instruction(std::string_view line, size_t begin) {
  const Target target{arch_, wave_};
  const Result<Inst> inst = parse(line.substr(begin), target, this);
  if (!inst) return relay(inst.error(), begin);
  if (const Status fits = check(*inst, target); !fits) return fail(begin, fits.error().message);
  std::vector<std::byte> bytes;
  if (const Status done = encode(*inst, target, bytes); !done) return fail(begin, done.error().message);
  for (const Operand& x : inst->operands) {
    const uint32_t end = x.index + std::max<uint32_t>(x.dwords, 1);
    if (x.kind == Operand::Kind::vgpr) used_vgprs_ = std::max(used_vgprs_, end);
    if (x.kind == Operand::Kind::sgpr && x.index < scalar::vcc) used_sgprs_ = std::max(used_sgprs_, end);
  }
  return emit(bytes);
}

std::optional<int64_t> Assembler::address(std::string_view name) const {
  if (name == ".") return address(here());
  for (const SymbolMap* map : {&symbols_, &first_pass_})
    if (const auto found = map->find(name); found != map->end() && found->second.place)
      return address(*found->second.place);
  // The first pass takes what is not yet known for a label of later.
  return last_ ? std::nullopt : std::optional<int64_t>(0);
}

std::optional<Names::Value> Assembler::value(std::string_view name) const {
  if (const auto found = symbols_.find(name); found != symbols_.end() && found->second.value)
    return Value{*found->second.value, false};
  if (name == ".amdgcn.next_free_vgpr") return Value{used_vgprs_, false};
  if (name == ".amdgcn.next_free_sgpr") return Value{used_sgprs_, false};
  if (const auto found = first_pass_.find(name); found != first_pass_.end() && found->second.value)
    return Value{*found->second.value, true};  // as the first pass took it
  if (const std::optional<int64_t> a = address(name)) return Value{*a, true};
  return std::nullopt;
}

std::optional<int64_t> Assembler::distance(std::string_view name) const {
  const std::optional<int64_t> to = address(name);
  if (!to) return std::nullopt;
  return last_ ? (*to - (address(here()) + 4)) >> 2 : 0;
}

// The literal of a scalar instruction lies four bytes behind its beginning.
std::optional<int64_t> Assembler::relocated(std::string_view name, std::string_view how,
                                            int64_t addend) const {
  const std::optional<int64_t> to = address(name);
  if (!to) return std::nullopt;
  const int64_t absolute = *to + addend, relative = absolute - (address(here()) + 4);
  if (how == "rel32@lo" || how == "gotpcrel32@lo") return static_cast<uint32_t>(relative);
  if (how == "rel32@hi" || how == "gotpcrel32@hi") return static_cast<uint32_t>(relative >> 32);
  if (how == "abs32@lo" || how == "abs32") return static_cast<uint32_t>(absolute);
  if (how == "abs32@hi") return static_cast<uint32_t>(absolute >> 32);
  return std::nullopt;
}

Result<int64_t> Assembler::number() {
  size_t at = in_.at;
  const Result<Value> v = parse_expression(in_.text, at, this);
  if (!v) return relay(v.error());
  in_.at = at;
  return v->value;
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
  for (;;) {
    if (in_.at >= in_.text.size()) return expected("`\"`");
    char c = in_.text[in_.at++];
    if (c == '"') return out;
    if (c == '\\') {
      if (in_.at >= in_.text.size()) return expected("`\"`");
      c = in_.text[in_.at++];
      constexpr std::string_view letters = "btnfr\"\\", meanings = "\b\t\n\f\r\"\\";
      if (const size_t i = letters.find(c); i != letters.npos) {
        c = meanings[i];
      } else if (c >= '0' && c <= '7') {
        int v = c - '0';
        for (int n = 1;
             n < 3 && in_.at < in_.text.size() && in_.text[in_.at] >= '0' && in_.text[in_.at] <= '7'; ++n)
          v = v * 8 + (in_.text[in_.at++] - '0');
        c = static_cast<char>(v);
      } else {
        --in_.at;
        return expected("b, t, n, f, r, a quote, a backslash or octal digits");
      }
    }
    out += c;
  }
}

Status Assembler::section(std::string name, uint64_t flags, bool has_bytes) {
  const auto found = std::find_if(object_.parts.begin(), object_.parts.end(),
                                  [&](const Object::Part& p) { return p.name == name; });
  part_ = static_cast<size_t>(found - object_.parts.begin());
  if (found != object_.parts.end()) return success();
  Object::Part part;
  part.name = std::move(name);
  part.flags = flags;
  part.has_bytes = has_bytes;
  object_.parts.push_back(std::move(part));
  here_.push_back(0);
  return success();
}
Status Assembler::section_of(std::string name) {
  for (const SectionKind& k : section_kinds)
    if (name.starts_with(k.prefix)) return section(std::move(name), k.flags, k.has_bytes);
  return section(std::move(name), 0, true);
}

Status Assembler::align(uint64_t to, std::optional<uint64_t> fill, size_t fill_size, uint64_t most) {
  Object::Part& part = object_.parts[part_];
  const uint64_t missing = (to - here_[part_] % to) % to;
  part.align = std::max(part.align, to);
  if (missing > most) return success();
  // Code is filled with instructions that do nothing, as by LLVM.
  if (!fill && (part.flags & flag_execute) && missing % 4 == 0) {
    std::vector<std::byte> nop;
    TRY(encode({.op = op("s_nop"), .op_y = {}, .operands = {imm(0)}}, {arch_, wave_}, nop));
    uint32_t word;
    std::memcpy(&word, nop.data(), 4);
    return emit_times(word, 4, missing / 4);
  }
  TRY(emit_times(0, 1, missing % fill_size));
  return emit_times(fill.value_or(0), fill_size, missing / fill_size);
}

Status Assembler::data(size_t size) {
  in_.skip();
  if (in_.at == in_.text.size()) return success();
  do {
    in_.skip();
    const size_t at = in_.at;
    size_t end = at;
    const Result<Value> v = parse_expression(in_.text, end, this);
    if (!v) return relay(v.error());
    const int64_t low = size == 8 ? INT64_MIN : -(int64_t{1} << (size * 8 - 1));
    if (size < 8 && !v->address && (v->value < low || v->value >= int64_t{1} << (size * 8)))
      return fail(at, fmt::format("expected a number of {} bits, found {}", size * 8, v->value));
    // A label, with or without an addend, is an address; anything else a number, as a difference of two.
    names::Text text{in_.text.substr(0, end), at};
    (void)text.word();
    if (text.eat("+") || text.text.substr(text.at).starts_with('-')) (void)text.number();
    text.skip();
    const bool pointer = v->address && size == 8 && text.at == end;
    if (pointer) object_.pointers.push_back({part_, here_[part_], v->value});
    in_.at = end;
    TRY(emit_number(pointer && last_ ? 0 : static_cast<uint64_t>(v->value), size));
  } while (in_.eat(","));
  return end_of_line();
}

Status Assembler::strings(bool with_zero) {
  do {
    const std::string s = TRY(text_here());
    TRY(emit(std::as_bytes(std::span(s))));
    if (with_zero) TRY(emit_number(0, 1));
  } while (in_.eat(","));
  return end_of_line();
}

Status Assembler::symbol_flag(std::string_view directive) {
  do {
    SymbolState& s = symbols_[TRY(name_here())];
    if (directive == ".globl" || directive == ".global") s.binding = 1;
    else if (directive == ".weak") s.binding = 2;
    else if (directive == ".local") s.binding = 0;
    else s.visibility = directive == ".protected" ? 3 : 2;
  } while (in_.eat(","));
  return end_of_line();
}

Status Assembler::directive(std::string_view name, size_t at) {
  struct Data {
    std::string_view name;
    size_t size;
  };
  constexpr Data data_directives[] = {{".byte", 1},  {".short", 2}, {".2byte", 2}, {".hword", 2},
                                      {".value", 2}, {".long", 4},  {".4byte", 4}, {".int", 4},
                                      {".word", 4},  {".quad", 8},  {".8byte", 8}, {".dword", 8}};
  for (const Data& d : data_directives)
    if (name == d.name) return data(d.size);
  for (std::string_view n : {".globl", ".global", ".weak", ".local", ".protected", ".hidden", ".internal"})
    if (name == n) return symbol_flag(n);
  // What only linkers, debuggers and profilers read.
  for (std::string_view n : {".file", ".loc", ".ident", ".addrsig", ".addrsig_sym", ".amdgcn_target",
                             ".cfi_sections", ".cfi_startproc", ".cfi_endproc"})
    if (name == n) return success();
  if (name == ".text" || name == ".data" || name == ".bss" || name == ".rodata")
    return section_of(std::string(name));
  if (name == ".section") {
    std::string section_name = TRY(name_here());
    if (!in_.eat(",")) return section_of(std::move(section_name));
    uint64_t flags = 0;
    for (char c : TRY(text_here()))
      flags |= c == 'a' ? flag_alloc : c == 'w' ? flag_write : c == 'x' ? flag_execute : 0;
    bool has_bytes = true;
    if (in_.eat(",") && (in_.eat("@") || in_.eat("%"))) has_bytes = in_.word() != "nobits";
    return section(std::move(section_name), flags, has_bytes);  // an entry size may follow
  }
  if (name == ".address") {
    object_.parts[part_].asked = TRY(count(uint64_t{1} << 30));
    return end_of_line();
  }
  if (name == ".type") {
    SymbolState& s = symbols_[TRY(name_here())];
    TRY(comma());
    if (!in_.eat("@") && !in_.eat("%") && !in_.eat("#")) return expected("@function or @object");
    const std::string_view type = in_.word();
    s.type = type == "function" ? symbol_function : type == "object" ? symbol_object : uint8_t{0};
    return end_of_line();
  }
  if (name == ".size") {
    SymbolState& s = symbols_[TRY(name_here())];
    TRY(comma());
    s.size = static_cast<uint64_t>(TRY(number()));
    return end_of_line();
  }
  if (name == ".set" || name == ".equ") {
    const std::string symbol = TRY(name_here());
    TRY(comma());
    size_t end = in_.at;
    const Result<Value> v = parse_expression(in_.text, end, this);
    if (!v) return relay(v.error());
    in_.at = end;
    symbols_[symbol].value = v->value;
    return end_of_line();
  }
  if (name.starts_with(".p2align") || name.starts_with(".balign")) {
    const bool power = name.starts_with(".p2align");
    const uint64_t n = TRY(count(power ? 16 : 65536));
    const uint64_t to = power ? uint64_t{1} << n : std::max<uint64_t>(n, 1);
    if (!std::has_single_bit(to)) return fail(at, fmt::format("expected a power of two, found {}", to));
    const size_t fill_size = name.ends_with('l') ? 4 : name.ends_with('w') ? 2 : 1;
    std::optional<uint64_t> fill;
    uint64_t most = UINT64_MAX;
    if (in_.eat(",")) {
      in_.skip();
      if (in_.at < in_.text.size() && in_.text[in_.at] != ',') fill = static_cast<uint64_t>(TRY(number()));
      if (in_.eat(",")) most = TRY(count(UINT32_MAX));
    }
    TRY(align(to, fill, fill_size, most));
    return end_of_line();
  }
  if (name == ".zero" || name == ".skip" || name == ".space") {
    const uint64_t n = TRY(count(most_));
    const uint64_t v = in_.eat(",") ? static_cast<uint64_t>(TRY(number())) : 0;
    TRY(emit_times(v, 1, n));
    return end_of_line();
  }
  if (name == ".fill") {
    const uint64_t n = TRY(count(most_));
    uint64_t size = 1, v = 0;
    if (in_.eat(",")) size = TRY(count(8));
    if (in_.eat(",")) v = static_cast<uint64_t>(TRY(number()));
    TRY(emit_times(v, size, n));
    return end_of_line();
  }
  if (name == ".ascii") return strings(false);
  if (name == ".asciz" || name == ".string") return strings(true);
  if (name == ".amdhsa_code_object_version") {
    const uint64_t v = TRY(count(6));
    if (v < 4) return fail(at, "expected a code object version of 4 to 6");
    object_.version = static_cast<int>(v);
    return end_of_line();
  }
  if (name == ".amdhsa_kernel") {
    kernel_ = KernelBlock{TRY(name_here()), initial_descriptor(arch_), {}, {}, {}, {}};
    return end_of_line();
  }
  if (name == ".amdgpu_metadata") {
    metadata_ = std::string();
    metadata_line_ = line_number_;
    return end_of_line();
  }
  return fail(at, fmt::format("expected a directive, found `{}`, which is none here", name));
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
  for (const DescriptorNumber& n : descriptor_numbers)
    if (what == n.directive) {
      k.descriptor.*n.number = static_cast<uint32_t>(TRY(count(UINT32_MAX)));
      return end_of_line();
    }
  if (what == "next_free_vgpr") {
    k.next_free_vgpr = static_cast<uint32_t>(TRY(count(256)));
    return end_of_line();
  }
  if (what == "next_free_sgpr") {
    k.next_free_sgpr = static_cast<uint32_t>(TRY(count(106)));
    return end_of_line();
  }
  if (what == "reserve_vcc" || what == "reserve_flat_scratch" || what == "reserve_xnack_mask") {
    (void)TRY(count(1));  // from gfx10 on waves have all SGPRs
    return end_of_line();
  }
  // A field has the name of its directive; those that no directive sets, their own.
  for (const DescriptorField& f : descriptor_fields(arch_)) {
    if (what != (f.directive.empty() ? f.name : f.directive)) continue;
    const auto v = static_cast<uint32_t>(TRY(count((uint64_t{1} << f.bits) - 1)));
    if (what == "user_sgpr_count") k.user_sgpr_count = v;
    set(k.descriptor, f, v);
    return end_of_line();
  }
  return fail(at, fmt::format("expected a directive of kernels for {}, found `{}`", amd::name(arch_), name));
}

Status Assembler::end_kernel(size_t at) {
  KernelBlock k = std::move(*kernel_);
  kernel_.reset();
  if (!k.next_free_vgpr) return fail(at, "expected .amdhsa_next_free_vgpr before the kernel ends");
  if (!k.next_free_sgpr) return fail(at, "expected .amdhsa_next_free_sgpr before the kernel ends");
  set_vgpr_count(k.descriptor, *k.next_free_vgpr);
  if (!k.user_sgpr_count)
    for (const DescriptorField& f : descriptor_fields(arch_))
      if (f.directive == "user_sgpr_count") set(k.descriptor, f, user_sgprs(k.descriptor));
  const std::optional<int64_t> code = address(k.name);
  if (!code) return fail(at, fmt::format("expected a label `{}`, the kernel's code", k.name));
  TRY(align(64, 0, 1, UINT64_MAX));
  k.descriptor.kernel_code_entry_byte_offset = *code - address(here());
  SymbolState& s = symbols_[k.name + ".kd"];
  if (s.place) return fail(at, fmt::format("kernel {} has two descriptors", k.name));
  s.place = here();
  s.size = sizeof(KernelDescriptor);
  s.type = symbol_object;
  s.kernel = k.name;
  return emit(std::as_bytes(std::span(&k.descriptor, 1)));
}

Status Assembler::end_metadata() {
  const std::string text = std::move(*metadata_);
  metadata_.reset();
  const Result<nlohmann::json> json = metadata_from_text(text);
  if (json) {
    object_.metadata = nlohmann::json::to_msgpack(*json);
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
  return fail_at(metadata_line_ + line, column, s);
}

void Assembler::collect() {
  object_.labels.clear();
  for (const auto& [name, s] : symbols_) {
    if (!s.place) continue;
    // A descriptor is as visible as its code.
    const auto code = s.kernel.empty() ? symbols_.end() : symbols_.find(s.kernel);
    const SymbolState& seen = code == symbols_.end() ? s : code->second;
    object_.labels.push_back(
        {name, s.place->part, s.place->offset, s.size, s.type, seen.binding, seen.visibility});
  }
}

}  // namespace

Result<std::vector<std::byte>> assemble(std::string_view source, std::string_view processor, uint64_t most) {
  return Assembler(source, processor, most).run();
}

}  // namespace doorbell::amd
