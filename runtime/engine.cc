#include "runtime/engine.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "hal/base/env.h"
#include "runtime/kernel_cache.h"

namespace doorbell {

namespace {

constexpr auto patience =
    std::chrono::seconds(600);  // for work that was submitted; a hang is the device's to find

Engine* current = nullptr;

// First fit of temporaries in one block of memory, by the items between which they live.
struct Arena {
  struct Piece {
    int64_t offset, bytes;
    size_t first, last;
  };
  std::vector<Piece> pieces;
  int64_t size = 0;
  int64_t place(int64_t bytes, size_t first, size_t last) {
    bytes = (std::max<int64_t>(bytes, 1) + 63) & ~int64_t{63};
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (const Piece& p : pieces)
      if (p.first <= last && first <= p.last) taken.emplace_back(p.offset, p.offset + p.bytes);
    std::sort(taken.begin(), taken.end());
    int64_t at = 0;
    for (auto [begin, end] : taken) {
      if (at + bytes <= begin) break;
      at = std::max(at, end);
    }
    pieces.push_back({at, bytes, first, last});
    size = std::max(size, at + bytes);
    return at;
  }
};

// Which byte ranges the commands since the last barrier touch.
class Hazards {
 public:
  // True where an access conflicts with an earlier one: then a barrier is due before it.
  bool conflicts(GpuAddr at, int64_t bytes, bool write) const {
    for (const Access& a : accesses_)
      if ((write || a.write) && at.value < a.end && a.begin < at.value + static_cast<uint64_t>(bytes))
        return true;
    return false;
  }
  void add(GpuAddr at, int64_t bytes, bool write) {
    accesses_.push_back({at.value, at.value + static_cast<uint64_t>(bytes), write});
  }
  void clear() { accesses_.clear(); }

