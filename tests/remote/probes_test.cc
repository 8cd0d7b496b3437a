// The real probes, on this machine and on a make-believe one, read by the real parsers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <set>
#include <string>

#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/evidence/probe_files.h"
#include "helpers/parsers/identity_evidence.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/nvidia/device_files_evidence.h"
#include "helpers/parsers/nvidia/modules_evidence.h"
#include "helpers/parsers/pci_evidence.h"
#include "tests/evidence/local_exec.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kRemote = fs::path(PASSTHROUGH_SOURCE_DIR) / "remote";

// Runs single probes by hand, with the shell of the parameter.
class Probes : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string find = "command -v " + GetParam() + " >/dev/null";
    if (system(find.c_str()) != 0) GTEST_SKIP() << "there is no " << GetParam() << " here";
    fs::create_directories(Bin());
    shell_.environment["PATH"] = Bin().string() + ":/usr/local/bin:/usr/bin:/bin";
  }

  fs::path Bin() const { return directory_.path() / "bin"; }
  fs::path Root() const { return directory_.path() / "root"; }
  // From now on the probes see the files below Root() in the place of /sys, /proc, /dev and /etc.
  void UseRoot() { shell_.environment["PROBE_ROOT"] = Root(); }
  void AddFile(const fs::path& path, const std::string& text) {
    fs::create_directories((Root() / path).parent_path());
    WriteFile(Root() / path, text);
  }
  // A program that the probes find before the system's own.
  void AddProgram(const std::string& name, const std::string& body) {
    WriteFile(Bin() / name, "#!/bin/sh\n" + body + "\n", 0755);
  }

  ExecResult Run(const std::string& probe) {
    const std::string shell = GetParam() == "busybox" ? "busybox sh" : GetParam();
    return ExecHere(shell_, "exec " + shell + " '" + ProbeFiles(kRemote).at(probe).string() + "'", {},
                    Deadline::After(std::chrono::seconds(60)));
  }
  // The output of a probe that must succeed.
  std::string Output(const std::string& probe) {
    ExecResult result = Run(probe);
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_EQ(result.error_output, "");
    return result.output;
  }

  TemporaryDirectory directory_{"probes-test"};
  LocalShell shell_;
};

TEST_P(Probes, IdentityOfThisMachine) {
  IdentityEvidence identity = IdentityEvidence::Parse(Output("identity"), "identity.txt");
  char name[256];
  ASSERT_EQ(gethostname(name, sizeof(name)), 0);
  EXPECT_EQ(identity.hostname, name);
  EXPECT_EQ(identity.boot_id, Trim(ReadFile("/proc/sys/kernel/random/boot_id")));
  EXPECT_GT(identity.uptime_seconds, 0);
  EXPECT_NEAR(static_cast<double>(identity.epoch_seconds), static_cast<double>(time(nullptr)), 60);
  EXPECT_EQ(identity.user_id, std::to_string(getuid()));
  EXPECT_TRUE(identity.tmp_free_kib.has_value());
  EXPECT_TRUE(identity.root_read_only.has_value());
}

TEST_P(Probes, IdentityOfAnother) {
  AddFile("proc/sys/kernel/hostname", "compute-01\n");
  AddFile("proc/sys/kernel/osrelease", "6.1.0-23-amd64\n");
  AddFile("proc/sys/kernel/random/boot_id", "1f9a8b7c-0000-4000-8000-000000000001\n");
  AddFile("proc/uptime", "12.50 20.00\n");
  AddFile("proc/mounts", "rootfs / rootfs rw 0 0\n/dev/vda1 / ext4 ro,relatime 0 0\n");
  AddFile("etc/os-release", "PRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n");
  AddFile("sys/class/dmi/id/product_uuid", "C0FFEE00-1111-2222-3333-444455556666\n");
  AddFile("sys/class/dmi/id/sys_vendor", "QEMU\n");
  UseRoot();
  IdentityEvidence identity = IdentityEvidence::Parse(Output("identity"), "identity.txt");
  EXPECT_EQ(identity.hostname, "compute-01");
  EXPECT_EQ(identity.kernel_release, "6.1.0-23-amd64");
  EXPECT_EQ(identity.product_uuid, "c0ffee00-1111-2222-3333-444455556666");
  EXPECT_EQ(identity.dmi_vendor, "QEMU");
  EXPECT_EQ(identity.uptime_seconds, 12.5);
  EXPECT_EQ(identity.os_id, "debian");
  EXPECT_EQ(identity.os_version, "12");
  EXPECT_EQ(identity.root_read_only, true);
}

