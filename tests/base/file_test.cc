#include "hal/base/file.h"

#include <gtest/gtest.h>

#include "hal/base/hash.h"
#include "tests/scratch_folder.h"

namespace doorbell {
namespace {

TEST(File, WritesAtomicallyAndMapsBack) {
  const ScratchFolder scratch;
  auto path = scratch / "a";
  std::string text = "doorbell";
  ASSERT_TRUE(write_file_atomically(path, std::as_bytes(std::span(text))).ok());
  auto mapping = map_file(path);
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(mapping->data()), mapping->size()), text);
  EXPECT_EQ(*read_file(path), text);
}

TEST(File, FailedWriteLeavesNothing) {
  const ScratchFolder scratch;
  auto folder = scratch / "occupied";
  std::filesystem::create_directories(folder / "x");  // a folder where the file should go: rename fails
  auto status = write_file_atomically(folder, {});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find(folder.string()), std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(folder.parent_path()))
    EXPECT_EQ(entry.path().string().find("occupied."), std::string::npos) << entry.path();
}

TEST(File, ErrorsNameThePath) {
  auto result = map_file("/no/such/file.gguf");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "/no/such/file.gguf: cannot open: No such file or directory");
  EXPECT_FALSE(map_file("/").ok());
}

TEST(Hash, DependsOnEveryWordAndTheirOrder) {
  EXPECT_NE(Hash128{}.add(1).add(2), Hash128{}.add(2).add(1));
  EXPECT_NE(Hash128{}.add("ab"), Hash128{}.add("a").add("b"));
  EXPECT_EQ(Hash128{}.add("doorbell").hex().size(), 32u);
}

}  // namespace
}  // namespace doorbell
