// Random words that reach every row: an encoding of a row of the table, its fields filled at random, and now
// and then a bit flipped anywhere.
#pragma once

#include <random>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/layout.h"

namespace doorbell::amd {

using Words = std::array<uint32_t, 4>;

struct WordMaker {
  Target target;
  std::mt19937_64& random;
  std::vector<const Row*> rows_here{};

  WordMaker(Target t, std::mt19937_64& r) : target(t), random(r) {
    for (const Row& row : rows())
      if (row.in(t.arch)) rows_here.push_back(&row);
  }

  // Zero, all ones, few bits, or anything: what is rare in uniform numbers is not rare here.
  uint64_t value(int bits) {
    uint64_t v = random();
    switch (random() % 8) {
      case 0: v = 0; break;
      case 1: v = random() % 5 == 0 ? ~uint64_t{0} : v & random(); break;
      case 2:
      case 3: v &= random(); break;
      default: break;
    }
    return v & ((uint64_t{1} << bits) - 1);
  }
  uint64_t source(int bits) {
    if (bits < 9) return value(bits);
    constexpr uint64_t codes[] = {106, 124, 125, 126, 128, 193, 208, 235, 240, 248, 253, 255, 255, 251};
    switch (random() % 6) {
      case 0: return random() % 128;
      case 1: return codes[random() % std::size(codes)];
      case 2: return random() % 256;
      default: return 256 + random() % 256;
    }
  }

  Words next() {
    const Row& row = *rows_here[random() % rows_here.size()];
    std::vector<Encoding> encodings;
    for (int e = 0; e <= static_cast<int>(Encoding::vop3_dpp8); ++e)
      if (fields::has_encoding(row, static_cast<Encoding>(e), target.arch))
        encodings.push_back(static_cast<Encoding>(e));
    const Encoding encoding = encodings[random() % encodings.size()];
    const fields::Layout& layout = fields::layout_of(row, encoding, target.arch);

    uint64_t opcode = static_cast<uint64_t>(row.opcode[static_cast<size_t>(target.arch)]);
    if (layout.format == Format::vop3 && row.format == Format::vop2) opcode += 0x100;
    if (layout.format == Format::vop3 && row.format == Format::vop1) opcode += 0x180;
    const bool careful = random() % 2;  // leave fields that the row lacks at zero
    const auto fill = [&](std::span<const fields::FieldAt> list, bool extension) {
      using fields::Bits;
      uint64_t word = 0;
      for (const fields::FieldAt& f : list) {
        if (f.bits == 0) break;
        uint64_t v = f.what == Bits::src0 || f.what == Bits::src1 || f.what == Bits::src2 ? source(f.bits)
                     : f.bits == 1 && random() % 2                                        ? 0
                                                                                          : value(f.bits);
        if (careful && fields::use_of(row, encoding, target.arch, f.what).used == 0) v = 0;
        // Modifiers would otherwise be refused together most of the time.
        const bool modifier = f.what >= Bits::neg && f.what <= Bits::omod && f.what != Bits::op_sel_hi;
        if (modifier && random() % 3 != 0) v = 0;
        if (f.what == Bits::opcode) v = opcode >> f.from;
        if (f.what == Bits::saddr && random() % 2) v = target.arch == Arch::gfx1030 ? 125 : 124;
        if (f.what == Bits::gds && row.gds_only) v = 1;
        if (!extension && f.what == Bits::src0 && fields::is_extended(encoding)) {
          const Encoding e = fields::without_vop3(encoding);
          v = e == Encoding::sdwa ? 249 : e == Encoding::dpp16 ? 250 : 233 + random() % 2;
        }
        // DPP's controls are sparse, and LLVM 19 crashes while it prints SDWA's reserved selectors.
        if (f.what == Bits::dpp_ctrl && v > 0xff)
          v = std::array<uint64_t, 6>{0x100, 0x110, 0x120, 0x140, 0x150, 0x160}[v % 6] + v / 6 % 16;
        if ((f.what == Bits::dst_sel || f.what == Bits::src0_sel || f.what == Bits::src1_sel) && v == 7)
          v = 6;
        if (f.what == Bits::dst_unused && v == 3) v = 2;
        word |= (v << f.at) & fields::bits_at(f.at, f.bits);
      }
      return word;
    };
    Words w{};
    for (uint32_t& x : w) x = static_cast<uint32_t>(random());
    uint64_t word = fill(layout.fields, false);
    const bool sdwa = encoding == Encoding::sdwa;
    if (random() % 16 == 0 && !sdwa) word ^= uint64_t{1} << random() % (layout.dwords * 32);
    word = (word & ~layout.mask) | layout.value;
    w[0] = static_cast<uint32_t>(word);
    if (layout.dwords == 2) w[1] = static_cast<uint32_t>(word >> 32);
    if (fields::is_extended(encoding))
      w[layout.dwords] = static_cast<uint32_t>(fill(fields::extension_of(row, encoding).fields, true));
    // A flipped bit may have made SDWA of something else.
    if (!sdwa && target.arch == Arch::gfx1030 && (w[0] & 0x800001ff) == 249) w[0] ^= 1;
    return w;
  }
};

}  // namespace doorbell::amd
