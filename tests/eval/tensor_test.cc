// The evaluator of the tensor graph: random graphs against numpy, and by hand what numpy has no counterpart
// for, symbols and errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "codegen/eval.h"
#include "codegen/numeric.h"
#include "tests/eval/oracle.h"

namespace doorbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Evaluates the last root of a text graph, whose Buffer 1 is f32 0, 1, ... 11 and Buffer 2 is i32 0, 1,
// ... 11.
class TensorGraph {
 public:
  TensorGraph() {
    for (int32_t i = 0; i < 12; ++i) floats_.push_back(static_cast<float>(i)), ints_.push_back(i);
    environment_.buffers[1] = std::as_bytes(std::span(floats_));
    environment_.buffers[2] = std::as_bytes(std::span(ints_));
  }
  Environment& environment() { return environment_; }

  Result<Array> result(std::string_view text) {
    ParseFailure failure{0, ""};
    auto roots = parse(graph_, text, &failure);
    if (roots.empty()) return error("line {}: {}", failure.line, failure.what);
    return evaluate(roots.back(), environment_);
  }
  std::vector<double> values(std::string_view text) {
    auto array = result(text);
    EXPECT_TRUE(array.ok()) << array.error().message;
    std::vector<double> out;
    if (array.ok())
      for (size_t i = 0; i < array->size(); ++i) out.push_back(decode(array->dtype, array->get(i)));
    return out;
  }
  std::string failure(std::string_view text) {
    auto array = result(text);
    return array.ok() ? "" : array.error().message;
  }

 private:
  std::vector<float> floats_;
  std::vector<int32_t> ints_;
  Environment environment_;
  Graph graph_;
};

TEST(Evaluate, AssignReplacesTheViewInANewVersionOfTheBuffer) {
  TensorGraph graph;
  // Transposed columns 1 and 2 of a (4, 3) view; then the last element of that version.
  EXPECT_THAT(graph.values("%0 = buffer f32 [1 0] (12)\n"
                           "%1 = reshape f32 %0 (4, 3)\n"
                           "%2 = shrink f32 %1 [0 1] (4, 2)\n"
                           "%3 = permute f32 %2 [1 0] (2, 4)\n"
                           "%4 = const f32 [1120403456]\n"
                           "%5 = reshape f32 %4 (1, 1)\n"
                           "%6 = expand f32 %5 (2, 4)\n"
                           "%7 = assign f32 %3 %6 (12)\n"
                           "%8 = shrink f32 %7 [11] (1)\n"
                           "%9 = neg f32 %8 (1)\n"
                           "%10 = assign f32 %8 %9 (12)\n"),
              ElementsAre(0, 100, 100, 3, 100, 100, 6, 100, 100, 9, 100, -100));
}

