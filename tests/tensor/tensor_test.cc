// The handle: literals, errors, sharing, threads, depth.
#include "runtime/tensor.h"

#include <gtest/gtest.h>

#include <thread>

#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/functional.h"
#include "runtime/index.h"
#include "runtime/matmul.h"
#include "runtime/random.h"
#include "tests/tensor/materialise.h"

namespace doorbell {
namespace {

using Numbers = std::vector<double>;

TEST(Tensor, ReadsLikeMathematics) {
  Tensor x = from_values<float>({1, 2, 3});
  EXPECT_EQ(numbers(2 * x * x - x / 2 + 1), (Numbers{2.5, 8, 17.5}));
  EXPECT_EQ(numbers(where(x > 1.5, x, 0)), (Numbers{0, 2, 3}));
  EXPECT_EQ(numbers(x.sum()), (Numbers{6}));
}

TEST(Tensor, OperationsOnlyBuild) {
  Tensor x = empty({4});
  Tensor y = x + 1;  // there is nothing to read, and nobody does
  EXPECT_TRUE(y.ok());
  EXPECT_EQ(y.node()->op, Op::Add);
}

TEST(Literals, TakeTheDtypeOfTheTensor) {
  for (DType d : {dtype::u8, dtype::i64, dtype::f16, dtype::bf16, dtype::f64, dtype::f8e4m3})
    EXPECT_EQ((ones({2}, d) + 1).dtype(), d) << name(d);
  EXPECT_EQ((ones({2}, dtype::i64) * 0.5).dtype(), dtype::f32);
  EXPECT_TRUE((ones({2}, dtype::i64) * 0.5).type().weak);
  EXPECT_EQ((ones({2}, dtype::boolean) + 1).dtype(), dtype::i32);
  // Written in the tensor's own precision, not by way of f32.
  EXPECT_EQ(numbers(ones({1}, dtype::f64) * 0.1), (Numbers{0.1}));
}

TEST(Literals, MustFitTheDtype) {
  Tensor x = ones({2}, dtype::u8);
  EXPECT_TRUE((x + 255).ok());
  EXPECT_NE((x + 256).error_text().find("add: the literal 256 does not fit u8"), std::string::npos);
  EXPECT_NE((x + -1).error_text().find("the literal -1 does not fit u8"), std::string::npos);
  EXPECT_EQ(numbers(full({1}, uint64_t{18446744073709551615ULL}, dtype::u64) >> 63), (Numbers{1}));
}

TEST(Errors, NameOperationShapesAndLine) {
  Tensor a = ones({2, 3}), b = ones({4});
  const int line = __LINE__ + 1;
  Tensor c = a + b;
  EXPECT_FALSE(c.ok());
  EXPECT_EQ(
      c.error_text(),
      fmt::format("tensor_test.cc:{}: add: shapes (2, 3) and (4) do not broadcast: axis -1 is (3) and (4), "
                  "expected equal sizes or 1",
                  line));
  EXPECT_NE(
      matmul(a, a).error_text().find("matmul: f32 (2, 3) and f32 (2, 3): the inner axes are (3) and (2)"),
      std::string::npos);
  EXPECT_NE(a.reshape({4, -1}).error_text().find("reshape: shape (2, 3) has 6 elements"), std::string::npos);
  EXPECT_NE((a & a).error_text().find("and: f32 (2, 3), expected bool or integers"), std::string::npos);
}

TEST(Errors, PassThroughLaterOperations) {
  Tensor bad = ones({2}) + ones({3});
  Tensor later = exp((bad * 2).reshape({7}).sum(0).permute({3, 1})) + ones({5});
  EXPECT_EQ(later.error_text(), bad.error_text());
  EXPECT_EQ(materialise(later).error().message, bad.error_text());
  Tensor never;
  EXPECT_EQ((never + 1).error_text(), "the tensor was never given a value");
}

TEST(Errors, OfFp8AskForACast) {
  Tensor x = ones({2}, dtype::f8e4m3), y = ones({2}, dtype::f8e5m2);
  EXPECT_NE((x + y).error_text().find("add: f8e4m3 and f8e5m2 (2) have no common dtype; cast one of them"),
            std::string::npos);
  EXPECT_TRUE((x.cast(dtype::f32) + y.cast(dtype::f32)).ok());
}

TEST(Assign, GivesANewVersionToAllCopiesOfTheHandle) {
  Tensor x = from_values<float>({1, 2, 3});
  Tensor copy = x, before = x * 10;
  x.assign(x + 1);
  EXPECT_EQ(numbers(copy), (Numbers{2, 3, 4}));
  EXPECT_EQ(numbers(before), (Numbers{10, 20, 30}));
  x.assign(x.slice(0, 1, 3), 7);
  EXPECT_EQ(numbers(x), (Numbers{2, 7, 7}));
  x.assign(x.flip(), from_values<float>({1, 2, 3}));
  EXPECT_EQ(numbers(copy), (Numbers{3, 2, 1}));
  EXPECT_EQ(x.node()->op, Op::Assign);
  EXPECT_EQ(print(x.node()->shape), "(3)");
}

TEST(Assign, LeavesResultsOfOperationsThatChangedNothing) {
  Tensor x = from_values<float>({1, -2});
  const Tensor results[] = {x.cast(dtype::f32), x.reshape({2}),    x.permute({0}), x.pad({{0, 0}}),
                            x.slice(0, 0, 2),   x.flip(Axes({})),  x.expand({2}),  x.bitcast(dtype::f32),
                            x.sum(Axes({})),    x.narrow(0, 0, 2), x.roll(2, 0),   x.strong(),
                            x.repeat({1}),      x.shrink({{0, 2}})};
  x.assign(7);
  for (const Tensor& y : results) EXPECT_EQ(numbers(y), (Numbers{1, -2}));
}

TEST(Assign, GivesMemoryToComputedValues) {
  Tensor x = zeros({2, 2});
  x.assign(x + 1);
  x.assign(x[1], 5);
  EXPECT_EQ(numbers(x), (Numbers{1, 1, 5, 5}));
  EXPECT_FALSE(x.assign(ones({4}), 1).ok());
}

TEST(Graph, AMillionNodesDieWithoutRecursion) {
  Tensor x = from_values<float>({1});
  for (int i = 0; i < 1'000'000; ++i) x = -x;
  EXPECT_TRUE(x.ok());
}

TEST(Graph, IsBuiltFromSeveralThreads) {
  Tensor shared = from_values<float>({1, 2, 3, 4});
  std::vector<std::string> results(4);
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < results.size(); ++t)
      threads.emplace_back([&, t] {
        Tensor x = shared;
        for (int i = 0; i < 2000; ++i) x = x * 2 + i;
        results[t] = x.node()->hash.hex();
      });
  }
  for (const auto& r : results) EXPECT_EQ(r, results[0]);
}

