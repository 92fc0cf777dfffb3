#include "sim/amd/wave/hazards.h"

#include <algorithm>
#include <bitset>
#include <utility>

namespace doorbell::sim::amd {
namespace {

namespace isa = doorbell::amd;
using isa::Arch;
using isa::Format;
using isa::Row;
using isa::Unit;

// Registers [first, first + count).
struct Range {
  uint16_t first = 0, count = 0;
  [[nodiscard]] bool meets(Range o) const {
    return count != 0 && o.count != 0 && first < o.first + o.count && o.first < first + count;
  }
  friend bool operator==(Range, Range) = default;
};

std::string name(Range r) {
  return r.count == 1 ? fmt::format("v{}", r.first) : fmt::format("v[{}:{}]", r.first, r.first + r.count - 1);
}

// What an instruction is to hazards. The halves of a VOPD pair are one.
struct Summary {
  const Row* row = nullptr;
  const isa::Inst* inst = nullptr;
  bool valu = false, salu = false, trans = false, matrix = false, compare_exec = false;
  bool drains = false;         // all vector results have been written: va_vdst is 0
  bool scalar_done = false;    // s_waitcnt_depctr sa_sdst(0)
  bool writes_exec = false;    // of a scalar instruction
  bool scalar_source = false;  // of a vector one: an SGPR, VCC or a literal
  int64_t immediate = 0;
  Range sum;                                              // src2
  size_t kept = ~size_t{0};                               // of reads: what a result leaves of itself
  std::vector<Range> reads, writes;                       // VGPRs
  std::vector<Range> scalar_reads, scalar_writes, masks;  // SGPRs; masks: of vector instructions
};

// Fields of s_waitcnt_depctr's immediate (AMDGPUBaseInfo.cpp, DepCtr).
uint32_t va_vdst(int64_t k) { return static_cast<uint32_t>(k) >> 12 & 15; }
uint32_t sa_sdst(int64_t k) { return static_cast<uint32_t>(k) & 1; }

void add(Summary& m, const isa::Inst& inst, isa::Op op, size_t first, unsigned wave) {
  const Row& row = isa::row(op);
  m.trans |= row.unit == Unit::trans;
  Range vcc{isa::scalar::vcc, static_cast<uint16_t>(wave / 32)};
  for (unsigned i = 0; i < row.count; ++i) {
    const isa::OperandRow& o = row.operands[i];
    const isa::Operand& x = inst.operands[first + i];
    if (x.kind == isa::Operand::Kind::imm) m.immediate = x.value;
    if (x.kind == isa::Operand::Kind::literal) m.scalar_source = true;
    bool vector = x.kind == isa::Operand::Kind::vgpr;
    if (!vector && (x.kind != isa::Operand::Kind::sgpr || x.index == isa::scalar::null)) continue;
    Range range{x.index, static_cast<uint16_t>(x.dwords ? x.dwords : o.dwords(static_cast<int>(wave)))};
    if (vector && o.slot == isa::Slot::src2) m.sum = range;
    if (vector && o.reads && o.writes) m.kept = m.reads.size();
    if (o.reads) (vector ? m.reads : m.scalar_reads).push_back(range);
    if (o.writes) (vector ? m.writes : m.scalar_writes).push_back(range);
    if (vector || !o.reads) continue;
    if (o.data == isa::Data::mask) m.masks.push_back(range);
    if (x.index < isa::scalar::exec) m.scalar_source = true;
  }
  if (row.reads & isa::implicit::vcc) {
    m.scalar_reads.push_back(vcc);
    m.masks.push_back(vcc);
    m.scalar_source = true;
  }
  if (row.writes & isa::implicit::vcc) m.scalar_writes.push_back(vcc);
}

Summary summary(const isa::Inst& inst, unsigned wave) {
  Summary m;
  const Row& row = isa::row(inst);
  m.row = &row;
  m.inst = &inst;
  m.valu = is_vop(row.format);
  m.salu = row.format <= Format::sopp && row.format != Format::smem;
  m.matrix = row.unit == Unit::matrix;
  m.compare_exec = m.valu && (row.writes & isa::implicit::exec);
  m.drains = row.format >= Format::ds;
  add(m, inst, inst.op, 0, wave);
  if (row.format == Format::vopd) add(m, inst, inst.op_y, isa::vopd_second, wave);
  if (row.name == "s_waitcnt_depctr") {
    m.drains = va_vdst(m.immediate) == 0;
    m.scalar_done = sa_sdst(m.immediate) == 0;
  }
  if (m.salu) {
    m.writes_exec = (row.writes & isa::implicit::exec) != 0;
    for (Range r : m.scalar_writes) m.writes_exec |= r.meets({isa::scalar::exec, 2});
  }
  return m;
}

bool any_meets(const std::vector<Range>& ranges, Range r) {
  return std::ranges::any_of(ranges, [&](Range one) { return one.meets(r); });
}

}  // namespace

// What is under way. Plain bytes, so that equal states have equal keys.
struct Hazards::State {
  // Of transcendentals: their results, and how many instructions came behind.
  struct Trans {
    Range result;
    uint8_t valus = 0, transes = 0;
  };
  // Of the vector instructions and the writes of exec that came last, oldest first.
  struct Event {
    bool exec = false;
    Range results[2];
  };
  std::vector<Trans> trans;
  std::vector<Event> events;
  Range product;                   // of a WMMA directly in front
  bool compared = false;           // v_cmpx without a vector instruction behind it
  bool nop = false;                // right in front
  bool scratch_stores = false;     // since the last wait for all stores
  bool given_back = false;         // MSG_DEALLOC_VGPRS has been sent
  uint8_t since_float_atomic = 3;  // wait states, at most 3
  std::bitset<128> masks;          // SGPRs that a vector instruction may still read as a mask
  std::bitset<128> overwritten;    // those of them that a scalar instruction wrote since

