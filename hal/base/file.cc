#include "hal/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace doorbell {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}
Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    if (data_) ::munmap(data_, size_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}
Mapping::~Mapping() {
  if (data_) ::munmap(data_, size_);
}

Result<Mapping> map_anonymous(size_t bytes) {
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return error("mapping {} bytes of memory: {}", bytes, std::strerror(errno));
  return Mapping(static_cast<std::byte*>(data), bytes);
}

namespace {

struct OpenFile {
  Fd fd;
  size_t size;
};

Result<OpenFile> open_regular(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return error("{}: cannot open: {}", path.string(), std::strerror(errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return error("{}: fstat: {}", path.string(), std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return error("{}: not a regular file", path.string());
  return OpenFile{std::move(fd), static_cast<size_t>(info.st_size)};
}

}  // namespace

Result<Mapping> map_file(const std::filesystem::path& path) {
  OpenFile file = TRY(open_regular(path));
  if (file.size == 0) return Mapping();
  void* data = ::mmap(nullptr, file.size, PROT_READ, MAP_SHARED, file.fd.get(), 0);
  if (data == MAP_FAILED) return error("{}: mmap: {}", path.string(), std::strerror(errno));
  return Mapping(static_cast<std::byte*>(data), file.size);
}

Result<std::string> read_file(const std::filesystem::path& path) {
  OpenFile file = TRY(open_regular(path));
  std::string content(file.size, '\0');
  size_t done = 0;
  while (done < content.size()) {
    ssize_t n = ::read(file.fd.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return error("{}: read at byte {}: {}", path.string(), done, std::strerror(errno));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  content.resize(done);
  return content;
}

Status write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> content,
                             bool durable) {
  std::string part = path.string() + ".XXXXXX";
  Fd fd(::mkostemp(part.data(), O_CLOEXEC));
  if (!fd) return error("{}: cannot create a file beside it: {}", path.string(), std::strerror(errno));
  auto fail = [&](const char* call) {
    int code = errno;
    ::unlink(part.c_str());
    return error("{}: {}: {}", path.string(), call, std::strerror(code));
  };
  for (size_t done = 0; done < content.size();) {
    ssize_t n = ::write(fd.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("write");
    done += static_cast<size_t>(n);
  }
  if (::fchmod(fd.get(), 0644) != 0) return fail("fchmod");
  if (durable && ::fsync(fd.get()) != 0) return fail("fsync");
  if (::rename(part.c_str(), path.c_str()) != 0) return fail("rename");
  return success();
}

}  // namespace doorbell
