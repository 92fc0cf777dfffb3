// Memory: contiguous, copies between devices, and assign. An Assign node is the whole buffer after the write:
// a new version, with the shape of the buffer; the handle then names the same views of that version.
#include "runtime/call.h"
#include "runtime/create.h"
#include "runtime/shape.h"

namespace doorbell {

namespace {

bool is_root(const Node* n) { return n->is(Op::Buffer) || n->is(Op::Assign); }

// The views between a tensor and the buffer version that it reads, outermost first; the root is the last.
// Empty where it is no view of a buffer. Expanded, padded and gathered elements have no single place to write
// to.
std::vector<const Node*> view_chain(const Tensor& x) {
  std::vector<const Node*> chain;
  for (const Node* n = x.node().get();; n = n->src[0]) {
    chain.push_back(n);
    if (is_root(n)) return chain;
    if (!n->is(Op::Reshape) && !n->is(Op::Permute) && !n->is(Op::Shrink) && !n->is(Op::Flip)) return {};
  }
}

// The same views over another root.
NodeRef rebuilt(const std::vector<const Node*>& chain, NodeRef root) {
  for (size_t i = chain.size() - 1; i-- > 0;) {
    const Node* n = chain[i];
    std::vector<NodeRef> src{root};
    for (const Node* s : n->src.subspan(1)) src.push_back(NodeRef::share(s));
    root = NodeRef::make(n->op, n->dtype, src, n->arg, n->shape);
  }
  return root;
}

}  // namespace

Tensor Tensor::contiguous(Line at) const {
  Call call("contiguous", at);
  if (!ok() || node()->is(Op::Contiguous)) return snapshot();
  return make(Op::Contiguous, dtype(), {*this}, {}, shape());
}

Tensor Tensor::to(int64_t device, Line at) const {
  Call call("to", at);
  return ok() ? make(Op::Copy, dtype(), {*this}, {device}, shape()) : *this;
}

Tensor& Tensor::assign(const Tensor& value, Line at) {
  Call call("assign", at);
  return assign(*this, value);
}

Tensor& Tensor::assign(const Tensor& part, const Tensor& value, Line at) {
  Call call("assign", at);
  if (!ok()) return *this;
  if (const Tensor* bad = first_error(part, value)) return fail_with(*bad);
  Tensor target = part;
  auto own = view_chain(*this);
  if (own.empty()) {  // a computed value: it becomes the first version of a buffer of its own
    if (part.node() != node())
      return *this = Call::fail(
                 "{} is no view of a buffer, so that a part of it has no place; assign the whole first",
                 describe(*this));
    target = empty(Shape(shape().begin(), shape().end()), dtype());
    own = view_chain(target);
  }
  const auto views = view_chain(target);
  if (views.empty() || views.back() != own.back())
    return fail_with(
        Call::fail("the part, {}, is no view of the tensor, {}", describe(part), describe(*this)));
  auto shape = broadcast(value.shape(), target.shape());
  if (!shape.ok() || !std::equal(shape->begin(), shape->end(), target.shape().begin(), target.shape().end()))
    return fail_with(
        Call::fail("{} to {}, expected a shape that broadcasts to it", describe(value), describe(target)));
  Tensor converted = value.literal() ? convert(value, {dtype()}) : value.cast(dtype());
  if (!converted.ok()) return fail_with(converted);
  const Node* root = own.back();
  const NodeRef src[] = {target.node(), broadcast_to(converted, target.shape()).node()};
  NodeRef version = NodeRef::make(Op::Assign, root->dtype, src, {}, root->shape);
  become(rebuilt(own, std::move(version)));
  return *this;
}

}  // namespace doorbell
