// Tiling: which axis the lanes run along, which axes are unrolled into registers, what a workgroup is.
// Decisions are functions of costs counted on the expression; the transformations are substitutions of
// ranges, and sharing comes from hash-consing: two unrolled copies that do not depend on an axis are one
// node.
//
// The order of a float reduction does not depend on the target. Either it is folded in order, or, where the
// lanes run along the reduced axis, in `parts` interleaved parts (element k goes to part k mod parts) joined
// by a tree of halves. A target with fewer lanes holds several parts a lane.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>

#include "codegen/contract.h"
#include "codegen/lower.h"
#include "codegen/numeric.h"
#include "codegen/stage.h"

namespace doorbell {

const Node* substitute(Graph& graph, const Node* node, const Memo& replacements) {
  Memo memo = replacements;
  return rewrite(graph, node, memo, [](const Node*) -> const Node* { return nullptr; });
}

namespace {

constexpr int parts = 16;
constexpr int64_t enough_groups = 32;   // keep uneven workers busy to the end
constexpr int64_t enough_rereads = 16;  // make the staging of a value cheap
// What is staged for `parts` lanes, at most, where it decides what lanes run along. A number of no target:
// orders of sums follow from it.
constexpr int64_t panel_bytes = 256 << 10;

RangeKind kind_of(const Node* range) { return static_cast<RangeKind>(range->arg[1]); }

std::vector<const Node*> collect(const Node* root, Op op) {
  std::vector<const Node*> found;
  for (const Node* n : topological(std::span(&root, 1)))
    if (n->is(op)) found.push_back(n);
  return found;
}

// Which of `ranges` (at most 64) each node below root depends on, as bits. A Reduce hides its own ranges.
std::unordered_map<const Node*, uint64_t> dependences(const Node* root, std::span<const Node* const> ranges) {
  std::unordered_map<const Node*, uint64_t> depends;
  for (const Node* n : topological(std::span(&root, 1))) {
    uint64_t bits = 0;
    for (const Node* s : n->src) bits |= depends.at(s);
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (n == ranges[i]) bits |= uint64_t{1} << i;
      if (n->is(Op::Reduce) && std::find(n->src.begin() + n->arg[1], n->src.end(), ranges[i]) != n->src.end())
        bits &= ~(uint64_t{1} << i);
    }
    depends[n] = bits;
  }
  return depends;
}

class Tiler {
 public:
  Tiler(Graph& graph, Simplifier& simplify, const Node* sink, const LaneTarget& target)
      : g_(graph), simplify_(simplify), sink_(sink), target_(target), blocks_(simplify, sink) {
    for (const Node* r : collect(sink, Op::Range)) {
      if (kind_of(r) == RangeKind::Loop) axes_.push_back(r);
      next_id_ = std::max(next_id_, r->arg[0] + 1);
    }
    std::sort(axes_.begin(), axes_.end(), [](const Node* a, const Node* b) { return a->arg[0] < b->arg[0]; });
  }

  Tiled run() {
    share_loops();
    choose_lanes();
    if (reduce_lanes_) {
      if (blocks_.empty()) split_reductions();
      else sink_ = blocks_.over_lanes(g_, simplify_, sink_, lanes_, target_.units);
      gate_stores(g_.alu(Op::Eq, {lane(lanes_), number(0)}));
    } else {
      sink_ = contract_in_lanes(g_, simplify_, sink_, lanes_, target_.units, next_id_);
    }
    tile_outputs();
    unroll_reductions();
    sink_ = stage(g_, simplify_, sink_, target_.local_bytes, next_id_);
    expand();
    return {sink_, lanes_, groups_};
  }

 private:
  const Node* number(int64_t v) { return g_.constant_int(dtype::index, v); }
  const Node* add(const Node* a, const Node* b) { return g_.alu(Op::Add, {a, b}); }
  const Node* mul(const Node* a, int64_t b) { return g_.alu(Op::Mul, {a, number(b)}); }
  const Node* fresh(const Node* extent, RangeKind kind) {
    if (extent->is_const(1)) return number(0);
    return g_.make(Op::Range, dtype::index, {extent}, {next_id_++, static_cast<int64_t>(kind)});
  }
  const Node* lane(int width) {
    return width == 1 ? number(0) : g_.make(Op::Lane, dtype::index, {}, {width});
  }
  // Extent of a range divided by n, rounded up.
  const Node* quotient(const Node* extent, int64_t n) {
    return simplify_(g_.alu(Op::Div, {add(extent, number(n - 1)), number(n)}));
  }
  int64_t extent(const Node* range) { return simplify_.bounds(range->src[0]).max; }
  bool symbolic(const Node* range) { return !range->src[0]->is(Op::Const); }
  bool divisible(const Node* range, int64_t n) {
    if (n == 1) return true;
    if (!symbolic(range)) return extent(range) % n == 0;
    return range->src[0]->is(Op::Symbol) && range->src[0]->arg[3] % n == 0;
  }
  static int pow2_at_most(int64_t n, int limit) {
    int w = 1;
    while (w < limit && w < n) w *= 2;
    return w;
  }