// What only root may read is asked for with sudo, and where that is refused it says so.
TEST_P(Probes, IdentityThroughSudo) {
  AddFile("proc/sys/kernel/osrelease", "6.1\n");
  AddFile("proc/sys/kernel/random/boot_id", "1f9a8b7c\n");
  AddFile("proc/uptime", "12.50 20.00\n");
  AddFile("proc/mounts", "/dev/vda1 / ext4 rw 0 0\n");
  AddFile("etc/os-release", "ID=debian\n");
  // Cannot be read, not even by root.
  fs::create_directories(Root() / "sys/class/dmi/id/product_uuid");
  UseRoot();
  AddProgram("sudo", "[ \"$1 $2\" = '-n cat' ] && echo FEED0000-1111-2222-3333-444455556666");
  IdentityEvidence identity = IdentityEvidence::Parse(Output("identity"), "identity.txt");
  EXPECT_EQ(identity.product_uuid, "feed0000-1111-2222-3333-444455556666");
  AddProgram("sudo", "echo 'sudo: a password is required' >&2; exit 1");
  identity = IdentityEvidence::Parse(Output("identity"), "identity.txt");
  EXPECT_EQ(identity.product_uuid, "");
  EXPECT_EQ(identity.product_uuid_error, "not privileged: sudo: a password is required");
}

// A node whose name does not resolve: sudo says so each time, and does what it is asked all the same.
TEST_P(Probes, IdentityThroughASudoThatWarns) {
  AddFile("proc/sys/kernel/osrelease", "6.1\n");
  AddFile("proc/sys/kernel/random/boot_id", "1f9a8b7c\n");
  AddFile("proc/uptime", "12.50 20.00\n");
  AddFile("proc/mounts", "/dev/vda1 / ext4 rw 0 0\n");
  AddFile("etc/os-release", "ID=debian\n");
  fs::create_directories(Root() / "sys/class/dmi/id/product_uuid");  // cannot be read, not even by root
  UseRoot();
  const std::string warning = "echo 'sudo: unable to resolve host vps123: Name or service not known' >&2; ";
  AddProgram("sudo", warning + "echo FEED0000-1111-2222-3333-444455556666");
  IdentityEvidence identity = IdentityEvidence::Parse(Output("identity"), "identity.txt");
  EXPECT_EQ(identity.product_uuid, "feed0000-1111-2222-3333-444455556666");
  AddProgram("sudo", warning + "echo 'sudo: a password is required' >&2; exit 1");
  identity = IdentityEvidence::Parse(Output("identity"), "identity.txt");
  EXPECT_EQ(identity.product_uuid_error, "not privileged: sudo: a password is required");
}

TEST_P(Probes, PciOfThisMachine) {
  if (!fs::exists("/sys/bus/pci/devices")) GTEST_SKIP() << "this machine has no PCI bus";
  PciEvidence pci = PciEvidence::Parse(Output("pci"), "pci.txt");
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/sys/bus/pci/devices")) {
    ++count;
    SCOPED_TRACE(entry.path());
    auto address = PciAddress::Parse(entry.path().filename().string());
    ASSERT_TRUE(address.has_value());
    const PciFunction* function = pci.Find(*address);
    ASSERT_NE(function, nullptr);
    EXPECT_EQ("0x" + function->Id().substr(0, 4), Trim(ReadFile(entry.path() / "vendor")));
    EXPECT_EQ("0x" + function->Id().substr(5), Trim(ReadFile(entry.path() / "device")));
    if (!function->detailed) continue;
    EXPECT_EQ(function->ConfigVendor(), function->vendor);
    EXPECT_FALSE(function->ConfigIsDead());
  }
  EXPECT_EQ(pci.functions.size(), count);
}

// With programs of the test's own in the place of modinfo and dmesg. Not under busybox, whose shell
// may prefer those that are built into it.
class ProbesWithPrograms : public Probes {};

