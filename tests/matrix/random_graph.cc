#include "tests/matrix/random_graph.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "codegen/numeric.h"
#include "runtime/index.h"

namespace doorbell {

namespace {

constexpr int64_t kMostElements = 3000;

Shape shape_of(const NodeRef& x) { return Shape(x->shape.begin(), x->shape.end()); }
bool symbolic(ShapeView shape) {
  return std::any_of(shape.begin(), shape.end(), [](const Dim& d) { return d.symbol != 0; });
}
NodeRef make(Op op, DType t, std::vector<NodeRef> src, std::vector<int64_t> arg, const Shape& shape) {
  return NodeRef::make(op, t, src, arg, shape);
}

// The largest finite value.
double greatest(DType t) {
  return decode(t, t.special == Special::Ieee ? encode(t, INFINITY) - 1
                   : t.special == Special::Fn ? (t.mask() >> 1) - 1
                                              : t.mask() >> 1);
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {
    static const Symbol any = make_symbol("any", 1, 37), even = make_symbol("even", 4, 32, 4);
    symbols_ = {any, even};
    out_.symbols = {{any.id, 1 + pick(37)}, {even.id, 4 * (1 + pick(8))}};
    for (int i = 0; i < 3; ++i) types_.push_back(any_type());
    if (pick(2)) types_.push_back(dtype::f32);
    calm_ = pick(4) != 0;
  }

  RandomGraph run() {
    add(leaf(shape(), pick(types_)));
    const int64_t steps = 2 + pick(14);
    for (int64_t i = 0; i < steps; ++i) step();
    // The last, and sometimes others.
    out_.outputs = {out_.nodes.size() - 1};
    for (int64_t more = pick(4) ? 0 : pick(3); more > 0; --more) {
      auto extra = static_cast<size_t>(pick(static_cast<int64_t>(out_.nodes.size())));
      if (std::find(out_.outputs.begin(), out_.outputs.end(), extra) == out_.outputs.end())
        out_.outputs.push_back(extra);
    }
    return std::move(out_);
  }

 private:
  using Item = RandomNode;

  int64_t pick(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  template <class T>
  T pick(const std::vector<T>& list) {
    return list[static_cast<size_t>(pick(static_cast<int64_t>(list.size())))];
  }
  DType any_type() {
    return dtype::all()[static_cast<size_t>(pick(static_cast<int64_t>(dtype::all().size())))].dtype;
  }
  void add(Item item) {
    if (item.node) out_.nodes.push_back(std::move(item));
  }
  // The newer the likelier.
  Item any_item() {
    const auto n = static_cast<int64_t>(out_.nodes.size());
    return out_.nodes[static_cast<size_t>(n - 1 - std::min(pick(n), pick(n)))];
  }

  // ---- leaves

  Shape shape() {
    static const std::vector<int64_t> sizes{1,  1,  2,  3,  4,  5,  7,  8,   13, 16,
                                            17, 31, 32, 33, 37, 64, 67, 100, 256};
    for (;;) {
      Shape s;
      for (int64_t rank = 1 + pick(4), i = 0; i < rank; ++i) {
        if (pick(12) == 0) {
          const Symbol& by = symbols_[static_cast<size_t>(pick(2))];
          if (std::none_of(s.begin(), s.end(), [&](const Dim& d) { return d.symbol == by.id; }))
            s.emplace_back(by.max, by.id);
        } else {
          s.emplace_back(pick(sizes));
        }
      }
      if (!s.empty() && elements(s) <= kMostElements) return s;
    }
  }
  Array values(DType t, const std::vector<int64_t>& sizes) {
    Array a = random_array(t, sizes, random_());
    if (calm_ && pick(8))
      for (size_t i = 0; i < a.size(); ++i)
        a.set(i, t.is_float() ? encode(t, static_cast<double>(static_cast<int64_t>(random_())) * 0x1p-62)
                              : encode(t, static_cast<double>(pick(9)) - (t.is_signed() ? 4 : 0)));
    return a;
  }
  NodeRef data(DType t, const Shape& s) {
    std::vector<int64_t> sizes;
    Shape whole;
    for (const Dim& d : s) sizes.push_back(d.size), whole.emplace_back(d.size);
    NodeRef x = buffer_of(values(t, sizes));
    return symbolic(s) ? make(Op::Shrink, t, {x}, std::vector<int64_t>(s.size()), s) : x;
  }
  static NodeRef constant(DType t, uint64_t bits, const Shape& s) {
    NodeRef c = make(Op::Const, t, {}, {static_cast<int64_t>(bits)}, {});
    if (s.empty()) return c;
    return make(Op::Expand, t, {make(Op::Reshape, t, {c}, {}, Shape(s.size(), Dim(1)))}, {}, s);
  }
  Item leaf(const Shape& s, DType t) {
    switch (pick(8)) {
      case 0: return {constant(t, values(t, {1}).get(0), s)};
      case 1: {
        // Along the last axis.
        const DType i = t.is_int() && t.bits > 8 ? t : dtype::i32;
        if (s.empty() || s.back().symbol || t.is_float() || t.is_bool()) break;
        Shape one(s.size(), Dim(1));
        one.back() = s.back();
        NodeRef iota = make(Op::Iota, i, {}, {}, {s.back()});
        iota = make(Op::Expand, i, {one.size() == 1 ? iota : make(Op::Reshape, i, {iota}, {}, one)}, {}, s);
        return {i == t ? iota : make(Op::Cast, t, {iota}, {}, s)};
      }
      case 2: {
        if (!t.is_int() || s.empty()) break;
        const Symbol& y = symbols_[static_cast<size_t>(pick(2))];
        NodeRef n = make(Op::Symbol, dtype::i64, {}, {y.id, y.min, y.max, y.multiple}, {});
        n = t == dtype::i64 ? n : make(Op::Cast, t, {n}, {}, {});
        return {make(Op::Expand, t, {make(Op::Reshape, t, {n}, {}, Shape(s.size(), Dim(1)))}, {}, s)};
      }
      default: break;
    }
    return {data(t, s)};
  }
  // Something of that shape and type.
  Item like(const Shape& s, DType t) {
    std::vector<Item> fit;
    for (const Item& x : out_.nodes)
      if (x.node->dtype == t && std::equal(s.begin(), s.end(), x.node->shape.begin(), x.node->shape.end()))
        fit.push_back(x);
    if (!fit.empty() && pick(3)) return pick(fit);
    Item x = leaf(s, t);
    if (pick(2)) add(x);
    return x;
  }

  // ---- bounds of errors

  static DType wide() { return dtype::f64; }
  static NodeRef abs(const NodeRef& x) {
    const Shape s = shape_of(x);
    NodeRef v = x->dtype == wide() ? x : make(Op::Cast, wide(), {x}, {}, s);
    return make(Op::Max, wide(), {v, make(Op::Neg, wide(), {v}, {}, s)}, {}, s);
  }
  static NodeRef plus(const NodeRef& a, const NodeRef& b) {
    return !a ? b : !b ? a : make(Op::Add, wide(), {a, b}, {}, shape_of(a));
  }
  static NodeRef times(const NodeRef& a, const NodeRef& b) {
    return !a || !b ? NodeRef() : make(Op::Mul, wide(), {a, b}, {}, shape_of(a));
  }
  // One rounding to t of a magnitude, `factor` times.
  static NodeRef rounding(const NodeRef& x, DType t, double factor = 1) {
    const Shape s = shape_of(x);
    NodeRef relative = constant(wide(), encode(wide(), std::ldexp(factor, -t.mantissa)), s);
    NodeRef least = constant(wide(), encode(wide(), factor * decode(t, 1)), s);
    return plus(times(abs(x), relative), least);
  }

  // Infinite where sums of x in t may overflow or not, as their order is; `size` is the sum of magnitudes.
  static NodeRef overflow(const NodeRef& size, DType t) {
    const Shape s = shape_of(size);
    NodeRef safe =
        make(Op::Lt, dtype::boolean, {size, constant(wide(), encode(wide(), greatest(t) / 4), s)}, {}, s);
    NodeRef none = constant(wide(), 0, s), any = constant(wide(), encode(wide(), INFINITY), s);
    return make(Op::Where, wide(), {safe, none, any}, {}, s);
  }

  Item arithmetic(Op op, DType t, const std::vector<Item>& x) {
    std::vector<NodeRef> src;
    Item out;
    bool inexact = false;
    for (const Item& i : x) {
      src.push_back(i.node);
      inexact |= i.error.get() != nullptr;
      out.unknown |= i.unknown;
      out.product |= i.product;
    }
    out.node = make(op, t, src, {}, shape_of(src.back()));
    const DType from = src.back()->dtype;
    if (!from.is_float()) return out;
    if (op == Op::Mul) out.product = true;
    const bool may_fuse = (op == Op::Add || op == Op::Sub) && (x[0].product || x[1].product);
    if (op >= Op::Exp && op <= Op::Pow) {
      out.unknown |= inexact;
      out.error = rounding(out.node, t, 4);
    } else if (op == Op::Add || op == Op::Sub) {
      if (!inexact && !may_fuse) return out;
      NodeRef lost = plus(rounding(src[0], t), rounding(src[1], t));
      out.error = plus(plus(x[0].error, x[1].error), plus(lost, rounding(out.node, t)));
    } else if (!inexact) {
      return out;
    } else if (op == Op::Mul) {
      NodeRef each = plus(times(x[0].error, abs(src[1])), times(x[1].error, abs(src[0])));
      out.error = plus(plus(each, times(x[0].error, x[1].error)), rounding(out.node, t));
    } else if (op == Op::Max || op == Op::Min) {
      out.error = plus(x[0].error, x[1].error);
    } else if (op == Op::Neg) {
      out.error = x[0].error;
    } else if (op == Op::Where && !x[0].error) {
      out.error = plus(x[1].error, x[2].error);
    } else if (op == Op::Cast && t.is_float()) {
      out.error = plus(x[0].error, rounding(out.node, t));
    } else {
      out.unknown = true;
    }
    return out;
  }

  // The same movement of value and bound.
  Item moved(const Item& x, Op op, const std::vector<int64_t>& arg, const Shape& s,
             std::vector<NodeRef> more = {}) {
    auto move = [&](const NodeRef& of) {
      if (!of) return NodeRef();
      std::vector<NodeRef> src{of};
      src.insert(src.end(), more.begin(), more.end());
      return make(op, of->dtype, src, arg, s);
    };
    return {move(x.node), move(x.error), x.unknown, x.product};
  }

  Item reduced(const Item& x, Op op, DType t, const std::vector<int64_t>& axes) {
    Shape s = shape_of(x.node);
    int64_t n = 1;
    for (int64_t a : axes) n *= s[static_cast<size_t>(a)].size, s[static_cast<size_t>(a)] = 1;
    auto by = [&](Op o, const NodeRef& of, DType type) {
      std::vector<int64_t> arg{static_cast<int64_t>(o)};
      arg.insert(arg.end(), axes.begin(), axes.end());
      return make(Op::Reduce, type, {of}, arg, s);
    };
    Item out{by(op, x.node, t), {}, x.unknown, x.product};
    if (!t.is_float() || !x.node->dtype.is_float()) {
      if (t.is_float() && (op == Op::Add || op == Op::Mul)) out.unknown = true;
      if (x.error) out.unknown = true;
      return out;
    }
    if (op == Op::Mul) out.unknown = true;
    else if (op == Op::Add) {
      NodeRef size = by(Op::Add, abs(x.node), wide());
      out.error = plus(x.error ? by(Op::Add, x.error, wide()) : NodeRef(),
                       plus(rounding(size, t, static_cast<double>(n) + 2), overflow(size, t)));
    } else if (x.error || t != x.node->dtype)
      out.error = plus(x.error ? by(Op::Max, x.error, wide()) : NodeRef(), rounding(out.node, t));
    return out;
  }

  // ---- one more node

  void step() {
    Item x = any_item();
    const DType t = x.node->dtype;
    const Shape s = shape_of(x.node);
    switch (pick(14)) {
      case 0:
      case 1:
      case 2: {
        std::vector<Op> ops;
        for (const OpRow& r : op_table())
          if (r.cls == OpClass::Alu && defined(r.op, t) && r.op != Op::Cast && r.op != Op::Bitcast &&
              r.op != Op::Where && (!(r.op >= Op::Exp && r.op <= Op::Pow) || pick(4) == 0))
            ops.push_back(r.op);
        // What expressions consist of.
        for (Op o : {Op::Add, Op::Mul, Op::Sub, Op::Add, Op::Mul})
          if (defined(o, t)) ops.push_back(o);
        Op op = pick(ops);
        std::vector<Item> src{x};
        while (static_cast<int>(src.size()) < arity(op)) src.push_back(like(s, t));
        if (src.size() == 2 && pick(2)) std::swap(src[0], src[1]);
        return add(arithmetic(op, op == Op::Lt || op == Op::Eq || op == Op::Ne ? dtype::boolean : t, src));
      }
      case 3: {
        Item condition = t.is_bool() ? x : arithmetic(Op::Lt, dtype::boolean, {x, like(s, t)});
        const DType of = pick(types_);
        return add(arithmetic(Op::Where, of, {condition, like(s, of), like(s, of)}));
      }
      case 4: {
        const DType to = pick(3) ? pick(types_) : any_type();
        if (to != t) add(arithmetic(Op::Cast, to, {x}));
        return;
      }
      case 5: return bitcast(x);
      case 6: return reshape(x);
      case 7: {
        std::vector<int64_t> order(s.size());
        for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
        std::shuffle(order.begin(), order.end(), random_);
        Shape to;
        for (int64_t a : order) to.push_back(s[static_cast<size_t>(a)]);
        return add(moved(x, Op::Permute, order, to));
      }
      case 8: {
        Shape to = s;
        for (Dim& d : to)
          if (d == Dim(1) && elements(to) < 500 && pick(2)) d = Dim(1 + pick(pick(2) ? 20 : 4));
        if (to != s) add(moved(x, Op::Expand, {}, to));
        return;
      }
      case 9: return pad_or_shrink(x);
      case 10: {
        std::vector<int64_t> flips;
        for (size_t i = 0; i < s.size(); ++i) flips.push_back(pick(2));
        return add(moved(x, Op::Flip, flips, s));
      }
      case 11: return gather(x);
      case 12: return reduce(x);
      default: break;
    }
    switch (pick(5)) {
      case 0: return add(pick(4) ? moved(x, Op::Contiguous, {}, s) : moved(x, Op::Copy, {0}, s));
      case 1: return assign();
      case 2: return matmul(x);
      case 3: return composed(x);
      default: return add(leaf(shape(), pick(types_)));
    }
  }

  void bitcast(const Item& x) {
    const DType to = any_type(), from = x.node->dtype;
    Shape s = shape_of(x.node);
    if (to.is_bool() || to == from) return;
    if (to.bits != from.bits) {
      if (s.empty() || s.back().symbol || s.back().size * from.bytes() % to.bytes()) return;
      s.back() = Dim(s.back().size * from.bytes() / to.bytes());
      if (elements(s) > kMostElements) return;
    }
    // The pattern of a NaN is not fixed, so neither are its bits in another type.
    Item out{make(Op::Bitcast, to, {x.node}, {}, s), {}, x.unknown || x.error, false};
    if (from.is_float()) {
      Item same = arithmetic(Op::Eq, dtype::boolean, {x, x});
      NodeRef zero = constant(from, 0, shape_of(x.node));
      Item clean = arithmetic(Op::Where, from, {same, x, {zero}});
      out.node = make(Op::Bitcast, to, {clean.node}, {}, s);
    }
    add(out);
  }

  void reshape(const Item& x) {
    Shape s = shape_of(x.node), to;
    const int64_t how = pick(4);
    if (how == 0) {  // an axis of 1 somewhere
      to = s;
      if (to.size() < 5) to.insert(to.begin() + pick(static_cast<int64_t>(s.size()) + 1), Dim(1));
    } else if (how == 1 && !symbolic(s)) {
      to = {Dim(elements(s))};
    } else if (how == 2) {  // one axis becomes two
      for (const Dim& d : s) {
        std::vector<int64_t> factors;
        for (int64_t f = 2; f < d.size; ++f)
          if (d.size % f == 0) factors.push_back(f);
        if (!d.symbol && !factors.empty() && to.size() < 4 && pick(2)) {
          const int64_t f = pick(factors);
          to.emplace_back(f);
          to.emplace_back(d.size / f);
        } else {
          to.push_back(d);
        }
      }
    } else {  // two neighbours become one
      for (size_t i = 0; i < s.size(); ++i) {
        if (i + 1 < s.size() && !s[i].symbol && !s[i + 1].symbol && pick(2)) {
          to.emplace_back(s[i].size * s[i + 1].size);
          ++i;
        } else {
          to.push_back(s[i]);
        }
      }
    }
    if (to != s && !to.empty()) add(moved(x, Op::Reshape, {}, to));
  }

  void pad_or_shrink(const Item& x) {
    const Shape s = shape_of(x.node);
    Shape to = s;
    std::vector<int64_t> arg(s.size());
    if (pick(2)) {
      for (size_t i = 0; i < s.size(); ++i) {
        if (s[i].symbol || elements(to) > 1000 || pick(2)) continue;
        arg[i] = pick(4);
        to[i] = Dim(s[i].size + arg[i] + pick(4));
      }
      return add(moved(x, Op::Pad, arg, to));
    }
    for (size_t i = 0; i < s.size(); ++i) {
      if (s[i].symbol || pick(2)) continue;
      arg[i] = pick(s[i].size);
      to[i] = Dim(1 + pick(s[i].size - arg[i]));
    }
    // By a symbol's value on one axis.
    std::vector<NodeRef> more;
    for (size_t i = 0; i < s.size() && more.empty(); ++i) {
      const Symbol& y = symbols_[static_cast<size_t>(pick(2))];
      if (s[i].symbol || s[i].size <= y.max || pick(2)) continue;
      arg[i] = 0;
      to[i] = Dim(1 + pick(s[i].size - y.max));
      arg.push_back(static_cast<int64_t>(i));
      more.push_back(make(Op::Symbol, dtype::i64, {}, {y.id, y.min, y.max, y.multiple}, {}));
    }
    add(moved(x, Op::Shrink, arg, to, more));
  }

  void gather(const Item& x) {
    const Shape s = shape_of(x.node);
    if (s.empty()) return;
    std::vector<DType> integers;
    for (const auto& [text, d] : dtype::all())
      if (d.is_int()) integers.push_back(d);
    const DType t = pick(integers);
    const int64_t row = elements(s) / s[0].size;
    Shape at{Dim(1 + pick(6))};
    if (pick(3) == 0) at.emplace_back(1 + pick(5));
    if (elements(at) * row > kMostElements) return;
    Item index;
    if (pick(2)) {
      std::vector<int64_t> sizes;
      for (const Dim& d : at) sizes.push_back(d.size);
      Array values{t, sizes, std::vector<std::byte>(static_cast<size_t>(elements(at) * t.bytes()))};
      for (size_t i = 0; i < values.size(); ++i)
        values.set(i, static_cast<uint64_t>(pick(s[0].size + 4) - 2) & t.mask());
      index = {buffer_of(values)};
    } else {  // a computed one, often around the table's size
      index = like(at, t);
      if (pick(3))
        index = arithmetic(Op::Mod, t,
                           {index, {constant(t, static_cast<uint64_t>(s[0].size + 3) & t.mask(), at)}});
      if (pick(3) == 0) index = arithmetic(Op::Sub, t, {index, {constant(t, 2, at)}});
    }
    Shape to = at;
    to.insert(to.end(), s.begin() + 1, s.end());
    if (to.size() > 5) return;
    Item out = moved(x, Op::Gather, {}, to, {index.node});
    out.unknown |= index.unknown || index.error;
    add(out);
  }

  // What the front end makes of many nodes: orders, running sums and products, writes by index.
  void composed(const Item& x) {
    const Shape s = shape_of(x.node);
    if (s.empty() || symbolic(s)) return;
    const auto axis = static_cast<size_t>(pick(static_cast<int64_t>(s.size())));
    const int64_t n = s[axis].size;
    // Ranks compare each with each; above that, and seldom, a network of many kernels sorts.
    const bool sortable = elements(s) * n <= 100000 || (n > 512 && pick(4) == 0);
    const DType t = x.node->dtype;
    const Tensor of(x.node);
    const int a = static_cast<int>(axis);
    Tensor out;
    bool unknown = x.unknown || x.error;
    switch (pick(7)) {
      case 0:
        if (!sortable) return;
        out = sort(of, a, pick(2)).first;
        break;
      case 1:
        if (!sortable) return;
        out = argsort(of, a, pick(2));
        break;
      case 2:
        if (!sortable) return;
        out = topk(of, 1 + pick(n), a).first;
        break;
      case 3:
      case 4:
        if (t.is_bool()) return;
        unknown |= t.is_float();  // the blocks' order of rounding
        out = pick(3) ? of.cumsum(a) : of.cumprod(a);
        break;
      default: {
        Shape at = s;
        at[axis] = Dim(1 + pick(pick(2) ? 20 : 4));
        if (elements(at) > kMostElements || elements(at) * n > 100000) return;
        std::vector<int64_t> sizes;
        for (const Dim& d : at) sizes.push_back(d.size);
        Array places = random_array(dtype::i32, sizes, random_());
        for (size_t i = 0; i < places.size(); ++i)
          places.set(i, static_cast<uint64_t>(pick(n + 4) - 2) & dtype::i32.mask());
        const Item values = like(at, t);
        unknown |= values.unknown || values.error;
        const Tensor index(buffer_of(places)), written(values.node);
        if (pick(2) || t.is_bool()) {
          out = scatter(of, index, written, a);
        } else {
          unknown |= t.is_float();
          out = scatter_add(of, index, written, a);
        }
      }
    }
    DOORBELL_CHECK(out.ok(), "a composed operation was refused: {}", out.error_text());
    add({out.node(), {}, unknown, false});
  }

  void reduce(const Item& x) {
    const Shape s = shape_of(x.node);
    std::vector<int64_t> axes;
    for (size_t i = 0; i < s.size(); ++i)
      if (pick(2)) axes.push_back(static_cast<int64_t>(i));
    if (axes.empty()) axes.push_back(pick(static_cast<int64_t>(s.size())));
    if (s.empty()) return;
    DType t = x.node->dtype;
    if (pick(4) == 0) t = pick(types_);
    std::vector<Op> ops;
    for (const OpRow& r : op_table())
      if (reduces(r.op) && defined(r.op, t)) ops.push_back(r.op);
    if (defined(Op::Add, t)) ops.insert(ops.end(), {Op::Add, Op::Add, Op::Max});
    Item from = t == x.node->dtype ? x : arithmetic(Op::Cast, t, {x});
    add(reduced(pick(2) ? from : x, pick(ops), t, axes));
  }

  void matmul(const Item& x) {
    const Shape s = shape_of(x.node);
    const DType t = x.node->dtype;
    if (s.size() != 2 || !defined(Op::Mul, t)) return;
    const Dim m = s[0], k = s[1], n(1 + pick(pick(2) ? 40 : 9));
    if (m.size * k.size * n.size > 40000) return;
    Item b = pick(2) ? moved(like({n, k}, t), Op::Permute, {1, 0}, {k, n}) : like({k, n}, t);
    Item y = moved(b, Op::Permute, {1, 0}, {n, k});
    Item left = moved(moved(x, Op::Reshape, {}, {m, 1, k}), Op::Expand, {}, {m, n, k});
    Item right = moved(moved(y, Op::Reshape, {}, {1, n, k}), Op::Expand, {}, {m, n, k});
    Item sum = reduced(arithmetic(Op::Mul, t, {left, right}), Op::Add, t, {2});
    add(moved(sum, Op::Reshape, {}, {m, n}));
  }

  // A new version: of a buffer of its own, or in place of a version that was not replaced yet, whoever reads
  // it.
  void assign() {
    std::vector<NodeRef> versions;
    for (const Node* n : topological(roots()))
      if ((n->is(Op::Buffer) || n->is(Op::Assign)) && elements(n->shape) <= kMostElements)
        versions.push_back(NodeRef::share(n));
    std::erase_if(versions, [&](const NodeRef& v) { return replaced_.contains(v.get()); });
    NodeRef root;
    if (!versions.empty() && pick(2)) {
      root = pick(versions);
    } else {
      Shape s;
      do s = shape();
      while (symbolic(s));
      root = data(pick(types_), s);
    }
    const Node* base = root.get();
    while (base->is(Op::Reshape)) base = base->src[0];
    replaced_.insert(base);
    // The version, seen in one of the shapes that it is seen in elsewhere.
    const bool unknown = unknown_.contains(base);
    if (root.get() == base)
      for (const Item& x : out_.nodes)
        if (x.node->is(Op::Reshape) && x.node->src[0] == base && !symbolic(x.node->shape) && pick(2))
          root = x.node;
    const Shape s = shape_of(root);
    NodeRef view = root;
    Shape at = s;
    std::vector<int64_t> from(s.size());
    if (pick(2)) {
      for (size_t i = 0; i < s.size(); ++i) {
        from[i] = pick(s[i].size);
        at[i] = Dim(1 + pick(s[i].size - from[i]));
      }
      view = make(Op::Shrink, root->dtype, {view}, from, at);
    }
    if (pick(4) == 0) {
      std::vector<int64_t> flips;
      for (size_t i = 0; i < at.size(); ++i) flips.push_back(pick(2));
      view = make(Op::Flip, root->dtype, {view}, flips, at);
    }
    if (at.size() > 1 && pick(2)) {
      std::vector<int64_t> order(at.size());
      Shape to;
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(order.size() - 1 - i);
      for (int64_t a : order) to.push_back(at[static_cast<size_t>(a)]);
      at = to;
      view = make(Op::Permute, root->dtype, {view}, order, at);
    }
    Item value = like(at, root->dtype);
    const Item old{view, {}, unknown, false};
    if (pick(3) == 0) {  // of what is there
      value = arithmetic(Op::Max, root->dtype, {old, value});
      if (pick(2)) value = moved(value, Op::Flip, std::vector<int64_t>(at.size(), 1), at);
    } else if (elements(at) == elements(s) && pick(6) == 0) {
      value = {root, {}, unknown, false};
      if (at != s) value = moved(value, Op::Reshape, {}, at);
    }
    Item out{
        make(Op::Assign, root->dtype, {view, value.node}, {}, Shape(base->shape.begin(), base->shape.end())),
        {},
        unknown || value.unknown || value.error,
        false};
    if (out.unknown) unknown_.insert(out.node.get());
    add(out);
  }
  std::vector<const Node*> roots() const {
    std::vector<const Node*> list;
    for (const Item& x : out_.nodes) list.push_back(x.node.get());
    return list;
  }

  std::mt19937_64 random_;
  std::vector<Symbol> symbols_;
  std::vector<DType> types_;
  bool calm_ = true;
  std::set<const Node*> replaced_, unknown_;  // versions: by an assign; within no bound
  RandomGraph out_;
};

std::vector<int64_t> live_extents(const Node* n, const Symbols& symbols) {
  std::vector<int64_t> live;
  for (const Dim& d : n->shape) {
    live.push_back(d.size);
    for (const SymbolValue& s : symbols)
      if (d.symbol == s.id) live.back() = s.value;
  }
  return live;
}

// The values of a device against the graph evaluator's, within the bound.
std::string beyond(const Array& expected, const Array& error, const Array& found,
                   const std::vector<int64_t>& live) {
  const DType t = expected.dtype;
  for (size_t i = 0; i < expected.size(); ++i) {
    auto rest = static_cast<int64_t>(i);
    bool counts = true;
    for (size_t a = live.size(); a-- > 0; rest /= expected.shape[a])
      counts = counts && rest % expected.shape[a] < live[a];
    const double e = decode(t, expected.get(i)), f = decode(t, found.get(i));
    const double bound = 2 * decode(dtype::f64, error.get(i));
    // Near overflow the order decides what overflows.
    if (!counts || !std::isfinite(e) || !std::isfinite(bound) || std::fabs(e) + bound > greatest(t) / 4)
      continue;
    if (!(std::fabs(e - f) <= bound))
      return fmt::format("element {}: expected {} within {}, found {}", i, e, bound, f);
  }
  return "";
}

// The schedule, run by the evaluator of lowered kernels on plain memory.
Result<std::vector<Array>> interpret(std::span<const Node* const> outputs, const Symbols& symbols,
                                     const LaneTarget& target, std::string* text) {
  Schedule plan = TRY(schedule(outputs));
  std::vector<std::vector<std::byte>> memory;
  for (const Slot& slot : plan.slots) {
    memory.emplace_back(static_cast<size_t>(slot.bytes()));
    if (slot.kind != Slot::Kind::External) continue;
    auto held = std::static_pointer_cast<Memory>(memo_of(slot.node));
    if (held) std::copy(held->host.begin(), held->host.end(), memory.back().begin());
  }
  for (const Item& item : plan.items) {
    if (!item.kernel) {
      memory[item.slots[1]] = memory[item.slots[0]];
      continue;
    }
    if (text) *text += print(item.kernel);
    Lowered kernel = TRY(lower(*plan.graph, item.kernel, target, "fuzz"));
    kernel.params.resize(item.slots.size());
    std::vector<std::span<std::byte>> params;
    for (size_t i = 0; i < item.slots.size(); ++i) {
      kernel.params[i].dtype = plan.slots[item.slots[i]].dtype;
      kernel.params[i].elements = plan.slots[item.slots[i]].elements;
      params.emplace_back(memory[item.slots[i]]);
    }
    if (text) *text += print(kernel);
    std::vector<int64_t> values;
    for (uint32_t id : kernel.symbols)
      for (const SymbolValue& s : symbols)
        if (s.id == id) values.push_back(s.value);
    TRY(run(kernel, params, values));
  }
  std::vector<Array> out;
  for (size_t i = 0; i < outputs.size(); ++i) {
    Array a{outputs[i]->dtype, {}, memory[plan.outputs[i]]};
    for (const Dim& d : outputs[i]->shape) a.shape.push_back(d.size);
    out.push_back(std::move(a));
  }
  return out;
}

}  // namespace

RandomGraph random_graph(uint64_t seed) {
  RandomGraph graph = Generator(seed).run();
  graph.lanes = 1 << (seed % 6);
  return graph;
}

std::string check_graph(uint64_t seed, const std::vector<size_t>& outputs, bool details) {
  return check_graph(
      [&] {
        RandomGraph graph = random_graph(seed);
        graph.outputs = outputs;
        return graph;
      },
      details);
}

namespace {

std::string compare(const std::function<RandomGraph()>& make_graph, bool details, bool& failed) {
  RandomGraph graph;
  std::vector<const Node*> roots;
  auto build = [&] {
    graph = make_graph();
    roots.clear();
    for (size_t i : graph.outputs) roots.push_back(graph.nodes[i].node.get());
  };
  // The devices are at work while the evaluators are. Each has a graph of its own.
  std::vector<RandomGraph> kept;
  std::vector<Result<Submitted>> submitted;
  for (TestDevice& device : test_devices()) {
    build();
    submitted.push_back(submit_to(*device.engine, roots, graph.symbols));
    kept.push_back(std::move(graph));
  }
  std::string text;
  build();
  std::vector<const Node*> wanted = roots;
  const std::vector<size_t> outputs = graph.outputs;
  for (size_t i : outputs)
    wanted.push_back(graph.nodes[i].error ? graph.nodes[i].error.get() : graph.nodes[i].node.get());
  auto expected = expected_values(wanted, graph.symbols);
  if (!expected.ok()) return fmt::format("graph evaluator: {}", expected.error().message);

  struct Run {
    std::string who;
    Result<std::vector<Array>> values;
  };
  std::vector<Run> runs;
  const LaneTarget& cpu = test_devices()[0].engine->target().tiling;
  const LaneTarget narrow = lanes_target(graph.lanes).tiling;
  runs.push_back(
      {"evaluator of the CPU's kernels", interpret(roots, graph.symbols, cpu, details ? &text : nullptr)});
  runs.push_back({fmt::format("evaluator of kernels for {} lanes", narrow.lanes),
                  interpret(roots, graph.symbols, narrow, nullptr)});
  for (size_t d = 0; d < submitted.size(); ++d) {
    auto values = submitted[d].ok() ? finish(std::move(*submitted[d]))
                                    : Result<std::vector<Array>>(submitted[d].error());
    runs.push_back({test_devices()[d].name, std::move(values)});
  }
  std::string wrong;
  for (const Run& r : runs)
    if (!r.values.ok()) wrong += fmt::format("{}: {}\n", r.who, r.values.error().message);
  failed = !wrong.empty();
  if (wrong.empty())
    for (size_t i = 0; i < outputs.size(); ++i) {
      const RandomNode& node = graph.nodes[outputs[i]];
      const std::vector<int64_t> live = live_extents(node.node.get(), graph.symbols);
      const Array& first = (*runs[0].values)[i];
      for (size_t r = 1; r < runs.size(); ++r)
        if (std::string d = difference(first, (*runs[r].values)[i], live); !d.empty())
          wrong += fmt::format("node {}: {} against {}: {}\n", outputs[i], runs[0].who, runs[r].who, d);
      if (node.unknown) continue;
      std::string d = node.error ? beyond((*expected)[i], (*expected)[outputs.size() + i], first, live)
                                 : difference((*expected)[i], first, live);
      if (!d.empty())
        wrong += fmt::format("node {}: graph evaluator against {}: {}\n", outputs[i], runs[0].who, d);
    }
  if (!wrong.empty() && details) {
    build();
    wrong += print(roots) + text;
    for (const SymbolValue& s : graph.symbols) wrong += fmt::format("symbol {} = {}\n", s.id, s.value);
  }
  return wrong;
}

}  // namespace

std::string check_graph(const std::function<RandomGraph()>& make_graph, bool details) {
  bool failed = false;
  std::string wrong = compare(make_graph, details, failed);
  if (failed) reopen_test_devices();
  return wrong;
}

}  // namespace doorbell
