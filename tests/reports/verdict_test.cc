// verdict.json: its schema, and that it says what the other reports say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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
  EXPECT_EQ(ProblemsOf(MakeVerdictJson(run.results(), 0)), "");
  run.KillGpu(1);
  run.UnloadDriver(2);
  run.results().environment_failures = {"domain x was left behind"};
  run.Find(run.Check("GpuHealth", "IsCool", run.Node(2)), {.sentence = "", .found = "\xff<b>", .note = true});
  const std::string verdict = MakeVerdictJson(run.results(), 0);
  EXPECT_EQ(ProblemsOf(verdict), "");
  EXPECT_EQ(ProblemsOf(MakeVerdictJson(RunResults(), 0)), "");
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
  const json verdict = json::parse(MakeVerdictJson(run.results(), 0));
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
  EXPECT_EQ(json::parse(MakeVerdictJson(RunResults(), 0))["verdict"], "nothing_checked");
  SampleRun run;
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results(), 0))["verdict"], "passed");
  run.results().environment_failures = {"left behind"};
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results(), 0))["verdict"], "failed");
  run.results().error = "libvirt is not there";
  EXPECT_EQ(json::parse(MakeVerdictJson(run.results(), 0))["verdict"], "not_run");
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

}  // namespace
}  // namespace passthrough
