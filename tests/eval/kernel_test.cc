// The evaluator of lowered kernels: results worked out by hand, and each error that strictness promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "codegen/eval.h"
#include "codegen/matrix_unit.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

// Lanes 0..7 write to local memory, and read what their neighbour (lane ^ 1) wrote, the same through
// lane_xor.
TEST(KernelEvaluator, LanesExchangeValuesThroughLocalMemoryAndShuffles) {
  constexpr std::string_view text = R"(kernel exchange
lanes 8
grid 1 1 1
param i32 8 written
param i32 8 written
%0 = param i32 [0]
%1 = param i32 [1]
%2 = lane i32 [8]
%3 = const i32 [10]
%4 = mul i32 %2 %3
%5 = alloc i32 [0 1 8]
%6 = store void %5 %2 %4
%7 = after i32 %5 %6
%8 = const i32 [1]
%9 = xor i32 %2 %8
%10 = load i32 %7 %9
%11 = store void %0 %2 %10
%12 = lane_xor i32 %4 [1]
%13 = store void %1 %2 %12
)";
  std::vector<int32_t> a(8), b(8);
  EXPECT_EQ(run_text(text, {bytes(a), bytes(b)}), "");
  EXPECT_THAT(a, testing::ElementsAre(10, 0, 30, 20, 50, 40, 70, 60));
  EXPECT_EQ(a, b);
}

// A wide Load of two u8 at an odd address, its halves swapped, and gates that hold back lanes 2 and 3.
TEST(KernelEvaluator, LoadsWideUnalignedValuesAndRespectsGates) {
  constexpr std::string_view text = R"(kernel wide
lanes 4
grid 1 1 1
param u8 6 read
param u16 4 written
%0 = param u8 [0]
%1 = param u16 [1]
%2 = lane i32 [4]
%3 = const i32 [2]
%4 = mul i32 %2 %3
%5 = const i32 [1]
%6 = add i32 %4 %5
%7 = lt bool %2 %3
%8 = load u16 %0 %6 %7
%9 = bitcast u8x2 %8
%10 = element u8 %9 [1]
%11 = element u8 %9 [0]
%12 = vec u8x2 %10 %11
%13 = bitcast u16 %12
%14 = const i32 [3]
%15 = lt bool %2 %14
%16 = store void %1 %2 %13 %15
)";
  std::vector<uint8_t> in{1, 2, 3, 4, 5, 6};
  std::vector<uint16_t> out(4, 0xffff);
  EXPECT_EQ(run_text(text, {bytes(in), bytes(out)}), "");
  EXPECT_THAT(out, testing::ElementsAre(0x0203, 0x0405, 0, 0xffff));
}

// Sums 0 .. n-1 for the symbol n; also for n = 0, when the loop does not run.
constexpr std::string_view symbolic_sum = R"(kernel sum
lanes 2
grid 1 1 1
param i64 1 written
symbol 5
%0 = param i64 [0]
%1 = symbol i64 [0 0 100 2]
%2 = alloc i64 [0 2 1]
%3 = const i64 [0]
%4 = store void %2 %3 %3
%5 = range i64 %1 [0 0]
%6 = after i64 %2 %4 %5
%7 = load i64 %6 %3
%8 = add i64 %7 %5
%9 = store void %6 %3 %8
%10 = end void %5 %9
%11 = after i64 %2 %10
%12 = load i64 %11 %3
%13 = store void %0 %3 %12
)";

TEST(KernelEvaluator, LoopsEndAtASymbolsValueAndUniformStoresHappenOnce) {
  for (int64_t n : {0, 2, 10}) {
    std::vector<int64_t> out{-1};
    EXPECT_EQ(run_text(symbolic_sum, {bytes(out)}, {n}), "");
    EXPECT_EQ(out[0], n * (n - 1) / 2);
  }
  std::vector<int64_t> out(1);
  EXPECT_THAT(run_text(symbolic_sum, {bytes(out)}, {101}),
              HasSubstr("symbol 0 is 101, expected a multiple of 2 in [0, 100]"));
  EXPECT_THAT(run_text(symbolic_sum, {bytes(out)}, {3}), HasSubstr("symbol 0 is 3"));
  EXPECT_THAT(run_text(symbolic_sum, {bytes(out)}, {}), HasSubstr("1 params and 1 symbols, given 1 and 0"));
}

// ---- strictness: each is an error that names node, workgroup and lane

constexpr std::string_view strict = R"(kernel strict
lanes 4
grid 1 2 1
param i32 8 read
param i32 8 written
%0 = param i32 [0]
%1 = param i32 [1]
%2 = lane i32 [4]
%3 = const i32 [0]
%4 = range i32 [0 2 1]
)";

