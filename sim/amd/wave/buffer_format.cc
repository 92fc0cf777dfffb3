// MUBUF and MTBUF instructions that convert between registers and a data format, and buffer loads that go to
// LDS.
//
// Sources: RDNA2 ISA 8.1 and RDNA3 ISA 9.1, "Vector Memory Buffer Instructions": formats and DST_SEL come
// from the descriptor for MUBUF, the format alone from the instruction for MTBUF; "Buffer Image Format
// Table", whose names list components from the most significant down; LDS address: M0[15:0] + instruction
// offset + 4 * lane (RDNA2 ISA 8.1.7).
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "codegen/isa/amd/names.h"
#include "sim/amd/wave/memory.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::Format;

enum class Kind : uint8_t { none, unorm, snorm, uscaled, sscaled, uint, sint, real };

struct DataFormat {
  Kind kind = Kind::none;
  uint8_t count = 0, bytes = 0;
  std::array<uint8_t, 4> bits{}, shift{};  // of X, Y, Z, W
};

// Reads "BUF_FMT_10_11_11_FLOAT".
DataFormat read_format(std::string_view text) {
  constexpr std::string_view kinds[] = {"UNORM", "SNORM", "USCALED", "SSCALED", "UINT", "SINT", "FLOAT"};
  DataFormat f;
  if (!text.starts_with("BUF_FMT_")) return f;
  text.remove_prefix(8);
  std::vector<uint8_t> sizes;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    unsigned bits = 0;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
      bits = bits * 10 + static_cast<unsigned>(text[0] - '0');
      text.remove_prefix(1);
    }
    sizes.push_back(static_cast<uint8_t>(bits));
    text.remove_prefix(std::min<size_t>(text.size(), 1));
  }
  for (size_t i = 0; i < std::size(kinds); ++i) {
    if (text.starts_with(kinds[i])) f.kind = static_cast<Kind>(i + 1);
  }
  unsigned shift = 0;
  for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
    f.bits[f.count] = *size;
    f.shift[f.count++] = static_cast<uint8_t>(shift);
    shift += *size;
  }
  f.bytes = static_cast<uint8_t>(shift / 8);
  return f;
}
const DataFormat& data_format(uint32_t number, doorbell::amd::Target target) {
  static const auto& lists = *new std::array<std::vector<DataFormat>, 2>{
      // never destroyed
      [] {
        std::vector<DataFormat> list;
        for (uint32_t i = 0; i < 128; ++i)
          list.push_back(read_format(doorbell::amd::names::format_name(i, {doorbell::amd::Arch::gfx1030})));
        return list;
      }(),
      [] {
        std::vector<DataFormat> list;
        for (uint32_t i = 0; i < 128; ++i)
          list.push_back(read_format(doorbell::amd::names::format_name(i, {doorbell::amd::Arch::gfx1100})));
        return list;
      }(),
  };
  return lists[target.arch == doorbell::amd::Arch::gfx1030 ? 0 : 1][number & 127];
}

// A float of `exponent` and `fraction` bits, with a sign if it is a half: the unsigned ones of 10 and 11 bits
// are halves without sign and low bits.
double widened(uint32_t bits, unsigned fraction) {
  uint32_t exponent = bits >> fraction & 31, rest = bits & ((1u << fraction) - 1);
  double sign = bits >> (fraction + 5) & 1 ? -1 : 1, scale = std::ldexp(1.0, -static_cast<int>(fraction));
  if (exponent == 31) return rest ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(rest * scale, -14);
  return sign * std::ldexp(1 + rest * scale, static_cast<int>(exponent) - 15);
}
// Rounded to nearest even.
uint32_t narrowed(double x, unsigned fraction, bool has_sign) {
  uint32_t infinity = 31u << fraction, sign = 0;
  if (std::isnan(x)) return infinity | 1u << (fraction - 1);
  if (std::signbit(x)) {
    if (!has_sign) return 0;
    sign = 32u << fraction;
    x = -x;
  }
  if (x == 0) return sign;
  if (std::isinf(x)) return sign | infinity;
  int exponent = std::max(std::ilogb(x), -14);
  double units = std::nearbyint(std::ldexp(x, static_cast<int>(fraction) - exponent));
  auto value = static_cast<uint32_t>(units) + (static_cast<uint32_t>(exponent + 14) << fraction);
  return sign | std::min(value, infinity);
}

bool is_whole(Kind kind) { return kind == Kind::uint || kind == Kind::sint; }
unsigned fraction_of(unsigned bits) { return bits == 16 ? 10 : bits - 5; }

