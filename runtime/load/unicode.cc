#include "runtime/load/unicode.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "runtime/load/unicode_table.h"

namespace doorbell {
namespace {

CharClass search(char32_t code_point) {
  auto after = std::ranges::upper_bound(char_ranges, code_point, {}, &CharRange::first);
  return std::prev(after)->char_class;
}

}  // namespace

CharClass classify(char32_t code_point) {
  static const auto low = [] {
    std::array<CharClass, 0x300> table;
    for (char32_t c = 0; c < table.size(); ++c) table[c] = search(c);
    return table;
  }();
  return code_point < low.size() ? low[code_point] : search(code_point);
}

}  // namespace doorbell
