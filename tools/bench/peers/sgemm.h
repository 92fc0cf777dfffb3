// What the sgemm peers share: the matrices, the check of the product, and one JSON line for each thread
// count.
//
// C = A B, row-major f32, N x N each, 2 N^3 operations. A row is {"threads", "gflops" (median),
// "best_gflops"} and what the peer adds about its set-up.
#pragma once

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tools/bench/measure.h"

namespace doorbell::bench {

constexpr int kSize = 1024, kWarmUps = 5, kRuns = 21;

struct Matrices {
  std::vector<float> a = std::vector<float>(size_t{kSize} * kSize), b = a, c = a;
  Matrices() {
    for (size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<float>(static_cast<int>(i * 7 % 31) - 15) / 16;
      b[i] = static_cast<float>(static_cast<int>(i * 11 % 29) - 14) / 16;
    }
  }
  // Aborts unless a few elements of c are the product: a peer that does not compute is not a peer.
  void check() const {
    for (int row : {0, 1, 511, kSize - 1}) {
      for (int column : {0, 2, 512, kSize - 1}) {
        double sum = 0;
        for (int k = 0; k < kSize; ++k)
          sum += double{a[size_t(row) * kSize + size_t(k)]} * b[size_t(k) * kSize + size_t(column)];
        if (std::abs(sum - c[size_t(row) * kSize + size_t(column)]) > 1e-2) {
          std::fprintf(stderr, "sgemm: c[%d][%d] is %g, expected %g\n", row, column,
                       c[size_t(row) * kSize + size_t(column)], sum);
          std::exit(1);
        }
      }
    }
  }
};

struct Rate {
  double median = 0, best = 0;  // GFLOP/s
};

template <class Function>
Rate measure_sgemm(Function multiply) {
  auto seconds = time_runs(kWarmUps, kRuns, multiply);
  double work = 2.0 * kSize * kSize * kSize * 1e-9;
  return {work / median(seconds), work / *std::min_element(seconds.begin(), seconds.end())};
}

inline std::vector<int> thread_counts(const char* argument) {
  if (argument != nullptr) return {std::atoi(argument)};
  std::vector<int> counts;
  for (int n = 1; n <= static_cast<int>(std::thread::hardware_concurrency()); n *= 2) counts.push_back(n);
  return counts;
}

// This program anew, with one more environment variable: what a library reads when it is loaded cannot be set
// later. Returns what it printed; empty where it failed or died (a kernel that this CPU lacks).
inline std::string rerun(const std::string& variable, const std::string& arguments) {
  char self[4096];
  std::snprintf(self, sizeof self, "/proc/%d/exe", static_cast<int>(getpid()));
  std::string command = "env " + variable + " '" + std::string(self) + "' " + arguments + " 2>/dev/null",
              output;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[512];
  while (pipe != nullptr && std::fgets(buffer, sizeof buffer, pipe) != nullptr) output += buffer;
  return pipe != nullptr && pclose(pipe) == 0 ? output : "";
}

}  // namespace doorbell::bench
