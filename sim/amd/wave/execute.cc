// The interpreter's loop, the checks that every step passes, and the reports of those that fail.
#include <algorithm>

#include "sim/amd/wave/context.h"
#include "sim/amd/wave/semantics.h"

namespace doorbell::sim::amd {
namespace {

namespace isa = doorbell::amd;

void place_fault(const Wave& w, const Instruction* s, uint64_t pc, Fault& fault) {
  const Context& c = *w.context;
  fault.queue = c.dispatch.queue;
  fault.kernel = c.dispatch.kernel;
  fault.packet = c.dispatch.packet;
  fault.has_packet = c.dispatch.has_packet;
  fault.pc = pc;
  fault.has_pc = true;
  if (s && s->inst) fault.instruction = isa::print(*s->inst, c.code->target());
  std::copy_n(w.group->id, 3, fault.workgroup);
  fault.wave = w.id;
  fault.has_wave = true;
}

// Records the fault, or passes a lint on.
bool raise(Wave& w, const Instruction* s, uint64_t pc, Check check, Fault fault) {
  Context& c = *w.context;
  const CheckRow& row = check_row(check);
  fault.kind = row.kind;
  fault.check = check;
  place_fault(w, s, pc, fault);
  if (row.kind == FaultKind::lint) {
    report(c.surroundings, fault);
    return true;
  }
  c.fault = std::move(fault);
  w.stop = Stop::fault;
  w.at = s;
  return false;
}

std::string name(const Touch& t, unsigned i) {
  unsigned index = t.first + i;
  return t.vector ? fmt::format("v{}", index) : scalar_name(index);
}

bool wave_fetch(Wave& w, const CodeCache::Missing& missing) {
  Context& c = *w.context;
  bool fetch = missing.kind == CodeCache::Missing::fetch;
  Fault fault;
  fault.text = missing.text;
  fault.address = missing.address;
  fault.has_address = fetch;
  Check check = fetch                                       ? Check::fetch_unmapped
                : missing.kind == CodeCache::Missing::stale ? Check::stale_code
                                                            : Check::illegal_instruction;
  // There is nothing to execute: with the check off the wave ends there.
  if (c.on(check)) raise(w, nullptr, missing.address, check, std::move(fault));
  else w.stop = Stop::ended;
  return false;
}

// Registers beyond the allocation.
bool registers_fit(Wave& w, const Block& block) {
  if (block.vgprs <= w.vgpr_count) [[likely]]
    return true;
  const Instruction* s = block.instructions;
  auto beyond = [&](const Instruction& step) {
    return std::any_of(step.touch, step.touch + step.touches,
                       [&](const Touch& t) { return t.vector && t.first + t.count > w.vgpr_count; });
  };
  while (!beyond(*s)) ++s;
  Fault fault;
  fault.text = fmt::format("the kernel allocated {} vector registers", w.vgpr_count);
  // The register file ends there: with the check off the wave ends, too.
  if (w.context->on(Check::vgpr_range))
    raise(w, s, block.pc + s->offset, Check::vgpr_range, std::move(fault));
  else w.stop = Stop::ended;
  return false;
}

// Rules that the block breaks, on the way by which the wave came. False if the wave stops.
bool obeys_hazards(Wave& w, Block& block) {
  const Hazards::Edge& edge = w.context->code->hazards(block, w.hazard);
  for (const Hazards::Violation& v : edge.violations) {
    if (!w.context->on(v.check)) continue;
    Instruction at;
    at.inst = v.at;
    Fault fault;
    fault.text = v.text;
    if (!raise(w, &at, block.pc + v.offset, v.check, std::move(fault))) {
      w.at = block.instructions;
      return false;
    }
  }
  block.hazard_in = edge.violations.empty() ? w.hazard : ~uint32_t{0};
  block.hazard_out = edge.out;
  return true;
}

}  // namespace

std::string scalar_name(unsigned index) {
  if (index == reg::vcc) return "vcc_lo";
  if (index == reg::vcc + 1u) return "vcc_hi";
  if (index == reg::m0) return "m0";
  if (index == reg::exec) return "exec_lo";
  if (index == reg::exec + 1u) return "exec_hi";
  return fmt::format("s{}", index);
}

void report(const Surroundings& surroundings, const Fault& fault) {
  if (surroundings.report) return surroundings.report(fault);
  fmt::print(stderr, "{}\n", describe(fault));
}

bool violates(Wave& w, const Instruction& s, Check check, std::string text, int lane) {
  if (!w.context->on(check)) return true;
  Fault fault;
  fault.lane = lane;
  fault.text = std::move(text);
  return raise(w, &s, w.block->pc + s.offset, check, std::move(fault));
}

bool violates_at(Wave& w, const Instruction& s, Check check, std::string text, int lane, uint64_t address,
                 bool write) {
  if (!w.context->on(check)) return true;
  Fault fault;
  fault.lane = lane;
  fault.address = address;
  fault.has_address = true;
  fault.write = write;
  fault.text = std::move(text);
  return raise(w, &s, w.block->pc + s.offset, check, std::move(fault));
}

bool fault_invalid_exec(Wave& w, const Instruction& s) {
  uint64_t known = w.sv[reg::exec] | static_cast<uint64_t>(w.sv[reg::exec + 1]) << 32;
  uint64_t unknown = ~known & w.all_lanes;
  // Reported once; afterwards the mask counts as known.
  w.sv[reg::exec] = w.sv[reg::exec + 1] = ~uint32_t{0};
  return violates(w, s, Check::invalid_exec, "exec becomes a mask computed from data that nobody wrote",
                  unknown ? __builtin_ctzll(unknown) : no_lane);
}

bool check_due(Wave& w, const Instruction& s) {
  if (!w.context->on(Check::load_use)) return true;
  const isa::Row& row = isa::rows()[s.row];
  bool loads = row.format >= isa::Format::global, ds = row.format == isa::Format::ds;
  for (unsigned k = 0; k < s.touches; ++k) {
    const Touch& t = s.touch[k];
    for (unsigned i = 0; i < t.count; ++i) {
      unsigned index = t.first + i;
      const char* counter = nullptr;
      if (t.vector) {
        // Loads of one kind return in order, so that the later one wins without a wait.
        if (w.vm_due[index] > w.vm.done && !(loads && t.write)) counter = "vmcnt";
        if (w.lds_due[index] > w.lds.done && !(ds && t.write)) counter = "lgkmcnt";
      } else if (w.smem_due[index]) {
        counter = "lgkmcnt(0)";
      }
      if (counter) {
        return violates(w, s, Check::load_use,
                        fmt::format("{} is still being loaded; an s_waitcnt for {} must come first",
                                    name(t, i), counter));
      }
    }
  }
  return true;
}

bool run_unknown(Wave& w, const Instruction& s) {
  Fault fault;
  std::string_view why = why_refused(static_cast<isa::Op>(s.row));
  if (why.empty() && s.inst->mods.gds)
    why = isa::rows()[s.row].name.starts_with("ds_gws_") ? "global wave sync is not given to this queue"
                                                         : "global data share is not given to this process";
  fault.text =
      fmt::format("{} cannot be executed{}{}", isa::rows()[s.row].name, why.empty() ? "" : ": ", why);
  return raise(w, &s, w.block->pc + s.offset, Check::illegal_instruction, std::move(fault));
}

Stop execute(Wave& w, uint64_t budget) {
  Context& c = *w.context;
  w.stop = Stop::none;
  uint64_t limit = w.instructions + budget;
  while (w.instructions < limit) {
    Block* block = w.link ? *w.link : nullptr;
    if (!block || block->pc != w.pc || !c.code->fresh(*block)) {
      CodeCache::Missing missing;
      block = c.code->find(c.reader, w.pc, c.on(Check::stale_code), missing);
      if (!block) {
        wave_fetch(w, missing);
        return w.stop;
      }
      if (w.link) *w.link = block;
    }
    w.block = block;
    if (!registers_fit(w, *block)) return w.stop;
    if (block->hazard_in != w.hazard && !obeys_hazards(w, *block)) return w.stop;
    w.hazard = block->hazard_out;
    w.link = nullptr;
    ++block->executions;
    w.instructions += block->count;
    const Instruction* s = block->instructions;
    for (;; ++s) {
      if (w.outstanding != 0 && !check_due(w, *s)) break;
      if (!s->run(w, *s)) break;
    }
    if (w.stop != Stop::none) return w.stop;
  }
  return Stop::none;
}

}  // namespace doorbell::sim::amd
