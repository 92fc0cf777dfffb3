#include "runtime/load/safetensors.h"

#include <gtest/gtest.h>

#include "runtime/load/gguf.h"
#include "tests/load/oracle.h"

namespace doorbell {
namespace {

// Two formats of one model, converted by other programs, hold the same numbers.
TEST(Safetensors, HoldsTheWeightsOfTheGgufFile) {
  auto path = stories_path("model.safetensors");
  NEEDS_STORIES(path);
  auto file = Safetensors::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  auto gguf = Gguf::open(stories_path("stories260K-f32.gguf"));
  ASSERT_TRUE(gguf.ok()) << gguf.error().message;
  const std::pair<const char*, const char*> names[] = {
      {"model.embed_tokens.weight", "token_embd.weight"},
      {"model.norm.weight", "output_norm.weight"},
      {"model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight"},
      {"model.layers.4.self_attn.v_proj.weight", "blk.4.attn_v.weight"},
  };
  for (auto [name, gguf_name] : names) {
    const SafetensorsTensor* tensor = file->find_tensor(name);
    ASSERT_NE(tensor, nullptr) << name;
    const GgufTensor* other = gguf->find_tensor(gguf_name);
    ASSERT_NE(other, nullptr) << gguf_name;
    EXPECT_EQ(tensor->type->name, "F32");
    ASSERT_EQ(tensor->shape.size(), other->rank);
    for (size_t i = 0; i < other->rank; ++i) EXPECT_EQ(tensor->shape[i], other->dims[other->rank - 1 - i]);
    EXPECT_TRUE(std::ranges::equal(tensor->data, other->data)) << name;
  }
  EXPECT_EQ(file->find_tensor("model.layers.5.mlp.down_proj.weight"), nullptr);
}

TEST(Safetensors, UnescapesNamesAndMetadata) {
  std::string header =
      R"({"__metadata__":{"k\u00e9":"a\"b"},"n\u0041":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  bytes += header + "x";
  auto file = Safetensors::parse(std::as_bytes(std::span(bytes)), "test");
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file->metadata().size(), 1U);
  EXPECT_EQ(file->metadata()[0], std::pair(std::string("k\xc3\xa9"), std::string("a\"b")));
  ASSERT_NE(file->find_tensor("nA"), nullptr);
  EXPECT_EQ(file->find_tensor("nA")->data[0], std::byte{'x'});
}

}  // namespace
}  // namespace doorbell
