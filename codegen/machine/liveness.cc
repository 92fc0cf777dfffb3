// Backward dataflow over the blocks, then one backward walk over each. See liveness.h.
#include "codegen/machine/liveness.h"

#include <algorithm>
#include <map>

namespace doorbell::machine {
namespace {

using Bits = std::vector<uint64_t>;

bool test(const Bits& b, uint32_t n) { return b[n / 64] >> (n % 64) & 1; }
void set(Bits& b, uint32_t n) { b[n / 64] |= 1ULL << (n % 64); }
void clear(Bits& b, uint32_t n) { b[n / 64] &= ~(1ULL << (n % 64)); }

// Whether the operand gives its whole register a new value, so that what it held before is dead.
bool kills(const Program& program, Reg reg, const Operand& o) {
  if (o.role != Role::Def) return false;
  return o.undef || !reg.is_virtual() || o.count == program.regs[reg.number()].size;
}

void step(const Program& program, const Inst& inst, Bits& live) {
  for_each_reg(inst, [&](Reg reg, const Operand& o, bool, bool writes) {
    if (writes && reg.is_virtual() && kills(program, reg, o)) clear(live, reg.number());
  });
  for_each_reg(inst, [&](Reg reg, const Operand& o, bool reads, bool writes) {
    if (reg.is_virtual() && (reads || (writes && !kills(program, reg, o)))) set(live, reg.number());
  });
}

std::vector<Bits> flow(const Program& program) {
  size_t n = program.blocks.size(), words = program.regs.size() / 64 + 1;
  std::vector<Bits> in(n, Bits(words)), out(n, Bits(words)), generated(n, Bits(words)),
      killed(n, Bits(words));
  std::vector<std::vector<size_t>> next(n);
  for (size_t b = 0; b < n; ++b) {
    next[b] = successors(program, b);
    for (const Inst& inst : program.blocks[b].insts) {
      for_each_reg(inst, [&](Reg reg, const Operand& o, bool reads, bool writes) {
        if (!reg.is_virtual() || !(reads || (writes && !kills(program, reg, o)))) return;
        if (!test(killed[b], reg.number())) set(generated[b], reg.number());
      });
      for_each_reg(inst, [&](Reg reg, const Operand& o, bool, bool writes) {
        if (reg.is_virtual() && writes && kills(program, reg, o)) set(killed[b], reg.number());
      });
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t b = n; b-- > 0;)
      for (size_t w = 0; w < words; ++w) {
        uint64_t o = 0;
        for (size_t s : next[b]) o |= in[s][w];
        uint64_t i = generated[b][w] | (o & ~killed[b][w]);
        changed |= i != in[b][w];
        out[b][w] = o;
        in[b][w] = i;
      }
  }
  return out;
}

void push(std::vector<Segment>& list, uint32_t begin, uint32_t end) {  // in falling order
  if (!list.empty() && list.back().begin <= end) list.back().begin = std::min(list.back().begin, begin);
  else list.push_back({begin, end});
}

}  // namespace

bool overlap(const std::vector<Segment>& a, const std::vector<Segment>& b) {
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].end <= b[j].begin) ++i;
    else if (b[j].end <= a[i].begin) ++j;
    else return true;
  }
  return false;
}

Liveness analyse(const Program& program) {
  Liveness result;
  std::vector<Bits> out = flow(program);
  uint32_t position = 0;
  for (const Block& b : program.blocks) {
    result.first.push_back(position);
    position += static_cast<uint32_t>(4 * b.insts.size()) + 4;
  }
  result.first.push_back(position);
  result.segments.resize(program.regs.size());
  result.live_out.resize(program.blocks.size());
  std::map<uint32_t, std::vector<Segment>> fixed;
  constexpr uint32_t none = ~0u;
  std::vector<uint32_t> end(program.regs.size(), none);
  for (size_t b = program.blocks.size(); b-- > 0;) {
    const auto& insts = program.blocks[b].insts;
    uint32_t begin = result.first[b];
    auto limit = static_cast<uint32_t>(begin + 4 * insts.size() + 4);
    std::vector<uint32_t> touched;
    auto open = [&](uint32_t v, uint32_t at) {
      if (end[v] == none) {
        end[v] = at;
        touched.push_back(v);
      }
    };
    for (size_t w = 0; w < out[b].size(); ++w)
      for (uint64_t bits = out[b][w]; bits; bits &= bits - 1) {
        auto v = static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(__builtin_ctzll(bits));
        open(v, limit);
        result.live_out[b].push_back(v);
      }
    std::map<uint32_t, uint32_t> fixed_end;
    for (size_t i = insts.size(); i-- > 0;) {
      auto at = static_cast<uint32_t>(begin + 4 * i);
      for_each_reg(insts[i], [&](Reg reg, const Operand& o, bool, bool writes) {
        if (!writes) return;
        uint32_t from = o.early ? at + 1 : at + 2;
        if (reg.is_physical()) {
          if (o.role == Role::Update) {
            fixed_end.try_emplace(reg.word, at + 3);
            return;
          }
          auto it = fixed_end.find(reg.word);
          push(fixed[reg.word], from, it == fixed_end.end() ? at + 3 : it->second);
          if (it != fixed_end.end()) fixed_end.erase(it);
        } else if (kills(program, reg, o)) {
          uint32_t v = reg.number();
          push(result.segments[v], from, end[v] == none ? at + 3 : end[v]);
          end[v] = none;
        } else {
          open(reg.number(), at + 3);
        }
      });
      for_each_reg(insts[i], [&](Reg reg, const Operand& o, bool reads, bool writes) {
        if (reg.is_physical()) {
          if (reads) fixed_end.try_emplace(reg.word, at + 2);
        } else if (reads || (writes && !kills(program, reg, o))) {
          open(reg.number(), at + 2);
        }
      });
    }
    for (uint32_t v : touched)
      if (end[v] != none) {
        push(result.segments[v], begin, end[v]);
        end[v] = none;
      }
    for (auto [word, to] : fixed_end) push(fixed[word], begin, to);
  }
  for (auto& s : result.segments) std::ranges::reverse(s);
  for (auto& [word, segments] : fixed) {
    std::ranges::reverse(segments);
    result.fixed.emplace_back(Reg{word}, std::move(segments));
  }
  return result;
}

void remove_dead(Program& program) {
  for (bool changed = true; changed;) {
    changed = false;
    std::vector<Bits> out = flow(program);
    for (size_t b = 0; b < program.blocks.size(); ++b) {
      auto& insts = program.blocks[b].insts;
      Bits live = out[b];
      std::vector<Inst> kept;
      kept.reserve(insts.size());
      bool next_is_glued = false;
      for (size_t i = insts.size(); i-- > 0;) {
        const Inst& inst = insts[i];
        bool needed = inst.flags & (stores | branch | jump | returns | ordered) || next_is_glued;
        for_each_reg(inst, [&](Reg reg, const Operand&, bool, bool writes) {
          needed |= writes && (reg.is_physical() || test(live, reg.number()));
        });
        if (!needed) {
          changed = true;
          continue;
        }
        step(program, inst, live);
        next_is_glued = inst.has(glued);
        kept.push_back(inst);
      }
      std::ranges::reverse(kept);
      insts = std::move(kept);
    }
  }
}

}  // namespace doorbell::machine
