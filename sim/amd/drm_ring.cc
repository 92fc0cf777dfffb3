#include "sim/amd/drm_ring.h"

#include <algorithm>
#include <cerrno>

#include "sim/amd/crew.h"

namespace doorbell::sim::amd {

namespace drm = doorbell::amd::drm;

namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds poll_shortest = 5us,
                                   poll_longest = 20ms;  // of memory that a packet waits for

std::string name_of(drm::HwIp ip, uint32_t index) {
  switch (ip) {
    case drm::HwIp::gfx: return fmt::format("ring gfx_0.{}.0", index);
    // Queues of four pipes of the first micro engine (amdgpu_gfx_compute_queue_acquire).
    case drm::HwIp::compute: return fmt::format("ring comp_1.{}.{}", index % 4, index / 4);
    default: return fmt::format("ring sdma{}", index);
  }
}

}  // namespace

Ring::Ring(Drm& owner, size_t card, drm::HwIp ip, uint32_t index)
    : drm_(owner), card_(card), ip_(ip), name_(name_of(ip, index)) {}

void Ring::join() {
  if (thread_.joinable()) thread_.join();
}

void Ring::start() {
  drm_.begin_watching();
  if (!thread_.joinable()) thread_ = start_thread("gpu ring", [this] { work(); });
  else drm_.changed_.notify_all();
}

void Ring::end(Verdict why) {
  if (!running_ || !at_work_) return;
  verdict_ = why;
  at_work_->stop = true;
  at_work_->machine.changed.notify();
}

// Whose first job waits for nothing, and longest (drm_sched_policy: FIFO).
Entity* Ring::ready() {
  Entity* first = nullptr;
  for (Entity* entity : entities_) {
    if (entity->queue.empty()) continue;
    Job& job = *entity->queue.front();
    std::erase_if(job.waits, [](const FencePtr& fence) { return is_signalled(*fence); });
    if (job.waits.empty() && (!first || job.number < first->queue.front()->number)) first = entity;
  }
  return first;
}

void Ring::work() {
  std::unique_lock lock(drm_.mutex_);
  for (;;) {
    Entity* entity = nullptr;
    drm_.changed_.wait(lock, [&] { return drm_.quit_ || (entity = ready()) != nullptr; });
    if (drm_.quit_) return;
    running_ = std::move(entity->queue.front());
    entity->queue.pop_front();
    Job& job = *running_;
    DrmFile& file = *job.file;
    // amdgpu_job_prepare_job, drm_sched_entity_pop_job, amdgpu_job_run: who follows a failure fails.
    int error = entity->last ? entity->last->error : 0;
    if (job.context->guilty) error = -ECANCELED;
    if (job.generation != drm_.cards_[card_].generation) error = -ECANCELED;
    entity->last = job.finished;
    drm_.signal(*job.finished->scheduled);
    if (error == 0) error = run(lock, job);
    drm_.signal(*job.finished, error);
    --file.unfinished;
    running_.reset();
    drm_.announce();
  }
}

Engine& Ring::engine(DrmFile& file) {
  std::unique_ptr<Engine>& engine = file.engines[this];
  if (!engine) {
    QueueConfig config;
    config.name = name_;
    config.eop_buffer = 1;  // the kernel's queues have one, in its own address space
    if (ip_ == drm::HwIp::dma) engine = make_sdma(*file.commons, config, name_);
    else if (ip_ == drm::HwIp::gfx) engine = make_gfx(*file.commons, config, name_);
    else engine = make_pm4(*file.commons, config, name_);
  }
  return *engine;
}

int Ring::run(std::unique_lock<std::mutex>& lock, Job& job) {
  DrmFile& file = *job.file;
  Engine& engine = this->engine(file);
  at_work_ = &engine;
  verdict_ = Verdict::none;
  engine.stop = false;
  const auto limit = drm_.lockup_timeout(ip_);
  deadline_ = HostClock::now() + limit;
  if (deadline_ < drm_.watched_until_) drm_.watched_.notify_one();
  lock.unlock();

  if (file.commons->hooks.find_lost) file.commons->hooks.find_lost();
  // What the kernel flushes in front of a job, and behind it (amdgpu_vm_flush, amdgpu_ring_emit_fence).
  engine.bus.online();
  file.vm->refresh();
  engine.bus.offline();
  file.commons->caches.invalidate({.code = true, .scalar = true, .l0 = true, .gl1 = true, .l2 = true});
  Verdict verdict = Verdict::none;
  bool waves = false;
  for (size_t i = 0; i < job.ibs.size() && verdict == Verdict::none; ++i) {
    engine.enter(job.ibs[i].va, job.ibs[i].dwords, job.sequence);
    verdict = drive(engine, waves);
  }
  engine.bus.online();
  engine.write_back();
  engine.bus.offline();
  engine.authors.tell();
  if (verdict == Verdict::none && job.user_fence)
    std::atomic_ref(*reinterpret_cast<uint64_t*>(job.user_fence->host + job.user_fence_offset))
        .store(job.sequence, std::memory_order_release);

  lock.lock();
  at_work_ = nullptr;
  deadline_ = HostTime::max();
  if (verdict == Verdict::none) return 0;
  file.engines.erase(this);
  if (verdict == Verdict::closed) return -ESRCH;
  if (verdict == Verdict::reset) return -ECANCELED;
  // amdgpu_ring_soft_recovery counts as a reset whether it succeeds or not.
  if (ip_ != drm::HwIp::dma) ++drm_.cards_[card_].resets;
  if (waves) return -ENODATA;
  job.context->guilty = true;  // drm_sched_increase_karma; the hang limit is 0
  drm_.reset(card_, *this);
  return -ECANCELED;
}

// Until the indirect buffer is through. `waves`: it is waves that did not end.
Ring::Verdict Ring::drive(Engine& engine, bool& waves) {
  Commons& machine = engine.machine;
  bool waiting = false;
  HostTime since;
  for (;;) {
    const uint64_t changes = machine.changes.load(std::memory_order_acquire);
    engine.hold.enter([&] { return engine.stop.load(); });
    engine.bus.online();
    const Step step = engine.step();
    engine.bus.offline();
    engine.hold.leave();
    if (const Verdict verdict = verdict_.load(); verdict != Verdict::none) {
      if (verdict == Verdict::late) {
        waves = step == Step::done;
        Fault late;
        late.kind = FaultKind::hang;
        late.check = Check::hang;
        late.queue = name_;
        late.packet = engine.waits_at;
        late.has_packet = true;
        late.text = fmt::format(
            "no end within {} s{}{}", std::chrono::duration<double>(drm_.lockup_timeout(ip_)).count(),
            waves ? ": waves are killed" : ", the GPU is reset: ", waves ? "" : engine.waits_for);
        machine.report(late);
      }
      return verdict;
    }
    switch (step) {
      case Step::done:
      case Step::more: waiting = false; break;
      case Step::idle: return Verdict::none;
      case Step::wait: {
        const HostTime now = HostClock::now();
        if (!std::exchange(waiting, true)) since = now;
        const auto nap = std::clamp<std::chrono::nanoseconds>((now - since) / 8, poll_shortest, poll_longest);
        machine.changed.wait(
            [&] {
              return engine.stop.load(std::memory_order_relaxed) ||
                     machine.changes.load(std::memory_order_relaxed) != changes;
            },
            now + nap);
        break;
      }
      case Step::refused:
      case Step::faulted:
        if (!engine.reported) machine.report(engine.fault);
        waves = engine.fault.kind == FaultKind::hang;
        return Verdict::late;
    }
  }
}

}  // namespace doorbell::sim::amd
