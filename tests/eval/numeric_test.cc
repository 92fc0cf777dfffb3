// Scalar arithmetic against numpy, ml_dtypes and rationals: every op on every named type, bit for bit.
#include "codegen/numeric.h"

#include <cstring>
#include <map>
#include <sstream>

#include "tests/eval/oracle.h"

namespace doorbell {
namespace {

bool transcendental(Op op) { return op >= Op::Exp && op <= Op::Pow; }  // numeric_mpfr_test.cc

struct Cell {
  Op op;
  DType result, operand;
  auto operator<=>(const Cell&) const = default;
};
std::string print(const Cell& c) {
  return fmt::format("{} {} of {}", text(c.op), name(c.result), name(c.operand));
}

std::vector<uint64_t> unpack(const std::string& data, size_t& at, DType type, size_t count) {
  std::vector<uint64_t> out(count);
  const auto bytes = static_cast<size_t>(type.bytes());
  DOORBELL_CHECK(at + count * bytes <= data.size(), "cells.bin ends at {}", data.size());
  for (size_t i = 0; i < count; ++i, at += bytes) std::memcpy(&out[i], &data[at], bytes);
  return out;
}

TEST(Numeric, EveryOpOnEveryTypeEqualsNumpyAndMlDtypes) {
  Oracle oracle;
  if (!oracle.run("numeric_vectors.py", 1)) return;
  auto lines = oracle.read("cells.txt"), data = oracle.read("cells.bin");
  ASSERT_TRUE(lines.ok() && data.ok());
  std::map<Cell, size_t> seen;
  std::istringstream stream(*lines);
  std::string op_text, result_text, operand_text;
  for (size_t count = 0, at = 0; stream >> op_text >> result_text >> operand_text >> count >> at;) {
    auto op = parse_op(op_text);
    auto result = parse_dtype(result_text), operand = parse_dtype(operand_text);
    ASSERT_TRUE(op && result && operand) << op_text << " " << result_text << " " << operand_text;
    const Cell cell{*op, *result, *operand};
    seen[cell] = count;
    std::vector<std::vector<uint64_t>> in;
    const uint64_t* pointers[3] = {};
    for (int s = 0; s < arity(*op); ++s) {
      in.push_back(unpack(*data, at, *op == Op::Where && s == 0 ? dtype::boolean : *operand, count));
      pointers[s] = in.back().data();
    }
    const auto expected = unpack(*data, at, *result, count);
    std::vector<uint64_t> found(count);
    compute(*op, *result, *operand, pointers, found.data(), count);
    int shown = 0;
    for (size_t i = 0; i < count && shown < 3; ++i)
      if (!same_value(*result, found[i], expected[i]) || found[i] & ~result->mask()) {
        ++shown;
        std::string operands;
        for (const auto& v : in) operands += fmt::format(" {:#x} ({})", v[i], decode(*operand, v[i]));
        ADD_FAILURE() << print(cell) << operands
                      << fmt::format(": found {:#x} ({}), expected {:#x} ({})", found[i],
                                     decode(*result, found[i]), expected[i], decode(*result, expected[i]));
      }
  }
  // The matrix is complete: what is defined has vectors, and what has vectors is defined.
  for (const OpRow& r : op_table()) {
    if (r.cls != OpClass::Alu || transcendental(r.op)) continue;
    for (const auto& operand : dtype::all())
      for (const auto& result : dtype::all()) {
        bool there = defined(r.op, operand.dtype);
        if (r.op == Op::Lt || r.op == Op::Eq || r.op == Op::Ne) there = there && result.dtype.is_bool();
        else if (r.op == Op::Bitcast)
          there = there && result.dtype.bits == operand.dtype.bits && !result.dtype.is_bool();
        else if (r.op != Op::Cast) there = there && result.dtype == operand.dtype;
        const Cell cell{r.op, result.dtype, operand.dtype};
        EXPECT_EQ(seen.contains(cell) && seen[cell] > 0, there) << print(cell);
      }
  }
}

TEST(Numeric, ScalarsAndArraysAgree) {
  const uint64_t a[] = {encode(dtype::f32, 1.5)}, b[] = {encode(dtype::f32, -0.25)};
  const uint64_t operands[] = {a[0], b[0]};
  const DType types[] = {dtype::f32, dtype::f32};
  EXPECT_EQ(compute(Op::Add, dtype::f32, operands, types), encode(dtype::f32, 1.25));
  const uint64_t choice[] = {1, 7, 9};
  const DType choice_types[] = {dtype::boolean, dtype::u8, dtype::u8};
  EXPECT_EQ(compute(Op::Where, dtype::u8, choice, choice_types), 7u);
}

// One type that nothing lists: 1 sign, 4 exponent and 5 mantissa bits in 10. Arithmetic needs no more than
// it.
TEST(Numeric, ATypeWithoutANameComputes) {
  const DType f10{Kind::Float, 10, 4, 5, 7};
  auto bits = [&](double v) { return encode(f10, v); };
  for (uint64_t x = 0; x < 1024; x += 3)
    for (uint64_t y = 0; y < 1024; y += 7) {
      const uint64_t operands[] = {x, y};
      const DType types[] = {f10, f10};
      EXPECT_TRUE(
          same_value(f10, compute(Op::Mul, f10, operands, types), bits(decode(f10, x) * decode(f10, y))));
      const DType i5{Kind::Signed, 5};
      const uint64_t small[] = {x & 31, y & 31};
      const DType small_types[] = {i5, i5};
      EXPECT_EQ(compute(Op::Mul, i5, small, small_types),
                static_cast<uint64_t>(decode_int(i5, x & 31) * decode_int(i5, y & 31)) & 31);
    }
  EXPECT_EQ(decode(f10, identity(Op::Max, f10)), -INFINITY);
}

TEST(Numeric, IdentitiesLeaveEveryValueAsItIs) {
  for (const auto& [type_name, type] : dtype::all())
    for (const OpRow& r : op_table()) {
      if (!reduces(r.op) || !defined(r.op, type)) continue;
      for (uint64_t x = 0; x < 256; ++x) {
        // The high bits too. 0 + -0 is 0, so the zeros are left out.
        uint64_t bits = type.is_bool() ? x & 1 : (x << (type.bits - 8) | x) & type.mask();
        const uint64_t operands[] = {identity(r.op, type), bits};
        const DType types[] = {type, type};
        if (type.is_float() && decode(type, bits) == 0) continue;
        EXPECT_TRUE(same_value(type, compute(r.op, type, operands, types), bits))
            << text(r.op) << " " << type_name << " " << bits;
      }
    }
}

}  // namespace
}  // namespace doorbell
