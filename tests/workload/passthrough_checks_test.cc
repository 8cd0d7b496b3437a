// Checks of the passthrough itself on recorded runs of machines that the lab cannot be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "helpers/base/files.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/inventory/inventory.h"
#include "helpers/libvirt/iommu_group.h"
#include "helpers/libvirt/pci_controllers.h"
#include "helpers/rundir/run_record.h"
#include "tests/suites/suite_program.h"
#include "tests/workload/recorded_run.h"

namespace passthrough {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr char kRunning[] = "evidence/host/running.json";

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  EXPECT_NE(text.find(from), std::string::npos) << from;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

class PassthroughChecksTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteRecordedRun(run_, {{"pci", HealthyPci()}, {"workload", HealthyWorkload()}, {"lspci", ""}});
  }
  void ChangeHost(const std::function<void(Inventory&)>& change) {
    Inventory inventory = ReadInventory();
    change(inventory);
    WriteFile(run_ / kRunning, ToJson(inventory));
  }
  // Of each domain that the run has.
  void WriteDomainXml(const std::string& xml) {
    for (const DomainInventory& domain : ReadInventory().domains) {
      WriteFile(run_ / "evidence/host" / (domain.name + ".xml"), xml);
    }
  }
  Inventory ReadInventory() { return InventoryFromJson(ReadFile(run_ / kRunning)); }
  // The checks of `filter` that failed, with what they said in said_.
  std::set<std::string> Failed(const std::string& filter) {
    const auto xml = directory_.path() / "gtest.xml";
    said_ =
        RunSuite({"--replay", run_.string(), "--gtest_filter=" + filter, "--gtest_output=xml:" + xml.string()}).output;
    const JunitReport report = ReadJunit(xml);
    EXPECT_FALSE(report.all.empty()) << said_;
    skipped_ = report.skipped;
    return report.failed;
  }

  const TemporaryDirectory directory_{"passthrough-checks"};
  const std::filesystem::path run_ = directory_.path() / "run";
  std::string said_;
  std::set<std::string> skipped_;
};

// --- a GPU behind an expander bus ---

// Near the processor of its NUMA node: the root port is on a root bus of its own, which has no bridge above.
constexpr char kExpander[] = R"(<domain type='kvm'><devices>
  <controller type='pci' index='0' model='pcie-root'/>
  <controller type='pci' index='1' model='pcie-root-port'>
    <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
  </controller>
  <controller type='pci' index='2' model='pcie-expander-bus'>
    <target busNr='254'><node>1</node></target>
    <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
  </controller>
</devices></domain>
)";

std::string PciBehindExpander() {
  const std::string decoy =
      "function: 0000:00:00.0\nvendor: 0x8086\ndevice: 0x29c0\nsubsystem_vendor: 0x1af4\n"
      "subsystem_device: 0x1100\nclass: 0x060000\nrevision: 0x00\n";
  return decoy + Replaced(Replaced(HealthyPci(), "0000:00:02.0", "0000:fe:00.0"), "0000:01:00.", "0000:ff:00.");
}

TEST(PciControllersTest, ReadsTheBusNumberOfAnExpander) {
  const auto controllers = ReadPciControllers(kExpander);
  ASSERT_EQ(controllers.size(), 3u);
  EXPECT_EQ(controllers[1].bus_number, std::nullopt);
  EXPECT_EQ(controllers[2].bus_number, 254);
  EXPECT_EQ(controllers[2].model, "pcie-expander-bus");
  for (const char* wrong : {"busNr='256'", "busNr='-2'", "busNr=''", ""}) {
    const auto read = ReadPciControllers("<domain><devices><controller type='pci' index='1'><target " +
                                         std::string(wrong) + "/></controller></devices></domain>");
    EXPECT_EQ(read.at(0).bus_number, std::nullopt) << wrong;
  }
}

