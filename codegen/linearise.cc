// Linearise: loops, accumulators and order become explicit. Every node lives in the innermost loop whose
// range it depends on, so what does not change in a loop stands before it; a Reduce becomes a register that
// its loops update.
#include <algorithm>
#include <numeric>
#include <set>
#include <unordered_set>

#include "codegen/divide.h"
#include "codegen/listing.h"
#include "codegen/lower.h"
#include "codegen/numeric.h"
#include "codegen/verify.h"
#include "hal/base/env.h"

namespace doorbell {

namespace {

RangeKind kind_of(const Node* range) { return static_cast<RangeKind>(range->arg[1]); }

class Lineariser {
 public:
  Lineariser(Graph& graph, Simplifier& simplify, const Tiled& tiled, std::string name)
      : g_(graph), simplify_(simplify), sink_(tiled.sink) {
    out_.name = std::move(name);
    out_.lanes = tiled.lanes;
    out_.grid[0] = tiled.groups;
  }

  Result<Lowered> run() {
    order_ = topological(std::span(&sink_, 1));
    find_loops();
    place_nodes();
    choose_index_type();
    TRY(describe_memory());
    // What accumulators start from and are indexed by, outside of every loop: other code may share these.
    zero();
    for (const Node* n : order_)
      if (n->is(Op::Reduce)) push(identity_of(n));
    emit_block(nullptr);
    drop_unused(out_.body);
    return std::move(out_);
  }

 private:
  struct Loop {
    const Node* parent = nullptr;         // the enclosing Range
    std::vector<const Node*> nodes;       // that live in its body, sources first
    std::vector<const Node*> children;    // loops in its body
    std::vector<const Node*> reductions;  // that its end completes a round of (it is their innermost loop)
    std::vector<const Node*> opens;       // reductions of which it is the outermost loop
    std::vector<const Node*> fills;  // stores and copies to staged memory, of which it is the innermost loop
    bool emitted = false;
  };

  static bool is_loop(const Node* n) {
    return n->is(Op::Range) && (kind_of(n) == RangeKind::Loop || kind_of(n) == RangeKind::Reduce);
  }
  // The loops that a Reduce folds over, or that fill the memory of an After or Await.
  static std::vector<const Node*> loops_of(const Node* closing) {
    std::vector<const Node*> loops;
    if (!closing->is(Op::Reduce) && !closing->is(Op::After) && !closing->is(Op::Await)) return loops;
    for (const Node* r :
         closing->src.subspan(closing->is(Op::Reduce) ? static_cast<size_t>(closing->arg[1]) : 0))
      if (is_loop(r)) loops.push_back(r);
    return loops;
  }
  // What fills staged memory, or writes the kernel's results.
  static bool fills(const Node* n) { return n->is(Op::Store) || n->is(Op::CopyAsync); }
  int depth(const Node* range) {
    int d = 0;
    for (; range; range = loops_[range].parent) ++d;
    return d;
  }

  // Which loops contain which. Output loops nest in the order of their axes; the loops of a Reduce nest in
  // what the Reduce depends on.
  void find_loops() {
    std::vector<const Node*> outputs;
    for (const Node* n : order_)
      if (is_loop(n) && kind_of(n) == RangeKind::Loop) outputs.push_back(n);
    // The tiler numbers the ranges of the last axis first.
    std::sort(outputs.begin(), outputs.end(),
              [](const Node* a, const Node* b) { return a->arg[0] > b->arg[0]; });
    const Node* parent = nullptr;
    for (const Node* r : outputs) {
      loops_[r].parent = parent;
      parent = r;
    }
    // The loops of a Reduce nest in one another, and in what the Reduce depends on; so do those that fill
    // memory.
    for (const Node* n : order_) {
      std::unordered_set<const Node*>& free = free_[n];
      if (is_loop(n)) free.insert(n);
      for (const Node* s : n->src) free.insert(free_[s].begin(), free_[s].end());
      for (const Node* r : loops_of(n)) free.erase(r);
    }
    // Users first: a loop is in its place before others are nested in it.
    for (auto it = order_.rbegin(); it != order_.rend(); ++it) {
      auto own = loops_of(*it);
      if (own.empty()) continue;
      const Node* outer = nullptr;
      for (const Node* r : free_[*it]) outer = deeper(outer, r);
      for (const Node* r : own) {
        loops_[r].parent = deeper(loops_[r].parent, outer);
        outer = r;
      }
    }
  }
  const Node* deeper(const Node* a, const Node* b) {
    if (!a) return b;
    if (!b) return a;
    return depth(a) >= depth(b) ? a : b;
  }

