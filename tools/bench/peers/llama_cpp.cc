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
// line tools do, since without one threads are created for every token; each row's warm-up tries flash
// attention on and off and the runs use the faster. Its threads spin: the figures hold on a machine that is
// otherwise idle.
#include <fcntl.h>
#include <ggml-cpu.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tools/bench/measure.h"
#include "tools/oracle/llama_cpp_model.h"

namespace doorbell::oracle {
namespace {

using bench::Clock, bench::median, bench::seconds_since;

constexpr int kDecodeTokens = 64, kFirstPrompt = 32;
// A row stops after this many seconds: where another process takes a core, spinning threads are a hundred
// times slower.
constexpr double kRowSeconds = 15;

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

// What one session does in a row, in tokens/s.
double prompt_rate(Session& session, const std::vector<llama_token>& ids) {
  return static_cast<double>(ids.size()) / session.run_prompt(ids);
}
double decode_rate(Session& session, const std::vector<llama_token>& ids) {
  session.run_prompt(ids);
  return kDecodeTokens / session.decode(kDecodeTokens);
}

struct Row {
  const char* name;
  double (*rate)(Session&, const std::vector<llama_token>&);
  int prompt;
};
constexpr Row kRows[] = {
    {"prompt_128", prompt_rate, 128}, {"prompt_512", prompt_rate, 512}, {"decode_64", decode_rate, 128}};

struct Measured {
  double rate = 0;
  bool flash = false;
};

// The warm-up run also chooses between the two sessions.
Measured measure(Session& with_flash, Session& without, const Row& row, const std::vector<llama_token>& ids,
                 int runs) {
  bool flash = row.rate(with_flash, ids) >= row.rate(without, ids);
  std::vector<double> rates;
  auto start = Clock::now();
  for (int run = 0; run < runs && (run == 0 || seconds_since(start) < kRowSeconds); ++run) {
    rates.push_back(row.rate(flash ? with_flash : without, ids));
  }
  return {median(rates), flash};
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
  int runs = argc > 3 ? std::max(1, std::atoi(argv[3])) : 3;
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
    std::printf("%s{\"threads\": %d, ", threads == thread_counts.front() ? "" : ", ", threads);
    std::fflush(stdout);
    Session with_flash(model, threads, positions, LLAMA_FLASH_ATTN_TYPE_ENABLED);
    Session without(model, threads, positions, LLAMA_FLASH_ATTN_TYPE_DISABLED);
    for (const Row& row : kRows) {
      Measured measured = measure(with_flash, without, row, prompt(model, row.prompt), runs);
      std::printf("\"%s\": %.2f, \"%s_flash\": %s, ", row.name, measured.rate, row.name,
                  measured.flash ? "true" : "false");
    }
    std::printf("\"first_token_ms\": %.1f, \"peak_mb\": %.1f}", fresh.first_token_ms, fresh.peak_mb);
  }
  std::printf("]}\n");
}
