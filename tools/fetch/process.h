// Runs a program without a shell: arguments travel as they are, so nothing in a path or a version can become
// a command.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "hal/base/result.h"

namespace doorbell {

struct Exit {
  int status = 0;      // as a shell counts: the exit status, or 128 + the signal that ended it
  std::string output;  // standard output and standard error, as they came; the last 64 KiB
};

// Looks the program up in PATH and runs it with standard input empty, this process's environment and the
// `NAME=value` entries of `environment` in front of it. `tick` is called about ten times a second; when it
// returns false the program is ended (SIGTERM, after two seconds SIGKILL) and awaited. An Error means that
// the program could not be started.
Result<Exit> run_program(std::span<const std::string> arguments, std::span<const std::string> environment,
                         const std::function<bool()>& tick);

}  // namespace doorbell
