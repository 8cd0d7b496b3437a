// The reports that the program writes, and what it prints in place of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/suites/cheap_run.h"
#include "tests/suites/suite_program.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A run whose deployer fails, with a destroy that leaves something to say.
class ReportsOfARunTest : public testing::Test, protected CheapRun {
 protected:
  ReportsOfARunTest() { WriteProfile("exit 3"); }
  ChildResult Suite(const std::vector<std::string>& arguments) {
    std::vector<std::string> argv{SuiteProgram().string()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return RunChild(argv, options, Deadline::After(std::chrono::minutes(2)));
  }
  json Verdict() { return json::parse(ReadFile(Latest() / "verdict.json")); }
};

TEST_F(ReportsOfARunTest, AreMadeAnewFromItsDirectory) {
  EXPECT_EQ(RunProgram({"--gtest_filter=Cluster.*"}).exit_status, 1);
  const json before = Verdict();
  EXPECT_EQ(before["verdict"], "not_run");
  const std::string junit = ReadFile(Latest() / "junit.xml");
  for (const char* file : {"verdict.json", "report.html", "junit.xml", "summary.md", "metrics.prom"}) {
    EXPECT_TRUE(fs::remove(Latest() / file)) << file;
  }
  const ChildResult result = Suite({"--report", Latest().string()});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("\nreports: "));
  json now = Verdict();
  EXPECT_EQ(now["checks"].size(), 1u) << "only what the run was asked for";
  for (const char* part : {"verdict", "sentence", "nodes", "causes", "findings", "environment_failures", "notes"}) {
    EXPECT_EQ(now[part], before[part]) << part;
  }
  EXPECT_EQ(now["run"]["cluster_file"], before["run"]["cluster_file"]);
  for (const char* file : {"report.html", "junit.xml", "summary.md", "metrics.prom"}) {
    EXPECT_TRUE(fs::exists(Latest() / file)) << file;
  }
  EXPECT_THAT(Suite({"--report", Path("nothing").string()}).output, HasSubstr("is not a run directory"));
}

// What the teardown left behind is no check's to say: a replay has it from the run.
TEST_F(ReportsOfARunTest, WhatWasLeftBehindFailsAReplayToo) {
  EXPECT_EQ(RunProgram({"--gtest_filter=Cluster.*"}).exit_status, 1);
  const fs::path report = Latest() / "evidence" / "host" / "teardown.json";
  ASSERT_TRUE(fs::exists(report));
  json teardown = json::parse(ReadFile(report));
  teardown["reaped"] = {"domain left-over"};
  WriteFile(report, teardown.dump());
  const ChildResult result = Suite({"--replay", Latest().string()});
  EXPECT_EQ(result.exit_status, 1);
  Suite({"--report", Latest().string()});
  EXPECT_THAT(Verdict()["environment_failures"].dump(),
              HasSubstr("domain left-over was left by the deployer's destroy"));
  EXPECT_THAT(ReadFile(Latest() / "junit.xml"), HasSubstr("NothingIsLeftBehind"));
}

TEST_F(ReportsOfARunTest, WhetherItWasTakenDownIsAskedAndNotBelieved) {
  EXPECT_EQ(RunProgram({"--gtest_filter=Cluster.*"}).exit_status, 1);
  const fs::path report = Latest() / "evidence" / "host" / "teardown.json";
  for (const bool is_there : {true, false}) {
    if (is_there) WriteFile(report, "{\"reaped\": ");
    if (!is_there) fs::remove(report);
    EXPECT_EQ(Suite({"--report", Latest().string()}).exit_status, 1);
    EXPECT_EQ(Verdict()["verdict"], "failed");
    EXPECT_THAT(Verdict()["environment_failures"].dump(),
                HasSubstr("teardown.json is missing or broken, so whether the cluster was taken down is not known"));
  }
}

// A report is of all that the run checked, and as old as the run.
TEST_F(ReportsOfARunTest, AreNotOverwrittenByFewerChecksNorMadeYounger) {
  RunProgram({"--gtest_filter=Cluster.*"});
  json record = json::parse(ReadFile(Latest() / "run.json"));
  record["started"] = "2020-02-29T10:00:00+0100";
  WriteFile(Latest() / "run.json", record.dump());
  const std::string before = ReadFile(Latest() / "verdict.json");
  for (const char* option : {"--gtest_filter=Node.*", "--gtest_repeat=0", "--gtest_fail_fast"}) {
    const ChildResult refused = Suite({"--report", Latest().string(), option});
    EXPECT_EQ(refused.exit_status, 1) << option;
    EXPECT_THAT(refused.output, HasSubstr("--report is of all that the run checked")) << option;
  }
  options.environment["GTEST_TOTAL_SHARDS"] = "2";
  options.environment["GTEST_SHARD_INDEX"] = "0";
  EXPECT_THAT(Suite({"--report", Latest().string()}).output, HasSubstr("shards"));
  options.environment.erase("GTEST_TOTAL_SHARDS");
  options.environment.erase("GTEST_SHARD_INDEX");
  EXPECT_EQ(ReadFile(Latest() / "verdict.json"), before);
  Suite({"--report", Latest().string()});
  EXPECT_THAT(Verdict()["run"]["ended"].get<std::string>(), StartsWith("2020-02-29T09:0"));
  EXPECT_THAT(ReadFile(Latest() / "junit.xml"), HasSubstr("timestamp=\"2020-02-29T"));
}

