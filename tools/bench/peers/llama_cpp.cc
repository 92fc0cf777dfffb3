// The peer for language models: the packaged llama.cpp, measured in its own process. Built by
// tools/oracle/fetch-oracles.sh; prints one JSON line.
//
//   bench_llama_cpp MODEL [THREADS [RUNS [CONTEXT]]]      by default every power of two up to the CPUs, 5
//   runs, 1024
//
// Rows: prompt tokens/s for prompts of 128 and 512 tokens, decode tokens/s over 64 tokens after a prompt of
// 128 (one token a step, the greedy choice included), milliseconds from exec of a fresh process to its first
// token after a prompt of 32, and that process's peak resident memory after 64 more tokens, mapped file pages
// included. All are medians after a warm-up; the file is in the page cache.
//
// At its best: the package carries the CPU backend once per instruction set, and the one chosen by cpuid is
// named in the output; weights are mapped, and repacked where that backend has a faster layout
// (use_extra_bufts, its default); a thread pool that persists is attached, as llama-bench and the command
// line tools do, since without one threads are created for every token; both settings of flash attention are
// measured and the better median of each row counts, as it wins on some machines only. Its threads spin: the
// figures hold on a machine that is otherwise idle.
#include <fcntl.h>
#include <ggml-cpu.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "tools/oracle/llama_cpp_model.h"

namespace doorbell::oracle {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kDecodeTokens = 64, kFirstPrompt = 32;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// A prompt of ordinary tokens, different from each other; the work does not depend on which they are.
std::vector<llama_token> prompt(const Model& model, int length) {
  int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model.get()));
  std::vector<llama_token> ids;
  for (int i = 0; i < length; ++i) ids.push_back(vocabulary / 4 + i * 37 % (vocabulary / 2));
  return ids;
}

// The CPU backend is loaded at run time, so that its functions are found by name.
template <class Function>
Function* cpu_function(const char* name) {
  auto* registry = ggml_backend_dev_backend_reg(ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU));
  return reinterpret_cast<Function*>(ggml_backend_reg_get_proc_address(registry, name));
}

// A context with a thread pool of its own.
class Session {
 public:
  Session(const Model& model, int threads, uint32_t positions, llama_flash_attn_type flash)
      : vocabulary_(llama_vocab_n_tokens(llama_model_get_vocab(model.get()))), context_(nullptr, llama_free) {
    auto params = llama_context_default_params();
    params.n_ctx = positions;
    params.n_threads = params.n_threads_batch = threads;
    params.flash_attn_type = flash;
    context_.reset(llama_init_from_model(model.get(), params));
    if (!context_) fail("cannot make a context");
    auto pool = ggml_threadpool_params_default(threads);
    pool_ = cpu_function<decltype(ggml_threadpool_new)>("ggml_threadpool_new")(&pool);
    if (pool_ == nullptr) fail("cannot make a thread pool");
    llama_attach_threadpool(context_.get(), pool_, pool_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    context_.reset();
    cpu_function<decltype(ggml_threadpool_free)>("ggml_threadpool_free")(pool_);
  }

  // Feeds ids in an empty cache, the last one's logits computed. Returns seconds.
  double run_prompt(const std::vector<llama_token>& ids) {
    llama_memory_clear(llama_get_memory(context_.get()), true);
    auto start = Clock::now();
    feed(context_.get(), ids, 0, false);
    llama_synchronize(context_.get());
    position_ = static_cast<int>(ids.size());
    return seconds_since(start);
  }
  // Chooses and feeds `count` tokens one by one. Returns seconds.
  double decode(int count) {
    auto start = Clock::now();
    for (int i = 0; i < count; ++i) feed(context_.get(), {choose()}, position_++, false);
    llama_synchronize(context_.get());
    return seconds_since(start);
  }
  llama_token choose() {
    const float* row = llama_get_logits_ith(context_.get(), -1);
    return static_cast<llama_token>(std::max_element(row, row + vocabulary_) - row);
  }

 private:
  int vocabulary_;
  Context context_;
  ggml_threadpool* pool_ = nullptr;
  int position_ = 0;
};

struct Rates {
  double prompt_128 = 0, prompt_512 = 0, decode = 0;
};

Rates measure(const Model& model, int threads, int runs, uint32_t positions, llama_flash_attn_type flash) {
  Session session(model, threads, positions, flash);
  std::vector<double> p128, p512, decode;
  for (int run = -1; run < runs; ++run) {  // run -1 warms up
    double t512 = session.run_prompt(prompt(model, 512));
    double t128 = session.run_prompt(prompt(model, 128));
    double t64 = session.decode(kDecodeTokens);
    if (run < 0) continue;
    p512.push_back(512 / t512);
    p128.push_back(128 / t128);
    decode.push_back(kDecodeTokens / t64);
  }
  return {median(p128), median(p512), median(decode)};
}

// The fresh process: says "t" at its first token, then decodes on and prints its peak resident memory in kB.
int first_token(const char* path, int threads, uint32_t positions) {
  load_backends();
  Model model = load_model(path, false);
  Session session(model, threads, positions, LLAMA_FLASH_ATTN_TYPE_AUTO);
  session.run_prompt(prompt(model, kFirstPrompt));
  session.choose();
  if (write(STDOUT_FILENO, "t", 1) != 1) return 1;
  session.decode(kDecodeTokens);
  std::ifstream status(
      "/proc/self/status");  // VmHWM and not ru_maxrss, which remembers the process before exec
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) std::printf("%ld\n", std::atol(line.c_str() + 6));
  }
  return 0;
}

