// Four faults planted in a running cluster in the lab, each from a snapshot of the healthy one: exactly the
// checks concerned fail, with messages that name the cause. Beside them, that the healthy cluster passes
// and that a replay says the same.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/rundir/run_record.h"
#include "tests/end_to_end/lab_cluster.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr char kNode[] = "hpc_compute_01";
constexpr char kNodeDomain[] = "test-hpc-pcie-minimal-compute-01";

class PlantedFaultsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto config = fs::path(PASSTHROUGH_SOURCE_DIR) / "configs" / "test-pcie-passthrough-minimal.yaml";
    lab_ = new TestLab(config);
    lab_->MustLab("up", {config.string()});
    EXPECT_THAT(lab_->MustLab("create", {"--wait", config.string()}),
                AllOf(HasSubstr("node hpc_controller answers\n"), HasSubstr("node hpc_compute_01 answers\n")));
    const ChildResult healthy = lab_->Suite({"--attach"});
    ASSERT_EQ(healthy.exit_status, 0) << healthy.output;
    lab_->MustLab("snapshot", {"deployed"});
  }
  static void TearDownTestSuite() {
    if (lab_ != nullptr) {
      EXPECT_EQ(lab_->Lab("down").exit_status, 0);
    }
    delete lab_;
    lab_ = nullptr;
  }
  void SetUp() override {
    ASSERT_NE(lab_, nullptr);
    lab_->MustLab("restore", {"deployed"});
  }

  // Judges the cluster as it is now; returns what the report says.
  JunitReport Judge(int expected_status) {
    const ChildResult result = lab_->Suite({"--attach"});
    EXPECT_EQ(result.exit_status, expected_status) << result.output;
    return ReadJunit(lab_->Latest() / "junit.xml");
  }

  static TestLab* lab_;
};

TestLab* PlantedFaultsTest::lab_ = nullptr;

TEST_F(PlantedFaultsTest, TheHealthyClusterPasses) {
  const JunitReport report = Judge(0);
  EXPECT_THAT(report.failed, IsEmpty());
  EXPECT_THAT(report.skipped, IsEmpty());
  EXPECT_GT(report.all.size(), 25u);
  const std::string pci = ReadFile(lab_->Latest() / "evidence" / kNode / "lspci.txt");
  EXPECT_THAT(pci, HasSubstr("[10de:2684]"));
  EXPECT_THAT(pci, HasSubstr("[10de:22bd]"));
  EXPECT_THAT(ReadFile(lab_->Latest() / "junit.xml"), HasSubstr("no real GPU driver was tested"));
}

TEST_F(PlantedFaultsTest, OnlyWhatTheSelectedTestsNeedIsCollected) {
  const ChildResult result = lab_->Suite({"--attach", "--gtest_filter=*NvidiaSmi*"});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(ReadRunRecord(lab_->Latest() / "run.json").probes, ElementsAre("pci", "nvidia_smi", "nvidia_smi_xml"));
  EXPECT_FALSE(fs::exists(lab_->Latest() / "evidence" / kNode / "modules.txt"));
}

TEST_F(PlantedFaultsTest, AReplayWithoutLibvirtAndNetworkSaysTheSame) {
  lab_->MustRunOn(kNode, {"sudo", "-n", "rm", "/dev/nvidia0"});
  const JunitReport live = Judge(1);
  const fs::path copy = lab_->Path("copy");
  fs::remove_all(copy);
  fs::copy(fs::canonical(lab_->Latest()), copy, fs::copy_options::recursive);
  // A network namespace of its own has not even loopback up. Root may make one where users may not, as in a chroot.
  const ChildResult replay = RunChild(
      {"sh", "-c",
       "unshare --net true 2>/dev/null && exec unshare --net \"$@\"; exec unshare --net --map-root-user \"$@\"", "sh",
       SuiteProgram().string(), "--replay", copy.string()},
      {}, Deadline::After(std::chrono::minutes(1)));
  EXPECT_EQ(replay.exit_status, 1);
  for (const std::string& name : live.failed) EXPECT_THAT(replay.output, HasSubstr(name));
  EXPECT_THAT(replay.output, HasSubstr(fmt::format("{} failed", live.failed.size())));
}

