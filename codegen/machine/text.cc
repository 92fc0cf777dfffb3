// The text form of machine programs, which parse() reads back. See program.h.
//
//   program NAME
//   vreg vec 1 1                      file, tuple size, alignment; numbered from 0
//   input vec:3
//   pool 00000000                     bytes
//   slot 32
//   block 0                           depth
//     vaddps =v2:ymm v0:ymm [v1 + v3*4 + 16]:256
//
// Operands: v2:ymm a register in a class, physical ones as gpr:7:r64; =written, =&written early, +both,
// ^undef before it, ~implicit; .2 or .2*4 parts of a tuple; #5 immediate; @1 block; [pool 0 + 16], [slot 0];
// {8} behind memory: broadcast to so many. Flags stand behind a '!', the memory object behind 'mem'.
#include <charconv>
#include <unordered_map>

#include "codegen/machine/program.h"

namespace doorbell::machine {
namespace {

struct Flag {
  InstFlag flag;
  std::string_view name;
};
constexpr Flag flag_names[] = {
    {glued, "glued"}, {remat, "remat"},     {loads, "loads"},   {stores, "stores"},   {branch, "branch"},
    {jump, "jump"},   {returns, "returns"}, {masked, "masked"}, {zeroing, "zeroing"}, {ordered, "ordered"}};
struct Pseudo {
  uint16_t op;
  std::string_view name;
};
constexpr Pseudo pseudos[] = {
    {op_copy, "copy"}, {op_spill, "spill"}, {op_reload, "reload"}, {op_zero, "zero"}};

std::string print(Reg reg, const Machine& machine) {
  if (reg.is_virtual()) return fmt::format("v{}", reg.number());
  return fmt::format("{}:{}", machine.files[reg.file()].name, reg.index());
}

std::string print(const Operand& o, const Machine& machine) {
  std::string out;
  switch (o.kind) {
    case Operand::Kind::None: return "-";
    case Operand::Kind::Imm: return fmt::format("#{}", o.imm);
    case Operand::Kind::Block: return fmt::format("@{}", o.imm);
    case Operand::Kind::Reg:
      if (o.implicit) out += '~';
      if (o.undef) out += '^';
      out += o.role == Role::Use ? "" : o.role == Role::Update ? "+" : o.early ? "=&" : "=";
      out += print(o.reg, machine);
      if (o.sub != 0 || o.count != 1) out += fmt::format(".{}*{}", o.sub, o.count);
      return out + fmt::format(":{}", machine.classes[o.cls]);
    case Operand::Kind::Mem: {
      std::string parts;
      auto add = [&](const std::string& part) { parts += (parts.empty() ? "" : " + ") + part; };
      if (o.symbol != Operand::Symbol::None)
        add(fmt::format("{} {}", o.symbol == Operand::Symbol::Pool ? "pool" : "slot", o.imm));
      if (!o.reg.none()) add(print(o.reg, machine));
      if (!o.index.none()) add(fmt::format("{}*{}", print(o.index, machine), o.scale));
      add(fmt::format("{}", o.disp));
      out = fmt::format("[{}]:{}", parts, o.bits);
      if (o.cls != 0) out += fmt::format(":{}", machine.classes[o.cls]);  // of a vector index
      if (o.broadcast != 0) out += fmt::format("{{{}}}", o.broadcast);
      return out;
    }
  }
  return out;
}

}  // namespace

std::string print(const Inst& inst, const Machine& machine) {
  std::string out;
  for (const Pseudo& p : pseudos)
    if (p.op == inst.op) out = p.name;
  if (out.empty()) out = machine.op_name(inst.op);
  // Names of several words are joined, so that a name ends at a space.
  for (char& c : out)
    if (c == ' ') c = '_';
  for (const Operand& o : inst.list()) out += " " + print(o, machine);
  for (const Flag& f : flag_names)
    if (inst.has(f.flag)) out += fmt::format(" !{}", f.name);
  if (inst.memory != -1) out += fmt::format(" mem {}", inst.memory);
  return out;
}

std::string print(const Program& program, const Machine& machine) {
  std::string out = fmt::format("program {}\n", program.name);
  for (const VirtualReg& r : program.regs)
    out += fmt::format("vreg {} {} {}\n", machine.files[r.file].name, r.size, r.align);
  for (Reg r : program.inputs) out += fmt::format("input {}\n", print(r, machine));
  for (const PoolEntry& p : program.pool) {
    out += "pool ";
    for (std::byte b : p.bytes) out += fmt::format("{:02x}", static_cast<unsigned>(b));
    out += "\n";
  }
  for (const SlotInfo& s : program.slots) out += fmt::format("slot {}\n", s.bytes);
  for (const Block& b : program.blocks) {
    out += fmt::format("block {}\n", b.depth);
    for (const Inst& inst : b.insts) out += "  " + print(inst, machine) + "\n";
  }
  return out;
}

namespace {

class Parser {
 public:
  Parser(std::string_view text, const Machine& machine) : text_(text), machine_(machine) {}

