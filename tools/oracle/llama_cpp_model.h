// What the programs around the packaged llama.cpp share: quiet loading, owners, and which CPU backend it
// picked. Facts: llama.cpp's include/llama.h at the version that fetch-oracles.sh pins.
#pragma once

#include <llama.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace doorbell::oracle {

[[noreturn]] inline void fail(const std::string& why) {
  std::fprintf(stderr, "llama.cpp: %s\n", why.c_str());
  std::exit(1);
}

// Loads the CPU backends that lie beside the program; each is built for one instruction set and scores itself
// by cpuid, the best stays. To be called first.
inline void load_backends() {
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  auto self = std::filesystem::read_symlink("/proc/self/exe");
  ggml_backend_load_all_from_path((self.parent_path().parent_path() / "llama.cpp/lib").c_str());
  llama_backend_init();
}

// The file name of the CPU backend in use, "libggml-cpu-haswell.so" for one. The library's own system info
// tells features, not which build it is.
inline std::string cpu_backend() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (auto at = line.find("libggml-cpu-"); at != std::string::npos) return line.substr(at);
  }
  return "none";
}

using Model = std::unique_ptr<llama_model, decltype(&llama_model_free)>;
using Context = std::unique_ptr<llama_context, decltype(&llama_free)>;

inline Model load_model(const std::string& path, bool vocabulary_only) {
  auto params = llama_model_default_params();
  params.vocab_only = vocabulary_only;
  Model model(llama_model_load_from_file(path.c_str(), params), llama_model_free);
  if (!model) fail("cannot load " + path);
  return model;
}

// Library defaults (f16 cache, flash attention where it chooses, weights repacked where it can), with room
// for `positions` and as many logits in one batch.
inline Context make_context(llama_model* model, uint32_t positions, int threads) {
  auto params = llama_context_default_params();
  params.n_ctx = (positions + 255) / 256 * 256;
  params.n_batch = params.n_ctx;
  params.n_threads = params.n_threads_batch = threads;
  Context context(llama_init_from_model(model, params), llama_free);
  if (!context) fail("cannot make a context of " + std::to_string(positions) + " positions");
  return context;
}

// Feeds `ids` from position `past` on; all of them yield logits, or the last only.
inline void feed(llama_context* context, const std::vector<llama_token>& ids, int past, bool all_logits) {
  auto count = static_cast<int32_t>(ids.size());
  llama_batch batch = llama_batch_init(count, 0, 1);
  batch.n_tokens = count;
  for (int32_t i = 0; i < count; ++i) {
    batch.token[i] = ids[static_cast<size_t>(i)];
    batch.pos[i] = past + i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = all_logits || i == count - 1;
  }
  int status = llama_decode(context, batch);
  llama_batch_free(batch);
  if (status != 0) fail("decode returned " + std::to_string(status));
}

}  // namespace doorbell::oracle
