// Every operation of a tensor against numpy: make_expected.py writes inputs and expected outputs, this reads
// them, spells each operation, and compares: bit for bit where the tolerances are 0, NaNs with NaNs.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <sstream>

#include "codegen/numeric.h"
#include "runtime/conv.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/functional.h"
#include "runtime/index.h"
#include "runtime/matmul.h"
#include "tests/tensor/materialise.h"

namespace doorbell {
namespace {

using X = const std::vector<Tensor>&;
using P = const std::vector<double>&;
using Outputs = std::vector<Tensor>;
using Function = std::function<Outputs(X, P)>;

int i(double x) { return static_cast<int>(x); }
std::vector<int> ints(P p) { return {p.begin(), p.end()}; }
Shape shape(P p) { return {p.begin(), p.end()}; }
Axes axes(P p) { return p.empty() ? Axes() : Axes(ints(p)); }
std::optional<int64_t> bound(double x) {
  return x == 1e9 ? std::nullopt : std::optional(static_cast<int64_t>(x));
}
std::vector<std::pair<int64_t, int64_t>> pairs(P p, size_t first) {
  std::vector<std::pair<int64_t, int64_t>> out;
  for (size_t k = first; k + 1 < p.size(); k += 2) out.emplace_back(i(p[k]), i(p[k + 1]));
  return out;
}
std::array<int64_t, 2> two(P p, size_t k) { return {i(p[k]), i(p[k + 1])}; }
std::optional<Tensor> maybe(X x, size_t k) { return k < x.size() ? std::optional(x[k]) : std::nullopt; }
Pool2dOptions pool(P p) { return {two(p, 0), two(p, 2), two(p, 4), two(p, 6)}; }

// clang-format off
#define UNARY(f) {#f, [](X x, P) -> Outputs { return {f(x[0])}; }}
#define BINARY(f) {#f, [](X x, P) -> Outputs { return {f(x[0], x[1])}; }}
#define INFIX(name, op) {name, [](X x, P) -> Outputs { return {x[0] op x[1]}; }}
#define REDUCE(f) {#f, [](X x, P p) -> Outputs { return {x[0].f(axes(p))}; }}
#define OP(name, ...) {name, [](X x, P p) -> Outputs { (void)x; (void)p; return {__VA_ARGS__}; }}
const std::map<std::string, Function>& operations() {
  static const std::map<std::string, Function> table = {
    INFIX("add", +), INFIX("sub", -), INFIX("mul", *), INFIX("div", /), INFIX("and", &), INFIX("or", |),
    INFIX("xor", ^), INFIX("shl", <<), INFIX("shr", >>), INFIX("lt", <), INFIX("le", <=), INFIX("gt", >),
    INFIX("ge", >=), INFIX("eq", ==), INFIX("ne", !=), INFIX("mod", %),
    BINARY(maximum), BINARY(minimum), BINARY(floor_divide), BINARY(pow), BINARY(matmul),
    BINARY(mean_squared_error), BINARY(binary_cross_entropy), BINARY(cross_entropy),
    UNARY(sqrt), UNARY(exp), UNARY(exp2), UNARY(log), UNARY(log2), UNARY(sin), UNARY(cos), UNARY(tan), UNARY(tanh),
    UNARY(erf), UNARY(rsqrt), UNARY(reciprocal), UNARY(square), UNARY(abs), UNARY(sign), UNARY(floor), UNARY(ceil),
    UNARY(trunc), UNARY(round), UNARY(relu), UNARY(sigmoid), UNARY(silu), UNARY(gelu), UNARY(gelu_tanh),
    UNARY(softplus), UNARY(leaky_relu), UNARY(elu), UNARY(isnan), UNARY(isinf), UNARY(isfinite),
    OP("neg", -x[0]), OP("not", ~x[0]),
    OP("where", where(x[0], x[1], x[2])), OP("clamp", clamp(x[0], p[0], p[1])),
    OP("reshape", x[0].reshape(shape(p))), OP("permute", x[0].permute(ints(p))),
    OP("transpose", x[0].transpose(i(p[0]), i(p[1]))), OP("expand", x[0].expand(shape(p))),
    OP("pad", x[0].pad(pairs(p, 1), i(p[0]))), OP("shrink", x[0].shrink(pairs(p, 0))),
    OP("slice", x[0].slice(i(p[0]), bound(p[1]), bound(p[2]), i(p[3]))), OP("select", x[0].select(i(p[0]), i(p[1]))),
    OP("flip", x[0].flip(ints(p))), OP("stride", x[0].stride({i(p[0]), i(p[1])})),
    OP("repeat", x[0].repeat({p.begin(), p.end()})), OP("roll", x[0].roll(i(p[0]), i(p[1]))),
    OP("unfold", x[0].unfold(i(p[0]), i(p[1]), i(p[2]))), OP("cat", cat(x, i(p[0]))), OP("stack", stack(x, i(p[0]))),
    {"split", [](X x, P p) { return x[0].split(i(p[0]), i(p[1])); }},
    {"chunk", [](X x, P p) { return x[0].chunk(i(p[0]), i(p[1])); }},
    OP("tril", tril(x[0], i(p[0]))), OP("triu", triu(x[0], i(p[0]))), OP("take", take(x[0], x[1], i(p[0]))),
    OP("gather", gather(x[0], x[1], i(p[0]))), OP("scatter", scatter(x[0], x[1], x[2], i(p[0]))),
    OP("scatter_add", scatter_add(x[0], x[1], x[2], i(p[0]))), OP("one_hot", one_hot(x[0], i(p[0]))),
    {"sort", [](X x, P p) -> Outputs { auto [v, places] = sort(x[0], i(p[0]), p[1] != 0); return {v, places}; }},
    {"topk", [](X x, P p) -> Outputs { auto [v, places] = topk(x[0], i(p[0]), i(p[1])); return {v, places}; }},
    OP("eye", eye(i(p[0]), i(p[1]))), OP("arange", arange(i(p[0]), i(p[1]), i(p[2]))),
    OP("linspace", linspace(p[0], p[1], i(p[2]))),
    REDUCE(sum), REDUCE(prod), REDUCE(max), REDUCE(min), REDUCE(any), REDUCE(all), REDUCE(mean), REDUCE(var),
    REDUCE(stddev),
    OP("argmax", x[0].argmax(i(p[0]))), OP("argmin", x[0].argmin(i(p[0]))), OP("cumsum", x[0].cumsum(i(p[0]))),
    OP("cumprod", x[0].cumprod(i(p[0]))),
    OP("softmax", softmax(x[0], i(p[0]))), OP("log_softmax", log_softmax(x[0], i(p[0]))),
    OP("logsumexp", logsumexp(x[0], i(p[0]))),
    OP("conv2d", conv2d(x[0], x[1], x[2], {two(p, 0), two(p, 2), two(p, 4), i(p[6])})),
    OP("max_pool2d", max_pool2d(x[0], pool(p))), OP("avg_pool2d", avg_pool2d(x[0], pool(p))),
    OP("layer_norm", layer_norm(x[0], x[1], x[2])), OP("rms_norm", rms_norm(x[0], x[1])),
    OP("group_norm", group_norm(x[0], i(p[0]), x[1], x[2])),
    OP("batch_norm", batch_norm(x[0], x[1], x[2], x[3], x[4])),
    OP("attention", attention(x[0], x[1], x[2], {maybe(x, 3), p[0] != 0, {}})),
  };
  return table;
}
// clang-format on

Outputs apply(const std::string& op, X x, P p) {
  if (auto found = operations().find(op); found != operations().end()) return found->second(x, p);
  for (auto [prefix, bits] : {std::pair{"cast_", false}, {"bitcast_", true}})
    if (op.starts_with(prefix)) {
      const DType to = parse_dtype(op.substr(std::string(prefix).size())).value();
      return {bits ? x[0].bitcast(to) : x[0].cast(to)};
    }
  ADD_FAILURE() << "no operation " << op;
  return {};
}

struct Case {
  std::string name, op;
  double rtol = 0, atol = 0;
  std::vector<double> parameters;
  std::vector<Array> inputs, outputs;
};

std::string python() {
  const char* named = std::getenv("DOORBELL_PYTHON");
  return named ? named : "/usr/bin/python3";
}

// The output of the script; empty when it does not run.
std::string generate() {
  const std::string command = python() + " " + DOORBELL_TENSOR_TESTS "/make_expected.py";
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return out;
  char block[65536];
  while (size_t n = std::fread(block, 1, sizeof block, pipe)) out.append(block, n);
  return pclose(pipe) == 0 ? out : "";
}

std::vector<Case> read(const std::string& text) {
  std::vector<Case> cases;
  size_t at = 0, declared = 0;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    std::istringstream line(text.substr(at, end - at));
    at = end + 1;
    std::string word;
    line >> word;
    if (word == "case") {
      Case& c = cases.emplace_back();
      line >> c.name >> c.op >> c.rtol >> c.atol;
      for (double p; line >> p;) c.parameters.push_back(p);
    } else if (word == "end") {
      line >> declared;
    } else {
      Array a;
      std::string type;
      line >> type;
      a.dtype = parse_dtype(type).value();
      size_t bytes = static_cast<size_t>(a.dtype.bytes());
      for (int64_t d; line >> d;) {
        a.shape.push_back(d);
        bytes *= static_cast<size_t>(d);
      }
      auto data = std::as_bytes(std::span(text)).subspan(at, bytes);
      a.data.assign(data.begin(), data.end());
      at += bytes;
      (word == "input" ? cases.back().inputs : cases.back().outputs).push_back(std::move(a));
    }
  }
  EXPECT_EQ(cases.size(), declared);
  return cases;
}

// Why two arrays differ; empty if they agree.
std::string difference(const Array& got, const Array& expected, double rtol, double atol) {
  if (got.dtype != expected.dtype)
    return fmt::format("{}, expected {}", name(got.dtype), name(expected.dtype));
  if (got.shape != expected.shape)
    return fmt::format("shape {}, expected {}", print(Shape(got.shape.begin(), got.shape.end())),
                       print(Shape(expected.shape.begin(), expected.shape.end())));
  for (size_t k = 0; k < got.size(); ++k) {
    if (same_value(got.dtype, got.get(k), expected.get(k))) continue;
    const double a = decode(got.dtype, got.get(k)), b = decode(got.dtype, expected.get(k));
    if (got.dtype.is_float() && std::fabs(a - b) <= atol + rtol * std::fabs(b)) continue;
    if (got.dtype.is_float() && a == 0 && b == 0 && atol > 0) continue;
    return fmt::format("element {} is {}, expected {}", k, a, b);
  }
  return "";
}

TEST(Operations, AgreeWithNumpy) {
  const std::string text = generate();
  if (text.empty()) {
    const char* ci = std::getenv("CI");
    if (ci && std::string_view(ci) == "true") FAIL() << python() << " with numpy is needed";
    GTEST_SKIP() << python() << " with numpy is needed";
  }
  std::map<std::string, int> seen;
  for (const Case& c : read(text)) {
    std::vector<Tensor> x;
    for (const Array& a : c.inputs)
      x.push_back(from_bytes(a.dtype, Shape(a.shape.begin(), a.shape.end()), a.data));
    const Outputs outputs = apply(c.op, x, c.parameters);
    ASSERT_EQ(outputs.size(), c.outputs.size()) << c.name;
    for (size_t k = 0; k < outputs.size(); ++k) {
      auto got = materialise(outputs[k]);
      if (!got.ok()) {
        ADD_FAILURE() << c.name << ": " << got.error().message;
        continue;
      }
      const std::string why = difference(*got, c.outputs[k], c.rtol, c.atol);
      EXPECT_EQ(why, "") << c.name << " (" << fmt::format("{}", fmt::join(c.parameters, ", ")) << ")";
    }
    ++seen[c.op];
  }
  for (const auto& [op, f] : operations()) EXPECT_GT(seen[op], 0) << op << " has no case";
}

}  // namespace
}  // namespace doorbell
