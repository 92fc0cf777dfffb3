#include "tests/model_device/model_device.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <random>
#include <thread>

#include "hal/base/eventcount.h"

namespace doorbell::model {
namespace {

constexpr double kTicksPerSecond = 1e8;  // as AMD's constant-rate clock
constexpr uint64_t kTicksAtStart = 0x12345678;
constexpr size_t kMostInFlight = 256;

struct Recorded {
  std::vector<Command> list;
  std::vector<uint64_t> arguments;
  std::vector<Patch> patches;
  size_t variables = 0;
};

struct Loaded {
  KernelRunner runner;
  std::shared_ptr<std::atomic<uint64_t>> alive;
  ~Loaded() { --*alive; }
};

class ModelDevice;

class ModelQueue final : public Queue {
 public:
  ModelQueue(ModelDevice& device, unsigned number) : device_(device), number_(number) {}
  ~ModelQueue() override;
  Result<Recording> record(const Commands& commands) override;
  using Queue::submit;
  Status submit(const Recording& recording, std::span<const uint64_t> values, Deadline deadline) override;

 private:
  friend class ModelDevice;
  ModelDevice& device_;
  unsigned number_;
  std::deque<Recorded> pending_;  // under the device's mutex, as is what follows
  size_t position_ = 0;           // command of pending_.front()
  uint64_t done_ = 0;
};

class ModelDevice final : public Device {
 public:
  ModelDevice(KernelLoader loader, const ModelOptions& options)
      : loader_(std::move(loader)), options_(options), random_(options.seed) {
    Limits& limits = properties_.limits;
    limits.isa = "lanes";
    limits.lanes = {32};
    limits.local_memory = Bytes(64 << 10);
    limits.private_memory = Bytes(16 << 10);
    limits.max_grid = {UINT32_MAX, 65535, 65535};
    limits.alignment = Bytes(256);
    limits.compute_units = 4;
    properties_.name = "MODEL";
    properties_.description = "a model of an accelerator: 32 lanes, private memory, asynchronous queue";
    properties_.imports_host_memory = false;
    properties_.unified_memory = false;
    thread_ = std::thread([this] { serve(); });
  }
  ~ModelDevice() override {
    {
      std::lock_guard lock(mutex_);
      DOORBELL_CHECK(queues_.empty(), "{} queues outlive the model device", queues_.size());
      end_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  const Properties& properties() const override { return properties_; }

  Result<Buffer> allocate(Bytes size, BufferKind kind) override {
    if (size.value == 0) return Buffer(GpuAddr(), size, kind, nullptr, nullptr);
    if (size > Bytes(1ull << 32)) return error("MODEL: cannot allocate {} bytes: out of memory", size.value);
    std::byte* host = nullptr;
    GpuAddr address = memory_->add(size, kind, &host);
    std::shared_ptr<void> storage(nullptr, [memory = memory_, address](void*) { memory->remove(address); });
    return Buffer(address, size, kind, host, std::move(storage));
  }

  Result<Buffer> import(std::span<const std::byte> memory) override {
    return error("MODEL: cannot import {} bytes of host memory: allocate and copy instead", memory.size());
  }

  Result<Program> load(const ProgramImage& image) override {
    if (Status status = check_image(properties_, image); !status.ok()) return status.error();
    KernelRunner runner = TRY(loader_(image));
    ++*programs_;
    std::shared_ptr<Loaded> storage(new Loaded{std::move(runner), programs_});
    return Program(*this, image, GpuAddr(), std::move(storage));
  }

  Result<std::unique_ptr<Queue>> create_queue() override {
    if (Status lost = status(); !lost.ok()) return lost.error();
    std::lock_guard lock(mutex_);
    auto queue = std::make_unique<ModelQueue>(*this, next_queue_++);
    queues_.push_back(queue.get());
    return std::unique_ptr<Queue>(std::move(queue));
  }

  Result<Signal> create_signal(uint64_t initial) override {
    ++*signals_;
    std::shared_ptr<std::atomic<uint64_t>> word(new std::atomic<uint64_t>(initial),
                                                [alive = signals_](std::atomic<uint64_t>* p) {
                                                  delete p;
                                                  --*alive;
                                                });
    return Signal(*this, std::move(word));
  }

  Result<ClockCorrelation> correlate() override {
    HostTime now = HostClock::now();
    return ClockCorrelation{ticks(now), now, kTicksPerSecond};
  }

  Status status() const override {
    std::lock_guard lock(reason_mutex_);
    return reason_.empty() ? success() : error("{}", reason_);
  }

  LiveObjects live() const override {
    std::lock_guard lock(mutex_);
    return {memory_->blocks(), *programs_, *signals_, queues_.size(), memory_->bytes()};
  }

  Status wait(const Signal& signal, uint64_t value, Deadline deadline) override {
    progress_.wait([&] { return signal.value() >= value || lost_.load(); }, deadline);
    if (signal.value() >= value) return success();
    if (Status lost = status(); !lost.ok()) return lost;
    return error("MODEL: a signal did not reach {} before the deadline; it is at {}", value, signal.value());
  }

  Status raise(const Signal& signal, uint64_t value) override {
    std::lock_guard lock(mutex_);
    if (value < signal.value())
      return error("MODEL: a signal at {} cannot fall to {}", signal.value(), value);
    signal.word().store(value);
    changed_.notify_all();
    progress_.notify();
    return success();
  }

 private:
  friend class ModelQueue;

  Ticks ticks(HostTime at) const {
    double seconds = std::chrono::duration<double>(at - start_).count();
    return Ticks(kTicksAtStart + static_cast<uint64_t>(seconds * kTicksPerSecond));
  }

  void lose(const std::string& why, const ModelQueue& queue) {
    {
      std::lock_guard lock(reason_mutex_);
      reason_ =
          fmt::format("MODEL: device lost: {}; queue {}, submission {}", why, queue.number_, queue.done_);
    }
    lost_ = true;
    progress_.notify();
    changed_.notify_all();
  }

  // The queue's next commands can run now.
  static bool ready(const ModelQueue& queue) {
    if (queue.pending_.empty()) return false;
    const Recorded& front = queue.pending_.front();
    if (queue.position_ == front.list.size()) return true;
    const auto* wait = std::get_if<WaitCommand>(&front.list[queue.position_]);
    return !wait || wait->signal->value() >= wait->value;
  }

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      std::vector<ModelQueue*> able;
      changed_.wait(lock, [&] {
        if (!lost_)
          std::copy_if(queues_.begin(), queues_.end(), std::back_inserter(able),
                       [](const ModelQueue* queue) { return ready(*queue); });
        return end_ || !able.empty();
      });
      if (able.empty()) return;
      step(*able[random_() % able.size()], lock);
    }
  }

