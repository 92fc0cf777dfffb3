// What is particular to the CPU device: the processor's own faults, its threads, and how it fares when others
// want its cores.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>

#include "driver/cpu/device.h"
#include "hal/base/cpuid.h"
#include "hal/base/env.h"
#include "hal/base/file.h"
#include "tests/hal/kernels.h"
#include "tests/scratch_folder.h"

namespace doorbell {
namespace {

using namespace std::chrono_literals;

template <class T>
T need(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.error().message;
  return std::move(*result);
}

struct Cpu {
  explicit Cpu(unsigned threads = 0)
      : device(need(open_cpu_device({threads, 10s}))),
        queue(need(device->create_queue())),
        done(need(device->create_signal())) {}
  Program load(const char* name) { return need(device->load(suite_image("x86-64", name))); }
  Status run(Commands& commands) {
    Status status = queue->submit(commands.signal(done, ++last));
    return status.ok() ? done.wait(last, from_now(60s)) : status;
  }

  std::unique_ptr<Device> device;
  std::unique_ptr<Queue> queue;
  Signal done;
  uint64_t last = 0;
};

TEST(SuiteKernels, AreTheBytesThatLlvmMcAssembles) {
  const ScratchFolder folder;
  const std::string stem = folder / "kernel";
  for (const SuiteKernel& kernel : suite_kernels()) {
    std::string text = std::regex_replace(kernel.x86_text, std::regex("; "), "\n") + "\n";
    ASSERT_TRUE(write_file_atomically(stem + ".s", std::as_bytes(std::span(text))).ok());
    std::string command = "llvm-mc-19 -triple=x86_64 -x86-asm-syntax=intel -filetype=obj " + stem + ".s -o " +
                          stem + ".o && llvm-objcopy-19 -O binary -j .text " + stem + ".o " + stem + ".bin";
    if (std::system("command -v llvm-mc-19 llvm-objcopy-19 > /dev/null") != 0) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "llvm-mc-19 is missing";
      GTEST_SKIP() << "llvm-mc-19 is missing (package llvm-19)";
    }
    ASSERT_EQ(std::system(command.c_str()), 0) << kernel.name;
    EXPECT_EQ(need(read_file(stem + ".bin")), kernel.x86_code) << kernel.name;
  }
}

TEST(Cpu, EveryKindOfFaultIsReportedWithKernelAndOffset) {
  struct Case {
    const char* kernel;
    const char* report;
  };
  for (Case c : {Case{"illegal", "SIGILL in kernel illegal at \\+0x1;"},
                 {"divide", "SIGFPE in kernel divide at \\+0x4;"},
                 {"overflow", "SIGSEGV at address 0x[0-9a-f]+ in kernel overflow at \\+0x0;"},
                 {"jump", "SIGSEGV at address 0x0 in kernel jump, which had jumped to 0x0;"}}) {
    for (uint32_t groups : {1u, 64u}) {  // on the command processor, and anywhere
      Cpu cpu(3);
      Program program = cpu.load(c.kernel);
      Status status = cpu.run(Commands().dispatch(program, {groups, 1, 1}, {}));
      ASSERT_FALSE(status.ok());
      EXPECT_TRUE(std::regex_search(status.error().message, std::regex(c.report))) << status.error().message;
    }
  }
}

TEST(Cpu, WritingToReadOnlyImportedMemoryIsAFault) {
  Cpu cpu;
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "imported";
  ASSERT_TRUE(write_file_atomically(path, std::vector<std::byte>(64)).ok());
  Mapping file = need(map_file(path));
  Buffer buffer = need(cpu.device->import(file.bytes()));
  Program store = cpu.load("store");
  Status status = cpu.run(Commands().dispatch(store, {1, 1, 1}, std::array{buffer.address().value}));
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("SIGSEGV"), std::string::npos) << status.error().message;
}

TEST(CpuDeathTest, FaultsOutsideOfKernelsEndTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Cpu cpu;
        volatile int* nowhere = nullptr;
        *nowhere = 1;
      },
      "");
}

