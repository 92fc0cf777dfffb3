// Double buffering: while a loop uses one half of a tile, the copies of its next iteration fill the other.
//
//      loop i                                   copies of 0 into half 0; await
//        copies of i                            loop i
//        await                          ->        if i + 1 < n: copies of i + 1 into half (i + 1) % 2
//        loads                                    loads, from half i % 2
//                                                 await
//
// The copies of an iteration depend on its number alone, on what stands outside of the loop, and on memory
// that the kernel does not write: so that they may be made for any number. The `if` is a loop of no or one
// iteration. Awaiting at the end of the loop, not at its start, keeps each token in the loop that gave it.
#include <algorithm>
#include <unordered_set>

#include "codegen/listing.h"
#include "codegen/lower.h"

namespace doorbell {

namespace {

const Node* root(const Node* memory) {
  while (memory->is(Op::After)) memory = memory->src[0];
  return memory;
}
bool is_local(const Node* n) { return n->is(Op::Alloc) && n->arg[1] == static_cast<int64_t>(Space::Local); }
int64_t bytes(const Node* alloc) {
  return (alloc->arg[2] * alloc->dtype.bytes() * alloc->dtype.count + 63) & ~int64_t{63};
}

class Pass {
 public:
  Pass(Graph& graph, Lowered& kernel, int64_t local_bytes) : g_(graph), kernel_(kernel), left_(local_bytes) {
    for (const Node* n : kernel_.body) {
      if (n->is(Op::Range)) next_id_ = std::max(next_id_, n->arg[0] + 1);
      if (is_local(n)) left_ -= bytes(n);
    }
  }

  void run() {
    std::vector<const Node*> awaits;
    for (const Node* n : kernel_.body)
      if (n->is(Op::Await)) awaits.push_back(n);
    for (const Node* await : awaits) {
      await_ = await;
      if (runs_ahead()) rewrite();
    }
  }

 private:
  // Finds the loop, the tile, and the copies with all that they need in the loop. False where the copies
  // cannot run ahead.
  bool runs_ahead() {
    std::vector<const Node*> open;
    place_.clear(), scope_.clear(), copying_.clear();
    for (const Node* n : kernel_.body) {
      place_[n] = place_.size();
      if (n->is(Op::End)) open.pop_back();
      scope_[n] = open.empty() ? nullptr : open.back();
      if (n->is(Op::Range) && !n->src.empty()) open.push_back(n);
    }
    loop_ = scope_.at(await_);
    if (!loop_) return false;
    tile_ = nullptr;
    std::vector<const Node*> stack(await_->src.begin(), await_->src.end());
    while (!stack.empty()) {
      const Node* n = stack.back();
      stack.pop_back();
      if (n->src.empty() || place_.at(n) <= place_.at(loop_) || !copying_.insert(n).second) continue;
      if (n->is(Op::Store) || n->is(Op::Await) || n->is(Op::After)) return false;
      if (n->is(Op::Load) && !unchanged(n->src[0])) return false;
      if (n->is(Op::CopyAsync)) {
        if (!unchanged(n->src[2]) || (tile_ && n->src[0] != tile_)) return false;
        tile_ = n->src[0];
      }
      stack.insert(stack.end(), n->src.begin(), n->src.end());
    }
    if (!is_local(tile_) || bytes(tile_) > left_) return false;
    // The loops that copy do nothing else, and the tile is read behind the await alone.
    return std::ranges::all_of(kernel_.body, [&](const Node* n) {
      if (copying_.contains(n) || n->src.empty()) return true;
      if (copying_.contains(scope_.at(n))) return false;
      if (n->is(Op::After) && n->src[0] == tile_) return n->src.size() == 2 && n->src[1] == await_;
      if (n->is(Op::Load) && root(n->src[0]) == tile_) return n->src[0] != tile_;
      return (!n->is(Op::Store) && !n->is(Op::CopyAsync)) || root(n->src[0]) != tile_;
    });
  }
  bool unchanged(const Node* memory) {
    return memory->is(Op::Param) && !kernel_.params[static_cast<size_t>(memory->arg[0])].written;
  }

  const Node* number(int64_t v) { return g_.constant_int(loop_->dtype, v); }
  const Node* add(const Node* a, const Node* b) { return tidy(g_.alu(Op::Add, {a, b})); }
  // Where the half that iteration `at` uses begins.
  const Node* half(const Node* at) {
    return tidy(g_.alu(Op::Mul, {tidy(g_.alu(Op::And, {at, number(1)})), number(tile_->arg[2])}));
  }
  // A loop that runs once if a < b, and else not at all.
  const Node* open_if(const Node* a, const Node* b) {
    const Node* runs = tidy(g_.cast(g_.alu(Op::Lt, {a, b}), loop_->dtype));
    out_.place(runs);
    const Node* range =
        g_.make(Op::Range, loop_->dtype, {runs}, {next_id_++, static_cast<int64_t>(RangeKind::Loop)});
    out_.append(range);
    return range;
  }
  const Node* tidy(const Node* n) {
    while (row(n->op).cls == OpClass::Alu) {
      const Node* next = fold_constant(g_, n);
      if (next == n) next = nullptr;
      for (const RuleSet* set : {&wrap_rules(), &exact_rules()})
        if (!next) next = set->apply(g_, n);
      if (!next) break;
      n = next;
    }
    return n;
  }

