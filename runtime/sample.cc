#include "runtime/sample.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace doorbell {

namespace {
struct Candidate {
  int32_t token;
  float logit;
  double p = 0;
};
void soften(std::vector<Candidate>& c) {
  double sum = 0;
  for (Candidate& x : c)
    sum += x.p = std::exp(static_cast<double>(x.logit) - static_cast<double>(c[0].logit));
  for (Candidate& x : c) x.p /= sum;
}
}  // namespace

void Sampler::accept(int32_t token) {
  recent_.push_back(token);
  while (recent_.size() > static_cast<size_t>(std::max(options_.repeat_last, 0))) recent_.pop_front();
}

int32_t Sampler::sample(std::span<const float> logits) {
  std::vector<Candidate> c(logits.size());
  for (size_t i = 0; i < c.size(); ++i) c[i] = {static_cast<int32_t>(i), logits[i]};
  if (options_.repeat_penalty != 1.0f)
    for (int32_t token : std::unordered_set<int32_t>(recent_.begin(), recent_.end())) {
      float& logit = c[static_cast<size_t>(token)].logit;
      logit = logit > 0 ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
    }
  // A NaN ranks last; ties go to the smaller token, so that the order is total.
  auto better = [](const Candidate& a, const Candidate& b) {
    bool an = std::isnan(a.logit), bn = std::isnan(b.logit);
    if (an != bn) return bn;
    return a.logit > b.logit || (!(a.logit < b.logit) && a.token < b.token);
  };
  if (options_.temperature <= 0) return std::min_element(c.begin(), c.end(), better)->token;
  size_t keep = options_.top_k > 0 ? std::min(c.size(), static_cast<size_t>(options_.top_k)) : c.size();
  std::partial_sort(c.begin(), c.begin() + static_cast<long>(keep), c.end(), better);
  c.resize(keep);
  soften(c);
  if (options_.top_p < 1) {
    double sum = 0;
    size_t n = 0;
    while (n < c.size() && sum < static_cast<double>(options_.top_p)) sum += c[n++].p;
    c.resize(std::max<size_t>(n, 1));
  }
  std::erase_if(
      c, [&, best = c[0].p](const Candidate& x) { return x.p < static_cast<double>(options_.min_p) * best; });
  for (Candidate& x : c) x.logit /= options_.temperature;
  soften(c);
  // 53 bits of the generator by hand: std::uniform_real_distribution differs between libraries.
  double at = static_cast<double>(random_() >> 11) * 0x1p-53;
  for (const Candidate& x : c)
    if ((at -= x.p) < 0) return x.token;
  return c.back().token;
}

}  // namespace doorbell
