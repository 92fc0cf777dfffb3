// The spec of the scheduler's kernel form, before and after tiling: verify_kernel() of verify.h.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "codegen/kernel.h"
#include "codegen/numeric.h"
#include "codegen/verify.h"

namespace doorbell {

namespace {

using Ranges = std::vector<const Node*>;  // sorted

class Checker {
 public:
  Status run(const Node* sink) {
    size_t place = 0;
    for (const Node* node : topological(std::span(&sink, 1))) {
      std::string rule = check(node, sink);
      if (!rule.empty())
        return error("kernel graph, %{} = {} {}: {}", place, text(node->op), name(node->dtype), rule);
      ++place;
    }
    return success();
  }

 private:
  std::string check(const Node* node, const Node* sink) {
    if (!node->shape.empty()) return "a value of a kernel has no shape";
    if ((node == sink) != node->is(Op::Sink)) return "a kernel is one sink";
    for (const Node* s : node->src) {
      if (node->is(Op::Sink) && !s->is(Op::Store)) return "a sink keeps stores";
      if (s->is(Op::Store) && !node->is(Op::Sink) && !node->is(Op::After))
        return "only a sink and an after keep stores";
      if (s->dtype.count != 1 && !node->is(Op::Contract)) return "a short vector is an operand of contract";
      if (s->is(Op::CopyAsync) && !node->is(Op::Await)) return "only an await takes tokens";
      if (s->is(Op::CopyAsync) && !awaited_.insert(s).second) return "a token is awaited once";
      if (s->is(Op::Await) && !node->is(Op::After)) return "only an after keeps awaits";
      const bool accesses = (node->is(Op::Load) || node->is(Op::Store)) && s == node->src[0];
      if (s->is(Op::Param) && !accesses && !node->is(Op::CopyAsync))
        return "a param is the memory of a load, store or copy";
    }
    if (std::string rule = check_op(node); !rule.empty()) return rule;
    // What a value depends on. A Reduce hides the ranges that it closes.
    Ranges& free = free_[node];
    for (const Node* s : node->src) {
      Ranges both;
      std::ranges::set_union(free, free_.at(s), std::back_inserter(both));
      free = std::move(both);
    }
    if (node->is(Op::Range)) {
      // The workgroup's own share of an axis may differ from its neighbour's.
      bool fixed = std::ranges::all_of(free, [](const Node* r) {
        return r->is(Op::Range) && static_cast<RangeKind>(r->arg[1]) == RangeKind::Group;
      });
      if (!fixed) return "an extent depends on no range but a workgroup's";
      free.push_back(node);
    }
    if (node->is(Op::Reduce))
      for (const Node* range : node->src.subspan(static_cast<size_t>(node->arg[1]))) std::erase(free, range);
    if (node->is(Op::After) || node->is(Op::Await))
      for (const Node* range : node->src) std::erase(free, range);
    if (node->is(Op::Store) && node->src[0]->is(Op::Param))
      for (const Node* range : free)
        if (range->arg[1] == static_cast<int64_t>(RangeKind::Reduce))
          return fmt::format("depends on range {}, which no reduce closes", range->arg[0]);
    return "";
  }

  std::string check_op(const Node* node) {
    if (row(node->op).cls == OpClass::Alu) {
      if (node->is(Op::Bitcast) && node->src.size() == 1 &&
          node->src[0]->dtype.bytes() * node->src[0]->dtype.count != node->dtype.bytes() * node->dtype.count)
        return "a bitcast keeps the width";
      return broken_alu_rule(node);
    }
    switch (node->op) {
      case Op::Const: return broken_const_rule(node);
      case Op::Symbol:
        if (node->arg.size() != 4) return "symbol has the arguments id, min, max, multiple";
        return integer(node);
      case Op::Param: return param(node);
      case Op::Range: return range(node);
      case Op::Lane: return node->arg.size() == 1 && node->arg[0] > 0 ? integer(node) : "lane has a width";
      case Op::LaneXor:
        if (node->src.size() != 1 || node->arg.size() != 1) return "lane_xor has a source and a mask";
        return node->dtype == node->src[0]->dtype ? "" : "has the type of its source";
      case Op::Load:
      case Op::Store: return access(node);
      case Op::Reduce: return reduce(node);
      case Op::Alloc:
        return node->src.empty() && node->arg.size() == 3 && node->arg[2] > 0 &&
                       node->arg[1] == static_cast<int64_t>(Space::Local)
                   ? ""
                   : "alloc has the arguments id, local space, elements";
      case Op::After: return after(node);
      case Op::Contract: return broken_contract_rule(node);
      case Op::CopyAsync: return copy(node);
      case Op::Await: return await(node);
      case Op::Sink: return "";
      default: return "does not stand in a kernel before lowering";
    }
  }

  static std::string integer(const Node* node) { return node->dtype.is_int() ? "" : "is an integer"; }

