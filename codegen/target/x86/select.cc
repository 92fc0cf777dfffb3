// The walk over a lowered kernel: loops, register memory, and what a node's value is made of. See selector.h.
#include <algorithm>
#include <cstring>
#include <functional>

#include "codegen/numeric.h"
#include "codegen/target/x86/selector.h"

namespace doorbell::x86::target {

using machine::def;
using machine::imm;
using machine::use;
using NodeOp = doorbell::Op;

namespace {

const Node* root(const Node* memory) {
  while (memory->is(NodeOp::After)) memory = memory->src[0];
  return memory;
}

// Then it is no loop, and its counter a constant.
bool runs_once(const Node* range) {
  return !range->src.empty() && range->src[0]->is(NodeOp::Const) && range->src[0]->as_int() == 1;
}

}  // namespace

Selector::Selector(const Lowered& kernel, Features features)
    : kernel_(kernel), features_(features), lanes_(kernel.lanes) {}

RegClass Selector::vclass(int w) const { return sized(std::min(lanes_ * w, register_bits_)); }
size_t Selector::parts(int w) const { return static_cast<size_t>(std::max(1, lanes_ * w / register_bits_)); }

void Selector::analyse() {
  const auto& body = kernel_.body;
  std::vector<bool> differs = lanes_ == 1 ? std::vector<bool>(body.size()) : doorbell::varying(kernel_);
  info_.resize(body.size());
  for (size_t i = 0; i < body.size(); ++i) {
    const Node* node = body[i];
    place_[node] = i;
    info_[i].varying = differs[i];
    for (const Node* s : node->src) {
      ++info(s).uses;
      info(s).user = node;
    }
    if (node->is(NodeOp::Store)) {
      const Node* m = root(node->src[0]);
      bool v = varying(node->src[2]) || (node->src.size() > 3 && varying(node->src[3]));
      if (m->is(NodeOp::Alloc)) alloc_varying_[m] = alloc_varying_[m] || (lanes_ > 1 && v);
    }
    if (node->is(NodeOp::Alloc) && node->arg[1] == static_cast<int64_t>(Space::Local)) {
      local_offset_[node] = local_bytes_;
      local_bytes_ +=
          static_cast<uint32_t>((node->arg[2] * node->dtype.bytes() * node->dtype.count + 63) & ~63);
    }
  }
  for (Info& i : info_) i.left = i.uses;
}

Result<machine::Program> Selector::run() {
  analyse();
  e_.program().name = kernel_.name;
  e_.make_entry();
  frames_.emplace_back();
  auto argument = [&](unsigned index, RegClass c) {
    Reg physical = Reg::physical(gpr_file, index);
    e_.program().inputs.push_back(physical);
    return e_.copied(physical, c);
  };
  args_ = argument(7, RegClass::gpr64);
  // The upper halves of 32-bit arguments are undefined (System V ABI 3.2.3), and a mov of 32 bits clears
  // them.
  for (unsigned axis = 0; axis < 3; ++axis) {
    constexpr unsigned registers[] = {6, 2, 1};
    Reg physical = Reg::physical(gpr_file, registers[axis]);
    e_.program().inputs.push_back(physical);
    group_[axis] = e_.make(op("mov"), RegClass::gpr32, {physical});
  }
  local_ = argument(8, RegClass::gpr64);
  e_.add_block(0);
  for (const Node* node : kernel_.body) {
    for (const Node* s : node->src) --info(s).left;
    info(node).level = level();
    select(node);
  }
  DOORBELL_CHECK(frames_.size() == 1, "kernel {}: a loop is still open", kernel_.name);
  e_.emit(op("vzeroupper"), {}).flags |= machine::ordered;
  e_.emit(op("ret"), {}).flags |= machine::returns;
  return std::move(e_.program());
}

// What depends on the lane alone is a constant; false where the node is none.
bool Selector::by_lane(const Node* node) {
  const DType t = node->dtype;
  if (!varying(node) || t.count != 1 || (row(node->op).cls != OpClass::Alu && !node->is(NodeOp::Lane)))
    return false;
  const auto lanes = static_cast<size_t>(lanes_);
  std::vector<DType> types;
  for (const Node* s : node->src) {
    if (!s->is(NodeOp::Const) && info(s).by_lane.empty()) return false;
    types.push_back(s->dtype);
  }
  std::vector<uint64_t>& values = info(node).by_lane;
  for (size_t l = 0; l < lanes; ++l) {
    std::array<uint64_t, 3> in{};
    for (size_t i = 0; i < types.size(); ++i) {
      const Node* s = node->src[i];
      in[i] = s->is(NodeOp::Const) ? static_cast<uint64_t>(s->arg[0]) : info(s).by_lane[l];
    }
    values.push_back(node->is(NodeOp::Lane) ? l
                                            : compute(node->op, t, std::span(in).first(types.size()), types));
  }
  if (t.is_float() && t.bits < 32) return false;
  const int w = width(t);
  const auto n = static_cast<size_t>(per_part(w)), bytes = static_cast<size_t>(w / 8);
  const RegClass c = t.is_bool() ? bool_class(w) : vclass(w);
  std::vector<Reg> regs;
  for (size_t p = 0; p < parts(w); ++p) {
    std::array<uint64_t, 8> constant{};
    for (size_t i = 0; i < n; ++i) {
      uint64_t value = values[p * n + i];
      if (t.is_bool() && evex_) {
        constant[0] |= value << i;
        continue;
      }
      if (t.is_bool()) value = -value;
      else if (t.is_int()) value = static_cast<uint64_t>(decode_int(t, value));
      std::memcpy(reinterpret_cast<std::byte*>(constant.data()) + i * bytes, &value, bytes);
    }
    const size_t size = c == RegClass::k ? 8 : static_cast<size_t>(bits_of(c) / 8);
    regs.push_back(e_.constant(c, std::as_bytes(std::span(constant)).first(size)));
  }
  set(node, std::move(regs));
  return true;
}

void Selector::select(const Node* node) {
  if (by_lane(node)) return;
  switch (node->op) {
    case NodeOp::Const:
    case NodeOp::Param:
    case NodeOp::Alloc:
    case NodeOp::After: return;
    case NodeOp::Symbol: {
      int64_t slot = static_cast<int64_t>(kernel_.params.size()) + node->arg[0];
      set(node,
          {e_.load(op("mov"), RegClass::gpr64, machine::mem(64, args_, static_cast<int32_t>(8 * slot)), -1)},
          true);
      return;
    }
    case NodeOp::Range:
      if (node->src.empty()) set(node, {group_[node->arg[2]]}, true);
      else open_loop(node);
      return;
    case NodeOp::End: close_loop(node); return;
    case NodeOp::Lane: return set(node, {e_.number(RegClass::gpr64, 0)}, true);  // the only one
    case NodeOp::Load: load(node); return;
    case NodeOp::Store: store(node); return;
    case NodeOp::Cast: cast(node); return;
    case NodeOp::Bitcast: bitcast(node); return;
    case NodeOp::LaneXor: lane_xor(node); return;
    case NodeOp::Contract: contract(node); return;
    case NodeOp::Vec: vec(node); return;
    case NodeOp::Element: element(node); return;
    default:
      // Of floats, general registers only choose between narrow ones.
      if (in_gpr(node) && (node->is(NodeOp::Where) || !node->src[0]->dtype.is_float())) scalar_alu(node);
      else vector_alu(node);
  }
}

// ---- values

void Selector::set(const Node* node, std::vector<Reg> regs, bool gpr) {
  Info& i = info(node);
  i.value.regs = std::move(regs);
  i.value.gpr = gpr;
  // Loads of register memory, and what only renames them, share its registers until it changes.
  i.alias_of = Reg{};
  if (element_of_.contains(i.value.regs[0].word)) {
    i.alias_of = i.value.regs[0];
    aliases_.push_back(node);
  }
}

Reg Selector::cached(const std::vector<int64_t>& key, int at, const std::function<Reg()>& make) {
  for (Frame& f : frames_)
    for (Cache* c : {&f.before, &f.inside})
      if (auto it = c->find(key); it != c->end()) return it->second;
  if (at >= level()) return frames_.back().inside[key] = make();
  const size_t here = e_.current();
  Frame& inner = frames_[static_cast<size_t>(at) + 1];
  e_.go_to(inner.preheader);
  Reg reg = make();
  e_.go_to(here);
  return inner.before[key] = reg;
}

Reg Selector::broadcast(Reg r, int w, RegClass c) {
  const bool wide = w == 64;
  const RegClass g = wide ? RegClass::gpr64 : RegClass::gpr32;
  if (evex_) return e_.make(wide ? op("vpbroadcastq") : op("vpbroadcastd"), c, {use(r, cls(g))});
  Reg low = e_.make(wide ? op("vmovq") : op("vmovd"), RegClass::xmm, {use(r, cls(g))});
  if (lanes_ == 1) return low;
  return e_.make(wide ? op("vpbroadcastq") : op("vpbroadcastd"), c, {use(low, cls(RegClass::xmm))});
}

Reg Selector::part(const Node* node, size_t p) {
  if (node->dtype.is_bool()) return mask(node, p, 32);
  const int w = width(node->dtype);
  const Value& v = info(node).value;
  if (varying(node)) return v.regs.at(p);
  if (node->is(NodeOp::Const)) {
    auto bits = static_cast<uint64_t>(node->arg[0]);
    if (node->dtype.is_int()) bits = static_cast<uint64_t>(node->as_int());
    return e_.splat(w, vclass(w), w == 32 ? bits & UINT32_MAX : bits);
  }
  if (!v.gpr) return v.regs.at(0);
  return cached({1, static_cast<int64_t>(place_.at(node)), w}, info(node).level,
                [&] { return broadcast(v.regs[0], w, vclass(w)); });
}

Reg Selector::scalar(const Node* node) {
  if (node->is(NodeOp::Const)) {
    int64_t value = node->dtype.is_int() ? node->as_int() : node->arg[0];
    return e_.number(gclass(node->dtype), value);
  }
  const Value& v = info(node).value;
  DOORBELL_CHECK(v.gpr && v.regs.size() == 1, "kernel {}: {} of {} is not in a general register",
                 kernel_.name, text(node->op), name(node->dtype));
  return v.regs[0];
}

Arg Selector::scalar_or_imm(const Node* node) {
  if (node->is(NodeOp::Const)) {
    int64_t value = node->dtype.is_int() ? node->as_int() : node->arg[0];
    if (node->dtype.bits <= 32) value = static_cast<int32_t>(value);
    // Immediates of 32-bit instructions are unsigned, but for those of one byte, which are sign-extended.
    if (node->dtype.bits <= 32)
      return imm(value >= INT8_MIN && value <= INT8_MAX ? value : value & UINT32_MAX);
    if (value >= INT32_MIN && value <= INT32_MAX) return imm(value);
  }
  return scalar(node);
}

Reg Selector::scalar64(const Node* node) {
  if (node->is(NodeOp::Const)) return e_.number(RegClass::gpr64, node->as_int());
  Reg r = scalar(node);
  if (node->dtype.bits == 64 || node->is(NodeOp::Range) || node->is(NodeOp::Lane)) return r;
  return cached({3, static_cast<int64_t>(place_.at(node))}, info(node).level, [&] {
    if (node->dtype.kind == Kind::Signed)
      return e_.make(op("movsxd"), RegClass::gpr64, {use(r, cls(RegClass::gpr32))});
    return e_.make(op("mov"), RegClass::gpr32, {r});
  });
}

Reg Selector::piece(Reg from, RegClass c, RegClass size, int which) {
  if (which == 0 || c == size) return from;
  const Op take = !evex_                  ? op("vextractf128")
                  : size == RegClass::xmm ? op("vextractf32x4")
                                          : op("vextractf64x4");
  return e_.make(take, size, {use(from, cls(c)), which});
}

Reg Selector::joined(RegClass c, RegClass size, std::span<const Reg> pieces) {
  const Op put = !evex_ ? op("vinsertf128") : size == RegClass::xmm ? op("vinsertf32x4") : op("vinsertf64x4");
  Reg r = pieces[0];
  for (size_t i = 1; i < pieces.size(); ++i)
    r = e_.make(put, c, {r, use(pieces[i], cls(size)), static_cast<int>(i)});
  return r;
}

// ---- loops

void Selector::open_loop(const Node* node) {
  const Node* extent = node->src[0];
  if (runs_once(node)) return set(node, {e_.number(RegClass::gpr64, 0)}, true);
  // Register memory that the loop changes must not be read through an alias made before it.
  std::unordered_map<const Node*, bool> stored;
  for (size_t i = place_.at(node) + 1; i < kernel_.body.size(); ++i) {
    const Node* n = kernel_.body[i];
    if (n->is(NodeOp::End) && n->src[0] == node) break;
    if (n->is(NodeOp::Store)) stored[root(n->src[0])] = true;
  }
  for (const Node* a : std::vector<const Node*>(aliases_))
    if (info(a).left > 0 && stored.contains(element_of_.at(info(a).alias_of.word))) detach(a);

  Frame f;
  f.range = node;
  if (extent->is(NodeOp::Const)) f.trips = extent->as_int();
  else f.trips_reg = scalar64(extent);
  f.guarded = f.trips <= 0;
  if (f.trips == 0) f.trips_reg = e_.number(RegClass::gpr64, 0);
  if (f.guarded) {
    e_.emit(op("test"), {use(f.trips_reg, cls(RegClass::gpr64)), use(f.trips_reg, cls(RegClass::gpr64))});
    e_.emit(op("jle"), {machine::block(0)}).flags |= machine::branch;
    f.guard = e_.current();
    e_.add_block(e_.program().blocks[e_.current()].depth);
  }
  f.preheader = e_.current();
  f.counter = e_.number(RegClass::gpr64, 0);
  f.head = e_.add_block(e_.program().blocks[e_.current()].depth + 1);
  set(node, {f.counter}, true);
  frames_.push_back(std::move(f));
  info(node).level = level();
}

void Selector::close_loop(const Node* end) {
  if (runs_once(end->src[0])) return;
  Frame f = std::move(frames_.back());
  frames_.pop_back();
  DOORBELL_CHECK(f.range == end->src[0], "kernel {}: loops do not nest", kernel_.name);
  std::erase_if(aliases_, [&](const Node* a) { return info(a).level > level(); });
  for (auto [pointer, step] : f.steps) {
    if (step >= INT32_MIN && step <= INT32_MAX)
      e_.emit(op("add"), {use(pointer, cls(RegClass::gpr64)), imm(step)});
    else
      e_.emit(op("add"), {use(pointer, cls(RegClass::gpr64)),
                          use(e_.number(RegClass::gpr64, step), cls(RegClass::gpr64))});
  }
  machine::Operand limit = use(f.trips_reg, cls(RegClass::gpr64));
  if (f.trips > INT32_MAX) limit = use(e_.number(RegClass::gpr64, f.trips), cls(RegClass::gpr64));
  else if (f.trips > 0) limit = imm(f.trips);
  e_.emit(op("add"), {use(f.counter, cls(RegClass::gpr64)), imm(1)});
  e_.emit(op("cmp"), {use(f.counter, cls(RegClass::gpr64)), limit});
  e_.emit(op("jl"), {machine::block(f.head)}).flags |= machine::branch;
  const size_t exit = e_.add_block(e_.program().blocks[f.preheader].depth);
  if (f.guarded) e_.program().blocks[f.guard].insts.back().operands[0].imm = static_cast<int64_t>(exit);
}

// ---- register memory

// Values of an alloc's element; made when first touched, as zeros where the first touch is not a plain Store
// outside of loops.
void Selector::load_register(const Node* node) {
  const Node* alloc = root(node->src[0]);
  auto at = static_cast<size_t>(node->src[1]->as_int());
  auto& elements = allocs_[alloc];
  elements.resize(static_cast<size_t>(alloc->arg[2]));
  Value& element = elements.at(at);
  if (element.regs.empty()) {
    // Reading what was never stored: whatever value, but one value.
    const bool v = alloc_varying_[alloc];
    const int w = width(alloc->dtype);
    const RegClass c = value_class(alloc->dtype);
    element.gpr = !v && alloc->dtype.count == 1 && !(alloc->dtype.is_float() && alloc->dtype.bits >= 32);
    for (size_t p = 0; p < (v ? parts(w) : 1); ++p)
      element.regs.push_back(element.gpr ? e_.number(RegClass::gpr32, 0) : e_.copied(e_.zero(c), c));
  }
  element_of_[element.regs[0].word] = alloc;
  set(node, element.regs, element.gpr);
}

void Selector::detach(const Node* load) {
  Info& i = info(load);
  const RegClass c = i.value.gpr ? RegClass::gpr64 : value_class(load->dtype);
  for (Reg& r : i.value.regs) r = e_.copied(r, c);
  i.alias_of = Reg{};
  std::erase(aliases_, load);
}

void Selector::store_register(const Node* node) {
  const Node* alloc = root(node->src[0]);
  const Node* value = node->src[2];
  auto at = static_cast<size_t>(node->src[1]->as_int());
  auto& elements = allocs_[alloc];
  elements.resize(static_cast<size_t>(alloc->arg[2]));
  Value& element = elements.at(at);
  const bool v = alloc_varying_[alloc];
  const int w = width(alloc->dtype);
  const bool gpr = !v && alloc->dtype.count == 1 && !(alloc->dtype.is_float() && alloc->dtype.bits >= 32);
  const size_t n = v ? parts(w) : 1;
  const RegClass c = gpr ? RegClass::gpr64 : value_class(alloc->dtype);
  if (element.regs.empty()) {
    element.gpr = gpr;
    const size_t here = e_.current();
    for (size_t p = 0; p < n; ++p) {
      Reg r = e_.reg(c);
      if (level() > 0) {  // a loop may run not at all, and what is read behind it is then undefined, but read
        e_.go_to(frames_[1].guarded ? frames_[1].guard : frames_[1].preheader);
        auto& insts = e_.program().blocks[e_.current()].insts;
        std::vector<machine::Inst> tail;
        if (frames_[1].guarded) {
          tail.assign(insts.end() - 2, insts.end());
          insts.resize(insts.size() - 2);
        }
        if (gpr) e_.copy(r, e_.number(RegClass::gpr32, 0), c);
        else e_.copy(r, e_.zero(c), c);
        auto& grown = e_.program().blocks[e_.current()].insts;
        grown.insert(grown.end(), tail.begin(), tail.end());
        e_.go_to(here);
      }
      element.regs.push_back(r);
    }
  }
  element_of_[element.regs[0].word] = alloc;
  for (const Node* a : std::vector<const Node*>(aliases_))
    if (info(a).alias_of == element.regs[0] && info(a).left > 0) detach(a);
  std::vector<Reg> from;
  for (size_t p = 0; p < n; ++p) from.push_back(gpr ? scalar(value) : part(value, p));
  for (size_t p = 0; p < n; ++p)
    if (from[p] != element.regs[p]) e_.copy(element.regs[p], from[p], c);
}

}  // namespace doorbell::x86::target
