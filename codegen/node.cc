// Interning, both owners, walks. See node.h.
#include "codegen/node.h"

#include <cstring>
#include <deque>
#include <new>
#include <unordered_map>
#include <unordered_set>

#include "hal/base/result.h"

namespace doorbell {

int64_t elements(ShapeView shape) {
  int64_t n = 1;
  for (const Dim& d : shape) n *= d.size;
  return n;
}

namespace {

std::mutex symbols_lock;
std::deque<Symbol>& symbols() {
  static std::deque<Symbol> table;
  return table;
}

bool same(const Node& node, const NodeKey& key) {
  auto equal = [](auto a, auto b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); };
  return node.op == key.op && node.dtype == key.dtype && equal(node.src, key.src) &&
         equal(node.arg, key.arg) && equal(node.shape, key.shape);
}

// Copies a span of trivially copyable values to `at`, and advances it.
template <class T>
std::span<const T> place(std::byte*& at, std::span<const T> values) {
  if (values.empty()) return {};
  auto* to = reinterpret_cast<T*>(at);
  std::uninitialized_copy(values.begin(), values.end(), to);
  at += values.size_bytes();
  return {to, values.size()};
}

size_t tail_bytes(const NodeKey& key) {
  return key.src.size_bytes() + key.arg.size_bytes() + key.shape.size_bytes();
}

void fill(Node& node, const NodeKey& key, const Hash128& hash, std::byte* tail) {
  node.op = key.op;
  node.dtype = key.dtype;
  node.hash = hash;
  node.src = place(tail, key.src);
  node.arg = place(tail, key.arg);
  node.shape = place(tail, key.shape);
}

}  // namespace

std::string print(ShapeView shape) {
  std::string out = "(";
  for (const Dim& d : shape) {
    if (out.size() > 1) out += ", ";
    out += d.symbol ? fmt::format("s{}<={}", d.symbol, d.size) : fmt::format("{}", d.size);
  }
  return out + ")";
}

Symbol make_symbol(std::string name, int64_t min, int64_t max, int64_t multiple) {
  DOORBELL_CHECK(min >= 0 && min <= max && multiple > 0, "symbol {} in [{}, {}]", name, min, max);
  std::lock_guard lock(symbols_lock);
  auto id = static_cast<uint32_t>(symbols().size() + 1);
  return symbols().emplace_back(Symbol{id, min, max, multiple, std::move(name)});
}

const Symbol& symbol(uint32_t id) {
  std::lock_guard lock(symbols_lock);
  DOORBELL_CHECK(id >= 1 && id <= symbols().size(), "no symbol {}", id);
  return symbols()[id - 1];
}

Hash128 NodeKey::hash() const {
  Hash128 h;
  h.add(static_cast<uint64_t>(op) | src.size() << 8 | arg.size() << 24 | shape.size() << 40)
      .add(dtype.pack());
  for (const Node* s : src) h.add(s->hash);
  for (int64_t a : arg) h.add(static_cast<uint64_t>(a));
  for (const Dim& d : shape) h.add(static_cast<uint64_t>(d.size)).add(d.symbol);
  return h;
}

// ---- the arena

struct Graph::State {
  std::unordered_multimap<uint64_t, const Node*> nodes;  // by the low word of the content hash
  std::vector<std::unique_ptr<std::byte[]>> blocks;
  std::byte* at = nullptr;
  size_t left = 0;

  std::byte* allocate(size_t bytes) {
    bytes = (bytes + 15) & ~size_t{15};
    if (bytes > left) {
      left = std::max<size_t>(bytes, 64 << 10);
      blocks.push_back(std::make_unique_for_overwrite<std::byte[]>(left));
      at = blocks.back().get();
    }
    left -= bytes;
    return std::exchange(at, at + bytes);
  }
};

Graph::Graph() : state_(std::make_unique<State>()) {}
Graph::~Graph() = default;
size_t Graph::size() const { return state_->nodes.size(); }

const Node* Graph::make(const NodeKey& key) {
  Hash128 hash = key.hash();
  auto [begin, end] = state_->nodes.equal_range(hash.lo);
  for (auto it = begin; it != end; ++it)
    if (same(*it->second, key)) return it->second;
  std::byte* memory = state_->allocate(sizeof(Node) + tail_bytes(key));
  Node* node = new (memory) Node;
  fill(*node, key, hash, memory + sizeof(Node));
  state_->nodes.emplace(hash.lo, node);
  return node;
}

const Node* Graph::constant_bits(DType dtype, uint64_t bits) {
  return make(Op::Const, dtype, {}, {static_cast<int64_t>(bits & dtype.mask())});
}
const Node* Graph::constant(DType dtype, double value) { return constant_bits(dtype, encode(dtype, value)); }
const Node* Graph::constant_int(DType dtype, int64_t value) {
  if (dtype.is_float()) return constant(dtype, static_cast<double>(value));
  return constant_bits(dtype, dtype.is_bool() ? value != 0 : static_cast<uint64_t>(value));
}

