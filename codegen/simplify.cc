// The simplifier: see rules.h. What patterns cannot say is here: intervals, sums in canonical order, and
// division and remainder of sums by constants (of non-negative values, so that truncation is floor).
#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "codegen/kernel.h"
#include "codegen/rules.h"
#include "hal/base/result.h"

namespace doorbell {

namespace {

constexpr Bounds everything{std::numeric_limits<int64_t>::min() / 4, std::numeric_limits<int64_t>::max() / 4};

bool before(const IndexSum::Term& a, const IndexSum::Term& b) {
  auto magnitude = [](int64_t v) { return v < 0 ? -v : v; };
  if (magnitude(a.coefficient) != magnitude(b.coefficient))
    return magnitude(a.coefficient) > magnitude(b.coefficient);
  return a.atom->hash < b.atom->hash;
}

void add_term(IndexSum& sum, const Node* atom, int64_t coefficient) {
  for (auto& term : sum.terms)
    if (term.atom == atom) {
      term.coefficient += coefficient;
      return;
    }
  sum.terms.push_back({atom, coefficient});
}

void accumulate(IndexSum& sum, const Node* node, int64_t scale) {
  if (node->is(Op::Const)) sum.constant += scale * node->as_int();
  else if (node->is(Op::Add)) {
    accumulate(sum, node->src[0], scale);
    accumulate(sum, node->src[1], scale);
  } else if (node->is(Op::Mul) && node->src[1]->is(Op::Const))
    accumulate(sum, node->src[0], scale * node->src[1]->as_int());
  else if (node->is(Op::Mul) && node->src[0]->is(Op::Const))
    accumulate(sum, node->src[1], scale * node->src[0]->as_int());
  else add_term(sum, node, scale);
}

void normalise(IndexSum& sum) {
  std::erase_if(sum.terms, [](const auto& t) { return t.coefficient == 0; });
  std::sort(sum.terms.begin(), sum.terms.end(), before);
}

bool divides_exactly(const Node* node, Op op, const Node** x, int64_t* by) {
  if (!node->is(op) || !node->src[1]->is(Op::Const) || node->src[1]->as_int() <= 0) return false;
  *x = node->src[0];
  *by = node->src[1]->as_int();
  return true;
}

}  // namespace

IndexSum index_sum(const Node* index) {
  IndexSum sum;
  accumulate(sum, index, 1);
  normalise(sum);
  return sum;
}

const Node* build(Graph& graph, const IndexSum& sum) {
  const Node* out = nullptr;
  for (const auto& [atom, coefficient] : sum.terms) {
    const Node* term =
        coefficient == 1 ? atom : graph.alu(Op::Mul, {atom, graph.constant_int(dtype::index, coefficient)});
    out = out ? graph.alu(Op::Add, {out, term}) : term;
  }
  const Node* constant = graph.constant_int(dtype::index, sum.constant);
  if (!out) return constant;
  return sum.constant ? graph.alu(Op::Add, {out, constant}) : out;
}

Bounds Simplifier::bounds(const Node* node) {
  if (auto it = bounds_.find(node); it != bounds_.end()) return it->second;
  auto of = [&](size_t i) { return bounds(node->src[i]); };
  // What divides an interval without an end leaves it without one.
  auto quotient = [&](int64_t max) { return of(0).max >= everything.max ? everything.max : max; };
  Bounds b = everything;
  switch (node->op) {
    case Op::Const:
      if (!node->dtype.is_float() && !(node->dtype == dtype::u64 && node->as_int() < 0))
        b = {node->as_int(), node->as_int()};
      break;
    case Op::Symbol: b = {node->arg[1], node->arg[2]}; break;
    case Op::Range:
      if (!node->src.empty()) b = {0, std::max<int64_t>(0, of(0).max - 1)};
      break;
    case Op::Lane: b = {0, node->arg[0] - 1}; break;
    case Op::Add:
      b = {std::max(of(0).min + of(1).min, everything.min), std::min(of(0).max + of(1).max, everything.max)};
      break;
    case Op::Mul: {
      Bounds p = of(0), q = of(1);
      __int128 corners[] = {static_cast<__int128>(p.min) * q.min, static_cast<__int128>(p.min) * q.max,
                            static_cast<__int128>(p.max) * q.min, static_cast<__int128>(p.max) * q.max};
      auto [low, high] = std::minmax_element(std::begin(corners), std::end(corners));
      b = {static_cast<int64_t>(std::max<__int128>(*low, everything.min)),
           static_cast<int64_t>(std::min<__int128>(*high, everything.max))};
      break;
    }
    case Op::Div:
      if (of(1).min > 0 && of(0).min >= 0) b = {of(0).min / of(1).max, quotient(of(0).max / of(1).min)};
      break;
    case Op::Mod:
      if (of(1).min > 0 && of(0).min >= 0) b = {0, std::min(of(0).max, of(1).max - 1)};
      break;
    case Op::Max: b = {std::max(of(0).min, of(1).min), std::max(of(0).max, of(1).max)}; break;
    case Op::Min: b = {std::min(of(0).min, of(1).min), std::min(of(0).max, of(1).max)}; break;
    case Op::Where: b = {std::min(of(1).min, of(2).min), std::max(of(1).max, of(2).max)}; break;
    case Op::Cast:
      if (node->dtype.is_bool()) b = {0, 1};
      else if (node->src[0]->dtype.is_int() || node->src[0]->dtype.is_bool()) b = of(0);
      break;
    case Op::And:
      if (of(0).min >= 0 && of(1).min >= 0) b = {0, std::min(of(0).max, of(1).max)};
      break;
    case Op::Shr:
      if (node->src[1]->is(Op::Const) && of(1).min >= 0 && of(1).max < 63 &&
          (of(0).min >= 0 || (node->dtype.is_signed() && node->dtype.bits < 64)))
        b = {of(0).min >> of(1).max, quotient(of(0).max >> of(1).max)};
      break;
    case Op::Lt:
    case Op::Eq:
    case Op::Ne: b = {0, 1}; break;
    default: break;
  }
  if (node->op != Op::Const && node->dtype.is_int() && node->dtype.kind != Kind::Index &&
      node->dtype.bits < 64) {
    // Wrapping types: an interval that leaves the type's range says nothing.
    int64_t low = node->dtype.kind == Kind::Signed ? -(1LL << (node->dtype.bits - 1)) : 0;
    int64_t high = (1LL << (node->dtype.bits - (node->dtype.kind == Kind::Signed ? 1 : 0))) - 1;
    if (b.min < low || b.max > high) b = {low, high};
  } else if (node->dtype.is_int() && node->dtype.kind != Kind::Index && !node->is(Op::Const)) {
    // 64 bits: values lie beyond `everything` too, so that a sum or product that reaches it may wrap.
    bool open = b.min <= everything.min || b.max >= everything.max;
    bool wraps = node->is(Op::Add) || node->is(Op::Mul) || node->is(Op::Cast);
    if (open && wraps) b = everything;
    // What an unsigned type takes for large.
    if (node->dtype.kind == Kind::Unsigned && b.min < 0) b = everything;
  } else if (node->dtype.is_bool()) b = {std::max<int64_t>(b.min, 0), std::min<int64_t>(b.max, 1)};
  bounds_[node] = b;
  return b;
}

const Node* Simplifier::index_step(const Node* node) {
  auto number = [&](int64_t v) { return graph_.constant_int(dtype::index, v); };
  Bounds b = bounds(node);
  if (b.min == b.max && !node->is(Op::Const)) return number(b.min);
  switch (node->op) {
    case Op::Add:
    case Op::Mul: {
      if (node->is(Op::Mul) && !node->src[0]->is(Op::Const) && !node->src[1]->is(Op::Const)) return nullptr;
      IndexSum sum = index_sum(node);
      // (x / c) * c*k + (x % c) * k = x*k, also where x / c is itself reduced modulo d.
      for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < sum.terms.size() && !again; ++i) {
          const Node* x = nullptr;
          int64_t c = 0;
          if (!divides_exactly(sum.terms[i].atom, Op::Mod, &x, &c)) continue;
          int64_t k = sum.terms[i].coefficient;
          const Node* quotient = (*this)(graph_.alu(Op::Div, {x, number(c)}));
          for (size_t j = 0; j < sum.terms.size(); ++j) {
            if (sum.terms[j].coefficient != k * c || j == i) continue;
            const Node* whole = nullptr;
            const Node* inner = nullptr;
            int64_t d = 0;
            if (sum.terms[j].atom == quotient) whole = x;
            else if (divides_exactly(sum.terms[j].atom, Op::Mod, &inner, &d) && inner == quotient)
              whole = (*this)(graph_.alu(Op::Mod, {x, number(c * d)}));
            if (!whole) continue;
            IndexSum merged;
            merged.constant = sum.constant;
            for (size_t t = 0; t < sum.terms.size(); ++t)
              if (t != i && t != j) merged.terms.push_back(sum.terms[t]);
            accumulate(merged, whole, k);
            sum = std::move(merged);
            again = true;
            break;
          }
        }
      }
      normalise(sum);
      const Node* built = build(graph_, sum);
      return built == node ? nullptr : built;
    }
    case Op::Div:
    case Op::Mod: {
      if (!node->src[1]->is(Op::Const)) return nullptr;
      int64_t c = node->src[1]->as_int();
      if (c <= 0 || bounds(node->src[0]).min < 0) return nullptr;
      if (c == 1) return node->is(Op::Div) ? node->src[0] : number(0);
      IndexSum sum = index_sum(node->src[0]), whole, rest;
      for (const auto& term : sum.terms) {
        if (term.coefficient % c == 0) whole.terms.push_back({term.atom, term.coefficient / c});
        else rest.terms.push_back(term);
      }
      int64_t low = ((sum.constant % c) + c) % c;
      rest.constant = low;
      whole.constant = (sum.constant - low) / c;
      const Node* remainder = (*this)(build(graph_, rest));
      Bounds r = bounds(remainder);
      if (r.min >= 0 && r.max < c) return node->is(Op::Div) ? build(graph_, whole) : remainder;
      if (r.min < 0) return nullptr;
      bool split = !whole.terms.empty() || whole.constant != 0;
      if (node->is(Op::Mod) && split) return graph_.alu(Op::Mod, {remainder, number(c)});
      if (split)
        return graph_.alu(Op::Add, {build(graph_, whole), graph_.alu(Op::Div, {remainder, number(c)})});
      // A common factor of the divisor and of all terms comes out: (g*e + r) / (g*c') = e / c' for r < g.
      int64_t g = c;
      for (const auto& term : rest.terms) g = std::gcd(g, term.coefficient);
      if (g > 1) {
        IndexSum scaled;
        for (const auto& term : rest.terms) scaled.terms.push_back({term.atom, term.coefficient / g});
        scaled.constant = rest.constant / g;
        const Node* e = build(graph_, scaled);
        if (node->is(Op::Div)) return graph_.alu(Op::Div, {e, number(c / g)});
        IndexSum result;
        add_term(result, graph_.alu(Op::Mod, {e, number(c / g)}), g);
        result.constant = rest.constant % g;
        return build(graph_, result);
      }
      // The same with a small remainder beside the terms that share the factor.
      for (const auto& pivot : rest.terms) {
        g = std::gcd(c, pivot.coefficient);
        if (g <= 1 || g == c) continue;
        IndexSum high, small;
        for (const auto& term : rest.terms) (term.coefficient % g == 0 ? high : small).terms.push_back(term);
        small.constant = rest.constant % g;
        high.constant = rest.constant - small.constant;
        Bounds s = bounds((*this)(build(graph_, small)));
        if (s.min < 0 || s.max >= g) continue;
        for (auto& term : high.terms) term.coefficient /= g;
        high.constant /= g;
        const Node* e = build(graph_, high);
        if (node->is(Op::Div)) return graph_.alu(Op::Div, {e, number(c / g)});
        add_term(small, graph_.alu(Op::Mod, {e, number(c / g)}), g);
        return build(graph_, small);
      }
      return nullptr;
    }
    default: return nullptr;
  }
}

