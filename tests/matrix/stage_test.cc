// Staging changes where values lie and never what they are: kernels with local memory to stage in and kernels
// without give the same bits, as machine code and in the evaluator.
#include <gtest/gtest.h>

#include "codegen/decompose.h"
#include "runtime/conv.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/functional.h"
#include "runtime/matmul.h"
#include "tests/matrix/devices.h"
#include "tools/targets.h"

namespace doorbell {
namespace {

struct Stage {
  std::unique_ptr<Device> device;
  std::unique_ptr<Engine> engine;
  std::shared_ptr<int> staged = std::make_shared<int>(0);  // kernels with local memory
};

// `ahead`: the kernels' copies run ahead, for a target that then makes loads and stores of them.
Stage make_stage(std::unique_ptr<Device> device, Target target, int64_t local_bytes, bool ahead) {
  Stage s;
  s.device = std::move(device);
  target.tiling.local_bytes = local_bytes;
  target.tiling.copy_engine |= ahead;
  target.compile = [compile = target.compile, staged = s.staged, ahead](const Lowered& kernel) {
    for (const Node* n : kernel.body)
      if (n->is(Op::Alloc) && n->arg[1] == static_cast<int64_t>(Space::Local)) {
        ++*staged;
        break;
      }
    if (!ahead) return compile(kernel);
    Graph graph;
    Lowered spelt = kernel;
    for (const Node*& n : spelt.body) n = graph.import(n);
    spell_copies(graph, spelt);
    return compile(spelt);
  };
  auto engine = Engine::make(*s.device, std::move(target));
  DOORBELL_CHECK(engine.ok(), "{}", engine.error().message);
  s.engine = std::move(*engine);
  return s;
}

class Staging : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    test_devices();  // turns the kernel cache off
    auto add = [](auto device, int64_t bytes, bool ahead = false) {
      DOORBELL_CHECK(device.ok(), "{}", device.error().message);
      const Limits limits = (*device)->properties().limits;
      Target target = limits.isa == "lanes" ? lanes_target() : std::move(*target_for(limits));
      stages_.push_back(make_stage(std::move(*device), std::move(target), bytes, ahead));
    };
    add(backends()[0].open(), 0);
    add(backends()[0].open(), 256 << 10);
    add(backends()[0].open(), 12 << 10);  // only some panels fit
    add(backends()[0].open(), 256 << 10, true);
    add(Result<std::unique_ptr<Device>>(open_lanes_device()), 64 << 10);
  }
  static void TearDownTestSuite() { stages_.clear(); }

  // All agree; `expected` kernels are staged with room enough, at least.
  template <class Make>
  static void agree(Make make, int expected, const std::string& what) {
    std::vector<Array> first;
    for (size_t i = 0; i < stages_.size(); ++i) {
      const Tensor t = make();  // its inputs go to one device each
      ASSERT_TRUE(t.ok()) << t.error_text();
      const Node* node = t.node().get();
      const int before = *stages_[i].staged;
      auto values = compute_on(*stages_[i].engine, std::span(&node, 1));
      ASSERT_TRUE(values.ok()) << what << ": " << values.error().message;
      const int staged = *stages_[i].staged - before;
      EXPECT_TRUE(i == 0 ? staged == 0 : i == 1 ? staged >= expected : true) << what << ": staged " << staged;
      if (i == 0) first = std::move(*values);
      else EXPECT_EQ(difference(first[0], (*values)[0]), "") << what << ", way " << i;
    }
  }
  static inline std::vector<Stage> stages_;
};

Tensor numbers(const Shape& shape, unsigned seed, DType type = dtype::f32) {
  std::vector<double> values(static_cast<size_t>(elements(shape)));
  uint64_t state = seed * 2654435761u + 1;
  for (double& v : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = static_cast<double>(static_cast<int64_t>(state >> 20) % 20011) / 10007;
  }
  return from_values(type, values, shape);
}

TEST_F(Staging, KeepsEveryBitOfProductsOfOddShapes) {
  for (const auto& [m, n, k] :
       {std::array<int64_t, 3>{128, 64, 48}, {250, 45, 37}, {200, 33, 64}, {101, 128, 19}, {97, 8, 5}})
    agree([m = m, n = n, k = k] { return matmul(numbers({m, k}, 1), numbers({k, n}, 2)); }, n >= 32 ? 1 : 0,
          fmt::format("{} x {} x {}", m, n, k));
}

TEST_F(Staging, KeepsEveryBitOfTransposedOperands) {
  for (bool a : {false, true})
    for (bool b : {false, true}) {
      auto make = [&] {
        return matmul(a ? numbers({41, 130}, 1).transpose() : numbers({130, 41}, 1),
                      b ? numbers({70, 41}, 2).transpose() : numbers({41, 70}, 2));
      };
      agree(make, 0, fmt::format("transposed {} {}", a, b));
    }
}

TEST_F(Staging, KeepsEveryBitOfBatchesTypesAndEpilogues) {
  agree([&] { return matmul(numbers({3, 230, 29}, 1), numbers({3, 29, 88}, 2)); }, 1, "batched");
  agree([&] { return matmul(numbers({2, 230, 29}, 1), numbers({29, 88}, 2)); }, 1, "one right side for all");
  agree([&] { return matmul(numbers({110, 29}, 1, dtype::f64), numbers({29, 64}, 2, dtype::f64)); }, 1,
        "f64");
  agree([&] { return matmul(numbers({110, 29}, 1, dtype::f16), numbers({29, 64}, 2, dtype::f16)); }, 1,
        "f16");
  agree([&] { return relu(matmul(numbers({110, 29}, 1), numbers({29, 64}, 2)) + numbers({64}, 3)); }, 1,
        "bias and relu");
}

// Rows of bytes, which lanes along the rows read four at a time.
TEST_F(Staging, KeepsEveryBitOfBytesThatBecomeFloats) {
  for (DType type : {dtype::i8, dtype::u8})
    for (int64_t k : {64, 40, 37})
      agree(
          [&] {
            Tensor bytes = (numbers({48, k}, 2) * 64).cast(dtype::i32).cast(type).contiguous();
            return matmul(numbers({64, k}, 1), bytes.cast(dtype::f32).transpose());
          },
          1, fmt::format("{} of {} columns", name(type), k));
}

// A product inside a sum becomes one fma with it, on either side of the copy.
TEST_F(Staging, DoesNotPartProductsFromTheirSums) {
  auto x = [] { return numbers({1, 120, 1}, 1); };
  auto w = [] { return numbers({31, 1, 48}, 2); };
  auto s = [] { return numbers({31, 1, 48}, 3); };
  agree([&] { return (w() * s() + x()).sum({0}); }, 1, "a product added to what differs");
  agree([&] { return ((w() * s() + w()) * x()).sum({0}); }, 1, "a product added inside");
}

TEST_F(Staging, KeepsEveryBitOfConvolutions) {
  agree(
      [&] { return conv2d(numbers({2, 5, 13, 14}, 1), numbers({100, 5, 3, 3}, 2), {}, {.padding = {1, 1}}); },
      0, "3x3");
  agree([&] { return conv2d(numbers({1, 8, 16, 16}, 1), numbers({96, 8, 1, 1}, 2)); }, 0, "1x1");
}

}  // namespace
}  // namespace doorbell
