// Random tensor graphs: all ops and data types, movement, reductions, products of matrices, symbols, assigns.
// A seed names a graph and its data; building it again gives new buffers with the same bytes, since a device
// that runs a graph takes the buffers' bytes and may write over them.
#pragma once

#include <functional>
#include <vector>

#include "tests/matrix/devices.h"

namespace doorbell {

// A node and what is known of how its value may differ from the graph evaluator's on a device. Products that
// become fma and reductions whose order the kernel chooses round differently; `error` bounds that, as a graph
// of f64 in the same shape.
struct RandomNode {
  NodeRef node{};
  NodeRef error{};       // null: none, bit for bit
  bool unknown = false;  // no bound: an error went through a step (a comparison, a cast to integers)
  bool product = false;  // it may be a product that an addition takes in
};

struct RandomGraph {
  std::vector<RandomNode> nodes;  // sources first
  std::vector<size_t> outputs;
  Symbols symbols;
  int lanes = 4;  // of kernels that only the evaluator runs
};

RandomGraph random_graph(uint64_t seed);

// Runs a graph on all devices and in the evaluators. Empty, or what differs, with the stage. `build` makes
// the graph anew for each of them; `details`: with the kernels.
std::string check_graph(const std::function<RandomGraph()>& build, bool details = false);

// The graph of a seed; `outputs` are places in its nodes.
std::string check_graph(uint64_t seed, const std::vector<size_t>& outputs, bool details = false);

}  // namespace doorbell
