// The lowered kernel as a value: text, hash, and which of its nodes differ between lanes. See kernel.h.
//
//   kernel NAME
//   lanes 8
//   grid 4 1 1
//   param f32 1024 read written
//   symbol 3
//   %0 = const i32 [5]
//   ...
#include "codegen/kernel.h"

#include <charconv>
#include <unordered_map>

namespace doorbell {

Hash128 Lowered::hash() const {
  Hash128 h;
  h.add(static_cast<uint64_t>(lanes)).add(params.size()).add(body.size());
  // Symbols by number only: their ids belong to the process, their bounds stand in the Symbol nodes.
  h.add(symbols.size());
  for (uint32_t n : grid) h.add(n);
  for (const KernelParam& p : params)
    h.add(p.dtype.pack())
        .add(static_cast<uint64_t>(p.elements))
        .add(static_cast<uint64_t>(p.read) | static_cast<uint64_t>(p.written) << 1);
  for (const Node* node : body) h.add(node->hash);
  return h;
}

std::string print(const Lowered& kernel) {
  std::string out = fmt::format("kernel {}\nlanes {}\ngrid {} {} {}\n", kernel.name, kernel.lanes,
                                kernel.grid[0], kernel.grid[1], kernel.grid[2]);
  for (const KernelParam& p : kernel.params)
    out += fmt::format("param {} {}{}{}\n", name(p.dtype), p.elements, p.read ? " read" : "",
                       p.written ? " written" : "");
  for (uint32_t id : kernel.symbols) out += fmt::format("symbol {}\n", id);
  return out + print_list(kernel.body);
}

namespace {

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

template <class T>
bool take_number(std::string_view& line, T& value) {
  std::string_view word = take_word(line);
  auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  return code == std::errc() && end == word.data() + word.size();
}

}  // namespace

Result<Lowered> parse_lowered(Graph& graph, std::string_view text) {
  Lowered kernel;
  size_t number = 0;
  bool named = false;
  auto fail = [&](std::string_view what) { return error("kernel text, line {}: {}", number, what); };
  while (!text.empty() && text.front() != '%') {
    ++number;
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    std::string_view key = take_word(line);
    if (key == "kernel") {
      kernel.name = line.substr(std::min<size_t>(1, line.size()));
      named = true;
      continue;
    }
    if (key == "lanes") {
      if (!take_number(line, kernel.lanes)) return fail("expected 'lanes N'");
    } else if (key == "grid") {
      for (uint32_t& n : kernel.grid)
        if (!take_number(line, n)) return fail("expected 'grid X Y Z'");
    } else if (key == "symbol") {
      if (!take_number(line, kernel.symbols.emplace_back())) return fail("expected 'symbol ID'");
    } else if (key == "param") {
      KernelParam p;
      auto type = parse_dtype(take_word(line));
      if (!type || !take_number(line, p.elements))
        return fail("expected 'param DTYPE ELEMENTS [read] [written]'");
      p.dtype = *type;
      for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
        if (word == "read") p.read = true;
        else if (word == "written") p.written = true;
        else return fail(fmt::format("a param is 'read' or 'written', not '{}'", word));
      }
      kernel.params.push_back(p);
    } else {
      return fail(fmt::format("expected kernel, lanes, grid, param, symbol or a node, found '{}'", key));
    }
    if (std::string_view rest = take_word(line); !rest.empty())
      return fail(fmt::format("'{}' is left over", rest));
  }
  if (!named) return fail("no line 'kernel NAME' above the nodes");
  ParseFailure failure{0, ""};
  kernel.body = parse_list(graph, text, &failure);
  if (!failure.what.empty()) return error("kernel text, line {}: {}", number + failure.line, failure.what);
  return kernel;
}

std::vector<bool> varying(const Lowered& kernel) {
  std::unordered_map<const Node*, size_t> place;
  for (size_t i = 0; i < kernel.body.size(); ++i) place[kernel.body[i]] = i;
  std::vector<bool> result(kernel.body.size());
  auto is_varying = [&](const Node* node) { return result[place.at(node)]; };
  // Register memory is varying, Alloc and all its versions, once one Store to it is. A Store at a loop's end
  // reaches Loads above it, hence the repetition; it ends, for no node ever turns back.
  std::unordered_map<const Node*, bool> registers;
  auto root = [](const Node* memory) {
    while (memory->is(Op::After)) memory = memory->src[0];
    return memory;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < kernel.body.size(); ++i) {
      const Node* node = kernel.body[i];
      bool now = false;
      switch (node->op) {
        case Op::Lane: now = true; break;
        case Op::End:
        case Op::Await: break;
        case Op::Alloc: now = registers[node]; break;
        case Op::After: now = is_varying(node->src[0]); break;
        default:
          for (const Node* s : node->src) now = now || is_varying(s);
      }
      if (node->is(Op::Store) && now) {
        bool& memory = registers[root(node->src[0])];
        const Node* alloc = root(node->src[0]);
        const bool is_register = alloc->is(Op::Alloc) && alloc->arg.size() == 3 &&
                                 alloc->arg[1] != static_cast<int64_t>(Space::Local);
        if (is_register && !memory) memory = changed = true;
      }
      if (now != result[i]) result[i] = changed = true;
    }
  }
  return result;
}

}  // namespace doorbell
