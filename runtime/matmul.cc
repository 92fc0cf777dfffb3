// See matmul.h.
#include "runtime/matmul.h"

#include "runtime/call.h"
#include "runtime/elementwise.h"

namespace doorbell {

Tensor matmul(const Operand& a, const Operand& b, std::optional<DType> accumulate) {
  Call call("matmul", a);
  if (const Tensor* bad = first_error<Tensor>(a, b)) return *bad;
  if (a.rank() == 0 || b.rank() == 0)
    return Call::fail("{} and {}, expected one axis or more", describe(a), describe(b));
  const Dim depth = a.dim(-1), other = b.rank() == 1 ? b.dim(0) : b.dim(-2);
  if (depth != other)
    return Call::fail("{} and {}: the inner axes are {} and {}, expected equal ones", describe(a),
                      describe(b), print(ShapeView(&depth, 1)), print(ShapeView(&other, 1)));
  // (.., m, 1, k) * (.., 1, n, k). A vector has no axis of its own to be kept: as rows (k) it meets (.., n,
  // k), as columns (.., m, k).
  Tensor rows = a, columns = b;
  if (b.rank() > 1) columns = columns.transpose();
  if (a.rank() > 1 && b.rank() > 1) {
    rows = rows.unsqueeze(-2);
    columns = columns.unsqueeze(-3);
  }
  return inner(rows, columns, -1, accumulate);
}

Tensor inner(const Operand& a, const Operand& b, const Axes& axes, std::optional<DType> accumulate) {
  Call call("inner", a);
  if (const Tensor* bad = first_error<Tensor>(a, b)) return *bad;
  auto type = lattice().join(a.type(), b.type());
  if (!type) return Call::fail("{} and {} have no common dtype; cast one of them", describe(a), describe(b));
  // By way of the common dtype, which need not hold all that a and b do.
  const DType common = type->dtype, acc = accumulate.value_or(accumulator(common));
  Tensor y = (a.cast(common).cast(acc) * b.cast(common).cast(acc)).sum(axes, false, acc);
  return !accumulate && common.is_float() ? y.cast(common) : y;
}

Tensor dot(const Operand& a, const Operand& b) {
  Call call("dot", a);
  if (a.ok() && b.ok() && (a.rank() != 1 || b.rank() != 1))
    return Call::fail("{} and {}, expected two vectors", describe(a), describe(b));
  return matmul(a, b);
}

}  // namespace doorbell
