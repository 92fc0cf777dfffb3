#include "driver/cpu/crew.h"

#include <x86intrin.h>

#include <algorithm>

namespace doorbell {
namespace {

// In cycles of the time-stamp counter, 2 to 4 a nanosecond. Below kAlone sharing costs more than it gains;
// below kNoWake only helpers that are still awake are worth having.
constexpr float kAlone = 6000;
constexpr float kNoWake = 30000;
constexpr Deadline kNever = Deadline::max();

void run_groups(const CrewJob& job, std::byte* local, uint64_t first, uint64_t last) {
  uint32_t width = job.grid[0], height = job.grid[1];
  auto x = static_cast<uint32_t>(first % width);
  auto y = static_cast<uint32_t>(first / width % height);
  auto z = static_cast<uint32_t>(first / width / height);
  for (uint64_t i = first; i < last; ++i) {
    job.entry(job.arguments, x, y, z, local);
    if (++x < width) continue;
    x = 0;
    if (++y < height) continue;
    y = 0;
    ++z;
  }
}

}  // namespace

Result<std::unique_ptr<Crew>> Crew::create(unsigned threads, Bytes local, const std::atomic<bool>& abort) {
  std::vector<Mapping> locals;
  for (unsigned i = 0; i < threads; ++i) locals.push_back(TRY(map_anonymous(local.value)));
  std::unique_ptr<Crew> crew(new Crew(std::move(locals)));
  for (unsigned i = 1; i < threads; ++i)
    crew->helpers_.emplace_back([crew = crew.get(), i, &abort] { crew->help(i, abort); });
  return crew;
}

Crew::~Crew() {
  stop_.store(true);
  work_.notify();
  for (std::thread& helper : helpers_) helper.join();
}

void Crew::abort() {
  for (std::thread& helper : helpers_) abort_thread(helper.native_handle());
}

// Runs on helpers and on the caller, inside run_guarded: nothing here may need to be destroyed.
void Crew::take_chunks(Share& share) {
  Crew& crew = *share.crew;
  while (true) {
    uint64_t first = crew.next_.fetch_add(crew.chunk_, std::memory_order_relaxed);
    if (first >= crew.total_) return;
    uint64_t last = std::min(first + crew.chunk_, crew.total_);
    run_groups(crew.job_, share.local, first, last);
    share.done += last - first;
  }
}

bool Crew::work(Share& share, Fault& fault) {
  if (run_guarded([](void* context) { take_chunks(*static_cast<Share*>(context)); }, &share, fault))
    return true;
  next_.store(total_, std::memory_order_relaxed);  // nobody need begin another group
  return false;
}

void Crew::help(unsigned index, const std::atomic<bool>& abort) {
  GuardedThread guarded(abort);
  while (true) {
    uint64_t gate = 0;
    work_.wait(
        [&] {
          gate = gate_.load(std::memory_order_acquire);
          return !(gate & kClosed) || stop_.load(std::memory_order_relaxed);
        },
        kNever);
    if (stop_.load(std::memory_order_relaxed)) return;
    // Acquire: the job's fields were written before its gate was opened. They stay while anyone is inside.
    if (!gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) continue;
    Fault fault;
    Share share{this, locals_[index].data(), 0};
    if (!work(share, fault) && !faulted_.exchange(true)) fault_ = fault;
    // Release: the groups' writes, for the caller. All chunks are taken: close the gate for everyone, lest
    // this thread joins again at once.
    gate_.fetch_or(kClosed, std::memory_order_relaxed);
    if ((gate_.fetch_sub(1, std::memory_order_acq_rel) & kInside) == 1) done_.notify();
  }
}

bool Crew::run(const CrewJob& job, Fault& fault) {
  uint64_t total = uint64_t{job.grid[0]} * job.grid[1] * job.grid[2];
  if (total == 0) return true;
  float learnt = job.cycles_per_group->load(std::memory_order_relaxed);
  float expected = learnt * static_cast<float>(total);
  bool alone = helpers_.empty() || total == 1 || (learnt > 0 && expected < kAlone);
  job_ = job;
  total_ = total;
  chunk_ = alone ? total : std::max<uint64_t>(1, total / (16 * locals_.size()));
  next_.store(0, std::memory_order_relaxed);
  if (!alone) {
    uint64_t number = (gate_.load(std::memory_order_relaxed) >> 32) + 1;
    gate_.store(number << 32, std::memory_order_release);
    if (learnt == 0 || expected > kNoWake) work_.notify();
  }
  Share share{this, locals_[0].data(), 0};
  uint64_t begin = __rdtsc();
  bool good = work(share, fault);
  if (share.done != 0) {
    // Only this thread's own groups and time count, so that helpers that slept or lost their core do not.
    // Rising slowly and falling fast forgets the times at which this thread lost its own.
    float now = static_cast<float>(__rdtsc() - begin) / static_cast<float>(share.done);
    float weight = now < learnt ? 0.5f : 0.125f;
    job.cycles_per_group->store(std::max(1.0f, learnt == 0 ? now : learnt + (now - learnt) * weight),
                                std::memory_order_relaxed);
  }
  if (alone) return good;
  uint64_t inside = gate_.fetch_or(kClosed, std::memory_order_acquire) & kInside;
  if (inside != 0) done_.wait([&] { return (gate_.load(std::memory_order_acquire) & kInside) == 0; }, kNever);
  if (!faulted_.exchange(false)) return good;
  if (good) fault = fault_;
  return false;
}

}  // namespace doorbell
