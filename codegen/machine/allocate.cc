// See allocate.h.
#include "codegen/machine/allocate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "codegen/machine/liveness.h"

namespace doorbell::machine {
namespace {

constexpr float infinite = std::numeric_limits<float>::infinity();

struct Range {
  float weight = 0;
  bool tiny = false;             // made by spilling: cannot get smaller
  const Inst* repeat = nullptr;  // the one instruction that defines it, if that may be repeated
  bool repeatable = true;
  std::vector<std::pair<Reg, int>> hints;  // would like the place of that register, plus an offset
};

// What lies in one physical register: segments in order, with their owners (a virtual register, or
// `fixed_owner`).
constexpr uint32_t fixed_owner = ~0u;
struct Unit {
  struct Entry {
    Segment at;
    uint32_t owner;
  };
  std::vector<Entry> entries;

  template <class F>
  bool each_overlap(const std::vector<Segment>& segments, F f) const {
    for (const Segment& s : segments) {
      auto it = std::ranges::lower_bound(entries, s.begin + 1, {}, [](const Entry& e) { return e.at.end; });
      for (; it != entries.end() && it->at.begin < s.end; ++it)
        if (!f(it->owner)) return false;
    }
    return true;
  }
  [[nodiscard]] bool free(const std::vector<Segment>& segments) const {
    return each_overlap(segments, [](uint32_t) { return false; });
  }
  void add(const std::vector<Segment>& segments, uint32_t owner) {
    for (const Segment& s : segments) {
      auto it = std::ranges::upper_bound(entries, s.begin, {}, [](const Entry& e) { return e.at.begin; });
      entries.insert(it, {s, owner});
    }
  }
  void remove(uint32_t owner) {
    std::erase_if(entries, [&](const Entry& e) { return e.owner == owner; });
  }
};

class Allocator {
 public:
  Allocator(Program& program, const Machine& machine, std::span<const size_t> budget)
      : program_(program), machine_(machine), budget_(budget.begin(), budget.end()) {}

  Result<Allocation> run() {
    tiny_.assign(program_.regs.size(), false);
    for (;;) {
      ++result_.rounds;
      DOORBELL_CHECK(result_.rounds < 64, "register allocation of {} does not settle", program_.name);
      spilled_.assign(program_.regs.size(), false);
      live_ = analyse(program_);
      measure();
      if (Status s = assign(); !s) return s.error();
      if (std::ranges::find(spilled_, true) == spilled_.end()) break;
      spill();
    }
    replace();
    return std::move(result_);
  }

 private:
  void measure() {
    ranges_.assign(program_.regs.size(), {});
    for (const Block& b : program_.blocks) {
      auto frequency = static_cast<float>(std::pow(10.0, std::min(b.depth, 8)));
      for (const Inst& inst : b.insts) {
        for_each_reg(inst, [&](Reg reg, const Operand&, bool reads, bool writes) {
          if (!reg.is_virtual()) return;
          Range& r = ranges_[reg.number()];
          r.weight += frequency * static_cast<float>(reads + writes);
          if (writes) {
            r.repeatable &= r.repeat == nullptr && inst.has(remat);
            r.repeat = &inst;
          }
        });
        if (!inst.is_copy()) continue;
        const Operand &d = inst.operands[0], &s = inst.operands[1];
        if (d.reg.is_virtual()) ranges_[d.reg.number()].hints.emplace_back(s.reg, s.sub - d.sub);
        if (s.reg.is_virtual()) ranges_[s.reg.number()].hints.emplace_back(d.reg, d.sub - s.sub);
      }
    }
    for (size_t v = 0; v < ranges_.size(); ++v) {
      Range& r = ranges_[v];
      r.tiny = tiny_[v];
      r.repeatable &= r.repeat != nullptr;
      float length = 8;
      for (const Segment& s : live_.segments[v]) length += static_cast<float>(s.end - s.begin);
      r.weight = r.tiny ? infinite : r.weight / length * (r.repeatable ? 0.3f : 1.0f);
    }
  }

