#include "helpers/evidence/node_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;

ProbeOutput Output(const std::string& probe, const std::string& text) {
  ProbeOutput output;
  output.probe = probe;
  output.text = text;
  output.exit_status = 0;
  output.complete = true;
  output.seconds = 0.25;
  return output;
}

class NodeEvidenceTest : public testing::Test {
 protected:
  NodeEvidence SaveAndLoad(const Collection& collection) {
    SaveCollection(run_.path() / "evidence", "hpc_compute_01", collection);
    return NodeEvidence::Load(run_.path(), "hpc_compute_01");
  }

  // What Require says of the one probe "pci".
  std::string Finding(const Collection& collection, const std::string& probe = "pci") {
    try {
      SaveAndLoad(collection).Require(probe);
    } catch (const EvidenceError& error) {
      return error.what();
    }
    return "no finding";
  }

  TemporaryDirectory run_{"node-evidence-test"};
};

TEST_F(NodeEvidenceTest, KeepsEveryByteAndField) {
  Collection collection;
  collection.ready_seconds = 1.5;
  collection.collect_seconds = 2.5;
  collection.began_epoch = 1'795'365'811;
  collection.ended_epoch = 1'795'365'814;
  ProbeOutput pci = Output("pci", std::string("a\0\xff\r\n\x1b[2J", 9));
  pci.error_text = "oops\xff";
  pci.exit_status = 3;
  collection.probes = {pci, Output("modules", "")};
  NodeEvidence evidence = SaveAndLoad(collection);
  EXPECT_EQ(evidence.error(), "");
  EXPECT_EQ(evidence.ready_seconds(), 1.5);
  EXPECT_EQ(evidence.collect_seconds(), 2.5);
  EXPECT_EQ(evidence.began_epoch(), 1'795'365'811);
  EXPECT_EQ(evidence.ended_epoch(), 1'795'365'814);
  const ProbeOutput& loaded = *evidence.Find("pci");
  EXPECT_EQ(loaded.text, pci.text);
  EXPECT_EQ(loaded.error_text, pci.error_text);
  EXPECT_EQ(loaded.exit_status, 3);
  EXPECT_EQ(loaded.seconds, 0.25);
  EXPECT_EQ(loaded.path, "evidence/hpc_compute_01/pci.txt");
  EXPECT_EQ(ReadFile(run_.path() / loaded.path), pci.text);
  EXPECT_EQ(evidence.Require("modules").text, "");
}

TEST_F(NodeEvidenceTest, ReplacesWhatWasCollectedBefore) {
  Collection first;
  first.probes = {Output("pci", "old"), Output("modules", "old")};
  SaveAndLoad(first);
  Collection second;
  second.probes = {Output("pci", "new")};
  NodeEvidence evidence = SaveAndLoad(second);
  EXPECT_EQ(evidence.Require("pci").text, "new");
  EXPECT_EQ(evidence.Find("modules"), nullptr);
  EXPECT_FALSE(std::filesystem::exists(run_.path() / "evidence/hpc_compute_01/modules.txt"));
}

TEST_F(NodeEvidenceTest, SaysThatAProbeWasNotRun) {
  EXPECT_THAT(Finding({}), AllOf(HasSubstr("hpc_compute_01: probe pci was not run"),
                                 HasSubstr("evidence/hpc_compute_01/collection.json")));
}

TEST_F(NodeEvidenceTest, SaysThatCollectingFailed) {
  Collection collection;
  collection.error = "cannot connect to 192.168.140.11: Connection refused";
  EXPECT_THAT(Finding(collection),
              AllOf(HasSubstr("nothing was collected: cannot connect to 192.168.140.11: Connection refused "
                              "(evidence/hpc_compute_01/collection.json). Its domain keeps no log of its console")));
  EXPECT_EQ(Finding(collection, "pci"), Finding(collection, "modules")) << "one cause, one sentence";
}

TEST_F(NodeEvidenceTest, QuotesTheEndOfTheConsoleOfANodeThatIsSilent) {
  Collection collection;
  collection.error = "cannot connect to 192.168.140.11: no route";
  SaveAndLoad(collection);
  const std::filesystem::path console = run_.path() / "evidence/hpc_compute_01/console.log";
  WriteFile(console, "long ago\r\n[ 1.0] one\n\n\x1b[31m[ 2.0] two\x1b[0m\n[ 3.0] three\n[ 4.0] Kernel panic\n\n");
  try {
    NodeEvidence::Load(run_.path(), "hpc_compute_01").Require("pci");
    ADD_FAILURE() << "expected an error";
  } catch (const EvidenceError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("Its console ends (evidence/hpc_compute_01/console.log): [ 1.0] one | [ 2.0] two | "
                          "[ 3.0] three | [ 4.0] Kernel panic"));
  }
}

TEST_F(NodeEvidenceTest, SaysThatOutputWasCutShort) {
  Collection collection;
  collection.error = "connection lost in the middle of probe pci's output: reset by peer";
  collection.probes = {Output("modules", "m"), Output("pci", "half")};
  collection.probes[1].complete = false;
  EXPECT_THAT(Finding(collection), AllOf(HasSubstr("the output of probe pci was cut short: connection lost"),
                                         HasSubstr("(evidence/hpc_compute_01/pci.txt)")));
  // What had come before is good.
  EXPECT_EQ(Finding(collection, "modules"), "no finding");
}

TEST_F(NodeEvidenceTest, SaysThatAProbeTimedOut) {
  Collection collection;
  collection.probes = {Output("pci", "x")};
  collection.probes[0].exit_status = -1;
  collection.probes[0].timed_out = true;
  collection.probes[0].limit_seconds = 20;
  EXPECT_THAT(Finding(collection),
              AllOf(HasSubstr("probe pci did not end within 20 s"), testing::EndsWith("pci.txt)")));
  collection.probes[0].if_hung = "The driver or the GPU hangs: look for \"NVRM\" in the node's kernel log.";
  EXPECT_THAT(Finding(collection), HasSubstr("did not end within 20 s on the node (evidence/hpc_compute_01/pci.txt). "
                                             "The driver or the GPU hangs: look for \"NVRM\" in the node's"));
}

TEST_F(NodeEvidenceTest, SaysWhyAProbeWasNotRun) {
  Collection collection;
  collection.probes = {Output("pci", "")};
  collection.probes[0].exit_status = -1;
  collection.probes[0].skipped = true;
  collection.probes[0].error_text = "not run, because modules hung\n";
  EXPECT_THAT(Finding(collection), HasSubstr("probe pci was not run, because modules hung (evidence/"));
}

TEST_F(NodeEvidenceTest, SaysThatAProbePrintedTooMuch) {
  Collection collection;
  collection.probes = {Output("pci", "x")};
  collection.probes[0].truncated = true;
  EXPECT_THAT(Finding(collection), HasSubstr("probe pci printed more than is kept"));
}

TEST_F(NodeEvidenceTest, SaysThatAProbeWasKilled) {
  Collection collection;
  collection.probes = {Output("pci", "x")};
  collection.probes[0].signal = 11;
  EXPECT_THAT(Finding(collection), HasSubstr("probe pci was ended by signal 11 (Segmentation fault)"));
}

TEST_F(NodeEvidenceTest, TakesAnErrorOfAnyBytes) {
  Collection collection;
  collection.error = "the node said \xff\x1b[2J\"";
  EXPECT_EQ(SaveAndLoad(collection).error(), "the node said \\xff\\x1b[2J\"");
}

// Somebody cleaned the checkout meanwhile: what would be made there would be taken for the run.
TEST_F(NodeEvidenceTest, ARunDirectoryThatWasDeletedIsNotMadeAnew) {
  const std::filesystem::path run = run_.path() / "logs" / "run";
  EXPECT_THROW(SaveCollection(run / "evidence", "hpc_compute_01", {}), EvidenceError);
  EXPECT_FALSE(std::filesystem::exists(run_.path() / "logs"));
}

TEST_F(NodeEvidenceTest, FailsWhereThereIsNoEvidence) {
  EXPECT_THROW(NodeEvidence::Load(run_.path(), "hpc_compute_02"), EvidenceError);
}

TEST_F(NodeEvidenceTest, FailsWhereTheIndexIsBroken) {
  Collection collection;
  collection.probes = {Output("pci", "x")};
  SaveAndLoad(collection);
  auto index = run_.path() / "evidence/hpc_compute_01/collection.json";
  const std::string whole = ReadFile(index);
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[1]"), whole.substr(0, whole.size() / 2),
        std::string(R"({"error":1,"ready_seconds":0,"collect_seconds":0,"probes":[]})"),
        std::string(R"({"error":"","ready_seconds":0,"collect_seconds":0,"probes":[1]})")}) {
    WriteFile(index, text);
    EXPECT_THROW(NodeEvidence::Load(run_.path(), "hpc_compute_01"), EvidenceError) << text;
  }
}

