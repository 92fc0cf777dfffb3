// See verify.h.
#include "codegen/verify.h"

#include <algorithm>

#include "codegen/matrix_unit.h"
#include "codegen/numeric.h"

namespace doorbell {

std::string broken_const_rule(const Node* node) {
  if (node->dtype.kind == Kind::Void || node->dtype.count != 1) return "a constant is one scalar";
  if (node->arg.size() != 1) return "a constant has one argument, its pattern";
  const auto bits = static_cast<uint64_t>(node->arg[0]);
  if (bits & ~node->dtype.mask()) return "a constant's pattern is zero-extended";
  if (node->dtype.is_bool() && bits > 1) return "a bool is 0 or 1";
  return "";
}

std::string broken_alu_rule(const Node* node) {
  const OpRow& r = row(node->op);
  const DType type = node->dtype;
  if (static_cast<int>(node->src.size()) != r.arity)
    return fmt::format("{} takes {} sources, found {}", r.text, r.arity, node->src.size());
  if (!node->arg.empty()) return "arithmetic takes no argument";
  const DType operand = node->src.back()->dtype;
  if (!defined(node->op, operand.scalar()))
    return fmt::format("{} is not defined on {}", r.text, name(operand));
  auto expect = [&](std::string_view what, DType found, DType wanted) {
    return found == wanted
               ? ""
               : fmt::format("{} of {} is {}, expected {}", what, r.text, name(found), name(wanted));
  };
  switch (node->op) {
    case Op::Cast:
      if (type.kind == Kind::Void || type.count != operand.count) return "cast keeps the number of elements";
      return "";
    case Op::Bitcast:
      if (type.kind == Kind::Void || type.is_bool()) return fmt::format("no bitcast to {}", name(type));
      return "";  // widths: a matter of each form
    case Op::Where:
      if (auto e = expect("the condition", node->src[0]->dtype, dtype::boolean.vec(type.count)); !e.empty())
        return e;
      if (auto e = expect("the first choice", node->src[1]->dtype, type); !e.empty()) return e;
      return expect("the second choice", operand, type);
    case Op::Lt:
    case Op::Eq:
    case Op::Ne:
      if (auto e = expect("the first source", node->src[0]->dtype, operand); !e.empty()) return e;
      return expect("the type", type, dtype::boolean.vec(operand.count));
    default:
      for (const Node* s : node->src)
        if (auto e = expect("a source", s->dtype, type); !e.empty()) return e;
      return "";
  }
}

std::string broken_contract_rule(const Node* node, int lanes) {
  if (node->src.size() != 3 || node->arg.size() != 1) return "contract has three sources and a row";
  if (node->arg[0] < 0 || node->arg[0] >= static_cast<int64_t>(std::size(matrix_units)))
    return "there is no such row";
  const MatrixUnit& unit = matrix_units[node->arg[0]];
  if (lanes && unit.n != lanes) return fmt::format("{} works on {} lanes", unit.name, unit.n);
  if (node->dtype != unit.acc || node->src[0]->dtype != unit.acc ||
      node->src[1]->dtype != unit.a.vec(unit.k) || node->src[2]->dtype != unit.b.vec(unit.k))
    return fmt::format("{} takes {}, {}, {}", unit.name, name(unit.acc), name(unit.a.vec(unit.k)),
                       name(unit.b.vec(unit.k)));
  return "";
}

namespace {

// ---- the tensor graph

bool equal(ShapeView a, ShapeView b) { return std::ranges::equal(a, b); }

std::string same_shape(const Node* node, const Node* source) {
  return equal(node->shape, source->shape)
             ? ""
             : fmt::format("shape {} from {}", print(node->shape), print(source->shape));
}

std::string broken_shape_of_alu(const Node* node) {
  if (!node->is(Op::Bitcast)) {
    for (const Node* s : node->src)
      if (auto e = same_shape(node, s); !e.empty()) return e;
    return "";
  }
  ShapeView from = node->src[0]->shape, to = node->shape;
  const int64_t old_bytes = node->src[0]->dtype.bytes(), new_bytes = node->dtype.bytes();
  if (old_bytes == new_bytes) return same_shape(node, node->src[0]);
  if (from.empty() || from.size() != to.size() || from.back().symbol || to.back().symbol ||
      !equal(from.first(from.size() - 1), to.first(to.size() - 1)) ||
      from.back().size * old_bytes != to.back().size * new_bytes)
    return fmt::format("bitcast of {} {} to {} {}", name(node->src[0]->dtype), print(from), name(node->dtype),
                       print(to));
  return "";
}

// One argument an axis; reshape has none, and shrink by a symbolic offset one more.
std::string broken_movement_rule(const Node* node) {
  ShapeView to = node->shape;
  if (node->src.empty()) return "moves nothing";
  ShapeView from = node->src[0]->shape;
  if (node->dtype != node->src[0]->dtype) return "movement keeps the type";
  const bool symbolic = node->is(Op::Shrink) && node->src.size() == 2;
  if (symbolic && (node->src[1]->dtype != dtype::i64 || !node->src[1]->shape.empty()))
    return "an offset is an i64 scalar";
  if (node->src.size() != (symbolic || node->is(Op::Gather) ? 2U : 1U))
    return "has too many sources, or too few";
  if (node->is(Op::Gather)) {
    ShapeView index = node->src[1]->shape;
    if (!node->src[1]->dtype.is_int()) return "an index is an integer";
    if (from.empty() || to.size() != index.size() + from.size() - 1 ||
        !equal(to.first(index.size()), index) || !equal(to.subspan(index.size()), from.subspan(1)))
      return fmt::format("gathers {} at {} to {}", print(from), print(index), print(to));
    return "";
  }
  if (node->is(Op::Reshape)) {
    if (!node->arg.empty()) return "reshape has no argument";
    std::vector<uint32_t> before, after;
    for (const Dim& d : from)
      if (d.symbol) before.push_back(d.symbol);
    for (const Dim& d : to)
      if (d.symbol) after.push_back(d.symbol);
    if (elements(from) == elements(to) && before == after) return "";
    return fmt::format("reshape of {} to {}", print(from), print(to));
  }
  const size_t arguments = node->is(Op::Expand) ? 0 : to.size() + (symbolic ? 1 : 0);
  if (from.size() != to.size()) return fmt::format("makes {} of {}", print(to), print(from));
  if (node->arg.size() != arguments)
    return fmt::format("{} arguments for {} axes", node->arg.size(), to.size());
  if (symbolic && (node->arg.back() < 0 || node->arg.back() >= static_cast<int64_t>(to.size())))
    return fmt::format("there is no axis {}", node->arg.back());
  std::vector<bool> taken(to.size());
  for (size_t a = 0; a < to.size(); ++a) {
    const int64_t arg = node->is(Op::Expand) ? 0 : node->arg[a];
    bool fits = arg >= 0;
    switch (node->op) {
      case Op::Permute:
        fits = fits && arg < static_cast<int64_t>(to.size()) && !taken[static_cast<size_t>(arg)] &&
               from[static_cast<size_t>(arg)] == to[a];
        if (fits) taken[static_cast<size_t>(arg)] = true;
        break;
      case Op::Expand: fits = from[a] == to[a] || from[a] == Dim(1); break;
      case Op::Pad: fits = fits && arg + from[a].size <= to[a].size; break;
      case Op::Shrink: fits = fits && arg + to[a].size <= from[a].size; break;
      case Op::Flip: fits = fits && arg <= 1 && from[a] == to[a]; break;
      default: return "is no movement";
    }
    if (!fits) return fmt::format("axis {} of {} with argument {} from {}", a, print(to), arg, print(from));
  }
  return "";
}

std::string broken_reduce_rule(const Node* node) {
  if (node->src.size() != 1 || node->arg.empty())
    return "reduce has one source, and the arguments op, axes...";
  if (node->arg[0] < 0 || node->arg[0] >= static_cast<int64_t>(op_table().size()))
    return "there is no such op";
  const auto op = static_cast<Op>(node->arg[0]);
  if (!reduces(op) || !defined(op, node->dtype))
    return fmt::format("no reduction by {} of {}", text(op), name(node->dtype));
  Shape wanted(node->src[0]->shape.begin(), node->src[0]->shape.end());
  int64_t last = -1;
  for (int64_t axis : node->arg.subspan(1)) {
    if (axis <= last || axis >= static_cast<int64_t>(wanted.size())) return "axes rise, and exist";
    wanted[static_cast<size_t>(axis)] = 1;
    last = axis;
  }
  return equal(wanted, node->shape) ? ""
                                    : fmt::format("shape {}, expected {}", print(node->shape), print(wanted));
}

std::string broken_assign_rule(const Node* node) {
  const Node *target = node->src[0], *value = node->src[1];
  if (target->dtype != value->dtype || node->dtype != value->dtype)
    return "view, value and result have one type";
  if (!equal(target->shape, value->shape))
    return fmt::format("assigns {} to {}", print(value->shape), print(target->shape));
  const Node* root = target;
  while (root->is(Op::Reshape) || root->is(Op::Permute) || root->is(Op::Shrink) || root->is(Op::Flip))
    root = root->src[0];
  if (!root->is(Op::Buffer) && !root->is(Op::Assign))
    return fmt::format("a target is reshape, permute, shrink and flip of a buffer or assign; found {}",
                       text(root->op));
  return same_shape(node, root);
}

std::string broken_tensor_rule(const Node* node) {
  const OpRow& r = row(node->op);
  if (node->dtype.count != 1) return "the tensor graph has no short vectors";
  for (const Dim& d : node->shape)
    if (d.size < 0) return fmt::format("shape {}", print(node->shape));
  if (r.cls == OpClass::Alu) {
    std::string rule = broken_alu_rule(node);
    return rule.empty() ? broken_shape_of_alu(node) : rule;
  }
  if (r.cls == OpClass::Movement) return broken_movement_rule(node);
  if (r.arity >= 0 && static_cast<int>(node->src.size()) != r.arity)
    return fmt::format("{} takes {} sources, found {}", r.text, r.arity, node->src.size());
  switch (node->op) {
    case Op::Const:
      if (!node->shape.empty()) return "a constant is a scalar";
      return broken_const_rule(node);
    case Op::Symbol:
      if (node->arg.size() != 4) return "symbol has the arguments id, min, max, multiple";
      return node->dtype == dtype::i64 && node->shape.empty() ? "" : "a symbol is an i64 scalar";
    case Op::Buffer:
      if (node->arg.empty()) return "a buffer has an id";
      return node->shape.size() == 1 && !node->shape[0].symbol ? "" : "a buffer is flat, of fixed size";
    case Op::Iota: return node->shape.size() == 1 && node->dtype.is_int() ? "" : "iota is flat, of integers";
    case Op::Reduce: return broken_reduce_rule(node);
    case Op::Assign: return broken_assign_rule(node);
    case Op::Contiguous:
    case Op::Copy:
      if (node->is(Op::Copy) && node->arg.size() != 1) return "copy has one argument, the device";
      if (node->dtype != node->src[0]->dtype) return "keeps the type";
      return same_shape(node, node->src[0]);
    case Op::Sink: return "";
    default: return "does not stand in the tensor graph";
  }
}

}  // namespace

Status verify_tensor(std::span<const Node* const> roots) {
  size_t place = 0;
  for (const Node* node : topological(roots)) {
    if (std::string rule = broken_tensor_rule(node); !rule.empty())
      return error("tensor graph, %{} = {} {}: {}", place, text(node->op), name(node->dtype), rule);
    ++place;
  }
  return success();
}

}  // namespace doorbell
