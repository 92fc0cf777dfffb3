// The peer for matrix products: oneDNN (Debian's libdnnl-dev). Prints one JSON line.
//
//   sgemm_onednn [THREADS]      by default every power of two up to the CPUs
//
// At its best: b is packed once, outside the timing, into the layout that the primitive asks for
// (format_tag::any), as weights are in its users' programs; a and c stay row-major. The plain layout is
// measured too and the better median counts, since where the library has no packed kernel (before AVX-512)
// both are its BLAS-like path. It generates code for the CPU it finds, whose name is printed. Threads are
// OpenMP's, set by OMP_NUM_THREADS in a fresh process, bound to cores (OMP_PROC_BIND) as its documentation
// asks for.

#include <dnnl.hpp>

#include "tools/bench/peers/sgemm.h"

namespace {

using namespace doorbell::bench;
using dnnl::memory;

Rate run(bool packed, Matrices& m, std::string& implementation) {
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  memory::dims dims = {kSize, kSize};
  memory::desc plain(dims, memory::data_type::f32, memory::format_tag::ab);
  memory::desc any(dims, memory::data_type::f32, memory::format_tag::any);
  dnnl::matmul::primitive_desc description(dnnl::matmul::desc(plain, packed ? any : plain, plain), engine);
  implementation = description.impl_info_str();
  memory a(plain, engine, m.a.data()), b(plain, engine, m.b.data()), c(plain, engine, m.c.data());
  memory weights = b;
  if (description.weights_desc() != plain) {
    weights = memory(description.weights_desc(), engine);
    dnnl::reorder(b, weights).execute(stream, b, weights);
    stream.wait();
  }
  dnnl::matmul multiply(description);
  Rate rate = measure_sgemm([&] {
    multiply.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, c}});
    stream.wait();
  });
  m.check();
  return rate;
}

int child() {
  Matrices m;
  for (bool packed : {true, false}) {
    std::string implementation;
    Rate rate = run(packed, m, implementation);
    std::printf("%.2f %.2f %s\n", rate.median, rate.best, implementation.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--child") return child();
  const dnnl_version_t* version = dnnl_version();
  std::printf("{\"peer\": \"oneDNN\", \"version\": \"%d.%d.%d\", \"work\": \"sgemm %d^3\", \"rows\": [",
              version->major, version->minor, version->patch, kSize);
  const char* separator = "";
  for (int threads : thread_counts(argc > 1 ? argv[1] : nullptr)) {
    std::string said = rerun("OMP_PROC_BIND=true OMP_NUM_THREADS=" + std::to_string(threads), "--child");
    Rate packed, plain;
    char packed_name[64] = "", plain_name[64] = "";
    if (std::sscanf(said.c_str(), "%lf %lf %63s %lf %lf %63s", &packed.median, &packed.best, packed_name,
                    &plain.median, &plain.best, plain_name) != 6) {
      std::fprintf(stderr, "sgemm_onednn: the measuring process failed\n");
      return 1;
    }
    bool use_packed = packed.median >= plain.median;
    const Rate& best = use_packed ? packed : plain;
    std::printf(
        "%s{\"threads\": %d, \"gflops\": %.2f, \"best_gflops\": %.2f, \"packed_b\": %s, \"implementation\": "
        "\"%s\", "
        "\"tried\": {\"packed\": %.2f, \"plain\": %.2f}}",
        separator, threads, best.median, best.best, use_packed ? "true" : "false",
        use_packed ? packed_name : plain_name, packed.median, plain.median);
    separator = ", ";
  }
  std::printf("]}\n");
}
