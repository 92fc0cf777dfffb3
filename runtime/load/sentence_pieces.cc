#include "runtime/load/sentence_pieces.h"

#include <cmath>

#include "runtime/load/merge.h"
#include "runtime/load/utf8.h"

namespace doorbell {

Result<SentencePieces> SentencePieces::load(const Gguf& file, const Vocabulary& vocabulary) {
  SentencePieces pieces;
  pieces.vocabulary_ = &vocabulary;
  pieces.scores_.assign(vocabulary.texts.size(), 0.0F);
  if (auto value = file.find("tokenizer.ggml.scores")) {
    pieces.scores_ = TRY(value->as_floats());
    if (pieces.scores_.size() != vocabulary.texts.size()) {
      return value->fail(fmt::format("{} scores", pieces.scores_.size()),
                         fmt::format("{}, one for each token", vocabulary.texts.size()));
    }
    for (size_t i = 0; i < pieces.scores_.size(); ++i) {
      // Scores are compared for order, which NaN has none of.
      if (std::isnan(pieces.scores_[i])) {
        return file.fail(value->offset() + 4 * i, fmt::format("nan as the score of token {}", i), "a number");
      }
    }
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    auto id = vocabulary.find(fmt::format("<0x{:02X}>", byte));
    char self = static_cast<char>(byte);
    if (!id) id = vocabulary.find({&self, 1});
    if (!id) id = vocabulary.unknown;
    if (!id) {
      GgufValue tokens = TRY(file.require("tokenizer.ggml.tokens"));
      return tokens.fail(fmt::format("no token <0x{:02X}> and no unknown token", byte), "one of them");
    }
    pieces.byte_tokens_[byte] = *id;
  }
  return pieces;
}

void SentencePieces::encode(std::string_view raw, std::vector<int32_t>& tokens) const {
  std::string text;
  for (char c : raw) {
    if (c == ' ') {
      text += space_mark;
    } else {
      text += c;
    }
  }
  std::vector<Symbol> symbols;
  for (uint32_t at = 0; at < text.size();) {
    uint32_t size = decode_utf8(text, at).length;
    auto index = static_cast<int32_t>(symbols.size());
    symbols.push_back({at, size, vocabulary_->find(std::string_view(text).substr(at, size)).value_or(-1),
                       index - 1, index + 1});
    at += size;
  }
  if (symbols.empty()) return;
  symbols.back().next = -1;
  std::vector<PairCandidate> queue;
  merge_symbols(symbols, queue, [&](const Symbol& left, const Symbol& right) -> std::optional<Joined> {
    if (left.size + right.size > vocabulary_->longest) return std::nullopt;
    auto id = vocabulary_->find(std::string_view(text).substr(left.begin, left.size + right.size));
    if (!id) return std::nullopt;
    return Joined{-static_cast<double>(scores_[static_cast<size_t>(*id)]), *id};
  });
  for (const Symbol& symbol : symbols) {
    if (symbol.id >= 0 && symbol.size) {
      tokens.push_back(symbol.id);
      continue;
    }
    for (char c : std::string_view(text).substr(symbol.begin, symbol.size)) {
      tokens.push_back(byte_tokens_[static_cast<uint8_t>(c)]);
    }
  }
}

}  // namespace doorbell
