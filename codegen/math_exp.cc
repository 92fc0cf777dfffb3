// exp, exp2, tanh: e^x = 2^n e^r with n the integer nearest to x / ln 2 and |r| <= ln 2 / 2. n is never
// converted: adding the shifter leaves n + bias in the low bits of the sum, from where a shift puts it into
// an exponent. Of the two parts of ln 2 the first, times n, leaves a difference from x that f32 holds
// exactly, and f64 nearly.
#include <cmath>

#include "codegen/math.h"

namespace doorbell::math {

namespace {

// clang-format off
// h = log(2)/2+1b-12; fpminimax(exp(x), 6, [|1,SG...|], [-h;h], relative): 2^-28.0
constexpr double exp_f32[] = {1, 1, 0.49999988079071044921875, 0.16666518151760101318359375, 4.16696555912494659423828125e-2,
  8.36895592510700225830078125e-3, 1.37447449378669261932373046875e-3};
// h = log(2)/2+1b-20; fpminimax(exp(x), 12, [|1,1,1,D...|], [-h;h], relative): 2^-63.5
constexpr double exp_f64[] = {1, 1, 0.5, 0.16666666666666685170383743752609007060527801513671875,
  4.166666666666653251471785779358469881117343902587890625e-2, 8.33333333331599639126618939144464093260467052459716796875e-3,
  1.38888888889641373865224682759844654356129467487335205078125e-3, 1.9841269898505874114645608496942941201268695294857025146484375e-4,
  2.480158716280418882403104030076601920976184308528900146484375e-5, 2.755723305018687962456187812154695393473957665264606475830078125e-6,
  2.75574114791578196292346110418680638076693867333233356475830078125e-7, 2.51125895317904181690963248286500017320776123597170226275920867919921875e-8,
  2.087290795132338621362517883258379247646274734506732784211635589599609375e-9};
// fpminimax(2^x, 6, [|1,SG...|], [-0.5;0.5], relative): 2^-28.1
constexpr double exp2_f32[] = {1, 0.693147182464599609375, 0.240226447582244873046875, 5.550359189510345458984375e-2,
  9.618841111660003662109375e-3, 1.339113689027726650238037109375e-3, 1.523800310678780078887939453125e-4};
// fpminimax(2^x, 12, [|1,D...|], [-0.5;0.5], relative): 2^-59.5
constexpr double exp2_f64[] = {1, 0.69314718055994528622676398299518041312694549560546875, 0.240226506959100694071906900717294774949550628662109375,
  5.5504108664822950081063623883892432786524295806884765625e-2, 9.618129107629609653162816584881511516869068145751953125e-3,
  1.33335581461598213538766177777006305404938757419586181640625e-3, 1.5403530391191704702023856921044853152125142514705657958984375e-4,
  1.5252734041855281160011102714602060359538882039487361907958984375e-5, 1.321548861040686244293601396548876181213927338831126689910888671875e-6,
  1.0177983377858133474353299376125026043382604257203638553619384765625e-7, 7.05422715030002861442832138606784386780645945691503584384918212890625e-9,
  4.46589447043001142348398066632994378444276861728212679736316204071044921875e-10, 2.6651721745011984640940685381318964695951390098116462468169629573822021484375e-11};
// d = [1b-30;0.625^2]; fpminimax((tanh(sqrt(x))/sqrt(x)-1)/x, 5, [|SG...|], d, absolute): 2^-29.7
constexpr double tanh_f32[] = {-0.3333333432674407958984375, 0.13333363831043243408203125, -5.39680086076259613037109375e-2, 2.182056941092014312744140625e-2,
  -8.477061055600643157958984375e-3, 2.41731689311563968658447265625e-3};
// d = [1b-40;0.625^2]; the same of degree 12, [|D...|]: 2^-61.9
constexpr double tanh_f64[] = {-0.333333333333333314829616256247390992939472198486328125, 0.1333333333333283354793508124203071929514408111572265625,
  -5.396825396785233375229751118240528739988803863525390625e-2, 2.18694885211189772589168711647289455868303775787353515625e-2,
  -8.86323521298329648765434995993656758219003677368164062500e-3, 3.59212387822730079556254878525578533299267292022705078125e-3,
  -1.4557983943788619339569482135867569013498723506927490234375e-3, 5.89815075928167551790048950266509564244188368320465087890625e-4,
  -2.3826189797180601808758437787361117443651892244815826416015625e-4, 9.4463137901762783232677278544286991746048443019390106201171875e-5,
  -3.45424574307099847034034645343325564681435935199260711669921875e-5, 9.847149322219303716331555154095411808157223276793956756591796875e-6,
  -1.471202088626675362983031898622687805300301988609135150909423828125e-6};
// clang-format on

bool single(const Value& x) { return x.type() == dtype::f32; }

struct Parts {
  double hi, lo;
};
Parts ln2(const Value& x) {
  return single(x) ? Parts{0.693147182464599609375, -1.9046542121259335544891655445098876953125e-9}
                   : Parts{0.69314718055994528622676398299518041312694549560546875,
                           2.319046813846299558417771079713361e-17};
}

// p * 2^n, where t = n + shifter; n may lie below the least exponent, or one above the greatest. The exponent
// of p takes n - s, and a product with 2^s rounds what is subnormal once. x has the sign of n; where it is
// NaN, so is the result.
Value scale(const Value& p, const Value& t, const Value& x) {
  const Format& f = format(x);
  Value by = where(x < 0, x.number(0x1p-64), x.number(2));
  Value exponent = (t.as(f.bits) << f.mantissa) - by.as(f.bits);
  return fma((p.as(f.bits) + exponent).as(f.type), by, x - x);
}

// e^r, and n + shifter.
struct Reduced {
  Value power, n;
};
Reduced reduce(const Value& x) {
  const Format& f = format(x);
  Value t = fma(x, 1.44269504088896340736, f.shifter), n = t - f.shifter;
  Value r = fma(n, -ln2(x).lo, fma(n, -ln2(x).hi, x));
  return {polynomial(r, single(x) ? std::span<const double>(exp_f32) : exp_f64), t};
}

}  // namespace

const Format& format(const Value& x) {
  static const Format formats[] = {{dtype::f32, dtype::u32, dtype::i32, 23, 127, 0x1.8p23 + 127},
                                   {dtype::f64, dtype::u64, dtype::i64, 52, 1023, 0x1.8p52 + 1023}};
  return formats[single(x) ? 0 : 1];
}

Value polynomial(const Value& x, std::span<const double> c) {
  Value p = x.number(c.back());
  for (size_t i = c.size() - 1; i-- > 0;) p = fma(p, x, c[i]);
  return p;
}

Value magnitude(const Value& x) {
  const Format& f = format(x);
  return (x.as(f.bits) & x.as(f.bits).pattern(f.type.mask() >> 1)).as(f.type);
}

Value with_sign_of(const Value& value, const Value& x) {
  const Format& f = format(x);
  Value sign = x.as(f.bits) & std::ldexp(1.0, f.type.bits - 1);
  return (value.as(f.bits) | sign).as(f.type);
}

Value exp_moderate(const Value& x) {
  const Format& f = format(x);
  auto [power, t] = reduce(x);
  Value exponent = (t.as(f.bits) << f.mantissa) - std::ldexp(f.bias, f.mantissa);
  return (power.as(f.bits) + exponent).as(f.type);
}

Value exp(const Value& given) {
  Value x = single(given) ? min(max(given, -104), 89) : min(max(given, -746), 710);
  auto [power, t] = reduce(x);
  return scale(power, t, x);
}

Value exp2(const Value& given) {
  const Format& f = format(given);
  Value x = min(max(given, -(f.bias + f.mantissa + 1.0)), f.bias + 1.0);
  Value t = x + f.shifter, r = x - (t - f.shifter);
  return scale(polynomial(r, single(x) ? std::span<const double>(exp2_f32) : exp2_f64), t, x);
}

Value exp2_sum(const Value& given, const Value& low) {
  const Format& f = format(given);
  Value x = min(max(given, -(f.bias + f.mantissa + 1.0)), f.bias + 1.0);
  Value t = x + f.shifter, r = (x - (t - f.shifter)) + where(equal(x, given), low, 0);
  return scale(polynomial(r, exp2_f64), t, x);
}

// Odd polynomial where it would cancel; else 1 - 2 / (e^2x + 1), which is 1 to the last bit beyond the clamp.
Value tanh(const Value& x) {
  Value a = magnitude(x), s = a * a;
  Value odd = fma(a * s, polynomial(s, single(x) ? std::span<const double>(tanh_f32) : tanh_f64), a);
  Value e = exp_moderate(min(a, single(x) ? 9.5 : 20) * 2);
  return with_sign_of(where(a > 0.625, 1 - 2 / (e + 1), odd), x);
}

}  // namespace doorbell::math
