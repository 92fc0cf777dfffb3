#include "sim/amd/wave/valu.h"

#include <immintrin.h>

#include "codegen/isa/amd/inst.h"
#include "sim/amd/wave/float16.h"
#include "sim/amd/wave/float_mode.h"
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/masks.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

constexpr uint32_t lanes_max = 64;
using Register = uint32_t[lanes_max];

// ---- sources ----

struct Source {
  const uint32_t* lanes;
  uint64_t valid;  // per lane: all of its registers
  uint64_t low;    // its first register
};

// A buffer for one source of up to four registers.
struct alignas(64) Buffer {
  uint32_t word[4 * lanes_max];
};

inline Source fetch(Wave& w, const Place& p, Buffer& buffer) {
  uint32_t stride = w.stride;
  switch (p.kind) {
    case Place::vgpr: {
      uint64_t valid = w.valid[p.index];
      for (uint32_t r = 1; r < p.dwords; ++r) valid &= w.valid[p.index + r];
      return {w.v + static_cast<size_t>(p.index) * stride, valid, w.valid[p.index]};
    }
    case Place::scalar: {
      bool known = true;
      for (uint32_t r = 0; r < p.dwords; ++r) {
        spread(w.s[p.index + r], buffer.word + r * stride, stride);
        known &= w.lane_known(p.index + r);
      }
      return {buffer.word, all_or_none(known), all_or_none(w.lane_known(p.index))};
    }
    case Place::constant: return {p.lanes, ~uint64_t{0}, ~uint64_t{0}};
    case Place::mask: {
      expand(w.mask(p.index), buffer.word, stride);
      uint64_t known = known_mask(w, p.index);
      return {buffer.word, known, known};
    }
    case Place::vccz: spread(w.mask(reg::vcc) == 0, buffer.word, stride); break;
    case Place::execz: spread(w.exec() == 0, buffer.word, stride); break;
    case Place::scc: spread(w.scc, buffer.word, stride); break;
    case Place::none: break;
  }
  for (uint32_t r = 1; r < p.dwords; ++r)
    spread(0, buffer.word + r * stride, stride);  // one bit, zero-extended
  return {buffer.word, ~uint64_t{0}, ~uint64_t{0}};
}

// Which lanes of the result are known.
struct Known {
  uint64_t low, rest;  // of the first register, and of the others
};
inline Known combine(const Instruction& s, const Source* source, uint32_t stride) {
  uint64_t valid = ~uint64_t{0};
  if (s.validity == Validity::all) {
    for (uint32_t i = 0; i < s.sources; ++i) valid &= source[i].valid;
  } else if (s.validity == Validity::rising) {
    uint64_t low = ~uint64_t{0};
    for (uint32_t i = 0; i < s.sources; ++i) {
      valid &= source[i].valid;
      low &= source[i].low;
    }
    return {low, valid};
  } else if (s.validity == Validity::any) {
    uint64_t any = 0;
    bool data = false;
    for (uint32_t i = 0; i < s.sources; ++i) {
      if (s.s[i].kind == Place::constant) continue;  // masks and distances: they make nothing known
      any |= source[i].valid;
      data = true;
    }
    if (data) valid = any;
  } else if ((source[0].valid & source[1].valid & source[2].valid) != ~uint64_t{0}) {
    uint64_t mask = pack(source[2].lanes, stride);
    valid = source[2].valid & ((mask & source[1].valid) | (~mask & source[0].valid));
  }
  return {valid, valid};
}

// ---- passes over sources ----

using doorbell::amd::Encoding;
using doorbell::amd::Inst;
using doorbell::amd::Modifiers;

constexpr int no_source = -1;

// DPP16: which lane `lane` reads from within its row of 16, or no_source. Sources: RDNA2 ISA 13.3.9, RDNA3
// ISA 15.10: DPP_CTRL.
int dpp16_source(int ctrl, int lane) {
  int row = lane & ~15, at = lane & 15;
  if (ctrl < 0x100) return (lane & ~3) | (ctrl >> 2 * (lane & 3) & 3);  // quad_perm
  int by = ctrl & 15;
  switch (ctrl & 0x1f0) {
    case 0x100: return at + by < 16 ? lane + by : no_source;  // row_shl
    case 0x110: return at - by >= 0 ? lane - by : no_source;  // row_shr
    case 0x120: return row | ((at - by) & 15);                // row_ror
    case 0x140:
      return by == 0 ? row | (15 - at)                   // row_mirror
                     : row | (at & 8) | (7 - (at & 7));  // row_half_mirror
    case 0x150: return row | by;                         // row_share
    case 0x160: return row | (at ^ by);                  // row_xmask
  }
  return no_source;
}

