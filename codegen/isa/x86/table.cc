// The rows of the table, expanded at compile time: a line that does not parse fails here.
#include <algorithm>

#include "codegen/isa/x86/x86.h"

namespace doorbell::x86 {
namespace {

using table::instructions;

constexpr size_t line_count = std::size(instructions);

constexpr size_t count_rows() {
  size_t n = 0;
  for (const Line& line : instructions) n += static_cast<size_t>(table::variants(line));
  return n;
}

struct Table {
  std::array<Row, count_rows()> rows{};
  std::array<uint16_t, line_count> begin{}, end{};  // of a name's rows, at its first line
};

constexpr Table expand_all() {
  Table t;
  size_t n = 0, first = 0;
  for (size_t i = 0; i < line_count; ++i) {
    if (instructions[i].name != instructions[first].name) first = i;
    if (first == i) t.begin[i] = static_cast<uint16_t>(n);
    for (int v = 0; v < table::variants(instructions[i]); ++v)
      t.rows[n++] = table::expand(instructions[i], static_cast<Op>(first), v);
    t.end[first] = static_cast<uint16_t>(n);
  }
  return t;
}

constexpr Table expanded = expand_all();

}  // namespace

std::string_view name(Op op) { return instructions[static_cast<size_t>(op)].name; }
std::span<const Row> rows() { return expanded.rows; }
std::span<const Row> rows(Op op) {
  const auto i = static_cast<size_t>(op);
  return rows().subspan(expanded.begin[i], expanded.end[i] - expanded.begin[i]);
}

}  // namespace doorbell::x86
