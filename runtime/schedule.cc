// Cutting and pulling. First it is decided which nodes are materialised (Cutter); then, for each of these,
// the expression of one element is pulled through the graph as a function of loop ranges (Puller): a movement
// op changes the index, arithmetic becomes a node, a materialised node becomes a Load, a reduction opens
// ranges of its own. The idea of ranges in place of views is tinygrad's ("rangeify").
#include "runtime/schedule.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "codegen/rules.h"
#include "runtime/memory.h"
#include "runtime/order.h"

namespace doorbell {

namespace {

bool is_movement(const Node* n) { return row(n->op).cls == OpClass::Movement && !n->is(Op::Gather); }
bool is_constant(const Node* n) { return n->is(Op::Const) || n->is(Op::Symbol) || n->is(Op::Iota); }
bool is_costly(Op op) {
  return (op >= Op::Exp && op <= Op::Pow) || op == Op::Sqrt || op == Op::Div || op == Op::Mod;
}
int64_t bytes(const Node* n) { return elements(n->shape) * n->dtype.bytes(); }

// The Buffer, or the Assign, that a chain of movement ops views.
const Node* root_of(const Node* view) {
  while (is_movement(view)) view = view->src[0];
  return view;
}

// ---- what is materialised

class Cutter {
 public:
  explicit Cutter(std::span<const Node* const> outputs) {
    for (const Node* n : outputs) force(n);
    // Sources first. Nodes behind a leaf are not visited.
    std::vector<const Node*> order = scheduled_nodes(outputs);
    for (const Node* n : order) forward(n);
    for (auto it = order.rbegin(); it != order.rend(); ++it) backward(*it);
  }
  [[nodiscard]] bool materialised(const Node* n) const { return cut_.contains(n); }
  void force(const Node* n) {
    if (!lies_in_memory(n) && !is_constant(n)) cut_.insert(n);
  }
  // Materialises the value of n where it has the shape in which it is computed: below the reshapes that end
  // in n.
  void cut(const Node* n) {
    for (; n->is(Op::Reshape) && !lies_in_memory(n->src[0]) && !is_constant(n->src[0]); n = n->src[0])
      cost_[n] = Cost{false, false, 0, 1, bytes(n)};
    force(n);
  }

 private:
  // Of the expression that a node stands for in a kernel that computes it in place.
  struct Cost {
    bool reduces = false, costly = false;
    int ops = 0, depth = 0;
    int64_t input_bytes = 0;
  };

  void forward(const Node* n) {
    Cost& cost = cost_[n];
    if (lies_in_memory(n)) {
      cost.input_bytes = bytes(n);
      return;
    }
    if (is_constant(n)) return;
    if (n->is(Op::Contiguous) || n->is(Op::Assign) || n->is(Op::Copy)) cut_.insert(n);
    // What is copied must lie in memory as it is, views and constants too.
    if (n->is(Op::Copy) && !lies_in_memory(n->src[0])) cut_.insert(n->src[0]);
    if (n->is(Op::Expand)) {
      const Node* s = n->src[0];
      const Cost& c = cost_[s];
      int64_t repeats = elements(s->shape) ? elements(n->shape) / elements(s->shape) : 1;
      bool inflates = bytes(s) >= 2 * c.input_bytes;  // dequantised weights, masks: cheaper to compute again
      if (repeats > 1 && (c.reduces || (!inflates && ((c.ops && repeats >= 16) || c.costly)))) cut(s);
    }
    if (n->is(Op::Gather) && cost_[n->src[0]].reduces) force(n->src[0]);
    if (n->is(Op::Gather) && cost_[n->src[1]].reduces) force(n->src[1]);
    for (const Node* s : n->src) {
      Cost c = cost_[s];
      if (cut_.contains(s)) c = Cost{false, false, 0, 0, bytes(s)};
      cost.reduces |= c.reduces;
      cost.costly |= c.costly;
      cost.ops += c.ops;
      cost.depth = std::max(cost.depth, c.depth + 1);
      // A view reads no more than its own size.
      cost.input_bytes +=
          is_movement(n) ? std::min(c.input_bytes, std::max<int64_t>(bytes(n), 1)) : c.input_bytes;
    }
    if (n->is(Op::Reduce)) cost.reduces = true;
    if (row(n->op).cls == OpClass::Alu) {
      ++cost.ops;
      cost.costly |= is_costly(n->op);
    }
    // Bounds the size of a kernel, and the depth of the recursion that pulls it.
    if (cost.ops > 256 || cost.depth > 400) cut_.insert(n);
    // A reduction that is read at more than one index would be reduced more than once.
    if (cost.reduces)
      for (const Node* s : n->src) {
        if (!cost_[s].reduces || cut_.contains(s)) continue;
        Uses& uses = uses_[s];
        ++uses.all;
        uses.moved += is_movement(n);
        if (uses.all > 1 && uses.moved) cut(s);
      }
  }

