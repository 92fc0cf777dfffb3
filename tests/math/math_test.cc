// exp ... pow as kernels compute them, in machine code, against MPFR.
//
// Every input's error is first measured against the C library's function one type up (f32: double, f64: long
// double), whose own error is below 2^-10 ulp of the result; wherever that says more than a quarter of an ulp
// below the bound or less, MPFR decides. A sample is measured by MPFR alone.
// DOORBELL_NIGHTLY=1: all 2^32 inputs of the unary functions of f32.
#include <mpfr.h>

#include <cmath>
#include <cstdlib>

#include "tests/math/harness.h"

namespace doorbell {
namespace {

using namespace dtype;

using Mpfr = int (*)(mpfr_t, const mpfr_t, mpfr_rnd_t);
struct Function {
  Op op;
  double (*libm)(double);
  long double (*wide)(long double);
  Mpfr mpfr;
  double bound_f32, bound_f64;  // ulp
};
// clang-format off
const Function functions[] = {
  {Op::Exp,  std::exp,  std::exp,  mpfr_exp,  1.0, 1.0},
  {Op::Exp2, std::exp2, std::exp2, mpfr_exp2, 1.0, 1.0},
  {Op::Log,  std::log,  std::log,  mpfr_log,  2.0, 1.0},
  {Op::Log2, std::log2, std::log2, mpfr_log2, 2.0, 1.0},
  {Op::Sin,  std::sin,  std::sin,  mpfr_sin,  2.0, 1.0},
  {Op::Cos,  std::cos,  std::cos,  mpfr_cos,  2.0, 1.0},
  {Op::Tanh, std::tanh, std::tanh, mpfr_tanh, 2.0, 2.0},
  {Op::Erf,  std::erf,  std::erf,  mpfr_erf,  2.0, 2.0},
};
// clang-format on

class Exact {
 public:
  Exact() { mpfr_init2(x_, 53), mpfr_init2(y_, 53), mpfr_init2(z_, 160); }
  ~Exact() { mpfr_clear(x_), mpfr_clear(y_), mpfr_clear(z_); }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;

  // Error of `found` in ulps of the type at the exact value; 0 if equal as specials are, infinity if they
  // differ.
  double ulps(DType t, Mpfr f, double x, double found) {
    mpfr_set_d(x_, x, MPFR_RNDN);
    f(z_, x_, MPFR_RNDN);
    return ulps(t, found);
  }
  double ulps_pow(DType t, double x, double y, double found) {
    mpfr_set_d(x_, x, MPFR_RNDN), mpfr_set_d(y_, y, MPFR_RNDN);
    mpfr_pow(z_, x_, y_, MPFR_RNDN);
    return ulps(t, found);
  }