TEST_F(PassthroughChecksTest, AGpuBehindAnExpanderBusIsFound) {
  WriteRecordedRun(run_, {{"pci", PciBehindExpander()}, {"lspci", ""}});
  WriteDomainXml(kExpander);
  EXPECT_THAT(Failed("PciDevice.IsWhereLibvirtAttachedIt/*"), IsEmpty()) << said_;
}

TEST_F(PassthroughChecksTest, AGpuThatIsNotBehindItsExpanderBusIsMissed) {
  WriteRecordedRun(run_, {{"pci", Replaced(PciBehindExpander(), "0000:fe:00.0", "0000:fd:00.0")}, {"lspci", ""}});
  WriteDomainXml(kExpander);
  EXPECT_EQ(Failed("PciDevice.IsWhereLibvirtAttachedIt/*").size(), 2u) << said_;
}

// --- devices of which the cluster file does not say whose they are ---

constexpr char kNoOther[] = "PciVisibility.NoOtherFunctionOfGpuMakersIsThere/hpc_compute_01";

HostPciDevice OnHost(const std::string& address, uint16_t vendor, const std::string& driver = "vfio-pci") {
  HostPciDevice device;
  device.address = *PciAddress::Parse(address);
  device.vendor_id = vendor;
  device.driver = driver;
  return device;
}

class WithoutVendorTest : public PassthroughChecksTest {
 protected:
  void SetUp() override {
    PassthroughChecksTest::SetUp();
    const auto config = run_ / "evidence/cluster.yaml";
    WriteFile(config, Replaced(ReadFile(config), "              vendor_id: \"10de\"\n", ""));
  }
};

TEST_F(WithoutVendorTest, TheFunctionsOfAGpuAreNvidias) { EXPECT_THAT(Failed(kNoOther), IsEmpty()) << said_; }

TEST_F(WithoutVendorTest, TheHostKnowsWhoseTheyAre) {
  ChangeHost([](Inventory& host) {
    host.pci_devices = {OnHost("0000:01:00.0", 0x10de), OnHost("0000:01:00.1", 0x10de)};
  });
  EXPECT_THAT(Failed(kNoOther), IsEmpty()) << said_;
  ChangeHost([](Inventory& host) { host.pci_devices[1].vendor_id = 0x1002; });
  EXPECT_THAT(Failed(kNoOther), UnorderedElementsAre(kNoOther));
  EXPECT_THAT(said_, HasSubstr("2 NVIDIA functions on the PCI bus: 0000:01:00.0 10de:2684, 0000:01:00.1 10de:22bd, "
                               "expected 1"));
}

// A check that has nothing to compare does not pass for a function that is not there.
TEST_F(PassthroughChecksTest, AMissingFunctionWithoutPlannedIdsPassesNoCheck) {
  WriteRecordedRun(run_, {{"pci", Replaced(PciBehindExpander(), "0000:fe:00.0", "0000:fd:00.0")}, {"lspci", ""}});
  WriteDomainXml(kExpander);
  const auto config = run_ / "evidence/cluster.yaml";
  for (const std::string id : {"vendor_id: \"10de\"", "device_id: \"2684\"", "device_id: \"22bd\""}) {
    WriteFile(config, Replaced(ReadFile(config), "              " + id + "\n", ""));
  }
  EXPECT_EQ(Failed("PciDevice.HasThePlannedId/*").size(), 2u) << said_;
}

// --- BARs ---

constexpr char kBars[] = "PciDevice.BarsAreAssigned/hpc_compute_01_0000_01_00_0";
constexpr char kBar0[] = "resource: 0 0x00000000fd000000 0x00000000fdffffff 0x0000000000040200\n";

// BAR 5 of a GeForce, for which the bridge above has no I/O ports.
TEST_F(PassthroughChecksTest, IoPortsAreMissedByNobody) {
  const std::string with_io =
      std::string(kBar0) + "resource: 5 0x0000000000000000 0x000000000000007f 0x0000000020040101\n";
  WriteRecordedRun(run_, {{"pci", Replaced(HealthyPci(), kBar0, with_io)}, {"lspci", ""}});
  EXPECT_EQ(Failed(kBars), std::set<std::string>()) << said_;
}

