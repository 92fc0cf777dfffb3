// See verify.h.
#include "codegen/verify.h"

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

}  // namespace doorbell
