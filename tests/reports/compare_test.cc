#include "fixtures/verdict/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/reporters/verdict_json.h"
#include "helpers/base/error.h"
#include "tests/reports/sample_run.h"

namespace passthrough {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::UnorderedElementsAre;

std::string Verdict(SampleRun& run) { return MakeVerdictJson(run.results(), 0); }

std::vector<std::string> Changes(SampleRun& now) {
  SampleRun healthy(now.results().nodes.size());
  return CompareVerdicts(Verdict(healthy), Verdict(now));
}

TEST(CompareTest, TwoHealthyRunsNameNothing) {
  SampleRun run;
  for (PhaseRecord& phase : run.results().facts.record->phases) phase.seconds = 7.5;
  run.Device(1).readings["link speed"] = "16.0 GT/s PCIe";
  run.Device(1).readings["temperature/gpu_temp"] = "71 C";
  EXPECT_THAT(Changes(run), IsEmpty());
}

TEST(CompareTest, WhatMattersIsNamedWithWhatItWas) {
  SampleRun run;
  run.results().facts.nodes[1].facts["kernel"] = "6.12.1";
  run.Device(1).host["driver"] = "nouveau";
  run.Device(1).node["BAR 1"] = "256 bytes of memory";
  run.Device(2).guest_address = "0000:07:00.0";
  run.Device(2).node["address"] = "0000:07:00.0";
  run.results().facts.nodes[0].domain_xml["devices/hostdev[1]/managed"] = "no";
  run.results().facts.host->hypervisor = "QEMU 10";
  run.results().facts.record->phases[2].seconds = 30;
  EXPECT_THAT(Changes(run),
              UnorderedElementsAre(
                  "hpc_compute_02: kernel is 6.12.1, was 6.1.0-56-amd64",
                  "hpc_compute_01, gpu 0000:01:00.0: on the host, its driver is nouveau, was vfio-pci",
                  "hpc_compute_01, gpu 0000:01:00.0: in the node, its BAR 1 is 256 bytes of memory, was not there",
                  "hpc_compute_02, gpu 0000:02:00.0: in the node, its address is 0000:07:00.0, was not there",
                  "hpc_compute_01: domain XML: devices/hostdev[1]/managed is no, was yes",
                  "host: software is QEMU 10, was QEMU 7.2.22, libvirt 9.0.0", HasSubstr("phase deploy took 30")));
}

TEST(CompareTest, FindingsThatAreNewAndThatWent) {
  SampleRun healthy;
  SampleRun broken;
  broken.UnloadDriver(1);
  const auto appeared = CompareVerdicts(Verdict(healthy), Verdict(broken));
  EXPECT_THAT(appeared,
              Contains(HasSubstr("KernelModule.IsRight/hpc_compute_01: new failure: hpc_compute_01: kernel ")));
  EXPECT_THAT(CompareVerdicts(Verdict(broken), Verdict(healthy)), Contains(HasSubstr("gone failure: ")));
  // A counter that counts on is the same finding.
  SampleRun more;
  more.Find(more.Check("GpuHealth", "IsRight", more.Node(1)), {.sentence = "", .found = "12 errors", .note = true});
  SampleRun less;
  less.Find(less.Check("GpuHealth", "IsRight", less.Node(1)), {.sentence = "", .found = "7 errors", .note = true});
  EXPECT_THAT(CompareVerdicts(Verdict(less), Verdict(more)), IsEmpty());
}

TEST(CompareTest, WhatChangedAlikeIsOneSentence) {
  SampleRun run(9);
  for (NodeFacts& node : run.results().facts.nodes) node.facts["kernel"] = "6.12.1";
  EXPECT_THAT(Changes(run), ElementsAre("hpc_compute_01, hpc_compute_02, hpc_compute_03, hpc_compute_04 and 5 more: "
                                        "kernel is 6.12.1, was 6.1.0-56-amd64"));
}

TEST(CompareTest, WhatIsNoVerdictIsRefused) {
  EXPECT_THROW(CompareVerdicts("{}", "{}"), Error);
  EXPECT_THROW(CompareVerdicts("no", "no"), Error);
  const TemporaryDirectory directory("compare");
  EXPECT_THROW(CompareRuns(directory.path(), directory.path()), Error);
}

TEST(CompareTest, TheLastGoodRunIsTheNewestThatPassed) {
  const TemporaryDirectory logs("compare");
  SampleRun good;
  SampleRun bad;
  bad.KillGpu(1);
  SampleRun other;
  other.results().profile = "lab";
  const auto write = [&](const std::string& name, SampleRun& run) {
    std::filesystem::create_directory(logs.path() / name);
    WriteFile(logs.path() / name / "verdict.json", Verdict(run));
  };
  write("run-1", good);
  write("run-2", good);
  write("run-3", bad);
  write("run-4", other);
  write("run-5", bad);
  write("run-6", good);
  EXPECT_THAT(LastGoodBefore(logs.path() / "run-5"), Optional(std::filesystem::canonical(logs.path()) / "run-2"));
  EXPECT_EQ(LastGoodBefore(logs.path() / "run-1"), std::nullopt);
}

}  // namespace
}  // namespace passthrough
