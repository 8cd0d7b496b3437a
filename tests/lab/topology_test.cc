// Which QEMU arguments a plan's addresses become. That QEMU and Linux agree is in lab_machine_test.
#include "lab/host/topology.h"

#include <gmock/gmock.h>

#include <string>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "lab/host/machine.h"
#include "tests/lab/plans.h"

namespace passthrough {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;
using testing::ThrowsMessage;

std::vector<std::string> FunctionsOf(const Plan& plan) {
  std::vector<std::string> result;
  for (const LabFunction& function : LabFunctions(plan)) {
    result.push_back(function.address.ToString() + (function.filler ? " filler" : ""));
  }
  return result;
}

TEST(LabTopology, PutsTheMinimalFileBehindOneRootPort) {
  const LabTopology topology =
      MakeLabTopology(PlanOf({{"0000:01:00.0", DeviceType::kGpu}, {"0000:01:00.1", DeviceType::kAudio}}));
  EXPECT_THAT(topology.arguments,
              ElementsAre("-device", "pcie-root-port,id=bus01,bus=pcie.0,addr=1.0,chassis=1,slot=1,hotplug=off",
                          "-device", "bochs-display,romfile=,bus=bus01,addr=0.0,multifunction=on", "-device",
                          "ich9-intel-hda,bus=bus01,addr=0.1"));
  EXPECT_EQ(topology.disk_address, "2.0");
  EXPECT_EQ(topology.network_address, "3.0");
  EXPECT_EQ(topology.entropy_address, "4.0");
}

// Whose a GPU is, is nothing of the lab host's: its node shows the planned ids (helpers/deployer/domain_xml.h).
TEST(LabTopology, MakesGpusOfAllMakersAlike) {
  Plan plan = PlanOf({{"0000:01:00.0", DeviceType::kGpu}, {"0000:02:00.0", DeviceType::kGpu}});
  const LabTopology of_nobody = MakeLabTopology(plan);
  plan.nodes[0].devices[0].vendor_id = 0x1002;
  plan.nodes[0].devices[0].device_id = 0x744c;
  plan.nodes[0].devices[1].vendor_id = 0x10de;
  EXPECT_EQ(MakeLabTopology(plan).arguments, of_nobody.arguments);
  EXPECT_THAT(of_nobody.arguments, Contains("bochs-display,romfile=,bus=bus02,addr=0.0"));
}

// An NVMe disk cannot be saved with the lab; whoever asks for virtio's ids gets a disk that can.
TEST(LabTopology, MakesADiskOfItsOwnForEachStorageDevice) {
  Plan plan = PlanOf({{"0000:01:00.0", DeviceType::kStorage}, {"0000:02:00.0", DeviceType::kStorage}});
  plan.nodes[0].devices[1].vendor_id = 0x1af4;
  plan.nodes[0].devices[1].device_id = 0x1042;
  EXPECT_THAT(MakeLabTopology(plan).arguments,
              IsSupersetOf({"file=disk-0000-01-00-0.raw,format=raw,if=none,id=storage1",
                            "nvme,serial=lab1,drive=storage1,bus=bus01,addr=0.0",
                            "file=disk-0000-02-00-0.raw,format=raw,if=none,id=storage2",
                            "virtio-blk-pci,disable-legacy=on,iommu_platform=on,serial=lab2,drive=storage2,bus=bus02,"
                            "addr=0.0"}));
  plan.nodes[0].devices[1].host_address = *PciAddress::Parse("0000:00:02.0");
  EXPECT_THAT([&] { MakeLabTopology(plan); }, ThrowsMessage<Error>(HasSubstr("the lab host's own is on bus 00")));
}

// Virtio cards are on one segment, and each has an address of its own; any other has a hub for itself.
TEST(LabTopology, PutsVirtioCardsOnOneSegment) {
  Plan plan = PlanOf({{"0000:01:00.0", DeviceType::kNetwork},
                      {"0000:02:00.0", DeviceType::kNetwork},
                      {"0000:03:00.0", DeviceType::kNetwork}});
  for (PlannedDevice* const device : {&plan.nodes[0].devices[1], &plan.nodes[0].devices[2]}) {
    device->vendor_id = 0x1af4;
    device->device_id = 0x1041;
  }
  EXPECT_THAT(MakeLabTopology(plan).arguments,
              IsSupersetOf({"hubport,id=peer1,hubid=1", "e1000e,romfile=,netdev=peer1,bus=bus01,addr=0.0",
                            "hubport,id=card1,hubid=0", "hubport,id=card2,hubid=0",
                            "virtio-net-pci,disable-legacy=on,iommu_platform=on,romfile=,speed=10000,duplex=full,"
                            "mac=52:54:01:02:00:00,netdev=card1,bus=bus02,addr=0.0",
                            "virtio-net-pci,disable-legacy=on,iommu_platform=on,romfile=,speed=10000,duplex=full,"
                            "mac=52:54:01:03:00:00,netdev=card2,bus=bus03,addr=0.0"}));
}

// The host's settings know its own card by its address, which no card that is passed through has.
TEST(LabTopology, TheHostsOwnCardIsKnownByItsAddress) {
  const auto arguments = InstanceArguments({}, MakeLabTopology(PlanOf({})));
  const std::string settings = ReadFile(std::filesystem::path(PASSTHROUGH_SOURCE_DIR) /
                                        "lab/images/host/files/etc/systemd/network/10-outside.network");
  constexpr char kKey[] = "MACAddress=";
  const std::string mac = settings.substr(settings.find(kKey) + sizeof kKey - 1, 17);
  EXPECT_THAT(arguments, Contains(HasSubstr("virtio-net-pci,netdev=net,mac=" + mac)));
  EXPECT_THAT(LabMacAddress(*PciAddress::Parse("0000:ff:1f.7")), Not(StartsWith(mac.substr(0, 8))));
}

TEST(LabTopology, NeedsNothingForNoDevice) {
  const LabTopology topology = MakeLabTopology(PlanOf({}));
  EXPECT_THAT(topology.arguments, IsEmpty());
  EXPECT_EQ(topology.disk_address, "1.0");
}

TEST(LabTopology, GivesAFarBusAnExpanderAndAFunctionZero) {
  const Plan plan = PlanOf({{"0000:65:00.2", DeviceType::kGpu}, {"0000:65:00.3", DeviceType::kAudio}});
  EXPECT_THAT(FunctionsOf(plan), ElementsAre("0000:65:00.0 filler", "0000:65:00.2", "0000:65:00.3"));
  const LabTopology topology = MakeLabTopology(plan);
  EXPECT_THAT(topology.arguments, Contains("pxb-pcie,id=expander64,bus_nr=100,bus=pcie.0,addr=1.0"));
  EXPECT_THAT(topology.arguments,
              Contains("pcie-root-port,id=bus65,bus=expander64,addr=0.0,chassis=1,slot=1,hotplug=off"));
  EXPECT_THAT(topology.arguments,
              Contains("ivshmem-plain,memdev=shared1,master=on,bus=bus65,addr=0.0,multifunction=on"));
  EXPECT_THAT(topology.arguments, Contains("bochs-display,romfile=,bus=bus65,addr=0.2"));
}

TEST(LabTopology, PutsNeighbouringBusesSideBySide) {
  const LabTopology topology = MakeLabTopology(PlanOf(
      {{"0000:02:00.0", DeviceType::kGpu}, {"0000:03:00.0", DeviceType::kGpu}, {"0000:05:00.0", DeviceType::kGpu}}));
  EXPECT_THAT(topology.arguments, Contains("pxb-pcie,id=expander01,bus_nr=1,bus=pcie.0,addr=1.0"));
  EXPECT_THAT(topology.arguments,
              Contains("pcie-root-port,id=bus03,bus=expander01,addr=1.0,chassis=2,slot=2,hotplug=off"));
  EXPECT_THAT(topology.arguments, Contains("pxb-pcie,id=expander04,bus_nr=4,bus=pcie.0,addr=2.0"));
}

TEST(LabTopology, MakesOtherDeviceNumbersVisible) {
  const Plan plan = PlanOf({{"0000:80:03.1", DeviceType::kAudio}, {"0000:80:1f.0", DeviceType::kStorage}});
  EXPECT_THAT(FunctionsOf(plan),
              ElementsAre("0000:80:00.0 filler", "0000:80:03.0 filler", "0000:80:03.1", "0000:80:1f.0"));
  const LabTopology topology = MakeLabTopology(plan);
  EXPECT_THAT(topology.arguments, Contains("ivshmem-plain,memdev=shared1,master=on,bus=bus80,addr=0.0"));
  EXPECT_THAT(topology.arguments, Contains("nvme,serial=lab1,drive=storage1,bus=bus80,addr=1f.0"));
}

TEST(LabTopology, KeepsClearOfPlannedPlacesOnBusZero) {
  const LabTopology topology = MakeLabTopology(PlanOf({{"0000:00:01.0", DeviceType::kGpu},
                                                       {"0000:00:03.2", DeviceType::kNetwork},
                                                       {"0000:01:00.0", DeviceType::kOther}}));
  EXPECT_THAT(topology.arguments, Contains("bochs-display,romfile=,bus=pcie.0,addr=1.0"));
  EXPECT_THAT(topology.arguments, Contains("e1000e,romfile=,netdev=peer1,bus=pcie.0,addr=3.2"));
  EXPECT_THAT(topology.arguments, Contains("pcie-root-port,id=bus01,bus=pcie.0,addr=2.0,chassis=1,slot=1,hotplug=off"));
  EXPECT_EQ(topology.disk_address, "4.0");
}

TEST(LabTopology, LetsNodesThatNeverRunTogetherShareAnAddress) {
  Plan plan = PlanOf({{"0000:01:00.0", DeviceType::kGpu}});
  plan.nodes.push_back(plan.nodes[0]);
  EXPECT_THAT(FunctionsOf(plan), ElementsAre("0000:01:00.0"));
}

TEST(LabTopology, RefusesWhatItCannotEmulate) {
  const auto make = [](const char* address) {
    return [address] { MakeLabTopology(PlanOf({{address, DeviceType::kGpu}})); };
  };
  EXPECT_THAT(make("0001:01:00.0"), ThrowsMessage<Error>(HasSubstr("PCI domain 0000 only")));
  EXPECT_THAT(make("0000:00:1f.2"), ThrowsMessage<Error>(HasSubstr("chipset")));
  EXPECT_THAT(make("0000:00:00.1"), ThrowsMessage<Error>(StartsWith("cluster.yaml:7:9: ")));

  Plan plan = PlanOf({{"0000:01:00.0", DeviceType::kGpu}});
  plan.nodes.push_back(PlanOf({{"0000:01:00.0", DeviceType::kAudio}}).nodes[0]);
  EXPECT_THAT([&] { MakeLabTopology(plan); },
              ThrowsMessage<Error>(HasSubstr("type audio here and of type gpu in another node")));
}

TEST(LabTopology, RefusesMoreBusesThanBusZeroHasPlaces) {
  Plan plan = PlanOf({});
  for (int bus = 2; bus < 100; bus += 2) {
    const Plan more = PlanOf({{PciAddress{0, static_cast<uint8_t>(bus), 0, 0}.ToString(), DeviceType::kGpu}});
    plan.nodes.push_back(more.nodes[0]);
  }
  EXPECT_THAT([&] { MakeLabTopology(plan); }, ThrowsMessage<Error>(HasSubstr("no free place")));
}

}  // namespace
}  // namespace passthrough