TEST(Cpu, CodeIsNeverWritableAndExecutable) {
  Cpu cpu;
  Program spin = cpu.load("spin");
  std::ifstream maps("/proc/self/maps");
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    EXPECT_EQ(line.find(" rwx"), std::string::npos) << line;
    uint64_t start = 0, end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> start >> dash >> end;
    if (spin.entry().value < start || spin.entry().value >= end) continue;
    found = true;
    EXPECT_NE(line.find(" r-x"), std::string::npos) << line;
  }
  EXPECT_TRUE(found);
}

TEST(Cpu, KernelsRunWithTheAbisFloatingPointState) {
  unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | 0x8040);  // flush denormals, as the thread that opens the device might
  Cpu cpu;
  Program control = cpu.load("control");
  Buffer buffer = need(cpu.device->allocate(Bytes(4), BufferKind::host_visible));
  EXPECT_TRUE(cpu.run(Commands().dispatch(control, {1, 1, 1}, std::array{buffer.address().value})).ok());
  __builtin_ia32_ldmxcsr(before);
  uint32_t found = 0;
  std::memcpy(&found, buffer.host(), 4);
  EXPECT_EQ(found & 0xffc0u, 0x1f80u);
}

TEST(Cpu, FeaturesAreThoseThatTheKernelReports) {
  std::ifstream info("/proc/cpuinfo");
  std::string flags;
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("flags")) flags = line.substr(line.find(':')) + " ";
  ASSERT_FALSE(flags.empty());
  std::vector<std::string> features = x86::names(*x86::host_features());
  auto has = [&](const char* name) {
    return std::find(features.begin(), features.end(), name) != features.end();
  };
  for (const char* name :
       {"sse4_2",   "popcnt",   "movbe",      "abm",         "bmi1",        "bmi2",       "avx",
        "f16c",     "fma",      "avx2",       "avx_vnni",    "avx512f",     "avx512dq",   "avx512cd",
        "avx512bw", "avx512vl", "avx512vbmi", "avx512_vnni", "avx512_bf16", "avx512_fp16"}) {
    bool listed = flags.find(fmt::format(" {} ", name)) != std::string::npos;
    EXPECT_EQ(has(name == std::string("abm") ? "lzcnt" : name), listed) << name;
  }
}

TEST(Cpu, FeaturesCanBeTakenAwayByName) {
  ::setenv("FEATURES", "-popcnt,-avx2", 1);
  reload_env();
  auto fewer = x86::host_features();
  auto device = open_cpu_device({});
  for (const char* bad : {"avx2", "-avx3", "-avx2,", "-", "avx2,-fma"}) {
    ::setenv("FEATURES", bad, 1);
    reload_env();
    auto refused = open_cpu_device({});
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_TRUE(refused.error().message.starts_with(fmt::format("environment variable FEATURES={}: ", bad)))
        << refused.error().message;
  }
  ::unsetenv("FEATURES");
  reload_env();
  auto all = x86::host_features();
  ASSERT_TRUE(fewer.ok() && all.ok() && device.ok());
  EXPECT_EQ(*fewer, *all & ~(x86::feature::popcnt | x86::feature::avx2));
  EXPECT_EQ((*device)->properties().limits.features, x86::names(*fewer));
  EXPECT_EQ(x86::features_of(x86::names(*all)), *all);
}

// Two workgroups that wait for each other end only where two threads run them. (No kernel may rely on that:
// the crew runs dispatches that it knows to be short on one thread.)
TEST(Cpu, HelpersShareADispatch) {
  Cpu cpu(2);
  Program meet = cpu.load("meet");
  Buffer counter = need(cpu.device->allocate(Bytes(4), BufferKind::host_visible));
  std::memset(counter.host(), 0, 4);
  EXPECT_TRUE(cpu.run(Commands().dispatch(meet, {2, 1, 1}, std::array{counter.address().value})).ok());
}

}  // namespace
}  // namespace doorbell
