// Runs a lowered kernel twice, as machine code and in the evaluator, on the same inputs. Code for more than
// this processor has is run by an emulated one.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <regex>

#include "codegen/eval.h"
#include "codegen/numeric.h"
#include "codegen/target/x86/compile.h"
#include "codegen/target/x86/isa.h"
#include "codegen/target/x86/supported.h"
#include "tests/x86/processor.h"

namespace doorbell {

using Bytes = std::vector<std::byte>;

// Machine code in memory that may be executed. Constants are position-independent.
class Executable {
 public:
  explicit Executable(const ProgramImage& image) : size_(image.code.size()), entry_(image.entry) {
    memory_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memcpy(memory_, image.code.data(), size_);
    mprotect(memory_, size_, PROT_READ | PROT_EXEC);
  }
  Executable(const Executable&) = delete;
  Executable& operator=(const Executable&) = delete;
  ~Executable() { munmap(memory_, size_); }
  using Entry = void (*)(const uint64_t*, uint32_t, uint32_t, uint32_t, std::byte*);
  [[nodiscard]] Entry entry() const {
    return reinterpret_cast<Entry>(static_cast<std::byte*>(memory_) + entry_);
  }

 private:
  void* memory_;
  size_t size_, entry_;
};

// A kernel written down node by node; each node is added to the body where it is first made.
struct Build {
  Graph& g;
  Lowered k;
  std::vector<const Node*> loops;
  std::vector<size_t> open;  // body size at each open loop

