// Crew: the threads that share out the workgroups of one dispatch. The thread that calls run() works too;
// helpers join while there is work and nobody waits for one that has not joined, so that a helper whose core
// was taken away delays nothing but the few groups that it holds. Groups are handed out in chunks by one
// atomic counter.
//
// A dispatch that is known to be short runs on the calling thread alone: joining costs about a microsecond of
// cache traffic, waking a sleeper several. What a program's groups cost is learnt from its earlier
// dispatches.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "driver/cpu/guard.h"
#include "hal/base/eventcount.h"
#include "hal/base/file.h"
#include "hal/commands.h"

namespace doorbell {

// The entry point of isa "x86-64", called once per workgroup by the System V ABI. `local` is the worker's own
// 64-byte aligned block; its content is left over from earlier groups.
using KernelEntry = void (*)(const uint64_t* arguments, uint32_t x, uint32_t y, uint32_t z, std::byte* local);

struct CrewJob {
  KernelEntry entry;
  const uint64_t* arguments;
  Grid grid;
  std::atomic<float>* cycles_per_group;  // learnt; 0: never run
};

class Crew {
 public:
  // `threads` counts the one that calls run(). `abort` is the flag of GuardedThread.
  static Result<std::unique_ptr<Crew>> create(unsigned threads, Bytes local, const std::atomic<bool>& abort);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Runs every group, or until one faults. By one thread only, which must be a GuardedThread.
  [[nodiscard]] bool run(const CrewJob& job, Fault& fault);
  // Aborts the helpers' kernels, as abort_thread does.
  void abort();

 private:
  Crew(std::vector<Mapping> locals) : locals_(std::move(locals)) {}
  void help(unsigned index, const std::atomic<bool>& abort);
  struct Share {
    Crew* crew;
    std::byte* local;
    uint64_t done;  // groups
  };
  static void take_chunks(Share& share);
  bool work(Share& share, Fault& fault);

  // gate_: number of the job << 32 | closed << 31 | helpers inside.
  static constexpr uint64_t kClosed = 1ull << 31;
  static constexpr uint64_t kInside = kClosed - 1;

  std::vector<Mapping> locals_;
  CrewJob job_{};
  uint64_t total_ = 0;
  uint64_t chunk_ = 1;
  alignas(64) std::atomic<uint64_t> next_{0};
  alignas(64) std::atomic<uint64_t> gate_{kClosed};
  std::atomic<bool> stop_{false};
  std::atomic<bool> faulted_{false};
  Fault fault_;
  Eventcount work_, done_;
  std::vector<std::thread> helpers_;
};

}  // namespace doorbell
