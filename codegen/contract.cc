#include "codegen/contract.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "codegen/matrix_unit.h"

namespace doorbell {

namespace {

constexpr int64_t per_lane = 4;
constexpr int64_t block = block_lanes * per_lane;

bool adds_up(const Node* n, DType type) {
  return n->is(Op::Reduce) && n->dtype == type && n->arg[0] == static_cast<int64_t>(Op::Add) &&
         n->arg[1] == 1 && n->src.size() == 2;
}

// The cast to f32 of a sum over a block that `value` is linear in; null where there is none, or more.
const Node* inner_sum(const Node* value) {
  if (value->is(Op::Cast) && value->dtype == dtype::f32 && adds_up(value->src[0], dtype::i32) &&
      value->src[0]->src[1]->src[0]->is_const(static_cast<double>(block)))
    return value;
  if (!value->is(Op::Mul) && !value->is(Op::Add) && !value->is(Op::Fma)) return nullptr;
  const Node* found = nullptr;
  for (const Node* s : value->src)
    if (const Node* sum = inner_sum(s)) {
      if (found) return nullptr;
      found = sum;
    }
  return found;
}

// Four products at a time.
class Packer {
 public:
  Packer(Graph& graph, Simplifier& simplify, int lanes, std::span<const size_t> units)
      : g_(graph), simplify_(simplify), lanes_(lanes), units_(units) {}

  // Elements first .. first + 3 of a sum, added up by a unit; null where none takes them.
  const Node* by_unit(const Node* sum, const Node* first) { return by_unit(elements(sum, first)); }
  const Node* added(const Node* sum, const Node* first) {
    const Four e = elements(sum, first);
    if (const Node* unit = by_unit(e)) return unit;
    return g_.alu(Op::Add, {g_.alu(Op::Add, {e[0], e[1]}), g_.alu(Op::Add, {e[2], e[3]})});
  }

 private:
  using Four = std::array<const Node*, per_lane>;

  Four elements(const Node* sum, const Node* first) {
    Four e{};
    for (int64_t i = 0; i < per_lane; ++i) {
      const Node* at = g_.alu(Op::Add, {first, g_.constant_int(dtype::index, i)});
      e[static_cast<size_t>(i)] = simplify_(substitute(g_, sum->src[0], {{sum->src[1], at}}));
    }
    return e;
  }
  static Four sources(const Four& four, size_t s) {
    Four out{};
    for (size_t i = 0; i < four.size(); ++i) out[i] = four[i]->src[s];
    return out;
  }
  Bounds bounds(const Four& four) {
    Bounds all = simplify_.bounds(four[0]);
    for (const Node* n : four) {
      const Bounds b = simplify_.bounds(n);
      all = {std::min(all.min, b.min), std::max(all.max, b.max)};
    }
    return all;
  }

  // The sum of four products by the best row that takes such factors; null where there is none.
  const Node* by_unit(const Four& e) {
    if (!std::ranges::all_of(e, [](const Node* n) { return n->is(Op::Mul); })) return nullptr;
    for (size_t row : units_) {
      const MatrixUnit& unit = matrix_units[row];
      if (unit.k != per_lane || unit.n != lanes_ || unit.acc != dtype::i32) continue;
      for (size_t s : {0, 1}) {
        const Four a = sources(e, s), b = sources(e, 1 - s);
        const Bounds x = bounds(a), y = bounds(b);
        if (!holds(unit.a, x) || !holds(unit.b, y)) continue;
        if (unit.needs_pairs_in_i16 && !pairs_in_i16(x, y)) continue;
        const Node *pa = pack(a, 0xff), *pb = pack(b, 0xff);
        if (!pa || !pb) continue;
        return g_.make(Op::Contract, unit.acc,
                       {g_.constant_int(unit.acc, 0), g_.bitcast(pa, unit.a.vec(per_lane)),
                        g_.bitcast(pb, unit.b.vec(per_lane))},
                       {static_cast<int64_t>(row)});
      }
    }
    return nullptr;
  }

  static bool holds(DType t, Bounds b) {
    const int64_t low = t.kind == Kind::Signed ? -(int64_t{1} << (t.bits - 1)) : 0;
    return b.min >= low && b.max <= low + static_cast<int64_t>(t.mask());
  }
  static bool pairs_in_i16(Bounds a, Bounds b) {
    for (int64_t x : {a.min, a.max})
      for (int64_t y : {b.min, b.max})
        if (2 * x * y < INT16_MIN || 2 * x * y > INT16_MAX) return false;
    return true;
  }