TEST_F(PassthroughChecksTest, AMemoryBarIsMissed) {
  const std::string without = "resource: 0 0x0000000000000000 0x0000000000ffffff 0x0000000020040200\n";
  WriteRecordedRun(run_, {{"pci", Replaced(HealthyPci(), kBar0, without)}, {"lspci", ""}});
  EXPECT_THAT(Failed(kBars), UnorderedElementsAre(kBars));
  EXPECT_THAT(said_, HasSubstr("BAR 0 has no address assigned"));
}

// --- links ---

constexpr char kLanes[] = "PciDevice.LinkHasAllItsLanes/hpc_compute_01_0000_01_00_0";

TEST_F(PassthroughChecksTest, ANarrowLinkInASlotThatHasMore) {
  const std::string narrow = Replaced(HealthyPci(), "current_link_width: 16", "current_link_width: 8");
  WriteRecordedRun(run_, {{"pci", narrow}, {"lspci", ""}});
  NoteTheSlot(run_);
  EXPECT_THAT(Failed(kLanes), UnorderedElementsAre(kLanes));
  EXPECT_THAT(said_, HasSubstr("its PCIe link has 8 lanes, it can have 16 in its slot"));
}

// A host that is a VM itself, as a cloud's, knows of no slot: a healthy GPU may have fewer lanes there than it could.
TEST_F(PassthroughChecksTest, ANarrowLinkInASlotThatIsNotKnownIsANote) {
  const std::string narrow = Replaced(HealthyPci(), "current_link_width: 16", "current_link_width: 8");
  WriteRecordedRun(run_, {{"pci", narrow}, {"lspci", ""}});
  EXPECT_THAT(Failed(kLanes), IsEmpty()) << said_;
  EXPECT_THAT(skipped_, UnorderedElementsAre(kLanes));
  EXPECT_THAT(said_, HasSubstr(std::string("NOTE: ") + kLanes +
                               ": hpc_compute_01: GPU 0000:01:00.0: its PCIe link has 8 lanes, it can have 16 ("));
  EXPECT_THAT(said_, HasSubstr("The host does not tell what its slot can"));
}

// A note beside a failure would be in no report.
TEST_F(PassthroughChecksTest, NotesStandBesideFailures) {
  constexpr char kLimits[] = "GpuHealth.IsWithinItsOwnLimits/hpc_compute_01";
  WriteRecordedRun(run_, {{"pci", HealthyPci()},
                          {"nvidia_smi_xml",
                           HealthyNvidiaSmiXml("<pci><replay_rollover_counter>1</replay_rollover_counter></pci>"
                                               "<gpu_power_readings><current_power_limit>30.00 W</current_power_limit>"
                                               "<default_power_limit>70.00 W</default_power_limit>"
                                               "</gpu_power_readings>")}});
  EXPECT_THAT(Failed(kLimits), UnorderedElementsAre(kLimits));
  EXPECT_THAT(said_, HasSubstr("trained anew"));
  EXPECT_THAT(said_, HasSubstr(std::string("NOTE: ") + kLimits + ": hpc_compute_01: GPU 0000:01:00.0"));
}

// --- Xids ---

class XidsTest : public PassthroughChecksTest {
 protected:
  static constexpr char kNoXid[] = "NvidiaKernelMessages.HaveNoXid/hpc_compute_01";
  std::set<std::string> FailedWith(const std::string& lines, RunMode mode) {
    WriteRecordedRun(run_,
                     {{"kernel_log", "[    0.000000] Linux version 6.1\n" + lines}, {"modules", ""}, {"pci", ""}});
    RunRecord record = ReadRunRecord(run_ / "run.json");
    record.mode = mode;
    WriteRunRecord(run_ / "run.json", record);
    return Failed(kNoXid);
  }
};

