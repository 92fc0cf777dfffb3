// The text form of nodes: one line a node, which parse() reads back. See node.h.
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "codegen/node.h"
#include "hal/base/result.h"

namespace doorbell {

std::string print_list(std::span<const Node* const> nodes) {
  std::string out;
  std::unordered_map<const Node*, size_t> number;
  for (size_t id = 0; id < nodes.size(); ++id) {
    const Node* node = nodes[id];
    number[node] = id;
    out += fmt::format("%{} = {} {}", id, text(node->op), name(node->dtype));
    for (const Node* s : node->src) out += number.contains(s) ? fmt::format(" %{}", number[s]) : " %?";
    if (!node->arg.empty()) {
      out += " [";
      for (size_t i = 0; i < node->arg.size(); ++i) out += fmt::format("{}{}", i ? " " : "", node->arg[i]);
      out += "]";
    }
    if (!node->shape.empty()) out += " " + print(node->shape);
    if (node->is(Op::Const))
      out += fmt::format("  # {}", decode(node->dtype, static_cast<uint64_t>(node->arg[0])));
    out += "\n";
  }
  return out;
}
std::string print(std::span<const Node* const> roots) { return print_list(topological(roots)); }
std::string print(const Node* root) { return print(std::span(&root, 1)); }

namespace {

struct Cursor {
  std::string_view rest;
  void spaces() {
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  }
  bool take(char c) {
    spaces();
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  std::string_view word() {
    spaces();
    size_t n = rest.find_first_of(" [](),\n");
    auto w = rest.substr(0, n);
    rest.remove_prefix(w.size());
    return w;
  }
  template <class T>
  bool number(T& value) {
    spaces();
    auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (code != std::errc()) return false;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    return true;
  }
};

}  // namespace

std::vector<const Node*> parse_list(Graph& graph, std::string_view text, ParseFailure* failure) {
  std::unordered_map<size_t, const Node*> numbered;
  std::vector<const Node*> order, src;
  size_t line_number = 0;
  auto fail = [&](std::string what) {
    if (failure) *failure = {line_number, std::move(what)};
    return std::vector<const Node*>{};
  };
  while (!text.empty()) {
    ++line_number;
    size_t end = std::min(text.find('\n'), text.size());
    Cursor line{text.substr(0, end)};
    text.remove_prefix(std::min(end + 1, text.size()));
    if (size_t comment = line.rest.find('#'); comment != std::string_view::npos)
      line.rest = line.rest.substr(0, comment);
    line.spaces();
    if (line.rest.empty()) continue;
    size_t id = 0;
    if (!line.take('%') || !line.number(id) || !line.take('=')) return fail("expected '%N ='");
    auto op_word = line.word();
    auto op = parse_op(op_word);
    if (!op) return fail(fmt::format("no op '{}'", op_word));
    auto type_word = line.word();
    auto type = parse_dtype(type_word);
    if (!type) return fail(fmt::format("no dtype '{}'", type_word));
    src.clear();
    std::vector<int64_t> arg;
    Shape shape;
    for (size_t n = 0; line.take('%');) {
      if (!line.number(n) || !numbered.contains(n)) return fail("a source that no line above defines");
      src.push_back(numbered[n]);
    }
    if (line.take('['))
      for (int64_t value = 0; !line.take(']');) {
        if (!line.number(value)) return fail("expected an integer in [..]");
        arg.push_back(value);
      }
    if (line.take('('))
      while (!line.take(')')) {
        Dim d;
        if (line.take('s') && (!line.number(d.symbol) || !line.take('<') || !line.take('=')))
          return fail("expected s<id><=<maximum>");
        if (!line.number(d.size)) return fail("expected a size in (..)");
        shape.push_back(d);
        line.take(',');
      }
    line.spaces();
    if (!line.rest.empty()) return fail(fmt::format("'{}' is left over", line.rest));
    if (row(*op).arity >= 0 && static_cast<size_t>(row(*op).arity) != src.size())
      return fail(fmt::format("{} takes {} sources, found {}", op_word, row(*op).arity, src.size()));
    numbered[id] = graph.make(*op, *type, src, arg, shape);
    order.push_back(numbered[id]);
  }
  return order;
}

std::vector<const Node*> parse(Graph& graph, std::string_view text, ParseFailure* failure) {
  std::vector<const Node*> order = parse_list(graph, text, failure);
  std::vector<const Node*> roots;
  std::unordered_set<const Node*> seen, used;
  for (const Node* node : order) used.insert(node->src.begin(), node->src.end());
  for (const Node* node : order)
    if (!used.contains(node) && seen.insert(node).second) roots.push_back(node);
  return roots;
}

}  // namespace doorbell