  // ---- four bytes in 32 bits

  const Node* word(uint32_t v) { return g_.constant_bits(dtype::u32, v); }

  // Byte i is the low byte of four[i], correct in the bits `keep`; null where that takes more than the bytes
  // side by side.
  const Node* pack(const Four& four, uint32_t keep) {
    const Node* n = four[0];
    for (const Node* other : four)
      if (other->op != n->op || other->dtype != n->dtype || other->src.size() != n->src.size())
        return nullptr;
    if (!n->dtype.is_int() || n->dtype.kind == Kind::Index) return nullptr;
    switch (n->op) {
      case Op::Const: {
        uint32_t bits = 0;
        for (size_t i = 0; i < four.size(); ++i)
          bits |= static_cast<uint32_t>(four[i]->arg[0] & 0xff) << (8 * i);
        return word(bits);
      }
      case Op::Cast:
      case Op::Bitcast: return pack(sources(four, 0), keep);
      case Op::And:
      case Op::Or:
      case Op::Xor: {
        uint32_t inner = keep;
        for (size_t s : {0, 1})
          if (n->is(Op::And) && n->src[s]->is(Op::Const) &&
              std::ranges::all_of(four, [&](const Node* f) { return f->src[s] == n->src[s]; }))
            inner &= static_cast<uint32_t>(n->src[s]->arg[0]);
        const Node *a = pack(sources(four, 0), inner), *b = pack(sources(four, 1), inner);
        return a && b ? g_.alu(n->op, {a, b}) : nullptr;
      }
      case Op::Shr: {
        // What comes in from the byte above must not be looked at.
        const Node* by = n->src[1];
        const Bounds count = simplify_.bounds(by);
        if (count.min < 0 || count.max > 7) return nullptr;
        const uint32_t own = 0xffu >> count.max;
        if ((keep & ~own) && count.min != count.max) return nullptr;
        for (const Node* f : four) {
          const Bounds b = simplify_.bounds(f->src[0]);
          if (f->src[1] != by || b.min < 0 || b.max > 0xff) return nullptr;
        }
        const Node* x = pack(sources(four, 0), 0xff);
        if (!x) return nullptr;
        x = g_.alu(Op::Shr, {x, g_.cast(by, dtype::u32)});
        return keep & ~own ? g_.alu(Op::And, {x, word(own * 0x01010101)}) : x;
      }
      case Op::Load: {
        if (n->dtype.bits != 8 || n->src[0]->dtype.bytes() != 1) return nullptr;
        for (size_t i = 1; i < four.size(); ++i) {
          if (four[i]->src[0] != n->src[0] || (n->src.size() > 2 && four[i]->src[2] != n->src[2]))
            return nullptr;
          const Node* away = simplify_(g_.alu(Op::Sub, {four[i]->src[1], n->src[1]}));
          if (!away->is_const(static_cast<double>(i))) return nullptr;
        }
        return g_.make(Op::Load, dtype::u32, n->src);
      }
      default: return nullptr;
    }
  }

  Graph& g_;
  Simplifier& simplify_;
  int lanes_;
  std::span<const size_t> units_;
};

// One sum over lanes.
class Spreader {
 public:
  Spreader(Graph& graph, Simplifier& simplify, int lanes, std::span<const size_t> units)
      : g_(graph), lanes_(lanes), packer_(graph, simplify, lanes, units) {}

  const Node* spread(const Node* sum) {
    std::vector<const Node*> parts;
    for (int p = 0; p < block_lanes; p += lanes_)
      parts.push_back(g_.make(Op::Reduce, dtype::f32, {part(sum->src[0], p), sum->src[1]}, {sum->arg[0], 1}));
    for (int step = block_lanes / 2; step > 0; step /= 2) {
      if (step >= lanes_) {
        const auto half = static_cast<size_t>(step / lanes_);
        for (size_t i = 0; i < half; ++i) parts[i] = add(parts[i], parts[i + half]);
      } else {
        parts[0] = add(parts[0], g_.make(Op::LaneXor, dtype::f32, {parts[0]}, {step}));
      }
    }
    return parts[0];
  }

 private:
  const Node* number(int64_t v) { return g_.constant_int(dtype::index, v); }
  const Node* add(const Node* a, const Node* b) { return g_.alu(Op::Add, {a, b}); }
  const Node* lane() { return lanes_ == 1 ? number(0) : g_.make(Op::Lane, dtype::index, {}, {lanes_}); }

