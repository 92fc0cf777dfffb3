// pow: x^y = 2^(y log2 x), the special cases as in C (ISO/IEC 9899, F.10.4.4).
#include <cmath>

#include "codegen/math.h"

namespace doorbell::math {

namespace {

// clang-format off
// d = [1b-40;0.1716^2]; fpminimax(2*atanh(sqrt(x))/sqrt(x)/log(2), 6, [|D...|], d, relative): 2^-52.3
constexpr double log2_short[] = {2.885390081777927218098511730204336345195770263671875, 0.96179669392441169417651281137252465022563934326171875,
  0.5770780172271809949080534352106042206287384033203125, 0.4121984040986779174176035667187534272670745849609375,
  0.32061628095946570482510651345364749431610107421875, 0.2614469445788791812645968093456420378863811492919921875,
  0.242889989336784239970512544459779746830463409423828125};
// fpminimax(2^x, 8, [|1,D...|], [-0.5;0.5], relative): 2^-40.0
constexpr double exp2_short[] = {1, 0.6931471805465256874612123283441178500652313232421875, 0.24022650697638436856351518144947476685047149658203125,
  5.550410939304649404757441288893460296094417572021484375e-2, 9.61812871916669320452867504855021252298864979803562164306640625e-3,
  1.3333452091981554295252454522824336891062557697296142578125e-3, 1.54037586693024121375916735132705071009695529937744140625e-4,
  1.530973061308580710220168807911278463507187552750110626220703125e-5, 1.319227579569561464978137178827299891281654709018766880035400390625e-6};
// d = [1b-60;0.1716^2]; f = 2*atanh(sqrt(x))/sqrt(x)/log(2); fpminimax(f, 10, [|DD,DD,D...|], d, relative): 2^-77.9; the first two
// coefficients in two parts
constexpr double log2_sum_0[] = {2.88539008177792677400930188014172017574310302734375, 4.07105577851184141451e-17};
constexpr double log2_sum_1[] = {0.96179669392597555432899980587535537779331207275390625, 5.05197133942922876810e-17};
constexpr double log2_sum_rest[] = {0.57707801635558542141524185353773646056652069091796875, 0.41219858311110824100609306697151623666286468505859375,
  0.32059889798060414722868927128729410469532012939453125, 0.26230818856580084830198984491289593279361724853515625,
  0.2219531396803321177113588191787130199372768402099609375, 0.1923563307818823286954312834495794959366321563720703125,
  0.1698321982047193030573751499105128459632396697998046875, 0.14966020343710673135007027667597867548465728759765625,
  0.1635625866546236151233273403704515658318996429443359375};
// clang-format on

// |x|^y for finite |x| > 0 and finite y, within half an ulp and a little: f64 holds all that the rounding to
// f32 sees.
Value magnitude_f32(const Value& a, const Value& y) {
  auto [k, f] = split(a.cast(dtype::f64));
  Value s = f / (f + 2), logarithm = fma(s, polynomial(s * s, log2_short), k);
  Value exponent = min(max(y.cast(dtype::f64) * logarithm, -160), 160);
  const double shifter = 0x1.8p52 + 1023;
  Value t = exponent + shifter, r = exponent - (t - shifter);
  Value power = polynomial(r, exp2_short).as(dtype::u64) + ((t.as(dtype::u64) << 52) - 0x1p52 * 1023);
  return power.as(dtype::f64).cast(dtype::f32);
}

// An unevaluated sum, |lo| being far below |hi|, or below an ulp of it.
struct Sum {
  Value hi, lo;
};
Sum fast_sum(const Value& a, const Value& b) {  // |a| >= |b|
  Value s = a + b;
  return {s, b - (s - a)};
}
Sum product(const Value& a, const Value& b) {
  Value p = fma(a, b, a.number(-0.0));
  return {p, fma(a, b, -p)};
}
Sum product(const Sum& a, const Sum& b) {
  auto [p, e] = product(a.hi, b.hi);
  return {p, fma(a.hi, b.lo, fma(a.lo, b.hi, e))};
}

// log2 (1 + f) + k = s T(s^2) + k with s = f / (2 + f), to 2^-64 or so.
Sum log2_sum(const Value& k, const Value& f) {
  Value denominator = f + 2, lost = f - (denominator - 2), inverse = 1 / denominator;
  Value s = fma(f, inverse, -0.0);
  Value remainder = fma(-s, lost, fma(-s, denominator, f));
  const Sum quotient{s, fma(remainder, inverse, -0.0)};
  const Sum z = product(quotient, quotient);
  auto number = [&](const double(&c)[2]) { return Sum{f.number(c[0]), f.number(c[1])}; };
  Sum linear = product(number(log2_sum_1), z);
  Value tail = fma(z.hi * z.hi, polynomial(z.hi, log2_sum_rest), linear.lo + log2_sum_0[1]);
  Sum t = fast_sum(f.number(log2_sum_0[0]), linear.hi);
  t = fast_sum(t.hi, t.lo + tail);
  Sum logarithm = product(quotient, t);
  Sum all = fast_sum(k, logarithm.hi);  // |k| >= 1, or k = 0: then nothing is lost
  return {all.hi, all.lo + logarithm.lo};
}

Value magnitude_f64(const Value& a, const Value& y) {
  auto [k, f] = split(a);
  Sum logarithm = log2_sum(k, f);
  auto [hi, error] = product(y, logarithm.hi);
  return exp2_sum(hi, fma(y, logarithm.lo, error));
}

}  // namespace

Value pow(const Value& x, const Value& y) {
  Value a = magnitude(x), b = magnitude(y);
  Value whole = equal(trunc(y), y), odd = whole & differ(trunc(y * 0.5) * 2, y);
  Value result = x.type() == dtype::f32 ? magnitude_f32(a, y) : magnitude_f64(a, y);
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
