#include "helpers/cluster/host_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace passthrough {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PciAddress At(const char* text) { return PciAddress::Parse(text).value(); }

template <typename Object>
std::vector<Object> Named(std::initializer_list<const char*> names) {
  std::vector<Object> objects;
  for (const char* const name : names) objects.emplace_back().name = name;
  return objects;
}

class HostChangesTest : public testing::Test {
 protected:
  HostChangesTest() {
    plan_.clusters.emplace_back();
    plan_.clusters[0].name = "hpc";
    plan_.clusters[0].network_name = "hpc-network";
    plan_.clusters[0].pool_name = "hpc";
    plan_.clusters[0].bridge = "virbr140";
    PlannedNode node;
    node.cluster = "hpc";
    node.domain_names = {"hpc-compute-01", "hpc-compute-1"};
    PlannedDevice gpu;
    gpu.host_address = At("0000:01:00.0");
    node.devices = {gpu};
    plan_.nodes = {node};
    before_.interfaces = {"eth0", "virbr0"};
    before_.pci_devices = {Device("0000:01:00.0"), Device("0000:01:00.1"), Device("0000:02:00.0"),
                           Device("0000:03:00.0")};
    before_.pci_devices[2].iommu_group_members = {At("0000:02:00.0"), At("0000:01:00.0")};
    after_ = before_;
  }

  static HostPciDevice Device(const char* address) {
    HostPciDevice device;
    device.address = At(address);
    device.driver = "snd_hda_intel";
    return device;
  }
  HostChanges Changes() { return ChangesBesideThePlan(plan_, before_, after_); }
  HostChanges Interfaces() { return NewInterfaces(plan_, plan_.clusters[0], before_, running_, after_); }

  Plan plan_;
  Inventory before_;
  Inventory running_;
  Inventory after_;
};

TEST_F(HostChangesTest, ADomainOfSomebodyElsesIsTheirs) {
  after_.domains = Named<DomainInventory>({"desktop", "hpc-2-compute-01"});
  EXPECT_THAT(Changes().of_the_clusters, ElementsAre(HasSubstr("domain hpc-2-compute-01 remains")));
  EXPECT_THAT(Changes().of_others, ElementsAre(HasSubstr("domain desktop remains")));
  after_.domains = Named<DomainInventory>({"hpcx"});
  EXPECT_THAT(Changes().of_the_clusters, IsEmpty());
}

TEST_F(HostChangesTest, WhatIsNamedAsTheClustersOwnIsTheirs) {
  after_.networks = Named<NetworkInventory>({"hpc-storage", "docker", "hpc-network"});
  after_.pools = Named<PoolInventory>({"hpc-scratch", "default", "hpc"});
  EXPECT_THAT(Changes().of_the_clusters, ElementsAre(HasSubstr("hpc-storage"), HasSubstr("hpc-scratch")));
  EXPECT_THAT(Changes().of_others, ElementsAre(HasSubstr("docker"), HasSubstr("default")));
}

TEST_F(HostChangesTest, ANeighbourOfAPlannedDeviceIsTheClusters) {
  for (HostPciDevice& device : after_.pci_devices) device.driver = "vfio-pci";
  EXPECT_THAT(Changes().of_the_clusters, ElementsAre(HasSubstr("0000:01:00.1"), HasSubstr("0000:02:00.0")));
  EXPECT_THAT(Changes().of_others, ElementsAre(HasSubstr("0000:03:00.0")));
}

TEST_F(HostChangesTest, ALibvirtThatWasRenewedIsNoneOfTheClusters) {
  after_.hypervisor = "QEMU 10, libvirt 11";
  EXPECT_THAT(Changes().of_the_clusters, IsEmpty());
  EXPECT_THAT(Changes().of_others, ElementsAre(HasSubstr("libvirt 11")));
}

TEST_F(HostChangesTest, TheBridgesOfTheClustersAreTheirs) {
  after_.interfaces = {"eth0", "veth1a2b", "virbr0", "virbr140", "virbr7", "vnet3"};
  running_.networks = Named<NetworkInventory>({"hpc-network"});
  running_.networks[0].bridge = "virbr7";
  EXPECT_THAT(Interfaces().of_the_clusters, ElementsAre(HasSubstr("virbr140"), HasSubstr("virbr7")));
  EXPECT_THAT(Interfaces().of_others, ElementsAre(HasSubstr("veth1a2b"), HasSubstr("vnet3")));
  after_.domains = Named<DomainInventory>({"hpc-compute-01"});
  EXPECT_THAT(Interfaces().of_others, ElementsAre(HasSubstr("veth1a2b"))) << "a tap of the node that is still there";
}

TEST_F(HostChangesTest, TheBridgeOfAnotherClusterIsToldWithThat) {
  plan_.clusters.push_back(plan_.clusters[0]);
  plan_.clusters[1].network_name = "cloud-network";
  plan_.clusters[1].bridge = "virbr141";
  after_.interfaces = {"virbr141"};
  EXPECT_THAT(Interfaces().of_the_clusters, IsEmpty());
  EXPECT_THAT(Interfaces().of_others, IsEmpty());
}

}  // namespace
}  // namespace passthrough
