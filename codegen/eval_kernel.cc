// The evaluator of lowered kernels: see eval.h. make() turns the list of nodes into a flat list of
// instructions once. A value is lanes x count words, lane by lane; uniform values are computed once and then
// copied to all lanes, so that no instruction asks again.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "codegen/eval.h"
#include "codegen/matrix_unit.h"
#include "codegen/numeric.h"

namespace doorbell {

static_assert(std::endian::native == std::endian::little,
              "patterns are copied to and from memory as they lie");

namespace {

enum class Where : uint8_t { Param, Local, Register };

struct Instruction {
  Op op = Op::Const;
  bool varying = false;      // differs between lanes
  uint32_t node = 0;         // place in the kernel's body
  DType type;                // of the result; Store: of the value
  uint32_t out = 0;          // word of the result in lane 0
  std::vector<uint32_t> in;  // the same of the sources. Load: index, gate. Store: index, value, gate.
                             //   CopyAsync: index, param's index, gate. Await: the copies' places in the body
  std::vector<DType> types;  // of those sources
  Where where = Where::Param;  // Load, Store and CopyAsync: which memory (to copy to),
  uint32_t memory = 0;         //   which param, byte of Local, or element of Register memory
  DType element;               //   what it consists of
  int64_t elements = 0;        //   and how many
  int64_t arg = 0;             // Range: past its End. End: its Range. CopyAsync: which param it reads.
                               //   Otherwise the node's argument
};

struct Constant {
  uint32_t out;
  uint64_t bits;
};
struct SymbolValue {
  uint32_t out;
  int64_t place, min, max, multiple;
  DType type;
};
struct GroupIndex {
  uint32_t out;
  int64_t axis;
  DType type;
};

}  // namespace

struct KernelCode {
  std::string name;
  uint32_t lanes = 1;
  uint32_t grid[3] = {1, 1, 1};
  std::vector<KernelParam> params;
  size_t symbol_count = 0;
  std::vector<Instruction> list;
  std::vector<Constant> constants;
  std::vector<SymbolValue> symbols;
  std::vector<GroupIndex> groups;
  std::vector<uint32_t> lane_indices;
  std::vector<std::string> titles;  // "%3 = load f32", by node
  uint32_t words = 0, registers = 0, local_bytes = 0;
};

namespace {

using Params = std::span<const std::span<std::byte>>;

// What is known of a byte of local memory. What a copy is still to bring is nobody's.
enum Known : uint8_t { nothing, stored, in_flight };

// One lane's share of a CopyAsync, until it is awaited.
struct InFlight {
  uint32_t copy;  // place in the kernel's body
  uint32_t lane;
  size_t to, span;                   // bytes of local memory
  const std::byte* from;             // null: brings 0
  std::array<std::byte, 8> bytes{};  // as they were when the copy began
};

// One workgroup: its memory, and the instructions upon it.
class Group {
 public:
  Group(const KernelCode& code, Params params)
      : code_(code),
        params_(params),
        words_(code.words),
        registers_(size_t{code.registers} * code.lanes),
        register_set_(registers_.size()),
        local_(code.local_bytes),
        local_set_(code.local_bytes) {
    for (const Constant& c : code.constants) fill(c.out, c.bits);
    for (uint32_t out : code.lane_indices)
      for (uint32_t l = 0; l < code.lanes; ++l) words_[out + l] = l;
  }

  void set_symbols(std::span<const int64_t> values) {
    for (const SymbolValue& s : code_.symbols)
      fill(s.out, static_cast<uint64_t>(values[static_cast<size_t>(s.place)]) & s.type.mask());
  }

