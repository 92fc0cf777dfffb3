// Random graphs on every device, in the evaluator of lowered kernels and in that of the graph: bit for bit
// between all that run lowered kernels, whatever their lanes; within bounds of the graph's own values.
// DOORBELL_FUZZ_SECONDS and DOORBELL_FUZZ_SEED steer it; DOORBELL_FUZZ_SEED alone runs that graph and shows
// its kernels where it fails.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>

#include "tests/matrix/random_graph.h"

namespace doorbell {
namespace {

uint64_t current_seed = 0;

void name_seed(int) {
  std::string line = fmt::format("\nwhile at DOORBELL_FUZZ_SEED={}\n", current_seed);
  (void)!write(2, line.data(), line.size());
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

// The smallest subgraph that fails by itself.
std::string shrink(uint64_t seed) {
  const size_t nodes = random_graph(seed).nodes.size();
  for (size_t i = 0; i < nodes; ++i)
    if (!check_graph(seed, {i}).empty()) return check_graph(seed, {i}, true);
  return check_graph(seed, random_graph(seed).outputs, true);
}

int seconds() {
  if (const char* s = std::getenv("DOORBELL_FUZZ_SECONDS")) return std::atoi(s);
  if (std::getenv("DOORBELL_NIGHTLY")) return 3 * 3600;
  const char* ci = std::getenv("CI");
  return ci && std::string_view(ci) == "true" ? 60 : 4;
}

TEST(RandomGraphs, AgreeOnEveryDeviceAndInEveryEvaluator) {
  for (int s : {SIGABRT, SIGSEGV, SIGFPE}) std::signal(s, name_seed);
  const char* given = std::getenv("DOORBELL_FUZZ_SEED");
  const bool one = given && !std::getenv("DOORBELL_FUZZ_SECONDS");
  uint64_t seed = given ? std::strtoull(given, nullptr, 0) : std::random_device()();
  fmt::print("seeds from {}\n", seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds());
  size_t graphs = 0, failures = 0;
  if (one) {
    RandomGraph graph = random_graph(seed);
    std::vector<const Node*> roots;
    for (size_t i : graph.outputs) roots.push_back(graph.nodes[i].node.get());
    fmt::print("{}", print(roots));
    std::fflush(stdout);
  }
  do {
    current_seed = seed;
    ++graphs;
    if (!check_graph(seed, random_graph(seed).outputs).empty()) {
      ADD_FAILURE() << "DOORBELL_FUZZ_SEED=" << seed << "\n" << shrink(seed);
      ++failures;
    }
    ++seed;
  } while (!one && failures < 3 && std::chrono::steady_clock::now() < end);
  fmt::print("{} graphs\n", graphs);
  std::signal(SIGABRT, SIG_DFL);
}

}  // namespace
}  // namespace doorbell
