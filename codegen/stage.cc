// See stage.h. A value is staged where
//   - it is folded by a reduction, and reads memory in steps along it that caches and prefetchers serve
//   badly,
//   - and output loops that it does not depend on stand inside of all those that it does depend on, and run
//     often enough to pay for the copy.
// What is staged is the largest such value, conversions and masks included: they are then done once, too.
#include "codegen/stage.h"

#include <algorithm>
#include <unordered_set>

#include "codegen/kernel.h"
#include "codegen/lower.h"

namespace doorbell {

namespace {

constexpr int64_t kShortStep = 64;  // bytes: the next step lies in this cache line or in the next one
constexpr int64_t kReuse = 4;       // iterations that read a copy, at least,
constexpr int64_t kReuseApart = 2;  // where they would gather it

bool is_range(const Node* n, RangeKind kind) {
  return n->is(Op::Range) && n->arg[1] == static_cast<int64_t>(kind);
}

bool below(const Node* root, const auto& predicate) {
  return std::ranges::any_of(topological(std::span(&root, 1)), predicate);
}

class Stager {
 public:
  Stager(Graph& graph, Simplifier& simplify, const Node* sink, int64_t local_bytes, int64_t& next_id)
      : g_(graph), simplify_(simplify), sink_(sink), left_(local_bytes), next_id_(next_id) {}

  const Node* run() {
    order_ = topological(std::span(&sink_, 1));
    for (const Node* n : order_) {
      if (is_range(n, RangeKind::Loop)) loops_.push_back(n);
      if (n->is(Op::Reduce))
        for (const Node* r : n->src.subspan(static_cast<size_t>(n->arg[1])))
          if (std::ranges::find(reduced_, r) == reduced_.end()) reduced_.push_back(r);
    }
    if (loops_.empty() || reduced_.empty()) return sink_;
    std::ranges::sort(loops_, [](const Node* a, const Node* b) { return a->arg[0] > b->arg[0]; });
    describe();
    Memo staged;
    for (const Node* n : order_)
      if (wanted(n))
        if (const Node* copy = make_copy(n)) staged[n] = copy;
    return staged.empty() ? sink_ : simplify_(substitute(g_, sink_, staged));
  }

 private:
  struct Facts {
    size_t depth = 0;              // the innermost output loop that it depends on, counted from 1
    bool reduces = false;          // contains a reduction
    Steps steps = Steps::near;     // of the loads in it, the worst
    bool along = false;            // depends on a reduced range
    bool read_further_in = false;  // some user depends on a deeper loop
  };

  void describe() {
    for (const Node* n : order_) {
      Facts f;
      for (const Node* s : n->src) {
        const Facts& of = facts_.at(s);
        f.depth = std::max(f.depth, of.depth);
        f.reduces |= of.reduces;
        f.steps = std::max(f.steps, of.steps);
        f.along |= of.along;
      }
      if (n->is(Op::Reduce)) f.reduces = true;
      if (n->is(Op::Load)) f.steps = std::max(f.steps, steps_of(simplify_, n));
      if (n->is(Op::Range)) {
        f.along = std::ranges::find(reduced_, n) != reduced_.end();
        auto at = std::ranges::find(loops_, n);
        if (at != loops_.end()) f.depth = static_cast<size_t>(at - loops_.begin()) + 1;
      }
      facts_[n] = f;
    }
    // A product that a sum takes in becomes one fma with it, behind masks too: it must stay where the sum is.
    std::unordered_set<const Node*> products;
    for (const Node* n : order_) {
      const bool masked = n->is(Op::Where) && (products.contains(n->src[1]) || products.contains(n->src[2]));
      if (masked || is_product(n)) products.insert(n);
    }
    for (size_t i = order_.size(); i-- > 0;) {
      const Node* user = order_[i];
      if (user->is(Op::Reduce) || (bound_.contains(user) && user->is(Op::Where)))
        for (const Node* s : user->src)
          if (products.contains(s)) bound_.insert(s);
    }
    for (size_t i = order_.size(); i-- > 0;) {
      const Node* user = order_[i];
      const Facts& of = facts_[user];
      for (const Node* s : user->src) {
        Facts& f = facts_[s];
        const bool stays = bound_.contains(user) || user->dtype.count != 1;  // short vectors are not staged
        f.read_further_in |= of.depth > f.depth || (stays && of.read_further_in);
      }
    }
  }

