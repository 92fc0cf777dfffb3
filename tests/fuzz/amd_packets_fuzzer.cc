// libFuzzer target: rings of arbitrary bytes, and kernels of arbitrary bytes that they dispatch. Whatever
// they hold, the engines answer with a packet executed, a wait or one line that names queue and packet; they
// end, and touch nothing but the memory that is mapped (a heap block, so that the address sanitizer sees one
// byte too many), whether the checks are on or off. With the checks, the memory is the host's, and the L2
// holds what is stored there.
//
// Input: one byte for the kind of queue, the GPU and the checks, one for how far the doorbell is rung, then
// memory from the ring on. Mapped addresses are dwords of the form 0x5a00xxxx in front of a zero, which
// mutations find and keep.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "driver/amd/abi/aql.h"
#include "sim/amd/engine.h"

using namespace doorbell;
using namespace doorbell::sim::amd;
namespace aql = doorbell::amd::aql;

namespace {

constexpr uint64_t base = 0x5a000000, arena_bytes = 64 << 10;
constexpr uint64_t ring_bytes = 1024, queue_offset = 4096;  // from base

// One for all inputs, because an address space is large; each starts it from zero and leaves nothing held.
struct Arena {
  explicit Arena(bool hold) {
    vm.hold_host_stores(hold);
    Region region;
    region.va = base;
    region.bytes = arena_bytes;
    region.host = bytes.get();
    region.access = access_all;
    region.kind = MemoryKind::gtt;
    DOORBELL_CHECK(vm.map(region).ok(), "cannot map");
  }
  std::unique_ptr<std::byte[]> bytes = std::make_unique<std::byte[]>(arena_bytes);
  Vm vm;
};

// The first workgroups of the grid, for a few milliseconds.
Outcome run_briefly(const Gpu& gpu, Vm& vm, Dispatch dispatch, Surroundings around) {
  for (int i = 0; i < 3; ++i)
    dispatch.grid[i] = std::min<uint32_t>(dispatch.grid[i], 2 * std::min(dispatch.workgroup[i], 1u << 20));
  std::atomic<bool> stop{false}, over{false};
  around.stop = &stop;
  std::thread clock([&] {
    for (int i = 0; i < 20 && !over; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop = true;
  });
  Outcome outcome = run(gpu, vm, dispatch, around);
  over = true;
  clock.join();
  if (outcome.status == Outcome::Status::fault) {
    DOORBELL_CHECK(outcome.fault.kind != FaultKind::none && !describe(outcome.fault).empty(),
                   "a silent fault");
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > arena_bytes) return 0;
  static const auto chips = gpus();
  int kind = (data[0] & 0x7f) % 3;
  const Gpu& gpu = chips[(data[0] & 0x7f) / 3 % chips.size()];
  Strict strict;
  bool lenient = (data[0] & 0x7f) / 3 / chips.size() % 2 != 0;
  DOORBELL_CHECK(!lenient || strict.lenient("all").ok(), "no list of all checks");
  static Arena held(true), plain(false);
  Arena& memory = lenient ? plain : held;
  std::byte* arena = memory.bytes.get();
  std::memset(arena, 0, arena_bytes);
  std::memcpy(arena, data + 2, size - 2);

  uint64_t interrupts = 0;
  Hooks hooks;
  hooks.interrupt = [&](uint32_t) { ++interrupts; };
  hooks.report = [](const Fault& fault) { DOORBELL_CHECK(!describe(fault).empty(), "a silent lint"); };
  hooks.launch = [&](const Dispatch& dispatch, const Surroundings& around) {
    for (int i = 0; i < 3; ++i)
      DOORBELL_CHECK(dispatch.workgroup[i] != 0 && dispatch.grid[i] != 0, "an empty grid is launched");
    return run_briefly(gpu, memory.vm, dispatch, around);
  };
  Commons machine(gpu, memory.vm, strict, std::move(hooks));

  QueueConfig config;
  config.ring = base;
  config.ring_bytes = ring_bytes;
  config.eop_buffer = data[0] & 0x80 ? 0 : base + 8192;
  aql::Queue& queue = *reinterpret_cast<aql::Queue*>(arena + queue_offset);
  config.read_pointer = base + queue_offset + offsetof(aql::Queue, read_dispatch_id);
  config.write_pointer = base + queue_offset + offsetof(aql::Queue, write_dispatch_id);
  queue.read_dispatch_id_field_base_byte_offset = offsetof(aql::Queue, read_dispatch_id);
  queue.write_dispatch_id = 1 << 20;

  std::unique_ptr<Engine> engine;
  uint64_t units = data[1];
  if (kind == 0) {
    engine = make_aql(machine, config, "queue");
    units = units % (ring_bytes / 64);
  } else if (kind == 1) {
    engine = make_pm4(machine, config, "queue");
    units = units % (ring_bytes / 4) + 1;
  } else {
    engine = make_sdma(machine, config, "queue");
    units = (units % (ring_bytes / 4) + 1) * 4;
  }
  engine->ring_doorbell(units);
  for (int steps = 0, waits = 0; steps < 2000 && waits < 10; ++steps) {
    engine->bus.online();
    Step step = engine->step();
    engine->bus.offline();
    if (step == Step::idle) break;
    if (step == Step::wait) {
      ++waits;
      DOORBELL_CHECK(!engine->waits_for.empty(), "a packet waits for nothing");
    }
    if (step == Step::refused || step == Step::faulted) {
      std::string line = describe(engine->fault);
      DOORBELL_CHECK(line.find("queue, packet ") != std::string::npos, "a fault without a place: {}", line);
      FaultKind kind = engine->fault.kind;
      bool stands = kind == FaultKind::dispatch || kind == FaultKind::illegal || kind == FaultKind::trap ||
                    kind == FaultKind::aperture;
      DOORBELL_CHECK((step == Step::refused) == stands, "{}", line);
      break;
    }
  }
  memory.vm.end_stores();
  return 0;
}
