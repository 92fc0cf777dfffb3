#include "tools/fetch/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace doorbell {
namespace {

using testing::HasSubstr;

Result<Exit> run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
  return run_program(arguments, environment, [] { return true; });
}

TEST(Process, ArgumentsTravelAsTheyAre) {
  Result<Exit> exit = run({"printf", "%s|", "a b", "$(id)", "", "*;'\""});
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->output, "a b|$(id)||*;'\"|");
  EXPECT_EQ(exit->status, 0);
}

TEST(Process, JoinsBothOutputsAndReportsTheStatus) {
  Result<Exit> exit = run({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->output, "out\nerr\n");
  EXPECT_EQ(exit->status, 3);
}

TEST(Process, EnvironmentEntriesOverride) {
  Result<Exit> exit = run({"sh", "-c", "env | grep -c '^HOME='; echo $HOME"}, {"HOME=/elsewhere"});
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->output, "1\n/elsewhere\n");
}

TEST(Process, StandardInputIsEmpty) {
  Result<Exit> exit = run({"cat"});
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->output, "");
}

TEST(Process, MissingProgramIsAnErrorThatNamesIt) {
  Result<Exit> exit = run({"no-such-program"});
  ASSERT_FALSE(exit.ok());
  EXPECT_THAT(exit.error().message, HasSubstr("no-such-program"));
}

TEST(Process, KeepsTheLastOfALongOutput) {
  Result<Exit> exit = run({"sh", "-c", "seq 1 100000"});
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->output.size(), 65536u);
  EXPECT_TRUE(exit->output.ends_with("\n99999\n100000\n"));
}

TEST(Process, TickEndsTheProgram) {
  std::vector<std::string> arguments = {"sleep", "60"};
  auto start = std::chrono::steady_clock::now();
  Result<Exit> exit = run_program(arguments, {}, [] { return false; });
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->status, 128 + 15);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Process, ProgramThatIgnoresTerminationIsKilled) {
  std::vector<std::string> arguments = {"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"};
  Result<Exit> exit = run_program(arguments, {}, [ticks = 0]() mutable { return ++ticks < 5; });
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->status, 128 + 9);
}

TEST(Process, DoesNotWaitForAGrandchildThatHoldsTheOutput) {
  auto start = std::chrono::steady_clock::now();
  Result<Exit> exit = run({"sh", "-c", "sleep 30 & echo done"});
  ASSERT_TRUE(exit.ok());
  EXPECT_EQ(exit->output, "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace doorbell
