// The meaning of every arithmetic op on bit patterns, for any data type: slow, obvious, bit-exact. This is
// the definition that machine code, emulators and rewrite rules are held to.
//
//   + - * / sqrt fma, casts   rounded once, to nearest, ties to even, to the result's type
//   integers                  wrap modulo 2^bits; x/0 = x%0 = 0; min/-1 = min
//   shifts                    the count is the pattern read as unsigned; a count of the width or more gives
//   0, or
//                             the sign where Shr is arithmetic
//   float to integer          towards zero, saturating; NaN gives 0. Integer to integer wraps.
//   NaN                       every NaN result is the type's one canonical quiet NaN. Machine code may give
//                             another sign or payload, therefore compare with same_value().
//   exp ... pow               within 1 ulp here (long double, rounded); a lowered kernel has them decomposed
//                             into exact ops, so from there on they too agree bit for bit
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codegen/dtype.h"
#include "codegen/op.h"

namespace doorbell {

// Is this arithmetic op defined on operands of this scalar type? (Where: the type of its two values; Bitcast:
// of its source. Bitcast to bool is not defined: a byte other than 0 and 1 is no bool.)
bool defined(Op op, DType operand);
// How many operands; op must be an Alu op.
int arity(Op op);

// One element. `types` are the operands' scalar types; `result` the node's.
uint64_t compute(Op op, DType result, std::span<const uint64_t> operands, std::span<const DType> types);
// n elements: in[i] points to the n patterns of operand i. `operand` is the type of the last one (all that
// are not the condition of Where share it). out may be one of the inputs.
void compute(Op op, DType result, DType operand, const uint64_t* const* in, uint64_t* out, size_t n);

// May a Reduce fold by it? (add, mul, max, min, and, or, xor)
bool reduces(Op op);
// What a Reduce starts from.
uint64_t identity(Op op, DType dtype);
uint64_t nan_bits(DType dtype);  // the canonical NaN
bool is_nan(DType dtype, uint64_t bits);
// Equal patterns, or two NaNs. Distinguishes the zeros.
bool same_value(DType dtype, uint64_t a, uint64_t b);

}  // namespace doorbell
