// The command that says when a node is set up, run by this machine's shell.
#include "helpers/evidence/node_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "tests/evidence/local_exec.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::filesystem::path kScripts = std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "remote";

class NodeSetupTest : public testing::Test {
 protected:
  NodeSetupTest() {
    std::filesystem::create_directories(Bin());
    shell_.environment["PATH"] = Bin().string() + ":" + std::getenv("PATH");
    Program("systemctl", "echo running");
  }
  std::filesystem::path Bin() const { return directory_.path() / "bin"; }
  void Program(const std::string& name, const std::string& body) {
    WriteFile(Bin() / name, "#!/bin/sh\n" + body + "\n", 0755);
  }
  NodeSetup Wait(const SetupOptions& options = {}) {
    const RemoteExec exec = [this](const std::string& command, const ExecOptions& exec_options, const Deadline& until) {
      return ExecHere(shell_, command, exec_options, until);
    };
    return WaitUntilSetUp(exec, options, kScripts, Deadline::After(std::chrono::seconds(60)),
                          [](const std::string&) {});
  }

  const TemporaryDirectory directory_{"node-setup"};
  LocalShell shell_;
};

TEST_F(NodeSetupTest, ANodeWithoutCloudInitIsReady) {
  const NodeSetup setup = Wait();
  EXPECT_EQ(setup.exit_status, 0);
  EXPECT_EQ(setup.output, "no cloud-init");
  EXPECT_EQ(setup.command, "cloud-init status --wait");
  EXPECT_TRUE(setup.is_default);
}

TEST_F(NodeSetupTest, WaitsForCloudInit) {
  Program("cloud-init",
          "case $* in *--wait*) sleep 1; echo ....; echo 'status: done' ;; *) echo 'status: running' ;; esac");
  const NodeSetup setup = Wait();
  EXPECT_EQ(setup.exit_status, 0);
  EXPECT_THAT(setup.output, HasSubstr("status: done"));
  EXPECT_GE(setup.seconds, 1);
}

TEST_F(NodeSetupTest, KeepsHowCloudInitEndedAndWhatItSays) {
  for (const int status : {1, 2}) {
    Program("cloud-init", "case $* in *--long*) echo 'detail: apt failed' ;; *) echo 'status: error' ;; esac\nexit " +
                              std::to_string(status));
    const NodeSetup setup = Wait();
    EXPECT_EQ(setup.exit_status, status);
    EXPECT_THAT(setup.output, AllOf(HasSubstr("status: error"), HasSubstr("detail: apt failed")));
  }
}

// An image with its units disabled: it would wait for ever.
TEST_F(NodeSetupTest, CloudInitThatIsNotToRunIsNotWaitedFor) {
  for (const char* const word : {"not run", "not started"}) {
    Program("cloud-init", std::string("case $* in *--wait*) sleep 1000 ;; esac\necho 'status: ") + word + "'");
    EXPECT_EQ(Wait().exit_status, 0);
  }
}

TEST_F(NodeSetupTest, IsGivenUpAtItsLimit) {
  SetupOptions options;
  options.command = {"sh", "-c", "echo so far; exec sleep 1000"};
  options.limit = std::chrono::seconds(1);
  const NodeSetup setup = Wait(options);
  EXPECT_EQ(setup.exit_status, std::nullopt);
  EXPECT_THAT(setup.problem, HasSubstr("it had not ended after 1"));
  EXPECT_EQ(setup.output, "so far");
}

TEST_F(NodeSetupTest, ACommandOfTheProfilesIsRunAsItIs) {
  SetupOptions options;
  options.command = {"sh", "-c", "printf '%s|' \"$@\"; exit 3", "x", "a b", "$HOME"};
  const NodeSetup setup = Wait(options);
  EXPECT_EQ(setup.exit_status, 3);
  EXPECT_EQ(setup.output, "a b|$HOME|");
  EXPECT_FALSE(setup.is_default);
}

}  // namespace
}  // namespace passthrough
