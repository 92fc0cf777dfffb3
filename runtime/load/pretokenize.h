// Pre-tokenizers: how text is cut into words before byte pairs are merged inside each word. A pre-tokenizer
// is a row of a table: the names that GGUF files call it by (tokenizer.ggml.pre) and the scanners that it
// applies one after the other, each cutting further what the one before left. Names and their regular
// expressions: llama.cpp, src/llama-vocab.cpp; the scanners' reading of them: src/unicode.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/load/unicode.h"

namespace doorbell {

// A code point as scanners see it.
struct ScanChar {
  uint32_t offset;  // of its first byte in the text
  CharClass char_class;
  char ascii;  // 0 if it is not ASCII
};

// The index after the word that begins at `at`; words cover the text without gaps.
using Scanner = size_t (*)(std::span<const ScanChar> text, size_t at);

struct PreTokenizer {
  std::string_view name;
  std::array<Scanner, 4> scanners;  // unused ones are null
  bool whole_words;  // a word that is a token is taken as it is, without merging ("ignore_merges")
  bool adds_bos;     // unless the file says otherwise
};

// The row of that name, or null. A file that names none means "default".
const PreTokenizer* find_pre_tokenizer(std::string_view name);
std::span<const PreTokenizer> pre_tokenizers();

// Where each word of `text` (UTF-8, below 2^32 bytes) ends, in bytes, in rising order.
std::vector<uint32_t> split_words(const PreTokenizer& pre_tokenizer, std::string_view text);

}  // namespace doorbell
