// remote/run-all.sh under each shell that a node may have, with probes that misbehave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/evidence/collection.h"
#include "helpers/evidence/frame_decoder.h"
#include "helpers/evidence/remote_archive.h"
#include "tests/evidence/local_exec.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kRunAll = std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "remote/run-all.sh";

// Runs probes of the test's own with the shell of the parameter in the place of sh.
class RunAll : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string find = "command -v " + GetParam() + " >/dev/null";
    if (system(find.c_str()) != 0) GTEST_SKIP() << "there is no " << GetParam() << " here";
    std::filesystem::create_directories(remote_ / "probes");
    std::filesystem::create_directories(temporary_);
    std::filesystem::copy(kRunAll, remote_);
    ExecResult found = ExecHere({}, "command -v " + GetParam(), {}, Soon());
    found.output.pop_back();
    LinkAsSh(directory_.path() / "bin", found.output);
    shell_.environment["PATH"] = (directory_.path() / "bin").string() + ":/usr/local/bin:/usr/bin:/bin";
    shell_.environment["TMPDIR"] = temporary_;
    shell_.environment["RUN_ALL_TEST"] = directory_.path();
  }

  void TearDown() override {
    if (IsSkipped()) return;
    WaitUntilNothingRuns();
    EXPECT_TRUE(std::filesystem::is_empty(temporary_));
  }

  static Deadline Soon() { return Deadline::After(std::chrono::seconds(120)); }

  void AddProbe(const std::string& name, int limit, const std::string& body, const std::string& needs = {}) {
    WriteFile(remote_ / "probes" / (name + ".sh"), "#!/bin/sh\n# limit: " + std::to_string(limit) +
                                                       (needs.empty() ? "" : "\n# needs: " + needs) +
                                                       "\n# about: a test's probe\n\n" + body + "\n");
  }

  // Runs the probes as the collector does; every frame must arrive.
  std::vector<ProbeOutput> Run(const std::vector<std::string>& probes) {
    RemoteExec exec = [this](const std::string& command, const ExecOptions& options, const Deadline& until) {
      return ExecHere(shell_, command, options, until);
    };
    Collection collection = CollectByExec(exec, BuildRemoteArchive(remote_, probes), probes, Soon());
    EXPECT_EQ(collection.error, "");
    EXPECT_EQ(collection.probes.size(), probes.size());
    collection.probes.resize(probes.size());
    return collection.probes;
  }

  // Runs run-all.sh with `arguments` as somebody on the node would.
  ExecResult RunByHand(const std::string& arguments) {
    return ExecHere(shell_, "sh '" + (remote_ / "run-all.sh").string() + "' " + arguments, {}, Soon());
  }

  std::vector<pid_t> Processes() const { return ProcessesWith("RUN_ALL_TEST=" + directory_.path().string()); }
  // Also ends what would stay for ever: a failed test must not leave processes behind.
  void WaitUntilNothingRuns() const {
    const Deadline deadline = Deadline::After(std::chrono::seconds(60));
    while (!Processes().empty() && !deadline.Passed()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    for (pid_t process : Processes()) {
      ADD_FAILURE() << "still running: " << Printable(ReadFile("/proc/" + std::to_string(process) + "/cmdline"));
      kill(process, SIGKILL);
    }
  }

  TemporaryDirectory directory_{"run-all-test"};
  std::filesystem::path remote_ = directory_.path() / "remote";
  std::filesystem::path temporary_ = directory_.path() / "tmp";
  LocalShell shell_;
};

TEST_P(RunAll, PassesOutputAndStatusOn) {
  AddProbe("plain", 10, "echo hello; echo oops >&2; exit 3");
  AddProbe("silent", 10, ":");
  AddProbe("binary", 10, "printf 'a\\000\\377\\n@end'");
  std::vector<ProbeOutput> outputs = Run({"plain", "silent", "binary"});
  EXPECT_EQ(outputs[0].text, "hello\n");
  EXPECT_EQ(outputs[0].error_text, "oops\n");
  EXPECT_EQ(outputs[0].exit_status, 3);
  EXPECT_EQ(outputs[1].text, "");
  EXPECT_EQ(outputs[1].exit_status, 0);
  EXPECT_EQ(outputs[2].text, std::string("a\0\xff\n@end", 8));
}

