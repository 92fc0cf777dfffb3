// The order of a schedule. An assign writes over the memory of the version that it replaces, so everything
// that reads that version has to run before it. Where no order allows that (a value of an old and a new
// version, two buffers that swap their values), the old version is copied just before it is replaced, and
// those that still have to read it read the copy: the new version always keeps the buffer, and no graph is
// refused.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "codegen/node.h"

namespace doorbell {

struct Step {
  const Node* makes = nullptr;     // the value that it leaves in memory; null: one that no other step reads
  std::vector<const Node*> reads;  // values in memory
  const Node* replaces = nullptr;  // of an assign: the version whose memory it writes over
  bool elsewhere = false;          // it reads that version where it does not write: not in place
};

// Calls run(i) for each step, in an order that is theirs wherever possible, and keep(version, readers) where
// that version is to be copied now, and those steps to read the copy. No two steps replace one version.
void order(std::span<const Step> steps, const std::function<void(size_t)>& run,
           const std::function<void(const Node*, std::span<const size_t>)>& keep);

}  // namespace doorbell
