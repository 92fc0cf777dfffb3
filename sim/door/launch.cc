// The launcher: owns the Pool, starts the program, answers clients until the last one is gone.
//
// It is one thread around poll(2). A client is a socket and, because a forked child may hold its parent's end
// of it, the process behind it: whichever of the two goes first is the end of the client, and what it held
// goes back.
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>

#include "sim/amd/resources.h"
#include "sim/amd/sysfs.h"
#include "sim/door/door.h"

namespace doorbell::sim::door {
namespace {

using amd::ClientId;
using amd::Machine;
using amd::Pool;
using amd::Reply;
using amd::Request;

int pidfd_open(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

void remove_tree(const std::string& folder) {
  nftw(
      folder.c_str(), [](const char* path, const struct stat*, int, FTW*) { return remove(path); }, 16,
      FTW_DEPTH | FTW_PHYS);
}

// A folder that is fast and goes away with the machine, or one that is there at least.
std::string make_folder() {
  for (const char* parent : std::initializer_list<const char*>{"/dev/shm", getenv("TMPDIR"), "/tmp"}) {
    if (!parent) continue;
    std::string name = fmt::format("{}/doorbell-emu-XXXXXX", parent);
    if (mkdtemp(name.data())) return name;
  }
  return "";
}

class Launcher {
 public:
  explicit Launcher(Pool pool) : pool_(std::move(pool)) {}
  ~Launcher() {
    if (!folder_.empty()) remove_tree(folder_);
  }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  Status listen();
  Status start(const std::string& door, const std::vector<std::string>& command);
  int run();

 private:
  struct Client {
    ClientId id = 0;
    pid_t pid = 0;
    Fd socket, process;
  };

  void accept_client();
  // False once the client is gone.
  bool serve(Client& client);
  void reap(Client& client);
  void reap_children();
  void forward_signals();

  Pool pool_;
  std::string name_, folder_;
  Fd listener_, signals_;
  sigset_t signals_before_ = {};
  pid_t child_ = 0;
  bool ended_ = false;
  int status_ = 0;
  ClientId next_id_ = 1;
  std::list<Client> clients_;
};

Status Launcher::listen() {
  uint64_t random[2] = {};
  if (syscall(SYS_getrandom, random, sizeof(random), 0) != sizeof(random)) return error("no random numbers");
  name_ = fmt::format("doorbell-emu-{}-{:016x}{:016x}", getpid(), random[0], random[1]);
  listener_ = Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name_.data(), name_.size());
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
  if (!listener_ || bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener_.get(), 64) != 0) {
    return error("cannot open a socket for the emulated machine's clients: {}", std::strerror(errno));
  }
  return success();
}

Status Launcher::start(const std::string& door, const std::vector<std::string>& command) {
  if (access(door.c_str(), R_OK) != 0) {
    return error("cannot read {}, which programs get preloaded: {}; build it with the rest of doorbell", door,
                 std::strerror(errno));
  }
  std::string preload = door;
  if (const char* before = getenv("LD_PRELOAD"); before && *before) preload += fmt::format(":{}", before);
  setenv("LD_PRELOAD", preload.c_str(), 1);
  setenv(socket_variable, name_.c_str(), 1);

  // What ends the launcher at the terminal ends its program as well; from elsewhere it is passed on.
  sigset_t handled;
  sigemptyset(&handled);
  for (int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&handled, signal);
  sigprocmask(SIG_BLOCK, &handled, &signals_before_);
  // A reader of our messages that goes away must not take the machine with it.
  auto pipe_action = signal(SIGPIPE, SIG_IGN);
  signals_ = Fd(signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));

  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return error("cannot open a pipe: {}", std::strerror(errno));
  Fd reads(report[0]), writes(report[1]);
  child_ = fork();
  if (child_ < 0) return error("cannot start {}: {}", command[0], std::strerror(errno));
  if (child_ == 0) {
    sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
    signal(SIGPIPE, pipe_action);
    // A launcher that is killed takes the machine with it; its program should not spin on what is left.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execvp(arguments[0], arguments.data());
    int problem = errno;
    if (write(writes.get(), &problem, sizeof(problem)) < 0) _exit(126);
    _exit(127);
  }
  writes = Fd();
  int problem = 0;
  if (read(reads.get(), &problem, sizeof(problem)) == sizeof(problem)) {
    waitpid(child_, nullptr, 0);
    return error("cannot start {}: {}", command[0], std::strerror(problem));
  }
  return success();
}

