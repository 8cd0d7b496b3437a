#include "fixtures/verdict/compare.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "fixtures/reporters/verdict_json.h"
#include "helpers/base/error.h"
#include "tests/reports/sample_run.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::UnorderedElementsAre;

std::string Verdict(SampleRun& run) { return MakeVerdictJson(run.results()); }

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
  EXPECT_THAT(CompareVerdicts(Verdict(broken), Verdict(healthy)),
              Contains(HasSubstr("no longer fails, was a failure: ")));
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

TEST(CompareTest, OneMoreOfTheSameIsNewAndOtherNumbersThatNameAreOthers) {
  const auto with = [](const std::vector<std::string>& found) {
    SampleRun run;
    for (const std::string& one : found) {
      run.Find(run.Check("NvidiaKernelMessages", "IsRight", "hpc_compute_01"), {.sentence = "", .found = one});
    }
    return Verdict(run);
  };
  const std::string xid = "GPU 0000:01:00.0: Xid 79 came 3 times";
  EXPECT_THAT(CompareVerdicts(with({xid}), with({xid, xid})), Contains(HasSubstr("new failure: " + xid)));
  EXPECT_THAT(CompareVerdicts(with({xid}), with({"GPU 0000:02:00.0: Xid 79 came 3 times"})),
              Contains(HasSubstr("not said any more, was a failure: " + xid)));
  EXPECT_THAT(CompareVerdicts(with({xid}), with({"GPU 0000:01:00.0: Xid 48 came 3 times"})),
              Contains(HasSubstr("new failure: GPU 0000:01:00.0: Xid 48")));
  EXPECT_THAT(CompareVerdicts(with({xid}), with({"GPU 0000:01:00.0: Xid 79 came 4 times"})),
              ElementsAre(HasSubstr("it still fails, and says now: GPU 0000:01:00.0: Xid 79 came 4 times. It said: ")));
}

TEST(CompareTest, AnotherQuestionAndFewerChecksAreNamed) {
  SampleRun run;
  run.results().profile = "lab";
  run.results().stub_driver = "a stand-in";
  run.results().facts.record->filter = "Node.*";
  run.results().facts.record->cleanup = false;
  run.results().notes = {"a GPU is in use on the host"};
  run.results().environment_failures = {"teardown: network net is left"};
  run.results().checks.pop_back();
  run.results().checks.back().skipped = true;
  run.results().checks.back().skip_reason = "there is none";
  EXPECT_THAT(Changes(run),
              testing::IsSupersetOf(
                  {std::string("run: profile is lab, was host"), std::string("run: stub_driver is a stand-in, was "),
                   std::string("run: filter is Node.*, was *"), std::string("run: cleanup is no, was yes"),
                   std::string("new note: a GPU is in use on the host"),
                   std::string("new failure of the teardown: teardown: network net is left"),
                   std::string("Cluster.IsComplete/hpc: the check is not made any more, it was passed"),
                   run.results().checks.back().FullName() + ": the check is not checked, was passed"}));
}

TEST(CompareTest, WhatWasExpectedAndWhatFailedCountToo) {
  const auto change = [](const std::function<void(SampleRun&)>& before, const std::function<void(SampleRun&)>& now) {
    SampleRun old;
    SampleRun run;
    before(old);
    now(run);
    return CompareVerdicts(Verdict(old), Verdict(run));
  };
  const auto address = [](const std::string& expected) {
    return [expected](SampleRun& run) {
      run.Find(run.Check("Node", "IsRight", "hpc_compute_01"),
               {.sentence = "", .found = "hpc_compute_01: 10.0.0.1", .expected = expected});
    };
  };
  EXPECT_THAT(change(address("10.0.0.2"), address("10.0.0.3")), testing::SizeIs(2)) << "the one went, the other came";
  const auto left = [](const std::string& what) {
    return [what](SampleRun& run) { run.results().environment_failures = {"teardown: " + what}; };
  };
  EXPECT_THAT(change(left("1 domain"), left("37 domains")), testing::SizeIs(2));
  const auto note = [](const std::string& what) { return [what](SampleRun& run) { run.results().notes = {what}; }; };
  EXPECT_THAT(change(note("host 10.0.0.1 runs 550.54.15"), note("host 10.0.0.9 runs 550.54.15")), testing::SizeIs(2));
  EXPECT_THAT(change(note("3 GPUs are 1.5 s late"), note("4 GPUs are 2.5 s late")), IsEmpty());
  const auto phase = [](const std::string& error) {
    return [error](SampleRun& run) { run.results().facts.record->phases[2].error = error; };
  };
  EXPECT_THAT(change(phase(""), phase("no space")), ElementsAre("phase deploy: error is no space, was "));
}

