#include "helpers/disruption/unplug_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const PciAddress kGpu = PciAddress::Parse("0000:01:00.0").value();
const PciAddress kAudio = PciAddress::Parse("0000:01:00.1").value();
const PciAddress kOtherGpu = PciAddress::Parse("0000:02:00.0").value();
const PciAddress kDisk = PciAddress::Parse("0000:03:00.0").value();

PlannedDevice Device(const PciAddress& address, DeviceType type) {
  PlannedDevice device;
  device.host_address = address;
  device.type = type;
  return device;
}

PlannedNode Node(const std::vector<PlannedDevice>& devices) {
  PlannedNode node;
  node.name = "node";
  node.devices = devices;
  return node;
}

const PlannedNode kNode = Node({Device(kGpu, DeviceType::kGpu), Device(kAudio, DeviceType::kAudio)});

HostPciDevice OnHost(const PciAddress& address, const std::string& driver, int group,
                     const std::vector<PciAddress>& members) {
  HostPciDevice device;
  device.address = address;
  device.driver = driver;
  device.iommu_group = group;
  device.iommu_group_members = members;
  return device;
}

Inventory Host(const std::string& gpu_driver, const std::string& audio_driver) {
  Inventory host;
  host.pci_devices = {OnHost(kGpu, gpu_driver, 1, {kGpu, kAudio}), OnHost(kAudio, audio_driver, 1, {kGpu, kAudio})};
  return host;
}

std::vector<PciAddress> OrderWith(const std::string& gpu_driver, const std::string& audio_driver) {
  const Inventory running = Host("vfio-pci", "vfio-pci");
  const Inventory before = Host(gpu_driver, audio_driver);
  const UnplugPlan plan = PlanUnplug(kNode, {.running = &running, .before = &before, .kernel = KernelVersion{5, 15}});
  EXPECT_EQ(plan.problem, "");
  return plan.groups.empty() ? std::vector<PciAddress>() : plan.groups.front().functions;
}

// Whatever goes to a driver of the host's must be the last of its group.
TEST(UnplugOrderTest, WhatGoesToADriverOfTheHostsGoesLast) {
  EXPECT_THAT(OrderWith("", "snd_hda_intel"), ElementsAre(kGpu, kAudio));
  EXPECT_THAT(OrderWith("vfio-pci", "snd_hda_intel"), ElementsAre(kGpu, kAudio));
  EXPECT_THAT(OrderWith("nouveau", ""), ElementsAre(kAudio, kGpu));
  EXPECT_THAT(OrderWith("nouveau", "vfio-pci"), ElementsAre(kAudio, kGpu));
  EXPECT_THAT(OrderWith("vfio-pci", "vfio-pci"), ElementsAre(kGpu, kAudio));
}

TEST(UnplugOrderTest, TwoDriversOfTheHostsAreRefusedOnKernelsThatWouldCrash) {
  const Inventory running = Host("vfio-pci", "vfio-pci");
  const Inventory before = Host("nouveau", "snd_hda_intel");
  UnplugHost host{.running = &running, .before = &before, .kernel = KernelVersion{5, 15}};
  EXPECT_THAT(PlanUnplug(kNode, host).problem,
              AllOf(HasSubstr("the host's kernel is 5.15"), HasSubstr("0000:01:00.0, 0000:01:00.1 are both"),
                    HasSubstr("had a driver of the host's before")));
  host.before = nullptr;  // --attach: nobody looked
  EXPECT_THAT(PlanUnplug(kNode, host).problem, HasSubstr("the host may have a driver for each"));
  host.kernel = KernelVersion{5, 19};
  EXPECT_EQ(PlanUnplug(kNode, host).problem, "");
  host.kernel = std::nullopt;  // another machine's
  EXPECT_EQ(PlanUnplug(kNode, host).problem, "");
  EXPECT_EQ(PlanUnplug(kNode, host).groups.size(), 1u);
}

TEST(UnplugOrderTest, GroupsAreTheHostsAndSlotsWhereItHasNone) {
  const PlannedNode node =
      Node({Device(kGpu, DeviceType::kGpu), Device(kAudio, DeviceType::kAudio), Device(kOtherGpu, DeviceType::kGpu)});
  const UnplugPlan by_slot = PlanUnplug(node, {});
  ASSERT_EQ(by_slot.groups.size(), 2u);
  EXPECT_THAT(by_slot.groups[0].functions, ElementsAre(kGpu, kAudio));
  EXPECT_TRUE(by_slot.groups[0].IsGpu(kGpu));
  EXPECT_FALSE(by_slot.groups[0].IsGpu(kAudio));
  EXPECT_THAT(by_slot.groups[1].functions, ElementsAre(kOtherGpu));

  Inventory one_group;
  const std::vector<PciAddress> all = {kGpu, kAudio, kOtherGpu};
  for (const PciAddress& address : all) one_group.pci_devices.push_back(OnHost(address, "vfio-pci", 1, all));
  const UnplugPlan together = PlanUnplug(node, {.running = &one_group, .before = nullptr, .kernel = {}});
  ASSERT_EQ(together.groups.size(), 1u);
  EXPECT_THAT(together.groups[0].functions, ElementsAre(kGpu, kAudio, kOtherGpu));
  EXPECT_TRUE(together.groups[0].IsGpu(kOtherGpu));
}

// Its guest may have mounted it.
TEST(UnplugOrderTest, AGroupWithAnotherKindOfDeviceIsNotUnplugged) {
  const PlannedNode node = Node({Device(kGpu, DeviceType::kGpu), Device(kDisk, DeviceType::kOther)});
  Inventory host;
  for (const PciAddress& address : {kGpu, kDisk}) {
    host.pci_devices.push_back(OnHost(address, "vfio-pci", 1, {kGpu, kDisk}));
  }
  EXPECT_THAT(PlanUnplug(node, {.running = &host, .before = nullptr, .kernel = {}}).problem,
              AllOf(HasSubstr("0000:03:00.0"), HasSubstr("is in the IOMMU group of GPU 0000:01:00.0")));
  EXPECT_THAT(PlanUnplug(Node({Device(kDisk, DeviceType::kOther)}), {}).groups, IsEmpty());
}

TEST(UnplugOrderTest, ReadsAKernelsRelease) {
  EXPECT_EQ(KernelVersion::Parse("6.1.0-18-amd64"), (KernelVersion{6, 1}));
  EXPECT_EQ(KernelVersion::Parse("5.19-rc1"), (KernelVersion{5, 19}));
  EXPECT_EQ(KernelVersion::Parse("six"), std::nullopt);
  EXPECT_EQ(KernelVersion::Parse("6"), std::nullopt);
  EXPECT_LT((KernelVersion{5, 15}), (KernelVersion{5, 19}));
  EXPECT_LT((KernelVersion{5, 19}), (KernelVersion{6, 1}));
  EXPECT_TRUE(KernelVersion::OfThisMachine());
}

}  // namespace
}  // namespace passthrough
