// Finds the tokens that stand in a text as they are written, "<|im_end|>" for one, before anything else is
// cut. Longer ones first; among equally long ones the leftmost; what has been taken is not looked at again.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/load/vocabulary.h"

namespace doorbell {

// A part of a text in which control tokens are read (a chat template's own words) or not (what a person
// typed). User-defined tokens are read everywhere.
struct TextPart {
  std::string_view text;
  bool reads_control = false;
};

// Either a token, or text between tokens.
struct Fragment {
  uint32_t begin, end;
  int32_t token = -1;
};

class SpecialTokens {
 public:
  explicit SpecialTokens(const Vocabulary& vocabulary);
  // `text` is the parts' texts joined. A control token is found only where it lies in a single part.
  [[nodiscard]] std::vector<Fragment> split(std::string_view text, std::span<const TextPart> parts) const;

 private:
  struct Length {
    size_t size;
    bool user_defined;  // there is one of this length
    std::bitset<256> first_bytes;
    std::unordered_map<std::string_view, int32_t> ids;
  };
  const Vocabulary* vocabulary_;
  std::vector<Length> lengths_;  // falling
};

}  // namespace doorbell
