// The peer for matrix products: OpenBLAS. Prints one JSON line.
//
//   sgemm_openblas [THREADS]      by default every power of two up to the CPUs
//
// At its best: OpenBLAS picks its kernels when it is loaded, by a table of CPU models that lags behind new
// and virtual CPUs, and a wrong pick costs a factor of two to five. So every kernel set that this CPU can run
// is tried in a fresh process by OPENBLAS_CORETYPE, its own pick ("auto") among them, and the one with the
// fastest run counts, per thread count; the output names it and lists them all. AVX-512 sets are tried only
// where the CPU has AVX-512. Threads are OpenBLAS's own (Debian's libopenblas0-pthread), as many as asked.
// Inputs are warm, b and c are reused.
#include <cblas.h>

#include <map>

#include "tools/bench/peers/sgemm.h"

namespace {

using namespace doorbell::bench;

int child(int threads) {
  openblas_set_num_threads(threads);
  Matrices m;
  Rate rate = measure_sgemm([&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSize, kSize, kSize, 1, m.a.data(), kSize,
                m.b.data(), kSize, 0, m.c.data(), kSize);
  });
  m.check();
  std::printf("%.2f %.2f %s\n", rate.median, rate.best, openblas_get_corename());
  return 0;
}

struct Answer {
  Rate rate;
  std::string core;
};

Answer ask(const std::string& type, int threads) {
  std::string said = rerun(type == "auto" ? "-u OPENBLAS_CORETYPE" : "OPENBLAS_CORETYPE=" + type,
                           "--child " + std::to_string(threads));
  Answer answer;
  char core[64] = "";
  if (std::sscanf(said.c_str(), "%lf %lf %63s", &answer.rate.median, &answer.rate.best, core) == 3)
    answer.core = core;
  return answer;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--child") return child(std::atoi(argv[2]));
  std::vector<std::string> types = {"auto", "Haswell", "Zen"};
  if (__builtin_cpu_supports("avx512f")) types.insert(types.end(), {"SkylakeX"});
  if (__builtin_cpu_supports("avx512bf16")) types.insert(types.end(), {"Cooperlake", "SapphireRapids"});

  std::printf("{\"peer\": \"OpenBLAS\", \"work\": \"sgemm %d^3\", \"config\": \"%s\", \"rows\": [", kSize,
              openblas_get_config());
  const char* separator = "";
  for (int threads : thread_counts(argc > 1 ? argv[1] : nullptr)) {
    std::map<std::string, Answer> answers;
    std::string best = "auto";
    for (const std::string& type : types) {
      answers[type] = ask(type, threads);
      if (answers[type].rate.best > answers[best].rate.best) best = type;
    }
    std::printf(
        "%s{\"threads\": %d, \"gflops\": %.2f, \"best_gflops\": %.2f, \"coretype\": \"%s\", \"kernels\": "
        "\"%s\", \"tried\": {",
        separator, threads, answers[best].rate.median, answers[best].rate.best, best.c_str(),
        answers[best].core.c_str());
    for (const std::string& type : types) {
      std::printf("%s\"%s\": %.2f", type == types.front() ? "" : ", ", type.c_str(),
                  answers[type].rate.median);
    }
    std::printf("}}");
    separator = ", ";
  }
  std::printf("]}\n");
}
