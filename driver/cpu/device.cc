#include "driver/cpu/device.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "driver/cpu/processor.h"
#include "hal/base/cpuid.h"
#include "hal/base/env.h"

namespace doorbell {
namespace {

// The same on every machine, because what a kernel computes in which order must not depend on where it was
// built.
constexpr Bytes kLocalMemory{512 << 10};
constexpr Bytes kPrivateMemory{1 << 20};  // of the threads' stacks of 8 MiB
constexpr Bytes kAlignment{64};           // a cache line, and the widest vector
constexpr Bytes kLargest{1ull << 46};     // of user addresses on x86-64, less than half

// Outlives the device, since buffers and programs may.
struct Counts {
  std::atomic<uint64_t> buffers{0}, programs{0}, signals{0}, queues{0}, memory{0};
};

// A shared_ptr that runs `end` when it is dropped: the storage of a HAL value.
template <class T, class End>
std::shared_ptr<T> counted(T* object, End end) {
  return std::shared_ptr<T>(object, [end](T* p) { end(p); });
}

Result<unsigned> allowed_threads() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return error("CPU: sched_getaffinity: {}", std::strerror(errno));
  return static_cast<unsigned>(CPU_COUNT(&set));
}

class CpuQueue final : public Queue {
 public:
  CpuQueue(Device& device, CpuCore& core, CpuProcessor& processor, std::shared_ptr<Counts> counts,
           std::chrono::milliseconds patience, unsigned number)
      : device_(device),
        core_(core),
        processor_(processor),
        counts_(std::move(counts)),
        patience_(patience),
        ring_(core, number) {
    ++counts_->queues;
    processor_.attach(ring_);
  }
  ~CpuQueue() override {
    processor_.detach(ring_, patience_);
    --counts_->queues;
  }

  Result<Recording> record(const Commands& commands) override {
    if (Status status = check_commands(device_, commands); !status.ok()) return status.error();
    if (debug_level() >= 7) fmt::print(stderr, "{}: record\n{}", core_.properties.name, commands.text());
    return Recording(*this, std::make_shared<CpuEncoded>(commands, core_.properties));
  }

  using Queue::submit;
  Status submit(const Recording& recording, std::span<const uint64_t> values, Deadline deadline) override {
    DOORBELL_CHECK(recording.queue() == this, "{}: a recording of another queue", core_.properties.name);
    if (Status status = core_.status(); !status.ok()) return status;
    CpuInstance* instance =
        TRY(CpuEncoded::prepare(std::static_pointer_cast<CpuEncoded>(recording.encoded()), values));
    std::unique_lock lock(producer_, deadline);
    Status pushed = lock.owns_lock() ? ring_.push(*instance, deadline)
                                     : error("{}: other submitters fill the queue", core_.properties.name);
    if (!pushed.ok()) CpuEncoded::release(*instance);
    return pushed;
  }

 private:
  Device& device_;
  CpuCore& core_;
  CpuProcessor& processor_;
  std::shared_ptr<Counts> counts_;
  std::chrono::milliseconds patience_;
  std::timed_mutex producer_;
  CpuRing ring_;
};

class CpuDevice final : public Device {
 public:
  static Result<std::unique_ptr<Device>> open(const CpuOptions& options) {
    unsigned threads = options.threads ? options.threads : static_cast<unsigned>(env_integer(Env::threads));
    if (threads == 0) threads = TRY(allowed_threads());
    const x86::Features features = TRY(x86::host_features());
    std::unique_ptr<CpuDevice> device(new CpuDevice(threads, features, options.patience));
    device->processor_ = TRY(CpuProcessor::create(device->core_, threads, kLocalMemory));
    return std::unique_ptr<Device>(std::move(device));
  }

  const Properties& properties() const override { return core_.properties; }

  Result<Buffer> allocate(Bytes size, BufferKind kind) override {
    DOORBELL_CHECK(kind != BufferKind::imported, "import() makes imported buffers");
    if (size.value == 0) return Buffer(GpuAddr(), size, kind, nullptr, nullptr);
    uint64_t rounded = (size.value + kAlignment.value - 1) / kAlignment.value * kAlignment.value;
    void* memory = size > kLargest ? nullptr : std::aligned_alloc(kAlignment.value, rounded);
    if (!memory)
      return error("{}: cannot allocate {} bytes: out of memory", core_.properties.name, size.value);
    ++counts_->buffers;
    counts_->memory += size.value;
    auto storage = counted(memory, [counts = counts_, size](void* p) {
      std::free(p);
      --counts->buffers;
      counts->memory -= size.value;
    });
    // A kernel could reach it, but the host is not told where device memory lies: no caller may come to rely
    // on it.
    auto* host = kind == BufferKind::device ? nullptr : static_cast<std::byte*>(memory);
    return Buffer(GpuAddr(reinterpret_cast<uint64_t>(memory)), size, kind, host, std::move(storage));
  }

