// Every rule of the three specs refuses a program that breaks it and nothing else, and says which rule.
#include "codegen/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codegen/kernel.h"

namespace doorbell {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Broken {
  std::string_view text, message;  // the message's end
};

// Reduce's argument is the number of an op; the texts here spell it.
std::string numbered(std::string text) {
  for (Op op : {Op::Add, Op::Sub})
    for (size_t at; (at = text.find(fmt::format("[{} ", doorbell::text(op)))) != std::string::npos;)
      text.replace(at + 1, doorbell::text(op).size(), std::to_string(static_cast<int>(op)));
  return text;
}

// ---- the tensor graph

std::string tensor_error(std::string_view text) {
  Graph graph;
  ParseFailure failure{0, ""};
  auto roots = parse(graph, numbered(std::string(text)), &failure);
  if (!failure.what.empty()) return "parse: " + failure.what;
  Status status = verify_tensor(roots);
  return status.ok() ? "" : status.error().message;
}

TEST(VerifyTensor, AcceptsEveryKindOfNode) {
  EXPECT_EQ(tensor_error(R"(%0 = buffer f32 [1 0] (24)
%1 = reshape f32 %0 (2, 3, 4)
%2 = permute f32 %1 [2 0 1] (4, 2, 3)
%3 = flip f32 %2 [0 1 0] (4, 2, 3)
%4 = shrink f32 %3 [1 0 0] (2, 2, 3)
%5 = pad f32 %4 [0 1 0] (2, 3, 3)
%6 = reduce f32 %5 [add 0 2] (1, 3, 1)
%7 = expand f32 %6 (5, 3, s3<=7)
%8 = contiguous f32 %7 (5, 3, s3<=7)
%9 = symbol i64 [3 0 7 1]
%10 = cast f32 %9
%11 = const f32 [0]
%12 = add f32 %10 %11
%13 = iota i32 (5)
%14 = gather f32 %1 %13 (5, 3, 4)
%15 = bitcast u8 %14 (5, 3, 16)
%16 = shrink f32 %1 %9 [0 0 0 2] (2, 3, 1)
%17 = shrink f32 %0 [3] (6)
%18 = reshape f32 %16 (6)
%19 = assign f32 %17 %18 (24)
%20 = copy f32 %19 [1] (24)
%21 = sink void %8 %12 %15 %20
)"),
            "");
}

TEST(VerifyTensor, NamesTheFirstBrokenRule) {
  const Broken cases[] = {
      {"%0 = const f32x2 [0]\n", "%0 = const f32x2: the tensor graph has no short vectors"},
      {"%0 = const f32 [0] (2)\n", "a constant is a scalar"},
      {"%0 = const f32\n", "a constant has one argument, its pattern"},
      {"%0 = const u8 [256]\n", "a constant's pattern is zero-extended"},
      {"%0 = const bool [2]\n", "a bool is 0 or 1"},
      {"%0 = symbol i64 [3 0 7]\n", "symbol has the arguments id, min, max, multiple"},
      {"%0 = symbol i32 [3 0 7 1]\n", "a symbol is an i64 scalar"},
      {"%0 = buffer f32 (4)\n", "a buffer has an id"},
      {"%0 = buffer f32 [1 0] (2, 2)\n", "a buffer is flat, of fixed size"},
      {"%0 = buffer f32 [1 0] (s1<=4)\n", "a buffer is flat, of fixed size"},
      {"%0 = iota f32 (4)\n", "iota is flat, of integers"},
      {"%0 = param f32 [0]\n", "does not stand in the tensor graph"},
      {"%0 = const f32 [0]\n%1 = add f32 %0 %0 (2)\n", "%1 = add f32: shape (2) from ()"},
      {"%0 = const f32 [0]\n%1 = add f64 %0 %0\n", "a source of add is f32, expected f64"},
      {"%0 = const f32 [0]\n%1 = and f32 %0 %0\n", "and is not defined on f32"},
      {"%0 = const bool [0]\n%1 = sub bool %0 %0\n", "sub is not defined on bool"},
      {"%0 = const f32 [0]\n%1 = neg f32 %0 [1]\n", "arithmetic takes no argument"},
      {"%0 = const f32 [0]\n%1 = lt f32 %0 %0\n", "the type of lt is f32, expected bool"},
      {"%0 = const f32 [0]\n%1 = where f32 %0 %0 %0\n", "the condition of where is f32, expected bool"},
      {"%0 = const f32 [0]\n%1 = const u8 [0]\n%2 = eq bool %0 %1\n",
       "the first source of eq is f32, expected u8"},
      {"%0 = const u8 [0]\n%1 = bitcast bool %0\n", "no bitcast to bool"},
      {"%0 = iota i32 (4)\n%1 = bitcast u8 %0 (4)\n", "bitcast of i32 (4) to u8 (4)"},
      {"%0 = iota i32 (4)\n%1 = reshape i64 %0 (4)\n", "movement keeps the type"},
      {"%0 = iota i32 (4)\n%1 = reshape i32 %0 (5)\n", "reshape of (4) to (5)"},
      {"%0 = iota i32 (s1<=4)\n%1 = reshape i32 %0 (4)\n", "reshape of (s1<=4) to (4)"},
      {"%0 = iota i32 (4)\n%1 = reshape i32 %0 [1] (4)\n", "reshape has no argument"},
      {"%0 = iota i32 (4)\n%1 = permute i32 %0 (4)\n", "0 arguments for 1 axes"},
      {"%0 = iota i32 (4)\n%1 = permute i32 %0 [1] (4)\n", "axis 0 of (4) with argument 1 from (4)"},
      {"%0 = iota i32 (4)\n%1 = reshape i32 %0 (2, 2)\n%2 = permute i32 %1 [0 0] (2, 2)\n",
       "axis 1 of (2, 2) with argument 0 from (2, 2)"},
      {"%0 = iota i32 (4)\n%1 = expand i32 %0 (8)\n", "axis 0 of (8) with argument 0 from (4)"},
      {"%0 = iota i32 (4)\n%1 = expand i32 %0 (4, 1)\n", "makes (4, 1) of (4)"},
      {"%0 = iota i32 (4)\n%1 = pad i32 %0 [2] (5)\n", "axis 0 of (5) with argument 2 from (4)"},
      {"%0 = iota i32 (4)\n%1 = pad i32 %0 [-1] (5)\n", "axis 0 of (5) with argument -1 from (4)"},
      {"%0 = iota i32 (4)\n%1 = shrink i32 %0 [2] (3)\n", "axis 0 of (3) with argument 2 from (4)"},
      {"%0 = iota i32 (4)\n%1 = flip i32 %0 [2] (4)\n", "axis 0 of (4) with argument 2 from (4)"},
      {"%0 = iota i32 (4)\n%1 = shrink i32 %0 %0 [2 0] (1)\n", "an offset is an i64 scalar"},
      {"%0 = iota i32 (4)\n%1 = const i64 [0]\n%2 = shrink i32 %0 %1 [2 1] (1)\n", "there is no axis 1"},
      {"%0 = iota i32 (4)\n%1 = shrink i32 [0] (1)\n", "moves nothing"},
      {"%0 = iota i32 (4)\n%1 = const i64 [0]\n%2 = shrink i32 %0 %1 %1 [2 0] (1)\n",
       "too many sources, or too few"},
      {"%0 = iota i32 (4)\n%1 = cast f32 %0 (4)\n%2 = gather i32 %0 %1 (4)\n", "an index is an integer"},
      {"%0 = iota i32 (4)\n%1 = gather i32 %0 %0 (5)\n", "gathers (4) at (4) to (5)"},
      {"%0 = iota i32 (4)\n%1 = reduce i32 %0 (1)\n", "reduce has one source, and the arguments op, axes..."},
      {"%0 = iota i32 (4)\n%1 = reduce i32 %0 [999 0] (1)\n", "there is no such op"},
      {"%0 = iota i32 (4)\n%1 = reduce i32 %0 [sub 0] (1)\n", "no reduction by sub of i32"},
      {"%0 = iota i32 (4)\n%1 = reduce i32 %0 [add 1] (1)\n", "axes rise, and exist"},
      {"%0 = iota i32 (4)\n%1 = reduce i32 %0 [add 0] (4)\n", "shape (4), expected (1)"},
      {"%0 = iota i32 (4)\n%1 = contiguous i32 %0 (2)\n", "shape (2) from (4)"},
      {"%0 = iota i32 (4)\n%1 = copy f32 %0 [0] (4)\n", "keeps the type"},
      {"%0 = buffer i32 [1 0] (4)\n%1 = iota i64 (4)\n%2 = assign i32 %0 %1 (4)\n",
       "view, value and result have one type"},
      {"%0 = buffer i32 [1 0] (4)\n%1 = iota i32 (3)\n%2 = assign i32 %0 %1 (4)\n", "assigns (3) to (4)"},
      {"%0 = iota i32 (4)\n%1 = assign i32 %0 %0 (4)\n",
       "a target is reshape, permute, shrink and flip of a buffer or assign; found iota"},
      {"%0 = buffer i32 [1 0] (4)\n%1 = shrink i32 %0 [0] (2)\n%2 = assign i32 %1 %1 (2)\n",
       "shape (2) from (4)"},
  };
  for (const Broken& c : cases) EXPECT_THAT(tensor_error(c.text), testing::EndsWith(c.message)) << c.text;
}

// ---- the scheduler's kernel

std::string kernel_error(std::string_view text) {
  Graph graph;
  ParseFailure failure{0, ""};
  auto roots = parse(graph, numbered(std::string(text)), &failure);
  if (!failure.what.empty()) return "parse: " + failure.what;
  Status status = verify_kernel(roots.back());
  return status.ok() ? "" : status.error().message;
}

// Row sums. The text ends before the value that is stored.
constexpr std::string_view rows = R"(%0 = param f32 [0]
%1 = param f32 [1]
%2 = const index [8]
%3 = range index %2 [0 0]
%4 = const index [5]
%5 = range index %4 [1 1]
%6 = mul index %3 %4
%7 = add index %6 %5
%8 = load f32 %0 %7
)";

