// The evaluator of the tensor graph: see eval.h.
#include <algorithm>
#include <cstring>

#include "codegen/eval.h"
#include "codegen/numeric.h"
#include "codegen/verify.h"

namespace doorbell {

uint64_t Array::get(size_t i) const {
  uint64_t bits = 0;
  const auto bytes = static_cast<size_t>(dtype.bytes());
  std::memcpy(&bits, data.data() + i * bytes, bytes);
  return bits;
}
void Array::set(size_t i, uint64_t bits) {
  const auto bytes = static_cast<size_t>(dtype.bytes());
  std::memcpy(data.data() + i * bytes, &bits, bytes);
}

namespace {

constexpr int64_t nowhere = -1;
using Sizes = std::vector<int64_t>;

int64_t product(const Sizes& sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}
Sizes strides(const Sizes& sizes) {
  Sizes out(sizes.size());
  int64_t n = 1;
  for (size_t a = sizes.size(); a-- > 0; n *= sizes[a]) out[a] = n;
  return out;
}
// The sizes of memory. What the values at run are is Evaluation::extents().
Sizes sizes_of(ShapeView shape) {
  Sizes out;
  for (const Dim& d : shape) out.push_back(d.size);
  return out;
}

// Steps a multi-index in row-major order; false at the end.
bool next(Sizes& at, const Sizes& sizes) {
  for (size_t a = sizes.size(); a-- > 0;) {
    if (++at[a] < sizes[a]) return true;
    at[a] = 0;
  }
  return false;
}

// Calls use(position, index) for each element; index counts axes.
template <class Use>
void for_each(const Sizes& sizes, Use use) {
  if (product(sizes) == 0) return;
  Sizes at(sizes.size());
  size_t position = 0;
  do use(position++, at);
  while (next(at, sizes));
}

bool inside(const Sizes& at, const Sizes& extents) {
  for (size_t a = 0; a < at.size(); ++a)
    if (at[a] >= extents[a]) return false;
  return true;
}

class Evaluation {
 public:
  explicit Evaluation(const Environment& environment) : environment_(environment) {}

  Status add(const Node* node) {
    if (node->is(Op::Sink)) return error("evaluate: a sink has no value");
    for (const Dim& d : node->shape)
      if (auto n = d.symbol ? symbol_value(d.symbol, d.size) : d.size; !n.ok()) return n.error();
    Array out{node->dtype, sizes_of(node->shape), {}};
    out.data.resize(static_cast<size_t>(product(out.shape) * node->dtype.bytes()));
    TRY(compute_into(node, out));
    clear_beyond(node, out);
    values_.emplace(node, std::move(out));
    return success();
  }

  const Array& value(const Node* node) const { return values_.at(node); }

 private:
  Result<int64_t> symbol_value(uint32_t id, int64_t max) {
    auto it = environment_.symbols.find(id);
    if (it == environment_.symbols.end()) return error("evaluate: symbol {} has no value", id);
    if (it->second < 0 || it->second > max)
      return error("evaluate: symbol {} is {}, expected at most {}", id, it->second, max);
    return it->second;
  }
  // As many elements of each axis as there are now; add() has shown that every symbol has a value.
  Sizes extents(ShapeView shape) {
    Sizes out;
    for (const Dim& d : shape) out.push_back(d.symbol ? environment_.symbols.at(d.symbol) : d.size);
    return out;
  }

  void clear_beyond(const Node* node, Array& out) {
    const Sizes extent = extents(node->shape);
    if (extent == out.shape || node->is(Op::Assign)) return;
    for_each(out.shape, [&](size_t i, const Sizes& at) {
      if (!inside(at, extent)) out.set(i, 0);
    });
  }

