// Tokenizers from any vocabulary, on any text. The input is a length, a GGUF file of that length, and the
// text: what a hostile file and a hostile prompt can do together.
#include <algorithm>
#include <cstring>

#include "hal/base/result.h"
#include "runtime/load/chat.h"
#include "runtime/load/tokenizer.h"
#include "runtime/load/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint32_t file_size;
  if (size < sizeof file_size) return 0;
  std::memcpy(&file_size, data, sizeof file_size);
  auto bytes = std::as_bytes(std::span(data, size)).subspan(sizeof file_size);
  if (file_size > bytes.size()) return 0;
  std::string_view text(reinterpret_cast<const char*>(bytes.data()) + file_size, bytes.size() - file_size);
  auto file = doorbell::Gguf::parse(bytes.first(file_size), "fuzz");
  if (!file.ok()) return 0;
  (void)doorbell::ChatFormat::detect(*file);
  auto tokenizer = doorbell::Tokenizer::load(*file);
  if (!tokenizer.ok()) return 0;
  size_t half = text.size() / 2;
  doorbell::TextPart parts[] = {{text.substr(0, half), true}, {text.substr(half), false}};
  auto tokens = tokenizer->encode(parts, true);
  DOORBELL_CHECK(tokens.ok() == (doorbell::find_invalid_utf8(text) == std::string::npos),
                 "validity of the text");
  if (!tokens.ok()) return 0;
  doorbell::StreamDecoder stream(*tokenizer, true);
  std::string streamed;
  for (int32_t token : *tokens) {
    DOORBELL_CHECK(token >= 0 && token < tokenizer->size(), "token {} of {}", token, tokenizer->size());
    streamed += stream.add(token);
  }
  streamed += stream.finish();
  DOORBELL_CHECK(doorbell::find_invalid_utf8(streamed) == std::string::npos, "streamed text");
  (void)tokenizer->decode(*tokens, true);
  return 0;
}