  // Users first: which kernels would compute n in place? More than one, and a reduction or much arithmetic in
  // it: compute it once.
  void backward(const Node* n) {
    auto& users = users_[n];
    if (!lies_in_memory(n) && !is_constant(n) && !cut_.contains(n) && users.size() > 1 &&
        (cost_[n].reduces || cost_[n].ops > 40) && !n->is(Op::Expand))
      cut(n);
    if (lies_in_memory(n)) return;
    std::set<const Node*> mine = cut_.contains(n) ? std::set<const Node*>{n} : users;
    for (const Node* s : n->src) users_[s].insert(mine.begin(), mine.end());
  }

  std::unordered_set<const Node*> cut_;
  std::unordered_map<const Node*, Cost> cost_;
  struct Uses {
    int all = 0, moved = 0;
  };
  std::unordered_map<const Node*, Uses> uses_;
  std::unordered_map<const Node*, std::set<const Node*>> users_;
};

// ---- the expression of an element

using Index = std::vector<const Node*>;

class Puller {
 public:
  Puller(Graph& graph, Simplifier& simplify, const Cutter& cutter,
         std::unordered_map<const Node*, uint32_t>& slot_of)
      : g_(graph), simplify_(simplify), cutter_(cutter), slot_of_(slot_of) {}

  struct Kernel {
    const Node* sink;
    std::vector<uint32_t> slots;
    std::vector<const Node*> versions;  // nodes whose memory is read
    bool clean = true;                  // an assign reads its own buffer only where it writes
  };

  // The kernel that stores node `n` to slot `out`.
  Kernel kernel(const Node* n, uint32_t out) {
    const Node* value = n;
    const Node* target = nullptr;
    if (n->is(Op::Assign)) target = n->src[0], value = n->src[1];
    // One flat loop where no index needs division; else a loop for each axis.
    Kernel best;
    for (bool flat : {true, false}) {
      reset();
      Index index;
      if (flat) {
        bool symbolic =
            std::any_of(value->shape.begin(), value->shape.end(), [](Dim d) { return d.symbol != 0; });
        if (symbolic || value->shape.size() < 2) continue;
        index = split(range(Dim(elements(value->shape)), RangeKind::Loop), value->shape);
      } else {
        for (const Dim& d : value->shape) index.push_back(range(d, RangeKind::Loop));
      }
      uint32_t slot = param(out);
      const Node* address = target ? this->address(target, index) : simplify_(join(index, value->shape));
      own_ = target ? param_node(slot, n->dtype) : nullptr;
      own_address_ = address;
      root_ = value;
      const Node* result = simplify_(value == n ? compute(n, index, nullptr) : pull(value, index, nullptr));
      const Node* store = g_.make(Op::Store, dtype::none, {param_node(slot, n->dtype), address, result});
      best = Kernel{g_.make(Op::Sink, dtype::none, {store}), slots_, versions_, clean_};
      if (flat && divisions(best.sink) == 0) break;
    }
    return best;
  }