  Status run(const uint32_t group[3]) {
    std::copy(group, group + 3, group_);
    for (const GroupIndex& g : code_.groups) fill(g.out, group[g.axis] & g.type.mask());
    std::ranges::fill(register_set_, uint8_t{0});
    std::ranges::fill(local_set_, uint8_t{nothing});
    pending_.clear();
    for (size_t at = 0; at < code_.list.size();) {
      const Instruction& i = code_.list[at++];
      switch (i.op) {
        case Op::Load: TRY(load(i)); break;
        case Op::Store: TRY(store(i)); break;
        case Op::CopyAsync: TRY(copy(i)); break;
        case Op::Await: TRY(await(i)); break;
        case Op::Range:
          fill(i.out, 0);
          if (decode_int(i.type, words_[i.in[0]]) <= 0) at = static_cast<size_t>(i.arg);
          break;
        case Op::End: {
          const uint64_t next = words_[i.in[0]] + 1;
          if (decode_int(i.types[0], next) < decode_int(i.types[0], words_[i.in[1]])) {
            fill(i.in[0], next);
            at = static_cast<size_t>(i.arg) + 1;
          }
          break;
        }
        default:
          value(i);
          if (!i.varying) spread(i);
      }
    }
    return success();
  }

 private:
  // A scalar, the same in every lane.
  void fill(uint32_t out, uint64_t bits) { std::fill_n(words_.begin() + out, code_.lanes, bits); }
  void spread(const Instruction& i) {
    for (uint32_t l = 1; l < code_.lanes; ++l)
      std::copy_n(words_.begin() + i.out, i.type.count, words_.begin() + i.out + l * i.type.count);
  }
  // Lanes that an instruction has to look at.
  [[nodiscard]] uint32_t lanes(const Instruction& i) const { return i.varying ? code_.lanes : 1; }
  uint64_t* word(uint32_t base, uint32_t lane, DType type) {
    return &words_[base + size_t{lane} * type.count];
  }

  template <class... Args>
  Error fail(const Instruction& i, uint32_t lane, fmt::format_string<Args...> format, Args&&... args) const {
    return error("kernel {}, {}, group ({}, {}, {}), lane {}: {}", code_.name, code_.titles[i.node],
                 group_[0], group_[1], group_[2], lane, fmt::format(format, std::forward<Args>(args)...));
  }

  void value(const Instruction& i) {
    const uint32_t n = lanes(i);
    switch (i.op) {
      case Op::LaneXor:
        for (uint32_t l = 0; l < n; ++l)
          std::copy_n(word(i.in[0], l ^ static_cast<uint32_t>(i.arg), i.type), i.type.count,
                      word(i.out, l, i.type));
        break;
      case Op::Vec:
        for (uint32_t l = 0; l < n; ++l) {
          uint64_t* to = word(i.out, l, i.type);
          for (size_t s = 0; s < i.in.size(); ++s)
            to = std::copy_n(word(i.in[s], l, i.types[s]), i.types[s].count, to);
        }
        break;
      case Op::Element:
        for (uint32_t l = 0; l < n; ++l) words_[i.out + l] = word(i.in[0], l, i.types[0])[i.arg];
        break;
      case Op::Contract:
        for (uint32_t l = 0; l < n; ++l)
          words_[i.out + l] = contract(matrix_units[i.arg], words_[i.in[0] + l], word(i.in[1], l, i.types[1]),
                                       word(i.in[2], l, i.types[2]));
        break;
      case Op::Bitcast:
        if (i.types[0].bits != i.type.bits) {
          for (uint32_t l = 0; l < n; ++l) regroup(i, word(i.in[0], l, i.types[0]), word(i.out, l, i.type));
          break;
        }
        [[fallthrough]];
      default: {
        const uint64_t* in[3] = {};
        for (size_t s = 0; s < i.in.size(); ++s) in[s] = &words_[i.in[s]];
        compute(i.op, i.type, i.types.back(), in, &words_[i.out], size_t{n} * i.type.count);
      }
    }
  }

  // A bitcast between short vectors of other widths.
  static void regroup(const Instruction& i, const uint64_t* in, uint64_t* out) {
    std::byte bytes[8 * 256];
    const auto from = static_cast<size_t>(i.types[0].bytes()), to = static_cast<size_t>(i.type.bytes());
    for (size_t e = 0; e < i.types[0].count; ++e) std::memcpy(bytes + e * from, in + e, from);
    for (size_t e = 0; e < i.type.count; ++e) {
      out[e] = 0;
      std::memcpy(out + e, bytes + e * to, to);
    }
  }