  void place_nodes() {
    // A node lives as deep as its sources; a reduction lives where its outermost loop stands.
    for (const Node* n : order_) {
      const Node* at = nullptr;
      if (auto own = loops_of(n); !own.empty()) {
        at = loops_[own.front()].parent;
        if (n->is(Op::Reduce)) {
          loops_[own.front()].opens.push_back(n);
          loops_[own.back()].reductions.push_back(n);
        } else {
          for (const Node* s : n->src)
            if (fills(s)) loops_[own.back()].fills.push_back(s);
        }
      } else if (is_loop(n)) {
        at = loops_[n].parent;
      } else {
        for (const Node* s : n->src) at = deeper(at, is_loop(s) ? s : home_[s]);
      }
      home_[n] = at;
      loops_[at].nodes.push_back(n);
    }
    for (const Node* n : order_)
      if (is_loop(n)) loops_[loops_[n].parent].children.push_back(n);
  }

  // ---- types and memory

  void choose_index_type() {
    int64_t limit = (1LL << 31) - 1;
    for (const Node* n : order_)
      if (n->dtype == dtype::index) {
        Bounds b = simplify_.bounds(n);
        if (b.min < -limit || b.max > limit) wide_ = true;
      }
    index_ = wide_ ? dtype::i64 : dtype::i32;
  }

  Status describe_memory() {
    auto param = [&](const Node* n) -> KernelParam& {
      auto slot = static_cast<size_t>(n->arg[0]);
      if (out_.params.size() <= slot) out_.params.resize(slot + 1);
      out_.params[slot].dtype = n->dtype;
      return out_.params[slot];
    };
    for (const Node* n : order_) {
      if (n->is(Op::Load) && n->src[0]->is(Op::Param)) param(n->src[0]).read = true;
      if (n->is(Op::CopyAsync)) param(n->src[2]).read = true;
      if (n->is(Op::Store) && n->src[0]->is(Op::Param)) param(n->src[0]).written = true;
      if (n->is(Op::Symbol)) symbol_slot(n);
    }
    return success();
  }
  int64_t symbol_slot(const Node* n) {
    auto id = static_cast<uint32_t>(n->arg[0]);
    for (size_t i = 0; i < out_.symbols.size(); ++i)
      if (out_.symbols[i] == id) return static_cast<int64_t>(i);
    out_.symbols.push_back(id);
    return static_cast<int64_t>(out_.symbols.size() - 1);
  }

  // ---- emission

  const Node* push(const Node* n) {
    if (emitted_.insert(n).second) out_.body.push_back(n);
    return n;
  }
  // With those of its sources that the list lacks; constants outside of every loop, where all may use them.
  const Node* push_all(const Node* n) {
    if (n->is(Op::Const)) {
      if (emitted_.insert(n).second) out_.body.insert(out_.body.begin(), n);
      return n;
    }
    if (!emitted_.contains(n))
      for (const Node* s : n->src) push_all(s);
    return push(n);
  }
  const Node* make(Op op, DType type, std::initializer_list<const Node*> src,
                   std::initializer_list<int64_t> arg = {}) {
    return push(g_.make(op, type, src, arg));
  }
  const Node* zero() { return push(g_.constant_int(index_, 0)); }

  // Emits what `n` needs in this block and then n itself; its lowered form is in value_.
  void visit(const Node* n, const Node* block) {
    if (value_.contains(n)) return;
    std::vector<std::pair<const Node*, bool>> stack{{n, false}};
    while (!stack.empty()) {
      auto [node, ready] = stack.back();
      stack.pop_back();
      if (value_.contains(node)) continue;
      if (home_[node] != block) {
        DOORBELL_CHECK(false, "linearise: {} used before its loop", text(node->op));
      }
      if (!ready) {
        stack.emplace_back(node, true);
        if (!loops_of(node).empty()) {
          for (const Node* need : loop_needs(loops_of(node).front(), block)) stack.emplace_back(need, false);
        } else {
          for (const Node* s : node->src)
            if (!value_.contains(s) && !(is_loop(s))) stack.emplace_back(s, false);
        }
        continue;
      }
      lower_node(node);
    }
  }

