// sin, cos: x = k pi/2 + r, |r| <= pi/4, and a polynomial chosen by k. Two ways to r: for |x| up to 2^17
// (f32) or 2^20 (f64), three parts of pi/2 are subtracted by fma (Cody and Waite, "Software Manual for the
// Elementary Functions", 1980); beyond, x's significand is multiplied by those bits of 2/pi that matter, as
// integers (Payne and Hanek, "Radian reduction for trigonometric functions", SIGNUM Newsletter 18(1), 1983).
#include <bit>
#include <cmath>
#include <vector>

#include "codegen/math.h"

namespace doorbell::math {

namespace {

// clang-format off
// d = [1b-20;(pi/4+0.001)^2]; fpminimax((sin(sqrt(x))/sqrt(x)-1)/x, 3, [|SG...|], d, absolute): 2^-30.9
constexpr double sin_f32[] = {-0.16666667163372039794921875, 8.3333961665630340576171875e-3, -1.986083225347101688385009765625e-4,
  2.91643345917691476643085479736328125e-6};
// fpminimax((cos(sqrt(x))-1+x/2)/x^2, 2, [|SG...|], d, absolute): 2^-29.8
constexpr double cos_f32[] = {4.1666664183139801025390625e-2, -1.38882710598409175872802734375e-3, 2.4543596737203188240528106689453125e-5};
// d = [1b-40;(pi/4+1b-15)^2]; the same of degree 6, [|D...|]: 2^-61.0
constexpr double sin_f64[] = {-0.1666666666666666574148081281236954964697360992431640625, 8.3333333333329116798804392374222516082227230072021484375e-3,
  -1.98412698407204163807138197483936892240308225154876708984375e-4, 2.755731891656416121028951027316367117236950434744358062744140625e-6,
  -2.505202441946665621370457402265763402482434685225598514080047607421875e-8, 1.604792088105968364062566011186972136925987797440029680728912353515625e-10,
  -7.05741954016451391435235753494556473308478572459279121176223270595073699951171875e-13};
// 2^-63.7
constexpr double cos_f64[] = {4.1666666666666664353702032030923874117434024810791015625e-2, -1.3888888888887837742835973386945624952204525470733642578125e-3,
  2.480158730022249770666951940167876955456449650228023529052734375e-5, -2.7557318464246870134225068506375407048225402832031250e-7,
  2.087655121252657071222132278824103190917327310671680606901645660400390625e-9, -1.14439292328059746435067095979447941083959208430087528540752828121185302734375e-11,
  3.42248117531391407831493317873860873870574385524623295395940658636391162872314453125e-14};
// The bits of 2/pi, behind two words of zeros.
constexpr uint32_t two_over_pi[] = {0, 0,
  0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c,
  0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f,
  0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08,
  0x56033046};
// clang-format on

struct Angle {
  Value quadrant, r;  // u32; of x's type
  Value low;          // what r lacks
};

Angle cody_waite(const Value& a) {
  const Format& f = format(a);
  const bool single = a.type() == dtype::f32;
  const double parts_f32[] = {1.57079637050628662109375, -4.371138828673792886547744274139404296875e-8,
                              -1.71512451e-15};
  const double parts_f64[] = {1.5707963267948965579989817342720925807952880859375,
                              6.123233995736766035868820147291983e-17, -1.4973849048591698e-33};
  const double* part = single ? parts_f32 : parts_f64;
  const double shifter = f.shifter - f.bias;
  Value t = fma(a, 0.63661977236758134308, shifter), k = t - shifter;
  // The first difference is exact. The second is a sum with a rounded product, and r may be much smaller than
  // both, so what they lose is kept; |first| >= |product|, or the sum is exact.
  Value first = fma(k, -part[0], a), product = fma(k, -part[1], -0.0), r = first + product;
  Value lost = (product - (r - first)) + fma(k, k.number(-part[1]), -product);
  Value low = fma(k, -part[2], lost);
  return {t.as(f.bits).cast(dtype::u32), r, low};
}

// count words of 32 bits of 2/pi from bit `first` of the table on, `first` being below limit; in first's
// type. The words are chosen by the bits of their index, highest first.
std::vector<Value> window(const Value& first, int limit, size_t count) {
  Value index = first >> 5, shift = first & 31;
  std::vector<Value> word;
  for (uint32_t bits : two_over_pi) word.push_back(first.number(bits));
  for (int step = static_cast<int>(std::bit_floor(static_cast<unsigned>(limit) >> 5)); step > 0; step /= 2) {
    Value chosen = differ(index & step, 0);
    const size_t needed = count + static_cast<size_t>(step);  // this many, and one more for the shift
    for (size_t i = 0; i < needed && i < word.size(); ++i)
      if (i + static_cast<size_t>(step) < word.size())
        word[i] = where(chosen, word[i + static_cast<size_t>(step)], word[i]);
  }
  std::vector<Value> out;
  for (size_t i = 0; i < count; ++i) {
    Value pair = (word[i] << shift) | (word[i + 1] >> (32 - shift));
    out.push_back(first.type().bits == 64 ? pair & 0xffffffff : pair);
  }
  return out;
}

// a = M 2^e. Of the product with 2/pi, what is a multiple of 4 does not matter: bits e - 1 and below of 2/pi
// give the 64 bits below 4, and what follows them the rest.
Angle payne_hanek_f32(const Value& a) {
  Value u = a.as(dtype::u32);
  Value m = ((u & 0x7fffff) | 0x800000).cast(dtype::u64);
  auto w = window((u >> 23) - (150 + 2 - 64), 254 - 150 - 2 + 64, 3);
  auto times = [&](int i) { return m * w[static_cast<size_t>(i)].cast(dtype::u64); };
  Value product = (times(0) << 32) + times(1) + (times(2) >> 32);
  Value quadrant = (product + 0x1p61) >> 62;
  Value rest = (product - (quadrant << 62)).as(dtype::i64).cast(dtype::f64);
  Value r = rest * (M_PI_2 * 0x1p-62), nearest = r.cast(dtype::f32);
  return {quadrant.cast(dtype::u32), nearest, (r - nearest.cast(dtype::f64)).cast(dtype::f32)};
}

// The same with 128 bits, limb by limb: M has two, the window six.
Angle payne_hanek_f64(const Value& a) {
  Value u = a.as(dtype::u64);
  Value high = ((u >> 32) & 0xfffff) | 0x100000, low = u & 0xffffffff;
  auto w = window((u >> 52) - (1075 + 2 - 64), 2046 - 1075 - 2 + 64, 6);
  Value carry = u.number(0);
  std::vector<Value> limb(4, u);
  for (size_t i = 5; i-- > 0;) {
    // Products of weight i, and the upper halves of those of weight i + 1.
    auto lower = [](const Value& v) { return v & 0xffffffff; };
    Value sum = lower(w[i] * low) + lower(w[i + 1] * high) + carry;
    if (i < 4) limb[i] = lower(sum);
    carry = (sum >> 32) + ((w[i] * low) >> 32) + ((w[i + 1] * high) >> 32);
  }
  Value top = (limb[0] << 32) | limb[1], rest = (limb[2] << 32) | limb[3];
  Value quadrant = (top + 0x1p61) >> 62;
  Value signed_top = (top - (quadrant << 62)).as(dtype::i64);
  // Three parts, each exact, of falling weight.
  auto number = [](const Value& v, int scale) { return v.cast(dtype::f64) * std::ldexp(1.0, scale); };
  Value first = number(signed_top >> 32, 32), second = number(signed_top.as(dtype::u64) & 0xffffffff, 0);
  Value sum = first + second, lost = (second - (sum - first)) + number(rest >> 11, 11 - 64);
  Value fraction = sum + lost;
  lost = lost - (fraction - sum);
  const double hi = 0x1.921fb54442d18p0 * 0x1p-62, lo = 0x1.1a62633145c07p-54 * 0x1p-62;
  Value r = fma(fraction, hi, -0.0), error = fma(fraction, fraction.number(hi), -r);
  return {quadrant.cast(dtype::u32), r, fma(lost, hi, fma(fraction, lo, error))};
}

Angle reduce(const Value& a) {
  const bool single = a.type() == dtype::f32;
  Angle near = cody_waite(a), far = single ? payne_hanek_f32(a) : payne_hanek_f64(a);
  Value is_near = a < (single ? 0x1p17 : 0x1p20);
  return {where(is_near, near.quadrant, far.quadrant), where(is_near, near.r, far.r),
          where(is_near, near.low, far.low)};
}

// Of a >= 0; an infinity gives NaN.
Value of_angle(const Value& a, int quarter_turns) {
  const Format& f = format(a);
  const bool single = a.type() == dtype::f32;
  auto [k, r, low] = reduce(a);
  Value s = r * r;
  Value sine = r + fma(r * s, polynomial(s, single ? std::span<const double>(sin_f32) : sin_f64), low);
  Value head = fma(s, -0.5, 1), lost = fma(s, -0.5, 1 - head);
  Value cosine = head + fma(s * s, polynomial(s, single ? std::span<const double>(cos_f32) : cos_f64),
                            fma(r, -low, lost));
  Value q = quarter_turns ? k + quarter_turns : k;
  Value value = where(equal(q & 1, 0), sine, cosine).as(f.bits) ^ ((q & 2).cast(f.bits) << (f.type.bits - 2));
  return where(a < INFINITY, value.as(f.type), NAN);
}

}  // namespace

Value sin(const Value& x) {
  const Format& f = format(x);
  Value sign = x.as(f.bits) & std::ldexp(1.0, f.type.bits - 1);
  return (of_angle(magnitude(x), 0).as(f.bits) ^ sign).as(f.type);
}
Value cos(const Value& x) { return of_angle(magnitude(x), 1); }

}  // namespace doorbell::math
