// What this host can do at most, measured: the figures that every other figure is put in proportion to. One
// JSON line.
//
//   host_ceiling [THREADS]      by default every power of two up to the CPUs
//
// Arithmetic: 14 independent chains of multiply-adds that stay in registers, which covers latency times ports
// (FMA: 4 times 2 on every CPU since Haswell, Zen 2 and Skylake-X). u8s8 counts the products and sums of dot
// products of bytes into int32: vpmaddubsw, vpmaddwd, vpaddd without VNNI, vpdpbusd with it. Reading: vector
// loads through a buffer split evenly among the threads, `bytes` in all. Each figure is the best of several
// repetitions, as befits a ceiling; on a busy machine the rates of reading are still too low. Which kernels
// run is chosen by cpuid, so that one binary serves all hosts.
#include <immintrin.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <numeric>
#include <string>

#include "tools/bench/measure.h"

namespace {

using namespace doorbell::bench;

constexpr int kRepetitions = 9;

// Every kernel runs `steps` iterations and returns the operations done. In assembly, since compilers spill,
// merge or hoist what has no use; registers 0 to 13 accumulate, 14 and 15 hold ones.
using Kernel = double (*)(int64_t steps);

#define KERNEL(name, operations, prepare, body)                                                          \
  double name(int64_t steps) {                                                                           \
    auto total = static_cast<double>(steps) * (operations);                                              \
    asm volatile(                                                                                        \
        ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13\n vpxor %%xmm\\r,%%xmm\\r,%%xmm\\r\n.endr\n" prepare     \
        "1:\n" body "dec %0\n jnz 1b\n vzeroupper\n"                                                     \
        : "+r"(steps)                                                                                    \
        : "r"(0x01010101), "r"(0x00010001), "r"(0x3f800000)                                              \
        : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
          "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");                                                  \
    return total;                                                                                        \
  }

// clang-format off
KERNEL(fma_avx2, 14 * 8 * 2,
       "vmovd %3,%%xmm15\n vbroadcastss %%xmm15,%%ymm15\n",
       ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13\n vfmadd231ps %%ymm15,%%ymm15,%%ymm\\r\n.endr\n")
KERNEL(fma_avx512, 14 * 16 * 2,
       "vmovd %3,%%xmm15\n vbroadcastss %%xmm15,%%zmm15\n",
       ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13\n vfmadd231ps %%zmm15,%%zmm15,%%zmm\\r\n.endr\n")
KERNEL(dot_avx2, 13 * 32 * 2,
       "vmovd %1,%%xmm15\n vpbroadcastd %%xmm15,%%ymm15\n vmovd %2,%%xmm14\n vpbroadcastd %%xmm14,%%ymm14\n",
       ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12\n"
       " vpmaddubsw %%ymm15,%%ymm15,%%ymm13\n vpmaddwd %%ymm14,%%ymm13,%%ymm13\n vpaddd %%ymm13,%%ymm\\r,%%ymm\\r\n.endr\n")
KERNEL(dot_vnni512, 14 * 64 * 2,
       "vmovd %1,%%xmm15\n vpbroadcastd %%xmm15,%%zmm15\n",
       ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13\n vpdpbusd %%zmm15,%%zmm15,%%zmm\\r\n.endr\n")
// clang-format on

__attribute__((target("avx2"))) void read_avx2(const char* data, size_t bytes) {
  __m256i sum[8];
  for (auto& s : sum) s = _mm256_setzero_si256();
  for (size_t at = 0; at < bytes; at += 256) {
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; ++i) {
      sum[i] = _mm256_or_si256(sum[i], _mm256_load_si256(reinterpret_cast<const __m256i*>(data + at) + i));
    }
  }
  for (auto& s : sum) asm volatile("" : "+x"(s));  // used, as far as the compiler knows
}

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Best operations a second over all threads together. Each thread is timed by its own CPU clock, which a busy
// machine does not disturb: registers are not shared. The number of steps is first raised to about 10 ms.
double peak(Kernel kernel, int threads) {
  int64_t steps = 1 << 14;
  for (;;) {
    double start = thread_seconds();
    kernel(steps);
    if (thread_seconds() - start > 0.01) break;
    steps *= 2;
  }
  double best = 0;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    std::vector<double> rates(static_cast<size_t>(threads));
    run_together(threads, [&](int i) {
      double start = thread_seconds();
      double operations = kernel(steps);
      rates[static_cast<size_t>(i)] = operations / (thread_seconds() - start);
    });
    best = std::max(best, std::accumulate(rates.begin(), rates.end(), 0.0));
  }
  return best;
}

// Best bytes a second of reading `bytes` again and again, a contiguous part per thread.
double read_rate(const char* data, size_t bytes, int threads) {
  size_t part = bytes / static_cast<size_t>(threads) / 256 * 256;
  auto rounds = std::max<size_t>(2, (size_t{64} << 20) / bytes);
  double best = 0;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    double seconds = run_together(threads, [&](int i) {
      for (size_t round = 0; round < rounds; ++round) read_avx2(data + part * static_cast<size_t>(i), part);
    });
    best = std::max(best, static_cast<double>(part) * threads * static_cast<double>(rounds) / seconds);
  }
  return best;
}

struct Row {
  const char* name;
  Kernel kernel;
  bool present;
};

}  // namespace

int main(int argc, char** argv) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    std::fprintf(stderr, "host_ceiling: this CPU lacks AVX2 or FMA, which doorbell needs\n");
    return 1;
  }
  const Row rows[] = {
      {"f32_fma_avx2", fma_avx2, true},
      {"f32_fma_avx512", fma_avx512, __builtin_cpu_supports("avx512f") != 0},
      {"u8s8_avx2", dot_avx2, true},
      {"u8s8_avx512_vnni", dot_vnni512, __builtin_cpu_supports("avx512vnni") != 0},
  };
  std::vector<int> counts;
  if (argc > 1) {
    counts = {std::max(1, std::atoi(argv[1]))};
  } else {
    for (int n = 1; n <= static_cast<int>(std::thread::hardware_concurrency()); n *= 2) counts.push_back(n);
  }
  constexpr size_t kLargest = size_t{256} << 20;
  std::unique_ptr<char, decltype(&std::free)> data(static_cast<char*>(std::aligned_alloc(4096, kLargest)),
                                                   std::free);
  std::fill(data.get(), data.get() + kLargest,
            1);  // own pages: the kernel's zero page would stay in the cache

  std::printf("{\"rows\": [");
  for (int threads : counts) {
    std::printf("%s{\"threads\": %d", threads == counts.front() ? "" : ", ", threads);
    for (const Row& row : rows) {
      if (row.present) std::printf(", \"%s_gops\": %.1f", row.name, peak(row.kernel, threads) * 1e-9);
    }
    std::printf(", \"read_gb_per_s\": {");
    for (size_t bytes = size_t{32} << 10; bytes <= kLargest; bytes *= 2) {
      if (bytes > size_t{32} << 10) std::printf(", ");
      std::printf("\"%zu\": %.1f", bytes, read_rate(data.get(), bytes, threads) * 1e-9);
    }
    std::printf("}}");
  }
  std::printf("]}\n");
}
