// Copies that run ahead change when bytes move and never what is computed: kernels whose copies run ahead,
// kernels whose copies are awaited at once, kernels that copy by loads and stores and kernels that stage
// nothing give the same bits. And what a kernel with tokens gets wrong does not pass: a token that nobody
// awaits, or that is awaited twice, is refused; a copy into the half in use is seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <random>

#include "codegen/decompose.h"
#include "runtime/conv.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/functional.h"
#include "runtime/matmul.h"
#include "tests/matrix/devices.h"

namespace doorbell {
namespace {

using Kernels = std::vector<Lowered>;

// A graph's kernels for one target, and the memory that they work on.
struct Work {
  Schedule plan;
  Kernels kernels;
  std::vector<std::vector<std::byte>> memory;
};

Work work(const Tensor& t, const LaneTarget& target) {
  DOORBELL_CHECK(t.ok(), "{}", t.error_text());
  const Node* root = t.node().get();
  const Environment environment = environment_of(std::span(&root, 1));
  auto plan = schedule(std::span(&root, 1));
  DOORBELL_CHECK(plan.ok(), "{}", plan.error().message);
  Work w{std::move(*plan), {}, {}};
  for (const Slot& slot : w.plan.slots) {
    w.memory.emplace_back(static_cast<size_t>(slot.bytes()));
    if (slot.kind == Slot::Kind::External)
      std::ranges::copy(environment.buffers.at(slot.node->arg[0]), w.memory.back().begin());
  }
  for (const Item& item : w.plan.items) {
    auto lowered = lower(*w.plan.graph, item.kernel, target, "k");
    DOORBELL_CHECK(lowered.ok(), "{}", lowered.error().message);
    lowered->params.resize(item.slots.size());
    for (size_t i = 0; i < item.slots.size(); ++i)
      lowered->params[i].elements = w.plan.slots[item.slots[i]].elements;
    w.kernels.push_back(std::move(*lowered));
  }
  return w;
}

// The output's bytes; the evaluator's complaint in `error`.
std::vector<std::byte> run(const Work& w, const Kernels& kernels, std::string& error) {
  auto memory = w.memory;
  for (size_t k = 0; k < kernels.size(); ++k) {
    std::vector<std::span<std::byte>> params;
    for (uint32_t slot : w.plan.items[k].slots) params.emplace_back(memory[slot]);
    if (Status status = doorbell::run(kernels[k], params, {}); !status.ok()) error = status.error().message;
  }
  return memory[w.plan.outputs[0]];
}

size_t count(const Kernels& kernels, Op op) {
  size_t n = 0;
  for (const Lowered& k : kernels)
    n += static_cast<size_t>(std::ranges::count_if(k.body, [&](const Node* node) { return node->is(op); }));
  return n;
}

LaneTarget target_with(int64_t local_bytes, bool engine, int lanes = 8, int64_t group_work = 1 << 30) {
  LaneTarget t = lanes_target(lanes).tiling;
  t.registers = 16;
  t.group_work = group_work;
  t.local_bytes = local_bytes;
  t.copy_engine = engine;
  return t;
}

Tensor random_tensor(const Shape& shape, DType type, std::mt19937& random) {
  std::vector<double> values(static_cast<size_t>(elements(shape)));
  for (double& v : values) v = static_cast<double>(static_cast<int>(random() % 4001) - 2000) / 997;
  return from_values(type, values, shape);
}

// Products and convolutions of shapes that tiles do not fit, as they are and transposed, in batches, with
// conversions and masks on the way.
Tensor random_product(uint64_t seed, std::string& what) {
  std::mt19937 random(static_cast<unsigned>(seed));
  auto in = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % (high - low + 1));
  };
  const std::array types{dtype::f32, dtype::f32, dtype::f16, dtype::f64, dtype::bf16, dtype::i32};
  const DType type = types[random() % types.size()];
  if (random() % 5 == 0) {
    const int64_t channels = in(1, 6), size = in(5, 14), kernel = in(1, 3), out = in(20, 70);
    what = fmt::format("convolution {}x{}x{} by {}x{}, padded {}", channels, size, size, out, kernel,
                       kernel / 2);
    return conv2d(random_tensor({in(1, 2), channels, size, size}, dtype::f32, random),
                  random_tensor({out, channels, kernel, kernel}, dtype::f32, random), {},
                  {.padding = {kernel / 2, kernel / 2}});
  }
  const int64_t m = in(60, 200), n = in(20, 150), k = in(1, 40), batch = random() % 3 ? 0 : in(2, 3);
  const bool left = random() % 3 == 0, right = random() % 3 == 0;
  auto operand = [&](int64_t rows, int64_t columns, bool transposed) {
    if (transposed) std::swap(rows, columns);
    Tensor t = random_tensor(batch ? Shape{batch, rows, columns} : Shape{rows, columns}, type, random);
    return transposed ? t.transpose() : t;
  };
  Tensor t = matmul(operand(m, k, left), operand(k, n, right));
  const bool bias = random() % 3 == 0;
  if (bias) t = relu(t + random_tensor({n}, type, random));
  what = fmt::format("{} of {}: {} x {} x {}, transposed {} {}{}", batch, name(type), m, n, k, left, right,
                     bias ? ", bias" : "");
  return t;
}