  // ---- lanes

  // What the lanes of an access meet: one address, neighbours, addresses at a distance, or any.
  enum class Reach : uint8_t { same, contiguous, apart, scattered };
  static Reach reach(const Node* index, const Node* lane) {
    Reach found = Reach::same;
    for (const auto& term : index_sum(index).terms)
      if (term.atom == lane) found = term.coefficient == 1 ? Reach::contiguous : Reach::apart;
      else if (inside(term.atom, lane)) return Reach::scattered;
    return found;
  }
  // `root` with lanes along `axis`.
  const Node* trial(const Node* root, const Node* axis, const Node* lane) {
    const Node* rest = g_.make(Op::Range, dtype::index, {quotient(axis->src[0], parts)}, {next_id_, 0});
    return simplify_(substitute(g_, root, {{axis, add(mul(rest, parts), lane)}}));
  }

  // Cost of memory accesses below `root` if `axis` runs along lanes: contiguous 1, same address a little,
  // else one access a lane.
  double access_cost(const Node* root, const Node* axis) {
    const Node* lane = this->lane(parts);
    const Node* lanes = trial(root, axis, lane);
    double cost = 0;
    for (const Node* n : topological(std::span(&lanes, 1))) {
      if (!n->is(Op::Load) && !n->is(Op::Store)) continue;
      const Reach at = reach(n->src[1], lane);
      cost += (n->is(Op::Store) ? 2 : 1) * (at == Reach::same ? 0.3 : at == Reach::contiguous ? 1.0 : parts);
    }
    return cost;
  }

  // May lanes run along `axis` since all that they would read at a distance is staged, each for enough
  // iterations of the other axes? Such a kernel reads an element for all lanes at once, and joins none.
  bool reads_panels(const Node* axis) {
    const Node* lane = this->lane(parts);
    const Node* lanes = trial(sink_, axis, lane);
    for (const Node* n : topological(std::span(&lanes, 1))) {
      if (!n->is(Op::Load) && !n->is(Op::Store)) continue;
      const Reach at = reach(n->src[1], lane);
      if (at == Reach::same || at == Reach::contiguous) continue;
      if (n->is(Op::Store) || at == Reach::scattered) return false;
      int64_t times = 1, bytes = parts * dtype::f32.bytes();
      for (const Node* a : axes_)
        if (a != axis && !symbolic(a) && !inside(n, a)) times *= extent(a);
      bool along = false;
      for (const Node* r : collect(n, Op::Range))
        if (kind_of(r) == RangeKind::Reduce && bytes <= panel_bytes) bytes *= extent(r), along = true;
      if (!along || times < enough_rereads || bytes > panel_bytes) return false;
    }
    return true;
  }

  static bool inside(const Node* root, const Node* what) {
    auto below = topological(std::span(&root, 1));
    return std::find(below.begin(), below.end(), what) != below.end();
  }
  // Reductions that no other reduction contains.
  std::vector<const Node*> outer_reductions() {
    std::vector<const Node*> all = collect(sink_, Op::Reduce), outer;
    std::unordered_set<const Node*> nested;
    for (const Node* r : all)
      for (int64_t i = 0; i < r->arg[1]; ++i)
        for (const Node* inner : collect(r->src[static_cast<size_t>(i)], Op::Reduce)) nested.insert(inner);
    for (const Node* r : all)
      if (!nested.contains(r)) outer.push_back(r);
    return outer;
  }
  static std::span<const Node* const> ranges_of(const Node* reduce) {
    return reduce->src.subspan(static_cast<size_t>(reduce->arg[1]));
  }

  // Reductions over as many elements share a loop, and what they read in it.
  void share_loops() {
    std::map<std::vector<const Node*>, std::vector<const Node*>> ranges;  // by extents
    Memo same;
    for (const Node* reduce : outer_reductions()) {
      std::vector<const Node*> own(ranges_of(reduce).begin(), ranges_of(reduce).end()), extents;
      for (const Node* r : own) extents.push_back(r->src[0]);
      const std::vector<const Node*>& shared = ranges.emplace(extents, own).first->second;
      for (size_t i = 0; i < own.size(); ++i)
        if (own[i] != shared[i]) same[own[i]] = shared[i];
    }
    if (same.empty()) return;
    sink_ = simplify_(substitute(g_, sink_, same));
    blocks_ = BlockSums(simplify_, sink_);
  }

