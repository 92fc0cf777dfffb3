#include "sim/amd/fence.h"

#include <algorithm>
#include <utility>

#include "sim/amd/raw.h"

namespace doorbell::sim::amd {

namespace {

// What comes before a point, without the points that are signalled (dma_fence_chain_walk).
FencePtr walk(const FencePtr& point) {
  if (!point->is_point()) return nullptr;
  while (point->before) {
    const Fence& before = *point->before;
    if (before.is_point() ? !is_signalled(*before.of) : !is_signalled(before)) break;
    FencePtr further = before.before;
    point->before = std::move(further);
  }
  return point->before;
}

}  // namespace

Fence::~Fence() {
  FencePtr next = std::move(before);
  while (next && next.use_count() == 1) {
    FencePtr after = std::move(next->before);
    next = std::move(after);
  }
}

FencePtr signalled_fence() {
  auto fence = std::make_shared<Fence>();
  fence->done = true;
  return fence;
}

bool is_signalled(const Fence& fence) {
  for (const Fence* at = &fence; at; at = at->before.get()) {
    // What a point stands for is a job's, or of one level of points, see merged().
    if (at->is_point() ? !is_signalled(*at->of) : !at->done) return false;
  }
  return true;
}

FencePtr merged(const FencePtr& fence) {
  FencePtr result;
  std::vector<const FencePtr*> open = {&fence};
  while (!open.empty()) {
    FencePtr at = *open.back();
    open.pop_back();
    for (; at; at = at->before) {
      const FencePtr& leaf = at->is_point() ? at->of : at;
      if (leaf->is_point()) {
        open.push_back(&leaf);
      } else if (!leaf->done) {
        auto link = std::make_shared<Fence>();
        link->of = leaf;
        link->before = std::move(result);
        result = std::move(link);
      }
    }
  }
  if (!result) return signalled_fence();
  return result->before ? result : result->of;
}

void add_point(Syncobj& object, FencePtr fence, uint64_t point) {
  static uint64_t timelines = 0;
  auto made = std::make_shared<Fence>();
  made->of = std::move(fence);
  made->before = object.fence;
  made->sequence = point;
  const Fence* last = object.fence.get();
  if (last && last->is_point() && point > last->sequence) {
    made->timeline = last->timeline;
    made->before_sequence = last->sequence;
  } else {
    made->timeline = ++timelines;
    if (last && last->is_point()) made->sequence = std::max(point, last->sequence);
  }
  object.fence = made;
  for (FencePtr at = walk(made); at; at = walk(at)) {}
}

bool find_point(const FencePtr& fence, uint64_t point, FencePtr& found) {
  found = fence;
  if (!fence) return false;
  if (point == 0) return true;
  if (!fence->is_point() || fence->sequence < point) return false;
  for (; found; found = walk(found))
    if (found->timeline != fence->timeline || !found->is_point() || found->before_sequence < point) break;
  if (!found) found = signalled_fence();
  return true;
}

uint64_t reached(const FencePtr& fence, bool last_submitted) {
  if (!fence || !fence->is_point()) return 0;
  if (last_submitted) return fence->sequence;
  FencePtr last = fence;
  for (FencePtr at = fence; at && at->timeline == fence->timeline; at = walk(at)) last = at;
  return is_signalled(*last) ? last->sequence : last->before_sequence;
}

void tell(Syncobj& object) {
  std::erase_if(object.tellings, [&](Telling& one) {
    if (!one.fence && !find_point(object.fence, one.point, one.fence)) {
      one.fence = nullptr;
      return false;
    }
    if (!one.available && !is_signalled(*one.fence)) return false;
    const uint64_t more = 1;
    raw::write(one.eventfd.get(), &more, sizeof(more));
    return true;
  });
}

}  // namespace doorbell::sim::amd
