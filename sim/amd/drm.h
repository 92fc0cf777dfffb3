// DRM of the emulated cards as one process sees it: render nodes, and what lives on the files that it has
// open of them: buffers and where they are mapped, contexts, submissions, fences.
//
// A file has an address space of its own, which KFD may take over (ACQUIRE_VM) and then shares. A submission
// is a job; jobs stand in queues (entities: one for each ring of each context) and go to the rings of their
// card, which run them one after the other (drm_ring.h). What the kernel would do asynchronously to page
// tables waits here for the jobs that were submitted before. A GPU reset is one for this process only.
//
// Source: Linux 6.12, drivers/gpu/drm/amd/amdgpu (amdgpu_kms.c, amdgpu_gem.c, amdgpu_ctx.c, amdgpu_bo_list.c,
// amdgpu_cs.c, amdgpu_vm.c, amdgpu_job.c) and drivers/gpu/drm (drm_ioctl.c, drm_gem.c, drm_prime.c,
// drm_syncobj.c).
//
// Threads: any. One mutex guards everything; whoever waits, waits for `changed_`. KfdProcess calls with its
// own mutex held, and is never called back with this one held.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "driver/amd/abi/drm.h"
#include "hal/base/units.h"
#include "sim/amd/dmabuf.h"
#include "sim/amd/engine.h"
#include "sim/amd/fence.h"
#include "sim/amd/vm.h"

namespace doorbell::sim::amd {

class Ring;

// Absolute nanoseconds of CLOCK_MONOTONIC; negative: no end (amdgpu_gem_timeout).
inline Deadline deadline_of(uint64_t nanoseconds) {
  if (nanoseconds >> 63) return from_now(std::chrono::hours(24 * 365));
  return HostTime(std::chrono::nanoseconds(nanoseconds));
}

// What a file calls its objects: numbers from 1 on, the lowest that is free (idr_alloc).
template <class T>
class Handles {
 public:
  uint32_t add(std::shared_ptr<T> object) {
    while (by_number_.contains(free_)) ++free_;
    by_number_.emplace(free_, std::move(object));
    return free_++;
  }
  // Null: there is none.
  [[nodiscard]] std::shared_ptr<T> find(uint32_t number) const {
    auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : found->second;
  }
  std::shared_ptr<T> take(uint32_t number) {
    auto found = by_number_.find(number);
    if (found == by_number_.end()) return nullptr;
    std::shared_ptr<T> object = std::move(found->second);
    by_number_.erase(found);
    free_ = std::min(free_, number);
    return object;
  }
  bool replace(uint32_t number, std::shared_ptr<T> object) {
    auto found = by_number_.find(number);
    if (found == by_number_.end()) return false;
    found->second = std::move(object);
    return true;
  }
  [[nodiscard]] size_t size() const { return by_number_.size(); }
  [[nodiscard]] auto begin() const { return by_number_.begin(); }
  [[nodiscard]] auto end() const { return by_number_.end(); }
  void clear() { by_number_.clear(); }

 private:
  std::map<uint32_t, std::shared_ptr<T>> by_number_;
  uint32_t free_ = 1;
};

// The jobs that use a buffer (dma_resv).
struct Reservation {
  std::vector<FencePtr> fences;
  void add(const FencePtr& fence);
  bool idle();  // forgets what is signalled
};

struct Gem {
  explicit Gem(Resources& resources) : pool(resources) {}
  ~Gem();
  Gem(const Gem&) = delete;
  Gem& operator=(const Gem&) = delete;

  Resources& pool;
  bool has_block = false;
  Block block;
  std::byte* host = nullptr;  // null: nothing that a GPU could reach (GDS and the like)
  uint64_t bytes = 0;
  MemoryKind kind = MemoryKind::gtt;
  bool fresh = false;     // of KFD's; amdgpu clears what it gives out
  bool imported = false;  // through a DMA-buf
  bool shared = false;    // seen by more than one address space
  bool window = false;    // the host has mapped this memory of the card
  bool lost = false;      // the client has unmapped memory of its own that this is
  bool read_only = false;
  bool anonymous_only = false;
  uint64_t alignment = 0, flags = 0;
  uint32_t domains = 0;  // preferred
  uint64_t tiling = 0, metadata_flags = 0;
  std::vector<uint32_t> metadata;
  uint32_t metadata_bytes = 0;
  std::shared_ptr<Reservation> reservation;

