// --replay of runs that have nothing to replay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "tests/suites/cheap_run.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ReplayTest : public testing::Test, protected CheapRun {};

// One sentence, not one for each file that is not there.
TEST_F(ReplayTest, ARunThatWasKilled) {
  WriteProfile("kill -9 $PPID; sleep 1");
  EXPECT_EQ(RunProgram().signal, SIGKILL);
  const Deadline deadline = Deadline::After(std::chrono::minutes(2));  // the guard takes down what there may be
  while (fs::exists(Latest() / "teardown-record.json") && !deadline.Passed()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const ChildResult replay = RunChild({SuiteProgram().string(), "--replay", Latest().string()}, options, deadline);
  EXPECT_EQ(replay.exit_status, 1);
  EXPECT_THAT(replay.output, AllOf(HasSubstr("none could be checked:\n  the run ended, or was killed, before its "
                                             "evidence was complete: the last step that it ended was \"preflight\""),
                                   Not(HasSubstr("No such file"))));
}

}  // namespace
}  // namespace passthrough
