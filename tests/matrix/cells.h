// The matrix of primitives and data types. Rows follow from op_table(), columns from dtype::all(): an op or a
// type that is added to these tables is a row or a column here, and fails until a device computes it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/matrix/devices.h"

namespace doorbell {

struct MatrixRow {
  std::string name;
  Op op;
  DType other;              // Cast, Bitcast: from; Gather: of the table, where the column is the index's
  Op reduction = Op::Sink;  // Reduce: by what
  bool (*has)(const MatrixRow&, DType);
};

// Every row; an op that nobody has said how to test has a row too, whose cells fail.
std::vector<MatrixRow> matrix_rows();

// Computes the cell on the device and holds it to the graph evaluator: bit for bit; exp ... pow within
// ulp_bound(). Empty, or what is wrong.
std::string run_cell(TestDevice& device, const MatrixRow& row, DType column);
int64_t ulp_bound(DType type);

}  // namespace doorbell