  Result<Program> run() {
    while (!text_.empty()) {
      ++line_number_;
      line_ = text_.substr(0, text_.find('\n'));
      text_.remove_prefix(std::min(line_.size() + 1, text_.size()));
      std::string what = line();
      if (what.empty() && !(spaces(), line_.empty())) what = fmt::format("'{}' is left over", line_);
      if (!what.empty()) return error("machine program, line {}: {}", line_number_, what);
    }
    return std::move(program_);
  }

 private:
  void spaces() {
    while (!line_.empty() && line_.front() == ' ') line_.remove_prefix(1);
  }
  bool take(std::string_view s) {
    spaces();
    if (!line_.starts_with(s)) return false;
    line_.remove_prefix(s.size());
    return true;
  }
  std::string_view word(std::string_view ends = " ") {
    spaces();
    std::string_view w = line_.substr(0, line_.find_first_of(ends));
    line_.remove_prefix(w.size());
    return w;
  }
  template <class T>
  bool number(T& value) {
    spaces();
    auto [end, code] = std::from_chars(line_.data(), line_.data() + line_.size(), value);
    if (code != std::errc()) return false;
    line_.remove_prefix(static_cast<size_t>(end - line_.data()));
    return true;
  }
  template <class T>
  bool integer(T& value) {
    int64_t n = 0;
    if (!number(n)) return false;
    value = static_cast<T>(n);
    return static_cast<int64_t>(value) == n;
  }
  bool file(unsigned& index, std::string_view name) {
    for (index = 0; index < machine_.files.size(); ++index)
      if (machine_.files[index].name == name) return true;
    return false;
  }
  bool cls(uint8_t& index) {
    std::string_view name = word(" {");
    for (index = 0; index < machine_.classes.size(); ++index)
      if (machine_.classes[index] == name) return true;
    return false;
  }
  bool reg(Reg& out) {
    uint32_t n = 0;
    unsigned f = 0;
    if (line_.size() > 1 && line_[0] == 'v' && line_[1] >= '0' && line_[1] <= '9') {
      line_.remove_prefix(1);
      if (!number(n)) return false;
      out = Reg::make_virtual(n);
      return true;
    }
    if (!file(f, word(": ")) || !take(":") || !number(n)) return false;
    out = Reg::physical(f, n);
    return true;
  }

