// Nodes with GPUs of another maker than NVIDIA, alone and beside one of NVIDIA's, on recorded runs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/inventory/inventory.h"
#include "helpers/rundir/run_record.h"
#include "tests/suites/suite_program.h"
#include "tests/workload/recorded_run.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kAmdNote[] =
    "NOTE: not checked: the driver of GPU 0000:02:00.0 (1002:744c): only NVIDIA's is known to this suite";
constexpr char kNode[] = "hpc_compute_01";
constexpr int64_t kEpoch = 1'700'000'000;

// A root port for each slot of the host: 0000:01:00 and 0000:02:00 have the same address in the domain's XML.
constexpr char kTwoRootPorts[] = R"(<domain type='kvm'><name>compute</name><devices>
  <controller type='pci' index='0' model='pcie-root'/>
  <controller type='pci' index='1' model='pcie-root-port'>
    <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>
  </controller>
  <controller type='pci' index='2' model='pcie-root-port'>
    <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
  </controller>
</devices></domain>
)";

// One function as the probe "pci" prints it, behind the root port of its bus.
std::string PciFunctionText(const std::string& address, uint16_t vendor, uint16_t device, const std::string& class_code,
                            const std::string& driver) {
  std::string config = fmt::format(" {:02x} {:02x} {:02x} {:02x} 07 04 10 00 a1 {} {} {} 00 00 80 00 00 00 00 fd",
                                   vendor & 0xff, vendor >> 8, device & 0xff, device >> 8, class_code.substr(4, 2),
                                   class_code.substr(2, 2), class_code.substr(0, 2));
  for (int i = 0x14; i < 0x2c; ++i) config += " 00";
  config += fmt::format(" {:02x} {:02x} 01 00", vendor & 0xff, vendor >> 8);
  for (int i = 0x30; i < 64; ++i) config += " 00";
  return fmt::format(
      "function: {}\nvendor: 0x{:04x}\ndevice: 0x{:04x}\nsubsystem_vendor: 0x{:04x}\nsubsystem_device: 0x0001\n"
      "class: 0x{}\nrevision: 0xa1\ndriver: {}\nparent: 0000:00:{}.0\nmax_link_speed: 16.0 GT/s PCIe\n"
      "current_link_width: 16\nmax_link_width: 16\n"
      "resource: 0 0x00000000fd000000 0x00000000fdffffff 0x0000000000040200\nconfig:{}\n",
      address, vendor, device, vendor, class_code, driver, address.starts_with("0000:01") ? "02" : "03", config);
}

std::string RootPorts() {
  std::string text;
  for (const char* slot : {"02", "03"}) {
    text += fmt::format(
        "function: 0000:00:{}.0\nvendor: 0x1b36\ndevice: 0x000c\nsubsystem_vendor: 0x1b36\nsubsystem_device: 0x0000\n"
        "class: 0x060400\nrevision: 0x00\ndriver: pcieport\n",
        slot);
  }
  return text;
}

std::string AmdFunctions() {
  return PciFunctionText("0000:02:00.0", 0x1002, 0x744c, "030000", "amdgpu") +
         PciFunctionText("0000:02:00.1", 0x1002, 0xab30, "040300", "snd_hda_intel");
}

std::string NvidiaFunctions() {
  return PciFunctionText("0000:01:00.0", 0x10de, 0x2684, "030000", "nvidia") +
         PciFunctionText("0000:01:00.1", 0x10de, 0x22bd, "040300", "snd_hda_intel");
}

constexpr char kIdentity[] =
    "kernel_release: 6.1\nboot_id: b\nproduct_uuid: 11111111-2222-3333-4444-555555555555\nuptime_seconds: 60.0\n"
    "epoch_seconds: 1700000000\nroot_read_only: no\nroot_free_kib: 9999999\ntmp_free_kib: 9999999\nend: identity\n";
