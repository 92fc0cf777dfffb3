// Which dtype two operands meet in: one lattice, given as data. It is JAX's (docs.jax.dev, "Type promotion
// semantics"): the result is the least row above both operands; the rows i* and f* are numbers without a
// width, that is, literals and what was computed from literals alone. Two fp8 operands of different formats,
// or fp8 beside another float, have no common row: such a pair wants an explicit cast.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/dtype.h"

namespace doorbell {

struct Type {
  DType dtype;
  bool weak = false;  // takes the dtype of what it meets
  bool operator==(const Type&) const = default;
};

struct PromotionRow {
  std::string_view name;
  Type type;
  std::array<std::string_view, 8> above{};  // the rows directly above it
  std::array<std::string_view, 2> below{};  // for rows added to a table: the rows directly below it
};

std::span<const PromotionRow> promotion_rows();

class Lattice {
 public:
  explicit Lattice(std::span<const PromotionRow> rows, std::span<const PromotionRow> added = {});
  // The least row above both; none where there is no such row, or a type is not in the table.
  [[nodiscard]] std::optional<Type> join(Type a, Type b) const;
  [[nodiscard]] const std::vector<PromotionRow>& rows() const { return rows_; }

 private:
  [[nodiscard]] int find(Type type) const;
  std::vector<PromotionRow> rows_;
  std::vector<uint64_t> above_;  // bit j of above_[i]: row j is row i or above it
};

// The lattice that tensors use: the table above, unless this thread is inside a WithLattice.
const Lattice& lattice();
// While it lives, this thread promotes by another lattice; for new dtypes that are tried out.
class WithLattice {
 public:
  explicit WithLattice(const Lattice& lattice);
  ~WithLattice();
  WithLattice(const WithLattice&) = delete;
  WithLattice& operator=(const WithLattice&) = delete;

 private:
  const Lattice* before_;
};

// The table of all pairs, as the documentation prints it.
std::string print_lattice(const Lattice& lattice);

// What sums accumulate in: f16, bf16, fp8 in f32; integers narrower than 32 bits in 32 bits of their
// signedness; bool in i32 (a count); all others in themselves.
DType accumulator(DType dtype);
// What division, roots and transcendentals of a dtype yield: floats themselves, all else f32.
DType inexact(DType dtype);

}  // namespace doorbell
