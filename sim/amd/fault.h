// What the emulated GPU punishes, and what it says then. Every strict check is a row here: its name (what
// --lenient takes), what it refuses, where that is documented. A check that is switched off is neither
// reported nor paid for where that can be helped; the machine then does what silicon may do at best (an
// out-of-bounds load gives zero, a register touched too early already holds the loaded value).
//
// A Fault names the place from the queue down to the lane. Layers fill in what they know: the wave its pc,
// lane and address; whoever dispatched it the kernel, queue and packet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hal/base/result.h"

namespace doorbell::sim::amd {

// What becomes of the queue, and what the host is told.
enum class FaultKind : uint8_t {
  none,
  memory,    // a memory fault event; the queues of the process are evicted (KFD: KFD_EVENT_TYPE_MEMORY)
  illegal,   // illegal instruction: queue error 0x40000000
  trap,      // s_trap without a handler of the host's: queue error 0x80000000
  aperture,  // LDS or scratch aperture violation: queue error 0x20000000
  dispatch,  // a dispatch that no compute unit can hold, a malformed packet: the queue's own error codes
  hang,      // no progress is possible: hardware exception event, GPU reset
  strict,    // silicon would go on with garbage; reported and treated as a hardware exception
  lint,      // reported; the machine goes on
};

// One name per check. The order is the order of check_rows.
enum class Check : uint8_t {
  // memory
  unmapped,
  permission,
  fetch_unmapped,
  misaligned,
  lds_bounds,
  scratch_bounds,
  stale_read,
  stale_code,
  missing_release,
  // instructions
  illegal_instruction,
  load_use,
  sgpr_range,
  vgpr_range,
  trap,
  operand_limits,
  operand_overlap,
  // hazards, by LLVM's names
  vcmpx_permlane,
  valu_trans_use,
  valu_partial_forwarding,
  valu_mask_write,
  wmma_use,
  dealloc_vgprs,
  denorm_mode_atomic,
  // validity
  invalid_address,
  invalid_branch,
  invalid_exec,
  invalid_scalar,
  // dispatch and progress
  registers_oversubscribed,
  lds_oversubscribed,
  waves_oversubscribed,
  barrier_mismatch,
  hang,
  polling,
  // packets
  packet_type,
  packet_reserved,
  packet_field,
  packet_bounds,
  packet_alignment,
  packet_signal,
  slot_overwritten,
  doorbell,
  eop_buffer,
  stalled,
  count,
};

struct CheckRow {
  Check check;
  std::string_view name;     // what messages say and --lenient takes
  FaultKind kind;            // what becomes of the queue
  std::string_view refuses;  // completes "refuses ..."
  std::string_view source;
  bool on = true;  // by default
};

std::span<const CheckRow> check_rows();
const CheckRow& check_row(Check check);

// Which checks are on. A value: copied into each dispatch.
class Strict {
 public:
  Strict();  // the defaults of the table
  [[nodiscard]] bool on(Check check) const { return on_[static_cast<size_t>(check)]; }
  void set(Check check, bool on) { on_[static_cast<size_t>(check)] = on; }
  // Switches off the checks of a list "name,name,..."; "all" is every check. An unknown name is an error that
  // lists the known ones.
  Status lenient(std::string_view names);

 private:
  std::array<bool, static_cast<size_t>(Check::count)> on_{};
};

inline constexpr int no_lane = -1;

struct Fault {
  FaultKind kind = FaultKind::none;
  Check check = Check::count;  // count: not of the table
  std::string queue;           // "queue 3" as its owner calls it
  uint64_t packet = 0;         // index of the AQL packet, or offset in the ring in dwords
  bool has_packet = false;
  std::string kernel;
  uint64_t pc = 0;
  bool has_pc = false;
  std::string instruction;  // disassembly at pc
  uint32_t workgroup[3] = {};
  uint32_t wave = 0;  // within the workgroup
  bool has_wave = false;
  int lane = no_lane;  // the first one concerned
  uint64_t address = 0;
  bool has_address = false;
  bool write = false;  // of memory faults
  std::string text;    // what happened, and what would have been right

  explicit operator bool() const { return kind != FaultKind::none; }
};

// One line: "load-use: queue 3, packet 7, kernel add, workgroup 0,0,0 wave 1, pc 0x7f..10: v_add_f32 v1, v2,
// v3: v2 is still being loaded (vmcnt); s_waitcnt vmcnt(0) is missing".
std::string describe(const Fault& fault);

}  // namespace doorbell::sim::amd