TEST(VerifyKernel, AcceptsAReduction) {
  EXPECT_EQ(kernel_error(std::string(rows) +
                         "%9 = reduce f32 %8 %5 [add 1]\n%10 = store void %1 %3 %9\n%11 = sink void %10\n"),
            "");
}

// The row comes by way of local memory.
constexpr std::string_view copied = R"(%9 = alloc f32 [0 1 5]
%10 = copy_async void %9 %5 %0 %7
%11 = await void %10 %5
%12 = after f32 %9 %11
%13 = range index %4 [2 1]
%14 = load f32 %12 %13
%15 = reduce f32 %14 %13 [add 1]
%16 = store void %1 %3 %15
)";

TEST(VerifyKernel, AcceptsCopiesThatAreAwaited) {
  EXPECT_EQ(kernel_error(std::string(rows) + std::string(copied) + "%17 = sink void %16\n"), "");
}

TEST(VerifyKernel, NamesTheFirstBrokenRuleOfCopies) {
  const Broken cases[] = {
      {"%17 = copy_async void %9 %5 %0\n%18 = await void %17\n%19 = after f32 %9 %18\n%20 = sink void %19\n",
       "copy_async takes memory, index, param, index and perhaps a gate"},
      {"%17 = copy_async void %9 %5 %12 %7\n%18 = await void %17\n%19 = after f32 %9 %18\n%20 = sink void "
       "%19\n",
       "copies from a param to an alloc"},
      {"%17 = copy_async void %1 %5 %0 %7\n%18 = await void %17\n%19 = after f32 %9 %18\n%20 = sink void "
       "%19\n",
       "copies from a param to an alloc"},
      {"%17 = copy_async void %9 %8 %0 %7\n%18 = await void %17\n%19 = after f32 %9 %18\n%20 = sink void "
       "%19\n",
       "an index is an integer"},
      {"%17 = copy_async void %9 %5 %0 %7 %7\n%18 = await void %17\n%19 = after f32 %9 %18\n%20 = sink void "
       "%19\n",
       "a gate is a bool"},
      {"%17 = alloc f16 [1 1 5]\n%18 = copy_async void %17 %5 %0 %7\n%19 = await void %18\n"
       "%20 = after f16 %17 %19\n%21 = sink void %20\n",
       "copies f16 from f32"},
      {"%17 = after f32 %9 %10 %5\n%18 = sink void %17\n", "only an await takes tokens"},
      {"%17 = await void %10\n%18 = after f32 %9 %17\n%19 = load f32 %18 %3\n%20 = store void %1 %3 %19\n"
       "%21 = sink void %16 %20\n",
       "a token is awaited once"},
      {"%17 = await void %5\n%18 = after f32 %9 %17\n%19 = sink void %18\n", "awaits tokens"},
      {"%17 = alloc f32 [1 1 5]\n%18 = copy_async void %17 %5 %0 %7\n%19 = await void %10 %18 %5\n"
       "%20 = after f32 %17 %19\n%21 = sink void %20\n",
       "closes ranges of kind reduce, over copies to one alloc"},
      {"%17 = copy_async void %9 %3 %0 %7\n%18 = await void %17 %3\n%19 = after f32 %9 %18\n%20 = sink void "
       "%19\n",
       "closes ranges of kind reduce, over copies to one alloc"},
      {"%17 = alloc f32 [1 1 5]\n%18 = after f32 %17 %11\n%19 = sink void %18\n",
       "closes ranges of kind reduce, over stores to its alloc"},
      {"%17 = sink void %11\n", "a sink keeps stores"},
      {"%17 = neg f32 %11\n%18 = sink void %17\n", "only an after keeps awaits"},
  };
  for (const Broken& c : cases)
    EXPECT_THAT(kernel_error(std::string(rows) + std::string(copied) + std::string(c.text)),
                testing::EndsWith(c.message))
        << c.text;
}

