// A toy instruction set with two register files and register tuples, and an interpreter for its programs,
// before and after allocation: what the passes over machine programs are proved on.
#pragma once

#include <map>
#include <vector>

#include "codegen/machine/program.h"

namespace doorbell::toy {

enum : uint16_t {
  li,     // =s #n
  add,    // =s s s
  mac,    // +s s s          s += s * s
  hard,   // =&s s s         written before its operands are read
  make4,  // =t*4 s          four values from one
  sum4,   // =s t*4
  mix2,   // +t*2 t*2        both
  get,    // =s t.k
  put,    // =t.k s          the other parts stay
  tadd,   // =t t t
  fixed,  // ~+s0 ~=s1       s0 and s1 from s0, by name
  addm,   // =s s m          add with memory
  out,    // s               effect
  dec,    // +s              minus one
  again,  // s @block        branch unless it is 0
  skip,   // s @block        branch if even
  ret,
  op_count
};
inline constexpr std::string_view names[] = {"li",   "add", "mac",   "hard", "make4", "sum4",
                                             "mix2", "get", "put",   "tadd", "fixed", "addm",
                                             "out",  "dec", "again", "skip", "ret"};
inline constexpr unsigned s_file = 0, t_file = 1;

inline std::string_view op_name(uint16_t op) { return op < op_count ? names[op] : std::string_view(); }
inline std::optional<uint16_t> parse_op(std::string_view text) {
  for (uint16_t i = 0; i < op_count; ++i)
    if (names[i] == text) return i;
  return std::nullopt;
}
inline bool fold(machine::Inst& inst, size_t at, const machine::Operand& memory) {
  if (inst.op != add || at != 2) return false;
  inst.op = addm;
  inst.operands[2] = memory;
  return true;
}

inline machine::Machine describe(unsigned s = 16, unsigned t = 32) {
  machine::Machine m;
  m.name = "toy";
  m.files.resize(2);
  m.files[0].name = "s";
  m.files[1].name = "t";
  for (unsigned i = 0; i < s; ++i) m.files[0].order.push_back(static_cast<uint16_t>(i));
  for (unsigned i = 0; i < t; ++i) m.files[1].order.push_back(static_cast<uint16_t>(i));
  m.classes = {"any"};
  m.op_name = op_name;
  m.parse_op = parse_op;
  m.latency = [](const machine::Inst& inst) { return inst.op == make4 || inst.op == sum4 ? 4 : 1; };
  m.fold = fold;
  m.is_load = [](const machine::Inst&) { return false; };
  return m;
}

// Runs a program; the values of its outs. Virtual and physical registers may both occur.
class Interpreter {
 public:
  explicit Interpreter(const machine::Program& program) : p_(program) {}

  std::vector<uint64_t> run() {
    size_t block = 0, at = 0, steps = 0;
    for (;;) {
      DOORBELL_CHECK(++steps < 100000, "the toy program does not end");
      if (at == p_.blocks[block].insts.size()) {
        ++block;
        at = 0;
        continue;
      }
      const machine::Inst& i = p_.blocks[block].insts[at++];
      const auto& o = i.operands;
      switch (i.op) {
        case li: set(o[0], 0, static_cast<uint64_t>(o[1].imm)); break;
        case add: set(o[0], 0, get_(o[1]) + get_(o[2])); break;
        case addm: set(o[0], 0, get_(o[1]) + slots_[o[2].imm].at(0)); break;
        case mac: set(o[0], 0, get_(o[0]) + get_(o[1]) * get_(o[2])); break;
        case hard: {
          set(o[0], 0, 0xdead);
          const uint64_t a = get_(o[1]);
          set(o[0], 0, a * 3 + 1);
          const uint64_t b = get_(o[2]);
          set(o[0], 0, a * 3 ^ b);
          break;
        }
        case make4: {
          const uint64_t v = get_(o[1]);
          for (unsigned k = 0; k < 4; ++k) set(o[0], k, v * (2 * k + 3) + k);
          break;
        }
        case sum4: {
          uint64_t v = 0;
          for (unsigned k = 0; k < 4; ++k) v = v * 5 + get_(o[1], k);
          set(o[0], 0, v);
          break;
        }
        case mix2: {
          const uint64_t a = get_(o[0], 0), b = get_(o[0], 1), c = get_(o[1], 0), d = get_(o[1], 1);
          set(o[0], 0, a + d);
          set(o[0], 1, b ^ c);
          break;
        }
        case toy::get:
        case put: set(o[0], 0, get_(o[1])); break;
        case tadd: set(o[0], 0, get_(o[1]) + 7 * get_(o[2])); break;
        case fixed: {
          const uint64_t a = get_(o[0]);
          set(o[1], 0, a / 3);
          set(o[0], 0, a * a + 1);
          break;
        }
        case out: outputs_.push_back(get_(o[0])); break;
        case dec: set(o[0], 0, get_(o[0]) - 1); break;
        case again:
          if (get_(o[0]) != 0) block = static_cast<size_t>(o[1].imm), at = 0;
          break;
        case skip:
          if (get_(o[0]) % 2 == 0) block = static_cast<size_t>(o[1].imm), at = 0;
          break;
        case ret: return outputs_;
        case machine::op_copy: {
          std::vector<uint64_t> v;
          for (unsigned k = 0; k < o[1].count; ++k) v.push_back(get_(o[1], k));
          for (unsigned k = 0; k < o[0].count; ++k) set(o[0], k, v[k]);
          break;
        }
        case machine::op_zero: set(o[0], 0, 0); break;
        case machine::op_spill: {
          auto& slot = slots_[o[0].imm];
          slot.clear();
          for (unsigned k = 0; k < o[1].count; ++k) slot.push_back(get_(o[1], k));
          break;
        }
        case machine::op_reload:
          for (unsigned k = 0; k < o[0].count; ++k) set(o[0], k, slots_[o[1].imm].at(k));
          break;
        default: DOORBELL_CHECK(false, "the toy has no op {}", i.op);
      }
    }
  }

 private:
  using Key = std::pair<uint32_t, unsigned>;  // a virtual register and its part; a physical register
  static Key key(const machine::Operand& o, unsigned k) {
    if (o.reg.is_virtual()) return {o.reg.word, o.sub + k};
    return {o.reg.word + o.sub + k, 0};
  }
  uint64_t get_(const machine::Operand& o, unsigned k = 0) { return regs_[key(o, k)]; }
  void set(const machine::Operand& o, unsigned k, uint64_t v) { regs_[key(o, k)] = v; }

  const machine::Program& p_;
  std::map<Key, uint64_t> regs_;
  std::map<int64_t, std::vector<uint64_t>> slots_;
  std::vector<uint64_t> outputs_;
};

}  // namespace doorbell::toy