// sysfs of a machine with a GPU, its audio function and a bridge.
class PciProbes : public Probes {
 protected:
  static std::string Config(const std::string& head) {
    std::string config = head;
    config.resize(256, '\x5a');
    return config;
  }

  void AddFunction(const std::string& address, const std::string& device, const std::string& klass,
                   const std::string& config) {
    fs::path path = fs::path("sys/bus/pci/devices") / address;
    AddFile(path / "vendor", "0x10de\n");
    AddFile(path / "device", "0x" + device + "\n");
    AddFile(path / "subsystem_vendor", "0x1af4\n");
    AddFile(path / "subsystem_device", "0x1100\n");
    AddFile(path / "class", "0x" + klass + "\n");
    AddFile(path / "revision", "0xa1\n");
    AddFile(path / "irq", "24\n");
    AddFile(path / "numa_node", "-1\n");
    AddFile(path / "enable", "1\n");
    AddFile(path / "driver_override", "(null)\n");
    AddFile(path / "config", config);
    AddFile(path / "resource",
            "0x00000000fd000000 0x00000000fdffffff 0x0000000000040200\n"
            "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
            "0x0000000000000000 0x000000000fffffff 0x000000002014220c\n"
            "0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
  }

  void AddGpu() {
    AddFunction("0000:00:01.0", "1234", "060400", Config("\xde\x10\x34\x12"));
    AddFunction("0000:01:00.0", "2684", "030000",
                Config(std::string("\xde\x10\x84\x26\x07\x04\x10\x00\xa1\x00\x00\x03\x00\x00\x80\x00"
                                   "\x00\x00\x00\xfd",
                                   20)));
    AddFunction("0000:01:00.1", "22bd", "040300", std::string(256, '\xff'));
    const fs::path gpu = fs::path("sys/bus/pci/devices/0000:01:00.0");
    AddFile(gpu / "current_link_speed", "2.5 GT/s PCIe\n");
    AddFile(gpu / "max_link_speed", "16.0 GT/s PCIe\n");
    AddFile(gpu / "current_link_width", "8\n");
    AddFile(gpu / "max_link_width", "16\n");
    AddFile(gpu / "power_state", "D0\n");
    AddFile(gpu / "power/runtime_status", "active\n");
    fs::create_directories(Root() / "sys/bus/pci/drivers/snd_hda_intel");
    fs::create_directories(Root() / "sys/bus/pci/drivers/odd name");
    AddFile(gpu / "aer_dev_correctable", "RxErr 0\nBadTLP 2\nTOTAL_ERR_COR 2\n");
    AddFile(gpu / "aer_dev_fatal", "Undefined 0\nTOTAL_ERR_FATAL 0\n");
    AddFile("sys/devices/system/node/online", "0-1,4\n");
    AddFile("sys/devices/system/node/has_cpu", "0\n");
    fs::create_directories(Root() / "sys/bus/pci/drivers/nvidia");
    fs::create_directory_symlink("../../drivers/nvidia", Root() / gpu / "driver");
    fs::create_directories(Root() / "sys/kernel/iommu_groups/7");
    fs::create_directory_symlink("../../../../kernel/iommu_groups/7", Root() / gpu / "iommu_group");
    UseRoot();
  }
};

TEST_P(PciProbes, PciOfAGpu) {
  AddGpu();
  const std::string text = Output("pci");
  PciEvidence pci = PciEvidence::Parse(text, "pci.txt");
  ASSERT_EQ(pci.functions.size(), 3u) << text;
  EXPECT_THAT(pci.numa_nodes, ElementsAre(0, 1, 4));
  EXPECT_THAT(pci.numa_nodes_with_cpus, ElementsAre(0));
  const PciFunction& bridge = pci.functions[0];
  EXPECT_FALSE(bridge.detailed);
  EXPECT_EQ(bridge.driver, "");
  const PciFunction& gpu = pci.functions[1];
  EXPECT_EQ(gpu.Id(), "10de:2684");
  EXPECT_EQ(gpu.class_code, 0x030000u);
  EXPECT_EQ(gpu.driver, "nvidia");
  EXPECT_EQ(gpu.driver_override, "");
  EXPECT_EQ(gpu.iommu_group, 7);
  EXPECT_EQ(gpu.enabled, true);
  EXPECT_EQ(gpu.current_link_speed, "2.5 GT/s PCIe");
  EXPECT_EQ(gpu.current_link_width, 8);
  EXPECT_EQ(gpu.max_link_width, 16);
  EXPECT_EQ(gpu.power_state, "D0");
  EXPECT_EQ(gpu.runtime_status, "active");
  EXPECT_THAT(pci.drivers, ElementsAre("nvidia", "snd_hda_intel"));
  EXPECT_EQ(gpu.aer_totals.at("correctable"), 2u);
  EXPECT_EQ(gpu.aer_totals.at("fatal"), 0u);
  EXPECT_EQ(gpu.aer_totals.count("nonfatal"), 0u);
  EXPECT_EQ(gpu.ConfigVendor(), 0x10de);
  EXPECT_EQ(gpu.ConfigDevice(), 0x2684);
  EXPECT_EQ(gpu.ConfigBar(0), 0xfd000000u);
  EXPECT_TRUE(gpu.MemorySpaceEnabled());
  EXPECT_FALSE(gpu.ConfigIsDead());
  EXPECT_TRUE(gpu.resources[0].Assigned());
  EXPECT_EQ(gpu.resources[0].Size(), 16u << 20);
  EXPECT_FALSE(gpu.resources[1].Exists());
  EXPECT_TRUE(gpu.resources[2].Exists());
  EXPECT_FALSE(gpu.resources[2].Assigned());
  const PciFunction& audio = pci.functions[2];
  EXPECT_TRUE(audio.ConfigIsDead());
  EXPECT_EQ(SplitLines(text)[static_cast<size_t>(gpu.line - 1)], "function: 0000:01:00.0");
}

// One function whose config space cannot be read must not shift those of the others.
TEST_P(PciProbes, PciWithAConfigThatCannotBeRead) {
  AddGpu();
  fs::path broken = Root() / "sys/bus/pci/devices/0000:01:00.0/config";
  fs::remove(broken);
  fs::create_directory(broken);
  AddFunction("0000:02:00.0", "1eb8", "030200", Config("\xde\x10\xb8\x1e"));
  PciEvidence pci = PciEvidence::Parse(Output("pci"), "pci.txt");
  ASSERT_EQ(pci.functions.size(), 4u);
  EXPECT_THAT(pci.functions[1].config, IsEmpty());
  EXPECT_TRUE(pci.functions[1].detailed);
  EXPECT_GT(pci.functions[1].config_line, 0);
  EXPECT_TRUE(pci.functions[2].ConfigIsDead());
  EXPECT_EQ(pci.functions[3].ConfigDevice(), 0x1eb8);
}

// An NVSwitch is no bridge to a bus, whatever its class says.
TEST_P(PciProbes, PciOfAnOtherBridge) {
  AddGpu();
  AddFunction("0000:02:00.0", "22a3", "068000", Config("\xde\x10\xa3\x22"));
  const PciEvidence pci = PciEvidence::Parse(Output("pci"), "pci.txt");
  ASSERT_EQ(pci.functions.size(), 4u);
  EXPECT_FALSE(pci.functions[0].detailed);
  EXPECT_TRUE(pci.functions[3].detailed);
  EXPECT_EQ(pci.functions[3].ConfigDevice(), 0x22a3);
}

TEST_P(PciProbes, PciWithoutABus) {
  fs::create_directories(Root());
  UseRoot();
  ExecResult result = Run("pci");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.error_output, HasSubstr("there is no "));
  EXPECT_THROW(PciEvidence::Parse(result.output, "pci.txt"), EvidenceError);
}

