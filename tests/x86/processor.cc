#include "tests/x86/processor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <sstream>

namespace doorbell {
namespace {

void put(FILE* to, uint64_t value) { std::fwrite(&value, sizeof value, 1, to); }
bool take(FILE* from, void* to, size_t bytes) { return std::fread(to, 1, bytes, from) == bytes; }

}  // namespace

Processor* Processor::get() {
  static Processor* const only = start();
  return only;
}

Processor* Processor::start() {
  int ask[2], answer[2];
  if (pipe2(ask, O_CLOEXEC) != 0 || pipe2(answer, O_CLOEXEC) != 0) return nullptr;
  if (fork() == 0) {
    dup2(ask[0], 0);
    dup2(answer[1], 1);
    const char* python = std::getenv("DOORBELL_PYTHON");
    if (!python) python = "/usr/bin/python3";
    unsetenv("LD_PRELOAD");
    execlp(python, python, X86_TESTS "/processor.py", nullptr);
    _exit(77);
  }
  close(ask[0]);
  close(answer[1]);
  std::unique_ptr<Processor> found(new Processor(fdopen(ask[1], "wb"), fdopen(answer[0], "rb")));
  std::istringstream text(found->words());
  std::vector<std::string> names{std::istream_iterator<std::string>(text), {}};
  found->features_ = x86::features_of(names);
  if (found->features_) return found.release();
  const char* ci = std::getenv("CI");
  if (ci && std::string(ci) == "true") ADD_FAILURE() << "the Python package bochscpu-python is missing";
  fmt::print(
      "code for processors beyond this one is not run: the Python package bochscpu-python is missing\n");
  return nullptr;
}

std::string Processor::words() {
  uint64_t size = 0;
  if (!take(answer_, &size, sizeof size)) return "";
  std::string text(size, '\0');
  return take(answer_, text.data(), size) ? text : "";
}

std::string Processor::run(const ProgramImage& image, std::array<uint32_t, 3> grid,
                           std::vector<std::vector<std::byte>>& params, const std::vector<int64_t>& symbols) {
  for (uint64_t value :
       {uint64_t{image.code.size()}, uint64_t{image.entry}, uint64_t{image.local_bytes}, uint64_t{grid[0]},
        uint64_t{grid[1]}, uint64_t{grid[2]}, uint64_t{params.size()}, uint64_t{symbols.size()}})
    put(ask_, value);
  std::fwrite(image.code.data(), 1, image.code.size(), ask_);
  for (const auto& p : params) {
    put(ask_, p.size());
    std::fwrite(p.data(), 1, p.size(), ask_);
  }
  for (int64_t s : symbols) put(ask_, static_cast<uint64_t>(s));
  std::fflush(ask_);
  uint64_t size = 0;
  if (!take(answer_, &size, sizeof size)) return "the emulated processor is gone";
  if (size) {
    std::string text(size, '\0');
    return take(answer_, text.data(), size) ? text : "the emulated processor is gone";
  }
  for (auto& p : params)
    if (!take(answer_, p.data(), p.size())) return "the emulated processor is gone";
  return "";
}

}  // namespace doorbell