// A copy that was cut off, a disk that was full, an editor: what is there is not what the node said.
TEST_F(NodeEvidenceTest, SaysThatAFileIsNotWhatWasCollected) {
  const std::filesystem::path directory = run_.path() / "evidence/hpc_compute_01";
  Collection collection;
  collection.probes = {Output("pci", "one\ntwo\n"), Output("modules", "m")};
  SaveAndLoad(collection);
  WriteFile(directory / "pci.txt", "one\n");
  WriteFile(directory / "modules.stderr.txt", "what");
  const NodeEvidence evidence = NodeEvidence::Load(run_.path(), "hpc_compute_01");
  const auto said = [&](const char* probe) {
    try {
      evidence.Require(probe);
    } catch (const EvidenceError& error) {
      return std::string(error.what());
    }
    return std::string("no finding");
  };
  EXPECT_THAT(said("pci"), HasSubstr("the output of probe pci has 4 bytes, and had 8 when it was collected"));
  EXPECT_THAT(said("modules"), HasSubstr("what it wrote to standard error has 4 bytes, and had 0"));
}

// A file system that lost power may have a file's size and not what was in it.
TEST_F(NodeEvidenceTest, SaysThatAFileHasNothingInIt) {
  Collection collection;
  collection.probes = {Output("pci", "one\ntwo\n")};
  SaveAndLoad(collection);
  WriteFile(run_.path() / "evidence/hpc_compute_01/pci.txt", std::string("one\n\0\0\0\0", 8));
  EXPECT_THAT([&] { NodeEvidence::Load(run_.path(), "hpc_compute_01").Require("pci"); },
              testing::ThrowsMessage<EvidenceError>(HasSubstr("has bytes that are zero")));
}

