#include "sim/amd/engine.h"

#include "driver/amd/abi/aql.h"
#include "sim/amd/clock.h"

namespace doorbell::sim::amd {

namespace {

namespace aql = doorbell::amd::aql;

// What the host is told of a wave or a dispatch that was refused (amd_aql_queue.cpp,
// DynamicQueueEventsHandler).
uint32_t queue_error(const Fault& fault, uint32_t otherwise) {
  switch (fault.kind) {
    case FaultKind::illegal: return aql::error_illegal_instruction;
    case FaultKind::trap: return aql::error_trap;
    case FaultKind::aperture: return aql::error_aperture_violation;
    default: break;
  }
  switch (fault.check) {
    case Check::registers_oversubscribed: return aql::error_out_of_vgprs;
    case Check::lds_oversubscribed: return aql::error_invalid_group_memory;
    case Check::waves_oversubscribed: return aql::error_group_too_large;
    default: return otherwise;
  }
}

}  // namespace

void Commons::report(const Fault& fault) const {
  if (hooks.report) {
    hooks.report(fault);
  } else {
    fmt::print(stderr, "emulated {}: {}\n", gpu.name, describe(fault));
  }
}

void Engine::enter(uint64_t, uint64_t, uint64_t) {
  DOORBELL_CHECK(false, "{} is no engine that the kernel feeds", name);
}

Step Engine::fail(Fault&& what, uint64_t packet, uint32_t queue_errors) {
  fault = std::move(what);
  fault.queue = name;
  fault.packet = packet;
  fault.has_packet = true;
  switch (fault.kind) {
    case FaultKind::dispatch:
    case FaultKind::illegal:
    case FaultKind::trap:
    case FaultKind::aperture: errors = queue_error(fault, queue_errors); return Step::refused;
    default: return Step::faulted;
  }
}

Step Engine::fail(uint64_t packet, uint32_t queue_errors) {
  return fail(bus.take_fault(), packet, queue_errors);
}

Step Engine::launch(Dispatch& dispatch, uint64_t packet) {
  dispatch.cus = cus.load(std::memory_order_relaxed);
  if (dispatch.cus == 0) {
    waits_for = "a kernel waits for compute units, of which the queue's mask has none";
    return Step::wait;
  }
  dispatch.queue = name;
  dispatch.packet = packet;
  dispatch.has_packet = true;
  dispatch.strict = machine.strict;
  dispatch.trap_handler = machine.trap_handler.load(std::memory_order_relaxed);
  dispatch.trap_memory = machine.trap_memory.load(std::memory_order_relaxed);
  Surroundings around;
  around.clock = gpu_ticks;
  // 23 bits of the message are the context of the interrupt (SQ_INTERRUPT_WORD_WAVE_CTXID.DATA).
  around.interrupt = [this](uint32_t m0) { machine.interrupt(m0 & 0x7fffff); };
  around.report = [this](const Fault& seen) { machine.report(seen); };
  around.activity = &machine.changes;
  around.crew = machine.hooks.crew;
  around.caches = &machine.caches;
  // A dispatch that was ended early left waves in the counters' queues.
  for (Gws::Resource& r : gws.resources) r.waiting = 0;
  const GwsGrant grant = gws_grant.load();
  around.gws = grant == GwsGrant::counters ? &gws : nullptr;
  around.gws_in_form = grant == GwsGrant::in_form;
  around.authors = &authors;
  around.stop = &stop;
  around.hold = &hold;
  machine.vm.refresh();
  bus.purpose("second-level cache");
  bus.still_there(page_bytes, access_read);
  if (bus.failed()) return fail(packet, aql::error_invalid_packet);
  bus.offline();
  hold.leave();  // run()'s threads enter for themselves
  Outcome outcome = machine.hooks.launch ? machine.hooks.launch(dispatch, around)
                                         : run(machine.gpu, machine.vm, dispatch, around);
  hold.enter([this] { return stop.load(); });
  bus.online();
  machine.touch();
  if (outcome.status != Outcome::Status::fault) return Step::done;
  return fail(std::move(outcome.fault), packet, aql::error_invalid_packet);
}

}  // namespace doorbell::sim::amd