TEST(Evaluate, SymbolicAxesEndAtTheSymbolsValue) {
  TensorGraph graph;
  graph.environment().symbols[7] = 2;
  const std::string rows =
      "%0 = buffer f32 [1 0] (12)\n"
      "%1 = reshape f32 %0 (4, 3)\n"
      "%2 = shrink f32 %1 [0 0] (s7<=4, 3)\n";
  EXPECT_THAT(graph.values(rows), ElementsAre(0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(graph.values(rows + "%3 = reduce f32 %2 [" + std::to_string(static_cast<int>(Op::Add)) +
                           " 0] (1, 3)\n"),
              ElementsAre(3, 5, 7));
  // Beyond the value, maxima do not see the zeros and assigns leave the buffer alone.
  EXPECT_THAT(graph.values(rows + "%3 = neg f32 %2 (s7<=4, 3)\n%4 = reduce f32 %3 [" +
                           std::to_string(static_cast<int>(Op::Max)) + " 0] (1, 3)\n"),
              ElementsAre(0, -1, -2));
  EXPECT_THAT(graph.values(rows + "%3 = neg f32 %2 (s7<=4, 3)\n%4 = assign f32 %2 %3 (12)\n"),
              ElementsAre(0, -1, -2, -3, -4, -5, 6, 7, 8, 9, 10, 11));
}

TEST(Evaluate, ShrinkTakesASymbolicOffset) {
  TensorGraph graph;
  graph.environment().symbols[7] = 2;
  const std::string text =
      "%0 = buffer f32 [1 0] (12)\n"
      "%1 = reshape f32 %0 (4, 3)\n"
      "%2 = symbol i64 [7 0 4 1]\n"
      "%3 = const i64 [1]\n"
      "%4 = add i64 %2 %3\n"
      "%5 = shrink f32 %1 %4 [0 1 0] (1, 2)\n";
  EXPECT_THAT(graph.values(text), ElementsAre(10, 11));
  graph.environment().symbols[7] = 3;
  EXPECT_THAT(graph.failure(text), HasSubstr("1 elements of axis 0 from 4 on, which has 4"));
  graph.environment().symbols[7] = 5;
  EXPECT_THAT(graph.failure(text), HasSubstr("symbol 7 is 5, expected at most 4"));
  graph.environment().symbols.clear();
  EXPECT_THAT(graph.failure(text), HasSubstr("symbol 7 has no value"));
}

TEST(Evaluate, GatherOutOfRangeGivesZero) {
  TensorGraph graph;
  EXPECT_THAT(graph.values("%0 = buffer f32 [1 0] (12)\n"
                           "%1 = reshape f32 %0 (4, 3)\n"
                           "%2 = iota i32 (3)\n"
                           "%3 = const i32 [2]\n"
                           "%4 = reshape i32 %3 (1)\n"
                           "%5 = expand i32 %4 (3)\n"
                           "%6 = mul i32 %2 %5 (3)\n"
                           "%7 = sub i32 %6 %5 (3)\n"
                           "%8 = gather f32 %1 %7 (3, 3)\n"),
              ElementsAre(0, 0, 0, 0, 1, 2, 6, 7, 8));
}

TEST(Evaluate, BitcastToAnotherWidthIsAbsorbedByTheLastAxis) {
  TensorGraph graph;
  EXPECT_THAT(graph.values("%0 = buffer i32 [2 0] (12)\n"
                           "%1 = shrink i32 %0 [1] (2)\n"
                           "%2 = bitcast u8 %1 (8)\n"),
              ElementsAre(1, 0, 0, 0, 2, 0, 0, 0));
  EXPECT_THAT(graph.values("%0 = buffer i32 [2 0] (12)\n"
                           "%1 = reshape i32 %0 (6, 2)\n"
                           "%2 = bitcast i64 %1 (6, 1)\n"
                           "%3 = shrink i64 %2 [0 0] (1, 1)\n"),
              ElementsAre(4294967296.0));
}

TEST(Evaluate, ReduceAccumulatesInItsOwnType) {
  TensorGraph graph;
  // 0 .. 11 as i8 times 30 wraps in i8, and its sum would again: the accumulator is i32.
  EXPECT_THAT(graph.values("%0 = buffer i32 [2 0] (12)\n"
                           "%1 = cast i8 %0 (12)\n"
                           "%2 = mul i8 %1 %1 (12)\n"
                           "%3 = reduce i32 %2 [" +
                           std::to_string(static_cast<int>(Op::Add)) + " 0] (1)\n"),
              ElementsAre(506));
}

TEST(Evaluate, NamesWhatIsMissing) {
  TensorGraph graph;
  EXPECT_THAT(graph.failure("%0 = buffer f32 [9 0] (12)\n"), HasSubstr("buffer 9 is not given"));
  EXPECT_THAT(graph.failure("%0 = buffer f32 [1 0] (13)\n"), HasSubstr("buffer 1 has 48 bytes, expected 52"));
  EXPECT_THAT(graph.failure("%0 = buffer f32 [1 0] (12)\n%1 = sink void %0\n"),
              HasSubstr("a sink has no value"));
}

std::vector<std::byte> unhex(std::string_view text) {
  std::vector<std::byte> out;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return out;
}

TEST(Evaluate, RandomGraphsEqualNumpyInEveryNode) {
  std::string ops;
  for (const OpRow& r : op_table())
    if (reduces(r.op)) ops += fmt::format("{}{}={}", ops.empty() ? "" : ",", r.text, static_cast<int>(r.op));
  Oracle oracle;
  if (!oracle.run("tensor_cases.py", 1, ops)) return;
  auto text = oracle.read("cases.txt");
  ASSERT_TRUE(text.ok());
  std::istringstream stream(*text);
  std::map<int64_t, std::vector<std::byte>> buffers;
  std::vector<std::vector<std::byte>> expected;
  std::map<Op, int> seen;
  std::string graph_text, line;
  for (int number = 0; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string key, hex;
    int64_t id = 0;
    if (line[0] == '%') graph_text += line + "\n";
    else if (words >> key >> id >> hex && key == "buffer") buffers[id] = unhex(hex);
    else if (key == "expect") expected.push_back(unhex(hex));
    if (key != "end") continue;
    ++number;
    Graph graph;
    ParseFailure failure{0, ""};
    auto nodes = parse_list(graph, graph_text, &failure);
    ASSERT_EQ(failure.what, "") << graph_text;
    ASSERT_EQ(nodes.size(), expected.size());
    Environment environment;
    for (const auto& [buffer, bytes] : buffers) environment.buffers[buffer] = bytes;
    auto values = evaluate(nodes, environment);
    ASSERT_TRUE(values.ok()) << "case " << number << ": " << values.error().message << "\n" << graph_text;
    for (size_t n = 0; n < nodes.size(); ++n) {
      ++seen[nodes[n]->op];
      const Array& found = (*values)[n];
      Array wanted{nodes[n]->dtype, {}, expected[n]};
      ASSERT_EQ(found.data.size(), wanted.data.size()) << "case " << number << " %" << n << "\n"
                                                       << graph_text;
      for (size_t i = 0; i < found.size(); ++i)
        ASSERT_TRUE(same_value(found.dtype, found.get(i), wanted.get(i)))
            << "case " << number << " %" << n << " element " << i
            << fmt::format(": found {:#x}, expected {:#x}\n", found.get(i), wanted.get(i)) << graph_text;
    }
    buffers.clear();
    expected.clear();
    graph_text.clear();
  }
  for (Op op : {Op::Buffer, Op::Iota, Op::Reshape, Op::Permute, Op::Expand, Op::Pad, Op::Shrink, Op::Flip,
                Op::Gather, Op::Reduce, Op::Contiguous, Op::Assign, Op::Bitcast, Op::Cast, Op::Where})
    EXPECT_GT(seen[op], 20) << doorbell::text(op);
}

}  // namespace
}  // namespace doorbell