  void choose_lanes() {
    double best = 1e30;
    for (const Node* axis : axes_) {
      if (extent(axis) < 2) continue;
      // Short axes waste lanes.
      double waste = std::max(1.0, static_cast<double>(parts) / static_cast<double>(extent(axis)));
      double cost = access_cost(sink_, axis) * waste;
      if (cost <= best) best = cost, lane_axis_ = axis;
    }
    auto reductions = outer_reductions();
    double with_reductions = 0.2;  // joining the lanes
    for (const Node* reduce : reductions) {
      if (!blocks_.empty()) {
        with_reductions += access_cost(reduce, blocks_.element_range(reduce));
        continue;
      }
      double least = 1e30;
      for (const Node* r : ranges_of(reduce)) {
        if (extent(r) < parts) continue;
        double cost = access_cost(reduce, r);
        if (cost <= least) least = cost, lane_range_[reduce] = r;
      }
      with_reductions += least;
    }
    if (!reductions.empty() && with_reductions < best) {
      lane_axis_ = nullptr;
      for (const Node* axis : axes_)
        if (extent(axis) >= parts && reads_panels(axis)) lane_axis_ = axis;
      reduce_lanes_ = !lane_axis_;
    }
    if (reduce_lanes_) {
      lanes_ = pow2_at_most(blocks_.empty() ? parts : block_lanes, target_.lanes);
    } else if (lane_axis_) {
      lanes_ = pow2_at_most(extent(lane_axis_), target_.lanes);
    }
  }

  // ---- reductions along lanes

  const Node* gated_loads(const Node* node, const Node* range, const Node* gate) {
    Memo memo{{range, range}};
    std::unordered_map<const Node*, uint64_t> depends = dependences(node, std::span(&range, 1));
    Memo done;
    for (const Node* n : topological(std::span(&node, 1))) {
      std::vector<const Node*> src;
      for (const Node* s : n->src) src.push_back(done.at(s));
      if (n->is(Op::Load) && depends.at(n)) {
        if (src.size() == 3) src[2] = g_.alu(Op::And, {src[2], gate});
        else src.push_back(gate);
      }
      done[n] = g_.with(n, src);
    }
    return done.at(node);
  }

  void split_reductions() {
    Memo replaced, parts_of;  // parts_of: a range to that of the rounds of its interleaved parts
    for (const Node* reduce : outer_reductions()) {
      auto it = lane_range_.find(reduce);
      if (it == lane_range_.end()) continue;
      const Node* r = it->second;
      const Node* value = reduce->src[0];
      const auto op = static_cast<Op>(reduce->arg[0]);
      if (!divisible(r, parts)) {
        const Node* gate = g_.alu(Op::Lt, {r, r->src[0]});
        value = g_.alu(Op::Where, {gate, gated_loads(value, r, gate),
                                   g_.constant_bits(reduce->dtype, identity(op, reduce->dtype))});
      }
      const Node*& rounds = parts_of[r];
      if (!rounds) rounds = fresh(quotient(r->src[0], parts), RangeKind::Reduce);
      std::vector<const Node*> joined;
      for (int p = 0; p < parts; p += lanes_) {
        const Node* k = add(mul(rounds, parts), add(lane(lanes_), number(p)));
        std::vector<const Node*> src;
        Memo memo{{r, k}};
        // `r < extent` must stay: the range's own bounds would decide it.
        src.push_back(substitute(g_, value, memo));
        for (const Node* other : ranges_of(reduce))
          if (other != r) src.push_back(other);
        if (rounds->is(Op::Range)) src.push_back(rounds);
        joined.push_back(src.size() == 1 ? src[0] : g_.make(Op::Reduce, reduce->dtype, src, reduce->arg));
      }
      for (int step = parts / 2; step > 0; step /= 2) {
        if (step >= lanes_) {
          auto half = static_cast<size_t>(step / lanes_);
          for (size_t i = 0; i < half; ++i)
            joined[i] = g_.make(op, reduce->dtype, {joined[i], joined[i + half]});
        } else {
          const Node* other = g_.make(Op::LaneXor, reduce->dtype, {joined[0]}, {step});
          joined[0] = g_.make(op, reduce->dtype, {joined[0], other});
        }
      }
      replaced[reduce] = joined[0];
    }
    if (!replaced.empty()) sink_ = simplify_(substitute(g_, sink_, replaced));
  }

