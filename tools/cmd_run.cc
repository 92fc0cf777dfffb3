// `doorbell run`: a language model answers. The options are those that llama.cpp's users know.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>

#include "hal/base/env.h"
#include "runtime/load/chat.h"
#include "runtime/load/tokenizer.h"
#include "runtime/models/llama.h"
#include "runtime/sample.h"
#include "tools/backends.h"
#include "tools/commands.h"
#include "tools/fetch/fetch.h"
#include "tools/targets.h"

namespace doorbell {
namespace {

struct Options {
  std::string model, prompt, model_dir;
  Activations activations = Activations::f32;
  int64_t tokens = -1, context = 0;
  int threads = 0;
  int64_t seed = -1;
  bool interactive = false, raw = false;
  SampleOptions sample;
};

volatile std::sig_atomic_t interrupted = 0;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Tally {
  int64_t prompt_tokens = 0, decoded = 0;
  double prompt_seconds = 0, decode_seconds = 0, first = -1;
};

Status show(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return error("run: cannot write to standard output: {}", std::strerror(errno));
  return success();
}

// A generation: feeds `tokens`, then samples until the model ends or the limit is reached. Returns the last
// token, which was shown and not fed; none where the model said the end itself.
Result<std::optional<int32_t>> generate(Llama& model, const Tokenizer& tokenizer, Sampler& sampler,
                                        std::span<const int32_t> tokens, int64_t limit,
                                        std::chrono::steady_clock::time_point start, Tally& tally,
                                        std::string_view echo, bool at_start) {
  auto begin = std::chrono::steady_clock::now();
  TRY(model.append(tokens));
  for (int32_t t : tokens) sampler.accept(t);
  tally.prompt_tokens += static_cast<int64_t>(tokens.size());
  tally.prompt_seconds += seconds_since(begin);
  StreamDecoder text(tokenizer, at_start);
  TRY(show(echo));  // now that it is known to fit
  begin = std::chrono::steady_clock::now();
  std::optional<int32_t> unfed;
  int64_t made = 0;
  for (; limit < 0 || made < limit; ++made) {
    int32_t token = sampler.sample(model.logits());
    if (tally.first < 0) tally.first = seconds_since(start);
    if (tokenizer.ends_generation(token)) break;
    TRY(show(text.add(token)));
    sampler.accept(token);
    if (interrupted || model.position() >= model.context() || made + 1 == limit) {
      unfed = token;
      ++made;
      break;
    }
    TRY(model.append(std::span(&token, 1)));
  }
  TRY(show(text.finish()));
  tally.decoded += made;
  tally.decode_seconds += seconds_since(begin);
  return unfed;
}

Status run(const Options& options) {
  if (options.model.empty())
    return error("run: name a model, smollm2 for one, or a .gguf file (see doorbell run --help)");
  auto start = std::chrono::steady_clock::now();
  if (options.threads > 0) {
    ::setenv("THREADS", std::to_string(options.threads).c_str(), 1);
    reload_env();
  }
  std::filesystem::path path = options.model;
  // A name of the table, unless there is such a file.
  if (!std::filesystem::exists(path)) {
    if (path.extension() == ".gguf" || path.has_parent_path())
      return error("{}: no such file", path.string());
    path = TRY(model(options.model, options.model_dir));
  }
  Gguf opened = TRY(Gguf::open(path));
  auto file = std::make_shared<const Gguf>(std::move(opened));
  Tokenizer tokenizer = TRY(Tokenizer::load(*file));
  ChatFormat format = TRY(ChatFormat::detect(*file));
  std::unique_ptr<Device> device = TRY(open_device());
  Target target = TRY(target_for(device->properties().limits));
  std::unique_ptr<Engine> engine = TRY(Engine::make(*device, std::move(target)));
  use_engine(engine.get());
  LlamaOptions model_options;
  model_options.context = options.context;
  model_options.activations = options.activations;
  Llama llama = TRY(Llama::load(file, model_options, *engine));

  if (llama.shape().vocabulary != tokenizer.size())
    return error(
        "{}: found {} rows in token_embd.weight, expected one for each of the {} tokens of the vocabulary",
        path.string(), llama.shape().vocabulary, tokenizer.size());

  SampleOptions sample = options.sample;
  sample.seed = options.seed >= 0 ? static_cast<uint64_t>(options.seed) : std::random_device{}();
  Sampler sampler(sample);
  Tally tally;
  bool conversation = !options.raw && format.family().name != "plain";
  std::string prompt = options.prompt;
  auto ask = [&]() -> bool {
    if (::isatty(0)) fmt::print("> ");
    std::fflush(stdout);
    return static_cast<bool>(std::getline(std::cin, prompt));
  };
  if (options.interactive && prompt.empty() && !ask()) return success();
  std::vector<int32_t> tokens;
  if (conversation) {
    ChatMessage message{"user", prompt};
    tokens = TRY(tokenizer.encode(format.conversation(std::span(&message, 1), true).parts(), true));
  } else {
    tokens = TRY(tokenizer.encode(prompt, true));
    if (tokens.empty() && tokenizer.bos()) tokens.push_back(*tokenizer.bos());
    if (tokens.empty())
      return error("run: the prompt is empty and the model has no token to begin with; give -p");
  }
  for (bool first = true;; first = false) {
    auto unfed = TRY(generate(llama, tokenizer, sampler, tokens, options.tokens, start, tally,
                              first && !conversation ? prompt : std::string_view(), first && prompt.empty()));
    if (!options.interactive || interrupted || llama.position() >= llama.context()) break;
    TRY(show("\n"));
    if (!ask()) break;
    if (unfed) TRY(llama.append(std::span(&*unfed, 1)));
    tokens = conversation ? TRY(tokenizer.encode(format.next(prompt, false).parts(), false))
                          : TRY(tokenizer.encode(prompt, false));
  }
  TRY(show("\n"));
  // The first token was sampled from the prompt's logits; each further one took a step.
  auto rate = [](int64_t n, double s) { return s > 0 ? static_cast<double>(n) / s : 0.0; };
  fmt::print(stderr,
             "\n[prompt {} tokens, {:.1f} tokens/s; decode {} tokens, {:.1f} tokens/s; first token after "
             "{:.2f} s]\n",
             tally.prompt_tokens, rate(tally.prompt_tokens, tally.prompt_seconds), tally.decoded,
             rate(std::max<int64_t>(tally.decoded - 1, 0), tally.decode_seconds), std::max(tally.first, 0.0));
  return success();
}

}  // namespace

void add_run(CLI::App& app, int& exit_status) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("run", "let a language model answer");
  // CLI11's ranges let "nan" through.
  auto finite = [](const std::string& text) {
    return std::isfinite(std::strtod(text.c_str(), nullptr)) ? "" : text + " is not a finite number";
  };
  c->add_option("model", o->model, "a named model (smollm2), or a .gguf file");
  c->add_option("-p,--prompt", o->prompt, "the prompt");
  c->add_option("-n,--predict", o->tokens, "tokens to generate at most; -1: until the model ends")
      ->capture_default_str()
      ->check(CLI::Range(-1, 1 << 30));
  c->add_option("-c,--ctx-size", o->context, "tokens of context; 0: the model's own, at most 4096")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 30));
  c->add_option("-t,--threads", o->threads, "worker threads; 0: one for each processor")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  c->add_option("-s,--seed", o->seed, "random seed; -1: a new one each time")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{-1}, std::numeric_limits<int64_t>::max()));
  c->add_option("--temp", o->sample.temperature, "temperature; 0: always the most likely token")
      ->capture_default_str()
      ->check(finite)
      ->check(CLI::NonNegativeNumber);
  c->add_option("--top-k", o->sample.top_k, "sample from the k most likely; 0: from all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  c->add_option("--top-p", o->sample.top_p, "sample from the most likely that sum to p; 1: from all")
      ->capture_default_str()
      ->check(finite)
      ->check(CLI::Range(0.0, 1.0));
  c->add_option("--min-p", o->sample.min_p, "drop what is less likely than min-p times the best")
      ->capture_default_str()
      ->check(finite)
      ->check(CLI::Range(0.0, 1.0));
  c->add_option("--repeat-penalty", o->sample.repeat_penalty, "makes recent tokens less likely; 1: no")
      ->capture_default_str()
      ->check(finite)
      ->check(CLI::PositiveNumber);
  c->add_option("--repeat-last-n", o->sample.repeat_last, "how many tokens count as recent")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  const std::map<std::string, Activations> kinds{{"f32", Activations::f32}, {"q8", Activations::q8}};
  c->add_option("--act", o->activations,
                "activations that meet the weights: f32, or q8 as llama.cpp rounds them")
      ->transform(CLI::CheckedTransformer(kinds).description("f32|q8"))
      ->default_str("f32");
  c->add_flag("-i,--interactive", o->interactive,
              "a conversation: asks for the next message after each answer");
  c->add_flag("--raw", o->raw, "the prompt as it is, without the model's chat format");
  c->add_option("--model-dir", o->model_dir, "where a named model lies, for machines without a network");
  c->footer(
      "Examples:\n"
      "  doorbell run smollm2 -p \"Why is the sky blue?\"\n"
      "  doorbell run smollm2 -i --temp 0.7 -s 1\n"
      "  doorbell run model.gguf --raw -p \"Once upon a time\" -n 100 --temp 0\n"
      "Ctrl-C ends the answer.");
  c->callback([o, &exit_status] {
    std::signal(SIGINT, [](int) {
      if (interrupted) std::_Exit(130);
      interrupted = 1;
    });
    try {
      Status status = run(*o);
      exit_status = status ? 0 : report(status.error());
    } catch (const std::bad_alloc&) {
      exit_status = report(
          error("run: {}: not enough memory for this model and context (-c makes it smaller)", o->model));
    }
  });
}

}  // namespace doorbell