// Space is reported of / and of the directory of temporary files, whichever of them df knows.
TEST_P(ProbesWithPrograms, IdentityTellsFreeSpace) {
  const std::string head = "echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'\n";
  const auto with = [&](const std::string& lines) {
    AddProgram("df", head + lines);
    return IdentityEvidence::Parse(Output("identity"), "identity.txt");
  };
  IdentityEvidence identity = with("echo '/dev/vda1 1000 100 900 10% /'; echo 'tmpfs 50 10 40 20% /tmp'");
  EXPECT_EQ(identity.root_free_kib, 900);
  EXPECT_EQ(identity.tmp_free_kib, 40);
  identity = with("echo '/dev/vda1 1000 100 900 10% /'; echo '/dev/vda1 1000 100 900 10% /'");
  EXPECT_EQ(identity.root_free_kib, 900);
  EXPECT_EQ(identity.tmp_free_kib, 900);
  identity = with("echo 'rootfs 0 0 0 - /'; echo 'tmpfs 50 10 40 20% /tmp'");
  EXPECT_EQ(identity.root_free_kib, std::nullopt);
  EXPECT_EQ(identity.tmp_free_kib, 40);
  identity = with("exit 1");
  EXPECT_EQ(identity.tmp_free_kib, std::nullopt);
}