TEST(DoubleBuffering, KeepsEveryBit) {
  const char* given = std::getenv("DOORBELL_FUZZ_SEED");
  const uint64_t first = given ? std::strtoull(given, nullptr, 0) : std::random_device()();
  fmt::print("seeds from {}\n", first);
  size_t ahead = 0, staged = 0;
  const uint64_t rounds = given ? 1 : 30;
  for (uint64_t seed = first; seed < first + rounds; ++seed) {
    std::string what, error;
    const int64_t bytes = std::array{4, 16, 64}[seed % 3] << 10, group_work = seed % 2 ? 20000 : 1 << 30;
    const int lanes = 8 << seed % 3;
    const Tensor t = random_product(seed, what);
    what += fmt::format(", {} lanes, {} bytes, DOORBELL_FUZZ_SEED={}", lanes, bytes, seed);
    const Work plain = work(t, target_with(0, false));
    const auto expected = run(plain, plain.kernels, error);
    ASSERT_EQ(error, "") << what;
    for (const LaneTarget& target :
         {target_with(bytes, false, lanes, group_work), target_with(bytes, true, lanes, group_work)}) {
      const Work w = work(t, target);
      ASSERT_EQ(run(w, w.kernels, error), expected) << what << "\n" << print(w.kernels.back());
      ASSERT_EQ(error, "") << what << "\n" << print(w.kernels.back());
      if (!target.copy_engine) EXPECT_EQ(count(w.kernels, Op::Await), 0u) << what;
      else {
        staged += count(w.kernels, Op::Await) > 0;
        ahead += count(w.kernels, Op::Await) > count(w.kernels, Op::Alloc) - count(plain.kernels, Op::Alloc);
        // As text, too, which is what the model device runs.
        Graph graph;
        for (const Lowered& k : w.kernels) {
          auto again = parse_lowered(graph, print(k));
          ASSERT_TRUE(again.ok()) << again.error().message;
          EXPECT_EQ(print(*again), print(k));
        }
      }
    }
  }
  fmt::print("{} staged, {} run ahead\n", staged, ahead);
  EXPECT_TRUE(given || ahead > 0);
}

// Half of local memory holds the tile, so there is no second one; with a byte more, there is.
TEST(DoubleBuffering, NeedsRoomForTwoTiles) {
  std::mt19937 random(1);
  const Tensor t =
      matmul(random_tensor({200, 32}, dtype::f32, random), random_tensor({32, 64}, dtype::f32, random));
  auto local_bytes = [](const Work& w) {
    int64_t bytes = 0;
    for (const Node* n : w.kernels[0].body)
      if (n->is(Op::Alloc) && n->arg[1] == static_cast<int64_t>(Space::Local))
        bytes += n->arg[2] * n->dtype.bytes();
    return bytes;
  };
  const int64_t tile = local_bytes(work(t, target_with(64 << 10, false)));
  ASSERT_GT(tile, 0);
  EXPECT_EQ(local_bytes(work(t, target_with(2 * tile - 64, true))), tile);
  EXPECT_EQ(local_bytes(work(t, target_with(2 * tile, true))), 2 * tile);
}