double as_number(const DataFormat& f, unsigned c, uint32_t raw) {
  unsigned n = f.bits[c];
  int64_t whole = raw;
  bool is_signed = f.kind == Kind::snorm || f.kind == Kind::sscaled || f.kind == Kind::sint;
  if (is_signed && raw >> (n - 1) & 1) whole -= int64_t{1} << n;
  switch (f.kind) {
    case Kind::unorm: return static_cast<double>(whole) / static_cast<double>((uint64_t{1} << n) - 1);
    case Kind::snorm:
      return std::max(static_cast<double>(whole) / static_cast<double>((uint64_t{1} << (n - 1)) - 1), -1.0);
    case Kind::real: return n == 32 ? std::bit_cast<float>(raw) : widened(raw, fraction_of(n));
    default: return static_cast<double>(whole);
  }
}
uint32_t from_number(const DataFormat& f, unsigned c, double x) {
  unsigned n = f.bits[c];
  auto limited = [&](double low, double high, double scale) {
    if (std::isnan(x)) return uint32_t{0};
    auto whole = static_cast<int64_t>(std::nearbyint(std::clamp(x, low, high) * scale));
    return static_cast<uint32_t>(whole) & static_cast<uint32_t>((uint64_t{1} << n) - 1);
  };
  auto most = static_cast<double>((uint64_t{1} << n) - 1), half = static_cast<double>(uint64_t{1} << (n - 1));
  switch (f.kind) {
    case Kind::unorm: return limited(0, 1, most);
    case Kind::snorm: return limited(-1, 1, half - 1);
    case Kind::uscaled:
    case Kind::uint: return limited(0, most, 1);
    case Kind::sscaled:
    case Kind::sint: return limited(-half, half - 1, 1);
    case Kind::real:
      return n == 32 ? std::bit_cast<uint32_t>(static_cast<float>(x)) : narrowed(x, fraction_of(n), n == 16);
    case Kind::none: break;
  }
  return 0;
}

// Between a number and a register's 32 or 16 bits.
uint32_t to_register(Kind kind, bool half, double x) {
  if (is_whole(kind)) return static_cast<uint32_t>(static_cast<int64_t>(x)) & (half ? 0xffff : 0xffffffff);
  return half ? narrowed(x, 10, true) : std::bit_cast<uint32_t>(static_cast<float>(x));
}
double from_register(Kind kind, bool half, uint32_t bits) {
  if (kind == Kind::uint) return half ? bits & 0xffff : bits;
  if (kind == Kind::sint) return half ? static_cast<int16_t>(bits) : static_cast<int32_t>(bits);
  return half ? widened(bits & 0xffff, 10) : std::bit_cast<float>(bits);
}

uint32_t component(const DataFormat& f, unsigned c, const uint32_t* words) {
  unsigned at = f.shift[c];
  uint32_t value = words[at / 32] >> at % 32;
  return f.bits[c] == 32 ? value : value & ((1u << f.bits[c]) - 1);
}

// What the instruction's name says: how many components, and of which halves.
struct Shape {
  bool load = false, half = false, high = false;
  unsigned count = 0;
};
Shape shape_of(std::string_view name) {
  Shape shape;
  shape.load = name.find("_load_") != name.npos;
  shape.half = name.find("d16") != name.npos;
  shape.high = name.find("d16_hi") != name.npos;
  shape.count = static_cast<unsigned>(name.size() - 1 - name.rfind('_'));
  return shape;
}

// A register of lane `lane` gets `value`, or one half of it.
void put(Wave& w, uint32_t vgpr, uint32_t lane, const Shape& shape, unsigned c, uint32_t value, bool known) {
  if (!shape.half) return set_lane(w, vgpr + c, lane, value, known);
  unsigned high = shape.high ? 1 : c & 1;
  vgpr += c / 2;
  uint32_t old = w.vgpr(vgpr)[lane];
  uint32_t rest = high ? old & 0xffff : old & 0xffff0000;  // stays
  bool was = w.valid[vgpr] >> lane & 1;
  set_lane(w, vgpr, lane, rest | (high ? value << 16 : value & 0xffff), known || was);
}

// Where a load to LDS puts a lane's dword.
bool to_lds(Wave& w, const Instruction& s, uint32_t lane, uint32_t value, uint32_t known) {
  uint64_t at = (w.s[reg::m0] & 0xffff) + static_cast<uint64_t>(s.inst->mods.offset) + 4 * lane;
  return store(w, s, lane, {at, Space::lds}, 4, &value, known);
}
bool m0_known(Wave& w, const Instruction& s) {
  return w.sv[reg::m0] == ~uint32_t{0} ||
         violates(w, s, Check::invalid_address, "m0, the address in LDS, is data that nobody wrote");
}

