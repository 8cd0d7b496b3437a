#include "fixtures/verdict/causes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "fixtures/reporters/summary.h"
#include "tests/reports/sample_run.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::vector<std::string> Names(const std::vector<CheckFailure>& failures) {
  std::vector<std::string> names;
  for (const CheckFailure& one : failures) names.push_back(one.check->FullName());
  return names;
}

TEST(CausesTest, ADeadGpuIsOneWithItsChecksUnderIt) {
  SampleRun run;
  run.KillGpu(1);
  const auto causes = CausesOf(run.results());
  ASSERT_THAT(causes, SizeIs(1));
  EXPECT_THAT(Names(causes[0].seen_by), ElementsAre("PciDevice.ConfigSpaceIsAlive/hpc_compute_01_0000_01_00_0"));
  EXPECT_THAT(Names(causes[0].explained),
              ElementsAre("DeviceFiles.IsRight/hpc_compute_01", "NvidiaSmi.IsRight/hpc_compute_01",
                          "GpuHealth.IsRight/hpc_compute_01", "GpuLink.IsRight/hpc_compute_01_0000_01_00_0"));
  EXPECT_THAT(
      MakeSummary(run.results()),
      AllOf(HasSubstr("\n  PciDevice.ConfigSpaceIsAlive/hpc_compute_01_0000_01_00_0\n    hpc_compute_01: GPU "),
            HasSubstr("\n    In hpc_compute_01, 0000:01:00.0 is 0000:05:00.0.\n    With it, 4 checks cannot pass:\n"
                      "      DeviceFiles.IsRight/hpc_compute_01\n"),
            Not(HasSubstr("no answer of"))));
}

TEST(CausesTest, WhatIsOfAnotherNodeOrNoGpusBusinessStaysItsOwn) {
  SampleRun run;
  run.KillGpu(1);
  run.Find(run.Check("NodeHealth", "IsRight", "hpc_compute_01"),
           {.sentence = "", .found = "hpc_compute_01: disk full"});
  run.Find(run.Check("HostDomain", "IsRight", "hpc_compute_01"), {.sentence = "", .found = "hpc_compute_01: no MAC"});
  run.Find(run.Check("NvidiaSmi", "IsRight", "hpc_compute_02"), {.sentence = "", .found = "hpc_compute_02: ERR!"});
  run.Find(run.Check("Cluster", "IsComplete", "hpc"), {.sentence = "", .found = "hpc: a node is missing"});
  EXPECT_THAT(CausesOf(run.results()), SizeIs(5));
}

// Two GPUs in a node: the other one's failure names its address, on the host or in the node.
TEST(CausesTest, AnotherGpuOfTheNodeIsNotHidden) {
  SampleRun run;
  run.KillGpu(1);
  DeviceFacts other = run.Device(1);
  other.planned.host_address = *PciAddress::Parse("0000:41:00.0");
  other.host_address = "0000:41:00.0";
  other.guest_address = "0000:06:00.0";
  run.results().facts.nodes[0].devices.push_back(other);
  run.Find(run.Check("GpuHealth", "HasNoUncorrectedMemoryError", "hpc_compute_01"),
           {.sentence = "", .found = "hpc_compute_01: GPU 0000:06:00.0 has 3 uncorrected errors"});
  run.Find(run.Check("GpuLink", "HasAllItsLanes", "hpc_compute_01_0000_41_00_0"),
           {.sentence = "", .found = "hpc_compute_01: GPU 0000:41:00.0: x8"});
  const auto causes = CausesOf(run.results());
  ASSERT_THAT(causes, SizeIs(3));
  EXPECT_THAT(Names(causes[1].seen_by), ElementsAre("GpuHealth.HasNoUncorrectedMemoryError/hpc_compute_01"));
}

TEST(CausesTest, AMissingDriverIsOneAndItsGpusAreUnderIt) {
  SampleRun run;
  run.UnloadDriver(2);
  const auto causes = CausesOf(run.results());
  ASSERT_THAT(causes, SizeIs(1));
  EXPECT_THAT(causes[0].Sentence(), StartsWith("hpc_compute_02: kernel module nvidia is not loaded."));
  EXPECT_THAT(causes[0].explained, SizeIs(2));
}

TEST(CausesTest, EachFailureIsInOneCauseAndEqualSentencesAreOne) {
  SampleRun run;
  for (const char* suite : {"NvidiaSmi", "GpuHealth"}) {
    run.Find(run.Check(suite, "IsRight", "hpc_compute_01"), {.sentence = "", .found = "hpc_compute_01: no SSH"});
  }
  run.Find(run.Check("GpuHealth", "IsRight", "hpc_compute_02"), {.sentence = "", .found = "hot", .note = true});
  const auto causes = CausesOf(run.results());
  ASSERT_THAT(causes, SizeIs(1));
  EXPECT_THAT(causes[0].seen_by, SizeIs(2));
  EXPECT_THAT(CausesOf(SampleRun().results()), IsEmpty());
}

// The audio function beside a dead GPU.
TEST(CausesTest, WhatElseIsOnTheCardDiesWithIt) {
  SampleRun run;
  run.KillGpu(1);
  run.Find(run.Check("PciDevice", "ConfigSpaceIsAlive", "hpc_compute_01_0000_01_00_1"),
           {.sentence = "",
            .found = "hpc_compute_01: audio function 0000:01:00.1 does not answer",
            .explains = Explains::kDevice});
  EXPECT_THAT(CausesOf(run.results()), SizeIs(1));
}