  static uint64_t contract(const MatrixUnit& unit, uint64_t acc, const uint64_t* a, const uint64_t* b) {
    auto product = [&](int k) { return decode_int(unit.a, a[k]) * decode_int(unit.b, b[k]); };
    int64_t sum = decode_int(unit.acc, acc);
    if (unit.accumulate == Accumulate::SaturatePairs)
      for (int k = 0; k < unit.k; k += 2)
        sum += std::clamp<int64_t>(product(k) + product(k + 1), INT16_MIN, INT16_MAX);
    else
      for (int k = 0; k < unit.k; ++k) sum += product(k);
    return static_cast<uint64_t>(sum) & unit.acc.mask();
  }

  bool gated_off(const Instruction& i, size_t gate, uint32_t lane) {
    return i.in.size() > gate && !words_[i.in[gate] + lane];
  }

  // The first byte that a lane addresses; `outside` when the `span` bytes from there on leave the memory.
  static constexpr size_t outside = ~size_t{0};
  size_t address(const Instruction& i, uint32_t lane, size_t span) {
    const int64_t index = decode_int(i.types[0], words_[i.in[0] + lane]);
    const auto size = static_cast<uint64_t>(i.elements), at = static_cast<uint64_t>(index);
    const auto unit = static_cast<size_t>(i.element.bytes() * i.element.count);
    return index < 0 || at > size || span > (size - at) * unit ? outside : at * unit;
  }
  Error leaves(const Instruction& i, uint32_t lane, size_t span) {
    return fail(i, lane, "index {} and {} bytes leave {} elements of {}",
                decode_int(i.types[0], words_[i.in[0] + lane]), span, i.elements, name(i.element));
  }

