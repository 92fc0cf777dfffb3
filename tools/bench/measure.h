// What every benchmark program shares: a clock, the median, and threads that start together.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace doorbell::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Median of a list that is not empty.
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Seconds of `runs` calls after `warm_ups` untimed ones.
template <class Function>
std::vector<double> time_runs(int warm_ups, int runs, Function function) {
  std::vector<double> seconds;
  for (int run = -warm_ups; run < runs; ++run) {
    auto start = Clock::now();
    function();
    if (run >= 0) seconds.push_back(seconds_since(start));
  }
  return seconds;
}

// Runs work(thread index) on `threads` threads that begin together. Returns the seconds until the last has
// ended.
template <class Function>
double run_together(int threads, Function work) {
  std::atomic<int> waiting{threads};
  std::vector<Clock::time_point> starts(static_cast<size_t>(threads)), ends(static_cast<size_t>(threads));
  std::vector<std::jthread> pool;
  for (int i = 0; i < threads; ++i) {
    pool.emplace_back([&, i] {
      for (--waiting; waiting > 0;) std::this_thread::yield();
      starts[static_cast<size_t>(i)] = Clock::now();
      work(i);
      ends[static_cast<size_t>(i)] = Clock::now();
    });
  }
  pool.clear();
  return std::chrono::duration<double>(*std::max_element(ends.begin(), ends.end()) -
                                       *std::min_element(starts.begin(), starts.end()))
      .count();
}

}  // namespace doorbell::bench
