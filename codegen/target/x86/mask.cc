// Bools in lanes. With VEX encodings they are vectors, all ones or all zeros, as wide as what was compared;
// with EVEX a register of a bit a lane, whatever the lanes' width. All that selection knows of the difference
// stands here. Intel SDM vol. 2 under each name.
#include <algorithm>
#include <cstring>

#include "codegen/target/x86/selector.h"

namespace doorbell::x86::target {

using machine::use;
using NodeOp = doorbell::Op;

namespace {

struct Logic {
  NodeOp op;
  Op vector, mask;
};
constexpr Logic logics[] = {
    {NodeOp::Add, op("vorps"), op("korw")},     {NodeOp::Max, op("vorps"), op("korw")},
    {NodeOp::Or, op("vorps"), op("korw")},      {NodeOp::Mul, op("vandps"), op("kandw")},
    {NodeOp::Min, op("vandps"), op("kandw")},   {NodeOp::And, op("vandps"), op("kandw")},
    {NodeOp::Ne, op("vxorps"), op("kxorw")},    {NodeOp::Xor, op("vxorps"), op("kxorw")},
    {NodeOp::Eq, op("vpcmpeqd"), op("kxnorw")}, {NodeOp::Lt, op("vandnps"), op("kandnw")},
};

}  // namespace

RegClass Selector::bool_class(int w) const { return evex_ ? RegClass::k : vclass(w); }

Reg Selector::lowest(int n, int w) {
  const RegClass c = vclass(w);
  if (evex_) {
    const uint64_t bits = (uint64_t{1} << n) - 1;
    return e_.constant(RegClass::k, std::as_bytes(std::span(&bits, 1)));
  }
  if (n * w >= 128) return all_ones(c);
  std::array<uint32_t, 4> low{};
  for (size_t i = 0; i < static_cast<size_t>(n * w / 32); ++i) low[i] = ~0u;
  return e_.constant(c, std::as_bytes(std::span(low)));
}

Reg Selector::mask(const Node* node, size_t p, int w) {
  const Value& v = info(node).value;
  const RegClass c = bool_class(w);
  if (varying(node)) {
    const bool same = w == 32 || parts(64) == parts(32);
    if (w == 64 && !v.wide.empty()) return v.wide.at(p);
    if (evex_)
      return same || p % 2 == 0 ? v.regs.at(same ? p : p / 2)
                                : e_.make(op("kshiftrw"), c, {v.regs.at(p / 2), 8});
    if (w == 32) return v.regs.at(p);
    const RegClass from = vclass(32), low = half_of(c);
    Reg r = same ? v.regs.at(p) : piece(v.regs.at(p / 2), from, low, static_cast<int>(p % 2));
    return e_.make(op("vpmovsxdq"), c, {use(r, cls(low))});
  }
  if (node->is(NodeOp::Const)) return node->arg[0] ? lowest(16, w) : e_.zero(c);
  return cached({2, static_cast<int64_t>(place_.at(node)), w}, info(node).level, [&] {
    Reg ones = e_.change(op("neg"), RegClass::gpr64, e_.make(op("mov"), RegClass::gpr32, {v.regs.at(0)}), {});
    return evex_ ? e_.make(op("kmovd"), c, {use(ones, cls(RegClass::gpr32))}) : broadcast(ones, w, c);
  });
}

// ---- comparisons

Reg Selector::compare_floats(int predicate, int w, Reg a, Reg b) {
  const unsigned c = cls(vclass(w));
  return e_.make(w == 64 ? op("vcmppd") : op("vcmpps"), bool_class(w), {use(a, c), use(b, c), predicate});
}

Reg Selector::compare_ints(NodeOp o, DType t, Reg a, Reg b) {
  const int w = width(t);
  const RegClass c = vclass(w);
  const bool wide = w == 64, is_unsigned = t.kind == Kind::Unsigned;
  if (evex_) {
    const Op signed_op = wide ? op("vpcmpq") : op("vpcmpd"),
             unsigned_op = wide ? op("vpcmpuq") : op("vpcmpud");
    const int predicate = o == NodeOp::Eq ? 0 : o == NodeOp::Lt ? 1 : 4;
    return e_.make(is_unsigned ? unsigned_op : signed_op, RegClass::k,
                   {use(a, cls(c)), use(b, cls(c)), predicate});
  }
  if (o != NodeOp::Lt) {
    Reg equal = e_.make(wide ? op("vpcmpeqq") : op("vpcmpeqd"), c, {a, b});
    return o == NodeOp::Eq ? equal : e_.make(op("vxorps"), c, {equal, all_ones(c)});
  }
  std::swap(a, b);    // there is only `greater`
  if (is_unsigned) {  // ordered as signed numbers are once the top bit is flipped
    Reg top = e_.splat(w, c, 1ULL << (w - 1));
    a = e_.make(op("vxorps"), c, {a, top});
    b = e_.make(op("vxorps"), c, {b, top});
  }
  return e_.make(wide ? op("vpcmpgtq") : op("vpcmpgtd"), c, {a, b});
}

// ---- between masks

Reg Selector::bool_op(const Node* node, size_t p) {
  const RegClass c = bool_class(32);
  Reg a = part(node->src[0], p);
  if (node->is(NodeOp::Not))
    return evex_ ? e_.make(op("knotw"), c, {a}) : e_.make(op("vxorps"), c, {a, all_ones(c)});
  if (node->is(NodeOp::Where)) {
    Reg x = part(node->src[1], p), y = part(node->src[2], p);
    if (!evex_) return e_.make(op("vblendvps"), c, {y, x, a});
    return e_.make(op("korw"), c, {e_.make(op("kandw"), c, {a, x}), e_.make(op("kandnw"), c, {a, y})});
  }
  Reg b = part(node->src[1], p);
  for (const Logic& row : logics)
    if (row.op == node->op) return e_.make(evex_ ? row.mask : row.vector, c, {a, b});
  DOORBELL_CHECK(false, "kernel {}: x86 has no {} of bool", kernel_.name, text(node->op));
}

// Of lanes of 64 bits, part p of those of 32.
Reg Selector::narrow_mask(const std::vector<Reg>& wide, size_t p) {
  if (!evex_) return pack_pairs(wide, p);
  if (parts(64) == parts(32)) return wide.at(p);
  return e_.make(op("kunpckbw"), RegClass::k, {wide.at(2 * p + 1), wide.at(2 * p)});
}

Reg Selector::lowest(Reg m, int n, int w) {
  return e_.make(evex_ ? op("kandw") : op("vandps"), bool_class(w), {m, lowest(n, w)});
}

// ---- masks and other registers

Reg Selector::lane_bits(Reg m, int w) {
  if (evex_) return e_.make(op("kmovd"), RegClass::gpr32, {use(m, cls(RegClass::k))});
  return e_.make(w == 64 ? op("vmovmskpd") : op("vmovmskps"), RegClass::gpr32, {use(m, cls(vclass(w)))});
}

Reg Selector::first_bit(Reg m) {
  Reg bits = evex_ ? lane_bits(m, 32) : e_.make(op("vmovd"), RegClass::gpr32, {use(m, cls(RegClass::xmm))});
  return e_.change(op("and"), RegClass::gpr32, bits, {1});
}

Reg Selector::nonzero(Reg r) {  // of bools as they lie in memory
  const RegClass c = vclass(32);
  if (evex_) return e_.make(op("vptestmd"), RegClass::k, {use(r, cls(c)), use(r, cls(c))});
  return e_.make(op("vpcmpgtd"), c, {r, e_.zero(c)});
}

Reg Selector::choose(Reg m, Reg a, Reg b, int w, RegClass c) {
  if (evex_) return e_.make_masked(w == 64 ? op("vblendmpd") : op("vblendmps"), c, m, {b, a});
  return e_.make(w == 64 ? op("vblendvpd") : op("vblendvps"), c, {b, a, m});
}

Reg Selector::keep(Reg m, Reg r, int w, RegClass c) {
  if (evex_) return e_.make_masked(w == 64 ? op("vmovapd") : op("vmovaps"), c, m, {r});
  return e_.make(op("vandps"), c, {m, r});
}

Reg Selector::drop(Reg m, Reg r, int w, RegClass c) {
  if (evex_) return e_.merge(w == 64 ? op("vxorpd") : op("vxorps"), c, r, m, {r, r});
  return e_.make(op("vandnps"), c, {m, r});
}

Reg Selector::fill(Reg m, Reg r, int w, RegClass c) {
  if (evex_) return e_.merge(w == 64 ? op("vpternlogq") : op("vpternlogd"), c, r, m, {r, r, 0xff});
  return e_.make(op("vorps"), c, {r, m});
}

}  // namespace doorbell::x86::target
