// Kernels through machine code on this processor, bit for bit against the evaluator.
#include "codegen/matrix_unit.h"
#include "codegen/target/x86/supported.h"
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
  compare(b.k,
          {bytes_of(ramp(static_cast<size_t>(M * K))), bytes_of(ramp(static_cast<size_t>(K * N))),
           Bytes(static_cast<size_t>(M * N * 4))},
          {}, getenv("SHOW"));
}

// What a kernel becomes for the least that is supported, after it was compared with the evaluator.
std::string code_of(const Lowered& kernel, const std::vector<Bytes>& params) {
  compare(kernel, params);
  auto image = x86::compile(kernel, x86::floor_features);
  EXPECT_TRUE(image.ok()) << image.error().message;
  return image.ok() ? x86::disassemble(*image) : "";
}
int lines_with(const std::string& code, std::string_view what) {
  int n = 0;
  for (size_t at = code.find(what); at != std::string::npos; at = code.find(what, at + 1)) ++n;
  return n;
}

TEST(Kernel, ConvertsAHalfInAllLanesAtOnce) {
  Graph g;
  Build b(g, 8);
  auto half = b.param(dtype::f16, 4), x = b.param(dtype::f32, 8), y = b.param(dtype::f32, 8);
  auto scale = b.cast(b.load(half, b.i(3)), dtype::f32);
  b.store(y, b.lane(), b.op(Op::Mul, {b.load(x, b.lane()), scale}));
  const std::string code =
      code_of(b.k, {bytes_of(std::vector<uint16_t>{0, 0, 0, 0xc123}), bytes_of(ramp(8)), Bytes(32)});
  EXPECT_EQ(lines_with(code, "vpbroadcastw"), 1) << code;
  EXPECT_EQ(lines_with(code, "vcvtph2ps"), 1) << code;
  EXPECT_EQ(lines_with(code, "movzx") + lines_with(code, "vmovd"), 0) << code;
}

// By the lane alone, and by the lane and what all lanes share, open or closed.
TEST(Kernel, StoresOneLaneByOneInstruction) {
  for (int64_t rows : {2, 9}) {
    Graph g;
    Build b(g, 8);
    auto x = b.param(dtype::f32, 8), y = b.param(dtype::f32, 8);
    auto first = b.op(Op::Eq, {b.lane(), b.i(0)}), value = b.load(x, b.lane());
    b.store(y, b.i(1), value, first);
    auto n = b.cast(b.load(x, b.i(7)), dtype::i32);
    auto inside = b.op(Op::Lt, {n, b.i(rows)});
    b.store(y, b.i(5), value, b.op(Op::And, {first, inside}));
    const std::string code = code_of(b.k, {bytes_of(ramp(8)), Bytes(32)});
    EXPECT_EQ(lines_with(code, "vmovss dword ptr"), 2) << code;
    EXPECT_EQ(lines_with(code, "cmove"), 1) << code;
    EXPECT_EQ(lines_with(code, "vpextrd") + lines_with(code, "vmovmskps"), 0) << code;
  }
}

TEST(Kernel, KnowsWhatDependsOnTheLaneAlone) {
  for (int lanes : {4, 8, 16}) {
    Graph g;
    Build b(g, lanes);
    const size_t n = static_cast<size_t>(lanes);
    auto x = b.param(dtype::i32, lanes), y = b.param(dtype::f32, lanes), z = b.param(dtype::i64, lanes);
    auto lane = b.lane();
    auto third = b.op(Op::Div, {b.op(Op::Sub, {lane, b.i(5)}), b.i(3)});
    auto high = b.op(Op::Lt, {b.i(1), third});
    auto wraps = b.op(Op::Mul, {lane, b.i(1 << 30)});
    b.store(x, lane, b.op(Op::Where, {high, third, wraps}));
    b.store(y, lane, b.op(Op::Sqrt, {b.cast(lane, dtype::f32)}));
    b.store(z, lane, b.cast(wraps, dtype::i64));
    const std::string code = code_of(b.k, {Bytes(4 * n), Bytes(4 * n), Bytes(8 * n)});
    for (std::string_view computed : {"vdiv", "vsqrt", "vcvt", "vpmul", "vblend", "vpmovsx"})
      EXPECT_EQ(lines_with(code, computed), 0) << computed << "\n" << code;
  }
}

