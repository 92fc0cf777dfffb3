// UTF-8, one character at a time, as the Unicode Standard 15.1 defines it (section 3.9, table 3-7): no
// overlong forms, no surrogates, nothing above U+10FFFF. An ill-formed sequence is as long as its longest
// well-formed beginning, at least a byte, which is what one U+FFFD stands for ("maximal subpart").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace doorbell {

struct Utf8Char {
  enum State { valid, invalid, cut_off };  // cut off: the text ends inside a character that begins well
  State state;
  uint32_t length;  // bytes
  char32_t code_point;
};

// The character that begins at byte `at`, which must lie inside `text`.
Utf8Char decode_utf8(std::string_view text, size_t at);

void append_utf8(std::string& text, char32_t code_point);

// The byte at which `text` stops being UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

// `text` in quotes for a message on one line: control characters, quotes and ill-formed bytes as \xHH, cut
// after 60 characters.
std::string in_quotes(std::string_view text);

}  // namespace doorbell
