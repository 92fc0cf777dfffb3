// run(): workgroups over host threads, the initial state of waves, barriers, hangs.
//
// The calling thread, and the members of a crew that join it (crew.h), take workgroups from the grid; each
// runs the waves of one in turns. A workgroup that does not end soon may be waiting for another one, so that
// more and more of them become resident beside it, as many as the compute units could hold; then their waves
// take turns too.
//
// Hangs. Silicon finds none: KFD's queues have no timeout, and a kernel that spins is preempted and resumed
// for ever. Here it is known what waves wait for (watch.h), so that three cases can be told apart, of waves
// of which none advances while no further workgroup can become resident:
//   - they read no memory, or nobody else is there: proved, a hang at once;
//   - they poll memory that only the GPU writes while a kernel runs: another queue may, and the host may be
//     about to submit the kernel or the copy that does. A hang if for hang_after nothing at all happens, in
//     no queue. A host that takes longer than that to release a kernel is wronged: --lenient hang is for it;
//   - they poll, past the caches, memory that is coherent with the host: that is how kernels wait for the
//     host. Never a hang; `polling` tells people after ten seconds.
// A loop that stores something new in each round cannot be told from one that computes.
//
// Initial state of waves: LLVM "User Guide for AMDGPU Backend", Initial Kernel Execution State; the fields of
// RSRC1 and RSRC2: compute_pgm_rsrc1, compute_pgm_rsrc2 there.
#include "sim/amd/dispatch.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "sim/amd/crew.h"
#include "sim/amd/gpu.h"
#include "sim/amd/wave/context.h"
#include "sim/amd/wave/counts.h"
#include "sim/amd/wave/semantics.h"
#include "sim/amd/wave/watch.h"

namespace doorbell::sim::amd {
namespace {

namespace isa = doorbell::amd;

constexpr uint64_t slice = 20'000;  // instructions of a wave before the next one has its turn
constexpr uint64_t patience =
    200'000;  // instructions of a workgroup before another one is brought in beside it
constexpr uint64_t worth_help = 2'000;  // instructions, of which a thousand take less than waking a thread

// ---- counts of executions ----

std::mutex counts_mutex;
std::vector<uint64_t>& counts() {
  static auto& all = *new std::vector<uint64_t>(isa::rows().size());  // never destroyed
  return all;
}

// ---- decoded code, kept from one dispatch to the next ----

// A cache belongs to one thread at a time, and to one address space for as long as that lives.
struct CachePool {
  struct Entry {
    uint64_t vm;
    std::unique_ptr<CodeCache> cache;
  };
  std::mutex mutex;
  std::deque<Entry> idle;

