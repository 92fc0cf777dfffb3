// See assemble.h. The frame, from high to low addresses:
//
//   return address | callee-saved registers | rsp as it was | spill slots, aligned to a cache line
#include "codegen/target/x86/assemble.h"

#include <algorithm>
#include <cstring>

namespace doorbell::x86::target {

using machine::def;
using machine::Operand;
using machine::use;

namespace {

constexpr unsigned rax = 0, rsp = 4;  // in the manual's numbering
constexpr unsigned callee_saved[] = {3, 5, 12, 13, 14, 15};

machine::Reg gpr(unsigned index) { return machine::Reg::physical(gpr_file, index); }
machine::Inst make(Op o, std::initializer_list<Operand> operands) {
  return machine::Inst(static_cast<uint16_t>(o), operands);
}

// A register moved whole: what a copy or a spill of it takes.
Op move_op(unsigned file) {
  return file == gpr_file ? op("mov") : file == vector_file ? op("vmovups") : op("kmovq");
}
RegClass whole(unsigned file, uint32_t slot_bytes) {
  if (file == gpr_file) return RegClass::gpr64;
  if (file == mask_file) return RegClass::k;
  return slot_bytes == 64 ? RegClass::zmm : RegClass::ymm;
}

}  // namespace

void finish(machine::Program& program, const machine::Allocation& allocation) {
  std::vector<int32_t> offsets;
  uint32_t bytes = 0, largest = 8;
  for (uint32_t size : {64u, 32u, 8u})  // the largest first: all are aligned
    for (size_t i = 0; i < program.slots.size(); ++i) {
      offsets.resize(program.slots.size());
      if (program.slots[i].bytes != size) continue;
      offsets[i] = static_cast<int32_t>(bytes);
      bytes += size;
      largest = std::max(largest, size);
    }
  const auto saved_rsp = static_cast<int32_t>(bytes);
  const int64_t frame = bytes ? (bytes + 8 + 63) & ~63u : 0;
  constexpr unsigned r64c = 4;
  static_assert(static_cast<unsigned>(RegClass::gpr64) == r64c);

  std::vector<machine::Inst> prologue, epilogue;
  for (unsigned r : callee_saved)
    if (allocation.used[gpr_file][r]) prologue.push_back(make(op("push"), {use(gpr(r), r64c)}));
  if (frame) {
    prologue.push_back(make(op("mov"), {def(gpr(rax), r64c), use(gpr(rsp), r64c)}));
    prologue.push_back(make(op("sub"), {machine::update(gpr(rsp), r64c), machine::imm(frame)}));
    prologue.push_back(make(op("and"), {machine::update(gpr(rsp), r64c), machine::imm(-64)}));
    prologue.push_back(make(op("mov"), {machine::mem(64, gpr(rsp), saved_rsp), use(gpr(rax), r64c)}));
    epilogue.push_back(make(op("mov"), {def(gpr(rsp), r64c), machine::mem(64, gpr(rsp), saved_rsp)}));
  }
  for (auto it = std::rbegin(callee_saved); it != std::rend(callee_saved); ++it)
    if (allocation.used[gpr_file][*it]) epilogue.push_back(make(op("pop"), {def(gpr(*it), r64c)}));

  for (machine::Block& b : program.blocks) {
    std::vector<machine::Inst> out;
    if (&b == &program.blocks.front()) out = prologue;
    for (machine::Inst inst : b.insts) {
      if (inst.has(machine::returns)) out.insert(out.end(), epilogue.begin(), epilogue.end());
      for (Operand& o : inst.list()) {
        if (!o.is_mem() || o.symbol != Operand::Symbol::Slot) continue;
        const auto entry = static_cast<size_t>(o.imm);
        o.symbol = Operand::Symbol::None;
        o.reg = gpr(rsp);
        o.disp += offsets[entry];
        o.imm = program.slots[entry].bytes;
      }
      switch (inst.op) {
        case machine::op_copy: {
          const unsigned file = inst.operands[0].reg.file();
          auto c = static_cast<RegClass>(inst.operands[0].cls);
          // A mov of 32 bits costs no more; vectors move whole, as movaps, whose encoding is the shortest.
          if (file == mask_file) c = RegClass::k;
          if (c == RegClass::gpr8 || c == RegClass::gpr16) c = RegClass::gpr32;
          out.push_back(make(file == vector_file ? op("vmovaps") : move_op(file),
                             {def(inst.operands[0].reg, cls(c)), use(inst.operands[1].reg, cls(c))}));
          break;
        }
        case machine::op_zero: {
          const machine::Reg d = inst.operands[0].reg;
          const unsigned x = cls(RegClass::xmm);
          if (d.file() == gpr_file)  // not xor: flags may be live
            out.push_back(make(op("mov"), {def(d, cls(RegClass::gpr32)), machine::imm(0)}));
          else if (d.file() == vector_file)
            out.push_back(make(op("vxorps"), {def(d, x), use(d, x), use(d, x)}));
          else out.push_back(make(op("kxorq"), {def(d, 8), use(d, 8), use(d, 8)}));
          break;
        }
        case machine::op_spill:
        case machine::op_reload: {
          const bool spills = inst.op == machine::op_spill;
          Operand m = inst.operands[spills ? 0 : 1], r = inst.operands[spills ? 1 : 0];
          const RegClass c = whole(r.reg.file(), static_cast<uint32_t>(m.imm));
          m.bits = static_cast<uint16_t>(bits_of(c));
          r.cls = static_cast<uint8_t>(cls(c));
          out.push_back(spills ? make(move_op(r.reg.file()), {m, r}) : make(move_op(r.reg.file()), {r, m}));
          break;
        }
        default: out.push_back(inst);
      }
    }
    b.insts = std::move(out);
  }
}

namespace {

// Multi-byte no-operations (Intel SDM vol. 2B, NOP, "Recommended Multi-Byte Sequence of NOP Instruction");
// two bytes as two of one, since the instruction table has no prefixed 90.
void pad(std::vector<std::byte>& out, size_t n) {
  static constexpr uint8_t nops[9][9] = {{0x90},
                                         {0x90, 0x90},
                                         {0x0f, 0x1f, 0x00},
                                         {0x0f, 0x1f, 0x40, 0x00},
                                         {0x0f, 0x1f, 0x44, 0x00, 0x00},
                                         {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
                                         {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
                                         {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
                                         {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00}};
  while (n > 0) {
    const size_t k = std::min<size_t>(n, 9);
    for (size_t i = 0; i < k; ++i) out.push_back(static_cast<std::byte>(nops[k - 1][i]));
    n -= k;
  }
}

struct Piece {  // one instruction
  std::vector<std::byte> bytes;
  size_t field = 0;  // of a rip-relative displacement, in bytes; 0: none
  size_t pool = 0;
  int64_t target = -1;  // block of a branch
  bool is_short = true;
  Op branch{};
};

size_t size_of(const Piece& p) {
  if (p.target < 0) return p.bytes.size();
  return p.is_short ? 2 : p.branch == op("jmp") ? 5 : 6;
}

}  // namespace

std::vector<std::byte> encode(const machine::Program& program, Features features, Features& used) {
  std::vector<std::vector<Piece>> blocks(program.blocks.size());
  std::vector<bool> is_head(program.blocks.size());
  for (size_t b = 0; b < program.blocks.size(); ++b)
    for (const machine::Inst& inst : program.blocks[b].insts) {
      Piece& p = blocks[b].emplace_back();
      if (inst.has(machine::branch) || inst.has(machine::jump)) {
        p.target = inst.operands[0].imm;
        p.branch = static_cast<Op>(inst.op);
        if (static_cast<size_t>(p.target) <= b) is_head[static_cast<size_t>(p.target)] = true;
        continue;
      }
      const x86::Inst x = to_x86(inst);
      const Row* row = match(x);
      DOORBELL_CHECK(row && !(row->features & ~features), "{}: no encoding of `{}` on this processor",
                     program.name, print(x));
      used |= row->features;
      Encoded e = x86::encode(x, p.bytes);
      for (const Operand& o : inst.list())
        if (o.is_mem() && o.symbol == Operand::Symbol::Pool) {
          p.field = e.field;
          p.pool = static_cast<size_t>(o.imm);
        }
    }
  // Offsets, with branches that grow until all reach.
  constexpr size_t alignment = 32;  // a line of the decoded-instruction caches
  std::vector<size_t> start(blocks.size());
  for (bool grown = true; grown;) {
    grown = false;
    size_t at = 0;
    for (size_t b = 0; b < blocks.size(); ++b) {
      if (is_head[b]) at = (at + alignment - 1) & ~(alignment - 1);
      start[b] = at;
      for (const Piece& p : blocks[b]) at += size_of(p);
    }
    for (size_t b = 0; b < blocks.size(); ++b) {
      size_t end = start[b];
      for (Piece& p : blocks[b]) {
        end += size_of(p);
        if (p.target < 0 || !p.is_short) continue;
        const auto distance =
            static_cast<int64_t>(start[static_cast<size_t>(p.target)]) - static_cast<int64_t>(end);
        if (distance < INT8_MIN || distance > INT8_MAX) {
          p.is_short = false;
          grown = true;
        }
      }
    }
  }
  std::vector<std::byte> out;
  std::vector<std::pair<size_t, size_t>> fixups;  // position of a displacement and its instruction's end, ...
  std::vector<size_t> wanted;                     // ... and the pool entry that it names
  for (size_t b = 0; b < blocks.size(); ++b) {
    pad(out, start[b] - out.size());
    for (const Piece& p : blocks[b]) {
      if (p.target >= 0) {
        const auto end = static_cast<int64_t>(out.size() + size_of(p));
        const int64_t distance = static_cast<int64_t>(start[static_cast<size_t>(p.target)]) - end;
        if (p.is_short) {
          x86::encode(x86::Inst(p.branch, {x86::imm(distance)}), out);
        } else {
          const Encoded e = x86::encode(x86::Inst(p.branch, {label(0)}), out);
          const auto d = static_cast<int32_t>(distance);
          std::memcpy(&out[e.field], &d, 4);
        }
        DOORBELL_CHECK(static_cast<int64_t>(out.size()) == end, "a branch is not as long as planned");
        continue;
      }
      if (p.field) {
        fixups.emplace_back(out.size() + p.field, out.size() + p.bytes.size());
        wanted.push_back(p.pool);
      }
      out.insert(out.end(), p.bytes.begin(), p.bytes.end());
    }
  }
  if (program.pool.empty()) return out;
  out.push_back(std::byte{0xcc});  // nothing runs on into the constants
  while (out.size() % 64 != 0) out.push_back(std::byte{0xcc});
  std::vector<size_t> order, place(program.pool.size());
  for (size_t i = 0; i < program.pool.size(); ++i) order.push_back(i);
  std::ranges::sort(order, [&](size_t a, size_t b) {
    const size_t x = program.pool[a].bytes.size(), y = program.pool[b].bytes.size();
    return x != y ? x > y : a < b;
  });
  for (size_t i : order) {
    place[i] = out.size();
    out.insert(out.end(), program.pool[i].bytes.begin(), program.pool[i].bytes.end());
  }
  for (size_t i = 0; i < fixups.size(); ++i) {
    auto [field, end] = fixups[i];
    int32_t d = 0;
    std::memcpy(&d, &out[field], 4);
    d += static_cast<int32_t>(place[wanted[i]] - end);
    std::memcpy(&out[field], &d, 4);
  }
  return out;
}

}  // namespace doorbell::x86::target