// Trees of logic, deeper than one instruction, with a value that is used twice and one that is stored over.
TEST(Kernel, ThreeValuesAreCombinedAtOnce) {
  for (DType t : {dtype::i32, dtype::u64}) {
    Graph g;
    Build b(g, 16);
    auto x = b.param(t, 64), y = b.param(t, 64);
    auto lane = b.lane(), zero = b.i(0);
    auto held = b.alloc(t, Space::Register, 0, 1);
    auto in = [&](int64_t row) { return b.load(x, b.op(Op::Add, {lane, b.i(16 * row)})); };
    auto p = in(0), q = in(1), r = in(2), s = in(3);
    auto first = b.store(held, zero, p);
    auto kept = b.load(b.after(held, {first}), zero);
    auto twice = b.op(Op::Or, {b.op(Op::And, {p, b.op(Op::Not, {q})}), b.op(Op::And, {r, q})});
    auto inner = b.op(Op::Xor, {kept, q});
    auto second = b.store(b.after(held, {first}), zero, s);
    auto tree =
        b.op(Op::And, {b.op(Op::Or, {b.op(Op::Xor, {p, q}), b.op(Op::Xor, {r, s})}), b.op(Op::Not, {twice})});
    b.store(y, lane, b.op(Op::Xor, {twice, tree}));
    b.store(y, b.op(Op::Add, {lane, b.i(16)}), b.op(Op::Or, {inner, r}));
    b.store(y, b.op(Op::Add, {lane, b.i(32)}), b.load(b.after(held, {second}), zero));
    Bytes data(static_cast<size_t>(64 * t.bytes()));
    std::mt19937_64 random(5);
    for (auto& v : data) v = static_cast<std::byte>(random());
    compare(b.k, {data, Bytes(data.size())});
    auto image = x86::compile(b.k, ~x86::Features{});
    ASSERT_TRUE(image.ok());
    EXPECT_NE(x86::disassemble(*image).find("vpternlog"), std::string::npos);
  }
}

class Units : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Lanes, Units, testing::Values(1, 4, 8, 16, 32));

// A dot product of packed bytes or words, in a loop, with the row operand uniform and with it in lanes.
TEST_P(Units, ContractAsTheEvaluatorDoes) {
  const int L = GetParam();
  std::mt19937_64 random(3);
  int tried = 0;
  for (size_t row = 0; row < std::size(matrix_units); ++row) {
    const MatrixUnit& unit = matrix_units[row];
    if (L != unit.n) continue;
    for (bool uniform : {false, true}) {
      Graph g;
      Build b(g, L);
      const int64_t rows = 5, n = rows * L * unit.k;
      auto A = b.param(unit.a, n), B = b.param(unit.b, n), C = b.param(dtype::i32, L);
      auto acc = b.alloc(dtype::i32, Space::Register, 0, 1);
      auto lane = b.lane(), zero = b.i(0), k = b.i(unit.k), width = b.i(L);
      auto init = b.store(acc, zero, b.i(-5));
      auto r = b.loop(b.i(rows), 1);
      auto memory = b.after(acc, {init, r});
      auto at = b.op(Op::Mul, {b.op(Op::Add, {b.op(Op::Mul, {r, width}), lane}), k});
      auto x = b.load(A, uniform ? b.op(Op::Mul, {r, k}) : at, nullptr, unit.a.vec(unit.k));
      auto y = b.load(B, at, nullptr, unit.b.vec(unit.k));
      auto sum =
          b.add(g.make(Op::Contract, dtype::i32, {b.load(memory, zero), x, y}, {static_cast<int64_t>(row)}));
      auto end = b.end(r, {b.store(memory, zero, sum)});
      b.store(C, lane, b.load(b.after(acc, {end}), zero));
      Bytes a(static_cast<size_t>(n * unit.a.bytes())), w(static_cast<size_t>(n * unit.b.bytes()));
      for (auto& v : a) v = static_cast<std::byte>(random() % 4 ? random() : 255);
      for (auto& v : w) v = static_cast<std::byte>(random() % 4 ? random() : 127);
      compare(b.k, {a, w, Bytes(static_cast<size_t>(8 * L))}, {}, getenv("SHOW"));
      ++tried;
    }
  }
  EXPECT_GE(tried, L == 8 ? 10 : L == 16 ? 8 : 0);
}

TEST_P(Units, ShortVectorsAreMadeAndTakenApart) {
  const int L = GetParam();
  for (DType t : {dtype::u8.vec(4), dtype::i8.vec(4), dtype::i16.vec(2), dtype::u16.vec(4), dtype::u8.vec(8),
                  dtype::i16.vec(4), dtype::i32.vec(2)}) {
    Graph g;
    Build b(g, L);
    auto x = b.param(t.scalar(), 8 * L), y = b.param(t.scalar(), 8 * L), z = b.param(t.scalar(), 8 * L);
    auto lane = b.lane(), count = b.i(t.count), one = b.i(0);
    auto packed = b.load(x, b.op(Op::Mul, {lane, count}), nullptr, t), same = b.load(x, one, nullptr, t);
    std::vector<const Node*> turned;
    for (int i = 0; i < t.count; ++i) {
      auto e = b.add(g.make(Op::Element, t.scalar(), {packed}, {i})),
           u = b.add(g.make(Op::Element, t.scalar(), {same}, {i}));
      b.store(y, b.op(Op::Add, {b.op(Op::Mul, {lane, count}), b.i(i)}), i % 2 ? e : u);
      turned.insert(turned.begin(), e);
    }
    auto v = b.add(g.make(Op::Vec, t, turned));
    for (int i = 0; i < t.count; ++i)
      b.store(z, b.op(Op::Add, {b.op(Op::Mul, {lane, count}), b.i(i)}),
              b.add(g.make(Op::Element, t.scalar(), {v}, {i})));
    Bytes data(static_cast<size_t>(8 * L * t.bytes()));
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 77 + 131);
    compare(b.k, {data, Bytes(data.size()), Bytes(data.size())}, {}, getenv("SHOW"));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace doorbell