  std::string line() {
    spaces();
    if (line_.empty() || line_.front() == '#') return line_ = {}, "";
    std::string_view key = word();
    if (key == "program") {
      spaces();
      program_.name = line_;
      line_ = {};
      return "";
    }
    if (key == "vreg") {
      VirtualReg r;
      unsigned f = 0;
      if (!file(f, word()) || !integer(r.size) || !integer(r.align))
        return "expected 'vreg FILE SIZE ALIGNMENT'";
      r.file = static_cast<uint8_t>(f);
      program_.regs.push_back(r);
      return "";
    }
    if (key == "input") {
      spaces();
      return reg(program_.inputs.emplace_back()) ? "" : "expected a physical register";
    }
    if (key == "slot") return number(program_.slots.emplace_back().bytes) ? "" : "expected a size in bytes";
    if (key == "pool") {
      std::string_view hex = word();
      auto& bytes = program_.pool.emplace_back().bytes;
      for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        unsigned value = 0;
        if (std::from_chars(&hex[i], &hex[i] + 2, value, 16).ptr != &hex[i] + 2)
          return "expected hexadecimal bytes";
        bytes.push_back(static_cast<std::byte>(value));
      }
      return "";
    }
    if (key == "block") return number(program_.blocks.emplace_back().depth) ? "" : "expected a depth";
    if (program_.blocks.empty()) return fmt::format("'{}' outside of a block", key);
    return instruction(key);
  }

  std::string instruction(std::string_view name) {
    Inst inst;
    bool found = false;
    for (const Pseudo& p : pseudos)
      if (p.name == name) inst.op = p.op, found = true;
    std::string spelled(name);
    if (!found) {
      for (char& c : spelled)
        if (c == '_') c = ' ';
      auto op = machine_.parse_op(spelled);
      if (!op) op = machine_.parse_op(name);
      if (!op) return fmt::format("no instruction '{}'", name);
      inst.op = *op;
    }
    for (spaces(); !line_.empty(); spaces()) {
      if (take("!")) {
        std::string_view flag = word();
        bool known = false;
        for (const Flag& f : flag_names)
          if (f.name == flag) inst.flags |= f.flag, known = true;
        if (!known) return fmt::format("no flag '{}'", flag);
      } else if (take("mem ")) {
        if (!number(inst.memory)) return "expected a memory object";
      } else {
        Operand o;
        if (!operand(o)) return fmt::format("no operand at '{}'", line_);
        if (inst.count == Inst::max_operands) return "too many operands";
        inst.add(o);
      }
    }
    program_.blocks.back().insts.push_back(inst);
    return "";
  }

  bool operand(Operand& o) {
    if (take("#")) {
      o.kind = Operand::Kind::Imm;
      return number(o.imm);
    }
    if (take("@")) {
      o.kind = Operand::Kind::Block;
      return number(o.imm);
    }
    if (take("[")) return memory(o);
    o.kind = Operand::Kind::Reg;
    o.implicit = take("~");
    o.undef = take("^");
    if (take("=")) o.role = Role::Def, o.early = take("&");
    else if (take("+")) o.role = Role::Update;
    if (!reg(o.reg)) return false;
    if (take(".") && !(integer(o.sub) && take("*") && integer(o.count))) return false;
    return take(":") && cls(o.cls);
  }

  bool memory(Operand& o) {
    o.kind = Operand::Kind::Mem;
    for (bool first = true; !take("]"); first = false) {
      if (!first && !take("+")) return false;
      spaces();
      if (take("pool ")) {
        o.symbol = Operand::Symbol::Pool;
        if (!number(o.imm)) return false;
      } else if (take("slot ")) {
        o.symbol = Operand::Symbol::Slot;
        if (!number(o.imm)) return false;
      } else if (int32_t disp = 0; number(disp)) {
        o.disp = disp;
      } else {
        Reg r;
        if (!reg(r)) return false;
        if (take("*")) {
          o.index = r;
          if (!integer(o.scale)) return false;
        } else {
          o.reg = r;
        }
      }
    }
    if (!take(":") || !integer(o.bits)) return false;
    if (take(":") && !cls(o.cls)) return false;
    return !take("{") || (integer(o.broadcast) && take("}"));
  }

  std::string_view text_, line_;
  const Machine& machine_;
  Program program_;
  size_t line_number_ = 0;
};

}  // namespace

Result<Program> parse(std::string_view text, const Machine& machine) { return Parser(text, machine).run(); }

}  // namespace doorbell::machine
