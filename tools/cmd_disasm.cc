// `doorbell disasm`: explains a code object, or bytes of code.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "codegen/isa/amd/amd.h"
#include "codegen/isa/amd/listing.h"
#include "hal/base/file.h"
#include "tools/commands.h"

namespace doorbell {
namespace {

struct Options {
  std::string file, arch;
  int wave = 32;
  bool json = false;
};

Result<std::string> listing(const Options& options) {
  const std::string content = TRY(read_file(options.file));
  const auto bytes = std::as_bytes(std::span(content));
  const auto text = [&](const nlohmann::json& j) {
    return j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  };
  if (!options.arch.empty() && !content.starts_with("\177ELF")) {
    const amd::Target target{TRY(amd::parse_arch(options.arch)), static_cast<uint8_t>(options.wave)};
    return options.json ? text(amd::disassemble_code_to_json(bytes, 0, target))
                        : amd::disassemble_code(bytes, 0, target);
  }
  const Result<amd::CodeObject> object = amd::CodeObject::parse(bytes);
  if (!object)
    return error("{}: {}{}", options.file, object.error().message,
                 content.starts_with("\177ELF") ? "" : " (for bare code, say --arch)");
  if (!options.arch.empty() && TRY(amd::parse_arch(options.arch)) != object->arch())
    return error("{}: is for {}, not for {}", options.file, object->processor(), options.arch);
  return options.json ? text(amd::disassemble_to_json(*object)) : amd::disassemble(*object);
}

}  // namespace

void add_disasm(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("disasm", "explain an AMD code object: kernels, code, data, metadata");
  command->add_option("file", options->file, "an ELF code object; with --arch also bare code")->required();
  command->add_option("--arch", options->arch,
                      "the processor of bare code: gfx1030, gfx1100, gfx1151 or kin");
  command->add_option("--wave", options->wave, "lanes of a wave, for bare code")
      ->check(CLI::IsMember({32, 64}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "JSON instead of assembly");
  command->footer(
      "The assembly goes back into the same bytes by `doorbell asm`.\n\nExamples:\n"
      "  doorbell disasm kernel.hsaco\n"
      "  doorbell disasm --json kernel.hsaco\n"
      "  doorbell disasm --arch gfx1100 --wave 64 code.bin");
  command->callback([options, &exit_status] {
    const Result<std::string> text = listing(*options);
    if (!text) exit_status = report(text.error());
    else std::cout << *text << std::flush;
  });
}

}  // namespace doorbell