TEST(VerifyKernel, NamesTheFirstBrokenRule) {
  const Broken cases[] = {
      {"%9 = store void %1 %3 %8\n%10 = sink void %9\n",
       "store void: depends on range 1, which no reduce closes"},
      {"%9 = store void %1 %3 %8\n", "a kernel is one sink"},
      {"%9 = sink void %8\n", "a sink keeps stores"},
      {"%9 = const f32 [0]\n%10 = store void %1 %3 %9\n%11 = sink void %10\n%12 = sink void %11\n",
       "a kernel is one sink"},
      {"%9 = neg f32 %0\n%10 = store void %1 %3 %9\n%11 = sink void %10\n",
       "a param is the memory of a load, store or copy"},
      {"%9 = reduce f32 %8 %3 [add 1]\n%10 = store void %1 %3 %9\n%11 = sink void %10\n",
       "closes ranges of kind reduce"},
      {"%9 = reduce f32 %8 %5 [add 0]\n%10 = store void %1 %3 %9\n%11 = sink void %10\n",
       "reduce has the arguments op, number of values"},
      {"%9 = reduce f32 %8 %5 [sub 1]\n%10 = store void %1 %3 %9\n%11 = sink void %10\n",
       "no reduction by sub of f32"},
      {"%9 = reduce f64 %8 %5 [add 1]\n%10 = store void %1 %3 %9\n%11 = sink void %10\n",
       "folds f32 into f64"},
      {"%9 = param f64 [0]\n%10 = load f64 %9 %3\n%11 = cast f32 %10\n%12 = add f32 %8 %11\n%13 = sink void "
       "%12\n",
       "elsewhere"},
      {"%9 = param void [7]\n%10 = load f64 %9 %3\n%11 = sink void %10\n", "a param has elements"},
      {"%9 = param f32 [-1]\n%10 = load f32 %9 %3\n%11 = sink void %10\n", "param has the argument slot"},
      {"%9 = range index %5 [2 0]\n%10 = sink void %9\n", "an extent depends on no range but a workgroup's"},
      {"%9 = range index %4 [0 0]\n%10 = add index %9 %3\n%11 = sink void %10\n", "a range's id is its own"},
      {"%9 = range index %4 [3 9]\n%10 = sink void %9\n", "there is no such kind of range"},
      {"%9 = range i32 %4 [3 0]\n%10 = sink void %9\n", "an extent has its range's type"},
      {"%9 = range f32 %8 [3 0]\n%10 = sink void %9\n", "is an integer"},
      {"%9 = range index [3 0]\n%10 = sink void %9\n", "a range has an extent, and the arguments id, kind"},
      {"%9 = load f32 %0\n%10 = sink void %9\n", "load takes memory, index and perhaps a gate"},
      {"%9 = store void %0 %3\n%10 = sink void %9\n", "store takes memory, index, value and perhaps a gate"},
      {"%9 = load f32 %8 %3\n%10 = sink void %9\n", "its memory is a param, or a local alloc in an after"},
      {"%9 = load f32 %0 %8\n%10 = sink void %9\n", "an index is an integer"},
      {"%9 = load f32 %0 %3 %3\n%10 = sink void %9\n", "a gate is a bool"},
      {"%9 = load f16 %0 %3\n%10 = sink void %9\n", "loads f16 from f32"},
      {"%9 = store void %1 %3 %3\n%10 = sink void %9\n", "stores index to f32"},
      {"%9 = bitcast u8 %8\n%10 = sink void %9\n", "a bitcast keeps the width"},
      {"%9 = add f64 %8 %8\n%10 = sink void %9\n", "a source of add is f32, expected f64"},
      {"%9 = const bool [3]\n%10 = sink void %9\n", "a bool is 0 or 1"},
      {"%9 = symbol index [1 2]\n%10 = sink void %9\n", "symbol has the arguments id, min, max, multiple"},
      {"%9 = symbol f32 [1 0 2 1]\n%10 = sink void %9\n", "is an integer"},
      {"%9 = lane index\n%10 = sink void %9\n", "lane has a width"},
      {"%9 = lane_xor f64 %8 [1]\n%10 = sink void %9\n", "has the type of its source"},
      {"%9 = lane_xor f32 %8\n%10 = sink void %9\n", "lane_xor has a source and a mask"},
      {"%9 = neg f32 %8 (2)\n%10 = sink void %9\n", "a value of a kernel has no shape"},
      {"%9 = vec f32x2 %8 %8\n%10 = sink void %9\n", "does not stand in a kernel before lowering"},
      {"%9 = alloc f32 [0 2 1]\n%10 = sink void %9\n", "alloc has the arguments id, local space, elements"},
  };
  for (const Broken& c : cases)
    EXPECT_THAT(kernel_error(std::string(rows) + std::string(c.text)), testing::EndsWith(c.message))
        << c.text;
}