std::string strict_error(std::string_view rest, int64_t first = 0) {
  std::vector<int32_t> in(8), out(8);
  in[0] = static_cast<int32_t>(first);
  return run_text(std::string(strict) + std::string(rest), {bytes(in), bytes(out)});
}

TEST(KernelEvaluator, RefusesAccessesOutsideOfAParam) {
  EXPECT_EQ(strict_error("%5 = const i32 [4]\n%6 = mul i32 %4 %5\n%7 = add i32 %6 %2\n%8 = load i32 %0 %7\n"),
            "");
  EXPECT_EQ(strict_error("%5 = const i32 [6]\n%6 = mul i32 %4 %5\n%7 = add i32 %6 %2\n%8 = load i32 %0 %7\n"),
            "kernel strict, %8 = load i32, group (0, 1, 0), lane 2: index 8 and 4 bytes leave 8 "
            "elements of i32");
  EXPECT_THAT(strict_error("%5 = const i32 [1]\n%6 = sub i32 %2 %5\n%7 = load i32 %0 %6\n"),
              HasSubstr("lane 0: index -1"));
  EXPECT_THAT(strict_error("%5 = const i32 [7]\n%6 = load i64 %0 %5\n"), HasSubstr("index 7 and 8 bytes"));
  EXPECT_THAT(strict_error("%5 = const i64 [4611686018427387905]\n%6 = load i32 %0 %5\n"),
              HasSubstr("lane 0: index"));
  EXPECT_THAT(strict_error("%5 = const i32 [6]\n%6 = add i32 %5 %2\n%7 = store void %1 %6 %2\n"),
              HasSubstr("%7 = store void, group (0, 0, 0), lane 2: index 8"));
}

TEST(KernelEvaluator, RefusesToReadMemoryThatNothingWasStoredTo) {
  EXPECT_THAT(strict_error("%5 = alloc i32 [0 2 1]\n%6 = load i32 %5 %3\n"),
              HasSubstr("%6 = load i32, group (0, 0, 0), lane 0: reads a register that nothing"));
  EXPECT_THAT(strict_error("%5 = alloc i32 [0 2 1]\n%6 = const i32 [2]\n%7 = lt bool %2 %6\n"
                           "%8 = store void %5 %3 %2 %7\n%9 = after i32 %5 %8\n%10 = load i32 %9 %3\n"),
              HasSubstr("lane 2: reads a register"));
  EXPECT_THAT(strict_error("%5 = alloc i32 [0 1 4]\n%6 = load i32 %5 %2\n"),
              HasSubstr("lane 0: reads local memory"));
  // A workgroup starts with neither.
  EXPECT_THAT(strict_error("%5 = alloc i32 [0 1 4]\n%6 = eq bool %4 %3\n%7 = store void %5 %2 %2 %6\n"
                           "%8 = after i32 %5 %7\n%9 = load i32 %8 %2\n"),
              HasSubstr("group (0, 1, 0), lane 0: reads local memory"));
}

TEST(KernelEvaluator, RefusesTwoLanesThatStoreToOneAddress) {
  EXPECT_THAT(strict_error("%5 = store void %1 %3 %2\n"),
              HasSubstr("lane 1: stores to byte 0, as lane 0 does"));
  EXPECT_THAT(strict_error("%5 = const i32 [3]\n%6 = mod i32 %2 %5\n%7 = store void %1 %6 %2\n"),
              HasSubstr("lane 3: stores to byte 0, as lane 0 does"));
  // Partial overlap of wide stores.
  EXPECT_THAT(strict_error("%5 = vec i32x2 %2 %2\n%6 = store void %1 %2 %5\n"),
              HasSubstr("lane 1: stores to byte 4, as lane 0 does"));
  EXPECT_EQ(strict_error("%5 = eq bool %2 %3\n%6 = store void %1 %3 %2 %5\n"), "");
}

// ---- copies: strict's first param, by way of local memory, to its second

constexpr std::string_view copies = R"(%5 = alloc i32 [0 1 8]
%6 = copy_async void %5 %2 %0 %2
%7 = const i32 [4]
%8 = add i32 %2 %7
%9 = copy_async void %5 %8 %0 %8
)";