  // Copies elements between words and memory; the common widths without a call.
  static void read(uint64_t* to, const std::byte* from, size_t bytes, size_t count) {
    for (size_t e = 0; e < count; ++e, from += bytes) {
      if (bytes == 4) to[e] = fetch<uint32_t>(from);
      else if (bytes == 8) to[e] = fetch<uint64_t>(from);
      else to[e] = 0, std::memcpy(to + e, from, bytes);
    }
  }
  template <class T>
  static T fetch(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  static void write(std::byte* to, const uint64_t* from, size_t bytes, size_t count) {
    for (size_t e = 0; e < count; ++e, to += bytes) {
      if (bytes == 4) std::memcpy(to, from + e, 4);
      else std::memcpy(to, from + e, bytes);
    }
  }

  // Registers lie element by element, lane by lane; verify() has shown that their constant index is inside.
  Status load_register(const Instruction& i) {
    for (uint32_t l = 0; l < lanes(i); ++l) {
      uint64_t* out = word(i.out, l, i.type);
      const bool off = gated_off(i, 1, l);
      for (size_t e = 0; e < i.type.count; ++e) {
        const size_t at = (i.memory + e) * code_.lanes + l;
        if (!off && !register_set_[at]) return fail(i, l, "reads a register that nothing was stored to");
        out[e] = off ? 0 : registers_[at];
      }
    }
    if (!i.varying) spread(i);
    return success();
  }

  void store_register(const Instruction& i) {
    for (uint32_t l = 0; l < code_.lanes; ++l) {
      if (gated_off(i, 2, l)) continue;
      const uint64_t* value = word(i.in[1], l, i.type);
      for (size_t e = 0; e < i.type.count; ++e) {
        const size_t at = (i.memory + e) * code_.lanes + l;
        registers_[at] = value[e];
        register_set_[at] = 1;
      }
    }
  }

  Status load(const Instruction& i) {
    if (i.where == Where::Register) return load_register(i);
    const auto bytes = static_cast<size_t>(i.type.bytes()), span = bytes * i.type.count;
    const bool local = i.where == Where::Local;
    const std::byte* memory = local ? local_.data() + i.memory : params_[i.memory].data();
    for (uint32_t l = 0; l < lanes(i); ++l) {
      uint64_t* out = word(i.out, l, i.type);
      if (gated_off(i, 1, l)) {
        std::fill_n(out, i.type.count, 0);
        continue;
      }
      const size_t at = address(i, l, span);
      if (at == outside) return leaves(i, l, span);
      if (local) {
        const std::span<const uint8_t> known(local_set_.data() + i.memory + at, span);
        if (std::ranges::find(known, in_flight) != known.end())
          return fail(i, l, "reads local memory that a copy is on its way to, at byte {}", at);
        if (std::ranges::find(known, nothing) != known.end())
          return fail(i, l, "reads local memory that nothing was stored to, at byte {}", at);
      }
      read(out, memory + at, bytes, i.type.count);
      if (i.type.is_bool())
        for (size_t e = 0; e < i.type.count; ++e)
          if (out[e] > 1) return fail(i, l, "loads {} as a bool", out[e]);
    }
    if (!i.varying) spread(i);
    return success();
  }

  Status store(const Instruction& i) {
    if (i.where == Where::Register) return store_register(i), success();
    const auto bytes = static_cast<size_t>(i.type.bytes()), span = bytes * i.type.count;
    const bool local = i.where == Where::Local;
    std::byte* memory = local ? local_.data() + i.memory : params_[i.memory].data();
    stored_.clear();
    for (uint32_t l = 0; l < lanes(i); ++l) {
      if (gated_off(i, 2, l)) continue;
      const size_t at = address(i, l, span);
      if (at == outside) return leaves(i, l, span);
      stored_.emplace_back(at, l);
      if (local) TRY(take(i, l, at, span, stored));
      write(memory + at, word(i.in[1], l, i.type), bytes, i.type.count);
    }
    if (!std::ranges::is_sorted(stored_)) std::ranges::sort(stored_);
    for (size_t k = 1; k < stored_.size(); ++k)
      if (stored_[k].first < stored_[k - 1].first + span)
        return fail(i, stored_[k].second, "stores to byte {}, as lane {} does", stored_[k].first,
                    stored_[k - 1].second);
    return success();
  }

  // Marks bytes of local memory that this lane changes.
  Status take(const Instruction& i, uint32_t lane, size_t at, size_t span, Known mark) {
    const std::span<uint8_t> known(local_set_.data() + i.memory + at, span);
    if (std::ranges::find(known, in_flight) != known.end())
      return fail(i, lane, "writes local memory that a copy is on its way to, at byte {}", at);
    std::ranges::fill(known, mark);
    return success();
  }

  // The bytes come with the Await, and not before: until then nothing is there to be read.
  Status copy(const Instruction& i) {
    const auto span = static_cast<size_t>(i.element.bytes());
    const auto param = static_cast<size_t>(i.arg);
    const auto unit = static_cast<size_t>(code_.params[param].dtype.bytes());
    const auto elements = static_cast<uint64_t>(code_.params[param].elements);
    for (uint32_t l = 0; l < lanes(i); ++l) {
      const size_t to = address(i, l, span);
      if (to == outside) return leaves(i, l, span);
      TRY(take(i, l, to, span, in_flight));
      InFlight one{i.node, l, i.memory + to, span, nullptr};
      if (!gated_off(i, 2, l)) {
        const int64_t index = decode_int(i.types[1], words_[i.in[1] + l]);
        const auto at = static_cast<uint64_t>(index);
        if (index < 0 || at > elements || span > (elements - at) * unit)
          return fail(i, l, "index {} and {} bytes leave the {} elements of param {}", index, span, elements,
                      param);
        one.from = params_[param].data() + at * unit;
        std::copy_n(one.from, span, one.bytes.begin());
      }
      pending_.push_back(std::move(one));
    }
    return success();
  }

  Status await(const Instruction& i) {
    for (const InFlight& one : pending_) {
      if (std::ranges::find(i.in, one.copy) == i.in.end()) continue;
      const std::span bytes(one.bytes.data(), one.span);
      if (one.from && std::memcmp(bytes.data(), one.from, one.span) != 0)
        return fail(i, one.lane, "what {} copies was written meanwhile", code_.titles[one.copy]);
      std::ranges::copy(bytes, local_.begin() + static_cast<long>(one.to));
      std::fill_n(local_set_.begin() + static_cast<long>(one.to), one.span, uint8_t{stored});
    }
    std::erase_if(pending_,
                  [&](const InFlight& one) { return std::ranges::find(i.in, one.copy) != i.in.end(); });
    return success();
  }

  const KernelCode& code_;
  Params params_;
  std::vector<uint64_t> words_, registers_;
  std::vector<uint8_t> register_set_;  // by element, then lane
  std::vector<std::byte> local_;
  std::vector<uint8_t> local_set_;  // by byte: Known
  std::vector<InFlight> pending_;
  std::vector<std::pair<size_t, uint32_t>> stored_;
  uint32_t group_[3] = {};
};

const Node* root(const Node* memory) {
  while (memory->is(Op::After)) memory = memory->src[0];
  return memory;
}

// Fills in which memory a Load, Store or CopyAsync touches.
struct Layout {
  std::unordered_map<const Node*, uint32_t> base;  // Allocs