  bool wanted(const Node* n) {
    const Facts& f = facts_.at(n);
    const bool value = (n->is(Op::Load) || row(n->op).cls == OpClass::Alu) && n->dtype.kind != Kind::Index &&
                       n->dtype.bits >= 8 && n->dtype.bits % 8 == 0 && !n->dtype.is_bool() &&
                       n->dtype.count == 1;
    if (!value || f.steps == Steps::near || !f.along || f.reduces || !f.read_further_in || bound_.contains(n))
      return false;
    int64_t times = 1;
    for (size_t i = f.depth; i < loops_.size(); ++i) times *= extent(loops_[i]);
    return times >= (f.steps == Steps::apart ? kReuseApart : kReuse);
  }

  int64_t extent(const Node* range) { return simplify_.bounds(range).max + 1; }
  const Node* number(int64_t v) { return g_.constant_int(dtype::index, v); }

  // n with the bytes that it gathers, four neighbours along `a` read as one word, of which each takes its
  // own; quarter_ then counts the four. Null where it gathers no such bytes.
  const Node* bytes_by_four(const Node* n, const Node* a) {
    if (!a->is(Op::Range) || !a->src[0]->is(Op::Const) || extent(a) % 4 || n->is(Op::Load)) return nullptr;
    const Node* fours = g_.make(Op::Range, dtype::index, {number(extent(a) / 4)}, {next_id_, 0});
    Memo words;
    const Node* quarter = nullptr;
    for (const Node* load : topological(std::span(&n, 1))) {
      if (!load->is(Op::Load) || load->dtype.bits != 8 || !load->dtype.is_int() ||
          !load->src[0]->is(Op::Param) || load->src[0]->dtype.bytes() != 1 || load->src.size() != 2 ||
          steps_of(simplify_, load) != Steps::apart)
        continue;
      auto at = [&](int64_t i) {
        const Node* place = g_.alu(Op::Add, {g_.alu(Op::Mul, {fours, number(4)}), number(i)});
        return substitute(g_, load->src[1], {{a, place}});
      };
      bool adjacent = true;
      for (int64_t i = 1; i < 4; ++i)
        adjacent &= simplify_(g_.alu(Op::Sub, {at(i), at(0)}))->is_const(static_cast<double>(i));
      if (!adjacent) continue;
      if (!quarter)
        quarter = g_.make(Op::Range, dtype::index, {number(4)},
                          {next_id_++, static_cast<int64_t>(RangeKind::Unroll)});
      const Node* first = substitute(g_, load->src[1], {{a, g_.alu(Op::Sub, {a, quarter})}});
      const Node* word = g_.make(Op::Load, dtype::u32, {load->src[0], first});
      auto bits = [&](const Node* count) { return g_.cast(g_.alu(Op::Mul, {count, number(8)}), dtype::u32); };
      if (load->dtype.is_signed()) {
        const Node* high = g_.alu(Op::Shl, {word, bits(g_.alu(Op::Sub, {number(3), quarter}))});
        word = g_.alu(Op::Shr, {g_.bitcast(high, dtype::i32), g_.constant_int(dtype::i32, 24)});
      } else {
        word = g_.alu(Op::And, {g_.alu(Op::Shr, {word, bits(quarter)}), g_.constant_int(dtype::u32, 255)});
      }
      words[load] = g_.cast(word, load->dtype);
    }
    if (words.empty()) return nullptr;
    quarter_ = quarter;
    return substitute(g_, n, words);
  }

