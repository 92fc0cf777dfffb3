// The instruction table, expanded at compile time, and what follows from a row without looking at its
// encoding.
#include <algorithm>
#include <bit>
#include <unordered_map>

#include "codegen/isa/amd/amd.h"

namespace doorbell::amd {
namespace {

using table::instructions;
constexpr size_t row_count = std::size(instructions);

constexpr auto expand_all() {
  std::array<Row, row_count> t{};
  for (size_t i = 0; i < row_count; ++i) t[i] = table::expand(instructions[i]);
  return t;
}
constexpr std::array<Row, row_count> expanded = expand_all();

using NameMap = std::unordered_map<std::string_view, Op>;
std::array<NameMap, arch_count> names_of_archs() {
  std::array<NameMap, arch_count> names;
  for (int a = 0; a < arch_count; ++a)
    for (size_t i = 0; i < row_count; ++i) {
      const Row& r = expanded[i];
      if (!r.in(static_cast<Arch>(a))) continue;
      names[static_cast<size_t>(a)].emplace(r.name, static_cast<Op>(i));
      if (!r.old_name.empty()) names[static_cast<size_t>(a)].emplace(r.old_name, static_cast<Op>(i));
    }
  return names;
}

struct ArchName {
  std::string_view name;
  Arch arch;
};
// The kin of a generation that encode as it does (LLVM's AMDGPU usage guide, "Processors").
constexpr ArchName arch_names[] = {
    {"gfx1030", Arch::gfx1030}, {"gfx1031", Arch::gfx1030}, {"gfx1032", Arch::gfx1030},
    {"gfx1033", Arch::gfx1030}, {"gfx1034", Arch::gfx1030}, {"gfx1035", Arch::gfx1030},
    {"gfx1036", Arch::gfx1030}, {"gfx1100", Arch::gfx1100}, {"gfx1101", Arch::gfx1100},
    {"gfx1102", Arch::gfx1100}, {"gfx1103", Arch::gfx1100}, {"gfx1150", Arch::gfx1151},
    {"gfx1151", Arch::gfx1151}, {"gfx1152", Arch::gfx1151},
};

// 240-248 in half, single and double precision.
struct InlineFloat {
  uint16_t f16;
  uint16_t bf16;
  uint32_t f32;
  uint64_t f64;
};
constexpr InlineFloat inline_floats[] = {
    {0x3800, 0x3f00, 0x3f000000, 0x3fe0000000000000}, {0xb800, 0xbf00, 0xbf000000, 0xbfe0000000000000},
    {0x3c00, 0x3f80, 0x3f800000, 0x3ff0000000000000}, {0xbc00, 0xbf80, 0xbf800000, 0xbff0000000000000},
    {0x4000, 0x4000, 0x40000000, 0x4000000000000000}, {0xc000, 0xc000, 0xc0000000, 0xc000000000000000},
    {0x4400, 0x4080, 0x40800000, 0x4010000000000000}, {0xc400, 0xc080, 0xc0800000, 0xc010000000000000},
    {0x3118, 0x3e22, 0x3e22f983, 0x3fc45f306dc9c882},
};

constexpr uint64_t low_bits(uint64_t v, int bits) { return bits >= 64 ? v : v & ((uint64_t{1} << bits) - 1); }

}  // namespace

std::span<const Row> rows() { return expanded; }
const Row& row(Op op) { return expanded[static_cast<size_t>(op)]; }

std::optional<Op> find(std::string_view name, Arch arch) {
  static const std::array<NameMap, arch_count> names = names_of_archs();
  const NameMap& of = names[static_cast<size_t>(arch)];
  const auto found = of.find(name);
  return found == of.end() ? std::nullopt : std::optional(found->second);
}

std::string_view name(Arch arch) {
  for (const ArchName& n : arch_names)
    if (n.arch == arch && (arch != Arch::gfx1151 || n.name == "gfx1151")) return n.name;
  return "?";
}

Result<Arch> parse_arch(std::string_view text) {
  for (const ArchName& n : arch_names)
    if (n.name == text) return n.arch;
  return error("{}: no such architecture (gfx1030, gfx1100, gfx1151 and their kin)", text);
}

uint64_t constant_bits(const Operand& x, const OperandRow& o) {
  const int bits = o.data == Data::mask ? 64 : o.bits * o.count <= 32 ? std::max<int>(o.bits, 16) : o.bits;
  if (x.kind == Operand::Kind::literal) {
    const auto v = static_cast<uint32_t>(x.value);
    if (bits < 64) return low_bits(v, std::max(bits * o.count, 32));
    if (o.data == Data::f) return static_cast<uint64_t>(v) << 32;
    if (o.data == Data::i) return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(v)));
    return v;
  }
  DOORBELL_CHECK(x.kind == Operand::Kind::constant, "kind {}", static_cast<int>(x.kind));
  // Integers are sign-extended over all that a packed operand takes (LLVM, getInlineEncodingV216).
  const int all = o.count > 1 && o.bits * o.count <= 64 ? std::max(o.bits * o.count, 32) : bits;
  if (x.index <= 192) return low_bits(static_cast<uint64_t>(x.index - 128), all);
  if (x.index <= 208) return low_bits(static_cast<uint64_t>(int64_t{192} - x.index), all);
  const InlineFloat& f = inline_floats[x.index - 240];
  if (bits == 64) return f.f64;
  if (o.data == Data::bf) return f.bf16;
  return bits == 16 && o.data == Data::f ? f.f16 : f.f32;
}

uint8_t counters(const Inst& inst) {
  const Row& r = row(inst);
  if (r.format == Format::sopp) return r.name.starts_with("s_sendmsg") ? counter::lgkm : uint8_t{0};
  if (r.format == Format::sop1) return r.unit == Unit::message ? counter::lgkm : uint8_t{0};
  if (r.count == 0) return 0;  // cache maintenance
  const bool to_lds = inst.mods.lds || r.name.starts_with("buffer_load_lds");
  const bool returns = r.atomic ? inst.mods.glc : r.operands[0].writes || to_lds;
  switch (r.format) {
    case Format::smem:
    case Format::ds: return counter::lgkm;
    case Format::flat: return (returns ? counter::vm : counter::vs) | counter::lgkm;
    case Format::global:
    case Format::scratch:
    case Format::mubuf:
    case Format::mtbuf: return returns ? counter::vm : counter::vs;
    default: return 0;
  }
}

}  // namespace doorbell::amd