  // What lives in `block` and is used inside loop r, which stands in it.
  std::vector<const Node*> loop_needs(const Node* r, const Node* block) {
    std::vector<const Node*> needs;
    std::unordered_set<const Node*> seen;
    auto need = [&](const Node* s) {
      if (home_[s] == block && !is_loop(s) && seen.insert(s).second) needs.push_back(s);
    };
    std::vector<const Node*> loops{r};
    while (!loops.empty()) {
      const Node* loop = loops.back();
      loops.pop_back();
      for (const Node* s : loop->src) need(s);
      for (const Node* n : loops_[loop].nodes)
        for (const Node* s : n->src) need(s);
      for (const Node* reduce : loops_[loop].reductions)
        for (const Node* s : reduce->src) need(s);
      for (const Node* child : loops_[loop].children) loops.push_back(child);
    }
    return needs;
  }

  void lower_node(const Node* n) {
    if (n->is(Op::Reduce)) {
      if (loops_of(n).empty()) {
        const Node* sum = push(identity_of(n));
        for (const Node* v : n->src.first(static_cast<size_t>(n->arg[1])))
          sum = fold_value(n, v, sum, home_[n]);
        value_[n] = sum;
        return;
      }
      const Node* loop = loops_of(n).front();
      if (!loops_[loop].emitted) emit_loop(loop);
      const Node* after = make(Op::After, n->dtype, {allocs_.at(n), ends_.at(loop)});
      value_[n] = make(Op::Load, n->dtype, {after, zero()});
      return;
    }
    if (auto own = loops_of(n); !own.empty()) {  // an After or Await
      if (!loops_[own.front()].emitted) emit_loop(own.front());
      const Node* end = ends_.at(own.front());
      value_[n] = n->is(Op::Await) ? make(Op::Await, n->dtype, {end})
                                   : make(Op::After, n->dtype, {value_.at(n->src[0]), end});
      return;
    }
    std::vector<const Node*> src;
    for (const Node* s : n->src) src.push_back(value_.at(s));
    std::vector<int64_t> arg(n->arg.begin(), n->arg.end());
    if (n->is(Op::Alloc)) arg[0] = next_alloc_++;
    DType type = n->dtype == dtype::index ? index_ : n->dtype;
    if (n->is(Op::Const) && n->dtype == dtype::index) {
      value_[n] = push(g_.constant_int(index_, n->as_int()));
      return;
    }
    if ((n->is(Op::Div) || n->is(Op::Mod)) && n->dtype == dtype::index && n->src[1]->is(Op::Const)) {
      const Bounds x = simplify_.bounds(n->src[0]);
      const int64_t by = n->src[1]->as_int();
      const Node* spelt = x.min >= 0 && by > 0 ? divided(g_, n->op, src[0], by, x.max) : nullptr;
      if (spelt) {
        value_[n] = push_all(spelt);
        return;
      }
    }
    if (n->is(Op::Symbol)) arg = {symbol_slot(n), n->arg[1], n->arg[2], n->arg[3]};
    if (n->is(Op::Cast) && src[0]->dtype == type) {
      value_[n] = src[0];
      return;
    }
    if (n->is(Op::Range)) {
      value_[n] = push(g_.make(Op::Range, type, {}, {n->arg[0], n->arg[1], 0}));
      return;
    }
    value_[n] = push(g_.make(n->op, type, src, arg));
  }

  const Node* identity_of(const Node* reduce) {
    return g_.constant_bits(reduce->dtype, identity(static_cast<Op>(reduce->arg[0]), reduce->dtype));
  }
  // One more value folded onto `sum`. An iteration that is masked off, by a Where that gives the identity,
  // leaves the sum as it is, so that masks never change a bit. A marked product becomes an fma (fuse.cc).
  const Node* fold_value(const Node* reduce, const Node* v, const Node* sum, const Node* block) {
    auto op = static_cast<Op>(reduce->arg[0]);
    const Node* start = identity_of(reduce);
    auto value = [&](const Node* need) {
      if (home_[need] == block) visit(need, block);
      return value_.at(need);
    };
    if (v == start) return sum;
    if (v->is(Op::Where) && (v->src[1] == start || v->src[2] == start)) {
      const Node* yes = fold_value(reduce, v->src[1], sum, block);
      const Node* no = fold_value(reduce, v->src[2], sum, block);
      return push(g_.make(Op::Where, reduce->dtype, {value(v->src[0]), yes, no}));
    }
    if (op == Op::Add && is_product(v)) {
      const Node* y = value(v->src[1]);
      return make(Op::Fma, reduce->dtype, {value(v->src[0]), y, sum});
    }
    // A matrix unit's sum goes on from what it is added to.
    if (op == Op::Add && v->is(Op::Contract) && v->src[0]->is_const(0)) {
      const Node* a = value(v->src[1]);
      return push(g_.make(Op::Contract, v->dtype, {sum, a, value(v->src[2])}, {v->arg[0]}));
    }
    return make(op, reduce->dtype, {sum, value(v)});
  }