  void access(KernelCode& code, Instruction& i, const Node* node) const {
    const Node* memory = root(node->src[0]);
    i.element = memory->dtype;
    if (memory->is(Op::Param)) {
      i.where = Where::Param;
      i.memory = static_cast<uint32_t>(memory->arg[0]);
      i.elements = code.params[i.memory].elements;
    } else {
      i.where = memory->arg[1] == static_cast<int64_t>(Space::Local) ? Where::Local : Where::Register;
      i.memory = base.at(memory);
      i.elements = memory->arg[2];
      if (i.where == Where::Register)
        i.memory += static_cast<uint32_t>(node->src[1]->as_int() * memory->dtype.count);
    }
  }
};

}  // namespace

Result<KernelEvaluator> KernelEvaluator::make(const Lowered& kernel) {
  TRY(verify(kernel));
  auto code = std::make_shared<KernelCode>();
  code->name = kernel.name;
  code->lanes = static_cast<uint32_t>(kernel.lanes);
  std::copy(kernel.grid, kernel.grid + 3, code->grid);
  code->params = kernel.params;
  code->symbol_count = kernel.symbols.size();
  const std::vector<bool> is_varying = varying(kernel);
  std::unordered_map<const Node*, uint32_t> out, place;
  std::unordered_map<const Node*, size_t> range_at;
  Layout layout;
  for (size_t n = 0; n < kernel.body.size(); ++n) {
    const Node* node = kernel.body[n];
    code->titles.push_back(fmt::format("%{} = {} {}", n, text(node->op), name(node->dtype)));
    place[node] = static_cast<uint32_t>(n);
    Instruction i;
    i.op = node->op;
    i.node = static_cast<uint32_t>(n);
    i.type = node->dtype;
    i.varying = is_varying[n];
    i.arg = node->arg.empty() ? 0 : node->arg[0];
    const bool has_value = node->dtype.kind != Kind::Void && !node->is(Op::After) && !node->is(Op::Param) &&
                           !node->is(Op::Alloc);
    if (has_value) {
      out[node] = i.out = code->words;
      code->words += code->lanes * node->dtype.count;
    }
    auto take = [&](const Node* s) {
      i.in.push_back(out.at(s));
      i.types.push_back(s->dtype);
    };
    switch (node->op) {
      case Op::Const: code->constants.push_back({i.out, static_cast<uint64_t>(node->arg[0])}); continue;
      case Op::Symbol:
        code->symbols.push_back({i.out, node->arg[0], node->arg[1], node->arg[2], node->arg[3], node->dtype});
        continue;
      case Op::Lane: code->lane_indices.push_back(i.out); continue;
      case Op::Param:
      case Op::After: continue;
      case Op::Alloc:
        if (node->arg[1] == static_cast<int64_t>(Space::Local)) {
          layout.base[node] = code->local_bytes;
          code->local_bytes += static_cast<uint32_t>(node->arg[2] * node->dtype.bytes() * node->dtype.count);
        } else {
          layout.base[node] = code->registers;
          code->registers += static_cast<uint32_t>(node->arg[2] * node->dtype.count);
        }
        continue;
      case Op::Range:
        if (node->src.empty()) {
          code->groups.push_back({i.out, node->arg[2], node->dtype});
          continue;
        }
        take(node->src[0]);
        range_at[node] = code->list.size();
        break;
      case Op::End: {
        const size_t begin = range_at.at(node->src[0]);
        take(node->src[0]);
        take(node->src[0]->src[0]);
        i.arg = static_cast<int64_t>(begin);
        code->list[begin].arg = static_cast<int64_t>(code->list.size() + 1);
        break;
      }
      case Op::Load:
      case Op::Store:
        layout.access(*code, i, node);
        for (const Node* s : node->src.subspan(1)) take(s);
        if (node->is(Op::Store)) i.type = node->src[2]->dtype;
        break;
      case Op::CopyAsync:
        layout.access(*code, i, node);
        i.arg = node->src[2]->arg[0];
        take(node->src[1]);
        for (const Node* s : node->src.subspan(3)) take(s);
        break;
      case Op::Await: {
        std::vector<const Node*> tokens(node->src.begin(), node->src.end());
        for (size_t t = 0; t < tokens.size(); ++t) {
          if (tokens[t]->is(Op::CopyAsync)) i.in.push_back(place.at(tokens[t]));
          else if (tokens[t]->is(Op::End))
            tokens.insert(tokens.end(), tokens[t]->src.begin(), tokens[t]->src.end());
        }
        break;
      }
      default:
        for (const Node* s : node->src) take(s);
    }
    code->list.push_back(std::move(i));
  }
  KernelEvaluator evaluator;
  evaluator.code_ = std::move(code);
  return evaluator;
}

namespace {

Status check_arguments(const KernelCode& code, Params params, std::span<const int64_t> symbols) {
  if (params.size() != code.params.size() || symbols.size() != code.symbol_count)
    return error("kernel {}: takes {} params and {} symbols, given {} and {}", code.name, code.params.size(),
                 code.symbol_count, params.size(), symbols.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const KernelParam& p = code.params[i];
    const auto bytes =
        static_cast<uint64_t>(p.elements) * static_cast<uint64_t>(p.dtype.bytes() * p.dtype.count);
    if (params[i].size() < bytes)
      return error("kernel {}: param {} has {} bytes, given {}", code.name, i, bytes, params[i].size());
  }
  for (const SymbolValue& s : code.symbols) {
    const int64_t value = symbols[static_cast<size_t>(s.place)];
    if (value < s.min || value > s.max || value % s.multiple)
      return error("kernel {}: symbol {} is {}, expected a multiple of {} in [{}, {}]", code.name, s.place,
                   value, s.multiple, s.min, s.max);
  }
  return success();
}

}  // namespace

Status KernelEvaluator::run(Params params, std::span<const int64_t> symbols, const uint32_t group[3]) const {
  TRY(check_arguments(*code_, params, symbols));
  for (int axis = 0; axis < 3; ++axis)
    if (group[axis] >= code_->grid[axis])
      return error("kernel {}: workgroup ({}, {}, {}) lies outside of the grid", code_->name, group[0],
                   group[1], group[2]);
  Group state(*code_, params);
  state.set_symbols(symbols);
  return state.run(group);
}

Status KernelEvaluator::run(Params params, std::span<const int64_t> symbols) const {
  TRY(check_arguments(*code_, params, symbols));
  Group state(*code_, params);
  state.set_symbols(symbols);
  for (uint32_t z = 0; z < code_->grid[2]; ++z)
    for (uint32_t y = 0; y < code_->grid[1]; ++y)
      for (uint32_t x = 0; x < code_->grid[0]; ++x) {
        const uint32_t group[3] = {x, y, z};
        TRY(state.run(group));
      }
  return success();
}

Status run(const Lowered& kernel, Params params, std::span<const int64_t> symbols, const uint32_t group[3]) {
  return TRY(KernelEvaluator::make(kernel)).run(params, symbols, group);
}
Status run(const Lowered& kernel, Params params, std::span<const int64_t> symbols) {
  return TRY(KernelEvaluator::make(kernel)).run(params, symbols);
}

}  // namespace doorbell
