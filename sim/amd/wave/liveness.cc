#include "sim/amd/wave/liveness.h"

namespace doorbell::sim::amd {
namespace {

namespace isa = doorbell::amd;
using isa::Format;
using isa::Row;
using isa::Unit;

// All that it does is to write registers.
bool computes(const Row& row) {
  bool vector = isa::is_vop(row.format);
  bool scalar = row.unit == Unit::salu && row.format < Format::sopp &&
                !((row.reads | row.writes) & isa::implicit::mode) && !row.name.starts_with("s_getreg") &&
                !row.name.starts_with("s_setreg");
  return vector || scalar;
}

struct Walk {
  Live live;
  unsigned lanes = 32;

  template <class Body>
  void each(const isa::Inst& inst, const Row& row, size_t first, Body&& body) const {
    for (unsigned i = 0; i < row.count; ++i) {
      const isa::OperandRow& o = row.operands[i];
      const isa::Operand& x = inst.operands[first + i];
      bool vector = x.kind == isa::Operand::Kind::vgpr;
      if (!vector && x.kind != isa::Operand::Kind::sgpr) continue;
      unsigned count = x.dwords ? x.dwords : static_cast<unsigned>(o.dwords(static_cast<int>(lanes)));
      for (unsigned r = x.index; r < x.index + count; ++r) {
        if (r < (vector ? live.vectors.size() : live.scalars.size())) body(o, vector, r);
      }
    }
  }
  [[nodiscard]] bool writes_live(const isa::Inst& inst, const Row& row, size_t first) const {
    bool found = (row.writes & isa::implicit::scc && live.scc) ||
                 row.writes & (isa::implicit::exec | isa::implicit::m0) ||
                 (row.writes & isa::implicit::vcc && (live.scalars[reg::vcc] || live.scalars[reg::vcc + 1]));
    each(inst, row, first, [&](const isa::OperandRow& o, bool vector, unsigned r) {
      found |= o.writes && (vector ? live.vectors[r] : live.scalars[r]);
    });
    return found;
  }
  void give_up_written(const isa::Inst& inst, const Row& row) {
    if (row.unit == Unit::salu && row.writes & isa::implicit::scc) live.scc = false;
    each(inst, row, 0, [&](const isa::OperandRow& o, bool vector, unsigned r) {
      bool lane_mask = row.unit != Unit::salu && o.data == isa::Data::mask;
      if (o.writes && !o.reads && !vector && !lane_mask && r < reg::m0) live.scalars[r] = false;
    });
  }
  void take_read(const isa::Inst& inst, const Row& row, size_t first) {
    live.scc |= (row.reads & isa::implicit::scc) != 0;
    if (row.reads & isa::implicit::vcc) live.scalars[reg::vcc] = live.scalars[reg::vcc + 1] = true;
    each(inst, row, first, [&](const isa::OperandRow& o, bool vector, unsigned r) {
      if (!o.reads) return;
      if (vector) live.vectors[r] = true;
      else live.scalars[r] = true;
    });
  }
  // False if it reaches registers by number.
  bool before(const isa::Inst& inst) {
    const Row& row = isa::row(inst);
    const Row* second = row.format == Format::vopd ? &isa::row(inst.op_y) : nullptr;
    if (computes(row)) {
      if (row.reads & isa::implicit::m0) return false;
      if (!writes_live(inst, row, 0) && !(second && writes_live(inst, *second, isa::vopd_second)))
        return true;
      if (!second) give_up_written(inst, row);
    }
    take_read(inst, row, 0);
    if (second) take_read(inst, *second, isa::vopd_second);
    return true;
  }
};

}  // namespace

std::optional<Live> live_around(std::span<const std::span<const isa::Inst>> trace, unsigned lanes) {
  Walk walk{.live = {}, .lanes = lanes};
  Live& live = walk.live;
  for (unsigned r : {unsigned{reg::m0}, unsigned{reg::exec}, reg::exec + 1u}) live.scalars[r] = true;
  for (Live around = live;;) {
    for (size_t b = trace.size(); b-- > 0;) {
      for (size_t i = trace[b].size(); i-- > 0;) {
        if (!walk.before(trace[b][i])) return std::nullopt;
      }
    }
    live.vectors |= around.vectors;
    live.scalars |= around.scalars;
    live.scc |= around.scc;
    if (live.vectors == around.vectors && live.scalars == around.scalars && live.scc == around.scc)
      return live;
    around = live;
  }
}

}  // namespace doorbell::sim::amd