  [[nodiscard]] bool is_userptr() const { return kind == MemoryKind::userptr; }
};
using GemPtr = std::shared_ptr<Gem>;

struct GemMapping {
  uint64_t bytes = 0, offset = 0;
  uint32_t flags = 0;
  GemPtr gem;  // null: partially resident, nothing behind it
};

struct BufferList {
  std::vector<GemPtr> gems;
};

struct DrmContext;

struct Job {
  std::shared_ptr<DrmContext> context;
  struct DrmFile* file = nullptr;
  struct Entity* entity = nullptr;
  struct Ib {
    uint64_t va = 0, dwords = 0;
  };
  std::vector<Ib> ibs;
  std::vector<FencePtr> waits;
  FencePtr finished;
  uint64_t sequence = 0, generation = 0;
  uint64_t number = 0;  // rings take the oldest first
  GemPtr user_fence;
  uint64_t user_fence_offset = 0;
  std::vector<GemPtr> gems;  // that must not go
};

// amdgpu_vm.h, AMDGPU_VA_RESERVED_BOTTOM and _TOP (trap handler, seq64, CSA): addresses no client may map.
inline constexpr uint64_t va_reserved_bottom = 1 << 16, va_reserved_top = (2 << 12) + (2 << 20) + (2 << 20);
inline constexpr size_t sched_jobs = 32;  // amdgpu.sched_jobs: outstanding on an entity
inline constexpr uint32_t ip_count = static_cast<uint32_t>(doorbell::amd::drm::HwIp::count);

struct Entity {
  Ring* ring = nullptr;  // null: the card has no such engine
  std::deque<std::unique_ptr<Job>> queue;
  uint64_t sequence = 1;
  std::array<FencePtr, sched_jobs> fences;
  FencePtr last;  // that a ring has taken
};

struct DrmContext {
  int32_t priority = 0;
  bool guilty = false;
  uint64_t resets = 0, resets_told = 0, generation = 0;  // of the card
  uint32_t pstate = 0;                                   // before this context
  std::array<std::map<uint32_t, std::unique_ptr<Entity>>, ip_count> entities;
  ~DrmContext();
};

struct DrmFile {
  uint64_t id = 0;
  size_t card = 0;
  bool kept = false;  // KFD uses its address space
  bool closed = false;
  std::shared_ptr<Vm> vm;
  std::unique_ptr<Commons> commons;
  std::map<const Ring*, std::unique_ptr<Engine>> engines;
  Handles<Gem> gems;
  std::map<uint64_t, GemMapping> mappings;  // by address
  Handles<DrmContext> contexts;
  Handles<BufferList> lists;
  Handles<Syncobj> syncobjs;
  std::shared_ptr<Reservation> reservation = std::make_shared<Reservation>();  // all of its jobs
  uint64_t unfinished = 0;                                                     // jobs
  ~DrmFile();
};

class Drm {
 public:
  struct Around {
    std::function<void()> client_memory;  // what of it GPUs use has changed
    std::function<void()> find_lost;      // see Hooks
    Crew* crew = nullptr;
  };
  Drm(Resources& resources, Dmabufs& dmabufs, Around around);
  ~Drm();
  Drm(const Drm&) = delete;
  Drm& operator=(const Drm&) = delete;

  // The last descriptor of a file is gone.
  void close(uint64_t file);

  // The address space of a file, for KFD, which keeps the file open.
  std::shared_ptr<Vm> acquire(size_t card, uint64_t file);
  // May this process map the range of the card's memory by way of a buffer: 0 or -errno; -ENOENT: no buffer
  // starts there.
  int check_map(size_t card, uint64_t offset, uint64_t bytes);

  // What clients have noted on the buffer of this block (AMDGPU_GEM_METADATA). False: no file has it.
  bool metadata(const Block& block, std::vector<uint32_t>& words, uint32_t& bytes);