// A job that was killed since the boot of a cluster that others use.
TEST_F(XidsTest, OfAProgramInAClusterThatWasThereBefore) {
  const std::string line = "[ 4242.000000] NVRM: Xid (PCI:0000:01:00): 45, pid=1234, name=python3, Ch 00000008\n";
  EXPECT_THAT(FailedWith(line, RunMode::kAttach), IsEmpty()) << said_;
  EXPECT_THAT(skipped_, UnorderedElementsAre(kNoXid));
  EXPECT_THAT(said_, HasSubstr(std::string("NOTE: ") + kNoXid + ": hpc_compute_01: GPU 0000:01:00 reported Xid 45"));
  for (const RunMode mode : {RunMode::kDirect, RunMode::kCtest}) {
    EXPECT_THAT(FailedWith(line, mode), UnorderedElementsAre(kNoXid)) << "nobody but this run had used it";
  }
}

TEST_F(XidsTest, OfTheGpuInAClusterThatWasThereBefore) {
  const std::string program = "[ 4242.000000] NVRM: Xid (PCI:0000:01:00): 45, pid=1234, name=python3, Ch 00000008\n";
  for (const char* line : {"[ 4242.1] NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.\n",
                           "[ 4242.1] NVRM: Xid (PCI:0000:01:00): 32, Channel ID 00000010 intr 00040000\n",
                           "[ 4242.1] NVRM: Xid (PCI:0000:01:00): 999, news\n"}) {
    EXPECT_THAT(FailedWith(program + line, RunMode::kAttach), UnorderedElementsAre(kNoXid)) << line;
    EXPECT_THAT(skipped_, IsEmpty());
  }
}

// --- drivers of vfio for a kind of device ---

TEST(VfioDriverTest, VariantsAreVfioToo) {
  for (const char* driver : {"vfio-pci", "nvgrace-gpu-vfio-pci", "mlx5_vfio_pci"}) {
    EXPECT_TRUE(IsVfioDriver(driver)) << driver;
    EXPECT_TRUE(LeavesGroupViable(driver)) << driver;
  }
  for (const char* driver : {"", "nvidia", "pci-stub", "vfio-pci-not", "myvfio-pci", "vfio_pci"}) {
    EXPECT_FALSE(IsVfioDriver(driver)) << driver;
  }
  EXPECT_FALSE(LeavesGroupViable("nvidia"));
}

TEST_F(PassthroughChecksTest, AVariantOfVfioPciHoldsTheDevice) {
  ChangeHost([](Inventory& host) {
    host.pci_devices = {OnHost("0000:01:00.0", 0x10de, "nvgrace-gpu-vfio-pci"),
                        OnHost("0000:01:00.1", 0x10de, "nvidia")};
  });
  EXPECT_THAT(Failed("HostDevice.IsOnVfioPci/*"),
              UnorderedElementsAre("HostDevice.IsOnVfioPci/hpc_compute_01_0000_01_00_1"));
}

// NVIDIA's vGPU: a virtual function that the driver of its physical function gives away.
TEST_F(PassthroughChecksTest, AVirtualFunctionStaysOnNvidiasDriver) {
  constexpr char kGpu[] = "HostDevice.IsOnVfioPci/hpc_compute_01_0000_01_00_0";
  const auto with = [&](const std::string& driver, bool is_virtual, bool managed) {
    ChangeHost([&](Inventory& host) {
      host.pci_devices = {OnHost("0000:01:00.0", 0x10de, driver), OnHost("0000:01:00.1", 0x10de)};
      host.pci_devices[0].class_code = 0x030200;
      host.pci_devices.push_back(OnHost("0000:01:00.7", 0x10de, "nvidia"));
      if (is_virtual) host.pci_devices[0].physical_function = host.pci_devices.back().address;
      for (DomainInventory& domain : host.domains) {
        for (DomainHostdev& hostdev : domain.hostdevs) hostdev.managed = managed;
      }
    });
    return Failed("HostDevice.IsOnVfioPci/*");
  };
  EXPECT_THAT(with("nvidia", true, false), IsEmpty()) << said_;
  EXPECT_THAT(with("nvidia", true, true), UnorderedElementsAre(kGpu)) << "libvirt was to put it on vfio-pci";
  EXPECT_THAT(with("nvidia", false, false), UnorderedElementsAre(kGpu)) << "the whole GPU";
  EXPECT_THAT(with("nouveau", true, false), UnorderedElementsAre(kGpu));
  EXPECT_THAT(with("", true, false), UnorderedElementsAre(kGpu));
}