 private:
  void reset() {
    memo_.clear();
    slots_.clear();
    versions_.clear();
    clean_ = true;
    ranges_ = 0;
  }
  static int divisions(const Node* sink) {
    int n = 0;
    for (const Node* node : topological(std::span(&sink, 1)))
      n += (node->is(Op::Div) || node->is(Op::Mod)) && node->dtype == dtype::index;
    return n;
  }
  const Node* number(int64_t v) { return g_.constant_int(dtype::index, v); }
  const Node* extent(const Dim& d) {
    if (!d.symbol) return number(d.size);
    const Symbol& s = symbol(d.symbol);
    return g_.make(Op::Symbol, dtype::index, {}, {s.id, s.min, s.max, s.multiple});
  }
  const Node* range(const Dim& d, RangeKind kind) {
    if (d.size == 1 && !d.symbol) return number(0);
    return g_.make(Op::Range, dtype::index, {extent(d)}, {ranges_++, static_cast<int64_t>(kind)});
  }
  const Node* join(const Index& index, ShapeView shape) {
    const Node* sum = number(0);
    int64_t stride = 1;
    for (size_t i = shape.size(); i-- > 0;) {
      sum = g_.alu(Op::Add, {sum, g_.alu(Op::Mul, {index[i], number(stride)})});
      stride *= shape[i].size;
    }
    return simplify_(sum);
  }
  Index split(const Node* flat, ShapeView shape) {
    Index index(shape.size());
    int64_t stride = 1;
    for (size_t i = shape.size(); i-- > 0;) {
      const Node* q = g_.alu(Op::Div, {flat, number(stride)});
      index[i] = simplify_(i == 0 ? q : g_.alu(Op::Mod, {q, number(shape[i].size)}));
      if (shape[i].size == 1) index[i] = number(0);
      stride *= shape[i].size;
    }
    return index;
  }
  uint32_t param(uint32_t slot) {
    for (uint32_t i = 0; i < slots_.size(); ++i)
      if (slots_[i] == slot) return i;
    slots_.push_back(slot);
    return static_cast<uint32_t>(slots_.size() - 1);
  }
  const Node* param_node(uint32_t i, DType type) { return g_.make(Op::Param, type, {}, {i}); }
  const Node* both(const Node* a, const Node* b) { return a ? simplify_(g_.alu(Op::And, {a, b})) : b; }

  const Node* load(const Node* memory, DType type, const Node* index, const Node* gate) {
    if (gate && !gate->is(Op::Const)) return g_.make(Op::Load, type, {memory, index, gate});
    return g_.make(Op::Load, type, {memory, index});
  }
  const Node* read(const Node* n, const Index& index, const Node* gate) {
    const Node* memory = param_node(param(slot_of_.at(n)), n->dtype);
    if (std::find(versions_.begin(), versions_.end(), n) == versions_.end()) versions_.push_back(n);
    const Node* at = join(index, n->shape);
    if (memory == own_ && at != own_address_) clean_ = false;
    return load(memory, n->dtype, at, gate);
  }

  // The index in the root's memory of an element of a view of it.
  const Node* address(const Node* view, Index index) {
    while (is_movement(view)) {
      index = source_index(view, index);
      view = view->src[0];
    }
    return simplify_(join(index, view->shape));
  }

