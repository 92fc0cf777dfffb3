// Random lowered kernels: machine code against the evaluator. DOORBELL_SEED repeats one kernel; the nightly
// run (DOORBELL_NIGHTLY=1) goes on for minutes.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>

#include "codegen/target/x86/supported.h"
#include "tests/x86/harness.h"

namespace doorbell {
namespace {

using namespace dtype;

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t operator()(uint64_t n) { return engine_() % n; }
  bool one_in(uint64_t n) { return (*this)(n) == 0; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[(*this)(from.size())];
  }
  uint64_t bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// Values in scope, loops opened and closed, and everything that ends up stored.
class Kernel {
 public:
  explicit Kernel(uint64_t seed) : random_(seed), b_(g_, 1 << random_(6)) {}

  bool run() {
    const std::vector<DType> types{f32, f64, i32, u32, i64, u64, boolean, u8, i16, f16};
    lane_ = b_.lane();
    for (DType t : types) {
      in_.push_back(b_.param(t, size));
      data_.push_back(pattern(t));
    }
    gx_ = b_.group(0);
    b_.k.grid[0] = 1 + static_cast<uint32_t>(random_(2));
    values_ = {lane_, gx_};
    counter_ = gx_;
    for (int i = 0; i < 3; ++i) accumulators_.push_back(accumulator(i));
    statements(0, 6 + random_(60));
    for (auto& a : accumulators_)
      if (a.written) output(b_.load(b_.after(a.alloc, {a.last}), a.zero));
    for (const Node* v : std::vector<const Node*>(values_))
      if (random_.one_in(3)) output(v);
    if (stores_ == 0) output(values_.back());
    // A load that was made in a loop and is wanted again behind it is one node: such a kernel is none.
    if (!verify(b_.k)) return false;
    std::vector<size_t> budget;
    if (random_(2)) budget = {6 + random_(10), 4 + random_(13), 3 + random_(5)};
    compare(b_.k, data_, {}, false, budget);
    return true;
  }

 private:
  static constexpr int64_t size = 4096;
  struct Accumulator {
    const Node *alloc, *zero, *last;
    bool written = true;
  };

  Bytes pattern(DType t) {
    Bytes out(static_cast<size_t>(size * t.bytes()));
    for (size_t i = 0; i < static_cast<size_t>(size); ++i) {
      uint64_t v = random_.bits() & t.mask();
      if (t.is_bool()) v &= 1;
      if (t.is_float() && random_(4)) v = encode(t, static_cast<double>(random_(2000)) / 16 - 60);
      if (t.is_int() && random_(4)) v = random_(200) & t.mask();
      std::memcpy(&out[i * static_cast<size_t>(t.bytes())], &v, static_cast<size_t>(t.bytes()));
    }
    return out;
  }

  Accumulator accumulator(int id) {
    DType t = random_.pick(std::vector<DType>{f32, f32, i32, f64});
    auto alloc = b_.alloc(t, Space::Register, id, 1);
    auto zero = b_.i(0);
    return {alloc, zero, b_.store(alloc, zero, value_of(t))};
  }

  // Any value of that type in scope, or a new one.
  const Node* value_of(DType t) {
    std::vector<const Node*> fitting;
    for (const Node* v : values_)
      if (v->dtype == t) fitting.push_back(v);
    if (!fitting.empty() && random_(5)) return random_.pick(fitting);
    if (random_.one_in(2)) {
      if (t.is_float()) return b_.c(t, static_cast<double>(random_(64)) / 4 - 3);
      return b_.bits(t, t.is_bool() ? random_(2) : random_(9));
    }
    for (const Node* m : in_)
      if (m->dtype == t) return keep(b_.load(m, index(), random_.one_in(4) ? gate() : nullptr));
    return b_.c(t, 1);
  }
  const Node* gate() {
    for (const Node* v : values_)
      if (v->dtype.is_bool() && random_(2)) return v;
    return keep(
        b_.op(Op::Lt, {lane_, b_.i(static_cast<int64_t>(random_(static_cast<uint64_t>(b_.k.lanes) + 2)))}));
  }
  const Node* index() {
    auto scaled = [&](const Node* n, int64_t by) { return b_.op(Op::Mul, {n, b_.i(by)}); };
    const int64_t strides[] = {1, 1, 1, 2, 0, 5};
    const Node* at =
        b_.op(Op::Add, {scaled(lane_, strides[random_(6)]), b_.i(static_cast<int64_t>(random_(50)))});
    at = b_.op(Op::Add, {at, scaled(counter_, static_cast<int64_t>(random_(70)))});
    if (random_.one_in(4)) {  // something opaque, kept small
      const Node* v = value_of(u32);
      at = b_.op(Op::Add, {at, b_.cast(b_.op(Op::Mod, {v, b_.bits(u32, 1 + random_(300))}), i32)});
    }
    return at;
  }
  const Node* keep(const Node* v) {
    values_.push_back(v);
    return v;
  }

  void statements(int depth, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      if (depth < 2 && random_.one_in(14)) loop(depth, 3 + random_(12));
      else if (random_.one_in(9)) output(random_.pick(values_));
      else if (random_.one_in(5) && !accumulators_.empty()) update();
      else compute();
    }
  }

