// Arithmetic on lanes. The semantics are codegen/op.h's; where an instruction has others, the difference is
// stated. Intel SDM vol. 2 under each name.
#include <algorithm>
#include <functional>

#include "codegen/matrix_unit.h"
#include "codegen/target/x86/selector.h"

namespace doorbell::x86::target {

using machine::use;
using NodeOp = doorbell::Op;

namespace {

// The instruction for an op whose meaning is the instruction's own, by type. Some stand in the first table
// for all processors, and some of EVEX alone in the second.
struct Plain {
  NodeOp op;
  Op f16, f32, f64, i32, u32, i64, u64;
};
constexpr Op none = static_cast<Op>(0xffff);
// clang-format off
constexpr Plain plain[] = {
  {NodeOp::Add,  none, op("vaddps"),  op("vaddpd"),  op("vpaddd"),  op("vpaddd"),  op("vpaddq"),  op("vpaddq")},
  {NodeOp::Sub,  none, op("vsubps"),  op("vsubpd"),  op("vpsubd"),  op("vpsubd"),  op("vpsubq"),  op("vpsubq")},
  {NodeOp::Mul,  none, op("vmulps"),  op("vmulpd"),  op("vpmulld"), op("vpmulld"), none,          none},
  {NodeOp::Div,  none, op("vdivps"),  op("vdivpd"),  none,          none,          none,          none},
  {NodeOp::Sqrt, none, op("vsqrtps"), op("vsqrtpd"), none,          none,          none,          none},
  {NodeOp::Max,  none, none,          none,          op("vpmaxsd"), op("vpmaxud"), none,          none},
  {NodeOp::Min,  none, none,          none,          op("vpminsd"), op("vpminud"), none,          none},
  {NodeOp::And,  none, none,          none,          op("vandps"),  op("vandps"),  op("vandps"),  op("vandps")},
  {NodeOp::Or,   none, none,          none,          op("vorps"),   op("vorps"),   op("vorps"),   op("vorps")},
  {NodeOp::Xor,  none, none,          none,          op("vxorps"),  op("vxorps"),  op("vxorps"),  op("vxorps")},
  {NodeOp::Shl,  none, none,          none,          op("vpsllvd"), op("vpsllvd"), op("vpsllvq"), op("vpsllvq")},
  {NodeOp::Shr,  none, none,          none,          op("vpsravd"), op("vpsrlvd"), none,          op("vpsrlvq")},
};
constexpr Plain plain_evex[] = {
  {NodeOp::Add,  op("vaddph"),  none, none, none, none, none,          none},
  {NodeOp::Sub,  op("vsubph"),  none, none, none, none, none,          none},
  {NodeOp::Mul,  op("vmulph"),  none, none, none, none, op("vpmullq"), op("vpmullq")},
  {NodeOp::Div,  op("vdivph"),  none, none, none, none, none,          none},
  {NodeOp::Sqrt, op("vsqrtph"), none, none, none, none, none,          none},
  {NodeOp::Max,  none,          none, none, none, none, op("vpmaxsq"), op("vpmaxuq")},
  {NodeOp::Min,  none,          none, none, none, none, op("vpminsq"), op("vpminuq")},
  {NodeOp::Shr,  none,          none, none, none, none, op("vpsravq"), none},
};
struct Rounding {
  NodeOp op;
  int mode;  // imm8 of ROUNDPS: 8 suppresses the inexact exception
};
constexpr Rounding roundings[] = {
  {NodeOp::Trunc, 8 | 3}, {NodeOp::Floor, 8 | 1}, {NodeOp::Ceil, 8 | 2}, {NodeOp::Round, 8 | 0},
};
// clang-format on

Op plain_op(std::span<const Plain> table, NodeOp which, DType t) {
  for (const Plain& row : table) {
    if (row.op != which) continue;
    if (t.is_float()) return t.bits == 64 ? row.f64 : t.bits == 32 ? row.f32 : row.f16;
    if (t.kind == Kind::Unsigned) return t.bits == 64 ? row.u64 : row.u32;
    return t.bits == 64 ? row.i64 : row.i32;
  }
  return none;
}

Op plain_op(NodeOp which, DType t, bool evex) {
  const Op common = plain_op(plain, which, t);
  return common == none && evex ? plain_op(plain_evex, which, t) : common;
}

bool is_compare(NodeOp o) { return o == NodeOp::Lt || o == NodeOp::Eq || o == NodeOp::Ne; }

}  // namespace

void Selector::vector_alu(const Node* node) {
  if (is_compare(node->op) && !node->src[0]->dtype.is_bool()) return compare(node);
  const DType t = node->dtype;
  if (t.bits == 64 && t.is_int() && (node->is(NodeOp::Div) || node->is(NodeOp::Mod))) return per_lane64(node);
  std::vector<Reg> regs;
  for (size_t p = 0; p < parts(node); ++p) regs.push_back(vector_op(node, p));
  if (in_gpr(node)) return set(node, {lane_to_gpr(regs, 32, 0)}, true);  // a narrow float
  set(node, std::move(regs));
}

Reg Selector::vector_op(const Node* node, size_t p) {
  const DType t = node->dtype;
  const RegClass c = vclass(t);
  if (t.is_bool()) return bool_op(node, p);
  if (node->is(NodeOp::Where)) {
    Reg m = mask(node->src[0], p, width(t)), a = part(node->src[1], p);
    if (evex_ && node->src[2]->is(NodeOp::Const) && node->src[2]->arg[0] == 0) return keep(m, a, width(t), c);
    return choose(m, a, part(node->src[2], p), width(t), c);
  }
  if (t.is_float()) return float_op(node, p);
  if (Reg r = logic(node, p); !r.none()) return r;
  if (Op o = plain_op(node->op, t, evex_); o != none) {
    // A shift by a constant has a form with an immediate; the count is unsigned.
    const Node* count = node->src[1];
    if ((node->is(NodeOp::Shl) || node->is(NodeOp::Shr)) && count->is(NodeOp::Const)) {
      const auto n = static_cast<uint64_t>(count->arg[0]);
      const int imm8 = static_cast<int>(std::min<uint64_t>(n, 255));
      const bool wide = t.bits == 64, left = node->is(NodeOp::Shl), sign = t.kind == Kind::Signed;
      const Op shift = left   ? (wide ? op("vpsllq") : op("vpslld"))
                       : sign ? (wide ? op("vpsraq") : op("vpsrad"))
                              : (wide ? op("vpsrlq") : op("vpsrld"));
      return e_.make(shift, c, {part(node->src[0], p), imm8});
    }
    Reg a = part(node->src[0], p), b = part(node->src[1], p);
    return e_.make(o, c, {a, b});
  }
  return t.bits == 64 ? int64_op(node, p) : int32_op(node, p);
}

Reg Selector::float_op(const Node* node, size_t p) {
  const bool wide = node->dtype.bits == 64;
  const RegClass c = vclass(node->dtype);
  if (node->is(NodeOp::Fma)) return fused(node, p);
  Reg a = part(node->src[0], p);
  for (const Rounding& r : roundings)
    if (r.op == node->op)
      return e_.make(
          evex_ ? (wide ? op("vrndscalepd") : op("vrndscaleps")) : (wide ? op("vroundpd") : op("vroundps")),
          c, {a, r.mode});
  if (node->is(NodeOp::Neg))
    return e_.make(op("vxorps"), c, {a, e_.splat(wide ? 64 : 32, c, wide ? 1ULL << 63 : 1ULL << 31)});
  const Op o = plain_op(node->op, node->dtype, evex_);
  if (node->is(NodeOp::Sqrt)) return e_.make(o, c, {a});
  Reg b = part(node->src[1], p);
  if (node->is(NodeOp::Max) || node->is(NodeOp::Min)) return float_max_min(node, a, b);
  DOORBELL_CHECK(o != none, "kernel {}: x86 has no {} of {}", kernel_.name, text(node->op),
                 name(node->dtype));
  Reg r = e_.make(o, c, {a, b});
  // A lane of an f16 has a zero in its upper half, too, and 0/0 is no zero.
  if (node->dtype.bits == 16 && node->is(NodeOp::Div))
    r = e_.make(op("vandps"), c, {r, e_.splat(32, c, 0xffff)});
  return r;
}

// MAXPS gives its second operand where either is NaN or both are zeros. In both orders: or-ing minima gives
// -0 for zeros, and a NaN (all-ones exponent, some fraction) or-ed with anything stays one; and-ing maxima
// gives +0, and where the operands are unordered, all ones is a NaN.
Reg Selector::float_max_min(const Node* node, Reg a, Reg b) {
  const bool wide = node->dtype.bits == 64, max = node->is(NodeOp::Max);
  const RegClass c = vclass(node->dtype);
  const Op o = max ? (wide ? op("vmaxpd") : op("vmaxps")) : (wide ? op("vminpd") : op("vminps"));
  for (int k = 0; k < 2; ++k) {
    const Node* constant = node->src[static_cast<size_t>(k)];
    if (!constant->is(NodeOp::Const)) continue;
    const double value = decode(node->dtype, static_cast<uint64_t>(constant->arg[0]));
    if (value != value) break;
    // With the constant first, NaN and zeros come from the other operand. Only a zero of the winning sign is
    // then wrong, and adding it repairs just that: x + 0 is x but for -0 + 0 = +0. The lower zero cannot be
    // added that way.
    const bool winning = value == 0 && max && constant->arg[0] == 0;
    if (value == 0 && !max && constant->arg[0] != 0) break;
    Reg r = e_.make(o, c, {k == 0 ? a : b, k == 0 ? b : a});
    return winning ? e_.make(wide ? op("vaddpd") : op("vaddps"), c, {r, k == 0 ? a : b}) : r;
  }
  Reg x = e_.make(o, c, {a, b}), y = e_.make(o, c, {b, a});
  if (!max) return e_.make(op("vorps"), c, {x, y});
  const int w = wide ? 64 : 32;
  Reg unordered = compare_floats(3, w, a, b);
  return fill(unordered, e_.make(op("vandps"), c, {x, y}), w, c);
}

// 231 overwrites the addend, 213 the first factor: the one that is needed no more, so that no copy remains.
Reg Selector::fused(const Node* node, size_t p) {
  const bool wide = node->dtype.bits == 64;
  const RegClass c = vclass(node->dtype);
  const Node *x = node->src[0], *y = node->src[1], *z = node->src[2];
  Reg a = part(x, p), b = part(y, p), addend = part(z, p);
  auto last = [&](const Node* n) { return varying(n) == varying(node) && !n->is(NodeOp::Const) && dies(n); };
  const bool half = node->dtype.bits == 16;
  const Op f231 = wide   ? op("vfmadd231pd")
                  : half ? op("vfmadd231ph")
                         : op("vfmadd231ps"),
           f213 = wide   ? op("vfmadd213pd")
                  : half ? op("vfmadd213ph")
                         : op("vfmadd213ps");
  if (!last(z) && last(x)) return e_.change(f213, c, a, {b, addend});
  if (!last(z) && last(y)) return e_.change(f213, c, b, {a, addend});
  return e_.change(f231, c, addend, {a, b});
}

Reg Selector::int32_op(const Node* node, size_t p) {
  const RegClass c = vclass(32);
  Reg a = part(node->src[0], p);
  switch (node->op) {
    case NodeOp::Neg: return e_.make(op("vpsubd"), c, {e_.zero(c), a});
    case NodeOp::Not: return e_.make(op("vxorps"), c, {a, all_ones(c)});
    case NodeOp::Div:
    case NodeOp::Mod: return divide32(node, p);
    default:
      DOORBELL_CHECK(false, "kernel {}: x86 has no {} of {}", kernel_.name, text(node->op),
                     name(node->dtype));
  }
}

// And, Or, Xor and Not of up to three values are one instruction, VPTERNLOG: bit i of its immediate is the
// result where the bits of the three are those of i. What was made for the nodes in between is dead then.
// None where two values or a simple instruction do.
Reg Selector::logic(const Node* node, size_t p) {
  auto is_logic = [](const Node* n) {
    return n->is(NodeOp::And) || n->is(NodeOp::Or) || n->is(NodeOp::Xor) || n->is(NodeOp::Not);
  };
  if (!evex_ || !is_logic(node)) return {};
  constexpr uint8_t columns[] = {0xf0, 0xcc, 0xaa};
  std::vector<const Node*> leaves;
  bool deep = false;
  // The result as a function of the leaves; `later` operands of nodes above are still to come.
  std::function<uint8_t(const Node*, size_t)> table = [&](const Node* n, size_t later) -> uint8_t {
    // Registers that are written again could hold another value by now.
    const bool inner = n != node && is_logic(n) && info(n).uses == 1 && varying(n) == varying(node) &&
                       leaves.size() + n->src.size() + later <= std::size(columns) &&
                       std::ranges::all_of(n->src, [&](const Node* s) { return info(s).alias_of.none(); });
    if (n != node && !inner) {
      auto at = std::ranges::find(leaves, n);
      if (at == leaves.end()) at = leaves.insert(at, n);
      return columns[at - leaves.begin()];
    }
    deep |= inner;
    if (n->is(NodeOp::Not)) return static_cast<uint8_t>(~table(n->src[0], later));
    const uint8_t a = table(n->src[0], later + 1), b = table(n->src[1], later);
    return n->is(NodeOp::And) ? a & b : n->is(NodeOp::Or) ? a | b : a ^ b;
  };
  const int result = table(node, 0);
  if (!deep) return {};
  const RegClass c = vclass(node->dtype);
  Reg r[3];
  for (size_t i = 0; i < std::size(r); ++i) r[i] = part(leaves[std::min(i, leaves.size() - 1)], p);
  return e_.change(node->dtype.bits == 64 ? op("vpternlogq") : op("vpternlogd"), c, r[0],
                   {r[1], r[2], result});
}

Reg Selector::int64_op(const Node* node, size_t p) {
  const RegClass c = vclass(64);
  const bool is_signed = node->dtype.kind == Kind::Signed;
  Reg a = part(node->src[0], p);
  switch (node->op) {
    case NodeOp::Neg: return e_.make(op("vpsubq"), c, {e_.zero(c), a});
    case NodeOp::Not: return e_.make(op("vxorps"), c, {a, all_ones(c)});
    case NodeOp::Mul: return multiply64(a, part(node->src[1], p));
    case NodeOp::Max:
    case NodeOp::Min: {
      Reg b = part(node->src[1], p);
      Reg less = compare_ints(NodeOp::Lt, node->dtype, a, b);
      return node->is(NodeOp::Max) ? e_.make(op("vblendvpd"), c, {a, b, less})
                                   : e_.make(op("vblendvpd"), c, {b, a, less});
    }
    case NodeOp::Shr: {  // arithmetic: negative numbers are shifted as their complement
      DOORBELL_CHECK(is_signed, "logical shifts have their own instruction");
      Reg sign = e_.make(op("vpcmpgtq"), c, {e_.zero(c), a});
      Reg flipped = e_.make(op("vxorps"), c, {a, sign});
      return e_.make(op("vxorps"), c, {e_.make(op("vpsrlvq"), c, {flipped, part(node->src[1], p)}), sign});
    }
    default:
      DOORBELL_CHECK(false, "kernel {}: x86 has no {} of {}", kernel_.name, text(node->op),
                     name(node->dtype));
  }
}

// low(a)*low(b) + ((low(a)*high(b) + high(a)*low(b)) << 32), modulo 2^64
Reg Selector::multiply64(Reg a, Reg b) {
  const RegClass c = vclass(64);
  Reg low = e_.make(op("vpmuludq"), c, {a, b});
  Reg x = e_.make(op("vpmuludq"), c, {e_.make(op("vpsrlq"), c, {a, 32}), b});
  Reg y = e_.make(op("vpmuludq"), c, {e_.make(op("vpsrlq"), c, {b, 32}), a});
  Reg high = e_.make(op("vpsllq"), c, {e_.make(op("vpaddq"), c, {x, y}), 32});
  return e_.make(op("vpaddq"), c, {low, high});
}

// ---- comparisons

void Selector::compare(const Node* node) {
  const DType t = node->src[0]->dtype;
  const int w = width(t);
  const bool v = varying(node);
  std::vector<Reg> masks;
  for (size_t p = 0; p < (v ? parts(w) : 1); ++p) {
    Reg a = part(node->src[0], p), b = part(node->src[1], p);
    if (t.is_float() && t.bits >= 32)  // LT_OQ, EQ_OQ, NEQ_UQ
      masks.push_back(compare_floats(node->is(NodeOp::Lt)   ? 0x11
                                     : node->is(NodeOp::Eq) ? 0x00
                                                            : 0x04,
                                     w, a, b));
    else masks.push_back(compare_ints(node->op, t, a, b));
  }
  if (!v) return set(node, {first_bit(masks[0])}, true);  // of uniform floats
  if (w == 32) return set(node, std::move(masks));
  std::vector<Reg> narrow;
  for (size_t p = 0; p < parts(32); ++p) narrow.push_back(narrow_mask(masks, p));
  set(node, std::move(narrow));
  info(node).value.wide = std::move(masks);
}

// ---- division

// In f64, which is exact: a quotient of 32-bit integers that is no integer is at least 2^-32 away from one,
// the rounding error at most 2^-21 / b. What division by zero gives is masked off.
Reg Selector::divide32(const Node* node, size_t p) {
  const bool is_signed = node->dtype.kind == Kind::Signed;
  const RegClass c = vclass(32), d = vclass(64);
  Reg a = part(node->src[0], p), b = part(node->src[1], p);
  std::vector<Reg> quotients;
  const size_t halves = parts(64) == parts(32) ? 1 : 2;
  const RegClass narrow = half_of(d);
  for (size_t h = 0; h < halves; ++h) {
    auto wide = [&](Reg r) {
      Reg low = piece(r, c, narrow, static_cast<int>(h));
      return is_signed ? e_.make(op("vcvtdq2pd"), d, {use(low, cls(narrow))}) : u32_to_double(low, d);
    };
    Reg x = wide(a), y = wide(b);
    Reg q = e_.make(op("vdivpd"), d, {x, y});
    if (is_signed || evex_) {
      quotients.push_back(
          e_.make(is_signed ? op("vcvttpd2dq") : op("vcvttpd2udq"), narrow, {use(q, cls(d))}));
    } else {  // 2^52 + q has q in its low bits
      q = e_.make(op("vroundpd"), d, {q, 8 | 3});
      quotients.push_back(e_.make(op("vaddpd"), d, {q, e_.splat(64, d, 0x4330000000000000ULL)}));
    }
  }
  Reg q = is_signed || evex_ ? joined(c, narrow, quotients) : pack_pairs(quotients, 0);
  Reg zero = compare_ints(NodeOp::Eq, node->dtype, b, e_.zero(c));
  if (node->is(NodeOp::Div)) return drop(zero, q, 32, c);
  Reg r = e_.make(op("vpsubd"), c, {a, e_.make(op("vpmulld"), c, {q, b})});
  return drop(zero, r, 32, c);
}

void Selector::per_lane64(const Node* node) {
  auto value_of = [&](const Node* n, int lane) {
    return lane_to_gpr(varying(n) ? info(n).value.regs : std::vector<Reg>{part(n, 0)}, 64,
                       varying(n) ? lane : 0);
  };
  std::vector<Reg> results;
  for (int lane = 0; lane < lanes_; ++lane)
    results.push_back(scalar_divide(node->dtype, value_of(node->src[0], lane), value_of(node->src[1], lane),
                                    node->is(NodeOp::Mod)));
  set(node, lanes_to_vector(results, 64));
}

// ---- across lanes

void Selector::lane_xor(const Node* node) {
  const Node* x = node->src[0];
  if (!varying(x)) {
    if (in_gpr(x)) return set(node, {scalar(x)}, true);
    return set(node, {part(x, 0)});
  }
  const int w = width(node->dtype), n = per_part(w), m = static_cast<int>(node->arg[0]);
  const RegClass c = vclass(w);
  const bool in_mask = evex_ && node->dtype.is_bool();
  std::vector<Reg> regs;
  for (size_t p = 0; p < parts(w); ++p) {
    Reg r = part(x, p ^ static_cast<size_t>(m / n));
    if (in_mask) r = e_.make(op("vpmovm2d"), c, {use(r, cls(RegClass::k))});
    const int inside = m % n;
    if (w == 32) {
      if (inside & 3) {
        int order = 0;
        for (int i = 0; i < 4; ++i) order |= (i ^ (inside & 3)) << (2 * i);
        r = e_.make(op("vpermilps"), c, {r, order});
      }
      if (inside & 4) r = e_.make(op("vpermpd"), c, {r, 0x4e});
    } else {
      if (inside & 1)
        r = e_.make(op("vpermilpd"), c, {r, (1 << n) / 3});  // a bit a lane, of a pair's other lane
      if (inside & 2) r = e_.make(op("vpermpd"), c, {r, 0x4e});
    }
    if (inside * w & 256) r = e_.make(op("vshuff64x2"), c, {r, r, 0x4e});
    regs.push_back(in_mask ? e_.make(op("vpmovd2m"), RegClass::k, {use(r, cls(c))}) : r);
  }
  set(node, std::move(regs));
}

// ---- short vectors and matrix units

// One unit's row on each register; columns are lanes, so any number of them works.
void Selector::contract(const Node* node) {
  const MatrixUnit& unit = matrix_units[node->arg[0]];
  const RegClass c = vclass(32);
  const bool dots = unit.name.starts_with("vpdpbusd"), adds = !node->src[0]->is_const(0);
  const Op dot = evex_ ? op("vpdpbusd") : op("{vex} vpdpbusd");
  // What is made of one factor serves all products with it.
  auto once = [&](const Node* factor, size_t p, int64_t what, auto make) {
    return cached({5, static_cast<int64_t>(place_.at(factor)), static_cast<int64_t>(p), what},
                  info(factor).level, [&] { return make(part(factor, p)); });
  };
  std::vector<Reg> regs;
  for (size_t p = 0; p < parts(node); ++p) {
    const Node *fa = node->src[1], *fb = node->src[2];
    Reg acc = part(node->src[0], p), sum;
    if (dots && unit.a == dtype::i8) {
      const Reg high = e_.splat(32, c, 0x80808080);
      Reg a = once(fa, p, 0, [&](Reg r) { return e_.make(op("vxorps"), c, {r, high}); });
      Reg too_much = once(fb, p, 1, [&](Reg r) { return e_.change(dot, c, e_.zero(c), {high, r}); });
      acc = e_.make(op("vpsubd"), c, {acc, too_much});
      regs.push_back(e_.change(dot, c, acc, {a, part(fb, p)}));
      continue;
    }
    if (dots) {
      regs.push_back(e_.change(dot, c, acc, {part(fa, p), part(fb, p)}));
      continue;
    }
    if (unit.a == dtype::i8) {
      auto even = [&](Reg r) { return e_.make(op("vpsraw"), c, {e_.make(op("vpsllw"), c, {r, 8}), 8}); };
      auto odd = [&](Reg r) { return e_.make(op("vpsraw"), c, {r, 8}); };
      Reg products = e_.make(op("vpmaddwd"), c, {once(fa, p, 2, even), once(fb, p, 2, even)});
      sum = e_.make(op("vpaddd"), c,
                    {products, e_.make(op("vpmaddwd"), c, {once(fa, p, 3, odd), once(fb, p, 3, odd)})});
    } else if (unit.a == dtype::u8) {
      Reg pairs = e_.make(op("vpmaddubsw"), c, {part(fa, p), part(fb, p)});
      sum = e_.make(op("vpmaddwd"), c, {pairs, e_.splat(32, c, 0x00010001)});
    } else {
      sum = e_.make(op("vpmaddwd"), c, {part(fa, p), part(fb, p)});
    }
    regs.push_back(adds ? e_.make(op("vpaddd"), c, {acc, sum}) : sum);
  }
  set(node, std::move(regs));
}

// Elements side by side: each cut to its bits, shifted to its place, or-ed.
void Selector::vec(const Node* node) {
  const int w = width(node->dtype), bits = node->dtype.bits;
  const RegClass c = vclass(w);
  const bool halves = w == 64 && parts(64) != parts(32);
  std::vector<Reg> regs;
  for (size_t p = 0; p < parts(node); ++p) {
    Reg sum;
    for (size_t i = 0; i < node->src.size(); ++i) {
      const bool v = varying(node->src[i]);
      Reg e = part(node->src[i], halves && v ? p / 2 : p);
      if (bits < 32) e = e_.make(op("vandps"), vclass(32), {e, e_.splat(32, vclass(32), node->dtype.mask())});
      if (w == 64) {
        e = piece(e, vclass(32), half_of(c), halves && v && p % 2 == 1);
        e = e_.make(op("vpmovzxdq"), c, {use(e, cls(half_of(c)))});
      }
      if (i != 0) e = e_.make(w == 64 ? op("vpsllq") : op("vpslld"), c, {e, static_cast<int>(i) * bits});
      sum = i == 0 ? e : e_.make(op("vorps"), c, {sum, e});
    }
    regs.push_back(sum);
  }
  set(node, std::move(regs));
}

void Selector::element(const Node* node) {
  const Node* x = node->src[0];
  const int w = width(x->dtype), bits = x->dtype.bits, at = static_cast<int>(node->arg[0]) * bits;
  const RegClass c = vclass(w);
  const bool sign = node->dtype.kind == Kind::Signed;
  std::vector<Reg> regs;
  for (size_t p = 0; p < parts(x); ++p) {
    Reg r = part(x, p);
    if (w == 64) {
      if (at) r = e_.make(op("vpsrlq"), c, {r, at});
    } else {
      r = e_.make(op("vpslld"), c, {r, 32 - bits - at});
      r = e_.make(sign ? op("vpsrad") : op("vpsrld"), c, {r, 32 - bits});
    }
    regs.push_back(r);
  }
  if (w == 64) {
    std::vector<Reg> low;
    for (size_t p = 0; p < (varying(x) ? parts(32) : 1); ++p) low.push_back(pack_pairs(regs, p));
    if (bits < 32)
      for (Reg& r : low) r = extend(r, node->dtype);
    regs = std::move(low);
  }
  if (in_gpr(node)) return set(node, {lane_to_gpr(regs, 32, 0)}, true);
  set(node, std::move(regs));
}

}  // namespace doorbell::x86::target
