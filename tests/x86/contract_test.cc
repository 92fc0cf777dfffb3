// Block products of 4-bit weights and 8-bit activations, from the scheduler's form to machine code: the same
// bits with a matrix unit, without one, and on every number of lanes.
#include "codegen/contract.h"

#include <gmock/gmock.h>

#include "codegen/decompose.h"
#include "codegen/matrix_unit.h"
#include "codegen/target/x86/features.h"
#include "codegen/target/x86/supported.h"
#include "codegen/verify.h"
#include "tests/x86/harness.h"

namespace doorbell {
namespace {

constexpr int64_t kBlocks = 5, kBlockBytes = 18;

struct Size {
  int64_t batch, rows;
};
// Too few iterations to stage for: lanes along the elements of a block. Enough: lanes along the rows.
constexpr Size kFew{3, 6}, kMany{16, 16};

// out[t, n] = sum over b of d[t, b] * (scale[n, b] * (sum over j of nibble[n, b, j] * q[t, b, j])
//                                      + scale[n, b] * s[t, b])
// Params: out, blocks (f16 scale, 16 bytes), q, d, s.
struct Product {
  Size size;
  Graph g;
  explicit Product(Size s) : size(s) {}
  const Node* number(int64_t v) { return g.constant_int(dtype::index, v); }
  const Node* range(int64_t id, int64_t n, RangeKind kind) {
    return g.make(Op::Range, dtype::index, {number(n)}, {id, static_cast<int64_t>(kind)});
  }
  const Node* add(const Node* a, const Node* b) { return g.alu(Op::Add, {a, b}); }
  const Node* mul(const Node* a, const Node* b) { return g.alu(Op::Mul, {a, b}); }
  const Node* at(const Node* i, int64_t stride, const Node* j) { return add(mul(i, number(stride)), j); }
  const Node* load(int64_t slot, DType memory, const Node* index, DType type) {
    return g.make(Op::Load, type, {g.make(Op::Param, memory, {}, {slot}), index});
  }
  const Node* sum(const Node* value, const Node* over) {
    return g.make(Op::Reduce, value->dtype, {value, over}, {static_cast<int64_t>(Op::Add), 1});
  }
  // `keep` is the mask of a weight: at most 15, its products fit pairs of i16; 255 does not.
  const Node* sink(int64_t keep, bool factor) {
    const Node *t = range(0, size.batch, RangeKind::Loop), *n = range(1, size.rows, RangeKind::Loop);
    const Node *b = range(2, kBlocks, RangeKind::Reduce), *j = range(3, 32, RangeKind::Reduce);
    const Node* block = mul(at(n, kBlocks, b), number(kBlockBytes));
    const Node* scale = g.cast(load(1, dtype::u8, block, dtype::f16), dtype::f32);
    auto of_t = [&](int64_t slot) { return load(slot, dtype::f32, at(t, kBlocks, b), dtype::f32); };
    const Node* byte = add(add(block, number(2)), g.alu(Op::Mod, {j, number(16)}));
    const Node* shift = g.cast(mul(g.alu(Op::Div, {j, number(16)}), number(4)), dtype::u32);
    const Node* bits = g.cast(load(1, dtype::u8, byte, dtype::u8), dtype::u32);
    if (keep <= 15) bits = g.alu(Op::Shr, {bits, shift});
    const Node* weight = g.cast(g.alu(Op::And, {bits, g.constant_int(dtype::u32, keep)}), dtype::i32);
    const Node* q = g.cast(load(2, dtype::i8, at(at(t, kBlocks, b), 32, j), dtype::i8), dtype::i32);
    const Node* inner = sum(mul(weight, q), j);
    const Node* scaled = add(mul(factor ? scale : of_t(3), g.cast(inner, dtype::f32)), mul(scale, of_t(4)));
    const Node* products = sum(factor ? mul(of_t(3), scaled) : scaled, b);
    const Node* out = g.make(Op::Param, dtype::f32, {}, {0});
    return g.make(Op::Sink, dtype::none,
                  {g.make(Op::Store, dtype::none, {out, at(t, size.rows, n), products})});
  }
  Lowered lowered(int lanes, std::vector<size_t> units, int64_t keep = 15, bool factor = true) {
    LaneTarget target;
    target.lanes = lanes;
    target.group_work = 100;
    target.local_bytes = 64 << 10;
    target.units = std::move(units);
    target.decompose = [](Graph& graph, Simplifier& simplify, const Node* node) {
      return decompose(graph, simplify, node, x86::supported);
    };
    auto kernel = lower(g, sink(keep, factor), target, "product");
    EXPECT_TRUE(kernel.ok()) << kernel.error().message;
    const int64_t of_batch = size.batch * kBlocks;
    const int64_t sizes[] = {size.batch * size.rows, size.rows * kBlocks * kBlockBytes, of_batch * 32,
                             of_batch, of_batch};
    for (size_t i = 0; i < std::size(sizes); ++i) kernel->params[i].elements = sizes[i];
    return std::move(*kernel);
  }
};

std::vector<Bytes> inputs(Size size, unsigned seed) {
  std::mt19937 random(seed);
  auto floats = [&](int64_t n) {
    Bytes b(static_cast<size_t>(4 * n));
    for (size_t i = 0; i < b.size(); i += 4) {
      float f = std::uniform_real_distribution<float>(-1, 1)(random);
      std::memcpy(&b[i], &f, 4);
    }
    return b;
  };
  const int64_t of_batch = size.batch * kBlocks;
  Bytes blocks(static_cast<size_t>(size.rows * kBlocks * kBlockBytes)), q(static_cast<size_t>(of_batch * 32));
  for (std::byte& b : blocks) b = static_cast<std::byte>(random());
  for (std::byte& b : q) b = static_cast<std::byte>(random() % 4 ? random() : 0x80);
  for (size_t i = 1; i < blocks.size(); i += kBlockBytes)  // scales are finite
    blocks[i] = (blocks[i] & std::byte{0x83}) | std::byte{0x30};
  return {Bytes(static_cast<size_t>(4 * size.batch * size.rows)), blocks, q, floats(of_batch),
          floats(of_batch)};
}

// The reference, in the order that contract.h fixes.
std::vector<float> expected(Size size, const std::vector<Bytes>& in) {
  const bool in_parts = size.batch < kMany.batch;
  std::vector<float> out;
  auto real = [](const Bytes& b, int64_t i) {
    float f = 0;
    std::memcpy(&f, &b[static_cast<size_t>(4 * i)], 4);
    return f;
  };
  for (int64_t t = 0; t < size.batch; ++t)
    for (int64_t n = 0; n < size.rows; ++n) {
      float lane[8] = {};
      for (int64_t b = 0; b < kBlocks; ++b) {
        const auto at = static_cast<size_t>((n * kBlocks + b) * kBlockBytes);
        uint16_t half = 0;
        std::memcpy(&half, &in[1][at], 2);
        const auto scale = static_cast<float>(decode(dtype::f16, half));
        for (size_t l = 0; l < (in_parts ? 8 : 1); ++l) {
          int32_t sum = 0;
          for (size_t j = 4 * l; j < (in_parts ? 4 * l + 4 : 32); ++j) {
            auto byte = std::to_integer<int>(in[1][at + 2 + j % 16]);
            auto q = static_cast<int8_t>(in[2][static_cast<size_t>((t * kBlocks + b) * 32) + j]);
            sum += (j < 16 ? byte & 15 : byte >> 4) * q;
          }
          const float offset = l == 0 ? scale * real(in[4], t * kBlocks + b) : 0.0f;
          lane[l] = std::fma(real(in[3], t * kBlocks + b), std::fma(scale, static_cast<float>(sum), offset),
                             lane[l]);
        }
      }
      for (int step : {4, 2, 1})
        for (int l = 0; l < step; ++l) lane[l] += lane[l + step];
      out.push_back(lane[0]);
    }
  return out;
}

bool contracts(const Lowered& k) {
  return std::ranges::any_of(k.body, [](const Node* n) { return n->is(Op::Contract); });
}
std::vector<float> evaluated(Size size, const Lowered& k, std::vector<Bytes> params) {
  if (Status s = verify(k); !s.ok()) ADD_FAILURE() << s.error().message;
  std::vector<std::span<std::byte>> spans(params.begin(), params.end());
  if (Status s = run(k, spans, {}); !s.ok()) ADD_FAILURE() << s.error().message << "\n" << print(k);
  std::vector<float> out(static_cast<size_t>(size.batch * size.rows));
  std::memcpy(out.data(), params[0].data(), params[0].size());
  return out;
}
const std::vector<size_t> kAvx2 = x86::matrix_rows(x86::floor_features);

TEST(Contract, EveryNumberOfLanesAndEveryRowGiveTheSameBits) {
  for (Size size : {kFew, kMany}) {
    const auto in = inputs(size, 1);
    const auto want = expected(size, in);
    for (int lanes : {1, 2, 4, 8, 16, 32}) {
      Product p(size);
      EXPECT_EQ(evaluated(size, p.lowered(lanes, {}), in), want) << lanes << " lanes";
    }
    for (size_t row = 0; row < std::size(matrix_units); ++row) {
      const MatrixUnit& unit = matrix_units[row];
      Product p(size);
      Lowered k = p.lowered(unit.n, {row});
      EXPECT_EQ(contracts(k), unit.k == 4 && (size.batch == kMany.batch || unit.n == 8)) << unit.name;
      EXPECT_EQ(evaluated(size, k, in), want) << unit.name;
    }
  }
}

// Without the factor the sum takes in what was added to a product, and not a product.
TEST(Contract, EveryNumberOfLanesRoundsAsOften) {
  const auto in = inputs(kFew, 2);
  std::vector<float> want;
  for (int lanes : {8, 1, 2, 4}) {
    Product p(kFew);
    const auto found = evaluated(kFew, p.lowered(lanes, {}, 15, false), in);
    if (want.empty()) want = found;
    EXPECT_EQ(found, want) << lanes << " lanes";
  }
}

TEST(Contract, RowsThatSaturateAreTakenOnlyWherePairsFit) {
  for (Size size : {kFew, kMany}) {
    Product narrow(size), wide(size);
    const std::vector<size_t> saturating{2};
    ASSERT_TRUE(matrix_units[2].needs_pairs_in_i16);
    EXPECT_TRUE(contracts(narrow.lowered(8, saturating, 15)));
    EXPECT_FALSE(contracts(wide.lowered(8, saturating, 255)));
  }
}

TEST(Contract, MachineCodeIsTheEvaluator) {
  for (Size size : {kFew, kMany})
    for (unsigned seed = 0; seed < 10; ++seed) {
      Product with(size), without(size), wide(size);
      Lowered k = with.lowered(8, kAvx2);
      compare(k, inputs(size, seed));
      auto image = x86::compile(k, x86::floor_features);
      ASSERT_TRUE(image.ok()) << image.error().message;
      const std::string code = x86::disassemble(*image);
      EXPECT_THAT(code, testing::HasSubstr("vpmaddubsw"));
      if (size.batch == kFew.batch) {
        EXPECT_THAT(code, testing::HasSubstr("vbroadcastf128"));
        EXPECT_THAT(code, testing::Not(testing::HasSubstr("vgather")));
      } else {  // weights unpacked once for all of the batch
        EXPECT_GE(image->local_bytes, size.rows * kBlocks * 32);
      }
      compare(without.lowered(8, {}), inputs(size, seed));
      compare(wide.lowered(8, kAvx2, 255), inputs(size, seed));
    }
}

TEST(Contract, VnniIsSelectedWhereTheProcessorHasIt) {
  for (Size size : {kFew, kMany})
    for (auto [feature, text] : {std::pair{x86::feature::avx_vnni, "{vex} vpdpbusd"},
                                 std::pair{x86::evex_features | x86::feature::avx512_vnni, "vpdpbusd"}}) {
      const x86::Features features = x86::floor_features | feature;
      Product p(size);
      Lowered k = p.lowered(x86::vector_lanes(features), x86::matrix_rows(features));
      compare(k, inputs(size, 3));
      auto image = x86::compile(k, features);
      ASSERT_TRUE(image.ok()) << image.error().message;
      EXPECT_THAT(x86::disassemble(*image), testing::HasSubstr(text));
      EXPECT_EQ(evaluated(size, k, inputs(size, 3)), expected(size, inputs(size, 3)));
    }
}

}  // namespace
}  // namespace doorbell