TEST_F(PlantedFaultsTest, TheGpusHostdevIsTakenOutOfTheRunningDomain) {
  const std::string hostdev =
      "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
      "<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></hostdev>";
  {
    auto libvirt = lab_->Libvirt();
    libvirt.DetachDevice(kNodeDomain, hostdev, true);
    WaitFor(Deadline::After(std::chrono::minutes(2)), "the guest to let the GPU go",
            [&](std::string*) -> std::optional<bool> {
              const Inventory now = libvirt.TakeInventory();
              if (now.FindDomain(kNodeDomain)->hostdevs.size() == 1) return true;
              return std::nullopt;
            });
  }
  const JunitReport report = Judge(1);
  EXPECT_THAT(
      report.failed,
      UnorderedElementsAre(
          "HostDomain.HasExactlyThePlannedDevices/hpc_compute_01", "HostDevice.IsOnVfioPci/hpc_compute_01_0000_01_00_0",
          "PciVisibility.EachPlannedIdIsThereExactlyAsOftenAsPlanned/hpc_compute_01",
          "PciVisibility.NoOtherFunctionOfGpuMakersIsThere/hpc_compute_01",
          "PciDevice.IsWhereLibvirtAttachedIt/hpc_compute_01_0000_01_00_0",
          "PciDevice.HasThePlannedId/hpc_compute_01_0000_01_00_0",
          "PciDevice.HasTheClassOfItsType/hpc_compute_01_0000_01_00_0",
          "PciDevice.ConfigSpaceIsAlive/hpc_compute_01_0000_01_00_0",
          "PciDevice.IsEnabledForItsDriver/hpc_compute_01_0000_01_00_0",
          "PciDevice.IsLeftToItsDriver/hpc_compute_01_0000_01_00_0",
          "PciDevice.BarsAreAssigned/hpc_compute_01_0000_01_00_0",
          "PciDevice.LinkIsOneThatPcieHas/hpc_compute_01_0000_01_00_0",
          "PciDevice.LinkHasAllItsLanes/hpc_compute_01_0000_01_00_0",
          "PciDevice.HasNoUncorrectedPcieError/hpc_compute_01_0000_01_00_0",
          "PciDevice.IsNearAProcessor/hpc_compute_01_0000_01_00_0",
          "GpuHealth.HasNoUncorrectedMemoryError/hpc_compute_01", "GpuHealth.NeedsNoMemoryRepair/hpc_compute_01",
          "GpuHealth.NeedsNoReset/hpc_compute_01", "GpuHealth.IsWithinItsOwnLimits/hpc_compute_01",
          "GpuHealth.IsOpenToPrograms/hpc_compute_01", "GpuHealth.IsNotSlowedDownByHardware/hpc_compute_01",
          "GpuLink.HasAllItsLanes/hpc_compute_01_0000_01_00_0",
          "GpuLink.IsFastWhileTheGpuWorks/hpc_compute_01_0000_01_00_0",
          "GpuUuids.EachGpuHasOneOfItsOwn/test_hpc_pcie_minimal",
          "GpuUuids.CardsOfOneModelAreAlike/test_hpc_pcie_minimal", "GpuDriver.IsNvidia/hpc_compute_01_0000_01_00_0",
          "NvidiaSmi.AnswersWithExitStatusZero/hpc_compute_01",
          "NvidiaSmi.AnswersInXmlWithExitStatusZero/hpc_compute_01",
          "NvidiaSmi.TableHasExactlyThePlannedGpus/hpc_compute_01",
          "NvidiaSmi.XmlHasExactlyThePlannedGpus/hpc_compute_01", "NvidiaSmi.BusIdsAreThoseOfThePciBus/hpc_compute_01",
          "NvidiaSmi.TableHasNoErrorText/hpc_compute_01", "NvidiaSmi.XmlHasNoErrorText/hpc_compute_01",
          "NvidiaSmi.TableAndXmlAgreeOnEcc/hpc_compute_01", "DeviceFiles.OneForEachGpu/hpc_compute_01"));
  EXPECT_THAT(report.messages.at("HostDomain.HasExactlyThePlannedDevices/hpc_compute_01"),
              HasSubstr("no <hostdev> for 0000:01:00.0"));
  EXPECT_THAT(report.messages.at("PciDevice.IsWhereLibvirtAttachedIt/hpc_compute_01_0000_01_00_0"),
              HasSubstr("GPU 0000:01:00.0 is not attached to domain"));
}

