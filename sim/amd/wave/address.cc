// From operands to addresses. Sources: RDNA2 ISA and RDNA3 ISA: "Flat Memory Instructions", "Buffer
// Addressing".
#include <bit>

#include "sim/amd/wave/memory.h"

namespace doorbell::sim::amd {
namespace {

using doorbell::amd::Format;

int first_lane(uint64_t lanes) { return static_cast<int>(std::countr_zero(lanes)); }

// Where byte `offset` of element `index` lies, from the base and the scalar offset on.
uint64_t buffer_offset(const Resource& r, uint64_t index, uint64_t offset) {
  if (!r.swizzle) return index * r.stride + offset;
  uint64_t index_high = index / r.index_stride, index_low = index % r.index_stride;
  uint64_t offset_high = offset / r.element, offset_low = offset % r.element;
  return (index_high * r.stride + offset_high * r.element) * r.index_stride + index_low * r.element +
         offset_low;
}

// Whether so many bytes are in range. RDNA3 ISA 9.4.1, "Buffer Out Of Bounds Selection"; gfx10 looks at where
// they begin alone (Mesa, src/amd/common/ac_descriptors.c, OOB_SELECT).
bool in_range(const Resource& r, bool gfx10, uint64_t index, uint64_t offset, uint64_t soffset,
              unsigned bytes) {
  uint64_t end = gfx10 ? offset + 1 : offset + bytes;
  bool in_element = index < r.records && end <= r.stride;
  switch (r.oob) {
    case 0: return in_element;
    case 1: return index < r.records;
    case 2: return r.records != 0;
    default:
      if (r.swizzle && gfx10) return soffset + buffer_offset(r, index, offset) < r.records;
      return r.swizzle && r.stride != 0 ? in_element : end + soffset <= r.records;
  }
}

}  // namespace

bool scalar_base(Wave& w, const Instruction& s, int index, unsigned dwords, uint64_t& value) {
  value = 0;
  if (index < 0) return true;
  bool known = w.sv[index] == ~uint32_t{0} && (dwords == 1 || w.sv[index + 1] == ~uint32_t{0});
  if (!known &&
      !violates(w, s, Check::invalid_address,
                fmt::format("{} holds data that nobody wrote", scalar_name(static_cast<unsigned>(index))))) {
    return false;
  }
  value = dwords == 1 ? w.s[index] : w.scalar64(static_cast<uint32_t>(index));
  return true;
}

bool address_known(Wave& w, const Instruction& s, uint64_t exec) {
  if (s.reach.address < 0) return true;
  uint64_t known = exec;
  for (int i = 0; i < s.reach.address_dwords; ++i) known &= w.valid[s.reach.address + i];
  return known == exec ||
         violates(w, s, Check::invalid_address,
                  fmt::format("the address in v{} is data that nobody wrote", s.reach.address),
                  first_lane(exec & ~known));
}

bool resource(Wave& w, const Instruction& s, int index, Resource& r) {
  uint32_t known = ~uint32_t{0}, word[4];
  for (int i = 0; i < 4; ++i) {
    word[i] = w.s[index + i];
    known &= w.sv[index + i];
  }
  if (known != ~uint32_t{0} &&
      !violates(
          w, s, Check::invalid_scalar,
          fmt::format("the buffer descriptor in s[{}:{}] holds data that nobody wrote", index, index + 3))) {
    return false;
  }
  r.base = word[0] | static_cast<uint64_t>(word[1] & 0xffff) << 32;
  r.stride = word[1] >> 16 & 0x3fff;
  r.records = word[2];
  constexpr uint32_t index_strides[] = {8, 16, 32, 64};
  r.index_stride = index_strides[word[3] >> 21 & 3];
  r.add_tid = word[3] >> 23 & 1;
  r.oob = word[3] >> 28 & 3;
  r.select = word[3] & 0xfff;
  r.format = word[3] >> 12 & (w.context->gfx10() ? 0x7f : 0x3f);
  if (w.context->gfx10()) {
    r.swizzle = word[1] >> 31;
    r.element = 4;
  } else {
    uint32_t swizzle = word[1] >> 30;
    r.swizzle = swizzle != 0;
    r.element = swizzle == 2 ? 8 : swizzle == 3 ? 16 : 4;
  }
  return true;
}

bool addresses(Wave& w, const Instruction& s, const Transfer& t, Addresses& a) {
  const doorbell::amd::Modifiers& mods = s.inst->mods;
  const Reach& reach = s.reach;
  const LaneMemory& lanes = simd().memory;
  if (!address_known(w, s, a.exec)) return false;
  const uint32_t* v = reach.address >= 0 ? w.vgpr(static_cast<uint32_t>(reach.address)) : nullptr;
  auto offset = static_cast<uint64_t>(static_cast<int64_t>(mods.offset));
  // Every lane's, or the same for all.
  auto add32 = [&](uint64_t add) {
    if (v) return lanes.address32(v, w.stride, add, a.at);
    for (uint32_t i = 0; i < w.stride; ++i) a.at[i] = add;
  };
  auto by_lane = [&](uint64_t base) {
    for (uint32_t i = 0; i < w.stride; ++i) a.at[i] = base + 4 * i;
  };
  auto low_halves = [&] {
    for (uint32_t i = 0; i < w.stride; ++i) a.at[i] &= 0xffffffff;
  };
  switch (doorbell::amd::rows()[s.row].format) {
    case Format::ds:
      a.lds = a.exec;
      if (t.addtid) return by_lane((w.s[reg::m0] & 0xffff) + offset), true;
      add32(t.two ? 0 : offset);
      low_halves();
      return true;
    case Format::global: {
      uint64_t base = 0;
      if (!scalar_base(w, s, reach.scalar, 2, base)) return false;
      if (t.addtid) by_lane(base + offset);
      else if (reach.scalar < 0) lanes.address64(v, w.stride, offset, a.at);
      else add32(base + offset);
      return true;
    }
    case Format::flat:
      lanes.address64(v, w.stride, offset, a.at);
      for (uint32_t i = 0; i < w.stride; ++i) {
        uint64_t aperture = a.at[i] & 0xffffffff00000000, bit = uint64_t{1} << i;
        if (aperture == shared_aperture) a.lds |= bit;
        else if (aperture == private_aperture) a.scratch |= bit;
        else continue;
        a.at[i] &= 0xffffffff;
      }
      a.lds &= a.exec;
      a.scratch &= a.exec;
      return true;
    case Format::scratch: {
      uint64_t base = 0;
      if (!scalar_base(w, s, reach.scalar, 1, base)) return false;
      a.scratch = a.exec;
      add32(base + offset);
      low_halves();
      return true;
    }
    case Format::mubuf:
    case Format::mtbuf: {
      Resource r;
      if (!resource(w, s, reach.descriptor, r)) return false;
      uint64_t soffset = reach.offset_value;
      if (reach.offset >= 0 && !scalar_base(w, s, reach.offset, 1, soffset)) return false;
      const uint32_t* index = mods.idxen ? v : nullptr;
      const uint32_t* off = mods.offen ? (mods.idxen ? v + w.stride : v) : nullptr;
      if (r.format == 0 && !r.add_tid) {  // unbound: RDNA3 ISA 9.6
        a.zero = a.exec;
        a.exec = 0;
        return true;
      }
      // Dwords are checked one by one, except those that are converted or are one operand of an atomic.
      bool apart = (t.what == Do::load || t.what == Do::store) && !t.format && t.bytes > 4;
      unsigned piece = apart ? 4 : t.bytes;
      for (uint64_t left = a.exec; left; left &= left - 1) {
        auto lane = static_cast<uint32_t>(std::countr_zero(left));
        uint64_t i = (index ? index[lane] : 0) + uint64_t{r.add_tid ? lane : 0};
        uint64_t o = (off ? off[lane] : 0) + offset;
        unsigned inside = 0;
        while (inside < t.bytes && in_range(r, w.context->gfx10(), i, o + inside, soffset, piece))
          inside += piece;
        a.at[lane] = r.base + soffset + buffer_offset(r, i, o);
        a.inside[lane] = static_cast<uint8_t>(inside / 4);
        if (inside < t.bytes) (inside == 0 ? a.zero : a.partial) |= uint64_t{1} << lane;
      }
      a.exec &= ~(a.zero | a.partial);
      return true;
    }
    default: return true;
  }
}

}  // namespace doorbell::sim::amd
