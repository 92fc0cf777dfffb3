// Drm: contexts, lists of buffers, submissions, and waiting for them. Source: Linux 6.12,
// amdgpu/amdgpu_ctx.c, amdgpu_bo_list.c, amdgpu_cs.c, amdgpu_ring.c (amdgpu_ring_max_ibs), amdgpu_vm.c.
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "sim/amd/drm.h"
#include "sim/amd/drm_ring.h"
#include "sim/amd/raw.h"
#include "sim/amd/user.h"

namespace doorbell::sim::amd {

namespace drm = doorbell::amd::drm;

namespace {

constexpr size_t most_contexts = 4096 - 1;  // amdgpu_vm.h, AMDGPU_VM_MAX_NUM_CTX; 0 is none
constexpr size_t gang_size = 4;             // amdgpu_cs.h, AMDGPU_CS_GANG_SIZE
constexpr auto patience_at_the_end = std::chrono::seconds(1);  // MAX_WAIT_SCHED_ENTITY_Q_EMPTY

// amdgpu_ctx_num_entities.
uint32_t entities_of(uint32_t ip) {
  switch (static_cast<drm::HwIp>(ip)) {
    case drm::HwIp::compute: return 4;
    case drm::HwIp::dma: return 2;
    default: return 1;
  }
}
// amdgpu_ring_max_ibs, which is asked for a ring's type with a number of an IP: the first three agree.
size_t most_ibs(uint32_t ip) {
  switch (static_cast<drm::HwIp>(ip)) {
    case drm::HwIp::gfx: return 192;
    case drm::HwIp::compute: return 125;
    default: return 49;
  }
}

// As many entries as there are, in pieces: a count may be anything. -ENOMEM where the kernel refuses to
// allocate so much.
template <class T>
int read_array(uint64_t user, uint64_t count, std::vector<T>& to) {
  constexpr size_t piece = 64 << 10;
  if (count > INT_MAX / sizeof(T)) return -ENOMEM;
  while (to.size() < count) {
    const size_t done = to.size(), more = std::min<size_t>(count - done, piece / sizeof(T));
    to.resize(done + more);
    if (!copy_from_user(&to[done], user + done * sizeof(T), more * sizeof(T))) return -EFAULT;
  }
  return 0;
}

bool has_sys_nice() {
  struct {
    uint32_t version = 0x20080522;  // _LINUX_CAPABILITY_VERSION_3
    int pid = 0;
  } header;
  struct {
    uint32_t effective, permitted, inheritable;
  } data[2] = {};
  constexpr uint32_t sys_nice = 23;
  return raw::call(SYS_capget, raw::pointer(&header), raw::pointer(&data)) == 0 &&
         (data[0].effective >> sys_nice & 1);
}

}  // namespace

DrmContext::~DrmContext() {
  for (auto& ip : entities)
    for (auto& [number, entity] : ip)
      if (entity->ring) entity->ring->remove(*entity);
}

int Drm::context(DrmFile& file, Lock& lock, drm::Context& args) {
  OnCard& card = cards_[file.card];
  int32_t priority = args.priority;
  constexpr int32_t priorities[] = {-1023, -512, 0, 512, 1023};
  if (std::ranges::find(priorities, priority) == std::end(priorities)) priority = 0;
  const auto operation = static_cast<drm::ContextOperation>(args.operation);
  if (operation < drm::ContextOperation::alloc || operation > drm::ContextOperation::set_stable_pstate)
    return -EINVAL;
  if (operation == drm::ContextOperation::set_stable_pstate) {
    constexpr uint32_t peak = 4;
    if (args.flags > peak) return -EINVAL;
  } else if (args.flags != 0) {
    return -EINVAL;
  }
  if (operation == drm::ContextOperation::alloc) {
    if (file.contexts.size() == most_contexts) return -ENOSPC;
    if (priority > 0 && !has_sys_nice()) {
      args.operation = 0;
      return -EACCES;
    }
    auto made = std::make_shared<DrmContext>();
    made->priority = priority;
    made->resets = made->resets_told = card.resets;
    made->generation = card.generation;
    made->pstate = card.pstate_of ? card.pstate_of->pstate : card.pstate;
    args.operation = file.contexts.add(std::move(made));
    return 0;
  }
  if (operation == drm::ContextOperation::free) {
    std::shared_ptr<DrmContext> old = file.contexts.take(args.id);
    if (!old) return -EINVAL;
    end_context(lock, file, *old);
    return 0;
  }
  std::shared_ptr<DrmContext> of = file.contexts.find(args.id);
  if (!of) return -EINVAL;
  switch (operation) {
    case drm::ContextOperation::query_state: {
      auto status = of->resets_told == card.resets ? drm::ResetStatus::none : drm::ResetStatus::unknown;
      of->resets_told = card.resets;
      args = {0, 0, 0, static_cast<int32_t>(status)};
      return 0;
    }
    case drm::ContextOperation::query_state2: {
      namespace flag = drm::query2_flag;
      uint32_t flags = of->resets != card.resets ? flag::reset : 0;
      if (of->generation != card.generation) flags |= flag::vram_lost;
      if (of->guilty) flags |= flag::guilty;
      args.operation = flags;
      args.flags = args.id = 0;  // hangs; what lies over the priority stays as it was
      return 0;
    }
    case drm::ContextOperation::get_stable_pstate: args.operation = card.pstate; return 0;
    default: return set_pstate(file, *of, args.flags);
  }
}

// amdgpu_ctx_set_stable_pstate.
int Drm::set_pstate(DrmFile& file, DrmContext& context, uint32_t level) {
  OnCard& card = cards_[file.card];
  if (card.pstate_of && card.pstate_of != &context) return -EBUSY;
  if (level == card.pstate) return 0;
  card.pstate = level;
  card.pstate_of = level == 0 ? nullptr : &context;
  return 0;
}

// What no ring has taken. A job keeps its context.
void Drm::drop_jobs(DrmFile& file, DrmContext& context) {
  for (auto& ip : context.entities) {
    for (auto& [number, entity] : ip) {
      while (!entity->queue.empty()) {
        std::unique_ptr<Job> job = std::move(entity->queue.front());
        entity->queue.pop_front();
        signal(*job->finished->scheduled);
        signal(*job->finished, -ESRCH);
        --file.unfinished;
      }
    }
  }
}

// amdgpu_ctx_do_release: what is in the queues has a second to get out of them, what a ring has taken goes
// on.
void Drm::end_context(Lock& lock, DrmFile& file, DrmContext& context) {
  auto queued = [&] {
    for (auto& ip : context.entities)
      for (auto& [number, entity] : ip)
        if (!entity->queue.empty()) return true;
    return false;
  };
  wait(lock, from_now(patience_at_the_end), [&] { return quit_ || !queued(); });
  drop_jobs(file, context);
  announce();
  if (cards_[file.card].pstate_of == &context || !cards_[file.card].pstate_of)
    set_pstate(file, context, context.pstate);
  if (cards_[file.card].pstate_of == &context) cards_[file.card].pstate_of = nullptr;
}

int Drm::vm_operation(DrmFile&, drm::VmOperation& args) {
  constexpr uint32_t reserve = 1, unreserve = 2;
  // Every file's jobs have page tables of their own here, as if a VMID were reserved for each.
  if (args.flags != 0) return -EINVAL;
  return args.operation == reserve || args.operation == unreserve ? 0 : -EINVAL;
}

int Drm::make_list(DrmFile& file, uint64_t entries, uint32_t count, uint32_t entry_bytes,
                   std::shared_ptr<BufferList>& list) {
  std::vector<drm::BoListEntry> info;
  if (entry_bytes == sizeof(drm::BoListEntry)) {
    if (int error = read_array(entries, count, info)) return error;
  } else {
    // amdgpu_bo_create_list_entry_array: what is shorter is filled up with zeroes.
    if (count > INT_MAX / sizeof(drm::BoListEntry)) return -ENOMEM;
    const size_t part = std::min<size_t>(entry_bytes, sizeof(drm::BoListEntry));
    for (uint32_t i = 0; i < count; ++i) {
      drm::BoListEntry entry{};
      if (!copy_from_user(&entry, entries + uint64_t{i} * entry_bytes, part)) return -EFAULT;
      info.push_back(entry);
    }
  }
  auto made = std::make_shared<BufferList>();
  for (const drm::BoListEntry& entry : info) {
    GemPtr gem = file.gems.find(entry.handle);
    if (!gem) return -ENOENT;
    made->gems.push_back(std::move(gem));
  }
  list = std::move(made);
  return 0;
}

int Drm::bo_list(DrmFile& file, drm::BoList& args) {
  std::shared_ptr<BufferList> list;
  const auto operation = static_cast<drm::BoListOperation>(args.operation);
  const bool makes = operation == drm::BoListOperation::create || operation == drm::BoListOperation::update;
  if (makes) {
    if (int error = make_list(file, args.entries, args.count, args.entry_bytes, list)) return error;
  } else if (args.count != 0) {
    // The entries are read before the operation is looked at.
    std::vector<drm::BoListEntry> unused;
    if (int error = read_array(args.entries, args.count, unused)) return error;
  }
  uint32_t handle = args.list;
  switch (operation) {
    case drm::BoListOperation::create: handle = file.lists.add(std::move(list)); break;
    case drm::BoListOperation::destroy:
      file.lists.take(handle);
      handle = 0;
      break;
    case drm::BoListOperation::update:
      if (!file.lists.replace(handle, std::move(list))) return -ENOENT;
      break;
    default: return -EINVAL;
  }
  args = {handle, 0, 0, 0, 0};
  return 0;
}

// amdgpu_ctx_get_entity.
int Drm::entity(DrmFile& file, DrmContext& context, uint32_t ip, uint32_t instance, uint32_t ring,
                Entity*& found) {
  if (ip >= ip_count || instance != 0 || ring >= entities_of(ip)) return -EINVAL;
  std::unique_ptr<Entity>& entity = context.entities[ip][ring];
  if (!entity) {
    entity = std::make_unique<Entity>();
    // drm_sched_pick_best: the ring with the least to do.
    auto& rings = cards_[file.card].rings[ip];
    auto least = std::ranges::min_element(rings, {}, [](const auto& one) { return one->load(); });
    if (least != rings.end()) {
      entity->ring = least->get();
      entity->ring->add(*entity);
    }
  }
  if (entity->last && entity->last->error != 0) return entity->last->error;
  found = entity.get();
  return 0;
}

// What AMDGPU_CS is made of, read and checked in the kernel's order (amdgpu_cs_pass1 and _pass2).
struct Drm::Submission {
  struct Part {
    Entity* entity = nullptr;
    std::unique_ptr<Job> job;
    size_t ibs = 0;  // that were announced
  };
  struct Signal {
    SyncobjPtr object;
    uint64_t point = 0;
  };
  struct Content {
    uint32_t id = 0;
    std::vector<uint32_t> data;
    template <class T>
    [[nodiscard]] std::vector<T> as() const {
      std::vector<T> all(data.size() * 4 / sizeof(T));
      if (!all.empty()) std::memcpy(all.data(), data.data(), all.size() * sizeof(T));
      return all;
    }
    template <class T>
    [[nodiscard]] bool holds() const {
      return data.size() * 4 >= sizeof(T);
    }
  };

