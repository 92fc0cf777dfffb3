#include "runtime/order.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "hal/base/result.h"

namespace doorbell {

void order(std::span<const Step> steps, const std::function<void(size_t)>& run,
           const std::function<void(const Node*, std::span<const size_t>)>& keep) {
  const size_t n = steps.size();
  std::unordered_map<const Node*, size_t> maker;
  std::unordered_map<const Node*, std::vector<size_t>> readers;
  for (size_t i = 0; i < n; ++i) {
    if (steps[i].makes) maker[steps[i].makes] = i;
    for (const Node* v : steps[i].reads)
      if (std::vector<size_t>& all = readers[v]; all.empty() || all.back() != i) all.push_back(i);
  }
  // What has to be done before a step: the makers of what it reads and replaces, and the readers of what it
  // replaces.
  std::vector<std::set<size_t>> makers(n), before(n);
  for (size_t i = 0; i < n; ++i) {
    auto need = [&](const Node* v) {
      if (auto it = maker.find(v); it != maker.end() && it->second != i) makers[i].insert(it->second);
    };
    for (const Node* v : steps[i].reads) need(v);
    const Node* old = steps[i].replaces;
    if (!old) continue;
    need(old);
    for (size_t j : readers[old])
      if (j != i || steps[i].elsewhere) before[i].insert(j);
  }
  std::vector<bool> done(n);
  auto all_done = [&](const std::set<size_t>& these) {
    return std::all_of(these.begin(), these.end(), [&](size_t j) { return done[j]; });
  };
  // Has step `to` to be done before step `from`?
  auto waits_for = [&](size_t from, size_t to) {
    std::vector<bool> seen(n);
    std::vector<size_t> open{from};
    while (!open.empty()) {
      const size_t i = open.back();
      open.pop_back();
      if (i == to) return true;
      if (seen[i] || done[i]) continue;
      seen[i] = true;
      open.insert(open.end(), makers[i].begin(), makers[i].end());
      open.insert(open.end(), before[i].begin(), before[i].end());
    }
    return false;
  };
  for (size_t left = n; left > 0;) {
    const size_t earlier = left;
    for (size_t i = 0; i < n; ++i) {
      if (done[i] || !all_done(makers[i]) || !all_done(before[i])) continue;
      run(i);
      done[i] = true;
      --left;
    }
    if (left < earlier) continue;
    // Makers come before users in the graph, so each circle has a step whose makers are done: an assign that
    // waits for a reader that waits for it. The smallest version is copied.
    size_t best = n;
    for (size_t i = 0; i < n; ++i)
      if (!done[i] && all_done(makers[i]) &&
          (best == n || elements(steps[i].replaces->shape) < elements(steps[best].replaces->shape)) &&
          std::any_of(before[i].begin(), before[i].end(), [&](size_t j) { return waits_for(j, i); }))
        best = i;
    DOORBELL_CHECK(best < n, "{} steps of a schedule wait for each other, and none of them for an assign",
                   left);
    std::vector<size_t> late;
    for (size_t j : before[best])
      if (!done[j]) late.push_back(j);
    keep(steps[best].replaces, late);
    before[best].clear();
  }
}

}  // namespace doorbell