// Permutes a source; lanes that may not be written are taken out of `writable`.
void dpp(const Wave& w, const Inst& inst, uint64_t exec, Source& source, Buffer& to, uint64_t& writable) {
  const Modifiers& mods = inst.mods;
  bool eight = doorbell::amd::is_dpp8(inst.encoding);
  uint64_t valid = 0;
  for (uint32_t lane = 0; lane < w.stride; ++lane) {
    int from = eight ? static_cast<int>((lane & ~7u) | (mods.dpp8 >> 3 * (lane & 7) & 7))
                     : dpp16_source(mods.dpp_ctrl, static_cast<int>(lane));
    bool readable = from != no_source && ((exec >> from & 1) || mods.fetch_inactive);
    uint32_t value = readable ? source.lanes[from] : 0;
    bool known = readable ? source.valid >> from & 1 : true;
    to.word[lane] = value;
    valid |= static_cast<uint64_t>(known) << lane;
    if (eight) continue;  // disabled lanes read as 0
    bool enabled = (mods.row_mask >> (lane / 16) & 1) && (mods.bank_mask >> (lane / 4 % 4) & 1) &&
                   (readable || mods.bound_ctrl);
    if (!enabled) writable &= ~(uint64_t{1} << lane);
  }
  source = {to.word, valid, valid};
}

// SDWA's selection: a byte or word of the dword, zero- or sign-extended.
uint32_t select(uint32_t value, uint32_t sel, bool sext) {
  if (sel < 4) {
    uint32_t byte = value >> 8 * sel & 0xff;
    return sext ? static_cast<uint32_t>(static_cast<int8_t>(byte)) : byte;
  }
  if (sel < 6) {
    uint32_t word = value >> 16 * (sel - 4) & 0xffff;
    return sext ? static_cast<uint32_t>(static_cast<int16_t>(word)) : word;
  }
  return value;
}

inline bool bit(uint32_t set, uint32_t number) { return number < 8 && (set >> number & 1); }

// Everything that an encoding does to a source before the operation sees it.
void modify(const Wave& w, const Instruction& s, const Place& p, Source& source, Buffer& to) {
  const Inst& inst = *s.inst;
  const Modifiers& mods = inst.mods;
  uint32_t stride = w.stride, n = p.number;
  auto map = [&](auto f) __attribute__((always_inline)) {
    const uint32_t* from = source.lanes;
    for (uint32_t i = 0; i < stride; ++i) to.word[i] = f(from[i]);
    for (uint32_t i = stride; i < stride * p.dwords; ++i) to.word[i] = from[i];
    source.lanes = to.word;
  };
  if (inst.encoding == Encoding::sdwa && n < 2) {
    uint32_t sel = n == 0 ? mods.src0_sel : mods.src1_sel;
    bool sext = bit(mods.sext, n);
    if (sel != 6 || sext) map([=](uint32_t x) { return select(x, sel, sext); });
  }
  if (p.count == 2 && p.bits == 16 && n < 3) {  // packed: each half chooses its own
    bool low = bit(mods.op_sel, n), high = bit(mods.op_sel_hi, n);
    uint32_t flip =
        p.is_float ? (bit(mods.neg, n) ? 0x8000u : 0) | (bit(mods.neg_hi, n) ? 0x80000000u : 0) : 0;
    if (low || !high || flip) {
      map([=](uint32_t x) {
        return ((low ? x >> 16 : x & 0xffff) | (high ? x & 0xffff0000 : x << 16)) ^ flip;
      });
    }
    return;
  }
  if (s.mix) {  // op_sel_hi says f16, op_sel which half; neg_hi is abs
    if (n < 3) {
      bool half = bit(mods.op_sel_hi, n), high = bit(mods.op_sel, n), flush = mode::flushes_sources(w, 16);
      uint32_t keep = bit(mods.neg_hi, n) ? 0x7fffffff : ~0u, flip = bit(mods.neg, n) ? 0x80000000 : 0;
      map([=](uint32_t x) {
        if (half) {
          auto bits = static_cast<uint16_t>(high ? x >> 16 : x);
          x = bits_of<uint32_t>(wide(f16{flush ? Half::flushed(bits) : bits}));
        }
        return (x & keep) ^ flip;
      });
    }
    return;
  }
  if (p.bits == 16 && p.count == 1 && (p.high || (n < 3 && bit(mods.op_sel, n))))
    map([](uint32_t x) { return x >> 16; });
  bool abs = bit(mods.abs, n), neg = bit(mods.neg, n);
  if (abs || neg) {  // of v_cndmask_b32 too, which moves bits
    uint32_t sign = p.bits == 16 ? 0x8000 : 0x80000000, keep = abs ? ~sign : ~0u, flip = neg ? sign : 0;
    if (p.dwords == 1) {
      map([=](uint32_t x) { return (x & keep) ^ flip; });
    } else {
      const uint32_t* from = source.lanes;
      for (uint32_t i = 0; i < stride; ++i) {
        to.word[i] = from[i];
        to.word[i + stride] = (from[i + stride] & keep) ^ flip;
      }
      source.lanes = to.word;
    }
  }
}

