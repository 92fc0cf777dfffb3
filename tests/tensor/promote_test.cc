// Promotion against the table that JAX publishes (docs.jax.dev/en/latest/type_promotion.html).
#include "runtime/promote.h"

#include <gtest/gtest.h>

#include <sstream>

#include "runtime/create.h"
#include "runtime/elementwise.h"

namespace doorbell {
namespace {

// clang-format off
constexpr const char* published = R"(
.  b1 u1 u2 u4 u8 i1 i2 i4 i8 bf f2 f4 f8 i* f*
b1 b1 u1 u2 u4 u8 i1 i2 i4 i8 bf f2 f4 f8 i* f*
u1 u1 u1 u2 u4 u8 i2 i2 i4 i8 bf f2 f4 f8 u1 f*
u2 u2 u2 u2 u4 u8 i4 i4 i4 i8 bf f2 f4 f8 u2 f*
u4 u4 u4 u4 u4 u8 i8 i8 i8 i8 bf f2 f4 f8 u4 f*
u8 u8 u8 u8 u8 u8 f* f* f* f* bf f2 f4 f8 u8 f*
i1 i1 i2 i4 i8 f* i1 i2 i4 i8 bf f2 f4 f8 i1 f*
i2 i2 i2 i4 i8 f* i2 i2 i4 i8 bf f2 f4 f8 i2 f*
i4 i4 i4 i4 i8 f* i4 i4 i4 i8 bf f2 f4 f8 i4 f*
i8 i8 i8 i8 i8 f* i8 i8 i8 i8 bf f2 f4 f8 i8 f*
bf bf bf bf bf bf bf bf bf bf bf f4 f4 f8 bf bf
f2 f2 f2 f2 f2 f2 f2 f2 f2 f2 f4 f2 f4 f8 f2 f2
f4 f4 f4 f4 f4 f4 f4 f4 f4 f4 f4 f4 f4 f8 f4 f4
f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8
i* i* u1 u2 u4 u8 i1 i2 i4 i8 bf f2 f4 f8 i* f*
f* f* f* f* f* f* f* f* f* f* bf f2 f4 f8 f* f*
)";
const std::pair<const char*, Type> types[] = {
  {"b1", {dtype::boolean}}, {"u1", {dtype::u8}},   {"u2", {dtype::u16}}, {"u4", {dtype::u32}}, {"u8", {dtype::u64}},
  {"i1", {dtype::i8}},      {"i2", {dtype::i16}},  {"i4", {dtype::i32}}, {"i8", {dtype::i64}}, {"bf", {dtype::bf16}},
  {"f2", {dtype::f16}},     {"f4", {dtype::f32}},  {"f8", {dtype::f64}}, {"i*", {dtype::i32, true}}, {"f*", {dtype::f32, true}},
};
// clang-format on

Type type_named(const std::string& name) {
  for (auto& [n, t] : types)
    if (name == n) return t;
  ADD_FAILURE() << "no type " << name;
  return {};
}

TEST(Promotion, IsTheTableThatJaxPublishes) {
  std::istringstream lines(published);
  std::vector<std::string> columns;
  int cells = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string row, cell;
    if (!(words >> row)) continue;
    if (row == ".") {
      while (words >> cell) columns.push_back(cell);
      continue;
    }
    for (const auto& column : columns) {
      ASSERT_TRUE(words >> cell);
      auto joined = lattice().join(type_named(row), type_named(column));
      ASSERT_TRUE(joined) << row << " " << column;
      EXPECT_EQ(*joined, type_named(cell)) << row << " " << column;
      ++cells;
    }
  }
  EXPECT_EQ(cells, 15 * 15);
}

// In JAX, too, fp8 types lie above f* and below nothing.
TEST(Promotion, OfFp8IsByLiteralsAndIntegersOnly) {
  const Type e4m3{dtype::f8e4m3};
  EXPECT_EQ(lattice().join(e4m3, {dtype::f32, true}), e4m3);
  EXPECT_EQ(lattice().join(e4m3, {dtype::i64}), e4m3);
  EXPECT_FALSE(lattice().join(e4m3, {dtype::f32}));
  EXPECT_FALSE(lattice().join(e4m3, {dtype::f8e5m2}));
}

TEST(Promotion, IsCommutativeAssociativeAndIdempotent) {
  const auto& rows = lattice().rows();
  auto join = [](std::optional<Type> a, std::optional<Type> b) {
    return a && b ? lattice().join(*a, *b) : std::nullopt;
  };
  for (const auto& a : rows)
    for (const auto& b : rows) {
      EXPECT_EQ(join(a.type, b.type), join(b.type, a.type));
      for (const auto& c : rows)
        EXPECT_EQ(join(join(a.type, b.type), c.type), join(a.type, join(b.type, c.type)))
            << a.name << b.name << c.name;
    }
  for (const auto& a : rows) EXPECT_EQ(join(a.type, a.type), a.type);
}

TEST(Promotion, TakesANewDtypeAsARow) {
  constexpr DType tf32{Kind::Float, 32, 8, 10, 127};  // a 19-bit float in 32 bits
  const PromotionRow row[] = {{"tf32", {tf32}, {"f32"}, {"f16", "bf16"}}};
  Lattice wider(promotion_rows(), row);
  WithLattice scope(wider);
  Tensor x = full({2}, 1.5, tf32);
  EXPECT_EQ((x + 1).dtype(), tf32);
  EXPECT_EQ((x + ones({2}, dtype::f16)).dtype(), tf32);
  EXPECT_EQ((x * ones({2}, dtype::f32)).dtype(), dtype::f32);
  EXPECT_EQ((ones({2}, dtype::f16) + ones({2}, dtype::bf16)).dtype(), tf32);
}

TEST(Promotion, PrintsItsTable) {
  const std::string table = print_lattice(lattice());
  EXPECT_NE(table.find("f*"), std::string::npos);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 20);
}

}  // namespace
}  // namespace doorbell
