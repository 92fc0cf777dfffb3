// What the runtime promises above the kernels: which of them there are, versions of buffers, capture, the
// cache.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "hal/base/env.h"
#include "hal/base/file.h"
#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/index.h"
#include "runtime/kernel_cache.h"
#include "runtime/matmul.h"
#include "runtime/realize.h"
#include "tools/backends.h"
#include "tools/targets.h"

namespace doorbell {
namespace {

class Runtime : public testing::Test {
 protected:
  void SetUp() override {
    auto device = open_device("CPU");
    ASSERT_TRUE(device.ok()) << device.error().message;
    device_ = std::move(*device);
    auto target = target_for(device_->properties().limits);
    ASSERT_TRUE(target.ok()) << target.error().message;
    auto engine = Engine::make(*device_, *target);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    engine_ = std::move(*engine);
    use_engine(engine_.get());
  }
  void TearDown() override {
    engine_.reset();
    device_.reset();
  }
  static size_t kernels(const Tensor& t) {
    const Node* node = t.node().get();
    auto plan = schedule(std::span(&node, 1));
    EXPECT_TRUE(plan.ok());
    return plan->items.size();
  }
  std::unique_ptr<Device> device_;
  std::unique_ptr<Engine> engine_;
};

Tensor ramp(const Shape& shape) {
  std::vector<float> v(static_cast<size_t>(elements(shape)));
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i % 17) - 8;
  return from_values(v, shape);
}

TEST_F(Runtime, MovementForcesNoKernel) {
  Tensor x = ramp({4, 6});
  Tensor moved = x.permute({1, 0}).reshape({3, 8}).flip({0}).pad({{1, 1}, {0, 0}}).shrink({{1, 4}, {2, 8}});
  EXPECT_EQ(kernels(moved + 1.0f), 1u);
  EXPECT_EQ(kernels(moved.sum() * 2.0f), 1u);
}

TEST_F(Runtime, ElementwiseFusesIntoReductionsAndAfterThem) {
  Tensor x = ramp({8, 16});
  EXPECT_EQ(kernels((exp(x * 2.0f).sum(1) + 1.0f) * 3.0f), 1u);
  EXPECT_EQ(kernels(matmul(x, ramp({16, 4})) + 1.0f), 1u);
  EXPECT_EQ(kernels(x.sum(1).sum(0)), 1u);
}

TEST_F(Runtime, ReductionUsedTwiceIsComputedOnce) {
  Tensor x = ramp({8, 16});
  Tensor s = x.sum(1, true);
  EXPECT_EQ(kernels(x / s), 2u);  // a broadcast sum
  Tensor rows = x.sum(1);
  EXPECT_EQ(kernels(rows * 2.0f + rows.flip()), 2u);
}

TEST_F(Runtime, WeightsThatInflateAreNotMaterialised) {
  Tensor half = from_values(std::vector<float>(64 * 32, 0.5f), {64, 32}).cast(dtype::f16);
  ASSERT_TRUE(half.realize());
  EXPECT_EQ(kernels(matmul(ramp({64, 32}), half.cast(dtype::f32).transpose())), 1u);
}

TEST_F(Runtime, AssignIsSeenByLaterReadsAndNotByEarlierOnes) {
  Tensor x = ramp({10});
  ASSERT_TRUE(x.realize());
  Tensor buffer = empty({10});
  buffer.assign(x);
  ASSERT_TRUE(buffer.realize());
  Tensor before = buffer * 1.0f;
  buffer.assign(buffer + 5.0f);
  Tensor after = buffer * 1.0f;
  Tensor* both[] = {&before, &after, &buffer};
  Status status = realize(both);
  ASSERT_TRUE(status) << status.error().message;
  auto a = before.to_vector<float>(), b = after.to_vector<float>();
  ASSERT_TRUE(a.ok() && b.ok());
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ((*a)[i] + 5.0f, (*b)[i]);
}

TEST_F(Runtime, AssignThatReadsOtherElementsGoesThroughATemporary) {
  Tensor buffer = empty({100});
  buffer.assign(arange(100, dtype::f32));
  ASSERT_TRUE(buffer.realize());
  buffer.assign(buffer.flip() * 1.0f);
  auto v = buffer.to_vector<float>();
  ASSERT_TRUE(v.ok()) << v.error().message;
  for (size_t i = 0; i < 100; ++i) ASSERT_EQ((*v)[i], static_cast<float>(99 - i));
}

TEST_F(Runtime, StaleVersionIsRefusedByName) {
  Tensor buffer = empty({4});
  buffer.assign(ones({4}));
  ASSERT_TRUE(buffer.realize());
  Tensor old = buffer + 1.0f;  // reads this version, and is not realised yet
  buffer.assign(buffer * 3.0f);
  ASSERT_TRUE(buffer.realize());
  Status status = old.realize();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("old version of a buffer"), std::string::npos)
      << status.error().message;
}