  Result<Buffer> import(std::span<const std::byte> memory) override {
    ++counts_->buffers;
    auto* host = const_cast<std::byte*>(memory.data());  // a device write to read-only pages faults
    auto storage = counted<void>(host, [counts = counts_](void*) { --counts->buffers; });
    return Buffer(GpuAddr(reinterpret_cast<uint64_t>(host)), Bytes(memory.size()), BufferKind::imported, host,
                  std::move(storage));
  }

  Result<Program> load(const ProgramImage& image) override {
    if (Status status = check_image(core_.properties, image); !status.ok()) return status.error();
    auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    Mapping code = TRY(map_anonymous((image.code.size() + page - 1) / page * page));
    std::memcpy(code.data(), image.code.data(), image.code.size());
    // Never writable and executable at once.
    if (::mprotect(code.data(), code.size(), PROT_READ | PROT_EXEC) != 0)
      return error("{}: kernel {}: cannot make its code executable: {}", core_.properties.name, image.name,
                   std::strerror(errno));
    GpuAddr entry(reinterpret_cast<uint64_t>(code.data() + image.entry));
    ++counts_->programs;
    counts_->memory += image.code.size();
    auto storage = counted(new CpuCode{std::move(code), image.name, image.code.size(), 0},
                           [counts = counts_](CpuCode* p) {
                             --counts->programs;
                             counts->memory -= p->size;
                             delete p;
                           });
    return Program(*this, image, entry, std::move(storage));
  }

  Result<std::unique_ptr<Queue>> create_queue() override {
    if (Status lost = core_.status(); !lost.ok()) return lost.error();
    return std::unique_ptr<Queue>(
        std::make_unique<CpuQueue>(*this, core_, *processor_, counts_, patience_, next_queue_++));
  }

  Result<Signal> create_signal(uint64_t initial) override {
    ++counts_->signals;
    auto end = [counts = counts_](std::atomic<uint64_t>* p) {
      delete p;
      --counts->signals;
    };
    return Signal(*this, counted(new std::atomic<uint64_t>(initial), end));
  }

  // The device's clock is the host's: a tick is a nanosecond of it.
  Result<ClockCorrelation> correlate() override {
    HostTime now = HostClock::now();
    return ClockCorrelation{Ticks(static_cast<uint64_t>(now.time_since_epoch().count())), now, 1e9};
  }

  Status status() const override { return core_.status(); }

  LiveObjects live() const override {
    return {counts_->buffers, counts_->programs, counts_->signals, counts_->queues, Bytes(counts_->memory)};
  }

  Status wait(const Signal& signal, uint64_t value, Deadline deadline) override {
    uint64_t seen = 0;
    auto reached = [&] { return (seen = signal.value()) >= value; };
    core_.progress.wait([&] { return reached() || core_.lost.load(std::memory_order_acquire); }, deadline);
    if (reached()) return success();
    if (Status status = core_.status(); !status.ok()) return status;
    return error("{}: a signal did not reach {} before the deadline; it is at {}", core_.properties.name,
                 value, seen);
  }

  Status raise(const Signal& signal, uint64_t value) override {
    uint64_t old = signal.value();
    do {
      if (value < old)
        return error("{}: a signal at {} cannot fall to {}", core_.properties.name, old, value);
    } while (!signal.word().compare_exchange_weak(old, value, std::memory_order_release));
    core_.bell.notify();
    core_.progress.notify();
    return success();
  }

 private:
  CpuDevice(unsigned threads, x86::Features features, std::chrono::milliseconds patience)
      : patience_(patience) {
    Limits& limits = core_.properties.limits;
    limits.isa = "x86-64";
    limits.features = x86::names(features);
    limits.lanes = features & x86::feature::avx512f ? std::vector<uint32_t>{16, 8} : std::vector<uint32_t>{8};
    limits.local_memory = kLocalMemory;
    limits.private_memory = kPrivateMemory;
    limits.max_grid = {UINT32_MAX, 65535, 65535};  // the product fits 64 bits
    limits.alignment = kAlignment;
    limits.compute_units = threads;
    core_.properties.name = "CPU";
    core_.properties.description = fmt::format("{}, {} threads", x86::host_brand(), threads);
    core_.properties.imports_host_memory = true;
    core_.properties.unified_memory = true;
  }

  // What owns threads comes last, so that they end before what they use.
  CpuCore core_;
  std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
  std::chrono::milliseconds patience_;
  std::atomic<unsigned> next_queue_{0};
  std::unique_ptr<CpuProcessor> processor_;
};

}  // namespace

Result<std::unique_ptr<Device>> open_cpu_device(const CpuOptions& options) {
  return CpuDevice::open(options);
}

}  // namespace doorbell
