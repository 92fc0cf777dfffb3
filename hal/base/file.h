// Files, descriptors and mappings as move-only owners. Errors name the path, the call and errno's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "hal/base/result.h"

namespace doorbell {

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// A memory mapping that unmaps itself.
class Mapping {
 public:
  Mapping() = default;
  Mapping(std::byte* data, size_t size) : data_(data), size_(size) {}
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Anonymous zeroed pages.
Result<Mapping> map_anonymous(size_t bytes);
// The whole file, read-only and shared; an empty file gives an empty mapping. Truncating the file while it is
// mapped makes later reads fault, as with every mapped file.
Result<Mapping> map_file(const std::filesystem::path& path);

Result<std::string> read_file(const std::filesystem::path& path);
// Writes beside `path`, syncs, then renames: readers see the old content or the new, never a part; on failure
// (a full disk, for one) nothing is left behind. Safe under concurrent writers: the last rename wins.
// `durable` false skips the sync, for files whose reader can tell a torn one.
Status write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> content,
                             bool durable = true);

}  // namespace doorbell
