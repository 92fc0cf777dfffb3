// The spec of the lowered kernel: verify() of kernel.h. One function per op; each gives the rule that its
// node breaks, or "".
#include <bit>
#include <unordered_map>
#include <unordered_set>

#include "codegen/kernel.h"
#include "codegen/matrix_unit.h"
#include "codegen/verify.h"

namespace doorbell {

namespace {

bool is_memory(const Node* node) { return node->is(Op::Param) || node->is(Op::Alloc) || node->is(Op::After); }
bool is_token(const Node* node) { return node->is(Op::CopyAsync) || node->is(Op::End); }
bool is_effect(const Node* node) {
  return node->is(Op::Store) || is_token(node) || node->is(Op::Await) || node->is(Op::Range);
}
bool is_value(const Node* node) { return !is_memory(node) && (!is_effect(node) || node->is(Op::Range)); }
bool is_loop(const Node* node) { return node->is(Op::Range) && !node->src.empty(); }
const Node* root(const Node* memory) {
  while (memory->is(Op::After)) memory = memory->src[0];
  return memory;
}
bool is_register(const Node* memory) {
  const Node* alloc = root(memory);
  return alloc->is(Op::Alloc) && alloc->arg[1] != static_cast<int64_t>(Space::Local);
}

class Checker {
 public:
  explicit Checker(const Lowered& kernel) : kernel_(kernel), varying_(kernel.body.size()) {}

  Status run() {
    if (kernel_.lanes < 1) return error("kernel {}: {} lanes", kernel_.name, kernel_.lanes);
    for (uint32_t n : kernel_.grid)
      if (n == 0) return error("kernel {}: an empty grid", kernel_.name);
    for (size_t i = 0; i < kernel_.params.size(); ++i)
      if (kernel_.params[i].dtype.kind == Kind::Void || kernel_.params[i].elements < 0)
        return error("kernel {}: param {} has {} elements of {}", kernel_.name, i, kernel_.params[i].elements,
                     name(kernel_.params[i].dtype));
    for (size_t i = 0; i < kernel_.body.size(); ++i)
      if (std::string rule = order(i); !rule.empty()) return fail(i, rule);
    // varying() walks sources, so it needs what order() has shown.
    varying_ = varying(kernel_);
    for (size_t i = 0; i < kernel_.body.size(); ++i)
      if (std::string rule = check(i); !rule.empty()) return fail(i, rule);
    if (!open_.empty()) return fail(place_.at(open_.back()), "a loop that no end closes");
    for (const Node* node : kernel_.body)
      if (tokens_.contains(node)) return fail(place_.at(node), "a token that no await takes");
    return success();
  }

 private:
  Error fail(size_t i, std::string_view rule) {
    const Node* node = kernel_.body[i];
    return error("kernel {}: %{} = {} {}: {}", kernel_.name, i, text(node->op), name(node->dtype), rule);
  }

  // Rules that the walk over sources itself relies on.
  std::string order(size_t i) {
    const Node* node = kernel_.body[i];
    for (const Node* s : node->src)
      if (!place_.contains(s)) return "a source does not stand above its use";
    if (!place_.emplace(node, i).second) return "stands twice in the list";
    if (node->is(Op::After) || node->is(Op::Load) || node->is(Op::Store) || node->is(Op::CopyAsync)) {
      if (node->src.empty() || !is_memory(node->src[0])) return "its first source is no memory";
    }
    if (node->is(Op::CopyAsync) && node->src.size() != 4 && node->src.size() != 5)
      return "copy_async takes memory, index, param, index and perhaps a gate";
    if (node->is(Op::Alloc) && node->arg.size() != 3) return "alloc has the arguments id, space, elements";
    if (node->is(Op::Range) && node->src.size() > 1) return "a range has at most one source, its extent";
    return "";
  }