// ---- results ----

// The lanes' function, as MODE and the modifiers of the result change it.
void compute(const Wave& w, const Instruction& s, Lanes& lanes) {
  const Modifiers& mods = s.inst->mods;
  if (mods.clamp && s.saturating) return s.saturating(lanes);
  bool other_mode = s.is_float && !w.mode_plain;
  if (!other_mode && !(s.d_float && mods.clamp)) return s.lanes(lanes);
  const uint32_t* before[4] = {lanes.s[0], lanes.s[1], lanes.s[2], lanes.s[3]};
  Buffer prepared[4];
  uint32_t saved = _mm_getcsr();
  if (other_mode) {
    for (uint32_t i = 0; i < s.sources; ++i) {
      const Place& p = s.s[i];
      if (!prepares(w, s, p)) continue;
      __builtin_memcpy(prepared[i].word, lanes.s[i], lanes.stride * p.dwords * 4);
      prepare(w, s, p, prepared[i].word, lanes.stride);
      lanes.s[i] = prepared[i].word;
    }
    _mm_setcsr(s.mode32 ? w.mxcsr32 : w.mxcsr64);
  }
  s.lanes(lanes);
  if (s.d_float) finish(w, s, before, lanes.d, lanes.stride);
  if (other_mode) _mm_setcsr(saved);
}

// Any instruction, any modifiers, any exec.
__attribute__((noinline)) bool general(Wave& w, const Instruction& s) {
  const Inst& inst = *s.inst;
  const Modifiers& mods = inst.mods;
  uint32_t stride = w.stride;
  uint64_t exec = w.exec(), writable = exec;
  if (exec == 0 && s.m_dwords == 0) return true;
  Buffer buffer[4], moved[4];
  Lanes lanes{};
  lanes.stride = stride;
  Source source[4];
  bool is_dpp = doorbell::amd::is_dpp16(inst.encoding) || doorbell::amd::is_dpp8(inst.encoding);
  for (uint32_t i = 0; i < s.sources; ++i) {
    source[i] = fetch(w, s.s[i], buffer[i]);
    if (is_dpp && s.s[i].number == 0) dpp(w, inst, exec, source[i], moved[i], writable);
    if (!s.plain) modify(w, s, s.s[i], source[i], moved[i]);
    lanes.s[i] = source[i].lanes;
  }
  Known known = combine(s, source, stride);
  uint64_t valid = known.rest;
  Buffer d, m;
  lanes.d = d.word;
  lanes.m = m.word;
  compute(w, s, lanes);

  if (s.d_dwords) {
    if (s.half) {  // the other half stays
      bool high = s.half_high;
      const uint32_t* old = w.vgpr(s.d);
      for (uint32_t i = 0; i < stride; ++i) {
        d.word[i] = high ? (old[i] & 0xffff) | d.word[i] << 16 : (old[i] & 0xffff0000) | (d.word[i] & 0xffff);
      }
    }
    if (inst.encoding == Encoding::sdwa && mods.dst_sel != 6) {
      uint32_t shift = mods.dst_sel < 4 ? 8 * mods.dst_sel : 16 * (mods.dst_sel - 4);
      uint32_t field = mods.dst_sel < 4 ? 0xff : 0xffff;
      const uint32_t* old = w.vgpr(s.d);
      for (uint32_t i = 0; i < stride; ++i) {
        uint32_t x = d.word[i] & field;
        uint32_t rest = 0;  // dst_unused: 0 pads with zeros, 1 extends the sign, 2 preserves
        if (mods.dst_unused == 2) rest = old[i] & ~(field << shift);
        if (mods.dst_unused == 1 && (x & (field ^ field >> 1)))
          rest = ~((field << shift) | ((1u << shift) - 1));
        d.word[i] = rest | x << shift;
      }
    }
    for (uint32_t r = 0; r < s.d_dwords; ++r) {
      blend(w.vgpr(s.d + r), d.word + r * stride, writable, stride);
      uint64_t old = w.valid[s.d + r];
      // A half written leaves the register as known as either half was.
      w.valid[s.d + r] = (old & ~writable) | (writable & (s.half ? valid | old : r == 0 ? known.low : valid));
    }
  }
  if (s.m_dwords) {
    write_mask(w, s, pack(m.word, stride) & writable, valid | ~writable);
    if (s.m == reg::exec && (writable & ~valid) != 0) return fault_invalid_exec(w, s);
  }
  return true;
}

}  // namespace