TEST_P(ProbesWithPrograms, Modules) {
  AddFile("proc/sys/kernel/osrelease", "6.1.0-23-amd64\n");
  AddFile("proc/modules",
          "nvidia_uvm 1523712 0 - Live 0x0000000000000000 (POE)\n"
          "nvidia 56823808 42 nvidia_uvm, Live 0x0000000000000000 (POE)\n"
          "nvidiafb 65536 0 - Live 0x0000000000000000\n");
  AddFile("sys/module/nvidia/version", "535.54.03\n");
  AddFile("usr/lib64/libnvidia-ml.so.535.54.03", "");
  fs::create_symlink("libnvidia-ml.so.535.54.03", Root() / "usr/lib64/libnvidia-ml.so.1");
  AddFile("proc/driver/nvidia/version",
          "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6\nGCC version: x\n");
  UseRoot();
  AddProgram("modinfo",
             "[ \"$1\" = nvidia ] || exit 1\n"
             "echo 'filename:       /lib/modules/6.1.0-23-amd64/nvidia.ko'\n"
             "echo 'version:        535.183.01'\n"
             "echo 'vermagic:       6.1.0-23-amd64 SMP mod_unload'");
  ModulesEvidence modules = ModulesEvidence::Parse(Output("modules"), "modules.txt");
  EXPECT_EQ(modules.kernel_release, "6.1.0-23-amd64");
  EXPECT_EQ(modules.loaded.size(), 3u);
  ASSERT_NE(modules.Find("nvidia"), nullptr);
  EXPECT_EQ(modules.Find("nvidia")->use_count, 42);
  EXPECT_EQ(modules.Find("nvidia")->used_by, "nvidia_uvm");
  EXPECT_EQ(modules.Find("nvidia")->state, "Live");
  EXPECT_EQ(modules.Find("nouveau"), nullptr);
  EXPECT_EQ(modules.loaded_nvidia_version, "535.54.03");
  EXPECT_EQ(modules.DriverVersion(), "535.54.03");
  EXPECT_EQ(modules.disk_version, "535.183.01");
  EXPECT_EQ(modules.disk_file, "/lib/modules/6.1.0-23-amd64/nvidia.ko");
  EXPECT_EQ(modules.disk_vermagic, "6.1.0-23-amd64 SMP mod_unload");
  EXPECT_EQ(modules.disk_error, "");
  EXPECT_EQ(modules.library_file, "/usr/lib64/libnvidia-ml.so.535.54.03");
  EXPECT_EQ(modules.LibraryVersion(), "535.54.03");
}

TEST_P(ProbesWithPrograms, ModulesWithoutAny) {
  AddFile("proc/sys/kernel/osrelease", "6.1\n");
  AddFile("proc/modules", "");
  UseRoot();
  AddProgram("modinfo", "echo \"modinfo: ERROR: Module $1 not found.\" >&2; exit 1");
  ModulesEvidence modules = ModulesEvidence::Parse(Output("modules"), "modules.txt");
  EXPECT_THAT(modules.loaded, IsEmpty());
  EXPECT_EQ(modules.disk_error, "modinfo: ERROR: Module nvidia not found.");
  EXPECT_EQ(modules.disk_file, "");
  EXPECT_EQ(modules.DriverVersion(), "");
  EXPECT_EQ(modules.LibraryVersion(), "");
}

