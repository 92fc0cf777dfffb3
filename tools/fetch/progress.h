// A progress bar on standard error, where that is a terminal; silent elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace doorbell {

class Progress {
 public:
  Progress(std::string label, uint64_t total_bytes);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // clears the line

  void update(uint64_t done_bytes);  // draws at most ten times a second

 private:
  std::string label_;
  uint64_t total_;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_{};
};

}  // namespace doorbell