// ---- the lowered kernel

constexpr std::string_view head = R"(kernel k
lanes 4
grid 1 1 1
param f32 16 read
param f32 16 written
symbol 9
%0 = param f32 [0]
%1 = param f32 [1]
%2 = lane i32 [4]
%3 = const i32 [0]
%4 = const i32 [3]
%5 = alloc f32 [0 2 1]
%6 = const f32 [0]
%7 = lt bool %2 %4
%8 = load f32 %0 %2
%9 = range i32 %4 [0 0]
)";

std::string lowered_error(std::string_view text) {
  Graph graph;
  auto kernel = parse_lowered(graph, numbered(std::string(text)));
  if (!kernel.ok()) return "parse: " + kernel.error().message;
  Status status = verify(*kernel);
  return status.ok() ? "" : status.error().message;
}

TEST(VerifyLowered, AcceptsEveryKindOfNode) {
  EXPECT_EQ(lowered_error(std::string(head) + R"(%10 = after f32 %5 %9
%11 = store void %10 %3 %8 %7
%12 = end void %9 %11
%13 = after f32 %5 %12
%14 = load f32 %13 %3 %7
%15 = lane_xor f32 %14 [3]
%16 = vec f32x2 %14 %15
%17 = element f32 %16 [1]
%18 = alloc f32 [1 1 8]
%19 = store void %18 %2 %17
%20 = after f32 %18 %19
%21 = load f32 %20 %2
%22 = symbol i32 [0 0 100 1]
%23 = range i32 [1 2 0]
%24 = store void %1 %2 %21
%25 = load u64 %0 %2 %7
%26 = bitcast u32x2 %25
)"),
            "");
}

