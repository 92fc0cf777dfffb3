// Casts and bitcasts. Float to integer saturates and takes NaN to 0, which the instructions do not. EVEX has
// an instruction for every pair of 32- and 64-bit types; without it unsigned and 64-bit integers have none,
// and are converted by arithmetic, or lane by lane.
#include <bit>

#include "codegen/target/x86/selector.h"

namespace doorbell::x86::target {

using machine::def;
using machine::imm;
using machine::use;
using NodeOp = doorbell::Op;

namespace {

bool narrow(DType t) { return t.bits < 32 && t.count == 1; }
bool wide_int(DType t) { return t.is_int() && t.bits == 64; }
uint64_t bits32(float f) { return std::bit_cast<uint32_t>(f); }
uint64_t bits64(double d) { return std::bit_cast<uint64_t>(d); }
constexpr double two52 = 4503599627370496.0;

struct Native {
  DType from, to;
  Op op;
};
// clang-format off
constexpr Native natives[] = {
  {dtype::i32, dtype::f32, op("vcvtdq2ps")},   {dtype::i32, dtype::f64, op("vcvtdq2pd")},
  {dtype::u32, dtype::f32, op("vcvtudq2ps")},  {dtype::u32, dtype::f64, op("vcvtudq2pd")},
  {dtype::i64, dtype::f32, op("vcvtqq2ps")},   {dtype::i64, dtype::f64, op("vcvtqq2pd")},
  {dtype::u64, dtype::f32, op("vcvtuqq2ps")},  {dtype::u64, dtype::f64, op("vcvtuqq2pd")},
  {dtype::f32, dtype::i32, op("vcvttps2dq")},  {dtype::f64, dtype::i32, op("vcvttpd2dq")},
  {dtype::f32, dtype::u32, op("vcvttps2udq")}, {dtype::f64, dtype::u32, op("vcvttpd2udq")},
  {dtype::f32, dtype::i64, op("vcvttps2qq")},  {dtype::f64, dtype::i64, op("vcvttpd2qq")},
  {dtype::f32, dtype::u64, op("vcvttps2uqq")}, {dtype::f64, dtype::u64, op("vcvttpd2uqq")},
  {dtype::f32, dtype::f64, op("vcvtps2pd")},   {dtype::f64, dtype::f32, op("vcvtpd2ps")},
};
// clang-format on
constexpr Op none = static_cast<Op>(0xffff);

Op native(DType from, DType to) {
  // A narrow integer is one of 32 bits; its sign is no matter, since it is extended.
  if (narrow(from) && from.is_int()) from = dtype::i32;
  for (const Native& row : natives)
    if (row.from == from && row.to == to) return row.op;
  return none;
}

}  // namespace

void Selector::cast(const Node* node) {
  const Node* x = node->src[0];
  const DType from = x->dtype, to = node->dtype;
  if (info(x).skipped) return set(node, info(x).value.regs);  // a load that converted
  const Node* user = info(node).user;
  if (info(node).uses == 1 && user->is(NodeOp::Store) && user->src[2] == node && info(x).alias_of.none() &&
      memory(user->src[0]).kind != MemoryRef::Kind::Register &&
      ((narrow(to) && to.is_int() && from.is_int() && from.bits == 32) ||
       (to == dtype::f16 && from == dtype::f32))) {
    info(node).skipped = true;  // the store narrows
    ++info(x).left;
    return;
  }
  const int w = width(to);
  const RegClass c = vclass(w);
  const bool uniform_int_to_int = in_gpr(x) && in_gpr(node) && !from.is_float() && !to.is_float();
  if (from.is_bool()) {
    if (uniform_int_to_int) return set(node, {scalar(x)}, true);
    std::vector<Reg> regs;
    Reg one = e_.splat(w, c, encode(to, 1));
    for (size_t p = 0; p < parts(node); ++p) regs.push_back(keep(mask(x, p, w), one, w, c));
    if (in_gpr(node)) return set(node, {lane_to_gpr(regs, w, 0)}, true);
    return set(node, std::move(regs));
  }
  if (uniform_int_to_int) {
    Reg r = scalar(x);
    if (to.is_bool()) {
      const unsigned g = cls(gclass(from));
      e_.emit(op("test"), {use(r, g), use(r, g)});
      return set(node, {e_.flag(op("setne"))}, true);
    }
    if (to.bits == 64 && from.bits != 64) r = scalar64(x);
    if (narrow(to) && (from.bits > to.bits || from.kind != to.kind)) {
      static constexpr Op extend_op[2] = {op("movzx"), op("movsx")};
      const RegClass part_class = to.bits == 8 ? RegClass::gpr8 : RegClass::gpr16;
      r = e_.make(extend_op[to.kind == Kind::Signed], RegClass::gpr32, {use(r, cls(part_class))});
    }
    return set(node, {r}, true);
  }
  if (to.is_bool()) {  // != 0
    const int fw = width(from);
    std::vector<Reg> masks;
    for (size_t p = 0; p < parts(x); ++p) {
      Reg r = part(x, p), zero = e_.zero(vclass(fw));
      masks.push_back(from.is_float() ? compare_floats(4, fw, r, zero)
                                      : compare_ints(NodeOp::Ne, from, r, zero));
    }
    if (!varying(node)) return set(node, {first_bit(masks[0])}, true);
    if (fw == 32) return set(node, std::move(masks));
    std::vector<Reg> packed;
    for (size_t p = 0; p < parts(32); ++p) packed.push_back(narrow_mask(masks, p));
    set(node, std::move(packed));
    info(node).value.wide = std::move(masks);
    return;
  }
  const unsigned xmm = cls(RegClass::xmm);
  if (!varying(x) && from == dtype::f16 && to == dtype::f32) {
    Reg f = e_.make(op("vmovd"), RegClass::xmm, {use(scalar(x), cls(RegClass::gpr32))});
    f = e_.make(op("vcvtph2ps"), RegClass::xmm, {f});
    return set(node, {lanes_ == 1 ? f : e_.make(op("vbroadcastss"), c, {use(f, xmm)})});
  }
  if (!varying(x) && from == dtype::f32 && to == dtype::f16) {
    Reg packed = e_.make(op("vcvtps2ph"), RegClass::xmm, {part(x, 0), 0});
    Reg r = e_.make(op("vmovd"), RegClass::gpr32, {use(packed, xmm)});
    return set(node, {e_.make(op("movzx"), RegClass::gpr32, {use(r, cls(RegClass::gpr16))})}, true);
  }
  std::vector<Reg> regs = convert(x, to);
  if (in_gpr(node)) return set(node, {lane_to_gpr(regs, w, 0)}, true);
  set(node, std::move(regs));
}

std::vector<Reg> Selector::convert(const Node* x, DType to) {
  const DType from = x->dtype;
  const bool v = varying(x);
  const int fw = width(from), tw = width(to);
  const RegClass fc = vclass(fw), tc = vclass(tw);
  const size_t n = v ? parts(tw) : 1;
  std::vector<Reg> out;

  // 64-bit integers and floats: lane by lane, but for what arithmetic can do.
  const Op direct = evex_ ? native(from, to) : none;
  if (direct == none &&
      ((wide_int(from) && to.is_float() && to.bits == 32) || (from.is_float() && wide_int(to)))) {
    const int lanes = v ? lanes_ : 1;
    std::vector<Reg> in;
    if (in_gpr(x)) in.push_back(scalar(x));
    else
      for (size_t p = 0; p < parts(x); ++p) in.push_back(part(x, p));
    std::vector<Reg> scalars;
    for (int lane = 0; lane < lanes; ++lane) {
      if (wide_int(to)) {
        const int each = per_part(fw);
        Reg r = in[static_cast<size_t>(lane / each)];
        const int inside = lane % each, per_half = 128 / fw;
        r = piece(r, fc, RegClass::xmm, inside / per_half);
        if (inside % per_half != 0)
          r = fw == 64 ? e_.make(op("vpermilpd"), RegClass::xmm, {r, 1})
                       : e_.make(op("vpermilps"), RegClass::xmm, {r, inside % per_half});
        scalars.push_back(scalar_float_to_64(r, from, to));
      } else {
        Reg r = in_gpr(x) ? in[0] : lane_to_gpr(in, 64, lane);
        Reg f = scalar_64_to_float(r, from);
        scalars.push_back(e_.make(op("vmovd"), RegClass::gpr32, {use(f, cls(RegClass::xmm))}));
      }
    }
    if (!v) return {broadcast(scalars[0], tw, tc)};
    return lanes_to_vector(scalars, tw);
  }

  std::vector<Reg> in;
  for (size_t p = 0; p < parts(x); ++p) in.push_back(part(x, p));
  // What holds the narrow lanes of wide part p.
  auto widened = [&](size_t p) {
    if (!v || parts(64) == parts(32)) return in[v ? p : 0];
    return piece(in[p / 2], fc, half_of(fc), static_cast<int>(p % 2));
  };
  // Two halves of narrow lanes, from wide parts 2p and 2p+1.
  auto halves = [&](size_t p, const std::function<Reg(Reg)>& narrow_one) {
    if (v && parts(64) == parts(32)) return narrow_one(in[p]);
    Reg low = narrow_one(in[v ? 2 * p : 0]), high = v ? narrow_one(in[2 * p + 1]) : low;
    const Reg both[] = {low, high};
    return tc == half_of(fc) ? low : joined(tc, half_of(fc), both);
  };
  const unsigned narrower = cls(half_of(tc));
  for (size_t p = 0; p < n; ++p) {
    Reg r;
    if (direct != none) {
      auto one = [&](Reg x, RegClass source, RegClass result) {
        return convert_natively(direct, from, to, x, source, result);
      };
      r = fw == tw  ? one(in[p], tc, tc)
          : fw < tw ? one(widened(p), half_of(tc), tc)
                    : halves(p, [&](Reg x) { return one(x, fc, half_of(fc)); });
    } else if (to.is_int() && from.is_int()) {
      if (fw == tw) r = in[p];
      else if (tw == 64)
        r = e_.make(from.kind == Kind::Signed ? op("vpmovsxdq") : op("vpmovzxdq"), tc,
                    {use(widened(p), narrower)});
      else r = pack_pairs(in, p);
      if (narrow(to) && (from.bits > to.bits || from.kind != to.kind)) r = extend(r, to);
    } else if (to == dtype::f32 && from.is_int()) {
      r = from.kind == Kind::Signed || narrow(from) ? e_.make(op("vcvtdq2ps"), tc, {in[p]})
                                                    : u32_to_float(in[p], tc);
    } else if (to == dtype::f64 && wide_int(from)) {
      r = int64_to_double(in[p], tc, from.kind == Kind::Signed);
    } else if (to == dtype::f64 && from.is_int()) {
      r = from.kind == Kind::Signed || narrow(from)
              ? e_.make(op("vcvtdq2pd"), tc, {use(widened(p), narrower)})
              : u32_to_double(widened(p), tc);
    } else if (to == dtype::f64 && from == dtype::f32) {
      r = e_.make(op("vcvtps2pd"), tc, {use(widened(p), narrower)});
    } else if (to == dtype::f32 && from == dtype::f64) {
      r = halves(p, [&](Reg d) { return e_.make(op("vcvtpd2ps"), RegClass::xmm, {use(d, cls(fc))}); });
    } else if (to == dtype::f32 && from == dtype::f16) {
      r = e_.make(op("vcvtph2ps"), tc, {use(pack(in[p], fc, 16), narrower)});
    } else if (to == dtype::f16 && from == dtype::f32) {
      Reg packed = e_.make(op("vcvtps2ph"), half_of(fc), {use(in[p], cls(fc)), 0});
      r = e_.make(op("vpmovzxwd"), tc, {use(packed, narrower)});
    } else if (to.is_int() && !narrow(to) && from == dtype::f32) {
      r = to.kind == Kind::Signed ? float_to_i32(in[p], tc) : float_to_u32(in[p], tc);
    } else if (to.is_int() && !narrow(to) && from == dtype::f64) {
      if (to.kind == Kind::Signed) {
        r = halves(p, [&](Reg d) { return double_to_32(d, fc, true); });
      } else {
        std::vector<Reg> wide;
        for (size_t k = 0; k < (v && parts(64) != parts(32) ? 2u : 1u); ++k)
          wide.push_back(double_to_32(in[v && parts(64) != parts(32) ? 2 * p + k : p], fc, false));
        r = pack_pairs(wide, 0);
      }
    } else {
      DOORBELL_CHECK(false, "kernel {}: x86 has no cast of {} to {}", kernel_.name, name(from), name(to));
    }
    out.push_back(r);
  }
  return out;
}

void Selector::bitcast(const Node* node) {
  const Node* x = node->src[0];
  const DType from = x->dtype, to = node->dtype;
  auto extended = [](DType t) { return t.kind == Kind::Signed && narrow(t); };
  const bool differs = narrow(to) && extended(from) != extended(to);
  if (in_gpr(x) && in_gpr(node)) {
    Reg r = scalar(x);
    if (differs) {
      static constexpr Op extend_op[2] = {op("movzx"), op("movsx")};
      r = e_.make(extend_op[extended(to)], RegClass::gpr32,
                  {use(r, cls(to.bits == 8 ? RegClass::gpr8 : RegClass::gpr16))});
    }
    return set(node, {r}, true);
  }
  std::vector<Reg> regs;
  for (size_t p = 0; p < parts(x); ++p) {
    const RegClass c = vclass(32);
    Reg r = from.is_bool() ? evex_ ? keep(part(x, p), e_.splat(32, c, 1), 32, c)
                                   : e_.make(op("vpsrld"), c, {part(x, p), 31})
                           : part(x, p);
    regs.push_back(differs ? extend(r, to) : r);
  }
  if (in_gpr(node)) return set(node, {lane_to_gpr(regs, width(to), 0)}, true);
  set(node, std::move(regs));
}

// The instructions give the number with the top bit set alone for what no signed integer holds, and all ones
// for what no unsigned one does; negative numbers and NaN are the latter, too.
Reg Selector::convert_natively(Op o, DType from, DType to, Reg r, RegClass source, RegClass result) {
  const unsigned s = cls(source);
  if (!from.is_float() || !to.is_int()) return e_.make(o, result, {use(r, s)});
  const bool wide = from.bits == 64;
  if (to.kind == Kind::Unsigned) {  // the maximum is the second operand where the first is NaN
    r = e_.make(wide ? op("vmaxpd") : op("vmaxps"), source, {r, e_.zero(source)});
    return e_.make(o, result, {use(r, s)});
  }
  const double limit = to.bits == 64 ? 9223372036854775808.0 : 2147483648.0;
  Reg bound = e_.splat(from.bits, source, wide ? bits64(limit) : bits32(static_cast<float>(limit)));
  Reg ordered = e_.make(wide ? op("vcmppd") : op("vcmpps"), RegClass::k, {use(r, s), use(r, s), 7});
  Reg above =
      e_.make(wide ? op("vcmppd") : op("vcmpps"), RegClass::k, {use(r, s), use(bound, s), 0x1d});  // GE_OQ
  Reg converted = e_.make_masked(o, result, ordered, {use(r, s)});
  return choose(above, e_.splat(to.bits, result, to.mask() >> 1), converted, to.bits, result);
}

// ---- pieces

Reg Selector::extend(Reg r, DType t) {
  const RegClass c = vclass(32);
  if (t.kind != Kind::Signed) return e_.make(op("vandps"), c, {r, e_.splat(32, c, t.mask())});
  const int n = 32 - t.bits;
  return e_.make(op("vpsrad"), c, {e_.make(op("vpslld"), c, {r, n}), n});
}

namespace {

// The bytes of a vpshufb control that gathers the low `bytes` of each dword at the bottom of each 128 bits.
std::array<std::byte, 32> gather_low(int bytes) {
  std::array<std::byte, 32> control;
  for (size_t i = 0; i < 32; ++i) {
    const size_t at = i % 16, element = at / static_cast<size_t>(bytes);
    control[i] = static_cast<std::byte>(element < 4 ? 4 * element + at % static_cast<size_t>(bytes) : 0x80);
  }
  return control;
}

}  // namespace

Reg Selector::pack(Reg r, RegClass c, int bits) {
  if (evex_)
    return e_.make(bits == 8 ? op("vpmovdb") : op("vpmovdw"), sized(bits_of(c) * bits / 32),
                   {use(r, cls(c))});
  auto control = gather_low(bits / 8);
  Reg s = e_.make(op("vpshufb"), c,
                  {r, e_.constant(c, std::span(control).first(static_cast<size_t>(bits_of(c) / 8)))});
  if (c == RegClass::xmm) return s;
  return e_.make(bits == 8 ? op("vpunpckldq") : op("vpunpcklqdq"), RegClass::xmm,
                 {s, piece(s, c, RegClass::xmm, 1)});
}

// The low halves of 64-bit lanes, as lanes of 32 bits: part p of them.
Reg Selector::pack_pairs(const std::vector<Reg>& wide, size_t p) {
  const RegClass c = vclass(64);
  constexpr int evens = 0x88;
  if (evex_) {
    if (parts(64) == parts(32)) return e_.make(op("vpmovqd"), half_of(c), {use(wide.at(p), cls(c))});
    std::array<uint32_t, 16> order;  // the low half of lane i is at 2i
    for (uint32_t i = 0; i < 16; ++i) order[i] = 2 * i;
    const bool uniform = wide.size() == 1;
    Reg index = e_.constant(c, std::as_bytes(std::span(order)));
    return e_.change(op("vpermt2d"), c, wide.at(uniform ? 0 : 2 * p),
                     {index, wide.at(uniform ? 0 : 2 * p + 1)});
  }
  if (wide.size() == 1 || parts(64) == parts(32)) {
    Reg r = wide.at(wide.size() == 1 ? 0 : p);
    Reg low = e_.make(op("vshufps"), RegClass::xmm, {r, piece(r, c, RegClass::xmm, 1), evens});
    // One uniform part: all lanes are equal.
    if (vclass(32) != RegClass::xmm)
      return e_.make(op("vinsertf128"), vclass(32), {low, use(low, cls(RegClass::xmm)), 1});
    return low;
  }
  Reg s = e_.make(op("vshufps"), c, {wide.at(2 * p), wide.at(2 * p + 1), evens});
  return e_.make(op("vpermpd"), c, {s, 0xd8});
}

// CVTTPS2DQ gives 80000000h for what does not fit and for NaN.
Reg Selector::float_to_i32(Reg r, RegClass c) {
  Reg converted = e_.make(op("vcvttps2dq"), c, {r});
  Reg above = e_.make(op("vcmpps"), c, {r, e_.splat(32, c, bits32(2147483648.0f)), 0x1d});  // GE_OQ
  Reg ordered = e_.make(op("vcmpps"), c, {r, r, 7});
  return e_.make(op("vandps"), c, {e_.make(op("vxorps"), c, {converted, above}), ordered});
}

Reg Selector::float_to_u32(Reg r, RegClass c) {
  Reg limit = e_.splat(32, c, bits32(2147483648.0f));
  Reg x = e_.make(op("vmaxps"), c, {r, e_.zero(c)});  // the second operand where r is NaN
  Reg high = e_.make(op("vcmpps"), c, {x, limit, 0x1d});
  Reg rest = e_.make(op("vsubps"), c, {x, e_.make(op("vandps"), c, {high, limit})});
  Reg low = e_.make(op("vcvttps2dq"), c, {rest});
  Reg top = e_.make(op("vpslld"), c, {high, 31});
  Reg all = e_.make(op("vcmpps"), c, {x, e_.splat(32, c, bits32(4294967296.0f)), 0x1d});
  return e_.make(op("vorps"), c, {e_.make(op("vxorps"), c, {low, top}), all});
}

// 2^23 + the low 16 bits, 2^39 + the high 16 bits; subtracting 2^39 + 2^23 is exact and the sum rounds once.
Reg Selector::u32_to_float(Reg r, RegClass c) {
  Reg low = e_.make(op("vpblendw"), c, {r, e_.splat(32, c, 0x4b000000), 0xaa});
  Reg high = e_.make(op("vorps"), c, {e_.make(op("vpsrld"), c, {r, 16}), e_.splat(32, c, 0x53000000)});
  high = e_.make(op("vsubps"), c, {high, e_.splat(32, c, bits32(549764202496.0f))});
  return e_.make(op("vaddps"), c, {low, high});
}

Reg Selector::u32_to_double(Reg r, RegClass c) {
  if (evex_) return e_.make(op("vcvtudq2pd"), c, {use(r, cls(half_of(c)))});
  Reg wide = e_.make(op("vpmovzxdq"), c, {use(r, cls(RegClass::xmm))});
  Reg magic = e_.splat(64, c, bits64(two52));
  return e_.make(op("vsubpd"), c, {e_.make(op("vorps"), c, {wide, magic}), magic});
}

// Signed: an xmm of 32-bit lanes. Unsigned: lanes of 64 bits whose low halves count.
Reg Selector::double_to_32(Reg r, RegClass c, bool is_signed) {
  Reg ordered = e_.make(op("vcmppd"), c, {r, r, 7});
  Reg x = e_.make(op("vandps"), c, {r, ordered});
  x = e_.make(op("vmaxpd"), c, {x, e_.splat(64, c, bits64(is_signed ? -2147483648.0 : 0.0))});
  x = e_.make(op("vminpd"), c, {x, e_.splat(64, c, bits64(is_signed ? 2147483647.0 : 4294967295.0))});
  if (is_signed) return e_.make(op("vcvttpd2dq"), RegClass::xmm, {use(x, cls(c))});
  x = e_.make(op("vroundpd"), c, {x, 8 | 3});
  return e_.make(op("vaddpd"), c, {x, e_.splat(64, c, bits64(two52))});
}

// The halves as 2^52 + low and 2^84 (+ 2^63, for signed) + high * 2^32; one exact subtraction, one rounded
// sum.
Reg Selector::int64_to_double(Reg r, RegClass c, bool is_signed) {
  Reg low = e_.make(op("vpblendd"), c, {r, e_.splat(64, c, 0x4330000000000000ULL), 0xaa});
  Reg high = e_.make(op("vpsrlq"), c, {r, 32});
  high = e_.make(op("vxorps"), c,
                 {high, e_.splat(64, c, is_signed ? 0x4530000080000000ULL : 0x4530000000000000ULL)});
  high = e_.make(op("vsubpd"), c,
                 {high, e_.splat(64, c, is_signed ? 0x4530000080100000ULL : 0x4530000000100000ULL)});
  return e_.make(op("vaddpd"), c, {high, low});
}

Reg Selector::scalar_float_to_64(Reg r, DType from, DType to) {
  const bool wide = from.bits == 64;
  const unsigned x = cls(RegClass::xmm), g = cls(RegClass::gpr64);
  const Op truncate = wide ? op("vcvttsd2si") : op("vcvttss2si"),
           order = wide ? op("vucomisd") : op("vucomiss");
  auto number = [&](double d) {
    return e_.splat(wide ? 64 : 32, RegClass::xmm, wide ? bits64(d) : bits32(static_cast<float>(d)));
  };
  constexpr double two63 = 9223372036854775808.0;
  Reg two63_reg = number(two63);
  if (to.kind == Kind::Signed) {
    Reg most = e_.number(RegClass::gpr64, INT64_MAX), zero = e_.number(RegClass::gpr64, 0);
    Reg d = e_.make(truncate, RegClass::gpr64, {use(r, x)});
    e_.emit(order, {use(r, x), use(two63_reg, x)});
    e_.emit(op("cmovae"), {use(d, g), use(most, g)});
    e_.emit(order, {use(r, x), use(r, x)});
    e_.emit(op("cmovp"), {use(d, g), use(zero, g)});
    return d;
  }
  Reg y = e_.make(wide ? op("vmaxsd") : op("vmaxss"), RegClass::xmm, {r, e_.zero(RegClass::xmm)});
  Reg rest = e_.make(wide ? op("vsubsd") : op("vsubss"), RegClass::xmm, {y, two63_reg});
  Reg d = e_.make(truncate, RegClass::gpr64, {use(y, x)});
  Reg high = e_.make(truncate, RegClass::gpr64, {use(rest, x)});
  high = e_.change(op("xor"), RegClass::gpr64, high, {e_.number(RegClass::gpr64, INT64_MIN)});
  Reg most = e_.number(RegClass::gpr64, -1);
  Reg two64 = number(two63 * 2);
  e_.emit(order, {use(y, x), use(two63_reg, x)});
  e_.emit(op("cmovae"), {use(d, g), use(high, g)});
  e_.emit(order, {use(y, x), use(two64, x)});
  e_.emit(op("cmovae"), {use(d, g), use(most, g)});
  return d;
}

// To f32. Unsigned: beyond 2^63, half of the number with its lowest bit kept sticky, doubled.
Reg Selector::scalar_64_to_float(Reg r, DType from) {
  const unsigned g = cls(RegClass::gpr64);
  Reg zero = e_.zero(RegClass::xmm);
  Reg plain = e_.make(op("vcvtsi2ss"), RegClass::xmm, {zero, use(r, g)});
  if (from.kind == Kind::Signed) return plain;
  Reg lowest = e_.change(op("and"), RegClass::gpr64, r, {1});
  Reg halved = e_.change(op("shr"), RegClass::gpr64, r, {1});
  halved = e_.change(op("or"), RegClass::gpr64, halved, {lowest});
  Reg big = e_.make(op("vcvtsi2ss"), RegClass::xmm, {zero, use(halved, g)});
  big = e_.make(op("vaddss"), RegClass::xmm, {big, big});
  Reg sign = e_.change(op("shr"), RegClass::gpr64, r, {32});
  Reg selector = e_.make(op("vmovd"), RegClass::xmm, {use(sign, cls(RegClass::gpr32))});
  return e_.make(op("vblendvps"), RegClass::xmm, {plain, big, selector});
}

Reg Selector::lane_to_gpr(const std::vector<Reg>& regs, int w, int lane) {
  const int each = per_part(w), per_half = 128 / w;
  const bool wide = w == 64;
  const RegClass g = wide ? RegClass::gpr64 : RegClass::gpr32;
  Reg r = piece(regs.at(static_cast<size_t>(lane / each)), vclass(w), RegClass::xmm, lane % each / per_half);
  const int inside = lane % each % per_half;
  if (inside == 0) return e_.make(wide ? op("vmovq") : op("vmovd"), g, {use(r, cls(RegClass::xmm))});
  return e_.make(wide ? op("vpextrq") : op("vpextrd"), g, {use(r, cls(RegClass::xmm)), inside});
}

std::vector<Reg> Selector::lanes_to_vector(const std::vector<Reg>& gprs, int w) {
  const bool wide = w == 64;
  const unsigned g = cls(wide ? RegClass::gpr64 : RegClass::gpr32);
  const RegClass c = vclass(w);
  const size_t each = static_cast<size_t>(per_part(w)), per_half = static_cast<size_t>(128 / w);
  std::vector<Reg> out;
  for (size_t p = 0; p < parts(w); ++p) {
    std::vector<Reg> quarters;
    for (size_t h = 0; h * per_half < each; ++h) {
      Reg r;
      for (size_t i = 0; i < per_half && h * per_half + i < each; ++i) {
        Reg lane = gprs.at(p * each + h * per_half + i);
        r = i == 0 ? e_.make(wide ? op("vmovq") : op("vmovd"), RegClass::xmm, {use(lane, g)})
                   : e_.make(wide ? op("vpinsrq") : op("vpinsrd"), RegClass::xmm,
                             {r, use(lane, g), static_cast<int>(i)});
      }
      quarters.push_back(r);
    }
    out.push_back(joined(c, RegClass::xmm, quarters));
  }
  return out;
}

}  // namespace doorbell::x86::target