// --- runs of an older release ---

class OlderRunTest : public PassthroughChecksTest {
 protected:
  // A run that collected the PCI bus alone and wrote down that it was asked for `filter`.
  std::set<std::string> FailedWith(const std::string& filter) {
    WriteRecordedRun(run_, {{"pci", HealthyPci()}});
    RunRecord record = ReadRunRecord(run_ / "run.json");
    record.filter = filter;
    record.probes = {"pci"};
    WriteRunRecord(run_ / "run.json", record);
    return Failed("PciVisibility.NoOther*:DeviceFiles.ControlDevice*:GpuHealth.IsOpenToPrograms/*");
  }
};

TEST_F(OlderRunTest, WhatItDidNotCollectIsNotChecked) {
  EXPECT_THAT(FailedWith(""), IsEmpty()) << said_;
  EXPECT_THAT(skipped_, SizeIs(2));
  EXPECT_THAT(said_, HasSubstr("made by an older release, which did not collect what this reads (device_files)"));
  EXPECT_THAT(FailedWith("*"), SizeIs(2)) << "a run of this release would have collected it";
  FailedWith("");
  RunRecord record = ReadRunRecord(run_ / "run.json");
  record.probes = {"identity"};
  WriteRunRecord(run_ / "run.json", record);
  EXPECT_THAT(Failed("PciVisibility.NoOther*"), IsEmpty());
  EXPECT_THAT(skipped_, IsEmpty()) << "what is there is checked";
}

// --- snapshots after a disruption ---

class SnapshotsTest : public PassthroughChecksTest {
 protected:
  void SetUp() override {
    PassthroughChecksTest::SetUp();
    RunRecord record = ReadRunRecord(run_ / "run.json");
    record.disruptive = true;
    record.reboots = 1;
    WriteRunRecord(run_ / "run.json", record);
    WriteSteps();
  }
  void WriteSteps() {
    WriteFile(run_ / "evidence/hpc_compute_01/disruption.json",
              R"({"steps": [{"snapshot": "after-rescan", "error": "", "console": "", "seconds": 1.0,
                             "boot_id_before": "", "boot_id_after": ""},
                            {"snapshot": "after-reboot-1", "error": "", "console": "", "seconds": 1.0,
                             "boot_id_before": "a", "boot_id_after": "b"}]})");
  }
  static Collection CollectionOf(const std::map<std::string, std::string>& probes) {
    Collection collection;
    for (const auto& [probe, text] : probes) {
      ProbeOutput output;
      output.probe = probe;
      output.text = text;
      output.exit_status = 0;
      output.complete = true;
      collection.probes.push_back(output);
    }
    return collection;
  }
  // The failed checks of the snapshots, each of which shows a healthy node but for `other`.
  std::set<std::string> FailedWith(const std::map<std::string, std::string>& other) {
    std::map<std::string, std::string> probes{{"pci", HealthyPci()},
                                              {"nvidia_smi", HealthyNvidiaSmi()},
                                              {"nvidia_smi_xml", HealthyNvidiaSmiXml()},
                                              {"kernel_log", "[    0.000000] Linux version 6.1\n"}};
    for (const auto& [probe, text] : other) probes[probe] = text;
    const Collection collection = CollectionOf(probes);
    for (const char* look : {"after-reboot-1", "after-rescan"}) {
      SaveCollection(run_ / "evidence/hpc_compute_01", look, collection);
    }
    return Failed("DisruptiveReboot*:DisruptiveRescan*");
  }
};

