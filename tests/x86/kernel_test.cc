// Kernels through machine code on this processor, bit for bit against the evaluator.
#include "tests/x86/harness.h"

namespace doorbell {
namespace {

template <class T>
Bytes bytes_of(const std::vector<T>& v) {
  Bytes b(v.size() * sizeof(T));
  std::memcpy(b.data(), v.data(), b.size());
  return b;
}
std::vector<float> ramp(size_t n) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = 0.25f * static_cast<float>(i) - 3.0f;
  return v;
}

TEST(Kernel, AddsTwoArraysInALoop) {
  for (int lanes : {1, 2, 4, 8, 16, 32}) {
    Graph g;
    Build b(g, lanes);
    const int n = 4;
    auto x = b.param(dtype::f32, n * lanes), y = b.param(dtype::f32, n * lanes),
         z = b.param(dtype::f32, n * lanes);
    auto r = b.loop(b.i(n), 1);
    auto index = b.op(Op::Add, {b.op(Op::Mul, {r, b.i(lanes)}), b.lane()});
    auto sum = b.op(Op::Add, {b.load(x, index), b.load(y, index)});
    b.end(r, {b.store(z, index, sum)});
    auto v = bytes_of(ramp(static_cast<size_t>(n * lanes)));
    compare(b.k, {v, v, Bytes(v.size())}, {}, getenv("SHOW"));
  }
}

// 6 rows by two registers, the classic tile.
TEST(Kernel, MultipliesATileInRegisters) {
  Graph g;
  Build b(g, 8);
  const int64_t K = 20, N = 16, M = 6;
  auto A = b.param(dtype::f32, M * K), B = b.param(dtype::f32, K * N), C = b.param(dtype::f32, M * N);
  auto acc = b.alloc(dtype::f32, Space::Register, 0, 12);
  auto lane = b.lane();
  for (int64_t m = 0; m < M; ++m)
    for (int64_t n = 0; n < 2; ++n) b.i(m * N + 8 * n);
  std::vector<const Node*> init;
  for (int64_t i = 0; i < 12; ++i) init.push_back(b.store(acc, b.i(i), b.c(dtype::f32, 0)));
  auto k = b.loop(b.i(K), 1);
  std::vector<const Node*> effects;
  for (int64_t m = 0; m < M; ++m)
    for (int64_t n = 0; n < 2; ++n) {
      auto a = b.load(A, b.op(Op::Add, {b.i(m * K), k}));
      auto x = b.load(B, b.op(Op::Add, {b.op(Op::Add, {b.op(Op::Mul, {k, b.i(N)}), b.i(8 * n)}), lane}));
      std::vector<const Node*> src{acc, init[static_cast<size_t>(m * 2 + n)], k};
      auto mem = b.add(g.make(Op::After, acc->dtype, src));
      auto old = b.load(mem, b.i(m * 2 + n));
      effects.push_back(b.store(mem, b.i(m * 2 + n), b.op(Op::Fma, {a, x, old})));
    }
  std::vector<const Node*> end_src{k};
  end_src.insert(end_src.end(), effects.begin(), effects.end());
  auto end = b.add(g.make(Op::End, dtype::none, end_src));
  auto done = b.add(g.make(Op::After, acc->dtype, {acc, end}));
  for (int64_t m = 0; m < M; ++m)
    for (int64_t n = 0; n < 2; ++n)
      b.store(C, b.op(Op::Add, {b.i(m * N + 8 * n), lane}), b.load(done, b.i(m * 2 + n)));
  auto code = compare(b.k,
                      {bytes_of(ramp(static_cast<size_t>(M * K))), bytes_of(ramp(static_cast<size_t>(K * N))),
                       Bytes(static_cast<size_t>(M * N * 4))},
                      {}, getenv("SHOW"));
}

}  // namespace
}  // namespace doorbell
