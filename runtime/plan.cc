// See plan.h. A graph's form: its nodes in the order of the walk, with their sources' places, what lies in
// memory, and which of it is the same memory. Ids of buffers are no part of it.
#include "runtime/plan.h"

#include <algorithm>

namespace doorbell {

namespace {

constexpr size_t kMost = 512;  // plans, before all are forgotten

struct Form {
  std::vector<const Node*> nodes;
  Hash128 hash;
};

Form form_of(std::span<const Node* const> outputs) {
  Form form{scheduled_nodes(outputs), {}};
  std::unordered_map<const Node*, size_t> place;
  std::unordered_map<const void*, size_t> memories;
  place.reserve(form.nodes.size());
  Hash128& h = form.hash;
  for (const Node* n : form.nodes) {
    const size_t at = place.emplace(n, place.size()).first->second;
    const bool leaf = lies_in_memory(n);
    h.add(static_cast<uint64_t>(n->op) | (leaf ? 1u << 8 : 0u)).add(n->dtype.pack()).add(n->shape.size());
    for (const Dim& d : n->shape) h.add(static_cast<uint64_t>(d.size)).add(d.symbol);
    if (leaf) {
      const void* memory = memo_of(n).get();
      h.add(memory ? memories.emplace(memory, at).first->second : at);
      continue;
    }
    h.add(n->src.size()).add(n->arg.size());
    for (const Node* s : n->src) h.add(place.at(s));
    for (int64_t a : n->arg) h.add(static_cast<uint64_t>(a));
  }
  h.add(outputs.size());
  for (const Node* n : outputs) h.add(place.at(n));
  return form;
}

}  // namespace

Result<Schedule> Plans::schedule(std::span<const Node* const> outputs) {
  const Form form = form_of(outputs);
  auto found = plans_.find(form.hash);
  if (found == plans_.end()) {
    Plan plan{TRY(doorbell::schedule(outputs)), {}};
    for (const Slot& slot : plan.schedule.slots)
      plan.places.push_back(
          static_cast<size_t>(std::ranges::find(form.nodes, slot.node) - form.nodes.begin()));
    if (plans_.size() >= kMost) plans_.clear();
    found = plans_.emplace(form.hash, std::move(plan)).first;
  }
  Schedule out = found->second.schedule;
  for (size_t i = 0; i < out.slots.size(); ++i) out.slots[i].node = form.nodes.at(found->second.places[i]);
  return out;
}

}  // namespace doorbell
