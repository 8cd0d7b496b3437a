// That RunChild ends what it started: at the deadline, on interruption, and what a child left
// behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "helpers/base/text.h"
#include "helpers/process/child_process.h"
#include "helpers/process/process_group.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// Runs a shell and remembers its group.
class ChildGroup : public testing::Test {
 protected:
  ChildGroup() {
    options_.on_start = [this](int id) { group_ = id; };
    options_.grace = seconds(30);
  }
  ~ChildGroup() override { ClearInterruption(); }

  ChildResult Run(const std::string& script, const Deadline& deadline = Deadline::After(seconds(60))) {
    return RunChild({"/bin/sh", "-c", script}, options_, deadline);
  }

  // Nothing of the group is alive and no child of ours is left unreaped.
  void ExpectNothingLeft() {
    EXPECT_GT(group_, 0);
    EXPECT_TRUE(LiveMembers(group_).empty());
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }

  ChildOptions options_;
  std::atomic<int> group_{0};
};

// Before anybody else could know of the command.
TEST_F(ChildGroup, EndsWithAProcessThatIsKilledWhileItStartsIt) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // the orphan is ours to wait for
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t killed = fork();
  if (killed == 0) {
    options_.on_start = [&](int id) {
      if (write(ends[1], &id, sizeof id) != sizeof id) _exit(1);
      kill(getpid(), SIGKILL);
    };
    RunChild({"/bin/sleep", "600"}, options_, Deadline::Never());
    _exit(1);
  }
  int command = 0;
  ASSERT_EQ(read(ends[0], &command, sizeof command), static_cast<ssize_t>(sizeof command));
  ASSERT_EQ(waitpid(killed, nullptr, 0), killed);
  int status = 0;
  ASSERT_EQ(waitpid(command, &status, 0), command);
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  close(ends[0]);
  close(ends[1]);
}

bool IsAlive(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const auto fields = SplitWords(std::string_view(stat).substr(stat.rfind(')') + 1));
  return !fields.empty() && fields[0] != "Z" && fields[0] != "X";
}

TEST_F(ChildGroup, IsItsOwn) {
  const ChildResult result = Run("ps -o pid=,pgid=,sid= -p $$");
  const std::string id = std::to_string(group_);
  const auto words = SplitWords(Trim(result.output));
  EXPECT_THAT(words, testing::ElementsAre(id, id, id));
}

TEST_F(ChildGroup, EndsAtTheDeadline) {
  const ChildResult result = Run("echo begun; sleep 1000", Deadline::After(milliseconds(300)));
  EXPECT_TRUE(result.timed_out);
  EXPECT_FALSE(result.Succeeded());
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_EQ(result.output, "begun\n");
  EXPECT_THAT(result.HowItEnded(), testing::MatchesRegex("no end after [0-9.]+ s, killed"));
  ExpectNothingLeft();
}

TEST_F(ChildGroup, MayCleanUpAfterSigterm) {
  const ChildResult result =
      Run("trap 'sleep 0.2; echo cleaned; exit 5' TERM; echo begun; while :; do sleep 0.05; done",
          Deadline::After(milliseconds(500)));
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_status, 5);
  EXPECT_THAT(result.output, HasSubstr("cleaned\n"));
  ExpectNothingLeft();
}

TEST_F(ChildGroup, IsKilledWhereItIgnoresSigterm) {
  options_.grace = seconds(1);
  const ChildResult result = Run("trap '' TERM; while :; do sleep 0.05; done", Deadline::After(milliseconds(300)));
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
  ExpectNothingLeft();
}

TEST_F(ChildGroup, IsKilledWhereItIsStopped) {
  const ChildResult result = Run("kill -STOP $$", Deadline::After(milliseconds(300)));
  EXPECT_TRUE(result.timed_out);
  ExpectNothingLeft();
}

TEST_F(ChildGroup, GrandchildrenEndAtTheDeadline) {
  Run("sleep 1000 & (sleep 1000; true) & sleep 1000", Deadline::After(milliseconds(300)));
  ExpectNothingLeft();
}

TEST_F(ChildGroup, GrandchildrenThatHoldTheOutputAreNotWaitedFor) {
  const ChildResult result = Run("sleep 1000 & (trap '' TERM; sleep 1000) & echo done; exit 6");
  EXPECT_EQ(result.exit_status, 6);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.output, "done\n");
  ExpectNothingLeft();
}

TEST_F(ChildGroup, DaemonThatHoldsTheOutputIsNotWaitedForAndLives) {
  const ChildResult result = Run("setsid sh -c 'echo $$; while :; do echo noise; done' & sleep 0.3; exit 0");
  EXPECT_EQ(result.exit_status, 0);
  ExpectNothingLeft();
  // Not of the group any more: whoever makes a daemon wants it to live. It dies of SIGPIPE here.
}

TEST_F(ChildGroup, QuietDaemonLives) {
  const TemporaryDirectory directory("daemon");
  const auto file = directory.path() / "pid";
  const ChildResult result = Run("setsid sh -c 'echo $$ > " + file.string() + "; exec sleep 1000' & until test -s " +
                                 file.string() + "; do sleep 0.01; done");
  EXPECT_TRUE(result.Succeeded());
  const int daemon = std::stoi(ReadFile(file));
  EXPECT_TRUE(IsAlive(daemon));
  kill(daemon, SIGKILL);
  ExpectNothingLeft();
}

TEST_F(ChildGroup, EndsOnInterruption) {
  options_.on_line = [](std::string_view) { RequestInterruption(SIGINT); };
  try {
    Run("echo begun; sleep 1000");
    ADD_FAILURE() << "no InterruptedError";
  } catch (const InterruptedError& error) {
    EXPECT_THAT(error.what(), HasSubstr("interrupted by SIGINT"));
  }
  ExpectNothingLeft();
}

TEST_F(ChildGroup, EndsOnInterruptionFromAnotherThread) {
  std::jthread interrupter([this] {
    while (group_ == 0) std::this_thread::sleep_for(milliseconds(5));
    RequestInterruption(SIGTERM);
  });
  EXPECT_THROW(Run("sleep 1000"), InterruptedError);
  interrupter.join();
  ExpectNothingLeft();
}

TEST_F(ChildGroup, RunsInSpiteOfInterruptionWhereTheDeadlineIgnoresIt) {
  RequestInterruption(SIGINT);
  const ChildResult result = Run("sleep 0.3; echo torn down", Deadline::Never().Uninterruptible());
  EXPECT_EQ(result.output, "torn down\n");
}

TEST_F(ChildGroup, EndsWhereTheListenerThrows) {
  options_.on_line = [](std::string_view) { throw std::runtime_error("listener"); };
  EXPECT_THROW(Run("echo begun; sleep 1000"), std::runtime_error);
  ExpectNothingLeft();
}

}  // namespace
}  // namespace passthrough