TEST_F(PlantedFaultsTest, TheModuleIsUnloadedOnTheNode) {
  lab_->MustRunOn(kNode, {"sudo", "-n", "rmmod", "nvidia_uvm", "nvidia"});
  const JunitReport report = Judge(1);
  EXPECT_THAT(
      report.failed,
      UnorderedElementsAre(
          "KernelModule.NvidiaIsLoaded/hpc_compute_01", "GpuDriver.IsNvidia/hpc_compute_01_0000_01_00_0",
          "GpuHealth.HasNoUncorrectedMemoryError/hpc_compute_01", "GpuHealth.NeedsNoMemoryRepair/hpc_compute_01",
          "GpuHealth.NeedsNoReset/hpc_compute_01", "GpuHealth.IsWithinItsOwnLimits/hpc_compute_01",
          "GpuHealth.IsOpenToPrograms/hpc_compute_01", "GpuHealth.IsNotSlowedDownByHardware/hpc_compute_01",
          "GpuLink.HasAllItsLanes/hpc_compute_01_0000_01_00_0",
          "GpuLink.IsFastWhileTheGpuWorks/hpc_compute_01_0000_01_00_0",
          "GpuUuids.EachGpuHasOneOfItsOwn/test_hpc_pcie_minimal",
          "GpuUuids.CardsOfOneModelAreAlike/test_hpc_pcie_minimal",
          "NvidiaSmi.AnswersWithExitStatusZero/hpc_compute_01",
          "NvidiaSmi.AnswersInXmlWithExitStatusZero/hpc_compute_01",
          "NvidiaSmi.TableHasExactlyThePlannedGpus/hpc_compute_01",
          "NvidiaSmi.XmlHasExactlyThePlannedGpus/hpc_compute_01", "NvidiaSmi.BusIdsAreThoseOfThePciBus/hpc_compute_01",
          "NvidiaSmi.TableHasNoErrorText/hpc_compute_01", "NvidiaSmi.XmlHasNoErrorText/hpc_compute_01",
          "NvidiaSmi.TableAndXmlAgreeOnEcc/hpc_compute_01", "DeviceFiles.ControlDeviceIsThere/hpc_compute_01",
          "DeviceFiles.OneForEachGpu/hpc_compute_01", "DeviceFiles.SshUserCanOpenThem/hpc_compute_01"));
  EXPECT_THAT(report.messages.at("KernelModule.NvidiaIsLoaded/hpc_compute_01"),
              HasSubstr("hpc_compute_01: kernel module nvidia is not loaded, though it is on disk"));
  EXPECT_THAT(report.messages.at("NvidiaSmi.AnswersWithExitStatusZero/hpc_compute_01"), HasSubstr("exit status 9"));
}

TEST_F(PlantedFaultsTest, TheDeviceFileOfTheGpuIsRemoved) {
  lab_->MustRunOn(kNode, {"sudo", "-n", "rm", "/dev/nvidia0"});
  const JunitReport report = Judge(1);
  EXPECT_THAT(report.failed, ElementsAre("DeviceFiles.OneForEachGpu/hpc_compute_01"));
  EXPECT_THAT(report.messages.at("DeviceFiles.OneForEachGpu/hpc_compute_01"),
              HasSubstr("hpc_compute_01: 0 device files of GPUs, expected 1"));
}

}  // namespace
}  // namespace passthrough