  Status assign() {
    place_.assign(program_.regs.size(), -1);
    units_.clear();
    for (const RegisterFile& f : machine_.files) {
      size_t most = 0;
      for (uint16_t r : f.order) most = std::max<size_t>(most, r);
      units_.emplace_back(most + 1);
    }
    for (const auto& [reg, segments] : live_.fixed)
      if (reg.index() < units_[reg.file()].size()) units_[reg.file()][reg.index()].add(segments, fixed_owner);
    std::vector<uint32_t> order;
    for (uint32_t v = 0; v < program_.regs.size(); ++v)
      if (!live_.segments[v].empty()) order.push_back(v);
    // Equal beginnings: tuples first, they are the harder to place.
    auto later = [&](uint32_t a, uint32_t b) {
      uint32_t x = live_.segments[a].front().begin, y = live_.segments[b].front().begin;
      if (x != y) return x > y;
      if (program_.regs[a].size != program_.regs[b].size)
        return program_.regs[a].size < program_.regs[b].size;
      return a > b;
    };
    std::ranges::make_heap(order, later);
    while (!order.empty()) {
      std::ranges::pop_heap(order, later);
      uint32_t v = order.back();
      order.pop_back();
      std::vector<uint32_t> evicted;
      if (Status s = place(v, evicted); !s) return s;
      for (uint32_t e : evicted) {
        if (!ranges_[e].tiny) {
          spilled_[e] = true;
          continue;
        }
        order.push_back(e);
        std::ranges::push_heap(order, later);
      }
    }
    return success();
  }

  // The registers that a tuple may begin with.
  template <class F>
  void each_place(uint32_t v, F f) {
    const VirtualReg& info = program_.regs[v];
    const auto& order = machine_.files[info.file].order;
    size_t n = std::min(budget_[info.file], order.size());
    for (size_t i = 0; i < n; ++i) {
      if (order[i] % info.align != 0) continue;
      bool fits = true;
      for (unsigned k = 1; k < info.size && fits; ++k)
        fits = std::find(order.begin(), order.begin() + static_cast<ptrdiff_t>(n), order[i] + k) !=
               order.begin() + static_cast<ptrdiff_t>(n);
      if (fits && !f(order[i])) return;
    }
  }

  [[nodiscard]] bool free_at(uint32_t v, int reg) const {
    const VirtualReg& info = program_.regs[v];
    for (unsigned k = 0; k < info.size; ++k)
      if (!units_[info.file][static_cast<size_t>(reg) + k].free(live_.segments[v])) return false;
    return true;
  }

  void put(uint32_t v, int reg) {
    const VirtualReg& info = program_.regs[v];
    for (unsigned k = 0; k < info.size; ++k)
      units_[info.file][static_cast<size_t>(reg) + k].add(live_.segments[v], v);
    place_[v] = reg;
  }