  // What value i of a reduction needs that is computed anew in each round of loop r.
  std::vector<const Node*> computed_in(const Node* r, const Node* value) {
    std::vector<const Node*> stack{value}, found;
    std::unordered_set<const Node*> seen;
    while (!stack.empty()) {
      const Node* node = stack.back();
      stack.pop_back();
      if (home_[node] != r || node->dtype == dtype::index || !seen.insert(node).second) continue;
      found.push_back(node);
      stack.insert(stack.end(), node->src.begin(), node->src.end());
    }
    return found;
  }

  // The reductions of loop r, each followed by the one that uses up most of what is alive by then.
  std::vector<size_t> reduction_order(const Node* r) {
    const auto& reductions = loops_[r].reductions;
    std::vector<std::set<const Node*>> needs(reductions.size());
    std::unordered_map<const Node*, double> left;
    for (size_t j = 0; j < reductions.size(); ++j) {
      for (int64_t i = 0; i < reductions[j]->arg[1]; ++i)
        for (const Node* n : computed_in(r, reductions[j]->src[static_cast<size_t>(i)])) needs[j].insert(n);
      for (const Node* n : needs[j]) ++left[n];
    }
    std::unordered_set<const Node*> alive;
    std::vector<size_t> order, rest(reductions.size());
    std::iota(rest.begin(), rest.end(), size_t{0});
    while (!rest.empty()) {
      auto gain = [&](size_t j) {
        double sum = 0;
        for (const Node* n : needs[j])
          if (alive.contains(n)) sum += 1 / left[n];
        return sum;
      };
      auto next = rest.begin();
      double best = gain(*next);
      for (auto it = next + 1; it != rest.end(); ++it)
        if (double g = gain(*it); g > best * (1 + 1e-9)) best = g, next = it;
      for (const Node* n : needs[*next]) --left[n], alive.insert(n);
      order.push_back(*next);
      rest.erase(next);
    }
    return order;
  }

  // The (value, reduction) pairs that loop r folds: value by value, or reduction by reduction, the reductions
  // as they come or so that they share; whichever keeps what the values share alive for less long.
  std::vector<std::pair<size_t, size_t>> fold_order(const Node* r, int64_t rounds) {
    const auto& reductions = loops_[r].reductions;
    std::vector<size_t> plain(reductions.size());
    std::iota(plain.begin(), plain.end(), size_t{0});
    std::vector<std::pair<size_t, size_t>> best;
    size_t least = SIZE_MAX;
    for (const std::vector<size_t>& in : {plain, reduction_order(r)})
      for (bool by_value : {true, false}) {
        std::vector<std::pair<size_t, size_t>> order;
        const auto n = static_cast<size_t>(rounds);
        auto add = [&](size_t i, size_t j) {
          if (i < static_cast<size_t>(reductions[j]->arg[1])) order.emplace_back(i, j);
        };
        for (size_t outer = 0; outer < (by_value ? n : in.size()); ++outer)
          for (size_t inner = 0; inner < (by_value ? in.size() : n); ++inner)
            by_value ? add(outer, in[inner]) : add(inner, in[outer]);
        std::unordered_map<const Node*, size_t> first, last;
        for (size_t at = 0; at < order.size(); ++at)
          for (const Node* node : computed_in(r, reductions[order[at].second]->src[order[at].first])) {
            first.emplace(node, at);
            last[node] = at;
          }
        size_t lifetime = 0;
        for (auto [node, at] : last) lifetime += at - first[node];
        if (lifetime < least) least = lifetime, best = std::move(order);
      }
    return best;
  }

