// A wave's state and the form in which instructions are executed. Plain data: the files compiled for AVX2 and
// AVX-512 include it, and must not pull in library code that the linker could share with the others'.
//
// How a row of the instruction table gets its meaning: semantics.h says, and each family file (salu.cc,
// valu_int.cc, ...) binds names of rows to functions.
//
// Every instruction is decoded once into its handler and its operands as places. Straight runs of
// instructions are Blocks. A handler returns true if the next step follows, false if the block ends here;
// then Wave::stop says why.
//
// Strictness. Beside each register lies what is known of it: `valid` (which lanes of a VGPR, which bits of a
// scalar register hold data that somebody wrote), and the loads that are still under way (`due`).
#pragma once

#include <cstddef>
#include <cstdint>

namespace doorbell::amd {
struct Inst;
struct Row;
}  // namespace doorbell::amd

namespace doorbell::sim::amd {

struct Wave;
struct Instruction;
struct Block;
struct Group;
struct Context;

using Run = bool (*)(Wave&, const Instruction&);

// Scalar registers are numbered as the instruction table does (codegen/isa/amd/inst.h: vcc 106, null 124, m0
// 125, exec 126). Writes of null go to `bin`, which is as long as the longest destination.
namespace reg {
inline constexpr uint16_t vcc = 106, null = 124, m0 = 125, exec = 126, bin = 128, scalars = 144;
inline constexpr uint16_t vgprs = 256;
inline constexpr uint16_t always_valid = 256;  // index into Wave::valid for what is no VGPR
}  // namespace reg

// Where a source operand comes from.
struct Place {
  enum Kind : uint8_t { none, vgpr, scalar, constant, mask, vccz, execz, scc } kind = none;
  uint8_t dwords = 1;
  uint16_t index = 0;  // register
  uint8_t bits = 32;   // of one element: what neg, abs and SDWA work on
  uint8_t count = 1;   // elements
  bool is_float = false;
  bool brain = false;  // bf16, which no mode concerns
  bool high = false;   // the upper half of a 16-bit operand
  uint8_t number = 0;  // bit of this source in neg, abs, op_sel; 7: has none
  uint64_t value = 0;  // constant
  // Of what lies in lanes already: a VGPR's distance in dwords from Wave::v, or the constant, spread.
  uint32_t distance = 0;
  const uint32_t* lanes = nullptr;
};

// Registers that a step touches, for the checks: pending loads and hazards.
struct Touch {
  uint16_t first = 0;
  uint8_t count = 0;
  bool vector = false, read = false, write = false;
};

// What the lanes of a vector instruction compute, without regard to exec. `d`, `m`, `s` point at lane 0; the
// next register of a wider operand lies `stride` (32 or 64: the number of lanes) further. Lane masks are
// dwords of 0 or ~0.
struct Lanes {
  uint32_t* d;           // destination; registers of it in order
  uint32_t* m;           // the mask that is written (comparison, carry)
  const uint32_t* s[4];  // sources in the order of the text, then a destination that is read, then masks
  uint32_t stride;
};
using LaneFunction = void (*)(const Lanes&);

// Sources, result and conditions of a scalar instruction. 32-bit values are zero-extended; a result of 32
// bits needs no masking. Validity is bit by bit; it is preset to "all of d and scc if all of the sources is".
struct Scalar {
  uint64_t a, b, d;     // d comes preset with the destination's old value if the row reads it
  uint32_t scc;         // 0 or 1
  int64_t k;            // simm16, sign-extended
  uint64_t va, vb, vd;  // 1: somebody wrote this bit
  bool vscc;
  Wave* wave;
};
using ScalarFunction = void (*)(Scalar&);

// When the result of a vector instruction is data that somebody wrote: if all sources are; if any is (where
// bits of several are put together, a hole in one of them must not taint the others); as the mask selects;
// or, of sums and left shifts in 64 bits, whose lower half depends on lower halves only, each half for
// itself.
enum class Validity : uint8_t { all, any, select, rising };

enum class Stop : uint8_t {
  none,     // the block's successor follows
  barrier,  // waits for the other waves of its workgroup
  yield,    // s_sleep and the like: others first
  ended,    // s_endpgm
  fault,
};

// Operands of a memory instruction: register numbers, or -1.
struct Reach {
  int16_t d = -1, data = -1, data1 = -1, address = -1;
  int16_t scalar = -1;        // saddr, sbase
  int16_t descriptor = -1;    // first of four SGPRs
  int16_t offset = -1;        // soffset
  uint32_t offset_value = 0;  // ... or its constant
  uint8_t address_dwords = 0;
  bool returns = false;  // fills d
};

struct Instruction {
  Run run = nullptr;
  LaneFunction lanes = nullptr;
  LaneFunction saturating = nullptr;  // of integer rows with clamp
  ScalarFunction scalar = nullptr;
  Run fused = nullptr;  // the row's own handler