  // Memory of the client's that buffers are. `look` is called with its ranges; `mapped_only` leaves out what
  // no GPU sees now.
  void each_userptr(bool mapped_only, const std::function<void(uintptr_t, uintptr_t)>& look);
  void lose(uintptr_t start, uintptr_t end, int protection);
  void regain(uintptr_t start, uintptr_t end);
  // These pages are not there any more.
  void forget_stores(const std::byte* start, uint64_t bytes);

 private:
  friend class Ring;
  friend struct DrmRows;
  friend int drm_ioctl(Resources& resources, Drm* drm, size_t card, uint64_t file, uint32_t request,
                       uint64_t argument);
  using Lock = std::unique_lock<std::mutex>;

  // Of a card, for this process.
  struct OnCard {
    std::array<std::vector<std::unique_ptr<Ring>>, ip_count> rings;
    uint64_t resets = 0, generation = 0;
    uint32_t pstate = 0;
    DrmContext* pstate_of = nullptr;
  };

  // What an ioctl does on a file that is its caller's as long as it is at work.
  template <class Handler>
  int on_file(size_t card, uint64_t id, Handler handler) {
    Lock lock(mutex_);
    std::shared_ptr<DrmFile> of = file(card, id);
    const int result = handler(*of, lock);
    const bool clients = std::exchange(clients_changed_, false);
    lock.unlock();
    if (clients) around_.client_memory();
    return result;
  }

  // True once `condition` is, false at the deadline.
  template <class Condition>
  bool wait(Lock& lock, Deadline until, Condition condition) {
    return changed_.wait_until(lock, until, condition);
  }
  [[nodiscard]] std::chrono::nanoseconds lockup_timeout(doorbell::amd::drm::HwIp ip) const;
  void begin_watching();
  void watch();
  // A ring is stuck: what ran on the card's rings is lost, contexts are guilty or lose what they had.
  void reset(size_t card, Ring& culprit);
  // The mutex is held from here on.
  std::shared_ptr<DrmFile> file(size_t card, uint64_t id);
  void signal(Fence& fence, int error = 0);
  // Tells whoever waits for fences or the state of syncobjs.
  void announce();
  // Waits for all jobs of the file that were submitted so far.
  void drain(Lock& lock, DrmFile& file);

  // Buffers (drm_gem.cc).
  int gem_create(DrmFile& file, doorbell::amd::drm::GemCreate& args);
  int gem_userptr(DrmFile& file, doorbell::amd::drm::GemUserptr& args);
  int gem_mmap(DrmFile& file, doorbell::amd::drm::GemMmap& args);
  int gem_close(DrmFile& file, Lock& lock, doorbell::amd::drm::GemClose& args);
  int gem_import(DrmFile& file, doorbell::amd::drm::PrimeHandle& args);
  int gem_export(DrmFile& file, doorbell::amd::drm::PrimeHandle& args);
  int gem_wait_idle(DrmFile& file, Lock& lock, doorbell::amd::drm::GemWaitIdle& args);
  int gem_metadata(DrmFile& file, doorbell::amd::drm::GemMetadata& args);
  int gem_op(DrmFile& file, doorbell::amd::drm::GemOp& args);
  int gem_va(DrmFile& file, Lock& lock, doorbell::amd::drm::GemVa& args);
  static bool map(DrmFile& file, uint64_t va, const GemMapping& mapping);
  static void clear(DrmFile& file, uint64_t start, uint64_t end);
  static void forget(DrmFile& file, const GemPtr& gem);
  void share(Gem& gem);
  GemPtr find(const Block& block);  // of any file; null: none has it
  int validate(DrmFile& file, const GemPtr& gem);