  void emit_loop(const Node* r) {
    Loop& loop = loops_[r];
    loop.emitted = true;
    // Accumulators start before the loop.
    std::vector<const Node*> starts;
    for (const Node* reduce : loop.opens) {
      const Node* alloc = push(
          g_.make(Op::Alloc, reduce->dtype, {}, {next_alloc_++, static_cast<int64_t>(Space::Register), 1}));
      allocs_[reduce] = alloc;
      const Node* start = push(identity_of(reduce));
      inits_[reduce] = make(Op::Store, dtype::none, {alloc, zero(), start});
    }
    const Node* range = g_.make(Op::Range, index_, {value_.at(r->src[0])},
                                {r->arg[0], static_cast<int64_t>(RangeKind::Loop)});
    value_[r] = push(range);
    // Each value is made when it is folded, in the order in which less is alive at a time.
    std::vector<const Node*> sums;
    int64_t rounds = 0;
    for (const Node* reduce : loop.reductions) {
      const Node* before = make(Op::After, reduce->dtype, {allocs_.at(reduce), inits_.at(reduce), range});
      sums.push_back(make(Op::Load, reduce->dtype, {before, zero()}));
      rounds = std::max(rounds, reduce->arg[1]);
    }
    for (auto [i, j] : fold_order(r, rounds))
      sums[j] = fold_value(loop.reductions[j], loop.reductions[j]->src[i], sums[j], r);
    emit_block(r);
    std::vector<const Node*> end{range};
    for (size_t j = 0; j < sums.size(); ++j)
      end.push_back(make(Op::Store, dtype::none, {allocs_.at(loop.reductions[j]), zero(), sums[j]}));
    for (const Node* store : loop.fills) end.push_back(value_.at(store));
    for (const Node* child : loop.children) end.push_back(ends_.at(child));
    ends_[r] = push(g_.make(Op::End, dtype::none, end));
  }

  void emit_block(const Node* block) {
    Loop& loop = loops_[block];
    for (const Node* n : loop.nodes)
      if (fills(n)) visit(n, block);
    // What the loops in it need stands before them.
    for (const Node* child : loop.children) {
      if (loops_[child].emitted) continue;
      for (const Node* need : loop_needs(child, block)) visit(need, block);
      emit_loop(child);
    }
  }

  Graph& g_;
  Simplifier& simplify_;
  const Node* sink_;
  Lowered out_;
  std::vector<const Node*> order_;
  std::unordered_map<const Node*, Loop> loops_;  // null: the whole kernel
  std::unordered_map<const Node*, const Node*> home_;
  std::unordered_map<const Node*, std::unordered_set<const Node*>> free_;
  std::unordered_map<const Node*, const Node*> value_, allocs_, inits_, ends_;
  std::unordered_set<const Node*> emitted_;
  int64_t next_alloc_ = 0;
  bool wide_ = false;
  DType index_ = dtype::i32;
};

}  // namespace

Result<Lowered> linearise(Graph& graph, Simplifier& simplify, const Tiled& tiled, std::string name) {
  return Lineariser(graph, simplify, tiled, std::move(name)).run();
}

Result<Lowered> lower(Graph& graph, const Node* sink, const LaneTarget& target, std::string name) {
  // DUMP: the program after a pass, by the pass's letter.
  const std::string wanted = env_text(Env::dump);
  auto dump = [&](char letter, const char* pass, const Node* n) {
    if (wanted.find(letter) != std::string::npos)
      fmt::print(stderr, "{} after {}:\n{}", name, pass, print(n));
  };
  dump('g', "schedule", sink);
  TRY(verify_kernel(sink));
  Simplifier simplify(graph);
  sink = simplify(sink);
  if (target.decompose) sink = simplify(target.decompose(graph, simplify, sink));
  dump('d', "decompose", sink);
  sink = fuse(graph, simplify, sink);
  dump('f', "fuse", sink);
  Tiled tiled = tile(graph, simplify, sink, target);
  dump('t', "tile", tiled.sink);
  TRY(verify_kernel(tiled.sink));
  Lowered lowered = TRY(linearise(graph, simplify, tiled, name));
  TRY(spell_folds(graph, simplify, target, lowered));
  if (target.copy_engine) double_buffer(graph, lowered, target.local_bytes);
  else spell_copies(graph, lowered);
  if (wanted.find('l') != std::string::npos) fmt::print(stderr, "{}\n", print(lowered));
  return lowered;
}

}  // namespace doorbell
