#include "runtime/models/llama.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "runtime/create.h"
#include "runtime/elementwise.h"
#include "runtime/index.h"
#include "runtime/load/utf8.h"
#include "runtime/matmul.h"
#include "runtime/realize.h"

namespace doorbell {

namespace {

// Prompts go in batches of these sizes, the rest of one padded to the smallest that holds it.
constexpr int64_t batches[] = {1, 8, 16, 64, 128};
constexpr int64_t largest_batch = 128;

// The batch for so many tokens: the largest that they fill, unless the next one wastes little more than a
// third.
int64_t batch_for(int64_t tokens) {
  int64_t best = 1;
  for (int64_t b : batches) {
    if (b <= tokens) best = b;
    else if (3 * tokens >= 2 * b) return b;
  }
  return best;
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon) {
  Tensor scale = rsqrt((x * x).mean(-1, true) + static_cast<float>(epsilon));
  return x * scale * weight;
}

// Rotates the pairs (2i, 2i + 1) of each head; x is (batch, heads, head), cosine and sine (batch, 1, head /
// 2, 2), the sine with the sign that the other of the pair takes.
Tensor rotate(const Tensor& x, const Tensor& cosine, const Tensor& sine) {
  int64_t batch = x.dim(0).size, heads = x.dim(1).size, head = x.dim(2).size;
  Tensor pairs = x.reshape({batch, heads, head / 2, 2});
  return (pairs * cosine + pairs.flip({3}) * sine).reshape({batch, heads, head});
}

// How positions are stretched past the context that a model was trained on.
struct Stretch {
  double divisor = 1;    // of angles
  double magnitude = 1;  // of what is rotated
  // YaRN: not yet of pair `low` and those before it, wholly from pair `high` on, and in between in part.
  bool ramp = false;
  double low = 0, high = 0;
  [[nodiscard]] double of_pair(double i) const {
    const double share = ramp ? std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0) : 1.0;
    return 1 - share + share / divisor;
  }
};

// As llama.cpp reads it (src/llama-model.cpp, load_hparams(); src/llama-context.cpp;
// ggml_rope_yarn_corr_dims() of ggml.c; rope_yarn() of ggml-cpu/ops.cpp): a factor without a type is linear,
// and one of 0 is none.
Result<Stretch> stretch_of(const Gguf& file, const LlamaShape& s) {
  auto number = [&](std::string_view key, double otherwise, double least) -> Result<double> {
    auto value = file.find(key);
    if (!value) return otherwise;
    double found = TRY(value->as_float());
    if (!(found >= least && std::isfinite(found)))
      return value->fail(fmt::format("{}", found), least > 0 ? "a positive number" : "a number from 0 on");
    return found;
  };
  constexpr double positive = std::numeric_limits<double>::min();
  Stretch stretch;
  stretch.magnitude = TRY(number("llama.rope.scaling.attn_factor", 1, positive));
  std::string_view type = "linear";
  if (auto scaling = file.find("llama.rope.scaling.type")) {
    type = TRY(scaling->as_string());
    if (type == "none") return stretch;
    if (type != "linear" && type != "yarn")
      return scaling->fail("rope scaling " + in_quotes(type), "'none', 'linear' or 'yarn'");
  }
  const double older = TRY(number("llama.rope.scale_linear", 0, 0));
  const double factor = TRY(number("llama.rope.scaling.factor", older, 0));
  if (factor != 0) stretch.divisor = factor;
  if (type != "yarn") return stretch;
  for (const char* key : {"ext_factor", "attn_factor", "log_multiplier"}) {
    if (auto value = file.find(fmt::format("llama.rope.scaling.yarn_{}", key)))
      return value->fail(fmt::format("a YaRN {}", key), "none: what follows from the factor");
  }
  auto trained = static_cast<double>(s.context);
  if (auto context = file.find("llama.rope.scaling.original_context_length"))
    trained = static_cast<double>(TRY(context->as_unsigned(1, 1u << 27)));
  // The pair that turns so often within the context that the model was trained on.
  auto pair_of = [&](double turns) {
    return static_cast<double>(s.head) * std::log(trained / (turns * 2 * M_PI)) / (2 * std::log(s.rope_base));
  };
  stretch.ramp = true;
  stretch.low =
      std::max(0.0, std::floor(pair_of(TRY(number("llama.rope.scaling.yarn_beta_fast", 32, positive)))));
  stretch.high = std::min(static_cast<double>(s.head - 1),
                          std::ceil(pair_of(TRY(number("llama.rope.scaling.yarn_beta_slow", 1, positive)))));
  stretch.magnitude *= 1 + 0.1 * std::log(stretch.divisor);
  return stretch;
}

// By what angle each pair of a head turns with every position, in double. Llama-3's factors, one for each
// pair, lie in a tensor of their own; null: they are all 1. Source: ggml_compute_forward_rope
// (ggml-cpu/ops.cpp).
Result<std::vector<double>> turns(const Gguf& file, const LlamaShape& s, const Stretch& stretch,
                                  const GgufTensor* factors) {
  const int64_t pairs = s.head / 2;
  if (factors && (factors->type->name != "F32" || factors->rank != 1 ||
                  factors->dims[0] != static_cast<uint64_t>(pairs)))
    return file.fail(file.offset_of(factors->name.data()),
                     fmt::format("{} of type {} and dimensions ({})", factors->name, factors->type->name,
                                 fmt::join(std::span(factors->dims).first(factors->rank), ", ")),
                     fmt::format("type F32 and ({}), one for each pair of a head", pairs));
  std::vector<double> turn;
  for (int64_t i = 0; i < pairs; ++i) {
    float factor = 1;
    if (factors) {
      const std::byte* at = &factors->data[static_cast<size_t>(i) * sizeof factor];
      std::memcpy(&factor, at, sizeof factor);
      if (!(factor > 0 && std::isfinite(factor)))
        return file.fail(file.offset_of(at), fmt::format("{} in {}", factor, factors->name),
                         "a positive number");
    }
    turn.push_back(std::pow(s.rope_base, -2.0 * static_cast<double>(i) / static_cast<double>(s.head)) /
                   static_cast<double>(factor) * stretch.of_pair(static_cast<double>(i)));
  }
  return turn;
}

}  // namespace