 private:
  struct Access {
    uint64_t begin, end;
    bool write;
  };
  std::vector<Access> accesses_;
};

}  // namespace

void use_engine(Engine* engine) { current = engine; }
Result<Engine*> current_engine() {
  if (!current) return error("no device is open: call use_engine() first");
  return current;
}

Error stale_version() {
  return error(
      "realize: an old version of a buffer is read after assign() has replaced it; use the tensor that "
      "assign() changed, or make the old value contiguous() and realize() it before");
}

Storage::~Storage() {
  if (engine) engine->retire({last_use, std::move(owner), std::move(buffer)});
}

Result<std::unique_ptr<Engine>> Engine::make(Device& device, Target target) {
  std::unique_ptr<Engine> engine(new Engine(device, std::move(target)));
  engine->queue_ = TRY(device.create_queue());
  engine->timeline_ = TRY(device.create_signal());
  return engine;
}

Engine::~Engine() {
  // Memory that the device may still write must not go before its work has.
  if (timeline_ && submitted_) (void)wait(submitted_).ok();
  if (current == this) current = nullptr;
}

void Engine::retire(Retired old) {
  retired_.push_back(std::move(old));
  uint64_t done = timeline_->value();
  while (!retired_.empty() && retired_.front().last_use <= done) {
    Buffer& free = retired_.front().buffer;
    // Small blocks are kept: allocation would dominate eager operations.
    if (free.kind() == BufferKind::host_visible && free.size().value <= (64u << 20) && free_.size() < 256)
      free_.emplace(free.size().value, std::move(free));
    retired_.pop_front();
  }
}

Result<std::shared_ptr<Storage>> Engine::allocate(int64_t bytes) {
  auto storage = std::make_shared<Storage>();
  uint64_t size = (static_cast<uint64_t>(std::max<int64_t>(bytes, 1)) + 63) & ~uint64_t{63};
  if (auto it = free_.find(size); it != free_.end()) {
    storage->buffer = std::move(it->second);
    free_.erase(it);
  } else {
    bool unified = device_.properties().unified_memory;
    storage->buffer =
        TRY(device_.allocate(Bytes(size), unified ? BufferKind::host_visible : BufferKind::device));
  }
  storage->engine = this;
  return storage;
}

Result<std::shared_ptr<Storage>> Engine::storage_of(Memory& memory, int64_t bytes) {
  if (memory.stale) return stale_version();
  if (memory.storage && memory.storage->engine != this)
    return error("realize: a buffer lies in the memory of another device than the one that is to read it");
  if (memory.storage) return memory.storage;
  if (memory.host.data() && device_.properties().imports_host_memory) {
    auto storage = std::make_shared<Storage>();
    storage->buffer = TRY(device_.import(memory.host));
    storage->owner = memory.owner;
    storage->engine = this;
    memory.storage = storage;
    return storage;
  }
  auto storage = TRY(allocate(bytes));
  if (memory.host.data()) {
    TRY(write(*storage, memory.host));
    memory.host = {};
    memory.owner.reset();
  }
  memory.storage = storage;
  return storage;
}

Status Engine::wait(uint64_t value) {
  if (timeline_->value() >= value) return success();
  return timeline_->wait(value, from_now(patience));
}

Status Engine::read(Storage& storage, std::span<std::byte> to) {
  TRY(wait(storage.last_use));
  if (const std::byte* host = storage.buffer.host()) {
    std::memcpy(to.data(), host, to.size());
    return success();
  }
  Buffer staging = TRY(device_.allocate(Bytes(to.size()), BufferKind::host_visible));
  Commands commands;
  commands.copy(staging.address(), storage.buffer.address(), Bytes(to.size()))
      .signal(*timeline_, ++submitted_);
  TRY(queue_->submit(commands));
  TRY(wait(submitted_));
  std::memcpy(to.data(), staging.host(), to.size());
  return success();
}

Status Engine::write(Storage& storage, std::span<const std::byte> from) {
  TRY(wait(storage.last_use));
  if (std::byte* host = storage.buffer.host()) {
    std::memcpy(host, from.data(), from.size());
    return success();
  }
  Buffer staging = TRY(device_.allocate(Bytes(from.size()), BufferKind::host_visible));
  std::memcpy(staging.host(), from.data(), from.size());
  Commands commands;
  commands.copy(storage.buffer.address(), staging.address(), Bytes(from.size()))
      .signal(*timeline_, ++submitted_);
  TRY(queue_->submit(commands));
  return wait(submitted_);
}

Result<const Kernel*> Engine::kernel(Graph& graph, const Item& item, std::span<const Slot> slots) {
  Hash128 key = item.kernel->hash;
  for (uint32_t s : item.slots) key.add(static_cast<uint64_t>(slots[s].elements)).add(slots[s].dtype.pack());
  if (auto it = kernels_.find(key); it != kernels_.end()) return it->second.get();
  CachedKernel cached;
  Hash128 disk_key = Hash128(key).add(target_.isa).add(target_.version);
  if (!load_kernel(disk_key, &cached)) {
    std::vector<KernelParam> params;
    for (uint32_t s : item.slots) params.push_back({slots[s].dtype, slots[s].elements});
    Lowered lowered = TRY(lower(graph, item.kernel, target_.tiling, kernel_name(item.kernel)));
    lowered.params.resize(params.size());
    for (size_t i = 0; i < params.size(); ++i) {
      lowered.params[i].dtype = params[i].dtype;
      lowered.params[i].elements = params[i].elements;
    }
    TRY(verify(lowered));
    if (debug_level() >= 4) fmt::print(stderr, "{}\n", print(lowered));
    cached.image = TRY(target_.compile(lowered));
    if (debug_level() >= 6 && target_.disassemble)
      fmt::print(stderr, "{}:\n{}\n", lowered.name, target_.disassemble(cached.image));
    cached.grid = {lowered.grid[0], lowered.grid[1], lowered.grid[2]};
    cached.symbols = lowered.symbols;
    store_kernel(disk_key, cached);
  }
  Program program = TRY(device_.load(cached.image));
  auto made =
      std::make_unique<Kernel>(Kernel{std::move(program), cached.grid, cached.symbols, cached.image.name});
  return (kernels_[key] = std::move(made)).get();
}

struct Captured::Profile {
  struct Line {
    std::string name;
    double operations;  // arithmetic, as the graph counts it
    int64_t bytes;      // of all the memory that it names
  };
  Buffer stamps;
  std::vector<Line> lines;
};

namespace {

// Arithmetic on floats that a kernel does: each op as often as the loops run that it depends on.
double operations(const Node* sink) {
  std::unordered_map<const Node*, std::set<const Node*>> ranges;
  double count = 0;
  for (const Node* n : topological(std::span(&sink, 1))) {
    std::set<const Node*>& mine = ranges[n];
    for (const Node* s : n->src) mine.insert(ranges[s].begin(), ranges[s].end());
    if (n->is(Op::Range)) mine.insert(n);
    bool arithmetic =
        row(n->op).cls == OpClass::Alu && n->dtype.is_float() && !n->is(Op::Cast) && !n->is(Op::Bitcast);
    if (arithmetic || n->is(Op::Reduce)) {
      double times = 1;
      for (const Node* r : mine)
        times *= static_cast<double>(r->src[0]->is(Op::Const) ? r->src[0]->as_int() : r->src[0]->arg[2]);
      count += times;
    }
    if (n->is(Op::Reduce))
      for (const Node* r : n->src.subspan(static_cast<size_t>(n->arg[1]))) mine.erase(r);
  }
  return count;
}

}  // namespace

Result<Captured> Engine::capture(const Schedule& schedule) {
  Captured out;
  out.engine_ = this;
  if (debug_level() >= 3) fmt::print(stderr, "{}", print(schedule));
  // Temporaries share an arena by the items between which they live.
  size_t n = schedule.slots.size();
  std::vector<size_t> first(n, SIZE_MAX), last(n, 0);
  for (size_t i = 0; i < schedule.items.size(); ++i)
    for (uint32_t s : schedule.items[i].slots) first[s] = std::min(first[s], i), last[s] = i;
  Arena arena;
  std::vector<int64_t> offset(n, 0);
  std::vector<std::shared_ptr<Storage>> storage(n);
  for (size_t s = 0; s < n; ++s) {
    const Slot& slot = schedule.slots[s];
    if (slot.kind == Slot::Kind::Temporary) {
      if (first[s] != SIZE_MAX) offset[s] = arena.place(slot.bytes(), first[s], last[s]);
    } else if (slot.kind == Slot::Kind::Output) {
      storage[s] = TRY(allocate(slot.bytes()));
    } else {
      auto memo = NodeRef::share(slot.node).memo();
      if (!memo) {  // a buffer that nothing was written to yet
        memo = std::make_shared<Memory>();
        NodeRef::share(slot.node).set_memo(memo);
      }
      storage[s] = TRY(storage_of(*static_cast<Memory*>(memo.get()), slot.bytes()));
    }
  }
  if (arena.size) {
    auto block = TRY(allocate(arena.size));
    for (size_t s = 0; s < n; ++s)
      if (schedule.slots[s].kind == Slot::Kind::Temporary) storage[s] = block;
  }
  auto address = [&](uint32_t s) {
    return storage[s]->buffer.address() + Bytes(static_cast<uint64_t>(offset[s]));
  };

  Commands commands;
  Hazards hazards;
  std::vector<uint64_t> arguments;
  Captured::Profile* profile = nullptr;
  if (debug_level() >= 2) {
    out.profile_ = std::make_shared<Captured::Profile>();
    profile = out.profile_.get();
    profile->stamps = TRY(device_.allocate(Bytes(8 * (schedule.items.size() + 1)), BufferKind::host_visible));
    commands.timestamp(profile->stamps.address());
  }
  auto stamp = [&](const Item& item, std::string name) {
    if (!profile) return;
    int64_t bytes = 0;
    for (uint32_t s : item.slots) bytes += schedule.slots[s].bytes();
    profile->lines.push_back({std::move(name), item.kernel ? operations(item.kernel) : 0, bytes});
    commands.barrier();
    hazards.clear();
    commands.timestamp(profile->stamps.address() + Bytes(8 * profile->lines.size()));
  };
  for (const Item& item : schedule.items) {
    const Kernel* made = nullptr;
    std::vector<bool> writes(item.slots.size(), false);
    if (item.kernel) {
      made = TRY(kernel(*schedule.graph, item, schedule.slots));
      for (const Node* store : item.kernel->src) writes[static_cast<size_t>(store->src[0]->arg[0])] = true;
    } else {
      writes[1] = true;
    }
    bool conflict = false;
    for (size_t i = 0; i < item.slots.size(); ++i)
      conflict |= hazards.conflicts(address(item.slots[i]), schedule.slots[item.slots[i]].bytes(), writes[i]);
    if (conflict) {
      commands.barrier();
      hazards.clear();
    }
    for (size_t i = 0; i < item.slots.size(); ++i)
      hazards.add(address(item.slots[i]), schedule.slots[item.slots[i]].bytes(), writes[i]);
    if (!made) {
      commands.copy(address(item.slots[1]), address(item.slots[0]),
                    Bytes(static_cast<uint64_t>(schedule.slots[item.slots[0]].bytes())));
      stamp(item, "copy");
      continue;
    }
    arguments.clear();
    for (uint32_t s : item.slots) arguments.push_back(address(s).value);
    size_t buffers = arguments.size();
    arguments.resize(buffers + made->symbols.size());
    commands.dispatch(made->program, made->grid, arguments);
    for (size_t i = 0; i < made->symbols.size(); ++i) {
      auto at = std::find(out.symbols_.begin(), out.symbols_.end(), made->symbols[i]);
      auto variable = static_cast<uint32_t>(at - out.symbols_.begin());
      if (at == out.symbols_.end()) out.symbols_.push_back(made->symbols[i]);
      commands.patch_argument(static_cast<uint32_t>(buffers + i), Affine::variable(variable + 1));
    }
    ++out.kernels_;
    stamp(item, made->name);
  }
  commands.signal(*timeline_, 0);
  commands.patch_value(Affine::variable(0));
  if (debug_level() >= 7) fmt::print(stderr, "{}", commands.text());
  out.recording_ = TRY(queue_->record(commands));
  for (auto& s : storage)
    if (s && std::find(out.used_.begin(), out.used_.end(), s) == out.used_.end()) out.used_.push_back(s);
  for (uint32_t s : schedule.outputs) out.outputs_.push_back(storage[s]);
  return out;
}

Status Captured::submit(std::span<const SymbolValue> symbols) {
  values_.assign(symbols_.size() + 1, 0);
  for (size_t i = 0; i < symbols_.size(); ++i) {
    auto given = std::find_if(symbols.begin(), symbols.end(),
                              [&](const SymbolValue& v) { return v.id == symbols_[i]; });
    const Symbol& s = symbol(symbols_[i]);
    if (given == symbols.end()) return error("submit: no value for symbol {}", s.name);
    if (given->value < s.min || given->value > s.max || given->value % s.multiple)
      return error("submit: symbol {} is {}, expected a multiple of {} in [{}, {}]", s.name, given->value,
                   s.multiple, s.min, s.max);
    values_[i + 1] = static_cast<uint64_t>(given->value);
  }
  last_ = ++engine_->submitted_;
  values_[0] = last_;
  for (auto& storage : used_) storage->last_use = last_;
  return engine_->queue_->submit(recording_, values_, from_now(patience));
}

Status Captured::wait() {
  TRY(engine_->wait(last_));
  if (!profile_) return success();
  ClockCorrelation clock = TRY(engine_->device().correlate());
  const auto* at = reinterpret_cast<const uint64_t*>(profile_->stamps.host());
  for (size_t i = 0; i < profile_->lines.size(); ++i) {
    const auto& line = profile_->lines[i];
    double seconds = static_cast<double>(at[i + 1] - at[i]) / clock.ticks_per_second;
    fmt::print(stderr, "{:5} {:<40} {:10.1f} us {:8.2f} GFLOP/s {:8.2f} GB/s\n", i, line.name, seconds * 1e6,
               line.operations / seconds * 1e-9, static_cast<double>(line.bytes) / seconds * 1e-9);
  }
  return success();
}

}  // namespace doorbell