  // `value` for lanes p, p + 1, ... of the block's.
  const Node* part(const Node* value, int p) {
    if (value->is(Op::Cast)) {
      const Node* first = g_.alu(Op::Mul, {add(lane(), number(p)), number(per_lane)});
      return g_.cast(packer_.added(value->src[0], first), dtype::f32);
    }
    std::vector<const Node*> src(value->src.begin(), value->src.end());
    size_t with = 0;
    while (!inner_sum(src[with])) ++with;
    src[with] = part(src[with], p);
    // What is added to the multiple: of a sum either side, of an fma the last source or the product of the
    // others.
    if (value->is(Op::Add)) src[1 - with] = in_first_lane(src[1 - with], p);
    if (value->is(Op::Fma)) src[with == 2 ? 0 : 2] = in_first_lane(src[with == 2 ? 0 : 2], p);
    return g_.make(value->op, value->dtype, src);
  }
  // 0 in other lanes. A product by its first factor, which a tile's copies may share.
  const Node* in_first_lane(const Node* n, int p) {
    if (n->is(Op::Const) && n->arg[0] == g_.constant(n->dtype, -0.0)->arg[0]) return n;
    const Node* zero = g_.constant(n->dtype, 0);
    if (p != 0) return zero;
    if (n->is(Op::Mul)) return g_.alu(Op::Mul, {in_first_lane(n->src[0], p), n->src[1]});
    return g_.alu(Op::Where, {g_.alu(Op::Eq, {lane(), number(0)}), n, zero});
  }

  Graph& g_;
  int lanes_;
  Packer packer_;
};

}  // namespace

BlockSums::BlockSums(Simplifier& simplify, const Node* sink) {
  std::unordered_set<const Node*> inner;
  size_t reductions = 0;
  std::vector<const Node*> sums;
  for (const Node* n : topological(std::span(&sink, 1))) {
    if (!n->is(Op::Reduce)) continue;
    ++reductions;
    if (adds_up(n, dtype::i32)) {
      // Parts of a sum that wraps would not add up to it.
      constexpr int64_t most = (int64_t{1} << 31) / block - 1;
      const Bounds e = simplify.bounds(n->src[0]);
      if (e.min < -most || e.max > most) return;
      continue;
    }
    const Node* sum = adds_up(n, dtype::f32) ? inner_sum(n->src[0]) : nullptr;
    if (!sum) return;
    sums.push_back(n);
    inner.insert(sum->src[0]);
  }
  if (reductions == sums.size() + inner.size()) sums_ = std::move(sums);
}

const Node* BlockSums::element_range(const Node* sum) const { return inner_sum(sum->src[0])->src[0]->src[1]; }

const Node* BlockSums::over_lanes(Graph& graph, Simplifier& simplify, const Node* sink, int lanes,
                                  std::span<const size_t> units) const {
  Spreader spreader(graph, simplify, lanes, units);
  Memo replaced;
  for (const Node* sum : sums_) replaced[sum] = spreader.spread(sum);
  return simplify(substitute(graph, sink, replaced));
}

const Node* contract_in_lanes(Graph& graph, Simplifier& simplify, const Node* sink, int lanes,
                              std::span<const size_t> units, int64_t& next_id) {
  Packer packer(graph, simplify, lanes, units);
  Memo replaced, quads;  // quads: a range to that of its elements four at a time
  auto number = [&](int64_t v) { return graph.constant_int(dtype::index, v); };
  for (const Node* n : topological(std::span(&sink, 1))) {
    if (!adds_up(n, dtype::i32) || !n->src[1]->src[0]->is(Op::Const)) continue;
    const Node* range = n->src[1];
    const int64_t elements = range->src[0]->as_int();
    if (elements % per_lane || elements == per_lane) continue;
    const Node*& quad = quads[range];
    if (!quad)
      quad = graph.make(Op::Range, dtype::index, {number(elements / per_lane)}, {next_id++, range->arg[1]});
    if (const Node* sum = packer.by_unit(n, graph.alu(Op::Mul, {quad, number(per_lane)})))
      replaced[n] = graph.make(Op::Reduce, n->dtype, {sum, quad}, {n->arg[0], 1});
  }
  return replaced.empty() ? sink : simplify(substitute(graph, sink, replaced));
}

}  // namespace doorbell