TEST(VerifyLowered, NamesTheFirstBrokenRule) {
  const Broken cases[] = {
      {"", "%9 = range i32: a loop that no end closes"},
      {"%10 = neg f32 %6\n%11 = end void %9\n%12 = neg f32 %10\n",
       "%12 = neg f32: uses %10, whose loop is closed"},
      {"%10 = end void %9\n%11 = neg i32 %9\n", "uses %9, whose loop is closed"},
      {"%10 = neg f32 %5\n", "%5 is no value"},
      {"%10 = end void %9\n%11 = neg f32 %10\n", "%10 is no value"},
      {"%10 = neg f32 %6 (4)\n", "a value of a kernel has no shape"},
      {"%10 = const index [0]\n", "index type is gone after lowering"},
      {"%10 = reduce f32 %6 %9 [add 1]\n", "does not stand in a lowered kernel"},
      {"%10 = const bool [2]\n", "a bool is 0 or 1"},
      {"%10 = add f64 %6 %6\n", "a source of add is f32, expected f64"},
      {"%10 = vec f32x2 %6 %6\n%11 = add f32 %10 %6\n", "a source of add is f32x2, expected f32"},
      {"%10 = bitcast u8x2 %6\n", "a bitcast of f32 to u8x2"},
      {"%10 = cast f64x2 %6\n", "cast keeps the number of elements"},
      {"%10 = symbol i64 [1 0 4 1]\n", "there is no symbol 1"},
      {"%10 = symbol i64 [0 0 4]\n", "symbol has the arguments place, min, max, multiple"},
      {"%10 = symbol i64 [0 0 4 0]\n", "a symbol's multiple is positive"},
      {"%10 = symbol f32 [0 0 4 1]\n", "is a scalar integer"},
      {"%10 = symbol i8 [0 0 400 1]\n", "i8 does not hold up to 400"},
      {"%10 = param f32 [2]\n", "there is no such param"},
      {"%10 = param f64 [0]\n", "the param is of f32"},
      {"%10 = lane i32 [8]\n", "lane's width is the kernel's"},
      {"%10 = lane f32 [4]\n", "is a scalar integer"},
      {"%10 = range i32 %4 [0]\n", "range has the arguments id, kind"},
      {"%10 = range i32 %3 [0 0]\n", "a range's id is its own"},
      {"%10 = range i32 %3 [1 1]\n", "only group and loop ranges are left here"},
      {"%10 = range i32 [1 0]\n", "a loop has an extent"},
      {"%10 = range i32 %3 [1 2 0]\n", "a group range has no source"},
      {"%10 = range i32 [1 2 3]\n", "a group range names axis 0, 1 or 2"},
      {"%10 = range i64 %3 [1 0]\n", "an extent has its range's type"},
      {"%10 = range i32 %2 [1 0]\n", "an extent is uniform"},
      {"%10 = range i32 %4 %4 [1 0]\n", "a range has at most one source, its extent"},
      {"%10 = end void %6\n", "an end's first source is its loop"},
      {"%10 = range i32 %4 [1 0]\n%11 = end void %9\n", "closes a loop that is not the innermost open one"},
      {"%10 = end void %9 %6\n", "an effect is a store, a token, an await, a range or an end"},
      {"%10 = after f32 %5 %6\n", "an effect is a store, a token, an await, a range or an end"},
      {"%10 = after f64 %5 %9\n", "has the type of its memory"},
      {"%10 = after f32 %6 %9\n", "its first source is no memory"},
      {"%10 = alloc f32 [0 2 2]\n", "an alloc's id is its own"},
      {"%10 = alloc f32 [1 0 1]\n", "is of local, register or accumulator space"},
      {"%10 = alloc f32 [1 2 0]\n", "has at least one element"},
      {"%10 = alloc void [1 2 1]\n", "has a type"},
      {"%10 = alloc f32 [1 2]\n", "alloc has the arguments id, space, elements"},
      {"%10 = load f32 %0\n", "load takes memory, index and perhaps a gate"},
      {"%10 = load f32 %1 %2\n", "reads a param that is not marked read"},
      {"%10 = load f32 %0 %6\n", "an index is a scalar integer"},
      {"%10 = load f32 %0 %2 %2\n", "a gate is a bool"},
      {"%10 = load void %0 %2\n", "moves a value"},
      {"%10 = load f32 %5 %2\n", "an index into registers is a constant"},
      {"%10 = load u32 %5 %3\n", "registers of f32 hold no u32"},
      {"%10 = load f32 %5 %4\n", "index 3 leaves the 1 elements"},
      {"%10 = store void %1 %2\n", "store takes memory, index, value and perhaps a gate"},
      {"%10 = store void %0 %2 %8\n", "writes a param that is not marked written"},
      {"%10 = store void %1 %8 %8\n", "an index is a scalar integer"},
      {"%10 = lane_xor f32 %8 [4]\n", "the mask names a lane"},
      {"%10 = lane_xor f32 %8\n", "lane_xor has a source and a mask"},
      {"%10 = lane_xor u32 %8 [1]\n", "has the type of its source"},
      {"%10 = vec f32x3 %8 %8\n", "2 elements in a f32x3"},
      {"%10 = vec f32x2 %8 %2\n", "a vec's sources are of its element type"},
      {"%10 = element f32 %8 [1]\n", "there is no such element"},
      {"%10 = element u32 %8 [0]\n", "has its source's element type"},
      {"%10 = element f32 %8\n", "element has a source and a place"},
      {"%10 = contract i32 %2 %2 %2\n", "contract has three sources and a row"},
      {"%10 = contract i32 %2 %2 %2 [99]\n", "there is no such row"},
      {"%10 = contract i32 %2 %2 %2 [0]\n", "vpdpbusd.512 works on 16 lanes"},
  };
  for (const Broken& c : cases)
    EXPECT_THAT(lowered_error(std::string(head) + std::string(c.text)), testing::EndsWith(c.message))
        << c.text;
  EXPECT_THAT(lowered_error("kernel k\nlanes 0\n"), HasSubstr("0 lanes"));
  EXPECT_THAT(lowered_error("kernel k\nlanes 1\ngrid 1 0 1\n"), HasSubstr("an empty grid"));
  EXPECT_THAT(lowered_error("kernel k\nparam f32 -1\n"), HasSubstr("param 0 has -1 elements"));
  EXPECT_THAT(lowered_error("kernel k\nlanes 3\n%0 = lane i32 [3]\n%1 = lane_xor i32 %0 [1]\n"),
              testing::EndsWith("lane_xor needs 2^n lanes"));
  EXPECT_THAT(lowered_error("kernel k\nlanes 8\n%0 = lane i32 [8]\n%1 = contract i32 %0 %0 %0 [1]\n"),
              testing::EndsWith("vpdpbusd.256 takes i32, u8x4, i8x4"));
}

