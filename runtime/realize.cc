#include "runtime/realize.h"

#include <atomic>
#include <set>

namespace doorbell {

namespace {

// The version of a buffer that n is, in another shape perhaps; null where it is none.
const Node* version_of(const Node* n) {
  while (n->is(Op::Reshape)) n = n->src[0];
  return n->is(Op::Buffer) || n->is(Op::Assign) ? n : nullptr;
}
std::shared_ptr<Memory> memory_of(const Node* n) { return std::static_pointer_cast<Memory>(memo_of(n)); }
bool live(const Node* n) {
  auto memory = n->src.empty() ? nullptr : memory_of(n);
  return memory && !memory->stale;
}

// A fresh Buffer node over this memory, in the shape of `node`.
NodeRef buffer_node(const Node* node, const std::shared_ptr<Memory>& memory) {
  static std::atomic<int64_t> next{1LL << 40};  // apart from the ids that create.cc gives
  int64_t arg[] = {next++, 0};
  Dim flat(elements(node->shape));
  NodeRef buffer = NodeRef::make(Op::Buffer, node->dtype, {}, arg, std::span(&flat, 1));
  buffer.set_memo(memory);
  Shape fixed;
  for (const Dim& d : node->shape) fixed.emplace_back(d.size);
  if (fixed.size() == 1 && !node->shape[0].symbol) return buffer;
  return NodeRef::make(Op::Reshape, node->dtype, std::span(&buffer, 1), {}, node->shape);
}

const Node* root_of(const Node* view) {
  while (row(view->op).cls == OpClass::Movement) view = view->src[0];
  return view;
}

}  // namespace

Status realize(std::span<Tensor* const> tensors) {
  std::vector<NodeRef> kept;  // of all that is looked at here, for the tensors let go of theirs
  std::vector<const Node*> asked;
  for (Tensor* t : tensors) {
    if (!t->ok()) return Error{t->error_text()};
    asked.push_back(kept.emplace_back(t->node()).get());
  }
  // What will run. A memory whose version is replaced loses what it holds, so that tensors that name that
  // version move to memory of their own, even if they lie in memory now.
  std::vector<const Node*> assigns;
  std::set<const Memory*> replaced;
  for (const Node* n : topological(asked))
    if (n->is(Op::Assign) && !memo_of(n)) {
      assigns.push_back(n);
      if (auto old = memory_of(root_of(n->src[0]))) replaced.insert(old.get());
    }
  std::vector<const Node*> outputs;
  std::vector<Tensor*> pending;
  std::set<const Node*> seen;
  for (size_t i = 0; i < asked.size(); ++i) {
    const Node* n = asked[i];
    if (const Node* version = version_of(n)) {
      n = version;
      if (auto memory = memory_of(n); n->is(Op::Buffer) && !replaced.contains(memory.get())) {
        if (memory && memory->stale) return stale_version();
        continue;
      }
    } else {
      // Equal expressions are one node, but each tensor that it is computed for has memory of its own, which
      // an assign to it may change.
      while (!seen.insert(n).second || live(n)) {
        const NodeRef same = NodeRef::share(n);
        n = kept.emplace_back(NodeRef::make(Op::Contiguous, n->dtype, std::span(&same, 1), {}, n->shape))
                .get();
      }
    }
    pending.push_back(tensors[i]);
    outputs.push_back(n);
  }
  if (outputs.empty()) return success();
  Engine* engine = TRY(current_engine());
  Schedule plan = TRY(engine->plan(outputs));
  Captured work = TRY(engine->capture(plan));
  TRY(work.submit({}));
  // Each version that was made has a memory, and those that it replaced have lost theirs.
  for (const Node* n : assigns) {
    auto old = memory_of(root_of(n->src[0]));
    NodeRef::share(n).set_memo(std::make_shared<Memory>(Memory{{}, nullptr, old->storage, false}));
    old->stale = true;
  }
  for (size_t i = 0; i < pending.size(); ++i) {
    NodeRef node = NodeRef::share(outputs[i]);
    auto memory = memory_of(node.get());
    if (!memory || memory->stale) {
      memory = std::make_shared<Memory>(Memory{{}, nullptr, work.output(i), false});
      if (node->is(Op::Buffer) || !node->src.empty()) node.set_memo(memory);
    }
    pending[i]->become(buffer_node(pending[i]->node().get(), memory));
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
  Schedule plan = TRY(engine->plan(nodes));
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
  if (memo->stale) return stale_version();
  if (!memo->storage) {
    std::copy(memo->host.begin(), memo->host.end(), bytes.begin());
    return bytes;
  }
  TRY(memo->storage->engine->read(*memo->storage, bytes));
  return bytes;
}

}  // namespace doorbell
