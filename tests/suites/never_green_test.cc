// Ways in which a test suite turns green by accident, each tried on the real program, with libvirt's test driver and
// deployers that fail or do nothing.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "helpers/base/descriptor.h"
#include "helpers/base/files.h"
#include "helpers/base/process_identity.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/inventory/inventory.h"
#include "tests/libvirt/test_hypervisor.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;

class NeverGreenTest : public testing::Test {
 protected:
  // Runs of one user know of each other; those of one test must not know of another test's.
  void SetUp() override { setenv("XDG_STATE_HOME", Path("state").c_str(), 1); }
  fs::path Path(const std::string& name) const { return directory_.path() / name; }
  fs::path Latest() const { return Path("logs") / "latest"; }

  // A hypervisor of libvirt's test driver with the planned devices and nothing else; with-cluster.xml has, in place of
  // it, what create makes first.
  fs::path MakeHypervisor() const {
    const std::string empty =
        TestHypervisor::Computer() + TestHypervisor::PciDevice(0, 0x030000) + TestHypervisor::PciDevice(1, 0x040300);
    WriteFile(Path("node.xml"), "<node>" + empty + "</node>");
    WriteFile(Path("empty.xml"), "<node>" + empty + "</node>");
    // With a UUID: each connection reads the file anew, and would make one of its own.
    WriteFile(Path("with-cluster.xml"),
              "<node>" + empty +
                  "<network><name>test-hpc-pcie-minimal-network</name>"
                  "<uuid>11111111-2222-3333-4444-555555555555</uuid><bridge name='virbr140'/></network></node>");
    return Path("node.xml");
  }

  // A profile whose deployer makes the network, and leaves a mark when it is asked to destroy.
  std::string MakeProfile(const std::string& create, const std::string& destroy_status = "0", std::string uri = "") {
    if (uri.empty()) uri = "test://" + MakeHypervisor().string();
    WriteFile(Path("destroy.sh"),
              fmt::format("#!/bin/sh\necho destroyed >>{}\ncp '{}' '{}'\nexit {}\n", Path("destroyed").string(),
                          Path("empty.xml").string(), Path("node.xml").string(), destroy_status),
              0755);
    WriteFile(Path("create.sh"),
              fmt::format("#!/bin/sh\ncp '{}' '{}'\n{}\n", Path("with-cluster.xml").string(), Path("node.xml").string(),
                          create),
              0755);
    WriteFile(Path("profile.yaml"), fmt::format("version: \"1.0\"\ndescription: of a test\n"
                                                "libvirt:\n  uri: {}\n"
                                                "deployer:\n  create: [{}]\n  destroy: [{}]\n"
                                                "ssh:\n  user: nobody\n"
                                                "time_limits: {{create: 60, ssh: 1, collect: 1, destroy: 30}}\n",
                                                uri, Path("create.sh").string(), Path("destroy.sh").string()));
    return Path("profile.yaml").string();
  }
  std::vector<std::string> Arguments(const std::string& profile, const std::string& filter = "") {
    std::vector<std::string> arguments{
        "--profile", profile,
        "--log-dir", Path("logs").string(),
        "--config",  std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/test-pcie-passthrough-minimal.yaml"};
    if (!filter.empty()) arguments.push_back("--gtest_filter=" + filter);
    return arguments;
  }
  // True as soon as the file is there; false where it does not come within a minute.
  bool Appears(const std::string& file) const {
    BackOff back_off;
    for (const Deadline deadline = Deadline::After(seconds(60)); !deadline.Passed();) {
      if (fs::exists(Path(file))) return true;
      back_off.Sleep(deadline);
    }
    return false;
  }
  bool WaitUntilDestroyed() const { return Appears("destroyed"); }
  // Runs ctest on the checks alone, with a test file of its own.
  ChildResult RunCtest(const std::string& profile, std::vector<std::string> arguments,
                       std::function<void(int)> on_start = nullptr) {
    WriteFile(Path("CTestTestfile.cmake"), fmt::format("include(\"{}/ClusterTests.cmake\")\n", PASSTHROUGH_BINARY_DIR));
    ChildOptions options;
    options.environment = {{"PASSTHROUGH_PROFILE", profile},
                           {"PASSTHROUGH_LOG_DIR", Path("logs").string()},
                           {"PASSTHROUGH_RUN_LINK", Path("run-link").string()},
                           {"PASSTHROUGH_CONFIG", config_}};
    options.on_start = std::move(on_start);
    arguments.insert(arguments.begin(), {"ctest", "--test-dir", directory_.path().string()});
    return RunChild(arguments, options, Deadline::After(std::chrono::minutes(5)));
  }

  std::string config_ = std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/test-pcie-passthrough-minimal.yaml";

 private:
  TemporaryDirectory directory_{"never-green"};
};

TEST_F(NeverGreenTest, AFilterThatMatchesNothing) {
  const ChildResult result = RunSuite(Arguments(MakeProfile("true"), "Nothing.Here"));
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("no check ran"));
  EXPECT_FALSE(fs::exists(Path("logs"))) << "something was deployed for nothing";
}