  void compute() {
    const auto& row = op_table()[random_(op_table().size())];
    if (row.cls != OpClass::Alu || row.arity < 0) return;
    const Node* x = random_.pick(values_);
    const DType t = x->dtype;
    if (row.op == Op::Cast || row.op == Op::Bitcast) {
      const DType to = dtype::all()[random_(dtype::all().size())].dtype;
      if (to == t || !native_(row.op, t, to)) return;
      if (row.op == Op::Bitcast && t.is_float())
        return;  // would see the bits of a NaN, which are not defined
      keep(b_.add(g_.make(row.op, to, {x})));
      return;
    }
    const bool compares = row.op == Op::Lt || row.op == Op::Eq || row.op == Op::Ne;
    if (!native_(row.op, t, compares ? boolean : t)) return;
    if (row.op == Op::Where) {
      keep(b_.op(row.op, {value_of(boolean), x, value_of(t)}));
    } else if (row.arity == 1) {
      keep(b_.op(row.op, {x}));
    } else if (row.arity == 2) {
      keep(b_.op(row.op, {x, value_of(t)}));
    } else {
      keep(b_.op(row.op, {x, value_of(t), value_of(t)}));
    }
  }

  void update() {
    auto& a = accumulators_[random_(accumulators_.size())];
    auto memory = b_.after(a.alloc, {a.last});
    auto old = keep(b_.load(memory, a.zero));
    const Op op = random_.one_in(2) ? Op::Add : Op::Max;
    a.last = b_.store(memory, a.zero, b_.op(op, {old, value_of(a.alloc->dtype)}));
    effects_.push_back(a.last);
  }

  void output(const Node* v) {
    if (stores_ >= 40) return;
    auto m = b_.param(v->dtype, size);
    data_.emplace_back(static_cast<size_t>(size * v->dtype.bytes()));
    // Each turn of the innermost loop and each group to a place of its own.
    auto at = b_.op(Op::Add, {b_.op(Op::Mul, {counter_, b_.i(64)}), lane_});
    at = b_.op(Op::Add, {at, b_.op(Op::Mul, {gx_, b_.i(2048)})});
    effects_.push_back(b_.store(m, at, v, random_.one_in(5) ? gate() : nullptr));
    ++stores_;
  }

  void loop(int depth, uint64_t count) {
    auto outer_values = values_;
    auto outer_effects = std::move(effects_);
    auto outer_counter = counter_;
    effects_.clear();
    auto r = b_.loop(b_.i(static_cast<int64_t>(random_(5)) + 1), ++loops_);
    std::vector<const Node*> before;
    for (auto& a : accumulators_) {
      before.push_back(a.last);
      a.last = r;
    }
    counter_ = r;
    keep(r);
    statements(depth + 1, count);
    std::vector<const Node*> src{r};
    src.insert(src.end(), effects_.begin(), effects_.end());
    auto end = b_.add(g_.make(Op::End, none, src));
    for (auto& a : accumulators_) a.last = end;
    values_ = outer_values;
    counter_ = outer_counter;
    effects_ = std::move(outer_effects);
    effects_.push_back(end);
  }

  Random random_;
  // One kernel in eight computes in f16, too, which only some processors do.
  const Native native_ = x86::supported_by(random_.one_in(8) ? ~x86::Features{} : x86::floor_features);
  Graph g_;
  Build b_;
  const Node *lane_ = nullptr, *gx_ = nullptr, *counter_ = nullptr;
  std::vector<const Node*> in_, values_, effects_;
  std::vector<Accumulator> accumulators_;
  std::vector<Bytes> data_;
  int64_t loops_ = 0;
  int stores_ = 0;
};

// A kernel that faults takes the process with it, but not without its seed.
std::atomic<uint64_t> running;
void fault(int number) {
  char text[80];
  const int n = snprintf(text, sizeof text, "signal %d, DOORBELL_SEED=%llu\n", number,
                         static_cast<unsigned long long>(running.load()));
  if (write(2, text, static_cast<size_t>(n)) < 0) _exit(3);
  std::signal(number, SIG_DFL);
  std::raise(number);
}

TEST(Fuzz, RandomKernelsEqualTheEvaluator) {
  for (int s : {SIGSEGV, SIGILL, SIGFPE, SIGABRT}) std::signal(s, fault);
  uint64_t seed = std::random_device()();
  const char* given = getenv("DOORBELL_SEED");
  const auto seconds = getenv("DOORBELL_NIGHTLY") ? 600.0 : 4.0;
  const auto start = std::chrono::steady_clock::now();
  int count = 0, refused = 0;
  for (;; ++seed, ++count) {
    if (given) seed = std::strtoull(given, nullptr, 10);
    running = seed;
    SCOPED_TRACE(fmt::format("DOORBELL_SEED={}", seed));
    refused += !Kernel(seed).run();
    if (HasFailure() || given) break;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > seconds) break;
  }
  for (int number : {SIGSEGV, SIGILL, SIGFPE, SIGABRT}) std::signal(number, SIG_DFL);
  EXPECT_LT(refused, count / 2 + 1) << "most random kernels are malformed";
  fmt::print("{} kernels, {} of them malformed, the last from seed {}\n", count, refused, seed);
}

}  // namespace
}  // namespace doorbell
