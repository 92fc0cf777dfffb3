// The two ways to the Pool.
#include "sim/amd/resources.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace doorbell::sim::amd {
namespace {

class LocalResources final : public Resources {
 public:
  explicit LocalResources(Pool pool) : pool_(std::move(pool)) {}
  [[nodiscard]] const Machine& machine() const override { return pool_.machine(); }
  [[nodiscard]] int file(size_t card) const override { return pool_.file(card); }
  [[nodiscard]] const std::string& folder() const override { return folder_; }
  Reply ask(const Request& request) override {
    std::lock_guard lock(mutex_);
    return answer(pool_, 1, request);
  }

 private:
  std::mutex mutex_;
  Pool pool_;
  std::string folder_;
};

class RemoteResources final : public Resources {
 public:
  RemoteResources(Fd socket, Machine machine, std::string folder, std::vector<Fd> files)
      : socket_(std::move(socket)),
        machine_(std::move(machine)),
        folder_(std::move(folder)),
        files_(std::move(files)) {}
  [[nodiscard]] const Machine& machine() const override { return machine_; }
  [[nodiscard]] int file(size_t card) const override { return files_[card].get(); }
  [[nodiscard]] const std::string& folder() const override { return folder_; }
  Reply ask(const Request& request) override {
    std::lock_guard lock(mutex_);
    Reply reply;
    // Without a launcher there is no memory to be had: what a kernel says whose device was unplugged.
    reply.error = -ENODEV;
    if (send(socket_.get(), &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request)) return reply;
    Reply received;
    ssize_t count;
    do count = recv(socket_.get(), &received, sizeof(received), 0);
    while (count < 0 && errno == EINTR);
    return count == sizeof(received) ? received : reply;
  }
  void abandon() override { socket_ = Fd(); }

 private:
  std::mutex mutex_;
  Fd socket_;
  Machine machine_;
  std::string folder_;
  std::vector<Fd> files_;
};

}  // namespace

Reply answer(Pool& pool, ClientId client, const Request& request) {
  Reply reply;
  const Block& block = request.block;
  switch (request.kind) {
    case Request::Kind::allocate:
      reply.error = pool.allocate(client, block.card, block.domain, block.bytes, reply.block);
      break;
    case Request::Kind::release: reply.error = pool.release(client, block.card, block.offset); break;
    case Request::Kind::keep: reply.error = pool.keep(client, block.card, block.offset); break;
    case Request::Kind::share:
      reply.error = pool.share(client, block.card, block.offset, request.tag, reply.key);
      break;
    case Request::Kind::open: reply.error = pool.open(client, request.key, reply.block, reply.tag); break;
    case Request::Kind::available: reply.value = pool.available(block.card, block.domain); break;
    default: reply.error = -EINVAL;
  }
  return reply;
}

Result<std::unique_ptr<Resources>> local_resources(const Machine& machine) {
  Pool pool = TRY(Pool::make(machine));
  return std::unique_ptr<Resources>(new LocalResources(std::move(pool)));
}

Result<std::unique_ptr<Resources>> remote_resources(const std::string& name) {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() + 1 > sizeof(address.sun_path)) return error("\"{}\" is not the name of a launcher", name);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (!socket || connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    return error("the launcher of the emulated GPU does not answer: {}", std::strerror(errno));
  }
  char text[4096];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * max_cards)];
  iovec piece{text, sizeof(text)};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t count = recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  std::vector<Fd> files;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      files.emplace_back(fd);
    }
  }
  std::string_view line(text, count > 0 ? static_cast<size_t>(count) : 0);
  size_t end = line.find('\n');
  if (end == std::string_view::npos) return error("the launcher of the emulated GPU sent no machine");
  Machine machine = TRY(Machine::from_text(line.substr(0, end)));
  if (files.size() != machine.cards.size()) return error("the launcher of the emulated GPU sent no memory");
  return std::unique_ptr<Resources>(new RemoteResources(std::move(socket), std::move(machine),
                                                        std::string(line.substr(end + 1)), std::move(files)));
}

}  // namespace doorbell::sim::amd
