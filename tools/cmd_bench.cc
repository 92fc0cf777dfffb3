// `doorbell bench`: each figure of doorbell beside its peer's, on this machine, in one run, as a ratio.
// Rounds alternate between the two, so that what else the machine does meets both; the median of the rounds
// counts. Peers are programs of their own (tools/bench/peers, described there); doorbell's side is this
// program anew
// (`--child`, tools/bench/work.h), and for memory and the first token `doorbell run` as a user starts it.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "hal/base/file.h"
#include "tools/backends.h"
#include "tools/bench/emu.h"
#include "tools/bench/measure.h"
#include "tools/bench/work.h"
#include "tools/commands.h"
#include "tools/fetch/fetch.h"
#include "tools/targets.h"

namespace doorbell {
namespace {

using Json = nlohmann::json;
using bench::Figures;

struct Options {
  std::vector<std::string> names;
  std::filesystem::path model;
  int rounds = 3;
  bool json = false;
  std::string child;
};

// ---- processes

struct Ran {
  std::string output;
  double first_byte_ms = 0, peak_mb = 0;
};

// Runs a program to its end. Its standard error is dropped unless it fails, then its last line is the
// error's.
Result<Ran> run_fresh(const std::vector<std::string>& command,
                      const std::vector<std::string>& variables = {}) {
  int out[2], errors[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(errors, O_CLOEXEC) != 0)
    return error("bench: pipe: {}", std::strerror(errno));
  std::vector<std::string> words = {"env"};
  words.insert(words.end(), variables.begin(), variables.end());
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> argv;
  for (size_t i = variables.empty() ? 1 : 0; i < words.size(); ++i) argv.push_back(words[i].data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, errors[1], 2);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  auto start = bench::Clock::now();
  pid_t child = 0;
  int failed = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  Fd output(out[0]), noise(errors[0]);
  ::close(out[1]);
  ::close(errors[1]);
  if (failed) return error("bench: cannot start {}: {}", argv[0], std::strerror(failed));
  Ran ran;
  char buffer[4096];
  for (ssize_t n; (n = ::read(output.get(), buffer, sizeof buffer)) > 0;) {
    if (ran.output.empty()) ran.first_byte_ms = bench::seconds_since(start) * 1e3;
    ran.output.append(buffer, static_cast<size_t>(n));
  }
  std::string said;  // of programs that say little: less than a pipe holds
  for (ssize_t n; (n = ::read(noise.get(), buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<size_t>(n));
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  ran.peak_mb = static_cast<double>(usage.ru_maxrss) / 1024;
  if (status == 0) return ran;
  while (said.ends_with('\n')) said.pop_back();
  return error("{} failed{}{}", command[0], said.empty() ? "" : ": ", said.substr(said.rfind('\n') + 1));
}

std::string self() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

Result<Json> child(std::string_view work, int threads, const Options& o,
                   std::vector<std::string> variables = {}) {
  variables.push_back(fmt::format("THREADS={}", threads));
  Ran ran =
      TRY(run_fresh({self(), "bench", "--child", std::string(work), "--model", o.model.string()}, variables));
  Json figures = Json::parse(ran.output, nullptr, false);
  if (figures.is_discarded()) return error("bench: {} printed no figures", work);
  return figures;
}

// ---- peers

std::filesystem::path oracle(std::string_view name) {
  auto variable = [](const char* key) { return std::string(std::getenv(key) ? std::getenv(key) : ""); };
  std::filesystem::path folder = variable("DOORBELL_ORACLES");
  if (folder.empty()) {
    std::string cache = variable("XDG_CACHE_HOME");
    folder = std::filesystem::path(cache.empty() ? variable("HOME") + "/.cache" : cache) / "doorbell/oracles";
  }
  return folder / "bin" / name;
}

Result<Json> peer_program(const std::filesystem::path& program, const char* lacking,
                          std::vector<std::string> arguments) {
  if (!std::filesystem::exists(program)) return error("{}", lacking);
  arguments.insert(arguments.begin(), program.string());
  Ran ran = TRY(run_fresh(arguments));
  Json printed = Json::parse(ran.output, nullptr, false);
  if (printed.is_discarded() || !printed.contains("rows") || printed["rows"].empty())
    return error("{} printed no figures", program.string());
  return printed["rows"][0];
}

Result<Json> openblas(int threads, const Options&) {
  return peer_program(std::filesystem::path(self()).parent_path() / "bench/sgemm_openblas",
                      "not built: the package libopenblas-dev is missing", {std::to_string(threads)});
}
Result<Json> llama_cpp(int threads, const Options& o) {
  return peer_program(
      oracle("bench_llama_cpp"),
      "not there: tools/oracle/fetch-oracles.sh makes it, with the packages npm, python3-pip, git, g++",
      {o.model.string(), std::to_string(threads), "1"});
}

// The host's own f32 arithmetic, from registers.
Result<Json> host_peak(int threads, const Options&) {
  Json row = TRY(peer_program(std::filesystem::path(self()).parent_path() / "bench/host_ceiling",
                              "not built: the target bench_peers makes it", {std::to_string(threads)}));
  double most = 0;
  for (const char* key : {"f32_fma_avx2_gops", "f32_fma_avx512_gops"})
    most = std::max(most, row.value(key, 0.0));
  return Json{{"gflops", most}};
}

// ---- doorbell

Result<Json> emulated_start(int, const Options&) {
  auto start = bench::Clock::now();
  (void)TRY(run_fresh({self(), "emu", "--", "/bin/true"}));
  return Json{{"ms", bench::seconds_since(start) * 1e3}};
}

Result<Json> our_run(int threads, const Options& o) {
  // 32 tokens, as the peer's; the prompt is echoed when its logits stand, then the first token follows.
  const char* prompt =
      "The sea was calm that morning, and the fishermen had already left the harbour when the children came "
      "down to the beach to look for shells and small crabs";
  Ran ran = TRY(run_fresh({self(), "run", o.model.string(), "--raw", "-p", prompt, "-n", "65", "--temp", "0",
                           "-c", "1024", "-t", std::to_string(threads), "--act", "q8"}));
  return Json{{"first_token_ms", ran.first_byte_ms}, {"peak_mb", ran.peak_mb}};
}

// ---- the table

using Measure = Result<Json> (*)(int threads, const Options&);
struct Figure {
  const char* name;
  const char* key;  // in both JSON objects
  const char* unit;
  bool more_is_better;
  double aim;  // with a peer: of the ratio; without one: of the figure. 0: none
};
// Figures that come from the same pair of processes.
struct Row {
  const char* name;
  const char* peer;
  std::vector<int> threads;
  bool needs_model;
  Measure theirs, ours;  // no peer: null
  std::vector<Figure> figures;
};

// clang-format off
const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"sgemm", "OpenBLAS", {1, 2}, false, openblas, [](int t, const Options& o) { return child("sgemm", t, o); },
       {{"sgemm 1024^3", "gflops", "GFLOP/s", true, 0.7}}},
      {"smollm2", "llama.cpp", {1, 2}, true, llama_cpp, [](int t, const Options& o) { return child("smollm2", t, o); },
       {{"decode after 128 tokens", "decode_64", "tokens/s", true, 1}, {"prompt of 128", "prompt_128", "tokens/s", true, 1},
        {"prompt of 512", "prompt_512", "tokens/s", true, 1}}},
      {"start", "llama.cpp", {2}, true, llama_cpp, our_run,
       {{"start to first token", "first_token_ms", "ms", false, 0}, {"peak memory", "peak_mb", "MiB", false, 0}}},
      {"mlp", nullptr, {2}, false, nullptr, [](int t, const Options& o) { return child("mlp", t, o, {"CACHE=off"}); },
       {{"cold training step, compiled", "cold_ms", "ms", false, 100}, {"the same, replayed", "replay_ms", "ms", false, 0}}},
      {"replay", nullptr, {2}, false, nullptr, [](int t, const Options& o) { return child("replay", t, o); },
       {{"one more kernel, replayed", "us", "us", false, 1}}},
      {"eager", nullptr, {2}, false, nullptr, [](int t, const Options& o) { return child("eager", t, o); },
       {{"eager (a + 1), on the host", "us", "us", false, 20}}},
      {"emu", nullptr, {1}, false, nullptr, [](int t, const Options& o) { return child("emu_valu", t, o); },
       {{"emulated vector instructions", "million", "10^6/s", true, 50}}},
      {"emu", "this host", {1}, false, host_peak, [](int t, const Options& o) { return child("emu_wmma", t, o); },
       {{"emulated WMMA", "gflops", "GFLOP/s", true, 0.5}}},
      {"emu", "memcpy", {1}, false, [](int t, const Options& o) { return child("emu_memcpy", t, o); },
       [](int t, const Options& o) { return child("emu_copy", t, o); },
       {{"emulated copy", "gb_per_s", "GB/s", true, 0.33}}},
      {"emu", "memcpy", {1}, false, [](int t, const Options& o) { return child("emu_memcpy", t, o); },
       [](int t, const Options& o) { return child("emu_copy_window", t, o); },
       {{"the same where the host reads", "gb_per_s", "GB/s", true, 0.33}}},
      {"emu", nullptr, {1}, false, nullptr, emulated_start, {{"emu -- /bin/true", "ms", "ms", false, 50}}},
  };
  return table;
}

struct Child { const char* name; Result<Figures> (*work)(Engine&, const Options&); };
const Child kChildren[] = {
    {"sgemm",   [](Engine& e, const Options&) { return bench::matrix_product(e); }},
    {"smollm2", [](Engine& e, const Options& o) { return bench::language_model(e, o.model); }},
    {"mlp",     [](Engine& e, const Options&) { return bench::training_step(e); }},
    {"replay",  [](Engine& e, const Options&) { return bench::replayed_kernel(e); }},
    {"eager",   [](Engine&, const Options&) { return bench::eager_operation(); }},
};
struct EmulatedChild { const char* name; Result<Figures> (*work)(); };
const EmulatedChild kEmulated[] = {
    {"emu_valu",   bench::emulated_vector_instructions},
    {"emu_wmma",   bench::emulated_matrix_products},
    {"emu_copy",   [] { return bench::emulated_copy(false); }},
    {"emu_copy_window", [] { return bench::emulated_copy(true); }},
    {"emu_memcpy", bench::host_copy},
};
// clang-format on

Status run_child(const Options& o) {
  for (const EmulatedChild& c : kEmulated)
    if (o.child == c.name) {
      fmt::print("{}\n", Json(TRY(c.work())).dump());
      return success();
    }
  std::unique_ptr<Device> device = TRY(open_device());
  Target target = TRY(target_for(device->properties().limits));
  std::unique_ptr<Engine> engine = TRY(Engine::make(*device, std::move(target)));
  use_engine(engine.get());
  for (const Child& c : kChildren)
    if (o.child == c.name) {
      fmt::print("{}\n", Json(TRY(c.work(*engine, o))).dump());
      return success();
    }
  return error("bench: no work is named {}", o.child);
}

class Screen {
 public:
  void say(std::string_view what) const {
    if (on_) fmt::print(stderr, "\r\033[K{}", what);
  }
  ~Screen() { say(""); }