  [[nodiscard]] std::string key() const {
    std::string bytes;
    auto put = [&](auto value) {
      for (size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> 8 * i & 0xff);
    };
    auto range = [&](Range r) {
      put(r.first);
      put(r.count);
    };
    put(static_cast<uint8_t>(trans.size()));
    for (const Trans& t : trans) {
      range(t.result);
      put(t.valus);
      put(t.transes);
    }
    put(static_cast<uint8_t>(events.size()));
    for (const Event& e : events) {
      put(static_cast<uint8_t>(e.exec));
      range(e.results[0]);
      range(e.results[1]);
    }
    range(product);
    put(static_cast<uint8_t>(compared | nop << 1 | scratch_stores << 2 | given_back << 3));
    put(since_float_atomic);
    return bytes + masks.to_string() + overwritten.to_string();
  }
};

// One walk through a block.
struct Hazards::Scan {
  isa::Target target;
  State state;
  std::vector<Violation> violations;
  uint32_t offset = 0;  // of the instruction

  [[nodiscard]] bool gfx10() const { return target.arch == Arch::gfx1030; }
  void report(const Summary& m, Check check, std::string text) {
    violations.push_back({m.inst, offset, check, std::move(text)});
  }

  void step(const Summary& m) {
    operands(m);
    if (gfx10()) {
      denorm_mode(m);
      return;
    }
    permlane(m);
    registers_given_back(m);
    product(m);
    if (target.arch == Arch::gfx1100) transcendental(m);
    if (target.wave == 64) {
      forwarding(m);
      mask(m);
    }
  }

  // Rules for one instruction: what its encoding can say and its processor cannot do.
  void operands(const Summary& m) {
    if (Status fine = isa::check(*m.inst, target, isa::Rules::silicon); !fine.ok())
      report(m, Check::operand_limits, fine.error().message);
    std::string_view row = m.row->name;
    bool multiply = target.arch == Arch::gfx1100 && (row == "v_mad_u64_u32" || row == "v_mad_i64_i32");
    bool sums = row.find("qsad_") != std::string_view::npos;
    if ((!multiply && !sums && !m.matrix) || m.writes.empty()) return;
    for (size_t i = 0; i < m.reads.size(); ++i) {
      // What a product is added to may be where the sum goes; clang writes v[1:2] over v[0:1] there.
      if (i == m.kept || (!sums && m.sum == m.reads[i])) continue;
      if (m.reads[i].meets(m.writes[0]))
        report(m, Check::operand_overlap,
               fmt::format("its result in {} overlaps its source {}, which is still read while it is written",
                           name(m.writes[0]), name(m.reads[i])));
    }
  }