constexpr char kHealthyLog[] = "[    0.000000] Linux version 6.1\n[    2.000000] amdgpu 0000:02:00.0: ready\n";

constexpr char kAmdDevices[] =
    "            - pci_address: \"0000:02:00.0\"\n              device_type: \"gpu\"\n"
    "              vendor_id: \"1002\"\n              device_id: \"744c\"\n"
    "            - pci_address: \"0000:02:00.1\"\n              device_type: \"audio\"\n"
    "              vendor_id: \"1002\"\n              device_id: \"ab30\"\n";

// The minimal cluster file with the AMD GPU in place of NVIDIA's, or beside it.
std::string ConfigWithAmd(bool beside_nvidia) {
  std::string config = ReadFile(PASSTHROUGH_SOURCE_DIR "/configs/test-pcie-passthrough-minimal.yaml");
  const std::string devices = "          devices:\n";
  const size_t begin = config.find(devices) + devices.size();
  const size_t end = config.find("    slurm_config:");
  EXPECT_TRUE(begin < end && end != std::string::npos);
  if (beside_nvidia) return config.insert(config.find_last_not_of('\n', end - 1) + 1, std::string("\n") + kAmdDevices);
  return config.replace(begin, end - begin, std::string(kAmdDevices) + "\n");
}

class OtherMakersTest : public testing::Test {
 protected:
  void WriteRun(bool beside_nvidia) {
    const auto config = directory_.path() / "cluster.yaml";
    WriteFile(config, ConfigWithAmd(beside_nvidia));
    WriteRunWithoutEvidence(run_, config);
    WriteHost(beside_nvidia);
    probes_ = {{"identity", kIdentity}, {"kernel_log", kHealthyLog}, {"lspci", ""}};
    probes_["pci"] = RootPorts() + (beside_nvidia ? NvidiaFunctions() : "") + AmdFunctions() + "end: pci\n";
    WriteProbes();
  }
  void WriteProbes() {
    Collection collection;
    collection.began_epoch = kEpoch - 1;
    collection.ended_epoch = kEpoch + 1;
    for (const auto& [probe, text] : probes_) {
      ProbeOutput output;
      output.probe = probe;
      output.text = text;
      output.exit_status = 0;
      output.complete = true;
      collection.probes.push_back(output);
    }
    for (const char* node : {"hpc_controller", kNode}) SaveCollection(run_ / "evidence", node, collection);
    collection_ = collection;
  }
  // The probe pci prints `more` functions, too.
  void AddFunctions(const std::string& more) {
    std::string& pci = probes_["pci"];
    pci.insert(pci.rfind("end: pci"), more);
    WriteProbes();
  }
  void Replace(const std::string& probe, const std::string& from, const std::string& to) {
    std::string& text = probes_[probe];
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    WriteProbes();
  }
  JunitReport Replay(const std::string& filter = "*:-NodeHealth.BootedOnce/*") {
    const auto xml = directory_.path() / "gtest.xml";
    const ChildResult result =
        RunSuite({"--replay", run_.string(), "--gtest_filter=" + filter, "--gtest_output=xml:" + xml.string()});
    said_ = result.output;
    exit_status_ = result.exit_status;
    return ReadJunit(xml);
  }
  std::vector<std::string> Notes() const {
    std::vector<std::string> notes;
    for (const std::string_view line : SplitLines(said_)) {
      const bool of_the_filter = line.find("--gtest_filter=") != std::string_view::npos;  // which this test sets
      if (line.starts_with("NOTE") && !of_the_filter) notes.emplace_back(line);
    }
    return notes;
  }
  std::vector<std::string> List(bool beside_nvidia) {
    const auto config = directory_.path() / "list.yaml";
    WriteFile(config, ConfigWithAmd(beside_nvidia));
    const ChildResult result =
        RunSuite({"--config", config.string(), "--profile", "host", "--disruptive", "--gtest_list_tests"});
    EXPECT_EQ(result.exit_status, 0) << result.output;
    std::vector<std::string> checks;
    std::string suite;
    for (const std::string_view line : SplitLines(result.output)) {
      const std::string name(Trim(line.substr(0, line.find('#'))));
      if (!line.starts_with(' ')) {
        suite = name;
      } else {
        checks.push_back(suite + name);
      }
    }
    return checks;
  }

