// verdict.json: its schema, and that it says what the other reports say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fixtures/reporters/markdown.h"
#include "fixtures/reporters/metrics.h"
#include "fixtures/reporters/page.h"
#include "fixtures/reporters/summary.h"
#include "fixtures/reporters/verdict_json.h"
#include "fixtures/verdict/next_step.h"
#include "helpers/process/child_process.h"
#include "tests/reports/sample_run.h"

namespace passthrough {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

// What Debian's python3-jsonschema says is wrong; empty: nothing.
std::string ProblemsOf(const std::string& verdict) {
  const TemporaryDirectory directory("verdict");
  WriteFile(directory.path() / "verdict.json", verdict);
  const std::string schema = std::string(PASSTHROUGH_SOURCE_DIR) + "/configs/schemas/verdict-1.schema.json";
  const ChildResult result = RunChild(
      {"/usr/bin/python3", "-c",
       "import json, sys, jsonschema\n"
       "schema = json.load(open(sys.argv[1]))\n"
       "jsonschema.Draft7Validator.check_schema(schema)\n"
       "for e in jsonschema.Draft7Validator(schema).iter_errors(json.load(open(sys.argv[2]))): print(e.message)",
       schema, (directory.path() / "verdict.json").string()},
      {}, Deadline::After(std::chrono::minutes(1)));
  return result.output;
}

TEST(VerdictJsonTest, KeepsToItsSchema) {
  SampleRun run;
  EXPECT_EQ(ProblemsOf(MakeVerdictJson(run.results())), "");
  run.KillGpu(1);
  run.UnloadDriver(2);
  run.results().environment_failures = {"domain x was left behind"};
  run.Find(run.Check("GpuHealth", "IsCool", run.Node(2)), {.sentence = "", .found = "\xff<b>", .note = true});
  const std::string verdict = MakeVerdictJson(run.results());
  EXPECT_EQ(ProblemsOf(verdict), "");
  EXPECT_EQ(ProblemsOf(MakeVerdictJson(RunResults())), "");
  // And the schema finds what is wrong.
  json broken = json::parse(verdict);
  broken["verdict"] = "green";
  broken["findings"][0].erase("check");
  EXPECT_THAT(ProblemsOf(broken.dump()), AllOf(HasSubstr("'green' is not one of"), HasSubstr("'check' is a required")));
}

TEST(VerdictJsonTest, AFindingHasItsPartsAndItsActions) {
  SampleRun run;
  run.KillGpu(1);
  run.UnloadDriver(2);
  run.Find(run.Check("NvidiaKernelMessages", "HaveNoXid", run.Node(2)),
           {.sentence = "", .found = "hpc_compute_02: Xid 79, the GPU has fallen off the bus"});
  const json verdict = json::parse(MakeVerdictJson(run.results()));
  EXPECT_EQ(verdict["verdict"], "failed");
  EXPECT_EQ(verdict["run"]["ended"], "1970-01-01T00:00:00Z");
  const auto finding = [&](const std::string& check) {
    for (const json& one : verdict["findings"]) {
      if (one["check"].get<std::string>().starts_with(check)) return one;
    }
    return json();
  };
  const json dead = finding("PciDevice.ConfigSpaceIsAlive");
  EXPECT_EQ(dead["component"], json({{"kind", "device"},
                                     {"node", "hpc_compute_01"},
                                     {"host_address", "0000:01:00.0"},
                                     {"guest_address", "0000:05:00.0"}}));
  EXPECT_EQ(dead["evidence"], json({{"file", "evidence/hpc_compute_01/pci.txt"}, {"line", 5}}));
  ASSERT_THAT(dead["actions"], SizeIs(2));
  EXPECT_EQ(dead["actions"][0]["kind"], "power_cycle_host");
  EXPECT_EQ(finding("GpuDriver")["expected"], "nvidia");
  EXPECT_EQ(finding("NvidiaKernelMessages")["xid"]["category"], "hardware");
  EXPECT_EQ(verdict["causes"].size(), 3u);
  EXPECT_THAT(verdict["causes"][1]["explains"], Contains("NvidiaSmi.IsRight/hpc_compute_01"));
  EXPECT_EQ(verdict["nodes"][0]["checks"]["failed"], 5);
}

TEST(VerdictJsonTest, ARunThatCheckedNothingDoesNotPass) {
  EXPECT_EQ(json::parse(MakeVerdictJson(RunResults()))["verdict"], "nothing_checked");
  SampleRun run;
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results()))["verdict"], "passed");
  run.results().environment_failures = {"left behind"};
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results()))["verdict"], "failed");
  run.results().error = "libvirt is not there";
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results()))["verdict"], "failed") << "something is left behind";
  run.results().environment_failures.clear();
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results()))["verdict"], "not_run");
  run.results().error.clear();
  run.results().checks.clear();
  run.results().environment_failures = {"left behind"};
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results()))["verdict"], "failed");
}

