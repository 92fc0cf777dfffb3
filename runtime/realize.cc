#include "runtime/realize.h"

#include <atomic>

namespace doorbell {

namespace {

bool is_view_of_leaf(const Node* n) {
  while (n->is(Op::Reshape)) n = n->src[0];
  return n->is(Op::Buffer);
}

// A fresh Buffer node over this memory, in the shape of `node`.
NodeRef buffer_node(const Node* node, std::shared_ptr<Storage> storage) {
  static std::atomic<int64_t> next{1LL << 40};  // apart from the ids that create.cc gives
  int64_t arg[] = {next++, 0};
  Dim flat(elements(node->shape));
  NodeRef buffer = NodeRef::make(Op::Buffer, node->dtype, {}, arg, std::span(&flat, 1));
  buffer.set_memo(std::make_shared<Memory>(Memory{{}, nullptr, std::move(storage), false}));
  Shape fixed;
  for (const Dim& d : node->shape) fixed.emplace_back(d.size);
  if (fixed.size() == 1 && !node->shape[0].symbol) return buffer;
  return NodeRef::make(Op::Reshape, node->dtype, std::span(&buffer, 1), {}, node->shape);
}

const Node* version_root(const Node* view) {
  while (row(view->op).cls == OpClass::Movement) view = view->src[0];
  return view;
}

}  // namespace

Status realize(std::span<Tensor* const> tensors) {
  std::vector<const Node*> outputs;
  std::vector<Tensor*> pending;
  for (Tensor* t : tensors) {
    if (!t->ok()) return Error{t->error_text()};
    const Node* node = t->node().get();
    if (is_view_of_leaf(node)) continue;
    pending.push_back(t);
    outputs.push_back(node);
  }
  if (outputs.empty()) return success();
  Engine* engine = TRY(current_engine());
  Schedule plan = TRY(schedule(outputs));
  Captured work = TRY(engine->capture(plan));
  TRY(work.submit({}));
  // Versions that were written over may not be read again.
  for (const Node* n : topological(outputs))
    if (n->is(Op::Assign) && !memo_of(n))
      if (auto memo = memo_of(version_root(n->src[0]))) static_cast<Memory*>(memo.get())->stale = true;
  for (size_t i = 0; i < pending.size(); ++i) {
    NodeRef node = pending[i]->node();
    if (!node.memo() && !node->is(Op::Assign))
      node.set_memo(std::make_shared<Memory>(Memory{{}, nullptr, work.output(i), false}));
    pending[i]->become(buffer_node(node.get(), work.output(i)));
  }
  return success();
}

Result<Captured> capture(std::span<const Tensor> outputs) {
  std::vector<const Node*> nodes;
  for (const Tensor& t : outputs) {
    if (!t.ok()) return Error{t.error_text()};
    nodes.push_back(t.node().get());
  }
  Engine* engine = TRY(current_engine());
  Schedule plan = TRY(schedule(nodes));
  return engine->capture(plan);
}

Result<std::vector<std::byte>> read_bytes(Tensor& tensor) {
  Tensor* one[] = {&tensor};
  TRY(realize(one));
  const Node* leaf = tensor.node().get();
  while (leaf->is(Op::Reshape)) leaf = leaf->src[0];
  auto memo = std::static_pointer_cast<Memory>(memo_of(leaf));
  std::vector<std::byte> bytes(static_cast<size_t>(tensor.elements() * tensor.dtype().bytes()));
  if (!memo) return error("read: the tensor's memory was never written");
  if (!memo->storage) {
    std::copy(memo->host.begin(), memo->host.end(), bytes.begin());
    return bytes;
  }
  TRY(memo->storage->engine->read(*memo->storage, bytes));
  return bytes;
}

}  // namespace doorbell