  // The Load that takes n's place; null where it does not fit.
  const Node* make_copy(const Node* n) {
    std::unordered_set<const Node*> inside;
    for (const Node* m : topological(std::span(&n, 1)))
      if (m->is(Op::Range) || m->is(Op::Lane)) inside.insert(m);
    // Slowest first: as the reduction runs, then unrolled copies, then lanes.
    std::vector<const Node*> axes;
    for (const Node* r : reduced_)
      if (inside.contains(r)) axes.push_back(r);
    for (const Node* m : order_)
      if (inside.contains(m) && is_range(m, RangeKind::Unroll) && std::ranges::find(axes, m) == axes.end())
        axes.push_back(m);
    for (const Node* m : order_)
      if (inside.contains(m) && m->is(Op::Lane)) axes.push_back(m);
    int64_t size = 1;
    for (const Node* a : axes)
      if (size <= left_) size *= extent(a);
    const int64_t bytes = (size * n->dtype.bytes() + 63) & ~int64_t{63};
    if (bytes > left_) return nullptr;
    left_ -= bytes;

    // What is filled, and by which ranges of its own.
    const Node* value = n;
    const Node* by_four = nullptr;
    for (const Node* a : axes)
      if (const Node* words = bytes_by_four(n, a)) value = words, by_four = a;
    const Node* memory =
        g_.make(Op::Alloc, n->dtype, {}, {next_alloc_++, static_cast<int64_t>(Space::Local), size});
    const Node* index = number(0);
    Memo own;
    std::vector<const Node*> closed;
    for (const Node* a : axes) {
      index = g_.alu(Op::Add, {g_.alu(Op::Mul, {index, number(extent(a))}), a});
      if (!a->is(Op::Range)) continue;
      const int64_t count = by_four == a ? extent(a) / 4 : extent(a);
      own[a] = number(0);
      if (count > 1) {
        own[a] =
            g_.make(Op::Range, a->dtype, {by_four == a ? number(count) : a->src[0]}, {next_id_++, a->arg[1]});
        closed.push_back(own[a]);
      }
      if (by_four != a) continue;
      closed.push_back(quarter_);
      own[a] = g_.alu(Op::Add, {g_.alu(Op::Mul, {own[a], number(4)}), quarter_});
    }
    index = simplify_(index);
    std::vector<const Node*> effects;
    const bool copies = n->is(Op::Load) && n->src[0]->is(Op::Param);
    if (copies) {
      std::vector<const Node*> src{memory, index};
      src.insert(src.end(), n->src.begin(), n->src.end());
      effects.push_back(g_.make(Op::CopyAsync, dtype::none, src));
    } else {
      effects.push_back(g_.make(Op::Store, dtype::none, {memory, index, value}));
    }
    effects[0] = simplify_(substitute(g_, effects[0], own));
    effects.insert(effects.end(), closed.begin(), closed.end());
    if (copies) effects = {g_.make(Op::Await, dtype::none, effects)};
    effects.insert(effects.begin(), memory);
    return g_.make(Op::Load, n->dtype, {g_.make(Op::After, n->dtype, effects), index});
  }

  Graph& g_;
  Simplifier& simplify_;
  const Node* sink_;
  int64_t left_;
  int64_t& next_id_;
  int64_t next_alloc_ = 0;
  const Node* quarter_ = nullptr;
  std::vector<const Node*> order_, loops_, reduced_;  // loops outermost first
  std::unordered_map<const Node*, Facts> facts_;
  std::unordered_set<const Node*> bound_;
};

}  // namespace

Steps steps_of(Simplifier& simplify, const Node* load, const Node* lanes) {
  const IndexSum index = index_sum(load->src[1]);
  bool along = false, streams = false, apart = false;
  // How far one step reaches: lanes, copies and inner reduced axes that follow each other closely.
  const int64_t gap = kShortStep / load->src[0]->dtype.bytes();
  const int64_t width = load->dtype.bytes() / load->src[0]->dtype.bytes();
  int64_t reach = width;
  for (auto term = index.terms.rbegin(); term != index.terms.rend(); ++term) {  // smallest coefficient first
    const bool reduced = below(term->atom, [](const Node* n) { return is_range(n, RangeKind::Reduce); });
    along |= reduced;
    apart |= (term->atom == lanes || term->atom->is(Op::Lane)) && std::abs(term->coefficient) > width;
    const bool step = term->atom->is(Op::Lane) || is_range(term->atom, RangeKind::Unroll) ||
                      is_range(term->atom, RangeKind::Reduce);
    if (!step || std::abs(term->coefficient) > reach + gap) continue;
    streams |= reduced;
    reach += std::abs(term->coefficient) * simplify.bounds(term->atom).max;
  }
  return !along ? Steps::near : apart ? Steps::apart : streams ? Steps::near : Steps::far;
}

const Node* stage(Graph& graph, Simplifier& simplify, const Node* sink, int64_t local_bytes,
                  int64_t& next_id) {
  if (local_bytes <= 0) return sink;
  return Stager(graph, simplify, sink, local_bytes, next_id).run();
}

}  // namespace doorbell
