// The evaluator of lowered kernels: results worked out by hand, and each error that strictness promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "codegen/eval.h"

namespace doorbell {
namespace {

using testing::HasSubstr;

template <class T>
std::span<std::byte> bytes(std::vector<T>& v) {
  return std::as_writable_bytes(std::span(v));
}

// Parses and runs the whole grid over the given params; the error's text, or "".
std::string run_text(std::string_view text, std::vector<std::span<std::byte>> params,
                     std::vector<int64_t> symbols = {}) {
  Graph graph;
  auto kernel = parse_lowered(graph, text);
  if (!kernel.ok()) return "parse: " + kernel.error().message;
  Status status = run(*kernel, params, symbols);
  return status.ok() ? "" : status.error().message;
}

// out[i] = sum over j < 5 of in[j * 8 + i], two workgroups of 4 lanes.
constexpr std::string_view column_sum = R"(kernel column sum
lanes 4
grid 2 1 1
param f32 40 read
param f32 8 written
%0 = param f32 [0]
%1 = param f32 [1]
%2 = range i32 [0 2 0]
%3 = lane i32 [4]
%4 = const i32 [4]
%5 = mul i32 %2 %4
%6 = add i32 %5 %3
%7 = alloc f32 [0 2 1]
%8 = const i32 [0]
%9 = const f32 [0]
%10 = store void %7 %8 %9
%11 = const i32 [5]
%12 = range i32 %11 [1 0]
%13 = after f32 %7 %10 %12
%14 = const i32 [8]
%15 = mul i32 %12 %14
%16 = add i32 %15 %6
%17 = load f32 %0 %16
%18 = load f32 %13 %8
%19 = add f32 %18 %17
%20 = store void %13 %8 %19
%21 = end void %12 %20
%22 = after f32 %7 %21
%23 = load f32 %22 %8
%24 = store void %1 %6 %23
)";

TEST(KernelText, RoundTrips) {
  Graph graph;
  auto kernel = parse_lowered(graph, column_sum);
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_EQ(kernel->name, "column sum");
  EXPECT_EQ(kernel->body.size(), 25u);
  auto again = parse_lowered(graph, print(*kernel));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(print(*again), print(*kernel));
  EXPECT_EQ(again->body, kernel->body);
  EXPECT_EQ(again->hash(), kernel->hash());
}

TEST(KernelText, ErrorsNameTheLine) {
  Graph graph;
  auto message = [&](std::string_view text) { return parse_lowered(graph, text).error().message; };
  EXPECT_THAT(message("kernel k\nlanes x\n"), HasSubstr("line 2: expected 'lanes N'"));
  EXPECT_THAT(message("kernel k\nlanes 1\n%0 = const i32 [5]\n%1 = add i32 %0 %7\n"),
              HasSubstr("line 4: a source"));
  EXPECT_THAT(message("kernel k\nparam f32 4 wrote\n"), HasSubstr("line 2: a param is"));
  EXPECT_THAT(message("lanes 1\n"), HasSubstr("no line 'kernel NAME'"));
}

TEST(KernelHash, DependsOnEverythingButTheNameAndSymbolIds) {
  Graph graph;
  auto kernel = parse_lowered(graph, column_sum);
  ASSERT_TRUE(kernel.ok());
  const Hash128 hash = kernel->hash();
  Lowered other = *kernel;
  other.name = "x";
  EXPECT_EQ(other.hash(), hash);
  auto differs = [&](auto change) {
    Lowered changed = *kernel;
    change(changed);
    EXPECT_NE(changed.hash(), hash);
  };
  differs([](Lowered& k) { k.lanes = 8; });
  differs([](Lowered& k) { k.grid[1] = 2; });
  differs([](Lowered& k) { k.params[0].elements = 41; });
  differs([](Lowered& k) { k.params[0].written = true; });
  differs([](Lowered& k) { std::swap(k.body[0], k.body[1]); });
  differs([](Lowered& k) { k.body.pop_back(); });
  differs([](Lowered& k) { k.symbols.push_back(1); });
}

TEST(Varying, FollowsLanesThroughRegisters) {
  Graph graph;
  auto kernel = parse_lowered(graph, column_sum);
  ASSERT_TRUE(kernel.ok());
  std::vector<bool> expected(25, false);
  // The accumulator's first store is uniform, its second is not: so all its versions and loads are varying.
  for (size_t i : {3, 6, 7, 10, 13, 16, 17, 18, 19, 20, 22, 23, 24}) expected[i] = true;
  EXPECT_EQ(varying(*kernel), expected);
}

TEST(KernelEvaluator, SumsColumns) {
  std::vector<float> in(40), out(8);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
  EXPECT_EQ(run_text(column_sum, {bytes(in), bytes(out)}), "");
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(out[i], static_cast<float>(80 + 5 * i));
}

}  // namespace
}  // namespace doorbell
