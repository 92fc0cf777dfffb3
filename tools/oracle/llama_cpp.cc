// llama.cpp as an oracle: a program of filters, so that tests in any language can ask it. Built by
// fetch-oracles.sh.
//
//   llama_cpp version                            one JSON line: version, CPU backend, system info
//   llama_cpp tokenize MODEL [bos] [special]     in: records (u32 little-endian length, bytes); out: a line
//   of ids each.
//                                                bos adds what the model adds; special reads <|...|> as one
//                                                token
//   llama_cpp detokenize MODEL [special]         in: lines of ids; out: records
//   llama_cpp logits MODEL THREADS               in: ids; out: raw f32 rows, one per id, fed as one batch
//   llama_cpp steps MODEL THREADS                the same, fed one id at a time as when decoding
//   llama_cpp greedy MODEL THREADS COUNT         in: ids; out: these and COUNT ids chosen greedily
//   llama_cpp quantize IN OUT Q8_0|Q4_0|Q4_1|BF16|F16   writes a GGUF whose matrices are all of one type
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>

#include "tools/oracle/llama_cpp_model.h"

namespace doorbell::oracle {
namespace {

using Words = std::vector<std::string>;
using Ids = std::vector<llama_token>;

bool has(const Words& words, const char* word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string escaped(const char* text) {
  std::string out;
  for (; *text != 0; ++text) {
    if (*text == '"' || *text == '\\') out += '\\';
    if (static_cast<unsigned char>(*text) >= 0x20) out += *text;
  }
  return out;
}

Ids read_ids(std::istream& in) { return {std::istream_iterator<llama_token>(in), {}}; }

void write_ids(const Ids& ids) {
  for (size_t i = 0; i < ids.size(); ++i) std::cout << (i == 0 ? "" : " ") << ids[i];
  std::cout << '\n';
}

void write_rows(const float* rows, size_t count) {
  std::cout.write(reinterpret_cast<const char*>(rows), static_cast<std::streamsize>(count * sizeof(float)));
}

int vocabulary_size(const Model& model) { return llama_vocab_n_tokens(llama_model_get_vocab(model.get())); }

void version(const Words&) {
  std::printf("{\"llama_cpp\": \"%s\", \"cpu_backend\": \"%s\", \"system_info\": \"%s\"}\n", llama_version(),
              cpu_backend().c_str(), escaped(llama_print_system_info()).c_str());
}

void tokenize(const Words& words) {
  Model model = load_model(words.at(0), true);
  const llama_vocab* vocab = llama_model_get_vocab(model.get());
  uint32_t length = 0;
  while (std::cin.read(reinterpret_cast<char*>(&length), sizeof length)) {
    std::string text(length, '\0');
    if (!std::cin.read(text.data(), length)) fail("tokenize: the last record is cut off");
    Ids ids(text.size() + 8);
    auto call = [&] {
      return llama_tokenize(vocab, text.data(), static_cast<int32_t>(text.size()), ids.data(),
                            static_cast<int32_t>(ids.size()), has(words, "bos"), has(words, "special"));
    };
    int32_t count = call();
    if (count < 0) {
      ids.resize(static_cast<size_t>(-count));
      count = call();
    }
    ids.resize(static_cast<size_t>(count));
    write_ids(ids);
  }
}

void detokenize(const Words& words) {
  Model model = load_model(words.at(0), true);
  const llama_vocab* vocab = llama_model_get_vocab(model.get());
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    Ids ids = read_ids(in);
    std::string text(64, '\0');
    auto call = [&] {
      return llama_detokenize(vocab, ids.data(), static_cast<int32_t>(ids.size()), text.data(),
                              static_cast<int32_t>(text.size()), false, has(words, "special"));
    };
    int32_t count = call();
    if (count < 0) {
      text.resize(static_cast<size_t>(-count));
      count = call();
    }
    auto length = static_cast<uint32_t>(count);
    std::cout.write(reinterpret_cast<const char*>(&length), sizeof length).write(text.data(), count);
  }
}

void logits(const Words& words, bool one_by_one) {
  Model model = load_model(words.at(0), false);
  Ids ids = read_ids(std::cin);
  Context context = make_context(model.get(), static_cast<uint32_t>(ids.size()), std::stoi(words.at(1)));
  auto width = static_cast<size_t>(vocabulary_size(model));
  if (!one_by_one) {
    feed(context.get(), ids, 0, true);
    write_rows(llama_get_logits(context.get()), ids.size() * width);
    return;
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    feed(context.get(), {ids[i]}, static_cast<int>(i), false);
    write_rows(llama_get_logits_ith(context.get(), -1), width);
  }
}

void greedy(const Words& words) {
  Model model = load_model(words.at(0), false);
  Ids ids = read_ids(std::cin);
  auto count = std::stoul(words.at(2));
  Context context =
      make_context(model.get(), static_cast<uint32_t>(ids.size() + count), std::stoi(words.at(1)));
  Ids next = ids;
  for (unsigned long i = 0; i < count; ++i) {
    feed(context.get(), next, static_cast<int>(ids.size() - next.size()), false);
    const float* row = llama_get_logits_ith(context.get(), -1);
    next = {static_cast<llama_token>(std::max_element(row, row + vocabulary_size(model)) - row)};
    ids.push_back(next[0]);
  }
  write_ids(ids);
}

void quantize(const Words& words) {
  static const std::map<std::string, std::pair<llama_ftype, ggml_type>> types = {
      {"F16", {LLAMA_FTYPE_MOSTLY_F16, GGML_TYPE_F16}},
      {"BF16", {LLAMA_FTYPE_MOSTLY_BF16, GGML_TYPE_BF16}},
      {"Q8_0", {LLAMA_FTYPE_MOSTLY_Q8_0, GGML_TYPE_Q8_0}},
      {"Q4_0", {LLAMA_FTYPE_MOSTLY_Q4_0, GGML_TYPE_Q4_0}},
      {"Q4_1", {LLAMA_FTYPE_MOSTLY_Q4_1, GGML_TYPE_Q4_1}}};
  auto type = types.find(words.at(2));
  if (type == types.end()) fail("quantize: unknown type " + words.at(2));
  auto params = llama_model_quantize_default_params();
  params.nthread = 1;
  params.ftype = type->second.first;
  params.token_embedding_type = params.output_tensor_type = type->second.second;
  params.allow_requantize = true;
  params.pure = true;
  if (llama_model_quantize(words.at(0).c_str(), words.at(1).c_str(), &params) != 0)
    fail("cannot quantize " + words.at(0));
}

const std::map<std::string, std::function<void(const Words&)>> commands = {
    {"version", version},
    {"tokenize", tokenize},
    {"detokenize", detokenize},
    {"logits", [](const Words& words) { logits(words, false); }},
    {"steps", [](const Words& words) { logits(words, true); }},
    {"greedy", greedy},
    {"quantize", quantize},
};

}  // namespace
}  // namespace doorbell::oracle

int main(int argc, char** argv) {
  using namespace doorbell::oracle;
  std::ios::sync_with_stdio(false);
  auto command = argc > 1 ? commands.find(argv[1]) : commands.end();
  if (command == commands.end())
    fail("usage: llama_cpp version|tokenize|detokenize|logits|steps|greedy|quantize ...");
  load_backends();
  try {
    command->second(Words(argv + 2, argv + argc));
  } catch (const std::exception& problem) {
    fail(std::string("wrong arguments for ") + argv[1] + ": " + problem.what());
  }
}
