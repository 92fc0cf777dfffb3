#include "tools/bench/work.h"

#include <algorithm>

#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/functional.h"
#include "runtime/grad.h"
#include "runtime/matmul.h"
#include "runtime/models/llama.h"
#include "runtime/optim.h"
#include "runtime/random.h"
#include "runtime/realize.h"
#include "tools/bench/measure.h"
#include "tools/bench/sgemm.h"

namespace doorbell::bench {

namespace {

constexpr int kDecoded = 64;

Status finish(Captured& work) {
  TRY(work.submit({}));
  return work.wait();
}

}  // namespace

Result<Figures> language_model(Engine& engine, const std::filesystem::path& path) {
  Gguf opened = TRY(Gguf::open(path));
  auto file = std::make_shared<const Gguf>(std::move(opened));
  LlamaOptions options;
  options.context = 1024;
  options.activations = Activations::q8;  // as llama.cpp has it for quantised weights
  Llama model = TRY(Llama::load(file, options, engine));
  const auto vocabulary = static_cast<int32_t>(model.shape().vocabulary);
  auto prompt = [&](int32_t length) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < length; ++i) ids.push_back(vocabulary / 4 + i * 37 % (vocabulary / 2));
    return ids;
  };
  auto read_prompt = [&](int32_t length) -> Result<double> {
    const auto ids = prompt(length);
    model.rewind(0);
    auto start = Clock::now();
    TRY(model.append(ids));
    return length / seconds_since(start);
  };
  auto decode = [&]() -> Result<double> {
    (void)TRY(read_prompt(128));
    auto start = Clock::now();
    for (int i = 0; i < kDecoded; ++i) {
      auto logits = model.logits();
      auto best = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      TRY(model.append(std::span(&best, 1)));
    }
    return kDecoded / seconds_since(start);
  };
  Figures figures;
  for (int warm_up = 1; warm_up >= 0; --warm_up) {
    figures["prompt_128"] = TRY(read_prompt(128));
    figures["prompt_512"] = TRY(read_prompt(512));
    figures["decode_64"] = TRY(decode());
  }
  return figures;
}

Result<Figures> matrix_product(Engine& engine) {
  Throughput rate = TRY(sgemm(engine, 1024, 21));
  return Figures{{"gflops", rate.median}};
}

Result<Figures> training_step(Engine& engine) {
  const int64_t widths[] = {784, 512, 512, 10};
  std::vector<Tensor> parameters;
  for (int i = 0; i < 3; ++i) {
    parameters.push_back(kaiming_uniform({widths[i + 1], widths[i]}));
    parameters.push_back(zeros({widths[i + 1]}));
  }
  Tensor images = rand({64, 784}), labels = randint({64}, 0, 10);
  std::vector<Tensor*> given = {&images, &labels};
  for (Tensor& t : parameters) given.push_back(&t);
  TRY(realize(given));
  TRY(read_bytes(labels));

  auto start = Clock::now();
  Adam adam(parameters);
  Tensor x = images;
  for (size_t i = 0; i < 3; ++i) {
    x = matmul(x, parameters[2 * i].transpose()) + parameters[2 * i + 1];
    if (i < 2) x = relu(x);
  }
  Tensor loss = cross_entropy(x, labels);
  std::vector<Tensor> outputs = adam.step(gradients(loss, parameters));
  outputs.push_back(loss);
  Captured step = TRY(capture(outputs));
  double cold = seconds_since(start);
  Status status = success();
  auto seconds = time_runs(3, 21, [&] {
    if (status.ok()) status = finish(step);
  });
  TRY(std::move(status));
  (void)engine;
  return Figures{{"cold_ms", cold * 1e3},
                 {"replay_ms", median(seconds) * 1e3},
                 {"kernels", static_cast<double>(step.kernels())}};
}

Result<Figures> replayed_kernel(Engine& engine) {
  (void)engine;
  double seconds[2];
  const size_t counts[2] = {64, 128};
  for (int i = 0; i < 2; ++i) {
    Tensor x = from_values(std::vector<float>(16, 1.0f));
    for (size_t k = 0; k < counts[i]; ++k) x = (x + 1.0f).contiguous();
    Captured work = TRY(capture(std::span<const Tensor>(&x, 1)));
    if (work.kernels() != counts[i])
      return error("bench: {} dependent kernels were recorded as {}", counts[i], work.kernels());
    Status status = success();
    auto runs = time_runs(50, 501, [&] {
      if (status.ok()) status = finish(work);
    });
    TRY(std::move(status));
    seconds[i] = median(runs);
  }
  return Figures{{"us", (seconds[1] - seconds[0]) / static_cast<double>(counts[1] - counts[0]) * 1e6},
                 {"submission_us", (2 * seconds[0] - seconds[1]) * 1e6}};
}

Result<Figures> eager_operation() {
  Tensor a = from_values(std::vector<float>{1});
  TRY(a.realize());
  Status status = success();
  auto seconds = time_runs(20, 501, [&] {
    Tensor b = a + 1.0f;
    auto value = b.item<float>();
    if (!value.ok()) status = Error{value.error().message};
    else if (*value != 2) status = error("bench: 1 + 1 is {}", *value);
  });
  TRY(std::move(status));
  return Figures{{"us", median(seconds) * 1e6}};
}

}  // namespace doorbell::bench