TEST(KernelEvaluator, CopiesArriveWhenTheyAreAwaited) {
  constexpr std::string_view text = R"(kernel shift
lanes 4
grid 1 1 1
param u16 16 read
param i32 4 written
%0 = param u16 [0]
%1 = param i32 [1]
%2 = lane i32 [4]
%3 = const i32 [3]
%4 = mul i32 %2 %3
%5 = lt bool %2 %3
%6 = alloc i32 [0 1 4]
%7 = sub i32 %3 %2
%8 = copy_async void %6 %7 %0 %4 %5
%9 = await void %8
%10 = after i32 %6 %9
%11 = load i32 %10 %2
%12 = store void %1 %2 %11
)";
  // Lane l copies the four bytes at element 3l to place 3 - l; lane 3 is held back and brings 0.
  std::vector<uint16_t> in(16);
  std::vector<int32_t> out(4, -1);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<uint16_t>(i);
  EXPECT_EQ(run_text(text, {bytes(in), bytes(out)}), "");
  EXPECT_THAT(out, testing::ElementsAre(0, 0x70006, 0x40003, 0x10000));
}

TEST(KernelEvaluator, RefusesToTouchWhatACopyIsOnItsWayTo) {
  const std::string text(copies);
  EXPECT_EQ(strict_error(text + "%10 = await void %9\n%11 = after i32 %5 %10\n%12 = load i32 %11 %8\n"
                                "%13 = await void %6\n"),
            "");
  EXPECT_THAT(
      strict_error(text + "%10 = await void %9\n%11 = after i32 %5 %10\n%12 = load i32 %11 %2\n"
                          "%13 = await void %6\n"),
      HasSubstr("%12 = load i32, group (0, 0, 0), lane 0: reads local memory that a copy is on its way to, "
                "at byte 0"));
  EXPECT_THAT(
      strict_error(text + "%10 = const i32 [2]\n%11 = add i32 %2 %10\n%12 = store void %5 %11 %2\n"
                          "%13 = await void %6 %9\n"),
      HasSubstr("%12 = store void, group (0, 0, 0), lane 0: writes local memory that a copy is on its way "
                "to, at byte 8"));
  EXPECT_THAT(
      strict_error(text + "%10 = const i32 [1]\n%11 = add i32 %8 %10\n%12 = copy_async void %5 %2 %0 %11\n"
                          "%13 = await void %6 %9 %12\n"),
      HasSubstr("%12 = copy_async void, group (0, 0, 0), lane 0: writes local memory that a copy is on"));
  EXPECT_THAT(strict_error("%5 = alloc i32 [0 1 8]\n%6 = copy_async void %5 %3 %0 %2\n%7 = await void %6\n"),
              HasSubstr("lane 1: writes local memory that a copy is on its way to, at byte 0"));
}

TEST(KernelEvaluator, RefusesCopiesOutsideOfMemory) {
  EXPECT_THAT(strict_error("%5 = alloc i32 [0 1 8]\n%6 = const i32 [5]\n%7 = add i32 %2 %6\n"
                           "%8 = copy_async void %5 %2 %0 %7\n%9 = await void %8\n"),
              HasSubstr("lane 3: index 8 and 4 bytes leave the 8 elements of param 0"));
  EXPECT_THAT(strict_error("%5 = alloc i32 [0 1 3]\n%6 = copy_async void %5 %2 %0 %2\n%7 = await void %6\n"),
              HasSubstr("lane 3: index 3 and 4 bytes leave 3 elements of i32"));
}

TEST(KernelEvaluator, RefusesToWriteWhatACopyReads) {
  constexpr std::string_view text = R"(kernel race
lanes 4
grid 1 1 1
param i32 4 read written
%0 = param i32 [0]
%1 = lane i32 [4]
%2 = alloc i32 [0 1 4]
%3 = copy_async void %2 %1 %0 %1
%4 = store void %0 %1 %1
%5 = await void %3
)";
  std::vector<int32_t> memory{0, 1, 7, 3};
  EXPECT_EQ(
      run_text(text, {bytes(memory)}),
      "kernel race, %5 = await void, group (0, 0, 0), lane 2: what %3 = copy_async void copies was written "
      "meanwhile");
}

TEST(KernelEvaluator, RefusesABoolThatIsNeitherZeroNorOne) {
  EXPECT_THAT(strict_error("%5 = load bool %0 %3\n", 2),
              HasSubstr("%5 = load bool, group (0, 0, 0), lane 0: loads 2 as a bool"));
  EXPECT_EQ(strict_error("%5 = load bool %0 %3\n", 1), "");
}

TEST(KernelEvaluator, RefusesWrongArguments) {
  std::vector<int32_t> in(8), small(7);
  EXPECT_THAT(run_text(strict, {bytes(in), bytes(small)}), HasSubstr("param 1 has 32 bytes, given 28"));
  Graph graph;
  auto kernel = parse_lowered(graph, strict);
  ASSERT_TRUE(kernel.ok());
  std::vector<std::span<std::byte>> params{bytes(in), bytes(in)};
  const uint32_t outside[3] = {0, 2, 0};
  EXPECT_THAT(run(*kernel, params, {}, outside).error().message,
              HasSubstr("workgroup (0, 2, 0) lies outside"));
}

