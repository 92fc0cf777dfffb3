// Types that x86-64 has no arithmetic for, carried in wider ones: every op, bit for bit as numeric.h defines
// it.
#include <algorithm>

#include "tests/math/harness.h"

namespace doorbell {
namespace {

using namespace dtype;

// Inputs of an op of `arity` operands of type t: all patterns where there are few, else random ones and
// edges.
std::vector<Bytes> inputs(DType t, size_t arity, size_t* count, std::mt19937_64& random) {
  const size_t patterns = t.is_bool() ? 2 : t.bits <= 8 ? size_t{1} << t.bits : 0;
  if (arity == 1 && t.bits == 16) *count = 65536;
  else if (patterns && arity <= 2) *count = 65536;
  else *count = 65536;
  std::vector<Bytes> in(arity, Bytes(*count * static_cast<size_t>(t.bytes())));
  const std::vector<uint64_t> edges = [&] {
    std::vector<uint64_t> e;
    const uint64_t m = t.mask(), top = t.is_bool() ? 1 : 1ULL << (t.bits - 1);
    for (uint64_t v :
         {uint64_t{0}, uint64_t{1}, m, top, top - 1, top + 1, m - 1, uint64_t{2}, uint64_t{7}, uint64_t{8},
          uint64_t{16}, uint64_t{31}, uint64_t{32}, uint64_t{33}, uint64_t{63}, uint64_t{64}})
      e.push_back(t.is_bool() ? v & 1 : v & m);
    if (t.is_float())
      for (double d : {1.0,
                       -1.0,
                       0.5,
                       1.5,
                       2.5,
                       -0.5,
                       3.0,
                       127.0,
                       128.0,
                       255.0,
                       256.0,
                       -129.0,
                       65504.0,
                       65519.9,
                       65520.0,
                       2147483648.0,
                       4294967296.0,
                       9.3e18,
                       1.9e19,
                       448.0,
                       463.9,
                       464.0,
                       57344.0,
                       61440.0,
                       3.3895e38,
                       3.4e38,
                       1e-45,
                       double{INFINITY},
                       -double{INFINITY},
                       double{NAN}}) {
        e.push_back(encode(t, d));
        e.push_back(encode(t, -d));
      }
    return e;
  }();
  for (size_t k = 0; k < arity; ++k)
    for (size_t i = 0; i < *count; ++i) {
      uint64_t v;
      if (arity == 1 && t.bits == 16) v = i;
      else if (patterns && arity <= 2) v = t.is_bool() ? (i >> k) & 1 : (i >> (8 * k)) & t.mask();
      else if (random() % 4 == 0) v = edges[random() % edges.size()];
      else if (t.is_float() && random() % 2)
        v = encode(t, std::ldexp(static_cast<double>(static_cast<int64_t>(random())) * 0x1p-63,
                                 static_cast<int>(random() % 40) - 20));
      else v = (random() & t.mask()) >> (t.is_float() ? 0 : random() % t.bits);
      set_element(t, in[k].data(), i, t.is_bool() ? v & 1 : v);
    }
  return in;
}

void check(Op op, DType from, DType to, std::mt19937_64& random, const Native& native = x86::supported) {
  SCOPED_TRACE(fmt::format("{} of {} to {}", text(op), name(from), name(to)));
  const auto arity = static_cast<size_t>(row(op).arity);
  size_t n = 0;
  std::vector<Bytes> data = inputs(from, arity, &n, random);
  std::vector<DType> types(arity, from);
  if (op == Op::Where) {
    types[0] = boolean;
    size_t ignored = 0;
    data[0] = inputs(boolean, 1, &ignored, random)[0];
  }
  Elementwise kernel(
      types, static_cast<int64_t>(n),
      [&](const std::vector<Value>& in) {
        std::vector<const Node*> src;
        for (const Value& v : in) src.push_back(v.node);
        return Value{in[0].graph, in[0].graph->make(op, to, src)};
      },
      native);
  Bytes out(n * static_cast<size_t>(to.bytes()));
  std::vector<const void*> a;
  for (Bytes& b : data) a.push_back(b.data());
  if (arity == 1) kernel({a[0], out.data()});
  if (arity == 2) kernel({a[0], a[1], out.data()});
  if (arity == 3) kernel({a[0], a[1], a[2], out.data()});
  for (size_t i = 0; i < n; ++i) {
    std::vector<uint64_t> in;
    for (size_t k = 0; k < arity; ++k) in.push_back(element(types[k], data[k].data(), i));
    const uint64_t expected = compute(op, to, in, types), found = element(to, out.data(), i);
    if (same_value(to, expected, found)) continue;
    std::string operands;
    for (size_t k = 0; k < arity; ++k) operands += fmt::format(" {:#x} ({})", in[k], decode(types[k], in[k]));
    FAIL() << fmt::format("of{}: expected {:#x} ({}), found {:#x} ({})\n{}", operands, expected,
                          decode(to, expected), found, decode(to, found), print(kernel.kernel()));
  }
}

bool compares(Op op) { return op == Op::Lt || op == Op::Eq || op == Op::Ne; }

void check_all(DType t, std::mt19937_64& random, const Native& native = x86::supported) {
  for (const OpRow& r : op_table()) {
    if (r.cls != OpClass::Alu || !defined(r.op, t) || r.op == Op::Cast || r.op == Op::Bitcast) continue;
    if (r.op >= Op::Exp && r.op <= Op::Pow) continue;
    check(r.op, t, compares(r.op) ? boolean : t, random, native);
  }
}

TEST(Carried, NarrowTypesComputeWhatTheirDefinitionSays) {
  std::mt19937_64 random(11);
  for (const auto& [text, t] : all())
    if (carrier(t) != t) check_all(t, random);
}

TEST(Carried, WideTypesComputeWhatTheirDefinitionSays) {
  std::mt19937_64 random(12);
  for (const auto& [text, t] : all())
    if (carrier(t) == t) check_all(t, random);
}

TEST(Carried, CastsBetweenAllTypesRoundOnce) {
  std::mt19937_64 random(13);
  for (const auto& [text_from, from] : all())
    for (const auto& [text_to, to] : all())
      if (from != to) check(Op::Cast, from, to, random);
}

TEST(Carried, BitcastsKeepThePattern) {
  std::mt19937_64 random(14);
  for (const auto& [text_from, from] : all())
    for (const auto& [text_to, to] : all())
      if (from != to && from.bits == to.bits && !to.is_bool()) check(Op::Bitcast, from, to, random);
}

// The dtype axis: a type is a value, and needs no line of code.
TEST(Carried, ATypeThatNoTableHoldsComputesToo) {
  std::mt19937_64 random(15);
  const DType f8e3m4{Kind::Float, 8, 3, 4, 3, Special::Ieee};
  const DType f16e6m9{Kind::Float, 16, 6, 9, 31, Special::Fn};
  for (DType t : {f8e3m4, f16e6m9}) {
    ASSERT_EQ(std::ranges::find(all(), t, &Named::dtype), all().end());
    check_all(t, random);
    for (const auto& [text, other] : all()) {
      check(Op::Cast, t, other, random);
      check(Op::Cast, other, t, random);
    }
  }
}

// A target that lacks all that decompose() can do without: no f16, and no choice between narrow values.
TEST(Carried, ATargetWithLessComputesTheSame) {
  const Native poor = [](Op op, DType from, DType to) {
    if (narrow_float(from) || narrow_float(to)) return op == Op::Bitcast;
    if (op == Op::Where && carrier(from) != from) return false;
    return x86::supported(op, from, to);
  };
  std::mt19937_64 random(17);
  for (DType t : {f16, bf16, f8e4m3, i8, u16}) {
    check_all(t, random, poor);
    for (DType other : {f16, f32, f64, i32, u64}) {
      if (other == t) continue;
      check(Op::Cast, t, other, random, poor);
      check(Op::Cast, other, t, random, poor);
    }
  }
}

// The wide function's error, and one rounding: seldom another value than the nearest, never one beside its
// neighbours.
TEST(Carried, FunctionsOfNarrowFloatsRoundOnce) {
  for (DType t : {f16, bf16, f8e4m3, f8e5m2fnuz})
    for (const OpRow& r : op_table()) {
      if (r.op < Op::Exp || r.op >= Op::Pow) continue;
      const size_t n = size_t{1} << t.bits;
      Elementwise kernel({t}, static_cast<int64_t>(n),
                         [&](const std::vector<Value>& in) { return alu(r.op, in[0]); });
      Bytes in(n * static_cast<size_t>(t.bytes())), out(in.size());
      for (size_t i = 0; i < n; ++i) set_element(t, in.data(), i, i);
      kernel({in.data(), out.data()});
      size_t differ = 0;
      for (size_t i = 0; i < n; ++i) {
        const uint64_t operand[] = {i}, found = element(t, out.data(), i);
        const uint64_t nearest = compute(r.op, t, operand, std::span(&t, 1));
        if (same_value(t, nearest, found)) continue;
        ++differ;
        ASSERT_FALSE(is_nan(t, nearest) || is_nan(t, found))
            << r.text << " " << name(t) << " of " << decode(t, i);
        ASSERT_LE(std::abs(static_cast<int64_t>(nearest) - static_cast<int64_t>(found)), 1)
            << r.text << " " << name(t) << " of " << decode(t, i) << ": " << decode(t, found) << ", expected "
            << decode(t, nearest);
      }
      EXPECT_LE(differ, n / 1000) << r.text << " " << name(t);
    }
}

// Extremes, sums and products of integers fold in the carrier.
TEST(Carried, ReductionsFoldAsTheirTypeDoes) {
  std::mt19937_64 random(18);
  constexpr int64_t rows = 40, columns = 23;
  for (const auto& [text_type, t] : all())
    for (Op op : {Op::Add, Op::Mul, Op::Max, Op::Min, Op::And, Op::Or, Op::Xor}) {
      if (carrier(t) == t || !defined(op, t)) continue;
      if (t.is_float() && op != Op::Max && op != Op::Min) continue;
      SCOPED_TRACE(fmt::format("{} of {}", text(op), name(t)));
      Graph g;
      const auto index = [&](int64_t v) { return Value{&g, g.constant_int(dtype::index, v)}; };
      Value i{&g, g.make(Op::Range, dtype::index, {index(rows).node}, {0, 0})};
      Value k{&g, g.make(Op::Range, dtype::index, {index(columns).node},
                         {1, static_cast<int64_t>(RangeKind::Reduce)})};
      const Node* load = g.make(Op::Load, t, {g.make(Op::Param, t, {}, {0}), (i * columns + k).node});
      const Node* reduce = g.make(Op::Reduce, t, {load, k.node}, {static_cast<int64_t>(op), 1});
      const Node* store = g.make(Op::Store, dtype::none, {g.make(Op::Param, t, {}, {1}), i.node, reduce});
      auto lowered = lower(g, g.make(Op::Sink, dtype::none, {store}), x86_lanes(), "reduce");
      ASSERT_TRUE(lowered) << lowered.error().message;
      lowered->params[0].elements = rows * columns;
      lowered->params[1].elements = rows;
      Bytes in(static_cast<size_t>(rows * columns * t.bytes())), out(static_cast<size_t>(rows * t.bytes()));
      for (size_t e = 0; e < rows * columns; ++e) {
        uint64_t v = random() & t.mask();
        set_element(
            t, in.data(), e,
            t.is_float() && random() % 64 ? encode(t, static_cast<double>(static_cast<int8_t>(v)) / 8) : v);
      }
      Bytes expected = out;
      for (size_t r = 0; r < rows; ++r) {
        uint64_t sum = identity(op, t);
        for (size_t c = 0; c < columns; ++c) {
          const uint64_t pair[] = {sum, element(t, in.data(), r * columns + c)};
          const DType types[] = {t, t};
          sum = compute(op, t, pair, types);
        }
        set_element(t, expected.data(), r, sum);
      }
      std::vector<std::span<std::byte>> spans{in, out};
      Status status = run(*lowered, spans, {});
      ASSERT_TRUE(status) << status.error().message;
      for (size_t r = 0; r < rows; ++r)
        ASSERT_TRUE(same_value(t, element(t, expected.data(), r), element(t, out.data(), r)))
            << "row " << r << ": expected " << element(t, expected.data(), r) << ", found "
            << element(t, out.data(), r);
      compare(*lowered, {in, Bytes(out.size())});
    }
}

// GGUF's blocks as the model loader spells them: bytes, a scale in half precision, numbers of 4 and 8 bits.
TEST(Carried, QuantisedBlocksDequantise) {
  std::mt19937_64 random(16);
  constexpr int64_t blocks = 64, bytes = 20;
  Graph g;
  const Node* sink = nullptr;
  auto index = [&](int64_t v) { return Value{&g, g.constant_int(dtype::index, v)}; };
  auto range = [&](int64_t n, int64_t id) {
    return Value{&g, g.make(Op::Range, dtype::index, {index(n).node}, {id, 0})};
  };
  Value i = range(blocks, 0), j = range(32, 1);
  const Node* in = g.make(Op::Param, u8, {}, {0});
  auto byte = [&](const Value& at) { return Value{&g, g.make(Op::Load, u8, {in, at.node})}; };
  auto half = [&](int64_t at) {
    Value where_ = i * static_cast<double>(bytes) + static_cast<double>(at);
    return Value{&g, g.make(Op::Load, u16, {in, where_.node})}.as(f16).cast(f32);
  };
  Value q = byte(i * static_cast<double>(bytes) + 4.0 + alu(Op::Mod, j, 16.0));
  Value nibble = where(j < 16.0, q & 15.0, q >> 4.0);
  Value value = half(0) * nibble.cast(f32) + half(2);
  value = value + q.as(i8).cast(f32) * half(0);
  const Node* out = g.make(Op::Param, f32, {}, {1});
  sink =
      g.make(Op::Sink, dtype::none, {g.make(Op::Store, dtype::none, {out, (i * 32.0 + j).node, value.node})});
  auto lowered = lower(g, sink, x86_lanes(), "dequantise");
  ASSERT_TRUE(lowered) << lowered.error().message;
  lowered->params[0].elements = blocks * bytes;
  lowered->params[1].elements = blocks * 32;
  Bytes source(blocks * bytes);
  for (auto& b : source)
    b = static_cast<std::byte>(random() & 0x7b);  // no infinities: they make NaNs of every sum
  compare(*lowered, {source, Bytes(blocks * 32 * 4)});
}

}  // namespace
}  // namespace doorbell