// Beside a GPU that is dead: what has nothing to do with it keeps its own place, and its advice.
TEST(CausesTest, WhatNoGpuBringsAboutIsNotHiddenBehindOne) {
  SampleRun run;
  run.KillGpu(1);
  const std::string device = "hpc_compute_01_0000_01_00_0";
  run.Find(run.Check("HostDevice", "IsOnVfioPci", device), {.sentence = "", .found = "GPU 0000:01:00.0 is on nouveau"});
  run.Find(run.Check("CleanupDevice", "IsBackOnItsDriver", device),
           {.sentence = "", .found = "GPU 0000:01:00.0 stayed on vfio-pci"});
  run.Find(run.Check("PciVisibility", "NoOtherFunction", "hpc_compute_01"),
           {.sentence = "", .found = "3 functions, expected 2", .explains = Explains::kItself});
  run.Find(run.Check("NvidiaSmi", "Answers", "hpc_compute_01"),
           {.sentence = "", .found = "nvidia-smi ended with exit status 127", .explains = Explains::kItself});
  EXPECT_THAT(CausesOf(run.results()), SizeIs(5));
}

TEST(CausesTest, ADeadAudioFunctionKeepsNoProgramFromItsGpu) {
  SampleRun run;
  run.Find(run.Check("PciDevice", "ConfigSpaceIsAlive", "hpc_compute_01_0000_01_00_1"),
           {.sentence = "",
            .found = "hpc_compute_01: audio function 0000:01:00.1 does not answer",
            .explains = Explains::kDevice});
  run.Find(run.Check("PciDevice", "BarsAreAssigned", "hpc_compute_01_0000_01_00_1"),
           {.sentence = "", .found = "hpc_compute_01: audio function 0000:01:00.1: no BARs"});
  run.Find(run.Check("GpuHealth", "HasNoUncorrectedMemoryError", "hpc_compute_01"),
           {.sentence = "", .found = "hpc_compute_01: GPU 0000:05:00.0 has 7 errors"});
  run.Find(run.Check("DeviceFiles", "ControlDeviceIsThere", "hpc_compute_01"),
           {.sentence = "", .found = "hpc_compute_01: /dev/nvidiactl is missing"});
  const auto causes = CausesOf(run.results());
  ASSERT_THAT(causes, SizeIs(3));
  EXPECT_THAT(Names(causes[0].explained), ElementsAre("PciDevice.BarsAreAssigned/hpc_compute_01_0000_01_00_1"));
}

TEST(CausesTest, AnotherDriverIsNoConsequenceOfAMissingModule) {
  SampleRun run;
  run.UnloadDriver(1);
  const size_t before = CausesOf(run.results()).size();
  run.Find(run.Check("GpuDriver", "IsNvidia", "hpc_compute_01_0000_01_00_0"),
           {.sentence = "",
            .found = "hpc_compute_01: GPU 0000:01:00.0 is bound to vfio-pci",
            .explains = Explains::kOtherDriver});
  EXPECT_THAT(CausesOf(run.results()), SizeIs(before + 1));
}

TEST(SummaryTest, NothingThatANodeSaidIsAWorkflowCommand) {
  SampleRun run;
  run.Find(run.Check("NvidiaSmi", "IsRight", "hpc_compute_01"),
           {.sentence = "", .found = "it printed x ##[add-mask]y\n  ::stop-commands::tok\na::b"});
  const char* const was = std::getenv("GITHUB_ACTIONS");
  const std::string before = was == nullptr ? "" : was;
  setenv("GITHUB_ACTIONS", "true", 1);
  testing::internal::CaptureStdout();
  SummaryReporter(false).Report(run.results());
  const std::string printed = testing::internal::GetCapturedStdout();
  setenv("GITHUB_ACTIONS", before.c_str(), 1);
  EXPECT_THAT(printed, AllOf(HasSubstr("add-mask]y"), Not(HasSubstr("##[")), Not(HasSubstr(" ::stop")),
                             HasSubstr("stop-commands::tok"), HasSubstr("a::b")));
}

TEST(CausesTest, NouveauIsNoConsequenceOfAMissingDriver) {
  SampleRun run;
  run.UnloadDriver(1);
  run.Find(run.Check("KernelModule", "NouveauIsNotLoaded", "hpc_compute_01"),
           {.sentence = "",
            .found = "hpc_compute_01: kernel module nouveau is loaded",
            .advice = "Blacklist nouveau and rebuild the initramfs.",
            .explains = Explains::kItself});
  ASSERT_THAT(CausesOf(run.results()), SizeIs(2));
  EXPECT_THAT(MakeSummary(run.results()), HasSubstr("Blacklist nouveau"));
}

TEST(SummaryTest, QuietAndInColour) {
  SampleRun run;
  run.results().notes = {"something"};
  run.results().stub_driver = "a stand-in";
  run.UnloadDriver(1);
  const std::string quiet = MakeSummary(run.results(), {.quiet = true});
  EXPECT_THAT(quiet, AllOf(StartsWith("NOTE: no real GPU driver was tested: a stand-in\n2 nodes, 2 GPUs, "),
                           Not(HasSubstr("something")), HasSubstr("kernel module nvidia is not loaded")));
  EXPECT_THAT(quiet, HasSubstr("nodes:\n  hpc_compute_01       17 checks, 3 failed\n  hpc_compute_02       17 checks\n"
                               "  host and clusters    1 check\n"));
  EXPECT_THAT(MakeSummary(run.results(), {.colour = true}), HasSubstr("\x1b[31;1m2 nodes, 2 GPUs, "));
}

}  // namespace
}  // namespace passthrough