 private:
  bool on_ = ::isatty(2);
};

std::optional<double> middle(const std::vector<Json>& rounds, const char* key) {
  std::vector<double> values;
  for (const Json& r : rounds)
    if (r.contains(key)) values.push_back(r[key].get<double>());
  if (values.empty()) return std::nullopt;
  return bench::median(values);
}
std::string shown(std::optional<double> value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

Status run(Options o) {
  if (!o.child.empty()) return run_child(o);
  std::vector<const Row*> chosen;
  for (const Row& row : rows())
    if (o.names.empty() || std::find(o.names.begin(), o.names.end(), row.name) != o.names.end())
      chosen.push_back(&row);
  for (const std::string& name : o.names)
    if (std::none_of(chosen.begin(), chosen.end(), [&](const Row* r) { return r->name == name; })) {
      std::string names;
      for (const Row& row : rows()) names += fmt::format(" {}", row.name);
      return error("bench: no row is named {}; there are:{}", name, names);
    }
  if (o.model.empty() &&
      std::any_of(chosen.begin(), chosen.end(), [](const Row* r) { return r->needs_model; }))
    o.model = TRY(model("smollm2"));

  Json all = Json::array();
  std::vector<std::string> notes;
  Screen screen;
  if (!o.json)
    fmt::print("{:<30} {:>7} {:>12} {:>12} {:>9} {:>8}  {}\n", "", "threads", "peer", "doorbell", "", "ratio",
               "peer is, aim");
  for (const Row* row : chosen)
    for (int threads : row->threads) {
      std::vector<Json> theirs, ours;
      std::string lacking;
      for (int round = 0; round < o.rounds; ++round) {
        if (row->theirs && lacking.empty()) {
          screen.say(
              fmt::format("{}, {} threads: {}, {}/{}", row->name, threads, row->peer, round + 1, o.rounds));
          auto result = row->theirs(threads, o);
          if (result.ok()) theirs.push_back(*result);
          else lacking = result.error().message;
        }
        screen.say(fmt::format("{}, {} threads: doorbell, {}/{}", row->name, threads, round + 1, o.rounds));
        ours.push_back(TRY(row->ours(threads, o)));
      }
      screen.say("");
      if (!lacking.empty()) notes.push_back(fmt::format("{}: {}", row->peer, lacking));
      for (const Figure& f : row->figures) {
        auto peer = middle(theirs, f.key), mine = middle(ours, f.key);
        // Above 1: doorbell is better.
        std::optional<double> ratio;
        if (peer && mine) ratio = f.more_is_better ? *mine / *peer : *peer / *mine;
        all.push_back({{"row", row->name},
                       {"figure", f.name},
                       {"unit", f.unit},
                       {"threads", threads},
                       {"rounds", o.rounds},
                       {"peer", row->peer ? Json(row->peer) : Json()},
                       {"peer_value", peer ? Json(*peer) : Json()},
                       {"value", mine ? Json(*mine) : Json()},
                       {"ratio", ratio ? Json(*ratio) : Json()},
                       {"aim", f.aim > 0 ? Json(f.aim) : Json()}});
        if (o.json) continue;
        std::string aim =
            f.aim > 0 ? row->theirs
                            ? fmt::format(", aim {}", f.aim)
                            : fmt::format("aim {} {} {}", f.more_is_better ? "above" : "below", f.aim, f.unit)
                      : "";
        fmt::print("{:<30} {:>7} {:>12} {:>12} {:>9} {:>8}  {}{}\n", f.name, threads, shown(peer, 1),
                   shown(mine, 1), f.unit, shown(ratio, 2), row->peer ? row->peer : "", aim);
        std::fflush(stdout);
      }
    }
  if (o.json) {
    Json out = {{"rows", all}, {"notes", notes}};
    if (!o.model.empty()) out["model_bytes"] = std::filesystem::file_size(o.model);
    fmt::print("{}\n", out.dump(1));
    return success();
  }
  if (!o.model.empty())
    fmt::print("\nThe model's file has {:.1f} MiB, which are part of peak memory where they are mapped.\n",
               static_cast<double>(std::filesystem::file_size(o.model)) / (1 << 20));
  for (const std::string& note : notes) fmt::print("{}\n", note);
  return success();
}

}  // namespace

void add_bench(CLI::App& app, int& exit_status) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("bench", "doorbell and its peers on this machine, side by side");
  c->add_option("names", o->names,
                "rows to measure: sgemm, smollm2, start, mlp, replay, eager, emu; none: all");
  c->add_flag("--json", o->json, "print JSON");
  c->add_option("--rounds", o->rounds, "how often each is measured; the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  c->add_option("--model", o->model, "the .gguf file of the rows smollm2 and start");
  c->add_option("--child", o->child)->group("");  // how it starts itself
  c->footer(
      "Examples:\n"
      "  doorbell bench\n"
      "  doorbell bench sgemm smollm2 --json\n"
      "  doorbell bench smollm2 --model model.gguf --rounds 5\n"
      "A ratio above 1 says that doorbell is the better. Peers' threads spin: leave the machine alone "
      "meanwhile.");
  c->callback([o, &exit_status] {
    Status status = run(*o);
    exit_status = status ? 0 : report(status.error());
  });
}

}  // namespace doorbell
