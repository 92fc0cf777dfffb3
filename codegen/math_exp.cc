#include "codegen/math.h"

namespace doorbell::math {

// e^x = 2^n e^r, n the integer nearest to x / ln 2, |r| <= ln 2 / 2. Coefficients: Taylor's.
Value exp_f32(const Value& given) {
  Value x = min(max(given, -104), 89);
  Value n = round(x * 1.44269504088896340736);
  Value r = fma(n, -0.693359375, x);
  r = fma(n, 2.12194440054690583e-4, r);
  Value p = x.number(1.0 / 5040);
  for (double c : {1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0}) p = fma(p, r, c);
  // 2^n in two factors: one alone would overflow, or lose what the result keeps as a subnormal.
  Value k = n.cast(dtype::i32), half = k >> 1, rest = k - half;
  auto power = [](const Value& e) { return ((e + 127) << 23).as(dtype::f32); };
  return p * power(half) * power(rest);
}

}  // namespace doorbell::math