// ---- mutants

// What stands in a node's place in the list, and what its users take instead of it.
struct Change {
  std::vector<const Node*> list, uses;
};

class Mutants : public testing::Test {
 protected:
  Mutants() {
    std::mt19937 random(1);
    work_ = work(
        matmul(random_tensor({200, 24}, dtype::f32, random), random_tensor({24, 64}, dtype::f32, random)),
        target_with(64 << 10, true));
    std::string error;
    run(work_, work_.kernels, error);
    EXPECT_EQ(error, "");
    EXPECT_EQ(work_.kernels.size(), 1u);
    EXPECT_EQ(count(work_.kernels, Op::Await), 2u);
  }

  // What becomes of the kernel with one of its nodes changed: for each that `change` changes.
  template <class Make>
  std::vector<std::string> errors(Make change) {
    std::vector<std::string> found;
    for (const Node* victim : work_.kernels[0].body) {
      const std::optional<Change> changed = change(victim);
      if (!changed) continue;
      Lowered mutant = work_.kernels[0];
      mutant.body.clear();
      std::unordered_map<const Node*, std::vector<const Node*>> now{{victim, changed->uses}};
      for (const Node* n : work_.kernels[0].body) {
        if (n == victim) {
          mutant.body.insert(mutant.body.end(), changed->list.begin(), changed->list.end());
          continue;
        }
        std::vector<const Node*> src;
        for (const Node* s : n->src) src.insert(src.end(), now.at(s).begin(), now.at(s).end());
        now[n] = {graph().with(n, src)};
        mutant.body.push_back(now[n][0]);
      }
      run(work_, {mutant}, found.emplace_back());
    }
    return found;
  }
  Graph& graph() { return *work_.plan.graph; }

  Work work_;
};

TEST_F(Mutants, ThatForgetAnAwaitAreRefused) {
  auto forget = [](const Node* n) -> std::optional<Change> {
    if (!n->is(Op::Await)) return {};
    return Change{{}, {n->src.begin(), n->src.end()}};
  };
  EXPECT_THAT(errors(forget), testing::AllOf(testing::SizeIs(2), testing::Each(testing::HasSubstr("await"))));
}

TEST_F(Mutants, ThatAwaitTwiceAreRefused) {
  auto twice = [&](const Node* n) -> std::optional<Change> {
    if (!n->is(Op::Await)) return {};
    std::vector<const Node*> tokens(n->src.begin(), n->src.end());
    tokens.push_back(tokens[0]);
    const Node* again = graph().make(Op::Await, dtype::none, tokens);
    return Change{{n, again}, {n}};
  };
  EXPECT_THAT(errors(twice),
              testing::AllOf(testing::SizeIs(2), testing::Each(testing::HasSubstr("was awaited"))));
}

// The last bit of an iteration's number is the half that it reads, or that its copies go to. The other way
// round, a copy meets what is in use.
TEST_F(Mutants, ThatReuseATileTooEarlyAreSeen) {
  auto other_half = [&](const Node* n) -> std::optional<Change> {
    if (!n->is(Op::And) || !n->src[1]->is_const(1)) return {};
    const Node* other = graph().alu(Op::Sub, {n->src[1], n});
    return Change{{n, other}, {other}};
  };
  EXPECT_THAT(errors(other_half),
              testing::AllOf(testing::SizeIs(2),
                             testing::Each(testing::AnyOf(testing::HasSubstr("a copy is on its way to"),
                                                          testing::HasSubstr("nothing was stored to")))));
}

}  // namespace
}  // namespace doorbell
