// `doorbell env`: the debug variables, their values and what they do.
#include "hal/base/env.h"
#include "tools/commands.h"

namespace doorbell {

void add_env(CLI::App& app, int& exit_status) {
  CLI::App* command = app.add_subcommand("env", "print the debug variables and their values");
  command->footer("Example:\n  DEBUG=2 doorbell env");
  command->callback([&exit_status] {
    fmt::print("{}", env_listing());
    exit_status = 0;
  });
}

}  // namespace doorbell
