// erf: an odd polynomial where |x| is small, else 1 - e^g(|x|) with g = log(erfc) as a polynomial.
#include <cmath>

#include "codegen/math.h"

namespace doorbell::math {

namespace {

// clang-format off
// d = [1b-30;0.94^2]; fpminimax(erf(sqrt(x))/sqrt(x)-1, 6, [|SG...|], d, absolute): 2^-30.1
constexpr double small_f32[] = {0.128379166126251220703125, -0.3761263191699981689453125, 0.1128367483615875244140625, -2.6858389377593994140625e-2,
  5.198682658374309539794921875e-3, -8.116994868032634258270263671875e-4, 8.26395771582610905170440673828125e-5};
// f = log(erfc(x)); w = erfc(x)/erf(x); d = [0.92;3.95]; remez(f*w, 7, d, w), rounded to f32: 2^-31.2 of erf
constexpr double large_f32[] = {1.74683169461786746978759765625e-4, -1.1295149326324462890625, -0.63334691524505615234375, -0.108280070126056671142578125,
  2.5119416415691375732421875e-2, -4.17105853557586669921875e-3, 4.3446166091598570346832275390625e-4, -2.109496199409477412700653076171875e-5};
// clang-format on

}  // namespace

Value erf(const Value& x) {
  Value a = magnitude(x), s = a * a;
  Value odd = fma(a, polynomial(s, small_f32), a);
  Value b = min(a, 3.95);  // erf(3.95) rounds to 1
  Value even = 1 - exp_moderate(polynomial(b, large_f32));
  return with_sign_of(where(a > 0.92, even, odd), x);
}

}  // namespace doorbell::math
