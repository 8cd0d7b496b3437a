// The disruptive suite in a lab, where all of it really happens: a node reboots, its GPU is removed and rescanned,
// unplugged and plugged in again. Healthy, everything comes back; each planted fault fails exactly the checks
// concerned.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "helpers/base/wait.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "tests/end_to_end/lab_cluster.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr char kCompute[] = "hpc_compute_01";
constexpr char kController[] = "hpc_controller";
constexpr char kOldAddress[] = "192.168.140.11";
constexpr char kNewAddress[] = "192.168.140.57";
constexpr char kDomain[] = "test-hpc-pcie-minimal-compute-01";
constexpr char kHostdev[] =
    "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
    "<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></hostdev>";

const PciAddress kGpu = PciAddress::Parse("0000:01:00.0").value();

class DisruptiveTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto config = fs::path(PASSTHROUGH_SOURCE_DIR) / "configs" / "test-pcie-passthrough-minimal.yaml";
    lab_ = new TestLab(config);
    lab_->MustLab("up", {config.string()});
    lab_->MustLab("create", {config.string()});
    // Waits for the node's SSH, too.
    const ChildResult healthy = lab_->Suite({"--attach", "--gtest_filter=Node.*:NodeIdentity.*"});
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

  JunitReport Disrupt(int expected_status, const std::string& filter, const std::string& cycles = "1") {
    const ChildResult result = lab_->Suite(
        {"--attach", "--target-vm", kCompute, "--disruptive", "--cycles", cycles, "--gtest_filter=" + filter});
    EXPECT_EQ(result.exit_status, expected_status) << result.output;
    return ReadJunit(lab_->Latest() / "junit.xml");
  }
  // From now on the node's kernel does not hear of what is plugged and unplugged: QEMU tells it by this event
  // (docs/specs/acpi_pci_hotplug.rst).
  void MakeTheNodeDeafToHotplug() {
    lab_->MustRunOn(kCompute, {"echo disable | sudo -n tee /sys/firmware/acpi/interrupts/gpe01"});
  }

  // What the cluster file says no longer: `address` is the compute node's when it next asks for one.
  void ReserveForCompute(const std::string& address) {
    const auto interfaces = ReadDomainXml(lab_->Libvirt().DomainXml(kDomain).value()).interfaces;
    lab_->MustRunOn("", {fmt::format("virsh net-update test-hpc-pcie-minimal-network modify ip-dhcp-host "
                                     "\"<host mac='{}' name='{}' ip='{}'/>\" --live",
                                     interfaces.at(0).mac, kDomain, address)});
  }
  // Reboots the node twice, which moves to kNewAddress; returns the checks that failed.
  std::set<std::string> DisruptAndFollow() {
    const ChildResult result = lab_->Suite({"--attach", "--verbose", "--target-vm", kCompute, "--disruptive",
                                            "--cycles", "2", "--gtest_filter=DisruptiveReboot*"});
    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr(fmt::format("{}: has a new address: {}, before it was {}", kCompute,
                                                     kNewAddress, kOldAddress)));
    const JunitReport report = ReadJunit(lab_->Latest() / "junit.xml");
    EXPECT_EQ(report.all.size(), 8u);
    return report.failed;
  }

  static TestLab* lab_;
};

TestLab* DisruptiveTest::lab_ = nullptr;

TEST_F(DisruptiveTest, AHealthyNodeSurvivesAllOfItAndAReplaySaysTheSame) {
  const JunitReport report = Disrupt(0, "Disruptive*", "2");
  EXPECT_THAT(report.failed, IsEmpty());
  EXPECT_EQ(report.all.size(), 3u + 4 + 2 * 4);
  const fs::path run = fs::canonical(lab_->Latest());
  EXPECT_TRUE(fs::exists(run / "evidence" / kCompute / "after-reboot-2" / "pci.txt"));
  const ChildResult replay = RunSuite({"--replay", run.string(), "--gtest_filter=Disruptive*"});
  EXPECT_EQ(replay.exit_status, 0) << replay.output;
  EXPECT_THAT(replay.output, HasSubstr("15 checks, all passed"));
}

TEST_F(DisruptiveTest, AGpuThatIsGoneAfterReboot) {
  // QEMU carries out an unplug that the node did not hear of when the node is reset.
  MakeTheNodeDeafToHotplug();
  lab_->Libvirt().DetachDevice(kDomain, kHostdev, true);
  const JunitReport report = Disrupt(1, "DisruptiveReboot*:PciVisibility*");
  EXPECT_THAT(report.failed,
              UnorderedElementsAre("DisruptiveReboot.GpusComeBack/hpc_compute_01_reboot_1",
                                   "DisruptiveRebootNvidia.DriverIsBoundAgain/hpc_compute_01_reboot_1",
                                   "DisruptiveRebootNvidia.NvidiaSmiIsFineAgain/hpc_compute_01_reboot_1"));
  EXPECT_THAT(report.messages.at("DisruptiveReboot.GpusComeBack/hpc_compute_01_reboot_1"),
              HasSubstr("after reboot 1: GPU 0000:01:00.0 is not on the node's PCI bus"));
}

