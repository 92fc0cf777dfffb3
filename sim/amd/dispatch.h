// What a command processor hands to the compute units: one grid of workgroups of one kernel, in the terms of
// the hardware (COMPUTE_* registers), already freed from AQL, kernel descriptors and PM4. run() executes it.
//
//   packets: AQL packet + kernel descriptor, or SET_SH_REG state + DISPATCH_DIRECT  ->  Dispatch
//   run():   workgroups over host threads, waves of a workgroup in turns, barriers, traps, hang detection
//
// Sources: LLVM "User Guide for AMDGPU Backend", Kernel Descriptor and Initial Kernel Execution State; Linux
// include/asic_reg/gc/gc_11_0_0_sh_mask.h for the fields of COMPUTE_*.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/amd/fault.h"
#include "sim/amd/vm.h"

namespace doorbell::sim::amd {

class Authors;  // sim/amd/shadow.h
class Caches;   // sim/amd/caches.h
class Crew;     // sim/amd/crew.h
struct Gpu;     // sim/amd/gpu.h

// FLAT addresses whose upper 32 bits are these reach LDS and scratch: what KFD writes to SH_MEM_BASES and
// reports by GET_PROCESS_APERTURES (Linux kfd_flat_memory.c, MAKE_LDS_APP_BASE_V9, MAKE_SCRATCH_APP_BASE_V9;
// kfd_device_queue_manager_v10.c, compute_sh_mem_bases_64bit).
inline constexpr uint64_t shared_aperture = uint64_t{1} << 48;
inline constexpr uint64_t private_aperture = uint64_t{2} << 48;

struct Dispatch {
  uint64_t code = 0;  // address of the first instruction
  uint32_t rsrc1 =
      0;  // COMPUTE_PGM_RSRC1, 2, 3: registers, MODE, which system SGPRs and VGPRs are set, trap enables
  uint32_t rsrc2 = 0;
  uint32_t rsrc3 = 0;
  bool wave32 = true;  // kernel descriptor's ENABLE_WAVEFRONT_SIZE32, or DISPATCH_INITIATOR.CS_W32_EN

  // The values of s0, s1, ... in order: COMPUTE_USER_DATA, or what the descriptor asks for (private segment
  // buffer, dispatch, queue, kernarg pointers, dispatch id, flat scratch init, private segment size).
  // Registers of RSRC2.USER_SGPR beyond the vector's end are not set. System SGPRs (workgroup ids, ...)
  // follow RSRC2's bits.
  std::vector<uint32_t> user_sgprs;

  uint32_t grid[3] = {1, 1, 1};       // work-items in each dimension; the last workgroup may be partial
  uint32_t workgroup[3] = {1, 1, 1};  // work-items in each dimension
  uint32_t first[3] = {0, 0, 0};      // first workgroup id (COMPUTE_START_*)

  uint32_t lds_bytes = 0;  // per workgroup, static and dynamic together
  uint32_t cus = 0;        // compute units that it may have (SET_CU_MASK); 0: all of the GPU's

  // Scratch. `scratch` is the base of the queue's scratch memory (SCRATCH_BASE, or the address in the scratch
  // descriptor), `scratch_wave_bytes` what each wave slot has (TMPRING_SIZE.WAVESIZE), `scratch_waves` the
  // number of slots (TMPRING_SIZE.WAVES): no more waves than that run at a time.
  uint64_t scratch = 0;
  uint32_t scratch_wave_bytes = 0;
  uint32_t scratch_waves = 0;

  uint64_t trap_handler = 0;  // TBA of the process, 0: none; s_trap is then a fault
  uint64_t trap_memory = 0;   // TMA

  // For messages.
  std::string kernel;
  std::string queue;
  uint64_t packet = 0;
  bool has_packet = false;

