// llvm-mc-19, an assembler and disassembler that we did not write, as an oracle. Without it tests skip,
// except where CI=true: there they fail.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "hal/base/result.h"

namespace doorbell::x86 {

inline bool have_llvm() { return std::system("llvm-mc-19 --version >/dev/null 2>&1") == 0; }

#define NEED_LLVM()                                                            \
  if (!have_llvm()) {                                                          \
    const char* ci = std::getenv("CI");                                        \
    if (ci && std::string_view(ci) == "true")                                  \
      FAIL() << "llvm-mc-19 is missing (Debian: apt-get install llvm-19)";     \
    GTEST_SKIP() << "llvm-mc-19 is missing (Debian: apt-get install llvm-19)"; \
  }

// The lines that llvm-mc-19 prints about `input`.
inline std::vector<std::string> llvm_mc(const std::string& options, const std::string& input) {
  const std::filesystem::path stem =
      std::filesystem::temp_directory_path() / fmt::format("doorbell-x86-test-{}", getpid());
  const std::string in = stem.string() + ".in", out = stem.string() + ".out", log = stem.string() + ".log";
  std::ofstream(in) << input;
  // Its exit status says only that some line failed; the counts below say which.
  const int status = std::system(
      fmt::format("llvm-mc-19 -triple=x86_64 -output-asm-variant=1 {} {} >{} 2>{}", options, in, out, log)
          .c_str());
  std::ifstream errors(log);
  std::string line;
  for (int n = 0; status != 0 && n < 40 && std::getline(errors, line); ++n) ADD_FAILURE() << line;
  std::vector<std::string> lines;
  std::ifstream result(out);
  while (std::getline(result, line)) lines.push_back(line);
  for (const std::string& path : {in, out, log}) std::filesystem::remove(path);
  return lines;
}

// llvm-mc's text with single spaces and without its comments.
inline std::string tidy(std::string_view line) {
  std::string s;
  for (char c : line.substr(0, line.find('#')))
    if (c != ' ' && c != '\t') s += c;
    else if (!s.empty() && s.back() != ' ') s += ' ';
  while (!s.empty() && s.back() == ' ') s.pop_back();
  return s;
}

inline std::string hex(std::span<const std::byte> bytes) {
  std::string s;
  for (std::byte b : bytes) s += fmt::format("{}0x{:02x}", s.empty() ? "" : ",", static_cast<int>(b));
  return s;
}

// What llvm-mc prints for the lines of bytes in `input`, an instruction each.
inline std::vector<std::string> disassembled(const std::string& input) {
  std::vector<std::string> lines;
  for (const std::string& line : llvm_mc("-disassemble", input)) {
    const std::string text = tidy(line);
    if (text.empty() || text.starts_with(".text")) continue;
    if (!lines.empty() && lines.back() == "lock") lines.back() += ' ' + text;
    else lines.push_back(text);
  }
  return lines;
}

}  // namespace doorbell::x86
