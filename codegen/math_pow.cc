// pow: x^y = 2^(y log2 x), the special cases as in C (ISO/IEC 9899, F.10.4.4).
#include <cmath>

#include "codegen/math.h"

namespace doorbell::math {

namespace {

// clang-format off
// d = [1b-40;0.1716^2]; fpminimax(2*atanh(sqrt(x))/sqrt(x)/log(2), 6, [|D...|], d, relative): 2^-52.3
constexpr double log2_f64[] = {2.885390081777927218098511730204336345195770263671875, 0.96179669392441169417651281137252465022563934326171875,
  0.5770780172271809949080534352106042206287384033203125, 0.4121984040986779174176035667187534272670745849609375,
  0.32061628095946570482510651345364749431610107421875, 0.2614469445788791812645968093456420378863811492919921875,
  0.242889989336784239970512544459779746830463409423828125};
// fpminimax(2^x, 8, [|1,D...|], [-0.5;0.5], relative): 2^-40.0
constexpr double exp2_f64[] = {1, 0.6931471805465256874612123283441178500652313232421875, 0.24022650697638436856351518144947476685047149658203125,
  5.550410939304649404757441288893460296094417572021484375e-2, 9.61812871916669320452867504855021252298864979803562164306640625e-3,
  1.3333452091981554295252454522824336891062557697296142578125e-3, 1.54037586693024121375916735132705071009695529937744140625e-4,
  1.530973061308580710220168807911278463507187552750110626220703125e-5, 1.319227579569561464978137178827299891281654709018766880035400390625e-6};
// clang-format on

// |x|^y for finite |x| > 0 and finite y, within half an ulp and a little: f64 holds all that the rounding to
// f32 sees.
Value magnitude_f32(const Value& a, const Value& y) {
  Value u = a.cast(dtype::f64).as(dtype::u64);  // subnormals of f32 are normal here
  Value k = (u - static_cast<double>(encode(dtype::f64, std::sqrt(0.5)))).as(dtype::i64) >> 52;
  Value m = (u - (k << 52).as(dtype::u64)).as(dtype::f64), s = (m - 1) / (m + 1);
  Value logarithm = fma(s, polynomial(s * s, log2_f64), k.cast(dtype::i32).cast(dtype::f64));
  Value exponent = min(max(y.cast(dtype::f64) * logarithm, -160), 160);
  const double shifter = 0x1.8p52 + 1023;
  Value t = exponent + shifter, r = exponent - (t - shifter);
  Value power = polynomial(r, exp2_f64).as(dtype::u64) + ((t.as(dtype::u64) << 52) - 0x1p52 * 1023);
  return power.as(dtype::f64).cast(dtype::f32);
}

}  // namespace

Value pow(const Value& x, const Value& y) {
  Value a = magnitude(x), b = magnitude(y);
  Value whole = equal(trunc(y), y), odd = whole & differ(trunc(y * 0.5) * 2, y);
  Value result = magnitude_f32(a, y);
  // A base of 0 or infinity, an exponent of infinity: 0, 1 or infinity.
  Value grows = where(a > 1, y > 0, y < 0);
  Value extreme = where(equal(a, 1), 1.0, where(grows, INFINITY, x.number(0)));
  Value ordinary = (a > 0) & (a < INFINITY) & (b < INFINITY);
  result = where(ordinary, result, extreme);
  const Format& f = format(x);
  Value sign = where(odd, x.as(f.bits) & std::ldexp(1.0, f.type.bits - 1), x.as(f.bits).number(0));
  result = (result.as(f.bits) | sign).as(f.type);
  Value invalid = ((x < 0) & (x > -INFINITY) & ~whole) | differ(x, x) | differ(y, y);
  result = where(invalid, NAN, result);
  return where(equal(y, 0) | equal(x, 1), 1, result);
}

}  // namespace doorbell::math
