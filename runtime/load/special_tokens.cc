#include "runtime/load/special_tokens.h"

#include <algorithm>
#include <map>

namespace doorbell {

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {
  std::map<size_t, Length, std::greater<>> lengths;
  for (size_t i = 0; i < vocabulary.texts.size(); ++i) {
    TokenKind kind = vocabulary.kinds[i];
    bool user_defined = kind == TokenKind::user_defined;
    std::string_view text = vocabulary.texts[i];
    if (text.empty() || (!user_defined && kind != TokenKind::control && kind != TokenKind::unknown)) continue;
    Length& length = lengths.try_emplace(text.size(), Length{text.size(), false, {}, {}}).first->second;
    length.user_defined |= user_defined;
    length.first_bytes.set(static_cast<uint8_t>(text[0]));
    length.ids.emplace(text, static_cast<int32_t>(i));
  }
  for (auto& [size, length] : lengths) lengths_.push_back(std::move(length));
}

std::vector<Fragment> SpecialTokens::split(std::string_view text, std::span<const TextPart> parts) const {
  std::vector<Fragment> fragments, finer;
  if (!text.empty()) fragments.push_back({0, static_cast<uint32_t>(text.size())});
  std::vector<size_t> part_ends;
  bool control = false;
  for (const TextPart& part : parts) {
    part_ends.push_back((part_ends.empty() ? 0 : part_ends.back()) + part.text.size());
    control |= part.reads_control;
  }
  auto reads_control = [&](size_t begin, size_t end) {
    auto part = std::ranges::upper_bound(part_ends, begin) - part_ends.begin();
    return parts[static_cast<size_t>(part)].reads_control && end <= part_ends[static_cast<size_t>(part)];
  };
  for (const Length& length : lengths_) {
    if (!control && !length.user_defined) continue;
    finer.clear();
    for (const Fragment& fragment : fragments) {
      size_t begin = fragment.begin, at = begin;
      if (fragment.token >= 0) at = fragment.end;
      while (at + length.size <= fragment.end) {
        auto found = length.first_bytes.test(static_cast<uint8_t>(text[at]))
                         ? length.ids.find(text.substr(at, length.size))
                         : length.ids.end();
        bool taken = found != length.ids.end() &&
                     (vocabulary_->kinds[static_cast<size_t>(found->second)] == TokenKind::user_defined ||
                      reads_control(at, at + length.size));
        if (!taken) {
          ++at;
          continue;
        }
        if (at > begin) finer.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(at)});
        begin = at + length.size;
        finer.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(begin), found->second});
        at = begin;
      }
      if (begin < fragment.end) finer.push_back({static_cast<uint32_t>(begin), fragment.end, fragment.token});
    }
    fragments.swap(finer);
  }
  return fragments;
}

}  // namespace doorbell
