// See supported.h.
#include "codegen/target/x86/supported.h"

#include <algorithm>

#include "codegen/matrix_unit.h"

namespace doorbell::x86 {
namespace {

// Classes of operand types, as bits.
enum : unsigned { floats = 1, ints = 2, bools = 4, narrow_ints = 8, narrow_floats = 16 };

unsigned class_of(DType t) {
  if (t.count != 1) return 0;
  if (t.is_bool()) return bools;
  if (t.is_float()) return t == dtype::f32 || t == dtype::f64 ? floats : narrow_floats;
  return t.bits >= 32 ? ints : narrow_ints;
}

struct OpTypes {
  doorbell::Op op;
  unsigned types;
};
using NodeOp = doorbell::Op;
constexpr unsigned all = floats | ints | bools;
// clang-format off
constexpr OpTypes op_types[] = {
  {NodeOp::Neg, floats | ints}, {NodeOp::Not, ints | bools}, {NodeOp::Sqrt, floats}, {NodeOp::Trunc, floats},
  {NodeOp::Floor, floats}, {NodeOp::Ceil, floats}, {NodeOp::Round, floats}, {NodeOp::Fma, floats},
  {NodeOp::Add, all}, {NodeOp::Sub, floats | ints}, {NodeOp::Mul, all}, {NodeOp::Div, floats | ints},
  {NodeOp::Mod, ints}, {NodeOp::Max, all}, {NodeOp::Min, all}, {NodeOp::And, ints | bools}, {NodeOp::Or, ints | bools},
  {NodeOp::Xor, ints | bools}, {NodeOp::Shl, ints}, {NodeOp::Shr, ints}, {NodeOp::Lt, all}, {NodeOp::Eq, all},
  {NodeOp::Ne, all}, {NodeOp::Where, all | narrow_ints | narrow_floats},
};
// clang-format on

bool cast_supported(DType from, DType to) {
  const unsigned f = class_of(from), t = class_of(to);
  if (f == 0 || t == 0) return false;
  if (from.is_bool()) return true;  // 0 or 1 of any type
  if (t == bools) return f == ints || f == floats || f == narrow_ints;
  if (f == narrow_floats) return from == dtype::f16 && to == dtype::f32;
  if (t == narrow_floats) return to == dtype::f16 && from == dtype::f32;
  if (t == narrow_ints)
    return f == ints || f == narrow_ints;  // a narrow integer lies in 32 bits: its value is at hand
  return true;
}

}  // namespace

bool has_unit(size_t row, Features features) {
  if (row >= std::size(matrix_units)) return false;
  features = usable(features);
  std::string_view wanted = matrix_units[row].feature;
  while (!wanted.empty()) {
    const std::string_view one = wanted.substr(0, wanted.find('|'));
    for (const std::string& n : names(features))
      if (n == one) return true;
    wanted.remove_prefix(std::min(one.size() + 1, wanted.size()));
  }
  return false;
}

bool supported(NodeOp op, DType from, DType to) {
  if (op == NodeOp::Cast) return cast_supported(from, to);
  if (op == NodeOp::Bitcast)
    return from.bits * from.count == to.bits * to.count && !to.is_bool() &&
           ((from.count == 1 && to.count == 1) || to.bits * to.count == 32 || to.bits * to.count == 64);
  for (const OpTypes& row : op_types)
    if (row.op == op) return row.types & class_of(from);
  return false;
}

Native supported_by(Features features) {
  if (!(usable(features) & feature::avx512_fp16)) return supported;
  return [](NodeOp op, DType from, DType to) {
    constexpr NodeOp in_f16[] = {NodeOp::Add, NodeOp::Sub,  NodeOp::Mul,
                                 NodeOp::Div, NodeOp::Sqrt, NodeOp::Fma};
    return supported(op, from, to) ||
           (from == dtype::f16 && to == dtype::f16 && std::ranges::count(in_f16, op));
  };
}

std::vector<size_t> matrix_rows(Features features) {
  std::vector<size_t> rows;
  for (size_t i = 0; i < std::size(matrix_units); ++i)
    if (has_unit(i, features)) rows.push_back(i);
  return rows;
}

Status check_supported(const Lowered& kernel, Features features) {
  const auto native = supported_by(features);
  for (const Node* node : kernel.body) {
    const bool accesses = node->is(NodeOp::Load) || node->is(NodeOp::Store);
    if (accesses && node->src.size() > (node->is(NodeOp::Load) ? 2u : 3u)) {
      const Node* m = node->src[0];
      while (m->is(NodeOp::After)) m = m->src[0];
      if (m->is(NodeOp::Alloc) && m->arg[1] != static_cast<int64_t>(Space::Local))
        return error("kernel {}: register memory is not read or written behind a gate", kernel.name);
    }
    if (node->is(NodeOp::CopyAsync) || node->is(NodeOp::Await))
      return error("kernel {}: x86-64 has no engine that copies; spell_copies() comes before selection",
                   kernel.name);
    const int vector_bits = node->dtype.bits * node->dtype.count;
    if (node->dtype.count > 1 && vector_bits != 32 && vector_bits != 64)
      return error("kernel {}: x86-64 has no short vectors {}", kernel.name, name(node->dtype));
    if (node->is(NodeOp::Contract) && !has_unit(static_cast<size_t>(node->arg[0]), features))
      return error("kernel {}: this processor has no matrix unit {}", kernel.name, node->arg[0]);
    if (row(node->op).cls != OpClass::Alu) continue;
    const DType from = node->src[node->is(NodeOp::Where) ? 1 : 0]->dtype;
    if (!native(node->op, from, node->dtype))
      return error("kernel {}: x86-64 has no {} of {} to {}; it must be decomposed before selection",
                   kernel.name, text(node->op), name(from), name(node->dtype));
  }
  if (kernel.lanes < 1 || kernel.lanes > 64 || (kernel.lanes & (kernel.lanes - 1)) != 0)
    return error("kernel {}: {} lanes; x86-64 takes a power of two up to 64", kernel.name, kernel.lanes);
  return success();
}

}  // namespace doorbell::x86