  void gate_stores(const Node* gate) {
    gate = simplify_(gate);
    if (gate->is_const(1)) return;
    std::vector<const Node*> stores;
    for (const Node* store : sink_->src) {
      std::vector<const Node*> src(store->src.begin(), store->src.end());
      if (src.size() == 4) src[3] = simplify_(g_.alu(Op::And, {src[3], gate}));
      else src.push_back(gate);
      stores.push_back(g_.with(store, src));
    }
    sink_ = g_.with(sink_, stores);
  }

  // ---- output axes

  [[nodiscard]] bool differs_by_lane(const Node* n, uint64_t bits) const {
    for (size_t a = 0; a < axes_.size(); ++a)
      if (axes_[a] == lane_axis_) return bits >> a & 1;
    return over_lanes_.contains(n);
  }

  // Values that staging takes out of the loops (stage.h): those that are read in the loops have bytes.
  void find_staged(const std::unordered_map<const Node*, uint64_t>& depends) {
    auto order = topological(std::span(&sink_, 1));
    for (const Node* n : order) {
      const bool value = n->dtype.count == 1 &&
                         (n->is(Op::Load) || (row(n->op).cls == OpClass::Alu && n->dtype != dtype::index));
      int64_t times = 1;
      for (size_t a = 0; a < axes_.size(); ++a)
        if (!(depends.at(n) >> a & 1) && !symbolic(axes_[a])) times *= extent(axes_[a]);
      if (!value || times < enough_rereads || !target_.local_bytes) continue;
      if (std::ranges::any_of(n->src, [&](const Node* s) { return staged_.contains(s); }) ||
          (n->is(Op::Load) && steps_of(simplify_, n, lane_axis_) != Steps::near))
        staged_[n] = 0;
    }
    std::unordered_map<const Node*, int> outside;  // users that stay in the loops
    for (const Node* n : order)
      for (const Node* s : n->src) outside[s] += !staged_.contains(n);
    for (size_t i = order.size(); i-- > 0;) {
      const Node* n = order[i];
      auto it = staged_.find(n);
      if (it == staged_.end() && outside[n] == 0 && n != sink_) {
        staged_[n] = 0;
        for (const Node* s : n->src) --outside[s];
      } else if (it != staged_.end() && outside[n] != 0) {
        it->second = n->dtype.bytes() * n->dtype.count;
        for (const Node* r : collect(n, Op::Range))
          if (kind_of(r) == RangeKind::Reduce && it->second <= target_.local_bytes) it->second *= extent(r);
      }
    }
  }
  // Of the copies of a tile.
  int64_t staged_bytes(const std::unordered_map<const Node*, uint64_t>& depends,
                       std::span<const int64_t> width, std::span<const int64_t> unroll) {
    int64_t sum = 0;
    for (auto [n, bytes] : staged_) {
      for (size_t a = 0; a < axes_.size(); ++a)
        if (depends.at(n) >> a & 1) bytes *= width[a] * unroll[a];
      sum += bytes;
    }
    return sum;
  }

  // Operations of one execution of the body, an unrolled node counted once for each copy that differs.
  double body_cost(const std::unordered_map<const Node*, uint64_t>& depends,
                   std::span<const Node* const> body, std::span<const int64_t> unroll) {
    double cost = 0, copies = 1;
    for (int64_t u : unroll) copies *= static_cast<double>(u);
    for (const Node* n : body) {
      uint64_t bits = depends.at(n);
      const bool works = n->is(Op::Contract) || (row(n->op).cls == OpClass::Alu && n->dtype != dtype::index);
      double weight = works ? 1 : 0;
      // A vector brings more bytes than what all lanes share.
      if (n->is(Op::Load)) weight = differs_by_lane(n, bits) ? 2 : 1;
      if (auto it = staged_.find(n); it != staged_.end()) weight = it->second ? 2 : 0;
      for (size_t a = 0; a < unroll.size(); ++a)
        if (bits >> a & 1) weight *= static_cast<double>(unroll[a]);
      cost += weight;
    }
    return cost / copies;
  }

