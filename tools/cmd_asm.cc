// `doorbell asm`: an assembly file becomes a code object.
#include <memory>
#include <string>

#include "codegen/isa/amd/assemble.h"
#include "hal/base/file.h"
#include "tools/commands.h"

namespace doorbell {
namespace {

struct Options {
  std::string file, output, arch;
};

Status assemble(const Options& options) {
  const std::string source = TRY(read_file(options.file));
  std::vector<std::string> warnings;
  const Result<std::vector<std::byte>> object =
      amd::assemble(source, options.arch, amd::largest_section, &warnings);
  for (const std::string& w : warnings) fmt::print(stderr, "doorbell: warning: {}:{}\n", options.file, w);
  if (!object) return error("{}:{}", options.file, object.error().message);
  std::string output = options.output;
  if (output.empty()) output = std::filesystem::path(options.file).replace_extension(".hsaco").string();
  return write_file_atomically(output, *object);
}

}  // namespace

void add_asm(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("asm", "assemble AMD kernels into a code object that can be loaded");
  command->add_option("file", options->file, "assembly in LLVM's syntax")->required();
  command->add_option("-o,--output", options->output,
                      "the code object; default: FILE with .hsaco at its end");
  command->add_option("--arch", options->arch, "the processor, where the source has no .amdgcn_target");
  command->footer(
      "Examples:\n"
      "  doorbell asm kernel.s\n"
      "  doorbell asm --arch gfx1100 kernel.s -o kernel.hsaco\n\n"
      "A kernel:\n"
      "  .amdgcn_target \"amdgcn-amd-amdhsa--gfx1100\"\n"
      "  .globl store_one\n"
      "  .p2align 8\n"
      "  .type store_one,@function\n"
      "  store_one:\n"
      "    s_load_b64 s[0:1], s[0:1], 0x0\n"
      "    v_mov_b32 v0, 0\n"
      "    v_mov_b32 v1, 1.0\n"
      "    s_waitcnt lgkmcnt(0)\n"
      "    global_store_b32 v0, v1, s[0:1]\n"
      "    s_endpgm\n"
      "  .section .rodata,\"a\"\n"
      "  .amdhsa_kernel store_one\n"
      "    .amdhsa_kernarg_size 8\n"
      "    .amdhsa_user_sgpr_kernarg_segment_ptr 1\n"
      "    .amdhsa_next_free_vgpr 2\n"
      "    .amdhsa_next_free_sgpr 2\n"
      "  .end_amdhsa_kernel");
  command->callback([options, &exit_status] {
    const Status done = assemble(*options);
    if (!done) exit_status = report(done.error());
  });
}

}  // namespace doorbell