  void denorm_mode(const Summary& m) {
    const Row& row = *m.row;
    if (row.name == "s_denorm_mode" && state.since_float_atomic < 3)
      report(m, Check::denorm_mode_atomic,
             fmt::format("{} wait states behind an atomic of floats; 3 must lie between",
                         state.since_float_atomic));
    bool floats = row.atomic && (row.name.ends_with("_f32") || row.name.ends_with("_f64"));
    if (floats && row.format != Format::ds) {
      state.since_float_atomic = 0;
    } else if (m.valu || row.name.starts_with("s_waitcnt")) {
      if (row.name != "s_waitcnt_depctr") state.since_float_atomic = 3;
    } else {
      int64_t states = row.name == "s_nop" ? (m.immediate & 15) + 1 : 1;
      state.since_float_atomic =
          static_cast<uint8_t>(std::min<int64_t>(3, state.since_float_atomic + states));
    }
  }

  void permlane(const Summary& m) {
    if (state.compared && m.row->name.starts_with("v_permlane"))
      report(m, Check::vcmpx_permlane,
             "a v_cmpx stands in front of it with no other vector instruction (v_nop is none) between");
    if (m.compare_exec) state.compared = true;
    else if (m.valu && m.row->name != "v_nop") state.compared = false;
  }

  void registers_given_back(const Summary& m) {
    const Row& row = *m.row;
    constexpr int64_t dealloc_vgprs = 3;
    if (state.given_back && (!m.reads.empty() || !m.writes.empty()))
      report(m, Check::dealloc_vgprs, "the wave has given its vector registers back");
    if (row.name == "s_sendmsg" && (m.immediate & 0xff) == dealloc_vgprs) {
      if (!state.nop) report(m, Check::dealloc_vgprs, "s_nop must stand right in front of it");
      if (state.scratch_stores)
        report(m, Check::dealloc_vgprs,
               "scratch is still being stored to; s_waitcnt_vscnt null, 0 must come first");
      state.given_back = true;
    }
    state.nop = row.name == "s_nop";
    if (row.name.starts_with("scratch_store")) state.scratch_stores = true;
    if (row.name == "s_waitcnt_vscnt" && m.immediate == 0) state.scratch_stores = false;
  }

  void product(const Summary& m) {
    if (m.matrix) {
      for (size_t i = 0; i < std::min<size_t>(2, m.reads.size()); ++i) {
        if (m.reads[i].meets(state.product))
          report(m, Check::wmma_use,
                 fmt::format("its matrix in {} is the result of the WMMA in front of it; a vector "
                             "instruction must lie between",
                             name(m.reads[i])));
      }
      state.product = m.writes.empty() ? Range() : m.writes[0];
    } else if (m.valu) {
      state.product = {};
    }
  }

  void transcendental(const Summary& m) {
    if (m.drains) state.trans.clear();
    if (!m.valu) return;
    for (Range r : m.reads) {
      for (const State::Trans& t : state.trans) {
        if (!t.result.meets(r)) continue;
        report(m, Check::valu_trans_use,
               fmt::format("{} is the result of a transcendental instruction {} vector instructions ago; "
                           "s_waitcnt_depctr with va_vdst(0) must come first",
                           name(r), t.valus + 1));
        break;
      }
    }
    std::erase_if(state.trans, [&](const State::Trans& t) { return any_meets(m.writes, t.result); });
    for (State::Trans& t : state.trans) {
      ++t.valus;
      t.transes = static_cast<uint8_t>(t.transes + m.trans);
    }
    std::erase_if(state.trans, [](const State::Trans& t) { return t.valus > 5 || t.transes > 1; });
    if (m.trans)
      for (Range r : m.writes) state.trans.push_back({r});
  }