  Status compute_into(const Node* node, Array& out) {
    if (row(node->op).cls == OpClass::Alu) return alu(node, out), success();
    switch (node->op) {
      case Op::Const: out.set(0, static_cast<uint64_t>(node->arg[0])); return success();
      case Op::Symbol:
        out.set(0,
                static_cast<uint64_t>(TRY(symbol_value(static_cast<uint32_t>(node->arg[0]), node->arg[2]))));
        return success();
      case Op::Buffer: return buffer(node, out);
      case Op::Iota:
        for (size_t i = 0; i < out.size(); ++i) out.set(i, i & node->dtype.mask());
        return success();
      case Op::Contiguous:
      case Op::Copy: out.data = value(node->src[0]).data; return success();
      case Op::Reduce: return reduce(node, out), success();
      case Op::Gather: return gather(node, out), success();
      case Op::Assign: return assign(node, out);
      default: break;
    }
    const Array& from = value(node->src[0]);
    const std::vector<int64_t> source = TRY(sources(node));
    for (size_t i = 0; i < source.size(); ++i)
      if (source[i] != nowhere) out.set(i, from.get(static_cast<size_t>(source[i])));
    return success();
  }

  Status buffer(const Node* node, Array& out) {
    auto it = environment_.buffers.find(node->arg[0]);
    if (it == environment_.buffers.end()) return error("evaluate: buffer {} is not given", node->arg[0]);
    if (it->second.size() < out.data.size())
      return error("evaluate: buffer {} has {} bytes, expected {}", node->arg[0], it->second.size(),
                   out.data.size());
    std::memcpy(out.data.data(), it->second.data(), out.data.size());
    return success();
  }

  void alu(const Node* node, Array& out) {
    const Array& last = value(node->src.back());
    if (node->is(Op::Bitcast)) {  // other widths: the last axis absorbs the ratio, which moves no byte
      out.data = last.data;
      return;
    }
    constexpr size_t block = 256;
    std::vector<uint64_t> words(3 * block), result(block);
    const uint64_t* in[3] = {&words[0], &words[block], &words[2 * block]};
    for (size_t start = 0; start < out.size(); start += block) {
      const size_t n = std::min(block, out.size() - start);
      for (size_t s = 0; s < node->src.size(); ++s) {
        const Array& from = value(node->src[s]);
        for (size_t i = 0; i < n; ++i) words[s * block + i] = from.get(start + i);
      }
      compute(node->op, node->dtype, last.dtype, in, result.data(), n);
      for (size_t i = 0; i < n; ++i) out.set(start + i, result[i]);
    }
  }

  void reduce(const Node* node, Array& out) {
    const auto op = static_cast<Op>(node->arg[0]);
    const Array& from = value(node->src[0]);
    const Sizes extent = extents(node->src[0]->shape);
    Sizes step = strides(out.shape);
    for (int64_t axis : node->arg.subspan(1)) step[static_cast<size_t>(axis)] = 0;
    for (size_t i = 0; i < out.size(); ++i) out.set(i, identity(op, node->dtype));
    for_each(from.shape, [&](size_t i, const Sizes& at) {
      if (!inside(at, extent)) return;
      size_t to = 0;
      for (size_t a = 0; a < at.size(); ++a) to += static_cast<size_t>(at[a] * step[a]);
      const uint64_t item = from.get(i);
      const uint64_t cast = compute(Op::Cast, node->dtype, std::span(&item, 1), std::span(&from.dtype, 1));
      const uint64_t pair[] = {out.get(to), cast};
      const DType types[] = {node->dtype, node->dtype};
      out.set(to, compute(op, node->dtype, pair, types));
    });
  }

  void gather(const Node* node, Array& out) {
    const Array &table = value(node->src[0]), &index = value(node->src[1]);
    const int64_t rows = extents(node->src[0]->shape)[0];
    const size_t bytes = table.shape[0] ? table.data.size() / static_cast<size_t>(table.shape[0]) : 0;
    for (size_t i = 0; i < index.size(); ++i) {
      const int64_t r = decode_int(index.dtype, index.get(i));
      // A u64 beyond i64 decodes as negative, and is out of range as well.
      if (r >= 0 && r < rows)
        std::memcpy(out.data.data() + i * bytes, table.data.data() + static_cast<size_t>(r) * bytes, bytes);
    }
  }

