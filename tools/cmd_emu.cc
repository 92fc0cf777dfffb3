// `doorbell emu`: runs a program on an emulated machine with AMD GPUs.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/amd/fault.h"
#include "sim/door/door.h"
#include "tools/commands.h"

namespace doorbell {
namespace {

struct Options {
  std::string gpus = "gfx1030", vram, lenient, trace;
  unsigned threads = 0;
  bool checks = false;
  std::vector<std::string> command;
};

// The shared object lies where the build puts it, beside the program's own folder.
Result<std::string> door_path() {
  std::error_code problem;
  std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", problem);
  if (problem) return error("cannot find the program's own folder: {}", problem.message());
  return (program.parent_path().parent_path() / "sim/door/libdoorbell-door.so").string();
}

void print_checks() {
  size_t width = 0;
  for (const auto& row : sim::amd::check_rows()) width = std::max(width, row.name.size());
  for (const auto& row : sim::amd::check_rows())
    fmt::print("{:<{}}  {}\n{:<{}}  ({})\n", row.name, width, row.refuses, "", width, row.source);
}

Result<int> emulate(const Options& options) {
  if (options.checks) {
    print_checks();
    return 0;
  }
  // Not CLI11's required(), which would hide what is wrong with the options.
  if (options.command.empty())
    return error(
        "no program to run: it follows --, as in `doorbell emu -- rocminfo` (see doorbell emu --help)");
  uint64_t vram = options.vram.empty() ? 0 : TRY(sim::amd::parse_size(options.vram));
  std::string trace;
  // Programs may change their folder.
  if (!options.trace.empty()) trace = std::filesystem::absolute(options.trace).string();
  sim::amd::Machine machine = TRY(sim::amd::Machine::make(options.gpus, vram, options.lenient, trace));
  machine.threads = options.threads;
  return sim::door::launch(machine, TRY(door_path()), options.command);
}

}  // namespace

void add_emu(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("emu", "run a program on an emulated machine with AMD GPUs");
  command->add_option("--gpu", options->gpus, "the cards, with commas between them")->capture_default_str();
  command->add_option("--vram", options->vram,
                      "memory of each card, such as 512M or 8G; default: the real card's");
  command
      ->add_option("--threads", options->threads,
                   "threads of the host that run one kernel; default: one for each core")
      ->check(CLI::Range(1u, 4096u));
  command->add_option("--lenient", options->lenient,
                      "strict checks to leave out, with commas; `all` for every one");
  command->add_flag("--checks", options->checks, "list the strict checks and where each is documented");
  command->add_option("--trace", options->trace, "append a line for each ioctl to this file");
  command->add_option("command", options->command, "the program and its arguments, after --");
  command->footer(
      "Examples:\n  doorbell emu -- rocminfo\n  doorbell emu --gpu gfx1100,gfx1030 --vram 2G -- ./vectoradd");
  command->callback([options, &exit_status] {
    Result<int> status = emulate(*options);
    exit_status = status ? *status : report(status.error());
  });
}

}  // namespace doorbell