// Whatever the checks came to, every report says that the teardown failed, and none says that a check did.
TEST(VerdictJsonTest, ATeardownThatFailedIsToldInEachReport) {
  SampleRun passed;
  SampleRun stopped;
  stopped.results().error = "libvirt is not there";
  SampleRun nothing;
  nothing.results().checks.clear();
  for (SampleRun* run : {&passed, &stopped, &nothing}) {
    run->results().environment_failures = {"teardown: domain left-over is still there"};
    const RunResults& results = run->results();
    EXPECT_THAT(VerdictSentence(results), HasSubstr("the teardown failed"));
    for (const std::string& report : {MakeSummary(results), MakeMarkdown(results), MakePage(results)}) {
      EXPECT_THAT(report, AllOf(HasSubstr("domain left-over is still there"), HasSubstr("the teardown failed")));
    }
  }
  EXPECT_EQ(VerdictSentence(passed.results()), "2 nodes, 2 GPUs, 35 checks, all passed, but the teardown failed");
}

// Nobody looked: no report says that a device is missing, or lists each check.
TEST(VerdictJsonTest, WhereNothingWasLookedAtNothingIsSaidOfDevices) {
  SampleRun run;
  run.results().error = "libvirt is not there";
  for (CheckResult& check : run.results().checks) run.Find(check, {.sentence = "", .found = "not checked"});
  for (const std::string& report : {MakeMarkdown(run.results()), MakePage(run.results()), MakeSummary(run.results())}) {
    EXPECT_THAT(report, AllOf(HasSubstr("libvirt is not there"), HasSubstr("none could be checked"),
                              testing::Not(HasSubstr("not found in")), testing::Not(HasSubstr("DeviceFiles"))));
  }
}

// A note says something of what was checked; a reason says that it was not.
TEST(VerdictJsonTest, ANoteIsNoCheckThatWasNotMade) {
  SampleRun run;
  run.results().checks.resize(1);
  CheckResult& check = run.results().checks[0];
  run.Find(check, {.sentence = "", .found = "warm", .note = true});
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results()))["verdict"], "passed");
  EXPECT_THAT(MakeMetrics(run.results()), HasSubstr("passthrough_run_passed{cluster=\"hpc\",profile=\"host\"} 1\n"));
  check.noted = false;
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results()))["verdict"], "nothing_checked");
  EXPECT_THAT(MakeMetrics(run.results()), HasSubstr("passthrough_run_passed{cluster=\"hpc\",profile=\"host\"} 0\n"));
  EXPECT_THAT(MakeMarkdown(run.results()), testing::Not(HasSubstr("✅")));
  EXPECT_THAT(MakePage(run.results()), HasSubstr("<title>–"));
}

TEST(VerdictJsonTest, ACheckWithTwoFailuresIsExplainedOnce) {
  SampleRun run;
  run.KillGpu(1);
  run.Find(run.Check("NvidiaSmi", "IsRight", run.Node(1)), {.sentence = "", .found = "hpc_compute_01: no table"});
  const json causes = json::parse(MakeVerdictJson(run.results()))["causes"];
  EXPECT_EQ(causes[0]["explains"].size(), 4u) << causes.dump(1);
}

TEST(NextStepTest, SentencesAreStepsInTheirOrderWithTheirKind) {
  const auto steps =
      StepsOf("Reboot the node. Compare lspci -nn with the cluster file, e.g. line 3. Replace the card.");
  ASSERT_THAT(steps, SizeIs(3));
  EXPECT_EQ(steps[0].kind, StepKind::kRebootNode);
  EXPECT_EQ(NvidiaRecoveryAction(steps[0].kind), "Reboot");
  EXPECT_EQ(steps[1].text, "Compare lspci -nn with the cluster file, e.g. line 3.");
  EXPECT_EQ(steps[2].kind, StepKind::kReplace);
  EXPECT_THAT(StepsOf(""), testing::IsEmpty());
}

// What is to be done comes before what else might be, and a command is not what it is an option of.
TEST(NextStepTest, TheFirstThingThatIsNamedIsTheKind) {
  const std::pair<const char*, StepKind> kinds[] = {
      {"Power-cycle the host, and look after its cooling.", StepKind::kPowerCycle},
      {"Reset it (nvidia-smi -r), or reboot the node.", StepKind::kResetGpu},
      {"Reboot the node, or reset the GPU.", StepKind::kRebootNode},
      {"Compare the airflow with what nvidia-smi -q says.", StepKind::kLook},
      {"Set it with nvidia-smi -pm 1.", StepKind::kConfigure},
      {"Check the host's cooling.", StepKind::kLook},
  };
  for (const auto& [sentence, kind] : kinds) {
    EXPECT_EQ(StepsOf(sentence).at(0).kind, kind) << sentence << ToString(StepsOf(sentence).at(0).kind);
  }
}

}  // namespace
}  // namespace passthrough