  Status place(uint32_t v, std::vector<uint32_t>& evicted) {
    const VirtualReg& info = program_.regs[v];
    int found = -1;
    for (const auto& [reg, offset] : ranges_[v].hints) {
      int at = (reg.is_physical() ? (reg.file() == info.file ? static_cast<int>(reg.index()) : -1)
                                  : place_[reg.number()]);
      if (at < 0 || (reg.is_virtual() && program_.regs[reg.number()].file != info.file)) continue;
      each_place(v, [&](int r) {
        if (r == at + offset && free_at(v, r)) found = r;
        return found < 0;
      });
      if (found >= 0) break;
    }
    if (found < 0)
      each_place(v, [&](int r) {
        if (free_at(v, r)) found = r;
        return found < 0;
      });
    if (found >= 0) {
      put(v, found);
      return success();
    }
    // Nothing is free: the place whose owners weigh least, unless `v` itself does. Among tiny ranges the
    // later one makes room: it goes elsewhere, since what an instruction needs fits by contract.
    float least = infinite;
    int at = -1;
    bool tiny_only = false;
    each_place(v, [&](int r) {
      float weight = 0;
      bool fixed = false;
      for (unsigned k = 0; k < info.size; ++k)
        units_[info.file][static_cast<size_t>(r) + k].each_overlap(live_.segments[v], [&](uint32_t owner) {
          if (owner == fixed_owner) fixed = true;
          else weight = std::max(weight, ranges_[owner].weight);
          return true;
        });
      if (!fixed && (at < 0 || weight < least)) {
        least = weight;
        at = r;
      }
      return true;
    });
    tiny_only = least == infinite;
    if (!ranges_[v].tiny && (at < 0 || ranges_[v].weight <= least)) {
      spilled_[v] = true;
      return success();
    }
    if (at < 0 || (tiny_only && ++struggles_ > 10000))
      return error("{}: one instruction needs more registers of file {} than the budget of {}", program_.name,
                   machine_.files[info.file].name, budget_[info.file]);
    if (tiny_only) {  // rotate, so that a different choice is tried each time
      size_t skip = static_cast<size_t>(struggles_);
      std::vector<int> places;
      each_place(v, [&](int r) {
        places.push_back(r);
        return true;
      });
      for (size_t i = 0; i < places.size(); ++i) {
        int r = places[(i + skip) % places.size()];
        bool fixed = false;
        for (unsigned k = 0; k < info.size; ++k)
          units_[info.file][static_cast<size_t>(r) + k].each_overlap(live_.segments[v], [&](uint32_t owner) {
            fixed |= owner == fixed_owner;
            return true;
          });
        if (!fixed) {
          at = r;
          break;
        }
      }
    }
    for (unsigned k = 0; k < info.size; ++k)
      units_[info.file][static_cast<size_t>(at) + k].each_overlap(live_.segments[v], [&](uint32_t owner) {
        if (std::ranges::find(evicted, owner) == evicted.end()) evicted.push_back(owner);
        return true;
      });
    for (uint32_t e : evicted) {
      const VirtualReg& other = program_.regs[e];
      for (unsigned k = 0; k < other.size; ++k)
        units_[other.file][static_cast<size_t>(place_[e]) + k].remove(e);
      place_[e] = -1;
    }
    put(v, at);
    return success();
  }

  // Spill code: each instruction works on a register of its own, loaded before and stored behind it.
  void spill() {
    std::vector<int64_t> slots(program_.regs.size(), -1);
    std::vector<Inst> repeats(program_.regs.size());
    for (uint32_t v = 0; v < spilled_.size(); ++v) {
      if (!spilled_[v]) continue;
      if (ranges_[v].repeatable) {
        ++result_.repeated;
        repeats[v] = *ranges_[v].repeat;
      } else {
        ++result_.spilled;
        slots[v] = static_cast<int64_t>(program_.slots.size());
        const VirtualReg& info = program_.regs[v];
        program_.slots.push_back({machine_.files[info.file].slot_bytes * info.size});
      }
    }
    auto is_spilled = [&](Reg reg) {
      return reg.is_virtual() && reg.number() < spilled_.size() && spilled_[reg.number()];
    };
    for (Block& b : program_.blocks) {
      std::vector<Inst> out;
      out.reserve(b.insts.size() + 16);
      for (Inst& inst : b.insts) {
        bool touches = false, defines_repeat = false;
        for_each_reg(inst, [&](Reg reg, const Operand&, bool, bool writes) {
          if (!is_spilled(reg)) return;
          touches = true;
          defines_repeat |= writes && slots[reg.number()] < 0;
        });
        if (defines_repeat) continue;  // its only definition
        if (!touches) {
          out.push_back(inst);
          continue;
        }
        fold_spilled(inst, slots, repeats, is_spilled);
        std::map<uint32_t, Reg> renamed;
        std::vector<Inst> before, after;
        for_each_reg(inst, [&](Reg& reg, const Operand& o, bool reads, bool writes) {
          if (!is_spilled(reg)) return;
          uint32_t v = reg.number();
          const VirtualReg info = program_.regs[v];
          auto [it, fresh] = renamed.try_emplace(v, Reg{});
          if (fresh) {
            it->second = program_.make_reg(info.file, info.size, info.align);
            tiny_.push_back(true);
          }
          reg = it->second;
          bool partial = writes && !reads && !o.undef && o.count != info.size;
          auto access = [&](Operand operand) {
            operand.count = info.size;
            return operand;
          };
          if (reads || partial) {
            bool have = std::ranges::any_of(before, [&](const Inst& i) { return i.operands[0].reg == reg; });
            if (!have && slots[v] < 0) {
              before.push_back(repeats[v]);
              before.back().operands[0].reg = reg;
            } else if (!have) {
              Operand m = slot(0, static_cast<size_t>(slots[v]));
              before.push_back(Inst(op_reload, {access(def(reg, 0)), m}));
            }
          }
          bool stored = std::ranges::any_of(after, [&](const Inst& i) { return i.operands[1].reg == reg; });
          if (writes && !stored) {
            Operand m = slot(0, static_cast<size_t>(slots[v]));
            after.push_back(Inst(op_spill, {m, access(use(reg, 0))}));
          }
        });
        // Nothing may stand between a glued instruction and its predecessor that would change what joins
        // them; spills, reloads and repeated constants do not.
        out.insert(out.end(), before.begin(), before.end());
        out.push_back(inst);
        out.insert(out.end(), after.begin(), after.end());
      }
      b.insts = std::move(out);
    }
  }

