// Runs on amd-gpu.yaml and amd-and-nvidia.yaml: a GPU of another maker gets every check that depends on no maker, and
// one NOTE that its driver was not checked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "helpers/base/text.h"
#include "helpers/parsers/pci_evidence.h"
#include "tests/end_to_end/lab_cluster.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr uint16_t kAmd = 0x1002;
constexpr uint16_t kNvidia = 0x10de;
constexpr uint8_t kDisplay = 3;

fs::path ConfigNamed(const std::string& name) {
  return fs::path(PASSTHROUGH_SOURCE_DIR) / "tests" / "end_to_end" / name;
}

// By the names of the suites in suites/nvidia.
bool IsOfNvidia(const std::string& check) {
  static const std::regex name(
      ".*Nvidia.*|(GpuDriver|GpuHealth|GpuLink|GpuUuids|GpuWork|Workload|DeviceFiles|KernelModule)\\..*");
  return std::regex_match(check, name);
}

// The lines of a run's output that say of a GPU that its driver was not checked.
std::vector<std::string> DriverNotes(const std::string& output) {
  std::vector<std::string> notes;
  for (const std::string_view line : SplitLines(output)) {
    if (line.starts_with("NOTE: not checked: the driver of GPU ")) notes.emplace_back(line);
  }
  return notes;
}

// "1002:744c on no driver" of each display function of `vendor` that the node sees.
std::vector<std::string> GpusInNode(const fs::path& run, const std::string& node, uint16_t vendor) {
  const fs::path file = run / "evidence" / node / "pci.txt";
  const PciEvidence pci = PciEvidence::Parse(ReadFile(file), file);
  std::vector<std::string> gpus;
  for (const PciFunction* gpu : pci.OfVendor(vendor, kDisplay)) {
    gpus.push_back(gpu->Id() + " on " + (gpu->driver.empty() ? "no driver" : gpu->driver));
  }
  return gpus;
}

TEST(OtherVendorTest, AnAmdGpuPassesAllThatDependsOnNoMaker) {
  const fs::path config = ConfigNamed("amd-gpu.yaml");
  TestLab lab(config);
  lab.MustLab("up", {config.string()});
  const Inventory before = lab.Libvirt().TakeInventory();

  const ChildResult run = lab.Suite({});
  EXPECT_EQ(run.exit_status, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr(" checks, all passed"));
  EXPECT_THAT(DriverNotes(run.output), ElementsAre(HasSubstr("0000:01:00.0 (1002:744c)")));
  const fs::path directory = fs::canonical(lab.Latest());
  EXPECT_THAT(GpusInNode(directory, "hpc_compute_01", kAmd), ElementsAre("1002:744c on no driver"));
  EXPECT_THAT(GpusInNode(directory, "hpc_compute_01", kNvidia), IsEmpty());
  EXPECT_FALSE(fs::exists(directory / "evidence/hpc_compute_01/nvidia_smi.txt")) << "no check asked for it";

  const JunitReport report = ReadJunit(directory / "junit.xml");
  EXPECT_THAT(report.failed, IsEmpty());
  EXPECT_THAT(report.all, AllOf(Contains("PciDevice.HasThePlannedId/hpc_compute_01_0000_01_00_0"),
                                Contains("PciDevice.BarsAreAssigned/hpc_compute_01_0000_01_00_0"),
                                Contains("HostDevice.IsOnVfioPci/hpc_compute_01_0000_01_00_0"),
                                Contains("KernelMessages.HaveNoPcieError/hpc_compute_01"),
                                Contains("CleanupDevice.IsBackOnItsDriver/hpc_compute_01_0000_01_00_0")));
  for (const std::string& check : report.all) EXPECT_FALSE(IsOfNvidia(check)) << check;
  EXPECT_THAT(DescribeDifferences(before, lab.Libvirt().TakeInventory()), IsEmpty());
}

TEST(MixedVendorsTest, BesideAGpuOfNvidiaEachIsCheckedAsItsMakersIs) {
  const fs::path config = ConfigNamed("amd-and-nvidia.yaml");
  TestLab lab(config);
  lab.MustLab("up", {config.string()});

  const ChildResult run = lab.Suite({});
  EXPECT_EQ(run.exit_status, 0) << run.output;
  EXPECT_THAT(DriverNotes(run.output),
              ElementsAre(HasSubstr("0000:02:00.0 (1002:744c)"), HasSubstr("0000:03:00.0 (1002:744c)")));
  const fs::path directory = fs::canonical(lab.Latest());
  EXPECT_THAT(GpusInNode(directory, "hpc_compute_01", kAmd), ElementsAre("1002:744c on no driver"));
  EXPECT_THAT(GpusInNode(directory, "hpc_compute_01", kNvidia), ElementsAre("10de:2684 on nvidia"));
  EXPECT_THAT(GpusInNode(directory, "hpc_compute_02", kAmd), ElementsAre("1002:744c on no driver"));
  EXPECT_THAT(GpusInNode(directory, "hpc_compute_02", kNvidia), IsEmpty());

  const JunitReport report = ReadJunit(directory / "junit.xml");
  EXPECT_THAT(report.failed, IsEmpty());
  EXPECT_THAT(report.all, AllOf(Contains("GpuDriver.IsNvidia/hpc_compute_01_0000_01_00_0"),
                                Contains("NvidiaSmi.XmlHasExactlyThePlannedGpus/hpc_compute_01"),
                                Contains("PciDevice.HasThePlannedId/hpc_compute_01_0000_02_00_0"),
                                Contains("PciDevice.HasThePlannedId/hpc_compute_02_0000_03_00_0")));
  for (const std::string& check : report.all) {
    if (!IsOfNvidia(check)) continue;
    EXPECT_THAT(check, AllOf(Not(HasSubstr("hpc_compute_02")), Not(HasSubstr("0000_02_00")))) << check;
  }
}

}  // namespace
}  // namespace passthrough