  std::string check(size_t i) {
    const Node* node = kernel_.body[i];
    if (!node->shape.empty()) return "a value of a kernel has no shape";
    if (node->dtype.kind == Kind::Index) return "index type is gone after lowering";
    for (const Node* s : node->src) {
      const bool effect_of = (node->is(Op::After) || node->is(Op::End)) && s != node->src[0];
      const bool copied = node->is(Op::CopyAsync) && (s == node->src[0] || s == node->src[2]);
      if (effect_of) {
        if (!is_effect(s)) return "an effect is a store, a token, an await, a range or an end";
      } else if (node->is(Op::Await) || copied) {
        continue;  // checked below
      } else if (is_value(s) && closed_.contains(scope_.at(s))) {
        return fmt::format("uses %{}, whose loop is closed", place_.at(s));
      } else if (!is_value(s) && !is_memory(s)) {
        return fmt::format("%{} is no value", place_.at(s));
      } else if (is_memory(s) && !node->is(Op::After) && !node->is(Op::Load) && !node->is(Op::Store)) {
        return fmt::format("%{} is no value", place_.at(s));
      }
    }
    std::string rule = check_op(i);
    scope_[node] = open_.empty() ? nullptr : open_.back();
    return rule;
  }

  std::string check_op(size_t i) {
    const Node* node = kernel_.body[i];
    if (row(node->op).cls == OpClass::Alu) return alu(node);
    switch (node->op) {
      case Op::Const: return broken_const_rule(node);
      case Op::Symbol: return symbol(node);
      case Op::Param: return param(node);
      case Op::Range: return range(node);
      case Op::Lane:
        if (node->arg.size() != 1 || node->arg[0] != kernel_.lanes) return "lane's width is the kernel's";
        return integer(node);
      case Op::Alloc: return alloc(node);
      case Op::After: return node->dtype == node->src[0]->dtype ? "" : "has the type of its memory";
      case Op::Load: return load(node);
      case Op::Store: return store(node);
      case Op::CopyAsync: return copy(node);
      case Op::Await: return await(node);
      case Op::LaneXor: return lane_xor(node);
      case Op::Vec: return vec(node);
      case Op::Element: return element(node);
      case Op::Contract: return broken_contract_rule(node, kernel_.lanes);
      case Op::End: return end(node);
      default: return "does not stand in a lowered kernel";
    }
  }

  std::string alu(const Node* node) {
    if (std::string rule = broken_alu_rule(node); !rule.empty()) return rule;
    const DType from = node->src[0]->dtype, to = node->dtype;
    if (node->is(Op::Bitcast) && from.bytes() * from.count != to.bytes() * to.count)
      return fmt::format("a bitcast of {} to {}", name(from), name(to));
    return "";
  }

  static std::string integer(const Node* node) {
    return node->dtype.is_int() && node->dtype.count == 1 ? "" : "is a scalar integer";
  }

  std::string symbol(const Node* node) {
    if (node->arg.size() != 4) return "symbol has the arguments place, min, max, multiple";
    if (node->arg[0] < 0 || node->arg[0] >= static_cast<int64_t>(kernel_.symbols.size()))
      return fmt::format("there is no symbol {}", node->arg[0]);
    if (node->arg[3] < 1) return "a symbol's multiple is positive";
    if (std::string rule = integer(node); !rule.empty()) return rule;
    return decode_int(node->dtype, encode(node->dtype, static_cast<double>(node->arg[2]))) == node->arg[2]
               ? ""
               : fmt::format("{} does not hold up to {}", name(node->dtype), node->arg[2]);
  }

  std::string param(const Node* node) {
    if (node->arg.size() != 1 || node->arg[0] < 0 ||
        node->arg[0] >= static_cast<int64_t>(kernel_.params.size()))
      return "there is no such param";
    const DType wanted = kernel_.params[static_cast<size_t>(node->arg[0])].dtype;
    return node->dtype == wanted ? "" : fmt::format("the param is of {}", name(wanted));
  }