  std::unique_ptr<CodeCache> take(uint64_t vm, isa::Target target) {
    std::lock_guard lock(mutex);
    for (auto it = idle.begin(); it != idle.end(); ++it) {
      if (it->vm == vm && it->cache->target() == target) {
        auto cache = std::move(it->cache);
        idle.erase(it);
        return cache;
      }
    }
    return std::make_unique<CodeCache>(target);
  }
  void give(uint64_t vm, std::unique_ptr<CodeCache> cache) {
    cache->trim();
    std::lock_guard lock(mutex);
    idle.push_front({vm, std::move(cache)});
    if (idle.size() > 64) idle.pop_back();
  }
};
CachePool& caches() {
  static CachePool& pool = *new CachePool;  // never destroyed
  return pool;
}

// ---- resources ----

struct Shape {
  uint32_t lanes = 32;
  uint32_t groups[3] = {};
  uint64_t total = 0;        // workgroups
  uint32_t group_waves = 0;  // waves of a whole workgroup
  uint32_t vgprs = 0;        // per wave, as allocated
  uint32_t resident = 1;     // workgroups at a time on the whole GPU
};

bool field(uint32_t word, int bit) { return word >> bit & 1; }

// What the GPU can hold, or why it cannot.
bool shape_of(const Gpu& gpu, const Dispatch& d, Shape& shape, Fault& fault) {
  // Leniency lets a workgroup be larger than a compute unit, as far as the host can hold it.
  constexpr uint64_t stretch = 64;
  auto refuse = [&](Check check, std::string text, bool absurd = false) {
    if (!d.strict.on(check) && !absurd) return true;
    fault.kind = check_row(check).kind;
    fault.check = check;
    fault.queue = d.queue;
    fault.kernel = d.kernel;
    fault.packet = d.packet;
    fault.has_packet = d.has_packet;
    fault.text = std::move(text);
    return false;
  };
  shape.lanes = d.wave32 ? 32 : 64;
  uint64_t items = 1;
  shape.total = 1;
  for (int i = 0; i < 3; ++i) {
    uint32_t size = std::max(d.workgroup[i], 1u);
    shape.groups[i] = static_cast<uint32_t>((uint64_t{d.grid[i]} + size - 1) / size);
    shape.total *= shape.groups[i];
    items = std::min(items, uint64_t{1} << 30) * size;
  }
  if (items > 1024 && !refuse(Check::waves_oversubscribed,
                              fmt::format("a workgroup of {} x {} x {} work-items; at most 1024 fit",
                                          d.workgroup[0], d.workgroup[1], d.workgroup[2]),
                              items > 1024 * stretch)) {
    return false;
  }
  shape.group_waves = static_cast<uint32_t>((items + shape.lanes - 1) / shape.lanes);
  uint32_t encoding = d.wave32 ? gpu.vgpr_encoding : gpu.vgpr_encoding / 2u;
  uint32_t granule = d.wave32 ? gpu.vgpr_granule : gpu.vgpr_granule / 2u;
  shape.vgprs = ((d.rsrc1 & 63) + 1) * encoding;
  uint32_t held = (shape.vgprs + granule - 1) / granule * granule * (d.wave32 ? 1 : 2);
  uint32_t per_simd = std::min<uint32_t>(gpu.waves_per_simd, gpu.vgprs_per_simd / std::max(held, 1u));
  // A workgroup lives on one CU, or in WGP mode (RSRC1 bit 29) on two.
  uint32_t simds = gpu.simds_per_cu * (field(d.rsrc1, 29) ? 2u : 1u);
  if ((shape.vgprs > 256 || per_simd * simds < shape.group_waves) &&
      !refuse(Check::registers_oversubscribed,
              fmt::format("{} waves of {} vector registers each; {} SIMDs hold {} such waves",
                          shape.group_waves, shape.vgprs, simds, per_simd * simds),
              shape.vgprs > reg::vgprs)) {
    return false;
  }
  uint64_t lds = (uint64_t{d.lds_bytes} + gpu.lds_granule - 1) / gpu.lds_granule * gpu.lds_granule;
  if (lds > gpu.lds_per_workgroup &&
      !refuse(Check::lds_oversubscribed,
              fmt::format("{} bytes of LDS; a workgroup can have {}", d.lds_bytes, gpu.lds_per_workgroup),
              lds > gpu.lds_per_workgroup * stretch)) {
    return false;
  }
  if (d.scratch_wave_bytes != 0 && d.scratch_waves < shape.group_waves &&
      !refuse(Check::waves_oversubscribed,
              fmt::format("a workgroup of {} waves, and scratch for {} (COMPUTE_TMPRING_SIZE.WAVES)",
                          shape.group_waves, d.scratch_waves))) {
    return false;
  }
  uint64_t units = (d.cus != 0 ? d.cus : gpu.cus()) / (field(d.rsrc1, 29) ? 2u : 1u);
  uint64_t by_waves = std::max<uint64_t>(1, uint64_t{per_simd} * simds / std::max(shape.group_waves, 1u));
  uint64_t lds_unit = uint64_t{gpu.lds_per_cu} * (field(d.rsrc1, 29) ? 2u : 1u);
  uint64_t by_lds = lds == 0 ? by_waves : std::max<uint64_t>(1, lds_unit / lds);
  shape.resident = static_cast<uint32_t>(std::max<uint64_t>(1, units * std::min(by_waves, by_lds)));
  if (d.scratch_wave_bytes != 0) {
    shape.resident =
        std::min(shape.resident, std::max(1u, d.scratch_waves / std::max(shape.group_waves, 1u)));
  }
  return true;
}

// ---- one dispatch ----

// Scratch slots in use. A slot belongs to a wave as long as it lives.
class Slots {
 public:
  void provide(uint32_t count) {
    for (uint32_t i = count; i-- > 0;) free_.push_back(i);
  }
  bool take(uint32_t count, std::vector<uint32_t>& into) {
    std::lock_guard lock(mutex_);
    if (free_.size() < count) return false;
    for (uint32_t i = 0; i < count; ++i) {
      into.push_back(free_.back());
      free_.pop_back();
    }
    return true;
  }
  void give(const std::vector<uint32_t>& slots) {
    std::lock_guard lock(mutex_);
    free_.insert(free_.end(), slots.begin(), slots.end());
  }