  Drm& drm;
  DrmFile& file;
  Lock& lock;
  std::shared_ptr<DrmContext> context;
  std::vector<Content> chunks;
  std::vector<Part> gang;
  size_t leader = 0;
  std::shared_ptr<BufferList> list;
  GemPtr user_fence;
  uint64_t user_fence_offset = 0;
  std::vector<FencePtr> waits;
  bool signals_given = false;
  std::vector<Signal> signals;

  // The place of the job that an indirect buffer belongs to, or -errno.
  int part(const drm::ChunkIb& ib) {
    Entity* entity = nullptr;
    if (int error = drm.entity(file, *context, ib.ip, ib.instance, ib.ring, entity)) return error;
    if (!entity->ring) return -EINVAL;
    for (size_t i = 0; i < gang.size(); ++i)
      if (gang[i].entity == entity) return static_cast<int>(i);
    if (gang.size() == gang_size) return -EINVAL;
    gang.push_back({entity, nullptr, 0});
    return static_cast<int>(gang.size()) - 1;
  }

  int look_at(const Content& chunk) {
    switch (static_cast<drm::ChunkId>(chunk.id)) {
      case drm::ChunkId::ib: {
        if (!chunk.holds<drm::ChunkIb>()) return -EINVAL;
        const drm::ChunkIb ib = chunk.as<drm::ChunkIb>()[0];
        const int which = part(ib);
        if (which < 0) return which;
        leader = static_cast<size_t>(which);
        if (gang[leader].ibs >= most_ibs(ib.ip)) return -EINVAL;
        ++gang[leader].ibs;
        return 0;
      }
      case drm::ChunkId::fence: {
        if (!chunk.holds<drm::ChunkFence>()) return -EINVAL;
        const drm::ChunkFence fence = chunk.as<drm::ChunkFence>()[0];
        user_fence = file.gems.find(fence.handle);
        if (!user_fence || user_fence->bytes != page_bytes || fence.offset > page_bytes - 8 ||
            user_fence->is_userptr() || !user_fence->host)
          return -EINVAL;
        user_fence_offset = fence.offset / 4 * 4;  // the packet drops the bits below a dword
        return 0;
      }
      case drm::ChunkId::bo_handles: {
        if (!chunk.holds<drm::BoList>()) return -EINVAL;
        const drm::BoList in = chunk.as<drm::BoList>()[0];
        return drm.make_list(file, in.entries, in.count, in.entry_bytes, list);
      }
      case drm::ChunkId::dependencies:
      case drm::ChunkId::syncobj_in:
      case drm::ChunkId::syncobj_out:
      case drm::ChunkId::scheduled_dependencies:
      case drm::ChunkId::syncobj_timeline_wait:
      case drm::ChunkId::syncobj_timeline_signal:
      case drm::ChunkId::cp_gfx_shadow: return 0;
    }
    return -EINVAL;
  }

