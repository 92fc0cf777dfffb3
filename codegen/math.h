// The transcendental functions, spelt in exact ops: every device computes the same bits. No function branches
// or reads tables; cases are chosen by Where. Bounds hold over all inputs (f32) or over what tests/math draws
// (f64).
//
// Lowering contracts a * b + c to fma. Where the formula needs a rounded product beside its own error, the
// product is written fma(a, b, -0.0), which no rule touches.
//
// Coefficients are minimax polynomials by Sollya's fpminimax (or remez with a weight), rounded to the type;
// the line above each gives the call.
#pragma once

#include <span>

#include "codegen/value.h"

namespace doorbell::math {

// Each takes and gives the type of x, which is f32 or f64.
Value exp(const Value& x);
Value exp2(const Value& x);
Value log(const Value& x);
Value log2(const Value& x);
Value sin(const Value& x);
Value cos(const Value& x);
Value tanh(const Value& x);
Value erf(const Value& x);
Value pow(const Value& x, const Value& y);

// ---- pieces

// A float type as its formulas need it.
struct Format {
  DType type, bits, integer;  // the unsigned and the signed type of its width
  int mantissa, bias;
  double shifter;  // x + shifter rounds x to an integer n, and has n + bias in its low bits
};
const Format& format(const Value& x);

// c[0] + c[1] x + c[2] x^2 + ...
Value polynomial(const Value& x, std::span<const double> c);
// |x|, and the sign bit of x put on a value of no sign.
Value magnitude(const Value& x);
Value with_sign_of(const Value& value, const Value& x);
// e^x for |x| <= 80 (f32) or 700 (f64); NaN gives any value.
Value exp_moderate(const Value& x);
// 2^(x + low), |low| being below an ulp of x; f64's range is clamped.
Value exp2_sum(const Value& x, const Value& low);
// x = 2^k (1 + f) for finite x > 0, with 1 + f in [sqrt(1/2), sqrt(2)) and f exact; both of x's type.
struct Split {
  Value k, f;
};
Split split(const Value& x);

}  // namespace doorbell::math