TEST_F(NeverGreenTest, AnUnknownOptionOfGoogleTest) {
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--gtest_list_tests"}}) {
    std::vector<std::string> arguments = Arguments(MakeProfile("true"));
    arguments.push_back("--gtest_fliter=PciDevice.*");
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ChildResult result = RunSuite(arguments);
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.output, HasSubstr("--gtest_fliter=PciDevice.*: no such option"));
  }
}

TEST_F(NeverGreenTest, TheHelpOfGoogleTest) {
  const ChildResult result = RunSuite({"--gtest_help"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("--gtest_filter="));
}

// ctest runs in the build directory; the user did not.
TEST_F(NeverGreenTest, CtestTakesRelativePathsFromWhereTheUserIs) {
  WriteFile(Path("my.yaml"), ReadFile(config_));
  fs::rename(MakeProfile("true"), Path("here.yaml"));
  ChildOptions options;
  options.working_directory = "/";
  WriteFile(Path("CTestTestfile.cmake"), fmt::format("include(\"{}/ClusterTests.cmake\")\n", PASSTHROUGH_BINARY_DIR));
  options.environment = {{"PASSTHROUGH_PROFILE", "./here.yaml"},
                         {"PASSTHROUGH_CONFIG", "my.yaml"},
                         {"PASSTHROUGH_RUN_LINK", "run-link"},
                         {"PWD", Path(".").parent_path().string()}};
  const ChildResult result = RunChild({"ctest", "--test-dir", Path(".").string(), "-N", "-V"}, options,
                                      Deadline::After(std::chrono::minutes(1)));
  EXPECT_THAT(result.output, HasSubstr("cluster.deploy"));
  EXPECT_THAT(result.output, HasSubstr(Path("my.yaml").string()));
  EXPECT_THAT(ReadFile(Path("run-link.cmake")), HasSubstr("WORKING_DIRECTORY [==[" + Path(".").parent_path().string()));
}

TEST_F(NeverGreenTest, AnUnknownOptionAndAMissingFile) {
  EXPECT_EQ(RunSuite({"--confg", "x"}).exit_status, 1);
  const ChildResult result = RunSuite({"--config", "/nonexistent/x.yaml", "--profile", "also-missing"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("/nonexistent/x.yaml"));
  EXPECT_THAT(result.output, HasSubstr("also-missing")) << "only one of two problems was reported";
}

TEST_F(NeverGreenTest, ADeployerThatFailsFailsEveryCheck) {
  const ChildResult result = RunSuite(Arguments(MakeProfile("echo no space left; exit 3")));
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("no space left"));
  EXPECT_THAT(result.output, HasSubstr("exit status 3"));
  const JunitReport report = ReadJunit(Latest() / "junit.xml");
  EXPECT_THAT(report.all, testing::Not(IsEmpty()));
  EXPECT_EQ(report.failed, report.all);
  EXPECT_THAT(report.skipped, IsEmpty());
  EXPECT_TRUE(fs::exists(Path("destroyed"))) << "half a cluster was left";
  EXPECT_THAT(ReadFile(Latest() / "cluster-start.log"), HasSubstr("no space left"));
}

TEST_F(NeverGreenTest, LibvirtThatIsNotThereFailsEveryCheck) {
  const ChildResult result =
      RunSuite(Arguments(MakeProfile("true", "0", "qemu+unix:///system?socket=/nonexistent/libvirt-sock")));
  EXPECT_EQ(result.exit_status, 1);
  const JunitReport report = ReadJunit(Latest() / "junit.xml");
  EXPECT_THAT(report.all, testing::Not(IsEmpty()));
  EXPECT_EQ(report.failed, report.all);
  EXPECT_FALSE(fs::exists(Path("destroyed"))) << "nothing was deployed, so nothing is pending";
}

TEST_F(NeverGreenTest, ADeployerThatSucceedsAndMakesNothing) {
  const ChildResult result = RunSuite(Arguments(MakeProfile("true")));
  EXPECT_EQ(result.exit_status, 1);
  const JunitReport report = ReadJunit(Latest() / "junit.xml");
  EXPECT_THAT(report.failed,
              IsSupersetOf({"Node.IsThereAsPlanned/hpc_controller", "Node.IsThereAsPlanned/hpc_compute_01",
                            "NvidiaSmi.AnswersWithExitStatusZero/hpc_compute_01"}));
  EXPECT_THAT(report.failed, testing::Not(Contains("Cleanup.DestroySucceeded/test_hpc_pcie_minimal")));
  EXPECT_THAT(report.messages.at("Node.IsThereAsPlanned/hpc_compute_01"),
              HasSubstr("libvirt has no domain test-hpc-pcie-minimal-compute-01"));
}

TEST_F(NeverGreenTest, ATearDownThatFailsFailsARunOfPassingChecks) {
  const std::string passing = "Cluster.HasNoUnplannedVm/*";
  ASSERT_EQ(RunSuite(Arguments(MakeProfile("true"), passing)).exit_status, 0);
  const ChildResult result = RunSuite(Arguments(MakeProfile("true", "4"), passing));
  EXPECT_EQ(result.exit_status, 1);
  const JunitReport report = ReadJunit(Latest() / "junit.xml");
  EXPECT_THAT(report.failed, testing::ElementsAre("Environment.NothingIsLeftBehind"));
  EXPECT_THAT(report.messages.at("Environment.NothingIsLeftBehind"), HasSubstr("exit status 4"));
}

// What somebody else does on the host meanwhile is no fault of the cluster's, and no proof of anything either.
TEST_F(NeverGreenTest, WhatOthersDidOnTheHostIsNotedAndNeitherPassedNorFailed) {
  ASSERT_EQ(RunSuite(Arguments(MakeProfile("true"), "Cleanup.*")).exit_status, 0);
  const fs::path run = fs::canonical(Latest());
  const auto replay_with = [&](const std::string& interface) {
    Inventory after = InventoryFromJson(ReadFile(run / "evidence/host/before.json"));
    after.interfaces.push_back(interface);
    WriteFile(run / "evidence/host/after.json", ToJson(after));
    return RunSuite({"--replay", run.string(), "--gtest_filter=Cleanup.*"});
  };
  const ChildResult theirs = replay_with("docker0");
  EXPECT_EQ(theirs.exit_status, 0) << theirs.output;
  EXPECT_THAT(theirs.output,
              testing::AllOf(HasSubstr("NOTE: not checked: Cleanup.NoInterfaceRemains"),
                             HasSubstr("network interface docker0 is new"), testing::Not(HasSubstr("all passed"))));
  const ChildResult ours = replay_with("virbr140");
  EXPECT_EQ(ours.exit_status, 1);
  EXPECT_THAT(ours.output, HasSubstr("network interface virbr140 is new on the host since before the run"));
}

TEST_F(NeverGreenTest, AnOldReportDoesNotOutliveTheStart) {
  const fs::path old = Path("old.xml");
  WriteFile(old, "<testsuites tests=\"1\" failures=\"0\"/>");
  auto arguments = Arguments(MakeProfile("kill -KILL $PPID; sleep 60"), "Cluster.*");
  arguments.push_back("--gtest_output=xml:" + old.string());
  const ChildResult result = RunSuite(arguments);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(WaitUntilDestroyed()) << "the guard did not tear down";
}

TEST_F(NeverGreenTest, SigtermWhileDeployingEndsInATearDown) {
  std::jthread killer;
  ChildOptions options;
  options.on_start = [&](int pid) {
    killer = std::jthread([this, pid] {
      if (Appears("creating")) kill(pid, SIGTERM);
    });
  };
  auto arguments = Arguments(MakeProfile(fmt::format("touch {}; sleep 300", Path("creating").string())));
  arguments.insert(arguments.begin(), SuiteProgram().string());
  const ChildResult result = RunChild(arguments, options, Deadline::After(std::chrono::minutes(5)));
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("interrupted by SIGTERM"));
  EXPECT_TRUE(fs::exists(Path("destroyed")));
  EXPECT_FALSE(fs::exists(Latest() / "teardown-record.json"));
}