  int add_dependencies(const Content& chunk) {
    for (const auto& one : chunk.as<drm::ChunkDependency>()) {
      FencePtr fence;
      if (int error =
              drm.submission(file, {one.context, one.ip, one.instance, one.ring, one.sequence}, fence))
        return error;
      if (!fence) continue;
      const bool begins = static_cast<drm::ChunkId>(chunk.id) == drm::ChunkId::scheduled_dependencies;
      waits.push_back(begins ? fence->scheduled : fence);
    }
    return 0;
  }

  int add_signals(std::vector<drm::ChunkSyncobj> objects) {
    if (std::exchange(signals_given, true)) return -EINVAL;
    for (const drm::ChunkSyncobj& one : objects) {
      signals.push_back({file.syncobjs.find(one.handle), one.point});
      if (!signals.back().object) return -EINVAL;
    }
    return 0;
  }

  int take(const Content& chunk, uint32_t (&preempt)[2]) {
    switch (static_cast<drm::ChunkId>(chunk.id)) {
      case drm::ChunkId::ib: {
        const drm::ChunkIb ib = chunk.as<drm::ChunkIb>()[0];
        const int which = part(ib);
        if (which < 0) return which;
        if (static_cast<drm::HwIp>(ib.ip) == drm::HwIp::gfx && (ib.flags & drm::ib_flag::preempt) &&
            ++preempt[ib.flags & drm::ib_flag::constant_engine] > 1)
          return -EINVAL;
        // gfx_v10_0_ring_emit_ib_gfx stops the kernel at such an address (BUG_ON).
        const bool dma = static_cast<drm::HwIp>(ib.ip) == drm::HwIp::dma;
        if (!dma && ib.va % 4 != 0) return -EINVAL;
        // sdma_v5_2_ring_emit_ib drops the bits below 8 dwords.
        const uint64_t va = (dma ? ib.va / 32 * 32 : ib.va) & ((uint64_t{1} << va_bits) - 1);
        gang[static_cast<size_t>(which)].job->ibs.push_back({va, ib.bytes / 4});
        return 0;
      }
      case drm::ChunkId::dependencies:
      case drm::ChunkId::scheduled_dependencies: return add_dependencies(chunk);
      case drm::ChunkId::syncobj_in:
        for (uint32_t handle : chunk.as<uint32_t>()) {
          FencePtr fence;
          if (int error = drm.find_fence(file, lock, handle, 0, 0, fence)) return error;
          waits.push_back(std::move(fence));
        }
        return 0;
      case drm::ChunkId::syncobj_timeline_wait:
        for (const drm::ChunkSyncobj& one : chunk.as<drm::ChunkSyncobj>()) {
          FencePtr fence;
          if (int error = drm.find_fence(file, lock, one.handle, one.point, one.flags, fence)) return error;
          waits.push_back(std::move(fence));
        }
        return 0;
      case drm::ChunkId::syncobj_out: {
        std::vector<drm::ChunkSyncobj> objects;
        for (uint32_t handle : chunk.as<uint32_t>()) objects.push_back({handle, 0, 0});
        return add_signals(std::move(objects));
      }
      case drm::ChunkId::syncobj_timeline_signal: return add_signals(chunk.as<drm::ChunkSyncobj>());
      case drm::ChunkId::cp_gfx_shadow:
        // The kernel takes it for as long as it should be.
        return chunk.holds<drm::ChunkShadow>() && (chunk.as<drm::ChunkShadow>()[0].flags & ~uint64_t{1})
                   ? -EINVAL
                   : 0;
      default: return 0;
    }
  }

