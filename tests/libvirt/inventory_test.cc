#include "helpers/inventory/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/error.h"
#include "tests/libvirt/test_hypervisor.h"

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// No driver, no IOMMU group.
HostPciDevice BareDevice(std::string_view address) {
  HostPciDevice device;
  device.address = At(address);
  device.vendor_id = 0x8086;
  device.device_id = 0x1234;
  return device;
}

// A host with one of everything.
Inventory SmallHost() {
  Inventory host;
  host.hypervisor = "QEMU 7.2.22, libvirt 9.0.0";
  host.hostname = "h";
  host.domains = {{.name = "web",
                   .uuid = "u1",
                   .state = "running",
                   .hostdevs = {{At("0000:02:00.0"), At("0000:05:00.0"), "ua-x", true},
                                {At("0000:03:00.0"), std::nullopt, "", false}},
                   .mac_addresses = {"52:54:00:00:00:01"},
                   .networks = {"default"},
                   .defined_hostdevs = std::vector<DomainHostdev>{{At("0000:02:00.0"), std::nullopt, "", true}}}};
  host.networks = {{"default", "u2", "virbr0", true, {"52:54:00:00:00:01 192.168.122.5 web"}}};
  host.pools = {{"images", "u3", "/images", true, {"a.qcow2", "b.qcow2"}}};
  host.interfaces = {"eth0", "virbr0"};
  host.pci_devices = {{.address = At("0000:01:00.0"),
                       .class_code = 0x030000,
                       .vendor_id = 0x10de,
                       .device_id = 0x2684,
                       .driver = "bochs-drm",
                       .iommu_group = 1,
                       .iommu_group_members = {At("0000:01:00.0"), At("0000:01:00.1")},
                       .parent = At("0000:00:01.0"),
                       .max_link_width = 16,
                       .max_link_speed = 2.5,
                       .physical_function = At("0000:01:00.4")},
                      BareDevice("0000:02:00.0")};
  return host;
}

// The differences that `change` makes to SmallHost().
template <typename Change>
std::vector<std::string> After(Change change) {
  Inventory changed = SmallHost();
  change(changed);
  return DescribeDifferences(SmallHost(), changed);
}

// The differences that undoing `change` makes.
template <typename Change>
std::vector<std::string> AfterUndoing(Change change) {
  Inventory changed = SmallHost();
  change(changed);
  return DescribeDifferences(changed, SmallHost());
}

TEST(Inventory, FindsByNameAndAddress) {
  const Inventory host = SmallHost();
  EXPECT_EQ(host.FindDomain("web"), &host.domains[0]);
  EXPECT_EQ(host.FindDomain("we"), nullptr);
  EXPECT_EQ(host.FindNetwork("default"), &host.networks[0]);
  EXPECT_EQ(host.FindNetwork("x"), nullptr);
  EXPECT_EQ(host.FindPool("images"), &host.pools[0]);
  EXPECT_EQ(host.FindPool("x"), nullptr);
  EXPECT_EQ(host.FindPciDevice(At("0000:02:00.0")), &host.pci_devices[1]);
  EXPECT_EQ(host.FindPciDevice(At("0000:02:00.1")), nullptr);
}

TEST(InventoryJson, GivesBackTheSame) {
  EXPECT_EQ(InventoryFromJson(ToJson(SmallHost())), SmallHost());
  EXPECT_EQ(InventoryFromJson(ToJson(Inventory())), Inventory());
}

TEST(InventoryJson, BytesThatAreNoTextDoNotStopIt) {
  Inventory host = SmallHost();
  host.networks[0].leases = {"52:54:00:00:00:01 192.168.122.5 \xff\xfe"};
  EXPECT_THAT(InventoryFromJson(ToJson(host)).networks[0].leases, testing::SizeIs(1));
}

TEST(InventoryJson, RefusesWhatIsNoInventory) {
  const std::string good = ToJson(SmallHost());
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const std::string& bad :
       {std::string(), good.substr(0, good.size() / 2), std::string("[]"), std::string("{}"),
        with("\"domains\"", "\"humans\""), with("\"managed\": true", "\"managed\": 1"),
        with("\"0000:02:00.0\"", "\"0000:02:00\""), with("\"driver\": \"bochs-drm\"", "\"x\": 1")}) {
    EXPECT_THROW(InventoryFromJson(bad), EvidenceError) << bad;
  }
}