  Status assign(const Node* node, Array& out) {
    std::vector<const Node*> chain;
    const Node* root = node->src[0];
    for (; row(root->op).cls == OpClass::Movement; root = root->src[0]) chain.push_back(root);
    out = value(root);
    std::vector<int64_t> position(out.size());
    for (size_t i = 0; i < position.size(); ++i) position[i] = static_cast<int64_t>(i);
    for (size_t c = chain.size(); c-- > 0;) {
      std::vector<int64_t> through = TRY(sources(chain[c]));
      for (int64_t& p : through)
        if (p != nowhere) p = position[static_cast<size_t>(p)];
      position = std::move(through);
    }
    const Array& from = value(node->src[1]);
    const Sizes extent = extents(node->src[1]->shape);
    for_each(from.shape, [&](size_t i, const Sizes& at) {
      if (inside(at, extent)) out.set(static_cast<size_t>(position[i]), from.get(i));
    });
    return success();
  }

  // For each element of a movement op, the position in its source that it comes from; nowhere: it is 0.
  // Except for reshapes, each axis of the result walks one axis of the source, from `start` on by `step`.
  Result<std::vector<int64_t>> sources(const Node* node) {
    const Sizes sizes = sizes_of(node->shape);
    std::vector<int64_t> out(static_cast<size_t>(product(sizes)));
    if (node->is(Op::Reshape)) {
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int64_t>(i);
      return out;
    }
    const size_t rank = sizes.size();
    const Sizes extent = extents(node->shape), source_extent = extents(node->src[0]->shape);
    const Sizes source_strides = strides(sizes_of(node->src[0]->shape));
    Sizes start(rank), step(rank, 1), axis(rank);
    for (size_t a = 0; a < rank; ++a) {
      axis[a] = node->is(Op::Permute) ? node->arg[a] : static_cast<int64_t>(a);
      switch (node->op) {
        case Op::Expand: step[a] = node->src[0]->shape[a] == node->shape[a] ? 1 : 0; break;
        case Op::Pad: start[a] = -node->arg[a]; break;
        case Op::Shrink: start[a] = node->arg[a]; break;
        case Op::Flip:
          if (node->arg[a]) start[a] = source_extent[a] - 1, step[a] = -1;
          break;
        default: break;
      }
    }
    if (node->is(Op::Shrink) && node->src.size() > 1) {
      const Array& offset = value(node->src[1]);
      start[static_cast<size_t>(node->arg[rank])] += decode_int(offset.dtype, offset.get(0));
    }
    if (node->is(Op::Shrink))
      for (size_t a = 0; a < rank; ++a)
        if (start[a] < 0 || start[a] + extent[a] > source_extent[a])
          return error("evaluate: shrink takes {} elements of axis {} from {} on, which has {}", extent[a], a,
                       start[a], source_extent[a]);
    for_each(sizes, [&](size_t i, const Sizes& at) {
      int64_t position = 0;
      for (size_t a = 0; a < rank && position != nowhere; ++a) {
        const auto from = static_cast<size_t>(axis[a]);
        const int64_t c = start[a] + step[a] * at[a];
        position = at[a] < extent[a] && c >= 0 && c < source_extent[from]
                       ? position + c * source_strides[from]
                       : nowhere;
      }
      out[i] = position;
    });
    return out;
  }

  const Environment& environment_;
  std::unordered_map<const Node*, Array> values_;
};

}  // namespace

Result<std::vector<Array>> evaluate(std::span<const Node* const> nodes, const Environment& environment) {
  TRY(verify_tensor(nodes));
  Evaluation evaluation(environment);
  for (const Node* node : topological(nodes)) TRY(evaluation.add(node));
  std::vector<Array> out;
  for (const Node* node : nodes) out.push_back(evaluation.value(node));
  return out;
}

Result<Array> evaluate(const Node* node, const Environment& environment) {
  auto values = TRY(evaluate(std::span(&node, 1), environment));
  return std::move(values[0]);
}

}  // namespace doorbell
