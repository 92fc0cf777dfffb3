// Layers and optimisers: names and shapes of states, statistics, and steps against numpy-free arithmetic in
// double precision.
#include "runtime/nn.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/grad.h"
#include "runtime/optim.h"
#include "tests/tensor/materialise.h"

namespace doorbell {
namespace {

using Numbers = std::vector<double>;

// Brings a tensor back to a leaf, as realize() does.
void settle(Tensor& t) {
  auto value = materialise(t);
  ASSERT_TRUE(value.ok()) << value.error().message;
  t.become(from_bytes(value->dtype, Shape(value->shape.begin(), value->shape.end()), value->data).node());
}
// Of tensors that depend on each other: all values first.
void settle(std::vector<Tensor> all) {
  std::vector<Array> values;
  for (Tensor& t : all) {
    auto value = materialise(t);
    ASSERT_TRUE(value.ok()) << value.error().message;
    values.push_back(*value);
  }
  for (size_t i = 0; i < all.size(); ++i)
    all[i].become(
        from_bytes(values[i].dtype, Shape(values[i].shape.begin(), values[i].shape.end()), values[i].data)
            .node());
}

struct Model {
  Conv2d conv{1, 2, 3};
  BatchNorm norm{2};
  Linear head{8, 3};
  State state() const {
    State s;
    s.add("conv", conv);
    s.add("norm", norm);
    s.add("head", head);
    return s;
  }
  Tensor operator()(const Tensor& x) { return head(relu(norm(conv(x))).flatten(1)); }
};

TEST(State, IsOrderedAndNamesWhatIsLearnt) {
  Model m;
  std::vector<std::string> names;
  const State state = m.state();
  for (const auto& e : state.entries()) names.push_back(e.name + " " + describe(e.tensor));
  EXPECT_EQ(names, (std::vector<std::string>{"conv.weight f32 (2, 1, 3, 3)", "conv.bias f32 (2)",
                                             "norm.weight f32 (2)", "norm.bias f32 (2)",
                                             "norm.running_mean f32 (2)", "norm.running_var f32 (2)",
                                             "head.weight f32 (3, 8)", "head.bias f32 (3)"}));
  EXPECT_EQ(m.state().learnt().size(), 6U);
  EXPECT_EQ(m.state().find("head.bias")->elements(), 3);
  EXPECT_EQ(m.state().find("head.bases"), nullptr);
}

TEST(State, HoldsHandlesThatLoadersAssignTo) {
  Linear l(2, 1);
  Tensor weight = *l.state().find("weight"), bias = *l.state().find("bias");
  weight.assign(from_values<float>({2, 3}, {1, 2}));
  bias.assign(10);
  EXPECT_EQ(numbers(l(from_values<float>({1, 1, 0, 2}, {2, 2}))), (Numbers{15, 16}));
}

TEST(BatchNorm, StandardisesABatchAndFollowsItsStatistics) {
  BatchNorm norm(2);
  Tensor x = from_values<float>({1, 10, 3, 30, 5, 50, 7, 70}, {4, 2});
  const Numbers y = numbers(norm(x));
  for (size_t i = 0; i < y.size(); ++i)
    EXPECT_NEAR(y[i], (static_cast<double>(i / 2) * 2 - 3) / std::sqrt(5.0), 1e-5);
  const Numbers mean = numbers(norm.mean), variance = numbers(norm.variance);
  EXPECT_NEAR(mean[0], 0.4, 1e-6);
  EXPECT_NEAR(variance[1], 0.9 + 0.1 * 2000 / 3, 1e-4);
  norm.training = false;
  EXPECT_NEAR(numbers(norm(x))[0], (1 - 0.4) / std::sqrt(0.9 + 0.1 * 20 / 3), 1e-5);
}

TEST(Embedding, TakesRows) {
  Generator g(1);
  Embedding e(5, 3, g);
  const Numbers table = numbers(e.weight), rows = numbers(e(from_values<int32_t>({4, 0})));
  EXPECT_EQ(rows, (Numbers{table[12], table[13], table[14], table[0], table[1], table[2]}));
}

// One parameter with gradient 2p, by the formulas of the papers in plain doubles.
TEST(Sgd, TakesTheStepsOfItsFormula) {
  for (bool nesterov : {false, true}) {
    Tensor p = from_values<double>({3});
    Sgd sgd({p}, {.rate = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = nesterov});
    double q = 3, v = 0;
    for (int i = 0; i < 5; ++i) {
      settle(sgd.step(gradients(square(p).sum(), {p})));
      double g = 2 * q + 0.01 * q;
      v = 0.9 * v + g;
      q -= 0.1 * (nesterov ? g + 0.9 * v : v);
      EXPECT_NEAR(numbers(p)[0], q, 1e-12);
    }
  }
}

TEST(Adam, TakesTheStepsOfItsFormula) {
  for (bool decoupled : {false, true}) {
    Tensor p = from_values<double>({3});
    AdamOptions o{.rate = 0.1, .weight_decay = 0.1, .decoupled = decoupled};
    Adam adam = decoupled ? adam_w({p}, o) : Adam({p}, o);
    double q = 3, m = 0, v = 0;
    for (int t = 1; t <= 5; ++t) {
      settle(adam.step(gradients(square(p).sum(), {p})));
      double g = 2 * q + (decoupled ? 0 : 0.1 * q);
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      if (decoupled) q *= 1 - 0.1 * 0.1;
      q -= 0.1 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
      // The powers of beta are f32.
      EXPECT_NEAR(numbers(p)[0], q, 1e-5);
    }
  }
}

TEST(Training, LearnsXor) {
  Generator g(4);
  Linear first(2, 8, true, g), second(8, 1, true, g);
  Tensor x = from_values<float>({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}),
         y = from_values<float>({0, 1, 1, 0}, {4, 1});
  State state;
  state.add("first", first);
  state.add("second", second);
  std::vector<Tensor> parameters = state.learnt();
  for (Tensor& p : parameters) settle(p);
  Adam adam(parameters, {.rate = 0.05});
  auto loss = [&] { return binary_cross_entropy(second(tanh(first(x))), y); };
  EXPECT_GT(numbers(loss())[0], 0.5);
  for (int i = 0; i < 150; ++i) settle(adam.step(gradients(loss(), parameters)));
  EXPECT_LT(numbers(loss())[0], 0.05);
}

}  // namespace
}  // namespace doorbell
