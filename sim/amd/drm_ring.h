// A ring of a card: the engine that amdgpu itself feeds, with a job at a time, and the scheduler in front of
// it. All contexts of a process share the rings of a card; each file has an engine of its own behind a ring,
// because an engine belongs to an address space.
//
// A job that ends as it should writes back the second-level cache, stores its user fence and signals its
// fence, as the kernel's end-of-pipe packet does. One that does not end is killed: if its waves are what does
// not end, alone (-ENODATA, amdgpu_ring_soft_recovery); otherwise the card is reset. An access to memory that
// is not there counts as the latter, which is what a card does with amdgpu.vm_fault_stop; without, its caches
// put a dummy page there and the job goes on with garbage.
// Source: Linux 6.12, drivers/gpu/drm/scheduler (sched_main.c, sched_entity.c), amdgpu/amdgpu_job.c,
// amdgpu_ib.c, amdgpu_device.c (lockup_timeout, amdgpu_device_gpu_recover).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sim/amd/drm.h"

namespace doorbell::sim::amd {

class Ring {
 public:
  Ring(Drm& drm, size_t card, doorbell::amd::drm::HwIp ip, uint32_t index);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Under the mutex of the Drm.
  void add(Entity& entity) { entities_.push_back(&entity); }
  void remove(Entity& entity) { std::erase(entities_, &entity); }
  [[nodiscard]] size_t load() const { return entities_.size(); }
  // There is a job where there was none.
  void start();
  // Not under the mutex, when the Drm quits.
  void join();
  // Ends what runs, if anything does.
  enum class Verdict : uint8_t { none, late, reset, closed };
  void end(Verdict why);
  [[nodiscard]] const Job* running() const { return running_.get(); }
  [[nodiscard]] HostTime deadline() const { return deadline_; }

 private:
  void work();
  Entity* ready();
  int run(std::unique_lock<std::mutex>& lock, Job& job);
  Verdict drive(Engine& engine, bool& waves);
  Engine& engine(DrmFile& file);

  Drm& drm_;
  const size_t card_;
  const doorbell::amd::drm::HwIp ip_;
  const std::string name_;
  std::vector<Entity*> entities_;
  std::unique_ptr<Job> running_;
  Engine* at_work_ = nullptr;
  std::atomic<Verdict> verdict_{Verdict::none};
  HostTime deadline_ = HostTime::max();
  std::thread thread_;
};

}  // namespace doorbell::sim::amd
