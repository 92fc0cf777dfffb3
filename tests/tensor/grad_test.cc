// Gradients: each rule against central differences in f64, some against what calculus says.
#include "runtime/grad.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "runtime/conv.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/functional.h"
#include "runtime/index.h"
#include "runtime/matmul.h"
#include "tests/tensor/materialise.h"

namespace doorbell {
namespace {

using Numbers = std::vector<double>;
using Inputs = std::vector<Tensor>;

struct Case {
  std::string name;
  std::vector<Shape> shapes;
  std::function<Tensor(const Inputs&)> f;
  double low = -2, high = 2;
};

// A loss that weighs every element of y differently.
Tensor loss_of(const Tensor& y) {
  if (!y.ok()) return y;
  Tensor weights = sin(arange(y.elements(), dtype::f64) + 1);
  return (y.reshape({y.elements()}) * weights).sum();
}

const std::vector<Case>& cases() {
  using I = const Inputs&;
  static const std::vector<Case> all = {
      // primitives
      {"neg", {{5}}, [](I x) { return -x[0]; }},
      {"sqrt", {{5}}, [](I x) { return sqrt(x[0]); }, 0.5, 3},
      {"exp", {{5}}, [](I x) { return exp(x[0]); }},
      {"exp2", {{5}}, [](I x) { return exp2(x[0]); }},
      {"log", {{5}}, [](I x) { return log(x[0]); }, 0.5, 3},
      {"log2", {{5}}, [](I x) { return log2(x[0]); }, 0.5, 3},
      {"sin", {{5}}, [](I x) { return sin(x[0]); }},
      {"cos", {{5}}, [](I x) { return cos(x[0]); }},
      {"tanh", {{5}}, [](I x) { return tanh(x[0]); }},
      {"erf", {{5}}, [](I x) { return erf(x[0]); }},
      {"pow", {{5}, {5}}, [](I x) { return pow(x[0], x[1]); }, 0.5, 3},
      {"add", {{2, 3}, {3}}, [](I x) { return x[0] + x[1]; }},
      {"sub", {{2, 3}, {2, 1}}, [](I x) { return x[0] - x[1]; }},
      {"mul", {{2, 3}, {3}}, [](I x) { return x[0] * x[1]; }},
      {"div", {{2, 3}, {3}}, [](I x) { return x[0] / x[1]; }, 0.5, 3},
      {"maximum", {{7}, {7}}, [](I x) { return maximum(x[0], x[1]); }},
      {"minimum", {{7}, {7}}, [](I x) { return minimum(x[0], x[1]); }},
      {"where", {{7}, {7}}, [](I x) { return where(x[0] > 0, x[0] * x[1], x[1]); }},
      {"fma", {{4}, {4}, {4}}, [](I x) { return fma(x[0], x[1], x[2]); }},
      {"floor", {{4}}, [](I x) { return floor(x[0]) + x[0]; }},
      {"reshape", {{2, 6}}, [](I x) { return x[0].reshape({3, 4}); }},
      {"permute", {{2, 3, 4}}, [](I x) { return x[0].permute({2, 0, 1}); }},
      {"expand", {{3, 1}}, [](I x) { return x[0].expand({2, 3, 4}); }},
      {"pad", {{2, 3}}, [](I x) { return x[0].pad({{1, 2}, {0, 1}}, 3.0); }},
      {"shrink", {{4, 5}}, [](I x) { return x[0].shrink({{1, 3}, {0, 4}}); }},
      {"flip", {{4, 2}}, [](I x) { return x[0].flip(0); }},
      {"slice", {{9}}, [](I x) { return x[0].slice(0, -2, 1, -3); }},
      {"take", {{5, 2}}, [](I x) { return take(x[0], from_values<int32_t>({4, 0, 4, 7}, {2, 2})); }},
      {"gather",
       {{3, 4}},
       [](I x) { return gather(x[0], from_values<int32_t>({3, 0, 1, 1, 2, 3}, {3, 2}), 1); }},
      {"scatter_add",
       {{3, 4}, {3, 2}},
       [](I x) { return scatter_add(x[0], from_values<int32_t>({3, 0, 1, 1, 2, 3}, {3, 2}), x[1], 1); }},
      {"scatter",
       {{3, 4}, {3, 2}},
       [](I x) { return scatter(x[0], from_values<int32_t>({3, 0, 1, 1, 2, 3}, {3, 2}), x[1], 1); }},
      {"sum", {{2, 3, 4}}, [](I x) { return x[0].sum({0, 2}); }},
      {"max", {{2, 3, 4}}, [](I x) { return x[0].max({0, 2}); }},
      {"min", {{2, 3, 4}}, [](I x) { return x[0].min(1, true); }},
      {"prod", {{2, 4}}, [](I x) { return x[0].prod(1); }},
      {"contiguous", {{3}}, [](I x) { return exp(x[0].contiguous()); }},
      {"copy", {{3}}, [](I x) { return x[0].to(0) * x[0]; }},
      {"assign",
       {{6}, {2}},
       [](I x) {
         Tensor memory = zeros({2, 4}, dtype::f64);
         memory.assign(memory + 1);
         memory.assign(memory.slice(1, 1, 3)[1], x[1] * 2);
         return memory.sum(1) * x[0].sum();
       }},
      {"cast", {{4}}, [](I x) { return x[0].cast(dtype::f64) * 2; }},
      // compositions
      {"relu", {{9}}, [](I x) { return relu(x[0]); }},
      {"gelu", {{9}}, [](I x) { return gelu(x[0]); }},
      {"gelu_tanh", {{9}}, [](I x) { return gelu_tanh(x[0]); }},
      {"silu", {{9}}, [](I x) { return silu(x[0]); }},
      {"sigmoid", {{9}}, [](I x) { return sigmoid(x[0]); }},
      {"softplus", {{9}}, [](I x) { return softplus(x[0]); }},
      {"abs", {{9}}, [](I x) { return abs(x[0]); }},
      {"rsqrt", {{5}}, [](I x) { return rsqrt(x[0]); }, 0.5, 3},
      {"mod", {{6}, {6}}, [](I x) { return mod(x[0], x[1]); }, 0.7, 3},
      {"mean", {{3, 4}}, [](I x) { return x[0].mean(0); }},
      {"var", {{3, 4}}, [](I x) { return x[0].var(1, false, 1); }},
      {"stddev", {{3, 4}}, [](I x) { return x[0].stddev(1); }},
      {"cumsum", {{3, 4}}, [](I x) { return x[0].cumsum(1); }},
      {"cumprod", {{3, 4}}, [](I x) { return x[0].cumprod(0); }},
      {"cat", {{3, 2}, {1, 2}}, [](I x) { return cat({x[0], x[1]}, 0); }},
      {"matmul", {{2, 3, 4}, {4, 2}}, [](I x) { return matmul(x[0], x[1]); }},
      {"softmax", {{3, 4}}, [](I x) { return softmax(x[0]); }},
      {"log_softmax", {{3, 4}}, [](I x) { return log_softmax(x[0], 0); }},
      {"logsumexp", {{3, 4}}, [](I x) { return logsumexp(x[0], {0, 1}); }},
      {"layer_norm", {{3, 4}, {4}, {4}}, [](I x) { return layer_norm(x[0], x[1], x[2]); }},
      {"rms_norm", {{3, 4}, {4}}, [](I x) { return rms_norm(x[0], x[1]); }},
      {"group_norm", {{2, 4, 3}, {4}, {4}}, [](I x) { return group_norm(x[0], 2, x[1], x[2]); }},
      {"conv2d",
       {{1, 2, 5, 4}, {2, 1, 2, 3}, {2}},
       [](I x) { return conv2d(x[0], x[1], x[2], {{2, 1}, {1, 1}, {1, 1}, 2}); }},
      {"max_pool2d", {{1, 1, 5, 5}}, [](I x) { return max_pool2d(x[0], {{3, 3}, {{2, 2}}, {1, 1}}); }},
      {"avg_pool2d", {{1, 1, 4, 5}}, [](I x) { return avg_pool2d(x[0]); }},
      {"attention",
       {{4, 3, 2}, {2, 5, 2}, {2, 5, 2}},
       [](I x) { return attention(x[0], x[1], x[2], {.causal = true}); }},
      {"cross_entropy", {{3, 4}}, [](I x) { return cross_entropy(x[0], from_values<int32_t>({1, 3, 0})); }},
      {"binary_cross_entropy",
       {{4}},
       [](I x) { return binary_cross_entropy(x[0], from_values<double>({0, 1, 0.5, 1})); }},
      {"unfold", {{7}}, [](I x) { return x[0].unfold(0, 3, 2); }},
      {"tril", {{3, 3}}, [](I x) { return tril(x[0]); }},
      {"shared", {{4}}, [](I x) {
         Tensor y = x[0];
         for (int i = 0; i < 3; ++i) y = y * y * 0.5 + y;
         return y;
       }}};
  return all;
}

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class GradientOf : public ::testing::TestWithParam<Case> {};

TEST_P(GradientOf, IsTheCentralDifference) {
  const Case& c = GetParam();
  std::mt19937_64 random(std::hash<std::string>()(c.name));
  std::uniform_real_distribution<double> draw(c.low, c.high);
  std::vector<Numbers> values;
  for (const Shape& s : c.shapes) {
    values.emplace_back(static_cast<size_t>(elements(s)));
    for (double& v : values.back()) v = draw(random);
  }
  auto inputs = [&] {
    Inputs in;
    for (size_t i = 0; i < values.size(); ++i) in.push_back(from_values(values[i], c.shapes[i]));
    return in;
  };
  Inputs x = inputs();
  std::vector<Tensor> grads = gradients(loss_of(c.f(x)), x);
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_TRUE(grads[i].ok()) << grads[i].error_text();
    EXPECT_EQ(grads[i].dtype(), dtype::f64);
    EXPECT_EQ(print(grads[i].shape()), print(x[i].shape()));
    const Numbers got = numbers(grads[i]);
    for (size_t k = 0; k < got.size(); ++k) {
      const double h = 1e-5, at = values[i][k];
      values[i][k] = at + h;
      const double above = numbers(loss_of(c.f(inputs()))).at(0);
      values[i][k] = at - h;
      const double below = numbers(loss_of(c.f(inputs()))).at(0);
      values[i][k] = at;
      const double expected = (above - below) / (2 * h);
      EXPECT_NEAR(got[k], expected, 1e-7 + 1e-6 * std::fabs(expected)) << "input " << i << " element " << k;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Each, GradientOf, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(Gradients, OfTiesAreShared) {
  Tensor x = from_values<double>({2, 2, 1});
  EXPECT_EQ(numbers(gradients(x.max(), {x})[0]), (Numbers{0.5, 0.5, 0}));
  Tensor y = from_values<double>({2, 0, 1});
  EXPECT_EQ(numbers(gradients(maximum(x, y).sum(), {x})[0]), (Numbers{0.5, 1, 0.5}));
  Tensor zero = from_values<double>({0});
  EXPECT_EQ(numbers(gradients(relu(zero).sum(), {zero})[0]), (Numbers{0}));
  EXPECT_EQ(numbers(gradients(abs(zero).sum(), {zero})[0]), (Numbers{0}));
}

TEST(Gradients, OfProductsHoldThroughZeros) {
  Tensor x = from_values<double>({2, 0, 3, 0, 0, 5, 4, 3}, {4, 2});
  EXPECT_EQ(numbers(gradients(x.prod(1).sum(), {x})[0]), (Numbers{0, 2, 0, 3, 5, 0, 3, 4}));
  Tensor twice = from_values<double>({0, 0, 7});
  EXPECT_EQ(numbers(gradients(twice.prod(), {twice})[0]), (Numbers{0, 0, 0}));
}

TEST(Gradients, AreZeroWhereTheLossDoesNotDepend) {
  Tensor x = from_values<double>({1, 2}), y = from_values<float>({3});
  auto g = gradients((x * x).sum(), {x, y});
  EXPECT_EQ(numbers(g[0]), (Numbers{2, 4}));
  EXPECT_EQ(numbers(g[1]), (Numbers{0}));
  EXPECT_EQ(g[1].dtype(), dtype::f32);
  EXPECT_EQ(numbers(gradients((detach(x) * x).sum(), {x})[0]), (Numbers{1, 2}));
  EXPECT_EQ(numbers(gradients(round(x).sum(), {x})[0]), (Numbers{0, 0}));
}

TEST(Gradients, KeepTheDtypeOfTheParameter) {
  for (DType d : {dtype::f16, dtype::bf16, dtype::f32}) {
    Tensor w = full({2, 2}, 0.5, d), x = ones({3, 2});
    Tensor g = gradients(square(matmul(x, w.cast(dtype::f32))).mean(), {w})[0];
    EXPECT_EQ(g.dtype(), d);
    EXPECT_EQ(numbers(g), (Numbers{1, 1, 1, 1}));
  }
}

// The gradient of the gradient: d2(x^3) = 6x.
TEST(Gradients, CanBeDifferentiated) {
  Tensor x = from_values<double>({1, -2, 3});
  Tensor g = gradients((x * x * x).sum(), {x})[0];
  EXPECT_EQ(numbers(gradients(g.sum(), {x})[0]), (Numbers{6, -12, 18}));
}

TEST(Gradients, OfASymbolicOffsetGoToItsPlace) {
  Symbol s = make_symbol("offset", 2, 2);
  Tensor x = from_values<double>({1, 2, 3, 4, 5});
  Tensor y = x.narrow(0, value_of(s), 2);
  EXPECT_EQ(numbers(y), (Numbers{3, 4}));
  EXPECT_EQ(numbers(gradients((y * y).sum(), {x})[0]), (Numbers{0, 0, 6, 8, 0}));
}

TEST(Gradients, SayWhatTheyCannot) {
  Tensor x = from_values<double>({1, 2});
  EXPECT_NE(gradients(x, {x})[0].error_text().find("gradients: the loss is f64 (2), expected one float"),
            std::string::npos);
  Tensor i = from_values<int32_t>({1, 2});
  EXPECT_NE(gradients(x.sum(), {i})[0].error_text().find("a parameter is i32 (2), expected a float"),
            std::string::npos);
  EXPECT_NE(
      gradients(x.bitcast(dtype::f32).sum(), {x})[0].error_text().find("f64 (2) as f32 has no gradient"),
      std::string::npos);
}

TEST(Gradients, WalkDeepGraphsWithoutRecursion) {
  Tensor x = from_values<double>({1}), y = x;
  for (int i = 0; i < 100'000; ++i) y = -y;
  EXPECT_TRUE(gradients(y.sum(), {x})[0].ok());
}

TEST(Gradients, CoverEveryOperationOfTheGraph) {
  // What yields no floats, or has no sources, needs no rule.
  const Op exempt[] = {Op::Not, Op::Mod, Op::And, Op::Or, Op::Xor, Op::Shl,
                       Op::Shr, Op::Lt,  Op::Eq,  Op::Ne, Op::Sink};
  for (const OpRow& row : op_table()) {
    if (row.cls == OpClass::Leaf || row.cls == OpClass::Kernel) continue;
    if (std::find(std::begin(exempt), std::end(exempt), row.op) != std::end(exempt)) continue;
    bool found = false;
    for (const auto& rule : gradient_rules()) found |= rule.op == row.op;
    EXPECT_TRUE(found) << row.text;
  }
}

}  // namespace
}  // namespace doorbell
