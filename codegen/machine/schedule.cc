// See schedule.h.
#include "codegen/machine/schedule.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "codegen/machine/liveness.h"

namespace doorbell::machine {
namespace {

struct Unit {  // an instruction and what is glued to it
  size_t begin, end;
  std::vector<std::pair<size_t, int>> next;  // unit, cycles after this one
  int waits = 0;                             // for so many
  int height = 0;                            // cycles to the end of the longest path
  int ready = 0;                             // the cycle in which its operands are there
};

struct Access {
  size_t unit;
  const Inst* inst;
  uint32_t base_version;  // of its address registers: equal numbers, equal values
};

class Region {
 public:
  Region(std::span<Inst> insts, const Program& program, const Machine& machine,
         std::span<const size_t> budget, std::unordered_set<uint32_t>& live,
         const std::unordered_map<uint32_t, bool>& live_after)
      : insts_(insts),
        program_(program),
        machine_(machine),
        budget_(budget),
        live_(live),
        live_after_(live_after) {}

  void run() {
    for (size_t i = 0; i < insts_.size(); ++i)
      if (i == 0 || !insts_[i].has(glued)) units_.push_back({i, i + 1, {}});
      else units_.back().end = i + 1;
    if (units_.size() < 2) {
      for (const Inst& inst : insts_) update_live(inst);
      return;
    }
    depend();
    for (size_t u = units_.size(); u-- > 0;) {
      int cycles = 1;
      for (size_t i = units_[u].begin; i < units_[u].end; ++i)
        cycles = std::max(cycles, machine_.latency(insts_[i]));
      units_[u].height = cycles;
      for (auto [n, latency] : units_[u].next)
        units_[u].height = std::max(units_[u].height, latency + units_[n].height);
    }
    for (const Inst& inst : insts_)
      for_each_reg(inst, [&](Reg r, const Operand&, bool, bool) { ++mentions_[r.word]; });
    pressure_.assign(machine_.files.size(), 0);
    for (uint32_t word : live_) count(word, 1);

    std::vector<size_t> ready;
    for (size_t u = 0; u < units_.size(); ++u)
      if (units_[u].waits == 0) ready.push_back(u);
    std::vector<Inst> out;
    out.reserve(insts_.size());
    for (int now = 0; !ready.empty(); ++now) {
      const size_t k = choose(ready, now);
      const size_t u = ready[k];
      ready.erase(ready.begin() + static_cast<ptrdiff_t>(k));
      for (size_t i = units_[u].begin; i < units_[u].end; ++i) {
        take(insts_[i]);
        out.push_back(insts_[i]);
      }
      for (auto [n, latency] : units_[u].next) {
        units_[n].ready = std::max(units_[n].ready, now + latency);
        if (--units_[n].waits == 0) ready.insert(std::ranges::upper_bound(ready, n), n);
      }
    }
    DOORBELL_CHECK(out.size() == insts_.size(), "{}: a dependence runs in a circle", program_.name);
    std::ranges::copy(out, insts_.begin());
  }

 private:
  void edge(size_t from, size_t to, int latency) {
    if (from == to) return;
    for (auto& [n, l] : units_[from].next)
      if (n == to) {
        l = std::max(l, latency);
        return;
      }
    units_[from].next.emplace_back(to, latency);
    ++units_[to].waits;
  }

  static bool side_by_side(const Access& a, const Access& b) {
    const Operand *x = nullptr, *y = nullptr;
    for (const Operand& o : a.inst->list())
      if (o.is_mem()) x = &o;
    for (const Operand& o : b.inst->list())
      if (o.is_mem()) y = &o;
    if (!x || !y || a.base_version != b.base_version) return false;
    if (x->reg != y->reg || x->index != y->index || x->scale != y->scale || x->symbol != y->symbol ||
        x->imm != y->imm)
      return false;
    // A vector of indices reaches anywhere.
    return x->cls == 0 && (x->disp + x->bits / 8 <= y->disp || y->disp + y->bits / 8 <= x->disp);
  }

  void depend() {
    struct State {
      size_t writer = ~size_t{0};
      int latency = 1;
      uint32_t version = 0;
      std::vector<size_t> readers;
    };
    std::unordered_map<uint32_t, State> regs;
    std::vector<Access> loaded, stored;
    for (size_t u = 0; u < units_.size(); ++u)
      for (size_t i = units_[u].begin; i < units_[u].end; ++i) {
        const Inst& inst = insts_[i];
        uint32_t version = 0;
        for_each_reg(inst, [&](Reg r, const Operand& o, bool reads, bool writes) {
          State& s = regs[r.word];
          const bool part = writes && r.is_virtual() && o.count != program_.regs[r.number()].size;
          if ((reads || part) && s.writer != ~size_t{0}) edge(s.writer, u, s.latency);
          if (reads || part) s.readers.push_back(u);
          if (o.is_mem()) version = version * 1000003 + s.version;
        });
        for_each_reg(inst, [&](Reg r, const Operand&, bool, bool writes) {
          if (!writes) return;
          State& s = regs[r.word];
          if (s.writer != ~size_t{0}) edge(s.writer, u, 1);
          for (size_t reader : s.readers) edge(reader, u, 0);
          s.readers.clear();
          s.writer = u;
          s.latency = machine_.latency(inst);
          ++s.version;
        });
        if (inst.memory < 0) continue;
        const Access access{u, &inst, version};
        if (inst.has(loads))
          for (const Access& a : stored)
            if (a.inst->memory == inst.memory && !side_by_side(a, access)) edge(a.unit, u, 1);
        if (inst.has(stores)) {
          for (const Access& a : loaded)
            if (a.inst->memory != inst.memory || !side_by_side(a, access)) edge(a.unit, u, 0);
          for (const Access& a : stored)
            if (a.inst->memory == inst.memory && !side_by_side(a, access)) edge(a.unit, u, 1);
          stored.push_back(access);
        }
        if (inst.has(loads)) loaded.push_back(access);
      }
  }