// The children of process `pid`.
std::vector<pid_t> ChildrenOf(pid_t pid) {
  const std::string file = fmt::format("/proc/{0}/task/{0}/children", pid);
  std::vector<pid_t> children;
  const std::string text = ReadFile(file);
  for (const auto word : SplitWords(text)) children.push_back(std::stoi(std::string(word)));
  return children;
}

// An ssh that dies under libvirt's client is a SIGPIPE, which ended the guard.
TEST_F(NeverGreenTest, TheGuardIgnoresEverySignalThatCanBeIgnored) {
  std::jthread killer;
  ChildOptions options;
  options.on_start = [&](int pid) {
    killer = std::jthread([this, pid] {
      if (!Appears("creating")) return;
      for (const pid_t child : ChildrenOf(pid)) {
        const std::string command = ReadFile(fmt::format("/proc/{}/cmdline", child));
        if (command.find("--guard") == std::string::npos) continue;
        for (const int signal : {SIGPIPE, SIGHUP, SIGINT, SIGTERM}) kill(child, signal);
      }
      kill(pid, SIGKILL);
    });
  };
  auto arguments = Arguments(MakeProfile(fmt::format("touch {}; sleep 300", Path("creating").string())));
  arguments.insert(arguments.begin(), SuiteProgram().string());
  EXPECT_EQ(RunChild(arguments, options, Deadline::After(std::chrono::minutes(5))).signal, SIGKILL);
  EXPECT_TRUE(WaitUntilDestroyed()) << "the guard did not tear down";
}

