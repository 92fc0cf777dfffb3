#include "tests/matrix/cells.h"

#include <cmath>
#include <map>

#include "codegen/numeric.h"

namespace doorbell {

namespace {

struct Graphs {
  std::vector<NodeRef> outputs;
  Symbols symbols;
};

using Refs = std::vector<NodeRef>;
NodeRef make(Op op, DType t, const Refs& src, std::vector<int64_t> arg, Shape shape) {
  return NodeRef::make(op, t, src, arg, shape);
}
Shape shape_of(const NodeRef& x) { return Shape(x->shape.begin(), x->shape.end()); }

bool transcendental(Op op) { return op >= Op::Exp && op <= Op::Pow; }
bool compares(Op op) { return op == Op::Lt || op == Op::Eq || op == Op::Ne; }

// One output whose size is no multiple of any number of lanes, one whose size is.
const std::vector<std::vector<int64_t>> kShapes = {{7, 31}, {4, 64}};

Graphs arithmetic(const MatrixRow& r, DType t) {
  Graphs g;
  uint64_t seed = 1;
  for (const auto& shape : kShapes) {
    Refs src;
    for (int i = 0; i < arity(r.op); ++i)
      src.push_back(buffer_of(random_array(r.op == Op::Where && i == 0 ? dtype::boolean : t, shape, seed++)));
    g.outputs.push_back(make(r.op, compares(r.op) ? dtype::boolean : t, src, {}, shape_of(src[0])));
  }
  return g;
}

Graphs cast(const MatrixRow& r, DType to) {
  Graphs g;
  uint64_t seed = 1;
  for (const auto& shape : kShapes) {
    NodeRef x = buffer_of(random_array(r.other, shape, seed++));
    g.outputs.push_back(make(Op::Cast, to, {x}, {}, shape_of(x)));
  }
  return g;
}

Graphs bitcast(const MatrixRow& r, DType to) {
  NodeRef x = buffer_of(random_array(r.other, {5, 24}, 1));
  return {{make(Op::Bitcast, to, {x}, {}, {5, 24 * r.other.bytes() / to.bytes()})}, {}};
}

// Sums and products of floats that are exact in every order: few ones among zeros, few twos among ones.
Array exact_items(Op op, DType t, std::vector<int64_t> shape) {
  Array a = random_array(t, std::move(shape), 1);
  if (!t.is_float() || (op != Op::Add && op != Op::Mul)) return a;
  for (size_t i = 0; i < a.size(); ++i) {
    double v = op == Op::Mul ? (i % 5 == 3 ? -1 : 1) : 0;
    if (i % 97 == 11) v = op == Op::Mul ? (i % 2 ? 2 : 0.5) : (i % 3 ? 1 : -2);
    a.set(i, encode(t, v));
  }
  return a;
}

Graphs reduce(const MatrixRow& r, DType t) {
  Graphs g;
  for (std::vector<int64_t> axes : {std::vector<int64_t>{1}, {2}, {0, 1, 2}}) {
    NodeRef x = buffer_of(exact_items(r.reduction, t, {3, 37, 5}));
    Shape shape = shape_of(x);
    std::vector<int64_t> arg{static_cast<int64_t>(r.reduction)};
    for (int64_t axis : axes) shape[static_cast<size_t>(axis)] = 1, arg.push_back(axis);
    g.outputs.push_back(make(Op::Reduce, t, {x}, arg, shape));
  }
  return g;
}

Graphs movement(const MatrixRow& r, DType t) {
  NodeRef x = buffer_of(random_array(t, {5, 1, 37}, 1));
  switch (r.op) {
    case Op::Reshape: return {{make(r.op, t, {x}, {}, {37, 5})}, {}};
    case Op::Permute: return {{make(r.op, t, {x}, {2, 0, 1}, {37, 5, 1})}, {}};
    case Op::Expand: return {{make(r.op, t, {x}, {}, {5, 3, 37})}, {}};
    case Op::Pad: return {{make(r.op, t, {x}, {1, 2, 3}, {7, 3, 43})}, {}};
    case Op::Flip: return {{make(r.op, t, {x}, {1, 0, 1}, {5, 1, 37})}, {}};
    default: break;
  }
  // Shrink: by numbers, and by a symbol's value.
  static const Symbol offset = make_symbol("offset", 0, 9);
  const std::vector<int64_t> arg{offset.id, offset.min, offset.max, offset.multiple};
  NodeRef by = make(Op::Symbol, dtype::i64, {}, arg, {});
  return {{make(r.op, t, {x}, {1, 0, 4}, {3, 1, 33}), make(r.op, t, {x, by}, {1, 0, 2, 2}, {3, 1, 20})},
          {{offset.id, 7}}};
}

Graphs gather(const MatrixRow& r, DType column) {
  const bool by = r.other.kind != Kind::Void;
  NodeRef table = buffer_of(random_array(by ? r.other : column, {9, 13}, 1));
  const DType index = by ? column : dtype::i32;
  Array at{index, {5, 3}, std::vector<std::byte>(static_cast<size_t>(15 * index.bytes()))};
  for (size_t i = 0; i < 15; ++i)
    at.set(i, static_cast<uint64_t>(static_cast<int64_t>(i) - 3) & index.mask());
  return {{make(Op::Gather, table->dtype, {table, buffer_of(at)}, {}, {5, 3, 13})}, {}};
}

// Into a view; then what is read of the buffer lies elsewhere than what is written.
Graphs assign(const MatrixRow&, DType t) {
  Graphs g;
  for (bool from_itself : {false, true}) {
    NodeRef x = buffer_of(random_array(t, {7, 31}, 1));
    NodeRef part = make(Op::Shrink, t, {x}, {2, 1}, {4, 29});
    NodeRef view = make(Op::Permute, t, {part}, {1, 0}, {29, 4});
    NodeRef value =
        from_itself ? make(Op::Flip, t, {view}, {1, 1}, {29, 4}) : buffer_of(random_array(t, {29, 4}, 2));
    g.outputs.push_back(make(Op::Assign, t, {view, value}, {}, {7 * 31}));
  }
  return g;
}

Graphs leaf(const MatrixRow& r, DType t) {
  static const Symbol number = make_symbol("number", 1, 100, 5);
  if (r.op == Op::Buffer) return {{buffer_of(random_array(t, {217}, 1))}, {}};
  if (r.op == Op::Iota) return {{make(Op::Iota, t, {}, {}, {100})}, {}};
  if (r.op == Op::Symbol)
    return {{make(Op::Symbol, t, {}, {number.id, number.min, number.max, number.multiple}, {})},
            {{number.id, 35}}};
  Graphs g;
  const Array values = random_array(t, {6}, 3);
  for (size_t i = 0; i < values.size(); ++i) {
    NodeRef c = make(Op::Const, t, {}, {static_cast<int64_t>(values.get(i))}, {});
    g.outputs.push_back(make(Op::Expand, t, {make(Op::Reshape, t, {c}, {}, {1})}, {}, {37}));
  }
  return g;
}

Graphs same(const MatrixRow& r, DType t) {
  NodeRef x = buffer_of(random_array(t, {7, 31}, 1));
  if (r.op == Op::Copy) return {{make(r.op, t, {x}, {0}, shape_of(x))}, {}};
  return {{make(r.op, t, {make(Op::Permute, t, {x}, {1, 0}, {31, 7})}, {}, {31, 7})}, {}};
}

Graphs build(const MatrixRow& r, DType column) {
  switch (r.op) {
    case Op::Cast: return cast(r, column);
    case Op::Bitcast: return bitcast(r, column);
    case Op::Gather: return gather(r, column);
    case Op::Reduce: return reduce(r, column);
    case Op::Assign: return assign(r, column);
    case Op::Contiguous:
    case Op::Copy: return same(r, column);
    case Op::Const:
    case Op::Symbol:
    case Op::Buffer:
    case Op::Iota: return leaf(r, column);
    case Op::Reshape:
    case Op::Permute:
    case Op::Expand:
    case Op::Pad:
    case Op::Shrink:
    case Op::Flip: return movement(r, column);
    default: break;
  }
  if (row(r.op).cls == OpClass::Alu) return arithmetic(r, column);
  return {};
}

// Distance in representable values.
int64_t ulps(DType t, uint64_t a, uint64_t b) {
  auto place = [&](uint64_t v) {
    const auto magnitude = static_cast<int64_t>(v & (t.mask() >> 1));
    return v >> (t.bits - 1) & 1 ? -magnitude : magnitude;
  };
  return std::abs(place(a) - place(b));
}

std::string within_bound(const Array& expected, const Array& found) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const uint64_t e = expected.get(i), f = found.get(i);
    if (is_nan(expected.dtype, e) && is_nan(expected.dtype, f)) continue;
    if (is_nan(expected.dtype, e) == is_nan(expected.dtype, f) &&
        ulps(expected.dtype, e, f) <= ulp_bound(expected.dtype))
      continue;
    return fmt::format("element {}: expected {:#x} ({}), found {:#x} ({}), more than {} ulp apart", i, e,
                       decode(expected.dtype, e), f, decode(found.dtype, f), ulp_bound(expected.dtype));
  }
  return "";
}

}  // namespace