const Node* Graph::alu(Op op, std::initializer_list<const Node*> src) {
  const Node* first = *src.begin();
  DType type = op == Op::Lt || op == Op::Eq || op == Op::Ne ? dtype::boolean.vec(first->dtype.count)
               : op == Op::Where                            ? src.begin()[1]->dtype
                                                            : first->dtype;
  return make(op, type, src);
}
const Node* Graph::cast(const Node* x, DType to) { return x->dtype == to ? x : make(Op::Cast, to, {x}); }
const Node* Graph::bitcast(const Node* x, DType to) {
  return x->dtype == to ? x : make(Op::Bitcast, to, {x});
}

const Node* Graph::with(const Node* node, std::span<const Node* const> src) {
  return make(NodeKey{node->op, node->dtype, src, node->arg, node->shape});
}

const Node* Graph::import(const Node* root) {
  std::unordered_map<const Node*, const Node*> copy;
  std::vector<const Node*> src;
  for (const Node* node : topological(std::span(&root, 1))) {
    src.clear();
    for (const Node* s : node->src) src.push_back(copy.at(s));
    copy[node] = with(node, src);
  }
  return copy.at(root);
}

// ---- counted nodes

namespace {

struct Counted : Node {
  std::atomic<uint32_t> count{1};
  std::shared_ptr<void> memo;  // guarded by `lock` of the table
};

struct Table {
  std::mutex lock;
  std::unordered_multimap<uint64_t, Counted*> nodes;
};
Table& table() {
  static auto* t = new Table;  // never destroyed: tensors with static storage may outlive it
  return *t;
}

Counted* counted(const Node* node) { return const_cast<Counted*>(static_cast<const Counted*>(node)); }

// Drops one reference; frees what dies, iteratively. A count that reaches zero is final only under the lock,
// since make() revives nodes that it finds in the table.
void release(const Node* root) {
  auto drop = [](Counted* node) {
    uint32_t count = node->count.load(std::memory_order_relaxed);
    while (count > 1)
      if (node->count.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel)) return true;
    return false;
  };
  if (drop(counted(root))) return;
  std::vector<Counted*> stack{counted(root)}, dead;
  std::vector<std::shared_ptr<void>> memos;  // destroyed after the lock is released
  {
    std::lock_guard lock(table().lock);
    while (!stack.empty()) {
      Counted* node = stack.back();
      stack.pop_back();
      if (node->count.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
      auto [begin, end] = table().nodes.equal_range(node->hash.lo);
      for (auto it = begin; it != end; ++it)
        if (it->second == node) {
          table().nodes.erase(it);
          break;
        }
      for (const Node* s : node->src) stack.push_back(counted(s));
      memos.push_back(std::move(node->memo));
      dead.push_back(node);
    }
  }
  for (Counted* node : dead) {
    node->~Counted();
    ::operator delete(node);
  }
}

}  // namespace

NodeRef NodeRef::make(Op op, DType dtype, std::span<const NodeRef> src, std::span<const int64_t> arg,
                      std::span<const Dim> shape) {
  std::vector<const Node*> raw;
  for (const NodeRef& s : src) raw.push_back(s.get());
  NodeKey key{op, dtype, raw, arg, shape};
  Hash128 hash = key.hash();
  std::lock_guard lock(table().lock);
  auto [begin, end] = table().nodes.equal_range(hash.lo);
  for (auto it = begin; it != end; ++it)
    if (same(*it->second, key)) {
      it->second->count.fetch_add(1, std::memory_order_relaxed);
      return NodeRef(it->second);
    }
  void* memory = ::operator new(sizeof(Counted) + tail_bytes(key));
  auto* node = new (memory) Counted;
  fill(*node, key, hash, static_cast<std::byte*>(memory) + sizeof(Counted));
  for (const Node* s : node->src) counted(s)->count.fetch_add(1, std::memory_order_relaxed);
  table().nodes.emplace(hash.lo, node);
  return NodeRef(node);
}

NodeRef::NodeRef(const NodeRef& other) : node_(other.node_) {
  if (node_) counted(node_)->count.fetch_add(1, std::memory_order_relaxed);
}
NodeRef::~NodeRef() {
  if (node_) release(node_);
}
NodeRef NodeRef::share(const Node* node) {
  counted(node)->count.fetch_add(1, std::memory_order_relaxed);
  return NodeRef(node);
}
std::shared_ptr<void> memo_of(const Node* node) {
  std::lock_guard lock(table().lock);
  return counted(node)->memo;
}
std::shared_ptr<void> NodeRef::memo() const { return memo_of(node_); }
void NodeRef::set_memo(std::shared_ptr<void> memo) const {
  std::lock_guard lock(table().lock);
  counted(node_)->memo.swap(memo);
}

// ---- walks

std::vector<const Node*> topological(std::span<const Node* const> roots) {
  std::vector<const Node*> order;
  std::unordered_set<const Node*> seen;
  std::vector<std::pair<const Node*, size_t>> stack;
  for (const Node* root : roots) {
    if (seen.insert(root).second) stack.emplace_back(root, 0);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next < node->src.size()) {
        const Node* s = node->src[next++];
        if (seen.insert(s).second) stack.emplace_back(s, 0);
      } else {
        order.push_back(node);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace doorbell
