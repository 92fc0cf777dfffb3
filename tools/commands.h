// The subcommands of the program. Each declares its options on the application and registers a callback that
// does the work and sets the exit status: 0, or 1 after one line on standard error.
#pragma once

#include <CLI/CLI.hpp>

#include "hal/base/result.h"

namespace doorbell {

void add_asm(CLI::App& app, int& exit_status);
void add_bench(CLI::App& app, int& exit_status);
void add_disasm(CLI::App& app, int& exit_status);
void add_emu(CLI::App& app, int& exit_status);
void add_env(CLI::App& app, int& exit_status);
void add_fetch(CLI::App& app, int& exit_status);
void add_run(CLI::App& app, int& exit_status);

// Prints an error the way every command does and gives the exit status.
inline int report(const Error& error) {
  fmt::print(stderr, "doorbell: {}\n", error.message);
  return 1;
}

}  // namespace doorbell
