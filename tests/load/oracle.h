// What the tests of runtime/load are held against: the folder that tools/oracle/fetch-oracles.sh fills, and
// stories260K. A missing oracle skips a test with its reason, and fails it where CI=true.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "hal/base/file.h"
#include "tests/scratch_folder.h"

// At the top of a test: `path` must exist.
#define NEEDS_ORACLE(path)                                                                                 \
  do {                                                                                                     \
    if (!std::filesystem::exists(path)) {                                                                  \
      const char* ci = std::getenv("CI");                                                                  \
      if (ci && std::string(ci) == "true") FAIL() << "CI=true, and this oracle is missing: " << (path);    \
      GTEST_SKIP() << "missing: " << (path) << " (tools/oracle/fetch-oracles.sh fetches what is fetched)"; \
    }                                                                                                      \
  } while (false)

// At the top of a test that reads stories260K, which lies beside the project and not in it.
#define NEEDS_STORIES(path)                                              \
  do {                                                                   \
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << (path); \
  } while (false)

namespace doorbell {

inline std::filesystem::path source_root() { return DOORBELL_SOURCE_ROOT; }
inline std::filesystem::path stories_path(const std::string& name) {
  return source_root() / "../shared/data/stories260K" / name;
}

inline std::filesystem::path oracle_path(const std::string& name) {
  auto variable = [](const char* key) {
    const char* value = std::getenv(key);
    return std::string(value ? value : "");
  };
  std::filesystem::path folder = variable("DOORBELL_ORACLES");
  if (folder.empty()) {
    std::string cache = variable("XDG_CACHE_HOME");
    folder = std::filesystem::path(cache.empty() ? variable("HOME") + "/.cache" : cache) / "doorbell/oracles";
  }
  return folder / name;
}

inline std::string shell_quoted(const std::filesystem::path& path) {
  std::string out = "'";
  for (char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The exit status of a shell command line.
inline int shell(const std::string& command) { return std::system(command.c_str()); }

inline std::string slurp(const std::filesystem::path& path) {
  auto content = read_file(path);
  EXPECT_TRUE(content.ok()) << (content.ok() ? "" : content.error().message);
  return content.ok() ? *content : "";
}

// Records of a u32 little-endian length and bytes.
inline std::vector<std::string> read_records(const std::filesystem::path& path) {
  std::string content = slurp(path);
  std::vector<std::string> records;
  for (size_t at = 0; at + 4 <= content.size();) {
    uint32_t size;
    std::memcpy(&size, content.data() + at, 4);
    records.push_back(content.substr(at + 4, size));
    at += 4 + size;
  }
  return records;
}

// A line of numbers for each list.
inline std::vector<std::vector<int32_t>> read_id_lines(const std::filesystem::path& path) {
  std::istringstream lines(slurp(path));
  std::vector<std::vector<int32_t>> lists;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream ids(line);
    lists.emplace_back(std::istream_iterator<int32_t>(ids), std::istream_iterator<int32_t>());
  }
  return lists;
}

}  // namespace doorbell
