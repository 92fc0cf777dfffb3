// What the three kinds of queue (AQL, PM4, SDMA) have in common: an engine that executes one packet at a
// time, the machine around it, and how a packet is refused.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "hal/base/eventcount.h"
#include "sim/amd/bus.h"
#include "sim/amd/dispatch.h"
#include "sim/amd/fault.h"
#include "sim/amd/gpu.h"
#include "sim/amd/queue.h"

namespace doorbell::sim::amd {

// The part of a process's command processor that its queues share.
struct Commons {
  Commons(const Gpu& chip, Vm& space, const Strict& checks, Hooks around)
      : gpu(chip), vm(space), strict(checks), hooks(std::move(around)) {}

  const Gpu& gpu;
  Vm& vm;
  const Strict strict;
  Hooks hooks;
  Caches caches;
  std::atomic<uint64_t> trap_handler{0}, trap_memory{0};
  // Notified after every store that a queue may be waiting for.
  Eventcount changed;
  std::atomic<uint64_t> changes{0};

  // Tells waiting queues to look again.
  void touch() {
    changes.fetch_add(1, std::memory_order_release);
    changed.notify();
  }
  void interrupt(uint32_t context) {
    if (hooks.interrupt) hooks.interrupt(context);
  }
  void report(const Fault& fault) const;
};

// What a doorbell slot holds while nothing was stored there.
inline constexpr uint64_t nothing_rung = ~uint64_t{0};

enum class Step : uint8_t {
  done,     // a packet was executed: go on
  more,     // a part of a packet was: go on with it
  wait,     // the packet waits for memory: look again later
  idle,     // the ring is empty
  refused,  // the packet was refused: the queue stands, `fault` and `errors` say why
  faulted,  // the process's queues end
};

class Engine {
 public:
  Engine(Commons& shared, const QueueConfig& queue, std::string called)
      : machine(shared),
        config(queue),
        name(std::move(called)),
        bus(shared.vm, machine.strict, machine.caches),
        cus(shared.gpu.cus()) {
    bus.storer(authors, name);
  }
  virtual ~Engine() = default;

  // At most one packet. The bus is online.
  virtual Step step() = 0;
  // A client stored this value into the queue's doorbell.
  virtual void ring_doorbell(uint64_t value) = 0;
  [[nodiscard]] virtual QueueState state() const = 0;
  // Where the kernel feeds the engine, which then has no ring: the next packets are those of this buffer;
  // after them step() is idle. `number` is what messages call it.
  virtual void enter(uint64_t va, uint64_t dwords, uint64_t number);

  // Runs waves, with the bus offline meanwhile. done, refused or faulted; done as well if the queue was
  // stopped; wait if it has no compute unit.
  Step launch(Dispatch& dispatch, uint64_t packet);
  // The release of system scope. The host is told afterwards, if at all: authors.tell().
  void write_back() {
    machine.vm.write_back();
    bus.purpose("write-back of the second-level cache");
    bus.still_there(page_bytes, access_write);
    authors.forget();
  }
  // Turns what the bus latched into the step's result. `packet` is its index in the queue's own units,
  // `errors` what a packet that is refused is to the host.
  Step fail(uint64_t packet, uint32_t queue_errors);
  Step fail(Fault&& what, uint64_t packet, uint32_t queue_errors);

  Commons& machine;
  QueueConfig config;
  const std::string name;
  Authors authors;
  Bus bus;
  std::atomic<GwsGrant> gws_grant{GwsGrant::none};
  Gws gws;
  std::atomic<uint32_t> cus;      // compute units that its waves may have
  Hold hold;                      // while the queue is off the hardware
  std::atomic<bool> stop{false};  // set by anyone to make the queue end what it is doing

  // After Step::refused or Step::faulted.
  Fault fault;
  uint32_t errors = 0;
  bool reported = false;  // people were told already
  // After Step::wait, for people: "barrier-and waits until signal 0x... is 0".
  std::string waits_for;
  uint64_t waits_at = 0;  // packet
};

std::unique_ptr<Engine> make_aql(Commons& machine, const QueueConfig& config, std::string name);
std::unique_ptr<Engine> make_pm4(Commons& machine, const QueueConfig& config, std::string name);
std::unique_ptr<Engine> make_gfx(Commons& machine, const QueueConfig& config, std::string name);
std::unique_ptr<Engine> make_sdma(Commons& machine, const QueueConfig& config, std::string name);

}  // namespace doorbell::sim::amd
