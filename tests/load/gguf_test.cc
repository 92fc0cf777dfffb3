// The GGUF reader on real files, against Python's own reading of them.
#include "runtime/load/gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/load/oracle.h"

namespace doorbell {
namespace {

// What ggml/docs/gguf.md and the llama2.c file that this one was converted from say of stories260K.
TEST(Gguf, ReadsStories260K) {
  auto path = stories_path("stories260K-f32.gguf");
  NEEDS_STORIES(path);
  auto file = Gguf::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->version(), 3U);
  EXPECT_EQ(file->alignment(), 32U);
  EXPECT_EQ(file->tensors().size(), 47U);
  EXPECT_EQ(*file->require("general.architecture")->as_string(), "llama");
  EXPECT_EQ(*file->require("llama.block_count")->as_unsigned(), 5U);
  EXPECT_FLOAT_EQ(static_cast<float>(*file->require("llama.attention.layer_norm_rms_epsilon")->as_float()),
                  1e-5F);
  EXPECT_EQ(file->require("tokenizer.ggml.tokens")->as_strings()->at(1), "<s>");
  auto tensor = file->require_tensor("blk.4.ffn_down.weight");
  ASSERT_TRUE(tensor.ok()) << tensor.error().message;
  EXPECT_EQ((*tensor)->dims, (std::array<uint64_t, 4>{172, 64, 1, 1}));  // 64 rows of 172
  EXPECT_EQ((*tensor)->rank, 2U);
  EXPECT_EQ((*tensor)->type->name, "F32");
  EXPECT_EQ((*tensor)->data.size(), 172U * 64 * 4);
}

// The same weights in llama2.c's file, where the embedding follows a header of seven numbers.
TEST(Gguf, TensorDataIsThatOfTheLlama2File) {
  auto path = stories_path("stories260K-f32.gguf");
  NEEDS_STORIES(path);
  auto file = Gguf::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  std::string original = slurp(stories_path("stories260K.bin"));
  auto embedding = (*file->require_tensor("token_embd.weight"))->data;
  ASSERT_EQ(embedding.size(), 512U * 64 * 4);
  EXPECT_EQ(original.compare(28, embedding.size(), reinterpret_cast<const char*>(embedding.data()),
                             embedding.size()),
            0);
}

TEST(Gguf, BlockTypesHaveTheSizesOfTheirFiles) {
  auto path = stories_path("stories260K-q8_0.gguf");
  NEEDS_STORIES(path);
  auto file = Gguf::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  const GgufTensor* tensor = file->find_tensor("blk.0.attn_q.weight");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->type->name, "Q8_0");
  EXPECT_EQ(tensor->data.size(), tensor->elements() / 32 * 34);
}

TEST(Gguf, StaysValidWhenMoved) {
  auto path = stories_path("stories260K-f16.gguf");
  NEEDS_STORIES(path);
  auto file = Gguf::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  const std::byte* data = file->tensors()[0].data.data();
  std::string name(file->tensors()[0].name);
  Gguf moved = std::move(*file);
  ASSERT_NE(moved.find_tensor(name), nullptr);
  EXPECT_EQ(moved.find_tensor(name)->data.data(), data);
  EXPECT_EQ(*moved.require("general.name")->as_string(), "stories260K");
}

TEST(Gguf, NamesWhatIsMissing) {
  auto path = stories_path("stories260K-f32.gguf");
  NEEDS_STORIES(path);
  auto file = Gguf::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->find_tensor("blk.5.ffn_down.weight"), nullptr);
  EXPECT_EQ(
      file->require_tensor("blk.5.ffn_down.weight").error().message,
      path.string() + ": at byte 24: found 47 tensors without 'blk.5.ffn_down.weight', expected that tensor");
  EXPECT_FALSE(file->find("llama").has_value());
  EXPECT_EQ(
      file->require("llama.vocab").error().message,
      path.string() + ": at byte 24: found 21 metadata pairs without key 'llama.vocab', expected that key");
  auto wrong = file->require("llama.block_count")->as_string();
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find(
                "found a value of type uint32 in metadata key 'llama.block_count', expected a string"),
            std::string::npos);
}

TEST(Gguf, AMissingFileIsOneLine) {
  auto file = Gguf::open("/no/such/model.gguf");
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.error().message.find("/no/such/model.gguf"), std::string::npos);
  EXPECT_EQ(file.error().message.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace doorbell