// Whoever wrote them: they are printed on one line, with nothing for the terminal in it.
TEST_F(ReportsOfARunTest, TextsOfTheRecordAreShownAsTheyAre) {
  RunProgram({"--gtest_filter=Cluster.*"});
  json record = json::parse(ReadFile(Latest() / "run.json"));
  record["notes"] = {"note\x1b[2J\n2 nodes, all passed"};
  record["profile"] = "host\x1b]0;x\x07";
  WriteFile(Latest() / "run.json", record.dump());
  const ChildResult result = Suite({"--report", Latest().string()});
  EXPECT_THAT(result.output, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\n2 nodes, all passed"))));
  for (const char* file : {"summary.md", "metrics.prom", "report.html", "junit.xml"}) {
    EXPECT_THAT(ReadFile(Latest() / file), Not(HasSubstr("\x1b"))) << file;
  }
}

TEST_F(ReportsOfARunTest, WhatCannotBePrintedIsNoSuccess) {
  RunProgram({"--gtest_filter=Cluster.*"});
  const ChildResult result = RunChild(
      {"sh", "-c", "\"$1\" --compare \"$2\" \"$2\" >/dev/full", "sh", SuiteProgram().string(), Latest().string()},
      options, Deadline::After(std::chrono::minutes(2)));
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("standard output cannot be written"));
}

TEST_F(ReportsOfARunTest, QuietPrintsTheVerdictAlone) {
  const ChildResult result = RunProgram({"--gtest_filter=Cluster.*", "--quiet"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(StartsWith("2 nodes, 1 GPU, 1 check: none could be checked:\n"),
                                   Not(HasSubstr("deploying")), Not(HasSubstr("NOTE"))));
}

TEST_F(ReportsOfARunTest, JsonIsAllThatStandardOutputGets) {
  RunProgram({"--gtest_filter=Cluster.*"});
  const ChildResult result = RunChild(
      {"sh", "-c", "\"$1\" --replay \"$2\" --json 2>/dev/null", "sh", SuiteProgram().string(), Latest().string()},
      options, Deadline::After(std::chrono::minutes(2)));
  EXPECT_EQ(json::parse(result.output)["verdict"], "not_run");
}

TEST_F(ReportsOfARunTest, TwoRunsAreCompared) {
  RunProgram({"--gtest_filter=Cluster.*"});
  const std::string run = Latest().string();
  const ChildResult same = Suite({"--compare", run, run});
  EXPECT_EQ(same.output, "nothing changed\n");
  EXPECT_EQ(same.exit_status, 0);
  // A note says which checks these were, in every report.
  EXPECT_THAT(ReadFile(Latest() / "summary.md"), HasSubstr("only the checks that --gtest_filter=Cluster.* selects"));
  fs::copy(run, Path("logs/copy"), fs::copy_options::recursive);
  EXPECT_THAT(Suite({"--report", run, "--compare-with-last-good"}).output, HasSubstr("there is none to compare with"))
      << "a copy is no earlier run";
  json changed = Verdict();
  changed["notes"].push_back("x\n::error::owned ##vso[task.complete]");
  WriteFile(Path("logs/copy/verdict.json"), changed.dump());
  options.environment["GITHUB_ACTIONS"] = "true";
  const std::string commands = Suite({"--compare", run, Path("logs/copy").string()}).output;
  EXPECT_THAT(commands, testing::AllOf(HasSubstr("error::owned"), testing::Not(HasSubstr("\n::error")),
                                       testing::Not(HasSubstr("##vso["))));
  options.environment.erase("GITHUB_ACTIONS");
  WriteFile(Path("logs/copy/verdict.json"), "{\"version\":");
  EXPECT_THAT(Suite({"--compare", run, Path("logs/copy").string()}).output,
              HasSubstr("verdict.json is not as this suite wrote it"));
  WriteFile(Path("logs/copy/run.json"), "");
  fs::copy_file(Latest() / "verdict.json", Path("logs/copy/verdict.json"), fs::copy_options::overwrite_existing);
  EXPECT_EQ(Suite({"--compare", run, Path("logs/copy").string()}).exit_status, 1) << "whose it is, nobody knows";
  EXPECT_THAT(Suite({"--compare", run}).output, HasSubstr("--compare needs two run directories"));
  EXPECT_THAT(Suite({"--compare", run, Path("gone").string()}).output, HasSubstr("is not there"));
  EXPECT_THAT(Suite({run}).output, HasSubstr(": no such option"));
  EXPECT_THAT(Suite({"--compare", run, run, run}).output, HasSubstr("one argument too many"));
  EXPECT_THAT(Suite({"--report", run, "--compare-with-last-good"}).output, HasSubstr("there is none to compare with"));
  EXPECT_THAT(Suite({"--replay", run, "--compare-with-last-good"}).output, HasSubstr("a replay writes no report"));
}

}  // namespace
}  // namespace passthrough
