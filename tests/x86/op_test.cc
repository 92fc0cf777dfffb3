// Every op on every dtype that this target takes, by lanes, through machine code: bit for bit as the
// evaluator.
#include "codegen/target/x86/supported.h"
#include "tests/x86/harness.h"

namespace doorbell {
namespace {

using namespace dtype;

// Random patterns of all magnitudes, and all edges, often.
Bytes inputs(DType t, size_t n, std::mt19937_64& random) {
  std::vector<uint64_t> edges;
  if (t.is_float()) {
    for (double d : {0.0,
                     -0.0,
                     1.0,
                     -1.0,
                     0.5,
                     1.5,
                     2.5,
                     -2.5,
                     0.49999997,
                     3.0,
                     1e9,
                     -3e9,
                     2147483647.0,
                     2147483648.0,
                     -2147483648.0,
                     -2147483649.0,
                     4294967295.0,
                     4294967296.0,
                     9.3e18,
                     1.9e19,
                     -9.3e18,
                     9223372036854775807.0,
                     16777217.0,
                     1e300,
                     3e-310,
                     6e-8,
                     65504.0,
                     65519.9,
                     1e-45,
                     double{INFINITY},
                     -double{INFINITY},
                     double{NAN}})
      edges.push_back(encode(t, d));
    edges.push_back(1);  // the least subnormal
  } else if (t.is_bool()) {
    edges = {0, 1};
  } else {
    for (int64_t i :
         {0L,          1L,          -1L,         2L,           3L,        7L,        31L,
          32L,         33L,         63L,         64L,          65L,       100L,      127L,
          128L,        255L,        256L,        -128L,        32767L,    32768L,    65535L,
          2147483647L, 2147483648L, 4294967295L, -2147483648L, INT64_MAX, INT64_MIN, 0x5555555555555555L})
      edges.push_back(static_cast<uint64_t>(i) & t.mask());
  }
  Bytes out(n * static_cast<size_t>(t.bytes()));
  for (size_t i = 0; i < n; ++i) {
    uint64_t v = random() & t.mask();
    if (t.is_bool() || random() % 2) v = edges[random() % edges.size()];
    else if (t.is_float() && random() % 2)
      v = encode(t, std::ldexp(static_cast<double>(static_cast<int64_t>(random())) * 0x1p-63,
                               static_cast<int>(random() % 70) - 4));
    else if (random() % 2) v = (v >> (random() % t.bits)) & t.mask();
    std::memcpy(&out[i * static_cast<size_t>(t.bytes())], &v, static_cast<size_t>(t.bytes()));
  }
  return out;
}

DType result(Op op, DType t) { return op == Op::Lt || op == Op::Eq || op == Op::Ne ? boolean : t; }

// Rows of results: of lanes, of lanes and a uniform, of uniforms, and of each with a constant.
void check(Op op, DType from, DType to, int lanes, std::mt19937_64& random) {
  SCOPED_TRACE(fmt::format("{} of {} to {}, {} lanes", text(op), name(from), name(to), lanes));
  Graph g;
  Build b(g, lanes);
  const int64_t rows = std::max<int64_t>(96 / lanes, 8), n = rows * lanes;
  const int arity = row(op).arity;
  std::vector<const Node*> in;
  std::vector<Bytes> data;
  auto type_of = [&](int i) { return op == Op::Where && i == 0 ? boolean : from; };
  for (int i = 0; i < arity; ++i) {
    in.push_back(b.param(type_of(i), n));
    data.push_back(inputs(type_of(i), static_cast<size_t>(n), random));
  }
  auto z1 = b.param(to, n), z2 = b.param(to, n), z3 = b.param(to, n), z4 = b.param(to, n),
       z5 = b.param(to, n);
  for (int i = 0; i < 5; ++i) data.emplace_back(static_cast<size_t>(n * to.bytes()));
  auto lane = b.lane(), width = b.i(lanes);
  const int fixed =
      static_cast<int>(random() % static_cast<uint64_t>(arity));  // this operand is a constant, too
  uint64_t pattern = 0;
  std::memcpy(&pattern, inputs(type_of(fixed), 1, random).data(),
              static_cast<size_t>(type_of(fixed).bytes()));
  auto constant = b.bits(type_of(fixed), pattern);
  auto r = b.loop(b.i(rows), 1);
  auto index = b.op(Op::Add, {b.op(Op::Mul, {r, width}), lane});
  std::vector<const Node*> v, u;
  for (auto m : in) v.push_back(b.load(m, index)), u.push_back(b.load(m, r));
  auto apply = [&](const std::vector<const Node*>& src) {
    if (op == Op::Cast || op == Op::Bitcast) return b.add(g.make(op, to, src));
    return b.add(g.make(op, to, src));
  };
  auto s1 = b.store(z1, index, apply(v));
  std::vector<const Node*> mixed = v;
  mixed.back() = u.back();
  auto s2 = arity > 1 ? b.store(z2, index, apply(mixed)) : s1;
  auto s3 = b.store(z3, r, apply(u));
  v[static_cast<size_t>(fixed)] = u[static_cast<size_t>(fixed)] = constant;
  auto s4 = b.store(z4, index, apply(v)), s5 = b.store(z5, r, apply(u));
  b.end(r, {s1, s2, s3, s4, s5});
  compare(b.k, data);
}

TEST(Ops, EqualTheEvaluatorOnEveryDtypeAndLaneCount) {
  std::mt19937_64 random(7);
  int cells = 0;
  const auto native = x86::supported_by(~x86::Features{});
  for (const auto& row : op_table()) {
    if (row.cls != OpClass::Alu) continue;
    for (const auto& [text_from, from] : dtype::all())
      for (const auto& [text_to, to] : dtype::all()) {
        const bool converts = row.op == Op::Cast || row.op == Op::Bitcast;
        if (!converts && to != result(row.op, from)) continue;
        if (converts && from == to) continue;
        if (!native(row.op, from, to)) continue;
        for (int lanes : {1, 2, 4, 8, 16, 32}) check(row.op, from, to, lanes, random);
        ++cells;
        if (testing::Test::HasFailure()) FAIL() << "seed 7";
      }
  }
  RecordProperty("cells", cells);
  fmt::print("{} cells of op and dtypes\n", cells);
}

}  // namespace
}  // namespace doorbell