bool formatted(Wave& w, const Instruction& s) {
  const doorbell::amd::Row& row = doorbell::amd::rows()[s.row];
  const Shape shape = shape_of(row.name);
  Resource r;
  if (!resource(w, s, s.reach.descriptor, r)) return false;
  bool mubuf = row.format == Format::mubuf, lds = s.inst->mods.lds || row.name.find("_lds_") != row.name.npos;
  if (lds && !m0_known(w, s)) return false;
  const DataFormat& f = data_format(mubuf ? r.format : s.inst->mods.format, w.context->code->target());
  bool bound = r.format != 0;
  if (f.kind == Kind::none && bound) {
    return violates(
        w, s, Check::invalid_scalar,
        fmt::format("{} names no data format", mubuf ? "the buffer descriptor" : "the instruction"));
  }
  Transfer t;
  t.bytes = f.bytes;
  Addresses a;
  a.exec = w.exec();
  uint64_t exec = a.exec;
  if (!addresses(w, s, t, a)) return false;
  auto selected = [&](unsigned c) { return mubuf ? r.select >> 3 * c & 7 : c + 4; };
  unsigned dwords = shape.half ? (shape.count + 1) / 2 : shape.count;
  for (uint64_t left = exec; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(std::countr_zero(left));
    bool inside = a.exec >> lane & 1;
    uint32_t words[4] = {}, known = ~0u;
    if (shape.load) {
      if (inside && !load(w, s, lane, {a.at[lane], Space::global}, f.bytes, words, known)) return false;
      for (unsigned c = 0; c < shape.count; ++c) {
        unsigned from = selected(c);
        double x = from == 1 ? 1 : 0;
        if (inside && from >= 4 && from - 4 < f.count)
          x = as_number(f, from - 4, component(f, from - 4, words));
        else if (inside && from == 7 && mubuf) x = 1;  // a format without W; MTBUF has XYZ0 then
        uint32_t bits = bound ? to_register(f.kind, shape.half, x) : 0;
        // What has 32 bits is moved as it is, NaNs included.
        if (inside && f.kind == Kind::real && from >= 4 && from - 4 < f.count && f.bits[from - 4] == 32 &&
            !shape.half)
          bits = component(f, from - 4, words);
        bool is_known = known == ~0u;
        if (!lds) put(w, static_cast<uint32_t>(s.reach.d), lane, shape, c, bits, is_known);
        else if (!to_lds(w, s, lane, bits, is_known)) return false;
      }
    } else if (inside) {
      auto vgpr = static_cast<uint32_t>(s.reach.data);
      bool all = true;
      for (unsigned c = 0; c < shape.count; ++c) {
        unsigned to = selected(c);
        if (to < 4 || to - 4 >= f.count) continue;
        uint32_t at = shape.half ? vgpr + c / 2 : vgpr + c, value = w.vgpr(at)[lane];
        all = all && (w.valid[at] >> lane & 1);
        if (shape.half && (shape.high || c & 1)) value >>= 16;
        uint32_t raw = f.kind == Kind::real && f.bits[to - 4] == 32 && !shape.half
                           ? value
                           : from_number(f, to - 4, from_register(f.kind, shape.half, value));
        words[f.shift[to - 4] / 32] |= raw << f.shift[to - 4] % 32;
      }
      if (!store(w, s, lane, {a.at[lane], Space::global}, f.bytes, words, all ? ~0u : 0)) return false;
    }
  }
  bool fills = shape.load && !lds;
  if (fills && s.inst->mods.tfe) {  // no page is missing
    for (uint64_t left = exec; left; left &= left - 1)
      set_lane(w, static_cast<uint32_t>(s.reach.d) + dwords, static_cast<uint32_t>(std::countr_zero(left)), 0,
               true);
  }
  count(w, row.format, fills ? s.reach.d : -1, dwords + (s.inst->mods.tfe ? 1 : 0), !shape.load);
  return true;
}

// A byte, short or dword of each lane, extended, to LDS.
bool load_lds(Wave& w, const Instruction& s) {
  if (!m0_known(w, s)) return false;
  Transfer t = transfer(s.row);
  Addresses a;
  a.exec = w.exec();
  uint64_t exec = a.exec;
  if (!addresses(w, s, t, a)) return false;
  for (uint64_t left = exec; left; left &= left - 1) {
    auto lane = static_cast<uint32_t>(std::countr_zero(left));
    uint32_t value[4] = {}, known = ~0u;
    if ((a.exec >> lane & 1) && !load(w, s, lane, {a.at[lane], Space::global}, t.bytes, value, known))
      return false;
    unsigned unused = 32 - 8u * t.bytes;
    if (t.type == 'i') value[0] = static_cast<uint32_t>(static_cast<int32_t>(value[0] << unused) >> unused);
    if (!to_lds(w, s, lane, value[0], known)) return false;
  }
  count(w, Format::mubuf, -1, 0, false);
  return true;
}

}  // namespace

Run buffer_run(const doorbell::amd::Row& row, bool lds) {
  if (row.format != Format::mubuf && row.format != Format::mtbuf) return nullptr;
  if (row.name.find("format_") != row.name.npos) return formatted;
  return lds || row.name.find("_load_lds_") != row.name.npos ? load_lds : nullptr;
}

}  // namespace doorbell::sim::amd