  explicit Build(Graph& graph, int lanes, std::string name = "test") : g(graph) {
    k.lanes = lanes;
    k.name = std::move(name);
  }
  // Behind its last source where it is pure (constants: at the beginning), so that it is in scope wherever
  // they are; else at the end.
  const Node* add(const Node* n) {
    if (std::find(k.body.begin(), k.body.end(), n) != k.body.end()) return n;
    auto at = k.body.end();
    if (n->is(Op::Const) || row(n->op).cls == OpClass::Alu) {
      at = k.body.begin();
      for (const Node* s : n->src) at = std::max(at, std::find(k.body.begin(), k.body.end(), s) + 1);
    }
    k.body.insert(at, n);
    return n;
  }
  const Node* param(DType t, int64_t n) {
    k.params.push_back({t, n, true, true});
    return add(g.make(Op::Param, t, {}, {static_cast<int64_t>(k.params.size()) - 1}));
  }
  const Node* c(DType t, double v) { return add(g.constant(t, v)); }
  const Node* i(int64_t v) { return add(g.constant_int(dtype::i32, v)); }
  const Node* bits(DType t, uint64_t v) { return add(g.constant_bits(t, v)); }
  const Node* op(Op o, std::initializer_list<const Node*> src) { return add(g.alu(o, src)); }
  const Node* cast(const Node* x, DType t) { return add(g.cast(x, t)); }
  const Node* lane() { return add(g.make(Op::Lane, dtype::i32, {}, {k.lanes})); }
  const Node* group(int axis) {
    return add(g.make(Op::Range, dtype::i32, {}, {100 + axis, static_cast<int64_t>(RangeKind::Group), axis}));
  }
  const Node* load(const Node* m, const Node* index, const Node* gate = nullptr, DType as = {}) {
    DType t = as.kind == Kind::Void ? m->dtype : as;
    return add(gate ? g.make(Op::Load, t, {m, index, gate}) : g.make(Op::Load, t, {m, index}));
  }
  const Node* store(const Node* m, const Node* index, const Node* v, const Node* gate = nullptr) {
    return add(gate ? g.make(Op::Store, dtype::none, {m, index, v, gate})
                    : g.make(Op::Store, dtype::none, {m, index, v}));
  }
  const Node* after(const Node* m, std::initializer_list<const Node*> effects) {
    std::vector<const Node*> src{m};
    src.insert(src.end(), effects);
    return add(g.make(Op::After, m->dtype, src));
  }
  const Node* alloc(DType t, Space space, int64_t id, int64_t n) {
    return add(g.make(Op::Alloc, t, {}, {id, static_cast<int64_t>(space), n}));
  }
  const Node* loop(const Node* extent, int64_t id) {
    return add(g.make(Op::Range, extent->dtype, {extent}, {id, static_cast<int64_t>(RangeKind::Loop)}));
  }
  const Node* end(const Node* range, std::initializer_list<const Node*> effects = {}) {
    std::vector<const Node*> src{range};
    src.insert(src.end(), effects);
    return add(g.make(Op::End, dtype::none, src));
  }
};

// What kernels are compiled for: the least that is supported, what is at hand, and everything.
inline std::vector<x86::Features> feature_sets(const Lowered& kernel) {
  auto host = x86::host_features();
  if (!host) {
    ADD_FAILURE() << host.error().message;
    return {};
  }
  std::vector<x86::Features> sets{x86::floor_features};
  for (x86::Features more : {x86::usable(*host), x86::usable(~x86::Features{})})
    if (std::ranges::find(sets, more) == sets.end()) sets.push_back(more);
  for (const Node* node : kernel.body)
    if (node->is(Op::Contract)) return sets.push_back(x86::floor_features | x86::feature::avx_vnni), sets;
  return sets;
}

// Selected code whatever registers it will be given: with EVEX encodings also those that VEX has not. Returns
// the first instruction that no row spells then.
inline std::string unencodable(const machine::Program& program, x86::Features features) {
  for (const machine::Block& block : program.blocks)
    for (machine::Inst inst : block.insts) {
      if (inst.op >= machine::op_copy) continue;
      for_each_reg(inst, [&](machine::Reg& reg, const machine::Operand&, bool, bool) {
        if (!reg.is_virtual()) return;
        const unsigned file = program.regs[reg.number()].file;
        constexpr unsigned last[] = {15, 31, 7};
        reg = machine::Reg::physical(
            file, file == x86::target::vector_file && !x86::has_evex(features) ? 15 : last[file]);
      });
      const x86::Inst x = x86::target::to_x86(inst);
      const x86::Row* row = x86::match(x);
      if (!row || (row->features & ~features)) return x86::print(x);
    }
  return "";
}

// Every instruction that a test of this program compiled a kernel to, and its bytes. llvm_test.cc asks
// another disassembler.
inline std::map<std::string, Bytes>& emitted() {
  static std::map<std::string, Bytes> all;
  return all;
}
inline void remember(const ProgramImage& image) {
  for (size_t at = image.entry; at < image.code.size();) {
    const auto rest = std::span(image.code).subspan(at);
    auto decoded = x86::decode(rest);
    if (!decoded || decoded->inst.op == x86::op("int3")) return;
    auto [it, fresh] = emitted().try_emplace(x86::print(decoded->inst));
    if (fresh) it->second.assign(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(decoded->length));
    at += decoded->length;
  }
}

// How many kernels were run for each set of features, here and on the emulated processor.
struct Runs {
  size_t here = 0, emulated = 0, left_out = 0;
};
inline std::map<x86::Features, Runs>& runs() {
  static std::map<x86::Features, Runs> all;
  return all;
}

inline void run_here(const ProgramImage& image, const Lowered& kernel, std::vector<Bytes>& params,
                     const std::vector<int64_t>& symbols) {
  std::vector<uint64_t> args;
  for (Bytes& b : params) args.push_back(reinterpret_cast<uint64_t>(b.data()));
  for (int64_t s : symbols) args.push_back(static_cast<uint64_t>(s));
  struct alignas(64) Line {
    std::byte b[64];
  };
  std::vector<Line> local(image.local_bytes / 64 + 1);
  Executable program(image);
  for (uint32_t z = 0; z < kernel.grid[2]; ++z)
    for (uint32_t y = 0; y < kernel.grid[1]; ++y)
      for (uint32_t x = 0; x < kernel.grid[0]; ++x) program.entry()(args.data(), x, y, z, local[0].b);
}

// Compiles for `features` and runs it on copies of `params`, where there is a processor that has them; the
// results are compared with the evaluator's element by element, NaNs being equal. Returns the disassembly,
// for messages.
inline std::string compare_on(x86::Features features, const Lowered& kernel, const std::vector<Bytes>& params,
                              const std::vector<Bytes>& expected, const std::vector<int64_t>& symbols,
                              const std::vector<size_t>& budget) {
  x86::Trace trace;
  trace.budget = budget;
  trace.after = [&](char pass, const machine::Program& program) {
    const char* passes = getenv("DUMP");  // the program after those passes, by letter
    if (passes && std::strchr(passes, pass))
      fmt::print("after {}\n{}", pass, print(program, x86::target::describe(features)));
    if (pass == 's') { EXPECT_EQ(unencodable(program, features), "") << print(kernel); }
  };
  auto image = x86::compile(kernel, features, &trace);
  if (!image) {
    ADD_FAILURE() << image.error().message << "\n" << print(kernel);
    return "";
  }
  std::string code = x86::disassemble(*image);
  EXPECT_TRUE(code.ends_with("ret\n")) << code;
  remember(*image);
  std::vector<Bytes> found = params;
  if (!(features & ~*x86::host_features())) {
    run_here(*image, kernel, found, symbols);
    ++runs()[features].here;
  } else {
    Processor* processor = Processor::get();
    if (!processor || (features & ~processor->features())) return code;
    // Bochs takes EVEX.V' of an index in one of the upper registers for a register that the instruction has
    // not (cpu/decoder/fetchdecode32.cc, assign_srcs).
    static const std::regex upper_index("\\*[xyz]mm(1[6-9]|2|3)");
    if (std::regex_search(code, upper_index)) {
      ++runs()[features].left_out;
      return code;
    }
    const std::string stopped =
        processor->run(*image, {kernel.grid[0], kernel.grid[1], kernel.grid[2]}, found, symbols);
    if (!stopped.empty()) {
      ADD_FAILURE() << stopped << ", for " << fmt::format("{}", fmt::join(x86::names(features), " ")) << "\n"
                    << print(kernel) << "\n"
                    << code;
      return code;
    }
    ++runs()[features].emulated;
  }
  for (size_t p = 0; p < params.size(); ++p) {
    const DType t = kernel.params[p].dtype;
    const auto n = static_cast<size_t>(t.bytes());
    for (size_t i = 0; i * n < found[p].size(); ++i) {
      uint64_t a = 0, b = 0, before = 0;
      std::memcpy(&a, &expected[p][i * n], n);
      std::memcpy(&b, &found[p][i * n], n);
      std::memcpy(&before, &params[p][i * n], n);
      if (same_value(t, a, b)) continue;
      ADD_FAILURE() << fmt::format(
          "param {} element {} was {:#x}: evaluator {:#x} ({}), machine {:#x} ({}), for {}\n{}\n{}", p, i,
          before, a, decode(t, a), b, decode(t, b), fmt::join(x86::names(features), " "), print(kernel),
          code);
      return code;
    }
  }
  return code;
}

// On every set of features whose ops and matrix units the kernel keeps to; one at least.
inline void compare(const Lowered& kernel, const std::vector<Bytes>& params,
                    const std::vector<int64_t>& symbols = {}, bool print_code = false,
                    const std::vector<size_t>& budget = {}) {
  if (Status s = verify(kernel); !s) {
    ADD_FAILURE() << s.error().message << "\n" << print(kernel);
    return;
  }
  std::vector<Bytes> expected = params;
  std::vector<std::span<std::byte>> spans(expected.begin(), expected.end());
  if (Status s = run(kernel, spans, symbols); !s) {
    ADD_FAILURE() << "evaluator: " << s.error().message << "\n" << print(kernel);
    return;
  }
  int compiled = 0;
  for (x86::Features features : feature_sets(kernel)) {
    if (!x86::check_supported(kernel, features)) continue;
    std::string code = compare_on(features, kernel, params, expected, symbols, budget);
    if (print_code) std::puts(code.c_str());
    ++compiled;
  }
  EXPECT_GT(compiled, 0) << print(kernel);
}

}  // namespace doorbell