  void tile_outputs() {
    std::vector<int64_t> width(axes_.size(), 1), unroll(axes_.size(), 1);
    for (size_t a = 0; a < axes_.size(); ++a)
      if (axes_[a] == lane_axis_) width[a] = lanes_;
    auto depends = dependences(sink_, axes_);
    for (const Node* n : topological(std::span(&sink_, 1)))
      if (n->is(Op::Lane) ||
          std::ranges::any_of(n->src, [&](const Node* s) { return over_lanes_.contains(s); }))
        over_lanes_.insert(n);
    find_staged(depends);
    auto reductions = collect(sink_, Op::Reduce);
    // The body that runs most often: what the innermost reductions fold.
    std::vector<const Node*> body = topological(std::span(&sink_, 1));
    if (!reductions.empty()) {
      std::vector<const Node*> values;
      for (const Node* r : reductions)
        values.insert(values.end(), r->src.begin(), r->src.begin() + r->arg[1]);
      body = topological(values);
      // Reductions over the same ranges share a loop, and need their registers at the same time.
      std::map<std::vector<const Node*>, int64_t> loops;
      for (const Node* r : outer_reductions())
        loops[std::vector<const Node*>(ranges_of(r).begin(), ranges_of(r).end())] +=
            r->dtype.bits > 32 ? 2 : 1;
      int64_t accumulators = 1;
      for (const auto& [ranges, registers] : loops) accumulators = std::max(accumulators, registers);
      accumulators +=
          std::max<int64_t>(static_cast<int64_t>(loops.size()) - 1, 0);  // the results of other loops
      // Inside of those, sums of integers of their own.
      if (std::ranges::any_of(body, [](const Node* n) { return n->is(Op::Contract); })) ++accumulators;
      choose_unroll(depends, body, width, accumulators, unroll);
    } else if (lane_axis_) {
      // Elementwise: a few independent vectors, so that latencies overlap.
      for (size_t a = 0; a < axes_.size(); ++a)
        if (axes_[a] == lane_axis_)
          for (int64_t u : {4, 2})
            if (unroll[a] == 1 && body.size() < 60 && divisible(axes_[a], u * width[a])) unroll[a] = u;
    }
    std::vector<const Node*> outer(axes_.size());
    Memo memo;
    std::vector<const Node*> gates;
    // Outer extents, then workgroups out of the leading ones.
    double work = body_cost(depends, body, unroll) + 2;
    for (size_t a = 0; a < axes_.size(); ++a) work *= static_cast<double>(unroll[a]);
    std::set<const Node*> counted;
    for (const Node* r : reductions)
      for (const Node* range : ranges_of(r))
        if (counted.insert(range).second) work *= static_cast<double>(extent(range));
    std::vector<int64_t> counts(axes_.size());
    double inner = work;
    for (size_t a = 0; a < axes_.size(); ++a) {
      counts[a] = (extent(axes_[a]) + width[a] * unroll[a] - 1) / (width[a] * unroll[a]);
      inner *= static_cast<double>(counts[a]);
    }
    // Axes, outermost first, become part of the workgroup index while a workgroup keeps enough work. Those
    // that read what was staged stay in it, but for a share that keeps many workers busy evenly.
    const uint64_t reread = rereading_axes(depends, body, width, unroll, counts);
    std::vector<size_t> nest;
    for (uint64_t inside : {uint64_t{0}, uint64_t{1}})
      for (size_t a = 0; a < axes_.size(); ++a)
        if ((reread >> a & 1) == inside) nest.push_back(a);
    std::vector<int64_t> grouped(axes_.size(), 1);
    int64_t groups = 1;
    for (size_t a : nest) {
      if (symbolic(axes_[a])) continue;
      double per = inner / static_cast<double>(groups);
      auto wanted = static_cast<int64_t>(per / static_cast<double>(target_.group_work));
      if (reread >> a & 1) wanted = std::min({wanted, enough_groups / groups, counts[a] / enough_rereads});
      int64_t take = 1;
      for (int64_t d = 1; d <= counts[a] && d <= wanted; ++d)
        if (counts[a] % d == 0) take = d;
      // An awkward count (a prime, say) is split unevenly: the last workgroup has fewer iterations.
      if (take * 4 < std::min(wanted, counts[a])) take = std::min(wanted, counts[a]);
      grouped[a] = take;
      groups *= take;
    }
    groups_ = static_cast<uint32_t>(groups);
    const Node* group = groups == 1 ? number(0)
                                    : g_.make(Op::Range, dtype::index, {number(groups)},
                                              {next_id_++, static_cast<int64_t>(RangeKind::Group)});
    for (size_t i = nest.size(); i-- > 0;) {
      const size_t a = nest[i];
      const Node* index = number(0);
      int64_t step = width[a] * unroll[a];
      const Node* count = quotient(axes_[a]->src[0], step);
      if (grouped[a] > 1) {
        const Node* mine = simplify_(g_.alu(Op::Mod, {group, number(grouped[a])}));
        group = simplify_(g_.alu(Op::Div, {group, number(grouped[a])}));
        int64_t each = (counts[a] + grouped[a] - 1) / grouped[a];
        const Node* first = mul(mine, each);
        const Node* left =
            counts[a] % grouped[a] == 0
                ? number(each)
                : g_.alu(Op::Max,
                         {g_.alu(Op::Min, {number(each), g_.alu(Op::Sub, {number(counts[a]), first})}),
                          number(0)});
        index = add(first, fresh(simplify_(left), RangeKind::Loop));
      } else {
        index = fresh(count, RangeKind::Loop);
      }
      const Node* at = mul(index, step);
      if (unroll[a] > 1) at = add(at, mul(fresh(number(unroll[a]), RangeKind::Unroll), width[a]));
      if (width[a] > 1) at = add(at, lane(static_cast<int>(width[a])));
      at = simplify_(at);
      if (!divisible(axes_[a], step)) {
        const Node* gate = g_.alu(Op::Lt, {at, axes_[a]->src[0]});
        gates.push_back(gate);
        // Values past the end are not stored. Lanes must not read there; whole copies may read the last
        // element.
        if (width[a] > 1) lane_gate_ = gate;
        else at = g_.alu(Op::Min, {at, simplify_(add(axes_[a]->src[0], number(-1)))});
      }
      memo[axes_[a]] = at;
    }
    if (lane_gate_) {
      const Node* axis = lane_axis_;
      std::vector<const Node*> stores;
      for (const Node* store : sink_->src) {
        std::vector<const Node*> src(store->src.begin(), store->src.end());
        src[2] = gated_loads(src[2], axis, lane_gate_);
        stores.push_back(g_.with(store, src));
      }
      sink_ = g_.with(sink_, stores);
    }
    for (const Node* gate : gates) {
      std::vector<const Node*> stores;
      for (const Node* store : sink_->src) {
        std::vector<const Node*> src(store->src.begin(), store->src.end());
        if (src.size() == 4) src[3] = g_.alu(Op::And, {src[3], gate});
        else src.push_back(gate);
        stores.push_back(g_.with(store, src));
      }
      sink_ = g_.with(sink_, stores);
    }
    sink_ = simplify_(substitute(g_, sink_, memo));
  }

