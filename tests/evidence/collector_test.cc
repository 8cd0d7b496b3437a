// Collecting over SSH from real OpenSSH servers on the loopback.
#include "helpers/evidence/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "helpers/base/text.h"
#include "helpers/evidence/node_evidence.h"
#include "tests/evidence/local_exec.h"
#include "tests/ssh/openssh_server.h"

namespace passthrough {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kRemoteDirectory = std::filesystem::path(PASSTHROUGH_SOURCE_DIR) / "remote";

class CollectorTest : public testing::Test {
 protected:
  CollectorTest() {
    options_.remote_directory = directory_.path() / "remote";
    options_.evidence_directory = directory_.path() / "evidence";
    options_.host_keys = &keys_;
    options_.report_after = std::chrono::hours(1);
    options_.on_progress = [this](const std::string& node, const std::string& what) {
      std::lock_guard lock(mutex_);
      progress_[node].push_back(what);
    };
    std::filesystem::create_directories(options_.remote_directory / "probes");
    std::filesystem::copy(kRemoteDirectory / "run-all.sh", options_.remote_directory);
    std::filesystem::copy(kRemoteDirectory / "actions", options_.remote_directory / "actions",
                          std::filesystem::copy_options::recursive);
  }
  ~CollectorTest() override { ClearInterruption(); }

  void AddProbe(const std::string& name, const std::string& body) {
    WriteFile(options_.remote_directory / "probes" / (name + ".sh"), "#!/bin/sh\n# limit: 30\n" + body + "\n");
    options_.probes.push_back(name);
  }
  // A probe that says in a file that it runs, and where, and then runs until it is let go.
  void AddSlowProbe(const std::string& name) {
    AddProbe(name, "echo \"$work\" >'" + Started().string() + ".new'; mv '" + Started().string() + ".new' '" +
                       Started().string() + "'\nwhile [ ! -e '" + LetGo().string() + "' ]; do sleep 0.05; done");
  }
  std::filesystem::path Started() const { return directory_.path() / "started"; }
  std::filesystem::path LetGo() const { return directory_.path() / "let-go"; }

  static void WaitForFile(const std::filesystem::path& path) {
    while (!std::filesystem::exists(path)) std::this_thread::sleep_for(milliseconds(10));
  }
  // The directory on the node that the slow probe runs from.
  std::filesystem::path NodeDirectory() const { return std::filesystem::path(Trim(ReadFile(Started()))).parent_path(); }
  // Lets the slow probe go, and waits until the node has tidied up after it.
  void LetGoAndWait() const {
    WriteFile(LetGo(), "");
    while (std::filesystem::exists(NodeDirectory())) {
      std::this_thread::sleep_for(milliseconds(10));
    }
  }

  std::vector<CollectOutcome> Run(const std::vector<CollectTarget>& targets) {
    return Collect(targets, options_, Deadline::After(seconds(120)));
  }
  NodeEvidence Load(const std::string& node) { return NodeEvidence::Load(directory_.path(), node); }

