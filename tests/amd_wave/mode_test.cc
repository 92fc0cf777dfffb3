// Floats as MODE has them: sums, products and fused products in all rounding and denormal modes against MPFR;
// conversions; and what the manuals say in words of minimum and maximum, of IEEE mode, of omod and clamp and
// of overflowing halves.
#include <gtest/gtest.h>
#include <mpfr.h>

#include <functional>
#include <mutex>

#include "codegen/isa/amd/amd.h"
#include "sim/amd/dispatch.h"
#include "sim/amd/gpu.h"

namespace doorbell::sim::amd {
namespace {

namespace isa = doorbell::amd;

constexpr uint32_t ieee = 1u << 9, dx10_clamp = 1u << 8, fp16_ovfl = 1u << 23, keep_denormals = 0xf0;

// Runs one instruction (a VOP, or a SOP2 with results in s8) on many operands: a in v[2:3] and s2, b in
// v[4:5] and s4, c in v[6:7] and s6, the result in v[8:9] or s8. The result's register starts as c.
struct Operands {
  uint64_t a = 0, b = 0, c = 0;
};
std::vector<uint64_t> execute(const char* chip, std::string_view text, uint32_t mode,
                              const std::vector<Operands>& in, bool set_by_code = false) {
  const Gpu& gpu = *find_gpu(chip);
  isa::Target target{gpu.arch, 32};
  std::vector<std::byte> code;
  auto add = [&](const std::string& line) {
    auto inst = isa::parse(line, target);
    EXPECT_TRUE(inst.ok()) << line << ": " << inst.error().message;
    EXPECT_TRUE(inst.ok() && isa::encode(*inst, target, code).ok()) << line;
  };
  if (set_by_code) {
    add(fmt::format("s_setreg_imm32_b32 hwreg(HW_REG_MODE, 0, 10), {:#x}", mode & 0x3ff));
    add(fmt::format("s_setreg_imm32_b32 hwreg(HW_REG_MODE, 23, 1), {}", mode >> 23 & 1));
  }
  add(std::string(text));
  add("s_endpgm");

  bool scalar = text.starts_with("s_");
  uint32_t each = scalar ? 1 : 32;
  constexpr uint64_t at = 0x10'0000'0000;
  std::vector<std::byte> memory(4096);
  std::copy(code.begin(), code.end(), memory.begin());
  Vm vm;
  Region region;
  region.va = at;
  region.bytes = memory.size();
  region.host = memory.data();
  region.access = access_all;
  EXPECT_TRUE(vm.map(region).ok());

  Dispatch d;
  d.code = at;
  d.wave32 = true;
  d.rsrc1 = 1;
  if (!set_by_code) {
    d.rsrc1 |= (mode & 0xff) << 12 | (mode >> 8 & 1) << 21 | (mode >> 9 & 1) << 23 | (mode >> 23 & 1) << 26;
  }
  d.workgroup[0] = 32;
  d.grid[0] = static_cast<uint32_t>((in.size() + each - 1) / each) * 32;
  std::vector<uint64_t> out(in.size());
  Surroundings around;
  around.begin = [&](const WaveRegisters& w) {
    for (uint32_t i = 0; i < each; ++i) {
      size_t k = size_t{w.workgroup[0]} * each + i;
      if (k >= in.size()) break;
      uint64_t value[] = {in[k].a, in[k].b, in[k].c, in[k].c};
      for (uint32_t r = 0; r < 8; ++r) {
        auto word = static_cast<uint32_t>(value[r / 2] >> 32 * (r & 1));
        w.vgpr[(2 + r) * 32 + i] = word;
        w.sgpr[2 + r] = word;
      }
    }
  };
  around.end = [&](const WaveRegisters& w) {
    for (uint32_t i = 0; i < each; ++i) {
      size_t k = size_t{w.workgroup[0]} * each + i;
      if (k >= in.size()) break;
      out[k] = scalar ? w.sgpr[8] : w.vgpr[8 * 32 + i] | static_cast<uint64_t>(w.vgpr[9 * 32 + i]) << 32;
    }
  };
  Outcome outcome = run(gpu, vm, d, around);
  EXPECT_EQ(outcome.status, Outcome::Status::done) << describe(outcome.fault);
  return out;
}

// ---- the oracle ----

struct Format {
  int bits, fraction, bias;
  [[nodiscard]] uint64_t sign() const { return uint64_t{1} << (bits - 1); }
  [[nodiscard]] uint64_t least_normal() const { return uint64_t{1} << fraction; }
  [[nodiscard]] uint64_t infinity() const { return sign() - least_normal(); }
  [[nodiscard]] uint64_t one() const { return static_cast<uint64_t>(bias) << fraction; }
  [[nodiscard]] uint64_t mask() const { return sign() | (sign() - 1); }
};
constexpr Format half{16, 10, 15}, single{32, 23, 127}, wide{64, 52, 1023};

struct Number {
  mpfr_t value;
  explicit Number() { mpfr_init2(value, 4500); }  // any sum of products of f64 is exact
  ~Number() { mpfr_clear(value); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
};

void from_bits(const Format& f, uint64_t bits, Number& x) {
  uint64_t magnitude = bits & ~f.sign() & f.mask(), fraction = magnitude & (f.least_normal() - 1);
  int exponent = static_cast<int>(magnitude >> f.fraction);
  if (exponent) fraction |= f.least_normal();
  mpfr_set_uj_2exp(x.value, fraction, std::max(exponent, 1) - f.bias - f.fraction, MPFR_RNDN);
  if (bits & f.sign()) mpfr_neg(x.value, x.value, MPFR_RNDN);
}
uint64_t flushed(const Format& f, uint64_t bits, bool flush) {
  return flush && (bits & f.infinity()) == 0 ? bits & f.sign() : bits;
}

// `x`, exact and not zero, rounded to `f`.
uint64_t to_bits(const Format& f, const Number& x, unsigned round, bool flush) {
  constexpr mpfr_rnd_t modes[] = {MPFR_RNDN, MPFR_RNDU, MPFR_RNDD, MPFR_RNDZ};
  uint64_t sign = mpfr_signbit(x.value) ? f.sign() : 0;
  mpfr_t y;
  mpfr_init2(y, f.fraction + 1);
  mpfr_set(y, x.value, modes[round]);
  mpfr_exp_t exponent = mpfr_get_exp(y) - 1;  // y = m * 2^exponent, 1 <= m < 2
  uint64_t bits = 0;
  if (exponent < 1 - f.bias) {  // tiny
    // A single or double is tiny by its precision; a half here, once it is rounded to a denormal.
    if (!flush || f.bits == 16) {
      Number units;
      mpfr_mul_2si(units.value, x.value, f.bias - 1 + f.fraction, MPFR_RNDN);
      mpfr_rint(units.value, units.value, modes[round]);
      mpfr_abs(units.value, units.value, MPFR_RNDN);
      bits = mpfr_get_uj(units.value, MPFR_RNDN);
      if (flush && bits < f.least_normal()) bits = 0;
    }
  } else if (exponent > f.bias) {
    bool away = round == 0 || round == (sign ? 2u : 1u);
    bits = f.infinity() - (away ? 0 : 1);
  } else {
    mpfr_mul_2si(y, y, f.fraction - exponent, MPFR_RNDN);
    mpfr_abs(y, y, MPFR_RNDN);
    bits = mpfr_get_uj(y, MPFR_RNDN) - f.least_normal() +
           (static_cast<uint64_t>(exponent + f.bias) << f.fraction);
  }
  mpfr_clear(y);
  return sign | bits;
}

// a * b + c, with `product` a alone if there is no b.
uint64_t fused(const Format& from, const Format& to, const uint64_t* a, const uint64_t* b, const uint64_t* c,
               unsigned round, bool flush_in, bool flush_out) {
  Number x, y, z;
  uint64_t u = flushed(from, *a, flush_in), v = b ? flushed(from, *b, flush_in) : from.one(),
           w = c ? flushed(from, *c, flush_in) : 0;
  from_bits(from, u, x);
  from_bits(from, v, y);
  from_bits(from, w, z);
  mpfr_mul(x.value, x.value, y.value, MPFR_RNDN);
  bool product_sign = ((u ^ v) & from.sign()) != 0, addend_sign = (w & from.sign()) != 0;
  bool product_zero = mpfr_zero_p(x.value);
  if (c) mpfr_add(x.value, x.value, z.value, MPFR_RNDN);
  if (mpfr_zero_p(x.value)) {  // IEEE 754-2019 6.3
    bool negative = product_sign;
    if (c && (!product_zero || product_sign != addend_sign)) negative = round == 2;
    return negative ? to.sign() : 0;
  }
  return to_bits(to, x, round, flush_out);
}

std::vector<uint64_t> samples(const Format& f) {
  uint64_t n = f.least_normal(), one = f.one();
  std::vector<uint64_t> list = {0,
                                1,
                                2,
                                n / 2 + 1,
                                n - 1,
                                n,
                                n + 1,
                                2 * n,
                                one / 2,
                                one - 1,
                                one,
                                one + 1,
                                one + n / 2,
                                one + 3,
                                f.infinity() - 1,
                                f.infinity() - n,
                                one + 5 * n + 7};
  size_t positive = list.size();
  for (size_t i = 0; i < positive; i += 1 + i % 2) list.push_back(list[i] | f.sign());
  return list;
}

uint32_t denormals_of(const Format& f, uint32_t mode) { return mode >> (f.bits == 32 ? 4 : 6) & 3; }
uint32_t round_of(const Format& f, uint32_t mode) { return mode >> (f.bits == 32 ? 0 : 2) & 3; }

struct Row {
  const char* chip;
  const char* text;
  const Format& from;
  const Format& to;
  char operation;  // + a + b, * a * b, f a * b + c, c conversion of a
};
const Row arithmetic[] = {
    {"gfx1030", "v_add_f32 v8, v2, v4", single, single, '+'},
    {"gfx1100", "v_mul_f32 v8, v2, v4", single, single, '*'},
    {"gfx1100", "v_fma_f32 v8, v2, v4, v6", single, single, 'f'},
    {"gfx1030", "v_fmac_f32 v8, v2, v4", single, single, 'f'},
    {"gfx1100", "v_add_f64 v[8:9], v[2:3], v[4:5]", wide, wide, '+'},
    {"gfx1030", "v_mul_f64 v[8:9], v[2:3], v[4:5]", wide, wide, '*'},
    {"gfx1100", "v_fma_f64 v[8:9], v[2:3], v[4:5], v[6:7]", wide, wide, 'f'},
    {"gfx1100", "v_add_f16 v8, v2, v4", half, half, '+'},
    {"gfx1030", "v_mul_f16 v8, v2, v4", half, half, '*'},
    {"gfx1100", "v_fma_f16 v8, v2, v4, v6", half, half, 'f'},
    {"gfx1030", "v_pk_fma_f16 v8, v2, v4, v6", half, half, 'f'},
    {"gfx1151", "s_add_f32 s8, s2, s4", single, single, '+'},
    {"gfx1151", "s_mul_f32 s8, s2, s4", single, single, '*'},
    {"gfx1151", "s_fmac_f32 s8, s2, s4", single, single, 'f'},
    {"gfx1151", "s_mul_f16 s8, s2, s4", half, half, '*'},
    {"gfx1151", "s_fmac_f16 s8, s2, s4", half, half, 'f'},
    {"gfx1100", "v_cvt_f16_f32 v8, v2", single, half, 'c'},
    {"gfx1030", "v_cvt_f32_f16 v8, v2", half, single, 'c'},
    {"gfx1100", "v_cvt_f32_f64 v8, v[2:3]", wide, single, 'c'},
    {"gfx1030", "v_cvt_f64_f32 v[8:9], v2", single, wide, 'c'},
    {"gfx1151", "s_cvt_f16_f32 s8, s2", single, half, 'c'},
    {"gfx1151", "s_cvt_f32_f16 s8, s2", half, single, 'c'},
};

class ModeSweep : public testing::TestWithParam<Row> {};

TEST_P(ModeSweep, EqualsMpfr) {
  const Row& row = GetParam();
  std::vector<uint64_t> list = samples(row.from);
  if (row.operation == 'c' && row.from.bits > row.to.bits) {  // around the narrower format's edges
    Number x;
    for (uint64_t bits : samples(row.to)) {
      from_bits(row.to, bits, x);
      if (mpfr_zero_p(x.value)) continue;
      uint64_t same = to_bits(row.from, x, 0, false);
      for (uint64_t near : {same - 1, same, same + 1}) list.push_back(near);
    }
  }
  std::vector<Operands> in;
  for (uint64_t a : list) {
    if (row.operation == 'c') {
      in.push_back({a, 0, 0});
      continue;
    }
    for (uint64_t b : list) {
      if (row.operation != 'f') in.push_back({a, b, 0});
      else
        for (size_t k = 0; k < 3; ++k) in.push_back({a, b, list[(in.size() * 7 + k) % list.size()]});
    }
  }
  bool packed = std::string_view(row.text).starts_with("v_pk_"), scalar = row.text[0] == 's';
  std::vector<Operands> given = in;
  if (packed) {
    for (size_t i = 0; i < in.size(); ++i) {
      const Operands& high = in[(i * 5 + 1) % in.size()];
      given[i] = {in[i].a | high.a << 16, in[i].b | high.b << 16, in[i].c | high.c << 16};
    }
  }
  for (uint32_t k = 0; k < 16; ++k) {
    uint32_t round = k & 3, denormals = k >> 2;
    // The other format's mode is the opposite.
    bool low = row.to.bits == 32;
    uint32_t mode = ieee | (low ? round | (3 - round) << 2 : round << 2 | (3 - round));
    mode |= low ? denormals << 4 | (3 - denormals) << 6 : denormals << 6 | (3 - denormals) << 4;
    std::vector<uint64_t> got = execute(row.chip, row.text, mode, given, k & 1);
    int failures = 0;
    auto expected = [&](const Operands& o) {
      uint64_t a = o.a, b = o.b, c = o.c;
      bool flush_in = !(denormals_of(row.from, mode) & 1), flush_out = !(denormals_of(row.to, mode) & 2);
      unsigned to_mode = round_of(row.to, mode);
      switch (row.operation) {
        case '+': return fused(row.from, row.to, &a, nullptr, &b, to_mode, flush_in, flush_out);
        case '*': return fused(row.from, row.to, &a, &b, nullptr, to_mode, flush_in, flush_out);
        case 'f': return fused(row.from, row.to, &a, &b, &c, to_mode, flush_in, flush_out);
        default: return fused(row.from, row.to, &a, nullptr, nullptr, to_mode, flush_in, flush_out);
      }
    };
    for (size_t i = 0; i < in.size() && failures < 5; ++i) {
      uint64_t want = expected(in[i]), have = got[i] & row.to.mask();
      if (packed) {
        want |= expected(in[(i * 5 + 1) % in.size()]) << 16;
        have = got[i] & 0xffffffff;
      }
      if (scalar) have = got[i];  // the upper half of a scalar becomes zero
      if (want == have) continue;
      ++failures;
      ADD_FAILURE() << fmt::format("{} in mode {:#x}: {:#x}, {:#x}, {:#x} give {:#x}, not {:#x}", row.text,
                                   mode, in[i].a, in[i].b, in[i].c, have, want);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Rows, ModeSweep, testing::ValuesIn(arithmetic), [](const auto& info) {
  std::string_view text = info.param.text;
  return std::string(text.substr(0, text.find(' '))) + "_" + info.param.chip;
});

// ---- what the manuals say in words ----

uint64_t one(const char* chip, std::string_view text, uint32_t mode, Operands in) {
  return execute(chip, text, mode, {in})[0];
}

TEST(Mode, MinimumTakesDenormalsForZerosOnlyAsSources) {
  uint32_t in_only = ieee | 0xe0;  // f32: results may be denormal, sources are not
  EXPECT_EQ(uint32_t(one("gfx1100", "v_min_f32 v8, v2, v4", in_only, {0x00000005, 0x3f800000})), 0u);
  uint32_t out_only = ieee | 0xd0;
  EXPECT_EQ(uint32_t(one("gfx1100", "v_min_f32 v8, v2, v4", out_only, {0x00000005, 0x3f800000})), 5u);
  EXPECT_EQ(uint32_t(one("gfx1030", "v_max_f16 v8, v2, v4", ieee | 0x30, {0x8005, 0xbc00, 0x7777})) & 0xffff,
            0x8000u);
}

TEST(Mode, MinimumQuietsSignalingNansInIeeeMode) {
  constexpr uint32_t signaling = 0x7f800001;
  EXPECT_EQ(uint32_t(one("gfx1030", "v_min_f32 v8, v2, v4", ieee | keep_denormals, {signaling, 0x3f800000})),
            0x7fc00001u);
  EXPECT_EQ(uint32_t(one("gfx1100", "v_max_f32 v8, v4, v2", ieee | keep_denormals, {signaling, 0x3f800000})),
            0x7fc00001u);
  EXPECT_EQ(uint32_t(one("gfx1100", "v_min_f32 v8, v2, v4", keep_denormals, {signaling, 0x3f800000})),
            0x3f800000u);
  EXPECT_EQ(uint32_t(one("gfx1151", "s_max_f32 s8, s2, s4", keep_denormals, {signaling, 0x3f800000})),
            0x3f800000u);
}

TEST(Mode, ArithmeticPassesSignalingNansOutsideOfIeeeMode) {
  constexpr uint32_t signaling = 0x7f800001;
  EXPECT_EQ(uint32_t(one("gfx1100", "v_add_f32 v8, v2, v4", keep_denormals, {signaling, 0x3f800000})),
            signaling);
  EXPECT_EQ(uint32_t(one("gfx1100", "v_add_f32 v8, v2, v4", ieee | keep_denormals, {signaling, 0x3f800000})),
            0x7fc00001u);
}

// gfx10 and gfx11: "Output modifiers are not compatible with output denormals", nor with IEEE mode.
TEST(OutputModifier, ScalesOnlyWhereResultsAreFlushedOutsideOfIeeeMode) {
  for (const char* chip : {"gfx1030", "gfx1100", "gfx1151"}) {
    auto doubled = [&](uint32_t mode, uint32_t a, uint32_t b) {
      return uint32_t(one(chip, "v_add_f32 v8, v2, v4 mul:2", mode, {a, b}));
    };
    EXPECT_EQ(doubled(0xc0, 0x3f800000, 0x3f800000), 0x40800000u);         // 4
    EXPECT_EQ(doubled(0xc0 | ieee, 0x3f800000, 0x3f800000), 0x40000000u);  // 2
    EXPECT_EQ(doubled(0xf0, 0x3f800000, 0x3f800000), 0x40000000u);
    EXPECT_EQ(doubled(0xc0, 0x80000000, 0x80000000), 0u);  // -0 becomes +0
    EXPECT_EQ(doubled(0xc0, 0x7f7fffff, 0), 0x7f800000u);
    EXPECT_EQ(doubled(0xc3, 0x7f7fffff, 0), 0x7f7fffffu);  // towards zero
    auto halved = [&](uint32_t a) { return uint32_t(one(chip, "v_add_f32 v8, v2, v4 div:2", 0xc0, {a, 0})); };
    EXPECT_EQ(halved(0x80800001), 0x80000000u);  // a zero of its sign
    EXPECT_EQ(halved(0x3f800000), 0x3f000000u);
    EXPECT_EQ(uint32_t(one(chip, "v_add_f16 v8, v2, v4 mul:4", 0x30, {0x3c00, 0x3c00})) & 0xffff, 0x4800u);
    EXPECT_EQ(
        one(chip, "v_add_f64 v[8:9], v[2:3], v[4:5] mul:2", 0x30, {0x3ff0000000000000, 0x3ff0000000000000}),
        0x4010000000000000u);
  }
}

TEST(Clamp, LimitsToOneAndMakesNansZeroWithDx10Clamp) {
  auto clamped = [](uint32_t mode, uint32_t a) {
    return uint32_t(one("gfx1100", "v_add_f32 v8, v2, v4 clamp", mode, {a, 0}));
  };
  uint32_t plain = ieee | keep_denormals;
  EXPECT_EQ(clamped(plain, 0x40000000), 0x3f800000u);
  EXPECT_EQ(clamped(plain, 0xc0000000), 0u);
  EXPECT_EQ(clamped(plain, 0x3f000000), 0x3f000000u);
  EXPECT_EQ(clamped(plain | dx10_clamp, 0x7fc00000), 0u);
  EXPECT_EQ(clamped(plain, 0x7fc00000), 0x7fc00000u);
  // Both halves; and integers keep their own meaning of the bit.
  EXPECT_EQ(uint32_t(one("gfx1030", "v_pk_add_f16 v8, v2, v4 clamp", plain | dx10_clamp, {0xc0004000, 0})),
            0x3c00u);
  EXPECT_EQ(uint32_t(one("gfx1030", "v_add_nc_u32 v8, v2, v4 clamp", plain, {0xfffffff0, 0x20})),
            0xffffffffu);
}

TEST(Fp16Overflow, LimitsWhatOverflowsButNotInfinities) {
  uint32_t limited = ieee | keep_denormals | fp16_ovfl;
  auto sum = [](uint32_t mode, uint32_t a, uint32_t b) {
    return uint32_t(one("gfx1100", "v_add_f16 v8, v2, v4", mode, {a, b})) & 0xffff;
  };
  EXPECT_EQ(sum(ieee | keep_denormals, 0x7bff, 0x7bff), 0x7c00u);
  EXPECT_EQ(sum(limited, 0x7bff, 0x7bff), 0x7bffu);
  EXPECT_EQ(sum(limited, 0xfbff, 0xfbff), 0xfbffu);
  EXPECT_EQ(sum(limited, 0x7c00, 0x3c00), 0x7c00u);
  EXPECT_EQ(uint32_t(one("gfx1100", "v_cvt_f16_f32 v8, v2", limited, {0x48000000})) & 0xffff, 0x7bffu);
  EXPECT_EQ(uint32_t(one("gfx1100", "v_rcp_f16 v8, v2", limited, {0})) & 0xffff, 0x7c00u);
}

TEST(FmaMix, TakesHalvesByTheModeOfHalves) {
  // a half denormal times one: kept or flushed as FP_DENORM of halves says, whatever that of f32 is.
  const char* text = "v_fma_mix_f32 v8, v2, v4, v6 op_sel_hi:[1,0,0]";
  EXPECT_EQ(uint32_t(one("gfx1100", text, ieee | 0xc0, {1, 0x3f800000, 0})), 0x33800000u);
  EXPECT_EQ(uint32_t(one("gfx1100", text, ieee | 0x30, {1, 0x3f800000, 0})), 0u);
  EXPECT_EQ(uint32_t(one("gfx1030", "v_fma_mix_f32 v8, v2, v4, -v6 op_sel:[1,0,0] op_sel_hi:[1,0,0]",
                         ieee | keep_denormals, {0x40000000, 0x40400000, 0x3f800000})),
            0x40a00000u);  // 2 * 3 - 1
}

}  // namespace
}  // namespace doorbell::sim::amd