  Strict strict;
};

// The registers of one wave. `vgpr[i * lanes + lane]` is lane `lane` of VGPR i; `sgpr` is numbered as
// codegen/isa/amd/inst.h numbers scalar operands (vcc 106, m0 125, exec 126).
struct WaveRegisters {
  uint32_t workgroup[3] = {};
  uint32_t wave = 0;  // within the workgroup
  uint32_t lanes = 0, vgprs = 0;
  uint32_t* vgpr = nullptr;
  uint32_t* sgpr = nullptr;
  uint32_t* scc = nullptr;
  uint32_t* mode = nullptr;
};

// Global wave sync: counters at which waves wait for each other, those of one workgroup or of many (RDNA2
// ISA, DS_GWS_*). They keep their values from one kernel to the next. Not thread-safe: one queue has them.
struct Gws {
  static constexpr uint32_t count = 64;  // Linux gfx_v10_0.c, gds.gws_size
  struct Resource {
    int32_t counter = 0;
    bool flag = false;
    int32_t waiting = 0;  // waves that want to take one off the counter
  };
  Resource resources[count];
};

// What a queue has of it. From gfx11 on there are no counters behind what KFD gives.
enum class GwsGrant : uint8_t { none, in_form, counters };

// What takes the waves of a queue off the GPU for a while, and puts them back where they were.
class Hold {
 public:
  // Nothing runs from the return on, until let_go(). One caller at a time, for whom no thread at work waits.
  void take();
  void let_go() { held_.store(false); }
  // Who is at work looks now and then, and then leaves.
  [[nodiscard]] bool held() const { return held_.load(std::memory_order_relaxed); }

  // A thread is about to run waves, or a packet: waits until it may, or `over` says that there is no more to
  // do.
  void enter(const std::function<bool()>& over);
  void leave() { at_work_.fetch_sub(1); }

 private:
  std::atomic<bool> held_{false};
  std::atomic<uint32_t> at_work_{0};
};

// How the waves of a dispatch reach what lies outside of the compute units. Called from any of run()'s
// threads. An empty function is answered with a default.
struct Surroundings {
  // s_memtime, s_memrealtime, s_getreg SHADER_CYCLES, s_sendmsg_rtn: ticks of the constant 100 MHz clock.
  // Default: CLOCK_MONOTONIC scaled to 100 MHz.
  std::function<uint64_t()> clock;
  // s_sendmsg(MSG_INTERRUPT) with the data in m0. Default: ignored.
  std::function<void(uint32_t m0)> interrupt;
  // Lints, and faults of checks that only report. Default: one line each on stderr.
  std::function<void(const Fault&)> report;
  // Who else there is that could write what waves wait for: counts what other queues do; the dispatch adds to
  // it while its waves advance. Null: nobody, so that waves of which none advances are a hang at once.
  std::atomic<uint64_t>* activity = nullptr;
  // Otherwise, for how long nobody may do anything while waves poll memory that other kernels or copies would
  // have to write, before that is a hang; and how long waves may poll what the host may write, which is none,
  // before `polling` says so.
  std::chrono::nanoseconds hang_after = std::chrono::milliseconds(1500);
  std::chrono::nanoseconds wonder_after = std::chrono::seconds(10);
  // Who helps: workgroups of a grid then run on several host threads. Only with `activity`, by which those
  // threads see each other at work. Null: the calling thread runs them all.
  Crew* crew = nullptr;
  // For tools: each wave before its first instruction, when what the function leaves in the registers counts
  // as written by somebody, and after its last one. Called from any of run()'s threads.
  std::function<void(const WaveRegisters&)> begin, end;
  // Null: the queue has none, and ds_gws_* are illegal. But where the kernel has given the queue global wave
  // sync in form only (gfx11), ds_gws_init is dropped.
  Gws* gws = nullptr;
  bool gws_in_form = false;
  // What survives from one dispatch to the next. Default: cold caches.
  Caches* caches = nullptr;
  // Who stored to the host's memory is noted there (shadow.h). Null: nobody asks.
  Authors* authors = nullptr;
  // Null: nobody takes the waves off.
  Hold* hold = nullptr;
  // Set to true by anyone to end the dispatch early (the queue is destroyed).
  const std::atomic<bool>* stop = nullptr;
};

struct Outcome {
  enum class Status : uint8_t { done, fault, stopped };
  Status status = Status::done;
  Fault fault;  // if status is fault: the first one
  uint64_t instructions = 0;
  uint64_t waves = 0;
};

// Executes the grid, and returns when all of its waves have ended, one has faulted, or `stop` was set.
// Blocks; the calling thread works beside the crew, so that dispatches of several queues always advance
// together. May be called from several threads at once. The calling thread must hold no online Vm::Reader.
//
// What silicon refuses before a wave starts (too many registers, too much LDS, ...) is a fault of
// FaultKind::dispatch. Within a dispatch all workgroups that fit on the GPU at a time advance together, as on
// silicon; a kernel that makes a resident workgroup wait for one that cannot become resident is a hang.
Outcome run(const Gpu& gpu, Vm& vm, const Dispatch& dispatch, const Surroundings& surroundings = {});

}  // namespace doorbell::sim::amd
