// Passes over the statements: the first one reads the source and counts bytes, so finds where labels are; the
// next ones write, each with the labels of the one before, until none moves. What names an address always
// takes a literal, so that more than one pass after the first is rare.
#include "codegen/isa/amd/assemble.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "codegen/isa/amd/assembler.h"
#include "codegen/isa/amd/expression.h"

namespace doorbell::amd {

// Which kernels have waves of 64 lanes is said behind their code, as a rule: where the first pass learns of
// one, it begins again.
Result<std::vector<std::byte>> Assembler::run() {
  for (int attempt = 0;; ++attempt) {
    learned_ = false;
    const Status done = first_pass();
    if (!learned_ || attempt == 2) {
      TRY(Status(done));
      break;
    }
  }
  constexpr int most_passes = 10;
  for (int n = 0;; ++n) {
    TRY(lay_out());
    before_ = std::move(symbols_);
    TRY(next_pass());
    const std::string* name = moved();
    if (!name) break;
    if (n == most_passes)
      return SourceLine{{}, 1}.fail(
          0, fmt::format("`{}` depends on itself: no number of passes settles it", *name));
  }
  collect();
  const Result<std::vector<std::byte>> file = write(object_);
  if (!file) return SourceLine{{}, 1}.fail(0, file.error().message);
  return file;
}

Status Assembler::begin_pass() {
  symbols_.clear();
  numeric_.clear();
  wave_ = wave_before_kernels_;
  set_number(".amdgcn.next_free_vgpr", 0);
  set_number(".amdgcn.next_free_sgpr", 0);
  kernel_.reset();
  metadata_.reset();
  return sections_.restart();
}

Status Assembler::first_pass() {
  first_ = true;
  first_error_.reset();
  lines_.clear();
  object_ = {};
  if (warnings_) warnings_->clear();
  arch_.reset();
  TRY(begin_pass());
  const SourceLine start{{}, 1};
  line_ = &start;
  if (!asked_.empty()) TRY(target(asked_, 0));
  Source source(source_, *this, most_);
  const auto read = [&]() -> Status {
    for (;;) {
      const std::optional<SourceLine> next = TRY(source.next());
      if (!next) return end_pass();
      lines_.push_back(*next);
      TRY(statement(lines_.back()));
    }
  };
  const Status done = read();
  if (first_error_) return *first_error_;
  TRY(Status(done));
  if (!arch_)
    return error(
        "1:1: expected .amdgcn_target \"amdgcn-amd-amdhsa--gfx1100\" (or --arch on the command line)");
  return success();
}

Status Assembler::next_pass() {
  first_ = false;
  TRY(begin_pass());
  if (arch_) TRY(target(object_.processor, 0));
  for (const SourceLine& l : lines_) TRY(statement(l));
  return end_pass();
}

Status Assembler::end_pass() {
  const SourceLine end{{}, lines_.empty() ? 1 : lines_.back().number};
  if (kernel_) return end.fail(0, fmt::format("expected .end_amdhsa_kernel of {}", kernel_->name));
  if (metadata_) return end.fail(0, "expected .end_amdgpu_metadata");
  return success();
}

Status Assembler::lay_out() {
  collect();
  const Status placed = place(object_);
  return placed ? success() : Status(SourceLine{{}, 1}.fail(0, placed.error().message));
}

// A name that is not what it was in the pass before.
const std::string* Assembler::moved() const {
  for (const auto& [name, s] : symbols_) {
    const auto found = before_.find(name);
    if (found == before_.end() || found->second.place != s.place ||
        found->second.value.has_value() != s.value.has_value() ||
        (s.value && found->second.value->value != s.value->value))
      return &name;
  }
  return nullptr;
}

void Assembler::collect() {
  object_.labels.clear();
  const auto is_kernel = [&](std::string_view name) { return symbols_.contains(fmt::format("{}.kd", name)); };
  for (const auto& [name, s] : symbols_) {
    Object::Label l{.name = name,
                    .offset = 0,
                    .size = s.size,
                    .type = s.type,
                    .binding = s.binding,
                    .visibility = s.visibility};
    if (s.place) {
      l.part = s.place->part;
      l.offset = s.place->offset;
    } else if (s.value && !name.starts_with(".amdgcn.")) {
      const bool placed = s.value->base >= 0;
      l.part = placed ? static_cast<size_t>(s.value->base) : Object::Label::absolute;
      l.offset = static_cast<uint64_t>(s.value->value) - (placed ? object_.parts[l.part].va : 0);
    } else {
      continue;
    }
    // A descriptor is as visible as its code, which others may see, but not replace.
    if (const auto code = s.kernel.empty() ? symbols_.end() : symbols_.find(s.kernel);
        code != symbols_.end()) {
      l.binding = code->second.binding;
      l.visibility = code->second.visibility;
    } else if (l.visibility == 0 && is_kernel(name)) {
      l.visibility = 3;
    }
    object_.labels.push_back(std::move(l));
  }
}

// amdgcn-amd-amdhsa--gfx1100:xnack-, or the processor alone.
Status Assembler::target(std::string_view name, size_t at) {
  if (const size_t dashes = name.find("--gfx"); dashes != name.npos) name = name.substr(dashes + 2);
  name = name.substr(0, name.find(':'));
  const Result<Arch> arch = parse_arch(name);
  if (!arch) return fail(at, arch.error().message);
  arch_ = *arch;
  object_.processor = name;
  // gfx1151: generation 11, minor 5, stepping 1.
  int number = 0;
  std::from_chars(name.data() + 3, name.data() + name.size(), number);
  set_number(".amdgcn.gfx_generation_number", number / 100);
  set_number(".amdgcn.gfx_generation_minor", number / 10 % 10);
  set_number(".amdgcn.gfx_generation_stepping", number % 10);
  return success();
}

Status Assembler::statement(const SourceLine& line) {
  line_ = &line;
  in_ = {line.text};
  if (metadata_) {
    if (names::Text{line.text}.word() == ".end_amdgpu_metadata") return end_metadata();
    *metadata_ += line.text;
    *metadata_ += '\n';
    return success();
  }
  for (;;) {
    in_.skip();
    const size_t at = in_.at;
    if (at == line.text.size()) return success();
    if (line.text[at] == '"') {
      const std::string quoted = TRY(text_here());
      TRY(label(quoted, at));
      if (!in_.eat(":")) return expected("`:`");
      continue;
    }
    const std::string_view word = in_.word();
    if (word.empty()) return expected("an instruction, a directive or a label");
    const std::string_view behind = in_.text.substr(in_.at);
    if (behind.starts_with(':') && !behind.starts_with("::")) {
      ++in_.at;
      TRY(label(word, at));
      continue;
    }
    names::Text probe = in_;
    if (probe.eat("=") && !probe.text.substr(probe.at).starts_with('=')) {
      in_ = probe;
      if (word == ".") return org(0);
      return assign(std::string(word), at, true);
    }
    if (kernel_) return kernel_directive(word, at);
    if (!word.starts_with('.')) return instruction(at);
    directive_ = word;
    for (char& c : directive_) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    directive_at_ = at;
    for (const Directive* d = directives; !d->name.empty(); ++d)
      if (directive_ == d->name) return (this->*d->run)(d->argument);
    return fail(at, fmt::format("expected a directive, found `{}`, which is none here", word));
  }
}

Status Assembler::label(std::string_view name, size_t at) {
  if (kernel_) return fail(at, fmt::format("expected .end_amdhsa_kernel, found the label `{}`", name));
  std::string own(name);
  if (!name.empty() && std::isdigit(static_cast<unsigned char>(name[0]))) {
    if (name.find_first_not_of("0123456789") != name.npos)
      return fail(at, fmt::format("expected a label, found `{}`", name));
    own = fmt::format(".L{}\1{}", name, numeric_[own]++);
  }
  SymbolState& s = symbols_[own];
  if (s.place || s.value) return fail(at, fmt::format("`{}` is defined twice", name));
  s.place = sections_.here();
  if (const auto wave = wave_of_kernel_.find(name); wave != wave_of_kernel_.end()) wave_ = wave->second;
  return success();
}

Status Assembler::assign(const std::string& name, size_t at, bool again) {
  const Value v = TRY(expression());
  TRY(end_of_line());
  SymbolState& s = symbols_[name];
  if (s.place || (s.value && !again)) return fail(at, fmt::format("`{}` is defined twice", name));
  s.value = v;
  return success();
}

Status Assembler::instruction(size_t at) {
  if (!arch_)
    return fail(at,
                "expected .amdgcn_target \"amdgcn-amd-amdhsa--gfx1100\" before the first instruction (or "
                "--arch on the command line)");
  const Target t{*arch_, wave_};
  std::vector<std::byte> bytes;
  const auto encoded = [&]() -> Status {
    const Result<Inst> inst = parse(in_.text.substr(at), t, this);
    if (!inst) return line_->relay(inst.error(), at);
    TRY(located(at, check(*inst, t)));
    TRY(located(at, encode(*inst, t, bytes)));
    for (const Operand& x : inst->operands) {
      const int64_t end = x.index + std::max<int64_t>(x.dwords, 1);
      const auto use = [&](std::string_view counter) {
        std::optional<Value>& v = symbols_.find(counter)->second.value;
        if (v && v->value < end) v->value = end;
      };
      if (x.kind == Operand::Kind::vgpr) use(".amdgcn.next_free_vgpr");
      if (x.kind == Operand::Kind::sgpr && x.index < scalar::vcc) use(".amdgcn.next_free_sgpr");
    }
    return success();
  };
  if (const Status done = encoded(); !done) {
    if (!first_) return done;
    // What follows may say that this wave has 64 lanes.
    if (!first_error_) first_error_ = done.error();
    return success();
  }
  return located(at, sections_.put(bytes));
}

std::optional<std::string> Assembler::numeric(std::string_view name) const {
  const std::string_view digits = name.substr(0, name.size() - 1);
  const auto found = numeric_.find(digits);
  const size_t stood = found == numeric_.end() ? 0 : found->second;
  if (name.back() == 'b' && stood == 0) return std::nullopt;
  return fmt::format(".L{}\1{}", digits, name.back() == 'b' ? stood - 1 : stood);
}

std::optional<Names::Value> Assembler::value(std::string_view name) const {
  const auto placed = [&](Place p) { return Value{address(p), true, static_cast<int>(p.part)}; };
  if (name == ".") return placed(sections_.here());
  std::string own;
  if (is_numeric_label(name)) {
    const std::optional<std::string> label = numeric(name);
    if (!label) return std::nullopt;
    own = *label;
    name = own;
  }
  for (const SymbolMap* map : {&symbols_, &before_}) {
    const auto found = map->find(name);
    if (found == map->end()) continue;
    const SymbolState& s = found->second;
    if (s.place) return placed(*s.place);
    if (!s.value) continue;
    Value v = *s.value;
    v.address |= map == &before_;
    return v;
  }
  // The first pass takes what is not yet known for something of later.
  return first_ ? std::optional(Value{0, true, Value::unknown}) : std::nullopt;
}

std::optional<int64_t> Assembler::distance(std::string_view name) const {
  const std::optional<Value> to = value(name);
  if (!to || to->base == Value::absolute) return std::nullopt;
  return first_ ? 0 : (to->value - (address(sections_.here()) + 4)) >> 2;
}

// The literal of a scalar instruction lies four bytes behind its beginning.
std::optional<int64_t> Assembler::relocated(std::string_view name, std::string_view how,
                                            int64_t addend) const {
  const std::optional<Value> to = value(name);
  if (!to) return std::nullopt;
  const int64_t absolute = to->value + addend, relative = absolute - (address(sections_.here()) + 4);
  if (how == "rel32@lo" || how == "gotpcrel32@lo") return static_cast<uint32_t>(relative);
  if (how == "rel32@hi" || how == "gotpcrel32@hi") return static_cast<uint32_t>(relative >> 32);
  if (how == "abs32@lo" || how == "abs32") return static_cast<uint32_t>(absolute);
  if (how == "abs32@hi") return static_cast<uint32_t>(absolute >> 32);
  return std::nullopt;
}

Result<int64_t> Assembler::known_number(names::Text& in) const {
  in.skip();
  const names::Text start = in;
  const Value v = TRY(parse_expression(in, this));
  if (v.base != Value::absolute) return start.fail("a number that is known here");
  return v.value;
}

bool Assembler::is_defined(std::string_view name) const {
  const auto found = symbols_.find(name);
  return found != symbols_.end() && (found->second.place || found->second.value);
}

Result<std::vector<std::byte>> assemble(std::string_view source, std::string_view processor, uint64_t most,
                                        std::vector<std::string>* warnings) {
  return Assembler(source, processor, most, warnings).run();
}

}  // namespace doorbell::amd
