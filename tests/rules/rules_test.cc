// Every rewrite rule in its domain, on random operands: both sides by numeric.h, bit for bit with NaNs equal.
// And the simplifier as a whole: random expressions of ranges, at all values or a sample of them, and random
// expressions of wrapping integers.
#include "codegen/rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "codegen/divide.h"
#include "codegen/kernel.h"
#include "codegen/numeric.h"

namespace doorbell {
namespace {

int rounds() { return std::getenv("DOORBELL_NIGHTLY") ? 200000 : 300; }

using Values = std::map<const Node*, uint64_t>;

uint64_t value_of(const Node* node, Values& values) {
  if (auto it = values.find(node); it != values.end()) return it->second;
  uint64_t v = 0;
  if (node->is(Op::Const)) {
    v = static_cast<uint64_t>(node->arg[0]);
  } else {
    std::vector<uint64_t> operands;
    std::vector<DType> types;
    for (const Node* s : node->src) operands.push_back(value_of(s, values)), types.push_back(s->dtype);
    v = compute(node->op, node->dtype, operands, types);
  }
  return values[node] = v;
}

// index: small enough that nothing overflows.
uint64_t random_value(DType t, std::mt19937_64& random) {
  if (t == dtype::index) {
    const int64_t most = random() % 2 ? 1000 : 12;
    return static_cast<uint64_t>(static_cast<int64_t>(random() % static_cast<uint64_t>(2 * most + 1)) - most);
  }
  const uint64_t mask = t.mask(), top = 1ULL << (t.bits - 1);
  if (t.is_bool()) return random() & 1;
  const uint64_t edges[] = {0, 1, 2, mask, top, top - 1, top + 1, mask - 1, t.bits, t.bits - 1ULL};
  if (random() % 3 == 0) return edges[random() % std::size(edges)] & mask;
  if (t.is_float()) {
    const double numbers[] = {0, 1, -1, 0.5, 2, 3, INFINITY, NAN, 1e-40, 448, 65504};
    if (random() % 2) return encode(t, (random() % 2 ? 1 : -1) * numbers[random() % std::size(numbers)]);
  }
  return random() & mask;
}

// What a variable of a pattern must be: a condition is bool.
void conditions(const Node* pattern, bool condition, std::map<int64_t, bool>& found) {
  if (pattern->is(Op::Any)) found[pattern->arg[0]] |= condition;
  for (size_t i = 0; i < pattern->src.size(); ++i)
    conditions(pattern->src[i], (pattern->is(Op::Where) && i == 0) || (condition && pattern->is(Op::Not)),
               found);
}

bool well_formed(const Node* node) {
  for (const Node* n : topological(std::span(&node, 1)))
    if (row(n->op).cls == OpClass::Alu && !defined(n->op, n->src.back()->dtype)) return false;
  return true;
}

// Tries a rule on all types; counts how often both sides were compared. `near`: how far they may differ.
size_t fuzz(const RuleSet& set, const Rule& rule, double (*near)(const Node*, Values&)) {
  std::mt19937_64 random(7);
  std::map<int64_t, bool> variables;
  conditions(rule.left.node, false, variables);
  std::vector<DType> types{dtype::index};
  for (const auto& [text, t] : dtype::all()) types.push_back(t);
  types.push_back({Kind::Float, 8, 3, 4, 3, Special::Ieee});  // of no table
  size_t compared = 0;
  for (DType t : types) {
    for (int i = t == dtype::index ? -20 * rounds() : 0; i < rounds(); ++i) {
      Graph graph;
      Bindings bound{};
      Values values;
      for (const auto& [variable, condition] : variables) {
        const DType type = condition ? dtype::boolean : t;
        const uint64_t v = random_value(type, random);
        const bool constant = variable >= 4;  // the variables that rules.cc calls c0, c1
        const Node* n = constant ? graph.constant_bits(type, v) : graph.make(Op::Param, type, {}, {variable});
        bound[static_cast<size_t>(variable)] = n;
        values[n] = v;
      }
      const Node* left = instantiate(graph, rule.left.node, bound, t);
      if (!well_formed(left) || !set.in_domain(left)) continue;
      Bindings matched{};
      EXPECT_TRUE(match(rule.left.node, left, matched)) << print(left);
      if (rule.when && !rule.when(bound)) continue;
      const Node* right = instantiate(graph, rule.right.node, bound, left->dtype);
      EXPECT_EQ(right->dtype, left->dtype) << print(left) << print(right);
      EXPECT_TRUE(well_formed(right)) << print(left) << print(right);
      if (testing::Test::HasFailure()) return compared;
      const uint64_t a = value_of(left, values), b = value_of(right, values);
      ++compared;
      bool good = same_value(left->dtype, a, b);
      if (!good && near) {
        const double bound = near(left, values);
        good = std::isinf(bound) || std::fabs(decode(t, a) - decode(t, b)) <= bound;
      }
      if (!good) {
        std::string with;
        for (const auto& [variable, condition] : variables)
          with += fmt::format(" any({}) = {:#x}", variable, values[bound[static_cast<size_t>(variable)]]);
        ADD_FAILURE() << set.name() << ", " << name(t) << with << fmt::format(": {:#x} becomes {:#x}\n", a, b)
                      << print(left) << "->\n"
                      << print(right);
        return compared;
      }
    }
  }
  return compared;
}

void fuzz(const RuleSet& set, double (*near)(const Node*, Values&) = nullptr) {
  for (const Rule& rule : set.rules())
    EXPECT_GT(fuzz(set, rule, near), 20u) << set.name() << ": no operands were found for\n"
                                          << print(rule.left.node);
}

TEST(Rules, OfIndicesHoldWhereNothingOverflows) { fuzz(index_rules()); }
TEST(Rules, OfWrappingIntegersHoldInEveryType) { fuzz(wrap_rules()); }
TEST(Rules, ThatAreExactHoldInEveryTypeBitForBit) { fuzz(exact_rules()); }

// One rounding of the product less. Infinite where something is not finite.
double one_rounding(const Node* left, Values& values) {
  double bound = 0;
  for (const Node* s : left->src) {
    const double v = decode(s->dtype, value_of(s, values));
    if (!std::isfinite(v)) return INFINITY;
    bound += std::fabs(v);
  }
  const double result = decode(left->dtype, value_of(left, values));
  if (!std::isfinite(result)) return INFINITY;
  return std::ldexp(bound + std::fabs(result), -left->dtype.mantissa) + 2 * decode(left->dtype, 1);
}
TEST(Rules, ThatAreRelaxedDifferByOneRounding) { fuzz(relaxed_rules(), one_rounding); }

// ---- the simplifier

class Expressions {
 public:
  Expressions(Graph& graph, uint64_t seed) : g(graph), random(seed) {
    for (int64_t n = 1 + pick(3), i = 0; i < n; ++i) {
      static const int64_t extents[] = {2, 3, 4, 5, 7, 8, 12, 16, 24};
      const int64_t extent = extents[pick(std::size(extents))];
      ranges.push_back(g.make(Op::Range, dtype::index, {number(extent)}, {i, 0}));
    }
  }
  const Node* number(int64_t v) { return g.constant_int(dtype::index, v); }
  int64_t pick(int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); }
  // An index; `depth` bounds it.
  const Node* index(int depth) {
    if (depth == 0 || pick(6) == 0)
      return pick(4) ? ranges[static_cast<size_t>(pick(static_cast<int64_t>(ranges.size())))]
                     : number(pick(9));
    static const int64_t factors[] = {2, 3, 4, 5, 6, 8, 12, 16};
    const int64_t c = factors[pick(std::size(factors))];
    switch (pick(10)) {
      case 0:
      case 1:
      case 2: return g.alu(Op::Add, {index(depth - 1), index(depth - 1)});
      case 3:
      case 4: return g.alu(Op::Mul, {index(depth - 1), number(c)});
      case 5: return g.alu(Op::Div, {index(depth - 1), number(c)});
      case 6: return g.alu(Op::Mod, {index(depth - 1), number(c)});
      case 7: return g.alu(pick(2) ? Op::Min : Op::Max, {index(depth - 1), index(depth - 1)});
      case 8: return g.alu(Op::Where, {condition(depth - 1), index(depth - 1), index(depth - 1)});
      default:
        // Below zero: where divisions need not be simplified, and must not be simplified wrongly.
        return pick(2) ? g.alu(Op::Sub, {index(depth - 1), index(depth - 1)})
                       : g.alu(Op::Add, {index(depth - 1), number(-pick(20))});
    }
  }
  const Node* condition(int depth) {
    switch (pick(6)) {
      case 0: return g.alu(Op::And, {condition(std::max(0, depth - 1)), compare(depth)});
      case 1: return g.alu(Op::Not, {compare(depth)});
      default: return compare(depth);
    }
  }
  const Node* compare(int depth) {
    static const Op ops[] = {Op::Lt, Op::Lt, Op::Eq, Op::Ne};
    return g.alu(ops[pick(4)], {index(depth), pick(2) ? number(pick(60) - 5) : index(depth)});
  }
  Graph& g;
  std::mt19937_64 random;
  std::vector<const Node*> ranges;
};

TEST(Simplifier, KeepsTheValuesOfIndices) {
  for (int seed = 0; seed < 20 * rounds(); ++seed) {
    Graph graph;
    Expressions e(graph, static_cast<uint64_t>(seed));
    const bool is_condition = e.pick(3) == 0;
    const Node* before = is_condition ? e.condition(3) : e.index(4);
    Simplifier simplify(graph);
    const Node* after = simplify(before);
    ASSERT_EQ(after->dtype, before->dtype);
    const Bounds bounds = simplify.bounds(after);
    for (int sample = 0; sample < 40; ++sample) {
      Values values;
      std::string at;
      for (const Node* r : e.ranges) {
        values[r] = static_cast<uint64_t>(e.pick(r->src[0]->as_int()));
        at += fmt::format(" {}", values[r]);
      }
      const auto a = static_cast<int64_t>(value_of(before, values)),
                 b = static_cast<int64_t>(value_of(after, values));
      ASSERT_EQ(a, b) << "seed " << seed << ", ranges at" << at << "\n"
                      << print(before) << "->\n"
                      << print(after);
      ASSERT_TRUE(bounds.min <= a && a <= bounds.max)
          << "seed " << seed << ": " << a << " outside of " << bounds.min << ".." << bounds.max << "\n"
          << print(after);
    }
  }
}

// By multiplication and shifts, at the ends of the interval and around multiples of the divisor. Where it is
// refused, the square of the dividend leaves the type.
TEST(Division, OfAnIndexByANumberIsExact) {
  std::mt19937_64 random(11);
  size_t refused = 0, spelt = 0;
  for (int round = 0; round < 10 * rounds(); ++round) {
    const DType t = random() % 2 ? dtype::i32 : dtype::i64;
    const int64_t most = static_cast<int64_t>(random() >> (64 - 1 - random() % (t.bits - 1)));
    const int64_t by = 1 + static_cast<int64_t>(random() >> (63 - random() % 31));
    for (Op op : {Op::Div, Op::Mod}) {
      Graph graph;
      const Node* x = graph.make(Op::Range, t, {graph.constant_int(t, 1)}, {0, 0});
      const Node* spelling = divided(graph, op, x, by, most);
      if (!spelling) {
        ++refused;
        ASSERT_GT(static_cast<__int128>(most) * (most + by), __int128{1} << (t.bits - 2))
            << most << " / " << by;
        continue;
      }
      ++spelt;
      for (const Node* n : topological(std::span(&spelling, 1)))
        ASSERT_FALSE(n->is(Op::Div) || n->is(Op::Mod));
      for (int sample = 0; sample < 60; ++sample) {
        const int64_t multiple =
            most / by ? static_cast<int64_t>(random() % static_cast<uint64_t>(most / by + 1)) * by : 0;
        const int64_t v =
            sample == 0   ? most
            : sample == 1 ? 0
            : sample % 2  ? std::clamp<int64_t>(multiple + static_cast<int64_t>(random() % 3) - 1, 0, most)
                          : static_cast<int64_t>(random() % (static_cast<uint64_t>(most) + 1));
        Values values{{x, static_cast<uint64_t>(v)}};
        const int64_t found = decode_int(t, value_of(spelling, values));
        ASSERT_EQ(found, op == Op::Div ? v / by : v % by)
            << v << " " << text(op) << " " << by << ", up to " << most;
      }
    }
  }
  EXPECT_GT(spelt, refused / 10);
}

// Dividends that fit 16 bits never need a wider type.
TEST(Division, OfAShortIndexTakesNoWiderType) {
  Graph graph;
  const Node* x = graph.make(Op::Range, dtype::i32, {graph.constant_int(dtype::i32, 1)}, {0, 0});
  for (int64_t by = 1; by < 3000; ++by) EXPECT_TRUE(divided(graph, Op::Div, x, by, 32768)) << by;
}

TEST(Simplifier, LoadsANarrowIntegerAsWhatItIsUsedAs) {
  Graph graph;
  Simplifier simplify(graph);
  const Node* index = graph.constant_int(dtype::index, 3);
  auto load = [&](DType memory, DType type) {
    const Node* param = graph.make(Op::Param, memory, {}, {0});
    return graph.make(Op::Load, type, {param, index});
  };
  EXPECT_EQ(simplify(graph.bitcast(load(dtype::u8, dtype::u8), dtype::i8)), load(dtype::u8, dtype::i8));
  EXPECT_EQ(simplify(graph.bitcast(load(dtype::u8, dtype::u16), dtype::i16)), load(dtype::u8, dtype::i16));
  for (auto [from, to] :
       {std::pair{dtype::f16, dtype::u16}, {dtype::u32, dtype::i32}, {dtype::u16, dtype::f16}})
    EXPECT_TRUE(simplify(graph.bitcast(load(from, from), to))->is(Op::Bitcast));
}

TEST(Simplifier, KeepsTheValuesOfIntegersThatWrap) {
  std::vector<DType> types;
  for (const auto& [text, t] : dtype::all())
    if (t.is_int() || t.is_bool()) types.push_back(t);
  for (int seed = 0; seed < 20 * rounds(); ++seed) {
    Graph graph;
    std::mt19937_64 random(static_cast<uint64_t>(seed));
    std::vector<const Node*> pool, leaves;
    for (int64_t i = 0; i < 3; ++i) {
      leaves.push_back(graph.make(Op::Param, types[random() % types.size()], {}, {i}));
      pool.push_back(leaves.back());
    }
    for (int i = 0; i < 8; ++i) {
      const Node* x = pool[pool.size() - 1 - random() % std::min<size_t>(pool.size(), 4)];
      if (random() % 3 == 0) {
        pool.push_back(graph.cast(x, types[random() % types.size()]));
        continue;
      }
      static const Op ops[] = {Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Mod, Op::Max, Op::Min,
                               Op::And, Op::Or,  Op::Xor, Op::Shl, Op::Shr, Op::Lt,  Op::Eq};
      const Op op = ops[random() % std::size(ops)];
      if (!defined(op, x->dtype)) continue;
      uint64_t bits = random() % 2 ? random_value(x->dtype, random) : random() % 9;
      const Node* y = graph.constant_bits(x->dtype, x->dtype.is_bool() ? bits & 1 : bits & x->dtype.mask());
      for (const Node* other : pool)
        if (other->dtype == x->dtype && random() % 2) y = other;
      pool.push_back(graph.alu(op, {x, y}));
    }
    const Node* before = pool.back();
    Simplifier simplify(graph);
    const Node* after = simplify(before);
    ASSERT_EQ(after->dtype, before->dtype);
    for (int sample = 0; sample < 20; ++sample) {
      Values values;
      for (const Node* leaf : leaves) values[leaf] = random_value(leaf->dtype, random);
      Values given = values;
      const uint64_t a = value_of(before, values), b = value_of(after, values);
      std::string with;
      for (auto& [leaf, v] : given) with += fmt::format(" {:#x}", v);
      ASSERT_EQ(a, b) << "seed " << seed << with << "\n" << print(before) << "->\n" << print(after);
    }
  }
}

TEST(Simplifier, KeepsACastByWayOfASignedTypeWhereTheValueMayBeLarge) {
  Graph graph;
  const Node* x = graph.make(Op::Param, dtype::u64, {}, {0});
  const Node* large = graph.alu(Op::Max, {x, graph.constant_int(dtype::u64, 5)});
  const Node* node = graph.cast(graph.cast(large, dtype::i64), dtype::f64);
  Simplifier simplify(graph);
  Values values{{x, ~0ULL}};
  EXPECT_EQ(decode(dtype::f64, value_of(simplify(node), values)), -1);
}

TEST(Simplifier, TakesNegativeNumbersForLargeOnesOnceTheyAreUnsigned) {
  Graph graph;
  const Node* x = graph.make(Op::Param, dtype::i8, {}, {0});
  const Node* large = graph.alu(
      Op::Max, {graph.cast(graph.cast(x, dtype::i64), dtype::u64), graph.constant_int(dtype::u64, 2)});
  const Node* node = graph.cast(graph.cast(large, dtype::u8), dtype::i32);
  Simplifier simplify(graph);
  Values values{{x, 0xfd}};
  EXPECT_EQ(value_of(simplify(node), values), 0xfdu);
}

TEST(Simplifier, KnowsThatACastToBoolIsZeroOrOne) {
  Graph graph;
  const Node* x = graph.make(Op::Param, dtype::i32, {}, {0});
  const Node* some = graph.alu(Op::Min, {graph.alu(Op::Max, {x, graph.constant_int(dtype::i32, -5)}),
                                         graph.constant_int(dtype::i32, -2)});
  const Node* truth = graph.cast(some, dtype::boolean);
  Simplifier simplify(graph);
  const Bounds b = simplify.bounds(truth);
  EXPECT_LE(b.min, 1);
  EXPECT_GE(b.max, 1);
}

}  // namespace
}  // namespace doorbell
