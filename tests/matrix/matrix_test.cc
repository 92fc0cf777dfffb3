// Every op x dtype x device is a test. `--matrix` prints them as a table instead, and ends with 1 if a cell
// fails or is absent: + it computes what it should, - the op is not defined on the type, X it fails (with its
// reason below).
#include <gtest/gtest.h>

#include <cstring>

#include "codegen/numeric.h"
#include "tests/matrix/cells.h"

namespace doorbell {
namespace {

struct Cell {
  size_t device;
  MatrixRow row;
  dtype::Named column;
};

std::vector<Cell> cells() {
  std::vector<Cell> out;
  for (size_t d = 0; d < backends().size() + 1; ++d)
    for (const MatrixRow& row : matrix_rows())
      for (const dtype::Named& column : dtype::all())
        if (row.has(row, column.dtype)) out.push_back({d, row, column});
  return out;
}

class Matrix : public testing::TestWithParam<Cell> {};

TEST_P(Matrix, Computes) {
  const Cell& cell = GetParam();
  EXPECT_EQ(run_cell(test_devices()[cell.device], cell.row, cell.column.dtype), "");
}

std::string cell_name(const testing::TestParamInfo<Cell>& info) {
  const Cell& cell = info.param;
  std::string name =
      fmt::format("{}_{}_{}", cell.device < backends().size() ? backends()[cell.device].name : "MODEL",
                  cell.row.name, cell.column.name);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Cells, Matrix, testing::ValuesIn(cells()), cell_name);

// How many cells a device must have, counted another way: what numeric.h defines, and the forms of
// kernel-free ops.
size_t defined_cells() {
  size_t types = dtype::all().size(), integers = 0, cells = 0;
  for (const auto& [text, t] : dtype::all()) {
    integers += t.is_int();
    for (const OpRow& r : op_table()) {
      if (r.cls == OpClass::Alu) cells += defined(r.op, t) && r.op != Op::Cast && r.op != Op::Bitcast;
      cells += reduces(r.op) && defined(r.op, t);
    }
  }
  size_t whole = 0;  // ops on all types alike
  for (const OpRow& r : op_table())
    whole += (r.cls == OpClass::Movement || r.cls == OpClass::Memory || r.cls == OpClass::Leaf) &&
             r.op != Op::Reduce && r.op != Op::Sink && r.op != Op::Symbol && r.op != Op::Iota;
  return cells + whole * types + types * types + types * (types - 1) /* bitcasts, not to bool */ +
         2 * integers /* iota, gather by */ + 1 /* symbol */;
}
size_t absent_cells(std::span<const MatrixRow> rows) {
  size_t cells = 0;
  for (const MatrixRow& row : rows)
    for (const auto& column : dtype::all()) cells += row.has(row, column.dtype);
  return defined_cells() - cells;
}

TEST(MatrixTable, HasACellForAllThatIsDefined) {
  EXPECT_EQ(absent_cells(matrix_rows()), 0u);
  EXPECT_EQ(cells().size(), defined_cells() * test_devices().size());
}

TEST(MatrixTable, MissesEachRowThatIsAbsent) {
  const std::vector<MatrixRow> rows = matrix_rows();
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<MatrixRow> others = rows;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_NE(absent_cells(others), 0u) << rows[i].name;
  }
}

int print_matrix() {
  size_t count = 0, failed = 0;
  std::string reasons;
  for (TestDevice& device : test_devices()) {
    fmt::print("{:<18}", device.name);
    for (const auto& column : dtype::all())
      fmt::print(" {:>4.4}", column.name.substr(0, 2) == "f8" ? column.name.substr(2) : column.name);
    fmt::print("\n");
    for (const MatrixRow& row : matrix_rows()) {
      fmt::print("  {:<16}", row.name);
      for (const auto& column : dtype::all()) {
        const bool has = row.has(row, column.dtype);
        std::string wrong = has ? run_cell(device, row, column.dtype) : "";
        count += has;
        failed += !wrong.empty();
        fmt::print(" {:>4}", !has ? "-" : wrong.empty() ? "+" : "X");
        if (!wrong.empty())
          reasons += fmt::format("X {} {} {}: {}\n", device.name, row.name, column.name, wrong);
      }
      fmt::print("\n");
      std::fflush(stdout);
    }
  }
  if (size_t absent = absent_cells(matrix_rows())) {
    reasons += fmt::format("{} cells that are defined are absent on each device\n", absent);
    failed += absent * test_devices().size();
    count += absent * test_devices().size();
  }
  fmt::print("{}matrix: {} passed, {} failed\n", reasons, count - failed, failed);
  return failed != 0;
}

}  // namespace
}  // namespace doorbell

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::strcmp(argv[i], "--matrix") == 0) return doorbell::print_matrix();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
