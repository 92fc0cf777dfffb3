#include "hal/base/env.h"

#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>

namespace doorbell {
namespace {

// clang-format off
constexpr std::array<EnvRow, 7> kTable = {{
    {Env::dev,     "DEV",     EnvRow::text,    "CPU", 0, 0,   "device that runs the work, by its name in `doorbell devices`"},
    {Env::debug,   "DEBUG",   EnvRow::integer, "0",   0, 7,   "1 devices, 2 kernels with times, 3 schedule, 4 kernel graphs, 5 rewrites, 6 machine code, 7 packets and ioctls"},
    {Env::dump,    "DUMP",    EnvRow::text,    "",    0, 0,   "prints kernels after passes: g schedule, b blocks, d decompose, f fuse, t tile, l lower"},
    {Env::trace,   "TRACE",   EnvRow::text,    "",    0, 0,   "file that receives host and device spans as Chrome/Perfetto JSON"},
    {Env::threads, "THREADS", EnvRow::integer, "0",   0, 1024, "threads of the CPU device; 0: as many as this process may run on"},
    {Env::cache,   "CACHE",   EnvRow::text,    "",    0, 0,   "folder of compiled kernels; empty: the user's cache folder; off: none"},
    {Env::features, "FEATURES", EnvRow::text,  "",    0, 0,   "features of the processor that code must not use, each behind a minus: -avx512f,-avx_vnni"},
}};
// clang-format on

constexpr bool in_order() {
  for (size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<size_t>(kTable[i].id) != i) return false;
  return true;
}
static_assert(in_order(), "the table is indexed by Env");

// Integers are cached as atomics because DEBUG is looked at on hot paths; texts are read under a lock.
struct Values {
  std::array<std::atomic<int64_t>, kTable.size()> integers{};
  std::array<std::string, kTable.size()> texts;
  std::mutex mutex;
  Status state = success();

  Values() { load(); }

  void load() {
    std::lock_guard lock(mutex);
    state = success();
    for (size_t i = 0; i < kTable.size(); ++i) {
      const EnvRow& row = kTable[i];
      const char* found = std::getenv(row.name);
      texts[i] = found && *found ? found : row.fallback;
      if (row.type != EnvRow::integer) continue;
      int64_t value = 0;
      const char* end = texts[i].data() + texts[i].size();
      auto [stop, code] = std::from_chars(texts[i].data(), end, value);
      if (code != std::errc() || stop != end || value < row.min || value > row.max)
        state = error("environment variable {}={}: expected an integer from {} to {} ({})", row.name,
                      texts[i], row.min, row.max, row.help);
      integers[i].store(value, std::memory_order_relaxed);
    }
  }
};

Values& values() {
  static Values* const kValues = new Values;  // never destroyed: threads may still read at exit
  return *kValues;
}

}  // namespace

std::span<const EnvRow> env_table() { return kTable; }

Status check_env() {
  std::lock_guard lock(values().mutex);
  return values().state;
}

int64_t env_integer(Env id) {
  static const bool kChecked = [] {
    if (Status state = check_env(); !state.ok()) {
      fmt::print(stderr, "{}\n", state.error().message);
      std::exit(1);
    }
    return true;
  }();
  static_cast<void>(kChecked);
  return values().integers[static_cast<size_t>(id)].load(std::memory_order_relaxed);
}

std::string env_text(Env id) {
  std::lock_guard lock(values().mutex);
  return values().texts[static_cast<size_t>(id)];
}

void reload_env() { values().load(); }

std::string env_listing() {
  std::string out;
  for (const EnvRow& row : kTable)
    out += fmt::format("{:<8} {:<12} (default {}) {}\n", row.name, env_text(row.id),
                       *row.fallback ? row.fallback : "empty", row.help);
  return out;
}

}  // namespace doorbell
