#include "helpers/cluster/host_gpu_users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const PciAddress kGpu = PciAddress::Parse("0000:01:00.0").value();

// A directory that stands for the host's root.
class HostGpuUsersTest : public testing::Test {
 protected:
  HostGpuUsersTest() {
    PlannedNode node;
    node.name = "hpc_compute_01";
    PlannedDevice gpu;
    gpu.host_address = kGpu;
    gpu.type = DeviceType::kGpu;
    node.devices = {gpu};
    plan_.nodes = {node};
    device_.address = kGpu;
    device_.driver = "nvidia";
    device_.iommu_group = 14;
    fs::create_directories(Path("proc"));
    Process("1", "systemd", {"/dev/null"});
    Write("proc/driver/nvidia/gpus/0000:01:00.0/information",
          "Model: \t\t NVIDIA A2\nGPU UUID: \t GPU-1\nDevice Minor: \t 3\n");
  }
  fs::path Path(const std::string& name) const { return root_.path() / name; }
  void Write(const std::string& name, const std::string& text) {
    fs::create_directories(Path(name).parent_path());
    WriteFile(Path(name), text);
  }
  void Link(const std::string& name, const std::string& target) {
    fs::create_directories(Path(name).parent_path());
    fs::create_symlink(target, Path(name));
  }
  void Process(const std::string& pid, const std::string& name, const std::vector<std::string>& open) {
    Write("proc/" + pid + "/comm", name + "\n");
    for (size_t i = 0; i < open.size(); ++i) Link("proc/" + pid + "/fd/" + std::to_string(i), open[i]);
  }
  void ConsoleOnGpu() {
    Write("sys/class/vtconsole/vtcon0/name", "(S) dummy device\n");
    Write("sys/class/vtconsole/vtcon0/bind", "0\n");
    Write("sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
    Write("sys/class/vtconsole/vtcon1/bind", "1\n");
    Link("sys/class/graphics/fb0/device", "../../../0000:01:00.0");
  }
  HostUse Look() {
    inventory_.pci_devices = {device_};
    return UseOfPlannedDevices(plan_, inventory_, view_);
  }
  std::string Problem() {
    const HostUse use = Look();
    EXPECT_THAT(use.notes, IsEmpty());
    EXPECT_EQ(use.problems.size(), 1u);
    return use.problems.empty() ? "" : use.problems[0];
  }
  std::string Note() {
    const HostUse use = Look();
    EXPECT_THAT(use.problems, IsEmpty());
    EXPECT_EQ(use.notes.size(), 1u);
    return use.notes.empty() ? "" : use.notes[0];
  }
  void ExpectNothing() {
    const HostUse use = Look();
    EXPECT_THAT(use.problems, IsEmpty());
    EXPECT_THAT(use.notes, IsEmpty());
  }

  const TemporaryDirectory root_{"host"};
  Plan plan_;
  Inventory inventory_;
  HostPciDevice device_;
  HostView view_{.is_this_machine = true, .sees_all_processes = true, .root = root_.path()};
};

TEST_F(HostGpuUsersTest, AGpuThatNobodyUsesIsFree) {
  Process("10", "python3", {"/dev/nvidia0", "/dev/dri/card0", "/dev/nvidiactl"});  // another GPU's
  ExpectNothing();
}

TEST_F(HostGpuUsersTest, AProgramThatHoldsItIsNamed) {
  Process("4711", "python3", {"/dev/nvidiactl", "/dev/nvidia3", "/dev/nvidia3"});
  EXPECT_THAT(Problem(),
              AllOf(HasSubstr("gpu 0000:01:00.0 of hpc_compute_01"), HasSubstr("bound to nvidia on the host"),
                    HasSubstr("python3 (PID 4711) holds it"), HasSubstr("for ever")));
}

TEST_F(HostGpuUsersTest, ADisplayServerHoldsItThroughDrm) {
  device_.driver = "amdgpu";
  fs::create_directories(Path("sys/bus/pci/devices/0000:01:00.0/drm/card1"));
  fs::create_directories(Path("sys/bus/pci/devices/0000:01:00.0/drm/renderD128"));
  Process("30", "Xorg", {"/dev/dri/card1"});
  Process("31", "chrome", {"/dev/dri/renderD128"});
  EXPECT_THAT(Problem(), HasSubstr("Xorg (PID 30) and chrome (PID 31) hold it"));
}

TEST_F(HostGpuUsersTest, TheConsoleHoldsIt) {
  ConsoleOnGpu();
  Write("sys/module/nvidia_drm/parameters/modeset", "Y\n");
  EXPECT_THAT(Problem(), AllOf(HasSubstr("the host's console (fb0)"), HasSubstr("nvidia_drm with modeset=1")));
  Write("sys/class/vtconsole/vtcon1/bind", "0\n");  // echo 0 >bind: it let go
  ExpectNothing();
}

TEST_F(HostGpuUsersTest, AnotherGpusConsoleIsNoMatter) {
  ConsoleOnGpu();
  fs::remove(Path("sys/class/graphics/fb0/device"));
  Link("sys/class/graphics/fb0/device", "../../../0000:00:02.0");
  ExpectNothing();
}

// nobody knows a driver's remove function that would wait.
TEST_F(HostGpuUsersTest, OfOtherDriversItIsANote) {
  device_.driver = "snd_hda_intel";
  fs::create_directories(Path("sys/bus/pci/devices/0000:01:00.0/sound/card1/controlC1"));
  ExpectNothing();
  Process("40", "pipewire", {"/dev/snd/controlC1"});
  EXPECT_THAT(Note(), AllOf(HasSubstr("bound to snd_hda_intel"), HasSubstr("pipewire (PID 40) holds it")));
}

TEST_F(HostGpuUsersTest, AProgramThatIsNoDomainHasItsVfioGroup) {
  device_.driver = "vfio-pci";
  ExpectNothing();
  Process("50", "qemu-system-x86", {"/dev/vfio/vfio", "/dev/vfio/14"});
  EXPECT_THAT(Problem(), HasSubstr("qemu-system-x86 (PID 50) holds it (/dev/vfio)"));
  DomainInventory domain;
  domain.name = "windows";
  domain.state = "running";
  domain.hostdevs = {{.host_address = kGpu, .guest_address = {}, .alias = {}, .managed = true}};
  inventory_.domains = {domain};
  ExpectNothing();  // it is reported by its name
}

TEST_F(HostGpuUsersTest, WhatCannotBeSeenIsANote) {
  Process("4711", "python3", {"/dev/nvidia3"});
  view_.is_this_machine = false;
  EXPECT_THAT(Note(), AllOf(HasSubstr("cannot be seen from here"), HasSubstr("fuser -v"), Not(HasSubstr("python3"))));
  device_.driver = "bochs-drm";
  ExpectNothing();
}

TEST_F(HostGpuUsersTest, WithoutRootOnlyOnesOwnProgramsAreSeen) {
  view_.sees_all_processes = false;
  EXPECT_THAT(Note(), HasSubstr("cannot be seen without root"));
  Process("4711", "python3", {"/dev/nvidia3"});
  EXPECT_THAT(Problem(), HasSubstr("python3 (PID 4711)"));
}

TEST_F(HostGpuUsersTest, TheBootConsoleInItsMemoryIsANote) {
  device_.driver = "";
  Write("proc/iomem",
        "00000000-00000000 : PCI Bus 0000:00\n  00000000-00000000 : PCI Bus 0000:01\n    00000000-00000000 : "
        "0000:01:00.0\n"
        "      00000000-00000000 : BOOTFB\n  00000000-00000000 : 0000:00:02.0\n");
  EXPECT_THAT(Note(), AllOf(HasSubstr("boot console (BOOTFB)"), HasSubstr("initcall_blacklist=sysfb_init")));
  Write("proc/iomem",
        "00000000-00000000 : PCI Bus 0000:00\n    00000000-00000000 : 0000:01:00.0\n    00000000-00000000 : "
        "0000:00:02.0\n"
        "      00000000-00000000 : efifb\n");
  ExpectNothing();
}

TEST_F(HostGpuUsersTest, WhatTheHostRunsOnIsNotGivenAway) {
  device_.driver = "nvme";
  Link("sys/class/block/nvme0n1", "../../devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1");
  Link("sys/class/block/nvme0n1p2", "../../devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/nvme0n1p2");
  Write("proc/mounts", "/dev/nvme1n1p2 /data ext4 rw 0 0\n");
  Write("proc/swaps", "Filename Type Size Used Priority\n");
  ExpectNothing();
  Write("proc/mounts", "/dev/nvme1n1p2 /data ext4 rw 0 0\n/dev/nvme0n1p2 / ext4 rw 0 0\n");
  EXPECT_THAT(Problem(), AllOf(HasSubstr("bound to nvme"), HasSubstr("/dev/nvme0n1p2 is mounted at /")));
  Write("proc/mounts", "");
  Write("proc/swaps", "Filename Type Size Used Priority\n/dev/nvme0n1p2 partition 1 0 -2\n");
  EXPECT_THAT(Problem(), HasSubstr("swaps to /dev/nvme0n1p2"));
}

TEST_F(HostGpuUsersTest, TheHostsWayToTheNetworkIsNotGivenAway) {
  device_.driver = "igb";
  Link("sys/class/net/eno1", "../../devices/pci0000:00/0000:01:00.0/net/eno1");
  Write("proc/net/route", "Iface\tDestination\tGateway\neno2\t00000000\t010AA8C0\neno1\t000AA8C0\t00000000\n");
  ExpectNothing();
  Write("proc/net/route", "Iface\tDestination\tGateway\neno1\t00000000\t010AA8C0\n");
  EXPECT_THAT(Problem(), HasSubstr("its default route goes over eno1"));
  Write("proc/net/route", "Iface\tDestination\tGateway\nbr0\t00000000\t010AA8C0\n");
  ExpectNothing();
  fs::remove(Path("sys/class/net/eno1"));
  Link("sys/class/net/eno1", Path("devices/0000:01:00.0/net/eno1").string());
  Link("devices/0000:01:00.0/net/eno1/master", "../br0");
  EXPECT_THAT(Problem(), HasSubstr("its default route goes over eno1"));
}

TEST_F(HostGpuUsersTest, ANodeThatStaysOffTakesNothing) {
  Process("4711", "python3", {"/dev/nvidia3"});
  plan_.nodes[0].auto_start = false;
  ExpectNothing();
}

}  // namespace
}  // namespace passthrough
