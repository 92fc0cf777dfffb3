// The command processor: one thread that serves the rings of all queues of a CPU device, in turn, and leads
// the crew that runs their dispatches. A queue that waits for a signal does not hold up the others.
#pragma once

#include <thread>

#include "driver/cpu/encode.h"
#include "hal/base/trace.h"
#include "hal/doorbell.h"
#include "hal/ring.h"

namespace doorbell {

// What the device, its queues and its command processor share.
struct CpuCore {
  Properties properties;
  Eventcount bell;      // the command processor waits for it: a ring or a host's signal changed
  Eventcount progress;  // hosts wait for it: a signal rose, or the device was lost
  std::atomic<bool> lost{false};
  std::atomic<bool> abort{false};  // kernels may be ended by force
  mutable std::mutex mutex;        // over `reason`
  std::string reason;

  [[nodiscard]] Status status() const;
  void lose(std::string why);
};

// The consumer's half of a queue.
class CpuRing {
 public:
  static constexpr size_t kPackets = 1024;
  static constexpr uint32_t kSubmission = 1;  // the only header: body[0] is a CpuInstance*

  CpuRing(CpuCore& core, unsigned number)
      : core_(core),
        number_(number),
        track_(trace_device_track(core.properties.name, fmt::format("queue {}", number))) {}
  ~CpuRing();

  // Producer, one at a time. An error, and no effect, when there was no room until the deadline.
  Status push(CpuInstance& instance, Deadline deadline);

  // Consumer. Runs commands until the queue is empty or blocked, the device lost, or `attention` set; returns
  // whether any was run.
  bool advance(Crew& crew, const std::atomic<bool>& attention);
  [[nodiscard]] bool ready() const;
  // Producers that wait for room look whether the device is lost.
  void wake_producers() { room_.notify(); }

 private:
  enum class Outcome { done, blocked, lost };
  Outcome execute(const CpuPacket& packet, Crew& crew);
  Outcome dispatch(const CpuPacket& packet, Crew& crew);
  Outcome lose(const Fault& fault, const std::string& where);

  CpuCore& core_;
  unsigned number_;
  TraceTrack track_;
  std::vector<RingPacket> packets_{kPackets};
  alignas(64) std::atomic<uint64_t> read_index_{0};
  alignas(64) std::atomic<uint64_t> bell_count_{0};
  Ring ring_{packets_, read_index_};
  Doorbell doorbell_{bell_count_};
  Eventcount room_;
  CpuInstance* current_ = nullptr;  // consumer's: the submission that is being read, and how far
  size_t position_ = 0;
};

class CpuProcessor {
 public:
  static Result<std::unique_ptr<CpuProcessor>> create(CpuCore& core, unsigned threads, Bytes local);
  // No ring may be attached any more.
  ~CpuProcessor();

  void attach(CpuRing& ring);
  // Returns once the ring is not being read. A command that still runs after `patience` is ended by force,
  // and the device lost.
  void detach(CpuRing& ring, std::chrono::milliseconds patience);

 private:
  explicit CpuProcessor(CpuCore& core) : core_(core) {}
  void serve();
  // Lets `change` edit the list of rings; returns its new version.
  template <class Change>
  uint64_t edit(Change&& change);

  CpuCore& core_;
  std::unique_ptr<Crew> crew_;
  std::mutex mutex_;  // over rings_, version_ and stop_
  std::vector<CpuRing*> rings_;
  uint64_t version_ = 0;
  bool stop_ = false;
  std::atomic<bool> attention_{false};  // the list of rings has changed
  std::atomic<uint64_t> seen_{0};       // its version that the thread works with
  Eventcount noticed_;
  std::thread thread_;
};

}  // namespace doorbell