TEST_F(DisruptiveTest, AnUnplugThatTheNodeIgnores) {
  MakeTheNodeDeafToHotplug();
  const JunitReport report = Disrupt(1, "DisruptiveUnplug*");
  EXPECT_THAT(report.failed, UnorderedElementsAre("DisruptiveUnplug.NodeForgetsTheGpus/hpc_compute_01",
                                                  "DisruptiveUnplug.GpusComeBack/hpc_compute_01"));
  EXPECT_THAT(report.messages.at("DisruptiveUnplug.NodeForgetsTheGpus/hpc_compute_01"),
              AllOf(HasSubstr("was asked to let GPU 0000:01:00.0 go"), HasSubstr("the node still lists GPU")));
}

// The VM is the user's and stays: who comes after the suite plugs the GPU in again.
TEST_F(DisruptiveTest, ASuiteKilledWhileTheGpuIsOutLeavesItToTheGuard) {
  const auto has_gpu = [this] { return HostdevXml(lab_->Libvirt().DomainXml(kDomain).value(), kGpu).has_value(); };
  const ChildResult killed = lab_->Suite(
      {"--attach", "--verbose", "--target-vm", kCompute, "--disruptive", "--gtest_filter=DisruptiveUnplug*"},
      "0000:01:00.0 is unplugged after");
  EXPECT_EQ(killed.signal, SIGKILL) << killed.output;
  WaitFor(Deadline::After(std::chrono::minutes(3)), "the guard to plug the GPU in",
          [&](std::string*) -> std::optional<bool> { return has_gpu() ? std::optional(true) : std::nullopt; });
  EXPECT_EQ(lab_->Suite({"--reap"}).exit_status, 0);  // waits for the guard's end
  EXPECT_FALSE(fs::exists(lab_->Latest() / "teardown-record.json"));
  EXPECT_THAT(ReadFile(lab_->Latest() / "guard.log"),
              HasSubstr(fmt::format("GPU 0000:01:00.0 is back in domain {}", kDomain)));
}

TEST_F(DisruptiveTest, ADriverThatDoesNotTakeTheGpuASecondTime) {
  lab_->MustRunOn(kCompute, {"echo 1 | sudo -n tee /sys/module/nvidia/parameters/fail_probe"});
  const JunitReport report = Disrupt(1, "DisruptiveRescan*");
  EXPECT_THAT(report.failed, UnorderedElementsAre("DisruptiveRescanNvidia.DriverIsBoundAgain/hpc_compute_01",
                                                  "DisruptiveRescanNvidia.NvidiaSmiIsFineAgain/hpc_compute_01"));
}

// The network's DHCP server has another address for it from now on: the node asks again when it boots.
TEST_F(DisruptiveTest, ANodeThatComesBackWithAnotherAddressIsFollowed) {
  ReserveForCompute(kNewAddress);
  EXPECT_THAT(DisruptAndFollow(), IsEmpty());
}

// The old address is another machine's by then, which even has the node's host key, as clones of one image do.
TEST_F(DisruptiveTest, ANodeWhoseAddressACloneTookIsFollowedAndTheCloneIsLeftAlone) {
  ReserveForCompute(kNewAddress);
  const std::string key = lab_->MustRunOn(kCompute, {"sudo -n cat /etc/ssh/ssh_host_ed25519_key"});
  lab_->MustRunOn(kController, {fmt::format("sudo -n sh -c '(while busybox ping -c 1 -W 1 {0}; do sleep 1; done; "
                                            "busybox ifconfig eth0:1 {0} up) >/dev/null 2>&1 </dev/null &'",
                                            kOldAddress)});
  // Last: init starts the server anew in a moment.
  lab_->MustRunOn(kController, {fmt::format("echo '{}' | sudo -n tee /etc/ssh/ssh_host_ed25519_key >/dev/null && "
                                            "sudo -n sh -c 'kill $(cat /run/sshd.pid)'",
                                            key)});
  EXPECT_THAT(DisruptAndFollow(), IsEmpty());
  EXPECT_THAT(lab_->MustRunOn(kController, {"busybox ifconfig eth0:1"}), HasSubstr(kOldAddress))
      << "the clone was there";
}

TEST_F(DisruptiveTest, ANodeThatDoesNotComeBack) {
  lab_->MustRunOn("", {"virsh", "set-lifecycle-action", kDomain, "reboot", "destroy", "--live"});
  const JunitReport report = Disrupt(1, "DisruptiveReboot*", "2");
  EXPECT_EQ(report.failed.size(), 8u) << "nothing of it is known, so nothing of it is good";
  EXPECT_THAT(
      report.messages.at("DisruptiveReboot.NodeComesBack/hpc_compute_01_reboot_1"),
      AllOf(HasSubstr("it did not come back within"), HasSubstr("is shut off"), HasSubstr("Its console showed last")));
  EXPECT_THAT(report.messages.at("DisruptiveReboot.NodeComesBack/hpc_compute_01_reboot_2"),
              HasSubstr("not tried: the node did not come back earlier (after-reboot-1)"));
}

}  // namespace
}  // namespace passthrough