TEST(CompareTest, OneMoreControllerIsOneChange) {
  const auto xml = [](const std::string& first) {
    std::string text = "<domain><devices>" + first;
    for (int i = 1; i < 9; ++i) {
      text += "<controller type='pci' index='" + std::to_string(i) + "' model='pcie-root-port'><alias name='pci." +
              std::to_string(i) + "'/></controller>";
    }
    return DomainXmlFacts(text + "</devices></domain>");
  };
  SampleRun before;
  SampleRun now;
  before.results().facts.nodes[0].domain_xml = xml("");
  now.results().facts.nodes[0].domain_xml = xml("<controller type='scsi'><alias name='scsi0'/></controller>");
  EXPECT_THAT(CompareVerdicts(Verdict(before), Verdict(now)), testing::SizeIs(2)) << "its type and its alias";
  for (int i = 0; i < 30; ++i) now.results().facts.nodes[0].domain_xml["x" + std::to_string(i)] = "1";
  EXPECT_THAT(CompareVerdicts(Verdict(before), Verdict(now)),
              AllOf(testing::SizeIs(11), Contains(HasSubstr("domain XML: 22 more changes"))));
}

TEST(CompareTest, NothingThatANodeSaidReachesTheTerminal) {
  SampleRun now;
  now.results().facts.nodes[0].facts["kernel"] = "\x1b[2J";
  EXPECT_THAT(Changes(now), testing::Each(testing::Not(HasSubstr("\x1b"))));
}

TEST(CompareTest, WhatIsNoVerdictIsRefused) {
  EXPECT_THROW(CompareVerdicts("{}", "{}"), Error);
  EXPECT_THROW(CompareVerdicts("no", "no"), Error);
  SampleRun run;
  std::string deep = Verdict(run);
  const std::string value = "\"6.1.0-56-amd64\"";
  deep.replace(deep.find(value), value.size(), std::string(100'000, '[') + std::string(100'000, ']'));
  EXPECT_THROW(CompareVerdicts(deep, deep), Error);
  EXPECT_THROW(CompareVerdicts(std::string(100'000, '['), deep), Error);
  const TemporaryDirectory directory("compare");
  EXPECT_THROW(CompareRuns(directory.path(), directory.path()), Error);
}

TEST(CompareTest, TheLastGoodRunIsTheNewestThatPassed) {
  const TemporaryDirectory logs("compare");
  SampleRun good;
  SampleRun bad;
  bad.KillGpu(1);
  SampleRun other;
  other.results().facts.record->profile = "lab";
  SampleRun filtered;
  filtered.results().facts.record->filter = "Node.*";
  int hour = 10;
  const auto write = [&](const std::string& name, SampleRun& run) {
    run.results().facts.record->started = fmt::format("2026-11-27T{}:00:00+0000", hour++);
    std::filesystem::create_directory(logs.path() / name);
    WriteRunRecord(logs.path() / name / "run.json", *run.results().facts.record);
    WriteFile(logs.path() / name / "verdict.json", Verdict(run));
  };
  write("run-1", good);
  write("run-9", good);  // by its start, not by its name
  write("run-3", bad);
  write("run-4", other);
  write("run-6", filtered);
  // Another run's is none of this one's.
  write("run-7", bad);
  std::filesystem::copy_file(logs.path() / "run-9" / "verdict.json", logs.path() / "run-7" / "verdict.json",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THROW(CompareRuns(logs.path() / "run-7", logs.path() / "run-9"), Error);
  write("run-5", bad);
  write("run-2", good);
  std::filesystem::create_directory(logs.path() / "run-0");
  WriteFile(logs.path() / "run-0" / "verdict.json", "{\"version\": 2");
  std::filesystem::create_directories(logs.path() / "run-8" / "verdict.json");
  EXPECT_THAT(LastGoodBefore(logs.path() / "run-5"), Optional(std::filesystem::canonical(logs.path()) / "run-9"));
  EXPECT_EQ(LastGoodBefore(logs.path() / "run-1"), std::nullopt);
}

}  // namespace
}  // namespace passthrough
