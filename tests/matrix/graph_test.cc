// Single graphs, each of which some rewrite or order once broke: on every device and in the evaluators.
#include <gtest/gtest.h>

#include <cmath>

#include "codegen/numeric.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/index.h"
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

// Lanes that read in front of the table's memory read nothing that anyone has: a gigabyte away.
TEST(Graphs, IndicesThatWrapAreLarge) {
  for (DType t : {dtype::u8, dtype::u16, dtype::u32, dtype::u64, dtype::i8, dtype::i32})
    agree([t] {
      Tensor at = arange(8, dtype::i32).cast(t) - full({1}, t.bits < 32 ? 3 : 1 << 20, t);
      return std::vector{take(input(dtype::f32, {10, 256}), at).select(1, 5),
                         take(input(dtype::u16, {8}, 2), at * at)};
    });
}

// Longer than what is ranked or folded at once. Every value occurs several times.
TEST(Graphs, LongAxesAreSortedAndSummedAlike) {
  for (auto [t, n] : {std::pair{dtype::f32, 600}, {dtype::i8, 1024}})
    agree([t, n] {
      Tensor x = input(dtype::u8, {n}).cast(t);
      auto [values, places] = sort(x, 0, t.is_float());
      return std::vector{values, places, x.cumsum(0)};
    });
}

// The accumulator of a reduction is of its type, and each step rounds to it: ones add up to 2^p and no
// further in a type of p bits. Where lanes run along the reduced axis there are 16 sums, which a tree joins.
// The values here are folded in doubles, which hold the sums and products of two narrow floats.
TEST(Graphs, ReductionsOfNarrowFloatsRoundEachStepToTheirType) {
  for (const auto& [text, type] : dtype::all()) {
    if (!type.is_float() || type.bits > 16) continue;
    const DType t = type;
    const int64_t n = 16 * ((int64_t{2} << t.mantissa) + 3);
    for (Op op : {Op::Add, Op::Mul}) {
      SCOPED_TRACE(fmt::format("{} {}", op == Op::Add ? "sum" : "product", text));
      auto step = [&](double a, double b) { return decode(t, encode(t, op == Op::Add ? a + b : a * b)); };
      std::vector<double> values(static_cast<size_t>(n), 1);
      if (op == Op::Mul)  // next to 1 on either side
        for (size_t i = 0; i < values.size(); ++i)
          values[i] = decode(t, encode(t, 1) + (i % 3 == 0 ? 1 : 0) - (i % 5 == 1 ? 1 : 0));
      // Every stride-th of the first `count` values from `first` on.
      auto in_order = [&](int64_t first, int64_t count, int64_t stride) {
        double sum = op == Op::Mul;
        for (int64_t i = first; i < count; i += stride) sum = step(sum, values[static_cast<size_t>(i)]);
        return sum;
      };
      std::vector<double> parts;
      for (int64_t p = 0; p < 16; ++p) parts.push_back(in_order(p, n, 16));
      for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; ++i) parts[i] = step(parts[i], parts[i + half]);
      auto check = [&](const std::string& who, const Result<std::vector<Array>>& found, double expected) {
        ASSERT_TRUE(found.ok()) << who << ": " << found.error().message;
        for (size_t i = 0; i < (*found)[0].size(); ++i)
          EXPECT_TRUE(same_value(t, (*found)[0].get(i), encode(t, expected)))
              << who << ": expected " << expected << ", found " << decode(t, (*found)[0].get(i));
      };
      auto reduced = [&](const Tensor& x) {
        return op == Op::Add ? x.sum(0, false, t) : x.prod(0, false, t);
      };
      // Lanes along the reduced axis, and lanes beside it.
      auto all = [&] { return from_values(t, values, {n}); };  // a device each
      auto along = [&] { return reduced(all()).node(); };
      auto beside = [&] {
        return reduced(all().shrink({{0, n / 8}}).reshape({n / 8, 1}).expand({n / 8, 24}).contiguous())
            .node();
      };
      if (op == Op::Add) { ASSERT_EQ(in_order(0, n / 8, 1), std::ldexp(2, t.mantissa)); }
      check("evaluator", expected_values(std::array{along().get()}), in_order(0, n, 1));
      check("evaluator", expected_values(std::array{beside().get()}), in_order(0, n / 8, 1));
      for (TestDevice& device : test_devices()) {
        check(device.name, compute_on(*device.engine, std::array{along().get()}), parts[0]);
        check(device.name, compute_on(*device.engine, std::array{beside().get()}), in_order(0, n / 8, 1));
        // Without a wish for another, the accumulator is f32, which holds any number of ones.
        if (op == Op::Add)
          check(device.name, compute_on(*device.engine, std::array{all().sum().node().get()}),
                static_cast<double>(n));
      }
    }
  }
}

}  // namespace
}  // namespace doorbell