  // Index of the source of a movement op; Pad and Gather are not among them here.
  Index source_index(const Node* n, const Index& index) {
    const Node* s = n->src[0];
    Index out(s->shape.size());
    switch (n->op) {
      case Op::Reshape: return split(join(index, n->shape), s->shape);
      case Op::Permute:
        for (size_t i = 0; i < index.size(); ++i) out[static_cast<size_t>(n->arg[i])] = index[i];
        return out;
      case Op::Expand:
        for (size_t i = 0; i < index.size(); ++i) out[i] = s->shape[i].size == 1 ? number(0) : index[i];
        return out;
      case Op::Shrink:
        for (size_t i = 0; i < index.size(); ++i) {
          out[i] = g_.alu(Op::Add, {index[i], number(n->arg[i])});
          if (n->src.size() > 1 && n->arg[index.size()] == static_cast<int64_t>(i)) {
            const Node* by = g_.cast(pull(n->src[1], {}, nullptr), dtype::index);
            out[i] = g_.alu(Op::Add, {out[i], by});
          }
          out[i] = simplify_(out[i]);
        }
        return out;
      case Op::Flip:
        for (size_t i = 0; i < index.size(); ++i) {
          out[i] = index[i];
          if (!n->arg[i]) continue;
          const Node* last = g_.alu(Op::Add, {extent(s->shape[i]), number(-1)});
          out[i] = simplify_(g_.alu(Op::Sub, {last, index[i]}));
        }
        return out;
      default: DOORBELL_CHECK(false, "{} is not a view", text(n->op));
    }
    return out;
  }

  const Node* pull(const Node* n, const Index& index, const Node* gate) {
    if (lies_in_memory(n) || (cutter_.materialised(n))) return read(n, index, gate);
    return compute(n, index, gate);
  }

  const Node* compute(const Node* n, const Index& index, const Node* gate) {
    auto key = std::tuple(n, index, gate);
    if (auto it = memo_.find(key); it != memo_.end()) return it->second;
    const Node* result = element(n, index, gate);
    memo_[key] = result;
    return result;
  }

  const Node* element(const Node* n, const Index& index, const Node* gate) {
    switch (n->op) {
      case Op::Const: return g_.constant_bits(n->dtype, static_cast<uint64_t>(n->arg[0]));
      case Op::Iota: return simplify_(g_.cast(index[0], n->dtype));
      case Op::Symbol: return g_.cast(g_.make(Op::Symbol, dtype::index, {}, n->arg), n->dtype);
      case Op::Pad: {
        const Node* s = n->src[0];
        Index out = index;
        const Node* valid = nullptr;
        for (size_t i = 0; i < index.size(); ++i) {
          out[i] = simplify_(g_.alu(Op::Add, {index[i], number(-n->arg[i])}));
          if (n->arg[i] > 0)
            valid = both(valid, simplify_(g_.alu(Op::Not, {g_.alu(Op::Lt, {index[i], number(n->arg[i])})})));
          if (s->shape[i].symbol || n->arg[i] + s->shape[i].size < n->shape[i].size)
            valid = both(valid, simplify_(g_.alu(Op::Lt, {out[i], extent(s->shape[i])})));
        }
        if (!valid) return pull(s, out, gate);
        const Node* inner = pull(s, out, both(gate, valid));
        if (inner->is(Op::Load) && inner->src.size() == 3) return inner;  // gives 0 by itself
        return g_.alu(Op::Where, {valid, inner, g_.constant(n->dtype, 0)});
      }
      case Op::Gather: {
        const Node* table = n->src[0];
        size_t rank = n->src[1]->shape.size();
        const Node* at = pull(n->src[1], Index(index.begin(), index.begin() + static_cast<long>(rank)), gate);
        // Clamped in the index's own type, so that the row is in bounds whatever it holds, and its interval
        // is known.
        DType type = at->dtype;
        const Node* valid = nullptr;
        auto require = [&](const Node* condition) {
          valid = valid ? g_.alu(Op::And, {valid, condition}) : condition;
        };
        const Node* clamped = at;
        if (type.is_signed()) {
          const Node* zero = g_.constant(type, 0);
          require(g_.alu(Op::Not, {g_.alu(Op::Lt, {at, zero})}));
          clamped = g_.alu(Op::Max, {clamped, zero});
        }
        const int64_t rows = table->shape[0].size;
        const bool symbolic = table->shape[0].symbol != 0;
        if (symbolic) {
          const DType wide = type.bits == 64 ? type : dtype::i64;  // holds the index and any extent
          require(g_.alu(Op::Lt, {g_.cast(at, wide), g_.cast(extent(table->shape[0]), wide)}));
        }
        if (type.bits == 64 || rows < (1LL << (type.bits - type.is_signed()))) {
          if (!symbolic) require(g_.alu(Op::Lt, {at, g_.constant_int(type, rows)}));
          clamped = g_.alu(Op::Min, {clamped, g_.constant_int(type, rows - 1)});
        }
        Index out{simplify_(g_.cast(clamped, dtype::index))};
        out.insert(out.end(), index.begin() + static_cast<long>(rank), index.end());
        // Of a table that ends at a symbol's value, a row in bounds of its memory may still be none of it.
        const Node* value = pull(table, out, symbolic ? both(gate, simplify_(valid)) : gate);
        if (!valid) return value;  // the index's type holds nothing out of range
        return g_.alu(Op::Where, {simplify_(valid), value, g_.constant(n->dtype, 0)});
      }
      case Op::Reduce: {
        Index out = index;
        std::vector<const Node*> src{nullptr};
        for (size_t i = 1; i < n->arg.size(); ++i) {
          auto axis = static_cast<size_t>(n->arg[i]);
          out[axis] = range(n->src[0]->shape[axis], RangeKind::Reduce);
          if (out[axis]->is(Op::Range)) src.push_back(out[axis]);
        }
        src[0] = g_.cast(pull(n->src[0], out, gate), n->dtype);
        if (src.size() == 1) return src[0];
        return g_.make(Op::Reduce, n->dtype, src, std::initializer_list<int64_t>{n->arg[0], 1});
      }
      case Op::Bitcast: return bitcast(n, index, gate);
      case Op::Contiguous:
      case Op::Copy: return pull(n->src[0], index, gate);
      case Op::Cast: return simplify_(g_.cast(pull(n->src[0], index, gate), n->dtype));
      default: break;
    }
    if (is_movement(n)) return pull(n->src[0], source_index(n, index), gate);
    DOORBELL_CHECK(row(n->op).cls == OpClass::Alu, "{} in a tensor graph", text(n->op));
    std::vector<const Node*> src;
    for (const Node* s : n->src) src.push_back(pull(s, index, gate));
    return simplify_(g_.make(n->op, n->dtype, src));
  }

