// What RunChild gives of a command that ends by itself, on real children.
#include "helpers/process/child_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/descriptor_limit.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ChildResult RunShell(const std::string& script, const ChildOptions& options = {}) {
  return RunChild({"/bin/sh", "-c", script}, options, Deadline::After(std::chrono::seconds(60)));
}

std::string WhatProcessErrorSays(const std::vector<std::string>& argv, const ChildOptions& options = {}) {
  try {
    RunChild(argv, options, Deadline::After(std::chrono::seconds(60)));
  } catch (const ProcessError& error) {
    return error.what();
  }
  return "no ProcessError";
}

TEST(ChildProcess, TellsExitStatus) {
  const ChildResult result = RunShell("exit 3");
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.signal, 0);
  EXPECT_FALSE(result.Succeeded());
  EXPECT_EQ(result.HowItEnded(), "exit status 3");
  EXPECT_TRUE(RunShell("exit 0").Succeeded());
}

TEST(ChildProcess, TellsSignal) {
  const ChildResult result = RunShell("kill -SEGV $$");
  EXPECT_EQ(result.exit_status, -1);
  EXPECT_EQ(result.signal, SIGSEGV);
  EXPECT_FALSE(result.Succeeded());
  EXPECT_EQ(result.HowItEnded(), "killed by SIGSEGV");
}

TEST(ChildProcess, KeepsBothStreamsInOrder) {
  EXPECT_EQ(RunShell("echo one; echo two >&2; echo three; printf four >&2").output, "one\ntwo\nthree\nfour");
}

TEST(ChildProcess, PassesArgumentsUntouched) {
  const ChildResult result = RunChild({"printf", "<%s>", "a b", "", "*", "$HOME", "ü"}, {}, Deadline::Never());
  EXPECT_EQ(result.output, "<a b><><*><$HOME><ü>");
}

TEST(ChildProcess, PassesLinesAsTheyCome) {
  std::vector<std::string> lines;
  ChildOptions options;
  options.on_line = [&](std::string_view line) { lines.emplace_back(line); };
  RunShell("printf 'one\\r\\n\\ntw'; sleep 0.1; printf 'o\\nthree'", options);
  EXPECT_THAT(lines, ElementsAre("one", "", "two", "three"));
}

TEST(ChildProcess, AppendsToTheLogWhileItRuns) {
  const TemporaryDirectory directory("child-log");
  ChildOptions options;
  options.log = directory.path() / "log";
  WriteFile(options.log, "before\n");
  std::string seen;
  options.on_line = [&](std::string_view) {
    if (seen.empty()) seen = ReadFile(options.log);
  };
  // The child ends only after its first line stands in the log.
  RunShell("echo first; until grep -q first '" + options.log.string() + "'; do sleep 0.01; done; echo last", options);
  EXPECT_EQ(seen, "before\nfirst\n");
  EXPECT_EQ(ReadFile(options.log), "before\nfirst\nlast\n");
}

TEST(ChildProcess, KeepsOnlyTheEndOfMuchOutput) {
  const TemporaryDirectory directory("child-log");
  ChildOptions options;
  options.log = directory.path() / "log";
  options.most_kept = 1000;
  const ChildResult result = RunShell("head -c 10485760 /dev/zero | tr '\\0' x; printf end", options);
  EXPECT_EQ(result.output, std::string(997, 'x') + "end");
  EXPECT_EQ(std::filesystem::file_size(options.log), 10485763u);
}

TEST(ChildProcess, SplitsLinesWithoutEnd) {
  size_t longest = 0;
  ChildOptions options;
  options.on_line = [&](std::string_view line) { longest = std::max(longest, line.size()); };
  RunShell("head -c 1000000 /dev/zero | tr '\\0' x", options);
  EXPECT_GT(longest, 0u);
  EXPECT_LE(longest, 128u << 10);
}

TEST(ChildProcess, GoesOnWhereTheLogCannotBeWritten) {
  ChildOptions options;
  options.log = "/dev/full";
  const ChildResult result = RunShell("echo hello; exit 4", options);
  EXPECT_EQ(result.exit_status, 4);
  EXPECT_THAT(result.output, HasSubstr("hello\n"));
  EXPECT_THAT(result.output, HasSubstr("/dev/full is not complete: No space left on device"));
}

TEST(ChildProcess, LogThatCannotBeOpenedIsAnError) {
  ChildOptions options;
  options.log = "/nonexistent/log";
  EXPECT_THAT(WhatProcessErrorSays({"true"}, options),
              HasSubstr("cannot write the log /nonexistent/log: No such file or directory"));
}

TEST(ChildProcess, UsesTheWorkingDirectory) {
  const TemporaryDirectory directory("child-directory");
  ChildOptions options;
  options.working_directory = std::filesystem::canonical(directory.path());
  EXPECT_EQ(RunShell("pwd -P", options).output, options.working_directory.string() + "\n");
  WriteFile(directory.path() / "script", "#!/bin/sh\necho here\n", 0755);
  EXPECT_EQ(RunChild({"./script"}, options, Deadline::Never()).output, "here\n");
  options.working_directory = "/nonexistent";
  EXPECT_THAT(WhatProcessErrorSays({"true"}, options), HasSubstr("working directory /nonexistent is not a directory"));
}