  std::string range(const Node* node) {
    if (node->arg.size() < 2) return "range has the arguments id, kind";
    if (!range_ids_.insert(node->arg[0]).second) return "a range's id is its own";
    if (node->arg[1] == static_cast<int64_t>(RangeKind::Group)) {
      if (!node->src.empty()) return "a group range has no source";
      if (node->arg.size() != 3 || node->arg[2] < 0 || node->arg[2] > 2)
        return "a group range names axis 0, 1 or 2";
      return integer(node);
    }
    if (node->arg[1] != static_cast<int64_t>(RangeKind::Loop))
      return "only group and loop ranges are left here";
    if (node->src.empty()) return "a loop has an extent";
    if (node->src[0]->dtype != node->dtype) return "an extent has its range's type";
    if (is_varying(node->src[0])) return "an extent is uniform";
    open_.push_back(node);
    return integer(node);
  }

  std::string end(const Node* node) {
    if (node->src.empty() || !is_loop(node->src[0])) return "an end's first source is its loop";
    if (open_.empty() || open_.back() != node->src[0])
      return "closes a loop that is not the innermost open one";
    // The loop's tokens become its end's.
    for (const Node* s : node->src) {
      auto token = tokens_.find(s);
      if (token == tokens_.end() || token->second != open_.back()) continue;
      tokens_.erase(token);
      tokens_[node] = open_.size() > 1 ? open_[open_.size() - 2] : nullptr;
    }
    for (const auto& [token, loop] : tokens_)
      if (loop == open_.back())
        return fmt::format("closes the loop of %{}, a token that is neither awaited nor among its effects",
                           place_.at(token));
    closed_.insert(open_.back());
    open_.pop_back();
    return "";
  }

  std::string await(const Node* node) {
    if (node->src.empty()) return "awaits tokens";
    for (const Node* s : node->src) {
      auto token = tokens_.find(s);
      if (token == tokens_.end()) return fmt::format("%{} is no token, or was awaited", place_.at(s));
      if (token->second != (open_.empty() ? nullptr : open_.back()))
        return fmt::format("awaits %{}, a token of another loop", place_.at(s));
      tokens_.erase(token);
    }
    return "";
  }

  std::string copy(const Node* node) {
    const Node* to = root(node->src[0]);
    const Node* from = node->src[2];
    if (!to->is(Op::Alloc) || is_register(to)) return "copies to local memory";
    if (!from->is(Op::Param) || !kernel_.params[static_cast<size_t>(from->arg[0])].read)
      return "copies from a param that is marked read";
    for (const Node* index : {node->src[1], node->src[3]})
      if (std::string rule = integer(index); !rule.empty()) return "an index is a scalar integer";
    if (node->src.size() > 4 && node->src[4]->dtype != dtype::boolean) return "a gate is a bool";
    if (to->dtype.count != 1 || to->dtype.bytes() % from->dtype.bytes() != 0)
      return fmt::format("copies {} from {}", name(to->dtype), name(from->dtype));
    tokens_[node] = open_.empty() ? nullptr : open_.back();
    copied_.insert(to);
    return "";
  }
  // Some effect that this version of memory follows is an await.
  static bool awaited(const Node* memory) {
    for (; memory->is(Op::After); memory = memory->src[0])
      for (const Node* effect : memory->src.subspan(1))
        if (effect->is(Op::Await)) return true;
    return false;
  }

  std::string alloc(const Node* node) {
    if (!alloc_ids_.insert(node->arg[0]).second) return "an alloc's id is its own";
    if (node->arg[1] < static_cast<int64_t>(Space::Local) ||
        node->arg[1] > static_cast<int64_t>(Space::Accumulator))
      return "is of local, register or accumulator space";
    if (node->arg[2] < 1) return "has at least one element";
    return node->dtype.kind == Kind::Void ? "has a type" : "";
  }