TEST(Graph, BuffersNeverMerge) {
  Tensor a = from_values<float>({1, 2}), b = from_values<float>({1, 2});
  EXPECT_NE(a.node(), b.node());
  EXPECT_EQ((a + 1).node(), (a + 1).node());
}

TEST(Symbols, PassThroughWhatTheLlamaFamilyNeeds) {
  Symbol s = make_symbol("length", 1, 16);
  Dim n = dim_of(s);
  Tensor cache = empty({16, 2, 4});
  Tensor keys = cache.narrow(0, 0, n);  // (n, 2, 4)
  EXPECT_EQ(keys.dim(0), n);
  Tensor q = ones({2, 1, 4});
  Tensor scores = matmul(q, keys.permute({1, 2, 0}));  // (2, 1, n)
  EXPECT_EQ(scores.dim(2), n);
  EXPECT_EQ(scores.sum(-1).dim(-1), Dim(1));
  EXPECT_TRUE(keys.reshape({n, 8}).ok());
  EXPECT_EQ(keys.reshape({-1, 8}).dim(0), n);
  EXPECT_FALSE(keys.reshape({8, n}).ok());
  EXPECT_FALSE((keys + ones({16, 2, 4})).ok());
  Tensor at = value_of(s) - 1;
  EXPECT_TRUE(cache.assign(cache.narrow(0, at, 1), ones({1, 2, 4})).ok());
}

// What runs over a symbolic length gives what it gives over that length.
TEST(Symbols, RunAsTheFixedLengthWould) {
  Generator g(1);
  Tensor keys = randn({2, 16, 4}, dtype::f64, g), values = randn({2, 16, 4}, dtype::f64, g);
  Tensor query = randn({4, 1, 4}, dtype::f64, g);
  Symbol s = make_symbol("length", 1, 16);
  const Dim n = dim_of(s);
  auto all = [&](const Tensor& k, const Tensor& v) {
    Tensor a = attention(query, k, v, {.causal = true});
    return cat({a.flatten(), softmax(k, 1).sum(1).flatten(), k.mean({1, 2}), v.max(1).flatten(),
                k.var(1, false, 1).flatten(), v.argmax(1).cast(dtype::f64).flatten(),
                matmul(k.transpose(), v).flatten(), logsumexp(v, 1).flatten(), (k * 2 + v).sum().reshape({1}),
                v.prod(1).flatten(), v.min(1).flatten()});
  };
  for (int64_t length : {2, 5, 16}) {
    Tensor symbolic = all(keys.narrow(1, 0, n), values.narrow(1, 0, n));
    Tensor fixed = all(keys.narrow(1, 0, length), values.narrow(1, 0, length));
    ASSERT_TRUE(symbolic.ok()) << symbolic.error_text();
    const Numbers a = numbers(symbolic, {{s.id, length}}), b = numbers(fixed);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12) << length << " " << i;
  }
}

TEST(Symbols, MoveTheWindowThatIsWritten) {
  Symbol at = make_symbol("at", 0, 3);
  Tensor cache = zeros({4, 2});
  cache.assign(0);
  cache.assign(cache.narrow(0, value_of(at), 1), from_values<float>({5, 6}, {1, 2}));
  EXPECT_EQ(numbers(cache, {{at.id, 0}}), (Numbers{5, 6, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(numbers(cache, {{at.id, 2}}), (Numbers{0, 0, 0, 0, 5, 6, 0, 0}));
}

}  // namespace
}  // namespace doorbell
