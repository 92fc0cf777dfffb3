#include "sim/amd/queue.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "hal/base/units.h"
#include "sim/amd/crew.h"
#include "sim/amd/engine.h"

namespace doorbell::sim::amd {
namespace {

using namespace std::chrono_literals;

constexpr auto quiet_before_sleep = 1ms;           // of the doorbells
constexpr auto look_interval = 20us;               // at the doorbells meanwhile
constexpr auto longest_unprotected_sleep = 100ms;  // where the page cannot be protected
constexpr std::chrono::nanoseconds poll_shortest = 5us,
                                   poll_longest = 20ms;  // of memory that a packet waits for
constexpr auto for_ever = 1h;                            // sleepers look again then

struct Kind {
  QueueType type;
  const char* name;
  std::unique_ptr<Engine> (*make)(Commons&, const QueueConfig&, std::string);
  uint64_t smallest_ring;
};
constexpr Kind kinds[] = {
    // CP_HQD_PQ_CONTROL.QUEUE_SIZE: from 2^8 to 2^30 dwords; SDMA's RB_SIZE likewise.
    {QueueType::pm4, "PM4", make_pm4, 1024},
    {QueueType::sdma, "SDMA", make_sdma, 1024},
    {QueueType::aql, "AQL", make_aql, 1024},
    {QueueType::sdma_xgmi, "SDMA", make_sdma, 1024},
    {QueueType::sdma_by_engine, "SDMA", make_sdma, 1024},
};
constexpr uint64_t largest_ring = uint64_t{1} << 32;

const Kind* kind_of(QueueType type) {
  auto found = std::ranges::find(kinds, type, &Kind::type);
  return found == std::end(kinds) ? nullptr : found;
}

Status check_ring(uint64_t ring, uint64_t bytes, const Kind& kind) {
  if (!std::has_single_bit(bytes) || bytes < kind.smallest_ring || bytes > largest_ring)
    return error("{} ring of {} bytes: the hardware takes powers of two from {} to {}", kind.name, bytes,
                 kind.smallest_ring, largest_ring);
  if (ring % 256 != 0) return error("{} ring at {:#x}: must lie on 256 bytes", kind.name, ring);
  return success();
}

uint64_t read_doorbell(volatile uint64_t* slot) { return __atomic_load_n(slot, __ATOMIC_ACQUIRE); }
uint64_t take_doorbell(volatile uint64_t* slot) {
  uint64_t value = read_doorbell(slot);
  return value == nothing_rung ? value : __atomic_exchange_n(slot, nothing_rung, __ATOMIC_ACQ_REL);
}

struct Queue {
  uint32_t id = 0;
  std::unique_ptr<Engine> engine;
  volatile uint64_t* doorbell = nullptr;
  std::thread thread;
  Eventcount bell{std::chrono::microseconds(40)};
  uint64_t watched = nothing_rung;  // what the watcher saw last
  std::atomic<bool> suspended{false}, busy{false}, dead{false};
  std::mutex update_mutex;
  std::optional<QueueUpdate> update;  // to be taken by the thread
  std::atomic<bool> updated{false};
};

}  // namespace

struct CommandProcessor::Impl {
  Impl(const Gpu& gpu, Vm& vm, const Strict& strict, Hooks hooks)
      : machine(gpu, vm, strict, std::move(hooks)) {}

  Commons machine;
  mutable std::mutex mutex;
  std::map<uint32_t, std::unique_ptr<Queue>> queues;
  uint32_t next_id = 0;
  std::atomic<bool> faulted{false};
  std::atomic<int> working{0};  // threads inside a step

  std::thread watcher;
  Eventcount awake{0us};
  std::atomic<uint64_t> wakes{0};
  std::atomic<bool> quit{false};

