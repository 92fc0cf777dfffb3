// Random tensors against the known answers of Random123 and JAX, and against what their distributions
// promise.
#include "runtime/random.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/create.h"
#include "tests/tensor/materialise.h"

namespace doorbell {
namespace {

using Numbers = std::vector<double>;

// kat_vectors of Random123 1.14.0: threefry 2x32, 20 rounds: counter, key, result.
constexpr uint32_t known[][6] = {
    {0, 0, 0, 0, 0x6b200159, 0x99ba4efe},
    {~0U, ~0U, ~0U, ~0U, 0x1cb996fc, 0xbb002be7},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xc4923a9c, 0x483df7a0},
};

TEST(Threefry, GivesTheKnownAnswersOnWordsAndOnTensors) {
  for (const auto& k : known) {
    auto [a, b] = threefry2x32<uint32_t>(k[2], k[3], k[0], k[1]);
    EXPECT_EQ(a, k[4]);
    EXPECT_EQ(b, k[5]);
    auto word = [](uint32_t w) { return from_values<uint32_t>({w}); };
    auto [x, y] = threefry2x32<Tensor>(word(k[2]), word(k[3]), word(k[0]), word(k[1]));
    EXPECT_EQ(numbers(x), (Numbers{static_cast<double>(k[4])}));
    EXPECT_EQ(numbers(y), (Numbers{static_cast<double>(k[5])}));
  }
}

// docs.jax.dev/en/latest/jax.random.html: uniform(key(0)) is 0.947667; of its split into two, uniform of the
// second is 0.00729382. A generator's draws are the keys of such a split.
TEST(Random, UniformNumbersEqualThoseOfJax) {
  EXPECT_NEAR(numbers(uniform(from_values<uint32_t>({0, 0}), {1})).at(0), 0.947667, 5e-7);
  Generator g(0);
  g.key();
  EXPECT_NEAR(numbers(uniform(g.key(), {1})).at(0), 0.00729382, 5e-9);
}

TEST(Random, DrawsDifferAndSeedsRepeat) {
  Generator a(7), b(7), c(8);
  const Numbers first = numbers(rand({64}, dtype::f32, a)), second = numbers(rand({64}, dtype::f32, a));
  EXPECT_NE(first, second);
  EXPECT_EQ(numbers(rand({64}, dtype::f32, b)), first);
  EXPECT_NE(numbers(rand({64}, dtype::f32, c)), first);
  b.seed(7);
  EXPECT_EQ(numbers(rand({8, 8}, dtype::f32, b)), first);
}

TEST(Random, UniformNumbersLieBelowOneInEveryDtype) {
  Generator g(1);
  for (DType d : {dtype::f8e4m3, dtype::f8e5m2, dtype::bf16, dtype::f16, dtype::f32, dtype::f64}) {
    Tensor x = rand({4096}, d, g);
    EXPECT_EQ(x.dtype(), d);
    double sum = 0;
    for (double v : numbers(x)) {
      ASSERT_TRUE(v >= 0 && v < 1) << name(d) << " " << v;
      sum += v;
    }
    // A multiple of 2^-m, rounded down, has its mean 2^-m / 2 lower.
    EXPECT_NEAR(sum / 4096, 0.5 - std::ldexp(0.5, -d.mantissa), 0.025) << name(d);
  }
}

TEST(Random, NormalNumbersHaveTheMomentsOfTheNormalDistribution) {
  Generator g(3);
  for (DType d : {dtype::f32, dtype::f64}) {
    const Numbers x = numbers(randn({1 << 14}, d, g));
    double moment[5] = {};
    for (double v : x)
      for (int k = 1; k <= 4; ++k) moment[k] += std::pow(v, k) / static_cast<double>(x.size());
    EXPECT_NEAR(moment[1], 0, 0.03);
    EXPECT_NEAR(moment[2], 1, 0.05);
    EXPECT_NEAR(moment[3], 0, 0.12);
    EXPECT_NEAR(moment[4], 3, 0.3);
  }
}

TEST(Random, IntegersFillTheirRange) {
  Generator g(5);
  std::vector<int> count(10);
  for (double v : numbers(randint({10000}, -3, 7, dtype::i8, g))) ++count.at(static_cast<size_t>(v + 3));
  for (int n : count) EXPECT_NEAR(n, 1000, 150);
}

TEST(Random, DropoutKeepsTheMean) {
  Generator g(9);
  const Numbers x = numbers(dropout(ones({10000}), 0.25, g));
  int kept = 0;
  for (double v : x) {
    ASSERT_TRUE(v == 0 || std::fabs(v - 4.0 / 3) < 1e-6);
    kept += v != 0;
  }
  EXPECT_NEAR(kept, 7500, 200);
}

TEST(Random, InitialWeightsStayInTheirBounds) {
  Generator g(2);
  for (double v : numbers(kaiming_uniform({8, 4, 3, 3}, 0, dtype::f32, g)))
    EXPECT_LE(std::fabs(v), std::sqrt(6.0 / 36));
  for (double v : numbers(xavier_uniform({8, 4}, dtype::f32, g)))
    EXPECT_LE(std::fabs(v), std::sqrt(6.0 / 12));
}

}  // namespace
}  // namespace doorbell