  const TemporaryDirectory directory_{"other-makers"};
  const std::filesystem::path run_ = directory_.path() / "run";
  std::map<std::string, std::string> probes_;
  Collection collection_;
  std::string said_;
  int exit_status_ = -1;

 private:
  void WriteHost(bool beside_nvidia) {
    const auto file = run_ / "evidence/host/running.json";
    Inventory host = InventoryFromJson(ReadFile(file));
    const auto add = [&](const std::string& address, uint16_t vendor, int group) {
      HostPciDevice device;
      device.address = *PciAddress::Parse(address);
      device.vendor_id = vendor;
      device.driver = "vfio-pci";
      device.iommu_group = group;
      host.pci_devices.push_back(device);
    };
    if (beside_nvidia) {
      add("0000:01:00.0", 0x10de, 11);
      add("0000:01:00.1", 0x10de, 11);
    }
    add("0000:02:00.0", 0x1002, 12);
    add("0000:02:00.1", 0x1002, 12);
    WriteFile(file, ToJson(host));
    for (const DomainInventory& domain : host.domains) {
      WriteFile(run_ / "evidence/host" / (domain.name + ".xml"), kTwoRootPorts);
    }
  }
};

// By the names of the suites in suites/nvidia.
bool IsOfNvidia(const std::string& check) {
  static const std::regex name(
      ".*Nvidia.*|(GpuDriver|GpuHealth|GpuLink|GpuUuids|GpuWork|Workload|DeviceFiles|"
      "KernelModule)\\..*");
  return std::regex_match(check, name);
}

TEST_F(OtherMakersTest, AnAmdGpuAlonePassesAllThatDoesNotDependOnAMaker) {
  WriteRun(false);
  const JunitReport report = Replay();
  EXPECT_THAT(report.failed, IsEmpty()) << said_;
  EXPECT_EQ(exit_status_, 0) << said_;
  EXPECT_THAT(Notes(), ElementsAre(kAmdNote)) << said_;
  for (const char* check :
       {"PciDevice.BarsAreAssigned/hpc_compute_01_0000_02_00_0",
        "PciDevice.LinkHasAllItsLanes/hpc_compute_01_0000_02_00_0",
        "PciDevice.HasNoUncorrectedPcieError/hpc_compute_01_0000_02_00_0",
        "PciDevice.IsNearAProcessor/hpc_compute_01_0000_02_00_0", "HostDevice.IsOnVfioPci/hpc_compute_01_0000_02_00_0",
        "KernelMessages.HaveNoLostDevice/hpc_compute_01", "KernelMessages.HaveNoPcieError/hpc_compute_01"}) {
    EXPECT_TRUE(report.all.contains(check)) << check;
  }
}

TEST_F(OtherMakersTest, NoCheckOfNvidiaIsInstantiatedForIt) {
  const std::vector<std::string> alone = List(false);
  for (const std::string& check : alone) EXPECT_FALSE(IsOfNvidia(check)) << check;
  EXPECT_THAT(alone, AllOf(Contains("DisruptiveReboot.GpusComeBack/hpc_compute_01_reboot_1"),
                           Contains("DisruptiveUnplug.NodeForgetsTheGpus/hpc_compute_01"),
                           Contains("CleanupDevice.IsBackOnItsDriver/hpc_compute_01_0000_02_00_0")));
  const std::vector<std::string> mixed = List(true);
  EXPECT_THAT(mixed, AllOf(Contains("GpuDriver.IsNvidia/hpc_compute_01_0000_01_00_0"),
                           Contains("GpuWork.InterruptsArrive/hpc_compute_01_0000_01_00_0"),
                           Contains("DisruptiveRebootNvidia.DriverIsBoundAgain/hpc_compute_01_reboot_1")));
  for (const std::string& check : mixed) {
    if (IsOfNvidia(check)) {
      EXPECT_THAT(check, Not(HasSubstr("0000_02_00"))) << check;
    }
  }
}

