// SentencePiece's byte-pair model, GGUF's tokenizer "llama": no words; neighbours join when their text is a
// token, the highest score first; what is left without a token becomes byte tokens. (google/sentencepiece,
// src/bpe_model.cc, in the form of llama.cpp's llm_tokenizer_spm.)
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/load/vocabulary.h"

namespace doorbell {

// U+2581, which stands for a space inside tokens.
constexpr std::string_view space_mark = "\xe2\x96\x81";

class SentencePieces {
 public:
  // The vocabulary must live as long as the result.
  static Result<SentencePieces> load(const Gguf& file, const Vocabulary& vocabulary);
  // `text` is valid UTF-8; the space that a text begins with is the caller's to add.
  void encode(std::string_view text, std::vector<int32_t>& tokens) const;

 private:
  const Vocabulary* vocabulary_ = nullptr;
  std::vector<float> scores_;
  std::array<int32_t, 256> byte_tokens_{};
};

}  // namespace doorbell