// timeout(1) sends its signal to its child and to the process group in which that is.
TEST_F(NeverGreenTest, OneSignalThatComesTwiceEndsInOrder) {
  std::jthread killer;
  ChildOptions options;
  options.on_start = [&](int pid) {
    killer = std::jthread([this, pid] {
      if (!Appears("creating")) return;
      kill(pid, SIGTERM);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      kill(pid, SIGTERM);
    });
  };
  auto arguments = Arguments(MakeProfile(fmt::format("touch {}; sleep 300", Path("creating").string())));
  arguments.insert(arguments.begin(), SuiteProgram().string());
  const ChildResult result = RunChild(arguments, options, Deadline::After(std::chrono::minutes(5)));
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("Interrupted: ending in order"));
  EXPECT_THAT(result.output, testing::Not(HasSubstr("Interrupted again")));
  EXPECT_THAT(result.output, HasSubstr("nothing is left of the cluster"));
}

TEST_F(NeverGreenTest, ASecondSigintLeavesAtOnceAndTheGuardTearsDown) {
  std::jthread killer;
  ChildOptions options;
  options.on_start = [&](int pid) {
    killer = std::jthread([this, pid] {
      if (!Appears("creating")) return;
      kill(pid, SIGINT);
      // The deployer ignores SIGTERM, so the orderly end takes its grace of ten seconds.
      std::this_thread::sleep_for(seconds(2));
      kill(pid, SIGINT);
    });
  };
  auto arguments = Arguments(
      MakeProfile(fmt::format("trap '' TERM; touch {}; while :; do sleep 1; done", Path("creating").string())));
  arguments.insert(arguments.begin(), SuiteProgram().string());
  const ChildResult result = RunChild(arguments, options, Deadline::After(std::chrono::minutes(5)));
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("Once more: leave at once"));
  EXPECT_THAT(result.output, HasSubstr("Interrupted again: leaving"));
  EXPECT_TRUE(WaitUntilDestroyed()) << "the guard did not tear down";
  EXPECT_THAT(ReadFile(Latest() / "guard.log"), HasSubstr("tearing down"));
}

