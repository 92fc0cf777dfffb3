// See grad.h.
#include "runtime/grad.h"

#include <numbers>
#include <unordered_map>
#include <unordered_set>

#include "runtime/call.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/index.h"

namespace doorbell {

namespace {

using Step = const BackwardStep&;
using G = InputGradients;
constexpr std::nullopt_t none = std::nullopt;

Shape shape_of(const Tensor& x) { return {x.shape().begin(), x.shape().end()}; }

// A movement node over another source.
Tensor moved(const Node* view, const Tensor& source) {
  std::vector<Tensor> src{source};
  for (const Node* s : view->src.subspan(1)) src.emplace_back(NodeRef::share(s));
  return make(view->op, source.dtype(), src, view->arg, view->shape);
}

// g where a wins over b, half of it where they are equal.
Tensor share(Step s, bool first) {
  const Tensor &mine = s.x[first ? 0 : 1], &other = s.x[first ? 1 : 0];
  Tensor wins = s.node->is(Op::Max) ? mine > other : mine < other;
  return where(wins, s.g, where(mine == other, s.g * 0.5, 0));
}
G extreme(Step s) { return {share(s, true), share(s, false)}; }

G power(Step s) {
  const Tensor &a = s.x[0], &b = s.x[1];
  return {s.g * where(b == 0, 0, b * pow(a, b - 1)), s.g * s.y * where(a > 0, log(a), 0)};
}

G cast(Step s) {
  if (!s.x[0].dtype().is_float()) return {none};
  return {s.g.cast(s.x[0].dtype())};
}

G expand(Step s) {
  std::vector<int> axes;
  for (int i = 0; i < s.y.rank(); ++i)
    if (s.x[0].dim(i) != s.y.dim(i)) axes.push_back(i);
  return {s.g.sum(axes, true)};
}

G permute(Step s) {
  std::vector<int> inverse(s.node->arg.size());
  for (size_t i = 0; i < inverse.size(); ++i)
    inverse[static_cast<size_t>(s.node->arg[i])] = static_cast<int>(i);
  return {s.g.permute(inverse)};
}

G shrink(Step s) {
  const Tensor& x = s.x[0];
  std::vector<int64_t> before(s.node->arg.begin(), s.node->arg.begin() + x.rank());
  if (s.x.size() == 1) return {make(Op::Pad, s.g.dtype(), {s.g}, before, x.shape())};
  // By a symbolic offset: each place of x looks up its own in g, and finds 0 outside.
  const auto axis = static_cast<int>(s.node->arg.back());
  const int64_t fixed = std::exchange(before[static_cast<size_t>(axis)], 0);
  Tensor place = iota_along(x.dim(axis), 0, 1, dtype::i64) - (s.x[1] + fixed);
  Tensor wide = take(s.g, place, axis);
  return {make(Op::Pad, s.g.dtype(), {wide}, before, x.shape()), none};
}

G pad(Step s) {
  std::vector<int64_t> before(s.node->arg.begin(), s.node->arg.end());
  return {make(Op::Shrink, s.g.dtype(), {s.g}, before, s.x[0].shape())};
}

G flip(Step s) { return {moved(s.node, s.g)}; }

// Each row of the table collects what was read from it.
G gather(Step s) {
  const Tensor &table = s.x[0], &index = s.x[1];
  const int rank = s.g.rank() + 1;
  Shape beside{1};
  beside.insert(beside.end(), index.shape().begin(), index.shape().end());
  beside.resize(static_cast<size_t>(rank), 1);
  Tensor hit = index.reshape(beside) == iota_along(table.dim(0), 0, rank, index.dtype());
  std::vector<int> axes;
  for (int i = 1; i <= index.rank(); ++i) axes.push_back(i);
  return {where(hit, s.g.unsqueeze(0), 0).sum(axes), none};
}

// The product without one factor: by division, unless that factor is 0.
Tensor product_of_others(Step s, const Axes& axes) {
  const Tensor& x = s.x[0];
  Tensor zero = x == 0, zeros = zero.sum(axes, true);
  Tensor rest = where(zero, 1, x).prod(axes, true);  // of the factors that are not 0
  return where(zero, where(zeros == 1, rest, 0), where(zeros == 0, rest / where(zero, 1, x), 0));
}

G reduce(Step s) {
  const Tensor& x = s.x[0];
  std::vector<int> list(s.node->arg.begin() + 1, s.node->arg.end());
  const Axes axes(list);
  switch (static_cast<Op>(s.node->arg[0])) {
    case Op::Add: return {broadcast_to(s.g, x.shape())};
    case Op::Mul: return {s.g * product_of_others(s, axes)};
    case Op::Max:
    case Op::Min: {
      Tensor hit = x == s.y;
      return {where(hit, s.g / hit.cast(s.g.dtype()).sum(axes, true), 0)};
    }
    default: return {Call::fail("no gradient of a reduction by {}", text(static_cast<Op>(s.node->arg[0])))};
  }
}

// The device that a node lives on, by the first buffer or copy found; 0 for what needs no memory.
int64_t device_of(const Node* root) {
  for (const Node* n : topological(std::span(&root, 1))) {
    if (n->is(Op::Buffer)) return n->arg[1];
    if (n->is(Op::Copy)) return n->arg[0];
  }
  return 0;
}

G assign(Step s) {
  std::vector<const Node*> views;
  for (const Node* n = s.node->src[0]; !n->is(Op::Buffer) && !n->is(Op::Assign); n = n->src[0])
    views.push_back(n);
  Tensor g = s.g;
  for (size_t i = views.size(); i-- > 0;) g = moved(views[i], g);
  return {none, g};
}

G zero(Step s) { return G(s.x.size()); }
G same(Step s) { return {s.g}; }

constexpr double ln2 = std::numbers::ln2;

// clang-format off
constexpr GradientRule table[] = {
  {Op::Neg,        [](Step s) -> G { return {-s.g}; }},
  {Op::Sqrt,       [](Step s) -> G { return {s.g / (2 * s.y)}; }},
  {Op::Trunc,      zero}, {Op::Floor, zero}, {Op::Ceil, zero}, {Op::Round, zero},
  {Op::Exp,        [](Step s) -> G { return {s.g * s.y}; }},
  {Op::Exp2,       [](Step s) -> G { return {s.g * s.y * ln2}; }},
  {Op::Log,        [](Step s) -> G { return {s.g / s.x[0]}; }},
  {Op::Log2,       [](Step s) -> G { return {s.g / (s.x[0] * ln2)}; }},
  {Op::Sin,        [](Step s) -> G { return {s.g * cos(s.x[0])}; }},
  {Op::Cos,        [](Step s) -> G { return {-s.g * sin(s.x[0])}; }},
  {Op::Tanh,       [](Step s) -> G { return {s.g * (1 - s.y * s.y)}; }},
  {Op::Erf,        [](Step s) -> G { return {s.g * (2 * std::numbers::inv_sqrtpi * exp(-s.x[0] * s.x[0]))}; }},
  {Op::Pow,        power},
  {Op::Cast,       cast},
  {Op::Bitcast,    [](Step s) -> G { return {Call::fail("{} as {} has no gradient", describe(s.x[0]), name(s.y.dtype()))}; }},
  {Op::Add,        [](Step s) -> G { return {s.g, s.g}; }},
  {Op::Sub,        [](Step s) -> G { return {s.g, -s.g}; }},
  {Op::Mul,        [](Step s) -> G { return {s.g * s.x[1], s.g * s.x[0]}; }},
  {Op::Div,        [](Step s) -> G { return {s.g / s.x[1], -s.g * s.y / s.x[1]}; }},
  {Op::Max,        extreme}, {Op::Min, extreme},
  {Op::Where,      [](Step s) -> G { return {none, where(s.x[0], s.g, 0), where(s.x[0], 0, s.g)}; }},
  {Op::Fma,        [](Step s) -> G { return {s.g * s.x[1], s.g * s.x[0], s.g}; }},
  {Op::Reshape,    [](Step s) -> G { return {s.g.reshape(shape_of(s.x[0]))}; }},
  {Op::Permute,    permute},
  {Op::Expand,     expand},
  {Op::Pad,        pad},
  {Op::Shrink,     shrink},
  {Op::Flip,       flip},
  {Op::Gather,     gather},
  {Op::Reduce,     reduce},
  {Op::Contiguous, same},
  {Op::Copy,       [](Step s) -> G { return {s.g.to(device_of(s.x[0].node().get()))}; }},
  {Op::Assign,     assign},
};
// clang-format on

const GradientRule* rule_for(Op op, std::span<const GradientRule> added) {
  for (auto rows : {added, std::span<const GradientRule>(table)})
    for (const GradientRule& row : rows)
      if (row.op == op) return &row;
  return nullptr;
}

}  // namespace

std::span<const GradientRule> gradient_rules() { return table; }

std::vector<Tensor> gradients(const Tensor& loss, const std::vector<Tensor>& parameters,
                              std::span<const GradientRule> added, Line at) {
  Call call("gradients", at);
  auto all = [&](const Tensor& bad) { return std::vector<Tensor>(parameters.size(), bad); };
  if (!loss.ok()) return all(loss);
  if (!loss.dtype().is_float() || loss.elements() != 1)
    return all(Call::fail("the loss is {}, expected one float", describe(loss)));
  std::unordered_set<const Node*> depends;  // on a parameter, through floats
  for (const Tensor& p : parameters) {
    if (!p.ok()) return all(p);
    if (!p.dtype().is_float()) return all(Call::fail("a parameter is {}, expected a float", describe(p)));
    depends.insert(p.node().get());
  }
  const Node* root = loss.node().get();
  const std::vector<const Node*> order = topological(std::span(&root, 1));
  for (const Node* n : order)
    if (n->dtype.is_float())
      for (const Node* s : n->src)
        if (depends.contains(s)) depends.insert(n);

  std::unordered_map<const Node*, Tensor> by;  // the gradient of the loss by each node
  by.emplace(root, fill(loss.dtype(), 1, loss.shape()));
  for (size_t i = order.size(); i-- > 0;) {
    const Node* n = order[i];
    auto found = by.find(n);
    if (found == by.end() || n->src.empty()) continue;
    bool onwards = false;
    for (const Node* s : n->src) onwards |= depends.contains(s);
    if (!onwards) continue;
    const GradientRule* row = rule_for(n->op, added);
    if (!row) return all(Call::fail("{} has no gradient rule", text(n->op)));
    BackwardStep step{n, {}, Tensor(NodeRef::share(n)), found->second};
    for (const Node* s : n->src) step.x.emplace_back(NodeRef::share(s));
    const InputGradients to = row->rule(step);
    for (size_t k = 0; k < to.size(); ++k) {
      if (!to[k] || !depends.contains(n->src[k])) continue;
      if (!to[k]->ok()) return all(*to[k]);
      auto [sum, fresh] = by.try_emplace(n->src[k], *to[k]);
      if (!fresh) sum->second = sum->second + *to[k];
    }
  }
  std::vector<Tensor> out;
  for (const Tensor& p : parameters) {
    auto found = by.find(p.node().get());
    out.push_back(found != by.end() ? found->second : fill(p.dtype(), 0, p.shape()));
  }
  return out;
}

}  // namespace doorbell