void Launcher::accept_client() {
  Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return;
  ucred who{};
  socklen_t length = sizeof(who);
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0 || who.uid != getuid()) return;
  if (folder_.empty()) {
    folder_ = make_folder();
    Status written = folder_.empty() ? error("there is no folder to write to; set TMPDIR")
                                     : amd::describe(pool_.machine()).write(folder_);
    if (!written) {
      fmt::print(stderr, "doorbell emu: cannot write the emulated /sys: {}\n", written.error().message);
      return;
    }
  }
  std::string text = pool_.machine().text() + "\n" + folder_;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * amd::max_cards)] = {};
  iovec piece{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  size_t cards = pool_.machine().cards.size();
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * cards);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * cards);
  for (size_t card = 0; card < cards; ++card) {
    int fd = pool_.file(card);
    std::memcpy(CMSG_DATA(header) + card * sizeof(int), &fd, sizeof(int));
  }
  if (sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0) return;
  clients_.push_back({next_id_++, who.pid, std::move(socket), Fd(pidfd_open(who.pid))});
}

bool Launcher::serve(Client& client) {
  Request request{};
  ssize_t count = recv(client.socket.get(), &request, sizeof(request), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count != sizeof(request)) return false;
  Reply reply = amd::answer(pool_, client.id, request);
  // The kernel's buffer has room for the one reply that is ever under way.
  return send(client.socket.get(), &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(reply);
}

void Launcher::reap(Client& client) {
  Pool::Left left = pool_.drop(client.id);
  if (left.blocks != 0) {
    fmt::print(stderr,
               "doorbell emu: process {} ended with {} buffers of {} KiB on the GPU; they are free again\n",
               client.pid, left.blocks, left.bytes >> 10);
  }
}

void Launcher::reap_children() {
  int status = 0;
  while (pid_t pid = waitpid(-1, &status, WNOHANG)) {
    if (pid < 0) return;
    if (pid != child_) continue;
    ended_ = true;
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

void Launcher::forward_signals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGCHLD) {
      reap_children();
    } else if (!ended_ && info.ssi_code <= 0) {
      // Sent by a process to this one alone; what the terminal sends, the whole group has got.
      kill(child_, static_cast<int>(info.ssi_signo));
    }
  }
}

int Launcher::run() {
  reap_children();
  // A client may outlive the program that was started: a server in the background, for one.
  while (!ended_ || !clients_.empty()) {
    std::vector<pollfd> waits = {{listener_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    for (Client& client : clients_) {
      waits.push_back({client.socket.get(), POLLIN, 0});
      waits.push_back({client.process.get(), POLLIN, 0});
    }
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) break;
    size_t at = 2;
    for (auto client = clients_.begin(); client != clients_.end(); at += 2) {
      bool here = !(waits[at].revents & (POLLIN | POLLHUP | POLLERR)) || serve(*client);
      if (waits[at + 1].revents & POLLIN) here = false;
      if (!here) reap(*client);
      client = here ? std::next(client) : clients_.erase(client);
    }
    if (waits[1].revents) forward_signals();
    if (waits[0].revents) accept_client();
  }
  return status_;
}

}  // namespace

Result<int> launch(const Machine& machine, const std::string& door, const std::vector<std::string>& command) {
  Launcher launcher(TRY(Pool::make(machine)));
  TRY(launcher.listen());
  TRY(launcher.start(door, command));
  return launcher.run();
}

}  // namespace doorbell::sim::door