const Node* Simplifier::step(const Node* node) {
  if (row(node->op).cls != OpClass::Alu) {
    if (node->is(Op::Load) && node->src.size() == 3 && node->src[2]->is(Op::Const))
      return node->src[2]->as_int() ? graph_.make(Op::Load, node->dtype, node->src.first(2))
                                    : graph_.constant(node->dtype, 0);
    if (node->is(Op::CopyAsync) && node->src.size() == 5 && node->src[4]->is_const(1))
      return graph_.make(Op::CopyAsync, node->dtype, node->src.first(4));
    if (node->is(Op::Range) && !node->src.empty() && node->src[0]->is_const(1))
      return graph_.constant_int(dtype::index, 0);
    return nullptr;
  }
  if (const Node* folded = fold_constant(graph_, node); folded && folded != node) return folded;
  // A comparison of an index that was cast to a type that holds it, with a number: of the index itself.
  if (node->dtype.is_bool() && node->src.size() == 2 && node->src[1]->is(Op::Const) &&
      node->src[0]->is(Op::Cast) && node->src[0]->src[0]->dtype == dtype::index &&
      node->src[0]->dtype.is_int()) {
    DType type = node->src[0]->dtype;
    Bounds b = bounds(node->src[0]->src[0]);
    int64_t number = node->src[1]->as_int();
    bool holds = b.min >= 0 && (type.bits == 64 || b.max < (1LL << (type.bits - 1)));
    if (holds && (type.kind == Kind::Signed || number >= 0))
      return graph_.alu(node->op, {node->src[0]->src[0], graph_.constant_int(dtype::index, number)});
  }
  // An integer cast to a type that holds it and on to a third: at once.
  if (node->is(Op::Cast) && node->src[0]->is(Op::Cast)) {
    const Node* x = node->src[0]->src[0];
    DType between = node->src[0]->dtype;
    if (x->dtype.is_int() && between.is_int() && between.kind != Kind::Index &&
        x->dtype.kind != Kind::Index) {
      Bounds b = bounds(x);
      int64_t high =
          between.bits == 64 ? everything.max : (1LL << (between.bits - (between.kind == Kind::Signed))) - 1;
      if (x->dtype == dtype::u64 && between == dtype::i64) --high;  // not where the interval has no end
      const int64_t low =
          between.kind == Kind::Signed && between.bits < 64 ? -(1LL << (between.bits - 1)) : 0;
      if (b.min >= low && b.max <= high) return graph_.cast(x, node->dtype);
    }
  }
  if (node->dtype.is_bool() && node->src.size() == 2 && node->src[0]->dtype == dtype::index) {
    Bounds a = bounds(node->src[0]), b = bounds(node->src[1]);
    auto truth = [&](bool v) { return graph_.constant_int(dtype::boolean, v); };
    bool apart = a.max < b.min || b.max < a.min;
    if (node->is(Op::Lt)) {
      if (a.max < b.min) return truth(true);
      if (a.min >= b.max) return truth(false);
      // g*e + r < c with 0 <= r < g and c divisible by g: e < c / g.
      if (node->src[1]->is(Op::Const)) {
        IndexSum sum = index_sum(node->src[0]);
        int64_t limit = node->src[1]->as_int() - sum.constant;
        for (const auto& pivot : sum.terms) {
          int64_t g = std::abs(pivot.coefficient);
          if (g <= 1 || limit % g != 0) continue;
          IndexSum high, small;
          for (const auto& term : sum.terms) {
            if (term.coefficient % g == 0) high.terms.push_back({term.atom, term.coefficient / g});
            else small.terms.push_back(term);
          }
          if (!small.terms.empty()) {
            Bounds s = bounds((*this)(build(graph_, small)));
            if (s.min < 0 || s.max >= g) continue;
          }
          return graph_.alu(Op::Lt, {build(graph_, high), graph_.constant_int(dtype::index, limit / g)});
        }
      }
    }
    if (node->is(Op::Eq) && apart) return truth(false);
    if (node->is(Op::Ne) && apart) return truth(true);
  }
  auto truth_of = [](const Node* n) { return n->is(Op::Const) ? n->as_int() : -1; };
  if (node->dtype.is_bool() && (node->is(Op::And) || node->is(Op::Or)))
    for (size_t i = 0; i < 2; ++i) {
      int64_t t = truth_of(node->src[i]);
      if (t == 1) return node->is(Op::And) ? node->src[1 - i] : node->src[i];
      if (t == 0) return node->is(Op::And) ? node->src[i] : node->src[1 - i];
    }
  // A mask that takes nothing away.
  if (node->is(Op::And) && node->dtype.is_int() && node->src[1]->is(Op::Const)) {
    const int kept = std::min(62, std::countr_one(static_cast<uint64_t>(node->src[1]->arg[0])));
    if (const Bounds b = bounds(node->src[0]); b.min >= 0 && b.max < 1LL << kept) return node->src[0];
  }
  if (node->is(Op::Where)) {
    if (int64_t t = truth_of(node->src[0]); t >= 0) return node->src[t ? 1 : 2];
  }
  if (node->is(Op::Cast)) {
    const Node* inner = node->src[0];
    if (inner->dtype == node->dtype) return inner;
    // What fits the signed type converts as that, which processors do at once.
    if (inner->dtype == dtype::u32 && node->dtype.is_float() && bounds(inner).max <= INT32_MAX)
      return graph_.cast(graph_.bitcast(inner, dtype::i32), node->dtype);
    // index -> integer -> index, where the integer held the value.
    if (node->dtype == dtype::index && inner->is(Op::Cast) && inner->src[0]->dtype == dtype::index) {
      Bounds b = bounds(inner->src[0]);
      if (inner->dtype.is_int() && b.min >= 0 && b.max < (1LL << std::min(62, inner->dtype.bits - 1)))
        return inner->src[0];
    }
  }
  if (node->is(Op::Bitcast)) {
    if (node->src[0]->dtype == node->dtype) return node->src[0];
    if (node->src[0]->is(Op::Bitcast)) return graph_.bitcast(node->src[0]->src[0], node->dtype);
    // What is loaded as the narrow integer that it is used as needs no extension.
    const Node* load = node->src[0];
    if (load->is(Op::Load) && load->src[0]->is(Op::Param) && load->dtype.is_int() && node->dtype.is_int() &&
        load->dtype.bits < 32)
      return graph_.make(Op::Load, node->dtype, load->src);
  }
  for (const RuleSet* set : {&index_rules(), &wrap_rules(), &exact_rules()})
    if (const Node* next = set->apply(graph_, node)) return next;
  if (node->dtype == dtype::index) return index_step(node);
  return nullptr;
}

const Node* Simplifier::operator()(const Node* root) {
  return rewrite(graph_, root, memo_, [this](const Node* node) { return step(node); });
}

}  // namespace doorbell
