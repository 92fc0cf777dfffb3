// The model device must be as strict as it claims: each test here leans on something that the HAL does not
// promise, and must be found out.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "tests/hal/kernels.h"

namespace doorbell {
namespace {

template <class T>
T need(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.error().message;
  return std::move(*result);
}

struct Model {
  explicit Model(uint64_t seed = 1)
      : device(model::open_model_device(suite_loader(), {seed, std::chrono::microseconds(5), {}})),
        queue(need(device->create_queue())),
        done(need(device->create_signal())) {}
  Status run(Commands& commands, Scope scope = Scope::system) {
    Status status = queue->submit(commands.signal(done, ++last, scope));
    return status.ok() ? done.wait(last, from_now(std::chrono::seconds(60))) : status;
  }
  Buffer buffer(uint64_t words, BufferKind kind) { return need(device->allocate(Bytes(words * 8), kind)); }

  std::unique_ptr<Device> device;
  std::unique_ptr<Queue> queue;
  Signal done;
  uint64_t last = 0;
};

TEST(ModelDevice, RunsDispatchesWithoutABarrierInAnyOrder) {
  std::set<uint64_t> results;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Model model(seed);
    Program step = need(model.device->load(suite_image("lanes", "step")));
    Buffer word = model.buffer(1, BufferKind::host_visible);
    std::memset(word.host(), 0, 8);
    Commands commands;
    for (uint64_t i = 1; i <= 3; ++i) commands.dispatch(step, {1, 1, 1}, std::array{word.address().value, i});
    ASSERT_TRUE(model.run(commands).ok());
    uint64_t result = 0;
    std::memcpy(&result, word.host(), 8);
    results.insert(result);
  }
  EXPECT_GT(results.size(), 2u) << "always the same order";
}

TEST(ModelDevice, HidesDeviceWritesUntilASystemScopeSignal) {
  Model model;
  Program step = need(model.device->load(suite_image("lanes", "step")));
  Buffer word = model.buffer(1, BufferKind::host_visible);
  std::memset(word.host(), 0, 8);
  std::array<uint64_t, 2> arguments{word.address().value, 5};
  ASSERT_TRUE(model.run(Commands().dispatch(step, {1, 1, 1}, arguments), Scope::device).ok());
  EXPECT_EQ(word.host()[0], std::byte{0});
  Commands nothing;
  ASSERT_TRUE(model.run(nothing, Scope::system).ok());
  EXPECT_EQ(word.host()[0], std::byte{5});
}

TEST(ModelDevice, TakesHostWritesAtSubmitOnly) {
  Model model;
  Buffer from = model.buffer(1, BufferKind::host_visible), to = model.buffer(1, BufferKind::host_visible);
  Signal gate = need(model.device->create_signal());
  from.host()[0] = std::byte{1};
  Commands commands;
  commands.wait(gate, 1).copy(to.address(), from.address(), Bytes(8)).signal(model.done, ++model.last);
  ASSERT_TRUE(model.queue->submit(commands).ok());
  from.host()[0] = std::byte{2};
  ASSERT_TRUE(gate.raise(1).ok());
  ASSERT_TRUE(model.done.wait(model.last, from_now(std::chrono::seconds(60))).ok());
  EXPECT_EQ(to.host()[0], std::byte{1});
}

TEST(ModelDevice, FaultsOnMemoryThatIsGoneAndOnHostPointers) {
  uint64_t host_word = 0;
  for (bool freed : {true, false}) {
    Model model;
    Program store = need(model.device->load(suite_image("lanes", "store")));
    uint64_t address =
        freed ? model.buffer(1, BufferKind::device).address().value : reinterpret_cast<uint64_t>(&host_word);
    Status status = model.run(Commands().dispatch(store, {1, 1, 1}, std::array{address}));
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find(fmt::format("memory fault at address {:#x}", address)),
              std::string::npos)
        << status.error().message;
  }
  EXPECT_EQ(host_word, 0u);
}

TEST(ModelDevice, RefusesCopiesThatOverlap) {
  Model model;
  Buffer buffer = model.buffer(4, BufferKind::device);
  Commands commands;
  commands.copy(buffer.address(), buffer.address() + Bytes(8), Bytes(16));
  EXPECT_FALSE(model.run(commands).ok());
}

}  // namespace
}  // namespace doorbell