TEST_P(ProbesWithPrograms, ModulesOfAKernelThatTellsNothing) {
  AddFile("proc/sys/kernel/osrelease", "6.1\n");
  UseRoot();
  EXPECT_THROW(ModulesEvidence::Parse(Output("modules"), "modules.txt"), EvidenceError);
}

TEST_P(Probes, DeviceFiles) {
  AddFile("proc/devices",
          "Character devices:\n  1 mem\n195 nvidia\n195 nvidiactl\n509 nvidia-uvm\n\n"
          "Block devices:\n259 blkext\n");
  AddFile("dev/nvidia0", "a file where a device should be");
  AddFile("dev/nvidia odd name", "");
  fs::create_directories(Root() / "dev/nvidia-caps");
  fs::create_symlink("nvidia0", Root() / "dev/nvidia1");
  fs::create_symlink("nowhere", Root() / "dev/nvidia2");
  UseRoot();
  DeviceFilesEvidence devices = DeviceFilesEvidence::Parse(Output("device_files"), "device_files.txt");
  EXPECT_EQ(devices.user_id, std::to_string(getuid()));
  EXPECT_EQ(devices.majors.size(), 3u);
  ASSERT_NE(devices.GpuMajor(), nullptr);
  EXPECT_EQ(devices.GpuMajor()->major, 195);
  EXPECT_EQ(devices.FindMajor("nvidia-uvm")->major, 509);
  ASSERT_EQ(devices.files.size(), 4u);
  ASSERT_NE(devices.Find("/dev/nvidia0"), nullptr);
  EXPECT_EQ(devices.Find("/dev/nvidia0")->type, DeviceFileType::kRegular);
  EXPECT_EQ(devices.Find("/dev/nvidia0")->major, std::nullopt);
  EXPECT_FALSE(devices.Find("/dev/nvidia0")->opens);
  EXPECT_EQ(devices.Find("/dev/nvidia1")->type, DeviceFileType::kSymbolicLink);
  EXPECT_EQ(devices.Find("/dev/nvidia1")->link, "nvidia0");
  EXPECT_EQ(devices.Find("/dev/nvidia1")->link_error, "no device is at its end");
  EXPECT_EQ(devices.Find("/dev/nvidia2")->type, DeviceFileType::kSymbolicLink);
  EXPECT_EQ(devices.Find("/dev/nvidia2")->link, "nowhere");
  EXPECT_NE(devices.Find("/dev/nvidia2")->link_error, "");
  EXPECT_FALSE(devices.Find("/dev/nvidia2")->opens);
  EXPECT_EQ(devices.Find("/dev/nvidia-caps")->type, DeviceFileType::kDirectory);
  EXPECT_EQ(devices.GpuFiles().size(), 3u);
  // Nothing came into being where the dangling link points.
  EXPECT_FALSE(fs::exists(Root() / "dev/nowhere"));
}

