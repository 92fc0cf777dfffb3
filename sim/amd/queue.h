// CommandProcessor: the queues of one process on one emulated GPU, and the threads that work on them.
//
// It reads rings, pointers and packets through the process's Vm and answers as the firmware of the MEC and of
// the SDMA engines does. Every queue runs on a thread of its own while it has work, so that queues wait for
// each other as they do on silicon. One more thread, the watcher, looks at the doorbells.
//
// Idle protocol. A doorbell is a plain store into a page that clients have mapped. The watcher reads the
// slots while there is work; after a millisecond without a change it calls Hooks::arm, which write-protects
// the page, reads the slots once more, and sleeps. The first store then faults; the handler makes the page
// writable again and calls wake(), and the store is retried. Where no page can be protected (arm says so, or
// is empty) the watcher looks more and more seldom, every 100 ms in the end. Queues that wait on memory poll
// it with back-off, and are woken by whatever this processor writes.
//
// Thread safety: all functions may be called from any thread, wake() from a signal handler too. Hooks are
// called from the processor's threads, without any of its locks held; they may call back, except remove_queue
// of the queue that they were called for.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "hal/base/result.h"
#include "sim/amd/dispatch.h"

namespace doorbell::sim::amd {

struct Gpu;

// As KFD's ioctl numbers them (KFD_IOC_QUEUE_TYPE_*).
enum class QueueType : uint8_t { pm4 = 0, sdma = 1, aql = 2, sdma_xgmi = 3, sdma_by_engine = 4 };

struct QueueConfig {
  std::string name;  // what messages call it; empty: "queue <id>"
  QueueType type = QueueType::aql;
  uint64_t ring = 0;          // GPU addresses, as all below except the doorbell
  uint64_t ring_bytes = 0;    // a power of two
  uint64_t read_pointer = 0;  // AQL: of amd_queue_t's read_dispatch_id
  uint64_t write_pointer = 0;
  uint64_t eop_buffer = 0;  // 0: a PM4 queue without one stands at its first end-of-pipe event
  uint64_t eop_buffer_bytes = 0;
  uint64_t save_area = 0;  // context save and restore; sizes in save_area.h
  uint64_t save_area_bytes = 0;
  uint32_t ctl_stack_bytes = 0;
  uint32_t percentage = 100;  // 0: the queue is suspended
  // KFD makes three of its 16, by which the hardware chooses whose workgroups it launches next
  // [kfd_mqd_manager.c, pipe_priority_map]; here those of all queues advance alike.
  uint32_t priority = 7;
  // The slot, in a mapping of the doorbell page that is never write-protected; valid until remove_queue
  // returns. The processor keeps ~0 there and takes what clients store, so that any value (0 is a valid one
  // for AQL) is seen.
  volatile uint64_t* doorbell = nullptr;
};

struct QueueUpdate {  // KFD's UPDATE_QUEUE
  uint64_t ring = 0;  // 0: suspended
  uint64_t ring_bytes = 0;
  uint32_t percentage = 100;  // 0: suspended
  uint32_t priority = 7;
};

// What a queue stands at: for error lines and for GET_QUEUE_WAVE_STATE.
struct QueueState {
  uint64_t read = 0, write = 0;  // in the units of the queue's type
  bool busy = false, suspended = false, dead = false;
};

struct Hooks {
  // An end-of-pipe or trap interrupt with its context (AQL: the signal's event id). Memory was written
  // before.
  std::function<void(uint32_t context)> interrupt;
  // The queue met what silicon does not survive (FaultKind memory, hang, strict); by then all queues of this
  // processor stand for good, as KFD ends all queues of a process on a device that faulted. Called once.
  std::function<void(uint32_t queue, const Fault&)> fault;
  // The processor or a wave of this one queue was refused (amd::aql::QueueError bits; for AQL they were added
  // to the queue's inactive signal, whose interrupt was raised); it stands until it is destroyed.
  std::function<void(uint32_t queue, uint32_t errors, const Fault&)> queue_error;
  // One call for each line that people should see: faults, queue errors, lints. Empty: describe() on stderr.
  std::function<void(const Fault&)> report;
  // Write-protects the doorbell page, wherever clients have mapped it. False if it could not: then the
  // watcher looks now and then, as it does if this is empty.
  std::function<bool()> arm;
  // Looks for memory that its owner has unmapped: a queue's thread comes to packets that a doorbell
  // announces, or its queue has faulted. None of its accesses is under way.
  std::function<void()> find_lost;
  // How long a packet may wait before `stalled` says so.
  std::chrono::nanoseconds stalled_after = std::chrono::seconds(10);
  // Who helps with dispatches. Null: nobody.
  Crew* crew = nullptr;
  // Runs the waves of a dispatch. Empty: run() of sim/amd/dispatch.h.
  std::function<Outcome(const Dispatch&, const Surroundings&)> launch;
};

class CommandProcessor {
 public:
  // `gpu` and `vm` outlive it.
  CommandProcessor(const Gpu& gpu, Vm& vm, const Strict& strict, Hooks hooks);
  ~CommandProcessor();  // removes every queue
  CommandProcessor(const CommandProcessor&) = delete;
  CommandProcessor& operator=(const CommandProcessor&) = delete;

  // Refuses what the hardware cannot hold (ring size, alignment); KFD checks mappings before.
  Result<uint32_t> add_queue(const QueueConfig& config);
  Status update_queue(uint32_t id, const QueueUpdate& update);
  // Which compute units may run the queue's waves, a bit each, for kernels launched from now on: no more
  // workgroups are resident at a time than fit there. Refuses halves of a workgroup processor on gfx10 and
  // later. Under a mask without a unit kernels wait for another mask.
  Status set_cu_mask(uint32_t id, const uint32_t* mask, uint32_t bits);
  // What kernels launched from now on have of global wave sync.
  void give_gws(uint32_t id, GwsGrant grant);
  [[nodiscard]] Result<QueueState> state(uint32_t id) const;
  // Stops the queue, a kernel that is running included, and forgets it. Waits for a hook that the queue is
  // in. Afterwards nothing of the queue is read or written any more.
  void remove_queue(uint32_t id);

  // A doorbell was stored, or memory changed that queues may be waiting for. Async-signal-safe.
  void wake() noexcept;

  // The process's trap handler (KFD's SET_TRAP_HANDLER), for kernels launched from now on; 0: none.
  void set_trap_handler(uint64_t code, uint64_t memory);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace doorbell::sim::amd
