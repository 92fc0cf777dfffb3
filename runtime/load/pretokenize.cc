#include "runtime/load/pretokenize.h"

#include <algorithm>

#include "hal/base/result.h"
#include "runtime/load/utf8.h"

namespace doorbell {
namespace {

using Text = std::span<const ScanChar>;
using enum CharClass;

CharClass class_at(Text text, size_t at, CharClass outside) {
  return at < text.size() ? text[at].char_class : outside;
}
char ascii_at(Text text, size_t at) { return at < text.size() ? text[at].ascii : '\0'; }
bool is_newline(char c) { return c == '\r' || c == '\n'; }

// The end of a run of at most `most`: looking no further keeps a scanner linear.
template <class In>
size_t run(Text text, size_t at, In in, size_t most = SIZE_MAX) {
  size_t stop = at + std::min(most, text.size() - at);
  while (at < stop && in(text[at])) ++at;
  return at;
}

auto of(CharClass wanted) {
  return [wanted](const ScanChar& c) { return c.char_class == wanted; };
}
// [^\s\p{L}\p{N}]
bool is_mark(const ScanChar& c) { return c.char_class == other || c.char_class == punctuation; }

// 's|'t|'re|'ve|'m|'ll|'d : the index after it, or `at`.
size_t contraction(Text text, size_t at, bool any_case) {
  auto letter = [&](size_t i) {
    char c = ascii_at(text, i);
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  if (ascii_at(text, at) != '\'') return at;
  char first = letter(at + 1), second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  bool two =
      (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  return two ? at + 3 : at;
}

// \s+(?!\S)|\s+ : the last space before a word belongs to the word, unless it is the only one.
size_t spaces(Text text, size_t at) {
  size_t end = run(text, at, of(space));
  return end - at > 1 && end < text.size() ? end - 1 : end;
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t gpt2(Text text, size_t at) {
  if (size_t end = contraction(text, at, false); end > at) return end;
  size_t begin = at + (ascii_at(text, at) == ' ');
  switch (class_at(text, begin, space)) {
    case letter: return run(text, begin, of(letter));
    case number: return run(text, begin, of(number));
    case space: return spaces(text, at);
    default: return run(text, begin, is_mark);
  }
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|
// \s+(?!\S)|\s+
template <size_t digits>
size_t llama3(Text text, size_t at) {
  if (size_t end = contraction(text, at, true); end > at) return end;
  CharClass here = text[at].char_class;
  if (here == number) return run(text, at, of(number), digits);
  if (here == letter) return run(text, at, of(letter));
  if (!is_newline(text[at].ascii) && class_at(text, at + 1, space) == letter)
    return run(text, at + 1, of(letter));
  size_t begin = at + (text[at].ascii == ' ');
  if (begin < text.size() && is_mark(text[begin])) {
    return run(text, run(text, begin, is_mark), [](const ScanChar& c) { return is_newline(c.ascii); });
  }
  size_t end = run(text, at, of(space));
  for (size_t i = end; i > at; --i) {
    if (is_newline(text[i - 1].ascii)) return i;
  }
  return spaces(text, at);
}

// A word for each run of what `in` accepts, cut at `most`, and one for what lies between.
template <class In>
size_t isolate(Text text, size_t at, In in, size_t most = SIZE_MAX) {
  if (!in(text[at])) {
    return run(text, at, [&](const ScanChar& c) { return !in(c); });
  }
  return run(text, at, in, most);
}

// \p{N}
size_t each_number(Text text, size_t at) { return isolate(text, at, of(number), 1); }
// \p{N}+
size_t numbers(Text text, size_t at) { return isolate(text, at, of(number)); }

// [0-9][0-9][0-9] : what is left over of a run goes with what follows, up to the next three.
size_t three_digits(Text text, size_t at) {
  auto three = [&](size_t i) {
    for (size_t j = i; j < i + 3; ++j) {
      if (ascii_at(text, j) < '0' || ascii_at(text, j) > '9') return false;
    }
    return true;
  };
  if (three(at)) return at + 3;
  while (at < text.size() && !three(at)) ++at;
  return at;
}

// [\p{P}\$\+<=>\^~\|]+ and, for Falcon, the backquote
template <bool backquote>
size_t punctuation_runs(Text text, size_t at) {
  return isolate(text, at, [](const ScanChar& c) {
    constexpr std::string_view symbols = backquote ? "$+<=>^~|`" : "$+<=>^~|";
    return c.char_class == punctuation || (c.ascii && symbols.find(c.ascii) != symbols.npos);
  });
}

constexpr std::array<Scanner, 4> gpt2_scanners = {gpt2};
constexpr std::array<Scanner, 4> smollm_scanners = {each_number, gpt2};
constexpr std::array<Scanner, 4> llama3_scanners = {llama3<3>};
constexpr std::array<Scanner, 4> qwen2_scanners = {llama3<1>};

// clang-format off
constexpr PreTokenizer rows[] = {
    {"default",   {punctuation_runs<false>, gpt2, numbers, three_digits}, false, false},
    {"falcon",    {punctuation_runs<true>, gpt2, three_digits}, false, false},
    {"gpt-2",     gpt2_scanners, false, false},
    {"phi-2",     gpt2_scanners, false, false},
    {"mpt",       gpt2_scanners, false, false},
    {"olmo",      gpt2_scanners, false, false},
    {"smollm",    smollm_scanners, false, false},
    {"starcoder", smollm_scanners, false, false},
    {"refact",    smollm_scanners, false, false},
    {"command-r", smollm_scanners, false, false},
    {"codeshell", smollm_scanners, false, false},
    {"exaone",    smollm_scanners, false, false},
    {"llama-bpe", llama3_scanners, true, true},
    {"llama3",    llama3_scanners, true, true},
    {"llama-v3",  llama3_scanners, true, true},
    {"falcon3",   llama3_scanners, true, true},
    {"dbrx",      llama3_scanners, false, false},
    {"smaug-bpe", llama3_scanners, false, false},
    {"qwen2",     qwen2_scanners, false, false},
    {"deepseek-r1-qwen", qwen2_scanners, false, false},
    {"stablelm2", qwen2_scanners, false, false},
};
// clang-format on

}  // namespace

std::span<const PreTokenizer> pre_tokenizers() { return rows; }

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  auto row = std::ranges::find(rows, name, &PreTokenizer::name);
  return row == std::end(rows) ? nullptr : row;
}

std::vector<uint32_t> split_words(const PreTokenizer& pre_tokenizer, std::string_view text) {
  std::vector<ScanChar> chars;
  for (size_t at = 0; at < text.size();) {
    Utf8Char next = decode_utf8(text, at);
    DOORBELL_CHECK(next.state == Utf8Char::valid, "ill-formed UTF-8 at byte {} of a checked text", at);
    char ascii = next.code_point < 0x80 ? static_cast<char>(next.code_point) : '\0';
    chars.push_back({static_cast<uint32_t>(at), classify(next.code_point), ascii});
    at += next.length;
  }
  std::vector<uint32_t> ends, finer;  // indices into chars
  if (!chars.empty()) ends.push_back(static_cast<uint32_t>(chars.size()));
  for (Scanner scanner : pre_tokenizer.scanners) {
    if (!scanner) break;
    size_t begin = 0;
    for (uint32_t end : ends) {
      // A scanner sees one word of the scanner before it; lookahead ends there, too.
      Text word = Text(chars).subspan(begin, end - begin);
      for (size_t at = 0; at < word.size();) {
        size_t next = scanner(word, at);
        DOORBELL_CHECK(next > at && next <= word.size(), "{} after {} of {}", next, at, word.size());
        at = next;
        finer.push_back(static_cast<uint32_t>(begin + at));
      }
      begin = end;
    }
    ends.swap(finer);
    finer.clear();
  }
  for (uint32_t& end : ends)
    end = end < chars.size() ? chars[end].offset : static_cast<uint32_t>(text.size());
  return ends;
}

}  // namespace doorbell