// f32 is carried into narrower types with one rounding more: at most one value off.
int64_t ulp_bound(DType type) { return type.bits >= 32 ? 2 : 1; }

std::vector<MatrixRow> matrix_rows() {
  std::vector<MatrixRow> rows;
  auto any = [](const MatrixRow&, DType) { return true; };
  for (const OpRow& r : op_table()) {
    const std::string label(r.text);
    if (r.cls == OpClass::Kernel || r.op == Op::Sink) continue;  // no user's values
    if (r.op == Op::Cast) {
      for (const auto& [text, from] : dtype::all())
        rows.push_back({fmt::format("cast {}", text), r.op, from, Op::Sink, any});
    } else if (r.op == Op::Bitcast) {
      for (const auto& [text, from] : dtype::all())
        rows.push_back({fmt::format("bitcast {}", text), r.op, from, Op::Sink,
                        [](const MatrixRow&, DType to) { return !to.is_bool(); }});
    } else if (r.op == Op::Reduce) {
      for (const OpRow& by : op_table())
        if (reduces(by.op))
          rows.push_back(
              {fmt::format("reduce {}", by.text), r.op, {}, by.op, [](const MatrixRow& m, DType t) {
                 return defined(m.reduction, t);
               }});
    } else if (r.op == Op::Symbol) {
      rows.push_back({label, r.op, {}, Op::Sink, [](const MatrixRow&, DType t) { return t == dtype::i64; }});
    } else if (r.op == Op::Iota) {
      rows.push_back({label, r.op, {}, Op::Sink, [](const MatrixRow&, DType t) { return t.is_int(); }});
    } else if (r.cls == OpClass::Alu) {
      rows.push_back(
          {label, r.op, {}, Op::Sink, [](const MatrixRow& m, DType t) { return defined(m.op, t); }});
    } else {
      rows.push_back({label, r.op, {}, Op::Sink, any});
    }
    if (r.op == Op::Gather)
      rows.push_back(
          {"gather by", r.op, dtype::f32, Op::Sink, [](const MatrixRow&, DType t) { return t.is_int(); }});
  }
  return rows;
}

std::string run_cell(TestDevice& device, const MatrixRow& r, DType column) {
  Graphs graphs = build(r, column);
  if (graphs.outputs.empty()) return fmt::format("nothing says how to test {}", text(r.op));
  std::vector<const Node*> roots;
  for (const NodeRef& n : graphs.outputs) roots.push_back(n.get());
  auto expected = expected_values(roots, graphs.symbols);
  if (!expected.ok()) return expected.error().message;
  auto found = compute_on(*device.engine, roots, graphs.symbols);
  if (!found.ok()) return found.error().message;
  for (size_t i = 0; i < roots.size(); ++i) {
    std::string wrong = transcendental(r.op) ? within_bound((*expected)[i], (*found)[i])
                                             : difference((*expected)[i], (*found)[i]);
    if (!wrong.empty()) return fmt::format("output {}: {}", i, wrong);
  }
  return "";
}

}  // namespace doorbell