struct Fresh {
  double first_token_ms = 0, peak_mb = 0;
};

Fresh run_fresh(const char* model, int threads, uint32_t positions) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
  std::string thread_word = std::to_string(threads), position_word = std::to_string(positions);
  auto start = Clock::now();
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl("/proc/self/exe", "bench_llama_cpp", "--first-token", model, thread_word.c_str(),
          position_word.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  char mark = 0;
  bool spoke = read(ends[0], &mark, 1) == 1;
  double first = seconds_since(start);
  std::string rest;
  char buffer[64];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    rest.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!spoke || status != 0) fail("the fresh process failed");
  return {first * 1e3, std::atof(rest.c_str()) / 1024};
}

Fresh measure_fresh(const char* model, int threads, int runs, uint32_t positions) {
  std::vector<double> first, peak;
  for (int run = -1; run < runs; ++run) {
    Fresh fresh = run_fresh(model, threads, positions);
    if (run < 0) continue;
    first.push_back(fresh.first_token_ms);
    peak.push_back(fresh.peak_mb);
  }
  return {median(first), median(peak)};
}

}  // namespace
}  // namespace doorbell::oracle

int main(int argc, char** argv) {
  using namespace doorbell::oracle;
  if (argc == 5 && std::string(argv[1]) == "--first-token") {
    return first_token(argv[2], std::atoi(argv[3]), static_cast<uint32_t>(std::atoi(argv[4])));
  }
  if (argc < 2 || argc > 5) fail("usage: bench_llama_cpp MODEL [THREADS [RUNS [CONTEXT]]]");
  int runs = argc > 3 ? std::max(1, std::atoi(argv[3])) : 5;
  auto positions = static_cast<uint32_t>(argc > 4 ? std::max(1024, std::atoi(argv[4])) : 1024);
  std::vector<int> thread_counts;
  if (argc > 2 && std::atoi(argv[2]) > 0) {
    thread_counts = {std::atoi(argv[2])};
  } else {
    for (int n = 1; n <= static_cast<int>(std::thread::hardware_concurrency()); n *= 2)
      thread_counts.push_back(n);
  }

  load_backends();
  std::printf(
      "{\"peer\": \"llama.cpp\", \"version\": \"%s\", \"cpu_backend\": \"%s\", \"system_info\": \"%s\", "
      "\"model\": \"%s\", \"context\": %u, \"runs\": %d, \"rows\": [",
      llama_version(), cpu_backend().c_str(), llama_print_system_info(),
      std::filesystem::path(argv[1]).filename().c_str(), positions, runs);
  Model model = load_model(argv[1], false);
  for (int threads : thread_counts) {
    Fresh fresh = measure_fresh(argv[1], threads, runs, positions);
    Rates with = measure(model, threads, runs, positions, LLAMA_FLASH_ATTN_TYPE_ENABLED);
    Rates without = measure(model, threads, runs, positions, LLAMA_FLASH_ATTN_TYPE_DISABLED);
    std::printf(
        "%s{\"threads\": %d, \"prompt_128\": %.1f, \"prompt_512\": %.1f, \"decode_64\": %.2f, "
        "\"flash_attention\": {\"prompt_128\": %s, \"prompt_512\": %s, \"decode_64\": %s}, "
        "\"first_token_ms\": %.1f, \"peak_mb\": %.1f}",
        threads == thread_counts.front() ? "" : ", ", threads, std::max(with.prompt_128, without.prompt_128),
        std::max(with.prompt_512, without.prompt_512), std::max(with.decode, without.decode),
        with.prompt_128 > without.prompt_128 ? "true" : "false",
        with.prompt_512 > without.prompt_512 ? "true" : "false",
        with.decode > without.decode ? "true" : "false", fresh.first_token_ms, fresh.peak_mb);
  }
  std::printf("]}\n");
}