TEST_P(Probes, DeviceFilesThatAreDevices) {
  AddFile("proc/devices", "Character devices:\n195 nvidia-frontend\n\nBlock devices:\n");
  fs::create_directories(Root() / "dev");
  // As /dev/null, and as a device that nothing drives (120 to 127 are for local use).
  if (mknod((Root() / "dev/nvidia0").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0 ||
      mknod((Root() / "dev/nvidiactl").c_str(), S_IFCHR | 0666, makedev(127, 255)) != 0) {
    GTEST_SKIP() << "device files can be made by root alone";
  }
  UseRoot();
  DeviceFilesEvidence devices = DeviceFilesEvidence::Parse(Output("device_files"), "device_files.txt");
  ASSERT_EQ(devices.files.size(), 2u);
  const DeviceFile* null = devices.Find("/dev/nvidia0");
  EXPECT_EQ(null->type, DeviceFileType::kCharacter);
  EXPECT_EQ(null->major, 1);
  EXPECT_EQ(null->minor, 3);
  EXPECT_EQ(null->uid, 0);
  EXPECT_TRUE(null->opens);
  const DeviceFile* control = devices.Find("/dev/nvidiactl");
  EXPECT_EQ(control->minor, 255);
  EXPECT_FALSE(control->opens);
  EXPECT_THAT(control->open_error, testing::AnyOf("No such device or address", "No such device",
                                                  // of a shell that words it its own way
                                                  "nonexistent directory", "no such device"));
  EXPECT_EQ(devices.GpuMajor()->name, "nvidia-frontend");
}

TEST_P(Probes, NoDeviceFiles) {
  AddFile("proc/devices", "Character devices:\n  1 mem\n\nBlock devices:\n");
  fs::create_directories(Root() / "dev");
  UseRoot();
  DeviceFilesEvidence devices = DeviceFilesEvidence::Parse(Output("device_files"), "device_files.txt");
  EXPECT_THAT(devices.files, IsEmpty());
  EXPECT_EQ(devices.GpuMajor(), nullptr);
}

TEST_P(Probes, NvidiaSmiExitsAsNvidiaSmiDoes) {
  AddProgram("nvidia-smi", "echo \"table $*\"; echo warning >&2; exit 14");
  for (const auto& [probe, words] :
       {std::pair("nvidia_smi", "table \n"), std::pair("nvidia_smi_xml", "table -q -x\n")}) {
    ExecResult result = Run(probe);
    EXPECT_EQ(result.exit_status, 14);
    EXPECT_EQ(result.output, words);
    EXPECT_EQ(result.error_output, "warning\n");
  }
}

// What is there and is no program is not "not installed".
TEST_P(Probes, NvidiaSmiThatIsNoProgram) {
  fs::create_symlink("nvidia-smi", Bin() / "nvidia-smi");
  for (const char* probe : {"nvidia_smi", "nvidia_smi_xml"}) {
    const ExecResult result = Run(probe);
    EXPECT_EQ(result.exit_status, 126) << probe;
    EXPECT_THAT(result.error_output, HasSubstr("nvidia-smi is a symbolic link that leads nowhere")) << probe;
  }
  fs::remove(Bin() / "nvidia-smi");
  EXPECT_EQ(Run("nvidia_smi").exit_status, 127) << "it is not installed here";
}

TEST_P(ProbesWithPrograms, KernelLog) {
  AddProgram("dmesg", "echo '[    0.000000] Linux version 6.1'; echo '[    1.5] last'");
  AddProgram("sudo", "shift; exec \"$@\"");
  ExecResult result = Run("kernel_log");
  EXPECT_EQ(result.exit_status, 0);
  KernelLog log = KernelLog::Parse(result.output, "kernel_log.txt");
  ASSERT_EQ(log.lines.size(), 2u);
  EXPECT_EQ(log.lines[1].text, "last");
  EXPECT_EQ(log.lines[1].seconds, 1.5);
}

// With the severity of each line, where dmesg has it.
TEST_P(ProbesWithPrograms, KernelLogIsRaw) {
  AddProgram("sudo", "shift; exec \"$@\"");
  AddProgram("dmesg", "[ \"$*\" = -r ] || exit 1\necho '<5>[    0.000000] Linux version 6.1'");
  EXPECT_EQ(Output("kernel_log"), "<5>[    0.000000] Linux version 6.1\n");
  AddProgram("dmesg", "[ $# = 0 ] || { echo 'dmesg: unrecognized option: r' >&2; exit 1; }\necho '[    0.0] plain'");
  ExecResult result = Run("kernel_log");
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.output, "[    0.0] plain\n");
}

// The begin, the end, and of what is between what matters, each text once.
TEST_P(ProbesWithPrograms, KernelLogThatIsLong) {
  AddProgram("dmesg",
             "echo '<5>[    0.000000] Linux version 6.1'\n"
             "yes '<6>[    1.0] of the begin, dull' | head -c 400000; echo\n"
             "echo '<4>[    2.0] NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.'\n"
             "echo '<4>[    2.5] NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.'\n"
             "yes '<6>[    3.0] dull, dull' | head -c 3000000; echo\n"
             "echo '<6>[    4.0] last'");
  AddProgram("sudo", "shift; exec \"$@\"");
  const std::string text = Output("kernel_log");
  EXPECT_LT(text.size(), 2097152u);
  EXPECT_TRUE(text.ends_with("\n<6>[    4.0] last\n"));
  const KernelLog log = KernelLog::Parse(text, "kernel_log.txt");
  EXPECT_EQ(log.lines.front().text, "Linux version 6.1");
  EXPECT_EQ(log.Containing("Xid").size(), 1u);
  EXPECT_EQ(log.begins_at, std::nullopt);
  EXPECT_THAT(log.left_out, testing::MatchesRegex("[0-9]+ lines, [0-9]+ bytes"));
}