  std::string param(const Node* node) {
    if (node->arg.size() != 1 || node->arg[0] < 0) return "param has the argument slot";
    auto [it, fresh] = params_.emplace(node->arg[0], node->dtype);
    if (node->dtype.kind == Kind::Void) return "a param has elements";
    return it->second == node->dtype
               ? ""
               : fmt::format("param {} is of {} elsewhere", node->arg[0], name(it->second));
  }

  std::string range(const Node* node) {
    if (node->src.size() != 1 || node->arg.size() < 2)
      return "a range has an extent, and the arguments id, kind";
    if (node->arg[1] < 0 || node->arg[1] > static_cast<int64_t>(RangeKind::Lane))
      return "there is no such kind of range";
    if (!ids_.insert(node->arg[0]).second) return "a range's id is its own";
    if (node->src[0]->dtype != node->dtype) return "an extent has its range's type";
    return integer(node);
  }

  static std::string access(const Node* node) {
    const size_t gate = node->is(Op::Load) ? 2 : 3;
    if (node->src.size() < gate || node->src.size() > gate + 1)
      return node->is(Op::Load) ? "load takes memory, index and perhaps a gate"
                                : "store takes memory, index, value and perhaps a gate";
    const Op staged = node->is(Op::Load) ? Op::After : Op::Alloc;
    if (!node->src[0]->is(Op::Param) && !node->src[0]->is(staged))
      return "its memory is a param, or a local alloc in an after";
    if (!node->src[1]->dtype.is_int()) return "an index is an integer";
    if (node->src.size() > gate && !node->src[gate]->dtype.is_bool()) return "a gate is a bool";
    const DType memory = node->src[0]->dtype;
    if (node->is(Op::Store))
      return node->src[2]->dtype == memory
                 ? ""
                 : fmt::format("stores {} to {}", name(node->src[2]->dtype), name(memory));
    if (node->dtype.kind == Kind::Void || node->dtype.bytes() % memory.bytes() != 0)
      return fmt::format("loads {} from {}", name(node->dtype), name(memory));
    return "";
  }

  // What stages a value: stores to an alloc, or copies, and the ranges over which they fill it (stage.h).
  static std::string after(const Node* node) {
    if (node->src.size() < 2 || !node->src[0]->is(Op::Alloc)) return "after has an alloc and stores to it";
    if (node->dtype != node->src[0]->dtype) return "has the type of its memory";
    for (const Node* s : node->src.subspan(1)) {
      const bool other = s->is(Op::Store)   ? s->src[0] != node->src[0]
                         : s->is(Op::Await) ? s->src[0]->src[0] != node->src[0]
                                            : !is_reduced(s);
      if (other) return "closes ranges of kind reduce, over stores to its alloc";
    }
    return "";
  }

  static std::string copy(const Node* node) {
    if (node->src.size() < 4 || node->src.size() > 5)
      return "copy_async takes memory, index, param, index and perhaps a gate";
    if (!node->src[0]->is(Op::Alloc) || !node->src[2]->is(Op::Param))
      return "copies from a param to an alloc";
    if (!node->src[1]->dtype.is_int() || !node->src[3]->dtype.is_int()) return "an index is an integer";
    if (node->src.size() > 4 && !node->src[4]->dtype.is_bool()) return "a gate is a bool";
    const DType to = node->src[0]->dtype, from = node->src[2]->dtype;
    return to.bytes() % from.bytes() == 0 ? "" : fmt::format("copies {} from {}", name(to), name(from));
  }

  static std::string await(const Node* node) {
    if (node->src.empty() || !node->src[0]->is(Op::CopyAsync)) return "awaits tokens";
    for (const Node* s : node->src)
      if (s->is(Op::CopyAsync) ? s->src[0] != node->src[0]->src[0] : !is_reduced(s))
        return "closes ranges of kind reduce, over copies to one alloc";
    return "";
  }
  static bool is_reduced(const Node* n) {
    return n->is(Op::Range) && n->arg[1] == static_cast<int64_t>(RangeKind::Reduce);
  }

  static std::string reduce(const Node* node) {
    if (node->arg.size() != 2 || node->arg[1] < 1 || node->arg[1] > static_cast<int64_t>(node->src.size()))
      return "reduce has the arguments op, number of values";
    if (node->arg[0] < 0 || node->arg[0] >= static_cast<int64_t>(op_table().size()))
      return "there is no such op";
    const auto op = static_cast<Op>(node->arg[0]);
    if (!reduces(op) || !defined(op, node->dtype))
      return fmt::format("no reduction by {} of {}", text(op), name(node->dtype));
    const auto values = static_cast<size_t>(node->arg[1]);
    for (const Node* v : node->src.first(values))
      if (v->dtype != node->dtype) return fmt::format("folds {} into {}", name(v->dtype), name(node->dtype));
    if (!std::ranges::all_of(node->src.subspan(values), is_reduced)) return "closes ranges of kind reduce";
    return "";
  }

  std::unordered_map<const Node*, Ranges> free_;
  std::map<int64_t, DType> params_;
  std::unordered_set<int64_t> ids_;
  std::unordered_set<const Node*> awaited_;  // tokens
};

}  // namespace

Status verify_kernel(const Node* sink) { return Checker().run(sink); }

}  // namespace doorbell