  // The last axis absorbs the ratio of the widths, little end first.
  const Node* bitcast(const Node* n, const Index& index, const Node* gate) {
    const Node* s = n->src[0];
    int from = s->dtype.bits, to = n->dtype.bits;
    if (from == to) return simplify_(g_.bitcast(pull(s, index, gate), n->dtype));
    Index out = index;
    DType narrow{Kind::Unsigned, static_cast<uint8_t>(std::min(from, to))};
    DType wide{Kind::Unsigned, static_cast<uint8_t>(std::max(from, to))};
    if (from > to) {
      int64_t ratio = from / to;
      out.back() = simplify_(g_.alu(Op::Div, {index.back(), number(ratio)}));
      const Node* word = g_.bitcast(pull(s, out, gate), wide);
      const Node* which = simplify_(g_.alu(Op::Mod, {index.back(), number(ratio)}));
      const Node* shift = g_.cast(g_.alu(Op::Mul, {which, number(to)}), wide);
      return simplify_(g_.bitcast(g_.cast(g_.alu(Op::Shr, {word, shift}), narrow), n->dtype));
    }
    int64_t ratio = to / from;
    const Node* word = nullptr;
    const Node* first = nullptr;
    bool adjacent = true;  // one wide Load in place of its parts
    for (int64_t i = 0; i < ratio; ++i) {
      out.back() = simplify_(g_.alu(Op::Add, {g_.alu(Op::Mul, {index.back(), number(ratio)}), number(i)}));
      const Node* part = pull(s, out, gate);
      if (i == 0) first = part;
      adjacent = adjacent && part->is(Op::Load) && part->dtype.bits == from && first->is(Op::Load) &&
                 part->src[0] == first->src[0] && part->src.size() == first->src.size() &&
                 (part->src.size() < 3 || part->src[2] == first->src[2]) &&
                 simplify_(g_.alu(Op::Sub, {part->src[1], first->src[1]}))->is_const(static_cast<double>(i));
      const Node* bits = g_.cast(g_.bitcast(part, narrow), wide);
      bits = g_.alu(Op::Shl, {bits, g_.constant_int(wide, i * from)});
      word = word ? g_.alu(Op::Or, {word, bits}) : bits;
    }
    if (adjacent) return g_.make(Op::Load, n->dtype, first->src);
    return simplify_(g_.bitcast(word, n->dtype));
  }

