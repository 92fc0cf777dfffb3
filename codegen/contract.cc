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
  if (!value->is(Op::Mul) && !value->is(Op::Add)) return nullptr;
  const Node *a = inner_sum(value->src[0]), *b = inner_sum(value->src[1]);
  return a && b ? nullptr : a ? a : b;
}

class Contracter {
 public:
  Contracter(Graph& graph, Simplifier& simplify, const LaneTarget& target)
      : g_(graph), simplify_(simplify), target_(target), lanes_(1) {
    while (2 * lanes_ <= std::min(target.lanes, block_lanes)) lanes_ *= 2;
  }

  Blocks run(const Node* sink) {
    if (!find(sink)) return {sink, 0};
    Memo replaced;
    for (const Node* reduce : sums_) replaced[reduce] = over_lanes(reduce);
    return {simplify_(substitute(g_, sink, replaced)), lanes_};
  }

 private:
  const Node* number(int64_t v) { return g_.constant_int(dtype::index, v); }
  const Node* add(const Node* a, const Node* b) { return g_.alu(Op::Add, {a, b}); }
  const Node* lane() { return lanes_ == 1 ? number(0) : g_.make(Op::Lane, dtype::index, {}, {lanes_}); }

  // The sums. Are they, and the blocks' own, all of the kernel's reductions?
  bool find(const Node* sink) {
    std::unordered_set<const Node*> inner;
    size_t reductions = 0;
    for (const Node* n : topological(std::span(&sink, 1))) {
      if (!n->is(Op::Reduce)) continue;
      ++reductions;
      if (adds_up(n, dtype::i32)) {
        // Parts of a sum that wraps would not add up to it.
        constexpr int64_t most = (int64_t{1} << 31) / block - 1;
        const Bounds e = simplify_.bounds(n->src[0]);
        if (e.min < -most || e.max > most) return false;
        continue;
      }
      const Node* sum = adds_up(n, dtype::f32) ? inner_sum(n->src[0]) : nullptr;
      if (!sum || (!sums_.empty() && sums_[0]->src[1]->src[0] != n->src[1]->src[0])) return false;
      sums_.push_back(n);
      inner.insert(sum->src[0]);
    }
    return !sums_.empty() && reductions == sums_.size() + inner.size();
  }

  const Node* over_lanes(const Node* reduce) {
    // All sums share a loop.
    const Node* range = sums_[0]->src[1];
    const Node* value = substitute(g_, reduce->src[0], {{reduce->src[1], range}});
    std::vector<const Node*> parts;
    for (int p = 0; p < block_lanes; p += lanes_)
      parts.push_back(g_.make(Op::Reduce, dtype::f32, {part(value, p), range}, {reduce->arg[0], 1}));
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

  // `value` for lanes p, p + 1, ... of the block's.
  const Node* part(const Node* value, int p) {
    if (value->is(Op::Cast))
      return g_.cast(lane_sum(value->src[0], g_.alu(Op::Mul, {add(lane(), number(p)), number(per_lane)})),
                     dtype::f32);
    const size_t with = inner_sum(value->src[0]) ? 0 : 1;
    const Node *linear = part(value->src[with], p), *other = value->src[1 - with];
    if (value->is(Op::Mul)) return g_.alu(Op::Mul, {other, linear});
    // The others add what it gives there, too: so they round as often.
    return add(linear, in_first_lane(other, p));
  }
  // A product by its first factor, which a tile's copies may share.
  const Node* in_first_lane(const Node* n, int p) {
    if (n->is(Op::Mul)) return g_.alu(Op::Mul, {in_first_lane(n->src[0], p), n->src[1]});
    const Node* first = g_.alu(Op::Eq, {add(lane(), number(p)), number(0)});
    return g_.make(Op::Where, n->dtype, {first, n, g_.constant_bits(n->dtype, 0)});
  }

  // The i32 of one lane: elements first .. first + 3.
  const Node* lane_sum(const Node* inner, const Node* first) {
    Four e{};
    for (int64_t i = 0; i < per_lane; ++i)
      e[static_cast<size_t>(i)] =
          simplify_(substitute(g_, inner->src[0], {{inner->src[1], add(first, number(i))}}));
    if (const Node* unit = by_unit(e)) return unit;
    return add(add(e[0], e[1]), add(e[2], e[3]));
  }

  // ---- rows

  using Four = std::array<const Node*, per_lane>;

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
    for (size_t row : target_.units) {
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
        if (count.min < 0 || count.max > 7 || (keep & ~(0xffu >> count.max))) return nullptr;
        for (const Node* f : four) {
          const Bounds b = simplify_.bounds(f->src[0]);
          if (f->src[1] != by || b.min < 0 || b.max > 0xff) return nullptr;
        }
        const Node* x = pack(sources(four, 0), 0xff);
        return x ? g_.alu(Op::Shr, {x, g_.cast(by, dtype::u32)}) : nullptr;
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
  const LaneTarget& target_;
  int lanes_;
  std::vector<const Node*> sums_;
};

}  // namespace

Blocks contract_blocks(Graph& graph, Simplifier& simplify, const Node* sink, const LaneTarget& target) {
  return Contracter(graph, simplify, target).run(sink);
}

}  // namespace doorbell