// Nothing is assumed of the operands.
bool valu(Wave& w, const Instruction& s) {
  uint32_t stride = w.stride;
  if (w.exec() != w.all_lanes || !s.plain || (s.is_float && !w.mode_plain)) return general(w, s);
  Buffer buffer[4];
  alignas(64) uint32_t m[lanes_max];
  Lanes lanes;
  lanes.stride = stride;
  Source source[4];
  for (uint32_t i = 0; i < s.sources; ++i) {
    source[i] = fetch(w, s.s[i], buffer[i]);
    lanes.s[i] = source[i].lanes;
  }
  Known known = combine(s, source, stride);
  uint64_t valid = known.rest;
  lanes.d = w.vgpr(s.d);
  lanes.m = m;
  s.lanes(lanes);
  for (uint32_t r = 0; r < s.d_dwords; ++r) w.valid[s.d + r] = r == 0 ? known.low : valid;
  if (s.m_dwords) {
    write_mask(w, s, pack(m, stride), valid);
    if (s.m == reg::exec && (valid & w.all_lanes) != w.all_lanes) return fault_invalid_exec(w, s);
  }
  return true;
}

namespace {

// A float instruction of the scalar unit computes as the vector instruction of its name, for one lane.
bool scalar_float(Wave& w, const Instruction& s) {
  constexpr uint32_t one = 32;  // lanes of which the first counts
  Buffer buffer[4];
  Register d, m;
  Lanes lanes{};
  lanes.stride = one;
  lanes.d = d;
  lanes.m = m;
  bool known = true;
  for (uint32_t i = 0; i < s.sources; ++i) {
    const Place& p = s.s[i];
    Source source = fetch(w, p, buffer[i]);
    known &= source.valid != 0;
    spread(source.lanes[0] >> (p.high ? 16 : 0), buffer[i].word, one);
    lanes.s[i] = buffer[i].word;
  }
  compute(w, s, lanes);
  if (s.writes_scc) {
    w.scc = m[0] & 1;
    w.scc_valid = known;
  } else {
    w.s[s.d] = s.d_bits * s.d_count == 16 ? d[0] & 0xffff : d[0];  // the upper half becomes zero
    w.sv[s.d] = known ? ~uint32_t{0} : 0;
  }
  return true;
}

// What the row's own handler takes: whole registers, no modifiers, sources of the commonest kinds.
Run handler(const Instruction& s) {
  if (!s.fused || !s.plain || s.to_scalar || s.sources == 0) return valu;
  for (uint32_t i = 0; i < s.sources; ++i) {
    const Place& p = s.s[i];
    if (p.kind != Place::vgpr && p.kind != Place::scalar && p.kind != Place::constant &&
        p.kind != Place::mask)
      return valu;
  }
  return s.fused;
}

}  // namespace

LaneMatrix lane_matrix();
LaneMemory lane_memory();
LaneRows integer_rows();
LaneRows float_rows();
LaneRows convert_rows();
LaneRows half_rows();
LaneRows packed_rows();
LaneRows special_rows();

const Simd& table();
const Simd& table() {
  static const Simd all = {
      DOORBELL_SIMD_NAME,
      valu,
      scalar_float,
      handler,
      lane_memory(),
      lane_matrix(),
      {integer_rows(), float_rows(), convert_rows(), half_rows(), packed_rows(), special_rows()}};
  return all;
}

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