constexpr char kRebootGpus[] = "DisruptiveReboot.GpusComeBack/hpc_compute_01_reboot_1";
constexpr char kRebootDriver[] = "DisruptiveRebootNvidia.DriverIsBoundAgain/hpc_compute_01_reboot_1";
constexpr char kRebootSmi[] = "DisruptiveRebootNvidia.NvidiaSmiIsFineAgain/hpc_compute_01_reboot_1";
constexpr char kRescanDriver[] = "DisruptiveRescanNvidia.DriverIsBoundAgain/hpc_compute_01";
constexpr char kRescanGpus[] = "DisruptiveRescan.GpusComeBack/hpc_compute_01";
constexpr char kRescanSmi[] = "DisruptiveRescanNvidia.NvidiaSmiIsFineAgain/hpc_compute_01";

TEST_F(SnapshotsTest, HealthyOnesPass) { EXPECT_THAT(FailedWith({}), IsEmpty()) << said_; }

// The host of these runs knows of no slot: what the GPU had before is what it can have.
TEST_F(SnapshotsTest, ALinkThatCameBackNarrower) {
  const std::string narrow = Replaced(HealthyPci(), "current_link_width: 16", "current_link_width: 4");
  EXPECT_THAT(FailedWith({{"pci", narrow}}), UnorderedElementsAre(kRebootGpus, kRescanGpus));
  EXPECT_THAT(said_, HasSubstr("after reboot 1: GPU 0000:01:00.0: its PCIe link has 4 lanes, it can have 16"));
  SaveCollection(run_ / "evidence", "hpc_compute_01", CollectionOf({{"pci", narrow}}));
  WriteSteps();  // with the rest of what was there, it made room for that
  EXPECT_THAT(FailedWith({{"pci", narrow}}), IsEmpty()) << said_;
}

TEST_F(SnapshotsTest, WhatNvidiaSmiSaysOfTheGpusHealth) {
  for (const auto& [elements, said] : std::map<std::string, std::string>{
           {"<serial>Unknown Error</serial>", "serial of GPU 0000:01:00.0 is \"Unknown Error\""},
           {"<gpu_recovery_action>Reset</gpu_recovery_action>", "asks for a recovery action: \"Reset\""},
           {"<remapped_rows><remapped_row_pending>Yes</remapped_row_pending></remapped_rows>",
            "a row remapping is pending"},
           {"<ecc_errors><volatile><dram_uncorrectable>3</dram_uncorrectable></volatile></ecc_errors>",
            "3 uncorrected memory errors"}}) {
    EXPECT_THAT(FailedWith({{"nvidia_smi_xml", HealthyNvidiaSmiXml(elements)}}),
                UnorderedElementsAre(kRebootSmi, kRescanSmi));
    EXPECT_THAT(said_, HasSubstr("after remove and rescan: "));
    EXPECT_THAT(said_, HasSubstr(said));
  }
}

TEST_F(SnapshotsTest, BarsThatCameBackWithoutAnAddress) {
  const std::string bar = kBar0;
  const std::string io = "resource: 5 0x0000000000000000 0x000000000000007f 0x0000000020040101\n";
  EXPECT_THAT(FailedWith({{"pci", Replaced(HealthyPci(), bar, bar + io)}}), IsEmpty()) << said_;
  const std::string without = "resource: 0 0x0000000000000000 0x0000000000ffffff 0x0000000020040200\n";
  EXPECT_THAT(FailedWith({{"pci", Replaced(HealthyPci(), bar, without)}}),
              UnorderedElementsAre(kRebootGpus, kRescanGpus));
}

