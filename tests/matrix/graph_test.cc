// Single graphs, each of which some rewrite or order once broke: on every device and in the evaluators.
#include <gtest/gtest.h>

#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "tests/matrix/random_graph.h"

namespace doorbell {
namespace {

// Bit for bit what the graph evaluator says.
void agree(const std::function<std::vector<Tensor>()>& make, const Symbols& symbols = {}) {
  auto build = [&] {
    RandomGraph graph;
    for (const Tensor& t : make()) {
      if (!t.ok()) ADD_FAILURE() << t.error_text();
      graph.outputs.push_back(graph.nodes.size());
      graph.nodes.push_back({t.node()});
    }
    graph.symbols = symbols;
    return graph;
  };
  if (std::string wrong = check_graph(build, true); !wrong.empty()) ADD_FAILURE() << wrong;
}
Tensor input(DType t, std::vector<int64_t> shape, uint64_t seed = 1) {
  return Tensor(buffer_of(random_array(t, std::move(shape), seed)));
}

TEST(Graphs, CastsToBoolAndToFloatsAreNotCutsOfThePattern) {
  agree([] {
    Tensor b = input(dtype::u32, {40}).cast(dtype::boolean).bitcast(dtype::f8e5m2);
    Tensor f = input(dtype::u32, {40}, 2).cast(dtype::f8e4m3).bitcast(dtype::f8e5m2);
    return std::vector{b == b, f == f};
  });
}

// Both sides of the difference are one product of 33 numbers, whose last step is a multiplication. Whether
// that is in sight of the subtraction is a matter of how many of the gates around it a target's copies
// decide.
TEST(Graphs, ProductsThatTilingBringsBesideASumAreNotFused) {
  agree([] {
    std::vector<double> values(2 * 7 * 33 * 5);
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.7 + static_cast<double>(i % 89) / 128;
    Tensor x =
        from_values(dtype::f32, values, {2, 7, 33, 5}).prod(2, true).pad({{2, 2}, {1, 0}, {0, 0}, {0, 0}});
    Tensor moved = x.permute({3, 0, 2, 1});
    return std::vector{moved - moved};
  });
}

}  // namespace
}  // namespace doorbell
