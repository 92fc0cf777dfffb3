// The node: one immutable, hash-consed kind for the tensor graph and for kernels, (op, dtype, sources,
// argument, shape). What may stand where is a spec's business (verify.h). The content hash holds no pointers,
// so that caches hold across processes.
//
// Two owners exist. A Graph is an arena: it interns the nodes of one compile and frees them together. A
// NodeRef counts references through one weak intern table: tensors hold those; their nodes may also own what
// they were computed to (memo). Building is allowed on any thread; a Graph belongs to one thread at a time.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "codegen/dtype.h"
#include "codegen/op.h"
#include "hal/base/hash.h"

namespace doorbell {

// One axis: `size` elements, or, where `symbol` is not 0, as many as that symbol's value at run, of which
// `size` is the maximum: memory and strides are sized by `size`, loops end at the value.
struct Dim {
  int64_t size = 1;
  uint32_t symbol = 0;
  auto operator<=>(const Dim&) const = default;
  Dim() = default;
  Dim(int64_t n, uint32_t id = 0) : size(n), symbol(id) {}
};
using Shape = std::vector<Dim>;
using ShapeView = std::span<const Dim>;
int64_t elements(ShapeView shape);   // product of the sizes (symbolic axes at their maximum)
std::string print(ShapeView shape);  // "(2, 3, s1<=512)"

// Symbols: a value in [min, max], divisible by `multiple`, given when a program runs. Ids are per process.
struct Symbol {
  uint32_t id = 0;
  int64_t min = 0, max = 0, multiple = 1;
  std::string name;
};
Symbol make_symbol(std::string name, int64_t min, int64_t max, int64_t multiple = 1);
const Symbol& symbol(uint32_t id);

struct Node {
  Op op = Op::Const;
  DType dtype;
  Hash128 hash;
  std::span<const Node* const> src;
  std::span<const int64_t> arg;
  std::span<const Dim> shape;  // kernels: empty, every value is a scalar of each lane

  [[nodiscard]] bool is(Op o) const { return op == o; }
  // Const: is it this number?
  [[nodiscard]] bool is_const(double value) const {
    return op == Op::Const && static_cast<uint64_t>(arg[0]) == encode(dtype, value);
  }
  [[nodiscard]] int64_t as_int() const { return decode_int(dtype, static_cast<uint64_t>(arg[0])); }
};

// The parts of a node before it is interned.
struct NodeKey {
  Op op;
  DType dtype;
  std::span<const Node* const> src;
  std::span<const int64_t> arg;
  std::span<const Dim> shape;
  [[nodiscard]] Hash128 hash() const;
};

// An arena of interned nodes: equal keys give equal pointers. Not thread-safe.
class Graph {
 public:
  Graph();
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  const Node* make(const NodeKey& key);
  const Node* make(Op op, DType dtype, std::span<const Node* const> src, std::span<const int64_t> arg = {},
                   std::span<const Dim> shape = {}) {
    return make(NodeKey{op, dtype, src, arg, shape});
  }
  const Node* make(Op op, DType dtype, std::initializer_list<const Node*> src,
                   std::initializer_list<int64_t> arg = {}) {
    return make(op, dtype, std::span(src.begin(), src.size()), std::span(arg.begin(), arg.size()));
  }
  // Kernel values (no shape). The dtype follows from the sources.
  const Node* constant(DType dtype, double value);
  const Node* constant_int(DType dtype, int64_t value);
  const Node* constant_bits(DType dtype, uint64_t bits);
  const Node* alu(Op op, std::initializer_list<const Node*> src);  // comparisons give bool
  const Node* cast(const Node* x, DType to);                       // x itself where it has that type
  const Node* bitcast(const Node* x, DType to);
  // The same node with other sources.
  const Node* with(const Node* node, std::span<const Node* const> src);
  // A copy of a node of any owner, and of all that it reaches, in this arena.
  const Node* import(const Node* node);

  [[nodiscard]] size_t size() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Counted reference to a node of the process-wide tensor graph. Copying is thread-safe.
class NodeRef {
 public:
  NodeRef() = default;
  static NodeRef make(Op op, DType dtype, std::span<const NodeRef> src, std::span<const int64_t> arg = {},
                      std::span<const Dim> shape = {});
  NodeRef(const NodeRef& other);
  NodeRef(NodeRef&& other) noexcept : node_(other.node_) { other.node_ = nullptr; }
  NodeRef& operator=(NodeRef other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodeRef();
  const Node* operator->() const { return node_; }
  const Node& operator*() const { return *node_; }
  [[nodiscard]] const Node* get() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }
  bool operator==(const NodeRef& other) const { return node_ == other.node_; }
  // Another reference to a node that some NodeRef keeps alive (a source of one, for instance).
  static NodeRef share(const Node* node);

  // What the node was computed to, if it was; kept as long as the node. Thread-safe.
  [[nodiscard]] std::shared_ptr<void> memo() const;
  void set_memo(std::shared_ptr<void> memo) const;

 private:
  explicit NodeRef(const Node* node) : node_(node) {}
  const Node* node_ = nullptr;
};
std::shared_ptr<void> memo_of(const Node* node);  // of a tensor-graph node

// Nodes reachable from the roots, sources before users, each once; iterative. `enter` may stop at a node.
std::vector<const Node*> topological(std::span<const Node* const> roots);

// One line a node, "%3 = add f32 %1 %2" with args in [..] and shapes in (..); round-trips through parse().
std::string print(const Node* root);
std::string print(std::span<const Node* const> roots);
std::string print_list(
    std::span<const Node* const> nodes);  // in just this order; a source before its line: %?
struct ParseFailure {
  size_t line;
  std::string what;
};
// The roots: the nodes that no other line uses.
std::vector<const Node*> parse(Graph& graph, std::string_view text, ParseFailure* failure);
// Every line's node, in order.
std::vector<const Node*> parse_list(Graph& graph, std::string_view text, ParseFailure* failure);

}  // namespace doorbell
