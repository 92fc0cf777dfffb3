// Transcendental ops against MPFR: within one unit in the last place on every float type, exact at the
// specials.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mpfr.h>

#include <cmath>
#include <functional>
#include <map>
#include <random>

#include "codegen/numeric.h"

namespace doorbell {
namespace {

using Unary = int (*)(mpfr_t, const mpfr_t, mpfr_rnd_t);
const std::map<Op, Unary> unary = {
    {Op::Exp, mpfr_exp}, {Op::Exp2, mpfr_exp2}, {Op::Log, mpfr_log},   {Op::Log2, mpfr_log2},
    {Op::Sin, mpfr_sin}, {Op::Cos, mpfr_cos},   {Op::Tanh, mpfr_tanh}, {Op::Erf, mpfr_erf},
};

class Wide {
 public:
  explicit Wide(double v) {
    mpfr_init2(value, 200);
    mpfr_set_d(value, v, MPFR_RNDN);
  }
  ~Wide() { mpfr_clear(value); }
  Wide(const Wide&) = delete;
  Wide& operator=(const Wide&) = delete;
  mpfr_t value;
};

// Is `found` one of the two values of the type that enclose the exact one, or a neighbour of the nearest?
void expect_near(DType type, const mpfr_t exact, uint64_t found, const std::string& what) {
  const double nearest = mpfr_get_d(exact, MPFR_RNDN);
  const uint64_t wanted = encode(type, nearest);
  if (same_value(type, found, wanted)) return;
  const bool finite =
      std::isfinite(decode(type, wanted)) && std::isfinite(decode(type, found)) && nearest != 0;
  const auto steps = static_cast<int64_t>(found) - static_cast<int64_t>(wanted);
  EXPECT_TRUE(finite && std::abs(steps) <= 1)
      << what
      << fmt::format(": found {:#x} ({}), expected {:#x} ({})", found, decode(type, found), wanted, nearest);
}

std::vector<uint64_t> samples(DType type, std::mt19937_64& random) {
  std::vector<uint64_t> out;
  for (double v :
       {0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, 10.0, -10.0, 0.1, 100.0, 88.7, -103.0, 1e5, 1e22, 709.7})
    out.push_back(encode(type, v));
  for (double v : {INFINITY, -INFINITY, NAN}) out.push_back(encode(type, v));
  const int n = type.bits == 8 ? 256 : 2000;
  for (int i = 0; i < n; ++i) {
    out.push_back(type.bits == 8 ? static_cast<uint64_t>(i) : random() & type.mask());
    out.push_back(encode(type, std::normal_distribution<double>(0, 4)(random)));
  }
  return out;
}

TEST(NumericAgainstMpfr, TranscendentalsLieWithinOneUlpOnEveryFloat) {
  std::mt19937_64 random(1);
  for (const OpRow& r : op_table()) {
    if (r.op < Op::Exp || r.op > Op::Pow) continue;
    ASSERT_TRUE(unary.contains(r.op) || r.op == Op::Pow) << r.text;
    for (const auto& [type_name, type] : dtype::all()) {
      ASSERT_EQ(defined(r.op, type), type.is_float()) << r.text << " " << type_name;
      if (!type.is_float()) continue;
      const auto first = samples(type, random), second = samples(type, random);
      for (size_t i = 0; i < first.size(); ++i) {
        Wide a(decode(type, first[i])), b(decode(type, second[(i * 7) % second.size()])), out(0);
        const uint64_t operands[] = {first[i], second[(i * 7) % second.size()]};
        const DType types[] = {type, type};
        const size_t n = r.op == Op::Pow ? 2 : 1;
        if (n == 2) mpfr_pow(out.value, a.value, b.value, MPFR_RNDN);
        else unary.at(r.op)(out.value, a.value, MPFR_RNDN);
        const uint64_t found = compute(r.op, type, std::span(operands, n), std::span(types, n));
        expect_near(type, out.value, found,
                    fmt::format("{} {} of {} {}", r.text, type_name, decode(type, operands[0]),
                                decode(type, operands[1])));
      }
    }
  }
}

}  // namespace
}  // namespace doorbell