// A buffer of these values, of which assign() makes versions.
Tensor variable(const std::vector<float>& values) {
  Tensor t = empty({static_cast<int64_t>(values.size())});
  t.assign(from_values(values, {static_cast<int64_t>(values.size())}));
  return t;
}

using Floats = std::vector<float>;
Floats floats(Tensor& t) {
  auto v = t.to_vector<float>();
  EXPECT_TRUE(v.ok()) << v.error().message;
  return v.ok() ? *v : Floats{};
}

TEST_F(Runtime, OldVersionThatIsAskedForKeepsItsValue) {
  Tensor x = variable({1, 2});
  Tensor first = x.snapshot();
  x.assign(x * 3.0f);
  Tensor second = x.snapshot();
  x.assign(x + 1.0f);
  Tensor* all[] = {&x, &second, &first};
  Status status = realize(all);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(floats(first), (Floats{1, 2}));
  EXPECT_EQ(floats(second), (Floats{3, 6}));
  EXPECT_EQ(floats(x), (Floats{4, 7}));
}

TEST_F(Runtime, OldVersionInMemoryKeepsItsValueWhereItIsAskedForBesideTheNewOne) {
  Tensor x = variable({1, 2});
  ASSERT_TRUE(x.realize());
  Tensor old = x.snapshot();
  x.assign(x * 3.0f);
  Tensor* both[] = {&x, &old};
  ASSERT_TRUE(realize(both));
  EXPECT_EQ(floats(old), (Floats{1, 2}));
  EXPECT_EQ(floats(x), (Floats{3, 6}));
  x.assign(x * 3.0f);
  ASSERT_TRUE(x.realize());
  EXPECT_EQ(floats(old), (Floats{1, 2}));
  x = variable({1, 2});
  ASSERT_TRUE(x.realize());
  Tensor forgotten = x.snapshot();
  x.assign(x * 3.0f);
  ASSERT_TRUE(x.realize());
  auto read = forgotten.to_vector<float>();
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("old version of a buffer"), std::string::npos) << read.error().message;
}

TEST_F(Runtime, ValueOfAnOldAndANewVersionIsComputed) {
  Tensor x = variable({1, 2});
  Tensor old = x.snapshot();
  x.assign(x * 3.0f);
  Tensor change = x - old;
  EXPECT_EQ(floats(change), (Floats{2, 4}));
  EXPECT_EQ(floats(x), (Floats{3, 6}));
}

TEST_F(Runtime, BuffersSwapTheirValues) {
  Tensor a = variable({1, 2, 3}), b = variable({4, 5, 6});
  Tensor* both[] = {&a, &b};
  for (int lazy = 0; lazy < 2; ++lazy) {
    if (!lazy) { ASSERT_TRUE(realize(both)); }
    Tensor old = a.snapshot();
    a.assign(b.flip());
    b.assign(old);
    ASSERT_TRUE(realize(both));
    EXPECT_EQ(floats(b), lazy ? (Floats{6, 5, 4}) : (Floats{1, 2, 3}));
    EXPECT_EQ(floats(a), lazy ? (Floats{3, 2, 1}) : (Floats{6, 5, 4}));
  }
}

