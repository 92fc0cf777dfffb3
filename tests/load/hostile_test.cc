// Every file of make_corpus.py is refused with one line that names file, byte and what is wrong, or read if
// it is valid; and nothing allocates more than the file justifies.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "runtime/load/gguf.h"
#include "runtime/load/safetensors.h"
#include "runtime/load/tokenizer.h"
#include "tests/load/allocations.h"
#include "tests/load/oracle.h"

namespace doorbell {
namespace {

struct Case {
  std::string reader, file, expected;
};

std::vector<Case> read_index(const std::filesystem::path& path) {
  std::istringstream lines(slurp(path));
  std::vector<Case> cases;
  for (std::string line; std::getline(lines, line);) {
    size_t first = line.find('\t'), second = line.find('\t', first + 1);
    cases.push_back(
        {line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return cases;
}

// Every byte of a tensor must be readable; the sanitizers watch.
void touch(std::span<const std::byte> bytes) {
  for (std::byte byte : bytes) {
    volatile std::byte sink = byte;
    (void)sink;
  }
}

// Reads everything that the file gives access to.
Status read_gguf(const std::filesystem::path& path) {
  Gguf file = TRY(Gguf::open(path));
  for (size_t i = 0; i < file.metadata_size(); ++i) {
    GgufValue value = file.metadata(i);
    if (value.as_string().ok() || value.as_bool().ok() || value.as_float().ok()) continue;
    if (value.as_strings().ok() || value.as_floats().ok() || value.as_integers().ok()) continue;
    (void)value.as_unsigned();
  }
  for (const GgufTensor& tensor : file.tensors()) {
    EXPECT_EQ(file.find_tensor(tensor.name), &tensor);
    touch(tensor.data);
  }
  return success();
}

Status read_tokenizer(const std::filesystem::path& path) {
  Gguf file = TRY(Gguf::open(path));
  Tokenizer tokenizer = TRY(Tokenizer::load(file));
  std::vector<int32_t> tokens = TRY(tokenizer.encode("abc xyz\n123 \xe4\xbd\xa0<s>", true, true));
  EXPECT_FALSE(tokenizer.decode(tokens).empty());
  return success();
}

// The limit that a model's loader sets to this hyperparameter.
Status read_block_count(const std::filesystem::path& path) {
  Gguf file = TRY(Gguf::open(path));
  GgufValue value = TRY(file.require("llama.block_count"));
  (void)TRY(value.as_unsigned(1, 512));
  return success();
}

Status read_safetensors(const std::filesystem::path& path) {
  Safetensors file = TRY(Safetensors::open(path));
  for (const SafetensorsTensor& tensor : file.tensors()) {
    EXPECT_EQ(file.find_tensor(tensor.name), &tensor);
    touch(tensor.data);
  }
  return success();
}

const std::map<std::string, Status (*)(const std::filesystem::path&)> readers = {
    {"gguf", read_gguf},
    {"tokenizer", read_tokenizer},
    {"block_count", read_block_count},
    {"safetensors", read_safetensors}};

TEST(Hostile, FilesAreRefusedByNameAndByte) {
  ScratchFolder folder;
  ASSERT_EQ(shell(fmt::format("/usr/bin/env python3 {} {}",
                              shell_quoted(source_root() / "tests/load/make_corpus.py"),
                              shell_quoted(folder / "corpus"))),
            0);
  std::vector<Case> cases = read_index(folder / "corpus/index");
  std::map<std::string, int> refused, accepted;
  for (const Case& test : cases) {
    SCOPED_TRACE(test.file);
    auto path = folder / "corpus" / test.file;
    start_counting();
    Status status = readers.at(test.reader)(path);
    AllocationCount count = stop_counting();
    if (test.expected == "ok") {
      EXPECT_TRUE(status.ok()) << status.error().message;
      ++accepted[test.reader];
      continue;
    }
    ++refused[test.reader];
    EXPECT_FALSE(status.ok()) << "read without an error, expected: " << test.expected;
    if (status.ok()) continue;
    const std::string& message = status.error().message;
    EXPECT_NE(message.find(test.expected), std::string::npos) << message << "\nexpected: " << test.expected;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    std::string start = path.string() + ": at byte ";
    ASSERT_TRUE(message.starts_with(start)) << message;
    auto size = std::filesystem::file_size(path);
    // A tensor's data may begin after the end of a file that is cut off.
    bool in_file = std::stoull(message.substr(start.size())) <= size;
    EXPECT_TRUE(in_file || message.find("bytes of tensor data, expected at least") != std::string::npos)
        << message;
    EXPECT_NE(message.find(": found "), std::string::npos) << message;
    EXPECT_NE(message.find(", expected "), std::string::npos) << message;
    // The message itself, and what the tokenizer's maps take for their first elements, is not the file's.
    size_t allowed = std::max<size_t>(2 * size, 2048);
    EXPECT_LT(count.largest, allowed) << message;
    if (test.reader == "gguf") { EXPECT_LT(count.peak, 2 * size + 4096) << message; }
  }
  EXPECT_GE(refused["gguf"], 100);
  for (const auto& [reader, read] : readers) {
    EXPECT_GE(refused[reader], 5) << reader;
    EXPECT_GE(accepted[reader], 1) << reader;
  }
}

// A valid file of nothing but the smallest pairs and tensors: the worst ratio of tables to bytes.
TEST(Hostile, TablesStaySmallerThanTwiceTheFile) {
  std::string bytes = "GGUF";
  auto put = [&](auto number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); };
  auto name = [&](uint32_t i) {
    std::string text;
    for (uint32_t rest = i + 1; rest; rest /= 64) text += static_cast<char>('0' + rest % 64);
    put(uint64_t{text.size()});
    bytes += text;
  };
  constexpr uint64_t pairs = 20000, tensors = 20000;
  put(uint32_t{3});
  put(tensors);
  put(pairs);
  for (uint32_t i = 1; i < pairs; ++i) {
    name(i);
    put(uint32_t{0});
    bytes += '\1';
  }
  put(uint64_t{17});
  bytes += "general.alignment";
  put(uint32_t{4});
  put(uint32_t{8});
  for (uint32_t i = 0; i < tensors; ++i) {
    name(i);
    put(uint32_t{1});
    put(uint64_t{1});
    put(uint32_t{1});
    put(uint64_t{8} * i);
  }
  bytes.resize((bytes.size() + 7) / 8 * 8 + tensors * 8);
  start_counting();
  auto file = Gguf::parse(std::as_bytes(std::span(bytes)), "tiny");
  AllocationCount count = stop_counting();
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->tensors().size(), tensors);
  EXPECT_LT(count.peak, 2 * bytes.size());
  EXPECT_LT(count.largest, 2 * bytes.size());
}

}  // namespace
}  // namespace doorbell