// After each step, all that the checks of an undisturbed node's log would report.
TEST_F(SnapshotsTest, TheKernelLogSinceTheStep) {
  const std::string boot = "[    0.000000] Linux version 6.1\n[    9.000000] ";
  for (const char* line : {"NVRM: GPU at PCI:0000:01:00: GPU has fallen off the bus.",
                           "vfio-pci 0000:01:00.0: not ready 65535ms after FLR; giving up",
                           "pcieport 0000:00:02.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0",
                           "pci 0000:01:00.0: BAR 1: no space for [mem size 0x10000000 64bit pref]",
                           "BUG: kernel NULL pointer dereference, address: 0000000000000008",
                           "INFO: task nvidia-smi:812 blocked for more than 120 seconds.",
                           "DMAR: [DMA Write] Request device [01:00.0] fault addr 0xdeadbeef000",
                           "list_del corruption, ffff8881->next is LIST_POISON1 (dead000000000100)",
                           "snd_hda_intel 0000:01:00.1: no codecs found!", "I/O error, dev vda, sector 12345"}) {
    EXPECT_THAT(FailedWith({{"kernel_log", boot + line + "\n"}}), UnorderedElementsAre(kRebootGpus, kRescanGpus))
        << line;
  }
  for (const char* line : {"NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.",
                           "NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x62:0x55:2417)",
                           "NVRM: Attempting to remove device 0000:01:00.0 with non-zero usage count!"}) {
    EXPECT_THAT(FailedWith({{"kernel_log", boot + line + "\n"}}), UnorderedElementsAre(kRebootDriver, kRescanDriver))
        << line;
  }
}

// What was in the log before the step is not told again; a reboot begins it anew.
TEST_F(SnapshotsTest, TheKernelLogBeforeTheStepIsNotTheSteps) {
  const std::string log =
      "[    0.000000] Linux version 6.1\n"
      "[    9.000000] pcieport 0000:00:02.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0\n"
      "[    9.500000] NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.\n";
  SaveCollection(run_ / "evidence", "hpc_compute_01", CollectionOf({{"pci", HealthyPci()}, {"kernel_log", log}}));
  WriteSteps();
  EXPECT_THAT(FailedWith({{"kernel_log", log}}), UnorderedElementsAre(kRebootGpus, kRebootDriver));
  EXPECT_THAT(
      FailedWith({{"kernel_log", log + "[   20.0] DMAR: [DMA Write] Request device [01:00.0] fault addr 0x1\n"}}),
      UnorderedElementsAre(kRebootGpus, kRebootDriver, kRescanGpus));
}

TEST_F(SnapshotsTest, AKernelLogThatLostTheStepIsANote) {
  EXPECT_THAT(FailedWith({{"kernel_log", "[ 5400.0] lost its beginning\n"}}), IsEmpty()) << said_;
  EXPECT_THAT(skipped_, UnorderedElementsAre(kRebootGpus, kRescanGpus));
  EXPECT_THAT(said_, HasSubstr("after reboot 1: the kernel's log begins at 90 min 0 s after boot"));
}

// A node's own disk has the id of a virtio disk that is passed through.
TEST(EmulatedFunctionsTest, AreThoseThatAreNoHostDevices) {
  const auto functions = ReadEmulatedFunctions(
      "<domain><devices>"
      "<controller type='pci' index='1' model='pcie-root-port'><address type='pci' domain='0' bus='0' slot='2' "
      "function='0'/></controller>"
      "<disk type='file'><address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/></disk>"
      "<disk type='file'><address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>"
      "<interface type='network'><address type='pci' domain='0' bus='1' slot='0' function='0'/></interface>"
      "<interface type='hostdev'><source><address type='pci' domain='0' bus='9' slot='0' function='1'/></source>"
      "<address type='pci' domain='0' bus='2' slot='0' function='0'/></interface>"
      "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>"
      "<address type='pci' domain='0' bus='3' slot='0' function='0'/></hostdev>"
      "</devices></domain>");
  std::vector<std::string> addresses;
  for (const PciAddress& one : functions) addresses.push_back(one.ToString());
  EXPECT_THAT(addresses, testing::ElementsAre("0000:00:02.0", "0000:05:00.0", "0000:01:00.0"));
  EXPECT_THROW(ReadEmulatedFunctions("<domain"), LibvirtError);
}

}  // namespace
}  // namespace passthrough
