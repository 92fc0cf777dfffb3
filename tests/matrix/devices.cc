#include "tests/matrix/devices.h"

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

#include "codegen/decompose.h"
#include "codegen/numeric.h"
#include "hal/base/env.h"
#include "tests/model_device/model_device.h"
#include "tools/targets.h"

namespace doorbell {

namespace {

// decompose.h: what is required of all.
bool required(Op op, DType from, DType to) {
  auto whole = [](DType t) {
    return t.count == 1 &&
           (t.is_bool() || t == dtype::f32 || t == dtype::f64 || (t.is_int() && t.bits >= 32));
  };
  if (op == Op::Where) return true;
  if (op == Op::Bitcast) return true;
  if (op == Op::Cast) {
    // Integers of few bits lie extended in 32 bits; those of 32 are cut.
    if (from.is_int()) return whole(to) || to.is_int();
    return whole(from) && whole(to);
  }
  return whole(from) && defined(op, from) && !(op >= Op::Exp && op <= Op::Pow);
}

Result<model::KernelRunner> load_lanes(const ProgramImage& image) {
  std::string text(reinterpret_cast<const char*>(image.code.data()), image.code.size());
  Graph graph;
  Lowered kernel = TRY(parse_lowered(graph, text));
  KernelEvaluator evaluator = TRY(KernelEvaluator::make(kernel));
  return model::KernelRunner([evaluator, params = kernel.params](const model::KernelCall& call) -> Status {
    std::vector<std::span<std::byte>> memory;
    for (size_t i = 0; i < params.size(); ++i) {
      Bytes size(static_cast<uint64_t>(params[i].elements * params[i].dtype.bytes()));
      if (size.value == 0) memory.emplace_back();
      else memory.push_back(TRY(call.memory.at(GpuAddr(call.arguments[i]), size)));
    }
    std::vector<int64_t> symbols;
    for (size_t i = params.size(); i < call.arguments.size(); ++i)
      symbols.push_back(static_cast<int64_t>(call.arguments[i]));
    const uint32_t group[3] = {call.group[0], call.group[1], call.group[2]};
    return evaluator.run(memory, symbols, group);
  });
}

}  // namespace

Target lanes_target(int lanes) {
  Target t;
  t.isa = "lanes";
  t.version = fmt::format("lanes {}", lanes);
  t.tiling.lanes = lanes;
  t.tiling.registers = 64;
  t.tiling.group_work = 200;
  t.tiling.local_bytes = 64 << 10;
  t.tiling.copy_engine = true;
  t.tiling.decompose = [](Graph& graph, Simplifier& simplify, const Node* sink) {
    return decompose(graph, simplify, sink, required);
  };
  t.compile = [](const Lowered& kernel) -> Result<ProgramImage> {
    for (const Node* n : kernel.body)
      if (row(n->op).cls == OpClass::Alu && !required(n->op, n->src.back()->dtype, n->dtype))
        return error("kernel {}: {} of {} to {} is left, which a target need not have", kernel.name,
                     text(n->op), name(n->src.back()->dtype), name(n->dtype));
    ProgramImage image;
    image.name = kernel.name;
    image.isa = "lanes";
    std::string text = print(kernel);
    auto bytes = std::as_bytes(std::span(text));
    image.code.assign(bytes.begin(), bytes.end());
    image.lanes = 32;
    for (const Node* n : kernel.body)
      if (n->is(Op::Alloc) && n->arg[1] == static_cast<int64_t>(Space::Local))
        image.local_bytes += static_cast<uint32_t>((n->arg[2] * n->dtype.bytes() + 63) & ~63);
    image.arguments.assign(kernel.params.size(), ArgumentKind::buffer);
    image.arguments.insert(image.arguments.end(), kernel.symbols.size(), ArgumentKind::value);
    return image;
  };
  return t;
}

std::unique_ptr<Device> open_lanes_device(uint64_t seed) {
  return model::open_model_device(load_lanes, {seed, std::chrono::microseconds(5), std::chrono::seconds(10)});
}

Result<TestDevice> open_test_device(const Backend& row) {
  TestDevice out{row.name, TRY(row.open()), nullptr};
  const Limits& limits = out.device->properties().limits;
  Target target = limits.isa == "lanes" ? lanes_target() : TRY(target_for(limits));
  out.engine = TRY(Engine::make(*out.device, std::move(target)));
  return out;
}

namespace {

std::vector<TestDevice> open_all() {
  setenv("CACHE", "off", 1);
  reload_env();
  std::vector<Backend> rows(backends().begin(), backends().end());
  rows.push_back(
      {"MODEL", "the model device", []() -> Result<std::unique_ptr<Device>> { return open_lanes_device(); }});
  std::vector<TestDevice> out;
  for (const Backend& row : rows) {
    auto device = open_test_device(row);
    DOORBELL_CHECK(device.ok(), "{}: {}", row.name, device.error().message);
    out.push_back(std::move(*device));
  }
  return out;
}

}  // namespace

std::vector<TestDevice>& test_devices() {
  static std::vector<TestDevice> devices = open_all();
  return devices;
}
void reopen_test_devices() {
  test_devices().clear();
  test_devices() = open_all();
}

NodeRef buffer_of(const Array& array) {
  static std::atomic<int64_t> next{1LL << 50};  // apart from those that runtime/ gives
  const auto n = static_cast<int64_t>(array.size());
  const Dim flat(n);
  const int64_t arg[] = {next++, 0};
  NodeRef buffer = NodeRef::make(Op::Buffer, array.dtype, {}, arg, std::span(&flat, 1));
  auto bytes = std::make_shared<std::vector<std::byte>>(array.data);
  auto memory = std::make_shared<Memory>();
  memory->host = *bytes;
  memory->owner = bytes;
  buffer.set_memo(memory);
  Shape shape(array.shape.begin(), array.shape.end());
  if (shape.size() == 1) return buffer;
  return NodeRef::make(Op::Reshape, array.dtype, std::span(&buffer, 1), {}, shape);
}

Environment environment_of(std::span<const Node* const> roots) {
  Environment environment;
  for (const Node* n : topological(roots))
    if (n->is(Op::Buffer))
      if (auto memory = std::static_pointer_cast<Memory>(memo_of(n)))
        environment.buffers[n->arg[0]] = memory->host;
  return environment;
}

Result<std::vector<Array>> expected_values(std::span<const Node* const> outputs, const Symbols& symbols) {
  Environment environment = environment_of(outputs);
  for (const SymbolValue& s : symbols) environment.symbols[s.id] = s.value;
  return evaluate(outputs, environment);
}

Result<Submitted> submit_to(Engine& engine, std::span<const Node* const> outputs, const Symbols& symbols) {
  Schedule plan = TRY(engine.plan(outputs));
  Submitted out{&engine, TRY(engine.capture(plan)), {}};
  TRY(out.work.submit(symbols));
  for (const Node* n : outputs) {
    Array& a = out.values.emplace_back(Array{n->dtype, {}, {}});
    for (const Dim& d : n->shape) a.shape.push_back(d.size);
    a.data.resize(static_cast<size_t>(elements(n->shape) * a.dtype.bytes()));
  }
  return out;
}

Result<std::vector<Array>> finish(Submitted submitted) {
  TRY(submitted.work.wait());
  for (size_t i = 0; i < submitted.values.size(); ++i)
    if (Array& a = submitted.values[i]; !a.data.empty())
      TRY(submitted.engine->read(*submitted.work.output(i), a.data));
  return std::move(submitted.values);
}

Result<std::vector<Array>> compute_on(Engine& engine, std::span<const Node* const> outputs,
                                      const Symbols& symbols) {
  return finish(TRY(submit_to(engine, outputs, symbols)));
}

Array random_array(DType type, std::vector<int64_t> shape, uint64_t seed) {
  std::mt19937_64 random(seed);
  Array a{type, std::move(shape), {}};
  int64_t n = 1;
  for (int64_t s : a.shape) n *= s;
  a.data.resize(static_cast<size_t>(n * type.bytes()));
  const uint64_t mask = type.mask(), top = 1ULL << (type.bits - 1);
  std::vector<uint64_t> edges{0,  1,  2,  3,    7,        8,   15,      16,     31,
                              32, 63, 64, mask, mask - 1, top, top - 1, top + 1};
  if (type.is_float())
    for (double d : {1.0,        0.5,    1.5,    2.5,          3.0,
                     100.0,      255.0,  448.0,  57344.0,      65504.0,
                     65520.0,    1e-7,   1e-40,  2147483648.0, 4294967296.0,
                     9.3e18,     1.9e19, 3.4e38, 1e300,        double{INFINITY},
                     double{NAN}})
      edges.push_back(encode(type, d)), edges.push_back(encode(type, -d));
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    uint64_t v = 0;
    switch (random() % 4) {
      case 0: v = edges[random() % edges.size()]; break;
      case 1: v = random(); break;
      case 2:
        v = type.is_float()
                ? encode(type, std::ldexp(static_cast<double>(static_cast<int64_t>(random())) * 0x1p-63,
                                          static_cast<int>(random() % 12)))
                : (random() & mask) >> random() % type.bits;
        break;
      default: v = encode(type, static_cast<double>(static_cast<int64_t>(random() % 21)) - 10);
    }
    a.set(i, type.is_bool() ? v & 1 : v & mask);
  }
  return a;
}

std::string difference(const Array& expected, const Array& found, const std::vector<int64_t>& live) {
  if (expected.shape != found.shape || expected.dtype != found.dtype) return "shapes or types differ";
  size_t wrong = 0;
  std::string first;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (same_value(expected.dtype, expected.get(i), found.get(i))) continue;
    auto rest = static_cast<int64_t>(i);
    bool counts = true;
    for (size_t a = live.size(); a-- > 0; rest /= expected.shape[a])
      counts = counts && rest % expected.shape[a] < live[a];
    if (!counts) continue;
    if (wrong++ == 0)
      first = fmt::format("element {}: expected {:#x} ({}), found {:#x} ({})", i, expected.get(i),
                          decode(expected.dtype, expected.get(i)), found.get(i),
                          decode(found.dtype, found.get(i)));
  }
  return wrong ? fmt::format("{}; {} of {} differ", first, wrong, expected.size()) : "";
}

}  // namespace doorbell