 private:
  std::mutex mutex_;
  std::vector<uint32_t> free_;
};

struct Resident : Group {
  std::vector<uint32_t> slots;
  std::vector<uint32_t> vgprs;  // of all waves
};

struct Job {
  Job(const Gpu& gpu_, Vm& vm_, const Dispatch& dispatch, const Surroundings& surroundings_)
      : gpu(gpu_), vm(vm_), d(dispatch), surroundings(surroundings_) {}

  const Gpu& gpu;
  Vm& vm;
  const Dispatch& d;
  const Surroundings& surroundings;
  Caches* caches = nullptr;
  Shape shape;
  Slots slots;
  std::atomic<uint64_t> next{0};       // workgroup
  std::atomic<uint32_t> resident{0};   // workgroups, on all threads
  std::atomic<uint32_t> advancing{0};  // threads, but for those that have seen all of their waves repeat
  std::atomic<bool> stopping{false};
  std::atomic<uint64_t> instructions{0}, waves{0};
  std::mutex mutex;
  Fault fault;

  [[nodiscard]] bool stop() const {
    return stopping.load(std::memory_order_relaxed) ||
           (surroundings.stop && surroundings.stop->load(std::memory_order_relaxed));
  }
  [[nodiscard]] bool held() const { return surroundings.hold && surroundings.hold->held(); }
};

void set_known(Wave& w, uint32_t index, uint32_t value) {
  w.s[index] = value;
  w.sv[index] = ~uint32_t{0};
}

// Brings a wave into the state in which the hardware starts it. `extent` is the size of the workgroup, which
// is smaller than Dispatch::workgroup at the edge of the grid.
void start(Wave& w, Job& job, Resident& group, Context& context, uint32_t id, const uint32_t* extent,
           uint32_t* vgprs) {
  const Dispatch& d = job.d;
  uint32_t lanes = job.shape.lanes;
  w = Wave();
  w.context = &context;
  w.group = &group;
  w.id = id;
  w.stride = lanes;
  w.all_lanes = lanes == 32 ? 0xffffffff : ~uint64_t{0};
  w.v = vgprs;
  w.vgpr_count = job.shape.vgprs;
  w.pc = d.code;
  w.valid[reg::always_valid] = ~uint64_t{0};
  for (uint32_t& word : w.s) word = fresh_word;
  w.s[reg::null] = 0;
  w.sv[reg::null] = ~uint32_t{0};
  set_wave_mode(w, (d.rsrc1 >> 12 & 0xff) | static_cast<uint32_t>(field(d.rsrc1, 21)) << 8 |
                       static_cast<uint32_t>(field(d.rsrc1, 23)) << 9 |
                       static_cast<uint32_t>(field(d.rsrc1, 26)) << 23);

  // Scalar registers: the user's, then the system's.
  uint32_t next = d.rsrc2 >> 1 & 31;
  for (uint32_t i = 0; i < d.user_sgprs.size() && i < next; ++i) set_known(w, i, d.user_sgprs[i]);
  for (int i = 0; i < 3; ++i) {
    if (field(d.rsrc2, 7 + i)) set_known(w, next++, group.id[i]);
  }
  if (field(d.rsrc2, 10))
    set_known(w, next++, (id == 0 ? 1u << 31 : 0) | static_cast<uint32_t>(group.waves.size()));
  if (d.scratch_wave_bytes != 0) {
    w.scratch_slot = group.slots[id];
    uint64_t offset = uint64_t{w.scratch_slot} * d.scratch_wave_bytes;
    w.scratch = d.scratch + offset;
    w.scratch_bytes = d.scratch_wave_bytes;
    if (field(d.rsrc2, 0) && context.gfx10()) set_known(w, next++, static_cast<uint32_t>(offset));
  }

  // Work-item ids: one register each, packed into v0 from gfx11 on.
  uint64_t items = uint64_t{extent[0]} * extent[1] * extent[2], first = uint64_t{id} * lanes;
  uint64_t exec = items - first >= lanes ? w.all_lanes : (uint64_t{1} << (items - first)) - 1;
  set_known(w, reg::exec, static_cast<uint32_t>(exec));
  set_known(w, reg::exec + 1, static_cast<uint32_t>(exec >> 32));
  std::fill_n(vgprs, size_t{job.shape.vgprs} * lanes, fresh_word);
  uint32_t ids = std::min(d.rsrc2 >> 11 & 3, 2u);
  bool packed = !context.gfx10();
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    uint64_t item = first + lane;
    uint32_t x = static_cast<uint32_t>(item % extent[0]),
             y = static_cast<uint32_t>(item / extent[0] % extent[1]),
             z = static_cast<uint32_t>(item / (uint64_t{extent[0]} * extent[1]));
    if (packed) {
      vgprs[lane] = x | (ids > 0 ? y << 10 : 0) | (ids > 1 ? z << 20 : 0);
    } else {
      vgprs[lane] = x;
      if (ids > 0) vgprs[lanes + lane] = y;
      if (ids > 1) vgprs[2 * lanes + lane] = z;
    }
  }
  for (uint32_t i = 0; i <= (packed ? 0 : ids); ++i) w.valid[i] = ~uint64_t{0};
}

void show(const std::function<void(const WaveRegisters&)>& to, Wave& w) {
  WaveRegisters view;
  std::copy_n(w.group->id, 3, view.workgroup);
  view.wave = w.id;
  view.lanes = w.stride;
  view.vgprs = w.vgpr_count;
  view.vgpr = w.v;
  view.sgpr = w.s;
  view.scc = &w.scc;
  uint32_t mode = w.mode;
  view.mode = &mode;
  to(view);
  set_wave_mode(w, mode);
}

// The next workgroup of the grid, or null: none is left, or its scratch must wait for others to end.
// `spare` has groups that are over, whose memory serves again.
std::unique_ptr<Resident> admit(Job& job, Context& context, std::vector<std::unique_ptr<Resident>>& spare) {
  const Dispatch& d = job.d;
  const Shape& shape = job.shape;
  if (job.resident.fetch_add(1) >= shape.resident) {
    job.resident.fetch_sub(1);
    return nullptr;
  }
  std::vector<uint32_t> slots;
  if (d.scratch_wave_bytes != 0 && !job.slots.take(shape.group_waves, slots)) {
    job.resident.fetch_sub(1);
    return nullptr;
  }
  uint64_t index = job.next.fetch_add(1);
  if (index >= shape.total) {
    job.slots.give(slots);
    job.resident.fetch_sub(1);
    return nullptr;
  }
  std::unique_ptr<Resident> group;
  if (spare.empty()) {
    group = std::make_unique<Resident>();
  } else {
    group = std::move(spare.back());
    spare.pop_back();
  }
  uint32_t place[3] = {static_cast<uint32_t>(index % shape.groups[0]),
                       static_cast<uint32_t>(index / shape.groups[0] % shape.groups[1]),
                       static_cast<uint32_t>(index / (uint64_t{shape.groups[0]} * shape.groups[1]))};
  uint32_t extent[3];
  for (int i = 0; i < 3; ++i) {
    group->id[i] = d.first[i] + place[i];
    extent[i] = static_cast<uint32_t>(
        std::min<uint64_t>(d.workgroup[i], d.grid[i] - uint64_t{place[i]} * d.workgroup[i]));
  }
  uint64_t items = uint64_t{extent[0]} * extent[1] * extent[2];
  auto waves = static_cast<uint32_t>((items + shape.lanes - 1) / shape.lanes);
  group->slots = std::move(slots);
  group->lds_bytes = d.lds_bytes;
  group->lds.assign((d.lds_bytes + 3) / 4 + 4, fresh_word);
  group->lds_known.assign(group->lds.size(), 0);
  group->lds_holes = false;
  group->at_barrier = 0;
  group->vgprs.resize(size_t{waves} * shape.vgprs * shape.lanes);
  group->waves.resize(waves);
  for (auto& wave : group->waves) {
    if (!wave) wave = std::make_unique<Wave>();
  }
  for (uint32_t i = 0; i < waves; ++i) {
    start(*group->waves[i], job, *group, context, i, extent,
          group->vgprs.data() + size_t{i} * shape.vgprs * shape.lanes);
  }
  if (job.surroundings.begin) {
    for (auto& wave : group->waves) {
      show(job.surroundings.begin, *wave);
      std::fill_n(wave->valid, reg::vgprs, ~uint64_t{0});
      std::fill_n(wave->sv, reg::scalars, ~uint32_t{0});
      wave->scc_valid = true;
    }
  }
  if (context.lines) group->caches = &context.lines->unit(*context.caches, index);
  group->running = waves;
  job.waves.fetch_add(waves);
  return group;
}

void retire(Job& job, const Resident& group) {
  uint64_t instructions = 0;
  for (const auto& wave : group.waves) instructions += wave->instructions;
  job.instructions.fetch_add(instructions);
  job.slots.give(group.slots);
  job.resident.fetch_sub(1);
}

void fail(Job& job, Fault fault) {
  std::lock_guard lock(job.mutex);
  if (!job.fault) job.fault = std::move(fault);
  job.stopping = true;
}

// All waves that still run have come to the barrier: they go on.
void release(Resident& group) {
  group.at_barrier = 0;
  for (auto& wave : group.waves) {
    if (wave->stop == Stop::barrier) wave->stop = Stop::none;
  }
}

// What watching waves found.
struct Look {
  uint64_t budget = 0;  // instructions of each wave
  bool all_repeat = true;
  uint32_t looping = 0, waiting = 0;
  Wave* one = nullptr;  // of those that loop
};

// Gives each wave of the group a turn. False if the dispatch must end. With `look`, ends behind the first one
// that advances.
bool turn(Job& job, Resident& group, Context& context, Look* look = nullptr) {
  for (auto& wave : group.waves) {
    Wave& w = *wave;
    if (w.stop == Stop::ended || w.stop == Stop::barrier) continue;
    if (context.reader.quiesce()) context.forget_regions();
    Watched seen{Stop::none};
    if (look) {
      seen = watch(w, look->budget);
      look->all_repeat = seen.repeats;
      look->looping += seen.repeats;
      if (seen.repeats) look->one = &w;
    } else {
      seen.stop = execute(w, slice);
    }
    // What no instruction has asked for by itself.
    if (std::optional<uint64_t> at = context.reader.vm().lost(); at && seen.stop != Stop::fault && w.block)
      if (!violates_at(w, *w.block->instructions, Check::unmapped, std::string(Vm::lost_text), no_lane, *at,
                       false))
        seen.stop = Stop::fault;
    switch (seen.stop) {
      case Stop::none:
      case Stop::yield: break;
      case Stop::barrier:
        if (group.at_barrier == 0) group.barrier_pc = w.barrier_pc;
        else if (group.barrier_pc != w.barrier_pc &&
                 !violates(w, *w.at, Check::barrier_mismatch,
                           fmt::format("other waves wait at the barrier at pc {:#x}", group.barrier_pc))) {
          fail(job, context.fault);
          return false;
        }
        ++group.at_barrier;
        break;
      case Stop::ended:
        if (job.surroundings.end) show(job.surroundings.end, w);
        --group.running;
        break;
      case Stop::fault: fail(job, context.fault); return false;
    }
    if (group.at_barrier != 0 && group.at_barrier == group.running) release(group);
    if (job.stop()) return false;
    if (look && !look->all_repeat) return true;
  }
  return true;
}

using Groups = std::deque<std::unique_ptr<Resident>>;

// A thread that is not advancing, from begin() on.
class Waiting {
 public:
  explicit Waiting(Job& job) : job_(job) {}
  ~Waiting() {
    if (begun_) job_.advancing.fetch_add(1);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  void begin() {
    if (!std::exchange(begun_, true)) job_.advancing.fetch_sub(1);
  }

 private:
  Job& job_;
  bool begun_ = false;
};

// Looks now and then whether the waves of a dispatch can ever get further.
class Patience {
 public:
  // Looking costs a few percent of what is executed, whatever that is.
  [[nodiscard]] bool due(uint64_t executed) {
    executed_ += executed;
    return executed_ >= next_;
  }

