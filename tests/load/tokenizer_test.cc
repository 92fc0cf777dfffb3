// Tokenizers against llama.cpp: its own cases for each vocabulary, and 10,000 random strings for each.
#include "runtime/load/tokenizer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <ctime>
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
    EXPECT_EQ(shown(*ids), shown(expected[cases])) << in_quotes(text);
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
          << "text " << i << ", seed " << random_seed << ": " << in_quotes(texts[i]);
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

TEST(Tokenizer, DecodesWhatItEncoded) {
  for (Vocab vocab : {Vocab{"llama3", "llama.cpp/models/ggml-vocab-llama-bpe.gguf"},
                      Vocab{"llama2", "llama.cpp/models/ggml-vocab-llama-spm.gguf"}}) {
    NEEDS_ORACLE(path_of(vocab));
    LOAD(tokenizer, path_of(vocab));
    for (std::string text :
         {"Hello, world!", "  two  spaces ", "\n\t\r\n", "na\xc3\xafve caf\xc3\xa9",
          "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
          "\xe4\xbd\xa0\xe5\xa5\xbd 123 \xd0\xbf\xd1\x80\xd0\xb8", "\x01\x02\x7f", "<s>typed</s>"}) {
      auto ids = tokenizer.encode(text);
      ASSERT_TRUE(ids.ok()) << ids.error().message;
      EXPECT_EQ(tokenizer.decode(*ids), text) << vocab.name;
    }
  }
}

TEST(Tokenizer, StreamsWholeCharacters) {
  auto path = oracle_path("llama.cpp/models/ggml-vocab-gpt-2.gguf");
  NEEDS_ORACLE(path);
  LOAD(tokenizer, path);
  // Characters of two, three and four bytes, which this vocabulary cuts inside.
  std::string text = "a\xc8\x80 \xe1\x8e\xa0\xe1\x8f\x81 \xf0\x9f\xa6\x99\xf0\x9f\xa6\x99 z";
  auto ids = tokenizer.encode(text);
  ASSERT_TRUE(ids.ok()) << ids.error().message;
  StreamDecoder stream(tokenizer);
  std::string streamed;
  bool held_back = false;
  for (int32_t id : *ids) {
    std::string part = stream.add(id);
    EXPECT_EQ(find_invalid_utf8(part), std::string::npos);
    held_back |= part.empty();
    streamed += part;
  }
  EXPECT_TRUE(held_back);
  EXPECT_EQ(streamed, text);
  EXPECT_EQ(stream.finish(), "");
  // A character that never comes to its end, by the end of the text or by another that begins.
  stream.add(*tokenizer.find("\xc3\xb0"));  // byte 0xf0
  EXPECT_EQ(stream.add(*tokenizer.find("a")),
            "\xef\xbf\xbd"
            "a");
  EXPECT_EQ(stream.add(*tokenizer.find("\xc3\xb0")), "");
  EXPECT_EQ(stream.finish(), "\xef\xbf\xbd");
}

TEST(Tokenizer, DropsTheSpaceBeforeATextOnlyOnce) {
  auto path = stories_path("stories260K-f32.gguf");
  NEEDS_STORIES(path);
  LOAD(tokenizer, path);
  auto ids = tokenizer.encode("Once upon a time");
  ASSERT_TRUE(ids.ok()) << ids.error().message;
  EXPECT_EQ(ids->front(), tokenizer.bos());
  EXPECT_EQ(tokenizer.decode(*ids), "Once upon a time");
  for (bool at_start : {true, false}) {
    StreamDecoder stream(tokenizer, at_start);
    std::string text;
    for (int32_t id : *ids) text += stream.add(id);
    EXPECT_EQ(text, at_start ? "Once upon a time" : " Once upon a time");
  }
}

TEST(Tokenizer, InvalidUtf8IsNamedByByte) {
  auto path = stories_path("stories260K-f32.gguf");
  NEEDS_STORIES(path);
  LOAD(tokenizer, path);
  const std::pair<std::string, const char*> cases[] = {
      {"abc\xff", "text: at byte 3: found 0xff, expected valid UTF-8"},
      {"\x80", "text: at byte 0: found 0x80, expected valid UTF-8"},
      {"\xc0\xaf", "text: at byte 0: found 0xc0, expected valid UTF-8"},
      {"a\xed\xa0\x80", "text: at byte 1: found 0xed, expected valid UTF-8"},
      {"\xf0\x9f\xa6", "text: at byte 0: found 0xf0, expected valid UTF-8"},
      {"\xf4\x90\x80\x80", "text: at byte 0: found 0xf4, expected valid UTF-8"},
  };
  for (const auto& [text, message] : cases) {
    auto ids = tokenizer.encode(text);
    ASSERT_FALSE(ids.ok()) << in_quotes(text);
    EXPECT_EQ(ids.error().message, message);
  }
}

TEST(Tokenizer, KnowsWhichTokensEndAText) {
  auto smollm = oracle_path("smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
  NEEDS_ORACLE(smollm);
  LOAD(tokenizer, smollm);
  EXPECT_TRUE(tokenizer.ends_generation(*tokenizer.find("<|im_end|>")));
  EXPECT_TRUE(tokenizer.ends_generation(*tokenizer.find("<|endoftext|>")));
  EXPECT_FALSE(tokenizer.ends_generation(*tokenizer.find("<|im_start|>")));
  EXPECT_FALSE(tokenizer.ends_generation(*tokenizer.find("a")));
  EXPECT_FALSE(tokenizer.ends_generation(-1));
}

// Texts that are long in every way that could cost more than near-linear time: a word without an end, a run
// of spaces, digits, newlines, repeated merges. The limit is loose because machines differ; quadratic work
// would take minutes.
TEST(Tokenizer, IsFastOnHostileText) {
  std::vector<std::string> texts;
  for (const char* unit : {"a", "ab", " ", "\n", " \n", "7", "'", "\xf0\x9f\xa6\x99", "The quick brown fox. ",
                           "<|im_start|>", "<", "\xcc\x81"}) {
    std::string text;
    while (text.size() < 200'000) text += unit;
    texts.push_back(text);
  }
  for (const char* name :
       {"smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "llama.cpp/models/ggml-vocab-llama-bpe.gguf",
        "llama.cpp/models/ggml-vocab-llama-spm.gguf", "llama.cpp/models/ggml-vocab-falcon.gguf"}) {
    NEEDS_ORACLE(oracle_path(name));
    LOAD(tokenizer, oracle_path(name));
    for (const std::string& text : texts) {
      std::clock_t begin = std::clock();  // processor time: another process may hold the cores
      auto ids = tokenizer.encode(text, true, true);
      double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
      ASSERT_TRUE(ids.ok()) << ids.error().message;
      EXPECT_LT(seconds, 5.0) << name << " on 200 KB of " << in_quotes(text.substr(0, 12));
    }
  }
}

}  // namespace
}  // namespace doorbell
