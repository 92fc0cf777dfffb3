// An assembly file as the statements that it stands for: comments go, macros and loops are expanded,
// conditionals choose. The assembler pulls one line after another and has acted on all before it, so that a
// condition sees the symbols that are defined so far. Expansion ends: lines, characters and nesting have
// bounds. Sources: GNU as, "Pseudo Ops" (.macro, .rept, .irp, .if); LLVM, lib/MC/MCParser/AsmParser.cpp,
// whose rules for arguments these are.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/isa/amd/names.h"
#include "hal/base/result.h"

namespace doorbell::amd {

// Where lines come from that the file has not: "macro `add`", called at a line and column of the file.
struct Call {
  std::string what;
  size_t line = 0, column = 0;
  std::shared_ptr<const Call> from{};
};

struct SourceLine {
  std::string text;
  size_t number = 0;  // in the file: of a macro's body where it came from there
  std::shared_ptr<const Call> call{};
  // Where a part of the text begins, and the column (from 0) of the file that it stands for: what came from
  // an argument stands for the place where it was put in.
  struct Part {
    size_t at, column;
    bool inserted;
  };
  std::vector<Part> parts{};

  [[nodiscard]] size_t column(size_t at) const;
  // "LINE:COLUMN: what", and the macros and loops that it happened in.
  [[nodiscard]] Error fail(size_t at, std::string_view what) const;
  // The same of an error that begins with "column N: ".
  [[nodiscard]] Error relay(const Error&, size_t shift = 0) const;
};

class Source {
 public:
  // What conditions ask of the assembler.
  struct Symbols {
    virtual ~Symbols() = default;
    virtual Result<int64_t> known_number(names::Text&) const = 0;  // an error says the column
    virtual bool is_defined(std::string_view name) const = 0;      // so far
  };

  // No more than `most` lines, and characters out of macros.
  Source(std::string_view text, const Symbols&, uint64_t most);
  // The next statement that counts; nothing at the end.
  Result<std::optional<SourceLine>> next();

 private:
  struct Parameter {
    std::string name, value;  // what it is by default
    bool required = false, rest = false;
  };
  // Lines that are repeated with other arguments: a macro's, or a loop's.
  struct Body {
    std::string what;
    std::vector<Parameter> parameters{};
    std::vector<SourceLine> lines{};
    bool counts = true;  // whether \@ is the number of macros called so far
  };
  // A body at work.
  struct Frame {
    std::shared_ptr<const Body> body;
    std::vector<std::vector<std::string>> arguments;  // by repetition
    uint64_t repetitions = 1;
    std::shared_ptr<const Call> call;
    uint64_t number = 0;  // \@
    size_t conditions = 0;
    uint64_t repetition = 0;
    size_t line = 0;
  };
  struct Condition {
    bool taken = false;   // a branch was chosen already
    bool skips = false;   // the lines at hand
    bool outer = false;   // ... as all within the condition around it
    bool closed = false;  // by .else
    SourceLine where{};
  };
  enum class Act : uint8_t {
    condition,
    otherwise_if,
    otherwise,
    end_condition,
    macro,
    exit,
    forget,
    loop,
    stray,
    end,
    text
  };
  // A directive that is done here.
  struct Word {
    std::string_view name;
    Act act;
    bool (*holds)(int64_t) = nullptr;  // of a condition on a number
    bool wanted = true;                // of the other conditions
  };
  static const Word words[];
  static const Word* find(std::string_view name);

  Result<std::optional<SourceLine>> pull();
  Result<SourceLine> expanded(const SourceLine& line, const Frame& frame);
  [[nodiscard]] bool skips() const { return !conditions_.empty() && conditions_.back().skips; }

  // `at` is where the directive's or the macro's name begins, `in` is behind it.
  Status act(const Word& word, const SourceLine& line, size_t at, names::Text& in);
  Status condition(const Word& word, const SourceLine& line, size_t at, names::Text& in);
  Result<bool> holds(const Word& word, const SourceLine& line, names::Text& in) const;
  Status define(const SourceLine& line, size_t at, names::Text& in);
  Status loop(const Word& word, const SourceLine& line, size_t at, names::Text& in);
  Status call(const std::shared_ptr<const Body>& macro, const SourceLine& line, size_t at, names::Text& in);
  Result<std::vector<SourceLine>> collect(const SourceLine& opening, size_t at, bool macro);
  Result<std::vector<std::string>> arguments(const Body* macro, const SourceLine& line,
                                             names::Text& in) const;
  Status enter(Frame frame, const SourceLine& line, size_t at);

  std::string text_;
  size_t at_ = 0, number_ = 0;
  const Symbols& symbols_;
  uint64_t lines_left_, characters_left_, calls_ = 0;
  std::map<std::string, std::shared_ptr<const Body>, std::less<>> macros_;
  std::vector<Frame> frames_;
  std::vector<Condition> conditions_;
  std::optional<SourceLine> pending_;     // what follows a label
  bool ended_ = false, is_text_ = false;  // metadata is no assembly
};

}  // namespace doorbell::amd
