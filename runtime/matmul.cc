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
  const Dim inner = a.dim(-1), other = b.rank() == 1 ? b.dim(0) : b.dim(-2);
  if (inner != other)
    return Call::fail("{} and {}: the inner axes are {} and {}, expected equal ones", describe(a),
                      describe(b), print(ShapeView(&inner, 1)), print(ShapeView(&other, 1)));
  auto type = lattice().join(a.type(), b.type());
  if (!type) return Call::fail("{} and {} have no common dtype; cast one of them", describe(a), describe(b));
  const DType acc = accumulate.value_or(accumulator(type->dtype));
  // (.., m, 1, k) * (.., 1, n, k); by way of the common dtype, which need not hold what a or b do.
  Tensor rows = a.cast(type->dtype).cast(acc), columns = b.cast(type->dtype).cast(acc);
  rows = rows.unsqueeze(-2);
  columns = b.rank() == 1 ? columns.unsqueeze(0) : columns.transpose().unsqueeze(-3);
  if (a.rank() == 1 && b.rank() > 1) rows = rows.unsqueeze(0);
  Tensor y = (rows * columns).sum(-1, false, acc);
  if (y.ok() && b.rank() == 1) y = y.squeeze(-1);
  if (y.ok() && a.rank() == 1 && b.rank() > 1) y = y.squeeze(-2);
  return !accumulate && type->dtype.is_float() ? y.cast(type->dtype) : y;
}

Tensor dot(const Operand& a, const Operand& b) {
  Call call("dot", a);
  if (a.ok() && b.ok() && (a.rank() != 1 || b.rank() != 1))
    return Call::fail("{} and {}, expected two vectors", describe(a), describe(b));
  return matmul(a, b);
}

}  // namespace doorbell
