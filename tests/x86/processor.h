// The processor of processor.py, for code that this machine cannot run.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "hal/base/cpuid.h"
#include "hal/program.h"

namespace doorbell {

class Processor {
 public:
  // The only one, started when it is first asked for; null, said once, where the package is missing.
  static Processor* get();

  [[nodiscard]] x86::Features features() const { return features_; }

  // Runs a kernel for every group of the grid on `params`, which are changed. Empty, or why it did not come
  // to its end.
  std::string run(const ProgramImage& image, std::array<uint32_t, 3> grid,
                  std::vector<std::vector<std::byte>>& params, const std::vector<int64_t>& symbols);

 private:
  Processor(FILE* ask, FILE* answer) : ask_(ask), answer_(answer) {}
  static Processor* start();
  std::string words();  // that it answers
  FILE *ask_, *answer_;
  x86::Features features_ = 0;
};

}  // namespace doorbell