  // The output axes, as bits, whose loops should stand innermost since a scattered read does not depend on
  // them: it is then staged for all their iterations.
  uint64_t rereading_axes(const std::unordered_map<const Node*, uint64_t>& depends,
                          std::span<const Node* const> body, std::span<const int64_t> width,
                          std::span<const int64_t> unroll, std::span<const int64_t> counts) {
    uint64_t best = 0;
    int64_t most = 0;
    for (const Node* load : body) {
      if (!load->is(Op::Load) || target_.local_bytes == 0) continue;
      const Steps steps = steps_of(simplify_, load, lane_axis_);
      if (steps == Steps::near) continue;
      int64_t times = 1, bytes = load->dtype.bytes();
      uint64_t free = 0;
      for (size_t a = 0; a < axes_.size(); ++a) {
        if (depends.at(load) >> a & 1) bytes *= width[a] * unroll[a];
        else if (!symbolic(axes_[a])) times *= counts[a], free |= uint64_t{1} << a;
      }
      for (const Node* r : collect(load, Op::Range))
        if (kind_of(r) == RangeKind::Reduce && bytes <= target_.local_bytes) bytes *= extent(r);
      const bool enough = times >= (steps == Steps::apart ? 2 : enough_rereads);
      if (enough && bytes <= target_.local_bytes && bytes > most) most = bytes, best = free;
    }
    return best;
  }

