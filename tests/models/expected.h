// What the tests of whole models are held against: the folder that tests/reference/make_expected.py fills,
// with float64 numpy's numbers and llama.cpp's. Where it could not be made, its summary says why; a test then
// skips with that reason, and fails where CI=true.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "hal/base/file.h"

#define NEEDS_EXPECTED(name)                                                                                \
  do {                                                                                                      \
    if (!std::filesystem::is_directory(doorbell::expected_path(name))) {                                    \
      const char* ci = std::getenv("CI");                                                                   \
      if (ci && std::string(ci) == "true") FAIL() << "CI=true, and there is no " << (name);                 \
      auto summary = doorbell::read_file(doorbell::expected_path("summary.json"));                          \
      GTEST_SKIP() << "no " << (name) << ": "                                                               \
                   << (summary.ok() ? *summary                                                              \
                                    : "make_expected.py has not run (ninja tests/reference/expected.log)"); \
    }                                                                                                       \
  } while (false)

namespace doorbell {

inline std::filesystem::path expected_path(const std::string& name) {
  return std::filesystem::path(DOORBELL_EXPECTED) / name;
}
inline std::filesystem::path stories_path(const std::string& name) {
  return std::filesystem::path(DOORBELL_STORIES) / name;
}
// A stories260K of that type: as it lies beside the project, or made for the tests.
inline std::filesystem::path stories_model(const std::string& type) {
  auto path = stories_path("stories260K-" + type + ".gguf");
  return std::filesystem::exists(path) ? path : expected_path("stories260K-" + type + "/model.gguf");
}

// The file's little-endian numbers.
template <class T>
std::vector<T> read_numbers(const std::filesystem::path& path) {
  auto content = read_file(path);
  EXPECT_TRUE(content.ok()) << (content.ok() ? "" : content.error().message);
  if (!content.ok()) return {};
  std::vector<T> numbers(content->size() / sizeof(T));
  std::memcpy(numbers.data(), content->data(), numbers.size() * sizeof(T));
  return numbers;
}

}  // namespace doorbell
