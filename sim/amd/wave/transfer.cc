#include "sim/amd/wave/transfer.h"

#include <bit>
#include <string_view>
#include <type_traits>
#include <vector>

#include "codegen/isa/amd/amd.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::Format;
using doorbell::amd::Row;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Reads "global_atomic_add_u32", "ds_load_u8_d16_hi" ... Rows that are none of these give Do::none.
Transfer parse(const Row& row) {
  Transfer t;
  std::string_view name = row.name;
  size_t start = name.find('_');
  if (start == std::string_view::npos) return t;
  std::string_view rest = name.substr(start + 1);
  t.two = row.two_offsets;
  t.stride64 = contains(rest, "stride64");
  t.d16 = contains(rest, "d16");
  t.high = contains(rest, "d16_hi");
  t.addtid = contains(rest, "addtid");
  t.format = contains(rest, "format") || contains(rest, "_lds_");
  // The type is the last word that looks like one.
  for (size_t at = rest.size(); at > 0;) {
    size_t begin = rest.rfind('_', at - 1);
    begin = begin == std::string_view::npos ? 0 : begin + 1;
    std::string_view word = rest.substr(begin, at - begin);
    if (word.size() > 1 && contains("buif", word.substr(0, 1)) && word[1] >= '0' && word[1] <= '9') {
      unsigned bits = 0;
      for (char c : word.substr(1)) bits = bits * 10 + static_cast<unsigned>(c - '0');
      t.type = word[0];
      t.bytes = static_cast<uint8_t>(bits / 8);
      break;
    }
    if (begin == 0) return t;
    at = begin - 1;
  }
  if (rest.starts_with("atomic_")) rest.remove_prefix(7);
  struct Word {
    std::string_view name;
    Do what;
  };
  constexpr Word words[] = {
      {"load_", Do::load},
      {"storexchg_", Do::swap},
      {"store_", Do::store},
      {"swap_", Do::swap},
      {"cmpswap_", Do::compare_swap},
      {"cmpst_", Do::compare_swap},
      {"cmpstore_", Do::compare_swap},
      {"add_", Do::add},
      {"sub_", Do::sub},
      {"rsub_", Do::reverse_sub},
      {"min_", Do::min},
      {"max_", Do::max},
      {"and_", Do::bit_and},
      {"or_", Do::bit_or},
      {"xor_", Do::bit_xor},
      {"inc_", Do::inc},
      {"dec_", Do::dec},
      {"csub_", Do::csub},
      {"mskor_", Do::mask_or},
      {"wrap_", Do::wrap},
  };
  for (const Word& word : words) {
    if (rest.starts_with(word.name)) t.what = word.what;
  }
  t.compare_first = rest.starts_with("cmpst_");
  if (contains(name, "gs_reg")) t.what = Do::none;
  for (unsigned i = 0; i < row.count; ++i) t.returns |= row.operands[i].writes && !row.operands[i].optional;
  return t;
}

// Float atomics. RDNA3 ISA 13.3: of a signaling NaN comes a quiet one, of a quiet one the other operand; -0
// is less than +0 except to a comparing swap; what min and max select is stored as it was, flushed or not.
template <class U, int Fraction>
struct Floats {
  static constexpr U sign = static_cast<U>(U{1} << (sizeof(U) * 8 - 1)), least_normal = U{1} << Fraction;
  static constexpr U infinity = static_cast<U>(~sign & ~(least_normal - 1)), quiet = least_normal >> 1;
  using Value = std::conditional_t<sizeof(U) == 4, float, double>;

  static U magnitude(U x) { return x & ~sign; }
  static bool is_nan(U x) { return magnitude(x) > infinity; }
  static U flushed(U x, bool flush) { return flush && magnitude(x) < least_normal ? x & sign : x; }
  // Orders -0 before +0.
  static U rank(U x) { return x & sign ? ~x : x | sign; }