  // The unroll factors with the least work for each result, within the registers.
  void choose_unroll(const std::unordered_map<const Node*, uint64_t>& depends,
                     std::span<const Node* const> body, std::span<const int64_t> width, int64_t accumulators,
                     std::vector<int64_t>& unroll) {
    // Only axes that some work does not depend on gain by it.
    std::vector<size_t> useful;
    for (size_t a = 0; a < axes_.size(); ++a) {
      if (extent(axes_[a]) < 2 || symbolic(axes_[a])) continue;
      for (const Node* n : body)
        if ((n->is(Op::Load) || (row(n->op).cls == OpClass::Alu && n->dtype != dtype::index)) &&
            !(depends.at(n) >> a & 1)) {
          useful.push_back(a);
          break;
        }
    }
    if (useful.size() > 2) useful.erase(useful.begin(), useful.end() - 2);
    // Registers for values on their way into an accumulator.
    int64_t arithmetic = 0;
    for (const Node* n : body)
      arithmetic += row(n->op).cls == OpClass::Alu && n->dtype != dtype::index && !staged_.contains(n);
    int64_t temporaries = arithmetic <= 2 ? 1 : 4;
    // A block of 8-bit integers comes with its scale and its minimum, on either side.
    if (reduce_lanes_ && std::ranges::any_of(body, [](const Node* n) { return n->is(Op::Contract); }))
      temporaries = 7;
    // Lanes along the reduced axis read rows. Several rows at once out of memory that no cache holds are
    // short streams side by side, which hardware prefetchers lose: measured on Zen 3, a row at a time is up
    // to twice as fast. Rows that are read once come from there even if they are few.
    const int64_t cached = useful.size() > 1 ? 256 << 10 : 64 << 10;
    std::vector<bool> streamed(axes_.size(), false);
    if (reduce_lanes_)
      for (const Node* n : body)
        for (size_t a = 0; a < axes_.size() && n->is(Op::Load); ++a)
          if ((depends.at(n) >> a & 1) &&
              simplify_.bounds(n->src[1]).max * n->src[0]->dtype.bytes() >= cached)
            streamed[a] = true;
    double best = 1e30;
    std::vector<int64_t> trial(axes_.size(), 1);
    auto consider = [&](int64_t first, int64_t second) {
      std::fill(trial.begin(), trial.end(), 1);
      double waste = 1;
      int64_t copies = 1;
      for (size_t i = 0; i < useful.size(); ++i) {
        size_t a = useful[i];
        trial[a] = i == 0 ? first : second;
        copies *= trial[a];
        int64_t step = trial[a] * width[a], n = extent(axes_[a]);
        // Lanes past the end cost a mask on every access: only whole steps.
        if (trial[a] > 1 && width[a] > 1 && n % step != 0) return;
        if (step > n && trial[a] > 1) return;
        // Copies past the end are held at it, by an address of their own for each.
        if (n % step != 0) waste *= 1.25;
        waste *= static_cast<double>((n + step - 1) / step * step) / static_cast<double>(n);
      }
      int64_t shared = useful.size() == 2 ? std::min(trial[useful[0]], trial[useful[1]]) : 1;
      if (copies * accumulators + shared + temporaries > target_.registers) return;
      if (copies > 1 && staged_bytes(depends, width, trial) > target_.local_bytes) return;
      for (size_t a : useful)
        if (streamed[a]) waste *= 1 + 0.5 * static_cast<double>(trial[a] - 1);
      double cost = body_cost(depends, body, trial) * waste + 4.0 / static_cast<double>(copies);
      if (cost < best) best = cost, unroll = trial;
    };
    for (int64_t i = 1; i <= 16; ++i)
      for (int64_t j = 1; j <= (useful.size() == 2 ? 16 : 1); ++j) consider(i, j);
  }

  // ---- reduced axes

  // Short reduced axes are unrolled whole; others by what removes a remainder or quotient of their index, and
  // until the body is worth its loop.
  void unroll_reductions() {
    Memo memo;
    std::vector<const Node*> own;
    auto below = topological(std::span(&sink_, 1));
    std::vector<const Node*> values;  // that are folded
    for (const Node* n : below)
      if (n->is(Op::Reduce)) values.insert(values.end(), n->src.begin(), n->src.begin() + n->arg[1]);
    int64_t body = 0;
    for (const Node* n : topological(values))
      body += n->is(Op::Load) || (row(n->op).cls == OpClass::Alu && n->dtype != dtype::index);
    // Output unrolling multiplies the body later.
    for (const Node* n : below)
      if (n->is(Op::Range) && kind_of(n) == RangeKind::Unroll) body *= extent(n);
    // Copies are folded one after another. Where the order shows, that is the order of the loops only along
    // the innermost one; how much is unrolled depends on the target, and must not.
    auto may_unroll = [&](const Node* r) {
      return std::ranges::none_of(below, [&](const Node* n) {
        if (!n->is(Op::Reduce) || !n->dtype.is_float() || n->src.back() == r) return false;
        auto op = static_cast<Op>(n->arg[0]);
        auto own = ranges_of(n);
        return (op == Op::Add || op == Op::Mul) && std::find(own.begin(), own.end(), r) != own.end();
      });
    };
    std::unordered_map<const Node*, const Node*> inner;  // range -> its unrolled part
    for (const Node* r : below) {
      if (!r->is(Op::Range) || kind_of(r) != RangeKind::Reduce || !may_unroll(r)) continue;
      int64_t n = extent(r), factor = 1;
      if (!symbolic(r) && n <= 4 && body * n <= 256) factor = n;
      else {
        for (const Node* m : below) {
          if ((!m->is(Op::Mod) && !m->is(Op::Div)) || m->dtype != dtype::index || !m->src[1]->is(Op::Const))
            continue;
          int64_t by = m->src[1]->as_int();
          if (by > factor && by <= 8 && by % factor == 0 && divisible(r, by) && inside(m->src[0], r))
            factor = by;
        }
        while (factor < 4 && body * factor * 2 <= 64 && divisible(r, factor * 2)) factor *= 2;
      }
      if (factor == 1) continue;
      body *= factor;
      const Node* outer =
          factor == n && !symbolic(r) ? number(0) : fresh(quotient(r->src[0], factor), RangeKind::Reduce);
      const Node* u = fresh(number(factor), RangeKind::Unroll);
      memo[r] = simplify_(add(mul(outer, factor), u));
      own_unroll_[u] = outer;
      inner[r] = u;
    }
    if (memo.empty()) return;
    // Reduce nodes name their ranges: r becomes (outer, u).
    Memo done;
    for (const Node* n : below) {
      std::vector<const Node*> src;
      size_t values = n->is(Op::Reduce) ? static_cast<size_t>(n->arg[1]) : n->src.size();
      for (size_t i = 0; i < n->src.size(); ++i) {
        const Node* s = n->src[i];
        if (i < values || !inner.contains(s)) {
          src.push_back(done.at(s));
          continue;
        }
        if (own_unroll_[inner[s]]->is(Op::Range)) src.push_back(own_unroll_[inner[s]]);
        src.push_back(inner[s]);
      }
      const Node* rebuilt = g_.with(n, src);
      done[n] = memo.contains(n) ? memo[n] : rebuilt;
    }
    sink_ = simplify_(done.at(sink_));
  }

