#include "runtime/load/utf8.h"

#include <fmt/format.h>

#include <iterator>

namespace doorbell {

Utf8Char decode_utf8(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  uint8_t lead = byte(0);
  if (lead < 0x80) return {Utf8Char::valid, 1, lead};
  if (lead < 0xc2 || lead > 0xf4) return {Utf8Char::invalid, 1, 0};
  uint32_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // Only the second byte's range depends on the lead: it shuts out overlong forms, surrogates and > U+10FFFF.
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  char32_t code_point = lead & (0x7fU >> length);
  for (uint32_t i = 1; i < length; ++i) {
    if (at + i == text.size()) return {Utf8Char::cut_off, i, 0};
    if (byte(i) < low || byte(i) > high) return {Utf8Char::invalid, i, 0};
    code_point = code_point << 6 | (byte(i) & 0x3fU);
    low = 0x80;
    high = 0xbf;
  }
  return {Utf8Char::valid, length, code_point};
}

void append_utf8(std::string& text, char32_t code_point) {
  auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  auto tail = [&](int shift) { put(0x80 | (code_point >> shift & 0x3f)); };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    tail(6);
  } else {
    put(0xf0 | code_point >> 18);
    tail(12);
    tail(6);
  }
  tail(0);
}

size_t find_invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    Utf8Char next = decode_utf8(text, at);
    if (next.state != Utf8Char::valid) return at;
    at += next.length;
  }
  return std::string_view::npos;
}

std::string in_quotes(std::string_view text) {
  constexpr int most = 60;
  std::string out = "'";
  int characters = 0;
  for (size_t at = 0; at < text.size(); ++characters) {
    if (characters == most) {
      fmt::format_to(std::back_inserter(out), "...' ({} bytes)", text.size());
      return out;
    }
    Utf8Char next = decode_utf8(text, at);
    bool plain = next.state == Utf8Char::valid && next.code_point >= 0x20 && next.code_point != '\'' &&
                 (next.code_point < 0x7f || next.code_point > 0x9f);
    if (plain) {
      out += text.substr(at, next.length);
      at += next.length;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint8_t>(text[at++]));
    }
  }
  return out + "'";
}

}  // namespace doorbell
