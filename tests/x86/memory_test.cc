// Addresses, gates, loops, register and local memory through machine code, against the evaluator.
#include "tests/x86/harness.h"

namespace doorbell {
namespace {

using namespace dtype;

Bytes counting(DType t, size_t n) {
  Bytes out(n * static_cast<size_t>(t.bytes()));
  for (size_t i = 0; i < n; ++i) {
    uint64_t v = t.is_float()  ? encode(t, 0.5 * static_cast<double>(i) - 7)
                 : t.is_bool() ? i % 3 == 0
                               : (i * 37 + 5) & t.mask();
    std::memcpy(&out[i * static_cast<size_t>(t.bytes())], &v, static_cast<size_t>(t.bytes()));
  }
  return out;
}
Bytes numbers(const std::vector<int32_t>& v) {
  Bytes out(v.size() * 4);
  std::memcpy(out.data(), v.data(), out.size());
  return out;
}

class Memory : public testing::TestWithParam<int> {
 protected:
  Graph g;
  int L = GetParam();
};
INSTANTIATE_TEST_SUITE_P(Lanes, Memory, testing::Values(1, 2, 4, 8, 16, 32, 64),
                         [](const auto& info) { return std::to_string(info.param); });

TEST_P(Memory, LoadsAndStoresEveryDtypeAtAnyStride) {
  for (const auto& [text, t] : dtype::all())
    for (int stride : {0, 1, 2, 3, -1, 5}) {
      SCOPED_TRACE(fmt::format("{} stride {}", text, stride));
      Build b(g, L);
      const int64_t n = 6 * 64 + 8;
      auto x = b.param(t, n), y = b.param(t, n), z = b.param(t, n);
      auto lane = b.lane();
      auto at = b.op(Op::Add, {b.op(Op::Mul, {lane, b.i(stride)}), b.i(stride < 0 ? 64 : 3)});
      auto v = b.load(x, at);
      b.store(y, lane, v);
      if (stride != 0) b.store(z, at, v);
      compare(b.k, {counting(t, n), counting(t, n), Bytes(static_cast<size_t>(n * t.bytes()))});
      if (HasFailure()) return;
    }
}

TEST_P(Memory, GathersByLoadedIndices) {
  for (const auto& [text, t] : dtype::all()) {
    SCOPED_TRACE(text);
    Build b(g, L);
    auto x = b.param(t, 100), idx = b.param(i32, 64), y = b.param(t, 64), z = b.param(t, 300),
         w = b.param(t, 64);
    auto lane = b.lane();
    auto i = b.load(idx, lane);
    auto v = b.load(x, i),
         twice = b.load(x, b.op(Op::Add, {b.op(Op::Mul, {i, b.i(2)}), b.i(-3)}), b.op(Op::Lt, {i, b.i(48)}));
    b.store(y, lane, v);
    b.store(w, lane, twice, b.op(Op::Lt, {b.i(2), i}));
    b.store(z, b.op(Op::Mul, {i, b.i(3)}), v);
    std::vector<int32_t> order(64);
    for (int k = 0; k < 64; ++k) order[static_cast<size_t>(k)] = (k * 37 + 11) % 98 + 2;
    compare(b.k, {counting(t, 100), numbers(order), counting(t, 64), counting(t, 300), counting(t, 64)});
    if (HasFailure()) return;
  }
}

TEST_P(Memory, VaryingGatesReadNothingAndWriteNothing) {
  for (const auto& [text, t] : dtype::all())
    for (int limit : {0, 1, 3, 7, 8, 40, 64}) {
      SCOPED_TRACE(fmt::format("{} below {}", text, limit));
      Build b(g, L);
      // Arrays as long as the gate allows: the evaluator and, at a page's end, the processor would complain.
      auto x = b.param(t, limit), y = b.param(t, 64), z = b.param(t, limit);
      auto limits = b.param(i32, 1);
      auto lane = b.lane();
      auto gate = b.op(Op::Lt, {lane, b.load(limits, b.i(0))});
      auto v = b.load(x, lane, gate);
      b.store(y, lane, v);
      b.store(z, lane, v, gate);
      compare(b.k, {counting(t, static_cast<size_t>(limit)), counting(t, 64),
                    Bytes(static_cast<size_t>(limit * t.bytes())), numbers({limit})});
      if (HasFailure()) return;
    }
}

TEST_P(Memory, UniformGatesReadNothingAndWriteNothing) {
  for (const auto& [text, t] : dtype::all())
    for (int open : {0, 1}) {
      SCOPED_TRACE(fmt::format("{} {}", text, open));
      Build b(g, L);
      auto x = b.param(t, open ? 64 : 0), y = b.param(t, 64), z = b.param(t, open ? 64 : 0),
           u = b.param(t, 1);
      auto flag = b.param(i32, 1);
      auto lane = b.lane();
      auto gate = b.op(Op::Ne, {b.load(flag, b.i(0)), b.i(0)});
      auto v = b.load(x, lane, gate), s = b.load(x, b.i(0), gate);
      b.store(y, lane, v);
      b.store(z, lane, v, gate);
      b.store(u, b.i(0), s);
      compare(b.k, {counting(t, open ? 64 : 0), counting(t, 64),
                    Bytes(static_cast<size_t>(open ? 64 * t.bytes() : 0)), counting(t, 1), numbers({open})});
      if (HasFailure()) return;
    }
}

TEST_P(Memory, GatesOfConstantLanes) {
  for (const auto& t : {f32, f64, u8, i16}) {
    Build b(g, L);
    auto x = b.param(t, 64), y = b.param(t, 64);
    auto lane = b.lane();
    auto gate = b.op(Op::Lt, {b.i(2), b.op(Op::Mod, {lane, b.i(5)})});
    b.store(y, lane, b.load(x, lane, gate), b.op(Op::Lt, {lane, b.i(13)}));
    compare(b.k, {counting(t, 64), counting(t, 64)});
  }
}

TEST_P(Memory, RowsOfLanesAreFoundByConstantPatterns) {
  Build b(g, L);
  auto x = b.param(f32, 4096), y = b.param(f32, 64);
  auto lane = b.lane();
  auto at = b.op(Op::Add,
                 {b.op(Op::Mul, {b.op(Op::Div, {lane, b.i(4)}), b.i(100)}), b.op(Op::Mod, {lane, b.i(4)})});
  b.store(y, lane, b.load(x, at));
  compare(b.k, {counting(f32, 4096), counting(f32, 64)});
}

TEST_P(Memory, LoopsOverSymbolsRunAsOftenAsTheirValue) {
  Symbol s = make_symbol("n", 0, 20);
  for (int64_t n : {0, 1, 2, 19}) {
    Build b(g, L);
    b.k.symbols = {s.id};
    auto x = b.param(f32, 64 * 20), y = b.param(f32, 64), z = b.param(i32, 20);
    auto count = b.add(g.make(Op::Symbol, i64, {}, {0, 0, 20, 1}));
    auto acc = b.alloc(f32, Space::Register, 0, 1);
    auto lane = b.lane(), zero = b.i(0), width = b.i(L);
    auto extent = b.cast(count, i32);
    auto init = b.store(acc, zero, b.c(f32, 1));
    auto r = b.loop(extent, 1);
    auto in = b.after(acc, {init, r});
    auto next =
        b.op(Op::Add, {b.load(in, zero), b.load(x, b.op(Op::Add, {b.op(Op::Mul, {r, width}), lane}))});
    auto end = b.end(r, {b.store(in, zero, next), b.store(z, r, b.op(Op::Mul, {r, extent}))});
    b.store(y, lane, b.load(b.after(acc, {end}), zero));
    compare(b.k, {counting(f32, 64 * 20), counting(f32, 64), numbers(std::vector<int32_t>(20, -1))}, {n});
  }
}

TEST_P(Memory, NestedLoopsAdvanceTheirPointers) {
  Build b(g, L);
  auto x = b.param(f32, 40000), y = b.param(f32, 40000), z = b.param(i64, 400);
  auto lane = b.lane();
  auto gx = b.group(0), gy = b.group(1);
  b.k.grid[0] = 2, b.k.grid[1] = 3;
  auto one = b.i(1), c70 = b.i(70), c3 = b.i(3), c64 = b.i(64), c700 = b.i(700), c1000 = b.i(6400),
       c10 = b.i(10), two = b.i(2), five = b.i(5);
  auto base = b.op(Op::Add, {b.op(Op::Mul, {gx, c1000}), b.op(Op::Mul, {gy, c700})});
  auto r = b.loop(c3, 1);
  auto row = b.op(Op::Add, {b.op(Op::Mul, {r, c64}), base});
  auto half = b.op(Op::Div, {r, two});
  auto q = b.loop(one, 2);
  auto s = b.loop(two, 3);
  auto parity = b.op(Op::Mod, {s, two});
  auto index = b.op(Op::Add, {b.op(Op::Add, {row, lane}), b.op(Op::Mul, {s, c70})});
  auto odd = b.op(Op::Add, {b.op(Op::Add, {b.op(Op::Mul, {half, c10}), b.op(Op::Mul, {parity, five})}),
                            b.op(Op::Add, {lane, q})});
  auto v = b.op(Op::Mul, {b.load(x, index), b.load(x, odd)});
  auto dest = b.op(Op::Add, {b.op(Op::Mul, {b.op(Op::Add, {b.op(Op::Mul, {r, two}), s}), c64}),
                             b.op(Op::Add, {base, lane})});
  auto st = b.store(y, dest, v);
  auto st2 = b.store(z, b.op(Op::Add, {b.op(Op::Mul, {r, two}), s}), b.cast(index->src[1], i64));
  auto e3 = b.end(s, {st, st2});
  auto e2 = b.end(q, {e3});
  b.end(r, {e2});
  compare(b.k, {counting(f32, 40000), counting(f32, 40000), counting(i64, 400)});
}

TEST_P(Memory, RegistersKeepTheirValueUntilStored) {
  Build b(g, L);
  auto x = b.param(f32, 64), y = b.param(f32, 64 * 3), z = b.param(i32, 8);
  auto acc = b.alloc(f32, Space::Register, 0, 2);
  auto n = b.alloc(i32, Space::Register, 1, 1);
  auto lane = b.lane(), zero = b.i(0), one = b.i(1), ten = b.i(10);
  auto s0 = b.store(acc, zero, b.load(x, lane)), s1 = b.store(acc, one, b.c(f32, 2)),
       s2 = b.store(n, zero, b.i(3));
  auto before = b.load(b.after(acc, {s0}), zero);
  auto r = b.loop(ten, 1);
  auto a0 = b.after(acc, {s0, r}), a1 = b.after(acc, {s1, r}), an = b.after(n, {s2, r});
  auto p = b.load(a0, zero), q = b.load(a1, one), m = b.load(an, zero);
  auto t0 = b.store(a0, zero, q);  // swapped, each turn
  auto t1 = b.store(a1, one, b.op(Op::Add, {p, before}));
  auto tn = b.store(an, zero, b.op(Op::Add, {m, r}));
  auto end = b.end(r, {t0, t1, tn});
  b.store(y, lane, b.load(b.after(acc, {end}), zero));
  b.store(y, b.op(Op::Add, {lane, b.i(64)}), b.load(b.after(acc, {end}), one));
  b.store(y, b.op(Op::Add, {lane, b.i(128)}), before);
  b.store(z, zero, b.load(b.after(n, {end}), zero));
  compare(b.k, {counting(f32, 64), counting(f32, 192), counting(i32, 8)});
}

TEST_P(Memory, LocalMemoryIsOfTheWorkgroup) {
  Build b(g, L);
  auto x = b.param(f32, 64 * 4), y = b.param(f32, 64);
  auto pad = b.alloc(u8, Space::Local, 0, 3), tile = b.alloc(f32, Space::Local, 1, 64 * 4);
  auto lane = b.lane(), width = b.i(L), four = b.i(4), three = b.i(3);
  auto p = b.store(pad, b.i(1), b.bits(u8, 7));
  auto r = b.loop(four, 1);
  auto at = b.op(Op::Add, {b.op(Op::Mul, {r, width}), lane});
  auto end = b.end(r, {b.store(tile, at, b.load(x, at))});
  auto back = b.load(b.after(tile, {end}), b.op(Op::Sub, {b.i(4 * L - 1), lane}));
  auto bias = b.cast(b.cast(b.load(b.after(pad, {p}), b.i(1)), u32), f32);
  b.store(y, lane, b.op(Op::Add, {back, bias}));
  (void)three;
  compare(b.k, {counting(f32, 256), counting(f32, 64)});
}

TEST_P(Memory, LanesExchangeTheirValues) {
  for (const auto& t : {f32, f64, i32, i64, boolean, i8, f16})
    for (int m = 1; m < L; m = m < 4 ? m + 1 : 2 * m - 1) {
      SCOPED_TRACE(fmt::format("{} xor {}", name(t), m));
      Build b(g, L);
      auto x = b.param(t, 64), y = b.param(t, 64);
      auto lane = b.lane();
      b.store(y, lane, b.add(g.make(Op::LaneXor, t, {b.load(x, lane)}, {m})));
      compare(b.k, {counting(t, 64), counting(t, 64)});
      if (HasFailure()) return;
    }
}

TEST_P(Memory, LoadsWiderThanTheirElementsAreUnaligned) {
  for (const auto& t : {u16, i16, f16, u32, f32, i64, f64}) {
    Build b(g, L);
    auto x = b.param(u8, 1200), y = b.param(t, 64), z = b.param(t, 1), w = b.param(t, 64);
    auto lane = b.lane();
    b.store(y, lane, b.load(x, b.op(Op::Add, {b.op(Op::Mul, {lane, b.i(t.bytes())}), b.i(3)}), nullptr, t));
    b.store(w, lane, b.load(x, b.op(Op::Add, {b.op(Op::Mul, {lane, b.i(18)}), b.i(1)}), nullptr, t));
    b.store(z, b.i(0), b.load(x, b.i(5), nullptr, t));
    compare(b.k, {counting(u8, 1200), counting(t, 64), counting(t, 1), counting(t, 64)});
    if (HasFailure()) return;
  }
}

TEST_P(Memory, HalfFloatsConvertAsTheyAreLoadedAndStored) {
  Build b(g, L);
  auto x = b.param(f16, 64), y = b.param(f16, 64), u = b.param(f16, 3), s = b.param(i8, 64),
       o = b.param(i8, 64);
  auto lane = b.lane();
  auto scale = b.cast(b.load(u, b.i(1)), f32);
  auto v = b.op(Op::Mul, {b.cast(b.load(x, lane), f32), scale});
  b.store(y, lane, b.cast(v, f16));
  b.store(u, b.i(2), b.cast(scale, f16));
  auto q = b.op(Op::Mul, {b.cast(b.load(s, lane), i32), b.i(3)});
  b.store(o, lane, b.cast(q, i8));
  compare(b.k, {counting(f16, 64), counting(f16, 64), counting(f16, 3), counting(i8, 64), counting(i8, 64)});
}

}  // namespace
}  // namespace doorbell