// Kills the suite and its guard while the deployer runs. The deployer goes on, orphaned.
TEST_F(NeverGreenTest, WhenTheGuardIsKilledTooTheNextStartTearsDown) {
  pid_t deployer = 0;
  std::jthread killer;
  ChildOptions options;
  options.on_start = [&](int pid) {
    killer = std::jthread([&, pid] {
      if (!Appears("creating")) return;
      for (const pid_t child : ChildrenOf(pid)) {
        const std::string command = ReadFile(fmt::format("/proc/{}/cmdline", child));
        if (command.find("--guard") == std::string::npos) {
          deployer = child;
        } else {
          kill(child, SIGKILL);
        }
      }
      kill(pid, SIGKILL);
    });
  };
  const std::string profile =
      MakeProfile(fmt::format("trap '' TERM; touch {}; while :; do sleep 1; done", Path("creating").string()));
  auto arguments = Arguments(profile);
  arguments.insert(arguments.begin(), SuiteProgram().string());
  RunChild(arguments, options, Deadline::After(std::chrono::minutes(5)));
  killer.join();
  ASSERT_GT(deployer, 0);
  const ProcessIdentity orphan = IdentityOf(deployer);
  EXPECT_TRUE(IsAlive(orphan)) << "the deployer was to go on";
  EXPECT_FALSE(fs::exists(Path("destroyed")));

  const std::string next_profile = MakeProfile("true");
  fs::copy_file(Path("with-cluster.xml"), Path("node.xml"), fs::copy_options::overwrite_existing);  // as it was left
  const ChildResult next = RunSuite(Arguments(next_profile, "Cluster.*"));
  EXPECT_THAT(next.output, HasSubstr("an earlier run was killed and its teardown is pending"));
  EXPECT_EQ(ReadFile(Path("destroyed")), "destroyed\ndestroyed\n") << "its own, and the earlier one's";
  EXPECT_FALSE(IsAlive(orphan)) << "the deployer of the killed run still runs";
  EXPECT_THAT(RunSuite({"--reap"}).output, HasSubstr("no teardown is pending"));
}

// "git clean -ffdx" in the checkout, while the deployer runs.
TEST_F(NeverGreenTest, ARunWhoseDirectoryIsDeletedTakesDownWhatItMade) {
  const std::string profile = MakeProfile(OnceItIsNoted(Latest()) + "rm -rf " + Path("logs").string());
  const ChildResult result = RunSuite(Arguments(profile, "Cluster.*"));
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("was deleted while the run went on"));
  EXPECT_THAT(result.output, HasSubstr("1 check: none could be checked")) << "the summary needs no file";
  EXPECT_THAT(result.output, HasSubstr("the reports could not be written: "));
  EXPECT_TRUE(fs::exists(Path("destroyed"))) << result.output;
  EXPECT_FALSE(fs::exists(Path("logs"))) << "nothing is made anew where somebody deleted it";
  EXPECT_THAT(RunSuite({"--reap"}).output, HasSubstr("no teardown is pending"));
}

TEST_F(NeverGreenTest, ASecondRunOfAClusterSaysWhoHoldsIt) {
  std::string second;
  std::jthread other;
  ChildOptions options;
  options.on_start = [&](int pid) {
    other = std::jthread([&, pid] {
      if (Appears("creating")) second = RunSuite(Arguments(Path("profile.yaml").string(), "Cluster.*")).output;
      kill(pid, SIGTERM);
    });
  };
  auto arguments = Arguments(MakeProfile(fmt::format("touch {}; sleep 300", Path("creating").string())));
  arguments.insert(arguments.begin(), SuiteProgram().string());
  RunChild(arguments, options, Deadline::After(std::chrono::minutes(5)));
  other.join();
  EXPECT_THAT(second, HasSubstr("is held by a run that goes on: process"));
  EXPECT_EQ(ReadFile(Path("destroyed")), "destroyed\n") << "the second run must not destroy the first one's";
}

// Nobody reads what it writes, as in a terminal that was stopped.
TEST_F(NeverGreenTest, SignalsAreHandledThoughNothingCanBeWritten) {
  const fs::path pipe = Path("stderr");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const Descriptor end(open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  std::jthread killer;
  ChildOptions options;
  options.on_start = [&](int pid) {
    killer = std::jthread([&, pid] {
      if (!Appears("creating")) return;
      while (write(end.get(), "x", 1) == 1) {
      }
      kill(pid, SIGTERM);
      std::this_thread::sleep_for(seconds(2));
      kill(pid, SIGTERM);
    });
  };
  auto arguments = Arguments(MakeProfile(fmt::format("touch {}; sleep 300", Path("creating").string())));
  const std::vector<std::string> shell{"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>" + pipe.string(),
                                       SuiteProgram().string()};
  arguments.insert(arguments.begin(), shell.begin(), shell.end());
  const ChildResult result = RunChild(arguments, options, Deadline::After(std::chrono::minutes(2)));
  EXPECT_EQ(result.HowItEnded(), "exit status 1");
  EXPECT_TRUE(WaitUntilDestroyed());
}

// nohup(1) has it ignored.
TEST_F(NeverGreenTest, ASighupThatIsIgnoredInterruptsNothing) {
  std::jthread killer;
  ChildOptions options;
  options.on_start = [&](int pid) {
    killer = std::jthread([this, pid] {
      if (!Appears("creating")) return;
      kill(pid, SIGHUP);
      WriteFile(Path("go"), "");
    });
  };
  const std::string wait =
      fmt::format("touch {}; while ! test -e {}; do sleep 0.1; done", Path("creating").string(), Path("go").string());
  auto arguments = Arguments(MakeProfile(wait), "Cluster.*");
  const std::vector<std::string> shell{"/bin/sh", "-c", "trap '' HUP; exec \"$0\" \"$@\"", SuiteProgram().string()};
  arguments.insert(arguments.begin(), shell.begin(), shell.end());
  const ChildResult result = RunChild(arguments, options, Deadline::After(std::chrono::minutes(5)));
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, testing::Not(HasSubstr("nterrupted")));
}

