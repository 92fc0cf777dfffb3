// Addresses, loads and stores. An index is taken apart into uniform terms, a constant, and a constant of each
// lane; what differs from lane to lane by something else is gathered. The uniform part becomes a base
// register, made as far out of the loops as its terms allow and advanced by the loop whose counter it
// contains; accesses that differ by a constant share it and differ in displacement.
#include <algorithm>
#include <functional>

#include "codegen/target/x86/selector.h"

namespace doorbell::x86::target {

using machine::imm;
using machine::Operand;
using machine::use;
using NodeOp = doorbell::Op;

namespace {

const Node* root(const Node* memory) {
  while (memory->is(NodeOp::After)) memory = memory->src[0];
  return memory;
}

Affine scaled(Affine a, int64_t by) {
  if (by == 0) return {};
  for (auto& [node, k] : a.terms) k *= by;
  for (int64_t& l : a.lanes) l *= by;
  a.constant *= by;
  return a;
}

// A short vector moves as the integer of its size.
DType flat(DType t) { return t.count == 1 ? t : t.bits * t.count == 64 ? dtype::u64 : dtype::u32; }

Operand shifted(Operand o, int64_t bytes) {
  o.disp += static_cast<int32_t>(bytes);
  return o;
}

}  // namespace

MemoryRef Selector::memory(const Node* node) {
  const Node* m = root(node);
  if (m->is(NodeOp::Param)) return {MemoryRef::Kind::Param, m, static_cast<int>(m->arg[0])};
  if (m->arg[1] == static_cast<int64_t>(Space::Local))
    return {MemoryRef::Kind::Local, m, 1 << 20 | static_cast<int>(m->arg[0])};
  return {MemoryRef::Kind::Register, m, 0};
}

// ---- indices

const Affine& Selector::affine(const Node* node) {
  Info& i = info(node);
  if (i.has_affine) return i.affine;
  i.has_affine = true;
  Affine& out = i.affine;
  auto opaque = [&] { out.terms = {{node, 1}}; };
  auto combine = [&](Affine a, const Affine& b) {
    for (const auto& [n, k] : b.terms) {
      auto at = std::ranges::lower_bound(a.terms, place_.at(n), {},
                                         [&](const auto& t) { return place_.at(t.first); });
      if (at != a.terms.end() && at->first == n) {
        at->second += k;
        if (at->second == 0) a.terms.erase(at);
      } else {
        a.terms.insert(at, {n, k});
      }
    }
    a.constant += b.constant;
    if (a.lanes.empty()) a.lanes = b.lanes;
    else
      for (size_t l = 0; l < b.lanes.size(); ++l) a.lanes[l] += b.lanes[l];
    return a;
  };
  if (node->dtype.is_float()) {
    opaque();
    return out;
  }
  auto pure = [](const Affine& a) { return a.terms.empty() && a.lanes.empty(); };
  switch (node->op) {
    case NodeOp::Const: out.constant = node->dtype.is_bool() ? node->arg[0] : node->as_int(); return out;
    case NodeOp::Range:
      if (!node->src.empty() && node->src[0]->is(NodeOp::Const) && node->src[0]->as_int() == 1)
        return out;  // 0
      opaque();
      return out;
    case NodeOp::Lane:
      for (int l = 0; lanes_ > 1 && l < lanes_; ++l) out.lanes.push_back(l);
      return out;
    case NodeOp::Add:
      if (node->dtype.is_bool()) break;
      out = combine(affine(node->src[0]), affine(node->src[1]));
      return out;
    case NodeOp::Sub: out = combine(affine(node->src[0]), scaled(affine(node->src[1]), -1)); return out;
    case NodeOp::Neg: out = scaled(affine(node->src[0]), -1); return out;
    case NodeOp::Mul: {
      if (node->dtype.is_bool()) break;
      const Affine &a = affine(node->src[0]), &b = affine(node->src[1]);
      if (pure(b)) out = scaled(a, b.constant);
      else if (pure(a)) out = scaled(b, a.constant);
      else opaque();
      return out;
    }
    case NodeOp::Shl:
      if (pure(affine(node->src[1])) && affine(node->src[1]).constant >= 0 &&
          affine(node->src[1]).constant < 31)
        out = scaled(affine(node->src[0]), int64_t{1} << affine(node->src[1]).constant);
      else opaque();
      return out;
    case NodeOp::Cast:
      // Widening keeps the value; narrowing an index keeps it too, in the index domain.
      if (node->src[0]->dtype.is_int() && node->dtype.bits >= 32 && node->src[0]->dtype.bits >= 32)
        out = affine(node->src[0]);
      else opaque();
      return out;
    default: break;
  }
  if (!lane_pattern(node, out)) {
    out = {};
    opaque();
  }
  return out;
}

// An integer function of the lane alone, for each lane.
bool Selector::lane_pattern(const Node* node, Affine& out) {
  if (lanes_ == 1 || row(node->op).cls != OpClass::Alu || node->src.empty() || node->is(NodeOp::Bitcast))
    return false;
  std::vector<std::vector<int64_t>> in;
  for (const Node* s : node->src) {
    if (s->dtype.is_float() || s->dtype.bits == 64) return false;
    const Affine& a = affine(s);
    if (!a.terms.empty()) return false;
    auto& values = in.emplace_back(static_cast<size_t>(lanes_), a.constant);
    for (size_t l = 0; l < a.lanes.size(); ++l) values[l] += a.lanes[l];
    // Sums and products of data wrap, which those of indices do not.
    for (int64_t v : values)
      if (decode_int(s->dtype, static_cast<uint64_t>(v) & s->dtype.mask()) != v) return false;
  }
  for (size_t l = 0; l < static_cast<size_t>(lanes_); ++l) {
    const int64_t a = in[0][l], b = in.size() > 1 ? in[1][l] : 0;
    int64_t r = 0;
    switch (node->op) {
      case NodeOp::Div: r = b == 0 ? 0 : a / b; break;
      case NodeOp::Mod: r = b == 0 ? 0 : a % b; break;
      case NodeOp::Max: r = std::max(a, b); break;
      case NodeOp::Min: r = std::min(a, b); break;
      case NodeOp::And: r = a & b; break;
      case NodeOp::Or: r = a | b; break;
      case NodeOp::Xor: r = a ^ b; break;
      case NodeOp::Lt: r = a < b; break;
      case NodeOp::Eq: r = a == b; break;
      case NodeOp::Ne: r = a != b; break;
      case NodeOp::Where: r = a ? b : in[2][l]; break;
      case NodeOp::Not:
        if (!node->dtype.is_bool()) return false;
        r = !a;
        break;
      case NodeOp::Shr:
        if (a < 0 || b < 0 || b > 31) return false;
        r = a >> b;
        break;
      default: return false;
    }
    out.lanes.push_back(r);
  }
  out.constant = 0;
  return true;
}

// ---- addresses

// The memory's address plus the terms of loops up to level `at`, in bytes.
Reg Selector::base(const MemoryRef& m, std::span<const std::pair<const Node*, int64_t>> terms, int element,
                   int at) {
  std::vector<int64_t> key{4, static_cast<int64_t>(place_.at(m.node)), element};
  for (const auto& [n, k] : terms) {
    key.push_back(static_cast<int64_t>(place_.at(n)));
    key.push_back(k);
  }
  if (at < 0) {
    return cached(key, 0, [&] {
      if (m.kind == MemoryRef::Kind::Param)
        return e_.load(op("mov"), RegClass::gpr64,
                       machine::mem(64, args_, static_cast<int32_t>(8 * m.node->arg[0])), -1);
      if (local_offset_.at(m.node) == 0) return local_;
      return e_.make(op("lea"), RegClass::gpr64,
                     {machine::mem(0, local_, static_cast<int32_t>(local_offset_.at(m.node)))});
    });
  }
  // The terms of this level; those of outer ones make the base that they are added to.
  std::vector<std::pair<const Node*, int64_t>> outer, here;
  const Node* range = frames_[static_cast<size_t>(at)].range;
  int64_t advance = 0;
  for (const auto& [n, k] : terms) {
    if (info(n).level < at) outer.emplace_back(n, k);
    else if (n == range) advance = k * element;
    else here.emplace_back(n, k);
  }
  if (here.empty() && advance == 0) return base(m, outer, element, at - 1);
  if (here.empty()) {
    // A pointer that the loop advances.
    return cached(key, at, [&] {
      Reg start = base(m, outer, element, at - 1);
      const size_t current = e_.current();
      e_.go_to(frames_[static_cast<size_t>(at)].preheader);
      Reg pointer = e_.copied(start, RegClass::gpr64);
      e_.go_to(current);
      frames_[static_cast<size_t>(at)].steps.emplace_back(pointer, advance);
      return pointer;
    });
  }
  return cached(key, at, [&] {
    std::vector<std::pair<const Node*, int64_t>> rest = outer;
    if (advance != 0) rest.emplace_back(range, advance / element);
    Reg sum = base(m, rest, element, at);
    for (const auto& [n, k] : here) {
      const int64_t bytes = k * element;
      Reg value = scalar64(n);
      if (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) {
        sum = e_.make(op("lea"), RegClass::gpr64, {machine::mem(0, sum, value, static_cast<int>(bytes), 0)});
        continue;
      }
      Reg product = bytes >= INT32_MIN && bytes <= INT32_MAX
                        ? e_.make(op("imul"), RegClass::gpr64, {value, imm(bytes)})
                        : e_.change(op("imul"), RegClass::gpr64, value, {e_.number(RegClass::gpr64, bytes)});
      sum = e_.make(op("lea"), RegClass::gpr64, {machine::mem(0, sum, product, 1, 0)});
    }
    return sum;
  });
}

Operand Selector::address(const MemoryRef& m, const Affine& uniform, int element, int64_t offset, int bits) {
  int64_t bytes = uniform.constant * element + offset;
  Reg r = base(m, uniform.terms, element, level());
  if (bytes < INT32_MIN + 4096 || bytes > INT32_MAX - 4096) {
    Reg far = e_.number(RegClass::gpr64, bytes);
    return machine::mem(bits, r, far, 1, 0);
  }
  return machine::mem(bits, r, static_cast<int32_t>(bytes));
}

// ---- loads

void Selector::load(const Node* node) {
  const MemoryRef m = memory(node->src[0]);
  if (m.kind == MemoryRef::Kind::Register) return load_register(node);
  const int element = static_cast<int>(m.node->dtype.bytes() * m.node->dtype.count);
  const Affine& index = affine(node->src[1]);
  const Node* gate = node->src.size() > 2 ? node->src[2] : nullptr;
  if (gate && gate->is(NodeOp::Const)) {
    if (gate->arg[0] == 0) {
      const bool gpr = in_gpr(node);
      std::vector<Reg> zeros;
      for (size_t p = 0; p < parts(node); ++p)
        zeros.push_back(gpr ? e_.number(RegClass::gpr64, 0) : e_.zero(value_class(node->dtype)));
      return set(node, zeros, gpr);
    }
    gate = nullptr;
  }
  if (gate && !varying(gate)) {
    // Zeros, overwritten behind a branch. What the load needs is made before it.
    const bool gpr = in_gpr(node);
    const RegClass c = gpr ? RegClass::gpr64 : value_class(node->dtype);
    std::vector<Reg> regs;
    for (size_t p = 0; p < parts(node); ++p)
      regs.push_back(gpr ? e_.number(RegClass::gpr64, 0) : e_.copied(e_.zero(c), c));
    if (gpr) regs[0] = e_.copied(regs[0], c);
    Affine uniform = index;
    std::erase_if(uniform.terms, [&](const auto& t) { return varying(t.first); });
    address(m, uniform, element, 0, 8);
    frames_.emplace_back();  // a scope of its own for what is made behind the branch
    const Reg condition = scalar(gate);
    e_.emit(op("test"), {use(condition, cls(RegClass::gpr32)), use(condition, cls(RegClass::gpr32))});
    e_.emit(op("je"), {machine::block(0)}).flags |= machine::branch;
    const size_t from = e_.current();
    const int depth = e_.program().blocks[from].depth;
    frames_.back().preheader = e_.add_block(depth);
    const bool v = varying(node);
    const bool fused = info(node).skipped;
    if (v) load_varying(node, m, index, element, nullptr);
    else load_uniform(node, m, index, element);
    DOORBELL_CHECK(!info(node).skipped || fused, "a gated load does not convert");
    for (size_t p = 0; p < regs.size(); ++p) e_.copy(regs[p], info(node).value.regs[p], c);
    frames_.pop_back();
    const size_t exit = e_.add_block(depth);
    e_.program().blocks[from].insts.back().operands[0].imm = static_cast<int64_t>(exit);
    return set(node, regs, gpr);
  }
  if (varying(node)) load_varying(node, m, index, element, gate);
  else load_uniform(node, m, index, element);
}

Reg Selector::load_scalar(DType t, Operand at, int object) {
  at.bits = t.bits;
  if (t.bits >= 32) return e_.load(op("mov"), gclass(t), at, object);
  return e_.load(t.kind == Kind::Signed ? op("movsx") : op("movzx"), RegClass::gpr32, at, object);
}

// One element in all lanes of a vector register.
Reg Selector::load_broadcast(DType t, DType as, Operand at, int object) {
  const int w = width(t);
  const RegClass c = vclass(as);
  at.bits = t.bits;
  if (lanes_ == 1 && t.bits >= 32) return e_.load(w == 64 ? op("vmovsd") : op("vmovss"), c, at, object);
  if (t.bits == 32) return e_.load(op("vbroadcastss"), c, at, object);
  if (t.bits == 64) return e_.load(c == RegClass::xmm ? op("vmovddup") : op("vbroadcastsd"), c, at, object);
  Reg r = broadcast(load_scalar(t, at, object), 32, vclass(32));
  return t.is_bool() ? nonzero(r) : r;
}

void Selector::load_uniform(const Node* node, const MemoryRef& m, const Affine& index, int element) {
  const DType t = flat(node->dtype);
  Operand at = address(m, index, element, 0, t.bits);
  const Node* user = info(node).user;
  if (t == dtype::f16 && info(node).uses == 1 && user->is(NodeOp::Cast) && user->dtype == dtype::f32 &&
      node->src.size() == 2) {  // converted in all lanes, without a general register
    const RegClass c = vclass(32);
    Reg halves = e_.load(op("vpbroadcastw"), half_of(c), at, m.object);
    info(node).skipped = true;
    return set(node, {e_.make(op("vcvtph2ps"), c, {use(halves, cls(half_of(c)))})});
  }
  // What one user takes as a short vector stays out of the general registers.
  const bool moves = info(node).uses == 1 && user->is(NodeOp::Bitcast) && user->dtype.count > 1;
  if (in_gpr(node) && !moves) return set(node, {load_scalar(t, at, m.object)}, true);
  set(node, {load_broadcast(t, t, at, m.object)});
}

// n lanes from consecutive elements of type t, as lanes of `as` (f16 may come as f32).
Reg Selector::load_contiguous(DType t, DType as, int n, Operand at, int object, Reg mask) {
  const int w = width(t);
  const RegClass c = vclass(as);
  const int bits = n * t.bits;
  at.bits = static_cast<uint16_t>(bits);
  auto load_masked = [&](Op o) {
    Reg r = evex_ ? e_.make_masked(o, c, mask, {at}) : e_.make(o, c, {mask, at});
    auto& inst = e_.program().blocks[e_.current()].insts.back();
    inst.flags |= machine::loads;
    inst.memory = object;
    return r;
  };
  if (t.bits >= 32) {
    if (!mask.none()) {
      at.bits = static_cast<uint16_t>(bits_of(c));
      return load_masked(w == 64 ? (evex_ ? op("vmovupd") : op("vmaskmovpd"))
                                 : (evex_ ? op("vmovups") : op("vmaskmovps")));
    }
    if (bits == 32) return e_.load(op("vmovss"), c, at, object);
    if (bits == 64) return e_.load(op("vmovsd"), c, at, object);
    return e_.load(op("vmovups"), c, at, object);
  }
  const unsigned xmm = cls(RegClass::xmm);
  const bool half_floats = t == dtype::f16 && as == dtype::f32;
  const Op widen = half_floats              ? op("vcvtph2ps")
                   : t.bits == 16           ? (t.kind == Kind::Signed ? op("vpmovsxwd") : op("vpmovzxwd"))
                   : t.kind == Kind::Signed ? op("vpmovsxbd")
                                            : op("vpmovzxbd");
  Reg r;
  if (!mask.none()) {
    r = load_masked(widen);
  } else if (n >= 4) {
    r = e_.load(widen, c, at, object);
  } else {  // two lanes: less memory than the instruction would read
    Reg low;
    if (bits == 32) low = e_.load(op("vmovd"), RegClass::xmm, at, object);
    else
      low = e_.make(op("vmovd"), RegClass::xmm,
                    {use(e_.load(op("movzx"), RegClass::gpr32, at, object), cls(RegClass::gpr32))});
    r = e_.make(widen, c, {use(low, xmm)});
  }
  return t.is_bool() ? nonzero(r) : r;
}

// The lane-dependent part of an index for n lanes from `first`, in 32-bit lanes, times `scale`.
Reg Selector::index_vector(const Affine& index, size_t first, int n, int64_t scale) {
  const RegClass c = sized(n * 32);
  std::array<int32_t, 16> pattern{};
  bool any = false;
  for (size_t l = 0; l < static_cast<size_t>(n) && !index.lanes.empty(); ++l) {
    pattern[l] = static_cast<int32_t>(index.lanes[first + l] * scale);
    any |= pattern[l] != 0;
  }
  Reg sum;
  if (any) sum = e_.constant(c, std::as_bytes(std::span(pattern)).first(static_cast<size_t>(bits_of(c) / 8)));
  for (const auto& [node, k] : index.terms) {
    if (!varying(node)) continue;
    Reg term;
    if (node->dtype.bits == 64) {  // indices fit 32 bits: see width checks of the caller
      std::vector<Reg> wide;
      for (size_t p = 0; p < parts(64); ++p) wide.push_back(part(node, p));
      term = pack_pairs(wide, first / static_cast<size_t>(per_part(32)));
    } else {
      term = part(node, first / static_cast<size_t>(per_part(32)));
    }
    const int each = per_part(32);
    if (n < each) term = piece(term, vclass(32), c, static_cast<int>(first % static_cast<size_t>(each)) / n);
    if (k * scale != 1)
      term = e_.make(op("vpmulld"), c, {term, e_.splat(32, c, static_cast<uint32_t>(k * scale))});
    sum = sum.none() ? term : e_.make(op("vpaddd"), c, {sum, term});
  }
  return sum.none() ? e_.zero(c) : sum;
}

// Memory of n lanes from `first` whose addresses differ by more than a step: what gathers and scatters take.
Operand Selector::indexed(const MemoryRef& m, const Affine& uniform, const Affine& index, int element,
                          size_t first, int n, int w) {
  const bool direct = element == 1 || element == 2 || element == 4 || element == 8;
  Reg indices = index_vector(index, first, n, direct ? 1 : element);
  Operand at = address(m, uniform, element, 0, w);
  if (!at.index.none()) {
    Reg sum = e_.make(op("lea"), RegClass::gpr64, {machine::mem(0, at.reg, at.index, 1, 0)});
    at = machine::mem(w, sum, 0);
  }
  at.index = indices;
  at.bits = static_cast<uint16_t>(bits_of(vclass(w)));
  at.scale = static_cast<uint8_t>(direct ? element : 1);
  at.cls = static_cast<uint8_t>(cls(sized(n * 32)));
  return at;
}

void Selector::load_varying(const Node* node, const MemoryRef& m, const Affine& index, int element,
                            const Node* gate) {
  const DType t = flat(node->dtype);
  const int w = width(t), n = per_part(w);
  const RegClass c = vclass(w);
  Affine uniform = index;
  std::erase_if(uniform.terms, [&](const auto& term) { return varying(term.first); });
  uniform.lanes.clear();
  const bool gathers = uniform.terms.size() != index.terms.size();
  auto lane_offset = [&](size_t l) { return index.lanes.empty() ? 0 : index.lanes[l]; };
  const int access = static_cast<int>(t.bytes());
  enum class Way { contiguous, same, twice, permuted, gather };
  std::vector<Way> ways;
  // The places of eight lanes, in elements from the lowest.
  auto places = [&](size_t first) {
    std::array<int32_t, 8> at{};
    int64_t low = lane_offset(first);
    for (size_t l = 0; l < at.size(); ++l) low = std::min(low, lane_offset(first + l));
    for (size_t l = 0; l < at.size(); ++l)
      at[l] = static_cast<int32_t>((lane_offset(first + l) - low) * element / access);
    return std::pair(low, at);
  };
  for (size_t p = 0; p < parts(w); ++p) {
    bool consecutive = !gathers, same = !gathers;
    const bool eight = !gathers && !gate && n == 8 && access == 4;
    bool twice = eight;
    unsigned met = 0;
    const size_t first = p * static_cast<size_t>(n);
    for (size_t l = 0; l < static_cast<size_t>(n); ++l) {
      const int64_t away = (lane_offset(first + l) - lane_offset(first)) * element;
      consecutive &= away == static_cast<int64_t>(l) * access;
      same &= away == 0;
      twice &= away == static_cast<int64_t>(l % 4) * access;
      if (eight && element == access)
        if (const int32_t at = places(first).second[l]; at < 8) met |= 1u << at;
    }
    ways.push_back(consecutive     ? Way::contiguous
                   : same && !gate ? Way::same
                   : twice         ? Way::twice
                   : met == 0xff   ? Way::permuted
                                   : Way::gather);
  }
  // f16 that only a cast to f32 reads is converted as it is loaded.
  DType as = t;
  const Node* user = info(node).user;
  if (t == dtype::f16 && info(node).uses == 1 && user->is(NodeOp::Cast) && user->dtype == dtype::f32 &&
      (gate ? evex_ && n >= 4 : node->src.size() == 2) &&
      std::ranges::count(ways, Way::contiguous) == static_cast<ptrdiff_t>(ways.size())) {
    as = dtype::f32;
    info(node).skipped = true;
  }
  std::vector<Reg> regs;
  for (size_t p = 0; p < parts(w); ++p) {
    const size_t first = p * static_cast<size_t>(n);
    Reg m_part = gate ? mask(gate, p, w) : Reg{};
    if (gate && n * w < 128) m_part = lowest(m_part, n, w);  // lanes above the kernel's must not be touched
    const int64_t offset = lane_offset(first) * element;
    if (ways[p] == Way::same) {
      regs.push_back(load_broadcast(t, as, address(m, uniform, element, offset, t.bits), m.object));
      continue;
    }
    if (ways[p] == Way::twice) {  // both halves read the same four
      regs.push_back(e_.load(evex_ ? op("vbroadcastf32x4") : op("vbroadcastf128"), c,
                             address(m, uniform, element, offset, 128), m.object));
      continue;
    }
    if (ways[p] == Way::permuted) {
      auto [low, order] = places(first);
      Reg r = e_.load(op("vmovups"), c, address(m, uniform, element, low * element, 256), m.object);
      regs.push_back(e_.make(op("vpermps"), c, {e_.constant(c, std::as_bytes(std::span(order))), r}));
      continue;
    }
    if (ways[p] == Way::contiguous && (!gate || access >= 4 || (evex_ && n >= 4))) {
      regs.push_back(load_contiguous(t, as, n, address(m, uniform, element, offset, 0), m.object, m_part));
      continue;
    }
    // Places known beforehand: one by one, which Zen 3 does sooner than a gather.
    if (access == 4 && !gathers && !gate && n >= 4 && !evex_) {
      Operand plain = address(m, uniform, element, 0, 32);
      if (!plain.index.none())
        plain = machine::mem(
            32, e_.make(op("lea"), RegClass::gpr64, {machine::mem(0, plain.reg, plain.index, 1, 0)}), 0);
      std::vector<Reg> quarters;
      for (int l = 0; l < n; l += 4) {
        auto at = [&](int i) {
          return shifted(plain, lane_offset(first + static_cast<size_t>(l + i)) * element);
        };
        Reg r = e_.load(op("vmovd"), RegClass::xmm, at(0), m.object);
        for (int i = 1; i < 4; ++i) r = e_.load(op("vpinsrd"), RegClass::xmm, {r, at(i), i}, m.object);
        quarters.push_back(r);
      }
      regs.push_back(joined(c, RegClass::xmm, quarters));
      continue;
    }
    if (access >= 4) {
      // All operands of a gather are different registers; the mask is cleared as it goes.
      const Operand at = indexed(m, uniform, index, element, first, n, w);
      Reg d = e_.copied(e_.zero(c), c);
      Reg k = e_.copied(gate ? m_part : lowest(n, w), bool_class(w));
      const Op gather = w == 64 ? op("vgatherdpd") : op("vgatherdps");
      auto& inst = evex_ ? e_.emit_masked(gather, k, false, std::array{use(d, cls(c)), at})
                         : e_.emit(gather, {use(d, cls(c)), at, use(k, cls(c))});
      inst.flags |= machine::loads;
      inst.memory = m.object;
      regs.push_back(d);
      continue;
    }
    // Narrow elements, one by one; a lane that the gate closes reads a zero instead.
    Operand plain = address(m, uniform, element, 0, t.bits);
    if (!plain.index.none()) {
      Reg sum = e_.make(op("lea"), RegClass::gpr64, {machine::mem(0, plain.reg, plain.index, 1, 0)});
      plain = machine::mem(t.bits, sum, 0);
    }
    Reg indices = gathers ? index_vector(index, first, n, 1) : Reg{};
    Reg closed, bits;
    if (gate) {
      std::array<std::byte, 8> zeros{};
      closed = e_.make(op("lea"), RegClass::gpr64, {machine::pool(0, e_.program().make_pool(zeros))});
      bits = lane_bits(m_part, w);
    }
    std::vector<Reg> lanes;
    for (int l = 0; l < n; ++l) {
      Operand at = plain;
      if (gathers) {
        Reg low = piece(indices, c, RegClass::xmm, l / 4);
        Reg i = l % 4 == 0 ? e_.make(op("vmovd"), RegClass::gpr32, {use(low, cls(RegClass::xmm))})
                           : e_.make(op("vpextrd"), RegClass::gpr32, {use(low, cls(RegClass::xmm)), l % 4});
        at.index = e_.make(op("movsxd"), RegClass::gpr64, {use(i, cls(RegClass::gpr32))});
        at.scale = static_cast<uint8_t>(element);
      } else {
        at = shifted(at, lane_offset(first + static_cast<size_t>(l)) * element);
      }
      if (gate) {
        at.bits = 0;
        Reg pointer = e_.make(op("lea"), RegClass::gpr64, {at});
        Reg d = e_.copied(pointer, RegClass::gpr64);
        e_.emit(op("test"), {use(bits, cls(RegClass::gpr32)), imm(1 << l)});
        e_.emit(op("cmove"), {use(d, cls(RegClass::gpr64)), use(closed, cls(RegClass::gpr64))});
        at = machine::mem(t.bits, d, 0);
      }
      lanes.push_back(load_scalar(t, at, m.object));
    }
    // lanes_to_vector() makes all parts of a value; this is one of them.
    std::vector<Reg> quarters;
    for (int h = 0; h * 4 < n; ++h) {
      Reg r;
      for (int l = 0; l < 4 && h * 4 + l < n; ++l) {
        Operand lane = use(lanes[static_cast<size_t>(h * 4 + l)], cls(RegClass::gpr32));
        r = l == 0 ? e_.make(op("vmovd"), RegClass::xmm, {lane})
                   : e_.make(op("vpinsrd"), RegClass::xmm, {r, lane, l});
      }
      quarters.push_back(r);
    }
    Reg r = joined(c, RegClass::xmm, quarters);
    regs.push_back(t.is_bool() ? nonzero(r) : r);
  }
  set(node, std::move(regs));
}

// ---- stores

void Selector::store(const Node* node) {
  const MemoryRef m = memory(node->src[0]);
  if (m.kind == MemoryRef::Kind::Register) return store_register(node);
  const int element = static_cast<int>(m.node->dtype.bytes() * m.node->dtype.count);
  const Affine& index = affine(node->src[1]);
  const Node* gate = node->src.size() > 3 ? node->src[3] : nullptr;
  if (gate && gate->is(NodeOp::Const)) {
    if (gate->arg[0] == 0) return;
    gate = nullptr;
  }
  auto emit = [&](const Node* g) {
    if (varying(node->src[1]) || (g && varying(g))) store_varying(node, m, index, element, g);
    else store_uniform(node, m, index, element);
  };
  if (!gate || varying(gate)) return emit(gate);
  Affine uniform = index;
  std::erase_if(uniform.terms, [&](const auto& t) { return varying(t.first); });
  address(m, uniform, element, 0, 8);
  frames_.emplace_back();
  const Reg condition = scalar(gate);
  e_.emit(op("test"), {use(condition, cls(RegClass::gpr32)), use(condition, cls(RegClass::gpr32))});
  e_.emit(op("je"), {machine::block(0)}).flags |= machine::branch;
  const size_t from = e_.current();
  const int depth = e_.program().blocks[from].depth;
  frames_.back().preheader = e_.add_block(depth);
  emit(nullptr);
  frames_.pop_back();
  const size_t exit = e_.add_block(depth);
  e_.program().blocks[from].insts.back().operands[0].imm = static_cast<int64_t>(exit);
}

void Selector::store_uniform(const Node* node, const MemoryRef& m, const Affine& index, int element) {
  const Node* value = node->src[2];
  const DType t = flat(value->dtype);
  if (info(value).skipped) value = value->src[0];
  Operand at = address(m, index, element, 0, t.bits);
  if (varying(value)) {  // one address for all lanes: the kernel's last lane would win, were it legal
    DOORBELL_CHECK(false, "kernel {}: lanes store to one address", kernel_.name);
  }
  if (!in_gpr(value)) {
    Reg r = part(value, 0);
    if (t == dtype::f16) {
      r = e_.make(op("vcvtps2ph"), RegClass::xmm, {r, 0});
      Reg g = e_.make(op("vmovd"), RegClass::gpr32, {use(r, cls(RegClass::xmm))});
      return e_.store(op("mov"), at, use(g, cls(RegClass::gpr16)), m.object);
    }
    return e_.store(t.bits == 64 ? op("vmovsd") : op("vmovss"), at, use(r, cls(RegClass::xmm)), m.object);
  }
  const RegClass c = t.bits == 8 ? RegClass::gpr8 : t.bits == 16 ? RegClass::gpr16 : gclass(t);
  e_.store(op("mov"), at, use(scalar(value), cls(c)), m.object);
}

// n lanes of `from`'s registers to consecutive elements of type t.
void Selector::store_contiguous(DType t, int n, Operand at, Reg value, int object, Reg mask, DType from) {
  const int w = width(t), bits = n * t.bits;
  const RegClass c = vclass(w);
  at.bits = static_cast<uint16_t>(bits);
  const unsigned xmm = cls(RegClass::xmm);
  const bool converts = t == dtype::f16 && from == dtype::f32;
  auto stored = [&](machine::Inst& inst) {
    inst.flags |= machine::stores;
    inst.memory = object;
  };
  if (t.bits >= 32) {
    if (!mask.none()) {
      at.bits = static_cast<uint16_t>(bits_of(c));
      if (evex_)
        return stored(e_.emit_masked(w == 64 ? op("vmovupd") : op("vmovups"), mask, false,
                                     std::array{at, use(value, cls(c))}));
      return stored(e_.emit(w == 64 ? op("vmaskmovpd") : op("vmaskmovps"),
                            {at, use(mask, cls(c)), use(value, cls(c))}));
    }
    if (bits == 32) return e_.store(op("vmovss"), at, use(value, xmm), object);
    if (bits == 64) return e_.store(op("vmovsd"), at, use(value, xmm), object);
    return e_.store(op("vmovups"), at, use(value, cls(c)), object);
  }
  if (t.is_bool())
    value = evex_ ? keep(value, e_.splat(32, c, 1), 32, c) : e_.make(op("vpsrld"), c, {value, 31});
  if (evex_ && n >= 4) {
    std::vector<Operand> operands{at, use(value, cls(c))};
    if (converts) operands.push_back(imm(0));
    const Op narrow = converts ? op("vcvtps2ph") : t.bits == 8 ? op("vpmovdb") : op("vpmovdw");
    return stored(mask.none() ? e_.emit(narrow, operands) : e_.emit_masked(narrow, mask, false, operands));
  }
  if (converts) {
    if (bits == 64 || bits == 128) return stored(e_.emit(op("vcvtps2ph"), {at, use(value, cls(c)), imm(0)}));
    value = e_.make(op("vcvtps2ph"), RegClass::xmm, {use(value, cls(c)), 0});
  } else {
    value = pack(value, c, t.bits);
  }
  switch (bits) {
    case 16: return stored(e_.emit(op("vpextrw"), {at, use(value, xmm), imm(0)}));
    case 32: return e_.store(op("vmovd"), at, use(value, xmm), object);
    case 64: return e_.store(op("vmovq"), at, use(value, xmm), object);
    default: return e_.store(op("vmovups"), at, use(value, xmm), object);
  }
}

void Selector::store_varying(const Node* node, const MemoryRef& m, const Affine& index, int element,
                             const Node* gate) {
  const Node* value = node->src[2];
  const DType t = flat(value->dtype);
  if (info(value).skipped) value = value->src[0];
  const DType from = flat(value->dtype);
  const int w = width(t), n = per_part(w), access = static_cast<int>(t.bytes());
  const RegClass c = vclass(w);
  Affine uniform = index;
  std::erase_if(uniform.terms, [&](const auto& term) { return varying(term.first); });
  uniform.lanes.clear();
  const bool scatters = uniform.terms.size() != index.terms.size();
  auto lane_offset = [&](size_t l) { return index.lanes.empty() ? 0 : index.lanes[l]; };
  // A gate by the lane's number alone needs no test, and one by that and by what is the same in all lanes,
  // one.
  const Affine* known = gate && affine(gate).terms.empty() ? &affine(gate) : nullptr;
  const Node* open = nullptr;
  for (size_t side = 0; !known && gate && gate->is(NodeOp::And) && side < 2; ++side) {
    const Node *alike = gate->src[side], *by_lane = gate->src[1 - side];
    if (!varying(alike) && affine(by_lane).terms.empty()) open = alike, known = &affine(by_lane);
  }
  auto closed_lane = [&](size_t l) {
    return known && known->constant + (known->lanes.empty() ? 0 : known->lanes[l]) == 0;
  };
  for (size_t p = 0; p < parts(w); ++p) {
    const size_t first = p * static_cast<size_t>(n);
    bool consecutive = !scatters;
    for (size_t l = 0; l < static_cast<size_t>(n); ++l)
      consecutive &=
          (lane_offset(first + l) - lane_offset(first)) * element == static_cast<int64_t>(l) * access;
    consecutive &= !gate || access >= 4 || (evex_ && n >= 4);
    Reg m_part = gate && (consecutive || !known) ? mask(gate, p, w) : Reg{};
    if (!m_part.none() && n * w < 128) m_part = lowest(m_part, n, w);
    Reg r = part(value, p);
    if (consecutive) {
      store_contiguous(t, n, address(m, uniform, element, lane_offset(first) * element, 0), r, m.object,
                       m_part, from);
      continue;
    }
    if (evex_ && access >= 4 && !known) {
      const Operand at = indexed(m, uniform, index, element, first, n, w);
      Reg k = e_.copied(gate ? m_part : lowest(n, w), RegClass::k);  // cleared as it goes
      auto& inst = e_.emit_masked(w == 64 ? op("vscatterdpd") : op("vscatterdps"), k, false,
                                  std::array{at, use(r, cls(c))});
      inst.flags |= machine::stores;
      inst.memory = m.object;
      continue;
    }
    // Lane by lane; one that the gate closes writes to a place nobody reads.
    if (t == dtype::f16 && from == dtype::f32)
      r = e_.make(op("vpmovzxwd"), c,
                  {use(e_.make(op("vcvtps2ph"), half_of(c), {use(r, cls(c)), 0}), cls(half_of(c)))});
    if (t.is_bool()) r = evex_ ? keep(r, e_.splat(32, c, 1), 32, c) : e_.make(op("vpsrld"), c, {r, 31});
    Operand plain = address(m, uniform, element, 0, t.bits);
    if (!plain.index.none()) {
      Reg sum = e_.make(op("lea"), RegClass::gpr64, {machine::mem(0, plain.reg, plain.index, 1, 0)});
      plain = machine::mem(t.bits, sum, 0);
    }
    // An index of 64-bit lanes' data: n of the 32-bit lanes.
    Reg indices = scatters ? index_vector(index, first, n, 1) : Reg{};
    const RegClass ic = sized(n * 32);
    Reg closed, bits;
    if (gate && (!known || open)) {
      e_.program().slots.push_back({8});
      closed = e_.make(op("lea"), RegClass::gpr64, {machine::slot(0, e_.program().slots.size() - 1)});
      bits = open ? scalar(open) : lane_bits(m_part, w);
    }
    for (int l = 0; l < n; ++l) {
      if (closed_lane(first + static_cast<size_t>(l))) continue;
      Operand at = plain;
      if (scatters) {
        Reg low = piece(indices, ic, RegClass::xmm, l / 4);
        Reg i = l % 4 == 0 ? e_.make(op("vmovd"), RegClass::gpr32, {use(low, cls(RegClass::xmm))})
                           : e_.make(op("vpextrd"), RegClass::gpr32, {use(low, cls(RegClass::xmm)), l % 4});
        Reg wide = e_.make(op("movsxd"), RegClass::gpr64, {use(i, cls(RegClass::gpr32))});
        at.index = wide;
        if (element == 1 || element == 2 || element == 4 || element == 8)
          at.scale = static_cast<uint8_t>(element);
        else at.index = e_.make(op("imul"), RegClass::gpr64, {wide, imm(element)});
      } else {
        at = shifted(at, lane_offset(first + static_cast<size_t>(l)) * element);
      }
      if (gate && (!known || open)) {
        at.bits = 0;
        Reg d = e_.copied(e_.make(op("lea"), RegClass::gpr64, {at}), RegClass::gpr64);
        e_.emit(op("test"), {use(bits, cls(RegClass::gpr32)), imm(open ? 1 : 1 << l)});
        e_.emit(op("cmove"), {use(d, cls(RegClass::gpr64)), use(closed, cls(RegClass::gpr64))});
        at = machine::mem(t.bits, d, 0);
      }
      const int per_half = 128 / w;
      Reg low = piece(r, c, RegClass::xmm, l / per_half);
      if (l % per_half == 0 && access >= 4) {
        e_.store(w == 64 ? op("vmovsd") : op("vmovss"), at, use(low, cls(RegClass::xmm)), m.object);
        continue;
      }
      const RegClass g = w == 64 ? RegClass::gpr64 : RegClass::gpr32;
      Reg lane = l % per_half == 0
                     ? e_.make(w == 64 ? op("vmovq") : op("vmovd"), g, {use(low, cls(RegClass::xmm))})
                     : e_.make(w == 64 ? op("vpextrq") : op("vpextrd"), g,
                               {use(low, cls(RegClass::xmm)), l % per_half});
      const RegClass gc = t.bits == 8 ? RegClass::gpr8 : t.bits == 16 ? RegClass::gpr16 : g;
      e_.store(op("mov"), at, use(lane, cls(gc)), m.object);
    }
  }
}

}  // namespace doorbell::x86::target