  // Runs one synchronising command, or all dispatches and copies up to the next one, in any order. The mutex
  // is released meanwhile; the queue stays because its end waits for running_.
  void step(ModelQueue& queue, std::unique_lock<std::mutex>& lock) {
    Recorded& front = queue.pending_.front();
    if (queue.position_ == front.list.size()) {
      queue.pending_.pop_front();
      queue.position_ = 0;
      ++queue.done_;
      changed_.notify_all();
      return;
    }
    running_ = &queue;
    lock.unlock();
    if (queue.position_ == 0 && options_.latency.count() > 0)
      std::this_thread::sleep_for(std::chrono::microseconds(random_() % (options_.latency.count() + 1)));
    auto overlaps = [&](size_t i) {
      return i < front.list.size() && (std::holds_alternative<DispatchCommand>(front.list[i]) ||
                                       std::holds_alternative<CopyCommand>(front.list[i]));
    };
    std::vector<size_t> segment{queue.position_};
    if (overlaps(queue.position_))
      while (overlaps(segment.back() + 1)) segment.push_back(segment.back() + 1);
    std::shuffle(segment.begin(), segment.end(), random_);
    Status status = success();
    for (size_t i : segment) {
      status = execute(front, front.list[i]);
      if (status.ok()) continue;
      lose(fmt::format("{}, command {}", status.error().message, i), queue);
      break;
    }
    lock.lock();
    running_ = nullptr;
    if (status.ok()) queue.position_ += segment.size();
    changed_.notify_all();
  }

  Status execute(const Recorded& recorded, const Command& command) {
    if (const auto* dispatch = std::get_if<DispatchCommand>(&command)) return run(recorded, *dispatch);
    if (const auto* copy = std::get_if<CopyCommand>(&command)) {
      auto to = TRY(memory_->at(copy->to, copy->bytes));
      auto from = TRY(memory_->at(copy->from, copy->bytes));
      if (!to.empty() && to.data() < from.data() + from.size() && from.data() < to.data() + to.size())
        return error("a copy of {} bytes whose ranges overlap", copy->bytes.value);
      std::copy(from.begin(), from.end(), to.begin());
    } else if (const auto* timestamp = std::get_if<TimestampCommand>(&command)) {
      auto to = TRY(memory_->at(timestamp->to, Bytes(8)));
      uint64_t now = ticks(HostClock::now()).value;
      std::memcpy(to.data(), &now, 8);
    } else if (const auto* signal = std::get_if<SignalCommand>(&command)) {
      if (signal->scope == Scope::system) memory_->show_device_writes();
      std::lock_guard lock(mutex_);
      if (signal->value > signal->signal->value()) signal->signal->word().store(signal->value);
      progress_.notify();
    }
    return success();  // a barrier: the segment before it is over; a wait: it was ready
  }

