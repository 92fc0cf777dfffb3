// What this program's tests compiled, for processors at hand and not: read by llvm-mc-19 as it was meant.
#include "tests/isa/llvm_mc.h"
#include "tests/x86/harness.h"

namespace doorbell {
namespace {

// Behind all tests, those of parameters included, so that they have all been compiled.
class EmittedCode : public testing::Environment {
  void TearDown() override {
    for (const auto& [features, count] : runs())
      fmt::print("{} kernels ran here, {} emulated, {} left out for an error of the emulator, with {}\n",
                 count.here, count.emulated, count.left_out, fmt::join(x86::names(features), " "));
    if (emitted().empty()) return;
    if (!x86::have_llvm()) {
      const char* ci = std::getenv("CI");
      EXPECT_FALSE(ci && std::string_view(ci) == "true")
          << "llvm-mc-19 is missing (Debian: apt-get install llvm-19)";
      fmt::print(
          "the code emitted is not compared: llvm-mc-19 is missing (Debian: apt-get install llvm-19)\n");
      return;
    }
    std::string input;
    for (const auto& [text, bytes] : emitted()) input += x86::hex(bytes) + "\n";
    const std::vector<std::string> theirs = x86::disassembled(input);
    ASSERT_EQ(theirs.size(), emitted().size());
    size_t i = 0, wrong = 0;
    for (const auto& [text, bytes] : emitted()) {
      EXPECT_EQ(text, theirs[i]) << x86::hex(bytes);
      if (text != theirs[i++] && ++wrong == 20) break;
    }
    fmt::print("{} different instructions\n", emitted().size());
  }
};
const testing::Environment* const environment = testing::AddGlobalTestEnvironment(new EmittedCode);

}  // namespace
}  // namespace doorbell
