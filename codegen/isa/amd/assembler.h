// The assembler at work: passes over statements, the symbols, and the directives. assemble.h is what others
// call.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/object.h"
#include "codegen/isa/amd/sections.h"
#include "codegen/isa/amd/source.h"

namespace doorbell::amd {

using Place = Sections::Place;

struct SymbolState {
  std::optional<Place> place;
  std::optional<Names::Value> value;  // of .set
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

class Assembler : Names, Source::Symbols {
 public:
  Assembler(std::string_view source, std::string_view processor, uint64_t most,
            std::vector<std::string>* warnings)
      : source_(source), most_(most), warnings_(warnings), asked_(processor) {}
  Result<std::vector<std::byte>> run();

 private:
  // Names, Source::Symbols.
  std::optional<Value> value(std::string_view name) const override;
  std::optional<int64_t> distance(std::string_view name) const override;
  std::optional<int64_t> relocated(std::string_view, std::string_view how, int64_t addend) const override;
  Result<int64_t> known_number(names::Text& in) const override;
  bool is_defined(std::string_view name) const override;

  [[nodiscard]] int64_t address(Place p) const {
    return static_cast<int64_t>(object_.parts[p.part].va + p.offset);
  }
  // "1b", "1f": the name that the label has here.
  [[nodiscard]] std::optional<std::string> numeric(std::string_view name) const;
  void set_number(std::string_view name, int64_t v) { symbols_[std::string(name)].value = Value{v}; }

  // Errors. `at` is an offset in the line at hand.
  [[nodiscard]] Error fail(size_t at, std::string_view what) const { return line_->fail(at, what); }
  [[nodiscard]] Error expected(std::string_view what) const { return line_->relay(in_.fail(what)); }
  [[nodiscard]] Status located(size_t at, const Status& s) const {
    return s ? success() : Status(fail(at, s.error().message));
  }
  void warn(size_t at, std::string_view what) {
    if (first_ && warnings_) warnings_->push_back(fail(at, what).message);
  }

  Status first_pass();
  Status next_pass();
  Status begin_pass();
  Status end_pass();
  Status lay_out();
  [[nodiscard]] const std::string* moved() const;
  void collect();

  Status target(std::string_view name, size_t at);
  Status statement(const SourceLine& line);
  Status label(std::string_view name, size_t at);
  Status assign(const std::string& name, size_t at, bool again);
  Status instruction(size_t at);
  Status kernel_directive(std::string_view name, size_t at);
  Status end_kernel(size_t at);
  Status end_metadata();

  // What stands behind a directive.
  Result<Value> expression();
  Result<int64_t> number();
  Result<uint64_t> count(uint64_t limit);
  Result<std::string> name_here();
  Result<std::string> text_here();
  Status comma() { return in_.eat(",") ? success() : Status(expected("`,`")); }
  Status end_of_line() {
    in_.skip();
    return in_.at == in_.text.size() ? success() : Status(expected("the end of the line"));
  }
  [[nodiscard]] bool at_end() const {
    names::Text probe = in_;
    probe.skip();
    return probe.at == probe.text.size();
  }
  template <class F>
  Status list(F one) {
    if (at_end()) return success();
    do TRY(one());
    while (in_.eat(","));
    return end_of_line();
  }

  struct Directive {
    std::string_view name;
    Status (Assembler::*run)(size_t argument);
    size_t argument = 0;
  };
  static const Directive directives[];
  Status data(size_t size);
  Status octa(size_t);
  Status floats(size_t size);
  Status leb(size_t is_signed);
  Status strings(size_t with_zero);
  Status zeros(size_t);
  Status fill(size_t);
  Status org(size_t);
  Status align(size_t how);
  Status common(size_t is_local);
  Status binding(size_t value);
  Status visibility(size_t value);
  Status type(size_t);
  Status size(size_t);
  Status set_symbol(size_t again);
  Status named_section(size_t);
  Status section(size_t pushes);
  Status pop_section(size_t);
  Status previous_section(size_t);
  Status address_directive(size_t);
  Status target_directive(size_t);
  Status version(size_t);
  Status begin_kernel(size_t);
  Status begin_metadata(size_t);
  Status message(size_t is_error);
  Status ignored(size_t) { return success(); }

  std::string_view source_;
  uint64_t most_;
  std::vector<std::string>* warnings_;
  std::string asked_;
  std::optional<Arch> arch_;
  std::map<std::string, uint8_t, std::less<>> wave_of_kernel_;
  bool learned_ = false;  // that a wave is another than was thought
  uint8_t wave_ = 32, wave_before_kernels_ = 32;
  Object object_;
  Sections sections_{object_, most_};
  std::vector<SourceLine> lines_;
  std::optional<Error> first_error_;                    // of an instruction, in the first pass
  SymbolMap symbols_, before_;                          // of this pass, and of the one before
  std::map<std::string, size_t, std::less<>> numeric_;  // how often a numeric label stood so far
  bool first_ = true;
  names::Text in_;
  size_t directive_at_ = 0;
  std::string directive_;
  const SourceLine* line_ = nullptr;
  std::optional<KernelBlock> kernel_;
  std::optional<std::string> metadata_;
  size_t metadata_line_ = 0;
};

}  // namespace doorbell::amd