Result<Llama> Llama::load(std::shared_ptr<const Gguf> file, const LlamaOptions& options, Engine& engine) {
  Llama m;
  m.file_ = file;
  m.engine_ = &engine;
  GgufValue architecture = TRY(file->require("general.architecture"));
  std::string_view kind = TRY(architecture.as_string());
  if (kind != "llama") return architecture.fail("architecture " + in_quotes(kind), "'llama'");
  constexpr uint64_t most = 1u << 20;
  auto integer = [&](std::string_view key, uint64_t low, uint64_t high) -> Result<int64_t> {
    GgufValue value = TRY(file->require(key));
    uint64_t number = TRY(value.as_unsigned(low, high));
    return static_cast<int64_t>(number);
  };
  LlamaShape& s = m.shape_;
  s.layers = TRY(integer("llama.block_count", 1, 1024));
  s.width = TRY(integer("llama.embedding_length", 1, most));
  s.heads = TRY(integer("llama.attention.head_count", 1, 4096));
  s.hidden = TRY(integer("llama.feed_forward_length", 1, most));
  s.context = TRY(integer("llama.context_length", 1, 1u << 27));
  s.kv_heads = s.heads;
  if (file->find("llama.attention.head_count_kv"))
    s.kv_heads = TRY(integer("llama.attention.head_count_kv", 1, static_cast<uint64_t>(s.heads)));
  GgufValue heads = *file->find("llama.attention.head_count");
  if (s.heads % s.kv_heads || s.width % s.heads)
    return heads.fail(fmt::format("{} heads", s.heads),
                      fmt::format("a divisor of the width {} and a multiple of the {} key-value heads",
                                  s.width, s.kv_heads));
  s.head = s.width / s.heads;
  if (file->find("llama.rope.dimension_count")) {
    int64_t rotated = TRY(integer("llama.rope.dimension_count", 1, most));
    if (rotated != s.head)
      return file->find("llama.rope.dimension_count")
          ->fail(fmt::format("{} rotated dimensions", rotated), fmt::format("all {} of a head", s.head));
  }
  if (s.head % 2) return heads.fail(fmt::format("heads of {} dimensions", s.head), "an even number");
  GgufValue epsilon = TRY(file->require("llama.attention.layer_norm_rms_epsilon"));
  s.epsilon = TRY(epsilon.as_float());
  if (!(s.epsilon >= 0 && std::isfinite(s.epsilon)))
    return epsilon.fail(fmt::format("{}", s.epsilon), "a finite number from 0 on");
  s.rope_base = 10000;
  if (auto base = file->find("llama.rope.freq_base")) {
    s.rope_base = TRY(base->as_float());
    if (!(s.rope_base > 0 && std::isfinite(s.rope_base)))
      return base->fail(fmt::format("{}", s.rope_base), "a positive number");
  }
  for (const char* key : {"llama.attention.key_length", "llama.attention.value_length"})
    if (auto length = file->find(key)) {
      int64_t found = TRY(integer(key, 1, most));
      if (found != s.head)
        return length->fail(fmt::format("{}", found), fmt::format("width / heads, {}", s.head));
    }

  std::set<std::string_view> taken;
  auto weight = [&](const std::string& name, std::vector<int64_t> rows_columns) -> Result<Weight> {
    const GgufTensor* t = TRY(file->require_tensor(name));
    taken.insert(t->name);
    std::vector<int64_t> found;
    for (uint32_t i = t->rank; i-- > 0;) found.push_back(static_cast<int64_t>(t->dims[i]));
    if (found != rows_columns)
      return file->fail(file->offset_of(t->name.data()),
                        fmt::format("{} of shape ({})", name, fmt::join(found, ", ")),
                        fmt::format("shape ({})", fmt::join(rows_columns, ", ")));
    return weight_of(*t, file);
  };
  auto tensor = [&](const std::string& name, std::vector<int64_t> shape) -> Result<Tensor> {
    Weight w = TRY(weight(name, std::move(shape)));
    return w.values;
  };
  const GgufTensor* table = TRY(file->require_tensor("token_embd.weight"));
  s.vocabulary = static_cast<int64_t>(table->dims[1]);
  m.embedding_ = TRY(weight("token_embd.weight", {s.vocabulary, s.width}));
  m.output_ = m.embedding_;
  if (file->find_tensor("output.weight")) m.output_ = TRY(weight("output.weight", {s.vocabulary, s.width}));
  m.output_norm_ = TRY(tensor("output_norm.weight", {s.width}));

  m.activations_ = options.activations;
  if (m.activations_ == Activations::q8 && (s.width % 32 || s.hidden % 32))
    return error(
        "{}: 8-bit activations need widths that are multiples of 32, found {} and {} (use --act f32)",
        file->name(), s.width, s.hidden);
  m.context_ = options.context ? std::min(options.context, s.context) : std::min<int64_t>(s.context, 4096);
  const int64_t room = m.context_ + largest_batch;  // padding is written past the end
  m.first_ = make_symbol("first", 0, m.context_);
  m.length_ = make_symbol("length", 1, room);
  m.last_ = make_symbol("last", 0, largest_batch - 1);
  for (int64_t i = 0; i < s.layers; ++i) {
    auto name = [&](const char* part) { return fmt::format("blk.{}.{}.weight", i, part); };
    Layer layer;
    layer.attention_norm = TRY(tensor(name("attn_norm"), {s.width}));
    layer.q = TRY(weight(name("attn_q"), {s.width, s.width}));
    layer.k = TRY(weight(name("attn_k"), {s.kv_heads * s.head, s.width}));
    layer.v = TRY(weight(name("attn_v"), {s.kv_heads * s.head, s.width}));
    layer.o = TRY(weight(name("attn_output"), {s.width, s.width}));
    layer.ffn_norm = TRY(tensor(name("ffn_norm"), {s.width}));
    layer.gate = TRY(weight(name("ffn_gate"), {s.hidden, s.width}));
    layer.up = TRY(weight(name("ffn_up"), {s.hidden, s.width}));
    layer.down = TRY(weight(name("ffn_down"), {s.width, s.hidden}));
    layer.keys = empty({s.kv_heads, room, s.head}).node();
    layer.values = empty({s.kv_heads, room, s.head}).node();
    m.layers_.push_back(std::move(layer));
  }
  const GgufTensor* factors = file->find_tensor("rope_freqs.weight");
  if (factors) taken.insert(factors->name);
  const Stretch stretch = TRY(stretch_of(*file, s));
  const std::vector<double> turn = TRY(turns(*file, s, stretch, factors));
  // Biases, experts: a model that has them is another one without them.
  for (const GgufTensor& t : file->tensors())
    if (!taken.contains(t.name))
      return file->fail(file->offset_of(t.name.data()), "tensor " + in_quotes(t.name),
                        "no tensors beside those of the plain Llama family");
  // Angles in double, rounded once.
  std::vector<float> cosine, sine;
  for (int64_t p = 0; p < room; ++p)
    for (double by : turn) {
      double angle = static_cast<double>(p) * by;
      cosine.insert(cosine.end(), 2, static_cast<float>(stretch.magnitude * std::cos(angle)));
      for (double sign : {-1.0, 1.0})
        sine.push_back(static_cast<float>(sign * stretch.magnitude * std::sin(angle)));
    }
  m.cosine_ = from_values(cosine, {room, 1, s.head / 2, 2});
  m.sine_ = from_values(sine, {room, 1, s.head / 2, 2});
  return m;
}

