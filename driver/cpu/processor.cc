#include "driver/cpu/processor.h"

#include <algorithm>
#include <cstring>

namespace doorbell {
namespace {

constexpr Deadline kNever = Deadline::max();

}  // namespace

Status CpuCore::status() const {
  if (!lost.load(std::memory_order_acquire)) return success();
  std::lock_guard lock(mutex);
  return error("{}", reason);
}

void CpuCore::lose(std::string why) {
  {
    std::lock_guard lock(mutex);
    if (reason.empty()) reason = fmt::format("{}: device lost: {}", properties.name, why);
  }
  lost.store(true, std::memory_order_release);
  progress.notify();
}

CpuRing::~CpuRing() {
  while (const RingPacket* packet = ring_.front()) {
    auto* instance = reinterpret_cast<CpuInstance*>(packet->body[0]);
    ring_.pop();
    CpuEncoded::release(*instance);
  }
}

Status CpuRing::push(CpuInstance& instance, Deadline deadline) {
  RingPacket* packet = nullptr;
  auto room = [&] {
    return (packet = ring_.reserve()) != nullptr || core_.lost.load(std::memory_order_relaxed);
  };
  if (!room_.wait(room, deadline))
    return error("{}: queue {}: no room for a submission before the deadline: {} are in flight",
                 core_.properties.name, number_, ring_.capacity());
  if (Status status = core_.status(); !status.ok()) return status;
  packet->body[0] = reinterpret_cast<uint64_t>(&instance);
  doorbell_.ring(ring_.publish(kSubmission));
  core_.bell.notify();
  return success();
}

bool CpuRing::ready() const {
  if (!current_)
    return bell_count_.load(std::memory_order_acquire) != read_index_.load(std::memory_order_relaxed);
  // Left in the middle: by a wait that was not met, or by attention.
  const CpuPacket& packet = current_->packets[position_];
  return packet.op != CpuOp::wait || packet.word->load(std::memory_order_relaxed) >= packet.value;
}

bool CpuRing::advance(Crew& crew, const std::atomic<bool>& attention) {
  bool progress = false;
  while (true) {
    if (!current_) {
      if (!ready()) return progress;
      current_ = reinterpret_cast<CpuInstance*>(ring_.front()->body[0]);
      position_ = 0;
    }
    for (; position_ < current_->packets.size(); ++position_) {
      if (attention.load(std::memory_order_relaxed)) return progress;
      if (execute(current_->packets[position_], crew) != Outcome::done) return progress;
      progress = true;
    }
    ring_.pop();
    CpuEncoded::release(*std::exchange(current_, nullptr));
    room_.notify();
    progress = true;
  }
}

CpuRing::Outcome CpuRing::execute(const CpuPacket& packet, Crew& crew) {
  Fault fault;
  switch (packet.op) {
    case CpuOp::barrier: return Outcome::done;
    case CpuOp::wait:
      // Acquire: pairs with the release of who raised it.
      return packet.word->load(std::memory_order_acquire) >= packet.value ? Outcome::done : Outcome::blocked;
    case CpuOp::dispatch: return dispatch(packet, crew);
    case CpuOp::copy: {
      auto body = [](void* context) {
        auto* p = static_cast<const CpuPacket*>(context);
        std::memcpy(reinterpret_cast<void*>(p->to), reinterpret_cast<const void*>(p->from), p->value);
      };
      if (run_guarded(body, const_cast<CpuPacket*>(&packet), fault)) return Outcome::done;
      return lose(fault, fmt::format("in a copy of {} bytes from {:#x} to {:#x}", packet.value, packet.from,
                                     packet.to));
    }
    case CpuOp::timestamp: {
      auto body = [](void* context) {
        auto now = static_cast<uint64_t>(HostClock::now().time_since_epoch().count());
        *reinterpret_cast<uint64_t*>(static_cast<const CpuPacket*>(context)->to) = now;
      };
      if (run_guarded(body, const_cast<CpuPacket*>(&packet), fault)) return Outcome::done;
      return lose(fault, fmt::format("in a timestamp to {:#x}", packet.to));
    }
    case CpuOp::signal: {
      uint64_t old = packet.word->load(std::memory_order_relaxed);
      // The host may raise it at the same time; a timeline never falls.
      while (old < packet.value &&
             !packet.word->compare_exchange_weak(old, packet.value, std::memory_order_release)) {}
      core_.progress.notify();
      return Outcome::done;
    }
  }
  DOORBELL_CHECK(false, "packet {}", static_cast<uint32_t>(packet.op));
  return Outcome::lost;
}

CpuRing::Outcome CpuRing::dispatch(const CpuPacket& packet, Crew& crew) {
  CrewJob job{packet.entry, current_->arguments.data() + packet.value, packet.grid,
              &packet.code->cycles_per_group};
  bool traced = trace_enabled();
  HostTime start = traced ? HostClock::now() : HostTime();
  Fault fault;
  if (!crew.run(job, fault)) {
    const CpuCode& code = *packet.code;
    uint64_t offset = fault.pc - reinterpret_cast<uint64_t>(code.code.data());
    return lose(fault, offset < code.size
                           ? fmt::format("in kernel {} at +{:#x}", code.name, offset)
                           : fmt::format("in kernel {}, which had jumped to {:#x}", code.name, fault.pc));
  }
  if (traced)
    trace_span(track_, packet.code->name, start, HostClock::now(),
               fmt::format("grid {} {} {}", packet.grid[0], packet.grid[1], packet.grid[2]));
  return Outcome::done;
}

CpuRing::Outcome CpuRing::lose(const Fault& fault, const std::string& where) {
  core_.lose(fmt::format("{} {}; queue {}, submission {}, command {}", fault.cause(), where, number_,
                         read_index_.load(std::memory_order_relaxed), position_));
  return Outcome::lost;
}

Result<std::unique_ptr<CpuProcessor>> CpuProcessor::create(CpuCore& core, unsigned threads, Bytes local) {
  std::unique_ptr<CpuProcessor> processor(new CpuProcessor(core));
  processor->crew_ = TRY(Crew::create(threads, local, core.abort));
  processor->thread_ = std::thread([p = processor.get()] { p->serve(); });
  return processor;
}

CpuProcessor::~CpuProcessor() {
  if (!thread_.joinable()) return;
  edit([&] {
    DOORBELL_CHECK(rings_.empty(), "{}: {} queues outlive their device", core_.properties.name,
                   rings_.size());
    stop_ = true;
  });
  thread_.join();
}

template <class Change>
uint64_t CpuProcessor::edit(Change&& change) {
  uint64_t version = 0;
  {
    std::lock_guard lock(mutex_);
    change();
    version = ++version_;
    attention_.store(true, std::memory_order_release);
  }
  core_.bell.notify();
  return version;
}

void CpuProcessor::attach(CpuRing& ring) {
  edit([&] { rings_.push_back(&ring); });
}

void CpuProcessor::detach(CpuRing& ring, std::chrono::milliseconds patience) {
  uint64_t version = edit([&] { std::erase(rings_, &ring); });
  auto gone = [&] { return seen_.load(std::memory_order_acquire) >= version; };
  if (noticed_.wait(gone, from_now(patience))) return;
  // The thread may be outside of a kernel at the moment of the signal: ask until it is heard.
  core_.abort.store(true, std::memory_order_relaxed);
  do {
    abort_thread(thread_.native_handle());
    crew_->abort();
  } while (!noticed_.wait(gone, from_now(std::chrono::milliseconds(1))));
}

void CpuProcessor::serve() {
  GuardedThread guarded(core_.abort);
  std::vector<CpuRing*> rings;
  while (true) {
    if (attention_.load(std::memory_order_acquire)) {
      std::lock_guard lock(mutex_);
      attention_.store(false, std::memory_order_relaxed);
      rings = rings_;
      seen_.store(version_, std::memory_order_release);
      noticed_.notify();
      if (stop_) return;
    }
    bool progress = false;
    for (CpuRing* ring : rings) {
      if (core_.lost.load(std::memory_order_relaxed)) break;
      progress |= ring->advance(*crew_, attention_);
    }
    if (core_.lost.load(std::memory_order_relaxed))
      for (CpuRing* ring : rings) ring->wake_producers();
    else if (progress) continue;
    auto due = [&] {
      if (attention_.load(std::memory_order_relaxed)) return true;
      if (core_.lost.load(std::memory_order_relaxed)) return false;
      return std::any_of(rings.begin(), rings.end(), [](const CpuRing* ring) { return ring->ready(); });
    };
    core_.bell.wait(due, kNever);
  }
}

}  // namespace doorbell