TEST_F(NodeEvidenceTest, FailsWhereItIsNotThisNodesOrNotThisRuns) {
  const std::filesystem::path directory = run_.path() / "evidence/hpc_compute_01";
  Collection collection;
  collection.probes = {Output("pci", "x")};
  SaveAndLoad(collection);
  std::filesystem::rename(directory, run_.path() / "evidence/hpc_compute_02");
  EXPECT_THROW(NodeEvidence::Load(run_.path(), "hpc_compute_02"), EvidenceError) << "another node's";
  SaveAndLoad(collection);
  WriteFile(run_.path() / "outside", "x");
  for (const char* what : {"link", "FIFO"}) {
    std::filesystem::remove(directory / "pci.txt");
    if (what[0] == 'l') {
      std::filesystem::create_symlink("../../outside", directory / "pci.txt");
    } else {
      ASSERT_EQ(mkfifo((directory / "pci.txt").c_str(), 0600), 0);
    }
    EXPECT_THROW(NodeEvidence::Load(run_.path(), "hpc_compute_01").Require("pci"), EvidenceError) << what;
  }
  SaveAndLoad(collection);
  std::filesystem::rename(run_.path() / "evidence", run_.path() / "of-another-run");
  std::filesystem::create_directory_symlink("of-another-run", run_.path() / "evidence");
  EXPECT_THROW(NodeEvidence::Load(run_.path(), "hpc_compute_01"), EvidenceError) << "all of it";
}

TEST_F(NodeEvidenceTest, AFileThatIsMissingIsItsProbesLossAlone) {
  Collection collection;
  collection.probes = {Output("pci", "x"), Output("modules", "m")};
  SaveAndLoad(collection);
  std::filesystem::remove(run_.path() / "evidence/hpc_compute_01/pci.txt");
  const NodeEvidence evidence = NodeEvidence::Load(run_.path(), "hpc_compute_01");
  EXPECT_EQ(evidence.Require("modules").text, "m");
  EXPECT_THAT([&] { evidence.Require("pci"); },
              testing::ThrowsMessage<EvidenceError>(HasSubstr("the output of probe pci is lost: cannot read")));
}

TEST_F(NodeEvidenceTest, NamesNeverLeadElsewhere) {
  EXPECT_THROW(SaveCollection(run_.path() / "evidence", "../x", {}), EvidenceError);
  EXPECT_THROW(NodeEvidence::Load(run_.path(), "../x"), EvidenceError);
  EXPECT_THROW(NodeEvidence::Load(run_.path(), ""), EvidenceError);
  Collection collection;
  collection.probes = {Output("../../x", "x")};
  EXPECT_THROW(SaveCollection(run_.path() / "evidence", "n", collection), EvidenceError);
  // Also in an index that somebody else wrote.
  collection.probes = {Output("pci", "x")};
  SaveAndLoad(collection);
  auto index = run_.path() / "evidence/hpc_compute_01/collection.json";
  std::string text = ReadFile(index);
  text.replace(text.find("\"pci\""), 5, "\"../x\"");
  WriteFile(index, text);
  EXPECT_THROW(NodeEvidence::Load(run_.path(), "hpc_compute_01"), EvidenceError);
}

}  // namespace
}  // namespace passthrough
