// From logits to tokens: what each option promises, on distributions small enough to be counted.
#include "runtime/sample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <vector>

namespace doorbell {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity(),
                kNaN = std::numeric_limits<float>::quiet_NaN();

SampleOptions plain(float temperature = 1) {
  return {.temperature = temperature, .top_k = 0, .top_p = 1, .min_p = 0, .repeat_penalty = 1, .seed = 7};
}
std::vector<float> logs(const std::vector<double>& probabilities) {
  std::vector<float> out;
  for (double p : probabilities) out.push_back(static_cast<float>(std::log(p)));
  return out;
}
std::map<int32_t, double> shares(const SampleOptions& options, const std::vector<float>& logits,
                                 int draws = 20000) {
  Sampler sampler(options);
  std::map<int32_t, double> share;
  for (int i = 0; i < draws; ++i) share[sampler.sample(logits)] += 1.0 / draws;
  return share;
}
std::vector<int32_t> drawn(const SampleOptions& options, const std::vector<float>& logits) {
  std::vector<int32_t> tokens;
  for (auto [token, share] : shares(options, logits)) tokens.push_back(token);
  return tokens;
}

const std::vector<float> kLogits = logs({0.1, 0.4, 0.05, 0.25, 0.2});

TEST(Sampler, DrawsEachTokenWithItsProbability) {
  auto share = shares(plain(), kLogits);
  for (auto [token, p] : {std::pair{0, 0.1}, {1, 0.4}, {2, 0.05}, {3, 0.25}, {4, 0.2}})
    EXPECT_NEAR(share[token], p, 0.015) << token;  // four standard deviations
}

TEST(Sampler, TemperatureRaisesProbabilitiesToItsInverse) {
  auto share = shares(plain(0.5f), logs({0.25, 0.75}));
  EXPECT_NEAR(share[1], 0.9, 0.015);  // 9 to 1
}

TEST(Sampler, TemperatureZeroTakesTheMostLikelyAndOfEqualsTheFirst) {
  Sampler sampler(plain(0));
  EXPECT_EQ(sampler.sample(kLogits), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 3, 2}), 1);
}

TEST(Sampler, TopKKeepsTheKMostLikely) {
  auto options = plain();
  options.top_k = 2;
  EXPECT_EQ(drawn(options, kLogits), (std::vector<int32_t>{1, 3}));
  options.top_k = 100;
  EXPECT_EQ(drawn(options, kLogits).size(), 5u);
}

TEST(Sampler, TopPKeepsTheFewestThatSumToP) {
  auto options = plain();
  options.top_p = 0.6f;
  EXPECT_EQ(drawn(options, kLogits), (std::vector<int32_t>{1, 3}));
  options.top_p = 0;
  EXPECT_EQ(drawn(options, kLogits), (std::vector<int32_t>{1}));
}

TEST(Sampler, MinPDropsWhatIsBelowThatShareOfTheBest) {
  auto options = plain();
  options.min_p = 0.45f;  // of 0.4: 0.18
  EXPECT_EQ(drawn(options, kLogits), (std::vector<int32_t>{1, 3, 4}));
}

TEST(Sampler, PenaltyMakesRecentTokensLessLikely) {
  auto options = plain(0);
  options.repeat_penalty = 2;
  options.repeat_last = 2;
  Sampler sampler(options);
  const std::vector<float> logits = {3, 2.9f, -1};
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits), 1);
  sampler.accept(1);
  sampler.accept(1);  // 0 is no longer recent
  EXPECT_EQ(sampler.sample(logits), 0);
  // Negative logits go down, too.
  sampler.accept(2);
  EXPECT_EQ(sampler.sample(std::vector<float>{-1.5f, -9, -1}), 0);
}

TEST(Sampler, SameSeedDrawsTheSameTokens) {
  Sampler a(plain()), b(plain());
  auto other = plain();
  other.seed = 8;
  Sampler c(other);
  std::vector<int32_t> from[3];
  for (int i = 0; i < 100; ++i) {
    from[0].push_back(a.sample(kLogits));
    from[1].push_back(b.sample(kLogits));
    from[2].push_back(c.sample(kLogits));
  }
  EXPECT_EQ(from[0], from[1]);
  EXPECT_NE(from[0], from[2]);
}

TEST(Sampler, NotANumberIsNeverPreferred) {
  const std::vector<float> logits = {kNaN, 1, kNaN, 2};
  EXPECT_EQ(Sampler(plain(0)).sample(logits), 3);
  auto options = plain();
  options.top_k = 2;
  EXPECT_EQ(drawn(options, logits), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(drawn(plain(), {-kInfinity, 1, -kInfinity}), (std::vector<int32_t>{1}));
}

}  // namespace
}  // namespace doorbell