TEST(ChildProcess, ChangesTheEnvironment) {
  setenv("CHILD_TEST_KEPT", "kept", 1);
  setenv("CHILD_TEST_CHANGED", "old", 1);
  ChildOptions options;
  options.environment = {{"CHILD_TEST_CHANGED", "new"}, {"CHILD_TEST_ADDED", "a=b c"}};
  const auto result = RunShell("echo $CHILD_TEST_KEPT; echo $CHILD_TEST_CHANGED; echo \"$CHILD_TEST_ADDED\"", options);
  EXPECT_EQ(result.output, "kept\nnew\na=b c\n");
  EXPECT_STREQ(getenv("CHILD_TEST_CHANGED"), "old");
}

TEST(ChildProcess, LooksInThePathOfTheChild) {
  const TemporaryDirectory directory("child-path");
  WriteFile(directory.path() / "only-here", "#!/bin/sh\necho found\n", 0755);
  ChildOptions options;
  options.environment["PATH"] = directory.path().string() + ":/usr/bin:/bin";
  EXPECT_EQ(RunChild({"only-here"}, options, Deadline::Never()).output, "found\n");
  EXPECT_TRUE(FindInPath("only-here").empty());
  EXPECT_TRUE(FindInPath("sh").is_absolute());
}

TEST(ChildProcess, SaysWhyACommandCannotBeStarted) {
  const TemporaryDirectory directory("child-start");
  EXPECT_THAT(WhatProcessErrorSays({"no-such-command-1"}), HasSubstr("no-such-command-1: not found in PATH ("));
  EXPECT_THAT(WhatProcessErrorSays({"/no/such/command"}),
              HasSubstr("cannot start /no/such/command: No such file or directory"));
  EXPECT_THAT(WhatProcessErrorSays({directory.path().string()}), HasSubstr("it is a directory"));
  const auto file = directory.path() / "file";
  WriteFile(file, "#!/bin/sh\n", 0644);
  EXPECT_THAT(WhatProcessErrorSays({file.string()}), HasSubstr("not an executable file (mode 0644)"));
  WriteFile(file, "#!/no/such/interpreter\n", 0755);
  EXPECT_THAT(WhatProcessErrorSays({file.string()}),
              HasSubstr("cannot start " + file.string() + ": No such file or directory"));
  WriteFile(file, "neither a script nor a program", 0755);
  EXPECT_THAT(WhatProcessErrorSays({file.string()}), HasSubstr("Exec format error"));
  EXPECT_THAT(WhatProcessErrorSays({}), HasSubstr("no command given"));
}

TEST(ChildProcess, FailedStartLeavesNoZombieAndRunsNoExitHandlers) {
  const TemporaryDirectory directory("child-exit");
  static const auto mark = directory.path() / "mark";
  static const pid_t self = getpid();
  std::atexit([] {
    if (getpid() != self) WriteFile(mark, "an exit handler ran in the child");
  });
  const auto file = directory.path() / "file";
  WriteFile(file, "neither a script nor a program", 0755);
  WhatProcessErrorSays({file.string()});
  EXPECT_FALSE(std::filesystem::exists(mark));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ChildProcess, ReadsNothingFromUs) { EXPECT_EQ(RunShell("readlink /proc/self/fd/0; cat").output, "/dev/null\n"); }

TEST(ChildProcess, InheritsNoDescriptor) {
  std::vector<int> ours;  // without O_CLOEXEC, low and high
  for (int i = 0; i < 40; ++i) ours.push_back(open("/dev/zero", O_RDONLY));
  ours.push_back(fcntl(ours.front(), F_DUPFD, 900));
  const ChildResult result = RunShell("readlink /proc/$$/fd/*; true");
  for (const int fd : ours) close(fd);
  EXPECT_THAT(result.output, testing::MatchesRegex("/dev/null\n(pipe:\\[[0-9]+\\]\n){2}"));
}

// It may use select(2), which knows no more than 1024.
TEST(ChildProcess, HasTheLimitOfDescriptorsThatWeWereStartedWith) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  RaiseDescriptorLimit();
  rlimit raised{};
  getrlimit(RLIMIT_NOFILE, &raised);
  EXPECT_EQ(raised.rlim_cur, raised.rlim_max);
  EXPECT_EQ(Trim(RunShell("ulimit -S -n").output), InheritedDescriptorLimit().rlim_cur == RLIM_INFINITY
                                                       ? "unlimited"
                                                       : std::to_string(InheritedDescriptorLimit().rlim_cur));
  EXPECT_EQ(InheritedDescriptorLimit().rlim_cur, before.rlim_cur);
  rlimit low = raised;
  low.rlim_cur = std::min<rlim_t>(before.rlim_cur, 64);
  setrlimit(RLIMIT_NOFILE, &low);  // the child's does not follow what we have now
  EXPECT_EQ(Trim(RunShell("ulimit -S -n").output), std::to_string(before.rlim_cur));
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(ChildProcess, StartsWithDefaultSignals) {
  sigset_t mask;
  sigset_t before;
  sigemptyset(&mask);
  sigaddset(&mask, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &mask, &before);
  const auto pipe_handler = std::signal(SIGPIPE, SIG_IGN);
  const ChildResult result = RunChild({"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"}, {}, Deadline::Never());
  std::signal(SIGPIPE, pipe_handler);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(result.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(ChildProcess, HasNoControllingTerminal) {
  EXPECT_THAT(RunShell("(: </dev/tty) 2>&1").output, HasSubstr("/dev/tty"));
}

int OpenDescriptors() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

TEST(ChildProcess, LeaksNoDescriptor) {
  const int before = OpenDescriptors();
  for (int i = 0; i < 20; ++i) {
    RunShell("echo hello");
    WhatProcessErrorSays({"/etc/passwd"});
    WhatProcessErrorSays({"/no/such/command"});
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

}  // namespace
}  // namespace passthrough
