// Plans: schedules that are kept by the form of their graph. Graphs that differ only in the buffers that they
// read are cut alike, so that what is computed over and over, eagerly or step by step, is scheduled once.
//
// Threads: one at a time.
#pragma once

#include <unordered_map>

#include "runtime/schedule.h"

namespace doorbell {

class Plans {
 public:
  // As schedule(), whose kernels and their graph it may share with earlier results.
  Result<Schedule> schedule(std::span<const Node* const> outputs);

 private:
  struct Plan {
    Schedule schedule;
    std::vector<size_t> places;  // of each slot's node, in the walk over the graph
  };
  std::unordered_map<Hash128, Plan> plans_;
};

}  // namespace doorbell
