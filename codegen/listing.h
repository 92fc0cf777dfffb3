// The body of a lowered kernel while a pass writes it anew: nodes come in the order of execution, and what is
// computed on the way finds its place by itself.
#pragma once

#include <unordered_map>
#include <vector>

#include "codegen/node.h"

namespace doorbell {

class Listing {
 public:
  // At the end of the list, unless it stands there already.
  void append(const Node* node);
  // A value without effects, and those of its sources that the list lacks: in the innermost loop that its
  // sources stand in, so that it may be used behind the loops that are open now. Constants stand in front.
  void place(const Node* value);
  // The list; without what no effect needs.
  std::vector<const Node*> finish() &&;

 private:
  std::vector<const Node*> body_, constants_;
  std::unordered_map<const Node*, size_t> level_;  // how many loops a node stands in; a loop, in itself
  std::vector<size_t> open_;                       // where the open loops begin
};

// Drops what no effect needs.
void drop_unused(std::vector<const Node*>& body);

}  // namespace doorbell
