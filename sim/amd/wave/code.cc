// From bytes to instructions: the decoder's instructions with their meaning and their operands resolved.
#include <algorithm>
#include <cstring>

#include "sim/amd/wave/context.h"
#include "sim/amd/wave/memory.h"
#include "sim/amd/wave/semantics.h"

namespace doorbell::sim::amd {
namespace {

namespace isa = doorbell::amd;
using isa::Encoding;
using isa::Format;
using isa::Inst;
using isa::Operand;
using isa::OperandRow;
using isa::Row;

constexpr uint32_t longest_block = 64;  // instructions

void touch(Instruction& s, uint16_t first, unsigned count, bool vector, bool read, bool write) {
  if (count == 0 || s.touches == std::size(s.touch)) return;
  s.touch[s.touches++] = {first, static_cast<uint8_t>(count), vector, read, write};
}

Place place(const Operand& x, const OperandRow& o, unsigned wave, unsigned number) {
  Place p;
  p.dwords = static_cast<uint8_t>(x.dwords ? x.dwords : o.dwords(static_cast<int>(wave)));
  p.index = x.index;
  p.bits = o.bits;
  p.count = o.count;
  p.brain = o.data == isa::Data::bf;
  p.is_float = p.brain || o.data == isa::Data::f;
  p.number = static_cast<uint8_t>(number);
  p.high = x.high;
  switch (x.kind) {
    case Operand::Kind::vgpr: p.kind = Place::vgpr; break;
    case Operand::Kind::sgpr:
      p.kind = o.data == isa::Data::mask ? Place::mask : Place::scalar;
      if (x.index == reg::null) p.kind = Place::constant;
      break;
    case Operand::Kind::constant:
    case Operand::Kind::literal:
      p.kind = Place::constant;
      p.value = isa::constant_bits(x, o);
      break;
    case Operand::Kind::special:
      p.kind = Place::constant;
      switch (x.index) {
        case isa::special::vccz: p.kind = Place::vccz; break;
        case isa::special::execz: p.kind = Place::execz; break;
        case isa::special::scc: p.kind = Place::scc; break;
        // As a 32-bit operand these read as their low, as a 64-bit one as both words.
        case isa::special::shared_base: p.value = shared_aperture; break;
        case isa::special::shared_limit: p.value = shared_aperture | 0xffffffff; break;
        case isa::special::private_base: p.value = private_aperture; break;
        case isa::special::private_limit: p.value = private_aperture | 0xffffffff; break;
        default: p.value = 0;
      }
      break;
    default: break;
  }
  return p;
}

// Modifiers that change what a vector instruction computes from, or where its result goes.
bool modified(const Inst& inst, const Instruction& s) {
  const isa::Modifiers& m = inst.mods;
  if (inst.encoding != Encoding::base && inst.encoding != Encoding::vop3) return true;
  if (m.neg || m.abs || m.neg_hi || m.op_sel || m.clamp || m.omod || s.half || s.mix) return true;
  for (unsigned i = 0; i < s.sources; ++i) {
    if (s.s[i].high) return true;
    if (s.s[i].count == 2 && s.s[i].bits == 16 && s.s[i].number < 3 && !(m.op_sel_hi >> s.s[i].number & 1))
      return true;
  }
  return false;
}

unsigned source_number(isa::Slot slot) {
  switch (slot) {
    case isa::Slot::src0: return 0;
    case isa::Slot::src1: return 1;
    case isa::Slot::src2: return 2;
    default: return 7;
  }
}

// The register of an operand, or -1: absent, null, a constant.
int16_t register_of(const Operand& x) {
  bool is_register = x.kind == Operand::Kind::vgpr || (x.kind == Operand::Kind::sgpr && x.index != reg::null);
  return is_register ? static_cast<int16_t>(x.index) : int16_t{-1};
}

Reach reach_of(const Inst& inst, const Row& row, unsigned wave) {
  Reach r;
  for (unsigned i = 0; i < row.count; ++i) {
    const OperandRow& o = row.operands[i];
    const Operand& x = inst.operands[i];
    if (x.kind == Operand::Kind::none) continue;
    int16_t index = register_of(x);
    switch (o.slot) {
      case isa::Slot::vdst: r.d = index; break;
      case isa::Slot::vdata:
        if (o.writes) r.d = index;
        if (o.reads) r.data = index;
        break;
      case isa::Slot::data0: r.data = index; break;
      case isa::Slot::data1: r.data1 = index; break;
      case isa::Slot::vaddr:
        r.address = index;
        r.address_dwords = static_cast<uint8_t>(x.dwords ? x.dwords : o.dwords(static_cast<int>(wave)));
        break;
      case isa::Slot::saddr: r.scalar = index; break;
      case isa::Slot::sbase: (o.count == 4 ? r.descriptor : r.scalar) = index; break;
      case isa::Slot::srsrc: r.descriptor = index; break;
      case isa::Slot::soffset:
      case isa::Slot::soff:
        r.offset = index;
        if (index < 0 && x.kind != Operand::Kind::sgpr) {
          r.offset_value = static_cast<uint32_t>(isa::constant_bits(x, o));
        }
        break;
      default: break;
    }
  }
  bool load = row.name.find("_load_") != std::string_view::npos;
  r.returns = r.d >= 0 && (load || row.format == Format::ds || (row.atomic && inst.mods.glc));
  return r;
}

// Fills a step from operands [first, ...) of the instruction; a half of a VOPD pair has a row of its own.
void fill(Instruction& s, const Inst& inst, isa::Op op, unsigned first, isa::Target target, uint64_t pc) {
  const Row& row = isa::row(op);
  const Semantics& meaning = semantics(op);
  s.run = meaning.run ? meaning.run : run_unknown;
  if (inst.mods.gds && !row.name.starts_with("ds_gws_")) s.run = run_unknown;
  if (inst.mods.lds && row.format == Format::mubuf) s.run = buffer_run(row, true);
  s.lanes = meaning.lanes;
  s.saturating = meaning.saturating;
  s.fused = meaning.fused;
  s.scalar = meaning.scalar;
  s.validity = meaning.validity;
  s.selects = meaning.selects;
  s.divides = meaning.divides;
  s.row = static_cast<uint16_t>(op);
  s.inst = &inst;
  unsigned wave = target.wave;
  bool vop = row.format >= Format::vop2 && row.format <= Format::vopd;
  if (row.format == Format::smem || row.format >= Format::ds) s.reach = reach_of(inst, row, wave);
  bool memory = row.format >= Format::ds, lanes = s.lanes != nullptr;
  bool atomic_returns = !row.atomic || inst.mods.glc;

  Place accumulators[2], masks[2];
  unsigned accumulator_count = 0, mask_count = 0;
  for (unsigned i = 0; i < row.count; ++i) {
    const OperandRow& o = row.operands[i];
    const Operand& x = inst.operands[first + i];
    if (x.kind == Operand::Kind::none) continue;
    if (x.kind == Operand::Kind::imm) {
      s.k = x.value;
      if (o.notation == isa::Notation::k16) s.k = static_cast<int16_t>(x.value);
      if (o.notation == isa::Notation::rel)
        s.k = static_cast<int64_t>(pc) + 4 + 4 * static_cast<int64_t>(static_cast<int16_t>(x.value));
      continue;
    }
    unsigned dwords = x.dwords ? x.dwords : static_cast<unsigned>(o.dwords(static_cast<int>(wave)));
    bool writes = o.writes && !(memory && row.atomic && !atomic_returns);
    bool null = x.kind == Operand::Kind::sgpr && x.index == reg::null;
    if (x.kind == Operand::Kind::vgpr) touch(s, x.index, dwords, true, o.reads, writes);
    if (x.kind == Operand::Kind::sgpr && !null) touch(s, x.index, dwords, false, o.reads, writes);
    if (o.writes && !memory &&
        source_number(o.slot) >= 3) {  // the source that v_swap_b32 writes is none of these
      uint16_t index = null ? reg::bin : x.index;
      if (o.data == isa::Data::mask && vop) {
        s.m = index;
        s.m_dwords = static_cast<uint8_t>(wave / 32);
      } else {
        s.d = index;
        s.d_dwords = static_cast<uint8_t>(dwords);
        s.d_bits = o.bits;
        s.d_count = o.count;
        s.to_scalar = x.kind == Operand::Kind::sgpr;
        s.half = vop && !s.to_scalar && o.bits * o.count < 32;
        s.half_high = x.high || (inst.mods.op_sel >> 3 & 1);
        s.d_float = lanes && o.data == isa::Data::f;
        if (o.reads) {
          if (vop || lanes) {
            accumulators[accumulator_count] = place(x, o, wave, 7);
            accumulators[accumulator_count++].high = s.half && s.half_high;
          }
          s.reads_d = true;
        }
      }
      continue;
    }
    if (memory) continue;
    Place p = place(x, o, wave, source_number(o.slot));
    if (lanes && p.is_float) s.is_float = true;
    if (p.count == 2 && p.bits == 16 && row.format != Format::vop3p) p.count = 1, p.bits = 32;  // read whole
    if (p.kind == Place::mask) masks[mask_count++] = p;
    else if (s.sources < std::size(s.s)) s.s[s.sources++] = p;
  }
  auto append = [&](const Place& p) {
    if (s.sources < std::size(s.s)) s.s[s.sources++] = p;
  };
  for (unsigned i = 0; i < accumulator_count; ++i) append(accumulators[i]);
  s.is_float |= s.d_float;
  s.mode32 = s.d_dwords ? s.d_bits == 32 : s.sources > 0 && s.s[0].bits == 32;
  if (vop) {
    for (unsigned i = 0; i < mask_count; ++i) append(masks[i]);
    if (row.reads & isa::implicit::vcc) {
      Place p;
      p.kind = Place::mask;
      p.index = reg::vcc;
      p.number = 7;
      append(p);
    }
    if (row.writes & isa::implicit::exec) {
      s.m = reg::exec;
      s.m_dwords = static_cast<uint8_t>(wave / 32);
    }
    s.mix = row.name.starts_with("v_fma_mix");
    if (row.name == "v_fma_mixhi_f16") s.half_high = true;
    if (row.name.find("_class_") != std::string_view::npos) s.is_float = false;  // looks at bits
    s.plain = !modified(inst, s);
  }
  if (row.name == "s_cvt_hi_f32_f16") s.s[0].high = true;
  s.reads_scc = row.reads & isa::implicit::scc;
  s.writes_scc = row.writes & isa::implicit::scc;
  s.writes_exec = !vop && ((row.writes & isa::implicit::exec) ||
                           (s.d_dwords && s.d >= reg::exec - (s.d_dwords - 1u) && s.d <= reg::exec + 1u));
  if (row.reads & isa::implicit::vcc) touch(s, reg::vcc, wave / 32, false, true, false);
  if (row.reads & isa::implicit::m0) touch(s, reg::m0, 1, false, true, false);
  if (row.writes & isa::implicit::vcc) touch(s, reg::vcc, wave / 32, false, false, true);
}

// Hints to the hardware's scheduler, which change nothing here.
bool is_hint(const Row& row) {
  return row.name == "s_delay_alu" || row.name == "s_nop" || row.name == "s_clause" ||
         row.name == "s_set_inst_prefetch_distance" || row.name == "s_setprio" ||
         row.name == "s_singleuse_vdst";
}

bool ends_block(const Row& row) {
  return row.unit == isa::Unit::branch || row.name == "s_barrier" || row.name == "s_sleep" ||
         row.name == "s_icache_inv" || row.name.starts_with("ds_gws_");
}

bool reads(const Instruction& s, uint16_t vgpr) {
  return std::any_of(s.touch, s.touch + s.touches, [&](const Touch& t) {
    return t.vector && t.read && t.first <= vgpr && vgpr < t.first + t.count;
  });
}

// Spreads constants over lanes, and turns register numbers into distances.
void resolve(Instruction& s, isa::Target target, std::deque<LaneConstant>& constants) {
  for (unsigned i = 0; i < s.sources; ++i) {
    Place& p = s.s[i];
    if (p.kind == Place::vgpr) p.distance = uint32_t{p.index} * target.wave;
    if (p.kind != Place::constant) continue;
    LaneConstant& made = constants.emplace_back();
    std::fill_n(made.word, target.wave, static_cast<uint32_t>(p.value));
    std::fill_n(made.word + target.wave, target.wave, static_cast<uint32_t>(p.value >> 32));
    p.lanes = made.word;
    p.index = reg::always_valid;
  }
}

// A pair of which the second half reads what the first one writes: both read before either writes.
bool run_pair(Wave& w, const Instruction& s) {
  const Instruction& second = (&s)[1];
  uint32_t old[64], now[64];
  uint32_t* d = w.vgpr(s.d);
  uint64_t old_valid = w.valid[s.d];
  std::memcpy(old, d, w.stride * 4);
  if (!simd().valu(w, s)) return false;
  std::memcpy(now, d, w.stride * 4);
  uint64_t now_valid = w.valid[s.d];
  std::memcpy(d, old, w.stride * 4);
  w.valid[s.d] = old_valid;
  if (!simd().valu(w, second)) return false;
  std::memcpy(d, now, w.stride * 4);
  w.valid[s.d] = now_valid;
  return true;
}
bool run_nothing(Wave&, const Instruction&) { return true; }

}  // namespace

bool CodeCache::still(const Vm::Reader& reader, Code& code) const {
  const Region* region = reader.find(code.block.pc, code.bytes.size(), access_execute);
  return region && std::memcmp(region->seen(code.block.pc, code.bytes.size()), code.bytes.data(),
                               code.bytes.size()) == 0;
}

Block* CodeCache::find(const Vm::Reader& reader, uint64_t pc, bool judge, Missing& missing) {
  auto known = at_.find(pc);
  auto lost = [&] {
    std::optional<uint64_t> at = reader.vm().lost();
    if (at) missing = {Missing::fetch, *at, std::string(Vm::lost_text)};
    return at.has_value();
  };
  if (known != at_.end()) {
    Code& code = *known->second;
    if (code.block.checked == epoch_) return &code.block;
    bool same = still(reader, code);
    if (lost()) return nullptr;
    if (same) {
      code.block.checked = epoch_;
      code.fetched = fetched_;
      return &code.block;
    }
    if (judge && code.fetched == fetched_) {
      missing = {Missing::stale, pc,
                 "the instructions have changed since they were fetched, and the instruction cache was not "
                 "invalidated"};
      return nullptr;
    }
    stale_.push_back(std::move(known->second));
    at_.erase(known);
  }
  auto code = std::make_unique<Code>();
  code->insts.reserve(longest_block);  // instructions point into it
  uint64_t at = pc;
  bool ended = false;
  while (!ended && code->insts.size() < longest_block) {
    // Instructions are at most three dwords; a region may end behind one.
    std::byte word[12];
    size_t have = 0;
    while (have < sizeof word) {
      const Region* region = reader.find(at + have, 4, access_execute);
      if (!region) break;
      std::memcpy(word + have, region->seen(at + have, 4), 4);
      if (lost()) return nullptr;
      have += 4;
    }
    if (have == 0) {
      missing = {Missing::fetch, at, reader.vm().explain(at, 4, access_execute)};
      break;
    }
    Result<isa::Decoded> decoded = isa::decode(std::span(word, have), target_, isa::Rules::silicon);
    if (!decoded.ok()) {
      missing = {Missing::illegal, at, decoded.error().message};
      break;
    }
    code->insts.push_back(decoded->inst);
    code->offsets.push_back(static_cast<uint32_t>(at - pc));
    const Inst& inst = code->insts.back();
    const Row& row = isa::row(inst);
    auto step = [&](isa::Op op, unsigned first) -> Instruction& {
      Instruction& s = code->instructions.emplace_back();
      fill(s, inst, op, first, target_, at);
      s.offset = static_cast<uint32_t>(at - pc);
      s.bytes = static_cast<uint8_t>(decoded->length);
      if (s.lanes) {
        resolve(s, target_, code->constants);
        if (isa::is_vop(isa::row(op).format)) s.run = simd().handler(s);
      }
      for (unsigned i = 0; i < s.touches; ++i) {
        if (s.touch[i].vector)
          code->block.vgprs = std::max(code->block.vgprs, s.touch[i].first + uint32_t{s.touch[i].count});
      }
      return s;
    };
    if (!is_hint(row)) step(inst.op, 0);
    code->rows.push_back(static_cast<uint16_t>(inst.op));
    if (row.format == Format::vopd) code->rows.push_back(static_cast<uint16_t>(inst.op_y));
    if (row.format == Format::vopd) {
      step(inst.op_y, isa::vopd_second);
      Instruction& x = code->instructions[code->instructions.size() - 2];
      Instruction& y = code->instructions.back();
      if (reads(y, x.d)) {
        if (reads(x, y.d)) {
          x.run = run_pair;
          y.run = run_nothing;
        } else {
          std::swap(x, y);
        }
      }
    }
    code->bytes.insert(code->bytes.end(), word, word + decoded->length);
    at += decoded->length;
    ended = ends_block(row);
  }
  if (code->insts.empty()) return nullptr;
  if (!ended) {
    // The next block reports what cannot be fetched or decoded, if it is reached.
    Instruction& s = code->instructions.emplace_back();
    s.run = run_fall_through;
    s.offset = static_cast<uint32_t>(at - pc);
    s.inst = &code->insts.back();
  }
  Block& block = code->block;
  block.pc = pc;
  block.bytes = static_cast<uint32_t>(at - pc);
  block.count = static_cast<uint32_t>(code->insts.size());
  block.checked = epoch_;
  block.instructions = code->instructions.data();
  code->fetched = fetched_;
  return &at_.emplace(pc, std::move(code)).first->second->block;
}

const Hazards::Edge& CodeCache::hazards(const Block& block, uint32_t state) {
  Code& code = *at_.at(block.pc);
  auto known = code.edges.find(state);
  if (known == code.edges.end())
    known = code.edges.emplace(state, hazards_.walk(code.insts, code.offsets, state)).first;
  return known->second;
}

void CodeCache::trim() {
  constexpr size_t many = 100000;
  if (at_.size() + stale_.size() < many) return;
  at_.clear();
  stale_.clear();
}

void CodeCache::take_counts(std::vector<uint64_t>& counts) {
  counts.resize(isa::rows().size());
  auto take = [&](Code& code) {
    for (uint16_t row : code.rows) counts[row] += code.block.executions;
    code.block.executions = 0;
  };
  for (auto& [pc, code] : at_) take(*code);
  for (auto& code : stale_) take(*code);
}

}  // namespace doorbell::sim::amd