  static U extreme(U old, U data, bool greater, bool flush) {
    for (U x : {old, data}) {
      if (is_nan(x) && !(x & quiet)) return x | quiet;
    }
    if (is_nan(old) || is_nan(data)) return is_nan(old) ? data : old;
    U a = rank(flushed(old, flush)), b = rank(flushed(data, flush));
    return (greater ? b > a : b < a) ? data : old;
  }
  static U sum(U old, U data, Denormals d) {
    auto a = std::bit_cast<Value>(flushed(old, d.added_flushed));
    auto b = std::bit_cast<Value>(flushed(data, d.added_flushed));
    return flushed(std::bit_cast<U>(a + b), d.sums_flushed);
  }
  static U compare_swap(U old, U data, U expected, bool flush) {
    auto a = std::bit_cast<Value>(flushed(old, flush)), b = std::bit_cast<Value>(flushed(expected, flush));
    return flushed(a == b ? data : old, flush);
  }
};

template <class U, class I, class F>
uint64_t combined(const Transfer& t, uint64_t old_bits, uint64_t data_bits, uint64_t data2_bits,
                  Denormals d) {
  U old = static_cast<U>(old_bits), data = static_cast<U>(data_bits), data2 = static_cast<U>(data2_bits);
  switch (t.what) {
    case Do::swap: return data;
    case Do::compare_swap:
      if (t.type == 'f') return F::compare_swap(old, data, data2, d.compared_flushed);
      return old == data2 ? data : old;
    case Do::add:
      if (t.type == 'f') return F::sum(old, data, d);
      return static_cast<U>(old + data);
    case Do::sub: return static_cast<U>(old - data);
    case Do::reverse_sub: return static_cast<U>(data - old);
    case Do::min:
      if (t.type == 'f') return F::extreme(old, data, false, d.compared_flushed);
      if (t.type == 'i') return static_cast<I>(data) < static_cast<I>(old) ? data : old;
      return data < old ? data : old;
    case Do::max:
      if (t.type == 'f') return F::extreme(old, data, true, d.compared_flushed);
      if (t.type == 'i') return static_cast<I>(data) > static_cast<I>(old) ? data : old;
      return data > old ? data : old;
    case Do::bit_and: return old & data;
    case Do::bit_or: return old | data;
    case Do::bit_xor: return old ^ data;
    case Do::inc: return old >= data ? U{0} : static_cast<U>(old + 1);
    case Do::dec: return old == 0 || old > data ? data : static_cast<U>(old - 1);
    case Do::csub: return old < data ? U{0} : static_cast<U>(old - data);
    case Do::mask_or: return static_cast<U>((old & ~data) | data2);
    case Do::wrap: return old >= data ? static_cast<U>(old - data) : static_cast<U>(old + data2);
    default: return old;
  }
}
}  // namespace

const Transfer& transfer(uint16_t row) {
  static const auto& all = *new std::vector<Transfer>([] {  // never destroyed
    std::vector<Transfer> made;
    for (const Row& r : doorbell::amd::rows()) {
      bool memory = r.format >= Format::ds;
      made.push_back(memory ? parse(r) : Transfer{});
    }
    return made;
  }());
  return all[row];
}

Denormals denormals(const Transfer& t, uint32_t mode, bool lds) {
  uint32_t kept = mode >> (t.bytes == 8 ? 6 : 4) & 3;
  return {!(kept & 1), lds ? !(kept & 1) : true, lds && !(kept & 2)};
}

uint64_t combine(const Transfer& t, uint64_t old, uint64_t data, uint64_t data2, Denormals denormals) {
  return t.bytes == 8 ? combined<uint64_t, int64_t, Floats<uint64_t, 52>>(t, old, data, data2, denormals)
                      : combined<uint32_t, int32_t, Floats<uint32_t, 23>>(t, old, data, data2, denormals);
}

}  // namespace doorbell::sim::amd