  uint8_t sources = 0;     // places in `s`
  bool to_scalar = false;  // the destination is a scalar register
  bool plain = false;      // of VOP: no modifier, 32-bit registers written whole
  bool half = false;       // 16-bit destination: the other half stays
  bool half_high = false;  // ... and the upper half is written
  bool is_float = false;   // of what has a LaneFunction: MODE matters
  bool d_float = false;    // ... and the result is a float
  bool mode32 = false;     // ... those of f32
  bool selects = false;    // ... minimum and maximum: the result is one of the sources
  bool divides = false;    // ... infinite results are exact
  bool mix = false;        // v_fma_mix*: sources are f32, or halves that op_sel picks
  Validity validity = Validity::all;
  bool writes_exec = false;  // of SALU
  bool reads_scc = false, writes_scc = false;
  bool reads_d = false;  // of SALU: the destination's old value
  uint8_t d_bits = 32;   // of one element of the destination
  uint8_t d_count = 1;   // elements
  uint8_t d_dwords = 0;
  uint8_t m_dwords = 0;  // 0: writes no mask
  uint16_t d = 0;        // VGPR or scalar register
  uint16_t m = 0;        // scalar register
  Place s[4];
  int64_t k = 0;  // simm16, sign-extended; a branch's target for branches

  uint16_t row = 0;
  uint32_t offset = 0;  // of its first byte from the block's
  uint8_t bytes = 0;
  uint8_t touches = 0;
  Touch touch[8];
  const doorbell::amd::Inst* inst = nullptr;
  Reach reach;
};

// Loads and stores under way, per counter of s_waitcnt. A register is due when the instruction that fills it
// has not been waited for. `issued` counts instructions; all up to `done` are known to have finished.
struct Counter {
  uint32_t issued = 0, done = 0;
};

struct Wave {
  alignas(64) uint32_t s[reg::scalars] = {};
  uint32_t* v = nullptr;  // VGPR r, lane l: v[r * stride + l]
  uint32_t stride = 32;   // lanes
  uint32_t scc = 0;
  uint64_t all_lanes = 0xffffffff;
  uint64_t pc = 0;                  // of the next block
  const Instruction* at = nullptr;  // where it stopped
  const Block* block = nullptr;
  Block** link = nullptr;  // where the successor is remembered
  Stop stop = Stop::none;

  // MODE and what is derived from it.
  uint32_t mode = 0;
  bool mode_plain = true;  // rounds to nearest even, keeps denormals everywhere, IEEE mode
  uint32_t mxcsr32 = 0x1f80, mxcsr64 = 0x1f80;  // for f32, and for f16 and f64

  alignas(64) uint32_t spare[6][128];  // of an instruction while it executes: sources, a mask, a result

  // Strict state.
  uint32_t outstanding = 0;  // registers that are due, in all; 0 lets instructions skip the check
  Counter vm, vs, exp, lds;  // lds: in order among LDS instructions
  uint32_t smem = 0;         // scalar loads and messages under way: out of order, done only at lgkmcnt(0)
  uint64_t valid[reg::vgprs + 1] = {};
  uint32_t sv[reg::scalars] = {};
  bool scc_valid = false;
  uint32_t vm_due[reg::vgprs] = {};  // number of the load in `vm` that fills it; 0: none
  uint32_t lds_due[reg::vgprs] = {};
  uint8_t smem_due[reg::scalars] = {};
  uint32_t hazard = 0;  // what is under way, as hazards.h numbers it

  // Place in the dispatch.
  Group* group = nullptr;
  uint32_t id = 0;          // within the workgroup
  uint32_t vgpr_count = 0;  // allocated
  uint32_t scratch_slot = 0;
  uint64_t scratch = 0;        // GPU address of its scratch
  uint32_t scratch_bytes = 0;  // of the wave
  uint32_t hw_id = 0;
  uint64_t barrier_pc = 0;
  bool at_gws = false, gws_flag = false;  // waits at a resource of Gws, whose flag was this
  uint64_t instructions = 0;
  Context* context = nullptr;

  [[nodiscard]] uint64_t exec() const {
    return (s[reg::exec] | static_cast<uint64_t>(s[reg::exec + 1]) << 32) & all_lanes;
  }
  [[nodiscard]] uint32_t* vgpr(uint32_t index) { return v + static_cast<size_t>(index) * stride; }
  [[nodiscard]] uint64_t scalar64(uint32_t index) const {
    return s[index] | static_cast<uint64_t>(s[index + 1]) << 32;
  }
  // Whether a scalar register's value counts as data that somebody wrote once it is in a lane, which is known
  // as a whole: if any bit of it is. Masks that compilers keep in lanes (LLVM's spills of SGPRs, where a
  // loop's first pass merges the enabled lanes into a mask that nobody wrote) have bits that nobody reads.
  [[nodiscard]] bool lane_known(uint32_t index) const { return sv[index] != 0; }
  // A lane mask: 32 bits in wave32.
  [[nodiscard]] uint64_t mask(uint32_t index) const { return stride == 32 ? s[index] : scalar64(index); }
};

// Runs of instructions. The last one always returns false.
struct Block {
  uint64_t pc = 0;
  uint32_t bytes = 0;
  uint32_t count = 0;    // instructions
  uint32_t vgprs = 0;    // the highest vector register that is named, plus 1
  uint64_t checked = 0;  // the epoch of the code cache in which its bytes were last compared with memory
  uint64_t executions = 0;
  const Instruction* instructions = nullptr;
  // Entered with hazard_in under way (hazards.h), it breaks no rule and leaves hazard_out.
  uint32_t hazard_in = ~uint32_t{0}, hazard_out = 0;
  Block* next[2] = {};  // successors met before: not taken, taken
};

}  // namespace doorbell::sim::amd