  void work(Queue& queue);
  void stand(Queue& queue, Step why);
  void watch();
};

void CommandProcessor::Impl::work(Queue& queue) {
  Engine& engine = *queue.engine;
  bool waiting = false, reported = false;
  HostTime waiting_since;
  while (!engine.stop.load()) {
    if (queue.updated.exchange(false)) {
      std::lock_guard lock(queue.update_mutex);
      if (queue.update && queue.update->ring != 0) {
        engine.config.ring = queue.update->ring;
        engine.config.ring_bytes = queue.update->ring_bytes;
      }
      queue.update.reset();
    }
    if (uint64_t rung = take_doorbell(queue.doorbell); rung != nothing_rung) {
      if (machine.hooks.find_lost) machine.hooks.find_lost();
      engine.ring_doorbell(rung);
    }
    Step step = Step::idle;
    uint64_t changes = machine.changes.load(std::memory_order_acquire);
    if (!queue.suspended.load() && !queue.dead.load()) {
      working.fetch_add(1);
      engine.hold.enter([&] { return engine.stop.load(); });
      // After the count, so that stand() of another queue sees this thread or this thread sees its flag.
      if (!engine.stop.load()) {
        engine.bus.online();
        step = engine.step();
        engine.bus.offline();
      }
      engine.hold.leave();
      working.fetch_sub(1);
    }
    if (step != Step::wait) waiting = false;
    queue.busy.store(step == Step::done || step == Step::more || step == Step::wait,
                     std::memory_order_relaxed);
    switch (step) {
      case Step::done:
      case Step::more: break;
      case Step::wait: {
        HostTime now = HostClock::now();
        if (!waiting) {
          waiting = true;
          waiting_since = now;
          reported = false;
        }
        auto nap = std::clamp((now - waiting_since) / 8, poll_shortest, poll_longest);
        machine.changed.wait(
            [&] {
              return engine.stop.load(std::memory_order_relaxed) ||
                     machine.changes.load(std::memory_order_relaxed) != changes;
            },
            now + nap);
        if (!reported && now - waiting_since > machine.hooks.stalled_after &&
            machine.strict.on(Check::stalled)) {
          reported = true;
          Fault lint;
          lint.kind = FaultKind::lint;
          lint.check = Check::stalled;
          lint.queue = engine.name;
          lint.packet = engine.waits_at;
          lint.has_packet = true;
          lint.text = engine.waits_for;
          machine.report(lint);
        }
        break;
      }
      case Step::idle:
        queue.bell.wait(
            [&] {
              return engine.stop.load(std::memory_order_relaxed) ||
                     queue.updated.load(std::memory_order_relaxed) ||
                     read_doorbell(queue.doorbell) != nothing_rung;
            },
            HostClock::now() + for_ever);
        break;
      case Step::refused:
      case Step::faulted: stand(queue, step); break;
    }
  }
}

void CommandProcessor::Impl::stand(Queue& queue, Step why) {
  Engine& engine = *queue.engine;
  queue.dead.store(true);
  if (engine.stop.load() && faulted.load()) return;  // another queue's fault stopped this one's waves
  if (!engine.reported) machine.report(engine.fault);
  if (why == Step::refused) {
    if (machine.hooks.queue_error) machine.hooks.queue_error(queue.id, engine.errors, engine.fault);
    return;
  }
  if (faulted.exchange(true)) return;
  {
    std::lock_guard lock(mutex);
    for (auto& [id, other] : queues) {
      other->dead.store(true);
      if (other.get() != &queue) other->engine->stop.store(true);
    }
  }
  machine.touch();
  while (working.load() != 0) std::this_thread::yield();
  // Nobody can release what was stored so far, and it is not for a missing release that the host will not
  // see it.
  engine.bus.online();
  engine.write_back();
  engine.bus.offline();
  if (machine.hooks.find_lost) machine.hooks.find_lost();
  if (machine.hooks.fault) machine.hooks.fault(queue.id, engine.fault);
}

void CommandProcessor::Impl::watch() {
  auto look = [&] {
    bool changed = false;
    std::lock_guard lock(mutex);
    for (auto& [id, queue] : queues) {
      uint64_t value = read_doorbell(queue->doorbell);
      if (value == std::exchange(queue->watched, value) || value == nothing_rung) continue;
      queue->bell.notify();
      changed = true;
    }
    return changed;
  };
  HostTime last_change = HostClock::now();
  while (!quit.load()) {
    uint64_t seen = wakes.load(std::memory_order_acquire);
    if (look()) last_change = HostClock::now();
    if (HostClock::now() - last_change < quiet_before_sleep) {
      std::this_thread::sleep_for(look_interval);
      continue;
    }
    // Whoever stores after the page is protected faults and calls wake(); whoever stored before is seen now.
    bool armed = machine.hooks.arm && machine.hooks.arm();
    if (look()) {
      last_change = HostClock::now();
      continue;
    }
    auto sleep = armed ? std::chrono::nanoseconds(for_ever)
                       : std::clamp<std::chrono::nanoseconds>((HostClock::now() - last_change) / 8,
                                                              quiet_before_sleep, longest_unprotected_sleep);
    if (awake.wait([&] { return quit.load() || wakes.load(std::memory_order_acquire) != seen; },
                   HostClock::now() + sleep))
      last_change = HostClock::now();
  }
}

CommandProcessor::CommandProcessor(const Gpu& gpu, Vm& vm, const Strict& strict, Hooks hooks)
    : impl_(std::make_unique<Impl>(gpu, vm, strict, std::move(hooks))) {
  vm.set_report([impl = impl_.get()](const Fault& lint) { impl->machine.report(lint); });
  impl_->watcher = start_thread("gpu doorbells", [impl = impl_.get()] { impl->watch(); });
}

CommandProcessor::~CommandProcessor() {
  impl_->quit.store(true);
  impl_->awake.notify();
  impl_->watcher.join();
  while (!impl_->queues.empty()) remove_queue(impl_->queues.begin()->first);
  impl_->machine.vm.set_report(nullptr);
}

Result<uint32_t> CommandProcessor::add_queue(const QueueConfig& config) {
  const Kind* kind = kind_of(config.type);
  if (!kind) return error("queue type {} is unknown", static_cast<int>(config.type));
  TRY(check_ring(config.ring, config.ring_bytes, *kind));
  if (config.read_pointer % 8 != 0 || config.write_pointer % 8 != 0)
    return error("{} queue: read pointer {:#x} and write pointer {:#x} must lie on 8 bytes", kind->name,
                 config.read_pointer, config.write_pointer);
  DOORBELL_CHECK(config.doorbell != nullptr, "{} queue without a doorbell", kind->name);
  auto queue = std::make_unique<Queue>();
  Queue* added = queue.get();
  std::lock_guard lock(impl_->mutex);
  added->id = impl_->next_id++;
  std::string name = config.name.empty() ? fmt::format("{} queue {}", kind->name, added->id) : config.name;
  added->engine = kind->make(impl_->machine, config, std::move(name));
  added->doorbell = config.doorbell;
  __atomic_store_n(added->doorbell, nothing_rung, __ATOMIC_RELEASE);
  added->suspended = config.percentage == 0;
  impl_->queues.emplace(added->id, std::move(queue));
  if (impl_->faulted.load()) {
    added->dead = true;  // KFD refuses before; nothing runs on a device that faulted
  }
  added->thread = start_thread("gpu queue", [impl = impl_.get(), added] { impl->work(*added); });
  wake();  // a watcher that looks seldom has one more slot to look at
  return added->id;
}

Status CommandProcessor::update_queue(uint32_t id, const QueueUpdate& update) {
  std::lock_guard lock(impl_->mutex);
  auto found = impl_->queues.find(id);
  if (found == impl_->queues.end()) return error("queue {} does not exist", id);
  Queue& queue = *found->second;
  if (update.ring != 0) TRY(check_ring(update.ring, update.ring_bytes, *kind_of(queue.engine->config.type)));
  {
    std::lock_guard pending(queue.update_mutex);
    queue.update = update;
  }
  queue.suspended = update.percentage == 0 || update.ring == 0;
  if (queue.suspended) queue.engine->hold.take();
  else queue.engine->hold.let_go();
  queue.updated = true;
  queue.bell.notify();
  return success();
}

Status CommandProcessor::set_cu_mask(uint32_t id, const uint32_t* mask, uint32_t bits) {
  std::lock_guard lock(impl_->mutex);
  auto found = impl_->queues.find(id);
  if (found == impl_->queues.end()) return error("queue {} does not exist", id);
  // Two neighbouring compute units are one workgroup processor (amd_aql_queue.cpp, SetCUMasking). Bits beyond
  // the last unit are dropped [kfd_mqd_manager.c, mqd_symmetrically_map_cu_mask], and nothing asks whether
  // one is left.
  const bool pairs = impl_->machine.gpu.target_version >= 100000;
  uint32_t units = 0;
  for (uint32_t i = 0; i < bits; i += 2) {
    uint32_t pair = mask[i / 32] >> (i % 32) & 3;
    if (i < impl_->machine.gpu.cus()) units += static_cast<uint32_t>(std::popcount(pair));
    if (pairs && pair != 0 && pair != 3)
      return error("CU mask of queue {}: units {} and {} are one workgroup processor", id, i, i + 1);
  }
  found->second->engine->cus = units;
  impl_->machine.touch();
  return success();
}

void CommandProcessor::give_gws(uint32_t id, GwsGrant grant) {
  std::lock_guard lock(impl_->mutex);
  if (auto found = impl_->queues.find(id); found != impl_->queues.end())
    found->second->engine->gws_grant = grant;
}

Result<QueueState> CommandProcessor::state(uint32_t id) const {
  std::lock_guard lock(impl_->mutex);
  auto found = impl_->queues.find(id);
  if (found == impl_->queues.end()) return error("queue {} does not exist", id);
  const Queue& queue = *found->second;
  QueueState state = queue.engine->state();
  state.busy = queue.busy;
  state.suspended = queue.suspended;
  state.dead = queue.dead;
  return state;
}

void CommandProcessor::remove_queue(uint32_t id) {
  std::unique_ptr<Queue> queue;
  bool last = false;
  {
    std::lock_guard lock(impl_->mutex);
    auto found = impl_->queues.find(id);
    if (found == impl_->queues.end()) return;
    queue = std::move(found->second);
    impl_->queues.erase(found);
    last = impl_->queues.empty();
  }
  DOORBELL_CHECK(queue->thread.get_id() != std::this_thread::get_id(), "{} is removed by its own hook",
                 queue->engine->name);
  queue->engine->stop.store(true);
  queue->bell.notify();
  impl_->machine.changed.notify();
  queue->thread.join();
  if (last) impl_->machine.vm.end_stores();
}

void CommandProcessor::set_trap_handler(uint64_t code, uint64_t memory) {
  impl_->machine.trap_handler = code;
  impl_->machine.trap_memory = memory;
}

void CommandProcessor::wake() noexcept {
  int saved = errno;
  impl_->wakes.fetch_add(1, std::memory_order_release);
  impl_->awake.notify();
  impl_->machine.touch();
  errno = saved;
}

}  // namespace doorbell::sim::amd
