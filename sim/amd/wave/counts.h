// How often each row of the instruction table was executed in this process, by dispatches that are over.
#pragma once

#include <cstdint>
#include <vector>

namespace doorbell::sim::amd {

std::vector<uint64_t> row_counts();
void add_row_counts(const std::vector<uint64_t>& counts);

}  // namespace doorbell::sim::amd