  // Va <- VALU, [intv1], exec <- SALU, [intv2], Vb <- VALU, [intv3], VALU reads Va and Vb: a hazard if intv1
  // and intv2 hold at most 2 vector instructions together and intv3 at most 4.
  void forwarding(const Summary& m) {
    if (m.drains) state.events.clear();
    if (m.writes_exec && !m.valu) {
      if (state.events.empty() || !state.events.back().exec) state.events.push_back({true, {}});
    }
    if (!m.valu) return;
    std::vector<Range> sources;
    for (Range r : m.reads)
      if (std::ranges::find(sources, r) == sources.end()) sources.push_back(r);
    if (sources.size() > 1 && forwarded_across_exec(sources))
      report(m, Check::valu_partial_forwarding,
             "it reads a result from before and one from behind a recent write of exec; s_waitcnt_depctr "
             "with va_vdst(0) must come first");
    State::Event event;
    for (size_t i = 0; i < std::min<size_t>(2, m.writes.size()); ++i) event.results[i] = m.writes[i];
    state.events.push_back(event);
    auto valus = [&] { return std::ranges::count_if(state.events, [](auto& e) { return !e.exec; }); };
    while (valus() > 9 || state.events.front().exec) state.events.erase(state.events.begin());
  }

  [[nodiscard]] bool forwarded_across_exec(const std::vector<Range>& sources) const {
    constexpr int none = 1000;
    std::vector<int> written(sources.size(), none);
    int exec = none, behind = 0;
    auto some = [&] { return std::ranges::any_of(written, [](int at) { return at != none; }); };
    for (auto e = state.events.rbegin(); e != state.events.rend() && behind <= 8; ++e) {
      bool changed = false;
      if (e->exec) {
        if (exec == none && some()) {
          exec = behind;
          changed = true;
        }
      } else {
        for (size_t i = 0; i < sources.size(); ++i) {
          if (written[i] == none && (e->results[0].meets(sources[i]) || e->results[1].meets(sources[i]))) {
            written[i] = behind;
            changed = true;
          }
        }
      }
      if (behind > 4 && !some()) return false;
      if (changed && exec != none) {
        int before = none, after = none;
        for (int at : written) {
          if (at == none) continue;
          (at >= exec ? before : after) = std::min(at >= exec ? before : after, at);
        }
        if (after != none) {
          int second = exec - after - 1, first = before - exec;
          if (after > 4 || second > 2) return false;
          if (before != none) return first <= 2 && first + second <= 2;
        }
      }
      if (!e->exec) ++behind;
    }
    return false;
  }

  // VALU reads an SGPR as a mask; SALU writes it; SALU reads it. The first step is forgotten with the next
  // scalar value that a vector instruction reads, the second with s_waitcnt_depctr sa_sdst(0).
  void mask(const Summary& m) {
    if (m.scalar_done) {
      state.masks.reset();
      state.overwritten.reset();
    }
    auto each = [](const std::vector<Range>& ranges, auto f) {
      for (Range range : ranges)
        for (unsigned r = range.first; r < unsigned{range.first} + range.count && r < reg::null; ++r) f(r);
    };
    if (m.valu) {
      if (m.scalar_source) state.masks.reset();
      each(m.masks, [&](unsigned r) { state.masks.set(r); });
      each(m.scalar_writes, [&](unsigned r) {
        state.masks.reset(r);
        state.overwritten.reset(r);
      });
    } else if (m.salu) {
      unsigned hurt = 0;
      bool any = false;
      each(m.scalar_reads, [&](unsigned r) {
        if (state.overwritten[r] && !std::exchange(any, true)) hurt = r;
      });
      if (any)
        report(m, Check::valu_mask_write,
               fmt::format("{} was a vector instruction's mask and has then been written; "
                           "s_waitcnt_depctr with sa_sdst(0) must come first",
                           hurt < isa::scalar::vcc ? fmt::format("s{}", hurt) : "vcc"));
      each(m.scalar_writes, [&](unsigned r) {
        if (state.masks[r]) state.overwritten.set(r);
      });
    }
  }
};

Hazards::Hazards(isa::Target target) : target_(target) { number(State()); }
Hazards::~Hazards() = default;

uint32_t Hazards::number(const State& state) {
  auto [at, fresh] = numbers_.emplace(state.key(), static_cast<uint32_t>(states_.size()));
  if (fresh) states_.push_back(state);
  return at->second;
}

Hazards::Edge Hazards::walk(std::span<const isa::Inst> insts, std::span<const uint32_t> offsets,
                            uint32_t in) {
  Scan scan{target_, states_[in], {}};
  for (size_t i = 0; i < insts.size(); ++i) {
    scan.offset = offsets[i];
    scan.step(summary(insts[i], target_.wave));
  }
  return {number(scan.state), std::move(scan.violations)};
}

}  // namespace doorbell::sim::amd