TEST_F(OtherMakersTest, BesideAGpuOfNvidiaEachIsCheckedAsItsMakersIs) {
  WriteRun(true);
  probes_["nvidia_smi"] = HealthyNvidiaSmi();
  probes_["nvidia_smi_xml"] = HealthyNvidiaSmiXml();
  WriteProbes();
  const JunitReport report = Replay("Pci*:Host*:KernelMessages*:GpuDriver*:NvidiaSmi*:GpuHealth*:GpuLink*");
  EXPECT_THAT(report.failed, IsEmpty()) << said_;
  EXPECT_TRUE(report.all.contains("NvidiaSmi.TableHasExactlyThePlannedGpus/hpc_compute_01"));
  EXPECT_TRUE(report.all.contains("PciDevice.HasThePlannedId/hpc_compute_01_0000_02_00_0"));
  EXPECT_THAT(Notes(), ElementsAre(kAmdNote)) << said_;
}

TEST_F(OtherMakersTest, FaultsOfAnAmdGpuAreFound) {
  WriteRun(false);
  Replace("pci", "config: 02 10 4c 74", "config: ff ff ff ff");
  EXPECT_THAT(Replay().failed, ElementsAre("PciDevice.ConfigSpaceIsAlive/hpc_compute_01_0000_02_00_0"));
  Replace("pci", "config: ff ff ff ff", "config: 02 10 4c 74");
  const std::string& pci = probes_["pci"];
  const std::string alive = pci.substr(pci.find("config: 02 10 4c 74"), 7 + 64 * 3);
  std::string dead = "config:";
  for (int i = 0; i < 64; ++i) dead += " ff";
  Replace("pci", alive, dead);
  EXPECT_THAT(Replay().failed, ElementsAre("PciDevice.BarsAreAssigned/hpc_compute_01_0000_02_00_0",
                                           "PciDevice.ConfigSpaceIsAlive/hpc_compute_01_0000_02_00_0"));
  Replace("pci", dead, alive);
  for (const auto& [line, check] : std::map<std::string, std::string>{
           {"vfio-pci 0000:02:00.0: not ready 65535ms after FLR; giving up", "KernelMessages.HaveNoLostDevice"},
           {"pci 0000:02:00.0: BAR 0: no space for [mem size 0x10000000 64bit pref]",
            "KernelMessages.HaveNoBarWithoutSpace"},
           {"pcieport 0000:00:03.0: AER: Uncorrected (Fatal) error received: 0000:02:00.0",
            "KernelMessages.HaveNoPcieError"}}) {
    probes_["kernel_log"] = kHealthyLog + ("[    9.000000] " + line + "\n");
    WriteProbes();
    EXPECT_THAT(Replay().failed, ElementsAre(check + "/" + kNode)) << line;
  }
}

TEST_F(OtherMakersTest, AFunctionThatIsNotPlannedIsFoundWhateverItsMaker) {
  const std::string check = std::string("PciVisibility.NoOtherFunctionOfGpuMakersIsThere/") + kNode;
  WriteRun(false);
  AddFunctions(PciFunctionText("0000:02:01.0", 0x1002, 0x1638, "030000", "amdgpu"));
  EXPECT_THAT(Replay().failed, ElementsAre(check));
  EXPECT_THAT(said_, HasSubstr("3 AMD functions on the PCI bus: 0000:02:00.0 1002:744c, 0000:02:00.1 1002:ab30, "
                               "0000:02:01.0 1002:1638, expected 2"));
  WriteRun(false);
  AddFunctions(PciFunctionText("0000:02:01.0", 0x10de, 0x2684, "030000", "nvidia"));
  EXPECT_THAT(Replay().failed, ElementsAre(check));
  EXPECT_THAT(said_, HasSubstr("1 NVIDIA functions on the PCI bus: 0000:02:01.0 10de:2684, expected 0"));
}

