// Runs a Python oracle of this folder, which writes its cases to a temporary folder that dies with the
// object.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "hal/base/file.h"
#include "tests/scratch_folder.h"

namespace doorbell {

class Oracle {
 public:
  // True where the script has written its files. Otherwise the test is to return: it has failed, or been
  // skipped for lack of numpy or ml_dtypes, which CI=true does not allow.
  bool run(const std::string& script, unsigned seed, const std::string& argument = "") const {
    const char* python = std::getenv("DOORBELL_PYTHON");
    const std::string command = fmt::format("{} {}/{} {} {} {}", python ? python : "/usr/bin/python3",
                                            EVAL_TESTS, script, folder_.path().string(), seed, argument);
    fmt::print("{}\n", command);
    const int status = std::system(command.c_str());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    const char* ci = std::getenv("CI");
    const bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 77 && !(ci && std::string(ci) == "true");
    [&] {
      if (missing)
        GTEST_SKIP() << "numpy or ml_dtypes is missing; DOORBELL_PYTHON names an interpreter that has them";
      FAIL() << "the oracle has failed: " << command;
    }();
    return false;
  }
  Result<std::string> read(const std::string& name) const { return read_file(folder_ / name); }

 private:
  ScratchFolder folder_;
};

}  // namespace doorbell
