// From a tensor graph through schedule and lowering to values, by the evaluator of lowered kernels.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "codegen/eval.h"
#include "codegen/lower.h"
#include "codegen/verify.h"
#include "runtime/schedule.h"

namespace doorbell {
namespace {

using Ref = NodeRef;
Ref make(Op op, DType t, std::vector<Ref> src, std::vector<int64_t> arg = {}, Shape shape = {}) {
  return Ref::make(op, t, src, arg, shape);
}
Shape shape_of(const Ref& x) { return Shape(x->shape.begin(), x->shape.end()); }
Ref buffer(int64_t id, DType t, Shape shape) {
  return make(Op::Reshape, t, {make(Op::Buffer, t, {}, {id, 0}, {Dim(elements(shape))})}, {}, shape);
}
Ref reshape(Ref x, Shape s) { return make(Op::Reshape, x->dtype, {x}, {}, s); }
Ref expand(Ref x, Shape s) { return make(Op::Expand, x->dtype, {x}, {}, s); }
Ref add(Ref a, Ref b) { return make(Op::Add, a->dtype, {a, b}, {}, shape_of(a)); }
Ref mul(Ref a, Ref b) { return make(Op::Mul, a->dtype, {a, b}, {}, shape_of(a)); }
Ref sum(Ref x, int axis) {
  Shape s = shape_of(x);
  s[static_cast<size_t>(axis)] = 1;
  return make(Op::Reduce, x->dtype, {x}, {static_cast<int64_t>(Op::Add), axis}, s);
}
Ref permute(Ref x, std::vector<int64_t> order) {
  Shape s;
  for (int64_t i : order) s.push_back(x->shape[static_cast<size_t>(i)]);
  return make(Op::Permute, x->dtype, {x}, order, s);
}
Ref matmul(Ref a, Ref b) {  // (m, k) x (k, n)
  int64_t m = a->shape[0].size, k = a->shape[1].size, n = b->shape[1].size;
  Shape s{m, n, k};
  Ref x = expand(reshape(a, {m, 1, k}), s), y = expand(reshape(permute(b, {1, 0}), {1, n, k}), s);
  return reshape(sum(mul(x, y), 2), {m, n});
}

// Runs a schedule with the evaluator; memory of each slot by the Buffer's id.
std::vector<float> run_graph(const Ref& out, std::map<int64_t, std::vector<float>> buffers, int lanes,
                             size_t* kernels = nullptr) {
  const Node* node = out.get();
  auto s = schedule(std::span(&node, 1));
  EXPECT_TRUE(s.ok());
  std::vector<std::vector<float>> memory;
  for (const Slot& slot : s->slots) {
    memory.emplace_back(static_cast<size_t>(slot.elements));
    if (slot.kind == Slot::Kind::External) memory.back() = buffers.at(slot.node->arg[0]);
  }
  LaneTarget target;
  target.lanes = lanes;
  target.group_work = 200;
  if (kernels) *kernels = s->items.size();
  for (const Item& item : s->items) {
    auto lowered = lower(*s->graph, item.kernel, target, "k");
    EXPECT_TRUE(lowered.ok()) << lowered.error().message;
    std::vector<std::span<std::byte>> params;
    for (size_t i = 0; i < item.slots.size(); ++i) {
      lowered->params.resize(item.slots.size());
      lowered->params[i].elements = s->slots[item.slots[i]].elements;
      params.push_back(std::as_writable_bytes(std::span(memory[item.slots[i]])));
    }
    auto good = verify(*lowered);
    EXPECT_TRUE(good.ok()) << good.error().message << "\n" << print(*lowered);
    auto status = run(*lowered, params, {});
    EXPECT_TRUE(status.ok()) << status.error().message << "\n" << print(item.kernel) << print(*lowered);
    if (std::getenv("SHOW")) fmt::print("{}\n{}\n", print(item.kernel), print(*lowered));
  }
  return memory[s->outputs[0]];
}

std::vector<float> random_values(size_t n, unsigned seed) {
  std::mt19937 gen(seed);
  std::uniform_real_distribution<float> d(-1, 1);
  std::vector<float> v(n);
  for (float& x : v) x = d(gen);
  return v;
}

TEST(Pipeline, ElementwiseIsOneKernel) {
  for (int64_t n : {1, 3, 64, 100, 1000}) {
    auto a = random_values(static_cast<size_t>(n), 1), b = random_values(static_cast<size_t>(n), 2);
    Ref x = buffer(1, dtype::f32, {n}), y = buffer(2, dtype::f32, {n});
    for (int lanes : {1, 8, 32}) {
      size_t kernels = 0;
      auto out = run_graph(mul(add(x, y), x), {{1, a}, {2, b}}, lanes, &kernels);
      EXPECT_EQ(kernels, 1u);
      for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], (a[i] + b[i]) * a[i]) << n << " " << lanes;
    }
  }
}

TEST(Pipeline, MatmulAgreesOnEveryLaneCountBitForBit) {
  for (auto [m, n, k] :
       {std::tuple{5, 7, 9}, {1, 64, 48}, {12, 32, 20}, {33, 40, 17}, {4, 1, 100}, {1, 1, 3}}) {
    for (bool transposed : {false, true}) {
      auto a = random_values(static_cast<size_t>(m * k), 1), b = random_values(static_cast<size_t>(k * n), 2);
      Ref x = buffer(1, dtype::f32, {m, k});
      Ref y = transposed ? permute(buffer(2, dtype::f32, {n, k}), {1, 0}) : buffer(2, dtype::f32, {k, n});
      std::vector<float> first;
      for (int lanes : {1, 4, 8, 16, 32}) {
        auto out = run_graph(matmul(x, y), {{1, a}, {2, b}}, lanes);
        for (int i = 0; i < m; ++i)
          for (int j = 0; j < n; ++j) {
            double want = 0;
            for (int p = 0; p < k; ++p)
              want += double{a[static_cast<size_t>(i * k + p)]} *
                      double{b[static_cast<size_t>(transposed ? j * k + p : p * n + j)]};
            ASSERT_NEAR(out[static_cast<size_t>(i * n + j)], want, 1e-5)
                << m << "x" << n << "x" << k << " t" << transposed << " lanes " << lanes << " at " << i << ","
                << j;
          }
        if (first.empty()) first = out;
        ASSERT_EQ(first, out) << lanes;
      }
    }
  }
}

}  // namespace
}  // namespace doorbell
