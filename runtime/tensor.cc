// Handles, literals, dtypes. See tensor.h; movement, reductions and memory have files of their own.
#include "runtime/tensor.h"

#include "runtime/call.h"
#include "runtime/shape.h"

namespace doorbell {

struct Tensor::State {
  NodeRef node;
  bool weak = false;
  std::optional<Scalar> literal;
  std::string error;
};

Tensor::Tensor() : state_(std::make_shared<State>()) { state_->error = "the tensor was never given a value"; }
Tensor::Tensor(NodeRef node, bool weak) : state_(std::make_shared<State>()) {
  state_->node = std::move(node);
  state_->weak = weak;
}
Tensor::Tensor(const Scalar& literal) : state_(std::make_shared<State>()) {
  DType dtype = literal.natural();
  const int64_t bits[] = {static_cast<int64_t>(literal.pattern(dtype))};
  state_->node = NodeRef::make(Op::Const, dtype, {}, bits);
  state_->weak = literal.kind != Scalar::Kind::Bool;
  state_->literal = literal;
}
Tensor Tensor::failed(std::string text) {
  Tensor t;
  t.state_->error = std::move(text);
  return t;
}

bool Tensor::ok() const { return static_cast<bool>(state_->node); }
const std::string& Tensor::error_text() const { return state_->error; }
const NodeRef& Tensor::node() const { return state_->node; }
DType Tensor::dtype() const { return ok() ? node()->dtype : dtype::none; }
Type Tensor::type() const { return {dtype(), state_->weak}; }
ShapeView Tensor::shape() const { return ok() ? node()->shape : ShapeView(); }
const std::optional<Scalar>& Tensor::literal() const { return state_->literal; }
Dim Tensor::dim(int axis) const {
  if (axis < 0) axis += rank();
  return axis >= 0 && axis < rank() ? shape()[static_cast<size_t>(axis)] : Dim(1);
}
void Tensor::become(NodeRef node) { *state_ = State{std::move(node), false, {}, {}}; }
Tensor& Tensor::fail_with(const Tensor& error) {
  *state_ = State(*error.state_);
  return *this;
}

std::string describe(const Tensor& t) {
  return t.ok() ? fmt::format("{} {}", name(t.dtype()), print(t.shape())) : t.error_text();
}

Tensor Tensor::snapshot() const {
  Tensor t;
  *t.state_ = *state_;
  return t;
}
Tensor Tensor::strong() const { return ok() ? Tensor(node()) : *this; }

Tensor Tensor::cast(DType to, Line at) const {
  Call call("cast", at);
  if (!ok()) return *this;
  if (literal()) {
    // By value, as the op does; out of range is for it to say, not for us.
    if (literal()->fits(to) || to.is_bool()) return constant(to, *literal());
  }
  if (dtype() == to) return strong();
  return make(Op::Cast, to, {*this}, {}, shape());
}

Tensor Tensor::bitcast(DType to, Line at) const {
  Call call("bitcast", at);
  if (!ok() || dtype() == to) return snapshot();
  Shape out(shape().begin(), shape().end());
  if (to.is_bool() || to.kind == Kind::Void) return Call::fail("{} as {}", describe(*this), name(to));
  const int64_t from_bits = dtype().bits, to_bits = to.bits;
  if (from_bits != to_bits) {
    if (out.empty() || out.back().symbol || out.back().size * from_bits % to_bits != 0)
      return Call::fail("{} as {}: the last axis must hold a whole number of elements", describe(*this),
                        name(to));
    out.back().size = out.back().size * from_bits / to_bits;
  }
  return make(Op::Bitcast, to, {*this}, {}, out);
}

Tensor make(Op op, DType dtype, std::span<const Tensor> src, std::span<const int64_t> arg, ShapeView shape) {
  NodeRef nodes[4];
  DOORBELL_CHECK(src.size() <= 4, "{} of {} sources", text(op), src.size());
  for (size_t i = 0; i < src.size(); ++i) {
    DOORBELL_CHECK(src[i].ok(), "{} of an error tensor: {}", text(op), src[i].error_text());
    nodes[i] = src[i].node();
  }
  return Tensor(NodeRef::make(op, dtype, std::span(nodes, src.size()), arg, shape));
}

Tensor constant(DType dtype, const Scalar& value) {
  return make(Op::Const, dtype, {}, {static_cast<int64_t>(value.pattern(dtype))}, {});
}

Tensor broadcast_to(const Tensor& t, ShapeView shape) {
  if (!t.ok() || std::equal(t.shape().begin(), t.shape().end(), shape.begin(), shape.end()))
    return t.snapshot();
  Shape aligned(shape.size() - t.shape().size(), 1);
  aligned.insert(aligned.end(), t.shape().begin(), t.shape().end());
  Tensor x = t;
  if (aligned.size() != t.shape().size()) x = make(Op::Reshape, t.dtype(), {t}, {}, aligned);
  if (std::equal(aligned.begin(), aligned.end(), shape.begin(), shape.end())) return x;
  return make(Op::Expand, t.dtype(), {x}, {}, shape);
}

Tensor fill(const Tensor& scalar, ShapeView shape) { return broadcast_to(scalar, shape); }

Tensor convert(const Tensor& t, Type type) {
  if (!t.ok()) return t;
  if (t.literal()) {
    if (type.weak && t.dtype() == type.dtype) return t.snapshot();
    if (!t.literal()->fits(type.dtype))
      return Call::fail("the literal {} does not fit {}", print(*t.literal()), name(type.dtype));
    return Tensor(constant(type.dtype, *t.literal()).node(), type.weak);
  }
  Tensor x = t.cast(type.dtype);
  return type.weak && x.ok() ? Tensor(x.node(), true) : x;
}

Tensor size_of(Dim dim, DType dtype) {
  if (!dim.symbol) return constant(dtype, dim.size);
  const Symbol& s = symbol(dim.symbol);
  return make(Op::Symbol, dtype::i64, {}, {s.id, s.min, s.max, s.multiple}, {}).cast(dtype);
}

Tensor iota_along(Dim dim, int axis, int rank, DType dtype) {
  Shape shape(static_cast<size_t>(rank), 1);
  shape[static_cast<size_t>(axis)] = dim;
  Tensor line = make(Op::Iota, dtype, {}, {}, Shape{dim});
  return rank == 1 ? line : make(Op::Reshape, dtype, {line}, {}, shape);
}

}  // namespace doorbell
