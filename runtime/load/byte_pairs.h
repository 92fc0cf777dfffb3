// Byte-pair encoding as GPT-2 does it: words of the pre-tokenizer, their bytes, and a ranked list of merges.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hal/base/hash.h"
#include "runtime/load/pretokenize.h"
#include "runtime/load/vocabulary.h"

namespace doorbell {

class BytePairs {
 public:
  // The vocabulary must live as long as the result.
  static Result<BytePairs> load(const Gguf& file, const Vocabulary& vocabulary,
                                const PreTokenizer& pre_tokenizer);
  // `text` is valid UTF-8. Bytes that the vocabulary has no token for are left out, as llama.cpp does:
  // SmolLM2's lacks 21 bytes, among them 0xf1, with which the characters from U+40000 on begin.
  void encode(std::string_view text, std::vector<int32_t>& tokens) const;

 private:
  struct PairHash {
    size_t operator()(uint64_t pair) const { return Hash128::mix(pair); }
  };
  struct Merge {
    uint32_t rank;
    int32_t id;
  };

  const Vocabulary* vocabulary_ = nullptr;
  const PreTokenizer* pre_tokenizer_ = nullptr;
  // Symbols are token ids, and numbers from the vocabulary's size on for texts that occur only in merges.
  std::array<int32_t, 256> byte_symbols_{};               // -1: none
  std::unordered_map<uint64_t, Merge, PairHash> merges_;  // left symbol << 32 | right symbol
};

}  // namespace doorbell
