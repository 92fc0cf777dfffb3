// Engine: a device with what the runtime keeps for it: a queue and its timeline, loaded kernels, memory. It
// runs schedules at once, and captures them for replay.
//
// Threads: one thread at a time. Lifetime: the device outlives the engine, the engine all Storage made by it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "codegen/target/target.h"
#include "hal/device.h"
#include "hal/queue.h"
#include "runtime/memory.h"
#include "runtime/plan.h"

namespace doorbell {

class Engine;

// Device memory of a tensor. Freed when the last tensor is gone and the device has done with it.
struct Storage {
  Engine* engine = nullptr;
  std::shared_ptr<const void> owner;  // of host memory that the buffer imports
  Buffer buffer;
  uint64_t last_use = 0;  // timeline value after which nothing submitted touches it
  ~Storage();
};

// What reading a memory that is stale comes to.
Error stale_version();

struct SymbolValue {
  uint32_t id;
  int64_t value;
};

// A kernel, compiled and loaded.
struct Kernel {
  Program program;
  Grid grid;
  std::vector<uint32_t> symbols;  // ids, in argument order
  std::string name;
};

// A schedule that was recorded once: memory is bound, symbols are given with each submission.
class Captured {
 public:
  Status submit(std::span<const SymbolValue> symbols);
  Status wait();
  // The memory of output i: fixed for the life of the capture. The host may read it after wait().
  [[nodiscard]] const std::shared_ptr<Storage>& output(size_t i) const { return outputs_[i]; }
  [[nodiscard]] size_t kernels() const { return kernels_; }

 private:
  friend class Engine;
  Engine* engine_ = nullptr;
  Recording recording_;
  std::vector<uint32_t> symbols_;               // variable i + 1 is this symbol; variable 0 the timeline
  std::vector<std::shared_ptr<Storage>> used_;  // kept alive, temporaries included
  std::vector<std::shared_ptr<Storage>> outputs_;
  struct Profile;  // DEBUG=2: device timestamps around every kernel
  std::shared_ptr<Profile> profile_;
  std::vector<uint64_t> values_;
  uint64_t last_ = 0;
  size_t kernels_ = 0;
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> make(Device& device, Target target);
  ~Engine();

  Device& device() { return device_; }
  const Target& target() const { return target_; }

  Result<std::shared_ptr<Storage>> allocate(int64_t bytes);
  // The device memory of a leaf; imports or copies host bytes the first time.
  Result<std::shared_ptr<Storage>> storage_of(Memory& memory, int64_t bytes);

  // As schedule(); what graphs of one form have in common is kept.
  Result<Schedule> plan(std::span<const Node* const> outputs) { return plans_.schedule(outputs); }
  // Records a schedule. Output storage is made here. `symbols` are those that submissions will give.
  Result<Captured> capture(const Schedule& schedule);
  Status wait(uint64_t value);
  Status read(Storage& storage, std::span<std::byte> to);
  Status write(Storage& storage, std::span<const std::byte> from);

  Result<const Kernel*> kernel(Graph& graph, const Item& item, std::span<const Slot> slots);

 private:
  friend class Captured;
  friend struct Storage;
  Engine(Device& device, Target target) : device_(device), target_(std::move(target)) {}
  struct Retired {
    uint64_t last_use;
    std::shared_ptr<const void> owner;  // outlives the buffer that imports from it
    Buffer buffer;
  };
  void retire(Retired old);

  Device& device_;
  Target target_;
  std::unique_ptr<Queue> queue_;
  std::optional<Signal> timeline_;
  uint64_t submitted_ = 0;
  Plans plans_;
  std::unordered_map<Hash128, std::unique_ptr<Kernel>> kernels_;
  std::deque<Retired> retired_;
  std::unordered_multimap<uint64_t, Buffer> free_;  // by size, for reuse
};

// The engine on which tensors without another wish are realised. Set once by main() or a test.
void use_engine(Engine* engine);
Result<Engine*> current_engine();

}  // namespace doorbell
