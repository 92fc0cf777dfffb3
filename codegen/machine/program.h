// The second program form: a mutable machine program, generic over the instruction set. Blocks of
// instructions name a row of the target's table and hold operands; registers are virtual until allocation.
// Control flow is structured, so each block knows how deep in loops it lies; blocks fall through in their
// order.
//
// The shape of the passes follows QBE (one pass a file, each can be dumped) and ACO (register tuples, two
// files). Passes: select (a target's), coalesce, fold, schedule, allocate, then the target's finish and
// encode.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/result.h"

namespace doorbell::machine {

// A register: virtual, or number `index` of register file `file`.
struct Reg {
  uint32_t word = 0;  // 0: none

  static constexpr Reg physical(unsigned file, unsigned index) { return {(file << 16 | index) + 1}; }
  static constexpr Reg make_virtual(uint32_t number) { return {0x80000000u | number}; }
  [[nodiscard]] constexpr bool none() const { return word == 0; }
  [[nodiscard]] constexpr bool is_virtual() const { return word >> 31; }
  [[nodiscard]] constexpr bool is_physical() const { return word != 0 && !is_virtual(); }
  [[nodiscard]] constexpr uint32_t number() const { return word & 0x7fffffffu; }  // of a virtual one
  [[nodiscard]] constexpr unsigned file() const { return (word - 1) >> 16; }      // of a physical one
  [[nodiscard]] constexpr unsigned index() const { return (word - 1) & 0xffffu; }
  constexpr bool operator==(const Reg&) const = default;
};

// Update: read and written, in one register. This is how a tied operand is spelled: the selector copies what
// must survive, and coalescing removes the copy where nothing must. An operand that has to lie in one
// register ("fixed") names that physical register.
enum class Role : uint8_t { Use, Def, Update };

struct Operand {
  enum class Kind : uint8_t { None, Reg, Imm, Mem, Block };
  enum class Symbol : uint8_t {
    None,
    Pool,
    Slot
  };  // what a memory operand is relative to, beside its registers

  Kind kind = Kind::None;
  Role role = Role::Use;
  uint8_t cls = 0;             // the target's register class: how this operand views the register
  uint8_t sub = 0, count = 1;  // which registers of a tuple
  bool early = false;          // a Def that is written before the uses are read
  bool undef = false;          // a Def of a part of a tuple whose other parts hold nothing yet
  bool implicit = false;       // not spelled in the instruction: a fixed register that it uses all the same
  uint8_t scale = 1, broadcast = 0;
  Symbol symbol = Symbol::None;
  uint16_t bits = 0;  // size of the access
  int32_t disp = 0;
  Reg reg;          // the register, or the base of an address
  Reg index;        // of an address
  int64_t imm = 0;  // an immediate, a block, a pool entry, a slot

  bool operator==(const Operand&) const = default;
  [[nodiscard]] bool is_reg() const { return kind == Kind::Reg; }
  [[nodiscard]] bool is_mem() const { return kind == Kind::Mem; }
  [[nodiscard]] bool reads() const { return role != Role::Def; }
  [[nodiscard]] bool writes() const { return role != Role::Use; }
};

Operand use(Reg reg, unsigned cls);
Operand def(Reg reg, unsigned cls);
Operand update(Reg reg, unsigned cls);
Operand imm(int64_t value);
Operand block(size_t number);
Operand mem(int bits, Reg base, int32_t disp = 0);
Operand mem(int bits, Reg base, Reg index, int scale, int32_t disp);
Operand pool(int bits, size_t entry, int32_t disp = 0);
Operand slot(int bits, size_t entry, int32_t disp = 0);

// Ops that every target has; its own rows are below these.
enum : uint16_t {
  op_copy = 0xfff0,    // =d s
  op_spill = 0xfff1,   // [slot] s
  op_reload = 0xfff2,  // =d [slot]
  op_zero = 0xfff3,    // =d: all bits 0
};

enum InstFlag : uint16_t {
  glued = 1,      // stays directly behind its predecessor: it reads flags that the predecessor wrote
  remat = 2,      // reads no register: may be repeated instead of spilled
  loads = 4,      // reads memory object `memory`
  stores = 8,     // writes it
  branch = 16,    // may go to its block operand
  jump = 32,      // always does
  returns = 64,   // ends the program
  masked = 128,   // the last operand is a write mask
  zeroing = 256,  // and what it masks off becomes zero
  ordered = 512,  // side effects: keeps its place among ordered instructions, and is never dead
};

struct Inst {
  static constexpr size_t max_operands = 6;
  uint16_t op = 0;
  uint16_t flags = 0;
  int32_t memory = -1;  // the object that it loads or stores; negative: none, or what nobody writes
  uint8_t count = 0;
  std::array<Operand, max_operands> operands{};