TEST_F(Runtime, VersionIsAssignedToAViewOfItself) {
  Tensor x = variable({1, 2, 3, 4});
  ASSERT_TRUE(x.realize());
  x.assign(x.flip(), x);
  EXPECT_EQ(floats(x), (Floats{4, 3, 2, 1}));
  x.assign(x.reshape({2, 2}).transpose(), x.reshape({2, 2}));
  EXPECT_EQ(floats(x), (Floats{4, 2, 3, 1}));
}

TEST_F(Runtime, TwoAssignsThatReplaceOneVersionAreRefused) {
  Tensor x = variable({1, 2});
  ASSERT_TRUE(x.realize());
  Tensor twin = x.snapshot();
  x.assign(x + 1.0f);
  twin.assign(twin + 2.0f);
  Tensor* both[] = {&x, &twin};
  Status status = realize(both);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("two assigns replace one version"), std::string::npos)
      << status.error().message;
}

TEST_F(Runtime, WhatReadsTheNewVersionNeedNotBeRealisedWithIt) {
  Tensor x = variable({1, 2});
  ASSERT_TRUE(x.realize());
  x.assign(x + 1.0f);
  Tensor first = x * 10.0f, second = x * 100.0f;
  ASSERT_TRUE(first.realize());  // makes the version, too
  EXPECT_EQ(floats(x), (Floats{2, 3}));
  EXPECT_EQ(floats(second), (Floats{200, 300}));
  EXPECT_EQ(floats(first), (Floats{20, 30}));
}

TEST_F(Runtime, VersionInAnotherShapeStaysInItsBuffer) {
  Tensor x = empty({2, 2});
  x.assign(ones({2, 2}));
  EXPECT_EQ(kernels(x), 1u);
  ASSERT_TRUE(x.realize());
  const Storage* before = static_cast<Memory*>(memo_of(x.node()->src[0]).get())->storage.get();
  x.assign(x + 1.0f);
  EXPECT_EQ(floats(x), (Floats{2, 2, 2, 2}));
  EXPECT_EQ(static_cast<Memory*>(memo_of(x.node()->src[0]).get())->storage.get(), before);
}

TEST_F(Runtime, GraphsThatDifferInTheirBuffersAloneShareAPlan) {
  auto plan = [&](const Tensor& t) {
    const Node* node = t.node().get();
    auto p = engine_->plan(std::span(&node, 1));
    EXPECT_TRUE(p.ok());
    return std::move(*p);
  };
  Tensor a = from_values(Floats{1, 2}), b = from_values(Floats{3, 5}), c = from_values(Floats{7, 11});
  const Schedule first = plan(a * b + a);
  EXPECT_EQ(plan(c * a + c).graph, first.graph);
  // Each reads what it names.
  Tensor x = a * b + a, y = c * a + c, z = b * b + b;
  EXPECT_EQ(floats(x), (Floats{4, 12}));
  EXPECT_EQ(floats(y), (Floats{14, 33}));
  EXPECT_EQ(floats(z), (Floats{12, 30}));
  // What is read twice, in another order, of another shape or type, with another constant, or from memory in
  // place of being computed, is another form.
  EXPECT_NE(plan(a * b + b).graph, first.graph);
  EXPECT_NE(plan(b * b + b).graph, first.graph);
  EXPECT_NE(plan(ramp({3}) * ramp({3}) + ramp({3})).graph, first.graph);
  EXPECT_NE(plan(from_values(std::vector<double>{1, 2}) * a + a).graph, first.graph);
  EXPECT_NE(plan(a * 2.0f).graph, plan(a * 3.0f).graph);
  Tensor half = a * b;
  const Schedule whole = plan(half + c);
  Tensor* one[] = {&half};
  ASSERT_TRUE(realize(one));
  EXPECT_NE(plan(half + c).graph, whole.graph);
  Tensor sum = half + c;
  EXPECT_EQ(floats(sum), (Floats{10, 21}));
}