  int read(const drm::Submit& args) {
    if (args.chunks_count == 0) return -EINVAL;
    context = file.contexts.find(args.context);
    if (!context) return -EINVAL;
    if (context->guilty) return -ECANCELED;
    std::vector<uint64_t> pointers;
    if (int error = read_array(args.chunks, args.chunks_count, pointers)) return error;
    for (uint64_t pointer : pointers) {
      drm::Chunk chunk;
      if (!copy_from_user(&chunk, pointer, sizeof(chunk))) return -EFAULT;
      Content content{chunk.id, {}};
      if (int error = read_array(chunk.data, chunk.dwords, content.data)) return error;
      if (int error = look_at(content)) return error;
      chunks.push_back(std::move(content));
    }
    if (gang.empty()) return -EINVAL;
    for (Part& one : gang) {
      one.job = std::make_unique<Job>();
      one.job->generation = drm.cards_[file.card].generation;
    }
    if (context->generation != drm.cards_[file.card].generation) return -ECANCELED;
    uint32_t preempt[2] = {};
    for (const Content& chunk : chunks)
      if (int error = take(chunk, preempt)) return error;
    if (args.list != 0) {
      if (list) return -EINVAL;
      list = file.lists.find(args.list);
      if (!list) return -ENOENT;
    }
    if (!list) list = std::make_shared<BufferList>();
    for (const GemPtr& gem : list->gems)
      if (gem->is_userptr())
        if (int error = drm.validate(file, gem)) return error;
    return 0;
  }