  // The copies of iteration `at`, and their tokens.
  std::vector<const Node*> copies(const Node* at) {
    Memo now{{loop_, at}, {tile_, now_.at(tile_)}};
    auto of = [&](const Node* n) {
      auto it = now.find(n);
      return it == now.end() ? n : it->second;
    };
    for (const Node* n : kernel_.body) {
      if (!copying_.contains(n)) continue;
      std::vector<const Node*> src;
      for (const Node* s : n->src) src.push_back(of(s));
      if (n->is(Op::CopyAsync)) out_.place(src[1] = add(src[1], half(at)));
      std::vector<int64_t> arg(n->arg.begin(), n->arg.end());
      if (n->is(Op::Range)) arg[0] = next_id_++;
      now[n] = tidy(g_.make(n->op, n->dtype, src, arg));
      const bool computed = row(n->op).cls == OpClass::Alu;
      computed ? out_.place(now[n]) : out_.append(now[n]);
    }
    std::vector<const Node*> tokens;
    for (const Node* t : await_->src) tokens.push_back(of(t));
    return tokens;
  }
  // The same, if there is such an iteration.
  std::vector<const Node*> copies_if(const Node* at) {
    const Node* extent = loop_->src[0];
    if (at->is(Op::Const) && extent->is(Op::Const) && extent->as_int() > at->as_int()) return copies(at);
    std::vector<const Node*> effects{open_if(at, extent)};
    for (const Node* t : copies(at)) effects.push_back(t);
    const Node* end = g_.make(Op::End, dtype::none, effects);
    out_.append(end);
    return {end};
  }
  const Node* await(std::span<const Node* const> tokens) {
    const Node* n = g_.make(Op::Await, dtype::none, tokens);
    out_.append(n);
    return n;
  }

  void rewrite() {
    out_ = {};
    now_.clear();
    left_ -= bytes(tile_);
    const Node* version = nullptr;
    std::vector<const Node*> ahead;  // tokens of the next iteration
    for (const Node* n : kernel_.body) {
      const bool computed = row(n->op).cls == OpClass::Alu;
      if (n == await_ || (copying_.contains(n) && (!computed || scope_.at(n) != loop_))) continue;
      if (n->is(Op::After) && n->src[0] == tile_) {
        out_.append(now_[n] = version);
        continue;
      }
      std::vector<const Node*> src;
      for (const Node* s : n->src)
        if (!n->is(Op::End) || now_.contains(s))
          src.push_back(now_.at(s));  // an End forgets the loops that copied
      if (n == tile_) {
        now_[n] = g_.make(Op::Alloc, n->dtype, {}, {n->arg[0], n->arg[1], 2 * n->arg[2]});
      } else if (n == loop_) {
        const Node* first = await(copies_if(number(0)));
        out_.append(now_[n] = n);
        ahead = copies_if(add(n, number(1)));
        version = g_.make(Op::After, tile_->dtype, {now_.at(tile_), first, n});
      } else if (n->is(Op::End) && n->src[0] == loop_) {
        src.push_back(await(ahead));
        now_[n] = g_.with(n, src);
      } else if (n->is(Op::Load) && root(n->src[0]) == tile_) {
        out_.place(src[1] = add(src[1], half(loop_)));
        now_[n] = g_.with(n, src);
      } else {
        now_[n] = g_.with(n, src);
      }
      computed ? out_.place(now_[n]) : out_.append(now_[n]);
    }
    kernel_.body = std::move(out_).finish();
  }

  Graph& g_;
  Lowered& kernel_;
  int64_t left_, next_id_ = 0;
  const Node* await_ = nullptr;
  const Node* loop_ = nullptr;
  const Node* tile_ = nullptr;
  std::unordered_map<const Node*, size_t> place_;
  std::unordered_map<const Node*, const Node*> scope_;  // the innermost loop around a node
  std::unordered_set<const Node*> copying_;             // the copies, and what they need in the loop
  Listing out_;
  Memo now_;
};

}  // namespace

void double_buffer(Graph& graph, Lowered& kernel, int64_t local_bytes) {
  Pass(graph, kernel, local_bytes).run();
}

}  // namespace doorbell