  // Comes back when something advances, or the dispatch must end: then false.
  bool look(Job& job, Groups& groups, Context& context, std::vector<std::unique_ptr<Resident>>& spare) {
    using Clock = std::chrono::steady_clock;
    const Surroundings& around = job.surroundings;
    Clock::time_point since = Clock::now(), quiet_since = since;
    uint64_t activity = around.activity ? around.activity->load() : 0;
    Waiting waiting(job);
    for (bool wondered = false;;) {
      Look seen{.budget = budget_};
      context.watch.forget_reads();
      uint64_t changes = context.watch.changes;
      for (auto& group : groups) {
        if (!turn(job, *group, context, &seen)) return false;
        if (!seen.all_repeat) break;
        for (auto& wave : group->waves) seen.waiting += wave->stop == Stop::barrier;
      }
      // The first of them may have looped for what the last one has just changed.
      if (!seen.all_repeat || context.watch.changes != changes) break;
      // What they wait for may be the next workgroup.
      if (auto more = admit(job, context, spare)) {
        groups.push_front(std::move(more));
        break;
      }
      Watch::Reads reads = context.watch.reads_from();
      auto now = Clock::now();
      if (uint64_t is = around.activity ? around.activity->load() : 0; is != activity) {
        activity = is;
        quiet_since = now;
      }
      waiting.begin();
      if (reads == Watch::Reads::nothing || !around.activity ||
          (reads == Watch::Reads::memory && job.advancing.load() == 0 &&
           now - quiet_since >= around.hang_after)) {
        if (!hangs(context, seen, Check::hang)) return fail(job, context.fault), false;
        break;  // that is allowed
      }
      if (!wondered && reads == Watch::Reads::shared && now - since >= around.wonder_after) {
        wondered = true;
        hangs(context, seen, Check::polling);
      }
      context.reader.offline();
      std::this_thread::sleep_for(std::clamp<Clock::duration>(
          (now - since) / 16, std::chrono::microseconds(20), std::chrono::milliseconds(1)));
      context.reader.online();
      context.forget_regions();
      if (job.stop()) return false;
      if (job.held()) break;
    }
    if (around.activity) around.activity->fetch_add(1);
    budget_ = std::min(2 * budget_, largest_budget);
    next_ = executed_ + looks * budget_;
    return true;
  }

