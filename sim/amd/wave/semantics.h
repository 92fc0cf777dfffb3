// What rows of the instruction table mean. To give a row its meaning, add one line to the table of its
// family:
//
//   salu.cc        {"s_add_u32", [](Scalar& x) { ... }}             two values and SCC in, one value and SCC
//   out valu_int.cc    {"v_add_nc_u32", LANES([](uint32_t a, uint32_t b) { ... })}     one lane's values; see
//   lanes.h valu_float.cc, valu_convert.cc, valu_packed.cc                  likewise control.cc {"s_branch",
//   run_branch}                         branches, waits, messages: whole handlers cross.cc {"v_readlane_b32",
//   ...}                          what crosses lanes memory.cc      loads, stores and atomics; their widths
//   come from the operands in the table, the operation from the name
//
// and, for a new valu file, its rows in struct Simd (valu.h) and valu.cc. Names are those of the instruction
// table (the newest manual's); a name that it lacks, or one bound twice, aborts at start-up. A row without
// meaning is a fault when it is executed; why_refused() says why. VOPD's halves mean what the rows do
// that they are named after.
//
// Handlers need not look after exec, modifiers, DPP, SDWA, validity, waits or rounding modes: valu.cc and
// salu.cc do.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "codegen/isa/amd/amd.h"
#include "sim/amd/fault.h"
#include "sim/amd/wave/valu.h"
#include "sim/amd/wave/wave.h"

namespace doorbell::sim::amd {

struct ScalarRow {
  std::string_view name;
  ScalarFunction scalar;
};
struct RunRow {
  std::string_view name;
  Run run;
};

// One for each family that is no part of Simd.
std::span<const ScalarRow> salu_rows();
std::span<const RunRow> control_rows();
std::span<const RunRow> cross_rows();
std::span<const RunRow> gws_rows();
std::span<const RunRow> lds_rows();
std::span<const RunRow> matrix_rows();
std::span<const RunRow> smem_rows();

struct Semantics {
  Run run = nullptr;  // null: the row has no meaning yet
  LaneFunction lanes = nullptr, saturating = nullptr;
  ScalarFunction scalar = nullptr;
  Run fused = nullptr;
  Validity validity = Validity::all;
  bool selects = false, divides = false;  // as in Instruction
};
const Semantics& semantics(doorbell::amd::Op op);
// Why a row has none, if it is one that no compute kernel can use; else empty.
std::string_view why_refused(doorbell::amd::Op op);

// The generic handler of salu_rows().
bool run_scalar(Wave&, const Instruction&);
// The handler of loads, stores and atomics of DS, FLAT, GLOBAL, SCRATCH, MUBUF and MTBUF.
bool run_memory(Wave&, const Instruction&);
// Whether run_memory knows the row.
bool is_transfer(uint16_t row);
// Stands for rows without a meaning: a fault.
bool run_unknown(Wave&, const Instruction&);
// Ends a block that its successor follows.
bool run_fall_through(Wave&, const Instruction&);
void set_wave_mode(Wave&, uint32_t mode);

// As messages call a scalar register: "s4", "m0", "vcc_lo".
std::string scalar_name(unsigned index);

// Reports a violated check at the step. False if the wave stops for it (also what handlers return then), true
// if the check is off or only lints, and execution goes on.
bool violates(Wave&, const Instruction&, Check, std::string text, int lane = no_lane);
bool violates_at(Wave&, const Instruction&, Check, std::string text, int lane, uint64_t address, bool write);

// False, after a report, if the step touches a register that is due.
bool check_due(Wave&, const Instruction&);

}  // namespace doorbell::sim::amd
