// See listing.h.
#include "codegen/listing.h"

#include <algorithm>
#include <unordered_set>

namespace doorbell {

void Listing::append(const Node* node) {
  const bool opens = node->is(Op::Range) && !node->src.empty();
  if (node->is(Op::Const)) return place(node);
  if (!level_.emplace(node, open_.size() + (opens ? 1 : 0)).second) return;
  body_.push_back(node);
  if (opens) open_.push_back(body_.size() - 1);
  if (node->is(Op::End)) open_.pop_back();
}

void Listing::place(const Node* value) {
  std::vector<const Node*> stack{value};
  while (!stack.empty()) {
    const Node* n = stack.back();
    if (level_.contains(n)) {
      stack.pop_back();
      continue;
    }
    const size_t before = stack.size();
    size_t level = 0;
    for (const Node* s : n->src) {
      auto at = level_.find(s);
      if (at == level_.end()) stack.push_back(s);
      else level = std::max(level, at->second);
    }
    if (stack.size() > before) continue;
    stack.pop_back();
    level_[n] = level;
    if (n->is(Op::Const)) {
      constants_.push_back(n);
    } else if (level == open_.size()) {
      body_.push_back(n);
    } else {
      body_.insert(body_.begin() + static_cast<long>(open_[level]), n);
      for (size_t i = level; i < open_.size(); ++i) ++open_[i];
    }
  }
}

std::vector<const Node*> Listing::finish() && {
  body_.insert(body_.begin(), constants_.begin(), constants_.end());
  drop_unused(body_);
  return std::move(body_);
}

void drop_unused(std::vector<const Node*>& body) {
  std::unordered_set<const Node*> live;
  for (size_t i = body.size(); i-- > 0;) {
    const Node* n = body[i];
    const bool effect = n->is(Op::Store) || n->is(Op::CopyAsync) || n->is(Op::Await) || n->is(Op::End);
    if (!effect && !live.contains(n)) continue;
    live.insert(n);
    live.insert(n->src.begin(), n->src.end());
  }
  std::erase_if(body, [&](const Node* n) { return !live.contains(n); });
}

}  // namespace doorbell