  template <class F>
  void fold_spilled(Inst& inst, const std::vector<int64_t>& slots, const std::vector<Inst>& repeats,
                    F is_spilled) {
    if (!machine_.fold) return;
    for (size_t i = 0; i < inst.count; ++i) {
      const Operand& o = inst.operands[i];
      if (!o.is_reg() || o.role != Role::Use || !is_spilled(o.reg)) continue;
      uint32_t v = o.reg.number();
      if (program_.regs[v].size != 1) continue;
      Operand memory;
      if (slots[v] >= 0)
        memory = slot(0, static_cast<size_t>(slots[v]));  // bits 0: whatever the operand takes
      else if (machine_.is_load(repeats[v])) memory = repeats[v].operands[1];
      else continue;
      if (machine_.fold(inst, i, memory)) {
        inst.flags |= loads;
        return;  // one memory operand an instruction
      }
    }
  }

  void replace() {
    result_.used.clear();
    for (const auto& f : units_) result_.used.emplace_back(f.size());
    for (Block& b : program_.blocks) {
      for (Inst& inst : b.insts)
        for_each_reg(inst, [&](Reg& reg, Operand& o, bool, bool) {
          if (reg.is_virtual()) {
            const VirtualReg& info = program_.regs[reg.number()];
            int at = place_[reg.number()];
            DOORBELL_CHECK(at >= 0, "register {} of {} has no place", reg.number(), program_.name);
            reg = Reg::physical(info.file, static_cast<unsigned>(at) + o.sub);
            o.sub = 0;
            o.undef = false;
          }
          for (unsigned k = 0; k < std::max<unsigned>(o.is_reg() ? o.count : 1, 1); ++k)
            if (reg.index() + k < result_.used[reg.file()].size())
              result_.used[reg.file()][reg.index() + k] = true;
        });
      std::erase_if(b.insts, [](const Inst& inst) {
        return inst.is_copy() && inst.operands[0].reg == inst.operands[1].reg;
      });
    }
  }

  Program& program_;
  const Machine& machine_;
  std::vector<size_t> budget_;
  Liveness live_;
  std::vector<Range> ranges_;
  std::vector<std::vector<Unit>> units_;  // by file and register
  std::vector<int> place_;
  std::vector<bool> spilled_, tiny_;
  int struggles_ = 0;
  Allocation result_;
};

}  // namespace

Result<Allocation> allocate(Program& program, const Machine& machine, std::span<const size_t> budget) {
  return Allocator(program, machine, budget).run();
}

}  // namespace doorbell::machine