  // No more than 32 jobs of an entity at a time.
  void wait_for_room() {
    const Entity& first = *gang[leader].entity;
    drm.wait(lock, from_now(std::chrono::hours(24)), [&] {
      const FencePtr& previous = first.fences[first.sequence % sched_jobs];
      return !previous || previous->done || file.closed || drm.quit_;
    });
  }

  // amdgpu_cs_sync_rings and amdgpu_cs_submit: the sequence number.
  uint64_t hand_in() {
    Entity& first = *gang[leader].entity;
    // What other files do with the buffers comes first, unless a buffer is synchronised by hand.
    for (const GemPtr& gem : list->gems) {
      gem->reservation->idle();
      if (gem->flags & drm::gem_flag::explicit_sync) continue;
      for (const FencePtr& fence : gem->reservation->fences)
        if (fence->owner != file.id) waits.push_back(fence);
    }
    for (Part& one : gang) {
      Job& job = *one.job;
      job.context = context;
      job.file = &file;
      job.waits = waits;
      job.gems = list->gems;
      job.number = ++drm.jobs_;
      job.finished = std::make_shared<Fence>();
      job.finished->owner = file.id;
      job.finished->scheduled = std::make_shared<Fence>();
      job.finished->scheduled->owner = file.id;
    }
    Job& job = *gang[leader].job;
    for (Part& one : gang)
      if (one.job.get() != &job) job.waits.push_back(one.job->finished->scheduled);
    job.user_fence = user_fence;
    job.user_fence_offset = user_fence_offset;
    const FencePtr fence = job.finished;
    for (Part& one : gang) {
      for (const GemPtr& gem : list->gems) gem->reservation->add(one.job->finished);
      file.reservation->add(one.job->finished);
      if (user_fence) user_fence->reservation->add(one.job->finished);
    }
    const uint64_t sequence = job.sequence = first.sequence++;
    first.fences[sequence % sched_jobs] = fence;
    for (const Signal& one : signals) {
      if (one.point != 0) add_point(*one.object, fence, one.point);
      else one.object->fence = fence;
    }
    for (Part& one : gang) {
      ++file.unfinished;
      one.job->entity = one.entity;
      one.entity->queue.push_back(std::move(one.job));
      one.entity->ring->start();
    }
    drm.announce();
    return sequence;
  }
};

int Drm::submit(DrmFile& file, Lock& lock, drm::Submit& args) {
  Submission submission{*this, file, lock, {}, {}, {}, 0, {}, {}, 0, {}, false, {}};
  if (int error = submission.read(args)) return error;
  submission.wait_for_room();
  // Meanwhile another thread may have closed the descriptor, which Linux would keep until this call ends.
  if (file.closed || quit_) return -EBADF;
  const uint64_t sequence = submission.hand_in();
  std::memcpy(&args, &sequence, sizeof(sequence));
  return 0;
}

// amdgpu_cs_get_fence: null if it is long signalled.
int Drm::submission(DrmFile& file, const drm::SubmissionFence& which, FencePtr& fence) {
  std::shared_ptr<DrmContext> context = file.contexts.find(which.context);
  if (!context) return -EINVAL;
  Entity* of = nullptr;
  if (int error = entity(file, *context, which.ip, which.instance, which.ring, of)) return error;
  const uint64_t sequence = which.sequence == ~uint64_t{0} ? of->sequence - 1 : which.sequence;
  if (sequence >= of->sequence) return -EINVAL;
  if (sequence + sched_jobs >= of->sequence) fence = of->fences[sequence % sched_jobs];
  return 0;
}

int Drm::wait_submission(DrmFile& file, Lock& lock, drm::WaitSubmission& args) {
  FencePtr fence;
  if (int error = submission(file, {args.context, args.ip, args.instance, args.ring, args.sequence}, fence))
    return error;
  const bool done = !fence || wait(lock, deadline_of(args.timeout), [&] { return fence->done; });
  if (fence && done && fence->error != 0) return fence->error;
  args = {!done, 0, 0, 0, 0, 0};
  return 0;
}

int Drm::wait_fences(DrmFile& file, Lock& lock, drm::WaitFences& args) {
  std::vector<drm::SubmissionFence> wanted;
  if (int error = read_array(args.fences, args.count, wanted)) return error;
  const Deadline until = deadline_of(args.timeout);
  if (args.wait_all) {
    bool done = true;
    for (const drm::SubmissionFence& one : wanted) {
      FencePtr fence;
      if (int error = submission(file, one, fence)) return error;
      if (!fence) continue;
      done = wait(lock, until, [&] { return fence->done; });
      if (!done) break;
      if (fence->error != 0) return fence->error;
    }
    args = {done, 0, 0, 0};
    return 0;
  }
  std::vector<FencePtr> fences;
  uint32_t first = ~0u;
  bool done = false;
  for (size_t i = 0; i < wanted.size() && !done; ++i) {
    fences.emplace_back();
    if (int error = submission(file, wanted[i], fences.back())) return error;
    done = !fences.back();
    if (done) first = static_cast<uint32_t>(i);
  }
  if (!done) {
    if (fences.empty()) return -EINVAL;  // dma_fence_wait_any_timeout
    done = wait(lock, until, [&] {
      auto found = std::ranges::find_if(fences, [](const FencePtr& fence) { return fence->done; });
      if (found == fences.end()) return false;
      first = static_cast<uint32_t>(found - fences.begin());
      return true;
    });
  }
  args = {uint64_t{done} | uint64_t{first} << 32, 0, 0, 0};
  return first < fences.size() && fences[first] ? fences[first]->error : 0;
}

int Drm::fence_to_handle(DrmFile& file, drm::FenceToHandle& args) {
  FencePtr fence;
  if (int error = submission(file, args.fence, fence)) return error;
  if (!fence) fence = signalled_fence();
  auto object = std::make_shared<Syncobj>();
  object->fence = fence;
  int32_t fd = -1;
  int error = 0;
  switch (static_cast<drm::FenceHandle>(args.what)) {
    case drm::FenceHandle::syncobj: args.fence.context = file.syncobjs.add(std::move(object)); return 0;
    case drm::FenceHandle::syncobj_fd: error = give(std::move(object), nullptr, fd); break;
    case drm::FenceHandle::sync_file_fd: error = give(nullptr, std::move(fence), fd); break;
    default: return -EINVAL;
  }
  if (error == 0) args.fence.context = static_cast<uint32_t>(fd);
  return error;
}

}  // namespace doorbell::sim::amd