// A maker's probes are in a folder; on a node they are beside the others.
TEST_P(RunAll, FindsProbesInFolders) {
  AddProbe("plain", 10, "echo hello");
  std::filesystem::create_directories(remote_ / "probes/maker");
  AddProbe("maker/of_maker", 10, "echo made");
  const std::vector<ProbeOutput> outputs = Run({"of_maker", "plain"});
  EXPECT_EQ(outputs[0].text, "made\n");
  EXPECT_EQ(outputs[1].text, "hello\n");
  EXPECT_THAT(RunByHand("of_maker").output, AllOf(HasSubstr("made"), Not(HasSubstr("hello"))));
  EXPECT_THAT(RunByHand("").output, AllOf(HasSubstr("made"), HasSubstr("hello")));
  EXPECT_EQ(RunByHand("maker/of_maker").exit_status, 64);
}

// A node that goes on from a saved state: its clock stepped back while a probe ran.
TEST_P(RunAll, AClockThatStepsBack) {
  if (system("unshare --mount true 2>/dev/null") != 0) GTEST_SKIP() << "only root may mount";
  AddProbe("one", 20, "echo 1.00 1.00 >\"$RUN_ALL_TEST/uptime\"\nmount --bind \"$RUN_ALL_TEST/uptime\" /proc/uptime");
  const ExecResult result =
      ExecHere(shell_, "unshare --mount sh '" + (remote_ / "run-all.sh").string() + "' one", {}, Soon());
  EXPECT_THAT(result.output, HasSubstr("--- one: exit status 0, 0.00 s ---"));
}

TEST_P(RunAll, KeepsEachExitStatus) {
  AddProbe("status_127", 10, "exec no-such-program");
  AddProbe("status_128", 10, "exit 128");
  AddProbe("status_255", 10, "exit 255");
  std::vector<ProbeOutput> outputs = Run({"status_127", "status_128", "status_255"});
  EXPECT_EQ(outputs[0].exit_status, 127);
  EXPECT_THAT(outputs[0].error_text, HasSubstr("not found"));
  EXPECT_EQ(outputs[1].exit_status, 128);
  EXPECT_EQ(outputs[2].exit_status, 255);
}

TEST_P(RunAll, EndsAProbeThatHangsAndRunsTheOthers) {
  AddProbe("before", 10, "echo 1");
  AddProbe("hang", 1, "echo so far; sleep 1000; echo never");
  AddProbe("after", 10, "echo 2");
  std::vector<ProbeOutput> outputs = Run({"before", "hang", "after"});
  EXPECT_EQ(outputs[0].text, "1\n");
  EXPECT_TRUE(outputs[1].timed_out);
  EXPECT_EQ(outputs[1].limit_seconds, 1);
  EXPECT_EQ(outputs[1].text, "so far\n");
  EXPECT_GE(outputs[1].seconds, 1);
  EXPECT_FALSE(outputs[2].timed_out);
  EXPECT_EQ(outputs[2].text, "2\n");
}

TEST_P(RunAll, DoesNotRunWhatNeedsAProbeThatHung) {
  AddProbe("hang", 1, "sleep 1000");
  AddProbe("fine", 10, "exit 1");
  AddProbe("needs_both", 1, "sleep 1000", "fine hang");
  AddProbe("needs_fine", 10, "echo 2", "fine");
  std::vector<ProbeOutput> outputs = Run({"hang", "fine", "needs_both", "needs_fine"});
  EXPECT_TRUE(outputs[0].timed_out);
  EXPECT_FALSE(outputs[0].skipped);
  EXPECT_TRUE(outputs[2].skipped);
  EXPECT_FALSE(outputs[2].timed_out);
  EXPECT_EQ(outputs[2].error_text, "not run, because hang hung\n");
  EXPECT_EQ(outputs[2].seconds, 0);
  EXPECT_FALSE(outputs[3].skipped);
  EXPECT_EQ(outputs[3].text, "2\n");
}