 private:
  static constexpr uint64_t first_budget = 1 << 14, largest_budget = 1 << 19, looks = 32;

  // False if the dispatch must end.
  static bool hangs(Context& context, const Look& seen, Check check) {
    const Watch& watch = context.watch;
    bool reads = watch.at != nullptr;
    Wave& w = reads ? *watch.wave : *seen.one;
    if (reads) w.block = watch.block;
    std::string text = fmt::format(
        "the wave comes back to the same registers for ever and changes nothing; {} wave{} like this, {} at "
        "a "
        "barrier: ",
        seen.looping, seen.looping == 1 ? " loops" : "s loop", seen.waiting);
    if (check == Check::polling) {
      text += "only the host can still change what they read";
    } else {
      text += reads ? "nobody is left who changes what they read" : "they read nothing that could change";
    }
    const Instruction& at = reads ? *watch.at : *w.block->instructions;
    return reads ? violates_at(w, at, check, std::move(text), watch.lane, watch.address, false)
                 : violates(w, at, check, std::move(text));
  }

  uint64_t executed_ = 0, next_ = looks * first_budget, budget_ = first_budget;
};

// Waits until the waves may run. Who waits for them is told that they are not lost.
void enter(Job& job) {
  if (!job.surroundings.hold) return;
  job.surroundings.hold->enter([&] {
    if (job.surroundings.activity) job.surroundings.activity->fetch_add(1);
    return job.stop();
  });
}
void leave(Job& job) {
  if (job.surroundings.hold) job.surroundings.hold->leave();
}

// What one thread does for a dispatch. `ask` is called once there is enough to do for more than one.
void work(Job& job, const std::function<void()>& ask = {}) {
  Context context(job.gpu, job.vm, job.d, job.surroundings);
  isa::Target target{job.gpu.arch, static_cast<uint8_t>(job.shape.lanes)};
  std::unique_ptr<CodeCache> cache = caches().take(job.vm.id(), target);
  cache->begin_epoch(job.caches->code_epoch());
  if (job.d.strict.on(Check::stale_read)) {
    context.caches = job.caches;
    context.lines = job.caches->take();
  }
  context.code = cache.get();
  enter(job);
  job.advancing.fetch_add(1);
  context.reader.online();
  Groups groups;
  std::vector<std::unique_ptr<Resident>> spare;
  Patience endurance;
  uint64_t executed = 0;
  bool asked = !ask;
  while (!job.stop()) {
    if (job.held()) {
      context.reader.offline();
      leave(job);
      enter(job);
      context.reader.online();
      context.forget_regions();
      continue;
    }
    if (!asked && executed >= worth_help) {
      asked = true;
      ask();
    }
    if (groups.empty()) {
      auto group = admit(job, context, spare);
      if (!group) {
        if (job.next.load() >= job.shape.total) break;
        // The GPU is full with what other threads run.
        Waiting waiting(job);
        waiting.begin();
        context.reader.offline();
        std::this_thread::sleep_for(std::chrono::microseconds(20));
        context.reader.online();
        context.forget_regions();
        continue;
      }
      groups.push_back(std::move(group));
    }
    uint64_t before = 0, after = 0;
    auto& group = groups.front();
    for (const auto& wave : group->waves) before += wave->instructions;
    do {
      if (!turn(job, *group, context)) break;
      after = 0;
      for (const auto& wave : group->waves) after += wave->instructions;
    } while (group->running != 0 && after - before < patience && !job.stop() && !job.held());
    executed += after - before;
    if (job.surroundings.activity) job.surroundings.activity->fetch_add(1);
    if (job.stop()) break;
    if (group->running == 0) {
      retire(job, *group);
      spare.push_back(std::move(group));
      groups.pop_front();
      continue;
    }
    if (endurance.due(after - before)) {
      if (!endurance.look(job, groups, context, spare)) break;
      for (auto it = groups.begin(); it != groups.end();) {
        if ((*it)->running != 0) {
          ++it;
          continue;
        }
        retire(job, **it);
        spare.push_back(std::move(*it));
        it = groups.erase(it);
      }
      if (groups.empty()) continue;
    }
    // It has had its time; the next one's turn, which may be a new one.
    groups.push_back(std::move(groups.front()));
    groups.pop_front();
    if (auto more = admit(job, context, spare)) groups.push_front(std::move(more));
  }
  job.advancing.fetch_sub(1);
  leave(job);
  for (auto& group : groups) retire(job, *group);
  if (context.lines) job.caches->give(std::move(context.lines));
  context.reader.offline();
  std::vector<uint64_t> rows;
  cache->take_counts(rows);
  add_row_counts(rows);
  caches().give(job.vm.id(), std::move(cache));
}

}  // namespace

void Hold::enter(const std::function<bool()>& over) {
  for (;;) {
    at_work_.fetch_add(1);
    if (!held_.load() || over()) return;
    at_work_.fetch_sub(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Hold::take() {
  held_.store(true);
  while (at_work_.load() != 0) std::this_thread::sleep_for(std::chrono::microseconds(20));
}

std::vector<uint64_t> row_counts() {
  std::lock_guard lock(counts_mutex);
  return counts();
}
void add_row_counts(const std::vector<uint64_t>& more) {
  std::lock_guard lock(counts_mutex);
  for (size_t i = 0; i < more.size(); ++i) counts()[i] += more[i];
}

Outcome run(const Gpu& gpu, Vm& vm, const Dispatch& dispatch, const Surroundings& surroundings) {
  Outcome outcome;
  Job job(gpu, vm, dispatch, surroundings);
  if (!shape_of(gpu, dispatch, job.shape, outcome.fault)) {
    outcome.status = Outcome::Status::fault;
    return outcome;
  }
  job.slots.provide(std::max(dispatch.scratch_waves, job.shape.group_waves));
  std::optional<Caches> cold;
  job.caches = surroundings.caches ? surroundings.caches : &cold.emplace();
  {
    const bool alone = !surroundings.crew || !surroundings.activity || surroundings.gws;
    std::optional<Crew::Offer> offer;
    work(
        job, alone ? std::function<void()>() : [&] {
          uint64_t next = job.next.load();
          if (next < job.shape.total)
            offer.emplace(*surroundings.crew, job.shape.total - next, [&job] { work(job); });
        });
  }
  outcome.instructions = job.instructions;
  outcome.waves = job.waves;
  if (job.fault) {
    outcome.status = Outcome::Status::fault;
    outcome.fault = job.fault;
  } else if (job.stop()) {
    outcome.status = Outcome::Status::stopped;
  }
  return outcome;
}

}  // namespace doorbell::sim::amd