  // ---- unrolled ranges become copies

  void expand() {
    std::vector<const Node*> unrolled;
    for (const Node* r : collect(sink_, Op::Range))
      if (kind_of(r) == RangeKind::Unroll) unrolled.push_back(r);
    // Innermost first: the values of a Reduce keep the order of their iterations.
    std::sort(unrolled.begin(), unrolled.end(),
              [](const Node* a, const Node* b) { return a->arg[0] > b->arg[0]; });
    for (const Node* u : unrolled) {
      int64_t n = extent(u);
      Memo done;
      auto copy = [&](const Node* node, int64_t i) {
        Memo memo{{u, number(i)}};
        return simplify_(substitute(g_, node, memo));
      };
      for (const Node* node : topological(std::span(&sink_, 1))) {
        std::vector<const Node*> src;
        for (const Node* s : node->src) src.push_back(done.at(s));
        auto arg = std::vector<int64_t>(node->arg.begin(), node->arg.end());
        if (node->is(Op::Reduce)) {
          auto values = static_cast<size_t>(node->arg[1]);
          auto at = std::find(src.begin() + static_cast<long>(values), src.end(), u);
          if (at != src.end()) {
            std::vector<const Node*> copies;
            for (int64_t i = 0; i < n; ++i)
              for (size_t v = 0; v < values; ++v) copies.push_back(copy(src[v], i));
            for (auto it = src.begin() + static_cast<long>(values); it != src.end(); ++it)
              if (*it != u) copies.push_back(*it);
            arg[1] = n * static_cast<int64_t>(values);
            src = std::move(copies);
          }
        } else if (node->is(Op::Sink) || node->is(Op::After) || node->is(Op::Await)) {
          std::vector<const Node*> stores;
          for (const Node* store : src) {
            if (store == u) continue;
            if (!inside(store, u)) stores.push_back(store);
            else
              for (int64_t i = 0; i < n; ++i) stores.push_back(copy(store, i));
          }
          src = std::move(stores);
        }
        done[node] = g_.make(node->op, node->dtype, src, arg);
      }
      sink_ = simplify_(done.at(sink_));
    }
  }

  Graph& g_;
  Simplifier& simplify_;
  const Node* sink_;
  const LaneTarget& target_;
  BlockSums blocks_;
  std::vector<const Node*> axes_;
  int64_t next_id_ = 0;
  int lanes_ = 1;
  uint32_t groups_ = 1;
  bool reduce_lanes_ = false;
  const Node* lane_axis_ = nullptr;
  const Node* lane_gate_ = nullptr;
  std::unordered_map<const Node*, const Node*> lane_range_;
  std::unordered_map<const Node*, int64_t> staged_;
  std::unordered_set<const Node*> over_lanes_;  // by a Lane in the kernel, where no axis runs along the lanes
  std::unordered_map<const Node*, const Node*> own_unroll_;
};

}  // namespace

Tiled tile(Graph& graph, Simplifier& simplify, const Node* sink, const LaneTarget& target) {
  return Tiler(graph, simplify, sink, target).run();
}

}  // namespace doorbell