// ---- matrix units

struct Operands {
  std::vector<int32_t> acc;
  std::vector<uint8_t> a, b;  // 4 bytes a lane
};

Operands operands(int lanes, std::mt19937& random) {
  Operands o;
  for (int l = 0; l < lanes; ++l) o.acc.push_back(static_cast<int32_t>(random()));
  // Extremes often enough that pairs saturate and sums wrap.
  for (int i = 0; i < 4 * lanes; ++i) {
    o.a.push_back(random() % 3 ? static_cast<uint8_t>(random()) : 255);
    o.b.push_back(random() % 3 ? static_cast<uint8_t>(random()) : random() % 2 ? 127 : 128);
  }
  return o;
}

std::vector<int32_t> contract(size_t row, Operands& o) {
  const MatrixUnit& unit = matrix_units[row];
  const std::string type_a = name(unit.a), type_b = name(unit.b), k = std::to_string(unit.k);
  std::string text =
      fmt::format("kernel c\nlanes {}\ngrid 1 1 1\nparam i32 {} read\nparam {} {} read\nparam {} {} read\n",
                  unit.n, unit.n, type_a, unit.n * unit.k, type_b, unit.n * unit.k);
  text += fmt::format("param i32 {} written\n%0 = param i32 [0]\n%1 = param {} [1]\n%2 = param {} [2]\n",
                      unit.n, type_a, type_b);
  text += fmt::format("%3 = param i32 [3]\n%4 = lane i32 [{}]\n%5 = const i32 [{}]\n%6 = mul i32 %4 %5\n",
                      unit.n, unit.k);
  text += fmt::format("%7 = load i32 %0 %4\n%8 = load {}x{} %1 %6\n%9 = load {}x{} %2 %6\n", type_a, k,
                      type_b, k);
  text += fmt::format("%10 = contract i32 %7 %8 %9 [{}]\n%11 = store void %3 %4 %10\n", row);
  std::vector<int32_t> out(static_cast<size_t>(unit.n));
  EXPECT_EQ(run_text(text, {bytes(o.acc), bytes(o.a), bytes(o.b), bytes(out)}), "");
  return out;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) std::vector<int32_t> by_instructions(std::string_view unit,
                                                                     const Operands& o) {
  const auto* acc = reinterpret_cast<const __m256i*>(o.acc.data());
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(o.a.data()));
  const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(o.b.data()));
  const __m256i product = unit == "vpmaddwd.256"
                              ? _mm256_madd_epi16(a, b)
                              : _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
  std::vector<int32_t> out(8);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.data()),
                      _mm256_add_epi32(_mm256_loadu_si256(acc), product));
  return out;
}

TEST(MatrixUnits, EqualTheProcessorsInstructions) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "needs AVX2";
  std::mt19937 random(1);
  for (size_t row : {2, 3})
    for (int i = 0; i < 300; ++i) {
      Operands o = operands(8, random);
      ASSERT_EQ(contract(row, o), by_instructions(matrix_units[row].name, o)) << matrix_units[row].name;
    }
  Operands corner{std::vector<int32_t>(8, 0), std::vector<uint8_t>(32), std::vector<uint8_t>(32)};
  for (size_t i = 1; i < 32; i += 2) corner.a[i] = corner.b[i] = 0x80;  // -32768 * -32768, twice
  EXPECT_EQ(contract(3, corner), by_instructions("vpmaddwd.256", corner));
  EXPECT_EQ(contract(3, corner)[0], INT32_MIN);
}
#endif

TEST(MatrixUnits, DotProductsOfBytesAreExactAndWrap) {
  std::mt19937 random(2);
  for (size_t row = 0; row < std::size(matrix_units); ++row) {
    const MatrixUnit& unit = matrix_units[row];
    if (unit.k != 4 || unit.accumulate != Accumulate::Wrap) continue;
    for (int i = 0; i < 200; ++i) {
      Operands o = operands(unit.n, random);
      std::vector<int32_t> expected;
      for (size_t l = 0; l < static_cast<size_t>(unit.n); ++l) {
        int64_t sum = o.acc[l];
        for (size_t k = 4 * l; k < 4 * l + 4; ++k)
          sum += (unit.a == dtype::i8 ? static_cast<int8_t>(o.a[k]) : o.a[k]) * static_cast<int8_t>(o.b[k]);
        expected.push_back(static_cast<int32_t>(sum));
      }
      ASSERT_EQ(contract(row, o), expected) << unit.name;
    }
  }
}

}  // namespace
}  // namespace doorbell