// Blocks of 32 along the last axis: q = round(x / d), d = largest / 127.
Llama::Factor Llama::factor(const Tensor& x) const {
  Factor out{x.contiguous(), {}, {}, {}, activations_ == Activations::q8};
  if (!out.quantised) return out;
  const int64_t blocks = x.dim(1).size / 32;
  Tensor b = out.values.reshape({x.dim(0), blocks, 32});
  Tensor d = (abs(b).max(-1, true) * (1.0f / 127)).contiguous();
  out.numbers = where(d > 0, round(b / d), 0.0f).cast(dtype::i8).contiguous();
  out.values = (out.numbers.cast(dtype::f32) * d).reshape({x.dim(0), x.dim(1)}).contiguous();
  out.scale = d.reshape({x.dim(0), blocks});
  out.sums = out.numbers.cast(dtype::i32).sum(-1).cast(dtype::f32).contiguous();
  return out;
}

Tensor Llama::linear(const Factor& x, const Weight& weight) {
  if (!weight.blocks) return matmul(x.values, weight.values.transpose());
  const Blocks& w = *weight.blocks;
  const int64_t blocks = w.scale.dim(1).size;
  if (!x.quantised)
    return (x.values.reshape({x.values.dim(0), 1, blocks, 32}) * w.values().unsqueeze(0)).sum({2, 3});
  // Blocks of integers on both sides: the products inside a block are summed as integers.
  Tensor products =
      (w.numbers.unsqueeze(0) * x.numbers.cast(dtype::i32).unsqueeze(1)).sum(-1, false, dtype::i32);
  Tensor scaled = w.scale.unsqueeze(0) * products.cast(dtype::f32);
  if (w.offset) scaled = scaled + w.offset->unsqueeze(0) * x.sums.unsqueeze(1);
  return (x.scale.unsqueeze(1) * scaled).sum(-1);
}

