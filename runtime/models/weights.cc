#include "runtime/models/weights.h"

#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/index.h"

namespace doorbell {

namespace {

// A block is its scale (f16), perhaps its minimum (f16), then its numbers. `blocks` is u8 (count, block
// bytes).
Tensor half_at(const Tensor& blocks, int64_t byte) {
  return blocks.slice(1, byte, byte + 2).bitcast(dtype::f16).cast(dtype::f32);
}
// 16 bytes hold 32 numbers of 4 bits: the low halves first, then the high ones. By a shift that differs, so
// that both halves are one load.
Tensor nibbles(const Tensor& blocks, int64_t byte) {
  Tensor q = blocks.slice(1, byte, byte + 16).cast(dtype::u32).unsqueeze(1);
  Tensor shift = (arange(2, dtype::u32) * 4).reshape({1, 2, 1});
  return ((q >> shift) & 15).reshape({blocks.dim(0).size, 32}).cast(dtype::i32);
}

// clang-format off
struct Format {
  std::string_view name;
  Blocks (*read)(const Tensor& blocks);
} formats[] = {
    {"Q8_0", [](const Tensor& b) { return Blocks{b.slice(1, 2, 34).bitcast(dtype::i8).cast(dtype::i32), half_at(b, 0), {}}; }},
    {"Q4_0", [](const Tensor& b) { return Blocks{nibbles(b, 2), half_at(b, 0), half_at(b, 0) * -8.0f}; }},
    {"Q4_1", [](const Tensor& b) { return Blocks{nibbles(b, 4), half_at(b, 0), half_at(b, 2)}; }},
};
struct Plain {
  std::string_view name;
  DType dtype;
} plain[] = {{"F32", dtype::f32}, {"F16", dtype::f16}, {"BF16", dtype::bf16}};
// clang-format on

}  // namespace

Tensor Blocks::values() const {
  Tensor multiple = scale.unsqueeze(-1) * numbers.cast(dtype::f32);
  return offset ? multiple + offset->unsqueeze(-1) : multiple;
}

Weight weight_of(const GgufTensor& t, std::shared_ptr<const void> owner) {
  Shape shape;
  for (uint32_t i = t.rank; i-- > 0;) shape.emplace_back(static_cast<int64_t>(t.dims[i]));
  for (const Plain& p : plain)
    if (t.type->name == p.name)
      return {from_memory(p.dtype, shape, t.data, std::move(owner)).cast(dtype::f32), {}};
  for (const Format& f : formats)
    if (t.type->name == f.name) {
      auto bytes = static_cast<int64_t>(t.type->block_bytes);
      Tensor blocks = from_memory(dtype::u8, {static_cast<int64_t>(t.data.size()) / bytes, bytes}, t.data,
                                  std::move(owner));
      // Rows are whole blocks (the reader sees to it).
      Shape in_blocks = shape;
      in_blocks.back().size /= 32;
      Blocks b = f.read(blocks);
      b.scale = b.scale.reshape(in_blocks);
      if (b.offset) b.offset = b.offset->reshape(in_blocks);
      in_blocks.emplace_back(32);
      b.numbers = b.numbers.reshape(in_blocks);
      return {b.values().reshape(shape), b};
    }
  DOORBELL_CHECK(false, "{}: the reader let type {} through", t.name, t.type->name);
  return {};
}

}  // namespace doorbell
