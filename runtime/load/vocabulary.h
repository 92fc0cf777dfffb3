// The tokens of a model, as the GGUF file lists them: texts, kinds, what each prints as, which ones end a
// text. Keys and defaults: ggml/docs/gguf.md and llama.cpp's llama_vocab::impl::load (src/llama-vocab.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hal/base/result.h"
#include "runtime/load/gguf.h"

namespace doorbell {

// tokenizer.ggml.token_type, with GGUF's numbers.
enum class TokenKind : uint8_t { undefined, normal, unknown, control, user_defined, unused, byte };

struct Vocabulary {
  std::vector<std::string_view> texts;  // as in the file; views into it
  std::vector<TokenKind> kinds;
  std::unordered_map<std::string_view, int32_t> ids;  // of every text that is not empty
  size_t longest = 0;                                 // text, in bytes

  std::optional<int32_t> bos, eos, unknown;
  std::vector<bool> ends_generation;

  [[nodiscard]] int32_t size() const { return static_cast<int32_t>(texts.size()); }
  [[nodiscard]] std::optional<int32_t> find(std::string_view text) const {
    auto found = ids.find(text);
    return found == ids.end() ? std::nullopt : std::optional(found->second);
  }

  // The result refers to the file's bytes.
  static Result<Vocabulary> load(const Gguf& file);
};

// Writes a byte as GPT-2's vocabularies do, and back: printable ones as themselves, the others as U+0100 and
// up, so that no token holds a space or a control character. (bytes_to_unicode of openai/gpt-2,
// src/encoder.py.)
void append_byte_as_text(std::string& text, uint8_t byte);
std::optional<uint8_t> byte_of_text(char32_t code_point);

}  // namespace doorbell