  // Contexts and submissions (drm_cs.cc).
  int context(DrmFile& file, Lock& lock, doorbell::amd::drm::Context& args);
  int vm_operation(DrmFile& file, doorbell::amd::drm::VmOperation& args);
  int bo_list(DrmFile& file, doorbell::amd::drm::BoList& args);
  int submit(DrmFile& file, Lock& lock, doorbell::amd::drm::Submit& args);
  int wait_submission(DrmFile& file, Lock& lock, doorbell::amd::drm::WaitSubmission& args);
  int wait_fences(DrmFile& file, Lock& lock, doorbell::amd::drm::WaitFences& args);
  int fence_to_handle(DrmFile& file, doorbell::amd::drm::FenceToHandle& args);
  int entity(DrmFile& file, DrmContext& context, uint32_t ip, uint32_t instance, uint32_t ring,
             Entity*& found);
  int submission(DrmFile& file, const doorbell::amd::drm::SubmissionFence& which, FencePtr& fence);
  int make_list(DrmFile& file, uint64_t entries, uint32_t count, uint32_t entry_bytes,
                std::shared_ptr<BufferList>& list);
  void end_context(Lock& lock, DrmFile& file, DrmContext& context);
  void drop_jobs(DrmFile& file, DrmContext& context);
  int set_pstate(DrmFile& file, DrmContext& context, uint32_t level);
  struct Submission;

  // Synchronisation objects (drm_syncobj.cc).
  int syncobj_create(DrmFile& file, doorbell::amd::drm::SyncobjCreate& args);
  int syncobj_destroy(DrmFile& file, doorbell::amd::drm::SyncobjDestroy& args);
  int syncobj_handle_to_fd(DrmFile& file, doorbell::amd::drm::SyncobjHandle& args);
  int syncobj_fd_to_handle(DrmFile& file, doorbell::amd::drm::SyncobjHandle& args);
  int syncobj_wait(DrmFile& file, Lock& lock, doorbell::amd::drm::SyncobjWait& args);
  int syncobj_timeline_wait(DrmFile& file, Lock& lock, doorbell::amd::drm::SyncobjTimelineWait& args);
  int syncobj_reset(DrmFile& file, doorbell::amd::drm::SyncobjArray& args);
  int syncobj_signal(DrmFile& file, doorbell::amd::drm::SyncobjArray& args);
  int syncobj_timeline_signal(DrmFile& file, doorbell::amd::drm::SyncobjTimelineArray& args);
  int syncobj_query(DrmFile& file, doorbell::amd::drm::SyncobjTimelineArray& args);
  int syncobj_transfer(DrmFile& file, Lock& lock, doorbell::amd::drm::SyncobjTransfer& args);
  int syncobj_eventfd(DrmFile& file, doorbell::amd::drm::SyncobjEventfd& args);
  // drm_syncobj_find_fence: waits up to 5 s for a point that nobody has submitted, if `flags` say so.
  int find_fence(DrmFile& file, Lock& lock, uint32_t handle, uint64_t point, uint64_t flags, FencePtr& fence);
  int find_syncobjs(DrmFile& file, uint64_t handles, uint32_t count, std::vector<SyncobjPtr>& found);
  int wait_syncobjs(DrmFile& file, Lock& lock, uint64_t handles, uint64_t points, int64_t timeout,
                    uint32_t count, uint32_t flags, uint32_t& first);

  // Descriptors that stand for a syncobj or, as sync files, for a fence: reading ends of pipes, which are
  // told by their inodes, can be polled, and whose other end shows when the last of them is closed.
  struct Given {
    Fd end;
    uint64_t inode = 0;
    SyncobjPtr syncobj;
    FencePtr fence;  // of a sync file
    bool told = false;
  };
  int give(SyncobjPtr syncobj, FencePtr fence, int32_t& fd);
  Given* given(int fd);
  void drop_closed();

  Resources& resources_;
  Dmabufs& dmabufs_;
  const Around around_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, std::shared_ptr<DrmFile>> files_;
  std::vector<OnCard> cards_;
  std::vector<Given> given_;
  std::vector<std::weak_ptr<Syncobj>> told_;  // those with tellings
  uint64_t jobs_ = 0;
  bool clients_changed_ = false;  // what of the client's memory is a buffer
  bool any_userptr_ = false;      // there is, or was, such a buffer
  bool quit_ = false;
  // Ends what takes too long. Sleeps until the time at which the first job of a ring does.
  std::thread watcher_;
  std::condition_variable watched_;
  HostTime watched_until_ = HostTime::max();
};

// 0 or -errno. `file` differs between opens. `argument` is a pointer of the client's. Without a Drm (in a
// child after fork) only questions about the card are answered.
int drm_ioctl(Resources& resources, Drm* drm, size_t card, uint64_t file, uint32_t request,
              uint64_t argument);

}  // namespace doorbell::sim::amd
