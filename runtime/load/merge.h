// What byte-pair encoding and SentencePiece's variant of it share: neighbouring symbols are joined, best pair
// first, leftmost first among equals, until no pair is known. A queue keeps that near n log n for any text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace doorbell {

struct Symbol {
  uint32_t begin, size;  // bytes of the text; size 0: joined to the one before
  int32_t id;
  int32_t previous, next;  // -1 at the ends
};

struct Joined {
  double cost;  // lower is better
  int32_t id;   // of the symbol that the two become
};

struct PairCandidate {
  double cost;
  int32_t left, right, id;
  uint32_t size;

  // For the standard library's heaps, whose top is the greatest.
  bool operator<(const PairCandidate& other) const {
    return cost != other.cost ? cost > other.cost : left > other.left;
  }
};

// `join(const Symbol& left, const Symbol& right)` is an std::optional<Joined>. `symbols` are linked in order;
// `queue` is scratch space, kept by the caller from word to word.
template <class Join>
void merge_symbols(std::vector<Symbol>& symbols, std::vector<PairCandidate>& queue, Join join) {
  auto candidate = [&](int32_t left, int32_t right) -> std::optional<PairCandidate> {
    if (left < 0 || right < 0) return std::nullopt;
    const Symbol &a = symbols[static_cast<size_t>(left)], &b = symbols[static_cast<size_t>(right)];
    std::optional<Joined> joined = join(a, b);
    if (!joined) return std::nullopt;
    return PairCandidate{joined->cost, left, right, joined->id, a.size + b.size};
  };
  auto push = [&](int32_t left, int32_t right) {
    if (auto pair = candidate(left, right)) {
      queue.push_back(*pair);
      std::push_heap(queue.begin(), queue.end());
    }
  };
  queue.clear();
  for (int32_t i = 1; i < static_cast<int32_t>(symbols.size()); ++i) {
    if (auto pair = candidate(i - 1, i)) queue.push_back(*pair);
  }
  std::make_heap(queue.begin(), queue.end());
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end());
    PairCandidate best = queue.back();
    queue.pop_back();
    Symbol &left = symbols[static_cast<size_t>(best.left)], &right = symbols[static_cast<size_t>(best.right)];
    // A pair one of whose halves has been joined to something else since is out of date.
    if (!left.size || !right.size || left.size + right.size != best.size) continue;
    left.size = best.size;
    left.id = best.id;
    left.next = right.next;
    right.size = 0;
    if (right.next >= 0) symbols[static_cast<size_t>(right.next)].previous = best.left;
    push(left.previous, best.left);
    push(best.left, left.next);
  }
}

}  // namespace doorbell