TEST_P(ProbesWithPrograms, KernelLogThatIsNotLongIsNotTouched) {
  AddProgram("dmesg", "yes '[    0.0] again' | head -c 1500000; echo; echo '[    1.5] last'");
  AddProgram("sudo", "shift; exec \"$@\"");
  const std::string text = Output("kernel_log");
  EXPECT_EQ(text.size(), 1500000u + 1 + sizeof("[    1.5] last"));
  EXPECT_THAT(KernelLog::Parse(text, "kernel_log.txt").left_out, IsEmpty());
}

// A ring buffer that lost the boot: the journal has it, if it can be read.
TEST_P(ProbesWithPrograms, KernelLogThatBeginsLate) {
  AddProgram("dmesg", "echo '[ 5400.000000] late'; echo '[ 5401.0] later'");
  AddProgram("sudo", "shift; exec \"$@\"");
  AddProgram("journalctl",
             "[ \"$*\" = '-k -b -q -o short-monotonic --no-pager' ] || exit 1\n"
             "echo '[    0.000000] node kernel: Linux version 6.1'; echo '[    1.5] node kernel: last'");
  KernelLog log = KernelLog::Parse(Output("kernel_log"), "kernel_log.txt");
  ASSERT_EQ(log.lines.size(), 2u);
  EXPECT_EQ(log.lines[0].text, "Linux version 6.1");
  AddProgram("journalctl", "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1");
  EXPECT_EQ(Output("kernel_log"), "[ 5400.000000] late\n[ 5401.0] later\n");
  AddProgram("journalctl", "echo '[ 5400.5] node kernel: it begins no earlier'");
  EXPECT_EQ(Output("kernel_log"), "[ 5400.000000] late\n[ 5401.0] later\n");
  // It wrapped within the first minute.
  AddProgram("journalctl", "echo '[    0.0] node kernel: of the journal'");
  AddProgram("dmesg", "echo '<6>[   12.500000] early'");
  EXPECT_EQ(Output("kernel_log"), "[    0.0] node kernel: of the journal\n");
  AddProgram("dmesg", "echo '[ 5400.000000] late'; exit 3");
  EXPECT_EQ(Run("kernel_log").exit_status, 3);
}

TEST_P(ProbesWithPrograms, KernelLogThatBeginsAtBootIsNotAskedOfTheJournal) {
  AddProgram("sudo", "shift; exec \"$@\"");
  AddProgram("journalctl", "echo '[    0.0] node kernel: of the journal'");
  for (const char* first :
       {"[    0.000000] Linux version 6.1", "<5>[    0.999999] slow", "  no stamp [at 99.9]", "[x.y] odd"}) {
    AddProgram("dmesg", std::string("echo '") + first + "'");
    EXPECT_EQ(Output("kernel_log"), std::string(first) + "\n");
  }
}

TEST_P(ProbesWithPrograms, KernelLogThatCannotBeRead) {
  AddProgram("dmesg", "echo 'dmesg: read kernel buffer failed' >&2; exit 1");
  AddProgram("sudo", "echo 'sudo: a password is required' >&2; exit 1");
  ExecResult result = Run("kernel_log");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.output, "");
  EXPECT_NE(result.error_output, "");
}

TEST_P(Probes, Lspci) {
  AddProgram("lspci", "echo \"lspci $*\"; exit 1");
  ExecResult result = Run("lspci");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.output, "lspci -Dnnk\n");
}

const auto kShells = testing::Values("dash", "bash", "busybox");
const auto kName = [](const testing::TestParamInfo<std::string>& shell) { return shell.param; };
INSTANTIATE_TEST_SUITE_P(Shells, Probes, kShells, kName);
INSTANTIATE_TEST_SUITE_P(Shells, PciProbes, kShells, kName);
INSTANTIATE_TEST_SUITE_P(Shells, ProbesWithPrograms, testing::Values("dash", "bash"), kName);

}  // namespace
}  // namespace passthrough