  // Rules that Load and Store share; `value` is the type that is moved.
  std::string access(const Node* node, DType value, const Node* gate) {
    const Node* index = node->src[1];
    if (!index->dtype.is_int() || index->dtype.count != 1) return "an index is a scalar integer";
    if (gate && gate->dtype != dtype::boolean) return "a gate is a bool";
    if (value.kind == Kind::Void) return "moves a value";
    const Node* memory = root(node->src[0]);
    if (!is_register(memory)) return "";
    if (!index->is(Op::Const)) return "an index into registers is a constant";
    if (value.scalar() != memory->dtype.scalar() || value.count % memory->dtype.count != 0)
      return fmt::format("registers of {} hold no {}", name(memory->dtype), name(value));
    if (index->as_int() < 0 || index->as_int() + value.count / memory->dtype.count > memory->arg[2])
      return fmt::format("index {} leaves the {} elements", index->as_int(), memory->arg[2]);
    return "";
  }

  std::string load(const Node* node) {
    if (node->src.size() < 2 || node->src.size() > 3) return "load takes memory, index and perhaps a gate";
    const Node* memory = root(node->src[0]);
    if (memory->is(Op::Param) && !kernel_.params[static_cast<size_t>(memory->arg[0])].read)
      return "reads a param that is not marked read";
    if (copied_.contains(memory) && !awaited(node->src[0])) return "reads what copies bring, and awaits none";
    return access(node, node->dtype, node->src.size() > 2 ? node->src[2] : nullptr);
  }

  std::string store(const Node* node) {
    if (node->src.size() < 3 || node->src.size() > 4)
      return "store takes memory, index, value and perhaps a gate";
    const Node* memory = root(node->src[0]);
    if (memory->is(Op::Param) && !kernel_.params[static_cast<size_t>(memory->arg[0])].written)
      return "writes a param that is not marked written";
    return access(node, node->src[2]->dtype, node->src.size() > 3 ? node->src[3] : nullptr);
  }

  std::string lane_xor(const Node* node) {
    if (node->src.size() != 1 || node->arg.size() != 1) return "lane_xor has a source and a mask";
    if (!std::has_single_bit(static_cast<unsigned>(kernel_.lanes))) return "lane_xor needs 2^n lanes";
    if (node->arg[0] < 0 || node->arg[0] >= kernel_.lanes) return "the mask names a lane";
    return node->dtype == node->src[0]->dtype ? "" : "has the type of its source";
  }

  static std::string vec(const Node* node) {
    int count = 0;
    for (const Node* s : node->src) {
      if (s->dtype.scalar() != node->dtype.scalar()) return "a vec's sources are of its element type";
      count += s->dtype.count;
    }
    return count == node->dtype.count ? "" : fmt::format("{} elements in a {}", count, name(node->dtype));
  }

  static std::string element(const Node* node) {
    if (node->src.size() != 1 || node->arg.size() != 1) return "element has a source and a place";
    if (node->dtype != node->src[0]->dtype.scalar()) return "has its source's element type";
    return node->arg[0] >= 0 && node->arg[0] < node->src[0]->dtype.count ? "" : "there is no such element";
  }

  bool is_varying(const Node* node) { return varying_[place_.at(node)]; }

  const Lowered& kernel_;
  std::vector<bool> varying_;
  std::unordered_map<const Node*, size_t> place_;
  std::unordered_map<const Node*, const Node*> scope_;  // the innermost loop that was open after each node
  std::vector<const Node*> open_;
  std::unordered_set<const Node*> closed_;
  std::unordered_map<const Node*, const Node*>
      tokens_;                              // not yet awaited, and the loop that they were given in
  std::unordered_set<const Node*> copied_;  // allocs that copies fill
  std::unordered_set<int64_t> range_ids_, alloc_ids_;
};

}  // namespace

Status verify(const Lowered& kernel) { return Checker(kernel).run(); }

}  // namespace doorbell