  void count(uint32_t word, int by) {
    const Reg r{word};
    if (!r.is_virtual()) return;
    const VirtualReg& info = program_.regs[r.number()];
    pressure_[info.file] += by * info.size;
  }
  [[nodiscard]] bool lives_on(uint32_t word) const {
    auto it = live_after_.find(word);
    return it != live_after_.end() && it->second;
  }

  // By how much a unit changes the pressure on `file`, and what it adds at its peak.
  int change(size_t u, size_t file, int* peak) {
    int delta = 0;
    *peak = 0;
    std::unordered_map<uint32_t, int> left, seen;
    for (size_t i = units_[u].begin; i < units_[u].end; ++i)
      for_each_reg(insts_[i], [&](Reg r, const Operand&, bool, bool) {
        if (r.is_virtual() && program_.regs[r.number()].file == file) ++seen[r.word];
      });
    for (auto [word, n] : seen) {
      const int size = program_.regs[Reg{word}.number()].size;
      const bool was = live_.contains(word), will = mentions_[word] > n || lives_on(word);
      if (!was) *peak += size;
      delta += size * (static_cast<int>(will) - static_cast<int>(was));
    }
    *peak = std::max(0, delta);
    return delta;
  }

  size_t choose(const std::vector<size_t>& ready, int now) {
    // The first choice, were registers free.
    size_t best = 0;
    if (machine_.in_order)
      for (size_t k = 1; k < ready.size(); ++k) {
        const Unit &a = units_[ready[k]], &b = units_[ready[best]];
        const int wait_a = std::max(0, a.ready - now), wait_b = std::max(0, b.ready - now);
        if (wait_a != wait_b ? wait_a < wait_b : a.height > b.height) best = k;
      }
    for (size_t f = 0; f < pressure_.size(); ++f) {
      int peak = 0;
      const int delta = change(ready[best], f, &peak);
      if (delta <= 0 || pressure_[f] + peak <= static_cast<int>(budget_[f])) continue;
      int least = delta;
      const size_t window = std::min<size_t>(ready.size(), 64);
      for (size_t k = 0; k < window; ++k) {
        const int d = change(ready[k], f, &peak);
        if (d < least) {
          least = d;
          best = k;
        }
      }
      break;
    }
    return best;
  }

  void take(const Inst& inst) {
    update_live(inst);
    for_each_reg(inst, [&](Reg r, const Operand&, bool, bool) {
      int& n = mentions_[r.word];
      if (--n == 0 && !lives_on(r.word) && live_.erase(r.word)) count(r.word, -1);
    });
  }
  void update_live(const Inst& inst) {
    for_each_reg(inst, [&](Reg r, const Operand&, bool, bool) {
      if (live_.insert(r.word).second && !pressure_.empty()) count(r.word, 1);
    });
  }

  std::span<Inst> insts_;
  const Program& program_;
  const Machine& machine_;
  std::span<const size_t> budget_;
  std::unordered_set<uint32_t>& live_;
  const std::unordered_map<uint32_t, bool>& live_after_;
  std::vector<Unit> units_;
  std::unordered_map<uint32_t, int> mentions_;
  std::vector<int> pressure_;
};

}  // namespace

void schedule(Program& program, const Machine& machine, std::span<const size_t> budget) {
  const Liveness live = analyse(program);
  for (size_t b = 0; b < program.blocks.size(); ++b) {
    auto& insts = program.blocks[b].insts;
    // Regions end where an instruction must stay: at ordered ones and at the block's control flow with what
    // it is glued to.
    std::vector<bool> stays(insts.size());
    for (size_t i = insts.size(); i-- > 0;) {
      stays[i] = stays[i] || insts[i].flags & (ordered | branch | jump | returns);
      if (stays[i] && insts[i].has(glued) && i > 0) stays[i - 1] = true;
    }
    for (size_t begin = 0; begin < insts.size();) {
      size_t end = begin;
      while (end < insts.size() && !stays[end]) ++end;
      if (end - begin > 1) {
        std::unordered_set<uint32_t> at_begin;
        std::unordered_map<uint32_t, bool> after;
        for (uint32_t v : live.live_out[b]) after[Reg::make_virtual(v).word] = true;
        // What is mentioned behind the region, or lives into it, by the segments of each register.
        const uint32_t from = live.first[b] + static_cast<uint32_t>(4 * begin),
                       to = live.first[b] + static_cast<uint32_t>(4 * end);
        for (uint32_t v = 0; v < live.segments.size(); ++v)
          for (const Segment& s : live.segments[v]) {
            if (s.begin <= from && from < s.end) at_begin.insert(Reg::make_virtual(v).word);
            if (s.begin < to && to < s.end) after[Reg::make_virtual(v).word] = true;
          }
        Region(std::span(insts).subspan(begin, end - begin), program, machine, budget, at_begin, after).run();
      }
      begin = end + 1;
    }
  }
}

}  // namespace doorbell::machine
