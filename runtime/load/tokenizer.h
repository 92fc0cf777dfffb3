// Text to tokens and back, with the vocabulary that a GGUF file carries. Tokens equal llama.cpp's for every
// valid text (tests/load/tokenizer_test.cc holds it to that); invalid UTF-8 is an error here, where llama.cpp
// quietly replaces it. A tokenizer is immutable; any thread may use it. It refers to the Gguf's bytes, which
// must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/load/byte_pairs.h"
#include "runtime/load/sentence_pieces.h"
#include "runtime/load/special_tokens.h"

namespace doorbell {

class Tokenizer {
 public:
  static Result<Tokenizer> load(const Gguf& file);

  [[nodiscard]] int32_t size() const { return vocabulary_->size(); }
  [[nodiscard]] std::optional<int32_t> bos() const { return vocabulary_->bos; }
  [[nodiscard]] std::optional<int32_t> eos() const { return vocabulary_->eos; }
  // The model has nothing more to say after this token.
  [[nodiscard]] bool ends_generation(int32_t token) const;
  [[nodiscard]] std::optional<int32_t> find(std::string_view text) const { return vocabulary_->find(text); }

  // The tokens of the parts' texts joined. `add_special` adds what the model wants at the ends (BOS, EOS).
  // Errors: "text: at byte 3: found 0xff, expected valid UTF-8".
  [[nodiscard]] Result<std::vector<int32_t>> encode(std::span<const TextPart> parts, bool add_special) const;
  [[nodiscard]] Result<std::vector<int32_t>> encode(std::string_view text, bool add_special = true,
                                                    bool reads_control = false) const;

  // The bytes that a token stands for, which need not be whole characters; none for control tokens, unless
  // `special`.
  [[nodiscard]] std::string_view piece(int32_t token, bool special = false) const;
  // The pieces joined, without the space that SentencePiece vocabularies put before a text.
  [[nodiscard]] std::string decode(std::span<const int32_t> tokens, bool special = false) const;
  [[nodiscard]] bool adds_space_prefix() const { return adds_space_prefix_; }

 private:
  Tokenizer() = default;
  Status build_pieces(const Gguf& file);

  std::unique_ptr<Vocabulary> vocabulary_;  // its address is held by the members below
  std::variant<std::monostate, BytePairs, SentencePieces> model_;
  std::optional<SpecialTokens> special_;
  bool adds_bos_ = false, adds_eos_ = false, adds_space_prefix_ = false;
  std::string pieces_;
  std::vector<uint32_t> piece_ends_;
};

// Text as it is generated: what add() returns is always whole characters, and valid UTF-8. Bytes that can no
// longer become a character are shown as U+FFFD.
class StreamDecoder {
 public:
  // `at_start`: the tokens begin a text, so that a SentencePiece vocabulary's first space is not part of it.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool at_start = false)
      : tokenizer_(&tokenizer), drop_space_(at_start && tokenizer.adds_space_prefix()) {}
  std::string add(int32_t token);
  std::string finish();  // what was held back, for a text that ends inside a character

 private:
  const Tokenizer* tokenizer_;
  bool drop_space_;
  std::string held_;
};

}  // namespace doorbell
