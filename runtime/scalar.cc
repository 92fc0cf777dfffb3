// See scalar.h.
#include "runtime/scalar.h"

#include <fmt/format.h>

namespace doorbell {

double Scalar::as_double() const {
  if (kind == Kind::Float) return value;
  auto size = static_cast<double>(magnitude);
  return negative ? -size : size;
}

bool Scalar::fits(DType dtype) const {
  if (dtype.is_float()) return true;
  if (kind == Kind::Float) return false;
  if (dtype.is_bool()) return kind == Kind::Bool;
  if (dtype.is_signed()) return magnitude <= (dtype.mask() >> 1) + (negative ? 1 : 0);
  return !negative && magnitude <= dtype.mask();
}

DType Scalar::natural() const {
  if (kind == Kind::Float) return dtype::f32;
  if (kind == Kind::Bool) return dtype::boolean;
  for (DType t : {dtype::i32, dtype::i64})
    if (fits(t)) return t;
  return dtype::u64;
}

uint64_t Scalar::pattern(DType dtype) const {
  if (dtype.is_float()) return encode(dtype, as_double());
  if (dtype.is_bool()) return kind == Kind::Float ? value != 0 : magnitude != 0;
  if (kind == Kind::Float) return encode(dtype, value);
  return (negative ? 0 - magnitude : magnitude) & dtype.mask();
}

std::string print(const Scalar& s) {
  switch (s.kind) {
    case Scalar::Kind::Bool: return s.magnitude ? "true" : "false";
    case Scalar::Kind::Int: return fmt::format("{}{}", s.negative ? "-" : "", s.magnitude);
    case Scalar::Kind::Float: break;
  }
  return fmt::format("{}", s.value);
}

}  // namespace doorbell