 private:
  double ulps(DType t, double found) {
    if (mpfr_nan_p(z_) || std::isnan(found)) return mpfr_nan_p(z_) && std::isnan(found) ? 0 : INFINITY;
    const double nearest =
        t == f64 ? mpfr_get_d(z_, MPFR_RNDN) : static_cast<double>(mpfr_get_flt(z_, MPFR_RNDN));
    if (mpfr_inf_p(z_) || mpfr_zero_p(z_))
      return found == nearest && std::signbit(found) == std::signbit(nearest) ? 0 : INFINITY;
    if (found == 0 && std::signbit(found) != (mpfr_sgn(z_) < 0)) return INFINITY;
    if (std::isinf(found) && std::isinf(nearest))
      return std::signbit(found) == std::signbit(nearest) ? 0 : INFINITY;
    const int least = 1 - t.bias - t.mantissa;
    const int exponent = std::max(static_cast<int>(mpfr_get_exp(z_)) - 1 - t.mantissa, least);
    // An infinity stands for the value after the greatest.
    const double value = std::isinf(found) ? std::copysign(std::ldexp(1.0, t.bias), found) : found;
    mpfr_t d;
    mpfr_init2(d, 200);
    if (std::isinf(found)) mpfr_set_d(d, value, MPFR_RNDN), mpfr_mul_2ui(d, d, 1, MPFR_RNDN);
    else mpfr_set_d(d, value, MPFR_RNDN);
    mpfr_sub(d, d, z_, MPFR_RNDN);
    mpfr_mul_2si(d, d, -exponent, MPFR_RNDN);
    const double e = std::fabs(mpfr_get_d(d, MPFR_RNDN));
    mpfr_clear(d);
    return e;
  }
  mpfr_t x_, y_, z_;
};

struct Worst {
  double ulps = 0, x = 0, y = 0, found = 0;
  size_t wrong = 0;
  void see(double u, double at, double value, double second = 0) {
    if (u > ulps) *this = {u, at, second, value, wrong};
  }
};

bool nightly() {
  return std::getenv("DOORBELL_NIGHTLY") && std::string(std::getenv("DOORBELL_NIGHTLY")) == "1";
}

constexpr size_t block = 1 << 16;

void check_f32(const Function& f, uint64_t first, uint64_t step) {
  Elementwise kernel({f32}, block, [&](const std::vector<Value>& in) { return alu(f.op, in[0]); });
  std::vector<float> x(block), y(block);
  Exact exact;
  Worst worst;
  uint64_t n = 0, judged = 0;
  for (uint64_t at = first; at < (1ULL << 32);) {
    size_t count = 0;
    for (; count < block && at < (1ULL << 32); at += step)
      x[count++] = std::bit_cast<float>(static_cast<uint32_t>(at));
    for (size_t i = count; i < block; ++i) x[i] = 0;
    kernel({x.data(), y.data()});
    for (size_t i = 0; i < count; ++i, ++n) {
      const double in = x[i], found = y[i], near = f.libm(in), size = std::fabs(near);
      bool close = false;
      double error = 0;
      if (size < 0x1p127 && size > 0x1p-151) {
        const double ulp =
            std::max(std::bit_cast<double>(std::bit_cast<uint64_t>(size) >> 52 << 52) * 0x1p-23, 0x1p-149);
        error = std::fabs(found - near) / ulp;
        close = error < std::max(worst.ulps - 0.001, 0.5) && error <= f.bound_f32 - 0.01 &&
                (found != 0 || std::signbit(found) == std::signbit(near));
      } else if (size < 0x1p-152 || size > 0x1p129) {
        close = static_cast<float>(near) == y[i] && std::signbit(near) == std::signbit(found);
      } else {
        close = std::isnan(near) && std::isnan(found);
      }
      if (close && n % 4096 != 0) continue;
      ++judged;
      error = exact.ulps(f32, f.mpfr, in, found);
      worst.see(error, in, found);
      worst.wrong += !(error <= f.bound_f32);
    }
  }
  fmt::print("{:5} f32: max {:.4f} ulp at {:a} ({:a}); {} inputs, {} judged by MPFR; {} bytes of code\n",
             text(f.op), worst.ulps, worst.x, worst.found, n, judged, kernel.image().code.size());
  std::fflush(stdout);
  EXPECT_LE(worst.ulps, f.bound_f32) << text(f.op) << " of " << worst.x << " gives " << worst.found << "; "
                                     << worst.wrong << " are wrong";
}

class OfF32 : public testing::TestWithParam<Function> {};
// The step is prime to 2^32: all exponents, all low bits.
TEST_P(OfF32, LiesWithinItsBound) { check_f32(GetParam(), 0, nightly() ? 1 : 1021); }
INSTANTIATE_TEST_SUITE_P(Math, OfF32, testing::ValuesIn(functions),
                         [](const auto& p) { return std::string(text(p.param.op)); });

// Around every power of two, and around what a function treats as a case of its own.
TEST(Math, EdgesOfF32LieWithinTheBound) {
  std::vector<float> in;
  for (uint64_t e = 0; e < 512; ++e)
    for (int64_t d = -4; d <= 4; ++d)
      in.push_back(std::bit_cast<float>(static_cast<uint32_t>((e << 23) + static_cast<uint64_t>(d))));
  for (float c :
       {0.625f, 0.92f, 3.95f, 9.0f, 88.722839f, 88.8f, -87.33654f, -103.97208f, -103.9f, 128.0f, -126.0f,
        -149.0f, -150.0f, 131072.0f, 0.70710678f, 1.4142135f, 1.57079637f, 3.1415927f, 16367173.0f * 0x1p72f})
    for (int s = 0; s < 2; ++s)
      for (uint32_t d = 0; d < 64; ++d)
        in.push_back(std::bit_cast<float>(std::bit_cast<uint32_t>(s ? -c : c) + d - 32));
  in.resize((in.size() + 63) / 64 * 64, 1.0f);
  Exact exact;
  for (const Function& f : functions) {
    Elementwise kernel({f32}, static_cast<int64_t>(in.size()),
                       [&](const std::vector<Value>& v) { return alu(f.op, v[0]); });
    std::vector<float> out(in.size());
    kernel({in.data(), out.data()});
    for (size_t i = 0; i < in.size(); ++i) {
      const double u = exact.ulps(f32, f.mpfr, in[i], out[i]);
      EXPECT_LE(u, f.bound_f32) << text(f.op) << " of " << fmt::format("{:a} gives {:a}", in[i], out[i]);
    }
  }
}

// One lowered kernel, machine code and evaluator: the same bits, on every float type.
TEST(Math, MachineCodeAndEvaluatorAgreeBitForBit) {
  std::mt19937_64 random(6);
  for (const auto& [text_type, t] : all())
    for (const OpRow& r : op_table()) {
      if (!t.is_float() || r.op < Op::Exp || r.op > Op::Pow) continue;
      SCOPED_TRACE(fmt::format("{} of {}", r.text, name(t)));
      constexpr size_t n = 512;
      const std::vector<DType> types(static_cast<size_t>(r.arity), t);
      Elementwise kernel(types, n, [&](const std::vector<Value>& in) {
        return in.size() == 1 ? alu(r.op, in[0]) : alu(r.op, in[0], in[1]);
      });
      std::vector<Bytes> params(types.size() + 1, Bytes(n * static_cast<size_t>(t.bytes())));
      for (size_t k = 0; k < types.size(); ++k)
        for (size_t i = 0; i < n; ++i)
          set_element(t, params[k].data(), i,
                      i % 2
                          ? random() & t.mask()
                          : encode(t, std::ldexp(static_cast<double>(static_cast<int64_t>(random())), -60)));
      compare(kernel.kernel(), params);
    }
}

// f64 is drawn: random patterns, values around 1, around multiples of pi / 2, and around powers of two.
std::vector<double> doubles(size_t n, std::mt19937_64& random) {
  std::vector<double> in;
  for (double v : {0.0,
                   1.0,
                   0.5,
                   2.0,
                   0.625,
                   5.9,
                   6.0,
                   709.78271289338397,
                   709.79,
                   -708.3964185322641,
                   -745.13321910194122,
                   -745.2,
                   1023.9999999,
                   1024.0,
                   -1022.0,
                   -1074.0,
                   -1075.0,
                   5e-324,
                   2.2250738585072014e-308,
                   1.7976931348623157e308,
                   6381956970095103.0 * 0x1p797,
                   double{INFINITY},
                   double{NAN}}) {
    in.push_back(v);
    in.push_back(-v);
  }
  const auto unit = [&] { return std::ldexp(static_cast<double>(static_cast<int64_t>(random())), -63); };
  while (in.size() < n) switch (random() % 6) {
      case 0: in.push_back(std::bit_cast<double>(random())); break;
      case 1: in.push_back(std::ldexp(unit(), static_cast<int>(random() % 40) - 30)); break;
      case 2: in.push_back(1 + std::ldexp(unit(), -static_cast<int>(random() % 53))); break;
      case 3: in.push_back(M_PI_2 * static_cast<double>(random() % (1 << random() % 40))); break;
      case 4: in.push_back(unit() * 750); break;
      default:
        in.push_back(std::ldexp(1 + static_cast<double>(random() % 16) * 0x1p-52,
                                static_cast<int>(random() % 2098) - 1074));
        break;
    }
  return in;
}

TEST(Math, FunctionsOfF64LieWithinTheirBound) {
  std::mt19937_64 random(4);
  const size_t n = nightly() ? 1 << 20 : 1 << 15;
  const std::vector<double> in = doubles(n, random);
  Exact exact;
  for (const Function& f : functions) {
    Elementwise kernel({f64}, static_cast<int64_t>(n),
                       [&](const std::vector<Value>& v) { return alu(f.op, v[0]); });
    std::vector<double> out(n);
    kernel({in.data(), out.data()});
    Worst worst;
    for (size_t i = 0; i < n; ++i) {
      const double u = exact.ulps(f64, f.mpfr, in[i], out[i]);
      worst.see(u, in[i], out[i]);
      worst.wrong += !(u <= f.bound_f64);
    }
    fmt::print("{:5} f64: max {:.4f} ulp at {:a} ({:a}); {} inputs\n", text(f.op), worst.ulps, worst.x,
               worst.found, n);
    EXPECT_LE(worst.ulps, f.bound_f64) << text(f.op) << "; " << worst.wrong << " are wrong";
  }
}

TEST(Math, PowOfF64LiesWithinItsBoundAndTreatsSpecialsAsCDoes) {
  std::mt19937_64 random(5);
  std::vector<double> x, y;
  for (double a : doubles(60, random))
    for (double b : {0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 9007199254740991.0, 9007199254740992.0, 1e300, 5e-324,
                     double{INFINITY}, double{NAN}})
      for (double s : {1.0, -1.0}) x.push_back(a), y.push_back(s * b);
  const size_t n = nightly() ? 1 << 20 : 1 << 15;
  const auto unit = [&] { return std::ldexp(static_cast<double>(static_cast<int64_t>(random())), -63); };
  while (x.size() < n) switch (random() % 4) {
      case 0:
        x.push_back(std::bit_cast<double>(random())), y.push_back(std::bit_cast<double>(random()));
        break;
      case 1: x.push_back(std::fabs(std::bit_cast<double>(random()))), y.push_back(unit() * 1.5); break;
      case 2: x.push_back(1 + unit() * 0.5), y.push_back(unit() * 2000); break;
      default: x.push_back(unit() * 30), y.push_back(std::round(unit() * 200)); break;
    }
  Elementwise kernel({f64, f64}, static_cast<int64_t>(n),
                     [&](const std::vector<Value>& v) { return alu(Op::Pow, v[0], v[1]); });
  std::vector<double> z(n);
  kernel({x.data(), y.data(), z.data()});
  Exact exact;
  Worst worst;
  for (size_t i = 0; i < n; ++i) {
    const double u = exact.ulps_pow(f64, x[i], y[i], z[i]);
    worst.see(u, x[i], z[i], y[i]);
    EXPECT_LE(u, 1.5) << fmt::format("pow({:a}, {:a}) gives {:a}", x[i], y[i], z[i]);
  }
  fmt::print("pow   f64: max {:.4f} ulp at {:a}, {:a}; {} pairs\n", worst.ulps, worst.x, worst.y, n);
}

TEST(Math, PowOfF32LiesWithinItsBoundAndTreatsSpecialsAsCDoes) {
  std::mt19937_64 random(3);
  std::vector<float> edges;
  for (float v : {0.0f,   1.0f,    2.0f,       3.0f,       0.5f,        1.5f,        2.5f,        1e-45f,
                  1e-38f, 3.4e38f, 1.0000001f, 0.9999999f, 16777215.0f, 16777216.0f, 33554432.0f, 8388607.5f,
                  1e30f,  127.0f,  149.0f,     150.0f,     INFINITY,    NAN}) {
    edges.push_back(v);
    edges.push_back(-v);
  }
  std::vector<float> x, y;
  for (float a : edges)
    for (float b : edges) x.push_back(a), y.push_back(b);
  while (x.size() < (nightly() ? 1 << 24 : 1 << 18)) {
    const auto any = [&] { return std::bit_cast<float>(static_cast<uint32_t>(random())); };
    const auto unit = [&](double scale) {
      return static_cast<float>(std::ldexp(static_cast<double>(static_cast<int64_t>(random())), -63) * scale);
    };
    switch (random() % 4) {
      case 0: x.push_back(any()), y.push_back(any()); break;
      case 1: x.push_back(std::fabs(any())), y.push_back(unit(2)); break;
      case 2: x.push_back(1 + unit(0.5)), y.push_back(unit(400)); break;
      default: x.push_back(unit(30)), y.push_back(std::round(unit(40))); break;
    }
  }
  Elementwise kernel({f32, f32}, static_cast<int64_t>(x.size()),
                     [&](const std::vector<Value>& v) { return alu(Op::Pow, v[0], v[1]); });
  std::vector<float> z(x.size());
  kernel({x.data(), y.data(), z.data()});
  Exact exact;
  Worst worst;
  for (size_t i = 0; i < x.size(); ++i) {
    const double u = exact.ulps_pow(f32, x[i], y[i], z[i]);
    worst.see(u, x[i], z[i], y[i]);
    EXPECT_LE(u, 1.0) << fmt::format("pow({:a}, {:a}) gives {:a}", x[i], y[i], z[i]);
  }
  fmt::print("pow   f32: max {:.4f} ulp at {:a}, {:a}; {} pairs\n", worst.ulps, worst.x, worst.y, x.size());
}

}  // namespace
}  // namespace doorbell