Tensor Llama::forward(const Tensor& tokens, int64_t batch) {
  const LlamaShape& s = shape_;
  const int64_t group = s.heads / s.kv_heads;
  Tensor first = value_of(first_);
  Tensor cosine = cosine_.narrow(0, first, batch), sine = sine_.narrow(0, first, batch);
  // May position i of the batch look at position j of the sequence?
  Tensor seen = arange(dim_of(length_), dtype::i64).reshape({1, dim_of(length_)}) <=
                arange(batch, dtype::i64).reshape({batch, 1}) + first;
  Tensor x = take(embedding_.values, tokens).contiguous();
  for (Layer& layer : layers_) {
    Factor h = factor(rms_norm(x, layer.attention_norm, s.epsilon));
    Tensor q = rotate(linear(h, layer.q).reshape({batch, s.heads, s.head}), cosine, sine);
    Tensor k = rotate(linear(h, layer.k).reshape({batch, s.kv_heads, s.head}), cosine, sine);
    Tensor v = linear(h, layer.v).reshape({batch, s.kv_heads, s.head});
    // The cache is written where the batch stands; what follows reads the new version.
    Tensor keys(layer.keys), values(layer.values);
    keys.assign(keys.narrow(1, first, batch), k.permute({1, 0, 2}));
    values.assign(values.narrow(1, first, batch), v.permute({1, 0, 2}));
    Dim length = dim_of(length_);
    Tensor all_keys = keys.narrow(1, 0, length).reshape({s.kv_heads, 1, 1, length, s.head});
    Tensor all_values = values.narrow(1, 0, length).reshape({s.kv_heads, 1, 1, length, s.head});
    Tensor query = (q * (1.0f / std::sqrt(static_cast<float>(s.head))))
                       .contiguous()
                       .reshape({batch, s.kv_heads, group, 1, s.head})
                       .permute({1, 2, 0, 3, 4});
    Tensor scores = (query * all_keys).sum(-1);  // (kv_heads, group, batch, length)
    scores = where(seen, scores, -std::numeric_limits<float>::infinity());
    Tensor largest = scores.max(-1, true).contiguous();
    Tensor weights = exp(scores - largest).contiguous();
    Tensor total = weights.sum(-1);  // (kv_heads, group, batch)
    Tensor mixed = (weights.reshape({s.kv_heads, group, batch, length, 1}) * all_values).sum(3);
    Tensor attended = (mixed / total.unsqueeze(-1)).permute({2, 0, 1, 3}).reshape({batch, s.width});
    x = (x + linear(factor(attended), layer.o)).contiguous();
    h = factor(rms_norm(x, layer.ffn_norm, s.epsilon));
    Factor hidden = factor(silu(linear(h, layer.gate)) * linear(h, layer.up));
    x = (x + linear(hidden, layer.down)).contiguous();
  }
  return x;
}

