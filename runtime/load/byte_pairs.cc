#include "runtime/load/byte_pairs.h"

#include "runtime/load/merge.h"
#include "runtime/load/utf8.h"

namespace doorbell {
namespace {

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

Result<BytePairs> BytePairs::load(const Gguf& file, const Vocabulary& vocabulary,
                                  const PreTokenizer& pre_tokenizer) {
  BytePairs pairs;
  pairs.vocabulary_ = &vocabulary;
  pairs.pre_tokenizer_ = &pre_tokenizer;

  std::unordered_map<std::string, int32_t> extra;  // texts of merges that are no tokens
  auto symbol_of = [&](std::string_view text) {
    if (auto id = vocabulary.find(text)) return *id;
    return extra.emplace(text, vocabulary.size() + static_cast<int32_t>(extra.size())).first->second;
  };
  GgufValue value = TRY(file.require("tokenizer.ggml.merges"));
  std::vector<std::string_view> merges = TRY(value.as_strings());
  if (merges.size() > static_cast<size_t>((INT32_MAX - vocabulary.size()) / 3)) {
    return value.fail(fmt::format("{} merges", merges.size()), "fewer than 2^31 symbols");
  }
  pairs.merges_.reserve(merges.size());
  std::string joined;
  for (uint32_t rank = 0; rank < merges.size(); ++rank) {
    std::string_view merge = merges[rank];
    // A space cannot be part of a symbol: GPT-2 writes the byte 0x20 as U+0120.
    size_t space = merge.find(' ');
    bool two = space != merge.npos && space > 0 && space + 1 < merge.size() &&
               merge.find(' ', space + 1) == merge.npos;
    if (!two) {
      return file.fail(file.offset_of(merge.data()), fmt::format("merge {} {}", rank, in_quotes(merge)),
                       "two symbols with a space between them");
    }
    std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    joined.assign(left).append(right);
    // The first of equal merges counts.
    pairs.merges_.try_emplace(pair_key(symbol_of(left), symbol_of(right)), Merge{rank, symbol_of(joined)});
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    std::string text;
    append_byte_as_text(text, static_cast<uint8_t>(byte));
    auto in_merges = extra.find(text);
    pairs.byte_symbols_[byte] =
        in_merges != extra.end() ? in_merges->second : vocabulary.find(text).value_or(-1);
  }
  return pairs;
}

void BytePairs::encode(std::string_view text, std::vector<int32_t>& tokens) const {
  std::vector<Symbol> symbols;
  std::vector<PairCandidate> queue;
  std::string as_text;
  uint32_t begin = 0;
  auto join = [&](const Symbol& left, const Symbol& right) -> std::optional<Joined> {
    auto merge = merges_.find(pair_key(left.id, right.id));
    if (merge == merges_.end()) return std::nullopt;
    return Joined{static_cast<double>(merge->second.rank), merge->second.id};
  };
  for (uint32_t end : split_words(*pre_tokenizer_, text)) {
    std::string_view word = text.substr(begin, end - begin);
    begin = end;
    if (pre_tokenizer_->whole_words) {
      as_text.clear();
      for (char c : word) append_byte_as_text(as_text, static_cast<uint8_t>(c));
      if (auto id = vocabulary_->find(as_text)) {
        tokens.push_back(*id);
        continue;
      }
    }
    symbols.clear();
    for (uint32_t i = 0; i < word.size(); ++i) {
      auto at = static_cast<int32_t>(i);
      symbols.push_back({i, 1, byte_symbols_[static_cast<uint8_t>(word[i])], at - 1, at + 1});
    }
    symbols.back().next = -1;
    merge_symbols(symbols, queue, join);
    for (const Symbol& symbol : symbols) {
      if (symbol.size && symbol.id >= 0 && symbol.id < vocabulary_->size()) {
        tokens.push_back(symbol.id);
      } else {
        // A merge whose result is no token falls back to its bytes.
        for (char c : word.substr(symbol.begin, symbol.size)) {
          int32_t id = byte_symbols_[static_cast<uint8_t>(c)];
          if (id >= 0 && id < vocabulary_->size()) tokens.push_back(id);
        }
      }
    }
  }
}

}  // namespace doorbell
