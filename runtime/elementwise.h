// Elementwise operations. Operands broadcast as in numpy and meet in one dtype by the promotion lattice. What
// has no meaning in a dtype (the sum of two bools is their or; their difference is nothing) is an error
// tensor. Division, roots and transcendentals of integers are taken in f32. Functions composed of several
// operations are computed in f32 for f16, bf16 and fp8, and rounded once.
#pragma once

#include "runtime/tensor.h"

namespace doorbell {

Tensor operator+(const Operand& a, const Operand& b);
Tensor operator-(const Operand& a, const Operand& b);
Tensor operator*(const Operand& a, const Operand& b);
Tensor operator/(const Operand& a, const Operand& b);  // true division: integers give f32
Tensor operator%(const Operand& a, const Operand& b);  // mod()
Tensor operator&(const Operand& a, const Operand& b);  // bits of integers; logic on bool
Tensor operator|(const Operand& a, const Operand& b);
Tensor operator^(const Operand& a, const Operand& b);
Tensor operator<<(const Operand& a, const Operand& b);
Tensor operator>>(const Operand& a, const Operand& b);
Tensor operator==(const Operand& a, const Operand& b);  // each element; so, too, below
Tensor operator!=(const Operand& a, const Operand& b);
Tensor operator<(const Operand& a, const Operand& b);
Tensor operator<=(const Operand& a, const Operand& b);
Tensor operator>(const Operand& a, const Operand& b);
Tensor operator>=(const Operand& a, const Operand& b);
Tensor operator-(const Operand& x);
Tensor operator~(const Operand& x);
Tensor operator!(const Operand& x);  // x == 0

// Python's // and %: towards minus infinity, and the remainder has the divisor's sign. Integers: x // 0 and
// x % 0 are 0. Floats: floor(a / b) of the rounded quotient, and a - floor(a / b) * b.
Tensor floor_divide(const Operand& a, const Operand& b);
Tensor mod(const Operand& a, const Operand& b);
// C's: towards zero, integers only; x / 0 and x % 0 are 0.
Tensor truncate_divide(const Operand& a, const Operand& b);
Tensor remainder(const Operand& a, const Operand& b);
Tensor maximum(const Operand& a, const Operand& b);  // NaN if either is
Tensor minimum(const Operand& a, const Operand& b);
// Integers are raised modulo 2^bits, and negative exponents give 0.
Tensor pow(const Operand& base, const Operand& exponent);
Tensor fma(const Operand& a, const Operand& b, const Operand& c);  // floats; rounded once in f32 and f64
Tensor where(const Operand& condition, const Operand& then, const Operand& otherwise);
Tensor clamp(const Operand& x, const Operand& low, const Operand& high);

Tensor sqrt(const Operand& x);
Tensor rsqrt(const Operand& x);
Tensor reciprocal(const Operand& x);
Tensor square(const Operand& x);
Tensor exp(const Operand& x);
Tensor exp2(const Operand& x);
Tensor log(const Operand& x);
Tensor log2(const Operand& x);
Tensor sin(const Operand& x);
Tensor cos(const Operand& x);
Tensor tan(const Operand& x);
Tensor tanh(const Operand& x);
Tensor erf(const Operand& x);
Tensor floor(const Operand& x);  // integers are what they are
Tensor ceil(const Operand& x);
Tensor trunc(const Operand& x);
Tensor round(const Operand& x);  // ties to even
Tensor abs(const Operand& x);
Tensor sign(const Operand& x);
Tensor isnan(const Operand& x);
Tensor isinf(const Operand& x);
Tensor isfinite(const Operand& x);

Tensor relu(const Operand& x);  // NaN stays; the gradient at 0 is 0
Tensor leaky_relu(const Operand& x, double slope = 0.01);
Tensor elu(const Operand& x, double alpha = 1.0);
Tensor sigmoid(const Operand& x);
Tensor silu(const Operand& x);
Tensor gelu(const Operand& x);       // x * Phi(x), by erf
Tensor gelu_tanh(const Operand& x);  // its approximation by tanh
Tensor softplus(const Operand& x);

}  // namespace doorbell