Result<Llama::Step*> Llama::step(int64_t batch) {
  for (auto& step : steps_)
    if (step->batch == batch) return step.get();
  auto step = std::make_unique<Step>();
  step->batch = batch;
  step->tokens = empty({batch}, dtype::i32);
  Tensor x = forward(step->tokens, batch);
  if (batch > 1) x = x.narrow(0, value_of(last_), 1);
  // One row of the largest product, where rounding shows most: its activations stay f32.
  Factor last{rms_norm(x, output_norm_, shape_.epsilon).contiguous(), {}, {}, {}};
  Tensor logits = linear(last, output_).reshape({shape_.vocabulary});
  if (!logits.ok()) return Error{logits.error_text()};
  const Node* output = logits.node().get();
  Schedule plan = TRY(schedule(std::span(&output, 1)));
  step->captured = TRY(engine_->capture(plan));
  return steps_.emplace_back(std::move(step)).get();
}

Status Llama::append(std::span<const int32_t> tokens) { return append(tokens, nullptr); }

Status Llama::append(std::span<const int32_t> tokens, std::vector<float>* all) {
  if (position_ + static_cast<int64_t>(tokens.size()) > context_)
    return error("prompt: {} tokens after {}, the context holds {} (-c sets it, the model allows {})",
                 tokens.size(), position_, context_, shape_.context);
  for (int32_t t : tokens)
    if (t < 0 || t >= shape_.vocabulary)
      return error("prompt: token {} is outside of the vocabulary of {}", t, shape_.vocabulary);
  while (!tokens.empty()) {
    auto left = static_cast<int64_t>(tokens.size());
    int64_t batch = batch_for(left);
    if (all) batch = 1;
    int64_t n = std::min(batch, left);
    Step* s = TRY(step(batch));
    std::vector<int32_t> padded(tokens.begin(), tokens.begin() + n);
    padded.resize(static_cast<size_t>(batch), 0);
    auto memory = std::static_pointer_cast<Memory>(
        memo_of(s->tokens.node()->is(Op::Buffer) ? s->tokens.node().get() : s->tokens.node()->src[0]));
    TRY(engine_->write(*memory->storage, std::as_bytes(std::span(padded))));
    SymbolValue symbols[] = {{first_.id, position_}, {length_.id, position_ + n}, {last_.id, n - 1}};
    TRY(s->captured.submit(symbols));
    TRY(s->captured.wait());
    position_ += n;
    tokens = tokens.subspan(static_cast<size_t>(n));
    if (all || tokens.empty()) {
      logits_.resize(static_cast<size_t>(shape_.vocabulary));
      TRY(engine_->read(*s->captured.output(0), std::as_writable_bytes(std::span(logits_))));
    }
    if (all) all->insert(all->end(), logits_.begin(), logits_.end());
  }
  return success();
}

}  // namespace doorbell