TEST(DescribeDifferences, NoneInTheSame) { EXPECT_THAT(DescribeDifferences(SmallHost(), SmallHost()), IsEmpty()); }

TEST(DescribeDifferences, NamesEachNewObject) {
  const auto add = [](Inventory& host) {
    host.domains.push_back({"test-x-compute-01", "u", "running", true, {}, {}});
    host.networks.push_back({"test-x-network", "u", "virbr140", true, {}});
    host.pools.push_back({"test-x-pool", "u", "/p", true, {"test-x-base.qcow2", "d.qcow2"}});
    host.interfaces.push_back("virbr140");
    host.pci_devices.push_back(BareDevice("0000:09:00.0"));
  };
  EXPECT_THAT(After(add),
              ElementsAre("domain test-x-compute-01 remains (running): it was not there before",
                          "network test-x-network remains (active, bridge virbr140): it was not there before",
                          "storage pool test-x-pool remains (active, /p, with test-x-base.qcow2 and d.qcow2): "
                          "it was not there before",
                          "this host: network interface virbr140 remains: it was not there before",
                          "0000:09:00.0 (8086:1234) is there now: it was not there before"));
  EXPECT_THAT(AfterUndoing(add), ElementsAre("domain test-x-compute-01 is gone (it was running)",
                                             "network test-x-network is gone (it was active, bridge virbr140)",
                                             HasSubstr("storage pool test-x-pool is gone"),
                                             "this host: network interface virbr140 is gone",
                                             "0000:09:00.0 (8086:1234, bound to no driver) is gone"));
}

TEST(DescribeDifferences, ADomainsStateDevicesAndDefinitionCount) {
  EXPECT_THAT(After([](Inventory& host) { host.domains[0].state = "shut off"; }),
              ElementsAre("domain web: its state is shut off, was running"));
  EXPECT_THAT(After([](Inventory& host) { host.domains[0].persistent = false; }),
              ElementsAre("domain web: its definition is no longer permanent"));
  EXPECT_THAT(After([](Inventory& host) { host.domains[0].hostdevs.pop_back(); }),
              ElementsAre("domain web: passed-through device 0000:03:00.0 is gone"));
  EXPECT_THAT(After([](Inventory& host) {
                host.domains[0].hostdevs.push_back({At("0000:01:00.0"), {}, "", true});
              }),
              ElementsAre("domain web: passed-through device 0000:01:00.0 remains: it was not there "
                          "before"));
  EXPECT_THAT(After([](Inventory& host) { host.domains[0].mac_addresses[0] = "52:54:00:00:00:02"; }),
              testing::SizeIs(2));
}

TEST(DescribeDifferences, AnotherObjectOfTheSameNameCounts) {
  EXPECT_THAT(After([](Inventory& host) {
                host.domains[0].uuid = "v1";
                host.networks[0].uuid = "v2";
                host.pools[0].uuid = "v3";
              }),
              ElementsAre("domain web was replaced by another of the same name: its UUID is v1, was u1",
                          HasSubstr("network default was replaced"), HasSubstr("storage pool images was replaced")));
}

TEST(DescribeDifferences, GuestAddressesAndAliasesDoNotCount) {
  EXPECT_THAT(After([](Inventory& host) {
                host.domains[0].hostdevs[0].guest_address = At("0000:07:00.0");
                host.domains[0].hostdevs[0].alias = "hostdev0";
              }),
              IsEmpty());
}

TEST(DescribeDifferences, ANetworksStateAndNewLeasesCount) {
  EXPECT_THAT(After([](Inventory& host) { host.networks[0].active = false; }),
              ElementsAre("network default: its state is inactive, was active"));
  EXPECT_THAT(After([](Inventory& host) { host.networks[0].bridge = ""; }),
              ElementsAre("network default: its bridge is nothing, was virbr0"));
  EXPECT_THAT(After([](Inventory& host) { host.networks[0].leases.push_back("52:54:00:00:00:09 192.168.122.9 node"); }),
              ElementsAre("network default: lease 52:54:00:00:00:09 192.168.122.9 remains: it was not there "
                          "before"));
}