  TemporaryDirectory directory_{"collector-test"};
  HostKeys keys_{"", ""};
  OpensshServer server_;
  CollectOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> progress_;
};

TEST_F(CollectorTest, CollectsFromSeveralNodesAtOnce) {
  AddProbe("one", "echo hello");
  AddProbe("two", "exit 7");
  std::vector<CollectTarget> targets;
  for (int i = 1; i <= 5; ++i) targets.push_back({"node_" + std::to_string(i), server_.account()});
  std::vector<CollectOutcome> outcomes = Run(targets);
  ASSERT_EQ(outcomes.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(outcomes[i].node, targets[i].node);
    EXPECT_EQ(outcomes[i].error, "");
    NodeEvidence evidence = Load(targets[i].node);
    EXPECT_EQ(evidence.Require("one").text, "hello\n");
    EXPECT_EQ(evidence.Require("two").exit_status, 7);
    EXPECT_THAT(progress_[targets[i].node], ElementsAre("SSH answers", HasSubstr("2 probes collected in ")));
  }
}

TEST_F(CollectorTest, NoMoreNodesAreCollectedFromAtOnceThanAllowed) {
  const std::filesystem::path at_work = directory_.path() / "at-work";
  std::filesystem::create_directory(at_work);
  AddProbe("one", "touch '" + at_work.string() + "/'$$; sleep 0.3; ls '" + at_work.string() + "' | wc -l; rm '" +
                      at_work.string() + "/'$$");
  options_.nodes_at_once = 2;
  std::vector<CollectTarget> targets;
  for (int i = 1; i <= 6; ++i) targets.push_back({"node_" + std::to_string(i), server_.account()});
  for (const CollectOutcome& outcome : Run(targets)) {
    EXPECT_EQ(outcome.error, "");
    EXPECT_LE(std::stoi(Load(outcome.node).Require("one").text), 2);
  }
}

// Minutes may pass: which node it is, why, and until when it is waited for.
TEST_F(CollectorTest, SaysWhatItWaitsFor) {
  AddProbe("one", "echo hello");
  SshAccount nobody = server_.account();
  nobody.port = FreePort();
  options_.report_after = milliseconds(0);
  options_.ready_limit = seconds(1);
  EXPECT_NE(Run({{"node", nobody}}).at(0).error, "");
  EXPECT_THAT(progress_["node"],
              testing::Contains(testing::AllOf(testing::StartsWith("gives up in 0"), HasSubstr("Connection refused"))));
}

TEST_F(CollectorTest, WaitsUntilTheNodeIsSetUp) {
  const std::filesystem::path done = directory_.path() / "set-up";
  AddProbe("one", "cat '" + done.string() + "'");
  options_.setup = SetupOptions{.command = {"sh", "-c", "sleep 0.2; echo yes >'" + done.string() + "'; exit 4"}};
  EXPECT_EQ(Run({{"node", server_.account()}}).at(0).error, "");
  EXPECT_EQ(Load("node").Require("one").text, "yes\n");
  EXPECT_EQ(Load("node").setup().exit_status, 4);
  EXPECT_FALSE(Load("node").setup().is_default);
  EXPECT_EQ(Load("node").index(), "evidence/node/collection.json");
  EXPECT_THAT(progress_["node"], testing::Contains(HasSubstr("exit status 4")));
  options_.setup = std::nullopt;
  Run({{"node", server_.account()}});
  EXPECT_EQ(Load("node").setup().command, "");
}

TEST_F(CollectorTest, CollectsFromANodeWithGpus) {
  AddProbe("one", "echo hello");
  const std::filesystem::path wait = options_.remote_directory / "probes" / "driver_wait.sh";
  WriteFile(wait, "#!/bin/sh\n# limit: 5\n# about: waits\necho 'no driver'\n");
  const std::vector<CollectOutcome> outcomes =
      Run({{.node = "node", .account = server_.account(), .has_gpus = true}, {"without", server_.account()}});
  EXPECT_EQ(outcomes.at(0).error, "");
  EXPECT_EQ(Load("node").Require("one").text, "hello\n");
  EXPECT_EQ(Load("node").Require("driver_wait").text, "no driver\n");
  EXPECT_THAT(progress_["node"], testing::Contains("not every GPU has a driver"));
  EXPECT_EQ(Load("without").Find("driver_wait"), nullptr);
}

// Whoever reads the evidence later has the advice of the probe that was run.
TEST_F(CollectorTest, KeepsWhatAProbesHeaderSaysOfAHang) {
  AddProbe("fine", "# if-hung: not to be seen");
  AddProbe("hung", "sleep 1000");
  WriteFile(options_.remote_directory / "probes" / "hung.sh",
            "#!/bin/sh\n# limit: 1\n# if-hung: It waits for a\n# if-hung: device.\n# about: hangs\nsleep 1000\n");
  EXPECT_EQ(Run({{"node", server_.account()}}).at(0).error, "");
  EXPECT_EQ(Load("node").Find("fine")->if_hung, "");
  EXPECT_EQ(Load("node").Find("hung")->if_hung, "It waits for a device.");
  try {
    Load("node").Require("hung");
    ADD_FAILURE() << "expected an error";
  } catch (const EvidenceError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did not end within 1 s on the node (evidence/node/hung.txt). It waits for a "
                                        "device."));
  }
}

TEST_F(CollectorTest, ANodeThatDoesNotAnswerCostsTheOthersNothing) {
  AddProbe("one", "echo hello");
  options_.ready_limit = seconds(1);
  SshAccount nobody = server_.account();
  nobody.port = FreePort();
  std::vector<CollectOutcome> outcomes = Run({{"good", server_.account()}, {"bad", nobody}});
  EXPECT_EQ(outcomes[0].error, "");
  EXPECT_EQ(Load("good").Require("one").text, "hello\n");
  EXPECT_THAT(outcomes[1].error, HasSubstr("refused"));
  EXPECT_EQ(Load("bad").error(), outcomes[1].error);
  EXPECT_THROW(Load("bad").Require("one"), EvidenceError);
}

TEST_F(CollectorTest, ANodeThatDiesMidwayKeepsWhatHadCome) {
  AddProbe("one", "echo hello");
  AddSlowProbe("two");
  std::jthread killer([this] {
    WaitForFile(Started());
    server_.KillSessions();
  });
  std::vector<CollectOutcome> outcomes = Run({{"node", server_.account()}});
  EXPECT_THAT(outcomes[0].error, HasSubstr("connection lost after probe one: "));
  // Nobody is left there to do it.
  std::filesystem::remove_all(NodeDirectory());
  EXPECT_EQ(Load("node").Require("one").text, "hello\n");
  try {
    Load("node").Require("two");
    ADD_FAILURE() << "expected an error";
  } catch (const EvidenceError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("node: there is no output of probe two"),
                                    HasSubstr("connection lost after probe one")));
  }
}

TEST_F(CollectorTest, GivesUpAtTheCollectLimit) {
  AddProbe("one", "echo hello");
  AddSlowProbe("two");
  options_.collect_limit = seconds(2);
  std::vector<CollectOutcome> outcomes = Run({{"node", server_.account()}});
  LetGoAndWait();
  EXPECT_THAT(outcomes[0].error, HasSubstr("time ran out after probe one"));
  EXPECT_EQ(Load("node").Require("one").text, "hello\n");
}

TEST_F(CollectorTest, AnInterruptionEndsItAndKeepsWhatHadCome) {
  AddProbe("one", "echo hello");
  AddSlowProbe("two");
  std::jthread interrupter([this] {
    WaitForFile(Started());
    RequestInterruption(SIGINT);
  });
  EXPECT_THROW(Run({{"node", server_.account()}}), InterruptedError);
  ClearInterruption();
  LetGoAndWait();
  EXPECT_EQ(Load("node").Require("one").text, "hello\n");
}

TEST_F(CollectorTest, FailsWhereEvidenceCannotBeWritten) {
  AddProbe("one", "echo hello");
  WriteFile(directory_.path() / "evidence", "a file, where a directory should be");
  EXPECT_THROW(Run({{"node", server_.account()}}), EvidenceError);
}

}  // namespace
}  // namespace passthrough