// Local memory, a copy to it, and the end of the loop that head opens.
constexpr std::string_view tile = R"(%10 = alloc f32 [1 1 8]
%11 = copy_async void %10 %2 %0 %2 %7
%12 = end void %9 %11
)";

TEST(VerifyLowered, AcceptsTokensThatAreAwaited) {
  EXPECT_EQ(lowered_error(std::string(head) + std::string(tile) + R"(%13 = await void %12
%14 = after f32 %10 %13
%15 = load f32 %14 %2
%16 = range i32 %4 [1 0]
%17 = copy_async void %14 %2 %0 %2
%18 = await void %17
%19 = end void %16 %18
)"),
            "");
}

TEST(VerifyLowered, NamesTheFirstBrokenRuleOfTokens) {
  const Broken cases[] = {
      {"", "%12 = end void: a token that no await takes"},
      {"%13 = await void %12\n%14 = await void %12 %12\n",
       "%14 = await void: %12 is no token, or was awaited"},
      {"%13 = await void %11\n", "%13 = await void: %11 is no token, or was awaited"},
      {"%13 = await void %6\n", "%6 is no token, or was awaited"},
      {"%13 = await void\n", "awaits tokens"},
      {"%13 = range i32 %4 [1 0]\n%14 = await void %12\n%15 = end void %13\n",
       "awaits %12, a token of another loop"},
      {"%13 = range i32 %4 [1 0]\n%14 = copy_async void %10 %2 %0 %2\n%15 = end void %13\n",
       "closes the loop of %14, a token that is neither awaited nor among its effects"},
      {"%13 = await void %12\n%14 = load f32 %10 %2\n", "reads what copies bring, and awaits none"},
      {"%13 = await void %12\n%14 = after f32 %10 %12\n%15 = load f32 %14 %2\n",
       "reads what copies bring, and awaits none"},
      {"%13 = neg f32 %11\n", "%11 is no value"},
      {"%13 = copy_async void %10 %2 %0\n",
       "copy_async takes memory, index, param, index and perhaps a gate"},
      {"%13 = copy_async void %5 %3 %0 %2\n", "copies to local memory"},
      {"%13 = copy_async void %1 %2 %0 %2\n", "copies to local memory"},
      {"%13 = copy_async void %6 %2 %0 %2\n", "its first source is no memory"},
      {"%13 = copy_async void %10 %2 %1 %2\n", "copies from a param that is marked read"},
      {"%13 = copy_async void %10 %2 %10 %2\n", "copies from a param that is marked read"},
      {"%13 = copy_async void %10 %6 %0 %2\n", "an index is a scalar integer"},
      {"%13 = copy_async void %10 %2 %0 %6\n", "an index is a scalar integer"},
      {"%13 = copy_async void %10 %2 %0 %2 %2\n", "a gate is a bool"},
      {"%13 = alloc f16 [2 1 8]\n%14 = copy_async void %13 %2 %0 %2\n", "copies f16 from f32"},
  };
  for (const Broken& c : cases)
    EXPECT_THAT(lowered_error(std::string(head) + std::string(tile) + std::string(c.text)),
                testing::EndsWith(c.message))
        << c.text;
}

TEST(VerifyLowered, EverySourceStandsOnceAboveItsUse) {
  Graph graph;
  Lowered kernel;
  const Node* one = graph.constant_int(dtype::i32, 1);
  const Node* sum = graph.alu(Op::Add, {one, one});
  kernel.body = {sum, one};
  EXPECT_THAT(verify(kernel).error().message,
              testing::EndsWith("%0 = add i32: a source does not stand above its use"));
  kernel.body = {one, sum, one};
  EXPECT_THAT(verify(kernel).error().message, testing::EndsWith("%2 = const i32: stands twice in the list"));
  kernel.body = {one, sum};
  EXPECT_TRUE(verify(kernel).ok());
}

}  // namespace
}  // namespace doorbell