// Two leaves of one memory are one version of it, and an assign to it waits for the readers of both.
TEST_F(Runtime, PlansTellLeavesOfOneMemoryFromTwo) {
  auto step = [](Tensor& x, const Tensor& reader) {
    Tensor r = reader.flip() * 1.0f;
    x.assign(x * 2.0f);
    Tensor* both[] = {&x, &r};
    Status status = realize(both);
    EXPECT_TRUE(status) << status.error().message;
    return floats(r);
  };
  Tensor x = variable({1, 2, 3}), other = variable({5, 6, 7});
  Tensor* both[] = {&x, &other};
  ASSERT_TRUE(realize(both));
  EXPECT_EQ(step(x, other), (Floats{7, 6, 5}));
  EXPECT_EQ(step(x, x), (Floats{6, 4, 2}));
  EXPECT_EQ(step(x, other), (Floats{7, 6, 5}));
  EXPECT_EQ(floats(x), (Floats{8, 16, 24}));
}

// Random programs of assigns, snapshots, parts and arithmetic, of which random tensors are realised at random
// times. What is computed is what the program says; what is refused is a version that is gone, or was
// replaced twice.
TEST_F(Runtime, RandomProgramsOfAssignsComputeWhatTheySay) {
  constexpr int64_t n = 6;
  struct Named {
    Tensor tensor;
    Floats value;
  };
  const char* given = std::getenv("DOORBELL_FUZZ_SEED");
  const uint64_t first = given ? std::strtoull(given, nullptr, 0) : std::random_device()();
  size_t computed = 0, refused = 0;
  for (uint64_t seed = first; seed < first + (given ? 1 : 150); ++seed) {
    SCOPED_TRACE(fmt::format("DOORBELL_FUZZ_SEED={}", seed));
    std::mt19937_64 random(seed);
    auto pick = [&](size_t below) { return static_cast<size_t>(random() % below); };
    std::vector<Named> names;
    auto fresh = [&] {
      Floats v(n);
      for (float& f : v) f = static_cast<float>(pick(16));
      names.push_back({pick(2) ? variable(v) : from_values(v, {n}), v});
    };
    auto operand = [&] {
      Named x = names[pick(names.size())];
      if (pick(2)) return x;
      x.tensor = x.tensor.flip();
      std::reverse(x.value.begin(), x.value.end());
      return x;
    };
    fresh();
    fresh();
    for (int step = 0; step < 40; ++step) {
      switch (pick(7)) {
        case 0: fresh(); break;
        case 1: {
          const Named& x = names[pick(names.size())];
          names.push_back({x.tensor.snapshot(), x.value});
          break;
        }
        case 2: {
          Named a = operand();
          const Named b = operand();
          a.tensor = a.tensor - b.tensor * 0.5f;
          for (size_t i = 0; i < n; ++i) a.value[i] -= b.value[i] * 0.5f;
          names.push_back(a);
          break;
        }
        case 3: {
          const Named from = operand();
          Named& x = names[pick(names.size())];
          x.tensor.assign(from.tensor);
          x.value = from.value;
          break;
        }
        case 4: {
          const Named from = operand();
          Named& x = names[pick(names.size())];
          Tensor part = x.tensor.shrink({{1, 4}});
          const bool flipped = pick(2);
          x.tensor.assign(flipped ? part.flip() : part, from.tensor.shrink({{2, 5}}));
          for (size_t i = 0; i < 3; ++i) x.value[flipped ? 3 - i : 1 + i] = from.value[2 + i];
          break;
        }
        default: {
          std::set<size_t> which;
          for (size_t count = 1 + pick(3); count > 0; --count) which.insert(pick(names.size()));
          std::vector<Tensor*> asked;
          for (size_t i : which) asked.push_back(&names[i].tensor);
          if (Status status = realize(asked); !status.ok()) {
            const std::string& why = status.error().message;
            EXPECT_TRUE(why.find("old version") != std::string::npos ||
                        why.find("two assigns replace") != std::string::npos ||
                        why.find("no view of a buffer") != std::string::npos)
                << why;
            ++refused;
            for (auto it = which.rbegin(); it != which.rend(); ++it)
              names.erase(names.begin() + static_cast<long>(*it));
            while (names.size() < 2) fresh();
            break;
          }
          for (size_t i : which) {
            auto found = names[i].tensor.to_vector<float>();
            ASSERT_TRUE(found.ok()) << found.error().message;
            ASSERT_EQ(*found, names[i].value) << "step " << step;
            ++computed;
          }
        }
      }
    }
  }
  EXPECT_TRUE(given || computed > 4 * refused) << computed << " computed, " << refused << " refused";
}

