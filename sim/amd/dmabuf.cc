#include "sim/amd/dmabuf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "sim/amd/raw.h"

namespace doorbell::sim::amd {

namespace {

struct DmabufContent {
  std::array<char, 16> magic;
  ShareKey key;
};
constexpr std::array<char, 16> dmabuf_magic = {'d', 'o', 'o', 'r', 'b', 'e', 'l', 'l',
                                               ' ', 'd', 'm', 'a', 'b', 'u', 'f'};

}  // namespace

Dmabufs::~Dmabufs() {
  for (const Dmabuf& dmabuf : dmabufs_) resources_.release(dmabuf.block);
}

int Dmabufs::read(int fd, ShareKey& key) {
  DmabufContent content{};
  long count = raw::call(SYS_pread64, fd, raw::pointer(&content), sizeof(content), 0);
  if (count == -EBADF) return -EBADF;
  if (count != sizeof(content) || content.magic != dmabuf_magic) return -EINVAL;
  key = content.key;
  return 0;
}

int Dmabufs::make(const ShareKey& key, uint64_t bytes, uint32_t flags) {
  drop_closed();
  const DmabufContent content{dmabuf_magic, key};
  // Two descriptions of one file: the client's, and one to tell by when there is no other.
  Fd file(memfd_create("dmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  std::string path = fmt::format("/proc/self/fd/{}", file.get());
  Fd own(raw::open(path.c_str(), O_RDWR | O_CLOEXEC));
  long fd = raw::open(path.c_str(), O_RDWR | static_cast<int>(flags & O_CLOEXEC));
  bool made = file && own && fd >= 0 &&
              raw::write(file.get(), &content, sizeof(content)) == sizeof(content) &&
              // Its end is the buffer's (dma-buf.c, dma_buf_llseek).
              ftruncate(file.get(), static_cast<off_t>(bytes)) == 0;
  uint32_t tag = 0;
  Block block;
  int error = made ? resources_.open(key, block, tag) : -ENOMEM;
  if (error != 0) {
    if (fd >= 0) raw::close(static_cast<int>(fd));
    return error;
  }
  raw::call(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  std::lock_guard lock(mutex_);
  dmabufs_.push_back({std::move(own), block});
  return static_cast<int>(fd);
}

// A DMA-buf keeps its buffer until the last descriptor of it is closed, wherever that was passed to (or until
// the process that exported it ends). Nobody tells when that is, but the host's kernel grants a write lease
// on a file that nobody else has open for writing [fcntl(2), F_SETLEASE].
void Dmabufs::drop_closed() {
  std::lock_guard lock(mutex_);
  std::erase_if(dmabufs_, [&](const Dmabuf& dmabuf) {
    if (raw::call(SYS_fcntl, dmabuf.file.get(), F_SETLEASE, F_WRLCK) != 0) return false;
    resources_.release(dmabuf.block);
    return true;
  });
}

}  // namespace doorbell::sim::amd
