#include "tools/fetch/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <vector>

#include "hal/base/file.h"

extern char** environ;

namespace doorbell {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t max_output = 65536;
constexpr auto patience = std::chrono::seconds(2);  // between SIGTERM and SIGKILL

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& s : strings) result.push_back(s.data());
  result.push_back(nullptr);
  return result;
}

// getenv takes the first of two entries of one name, other readers the last: an overridden name is left out.
std::vector<std::string> merged(std::span<const std::string> overrides) {
  std::vector<std::string> result(overrides.begin(), overrides.end());
  for (char** entry = environ; *entry; ++entry) {
    std::string_view text = *entry;
    bool overridden = false;
    for (const std::string& o : overrides) overridden |= text.starts_with(o.substr(0, o.find('=') + 1));
    if (!overridden) result.emplace_back(text);
  }
  return result;
}

// The file actions and attributes of one spawn, destroyed together.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  explicit SpawnPlan(int output) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output, 1);
    ::posix_spawn_file_actions_adddup2(&actions, output, 2);
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

// Appends what the pipe holds now; false at its end.
bool drain(int fd, std::string& output) {
  char buffer[4096];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    output.append(buffer, static_cast<size_t>(n));
    if (output.size() > 2 * max_output) output.erase(0, output.size() - max_output);
  }
}

}  // namespace

Result<Exit> run_program(std::span<const std::string> arguments, std::span<const std::string> environment,
                         const std::function<bool()>& tick) {
  DOORBELL_CHECK(!arguments.empty(), "a program needs a name");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return error("{}: pipe: {}", arguments[0], std::strerror(errno));
  Fd reader(ends[0]), writer(ends[1]);
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);

  std::vector<std::string> argument_copies(arguments.begin(), arguments.end());
  std::vector<std::string> environment_copies = merged(environment);
  SpawnPlan plan(writer.get());
  pid_t child = 0;
  if (int code = ::posix_spawnp(&child, arguments[0].c_str(), &plan.actions, &plan.attributes,
                                pointers(argument_copies).data(), pointers(environment_copies).data()))
    return error("{}: cannot be started: {}", arguments[0], std::strerror(code));
  writer = Fd();

  Exit result;
  bool open = true;
  Clock::time_point asked{}, killed{};
  for (;;) {
    pollfd wait{.fd = reader.get(), .events = POLLIN, .revents = 0};
    ::poll(&wait, open ? 1 : 0, 100);
    // The child is looked at before the pipe: what it wrote before it ended is then all read. The pipe's own
    // end is not waited for, since a grandchild may hold it open for ever.
    int status = 0;
    pid_t ended = ::waitpid(child, &status, WNOHANG);
    open = open && drain(reader.get(), result.output);
    if (ended == child) {
      result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      break;
    }
    if (asked == Clock::time_point{} && !tick()) {
      asked = Clock::now();
      ::kill(child, SIGTERM);
    }
    if (asked != Clock::time_point{} && killed == Clock::time_point{} && Clock::now() - asked > patience) {
      killed = Clock::now();
      ::kill(child, SIGKILL);
    }
  }
  if (result.output.size() > max_output) result.output.erase(0, result.output.size() - max_output);
  return result;
}

}  // namespace doorbell
