// What is said of the planned devices before anything is deployed, on inventories made up for it.
#include "helpers/cluster/device_problems.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PciAddress Function(uint8_t bus, uint8_t function) { return {0, bus, 0, function}; }

PlannedDevice Planned(DeviceType type, PciAddress address, uint16_t device_id) {
  PlannedDevice device;
  device.host_address = address;
  device.type = type;
  device.vendor_id = 0x10de;
  device.device_id = device_id;
  device.where.file = "cluster.yaml";
  return device;
}

HostPciDevice OnHost(PciAddress address, uint16_t device_id, const std::string& driver, int group) {
  HostPciDevice device;
  device.address = address;
  device.vendor_id = 0x10de;
  device.device_id = device_id;
  device.driver = driver;
  device.iommu_group = group;
  device.iommu_group_members = {Function(address.bus, 0), Function(address.bus, 1)};
  return device;
}

// A node that gets a GPU with its audio function, and a host that has them.
class PreflightDevicesTest : public testing::Test {
 protected:
  PreflightDevicesTest() {
    PlannedNode node;
    node.name = "hpc_compute_01";
    node.domain_names = {"x-compute-01", "x-compute-0"};
    node.devices = {Planned(DeviceType::kGpu, Function(1, 0), 0x2684),
                    Planned(DeviceType::kAudio, Function(1, 1), 0x22bd)};
    plan_.nodes.push_back(node);
    inventory_.pci_devices = {OnHost(Function(1, 0), 0x2684, "nouveau", 12),
                              OnHost(Function(1, 1), 0x22bd, "snd_hda_intel", 12)};
  }

  // A domain in `state` that has the GPU.
  void AddDomain(const std::string& name, const std::string& state) {
    DomainInventory domain;
    domain.name = name;
    domain.state = state;
    domain.hostdevs.push_back({});
    domain.hostdevs.back().host_address = Function(1, 0);
    inventory_.domains.push_back(domain);
  }

  std::vector<std::string> Problems(bool emulated = false) const {
    return DeviceProblems(plan_, inventory_, emulated, "qemu+ssh://root@gpu-host/system");
  }

  Plan plan_;
  Inventory inventory_;
};

TEST_F(PreflightDevicesTest, DevicesOnTheirHostDriversAreFine) { EXPECT_THAT(Problems(), IsEmpty()); }

TEST_F(PreflightDevicesTest, AnIommuThatIsOffIsToldOnceWithWhatToSwitchOn) {
  for (HostPciDevice& device : inventory_.pci_devices) {
    device.iommu_group.reset();
    device.iommu_group_members.clear();
  }
  EXPECT_THAT(Problems(), ElementsAre(AllOf(HasSubstr("IOMMU is off"), HasSubstr("VT-d"), HasSubstr("AMD-Vi"),
                                            HasSubstr("intel_iommu=on"), HasSubstr("0000:01:00.0"))));
}

TEST_F(PreflightDevicesTest, ADeviceThatTheIommuDoesNotCoverIsToldByItself) {
  inventory_.pci_devices[1].iommu_group.reset();
  EXPECT_THAT(Problems(),
              ElementsAre(AllOf(HasSubstr("audio 0000:01:00.1 of hpc_compute_01"), HasSubstr("in no IOMMU group"))));
}

TEST_F(PreflightDevicesTest, ANeighbourOnAHostDriverIsNamedWithItsDriver) {
  plan_.nodes[0].devices.pop_back();
  EXPECT_THAT(Problems(),
              ElementsAre(AllOf(HasSubstr("0000:01:00.1"), HasSubstr("snd_hda_intel"), HasSubstr("group 12"))));
}

TEST_F(PreflightDevicesTest, ANeighbourThatKeepsNobodyOutIsFine) {
  plan_.nodes[0].devices.pop_back();
  for (const char* const driver : {"", "vfio-pci", "pci-stub", "pcieport"}) {
    inventory_.pci_devices[1].driver = driver;
    EXPECT_THAT(Problems(), IsEmpty()) << driver;
  }
}

TEST_F(PreflightDevicesTest, AGroupThatTwoRunningNodesShareIsToldForBoth) {
  PlannedNode other = plan_.nodes[0];
  other.name = "hpc_compute_02";
  other.domain_names = {"x-compute-02"};
  plan_.nodes[0].devices.pop_back();
  other.devices.erase(other.devices.begin());
  plan_.nodes.push_back(other);
  EXPECT_THAT(Problems(), ElementsAre(AllOf(HasSubstr("hpc_compute_01"), HasSubstr("gives to hpc_compute_02")),
                                      AllOf(HasSubstr("hpc_compute_02"), HasSubstr("gives to hpc_compute_01"))));
  plan_.nodes[1].auto_start = false;
  EXPECT_THAT(Problems(), IsEmpty()) << "the two never run together";
}

TEST_F(PreflightDevicesTest, ADeviceThatIsNotThereIsToldByItsAddress) {
  inventory_.pci_devices.pop_back();
  EXPECT_THAT(Problems(),
              ElementsAre(AllOf(HasSubstr("0000:01:00.1"), HasSubstr("no PCI function"), HasSubstr("cluster.yaml"))));
}

TEST_F(PreflightDevicesTest, OtherIdsThanPlannedAreToldUnlessTheDevicesAreEmulated) {
  inventory_.pci_devices[0].device_id = 0x2204;
  EXPECT_THAT(Problems(), ElementsAre(AllOf(HasSubstr("10de:2204"), HasSubstr("10de:2684"))));
  EXPECT_THAT(Problems(true), IsEmpty());
}

TEST_F(PreflightDevicesTest, AnotherDomainThatHasTheDeviceIsNamed) {
  for (const char* const state : {"running", "paused"}) {
    inventory_.domains.clear();
    AddDomain("windows", state);
    EXPECT_THAT(Problems(),
                ElementsAre(AllOf(HasSubstr("domain windows has it"), HasSubstr(state), HasSubstr("0000:01:00.0"),
                                  HasSubstr(": virsh -c qemu+ssh://root@gpu-host/system shutdown windows"))));
  }
}

TEST_F(PreflightDevicesTest, DomainsThatAreOffOrOfThePlanItselfDoNotCount) {
  AddDomain("windows", "shut off");
  AddDomain("x-compute-0", "running");  // reported by HostProblems, as a name that exists
  EXPECT_THAT(Problems(), IsEmpty());
}

}  // namespace
}  // namespace passthrough
