// Tokenizers against llama.cpp: its own cases for each vocabulary, and 10,000 random strings for each.
#include "runtime/load/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <iterator>

#include "runtime/load/gguf.h"
#include "runtime/load/utf8.h"
#include "tests/load/oracle.h"

namespace doorbell {
namespace {

struct Loaded {
  Gguf file;
  Tokenizer tokenizer;
};

Result<Loaded> load_tokenizer(const std::filesystem::path& path) {
  Gguf file = TRY(Gguf::open(path));
  Tokenizer tokenizer = TRY(Tokenizer::load(file));
  return Loaded{std::move(file), std::move(tokenizer)};
}

std::string shown(const std::vector<int32_t>& ids) {
  std::string text;
  for (int32_t id : ids) text += std::to_string(id) + " ";
  return text;
}

#define LOAD(name, path)                                            \
  auto name##_result = load_tokenizer(path);                        \
  ASSERT_TRUE(name##_result.ok()) << name##_result.error().message; \
  const Tokenizer& name = name##_result->tokenizer

class OwnCases : public testing::TestWithParam<const char*> {};

TEST_P(OwnCases, EqualWhatLlamaCppExpects) {
  auto path = oracle_path(std::string("llama.cpp/models/ggml-vocab-") + GetParam() + ".gguf");
  NEEDS_ORACLE(path);
  LOAD(tokenizer, path);
  std::string inputs = slurp(path.string() + ".inp");
  std::vector<std::vector<int32_t>> expected = read_id_lines(path.string() + ".out");
  const std::string separator = "\n__ggml_vocab_test__\n";
  size_t at = 0, cases = 0;
  for (; at < inputs.size(); ++cases) {
    size_t end = std::min(inputs.find(separator, at), inputs.size());
    ASSERT_LT(cases, expected.size());
    std::string text = inputs.substr(at, end - at);
    auto ids = tokenizer.encode(text, false);
    ASSERT_TRUE(ids.ok()) << ids.error().message;
    EXPECT_EQ(shown(*ids), shown(expected[cases])) << quoted(text);
    at = end + separator.size();
  }
  EXPECT_EQ(cases, expected.size());
  EXPECT_GE(cases, 40U);
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, OwnCases,
                         testing::Values("llama-bpe", "llama-spm", "gpt-2", "mpt", "starcoder", "refact",
                                         "command-r", "qwen2", "falcon"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

struct Vocab {
  const char* name;
  const char* path;  // below the oracles, or a file of stories260K
};
std::filesystem::path path_of(const Vocab& vocab) {
  return std::string(vocab.path).find('/') == std::string::npos ? stories_path(vocab.path)
                                                                : oracle_path(vocab.path);
}

class RandomText : public testing::TestWithParam<Vocab> {};

constexpr int random_seed = 20;
constexpr int random_count = 10000;

TEST_P(RandomText, GivesTheTokensOfLlamaCpp) {
  auto oracle = oracle_path("bin/llama_cpp");
  auto path = path_of(GetParam());
  NEEDS_ORACLE(oracle);
  if (path == stories_path(GetParam().path)) NEEDS_STORIES(path);
  NEEDS_ORACLE(path);
  ScratchFolder folder;
  ASSERT_EQ(shell(fmt::format("/usr/bin/env python3 {} {} {} > {}",
                              shell_quoted(source_root() / "tests/load/random_text.py"), random_seed,
                              random_count, shell_quoted(folder / "texts"))),
            0);
  LOAD(tokenizer, path);
  std::vector<std::string> texts = read_records(folder / "texts");
  ASSERT_EQ(texts.size(), static_cast<size_t>(random_count));
  // As a person's text, and as a template's: with BOS and control tokens.
  for (bool as_template : {false, true}) {
    ASSERT_EQ(shell(fmt::format("{} tokenize {} {} < {} > {} 2> /dev/null", shell_quoted(oracle),
                                shell_quoted(path), as_template ? "bos special" : "",
                                shell_quoted(folder / "texts"), shell_quoted(folder / "ids"))),
              0);
    std::vector<std::vector<int32_t>> expected = read_id_lines(folder / "ids");
    ASSERT_EQ(expected.size(), texts.size());
    int different = 0;
    for (size_t i = 0; i < texts.size() && different < 10; ++i) {
      auto ids = tokenizer.encode(texts[i], as_template, as_template);
      ASSERT_TRUE(ids.ok()) << ids.error().message;
      EXPECT_EQ(shown(*ids), shown(expected[i]))
          << "text " << i << ", seed " << random_seed << ": " << quoted(texts[i]);
      different += *ids != expected[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, RandomText,
                         testing::Values(Vocab{"SmolLM2", "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
                                         Vocab{"stories260K", "stories260K-q8_0.gguf"},
                                         Vocab{"llama3", "llama.cpp/models/ggml-vocab-llama-bpe.gguf"},
                                         Vocab{"llama2", "llama.cpp/models/ggml-vocab-llama-spm.gguf"},
                                         Vocab{"gpt2", "llama.cpp/models/ggml-vocab-gpt-2.gguf"},
                                         Vocab{"qwen2", "llama.cpp/models/ggml-vocab-qwen2.gguf"},
                                         Vocab{"falcon", "llama.cpp/models/ggml-vocab-falcon.gguf"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace doorbell
