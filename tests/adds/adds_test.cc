// Adds, never multiplies: an operation, a data type, a device and an instruction, each added here, in a few
// lines, to the tables that the program itself reads, and each at work at once with all that was there
// before.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "codegen/isa/x86/x86.h"
#include "codegen/numeric.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/grad.h"
#include "runtime/realize.h"
#include "tests/matrix/cells.h"

namespace doorbell {
namespace {

// ---- an operation: one function over the primitives

Tensor hypotenuse(const Operand& a, const Operand& b) { return sqrt(square(a) + square(b)); }

std::vector<double> values_on(TestDevice& device, Tensor t) {
  use_engine(device.engine.get());
  auto bytes = read_bytes(t);
  EXPECT_TRUE(bytes.ok()) << device.name << ": " << bytes.error().message;
  std::vector<double> out;
  if (!bytes.ok()) return out;
  const auto size = static_cast<size_t>(t.dtype().bytes());
  for (size_t i = 0; i * size < bytes->size(); ++i) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes->data() + i * size, size);
    out.push_back(decode(t.dtype(), bits));
  }
  return out;
}

TEST(Adds, AnOperationHasGradientsDataTypesAndDevicesWithoutALineForThem) {
  const std::vector<double> a{3, 5, 6, 0.5, -12}, b{4, 12, -8, 0, 5}, want{5, 13, 10, 0.5, 13};
  for (TestDevice& device : test_devices())
    for (const auto& [text, t] : dtype::all()) {
      if (!t.is_float()) continue;
      SCOPED_TRACE(fmt::format("{} {}", device.name, text));
      Tensor x = from_values(t, a, {5}), y = from_values(t, b, {5});
      const std::vector<double> found = values_on(device, hypotenuse(x, y));
      ASSERT_EQ(found.size(), want.size());
      // Rounded to the type; 12 * 12 + 5 * 5 and its root are not exact in fp8.
      for (size_t i = 0; i < want.size(); ++i)
        EXPECT_NEAR(found[i], want[i], want[i] * std::ldexp(2, -t.mantissa)) << i;
      if (t.bits < 32) continue;
      Tensor gradient = gradients(hypotenuse(x, y).sum(), {x})[0];
      const std::vector<double> slopes = values_on(device, gradient);
      ASSERT_EQ(slopes.size(), want.size());
      for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(slopes[i], a[i] / want[i], 1e-6) << i;
    }
}

// ---- a data type: a value

TEST(Adds, ADataTypeIsAColumnOfTheMatrixOnEveryDevice) {
  const DType f8e3m4{Kind::Float, 8, 3, 4, 3, Special::Ieee};
  for (const auto& [text, t] : dtype::all()) ASSERT_NE(t, f8e3m4);
  for (TestDevice& device : test_devices())
    for (const MatrixRow& row : matrix_rows())
      if (row.has(row, f8e3m4)) {
        EXPECT_EQ(run_cell(device, row, f8e3m4), "") << device.name << " " << row.name;
      }
}

// ---- a device: a row of the list of backends

TEST(Adds, ADeviceIsARowAndComputesWhatTheOthersDo) {
  std::vector<Backend> rows(backends().begin(), backends().end());
  rows.push_back({"TOY", "a device of another seed and mind",
                  []() -> Result<std::unique_ptr<Device>> { return open_lanes_device(99); }});
  std::vector<double> first;
  for (const Backend& row : rows) {
    auto device = open_test_device(row);
    ASSERT_TRUE(device.ok()) << device.error().message;
    std::vector<float> numbers(1000);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(static_cast<float>(i));
    Tensor x = from_values(numbers, {20, 50});
    const std::vector<double> found = values_on(*device, (x * 2 + 1).sum(1) / x.max(1));
    use_engine(nullptr);
    ASSERT_EQ(found.size(), 20u);
    if (first.empty()) first = found;
    EXPECT_EQ(found, first) << row.name;
    // Cells of the matrix too: what is written once for all devices holds for this one.
    for (const MatrixRow& cell : matrix_rows())
      if (cell.op == Op::Add || cell.op == Op::Reduce || cell.op == Op::Assign) {
        EXPECT_EQ(run_cell(*device, cell, dtype::i32), "") << row.name << " " << cell.name;
      }
  }
}

// ---- an instruction: a line of the table

// Not in the table: VPSHLDD (AVX512_VBMI2), SDM vol. 2C. llvm-mc-19 -triple=x86_64
// -mattr=+avx512vbmi2,+avx512vl -show-encoding: vpshldd ymm1, ymm2, ymm3, 7 is 62 f3 6d 28 71 cb 07.
constexpr x86::Line kLine{"vpshldd", "evex.xyz.66.0f3a.w0 71 RVMI", "=v{kz}, v, v/mv/b32, u8",
                          x86::feature::avx512f};

TEST(Adds, AnInstructionIsALineThatTheEncoderReads) {
  for (const x86::Line& line : x86::table::instructions) ASSERT_NE(line.name, kLine.name);
  std::vector<x86::Row> rows;
  for (int v = 0; v < x86::table::variants(kLine); ++v)
    rows.push_back(x86::table::expand(kLine, x86::Op{}, v));
  ASSERT_EQ(rows.size(), 3u);
  static_assert(x86::table::takes(x86::table::expand(kLine, x86::Op{}, 1), "ymm, ymm, ymm, imm"));
  const x86::Inst inst(x86::Op{}, {x86::ymm(1), x86::ymm(2), x86::ymm(3), x86::imm(7)});
  std::vector<std::byte> bytes;
  x86::encode(inst, bytes, rows);
  std::string hex;
  for (std::byte b : bytes) hex += fmt::format("{:02x}", static_cast<int>(b));
  EXPECT_EQ(hex, "62f36d2871cb07");
}

}  // namespace
}  // namespace doorbell