// --- under ctest ---

TEST_F(NeverGreenTest, ASecondCtestLeavesTheFirstOnesRunAlone) {
  const std::string profile = MakeProfile("true");
  // Another ctest of this build directory, as far as its file says: this process.
  const ProcessIdentity other = IdentityOf(getpid());
  const std::string link = fmt::format("{}\n{} {}\n", Path("run").string(), other.pid, other.start_time);
  WriteFile(Path("run-link"), link);
  const ChildResult result = RunCtest(profile, {"-R", "Cluster.HasNoUnplannedVm", "--output-on-failure"});
  EXPECT_NE(result.exit_status, 0);
  EXPECT_THAT(result.output,
              HasSubstr(fmt::format("another ctest goes on in this build directory, process {}", other.pid)));
  EXPECT_EQ(ReadFile(Path("run-link")), link);
  EXPECT_FALSE(fs::exists(Path("destroyed")));
}

TEST_F(NeverGreenTest, CtestDeploysOnceAndDestroysOnce) {
  const std::string profile = MakeProfile(fmt::format("echo created >>{}", Path("created").string()));
  const ChildResult result = RunCtest(profile, {"-R", "Cluster.HasNoUnplannedVm|Cleanup\\."});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_EQ(ReadFile(Path("created")), "created\n");
  EXPECT_EQ(ReadFile(Path("destroyed")), "destroyed\n");
}

TEST_F(NeverGreenTest, CtestWithADeployerThatFails) {
  const ChildResult result = RunCtest(MakeProfile("exit 3"), {"--output-on-failure"});
  EXPECT_NE(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("exit status 3"));
  EXPECT_TRUE(fs::exists(Path("destroyed")));
}

TEST_F(NeverGreenTest, CtestWithAClusterFileThatCannotBeRead) {
  config_ = "/nonexistent/x.yaml";
  const ChildResult result = RunCtest(MakeProfile("true"), {"--output-on-failure"});
  EXPECT_NE(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("/nonexistent/x.yaml"));
}

TEST_F(NeverGreenTest, CtestSeesThatTheClusterFileChanged) {
  const std::string profile = MakeProfile("true");
  config_ = Path("cluster.yaml").string();
  const std::string configs = std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/";
  WriteFile(config_, ReadFile(configs + "test-minimal.yaml"));
  EXPECT_THAT(RunCtest(profile, {"-N"}).output, testing::Not(HasSubstr("NvidiaSmi")));
  WriteFile(config_, ReadFile(configs + "test-pcie-passthrough-minimal.yaml"));
  EXPECT_THAT(RunCtest(profile, {"-N"}).output, HasSubstr("NvidiaSmi"));
}

TEST_F(NeverGreenTest, CtestWithoutItsDeployChecksNoOldRun) {
  const std::string profile = MakeProfile("true");
  const std::string check = "Cluster.HasNoUnplannedVm";
  ASSERT_EQ(RunCtest(profile, {"-R", check}).exit_status, 0);
  // -FA: without any fixture.
  EXPECT_NE(RunCtest(profile, {"-R", check, "-FA", "."}).exit_status, 0);
}

TEST_F(NeverGreenTest, CtestKilledBeforeItsDestroy) {
  const std::string profile = MakeProfile("true");
  // Kills ctest (its parent) as soon as the run can be checked.
  std::jthread killer;
  RunCtest(profile, {}, [&](int pid) {
    killer = std::jthread([this, pid] {
      if (Appears("run-link")) kill(pid, SIGKILL);
    });
  });
  EXPECT_TRUE(WaitUntilDestroyed());
}

}  // namespace
}  // namespace passthrough
