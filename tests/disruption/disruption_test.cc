#include "helpers/disruption/disruption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "helpers/base/files.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class DisruptionTest : public testing::Test {
 protected:
  DisruptionTest() { std::filesystem::create_directories(run_.Evidence() / "node"); }
  const TemporaryDirectory logs_{"disruption"};
  const RunDirectory run_ = RunDirectory::Create(logs_.path());
};

TEST_F(DisruptionTest, IsReadAsItWasWritten) {
  Disruption disruption;
  disruption.steps.push_back({.snapshot = AfterReboot(2),
                              .error = "it said \xff",  // not UTF-8: must not make the file unwritable
                              .console = "panic",
                              .seconds = 1.5,
                              .boot_id_before = "a",
                              .boot_id_after = "b"});
  WriteDisruption(run_, "node", disruption);
  const Disruption read = ReadDisruption(run_, "node");
  const DisruptionStep* step = read.Find("after-reboot-2");
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->console, "panic");
  EXPECT_EQ(step->boot_id_after, "b");
  EXPECT_THAT(step->error, testing::StartsWith("it said "));
  EXPECT_EQ(read.Find(kAfterRescan), nullptr);
}

TEST_F(DisruptionTest, WhatIsMissingOrBrokenIsAnErrorThatNamesTheFile) {
  EXPECT_THAT([&] { ReadDisruption(run_, "node"); },
              ThrowsMessage<EvidenceError>(AllOf(HasSubstr("node: "), HasSubstr("evidence/node/disruption.json"))));
  WriteFile(run_.Evidence() / "node" / "disruption.json", "{\"steps\": 7}");
  EXPECT_THROW(ReadDisruption(run_, "node"), EvidenceError);
}

// A node whose evidence of before is missing is not touched, and says so for each step.
TEST_F(DisruptionTest, ANodeOfWhichNothingIsKnownIsLeftAlone) {
  DisruptionTarget target;
  target.node = "node";
  target.domain = "domain";
  Disrupt(target, {.rescan = true, .unplug = true, .reboots = 2}, {}, run_);
  const Disruption read = ReadDisruption(run_, "node");
  ASSERT_EQ(read.steps.size(), 5u);
  for (const DisruptionStep& step : read.steps) EXPECT_THAT(step.error, HasSubstr("not tried"));
}

// Of whatever maker: an NVIDIA one, an AMD one with its audio function, and QEMU's own display.
TEST(GpusOfANodeTest, AreTheDisplaysOfThePlannedVendors) {
  const auto function = [](const std::string& address, const std::string& vendor, const std::string& code) {
    return "function: " + address + "\nvendor: " + vendor + "\ndevice: 0x0001\nsubsystem_vendor: 0x0000\n" +
           "subsystem_device: 0x0000\nclass: " + code + "\nrevision: 0x00\n";
  };
  const PciEvidence pci = PciEvidence::Parse(
      function("0000:00:01.0", "0x1234", "0x030000") + function("0000:01:00.0", "0x10de", "0x030200") +
          function("0000:02:00.0", "0x1002", "0x030000") + function("0000:02:00.1", "0x1002", "0x040300") +
          function("0000:03:00.0", "0x1002", "0x120000") + "end: pci\n",
      "pci.txt");
  const PciAddress nvidia = PciAddress::Parse("0000:01:00.0").value();
  const PciAddress amd = PciAddress::Parse("0000:02:00.0").value();
  const PciAddress accelerator = PciAddress::Parse("0000:03:00.0").value();
  EXPECT_THAT(DisplaysOf(pci, {0x1002}), ElementsAre(amd, accelerator));
  EXPECT_THAT(DisplaysOf(pci, {0x10de, 0x1002, 0x1002}), ElementsAre(nvidia, amd, accelerator));
}

TEST(GpusOfANodeTest, AVendorThatTheClusterFileDoesNotNameIsTheHosts) {
  const PciAddress first = PciAddress::Parse("0000:41:00.0").value();
  const PciAddress second = PciAddress::Parse("0000:42:00.0").value();
  PlannedNode node;
  node.devices = {{.host_address = first,
                   .type = DeviceType::kGpu,
                   .vendor_id = 0x10de,
                   .device_id = {},
                   .iommu_group = {},
                   .where = {}},
                  {.host_address = second,
                   .type = DeviceType::kGpu,
                   .vendor_id = {},
                   .device_id = {},
                   .iommu_group = {},
                   .where = {}}};
  Inventory host;
  for (const PciAddress& address : {first, second}) {
    host.pci_devices.emplace_back();
    host.pci_devices.back().address = address;
    host.pci_devices.back().vendor_id = 0x1002;
  }
  EXPECT_THAT(VendorsOfGpus(node, host), ElementsAre(0x10de, 0x1002));
  EXPECT_THAT(VendorsOfGpus(node, Inventory()), ElementsAre(0x10de, 0x10de)) << "as the checks have it";
}

TEST(ProblemOfMachineTest, OnlyTheDomainItselfIsDisturbed) {
  const std::string uuid = "dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566";
  EXPECT_EQ(ProblemOfMachine(uuid + "\n", "d", uuid), "");
  EXPECT_EQ(ProblemOfMachine("DFE224CB-28FB-8DD0-C4B2-64EB3F0F4566\n", "d", uuid), "");
  EXPECT_THAT(ProblemOfMachine("", "d", uuid), HasSubstr("not known whether this is domain d"));
  EXPECT_THAT(ProblemOfMachine("0fe224cb-28fb-8dd0-c4b2-64eb3f0f4566\n", "d", uuid),
              AllOf(HasSubstr("UUID 0fe224cb"), HasSubstr("domain d has UUID " + uuid)));
}

}  // namespace
}  // namespace passthrough