TEST(DescribeDifferences, LeasesThatEndedAndRenamedGuestsDoNotCount) {
  EXPECT_THAT(After([](Inventory& host) { host.networks[0].leases.clear(); }), IsEmpty());
  EXPECT_THAT(After([](Inventory& host) { host.networks[0].leases = {"52:54:00:00:00:01 192.168.122.5 other"}; }),
              IsEmpty());
}

TEST(DescribeDifferences, VolumesOfOtherPoolsCount) {
  EXPECT_THAT(After([](Inventory& host) {
                host.pools[0].volumes = {"a.qcow2", "new.qcow2"};
              }),
              ElementsAre("storage pool images: volume new.qcow2 remains: it was not there before",
                          "storage pool images: volume b.qcow2 is gone"));
}

TEST(DescribeDifferences, AnInactivePoolSaysNothingOfItsVolumes) {
  EXPECT_THAT(After([](Inventory& host) {
                host.pools[0].active = false;
                host.pools[0].volumes.clear();
              }),
              ElementsAre("storage pool images: its state is inactive, was active"));
}

TEST(DescribeDifferences, ADeviceThatChangedHandsCounts) {
  EXPECT_THAT(After([](Inventory& host) { host.pci_devices[0].driver = "vfio-pci"; }),
              ElementsAre("0000:01:00.0 is bound to vfio-pci, was bound to bochs-drm"));
  EXPECT_THAT(After([](Inventory& host) { host.pci_devices[0].driver = ""; }),
              ElementsAre("0000:01:00.0 is bound to no driver, was bound to bochs-drm"));
  EXPECT_THAT(After([](Inventory& host) { host.pci_devices[0].device_id = 0xffff; }),
              ElementsAre("0000:01:00.0 is 10de:ffff of class 030000, was 10de:2684 of class 030000"));
  EXPECT_THAT(After([](Inventory& host) { host.pci_devices[0].class_code = 0x030200; }),
              ElementsAre(HasSubstr("of class 030200, was 10de:2684 of class 030000")));
  EXPECT_THAT(After([](Inventory& host) { host.pci_devices[0].iommu_group.reset(); }),
              ElementsAre("0000:01:00.0 is in no IOMMU group, was in IOMMU group 1"));
  EXPECT_THAT(After([](Inventory& host) { host.pci_devices[0].iommu_group_members.pop_back(); }),
              ElementsAre("0000:01:00.0: its IOMMU group 1 has other members than before"));
}

TEST(DescribeDifferences, AnotherHostCounts) {
  EXPECT_THAT(After([](Inventory& host) {
                host.hostname = "g";
                host.hypervisor = "QEMU 8";
              }),
              ElementsAre("this host: its name is g, was h",
                          "this host: its hypervisor is QEMU 8, was QEMU 7.2.22, libvirt 9.0.0"));
}

TEST(DescribeDifferences, NamesCannotSteerATerminal) {
  EXPECT_THAT(After([](Inventory& host) { host.pools[0].volumes.push_back("\x1b[2J"); }),
              ElementsAre(HasSubstr("volume \\x1b[2J remains")));
}

// A bridge that remains on such a host would not be seen: the check says so.
TEST(InventoryJson, KeepsWhetherBridgesAreListed) {
  Inventory host;
  EXPECT_TRUE(InventoryFromJson(ToJson(host)).lists_bridges);
  host.lists_bridges = false;
  const std::string json = ToJson(host);
  EXPECT_FALSE(InventoryFromJson(json).lists_bridges);
  std::string older = json;
  older.erase(older.find(" \"lists_bridges\""), std::string(" \"lists_bridges\": false,\n").size());
  EXPECT_TRUE(InventoryFromJson(older).lists_bridges) << older;
}

}  // namespace
}  // namespace passthrough