TEST_P(RunAll, EndsAProbeThatIgnoresTerm) {
  AddProbe("stubborn", 1, "trap '' TERM; while :; do sleep 1000; done");
  AddProbe("busy", 1, "trap '' TERM; while :; do :; done");
  AddProbe("after", 10, "echo 2");
  std::vector<ProbeOutput> outputs = Run({"stubborn", "busy", "after"});
  EXPECT_TRUE(outputs[0].timed_out);
  EXPECT_TRUE(outputs[1].timed_out);
  EXPECT_EQ(outputs[2].text, "2\n");
}

TEST_P(RunAll, EndsAllThatAProbeStarted) {
  AddProbe("parent", 1, "sleep 1000 & (trap '' TERM; sleep 1000; sleep 1000) & wait");
  EXPECT_TRUE(Run({"parent"})[0].timed_out);
  // TearDown sees that nothing runs.
}

// As a process that hangs in the kernel: nothing ends it, and it holds what the probe had open.
TEST_P(RunAll, DoesNotWaitForWhatCannotBeEnded) {
  AddProbe("escaped", 1, "setsid sh -c 'trap \"\" TERM HUP; echo out; sleep 1000' & wait");
  AddProbe("after", 10, "echo 2");
  std::vector<ProbeOutput> outputs = Run({"escaped", "after"});
  EXPECT_TRUE(outputs[0].timed_out);
  EXPECT_EQ(outputs[0].text, "out\n");
  EXPECT_EQ(outputs[1].text, "2\n");
  EXPECT_TRUE(std::filesystem::is_empty(temporary_));
  EXPECT_FALSE(Processes().empty());
  for (pid_t process : Processes()) kill(process, SIGKILL);
}

TEST_P(RunAll, TellsOfAProbeThatASignalEnded) {
  AddProbe("dead", 10, "echo last words; exec sh -c 'kill -SEGV $$'");
  std::vector<ProbeOutput> outputs = Run({"dead"});
  EXPECT_EQ(outputs[0].signal, SIGSEGV);
  EXPECT_EQ(outputs[0].exit_status, -1);
  EXPECT_EQ(outputs[0].text, "last words\n");
}

TEST_P(RunAll, BoundsWhatAProbePrints) {
  AddProbe("shell_flood", 20, "while :; do echo 0123456789012345678901234567890123456789; done");
  AddProbe("program_flood", 20, "exec yes");
  AddProbe("error_flood", 20, "head -c 200000 /dev/zero >&2; echo done");
  AddProbe("just_fits", 20, "head -c 4194304 /dev/zero");
  std::vector<ProbeOutput> outputs = Run({"shell_flood", "program_flood", "error_flood", "just_fits"});
  for (size_t i : {0u, 1u}) {
    EXPECT_EQ(outputs[i].text.size(), kMostProbeOutput);
    EXPECT_TRUE(outputs[i].truncated);
    EXPECT_FALSE(outputs[i].timed_out);
  }
  EXPECT_EQ(outputs[2].error_text.size(), kMostProbeErrors);
  EXPECT_EQ(outputs[2].text, "done\n");
  EXPECT_FALSE(outputs[2].truncated);
  EXPECT_EQ(outputs[3].text.size(), kMostProbeOutput);
  EXPECT_FALSE(outputs[3].truncated);
}

TEST_P(RunAll, ProbesDoNotDisturbEachOther) {
  AddProbe("rude", 10, "cd /; status=9; probe=1; exec >&2; set -e; trap 'echo bye' EXIT; PATH=");
  AddProbe("after", 10, "echo $PWD; cat");
  std::vector<ProbeOutput> outputs = Run({"rude", "after"});
  EXPECT_EQ(outputs[0].error_text, "bye\n");
  // Stdin is empty; in particular it is not the archive.
  EXPECT_EQ(outputs[1].text, "/\n");
}

TEST_P(RunAll, PrintsReadablyByHand) {
  AddProbe("one", 10, "echo hello; echo oops >&2");
  AddProbe("two", 1, "sleep 1000");
  ExecResult result = RunByHand("");
  EXPECT_EQ(result.exit_status, 0) << result.error_output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("=== one: a test's probe ===\nhello\n--- one: errors ---\noops\n"),
                    HasSubstr("--- one: exit status 0, "), HasSubstr("--- two: did not end within 1 s, ")));
}

