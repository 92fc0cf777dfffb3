#include "tools/fetch/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace doorbell {

Progress::Progress(std::string label, uint64_t total_bytes)
    : label_(std::move(label)),
      total_(std::max<uint64_t>(total_bytes, 1)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
}

void Progress::update(uint64_t done_bytes) {
  auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (drawn_ && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  drawn_ = true;
  uint64_t done = std::min(done_bytes, total_);
  double seconds = std::chrono::duration<double>(now - start_).count();
  double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string left = rate > 0 ? fmt::format("{:.0f} s left", static_cast<double>(total_ - done) / rate)
                              : std::string("waiting");
  constexpr uint64_t width = 30;
  std::string bar(static_cast<size_t>(done * width / total_), '#');
  fmt::print(stderr, "\r{} [{:<30}] {:3}%  {:.1f}/{:.1f} MB  {:.1f} MB/s  {}\033[K", label_, bar,
             done * 100 / total_, static_cast<double>(done) / 1e6, static_cast<double>(total_) / 1e6,
             rate / 1e6, left);
  std::fflush(stderr);
}

}  // namespace doorbell
