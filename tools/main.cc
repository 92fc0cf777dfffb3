// The command line. What a command does lives in its own cmd_*.cc; the launcher `doorbell` at the root builds
// this program and becomes it.
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>

#include "hal/base/env.h"
#include "hal/base/trace.h"
#include "tools/commands.h"

int main(int argc, char** argv) {
  using namespace doorbell;
  // A descriptor below 3 that came closed would be the next file's, and what is printed would land in it.
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);  // takes the lowest, which is fd
  if (Status state = check_env(); !state) return report(state.error());
  if (Status state = trace_start(); !state) return report(state.error());
  CLI::App app("doorbell trains and runs models by writing machine code and command packets itself.",
               "doorbell");
  app.require_subcommand(1);
  int exit_status = 0;
  add_run(app, exit_status);
  add_bench(app, exit_status);
  add_fetch(app, exit_status);
  add_emu(app, exit_status);
  add_asm(app, exit_status);
  add_disasm(app, exit_status);
  add_env(app, exit_status);
  // CLI11 would only say that a command is missing.
  auto named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  if (argc > 1 && argv[1][0] != '-' && std::none_of(commands.begin(), commands.end(), named))
    return report(error("no command is named {} (see doorbell --help)", argv[1]));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help
    std::string what = e.what();
    // CLI11 looks for what is missing first, and so would hide a mistyped option behind a missing argument.
    const std::vector<std::string> unknown = app.remaining(true);
    if (dynamic_cast<const CLI::RequiredError*>(&e) && !unknown.empty())
      what = fmt::format("no option is named {}", unknown[0]);
    std::replace(what.begin(), what.end(), '\n', ' ');
    auto chosen = app.get_subcommands();
    return report(
        error("{} (see doorbell {}--help)", what, chosen.empty() ? "" : chosen[0]->get_name() + " "));
  }
  return exit_status;
}