TEST_P(RunAll, ScalesLimits) {
  AddProbe("slow", 1, "sleep 1.5; echo done");
  EXPECT_THAT(RunByHand("--limit-scale 30 slow").output, HasSubstr("done"));
  EXPECT_THAT(RunByHand("slow").output, Not(HasSubstr("done")));
}

// A probe's limit may follow from how much there is to do, and the probe knows what it has.
TEST_P(RunAll, LimitsFollowFromWhatThereIs) {
  const std::filesystem::path probe = remote_ / "probes" / "each.sh";
  const auto limit_of = [&](const std::string& arguments) {
    const std::string output = RunByHand(arguments + " each").output;
    const size_t at = output.find("limit ");
    return at == std::string::npos ? output : output.substr(at, output.find('\n', at) - at);
  };
  const auto write = [&](const std::string& patterns) {
    WriteFile(probe, "#!/bin/sh\n# limit: 90\n# limit-each: 45 " + patterns +
                         "\n# limit-percent: 8\n# about: a test's probe\n"
                         "echo \"limit $PROBE_LIMIT $PROBE_SCALE ${WORKLOAD_MEMORY_PERCENT:-none}\"\n");
  };
  write("/nonexistent/gpus/*");
  EXPECT_EQ(limit_of(""), "limit 90 1 none");
  for (const char* gpu : {"gpus/a", "gpus/b", "gpus/c", "mig/gi1"}) {
    std::filesystem::create_directories(remote_ / "there" / gpu);
  }
  write((remote_ / "there/gpus/*").string() + " " + (remote_ / "there/mig/gi*").string());
  EXPECT_EQ(limit_of(""), "limit 225 1 none");
  EXPECT_EQ(limit_of("--limit-scale 2"), "limit 450 2 none");
  EXPECT_EQ(limit_of("--gpu-memory 50"), "limit 1825 1 50");
}

TEST_P(RunAll, RefusesWhatItDoesNotUnderstand) {
  AddProbe("one", 10, "echo hello");
  for (const std::string arguments :
       {"two", "../one", "''", "--frames", "--frames xyz one", "--frames '' one", "--frames 0123456789abcde one",
        "--limit-scale 0 one", "--gpu-memory 101 one", "--gpu-memory x one", "--limit-scale 1x one", "--what"}) {
    ExecResult result = RunByHand(arguments);
    EXPECT_EQ(result.exit_status, 64) << arguments;
    EXPECT_EQ(result.output, "") << arguments;
    EXPECT_THAT(result.error_output, HasSubstr("usage: run-all.sh")) << arguments;
  }
}

TEST_P(RunAll, CleansUpWhenItIsEnded) {
  for (int number : {SIGTERM, SIGHUP, SIGINT}) {
    AddProbe("slow", 60,
             "trap '' HUP; echo up >'" + (directory_.path() / "up").string() + "'; while :; do sleep 1000; done");
    std::jthread killer;
    shell_.on_start = [&](pid_t group) {
      killer = std::jthread([this, group, number] {
        while (!std::filesystem::exists(directory_.path() / "up")) {
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        // As a terminal does on Ctrl-C.
        kill(-group, number);
      });
    };
    RunByHand("slow");
    WaitUntilNothingRuns();
    EXPECT_TRUE(std::filesystem::is_empty(temporary_)) << strsignal(number);
    std::filesystem::remove(directory_.path() / "up");
  }
}

TEST_P(RunAll, EndsWhenNobodyReadsAnyMore) {
  AddProbe("slow", 60, "sleep 1");
  AddProbe("talk", 60, "head -c 1000000 /dev/zero");
  ExecResult result =
      ExecHere(shell_, "sh '" + (remote_ / "run-all.sh").string() + "' slow talk talk talk | true", {}, Soon());
  WaitUntilNothingRuns();
  EXPECT_TRUE(std::filesystem::is_empty(temporary_));
}

INSTANTIATE_TEST_SUITE_P(Shells, RunAll, testing::Values("dash", "bash", "busybox"),
                         [](const auto& shell) { return shell.param; });

}  // namespace
}  // namespace passthrough