  Status run(const Recorded& recorded, const DispatchCommand& dispatch) {
    const auto& program = *dispatch.program;
    const auto& loaded = *static_cast<const Loaded*>(program.storage().get());
    uint64_t total = uint64_t{dispatch.grid[0]} * dispatch.grid[1] * dispatch.grid[2];
    std::vector<uint64_t> order(total);
    for (uint64_t i = 0; i < total; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    for (uint64_t i : order) {
      std::vector<std::byte> local(program.local_bytes(), DeviceMemory::kFresh);
      Grid group{static_cast<uint32_t>(i % dispatch.grid[0]),
                 static_cast<uint32_t>(i / dispatch.grid[0] % dispatch.grid[1]),
                 static_cast<uint32_t>(i / dispatch.grid[0] / dispatch.grid[1])};
      std::span arguments(recorded.arguments.data() + dispatch.first_argument, program.arguments().size());
      Status status = loaded.runner({arguments, group, local, *memory_, stop_});
      if (stop_) status = error("hang");
      if (!status.ok())
        return error("{} in kernel {}, workgroup {} {} {}", status.error().message, program.name(), group[0],
                     group[1], group[2]);
    }
    return success();
  }

  void detach(ModelQueue& queue) {
    std::unique_lock lock(mutex_);
    std::erase(queues_, &queue);
    auto idle = [&] { return running_ != &queue; };
    if (changed_.wait_for(lock, options_.patience, idle)) return;
    stop_ = true;
    changed_.wait(lock, idle);
  }

  Properties properties_;
  KernelLoader loader_;
  ModelOptions options_;
  std::mt19937_64 random_;  // the device thread's
  HostTime start_ = HostClock::now();
  std::shared_ptr<DeviceMemory> memory_ = std::make_shared<DeviceMemory>();  // buffers outlive the device
  std::shared_ptr<std::atomic<uint64_t>> programs_ = std::make_shared<std::atomic<uint64_t>>(0);
  std::shared_ptr<std::atomic<uint64_t>> signals_ = std::make_shared<std::atomic<uint64_t>>(0);
  Eventcount progress_;
  std::atomic<bool> lost_{false}, stop_{false};
  mutable std::mutex reason_mutex_;  // over reason_; taken last
  std::string reason_;
  mutable std::mutex mutex_;  // over queues and what they hold
  std::condition_variable changed_;
  std::vector<ModelQueue*> queues_;
  const ModelQueue* running_ = nullptr;
  unsigned next_queue_ = 0;
  bool end_ = false;
  std::thread thread_;
};

ModelQueue::~ModelQueue() { device_.detach(*this); }

Result<Recording> ModelQueue::record(const Commands& commands) {
  if (Status status = check_commands(device_, commands); !status.ok()) return status.error();
  auto recorded = std::make_shared<Recorded>();
  recorded->list.assign(commands.list().begin(), commands.list().end());
  recorded->arguments.assign(commands.arguments().begin(), commands.arguments().end());
  recorded->patches.assign(commands.patches().begin(), commands.patches().end());
  recorded->variables = commands.variables();
  return Recording(*this, std::move(recorded));
}

Status ModelQueue::submit(const Recording& recording, std::span<const uint64_t> values, Deadline deadline) {
  DOORBELL_CHECK(recording.queue() == this, "MODEL: a recording of another queue");
  Recorded now = *static_cast<const Recorded*>(recording.encoded().get());
  if (values.size() < now.variables)
    return error("MODEL: a recording with {} variables was submitted with {} values", now.variables,
                 values.size());
  for (const Patch& patch : now.patches) {
    uint64_t value = patch.value.evaluate(values);
    Command& command = now.list[patch.command];
    auto* dispatch = std::get_if<DispatchCommand>(&command);
    auto* copy = std::get_if<CopyCommand>(&command);
    if (patch.field == Field::argument) {
      now.arguments[dispatch->first_argument + patch.index] = value;
    } else if (patch.field == Field::grid) {
      if (value > device_.properties().limits.max_grid[patch.index])
        return error("MODEL: a patch gives {} workgroups along one axis, of at most {}", value,
                     device_.properties().limits.max_grid[patch.index]);
      dispatch->grid[patch.index] = static_cast<uint32_t>(value);
    } else if (patch.field == Field::bytes) {
      copy->bytes = Bytes(value);
    } else if (patch.field == Field::from) {
      copy->from = GpuAddr(value);
    } else if (patch.field == Field::to) {
      (copy ? copy->to : std::get<TimestampCommand>(command).to) = GpuAddr(value);
    } else if (auto* wait = std::get_if<WaitCommand>(&command)) {
      wait->value = value;
    } else {
      std::get<SignalCommand>(command).value = value;
    }
  }
  std::unique_lock lock(device_.mutex_);
  auto room = [&] { return pending_.size() < kMostInFlight || device_.lost_; };
  if (!device_.changed_.wait_until(lock, deadline, room))
    return error("MODEL: queue {}: no room for a submission before the deadline: {} are in flight", number_,
                 pending_.size());
  if (Status lost = device_.status(); !lost.ok()) return lost;
  device_.memory_->take_host_writes();
  pending_.push_back(std::move(now));
  device_.changed_.notify_all();
  return success();
}

}  // namespace

std::unique_ptr<Device> open_model_device(KernelLoader loader, const ModelOptions& options) {
  return std::make_unique<ModelDevice>(std::move(loader), options);
}

}  // namespace doorbell::model