  Inst() = default;
  Inst(uint16_t o, std::initializer_list<Operand> list, unsigned f = 0)
      : op(o), flags(static_cast<uint16_t>(f)) {
    for (const Operand& x : list) add(x);
  }
  void add(const Operand& operand) { operands.at(count++) = operand; }
  [[nodiscard]] std::span<Operand> list() { return {operands.data(), count}; }
  [[nodiscard]] std::span<const Operand> list() const { return {operands.data(), count}; }
  [[nodiscard]] bool has(InstFlag f) const { return flags & f; }
  [[nodiscard]] bool is_copy() const { return op == op_copy; }
  bool operator==(const Inst&) const = default;
};

// Calls f(reg, operand, reads, writes) for each register that the instruction names; f may change the
// register.
template <class I, class F>
void for_each_reg(I& inst, F f) {
  for (auto& o : inst.list()) {
    if (o.kind == Operand::Kind::Reg) f(o.reg, o, o.reads(), o.writes());
    if (o.kind == Operand::Kind::Mem) {
      if (!o.reg.none()) f(o.reg, o, true, false);
      if (!o.index.none()) f(o.index, o, true, false);
    }
  }
}

struct Block {
  int depth = 0;  // of loops around it
  std::vector<Inst> insts;
  bool operator==(const Block&) const = default;
};

struct VirtualReg {
  uint8_t file = 0;
  uint8_t size = 1;   // registers of the tuple, consecutive
  uint8_t align = 1;  // its first register's number is a multiple of this
  bool operator==(const VirtualReg&) const = default;
};

struct PoolEntry {
  std::vector<std::byte> bytes;  // aligned to its size, a power of two
  bool operator==(const PoolEntry&) const = default;
};

struct SlotInfo {  // stack or scratch memory for one spilled register
  uint32_t bytes = 8;
  bool operator==(const SlotInfo&) const = default;
};

struct Program {
  std::string name;
  std::vector<Block> blocks;  // the first is the entry
  std::vector<VirtualReg> regs;
  std::vector<Reg> inputs;  // physical registers that hold something on entry
  std::vector<PoolEntry> pool;
  std::vector<SlotInfo> slots;
  bool operator==(const Program&) const = default;

  Reg make_reg(unsigned file, unsigned size = 1, unsigned align = 1);
  size_t make_pool(std::span<const std::byte> bytes);  // equal bytes share an entry
};

// What the passes know of an instruction set.
struct RegisterFile {
  std::string_view name;
  std::vector<uint16_t> order;  // registers that may be allocated, the preferred first
  uint32_t slot_bytes = 8;      // to spill one
};

struct Machine {
  std::string_view name;
  std::vector<RegisterFile> files;
  std::vector<std::string_view> classes;
  std::string_view (*op_name)(uint16_t op) = nullptr;
  std::optional<uint16_t> (*parse_op)(std::string_view name) = nullptr;
  int (*latency)(const Inst& inst) = nullptr;
  bool in_order = false;  // the machine issues in program order, so the scheduler hides latencies
  // Replaces register operand `at`, which is only read, by memory. False, and nothing changed, where the
  // instruction has no such form.
  std::function<bool(Inst& inst, size_t at, const Operand& memory)> fold;
  // True for a plain load of a register from memory (operands: =d, [m]); what fold() undoes.
  bool (*is_load)(const Inst& inst) = nullptr;
};

// The blocks that may follow block `b`.
std::vector<size_t> successors(const Program& program, size_t b);

std::string print(const Program& program, const Machine& machine);
std::string print(const Inst& inst, const Machine& machine);
Result<Program> parse(std::string_view text, const Machine& machine);

// Checks a program: blocks and registers exist, classes and tuples fit, each register is written on every
// path before it is read, control flow stands at block ends, and what is glued has something to be glued to.
// With `allocated`, no virtual register is left. The error names block, instruction and rule.
Status verify(const Program& program, const Machine& machine, bool allocated = false);

}  // namespace doorbell::machine