// As AMD's MI300X is told to the system.
TEST_F(OtherMakersTest, AGpuMayBeAProcessingAccelerator) {
  WriteRun(false);
  const std::string before = PciFunctionText("0000:02:00.0", 0x1002, 0x744c, "030000", "amdgpu");
  Replace("pci", before, PciFunctionText("0000:02:00.0", 0x1002, 0x744c, "120000", "amdgpu"));
  EXPECT_THAT(Replay().failed, IsEmpty()) << said_;
}

// Functions that nobody planned are another check's matter where they are a GPU maker's; what is wrong with them is
// said.
TEST_F(OtherMakersTest, AFunctionBesideTheGpuThatNobodyPlanned) {
  WriteRun(false);
  std::string usb = PciFunctionText("0000:02:00.2", 0x1b21, 0x7446, "0c0330", "");
  usb.replace(usb.find("driver: \n"), 9, "");
  AddFunctions(usb);
  const std::string left = "PciDevice.IsLeftToItsDriver/hpc_compute_01_0000_02_00_0";
  JunitReport report = Replay();
  EXPECT_THAT(report.failed, IsEmpty()) << said_;
  EXPECT_FALSE(report.skipped.contains(left)) << "its driver is not loaded";
  probes_["pci"].insert(0, "pci_drivers: amdgpu xhci_hcd\n");
  WriteProbes();
  report = Replay();
  EXPECT_THAT(report.failed, IsEmpty()) << said_;
  EXPECT_TRUE(report.skipped.contains(left)) << said_;
  EXPECT_THAT(said_, HasSubstr("USB controller [0c03] at 0000:02:00.2, beside GPU 0000:02:00.0 and not planned, has no "
                               "driver, though the kernel has its driver xhci_hcd"));
}

TEST_F(OtherMakersTest, AnAudioFunctionThatLostItsDriver) {
  WriteRun(false);
  const std::string audio = "PciDevice.IsLeftToItsDriver/hpc_compute_01_0000_02_00_1";
  Replace("pci", "driver: snd_hda_intel\n", "");
  EXPECT_THAT(Replay().failed, IsEmpty()) << "a kernel without sound: " << said_;
  probes_["pci"].insert(0, "pci_drivers: amdgpu snd_hda_intel\n");
  WriteProbes();
  EXPECT_THAT(Replay().failed, ElementsAre(audio));
}

TEST_F(OtherMakersTest, AfterADisruptionOnlyWhatDoesNotDependOnAMakerIsChecked) {
  WriteRun(false);
  RunRecord record = ReadRunRecord(run_ / "run.json");
  record.disruptive = true;
  record.reboots = 1;
  WriteRunRecord(run_ / "run.json", record);
  WriteFile(run_ / "evidence/hpc_compute_01/disruption.json",
            R"({"steps": [{"snapshot": "after-reboot-1", "error": "", "console": "", "seconds": 1.0,
                           "boot_id_before": "a", "boot_id_after": "b"}]})");
  SaveCollection(run_ / "evidence" / kNode, "after-reboot-1", collection_);
  const JunitReport report = Replay("DisruptiveReboot*");
  EXPECT_THAT(report.failed, IsEmpty()) << said_;
  EXPECT_THAT(report.all, ElementsAre("DisruptiveReboot.GpusComeBack/hpc_compute_01_reboot_1",
                                      "DisruptiveReboot.NodeComesBack/hpc_compute_01_reboot_1"));
}

}  // namespace
}  // namespace passthrough
