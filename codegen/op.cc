#include "codegen/op.h"

namespace doorbell {

namespace {
constexpr OpRow rows[] = {
#define X(name, cls, arity, commutative, text) {Op::name, OpClass::cls, arity, commutative != 0, text},
    DOORBELL_OPS(X)
#undef X
};
}  // namespace

std::span<const OpRow> op_table() { return rows; }
const OpRow& row(Op op) { return rows[static_cast<size_t>(op)]; }
std::optional<Op> parse_op(std::string_view text) {
  for (const OpRow& r : rows)
    if (r.text == text) return r.op;
  return std::nullopt;
}

}  // namespace doorbell