  Graph& g_;
  Simplifier& simplify_;
  const Cutter& cutter_;
  std::unordered_map<const Node*, uint32_t>& slot_of_;
  std::map<std::tuple<const Node*, Index, const Node*>, const Node*> memo_;
  std::vector<uint32_t> slots_;
  std::vector<const Node*> versions_;
  int64_t ranges_ = 0;
  const Node* own_ = nullptr;
  const Node* own_address_ = nullptr;
  const Node* root_ = nullptr;
  bool clean_ = true;
};

}  // namespace

// A value that an assign has written over since is computed again; a version of a buffer cannot be.
bool lies_in_memory(const Node* n) {
  if (n->is(Op::Buffer)) return true;
  if (n->src.empty()) return false;
  auto memory = std::static_pointer_cast<Memory>(memo_of(n));
  return memory && (n->is(Op::Assign) || !memory->stale);
}

std::vector<const Node*> scheduled_nodes(std::span<const Node* const> outputs) {
  std::vector<const Node*> order;
  std::unordered_set<const Node*> seen;
  std::vector<std::pair<const Node*, size_t>> stack;
  for (const Node* root : outputs) {
    if (seen.insert(root).second) stack.emplace_back(root, 0);
    while (!stack.empty()) {
      auto [node, next] = stack.back();
      if (next < node->src.size() && !lies_in_memory(node)) {
        ++stack.back().second;
        if (seen.insert(node->src[next]).second) stack.emplace_back(node->src[next], 0);
      } else {
        order.push_back(node);
        stack.pop_back();
      }
    }
  }
  return order;
}

Result<Schedule> schedule(std::span<const Node* const> asked) {
  Schedule out;
  // A version in another shape is that version: it lies in its buffer already.
  std::vector<const Node*> outputs;
  for (const Node* n : asked) {
    const Node* base = n;
    while (base->is(Op::Reshape)) base = base->src[0];
    outputs.push_back(base->is(Op::Buffer) || base->is(Op::Assign) ? base : n);
  }
  Cutter cutter(outputs);
  Simplifier simplify(*out.graph);
  std::unordered_map<const Node*, uint32_t> slot_of;
  auto add_slot = [&](Slot::Kind kind, const Node* n) {
    out.slots.push_back({kind, n, n->dtype, elements(n->shape)});
    return static_cast<uint32_t>(out.slots.size() - 1);
  };
  // Leaves that share a memory are one version of it.
  std::unordered_map<const void*, const Node*> first_of;
  auto version = [&](const Node* n) {
    const void* memory = lies_in_memory(n) ? memo_of(n).get() : nullptr;
    return memory ? first_of.emplace(memory, n).first->second : n;
  };
  std::vector<Item> items;
  std::vector<Step> steps;
  std::unordered_set<const Node*> wanted(outputs.begin(), outputs.end()), replaced;
  Puller puller(*out.graph, simplify, cutter, slot_of);
  auto add = [&](Item item, Step step) {
    items.push_back(std::move(item));
    steps.push_back(std::move(step));
  };
  auto pulled = [&](const Node* n) {
    auto kernel = puller.kernel(n, slot_of.at(n));
    Step step{n, {}, n->is(Op::Assign) ? version(root_of(n->src[0])) : nullptr, !kernel.clean};
    for (const Node* v : kernel.versions) step.reads.push_back(version(v));
    return std::pair(Item{kernel.sink, std::move(kernel.slots)}, std::move(step));
  };
  for (const Node* n : scheduled_nodes(outputs)) {
    if (lies_in_memory(n)) {
      const Node* same = version(n);
      slot_of[n] = same == n ? add_slot(Slot::Kind::External, n) : slot_of.at(same);
      continue;
    }
    // A constant output still needs memory.
    if (!cutter.materialised(n) && !wanted.contains(n)) continue;
    if (n->is(Op::Assign)) slot_of[n] = slot_of.at(root_of(n->src[0]));
    else slot_of[n] = add_slot(wanted.contains(n) ? Slot::Kind::Output : Slot::Kind::Temporary, n);
    if (elements(n->shape) == 0) continue;
    if (n->is(Op::Copy)) {
      DOORBELL_CHECK(slot_of.contains(n->src[0]), "copy of what is not materialised");
      add({nullptr, {slot_of[n->src[0]], slot_of[n]}, static_cast<int>(n->arg[0])},
          {n, {version(n->src[0])}});
      continue;
    }
    if (n->is(Op::Assign) && !replaced.insert(version(root_of(n->src[0]))).second)
      return error(
          "schedule: two assigns replace one version of a buffer, which can become only one of them; assign "
          "to "
          "the tensor that the first assign() changed, or to a copy");
    auto [item, step] = pulled(n);
    if (step.elsewhere && !slot_of.contains(n->src[1])) {
      // The value reads other elements of the buffer than the one it replaces: through a temporary. (A value
      // that is a version of the buffer by itself is left to order().)
      const Node* value = n->src[1];
      cutter.force(value);
      slot_of[value] = add_slot(Slot::Kind::Temporary, value);
      std::apply(add, pulled(value));
      std::tie(item, step) = pulled(n);
    }
    add(std::move(item), std::move(step));
  }
  // An output that is replaced by a later version ends in memory of its own.
  for (const Node* n : outputs) {
    uint32_t slot = slot_of.at(n);
    if (replaced.contains(version(n))) {
      slot = add_slot(Slot::Kind::Output, n);
      if (elements(n->shape)) add({nullptr, {slot_of.at(n), slot}}, {nullptr, {version(n)}});
    }
    out.outputs.push_back(slot);
  }
  auto keep = [&](const Node* old, std::span<const size_t> readers) {
    const uint32_t from = slot_of.at(old), copy = add_slot(Slot::Kind::Temporary, old);
    out.items.push_back({nullptr, {from, copy}});
    for (auto& [node, slot] : slot_of)
      if (version(node) == old) slot = copy;
    for (size_t i : readers) {
      if (!items[i].kernel) {
        items[i].slots[0] = copy;
        continue;
      }
      auto kernel = puller.kernel(steps[i].makes, slot_of.at(steps[i].makes));
      items[i] = {kernel.sink, std::move(kernel.slots)};
    }
  };
  order(steps, [&](size_t i) { out.items.push_back(std::move(items[i])); }, keep);
  return out;
}

std::string print(const Schedule& s) {
  std::string out;
  constexpr std::string_view kinds[] = {"external", "temporary", "output"};
  for (size_t i = 0; i < s.slots.size(); ++i)
    out += fmt::format("slot {}: {} {} x {}\n", i, kinds[static_cast<size_t>(s.slots[i].kind)],
                       name(s.slots[i].dtype), s.slots[i].elements);
  for (size_t i = 0; i < s.items.size(); ++i) {
    out += fmt::format("{} {} on device {}:", s.items[i].kernel ? "kernel" : "copy", i, s.items[i].device);
    for (uint32_t slot : s.items[i].slots) out += fmt::format(" {}", slot);
    out += "\n";
    if (s.items[i].kernel) out += print(s.items[i].kernel);
  }
  return out;
}

}  // namespace doorbell