TEST_F(Runtime, EqualExpressionsHaveMemoryOfTheirOwn) {
  Tensor a = ones({3}), b = ones({3});
  ASSERT_TRUE(a.realize());
  ASSERT_TRUE(b.realize());
  Tensor c = ones({3}), d = ones({3});
  Tensor* both[] = {&c, &d};
  ASSERT_TRUE(realize(both));
  a.assign(a * 2.0f);
  c.assign(c * 3.0f);
  Tensor* changed[] = {&a, &c};
  ASSERT_TRUE(realize(changed));
  Tensor e = ones({3});
  EXPECT_EQ(floats(a), (Floats{2, 2, 2}));
  EXPECT_EQ(floats(b), (Floats{1, 1, 1}));
  EXPECT_EQ(floats(c), (Floats{3, 3, 3}));
  EXPECT_EQ(floats(d), (Floats{1, 1, 1}));
  EXPECT_EQ(floats(e), (Floats{1, 1, 1}));
}

TEST_F(Runtime, CaptureReplaysWithSymbolsAndChangesMemoryInPlace) {
  Symbol n = make_symbol("n", 1, 50);
  Tensor cache = empty({50});
  cache.assign(zeros({50}));
  ASSERT_TRUE(cache.realize());
  Tensor state(cache.node());
  Tensor first = state.narrow(0, 0, dim_of(n));
  Tensor sum = first.sum();
  state.assign(state + 1.0f);
  std::vector<Tensor> outputs{sum, state};
  auto step = capture(outputs);
  ASSERT_TRUE(step.ok()) << step.error().message;
  for (int64_t i = 1; i <= 50; ++i) {
    SymbolValue value{n.id, i};
    ASSERT_TRUE(step->submit(std::span(&value, 1)));
    ASSERT_TRUE(step->wait());
    float got = -1;
    ASSERT_TRUE(engine_->read(*step->output(0), std::as_writable_bytes(std::span(&got, 1))));
    ASSERT_EQ(got, static_cast<float>(i * (i - 1))) << i;  // the sum came before the assign
  }
  SymbolValue bad{n.id, 51};
  Status refused = step->submit(std::span(&bad, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "submit: symbol n is 51, expected a multiple of 1 in [1, 50]");
}

TEST_F(Runtime, TemporariesShareMemory) {
  Tensor x = ramp({1 << 16});
  ASSERT_TRUE(x.realize());
  auto before = device_->live().memory;
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = (y + 1.0f).contiguous();
  auto work = capture(std::vector<Tensor>{y});
  ASSERT_TRUE(work.ok());
  auto used = device_->live().memory - before;
  EXPECT_LE(used.value, (1u << 18) * 3 + (1u << 16));  // the output, two in turn, code
}

TEST_F(Runtime, NothingIsLeftAlive) {
  {
    Tensor x = ramp({1000});
    Tensor y = (x * 2.0f).contiguous() + 1.0f;
    ASSERT_TRUE(y.realize());
  }
  engine_.reset();
  LiveObjects live = device_->live();
  EXPECT_EQ(live.buffers, 0u);
  EXPECT_EQ(live.programs, 0u);
  EXPECT_EQ(live.queues, 0u);
}

TEST_F(Runtime, ErrorTensorComesOutOfRealize) {
  Tensor bad = ramp({2, 3}) + ramp({4, 5});
  Status status = bad.realize();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("(2, 3)"), std::string::npos) << status.error().message;
}

