// See promote.h.
#include "runtime/promote.h"

#include <bit>

#include "hal/base/result.h"

namespace doorbell {

namespace {

// clang-format off
constexpr PromotionRow table[] = {
  {"bool",       {dtype::boolean},    {"i*"}},
  {"u8",         {dtype::u8},         {"u16", "i16"}},
  {"u16",        {dtype::u16},        {"u32", "i32"}},
  {"u32",        {dtype::u32},        {"u64", "i64"}},
  {"u64",        {dtype::u64},        {"f*"}},
  {"i8",         {dtype::i8},         {"i16"}},
  {"i16",        {dtype::i16},        {"i32"}},
  {"i32",        {dtype::i32},        {"i64"}},
  {"i64",        {dtype::i64},        {"f*"}},
  {"f8e4m3",     {dtype::f8e4m3},     {}},
  {"f8e5m2",     {dtype::f8e5m2},     {}},
  {"f8e4m3fnuz", {dtype::f8e4m3fnuz}, {}},
  {"f8e5m2fnuz", {dtype::f8e5m2fnuz}, {}},
  {"bf16",       {dtype::bf16},       {"f32"}},
  {"f16",        {dtype::f16},        {"f32"}},
  {"f32",        {dtype::f32},        {"f64"}},
  {"f64",        {dtype::f64},        {}},
  {"i*",         {dtype::i32, true},  {"u8", "i8"}},
  {"f*",         {dtype::f32, true},  {"f8e4m3", "f8e5m2", "f8e4m3fnuz", "f8e5m2fnuz", "bf16", "f16"}},
};
// clang-format on

thread_local const Lattice* current = nullptr;

}  // namespace

std::span<const PromotionRow> promotion_rows() { return table; }

Lattice::Lattice(std::span<const PromotionRow> rows, std::span<const PromotionRow> added)
    : rows_(rows.begin(), rows.end()) {
  rows_.insert(rows_.end(), added.begin(), added.end());
  const size_t n = rows_.size();
  DOORBELL_CHECK(n <= 64, "{} rows of promotion", n);
  auto index = [&](std::string_view name) {
    for (size_t i = 0; i < n; ++i)
      if (rows_[i].name == name) return i;
    die(__FILE__, __LINE__, fmt::format("no row of promotion is named {}", name));
  };
  above_.resize(n);
  for (size_t i = 0; i < n; ++i) {
    above_[i] |= 1ULL << i;
    for (auto name : rows_[i].above)
      if (!name.empty()) above_[i] |= 1ULL << index(name);
    for (auto name : rows_[i].below)
      if (!name.empty()) above_[index(name)] |= 1ULL << i;
  }
  for (size_t k = 0; k < n; ++k)  // transitive closure
    for (size_t i = 0; i < n; ++i)
      if (above_[i] >> k & 1) above_[i] |= above_[k];
}

int Lattice::find(Type type) const {
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Type& row = rows_[i].type;
    // A weak row stands for all widths of its kind.
    if (row.weak == type.weak &&
        (row.dtype == type.dtype || (row.weak && row.dtype.is_float() == type.dtype.is_float())))
      return static_cast<int>(i);
  }
  return -1;
}

std::optional<Type> Lattice::join(Type a, Type b) const {
  if (a.dtype == b.dtype) return Type{a.dtype, a.weak && b.weak};
  if (a.dtype.is_bool()) a.weak = false;  // bool is the lowest row: there is nothing weaker
  if (b.dtype.is_bool()) b.weak = false;
  const int i = find(a), j = find(b);
  if (i < 0 || j < 0) return std::nullopt;
  if (i == j) return a.dtype.bits >= b.dtype.bits ? a : b;  // two literals of one kind
  uint64_t common = above_[static_cast<size_t>(i)] & above_[static_cast<size_t>(j)];
  for (uint64_t rest = common; rest; rest &= rest - 1) {
    auto k = static_cast<size_t>(std::countr_zero(rest));
    if ((above_[k] & common) != common) continue;
    if (k == static_cast<size_t>(i)) return a;  // a weak row keeps the width that the literal had
    if (k == static_cast<size_t>(j)) return b;
    return rows_[k].type;
  }
  return std::nullopt;
}

const Lattice& lattice() {
  static const Lattice standard(table);
  return current ? *current : standard;
}
WithLattice::WithLattice(const Lattice& lattice) : before_(current) { current = &lattice; }
WithLattice::~WithLattice() { current = before_; }

std::string print_lattice(const Lattice& lattice) {
  std::string out = fmt::format("{:<11}", "");
  for (const auto& column : lattice.rows()) out += fmt::format("{:<11}", column.name);
  out += "\n";
  for (const auto& row : lattice.rows()) {
    out += fmt::format("{:<11}", row.name);
    for (const auto& column : lattice.rows()) {
      auto type = lattice.join(row.type, column.type);
      std::string_view cell = "-";
      for (const auto& r : lattice.rows())
        if (type && r.type == *type) cell = r.name;
      out += fmt::format("{:<11}", cell);
    }
    while (out.back() == ' ') out.pop_back();
    out += "\n";
  }
  return out;
}

DType accumulator(DType d) {
  if (d.is_float()) return d.bits < 32 ? dtype::f32 : d;
  if (d.is_bool()) return dtype::i32;
  if (d.bits >= 32) return d;
  return d.is_signed() ? dtype::i32 : dtype::u32;
}

DType inexact(DType d) { return d.is_float() ? d : dtype::f32; }

}  // namespace doorbell
