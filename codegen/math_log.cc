// log, log2: x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1 exactly.
#include <cmath>

#include "codegen/math.h"

namespace doorbell::math {

namespace {

// clang-format off
// d = [sqrt(0.5)-1-1b-10;sqrt(2)-1+1b-10]; fpminimax((log(1+x)-x)/x^2, 8, [|SG...|], d, absolute): 2^-26.3 of the logarithm
constexpr double log_f32[] = {-0.4999999701976776123046875, 0.33333313465118408203125, -0.25000822544097900390625, 0.20002710819244384765625,
  -0.16627098619937896728515625, 0.14172004163265228271484375, -0.1308705806732177734375, 0.1293369233608245849609375, -8.0473966896533966064453125e-2};
// the same d; fpminimax(log2(1+x)/x, 9, [|30,SG...|], d, relative): 2^-27.6; the first coefficient in two parts
constexpr double log2_f32[] = {-0.721347332000732421875, 0.4808982908725738525390625, -0.36069810390472412109375, 0.288567245006561279296875,
  -0.23958630859851837158203125, 0.20457233488559722900390625, -0.19126974046230316162109375, 0.186478316783905029296875, -0.1098735332489013671875};
constexpr double log2_f32_first = 1.4426950402557849884033203125;
// d = [1b-40;0.1716^2]; fpminimax((2*atanh(sqrt(x))/sqrt(x)-2)/x, 6, [|D...|], d, absolute): 2^-57.6 of the logarithm
constexpr double log_f64[] = {0.66666666666666696272613990004174411296844482421875, 0.399999999998993216454579169294447638094425201416015625,
  0.285714286261854855109021400494384579360485076904296875, 0.22222211094896138217080761023680679500102996826171875,
  0.18182892130253625051494736908352933824062347412109375, 0.153316221974902189284506448530009947717189788818359375,
  0.1461765420098125323189464097595191560685634613037109375};
// clang-format on

// The result for positive finite x; what else there is.
Value with_specials(const Value& x, const Value& result) {
  const Format& t = format(x);
  Value ordinary = x.as(t.bits) - 1 < x.as(t.bits).pattern(encode(t.type, INFINITY) - 1);
  return where(ordinary, result, where(equal(x, 0), -INFINITY, where(x < 0, NAN, x)));
}

// log(1 + f) - f + f^2/2 = s (f^2/2 + R(s^2)), s = f / (2 + f): Sun's fdlibm, e_log.c, which also shows why
// this order of additions keeps the error below one ulp.
struct Tail {
  Value half_square, rest;
};
Tail log_tail(const Value& f) {
  Value s = f / (f + 2), z = s * s, half_square = f * f * 0.5;
  Value r = z * polynomial(z, log_f64);
  return {half_square, s * (half_square + r)};
}

}  // namespace

Split split(const Value& x) {
  const Format& t = format(x);
  const int m = t.mantissa;
  Value u = x.as(t.bits);
  Value small = u < std::ldexp(1.0, m);  // subnormal (or 0, for which there is no logarithm)
  u = where(small, (x * std::ldexp(1.0, m)).as(t.bits), u);
  // Subtracting the pattern of sqrt(1/2) leaves k where the exponent stands, and what m has above it.
  const double root_half = static_cast<double>(encode(t.type, std::sqrt(0.5)));
  Value k = ((u - root_half).as(t.integer) >> m);
  Value f = (u - (k << m).as(t.bits)).as(t.type) - 1;
  return {where(small, k - m, k).cast(dtype::i32).cast(t.type), f};
}

Value log(const Value& x) {
  auto [k, f] = split(x);
  if (x.type() == dtype::f32) {
    Value y = f * f * polynomial(f, log_f32);
    y = f + fma(k, -1.9046542121259335544891655445098876953125e-9, y);
    return with_specials(x, fma(k, 0.693147182464599609375, y));
  }
  // ln 2 in two parts, of which the first has 32 bits: its product with k is exact.
  auto [half_square, rest] = log_tail(f);
  const double hi = 0x1.62e42feep-1, lo = 0x1.a39ef35793c76p-33;
  return with_specials(x, fma(k, hi, -((half_square - fma(k, lo, rest)) - f)));
}

Value log2(const Value& x) {
  auto [k, f] = split(x);
  if (x.type() == dtype::f32) {
    const double hi = static_cast<float>(log2_f32_first), lo = log2_f32_first - hi;
    Value y = f * fma(f, polynomial(f, log2_f32), lo);
    return with_specials(x, k + fma(f, hi, y));
  }
  // log(1 + f) as an unevaluated sum, times 1 / ln 2 as another.
  auto [half_square, rest] = log_tail(f);
  Value hi = f - half_square, lo = (f - hi) - half_square + rest;
  const double inverse_hi = 1.442695040888963387004650940070860087871551513671875,
               inverse_lo = 2.03552737409310331110210900522e-17;
  Value product = fma(hi, inverse_hi, -0.0), error = fma(hi, hi.number(inverse_hi), -product);
  Value low = fma(lo, inverse_hi, fma(hi, inverse_lo, error));
  Value sum = k + product;  // |k| >= 1 > |product|, or k = 0
  return with_specials(x, sum + ((k - sum) + product + low));
}

}  // namespace doorbell::math