// ---- the cache

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("doorbell-cache-{}", ::getpid());
    ::setenv("CACHE", folder_.c_str(), 1);
    reload_env();
    kernel_.image.name = "k";
    kernel_.image.isa = "x86-64";
    kernel_.image.code.resize(1000, std::byte{0x90});
    kernel_.image.arguments = {ArgumentKind::buffer, ArgumentKind::value};
    kernel_.image.features = {"avx2"};
    kernel_.grid = {7, 1, 1};
    kernel_.symbols = {3, 4};
  }
  void TearDown() override {
    ::unsetenv("CACHE");
    reload_env();
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path folder_;
  CachedKernel kernel_;
  Hash128 key_ = Hash128{}.add(1);
};

TEST_F(Cache, GivesBackWhatWasStored) {
  CachedKernel found;
  EXPECT_FALSE(load_kernel(key_, &found));
  store_kernel(key_, kernel_);
  ASSERT_TRUE(load_kernel(key_, &found));
  EXPECT_EQ(found.image.code, kernel_.image.code);
  EXPECT_EQ(found.image.arguments, kernel_.image.arguments);
  EXPECT_EQ(found.image.features, kernel_.image.features);
  EXPECT_EQ(found.grid, kernel_.grid);
  EXPECT_EQ(found.symbols, kernel_.symbols);
  EXPECT_FALSE(load_kernel(Hash128{}.add(2), &found));
}

TEST_F(Cache, DamagedEntryIsAsGoodAsAbsent) {
  store_kernel(key_, kernel_);
  auto path = folder_ / key_.hex();
  std::string whole = *read_file(path);
  for (size_t size = 0; size < whole.size(); size += 97) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    CachedKernel found;
    EXPECT_FALSE(load_kernel(key_, &found)) << size;
  }
  for (size_t at = 0; at < whole.size(); at += 61) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    std::ofstream(path, std::ios::binary) << bad;
    CachedKernel found;
    EXPECT_FALSE(load_kernel(key_, &found)) << at;
  }
}

TEST_F(Cache, WritersAtOnceLeaveAWholeEntry) {
  store_kernel(key_, kernel_);
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i)
    if (pid_t pid = ::fork(); pid == 0) {
      for (int j = 0; j < 50; ++j) store_kernel(key_, kernel_);
      ::_exit(0);
    } else {
      children.push_back(pid);
    }
  int seen = 0;
  for (int j = 0; j < 200; ++j) {
    CachedKernel found;
    if (!load_kernel(key_, &found)) continue;
    ++seen;
    EXPECT_EQ(found.image.code, kernel_.image.code);
  }
  for (pid_t pid : children) ::waitpid(pid, nullptr, 0);
  CachedKernel found;
  EXPECT_TRUE(load_kernel(key_, &found));
  EXPECT_EQ(seen, 200);  // there is always one
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++files;
  EXPECT_EQ(files, 1u);  // nothing half written is left
}

TEST_F(Cache, FolderThatCannotBeWrittenIsNoError) {
  ::setenv("CACHE", "/proc/no/such/folder", 1);
  reload_env();
  store_kernel(key_, kernel_);
  CachedKernel found;
  EXPECT_FALSE(load_kernel(key_, &found));
}

}  // namespace
}  // namespace doorbell
