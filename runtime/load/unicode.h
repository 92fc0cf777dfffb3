// The classes of code points that pre-tokenizers' regular expressions name: \p{L}, \p{N}, \p{P}, \s, and the
// rest.
#pragma once

#include <cstdint>

namespace doorbell {

enum class CharClass : uint8_t { other, letter, number, punctuation, space };

CharClass classify(char32_t code_point);

}  // namespace doorbell
